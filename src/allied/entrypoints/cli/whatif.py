"""Who would owe what, from files alone: `allied whatif`.

The same pure evaluation that decides on a node, over agreement, incident and register files;
no node, no network, nothing is recorded. Reading the files and showing the answer is all that
happens here.

Rules that hold below. A folder stands for every `.yaml` file below it; incident and register
files among them are passed over. The files are bounded in number and in size before anything
is parsed. Without `--date` everything that the files say is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from allied.entrypoints.cli.files import TEXT_LIMIT, read_bounded
from allied.entrypoints.cli.options import AsJson
from allied.entrypoints.cli.terminal import give, say, table
from allied.entrypoints.cli.texts import (
    Several,
    agreements_in,
    events_in,
    moment_of,
    require_few,
)
from allied.errors import MalformedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allied.agreement.standing import Event
    from allied.agreement.terms import Agreement
    from allied.record.canonical import Json
    from allied.response.incident import Incident
    from allied.response.moment import Moment
    from allied.response.results import (
        Evaluation,
        Line,
        Note,
        Obligation,
        Opening,
        Report,
        Result,
    )

_SHOWN: Final = 60


def add_to(app: typer.Typer) -> None:
    """Add the verb, which has no noun."""
    app.command("whatif", cls=Several)(whatif)


def whatif(
    agreements: Annotated[
        list[Path],
        typer.Option(
            "--agreements", metavar="PATH...", help="Agreement files, or folders of them."
        ),
    ],
    incident: Annotated[
        list[Path], typer.Option("--incident", metavar="FILE...", help="incident/1 files.")
    ],
    register: Annotated[
        list[Path] | None,
        typer.Option("--register", metavar="FILE", help="A register/1 file: who signed, left ..."),
    ] = None,
    date: Annotated[
        str,
        typer.Option(
            "--date", help="What is known by the end of this day; without it, all that is given."
        ),
    ] = "",
    law_date: Annotated[
        str,
        typer.Option("--law-date", help="Whose law decides; without it, the day it occurred."),
    ] = "",
    viewpoint: Annotated[
        str, typer.Option("--as", metavar="PARTY", help="Only what this party may see.")
    ] = "",
    cascade: Annotated[
        bool,
        typer.Option("--cascade", help="Suppose that every duty of war is done, and what follows."),
    ] = False,
    art: Annotated[
        list[str] | None,
        typer.Option("--art", metavar="ART...", help="Explain these articles in full."),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Explain everything in full.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say who would owe what to whom under agreement files, and why. No node is needed."""
    from allied.response.cascade import cascade as supposing
    from allied.response.evaluate import evaluate

    texts = agreements_in(agreements)
    incidents = _incidents(incident)
    events = events_in(register or (), texts)
    at = moment_of(date, "--date") or _last(incidents, events)
    law = moment_of(law_date, "--law-date")
    asked = (_held(texts, events), incidents, law, _party(viewpoint))
    depths: dict[str, int] = {}
    if cascade:
        whole = supposing(*asked, at=at)
        found, tree = whole.evaluation, whole.to_json()
        depths = {each.incident.id: each.depth for each in whole.supposed}
        for each in whole.supposed:
            say(f"depth {each.depth}: {each.text}")
    else:
        found = evaluate(*asked, at=at)
        tree = found.to_json()
    tree["states"] = _states(texts, events, incidents, found, at)
    doubts = _doubts(texts, events, incidents, viewpoint)
    warnings = tree["warnings"]
    if isinstance(warnings, list):
        tree["warnings"] = [*warnings, *(note.to_json() for note in doubts)]
    if as_json:
        give(tree, as_json=True)
        return
    _show(found, depths, doubts, frozenset(art or ()), explain=explain)


