"""Whether one act lies inside what a clause speaks about: place, target, system, sector.

A scope is a few tests that all have to hold; each is asked of one act, by itself. A clause
may name several scopes, and one that holds is enough.

Rules that hold everywhere below. What the act does not say is unknown, never skipped: an act
without a latitude is neither north nor south of anything. One test that is clearly outside
settles the matter even when another input is missing. Places match by overlap of tags; there
is no map and no hierarchy, so an act lists every tag that applies to it. A contested scope
answers unknown, unless another test puts the act outside.

A system that was added later, or that hangs below a named one, is in as far as the scope grows:
`none` takes in nothing that has to be stated to hang below, and nothing that came after the entry
into force; `existing` what was there by then; `future` what came later; `all` both. What nobody
states to be added counts as having been there, except where only what came later is in.

Of systems, `domain:` covers the domain and everything below it, `net:` covers addresses and
networks contained in it, anything else (`asn:`, `account:`) has to be equal.

Source: agreement format, "Scope" and the points settled on gate G5.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Protocol, TypeAlias

from allied.response.truth import Answer, all_of, any_of

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Where(Protocol):
    """What a scope looks at in an act; None where the act does not say."""

    @property
    def target(self) -> str | None: ...
    @property
    def places(self) -> tuple[str, ...] | None: ...
    @property
    def latitude(self) -> Decimal | None: ...
    @property
    def systems(self) -> tuple[str, ...] | None: ...
    @property
    def sectors(self) -> tuple[str, ...] | None: ...


@dataclass(frozen=True, slots=True)
class Area:
    """The tests of one scope; an empty tuple or None asks nothing."""

    name: str
    targets: tuple[str, ...] = ()
    places: tuple[str, ...] = ()
    north_of_latitude: Decimal | None = None
    systems: tuple[str, ...] = ()
    sectors: tuple[str, ...] = ()
    contested: bool = False
    growth: str = "none"


@dataclass(frozen=True, slots=True)
class Finding:
    """One test, asked: the answer, why, which field of the act, and what it should hold.

    Attributes:
        lacks: the fact that is missing, where it is another one than the field.
    """

    answer: Answer
    because: str
    field: str
    wanted: str = ""
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Age:
    """What is stated of a system that was added.

    Attributes:
        later: it came after the agreement entered into force; None where that is unknown.
        below: the system that it hangs below, where its name does not show that.
    """

    later: bool | None
    below: str = ""


Ages: TypeAlias = Mapping[str, Age]
"""By system."""


def within(
    area: Area, act: Where, ages: Ages | None = None, *, every: bool = False
) -> tuple[Finding, ...]:
    """Ask every test of `area` about `act`. No tests at all is everywhere.

    Args:
        ages: of the systems that were added.
        every: all systems of the act have to be inside, and not just one.
    """
    found = []
    if area.targets:
        found.append(_listed("target", "target", _one(act.target), area.targets, area.name))
    if area.places:
        found.append(_listed("places", "place", act.places, area.places, area.name))
    if area.north_of_latitude is not None:
        found.append(_north(act.latitude, area.north_of_latitude, area.name))
    if area.systems:
        found.append(_systems(act.systems, area, ages or {}, every=every))
    if area.sectors:
        found.append(_listed("sectors", "sector", act.sectors, area.sectors, area.name))
    if area.contested:
        found.append(Finding(Answer.UNKNOWN, f"{area.name} is contested", "scope", "yes"))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Scoped:
    """What several areas come to for one act.

    Attributes:
        deciding: the tests that settle it: those of the first area that holds; else what is
            unknown in the areas that are still possible; else what puts the act outside each.
        ways: for each area, the tests that would have to come out otherwise for it to hold.
    """

    answer: Answer
    deciding: tuple[Finding, ...] = ()
    ways: tuple[tuple[Finding, ...], ...] = ()


def in_one_of(
    areas: Sequence[Area], act: Where, ages: Ages | None = None, *, every: bool = False
) -> Scoped:
    """Ask whether `act` lies in at least one of `areas`; no areas at all is everywhere.

    Args:
        ages, every: as for `within`.
    """
    if not areas:
        return Scoped(Answer.YES)
    asked = [within(area, act, ages, every=every) for area in areas]
    answers = [all_of(finding.answer for finding in findings) for findings in asked]
    answer = any_of(answers)
    if answer is Answer.YES:
        return Scoped(answer, asked[answers.index(Answer.YES)])
    deciding = [
        finding
        for findings, its in zip(asked, answers, strict=True)
        if its is answer
        for finding in findings
        if finding.answer is answer
    ]
    ways = tuple(
        tuple(finding for finding in findings if finding.answer is not Answer.YES)
        for findings in asked
    )
    return Scoped(answer, tuple(dict.fromkeys(deciding)), ways)


def covers(system: str, pattern: str) -> bool:
    """Whether `pattern` of a scope covers `system` of an act; see the module for the rules."""
    kind, _, value = pattern.partition(":")
    other_kind, _, other = system.partition(":")
    if kind != other_kind:
        return False
    if kind == "domain":
        wide, narrow = _domain(value), _domain(other)
        return narrow == wide or narrow.endswith("." + wide)
    if kind == "net":
        outer, inner = _network(value), _network(other)
        if outer is None or inner is None:
            return value == other
        if isinstance(outer, ipaddress.IPv4Network) and isinstance(inner, ipaddress.IPv4Network):
            return inner.subnet_of(outer)
        if isinstance(outer, ipaddress.IPv6Network) and isinstance(inner, ipaddress.IPv6Network):
            return inner.subnet_of(outer)
        return False
    return value == other


def _listed(
    field: str, word: str, given: tuple[str, ...] | None, allowed: tuple[str, ...], name: str
) -> Finding:
    change = allowed[0]
    if given is None:
        return Finding(
            Answer.UNKNOWN, f"no {word} is stated, and {name} asks for one", field, change
        )
    matching = [entry for entry in given if entry in allowed]
    if matching:
        return Finding(Answer.YES, f"{word} {matching[0]} is in {name}", field)
    stated = ", ".join(given) or "none"
    return Finding(Answer.NO, f"{word} {stated} is outside {name}", field, change)


def _one(value: str | None) -> tuple[str, ...] | None:
    return None if value is None else (value,)


def _north(latitude: Decimal | None, bound: Decimal, name: str) -> Finding:
    limit = degrees(bound)
    change = f"north of {limit}"
    if latitude is None:
        return Finding(
            Answer.UNKNOWN,
            f"no latitude is stated, and {name} begins at {limit}",
            "latitude",
            change,
        )
    if latitude > bound:
        return Finding(
            Answer.YES,
            f"latitude {degrees(latitude)} is north of {limit}, as {name} asks",
            "latitude",
        )
    return Finding(
        Answer.NO,
        f"latitude {degrees(latitude)} is not north of {limit}, as {name} asks",
        "latitude",
        change,
    )


def _systems(given: tuple[str, ...] | None, area: Area, ages: Ages, *, every: bool) -> Finding:
    change, name = area.systems[0], area.name
    if given is None:
        return Finding(
            Answer.UNKNOWN, f"no systems are stated, and {name} lists some", "systems", change
        )
    asked = [(system, _taken_in(system, area, ages.get(system))) for system in given]
    answer = (all_of if every and asked else any_of)(its for _, its in asked)
    systems = [system for system, its in asked if its is answer]
    if answer is Answer.YES:
        return Finding(answer, f"system {systems[0]} is in {name}", "systems")
    if answer is Answer.UNKNOWN:
        return Finding(
            answer,
            f"whether system {systems[0]} was added later is not stated,"
            f" and {name} takes in {_GROWTH[area.growth]}",
            "systems",
            change,
            "systems_added",
        )
    stated = ", ".join(systems) or "none"
    grown = [system for system in systems if system in ages]
    because = f"system {stated} is outside {name}"
    if grown:
        because = f"system {grown[0]} was added, and {name} takes in {_GROWTH[area.growth]}"
    return Finding(answer, because, "systems", change)


_GROWTH = {
    "none": "nothing that is added",
    "existing": "what was there at the entry into force",
    "future": "only what came after the entry into force",
    "all": "what is added as well",
}


def _taken_in(system: str, area: Area, age: Age | None) -> Answer:
    """Whether one system is in an area, as far as the area grows."""
    if system in area.systems:
        return Answer.YES
    if any(covers(system, pattern) for pattern in area.systems):
        if age is None or age.later is None:
            return Answer.UNKNOWN if area.growth == "future" else Answer.YES
        return Answer.of(area.growth in ({"future", "all"} if age.later else _AT_ENTRY))
    if age is None or not any(covers(age.below, pattern) for pattern in area.systems):
        return Answer.NO
    if area.growth in {"none", "all"} or age.later is None:
        return _STATED_BELOW.get(area.growth, Answer.UNKNOWN)
    return Answer.of(area.growth == ("future" if age.later else "existing"))


_AT_ENTRY = frozenset({"none", "existing", "all"})
_STATED_BELOW = {"none": Answer.NO, "all": Answer.YES}


def degrees(latitude: Decimal) -> str:
    """Write a latitude for people: "51.7 S", "23.44 N"."""
    number = f"{float(abs(latitude)):.4f}".rstrip("0").rstrip(".")
    return f"{number} {'S' if latitude < 0 else 'N'}"


def _domain(value: str) -> str:
    return value.rstrip(".").casefold()


@lru_cache(maxsize=4096)
def _network(value: str) -> _Network | None:
    try:
        return ipaddress.ip_network(value, strict=False)
    except ValueError:
        return None
