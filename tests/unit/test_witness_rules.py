"""What a witness answers to add-checkpoint, and what it never does: cosign two histories of one log."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives import LogPen, WitnessPen
from preserve.errors import FormatError, UsageError
from preserve.formats import merkle, note, witness
from preserve.formats.note import Checkpoint, KeyType, VerifierKey
from preserve.formats.witness import Request
from preserve.rules.witness import Refusal, Refused, address, distinct, judge_growth, judge_signature

ORIGIN = "archive.example/log"
LOG = LogPen("the log", ORIGIN)

# The vectors of github.com/FiloSottile/torchwood, internal/witness/witness_test.go: a log of Sigsum, made by Go.
SIGSUM = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562"
SIGSUM_KEY = VerifierKey(
    name=SIGSUM,
    type=KeyType.ED25519,
    public=bytes.fromhex("ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f"),
)
ONE = f"""\
old 0

{SIGSUM}
1
KgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

— {SIGSUM} UgIom7fPZTqpxWWhyjWduBvTvGVqsokMbqTArsQilegKoFBJQjUFAmQ0+YeSPM3wfUQMFSzVnnNuWRTYrajXpNUbIQY=
""".encode()
THREE = f"""\
old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
KgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
3
RcCI1Nk56ZcSmIEfIn0SleqtV7uvrlXNccFx595Iwl0=

— {SIGSUM} UgIom2VbtIcdFbwFAy1n7s6IkAxIY6J/GQOTuZF2ORV39d75cbAj2aQYwyJre36kezNobZs4SUUdrcawfAB8WVrx6go=
""".encode()
FIVE = f"""\
old 1
KgEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
+fUDV+k970B4I3uKrqJM4aP1lloPZP8mvr2Z4wRw2LI=
KgQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=

{SIGSUM}
5
QrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=

