"""Versions of an agreement's text on the command line: shown, accepted, objected to.

The verbs are those of `allied agreement`; how a version is put to the vote is `allied proposal`.
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
)
from allied.entrypoints.cli.terminal import give, instant, say, table

if TYPE_CHECKING:
    from allied.node.agreements import AgreementView
    from allied.node.version_views import VersionView

Version = Annotated[
    int,
    typer.Option(
        "--version", min=0, max=1_000, help="Of this number; without it, the present one."
    ),
]
Amended = Annotated[
    str,
    typer.Option(
        "--version", metavar="N", help="An amended text: its number, or the proposal that puts it."
    ),
]
AgreementName = Annotated[
    str, typer.Argument(metavar="AGREEMENT", help="Its id, the start of it, or the file's id.")
]


def object_to(
    name: AgreementName,
    version: Amended,
    why: Annotated[str, typer.Option("--why", help="For the other parties to read.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Object to an amended text before it takes effect; the amendment clause says what follows."""
    from allied.node import amendments

    if not yes:
        question = "Object? Where the clause says `objectors: leave`, you leave the agreement."
        typer.confirm(question, default=False, abort=True, err=True)
    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file)
        made = amendments.object_to(node, acting, name, version, why)
    if as_json:
        give(made, as_json=True)
    else:
        give_versions(made)
    say_versions(made, "Objected.")


def give_versions(found: AgreementView) -> None:
    """The versions of the text, where there is more than the first."""
    if len(found.versions) == 1:
        return
    give(None, as_json=False, lines=("",))
    table(
        ("version", "state", "adopted", "in force", "certificate", "accepted", "awaited"),
        [
            (
                each.number,
                each.state,
                instant(each.adopted_at),
                instant(each.since or each.due),
                each.certificates[0][:12] if each.certificates else "-",
                ", ".join(each.bound or each.consenting) or "-",
                ", ".join(each.awaited) or "-",
            )
            for each in found.versions
        ],
    )
    if any(each.state == "frozen" for each in found.versions):
        said = "Texts that contradict each other are adopted on one version: none counts until a"
        say(f"{said} further one settles them (`allied proposal open --matter amendment`).")


def give_version(found: VersionView, *, as_json: bool) -> None:
    """One version, with what it changed."""
    if as_json:
        give(found, as_json=True)
        return
    lines = [
        f"version      {found.number}  {found.state}",
        f"named        {found.version}",
        f"statement    {found.statement}",
        f"text         {found.text_digest}",
        f"adopted      {instant(found.adopted_at)}  in force {instant(found.since or found.due)}",
    ]
    lines += [f"certificate  {each}" for each in found.certificates]
    if found.how:
        lines.append(f"takes effect by {found.how}; objectors: {found.objectors}")
    people = (("counted by", found.signed_by), ("accepted", found.consenting),
              ("objecting", found.objecting), ("awaited", found.awaited),
              ("binds", found.bound))  # fmt: skip
    lines += [f"{word:12} {', '.join(its)}" for word, its in people if its]
    give(None, as_json=False, lines=(*lines, *found.changes))


def say_versions(found: AgreementView, done: str) -> None:
    """What has come of an amended text, in one line."""
    waiting = [each for each in found.versions if each.state == "waiting"]
    awaited = sorted({party for each in waiting for party in each.awaited})
    if awaited:
        say(f"{done} Now awaited: {', '.join(awaited)}.")
    else:
        say(f"{done} Version {found.number} is in force.")
