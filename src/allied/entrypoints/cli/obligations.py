"""What is owed, and what came of it: `allied obligation ...`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from allied.entrypoints.cli.options import (
    ActingOrganisation,
    ActingPerson,
    AsJson,
    Folder,
    PassphraseFile,
    actor,
    opened,
    who,
)
from allied.entrypoints.cli.terminal import give, instant, say, table

if TYPE_CHECKING:
    from allied.node.cases import ObligationView

app = typer.Typer(help="What is owed to whom by when, and what came of it.", no_args_is_help=True)

Key = Annotated[str, typer.Argument(metavar="OBLIGATION", help="Its id, or the start of it.")]
Why = Annotated[str, typer.Option("--why", help="The reason: a word the clause allows, or text.")]


@app.command("list")
def show_all(
    mine: Annotated[bool, typer.Option("--mine", help="Only what is owed by or to us.")] = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show obligations, with their states and deadlines."""
    from allied.node.obligations import list_obligations

    with opened(folder) as node:
        found = list_obligations(node, who(node, organisation), mine_only=mine)
    if not found and not as_json:
        say("Nothing is owed.")
        return
    _give(found, as_json=as_json)


@app.command("show")
def show(
    key: Key, organisation: ActingOrganisation = "", folder: Folder = None, as_json: AsJson = False
) -> None:
    """Show one obligation: who owes what, why, and everything that was said about it."""
    from allied.node.obligations import show as look

    with opened(folder) as node:
        found = look(node, who(node, organisation), key)
    if as_json:
        give(found, as_json=True)
        return
    _give([found], as_json=False)
    for line in found.explanation:
        give(None, as_json=False, lines=(f"  {line.gate} {line.answer}: {line.because}",))
    for step in found.time_line:
        give(None, as_json=False, lines=(f"  {instant(step.at)}  {step.text}",))


@app.command("acknowledge")
def acknowledge(
    key: Key,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Say, as the debtor, that you know what you owe."""
    _say("acknowledge", key, organisation, person, folder, passphrase_file, as_json)


@app.command("accept")
def accept(
    key: Key,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Promise to perform: an act of a person, as the debtor."""
    _say("accept", key, organisation, person, folder, passphrase_file, as_json)


@app.command("decline")
def decline(
    key: Key,
    why: Why,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Decline as the debtor, with the reason; under a must it is shown as a possible breach."""
    _say("decline", key, organisation, person, folder, passphrase_file, as_json, why=why)


@app.command("perform")
def perform(
    key: Key,
    evidence: Annotated[list[str], typer.Option("--evidence", help="Text, or @FILE (repeatable).")],
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Say, as the debtor, that it was done, with evidence."""
    from allied.entrypoints.cli.files import evidence_of

    _say(
        "perform",
        key,
        organisation,
        person,
        folder,
        passphrase_file,
        as_json,
        evidence=[evidence_of(each) for each in evidence],
    )


@app.command("verify")
def verify(
    key: Key,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Agree, as the creditor, that it was performed."""
    _say("verify", key, organisation, person, folder, passphrase_file, as_json)


def _say(
    verb: str,
    key: str,
    organisation: str,
    person: str,
    folder: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
    *,
    why: str = "",
    evidence: list[tuple[str, bytes]] | None = None,
) -> None:
    from allied.node.obligations import say as state

    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file)
        found = state(node, acting, key, verb, why=why, evidence=evidence or [])
    _give([found], as_json=as_json)


def _give(found: Sequence[ObligationView], *, as_json: bool) -> None:
    if as_json:
        give(found, as_json=True)
        return
    table(
        ("id", "debtor", "owes", "to", "state", "answer by", "perform by"),
        [
            (
                each.key[:12],
                each.debtor,
                ", ".join(each.measures) or each.act,
                each.creditor,
                each.state,
                instant(each.answer_by),
                instant(each.perform_by),
            )
            for each in found
        ],
    )
    for each in found:
        if each.why:
            say(f"{each.key[:12]}: {each.why}")
        if each.reason:
            say(f"{each.key[:12]}: the reason given is {each.reason}")
