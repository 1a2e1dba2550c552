"""Where the records lie that others refer to: the originals of revisits, and of what is only listed as unchanged.

A revisit names the id and the address of its original, a list the address, the date and the payload. Captures of the address are looked
through first, then what no capture names. Of a record that was removed nothing says any more which it was: in its place stands all
that may have been it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from preserve.errors import FormatError
from preserve.flows import listed
from preserve.formats.warc import Header, target_uri
from preserve.model.lines import CaptureLine
from preserve.rules import selection

if TYPE_CHECKING:
    from preserve.flows.removed import Removed
    from preserve.flows.select import SealedRun

Place = tuple[str, int]
"""A WARC file's path in its run, and a record's index in it."""


def find_records(
    runs: Sequence[SealedRun], wanted: dict[str, str], whole: Collection[str]
) -> Iterator[tuple[SealedRun, Place]]:
    """Where the records of these ids lie; `whole` are runs that go along anyhow, so that what lies in them is not looked for twice.

    Raises FormatError when one of them is nowhere.
    """
    missing = dict(wanted)
    for key, run, place in found_records(runs, wanted, whole):
        missing.pop(key, None)
        yield run, place
    if missing:
        raise FormatError(
            f"the original of a revisit is not in the archive: {next(iter(missing.values()))}",
            "preserve verify says what is missing, or was removed; preserve bundle hands over what there is",
        )


def found_records(
    runs: Sequence[SealedRun], wanted: dict[str, str], whole: Collection[str]
) -> Iterator[tuple[str, SealedRun, Place]]:
    """(id, run, place) of those that are found."""
    missing = dict(wanted)
    for run in sorted(runs, key=lambda run: run.name not in whole):
        for place, _ in _answers_at(run, frozenset(missing.values())):
            header = header_of(run, place)
            if header is not None and missing.pop(header.id, None) is not None:
                yield header.id, run, place
            if not missing:
                return


def _answers_at(run: SealedRun, uris: frozenset[str]) -> Iterator[tuple[Place, CaptureLine | None]]:
    """Responses of captures at these addresses, with the capture; then the records of no capture."""
    if not uris:
        return
    owned = set[Place]()
    for line in run.captures():
        owned |= {(record.warc, record.index) for record in line.records}
        if line.foreign is None and not uris.isdisjoint(target_uri(address) for address in selection.addresses(line)):
            yield from (((record.warc, record.index), line) for record in line.records if record.type == "response")
    for warc in run.warcs:
        assert warc.records is not None, "it is a WARC file of ours"
        yield from (((warc.path, index), None) for index in range(1, warc.records.count) if (warc.path, index) not in owned)


def header_of(run: SealedRun, place: Place) -> Header | None:
    """A record's header; None of one that was so short that nothing which could be read stands where it was removed."""
    try:
        return run.head(*place)[0]
    except FormatError:
        return None


class Originals:
    """Where the records lie that others refer to; in the place of one that was removed, all that may have been it."""

    def __init__(self, runs: Sequence[SealedRun], removed: Removed) -> None:
        self._runs = runs
        self._removed = removed

    def of_revisits(self, wanted: dict[str, str], whole: Collection[str]) -> Iterator[tuple[SealedRun, Place]]:
        """`wanted`: record ids, and the address of each. Raises FormatError when one is missing, and was not removed."""
        missing = dict(wanted)
        for key, run, place in found_records(self._runs, wanted, whole):
            missing.pop(key, None)
            yield run, place
        yield from self._instead({(uri, None) for uri in missing.values()}, "a revisit")

    def of_listed(self, wanted: Collection[listed.Key]) -> Iterator[tuple[SealedRun, Place]]:
        """The same for what lists of unchanged requisites refer to."""
        missing = set(wanted)
        for key, run, place in listed.find(self._runs, wanted):
            missing.discard(key)
            yield run, place
        yield from self._instead({(key.uri, key.payload_sha256) for key in missing}, "an unchanged requisite")

    def _instead(self, missing: Collection[tuple[str, str | None]], what: str) -> Iterator[tuple[SealedRun, Place]]:
        """For each (address, payload) removed responses that captures of it name; where there are none, removed ones that no capture names."""
        uris = frozenset(uri for uri, _ in missing)
        named: dict[tuple[str, str | None], list[tuple[SealedRun, Place]]] = {}
        unnamed: list[tuple[SealedRun, Place]] = []
        for run in self._runs if missing else ():
            for place, line in _answers_at(run, uris):
                if place[1] not in self._removed.of(run.at, place[0]):
                    continue
                if line is None:
                    unnamed.append((run, place))
                    continue
                for uri in uris.intersection(target_uri(address) for address in selection.addresses(line)):
                    for payload in (None, line.payload_sha256):
                        named.setdefault((uri, payload), []).append((run, place))
        for key in sorted(missing, key=lambda one: one[0]):
            instead = named.get(key, unnamed)
            if not instead:
                raise FormatError(
                    f"the original of {what} is not in the archive: {key[0]}",
                    "nor is it stated that it was removed: preserve verify --thorough says what is wrong",
                )
            yield from instead
