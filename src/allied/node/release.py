"""The one path by which items leave this node.

Federation, TAXII, console and command line all ask here, and here `exchange.policy` is
asked, at the moment of the question: a change of membership, clause or marking takes effect
on the next request. What leaves is written into the disclosure ledger before it is sent.

Words used here:
    holder      the hosted organisation whose copies are looked at
    reach       which handling classes may go to one recipient now, each with its verdict
    own view    a hosted organisation looking at what it holds itself; that is no release

Rules. Unless a verdict says yes, an item stays. A recipient is a party of the agreement;
nobody else gets anything. Only items of which the holder is the originator are released
(onward release comes later). The page is made of stored bytes; nothing is parsed.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allied.errors import MalformedError, NotFoundError
from allied.exchange import channels
from allied.exchange.handling import HandlingClass, read_class
from allied.exchange.policy import Recipient, Verdict, decide
from allied.node import ledger, proofs
from allied.node.pages import ItemsPage, SentItem
from allied.record.canonical import digest

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.node.messages import ItemsQuestion
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow
    from allied.record.ids import AgreementId, Digest, OrganisationId, PartyId

_PAGE_BYTES = 24 * 2**20


@dataclass(frozen=True, slots=True)
class Reach:
    """What may go to one recipient now: a verdict for every handling class of an agreement."""

    recipient: Recipient
    verdicts: Mapping[int, Verdict]
    classes: Mapping[int, HandlingClass]

    @property
    def permitted(self) -> tuple[int, ...]:
        """The classes that may go, ascending."""
        return tuple(sorted(each for each, verdict in self.verdicts.items() if verdict.permitted))


class _Classes:
    """Parsed handling classes; a class never changes, so each is parsed once per process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parsed: dict[Digest, HandlingClass] = {}

    def of(self, reading: Reading, agreement: AgreementId) -> dict[int, HandlingClass]:
        """Every class of an agreement, by its id on this node."""
        found = {}
        for row in reading.handling_classes(agreement):
            with self._lock:
                parsed = self._parsed.get(row.key)
            if parsed is None:
                parsed = read_class(row.value)
                with self._lock:
                    self._parsed[row.key] = parsed
            found[row.id] = parsed
        return found


_CLASSES = _Classes()


def classes_of(reading: Reading, agreement: AgreementId) -> Mapping[int, HandlingClass]:
    """The handling classes of an agreement, by their ids on this node."""
    return _CLASSES.of(reading, agreement)


def recipient_of(folded: Folded, party: PartyId, at: datetime) -> Recipient:
    """A party with the role and tier it has at `at`; a stranger counts as not bound."""
    bound = folded.state.standing(folded.instrument, at).bound
    return channels.recipient_of(folded.instrument.terms, party, bound=party in bound)


def reach(
    reading: Reading, folded: Folded, releaser: PartyId, party: PartyId, at: datetime
) -> Reach:
    """What `releaser` may release to `party` at `at`, class by class.

    A releaser that is itself not bound (any more) releases nothing.
    """
    recipient = recipient_of(folded, party, at)
    sender = recipient_of(folded, releaser, at)
    classes = classes_of(reading, folded.row.id)
    by_key = {each.key: each for each in classes.values()}
    clauses = channels.channels_of(folded.instrument.terms)
    verdicts = {
        number: decide(
            each,
            recipient if sender.bound else Recipient(party, bound=False),
            clauses,
            at,
            releaser=releaser,
            classes=by_key,
        )
        for number, each in classes.items()
    }
    return Reach(recipient, verdicts, classes)


def visible_count(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    organisation: OrganisationId,
) -> int:
    """How many items of `holder` may go to `organisation` now."""
    return sum(visible_counts(node, reading, folded, holder, organisation).values())


