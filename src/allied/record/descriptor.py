"""One descriptor: which keys an organisation has, since when, and how it is reached.

This module reads and builds single descriptors and says whether each keeps to the shape.
Whether a descriptor may follow another is for `identity`.

Words used here:
    acts, automatic, transport, sealing
                the purposes of keys: what people decide, what the node states by
                itself, requests between nodes, encryption to the organisation
    custodian   who holds a private key: the organisation, a service, a device
    next        id of the acts key that will sign the following descriptor
    recovery    id of the key that may replace everything when others are lost

Rules. One purpose, one key: no key serves two purposes, nor is it the next or the
recovery key at the same time. Keys that sign are ed25519 or p256, the sealing key is
x25519. Addresses are checked for their spelling only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from allied.errors import MalformedError
from allied.record import canonical
from allied.record.canonical import MAX_INTEGER, Json
from allied.record.envelope import DESCRIPTOR_TYPE, Envelope, parse
from allied.record.ids import Digest, KeyId, digest_text, party_id
from allied.record.keys import SIGNING, X25519, PublicKey

FORMAT: Final = "descriptor/1"
MAX_DESCRIPTOR_BYTES: Final = 64 * 1024
"""Of the whole envelope."""
MAX_ADDRESSES: Final = 16
MAX_ADDRESS_LENGTH: Final = 2048
MAX_NAME_LENGTH: Final = 200

Purpose = Literal["acts", "automatic", "transport", "sealing"]
PURPOSES: Final[tuple[Purpose, ...]] = ("acts", "automatic", "sealing", "transport")

# Written out, so that validity does not depend on a Unicode table or a URL parser that the
# next Python brings: no control characters, nothing that turns or breaks a line.
_VISIBLE: Final = (
    r"[^\x00-\x20\x7f-\xa0\xad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ud800-\udfff\ufeff]"
)
_LINE: Final = re.compile(rf"{_VISIBLE}(?:(?:{_VISIBLE}| )*{_VISIBLE})?")
_URL: Final = re.compile(
    r"https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[1-9][0-9]{0,4})?"
    r"(?:/[A-Za-z0-9._~!$&'()*+,;=:%/-]*)?",
    re.ASCII,
)

_KEYS: Final = frozenset({
    "addresses", "format", "keys", "label", "name", "next", "previous", "recovered_with",
    "recovery", "sequence",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class HeldKey:
    """A public key and who holds its private part."""

    public: PublicKey
    custodian: str

    def to_json(self) -> dict[str, Json]:
        """`{"alg", "custodian", "key"}`."""
        return {**self.public.to_json(), "custodian": self.custodian}


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What an organisation says about itself from one moment on.

    Attributes:
        sequence: from 1.
        previous: digest of the payload before it; None exactly at sequence 1.
        name: for people; proves nothing.
        addresses: http or https URLs where the organisation's node answers.
        keys: one for each purpose.
        next: id of the acts key that will sign the following descriptor.
        recovery: id of the recovery key.
        recovered_with: the recovery key itself, if it signed this descriptor.
        label: the short id that it would like to go by in texts, or empty; proves nothing.
    """

    sequence: int
    previous: Digest | None
    name: str
    addresses: tuple[str, ...]
    keys: Mapping[Purpose, HeldKey]
    next: KeyId
    recovery: KeyId
    recovered_with: PublicKey | None = None
    label: str = ""

    @property
    def signer(self) -> PublicKey:
        """The key that has to have signed it."""
        return self.recovered_with or self.keys["acts"].public

    def to_json(self) -> dict[str, Json]:
        """As it stands in the payload."""
        recovered_with = self.recovered_with
        return {
            "addresses": list(self.addresses),
            "format": FORMAT,
            "keys": {purpose: held.to_json() for purpose, held in self.keys.items()},
            "label": self.label,
            "name": self.name,
            "next": self.next,
            "previous": self.previous,
            "recovered_with": recovered_with.to_json() if recovered_with else None,
            "recovery": self.recovery,
            "sequence": self.sequence,
        }


def payload(descriptor: Descriptor) -> bytes:
    """The canonical payload of `descriptor`, checked as `read` will check it.

    Raises:
        MalformedError: whatever `read` would refuse.
    """
    raw = canonical.encode(descriptor.to_json())
    _read_payload(raw)
    return raw


