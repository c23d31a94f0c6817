"""TAXII servers of others: `allied neighbour add|list|pull|push|remove`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from allied.entrypoints.cli.options import (
    ActingOrganisation,
    AsJson,
    Folder,
    PassphraseFile,
    Yes,
    opened,
    unlocked,
    who,
)
from allied.entrypoints.cli.terminal import give, say, table
from allied.entrypoints.shapes import instant, neighbour_summary
from allied.entrypoints.statuses import FAILED, PROBLEMS

if TYPE_CHECKING:
    from allied.node.neighbour_rows import Outcome

app = typer.Typer(
    help="TAXII servers of others: pulled from and pushed to, while `allied serve` runs.",
    no_args_is_help=True,
)

Label = Annotated[str, typer.Argument(help="What it is called here.")]


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(help="The collection: https://HOST/ROOT/collections/ID/")],
    label: Annotated[str, typer.Option("--label", help="What to call it here.")],
    agreement: Annotated[
        str, typer.Option("--agreement", "-a", help="What is pulled is shared under it.")
    ],
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help="A party that what is pulled is for; else for your tools alone."),
    ] = None,
    tlp: Annotated[str, typer.Option("--tlp", help="Raise what is pulled to this TLP.")] = "",
    push_to: Annotated[
        str, typer.Option("--push-to", help="The party whose server it is: push what it may have.")
    ] = "",
    no_pull: Annotated[bool, typer.Option("--no-pull", help="Only push.")] = False,
    user: Annotated[
        str, typer.Option("--user", help="For HTTP Basic; without it the secret is a token.")
    ] = "",
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", help="File with password or token; chmod 600."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Its address is private or on this machine; meant.")
    ] = False,
    every: Annotated[int, typer.Option("--every", help="Seconds between two rounds.")] = 300,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Add a collection of somebody else's TAXII server, after asking for it."""
    from allied.node.neighbours import Wanted, add as add_neighbour

    wanted = Wanted(
        url=url,
        label=label,
        agreement=agreement,
        pulls=not no_pull,
        to=tuple(to or ()),
        tlp=tlp,
        party=push_to,
        user=user,
        secret_file=str(secret_file.absolute()) if secret_file else "",
        allowed_private=private,
        every_seconds=every,
    )
    with opened(folder) as node:
        made, offered = add_neighbour(node, who(node, organisation), wanted)
    give(neighbour_summary(made), as_json=as_json, lines=(f"{made.label}  {offered.title}",))
    if made.pulls:
        say(f"What is pulled is for {made.to.replace(',', ', ')}.")
    if made.party:
        say(f"What {made.party} may have is pushed there.")
    say(f"`allied serve` asks it every {made.every_seconds} seconds.")


@app.command("list")
def show_all(
    organisation: ActingOrganisation = "", folder: Folder = None, as_json: AsJson = False
) -> None:
    """Show the neighbours, when each was last asked, and what is wrong."""
    with opened(folder) as node:
        own = who(node, organisation)
        with node.store.read() as reading:
            found = reading.neighbours(own.id)
    if as_json:
        give([neighbour_summary(each) for each in found], as_json=True)
        return
    if not found:
        say("No neighbours yet: `allied neighbour add URL --label NAME --agreement ID`.")
        return
    table(
        ("label", "collection", "pulls for", "pushes to", "went well", "problem"),
        [
            (
                each.label,
                f"{each.url}{each.path}",
                each.to if each.pulls else "-",
                each.party or "-",
                instant(each.seen_at),
                each.last_problem or "-",
            )
            for each in found
        ],
    )


@app.command("pull")
def pull(
    label: Label,
    whole: Annotated[
        bool,
        typer.Option("--whole", help="Read all again, and recall what it does not hold any more."),
    ] = False,
    yes: Yes = False,
    organisation: ActingOrganisation = "",
    passphrase_file: PassphraseFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Pull now. With --yes also believe that more than half of what it held is gone."""
    from allied.node.neighbours import exchange, find

    with opened(folder) as node:
        found = find(node, who(node, organisation), label)
        keys = unlocked(node, passphrase_file)
        _tell(exchange(node, keys, found, push=False, whole=whole, believe=yes), as_json=as_json)


@app.command("push")
def push(
    label: Label,
    organisation: ActingOrganisation = "",
    passphrase_file: PassphraseFile = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Push now."""
    from allied.node.neighbours import exchange, find

    with opened(folder) as node:
        found = find(node, who(node, organisation), label)
        keys = unlocked(node, passphrase_file)
        _tell(exchange(node, keys, found, pull=False), as_json=as_json)


@app.command("remove")
def remove(
    label: Label,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Forget a neighbour; what came from it stays."""
    from allied.node.neighbours import remove as forget

    with opened(folder) as node:
        gone = forget(node, who(node, organisation), label)
    give({"id": gone.id, "label": gone.label}, as_json=as_json, lines=(gone.label,))


def _tell(outcome: Outcome, *, as_json: bool) -> None:
    """Say what an exchange did, and end with its exit status."""
    lines = [
        f"{outcome.neighbour}: {outcome.pulled} pulled, {outcome.repeated} held already,"
        f" {outcome.removed} recalled, {outcome.pushed} pushed, {outcome.deleted} deleted there"
    ]
    give(outcome, as_json=as_json, lines=lines)
    for code, number in sorted(outcome.refused.items()):
        say(f"  {number} not taken  [{code}]")
    if outcome.kept:
        say(f"  {outcome.kept} not taken there")
    if outcome.problem:
        say(f"  {outcome.message}  [{outcome.problem}]")
        raise typer.Exit(FAILED)
    if outcome.refused or outcome.kept:
        raise typer.Exit(PROBLEMS)
