"""One record: what an organisation stated inside one agreement, and what it rests on.

Reading checks the shape and the limits of the rules; verifying checks who signed. What
the record means, and whether its issuer was entitled to write it, is for `agreement`.

Words used here:
    header     who, where in which chain, resting on what, of which kind
    body       what is stated; its meaning depends on the kind
    chain      the records of one issuer in one circle under one incarnation, from 1 up
    dep        the head of another chain that the issuer held complete
    raw        the envelope as received; stored and forwarded, never rebuilt

Rules. A record's id is the digest of its payload, so two envelopes of one payload are
one record. Sequence 1 has no previous record, and only sequence 1. Deps are sorted by
chain, name each chain once and never their own. Limits are those of the rules under
which the agreement was signed, never local settings.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from allied.errors import MalformedError, UnverifiedError
from allied.record import canonical
from allied.record.canonical import MAX_INTEGER, Json
from allied.record.envelope import (
    RECORD_TYPE,
    Assertion,
    Envelope,
    assent,
    assented,
    encode,
    parse,
    sign,
    signed_by,
)
from allied.record.ids import (
    AgreementId,
    CircleId,
    Digest,
    KeyId,
    OrganisationId,
    PersonId,
    RecordId,
    digest_text,
)
from allied.record.keys import PublicKey, Signer
from allied.record.kinds import MAX_BODY_BYTES, RULES, KindRule, rule

if TYPE_CHECKING:
    from allied.record.identity import Identity

FORMAT: Final = "record/1"
MAX_DEPS: Final = 4096
MAX_INCARNATION: Final = 255
"""Each incarnation is a chain that everybody cites: one issuer must not open them at will."""
MAX_PAYLOAD_BYTES: Final = MAX_BODY_BYTES + 2 * 1024 * 1024
"""The largest body, and room for a header with as many deps as may be."""
MAX_ENVELOPE_BYTES: Final = MAX_PAYLOAD_BYTES * 4 // 3 + 256 * 1024
"""The payload in base64, and room for signatures and assertions."""
MAX_SIGNERS: Final = 8
"""Signatures on one record: one issuer, several algorithms."""

_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
_HEADER_KEYS: Final = frozenset({
    "agreement", "circle", "claimed_at", "deps", "incarnation", "issuer", "key", "kind",
    "previous", "sequence", "version",
})  # fmt: skip
_DEP_KEYS: Final = frozenset({"circle", "id", "incarnation", "issuer", "sequence"})
# What a payload takes beside its body and its header.
_FRAME_BYTES: Final = len(b'{"body":,"format":"record/1","header":}')


class ChainKey(NamedTuple):
    """Which chain: one issuer in one circle under one incarnation."""

    circle: CircleId
    issuer: OrganisationId
    incarnation: int


class Dep(NamedTuple):
    """A record of another chain, held complete: everything before it is known too."""

    circle: CircleId
    issuer: OrganisationId
    incarnation: int
    sequence: int
    id: RecordId

    @property
    def chain(self) -> ChainKey:
        """The chain of the record cited."""
        return ChainKey(self.circle, self.issuer, self.incarnation)

    def to_json(self) -> dict[str, Json]:
        """As it stands in a header or in a cut."""
        return {
            "circle": self.circle,
            "id": self.id,
            "incarnation": self.incarnation,
            "issuer": self.issuer,
            "sequence": self.sequence,
        }


@dataclass(frozen=True, slots=True)
class Header:
    """Who states something, where in which chain, and what it rests on.

    Attributes:
        agreement: the agreement it is stated in.
        circle: who may see it.
        issuer: the organisation.
        key: id of the key that signs.
        incarnation: from 0, at most MAX_INCARNATION; a node restored without its fence opens
            the next one, with keys that no descriptor before number incarnation + 1 named.
        sequence: place in the chain, from 1.
        previous: the record before it in the chain, None exactly at sequence 1.
        deps: heads of other chains, sorted by circle, issuer, incarnation.
        version: the agreement version it was written under.
        kind: a row of the closed table.
        claimed_at: what the issuer says the time is; UTC, whole milliseconds.
        chain: circle, issuer and incarnation.
    """

    agreement: AgreementId
    circle: CircleId
    issuer: OrganisationId
    key: KeyId
    incarnation: int
    sequence: int
    previous: RecordId | None
    deps: tuple[Dep, ...]
    version: Digest
    kind: str
    claimed_at: datetime
    chain: ChainKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Name the chain once: it is asked for often."""
        chain = ChainKey(self.circle, self.issuer, self.incarnation)
        object.__setattr__(self, "chain", chain)

    def to_json(self) -> dict[str, Json]:
        """As it stands in the payload."""
        return {
            "agreement": self.agreement,
            "circle": self.circle,
            "claimed_at": instant_text(self.claimed_at),
            "deps": [dep.to_json() for dep in self.deps],
            "incarnation": self.incarnation,
            "issuer": self.issuer,
            "key": self.key,
            "kind": self.kind,
            "previous": self.previous,
            "sequence": self.sequence,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class Record:
    """One record as read; `require_signed` says whether it is what it claims to be.

    Attributes:
        header: see `Header`.
        body: parsed JSON; not to be changed.
        id: digest of the payload.
        raw: the envelope as received.
        assertions: of people; empty unless the kind is an act.
    """

    header: Header
    body: Mapping[str, Json]
    id: RecordId
    raw: bytes
    assertions: tuple[Assertion, ...]

    def __hash__(self) -> int:
        """By id, which covers header and body."""
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        """By what was received: all else is read from it; so it need not be read for that."""
        if not isinstance(other, Record):
            return NotImplemented
        return self is other or (self.id, self.raw, self.header) == (
            other.id, other.raw, other.header
        )  # fmt: skip


def payload(header: Header, body: Mapping[str, Json], *, rules: int = RULES) -> bytes:
    """The canonical payload of a record, checked as `read` will check it.

    Raises:
        MalformedError: whatever `read` would refuse.
        UnverifiedError: `rules.unknown`.
    """
    raw = canonical.encode({"body": body, "format": FORMAT, "header": header.to_json()})
    _read_payload(raw, rules)
    return raw


def written(
    header: Header,
    body: Mapping[str, Json],
    key: Signer,
    persons: Mapping[PersonId, Signer] | None = None,
    *,
    rules: int = RULES,
) -> Record:
    """Sign and assent to a new record, and read it back.

    Args:
        header: with the id of `key` as its key.
        body: what is stated.
        key: the organisation's key of the purpose that the kind asks for.
        persons: person keys, by pseudonym, that assent; for acts.
        rules: those of the agreement.

    Raises:
        MalformedError: whatever `read` would refuse.
        UnverifiedError: `record.signature`, if the header names another key.
    """
    if header.key != key.public.key_id:
        raise UnverifiedError("record.signature", "a record names another key than signs it")
    raw = payload(header, body, rules=rules)
    assents = [assent(RECORD_TYPE, raw, who, own) for who, own in sorted((persons or {}).items())]
    return read(encode(sign(RECORD_TYPE, raw, [key], assents)), rules=rules)


def read(raw: bytes, *, rules: int = RULES) -> Record:
    """Read a record; verifies no signature.

    Args:
        raw: an envelope as received.
        rules: those of the agreement; limits and kinds depend on them.

    Raises:
        MalformedError: as `envelope.parse` and `canonical.decode`; `record.type`,
            `record.shape`, `record.kind`, `record.too-large`, `record.sequence`,
            `record.deps`, `record.claimed-at`, `record.signers`,
            `record.assertion-unwanted`, or `ids.not-a-digest`.
        UnverifiedError: `rules.unknown`.

    Cost: a few passes over `raw`.
    """
    return read_with_envelope(raw, rules=rules)[0]


def read_with_envelope(raw: bytes, *, rules: int = RULES) -> tuple[Record, Envelope]:
    """As `read`, with the envelope for whoever checks its signatures next."""
    envelope = parse(raw, limit=MAX_ENVELOPE_BYTES)
    if envelope.payload_type != RECORD_TYPE:
        raise MalformedError("record.type", "this envelope does not hold a record")
    if not 0 < len(envelope.signatures) <= MAX_SIGNERS:
        raise MalformedError("record.signers", f"a record has 1 to {MAX_SIGNERS} signatures")
    header, body, row = _read_payload(envelope.payload, rules)
    if envelope.assertions and not row.act:
        raise MalformedError(
            "record.assertion-unwanted", "a record that is no act carries a person's assertion"
        )
    record = Record(header, body, RecordId(envelope.digest), raw, envelope.assertions)
    return record, envelope


def not_its_bytes() -> UnverifiedError:
    """The refusal of bytes that are not those of the record that they are kept for."""
    return UnverifiedError("record.not-its-bytes", "a record does not match its own bytes")


def require_issued(
    record: Record, identity: Identity, envelope: Envelope | None = None, *, rules: int = RULES
) -> None:
    """Return if the issuer's own key of the right purpose signed `record`.

    The half of `require_signed` that needs no people.

    Args:
        envelope: of the record, where it is at hand; else its bytes are read again.

    Raises:
        UnverifiedError: `record.not-the-issuer`, `record.key-unknown`,
            `record.key-purpose`, `record.incarnation-key`, `record.signature`,
            `record.not-its-bytes`.
    """
    _issued(record, identity, envelope, rules)


def require_signed(
    record: Record,
    identity: Identity,
    persons: Mapping[PersonId, PublicKey],
    *,
    rules: int = RULES,
) -> None:
    """Return if `record` was signed by its issuer and, for an act, by a person of it.

    A key that was rotated since still counts: what it signed stays signed. What a
    compromise takes away is decided by cuts, elsewhere.

    Args:
        record: as read.
        identity: the verified chain of its issuer.
        persons: the keys of those who may act for the issuer in this agreement.
        rules: those of the agreement.

    Raises:
        UnverifiedError: `record.not-the-issuer` for the chain of somebody else,
            `record.key-unknown` for a key the issuer never had, `record.key-purpose`
            for one it has for something else, `record.incarnation-key` for one that is
            older than the incarnation, `record.signature`; for acts
            `record.person-missing` without any assertion, `record.person-unknown` if
            none is of `persons`, `record.assertion` if none of those holds.
    """
    envelope = _issued(record, identity, None, rules)
    _require_assented(record, envelope, persons, rules)


def require_assented(
    record: Record, persons: Mapping[PersonId, PublicKey], *, rules: int = RULES
) -> None:
    """Return if `record` is no act, or a person of the issuer assented to it.

    The half of `require_signed` that needs no identity chain.

    Raises:
        UnverifiedError: `record.person-missing`, `record.person-unknown`,
            `record.assertion`, `record.not-its-bytes`.
    """
    envelope = parse(record.raw, limit=MAX_ENVELOPE_BYTES)
    if envelope.payload_type != RECORD_TYPE or RecordId(envelope.digest) != record.id:
        raise not_its_bytes()
    _require_assented(record, envelope, persons, rules)


def _require_assented(
    record: Record, envelope: Envelope, persons: Mapping[PersonId, PublicKey], rules: int
) -> None:
    if not rule(record.header.kind, rules).act:
        return
    if not envelope.assertions:
        raise UnverifiedError(
            "record.person-missing",
            "this kind of record is an act, and no person assented to it",
            hint="unlock a person's key and write it again",
        )
    if not any(each.person in persons for each in envelope.assertions):
        raise UnverifiedError(
            "record.person-unknown", "nobody who may act for the issuer assented to the record"
        )
    if not assented(envelope, persons):
        raise UnverifiedError("record.assertion", "a person's assertion on a record does not hold")


def instant_text(at: datetime) -> str:
    """`at` as `YYYY-MM-DDTHH:MM:SS.mmmZ`.

    Raises:
        MalformedError: `record.claimed-at`, unless `at` is in UTC, whole milliseconds,
            between 1970 and 9999.
    """
    if at.utcoffset() != UTC.utcoffset(None) or at.microsecond % 1000 or at.year < 1970:
        raise MalformedError(
            "record.claimed-at", "a claimed time is not in UTC and whole milliseconds"
        )
    return at.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def read_instant(value: object) -> datetime:
    """Read what `instant_text` writes, and nothing else.

    Raises:
        MalformedError: `record.claimed-at`.
    """
    if isinstance(value, str) and _INSTANT.fullmatch(value) and value >= "1970":
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise MalformedError(
        "record.claimed-at", "a claimed time is not spelled YYYY-MM-DDTHH:MM:SS.mmmZ"
    )


def whole_milliseconds(at: datetime) -> datetime:
    """`at` in UTC, cut to whole milliseconds as claimed times are."""
    utc = at.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def read_deps(value: object) -> tuple[Dep, ...]:
    """Read a list of heads: the deps of a header, or a cut in a body.

    Raises:
        MalformedError: `record.deps` unless they are sorted, of different chains, at
            most `MAX_DEPS`; `ids.not-a-digest`.
    """
    if not isinstance(value, list) or len(value) > MAX_DEPS:
        raise _deps(f"the heads cited are not a list of at most {MAX_DEPS}")
    deps = tuple([_dep(each) for each in value])
    if any(a[:3] >= b[:3] for a, b in itertools.pairwise(deps)):
        raise _deps("the heads cited are not sorted by chain, or name a chain twice")
    return deps


def sorted_deps(deps: Sequence[Dep]) -> tuple[Dep, ...]:
    """`deps` in the order a header wants them."""
    return tuple(sorted(deps))


def _issued(record: Record, identity: Identity, envelope: Envelope | None, rules: int) -> Envelope:
    key = issuing_key(record, identity, rules=rules)
    if envelope is None:
        envelope = parse(record.raw, limit=MAX_ENVELOPE_BYTES)
    require_signature(record, envelope, signed=signed_by(envelope, key))
    return envelope


def require_signature(record: Record, envelope: Envelope, *, signed: bool) -> None:
    """Return if the envelope is that of the record, and the signature on it holds.

    Args:
        signed: whether `issuing_key` has signed it (`envelope.signed_by`).

    Raises:
        UnverifiedError: `record.not-its-bytes`, `record.signature`.
    """
    if envelope.payload_type != RECORD_TYPE or RecordId(envelope.digest) != record.id:
        raise not_its_bytes()
    if not signed:
        raise UnverifiedError("record.signature", "the signature on a record does not hold")


def issuing_key(record: Record, identity: Identity, *, rules: int = RULES) -> PublicKey:
    """The key of the issuer that has to have signed `record`; verifies nothing.

    Raises:
        UnverifiedError: `record.not-the-issuer`, `record.key-unknown`,
            `record.key-purpose`, `record.incarnation-key`.
    """
    header = record.header
    if identity.id != header.issuer:
        raise UnverifiedError("record.not-the-issuer", "a record is held against another's keys")
    purpose = rule(header.kind, rules).key
    key = identity.keys_ever(purpose).get(header.key)
    if key is None:
        other = "automatic" if purpose == "acts" else "acts"
        if header.key in identity.keys_ever(other):
            raise UnverifiedError(
                "record.key-purpose", f"this kind of record is signed with the key for {purpose}"
            )
        raise UnverifiedError(
            "record.key-unknown",
            "a record names a key that its issuer is not known to have had",
            hint="fetch the issuer's identity chain again; it may have rotated its keys",
        )
    if header.incarnation and identity.named_since(purpose, header.key) <= header.incarnation:
        raise UnverifiedError(
            "record.incarnation-key",
            "a record's incarnation is not open to a key as old as the one that signed it",
            hint="a new incarnation begins with keys that the identity chain did not name before",
        )
    return key


def _read_payload(raw: bytes, rules: int) -> tuple[Header, Mapping[str, Json], KindRule]:
    value = canonical.decode(raw, limit=MAX_PAYLOAD_BYTES)
    if not isinstance(value, dict) or value.keys() != {"body", "format", "header"}:
        raise _shape("a record does not have exactly body, format and header")
    if value["format"] != FORMAT:
        raise _shape("a record's format is not known")
    body = value["body"]
    if not isinstance(body, dict):
        raise _shape("the body of a record is not an object")
    header = read_header(value["header"])
    row = rule(header.kind, rules)
    if len(raw) > row.max_bytes:
        # Only now is it worth measuring: the body is what the header leaves.
        size = len(raw) - _FRAME_BYTES - len(canonical.encode(value["header"]))
        if size > row.max_bytes:
            raise MalformedError(
                "record.too-large",
                f"the body has {size} bytes; its kind allows {row.max_bytes}",
                facts={"size": size, "limit": row.max_bytes},
            )
    return header, body, row


def read_header(value: Json) -> Header:
    """Read a header as it stands in a payload; whether there is such a kind is not asked.

    Raises:
        MalformedError: `record.shape`, `record.sequence`, `record.deps`, `record.claimed-at`, or
            `ids.not-a-digest`.
    """
    if not isinstance(value, dict) or value.keys() != _HEADER_KEYS:
        raise _shape("the header of a record does not have exactly the keys of its format")
    kind, previous = value["kind"], value["previous"]
    if not isinstance(kind, str):
        raise _shape("the kind of a record is not text")
    sequence = _number(value["sequence"], 1)
    if (previous is None) != (sequence == 1):
        raise MalformedError(
            "record.sequence", "the first record of a chain, and only the first, has none before it"
        )
    header = Header(
        agreement=AgreementId(digest_text(value["agreement"], "a record's agreement")),
        circle=CircleId(digest_text(value["circle"], "a record's circle")),
        issuer=OrganisationId(digest_text(value["issuer"], "a record's issuer")),
        key=KeyId(digest_text(value["key"], "a record's key")),
        incarnation=_number(value["incarnation"], 0, MAX_INCARNATION),
        sequence=sequence,
        previous=None
        if previous is None
        else RecordId(digest_text(previous, "a record's previous record")),
        deps=read_deps(value["deps"]),
        version=Digest(digest_text(value["version"], "a record's agreement version")),
        kind=kind,
        claimed_at=read_instant(value["claimed_at"]),
    )
    chain = header.chain
    if any(dep[:3] == chain or dep.id == previous for dep in header.deps):
        raise _deps("a record cites its own chain among the heads of others")
    return header


def _dep(value: Json) -> Dep:
    if not isinstance(value, dict) or value.keys() != _DEP_KEYS:
        raise _deps("a head is not an object of circle, id, incarnation, issuer and sequence")
    return Dep(
        circle=CircleId(digest_text(value["circle"], "a head's circle")),
        issuer=OrganisationId(digest_text(value["issuer"], "a head's issuer")),
        incarnation=_number(value["incarnation"], 0),
        sequence=_number(value["sequence"], 1),
        id=RecordId(digest_text(value["id"], "a head's record")),
    )


def _number(value: Json, least: int, most: int = MAX_INTEGER) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
        return value
    raise MalformedError(
        "record.sequence", f"a number in a header is not an integer from {least} to {most}"
    )


def _shape(message: str) -> MalformedError:
    return MalformedError("record.shape", message)


def _deps(message: str) -> MalformedError:
    return MalformedError("record.deps", message)
