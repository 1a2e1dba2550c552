"""Pages: a report's nouns in, HTML out. Nothing here opens a file or a socket; who serves or writes the pages is another's business.

Two things make it safe to show what strangers wrote. Every value that a template prints goes through `formats.printable` and is then
escaped (`render`), so that no template can forget either; and the pages carry a Content-Security-Policy under which nothing but their
own style sheet is loaded and nothing but the one script named by its hash runs.
"""
