"""`preserve verify` of a packet that came another way than it went: packed again, mixed up, or with its mark taken out."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path

import pytest

from authorities import shared
from packetcorpus import Packet, packet_of, plain, token_archive, zipped
from preserve.adapters.trust import TrustStore
from running import Run

_END = struct.Struct("<4s4H2LH")


def _said(preserve: Run, path: str) -> tuple[int, str | None]:
    done = preserve("verify", path, "--json")
    last = done.lines[-1] if done.stdout else {}
    return done.code, last.get("refusal")


def _sorted(files: Packet) -> Packet:
    """As most ZIP tools would pack the folder: `packet` is not the first of them."""
    return dict(sorted(files.items(), key=lambda item: (item[0] == "packet", item[0])))


def test_packed_again_in_another_order(preserve: Run, tmp_path: Path) -> None:
    (tmp_path / "packet.zip").write_bytes(zipped(plain()))
    (tmp_path / "again.zip").write_bytes(zipped(_sorted(plain())))
    assert _said(preserve, "packet.zip") == _said(preserve, "again.zip") == (41, "log-unknown")


def test_compressed_in_another_order(preserve: Run, tmp_path: Path) -> None:
    (tmp_path / "again.zip").write_bytes(zipped(_sorted(plain()), zipfile.ZIP_DEFLATED))
    assert _said(preserve, "again.zip") == (40, "zip-form")


@pytest.mark.parametrize("gone", ["packet", "proofs/capture.proof"])
def test_what_tells_a_packet_is_gone(preserve: Run, tmp_path: Path, gone: str) -> None:
    files = _sorted(plain())
    del files[gone]
    (tmp_path / "packet.zip").write_bytes(zipped(files))
    assert _said(preserve, "packet.zip") == (40, "file-missing")


def test_a_zip_of_something_else_is_no_packet(preserve: Run, tmp_path: Path) -> None:
    (tmp_path / "photos.zip").write_bytes(zipped({"a.jpg": b"x", "packet/b.jpg": b"y"}))
    assert _said(preserve, "photos.zip") == (20, None)
    assert "an evidence packet" in preserve("verify", "photos.zip").stderr


def test_a_bundle_with_such_names_stays_a_bundle(preserve: Run, tmp_path: Path) -> None:
    (tmp_path / "x.wacz").write_bytes(zipped({"datapackage.json": b"{}", "packet": b"y"}))
    assert _said(preserve, "x.wacz") != (40, "zip-form")
    assert _said(preserve, "x.wacz")[1] is None


@pytest.mark.parametrize("cut", [0, 1, 21, 22, 60, 2000])
def test_the_end_of_a_damaged_packet_is_gone(preserve: Run, tmp_path: Path, cut: int) -> None:
    data = zipped(_sorted(plain()))
    (tmp_path / "packet.zip").write_bytes(b"PK" + data[3 : len(data) - cut])
    assert preserve("verify", "packet.zip").code in {20, 40}


@pytest.mark.parametrize("more", [1, 0xFFFFFFFF])
def test_a_directory_longer_than_what_is_before_its_end_is_not_read(preserve: Run, tmp_path: Path, more: int) -> None:
    before, directory, end = _taken_apart(zipped(_sorted(plain())))
    end = _ended(end, min(len(before) + len(directory) + more, 0xFFFFFFFF))
    (tmp_path / "packet.zip").write_bytes(before + directory + end)
    assert _said(preserve, "packet.zip") == (20, None)


@pytest.mark.parametrize("left", [4, 10, 45, 46, 47])
def test_a_directory_whose_last_entry_is_cut_is_read_as_far_as_it_goes(preserve: Run, tmp_path: Path, left: int) -> None:
    before, directory, end = _taken_apart(zipped(_sorted(plain())))
    directory = directory[: directory.rfind(b"PK\x01\x02") + left]
    (tmp_path / "packet.zip").write_bytes(before + directory + _ended(end, len(directory)))
    assert _said(preserve, "packet.zip") == (40, "zip-form")


def _taken_apart(data: bytes) -> tuple[bytes, bytes, bytes]:
    """What is before a ZIP's directory, the directory, and the record at its end."""
    end = data[-_END.size :]
    length, start = _END.unpack(end)[5:7]
    return data[:start], data[start : start + length], end


def _ended(end: bytes, length: int) -> bytes:
    """The record at the end with another length of the directory."""
    fields = _END.unpack(end)
    return _END.pack(*fields[:5], length, *fields[6:])


def test_tokens_of_a_damaged_packet_are_not_said_to_be_of_some_runs(preserve: Run, config_home: Path, tmp_path: Path) -> None:
    archivist = token_archive()
    for key in (*archivist.trusted, shared("a").issuer.pinned("a")):
        TrustStore(config_home / "preserve").add(key)
    files = packet_of(archivist.runs[0])
    (tmp_path / "good.zip").write_bytes(zipped(files))
    record = next(name for name in files if name.startswith("records/"))
    files[record] = files[record][:-1] + b"x"
    (tmp_path / "bad.zip").write_bytes(zipped(files))
    assert "time: stamped. The authorities" in preserve("verify", "good.zip").stdout
    bad = preserve("verify", "bad.zip")
    assert bad.code == 40
    assert "some of the runs" not in bad.stdout
    assert (
        "time: self-asserted. Authorities vouch for the seals named under not-after, and for nothing that fails." in bad.stdout
    )
