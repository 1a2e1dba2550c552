"""The reading room: pages and documents that strangers wrote, read by other people's parsers in a process apart (docs/adr/0210)."""
