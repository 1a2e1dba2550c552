"""The attack corpus: every way to alter, remove, forge or swap that the verifier is built against (trust chapters of docs/formats).

Importing this module fills `ATTACKS`; each of the modules below holds one kind.
"""

from __future__ import annotations

import attacks_by_insiders
import attacks_on_countersignatures
import attacks_on_coworkers
import attacks_on_events
import attacks_on_files
import attacks_on_history
import attacks_on_keys
import attacks_on_log_keys
import attacks_on_redactions
import attacks_on_signatures
from attacktools import ATTACKS, Attack, good

__all__ = ["ATTACKS", "Attack", "good"]

KINDS = (
    attacks_on_files,
    attacks_on_signatures,
    attacks_by_insiders,
    attacks_on_history,
    attacks_on_events,
    attacks_on_keys,
    attacks_on_coworkers,
    attacks_on_log_keys,
    attacks_on_redactions,
    attacks_on_countersignatures,
)

assert len({attack.name for attack in ATTACKS}) == len(ATTACKS), "attack names are unique"
