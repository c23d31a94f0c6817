"""A document as PDF/A, typeset from what `agreement.explain` and `agreement.diff` say.

The library comes with the extra `pdf` and is loaded only here, when a document is asked for.
Which words stand in the document is not decided here.

Rules that hold everywhere below. The same document gives the same bytes: no clock is read and
nothing is fetched; fonts of this machine are used only for letters that the typesetter's own
lack. Text reaches the typesetter as data, never as its markup, so no agreement can draw, read a
file or run anything.

Source: PDF/A-2a (ISO 19005-2), which readers for the blind can follow as well.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final

from allied.errors import MalformedError, UsageError

SIZE_LIMIT: Final = 4 << 20
"""Characters of a document that is typeset at most."""

_LONG_AGO: Final = datetime(1980, 1, 1, tzinfo=UTC)
"""The day that stands in every document, which is made on no particular day."""

_LAYOUT: Final = b"""
#let said = json(bytes(sys.inputs.document))
#set document(title: said.title, date: datetime(year: 1980, month: 1, day: 1))
#set page(paper: "a4", margin: 22mm, numbering: "1 / 1")
#set text(font: "Libertinus Serif", size: 10.5pt, lang: "en")
#set par(justify: false)
#show heading.where(level: 1): set text(size: 17pt)
#show heading.where(level: 2): set block(above: 1.6em, below: 0.8em, sticky: true)
#let points(entries) = list(..entries.map(each => {
  if each.faint { text(size: 9pt, fill: luma(35%), each.text) } else { each.text }
  if each.below.len() > 0 { points(each.below) }
}))
#heading(level: 1, said.title)
#for each in said.lead { par(each) }
#for section in said.sections {
  if section.title != "" { heading(level: 2, section.title) }
  if section.lead != "" { quote(block: true, section.lead) }
  if section.points.len() > 0 { points(section.points) }
}
#for each in said.closing { par(each) }
"""


def typeset(document: dict[str, Any]) -> bytes:
    """A document as PDF/A-2a.

    Args:
        document: `title`, `lead` and `closing` (texts), and `sections` of `title`, `lead` and
            `points`; a point has `text`, `faint` and further points `below`.

    Raises:
        UsageError: `pdf.not-installed`, naming the extra that brings the library.
        MalformedError: `pdf.too-large`; `pdf.no-letters` where no font has the letters.
    """
    try:
        import typst
    except ImportError as missing:
        raise UsageError(
            "pdf.not-installed",
            "what makes PDF files is not installed",
            hint="install the extra `pdf`: pip install 'allied[pdf]'",
        ) from missing
    said = json.dumps(document, ensure_ascii=False)
    if len(said) > SIZE_LIMIT:
        raise MalformedError(
            "pdf.too-large",
            f"a document of more than {SIZE_LIMIT} characters is not typeset",
            hint="print it as text, Markdown or HTML",
        )
    for own_fonts_only in (True, False):
        compiler = typst.Compiler(
            _LAYOUT, ignore_system_fonts=own_fonts_only, sys_inputs={"document": said}
        )
        try:
            made = compiler.compile(format="pdf", pdf_standards=["a-2a"], timestamp=_LONG_AGO)
        except typst.TypstError:  # its message would repeat what stands in the document
            continue
        if isinstance(made, bytes):
            return made
    raise MalformedError(
        "pdf.no-letters",
        "the document has letters that no font here can show",
        hint="install a font that has them, or print it as HTML",
    )
