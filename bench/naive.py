"""What one writes first: httpx for asking, warcio for writing. python bench/naive.py LIST OUT.warc.gz CONCURRENCY

It is here to be compared with. It keeps what httpx makes of a response, not what crossed the wire, and seals nothing.
"""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import httpx
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter


async def main(addresses: list[str], out: Path, concurrency: int) -> None:
    waiting = iter(addresses)
    limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
    with out.open("wb") as file:
        writer = WARCWriter(file, gzip=True)
        async with httpx.AsyncClient(limits=limits, timeout=60) as client:

            async def work() -> None:
                for address in waiting:
                    answer = await client.get(address)
                    fields = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in answer.headers.raw]
                    head = StatusAndHeaders(f"{answer.status_code} {answer.reason_phrase}", fields, protocol="HTTP/1.1")
                    body = io.BytesIO(answer.content)
                    writer.write_record(writer.create_warc_record(address, "response", payload=body, http_headers=head))

            await asyncio.gather(*(work() for _ in range(concurrency)))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]).read_text().split(), Path(sys.argv[2]), int(sys.argv[3])))
