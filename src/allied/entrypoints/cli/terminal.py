"""What the command line says, and where: data on stdout, words on stderr.

With `--json` the data is one JSON value (its shapes are documented in docs/reference/cli.md)
and a refusal is {"error": {...}} on stdout as well, so that a script reads one stream. On a
terminal the data is a table or lines; colour only there, and never with NO_COLOR.

Control characters from other organisations (names, titles, reasons) are made visible
before they reach a terminal.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Final, cast

from allied.entrypoints.shapes import instant, plain

if TYPE_CHECKING:
    from rich.console import Console

Row = Sequence[object]
_IN_MEMORY: Final = 4 * 2**20


def visible(text: str) -> str:
    """`text` with control and bidirectional characters shown as escapes."""
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape").decode()
        for character in text
    )


def say(words: str) -> None:
    """Words for the person: to stderr."""
    print(visible(words), file=sys.stderr)


def give(value: object, *, as_json: bool, lines: Iterable[str] = ()) -> None:
    """Data: one JSON value, or lines for people; to stdout, and at once: somebody may wait."""
    if as_json:
        tty = sys.stdout.isatty()  # JSON spells out ESC, but not every character that steers
        json.dump(plain(value), sys.stdout, ensure_ascii=tty, indent=2 if tty else None)
        sys.stdout.write("\n")
    else:
        for line in lines:
            print(visible(line))
    sys.stdout.flush()


class Gathered:
    """Values of a long list, kept in a file once they are many, given as one JSON value."""

    def __init__(self, spool: IO[str]) -> None:
        self._spool = spool
        self._count = 0

    def add(self, value: object) -> None:
        """Take one more value."""
        self._spool.write(",\n" if self._count else "")
        json.dump(plain(value), self._spool, ensure_ascii=sys.stdout.isatty())
        self._count += 1

    def give(self, name: str, beside: Mapping[str, object]) -> None:
        """Give an object with what stands `beside`, and the list under `name`, to stdout."""
        head = json.dumps(plain(beside), ensure_ascii=sys.stdout.isatty())
        comma = ", " if beside else ""
        sys.stdout.write(f"{head[:-1]}{comma}{json.dumps(name)}: [")
        self._spool.seek(0)
        shutil.copyfileobj(self._spool, sys.stdout)
        sys.stdout.write("]}\n")
        sys.stdout.flush()


@contextmanager
def gathered() -> Iterator[Gathered]:
    """An empty list whose memory does not grow with what is added."""
    with tempfile.SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8") as spool:
        yield Gathered(cast("IO[str]", spool))


def table(headings: Sequence[str], rows: Iterable[Row]) -> None:
    """A table to stdout; plain aligned columns when stdout is not a terminal."""
    cells = [[_cell(plain(cell)) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        widths = [
            max(len(heading), *(len(row[column]) for row in cells)) if cells else len(heading)
            for column, heading in enumerate(headings)
        ]
        for row in ([heading.upper() for heading in headings], *cells):
            print(
                "  ".join(
                    cell.ljust(width) for cell, width in zip(row, widths, strict=True)
                ).rstrip()
            )
        return
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="bold")
    for heading in headings:
        shown.add_column(heading, overflow="fold")
    for row in cells:
        shown.add_row(*(cell.replace("[", r"\[") for cell in row))
    console().print(shown)


def _cell(value: object) -> str:
    """A value on one line: no text of another organisation makes a row of its own."""
    return visible(str(value)).replace("\n", "\\n").replace("\t", "\\t")


@contextmanager
def progress(what: str, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """A counter on the terminal while something long runs; silent elsewhere."""
    if not shown or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console as RichConsole
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}: {task.completed} objects"),
        TimeElapsedColumn(),
        console=RichConsole(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task(visible(what), total=None)
        yield lambda more: bar.advance(task, more)


def console() -> Console:
    """The terminal, for tables; rich is imported only here."""
    from rich.console import Console as RichConsole

    return RichConsole(highlight=False)


__all__ = [
    "Gathered",
    "console",
    "gathered",
    "give",
    "instant",
    "plain",
    "progress",
    "say",
    "table",
    "visible",
]
