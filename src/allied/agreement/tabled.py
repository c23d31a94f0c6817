"""Which questions are on the table in a circle, and what was said on each: records, read.

Records that the register let through become proposals and statements here; who decides is asked
of `agreement.question`, what comes out of `agreement.decision`. Nothing is counted that is not
given, and nothing that is counted here takes effect: on what several nodes agree to count, and
whose count it is, `agreement.closing` reads in the steps that are kept here as they are.

Words used here:
    opening     the record that puts a question; its id is the proposal's
    text        digest over the matter and the words that are decided; whoever speaks names it
    consent     a vote on one measure: whether its issuer takes it itself
    change      a further `proposal.open` that `replaces` an opening, with other words or more time
    receipt     another party's signed word that it holds a record
    step        a close, tally, count or certificate on a question; read by `agreement.closing`
    cut         of each chain of the circle, the last number that is counted
    arrival     from when on more parties than the rule lets cheat say that they hold it
    claim       the time that a record gives itself

Rules that hold everywhere below. What is said must know the opening that it speaks about. Where
enough receipts of others are here, a statement came in time by its arrival, else by its claim.
Who votes follows from how the agreement stood when the question was put, as far as its opening
knows. A question stands in a circle in which everybody entitled can read it; one that changes who
is bound or by which text, in one in which every party can. One that others provably learned of
only after its end adopts nothing. What cannot be read is listed with its code and has no effect; a
body with a key that is not known here is not read.

Source: agreement format, "Proposal and vote"; DESIGN of records for receipts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from allied.agreement.ballot import (
    CHOICES,
    Extension,
    Proposal,
    Receipt,
    Retraction,
    Revision,
    Statement,
    Vote,
    roll,
)
from allied.agreement.decision import ADOPTED, LAPSED, REJECTED, Count, count
from allied.agreement.events import Register
from allied.agreement.matters import OF_INCIDENTS, OF_THE_REGISTER, Matter
from allied.agreement.question import Question, question
from allied.agreement.standing import Standing, standing
from allied.agreement.terms import Agreement
from allied.agreement.versions import versions
from allied.agreement.wording import (
    consent_in,
    flag_in,
    instant_in,
    read_matter,
    reasons_in,
    require_keys,
    shape,
    stated_in,
    text_in,
    text_of,
    words_in,
)
from allied.errors import AlliedError, ConflictError, NotFoundError, RefusedError
from allied.record.canonical import Json
from allied.record.ids import PartyId, RecordId
from allied.record.record import ChainKey

OPEN: Final = "proposal.open"
ACKNOWLEDGE: Final = "proposal.acknowledge"
WITHDRAW: Final = "proposal.withdraw"
VOTE: Final = "vote.cast"
RECEIPT: Final = "receipt"
KINDS: Final = frozenset({OPEN, ACKNOWLEDGE, WITHDRAW, VOTE})
STEPS: Final = frozenset(
    {"decision.close", "decision.tally", "decision.count", "decision.certificate"}
)

MOST_OPENED: Final = 1_000
"""So many questions of one party are followed in one circle; further ones are passed over."""
MOST_STEPS: Final = 16
"""So many steps of one kind by one party are looked at on a question."""

TOLD_TOO_LATE: Final = "told-too-late"
"""The reason of a count: the others provably learned of the question after its end."""


@dataclass(frozen=True, slots=True)
class Said:
    """One effective record of a circle.

    Attributes:
        number: its place in its issuer's chain.
        knows: whether it rests on an earlier record.
        chain: its issuer's; None for a record that is not written yet.
        clock: of each chain, the last number that it rests on.
    """

    kind: str
    party: PartyId
    body: Mapping[str, Json]
    at: datetime
    record: RecordId
    number: int
    knows: Callable[[RecordId], bool]
    chain: ChainKey | None = None
    clock: Callable[[], Mapping[ChainKey, int]] = dict

    def within(self, cut: Cut) -> bool:
        """Whether it stands within a cut."""
        return self.chain is not None and self.number <= cut.get(self.chain, 0)


Cut: TypeAlias = Mapping[ChainKey, int]
"""Of each chain of a circle the last number that is counted."""


@dataclass(frozen=True, slots=True)
class Held:
    """A receipt: who says that it holds a record, since when, and in which record it says so."""

    at: datetime
    party: PartyId
    said: Said


@dataclass(frozen=True, slots=True)
class Sides:
    """Who stands on which side of an incident, as far as they are parties."""

    attackers: frozenset[PartyId] = frozenset()
    disputants: frozenset[PartyId] = frozenset()


FindSides: TypeAlias = Callable[[str, Said], Sides | None]
"""The sides of an incident as an opening knows it; None where it does not know the incident."""

FindRegister: TypeAlias = Callable[[Said], Register]
"""The register as the opening of a question knows it."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One statement on a question, with the record that holds it.

    Attributes:
        held: by whom, in the order given.
        reasons: digest of the blob with reasons, or empty.
    """

    said: Said
    statement: Statement
    held: tuple[Held, ...] = ()
    reasons: str = ""

    @property
    def record(self) -> RecordId:
        """The record that says it."""
        return self.said.record

    @property
    def receipts(self) -> Receipts:
        """Who says that it holds the record, and since when, ascending."""
        return _first_words(self.held)


Receipts: TypeAlias = tuple[tuple[datetime, PartyId], ...]


@dataclass(frozen=True, slots=True)
class Tabled:
    """One question on the table.

    Attributes:
        words: by text, the digest of the blob that holds its words.
        heard: everything said on it, in the order given.
        opened: who holds the opening.
        timezone: the agreement's.
        terms: the text that was present when it was put; it says who decides, and how.
        steps: how far it is decided, in the order given; read by `agreement.closing`.
    """

    opening: Said
    question: Question
    proposal: Proposal
    words: Mapping[str, str]
    heard: tuple[Heard, ...]
    opened: tuple[Held, ...]
    timezone: str
    terms: Agreement
    steps: tuple[Said, ...] = ()

    @property
    def record(self) -> RecordId:
        """The record that puts it, which is the proposal's id."""
        return self.opening.record

    @property
    def told(self) -> Receipts:
        """Who says that it holds the opening, and since when, ascending."""
        return _first_words(self.opened)


