"""What somebody did in good faith to save what an attack puts at risk, as it is stated.

A rescue is a fact like an act: somebody states it, later versions complete it, and whether it is
protected is for the clause (`harbour`). None is unknown.

Words used here:
    rescue    one intervention, by one rescuer for one owner, from its start to its end
    owner     whose systems are saved; `for` in a file
    added     a system that was not always there, or that hangs below another one

Source: agreement format, safe harbours; the incident format `incident/1`.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final

from allied.agreement.parts import SYSTEM, TARGETS
from allied.agreement.scalars import DECIMAL, SENTENCE
from allied.agreement.shape import RESPONSE, Field, Many
from allied.agreement.values import Table
from allied.response.fact_words import MOMENT, NAME, PHASE, SENTENCES_LIMIT, STATED, tags
from allied.response.moment import Moment

RESCUES_LIMIT: Final = 200
"""Rescues in one version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """A system that was added at some time, or that hangs below another one.

    Attributes:
        at: since when it is there.
        below: the system that it hangs below, where its name does not show that.
    """

    system: Annotated[str, Field(SYSTEM, "System {}.", RESPONSE)]
    at: Annotated[Moment | None, Field(MOMENT, "There since {}.", RESPONSE, "Unknown.")] = None
    below: Annotated[
        str | None, Field(SYSTEM, "It hangs below {}.", RESPONSE, "By its name, or below none.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rescue:
    """One intervention in good faith. None is unknown.

    Attributes:
        by: who intervened, under the name that it gives.
        owner: whose systems are saved; `for` in a file.
        phase: of the attack, when the rescue began.
        ended_at: when the intervention was over; None also while it is under way.
        conditions: those that a clause names, and whether they were kept.
        disputed_at: when the owner said that the rescue was not one.
    """

    id: Annotated[str, Field(NAME, "It is called {}.", RESPONSE)]
    by: Annotated[str | None, Field(NAME, "By {}.", RESPONSE, "By whom is unknown.")] = None
    owner: Annotated[
        str | None, Field(NAME, "For {}.", RESPONSE, "For whom is unknown.", key="for")
    ] = None
    target: Annotated[str | None, Field(TARGETS, "It saved {}.", RESPONSE, "Unknown.")] = None
    places: Annotated[
        tuple[str, ...] | None, Field(tags("places"), "Places: {}.", RESPONSE, "Unknown.")
    ] = None
    latitude: Annotated[
        Decimal | None, Field(DECIMAL, "Latitude {}, north positive.", RESPONSE, "Unknown.")
    ] = None
    systems: Annotated[
        tuple[str, ...] | None,
        Field(Many(SYSTEM, "systems", most=SENTENCES_LIMIT), "Systems: {}.", RESPONSE, "Unknown."),
    ] = None
    sectors: Annotated[
        tuple[str, ...] | None, Field(tags("sectors"), "Sectors: {}.", RESPONSE, "Unknown.")
    ] = None
    phase: Annotated[
        str | None, Field(PHASE, "The attack was {} when it began.", RESPONSE, "Unknown.")
    ] = None
    conditions: Annotated[
        Table[bool] | None, Field(STATED, "Conditions: {}.", RESPONSE, "None is stated.")
    ] = None
    started_at: Annotated[Moment | None, Field(MOMENT, "It began on {}.", RESPONSE, "Unknown.")] = (
        None
    )
    ended_at: Annotated[
        Moment | None, Field(MOMENT, "It ended on {}.", RESPONSE, "Under way or unknown.")
    ] = None
    notified_at: Annotated[
        Moment | None, Field(MOMENT, "The owner was told on {}.", RESPONSE, "Not that we know.")
    ] = None
    returned_at: Annotated[
        Moment | None, Field(MOMENT, "It was returned on {}.", RESPONSE, "Not that we know.")
    ] = None
    returned_to: Annotated[
        str | None, Field(SENTENCE, "It was returned to {}.", RESPONSE, "Unknown.")
    ] = None
    disputed_at: Annotated[
        Moment | None, Field(MOMENT, "It was disputed on {}.", RESPONSE, "It is not disputed.")
    ] = None

    @property
    def moments(self) -> tuple[Moment, ...]:
        """Every moment that is stated of it."""
        given = (
            self.started_at,
            self.ended_at,
            self.notified_at,
            self.returned_at,
            self.disputed_at,
        )
        return tuple(each for each in given if each is not None)
