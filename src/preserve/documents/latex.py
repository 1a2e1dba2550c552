r"""LaTeX: footnotes, endnotes, addresses and the list of references, as a run of LaTeX would number them.

An own reader rather than TeX: it knows what prints a note, an address or a character, drops what prints nothing, and takes every
other command for its arguments. The file's own macros are put in; other files are not read: the remarks say where one is wanted.
The number of a note is its counter (`\footnote[7]`, `\setcounter`, `\thefootnote`, chapters of a book), of a reference its place in
the list or its own label. Sources: latexref, sections "Footnotes" and "thebibliography"; the manuals of hyperref, url and endnotes.
"""

from __future__ import annotations

import re

from preserve.documents.numbering import printed
from preserve.documents.source import Source
from preserve.documents.tex import ACCENT, ESCAPED, SYMBOLS, accented, address
from preserve.documents.written import Book, Places, Writing, unified
from preserve.model.document import Document

_URL = re.compile(
    r"\\(?:url|nolinkurl|burl|href|path)\s*(?:\[[^\]\n]*\]\s*)?\{(?P<url>(?:[^{}\\]|\\.|\{[^{}]{0,500}\}){0,4000})\}", re.DOTALL
)
_VERB = re.compile(r"\\(?:verb|lstinline)\*?(?P<sign>[^\w\s*{\[])(?P<text>[^\n]*?)(?P=sign)")
_COMMENT = r"%[^\n]*(?:\n[ \t]*)?"
_BRACES = re.compile(rf"{_URL.pattern}|{_VERB.pattern}|\\.|{_COMMENT}|(?P<brace>[{{}}])", re.DOTALL)
_OPENS = re.compile(rf"(?:\s|{_COMMENT})*+\{{")
_TOKEN = re.compile(
    rf"(?P<comment>{_COMMENT})|(?P<blank>\n[ \t]*(?:\n\s*)+)|\\(?P<name>[A-Za-z@]+\*?)[ \t]*|\\(?P<escaped>.)"
    r"|(?P<sign>[{}~$]|---?|``|''|\"[`'])|(?P<text>[^\\%\n{}~$`'\"-]+|.)",
    re.DOTALL,
)
_SIGNS = {"~": " ", "---": "—", "--": "–", "``": "“", "''": "”", '"`': "„", "\"'": "“"}
_VERBATIM = frozenset({"verbatim", "verbatim*", "Verbatim", "lstlisting", "minted", "alltt", "filecontents", "filecontents*"})
_HEADINGS = frozenset(
    {"part", "chapter", "section", "subsection", "subsubsection", "paragraph", "subparagraph", "title", "caption"}
)
_BREAKS = frozenset({"par", "item", "maketitle", "newpage", "clearpage", "tableofcontents", "hline", "centering", "appendix"})
_SILENT = re.compile(
    r"(?:[a-zA-Z]*cite[a-zA-Z]*|label|(?:auto|page|eq|name|c|C|foot|v|h)?ref|index|glossary|[vh]space|vskip|hskip|includegraphics|input|include|usepackage|"
    r"documentclass|pagestyle|thispagestyle|setlength|addtolength|addcontentsline|bibliographystyle|hypersetup|selectlanguage|"
    r"nocite|phantomsection|color|fontsize|geometry|newtheorem|graphicspath|theoremstyle|RequirePackage|PassOptionsToPackage|"
    r"usetikzlibrary|definecolor|urlstyle|setcitestyle|addbibresource|bibliography|printbibliography|addtocounter|setcounter)\*?\Z"
)
_DEFINES = re.compile(
    r"(?:re|provide)?(?:newcommand|newenvironment|DeclareRobustCommand|newrobustcmd|DeclareMathOperator)\*?\Z|providecommand\*?\Z"
)
_NOTES = frozenset({"footnote", "footnotetext", "endnote", "endnotetext", "sidenote", "tablefootnote", "blfootnote"})
_MARKS = frozenset({"footnotemark", "endnotemark"})
_CITES_AT_FOOT = frozenset({"footcite", "footcites", "footfullcite", "footcitetext", "smartcite"})
_COUNTER = re.compile(
    r"\\(?P<does>set|addto|(?:ref)?step)counter\s*\{(?P<name>footnote|endnote)\}(?:\s*\{(?P<value>-?\d{1,6})\})?"
)
_UNPRINTED = re.compile(r"\\iffalse(?![A-Za-z]).{0,200000}?\\fi(?![A-Za-z])", re.DOTALL)
_FORMS = {"arabic": "1", "roman": "i", "Roman": "I", "alph": "a", "Alph": "A", "fnsymbol": "*"}
_THE = re.compile(
    r"\\the(?P<counter>footnote|endnote|mpfootnote)\s*\}?\s*\{[^\n]{0,80}?\\(?P<form>arabic|roman|Roman|alph|Alph|fnsymbol)\b"
)
_MACRO = re.compile(
    r"\\(?:(?:re|provide)?newcommand|providecommand|DeclareRobustCommand|newrobustcmd)\*?\s*\{?\s*\\(?P<name>[A-Za-z]+)\s*\}?\s*"
    r"(?:\[(?P<count>\d)\])?\s*(?:\[(?P<default>[^\[\]\n]{0,200})\])?\s*\{"
    r"|\\(?:def|gdef)\s*\\(?P<plain>[A-Za-z]+)(?P<places>(?:#\d)*)\{"
)
_NAME = re.compile(r"\\([A-Za-z]+)\s*")
_EXPANSIONS = 4_000
"""Macros put in for one document; after that they are taken for their arguments, as those of packages are."""
_DEEP = 12
"""Notes within notes within arguments; deeper than anyone prints."""


