"""Whom to hint that there is something new here, and when.

A hint costs little, but what follows it does not: everybody who is told asks, and in an alliance
where everybody told everybody of all that it holds, one record would cost as many questions as
there are pairs. So those are told who cannot well wait. Whoever is not told loses nothing:
every node asks by itself in every round (`sync_seconds`), and whatever is fetched brings along
all that is there. Whether a hint arrives decides nothing.

Words used here:
    own       said by an organisation hosted here
    onward    said by others, and fetched by this node
    step      what the nodes write by themselves to settle a question (`allied.node.deciding`)

| what is new here | who is told |
|---|---|
| own receipts and witnesses | nobody: no one waits for them; they come with the next exchange |
| own closes and counts | who tallies first; if that is us, everybody: it brings all others along |
| own votes | everybody in a small circle; in a larger one as closes |
| anything else of our own, or other items to be seen | everybody who may see it |
| onward | everybody who may see it, after a moment, unless it is known to hold it, or showed that it hears of others without us (`allied.node.hearing`) |

Rules. A hint tells only that there is something that its recipient may see, and by its heads what;
who holds that says so, and asks nothing. Who is to tally
and is no peer of ours cannot be told: everybody is then, so that it comes there through others.
"""  # noqa: E501 - the table

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from allied.agreement.certificate import assemblers
from allied.agreement.closing import CLOSE, COUNT
from allied.errors import AlliedError, MalformedError, UnreachableError, UnverifiedError
from allied.node import messages, peers, visibility
from allied.node.hearing import A_WHILE
from allied.node.messages import Head
from allied.node.questions import table_of
from allied.record.record import ChainKey

if TYPE_CHECKING:
    from datetime import datetime

    from allied.agreement.tabled import OnTable
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation, Peer, RecordRow
    from allied.record.ids import AgreementId, CircleId, OrganisationId, RecordId
    from allied.record.record import Header

FEW: Final = 8
"""Parties in a circle whose votes everybody in it is told of at once."""
_CAN_WAIT: Final = frozenset({"receipt", "exchange.receipt", "ledger.commit", "ledger.witness"})
_VOTES: Final = frozenset({"vote.cast", "proposal.acknowledge"})
_STEPS: Final = frozenset({CLOSE, COUNT})
_MOST_LOOKED_AT: Final = 5_000


@dataclass(slots=True)
class News:
    """One hint that is to be given.

    Attributes:
        cursors: what to remember in the store once it has arrived.
        named: by agreement, the ends of the chains that go on; None where it is something else.
        onward: whether it is for something that others said, alone.
    """

    organisation: Organisation
    peer: Peer
    cursors: dict[str, str] = field(default_factory=dict)
    rows: dict[AgreementId, int] = field(default_factory=dict)
    named: dict[AgreementId, messages.News] = field(default_factory=dict)
    onward: bool = True

    def question(self) -> bytes:
        """What is said; where it is too much for a hint, that there is something."""
        news = tuple(self.named.values())
        heads = sum(len(each.heads) for each in news)
        if len(news) > messages.MAX_NEWS or heads > messages.MAX_NEWS_HEADS:
            return messages.NOTHING
        return messages.HintQuestion(news).encode()


def tell(node: Node, hint: Callable[[Organisation, Peer, bytes], bytes]) -> int:
    """Give the hints that are to be given now; how many arrived.

    Args:
        hint: asks a peer this question of the verb `hint`; raises as `ports.Peers.ask`.
    """
    reached = 0
    stored: dict[str, str] = {}
    now = node.clock.now()
    for each in news(node, now):
        if each.peer.next_try_at is not None and each.peer.next_try_at > now:
            continue
        try:
            answer = hint(each.organisation, each.peer, each.question())
        except (UnreachableError, UnverifiedError, MalformedError) as problem:
            peers.failed(node, each.peer, problem.code)
            continue
        except AlliedError:
            continue
        reached += 1
        told(node, each, held=answer == messages.HELD)
        stored.update(each.cursors)
    if stored:  # whoever is killed before this gives hints twice, which harms nobody
        with node.store.write() as writing:
            for name, value in stored.items():
                writing.set_cursor(name, value)
    return reached


