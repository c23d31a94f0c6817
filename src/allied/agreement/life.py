"""How an agreement begins and ends, as its text says it.

Declarations only; whether it is in force at a moment is decided by `agreement.standing`.

Source: agreement format, "Life"; NATO 11 and 13, Rio 22, 1892 Art 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Annotated, Final, TypeAlias

from allied.agreement.clauses import (
    Withdrawal,
)
from allied.agreement.scalars import (
    COUNT,
    DAY,
    DURATION,
    FRACTION,
    INTERVAL,
    SENTENCE,
    YES_NO,
    Choice,
    Name,
    Ref,
)
from allied.agreement.shape import (
    EXCHANGE,
    LIFE,
    RESPONSE,
    SHOWN,
    Field,
    Group,
    Many,
)
from allied.agreement.values import Duration, Interval

Day: TypeAlias = date


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryCondition:
    """When the agreement enters into force; all that is named must hold.

    `in_force_when: all signed`, `all ratified` and a day are short for the whole.
    """

    all: Annotated[
        str,
        Field(
            Choice({"signed": "signed", "ratified": "ratified"}, "`signed` or `ratified`"),
            "All parties have {} it.",
            LIFE,
            "Not all parties are needed.",
        ),
    ] = ""
    majority_ratified: Annotated[
        bool,
        Field(
            YES_NO,
            "More than half of the parties have ratified it.",
            LIFE,
            "No majority of ratifications is asked for.",
        ),
    ] = False
    count: Annotated[
        int | None,
        Field(COUNT, "Parties needed: at least {}.", LIFE, "No number of parties is set."),
    ] = None
    share: Annotated[
        Fraction | None,
        Field(FRACTION, "At least {} of the parties.", LIFE, "No share of the parties is set."),
    ] = None
    of: Annotated[
        str,
        Field(
            Choice(
                {"signed": "have signed", "ratified": "have ratified"}, "`signed` or `ratified`"
            ),
            "Those counted {}.",
            LIFE,
        ),
    ] = "ratified"
    including: Annotated[
        tuple[str, ...],
        Field(
            Many(Ref("party"), "parties"), "Among them {}.", LIFE, "No party must be among them."
        ),
    ] = ()
    date: Annotated[Day | None, Field(DAY, "Not before {}.", LIFE, "No day is set.")] = None

    @property
    def asks_ratification(self) -> bool:
        """Whether a party is bound by its ratification rather than by its signature."""
        if self.all:
            return self.all == "ratified"
        if self.majority_ratified:
            return True
        counts = self.count is not None or self.share is not None or bool(self.including)
        return counts and self.of == "ratified"


_ENTRY_WORDS: Final[Mapping[str, EntryCondition]] = {
    "all signed": EntryCondition(all="signed"),
    "all ratified": EntryCondition(all="ratified"),
}

ALL_SIGNED: Final = _ENTRY_WORDS["all signed"]

ENTRY: Final = Group(
    EntryCondition,
    "a condition of entry",
    short=_ENTRY_WORDS,
    said={"all signed": "all parties have signed", "all ratified": "all parties have ratified"},
    scalar="date",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What happens when the term is over."""

    automatic: Annotated[
        bool, Field(YES_NO, "It is renewed of itself.", LIFE, "It is not renewed of itself.")
    ] = False
    each: Annotated[
        Duration | None, Field(DURATION, "Each time for {}.", LIFE, "For another term each time.")
    ] = None
    stop_notice: Annotated[
        Duration | None,
        Field(
            DURATION,
            "A party can stop that by notice of {} before.",
            LIFE,
            "A party can stop that up to the last day.",
        ),
    ] = None


NO_RENEWAL: Final = Renewal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """When the agreement begins, and how it ends."""

    signature_window: Annotated[
        Interval | None,
        Field(INTERVAL, "It can be signed {}.", LIFE, "It can be signed at any time."),
    ] = None
    in_force_when: Annotated[
        EntryCondition,
        Field(
            ENTRY,
            "It enters into force once {}.",
            LIFE,
        ),
    ] = ALL_SIGNED
    entry_deadline: Annotated[
        date | None,
        Field(
            DAY,
            "It lapses unless it is in force by {}.",
            LIFE,
            "It waits for its entry into force without end.",
        ),
    ] = None
    term: Annotated[
        Duration | None,
        Field(DURATION, "It runs for {}.", LIFE, "It runs without end."),
    ] = None
    tied_to: Annotated[
        str,
        Field(
            Name("the id of an instrument"),
            "It ends when {} ends.",
            RESPONSE,
            "It does not depend on another instrument.",
        ),
    ] = ""
    renewal: Annotated[
        Renewal,
        Field(Group(Renewal, "a renewal"), "At the end of its term: {}.", LIFE),
    ] = NO_RENEWAL
    withdrawal: Annotated[
        Withdrawal | None,
        Field(
            Group(Withdrawal, "a withdrawal"),
            "A party may leave: {}.",
            LIFE,
            "Nothing is said here about leaving.",
        ),
    ] = None
    survives_end: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "things"), "These outlive it: {}.", SHOWN, "Nothing outlives it."),
    ] = ()
    history: Annotated[
        str,
        Field(
            Choice(
                {
                    "none": "nothing of what was before",
                    "from-joining": "what happens from its joining on",
                    "all": "everything since the beginning",
                },
                "what a later party sees",
            ),
            "Who joins later sees {}.",
            EXCHANGE,
        ),
    ] = "from-joining"


AS_BY_DEFAULT: Final = Life()
