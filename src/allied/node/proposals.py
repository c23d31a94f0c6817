"""Questions put to those who decide, and what is said on them, from this node.

Putting a question, reading it, voting, objecting, changing and taking back are acts of a person.
What would have no effect is refused before it is signed: who may propose, who votes and by when
follows from the agreement (`agreement.question`, `agreement.tabled`). A question goes into the
narrowest standing circle in which everybody who decides on it can read it: the body's, that of the
voters, that of all. One on an incident goes where the incident is, one that changes who is bound
or by which text into that of all. Everything can be tried first; a trial signs and stores nothing.

A vote changes by another vote. An objection is a no with its reasons. Whether a party takes a
measure itself is a vote of its own, on the measure. Other words, and more time,
are a further `proposal.open` of the proposer that replaces the first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from allied.agreement.amended import amend
from allied.agreement.chain import OF_THE_TEXT
from allied.agreement.matters import FINDING, OF_INCIDENTS, OF_THE_REGISTER, Matter
from allied.agreement.moments import moment, moment_text
from allied.agreement.question import Question, question
from allied.agreement.silence import later
from allied.agreement.tabled import (
    ACKNOWLEDGE,
    OPEN,
    VOTE,
    WITHDRAW,
    Said,
    Tabled,
    counted,
)
from allied.agreement.values import Duration
from allied.agreement.wording import write_matter
from allied.errors import MalformedError, RefusedError, UsageError
from allied.node import journal
from allied.node.agreements import party_of, resolve
from allied.node.amendments import require_consistent, require_readable
from allied.node.cases import find_case
from allied.node.questions import table_of, table_with
from allied.node.tables import (
    ProposalView,
    Seat,
    find,
    proposal_view,
    seats,
)
from allied.record import blob
from allied.record.circle import covers
from allied.record.ids import RecordId
from allied.response.incident_file import is_finding

if TYPE_CHECKING:
    from allied.agreement.amended import Amended
    from allied.node.folds import Folded
    from allied.node.node import Actor, Node
    from allied.node.ports import Reading, Writing
    from allied.node.rows import Organisation
    from allied.record.canonical import Json
    from allied.record.circle import Circle
    from allied.record.ids import AgreementId, PartyId

TEXT_LIMIT: Final = 2 * 2**20
_PLAIN: Final = "text/plain"
_TRIAL: Final = RecordId("0" * 64)
_LAST_NUMBER: Final = 2**53 - 1
_WHY: Final[Mapping[str, str]] = {
    "stranger": "it is not asked: it has no vote on this question",
    "recused": "it is recused and does not vote on this question",
    "late": "the time is over: what is signed at the deadline is late",
    "arrived-late": "the time in which it could arrive is over",
    "other-text": "other words are on the table now",
    "not-in-writing": "the rule asks for an objection in writing",
    "without-reasons": "the rule asks for reasons",
    "not-the-proposer": "only who put the question changes it or takes it back",
    "not-extendable": "the rule does not let the time be extended",
    "not-longer": "the time given is never shortened",
    "same-text": "these words are on the table already",
    "too-many": "it was changed too often",
    "contradicted": "it said something else at the same moment",
    "other-measure": "the rule asks nobody's own consent to that measure",
    "not-asked": "nobody is asked: it follows of itself",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """A question as somebody wants to put it.

    Attributes:
        matter: its incident may be named as `cases.find_case` takes it.
        content: what is decided, in words or as a file; at most 2 MiB.
        media: of the content.
        deadline: an instant, or a duration from now; empty for what the rule says.
        under_silence: None for what the rule provides.
        stated: whether a condition of the text holds, by its sentence.
    """

    matter: Matter
    content: bytes
    media: str = "text/plain"
    deadline: str = ""
    under_silence: bool | None = None
    stated: Mapping[str, bool] | None = None


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody wants to say on a question.

    Attributes:
        verb: a key of `VERBS`.
        choice: for vote: yes, no or abstain.
        why: reasons, for vote, object and withdraw.
        content: other words, for revise, with their media type.
        until: for extend: an instant, or a duration from the deadline.
        measure: for consent and withhold: what the organisation takes itself, or does not.
    """

    verb: str
    choice: str = ""
    why: str = ""
    content: bytes = b""
    media: str = "text/plain"
    until: str = ""
    measure: str = ""


