"""Who may see what, and which records may cite which.

A circle is a fixed set of parties of one agreement; its id is the digest of its
descriptor, so a change of members makes another circle. Some circles stand from the
start: all parties, those who vote, each body, each pair. The others are opened by a
record for one purpose (an incident, a proposal, an obligation, a loan). Whether a party
may open one, and which organisation a party is, is decided elsewhere.

Words used here:
    standing   follows from the agreement itself; nobody opens it
    opened     made by a `circle.open` record
    covers     everybody in the narrower circle is in the wider one too

Rule: a record cites its own circle and standing circles that cover it, never a narrower
one, so whoever may read a record may read everything it rests on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from allied.errors import MalformedError, UnverifiedError, UsageError
from allied.record import canonical
from allied.record.canonical import Json
from allied.record.ids import AgreementId, CircleId, Digest, PartyId, digest_text, party_id

if TYPE_CHECKING:
    from allied.record.record import Record

FORMAT: Final = "circle/1"
MAX_MEMBERS: Final = 10_000

ALL: Final = "all"
VOTERS: Final = "voters"
PAIR: Final = "pair"
BODY: Final = "body:"
OPENED: Final = frozenset({"incident", "proposal", "obligation", "loan"})
"""Purposes for which a circle may be opened."""


@dataclass(frozen=True, slots=True)
class Circle:
    """A fixed set of parties of one agreement.

    Attributes:
        id: digest of the canonical descriptor.
        agreement: the agreement whose parties they are.
        members: their labels in it.
        purpose: "all", "voters", "pair", "body:" and its name, or one of `OPENED`.
        version: the agreement version under which it was made.
        nonce: 32 lowercase hex digits; for standing circles that of the agreement.
    """

    id: CircleId
    agreement: AgreementId
    members: frozenset[PartyId]
    purpose: str
    version: Digest
    nonce: str

    @property
    def standing(self) -> bool:
        """Whether it follows from the agreement itself."""
        return self.purpose not in OPENED

    @property
    def kind(self) -> str:
        """The purpose without a body's name: what the table of kinds speaks of."""
        return "body" if self.purpose.startswith(BODY) else self.purpose

    def to_json(self) -> dict[str, Json]:
        """The descriptor whose digest is the id."""
        return {
            "agreement": self.agreement,
            "format": FORMAT,
            "members": sorted(self.members),
            "nonce": self.nonce,
            "purpose": self.purpose,
            "version": self.version,
        }


@dataclass(frozen=True, slots=True)
class Standing:
    """The circles that stand from the start of an agreement version.

    Pairs are made when asked for: an agreement of n parties has n(n-1)/2 of them.
    """

    all: Circle
    voters: Circle
    bodies: Mapping[str, Circle]
    _pairs: dict[tuple[PartyId, PartyId], Circle] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def pair(self, a: PartyId, b: PartyId) -> Circle:
        """The circle of two parties, in either order.

        Raises:
            UsageError: `circle.not-a-pair` for one party twice, or a stranger.
        """
        if a == b or not {a, b} <= self.all.members:
            raise UsageError("circle.not-a-pair", "a pair is two different parties")
        names = (a, b) if a < b else (b, a)
        found = self._pairs.get(names)
        if found is None:
            found = circle(
                self.all.agreement, frozenset(names), PAIR, self.all.version, self.all.nonce
            )
            self._pairs[names] = found
        return found

    def size(self, circle: CircleId) -> int:
        """How many members a standing circle has; 0 for a circle that is none of them."""
        for each in (self.all, self.voters, *self.bodies.values()):
            if each.id == circle:
                return len(each.members)
        pairs = itertools.combinations(sorted(self.all.members), 2)
        return 2 if any(self.pair(*pair).id == circle for pair in pairs) else 0

    def of(self, party: PartyId) -> Mapping[CircleId, Circle]:
        """Every standing circle that `party` is in, its pairs included."""
        circles = [self.all, self.voters, *self.bodies.values()]
        circles += [self.pair(party, each) for each in self.all.members - {party}]
        return {each.id: each for each in circles if party in each.members}


def circle(
    agreement: AgreementId,
    members: Iterable[PartyId],
    purpose: str,
    version: Digest,
    nonce: str,
) -> Circle:
    """Make a circle and name it.

    Raises:
        MalformedError: `circle.shape`, or what `ids` refuses.
    """
    return read(
        {
            "agreement": agreement,
            "format": FORMAT,
            "members": sorted(frozenset(members)),
            "nonce": nonce,
            "purpose": purpose,
            "version": version,
        }
    )


