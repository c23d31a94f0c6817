"""Questions put to those who decide, and votes on them: `allied proposal ...`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from allied.entrypoints.cli.files import evidence_of
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
    from allied.node.deciding_views import DecidingView
    from allied.node.proposals import ProposalView, Word

app = typer.Typer(
    help="Questions put to those who decide: voted on, counted, and proved.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="PROPOSAL", help="Its id, or the start of it.")]
Why = Annotated[str, typer.Option("--why", help="The reasons, for the others to read.")]


@app.command("open")
def open_question(
    matter: Annotated[
        str,
        typer.Option(
            "--matter",
            "-m",
            help=(
                "What is decided: admission, vetting, suspension, reinstatement, expulsion,"
                " election, amendment, annex, decision, finding, governance, body, exception,"
                " disclosure."
            ),
        ),
    ],
    agreement: Annotated[
        str, typer.Option("--agreement", "-a", help="The agreement that says who decides.")
    ],
    text: Annotated[
        str,
        typer.Option(
            "--text", "-t", help="What is decided: text, or @FILE; for an amendment its whole text."
        ),
    ] = "",
    art: Annotated[
        str, typer.Option("--art", help="Number of the clause, where several could decide.")
    ] = "",
    party: Annotated[
        str, typer.Option("--party", help="Whom it is about; who asks for an exception.")
    ] = "",
    towards: Annotated[
        str,
        typer.Option("--towards", help="Suspend what it owes, or keep something, from this one."),
    ] = "",
    annex: Annotated[str, typer.Option("--annex", help="The annex that is changed.")] = "",
    body: Annotated[
        str, typer.Option("--body", help="The body that is asked, where no clause says so.")
    ] = "",
    incident: Annotated[
        str, typer.Option("--incident", help="The incident that is decided on.")
    ] = "",
    field: Annotated[
        str,
        typer.Option("--field", help="The fact that a finding fixes; the kind that is excepted."),
    ] = "",
    value: Annotated[
        str, typer.Option("--value", help="What the fact is found to be; when an exception ends.")
    ] = "",
    deadline: Annotated[
        str,
        typer.Option("--deadline", help="An instant, or a duration like `4 days`; never shorter."),
    ] = "",
    silence: Annotated[
        bool | None,
        typer.Option(
            "--silence/--vote",
            help="By silence procedure or by open vote; default: what the rule provides.",
            show_default=False,
        ),
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(
            "--state",
            help="Whether a condition of the rule holds: `SENTENCE=yes` or `=no` (repeatable).",
            show_default=False,
        ),
    ] = None,
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Put a question to those who decide on it, by the rule that the agreement has for it.

    An act of a person. The clause says who may propose, who votes and how long there is.
    """
    from allied.agreement.matters import Matter
    from allied.node import proposals as use

    asked = Matter(
        kind=matter,
        art=art,
        party=party,
        towards=towards,
        annex=annex,
        body=body,
        incident=incident,
        field=field,
        value=value,
    )
    media, content = _content(text or asked.about)
    wish = use.Wish(asked, content, media, deadline, silence, dict(map(_condition, state or [])))
    with opened(folder) as node:
        if dry_run:
            found = use.attempt(node, who(node, organisation), agreement, wish)
        else:
            acting = actor(node, organisation, person, passphrase_file)
            found = use.put(node, acting, agreement, wish)
    _give(found, as_json=as_json)
    if dry_run:
        say("Nothing was put.")


