"""What an article can be: one declaration per type of clause.

There is no code per clause type: `agreement.shape` reads, prints, compares and describes
every one of them by its declaration. `CLAUSES` names them all by the word that stands
under `type`.

Words used here:
    clause    one article of an agreement, of one type
    kind      of information: what sort of thing an item tells
    member    a party that `binds` means where it names nobody

Rules that hold everywhere below. Every field says who enforces it in this release, or
that nobody does yet; `agreement check` repeats that for each field a text uses. Defaults
are the narrow ones: nothing goes to third parties, nothing is marked below AMBER, nobody
has to do anything that the text does not say.

Source: agreement format, "Clauses"; the instruments named in the descriptions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Final

from allied.agreement.parts import (
    DEBTORS,
    EXCUSES,
    MODALITY,
    NOTHING,
    RULE,
    SCOPE,
    Adaptation,
    Aggregate,
    Case,
    Decision,
    DecisionRule,
    Duty,
    Integrated,
    Interim,
    Provisional,
    Recusal,
    Report,
    Scope,
    SecondCondition,
    Silence,
    Target,
    Trigger,
    Withdrawal,
)
from allied.agreement.scalars import (
    AFTER,
    AMENDMENT_ENTRY,
    COUNT,
    DAY,
    DURATION,
    PARAGRAPHS,
    SENTENCE,
    TLP,
    WITHIN,
    YES_NO,
    Choice,
    Name,
    Ref,
)
from allied.agreement.shape import (
    EXCHANGE,
    LATER,
    LIFE,
    RESPONSE,
    SHOWN,
    Field,
    Group,
    Many,
    Named,
    OneOf,
)
from allied.agreement.values import AmendmentEntry, Duration, Table, Tlp

__all__ = [
    "CLAUSES",
    "KINDS",
    "NOTHING",
    "RULE",
    "VISIBILITY",
    "Adaptation",
    "Aggregate",
    "AllowedTo",
    "Amendment",
    "AmendmentEntry",
    "Anonymise",
    "Case",
    "Clause",
    "CollectiveResponse",
    "Consultation",
    "Decision",
    "DecisionRule",
    "Dispute",
    "Duty",
    "Exceptions",
    "Expulsion",
    "Governance",
    "InformationSharing",
    "Integrated",
    "Interim",
    "LawfulBasis",
    "Membership",
    "MutualAid",
    "OneWay",
    "Preparedness",
    "Provisional",
    "Recall",
    "Receives",
    "Recusal",
    "Report",
    "Reporting",
    "RequestForm",
    "Reservation",
    "Reservations",
    "Resource",
    "Restraint",
    "Review",
    "Reward",
    "Scope",
    "SecondCondition",
    "Secrecy",
    "Silence",
    "Statement",
    "Step",
    "Sunset",
    "Suspension",
    "Target",
    "Trigger",
    "Vetting",
    "Withdrawal",
]

ALL_RATIFY: Final = AmendmentEntry("all-ratify")

KIND_WORDS: Final = {
    "indicator": "indicators",
    "technique": "techniques",
    "vulnerability": "vulnerabilities",
    "incident-report": "incident reports",
    "victim-notice": "notices to victims",
    "intelligence": "intelligence",
    "raw-collection": "raw collection",
    "assessment": "assessments",
    "capability": "capabilities",
}
KINDS: Final = tuple(KIND_WORDS)
"""What information can be, without `all`."""

KIND: Final = Choice({**KIND_WORDS, "all": "everything"}, "a kind of information")
VISIBILITY: Final = Choice(
    {
        "public": "anyone may know of it",
        "parties": "only the parties see it",
        "secret": "not even its existence is known outside",
    },
    "a visibility",
)
ART: Final = Name(
    "the number of an article",
    r"[A-Za-z0-9](?:[A-Za-z0-9.()-]{0,62}[A-Za-z0-9)])?",
    'a number or a name, like `"5"`, `"6(1)"` or `letters-1912`',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """What every clause has."""

    TYPE: ClassVar[str] = ""
    CALLED: ClassVar[str] = "a clause"
    ABOUT: ClassVar[str] = ""

    art: Annotated[str, Field(ART, "It has the number {}.", SHOWN)]
    title: Annotated[str, Field(SENTENCE, "Its title is {}.", SHOWN, "It has no title.")] = ""
    text: Annotated[
        str, Field(PARAGRAPHS, "In the parties' own words: {}", SHOWN, "It has no wording.")
    ] = ""
    since: Annotated[
        date | None,
        Field(
            DAY, "It applies from {}.", LIFE, "It applies from the entry into force of the whole."
        ),
    ] = None
    until: Annotated[
        date | None,
        Field(
            DAY, "It applies up to and including {}.", LIFE, "It applies as long as the whole does."
        ),
    ] = None
    visibility: Annotated[
        str,
        Field(VISIBILITY, "Who may know: {}.", absent="It is as visible as the agreement."),
    ] = ""
    binds: Annotated[
        tuple[str, ...],
        Field(
            Many(Ref("party"), "parties", every="all members", empty="all members"),
            "It binds {}.",
            LIFE,
            "It binds all members.",
        ),
    ] = ()
    operative: Annotated[
        bool,
        Field(
            YES_NO, "It creates rights and duties.", RESPONSE, "It creates no rights and no duties."
        ),
    ] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay:
    """Sharing that goes in one direction."""

    senders: Annotated[tuple[str, ...], Field(DEBTORS, "From {}.", EXCHANGE, key="from")]
    recipients: Annotated[tuple[str, ...], Field(DEBTORS, "To {}.", EXCHANGE, key="to")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receives:
    """What one role or tier may receive."""

    LEAD: ClassVar[str] = "{kinds}, at most {max_tlp}."

    max_tlp: Annotated[Tlp, Field(TLP, "At most {}.", EXCHANGE)]
    kinds: Annotated[tuple[str, ...], Field(Many(KIND, "kinds", least=1), "Of {}.", EXCHANGE)] = (
        "all",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedTo:
    """Third parties that may be given what was shared."""

    allowed_to: Annotated[
        tuple[str, ...], Field(Many(SENTENCE, "third parties", least=1), "To {}.")
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """How fast a recalled item must be gone."""

    comply_within: Annotated[Duration, Field(WITHIN, "To be complied with {}.")]
    confirm: Annotated[
        bool,
        Field(YES_NO, "Each holder confirms that it is gone.", LATER, "Nobody has to confirm."),
    ] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Anonymise:
    """Who takes the sender's name out."""

    by: Annotated[
        str,
        Field(
            Choice({"hub": "the secretariat", "submitter": "the sender"}, "who anonymises"),
            "Done by {}.",
        ),
    ]
    min_group: Annotated[
        int, Field(COUNT, "It goes on only where it may have come from this many: {}.")
    ] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LawfulBasis:
    """Personal data that stays in, and why it may."""

    lawful_basis: Annotated[str, Field(SENTENCE, "On the basis of {}.", SHOWN)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sunset:
    """When a marking relaxes or ends."""

    after: Annotated[Duration, Field(AFTER, "It happens {}.")]
    then: Annotated[
        str,
        Field(
            Choice({"relax": "it relaxes", "expire": "the item expires"}, "what happens then"),
            "Then {}.",
        ),
    ]
    tlp: Annotated[Tlp | None, Field(TLP, "To {}.", absent="To no other marking.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceptions:
    """How something is kept out of the exchange."""

    ask: Annotated[
        str,
        Field(
            Choice(
                {"either": "any party may ask", "originator": "the originator may ask"},
                "who asks",
            ),
            "Asking: {}.",
            SHOWN,
        ),
    ] = "either"
    agree: Annotated[
        str,
        Field(
            Ref("body", fixed={"other-party": "the other party", "all": "all parties"}),
            "Agreeing: {}.",
            SHOWN,
        ),
    ] = "other-party"
    keep: Annotated[str, Field(SENTENCE, "To be kept to: {}.", SHOWN, "No limit is named.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationSharing(Clause):
    """Who is told what, and how far it may go. UKUSA, ISACs, AIS, the convention of 1892."""

    TYPE: ClassVar[str] = "information-sharing"
    CALLED: ClassVar[str] = "an information-sharing clause"
    ABOUT: ClassVar[str] = "Sharing information"

    share: Annotated[
        tuple[str, ...],
        Field(Many(KIND, "kinds", least=1), "What is shared: {}.", EXCHANGE),
    ]
    except_: Annotated[
        tuple[str, ...],
        Field(
            Many(KIND, "kinds"),
            "What is left out: {}.",
            EXCHANGE,
            "Nothing is left out.",
            key="except",
        ),
    ] = ()
    about: Annotated[str, Field(SENTENCE, "It is about {}.", SHOWN, "It is about any subject.")] = (
        ""
    )
    audience: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "audiences"), "It is for {}.", SHOWN, "No narrower audience is named."
        ),
    ] = ()
    duty: Annotated[
        str,
        Field(
            Choice(
                {
                    "must": "must be shared",
                    "should": "should be shared",
                    "may": "may be shared; nobody has to",
                    "on-request": "is shared when a party asks for it",
                },
                "a duty to share",
            ),
            "What is known {}.",
            SHOWN,
        ),
    ] = "may"
    direction: Annotated[
        str | OneWay,
        Field(
            OneOf(
                Choice(
                    {
                        "both": "every party to every other",
                        "hub": "every party to the secretariat, which passes it on",
                    },
                    "a direction",
                ),
                Group(OneWay, "a direction"),
            ),
            "It goes from {}.",
            EXCHANGE,
        ),
    ] = "both"
    reciprocity: Annotated[
        str,
        Field(
            Choice(
                {
                    "none": "nothing",
                    "equal-kind": "the same kind",
                    "contribute-to-receive": "a contribution before anything is received",
                },
                "a reciprocity",
            ),
            "Asked for in return: {}.",
            later=frozenset({"equal-kind", "contribute-to-receive"}),
            by=EXCHANGE,
        ),
    ] = "none"
    within: Annotated[
        Duration | None,
        Field(WITHIN, "It is shared {} of becoming known.", SHOWN, "No time limit is set."),
    ] = None
    default_tlp: Annotated[
        Tlp,
        Field(TLP, "What carries no marking is handled as {}.", EXCHANGE, follows="max_tlp"),
    ] = Tlp.AMBER
    max_tlp: Annotated[
        Tlp,
        Field(TLP, "Nothing above {} may be sent under this clause; it is refused.", EXCHANGE),
    ] = Tlp.AMBER
    community: Annotated[
        str,
        Field(
            SENTENCE,
            "The community that TLP:GREEN speaks of: {}.",
            EXCHANGE,
            "No community is declared, so TLP:GREEN stays among the parties.",
        ),
    ] = ""
    receives: Annotated[
        Table[Receives],
        Field(
            Named(
                Group(Receives, "what a role or tier receives"), Name("a role or a tier"), "roles"
            ),
            "What each role or tier receives: {}.",
            EXCHANGE,
            "Members receive everything up to the ceiling; no other role receives anything.",
        ),
    ] = NOTHING
    caveats_allowed: Annotated[
        tuple[str, ...],
        Field(
            Many(
                Choice(
                    {each: each for each in ("REL-TO", "NOFORN", "ORCON", "PROPIN", "EYES-ONLY")},
                    "a caveat",
                ),
                "caveats",
            ),
            "Caveats that an originator may add: {}.",
            by=EXCHANGE,
            absent="No caveats may be added.",
        ),
    ] = ()
    third_party: Annotated[
        str | AllowedTo,
        Field(
            OneOf(
                Choice(
                    {
                        "forbidden": "forbidden",
                        "originator-consent": "only with the originator's consent",
                    },
                    "a rule on third parties",
                ),
                Group(AllowedTo, "a rule on third parties"),
            ),
            "Passing it on to anyone outside: {}.",
            EXCHANGE,
        ),
    ] = "forbidden"
    originator_control: Annotated[
        bool,
        Field(
            YES_NO,
            "The originator controls every further use.",
            LATER,
            "The originator does not control further use within the clause.",
        ),
    ] = False
    recall: Annotated[
        Recall | None,
        Field(
            Group(Recall, "a recall"),
            "The originator may recall it: {}.",
            absent="There is no recall.",
        ),
    ] = None
    attribution: Annotated[
        str,
        Field(
            Choice(
                {
                    "must": "must be named",
                    "may": "may be named",
                    "must-not": "must not be named",
                },
                "a rule on naming the source",
            ),
            "The source {}.",
            by=SHOWN,
            later=frozenset({"must-not"}),
        ),
    ] = "may"
    consent_overrides: Annotated[
        bool,
        Field(
            YES_NO,
            "The source's consent overrides that.",
            LATER,
            "The source's consent does not override that.",
        ),
    ] = False
    anonymise: Annotated[
        Anonymise | None,
        Field(
            Group(Anonymise, "an anonymisation"),
            "The sender's name is taken out: {}.",
            absent="The sender's name is not taken out.",
        ),
    ] = None
    purpose: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "purposes"), "It may be used for {}.", SHOWN, "For any purpose."),
    ] = ()
    permitted_actions: Annotated[
        str,
        Field(
            Choice(
                {
                    "none": "none",
                    "contact-for-instruction": "ask the originator first",
                    "internally-visible": "actions seen only inside",
                    "externally-visible-indirect": "actions that are seen outside indirectly",
                    "externally-visible-direct": "actions that are seen outside",
                },
                "a permitted action",
            ),
            "Actions permitted on it: {}.",
            SHOWN,
        ),
    ] = "externally-visible-direct"
    resale: Annotated[
        str,
        Field(
            Choice({"must-not": "must not be sold", "may": "may be sold"}, "a rule on resale"),
            "Unmodified, it {}.",
            SHOWN,
        ),
    ] = "must-not"
    personal_data: Annotated[
        str | LawfulBasis,
        Field(
            OneOf(
                Choice(
                    {"remove-unrelated": "what is unrelated to the threat is removed before"},
                    "a rule on personal data",
                ),
                Group(LawfulBasis, "a lawful basis"),
            ),
            "Personal data: {}.",
            SHOWN,
        ),
    ] = "remove-unrelated"
    retention: Annotated[
        Duration | None,
        Field(AFTER, "It is deleted {}.", SHOWN, "No limit on keeping it is set."),
    ] = None
    sunset: Annotated[
        Sunset | None,
        Field(Group(Sunset, "a sunset"), "Its marking ends: {}.", absent="Markings do not lapse."),
    ] = None
    encrypt: Annotated[
        str,
        Field(
            Choice({"must": "must be encrypted", "may": "may be sent in clear"}, "encryption"),
            "In transit it {}.",
            SHOWN,
        ),
    ] = "must"
    exceptions: Annotated[
        Exceptions | None,
        Field(
            Group(Exceptions, "exceptions"),
            "Exceptions can be agreed: {}.",
            SHOWN,
            "No procedure for exceptions.",
        ),
    ] = None
    forbidden_topics: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "topics"),
            "Never to be shared: {}.",
            SHOWN,
            "No topic is forbidden.",
        ),
    ] = ()
    legal_shield: Annotated[
        str,
        Field(
            Ref("protection"),
            "It relies on the legal protection {}.",
            SHOWN,
            "It relies on no special legal protection.",
        ),
    ] = ""
    freshness: Annotated[
        Duration | None,
        Field(
            DURATION,
            "Before a release, a node's knowledge of who is a party may be this old: {}.",
            absent="Before a release, a node's knowledge of who is a party may be 24 hours old,"
            " and one hour for TLP:RED.",
        ),
    ] = None

    def freshness_of(self, marking: Tlp) -> Duration:
        """How old the knowledge of who is a party may be for an item of this marking."""
        if self.freshness is not None:
            return self.freshness
        return Duration(1, "hours") if marking is Tlp.RED else Duration(24, "hours")

    def covers(self, kind: str) -> bool:
        """Whether information of a kind is shared under this clause."""
        shared = kind in self.share or "all" in self.share
        return shared and kind not in self.except_ and "all" not in self.except_


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
        str, Field(Ref("body"), "They meet in {}.", SHOWN, "They meet without a body.")
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
            SHOWN,
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
            later=frozenset({"body"}),
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
            later=frozenset({"*map"}),
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
    unit: Annotated[str, Field(SENTENCE, "Counted in {}.", SHOWN, "Counted in pieces.")] = ""
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
            SHOWN,
        ),
    ] = "own"
    cost_cap: Annotated[str, Field(SENTENCE, "The cap: {}.", SHOWN, "There is no cap.")] = ""
    free_for: Annotated[
        Duration | None, Field(DURATION, "Free for the first {}.", SHOWN, "No free period is set.")
    ] = None
    currency: Annotated[
        str,
        Field(
            Name("a currency", "[A-Z]{3}", "three capital letters, like `EUR`"),
            "Accounts are in {}.",
            SHOWN,
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
    while_: Annotated[str, Field(SENTENCE, "While {}.", SHOWN, "At all times.", key="while")] = ""
    scope: Annotated[
        tuple[str, ...] | Scope, Field(SCOPE, "It holds for {}.", RESPONSE, "It holds anywhere.")
    ] = ()
    beneficiary: Annotated[
        str,
        Field(SENTENCE, "It protects {}.", SHOWN, "It protects the parties."),
    ] = ""
    conditions: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "conditions"), "On condition that {}.", SHOWN, "Without conditions."),
    ] = ()
    phase: Annotated[
        tuple[str, ...],
        Field(
            Many(Choice("imminent active", "a phase"), "phases", last="or"),
            "Only while an attack is {}.",
            absent="In any phase.",
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
        str, Field(SENTENCE, "What is saved goes back to {}.", SHOWN, "Nothing has to go back.")
    ] = ""
    notify_within: Annotated[
        Duration | None,
        Field(WITHIN, "The owner is told {}.", absent="No time for telling the owner."),
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
        Field(WITHIN, "A dispute is raised {}.", absent="No time for disputes is set."),
    ] = None
    frozen_at_start: Annotated[
        bool,
        Field(
            YES_NO,
            "An intervention stays under the terms at its start.",
            LATER,
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
            SHOWN,
            "No aim is named.",
        ),
    ] = ()
    self_report: Annotated[
        Duration | None,
        Field(DURATION, "Each reports on itself every {}.", absent="Nobody reports on itself."),
    ] = None
    peer_review: Annotated[
        Duration | None,
        Field(
            DURATION, "They review each other every {}.", absent="They do not review each other."
        ),
    ] = None
    exercises: Annotated[
        Duration | None,
        Field(DURATION, "They exercise together every {}.", absent="No exercises are agreed."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Governance(Clause):
    """Which body decides on what."""

    TYPE: ClassVar[str] = "governance"
    CALLED: ClassVar[str] = "a governance clause"
    ABOUT: ClassVar[str] = "Deciding together"

    body: Annotated[str, Field(Ref("body"), "{} decides.", absent="All members decide.")] = ""
    rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "The rule: {}.", absent="By the body's own rule."),
    ] = None
    decides: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "matters"), "It decides on {}.", SHOWN, "On any matter."),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Vetting:
    """How a candidate is looked at before it joins."""

    sponsors: Annotated[int, Field(COUNT, "Sponsors needed: {}.")] = 0
    objection_period: Annotated[
        Duration | None,
        Field(DURATION, "Members may object for {}.", absent="No time for objections is set."),
    ] = None
    rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "The rule: {}.", absent="The rule of admission applies."),
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
        str | DecisionRule | None, Field(RULE, "The rule: {}.", absent="No rule is given.")
    ] = None
    automatic_if: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "grounds", last="or"), "Of itself if {}.", absent="Never of itself."),
    ] = ()
    pairwise: Annotated[
        str,
        Field(
            Choice("allowed forbidden", "whether one pair may be suspended"),
            "Between two parties alone: {}.",
        ),
    ] = "forbidden"
    recuse: Annotated[
        tuple[Recusal, ...],
        Field(
            Many(Group(Recusal, "a recusal", scalar="who"), "recusals"),
            "Not voting: {}.",
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
        str | DecisionRule | None, Field(RULE, "The rule: {}.", absent="No rule is given.")
    ] = None
    recuse: Annotated[
        tuple[Recusal, ...],
        Field(
            Many(Group(Recusal, "a recusal", scalar="who"), "recusals"),
            "Not voting: {}.",
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
            absent="No invitation is needed.",
        ),
    ] = ""
    rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "Admission is decided: {}.", absent="No rule of admission is given."),
    ] = None
    vetting: Annotated[
        Vetting | None,
        Field(Group(Vetting, "a vetting"), "Candidates are vetted: {}.", absent="No vetting."),
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
        Field(Group(Suspension, "a suspension"), "Suspension: {}.", absent="Nobody is suspended."),
    ] = None
    expulsion: Annotated[
        Expulsion | None,
        Field(Group(Expulsion, "an expulsion"), "Expulsion: {}.", absent="Nobody is expelled."),
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
            LATER,
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
        ),
    ] = ("any-member",)
    rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "Decided: {}.", absent="By unanimity of the members."),
    ] = None
    in_force: Annotated[AmendmentEntry, Field(AMENDMENT_ENTRY, "It takes effect {}.")] = ALL_RATIFY
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
        ),
    ] = "keep-old"


