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
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Final

from allied.agreement.scalars import (
    AFTER,
    AT_LEAST,
    ATTRIBUTION,
    COUNT,
    DAY,
    DECIMAL,
    DURATION,
    QUORUM,
    SENTENCE,
    SEVERITY,
    SHARE,
    WITHIN,
    YES_NO,
    Choice,
    Name,
    Ref,
)
from allied.agreement.shape import LATER, LIFE, RESPONSE, SHOWN, Field, Group, Many, Named, OneOf
from allied.agreement.values import Attribution, Duration, Severity, Table

NOTHING: Final[Table[Any]] = Table()
IMMEDIATELY: Final = Duration(0, "hours")
NOT_NEEDED: Final = Attribution("not-needed")

TARGETS: Final = Choice("territory forces ships aircraft systems customers funds", "a target")
SYSTEM: Final = Name(
    "a system",
    r"(?:asn|domain|net|account):[!-~]{1,253}",
    "`asn:`, `domain:`, `net:` or `account:` and what it names, like `domain:river.example`",
)


def _incident_words(kind: str) -> str:
    """`attack.cyber.fraud` as `cyber attack: fraud (attack.cyber.fraud)`."""
    group, _, rest = kind.partition(".")
    what, _, detail = rest.partition(".")
    words = f"{what} {group}" if group in {"attack", "coercion", "disaster"} and what else group
    if group in {"act", "threat", "supply"} and what:
        words = f"{group}: {what}"
    said = f"{words}: {detail}" if detail else words
    return f"{said.replace('-', ' ')} ({kind})" if "." in kind else said.replace("-", " ")


