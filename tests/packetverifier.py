"""The single-file verifier of evidence packets, as a module: it is a file of its own, and no part of the package."""

from __future__ import annotations

import importlib.util
from types import ModuleType

from running import ROOT

PATH = ROOT / "src" / "preserve" / "packet" / "verify.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("packet_verifier", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
