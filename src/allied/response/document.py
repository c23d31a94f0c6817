"""A small tree of headings, sentences, lists and tables, written as text or as Markdown.

What a report says is decided elsewhere (`report`); here is only how it is laid out, so that a
console can render the same tree in its own way.

Two rules hold everywhere below. What stands in a cell or a sentence came from people and from
other organisations: control characters are dropped, and in Markdown everything that could be
read as markup is escaped. The output is the same for the same tree: no widths of a terminal,
no locale, no clock.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

WIDTH = 96

_MARKUP = re.compile(r"([\\`*_\[\]<>|~$&#])")
_OPENER = re.compile(r"^(\d*)([-+=.)])")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One or more sentences."""

    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list of sentences."""

    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings, which may all be empty; every row has a cell for each column."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


Block: TypeAlias = "Paragraph | Items | Table"


@dataclass(frozen=True, slots=True)
class Section:
    """A heading, what stands under it, and sections below."""

    title: str
    blocks: tuple[Block, ...] = ()
    sections: tuple[Section, ...] = ()


def plain(text: str) -> str:
    """Return `text` on one line without control characters or changes of direction."""
    return _SPACE.sub(" ", _CONTROL.sub("", text)).strip()


def to_text(document: Section) -> str:
    """Lay `document` out for a terminal or a plain file, `WIDTH` characters wide at most.

    Tables keep their columns even where that is wider.
    """
    return "\n".join(_text(document, 0)).rstrip() + "\n"


def to_markdown(document: Section) -> str:
    """Lay `document` out as CommonMark with tables."""
    return "\n".join(_markdown(document, 1)).rstrip() + "\n"


def _text(section: Section, depth: int) -> Iterator[str]:
    title = plain(section.title)
    yield title
    yield ("=" if depth == 0 else "-" if depth == 1 else "·") * len(title)
    yield ""
    for block in section.blocks:
        match block:
            case Paragraph(text):
                yield from textwrap.wrap(plain(text), WIDTH) or [""]
            case Items(entries):
                for entry in entries:
                    yield from textwrap.wrap(
                        plain(entry), WIDTH, initial_indent="  * ", subsequent_indent="    "
                    )
            case Table(columns, rows):
                yield from _columns(columns, rows)
        yield ""
    for below in section.sections:
        yield from _text(below, depth + 1)


def _columns(columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    headed = any(columns)
    shown = (columns, *rows) if headed else rows
    cells = [tuple(plain(cell) for cell in row) for row in shown]
    widths = [max((len(row[i]) for row in cells), default=0) for i in range(len(columns))]
    for number, row in enumerate(cells):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield "  " + line.rstrip()
        if headed and number == 0:
            yield "  " + "  ".join("-" * width for width in widths)


def _markdown(section: Section, depth: int) -> Iterator[str]:
    yield f"{'#' * min(depth, 6)} {_escaped(section.title)}"
    yield ""
    for block in section.blocks:
        match block:
            case Paragraph(text):
                yield _escaped(text)
            case Items(entries):
                for entry in entries:
                    yield f"- {_escaped(entry)}"
            case Table(columns, rows):
                yield _row(columns)
                yield "|" + " --- |" * len(columns)
                for row in rows:
                    yield _row(row)
        yield ""
    for below in section.sections:
        yield from _markdown(below, depth + 1)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(_escaped(cell) for cell in cells) + " |"


def _escaped(text: str) -> str:
    safe = _MARKUP.sub(r"\\\1", plain(text))
    # What opens a list or underlines a heading does so only at the start of a line.
    return _OPENER.sub(r"\1\\\2", safe)
