"""A whole capture of pages that lead inside, by every way and in every spelling: listeners that must see nothing, and see nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from running import Run
from sites import AnyHostSite, Handler, redirect, text

_V4 = (
    "127.0.0.1", "127.0.0.2", "127.1", "0x7f.1", "0x7f000001", "2130706433", "017700000001", "0.0.0.0", "0", "localhost", "127.0.0.1.",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:2]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]",
)  # fmt: skip
_V6 = ("[::1]", "[0:0::1]", "[::]")


@pytest.fixture
def places() -> Iterator[tuple[list[str], list[AnyHostSite]]]:
    """Addresses that lead to listeners on every loopback address of this machine, and the listeners."""
    with AnyHostSite(address="0.0.0.0") as four:
        listeners, found = [four], [f"{form}:{four.port}" for form in _V4]
        try:
            six = AnyHostSite(address="::1")
        except OSError:
            yield found, listeners
            return
        with six:
            yield found + [f"{form}:{six.port}" for form in _V6], [four, six]


def _html(body: str) -> Handler:
    return text(f"<!doctype html><title>A page</title>{body}", media_type="text/html")


def test_no_way_leads_inside(preserve: Run, site: AnyHostSite, places: tuple[list[str], list[AnyHostSite]]) -> None:
    forms, listeners = places
    ways: dict[str, Callable[[str], Handler]] = {
        "redirect": redirect,
        "refresh": lambda url: _html(f'<meta http-equiv="refresh" content="0; url={url}">'),
        "frames": lambda url: _html(f"<iframe src={url}a></iframe><frame src={url}b><object data={url}c></object><embed src={url}d>"),
        "images": lambda url: _html(f'<img src={url}e srcset="{url}f 2x"><base href={url}g><img src=h><video poster={url}i src={url}j>'),
        "links": lambda url: _html(f"<link rel=stylesheet href={url}k><link rel=icon href={url}l><script src={url}m></script>"),
        "styles": lambda url: _html(f"<style>@import '{url}n'; a {{ background: url({url}o) }}</style><p style='c: url({url}p)'>"),
        "sheet": lambda url: _html(f"<link rel=stylesheet href=/sheet-of?{url}><img src=/moved-to?{url}>"),
        "sheet-of": lambda url: text(f"@import url({url}q); @font-face {{ src: url({url}r) }}", media_type="text/css"),
        "moved-to": lambda url: redirect(url, "307 Temporary Redirect"),
    }  # fmt: skip
    asked = []
    for place in forms:
        for way, answer in ways.items():
            url = f"http://{place}/{way}/"
            query = f"/{way}-of?{url}" if way.endswith("-of") else f"/{way}?{place}"
            site.route(query, answer(url))
            if way not in {"sheet-of", "moved-to"}:
                asked.append(f"http://{way}.example{query}")
        for way in ("sheet-of", "moved-to"):
            site.route(f"/{way}?http://{place}/sheet/", ways[way](f"http://{place}/{way}/"))
        host = f"robots-{len(asked)}.example"
        site.route("/robots.txt", redirect(f"http://{place}/robots.txt"), host=host)
        asked += [f"http://{place}/", f"http://{host}/page"]
    done = preserve(
        "capture", "--connect-to", site.connect_to, "--delay", "0", "--per-host", "20", "--no-probe", "--json", "--url-list", "-",
        stdin="".join(f"{url}\n" for url in asked),
    )  # fmt: skip
    assert [listener.connections for listener in listeners] == [0] * len(listeners)
    lines = (Path(done.lines[-1]["manifest"]).parent / "data/captures.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    cited = {line["url"]: line for line in found if "cited_in" in line}
    direct = [
        line for url, line in cited.items() if ".example" not in url
    ]  # several forms spell one address, which is asked once
    assert {line["outcome"] for line in direct} == {"refused"}
    assert len(direct) > len(forms) // 2
    redirected = [line for url, line in cited.items() if url.startswith("http://redirect.example/")]
    assert len(redirected) == len(forms)
    assert {line["outcome"] for line in redirected} == {"refused"}
    refused = [line for line in found if "requisite_of" in line and line["outcome"] == "refused"]
    assert len(refused) > 10 * len(direct), "the pages did name those places"
    assert all("is not a public address" in line["reason"] for line in refused)
    shown = [line for url, line in cited.items() if url.startswith(("http://refresh.", "http://sheet.", "http://robots-"))]
    assert {line["outcome"] for line in shown} == {"captured"}