— {SIGSUM} UgIomw/EOJmWi0i1FQsOj+etB7F8IccFam/jgd6wzRns4QPVmyEZtdvl1U2KEmLOZ/ASRcWJi0tW90dJWAShei7sDww=
""".encode()


def test_the_vectors_of_another_witness() -> None:
    last: Checkpoint | None = None
    for data in (ONE, FIVE):
        request = witness.decode(data)
        assert witness.encode(request) == data
        found = judge_signature(request, [SIGSUM_KEY])
        assert isinstance(found, Checkpoint)
        assert judge_growth(request, found, last) is None
        last = found
    request = witness.decode(THREE)
    found = judge_signature(request, [SIGSUM_KEY])
    assert isinstance(found, Checkpoint)
    late = judge_growth(request, found, last)
    assert late is not None
    assert late.status is Refusal.OTHER_SIZE
    assert judge_growth(request, found, note.parse_checkpoint(witness.decode(ONE).checkpoint.text)) is None


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no old size"),
        (b"old 0\n", "no checkpoint"),
        (b"old 0", "no checkpoint"),
        (ONE.replace(b"old 0", b"old 00"), "bad number"),
        (ONE.replace(b"old 0", b"old -1"), "bad number"),
        (ONE.replace(b"old 0", b"old "), "bad number"),
        (ONE.replace(b"old 0", b"size 0"), "no old size"),
        (ONE.replace(b"old 0\n", b"old 0\nAAAA\n"), "bad hash"),
        (ONE.replace(b"old 0\n", b"old 0\n????\n"), "bad base64"),
        (ONE.replace(b"old 0\n", b"old 0\n" + (base64.b64encode(bytes(32)) + b"\n") * 64), "too many hashes"),
        (ONE.replace(b"old 0", b"old 0\xff"), "not ASCII"),
        (ONE[:-1], "no newline"),
        (ONE.replace(b"\n1\n", b"\n01\n"), "bad number"),
    ],
)
def test_malformed(data: bytes, why: str) -> None:
    with pytest.raises(FormatError) as refusal:
        witness.decode(data)
    assert why in refusal.value.message


def test_sizes() -> None:
    assert witness.decode_size(witness.encode_size(50)) == 50
    for bad in (b"", b"50", b"050\n", b"-1\n", b"5 0\n", b"\xff\n", b"50\n\n"):
        with pytest.raises(FormatError):
            witness.decode_size(bad)


def _tree(entries: list[bytes]) -> tuple[list[bytes], bytes]:
    leaves = [merkle.leaf_hash(entry) for entry in entries]
    return leaves, merkle.root(leaves)


def _request(entries: list[bytes], old: int, pen: LogPen = LOG) -> Request:
    leaves, root = _tree(entries)
    signed = note.sign(Checkpoint(origin=ORIGIN, size=len(leaves), root=root).encode(), [pen])
    proof = merkle.consistency_path(old, len(leaves), merkle.in_memory(leaves)) if 0 < old <= len(leaves) else ()
    return Request(old=old, proof=proof, checkpoint=signed)


def _answer(request: Request, last: Checkpoint | None) -> Checkpoint | Refused:
    found = judge_signature(witness.decode(witness.encode(request)), [LOG.key])
    return found if isinstance(found, Refused) else judge_growth(request, found, last) or found


def _status(request: Request, last: Checkpoint | None = None) -> int:
    answer = _answer(request, last)
    return answer.status if isinstance(answer, Refused) else 200


def _head(entries: list[bytes]) -> Checkpoint:
    leaves, root = _tree(entries)
    return Checkpoint(origin=ORIGIN, size=len(leaves), root=root)


A = [b"a", b"b", b"c"]


def test_each_status() -> None:
    good = _request(A, 0)
    assert _status(good) == 200
    assert _status(good, _head(A)) == 409
    assert _status(_request(A, 3), _head(A)) == 200
    assert _status(_request(A, 2), _head(A[:2])) == 200
    assert _status(_request(A, 4), _head(A)) == 400
    assert _status(_request(A, 1), _head(A[:2])) == 409
    assert _status(replace(_request(A, 2), proof=()), _head(A[:2])) == 422
    assert _status(replace(good, proof=(bytes(32),))) == 422
    assert _status(replace(_request(A, 3), proof=(bytes(32),)), _head(A)) == 422
    assert _status(_request(A, 3), _head([b"x", b"y", b"z"])) == 422
    assert _status(_request(A, 0, LogPen("a thief", ORIGIN))) == 403
    bad = replace(good.checkpoint, signatures=(replace(good.checkpoint.signatures[0], signature=bytes(64)),))
    assert _status(replace(good, checkpoint=bad)) == 403
    assert judge_signature(good, [SIGSUM_KEY]) == Refused(status=Refusal.UNKNOWN_LOG, why="this log is not witnessed here")


def test_the_empty_log() -> None:
    empty = _request([], 0)
    assert _status(empty) == 200
    wrong = note.sign(Checkpoint(origin=ORIGIN, size=0, root=bytes(32)).encode(), [LOG])
    assert _status(Request(old=0, proof=(), checkpoint=wrong)) == 422
    assert _status(replace(empty, proof=(bytes(32),))) == 422


def test_a_fork_is_told_from_a_bad_proof() -> None:
    forked = _answer(_request(A, 3), _head([b"x", b"y", b"z"]))
    assert isinstance(forked, Refused)
    assert forked.fork
    unproven = _answer(replace(_request(A, 2), proof=()), _head(A[:2]))
    assert isinstance(unproven, Refused)
    assert not unproven.fork


def test_lines_of_unknown_keys_are_left_alone_and_extension_lines_allowed() -> None:
    good = _request(A, 0)
    stranger = WitnessPen("stranger").line(good.checkpoint.text, 5)
    more = replace(good.checkpoint, signatures=(stranger, *good.checkpoint.signatures))
    assert _status(replace(good, checkpoint=more)) == 200
    extended = note.sign(good.checkpoint.text + b"an extension\n", [LOG])
    assert _status(replace(good, checkpoint=extended)) == 200
    with pytest.raises(FormatError, match="extension line"):
        note.parse_checkpoint(extended.text)


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 12), st.integers(0, 12), st.booleans()),
        max_size=25,
    )
)
def test_no_two_histories_are_ever_cosigned(asked: list[tuple[int, int, int, bool]]) -> None:
    """Two histories that part at entry 4 are offered in any order, from any size, with right proofs and wrong ones."""
    histories = [[hashlib.sha256(b"%d %d" % (number if at >= 4 else 0, at)).digest() for at in range(12)] for number in (0, 1)]
    last: Checkpoint | None = None
    cosigned: list[Checkpoint] = []
    for which, size, old, honest in asked:
        request = _request(histories[which][:size], old)
        if not honest:
            request = replace(request, proof=(*request.proof, bytes(32)))
        answer = _answer(request, last)
        if isinstance(answer, Checkpoint):
            assert last is None or answer.size >= last.size
            last = answer
            cosigned.append(answer)
    assert any(all(head.root == _head(history[: head.size]).root for head in cosigned) for history in histories), (
        "one history explains everything that was cosigned"
    )


def test_addresses() -> None:
    vkey = WitnessPen("w").key.encode()
    assert address("http://127.0.0.1:8470/", vkey).name == "witness.example/w1"
    assert address("https://witness.example/w", vkey, "colleague").name == "colleague"
    for url in (
        "ftp://x.example/",
        "witness.example",
        "http://x.example/?a",
        "http://x.example/#a",
        "http://u:p@x.example/",
        "",
    ):
        with pytest.raises(UsageError):
            address(url, vkey)
    with pytest.raises(UsageError, match="log's"):
        address("http://x.example/", LOG.key.encode())
    with pytest.raises(FormatError):
        address("http://x.example/", "x")
    one = address("http://x.example/", vkey, "one")
    with pytest.raises(UsageError, match="one vkey"):
        distinct([one, address("http://y.example/", vkey, "two")])
    with pytest.raises(UsageError, match="one name"):
        distinct([one, address("http://y.example/", WitnessPen("v").key.encode(), "one")])
