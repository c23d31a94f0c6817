"""The originator's signed word on what it shared and how that is to be handled.

STIX carries no signatures, and bytes must not change on their way. So the signature stands
beside them: one statement per share and handling class, over a tree of salted leaves, one
leaf per item. A recipient gets the statement, and with each item its salt and path; it can
verify the item alone, years later and through any number of relays, and learns nothing of
items that it did not get.

Words used here:
    leaf         what is said of one item: id, version, digest of the exact bytes, digests of
                 the marking definitions used; the demands of the class hold for all
    commitment   a digest of the agreement's id and a salt, so that a statement shown to an
                 outsider does not tell under which agreement it was made
    proof        salt, place and path of one leaf, as they travel with an item

How a proof is spelled, and what the originator keeps to make one, is in `proof`.

Rules that hold everywhere here. What is signed is canonical bytes. A salt comes from a
secret seed, so that leaves that are not shown cannot be guessed. A statement holds at most
65,536 items, so that making one needs bounded memory; a share may have several per class. A
statement without a valid signature of the originator, or with anything that is not spelled
canonically, proves nothing.

Source: RFC 6962 (trees), DSSE (envelopes), RFC 8785 (canonical JSON).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from typing import Final

import msgspec

from allied.errors import MalformedError, UnverifiedError
from allied.exchange.handling import MAX_CLASS, Demand, HandlingClass, read_demands
from allied.exchange.proof import SALT_BYTES, Kept, Proof, packed_place, place_of
from allied.record import envelope, merkle
from allied.record.canonical import decode, digest, encode
from allied.record.ids import AgreementId, Digest, KeyId, OrganisationId, digest_text
from allied.record.keys import PublicKey, Signer

__all__ = [
    "MAX_ITEMS", "Kept", "Leaf", "Proof", "Signed", "Stated", "Statement", "commitment", "holds",
    "made_at", "packed_place", "place_of", "read", "require_holds", "state",
]  # fmt: skip

FORMAT: Final = "statement/1"
PAYLOAD_TYPE: Final = "application/vnd.allied.statement.v1+json"
MAX_ITEMS: Final = 65_536
MAX_BYTES: Final = 2 << 20
_FIELDS: Final = frozenset({"format", "originator", "agreement", "demands", "root", "count", "at"})


class Leaf(msgspec.Struct, frozen=True, gc=False):
    """What a statement says of one item.

    Attributes:
        id: its STIX id.
        version: see `stix.version_of`.
        digest: SHA-256 of its exact bytes.
        definitions: digests of the marking definitions used, sorted.
    """

    id: str
    version: str
    digest: Digest
    definitions: tuple[Digest, ...] = ()

    def content(self) -> bytes:
        """The canonical bytes under the leaf's hash."""
        return contents([self])[0]


_ENCODER: Final = msgspec.json.Encoder(order="sorted")


def contents(leaves: Sequence[Leaf]) -> list[bytes]:
    """The canonical bytes under the hash of each leaf.

    Texts and lists of texts under plain keys: sorted JSON is canonical JSON then, and holds no
    line end.
    """
    in_order = [
        each
        if len(each.definitions) < 2
        else Leaf(each.id, each.version, each.digest, tuple(sorted(each.definitions)))
        for each in leaves
    ]
    return _ENCODER.encode_lines(in_order).split(b"\n")[:-1]


