"""Who is bound on the day of the law, and what the answer of a gate looks like.

The gates (`act_gates`, `gates`) share these values and the few questions at the end; nothing
is decided here.

Words used here:
    ground     one agreement on the day of the law: who is bound, as what, and what is suspended
    topic      what a missing fact is about, as `provisional.pending` names it
    awaited    neither yes nor no, because somebody may still act
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Final, NamedTuple

from allied.agreement.events import (
    AMENDED,
    CLEARED,
    EXPELLED,
    FLAGGED,
    NOTICE,
    SUSPENDED,
    Register,
)
from allied.agreement.parties import ConditionalRole
from allied.agreement.standing import Reserved, Standing
from allied.agreement.terms import Agreement
from allied.agreement.values import Severity
from allied.agreement.versions import Text, Versions, versions
from allied.response.moment import zone
from allied.response.results import Line, Note
from allied.response.rule import Condition, Rule
from allied.response.truth import Answer

PARTICIPANTS: Final = frozenset({"member", "guarantor", "protected"})
_LEAVING: Final = frozenset({NOTICE, EXPELLED, AMENDED})


@dataclass(frozen=True, slots=True)
class Ground:
    """Who is bound by one agreement on the day of the law.

    Attributes:
        agreement: the id in its file.
        state: of the agreement: "in-force", "expired" ...
        legal: of each party: "bound", "leaving", "signed", "former" ...
        roles: of each party: "member", "observer" ...
        bound: parties that are bound and take part: observers are not among them.
        everyone: all parties that are bound, in whatever role.
        suspended: pairs (debtor, creditor) between which nothing is owed.
        reservations: from the text and from the register.
        features: of each party, what adaptations are keyed by: {"armed_force": "no"}.
        law_at: the moment of the law.
        since: when the agreement entered into force; None while it had not.
        sides: of each party that stands on one: the parties of one side owe each other nothing.
        left: who has left by the day of knowledge, and when.
        open_incidents: what the text says of incidents that are open when a party leaves.
        flagged: articles whose words and fields disagree, as people found.
        undecided_roles: parties whose role hangs on a severity that nobody has stated.
        text: the id of the file whose text is asked.
        inside: parties that take part in the agreement under any of its texts.
        resting: articles that are suspended for everybody, and the day since when.
        excepted: (art, party): the article is suspended for that party.
    """

    agreement: str
    title: str
    state: str
    legal: Mapping[str, str]
    roles: Mapping[str, str]
    bound: frozenset[str]
    everyone: frozenset[str]
    suspended: frozenset[tuple[str, str]]
    bodies: frozenset[str]
    reservations: tuple[Reserved, ...]
    features: Mapping[str, Mapping[str, str]]
    zone: str
    law_at: datetime
    notes: tuple[Note, ...] = ()
    since: datetime | None = None
    sides: Mapping[str, str] = field(default_factory=dict)
    left: Mapping[str, datetime] = field(default_factory=dict)
    open_incidents: str = "finish-accrued"
    flagged: frozenset[str] = frozenset()
    undecided_roles: frozenset[str] = frozenset()
    text: str = ""
    inside: frozenset[str] = frozenset()
    resting: Mapping[str, date] = field(default_factory=dict)
    excepted: frozenset[tuple[str, str]] = frozenset()

    @property
    def today(self) -> date:
        """The day of the law in the agreement's time zone."""
        return self.law_at.astimezone(zone(self.zone)).date()


def ground_of(
    register: Register,
    found: Versions,
    text: Text,
    law_at: datetime,
    ended: str = "",
    known_at: datetime | None = None,
) -> Ground:
    """Look up who is bound at `law_at` by one text of an agreement.

    Args:
        register: narrowed to the agreement and to what is known; `law_at` may lie before the
            last of its events.
        found: the texts of the agreement at `law_at`.
        text: the one that is asked.
        ended: the instrument that it is tied to and that has ended by then; empty where there
            is none (`ties`). Nobody is bound any more by an instrument that outlived its tie.
        known_at: the day of knowledge, up to which a party may have left since.

    Raises:
        NotFoundError: the register does not hold the agreement.

    Cost: linear in its parties and in the events of the register.
    """
    agreement, stands = text.terms, text.standing
    whole = found.standing
    bound = whole.bound if len(found.texts) == 1 else whole.bound & text.accepted.keys()
    roles: dict[str, str] = {party: each.role for party, each in stands.parties.items()}
    notes = [Note(code, said) for code, said in (*whole.warnings, *found.warnings)]
    notes += [
        Note(
            "practice",
            f"{party} is {each.practice} in practice; its legal status, {each.legal}, decides.",
        )
        for party, each in whole.parties.items()
        if each.practice
    ]
    state = stands.state
    if ended and state == "in-force":
        notes.append(
            Note("tie-ended", f"{agreement.id} ended with {ended}, to which its text ties it.")
        )
        state, bound = "terminated", frozenset()
    resting, excepted = _suspended(register, agreement, stands, law_at)
    return Ground(
        agreement=found.agreement,
        title=agreement.title or agreement.id,
        state=state,
        legal={party: each.legal for party, each in whole.parties.items()},
        roles=roles,
        bound=frozenset(p for p in bound if roles.get(p) in PARTICIPANTS),
        everyone=frozenset(bound),
        suspended=frozenset(stands.suspended_pairs),
        bodies=frozenset(
            body
            for body in agreement.bodies
            if state != "in-force" or stands.participation.get(body)
        ),
        reservations=stands.reservations,
        features={
            party.id: {**party.capabilities, **party.status_notes}
            for party in agreement.parties
            if party.capabilities or party.status_notes
        },
        zone=agreement.timezone,
        law_at=law_at,
        notes=tuple(notes),
        since=stands.in_force_since,
        sides={party.id: party.side for party in agreement.parties if party.side},
        left=_left(register, found, law_at, known_at),
        open_incidents=agreement.withdrawal.open_incidents
        if agreement.withdrawal is not None
        else "finish-accrued",
        flagged=_flagged(register, agreement),
        text=text.version,
        inside=_inside(found) if len(found.texts) > 1 else frozenset(),
        resting=resting,
        excepted=excepted,
    )


