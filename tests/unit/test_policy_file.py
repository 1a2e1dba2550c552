"""The policy file of C2SP tlog-policy: what it means, and every way in which it can be wrong."""

from __future__ import annotations

import itertools
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import LogPen, WitnessPen
from preserve.errors import FormatError
from preserve.formats import policy
from preserve.formats.note import VerifierKey
from preserve.formats.policy import Policy

LOG = LogPen("log", "archive.example/log").key
PENS = {name: WitnessPen(name, f"witness.example/{name}").key for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")}
WITNESSES = "".join(f"witness {name} {key.encode()}\n" for name, key in PENS.items())
EXAMPLE = f"""\
log {LOG.encode()}

{WITNESSES}
# two of one organisation and one of the other
group X-witnesses 2 X1 X2 X3
  group\tY-witnesses   any Y1 Y2 Y3\t
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
"""The example of the specification."""


def _policy(text: str) -> Policy:
    return policy.parse(text.encode())


def test_the_example_of_the_specification() -> None:
    found = _policy(EXAMPLE)
    assert found.logs == (LOG,)
    assert found.quorum == "X-and-Y"
    for count in range(7):
        for names in itertools.combinations(PENS, count):
            enough = sum(name.startswith("X") for name in names) >= 2 and any(name.startswith("Y") for name in names)
            assert found.met_by([PENS[name] for name in names]) is enough, names


def test_one_witness_none_and_urls() -> None:
    one = _policy(f"witness W {PENS['X1'].encode()} https://witness.example/\nquorum W\n")
    assert one.met_by([PENS["X1"]])
    assert not one.met_by([PENS["X2"]])
    assert not one.met_by([])
    nobody = _policy("quorum none\n")
    assert nobody.quorum is None
    assert nobody.met_by([])


def test_a_key_under_another_name_is_another_witness() -> None:
    found = _policy(f"witness W {PENS['X1'].encode()}\nquorum W\n")
    same = VerifierKey(name="witness.example/other", type=PENS["X1"].type, public=PENS["X1"].public)
    assert not found.met_by([same])


def test_names_are_bytes() -> None:
    kelvin = f"witness \N{KELVIN SIGN} {PENS['X1'].encode()}\nwitness K {PENS['X2'].encode()}\nquorum K\n"
    assert not _policy(kelvin).met_by([PENS["X1"]])
    row = b"witness \xff " + PENS["X1"].encode().encode() + b"\n"
    assert policy.parse(row + b"quorum \xff\n").met_by([PENS["X1"]])
    with pytest.raises(FormatError, match="unknown name"):
        policy.parse(row + b"quorum \xfe\n")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no quorum"),
        ("quorum none\nquorum none\n", "more than one quorum"),
        ("quorum none", "no newline at the end"),
        ("quorum W\n", "line 1: unknown name: 'W'"),
        (WITNESSES + "quorum X1 X2\n", "bad line"),
        ("qourum none\n", "bad line"),
        ("log\nquorum none\n", "bad line"),
        (f"log {LOG.encode()} http://x/ more\nquorum none\n", "bad line"),
        (f"log {LOG.encode()}\nlog {LOG.encode()}\nquorum none\n", "line 2: duplicate key"),
        (f"log {PENS['X1'].encode()}\nquorum none\n", "not the key of a log"),
        (f"witness W {LOG.encode()}\nquorum none\n", "not the key of a witness"),
        ("log x+y+z\nquorum none\n", "line 1: "),
        (f"witness A {PENS['X1'].encode()}\nwitness B {PENS['X1'].encode()}\nquorum A\n", "duplicate key"),
        (f"witness A {PENS['X1'].encode()}\nwitness A {PENS['X2'].encode()}\nquorum A\n", "duplicate name"),
        (f"witness none {PENS['X1'].encode()}\nquorum none\n", "duplicate name"),
        (WITNESSES + "group X1 any X2\nquorum X1\n", "duplicate name"),
        (WITNESSES + "group G any\nquorum G\n", "bad line"),
        (WITNESSES + "group G 0 X1\nquorum G\n", "bad threshold"),
        (WITNESSES + "group G 3 X1 X2\nquorum G\n", "bad threshold"),
        (WITNESSES + "group G 01 X1 X2\nquorum G\n", "bad threshold"),
        (WITNESSES + "group G some X1 X2\nquorum G\n", "bad threshold"),
        (WITNESSES + "group G any X1 X1\nquorum G\n", "duplicate member"),
        (WITNESSES + "group G any X1\ngroup H any X1\nquorum G\n", "line 8: duplicate member"),
        (WITNESSES + "group G any none\nquorum G\n", "unknown name"),
        ("group G any H\ngroup H any G\nquorum G\n", "unknown name"),
        ("quorum none\r\n", "control character"),
        ("quorum none\x0b\n", "control character"),
        ("# " + "x" * policy.MAX_SIZE + "\nquorum none\n", "too long"),
    ],
)
def test_refused(text: str, why: str) -> None:
    with pytest.raises(FormatError) as refusal:
        _policy(text)
    assert why in refusal.value.message


def test_too_many_names() -> None:
    rows = [f"group G{number} any {f'G{number - 1}' if number else 'X1'}\n" for number in range(policy.MAX_NAMES)]
    with pytest.raises(FormatError, match="too many names"):
        _policy(WITNESSES + "".join(rows) + "quorum G0\n")


def test_as_many_as_the_specification_asks_for() -> None:
    logs = "".join(f"log {LogPen(str(n), f'log{n}').key.encode()}\n" for n in range(32))
    keys = [WitnessPen(str(n), f"w{n}").key for n in range(32)]
    rows = "".join(f"witness w{n} {key.encode()}\n" for n, key in enumerate(keys))
    groups = "".join(f"group g{n} all w{n}\n" for n in range(31)) + "group g 31 " + " ".join(f"g{n}" for n in range(31)) + "\n"
    found = _policy(logs + rows + groups + "quorum g\n")
    assert found.met_by(keys)
    assert not found.met_by(keys[1:])


@given(st.binary(max_size=400))
def test_any_bytes_are_a_policy_or_refused(data: bytes) -> None:
    with suppress(FormatError):
        assert policy.parse(data).met_by([]) in {True, False}


_WORDS = st.sampled_from(
    ["log", "witness", "group", "quorum", "any", "all", "1", "2", "none", "X1", "X2", "G", "#", PENS["X1"].encode()]
)


@given(st.lists(st.lists(_WORDS, max_size=5), max_size=8))
def test_any_lines_are_a_policy_or_refused(rows: list[list[str]]) -> None:
    try:
        found = _policy("".join(" ".join(row) + "\n" for row in rows))
    except FormatError:
        return
    assert found.quorum is None or found.quorum in {*found.witnesses, *(group.name for group in found.groups)}
    assert found.met_by(list(found.witnesses.values()))
    assert found.met_by([]) is (found.quorum is None)


@st.composite
def _trees(draw: st.DrawFn) -> tuple[str, dict[str, tuple[int, list[str]]]]:
    """A policy of random groups, and what they mean."""
    free, meaning, rows = list(PENS), dict[str, tuple[int, list[str]]](), []
    for number in range(draw(st.integers(1, 4))):
        members = draw(st.lists(st.sampled_from(free), min_size=1, max_size=len(free), unique=True))
        count = draw(st.integers(1, len(members)))
        free = [name for name in free if name not in members] + [f"g{number}"]
        meaning[f"g{number}"] = (count, members)
        rows.append(f"group g{number} {count} {' '.join(members)}\n")
    return WITNESSES + "".join(rows) + f"quorum g{len(rows) - 1}\n", meaning


@given(_trees(), st.sets(st.sampled_from(sorted(PENS))))
def test_groups_of_groups(tree: tuple[str, dict[str, tuple[int, list[str]]]], names: set[str]) -> None:
    text, meaning = tree

    def holds(name: str) -> bool:
        if name in PENS:
            return name in names
        count, members = meaning[name]
        return sum(map(holds, members)) >= count

    found = _policy(text)
    assert found.quorum is not None
    assert found.met_by([PENS[name] for name in names]) is holds(found.quorum)
