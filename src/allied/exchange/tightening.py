"""How the marking of a version that others hold already becomes stricter, and never looser.

An originator marks an item anew without a new version: a further signed statement
(`exchange.statement`) over the same bytes. It does not take the place of the first one; both
hold, and what they demand is joined. So the order in which statements arrive plays no part, and
one that is late loosens nothing.

Words used here:
    wish     what is to hold from now on, on top of what holds already
    shared   what all demands of a statement have at least in common

Rules. What holds is the join of all statements, demand by demand. A wish that names less than
what holds is refused: a looser marking is a new version. A wish that changes nothing is refused,
too, so that nobody is told for nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allied.agreement.values import Tlp
from allied.errors import RefusedError
from allied.exchange.handling import ANONYMOUS, Demand, Handling, HandlingClass, strictest
from allied.exchange.marking import NO_TIGHTENING, Tightening

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True, slots=True)
class TighterWish:
    """What is to hold from now on.

    Attributes:
        marking: TLP, audience and caveats, as when sharing.
        expires: an aware instant in whole seconds from which nobody may be given it any more.
    """

    marking: Tightening = NO_TIGHTENING
    expires: datetime | None = None

    def over(self, held: Handling) -> Handling:
        """What holds then, where something held before."""
        wanted = self.marking
        return held.joined(
            Handling(
                held.tlp if wanted.tlp is None else wanted.tlp,
                wanted.audience,
                wanted.caveats,
                wanted.terms,
                self.expires,
            )
        )


def shared(demands: Iterable[Demand]) -> Handling:
    """What all demands have at least in common: the strictest that none of them exceeds.

    Raises:
        ValueError: there is none.
    """
    handlings = [each.handling for each in demands]
    if not handlings:
        raise ValueError("a statement demands something")
    audiences = [each.audience for each in handlings]
    named = [each for each in audiences if each is not None]
    ends = [each.expires for each in handlings]
    known = [each for each in ends if each is not None]
    return Handling(
        min(each.tlp for each in handlings),
        frozenset[str]().union(*named) if len(named) == len(audiences) else None,  # type: ignore[arg-type]
        frozenset.intersection(*[each.caveats for each in handlings]),
        frozenset.intersection(*[each.terms for each in handlings]),
        max(known) if len(known) == len(ends) else None,
    )


def tightened(handling: HandlingClass, statement: Iterable[Demand]) -> HandlingClass:
    """A class once a further statement over the same bytes is known.

    The same for any order of statements, and however often one is known.
    """
    least = shared(statement)
    return replace(handling, demands=frozenset(each.joined(least) for each in handling.demands))


def tighten(handling: HandlingClass, wish: TighterWish) -> HandlingClass:
    """A class once a wish holds."""
    return replace(
        handling,
        demands=frozenset(
            replace(each, handling=wish.over(each.handling)) for each in handling.demands
        ),
    )


def require_tighter(handling: HandlingClass, wish: TighterWish) -> HandlingClass:
    """Return a class as a wish would have it; raise where that loosens it in any respect.

    Returns:
        The same class where the wish says nothing that does not hold already.

    Raises:
        RefusedError: `exchange.only-tightens`; `exchange.tightens-anonymous`, a secretariat has
            made an item of its own of it.
    """
    held = strictest(each.handling for each in handling.demands)
    if ANONYMOUS in held.terms:
        raise RefusedError(
            "exchange.tightens-anonymous",
            "a secretariat issues this as its own, and marks that as it was handed in",
            hint="recall it, and hand it in again marked as you want it",
        )
    wanted = wish.marking
    looser = []
    if wanted.tlp is not None and wanted.tlp < held.tlp:
        looser.append(f"it is TLP:{held.tlp.value}")
    if (
        wanted.audience is not None
        and held.audience is not None
        and not wanted.audience <= held.audience
    ):
        looser.append(f"it goes to {', '.join(sorted(held.audience)) or 'nobody'} alone")
    if wish.expires is not None and held.expires is not None and wish.expires > held.expires:
        looser.append("it expires earlier")
    if looser:
        raise RefusedError(
            "exchange.only-tightens",
            f"a version that is shared is only ever marked more tightly: {'; '.join(looser)}",
            hint="share a new version of it, with another `modified`, marked as you want it",
        )
    return tighten(handling, wish)


def require_change(before: Iterable[HandlingClass], after: Iterable[HandlingClass]) -> None:
    """Return if anything becomes tighter.

    Raises:
        RefusedError: `exchange.nothing-tighter`.
    """
    if list(before) == list(after):
        raise RefusedError(
            "exchange.nothing-tighter",
            "it is marked at least so tightly already",
            hint="`allied item show` says how it is handled",
        )


def is_public(handling: HandlingClass) -> bool:
    """Whether anybody may have it: it is not taken back, its holders are told."""
    return handling.tlp == Tlp.CLEAR
