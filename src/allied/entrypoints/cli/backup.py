"""Backups: `allied backup create|verify|restore|move|key`, and `allied resume` after a restore."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from allied.entrypoints.cli.options import AsJson, Folder, PassphraseFile, passphrase
from allied.entrypoints.cli.terminal import give, say, table
from allied.entrypoints.statuses import PROBLEMS
from allied.errors import NotAuthorisedError

app = typer.Typer(help="Backups of this node, encrypted, keys apart.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="The backup.", show_default=False)]
BackupPassphrase = Annotated[
    Path | None,
    typer.Option(
        "--backup-passphrase-file",
        envvar="ALLIED_BACKUP_PASSPHRASE_FILE",
        help="File with the passphrase of the backup, another than that of the keys.",
        show_default=False,
    ),
]
Secret = Annotated[
    Path | None,
    typer.Option("--secret", help="What `backup key` wrote, for a backup made --to its holder."),
]

Database = Annotated[
    str,
    typer.Option(
        "--database",
        help="An empty PostgreSQL database, postgresql://...; else what ALLIED_DATABASE says.",
        show_default=False,
    ),
]


def add_to(app: typer.Typer) -> None:
    """Add the verb that goes on after a restore."""
    app.command("resume")(resume)


@app.command("create")
def create(
    file: File,
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="Write the sealed keys into this file; keep it elsewhere."),
    ] = None,
    online: Annotated[
        bool, typer.Option("--online", help="Also while `serve` runs on this folder.")
    ] = False,
    to: Annotated[
        str, typer.Option("--to", help="Encrypt to this public key instead of a passphrase.")
    ] = "",
    folder: Folder = None,
    backup_passphrase_file: BackupPassphrase = None,
    as_json: AsJson = False,
) -> None:
    """Write one consistent state of the node, encrypted."""
    from allied.bootstrap import backup_lockable, create_backup

    lockable = backup_lockable(lambda: _passphrase(backup_passphrase_file, new=True), to)
    made = create_backup(folder, file, lockable, keys=keys, online=online)
    give(made, as_json=as_json, lines=(f"{file}  {made['bytes']} bytes",))
    if keys is None:
        say("The keys are not in it: write them with --keys, and again after each change of keys.")
    say("`allied backup verify` says whether it can be read; try a restore now and then.")


@app.command("verify")
def verify(
    file: File,
    backup_passphrase_file: BackupPassphrase = None,
    secret: Secret = None,
    as_json: AsJson = False,
) -> None:
    """Check everything in a backup: bytes, digests, signatures, chains. Needs no node."""
    from allied.bootstrap import backup_opener, verify_backup

    opener = backup_opener(lambda: _passphrase(backup_passphrase_file), secret)
    about, whole = verify_backup(file, opener)
    give(
        {
            "about": about,
            "agreements": whole.agreements,
            "records": whole.records,
            "ledger_rows": whole.ledger_rows,
            "findings": whole.findings,
        },
        as_json=as_json,
        lines=(
            f"made {about.get('made_at')}",
            *(
                f"{number} {noun if number == 1 else noun + 's'}"
                for noun, number in (
                    ("organisation", whole.organisations),
                    ("agreement", whole.agreements),
                    ("record", whole.records),
                    ("ledger row", whole.ledger_rows),
                )
            ),
        ),
    )
    if whole.findings and not as_json:
        table(
            ("code", "about", "how often", "what"),
            [(each.code, each.subject, each.count, each.text) for each in whole.findings],
        )
    if whole.findings:
        raise typer.Exit(PROBLEMS)
    say("Everything in it is as it was signed and stored.")


@app.command("restore")
def restore(
    file: File,
    into: Annotated[Path, typer.Option("--into", help="A folder that is not there yet.")],
    keys: Annotated[
        Path | None, typer.Option("--keys", help="The file with the sealed keys.")
    ] = None,
    database: Database = "",
    backup_passphrase_file: BackupPassphrase = None,
    secret: Secret = None,
    as_json: AsJson = False,
) -> None:
    """Make a new data folder out of a backup; then `allied resume`."""
    from allied.bootstrap import backup_opener, restore_backup

    opener = backup_opener(lambda: _passphrase(backup_passphrase_file), secret)
    about, rows = restore_backup(file, opener, into, keys=keys, database=database)
    give(
        {"about": about, "folder": str(into), "rows": rows},
        as_json=as_json,
        lines=(str(into),),
    )
    _say_rows(rows)
    say("Nothing is signed there yet. Where the newest fence.json of the node is left, put it in.")
    say(f"Then: allied resume --data {into}")


@app.command("move")
def move(
    database: Database = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Take the database of this node, which does not serve, from its folder to PostgreSQL."""
    from allied.bootstrap import move_node

    rows = move_node(folder, database=database)
    give({"rows": rows}, as_json=as_json, lines=())
    _say_rows(rows)
    say("The node goes on there; what it had in the folder lies in backups/.")


def _say_rows(rows: Mapping[str, int]) -> None:
    if rows:
        say(f"{sum(rows.values())} rows in {len(rows)} tables are in the database.")


@app.command("key")
def key(
    file: Annotated[Path, typer.Argument(help="Where to write what opens the backups.")],
    as_json: AsJson = False,
) -> None:
    """Make a key for backups: the file opens them, the public part makes them (--to)."""
    from allied.bootstrap import backup_key

    public = backup_key(file)
    give({"public": public, "secret": str(file)}, as_json=as_json, lines=(public,))
    say(f"Move {file} off this machine; without it the backups made for it are lost.")


def resume(
    recovery_file: Annotated[
        list[Path] | None,
        typer.Option(
            "--recovery-file", help="With the next key, if a new incarnation begins (repeatable)."
        ),
    ] = None,
    without_unreached: Annotated[
        bool,
        typer.Option("--without-unreached", help="Go on although some peer could not be asked."),
    ] = False,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Go on after a restore: ask the peers how far this node was, never sign a number twice."""
    from allied.bootstrap import resume_node

    done = resume_node(
        folder,
        lambda: passphrase(passphrase_file),
        recovery=recovery_file or (),
        without_unreached=without_unreached,
    )
    give(
        [
            {
                "id": each.organisation.label,
                "organisation": each.organisation.id,
                "adopted": each.adopted,
                "incarnation": each.incarnation,
                "certain": each.certain,
                "unreached": list(each.unreached),
            }
            for each in done
        ],
        as_json=as_json,
        lines=[
            f"{each.organisation.label}  {each.adopted} own records came back,"
            + (" its chains go on" if each.certain else f" incarnation {each.incarnation} begins")
            for each in done
        ],
    )
    if any(not each.certain for each in done):
        say("The recovery file was rewritten: move it off this machine again.")


def _passphrase(file: Path | None, *, new: bool = False) -> str:
    from allied.bootstrap import backup_passphrase

    def ask() -> str:
        if not sys.stdin.isatty():
            raise NotAuthorisedError(
                "backup.no-passphrase",
                "a backup is encrypted, and nobody is here to give its passphrase",
                hint="give --backup-passphrase-file, or --to with a public key",
            )
        return str(typer.prompt("Backup passphrase", hide_input=True, confirmation_prompt=new,
                                err=True))  # fmt: skip

    return backup_passphrase(file, ask)
