"""What a holder may do with an item: the strictest of its markings and its clause.

A feed that blocks, a hunt in one's own logs and a question to a service outside are actions
of different visibility. IEP and the agreement name five levels, PAP four; here they are one
scale, and one question: may this item be used for that?

Words used here:
    action    how visible what is done with an item becomes, from nothing to acting outside
    ceiling   the most visible action that is permitted

Rules that hold everywhere here. The strictest of all markings and the clause holds. A term
that is not understood permits nothing. Asking the originator first is no action by itself:
where a ceiling is `contact-for-instruction`, everything above is refused until the
originator's instruction is there, and software does not judge instructions.

PAP on that scale: RED is what stays inside (nobody outside can notice), AMBER allows what is
seen outside indirectly (questions to services of others), GREEN and CLEAR allow acting.

Source: IEP 2.0 (FIRST), permitted actions; PAP as MISP's taxonomy describes it.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from allied.agreement.clauses import InformationSharing
from allied.errors import RefusedError
from allied.exchange.handling import Handling


class Action(IntEnum):
    """How visible what is done with an item becomes; a higher one includes the lower ones."""

    NONE = 0
    CONTACT = 1
    INTERNAL = 2
    INDIRECT = 3
    DIRECT = 4

    @property
    def label(self) -> str:
        """As clauses spell it: `internally-visible`."""
        return _LABELS[self]


_LABELS: Final = {
    Action.NONE: "none",
    Action.CONTACT: "contact-for-instruction",
    Action.INTERNAL: "internally-visible",
    Action.INDIRECT: "externally-visible-indirect",
    Action.DIRECT: "externally-visible-direct",
}
_BY_WORD: Final = {label: action for action, label in _LABELS.items()} | {
    f"{label}-actions": action for action, label in _LABELS.items()
}
_BY_COLOUR: Final = {
    "red": Action.INTERNAL,
    "amber": Action.INDIRECT,
    "green": Action.DIRECT,
    "clear": Action.DIRECT,
}
_IEP: Final = "iep:permitted-actions="
_PAP: Final = "pap:"


def ceiling(handling: Handling, clause: InformationSharing | None = None) -> Action:
    """The most visible action that an item's markings, and its clause, permit.

    Args:
        handling: as its originator stated it.
        clause: the clause under which it was received; None for the markings alone.
    """
    found = [Action.DIRECT if clause is None else _BY_WORD[clause.permitted_actions]]
    for term in handling.terms:
        if term.startswith(_IEP):
            found.append(_BY_WORD.get(term.removeprefix(_IEP), Action.NONE))
        elif term.startswith(_PAP):
            found.append(_BY_COLOUR.get(term.removeprefix(_PAP), Action.NONE))
    return min(found)


def may(action: Action, handling: Handling, clause: InformationSharing | None = None) -> bool:
    """Whether an item may be used for an action."""
    return action <= ceiling(handling, clause)


def require(action: Action, handling: Handling, clause: InformationSharing | None = None) -> None:
    """Return if an item may be used for an action.

    Raises:
        RefusedError: `exchange.action-not-permitted`.
    """
    most = ceiling(handling, clause)
    if action > most:
        raise RefusedError(
            "exchange.action-not-permitted",
            f"its marking or clause permits {most.label} and no more",
            hint="ask the originator",
            facts={"asked": action.label, "permitted": most.label},
        )


def may_be_sold(handling: Handling, clause: InformationSharing) -> bool:
    """Whether an item may be sold on unmodified: only where markings and clause both say so."""
    return clause.resale == "may" and "iep:unmodified-resale=must-not" not in handling.terms


def serves(purpose: str, clause: InformationSharing) -> bool:
    """Whether a clause lets its items be used for a purpose, in the words of the clause.

    Compared without case; a clause that names no purpose serves any.
    """
    asked = purpose.strip().casefold()
    return not clause.purpose or asked in {each.strip().casefold() for each in clause.purpose}
