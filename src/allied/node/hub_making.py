"""What a submission comes to: which new objects, what a person has to read, why it may not go out.

Asked when a submission arrives, when a person looks at it, and when its batch is due; always
from the stored bytes, so that the answer is the same as long as nothing changed. The rules are
`exchange.anonymity` and `exchange.personal`; here they get what the hub holds.

Words used here:
    desk      one agreement under which an organisation hosted here hides who sent what
    making    what a submission would become at an instant

Rules. A submission is what a clause with `anonymise: {by: hub}` lets in and no other clause does,
or what its sender gave anonymously. The marking under which it was handed in stands in the new
bytes, so nothing becomes laxer. What the submitter has recalled or corrected is not made. A
reference to what the hub issued itself stays; an object never takes the id of one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import orjson

from allied.agreement.clauses import InformationSharing
from allied.errors import AlliedError
from allied.exchange import anonymity, channels
from allied.exchange.anonymity import Anonymous, audience_of, hides
from allied.exchange.handling import ANONYMOUS, strictest
from allied.exchange.lineage import ItemName
from allied.exchange.marking import TLP_2_ID, WELL_KNOWN
from allied.exchange.personal import Sender, Trace, may_share, personal, traces
from allied.exchange.policy import Outcome, admit
from allied.exchange.stix import read_head, version_of
from allied.exchange.validity import problems
from allied.node import called, verdicts
from allied.record.canonical import digest, encode
from allied.record.identity import open_chain
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.exchange.channel import Channel
    from allied.exchange.handling import HandlingClass
    from allied.node.folds import Folded
    from allied.node.hub_rows import Submission
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow, Organisation
    from allied.record.canonical import Json
    from allied.record.ids import OrganisationId

MOST: Final = 10_000
"""So many objects are made of one submission; a larger one is for a person to take apart."""

_MOST_BYTES: Final = 64 * 2**20
_ID: Final = re.compile(
    rb"[a-z0-9][a-z0-9-]{1,40}--"
    rb"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)

GROUP_TOO_SMALL: Final = "hub.group-too-small"
FOR_US_ALONE: Final = "hub.for-us-alone"
TOO_LARGE: Final = "hub.too-large"
NOTHING_TO_ISSUE: Final = "hub.nothing-to-issue"
NO_CLAUSE: Final = "hub.no-clause"


@dataclass(frozen=True, slots=True)
class Desk:
    """One agreement under which the organisation hides who sent what, at a moment.

    Attributes:
        me: its label there.
        channels: all information-sharing clauses, in force or not.
    """

    organisation: Organisation
    folded: Folded
    me: PartyId
    channels: tuple[Channel, ...]
    at: datetime

    def hiding(self, handling: HandlingClass) -> str:
        """The clause under which something of this class is a submission; empty if it is none."""
        anonymous = any(ANONYMOUS in each.handling.terms for each in handling.demands)
        found = ""
        for channel in self.channels:
            if all(admit(each, [channel], self.at).permitted for each in handling.demands):
                mine = channel.hides_sender and self.me in (channel.hubs or ())
                if not mine and not anonymous:
                    return ""  # it goes to everybody under its sender's name anyway
                found = found or (channel.art if mine else "")
        return found

    def clause(self, art: str) -> InformationSharing | None:
        """A clause that lets this organisation hide the sender; None if it does so no more."""
        clauses = self.folded.terms(self.at).clauses(InformationSharing)
        return next((each for each in clauses if each.art == art and hides(each)), None)

    def possible(self, art: str, audience: frozenset[PartyId] | None) -> frozenset[PartyId]:
        """The parties that could have sent something under a clause, to such an audience."""
        channel = next((each for each in self.channels if each.art == art), None)
        if channel is None:
            return frozenset()
        standing = self.folded.state.standing(self.folded.instrument, self.at)
        parties = (
            channels.recipient_at(standing, each.id)
            for each in self.folded.instrument.terms.parties
        )
        found = anonymity.group(channel, parties)
        return found if audience is None else found & audience

    def groups(self) -> str:
        """A digest of who could send something now, clause by clause."""
        found: list[Json] = [
            [each.art, [*sorted(self.possible(each.art, None))]]
            for each in self.channels
            if each.hides_sender
        ]
        return digest(encode(found))


@dataclass(frozen=True, slots=True)
class Made:
    """One new object.

    Attributes:
        old: the submitted object's id and version.
        new: the new object and what was done to it.
        raw: its bytes; version: as items have it.
        traces: where it may tell who wrote it.
        personal: properties with data about people, where the clause asks for a look.
    """

    old: tuple[str, str]
    new: Anonymous
    raw: bytes
    version: str
    traces: tuple[Trace, ...]
    personal: tuple[str, ...]

    @property
    def id(self) -> str:
        """The new id."""
        return str(self.new.value["id"])

    @property
    def unread(self) -> bool:
        """A person has to look at it."""
        return bool(self.new.review or self.traces or self.personal)


@dataclass(frozen=True, slots=True)
class Making:
    """What a submission comes to.

    Attributes:
        objects: by new id.
        withheld: submitted ids that nothing is made of, each with a code.
        audience: whom it is for; None for whom the agreement allows.
        possible: the parties that could have sent it.
        code: why it may not go out now; empty where it may.
    """

    objects: tuple[Made, ...] = ()
    withheld: tuple[tuple[str, str], ...] = ()
    audience: frozenset[PartyId] | None = None
    caveats: frozenset[str] = frozenset()
    possible: frozenset[PartyId] = frozenset()
    min_group: int = 1
    code: str = ""

    @property
    def unread(self) -> bool:
        """A person has to look at it before it goes out."""
        return any(each.unread for each in self.objects)


def desk(node: Node, folded: Folded, organisation: Organisation) -> Desk | None:
    """The desk of an organisation under an agreement; None where it hides nobody."""
    me = folded.instrument.party(organisation.id)
    at = node.clock.now()
    terms = folded.terms(at)
    if me not in terms.hubs or not any(map(hides, terms.clauses(InformationSharing))):
        return None
    standing = folded.state.standing(folded.instrument, at)
    return Desk(organisation, folded, me, channels.channels_at(terms, standing), at)


def make(reading: Reading, desk: Desk, submission: Submission, at: datetime) -> Making:
    """What a submission comes to if its batch is that of `at`.

    Cost: linear in the bytes of the submission.
    """
    clause = desk.clause(submission.art)
    party = desk.folded.instrument.party(submission.submitter)
    salt = reading.hub_salt(desk.organisation.id, desk.folded.row.id, submission.submitter)
    if clause is None or clause.anonymise is None or party is None or salt is None:
        return Making(code=NO_CLAUSE)
    rows = _rows(reading, desk, submission)
    if len(rows) > MOST or sum(row.size for row in rows) > _MOST_BYTES:
        return Making(code=TOO_LARGE)
    classes = verdicts.classes_of(reading, desk.folded.row.id).by_id
    demands = [each for row in rows for each in classes[row.class_id].demands]
    whole = strictest(each.handling for each in demands)
    hubs = frozenset(desk.folded.terms(desk.at).hubs)
    audience = audience_of(whole.audience, party, hubs)
    possible = desk.possible(submission.art, audience)
    raws = reading.item_bytes(rows)
    values = {
        row.id: _marked(orjson.loads(raws[row.digest]), classes[row.class_id]) for row in rows
    }
    rename = anonymity.renaming(salt, kept=_own(reading, desk, raws.values(), values.keys()))
    first = _first_issued(reading, desk, map(rename, values), at)
    batch = anonymity.batch(values.values(), rename, at, first_issued_at=first)
    edits: Mapping[str, Mapping[str, str | None]] = json.loads(submission.edits)
    sender = sender_of(reading, desk.folded, submission.submitter)
    old = {rename(row.id): (row.id, row.modified) for row in rows}
    objects, withheld = [], list(batch.withheld)
    for new in batch.items:
        id_ = str(new.value["id"])
        made = _made(_edited(new, edits.get(id_, {})), old[id_], clause, sender)
        if made is None:
            withheld.append((old[id_][0], "hub.edited-to-invalid"))
        else:
            objects.append(made)
    code = ""
    if not objects:
        code = NOTHING_TO_ISSUE
    elif audience == frozenset():
        code = FOR_US_ALONE
    elif len(possible) < clause.anonymise.min_group:
        code = GROUP_TOO_SMALL
    return Making(
        tuple(objects),
        tuple(sorted(withheld)),
        audience,
        whole.caveats,
        possible,
        clause.anonymise.min_group,
        code,
    )


def sender_of(reading: Reading, folded: Folded, organisation: OrganisationId) -> Sender:
    """By what a party can be recognised in a text."""
    party = folded.instrument.party(organisation)
    names = [str(party)] if party else []
    for terms in folded.state.all_terms(folded.instrument):
        names += [each.name for each in terms.parties if each.id == party]
    hosts: list[str] = []
    chain = reading.descriptors(organisation)
    if chain:
        told = open_chain(chain).current
        names += [told.label, told.name]
        hosts += [_host(each) for each in told.addresses]
    peer = reading.peer(organisation)
    if peer is not None:
        names += [peer.label, peer.name]
        hosts.append(_host(peer.url))
    return Sender(tuple(dict.fromkeys(filter(None, names))), tuple(filter(None, hosts)))


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]


def _rows(reading: Reading, desk: Desk, submission: Submission) -> list[ItemRow]:
    """The items of a submission that may be made anew: the last version of each object."""
    here = reading.submitted(desk.organisation.id, desk.folded.row.id, submission=submission.id)
    belongs = {(each.old_id, each.old_version) for each in here}
    party = desk.folded.instrument.party(submission.submitter) or PartyId("-")
    calls = [
        each
        for each in called.calls_of(desk.folded, desk.organisation.id).theirs
        if each.by == party and not each.passed_on
    ]
    found: dict[str, ItemRow] = {}
    after, size = 0, 0
    while rows := reading.items(
        desk.folded.row.id,
        desk.organisation.id,
        originator=submission.submitter,
        share=submission.share,
        after=after,
        limit=2_000,
    ):
        after = rows[-1].seq
        for row in rows:
            name = ItemName(party, row.id, row.modified)
            if (row.id, row.modified) in belongs and not any(
                each.item.covers(name) for each in calls
            ):
                before = found.get(row.id)
                if before is None or before.modified < row.modified:
                    found[row.id] = row
                size += row.size
        if len(found) > MOST or size > _MOST_BYTES:
            break
    return sorted(found.values(), key=lambda row: row.id)


def _marked(value: dict[str, Any], handling: HandlingClass) -> dict[str, Any]:
    """A submitted object that carries the marking under which it was handed in."""
    if value.get("type") == "marking-definition":
        return value
    refs = [each for each in value.get("object_marking_refs", ()) if each not in WELL_KNOWN]
    return value | {"object_marking_refs": [*refs, TLP_2_ID[handling.tlp]]}


def _own(
    reading: Reading, desk: Desk, raws: Iterable[bytes], submitted: Iterable[str]
) -> frozenset[str]:
    """What of that which objects refer to the hub has issued itself; never an object's own id."""
    named = {found.decode() for raw in raws for found in _ID.findall(raw)}
    organisation = desk.organisation.id
    own = reading.classes_of_items(desk.folded.row.id, organisation, organisation, named)
    return frozenset(own) - frozenset(submitted)


