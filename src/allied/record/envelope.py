"""A payload, who signed it, and which people assented.

The envelope is DSSE: signatures cover the payload's bytes and its type, never a parsed
form, so bytes are kept and forwarded as they came. Beside the signatures of
organisations stand assertions of people, which cover the same payload.

Words used here:
    signature   by a key of an organisation over PAE(payload type, payload)
    assertion   by a key of a person over PAE(assertion type, what is assented to)
    PAE         pre-authentication encoding: lengths and bytes, no parsing needed

Rules. The payload type carries product, family and version, so a signature moved to
another type fails. A signature that fails, or of a key or algorithm not known, is passed
over: it never blocks a good one on the same payload. Signers are counted by
organisation, not by key. An envelope is itself canonical JSON with padded base64, so
there is one spelling of it.

Source: DSSE 1.0.2 (protocol and envelope); Web Authentication Level 2, section 7.2.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from allied.errors import MalformedError, UnverifiedError
from allied.record import canonical
from allied.record.canonical import Json
from allied.record.ids import Digest, KeyId, OrganisationId, PersonId, digest_text, person_id
from allied.record.keys import PublicKey, Signer, verify

RECORD_TYPE: Final = "application/vnd.allied.record.v1+json"
DESCRIPTOR_TYPE: Final = "application/vnd.allied.descriptor.v1+json"
ASSERTION_TYPE: Final = "application/vnd.allied.assertion.v1+json"

MAX_SIGNATURES: Final = 256
MAX_ASSERTIONS: Final = 16
MAX_SIGNATURE_BYTES: Final = 8192
"""Room for signatures of algorithms to come (ML-DSA-87 takes 4,627)."""
MAX_CLIENT_BYTES: Final = 4096
MAX_TYPE_LENGTH: Final = 128

PERSON_KEY: Final = "person-key"
WEBAUTHN: Final = "webauthn"
Scheme = Literal["person-key", "webauthn"]

_USER_PRESENT_AND_VERIFIED: Final = 0b101


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature and the id of the key that is said to have made it."""

    key: KeyId
    signature: bytes


@dataclass(frozen=True, slots=True)
class Assertion:
    """A person's assent to a payload.

    Attributes:
        person: the pseudonym under which the person acts in the agreement.
        scheme: "person-key" signs the assertion message itself; "webauthn" signs
            authenticator data and client data whose challenge is its digest.
        key: id of the person's key.
        signature: 64 bytes for the algorithms known; a WebAuthn signature is carried
            as r || s with the lower s, not as DER.
        authenticator: authenticator data; empty for a person key.
        client: client data JSON; empty for a person key.
    """

    person: PersonId
    scheme: Scheme
    key: KeyId
    signature: bytes
    authenticator: bytes = b""
    client: bytes = b""


@dataclass(frozen=True, slots=True)
class Envelope:
    """One payload with its signatures and assertions, in the order they came."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]
    assertions: tuple[Assertion, ...] = ()

    @property
    def digest(self) -> Digest:
        """Digest of the payload; envelopes of one payload share it."""
        return canonical.digest(self.payload)


def pae(payload_type: str, payload: bytes) -> bytes:
    """The bytes that are signed: `DSSEv1`, then each part after its length in bytes."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def sign(
    payload_type: str,
    payload: bytes,
    signers: Iterable[Signer],
    assertions: Sequence[Assertion] = (),
) -> Envelope:
    """Put `payload` into an envelope signed by each of `signers`, in their order."""
    message = pae(payload_type, payload)
    signatures = tuple(Signature(key.public.key_id, key.sign(message)) for key in signers)
    return Envelope(payload_type, payload, signatures, tuple(assertions))


def assertion_message(payload_type: str, payload: bytes, person: PersonId) -> bytes:
    """What a person signs to assent to `payload`: its type, its digest, the pseudonym."""
    assent: Json = {
        "payload": canonical.digest(payload),
        "payload_type": payload_type,
        "person": person,
    }
    return pae(ASSERTION_TYPE, canonical.encode(assent))


