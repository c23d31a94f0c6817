"""From a clause that answers to who owes what to whom, and why.

For each act that a clause answers to, each duty and each debtor there is one obligation to
each creditor. In this order it is then held against reservations, status and capability,
and consent to measures; what is left is what the debtor owes.

Rules that hold everywhere below. A debtor is bound by the agreement and by the clause; nobody
owes itself anything; the attacker of an act owes nothing for it and is owed nothing. A victim
owes nothing for its own rescue, and stays a debtor for its co-victims (it may claim its own
emergency), else widening a scope would delete duties. What is suspended between a pair is not
owed, and parties on one side of a pact owe each other nothing. Who has left owes, and is owed,
what the text says of open incidents. Where something is not owed that the text would have owed, a
note says why.

Source: obligation semantics of the agreement format, "From trigger to obligations".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from allied.agreement.parties import DEBTOR_ROLES
from allied.record.canonical import digest, encode
from allied.response.ground import Ground
from allied.response.incident import Act
from allied.response.judgement import Judgement
from allied.response.matter import Matter
from allied.response.moment import later, moment_text
from allied.response.restraint import restrained
from allied.response.results import (
    MET,
    OPEN,
    PROVISIONAL,
    THE_GROUP,
    Line,
    Note,
    Obligation,
    Report,
)
from allied.response.rule import AID, CONSULTATION, DISPUTE, RESTRAINT, Duty, Rule

_CALLED = frozenset({AID, CONSULTATION})


@dataclass(frozen=True, slots=True)
class Owed:
    """What a clause brought about: obligations, reports, and notes on what is not owed."""

    obligations: tuple[Obligation, ...] = ()
    reports: tuple[Report, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True)
class _Claim:
    """One debtor, one creditor, one duty, before it is adapted."""

    duty: Duty
    debtor: str
    creditor: str
    creditors: tuple[str, ...]
    because: str


def key_of(agreement: str, art: str, duty: int, incident: str, debtor: str, creditor: str) -> str:
    """Return the name of an obligation, the same on every node: 64 hex digits."""
    return digest(encode([agreement, art, duty, incident, debtor, creditor]))


def owed(judged: Judgement, ground: Ground, said: Matter, opened_at: datetime | None) -> Owed:
    """Say who owes what, now that a clause was judged.

    Args:
        opened_at: when the clause came to this answer; deadlines on files run from it.

    Cost: linear in acts, duties and bound parties, times the creditors of each.
    """
    rule = judged.rule
    if judged.outcome == MET:
        acts = judged.met
        groups = [(rule.duties, "")]
    elif judged.outcome == PROVISIONAL and rule.provisional is not None:
        acts = judged.possible
        groups = [(rule.provisional.duties, ""), (rule.duties, "suspended")]
    elif _interim(judged, said):
        acts = judged.met
        groups = [(rule.interim, "")]
    else:
        return Owed()
    why = tuple(gate.line(rule) for gate in judged.gates)
    notes: list[Note] = []
    found: dict[str, Obligation] = {}
    for duties, state in groups:
        for claim in _claims(rule, ground, said, acts, duties, opened_at, notes):
            obligation = _obligation(rule, ground, said, claim, why, opened_at, state)
            if obligation is None:
                notes.append(_adapted_away(rule, claim))
            else:
                found.setdefault(obligation.key, obligation)
    reports = (
        tuple(
            Report(said.incident, rule.agreement, rule.art, each.to, each.when)
            for each in rule.reports
        )
        if judged.outcome == MET
        else ()
    )
    obligations = tuple(found.values())
    outcome = said.outcomes.get(rule.art) if rule.type == CONSULTATION else None
    if outcome is not None:
        binds = "it binds the parties" if rule.outcome_binding else "it binds nobody"
        who = outcome.by or rule.meets_in or "the parties"
        word = outcome.outcome.replace("-", " ")
        notes.append(
            Note("outcome", f"{rule.ref}: {who}: {word} on {moment_text(outcome.at)}; {binds}.")
        )
        obligations = tuple(replace(each, state="performed") for each in obligations)
    return Owed(obligations, reports, tuple(dict.fromkeys(notes)))


def _interim(judged: Judgement, said: Matter) -> bool:
    """Whether each may take measures of its own until the body decides."""
    rule = judged.rule
    if not rule.interim or judged.outcome != OPEN:
        return False
    if not any(gate.gate == "G10" and gate.awaited for gate in judged.gates):
        return False
    victims = {act.against for act in judged.met}
    return (
        not rule.interim_on_request
        or bool(said.facts.requested_by_victim)
        or any(call.by in victims for call in said.calls.get(rule.art, ()))
    )


def _claims(
    rule: Rule,
    ground: Ground,
    said: Matter,
    acts: Iterable[Act],
    duties: Iterable[Duty],
    opened_at: datetime | None,
    notes: list[Note],
) -> Iterator[_Claim]:
    sources = _calls_as_acts(rule, ground, said) if rule.type in _CALLED else tuple(acts)
    for act in sources:
        for duty in duties:
            if rule.type in {RESTRAINT, DISPUTE}:
                pairs: Iterable[tuple[str, str]] = restrained(rule, ground, act)
            else:
                pairs = _pairs(rule, ground, duty, act)
            for debtor, creditor in pairs:
                claim = _claim(rule, ground, duty, act, debtor, creditor, notes)
                if claim is not None and _runs_on(claim, ground, opened_at, notes):
                    yield claim


def _pairs(rule: Rule, ground: Ground, duty: Duty, act: Act) -> Iterator[tuple[str, str]]:
    for creditor in _creditors(duty, act, ground):
        if creditor == act.by:
            continue  # nobody is helped in the attack it makes
        for debtor in sorted(_named(rule, duty, act, ground)):
            side = ground.sides.get(debtor)
            if debtor not in {creditor, act.by} and not (
                side and side == ground.sides.get(creditor)
            ):
                yield debtor, creditor


def _calls_as_acts(rule: Rule, ground: Ground, said: Matter) -> tuple[Act, ...]:
    """Write each caller as the one to whom something is owed."""
    callers = {call.by for call in said.calls.get(rule.art, ())}
    return tuple(
        Act(id=f"call by {caller}", against=caller) for caller in sorted(callers & ground.bound)
    )


def _creditors(duty: Duty, act: Act, ground: Ground) -> tuple[str, ...]:
    if duty.owes == THE_GROUP:
        return (THE_GROUP,)
    named = act.against if duty.owes in {"victim", "caller"} else duty.owes
    return (named,) if named is not None and named in ground.everyone else ()


def _claim(
    rule: Rule,
    ground: Ground,
    duty: Duty,
    act: Act,
    debtor: str,
    creditor: str,
    notes: list[Note],
) -> _Claim | None:
    """Hold one pair against suspensions and reservations; None where nothing is owed."""
    creditors = (
        tuple(sorted(ground.bound - {debtor, act.by or ""}))
        if creditor == THE_GROUP
        else (creditor,)
    )
    open_to = tuple(each for each in creditors if (debtor, each) not in ground.suspended)
    if not open_to:
        notes.append(Note("suspended-towards", f"What {debtor} owes {creditor} is suspended."))
        return None
    reserved = _reserved(rule, ground, debtor, creditor)
    if reserved:
        notes.append(Note("reservation", reserved))
        return None
    return _Claim(duty, debtor, creditor, open_to, f"{debtor} is bound by {rule.ref}")


def _runs_on(claim: _Claim, ground: Ground, opened_at: datetime | None, notes: list[Note]) -> bool:
    """Ask what becomes of a claim when its debtor or its creditor has left since."""
    for party in (claim.debtor, claim.creditor):
        out = ground.left.get(party)
        if out is None or ground.open_incidents == "finish":
            continue
        accrued = opened_at is not None and opened_at < out
        if ground.open_incidents == "finish-accrued" and accrued:
            continue
        why = "ended with that" if accrued else "had not been owed by then"
        notes.append(
            Note(
                "left",
                f"{party} has left; what {claim.debtor} owes {claim.creditor} over an incident"
                f" that was open {why}.",
            )
        )
        return False
    return True


def _named(rule: Rule, duty: Duty, act: Act, ground: Ground) -> frozenset[str]:
    """Return the parties that a duty names and that the clause can bind."""
    able = (
        ground.everyone & rule.binds
        if rule.binds is not None
        else frozenset(p for p in ground.bound if ground.roles.get(p) in DEBTOR_ROLES)
    )
    names: set[str] = set()
    for who in duty.who:
        match who:
            case "all parties" | "members":
                names |= able
            case "other parties":
                names |= able - {act.against}
            case "hub":
                names |= {p for p in ground.everyone if ground.roles.get(p) == "secretariat"}
            case _:
                names |= {who} & ground.everyone
    return frozenset(names if rule.binds is None else names & rule.binds)


def _reserved(rule: Rule, ground: Ground, debtor: str, creditor: str) -> str:
    """Say which reservation takes an obligation away, or nothing."""
    for each in ground.reservations:
        if each.art != rule.art or each.effect != "exclude":
            continue
        if each.party == debtor:
            return f"{debtor} made a reservation to {rule.ref} and does not owe this."
        if each.party == creditor and each.reciprocal:
            return (
                f"{creditor} made a reservation to {rule.ref};"
                f" by reciprocity {debtor} does not owe it this."
            )
    return ""


def _obligation(
    rule: Rule,
    ground: Ground,
    said: Matter,
    claim: _Claim,
    why: tuple[Line, ...],
    opened_at: datetime | None,
    state: str,
) -> Obligation | None:
    """Write one obligation; None where an adaptation leaves nothing to owe."""
    duty = claim.duty
    lines = [
        *why,
        Line("duty", "yes", f"{claim.because} and owes {claim.creditor}", rule.ref, rule.text_hash),
    ]
    measures = () if duty.means == "own-choice" else duty.measures
    adaptation = ""
    for each in rule.adaptations:
        features = ground.features.get(claim.debtor, {})
        applies = (
            each.key == claim.debtor if each.by == "party" else features.get(each.key) == each.value
        )
        if not applies:
            continue
        if not each.instead:
            return None
        measures = each.instead
        because = claim.debtor if each.by == "party" else f"{each.key}: {each.value}"
        adaptation = f"adapted for {because}"
        lines.append(
            Line(
                "adaptation",
                "yes",
                f"{adaptation}: {', '.join(measures)}",
                rule.ref,
                rule.text_hash,
            )
        )
    excuses = rule.excuses
    for reserved in ground.reservations:
        if reserved.art == rule.art and reserved.party == claim.debtor:
            lines.append(
                Line(
                    "reservation",
                    "unknown",
                    f"{claim.debtor} made a reservation ({reserved.effect}); people decide how far",
                    rule.ref,
                    rule.text_hash,
                )
            )
            excuses = tuple(dict.fromkeys((*excuses, "reservation")))
    if rule.consent:
        excuses = tuple(dict.fromkeys((*excuses, "consent-withheld")))
    if not state:
        state = "invited" if duty.modality == "may" else "owed"
    starts = opened_at if state != "suspended" else None
    return Obligation(
        key=key_of(
            rule.agreement, rule.art, duty.index, said.incident, claim.debtor, claim.creditor
        ),
        incident=said.incident,
        agreement=rule.agreement,
        art=rule.art,
        duty=duty.index,
        debtor=claim.debtor,
        creditor=claim.creditor,
        creditors=claim.creditors,
        act=duty.act,
        measures=measures,
        means=duty.means,
        modality=duty.modality,
        quantity=duty.quantity,
        opened_at=opened_at,
        answer_within=duty.answer_within,
        perform_within=duty.perform_within,
        answer_by=later(starts, duty.answer_within, said.zone) if starts else None,
        perform_by=later(starts, duty.perform_within, said.zone) if starts else None,
        state=state,
        adaptation=adaptation,
        excuses=excuses,
        consent=rule.consent,
        concurrent_with=(),
        explanation=tuple(lines),
    )


def _adapted_away(rule: Rule, claim: _Claim) -> Note:
    return Note(
        "adaptation", f"{rule.ref} asks nothing of {claim.debtor}, given its status or capability."
    )
