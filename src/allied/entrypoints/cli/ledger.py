"""The disclosure ledger: `allied ledger list | show | prove | verify | export | ...`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from allied.entrypoints.cli.options import (
    ActingOrganisation,
    AsJson,
    Folder,
    PassphraseFile,
    opened,
    unlocked,
    who,
)
from allied.entrypoints.cli.terminal import give, instant, say, table
from allied.entrypoints.statuses import PROBLEMS
from allied.errors import UsageError

if TYPE_CHECKING:
    from allied.entrypoints.verifying import Verified
    from allied.node.disclosures import RowView

app = typer.Typer(
    help="What left this node, what did not, and the proof of it.", no_args_is_help=True
)

_PIECE: Final = 1 << 18
_MOST_FILES: Final = 1_000

Row = Annotated[int, typer.Argument(metavar="ROW", help="Its number, from `allied ledger list`.")]


@app.command("list")
def show_all(
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Only under this.")] = "",
    to: Annotated[str, typer.Option("--to", help="Only about this party.")] = "",
    item: Annotated[
        str, typer.Option("--item", help="Only about this object: its STIX id, or its number.")
    ] = "",
    outcome: Annotated[
        str, typer.Option("--outcome", help="permitted, refused, released or recalled.")
    ] = "",
    after: Annotated[int, typer.Option("--after", help="Only rows past this one.", min=0)] = 0,
    limit: Annotated[int, typer.Option("--limit", help="At most so many.", min=1)] = 100,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """List rows: who received what, when, by which way out, under which clause.

    With --item: everything that was decided about that object, also where it is recalled.
    """
    from allied.node.disclosures import Asked, rows

    asked = Asked(agreement=agreement, recipient=to, item=item, outcome=outcome)
    with opened(folder) as node:
        found = rows(node, who(node, organisation), asked, after=after, limit=min(limit, 10_000))
    if as_json:
        give(found, as_json=True)
        return
    table(
        ("row", "when", "agreement", "party", "outcome", "why", "items", "clause", "way", "proof"),
        [
            (
                each.seq,
                instant(each.at),
                each.alias,
                each.recipient,
                each.outcome,
                each.code,
                each.count,
                each.art or "-",
                each.via,
                _vouched(each),
            )
            for each in found
        ],
    )
    if len(found) == min(limit, 10_000):
        say(f"There may be more: --after {found[-1].seq}")


def _vouched(row: RowView) -> str:
    receipt = " receipt" if row.receipt_at else ""
    return (f"root of {row.through}" if row.through else "no root yet") + receipt


@app.command("show")
def show(
    row: Row,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show one row, with its place in the chain and the root that vouches for it."""
    from allied.node.disclosures import row as look

    with opened(folder) as node:
        found = look(node, who(node, organisation), row)
    give(found, as_json=as_json, lines=_described(found))


def _described(row: RowView) -> Iterator[str]:
    yield f"row {row.seq}: {row.outcome} [{row.code}]"
    yield f"  to {row.recipient} under {row.alias}, clause {row.art or '-'}, by {row.via}"
    yield f"  {row.count} items, at {instant(row.at)}"
    if row.proof:
        yield f"  of the pull {row.proof}"
    if row.outcome == "released":
        yield f"  receipt: {instant(row.receipt_at) if row.receipt_at else 'none'}"
    yield f"  hash {row.hash}"
    if row.through:
        yield f"  committed to with number {row.number}, through {row.through}"
        yield f"  record {row.record}"
    else:
        yield "  not committed to yet"