def _states(
    texts: dict[str, Agreement],
    events: tuple[Event, ...],
    incidents: Iterable[Incident],
    found: Evaluation,
    at: Moment,
) -> list[Json]:
    """How far each incident has come under each agreement that speaks of it."""
    from allied.response.evaluate import prepare
    from allied.response.progress import progress

    prepared = prepare(_held(texts, events))
    results: dict[str, list[Result]] = {}
    for result in found.results:
        results.setdefault(result.agreement, []).append(result)
    owed: dict[str, list[Obligation]] = {}
    for obligation in found.obligations:
        owed.setdefault(obligation.agreement, []).append(obligation)
    reached = [
        progress(
            prepared,
            name,
            incident,
            replace(found, results=tuple(results[name]), obligations=tuple(owed.get(name, ()))),
            at,
        )
        for incident in sorted(incidents, key=lambda each: each.id)
        for name in sorted(results)
    ]
    return [each.to_json() for each in reached if each is not None]


# --- reading ----------------------------------------------------------------------------


def _incidents(files: Sequence[Path]) -> tuple[Incident, ...]:
    from allied.response.incident_file import load_incidents

    require_few(len(files))
    found: dict[str, Incident] = {}
    for file in files:
        for incident in load_incidents(read_bounded(file, TEXT_LIMIT), str(file)):
            if incident.id in found:
                raise MalformedError(
                    "incident.twice",
                    f"the incident {incident.id} of {file} was read already",
                    hint="write its versions into one file",
                )
            found[incident.id] = incident
    return tuple(found.values())


def _held(texts: dict[str, Agreement], events: tuple[Event, ...]) -> Any:
    from allied.agreement.standing import Register

    return Register(texts, events)


def _party(viewpoint: str) -> Any:
    from allied.record.ids import PartyId

    return PartyId(viewpoint) if viewpoint else None


def _last(incidents: Iterable[Incident], events: Iterable[Event]) -> Moment:
    """The last moment of which the files say anything."""
    from allied.response.moment import end

    given: list[Moment] = [event.at for event in events]
    for each in incidents:
        for version in each.versions:
            given.append(version.known_at)
            for rescue in version.facts.rescues:
                given += rescue.moments
        given += [finding.at for finding in each.findings]
        given += [call.at for call in each.invocations]
        given += [decision.at for decision in each.decisions]
    return max(given, key=end)


def _doubts(
    texts: Mapping[str, Agreement],
    events: Iterable[Event],
    incidents: Iterable[Incident],
    viewpoint: str,
) -> list[Note]:
    """What is not there (to this viewpoint): signatures, agreements, clauses, callers."""
    from allied.response.results import Note

    arts, names = _there(texts, events, viewpoint)
    notes: dict[Note, None] = {}
    told = {event.agreement for event in events}
    for text in texts.values():
        known = text.id in told or any(each.joined for each in text.parties)
        if text.id in arts and not known:
            said = (
                f"Nothing here says that anybody signed {text.id}, so it binds nobody: name a"
                " register file with --register, or write `joined` into a copy of the text."
            )
            notes[Note("nobody-signed", said)] = None
    for incident in incidents:
        named: list[tuple[str, str]] = [(each.agreement, "") for each in incident.findings]
        named += [(each.agreement, each.art) for each in incident.invocations]
        named += [(each.agreement, each.art) for each in incident.decisions]
        for agreement, art in named:
            if agreement not in arts:
                said = f"{incident.id} speaks of the agreement {agreement}, which is not here."
                notes[Note("unknown-agreement", said)] = None
            elif art and art not in arts[agreement]:
                said = f"{incident.id} speaks of {agreement} Art {art}, which is not there."
                notes[Note("unknown-clause", said)] = None
        for call in incident.invocations:
            if call.by not in names.get(call.agreement, {call.by}):
                said = f"{call.by} called {call.agreement}, which names nobody of that id."
                notes[Note("unknown-party", said)] = None
    return list(notes)


