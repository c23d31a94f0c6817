"""Taking in the records of others.

A record of another organisation is believed when its envelope has the form, its issuer is
named in the agreement, the issuer's key has signed it, its whole past is here, and (for an
act) a person whom the issuer has listed assents. Until its past is here it is parked; a
record that fails is refused with a code and has no effect on any other. An outline proves
nothing by itself, and is believed as `allied.agreement.outlined` says.

A record under a key that only another chain of its issuer names than the one believed here is taken
in from others, who may rest on it by now (`allied.node.branches`), and refused from its issuer.

Whether a believed record has an *effect* is not asked here; that is the fold's verdict.

Words used here:
    take in  check and store records of others
    parked   kept, unbelieved, until what it rests on has arrived
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allied.agreement import outlined
from allied.agreement.certified import embedded
from allied.agreement.checkpoints import KIND, shared_circles, view
from allied.agreement.listings import read_opening
from allied.errors import AlliedError, UnverifiedError
from allied.node import ahead, branches, renewals
from allied.node.folds import Keepers
from allied.node.journal import as_row
from allied.node.listed import People
from allied.record import blob, revocation
from allied.record.circle import check_deps
from allied.record.envelope import assented, parse
from allied.record.fork import carried
from allied.record.identity import Identity, open_chain
from allied.record.kinds import rule
from allied.record.outline import is_outline, looks_outlined, read_outline
from allied.record.record import (
    MAX_ENVELOPE_BYTES,
    ChainKey,
    Record,
    issuing_key,
    read_with_envelope,
    require_assented,
    require_issued,
    require_signature,
)
from allied.record.revocation import REVOKE

if TYPE_CHECKING:
    from allied.agreement.judging import FindCustodian
    from allied.node.ahead import Opened
    from allied.node.folds import Folded
    from allied.node.pages import Chain
    from allied.node.ports import Reading, Writing
    from allied.record.ids import AgreementId, KeyId, OrganisationId, PartyId, PersonId, RecordId
    from allied.record.keys import PublicKey
    from allied.record.record import Header

PARKED_PER_ISSUER = 2_000
PARKED_BYTES_PER_ISSUER = 16 * 2**20
"""Room for the largest record there may be, twice, or for 2,000 ordinary ones."""


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
    further: Sequence[Chain] = (),
    *,
    shown_by: OrganisationId | None = None,
) -> TakenIn:
    """Check records of one agreement and store those that hold.

    Args:
        folded: the agreement as `writing` sees it.
        raws: envelopes and outlines in any order; duplicates are passed over.
        offered: identity chains that came along; each proves itself against the id that
            the genesis binds, so it does not matter who sent it.
        further: chains of issuers that may have fallen away.
        shown_by: the peer that showed them; None where the issuers did themselves.

    Returns:
        What was stored, parked, known, and the codes of what was refused.
    """
    result = TakenIn()
    identities = Identities(writing, offered, further)
    parked = {record: raw for record, _, raw in writing.parked(folded.row.id)}
    batch = _Batch(folded, _hosted(writing, folded))
    pending = list(dict.fromkeys((*raws, *parked.values())))

    def identity_of(record: Record) -> Identity | None:
        header = record.header
        ours = header.agreement == folded.row.id and folded.instrument.party(header.issuer)
        return identities.of(header.issuer) if ours else None

    with ahead.opened(pending, identity_of) as opened:
        for raw in pending:  # which grows by what proofs of forks carry
            try:
                record = _acceptable(raw, folded, identities, opened.get(raw))
                if not folded.holds(record.id) and shown_by in (None, record.header.issuer):
                    identities.require_uncontested(record)
                pending += batch.add(record)
            except AlliedError as refusal:
                result.refused.append(refusal.code)
    fresh = batch.fresh
    believed = _believed(folded, batch, result, Keepers(writing).of)
    rows = writing.add_records(as_row(record) for record in believed)
    stored = {row.id for row in rows}
    result.known = batch.known
    result.stored = [record for record in believed if record.id in stored]
    for organisation, chain in identities.news.items():
        renewals.taken(writing, organisation, chain)
    for record in result.stored:
        identities.keep(writing, record)
        _want_blobs(writing, folded.row.id, record)
    waiting = set(fresh) - {record.id for record in believed}
    # An outline is asked for again, as it is judged then; it takes no room from real records.
    waiting -= {each for each in waiting if is_outline(fresh[each])}
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


def _hosted(reading: Reading, folded: Folded) -> tuple[OrganisationId, ...]:
    """The parties on this node."""
    return tuple(
        each.id for each in reading.organisations() if folded.instrument.party(each.id) is not None
    )


class _Batch:
    """What of some records is new here.

    Attributes:
        fresh: the records that are new, or take the place of their outlines.
        spare: further envelopes of the same payloads; one that fails does not spoil another.
        known: how many are held already.
    """

    def __init__(self, folded: Folded, hosted: Sequence[OrganisationId]) -> None:
        self.fresh: dict[RecordId, Record] = {}
        self.spare: dict[RecordId, list[Record]] = {}
        self.known = 0
        self.hosted = hosted
        self._folded = folded
        self._proved: set[bytes] = set()
        self._offered: dict[tuple[ChainKey, int], RecordId] = {}
        self._places: dict[tuple[ChainKey, int], RecordId] = {}
        for each in folded.state.outlined:
            record = folded.history.get(each)
            if record is not None:
                self._places[record.header.chain, record.header.sequence] = each

    def add(self, record: Record) -> Sequence[bytes]:
        """Take a record that holds by itself; returns the envelopes that it carries, if new.

        Raises:
            UnverifiedError: `record.not-as-outlined`: another one stands in its place here.
        """
        held = self._folded.holds(record.id)
        if is_outline(record) and not held:
            self._require_free(record)
        both = () if held else carried(record)
        self._proved.update(both)
        outline = self._places.get((record.header.chain, record.header.sequence))
        if outline is not None and outline != record.id and record.raw not in self._proved:
            raise UnverifiedError(
                "record.not-as-outlined",
                "another record stands in the place of one that is here in outline",
            )
        if held and not (outline == record.id and self._may_fill(record)):
            self.known += 1
        elif record.id not in self.fresh or is_outline(self.fresh[record.id]):
            self.fresh[record.id] = record
            self._displace(record)
        elif not is_outline(record):
            self.spare.setdefault(record.id, []).append(record)
        return both

    def may_believe(self) -> bool:
        """Whether there can be a checkpoint, or somebody here is late."""
        return any(
            each.header.kind == KIND for each in self.fresh.values()
        ) or outlined.may_be_given_outlines(self._folded, self.hosted)

    def _require_free(self, outline: Record) -> None:
        """Return if no other record stands where an outline says that its record does.

        An outline proves nothing, so it never makes a chain look parted.

        Raises:
            UnverifiedError: `record.outline-unwanted`; also where nobody here is late.
        """
        chain, number = outline.header.chain, outline.header.sequence
        past = self._folded.history
        if (
            number <= past.heads.get(chain, (0, ""))[0]
            or number >= past.frozen.get(chain, number + 1)
            or self._offered.setdefault((chain, number), outline.id) != outline.id
        ):
            raise UnverifiedError(
                "record.outline-unwanted", "an outline was sent that is not asked for"
            )

    def _displace(self, record: Record) -> None:
        """Let a record that proves itself put out an outline that says to stand in its place."""
        if is_outline(record):
            return
        place = record.header.chain, record.header.sequence
        other = self._offered.get(place, record.id)
        if other != record.id and other in self.fresh and is_outline(self.fresh[other]):
            del self.fresh[other]
        self._offered[place] = record.id

    def _may_fill(self, record: Record) -> bool:
        """Whether a record takes the place of its outline."""
        if is_outline(record):
            return False
        return record.raw in self._proved or outlined.may_be_filled(
            self._folded, record, self.hosted
        )


def _acceptable(
    raw: bytes, folded: Folded, identities: Identities, opened: Opened | None
) -> Record:
    """Read an envelope or an outline, and check all that can be checked without its past.

    Args:
        opened: the same, where it was read ahead and is verified beside.
    """
    if looks_outlined(raw):
        return _acceptable_outline(raw, folded)
    record, envelope = (
        read_with_envelope(raw) if opened is None else (opened.record, opened.envelope)
    )
    header = record.header
    party = _party_of(header, folded)
    circles = dict(folded.state.circles_of(folded.instrument, party))
    if header.kind == "circle.open" and header.circle not in circles:
        opening = read_opening(folded.instrument, record)
        if party in opening.members:
            circles[opening.id] = opening
    if header.circle not in circles:
        raise UnverifiedError("record.not-a-member", "a record's issuer is not in its circle")
    check_deps(record, circles)
    if opened is None:
        require_issued(record, identities.under(record), envelope)
    else:
        require_signature(record, envelope, signed=opened.signed)
    if header.kind == REVOKE:
        revocation.read_revocation(record)  # one that does not read revokes nothing
    for each in embedded(record):  # the counts in a certificate prove by themselves, also later
        require_issued(each, identities.under(each))
    return record


def _party_of(header: Header, folded: Folded) -> PartyId:
    """The party that a record of this agreement says to be of.

    Raises:
        UnverifiedError: `record.other-agreement`, `record.stranger`.
    """
    if header.agreement != folded.row.id:
        raise UnverifiedError("record.other-agreement", "a record belongs to another agreement")
    party = folded.instrument.party(header.issuer)
    if party is None:
        raise UnverifiedError("record.stranger", "a record's issuer is not named in the agreement")
    return party


def _acceptable_outline(raw: bytes, folded: Folded) -> Record:
    """Read an outline; whether it is believed is another question (`allied.agreement.outlined`)."""
    record = read_outline(raw)
    header = record.header
    party = _party_of(header, folded)
    circle = shared_circles(folded.instrument).get(header.circle)
    if circle is None or party not in circle.members:
        raise UnverifiedError(
            "record.outline-unwanted", "an outline stands for something said between a few"
        )
    seen = view(folded.instrument, circle.id)
    if any(dep.circle not in seen for dep in header.deps):
        raise UnverifiedError("record.outline-unwanted", "an outline cites what not all can read")
    return record


def _has_issued(record: Record, identity: Identity) -> bool:
    """Whether a chain names the key on a record for its kind and its incarnation."""
    try:
        issuing_key(record, identity)
    except UnverifiedError:
        return False
    return True


class Identities:
    """The identity chains of issuers: those known here, and offered ones that continue them.

    A chain proves itself against the id that the genesis binds, so it does not matter who
    sent it. One that contradicts what is known here is never taken for it; see
    `allied.node.renewals`.
    """

    def __init__(
        self,
        reading: Reading,
        offered: Mapping[OrganisationId, Sequence[bytes]],
        further: Sequence[Chain] = (),
    ) -> None:
        """Look things up in `reading`, among the chains `offered`, and `further` ones."""
        self._reading = reading
        self._offered = offered
        self._further = further
        self._found: dict[OrganisationId, Identity] = {}
        self.news: dict[OrganisationId, Sequence[bytes]] = {}
        self._shared: dict[OrganisationId, int] = {}
        self._partings: dict[OrganisationId, int | None] = {}
        self._branches: dict[tuple[OrganisationId, KeyId], Sequence[Identity]] = {}
        self._came: dict[OrganisationId, Mapping[KeyId, Sequence[Identity]]] = {}

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

    def under(self, record: Record) -> Identity:
        """The chain against which a record is held: the one believed, or a branch with its key.

        Raises:
            UnverifiedError: `record.identity-unknown`.
        """
        believed = self.of(record.header.issuer)
        if _has_issued(record, believed):
            return believed
        others = self._branches_for(record)
        return next((each for each in others if _has_issued(record, each)), believed)

    def require_uncontested(self, record: Record) -> None:
        """Return unless its issuer has shown two chains, and not both have the key.

        Raises:
            UnverifiedError: `record.identity-forked`.
        """
        if not is_outline(record) and any(
            self._is_behind_parting(each) for each in branches.signed_in(record)
        ):
            raise UnverifiedError(
                "record.identity-forked",
                "a record's issuer has shown two identities, and only one of them has its key",
                hint="people have to ask the organisation over another way",
            )

    def _is_behind_parting(self, record: Record) -> bool:
        header = record.header
        believed = self.of(header.issuer)
        if not _has_issued(record, believed):
            return True
        shared = self._shared.get(header.issuer)
        if shared is None and header.issuer not in self.news:
            shared = self._parted(header.issuer)
        if shared is None:
            return False
        return believed.named_since(rule(header.kind).key, header.key) > shared

    def keep(self, writing: Writing, record: Record) -> None:
        """Keep the branches by which a stored record was verified, for others."""
        if not self._branches:
            return
        for each in branches.signed_in(record):
            used = self.under(each)
            if used is not self.of(each.header.issuer):
                branches.keep(writing, used, [each.header.key])

    def _branches_for(self, record: Record) -> Sequence[Identity]:
        """The chains that came along, and those kept here for the key of a record."""
        whose, key = record.header.issuer, record.header.key
        if whose not in self._came:
            self._came[whose] = self._sorted(whose)
        if (whose, key) not in self._branches:
            kept = branches.opened(self._reading, whose, key)
            self._branches[whose, key] = (*kept, *self._came[whose].get(key, ()))
        return self._branches[whose, key]

    def _sorted(self, whose: OrganisationId) -> Mapping[KeyId, Sequence[Identity]]:
        """The chains of an organisation that came along, by the keys that they name."""
        came = [chain for organisation, chain in self._further if organisation == whose]
        found: dict[KeyId, list[Identity]] = {}
        for chain in (self._offered.get(whose, ()), *came):
            with suppress(AlliedError):
                opened = open_chain(chain)
                for key in opened.keys_ever("acts").keys() | opened.keys_ever("automatic").keys():
                    its = found.setdefault(key, [])
                    if opened.id == whose and len(its) < branches.MOST:
                        its.append(opened)
        return found

    def _parted(self, organisation: OrganisationId) -> int | None:
        """How many descriptors its two stored chains have in common; None for one chain."""
        if organisation not in self._partings:
            found = renewals.parting(self._reading, organisation)
            self._partings[organisation] = found.shared if found else None
        return self._partings[organisation]


def _believed(
    folded: Folded, batch: _Batch, result: TakenIn, custodian: FindCustodian
) -> list[Record]:
    """The fresh records whose past is here and whose people assent, in causal order.

    A record that fails leaves `batch.fresh`, and what rests on it stays unbelieved. From where a
    number was signed twice, records are kept without asking for people: what their keys have signed
    is proof enough, and has no effect. A second life that is set aside may be in order again later.
    """
    fresh, spare = batch.fresh, batch.spare
    whole = folded.history.extended(fresh.values())
    outlines = [each for each in fresh.values() if is_outline(each)]
    if outlines and not batch.may_believe():
        for each in outlines:
            del fresh[each.id]
            result.refused.append("record.outline-unwanted")
        whole, outlines = folded.history.extended(fresh.values()), []
    if outlines:
        # What waits for something proves nothing yet, and parts no chain here.
        there = [each for each in fresh.values() if each.id not in whole.parked]
        complete = folded.history.extended(there)
        covered = outlined.believed(folded, complete, outlines, batch.hosted, custodian)
        for each in outlines:
            if each.id not in covered:
                del fresh[each.id]  # nothing that it says may move what is said of others
        whole = folded.history.extended(fresh.values())
    people, twice = People(whole), whole.signed_twice()
    unsupported: set[RecordId] = set()
    believed = []
    complete_ones = [each for each in fresh.values() if whole.is_ordered(each.id)]
    complete_ones += [fresh[each] for each in whole.aside & set(fresh)]
    for record in sorted(complete_ones, key=lambda each: (whole.depth(each.id), each.id)):
        header = record.header
        parents = {dep.id for dep in header.deps} | ({header.previous} - {None})
        if not unsupported.isdisjoint(parents):
            unsupported.add(record.id)
            continue
        if is_outline(record):
            believed.append(record)
            continue
        is_void = header.sequence >= twice.get(header.chain, header.sequence + 1)
        if not rule(header.kind).act or (is_void and record.id in whole.aside):
            believed.append(record)
            continue
        candidates = [record, *spare.get(record.id, ())]
        found = _assented(candidates, people.of(record), result)
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


def _want_blobs(writing: Writing, agreement: AgreementId, record: Record) -> None:
    """Note the blobs that a record's body names, so that they are asked for."""
    wanted = list(blob.references(record.body))
    if wanted:
        writing.want_blobs(agreement, record.header.circle, wanted)
