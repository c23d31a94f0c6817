"""Whether the votes of a body suffice under its rule, and how many are missing.

Arithmetic only: who said what in time comes from `agreement.silence`, who is entitled from
`agreement.ballot`. Everything is counted in whole numbers.

Words used here:
    position    where an entitled party stands: yes, no, abstain, present (there, or reached,
                and not heard) or absent
    column      heads, weights of the rule, weights of its second condition
    totals      the sum of each column for each position
    base        what a share is a share of
    condition   one test of the rule, with what there is and what is needed

Rules that hold everywhere below. Nothing is adopted without a yes, or for consensus without
somebody who was asked; and by silence alone nobody adopts anything where others vote as well.
A base of members or of ratified members is never made smaller by those who stay away or
abstain. Of those present, an abstention that is ignored takes itself out; of those voting,
only yes and no are counted. An abstention that counts against is a no everywhere but for a
veto. A threshold that is written is always tested, whatever the kind. A tie is half for and
half not, and where the chair casts, the chair's own vote decides it. One party moving from no
to abstain to yes never turns what is adopted into anything else.

Source: agreement format, "Decision rules"; Rio 17 and 19, EU treaty practice on abstention.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Literal, TypeAlias

from allied.agreement.ballot import (
    Electorate,
    InapplicableRuleError,
    group,
)
from allied.agreement.rules import DecisionRule, SecondCondition
from allied.agreement.values import Table
from allied.record.ids import PartyId

Position: TypeAlias = Literal["yes", "no", "abstain", "present", "absent"]

POSITIONS: Final[tuple[Position, ...]] = ("yes", "no", "abstain", "present", "absent")

Columns: TypeAlias = tuple[int, int, int]
"""Heads, weight, weight for the second condition."""

HEADS: Final = 0
WEIGHT: Final = 1
ALSO: Final = 2

ADOPTED: Final = "adopted"
REJECTED: Final = "rejected"
LAPSED: Final = "lapsed"


@dataclass(frozen=True, slots=True)
class Totals:
    """What the entitled parties add up to.

    Attributes:
        sums: by position, in the order of `POSITIONS`.
        vetoes: how many of those with a veto say no.
        chair: where the chair stands; absent without a chair that votes.
    """

    sums: tuple[Columns, ...]
    vetoes: int = 0
    chair: Position = "absent"

    def of(self, column: int, *positions: Position) -> int:
        """The sum of a column over some positions."""
        return sum(self.sums[POSITIONS.index(position)][column] for position in positions)

    def all(self, column: int) -> int:
        """The sum of a column over all positions."""
        return sum(row[column] for row in self.sums)

    @property
    def everybody(self) -> int:
        """How many are entitled."""
        return self.all(HEADS)

    @property
    def absent(self) -> int:
        """How many of them are absent."""
        return self.of(HEADS, "absent")

    def with_all_reached(self) -> Totals:
        """The totals if everybody absent were silent instead, under a silence procedure."""
        yes, no, abstain, present, absent = self.sums
        both = (yes[0] + absent[0], yes[1] + absent[1], yes[2] + absent[2])
        return Totals((both, no, abstain, present, (0, 0, 0)), self.vetoes, self.chair)


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of a rule.

    Attributes:
        name: unanimity, consensus, reach, consent, majority, threshold, second, veto, quorum,
            named-party or sponsors.
        have: what there is: yes votes, or voters for the quorum, or vetoes.
        need: the least `have` with which it holds; for unanimity and consensus, everybody who
            is in favour or stands in the way; the most for a veto.
        base: what the share is taken of.
        unit: heads or weight.
        otherwise: the outcome where it fails: rejected or lapsed.
    """

    name: str
    have: int
    need: int
    base: int
    holds: bool
    unit: str = "heads"
    otherwise: str = REJECTED

    @property
    def missing(self) -> int:
        """How much is still missing, 0 where it holds; 1 where a number does not say it."""
        return 0 if self.holds else max(1, self.need - self.have)


@dataclass(frozen=True, slots=True)
class Scale:
    """A rule made ready for one electorate: what each party weighs.

    Attributes:
        weights: of every entitled party.
        vetoes: entitled parties with a veto.
        chair: the chair, where the rule lets it break a tie and it is entitled.
    """

    rule: DecisionRule
    weights: Mapping[PartyId, Columns]
    vetoes: frozenset[PartyId]
    chair: PartyId | None

    def totals(self, positions: Mapping[PartyId, Position]) -> Totals:
        """Add up; a party without a position is absent."""
        sums = {position: [0, 0, 0] for position in POSITIONS}
        for party, columns in self.weights.items():
            row = sums[positions.get(party, "absent")]
            for column, weight in enumerate(columns):
                row[column] += weight
        return Totals(
            tuple((row[0], row[1], row[2]) for row in sums.values()),
            sum(positions.get(party) == "no" for party in self.vetoes),
            "absent" if self.chair is None else positions.get(self.chair, "absent"),
        )

    def moved(self, totals: Totals, party: PartyId, old: Position, new: Position) -> Totals:
        """The totals with one party elsewhere; costs nothing that grows with the parties."""
        heads, weight, also = self.weights[party]
        rows = list(totals.sums)
        for position, sign in ((old, -1), (new, 1)):
            place = POSITIONS.index(position)
            row = rows[place]
            rows[place] = (row[0] + sign * heads, row[1] + sign * weight, row[2] + sign * also)
        veto = party in self.vetoes
        return Totals(
            tuple(rows),
            totals.vetoes + veto * ((new == "no") - (old == "no")),
            new if party == self.chair else totals.chair,
        )


