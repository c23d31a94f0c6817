"""What this node answers to other nodes.

The caller is known by its key before anything here runs. It learns of an agreement only
when the genesis names it, of a circle only when it is a member, of an item only through
the release path. Everything else is "not found", said in the same way as for a thing that
does not exist.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

from allied.agreement import joining, leaving, outlined
from allied.errors import AlliedError, NotFoundError, UnverifiedError
from allied.node import (
    along,
    branches,
    comparing,
    messages,
    missing,
    relaying,
    release,
    telling,
    visibility,
)
from allied.node.fellows import Alone, Fellows
from allied.node.messages import (
    AgreementsAnswer,
    BlobsQuestion,
    FetchQuestion,
    Heads,
    HintQuestion,
    ItemsQuestion,
    LeaveQuestion,
    Named,
    RecordsQuestion,
    Span,
)
from allied.node.pages import BlobsPage, RecordsPage
from allied.node.peers import introductions
from allied.node.renewals import parting
from allied.node.seals import SealsWith
from allied.record.descriptor import read as read_descriptor
from allied.record.identity import open_chain
from allied.record.outline import outline_of
from allied.record.record import ChainKey

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.node.messages import Head, News
    from allied.node.node import Node
    from allied.node.ports import Introduction, Keys, Reading
    from allied.node.rows import RecordRow
    from allied.record.ids import AgreementId, KeyId, OrganisationId
    from allied.record.keys import PublicKey, Signer

_CHUNK = 500


@dataclass(slots=True)
class _Filling:
    """A page of records under way.

    Attributes:
        at: what may be seen is asked of this moment.
        most: bytes of records, where they are fewer than fit on a page.
        news: rows of what others said, of which everybody is told.
    """

    at: datetime
    most: int | None = None
    page: RecordsPage = field(default_factory=RecordsPage)
    records: int = 0
    size: int = 0
    news: list[int] = field(default_factory=list)


class Answers(SealsWith):
    """The answering side of one serving node."""

    def __init__(
        self,
        node: Node,
        keys: Keys,
        hinted: Callable[[OrganisationId], None],
        fellows: Fellows | None = None,
    ) -> None:
        """Answer for `node`; `hinted` is called with a caller that says it has something new."""
        super().__init__(keys)
        self._fellows = fellows or Alone()
        self._node = node
        self._keys = keys
        self._hinted = hinted
        self._transport: dict[tuple[OrganisationId, bytes], Mapping[KeyId, PublicKey]] = {}
        self._lock = threading.Lock()
        self._answered: Counter[str] = Counter()

    def answered(self) -> Mapping[str, int]:
        """How many questions of each verb were answered since the start."""
        with self._lock:
            return dict(self._answered)

    def hosted(self) -> Sequence[Introduction]:
        """Whom this node hosts; open to anybody."""
        return introductions(self._node)

    def now(self) -> datetime:
        """The present, for checking when a request was signed."""
        return self._node.clock.now()

    def is_first(self, caller: OrganisationId, nonce: str, expires: int, now: float) -> bool:
        """Use up the nonce of a request; False if a process beside this one answered it."""
        return self._fellows.is_first(caller, nonce, expires, now)

    def signer(self, organisation: OrganisationId) -> Signer:
        """The transport key with which answers of a hosted organisation are signed."""
        return self._keys.signer(organisation, "transport")

    def unseal(
        self, organisation: OrganisationId, key: KeyId, sealed: bytes, context: bytes
    ) -> bytes | None:
        """See `Seals.unseal`; a key that was replaced opens files, and no questions any more.

        Raises:
            UnverifiedError: `sealing.other-key`, as well for such a key.
        """
        with self._node.store.read() as reading:
            chain = reading.descriptors(organisation)
        if not chain or read_descriptor(chain[-1])[0].keys["sealing"].public.key_id != key:
            raise UnverifiedError(
                "sealing.other-key", "that is sealed to a key which is not the present one"
            )
        return super().unseal(organisation, key, sealed, context)

    def listener_keys(self, organisation: OrganisationId) -> Mapping[KeyId, PublicKey] | None:
        """The transport keys of a confirmed peer or of a neighbour on this node; else None."""
        with self._node.store.read() as reading:
            peer = reading.peer(organisation)
            mine = any(each.id == organisation for each in reading.organisations())
            if not mine and (peer is None or peer.confirmed_at is None):
                return None
            if not mine and parting(reading, organisation) is not None:
                return None  # which of two identities asks is not guessed
            chain = reading.descriptors(organisation)
        known = (organisation, sha256(chain[-1]).digest())
        with self._lock:
            if known not in self._transport:
                key = open_chain(chain).key("transport")
                self._transport[known] = {key.key_id: key}
            return self._transport[known]

    def answer(
        self, caller: OrganisationId, addressee: OrganisationId, verb: str, question: bytes
    ) -> bytes:
        """Answer a question of a confirmed peer to a hosted organisation.

        Raises:
            NotFoundError: for whatever the caller may not know.
            MalformedError: the question is not of its form.
        """
        with self._lock:
            self._answered[verb] += 1
        with self._node.store.read() as reading:
            if all(each.id != addressee for each in reading.organisations()):
                raise _not_found()
        self._node.hearing.came(caller, self.now())
        match verb:
            case messages.HINT:
                return self._hint(caller, addressee, HintQuestion.decode(question))
            case messages.AGREEMENTS:
                messages.require_nothing(question)
                return self._agreements(caller, addressee)
            case messages.HEADS:
                return self._heads(caller, Heads.decode(question))
            case messages.RECORDS:
                return self._records(caller, RecordsQuestion.decode(question))
            case messages.BLOBS:
                return self._blobs(caller, BlobsQuestion.decode(question))
            case messages.ITEMS:
                return release.page(self._node, caller, addressee, ItemsQuestion.decode(question))
            case messages.LEAVE:
                relaying.take(self._node, caller, LeaveQuestion.decode(question))
                return messages.NOTHING
            case messages.FETCH:
                return relaying.give(self._node, caller, FetchQuestion.decode(question)).encode()
        raise _not_found()

    def _agreements(self, caller: OrganisationId, addressee: OrganisationId) -> bytes:
        """What names both; first what the addressee has signed, for anybody can propose much."""
        named: list[Named] = []
        proposed: list[Named] = []
        now = self.now()
        with self._node.store.read() as reading:
            for row in reading.agreements():
                folded = self._node.folds.of(reading, row.id)
                mine = folded.instrument.party(addressee)
                if not folded.instrument.party(caller) or not mine:
                    continue
                rows = visibility.records_mark(folded, caller, now)
                items = visibility.items_mark(self._node, reading, folded, addressee, caller)
                whole = named if mine in folded.state.signatures else proposed
                whole.append(Named(row.id, row.alias, rows, items))
        return AgreementsAnswer((*named, *proposed)[: messages.MAX_AGREEMENTS]).encode()

    def _hint(
        self, caller: OrganisationId, addressee: OrganisationId, question: HintQuestion
    ) -> bytes:
        if question.news and self._holds(caller, addressee, question.news):
            return messages.HELD
        self._node.hearing.named(addressee, caller, question.news)
        self._hinted(caller)
        return messages.NOTHING

    def _holds(
        self, caller: OrganisationId, addressee: OrganisationId, news: Sequence[News]
    ) -> bool:
        """Whether all is here that a hint names, as far as the caller may know that it is."""
        now = self.now()
        with self._node.store.read() as reading:
            for each in news:
                if not each.heads or reading.agreement(each.agreement) is None:
                    return False
                try:
                    folded = self._node.folds.of(reading, each.agreement)
                except AlliedError:
                    return False  # who asks finds out
                if not folded.instrument.party(caller) or not folded.instrument.party(addressee):
                    return False
                tops = visibility.tops(folded, caller, now)
                if any(
                    head.sequence > tops.get(ChainKey(*head[:3]), 0)
                    or head.id in folded.history.parked
                    or not folded.holds(head.id)
                    for head in each.heads
                ):
                    return False
                self._node.hearing.shows(caller, each.agreement, each.heads)
        return True

    def _heads(self, caller: OrganisationId, question: Heads) -> bytes:
        now = self.now()
        with self._node.store.read() as reading:
            folded = self._of(reading, question.agreement, caller)
            state = comparing.state_for(folded, caller, now)
            heads = visibility.heads(folded, caller, now)
            said = Heads(folded.row.id, heads, state).encode()
            page = self._along(reading, folded, caller, question, heads, now)
        hearing = self._node.hearing
        hearing.shows(caller, folded.row.id, question.heads)
        if set(heads) <= set(question.heads):
            hearing.holds(caller, folded.row.id, folded.last_row)
        if page is not None and len(said) + len(page) >= messages.ANSWER_LIMITS[messages.HEADS]:
            page = None
        return along.joined(said, page)

    def _along(
        self,
        reading: Reading,
        folded: Folded,
        caller: OrganisationId,
        question: Heads,
        heads: Sequence[Head],
        now: datetime,
    ) -> bytes | None:
        """All that comes behind the heads that a caller shows, where that is little."""
        if not question.along:
            return None
        spans = missing.behind(visibility.tops_of(question.heads), heads)
        number = sum(span.last - span.first + 1 for span in spans)
        if not 0 < number <= along.MOST_RECORDS:
            return None
        filling = _Filling(now, question.along)
        self._fill(reading, folded, caller, spans, filling)
        page = filling.page.encode(more=False)
        if filling.records != number or len(page) > question.along:
            return None
        self._was_given(caller, folded, filling)
        return page

    def _records(self, caller: OrganisationId, question: RecordsQuestion) -> bytes:
        filling = _Filling(self.now())
        with self._node.store.read() as reading:
            folded = self._of(reading, question.agreement, caller)
            more = self._fill(reading, folded, caller, question.spans, filling)
        self._was_given(caller, folded, filling)
        return filling.page.encode(more=more)

    def _fill(
        self,
        reading: Reading,
        folded: Folded,
        caller: OrganisationId,
        spans: Sequence[Span],
        filling: _Filling,
    ) -> bool:
        """Fill a page with what a caller may have of some spans; whether there is more.

        The one way on which records leave by a question.
        """
        circles = visibility.circles(folded, caller)
        here = frozenset(each.id for each in reading.organisations())
        tops = leaving.tops(folded, caller, filling.at)
        late = outlined.shown(folded, caller, filling.at)
        shared = leaving.shared_circles(folded)
        past = folded.history
        for span in spans:
            if span.circle not in circles:
                raise _not_found()
            key = ChainKey(span.circle, span.issuer, span.incarnation)
            if key not in past.heads and key not in past.frozen:
                continue  # nothing of it is here; the store need not be asked
            last = span.last
            if tops is not None and span.circle in shared:
                last = min(last, tops[key][0] if key in tops else 0)
            parts = past.frozen.get(key)
            if late is not None and (parts is None or late.tops.get(key, (0,))[0] < parts - 1):
                last = min(last, late.tops[key][0] if key in late.tops else 0)
            chain = reading.descriptors(span.issuer)
            for row in _rows(reading, span, last):
                raw = _given(folded, late, row)
                if raw is None:
                    break
                filling.size += len(raw)
                if filling.most is not None and filling.size > filling.most:
                    return True
                if not filling.page.add(raw, row.issuer, chain, *branches.of_row(reading, row)):
                    return True
                filling.records += 1
                if row.issuer not in here and telling.is_news(row):
                    filling.news.append(row.row)
        return False

    def _was_given(self, caller: OrganisationId, folded: Folded, filling: _Filling) -> None:
        """Remember that a caller has fetched from here what others said."""
        for row in filling.news:
            self._node.hearing.fetched(caller, folded.row.id, row, filling.at)

    def _blobs(self, caller: OrganisationId, question: BlobsQuestion) -> bytes:
        page = BlobsPage()
        with self._node.store.read() as reading:
            folded = self._of(reading, question.agreement, caller)
            circles = visibility.circles(folded, caller)
            sight = leaving.sight(folded, caller, self.now())
            before = joining.withheld(folded, caller, self.now())
            for wanted in question.blobs:
                found = reading.blob(wanted)
                if found is None or found[0] != folded.row.id or found[1] not in circles:
                    continue
                if wanted in before or (sight is not None and wanted in sight.withheld):
                    continue
                if not page.add(found[2]):
                    break
        return page.encode()

    def _of(self, reading: Reading, agreement: AgreementId, caller: OrganisationId) -> Folded:
        if reading.agreement(agreement) is None:
            raise _not_found()
        folded = self._node.folds.of(reading, agreement)
        if folded.instrument.party(caller) is None:
            raise _not_found()
        return folded


def _rows(reading: Reading, span: Span, last: int) -> Iterator[RecordRow]:
    """The records of a span up to a number, some at a time."""
    first = span.first
    while first <= last:
        rows = reading.records_range(
            span.circle, span.issuer, span.incarnation, first, last, limit=_CHUNK
        )
        yield from rows
        if len(rows) < _CHUNK:
            return
        first = rows[-1].sequence + 1


def _not_found() -> NotFoundError:
    return NotFoundError("peer.not-found", "nothing here goes by that name")


def _given(folded: Folded, late: outlined.Shown | None, row: RecordRow) -> bytes | None:
    """What a caller is given of a record; None where nothing of it, nor of what is behind it."""
    if late is None or row.id not in late.outlined:
        return row.raw
    record, point = folded.history.get(row.id), folded.reached(row.circle)
    if record is None or point is None:
        return None
    verdict = folded.assessed(point).verdicts.get(row.id)
    return None if verdict is None else outline_of(record, verdict)
