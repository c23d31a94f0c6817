"""What it costs to decide: one incident, two centuries of treaties, a text, a register.

Everything here is the pure core, called as `allied whatif` and a node call it, on one core. An
evaluation includes every explanation. The rules of the texts are read once before, as a node
does; what that costs, and what it costs to write the answer as JSON, are rows of their own.
Times are those of the processor: the median of many runs, and the 99th of a hundred. A run may
contain a collection of garbage; and where two cores share their circuits, work on the other one
nearly doubles a time, so figures are taken on a machine that does nothing else.

The treaties are those of the published codings where they are beside the checkout or where
`ALLIED_SHARED` says; elsewhere as many of the same sizes are generated, and the row says so.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Final

from allied.agreement.check import check_text
from allied.agreement.events import DECLARED, NOTICE, RATIFIED, RESUMED, SIGNED, SUSPENDED, Event
from allied.agreement.standing import Register, standing
from allied.agreement.terms import Agreement, load
from allied.record.ids import PartyId
from allied.response.evaluate import Prepared, evaluate, prepare
from allied.response.incident import Act, Facts, Incident, Version
from allied.response.incident_file import load_incidents
from allied.response.results import Evaluation
from bench.row import Row

_DAY: Final = date(2025, 6, 1)
_YEAR: Final = 1985
_BESIDE: Final = Path(__file__).parents[3] / "shared"
_EVENTS: Final = 10_000
_TREATIES: Final = 525
_SIZES: Final = (2, 2, 2, 2, 2, 2, 2, 3, 2, 2, 4, 2, 2, 7, 2, 2, 2, 19)
"""Parties of the generated treaties, in turn; their mean is that of the published ones."""

_ARMED: Final = b"""\
format: incident/1
id: attack
versions:
  - known_at: 2025-06-01
    asserted_by: POL
    facts:
      kind: attack.armed
      occurred_at: 2025-06-01
      severity: severe
      phase: active
      attribution: {from: outside, to: somebody, confidence: high}
      acts: [{by: somebody, against: POL, target: territory, places: [europe], latitude: "52.2"}]