def read(raw: bytes) -> tuple[Descriptor, Envelope]:
    """Read a descriptor and the envelope it came in; verifies no signature.

    Raises:
        MalformedError: as `envelope.parse` and `canonical.decode`; `identity.type`,
            `identity.shape`, `identity.sequence`, `identity.name`,
            `identity.address`, `identity.alg`, `identity.keys-not-separate`; as
            `PublicKey`.
    """
    envelope = parse(raw, limit=MAX_DESCRIPTOR_BYTES)
    if envelope.payload_type != DESCRIPTOR_TYPE:
        raise MalformedError("identity.type", "this envelope does not hold a descriptor")
    return _read_payload(envelope.payload), envelope


def _read_payload(raw: bytes) -> Descriptor:
    value = canonical.decode(raw, limit=MAX_DESCRIPTOR_BYTES)
    if not isinstance(value, dict) or value.keys() != _KEYS:
        raise _shape("a descriptor does not have exactly the keys of its format")
    if value["format"] != FORMAT:
        raise _shape("a descriptor's format is not known")
    sequence, previous = value["sequence"], value["previous"]
    if isinstance(sequence, bool) or not isinstance(sequence, int):
        raise _shape("a descriptor's sequence is not an integer")
    if not 1 <= sequence <= MAX_INTEGER or (previous is None) != (sequence == 1):
        raise MalformedError(
            "identity.sequence", "the first descriptor, and only the first, has none before it"
        )
    recovered_with = value["recovered_with"]
    descriptor = Descriptor(
        sequence=sequence,
        previous=None
        if previous is None
        else Digest(digest_text(previous, "the descriptor before this")),
        name=_text(value["name"], "name"),
        addresses=_addresses(value["addresses"]),
        keys=_held_keys(value["keys"]),
        next=KeyId(digest_text(value["next"], "the id of the next key")),
        recovery=KeyId(digest_text(value["recovery"], "the id of the recovery key")),
        recovered_with=None
        if recovered_with is None
        else _signing(PublicKey.from_json(recovered_with)),
        label=_label(value["label"]),
    )
    _require_separate(descriptor)
    return descriptor


def _held_keys(value: Json) -> Mapping[Purpose, HeldKey]:
    if not isinstance(value, dict) or value.keys() != set(PURPOSES):
        raise _shape("a descriptor does not have one key for each purpose")
    keys: dict[Purpose, HeldKey] = {}
    for purpose in PURPOSES:
        entry = value[purpose]
        if not isinstance(entry, dict) or entry.keys() != {"alg", "custodian", "key"}:
            raise _shape("a key is not an object of alg, custodian and key")
        public = PublicKey.from_json({"alg": entry["alg"], "key": entry["key"]})
        if purpose == "sealing":
            if public.alg != X25519:
                raise MalformedError("identity.alg", "the sealing key is not x25519")
        else:
            _signing(public)
        keys[purpose] = HeldKey(public, _text(entry["custodian"], "custodian"))
    return keys


def _signing(public: PublicKey) -> PublicKey:
    if public.alg not in SIGNING:
        raise MalformedError("identity.alg", "a key that has to sign is not ed25519 or p256")
    return public


def _require_separate(descriptor: Descriptor) -> None:
    ids = [held.public.key_id for held in descriptor.keys.values()]
    ids += [descriptor.next, descriptor.recovery]
    if len(set(ids)) != len(ids):
        raise MalformedError(
            "identity.keys-not-separate", "one key of a descriptor serves two purposes"
        )


def _text(value: Json, what: str) -> str:
    """Read a short text for people: visible characters, nothing that steers a terminal."""
    if isinstance(value, str) and len(value) <= MAX_NAME_LENGTH and _LINE.fullmatch(value):
        return value
    raise MalformedError(
        "identity.name",
        f"a descriptor's {what} is not a short line of visible text",
        facts={"limit": MAX_NAME_LENGTH},
    )


def _label(value: Json) -> str:
    """Read a label: a party's id as in a text, or nothing."""
    return value if value == "" else party_id(value)


def _addresses(value: Json) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_ADDRESSES:
        raise _shape(f"the addresses of a descriptor are not a list of at most {MAX_ADDRESSES}")
    found = tuple([_address(each) for each in value])
    if len(set(found)) != len(found):
        raise MalformedError("identity.address", "an address stands twice in a descriptor")
    return found


def _address(value: Json) -> str:
    if isinstance(value, str) and len(value) <= MAX_ADDRESS_LENGTH and _URL.fullmatch(value):
        return value
    raise MalformedError(
        "identity.address",
        "an address is not an http or https URL with a host and without user, query or fragment",
    )


def _shape(message: str) -> MalformedError:
    return MalformedError("identity.shape", message)


def addresses(value: Sequence[str]) -> tuple[str, ...]:
    """Check addresses as a descriptor would.

    Raises:
        MalformedError: `identity.address`, `identity.shape`.
    """
    return _addresses(list(value))
