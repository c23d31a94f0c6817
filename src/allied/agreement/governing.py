"""Clauses on the agreement itself: who decides, joins, leaves, changes it, and what is said.

Declarations only. Nothing here counts votes or decides who is a member.

Source: agreement format, "Clauses"; NATO 10, 12 and 13, UKUSA, REN-ISAC, 1892 Art 7, the
letters of 1912.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

from allied.agreement.clause import Clause
from allied.agreement.parts import (
    RULE,
    DecisionRule,
    Recusal,
    Withdrawal,
)
from allied.agreement.scalars import (
    AFTER,
    AMENDMENT_ENTRY,
    COUNT,
    DURATION,
    EVERY,
    SENTENCE,
    WITHIN,
    YES_NO,
    Choice,
    Ref,
)
from allied.agreement.shape import (
    DECISION,
    LIFE,
    RESPONSE,
    SHOWN,
    Field,
    Group,
    Many,
)
from allied.agreement.values import AmendmentEntry, Duration

ALL_RATIFY: Final = AmendmentEntry("all-ratify")


@dataclass(frozen=True, slots=True, kw_only=True)
class Governance(Clause):
    """Which body decides on what."""

    TYPE: ClassVar[str] = "governance"
    CALLED: ClassVar[str] = "a governance clause"
    ABOUT: ClassVar[str] = "Deciding together"

    body: Annotated[
        str, Field(Ref("body"), "{} decides.", DECISION, absent="All members decide.")
    ] = ""
    rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "The rule: {}.", DECISION, absent="By the body's own rule."),
    ] = None
    decides: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "matters"), "It decides on {}.", SHOWN, "On any matter."),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vetting:
    """How a candidate is looked at before it joins."""

    sponsors: Annotated[int, Field(COUNT, "Sponsors needed: {}.", DECISION)] = 0
    objection_period: Annotated[
        Duration | None,
        Field(
            DURATION,
            "Members may object for {}.",
            DECISION,
            absent="No time for objections is set.",
        ),
    ] = None
    rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "The rule: {}.", DECISION, absent="The rule of admission applies."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """When a party is suspended."""

    grounds: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "grounds", last="or"), "Grounds: {}.", SHOWN, "No grounds are listed."
        ),
    ] = ()
    rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "The rule: {}.", DECISION, absent="No rule is given."),
    ] = None
    automatic_if: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "grounds", last="or"),
            "Of itself, without a decision: {}.",
            LIFE,
            "Never of itself.",
        ),
    ] = ()
    pairwise: Annotated[
        str,
        Field(
            Choice("allowed forbidden", "whether one pair may be suspended"),
            "Between two parties alone: {}.",
            DECISION,
        ),
    ] = "forbidden"
    recuse: Annotated[
        tuple[Recusal, ...],
        Field(
            Many(Group(Recusal, "a recusal", scalar="who"), "recusals"),
            "Not voting: {}.",
            DECISION,
            absent="Everybody entitled votes.",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Expulsion:
    """When a party is expelled."""

    grounds: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "grounds", last="or"), "Grounds: {}.", SHOWN, "No grounds are listed."
        ),
    ] = ()
    rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "The rule: {}.", DECISION, absent="No rule is given."),
    ] = None
    recuse: Annotated[
        tuple[Recusal, ...],
        Field(
            Many(Group(Recusal, "a recusal", scalar="who"), "recusals"),
            "Not voting: {}.",
            DECISION,
            absent="Everybody entitled votes.",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership(Clause):
    """Who may join, and how one leaves. NATO 10 and 13, REN-ISAC."""

    TYPE: ClassVar[str] = "membership"
    CALLED: ClassVar[str] = "a membership clause"
    ABOUT: ClassVar[str] = "Joining and leaving"

    eligible: Annotated[
        str, Field(SENTENCE, "May join: {}.", SHOWN, "Who may join is not limited.")
    ] = ""
    invited_by: Annotated[
        str,
        Field(
            Ref("party", "body", fixed={"all": "all members", "any-member": "any member"}),
            "Invited by {}.",
            DECISION,
            absent="Nobody is named who invites.",
        ),
    ] = ""
    rule: Annotated[
        str | DecisionRule | None,
        Field(
            RULE, "The rule of admission: {}.", DECISION, absent="No rule of admission is given."
        ),
    ] = None
    vetting: Annotated[
        Vetting | None,
        Field(
            Group(Vetting, "a vetting"),
            "Candidates are vetted: {}.",
            DECISION,
            absent="No vetting.",
        ),
    ] = None
    deposit: Annotated[
        str,
        Field(
            Ref("party", "body", fixed={"depositary": "the depositary"}),
            "Instruments are deposited with {}.",
            SHOWN,
            "No deposit is needed.",
        ),
    ] = ""
    observers: Annotated[
        str, Field(SENTENCE, "Observers: {}.", SHOWN, "Nothing is said about observers.")
    ] = ""
    suspension: Annotated[
        Suspension | None,
        Field(
            Group(Suspension, "a suspension"),
            "Suspension: {}.",
            DECISION,
            absent="Nothing is said about suspension.",
        ),
    ] = None
    expulsion: Annotated[
        Expulsion | None,
        Field(
            Group(Expulsion, "an expulsion"),
            "Expulsion: {}.",
            DECISION,
            absent="Nothing is said about expulsion.",
        ),
    ] = None
    withdrawal: Annotated[
        Withdrawal | None,
        Field(
            Group(Withdrawal, "a withdrawal"),
            "Leaving: {}.",
            LIFE,
            "This clause does not say how a party leaves.",
        ),
    ] = None
    partial: Annotated[
        bool,
        Field(
            YES_NO,
            "A party may leave a body and stay in the agreement.",
            LIFE,
            "Nobody leaves a body without leaving the agreement.",
        ),
    ] = False
    succession: Annotated[
        str, Field(SENTENCE, "Successors: {}.", SHOWN, "Nothing is said about successors.")
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amendment(Clause):
    """How the text is changed."""

    TYPE: ClassVar[str] = "amendment"
    CALLED: ClassVar[str] = "an amendment clause"
    ABOUT: ClassVar[str] = "Changing the agreement"

    proposer: Annotated[
        tuple[str, ...],
        Field(
            Many(
                Ref("party", "body", fixed={"any-member": "any member", "steward": "the steward"}),
                "proposers",
                least=1,
            ),
            "Proposed by {}.",
            DECISION,
        ),
    ] = ("any-member",)
    rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "The rule: {}.", DECISION, absent="By unanimity of the members."),
    ] = None
    in_force: Annotated[AmendmentEntry, Field(AMENDMENT_ENTRY, "It takes effect {}.", LIFE)] = (
        ALL_RATIFY
    )
    objectors: Annotated[
        str,
        Field(
            Choice(
                {
                    "bound": "is bound all the same",
                    "leave": "leaves",
                    "keep-old": "keeps to the old text",
                },
                "what an objector does",
            ),
            "Whoever objects {}.",
            LIFE,
        ),
    ] = "keep-old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review(Clause):
    """When the parties look at it again. NATO 12."""

    TYPE: ClassVar[str] = "review"
    CALLED: ClassVar[str] = "a review clause"
    ABOUT: ClassVar[str] = "Looking at it again"

    not_before: Annotated[
        Duration | None, Field(DURATION, "Not before {}.", LIFE, "At any time.")
    ] = None
    on_request_of: Annotated[
        str,
        Field(
            Ref("party", "body", fixed={"any-member": "any member"}),
            "On the request of {}.",
            LIFE,
            "Nobody has to ask for it.",
        ),
    ] = ""
    every: Annotated[Duration | None, Field(EVERY, "Every {}.", LIFE, "At no fixed interval.")] = (
        None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """One party's reservation to one clause."""

    LEAD: ClassVar[str] = "{party} to article {clause}: {effect}."

    party: Annotated[str, Field(Ref("party"), "Made by {}.", RESPONSE)]
    clause: Annotated[str, Field(Ref("clause"), "To article {}.", RESPONSE)]
    effect: Annotated[
        str,
        Field(
            Choice(
                {
                    "exclude": "the article does not bind it",
                    "narrow": "the article binds it more narrowly",
                    "interpret": "it reads the article in a certain way",
                },
                "an effect",
            ),
            "Effect: {}.",
            RESPONSE,
        ),
    ]
    reciprocal: Annotated[
        bool,
        Field(YES_NO, "The others may rely on it too.", RESPONSE, "The others may not rely on it."),
    ] = True
    text: Annotated[str, Field(SENTENCE, "Its wording: {}.", SHOWN, "It has no wording.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservations(Clause):
    """Whether a party may make exceptions for itself, and which were made."""

    TYPE: ClassVar[str] = "reservations"
    CALLED: ClassVar[str] = "a reservations clause"
    ABOUT: ClassVar[str] = "Reservations"

    allowed: Annotated[
        bool, Field(YES_NO, "Reservations may be made.", LIFE, "No reservations may be made.")
    ] = False
    list: Annotated[
        tuple[Reservation, ...],
        Field(
            Many(Group(Reservation, "a reservation"), "reservations"),
            "Made so far: {}.",
            by=RESPONSE,
            absent="None is made in the text.",
            key="list",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrecy(Clause):
    """What is kept secret about the agreement itself. 1892 Art 7, UKUSA."""

    TYPE: ClassVar[str] = "secrecy"
    CALLED: ClassVar[str] = "a secrecy clause"
    ABOUT: ClassVar[str] = "Keeping it secret"

    level: Annotated[str, Field(SENTENCE, "Classified {}.", SHOWN, "It has no classification.")] = (
        ""
    )
    existence: Annotated[
        bool,
        Field(YES_NO, "Its very existence is secret.", RESPONSE, "Its existence is no secret."),
    ] = False
    disclose_rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "The rule of disclosure: {}.", DECISION, absent="Only if all parties agree."),
    ] = None
    declassify_after: Annotated[
        Duration | None,
        Field(AFTER, "It becomes open {}.", RESPONSE, "It does not become open of itself."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reporting(Clause):
    """Who is told about the work under the agreement."""

    TYPE: ClassVar[str] = "reporting"
    CALLED: ClassVar[str] = "a reporting clause"
    ABOUT: ClassVar[str] = "Reporting"

    to: Annotated[
        tuple[str, ...], Field(Many(SENTENCE, "recipients"), "To {}.", SHOWN, "To each other.")
    ] = ()
    about: Annotated[str, Field(SENTENCE, "About {}.", SHOWN, "About the agreement.")] = ""
    every: Annotated[Duration | None, Field(EVERY, "Every {}.", LIFE, "At no fixed interval.")] = (
        None
    )
    within: Annotated[Duration | None, Field(WITHIN, "{}.", LIFE, "Without a time limit.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement(Clause):
    """Something said that creates no duty, also that there is none. The letters of 1912."""

    TYPE: ClassVar[str] = "statement"
    CALLED: ClassVar[str] = "a statement"
    ABOUT: ClassVar[str] = "A statement"

    no_duty: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "things"),
            "Nobody is obliged to this: {}.",
            RESPONSE,
            "It denies no duty expressly.",
        ),
    ] = ()
    operative: Annotated[
        bool,
        Field(
            YES_NO, "It creates rights and duties.", SHOWN, "It creates no rights and no duties."
        ),
    ] = False
