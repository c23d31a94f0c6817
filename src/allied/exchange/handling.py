"""Everything that a release decision looks at, as one small value.

Thousands of items differ in content and not in handling. A *handling class* is one distinct
combination of what policy asks for; a verdict is taken once per recipient and class, and a
page of items is then a range of stored rows. What the values mean is for `marking` (where
they come from) and `policy` (whom they let through).

Words used here:
    handling    how one object may be handled: TLP, audience, caveats, terms, end
    demand      a kind of intelligence under a handling, from one originator: what a
                recipient has to be allowed
    class       demands that must all be allowed; an ordinary item has one, a link has one
                per end, each at least as strict as the link
    along       for companions: classes of which one must be allowed as well, because a
                companion goes only with something that refers to it

Rules that hold everywhere here. Handlings form a lattice: joining two never gives anybody
more. An audience of nobody is an audience; only `None` means that none was named. The key
of a class is the digest of its canonical form, the same on every node.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from allied.agreement.values import Tlp
from allied.errors import MalformedError
from allied.exchange.stix import Kind
from allied.record.canonical import Json, decode, digest, encode
from allied.record.ids import Digest, PartyId, digest_text, party_id

MAX_CLASS = 1 << 20
"""Bytes of the canonical form of one class."""

_NEVER = datetime.max.replace(tzinfo=UTC)
BEGINS = "iep:start-date="
"""The term that says from when on a policy lets anybody have what it marks."""

ANONYMOUS = "allied:anonymous"
"""The term by which an originator gives something to a secretariat alone, which makes a new item
of it without the name."""


@dataclass(frozen=True, slots=True)
class Handling:
    """How one object may be handled.

    Attributes:
        tlp: its effective TLP 2.0 marking.
        audience: the only parties it may go to; None where none were named.
        caveats: as they stand in an agreement: `ORCON`, `REL-TO`.
        terms: what markings demand of those who hold it, `iep:...` and `pap:...`; carried
            along, and read by `actions`; see `begins`. And `ANONYMOUS`, read by `policy`.
        expires: the instant from which nobody may be given it any more.
    """

    tlp: Tlp
    audience: frozenset[PartyId] | None = None
    caveats: frozenset[str] = frozenset()
    terms: frozenset[str] = frozenset()
    expires: datetime | None = None

    @property
    def begins(self) -> datetime | None:
        """The instant before which nobody may be given it, by the policies it is marked with."""
        starts = (each.removeprefix(BEGINS) for each in self.terms if each.startswith(BEGINS))
        return max((_begin(each) for each in starts), default=None)

    def joined(self, other: Handling) -> Handling:
        """The strictest of both in every respect."""
        audience = self.audience
        if other.audience is not None:
            audience = other.audience if audience is None else audience & other.audience
        ends = [each for each in (self.expires, other.expires) if each is not None]
        return Handling(
            max(self.tlp, other.tlp),
            audience,
            self.caveats | other.caveats,
            self.terms | other.terms,
            min(ends, default=None),
        )

    def canonical(self) -> dict[str, Json]:
        """As it stands in statements."""
        return {
            "tlp": self.tlp.value,
            "audience": None if self.audience is None else sorted(self.audience),
            "caveats": sorted(self.caveats),
            "terms": sorted(self.terms),
            "expires": None if self.expires is None else _instant_text(self.expires),
        }


@dataclass(frozen=True, slots=True)
class Demand:
    """What a recipient has to be allowed: a kind, under a handling, from an originator."""

    kind: Kind
    originator: PartyId
    handling: Handling

    def joined(self, handling: Handling) -> Demand:
        """The same, handled at least as strictly as `handling`."""
        return replace(self, handling=self.handling.joined(handling))

    def canonical(self) -> dict[str, Json]:
        """As it stands in statements."""
        return {
            "kind": self.kind.value,
            "originator": self.originator,
            "handling": self.handling.canonical(),
        }


@dataclass(frozen=True, slots=True)
class HandlingClass:
    """One distinct combination of what policy looks at.

    Attributes:
        originator: the party whose item it is, and who alone may release it now.
        demands: all of them must be allowed; never empty.
        along: None for what goes by itself; for a companion the keys of the classes with
            one of which it goes, and none of them means that it goes nowhere.
    """

    originator: PartyId
    demands: frozenset[Demand]
    along: frozenset[Digest] | None = None

    @property
    def tlp(self) -> Tlp:
        """The strictest marking in it."""
        return max(demand.handling.tlp for demand in self.demands)

    def demands_json(self) -> list[Json]:
        """The demands, in canonical order: what a statement says about handling."""
        return sorted((demand.canonical() for demand in self.demands), key=encode)

    def canonical(self) -> bytes:
        """The bytes that are stored and whose digest is the key."""
        return encode(
            {
                "originator": self.originator,
                "demands": self.demands_json(),
                "along": None if self.along is None else sorted(self.along),
            }
        )

    @property
    def key(self) -> Digest:
        """The digest of the canonical form."""
        return digest(self.canonical())


def strictest(handlings: Iterable[Handling]) -> Handling:
    """Join any number of handlings; of none, what anybody may have."""
    result = Handling(Tlp.CLEAR)
    for handling in handlings:
        result = result.joined(handling)
    return result


def read_class(raw: bytes) -> HandlingClass:
    """Read a class from its canonical form.

    Raises:
        MalformedError: it is not one; `exchange.bad-class` or a code of `canonical`.
    """
    value = decode(raw, limit=MAX_CLASS)
    if not isinstance(value, Mapping) or set(value) != {"originator", "demands", "along"}:
        raise _bad()
    along = value["along"]
    return HandlingClass(
        party_id(value["originator"]),
        read_demands(value["demands"]),
        None if along is None else frozenset(_class_key(each) for each in _list(along)),
    )


def read_demands(value: Json) -> frozenset[Demand]:
    """Read demands as `HandlingClass.demands_json` writes them.

    Raises:
        MalformedError: `exchange.bad-class`.
    """
    demands = frozenset(_demand(each) for each in _list(value))
    if not demands:
        raise _bad()
    return demands


def _demand(value: Json) -> Demand:
    if not isinstance(value, Mapping) or set(value) != {"kind", "originator", "handling"}:
        raise _bad()
    handling = value["handling"]
    if not isinstance(handling, Mapping) or set(handling) != {
        "tlp", "audience", "caveats", "terms", "expires",
    }:  # fmt: skip
        raise _bad()
    try:
        return Demand(
            Kind(str(value["kind"])),
            party_id(value["originator"]),
            Handling(
                Tlp.parse(str(handling["tlp"])),
                None
                if handling["audience"] is None
                else frozenset(party_id(each) for each in _list(handling["audience"])),
                frozenset(_text(each) for each in _list(handling["caveats"])),
                frozenset(_text(each) for each in _list(handling["terms"])),
                None if handling["expires"] is None else _read_instant(handling["expires"]),
            ),
        )
    except ValueError:
        raise _bad() from None


def _class_key(value: Json) -> Digest:
    return Digest(digest_text(value, "a class"))


def _bad() -> MalformedError:
    return MalformedError("exchange.bad-class", "this is not a handling class")


def _list(value: Json) -> list[Json]:
    if not isinstance(value, list):
        raise _bad()
    return value


def _text(value: Json) -> str:
    if not isinstance(value, str):
        raise _bad()
    return value


def _instant_text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def begins_term(at: datetime) -> str:
    """The term for a policy that begins at an instant that is a whole second."""
    return BEGINS + _instant_text(at)


def _begin(text: str) -> datetime:
    """The instant in a term; what others wrote and nobody can read never begins."""
    try:
        return _read_instant(text)
    except ValueError:
        return _NEVER


def _read_instant(value: Json) -> datetime:
    return datetime.strptime(_text(value), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
