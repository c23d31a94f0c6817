"""The signed word on what an item was made from: an extract, or a redaction of others' items.

A statement (`statement`) says whose item something is; this says from what it was made. It
is an envelope of its own that travels with the item through every hop, and the item's
statement names it among the terms of its handling, so that nobody can take it off on the way.

Words used here:
    source       what something was made from; named by a salted digest, so that the item
                 shows who its sources are by, and not which of their items they were
    extract      made by the originator of every source, in order that it be passed on; it is
                 judged by its own marking (`onward`)
    redaction    made by somebody who holds others' items; it is handled at least as strictly
                 as each of them, and goes to whom each of them may be passed on

Rules that hold everywhere here. What is signed is canonical bytes. An extract of somebody
else's item is none. A term that names a derivation which did not come along, or does not fit,
makes the item worthless: it is refused.

Source: DOMAIN on `sanitised_of`, tear-lines and derived markings (P16).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from allied.errors import MalformedError, UnverifiedError
from allied.exchange.handling import HandlingClass
from allied.exchange.lineage import ItemName
from allied.record import envelope
from allied.record.canonical import Json, decode, digest, encode
from allied.record.ids import (
    Digest,
    KeyId,
    OrganisationId,
    PartyId,
    digest_text,
    party_id,
)
from allied.record.keys import PublicKey, Signer

FORMAT: Final = "derivation/1"
PAYLOAD_TYPE: Final = "application/vnd.allied.derivation.v1+json"
EXTRACT, REDACTION = "extract", "redaction"
MAX_SOURCES: Final = 1_000
MAX_BYTES: Final = 512 << 10
SALT_BYTES: Final = 16

_TERM: Final = "allied:{}="
_TERMS: Final = {how: _TERM.format(how) for how in (EXTRACT, REDACTION)}
_FIELDS: Final = frozenset({"format", "by", "agreement", "how", "sources", "at"})


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """One thing that went into an item.

    Attributes:
        originator: whose it is.
        name: salted digest of which item it is; see `name_of`.
    """

    originator: PartyId
    name: Digest


@dataclass(frozen=True, slots=True)
class Derivation:
    """What somebody says its items were made from.

    Attributes:
        by: the organisation that made them, and signs.
        agreement: commitment to the agreement, see `statement.commitment`.
        how: `extract` or `redaction`.
        sources: sorted; never empty.
        at: when, by its claim, to the second.
    """

    by: OrganisationId
    agreement: Digest
    how: str
    sources: tuple[Source, ...]
    at: datetime

    @property
    def originators(self) -> tuple[PartyId, ...]:
        """Whose items went into it, each once, sorted."""
        return tuple(sorted({each.originator for each in self.sources}))

    def payload(self) -> bytes:
        """The canonical bytes that are signed."""
        sources: list[Json] = [[each.originator, each.name] for each in sorted(self.sources)]
        return encode(
            {
                "format": FORMAT,
                "by": self.by,
                "agreement": self.agreement,
                "how": self.how,
                "sources": sources,
                "at": self.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
        )


@dataclass(frozen=True, slots=True, order=True)
class Derived:
    """A derivation as the handling of an item names it."""

    how: str
    name: Digest

    @property
    def term(self) -> str:
        """As it stands among the terms of a handling."""
        return _TERMS[self.how] + self.name


def name_of(item: ItemName, salt: bytes) -> Digest:
    """Commit to one version of an item without naming it.

    Raises:
        ValueError: the salt does not have 16 bytes.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes")
    return digest(
        encode(
            {
                "id": item.id,
                "originator": item.originator,
                "salt": salt.hex(),
                "version": item.version,
            }
        )
    )


def sign(derivation: Derivation, signer: Signer) -> bytes:
    """The bytes of its envelope, signed with its author's key for automatic records.

    Raises:
        ValueError: no sources, or more than 1,000.
    """
    if not 1 <= len(derivation.sources) <= MAX_SOURCES:
        raise ValueError(f"something is made from 1 to {MAX_SOURCES} sources")
    return envelope.encode(envelope.sign(PAYLOAD_TYPE, derivation.payload(), [signer]))


