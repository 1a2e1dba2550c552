"""The pages on schedules show what the program reads and writes."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from pathlib import Path, PurePath

from preserve import config
from preserve.adapters.notify.webhook import signed
from preserve.formats import digest as digest_format
from preserve.formats import schedules, strictjson
from preserve.model.digest import ToCommand, ToMail, ToWebhook
from running import ROOT

_FORMAT = (ROOT / "docs" / "formats" / "schedules.md").read_text(encoding="utf-8")
_GUIDE = (ROOT / "docs" / "guide" / "schedules.md").read_text(encoding="utf-8")


def _block(page: str, language: str, number: int = 0) -> str:
    found = re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    return str(found[number])


def test_the_example_is_read() -> None:
    bridge, ferry = schedules.parse(_block(_FORMAT, "toml")).schedules
    assert (bridge.id, bridge.options) == ("bridge", (("concurrency", 8), ("no-requisites", True)))
    assert schedules.parse(schedules.encode(ferry)).schedules[0].notify == ("desk",)


def test_every_member_is_described_and_no_other() -> None:
    described = set(re.findall(r"`([a-z_.\[\]]+)`", " ".join(re.findall(r"^\| (`.+?) \|", _FORMAT, re.MULTILINE))))
    assert described - {"[schedule.options]"} | {"options"} == schedules.MEMBERS


def test_the_digest_is_spelt_as_shown() -> None:
    shown = _block(_FORMAT, "json").strip().encode()
    said = json.loads(shown)
    assert strictjson.encode_line(said) == shown
    event = digest_format.decode_event(strictjson.encode_line(said["events"][0]))
    assert event.cited_by == (("bridge.pdf", "footnote 13"),)


def test_the_check_of_a_signature_runs_as_it_stands(tmp_path: Path) -> None:
    body, secret = b'{"type":"preserve-digest"}\n', b"sixteen bytes at least"
    fields = signed(body, id_="msg_1", at=1_800_000_000, secret=secret)
    (tmp_path / "body").write_bytes(body)
    done = subprocess.run(
        ["/bin/sh", "-c", _block(_FORMAT, "sh")],
        cwd=tmp_path,
        env={"ID": "msg_1", "AT": "1800000000", "SECRET": secret.decode(), "PATH": "/usr/bin:/bin:/usr/local/bin"},
        capture_output=True,
        check=True,
    )
    assert fields["webhook-signature"] == f"v1,{done.stdout.decode().strip()}"
    assert len(base64.b64decode(done.stdout)) == 32


def test_the_receivers_of_the_guide_are_read() -> None:
    found = config.parse(_block(_GUIDE, "toml"), "config.toml", PurePath("/home/ada")).receivers
    assert [type(receiver) for receiver in found] == [ToCommand, ToWebhook, ToMail]
