"""What the records of an agreement add up to: its text, their history, and the state.

A fold is derived from a set of records and nothing else. Who keeps it, and from which store its
records were read, is for `allied.node.folds`; here are the questions that are asked of it again
and again, with what they came to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from allied.agreement import checkpoints
from allied.agreement.fold import Progress
from allied.agreement.genesis import Instrument
from allied.agreement.state import State
from allied.record.history import History

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from allied.agreement.checkpoints import Assessed, Point
    from allied.agreement.outlined import Shown
    from allied.agreement.standing import Standing
    from allied.agreement.terms import Agreement
    from allied.record.ids import CircleId, KeyId, OrganisationId, PartyId

_REMEMBERED: Final = 16
"""Folds up to checkpoints that are kept."""


@dataclass(frozen=True, slots=True)
class Fold:
    """One agreement as its records make it.

    Attributes:
        progress: from which the fold goes on when records come.
        given: what parties that joined later are given, as last worked out.
        memory: what folds up to checkpoints came to; handed on to later folds.
        far: by shared circle, the last checkpoint that was reached.
    """

    instrument: Instrument
    history: History
    state: State
    progress: Progress | None = field(default=None, repr=False, compare=False, kw_only=True)
    given: dict[OrganisationId, tuple[Standing, Shown | None]] = field(
        default_factory=dict, repr=False, compare=False, kw_only=True
    )
    memory: dict[object, Assessed] = field(
        default_factory=dict, repr=False, compare=False, kw_only=True
    )
    far: dict[CircleId, Point | None] = field(
        default_factory=dict, repr=False, compare=False, kw_only=True
    )

    def terms(self, at: datetime) -> Agreement:
        """The text in force at `at`: the newest version that has taken effect."""
        return self.state.terms(self.instrument, at)

    def terms_between(self, one: PartyId, other: PartyId, at: datetime) -> Agreement:
        """The newest text in force that reached both parties; for a stranger the newest."""
        return self.state.terms_between(self.instrument, one, other, at)

    def points(self, circle: CircleId) -> Sequence[Point]:
        """The checkpoints of a shared circle that are worth folding for, the furthest last."""
        found = checkpoints.points(self.instrument, self.state.checkpoints, circle)
        custodians = self.state.custodians(lambda _: True) if found else {}
        return [
            each
            for each in found
            if checkpoints.may_reach(
                each, custodians, self.state.standing(self.instrument, each.at).bound
            )
        ]

    def assessed(self, point: Point) -> Assessed:
        """What this node comes to from the records up to a checkpoint that it holds.

        Cost: a fold, once for each checkpoint as long as no other chain parts.
        """
        past = self.history
        name = (point.record, tuple(sorted(past.frozen.items())), past.kept)
        found = self.memory.get(name)
        if found is None:
            found = checkpoints.assess(self.instrument, past, self._custodian, point, self.progress)
            for old in list(self.memory)[: 1 - _REMEMBERED]:
                self.memory.pop(old, None)
            self.memory[name] = found
        return found

    def reached(self, circle: CircleId) -> Point | None:
        """The furthest checkpoint of a shared circle on which enough members agree."""
        if circle not in self.far:
            self.far[circle] = checkpoints.reached(self.points(circle), self.history, self.assessed)
        return self.far[circle]

    def _custodian(self, organisation: OrganisationId, key: KeyId) -> str:
        """Who keeps the key by which a party signed; as the fold has found it."""
        for party, its in self.state.custody.items():
            if self.instrument.organisation(party) != organisation:
                continue
            for record, keeper in its:
                held = self.history.get(record)
                if held is not None and held.header.key == key:
                    return keeper
        return ""
