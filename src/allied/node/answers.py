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
from hashlib import sha256
from typing import TYPE_CHECKING

from allied.agreement import joining, leaving, outlined
from allied.errors import NotFoundError, UnverifiedError
from allied.node import (
    branches,
    comparing,
    messages,
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
    from allied.node.node import Node
    from allied.node.ports import Introduction, Keys, Reading
    from allied.node.rows import RecordRow
    from allied.record.ids import AgreementId, KeyId, OrganisationId
    from allied.record.keys import PublicKey, Signer

_CHUNK = 500


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
                messages.require_nothing(question)
                self._hinted(caller)
                return messages.NOTHING
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
        named = []
        with self._node.store.read() as reading:
            for row in reading.agreements():
                folded = self._node.folds.of(reading, row.id)
                if not folded.instrument.party(caller) or not folded.instrument.party(addressee):
                    continue
                rows = visibility.records_mark(folded, caller, self.now())
                items = visibility.items_mark(self._node, reading, folded, addressee, caller)
                named.append(Named(row.id, row.alias, rows, items))
        return AgreementsAnswer(tuple(named[: messages.MAX_AGREEMENTS])).encode()

    def _heads(self, caller: OrganisationId, question: Heads) -> bytes:
        with self._node.store.read() as reading:
            folded = self._of(reading, question.agreement, caller)
        now = self.now()
        state = comparing.state_for(folded, caller, now)
        heads = visibility.heads(folded, caller, now)
        if set(heads) <= set(question.heads):
            self._node.hearing.holds(caller, folded.row.id, folded.last_row)
        return Heads(folded.row.id, heads, state).encode()

    def _records(self, caller: OrganisationId, question: RecordsQuestion) -> bytes:
        page = RecordsPage()
        with self._node.store.read() as reading:
            folded = self._of(reading, question.agreement, caller)
            circles = visibility.circles(folded, caller)
            now = self.now()
            here = frozenset(each.id for each in reading.organisations())
            tops = leaving.tops(folded, caller, now)
            late = outlined.shown(folded, caller, now)
            shared = leaving.shared_circles(folded)
            past = folded.history
            for span in question.spans:
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
                    if row.issuer not in here and telling.is_news(row):
                        self._node.hearing.fetched(caller, row.agreement, row.row, now)
                    if not page.add(raw, row.issuer, chain, *branches.of_row(reading, row)):
                        return page.encode(more=True)
        return page.encode(more=False)

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