def scale(rule: DecisionRule, entitled: frozenset[PartyId], electorate: Electorate) -> Scale:
    """Make a rule ready for the parties entitled.

    Raises:
        InapplicableRuleError: `decision.threshold-missing`, `decision.weight-missing`,
            `decision.unknown-group`.
    """
    if rule.kind == "qualified-majority" and rule.threshold is None:
        raise _no_threshold("a qualified majority")
    also = rule.also
    besides: frozenset[PartyId] = frozenset()
    if also is not None:
        if also.threshold is None:
            raise _no_threshold("a second condition")
        besides = entitled & group(also.of, electorate, weighted=bool(also.weights))
    weights = {
        party: (
            1,
            _weight(rule.weights, party, needed=rule.kind == "weighted"),
            _weight(also.weights, party, needed=False)
            if also is not None and party in besides
            else 0,
        )
        for party in sorted(entitled)
    }
    chair = electorate.chair if rule.tie == "chair-casts" else None
    return Scale(
        rule,
        weights,
        vetoes=entitled & frozenset(map(PartyId, rule.veto)),
        chair=chair if chair in entitled else None,
    )


def conditions(rule: DecisionRule, totals: Totals) -> tuple[Condition, ...]:
    """Every test of a rule, the quorum first, in the order in which they decide."""
    return tuple(_conditions(rule, totals))


def verdict(rule: DecisionRule, totals: Totals) -> tuple[str, str]:
    """Adopted, rejected or lapsed if it closed like this, and the name of what failed first."""
    for condition in _conditions(rule, totals):
        if not condition.holds:
            return condition.otherwise, condition.name
    return ADOPTED, ""


def _conditions(rule: DecisionRule, totals: Totals) -> Iterator[Condition]:
    if rule.quorum is not None:
        yield _quorum(rule, rule.quorum, totals)
    if rule.veto:
        yield Condition("veto", totals.vetoes, 0, len(rule.veto), holds=totals.vetoes == 0)
    yield from _KINDS[rule.kind](rule, totals)
    if rule.threshold is not None and rule.kind not in ("qualified-majority", "weighted"):
        yield _threshold("threshold", rule, rule.threshold, totals)
    if rule.also is not None and rule.also.threshold is not None:
        yield _second(rule, rule.also, rule.also.threshold, totals)


# --- the kinds --------------------------------------------------------------------------


def _unanimity(rule: DecisionRule, totals: Totals) -> Iterator[Condition]:
    yes = totals.of(HEADS, "yes")
    blocking = _against(rule.abstention, totals, HEADS)
    if rule.of != "voting":
        blocking += totals.of(HEADS, "present")
    if rule.of not in ("voting", "present"):
        blocking += totals.of(HEADS, "absent")
    yield Condition(
        "unanimity", yes, max(1, yes + blocking), totals.all(HEADS), holds=yes > 0 and not blocking
    )


def _consensus(rule: DecisionRule, totals: Totals) -> Iterator[Condition]:
    against = _against(rule.abstention, totals, HEADS)
    asked = totals.of(HEADS, "yes", "present")
    yield Condition(
        "consensus",
        asked,
        max(1, asked + against),
        totals.all(HEADS),
        holds=asked > 0 and not against,
    )
    if rule.of not in ("voting", "present"):
        absent = totals.of(HEADS, "absent")
        everybody = totals.all(HEADS)
        yield Condition(
            "reach", everybody - absent, everybody, everybody, holds=not absent, otherwise=LAPSED
        )


def _silence(_: DecisionRule, totals: Totals) -> Iterator[Condition]:
    silent, everybody = totals.of(HEADS, "yes"), totals.all(HEADS)
    need = max(1, min(2, everybody))
    yield Condition("consent", silent, need, everybody, holds=silent >= need, otherwise=LAPSED)


def _simple_majority(rule: DecisionRule, totals: Totals) -> Iterator[Condition]:
    yes, against = totals.of(WEIGHT, "yes"), _against(rule.abstention, totals, WEIGHT)
    cast = yes > 0 and yes == against and totals.chair == "yes"
    yield Condition(
        "majority", yes, against + 1, yes + against, holds=yes > against or cast, unit=_unit(rule)
    )