def _there(
    texts: Mapping[str, Agreement], events: Iterable[Event], viewpoint: str
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """The articles of each agreement, and whom it names, under all of its texts."""
    from allied.agreement.versions import versions_of

    arts: dict[str, set[str]] = {}
    names: dict[str, set[str]] = {}
    for text in texts.values():
        if not viewpoint or text.visibility == "public" or viewpoint in text.party_ids:
            arts[text.id] = {clause.art for clause in text.articles}
            names[text.id] = {*text.party_ids, *text.bodies}
    for agreement, amended in versions_of(_held(dict(texts), tuple(events))).items():
        for version in amended:
            for known in (arts, names):
                new = known.pop(version, set())
                if agreement in known or new:
                    known[agreement] = known.get(agreement, set()) | new
    return arts, names


# --- showing ----------------------------------------------------------------------------


def _show(
    found: Evaluation,
    depths: Mapping[str, int],
    doubts: Sequence[Note],
    arts: frozenset[str],
    *,
    explain: bool,
) -> None:
    table(
        ("outcome", "agreement", "art", "type", "incident", "reason"),
        [
            (
                each.outcome,
                _text(each),
                each.art,
                each.type,
                _labelled(each.incident, depths),
                each.reason,
            )
            for each in found.results
        ],
    )
    if found.obligations:
        _line()
        _obligations(found, depths)
    _line()
    for result in found.results:
        _explained(result, depths, full=explain or result.art in arts)
    for each in found.reports:
        _line(f"To be reported to {each.to}, {each.when} ({_text(each)} Art {each.art}).")
    for opening in found.consultations:
        _line(
            f"{_text(opening)} Art {opening.art}: a consultation over {opening.incident} is"
            f" open to {_few(opening.open_to)}."
        )
    owed = {each.key: each for each in found.obligations}
    for conflict in found.conflicts:
        first, second = owed[conflict.first], owed[conflict.second]
        _line(
            f"Conflict: {conflict.debtor} owes {first.creditor} under {_text(first)} and"
            f" {second.creditor} under {_text(second)};"
            f" {f'{conflict.prevails} prevails' if conflict.prevails else 'people decide'}."
        )
    for note in (*found.warnings, *doubts):
        _line(f"Warning: {note.text} [{note.code}]")


def _obligations(found: Evaluation, depths: Mapping[str, int]) -> None:
    from allied.response.results import instant

    table(
        ("debtor", "owes", "what", "how", "state", "answer by", "perform by", "under", "over"),
        [
            (
                each.debtor,
                each.creditor,
                _what(each.act, each.measures, each.adaptation),
                each.modality,
                each.state,
                instant(each.answer_by) or "-",
                instant(each.perform_by) or "-",
                f"{_text(each)} Art {each.art}",
                _labelled(each.incident, depths),
            )
            for each in found.obligations
        ],
    )


def _what(act: str, measures: Sequence[str], adaptation: str) -> str:
    listed = f": {', '.join(measures)}" if measures else ""
    return f"{act}{listed}{f' ({adaptation})' if adaptation else ''}"


def _explained(result: Result, depths: Mapping[str, int], *, full: bool) -> None:
    """Why, and what would change it; every gate where that was asked for."""
    head = f"{_text(result)} Art {result.art}, {_labelled(result.incident, depths)}"
    _line(f"{head}: {result.outcome}{f' ({result.reason})' if result.reason else ''}")
    for line in result.explanation if full else _headline(result):
        _line(f"    {_gate(line)}")
    if result.missing:
        _line(f"    Missing: {_few(result.missing)}.")
    if result.would_change_if:
        _line(f"    It would change if {'; or '.join(result.would_change_if)}.")
    for note in result.notes:
        _line(f"    Note: {note.text}")


def _text(said: Result | Obligation | Report | Opening) -> str:
    """The agreement, and its amended text where that was asked."""
    return f"{said.agreement} ({said.version})" if said.version else said.agreement


def _headline(result: Result) -> tuple[Line, ...]:
    """The lines that settle it: the first no, else what is unknown, else what is awaited."""
    for answer in ("no", "unknown", "awaited"):
        lines = tuple(line for line in result.explanation if line.answer == answer)
        if lines:
            return lines[:1] if answer == "no" else lines
    return ()


def _gate(line: Line) -> str:
    return f"{line.gate} {line.answer}: {line.because} [{line.clause}]"


def _labelled(incident: str, depths: Mapping[str, int]) -> str:
    depth = depths.get(incident, 0)
    return f"{incident} (hypothetical, depth {depth})" if depth else incident


def _few(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _line(text: str = "") -> None:
    give(None, as_json=False, lines=(text,))
