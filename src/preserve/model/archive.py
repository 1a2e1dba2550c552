"""What an archive says of itself."""

from __future__ import annotations

from preserve.model.noun import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """archive.toml: `id` names the archive, `origin` its log, `log` is the log's public key as a vkey line.

    Nothing in it is trusted by itself: the verifier takes the log's key from the user's own store.
    """

    id: str
    origin: str
    log: str
