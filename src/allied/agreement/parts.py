"""What clauses are made of: scopes, bodies' rules, triggers, duties, withdrawal.

Declarations only; `agreement.shape` reads, prints and explains them. A default stands
here once. The phrase of a field is the sentence that people read in `agreement explain`.

Words used here:
    trigger    what must be true of an incident for a clause to answer; closed words, no
               expressions
    case       one of several small alternatives inside a trigger
    duty       what somebody owes to somebody once a trigger is met and called
    rule       how a body decides

Two rules hold everywhere below. `by` names who enforces the field in this release, and
`LATER` is the default: what nobody enforces is said so. A field that is left out means
what its default says, never "whatever".

Source: agreement format; treaty practice as in NATO 5, Rio 3, 17 and 20, the military
convention of 1892, SEAL for scopes of systems.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Final

from allied.agreement.rules import RULE, Decision, DecisionRule, Recusal, SecondCondition, Silence
from allied.agreement.scalars import (
    AFTER,
    DAY,
    DURATION,
    SENTENCE,
    WITHIN,
    YES_NO,
    Choice,
    Ref,
)
from allied.agreement.shape import LIFE, RESPONSE, SHOWN, Field, Many
from allied.agreement.triggers import (
    INCIDENT,
    INCIDENT_KINDS,
    SCOPE,
    SYSTEM,
    TARGETS,
    TRIGGER_FIELDS,
    Aggregate,
    Case,
    Scope,
    Trigger,
)
from allied.agreement.values import IMMEDIATELY, Duration

__all__ = [
    "DEBTORS",
    "EXCUSES",
    "INCIDENT",
    "INCIDENT_KINDS",
    "MODALITY",
    "RULE",
    "SCOPE",
    "SYSTEM",
    "TARGETS",
    "TRIGGER_FIELDS",
    "Adaptation",
    "Aggregate",
    "Case",
    "Decision",
    "DecisionRule",
    "Duty",
    "Integrated",
    "Interim",
    "Provisional",
    "Recusal",
    "Report",
    "Scope",
    "SecondCondition",
    "Silence",
    "Target",
    "Trigger",
    "Withdrawal",
]

EXCUSES: Final = Choice(
    {
        "constitutional-process-pending": "its constitution asks for a decision still pending",
        "incapacity": "it is unable to help",
        "own-emergency": "it has an emergency of its own",
        "legal-bar": "the law forbids it",
        "conflicting-obligation": "another obligation stands against it",
        "neutral-status": "it is neutral",
        "reservation": "it made a reservation",
        "creditor-breach": "the party to be helped broke the agreement",
        "consent-withheld": "it withheld a consent that the agreement asks for",
        "cost-not-agreed": "the cost was not agreed",
        "provoked-by-creditor": "the party to be helped provoked the incident",
    },
    "an excuse",
)

DEBTORS: Final = Many(
    Ref(
        "party",
        fixed={
            "other parties": "every party but the victim",
            "all parties": "every party",
            "members": "every member",
            "hub": "the secretariat",
        },
    ),
    "parties",
    least=1,
)

MODALITY: Final = {
    "must": "must",
    "should": "should",
    "may": "may, without having to,",
    "discuss": "must discuss whether to",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """What somebody owes to somebody."""

    LEAD: ClassVar[str] = "{who} {modality} do this for {owes}: {do}."

    who: Annotated[tuple[str, ...], Field(DEBTORS, "Owed by {}.", RESPONSE)] = ("other parties",)
    owes: Annotated[
        str,
        Field(
            Ref("party", fixed={"victim": "the victim", "the group": "the group as a whole"}),
            "Owed to {}.",
            RESPONSE,
        ),
    ] = "victim"
    do: Annotated[str, Field(SENTENCE, "To do: {}.", RESPONSE)]
    measures: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "measures"), "Measures: {}.", RESPONSE, "No measures are listed."),
    ] = ()
    means: Annotated[
        str,
        Field(
            Choice(
                {
                    "own-choice": "each chooses its own means",
                    "as-listed": "the measures as listed",
                },
                "means",
            ),
            "Means: {}.",
            RESPONSE,
        ),
    ] = "own-choice"
    modality: Annotated[
        str,
        Field(
            Choice(MODALITY, "how binding a duty is"),
            "How binding: the debtor {} do it.",
            RESPONSE,
        ),
    ]
    answer_within: Annotated[
        Duration | None,
        Field(WITHIN, "To be answered {}.", RESPONSE, "No deadline for the answer."),
    ] = None
    perform_within: Annotated[
        Duration | None,
        Field(WITHIN, "To be performed {}.", RESPONSE, "No deadline for performing."),
    ] = None
    quantity: Annotated[
        str, Field(SENTENCE, "Quantity: {}.", RESPONSE, "No quantity is fixed.")
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisional:
    """What may happen while something is still unknown."""

    allowed: Annotated[
        bool,
        Field(
            YES_NO,
            "It may be called while facts are missing.",
            RESPONSE,
            "It may not be called while facts are missing.",
        ),
    ] = True
    pending: Annotated[
        tuple[str, ...],
        Field(
            Many(TRIGGER_FIELDS, "fields"),
            "These may be missing: {}.",
            by=RESPONSE,
            absent="None may be.",
        ),
    ] = ()
    lapses_after: Annotated[
        Duration | None, Field(AFTER, "It lapses {}.", by=RESPONSE, absent="It does not lapse.")
    ] = None
    duties_meanwhile: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "duties"),
            "Owed meanwhile: {}.",
            by=RESPONSE,
            absent="Nothing is owed meanwhile.",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interim:
    """Measures that each may take by itself before a decision."""

    on_request_of_victim: Annotated[
        bool,
        Field(
            YES_NO,
            "Only on the request of the victim.",
            RESPONSE,
            "Also without a request of the victim.",
        ),
    ] = True
    choice: Annotated[
        str,
        Field(
            Choice({"own": "each chooses its own", "as-listed": "as listed"}, "a choice of means"),
            "Measures: {}.",
            RESPONSE,
        ),
    ] = "own"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adaptation:
    """What a party does instead of what it cannot do."""

    party: Annotated[
        str, Field(Ref("party"), "For {}.", by=RESPONSE, absent="For no single party.")
    ] = ""
    capability: Annotated[
        str,
        Field(SENTENCE, "For a party with `{}`.", by=RESPONSE, absent="Whatever its capabilities."),
    ] = ""
    status: Annotated[
        str, Field(SENTENCE, "For a party with `{}`.", by=RESPONSE, absent="Whatever its status.")
    ] = ""
    instead: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "measures", least=1), "It gives instead: {}.", RESPONSE),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Somebody outside who must be told."""

    LEAD: ClassVar[str] = "{to}, {when}."

    to: Annotated[str, Field(SENTENCE, "To {}.", RESPONSE)]
    when: Annotated[Duration, Field(WITHIN, "It is told {}.", RESPONSE)] = IMMEDIATELY