def news(node: Node, now: datetime) -> Sequence[News]:
    """The hints that are to be given now, one for each organisation here and peer.

    Notes when something that is here will have to be passed on (`is_due`).
    """
    found: dict[tuple[OrganisationId, OrganisationId], News] = {}
    node.hearing.due = None
    with node.store.read() as reading:
        organisations = reading.organisations()
        here = frozenset(each.id for each in organisations)
        known = [peer for peer in reading.peers() if peer.confirmed_at is not None]
        for row in reading.agreements():
            folded = node.folds.of(reading, row.id)
            node.hearing.arrived(row.id, folded.last_row, now)
            looked = _Looked(node, reading, folded, here, known, now)
            for organisation in organisations:
                for peer in looked.peers:
                    looked.add(found, organisation, peer)
    return list(found.values())


def is_due(node: Node, now: datetime) -> bool:
    """Whether something is to be passed on that was not before, though nothing changed here."""
    due = node.hearing.due
    return due is not None and not now < due <= now + A_WHILE


def is_news(row: RecordRow) -> bool:
    """Whether a record is of the kinds of which everybody who may see it is told."""
    return row.kind not in _CAN_WAIT | _VOTES | _STEPS


def told(node: Node, given: News, *, held: bool = False) -> None:
    """Remember that a hint has arrived; its cursors are for the caller to store.

    Args:
        held: the peer holds what was named, so it does not come, not even for anything else.
    """
    hearing, peer = node.hearing, given.peer.id
    for agreement, row in given.rows.items():
        hearing.own_settled(given.organisation.id, peer, agreement, row)
        if given.onward or not held:
            hearing.onward_settled(peer, agreement, row)
        if held:
            hearing.shows(peer, agreement, given.named[agreement].heads)
    if given.onward:
        hearing.hinted_onward(peer)
        if held:
            hearing.in_vain(peer)


