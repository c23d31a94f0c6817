"""Which keys an organisation has, and had: the chain of its descriptors.

An organisation is the digest of its first descriptor; that digest is what two people
compare over a phone. Every later descriptor is signed by a key that an earlier one
committed to, so who steals the keys of today cannot take over tomorrow.

Words used here:
    first       signed by its own acts key
    rotation    signed by the key whose id the descriptor before it named as next, which
                thereby becomes the acts key
    recovery    signed by the recovery key that the first or the latest descriptor named;
                may replace anything, the commitments included
    supersedes  of two chains of one organisation, the one to believe

Rules. A chain is linear and complete from the first descriptor. A key never changes its
purpose and a retired acts key never comes back. Keys that were rotated stay known: what
they signed stays signed. At most 256 descriptors, of 512 KiB, so that a chain fits wherever one
is given.
"""

from __future__ import annotations

import hmac
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from allied.errors import UnverifiedError
from allied.record.descriptor import (
    PURPOSES,
    Descriptor,
    HeldKey,
    Purpose,
    payload,
    read,
)
from allied.record.envelope import DESCRIPTOR_TYPE, Envelope, encode, sign, signed_by
from allied.record.ids import Digest, KeyId, OrganisationId, is_digest
from allied.record.keys import PrivateKey, PublicKey

MAX_DESCRIPTORS: Final = 256
MAX_CHAIN_BYTES: Final = 512 * 1024

# Crockford's letters: none looks or sounds like a digit.
_LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_FINGERPRINT_LETTERS: Final = 32
_GROUP: Final = 4


@dataclass(frozen=True, slots=True)
class Identity:
    """A verified chain of descriptors.

    Attributes:
        id: digest of the first descriptor's payload.
        descriptors: first to latest.
        raws: their envelopes as received.
        digests: of their payloads.
    """

    id: OrganisationId
    descriptors: tuple[Descriptor, ...]
    raws: tuple[bytes, ...]
    digests: tuple[Digest, ...]
    _ever: Mapping[str, Mapping[KeyId, PublicKey]]

    @property
    def current(self) -> Descriptor:
        """The latest descriptor."""
        return self.descriptors[-1]

    def key(self, purpose: Purpose) -> PublicKey:
        """The present key for `purpose`."""
        return self.current.keys[purpose].public

    def keys_ever(self, purpose: str) -> Mapping[KeyId, PublicKey]:
        """Every key the chain ever named for `purpose`, by id; the present one too."""
        return self._ever[purpose]

    def named_since(self, purpose: Purpose, key: KeyId) -> int:
        """The number of the first descriptor that names `key` for `purpose`, from 1.

        Raises:
            UnverifiedError: `identity.key-unknown`, none does.
        """
        for descriptor in self.descriptors:
            if descriptor.keys[purpose].public.key_id == key:
                return descriptor.sequence
        raise UnverifiedError("identity.key-unknown", "no descriptor of the chain names that key")

    def shared(self, other: Identity) -> int:
        """How many descriptors both chains begin with."""
        pairs = zip(self.digests, other.digests, strict=False)
        return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))

    def contradicts(self, other: Identity) -> bool:
        """Whether both claim to be one organisation and no rule says which is to be believed."""
        return (
            self.id == other.id
            and not self.extends(other)
            and not other.extends(self)
            and not self.supersedes(other)
            and not other.supersedes(self)
        )

    def extends(self, other: Identity) -> bool:
        """Whether `other` is this chain, or the beginning of it."""
        return self.digests[: len(other.digests)] == other.digests

    def supersedes(self, other: Identity) -> bool:
        """Whether this chain is to be believed where `other` was believed so far.

        It is if it goes on where the other ends, or if it leaves the other by a recovery
        where the other goes on without one: who holds only stolen keys cannot keep an
        organisation from recovering. Every other parting of ways is for people.
        """
        if self.id != other.id or other.extends(self):
            return False
        if self.extends(other):
            return True
        at = self.shared(other)
        mine, theirs = self.descriptors[at], other.descriptors[at]
        return mine.recovered_with is not None and theirs.recovered_with is None