def read(raw: bytes, keys: Mapping[KeyId, PublicKey] | None) -> Derivation:
    """Read a derivation and hold its signature against its author's keys.

    Args:
        keys: every key for automatic records that the author has ever had; None for bytes
            that are stored here, and were held against them before.

    Raises:
        MalformedError: it is none: `exchange.bad-derivation` or a code of `record`.
        UnverifiedError: `exchange.derivation-unproved`: none of the keys signed it.
    """
    sealed = envelope.parse(raw, limit=MAX_BYTES)
    if sealed.payload_type != PAYLOAD_TYPE:
        raise _bad()
    if keys is not None and not envelope.valid_signers(sealed, keys):
        raise unproved()
    value = decode(sealed.payload, limit=MAX_BYTES)
    if not isinstance(value, Mapping) or set(value) != _FIELDS or value["format"] != FORMAT:
        raise _bad()
    sources, how = value["sources"], value["how"]
    if how not in _TERMS or not isinstance(sources, list):
        raise _bad()
    if not 1 <= len(sources) <= MAX_SOURCES:
        raise _bad()
    try:
        at = datetime.strptime(str(value["at"]), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise _bad() from None
    found = Derivation(
        OrganisationId(digest_text(value["by"], "an author")),
        Digest(digest_text(value["agreement"], "the commitment")),
        str(how),
        tuple(_source(each) for each in sources),
        at,
    )
    if found.payload() != sealed.payload:
        raise _bad()
    return found


def named_in(handling: HandlingClass) -> tuple[Derived, ...]:
    """The derivations that a class names, sorted; a link may have several, through its ends.

    Raises:
        UnverifiedError: `exchange.derivation-unproved`: something else stands in their place.
    """
    terms = {term for each in handling.demands for term in _terms(each.handling.terms)}
    return tuple(_derived(term) for term in sorted(terms))


def is_extract(handling: HandlingClass) -> bool:
    """Whether a class is of extracts that their originator supplied to be passed on."""
    return all(
        each.originator == handling.originator
        and any(term.startswith(_TERMS[EXTRACT]) for term in each.handling.terms)
        for each in handling.demands
    )


def require_fit(
    derivations: Mapping[Derived, Derivation],
    handling: HandlingClass,
    *,
    originator: OrganisationId,
    agreement: Digest,
) -> None:
    """Return if derivations are what an item's statement says they are.

    Args:
        derivations: by the names in the item's handling, as `read` gives them, so that their
            signatures hold.
        handling: what the originator stated for the item.
        originator: whose item it is said to be.
        agreement: the commitment to the agreement under which it came.

    Raises:
        UnverifiedError: `exchange.derivation-unproved`.
    """
    mine = handling.originator
    asked = {each.originator for each in handling.demands} - {mine}
    needed: set[PartyId] = set()
    for derived, found in derivations.items():
        others = set(found.originators) - {mine}
        if (
            (found.by, found.agreement, found.how) != (originator, agreement, derived.how)
            or (found.how == EXTRACT and others)
            or (found.how == REDACTION and not others)
        ):
            raise unproved()
        needed |= others
    if asked != needed:  # whose items went into something has a say in where it goes
        raise unproved()


def unproved() -> UnverifiedError:
    """The refusal of an item whose derivation is missing or is another one."""
    return UnverifiedError(
        "exchange.derivation-unproved",
        "an item is said to be made from others, and what came along does not show it",
        hint="ask its originator for it again; do not use it",
    )


def _terms(terms: Iterable[str]) -> list[str]:
    return [each for each in terms if each.startswith(tuple(_TERMS.values()))]


def _derived(term: str) -> Derived:
    how = next(how for how, start in _TERMS.items() if term.startswith(start))
    try:
        return Derived(how, Digest(digest_text(term.removeprefix(_TERMS[how]), "a derivation")))
    except MalformedError:
        raise unproved() from None


def _source(value: Json) -> Source:
    if not isinstance(value, list) or len(value) != 2:
        raise _bad()
    return Source(party_id(value[0]), Digest(digest_text(value[1], "a source")))


def _bad() -> MalformedError:
    return MalformedError("exchange.bad-derivation", "this is not a derivation")
