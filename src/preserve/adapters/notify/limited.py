"""An end to sending, however slowly the other side goes on talking."""

from __future__ import annotations

import threading

from preserve.model.digest import Digest
from preserve.ports import Notifier

_TOTAL = 90.0


class Limited:
    """ports.Notifier around another: after `total` seconds it is given up; its thread ends with the process at the latest."""

    def __init__(self, notifier: Notifier, *, total: float = _TOTAL) -> None:
        self._notifier = notifier
        self._total = total

    def send(self, digest: Digest) -> str:
        """What the other one answers, or that it did not finish."""
        answers: list[str] = []
        thread = threading.Thread(target=lambda: answers.append(self._notifier.send(digest)), daemon=True)
        thread.start()
        thread.join(self._total)
        return answers[0] if answers else f"it did not finish within {self._total:g} s"