VERBS: Final[Mapping[str, str]] = {
    "vote": VOTE,
    "object": VOTE,
    "acknowledge": ACKNOWLEDGE,
    "consent": VOTE,
    "withhold": VOTE,
    "withdraw": WITHDRAW,
    "revise": OPEN,
    "extend": OPEN,
}
"""What can be said on a question, and the kind of record that says it."""


_MOST_COMPARED: Final = 4
"""Amended texts of one party that a list says the changes of; the view of a question says them."""


# --- looking ----------------------------------------------------------------------------


def list_proposals(
    node: Node, organisation: Organisation, *, open_only: bool = False
) -> Sequence[ProposalView]:
    """Every question an organisation may see: open ones first, what closes first at the top."""
    now = node.clock.now()
    with node.store.read() as reading:
        there = list(seats(node, reading, organisation))
        compared = _compared(there)
        found = [
            proposal_view(reading, seat, now, whole=False, differs=seat.on.record in compared)
            for seat in there
        ]
    kept = [view for view in found if view.count.outcome == "open" or not open_only]
    far = now + timedelta(days=36_500)
    return sorted(
        kept,
        key=lambda view: (
            view.count.outcome != "open",
            view.count.deadline or far,
            view.tabled_at,
            view.id,
        ),
    )


def _compared(there: Sequence[Seat]) -> set[RecordId]:
    """The questions whose amended text a list compares: the last of each who put any.

    A text may take a second to read, and whoever puts a thousand is to slow nobody's list down.
    """
    found: dict[tuple[AgreementId, PartyId], list[RecordId]] = {}
    for seat in sorted(there, key=lambda each: each.on.proposal.tabled_at):
        if seat.on.question.matter.kind in OF_THE_TEXT:
            who = seat.folded.row.id, seat.on.proposal.by
            found.setdefault(who, []).append(seat.on.record)
    return {record for its in found.values() for record in its[-_MOST_COMPARED:]}


def show(node: Node, organisation: Organisation, name: str) -> ProposalView:
    """One question by its id, or the start of it."""
    now = node.clock.now()
    with node.store.read() as reading:
        return proposal_view(reading, find(node, reading, organisation, name), now)


# --- putting a question -----------------------------------------------------------------


def attempt(node: Node, organisation: Organisation, agreement: str, wish: Wish) -> ProposalView:
    """Say who would decide, by which rule and until when; puts nothing.

    Raises:
        AlliedError: as `put`.
    """
    with node.store.read() as reading:
        plan = _plan(node, reading, organisation, agreement, wish)
        content, media = plan.words
        reference, _ = blob.build(content, media, bytes(blob.SALT_BYTES))
        return _trial(reading, plan, _opening(plan, wish, dict(reference)), node.clock.now(), OPEN)


