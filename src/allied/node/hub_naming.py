"""Being named after all: a submitter's consent, and the readers who are told because of it.

A consent is a record in the circle of submitter and hub, an act of a person. The new item never
changes by it. The hub shares a link beside the item, from it to an identity with the submitter's
name, and only to readers who had nothing of the item yet when the consent was given.

Words used here:
    consent   the submitter's word on objects that it shared; the last one counts
    link      the relationship `submitted-by` that the hub shares
    reader    a party that may have the new item now

Rules. Silence is no. Who had the item before stays without the name. A consent that is taken back
ends what is not read yet; whoever has read it keeps it. What a consent says of objects that its
author did not submit has no effect.
"""

from __future__ import annotations

import hashlib
import hmac
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import orjson

from allied.agreement.clauses import InformationSharing
from allied.errors import NotFoundError, RefusedError, UsageError
from allied.exchange import channels
from allied.exchange.anonymity import NameConsent, group, hides, names_source
from allied.node import journal, release, sharing
from allied.node.additions import stream
from allied.node.agreements import party_of, resolve
from allied.node.called import pairs_of
from allied.node.hub_making import Desk, desk as desk_of
from allied.node.hub_rows import Naming, Submitted
from allied.node.recall_views import holders_of
from allied.node.removing import DELETED
from allied.node.shared import Wish
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.node import Actor, Node
    from allied.node.ports import Keys, Reading
    from allied.node.rows import ItemRow, Organisation
    from allied.record.canonical import Json
    from allied.record.ids import AgreementId, OrganisationId
    from allied.record.record import Record

NAME: Final = "exchange.name"
MOST: Final = 500
"""Objects that one consent speaks of."""

_LONGEST: Final = 300


# --- the submitter --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ConsentView:
    """What was said about being named, to one secretariat."""

    agreement: AgreementId
    alias: str
    hub: PartyId
    items: tuple[str, ...]
    says: str
    at: datetime


def consent(
    node: Node, actor: Actor, names: Sequence[str], agreement: str, *, yes: bool
) -> Sequence[ConsentView]:
    """Let the secretariat name us beside what it made of our items, or no longer: an act.

    Args:
        names: STIX ids of what this organisation shared; at most MOST.

    Returns:
        One view per secretariat.

    Raises:
        NotFoundError: `item.unknown`, one of them was not shared from here.
        RefusedError: `hub.no-clause`, nobody hides the sender under that agreement.
        UsageError: `hub.too-many`.
    """
    organisation = actor.organisation
    items = sorted(set(names))
    if not 0 < len(items) <= MOST:
        raise UsageError("hub.too-many", f"name 1 to {MOST} items at once")
    found = []
    with node.store.write() as writing:
        folded = node.folds.of(writing, resolve(writing, agreement).id)
        mine = party_of(folded, organisation)
        terms = folded.terms(node.clock.now())
        clauses = [each for each in terms.clauses(InformationSharing) if hides(each)]
        hubs = [each for each in terms.hubs if each != mine]
        if not clauses or not hubs:
            raise _nobody_hides()
        shared = writing.classes_of_items(folded.row.id, organisation.id, organisation.id, items)
        if len(shared) < len(items):
            raise NotFoundError(
                "item.unknown",
                "not all of that was shared from here under this agreement",
                hint="`allied item list`",
            )
        folded = journal.list_person(node, writing, actor, folded)
        for hub in hubs:
            circle = folded.instrument.circles.pair(mine, hub)
            body: dict[str, Json] = {"items": [*items], "says": "yes" if yes else "no"}
            record = journal.append(node, writing, actor, folded, circle, NAME, body)
            folded = node.folds.of(writing, folded.row.id)
            found.append(
                ConsentView(
                    folded.row.id,
                    folded.row.alias,
                    hub,
                    tuple(items),
                    str(body["says"]),
                    record.header.claimed_at,
                )
            )
    node.notifier.changed(folded.row.id)
    return found


