"""Who says this over HTTP, to whom, and is it the whole of it: a profile of RFC 9421.

A request and its answer are each signed by one transport key. This module builds and
reads the signed headers and checks them with keys that it is given. Which keys an
organisation has, whether a request is fresh (`allied.wire.freshness`) and what it asks
for are for others.

Words used here:
    base        the text that is signed, RFC 9421 section 2.5
    nonce       32 hex digits that name one request; its answer repeats them
    caller      the organisation that asks; addressee: the one that is asked

What is signed:
    request     "@method" "@path" "content-digest" "allied-from" "allied-to"
                with created, keyid, expires, nonce, tag
    answer      "@status" "content-digest" "allied-from" "allied-to" "allied-nonce"
                with created, keyid, tag

Rules. Each covered header stands exactly once. There is one signature, labelled `allied`,
and it is spelled in exactly one way: other orders, other parameters and further signatures
are refused, so that no two readers can see two different messages. The algorithm follows
from the key, never from the message. `@authority` is not covered, since reverse proxies
rewrite it: `allied-to` binds the addressee by key instead. The tag says whether the body is
sealed (`allied.wire.sealed`); nobody on the way can make the one of the other.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from allied.errors import MalformedError
from allied.record.ids import KeyId, OrganisationId
from allied.record.keys import PublicKey, Signer, verify

TAG: Final = "allied-federation-1"
SEALED_TAG: Final = "allied-federation-1-sealed"
"""The tag where the body is sealed."""
METHOD: Final = "POST"
NONCE_BYTES: Final = 16

MAX_HEADERS: Final = 64
"""More headers than that are not looked through."""

Headers = Iterable[tuple[bytes, bytes]]

_ASKED: Final = ("@method", "@path", "content-digest", "allied-from", "allied-to")
_ANSWERED: Final = ("@status", "content-digest", "allied-from", "allied-to", "allied-nonce")

_ID: Final = "[0-9a-f]{64}"
_SECONDS: Final = "0|[1-9][0-9]{0,10}"


def _covered(names: tuple[str, ...]) -> str:
    return "(" + " ".join(f'"{name}"' for name in names) + ")"


_ASKED_INPUT: Final = re.compile(
    rf"allied=(?P<params>{re.escape(_covered(_ASKED))};created=(?P<created>{_SECONDS})"
    rf';keyid="(?P<key>{_ID})";expires=(?P<expires>{_SECONDS})'
    rf';nonce="(?P<nonce>[0-9a-f]{{32}})";tag="{TAG}(?P<sealed>-sealed)?")',
    re.ASCII,
)
_ANSWERED_INPUT: Final = re.compile(
    rf"allied=(?P<params>{re.escape(_covered(_ANSWERED))};created=(?P<created>{_SECONDS})"
    rf';keyid="(?P<key>{_ID})";tag="{TAG}(?P<sealed>-sealed)?")',
    re.ASCII,
)
_SIGNATURE: Final = re.compile(r"allied=:(?P<bytes>[A-Za-z0-9+/]{86}==):", re.ASCII)
_DIGEST: Final = re.compile(r"sha-256=:(?P<bytes>[A-Za-z0-9+/]{43}=):", re.ASCII)
_ORGANISATION: Final = re.compile(_ID, re.ASCII)
_NONCE: Final = re.compile("[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Signed:
    """What both directions have in common.

    Attributes:
        sender: `allied-from`, a claim until `holds` said yes.
        recipient: `allied-to`.
        key: the key it is said to be signed with.
        created: seconds since 1970, by the sender's clock.
        nonce: names the request.
        digest: the `content-digest` header as it was sent.
        base: what is signed.
        signature: 64 bytes.
        sealed: whether the body is.
    """

    sender: OrganisationId
    recipient: OrganisationId
    key: KeyId
    created: int
    nonce: str
    digest: str
    base: bytes
    signature: bytes
    sealed: bool

    def holds(self, keys: Mapping[KeyId, PublicKey]) -> bool:
        """Whether one of `keys` made the signature. Says nothing about the body: `carries`."""
        public = keys.get(self.key)
        return public is not None and verify(public, self.base, self.signature)

    def signed_by(self, public: PublicKey) -> bool:
        """Whether `public` made the signature, whatever key the message names."""
        return verify(public, self.base, self.signature)

    def carries(self, body: bytes) -> bool:
        """Whether `body` is the content that was signed."""
        return hmac.compare_digest(self.digest, content_digest(body))


@dataclass(frozen=True, slots=True)
class SignedRequest(_Signed):
    """A request's signed headers, read and not yet believed.

    Attributes:
        expires: seconds since 1970; it is of no use from then on.
    """

    expires: int


@dataclass(frozen=True, slots=True)
class SignedAnswer(_Signed):
    """An answer's signed headers, read and not yet believed."""

    status: int


