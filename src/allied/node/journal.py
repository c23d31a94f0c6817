"""Appending to one's own chains, and taking in the records of others.

A statement by a hosted organisation is appended inside the write unit that made it
necessary: own head read, next number claimed, record signed and stored, all or nothing. A
record of another organisation is believed when its envelope has the form, its issuer is
named in the agreement, the issuer's key has signed it, its whole past is here, and (for an
act) a person whom the issuer has listed assents. Until its past is here it is parked; a
record that fails is refused with a code and has no effect on any other.

Whether a believed record has an *effect* is not asked here; that is the fold's verdict.

Words used here:
    append   sign and store a record of a hosted organisation
    take in  check and store records of others
    parked   kept, unbelieved, until what it rests on has arrived
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allied.agreement.certified import embedded
from allied.agreement.listings import read_listing, read_opening
from allied.errors import AlliedError, ConflictError, UnverifiedError
from allied.node import ahead, leaving, renewals
from allied.node.fairness import fair_share
from allied.node.rows import RecordRow
from allied.record import blob, revocation
from allied.record.circle import check_deps, covers
from allied.record.envelope import assented, parse
from allied.record.fork import carried
from allied.record.identity import Identity, open_chain
from allied.record.ids import Digest, KeyId
from allied.record.kinds import rule
from allied.record.record import (
    MAX_DEPS,
    MAX_ENVELOPE_BYTES,
    ChainKey,
    Dep,
    Header,
    Record,
    read_with_envelope,
    require_assented,
    require_issued,
    require_signature,
    sorted_deps,
    whole_milliseconds,
    written,
)
from allied.record.revocation import REVOKE

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.ahead import Opened
    from allied.node.folds import Folded
    from allied.node.node import Actor, Node
    from allied.node.ports import Reading, Writing
    from allied.record.canonical import Json
    from allied.record.circle import Circle
    from allied.record.history import History
    from allied.record.ids import AgreementId, OrganisationId, PersonId, RecordId
    from allied.record.keys import PublicKey

PARKED_PER_ISSUER = 2_000
PARKED_BYTES_PER_ISSUER = 16 * 2**20
"""Room for the largest record there may be, twice, or for 2,000 ordinary ones."""
MAX_CUT = 3_000
"""Heads in a cut: as many as fit into the body of a withdrawal."""


# --- own records ------------------------------------------------------------------------


def append(
    node: Node,
    writing: Writing,
    actor: Actor,
    folded: Folded,
    circle: Circle,
    kind: str,
    body: Mapping[str, Json],
) -> Record:
    """Sign a statement of the actor's organisation and store it at the end of its chain.

    Cites the heads of every chain that all readers of the record may see and that its
    own past does not contain already.

    Args:
        folded: the agreement exactly as `writing` sees it (`node.folds.of(writing, ...)`).
        circle: where it is said; the organisation is a member of it.

    Raises:
        NotAuthorisedError: a key that is needed is locked.
        ConflictError: `store.sequence-taken`; nothing was written.
    """
    organisation = actor.organisation
    chain = ChainKey(circle.id, organisation.id, organisation.incarnation)
    if kind != REVOKE and chain not in folded.history.heads:
        known, because = revoked(writing, organisation.id)
        if known:  # whoever has the old keys must find this chain begun by their revocation
            say_revoked(node, writing, actor, folded, circle, known, because)
            folded = node.folds.of(writing, folded.row.id)
    row = rule(kind)
    signer = actor.keys.signer(organisation.id, row.key)
    head = folded.history.heads.get(chain)
    if chain in folded.history.frozen:
        raise ConflictError(
            "record.chain-frozen", "this organisation has signed one number twice; people decide"
        )
    previous = folded.history.get(head[1]) if head else None
    claimed = whole_milliseconds(node.clock.now())
    if previous is not None:
        claimed = max(claimed, previous.header.claimed_at)
    deps = _deps(folded, circle, chain, previous, claimed)
    header = Header(
        agreement=folded.row.id,
        circle=circle.id,
        issuer=organisation.id,
        key=signer.public.key_id,
        incarnation=organisation.incarnation,
        sequence=head[0] + 1 if head else 1,
        previous=head[1] if head else None,
        deps=deps,
        version=_version(folded, previous, deps, claimed),
        kind=kind,
        claimed_at=claimed,
    )
    persons = {}
    if row.act:
        person = actor.keys.person(organisation.id, actor.person, folded.row.id)
        persons[person.person] = person.signer
    record = written(header, body, signer, persons)
    writing.claim_sequence(
        circle.id, organisation.id, organisation.incarnation, header.sequence, record.id
    )
    writing.add_records([as_row(record)])
    return record


def _deps(
    folded: Folded, circle: Circle, own: ChainKey, previous: Record | None, at: datetime
) -> tuple[Dep, ...]:
    """The heads that a record may cite and that its own past does not contain already."""
    known = folded.history.clock(previous.id) if previous else {}
    cited = _heads(folded, circle)
    tops = leaving.readable_by_all(folded, circle, own.issuer, at)
    if tops is not None:  # somebody in the circle has left, and could not follow the rest
        shared = leaving.shared_circles(folded)
        wider = {dep.circle for dep in cited} & shared
        cited = [dep for dep in cited if dep.circle not in shared]
        cited += [Dep(*chain, *top) for chain, top in tops.items() if chain.circle in wider]
    new = [dep for dep in cited if dep.chain != own and known.get(dep.chain, 0) < dep.sequence]
    # A new incarnation, and a revocation, have to count the chains before it.
    mine = [dep for dep in new if (dep.circle, dep.issuer) == own[:2]]
    rest = [dep for dep in new if (dep.circle, dep.issuer) != own[:2]]
    # What is left out stands in the next record.
    return sorted_deps([*mine, *fair_share(rest, MAX_DEPS - len(mine))])


def _version(folded: Folded, previous: Record | None, deps: Sequence[Dep], at: datetime) -> Digest:
    """The newest version of the text in effect, by what a record rests on."""
    if not folded.state.texts:
        return folded.row.version
    history = folded.history
    clock: dict[ChainKey, int] = dict(history.clock(previous.id)) if previous else {}
    if previous is not None:
        clock[previous.header.chain] = previous.header.sequence
    for dep in deps:
        for chain, number in {**history.clock(dep.id), dep.chain: dep.sequence}.items():
            clock[chain] = max(number, clock.get(chain, 0))

    def knows(earlier: RecordId) -> bool:
        record = history.get(earlier)
        return record is not None and record.header.sequence <= clock.get(record.header.chain, 0)

    return folded.state.version_known(folded.instrument, knows, at)


def heads_in(folded: Folded, circle: Circle) -> tuple[Dep, ...]:
    """The heads in `circle` and in the standing circles that cover it; at most MAX_CUT."""
    return sorted_deps(fair_share(_heads(folded, circle), MAX_CUT))


def _heads(folded: Folded, circle: Circle) -> list[Dep]:
    standing = folded.instrument.circles
    wider = {
        each.id
        for each in (standing.all, standing.voters, *standing.bodies.values())
        if covers(each, circle)
    }
    return [
        Dep(chain.circle, chain.issuer, chain.incarnation, sequence, record)
        for chain, (sequence, record) in folded.history.heads.items()
        if chain.circle == circle.id or chain.circle in wider
    ]


def list_person(node: Node, writing: Writing, actor: Actor, folded: Folded) -> Folded:
    """Make sure that the acting person is listed in the agreement; returns the fold after it."""
    organisation = actor.organisation
    person = actor.keys.person(organisation.id, actor.person, folded.row.id)
    if person.person in folded.state.persons.get(organisation.id, {}):
        return folded
    public = person.signer.public
    body: dict[str, Json] = {"person": person.person, **public.to_json()}
    append(node, writing, actor, folded, folded.instrument.circles.all, "identity.person", body)
    return node.folds.of(writing, folded.row.id)


def revoked(reading: Reading, organisation: OrganisationId) -> tuple[Sequence[KeyId], str]:
    """The keys that a hosted organisation has ever revoked, and why it did so last."""
    keys, _, because = reading.cursor(f"revoked:{organisation}").partition("\n")
    return [KeyId(each) for each in keys.split()], because


def remember_revoked(
    writing: Writing, organisation: OrganisationId, keys: Sequence[KeyId], because: str
) -> None:
    """Keep what `revoked` says: every chain that begins from now on begins by saying it."""
    writing.set_cursor(f"revoked:{organisation}", " ".join(keys) + "\n" + because)


def say_revoked(
    node: Node,
    writing: Writing,
    actor: Actor,
    folded: Folded,
    circle: Circle,
    keys: Sequence[KeyId],
    because: str,
) -> Record:
    """Say in a circle how far revoked keys count there, as `record.revocation` reads it."""
    reason = keep_blob(node, writing, folded, circle, because.encode())
    body = revocation.body(keys, _counted(writing, folded, actor, circle), reason)
    return append(node, writing, actor, folded, circle, REVOKE, body)


def _counted(reading: Reading, folded: Folded, actor: Actor, circle: Circle) -> list[Dep]:
    """The own heads in a circle that the organisation stands by."""
    mine = actor.organisation
    foreign: dict[ChainKey, int] = {}
    for row in reading.unclaimed(mine.id):
        if row.circle == circle.id:
            foreign.setdefault(ChainKey(row.circle, row.issuer, row.incarnation), row.sequence)
    cut = []
    for chain, (head, record) in sorted(folded.history.heads.items()):
        if chain.circle != circle.id or chain.issuer != mine.id:
            continue
        if chain.incarnation >= mine.incarnation:
            continue
        last = min(head, foreign.get(chain, head + 1) - 1)
        if last == head:
            cut.append(Dep(*chain, head, record))
        elif last > 0:
            (row,) = reading.records_range(*chain, last, last, limit=1)
            cut.append(Dep(*chain, last, row.id))
    return cut


def keep_blob(
    node: Node,
    writing: Writing,
    folded: Folded,
    circle: Circle,
    content: bytes,
    media: str = "text/plain",
) -> dict[str, Json]:
    """Store free text or evidence outside the record; returns the reference for its body."""
    reference, raw = blob.build(content, media, node.chance.token(16))
    writing.add_blob(folded.row.id, circle.id, Digest(str(reference["blob"])), raw)
    return dict(reference)


# --- records of others ------------------------------------------------------------------


@dataclass(slots=True)
class TakenIn:
    """What became of a batch of records of others."""

    stored: list[Record] = field(default_factory=list)
    parked: int = 0
    known: int = 0
    refused: list[str] = field(default_factory=list)


def take_in(
    writing: Writing,
    folded: Folded,
    raws: Sequence[bytes],
    offered: Mapping[OrganisationId, Sequence[bytes]],
) -> TakenIn:
    """Check records of one agreement and store those that hold.

    Args:
        folded: the agreement as `writing` sees it.
        raws: envelopes in any order; duplicates are passed over.
        offered: identity chains that came along; each proves itself against the id that
            the genesis binds, so it does not matter who sent it.

    Returns:
        What was stored, parked, known, and the codes of what was refused.
    """
    result = TakenIn()
    identities = Identities(writing, offered)
    parked = {record: raw for record, _, raw in writing.parked(folded.row.id)}
    fresh: dict[RecordId, Record] = {}
    spare: dict[RecordId, list[Record]] = {}
    pending = list(dict.fromkeys((*raws, *parked.values())))

    def identity_of(record: Record) -> Identity | None:
        header = record.header
        ours = header.agreement == folded.row.id and folded.instrument.party(header.issuer)
        return identities.of(header.issuer) if ours else None

    with ahead.opened(pending, identity_of) as opened:
        for raw in pending:  # which grows by what proofs of forks carry
            try:
                record = _acceptable(raw, folded, identities, opened.get(raw))
            except AlliedError as refusal:
                result.refused.append(refusal.code)
                continue
            if not folded.holds(record.id):
                pending += carried(record)
            if folded.holds(record.id):
                result.known += 1
            elif record.id in fresh:
                spare.setdefault(record.id, []).append(record)
            else:
                fresh[record.id] = record
    believed = _believed(folded, fresh, spare, result)
    rows = writing.add_records(as_row(record) for record in believed)
    stored = {row.id for row in rows}
    result.stored = [record for record in believed if record.id in stored]
    for organisation, chain in identities.news.items():
        renewals.taken(writing, organisation, chain)
    for record in result.stored:
        _want_blobs(writing, folded.row.id, record)
    waiting = set(fresh) - {record.id for record in believed}
    writing.unpark(set(parked) - waiting)
    for record_id in sorted(waiting - set(parked)):
        record = fresh[record_id]
        result.parked += writing.park(
            folded.row.id,
            record.id,
            record.header.issuer,
            record.raw,
            limit=PARKED_PER_ISSUER,
            limit_bytes=PARKED_BYTES_PER_ISSUER,
        )
    return result


def _acceptable(
    raw: bytes, folded: Folded, identities: Identities, opened: Opened | None
) -> Record:
    """Read an envelope and check all that can be checked without its past.

    Args:
        opened: the same, where it was read ahead and is verified beside.
    """
    record, envelope = (
        read_with_envelope(raw) if opened is None else (opened.record, opened.envelope)
    )
    header = record.header
    if header.agreement != folded.row.id:
        raise UnverifiedError("record.other-agreement", "a record belongs to another agreement")
    party = folded.instrument.party(header.issuer)
    if party is None:
        raise UnverifiedError("record.stranger", "a record's issuer is not named in the agreement")
    circles = dict(folded.state.circles_of(folded.instrument, party))
    if header.kind == "circle.open" and header.circle not in circles:
        opening = read_opening(folded.instrument, record)
        if party in opening.members:
            circles[opening.id] = opening
    if header.circle not in circles:
        raise UnverifiedError("record.not-a-member", "a record's issuer is not in its circle")
    check_deps(record, circles)
    if opened is None:
        require_issued(record, identities.of(header.issuer), envelope)
    else:
        require_signature(record, envelope, signed=opened.signed)
    if header.kind == REVOKE:
        revocation.read_revocation(record)  # one that does not read revokes nothing
    identities.require_before_parting(record)
    for each in embedded(record):  # the counts in a certificate prove by themselves, also later
        require_issued(each, identities.of(each.header.issuer))
    return record


class Identities:
    """The identity chains of issuers: those known here, and offered ones that continue them.

    A chain proves itself against the id that the genesis binds, so it does not matter who
    sent it. One that contradicts what is known here is never taken for it; see
    `allied.node.renewals`.
    """

    def __init__(self, reading: Reading, offered: Mapping[OrganisationId, Sequence[bytes]]) -> None:
        """Look things up in `reading` and among the chains `offered`."""
        self._reading = reading
        self._offered = offered
        self._found: dict[OrganisationId, Identity] = {}
        self.news: dict[OrganisationId, Sequence[bytes]] = {}
        self._shared: dict[OrganisationId, int] = {}
        self._partings: dict[OrganisationId, int | None] = {}

    def of(self, organisation: OrganisationId) -> Identity:
        """The identity of an issuer.

        Raises:
            UnverifiedError: `record.identity-unknown`, no chain proves to be its own.
        """
        found = self._found.get(organisation)
        if found is None:
            found = self._found[organisation] = self._look(organisation)
        return found

    def _look(self, organisation: OrganisationId) -> Identity:
        stored = list(self._reading.descriptors(organisation))
        known = open_chain(stored) if stored else None
        chain = list(self._offered.get(organisation, ()))
        if chain and chain != stored[: len(chain)]:
            offered = open_chain(chain)
            if offered.id == organisation:
                self.news[organisation] = chain
                if known is None or offered.extends(known) or offered.supersedes(known):
                    return offered
                if known.contradicts(offered):
                    self._shared[organisation] = known.shared(offered)
        if known is None:
            raise UnverifiedError(
                "record.identity-unknown", "a record's issuer has not shown its keys"
            )
        return known

    def require_before_parting(self, record: Record) -> None:
        """Return unless its issuer has shown two chains, and only one of them has the key.

        Raises:
            UnverifiedError: `record.identity-forked`.
        """
        header = record.header
        shared = self._shared.get(header.issuer)
        if shared is None and header.issuer not in self.news:
            shared = self._parted(header.issuer)
        if shared is None:
            return
        purpose = rule(header.kind).key
        if self.of(header.issuer).named_since(purpose, header.key) > shared:
            raise UnverifiedError(
                "record.identity-forked",
                "a record's issuer has shown two identities, and only one of them has its key",
                hint="people have to ask the organisation over another way",
            )

    def _parted(self, organisation: OrganisationId) -> int | None:
        """How many descriptors its two stored chains have in common; None for one chain."""
        if organisation not in self._partings:
            found = renewals.parting(self._reading, organisation)
            self._partings[organisation] = found.shared if found else None
        return self._partings[organisation]


def _believed(
    folded: Folded,
    fresh: dict[RecordId, Record],
    spare: Mapping[RecordId, Sequence[Record]],
    result: TakenIn,
) -> list[Record]:
    """The fresh records whose past is here and whose people assent, in causal order.

    A record that fails leaves `fresh`, and what rests on it stays unbelieved. Frozen records
    are kept without asking for people: what their keys have signed is proof enough of a fork.

    Args:
        spare: further envelopes of the same payloads; one that fails does not spoil another.
    """
    whole = folded.history.extended(fresh.values())
    listings = [each for each in whole.order if each.header.kind == "identity.person"]
    unsupported: set[RecordId] = set()
    believed = []
    for record in (*whole.order, *(fresh[each] for each in sorted(whole.aside & set(fresh)))):
        if record.id not in fresh:
            continue
        header = record.header
        parents = {dep.id for dep in header.deps} | ({header.previous} - {None})
        if not unsupported.isdisjoint(parents):
            unsupported.add(record.id)
            continue
        if record.id in whole.aside or not rule(header.kind).act:
            believed.append(record)
            continue
        candidates = [fresh[record.id], *spare.get(record.id, ())]
        found = _assented(candidates, _listed(whole, listings, record), result)
        if found is None:
            unsupported.add(record.id)
            del fresh[record.id]
        else:
            believed.append(found)
    return believed


def _assented(
    candidates: Sequence[Record], persons: Mapping[PersonId, PublicKey], result: TakenIn
) -> Record | None:
    """The first envelope of an act on which all assertions hold; None where none does.

    One that names somebody who did not assent is refused whole: what is stored is shown.
    """
    codes = []
    for record in candidates:
        try:
            require_assented(record, persons)
            envelope = parse(record.raw, limit=MAX_ENVELOPE_BYTES)
            if len(assented(envelope, persons)) < len(envelope.assertions):
                raise UnverifiedError(
                    "record.assertion", "one of the people named on a record did not assent to it"
                )
        except AlliedError as refusal:
            codes.append(refusal.code)
            continue
        return record
    result.refused += codes
    return None


def _listed(
    whole: History, listings: Sequence[Record], record: Record
) -> dict[PersonId, PublicKey]:
    """The people whom a record's issuer had listed in the record's own past."""
    found: dict[PersonId, PublicKey] = {}
    for listing in listings:
        if listing.header.issuer != record.header.issuer:
            continue
        if whole.knows(record.id, listing.id):
            try:
                person, key, ends = read_listing(listing.body)
            except AlliedError:
                continue  # a listing that cannot be read lists nobody
            if ends:
                found.pop(person, None)
            else:
                found[person] = key
    return found


def _want_blobs(writing: Writing, agreement: AgreementId, record: Record) -> None:
    """Note the blobs that a record's body names, so that they are asked for."""
    wanted = list(blob.references(record.body))
    if wanted:
        writing.want_blobs(agreement, record.header.circle, wanted)


def as_row(record: Record) -> RecordRow:
    """A record as the store keeps it, not stored yet."""
    header = record.header
    return RecordRow(
        row=0,
        id=record.id,
        agreement=header.agreement,
        circle=header.circle,
        issuer=header.issuer,
        incarnation=header.incarnation,
        sequence=header.sequence,
        kind=header.kind,
        claimed_at=header.claimed_at,
        raw=record.raw,
    )
