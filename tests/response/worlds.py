"""Worlds for properties: several generated agreements, what happened to them, and incidents.

Everything is drawn from few words, so that what happens meets what was agreed often enough:
about every second world owes something. All clause types occur, with every field that decides
something about an incident; parties in every role, some bound by events and some by the text;
scopes and cases, bodies and findings, reservations, suspensions of a whole, of a party and of a
pair, campaigns of several incidents, versions and calls. Few of these worlds make sense; all of
them have to be answered consistently.

Words used here:
    world   a register, incidents, a day of knowledge
    dense   drawn from few words, so that two draws often agree
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st

from allied.agreement import clauses as c
from allied.agreement.events import Event
from allied.agreement.shape import show_group
from allied.agreement.standing import Register, start_of_day
from allied.agreement.terms import Agreement, Body, Party, dump, load
from allied.agreement.values import (
    NOTHING,
    Attribution as Wanted,
    Confidence,
    Duration,
    Severity,
    Table,
)
from allied.agreement.writing import write
from allied.record.ids import PartyId
from allied.response.incident import (
    Act,
    Attribution,
    Decision,
    Facts,
    Finding,
    Incident,
    Invocation,
    Version,
    named,
)

NAMES = ("first", "second", "third")
PARTIES = ("ash", "birch", "cedar", "dogwood")
OUTSIDERS = ("fox", "otter", "owl")
OBSERVER, HUB = "watcher", "hub"
EVERYBODY = (*PARTIES, OBSERVER, HUB, *OUTSIDERS)
DAY = date(2026, 5, 10)
AT = date(2026, 6, 1)

HOUR = Duration(2, "hours")
KINDS = ("attack", "attack.armed", "attack.cyber", "attack.cyber.intrusion", "attack.terror")
REST = ("act.mobilisation", "threat.force", "disaster.natural")
PLACES = ("europe", "asia")
TARGETS = ("territory", "systems")
SYSTEMS = ("domain:ash.example", "asn:64500")
SECTORS = ("energy", "water")


def some(values: Sequence[Any], most: int = 2, least: int = 0) -> st.SearchStrategy[Any]:
    """A few of these values, each once, as a tuple."""
    return st.lists(st.sampled_from(values), min_size=least, max_size=most, unique=True).map(tuple)


# --- texts --------------------------------------------------------------------------------------


@st.composite
def a_few(draw: st.DrawFn, made: Any, most: int, /, **options: st.SearchStrategy[Any]) -> Any:
    """Build with at most so many of the options, the others left as they are by default."""
    names = draw(st.lists(st.sampled_from(sorted(options)), max_size=most, unique=True))
    return replace(draw(made), **{name: draw(options[name]) for name in sorted(names)})


yes = st.just(value=True)
scopes = a_few(
    st.just(c.Scope()),
    2,
    places=some(PLACES, 1, 1),
    north_of_latitude=st.just(Decimal("23.44")),
    targets=some(TARGETS, 1, 1),
    systems=some(SYSTEMS, 1, 1),
    sectors=some(SECTORS, 1, 1),
    contested=yes,
)
in_scope = st.sampled_from([("plant",), ("plant", "port")]) | scopes
parties = st.sampled_from(PARTIES)
anybody = st.sampled_from(EVERYBODY)
cases = a_few(
    st.just(c.Case()),
    2,
    victim=some(PARTIES, 3, 1),
    attacker=some(OUTSIDERS, 2, 1),
    supported_by=some(EVERYBODY, 1, 1),
    incident=some(KINDS, 1, 1),
    against=some(TARGETS, 1, 1),
    act_by=some(OUTSIDERS, 1, 1),
)
aggregates = st.builds(
    c.Aggregate,
    window=st.sampled_from([None, Duration(30, "days")]),
    severity=st.sampled_from(["max", "sum", "body-decides"]),
)
triggers = a_few(
    st.sampled_from(
        [*[("attack",)] * 5, (), ("attack.armed",), ("attack.cyber",), *((k,) for k in REST)]
    ).map(lambda kinds: c.Trigger(incident=kinds)),
    3,
    may_be_found_to_be=some(KINDS, 2, 1),
    severity=st.sampled_from(Severity),
    aggregate=aggregates,
    scope=in_scope,
    against=some(TARGETS, 1, 1),
    victims=st.integers(1, 2),
    victim_is=some(PARTIES, 3, 1),
    attacker=st.sampled_from([("not-a-party",), ("even-a-party",), ("fox", "otter")]),
    attackers=st.integers(1, 2),
    supported_by=some(OUTSIDERS, 2, 1),
    attribution=st.sampled_from(
        ["from-outside", "to-anyone at least low", "to-a-state at least high"]
    ).map(Wanted.parse),
    unprovoked=st.just("required"),
    capacity=st.just("own-exhausted"),
    phase=some(("imminent", "active"), 2, 1),
    act_by=some((*OUTSIDERS, "dogwood"), 2, 1),
    cases=st.lists(cases, min_size=1, max_size=2, unique=True).map(tuple),
    requested_by_victim=yes,
    from_practice=st.just(("attacker",)),
)
duties = a_few(
    st.builds(
        c.Duty,
        do=st.sampled_from(["assist", "raise readiness"]),
        modality=st.sampled_from(["must", "must", "should", "may", "discuss"]),
    ),
    3,
    who=st.sampled_from([("all parties",), ("members",), ("hub",)]) | some(PARTIES, 2, 1),
    owes=st.sampled_from(["the group", "ash", "birch"]),
    measures=some(("force", "analysts"), 2, 1),
    means=st.just("as-listed"),
    answer_within=st.just(HOUR),
    perform_within=st.just(Duration(3, "working days")),
)
base = {
    "since": st.sampled_from([date(2026, 5, 1), date(2026, 5, 1), date(2026, 5, 12)]),
    "until": st.sampled_from([date(2026, 5, 9), date(2026, 5, 20), date(2026, 5, 20)]),
    "visibility": st.sampled_from(["parties", "secret"]),
    "binds": some(PARTIES, 3, 1),
    "operative": st.sampled_from([True, True, False]),
}
"""What every clause may say."""

_PENDING = ("kind", "attribution", "attacker", "scope", "severity", "unprovoked", "phase")
responses = a_few(
    st.builds(
        c.CollectiveResponse,
        art=st.just("0"),
        trigger=triggers,
        duties=st.lists(duties, min_size=1, max_size=2).map(tuple),
    ),
    3,
    invoked_by=some(("victim", "any-member", "body"), 2, 1),
    invocation_window=st.just(Duration(2, "days")),
    decision=st.builds(
        c.Decision,
        body=st.just("board"),
        rule=st.sampled_from(
            [None, c.DecisionRule(kind="simple-majority", measure_consent=("force",))]
        ),
    ),
    provisional=st.builds(
        c.Provisional,
        pending=some(_PENDING, 7, 4),
        lapses_after=st.sampled_from([None, None, Duration(10, "days")]),
        duties_meanwhile=some(("consult", "stand by"), 2, 1),
    ),
    interim=st.just(c.Interim()),
    excuses=some(("own-emergency", "legal-bar"), 2, 1),
    adaptations=st.sampled_from(
        [
            (c.Adaptation(capability="armed_force: no", instead=("funds",)),),
            (c.Adaptation(status="neutral: yes", instead=("doctors",)),),
            (c.Adaptation(party="birch", instead=("funds",)),),
        ]
    ),
    report=st.just((c.Report(to="UN Security Council"),)),
    ends_when=st.just(("victim-declares-over",)),
    **base,
)
consultations = a_few(
    st.builds(c.Consultation, art=st.just("0")),
    3,
    caller=st.sampled_from(["victim", "body", "2 members"]),
    when=triggers,
    meet_within=st.just(Duration(2, "days")),
    duty=st.just("must discuss"),
    **base,
)
aids = a_few(
    st.builds(c.MutualAid, art=st.just("0")),
    2,
    resources=st.just((c.Resource(kind="analysts", quantity="2"),)),
    modality=st.just("must"),
    answer_within=st.just(HOUR),
    scope=in_scope,
    **base,
)
restraints = a_few(
    st.builds(
        c.Restraint,
        art=st.just("0"),
        kind=st.sampled_from(
            ["non-aggression", "neutrality", "sphere", "no-separate-peace", "safe-harbour"]
        ),
    ),
    2,
    benevolent=yes,
    towards=st.sampled_from([("everyone",), ("each other",), ("ash",)]),
    scope=in_scope,
    **base,
)
disputes = a_few(
    st.builds(c.Dispute, art=st.just("0")),
    2,
    steps=st.just((c.Step(do="mediate", within=Duration(10, "days")),)),
    incident_between_parties=st.just("pacify"),
    **base,
)
reservations = st.builds(
    c.Reservations,
    art=st.just("0"),
    allowed=st.sampled_from([True, True, False]),
    list=st.lists(
        st.builds(
            c.Reservation,
            party=parties,
            clause=st.sampled_from(["1", "2"]),
            effect=st.sampled_from(["exclude", "exclude", "narrow", "interpret"]),
            reciprocal=st.booleans(),
        ),
        max_size=1,
    ).map(tuple),
)
statements = st.builds(
    c.Statement,
    art=st.just("0"),
    no_duty=some(("offensive measures", "armed help"), 1),
    visibility=st.sampled_from(["", "", "parties"]),
)

_REST = """\
format: alliance/1
id: rest
form: {kind: contract}
parties: [{ids: [ash, birch]}]
protections: [{name: shield, valid: [2020-01-01/2026-05-01]}]
articles:
  - {art: "1", type: information-sharing, share: [indicator], legal_shield: shield}
  - {art: "2", type: preparedness, target: a plan}
  - {art: "3", type: governance}
  - {art: "4", type: membership, eligible: companies}
  - {art: "5", type: amendment, rule: {kind: unanimity}}
  - {art: "6", type: review, every: 1 year}
  - {art: "7", type: secrecy, existence: yes}
  - {art: "8", type: reporting, to: [the public]}
