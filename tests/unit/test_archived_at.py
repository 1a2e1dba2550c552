"""Strings that say where a capture is archived, held against the forms of the manuals."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from preserve.rules.archived_at import ArchivedAt, archived_at

SEAL = "ab" * 32
URL = "https://www.example.org/dictionary/ferry"
WHEN = datetime(2021, 1, 2, 0, 41, 46, 999_000, tzinfo=UTC)


def strings(url: str = URL, prefix: str | None = "https://web.example/web/", label: str | None = None) -> ArchivedAt:
    return archived_at(url=url, captured=WHEN, archive="example/0123", seal_sha256=SEAL, prefix=prefix, label=label)


def test_served_under_an_address() -> None:
    found = strings()
    served = f"https://web.example/web/20210102004146/{URL}"
    assert (found.location, found.is_address) == (served, True)
    assert found.bluebook == f"{URL} [{served}]"
    assert found.oscola == f"<{URL}> accessed 2 January 2021, archived at <{served}>"
    assert found.chicago == f"{URL}, archived January 2, 2021, at example/0123, {served}."


def test_served_nowhere_the_seal_names_it() -> None:
    found = strings(prefix=None)
    name = f"example/0123, SEAL sha256:{SEAL}"
    assert (found.location, found.is_address) == (name, False)
    assert found.bluebook == f"{URL} [archived January 2, 2021, {name}]"
    assert found.oscola == f"<{URL}> accessed 2 January 2021, archived at {name}"
    assert found.chicago == f"{URL}, archived January 2, 2021, at {name}."


class _Anchor(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_robust_link_has_the_three_attributes() -> None:
    found = _Anchor(strings(label="Ferry, a definition").robust_link)
    assert found.tags == [
        (
            "a",
            {
                "href": URL,
                "data-originalurl": URL,
                "data-versionurl": f"https://web.example/web/20210102004146/{URL}",
                "data-versiondate": "2021-01-02",
            },
        )
    ]
    assert found.text == "Ferry, a definition"


def test_without_an_address_of_the_copy_none_is_given() -> None:
    assert "data-versionurl" not in strings(prefix=None).robust_link


@pytest.mark.parametrize("label", ['"><script>alert(1)</script>', "a\u202eb\x1b[31m", "<b>&amp;</b>"])
def test_a_label_is_text(label: str) -> None:
    found = _Anchor(strings(label=label).robust_link)
    assert [tag for tag, _ in found.tags] == ["a"]
    assert "\u202e" not in found.text
    assert "\x1b" not in found.text


def test_an_address_cannot_leave_its_attribute() -> None:
    found = _Anchor(strings('https://e.example/"onclick="x&<y>').robust_link)
    ((_, attributes),) = found.tags
    assert set(attributes) == {"href", "data-originalurl", "data-versionurl", "data-versiondate"}


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "data:text/html,x", "not an address"])
def test_what_is_no_web_address_is_no_link(url: str) -> None:
    found = strings(url)
    assert "<a" not in found.robust_link
    assert not found.is_address


def test_an_address_stands_as_it_was_cited() -> None:
    assert strings("http://example.org/page#part", prefix=None).bluebook.startswith("http://example.org/page#part [")
    assert strings("example.org/page", prefix=None).bluebook.startswith("https://example.org/page [")
    assert strings("http://example.org/page#part").location.endswith("/http://example.org/page")