def content_digest(body: bytes) -> str:
    """The `content-digest` header of `body` (RFC 9530, sha-256)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def sign_request(
    signer: Signer,
    path: str,
    body: bytes,
    *,
    caller: OrganisationId,
    addressee: OrganisationId,
    nonce: str,
    created: int,
    expires: int,
    sealed: bool = False,
) -> list[tuple[str, str]]:
    """The headers that make `body`, POSTed to `path`, a question of `caller` to `addressee`.

    `nonce` is 32 lowercase hex digits, never used before. `created` and `expires` are
    seconds since 1970 by the addressee's clock, as far as it is known; the second is later.
    `sealed` says that `body` is.
    """
    if _NONCE.fullmatch(nonce) is None:
        raise ValueError("a nonce is 32 lowercase hex digits")
    digest = content_digest(body)
    params = (
        f'{_covered(_ASKED)};created={created};keyid="{signer.public.key_id}"'
        f';expires={expires};nonce="{nonce}";tag="{_tag(sealed)}"'
    )
    base = _base(_ASKED, (METHOD, path, digest, caller, addressee), params)
    return [
        ("content-digest", digest),
        ("allied-from", caller),
        ("allied-to", addressee),
        *_signature(params, signer.sign(base)),
    ]


def sign_answer(
    signer: Signer,
    status: int,
    body: bytes,
    *,
    answerer: OrganisationId,
    caller: OrganisationId,
    nonce: str,
    created: int,
    sealed: bool = False,
) -> list[tuple[str, str]]:
    """The headers that make `body` the answer of `answerer` to the request called `nonce`."""
    digest = content_digest(body)
    params = (
        f'{_covered(_ANSWERED)};created={created};keyid="{signer.public.key_id}"'
        f';tag="{_tag(sealed)}"'
    )
    base = _base(_ANSWERED, (str(status), digest, answerer, caller, nonce), params)
    return [
        ("content-digest", digest),
        ("allied-from", answerer),
        ("allied-to", caller),
        ("allied-nonce", nonce),
        *_signature(params, signer.sign(base)),
    ]


def read_request(headers: Headers, path: str) -> SignedRequest:
    """Read the signed headers of a POST to `path`.

    Raises:
        MalformedError: `wire.signature` for anything but what `sign_request` writes.

    Cost: bounded by `MAX_HEADERS` and what the HTTP server lets through.
    """
    found = _fields(headers)
    match = _match(_ASKED_INPUT, found, "signature-input")
    digest, sender, recipient = _named(found)
    base = _base(_ASKED, (METHOD, path, digest, sender, recipient), match["params"])
    return SignedRequest(
        sender=OrganisationId(sender),
        recipient=OrganisationId(recipient),
        key=KeyId(match["key"]),
        created=int(match["created"]),
        nonce=match["nonce"],
        digest=digest,
        base=base,
        signature=_bytes(_SIGNATURE, found, "signature"),
        sealed=match["sealed"] is not None,
        expires=int(match["expires"]),
    )


def read_answer(headers: Headers, status: int) -> SignedAnswer:
    """Read the signed headers of an answer with `status`.

    Raises:
        MalformedError: `wire.signature` for anything but what `sign_answer` writes.
    """
    found = _fields(headers)
    match = _match(_ANSWERED_INPUT, found, "signature-input")
    digest, sender, recipient = _named(found)
    nonce = _match(_NONCE, found, "allied-nonce")[0]
    base = _base(_ANSWERED, (str(status), digest, sender, recipient, nonce), match["params"])
    return SignedAnswer(
        sender=OrganisationId(sender),
        recipient=OrganisationId(recipient),
        key=KeyId(match["key"]),
        created=int(match["created"]),
        nonce=nonce,
        digest=digest,
        base=base,
        signature=_bytes(_SIGNATURE, found, "signature"),
        sealed=match["sealed"] is not None,
        status=status,
    )


def is_signed(headers: Headers) -> bool:
    """Whether anything in `headers` claims to be a signature."""
    return any(name.lower() in {b"signature", b"signature-input"} for name, _ in headers)


def _base(names: tuple[str, ...], values: tuple[str, ...], params: str) -> bytes:
    lines = [f'"{name}": {value}' for name, value in zip(names, values, strict=True)]
    lines.append(f'"@signature-params": {params}')
    return "\n".join(lines).encode("ascii")


def _tag(sealed: bool) -> str:
    return SEALED_TAG if sealed else TAG


def _signature(params: str, signature: bytes) -> list[tuple[str, str]]:
    return [
        ("signature-input", f"allied={params}"),
        ("signature", f"allied=:{base64.b64encode(signature).decode()}:"),
    ]


_READ: Final = frozenset(
    {"content-digest", "allied-from", "allied-to", "allied-nonce", "signature-input", "signature"}
)


def _fields(headers: Headers) -> dict[str, str]:
    """The headers of this profile by lowercase name, each at most once."""
    found: dict[str, str] = {}
    for count, (raw_name, raw_value) in enumerate(headers):
        if count == MAX_HEADERS:
            raise _malformed("there are too many headers")
        name = raw_name.decode("latin-1").lower()
        if name not in _READ:
            continue
        if name in found:
            raise _malformed("a signed header stands twice")
        found[name] = raw_value.decode("latin-1")
    return found


def _match(pattern: re.Pattern[str], found: Mapping[str, str], name: str) -> re.Match[str]:
    match = pattern.fullmatch(found.get(name, ""))
    if match is None:
        raise _malformed(f"the header {name} is missing or not as agreed")
    return match


def _named(found: Mapping[str, str]) -> tuple[str, str, str]:
    """content-digest, allied-from and allied-to."""
    _bytes(_DIGEST, found, "content-digest")
    return (
        found["content-digest"],
        _match(_ORGANISATION, found, "allied-from")[0],
        _match(_ORGANISATION, found, "allied-to")[0],
    )


def _bytes(pattern: re.Pattern[str], found: Mapping[str, str], name: str) -> bytes:
    """The byte sequence in a header, spelled in the one canonical way of base64."""
    text = _match(pattern, found, name)["bytes"]
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise _malformed(f"the header {name} is not base64") from error
    if base64.b64encode(raw).decode() != text:
        raise _malformed(f"the header {name} is not canonical base64")
    return raw


def _malformed(message: str) -> MalformedError:
    return MalformedError("wire.signature", message)
