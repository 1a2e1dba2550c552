"""Capturing what a schedule names, by the same steps as `preserve capture`: what it fills is flows.schedule.Capturer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from preserve.cli import capture, captureoptions
from preserve.errors import ConfigError, ExitCode, FormatError, StoreError
from preserve.flows.schedule import Attempt
from preserve.model.schedule import Reading, Schedule, Seen
from preserve.rules import happened, plan

if TYPE_CHECKING:
    from preserve.config import Config
    from preserve.flows.readback import Shelf
    from preserve.flows.run import Input
    from preserve.model.lines import CaptureLine
    from preserve.ports import Folder, Notifier, Reader


class Scheduled:
    """Captures for the schedules of one archive; `during` is entered for as long as a capture is under way."""

    def __init__(self, archive: Path, *, quiet: bool, during: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        self._archive = archive
        self._quiet = quiet
        self._during = during

    def __call__(
        self, schedule: Schedule, *, held: Mapping[str, str], readings: Sequence[Reading], known: Iterator[Seen], resume: bool
    ) -> Attempt:
        """Capture what a schedule names. Raises PreserveError when its options cannot be used, or the archive cannot."""
        with self._during():
            return self._capture(schedule, held=held, readings=readings, known=known, resume=resume)

    def _capture(
        self, schedule: Schedule, *, held: Mapping[str, str], readings: Sequence[Reading], known: Iterator[Seen], resume: bool
    ) -> Attempt:
        from preserve.flows.run import Inputs

        try:
            given = captureoptions.from_stored(dict(schedule.options), self._archive)
        except ConfigError as problem:
            raise ConfigError(
                f"schedules.toml, the entry at line {schedule.line}: {problem.message}", problem.hint
            ) from problem
        options = given.settle(self._archive, resume=resume)
        documents, read, problems = self._documents(schedule, readings, given.document_timeout)
        urls, unread = self._addresses(schedule, known)
        problems += unread
        inputs = Inputs(
            documents=documents,
            urls=tuple(url for url in urls if plan.key(url) not in held) or None,
            where=None if given.where is None else plan.Reach(given.where),
            held=held,
        )
        if problems and not documents and not urls:
            return Attempt(code=ExitCode.FORMAT, problems=problems)
        if inputs.empty and not resume and any(plan.key(url) in held for url in _all_of(inputs.documents, urls)):
            return Attempt(code=ExitCode.PARTIAL if problems else ExitCode.DONE, readings=read, problems=problems)
        result, code = capture.perform(options, inputs, problems=len(problems), as_json=False, verbose=False, quiet=self._quiet)
        return Attempt(
            code=code,
            run=None if result.sealed is None else result.sealed.name,
            interrupted=result.interrupted,
            stopped=result.stopped,
            readings=read,
            problems=problems,
        )

    def _documents(
        self, schedule: Schedule, readings: Sequence[Reading], seconds: float
    ) -> tuple[tuple[Input, ...], tuple[Reading, ...], tuple[str, ...]]:
        """The documents; where one cannot be read any more, the copy that the archive keeps of it. Also what stood in the way."""
        inputs: list[Input] = []
        read: list[Reading] = []
        problems: list[str] = []
        for path in schedule.documents:
            found, unread = capture.read_documents((str(self._archive / path),), quiet=self._quiet, seconds=seconds)
            inputs += found
            read += [
                Reading(path=path, name=one.source.name, sha256=one.source.sha256, notes=len(one.citations)) for one in found
            ]
            kept = () if found else tuple(self._kept(reading, seconds) for reading in readings if reading.path == path)
            inputs += kept
            what = "; what it cited is captured from the copy in the archive" if kept else ""
            problems += [f"{problem.message}{what} (schedules.toml line {schedule.line})" for problem in unread]
        return tuple(inputs), tuple(read), tuple(problems)

    def _kept(self, reading: Reading, seconds: float) -> Input:
        from preserve.cli.documents import one

        place = self._archive / "documents" / reading.sha256 / reading.name
        try:
            data = place.read_bytes()
        except OSError as problem:
            raise FormatError(
                f"{place}: {problem.strerror}", "the document and its copy are both gone: restore one"
            ) from problem
        return capture.cited(one(reading.name, data, seconds), data, quiet=self._quiet)

    def _addresses(self, schedule: Schedule, known: Iterator[Seen]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The addresses, with those of the lists; where a list cannot be read any more, those that it led to. Also why it cannot."""
        urls, problems = list(captureoptions.addresses(schedule.urls, ())), []
        for path in schedule.lists:
            try:
                urls += captureoptions.addresses((), (str(self._archive / path),))
            except (ConfigError, FormatError) as problem:
                what = "what was captured for this schedule before is captured again"
                problems.append(f"{problem.message}; {what} (schedules.toml line {schedule.line})")
        if problems:
            urls += [target.url for target in known]
        return tuple(dict.fromkeys(urls)), tuple(problems)


def _all_of(documents: Sequence[Input], urls: Sequence[str]) -> Iterator[str]:
    yield from urls
    for document in documents:
        yield from (citation.url for citation in document.citations if citation.url is not None)


def differs(folder: Folder, run: str, names: Callable[[], Sequence[str]], reader: Reader) -> happened.Differs:
    """What tells a changed page of `run` from the same one, noise left out; `names` gives the sealed runs, oldest first."""
    from functools import cache

    from preserve.flows import change

    @cache
    def shelf() -> Shelf:
        return change.shelf(folder, names(), reader, unread=True)

    def told(before: Seen, line: CaptureLine) -> str:
        plainly = happened.other_bytes(before, line)
        back = not happened.was_page(before)
        if not plainly and not back:
            return ""
        try:
            if back:
                return change.since(shelf(), run, line)
            return change.words(shelf(), before.run, run, line)
        except (FormatError, StoreError, FileNotFoundError):
            return plainly  # the earlier run cannot be read: `preserve verify` says what happened to it

    return told


def notifiers(config: Config) -> dict[str, Notifier]:
    """The ways to tell people that the user configured, by name."""
    from preserve import __version__
    from preserve.adapters.notify.limited import Limited
    from preserve.model.digest import ToCommand, ToWebhook

    found: dict[str, Notifier] = {}
    for receiver in config.receivers:
        notifier: Notifier
        if isinstance(receiver, ToCommand):
            from preserve.adapters.notify.command import CommandNotifier

            notifier = CommandNotifier(receiver)
        elif isinstance(receiver, ToWebhook):
            from preserve.adapters.notify.webhook import WebhookNotifier

            notifier = WebhookNotifier(receiver, user_agent=f"preserve/{__version__}")
        else:
            from preserve.adapters.notify.mail import MailNotifier

            notifier = MailNotifier(receiver)
        found[receiver.name] = Limited(notifier)
    return found
