"""Agreements, from the text to the end: `allied agreement ...`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from allied.entrypoints.cli.amendments import (
    AgreementName,
    Amended,
    Version,
    give_version,
    give_versions,
    object_to,
    say_versions,
)
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
from allied.entrypoints.cli.register import agenda_row
from allied.entrypoints.cli.terminal import give, instant, say, table
from allied.entrypoints.shapes import agreement_summary
from allied.errors import ConflictError, NotFoundError, UsageError

if TYPE_CHECKING:
    from allied.node.agreements import AgreementView

app = typer.Typer(help="Agreements: written, checked, proposed, signed.", no_args_is_help=True)

TextFile = Annotated[Path, typer.Argument(metavar="FILE", help="An alliance/1 file.")]
TextOrName = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="An alliance/1 file, or an agreement that is here."),
]

_OPEN: Final = ("proposed", "signed", "in-force")
_MOST_DIGITS: Final = 5


@app.command("new")
def new(
    template: Annotated[
        str,
        typer.Option(
            "--template",
            help="Which: pact, isac, mutual-aid, five-services, safe-harbour,"
            " north-atlantic-treaty, ukusa or triple-entente.",
        ),
    ] = "pact",
) -> None:
    """Print a template to start from; redirect it into a file and edit it."""
    from allied.bootstrap import template_text

    typer.echo(template_text(template), nl=False)


@app.command("check")
def check(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="alliance/1 files, or agreements that are here; several are held together.",
        ),
    ],
    day: Annotated[
        str, typer.Option("--date", help="Say also what has run out on this day, like 2026-03-01.")
    ] = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say what is wrong, doubtful or not enforced yet; exit status 8 on errors."""
    from allied.agreement import check as checking

    findings = checking.check_files(
        [(_text(file, folder), str(file)) for file in files], day=_day(day)
    )
    if as_json:
        give({"findings": findings}, as_json=True)
    else:
        for finding in findings:
            where = str(finding.place) if finding.place else str(files[0])
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
    what = files[0].name if len(files) == 1 else f"{len(files)} files"
    counts = ((errors, "error"), (warnings, "warning"), (notes, "note"))
    said = ", ".join(f"{count} {word}{'s' * (count != 1)}" for count, word in counts)
    say(f"{what}: {said}.")
    if errors:
        raise typer.Exit(8)


Form = Annotated[str, typer.Option("--format", help="text, markdown, html or pdf.")]
Output = Annotated[
    Path | None, typer.Option("--output", help="Into this file instead of stdout; pdf needs it.")
]


