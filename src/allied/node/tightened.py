"""Taking tighter markings: what holders do with an originator's further statement.

A holder's node holds the statement against the originator's key and takes the copy under its
handling in the unit in which the record arrives; who may not have it any more loses it from
every view, and answers as to a recall. Who passed the item on passes the statement on by itself
at the next round. How a marking is made is in `allied.node.tightening`.

Words used here:
    marking    a record that says so to one holder; see `allied.node.called`
    gone       its holder may not have it any more

Rules. The originator's statement is believed, whoever brings it; without it a marking changes
nothing. It is joined with what holds already, so the order in which statements arrive plays no
part. That a copy is gone is believed of the originator and of who released it, as a recall is;
who passes a marking on works out for each holder what follows for it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from allied.errors import AlliedError
from allied.exchange import tightening as rules
from allied.exchange.lineage import ItemName
from allied.exchange.reciprocity import CONTRIBUTIONS
from allied.exchange.statement import (
    Leaf,
    Proof,
    commitment,
    read as read_statement,
    require_holds,
)
from allied.node import called, journal, provenance, recalls, verdicts
from allied.node.additions import stream
from allied.node.asked import asking_of
from allied.node.node import Actor
from allied.node.recall_views import holders_of, left_here
from allied.node.rows import RELABELLED, TIGHTENED
from allied.node.sweeping import let_along
from allied.node.texts import text_of
from allied.record.canonical import digest
from allied.record.identity import open_chain
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from datetime import datetime

    from allied.exchange.handling import HandlingClass
    from allied.exchange.statement import Statement
    from allied.node.called import Called
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading, Writing
    from allied.node.rows import ItemRow, LedgerRow, Organisation
    from allied.record.canonical import Json
    from allied.record.ids import AgreementId, Digest, OrganisationId


def say(
    node: Node,
    writing: Writing,
    actor: Actor,
    agreement: AgreementId,
    holder: PartyId,
    item: ItemName,
    call: str,
    art: str,
    correction: bool,
    why: str,
    marking: dict[str, Json],
) -> None:
    """Append one marking, in the circle of the two."""
    folded = node.folds.of(writing, agreement)
    mine = folded.instrument.party(actor.organisation.id)
    assert mine is not None  # noqa: S101 - the caller has found it
    circle = folded.instrument.circles.pair(mine, holder)
    blob = journal.keep_blob(node, writing, folded, circle, why.encode()) if why else None
    body = called.body_of(item, call, art, correction=correction, why=blob) | marking
    journal.append(node, writing, actor, folded, circle, called.TIGHTEN, body)


def relabel(
    writing: Writing,
    row: ItemRow,
    before: HandlingClass,
    after: HandlingClass,
    at: datetime,
    statement: Digest,
    proof: bytes,
) -> None:
    """Take an item under another statement, and let what goes along with it go on doing so."""
    number = writing.handling_class(row.agreement, after.key, after.canonical())
    writing.relabel_items([row], number, at, statement=statement, proofs=[proof])
    let_along(writing, row.agreement, row.holder, before.key, after.key, at)


def released(reading: Reading, folded: Folded, row: ItemRow) -> dict[str, LedgerRow]:
    """To whom a version went from here, each with its first release, also under old numbers."""
    left = left_here(reading, folded.row.id, row.holder, row.id)
    same = [
        each.item
        for each in left
        if (each.item.originator, each.item.modified) == (row.originator, row.modified)
    ]
    return dict(sorted(holders_of(reading, [*same, row]).items()))


def towards(
    reading: Reading,
    folded: Folded,
    row: ItemRow,
    after: HandlingClass,
    entry: LedgerRow,
    now: datetime,
) -> tuple[bool, str, str]:
    """Whether a marking takes a version from a holder: gone, and by which code and reason.

    Whether news of the parties is fresh, or something was given in return, plays no part. It is
    gone where neither its originator nor who released it may give it any more, and could as it
    was handled when it was released; and where it is for others by name.

    Args:
        entry: its release to that holder.
    """
    party = PartyId(entry.recipient)
    classes = verdicts.classes_of(reading, folded.row.id)
    before = classes.by_id[entry.class_id]
    originator = folded.instrument.party(row.originator) or PartyId("-")
    name = ItemName(originator, row.id, row.modified)
    consented = asking_of(folded, row.holder).consented(name, now)
    by_key = {**classes.by_key(), before.key: before, after.key: after}
    had, refused = False, ("", "")
    for giver in dict.fromkeys((row.holder, row.originator)):
        footing = verdicts.footing(reading, folded, giver, party, now)
        if footing is None:
            continue
        known = replace(
            footing.known,
            confirmed_at=now,
            contributed=CONTRIBUTIONS,
            consented=consented,
        )
        verdict = footing.decide(after, now, by_key, known)
        if verdict.permitted:
            return False, "", ""
        had = had or footing.decide(before, now, by_key, known).permitted
        refused = verdict.code, verdict.sentence
    named = (each.handling.audience for each in after.demands)
    elsewhere = any(each is not None and party not in each for each in named)
    return (True, *refused) if had or elsewhere else (False, "", "")


# --- taking -----------------------------------------------------------------------------------


def comply(node: Node, writing: Writing, agreement: AgreementId) -> int:
    """Execute every recall and every marking that was said to an organisation hosted here.

    Called inside the unit that stored new records or items; what was executed already changes
    nothing.

    Returns:
        How many items are gone or handled otherwise.
    """
    changed = recalls.comply(node, writing, agreement)
    folded = node.folds.of(writing, agreement)
    now = node.clock.now()
    for organisation in writing.organisations():
        for each in called.calls_of(folded, organisation.id).marked:
            for row in _copies(writing, folded, organisation.id, each):
                changed += _take(writing, folded, row, each, now)
    return changed


def _copies(
    reading: Reading, folded: Folded, holder: OrganisationId, marking: Called
) -> list[ItemRow]:
    """The copies that a marking speaks of."""
    party = folded.instrument.party
    return [
        row
        for row in stream(reading, folded.row.id, holder, item=marking.item.id)
        if row.modified == marking.item.version and party(row.originator) == marking.item.originator
    ]


def _take(writing: Writing, folded: Folded, row: ItemRow, marking: Called, now: datetime) -> bool:
    """Handle one copy by a marking; whether that changed anything."""
    statement = _stated(writing, folded, row, marking)
    if statement is None:
        return False
    may_take = marking.may_take(folded.instrument.party(row.via))
    if marking.gone and may_take and not marking.correction:
        writing.withdraw_items([row], TIGHTENED, marking.record, now, erase=False)
        provenance.flag(writing, row.holder, marking.holder, marking.item, marking.record, now)
        return True
    before = verdicts.classes_of(writing, row.agreement).by_id[row.class_id]
    after = rules.tightened(before, statement.demands)
    if after == before:
        return False
    name = digest(marking.statement)
    writing.add_statement(name, marking.statement)
    relabel(writing, row, before, after, now, name, marking.proof)
    return True


def _stated(reading: Reading, folded: Folded, row: ItemRow, marking: Called) -> Statement | None:
    """The statement of a marking, if it is the originator's and speaks of this copy; else None."""
    keys = open_chain(reading.descriptors(row.originator)).keys_ever("automatic")
    context = commitment(folded.row.id, bytes.fromhex(folded.instrument.genesis.nonce))
    try:
        statement = read_statement(marking.statement, keys)
        proof = Proof.read(marking.proof)
        leaf = Leaf(row.id, row.modified, row.digest, proof.definitions)
        require_holds(statement, leaf, proof, originator=row.originator, agreement=context)
    except AlliedError:
        return None
    return statement