@dataclass(frozen=True, slots=True)
class Ignored:
    """A record that has no effect here, and the code of why."""

    record: RecordId
    party: PartyId
    kind: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class OnTable:
    """Everything on the table of one circle, in the order of the openings."""

    tabled: tuple[Tabled, ...]
    ignored: tuple[Ignored, ...]


# --- counting ---------------------------------------------------------------------------


def counted(on: Tabled, at: datetime) -> Count:
    """Count what was said on a question, as known at `at`.

    Whatever is on the table is counted, which is one node's own view and proves nothing; what
    closes of the voters agree on is counted by `counted(within(on, cut), at)`.

    Raises:
        InapplicableRuleError, MalformedError, ValueError: as `decision.count`.
    """
    tolerates = on.question.rule.tolerates
    found = count(
        on.question.rule,
        on.proposal,
        on.question.electorate,
        [_arrived(each, tolerates, at) for each in on.heard],
        at,
        timezone=on.timezone,
    )
    if found.outcome in (ADOPTED, REJECTED, LAPSED) and _told_too_late(on, found):
        return replace(
            found,
            outcome=LAPSED,
            reason=TOLD_TOO_LATE,
            as_it_stands=LAPSED,
            bound_by_silence=(),
            sentence=f"Lapsed: the others were told after its end. {found.sentence}",
        )
    return found


def within(on: Tabled, cut: Cut) -> Tabled:
    """The question with only what stands within a cut, receipts included."""
    return replace(
        on,
        heard=tuple(
            replace(each, held=_within(each.held, cut))
            for each in on.heard
            if each.said.within(cut)
        ),
        opened=_within(on.opened, cut),
    )


def _within(held: Iterable[Held], cut: Cut) -> tuple[Held, ...]:
    return tuple(each for each in held if each.said.within(cut))


def _first_words(held: Iterable[Held]) -> Receipts:
    """The first word of each party, ascending."""
    first: dict[PartyId, datetime] = {}
    for each in held:
        first.setdefault(each.party, each.at)
    return tuple(sorted((at, party) for party, at in first.items()))


def _told_too_late(on: Tabled, found: Count) -> bool:
    """Whether those who vote beside the proposer say that they learned of it after its end."""
    others = frozenset(found.entitled) - {on.proposal.by}
    told = arrival((each for each in on.told if each[1] in others), on.question.rule.tolerates)
    return told is not None and found.deadline is not None and told >= found.deadline


def arrival(receipts: Iterable[tuple[datetime, PartyId]], tolerates: int) -> datetime | None:
    """When a record had arrived, as more parties say than may cheat; None while too few do."""
    ordered = sorted(receipts)
    return ordered[tolerates][0] if len(ordered) > tolerates else None


def _arrived(heard: Heard, tolerates: int, at: datetime) -> Statement:
    """A statement with its arrival; what is here at `at` has arrived, whatever others' clocks."""
    when = arrival(heard.receipts, tolerates)
    if when is None:
        return heard.statement
    return replace(heard.statement, arrived_at=min(when, max(at, heard.statement.at)))