def require_hidden(
    node: Node, organisation: Organisation, agreement: str, to: Sequence[str] = ()
) -> None:
    """Return if a secretariat hides who sends something now, among enough who could have.

    The secretariat holds back what comes from too small a group; it is better not to send it.

    Args:
        to: for whom it is; empty for whomever the agreement allows.

    Raises:
        RefusedError: `hub.no-clause`, `hub.group-too-small`.
    """
    with node.store.read() as reading:
        folded = node.folds.of(reading, resolve(reading, agreement).id)
        mine, now = party_of(folded, organisation), node.clock.now()
    terms, standing = folded.terms(now), folded.state.standing(folded.instrument, now)
    needed = {
        each.art: each.anonymise.min_group
        for each in terms.clauses(InformationSharing)
        if hides(each) and each.anonymise is not None
    }
    parties = [channels.recipient_at(standing, each.id) for each in terms.parties]
    found: list[tuple[int, int]] = []
    for channel in channels.channels_at(terms, standing):
        if channel.art in needed and (channel.hubs or frozenset()) - {mine}:
            senders = group(channel, parties)
            if to:
                senders &= {mine, *(PartyId(each) for each in to)}
            if mine in senders:
                found.append((len(senders), needed[channel.art]))
    if not found:
        raise _nobody_hides()
    if all(possible < least for possible, least in found):
        possible, least = max(found)
        raise RefusedError(
            "hub.group-too-small",
            f"only {possible} parties could have sent this, and the clause asks for {least}",
            hint="the secretariat would hold it back; wait until more have joined",
        )


def _nobody_hides() -> RefusedError:
    return RefusedError(
        "hub.no-clause", "no secretariat hides who sent something under this agreement"
    )


# --- the hub --------------------------------------------------------------------------------


def consents_of(
    folded: Folded, hub: OrganisationId
) -> Mapping[tuple[PartyId, str], tuple[NameConsent, ...]]:
    """What submitters said to a hub about being named, by submitter and object.

    Cost: linear in the statements of the agreement.
    """
    me = folded.instrument.party(hub)
    if me is None:
        return {}
    pairs = pairs_of(folded, me)
    found: dict[tuple[PartyId, str], list[NameConsent]] = {}
    for record in folded.state.statements:
        by = pairs.get(record.header.circle)
        if record.header.kind != NAME or by is None or record.header.issuer == hub:
            continue
        at = record.header.claimed_at
        items, yes = _said(record)
        for item in items:
            said = found.setdefault((by, item), [])
            holds = bool(said) and said[-1].withdrawn_at is None
            if yes and not holds:
                said.append(NameConsent(by, at))
            elif not yes and holds:
                said[-1] = replace(said[-1], withdrawn_at=at)
    return {key: tuple(each) for key, each in found.items() if each}


def _said(record: Record) -> tuple[tuple[str, ...], bool]:
    """The objects of a consent, and whether it is a yes; none if it is not of the form."""
    items, says = record.body.get("items"), record.body.get("says")
    if not isinstance(items, list) or says not in ("yes", "no") or len(items) > MOST:
        return (), False
    if not all(isinstance(each, str) and len(each) <= _LONGEST for each in items):
        return (), False
    return tuple(str(each) for each in items), says == "yes"


def tell_names(node: Node, keys: Keys, organisation: Organisation, agreement: AgreementId) -> None:
    """Tell future readers who agreed to be named, and stop telling where nobody does any more."""
    name = f"hub-names:{organisation.id}:{agreement}"
    with node.store.read() as reading:
        nobody = f"{reading.last_row(agreement)}"
        if reading.cursor(name) == nobody:
            return  # nobody had consented when the last record came
        folded = node.folds.of(reading, agreement)
        desk = desk_of(node, folded, organisation)
        consents = consents_of(folded, organisation.id) if desk else {}
    if desk is None:
        return
    if not consents:
        with node.store.write() as writing:
            if f"{writing.last_row(agreement)}" == nobody:
                writing.set_cursor(name, nobody)
        return
    with node.store.read() as reading:
        due = [
            each
            for (by, item), said in sorted(consents.items())
            for each in _tellings(node, reading, desk, by, item, said)
        ]
        ended = _ended(reading, desk, consents)
    for telling in due:
        _tell(node, keys, desk, telling)
    for link in ended:
        _stop(node, desk, link)


@dataclass(frozen=True, slots=True)
class _Telling:
    """A new item whose submitter is to be told to some readers."""

    row: ItemRow
    refs: tuple[str, ...]
    name: str
    since: datetime
    readers: tuple[PartyId, ...]
    salt: bytes


