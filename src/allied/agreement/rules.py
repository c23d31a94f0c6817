"""How a body decides: one declaration for every decision rule of an agreement.

Declarations only; `agreement.shape` reads, prints and explains them. Nothing here counts
votes.

Words used here:
    rule      who counts, how many are needed, what silence, abstention and a tie mean
    recusal   who does not vote, and when

Rule that holds everywhere below: what is left out takes the default that stands here.

Source: agreement format, "Decision rules"; NATO 2003 (silence), Rio 17 to 20.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Annotated, Final

from allied.agreement.scalars import (
    COUNT,
    DURATION,
    QUORUM,
    SENTENCE,
    SHARE,
    YES_NO,
    Choice,
    Ref,
    Scalar,
    duration_words,
)
from allied.agreement.shape import DECISION, RESPONSE, SHOWN, Field, Group, Many, Named, OneOf
from allied.agreement.values import IMMEDIATELY, NOTHING, Duration, Table

_GRACE: Final = Scalar(
    "a duration",
    Duration.parse,
    Duration,
    pattern=DURATION.pattern,
    say=lambda value: duration_words(value) if value.count else "not at all",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """How a proposal is adopted by nobody objecting in time."""

    period: Annotated[
        Duration | None,
        Field(
            DURATION,
            "The silence lasts {}.",
            DECISION,
            absent="Each proposal names its own period.",
        ),
    ] = None
    break_by: Annotated[
        str,
        Field(
            Choice("written-objection objection", "how a silence is broken"),
            "A {} breaks it.",
            DECISION,
        ),
    ] = "written-objection"
    may_extend: Annotated[
        bool, Field(YES_NO, "The period may be extended.", DECISION, "The period is not extended.")
    ] = False
    reasons_required: Annotated[
        bool,
        Field(YES_NO, "An objection needs reasons.", DECISION, "An objection needs no reasons."),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondCondition:
    """A second count that must hold as well."""

    threshold: Annotated[
        int | Fraction | None,
        Field(SHARE, "At least {}.", DECISION, absent="No threshold is given."),
    ] = None
    of: Annotated[
        str,
        Field(Choice("members ratified present voting", "a group", free=True), "Of {}.", DECISION),
    ] = "members"
    weights: Annotated[
        Table[int], Field(Named(COUNT, Ref("party"), "weights"), "Weights: {}.", DECISION)
    ] = NOTHING
    note: Annotated[str, Field(SENTENCE, "Note: {}.", SHOWN, "No note.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recusal:
    """Who does not vote, and when."""

    who: Annotated[
        str,
        Field(
            Choice(
                {
                    "attacker": "the attacker",
                    "parties-to-dispute": "the parties to the dispute",
                    "subject": "whoever the decision is about",
                },
                "who does not vote",
            ),
            "Not voting: {}.",
            DECISION,
        ),
    ]
    only_if: Annotated[str, Field(SENTENCE, "Only if {}.", DECISION, absent="In every case.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRule:
    """How a body decides."""

    kind: Annotated[
        str,
        Field(
            Choice(
                {
                    "unanimity": "unanimity",
                    "consensus": "consensus: nobody objects",
                    "silence": "silence: adopted unless somebody objects in time",
                    "simple-majority": "more yes than no",
                    "absolute-majority": "more than half of those entitled",
                    "qualified-majority": "a qualified majority",
                    "weighted": "weighted votes",
                    "named-party": "a named party decides",
                    "none": "nobody decides, it follows of itself",
                },
                "a decision rule",
            ),
            "Decided by {}.",
            DECISION,
        ),
    ]
    of: Annotated[
        str,
        Field(
            Choice(
                {
                    "members": "all members",
                    "ratified": "the members that have ratified",
                    "present": "those present",
                    "voting": "those voting yes or no",
                },
                "a group that is counted",
                free=True,
            ),
            "Counted are {}.",
            DECISION,
        ),
    ] = "members"
    party: Annotated[
        str, Field(Ref("party"), "{} decides.", DECISION, absent="No single party decides.")
    ] = ""
    threshold: Annotated[
        int | Fraction | None,
        Field(SHARE, "Needed: {}.", DECISION, absent="The threshold follows from the rule."),
    ] = None
    weights: Annotated[
        Table[int],
        Field(
            Named(COUNT, Ref("party"), "weights"),
            "Weights: {}.",
            DECISION,
            absent="Each counts once.",
        ),
    ] = NOTHING
    also: Annotated[
        SecondCondition | None,
        Field(
            Group(SecondCondition, "a second condition"),
            "And besides: {}.",
            DECISION,
            absent="There is no second condition.",
        ),
    ] = None
    quorum: Annotated[
        int | Fraction | str | None,
        Field(QUORUM, "Quorum: {}.", DECISION, absent="No quorum is needed."),
    ] = None
    abstention: Annotated[
        str,
        Field(
            Choice(
                {
                    "ignored": "ignored",
                    "counts-against": "counted against",
                    "allowed-without-blocking": "allowed, and blocks nothing",
                },
                "what an abstention does",
            ),
            "An abstention is {}.",
            DECISION,
        ),
    ] = "ignored"
    silence: Annotated[
        Silence | None,
        Field(
            Group(Silence, "a silence procedure"),
            "Silence procedure: {}.",
            DECISION,
            absent="There is no silence procedure.",
        ),
    ] = None
    veto: Annotated[
        tuple[str, ...],
        Field(
            Many(Ref("party"), "parties"), "A veto has: {}.", DECISION, absent="Nobody has a veto."
        ),
    ] = ()
    recuse: Annotated[
        tuple[Recusal, ...],
        Field(
            Many(Group(Recusal, "a recusal", scalar="who"), "recusals"),
            "Not voting: {}.",
            DECISION,
            absent="Everybody entitled votes.",
        ),
    ] = ()
    tie: Annotated[
        str,
        Field(
            Choice(
                {"fails": "means that it fails", "chair-casts": "is broken by the chair"},
                "what a tie does",
            ),
            "A tie {}.",
            DECISION,
        ),
    ] = "fails"
    tolerates: Annotated[
        int,
        Field(
            COUNT,
            "A decision stays safe as long as no more voters cheat than this: {}.",
            DECISION,
        ),
    ] = 0
    grace: Annotated[
        Duration,
        Field(
            _GRACE,
            "For votes signed in time that arrive late, the count waits: {}.",
            DECISION,
        ),
    ] = IMMEDIATELY
    assembler: Annotated[
        str,
        Field(Ref("party"), "{} counts the votes.", DECISION, absent="Who counts is not fixed."),
    ] = ""
    deputies: Annotated[
        tuple[str, ...],
        Field(
            Many(Ref("party"), "parties", ordered=True),
            "In its place count, in this order: {}.",
            DECISION,
            absent="No deputy is named.",
        ),
    ] = ()
    measure_consent: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "measures"),
            "These measures need the consent of each party that is to take them: {}.",
            RESPONSE,
            "No measure needs a consent of its own.",
        ),
    ] = ()


RULE: Final = OneOf(Ref("body", said="that of {}"), Group(DecisionRule, "a decision rule"))
"""A body that decides by its own rule, or a rule written out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision that must be taken before duties arise."""

    body: Annotated[str, Field(Ref("body"), "It is taken by {}.", RESPONSE, "By all members.")] = ""
    rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "The rule: {}.", DECISION, absent="By the body's own rule."),
    ] = None