@dataclass(frozen=True, slots=True)
class Statement:
    """What an originator says of many items at once.

    Attributes:
        originator: the organisation that signs.
        agreement: commitment to the agreement, see `commitment`.
        demands: how all its items are handled, as in their class.
        root: of the tree over its leaves, 32 bytes.
        count: how many leaves, at least 1.
        at: when it was made, by the originator's claim, to the second.
    """

    originator: OrganisationId
    agreement: Digest
    demands: frozenset[Demand]
    root: bytes
    count: int
    at: datetime

    def payload(self) -> bytes:
        """The canonical bytes that are signed."""
        handling = HandlingClass(min(each.originator for each in self.demands), self.demands)
        return encode(
            {
                "format": FORMAT,
                "originator": self.originator,
                "agreement": self.agreement,
                "demands": handling.demands_json(),
                "root": self.root.hex(),
                "count": self.count,
                "at": self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement, the bytes of its envelope, and what its proofs are made from."""

    statement: Statement
    raw: bytes
    kept: Kept

    @property
    def digest(self) -> Digest:
        """Of the envelope's bytes: the key under which a statement is kept."""
        return digest(self.raw)

    @property
    def proofs(self) -> tuple[Proof, ...]:
        """A proof per leaf, in the order given."""
        return tuple(self.kept.proof(index) for index in range(self.statement.count))


def commitment(agreement: AgreementId, salt: bytes) -> Digest:
    """Commit to an agreement without naming it.

    Raises:
        ValueError: the salt does not have 16 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return digest(encode({"agreement": agreement, "salt": salt.hex()}))


def state(
    originator: OrganisationId,
    agreement: Digest,
    handling: HandlingClass,
    leaves: Sequence[Leaf],
    seed: bytes,
    signer: Signer,
    at: datetime,
) -> Signed:
    """Make and sign the statement on some items of one class.

    Args:
        originator: whose items they are, and whose key signs.
        agreement: see `commitment`.
        handling: the class of all of them.
        leaves: 1 to 65,536 items.
        seed: secret bytes, fresh for every statement; all salts follow from it.
        signer: the originator's key for automatic records.
        at: an aware datetime.

    Raises:
        ValueError: no leaves, or too many.

    Cost: two hashes per leaf and one signature; about 150 bytes of memory per leaf.
    """
    if not 1 <= len(leaves) <= MAX_ITEMS:
        raise ValueError(f"a statement holds 1 to {MAX_ITEMS} items")
    salts = merkle.salts(seed, len(leaves))
    tree = merkle.tree(list(map(merkle.leaf, salts, contents(leaves))))
    statement = Statement(
        originator, agreement, handling.demands, tree.root, len(leaves), at.replace(microsecond=0)
    )
    raw = envelope.encode(envelope.sign(PAYLOAD_TYPE, statement.payload(), [signer]))
    distinct = {leaf.definitions for leaf in leaves}
    in_order = {each: tuple(sorted(each)) for each in distinct}
    definitions = tuple([in_order[leaf.definitions] for leaf in leaves])
    nodes = b"".join(chain.from_iterable(tree.levels))
    return Signed(statement, raw, Kept(seed, definitions, nodes))


def read(raw: bytes, keys: Mapping[KeyId, PublicKey]) -> Statement:
    """Read a statement and hold its signature against the originator's keys.

    Args:
        raw: the bytes of its envelope.
        keys: every key for automatic records that the originator has ever had.

    Raises:
        MalformedError: it is no statement: `exchange.bad-statement` or a code of `record`.
        UnverifiedError: `exchange.unsigned-statement`: none of the keys signed it.
    """
    sealed = envelope.parse(raw, limit=MAX_BYTES)
    if sealed.payload_type != PAYLOAD_TYPE:
        raise _bad()
    if not envelope.valid_signers(sealed, keys):
        raise UnverifiedError(
            "exchange.unsigned-statement",
            "no key of the originator has signed this statement",
            hint="ask the originator for it again; do not use the items",
        )
    # What it demands becomes a class, and a class that cannot be read back stops everybody.
    value = decode(sealed.payload, limit=MAX_CLASS)
    if not isinstance(value, Mapping) or set(value) != _FIELDS or value["format"] != FORMAT:
        raise _bad()
    count, at = value["count"], value["at"]
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MAX_ITEMS:
        raise _bad()
    instant = _instant(at)
    statement = Statement(
        OrganisationId(digest_text(value["originator"], "the originator")),
        Digest(digest_text(value["agreement"], "the commitment")),
        read_demands(value["demands"]),
        bytes.fromhex(digest_text(value["root"], "the root")),
        count,
        instant,
    )
    if statement.payload() != sealed.payload:
        raise _bad()
    return statement


def made_at(raw: bytes) -> datetime:
    """When a stored statement was made, by its originator's claim: when its items were shared.

    The caller has held its signature against the originator's keys before; see `read`.

    Raises:
        MalformedError: `exchange.bad-statement` or a code of `record`.
    """
    value = decode(envelope.parse(raw, limit=MAX_BYTES).payload, limit=MAX_CLASS)
    return _instant(value["at"] if isinstance(value, Mapping) else None)


def holds(statement: Statement, leaf: Leaf, proof: Proof) -> bool:
    """Whether a statement speaks of an item.

    The caller has computed `leaf.digest` from the bytes at hand.
    """
    if len(proof.salt) != SALT_BYTES:
        return False
    return merkle.verify_path(
        statement.root,
        merkle.leaf(proof.salt, leaf.content()),
        proof.index,
        statement.count,
        proof.path,
    )


def require_holds(
    statement: Statement,
    leaf: Leaf,
    proof: Proof,
    *,
    originator: OrganisationId,
    agreement: Digest,
) -> None:
    """Return if the originator has stated this item under this agreement.

    Args:
        statement: as `read` gives it, so that its signature holds.
        leaf: from the item's bytes.
        proof: as it came with the item.
        originator: whose item it is said to be.
        agreement: the commitment to the agreement under which it came.

    Raises:
        UnverifiedError: `exchange.wrong-originator`, `exchange.wrong-agreement`,
            `exchange.not-in-statement`.
    """
    _require_context(statement, originator, agreement)
    if not holds(statement, leaf, proof):
        raise _not_in_statement()


@dataclass(slots=True)
class Stated:
    """A statement that many items are held against, one after the other.

    Items of one statement share most of their paths. What a proof has shown once is
    remembered, so that the next one has to be hashed only up to there; every byte of its path
    is compared all the same, because it travels on with the item.
    """

    statement: Statement
    _shown: dict[tuple[int, int], bytes] = field(default_factory=dict)

    @classmethod
    def under(
        cls, statement: Statement, *, originator: OrganisationId, agreement: Digest
    ) -> Stated:
        """A statement by this originator under the agreement with this commitment.

        Raises:
            UnverifiedError: as `require_holds`, for all its items at once.
        """
        _require_context(statement, originator, agreement)
        return cls(statement)

    def require_holds(self, leaf: Leaf, proof: Proof) -> None:
        """Return if the statement speaks of an item.

        Raises:
            UnverifiedError: `exchange.not-in-statement`.
        """
        if not self._holds(leaf, proof):
            raise _not_in_statement()

    def _holds(self, leaf: Leaf, proof: Proof) -> bool:
        if len(proof.salt) != SALT_BYTES or not 0 <= proof.index < self.statement.count:
            return False
        found = merkle.leaf(proof.salt, leaf.content())
        shown = self._shown
        path = iter(proof.path)
        fresh: list[tuple[tuple[int, int], bytes]] = []
        level, place, width = 0, proof.index, self.statement.count
        while width > 1:
            known = shown.get((level, place))
            if known is not None:
                if known != found or not self._known_above(level, place, width, path):
                    return False
                shown.update(fresh)
                return True
            fresh.append(((level, place), found))
            beside = place ^ 1
            if beside < width:
                sibling = next(path, b"")
                if len(sibling) != merkle.HASH_BYTES:
                    return False
                fresh.append(((level, beside), sibling))
                pair = found + sibling if beside > place else sibling + found
                found = hashlib.sha256(b"\1" + pair).digest()
            level, place, width = level + 1, place >> 1, (width + 1) // 2
        if next(path, None) is not None or not hmac.compare_digest(found, self.statement.root):
            return False
        shown.update(fresh)
        return True

    def _known_above(self, level: int, place: int, width: int, path: Iterator[bytes]) -> bool:
        """Whether the rest of a path is what was shown before, all of it."""
        shown = self._shown
        while width > 1:
            beside = place ^ 1
            if beside < width and next(path, b"") != shown[level, beside]:
                return False
            level, place, width = level + 1, place >> 1, (width + 1) // 2
        return next(path, None) is None


def _require_context(statement: Statement, originator: OrganisationId, agreement: Digest) -> None:
    if statement.originator != originator:
        raise UnverifiedError(
            "exchange.wrong-originator", "the statement is by another organisation"
        )
    if statement.agreement != agreement:
        raise UnverifiedError(
            "exchange.wrong-agreement", "the statement was made under another agreement"
        )


def _not_in_statement() -> UnverifiedError:
    return UnverifiedError(
        "exchange.not-in-statement",
        "the statement does not speak of these bytes",
        hint="the item was changed on its way; ask the originator for it again",
    )


def _instant(value: object) -> datetime:
    try:
        return datetime.strptime(str(value), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _bad() from None


def _bad() -> MalformedError:
    return MalformedError("exchange.bad-statement", "this is not a statement of release")
