"""Addresses as they are cited and as they go on the wire; index keys as published."""

from __future__ import annotations

import pytest

from preserve.formats.url import BadUrl, Url, join, parse, surt


def _parsed(text: str) -> Url:
    url = parse(text)
    assert isinstance(url, Url), url
    return url


@pytest.mark.parametrize(
    ("text", "address", "host", "target"),
    [
        ("https://example.org", "https://example.org/", "example.org:443", b"/"),
        ("HTTP://EXAMPLE.org:80/A?b#c", "http://example.org/A?b", "example.org:80", b"/A?b"),
        ("example.org/a", "https://example.org/a", "example.org:443", b"/a"),
        ("//example.org/a", "https://example.org/a", "example.org:443", b"/a"),
        ("example.org:8080/a", "https://example.org:8080/a", "example.org:8080", b"/a"),
        ("localhost:8080", "https://localhost:8080/", "localhost:8080", b"/"),
        ("  https://example.org/a\n", "https://example.org/a", "example.org:443", b"/a"),
        ("http://example.org/%7euser/%C3%A4?q=%2f+%20", "http://example.org/%7euser/%C3%A4?q=%2f+%20", "example.org:80", b"/%7euser/%C3%A4?q=%2f+%20"),
        ("http://example.org/ä?ü=ö", "http://example.org/%C3%A4?%C3%BC=%C3%B6", "example.org:80", b"/%C3%A4?%C3%BC=%C3%B6"),
        ("http://example.org?x", "http://example.org/?x", "example.org:80", b"/?x"),
        ("http://example.org/a/../b/./c", "http://example.org/b/c", "example.org:80", b"/b/c"),
        ("http://bücher.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example:80", b"/"),
        ("http://[2001:DB8::0:1]:8080/x", "http://[2001:db8::1]:8080/x", "[2001:db8::1]:8080", b"/x"),
        ("http://0x7f.1/", "http://127.0.0.1/", "127.0.0.1:80", b"/"),
        ("http://2130706433/", "http://127.0.0.1/", "127.0.0.1:80", b"/"),
        ("http://0177.0.0.1/", "http://127.0.0.1/", "127.0.0.1:80", b"/"),
        ("http://１２７.0.0.1/", "http://127.0.0.1/", "127.0.0.1:80", b"/"),
        ("http://example.org/?#a", "http://example.org/?", "example.org:80", b"/?"),
        ("http:///example.org/a", "http://example.org/a", "example.org:80", b"/a"),
        ("http://example.org./", "http://example.org./", "example.org:80", b"/"),
    ],
)  # fmt: skip
def test_what_goes_on_the_wire(text: str, address: str, host: str, target: bytes) -> None:
    url = _parsed(text)
    assert (url.address, url.host, url.target) == (address, host, target)


def test_the_host_header_names_the_port_only_where_it_must() -> None:
    assert _parsed("https://example.org:443/").authority == b"example.org"
    assert _parsed("https://example.org:80/").authority == b"example.org:80"
    assert _parsed("http://[::1]:81/").authority == b"[::1]:81"


def test_an_address_is_a_literal_and_a_name_is_not() -> None:
    assert _parsed("http://[::1]/").literal
    assert _parsed("http://017700000001/").literal
    assert not _parsed("http://one.example/").literal


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("http://example.org/a b", "a space in the address"),
        ("http://example.org/a\u00a0b", "a space in the address"),
        ("http://exam\nple.org/", "a space in the address"),
        ("http://example.org/\x1b[2J", "a control character"),
        ("javascript:alert(1)", "javascript: is not fetched"),
        ("file:///etc/passwd", "file: is not fetched"),
        ("mailto:a@example.org", "mailto: is not fetched"),
        ("tel:5551234", "tel: is not fetched"),
        ("data:text/html,x", "data: is not fetched"),
        ("https://", "no host"),
        ("https:///", "no host"),
        ("http://:80/", "no host"),
        ("http://user@example.org/", "a user name or a password"),
        ("http://user:word@example.org/", "a user name or a password"),
        ("http://example.org:99999/", "cannot be read"),
        ("http://example.org:0/", "port 0"),
        ("http://[::1/", "cannot be read"),
        ("http://256.256.256.256/", "cannot be read"),
        ("http://exa<mple.org/", "cannot be read"),
        ("http://\ud800.example/", "cannot be read"),
    ],
)
def test_what_cannot_be_asked_is_told_in_words(text: str, problem: str) -> None:
    found = parse(text)
    assert isinstance(found, BadUrl)
    assert problem in found.problem


