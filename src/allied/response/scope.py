"""Whether one act lies inside what a clause speaks about: place, target, system, sector.

A scope is a few tests that all have to hold; each is asked of one act, by itself. A clause
may name several scopes, and one that holds is enough.

Rules that hold everywhere below. What the act does not say is unknown, never skipped: an act
without a latitude is neither north nor south of anything. One test that is clearly outside
settles the matter even when another input is missing. Places match by overlap of tags; there
is no map and no hierarchy, so an act lists every tag that applies to it. A contested scope
answers unknown, unless another test puts the act outside.

Of systems, `domain:` covers the domain and everything below it, `net:` covers addresses and
networks contained in it, anything else (`asn:`, `account:`) has to be equal.

Source: agreement format, "Scope" and the points settled on gate G5.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class Finding:
    """One test, asked: the answer, why, which field of the act, and what it should hold."""

    answer: Answer
    because: str
    field: str
    wanted: str = ""


def within(area: Area, act: Where) -> tuple[Finding, ...]:
    """Ask every test of `area` about `act`. No tests at all is everywhere."""
    found = []
    if area.targets:
        found.append(_listed("target", "target", _one(act.target), area.targets, area.name))
    if area.places:
        found.append(_listed("places", "place", act.places, area.places, area.name))
    if area.north_of_latitude is not None:
        found.append(_north(act.latitude, area.north_of_latitude, area.name))
    if area.systems:
        found.append(_systems(act.systems, area.systems, area.name))
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


def in_one_of(areas: Sequence[Area], act: Where) -> Scoped:
    """Ask whether `act` lies in at least one of `areas`; no areas at all is everywhere."""
    if not areas:
        return Scoped(Answer.YES)
    asked = [within(area, act) for area in areas]
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


def _systems(given: tuple[str, ...] | None, patterns: tuple[str, ...], name: str) -> Finding:
    change = patterns[0]
    if given is None:
        return Finding(
            Answer.UNKNOWN, f"no systems are stated, and {name} lists some", "systems", change
        )
    for system in given:
        for pattern in patterns:
            if covers(system, pattern):
                return Finding(Answer.YES, f"system {system} is in {name}", "systems")
    stated = ", ".join(given) or "none"
    return Finding(Answer.NO, f"system {stated} is outside {name}", "systems", change)


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