def open_chain(raws: Sequence[bytes]) -> Identity:
    """Verify a chain of descriptors from the first on.

    Args:
        raws: envelopes as received, in order.

    Raises:
        MalformedError: as `descriptor.read`.
        UnverifiedError: `identity.empty`, `identity.too-long`,
            `identity.sequence`, `identity.previous`, `identity.signature`,
            `identity.not-the-next-key`, `identity.not-the-recovery-key`,
            `identity.key-reused`.

    Cost: one signature for each descriptor.
    """
    if not raws:
        raise UnverifiedError("identity.empty", "an organisation has at least one descriptor")
    if len(raws) > MAX_DESCRIPTORS:
        raise UnverifiedError(
            "identity.too-long",
            f"a chain of descriptors has at most {MAX_DESCRIPTORS}",
            facts={"limit": MAX_DESCRIPTORS},
        )
    if sum(map(len, raws)) > MAX_CHAIN_BYTES:
        raise UnverifiedError(
            "identity.too-long",
            f"the descriptors of a chain have at most {MAX_CHAIN_BYTES} bytes",
            facts={"limit": MAX_CHAIN_BYTES},
        )
    descriptors: list[Descriptor] = []
    digests: list[Digest] = []
    ever: dict[str, dict[KeyId, PublicKey]] = {purpose: {} for purpose in PURPOSES}
    for raw in raws:
        descriptor, envelope = read(raw)
        _require_follows(descriptor, descriptors, digests)
        _require_signer(descriptor, envelope)
        _require_fresh_keys(descriptor, descriptors, ever)
        for purpose, held in descriptor.keys.items():
            ever[purpose][held.public.key_id] = held.public
        descriptors.append(descriptor)
        digests.append(envelope.digest)
    return Identity(
        id=OrganisationId(digests[0]),
        descriptors=tuple(descriptors),
        raws=tuple(raws),
        digests=tuple(digests),
        _ever=MappingProxyType({name: MappingProxyType(keys) for name, keys in ever.items()}),
    )


def first_descriptor(
    *,
    name: str,
    addresses: Sequence[str],
    acts: PrivateKey,
    keys: Mapping[Purpose, PublicKey],
    next_key: PublicKey,
    recovery_key: PublicKey,
    custodians: Mapping[Purpose, str],
    label: str = "",
) -> bytes:
    """The envelope of an organisation's first descriptor.

    Args:
        name: for people.
        label: the short id that it would like to go by in texts, or empty.
        addresses: http or https URLs, perhaps none.
        acts: the acts key, which signs.
        keys: the public keys for automatic, transport and sealing.
        next_key: of the private key to be kept outside the node for the next rotation.
        recovery_key: of the private key to be kept outside the node for recovery.
        custodians: who holds each key, by purpose.

    Raises:
        MalformedError: as `descriptor.read`.
    """
    descriptor = Descriptor(
        sequence=1,
        previous=None,
        name=name,
        label=label,
        addresses=tuple(addresses),
        keys=_held({**keys, "acts": acts.public}, custodians),
        next=next_key.key_id,
        recovery=recovery_key.key_id,
    )
    return _signed(descriptor, acts)


def rotated(
    identity: Identity,
    *,
    acts: PrivateKey,
    next_key: PublicKey,
    keys: Mapping[Purpose, PublicKey] | None = None,
    name: str | None = None,
    addresses: Sequence[str] | None = None,
    recovery_key: PublicKey | None = None,
    custodians: Mapping[Purpose, str] | None = None,
) -> bytes:
    """The envelope of the descriptor that follows by rotation.

    Args:
        identity: the chain so far.
        acts: the private key that the latest descriptor named as next.
        next_key: the one to be named as next now.
        keys: new keys for automatic, transport or sealing; others stay.
        name: a new name.
        addresses: new addresses, instead of all the old.
        recovery_key: a new recovery key; the first one keeps its force.
        custodians: new custodians, by purpose; others stay.

    Raises:
        MalformedError: as `descriptor.read`.
        UnverifiedError: as `open_chain`, if `acts` is not the key that was committed to.
    """
    if acts.public.key_id != identity.current.next:
        raise _not_the_next_key()
    following = _following(
        identity, {**(keys or {}), "acts": acts.public}, name, addresses, custodians
    )
    recovery = recovery_key.key_id if recovery_key else following.recovery
    following = replace(following, next=next_key.key_id, recovery=recovery)
    return _checked(identity, _signed(following, acts))


def recovered(
    identity: Identity,
    *,
    recovery: PrivateKey,
    keys: Mapping[Purpose, PublicKey],
    next_key: PublicKey,
    recovery_key: PublicKey,
    name: str | None = None,
    addresses: Sequence[str] | None = None,
    custodians: Mapping[Purpose, str] | None = None,
) -> bytes:
    """The envelope of the descriptor that follows by recovery.

    Args:
        identity: the chain so far; a prefix of it, to undo what a thief appended.
        recovery: the key that the first or the latest descriptor named for recovery.
        keys: new keys, by purpose; those not given stay.
        next_key: to be named as next.
        recovery_key: to be named for recovery from now on.
        name: a new name.
        addresses: new addresses, instead of all the old.
        custodians: new custodians, by purpose; others stay.

    Raises:
        MalformedError: as `descriptor.read`.
        UnverifiedError: as `open_chain`.
    """
    following = replace(
        _following(identity, keys, name, addresses, custodians),
        next=next_key.key_id,
        recovery=recovery_key.key_id,
        recovered_with=recovery.public,
    )
    return _checked(identity, _signed(following, recovery))


