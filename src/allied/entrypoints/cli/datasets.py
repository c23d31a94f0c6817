"""Releases of data sets: `allied item compare` says what is new, `allied item bundle` writes it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from allied.entrypoints.cli.options import ActingOrganisation, AsJson, Folder, opened, who
from allied.entrypoints.cli.terminal import gathered, say, table
from allied.entrypoints.statuses import PROBLEMS

if TYPE_CHECKING:
    from allied.exchange.comparison import Difference

_SHOWN_AT_MOST = 50
_MAX_BYTES = 4 << 30


def add_to(items: typer.Typer) -> None:
    """Add the verbs to `allied item`."""
    items.command("compare")(compare)
    items.command("bundle")(bundle)


def compare(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="STIX 2.1 bundle, plain or gzip.")],
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Shared under which.")],
    max_bytes: Annotated[
        int, typer.Option("--max-bytes", help="Refuse a larger file.", min=1)
    ] = _MAX_BYTES,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say what a new release of a data set changes, against what you shared; shares nothing.

    Exit status 8 when objects are invalid or contradict what was shared.
    """
    from allied.bootstrap import bundle_source
    from allied.exchange.comparison import Change
    from allied.node.dataset import compare as look

    told: list[Difference] = []
    with opened(folder) as node, gathered() as differences:

        def tell(one: Difference) -> None:
            if as_json:
                differences.add(one)
            elif len(told) < _SHOWN_AT_MOST:
                told.append(one)

        found = look(
            node,
            who(node, organisation),
            bundle_source(file, max_bytes),
            agreement,
            on_difference=tell,
        )
        if as_json:
            differences.give("differences", {"compared": found})
    if not as_json:
        table(
            ("change", "objects"),
            [(change.value, number) for change, number in found.counts.items() if number],
        )
        table(
            ("change", "object", "from", "to", "differs in"),
            [
                (
                    each.change.value,
                    each.id,
                    each.before or "-",
                    each.after or "-",
                    each.code or ", ".join(each.properties),
                )
                for each in told
            ],
        )
        more = sum(found.counts.values()) - found.counts[Change.UNCHANGED] - len(told)
        if more:
            say(f"  and {more} more; --json lists all")
        if found.broken:
            say(f"  the file breaks off [{found.broken}]; what came before was compared")
    if found.broken or found.counts[Change.INVALID] or found.counts[Change.CONTRADICTING]:
        raise typer.Exit(PROBLEMS)


def bundle(
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Held under which.")],
    own: Annotated[bool, typer.Option("--own", help="Only what you shared yourself.")] = False,
    types: Annotated[
        list[str] | None, typer.Option("--type", help="Only this STIX type (repeatable).")
    ] = None,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,  # noqa: ARG001 - it is one JSON value in any case
) -> None:
    """Write what you hold under an agreement as a STIX bundle to stdout, byte for byte."""
    from allied.node.dataset import bundle as written

    with opened(folder) as node:
        acting = who(node, organisation)
        for piece in written(node, acting, agreement, own=own, types=types or None):
            sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
