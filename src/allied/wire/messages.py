"""What nodes say to each other before any use case is asked: introductions and refusals.

The questions and answers of the use cases are in `allied.node.messages`; here is only what
the connection itself needs. All of it is canonical JSON.

Rules. What was refused is never repeated in a refusal: a code, and for a refusal by time
the answerer's time. Every size and count is bounded before it is looked at.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from allied.errors import MalformedError
from allied.record.canonical import decode, encode
from allied.wire.paths import MAX_ERROR, MAX_IDENTITIES

MAX_ORGANISATIONS: Final = 256
"""How many organisations one node introduces."""

MAX_DESCRIPTORS: Final = 256
"""How long one identity chain is."""

WRONG_TIME: Final = "peer.time"
"""The code of a refusal that is only for the time of the request."""

_CODE: Final = re.compile(r"[a-z0-9-]{1,40}(?:\.[a-z0-9-]{1,40}){1,3}", re.ASCII)


def encode_identities(chains: Sequence[Sequence[bytes]]) -> bytes:
    """`{"identities": [[descriptor, ...], ...]}`, each descriptor's exact bytes in base64."""
    return encode(
        {"identities": [[base64.b64encode(raw).decode() for raw in chain] for chain in chains]}
    )


def decode_identities(raw: bytes) -> tuple[tuple[bytes, ...], ...]:
    """Read what `encode_identities` writes; whether a chain holds is not looked at.

    Raises:
        MalformedError: `wire.identities`, or a code of `allied.record.canonical`.
    """
    value = decode(raw, limit=MAX_IDENTITIES)
    if not isinstance(value, dict) or value.keys() != {"identities"}:
        raise _identities("an introduction is not an object of identities")
    chains = value["identities"]
    if not isinstance(chains, list) or len(chains) > MAX_ORGANISATIONS:
        raise _identities("the identities are not a list, or too many")
    return tuple(_chain(chain) for chain in chains)


def _chain(chain: object) -> tuple[bytes, ...]:
    if not isinstance(chain, list) or not 0 < len(chain) <= MAX_DESCRIPTORS:
        raise _identities("an identity is not a list of descriptors, or too long")
    descriptors = []
    for text in chain:
        if not isinstance(text, str):
            raise _identities("a descriptor is not text")
        try:
            raw = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise _identities("a descriptor is not base64") from error
        if base64.b64encode(raw).decode() != text:
            raise _identities("a descriptor is not canonical base64")
        descriptors.append(raw)
    return tuple(descriptors)


def _identities(message: str) -> MalformedError:
    return MalformedError("wire.identities", message)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a known caller gets no answer.

    Attributes:
        code: stable: `agreement.unknown-rules`.
        time: milliseconds since 1970 by the answerer, with `WRONG_TIME` only.
    """

    code: str
    time: int | None = None

    def encode(self) -> bytes:
        """`{"error": {"code", "time"?}}`."""
        error: dict[str, str | int] = {"code": self.code}
        if self.time is not None:
            error["time"] = self.time
        return encode({"error": error})

    @classmethod
    def decode(cls, raw: bytes) -> Refusal:
        """Read what `encode` writes.

        Raises:
            MalformedError: `wire.refusal`, or a code of `allied.record.canonical`.
        """
        value = decode(raw, limit=MAX_ERROR)
        error = value.get("error") if isinstance(value, dict) and len(value) == 1 else None
        if not isinstance(error, Mapping) or not {"code"} <= error.keys() <= {"code", "time"}:
            raise MalformedError("wire.refusal", "a refusal is not an object of error")
        code, time = error["code"], error.get("time")
        if not isinstance(code, str) or _CODE.fullmatch(code) is None:
            raise MalformedError("wire.refusal", "the code of a refusal is not one")
        if time is not None and (not isinstance(time, int) or isinstance(time, bool) or time < 0):
            raise MalformedError("wire.refusal", "the time of a refusal is not one")
        if (time is None) == (code == WRONG_TIME):
            raise MalformedError("wire.refusal", "a refusal has a time exactly if it is for it")
        return cls(code, time)