def circle_id(descriptor: Json) -> CircleId:
    """The id of the circle that `descriptor` describes: its canonical digest."""
    return CircleId(canonical.digest(canonical.encode(descriptor)))


def read(descriptor: Json) -> Circle:
    """Read the descriptor of a circle.

    Raises:
        MalformedError: `circle.shape` for unknown or missing keys, members that are not
            sorted, unique and at least one, an unknown purpose, a pair that is not two.
    """
    if not isinstance(descriptor, dict) or descriptor.keys() != {
        "agreement", "format", "members", "nonce", "purpose", "version"
    }:  # fmt: skip
        raise _shape("a circle does not have exactly the keys of its format")
    if descriptor["format"] != FORMAT:
        raise _shape("a circle's format is not known")
    members = descriptor["members"]
    if not isinstance(members, (list, tuple)) or not 0 < len(members) <= MAX_MEMBERS:
        raise _shape(f"a circle has between 1 and {MAX_MEMBERS} members")
    names = [party_id(each) for each in members]
    if any(a >= b for a, b in itertools.pairwise(names)):
        raise _shape("the members of a circle are not sorted, or one stands twice")
    purpose, nonce = descriptor["purpose"], descriptor["nonce"]
    if not isinstance(purpose, str) or not _is_purpose(purpose):
        raise _shape("a circle's purpose is not known")
    if purpose == PAIR and len(names) != 2:
        raise _shape("a pair has two members")
    if not isinstance(nonce, str) or len(nonce) != 32 or set(nonce) - set("0123456789abcdef"):
        raise _shape("a circle's nonce is not 32 lowercase hex digits")
    return Circle(
        id=circle_id(descriptor),
        agreement=AgreementId(digest_text(descriptor["agreement"], "a circle's agreement")),
        members=frozenset(names),
        purpose=purpose,
        version=Digest(digest_text(descriptor["version"], "a circle's version")),
        nonce=nonce,
    )


def standing_circles(
    agreement: AgreementId,
    version: Digest,
    nonce: str,
    parties: Iterable[PartyId],
    voters: Iterable[PartyId],
    bodies: Mapping[str, Iterable[PartyId]],
) -> Standing:
    """The circles that follow from an agreement version.

    Args:
        agreement: the agreement.
        version: its version.
        nonce: that of its genesis, 32 lowercase hex digits.
        parties: everybody.
        voters: those who vote, at least one.
        bodies: the members of each body by its name; one without members has no circle.

    Raises:
        UsageError: `circle.stranger`, if a voter or a body's member is no party.
    """
    everybody = frozenset(parties)
    seats = {name: frozenset(members) for name, members in bodies.items()}
    entitled = frozenset(voters)
    if not entitled <= everybody or any(not each <= everybody for each in seats.values()):
        raise UsageError("circle.stranger", "a voter or a body's member is not a party")
    return Standing(
        all=circle(agreement, everybody, ALL, version, nonce),
        voters=circle(agreement, entitled, VOTERS, version, nonce),
        bodies={
            name: circle(agreement, seats[name], BODY + name, version, nonce)
            for name in sorted(seats)
            if seats[name]
        },
    )


def covers(wide: Circle, narrow: Circle) -> bool:
    """Whether everybody in `narrow` is in `wide` too, in the same agreement."""
    return wide.agreement == narrow.agreement and wide.members >= narrow.members


def check_deps(record: Record, circles: Mapping[CircleId, Circle]) -> None:
    """Return if `record` cites only what all its readers may read.

    Args:
        record: the record.
        circles: the circles known, by id; its own among them.

    Raises:
        UnverifiedError: `circle.unknown` for a circle not given, `circle.not-standing`
            for another opened circle, `circle.narrower` for one that does not cover its
            own.
    """
    header = record.header
    own = circles.get(header.circle)
    if own is None or own.agreement != header.agreement:
        raise UnverifiedError("circle.unknown", "a record stands in a circle not known here")
    for dep in header.deps:
        if dep.circle == own.id:
            continue
        cited = circles.get(dep.circle)
        if cited is None:
            raise UnverifiedError("circle.unknown", "a record cites a circle not known here")
        if not cited.standing:
            raise UnverifiedError("circle.not-standing", "a record cites another opened circle")
        if not covers(cited, own):
            raise UnverifiedError(
                "circle.narrower", "a record cites a circle narrower than its own"
            )


def _is_purpose(purpose: str) -> bool:
    if purpose.startswith(BODY):
        party_id(purpose.removeprefix(BODY))
        return True
    return purpose in OPENED or purpose in {ALL, VOTERS, PAIR}


def _shape(message: str) -> MalformedError:
    return MalformedError("circle.shape", message)