def _first_issued(
    reading: Reading, desk: Desk, new_ids: Iterable[str], at: datetime
) -> dict[str, datetime]:
    """When the first version of new objects was issued, as far as there was one before `at`."""
    found: dict[str, datetime] = {}
    for each in reading.submitted(desk.organisation.id, desk.folded.row.id, new_ids=new_ids):
        if each.issued_at is not None and each.issued_at <= at:
            found[each.new_id] = min(each.issued_at, found.get(each.new_id, at))
    return found


def _edited(new: Anonymous, changes: Mapping[str, str | None]) -> Anonymous:
    """A new object as a person has changed it."""
    value = {
        name: changes.get(name, each)
        for name, each in new.value.items()
        if changes.get(name, "") is not None
    }
    return replace(new, value=value)


def _made(
    new: Anonymous, old: tuple[str, str], clause: InformationSharing, sender: Sender
) -> Made | None:
    """What is known of a new object; None where a person has made it invalid."""
    raw = orjson.dumps(new.value)
    try:
        head = read_head(raw)
    except AlliedError:
        return None
    if problems(raw, head):
        return None
    people = personal(new.value) if may_share(new.value, clause) is Outcome.REVIEW else ()
    version = version_of(head, digest(raw))
    return Made(old, new, raw, version, traces(new.value, sender), people)


def bundle_of(objects: Sequence[Made]) -> bytes:
    """A bundle of new objects, in the order of their ids."""
    inner = b",".join(each.raw for each in sorted(objects, key=lambda each: each.id))
    return b'{"type":"bundle","id":"bundle--00000000-0000-4000-8000-000000000000","objects":[' + (
        inner + b"]}"
    )
