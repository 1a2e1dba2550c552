"""Bytes to nouns and back, strictly: one module for each format that is written to disk or crosses the wire."""