def _tellings(
    node: Node,
    reading: Reading,
    desk: Desk,
    by: PartyId,
    item: str,
    said: Sequence[NameConsent],
) -> list[_Telling]:
    """What is to be told about one submitted object."""
    me, agreement = desk.organisation.id, desk.folded.row.id
    submitter = desk.folded.instrument.organisation(by)
    rows = [
        each
        for each in reading.submitted(me, agreement, submitter=submitter, old_ids=[item])
        if each.issued_at is not None and not each.recall
    ]
    salt = reading.hub_salt(me, agreement, submitter)
    since = said[-1].at if said[-1].withdrawn_at is None else None
    clause = _clause(reading, desk, rows)
    if not rows or salt is None or since is None or clause is None:
        return []
    new_id = rows[-1].new_id
    held = list(stream(reading, agreement, me, item=new_id, originator=me))
    if not held or held[-1].type in ("relationship", "marking-definition"):
        return []
    had = {party: entry.at for party, entry in holders_of(reading, held).items()}
    told = {each.party for each in reading.namings(me, agreement) if each.new_id == new_id}
    readers = tuple(
        each.id
        for each in desk.folded.instrument.terms.parties
        if each.id not in (desk.me, by)
        and each.id not in told
        and _in_sight(desk, held[-1], each.id)
        and names_source(clause, by, said, had.get(each.id, desk.at))
        and release.verdict_of(node, reading, desk.folded, held[-1], each.id).permitted
    )
    if not readers:
        return []
    names = [each.name for each in desk.folded.terms(desk.at).parties if each.id == by]
    value = orjson.loads(reading.item_bytes(held[-1:])[held[-1].digest])
    refs = tuple(value.get("object_marking_refs", ()))
    return [_Telling(held[-1], refs, (names[0] if names else "") or by, since, readers, salt)]


def _in_sight(desk: Desk, row: ItemRow, party: PartyId) -> bool:
    """Whether an item was shared late enough for a party that joined late."""
    folded = desk.folded
    standing = folded.state.standing(folded.instrument, desk.at)
    since = channels.sees_from(folded.terms(desk.at), standing, party)
    return since is None or row.received_at >= since


def _clause(reading: Reading, desk: Desk, rows: Sequence[Submitted]) -> InformationSharing | None:
    """The clause under which a submitted object came; None where it hides nobody any more."""
    if not rows:
        return None
    submission = reading.submission(desk.organisation.id, rows[-1].submission)
    return desk.clause(submission.art) if submission else None


def _tell(node: Node, keys: Keys, desk: Desk, telling: _Telling) -> None:
    """Share the link to the readers; done again it is the same link."""
    seed = "|".join([telling.row.id, telling.since.isoformat(), *telling.readers])
    stamp = telling.since.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    common = {
        "spec_version": "2.1",
        "created": f"{stamp}Z",
        "modified": f"{stamp}Z",
        "object_marking_refs": list(telling.refs),
    }
    who = {
        "type": "identity",
        "id": _id("identity", telling.salt, seed),
        "name": telling.name,
        "identity_class": "organization",
    }
    link = {
        "type": "relationship",
        "id": _id("relationship", telling.salt, seed),
        "relationship_type": "submitted-by",
        "source_ref": telling.row.id,
        "target_ref": who["id"],
    }
    bundle = {"type": "bundle", "id": _id("bundle", telling.salt, seed)}
    raw = orjson.dumps(bundle | {"objects": [who | common, link | common]})
    agreement = desk.folded.row.id
    sharing.share(
        node,
        desk.organisation,
        keys,
        lambda: iter((raw,)),
        agreement,
        Wish(to=telling.readers, reviewed=True),
    )
    with node.store.write() as writing:
        writing.add_namings(
            Naming(desk.organisation.id, agreement, telling.row.id, each, link["id"], desk.at)
            for each in telling.readers
        )
    node.notifier.changed(agreement)


def _id(type_: str, salt: bytes, seed: str) -> str:
    code = hmac.digest(salt, f"{type_}|{seed}".encode(), hashlib.sha256)
    return f"{type_}--{uuid.UUID(bytes=code[:16], version=4)}"


def _ended(
    reading: Reading, desk: Desk, consents: Mapping[tuple[PartyId, str], Sequence[NameConsent]]
) -> list[str]:
    """Links that tell a name to whose telling nobody agrees any more."""
    me, agreement = desk.organisation.id, desk.folded.row.id
    links: dict[str, set[str]] = {}
    for each in reading.namings(me, agreement):
        links.setdefault(each.new_id, set()).add(each.link)
    found: set[str] = set()
    for row in reading.submitted(me, agreement, new_ids=links) if links else ():
        by = desk.folded.instrument.party(row.submitter)
        said = consents.get((by, row.old_id), ()) if by else ()
        if not said or said[-1].withdrawn_at is not None:
            found |= links[row.new_id]
    return sorted(found)


def _stop(node: Node, desk: Desk, link: str) -> None:
    """Take a link away from whoever has not read it yet."""
    me, agreement = desk.organisation.id, desk.folded.row.id
    with node.store.write() as writing:
        rows = list(stream(writing, agreement, me, item=link, originator=me))
        for row in list(rows):
            value = orjson.loads(writing.item_bytes([row])[row.digest])
            rows += stream(writing, agreement, me, item=value["target_ref"])
        writing.withdraw_items(rows, DELETED, "", desk.at, erase=True)
        writing.drop_naming(me, link)
    node.notifier.changed(agreement)