def pass_along(node: Node, keys: Keys, organisation: Organisation) -> int:
    """Tell the recalls and markings of others to all to whom the items were passed on from here.

    Returns:
        How many records were written.
    """
    told = recalls.pass_along(node, keys, organisation)
    with node.store.read() as reading:
        last = {each.id: str(reading.last_row(each.id)) for each in reading.agreements()}
        due = [
            agreement
            for agreement, row in last.items()
            if row
            not in (
                reading.cursor(_place(organisation, agreement)),
                node.hearing.looked(_place(organisation, agreement)),
            )
        ]
    for agreement in due:
        with node.store.read() as reading:
            folded = node.folds.of(reading, agreement)
        if not called.calls_of(folded, organisation.id).marked:
            node.hearing.look(_place(organisation, agreement), str(folded.last_row))
            continue
        with node.store.write() as writing:
            some = _pass_one(node, writing, Actor(organisation, keys), agreement)
            writing.set_cursor(_place(organisation, agreement), str(writing.last_row(agreement)))
        if some:
            node.notifier.changed(agreement)
        told += some
    return told


def _pass_one(node: Node, writing: Writing, actor: Actor, agreement: AgreementId) -> int:
    folded = node.folds.of(writing, agreement)
    own = actor.organisation.id
    mine = folded.instrument.party(own)
    calls = called.calls_of(folded, own)
    said = {(each.holder, each.item, each.stated) for each in calls.marked_by_us}
    done = {(each.holder, each.item) for each in calls.marked_by_us if each.gone}
    parties = folded.instrument.genesis.parties
    number = 0
    for each in calls.marked:
        for row in _ever(writing, folded, own, each):
            statement = _stated(writing, folded, row, each)
            if statement is None:
                continue
            classes = verdicts.classes_of(writing, agreement).by_id
            after = rules.tightened(classes[row.class_id], statement.demands)
            for party, entry in released(writing, folded, row).items():
                holder = PartyId(party)
                key = (holder, each.item, each.stated)
                if party not in parties or holder in (mine, each.by, each.item.originator):
                    continue
                if key in said or key[:2] in done:
                    continue
                given = classes[entry.class_id]
                if rules.tightened(given, statement.demands) == given:
                    continue  # it says nothing new of what that holder has
                said.add(key)
                gone, _, _ = towards(writing, folded, row, after, entry, node.clock.now())
                say(
                    node, writing, actor, agreement, holder, each.item, each.call, entry.art,
                    rules.is_public(given), text_of(writing, each.why),
                    called.marking_of(each.statement, each.proof, gone=gone),
                )  # fmt: skip
                number += 1
    if number:
        comply(node, writing, agreement)
    return number


def _ever(
    reading: Reading, folded: Folded, holder: OrganisationId, marking: Called
) -> list[ItemRow]:
    """The copy that a marking speaks of, as it is here or was at last."""
    here = _copies(reading, folded, holder, marking)
    if here:
        return here[:1]
    party = folded.instrument.party
    left = [
        each.item
        for each in left_here(reading, folded.row.id, holder, marking.item.id)
        if each.item.modified == marking.item.version
        and party(each.item.originator) == marking.item.originator
    ]
    return left[-1:]


def _place(organisation: Organisation, agreement: AgreementId) -> str:
    return f"tightened:{organisation.id}:{agreement}"


def since(reading: Reading, folded: Folded, row: ItemRow) -> datetime | None:
    """When an item got the statement that counts now; None where that is the one it came with."""
    left = [
        each
        for each in left_here(reading, folded.row.id, row.holder, row.id)
        if (each.item.originator, each.item.modified) == (row.originator, row.modified)
        and each.reason == RELABELLED
    ]
    changed = [each.at for each in left if each.item.statement != row.statement]
    return max(changed, default=None)
