"""A secretariat's desk, `allied hub ...`, and a submitter's word on its name.

The submitter's verb is `allied item name-us`.
"""

from __future__ import annotations

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
from allied.entrypoints.cli.terminal import give, instant, say, table, visible
from allied.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allied.node.hub import SubmissionDetails, SubmissionView

app = typer.Typer(
    help="What was handed in to a secretariat that hides who sent it.", no_args_is_help=True
)

Submission = Annotated[
    str, typer.Argument(metavar="SUBMISSION", help="Its id, or its start; see `hub list`.")
]


def add_to(items: typer.Typer) -> None:
    """Add the submitter's verb to `allied item`."""
    items.command("name-us")(name_us)


@app.command("list")
def list_all(
    everything: Annotated[
        bool, typer.Option("--all", help="Also what is released or rejected.")
    ] = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show what was submitted, and what each submission waits for."""
    from allied.node.hub import list_submissions

    with opened(folder) as node:
        found = list_submissions(node, who(node, organisation), everything=everything)
    if as_json:
        give(found, as_json=True)
    elif found:
        _table(found)
    else:
        say("Nothing waits here.")


@app.command("review")
def review(
    name: Submission,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show what would be issued: the new objects, what is gone, and what may tell the sender."""
    from allied.node.hub import show

    with opened(folder) as node:
        found = show(node, who(node, organisation), name)
    _give(found, as_json=as_json)


@app.command("edit")
def edit(
    name: Submission,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="The new id of the object.")],
    prop: Annotated[str, typer.Argument(metavar="PROPERTY", help="Which of its texts.")],
    text: Annotated[
        str | None, typer.Option("--text", help="What stands there instead.", show_default=False)
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Leave the property out.")] = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Change a text before it is issued, or leave it out."""
    from allied.node.hub import edit as change

    if (text is not None) == drop:
        raise UsageError("hub.edit", "give either --text or --drop")
    with opened(folder) as node:
        found = change(node, who(node, organisation), name, item, prop, text)
    _give(found, as_json=as_json)


@app.command("release")
def release(
    name: Submission,
    although_traced: Annotated[
        bool,
        typer.Option(
            "--although-traced", help="Also where the sender's name or host is still found in it."
        ),
    ] = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Let a submission go out with the next batch: you have read it."""
    from allied.node.hub import release as let_go

    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file)
        found = let_go(node, acting, name, although_traced=although_traced)
    if as_json:
        give(found, as_json=True)
        return
    say(f"{found.id} goes out with the batch of {instant(found.due_at)}.")


@app.command("reject")
def reject(
    name: Submission,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Let nothing of a submission go out."""
    from allied.node.hub import reject as keep_back

    with opened(folder) as node:
        found = keep_back(node, actor(node, organisation, person, passphrase_file), name)
    if as_json:
        give(found, as_json=True)
        return
    say(f"{found.id} is rejected; nothing of it goes out.")


def name_us(
    names: Annotated[list[str], typer.Argument(metavar="ITEM...", help="STIX ids of own items.")],
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Under which agreement.")],
    yes: Annotated[
        bool | None,
        typer.Option("--yes/--no", help="Be named, or no longer.", show_default=False),
    ] = None,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Let the secretariat say that we submitted something, to readers who have not got it yet.

    An act of a person. Whoever has the item already is told nothing.
    """
    from allied.node.hub_naming import consent

    if yes is None:
        raise UsageError("hub.consent", "say --yes or --no")
    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file)
        found = consent(node, acting, names, agreement, yes=yes)
    if as_json:
        give(found, as_json=True)
        return
    for each in found:
        said = "may name us" if yes else "may name us no longer"
        say(f"{each.hub} {said} beside {len(each.items)} of our items under {each.alias}.")


def _table(found: Sequence[SubmissionView]) -> None:
    table(
        ("submission", "from", "agreement", "objects", "state", "why", "came", "goes out"),
        [
            (
                each.id,
                each.submitter,
                each.alias,
                each.objects,
                each.state,
                each.code or "-",
                instant(each.received_at),
                instant(each.due_at),
            )
            for each in found
        ],
    )


def _give(found: SubmissionDetails, *, as_json: bool) -> None:
    if as_json:
        give(found, as_json=True)
        return
    view = found.submission
    _table([view])
    say(f"{view.possible} parties could have sent it; the clause asks for {view.min_group}.")
    for each in found.objects:
        typer.echo(f"{each.type}  {each.id}")
        typer.echo(f"  stands for {each.stands_for}")
        for text in each.texts:
            typer.echo(f"  read       {text}: {visible(str(each.value[text]))}")
        for trace in each.traces:
            typer.echo(f"  {'TRACE' if trace.certain else 'look at':<10} {trace.path}: {trace.why}")
        if each.personal:
            typer.echo(f"  people     {', '.join(each.personal)}")
        if each.removed:
            typer.echo(f"  removed    {', '.join(each.removed)}")
    for id_, code in found.withheld:
        say(f"  nothing is made of {id_} [{code}]")