@dataclass(frozen=True, slots=True, kw_only=True)
class Review(Clause):
    """When the parties look at it again. NATO 12."""

    TYPE: ClassVar[str] = "review"
    CALLED: ClassVar[str] = "a review clause"
    ABOUT: ClassVar[str] = "Looking at it again"

    not_before: Annotated[
        Duration | None, Field(DURATION, "Not before {}.", absent="At any time.")
    ] = None
    on_request_of: Annotated[
        str,
        Field(
            Ref("party", "body", fixed={"any-member": "any member"}),
            "On the request of {}.",
            absent="Nobody has to ask for it.",
        ),
    ] = ""
    every: Annotated[
        Duration | None, Field(DURATION, "Every {}.", absent="At no fixed interval.")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """One party's reservation to one clause."""

    party: Annotated[str, Field(Ref("party"), "Made by {}.", RESPONSE)]
    clause: Annotated[str, Field(Ref("clause"), "To article {}.", RESPONSE)]
    effect: Annotated[
        str,
        Field(
            Choice(
                {
                    "exclude": "it does not bind",
                    "narrow": "it binds more narrowly",
                    "interpret": "it is read in a certain way",
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
        bool, Field(YES_NO, "Reservations may be made.", LATER, "No reservations may be made.")
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
        bool, Field(YES_NO, "Its very existence is secret.", LATER, "Its existence is no secret.")
    ] = False
    disclose_rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "Disclosed by: {}.", absent="Only if all parties agree."),
    ] = None
    declassify_after: Annotated[
        Duration | None,
        Field(AFTER, "It becomes open {}.", absent="It does not become open of itself."),
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
    every: Annotated[
        Duration | None, Field(DURATION, "Every {}.", absent="At no fixed interval.")
    ] = None
    within: Annotated[Duration | None, Field(WITHIN, "{}.", absent="Without a time limit.")] = None


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


CLAUSES: Final[Mapping[str, type[Clause]]] = {
    each.TYPE: each
    for each in (
        InformationSharing,
        Consultation,
        CollectiveResponse,
        MutualAid,
        Restraint,
        Preparedness,
        Governance,
        Membership,
        Amendment,
        Review,
        Dispute,
        Reservations,
        Secrecy,
        Reporting,
        Statement,
    )
}
"""Every type of clause, by the word that stands under `type`."""