"""


@cache
def _rest() -> Agreement:
    (text,) = load(_REST.encode(), "rest")
    assert isinstance(text, Agreement)
    return text


_rest_of_types = st.deferred(lambda: st.sampled_from(_rest().articles))
clauses = st.sampled_from(
    [*[responses] * 5, consultations, aids, restraints, restraints, disputes, statements,
     _rest_of_types]
).flatmap(lambda made: made)  # fmt: skip
"""Half of them collective responses."""


@st.composite
def agreements(draw: st.DrawFn, name: str = "first", most: int = 3) -> Agreement:
    """One agreement among some of the parties, an observer and a hub now and then."""
    chosen = draw(
        st.sampled_from([*[PARTIES[:3]] * 3, *[PARTIES] * 2, PARTIES[1:], PARTIES[:2], PARTIES[2:]])
    )
    by_text = draw(st.sampled_from([True] * 6 + [False]))
    days = st.sampled_from([*[date(2020, 1, 1)] * 5, DAY, date(2026, 5, 20)])
    role = st.sampled_from([*["member"] * 7, "guarantor", "protected", "associate"])
    every = [
        Party(
            id=PartyId(party),
            kind=draw(st.sampled_from(["company", "state"])) if name == "first" else "state",
            role=draw(role) if number else "member",
            joined=draw(days) if by_text else None,
            capabilities=draw(st.sampled_from([NOTHING, NOTHING, Table({"armed_force": "no"})])),
            status_notes=draw(st.sampled_from([NOTHING, NOTHING, Table({"neutral": "yes"})])),
        )
        for number, party in enumerate(chosen)
    ]
    for other, its in ((OBSERVER, "observer"), (HUB, "secretariat")):
        if draw(st.sampled_from([False, False, True])):
            joined = date(2020, 1, 1) if by_text else None
            every.append(Party(id=PartyId(other), role=its, joined=joined))
    drawn = draw(st.lists(clauses, min_size=1, max_size=most))
    if draw(st.sampled_from([False, False, False, True])):
        drawn.append(draw(reservations))
    articles = tuple(replace(each, art=str(place)) for place, each in enumerate(drawn, 1))
    members = {str(each.id) for each in every}
    return replace(
        _rest(),
        id=name,
        visibility=draw(st.sampled_from(["public", "public", "parties"])),
        timezone=draw(st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])),
        parties=tuple(every),
        scopes=Table({"plant": draw(scopes), "port": draw(scopes)}),
        bodies=Table({"board": Body(rule=c.DecisionRule(kind="simple-majority"))}),
        life=draw(lives),
        articles=tuple(among(each, members) for each in articles),
    )


def _lives() -> st.SearchStrategy[Any]:
    text = "format: alliance/1\nid: x\nform: {kind: contract}\nparties: [{id: ash}]\nlife: {%s}\n"
    said = (
        "withdrawal: {notice: 10 days}",
        "withdrawal: {notice: 10 days, open_incidents: stop}",
        "term: 3 years, renewal: {automatic: yes, each: 1 year, stop_notice: 30 days}",
        "term: 10 years",
        "in_force_when: all ratified",
        "in_force_when: {count: 2, of: signed}, withdrawal: {notice: 1 day, not_before: 1 year}",
    )
    found = [load((text % each).encode(), "life")[0] for each in said]
    return st.sampled_from([each.life for each in found if isinstance(each, Agreement)])


lives = _lives()


def _once(values: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(values))


def among(clause: Any, members: AbstractSet[str]) -> Any:
    """Take out references to parties that the agreement does not name."""
    if clause.binds:
        clause = replace(clause, binds=tuple(n for n in clause.binds if n in members))
    if isinstance(clause, c.CollectiveResponse):
        words = {"other parties", "all parties", "members", "hub"}
        clause = replace(
            clause,
            duties=_once(
                replace(
                    each,
                    who=tuple(n for n in each.who if n in members | words) or ("other parties",),
                    owes=each.owes if each.owes in members | {"victim", "the group"} else "victim",
                )
                for each in clause.duties
            ),
            adaptations=tuple(
                each for each in clause.adaptations if not each.party or each.party in members
            ),
        )
    if isinstance(clause, c.Reservations):
        clause = replace(clause, list=tuple(each for each in clause.list if each.party in members))
    return clause


# --- registers ----------------------------------------------------------------------------------

MOMENTS = (date(2026, 4, 1), date(2026, 5, 9), DAY, date(2026, 5, 11), date(2026, 5, 25))


def at_day(day: date) -> datetime:
    return start_of_day(day, "UTC")


@st.composite
def events(draw: st.DrawFn, text: Agreement) -> Event:
    """Something that happened to an agreement or to one of its parties."""
    ids = [str(each.id) for each in text.parties]
    what = draw(
        st.sampled_from(
            ["notice", "suspended", "suspended", "resumed", "reservation", "reservation",
             "declared", "expelled", "terminated", "stop-notice", "signed", "ratified"]
        )
    )  # fmt: skip
    party: str | None = draw(st.sampled_from(ids))
    towards = None
    if what == "terminated":
        party = None
    if what in {"suspended", "resumed"} and draw(st.booleans()):
        others = [each for each in ids if each != party]
        towards = draw(st.sampled_from(others)) if others else None
    return Event(
        text.id,
        what,
        PartyId(party) if party else None,
        at_day(draw(st.sampled_from(MOMENTS))),
        towards=PartyId(towards) if towards else None,
        art=draw(st.sampled_from(["1", "2"])) if what == "reservation" else "",
        effect=draw(st.sampled_from(["exclude", "exclude", "narrow"]))
        if what == "reservation"
        else "",
        reciprocal=draw(st.booleans()) if what in {"suspended", "reservation"} else False,
        practice="frozen" if what == "declared" else "",
        day=draw(st.booleans()),
    )


@st.composite
def registers(draw: st.DrawFn, most: int = 2) -> Register:
    """Up to three agreements, and what happened to them."""
    count = draw(st.integers(1, most))
    texts = {name: draw(agreements(name)) for name in NAMES[:count]}
    given_events: list[Event] = []
    for name, text in texts.items():
        for party in text.parties:
            if party.joined is None and draw(st.sampled_from([True] * 5 + [False])):
                start = at_day(draw(st.sampled_from([date(2020, 1, 1), date(2026, 5, 10)])))
                given_events += [
                    Event(name, "signed", party.id, start),
                    Event(name, "ratified", party.id, start),
                ]
        given_events += draw(st.lists(events(text), max_size=2))
        if count > 1 and draw(st.sampled_from([False] * 9 + [True])):
            tied = draw(st.sampled_from([each for each in texts if each != name]))
            if not texts[tied].life.tied_to:
                texts[name] = replace(text, life=replace(text.life, tied_to=tied))
    if count > 1 and draw(st.sampled_from([False] * 3 + [True])):
        texts["second"] = replace(texts["second"], prevails_over=("first",))
    return Register(texts, tuple(given_events))


# --- incidents ----------------------------------------------------------------------------------

_ATTACKERS = (*OUTSIDERS, *OUTSIDERS, None, None, *PARTIES[:3], OBSERVER)
_VICTIMS = (*PARTIES[:3], *PARTIES[:3], *PARTIES, None, OUTSIDERS[0], OBSERVER)
acts = st.builds(
    Act,
    by=st.sampled_from(_ATTACKERS),
    against=st.sampled_from(_VICTIMS),
    target=st.sampled_from([None, *TARGETS]),
    places=st.sampled_from([None, (), ("europe",), ("asia",), ("asia", "europe")]),
    latitude=st.sampled_from([None, Decimal(50), Decimal(-10)]),
    systems=st.sampled_from([None, (), ("domain:www.ash.example",), ("asn:1", "asn:64500")]),
    sectors=st.sampled_from([None, ("energy",), ("water",)]),
    supported_by=st.sampled_from([None, (), ("fox",), ("dogwood", "otter")]),
    in_response_to=st.sampled_from([None, None, None, "act-1"]),
    count=st.sampled_from([None, None, 40]),
).filter(lambda act: act.by is None or act.by != act.against)


def _answering(drawn: Iterable[Act]) -> tuple[Act, ...]:
    """Name the acts; only a later one can be in response to the first."""
    first, *others = named(drawn)
    return (replace(first, in_response_to=None), *others)


_origins = st.builds(
    Attribution,
    origin=st.sampled_from([None, "outside", "outside", "inside"]),
    to=st.sampled_from([None, *OUTSIDERS, "dogwood"]),
    confidence=st.sampled_from([None, *Confidence]),
)
facts = st.builds(
    Facts,
    kind=st.sampled_from([*["attack.armed"] * 4, *["attack.cyber"] * 4, *KINDS, *REST, None]),
    occurred_at=st.sampled_from([*[DAY] * 6, None, datetime(2026, 5, 10, 23, tzinfo=UTC)]),
    severity=st.sampled_from([None, *Severity]),
    phase=st.sampled_from([None, "imminent", "active", "past"]),
    attribution=st.none() | _origins,
    unprovoked=st.sampled_from([None, "yes", "yes", "no", "contested"]),
    capacity=st.sampled_from([None, "own-exhausted", "sufficient"]),
    requested_by_victim=st.sampled_from([None, True, False]),
    ended=st.sampled_from([*[None] * 8, False, True]),
    acts=st.lists(acts, min_size=1, max_size=3, unique=True).map(_answering),
)
_agreement = st.sampled_from(("first", "first", "second"))
_art = st.sampled_from(("1", "1", "2", "3"))
_when = st.sampled_from((DAY, date(2026, 5, 11), date(2026, 5, 20)))
_values = {
    "kind": st.sampled_from(KINDS),
    "severity": st.sampled_from(["low", "severe"]),
    "phase": st.just("active"),
    "unprovoked": st.sampled_from(["yes", "no"]),
    "capacity": st.just("own-exhausted"),
    "scope": st.sampled_from(["yes", "no"]),
    "attribution.from": st.just("outside"),
    "ended": st.sampled_from(["yes", "no"]),
}
findings = st.sampled_from(sorted(_values)).flatmap(
    lambda field: st.builds(
        Finding,
        agreement=_agreement,
        field=st.just(field),
        value=_values[field],
        by=st.sampled_from(["board", "board", "board", "fox"]),
        at=_when,
    )
)
calls = st.builds(
    Invocation,
    agreement=_agreement,
    art=_art,
    by=st.sampled_from((*PARTIES, *EVERYBODY, "board")),
    at=_when,
)
decisions = st.builds(
    Decision,
    agreement=_agreement,
    art=_art,
    outcome=st.sampled_from(["adopted", "adopted", "rejected", "silence-broken"]),
    at=_when,
)


@st.composite
def incidents(draw: st.DrawFn, name: str = "it", most: int = 1) -> Incident:
    """One incident, in up to `most` versions that became known on different days."""
    count = draw(st.integers(1, most))
    return Incident(
        id=name,
        campaign=draw(st.sampled_from([None, "spring", "spring"])),
        versions=tuple(
            Version(known_at=date(2026, 5, 10 + place), facts=draw(facts), asserted_by="ash")
            for place in range(count)
        ),
        findings=tuple(draw(st.lists(findings, max_size=2, unique=True))),
        invocations=tuple(draw(st.lists(calls, max_size=3, unique=True))),
        decisions=tuple(draw(st.lists(decisions, max_size=1))),
    )


@dataclass(frozen=True, repr=False)
class World:
    """A register and incidents; asked on the day of knowledge. Shown as files would show it."""

    register: Register
    incidents: tuple[Incident, ...]

    def __repr__(self) -> str:
        texts = "---\n".join(dump(text) for text in self.register.agreements.values())
        said = [
            f"{each.agreement}: {each.event} {each.party or ''}"
            f"{f' towards {each.towards}' if each.towards else ''}"
            f"{f' art {each.art} {each.effect}' if each.art else ''}"
            f"{' reciprocal' if each.reciprocal else ''} at {each.at:%Y-%m-%d}"
            f"{' (day)' if each.day else ''}"
            for each in self.register.events
        ]
        told = [str(write(show_group(each))) for each in self.incidents]
        return "\n".join(["", texts, *said, *told])


@st.composite
def worlds(draw: st.DrawFn, agreements: int = 2, incidents_: int = 2, versions: int = 2) -> World:
    """Some agreements and some incidents; those of one campaign count together."""
    register = draw(registers(agreements))
    count = draw(st.integers(1, incidents_))
    names = ("it", "other")[:count]
    return World(register, tuple(draw(incidents(name, versions)) for name in names))
