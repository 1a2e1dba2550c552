"""The bodies of events, one module for each kind: `write` gives its members in their order, `read` takes them strictly.

To add a kind: a Body in `model/event.py`, a module here with

    def write(body: MyBody) -> dict[str, Json]: ...
    def read(fields: Fields) -> MyBody: ...        # raises FormatError through `fields`; `fields.end()` is called for it

a line in the table of `formats/statement.py`, words for a person in the table of `rules/events.py`, a section in
docs/formats/events.md. Nothing else needs to know of it to sign, log, place, stamp and verify it.
"""
