"""Citations: what a Document cites, each with its note, its address as printed, and every doubt about it.

    build        passages to citations
    flat         a passage as one string; the layout of the whole document
    joining      does an address go on after a line end?
    urls         where addresses start and stop
    hosts        what looks like a host name
    identifiers  DOI, arXiv, Handle, URN:NBN
    links        hyperlinks of markup, merged with the text they cover
    context      the title, the date and the sentence around an address
    dates        in six languages
    repair       what may have been meant beside what is printed
    references   ibid., supra note 12, op. cit.
    resolve      which addresses they lead to

The form of the result is docs/formats/citations.md.
"""

from __future__ import annotations

from preserve.cite.build import Located, citations, locate

__all__ = ["Located", "citations", "locate"]
