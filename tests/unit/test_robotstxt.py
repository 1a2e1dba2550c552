"""robots.txt as RFC 9309 has it, and as it is written all the same."""

from __future__ import annotations

import pytest

from preserve.rules.robots import Answer

AGENT = "preserve/1.0 (+https://library.example/archiving)"


@pytest.mark.parametrize(
    ("rules", "path", "may"),
    [
        ("Disallow: /private", "/privately", False),
        ("Disallow: /private/", "/private", True),
        ("Disallow:", "/a", True),
        ("Disallow: /\nAllow: /a", "/ab", True),
        ("Disallow: /ab\nAllow: /a", "/ab", False),
        ("Disallow: /a\nAllow: /a", "/a", True),
        ("Allow: /a\nDisallow: /a", "/a", True),
        ("Disallow: /*.gif$", "/x/y.gif", False),
        ("Disallow: /*.gif$", "/x/y.gif?size=1", True),
        ("Disallow: /*.gif", "/x/y.gif?size=1", False),
        ("Disallow: /a$", "/a", False),
        ("Disallow: /a$", "/ab", True),
        ("Disallow: /a$b", "/a$bc", False),
        ("Disallow: /price$", "/price$", False),
        ("Disallow: /path/file-with-a-%2A.html", "/path/file-with-a-*.html", False),
        ("Disallow: /a*b*c", "/a-c-b", True),
        ("Disallow: /a*b*c", "/a-b-b-c-", False),
        ("Disallow: /*/*/*****/x", "/1/2/3/x", False),
        ("Disallow: /foo/bar?baz=quz", "/foo/bar?baz=quz", False),
        ("Disallow: /foo/bar/\u30c4", "/foo/bar/%E3%83%84", False),
        ("Disallow: /foo/bar/%E3%83%84", "/foo/bar/%e3%83%84", False),
        ("Disallow: /foo/bar/%62%61%7A", "/foo/bar/baz", False),
        ("Disallow: /a%2Fb", "/a/b", True),
        ("Disallow: /%FF", "/%ff", False),
        ("Disallow: /\nAllow: /*.css", "/a.css", True),
        ("Disallow: /*a\nAllow: /**", "/ba", True),
        ("Disallow: /\nAllow: /index.html", "/", True),
        ("Disallow: /", "/robots.txt?x", True),
        ("Disallow: a", "/a", True),
        ("Crawl-delay: 9\nDisallow: /a # not for us", "/a", False),
    ],
)
def test_the_longest_rule_that_fits_decides(rules: str, path: str, may: bool) -> None:
    assert Answer(200, f"User-agent: *\n{rules}\n").allows(f"https://a.example{path}", AGENT) is may


@pytest.mark.parametrize(
    ("text", "may"),
    [
        ("User-agent: *\nDisallow: /\nUser-agent: preserve\nDisallow: /b", True),
        ("User-agent: preserve\nDisallow: /b\n\nUser-agent: *\nDisallow: /", True),
        ("User-agent: preserve\nUser-agent: other\nDisallow: /a", False),
        ("User-agent: other\nUser-agent: preserve\n\nDisallow: /a", False),
        ("User-agent: preserve\nDisallow: /b\nUser-agent: other\nDisallow: /c\nUser-agent: PRESERVE\nDisallow: /a", False),
        ("User-agent: serve\nDisallow: /a", True),
        ("User-agent: preserve*\nDisallow: /a", False),
        ("User-agent: preserve\nSitemap: https://a.example/\nUser-agent: other\nDisallow: /a", False),
        ("User-agent: preserve\nCrawl-delay: 1\nUser-agent: other\nDisallow: /a", True),
        ("User-agent: preserve\nDisallow: /b\nUser-agent:\nDisallow: /a", True),
        ("Disallow: /a\nUser-agent: *\nDisallow: /b", True),
        ("\ufeffUser-agent: *\nDisallow: /a", False),
        ("user agent preserve\ndisalow /a", False),
        ("<html><body>User-agent: *\nDisallow: /a</body></html>", True),
        ("", True),
    ],
)
def test_the_rules_are_those_of_all_groups_with_the_name_that_fits_best(text: str, may: bool) -> None:
    assert Answer(200, text).allows("https://a.example/a", AGENT) is may


@pytest.mark.parametrize(("status", "may"), [(200, False), (204, False), (404, True), (301, True), (500, False), (None, False)])
def test_what_no_robots_txt_means(status: int | None, may: bool) -> None:
    answer = Answer(status, "User-agent: *\nDisallow: /a")
    assert answer.allows("https://a.example/a", AGENT) is may
    assert Answer.load(answer.dump()).allows("https://a.example/a", AGENT) is may
    assert (not answer.refusal("https://a.example/a", AGENT)) is may


def test_one_answer_is_read_for_each_who_asks() -> None:
    answer = Answer(200, "User-agent: other\nDisallow: /")
    address = "https://a.example:8443/a?b"
    assert [answer.allows(address, agent) for agent in (AGENT, "other/2", AGENT)] == [True, False, True]
