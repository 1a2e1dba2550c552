"""The demonstration's site answers what its table says, over both schemes, and certifies every host that its documents cite."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import re
import socket
import ssl
import tomllib
from collections.abc import Iterator
from importlib import resources
from urllib.parse import urljoin, urlsplit

import pytest

from preserve.adapters.demosite import DemoSite

DEMO = resources.files("preserve.demo")


@pytest.fixture(scope="module")
def demo() -> Iterator[DemoSite]:
    with DemoSite() as site:
        yield site


def _get(site: DemoSite, url: str) -> tuple[int, http.client.HTTPMessage, bytes]:
    parts = urlsplit(url)
    port = site.https_port if parts.scheme == "https" else site.http_port
    stream = socket.create_connection(("127.0.0.1", port), timeout=10)
    if parts.scheme == "https":
        stream = ssl.create_default_context(cafile=str(site.ca_file)).wrap_socket(stream, server_hostname=parts.netloc)
    connection = http.client.HTTPConnection(parts.netloc)
    connection.sock = stream
    with contextlib.closing(connection):
        connection.request("GET", parts.path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def _follow(site: DemoSite, url: str) -> tuple[list[str], int, http.client.HTTPMessage, bytes]:
    hops = [url]
    while True:
        status, fields, body = _get(site, hops[-1])
        if "Location" not in fields:
            return hops, status, fields, body
        hops.append(urljoin(hops[-1], fields["Location"]))
        assert len(hops) < 5


def test_every_answer_is_given(demo: DemoSite) -> None:
    for entry in tomllib.loads((DEMO / "site.toml").read_text())["answer"]:
        status, fields, body = _get(demo, entry["url"])
        assert status == entry.get("status", 302 if "location" in entry else 200), entry["url"]
        assert fields.get("Location") == entry.get("location")
        assert (fields.get("Transfer-Encoding") == "chunked") == entry.get("chunked", False)
        if "file" in entry:
            plain = gzip.decompress(body) if fields.get("Content-Encoding") == "gzip" else body
            assert plain == (DEMO / "site" / entry["file"]).read_bytes()


def test_no_body_lies_unused() -> None:
    table = tomllib.loads((DEMO / "site.toml").read_text())
    served = {entry["file"] for entry in table["answer"] if "file" in entry} | {table["missing"]}
    assert {file.name for file in (DEMO / "site").iterdir()} == served


def test_pages_find_what_they_show(demo: DemoSite) -> None:
    for entry in tomllib.loads((DEMO / "site.toml").read_text())["answer"]:
        if entry.get("type", "").startswith("text/html"):
            page = (DEMO / "site" / entry["file"]).read_text(encoding="utf-8")
            for reference in re.findall(r'(?:src|href)="([^"]+)"', page):
                assert _get(demo, urljoin(entry["url"], reference))[0] == 200, reference


@pytest.mark.parametrize("document", ["ferry.txt", "bridge.md"])
def test_what_the_documents_cite_is_there_or_gone_on_purpose(demo: DemoSite, document: str) -> None:
    text = re.sub(r"(?<=[./])\n +", "", (DEMO / document).read_text(encoding="utf-8"))
    cited = {
        re.sub(r"^www", "https://www", found).rstrip(".;,>") for found in re.findall(r"(?:https?://|(?<!/)www\.)[^\s>]+", text)
    }
    cited |= {f"https://doi.org/{found}" for found in re.findall(r"doi:(\S+)", text)}
    cited = {url.removesuffix(")") if "(" not in url else url for url in cited}
    assert len(cited) >= 3
    assert {url for url in cited if _follow(demo, url)[1] != 200} == (
        {"http://ferrymuseum.example/timetable/1968"} if document == "ferry.txt" else set()
    )


def test_a_redirect_crosses_to_another_host(demo: DemoSite) -> None:
    hops, status, _, _ = _follow(demo, "https://doi.org/10.5555/inland.1931.07")
    assert [urlsplit(hop).netloc for hop in hops] == ["doi.org", "journal.inland-navigation.example"]
    assert status == 200


def test_http_leads_to_https_and_unknown_paths_are_missing(demo: DemoSite) -> None:
    hops, status, fields, body = _follow(demo, "http://records.eastbank.example/nothing")
    assert hops[1] == "https://records.eastbank.example/nothing"
    assert (status, fields["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert body == (DEMO / "site" / "missing.html").read_bytes()


def test_nothing_of_it_stays() -> None:
    site = DemoSite()
    folder = site.ca_file.parent
    assert [file.name for file in folder.iterdir()] == ["demo-ca.pem"], "no key stays on disk"
    site.close()
    assert not folder.exists()
    with pytest.raises(ConnectionError):
        socket.create_connection(("127.0.0.1", site.https_port), timeout=5)


def test_a_client_that_refuses_the_certificate_disturbs_nobody(demo: DemoSite, capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_connection(("127.0.0.1", demo.https_port), timeout=10) as silent:
        with socket.create_connection(("127.0.0.1", demo.https_port), timeout=10) as plain, pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(plain, server_hostname="www.ferrymuseum.example")
        assert _get(demo, "https://www.ferrymuseum.example/visit")[0] == 200
        silent.shutdown(socket.SHUT_RDWR)
    assert capfd.readouterr() == ("", "")
