"""Moving incidents that are long over out of a node, and back: `allied archive ...`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from allied.entrypoints.cli.options import AsJson, DryRun, Folder, opened
from allied.entrypoints.cli.terminal import give, say
from allied.errors import UsageError

if TYPE_CHECKING:
    from allied.node.archiving import Archived

app = typer.Typer(
    help="Move what was said of incidents that are long over into a file, and back.",
    no_args_is_help=True,
)


@app.command("create")
def create(
    agreement: Annotated[
        str, typer.Argument(metavar="AGREEMENT", help="Its id, the start of it, or the file's id.")
    ],
    before: Annotated[
        str, typer.Option("--before", help="A day: only what nobody has spoken of since (UTC).")
    ],
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write; a new one.")
    ] = None,
    dry_run: DryRun = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Move incidents that are over out of the node into a file; their outlines stay.

    Over are those under which nobody owes anything any more, and of which nobody has spoken since
    that day. Only what lies behind a checkpoint, and what every party holds, goes. Keep the file
    like a backup: it is not encrypted, and nobody else is told that you have moved it.
    """
    from allied.node import archiving

    day = _day(before)
    with opened(folder) as node:
        if dry_run:
            found = archiving.look(node, agreement, day)
        elif output is None:
            raise UsageError("archive.no-file", "say which file to write: --output FILE")
        elif output.exists():
            raise UsageError("archive.exists", f"{output.name} is there already")
        else:
            target = output
            found = archiving.archive(node, agreement, day, lambda lines: _write(target, lines))
    if as_json:
        give(found, as_json=True)
        return
    done = "would go" if dry_run else "have gone"
    say(f"Of {found.alias} {done} into the archive: {_words(found)}. Outlines stay in their place.")


@app.command("restore")
def restore(
    file: Annotated[Path, typer.Argument(help="An archive that `allied archive create` wrote.")],
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Put back what an archive holds; whatever is here already stays as it is."""
    from allied.node import archiving

    with opened(folder) as node:
        try:
            with file.open("rb") as stream:
                found = archiving.put_back(node, stream)
        except FileNotFoundError as missing:
            raise UsageError("file.missing", f"there is no file {file.name}") from missing
        except OSError as broken:
            raise UsageError("file.unreadable", f"{file.name} cannot be read") from broken
    if as_json:
        give(found, as_json=True)
        return
    say(f"Back in {found.alias}: {_words(found)}.")


def _words(found: Archived) -> str:
    incidents, records = _several(found.incidents, "incident"), _several(found.records, "record")
    return f"{incidents} with {records} and {_several(found.texts, 'text')}"


def _several(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _day(given: str) -> datetime:
    try:
        return datetime.strptime(given, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError as error:
        raise UsageError("archive.day", "a day is written YYYY-MM-DD, as in 2026-01-31") from error


def _write(output: Path, lines: Iterator[bytes]) -> None:
    """Write a file that is there as a whole or not at all, and on the disk."""
    import os

    part = output.with_name(f"{output.name}.part")
    try:
        part.touch(mode=0o600)
        with part.open("wb") as out:
            for each in lines:
                out.write(each)
            out.flush()
            os.fsync(out.fileno())
        part.replace(output)
    except OSError as broken:
        raise UsageError("archive.file", f"{output.name} cannot be written") from broken
    finally:
        part.unlink(missing_ok=True)