# --- reading a circle -------------------------------------------------------------------


def tabled(
    agreement: Agreement,
    register: Register,
    said: Iterable[Said],
    members: frozenset[PartyId],
    *,
    sides: FindSides,
    known: FindRegister | None = None,
    sitting: Mapping[str, frozenset[PartyId]] | None = None,
) -> OnTable:
    """Read the questions of one circle.

    Args:
        register: holds `agreement`; who is bound when a question is put follows from it.
        known: the register as the opening of a question knows it, where that is less.
        said: the effective records of the circle in the order of its history; other kinds
            are passed over.
        members: of the circle.
        sides: asked for decisions on an incident.
        sitting: see `ballot.electorate_of`.

    Cost: linear in the records, and one standing for each opening.
    """
    table = _Reading(agreement, known or (lambda _: register), members, sides, sitting)
    for each in said:
        table.take(each)
    return table.done()


def with_next(
    agreement: Agreement,
    register: Register,
    said: Iterable[Said],
    members: frozenset[PartyId],
    next_: Said,
    *,
    sides: FindSides,
    known: FindRegister | None = None,
    sitting: Mapping[str, frozenset[PartyId]] | None = None,
) -> OnTable:
    """Read the questions of one circle as they would be with one more record.

    Raises:
        AlliedError: why that record would have no effect; what `question.question`,
            `Question.tabled` and `decision.count` refuse, and `proposal.*`.
    """
    table = _Reading(agreement, known or (lambda _: register), members, sides, sitting)
    for each in said:
        table.take(each)
    table.read(next_)
    return table.done()


@dataclass(slots=True)
class _Draft:
    opening: Said
    matter: Matter
    question: Question
    proposal: Proposal
    words: dict[str, str]
    terms: Agreement
    heard: list[tuple[Said, Statement, str]] = field(default_factory=list)
    steps: list[Said] = field(default_factory=list)


