"""Items on this node: listed, shown with where they stand, explained.

What a party may have is asked anew each time (`node.release`); when it left and whether it
was receipted follows from the disclosure ledger and the records of the pair.

Words used here:
    within   the agreements that somebody may look into, each with the handling classes that
             they may see; None is whoever owns the folder, who sees all of it
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from allied.errors import NotFoundError
from allied.exchange import limits
from allied.exchange.limits import Warned
from allied.node import ledger, provenance, release, sweeping, tightened
from allied.node.additions import stream
from allied.node.agreements import resolve
from allied.node.provenance import DerivedView
from allied.node.receipts import receipt_at
from allied.node.sweeping import Ends
from allied.record.ids import AgreementId, Digest, PartyId

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow, Organisation

Within = Mapping[AgreementId, Sequence[int]]

_NOBODY: Final = PartyId("-")
NEVER: Final = Ends()


@dataclass(frozen=True, slots=True)
class ItemView:
    """One version of one object that this node holds.

    Attributes:
        holder, originator: labels in the agreement.
        tlp: the effective marking; the strictest among its demands.
        via: from whom it came here; the originator, or who passed it on.
    """

    seq: int
    id: str
    modified: str
    type: str
    kind: str
    name: str
    agreement: AgreementId
    alias: str
    holder: PartyId
    originator: PartyId
    tlp: str
    audience: tuple[PartyId, ...] | None
    caveats: tuple[str, ...]
    digest: Digest
    statement: Digest
    size: int
    received_at: datetime
    via: PartyId = _NOBODY


@dataclass(frozen=True, slots=True)
class RecipientView:
    """Where an item stands towards one party.

    Attributes:
        permitted: what the agreement says now.
        released_at: when its bytes last left for that party; None if they never did.
        receipt_at: when the party says that it holds it; None without its signed receipt.
        warnings: what people should know about a release that is permitted all the same.
        statement: the originator's signed statement that counts, by its digest.
        tightened_at: when it took the place of the one before here; None for the first one.
    """

    party: PartyId
    permitted: bool
    code: str
    art: str
    reason: str
    would_change: tuple[str, ...]
    released_at: datetime | None
    receipt_at: datetime | None
    warnings: tuple[Warned, ...] = ()
    statement: str = ""
    tightened_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class ItemDetails:
    """An item with its bytes and where it stands towards every other party.

    Attributes:
        ends: until when it is kept here, and under which clause.
        shared_at: when its originator shared it, by its signed statement.
        derived: what it was made from, by its originator's signed word.
    """

    item: ItemView
    raw: bytes
    recipients: tuple[RecipientView, ...]
    ends: Ends = NEVER
    shared_at: datetime | None = None
    derived: tuple[DerivedView, ...] = ()


def list_items(
    node: Node,
    organisation: Organisation,
    *,
    agreement: str = "",
    after: int = 0,
    limit: int = 100,
    types: Sequence[str] | None = None,
    item: str | None = None,
    within: Within | None = None,
) -> Sequence[ItemView]:
    """What an organisation holds, oldest first, from behind `after` (an `ItemView.seq`).

    Args:
        types: only objects of these STIX types.
        item: only versions of the object with this STIX id.
    """
    found: list[ItemView] = []
    with node.store.read() as reading:
        for folded, classes in _concerned(node, reading, organisation, agreement, within):
            items = reading.items(
                folded.row.id,
                organisation.id,
                after=after,
                limit=limit,
                classes=classes,
                types=types,
                item=item,
            )
            found += _views(reading, folded, items)
    return sorted(found, key=lambda item: item.seq)[:limit]


def latest_items(
    node: Node,
    organisation: Organisation,
    *,
    agreement: str = "",
    before: int | None = None,
    limit: int = 100,
) -> Sequence[ItemView]:
    """What an organisation holds, newest first, from before `before` (an `ItemView.seq`)."""
    found: list[ItemView] = []
    with node.store.read() as reading:
        for folded, _ in _concerned(node, reading, organisation, agreement):
            items = reading.latest_items(folded.row.id, organisation.id, before=before, limit=limit)
            found += _views(reading, folded, items)
    return sorted(found, key=lambda item: item.seq, reverse=True)[:limit]


def _concerned(
    node: Node,
    reading: Reading,
    organisation: Organisation,
    agreement: str,
    within: Within | None = None,
) -> Iterator[tuple[Folded, Sequence[int] | None]]:
    """The agreement named, or all, as far as the organisation is a party, and what is seen."""
    for row in [resolve(reading, agreement)] if agreement else reading.agreements():
        if within is not None and row.id not in within:
            continue
        folded = node.folds.of(reading, row.id)
        if folded.instrument.party(organisation.id) is not None:
            yield folded, None if within is None else within[row.id]


def count_items(
    node: Node, organisation: Organisation, *, agreement: str = "", within: Within | None = None
) -> int:
    """How many items an organisation holds."""
    with node.store.read() as reading:
        rows = [resolve(reading, agreement)] if agreement else reading.agreements()
        return sum(
            count
            for row in rows
            if within is None or row.id in within
            for number, count in reading.item_counts(row.id, organisation.id).items()
            if within is None or number in within[row.id]
        )


def show(
    node: Node, organisation: Organisation, name: str, *, within: Within | None = None
) -> ItemDetails:
    """The latest version of an item by its STIX id, or exactly the item numbered `name`.

    Raises:
        NotFoundError: `item.unknown`, the organisation holds no such item; `item.withdrawn`,
            it held it once.
        UnverifiedError: `store.no-statement`, nothing proves any more whose item it is.
    """
    with node.store.read() as reading:
        folded, row = find(node, reading, organisation, name, within)
        raw = reading.item_bytes([row])[row.digest]
        view = _views(reading, folded, [row])[0]
        recipients = _recipients(node, reading, folded, row)
        ends = sweeping.ends_of(reading, folded, row, node.clock.now())
        shared_at = provenance.shared_at(reading, row)
        derived = provenance.made_from(reading, folded, row)
    return ItemDetails(view, raw, recipients, ends, shared_at, derived)


def explain(
    node: Node, organisation: Organisation, name: str, to: str, *, within: Within | None = None
) -> RecipientView:
    """Why an item may or may not go to one party, and what would change that.

    Raises:
        NotFoundError: no such item, or `exchange.not-a-party`.
    """
    details = show(node, organisation, name, within=within)
    for recipient in details.recipients:
        if recipient.party == to:
            return recipient
    raise NotFoundError(
        "exchange.not-a-party",
        "the agreement names no such other party",
        hint="for somebody outside: `allied item hand-over --dry-run`",
    )


def find(
    node: Node,
    reading: Reading,
    organisation: Organisation,
    name: str,
    within: Within | None = None,
) -> tuple[Folded, ItemRow]:
    """An item by its STIX id or number; NotFoundError `item.unknown` if none is held."""
    for row in reading.agreements():
        if within is not None and row.id not in within:
            continue
        seen = None if within is None else within[row.id]
        if name.isdecimal() and len(name) < 19:
            items = reading.items(
                row.id, organisation.id, after=int(name) - 1, limit=1, classes=seen
            )
            items = [item for item in items if item.seq == int(name)]
        else:
            items = list(stream(reading, row.id, organisation.id, item=name, classes=seen))
        if items:
            # Others may use the same id; what they say never stands in front of the first.
            own = [item for item in items if item.originator == organisation.id] or items
            whose = min(own, key=lambda item: item.seq).originator
            versions = [item for item in items if item.originator == whose]
            latest = max(versions, key=lambda item: (item.modified, item.seq))
            return node.folds.of(reading, row.id), latest
    if within is None:
        _require_not_gone(reading, organisation, name)
    raise NotFoundError(
        "item.unknown", "this organisation holds no such item", hint="`allied item list`"
    )


def _require_not_gone(reading: Reading, organisation: Organisation, name: str) -> None:
    """Say why an item that was here is not here any more; nothing where it never was."""
    for row in reading.agreements():
        for gone in reading.withdrawn(row.id, organisation.id, item=name, limit=1):
            recalled = gone.reason in ("recalled", "tightened")
            raise NotFoundError(
                "item.withdrawn",
                f"this organisation held it until {gone.at:%Y-%m-%d %H:%M} UTC:"
                f" {_GONE.get(gone.reason, gone.reason)}",
                hint="`allied item recalls`" if recalled else "`allied item list`",
            )


_GONE: Final = {
    "recalled": "it was recalled",
    "expired": "its marking had an end",
    "retention": "the time for which the clause lets it be kept was over",
    "deleted": "it was deleted here",
    "relabelled": "it got another marking",
    "tightened": "its originator has marked it so that this organisation may not have it",
    "spoilt": "its bytes were spoilt on disk",
}
"""Why an item left, in words; the keys are those of `WithdrawnRow`."""


def _views(reading: Reading, folded: Folded, rows: Sequence[ItemRow]) -> list[ItemView]:
    classes = release.classes_of(reading, folded.row.id)
    bodies = reading.item_bytes(rows)
    views = []
    for row in rows:
        handling = classes[row.class_id]
        audiences = [each.handling.audience for each in handling.demands]
        named = [each for each in audiences if each is not None]
        caveats = [each.handling.caveats for each in handling.demands]
        views.append(
            ItemView(
                seq=row.seq,
                id=row.id,
                modified=row.modified,
                type=row.type,
                kind=row.kind,
                name=title_of(bodies[row.digest]),
                agreement=folded.row.id,
                alias=folded.row.alias,
                holder=folded.instrument.party(row.holder) or PartyId("-"),
                originator=folded.instrument.party(row.originator) or PartyId("-"),
                tlp=handling.tlp.value,
                audience=tuple(sorted(frozenset.intersection(*named))) if named else None,
                caveats=tuple(sorted(frozenset[str]().union(*caveats))),
                digest=row.digest,
                statement=row.statement,
                size=row.size,
                received_at=row.received_at,
                via=folded.instrument.party(row.via) or PartyId("-"),
            )
        )
    return views


def _recipients(
    node: Node, reading: Reading, folded: Folded, row: ItemRow
) -> tuple[RecipientView, ...]:
    """Every other party: what the agreement says now, when it left, what was receipted."""
    releaser = folded.instrument.party(row.holder)
    if releaser is None:
        return ()
    found = []
    now = node.clock.now()
    tightened_at = tightened.since(reading, folded, row)
    for party in folded.instrument.terms.parties:
        if party.id in (releaser, folded.instrument.party(row.originator)):
            continue
        verdict = release.verdict_of(node, reading, folded, row, party.id)
        released = [
            entry
            for entry in reading.ledger(
                row.holder, agreement=row.agreement, recipient=party.id, seq=row.seq
            )
            if entry.outcome == ledger.RELEASED and entry.class_id == row.class_id
        ]
        found.append(
            RecipientView(
                party=party.id,
                permitted=verdict.permitted,
                code=verdict.code,
                art=verdict.art,
                reason=verdict.sentence,
                would_change=verdict.would_change,
                released_at=max((entry.at for entry in released), default=None),
                receipt_at=receipt_at(folded, party.id, {entry.proof for entry in released}),
                warnings=limits.warnings(folded.terms(now), {verdict.art}, now)
                if verdict.permitted
                else (),
                statement=row.statement,
                tightened_at=tightened_at,
            )
        )
    return tuple(found)


def title_of(raw: bytes) -> str:
    """What people call an object: its name, pattern or value, at most 200 characters."""
    try:
        titled = msgspec.json.decode(raw, type=_Titled)
    except (msgspec.DecodeError, RecursionError):
        return ""
    for text in (titled.name, titled.pattern, titled.value, titled.abstract, titled.definition):
        if isinstance(text, str) and text:
            return text[:200]
    return titled.relationship_type[:200]


class _Titled(msgspec.Struct):
    """The members of an object that may name it."""

    name: Any = ""
    pattern: Any = ""
    value: Any = ""
    abstract: Any = ""
    definition: Any = ""
    relationship_type: str = ""
