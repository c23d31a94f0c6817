"""Clauses on what parties do for each other: call, answer an attack, help.

Declarations only; `allied.response` decides by them. No clause performs a hostile act: it
opens, routes, times and records; people invoke, decide and act.

Source: agreement format, "Clauses"; NATO 3 to 5, ANZUS III, Rio 3, EU 42(7) and 222, the
convention of 1892, the letters of 1912, cyber mutual assistance.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from allied.agreement.clause import Clause
from allied.agreement.parts import (
    EXCUSES,
    MODALITY,
    SCOPE,
    Adaptation,
    Decision,
    Duty,
    Integrated,
    Interim,
    Provisional,
    Report,
    Scope,
    Trigger,
)
from allied.agreement.scalars import (
    DURATION,
    SENTENCE,
    WITHIN,
    YES_NO,
    Choice,
    Name,
    Ref,
)
from allied.agreement.shape import (
    RESPONSE,
    SHOWN,
    Field,
    Group,
    Many,
    OneOf,
)
from allied.agreement.values import Duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Consultation(Clause):
    """Who may call the others to the table. NATO 4, ANZUS III, CSTO 2, the letters of 1912."""

    TYPE: ClassVar[str] = "consultation"
    CALLED: ClassVar[str] = "a consultation clause"
    ABOUT: ClassVar[str] = "Consulting each other"

    caller: Annotated[
        str,
        Field(
            Name(
                "a caller",
                "any-member|victim|body|[1-9][0-9]{0,3} members",
                "`any-member`, `victim`, `body` or a number like `3 members`",
            ),
            "It is called by: {}.",
            RESPONSE,
        ),
    ] = "any-member"
    when: Annotated[
        str | Trigger,
        Field(
            OneOf(
                Choice(
                    {"opinion-of-caller": "the caller thinks it necessary"},
                    "when to consult",
                ),
                Group(Trigger, "a trigger"),
            ),
            "It is called when {}.",
            RESPONSE,
        ),
    ] = "opinion-of-caller"
    about: Annotated[str, Field(SENTENCE, "It is about {}.", SHOWN, "On any matter.")] = ""
    meet_within: Annotated[
        Duration | None,
        Field(WITHIN, "The parties meet {}.", by=RESPONSE, absent="No time for meeting is set."),
    ] = None
    body: Annotated[
        str, Field(Ref("body"), "They meet in {}.", RESPONSE, "They meet without a body.")
    ] = ""
    duty: Annotated[
        str,
        Field(
            Choice(
                {"must attend": "must attend", "must discuss": "must discuss the matter"},
                "a duty to consult",
            ),
            "The others {}.",
            RESPONSE,
        ),
    ] = "must attend"
    outcome_binding: Annotated[
        bool,
        Field(
            YES_NO,
            "What comes out of it binds them.",
            RESPONSE,
            "What comes out of it does not bind them.",
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectiveResponse(Clause):
    """What an attack on one obliges the others to. NATO 5, Rio 3, EU 42(7), 1892."""

    TYPE: ClassVar[str] = "collective-response"
    CALLED: ClassVar[str] = "a collective-response clause"
    ABOUT: ClassVar[str] = "Answering an attack together"

    trigger: Annotated[
        Trigger, Field(Group(Trigger, "a trigger"), "When it answers: {}.", RESPONSE)
    ]
    counts_as: Annotated[
        str,
        Field(
            Choice(
                {
                    "attack-on-all": "an attack on all",
                    "danger-to-each": "a danger to each",
                    "none": "nothing beyond what is said here",
                },
                "what an attack counts as",
            ),
            "It counts as {}.",
            SHOWN,
        ),
    ] = "none"
    invoked_by: Annotated[
        tuple[str, ...],
        Field(
            Many(
                Choice(
                    {
                        "victim": "the victim",
                        "any-member": "any member",
                        "body": "the body",
                        "nobody": "nobody, it is automatic",
                    },
                    "who invokes",
                ),
                "callers",
                last="or",
            ),
            "It is invoked by {}.",
            RESPONSE,
            "Nobody has to invoke it.",
        ),
    ] = ()
    invocation_window: Annotated[
        Duration | None,
        Field(
            WITHIN,
            "It must be invoked {} of becoming known.",
            RESPONSE,
            "It may be invoked at any time.",
        ),
    ] = None
    decision: Annotated[
        str | Decision,
        Field(
            OneOf(
                Choice({"automatic": "no decision is needed"}, "a decision"),
                Group(Decision, "a decision"),
            ),
            "Decision: {}.",
            RESPONSE,
        ),
    ] = "automatic"
    provisional: Annotated[
        Provisional | None,
        Field(
            Group(Provisional, "a provisional invocation"),
            "While facts are missing: {}.",
            by=RESPONSE,
            absent="It cannot be invoked while facts are missing.",
        ),
    ] = None
    interim: Annotated[
        Interim | None,
        Field(
            Group(Interim, "interim measures"),
            "Before a decision: {}.",
            by=RESPONSE,
            absent="Nothing is provided for before a decision.",
        ),
    ] = None
    duties: Annotated[
        tuple[Duty, ...],
        Field(
            Many(Group(Duty, "a duty"), "duties", ordered=True),
            "What is owed: {}.",
            RESPONSE,
            "Nobody owes anything under it.",
        ),
    ] = ()
    excuses: Annotated[
        tuple[str, ...],
        Field(
            Many(EXCUSES, "excuses", last="or"),
            "A party is excused if {}.",
            RESPONSE,
            "No excuse is accepted.",
        ),
    ] = ()
    adaptations: Annotated[
        tuple[Adaptation, ...],
        Field(
            Many(Group(Adaptation, "an adaptation"), "adaptations"),
            "Some give something else: {}.",
            by=RESPONSE,
            absent="Nobody gives anything else instead.",
        ),
    ] = ()
    command: Annotated[
        str | Integrated,
        Field(
            OneOf(
                Choice(
                    {"none": "each party keeps its own", "coordinated": "it is coordinated"},
                    "a command",
                ),
                Group(Integrated, "an integrated command"),
            ),
            "Command: {}.",
            SHOWN,
        ),
    ] = "none"
    report: Annotated[
        tuple[Report, ...],
        Field(
            Many(Group(Report, "a report"), "reports"),
            "It is reported: {}.",
            RESPONSE,
            "Nobody outside has to be told.",
        ),
    ] = ()
    ends_when: Annotated[
        tuple[str, ...],
        Field(
            Many(
                Choice(
                    {
                        "third-body-acts": "a body outside has acted",
                        "body-decides": "the body decides so",
                        "victim-declares-over": "the victim declares it over",
                        "fixed": "its time is up",
                    },
                    "an end",
                    free=True,
                ),
                "ends",
                last="or",
            ),
            "It ends when {}.",
            RESPONSE,
            "It ends when the incident is closed.",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that a party lends."""

    LEAD: ClassVar[str] = "{kind}."

    kind: Annotated[str, Field(SENTENCE, "What: {}.", SHOWN)]
    quantity: Annotated[str, Field(SENTENCE, "How many: {}.", SHOWN, "No quantity is fixed.")] = ""
    unit: Annotated[str, Field(SENTENCE, "Counted in {}.", SHOWN, "Counted one by one.")] = ""
    notice: Annotated[
        Duration | None, Field(DURATION, "At notice of {}.", SHOWN, "No notice is fixed.")
    ] = None
    period: Annotated[Duration | None, Field(DURATION, "For {}.", SHOWN, "For no fixed time.")] = (
        None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestForm:
    """How help is asked for."""

    channel: Annotated[str, Field(SENTENCE, "Over {}.", SHOWN, "Over any channel.")] = ""
    must_state: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "facts"), "It must state {}.", SHOWN, "It need not state anything."),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MutualAid(Clause):
    """Who lends what to whom, and who pays. Cyber mutual assistance, EU 222, NATO 3."""

    TYPE: ClassVar[str] = "mutual-aid"
    CALLED: ClassVar[str] = "a mutual-aid clause"
    ABOUT: ClassVar[str] = "Helping each other out"

    resources: Annotated[
        tuple[Resource, ...],
        Field(
            Many(Group(Resource, "a resource", scalar="kind"), "resources"),
            "What can be asked for: {}.",
            RESPONSE,
            "No list of what can be asked for.",
        ),
    ] = ()
    request: Annotated[
        RequestForm | None,
        Field(
            Group(RequestForm, "a form of request"),
            "How it is asked for: {}.",
            SHOWN,
            "A request has no set form.",
        ),
    ] = None
    modality: Annotated[
        str,
        Field(Choice(MODALITY, "how binding it is"), "The party asked {} help.", RESPONSE),
    ] = "may"
    answer_within: Annotated[
        Duration | None,
        Field(
            WITHIN, "A request is answered {}.", by=RESPONSE, absent="No deadline for the answer."
        ),
    ] = None
    cost: Annotated[
        str,
        Field(
            Choice(
                {
                    "own": "each bears its own",
                    "requester-pays-actual": "whoever asked pays what it actually cost",
                    "capped": "whoever asked pays up to a cap",
                    "free-then-cost": "free at first, then whoever asked pays",
                },
                "a rule on cost",
            ),
            "Cost: {}.",
            RESPONSE,
        ),
    ] = "own"
    cost_cap: Annotated[str, Field(SENTENCE, "The cap: {}.", RESPONSE, "There is no cap.")] = ""
    free_for: Annotated[
        Duration | None,
        Field(DURATION, "Free for the first {}.", RESPONSE, "No free period is set."),
    ] = None
    currency: Annotated[
        str,
        Field(
            Name("a currency", "[A-Z]{3}", "three capital letters, like `EUR`"),
            "Accounts are in {}.",
            RESPONSE,
            "No currency is agreed.",
        ),
    ] = ""
    liability: Annotated[
        str, Field(SENTENCE, "Liability: {}.", SHOWN, "Liability follows the law.")
    ] = ""
    workers_protection: Annotated[
        str,
        Field(
            SENTENCE,
            "Protection of those who are sent: {}.",
            SHOWN,
            "Nothing is said about those who are sent.",
        ),
    ] = ""
    nda: Annotated[
        str,
        Field(SENTENCE, "Confidentiality: {}.", SHOWN, "No confidentiality agreement is named."),
    ] = ""
    recall_of_resources: Annotated[
        bool,
        Field(
            YES_NO,
            "The lender may take back what it lent in its own emergency.",
            RESPONSE,
            "The lender may not take back what it lent.",
        ),
    ] = True
    priority: Annotated[
        str,
        Field(SENTENCE, "When two ask: {}.", SHOWN, "Nothing is said for when two ask at once."),
    ] = ""
    scope: Annotated[
        tuple[str, ...] | Scope, Field(SCOPE, "It holds for {}.", RESPONSE, "It holds anywhere.")
    ] = ()