def _inside(found: Versions) -> frozenset[str]:
    """Name who takes part in an agreement, under whichever text."""
    return frozenset(
        party
        for party in found.standing.bound
        if found.of(party).terms.party(party).role_name in PARTICIPANTS
    )


def _suspended(
    register: Register, agreement: Agreement, stands: Standing, law_at: datetime
) -> tuple[dict[str, date], frozenset[tuple[str, str]]]:
    """Name the articles that are suspended: for everybody since which day, and for whom."""
    if not stands.suspended_clauses:
        return {}, frozenset()
    said = [e for e in register.events if e.event == SUSPENDED and e.art and e.at <= law_at]
    return (
        {
            art: max((e.at for e in said if e.art == art and e.party is None), default=law_at)
            .astimezone(zone(agreement.timezone))
            .date()
            for art, party in stands.suspended_clauses
            if party is None
        },
        frozenset((art, party) for art, party in stands.suspended_clauses if party is not None),
    )


def in_role(ground: Ground, agreement: Agreement, severity: Severity | None) -> Ground:
    """Give each party the role that it has over an incident of that severity.

    Cost: nothing where no role depends on it, else linear in the parties.
    """
    asked = {
        p.id: p.role
        for p in agreement.parties
        if isinstance(p.role, ConditionalRole)
        and ground.roles.get(p.id) in {p.role.role, p.role.otherwise}
    }
    if not asked:
        return ground
    roles: dict[str, str] = dict(ground.roles)
    roles.update({party: role.role_at(severity) for party, role in asked.items()})
    return replace(
        ground,
        roles=roles,
        bound=frozenset(p for p in ground.everyone if roles.get(p) in PARTICIPANTS),
        undecided_roles=frozenset(asked) & ground.everyone if severity is None else frozenset(),
    )


def _left(
    register: Register, found: Versions, law_at: datetime, by: datetime | None
) -> dict[str, datetime]:
    """Say who was bound once and is not any more on the day of knowledge."""
    if by is None or not any(each.event in _LEAVING for each in register.events):
        return {}
    parties = found.standing.parties
    moved = by < law_at or any(
        each.event == AMENDED or (each.event in _LEAVING and law_at < each.at)
        for each in register.events
    )
    if moved or any(its.until and law_at < its.until <= by for its in parties.values()):
        parties = versions(register, found.agreement, by).standing.parties
    return {
        party: each.until
        for party, each in parties.items()
        if each.legal in {"former", "expelled"} and each.until is not None
    }


def _flagged(register: Register, agreement: Agreement) -> frozenset[str]:
    """Name the articles that people flagged, where the words of the text count."""
    if agreement.authority != "text":
        return frozenset()
    latest: dict[str, tuple[datetime, bool]] = {}
    for event in register.events:
        if event.event in {FLAGGED, CLEARED}:
            mark = (event.at, event.event == CLEARED)
            latest[event.art] = max(mark, latest.get(event.art, mark))
    return frozenset(art for art, (_, cleared) in latest.items() if not cleared)


@dataclass(frozen=True, slots=True)
class Missing:
    """A fact that nobody has stated: its field, and the topic it belongs to."""

    topic: str
    field: str


class Gate(NamedTuple):
    """The answer of one gate; a tuple, since an answer has thousands of them.

    Attributes:
        code: the reason code of a no, an unknown or something awaited; empty for yes.
        awaited: the answer is neither yes nor no because somebody may still act.
        facts: names of the facts that it looked at (`citing`).
    """

    gate: str
    answer: Answer
    because: str
    code: str = ""
    missing: tuple[Missing, ...] = ()
    change: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    awaited: bool = False
    facts: tuple[str, ...] = ()

    def line(self, rule: Rule) -> Line:
        """Write it as one step of an explanation."""
        answer = "awaited" if self.awaited else self.answer.value
        return Line(
            self.gate, answer, self.because, rule.ref, rule.text_hash, self.change, self.facts
        )


def matches(kind: str | None, wanted: tuple[str, ...]) -> Answer:
    """Whether a kind is one of `wanted`; a parent stands for its children.

    A kind that is less exact than what is wanted leaves it unknown.
    """
    if kind is None:
        return Answer.UNKNOWN
    if any(kind == each or kind.startswith(each + ".") for each in wanted):
        return Answer.YES
    if any(each.startswith(kind + ".") for each in wanted):
        return Answer.UNKNOWN
    return Answer.NO


def overlap(given: tuple[str, ...] | None, allowed: tuple[str, ...]) -> Answer:
    """Whether what an act says has something in common with what is allowed."""
    if given is None:
        return Answer.UNKNOWN
    return Answer.of(any(each in allowed for each in given))


def only(value: str | None) -> tuple[str, ...] | None:
    """Make one stated value a row of one; None stays unknown."""
    return None if value is None else (value,)


def first(names: Iterable[str]) -> str:
    """Name one of `names`, the same one every time."""
    return min(names, default="a bound party")


def practice(condition: Condition, name: str) -> str:
    """Say that a field states practice and not the words of the text."""
    return " [practice, not the words of the text]" if name in condition.from_practice else ""
