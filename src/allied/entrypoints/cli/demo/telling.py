"""How the demonstration tells its story: words to stderr, with colour on a terminal.

Everything that was verified is also remembered for `--json`: what, on whose node, and
through which door it was read. Text of other organisations is made visible first.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from allied.entrypoints.cli.terminal import visible

Door = Literal["store", "federation", "taxii", "health"]
_INDENT = "     "


@dataclass(frozen=True, slots=True)
class ReadBack:
    """One thing that was verified by reading it back.

    Attributes:
        at: the organisation on whose node it was read.
        through: its own store, or what its server answers over HTTP.
    """

    chapter: str
    what: str
    at: str
    through: Door


@dataclass(slots=True)
class Teller:
    """Tells, and remembers what was read back.

    Attributes:
        silent: with --json; only what goes wrong is said then.
    """

    silent: bool = False
    read_back: list[ReadBack] = field(default_factory=list)
    _chapter: str = ""
    _number: int = 0
    _console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))

    def chapter(self, title: str) -> None:
        """Begin a chapter of the story."""
        self._chapter = title
        self._number += 1
        self._print("")
        self._print(f"{self._number:>3}  {title}", style="bold")

    def line(self, words: str, *, style: str = "") -> None:
        """One line of the story."""
        for part in visible(words).splitlines():
            self._print(_INDENT + part, style=style)

    def verified(self, what: str, at: str, through: Door = "store") -> None:
        """Something was read back from `at`."""
        self.read_back.append(ReadBack(self._chapter, what, at, through))
        place = f"read at {at}" if through == "store" else f"read at {at} over HTTP"
        self._print(f"  ok {visible(what)}  ({place})", style="green")

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table."""
        cells = [[visible(str(cell)) for cell in row] for row in rows]
        if self.silent:
            return
        if self._console.is_terminal:
            shown = Table(box=None, pad_edge=False, header_style="bold")
            for heading in headings:
                shown.add_column(heading, overflow="fold")
            for row in cells:
                shown.add_row(*(escape(cell) for cell in row))
            from rich.padding import Padding

            self._console.print(Padding(shown, (0, 0, 0, len(_INDENT))))
            return
        widths = [max(map(len, column)) for column in zip(headings, *cells, strict=True)]
        for row in ([heading.upper() for heading in headings], *cells):
            padded = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
            self._print((_INDENT + "  ".join(padded)).rstrip())

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """A sign of life on a terminal while something is awaited."""
        if self.silent or not self._console.is_terminal:
            yield
            return
        with self._console.status(escape(visible(what))):
            yield

    def _print(self, words: str, *, style: str = "") -> None:
        if self.silent:
            return
        if self._console.is_terminal:
            self._console.print(escape(words), style=style or None, soft_wrap=True)
        else:
            print(words, file=sys.stderr, flush=True)