@app.command("list")
def show_all(
    open_only: Annotated[bool, typer.Option("--open", help="Only what is still open.")] = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show questions with their counts; what closes first stands first."""
    from allied.node.proposals import list_proposals

    with opened(folder) as node:
        found = list_proposals(node, who(node, organisation), open_only=open_only)
    if as_json:
        give(found, as_json=True)
        return
    if not found:
        say("No proposals. `allied proposal open` puts one.")
        return
    table(
        (
            "id",
            "agreement",
            "about",
            "by",
            "outcome",
            "stands",
            "until",
            "stage",
            "awaited",
            "we said",
        ),
        [
            (
                each.id[:12],
                each.agreement_alias,
                each.about,
                each.proposed_by,
                each.count.outcome,
                each.count.as_it_stands,
                instant(each.count.deadline),
                each.deciding.stage,
                ", ".join(each.deciding.awaited) or "-",
                each.said or ("-" if each.part == "voter" else each.part),
            )
            for each in found
        ],
    )
    say("Counted here, from what is known here; a decision takes effect by its certificate.")


@app.command("show")
def show(
    name: Name,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Show one question with this node's own count: the outcome, and what would change it."""
    from allied.node.proposals import show as look

    with opened(folder) as node:
        found = look(node, who(node, organisation), name)
    _give(found, as_json=as_json)


@app.command("vote")
def vote(
    name: Name,
    choice: Annotated[str, typer.Argument(metavar="CHOICE", help="yes, no or abstain.")],
    why: Why = "",
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Vote, as an act of a person; another vote before the close takes its place.

    Under a silence procedure a no is an objection, and is not taken back.
    """
    from allied.node.proposals import Word

    _say(
        Word("vote", choice, why),
        name, organisation, person, folder, passphrase_file, as_json, dry_run,
    )  # fmt: skip


@app.command("object")
def object_(
    name: Name,
    why: Why,
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Object, with reasons: a no, which breaks a silence for good."""
    from allied.node.proposals import Word

    _say(
        Word("object", why=why),
        name, organisation, person, folder, passphrase_file, as_json, dry_run,
    )  # fmt: skip


@app.command("consent")
def consent(
    name: Name,
    measure: Annotated[
        str, typer.Option("--measure", help="The measure, in the words of the agreement.")
    ],
    withhold: Annotated[bool, typer.Option("--withhold", help="Do not consent to it.")] = False,
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Consent to take a measure yourself, where the rule asks each party; the last word counts."""
    from allied.node.proposals import Word

    _say(
        Word("withhold" if withhold else "consent", measure=measure),
        name, organisation, person, folder, passphrase_file, as_json, dry_run,
    )  # fmt: skip


@app.command("acknowledge")
def acknowledge(
    name: Name,
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Confirm having read what is on the table; only from then on silence is consent."""
    from allied.node.proposals import Word

    _say(
        Word("acknowledge"),
        name, organisation, person, folder, passphrase_file, as_json, dry_run,
    )  # fmt: skip


@app.command("extend")
def extend(
    name: Name,
    until: Annotated[
        str, typer.Option("--until", help="An instant, or a duration past the deadline.")
    ],
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Give more time, as the proposer, where the rule lets the silence be extended."""
    from allied.node.proposals import Word

    _say(
        Word("extend", until=until),
        name, organisation, person, folder, passphrase_file, as_json, dry_run,
    )  # fmt: skip


@app.command("revise")
def revise(
    name: Name,
    text: Annotated[str, typer.Option("--text", "-t", help="The other words: text, or @FILE.")],
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Put other words in its place, as the proposer: the time starts anew, and so do votes."""
    from allied.node.proposals import Word

    media, content = _content(text)
    _say(
        Word("revise", content=content, media=media),
        name, organisation, person, folder, passphrase_file, as_json, dry_run,
    )  # fmt: skip


@app.command("withdraw")
def withdraw(
    name: Name,
    why: Why = "",
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Take a question back, as the proposer."""
    from allied.node.proposals import Word

    _say(
        Word("withdraw", why=why),
        name, organisation, person, folder, passphrase_file, as_json, dry_run,
    )  # fmt: skip


def _say(
    word: Word,
    name: str,
    organisation: str,
    person: str,
    folder: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
    dry_run: bool,
) -> None:
    from allied.node import proposals as use

    with opened(folder) as node:
        if dry_run:
            found = use.try_word(node, who(node, organisation), name, word)
        else:
            acting = actor(node, organisation, person, passphrase_file)
            found = use.say(node, acting, name, word)
    _give(found, as_json=as_json)
    if dry_run:
        say("Nothing was said.")


def _deciding(state: DecidingView) -> Iterator[str]:
    """How far the nodes have agreed on a count, and who is awaited for what."""
    awaited = f": {state.awaited_for} of {', '.join(state.awaited)}" if state.awaited else ""
    yield f"decided    {state.stage}{awaited}"
    if state.certificate:
        yield f"proof      {state.outcome} by certificate {state.certificate}"
    if len(state.sides) > 1 or not state.certificate:
        for side in state.sides:
            yield f"  counted  {side.outcome} by {', '.join(side.parties)} ({side.value[:12]})"
    if state.obstructing:
        yield f"obstruct   {', '.join(state.obstructing)}: asked for long, and silent"
    for each in state.invalid:
        yield f"  invalid  {each.kind} of {each.party}: {each.reason}"


def _content(given: str) -> tuple[str, bytes]:
    """What is decided, as (media type, content): a file of words is shown as words."""
    media, content = evidence_of(given)
    if media.startswith("text/"):
        return media, content
    try:
        content.decode()
    except UnicodeDecodeError:
        return media, content
    return "text/plain", content


def _condition(text: str) -> tuple[str, bool]:
    """A sentence and whether it holds."""
    sentence, _, answer = text.rpartition("=")
    if not sentence or answer not in ("yes", "no"):
        raise UsageError(
            "proposal.state-form",
            "a condition is stated as `SENTENCE=yes` or `SENTENCE=no`",
            hint="with the sentence exactly as the text has it",
        )
    return sentence, answer == "yes"


def _give(found: ProposalView, *, as_json: bool) -> None:
    if as_json:
        give(found, as_json=True)
        return
    give(None, as_json=False, lines=_lines(found))
    if found.count.would_change:
        say("What would change it:")
        for change in found.count.would_change:
            any_of = " together" if change.together else " (any of them)"
            parties = ", ".join(change.parties) + (any_of if len(change.parties) > 1 else "")
            say(f"  {change.says} from {parties}: {change.outcome}")
    if found.part == "voter" and found.count.outcome == "open" and not found.said:
        say(f"You have not spoken yet: allied proposal vote {found.id[:12]} yes|no|abstain")
        if found.votes_mean:
            say(f"Here {found.votes_mean}.")


def _lines(found: ProposalView) -> Iterator[str]:
    """One question for people, with the count first."""
    count = found.count
    yield f"{found.about}"
    yield f"id         {found.id}"
    yield f"agreement  {found.agreement_alias}  ({found.agreement_title})"
    yield f"put        by {found.proposed_by} at {instant(found.tabled_at)}, {found.under}"
    yield f"rule       {found.rule}{', by silence procedure' if found.by_silence else ''}"
    yield f"outcome    {count.outcome}{f' [{count.reason}]' if count.reason else ''}"
    if count.outcome == "open":
        yield f"stands     {count.as_it_stands}, if it closed now"
    yield f"deadline   {instant(count.deadline)}"
    for word, parties in (
        ("awaited", count.awaited),
        ("not reached", count.not_reached),
        ("objected", count.objectors),
        ("recused", tuple(f"{each.party} ({each.why})" for each in count.recused)),
        ("silent", count.bound_by_silence),
    ):
        if parties:
            yield f"{word:<11}{', '.join(parties)}"
    for consent_ in count.consents:
        for word, parties in (
            ("consent", consent_.given),
            ("withheld", consent_.withheld),
            ("not said", consent_.awaited),
        ):
            if parties:
                yield f"{word:<11}{', '.join(parties)} ({consent_.measure})"
    yield f"basis      {found.basis}; effect: {found.effect}"
    yield from _deciding(found.deciding)
    yield f"           {count.sentence}"
    yield from found.differs
    for line in () if found.differs else found.words.splitlines()[:40]:
        yield f"  | {line}"
    for each in found.spoken:
        what = f"{each.kind} {each.choice}".strip()
        why = f" ({' '.join(each.reasons.split())})" if each.reasons else ""
        counts = f"in time by {each.in_time_by}" if each.counts else f"not counted: {each.why}"
        yield f"  {instant(each.at)}  {each.party}: {what}{why}; {counts}"