def visible_counts(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    organisation: OrganisationId,
) -> Mapping[int, int]:
    """How many items of `holder` may go to `organisation` now, by handling class."""
    releaser = folded.instrument.party(holder)
    party = folded.instrument.party(organisation)
    if releaser is None or party is None or holder == organisation:
        return {}
    counts = reading.item_counts(folded.row.id, holder)
    if not counts:
        return {}
    allowed = reach(reading, folded, releaser, party, node.clock.now()).permitted
    return {number: counts[number] for number in allowed if number in counts}


def page(
    node: Node, caller: OrganisationId, holder: OrganisationId, question: ItemsQuestion
) -> bytes:
    """The next page of items that `holder` releases to `caller`; see `node.pages`.

    The release is in the ledger before the page is returned.

    Raises:
        NotFoundError: there is no such agreement, or one of both is no party of it.
        MalformedError: `exchange.bad-cursor`.
    """
    after = _cursor(question.after)
    filled = ItemsPage(question.limit)
    with node.store.read() as reading:
        if reading.agreement(question.agreement) is None:
            raise NotFoundError("peer.not-found", "nothing here goes by that name")
        folded = node.folds.of(reading, question.agreement)
        releaser, party = folded.instrument.party(holder), folded.instrument.party(caller)
        if releaser is None or party is None:
            raise NotFoundError("peer.not-found", "nothing here goes by that name")
        allowed = reach(reading, folded, releaser, party, node.clock.now())
        rows = reading.items(
            question.agreement,
            holder,
            after=after,
            limit=question.limit + 1,
            classes=allowed.permitted,
            originator=holder,
        )
        sent = rows[: _add(reading, filled, _fitting(rows[: question.limit]))]
    if sent:
        after = sent[-1].seq
        _write_down(node, folded, holder, allowed, sent, via="federation")
    return filled.encode(str(after), more=len(sent) < len(rows))


def _fitting(rows: Sequence[ItemRow]) -> Sequence[ItemRow]:
    """The rows whose bytes are worth fetching for one page; at least the first."""
    total = 0
    for number, row in enumerate(rows):
        total += row.size
        if number and total > _PAGE_BYTES:
            return rows[:number]
    return rows


def _add(reading: Reading, filled: ItemsPage, rows: Sequence[ItemRow]) -> int:
    """Put rows on the page until one does not fit; returns how many did."""
    bodies = reading.item_bytes(rows)
    statements: dict[Digest, bytes] = {}
    for number, row in enumerate(rows):
        if row.statement not in statements:
            statements[row.statement] = reading.statement(row.statement) or b""
        item = SentItem(
            id=row.id,
            modified=row.modified,
            originator=row.originator,
            statement=row.statement,
            proof=proofs.packed(reading, row),
            share=row.share,
            raw=bodies[row.digest],
        )
        if not filled.add(item, statements[row.statement]):
            return number
    return len(rows)


def pull_root(digests: Sequence[Digest]) -> Digest:
    """What a receipt names: the digest over the items of one pull, in their order."""
    return digest("\n".join(digests).encode())


def _write_down(
    node: Node,
    folded: Folded,
    holder: OrganisationId,
    allowed: Reach,
    sent: Sequence[ItemRow],
    *,
    via: str,
) -> None:
    """One row per handling class of what is about to leave."""
    now = node.clock.now()
    root = pull_root([row.digest for row in sent])
    by_class: dict[int, list[ItemRow]] = {}
    for row in sent:
        by_class.setdefault(row.class_id, []).append(row)
    entries = [
        ledger.Entry(
            agreement=folded.row.id,
            recipient=allowed.recipient.party,
            outcome=ledger.RELEASED,
            code=allowed.verdicts[number].code,
            art=allowed.verdicts[number].art,
            class_id=number,
            first=rows[0].seq,
            last=rows[-1].seq,
            count=len(rows),
            via=via,
            proof=root,
            at=now,
        )
        for number, rows in sorted(by_class.items())
    ]
    with node.store.write() as writing:
        ledger.append(writing, holder, entries)


def _cursor(text: str) -> int:
    if not text:
        return 0
    if not text.isdecimal() or len(text) > 18:
        raise MalformedError("exchange.bad-cursor", "this is no cursor of this node")
    return int(text)
