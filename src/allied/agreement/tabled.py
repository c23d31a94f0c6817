"""Which questions are on the table in a circle, and what was said on each: records, read.

Records that the register let through become proposals and statements here; who decides is asked
of `agreement.question`, what comes out of `agreement.decision`. Nothing is counted that is not
given, and nothing that is counted here takes effect: which statements several nodes agree to
count is settled by closes, whose heads `counted` takes.

Words used here:
    opening     the record that puts a question; its id is the proposal's
    text        digest over the matter and the words that are decided; whoever speaks names it
    consent     a vote on one measure: whether its issuer takes it itself
    change      a further `proposal.open` that `replaces` an opening, with other words or more time
    receipt     another party's signed word that it holds a record
    arrival     from when on more parties than the rule lets cheat say that they hold it
    claim       the time that a record gives itself

Rules that hold everywhere below. What is said must know the opening that it speaks about. Where
enough receipts of others are here, a statement came in time by its arrival, else by its claim.
Who votes follows from how the agreement stood when the question was put. A question stands in a
circle in which everybody entitled can read it. One that others provably learned of only after
its end adopts nothing. What cannot be read is listed with its code and has no effect; a body with
a key that is not known here is not read.

Source: agreement format, "Proposal and vote"; DESIGN of records for receipts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, TypeAlias

from allied.agreement.ballot import (
    CHOICES,
    Consent,
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
from allied.agreement.matters import DECISION, FIELDS, Matter
from allied.agreement.moments import moment
from allied.agreement.question import Question, question
from allied.agreement.standing import standing
from allied.agreement.terms import Agreement
from allied.agreement.values import NOTHING, Table
from allied.errors import AlliedError, ConflictError, MalformedError, NotFoundError, RefusedError
from allied.record import blob
from allied.record.canonical import Json, digest, encode
from allied.record.ids import PartyId, RecordId, digest_text

OPEN: Final = "proposal.open"
ACKNOWLEDGE: Final = "proposal.acknowledge"
WITHDRAW: Final = "proposal.withdraw"
VOTE: Final = "vote.cast"
RECEIPT: Final = "receipt"
KINDS: Final = frozenset({OPEN, ACKNOWLEDGE, WITHDRAW, VOTE})

MOST_OPENED: Final = 1_000
"""So many questions of one party are followed in one circle; further ones are passed over."""
MOST_STATED: Final = 50
WORD_LIMIT: Final = 500

TOLD_TOO_LATE: Final = "told-too-late"
"""The reason of a count: the others provably learned of the question after its end."""

_MATTER_KEYS: Final = ("kind", *FIELDS)


@dataclass(frozen=True, slots=True)
class Said:
    """One effective record of a circle.

    Attributes:
        number: its place in its issuer's chain.
        knows: whether it rests on an earlier record.
    """

    kind: str
    party: PartyId
    body: Mapping[str, Json]
    at: datetime
    record: RecordId
    number: int
    knows: Callable[[RecordId], bool]


@dataclass(frozen=True, slots=True)
class Sides:
    """Who stands on which side of an incident, as far as they are parties."""

    attackers: frozenset[PartyId] = frozenset()
    disputants: frozenset[PartyId] = frozenset()


FindSides: TypeAlias = Callable[[str, Said], Sides | None]
"""The sides of an incident as an opening knows it; None where it does not know the incident."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One statement on a question, with the record that holds it.

    Attributes:
        receipts: of others: who says that it holds the record, and since when, ascending.
        reasons: digest of the blob with reasons, or empty.
    """

    record: RecordId
    statement: Statement
    receipts: tuple[tuple[datetime, PartyId], ...] = ()
    reasons: str = ""


@dataclass(frozen=True, slots=True)
class Tabled:
    """One question on the table.

    Attributes:
        words: by text, the digest of the blob that holds its words.
        heard: everything said on it, in the order given.
        told: receipts of others for the opening, ascending.
        timezone: the agreement's.
    """

    record: RecordId
    question: Question
    proposal: Proposal
    words: Mapping[str, str]
    heard: tuple[Heard, ...]
    told: tuple[tuple[datetime, PartyId], ...]
    timezone: str


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


def counted(on: Tabled, at: datetime, *, among: Collection[RecordId] | None = None) -> Count:
    """Count what was said on a question, as known at `at`.

    Args:
        among: the records to be counted: what closes of the voters agree on. None counts
            whatever is given, which is one node's own view and proves nothing.

    Raises:
        InapplicableRuleError, MalformedError, ValueError: as `decision.count`.
    """
    heard = [each for each in on.heard if among is None or each.record in among]
    tolerates = on.question.rule.tolerates
    found = count(
        on.question.rule,
        on.proposal,
        on.question.electorate,
        [_arrived(each, tolerates, at) for each in heard],
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
    sitting: Mapping[str, frozenset[PartyId]] | None = None,
) -> OnTable:
    """Read the questions of one circle.

    Args:
        register: holds `agreement`; who is bound when a question is put follows from it.
        said: the effective records of the circle in the order of its history; other kinds
            are passed over.
        members: of the circle.
        sides: asked for decisions on an incident.
        sitting: see `ballot.electorate_of`.

    Cost: linear in the records, and one standing for each opening.
    """
    table = _Reading(agreement, register, members, sides, sitting)
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
    sitting: Mapping[str, frozenset[PartyId]] | None = None,
) -> OnTable:
    """Read the questions of one circle as they would be with one more record.

    Raises:
        AlliedError: why that record would have no effect; what `question.question`,
            `Question.tabled` and `decision.count` refuse, and `proposal.*`.
    """
    table = _Reading(agreement, register, members, sides, sitting)
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
    heard: list[tuple[Said, Statement, str]] = field(default_factory=list)


class _Reading:
    """One circle under way."""

    def __init__(
        self,
        agreement: Agreement,
        register: Register,
        members: frozenset[PartyId],
        sides: FindSides,
        sitting: Mapping[str, frozenset[PartyId]] | None,
    ) -> None:
        self._agreement = agreement
        self._register = register
        self._members = members
        self._sides = sides
        self._sitting = sitting
        self._drafts: dict[str, _Draft] = {}
        self._opened: dict[PartyId, int] = {}
        self._issuers: dict[str, PartyId] = {}
        self._receipts: dict[str, dict[PartyId, datetime]] = {}
        self._ignored: list[Ignored] = []

    def take(self, said: Said) -> None:
        """Take one record in, or list it with the code of why not."""
        if said.kind == RECEIPT:
            self._hold(said)
        if said.kind not in KINDS:
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
        else:
            self._speak(said)

    def done(self) -> OnTable:
        """What was found."""
        return OnTable(
            tuple(
                Tabled(
                    record=draft.opening.record,
                    question=draft.question,
                    proposal=draft.proposal,
                    words=draft.words,
                    heard=tuple(
                        Heard(each.record, statement, self._holding(each.record), reasons)
                        for each, statement, reasons in draft.heard
                    ),
                    told=self._holding(draft.opening.record),
                    timezone=self._agreement.timezone,
                )
                for draft in self._drafts.values()
            ),
            tuple(self._ignored),
        )

    def _hold(self, said: Said) -> None:
        """Note who holds which records; the first word of each party counts."""
        named = said.body.get("records")
        for record in named if isinstance(named, list) else ():
            if not isinstance(record, str) or not said.knows(RecordId(record)):
                continue
            if self._issuers.get(record) not in (None, said.party):
                holders = self._receipts.setdefault(record, {})
                holders.setdefault(said.party, said.at)

    def _holding(self, record: str) -> tuple[tuple[datetime, PartyId], ...]:
        return tuple(sorted((at, who) for who, at in self._receipts.get(record, {}).items()))

    def _open(self, said: Said) -> None:
        if self._opened.get(said.party, 0) >= MOST_OPENED:
            raise ConflictError("proposal.too-many", "that party has put too many questions")
        _require_keys(said.body, "matter", "words", "deadline", "silence", "stated")
        matter = read_matter(said.body.get("matter"))
        words = _words(said.body.get("words"))
        stands = standing(self._register, self._agreement.id, said.at)
        found = question(self._agreement, stands, matter, said.at, sitting=self._sitting)
        sides: Sides | None = Sides()
        if matter.kind == DECISION:
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
            deadline=_instant(said.body.get("deadline")),
            under_silence=_optional_bool(said.body.get("silence")),
            attackers=sides.attackers,
            disputants=sides.disputants,
            stated=_stated(said.body.get("stated")),
        )
        voters = roll(found.rule, put, found.electorate)
        asked = voters.entitled | {each.party for each in voters.recused}
        if not asked <= self._members:
            raise RefusedError(
                "proposal.wrong-circle", "not everybody who is to vote can read it there"
            )
        count(found.rule, put, found.electorate, (), said.at, timezone=self._agreement.timezone)
        self._opened[said.party] = self._opened.get(said.party, 0) + 1
        self._drafts[said.record] = _Draft(said, matter, found, put, {text: words})

    def _speak(self, said: Said) -> None:
        name = said.body.get("replaces" if said.kind == OPEN else "proposal")
        draft = self._drafts.get(name) if isinstance(name, str) else None
        if draft is None or not said.knows(draft.opening.record):
            raise NotFoundError("proposal.unknown", "it speaks of no question known there")
        more: dict[str, Any] = {"party": said.party, "at": said.at, "number": said.number}
        statement: Statement
        reasons = ""
        match said.kind:
            case "proposal.open":
                statement = self._change(draft, said, more)
            case "proposal.acknowledge":
                _require_keys(said.body, "proposal", "text")
                statement = Receipt(text=_text(said.body), **more)
            case "proposal.withdraw":
                _require_keys(said.body, "proposal", "reasons")
                reasons = _reasons(said.body)
                statement = Retraction(**more)
            case _ if "measure" in said.body:
                statement = _consent(said.body, more)
            case _:
                _require_keys(said.body, "proposal", "text", "choice", "reasons")
                reasons = _reasons(said.body)
                choice = said.body.get("choice")
                if choice not in CHOICES:
                    raise _shape("a vote is yes, no or abstain")
                statement = Vote(
                    choice=choice, text=_text(said.body), reasoned=bool(reasons), **more
                )
        draft.heard.append((said, statement, reasons))

    def _change(self, draft: _Draft, said: Said, more: Mapping[str, Any]) -> Statement:
        """Other words or more time, never both: a changed text starts its time anew."""
        _require_keys(said.body, "replaces", "words", "until")
        if "words" in said.body and "until" not in said.body:
            words = _words(said.body["words"])
            text = text_of(draft.matter, words)
            if said.party == draft.proposal.by:
                draft.words.setdefault(text, words)
            return Revision(text=text, **more)
        until = _instant(said.body.get("until"))
        if until is None or "words" in said.body:
            raise _shape("a change gives other words or more time")
        return Extension(until=until, **more)


# --- bodies -----------------------------------------------------------------------------


def text_of(matter: Matter, words: str) -> str:
    """The digest of what is decided: the matter, and the blob that holds the words."""
    return digest(encode({"matter": write_matter(matter), "words": words}))


def write_matter(matter: Matter) -> dict[str, Json]:
    """A matter as it stands in a body; what is empty is left out."""
    return {key: getattr(matter, key) for key in _MATTER_KEYS if getattr(matter, key)}


def read_matter(value: Json) -> Matter:
    """Read a matter from a body.

    Raises:
        MalformedError: `proposal.shape`.
    """
    if not isinstance(value, Mapping) or "kind" not in value or set(value) - set(_MATTER_KEYS):
        raise _shape("what is to be decided is not described as a matter")
    if not all(isinstance(part, str) and 0 < len(part) <= WORD_LIMIT for part in value.values()):
        raise _shape("a matter is described in short texts")
    return Matter(**{key: str(part) for key, part in value.items()})


def _consent(body: Mapping[str, Json], more: Mapping[str, Any]) -> Consent:
    _require_keys(body, "proposal", "measure", "given")
    measure, given = body["measure"], body.get("given")
    if not isinstance(measure, str) or len(measure) > WORD_LIMIT or not isinstance(given, bool):
        raise _shape("a consent names a measure, and is given or withheld")
    return Consent(measure=measure, given=given, **more)


def _require_keys(body: Mapping[str, Json], *known: str) -> None:
    if set(body) - set(known):
        raise _shape("a body has a key that is not known here")


def _words(value: Json) -> str:
    return blob.read_reference(value)[0]


def _reasons(body: Mapping[str, Json]) -> str:
    return _words(body["reasons"]) if "reasons" in body else ""


def _text(body: Mapping[str, Json]) -> str:
    return digest_text(body.get("text"), "the text of a proposal")


def _optional_bool(value: Json) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    raise _shape("whether it runs under silence is said by true or false")


def _instant(value: Json) -> datetime | None:
    if value is None:
        return None
    try:
        found = moment(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if not isinstance(found, datetime):
        raise _shape("an instant is not written like 2026-03-01T14:30:00Z")
    return found


def _stated(value: Json) -> Table[bool]:
    if value is None:
        return NOTHING
    if not isinstance(value, Mapping) or len(value) > MOST_STATED:
        raise _shape("what is stated is a map of sentences")
    if not all(len(key) <= WORD_LIMIT and isinstance(each, bool) for key, each in value.items()):
        raise _shape("a condition is stated by true or false")
    return Table({key: bool(each) for key, each in value.items()})


def _shape(message: str) -> MalformedError:
    return MalformedError("proposal.shape", message)