def read_latex(source: Source) -> Document:
    """A LaTeX document, or a part of one."""
    reader = _Reader(unified(source.text))
    reader.read()
    return reader.book.document(source, "text/x-tex")


def inline(text: str, number: int = 1) -> Writing:
    """What a piece of LaTeX prints, notes left out, as for the value of a BibTeX field that begins on line `number`."""
    reader = _Reader(unified(text), first=number)
    out = Writing()
    reader.run(out, 0, len(reader.text), deep=_DEEP - 2)
    return out


class _Reader:
    def __init__(self, text: str, first: int = 1) -> None:
        self.text = text
        self.book = Book()
        self._places = Places(text)
        self._first = first - 1
        self._paragraph = Writing()
        self._notes: list[tuple[str, Writing, int]] = []
        self._counters = {"footnote": 0, "endnote": 0}
        self._forms = {"footnote": "1", "endnote": "1"}
        self._by_chapter = bool(
            re.search(r"\\documentclass\s*(?:\[[^\]]*\])?\s*\{(?:book|report|memoir|scrbook|scrreprt)\}", text)
        )
        self._closes = _pairs(text)
        self._macros: dict[str, tuple[int, str | None, str]] = {}
        self._expansions = 0
        self._references = 0
        self._entry: str | None = None
        self._listed = False

    def read(self) -> None:
        """The whole text; what stands before the document's beginning prints nothing."""
        for match in _THE.finditer(self.text):
            self._forms[match["counter"].removeprefix("mp")] = _FORMS[match["form"]]
        self._define()
        begin = re.search(r"^[^%\n]*\\begin\s*\{document\}", self.text, re.MULTILINE)
        end = re.search(r"^[^%\n]*?(?=\\end\s*\{document\})", self.text, re.MULTILINE)
        start = begin.end() if begin else 0
        self.run(self._paragraph, start, end.end() if end and end.end() > start else len(self.text), deep=0)
        self._end_paragraph()
        wanted = re.findall(
            r"^[^%\n]*?\\(?:bibliography|addbibresource)\s*(?:\[[^\]\n]*\])?\s*\{([^{}\n]+)\}", self.text, re.MULTILINE
        )
        for name in wanted:
            self.book.remarks.append(f"its references stand in {name.strip()}, another file: read that too")
        parts = re.findall(r"^[^%\n]*?\\(?:input|include)\s*\{([^{}\n]+)\}", self.text, re.MULTILINE)
        for name in parts:
            self.book.remarks.append(f"it takes in {name.strip()}, another file: read that too")

    def run(self, out: Writing, at: int, stop: int, *, deep: int) -> None:
        """Write to `out` what `text[at:stop]` prints."""
        while at < stop:
            if self.text[at] == "\\" and (after := self._raw(out, at, stop, deep)) is not None:
                at = after
                continue
            match = _TOKEN.match(self.text, at, stop)
            assert match is not None  # the last alternative takes any character
            at = match.end()
            if match["text"] is not None:
                out.add(match["text"], self._line(match.start()))
            elif match["blank"] is not None:
                self._break(out, match.start())
            elif match["sign"] is not None:
                out.add(_SIGNS.get(match["sign"], ""), self._line(match.start()))
            elif match["escaped"] is not None:
                out.add(ESCAPED.get(match["escaped"], " " if match["escaped"] == "\\" else ""), self._line(match.start()))
            elif match["name"] is not None:
                at = self._command(out, match["name"], at, stop, deep)

    def _raw(self, out: Writing, at: int, stop: int, deep: int) -> int | None:
        """What stands at `at` in characters of its own: an address, a piece of code, an accent. Where it ends, or None."""
        line = self._line(at)
        if (url := _URL.match(self.text, at, stop)) is not None:
            href = address(_NAME.sub(self._constant, url["url"]))
            if not self.text.startswith("\\href", at):
                out.link(href, href, line)
                return url.end()
            shown = Writing()
            start, end, after = self._argument(url.end(), stop)
            if deep < _DEEP:
                self.run(shown, start, end, deep=deep + 1)
            if re.match(r"www\.", href, re.IGNORECASE):
                out.link(href, shown.text, line)
            else:
                out.weave(shown, href)
            return after
        if (counter := _COUNTER.match(self.text, at, stop)) is not None:
            before = 0 if counter["does"] == "set" else self._counters[counter["name"]]
            self._counters[counter["name"]] = before + (1 if counter["does"].endswith("step") else int(counter["value"] or 0))
            return counter.end()
        if (unprinted := _UNPRINTED.match(self.text, at, stop)) is not None:
            return unprinted.end()
        if (code := _VERB.match(self.text, at, stop)) is not None:
            out.add(code["text"], line)
            return code.end()
        if (letter := ACCENT.match(self.text, at, stop)) is not None:
            out.add(accented(letter), line)
            return letter.end()
        return None

    def _command(self, out: Writing, name: str, at: int, stop: int, deep: int) -> int:
        """Do what a command says; where its part ends."""
        bare = name.removesuffix("*")
        if bare in self._macros and deep < _DEEP and self._expansions < _EXPANSIONS:
            return self._expand(out, bare, at, stop, deep)
        if bare in {"begin", "end"}:
            return self._environment(out, bare, at, stop)
        if bare in _NOTES or bare in _MARKS or bare == "thanks":
            return self._note(bare, at, stop, deep)
        if bare == "bibitem":
            return self._bibitem(out, at, stop)
        if bare in _HEADINGS:
            return self._heading(out, bare, at, stop, deep)
        if _DEFINES.match(name) or bare in {"def", "let"}:
            return self._definition(at, stop)
        if bare in {"enquote", "doi"}:
            return self._quoted(out, bare, at, stop, deep)
        at = self._optional(at, stop)
        if _SILENT.match(name):
            if bare in _CITES_AT_FOOT:
                self._step("footnote", None)
                self.book.remarks.append(f"note {self._printed('footnote')} cites by a key, which this file does not resolve")
            while at < stop and self.text[at] == "{":
                at = self._optional(self._argument(at, stop)[2], stop)
        elif bare in _BREAKS:
            self._break(out, at)
        elif bare in SYMBOLS:
            out.add(SYMBOLS[bare], self._line(at - 1))
        return at

    def _define(self) -> None:
        """Learn the macros that the file defines, those that stand for notes and addresses among them."""
        known = _NOTES | _MARKS | _HEADINGS | _BREAKS | _CITES_AT_FOOT | SYMBOLS.keys()
        for match in _MACRO.finditer(self.text):
            name, close = match["name"] or match["plain"], self._closes.get(match.end() - 1)
            if close is not None and name not in known and not name.startswith("the"):
                count = int(match["count"] or 0) if match["name"] else (match["places"] or "").count("#")
                self._macros[name] = (count, match["default"], self.text[match.end() : close])

    def _constant(self, name: re.Match[str]) -> str:
        """What a macro without arguments stands for within an address."""
        count, _, body = self._macros.get(name[1], (1, None, ""))
        return body if count == 0 else name[0]

    def _expand(self, out: Writing, name: str, at: int, stop: int, deep: int) -> int:
        """Put in what a macro stands for, its arguments in their places; all of it stands on the line of the macro."""
        count, default, body = self._macros[name]
        values = []
        for place in range(count):
            if place == 0 and default is not None:
                own = re.compile(r"\s*\[([^\[\]\n]{0,200})\]").match(self.text, at, stop)
                values.append(own[1] if own else default)
                at = own.end() if own else at
                continue
            start, end, at = self._argument(at, stop)
            values.append(self.text[start:end])
        self._expansions += 1
        written = re.sub(r"#(\d)", lambda slot: values[int(slot[1]) - 1] if 0 < int(slot[1]) <= count else "", body)
        outside = self.text, self._places, self._closes, self._first
        line = self._line(at - 1)
        self.text, self._places, self._closes, self._first = written, Places(written), _pairs(written), line - 1
        self.run(out, 0, len(written), deep=deep + 1)
        self.text, self._places, self._closes, self._first = outside
        return at

    def _quoted(self, out: Writing, name: str, at: int, stop: int, deep: int) -> int:
        start, end, after = self._argument(at, stop)
        if name == "doi":
            out.add("doi:" + address(self.text[start:end]), self._line(at))
            return after
        out.add("“", self._line(at))
        if deep < _DEEP:
            self.run(out, start, end, deep=deep + 1)
        out.add("”", self._line(max(end - 1, at)))
        return after

    def _environment(self, out: Writing, side: str, at: int, stop: int) -> int:
        match = re.compile(r"\s*\{([^{}\n]{0,40})\}").match(self.text, at, stop)
        if match is None:
            return at
        name, at = match[1], match.end()
        if name != "document" and not (name in {"quote", "center", "figure", "table"} and out is not self._paragraph):
            self._break(out, at)
        if name == "thebibliography":
            self._listed, self._entry = side == "begin", None
            return self._argument(at, stop)[2] if side == "begin" else at
        if side == "end":
            return at
        if name in _VERBATIM or name == "comment":
            end = self.text.find(f"\\end{{{name}}}", at, stop)
            end = stop if end < 0 else end
            if name != "comment":
                out.add(self.text[at:end], self._line(at))
                self._break(out, end)
            return min(stop, end + len(f"\\end{{{name}}}"))
        at = self._optional(at, stop)
        if name in {"tabular", "tabular*", "tabularx", "longtable", "minipage", "multicols", "array"}:
            at = self._argument(at, stop)[2]
        return at

    def _note(self, name: str, at: int, stop: int, deep: int) -> int:
        """A note, its mark alone, or its text alone."""
        counter = "endnote" if name.startswith("endnote") else "footnote"
        own = re.compile(r"\s*\[\s*(\d{1,6})\s*\]").match(self.text, at, stop)
        at = own.end() if own else at
        if name in _MARKS:
            self._step(counter, own)
            self.book.marks.append(self._printed(counter, own))
            return at
        start, end, after = self._argument(at, stop)
        text = Writing()
        if name not in {"footnotetext", "endnotetext", "blfootnote", "thanks"}:
            self._step(counter, own)
        count = int(own[1]) if own else self._counters[counter]
        mark = self._printed(counter, own)
        if name == "thanks":
            mark = printed(1 + sum(order == 0 for _, _, order in self._notes), "*")
            count = 0
        # Before the text is read: a note within a note comes after it.
        self._notes.append((mark, text, count))
        if deep < _DEEP:
            self.run(text, start, end, deep=deep + 1)
        return after

    def _step(self, counter: str, own: re.Match[str] | None) -> None:
        if own is None:
            self._counters[counter] += 1

    def _printed(self, counter: str, own: re.Match[str] | None = None) -> str:
        return printed(max(1, int(own[1]) if own else self._counters[counter]), self._forms[counter])

    def _bibitem(self, out: Writing, at: int, stop: int) -> int:
        self._break(out, at)
        match = re.compile(r"\s*(?:\[(?P<label>(?:[^\[\]{}]|\{[^{}]*\}){0,200})\])?\s*\{[^{}]{0,200}\}").match(
            self.text, at, stop
        )
        if match is None:
            return at
        self._entry, self._listed = "", True
        if match["label"]:
            # natbib: "Weir(2019)Weir and Holm"
            self._entry = inline(re.sub(r"\((\d{4}\w?)\).*", r" \1", match["label"], flags=re.DOTALL)).text
        if not self._entry:
            self._references += 1
            self._entry = str(self._references)
        return match.end()

    def _heading(self, out: Writing, name: str, at: int, stop: int, deep: int) -> int:
        self._break(out, at)
        if name == "chapter" and self._by_chapter:
            self._counters["footnote"] = 0
        start, end, after = self._argument(self._optional(at, stop), stop)
        if deep < _DEEP:
            self.run(out, start, end, deep=deep + 1)
        self._break(out, after)
        return after

    def _definition(self, at: int, stop: int) -> int:
        r"""After `\newcommand{\name}[1][default]{what it stands for}` and its kin."""
        match = re.compile(r"\s*(?:\{\s*\\?[A-Za-z@*]+\s*\}|\\[A-Za-z@]+)[^{}\n\\]{0,80}").match(self.text, at, stop)
        if match is None:
            return at
        at = match.end()
        while at < stop and self.text[at] == "{":
            at = self._argument(at, stop)[2]
        return at

    def _argument(self, at: int, stop: int) -> tuple[int, int, int]:
        """Where the argument at `at` starts, ends, and what follows it starts; one that never closes ends with its paragraph."""
        opened = _OPENS.match(self.text, at, stop)
        if opened is None:
            return at, at, at
        start = opened.end()
        close = self._closes.get(start - 1, stop)
        if close < stop:
            return start, close, close + 1
        blank = re.compile(r"\n[ \t]*\n").search(self.text, start, stop)
        end = blank.start() if blank else stop
        return start, end, end

    def _optional(self, at: int, stop: int) -> int:
        match = re.compile(r"(?:\[[^\[\]\n]{0,200}\])*").match(self.text, at, stop)
        return match.end() if match else at

    def _break(self, out: Writing, at: int) -> None:
        """End a paragraph; within a note or an argument it is only white space."""
        if out is self._paragraph:
            self._end_paragraph()
        else:
            out.add(" ", self._line(at))

    def _end_paragraph(self) -> None:
        if self._entry is not None and self._paragraph.lines():
            self.book.note(self._entry, self._paragraph)
            if not self._listed:
                self._entry = None
        else:
            self.book.body(self._paragraph)
        for mark, text, order in self._notes:
            self.book.note(mark, text, order=order or None)
        self._notes.clear()
        self._paragraph.clear()  # `run` holds this very object

    def _line(self, at: int) -> int:
        return self._first + self._places.line(at)


def _pairs(text: str) -> dict[int, int]:
    """Where the brace closes that opens at each offset; those within comments, code and addresses do not count."""
    found: dict[int, int] = {}
    opened: list[int] = []
    for match in _BRACES.finditer(text):
        if match["brace"] == "{":
            opened.append(match.start())
        elif match["brace"] and opened:
            found[opened.pop()] = match.start()
    return found
