"""Taking items back, and giving up what others take back.

A recall is said to everybody to whom the disclosure ledger says the item went, each in the
circle of the two. The holder's node executes it in the same unit in which the record arrives:
the item leaves every view and is released no more; its bytes are erased when somebody answers
`deleted`. Who passed the item on passes the recall on, by itself, at the next round.

Words used here:
    holder    a party to whom the item was released from here
    duty      cease to use it, and confirm within the period of the clause
    word      what a holder answers: deleted, or kept and why

Rules. Only the originator recalls, and what it recalls is gone here as well. What the clause
does not let it take back stays; what is TLP:CLEAR gets a correction. A recall that came from
who forwarded an item counts for the copies that came from there. Bytes that somebody else
shared too stay for that one. Whoever answers `kept` keeps the bytes, and shows them to nobody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from allied.agreement.clauses import InformationSharing
from allied.agreement.values import Tlp
from allied.errors import ConflictError, NotFoundError, RefusedError, UsageError
from allied.exchange import recall as rules
from allied.exchange.lineage import ItemName
from allied.node import called, journal, ledger, provenance, verdicts
from allied.node.additions import stream, withdrawn
from allied.node.agreements import resolve
from allied.node.node import Actor
from allied.node.recall_views import (
    HolderView,
    RecallView,
    clause_of,
    holders_of,
    left_here,
    received_view,
    versions_of,
    view_of,
)
from allied.node.rows import RELABELLED, RemarkRow
from allied.node.sweeping import EXPIRED
from allied.node.texts import text_of
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from allied.node.called import Called
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading, Writing
    from allied.node.rows import ItemRow, Organisation
    from allied.record.canonical import Json
    from allied.record.ids import AgreementId, OrganisationId

RECALLED: Final = "recalled"
CORRECTION: Final = "correction"
_PAGE: Final = 1_000
_CALL_BYTES: Final = 8


# --- taking back ----------------------------------------------------------------------------


def recall(
    node: Node, actor: Actor, name: str, agreement: str, why: str, *, dry_run: bool = False
) -> RecallView:
    """Take back an item that this organisation shared.

    Args:
        name: its STIX id, for all its versions; or its number here, for that version.
        agreement: the id or alias of the agreement it was shared under.

    Raises:
        NotFoundError: `item.unknown`.
        RefusedError: `exchange.not-the-originator`, `exchange.no-recall`.
    """
    organisation = actor.organisation
    with node.store.write() as writing:
        now = node.clock.now()
        folded = node.folds.of(writing, resolve(writing, agreement).id)
        mine = folded.instrument.party(organisation.id)
        rows = versions_of(writing, folded.row.id, organisation.id, name)
        left = left_here(writing, folded.row.id, organisation.id, name)
        before = [each.item for each in left if each.reason in (EXPIRED, RELABELLED)]
        rows = rows or before
        if mine is None or not rows:
            raise NotFoundError(
                "item.unknown",
                "this organisation holds no such item under that agreement",
                hint="`allied item list`, `allied item recalls`",
            )
        numbered = name.isdecimal()
        item = ItemName(mine, rows[0].id, rows[0].modified if numbered else "")
        if any(row.originator != organisation.id for row in rows):
            raise RefusedError(
                "exchange.not-the-originator",
                "only the originator of an item recalls it",
                hint="ask the originator; delete your own copy in any case",
            )
        clear = all(_tlp(writing, row) == Tlp.CLEAR for row in rows)
        holders = holders_of(writing, [*before, *rows])
        clauses = {entry.art for entry in holders.values()} if not clear else set()
        for art in sorted(clauses):
            rules.recall(_clause(folded, art, now), item, mine, why, now)
        call = node.chance.token(_CALL_BYTES).hex()
        said = [
            _say(node, writing, actor, folded, PartyId(party), item, call, entry.art, clear, why)
            for party, entry in sorted(holders.items())
            if not dry_run
        ]
        if dry_run:
            states = [
                HolderView(PartyId(party), entry.at, "", None, False, "", ())
                for party, entry in sorted(holders.items())
            ]
            return RecallView(
                "", item.id, item.version, folded.row.id, folded.row.alias, mine, mine, True,
                "", clear, now, why, tuple(states),
            )  # fmt: skip
        writing.withdraw_items(rows, RECALLED, call, now, erase=False)
        ledger.append(
            writing,
            organisation.id,
            [
                ledger.Entry(
                    agreement=folded.row.id,
                    recipient=each.holder,
                    outcome=ledger.RECALLED,
                    code=CORRECTION if clear else "exchange.recalled",
                    art=each.art,
                    class_id=rows[0].class_id,
                    first=rows[0].seq,
                    last=rows[-1].seq,
                    count=len(rows),
                    via="federation",
                    proof=each.record,
                    at=now,
                )
                for each in said
            ],
        )
        comply(node, writing, folded.row.id)
        after = node.folds.of(writing, folded.row.id)
        view = view_of(
            writing, after, called.calls_of(after, organisation.id), organisation, call, now
        ) or RecallView(
            call, item.id, item.version, folded.row.id, folded.row.alias, mine, mine, True,
            "", clear, now, why, (),
        )  # fmt: skip
    node.notifier.changed(folded.row.id)
    return view


def _say(
    node: Node,
    writing: Writing,
    actor: Actor,
    folded: Folded,
    holder: PartyId,
    item: ItemName,
    call: str,
    art: str,
    correction: bool,
    why: str,
) -> Called:
    """Append one record of a call, in the circle of the two."""
    mine = folded.instrument.party(actor.organisation.id)
    assert mine is not None  # noqa: S101 - the caller has found it
    circle = folded.instrument.circles.pair(mine, holder)
    blob: Json | None = None
    if why:
        blob = journal.keep_blob(node, writing, folded, circle, why.encode())
    body = called.body_of(item, call, art, correction=correction, why=blob)
    now = node.folds.of(writing, folded.row.id)
    record = journal.append(node, writing, actor, now, circle, called.RECALL, body)
    at = record.header.claimed_at
    return called.Called(record.id, call, item, mine, holder, art, correction, "", at)


def recalled_here(
    reading: Reading, folded: Folded, organisation: OrganisationId
) -> dict[str, set[str]]:
    """The objects that an organisation took back: their versions, or "" for all of them."""
    found: dict[str, set[str]] = {}
    for each in called.calls_of(folded, organisation).ours:
        if not each.passed_on and not each.is_marking:
            found.setdefault(each.item.id, set()).add(each.item.version)
    after = 0
    while page := reading.withdrawn(folded.row.id, organisation, after=after, limit=_PAGE):
        for gone in page:
            if gone.reason == RECALLED and gone.item.originator == organisation:
                found.setdefault(gone.item.id, set()).add(gone.item.modified)
        after = page[-1].item.seq
    return found


# --- giving up ------------------------------------------------------------------------------


def comply(node: Node, writing: Writing, agreement: AgreementId) -> int:
    """Execute every recall that was said to an organisation hosted here.

    Called inside the unit that stored new records; what was executed already changes nothing.

    Returns:
        How many items are gone.
    """
    folded = node.folds.of(writing, agreement)
    now = node.clock.now()
    gone = 0
    for organisation in writing.organisations():
        for each in called.calls_of(folded, organisation.id).theirs:
            if each.is_marking:  # `allied.node.tightening`
                continue
            rows = _copies(writing, folded, organisation.id, each)
            if each.correction:
                for item in {row.id for row in rows}:
                    writing.add_remark(
                        RemarkRow(organisation.id, item, CORRECTION, each.record, "", now)
                    )
                continue
            writing.withdraw_items(rows, RECALLED, each.record, now, erase=False)
            gone += len(rows)
            if rows:
                mine, record = each.holder, each.record
                provenance.flag(writing, organisation.id, mine, each.item, record, now)
    return gone


def _copies(
    reading: Reading, folded: Folded, holder: OrganisationId, recall: Called
) -> list[ItemRow]:
    """The copies that a recall speaks of and whose author may recall them."""
    parties = folded.instrument.party
    return [
        row
        for row in stream(reading, folded.row.id, holder, item=recall.item.id)
        if recall.item.version in ("", row.modified)
        and parties(row.originator) == recall.item.originator
        and recall.may_take(parties(row.via))
    ]


def pass_along(node: Node, keys: Keys, organisation: Organisation) -> int:
    """Tell the recalls of others to everybody to whom the items were passed on from here.

    Returns:
        How many records were written.
    """
    told = 0
    with node.store.read() as reading:
        agreements = [
            row.id
            for row in reading.agreements()
            if reading.cursor(_told(organisation, row.id)) != str(reading.last_row(row.id))
            and node.hearing.looked(_told(organisation, row.id)) != str(reading.last_row(row.id))
        ]
    for agreement in agreements:
        with node.store.read() as reading:
            folded = node.folds.of(reading, agreement)
        if not _recalls(called.calls_of(folded, organisation.id).theirs):  # nothing to pass on
            node.hearing.look(_told(organisation, agreement), str(folded.last_row))
            continue
        with node.store.write() as writing:
            folded = node.folds.of(writing, agreement)
            calls = called.calls_of(folded, organisation.id)
            said = {(each.holder, each.item) for each in _recalls(calls.ours)}
            for each in _recalls(calls.theirs):
                for party, art in _onward(writing, folded, organisation.id, each):
                    if (party, each.item) in said:
                        continue
                    said.add((party, each.item))
                    why = text_of(writing, each.why)
                    _say(
                        node, writing, Actor(organisation, keys), folded, party, each.item,
                        each.call, art, each.correction, why,
                    )  # fmt: skip
                    told += 1
            if told:
                comply(node, writing, agreement)
            writing.set_cursor(_told(organisation, agreement), str(writing.last_row(agreement)))
    if told:
        node.notifier.changed(None)
    return told


def _recalls(calls: Sequence[Called]) -> list[Called]:
    """Those that are no markings."""
    return [each for each in calls if not each.is_marking]


def _told(organisation: Organisation, agreement: AgreementId) -> str:
    return f"recalls:{organisation.id}:{agreement}"


def _onward(
    reading: Reading, folded: Folded, holder: OrganisationId, recall: Called
) -> list[tuple[PartyId, str]]:
    """To which parties the copies that a recall speaks of were passed on, under which clause."""
    rows = _copies(reading, folded, holder, recall)
    gone = withdrawn(reading, folded.row.id, holder, record=recall.record)
    rows += [each.item for each in gone]
    mine = folded.instrument.party(holder)
    parties = folded.instrument.genesis.parties
    return [
        (PartyId(party), entry.art)
        for party, entry in sorted(holders_of(reading, rows).items())
        if party in parties and party not in (mine, recall.by, recall.item.originator)
    ]


def answer(node: Node, actor: Actor, name: str, *, kept: str = "") -> RecallView:
    """Say what was done about a recall: deleted, which erases the bytes; or kept, and why.

    Args:
        name: id of the recall, or the item's STIX id.
        kept: the reason; empty for deleted.

    Raises:
        NotFoundError: `recall.unknown`, nobody recalled that from this organisation.
        ConflictError: `recall.nothing-owed`: a correction asks for no answer.
        RefusedError: `exchange.kept-without-reason`.
    """
    organisation = actor.organisation
    with node.store.write() as writing:
        now = node.clock.now()
        folded, recall_ = _received(node, writing, organisation, name)
        mine = folded.instrument.party(organisation.id)
        assert mine is not None  # noqa: S101 - it was told
        if recall_.correction:
            raise ConflictError(
                "recall.nothing-owed", "what is public is corrected, and nobody has to answer"
            )
        did = rules.Answered.KEPT if kept else rules.Answered.DELETED
        rules.require_reason(rules.Answer(mine, did, kept, now))
        gone = list(withdrawn(writing, folded.row.id, organisation.id, record=recall_.record))
        if not kept:
            writing.erase_withdrawn([each.item.seq for each in gone])
        circle = folded.instrument.circles.pair(mine, recall_.by)
        onward = [party for party, _ in _onward(writing, folded, organisation.id, recall_)]
        body: dict[str, Json] = {
            "did": did.value,
            "onward": [*onward],
            "recall": recall_.record,
        }
        if kept:
            body["why"] = journal.keep_blob(node, writing, folded, circle, kept.encode())
        journal.append(node, writing, actor, folded, circle, called.ANSWER, body)
        after = node.folds.of(writing, folded.row.id)
        calls = called.calls_of(after, organisation.id)
        view = received_view(writing, after, calls, recall_, now)
    node.notifier.changed(folded.row.id)
    return view


def _received(
    node: Node, reading: Reading, organisation: Organisation, name: str
) -> tuple[Folded, Called]:
    found: dict[str, tuple[Folded, Called]] = {}
    for row in reading.agreements():
        folded = node.folds.of(reading, row.id)
        for each in called.calls_of(folded, organisation.id).theirs:
            if name in (each.call, each.item.id, each.record):
                found[each.record] = (folded, each)
    if not found:
        raise NotFoundError(
            "recall.unknown", "nobody has recalled that from us", hint="`allied item recalls`"
        )
    if len({each.call for _, each in found.values()}) > 1:
        raise UsageError(
            "recall.ambiguous", "several recalls go by that name", hint="give the id of one"
        )
    return list(found.values())[-1]


def _clause(folded: Folded, art: str, at: datetime) -> InformationSharing:
    found = clause_of(folded, art, at)
    if found is None:
        raise RefusedError("exchange.no-recall", "no clause says that this may be recalled")
    return found


def _tlp(reading: Reading, row: ItemRow) -> Tlp:
    return verdicts.classes_of(reading, row.agreement).by_id[row.class_id].tlp
