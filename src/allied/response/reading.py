"""From the clauses of an agreement to rules that the gates can ask.

The one place that knows both the declarations of `agreement.clauses` and the values of
`rule`: names of scopes become areas, words become flags, defaults that the format leaves to
its readers are applied here. Only clauses that speak about incidents become rules; the others
are for other folders.

Rules that hold everywhere below. Every field that can decide is carried into the rule; nothing is
dropped silently. `should` is read as *may*: it invites and is never overdue. A clause that is not
operative creates nothing and is no rule.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from allied.agreement import clauses as c
from allied.agreement.parties import ConditionalRole
from allied.agreement.shape import show_group
from allied.agreement.terms import Agreement
from allied.record.canonical import digest, encode
from allied.response.results import THE_GROUP, Note, natural
from allied.response.rule import (
    AID,
    CONSULTATION,
    DISPUTE,
    RESPONSE,
    RESTRAINT,
    Adaptation,
    Aggregate,
    Alternative,
    Condition,
    Duty,
    Harbour,
    Provisional,
    Reporting,
    Rule,
)
from allied.response.scope import Area

_MODALITIES = {"must": "must", "should": "may", "may": "may", "discuss": "discuss"}
_TALK = frozenset({"consult", "discuss", "confer", "attend"})


def rules_of(agreement: Agreement) -> tuple[Rule, ...]:
    """Return a rule for each clause that speaks about incidents, in the order of the text.

    Cost: linear in the text; do it once for an agreement.
    """
    stated = tuple(_statements(agreement))
    notes = tuple(note for note, _ in stated)
    kept_back = frozenset(note for note, restricted in stated if restricted)
    by_impact = any(isinstance(party.role, ConditionalRole) for party in agreement.parties)
    rules = []
    for clause in agreement.articles:
        rule = _rule(agreement, clause, notes) if clause.operative else None
        if rule is not None:
            if kept_back or by_impact:
                rule = replace(rule, kept_back=kept_back, by_impact=by_impact)
            rules.append(rule)
    return tuple(rules)


def hidden(clause: c.Clause) -> bool:
    """Whether a clause is kept from outsiders, observers and associates."""
    return clause.visibility in {"parties", "secret"}


def _statements(agreement: Agreement) -> Iterable[tuple[Note, bool]]:
    """Write each denied duty as a note, by number, and say whether it is restricted."""
    for clause in sorted(agreement.clauses(c.Statement), key=lambda each: natural(each.art)):
        for what in clause.no_duty:
            yield Note("no-duty", f"{_ref(agreement, clause)}: no duty of {what}."), hidden(clause)


def _rule(agreement: Agreement, clause: c.Clause, notes: tuple[Note, ...]) -> Rule | None:
    match clause:
        case c.CollectiveResponse():
            return _response(agreement, clause, notes)
        case c.Consultation():
            return _consultation(agreement, clause, notes)
        case c.MutualAid():
            return _aid(agreement, clause, notes)
        case c.Restraint():
            return _restraint(agreement, clause, notes)
        case c.Dispute():
            return _dispute(agreement, clause)
        case _:
            return None


def _ref(agreement: Agreement, clause: c.Clause) -> str:
    return f"{agreement.id} Art {clause.art}"


def _hash(clause: c.Clause) -> str:
    return digest(encode({"type": clause.TYPE, **show_group(clause, full=True)}))


def _response(agreement: Agreement, clause: c.CollectiveResponse, notes: tuple[Note, ...]) -> Rule:
    duties = tuple(_duty(index, duty) for index, duty in enumerate(clause.duties))
    decision = clause.decision
    decided_by = ""
    consent: tuple[str, ...] = ()
    if isinstance(decision, c.Decision):
        how = agreement.rule_of(decision.rule)
        if how is None and decision.body:
            how = agreement.bodies[decision.body].rule
        if how is None or how.kind != "none":
            decided_by = decision.body or "the members"
        if how is not None:
            consent = how.measure_consent
    interim = (
        Note(
            "interim-measures",
            f"{_ref(agreement, clause)}: until the decision each may take measures of its own"
            + (", if the victim asks." if clause.interim.on_request_of_victim else "."),
        )
        if clause.interim is not None
        else None
    )
    condition = _condition(agreement, clause.trigger)
    return Rule(
        agreement=agreement.id,
        art=clause.art,
        type=RESPONSE,
        ref=_ref(agreement, clause),
        text_hash=_hash(clause),
        since=clause.since,
        until=clause.until,
        binds=frozenset(clause.binds) or None,
        restricted=hidden(clause),
        condition=condition,
        callers=() if "nobody" in clause.invoked_by else clause.invoked_by,
        window=clause.invocation_window,
        decided_by=decided_by,
        provisional=_provisional(clause.provisional, len(duties)),
        duties=duties,
        interim=_interim(clause, duties),
        interim_on_request=clause.interim is not None and clause.interim.on_request_of_victim,
        excuses=clause.excuses,
        adaptations=tuple(map(_adaptation, clause.adaptations)),
        consent=consent,
        reports=tuple(Reporting(each.to, str(each.when)) for each in clause.report),
        ends_when=clause.ends_when,
        notes=notes if interim is None else (*notes, interim),
    )


def _consultation(agreement: Agreement, clause: c.Consultation, notes: tuple[Note, ...]) -> Rule:
    caller, _, members = clause.caller.partition(" ")
    trigger = clause.when if isinstance(clause.when, c.Trigger) else None
    duty = Duty(
        index=0,
        who=("other parties",),
        owes="caller",
        act=clause.duty.removeprefix("must "),
        modality="discuss",
        perform_within=clause.meet_within,
    )
    return Rule(
        agreement=agreement.id,
        art=clause.art,
        type=CONSULTATION,
        ref=_ref(agreement, clause),
        text_hash=_hash(clause),
        since=clause.since,
        until=clause.until,
        binds=frozenset(clause.binds) or None,
        restricted=hidden(clause),
        condition=_condition(agreement, trigger) if trigger is not None else None,
        callers=("any-member",) if members else (caller,),
        callers_at_least=int(caller) if members else 1,
        meets_in=clause.body,
        outcome_binding=clause.outcome_binding,
        duties=(duty,),
        notes=notes,
    )


def _aid(agreement: Agreement, clause: c.MutualAid, notes: tuple[Note, ...]) -> Rule:
    kinds = [each.kind for each in clause.resources]
    measures = tuple(
        f"{each.kind}: {each.quantity} {each.unit}".rstrip() if each.quantity else each.kind
        for each in clause.resources
    )
    duty = Duty(
        index=0,
        who=("other parties",),
        owes="caller",
        act=f"give {', '.join(kinds)}" if kinds else "give aid",
        measures=measures,
        means="as-listed" if measures else "own-choice",
        modality=_MODALITIES[clause.modality],
        answer_within=clause.answer_within,
    )
    return Rule(
        agreement=agreement.id,
        art=clause.art,
        type=AID,
        ref=_ref(agreement, clause),
        text_hash=_hash(clause),
        since=clause.since,
        until=clause.until,
        binds=frozenset(clause.binds) or None,
        restricted=hidden(clause),
        condition=Condition(areas=_areas(agreement, clause.scope)),
        callers=("any-member",),
        duties=(duty,),
        excuses=("own-emergency",) if clause.recall_of_resources else (),
        notes=notes,
    )


def _restraint(agreement: Agreement, clause: c.Restraint, notes: tuple[Note, ...]) -> Rule:
    saves = clause.kind == "safe-harbour"
    asked = (clause.while_,) if clause.while_ else ()
    return Rule(
        agreement=agreement.id,
        art=clause.art,
        type=RESTRAINT,
        ref=_ref(agreement, clause),
        text_hash=_hash(clause),
        since=clause.since,
        until=clause.until,
        binds=frozenset(clause.binds) or None,
        restricted=hidden(clause),
        condition=Condition(
            areas=_areas(agreement, clause.scope),
            phases=() if saves else clause.phase,
            stated=asked if saves else (*asked, *clause.conditions),
        ),
        restraint="benevolent neutrality" if clause.benevolent else clause.kind,
        towards=() if "everyone" in clause.towards else clause.towards or ("each other",),
        harbour=Harbour(
            beneficiary=clause.beneficiary,
            conditions=clause.conditions,
            phases=clause.phase,
            return_to=clause.must_return_to,
            notify_within=clause.notify_within,
            dispute_within=clause.dispute_within,
            frozen=clause.frozen_at_start,
        )
        if saves
        else None,
        notes=notes if saves else (),
    )


def _dispute(agreement: Agreement, clause: c.Dispute) -> Rule:
    step = clause.steps[0] if clause.steps else None
    pacify = clause.incident_between_parties == "pacify"
    act = step.do if step is not None else "consult"
    return Rule(
        agreement=agreement.id,
        art=clause.art,
        type=DISPUTE,
        ref=_ref(agreement, clause),
        text_hash=_hash(clause),
        since=clause.since,
        until=clause.until,
        binds=frozenset(clause.binds or clause.between) or None,
        restricted=hidden(clause),
        duties=(
            Duty(
                index=0,
                who=("other parties",),
                owes="victim",
                act=f"cease, restore what was, and {act}" if pacify else act,
                modality="must" if pacify else "discuss",
                perform_within=step.within if step is not None else None,
            ),
        ),
    )


def _condition(agreement: Agreement, trigger: c.Trigger) -> Condition:
    named = trigger.attackers_named
    return Condition(
        kinds=trigger.incident,
        found_kinds=trigger.may_be_found_to_be,
        severity=trigger.severity,
        aggregate=Aggregate(
            trigger.aggregate.window,
            trigger.aggregate.severity,
            of_any=not trigger.aggregate.same_campaign,
        )
        if trigger.aggregate is not None
        else None,
        areas=_areas(agreement, trigger.scope),
        against=trigger.against,
        victims_at_least=trigger.victims or 0,
        victim_is=trigger.victim_is,
        attacker=_stance(trigger.attacker),
        attackers=named,
        attackers_at_least=trigger.attackers or 0,
        supported_by=trigger.supported_by,
        attribution=trigger.attribution.to,
        confidence=trigger.attribution.at_least,
        unprovoked=trigger.unprovoked == "required",
        capacity=bool(trigger.capacity),
        phases=trigger.phase,
        act_by=trigger.act_by,
        cases=tuple(
            Alternative(
                kinds=case.incident,
                victims=case.victim,
                attackers=case.attacker,
                supported_by=case.supported_by,
                act_by=case.act_by,
                targets=case.against,
            )
            for case in trigger.cases
        ),
        requested_by_victim=trigger.requested_by_victim,
        from_practice=frozenset(trigger.from_practice),
    )


def _stance(attacker: tuple[str, ...]) -> str:
    """Of several words the one that asks for most; "named" where only names stand there."""
    for stance in ("not-a-party", "anyone", "even-a-party"):
        if stance in attacker:
            return stance
    return "named" if attacker else "not-a-party"


def _areas(agreement: Agreement, scope: tuple[str, ...] | c.Scope) -> tuple[Area, ...]:
    names = ("the scope",) if isinstance(scope, c.Scope) else scope
    return tuple(
        Area(
            name=name,
            targets=each.targets,
            places=each.places,
            north_of_latitude=each.north_of_latitude,
            systems=each.systems,
            sectors=each.sectors,
            contested=each.contested,
            growth=each.growth,
        )
        for name, each in zip(names, agreement.scopes_of(scope), strict=True)
    )


def _duty(index: int, duty: c.Duty) -> Duty:
    return Duty(
        index=index,
        who=duty.who,
        owes=THE_GROUP if duty.owes == "the group" else duty.owes,
        act=duty.do,
        measures=duty.measures,
        means=duty.means,
        modality=_MODALITIES[duty.modality],
        quantity=duty.quantity,
        answer_within=duty.answer_within,
        perform_within=duty.perform_within,
    )


def _interim(clause: c.CollectiveResponse, duties: tuple[Duty, ...]) -> tuple[Duty, ...]:
    """Write each duty as what may be done before the decision; behind all the other duties."""
    if clause.interim is None:
        return ()
    listed = clause.interim.choice == "as-listed"
    first = len(duties) + (len(clause.provisional.duties_meanwhile) if clause.provisional else 0)
    return tuple(
        replace(
            duty,
            index=first + duty.index,
            means="as-listed" if listed else "own-choice",
            modality="may",
            answer_within=None,
            perform_within=None,
        )
        for duty in duties
    )


def _provisional(provisional: c.Provisional | None, duties: int) -> Provisional | None:
    if provisional is None or not provisional.allowed:
        return None
    return Provisional(
        pending=frozenset(provisional.pending),
        lapses_after=provisional.lapses_after,
        duties=tuple(
            Duty(
                index=duties + place,
                who=("other parties",),
                owes="victim",
                act=act,
                modality="discuss" if act in _TALK else "must",
            )
            for place, act in enumerate(provisional.duties_meanwhile)
        ),
    )


def _adaptation(adaptation: c.Adaptation) -> Adaptation:
    for by in ("capability", "status"):
        said = getattr(adaptation, by)
        if said:
            key, _, value = (part.strip() for part in said.partition(":"))
            return Adaptation(by, key, value, adaptation.instead)
    return Adaptation("party", adaptation.party, "", adaptation.instead)
