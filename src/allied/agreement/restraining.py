"""Clauses on what parties refrain from, keep up, and do when they fall out.

Declarations only; `allied.response` decides by them.

Source: agreement format, "Clauses"; NATO 1, 3 and 8, Rio 7, 1892 Art 5, 1904 and 1907, safe
harbours for researchers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from allied.agreement.clause import Clause
from allied.agreement.parts import (
    SCOPE,
    Scope,
    Target,
)
from allied.agreement.scalars import (
    EVERY,
    SENTENCE,
    WITHIN,
    YES_NO,
    Choice,
    Ref,
)
from allied.agreement.shape import (
    LIFE,
    RESPONSE,
    SHOWN,
    Field,
    Group,
    Many,
)
from allied.agreement.values import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """What a rescuer gets."""

    percent: Annotated[str, Field(SENTENCE, "{} of what was saved.", SHOWN, "No share.")] = ""
    cap: Annotated[str, Field(SENTENCE, "At most {}.", SHOWN, "No cap.")] = ""
    aggregate_cap: Annotated[
        str, Field(SENTENCE, "All together at most {}.", SHOWN, "No cap for all together.")
    ] = ""
    retainable: Annotated[
        bool,
        Field(
            YES_NO,
            "It may be kept back from what is returned.",
            SHOWN,
            "It may not be kept back from what is returned.",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Restraint(Clause):
    """What the parties do not do. NATO 1 and 8, 1892 Art 5, 1904, 1907, safe harbours."""

    TYPE: ClassVar[str] = "restraint"
    CALLED: ClassVar[str] = "a restraint clause"
    ABOUT: ClassVar[str] = "Holding back"

    kind: Annotated[
        str,
        Field(
            Choice(
                {
                    "non-aggression": "they do not attack",
                    "neutrality": "they stay neutral",
                    "no-separate-peace": "none of them makes peace alone",
                    "no-conflicting-engagement": "they enter no conflicting engagement",
                    "sphere": "each keeps out of what is the other's",
                    "no-poaching": "they do not hire each other's people away",
                    "safe-harbour": "they do not pursue those who intervene in good faith",
                },
                "a kind of restraint",
            ),
            "What is agreed: {}.",
            RESPONSE,
        ),
    ]
    benevolent: Annotated[
        bool,
        Field(YES_NO, "Neutrality is to be benevolent.", RESPONSE, "No benevolence is asked for."),
    ] = False
    towards: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "those meant"), "Towards {}.", RESPONSE, "Towards each other."),
    ] = ()
    while_: Annotated[str, Field(SENTENCE, "While {}.", RESPONSE, "At all times.", key="while")] = (
        ""
    )
    scope: Annotated[
        tuple[str, ...] | Scope, Field(SCOPE, "It holds for {}.", RESPONSE, "It holds anywhere.")
    ] = ()
    beneficiary: Annotated[
        str,
        Field(SENTENCE, "It protects {}.", RESPONSE, "It protects the parties."),
    ] = ""
    conditions: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "conditions"), "On condition that {}.", RESPONSE, "Without conditions."
        ),
    ] = ()
    phase: Annotated[
        tuple[str, ...],
        Field(
            Many(Choice("imminent active", "a phase"), "phases", last="or"),
            "Only while an attack is {}.",
            RESPONSE,
            "In any phase.",
        ),
    ] = ()
    consent_given: Annotated[
        bool,
        Field(
            YES_NO,
            "Consent to intervene is given beforehand.",
            SHOWN,
            "No consent to intervene is given beforehand.",
        ),
    ] = False
    must_return_to: Annotated[
        str, Field(SENTENCE, "What is saved goes back to {}.", RESPONSE, "Nothing has to go back.")
    ] = ""
    notify_within: Annotated[
        Duration | None,
        Field(WITHIN, "The owner is told {}.", RESPONSE, "No time for telling the owner."),
    ] = None
    reward: Annotated[
        Reward | None,
        Field(Group(Reward, "a reward"), "There is a reward: {}.", SHOWN, "There is no reward."),
    ] = None
    identity: Annotated[
        str,
        Field(
            Choice(
                {
                    "anonymous": "may stay anonymous",
                    "pseudonymous": "may use a pseudonym",
                    "named": "must be named",
                },
                "an identity",
            ),
            "Who intervenes {}.",
            SHOWN,
        ),
    ] = "named"
    dispute_within: Annotated[
        Duration | None,
        Field(WITHIN, "A dispute is raised {}.", RESPONSE, "No time for disputes is set."),
    ] = None
    frozen_at_start: Annotated[
        bool,
        Field(
            YES_NO,
            "An intervention stays under the terms at its start.",
            RESPONSE,
            "A change of terms reaches an intervention under way.",
        ),
    ] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparedness(Clause):
    """What the parties keep up in quiet times. NATO 3, CyCLONe."""

    TYPE: ClassVar[str] = "preparedness"
    CALLED: ClassVar[str] = "a preparedness clause"
    ABOUT: ClassVar[str] = "Being prepared"

    target: Annotated[
        tuple[Target, ...],
        Field(
            Many(Group(Target, "a target", scalar="metric"), "targets"),
            "The aim: {}.",
            LIFE,
            "No aim is named.",
        ),
    ] = ()
    self_report: Annotated[
        Duration | None,
        Field(EVERY, "Each reports on itself every {}.", LIFE, "Nobody reports on itself."),
    ] = None
    peer_review: Annotated[
        Duration | None,
        Field(EVERY, "They review each other every {}.", LIFE, "They do not review each other."),
    ] = None
    exercises: Annotated[
        Duration | None,
        Field(EVERY, "They exercise together every {}.", LIFE, "No exercises are agreed."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of settling a dispute."""

    do: Annotated[
        str,
        Field(
            Choice("consult mediate arbitrate adjudicate", "a step", free=True),
            "They {}.",
            RESPONSE,
        ),
    ]
    within: Annotated[
        Duration | None, Field(WITHIN, "{}.", by=RESPONSE, absent="Without a time limit.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispute(Clause):
    """What happens when the parties fall out. Rio 7."""

    TYPE: ClassVar[str] = "dispute"
    CALLED: ClassVar[str] = "a dispute clause"
    ABOUT: ClassVar[str] = "Settling disputes"

    between: Annotated[
        tuple[str, ...],
        Field(
            Many(Ref("party"), "parties", every="parties", empty="any of the parties"),
            "It is for disputes between {}.",
            RESPONSE,
            "It is for disputes between any of the parties.",
        ),
    ] = ()
    steps: Annotated[
        tuple[Step, ...],
        Field(
            Many(Group(Step, "a step", scalar="do"), "steps", ordered=True),
            "In this order: {}.",
            by=RESPONSE,
            absent="No steps are set.",
        ),
    ] = ()
    incident_between_parties: Annotated[
        str,
        Field(
            Choice(
                {
                    "suspend-response": "the duty to respond is suspended",
                    "pacify": "both are called to cease and to restore what was",
                },
                "what an incident between parties does",
            ),
            "If one party attacks another, {}.",
            RESPONSE,
        ),
    ] = "suspend-response"