def assent(payload_type: str, payload: bytes, person: PersonId, key: Signer) -> Assertion:
    """Assent to `payload` as `person` with a person key."""
    signature = key.sign(assertion_message(payload_type, payload, person))
    return Assertion(person, PERSON_KEY, key.public.key_id, signature)


def valid_signers(envelope: Envelope, keys: Mapping[KeyId, PublicKey]) -> frozenset[KeyId]:
    """Which of `keys` have signed the payload.

    Signatures that fail, and signatures of other keys, are passed over.

    Raises:
        UnverifiedError: `envelope.key-id`, if a key stands under an id not its own.

    Cost: at most one verification for each signature whose key is given.
    """
    for key_id, key in keys.items():
        if key.key_id != key_id:
            raise UnverifiedError("envelope.key-id", "a key is given under the id of another")
    message = pae(envelope.payload_type, envelope.payload)
    found: set[KeyId] = set()
    for signature in envelope.signatures:
        known = keys.get(signature.key)
        if known is None or signature.key in found:
            continue
        if verify(known, message, signature.signature):
            found.add(signature.key)
    return frozenset(found)


def signed_by(envelope: Envelope, key: PublicKey) -> bool:
    """Whether `key` has signed the payload; other signatures are passed over."""
    return bool(valid_signers(envelope, {key.key_id: key}))


def organisations(
    envelope: Envelope, keys: Mapping[OrganisationId, Mapping[KeyId, PublicKey]]
) -> frozenset[OrganisationId]:
    """Which organisations have signed, each once, however many of its keys did.

    Args:
        envelope: the payload with its signatures.
        keys: for each organisation the keys that count for it.
    """
    return frozenset(
        organisation for organisation, own in keys.items() if valid_signers(envelope, own)
    )


def assented(envelope: Envelope, persons: Mapping[PersonId, PublicKey]) -> frozenset[PersonId]:
    """Which of `persons` have validly assented to the payload; others are passed over."""
    found: set[PersonId] = set()
    for assertion in envelope.assertions:
        key = persons.get(assertion.person)
        if key is None or key.key_id != assertion.key or assertion.person in found:
            continue
        message = assertion_message(envelope.payload_type, envelope.payload, assertion.person)
        if assertion.scheme == PERSON_KEY:
            holds = verify(key, message, assertion.signature)
        else:
            holds = _webauthn_holds(assertion, key, message)
        if holds:
            found.add(assertion.person)
    return frozenset(found)


def encode(envelope: Envelope) -> bytes:
    """The envelope as canonical JSON; `assertions` is left out where there are none."""
    shape: dict[str, Json] = {
        "payload": _base64(envelope.payload),
        "payloadType": envelope.payload_type,
        "signatures": [
            {"keyid": each.key, "sig": _base64(each.signature)} for each in envelope.signatures
        ],
    }
    if envelope.assertions:
        shape["assertions"] = [_assertion_json(each) for each in envelope.assertions]
    return canonical.encode(shape)


def parse(raw: bytes, *, limit: int) -> Envelope:
    """Read an envelope; verifies nothing.

    Args:
        raw: the bytes as received.
        limit: how many bytes of `raw` are accepted.

    Raises:
        MalformedError: as `canonical.decode`, or `envelope.shape` for unknown or
            missing keys, base64 in another spelling, too many or too long signatures,
            a key that signs twice.
    """
    value = canonical.decode(raw, limit=limit)
    if not isinstance(value, dict) or not (
        {"payload", "payloadType", "signatures"}
        <= value.keys()
        <= {"payload", "payloadType", "signatures", "assertions"}
    ):
        raise _shape("an envelope has payload, payloadType, signatures and perhaps assertions")
    payload_type = value["payloadType"]
    if (
        not isinstance(payload_type, str)
        or not 0 < len(payload_type) <= MAX_TYPE_LENGTH
        or not payload_type.isascii()
    ):
        raise _shape("the payload type of an envelope is not a short ASCII text")
    signatures = tuple(
        _signature(each) for each in _items(value["signatures"], "signatures", MAX_SIGNATURES)
    )
    if len({each.key for each in signatures}) != len(signatures):
        raise _shape("a key stands twice among the signatures of an envelope")
    assertions: tuple[Assertion, ...] = ()
    if "assertions" in value:
        assertions = tuple(
            _assertion(each) for each in _items(value["assertions"], "assertions", MAX_ASSERTIONS)
        )
        if not assertions:
            raise _shape("an envelope without assertions leaves them out")
    return Envelope(payload_type, _bytes(value["payload"], len(raw)), signatures, assertions)