class _Reading:
    """One circle under way."""

    def __init__(
        self,
        agreement: Agreement,
        known: FindRegister,
        members: frozenset[PartyId],
        sides: FindSides,
        sitting: Mapping[str, frozenset[PartyId]] | None,
    ) -> None:
        self._agreement = agreement
        self._known = known
        self._members = members
        self._sides = sides
        self._sitting = sitting
        self._drafts: dict[str, _Draft] = {}
        self._opened: dict[PartyId, int] = {}
        self._issuers: dict[str, PartyId] = {}
        self._receipts: dict[str, list[Held]] = {}
        self._held: set[tuple[str, PartyId, ChainKey | None]] = set()
        self._ignored: list[Ignored] = []

    def take(self, said: Said) -> None:
        """Take one record in, or list it with the code of why not."""
        if said.kind == RECEIPT:
            self._hold(said)
        if said.kind not in KINDS | STEPS:
            return
        self._issuers[said.record] = said.party
        try:
            self.read(said)
        except AlliedError as refused:
            self._ignored.append(Ignored(said.record, said.party, said.kind, said.at, refused.code))

    def read(self, said: Said) -> None:
        """Take one record about a question in, or refuse it."""
        if said.kind == OPEN and "replaces" not in said.body:
            self._open(said)
        elif said.kind in STEPS:
            self._step(said)
        else:
            self._speak(said)

    def done(self) -> OnTable:
        """What was found."""
        return OnTable(
            tuple(
                Tabled(
                    opening=draft.opening,
                    question=draft.question,
                    proposal=draft.proposal,
                    words=draft.words,
                    heard=tuple(
                        Heard(each, statement, self._holding(each.record), reasons)
                        for each, statement, reasons in draft.heard
                    ),
                    opened=self._holding(draft.opening.record),
                    timezone=self._agreement.timezone,
                    terms=draft.terms,
                    steps=tuple(draft.steps),
                )
                for draft in self._drafts.values()
            ),
            tuple(self._ignored),
        )

    def _hold(self, said: Said) -> None:
        """Note who holds which records: the first word in each chain: cuts hold it longest."""
        named = said.body.get("records")
        if not isinstance(named, list):
            return
        for record in dict.fromkeys(each for each in named if isinstance(each, str)):
            if self._issuers.get(record) in (None, said.party):
                continue
            word = (record, said.party, said.chain)
            if word not in self._held and said.knows(RecordId(record)):
                self._held.add(word)
                self._receipts.setdefault(record, []).append(Held(said.at, said.party, said))

    def _holding(self, record: str) -> tuple[Held, ...]:
        return tuple(self._receipts.get(record, ()))

    def _open(self, said: Said) -> None:
        if self._opened.get(said.party, 0) >= MOST_OPENED:
            raise ConflictError("proposal.too-many", "that party has put too many questions")
        known_keys = ("matter", "words", "deadline", "silence", "stated")
        matter = read_matter(said.body.get("matter"))
        require_keys(said.body, *known_keys, *(("amended",) if matter.version else ()))
        words = words_in(said.body.get("words"))
        terms, stands = self._present(said)
        found = question(terms, stands, matter, said.at, sitting=self._sitting)
        sides: Sides | None = Sides()
        if matter.kind in OF_INCIDENTS:
            sides = self._sides(matter.incident, said)
        if sides is None:
            raise NotFoundError(
                "proposal.unknown-incident", "its issuer does not show that it knows the incident"
            )
        text = text_of(matter, words)
        put = found.tabled(
            id=said.record,
            text=text,
            by=said.party,
            tabled_at=said.at,
            deadline=instant_in(said.body.get("deadline")),
            under_silence=flag_in(said.body.get("silence")),
            attackers=sides.attackers,
            disputants=sides.disputants,
            stated=stated_in(said.body.get("stated")),
        )
        voters = roll(found.rule, put, found.electorate)
        asked = voters.entitled | {each.party for each in voters.recused}
        if matter.kind in OF_THE_REGISTER:
            asked |= frozenset(self._agreement.party_ids)
        if not asked <= self._members:
            raise RefusedError(
                "proposal.wrong-circle", "not everybody whom it concerns can read it there"
            )
        count(found.rule, put, found.electorate, (), said.at, timezone=self._agreement.timezone)
        self._opened[said.party] = self._opened.get(said.party, 0) + 1
        self._drafts[said.record] = _Draft(said, matter, found, put, {text: words}, terms)

    def _present(self, said: Said) -> tuple[Agreement, Standing]:
        """The text that is present as an opening knows it, and how the agreement stands by it."""
        register, name = self._known(said), self._agreement.id
        if len(register.agreements) == 1:
            return self._agreement, standing(register, name, said.at)
        found = versions(register, name, said.at)
        return replace(found.newest.terms, id=name), found.standing

    def _about(self, said: Said) -> _Draft:
        name = said.body.get("replaces" if said.kind == OPEN else "proposal")
        draft = self._drafts.get(name) if isinstance(name, str) else None
        if draft is None or not said.knows(draft.opening.record):
            raise NotFoundError("proposal.unknown", "it speaks of no question known there")
        return draft

    def _step(self, said: Said) -> None:
        draft = self._about(said)
        alike = sum((each.kind, each.party) == (said.kind, said.party) for each in draft.steps)
        if alike >= MOST_STEPS:
            raise ConflictError("proposal.too-many", "that party has taken that step too often")
        draft.steps.append(said)

    def _speak(self, said: Said) -> None:
        draft = self._about(said)
        more: dict[str, Any] = {"party": said.party, "at": said.at, "number": said.number}
        statement: Statement
        reasons = ""
        match said.kind:
            case "proposal.open":
                statement = self._change(draft, said, more)
            case "proposal.acknowledge":
                require_keys(said.body, "proposal", "text")
                statement = Receipt(text=text_in(said.body), **more)
            case "proposal.withdraw":
                require_keys(said.body, "proposal", "reasons")
                reasons = reasons_in(said.body)
                statement = Retraction(**more)
            case _ if "measure" in said.body:
                statement = consent_in(said.body, more)
            case _:
                require_keys(said.body, "proposal", "text", "choice", "reasons")
                reasons = reasons_in(said.body)
                choice = said.body.get("choice")
                if choice not in CHOICES:
                    raise shape("a vote is yes, no or abstain")
                statement = Vote(
                    choice=choice, text=text_in(said.body), reasoned=bool(reasons), **more
                )
        draft.heard.append((said, statement, reasons))

    def _change(self, draft: _Draft, said: Said, more: Mapping[str, Any]) -> Statement:
        """Other words or more time, never both: a changed text starts its time anew."""
        require_keys(said.body, "replaces", "words", "until")
        if "words" in said.body and "until" not in said.body:
            words = words_in(said.body["words"])
            text = text_of(draft.matter, words)
            if said.party == draft.proposal.by:
                draft.words.setdefault(text, words)
            return Revision(text=text, **more)
        until = instant_in(said.body.get("until"))
        if until is None or "words" in said.body:
            raise shape("a change gives other words or more time")
        return Extension(until=until, **more)
