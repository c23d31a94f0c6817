"""The kinds of identifiers, so that one is never taken for another.

All are plain text at run time. An identifier that is a digest has 64 lowercase hex
digits, a person's pseudonym has 32, a party's label is spelled as in an agreement file.
The readers below check the spelling only, never whether such a thing exists.
"""

from __future__ import annotations

import re
from typing import Final, NewType

from allied.errors import MalformedError

Digest = NewType("Digest", str)
"""SHA-256 of some bytes."""

OrganisationId = NewType("OrganisationId", str)
"""Digest of the payload of an organisation's first descriptor."""

AgreementId = NewType("AgreementId", str)
"""Digest of the canonical genesis statement of an agreement."""

CircleId = NewType("CircleId", str)
"""Digest of the canonical descriptor of a circle."""

RecordId = NewType("RecordId", str)
"""Digest of the payload of a record."""

KeyId = NewType("KeyId", str)
"""Digest of the canonical `{"alg", "key"}` of a public key."""

PersonId = NewType("PersonId", str)
"""A person's pseudonym in one agreement; drawn at random, means nothing elsewhere."""

PartyId = NewType("PartyId", str)
"""A party's label in one agreement."""

_HEX_64: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_HEX_32: Final = re.compile(r"[0-9a-f]{32}", re.ASCII)
_LABEL: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)


def is_digest(value: object) -> bool:
    """Whether `value` is text of exactly 64 lowercase hex digits."""
    return isinstance(value, str) and _HEX_64.fullmatch(value) is not None


def digest_text(value: object, what: str) -> str:
    """Return `value` if it is spelled like a digest.

    Args:
        value: anything, straight from parsed JSON.
        what: what it is, for the refusal: "the previous record".

    Raises:
        MalformedError: `ids.not-a-digest`.
    """
    if isinstance(value, str) and _HEX_64.fullmatch(value):
        return value
    raise MalformedError("ids.not-a-digest", f"{what} is not 64 lowercase hex digits")


def person_id(value: object) -> PersonId:
    """Return `value` as a person's pseudonym.

    Raises:
        MalformedError: `ids.not-a-person`, unless it is 32 lowercase hex digits.
    """
    if isinstance(value, str) and _HEX_32.fullmatch(value):
        return PersonId(value)
    raise MalformedError("ids.not-a-person", "a person's id is not 32 lowercase hex digits")


def party_id(value: object) -> PartyId:
    """Return `value` as a party's label: a letter, then letters, digits and hyphens.

    Raises:
        MalformedError: `ids.not-a-party`, also past 64 characters.
    """
    if isinstance(value, str) and _LABEL.fullmatch(value):
        return PartyId(value)
    raise MalformedError(
        "ids.not-a-party",
        "a party's id is not a letter followed by letters, digits and hyphens",
        facts={"limit": 64},
    )