def _webauthn_holds(assertion: Assertion, key: PublicKey, message: bytes) -> bool:
    """Whether the authenticator signed `message` with the person present and verified."""
    if len(assertion.authenticator) < 37:
        return False
    if assertion.authenticator[32] & _USER_PRESENT_AND_VERIFIED != _USER_PRESENT_AND_VERIFIED:
        return False
    try:
        canonical.require_bounded(assertion.client, limit=MAX_CLIENT_BYTES)
        client = orjson.loads(assertion.client)
    except (MalformedError, orjson.JSONDecodeError):
        return False
    challenge = base64.urlsafe_b64encode(hashlib.sha256(message).digest()).rstrip(b"=").decode()
    if not isinstance(client, dict):
        return False
    if client.get("type") != "webauthn.get" or client.get("challenge") != challenge:
        return False
    signed = assertion.authenticator + hashlib.sha256(assertion.client).digest()
    return verify(key, signed, assertion.signature)


def _assertion_json(assertion: Assertion) -> dict[str, Json]:
    shape: dict[str, Json] = {
        "key": assertion.key,
        "person": assertion.person,
        "scheme": assertion.scheme,
        "sig": _base64(assertion.signature),
    }
    if assertion.scheme == WEBAUTHN:
        shape["authenticator"] = _base64(assertion.authenticator)
        shape["client"] = _base64(assertion.client)
    return shape


def _signature(value: Json) -> Signature:
    if not isinstance(value, dict) or value.keys() != {"keyid", "sig"}:
        raise _shape("a signature is not an object of keyid and sig")
    key = KeyId(digest_text(value["keyid"], "the key id of a signature"))
    return Signature(key, _bytes(value["sig"], MAX_SIGNATURE_BYTES))


def _assertion(value: Json) -> Assertion:
    if not isinstance(value, dict):
        raise _shape("an assertion is not an object")
    scheme = value.get("scheme")
    plain = {"key", "person", "scheme", "sig"}
    if scheme == PERSON_KEY and value.keys() == plain:
        authenticator = client = b""
    elif scheme == WEBAUTHN and value.keys() == plain | {"authenticator", "client"}:
        authenticator = _bytes(value["authenticator"], MAX_CLIENT_BYTES)
        client = _bytes(value["client"], MAX_CLIENT_BYTES)
    else:
        raise _shape("an assertion does not have the keys of a scheme we know")
    return Assertion(
        person=person_id(value["person"]),
        scheme=scheme,
        key=KeyId(digest_text(value["key"], "the key id of an assertion")),
        signature=_bytes(value["sig"], MAX_SIGNATURE_BYTES),
        authenticator=authenticator,
        client=client,
    )


def _items(value: Json, what: str, limit: int) -> Sequence[Json]:
    if not isinstance(value, list) or len(value) > limit:
        raise _shape(f"the {what} of an envelope are not a list of at most {limit}")
    return value


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _bytes(value: Json, limit: int) -> bytes:
    """Read padded base64 in its one spelling, of at most `limit` bytes."""
    if isinstance(value, str) and len(value) <= (limit + 2) // 3 * 4:
        try:
            raw = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
        except (binascii.Error, UnicodeEncodeError):
            raw = None
        if raw is not None and len(raw) <= limit and _base64(raw) == value:
            return raw
    raise _shape("a part of an envelope is not base64 in its one spelling, or too long")


def _shape(message: str) -> MalformedError:
    return MalformedError("envelope.shape", message)
