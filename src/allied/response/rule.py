"""A clause as the evaluator reads it: references resolved, ranks counted, nothing left to look up.

A `Rule` is made once for each clause of an agreement (`reading`) and asked many times. It
holds what decides and nothing that only informs.

Words used here:
    condition     the trigger: what has to be so before a clause speaks
    alternative   one of the `cases` of a trigger
    duty          who owes what to whom, once the condition is met
    meanwhile     a duty that runs while an invocation is provisional
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final

from allied.agreement.values import Confidence, Duration, Severity
from allied.response.results import Note
from allied.response.scope import Area

RESPONSE = "collective-response"
CONSULTATION = "consultation"
AID = "mutual-aid"
RESTRAINT = "restraint"
DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class Alternative:
    """One small predicate of `cases`; an empty tuple asks nothing."""

    kinds: tuple[str, ...] = ()
    victims: tuple[str, ...] = ()
    attackers: tuple[str, ...] = ()
    supported_by: tuple[str, ...] = ()
    act_by: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Incidents that count together, of one campaign or of any.

    Attributes:
        window: how far before this incident the others may lie; None for any time.
        mode: "max", "sum" or "body-decides".
        of_any: incidents of any campaign, or of none, count together.
    """

    window: Duration | None
    mode: str
    of_any: bool = False


@dataclass(frozen=True, slots=True)
class Condition:
    """What has to be so. Empty tuples, None and zero ask nothing.

    Attributes:
        kinds: incident kinds; a parent stands for its children.
        found_kinds: kinds that count only once a body found them to be one of `kinds`.
        severity: the least.
        attacker: "anyone", "not-a-party", "even-a-party" or "named".
        attackers: those who are named; beside another word they count as well.
        attribution: "not-needed", "from-outside", "to-anyone" or "to-a-state".
        confidence: the least for an attribution.
        stated: conditions in words of their own, each of which has to be stated to hold.
        from_practice: fields that state practice and not the words of the text.
    """

    kinds: tuple[str, ...] = ()
    found_kinds: tuple[str, ...] = ()
    severity: Severity | None = None
    aggregate: Aggregate | None = None
    areas: tuple[Area, ...] = ()
    against: tuple[str, ...] = ()
    victims_at_least: int = 0
    victim_is: tuple[str, ...] = ()
    attacker: str = "anyone"
    attackers: tuple[str, ...] = ()
    attackers_at_least: int = 0
    supported_by: tuple[str, ...] = ()
    attribution: str = "not-needed"
    confidence: Confidence | None = None
    unprovoked: bool = False
    capacity: bool = False
    phases: tuple[str, ...] = ()
    stated: tuple[str, ...] = ()
    act_by: tuple[str, ...] = ()
    cases: tuple[Alternative, ...] = ()
    requested_by_victim: bool = False
    from_practice: frozenset[str] = frozenset()


UNCONDITIONAL: Final = Condition()
"""What a clause without a trigger asks for: nothing."""


@dataclass(frozen=True, slots=True)
class Duty:
    """One duty of a clause.

    Attributes:
        who: "other parties", "all parties", "members", "hub", or parties by name.
        owes: "victim", "caller", "the group", or one party by name.
        measures: what the clause lists; not shown for `means: own-choice`.
        modality: "must", "may" or "discuss".
    """

    index: int
    who: tuple[str, ...]
    owes: str
    act: str
    measures: tuple[str, ...] = ()
    means: str = "own-choice"
    modality: str = "must"
    quantity: str = ""
    answer_within: Duration | None = None
    perform_within: Duration | None = None


@dataclass(frozen=True, slots=True)
class Adaptation:
    """Other measures for a debtor of one kind.

    Attributes:
        by: "capability", "status" or "party".
        key, value: as `armed_force`, `no`; for a party its id and "".
        instead: what it gives instead; empty when it owes nothing of this.
    """

    by: str
    key: str
    value: str
    instead: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Provisional:
    """Which gaps a provisional invocation tolerates, and what runs meanwhile."""

    pending: frozenset[str]
    lapses_after: Duration | None
    duties: tuple[Duty, ...]


@dataclass(frozen=True, slots=True)
class Reporting:
    """Somebody outside who has to be told."""

    to: str
    when: str


@dataclass(frozen=True, slots=True)
class Harbour:
    """What a safe-harbour clause promises to those who intervene in good faith.

    Attributes:
        beneficiary: whom it protects, in the words of the text; empty for the parties.
        conditions: in the words of the text; a rescue keeps them or does not.
        phases: of the attack, when a rescue begins; empty for any.
        return_to: where what was saved goes; empty where nothing has to go back.
        frozen: a rescue stays under the terms at its start.
    """

    beneficiary: str = ""
    conditions: tuple[str, ...] = ()
    phases: tuple[str, ...] = ()
    return_to: str = ""
    notify_within: Duration | None = None
    dispute_within: Duration | None = None
    frozen: bool = True


@dataclass(frozen=True, slots=True)
class Rule:
    """One clause, ready to be asked.

    Attributes:
        since, until: the clause's own days, both inclusive; None where the agreement's hold.
        binds: who can be a debtor; None for all members and guarantors.
        restricted: kept from outsiders, observers and associates.
        callers: "victim", "any-member", "body", or names of bodies and parties.
        callers_at_least: how many distinct callers a call takes.
        window: how long after the facts became known a call is in time.
        decided_by: the body that decides, or empty where no decision is asked for.
        interim: what each may do, by its own choice, until the body decides.
        interim_on_request: only if the victim asks.
        consent: measures nobody must take without its own consent.
        restraint: the kind of a restraint; `towards` whom, empty for everyone.
        harbour: what a safe harbour promises.
        meets_in: the body in which a consultation takes place; empty where none is named.
        outcome_binding: what comes out of a consultation binds the parties.
        by_impact: roles of parties depend on the severity of the incident.
        notes: what the agreement says about all of its duties, a `no-duty` statement say.
        kept_back: those notes that come from a restricted clause.
    """

    agreement: str
    art: str
    type: str
    ref: str
    text_hash: str
    since: date | None = None
    until: date | None = None
    binds: frozenset[str] | None = None
    restricted: bool = False
    condition: Condition | None = None
    callers: tuple[str, ...] = ()
    callers_at_least: int = 1
    window: Duration | None = None
    decided_by: str = ""
    provisional: Provisional | None = None
    duties: tuple[Duty, ...] = ()
    interim: tuple[Duty, ...] = ()
    interim_on_request: bool = False
    excuses: tuple[str, ...] = ()
    adaptations: tuple[Adaptation, ...] = ()
    consent: tuple[str, ...] = ()
    reports: tuple[Reporting, ...] = ()
    ends_when: tuple[str, ...] = ()
    restraint: str = ""
    towards: tuple[str, ...] = ()
    harbour: Harbour | None = None
    meets_in: str = ""
    outcome_binding: bool = False
    by_impact: bool = False
    notes: tuple[Note, ...] = ()
    kept_back: frozenset[Note] = frozenset()
