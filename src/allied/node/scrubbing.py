"""Whether stored bytes are still what was stored, looked at a little in each round.

Pages of items are made of stored bytes, unparsed, so bytes that a disk has spoilt would go out
as they are. Every recipient would refuse them, as they do not fit the originator's statement;
but other tools that read over TAXII, feeds or REST cannot. So every round hashes some of what
is held, until all of it was looked at; a day later it begins again. What does not hold leaves
every view, and is asked for again from whom it came. An item whose statement does not hold is
treated like one whose own bytes do not: nothing proves whose it is. So is one whose place in its
statement is lost (the tree of an own statement, the proof that came with another's), and one whose
originator's word on what it was made from is. A text beside records that does not hold is dropped,
and asked for again from everybody who is in its circle.

Words used here:
    pass      once over everything that an organisation holds under an agreement; over all texts
    spoilt    its bytes are not what its digest says

Rules. A round looks at no more than `ITEMS` items and `BYTES` bytes of each organisation and
agreement, and as much of the texts, and reads nothing where a pass is done. An item that was
spoilt stands among the withdrawn ones, with the bytes that were found, and may come again; one's
own is shared again from its source, or comes with a backup. Each stands in the disclosure ledger.
A text that is kept although its author wants it gone is left as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError, MalformedError, UnverifiedError
from allied.exchange.derivation import named_in
from allied.exchange.statement import Kept, Leaf, Proof, Stated, place_of, read as read_statement
from allied.node import ledger, verdicts
from allied.node.additions import withdrawn
from allied.node.rows import SPOILT
from allied.node.sweeping import ENDED
from allied.record.canonical import digest
from allied.record.identity import open_chain
from allied.record.ids import Digest, PartyId

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allied.node.node import Node
    from allied.node.ports import Reading, Writing
    from allied.node.rows import AgreementRow, ItemRow
    from allied.record.ids import OrganisationId

ITEMS: Final = 2_000
BYTES: Final = 4 * 2**20
EVERY: Final = timedelta(days=1)
CODE: Final = "store.item-bytes"
NO_STATEMENT: Final = "store.no-statement"
MOST_LOST: Final = 1_000
"""Lost texts that are remembered for `doctor`, the latest."""
VIA: Final = "scrub"
_TEXTS: Final = "scrub-texts"
_LOST: Final = "lost-texts"


def scrub(node: Node) -> int:
    """Look at the next items of every organisation, and texts; returns how many are spoilt."""
    with node.store.read() as reading:
        organisations, agreements = reading.organisations(), reading.agreements()
    found = sum(_scrub(node, one.id, row) for one in organisations for row in agreements)
    return found + _scrub_texts(node)


def lost_texts(reading: Reading) -> int:
    """How many texts were found spoilt, and are neither here again nor erased since."""
    return sum(
        reading.blob(Digest(each)) is None and reading.erasure(Digest(each)) is None
        for each in reading.cursor(_LOST).split()
    )


def spoilt(reading: Reading, holder: OrganisationId) -> int:
    """How many items were found spoilt and have not come again.

    Cost: one pass over what was withdrawn.
    """
    found = 0
    for row in reading.agreements():
        gone = {
            (each.item.originator, each.item.id, each.item.modified)
            for each in withdrawn(reading, row.id, holder)
            if each.reason == SPOILT
        }
        for originator, name, modified in gone:
            held = reading.items(
                row.id, holder, limit=1, originator=originator, item=name, modified=modified
            )
            found += not held
    return found


def _scrub(node: Node, holder: OrganisationId, row: AgreementRow) -> int:
    """One round for one organisation and agreement."""
    at = node.clock.now()
    name = f"scrub:{holder}:{row.id}"
    with node.store.read() as reading:
        said = reading.cursor(name)
        begun, _, place = said.partition(" ")
        if begun and not place and at < _instant(begun) + EVERY:
            return 0
        rows = _fitting(reading.items(row.id, holder, after=int(place or 0), limit=ITEMS))
        if not rows and not place:
            return 0
        last = reading.items(row.id, holder, after=int(place) - 1, limit=1) if place else ()
        bad = _bad(reading, rows, frozenset(each.statement for each in last))
    begun = begun if place else f"{int(at.timestamp())}"
    with node.store.write() as writing:
        found = _bad(writing, bad)  # what has left meanwhile is nobody's any more
        if found:
            party = node.folds.of(writing, row.id).instrument.party(holder)
            _withhold(writing, row, party or PartyId("-"), found, at)
        writing.set_cursor(name, f"{begun} {rows[-1].seq}" if rows else begun)
    if found:
        node.notifier.changed(row.id)
    return len(found)


def _scrub_texts(node: Node) -> int:
    """One round over the texts beside records, whoever is hosted here."""
    at = node.clock.now()
    with node.store.read() as reading:
        begun, _, place = reading.cursor(_TEXTS).partition(" ")
        if begun and not place and at < _instant(begun) + EVERY:
            return 0
        last, bad = reading.spoilt_blobs(place, ITEMS, BYTES)
    begun = begun if place else f"{int(at.timestamp())}"
    with node.store.write() as writing:
        for each in bad:
            writing.lose_blob(each)
        if bad:
            lost = [*writing.cursor(_LOST).split(), *bad][-MOST_LOST:]
            writing.set_cursor(_LOST, " ".join(lost))
        writing.set_cursor(_TEXTS, f"{begun} {last}" if last else begun)
    return len(bad)


def _fitting(rows: Sequence[ItemRow]) -> Sequence[ItemRow]:
    """As many as are looked at in one round; at least the first."""
    total = 0
    for number, row in enumerate(rows):
        total += row.size
        if number and total > BYTES:
            return rows[:number]
    return rows


def _bad(
    reading: Reading, rows: Sequence[ItemRow], before: frozenset[Digest] = frozenset()
) -> Sequence[ItemRow]:
    """Those of some items that are held, and whose bytes, or proofs, are not theirs.

    Args:
        before: statements whose trees were looked at in the round before.
    """
    bodies = reading.item_bytes(rows)
    unproved = _unproved(reading, rows, before)
    return [
        row
        for row in rows
        if row.digest in bodies
        and (digest(bodies[row.digest]) != row.digest or row.seq in unproved.items)
    ]


@dataclass(frozen=True, slots=True)
class _Unproved:
    """What proves nothing any more.

    Attributes:
        items: the numbers of items without a proof that holds.
        statements: statements, of items or on what they were made from, that are to come again.
    """

    items: frozenset[int]
    statements: frozenset[Digest]


def _unproved(
    reading: Reading, rows: Sequence[ItemRow], before: frozenset[Digest] = frozenset()
) -> _Unproved:
    """What of the proofs of some items is not here as it was made."""
    words = _words(reading, rows)
    named = {row.statement for row in rows} | {each for made in words.values() for each in made}
    lost = {
        each for each in named if (raw := reading.statement(each)) is None or digest(raw) != each
    }
    items = set()
    for name in {row.statement for row in rows} - lost:
        under = [row for row in rows if row.statement == name]
        try:
            identity = open_chain(reading.descriptors(under[0].originator))
            stated = Stated(
                read_statement(reading.statement(name) or b"", identity.keys_ever("automatic"))
            )
        except AlliedError:
            continue  # it is what was stored, and was held against its keys then
        own = [row for row in under if place_of(row.proof) is not None]
        others = [row for row in under if place_of(row.proof) is None]
        if own and name not in before and not _has_tree(reading, own[0], stated):
            lost.add(name)
        items |= {row.seq for row in others if not _holds(row, row.proof, stated)}
    items |= {row.seq for row in rows if {row.statement, *words[row.class_id]} & lost}
    return _Unproved(frozenset(items), frozenset(lost))


def _words(reading: Reading, rows: Sequence[ItemRow]) -> dict[int, list[Digest]]:
    """By handling class of some items, the statements on what they were made from."""
    found: dict[int, list[Digest]] = {}
    for number, agreement in {row.class_id: row.agreement for row in rows}.items():
        handling = verdicts.classes_of(reading, agreement).by_id[number]
        found[number] = [each.name for each in named_in(handling)]
    return found


def _has_tree(reading: Reading, row: ItemRow, stated: Stated) -> bool:
    """Whether the tree from which proofs of an own statement are made is whole.

    Cost: two hashes for each item of the statement, once in a pass.
    """
    packed = reading.tree(row.statement)
    place = place_of(row.proof)
    try:
        kept = Kept.read(packed or b"")
        proof = kept.packed_proof(place or 0)
    except MalformedError:
        return False
    return kept.is_whole(stated.statement.root) and _holds(row, proof, stated)


def _holds(row: ItemRow, packed: bytes, stated: Stated) -> bool:
    """Whether a statement speaks of an item, by this proof."""
    try:
        proof = Proof.read(packed)
        stated.require_holds(Leaf(row.id, row.modified, row.digest, proof.definitions), proof)
    except (MalformedError, UnverifiedError):
        return False
    return True


def _withhold(
    writing: Writing,
    agreement: AgreementRow,
    party: PartyId,
    rows: Sequence[ItemRow],
    at: datetime,
) -> None:
    """Take items out of every view, and ask for them again where they came from."""
    holder = rows[0].holder
    unproved = _unproved(writing, rows)
    for statement in sorted(unproved.statements):
        writing.lose_statement(statement)
    writing.withdraw_items(rows, SPOILT, "", at, erase=False)
    for via in sorted({row.via for row in rows} - {holder}):
        for asked in ("items", "seen", "near"):
            name = f"{asked}:{holder}:{via}:{agreement.id}"
            if writing.cursor(name):
                writing.set_cursor(name, "")
    ledger.append(
        writing,
        holder,
        [
            ledger.Entry(
                agreement=agreement.id,
                recipient=party,
                outcome=ENDED,
                code=NO_STATEMENT if row.seq in unproved.items else CODE,
                art="",
                class_id=row.class_id,
                first=row.seq,
                last=row.seq,
                count=1,
                via=VIA,
                proof="",
                at=at,
            )
            for row in rows
        ],
    )


def _instant(text: str) -> datetime:
    return datetime.fromtimestamp(int(text), UTC)