@dataclass(frozen=True, slots=True, kw_only=True)
class Integrated:
    """A command that a body holds."""

    body: Annotated[str, Field(Ref("body"), "Command is with {}.", SHOWN)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """How a party leaves."""

    not_before: Annotated[
        Duration | None,
        Field(
            DURATION,
            "No party may give notice before the agreement has run for {}.",
            LIFE,
            "A party may give notice at any time.",
        ),
    ] = None
    notice: Annotated[Duration, Field(AFTER, "A party that gives notice is out {}.", LIFE)]
    to: Annotated[
        str,
        Field(
            Ref("party", "body", fixed={"depositary": "the depositary"}),
            "Notice goes to {}.",
            SHOWN,
            "Notice goes to every other party.",
        ),
    ] = ""
    open_incidents: Annotated[
        str,
        Field(
            Choice(
                {
                    "finish": "are seen through to their end",
                    "stop": "end for it when it leaves",
                    "finish-accrued": "go on for what it owed before it left",
                },
                "what becomes of open incidents",
            ),
            "Incidents open when it leaves {}.",
            RESPONSE,
        ),
    ] = "finish-accrued"
    information_after: Annotated[
        str,
        Field(
            Choice(
                {
                    "keep-markings": "keeps what it got, under the markings",
                    "return": "returns what it got",
                    "destroy": "destroys what it got",
                },
                "what becomes of information",
            ),
            "Afterwards the party {}.",
            SHOWN,
        ),
    ] = "keep-markings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What is to be reached."""

    metric: Annotated[str, Field(SENTENCE, "To reach: {}.", SHOWN)]
    value: Annotated[str, Field(SENTENCE, "As much as {}.", SHOWN, "No figure is set.")] = ""
    by: Annotated[date | None, Field(DAY, "By {}.", LIFE, "No day is set.")] = None
