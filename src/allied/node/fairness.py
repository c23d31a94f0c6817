"""Which of many chains are named where not all of them fit.

Whoever holds an agreement's keys can open as many chains as it likes (incarnations, circles
of its own). Where a list of heads is bounded, one issuer with many chains must not crowd out
the others: every issuer gets its first chain in before any gets its second.

Words used here:
    first    a chain of a lower incarnation comes before one of a higher, then by circle
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from allied.record.ids import CircleId, OrganisationId


class _OfAChain(Protocol):
    """What names a chain: a head, a dep."""

    @property
    def circle(self) -> CircleId: ...
    @property
    def issuer(self) -> OrganisationId: ...
    @property
    def incarnation(self) -> int: ...


T = TypeVar("T", bound=_OfAChain)


def fair_share(found: Iterable[T], limit: int) -> list[T]:
    """At most `limit` of `found`, issuer by issuer in turn; all of them where they fit."""
    given = list(found)
    if len(given) <= limit:
        return given
    turns: Counter[OrganisationId] = Counter()
    ranked: list[tuple[int, OrganisationId, int, T]] = []
    for each in sorted(given, key=lambda one: (one.incarnation, one.circle)):
        ranked.append((turns[each.issuer], each.issuer, len(ranked), each))
        turns[each.issuer] += 1
    ranked.sort(key=lambda entry: entry[:3])
    return [each for *_, each in ranked[:limit]]
