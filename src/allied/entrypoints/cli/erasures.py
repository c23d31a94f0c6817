"""Having texts erased wherever they are held, and keeping them: `allied erasure ...`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from allied.entrypoints.cli.options import (
    ActingOrganisation,
    ActingPerson,
    AsJson,
    DryRun,
    Folder,
    PassphraseFile,
    Yes,
    actor,
    opened,
    who,
)
from allied.entrypoints.cli.terminal import give, instant, say, table

if TYPE_CHECKING:
    from allied.node.erasing_views import ErasureView

app = typer.Typer(
    help="Texts beside records: narrative, evidence, reasons. Have yours erased everywhere.",
    no_args_is_help=True,
)

TextName = Annotated[
    str,
    typer.Argument(
        metavar="TEXT", help="A text (8 digits or more), or the whole id of a record for all its."
    ),
]
Under = Annotated[str, typer.Option("--agreement", "-a", help="Under which agreement.")]
_SHORT = 12


@app.command("texts")
def texts(
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Only under this one.")] = "",
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show the texts that records name: whose they are, and whether they are still here."""
    from allied.node.erasing_views import list_texts

    with opened(folder) as node:
        found = list_texts(node, who(node, organisation), agreement)
    if as_json:
        give(found, as_json=True)
        return
    if not found:
        say("No record names a text.")
        return
    table(
        ("text", "agreement", "by", "named in", "at", "here", "it begins"),
        [
            (
                each.text[:_SHORT],
                each.alias,
                each.by,
                each.kind,
                instant(each.at),
                each.state + (f" (kept: {each.held_for})" if each.held_for else ""),
                each.beginning,
            )
            for each in found
        ],
    )


@app.command("ask")
def ask(
    name: TextName,
    agreement: Under,
    why: Annotated[str, typer.Option("--why", help="For those who hold it.")] = "",
    dry_run: DryRun = False,
    yes: Yes = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Have a text of yours erased by everybody who holds it; an act, and not to be undone.

    Here it is erased at once; each partner's node does so when it hears of it, and says so.
    """
    from allied.node.erasing import ask as call

    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file)
        if not (yes or dry_run):
            typer.confirm("Erase it here and have all others erase it?", abort=True, err=True)
        found = call(node, acting, agreement, name, why, dry_run=dry_run)
    if as_json:
        give(found, as_json=True)
        return
    if dry_run:
        say("It would be erased here, and asked of everybody who can have it.")
        return
    _tell(found)
    say("It is gone here. `allied erasure list` shows who has erased it.")


@app.command("list")
def list_(
    organisation: ActingOrganisation = "", folder: Folder = None, as_json: AsJson = False
) -> None:
    """Show what was to be erased, by whose wish, and what each party has done."""
    from allied.node.erasing_views import list_erasures

    with opened(folder) as node:
        found = list_erasures(node, who(node, organisation))
    if as_json:
        give(found, as_json=True)
        return
    if not found:
        say("Nobody has asked for anything to be erased.")
        return
    _tell(found)


@app.command("hold")
def hold(
    name: TextName,
    agreement: Under,
    why: Annotated[str, typer.Option("--why", help="Answered if its author wants it gone.")],
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Keep a text whatever its author wishes later; told to nobody before that.

    If its author wants it gone the bytes stay, this node shows them to nobody, and the reason
    is the answer.
    """
    from allied.node.erasing import hold as call

    with opened(folder) as node:
        call(node, who(node, organisation), agreement, name, why)
    if as_json:
        give({"held": name, "why": why}, as_json=True)
        return
    say("It stays until `allied erasure release`.")


@app.command("release")
def release(
    name: TextName,
    agreement: Under,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Keep a text no longer; if its author wanted it gone it is erased at once."""
    from allied.node.erasing import release as call

    with opened(folder) as node:
        gone = call(node, who(node, organisation), agreement, name)
    if as_json:
        give({"released": name, "erased": gone}, as_json=True)
        return
    say(f"Released; {gone} erased." if gone else "Released.")


def _tell(found: Sequence[ErasureView]) -> None:
    table(
        ("wish", "agreement", "by", "at", "text", "here", "party", "has", "why"),
        [
            (
                each.id[:_SHORT],
                each.alias,
                each.by,
                instant(each.at),
                ", ".join(text.text[:_SHORT] for text in each.texts),
                ", ".join(sorted({text.state for text in each.texts})),
                party.party,
                party.state,
                party.why or each.why,
            )
            for each in found
            for party in each.parties
        ],
    )
    for each in found:
        if each.mine and each.silent:
            say(f"  {each.id[:_SHORT]}: no word yet from {', '.join(each.silent)}")
