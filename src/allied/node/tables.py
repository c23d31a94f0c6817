"""The questions on the table of one agreement, as an organisation on this node sees them.

Here records become what `agreement.tabled` reads, circle by circle, and only of circles that the
organisation is in; words and reasons are put back from the blobs that are held. What follows is
decided in `agreement`. The count is this node's own: of the records that are here, as known now.
It binds nobody; how far the nodes have agreed on one is shown beside it (`node.deciding_views`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.agreement import joining
from allied.agreement.announcement import rule_words
from allied.agreement.ballot import Vote
from allied.agreement.certificate import assemblers
from allied.agreement.chain import OF_THE_TEXT
from allied.agreement.closing import CERTIFIED
from allied.agreement.outcome import OPEN, Count
from allied.agreement.silence import is_by_silence
from allied.agreement.tabled import (
    OPEN as OPENING,
    Heard,
    Tabled,
    arrival,
    counted,
)
from allied.errors import NotFoundError, UsageError
from allied.node import visibility
from allied.node.amendments import changes_put, text_put
from allied.node.cases import SHORTEST_PREFIX
from allied.node.deciding_views import DecidingView, deciding_view
from allied.node.questions import table_of
from allied.node.texts import Held, Texts, words_of

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation
    from allied.record.circle import Circle
    from allied.record.ids import AgreementId, Digest, PartyId, RecordId

AS_COUNTED_HERE: Final = "as counted here"
PROVED: Final = "proved by a certificate"
BY_RECEIPTS: Final = "receipts of others"
BY_CLAIM: Final = "its own claim"
_VOTER, _RECUSED, _NO_VOTE = "voter", "recused", "no vote"


@dataclass(frozen=True, slots=True)
class SpokenView:
    """One statement on a question, and what says that it came in time.

    Attributes:
        kind: vote, receipt, retraction, revision or extension.
        choice: of a vote; else empty.
        at: when it was signed, as it claims.
        arrived_at: when enough others say that they held it; None without their receipts.
        in_time_by: `receipts of others`, or `its own claim` while there are none.
        counts: whether it is counted; `why` is the code where it is not.
        safe: so many hold it that no certificate can leave it out.
    """

    record: RecordId
    party: PartyId
    kind: str
    choice: str
    at: datetime
    arrived_at: datetime | None
    in_time_by: str
    counts: bool
    why: str
    reasons: str
    safe: bool = False


@dataclass(frozen=True, slots=True)
class ProposalView:
    """One question, with this node's own count of what was said on it, and what is proved.

    Attributes:
        about: the matter in a few words.
        under: the clause that says who decides.
        rule: in words.
        words: what is on the table; empty where they are not here or are no text.
        changes: how often the proposer changed the words or gave more time.
        stated: conditions that the proposer says hold, or do not.
        chair: who breaks a tie, where the rule lets the chair.
        counted_by: who puts the count together first, once nodes agree on one.
        mine: the label of the organisation that looks.
        part: its part: `voter`, `recused` or `no vote`.
        said: what it said last: yes, no, abstain, read; empty for nothing.
        count: outcome, remainder and what would change it.
        basis: `as counted here`, or `proved by a certificate` where there is one.
        effect: what follows from it, and from when on; or why nothing does.
        deciding: how far the nodes have agreed on a count, and who is awaited for what.
        differs: of another text, what it changes in meaning.
        votes_mean: of another text, what a yes and a no say besides the vote.
    """

    id: RecordId
    agreement: AgreementId
    agreement_alias: str
    agreement_title: str
    circle: str
    members: tuple[PartyId, ...]
    matter: str
    about: str
    under: str
    body: str
    rule: str
    by_silence: bool
    proposed_by: PartyId
    tabled_at: datetime
    words: str
    changes: int
    stated: tuple[tuple[str, bool], ...]
    chair: PartyId | None
    sponsors: int
    counted_by: tuple[PartyId, ...]
    mine: PartyId
    part: str
    said: str
    basis: str
    effect: str
    count: Count
    spoken: tuple[SpokenView, ...]
    deciding: DecidingView
    differs: tuple[str, ...] = ()
    votes_mean: str = ""


@dataclass(frozen=True, slots=True)
class Seat:
    """One question where it was found: agreement, circle, and who looks at it."""

    folded: Folded
    circle: Circle
    mine: PartyId
    on: Tabled
    withheld: frozenset[Digest] = frozenset()


# --- finding ----------------------------------------------------------------------------


def seats(node: Node, reading: Reading, organisation: Organisation) -> Iterator[Seat]:
    """Every question that an organisation may see."""
    for row in reading.agreements():
        folded = node.folds.of(reading, row.id)
        mine = folded.instrument.party(organisation.id)
        asked = {
            each.header.circle for each in folded.state.statements if each.header.kind == OPENING
        }
        if mine is None or not asked:
            continue
        withheld = joining.withheld(folded, organisation.id, node.clock.now())
        for circle in visibility.circles(folded, organisation.id).values():
            if circle.id in asked:
                for on in table_of(folded, circle).tabled:
                    yield Seat(folded, circle, mine, on, withheld)


def find(node: Node, reading: Reading, organisation: Organisation, name: str) -> Seat:
    """The question whose id is, or begins with, `name`.

    Raises:
        NotFoundError: `proposal.unknown`.
        UsageError: `proposal.ambiguous`.
    """
    found = [
        seat
        for seat in seats(node, reading, organisation)
        if seat.on.record == name
        or (len(name) >= SHORTEST_PREFIX and seat.on.record.startswith(name))
    ]
    if not found:
        raise NotFoundError(
            "proposal.unknown",
            "no proposal here goes by that name",
            hint=f"`allied proposal list` shows them; ids may be cut to {SHORTEST_PREFIX} digits",
        )
    if len(found) > 1:
        raise UsageError(
            "proposal.ambiguous", f"{len(found)} go by that name", hint="give more of the id"
        )
    return found[0]


# --- views ------------------------------------------------------------------------------


def proposal_view(
    reading: Reading, seat: Seat, at: datetime, *, whole: bool = True, differs: bool = True
) -> ProposalView:
    """A question in words and values, as counted here at `at`; `whole` as in `deciding_view`.

    Args:
        differs: whether to say what an amended text changes, which means reading it.
    """
    on, folded = seat.on, seat.folded
    found = counted(on, at)
    deciding = deciding_view(folded, on, found, at, whole=whole)
    asked = on.question
    of_the_text = asked.matter.kind in OF_THE_TEXT
    changes, mean = changes_put(on) if of_the_text and differs else ((), "")
    terms = folded.terms(at)
    steps = [each for each in on.heard if type(each.statement).__name__ in _CHANGES]
    part = _VOTER if seat.mine in found.entitled else _NO_VOTE
    if any(each.party == seat.mine for each in found.recused):
        part = _RECUSED
    return ProposalView(
        id=on.record,
        agreement=folded.row.id,
        agreement_alias=folded.row.alias,
        agreement_title=terms.title or terms.id,
        circle=seat.circle.purpose,
        members=tuple(sorted(seat.circle.members)),
        matter=asked.matter.kind,
        about=asked.matter.about,
        under=asked.under,
        body=asked.body,
        rule=rule_words(asked.rule),
        by_silence=is_by_silence(asked.rule, on.proposal),
        proposed_by=on.proposal.by,
        tabled_at=on.proposal.tabled_at,
        words=text_put(on) if of_the_text else words_of(reading, on.words.get(found.text, "")),
        changes=len(steps),
        stated=tuple(sorted(on.proposal.stated.items())),
        chair=asked.electorate.chair if asked.rule.tie == "chair-casts" else None,
        sponsors=asked.sponsors,
        counted_by=assemblers(asked.rule, on.proposal, asked.electorate),
        mine=seat.mine,
        part=part,
        said=_last_word(seat.mine, found),
        basis=PROVED if deciding.stage == CERTIFIED else AS_COUNTED_HERE,
        effect=deciding.effect,
        count=found,
        spoken=tuple(_spoken(Held(reading, seat.withheld), each, on, found) for each in on.heard),
        deciding=deciding,
        differs=changes,
        votes_mean=mean,
    )


_CHANGES: Final = ("Revision", "Extension")


def _last_word(mine: PartyId, found: Count) -> str:
    for each in found.ballots:
        if each.party == mine:
            words = {"objected": "no", "silent": "read", "present": "read"}
            word = words.get(each.position, each.position)
            return "" if word in ("absent", "not-reached") else word
    return ""


def _spoken(reading: Texts, heard: Heard, on: Tabled, found: Count) -> SpokenView:
    said = heard.statement
    kind = type(said).__name__.lower()
    why = next(
        (
            each.why
            for each in found.passed_over
            if (each.party, each.at, each.kind) == (said.party, said.at, kind)
        ),
        "",
    )
    arrived = arrival(heard.receipts, on.question.rule.tolerates)
    return SpokenView(
        record=heard.record,
        party=said.party,
        kind=kind,
        choice=said.choice if isinstance(said, Vote) else "",
        at=said.at,
        arrived_at=arrived,
        in_time_by=BY_CLAIM if arrived is None else BY_RECEIPTS,
        counts=not why,
        why=why,
        reasons=words_of(reading, heard.reasons),
        safe=len({said.party, *(who for _, who in heard.receipts)} & set(found.entitled))
        >= found.certificate.acknowledged,
    )


def is_open(view: ProposalView) -> bool:
    """Whether something may still be said that counts."""
    return view.count.outcome == OPEN
