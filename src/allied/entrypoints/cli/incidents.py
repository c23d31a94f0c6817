"""Incidents: `allied incident ...`, `allied invoke`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from allied.entrypoints.cli.files import read_bounded
from allied.entrypoints.cli.options import (
    ActingOrganisation,
    ActingPerson,
    AsJson,
    DryRun,
    Folder,
    PassphraseFile,
    actor,
    opened,
    who,
)
from allied.entrypoints.cli.terminal import give, instant, say, table
from allied.entrypoints.shapes import considered as local

if TYPE_CHECKING:
    from allied.node.incidents import IncidentView, LocalEvaluation

app = typer.Typer(help="Incidents, and what they mean under each agreement.", no_args_is_help=True)

IncidentName = Annotated[
    str, typer.Argument(metavar="INCIDENT", help="Its id, the start of it, or the file's id.")
]


def add_to(app: typer.Typer) -> None:
    """Add the verbs without a noun."""
    app.command("invoke")(invoke)


@app.command("report")
def report(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An incident/1 file.")],
    agreement: Annotated[
        str, typer.Option("--agreement", "-a", help="Tell the parties of this agreement.")
    ] = "",
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Report an incident. Without --agreement nothing leaves this node.

    Then it is held against every agreement in force, and what each would say is shown.
    """
    from allied.node import incidents as use

    raw = read_bounded(file)
    with opened(folder) as node:
        if not agreement or dry_run:
            considered = use.consider(node, who(node, organisation), raw, str(file))
            _give_local(considered, as_json=as_json)
            if agreement:
                say("Nothing was reported.")
            else:
                say("Nothing left this node; --agreement NAME tells the parties of one agreement.")
            return
        acting = actor(node, organisation, person, passphrase_file, act=False)
        views = use.report(node, acting, raw, str(file), agreement)
    if as_json:
        give(views[0] if len(views) == 1 else views, as_json=True)
        return
    for view in views:
        _give(view)


@app.command("list")
def show_all(
    organisation: ActingOrganisation = "", folder: Folder = None, as_json: AsJson = False
) -> None:
    """Show incidents, the latest report first."""
    from allied.node.incidents import list_incidents

    with opened(folder) as node:
        found = list_incidents(node, who(node, organisation))
    if as_json:
        give(found, as_json=True)
        return
    if not found:
        say("No incidents. `allied incident report FILE` says what an incident would mean.")
        return
    table(
        ("id", "incident", "agreement", "state", "reported by", "at", "obligations"),
        [
            (
                each.id[:12],
                each.title,
                each.agreement_alias,
                each.state,
                each.reported_by,
                instant(each.reported_at),
                len(each.obligations),
            )
            for each in found
        ],
    )


@app.command("show")
def show(
    name: IncidentName,
    print_report: Annotated[
        bool, typer.Option("--report", help="Print the whole record as a document.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="The document as Markdown.")] = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show one incident: facts, what each clause says and why, what is owed."""
    from allied.node import incidents as use

    with opened(folder) as node:
        acting = who(node, organisation)
        if print_report:
            text = use.print_report(node, acting, name, markdown=markdown)
            give({"report": text}, as_json=as_json, lines=(text.rstrip("\n"),))
            return
        found = use.show(node, acting, name)
    if as_json:
        give(found, as_json=True)
        return
    _give(found)


def invoke(
    incident: IncidentName,
    art: Annotated[str, typer.Option("--art", help="Number of the clause.")],
    agreement: Annotated[
        str, typer.Option("--agreement", "-a", help="The agreement it was reported under.")
    ] = "",
    note: Annotated[str, typer.Option("--note", help="For the other parties to read.")] = "",
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Call a clause on an incident: an act of a person for the organisation."""
    from allied.node.incidents import invoke as call

    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file)
        found = call(node, acting, incident, art, agreement=agreement, note=note)
    if as_json:
        give(found, as_json=True)
        return
    _give(found)


def _give_local(considered: Sequence[LocalEvaluation], *, as_json: bool) -> None:
    if as_json:
        give([local(each) for each in considered], as_json=True)
        return
    if not considered:
        say("No agreement in force binds this organisation.")
    for each in considered:
        for result in each.evaluation.results:
            _give_result(each.alias, result.art, result.outcome, result.reason)
            for line in result.explanation:
                give(None, as_json=False, lines=(f"    {line.gate} {line.answer}: {line.because}",))


def _give_result(alias: str, art: str, outcome: str, reason: str) -> None:
    why = f" [{reason}]" if reason else ""
    give(None, as_json=False, lines=(f"{alias} Art {art}: {outcome}{why}",))


def _give(found: IncidentView) -> None:
    give(
        None,
        as_json=False,
        lines=(
            f"{found.title}",
            f"id         {found.id}",
            f"agreement  {found.agreement_alias}  ({found.agreement_title})",
            f"state      {found.state}",
            f"reported   {found.reported_by} at {instant(found.reported_at)}",
            *(f"  {fact.field}: {fact.value}  ({fact.by})" for fact in found.facts),
        ),
    )
    for result in found.results:
        _give_result(found.agreement_alias, result.art, result.outcome, result.reason)
    for call in found.calls:
        effect = "in effect" if call.effective else f"without effect: {call.why}"
        give(
            None,
            as_json=False,
            lines=(f"invoked    Art {call.art} by {call.party} at {instant(call.at)}, {effect}",),
        )
    if found.obligations:
        table(
            ("obligation", "debtor", "owes", "to", "state", "answer by", "perform by"),
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
                for each in found.obligations
            ],
        )
    for art in found.callable:
        say(f"You could call Art {art}: allied invoke {found.id[:12]} --art {art}")