def _absolute_majority(rule: DecisionRule, totals: Totals) -> Iterator[Condition]:
    yes = totals.of(WEIGHT, "yes")
    base = _base(rule.of, rule.abstention, totals, WEIGHT)
    cast = yes > 0 and 2 * yes == base and totals.chair == "yes"
    yield Condition(
        "majority", yes, base // 2 + 1, base, holds=2 * yes > base or cast, unit=_unit(rule)
    )


def _qualified_majority(rule: DecisionRule, totals: Totals) -> Iterator[Condition]:
    if rule.threshold is None:
        raise _no_threshold("a qualified majority")
    yield _threshold("majority", rule, rule.threshold, totals)


def _weighted(rule: DecisionRule, totals: Totals) -> Iterator[Condition]:
    if rule.threshold is None:
        yield from _absolute_majority(rule, totals)
    else:
        yield from _qualified_majority(rule, totals)


def _named_party(_: DecisionRule, totals: Totals) -> Iterator[Condition]:
    yes = totals.of(HEADS, "yes")
    yield Condition("named-party", yes, 1, totals.all(HEADS), holds=yes > 0)


def _none(_: DecisionRule, __: Totals) -> Iterator[Condition]:
    yield from ()


_KINDS: Final = {
    "unanimity": _unanimity,
    "consensus": _consensus,
    "silence": _silence,
    "simple-majority": _simple_majority,
    "absolute-majority": _absolute_majority,
    "qualified-majority": _qualified_majority,
    "weighted": _weighted,
    "named-party": _named_party,
    "none": _none,
}


# --- shares and quorum ------------------------------------------------------------------


def _threshold(
    name: str, rule: DecisionRule, threshold: int | Fraction, totals: Totals
) -> Condition:
    base = _base(rule.of, rule.abstention, totals, WEIGHT)
    return _share(name, threshold, totals.of(WEIGHT, "yes"), base, _unit(rule))


def _second(
    rule: DecisionRule, also: SecondCondition, threshold: int | Fraction, totals: Totals
) -> Condition:
    base = _base(also.of, rule.abstention, totals, ALSO)
    unit = "weight" if also.weights else "heads"
    return _share("second", threshold, totals.of(ALSO, "yes"), base, unit)


def _share(name: str, threshold: int | Fraction, yes: int, base: int, unit: str) -> Condition:
    need = max(1, _least(threshold, base))
    return Condition(name, yes, need, base, holds=yes >= need, unit=unit)


def _quorum(rule: DecisionRule, quorum: int | Fraction | str, totals: Totals) -> Condition:
    column = HEADS
    everybody = totals.all(HEADS)
    if isinstance(quorum, str):
        need, column = _votes_needed(rule, totals)
    else:
        need = _least(quorum, everybody)
    there = totals.all(column) - totals.of(column, "absent")
    return Condition(
        "quorum",
        there,
        need,
        totals.all(column),
        holds=there >= need,
        unit="heads" if column == HEADS else "weight",
        otherwise=LAPSED,
    )


def _votes_needed(rule: DecisionRule, totals: Totals) -> tuple[int, int]:
    """The votes that would be needed if everybody entitled took part, and in which column."""
    heads, weight = totals.all(HEADS), totals.all(WEIGHT)
    match rule.kind:
        case "unanimity" | "consensus" | "silence" | "named-party":
            return heads, HEADS
        case "qualified-majority" | "weighted" if rule.threshold is not None:
            return _least(rule.threshold, weight), WEIGHT
        case "none":
            return 0, HEADS
        case _:
            return weight // 2 + 1, WEIGHT


def _least(threshold: int | Fraction, base: int) -> int:
    """The least whole number that is at least the threshold."""
    if isinstance(threshold, int):
        return threshold
    return -(-threshold.numerator * base // threshold.denominator)


def _base(of: str, abstention: str, totals: Totals, column: int) -> int:
    if of == "voting":
        return totals.of(column, "yes") + _against(abstention, totals, column)
    if of == "present":
        there = totals.of(column, "yes", "no", "present")
        return there if abstention == "ignored" else there + totals.of(column, "abstain")
    return totals.all(column)


def _against(abstention: str, totals: Totals, column: int) -> int:
    against = totals.of(column, "no")
    if abstention == "counts-against":
        against += totals.of(column, "abstain")
    return against


def _unit(rule: DecisionRule) -> str:
    return "weight" if rule.weights else "heads"


def _weight(weights: Table[int], party: PartyId, *, needed: bool) -> int:
    if not weights and not needed:
        return 1
    if party not in weights:
        raise InapplicableRuleError(
            "decision.weight-missing",
            "the rule weighs votes and gives no weight to somebody entitled to vote",
            hint="give every voter a weight, 0 where it has none",
            facts={"party": party},
        )
    return weights[party]


def _no_threshold(what: str) -> InapplicableRuleError:
    return InapplicableRuleError(
        "decision.threshold-missing",
        f"{what} needs a threshold, and the rule gives none",
        hint="add `threshold`, a fraction like `2/3` or a number of votes",
    )