@app.command("explain")
def explain(
    file: TextOrName,
    form: Form = "text",
    output: Output = None,
    version: Version = 0,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say in plain language what a file means, with every default shown."""
    from allied.agreement import explain as explaining

    _require_form(form, output, as_json=as_json)
    raw = _text(file, folder, version)
    if form == "pdf":
        _write_pdf(output, explaining.explain_document(raw, str(file)))
        return
    rendered = explaining.explain_text(raw, str(file), form)
    _put(rendered, {"text": rendered}, output, as_json=as_json)


@app.command("diff")
def diff(
    before: Annotated[
        Path,
        typer.Argument(
            metavar="A",
            help="An alliance/1 file, or an agreement that is here; `pact@2` is its version 2.",
        ),
    ],
    after: Annotated[Path, typer.Argument(metavar="B", help="The other.")],
    form: Form = "text",
    output: Output = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show what changes in meaning between two files; exit status 8 when anything does."""
    from allied.agreement import diff as comparing, diff_forms as forms

    _require_form(form, output, as_json=as_json)
    changes = comparing.diff_texts(
        _text(before, folder), str(before), _text(after, folder), str(after)
    )
    names = before.name, after.name
    match form:
        case "pdf":
            _write_pdf(output, forms.to_document(changes, *names))
        case "markdown":
            _put(forms.to_markdown(changes, *names), {"changes": changes}, output, as_json=as_json)
        case "html":
            _put(forms.to_html(changes, *names), {"changes": changes}, output, as_json=as_json)
        case _:
            said = forms.to_text(changes) if changes or output else ""
            _put(said, {"changes": changes}, output, as_json=as_json)
    if changes:
        raise typer.Exit(8)
    say(forms.SAME)


@app.command("propose")
def propose(
    file: TextFile,
    party: Annotated[
        list[str] | None,
        typer.Option("--party", help="LABEL=FINGERPRINT: who stands behind a label (repeatable)."),
    ] = None,
    dry_run: DryRun = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Even if one of that name is proposed already.")
    ] = False,
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
        if not yes:
            _require_new(use.list_agreements(node), proposal.instrument.terms.id)
        made = use.propose(
            node, actor(node, organisation, person, passphrase_file, act=False), proposal
        )
    _give(made, as_json=as_json)
    say("Proposed. It binds nobody until it is signed:")
    say(f"    allied agreement sign {made.id[:12]}")
    say("The others find it with `allied agreement list` once they have you as a peer.")


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
    _say_awaited(made, "Signed.")


@app.command("ratify")
def ratify(
    name: AgreementName,
    version: Amended = "",
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Ratify an agreement that asks for it, after signing; or accept an amended text."""
    from allied.node import agreements as use, amendments

    with opened(folder) as node:
        acting = actor(node, organisation, person, passphrase_file)
        if version:
            made = amendments.accept(node, acting, name, version)
        else:
            made = use.ratify(node, acting, name)
    _give(made, as_json=as_json)
    if version:
        say_versions(made, "Accepted.")
    else:
        _say_awaited(made, "Ratified.")


app.command("object")(object_to)


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
        give([agreement_summary(each) for each in found], as_json=True)
        return
    if not found:
        say("No agreements yet. `allied agreement new > pact.yaml` gives you a text to start from;")
        say("what others propose to you arrives with the next `allied sync` or `allied serve`.")
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
    text: Annotated[bool, typer.Option("--text", help="Print the text only.")] = False,
    version: Version = 0,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show one agreement: parties, signatures, standing, and the versions of its text."""
    from allied.node.agreements import show as look, text_of

    with opened(folder) as node:
        found = look(node, name)
        words = text_of(node, name, version) if text or version else ""
    if text:
        typer.echo(words, nl=False)
    elif version:
        give_version(next(v for v in found.versions if v.number == version), as_json=as_json)
    else:
        _give(found, as_json=as_json)


def _day(given: str) -> date | None:
    try:
        return date.fromisoformat(given) if given else None
    except ValueError as unknown:
        raise UsageError("usage.date", "--date is a day like 2026-03-01") from unknown


def _require_form(form: str, output: Path | None, *, as_json: bool) -> None:
    if form not in ("text", "markdown", "html", "pdf"):
        raise UsageError("usage.format", "--format is text, markdown, html or pdf")
    if as_json and (output is not None or form == "pdf"):
        raise UsageError("usage.format", "--json goes with no --output and no pdf")
    if form == "pdf" and output is None:
        raise UsageError("usage.output", "a PDF goes into a file: add --output FILE")


def _put(rendered: str, value: object, output: Path | None, *, as_json: bool) -> None:
    """To stdout, or into a file."""
    if output is None:
        give(value, as_json=as_json, lines=rendered.splitlines())
    else:
        _write(output, rendered.encode())


def _write_pdf(output: Path | None, document: dict[str, Any]) -> None:
    from allied.bootstrap import pdf_of

    if output is not None:
        _write(output, pdf_of(document))


def _write(output: Path, content: bytes) -> None:
    try:
        output.write_bytes(content)
    except OSError as broken:
        raise UsageError("file.unwritable", f"{output.name} cannot be written") from broken
    say(f"{output.name} is written.")


def _text(given: Path, folder: Path | None, version: int = 0) -> bytes:
    """The text of a file or, where there is no such file, of an agreement on this node.

    Args:
        version: of an agreement, which; a name like `pact@2` says it as well.
    """
    try:
        return read_bounded(given)
    except UsageError as missing:
        if missing.code != "file.missing" or len(given.parts) != 1:
            raise
        from allied.node.agreements import text_of

        name, at, number = str(given).rpartition("@")
        if at and number.isascii() and number.isdigit() and len(number) < _MOST_DIGITS:
            version = int(number)
        else:
            name = str(given)
        try:
            with opened(folder) as node:
                return text_of(node, name, version).encode()
        except NotFoundError as unknown:
            if unknown.code == "agreement.no-such-version":
                raise
            raise NotFoundError(
                "agreement.no-such-text",
                f"there is neither a file nor an agreement called {given}",
                hint="`allied agreement list` shows the agreements",
            ) from unknown


def _require_new(known: Sequence[AgreementView], alias: str) -> None:
    """Refuse to propose what is on the table already, unless somebody insists."""
    waiting = [each for each in known if each.alias == alias and each.state in _OPEN]
    if waiting:
        raise ConflictError(
            "agreement.proposed-already",
            f"an agreement called {alias} is {waiting[0].state} already ({waiting[0].id[:12]})",
            hint="sign that one, or give the file another `id`; --yes proposes it all the same",
            facts={"ids": [each.id for each in waiting]},
        )


def _say_awaited(found: AgreementView, done: str) -> None:
    if found.in_force_since is not None:
        say(f"{done} In force since {instant(found.in_force_since)}.")
    elif found.awaited:
        say(f"{done} Now awaited: {', '.join(found.awaited)}.")
    else:
        say(f"{done} It is {found.state}.")


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
    if len(found.versions) > 1:
        lines.insert(2, f"version   {found.number} of {len(found.versions)}")
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
    give_versions(found)
    if found.agenda:
        give(None, as_json=False, lines=("",))
        table(
            ("when", "what", "for", "under"),
            [agenda_row(due, found.timezone) for due in found.agenda],
        )
    for late in found.without_effect:
        give(
            None,
            as_json=False,
            lines=(f"without effect: {late.kind} of {late.issuer}: {late.reason} [{late.code}]",),
        )