@pytest.mark.parametrize(
    ("location", "address"),
    [
        (b"/b", "https://example.org/b"),
        (b"b?c#d", "https://example.org/dir/b?c"),
        (b"?c", "https://example.org/dir/a?c"),
        (b"#top", "https://example.org/dir/a?q"),
        (b"//other.example", "https://other.example/"),
        (b"  http://other.example/x ", "http://other.example/x"),
        (b"/\xc3\xa4/\xe4?\xff", "https://example.org/%C3%A4/%E4?%FF"),
        (b"/%e4", "https://example.org/%e4"),
        ("http://bücher.example/".encode(), "http://xn--bcher-kva.example/"),
        (b"/a b", "https://example.org/a%20b"),
        (b"http://0x7f000001/", "http://127.0.0.1/"),
    ],
)
def test_where_a_redirect_leads(location: bytes, address: str) -> None:
    url = join(_parsed("https://example.org/dir/a?q"), location)
    assert isinstance(url, Url)
    assert url.address == address


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        (b"", "empty"),
        (b" \t", "empty"),
        (b"javascript:alert(1)", "javascript:"),
        (b"JavaScript:alert(1)", "javascript:"),
        (b"file:///etc/passwd", "file:"),
        (b"http://[::1", "cannot be read"),
        (b"http://", "no host"),
        (b"//user@other.example/", "user name"),
        (b"/a\x00b", "control character"),
        (b"/a\r\nb", "control character"),
    ],
)
def test_a_location_that_leads_nowhere(location: bytes, problem: str) -> None:
    found = join(_parsed("https://example.org/"), location)
    assert isinstance(found, BadUrl)
    assert problem in found.problem


@pytest.mark.parametrize(
    ("address", "key"),
    [  # the first group: webarchive-commons, WaybackURLKeyMakerTest
        ("http://archive.org/", "org,archive)/"),
        ("http://archive.org/goo/", "org,archive)/goo"),
        ("http://archive.org/goo/?", "org,archive)/goo"),
        ("http://archive.org/goo/?b&a", "org,archive)/goo?a&b"),
        ("http://archive.org/goo/?a=2&b&a=1", "org,archive)/goo?a=1&a=2&b"),
        ("http://archive.org:/", "org,archive)/"),
        ("https://34.203.211.192/robots.txt", "192,211,203,34)/robots.txt"),
        ("https://[2600:1f18:200d:fb00:2b74:867c:ab0c:150a]/robots.txt", "2600:1f18:200d:fb00:2b74:867c:ab0c:150a)/robots.txt"),
        ("http://1kr.ua/newslist.html?tag=%E4%EE%F8%EA%EE%EB%FC%ED%EE%E5", "ua,1kr)/newslist.html?tag=%e4%ee%f8%ea%ee%eb%fc%ed%ee%e5"),
        ("http://www.aluroba.com/tags/%C3%CE%CA%C7%D1%E5%C7.htm", "com,aluroba)/tags/%c3%ce%ca%c7%d1%e5%c7.htm"),
        ("http://archive.org/index.php?PHPSESSID=0123456789abcdefghijklemopqrstuv&action=profile;u=4221", "org,archive)/index.php?action=profile;u=4221"),
        # ours
        ("https://www2.Example.org:443/A/B", "org,example)/a/b"),
        ("http://example.org:8080/a", "org,example:8080)/a"),
        ("http://example.org//", "org,example)/"),
        ("http://bücher.example/", "example,xn--bcher-kva)/"),
        ("urn:preserve:tls:https://example.org/", "urn:preserve:tls:https://example.org/"),
        ("dns:example.org", "dns:example.org"),
    ],
)  # fmt: skip
def test_index_keys(address: str, key: str) -> None:
    assert surt(address) == key


@pytest.mark.parametrize(
    ("spelled", "queue"),
    [
        ("http://EXAMPLE.org:8080/", "example.org"),
        ("http://example.org./", "example.org"),
        ("http://ex%61mple.org/", "example.org"),
        ("http://B\u00dcCHER.example./", "xn--bcher-kva.example"),
        ("http://2130706433/", "127.0.0.1"),
        ("http://0x7f.1./", "127.0.0.1"),
        ("http://[::ffff:127.0.0.1]/", "127.0.0.1"),
        ("http://[0:0:0:0:0:FFFF:7f00:1]:81/", "127.0.0.1"),
        ("http://[::ffff:10.0.0.0]/", "10.0.0.0"),
        ("http://[::ffff:1]/", "::ffff:1"),
        ("http://[0:0::1]/", "::1"),
    ],
)
def test_a_host_has_one_queue_however_it_is_spelled(spelled: str, queue: str) -> None:
    url = parse(spelled)
    assert isinstance(url, Url)
    assert url.queue == queue