@app.command("prove")
def prove(
    row: Row,
    output: Annotated[Path, typer.Option("--output", help="The file to write.")],
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Write a proof of one row into a file; it shows that row and no other."""
    from allied.entrypoints.verifying import shown, verify as hold
    from allied.node.ledger_proofs import prove as make

    with opened(folder) as node:
        raw = make(node, who(node, organisation), row)
    _write(output, iter((raw,)))
    found = shown(hold((raw,)))
    give({"file": output.name, "verified": found}, as_json=as_json, lines=(output.name,))
    say(f"{len(raw)} bytes; `allied ledger verify` checks it anywhere, without a node.")
    if found.row is not None and found.row.outcome == "released" and found.receipt_at is None:
        say("The recipient has not signed for it, so the file holds no receipt.")


@app.command("export")
def export(
    output: Annotated[Path, typer.Option("--output", help="The file to write.")],
    agreement: Annotated[
        str, typer.Option("--agreement", "-a", help="Only this; else the whole ledger.")
    ] = "",
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Write the ledger into a file for an auditor: every row, checkable without a node."""
    from allied.node.agreements import resolve
    from allied.node.ledger_proofs import export as lines

    with opened(folder) as node:
        acting = who(node, organisation)
        named = None
        if agreement:
            with node.store.read() as reading:
                named = resolve(reading, agreement).id
        size = _write(output, lines(node, acting, named))
    give({"file": output.name, "size": size}, as_json=as_json, lines=(output.name,))
    say(
        f"{size} bytes. Whoever has this file knows all of it; give it to whom you trust with that."
    )


@app.command("commit")
def commit(
    agreement: Annotated[
        str, typer.Option("--agreement", "-a", help="Only this; else all agreements.")
    ] = "",
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Commit now to the rows that there are; by itself it is done once a day."""
    from allied.node.agreements import resolve
    from allied.node.ledger_roots import awaiting, commit as sign

    with opened(folder) as node:
        acting = who(node, organisation)
        keys = unlocked(node, passphrase_file)
        with node.store.read() as reading:
            named = [resolve(reading, agreement)] if agreement else reading.agreements()
            due = [row for row in named if awaiting(reading, acting, row.id)]
        signed = {row.alias: sign(node, keys, acting, row.id) for row in due}
    give(
        {"commitments": sum(signed.values())},
        as_json=as_json,
        lines=(f"{count} for {alias}" for alias, count in signed.items()),
    )
    if not signed:
        say("Everything is committed to already.")


@app.command("verify")
def verify(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE]...", help="Proofs and exports; none: one's own ledger."),
    ] = None,
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", help="Whose ledger it has to be.")
    ] = "",
    held: Annotated[
        bool,
        typer.Option("--held", help="Also against the roots that the node in --data holds."),
    ] = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Check files offline: no node is needed. Without a file: one's own chain and roots."""
    if files is None or not files:
        if fingerprint or held:
            raise UsageError("ledger.no-file", "this is asked of files", hint="name the files")
        _verify_own(organisation, folder, as_json=as_json)
        return
    if len(files) > _MOST_FILES:
        raise UsageError("ledger.too-many-files", f"at most {_MOST_FILES} files at once")
    found = [(file.name, _checked(file, fingerprint)) for file in files]
    _require_together([each for _, each in found], folder if held else None, held=held)
    if as_json:
        from allied.entrypoints.verifying import shown

        give([{"file": name, "verified": shown(each)} for name, each in found], as_json=True)
        return
    for name, each in found:
        give(None, as_json=False, lines=_told(name, each))
    if not fingerprint:
        say("Compare the fingerprint with the keeper's own: by telephone, or on paper.")


def _require_together(found: Sequence[Verified], folder: Path | None, *, held: bool) -> None:
    """Hold files against each other, and against what a node holds of their keepers."""
    from allied.exchange.disclosure_proof import Proven, require_agreeing

    proven = [each for each in found if isinstance(each, Proven)]
    require_agreeing(proven)
    if not held:
        return
    from allied.node.witness import require_held, require_whole

    with opened(folder) as node:
        require_held(node, proven)
        for each in found:
            if not isinstance(each, Proven):
                require_whole(node, each)


def _verify_own(organisation: str, folder: Path | None, *, as_json: bool) -> None:
    from allied.node.ledger_proofs import check

    with opened(folder) as node:
        found = check(node, who(node, organisation))
    give(
        found,
        as_json=as_json,
        lines=(
            f"{found.rows} rows hold, and {found.roots} roots; {found.awaiting} rows await a root",
        ),
    )


@app.command("witnessed")
def witnessed(
    organisation: ActingOrganisation = "", folder: Folder = None, as_json: AsJson = False
) -> None:
    """Show which roots of partners this node holds, and what does not go together."""
    from allied.node.witness import witness

    with opened(folder) as node:
        found = witness(node, who(node, organisation))
    if as_json:
        give(found, as_json=True)
    else:
        table(
            ("agreement", "keeper", "roots", "through", "seen by", "awaited since", "trouble"),
            [
                (
                    each.alias,
                    each.keeper,
                    each.roots,
                    each.through or "-",
                    ", ".join(each.seen_by) or "-",
                    each.awaited or "-",
                    ", ".join(sorted({trouble.kind for trouble in each.troubles})) or "-",
                )
                for each in found
            ],
        )
        for each in found:
            for trouble in each.troubles:
                say(f"{each.keeper} in {each.alias}: {trouble.text}")
                for record in trouble.records:
                    say(f"  record {record}")
    if any(each.troubles for each in found):
        raise typer.Exit(PROBLEMS)


# --- files ------------------------------------------------------------------------------------


def _write(output: Path, pieces: Iterator[bytes]) -> int:
    """Write a file that is there as a whole or not at all; its size."""
    part = output.with_name(f"{output.name}.part")
    size = 0
    try:
        part.touch(mode=0o600)
        with part.open("wb") as out:
            for each in pieces:
                size += out.write(each)
        part.replace(output)
    except OSError as broken:
        raise UsageError("ledger.file", f"{output.name} cannot be written") from broken
    finally:
        part.unlink(missing_ok=True)
    return size


def _checked(file: Path, fingerprint: str) -> Verified:
    """Check one file, and whose ledger it is from."""
    from allied.entrypoints.verifying import verify as hold
    from allied.errors import UnverifiedError
    from allied.record.identity import matches

    try:
        with file.open("rb") as stream:
            found = hold(iter(lambda: stream.read(_PIECE), b""))
    except FileNotFoundError as missing:
        raise UsageError("file.missing", f"there is no file {file.name}") from missing
    except OSError as broken:
        raise UsageError("file.unreadable", f"{file.name} cannot be read") from broken
    if fingerprint and not matches(fingerprint, found.keeper):
        raise UnverifiedError(
            "ledger.other-keeper",
            "a file is from the ledger of another organisation than was asked for",
            facts={"keeper": found.keeper},
        )
    return found


def _told(name: str, found: Verified) -> Iterator[str]:
    from allied.entrypoints.verifying import shown

    each = shown(found)
    yield f"{name}: holds, from the ledger of {each.keeper_name}"
    yield f"  fingerprint {each.fingerprint}"
    if each.row is None:
        whole = f"agreement {each.agreement}" if each.agreement else "all agreements"
        yield f"  {whole}: {each.rows} rows under {each.roots} roots, through {each.through or '-'}"
        if each.awaiting:
            yield f"  {each.awaiting} rows await a root: nothing that was signed vouches for them"
        if each.restarted:
            yield f"  begun anew {each.restarted} times: what was before is not in the file"
        return
    row = each.row
    clause = f"clause {row.art}" if row.art else "no clause"
    yield f"  {row.outcome} to {row.recipient} at {instant(row.at)}: {row.count} items, {clause}"
    yield f"  agreement {each.agreement}"
    yield f"  committed to through {each.through} in record {each.record}"
    if each.receipt_at is not None:
        yield f"  received at {instant(each.receipt_at)} by {each.receipt_name}"
        yield f"    ({each.receipt_by})"