INCIDENT_KINDS: Final = (
    "attack attack.armed attack.terror attack.cyber attack.cyber.availability"
    " attack.cyber.intrusion attack.cyber.malicious-code attack.cyber.content"
    " attack.cyber.information-gathering attack.cyber.fraud act act.mobilisation"
    " act.war-declaration act.blockade threat threat.force threat.integrity"
    " threat.independence threat.security coercion coercion.economic supply"
    " supply.disruption disaster disaster.natural disaster.man-made vulnerability"
    " breach-of-agreement"
)
INCIDENT: Final = Choice(
    {word: _incident_words(word) for word in INCIDENT_KINDS.split()}, "a kind of incident"
)
TRIGGER_FIELDS: Final = Choice(
    "kind incident may_be_found_to_be severity aggregate scope against victims victim_is"
    " attacker attackers supported_by attribution unprovoked capacity phase act_by cases"
    " requested_by_victim",
    "a field of a trigger",
)
PARTY_NAME: Final = Name("the name of a state, an organisation or a party")
EXCUSES: Final = Choice(
    {
        "constitutional-process-pending": "its constitution asks for a decision still pending",
        "incapacity": "it is not able to",
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where, against what and on which systems an incident counts."""

    title: Annotated[str, Field(SENTENCE, "It is called {}.", SHOWN, "It has no title.")] = ""
    places: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "places", last="or"), "Places: {}.", RESPONSE, "Any place."),
    ] = ()
    north_of_latitude: Annotated[
        Decimal | None,
        Field(DECIMAL, "North of latitude {}.", RESPONSE, "Any latitude."),
    ] = None
    targets: Annotated[
        tuple[str, ...],
        Field(Many(TARGETS, "targets", last="or"), "Targets: {}.", RESPONSE, "Any target."),
    ] = ()
    systems: Annotated[
        tuple[str, ...],
        Field(Many(SYSTEM, "systems", last="or"), "Systems: {}.", RESPONSE, "Any system."),
    ] = ()
    growth: Annotated[
        str,
        Field(
            Choice(
                {
                    "none": "none",
                    "existing": "those that exist when the agreement is signed",
                    "future": "those added later",
                    "all": "those that exist and those added later",
                },
                "how a scope grows",
            ),
            "Of what hangs below the systems named, it takes in: {}.",
        ),
    ] = "none"
    sectors: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "sectors", last="or"), "Sectors: {}.", RESPONSE, "Any sector."),
    ] = ()
    contested: Annotated[
        bool,
        Field(
            YES_NO,
            "Its limits are contested between the parties.",
            RESPONSE,
            "Its limits are not contested.",
        ),
    ] = False


SCOPE: Final = OneOf(
    Group(Scope, "a scope"),
    Many(Ref("scope"), "scopes", empty="anywhere", last="or"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """How a proposal is adopted by nobody objecting in time."""

    period: Annotated[
        Duration | None,
        Field(DURATION, "The silence lasts {}.", absent="Each proposal names its own period."),
    ] = None
    break_by: Annotated[
        str,
        Field(Choice("written-objection objection", "how a silence is broken"), "A {} breaks it."),
    ] = "written-objection"
    may_extend: Annotated[
        bool, Field(YES_NO, "The period may be extended.", LATER, "The period is not extended.")
    ] = False
    reasons_required: Annotated[
        bool, Field(YES_NO, "An objection needs reasons.", LATER, "An objection needs no reasons.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondCondition:
    """A second count that must hold as well."""

    threshold: Annotated[
        int | Fraction | None, Field(SHARE, "At least {}.", absent="No threshold is given.")
    ] = None
    of: Annotated[
        str, Field(Choice("members ratified present voting", "a group", free=True), "Of {}.")
    ] = "members"
    weights: Annotated[Table[int], Field(Named(COUNT, Ref("party"), "weights"), "Weights: {}.")] = (
        NOTHING
    )
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
        ),
    ]
    only_if: Annotated[str, Field(SENTENCE, "Only if {}.", absent="In every case.")] = ""


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
        ),
    ] = "members"
    party: Annotated[str, Field(Ref("party"), "{} decides.", absent="No single party decides.")] = (
        ""
    )
    threshold: Annotated[
        int | Fraction | None,
        Field(SHARE, "Needed: {}.", absent="The threshold follows from the rule."),
    ] = None
    weights: Annotated[
        Table[int],
        Field(Named(COUNT, Ref("party"), "weights"), "Weights: {}.", absent="Each counts once."),
    ] = NOTHING
    also: Annotated[
        SecondCondition | None,
        Field(
            Group(SecondCondition, "a second condition"),
            "And besides: {}.",
            absent="There is no second condition.",
        ),
    ] = None
    quorum: Annotated[
        int | Fraction | str | None,
        Field(QUORUM, "Quorum: {}.", absent="No quorum is needed."),
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
        ),
    ] = "ignored"
    silence: Annotated[
        Silence | None,
        Field(
            Group(Silence, "a silence procedure"),
            "Silence procedure: {}.",
            absent="There is no silence procedure.",
        ),
    ] = None
    veto: Annotated[
        tuple[str, ...],
        Field(Many(Ref("party"), "parties"), "A veto has: {}.", absent="Nobody has a veto."),
    ] = ()
    recuse: Annotated[
        tuple[Recusal, ...],
        Field(
            Many(Group(Recusal, "a recusal", scalar="who"), "recusals"),
            "Not voting: {}.",
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
        ),
    ] = "fails"
    tolerates: Annotated[
        int,
        Field(
            COUNT,
            "A decision stays safe although this many of the voters cheat: {}.",
        ),
    ] = 0
    grace: Annotated[
        Duration,
        Field(DURATION, "Votes signed in time are still counted when they arrive later by: {}."),
    ] = IMMEDIATELY
    assembler: Annotated[
        str,
        Field(Ref("party"), "{} counts the votes.", absent="Who counts is not fixed."),
    ] = ""
    deputies: Annotated[
        tuple[str, ...],
        Field(
            Many(Ref("party"), "parties", ordered=True),
            "In its place count, in this order: {}.",
            absent="No deputy is named.",
        ),
    ] = ()
    measure_consent: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "measures"),
            "These measures need the consent of each party that is to take them: {}.",
            absent="No measure needs a consent of its own.",
        ),
    ] = ()


RULE: Final = OneOf(Ref("body"), Group(DecisionRule, "a decision rule"))
"""A body that decides by its own rule, or a rule written out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Aggregate:
    """Several incidents taken as one."""

    same_campaign: Annotated[
        bool,
        Field(
            YES_NO,
            "Only incidents of the same campaign are added up.",
            LATER,
            "Incidents of any campaign are added up.",
        ),
    ] = True
    window: Annotated[
        Duration | None,
        Field(WITHIN, "They lie {} of each other.", by=RESPONSE, absent="Over any time."),
    ] = None
    severity: Annotated[
        str,
        Field(
            Choice(
                {
                    "max": "the gravest among them",
                    "sum": "their sum",
                    "body-decides": "what the body finds",
                },
                "how severities are added up",
            ),
            "Together they are as severe as {}.",
            RESPONSE,
        ),
    ] = "max"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One of several alternatives inside a trigger; all that it names must hold."""

    victim: Annotated[
        tuple[str, ...],
        Field(
            Many(PARTY_NAME, "victims", last="or"),
            "{} is the victim.",
            RESPONSE,
            "Any party is the victim.",
        ),
    ] = ()
    attacker: Annotated[
        tuple[str, ...],
        Field(Many(PARTY_NAME, "attackers", last="or"), "{} attacks.", RESPONSE, "Anyone attacks."),
    ] = ()
    supported_by: Annotated[
        tuple[str, ...],
        Field(
            Many(PARTY_NAME, "supporters", last="or"),
            "The attacker is supported by {}.",
            RESPONSE,
            "Supported by anyone or nobody.",
        ),
    ] = ()
    incident: Annotated[
        tuple[str, ...],
        Field(
            Many(INCIDENT, "kinds", last="or"),
            "It is {}.",
            RESPONSE,
            "Of any kind that the trigger names.",
        ),
    ] = ()
    against: Annotated[
        tuple[str, ...],
        Field(Many(TARGETS, "targets", last="or"), "Against {}.", RESPONSE, "Against any target."),
    ] = ()
    act_by: Annotated[
        tuple[str, ...],
        Field(Many(PARTY_NAME, "actors", last="or"), "Done by {}.", RESPONSE, "Done by anyone."),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What must be true of an incident."""

    incident: Annotated[
        tuple[str, ...],
        Field(
            Many(INCIDENT, "kinds of incident", last="or"),
            "It answers to {}, and to every kind below.",
            RESPONSE,
            "It answers to incidents of every kind.",
        ),
    ] = ()
    may_be_found_to_be: Annotated[
        tuple[str, ...],
        Field(
            Many(INCIDENT, "kinds of incident", last="or"),
            "These count only once a body has found them to be one of those: {}.",
            RESPONSE,
            "No other kind can be found to count.",
        ),
    ] = ()
    severity: Annotated[
        Severity | None,
        Field(SEVERITY, "It must be {}.", RESPONSE, "Its severity does not matter."),
    ] = None
    aggregate: Annotated[
        Aggregate | None,
        Field(
            Group(Aggregate, "an aggregation"),
            "Smaller incidents are added up: {}.",
            by=RESPONSE,
            absent="Smaller incidents are not added up.",
        ),
    ] = None
    scope: Annotated[
        tuple[str, ...] | Scope,
        Field(SCOPE, "It must lie within {}.", RESPONSE, "It may happen anywhere."),
    ] = ()
    against: Annotated[
        tuple[str, ...],
        Field(
            Many(TARGETS, "targets", last="or"),
            "It must be against {}.",
            RESPONSE,
            "Against any target.",
        ),
    ] = ()
    victims: Annotated[
        int | None,
        Field(AT_LEAST, "It must hit {} of the parties.", RESPONSE, "One victim is enough."),
    ] = None
    victim_is: Annotated[
        tuple[str, ...],
        Field(
            Many(PARTY_NAME, "victims", last="or"),
            "The victim must be {}.",
            RESPONSE,
            "Any party may be it.",
        ),
    ] = ()
    attacker: Annotated[
        tuple[str, ...],
        Field(
            Many(
                Choice(
                    {
                        "anyone": "anyone who is not a party",
                        "not-a-party": "known not to be a party",
                        "even-a-party": "anyone, even a party",
                    },
                    "an attacker",
                    free=True,
                ),
                "attackers",
                last="or",
                least=1,
            ),
            "The attacker may be {}.",
            RESPONSE,
        ),
    ] = ("anyone",)
    attackers: Annotated[
        int | None,
        Field(AT_LEAST, "There must be {} attackers.", RESPONSE, "One attacker is enough."),
    ] = None
    supported_by: Annotated[
        tuple[str, ...],
        Field(
            Many(PARTY_NAME, "supporters", last="or"),
            "The attacker must be supported by {}.",
            RESPONSE,
            "Who supports the attacker does not matter.",
        ),
    ] = ()
    attribution: Annotated[
        Attribution,
        Field(
            ATTRIBUTION,
            "Of who did it: {}.",
            RESPONSE,
        ),
    ] = NOT_NEEDED
    unprovoked: Annotated[
        str,
        Field(
            Choice(
                {
                    "irrelevant": "does not matter",
                    "required": "must be ruled out",
                },
                "whether provocation matters",
            ),
            "Whether the victim provoked it {}.",
            RESPONSE,
        ),
    ] = "irrelevant"
    capacity: Annotated[
        str,
        Field(
            Choice(
                {"own-exhausted": "has exhausted its own capacity, by its own statement"},
                "a condition of capacity",
            ),
            "The victim {}.",
            by=RESPONSE,
            absent="The victim's own capacity does not matter.",
        ),
    ] = ""
    phase: Annotated[
        tuple[str, ...],
        Field(
            Many(Choice("threatened imminent active past", "a phase"), "phases", last="or"),
            "It must be {}.",
            by=RESPONSE,
            absent="In any phase.",
        ),
    ] = ()
    act_by: Annotated[
        tuple[str, ...],
        Field(
            Many(PARTY_NAME, "actors", last="or"),
            "It must be an act of {}; no victim is needed.",
            RESPONSE,
            "It needs a victim.",
        ),
    ] = ()
    cases: Annotated[
        tuple[Case, ...],
        Field(
            Many(Group(Case, "a case"), "cases"),
            "One of these cases must hold: {}.",
            RESPONSE,
            "There are no further cases to choose from.",
        ),
    ] = ()
    requested_by_victim: Annotated[
        bool,
        Field(
            YES_NO,
            "The victim must have asked for it.",
            RESPONSE,
            "The victim need not have asked for it.",
        ),
    ] = False
    from_practice: Annotated[
        tuple[str, ...],
        Field(
            Many(TRIGGER_FIELDS, "fields"),
            "This states practice, not the words of the text: {}.",
            SHOWN,
            "All of this is in the words of the text.",
        ),
    ] = ()

    @property
    def attackers_named(self) -> tuple[str, ...]:
        """The attackers that are named; empty where a rule stands instead of names."""
        return tuple(
            each for each in self.attacker if each not in {"anyone", "not-a-party", "even-a-party"}
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
class Decision:
    """A decision that must be taken before duties arise."""

    body: Annotated[str, Field(Ref("body"), "It is taken by {}.", absent="By all members.")] = ""
    rule: Annotated[
        str | DecisionRule | None,
        Field(RULE, "The rule: {}.", absent="By the body's own rule."),
    ] = None


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

    body: Annotated[str, Field(Ref("body"), "Command is with {}.")]


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
    by: Annotated[date | None, Field(DAY, "By {}.", absent="No day is set.")] = None