def prefix(identity: Identity, length: int) -> Identity:
    """The first `length` descriptors of `identity`, as a chain of their own."""
    return open_chain(identity.raws[:length])


def fingerprint(organisation: OrganisationId) -> str:
    """The first 160 bits of an id, to be read aloud: eight groups of four letters."""
    bits = int(organisation[:40], 16)
    letters = "".join(
        _LETTERS[bits >> shift & 31] for shift in range(5 * (_FINGERPRINT_LETTERS - 1), -1, -5)
    )
    return "-".join(letters[at : at + _GROUP] for at in range(0, _FINGERPRINT_LETTERS, _GROUP))


def matches(text: str, organisation: OrganisationId) -> bool:
    """Whether `text`, as a person typed it, is the whole fingerprint of `organisation`.

    Case, spaces and hyphens do not matter; O is read as 0, I and L as 1. The id itself
    is accepted too. A part of a fingerprint never matches.
    """
    if len(text) > 200 or not text.isascii():
        return False
    plain = "".join(text.split()).replace("-", "")
    if is_digest(plain.lower()):
        return hmac.compare_digest(plain.lower(), organisation)
    typed = plain.upper().replace("O", "0").replace("I", "1").replace("L", "1")
    return hmac.compare_digest(typed, fingerprint(organisation).replace("-", ""))


def _require_follows(
    descriptor: Descriptor, before: Sequence[Descriptor], digests: Sequence[Digest]
) -> None:
    if descriptor.sequence != len(before) + 1:
        raise UnverifiedError("identity.sequence", "a descriptor is missing, or out of its order")
    if before and descriptor.previous != digests[-1]:
        raise UnverifiedError("identity.previous", "a descriptor follows another than it names")
    if descriptor.recovered_with is not None:
        committed = {before[0].recovery, before[-1].recovery} if before else set()
        if descriptor.recovered_with.key_id not in committed:
            raise UnverifiedError(
                "identity.not-the-recovery-key",
                "a descriptor is signed by a recovery key that nothing before it named",
            )
    elif before and descriptor.keys["acts"].public.key_id != before[-1].next:
        raise _not_the_next_key()


def _require_signer(descriptor: Descriptor, envelope: Envelope) -> None:
    if not signed_by(envelope, descriptor.signer):
        raise UnverifiedError(
            "identity.signature", "a descriptor is not signed by the key that has to sign it"
        )


def _require_fresh_keys(
    descriptor: Descriptor,
    before: Sequence[Descriptor],
    ever: Mapping[str, Mapping[KeyId, PublicKey]],
) -> None:
    """Refuse a key under a second purpose, and acts keys that come back."""
    acts = ever["acts"]
    present = before[-1].keys["acts"].public.key_id if before else None
    for purpose, held in descriptor.keys.items():
        key = held.public.key_id
        elsewhere = any(key in keys for other, keys in ever.items() if other != purpose)
        if elsewhere or (purpose == "acts" and key in acts and key != present):
            raise _reused()
    for committed in (descriptor.next, descriptor.recovery):
        if any(committed in keys for keys in ever.values()):
            raise _reused()


def _following(
    identity: Identity,
    keys: Mapping[Purpose, PublicKey],
    name: str | None,
    addresses: Sequence[str] | None,
    custodians: Mapping[Purpose, str] | None,
) -> Descriptor:
    """The next descriptor with what was not replaced carried over."""
    latest = identity.current
    public = {purpose: held.public for purpose, held in latest.keys.items()} | dict(keys)
    holders = {purpose: held.custodian for purpose, held in latest.keys.items()}
    return replace(
        latest,
        sequence=latest.sequence + 1,
        previous=identity.digests[-1],
        name=latest.name if name is None else name,
        addresses=latest.addresses if addresses is None else tuple(addresses),
        keys=_held(public, holders | dict(custodians or {})),
        recovered_with=None,
    )


def _held(
    keys: Mapping[Purpose, PublicKey], custodians: Mapping[Purpose, str]
) -> dict[Purpose, HeldKey]:
    return {purpose: HeldKey(key, custodians[purpose]) for purpose, key in keys.items()}


def _signed(descriptor: Descriptor, key: PrivateKey) -> bytes:
    return encode(sign(DESCRIPTOR_TYPE, payload(descriptor), [key]))


def _checked(identity: Identity, raw: bytes) -> bytes:
    """Return `raw` if the chain still holds with it at its end."""
    open_chain([*identity.raws, raw])
    return raw


def _not_the_next_key() -> UnverifiedError:
    return UnverifiedError(
        "identity.not-the-next-key",
        "a descriptor is not signed by the key that the one before it committed to",
        hint="the next key stands in the recovery file",
    )


def _reused() -> UnverifiedError:
    return UnverifiedError(
        "identity.key-reused", "a descriptor takes a key back, or under another purpose"
    )