invocations: [{agreement: nat-1949, art: "5", by: POL, at: 2025-06-01}]
decisions: [{agreement: nat-1949, art: "5", outcome: adopted, at: 2025-06-01}]
"""


@dataclass(frozen=True, slots=True)
class Timed:
    """Milliseconds of the processor: the least, the median, the 99th of a hundred runs."""

    least: float
    median: float
    p99: float


def measure(quick: bool) -> Iterator[Row]:
    """One agreement, many treaties, how it grows, a text, a register."""
    runs = 5 if quick else 200
    yield from _one_agreement(runs)
    yield from _treaties(max(3, runs // 10))
    yield from _growth(max(3, runs // 20), quick=quick)
    yield from _text(max(3, runs // 4))
    yield from _register(max(3, runs // 20), 500 if quick else _EVENTS)


def _one_agreement(runs: int) -> Iterator[Row]:
    (text,) = load(_template("north-atlantic-treaty"), "north-atlantic-treaty.yaml")
    assert isinstance(text, Agreement)
    held = prepare(Register({text.id: text}))
    incidents = load_incidents(_ARMED, "attack.yaml")

    def ask() -> Evaluation:
        return evaluate(held, incidents, None, None, at=_DAY)

    owed = [each for each in ask().obligations if each.art == "5" and each.explanation]
    assert len(owed) == len(text.parties) - 1
    took = _timed(ask, runs)
    note = (
        f"North Atlantic Treaty, {len(text.articles)} articles, {len(text.parties)} parties,"
        f" {len(owed)} obligations, every gate of every article explained"
    )
    yield Row("one incident, 32 parties, median", took.median, "ms", goal=5, note=note)
    yield Row("one incident, 32 parties, 99th of 100", took.p99, "ms", note=note)


def _treaties(runs: int) -> Iterator[Row]:
    register, victim, note = _published() or _generated()
    reading = _timed(lambda: prepare(register), 3)
    held = prepare(register)
    on = date(_YEAR, 7, 1)

    def ask() -> Evaluation:
        return evaluate(held, [_attack(victim, on)], None, None, at=on)

    found = ask()
    assert found.obligations
    note = (
        f"{note}; an attack in {_YEAR}, {len(found.results)} answers, each explained,"
        f" {len(found.obligations)} obligations"
    )
    took = _timed(ask, runs)
    yield Row("one incident, 525 treaties, median", took.median, "ms", goal=150, note=note)
    yield Row("one incident, 525 treaties, 99th of 100", took.p99, "ms", note=note)
    yield Row("one incident, 525 treaties, the least of all runs", took.least, "ms", note=note)
    yield Row("that answer as JSON", _timed(found.to_json, runs).median, "ms")
    yield Row("the rules of 525 treaties read, once", reading.median, "ms")


def _published() -> tuple[Register, str, str] | None:
    """The treaties of the published codings; None where they are not at hand."""
    folder = Path(os.environ.get("ALLIED_SHARED", _BESIDE)) / "data" / "alliances"
    if not folder.is_dir():
        return None
    from tests.history.treaties import register

    found = register()
    note = f"the published treaties: {_TREATIES} in {len(found.agreements)} phases"
    return found, "s220", note


def _generated() -> tuple[Register, str, str]:
    """As many treaties of the same sizes: a pledge, two restraints and consultation each."""
    documents = []
    for number in range(_TREATIES):
        size = _SIZES[number % len(_SIZES)]
        ids = ", ".join(dict.fromkeys(f"s{(number * 7 + each * 13) % 180}" for each in range(size)))
        documents.append(
            f"format: alliance/1\nid: treaty-{number}\nform: {{kind: treaty}}\n"
            f"visibility: public\nparties: [{{ids: [{ids}], joined: 1950-01-01}}]\n"
            "life: {withdrawal: {notice: 0 days}}\narticles:\n"
            '  - {art: "1", type: collective-response, trigger: {incident: [attack.armed]},'
            " decision: automatic, duties: [{do: defend, modality: must}]}\n"
            '  - {art: "2", type: restraint, kind: neutrality}\n'
            '  - {art: "3", type: restraint, kind: non-aggression}\n'
            '  - {art: "4", type: consultation}\n'
        )
    texts = load("---\n".join(documents).encode(), "generated.yaml")
    agreements = {each.id: each for each in texts if isinstance(each, Agreement)}
    return Register(agreements), "s0", f"{_TREATIES} generated treaties"


def _growth(runs: int, *, quick: bool) -> Iterator[Row]:
    """One, two, four and eight times as many acts, clauses, parties."""
    base = 4 if quick else 8
    for what in ("acts", "clauses", "parties"):
        times = []
        for factor in (1, 2, 4, 8):
            sizes = dict.fromkeys(("acts", "clauses", "parties"), base)
            sizes[what] *= factor
            held, incident = _grown(**sizes)
            took = _timed(lambda: evaluate(held, [incident], None, None, at=_DAY), runs)  # noqa: B023
            times.append(took.least)
            note = f"the other two: {base}; the least of {runs} runs"
            yield Row(f"{sizes[what]} {what}", took.least, "ms", note=note)
        yield Row(
            f"eight times the {what}: time against eight times the time",
            times[-1] / (8 * times[0]),
            "x",
            goal=1.2,
            note="1 is linear; less is the fixed part of the cost",
        )


def _grown(*, acts: int, clauses: int, parties: int) -> tuple[Prepared, Incident]:
    """An agreement of so many clauses, each met by each of so many acts against each party."""
    ids = [f"p{number}" for number in range(parties)]
    articles = "".join(
        f'  - {{art: "{number}", type: collective-response, trigger: {{incident: [attack],'
        " severity: at least low}, duties: [{do: assist, modality: must}]}\n"
        for number in range(1, clauses + 1)
    )
    text = (
        "format: alliance/1\nid: grown\nform: {kind: treaty}\n"
        f"parties: [{{ids: [{', '.join(ids)}], joined: 2020-01-01}}]\narticles:\n{articles}"
    )
    (agreement,) = load(text.encode(), "grown.yaml")
    assert isinstance(agreement, Agreement)
    facts = load_incidents(_ARMED, "attack.yaml")[0].versions[0].facts
    every = tuple(
        Act(id=f"act-{number}", by=f"outsider-{number}", against=ids[0])
        for number in range(1, acts + 1)
    )
    version = Version(
        known_at=_DAY, facts=Facts(kind=facts.kind, severity=facts.severity,
                                   occurred_at=_DAY, acts=every),
    )  # fmt: skip
    return prepare(Register({agreement.id: agreement})), Incident(id="it", versions=(version,))


def _text(runs: int) -> Iterator[Row]:
    (text, count) = _thirty_articles()
    took = _timed(lambda: check_text(text, "thirty.yaml"), runs)
    note = f"{count} articles of six types, {len(text):,} bytes; loaded, then every question"
    yield Row("30 articles loaded and checked, median", took.median, "ms", goal=40, note=note)
    yield Row("30 articles loaded and checked, 99th of 100", took.p99, "ms", note=note)
    took = _timed(lambda: load(text, "thirty.yaml"), runs)
    yield Row("30 articles loaded", took.median, "ms", note=note)


def _thirty_articles() -> tuple[bytes, int]:
    """Articles of every kind under one head, numbered anew."""
    head = (
        "format: alliance/1\nid: thirty\nform: {kind: contract, law: England and Wales}\n"
        "parties: [{ids: [river, harbour, mill, quarry], kind: company}]\n"
        "life: {term: 3 years, withdrawal: {notice: 90 days}}\n"
        'scopes: {estate: {systems: ["asn:64500", "domain:river.example"]}}\n'
        "bodies: {board: {members: all, rule: {kind: simple-majority, of: members}}}\n"
        "articles:\n"
    )
    kinds = (
        "type: information-sharing\n    share: [indicator, technique, incident-report]\n"
        "    duty: must\n    within: 4 hours\n    default_tlp: AMBER\n    max_tlp: AMBER+STRICT\n"
        "    third_party: originator-consent\n    recall: {comply_within: 1 day, confirm: yes}\n"
        "    forbidden_topics: [prices, customers]\n",
        "type: collective-response\n"
        "    trigger: {incident: [attack.cyber], severity: at least severe, scope: estate}\n"
        "    invoked_by: [victim]\n    invocation_window: 7 days\n    decision: {body: board}\n"
        "    duties:\n      - {who: other parties, owes: victim, do: assist, measures: [forensics],"
        " modality: must, answer_within: 2 hours, perform_within: 1 day}\n"
        "    excuses: [own-emergency, legal-bar]\n",
        "type: mutual-aid\n    resources: [{kind: responder, quantity: 2, period: 72 hours}]\n"
        "    modality: must\n    answer_within: 2 hours\n    cost: requester-pays-actual\n",
        "type: consultation\n    caller: any-member\n    body: board\n    meet_within: 2 days\n",
        "type: restraint\n    kind: non-aggression\n    towards: everyone\n",
        "type: preparedness\n    target: an incident plan that was exercised\n"
        "    exercises: 1 year\n",
    )
    articles = [
        f'  - art: "{number + 1}"\n    title: Article {number + 1}\n    text: >-\n'
        f"      What the parties agree on here, in a sentence or two that people read first.\n"
        f"    {kinds[number % len(kinds)]}"
        for number in range(30)
    ]
    return (head + "".join(articles)).encode(), len(articles)


def _register(runs: int, events: int) -> Iterator[Row]:
    register = _history(events)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    found = standing(register, "nat-1949", at)
    took = _timed(lambda: standing(register, "nat-1949", at), runs)
    note = f"one agreement, {len(found.parties)} parties, {len(found.bound)} bound at the end"
    yield Row(f"{events:,} register events folded", took.median, "ms", goal=200, note=note)


def _history(events: int) -> Register:
    """Signatures, ratifications, suspensions and resumptions of pairs, notices, declarations."""
    (text,) = load(_template("north-atlantic-treaty"), "north-atlantic-treaty.yaml")
    assert isinstance(text, Agreement)
    ids = [party.id for party in text.parties]
    start = datetime(1990, 1, 1, tzinfo=UTC)
    kinds = (SIGNED, RATIFIED, SUSPENDED, RESUMED, DECLARED, SUSPENDED, RESUMED, DECLARED, NOTICE)
    given = []
    for number in range(events):
        what = kinds[number % len(kinds)]
        # Both ends of a suspension and of its resumption are the same pair.
        party = ids[(number // len(kinds)) % len(ids)]
        towards = PartyId(ids[(number // len(kinds) + 5) % len(ids)])
        at = start + timedelta(hours=number)
        pair = towards if what in {SUSPENDED, RESUMED} else None
        practice = "frozen" if what == DECLARED else ""
        if what == NOTICE and number < events - 50:
            what, practice = DECLARED, "leaving"
        given.append(Event(text.id, what, party, at, towards=pair, practice=practice))
    return Register({text.id: text}, tuple(given))


def _template(name: str) -> bytes:
    return files("allied.agreement").joinpath("templates", f"{name}.yaml").read_bytes()


def _attack(victim: str, on: date) -> Incident:
    facts = Facts(
        kind="attack.armed",
        occurred_at=on,
        acts=(Act(id="act-1", by="somebody-else", against=victim),),
    )
    return Incident(id="attack", versions=(Version(known_at=on, facts=facts),))


def _timed(work: Callable[[], object], runs: int) -> Timed:
    """How long `work` takes, once it has been done a first time."""
    work()
    times = []
    gc.collect()
    for _ in range(runs):
        started = time.process_time()
        work()
        times.append((time.process_time() - started) * 1000)
    times.sort()
    return Timed(
        times[0], times[len(times) // 2], times[min(len(times) - 1, len(times) * 99 // 100)]
    )
