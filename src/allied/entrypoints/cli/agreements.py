"""Agreements, from the text to the end: `allied agreement ...`."""

from __future__ import annotations

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
from allied.errors import UsageError

if TYPE_CHECKING:
    from allied.node.agreements import AgreementView

app = typer.Typer(help="Agreements: written, checked, proposed, signed.", no_args_is_help=True)

AgreementName = Annotated[
    str, typer.Argument(metavar="AGREEMENT", help="Its id, the start of it, or the file's id.")
]
TextFile = Annotated[Path, typer.Argument(metavar="FILE", help="An alliance/1 file.")]


@app.command("new")
def new(
    template: Annotated[str, typer.Option("--template", help="Which: pact.")] = "pact",
) -> None:
    """Print a template to start from; redirect it into a file and edit it."""
    from allied.bootstrap import template_text

    typer.echo(template_text(template), nl=False)


@app.command("check")
def check(file: TextFile, as_json: AsJson = False) -> None:
    """Read a file and say what is wrong, doubtful, or not enforced yet."""
    from allied.agreement import check as checking

    findings = checking.check_text(read_bounded(file), str(file))
    if as_json:
        give({"findings": findings}, as_json=True)
    else:
        for finding in findings:
            where = str(finding.place) if finding.place else str(file)
            clause = f" Art {finding.clause}" if finding.clause else ""
            give(
                None,
                as_json=False,
                lines=(f"{where}: {finding.severity}{clause}: {finding.text} [{finding.code}]",),
            )
            if finding.advice:
                give(None, as_json=False, lines=(f"    {finding.advice}",))
    errors = sum(finding.severity == "error" for finding in findings)
    warnings = sum(finding.severity == "warning" for finding in findings)
    notes = len(findings) - errors - warnings
    say(f"{file.name}: {errors} errors, {warnings} warnings, {notes} notes.")
    if errors:
        raise typer.Exit(8)


@app.command("explain")
def explain(
    file: TextFile,
    form: Annotated[str, typer.Option("--format", help="text, markdown or html.")] = "text",
    as_json: AsJson = False,
) -> None:
    """Say in plain language what a file means, with every default shown."""
    from allied.agreement import explain as explaining

    if form not in ("text", "markdown", "html"):
        raise UsageError("usage.format", "--format is text, markdown or html")
    rendered = explaining.explain_text(read_bounded(file), str(file), form)
    give({"text": rendered}, as_json=as_json, lines=(rendered.rstrip("\n"),))


@app.command("diff")
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="One alliance/1 file.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The other.")],
    as_json: AsJson = False,
) -> None:
    """Show what changes in meaning between two files; exit status 8 when anything does."""
    from allied.agreement import diff as comparing

    changes = comparing.diff_texts(
        read_bounded(before), str(before), read_bounded(after), str(after)
    )
    give({"changes": changes}, as_json=as_json, lines=[str(change) for change in changes])
    if changes:
        raise typer.Exit(8)
    say("Both mean the same.")


@app.command("propose")
def propose(
    file: TextFile,
    party: Annotated[
        list[str] | None,
        typer.Option("--party", help="LABEL=FINGERPRINT: who stands behind a label (repeatable)."),
    ] = None,
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Put a text forward to its parties. Proposing does not sign."""
    from allied.node import agreements as use

    given = {}
    for pair in party or ():
        label, equals, fingerprint = pair.partition("=")
        if not equals:
            raise UsageError("usage.party", "--party takes LABEL=FINGERPRINT")
        given[label] = fingerprint
    raw = read_bounded(file)
    with opened(folder) as node:
        acting = who(node, organisation)
        proposal = use.prepare(node, acting, raw, str(file), given)
        if dry_run:
            bindings = dict(proposal.bindings)
            give(
                {"parties": bindings},
                as_json=as_json,
                lines=[f"{label}  {bound}" for label, bound in bindings.items()],
            )
            say("Nothing was proposed.")
            return
        made = use.propose(
            node, actor(node, organisation, person, passphrase_file, act=False), proposal
        )
    _give(made, as_json=as_json)
    say("Proposed. It binds nobody until it is signed: `allied agreement sign`.")


@app.command("sign")
def sign(
    name: AgreementName,
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Sign an agreement: an act of a person for the organisation."""
    from allied.node import agreements as use

    with opened(folder) as node:
        if dry_run:
            _give(use.show(node, name), as_json=as_json)
            say("Nothing was signed.")
            return
        made = use.sign(node, actor(node, organisation, person, passphrase_file), name)
    _give(made, as_json=as_json)


@app.command("ratify")
def ratify(
    name: AgreementName,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Ratify an agreement that asks for it, after signing."""
    from allied.node import agreements as use

    with opened(folder) as node:
        made = use.ratify(node, actor(node, organisation, person, passphrase_file), name)
    _give(made, as_json=as_json)


@app.command("withdraw")
def withdraw(
    name: AgreementName,
    why: Annotated[str, typer.Option("--why", help="For the other parties to read.")] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Give notice of withdrawal; you stay bound until the notice has run."""
    from allied.node import agreements as use

    if not yes:
        typer.confirm("Give notice of withdrawal?", default=False, abort=True, err=True)
    with opened(folder) as node:
        made = use.withdraw(node, actor(node, organisation, person, passphrase_file), name, why)
    _give(made, as_json=as_json)


@app.command("list")
def show_all(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show the agreements that name an organisation hosted here."""
    from allied.node.agreements import list_agreements

    with opened(folder) as node:
        found = list_agreements(node)
    if as_json:
        give([_summary(each) for each in found], as_json=True)
        return
    table(
        ("id", "agreement", "title", "state", "awaited"),
        [
            (each.id[:12], each.alias, each.title, each.state, ", ".join(each.awaited) or "-")
            for each in found
        ],
    )


@app.command("show")
def show(
    name: AgreementName,
    text: Annotated[bool, typer.Option("--text", help="Print the signed text only.")] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show one agreement: parties, signatures, standing."""
    from allied.node.agreements import show as look

    with opened(folder) as node:
        found = look(node, name)
    if text:
        typer.echo(found.text, nl=False)
        return
    _give(found, as_json=as_json)


def _summary(found: AgreementView) -> dict[str, object]:
    return {
        "id": found.id,
        "alias": found.alias,
        "title": found.title,
        "state": found.state,
        "mine": found.mine,
        "awaited": found.awaited,
        "in_force_since": found.in_force_since,
        "ends": found.ends,
    }


def _give(found: AgreementView, *, as_json: bool) -> None:
    if as_json:
        give(found, as_json=True)
        return
    lines = [
        f"{found.alias}  {found.title}",
        f"id        {found.id}",
        f"state     {found.state}",
        f"in force  {instant(found.in_force_since)}  ends {instant(found.ends)}",
        f"text      {found.text_digest}",
    ]
    give(None, as_json=False, lines=lines)
    table(
        ("party", "name", "role", "standing", "signed", "known here"),
        [
            (
                each.party + (" (you)" if each.party in found.mine else ""),
                each.name,
                each.role,
                each.legal,
                each.signed_at or "-",
                each.known,
            )
            for each in found.parties
        ],
    )
    for late in found.without_effect:
        give(
            None,
            as_json=False,
            lines=(f"without effect: {late.kind} of {late.issuer}: {late.reason} [{late.code}]",),
        )
