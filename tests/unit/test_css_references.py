"""What a style sheet refers to, and what only looks like it."""

from __future__ import annotations

import pytest

from preserve.formats.css import references


@pytest.mark.parametrize(
    ("sheet", "found"),
    [
        ("a{background:url(b.png)}", ["b.png"]),
        ("a{background:URL( 'b.png' ), url(\"c.png\")}", ["b.png", "c.png"]),
        ("@import \"a.css\"; @import url(b.css) screen; @import/* x */'c.css' layer(x);", ["a.css", "b.css", "c.css"]),
        ('@font-face{src:local("f"),url(f.woff2) format("woff2")}', ["f.woff2"]),
        ('a{background:image-set("a.png" 1x type("image/png"), url(b.png) 2x)}', ["a.png", "b.png"]),
        ("a{background:-webkit-image-set(url(a.png) 1x)}", ["a.png"]),
        (r'a{background:url("d\"e.png");b:url(j\28 k.png);c:url(l\).png)}', ['d"e.png', "j(k.png", "l).png"]),
        ("/* url(a.png) */ a{content:'url(b.png)'}", []),
        ("@namespace svg url(http://www.w3.org/2000/svg); a{b:url(c.png)}", ["c.png"]),
        ('a{b:url(bad"x.png);c:url(good.png)}', ["good.png"]),
        ("a{b:url()} c{d:url( )}", []),
        ("a{b:url(last.png", ["last.png"]),
        (r"a{b:url(\0.png);c:url(\110000.png)}", ["\ufffd.png", "\ufffd.png"]),
        ("a{my-url(x.png)}", []),
    ],
)
def test_references(sheet: str, found: list[str]) -> None:
    assert list(references(sheet)) == found


@pytest.mark.parametrize(
    "hostile",
    [
        "url(",
        'url("',
        "/*",
        "\\",
        "@import ",
        "@import/*",
        "image-set(",
        'image-set("',
        '"\n',
        "url(" + " " * 50,
        "@namespace a",
    ],
)
def test_a_hostile_sheet_takes_no_longer_than_another(hostile: str) -> None:
    # Quadratic time would be minutes here; the suite's own patience is the limit.
    list(references("url(" + hostile * (2_000_000 // len(hostile))))