class _Looked:
    """What is new in one agreement."""

    def __init__(
        self,
        node: Node,
        reading: Reading,
        folded: Folded,
        here: frozenset[OrganisationId],
        known: Sequence[Peer],
        now: datetime,
    ) -> None:
        self._node = node
        self._reading = reading
        self._folded = folded
        self._here = here
        self._now = now
        self.peers = [each for each in known if folded.instrument.party(each.id)]
        self._reached = {each.id for each in self.peers if not each.failures}
        self._rows: Sequence[RecordRow] = ()
        self._after = folded.last_row
        self._tables: dict[CircleId, OnTable] = {}
        self._tallying: dict[RecordId, OrganisationId | None] = {}
        self._circles = {
            each.id: each for one in here for each in visibility.circles(folded, one).values()
        }

    def add(
        self,
        found: dict[tuple[OrganisationId, OrganisationId], News],
        organisation: Organisation,
        peer: Peer,
    ) -> None:
        """Add to `found` what is new for a peer with an organisation hosted here."""
        hearing, agreement, last = self._node.hearing, self._folded.row.id, self._folded.last_row
        name = f"told:{organisation.id}:{peer.id}:{agreement}"
        row, _, seen = self._reading.cursor(name).partition(" ")
        items = visibility.items_mark(
            self._node, self._reading, self._folded, organisation.id, peer.id
        )
        told = max(
            int(row) if row.isdecimal() else 0,
            hearing.own_place(organisation.id, peer.id, agreement),
        )
        passed = hearing.onward_place(peer.id, agreement)
        sees = self._sight(peer) if min(told, passed) < last else None
        own = (items != 0 and str(items) != seen) or (sees is not None and self._own(sees, told))
        onward = sees is not None and not own and self._onward(sees, passed)
        if not own:
            hearing.own_settled(organisation.id, peer.id, agreement, last)
        if own or onward:
            given = found.setdefault((organisation.id, peer.id), News(organisation, peer))
            given.onward = given.onward and not own
            given.rows[agreement] = last
            if own:
                given.cursors[name] = f"{last} {items}"
            sees = sees or self._sight(peer)
            ends: tuple[Head, ...] = ()
            if str(items) == (seen or "0"):  # items are named by nothing
                ends = self._ends(sees, told if own else passed, own=own)
            given.named[agreement] = messages.News(agreement, sees.mark, items, ends)

    def _sight(self, peer: Peer) -> _Sight:
        seen = visibility.heads(self._folded, peer.id, self._now)
        shown = self._node.hearing.shown(peer.id, self._folded.row.id)
        return _Sight(peer, visibility.tops_of(seen), visibility.mark_of(seen), shown)

    def _ends(self, sees: _Sight, after: int, *, own: bool) -> tuple[Head, ...]:
        """The ends of the chains that go on behind a row, as far as a peer is told of them."""
        if self._is_too_much(after):
            return ()
        found: dict[ChainKey, Head] = {}
        for row in self._since(after):
            if (row.issuer in self._here) is own and self._tells(sees, row):
                chain = ChainKey(row.circle, row.issuer, row.incarnation)
                if chain not in found or row.sequence > found[chain].sequence:
                    found[chain] = Head(*chain, row.sequence, row.id)
        return tuple(sorted(found.values()))

    def _own(self, sees: _Sight, after: int) -> bool:
        """Whether something of our own is new that a peer is to be told at once."""
        if self._is_too_much(after):
            headers = (each.header for each in self._folded.history.order)
            return any(each.issuer in self._here and sees(each) for each in headers)
        return any(
            row.issuer in self._here and self._tells(sees, row) for row in self._since(after)
        )

    def _is_too_much(self, after: int) -> bool:
        return not after and self._folded.last_row > _MOST_LOOKED_AT

    def _onward(self, sees: _Sight, after: int) -> bool:
        """Whether something of others has waited long enough to be passed on to a peer."""
        hearing, agreement, last = self._node.hearing, self._folded.row.id, self._folded.last_row
        patience = hearing.patience(sees.peer.id)
        if patience is not None:
            for row in self._since(after):
                if row.issuer in self._here or not self._tells(sees, row):
                    continue
                since = hearing.since(agreement, row.row, self._now)
                due = self._now if since is None or since > self._now else since + patience
                if due <= self._now:
                    later = hearing.may_try(sees.peer.id, self._now)
                    if later is None:
                        return True
                    due = later
                hearing.due = due if hearing.due is None else min(due, hearing.due)
                return False
        hearing.onward_settled(sees.peer.id, agreement, last)
        return False

    def _since(self, after: int) -> Iterator[RecordRow]:
        if after < self._after:
            self._rows = self._reading.records(self._folded.row.id, after_row=after)
            self._after = after
        return (row for row in self._rows if row.row > after)

    def _tells(self, sees: _Sight, row: RecordRow) -> bool:
        """Whether a peer is to be told of a record: it may see it, and is not known to hold it."""
        if row.issuer == sees.peer.id or not sees(row):
            return False
        chain = ChainKey(row.circle, row.issuer, row.incarnation)
        return row.sequence > sees.shown.get(chain, 0) and self._concerns(sees.peer.id, row)

    def _concerns(self, peer: OrganisationId, row: RecordRow) -> bool:
        """Whether a peer is to be told of a record at once."""
        if row.kind in _CAN_WAIT:
            return False
        if row.kind not in _STEPS and row.kind not in _VOTES:
            return True
        circle = self._circles.get(row.circle)
        if row.kind in _VOTES and circle is not None and len(circle.members) <= FEW:
            return True
        if row.id not in self._tallying:
            self._tallying[row.id] = self._who_tallies(row)
        first = self._tallying[row.id]
        return first is None or first == peer or first in self._here or first not in self._reached

    def _who_tallies(self, row: RecordRow) -> OrganisationId | None:
        """Who tallies first the question that a record speaks of; None where that is not known."""
        folded = self._folded
        record, circle = folded.history.get(row.id), self._circles.get(row.circle)
        if record is None or circle is None:
            return None
        if circle.id not in self._tables:
            self._tables[circle.id] = table_of(folded, circle)
        question = record.body.get("proposal")
        for on in self._tables[circle.id].tabled:
            if on.record == question:
                try:
                    first = assemblers(on.question.rule, on.proposal, on.question.electorate)[:1]
                except AlliedError:
                    return None
                return folded.instrument.organisation(first[0]) if first else None
        return None


@dataclass(frozen=True, slots=True)
class _Sight:
    """What one peer may see.

    Attributes:
        tops: of each chain, up to which number; `mark` is of all of it.
        shown: of each chain, up to which number the peer has shown that it holds it.
    """

    peer: Peer
    tops: Mapping[ChainKey, int]
    mark: int
    shown: Mapping[ChainKey, int]

    def __call__(self, row: RecordRow | Header) -> bool:
        """Whether it may see a record."""
        chain = ChainKey(row.circle, row.issuer, row.incarnation)
        return row.sequence <= self.tops.get(chain, 0)
