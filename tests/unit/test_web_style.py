"""The style sheet of the pages, held against what accessibility asks (WCAG 2.2): contrast in both schemes, focus, motion, print."""

from __future__ import annotations

import re

import pytest

from preserve.web.render import STYLE, asset

SHEET = asset(STYLE)
TEXT = 4.5
"""The contrast that text needs (1.4.3, AA)."""
SHAPE = 3.0
"""The contrast that controls and drawings need (1.4.11)."""


def block(start: str) -> dict[str, str]:
    at = SHEET.index(start)
    body = SHEET[SHEET.index("{", SHEET.index(":root", at)) + 1 : SHEET.index("}", SHEET.index(":root", at))]
    return dict(re.findall(r"--([a-z-]+):\s*(#[0-9a-f]{3,6})\b", body))


LIGHT = block(":root")
DARK = LIGHT | block("@media (prefers-color-scheme: dark)")


def luminance(color: str) -> float:
    digits = color.lstrip("#")
    digits = "".join(char * 2 for char in digits) if len(digits) == 3 else digits
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


PAIRS = [
    *(
        (ink, ground)
        for ink in ("ink", "quiet", "link", "good", "third", "doubt", "none", "bad")
        for ground in ("paper", "card")
    ),
    *((ink, f"{ink}-wash") for ink in ("good", "third", "doubt", "none", "bad")),
    *((ink, wash) for ink in ("ink", "link", "quiet") for wash in ("good-wash", "doubt-wash", "bad-wash", "none-wash", "mark")),
]


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_can_be_read(scheme: dict[str, str], ink: str, ground: str) -> None:
    assert contrast(scheme[ink], scheme[ground]) >= TEXT


def test_contrast_is_computed_as_the_standard_has_it() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#fff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_borders_of_controls_can_be_seen(scheme: dict[str, str]) -> None:
    assert "border: 1px solid var(--quiet)" in SHEET[SHEET.index(".filters input") :]
    assert contrast(scheme["quiet"], scheme["card"]) >= SHAPE
    assert contrast(scheme["link"], scheme["paper"]) >= SHAPE, "the ring around what has the focus"


def test_both_schemes_define_the_same_colours() -> None:
    dark = block("@media (prefers-color-scheme: dark)")
    assert set(dark) == set(LIGHT)


def test_focus_motion_and_print_are_thought_of() -> None:
    assert ":focus-visible { outline:" in SHEET
    assert "outline: none" not in SHEET
    assert "prefers-reduced-motion" in SHEET
    assert "@media print" in SHEET


def test_nothing_is_loaded() -> None:
    assert "url(" not in SHEET
    assert "@import" not in SHEET
    assert "@font-face" not in SHEET
