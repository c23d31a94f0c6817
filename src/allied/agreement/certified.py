"""What a certificate proves, read from nothing but the certificate and who was entitled.

A certificate carries the opening, the result, and as many signed counts as it takes. So it
proves by itself what was decided: nothing that happens later to the chain of a voter, or of
whoever put the question, takes that back. The signatures are checked where records are taken in
(`embedded` says which); how closes and tallies came about is for `agreement.closing`.

Words used here:
    proof      opening, result and counts, as they stand in the body of a certificate
    certified  a proof that holds
    by         the body that decided, or `members`

Rule that holds below: a certificate is believed for the hands that signed its counts, whoever
wrote it.

Source: DESIGN of decisions; notes on replication ("certificates embed the signed statements").
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.agreement.ballot import roll
from allied.agreement.certificate import certificate_size, hands
from allied.agreement.closing import CERTIFICATE, COUNT
from allied.agreement.matters import Matter
from allied.agreement.result import Result, read_result
from allied.agreement.revocation import is_beyond
from allied.agreement.tabled import OPEN
from allied.errors import MalformedError, RefusedError
from allied.record.canonical import Json
from allied.record.ids import PartyId, RecordId
from allied.record.record import MAX_ENVELOPE_BYTES, Record, read

if TYPE_CHECKING:
    from collections.abc import Callable

    from allied.agreement.tabled import Tabled
    from allied.record.ids import Digest, OrganisationId
    from allied.record.revocation import Revocation

MOST_COUNTS: Final = 10_000
MEMBERS: Final = "members"


@dataclass(frozen=True, slots=True)
class Proof:
    """The body of a certificate, read."""

    opening: Record
    result: Result
    counts: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Certified:
    """A decision that is proved.

    Attributes:
        proposal: the question.
        certificate: the record that proves it.
        tabled_at: when the question was put, as its opening claims.
        proposed_by: who put it.
        signed_by: whose counts prove it, sorted.
        value, digest: of the result, computed once.
    """

    proposal: RecordId
    certificate: RecordId
    matter: Matter
    clause: str
    by: str
    tabled_at: datetime
    proposed_by: PartyId
    signed_by: tuple[PartyId, ...]
    result: Result
    value: Digest
    digest: Digest

    @property
    def at(self) -> datetime:
        """From when on it counts: when the question had closed."""
        return self.result.closed_at or self.tabled_at


def write_proof(opening: Record, result: Result, counts: Sequence[Record]) -> dict[str, Json]:
    """The body of a certificate."""
    return {
        "proposal": opening.id,
        "opening": _text(opening.raw),
        "result": result.to_json(),
        "counts": [_text(each.raw) for each in counts],
    }


def read_proof(body: Mapping[str, Json]) -> Proof:
    """Read the body of a certificate; says nothing about signatures.

    Raises:
        MalformedError: `decision.shape`; what records and results refuse.
        RefusedError: `decision.other-question`, its parts are not about one question.
    """
    if set(body) != {"proposal", "opening", "result", "counts"}:
        raise _shape("a certificate has other keys than one has")
    counts = body["counts"]
    if not isinstance(counts, list) or not 0 < len(counts) <= MOST_COUNTS:
        raise _shape("a certificate does not list counts")
    proof = Proof(
        _record(body["opening"]),
        read_result(body["result"]),
        tuple(_record(each) for each in counts),
    )
    question = proof.opening.id
    named = [body["proposal"], proof.result.proposal]
    named += [each.body.get("proposal") for each in proof.counts]
    kinds = {each.header.kind for each in proof.counts}
    is_one = all(each == question for each in named) and kinds == {COUNT}
    if not is_one or proof.opening.header.kind != OPEN:
        raise RefusedError("decision.other-question", "a certificate is not about one question")
    return proof


def without(proof: Proof, revocations: Sequence[Revocation]) -> Proof:
    """A proof less the counts under a key that a revocation puts beyond what is counted."""
    counts = tuple(each for each in proof.counts if not is_beyond(each, revocations))
    return replace(proof, counts=counts)


def opening_of(body: Mapping[str, Json]) -> Record:
    """The opening inside a certificate; the rest is not looked at.

    Raises:
        MalformedError: `decision.shape`; what records refuse.
    """
    return _record(body.get("opening"))


def embedded(record: Record) -> tuple[Record, ...]:
    """The records inside a certificate whose signatures have to hold; nothing for other records.

    The opening needs none: its id stands in every count.

    Raises:
        MalformedError, RefusedError: as `read_proof`; `decision.other-question` for counts of
            another agreement or circle.
    """
    if record.header.kind != CERTIFICATE:
        return ()
    proof = read_proof(record.body)
    home = (record.header.agreement, record.header.circle)
    for each in (proof.opening, *proof.counts):
        if (each.header.agreement, each.header.circle) != home:
            raise RefusedError("decision.other-question", "a certificate proves something else")
    return proof.counts


def certified(
    proof: Proof,
    certificate: RecordId,
    on: Tabled,
    custodians: Mapping[PartyId, str],
    party_of: Callable[[OrganisationId], PartyId | None],
) -> Certified:
    """Hold a proof against those who were entitled.

    Args:
        on: the question as its opening puts it; what was said on it is not looked at.
        custodians: see `certificate.hands`.

    Raises:
        RefusedError: `decision.other-voters`, `decision.not-a-voter`, `decision.miscounted`,
            `decision.too-few-counts`.
        InapplicableRuleError: `decision.too-many-cheat`.
    """
    asked = on.question
    entitled = roll(asked.rule, on.proposal, asked.electorate).entitled
    if proof.result.entitled != entitled:
        raise RefusedError("decision.other-voters", "a certificate names other voters")
    wanted = proof.result.digest
    signed = set()
    for each in proof.counts:
        party = party_of(each.header.issuer)
        if party is None or party not in entitled:
            raise RefusedError("decision.not-a-voter", "a certificate has the count of a stranger")
        if each.body.get("result") != wanted:
            raise RefusedError("decision.miscounted", "a certificate has counts of another result")
        signed.add(party)
    size = certificate_size(len(hands(entitled, custodians)), asked.rule.tolerates)
    if len(hands(signed, custodians)) < size:
        raise RefusedError("decision.too-few-counts", "too few have counted the same")
    return Certified(
        proposal=on.record,
        certificate=certificate,
        matter=asked.matter,
        clause=asked.clause,
        by=asked.body or MEMBERS,
        tabled_at=on.proposal.tabled_at,
        proposed_by=on.proposal.by,
        signed_by=tuple(sorted(signed)),
        result=proof.result,
        value=proof.result.value,
        digest=wanted,
    )


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _record(value: Json) -> Record:
    if not isinstance(value, str) or len(value) > 2 * MAX_ENVELOPE_BYTES:
        raise _shape("a certificate does not carry records")
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise _shape("a certificate does not carry records") from None
    if _text(raw) != value:
        raise _shape("a certificate does not carry records")
    return read(raw)


def _shape(message: str) -> MalformedError:
    return MalformedError("decision.shape", message)
