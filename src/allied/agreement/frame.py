"""What stands around the articles: form, bodies, annexes, protections, law.

Declarations only.

Source: agreement format, "Agreement".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from allied.agreement.clauses import (
    RULE,
    AmendmentEntry,
    DecisionRule,
)
from allied.agreement.scalars import (
    AMENDMENT_ENTRY,
    EVERY,
    INTERVAL,
    PARAGRAPHS,
    SENTENCE,
    Choice,
    Name,
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
from allied.agreement.values import Duration, Interval
from allied.record.ids import PartyId


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What kind of paper it is, and whether it binds in law."""

    kind: Annotated[
        str,
        Field(
            Choice(
                {
                    "treaty": "a treaty",
                    "protocol": "a protocol",
                    "exchange-of-letters": "an exchange of letters",
                    "declaration": "a declaration",
                    "contract": "a contract",
                    "memorandum": "a memorandum",
                    "charter": "a charter",
                    "membership-terms": "a set of membership terms",
                    "oral": "an oral agreement",
                },
                "a form of agreement",
            ),
            "It is {}.",
            SHOWN,
        ),
    ]
    binding: Annotated[
        str,
        Field(
            Choice(
                {
                    "yes": "binds in law",
                    "political": "binds politically, not in law",
                    "no": "does not bind",
                },
                "whether it binds",
            ),
            "It {}.",
            SHOWN,
        ),
    ] = "yes"
    note: Annotated[str, Field(SENTENCE, "Note: {}.", SHOWN, "No note.")] = ""
    law: Annotated[
        str, Field(SENTENCE, "Under the law of {}.", SHOWN, "No governing law is named.")
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Languages:
    """Which language counts."""

    authentic: Annotated[
        tuple[str, ...],
        Field(
            Many(
                Name("a language", "[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", "a code like `en`"), "codes"
            ),
            "Equally authentic: {}.",
            SHOWN,
            "The language of the text.",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chair:
    """Who chairs a body."""

    rotation: Annotated[
        str,
        Field(
            Choice(
                {
                    "name": "in the order in which the body names them",
                    "alphabet": "in the alphabetical order of their labels",
                    "vote": "by vote",
                },
                "a rotation",
            ),
            "The members of the body take turns {}.",
            DECISION,
        ),
    ]
    period: Annotated[
        Duration | None,
        Field(EVERY, "The chair passes on every {}.", DECISION, absent="It does not pass on."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A group of parties that decides or meets."""

    title: Annotated[str, Field(SENTENCE, "It is called {}.", SHOWN, "It has no title.")] = ""
    members: Annotated[
        tuple[PartyId, ...],
        Field(
            Many(Ref("party"), "parties", every="all", empty="all members"),
            "It consists of {}.",
            LIFE,
            "It consists of all members.",
        ),
    ] = ()
    chair: Annotated[
        Chair | None,
        Field(Group(Chair, "a chair"), "Its chair: {}.", DECISION, absent="It has no chair."),
    ] = None
    meets: Annotated[
        str, Field(SENTENCE, "It meets: {}.", SHOWN, "When it meets is not fixed.")
    ] = ""
    rule: Annotated[
        DecisionRule | None,
        Field(
            Group(DecisionRule, "a decision rule"),
            "It decides: {}.",
            DECISION,
            absent="By no set rule.",
        ),
    ] = None
    reports_to: Annotated[
        str, Field(Ref("body"), "It reports to {}.", SHOWN, "It reports to nobody.")
    ] = ""
    escalates_to: Annotated[
        str, Field(Ref("body"), "It escalates to {}.", SHOWN, "It does not escalate.")
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnexAmendment:
    """How an annex is changed."""

    rule: Annotated[str | DecisionRule, Field(RULE, "Decided by {}.", DECISION)]
    in_force: Annotated[
        AmendmentEntry | None,
        Field(AMENDMENT_ENTRY, "It takes effect {}.", LIFE, "It takes effect at once."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annex:
    """A text beside the articles, with its own way of being changed."""

    id: Annotated[str, Field(Name("the id of an annex"), "It goes by {}.", SHOWN)]
    title: Annotated[str, Field(SENTENCE, "Its title is {}.", SHOWN, "It has no title.")] = ""
    text: Annotated[str, Field(PARAGRAPHS, "Its text: {}", SHOWN, "Its text is kept apart.")] = ""
    amendment: Annotated[
        AnnexAmendment | None,
        Field(
            Group(AnnexAmendment, "an amendment of an annex"),
            "It is changed: {}.",
            DECISION,
            absent="It is changed like the rest.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """A law that protects those who share, while it is in force."""

    LEAD: ClassVar[str] = "{name}."

    name: Annotated[str, Field(SENTENCE, "It is {}.", SHOWN)]
    jurisdiction: Annotated[
        str, Field(SENTENCE, "In {}.", SHOWN, "The jurisdiction is not named.")
    ] = ""
    covers: Annotated[
        tuple[str, ...], Field(Many(SENTENCE, "things"), "It covers {}.", SHOWN, "As the law says.")
    ] = ()
    valid: Annotated[
        tuple[Interval, ...],
        Field(Many(INTERVAL, "intervals"), "In force {}.", RESPONSE, "At all times."),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LawAndForum:
    """Which law governs, and who judges."""

    law: Annotated[
        str, Field(SENTENCE, "Governed by the law of {}.", SHOWN, "No governing law is named.")
    ] = ""
    arbitration_seat: Annotated[
        str, Field(SENTENCE, "Arbitration in {}.", SHOWN, "No arbitration is agreed.")
    ] = ""
    forum: Annotated[str, Field(SENTENCE, "Disputes go to {}.", SHOWN, "No court is agreed.")] = ""