def put(node: Node, actor: Actor, agreement: str, wish: Wish) -> ProposalView:
    """Put a question to those who decide, as a person's act.

    Raises:
        RefusedError: `agreement.not-in-force`, `question.*` where the text gives no way or
            others propose.
        MalformedError: `decision.*` where the rule cannot be applied as the wish has it;
            `proposal.no-agreement-file` for an amendment that is none, `amendment.too-large`.
        RefusedError: `amendment.*`, for a text that cannot be a version of the agreement.
        NotFoundError: the agreement, the clause, the party or the incident is unknown.
        UsageError: `question.*`, `proposal.deadline-form`.
    """
    with node.store.write() as writing:
        plan = _plan(node, writing, actor.organisation, agreement, wish)
        folded = journal.list_person(node, writing, actor, plan.folded)
        plan = replace(plan, folded=folded)
        words = journal.keep_blob(node, writing, folded, plan.circle, *plan.words)
        body = _opening(plan, wish, words)
        _trial(writing, plan, body, node.clock.now(), OPEN)
        result = _said(node, writing, actor, plan, OPEN, body)
    node.notifier.changed(folded.row.id)
    return result


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where something is to be said, by whom, and on which question."""

    folded: Folded
    party: PartyId
    circle: Circle
    deadline: datetime | None = None
    matter: Matter | None = None
    on: RecordId | None = None
    words: tuple[bytes, str] = (b"", "")
    amended: Amended | None = None


def _plan(
    node: Node, reading: Reading, organisation: Organisation, agreement: str, wish: Wish
) -> _Plan:
    """Find who decides, and the circle for it."""
    now = node.clock.now()
    folded = node.folds.of(reading, resolve(reading, agreement).id)
    party = party_of(folded, organisation)
    stands = folded.state.standing(folded.instrument, now)
    if party not in stands.bound:
        raise RefusedError(
            "agreement.not-in-force",
            f"{folded.row.alias} does not bind {party} now",
            hint="`allied agreement show` says who is awaited",
        )
    matter = wish.matter
    circle: Circle | None = None
    if matter.kind in OF_INCIDENTS and matter.incident:
        case = find_case(node, reading, organisation, matter.incident, now)
        if case.folded.row.id != folded.row.id:
            raise UsageError(
                "incident.other-agreement",
                "that incident was reported under another agreement",
                hint="report it under this one first",
            )
        matter, circle = replace(matter, incident=case.case.id), case.circle
    if matter.kind == FINDING and matter.field and not is_finding(matter.field, matter.value):
        raise UsageError(
            "proposal.no-finding",
            "no body can find that fact to be that",
            hint="a fact as incident files have it: `ended` and `yes`, `severity` and `severe`",
        )
    asked = question(folded.terms(now), stands, matter, now)
    _require_content(wish)
    words, amended = (wish.content, wish.media), None
    if matter.kind in OF_THE_TEXT:
        amended = _amended(node, folded, matter, wish.content, now)
        matter = replace(matter, version=amended.id)
        words = (f"The text is in the record of this question: {amended.id}".encode(), _PLAIN)
    deadline = _instant(wish.deadline, now, folded.instrument.terms.timezone)
    circle = circle or _circle(folded, asked, party, now)
    return _Plan(folded, party, circle, deadline, matter, words=words, amended=amended)


def _amended(node: Node, folded: Folded, matter: Matter, text: bytes, now: datetime) -> Amended:
    """The text of an amendment, bound to the version that is present."""
    require_consistent(text)
    base = folded.state.present(folded.instrument, now).base
    salt = node.chance.token(32)
    return amend(folded.instrument, base, matter, text, "the amended text", salt=salt)


def _circle(folded: Folded, asked: Question, party: PartyId, now: datetime) -> Circle:
    """The narrowest standing circle with everybody who decides, and with who asks.

    What changes who is bound, or by which text, concerns every party.
    """
    standing = folded.instrument.circles
    if asked.matter.kind in OF_THE_REGISTER:
        return standing.all
    needed = asked.electorate.members | asked.subjects.intersection(standing.all.members)
    if asked.rule.kind == "named-party":
        needed = frozenset(each for each in standing.all.members if each == asked.rule.party)
    needed |= {party}
    own = standing.bodies.get(asked.body)
    if own is not None and own.members != {*folded.terms(now).members_of(asked.body)}:
        own = None  # an amended text seats others in it
    circles = [each for each in (own, standing.voters) if each is not None]
    return next((each for each in circles if needed <= each.members), standing.all)


def _opening(plan: _Plan, wish: Wish, words: dict[str, Json]) -> dict[str, Json]:
    assert plan.matter is not None  # noqa: S101 - `_plan` has set it
    body: dict[str, Json] = {"matter": write_matter(plan.matter), "words": words}
    if plan.deadline is not None:
        body["deadline"] = moment_text(plan.deadline)
    if wish.under_silence is not None:
        body["silence"] = wish.under_silence
    if wish.stated:
        body["stated"] = dict(wish.stated)
    if plan.amended is not None:
        body["amended"] = plan.amended.to_json()
    return body


def _require_content(wish: Wish) -> None:
    if not wish.content.strip():
        raise UsageError("proposal.no-words", "a proposal says in words what is decided")
    if len(wish.content) > TEXT_LIMIT:
        raise MalformedError(
            "proposal.too-large",
            f"what is decided has at most {TEXT_LIMIT} bytes",
            facts={"limit": TEXT_LIMIT},
        )


def _instant(text: str, start: datetime, timezone: str) -> datetime | None:
    """An instant, or a duration from `start`; None for nothing."""
    if not text:
        return None
    try:
        found = moment(text)
        if isinstance(found, datetime):
            return found
    except ValueError:
        try:
            return later(Duration.parse(text), start, timezone)
        except ValueError:
            pass
    raise UsageError(
        "proposal.deadline-form",
        "that is no time",
        hint="an instant like `2026-03-01T14:30:00Z`, or a duration like `4 days`",
    )


# --- saying something on it -------------------------------------------------------------


def try_word(node: Node, organisation: Organisation, name: str, word: Word) -> ProposalView:
    """Say what the count would be after a word; says nothing.

    Raises:
        AlliedError: as `say`.
    """
    with node.store.read() as reading:
        now = node.clock.now()
        seat = find(node, reading, organisation, name)
        references = {
            key: dict(blob.build(content, media, bytes(blob.SALT_BYTES))[0])
            for key, (content, media) in _blobs(word).items()
        }
        body = _body(seat, word, now, references)
        return _trial(reading, _seated(seat), body, now, VERBS[word.verb])


def say(node: Node, actor: Actor, name: str, word: Word) -> ProposalView:
    """Say something on a question, as a person's act.

    Raises:
        RefusedError: `proposal.` and why it would not count: late, recused, stranger ...
        NotFoundError: no such question.
        UsageError: `proposal.verb`, `proposal.choice`, `proposal.no-words`,
            `proposal.deadline-form`.
    """
    with node.store.write() as writing:
        now = node.clock.now()
        seat = find(node, writing, actor.organisation, name)
        plan = _seated(seat)
        kind = VERBS.get(word.verb, VOTE)
        folded = journal.list_person(node, writing, actor, plan.folded)
        plan = replace(plan, folded=folded)
        references = {
            key: journal.keep_blob(node, writing, folded, plan.circle, content, media)
            for key, (content, media) in _blobs(word).items()
        }
        body = _body(seat, word, now, references)
        _trial(writing, plan, body, now, kind)
        result = _said(node, writing, actor, plan, kind, body)
    node.notifier.changed(folded.row.id)
    return result


def _seated(seat: Seat) -> _Plan:
    return _Plan(seat.folded, seat.mine, seat.circle, on=seat.on.record)


def _blobs(word: Word) -> dict[str, tuple[bytes, str]]:
    """What goes beside the record, by its key in the body."""
    found = {}
    if word.why:
        found["reasons"] = (word.why.encode(), "text/plain")
    if word.verb == "revise":
        found["words"] = (word.content, word.media)
    return found


def _body(
    seat: Seat, word: Word, now: datetime, references: Mapping[str, dict[str, Json]]
) -> dict[str, Json]:
    """The body of the record that says a word."""
    on = seat.on
    if word.verb not in VERBS:
        raise UsageError("proposal.verb", "there is no such statement on a proposal")
    require_readable(on, word.verb, word.choice)
    found = counted(on, now)
    if word.verb in ("revise", "extend"):
        return {"replaces": on.record, **_change(seat, word, found.deadline or now, references)}
    body: dict[str, Json] = {"proposal": on.record, **references}
    if word.verb == "withdraw":
        return body
    if word.verb in ("consent", "withhold"):
        return {**body, "measure": word.measure, "given": word.verb == "consent"}
    body["text"] = found.text
    if word.verb == "vote":
        if word.choice not in ("yes", "no", "abstain"):
            raise UsageError("proposal.choice", "a vote is yes, no or abstain")
        body["choice"] = word.choice
    elif word.verb == "object":
        if not word.why.strip():
            raise UsageError("proposal.no-words", "an objection says why")
        body["choice"] = "no"
    return body


def _change(
    seat: Seat, word: Word, deadline: datetime, references: Mapping[str, dict[str, Json]]
) -> dict[str, Json]:
    """Other words, or more time."""
    if word.verb == "extend":
        until = _instant(word.until, deadline, seat.on.timezone)
        if until is None:
            raise UsageError("proposal.deadline-form", "it has to be said until when")
        return {"until": moment_text(until)}
    _require_content(Wish(seat.on.question.matter, word.content, word.media))
    return {"words": references["words"]}


# --- both -------------------------------------------------------------------------------


def _trial(
    reading: Reading, plan: _Plan, body: Mapping[str, Json], now: datetime, kind: str
) -> ProposalView:
    """The question as it would stand after one more record, which must have an effect."""
    said = Said(
        kind=kind,
        party=plan.party,
        body=body,
        at=now,
        record=_TRIAL,
        number=_LAST_NUMBER,
        knows=_citable(plan),
    )
    on = _on(table_with(plan.folded, plan.circle, said).tabled, plan.on or _TRIAL)
    view = proposal_view(reading, Seat(plan.folded, plan.circle, plan.party, on), now)
    _require_counted(view, _TRIAL)
    return view


def _citable(plan: _Plan) -> Callable[[RecordId], bool]:
    """Whether a record written now could rest on another: those that all its readers may see."""
    circles = plan.folded.state.circles_of(plan.folded.instrument, plan.party)

    def citable(earlier: RecordId) -> bool:
        record = plan.folded.history.get(earlier)
        where = circles.get(record.header.circle) if record else None
        if where is None:
            return False
        return where.id == plan.circle.id or (where.standing and covers(where, plan.circle))

    return citable


def _said(
    node: Node,
    writing: Writing,
    actor: Actor,
    plan: _Plan,
    kind: str,
    body: Mapping[str, Json],
) -> ProposalView:
    """Sign and store it; refused, and undone, where it has no effect after all."""
    record = journal.append(node, writing, actor, plan.folded, plan.circle, kind, body)
    after = node.folds.of(writing, plan.folded.row.id)
    verdict = after.state.verdicts[record.id]
    table = table_of(after, plan.circle)
    reason = next((each.reason for each in table.ignored if each.record == record.id), verdict.code)
    if reason:
        raise RefusedError(
            "proposal.without-effect",
            f"it would have no effect: {verdict.reason or reason}",
            facts={"reason": reason},
        )
    on = _on(table.tabled, plan.on or record.id)
    at = max(node.clock.now(), record.header.claimed_at)
    view = proposal_view(writing, Seat(after, plan.circle, plan.party, on), at)
    _require_counted(view, record.id)
    return view


def _on(found: Sequence[Tabled], record: RecordId) -> Tabled:
    return next(each for each in found if each.record == record)


def _require_counted(view: ProposalView, record: RecordId) -> None:
    """Return unless what was said is passed over."""
    for each in view.spoken:
        if each.record == record and not each.counts:
            raise RefusedError(
                f"proposal.{each.why}",
                f"{view.mine}: {_WHY.get(each.why, each.why)}",
                facts={"deadline": str(view.count.deadline or ""), "part": view.part},
            )


__all__ = [
    "VERBS",
    "ProposalView",
    "Wish",
    "Word",
    "attempt",
    "list_proposals",
    "put",
    "say",
    "show",
    "try_word",
]
