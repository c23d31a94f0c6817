"""What must be true of an incident for a clause to answer: scopes, cases, triggers.

Declarations only; `agreement.shape` reads, prints and explains them, and
`allied.response` asks an incident whether they hold.

Words used here:
    scope     where, against what and on which systems an incident counts
    trigger   the whole condition; a closed vocabulary, no expressions
    case      one of several small alternatives inside a trigger

Rule that holds everywhere below: what is left out asks nothing.

Source: agreement format, "Trigger"; NATO 5 and 6, the convention of 1892.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final

from allied.agreement.scalars import (
    AT_LEAST,
    ATTRIBUTION,
    DECIMAL,
    SENTENCE,
    SEVERITY,
    WITHIN,
    YES_NO,
    Choice,
    Name,
    Ref,
)
from allied.agreement.shape import RESPONSE, SHOWN, Field, Group, Many, OneOf
from allied.agreement.values import Attribution, Duration, Severity

NOT_NEEDED: Final = Attribution("not-needed")

TARGETS: Final = Choice("territory forces ships aircraft systems customers funds", "a target")

SYSTEM: Final = Name(
    "a system",
    r"(?:asn|domain|net|account):[!-~]{1,253}",
    "`asn:`, `domain:`, `net:` or `account:` and what it names, like `domain:river.example`",
)


_SAID: Final = {
    "act.mobilisation": "mobilisation",
    "act.war-declaration": "declaration of war",
    "act.blockade": "blockade",
    "threat.force": "threat of force",
    "threat.integrity": "threat to the integrity of a party",
    "threat.independence": "threat to the independence of a party",
    "threat.security": "threat to the security of a party",
    "supply.disruption": "disruption of supply",
}


def _incident_words(kind: str) -> str:
    """`attack.cyber.fraud` as `cyber attack: fraud (attack.cyber.fraud)`."""
    if kind in _SAID:
        return f"{_SAID[kind]} ({kind})"
    group, _, rest = kind.partition(".")
    what, _, detail = rest.partition(".")
    words = f"{what} {group}" if group in {"attack", "coercion", "disaster"} and what else group
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

EVERYDAY: Final = {
    "ransomware": "attack.cyber.malicious-code",
    "malware": "attack.cyber.malicious-code",
    "virus": "attack.cyber.malicious-code",
    "wiper": "attack.cyber.malicious-code",
    "phishing": "attack.cyber.fraud",
    "fraud": "attack.cyber.fraud",
    "ddos": "attack.cyber.availability",
    "denial-of-service": "attack.cyber.availability",
    "outage": "attack.cyber.availability",
    "hack": "attack.cyber.intrusion",
    "intrusion": "attack.cyber.intrusion",
    "breach": "attack.cyber.intrusion",
    "data-breach": "attack.cyber.intrusion",
    "data-theft": "attack.cyber.intrusion",
    "defacement": "attack.cyber.content",
    "disinformation": "attack.cyber.content",
    "scan": "attack.cyber.information-gathering",
    "scanning": "attack.cyber.information-gathering",
    "cyber": "attack.cyber",
    "cyber-attack": "attack.cyber",
    "cyberattack": "attack.cyber",
    "war": "attack.armed",
    "armed-attack": "attack.armed",
    "terrorism": "attack.terror",
    "mobilisation": "act.mobilisation",
    "blockade": "act.blockade",
    "sanctions": "coercion.economic",
    "flood": "disaster.natural",
    "earthquake": "disaster.natural",
    "fire": "disaster.man-made",
}
"""What people call an incident, and the kind that it is here; for advice and the reference."""

INCIDENT: Final = Choice(
    {word: _incident_words(word) for word in INCIDENT_KINDS.split()},
    "a kind of incident",
    everyday=EVERYDAY,
)

TRIGGER_FIELDS: Final = Choice(
    "kind incident may_be_found_to_be severity aggregate scope against victims victim_is"
    " attacker attackers supported_by attribution unprovoked capacity phase act_by cases"
    " requested_by_victim",
    "a field of a trigger",
)

PARTY_NAME: Final = Name("the name of a state, an organisation or a party")


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
                    "none": "what is there at the entry into force, and nothing that is added",
                    "existing": "what is there at the entry into force, also where that is stated",
                    "future": "only what comes after the entry into force",
                    "all": "what is there, and what is added later",
                },
                "how a scope grows",
            ),
            "Of what lies below the systems named, it takes in: {}.",
            RESPONSE,
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
class Aggregate:
    """Several incidents taken as one."""

    same_campaign: Annotated[
        bool,
        Field(
            YES_NO,
            "Only incidents of the same campaign are added up.",
            RESPONSE,
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
        Field(SEVERITY, "Its severity must be {}.", RESPONSE, "Its severity does not matter."),
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
            "Attribution: {}.",
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
