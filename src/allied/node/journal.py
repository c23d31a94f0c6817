"""Appending to one's own chains.

A statement by a hosted organisation is appended inside the write unit that made it
necessary: own head read, next number claimed, record signed and stored, all or nothing.
Records of others are taken in by `allied.node.incoming`.

Whether a record has an *effect* is not asked here; that is the fold's verdict.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from allied.agreement import leaving
from allied.errors import ConflictError
from allied.node.fairness import fair_share
from allied.node.rows import RecordRow
from allied.record import blob, revocation
from allied.record.circle import covers
from allied.record.ids import Digest, KeyId
from allied.record.kinds import rule
from allied.record.record import (
    MAX_DEPS,
    ChainKey,
    Dep,
    Header,
    Record,
    sorted_deps,
    whole_milliseconds,
    written,
)
from allied.record.revocation import REVOKE

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.node.node import Actor, Node
    from allied.node.ports import Reading, Writing
    from allied.record.canonical import Json
    from allied.record.circle import Circle
    from allied.record.ids import OrganisationId, RecordId

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
