"""preserve: from a footnote to a sealed, verifiable web capture."""

__version__ = "0.1.0"
