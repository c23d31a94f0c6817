"""Who would owe what, from files alone: `allied whatif`.

The same pure evaluation that decides on a node, over agreement, incident and register files;
no node, no network, nothing is recorded. Reading the files and showing the answer is all that
happens here.

Rules that hold below. A folder stands for every `.yaml` file below it; incident and register
files among them are passed over. The files are bounded in number and in size before anything
is parsed. Without `--date` everything that the files say is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from typer.core import TyperCommand

from allied.entrypoints.cli.files import TEXT_LIMIT, read_bounded
from allied.entrypoints.cli.options import AsJson
from allied.entrypoints.cli.terminal import give, say, table
from allied.errors import MalformedError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allied.agreement.standing import Event
    from allied.agreement.terms import Agreement
    from allied.record.canonical import Json
    from allied.response.incident import Incident
    from allied.response.moment import Moment
    from allied.response.results import Evaluation, Line, Note, Obligation, Result

FILE_LIMIT: Final = 2_000
BYTES_LIMIT: Final = 32 * 2**20

_SEVERAL: Final = ("--agreements", "--incident", "--register", "--art")
_OTHER_FORMATS: Final = re.compile(rb"^format: *[\"']?(incident|register)/", re.MULTILINE)
_SHOWN: Final = 60


class _Several(TyperCommand):
    """Lets `--agreements A B C` stand for the option given three times."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the option before each further value."""
        return super().parse_args(ctx, list(_repeated(args)))


def _repeated(arguments: Iterable[str]) -> Iterator[str]:
    option, first = "", True
    for argument in arguments:
        if argument.startswith("-"):
            name, equals, _ = argument.partition("=")
            option, first = (name if name in _SEVERAL else ""), not equals
        elif option and not first:
            yield option
        else:
            first = False
        yield argument


def add_to(app: typer.Typer) -> None:
    """Add the verb, which has no noun."""
    app.command("whatif", cls=_Several)(whatif)


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

    texts = _agreements(agreements)
    incidents = _incidents(incident)
    events = _register(register or (), texts)
    at = _moment(date, "--date") or _last(incidents, events)
    law = _moment(law_date, "--law-date")
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
    doubts = _doubts(texts, incidents, viewpoint)
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


def _files(paths: Sequence[Path]) -> list[tuple[Path, bool]]:
    """The files to read, and whether each was named itself."""
    found: dict[Path, bool] = {}
    for path in paths:
        if path.is_dir():
            for file in path.rglob("*.yaml"):
                if file.is_file():
                    found.setdefault(file, False)
                _require_few(len(found))
        else:
            found[path] = True
    _require_few(len(found))
    return sorted(found.items(), key=lambda entry: str(entry[0]))


def _require_few(count: int) -> None:
    if count > FILE_LIMIT:
        raise UsageError(
            "whatif.too-many-files",
            f"more than {FILE_LIMIT} files are given",
            hint="name fewer, or smaller folders",
        )


def _raws(paths: Sequence[Path]) -> Iterator[tuple[Path, bytes]]:
    """The bytes of each file, in the order of their names; not more than the bound in all."""
    total = 0
    for file, named in _files(paths):
        raw = read_bounded(file, TEXT_LIMIT)
        if not named and _OTHER_FORMATS.search(raw):
            say(f"{file}: no agreement, passed over")
            continue
        total += len(raw)
        if total > BYTES_LIMIT:
            raise UsageError(
                "whatif.too-large", f"the files have more than {BYTES_LIMIT // 2**20} MiB together"
            )
        yield file, raw


def _agreements(paths: Sequence[Path]) -> dict[str, Agreement]:
    from allied.agreement.terms import Agreement, load
    from allied.response.ties import require_no_circle

    found: dict[str, Agreement] = {}
    origin: dict[str, Path] = {}
    for file, raw in _raws(paths):
        for text in load(raw, str(file)):
            if not isinstance(text, Agreement):
                continue
            if text.id in found:
                raise MalformedError(
                    "agreement.twice",
                    f"the agreement {text.id} is in {origin[text.id]} and in {file}",
                    hint="leave one of them out, or give it an id of its own",
                )
            found[text.id], origin[text.id] = text, file
    if not found:
        raise NotFoundError(
            "whatif.no-agreement",
            "no agreement is among the files",
            hint="name .yaml files of the format alliance/1, or a folder that holds some",
        )
    require_no_circle(found)
    return found


def _incidents(files: Sequence[Path]) -> tuple[Incident, ...]:
    from allied.response.incident_file import load_incidents

    _require_few(len(files))
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


def _register(files: Sequence[Path], texts: Mapping[str, Agreement]) -> tuple[Event, ...]:
    from allied.agreement.register_file import load

    return tuple(
        event for file in files for event in load(read_bounded(file, TEXT_LIMIT), str(file), texts)
    )


def _held(texts: dict[str, Agreement], events: tuple[Event, ...]) -> Any:
    from allied.agreement.standing import Register

    return Register(texts, events)


def _party(viewpoint: str) -> Any:
    from allied.record.ids import PartyId

    return PartyId(viewpoint) if viewpoint else None


def _moment(text: str, option: str) -> Moment | None:
    from allied.agreement.moments import moment

    if not text:
        return None
    try:
        return moment(text)
    except ValueError as wrong:
        raise UsageError("usage.date", f"{option} is no moment", hint=f"write {wrong}") from wrong


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
    texts: Mapping[str, Agreement], incidents: Iterable[Incident], viewpoint: str
) -> list[Note]:
    """What an incident says of agreements and clauses that are not there (to this viewpoint)."""
    from allied.response.results import Note

    arts = {
        text.id: {clause.art for clause in text.articles}
        for text in texts.values()
        if not viewpoint or text.visibility == "public" or viewpoint in text.party_ids
    }
    notes: dict[Note, None] = {}
    for incident in incidents:
        named: list[tuple[str, str]] = [(each.agreement, "") for each in incident.findings]
        named += [(each.agreement, each.art) for each in incident.invocations]
        named += [(each.agreement, each.art) for each in incident.decisions]
        for agreement, art in named:
            if agreement not in arts:
                text = f"{incident.id} speaks of the agreement {agreement}, which is not here."
                notes[Note("unknown-agreement", text)] = None
            elif art and art not in arts[agreement]:
                text = f"{incident.id} speaks of {agreement} Art {art}, which is not there."
                notes[Note("unknown-clause", text)] = None
    return list(notes)


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
                each.agreement,
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
        _line(f"To be reported to {each.to}, {each.when} ({each.agreement} Art {each.art}).")
    for opening in found.consultations:
        _line(
            f"{opening.agreement} Art {opening.art}: a consultation over {opening.incident} is"
            f" open to {_few(opening.open_to)}."
        )
    owed = {each.key: each for each in found.obligations}
    for conflict in found.conflicts:
        first, second = owed[conflict.first], owed[conflict.second]
        _line(
            f"Conflict: {conflict.debtor} owes {first.creditor} under {first.agreement} and"
            f" {second.creditor} under {second.agreement};"
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
                f"{each.agreement} Art {each.art}",
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
    head = f"{result.agreement} Art {result.art}, {_labelled(result.incident, depths)}"
    _line(f"{head}: {result.outcome}{f' ({result.reason})' if result.reason else ''}")
    for line in result.explanation if full else _headline(result):
        _line(f"    {_gate(line)}")
    if result.missing:
        _line(f"    Missing: {_few(result.missing)}.")
    if result.would_change_if:
        _line(f"    It would change if {'; or '.join(result.would_change_if)}.")
    for note in result.notes:
        _line(f"    Note: {note.text}")


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
