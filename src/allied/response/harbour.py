"""Whether a rescue is protected by a safe harbour, and what rescuer and owner owe each other.

A safe-harbour clause promises beforehand that who intervenes in good faith is not pursued. It is
asked of each rescue that an incident states, by the terms at the start of that rescue: what the
owner changes or ends later does not reach a rescue under way, unless the text says that it does.

    G1  the clause was in force when the rescue began     G5  every system lay in the scope
    G2  the owner was bound by it                         G8  the phase of the attack, and each
    G3  the rescuer is somebody whom it protects              condition of the text

Words used here:
    rescue    one intervention, as stated (`rescue`)
    terms     the clause and who is bound, on one moment of the law

Rules that hold everywhere below. One rescue that is protected makes the clause *met*; the others
are listed with their gates, and a note says of each why it is not. Who rescues under the terms
takes on what they ask of a rescuer: to tell the owner, and to return what was saved. Telling late
or a dispute takes no protection away; both are shown, and people decide.

Source: agreement format, safe harbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias

from allied.agreement.parties import DEBTOR_ROLES
from allied.response.act_gates import ages_of
from allied.response.duties import Owed, key_of
from allied.response.gates import g1, stated_gate
from allied.response.ground import Gate, Ground, Missing, first, only, overlap
from allied.response.incident import Act
from allied.response.judgement import ActJudgement, Judgement, together
from allied.response.matter import Matter
from allied.response.moment import Moment, begin, end, later, moment_text
from allied.response.rescue import Rescue
from allied.response.results import MET, NOT_MET, UNDETERMINED, Line, Note, Obligation, instant
from allied.response.rule import UNCONDITIONAL, Condition, Harbour, Rule
from allied.response.scope import in_one_of
from allied.response.truth import Answer, all_of, any_of

Terms: TypeAlias = Callable[[datetime], "tuple[Rule | None, Ground]"]
"""The clause and who is bound at a moment of the law; no clause where the text had none."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """One rescue, held against the terms that count for it."""

    rescue: Rescue
    rule: Rule
    ground: Ground
    gates: tuple[Gate, ...]
    answer: Answer


def over_rescues(rule: Rule, ground: Ground, said: Matter, terms: Terms) -> tuple[Judgement, Owed]:
    """Ask a safe-harbour clause about every rescue of an incident.

    Args:
        rule: as it reads by the law of the incident; a rescue is judged by `terms`.
        ground: who is bound by that law; it holds for all where the caller named the law.
        terms: what the clause said, and who was bound, at another moment.

    Cost: one look-up of the terms and one pass over the scope for each rescue.
    """
    judged = tuple(_rescue(rule, ground, said, terms, each) for each in said.facts.rescues)
    whole = any_of(each.answer for each in judged)
    deciding = _deciding(judged, whole)
    if not judged:
        able = sorted(_owners(rule, ground))
        deciding = (
            Gate(
                "G3",
                Answer.NO,
                "no rescue is stated",
                "no-case",
                change=(f"rescues: one for {able[0]}",) if able else (),
            ),
        )
    noes = [gate for gate in deciding if gate.answer is Answer.NO]
    gaps = [gate for gate in deciding if gate.answer is Answer.UNKNOWN]
    headline = next(iter(noes or gaps), None)
    notes = [*said.notes]
    if whole is Answer.YES:
        notes += [_not_protected(each) for each in judged if each.answer is not Answer.YES]
    owed = _owed(rule, said, judged)
    judgement = Judgement(
        rule=rule,
        outcome=NOT_MET if noes else UNDETERMINED if gaps else MET,
        reason=headline.code if headline else "",
        missing=() if noes else tuple(dict.fromkeys(gap for gate in gaps for gap in gate.missing)),
        change=together([*noes, *gaps]),
        gates=deciding,
        acts=tuple(
            ActJudgement(
                Act(id=each.rescue.id, by=each.rescue.by, against=each.rescue.owner),
                each.answer,
                each.gates,
            )
            for each in judged
        ),
        notes=tuple(notes),
    )
    return judgement, owed


def _rescue(rule: Rule, ground: Ground, said: Matter, terms: Terms, rescue: Rescue) -> _Judged:
    """Hold one rescue against the terms at its start."""
    name = rescue.id
    frozen = rule.harbour is None or rule.harbour.frozen
    if rescue.started_at is None:
        began: Gate | None = Gate(
            "G1",
            Answer.UNKNOWN,
            "it is not stated when the rescue began, so the terms of which day hold is unknown",
            "not-in-force",
            (Missing("kind", f"{name}.started_at"),),
            (f"{name}.started_at: a day" + ("" if frozen else f" and {name}.ended_at: a day"),),
        )
    else:
        began = None
        if not said.law_given:
            then, ground = terms(end(rescue.started_at, said.zone))
            if then is None or then.harbour is None:
                began = _no_clause(rule, rescue.started_at)
            else:
                rule = then
    law = began or _in_force(rule, ground, said, terms, rescue)
    law = _law_facts(law, rule, said, rescue)
    condition, harbour = rule.condition or UNCONDITIONAL, rule.harbour or Harbour()
    gates = (
        law,
        _owner(rule, ground, said, rescue),
        _beneficiary(rule, ground, said, rescue),
        _scope(condition, ground, said, rescue),
        *_phase(harbour, said, rescue),
        *(stated_gate(each, said) for each in condition.stated),
        *(stated_gate(each, said, rescue.conditions, f"{name}.") for each in harbour.conditions),
    )
    return _Judged(rescue, rule, ground, gates, all_of(gate.answer for gate in gates))


def _no_clause(rule: Rule, start: Moment) -> Gate:
    return Gate(
        "G1",
        Answer.NO,
        f"there was no safe harbour in {rule.ref} on {moment_text(start)}",
        "clause-not-yet",
    )


def _law_facts(gate: Gate, rule: Rule, said: Matter, rescue: Rescue) -> Gate:
    """Name what decides which law holds, and who is what under it."""
    start = "occurred_at" if rescue.started_at is None else f"{rescue.id}.started_at"
    names = [start, f"{rescue.id}.ended_at"]
    if rule.by_impact:
        names.append("finding.severity" if "severity" in said.found else "severity")
    return gate._replace(facts=_stated(said, *names))


def _in_force(rule: Rule, ground: Ground, said: Matter, terms: Terms, rescue: Rescue) -> Gate:
    """Ask for force at the start, and to its end where the terms are not frozen."""
    gate = g1(rule, ground)
    code, because = gate.code, gate.because
    if gate.answer is Answer.YES and rule.harbour is not None and not rule.harbour.frozen:
        last = min(said.at, end(rescue.ended_at, said.zone)) if rescue.ended_at else said.at
        then, at_end = terms(last)
        gate = g1(then, at_end) if then is not None and not said.law_given else gate
        lost = rescue.owner is not None and rescue.owner not in at_end.everyone
        if then is None or (lost and not said.law_given):
            return Gate(
                "G1",
                Answer.NO,
                f"the terms did not hold any more on {at_end.today}, and a change of terms"
                " reaches a rescue under way",
                "expired",
            )
        code, because = gate.code, gate.because
    if gate.answer is Answer.YES:
        because = f"{because}, when the rescue {rescue.id} began"
    return Gate(
        "G1",
        gate.answer,
        because,
        code,
        gate.missing,
        gate.change if "cleared" in "".join(gate.change) else (),
        gate.notes,
    )


def _owners(rule: Rule, ground: Ground) -> frozenset[str]:
    """Those whom the clause binds not to pursue."""
    if rule.binds is not None:
        return ground.everyone & rule.binds
    return frozenset(p for p in ground.bound if ground.roles.get(p) in DEBTOR_ROLES)


def _owner(rule: Rule, ground: Ground, said: Matter, rescue: Rescue) -> Gate:
    field, able = f"{rescue.id}.for", _owners(rule, ground)
    others = able - {rescue.by or ""}
    change = (f"{field}: {first(others)}",) if others else ()
    if rescue.owner is None:
        return Gate(
            "G2",
            Answer.UNKNOWN,
            "it is not stated whose systems were saved",
            "victim-not-party",
            (Missing("victim", field),),
            change,
        )
    who, facts = said.by_whom(field), _stated(said, field)
    if rescue.owner in able:
        return Gate("G2", Answer.YES, f"owner {rescue.owner} is bound{who}", facts=facts)
    legal = ground.legal.get(rescue.owner, "")
    code = {"signed": "victim-not-yet-ratified", "former": "victim-withdrawn"}.get(
        legal, "victim-withdrawn" if legal == "expelled" else "victim-not-party"
    )
    return Gate(
        "G2",
        Answer.NO,
        f"owner {rescue.owner} was not bound by {rule.ref} when the rescue began{who}",
        code,
        change=change,
        facts=facts,
    )


def _beneficiary(rule: Rule, ground: Ground, said: Matter, rescue: Rescue) -> Gate:
    field = f"{rescue.id}.by"
    whom = (rule.harbour or Harbour()).beneficiary
    named = whom in ground.legal
    able = frozenset({whom}) if named else ground.everyone
    # An owner that is still unknown will be the first who can be one.
    others = able - {rescue.owner or first(_owners(rule, ground))}
    anybody = bool(whom) and not named
    somebody = "somebody" if anybody else first(others)
    change = (f"{field}: {somebody}",) if anybody or others else ()
    if rescue.by is None:
        return Gate(
            "G3",
            Answer.UNKNOWN,
            "it is not stated who intervened, not even under which name",
            "not-a-beneficiary",
            (Missing("attacker", field),),
            change,
        )
    who, facts = said.by_whom(field), _stated(said, field, f"{rescue.id}.for")
    if rescue.by != rescue.owner and (anybody or rescue.by in able):
        because = f"{rescue.by} is protected as {whom or 'a party'}{who}"
        return Gate("G3", Answer.YES, because, facts=facts)
    return Gate(
        "G3",
        Answer.NO,
        f"{rescue.by} is not somebody whom {rule.ref} protects ({whom or 'the parties'}){who}",
        "not-a-beneficiary",
        change=change,
        facts=facts,
    )


def _scope(condition: Condition, ground: Ground, said: Matter, rescue: Rescue) -> Gate:
    """Ask whether everything that the rescue touched lies in the scope."""
    if not condition.areas:
        return Gate("G5", Answer.YES, "the clause has no limits of place or target")
    scoped = in_one_of(condition.areas, rescue, ages_of(ground, said), every=True)
    because = "; ".join(dict.fromkeys(each.because for each in scoped.deciding))
    fields = ("target", "places", "latitude", "systems", "sectors")
    missing = (
        Missing("scope", each.lacks or f"{rescue.id}.{each.field}") for each in scoped.deciding
    )
    return Gate(
        "G5",
        scoped.answer,
        because,
        "" if scoped.answer is Answer.YES else "out-of-scope",
        tuple(dict.fromkeys(missing)) if scoped.answer is Answer.UNKNOWN else (),
        tuple(
            dict.fromkeys(
                " and ".join(f"{rescue.id}.{each.field}: {each.wanted}" for each in way)
                for way in scoped.ways
            )
        ),
        facts=_stated(said, "systems_added", *(f"{rescue.id}.{each}" for each in fields)),
    )


def _phase(harbour: Harbour, said: Matter, rescue: Rescue) -> tuple[Gate, ...]:
    if not harbour.phases:
        return ()
    field = f"{rescue.id}.phase"
    answer = overlap(only(rescue.phase), harbour.phases)
    return (
        Gate(
            "G8",
            answer,
            f"the attack was {rescue.phase or 'in a phase not stated'} when the rescue began"
            f"{said.by_whom(field)}; {' or '.join(harbour.phases)} is asked for",
            "" if answer is Answer.YES else "phase",
            (Missing("phase", field),) if answer is Answer.UNKNOWN else (),
            () if answer is Answer.YES else (f"{field}: {harbour.phases[0]}",),
            facts=_stated(said, field),
        ),
    )


def _stated(said: Matter, *names: str) -> tuple[str, ...]:
    return tuple(name for name in names if name.removeprefix("finding.") in said.stated)


def _deciding(judged: Iterable[_Judged], whole: Answer) -> tuple[Gate, ...]:
    """Choose whose gates speak for all: the first protected rescue, else the nearest to it."""
    same = [each for each in judged if each.answer is whole]
    if not same:
        return ()
    return min(
        same,
        key=lambda each: (
            sum(gate.answer is not Answer.YES for gate in each.gates),
            each.rescue.id,
        ),
    ).gates


def _not_protected(judged: _Judged) -> Note:
    gate = next(gate for gate in judged.gates if gate.answer is judged.answer)
    word = "is not protected" if judged.answer is Answer.NO else "may not be protected"
    return Note(
        "rescue-not-protected",
        f"The rescue {judged.rescue.id} {word} ({gate.code}): {gate.because}.",
    )


# --- what is owed ---------------------------------------------------------------------------------


def _owed(rule: Rule, said: Matter, judged: Iterable[_Judged]) -> Owed:
    obligations: list[Obligation] = []
    notes: list[Note] = []
    for each in judged:
        if each.answer is Answer.YES:
            obligations += _between(each, said, notes)
    if obligations:
        notes += rule.notes
    return Owed(tuple(obligations), notes=tuple(dict.fromkeys(notes)))


def _between(judged: _Judged, said: Matter, notes: list[Note]) -> list[Obligation]:
    """Write what owner and rescuer owe each other over one protected rescue."""
    rescue, harbour = judged.rescue, judged.rule.harbour or Harbour()
    owner, rescuer = rescue.owner or "", rescue.by or ""
    start = begin(rescue.started_at, said.zone) if rescue.started_at is not None else None
    spared = _obligation(
        judged, said, 0, owner, rescuer, f"not pursue {rescuer} for the rescue {rescue.id}", start
    )
    found = [_with(spared, _disputed(rescue, harbour, said, notes) or "owed", None)]
    if harbour.notify_within is not None and start is not None:
        by = later(start, harbour.notify_within, said.zone)
        told = _obligation(judged, said, 1, rescuer, owner, f"tell {owner} of the rescue", start)
        found.append(_with(told, _told(rescue, by, said, notes), by))
    if harbour.return_to:
        where = f"return what was saved to {harbour.return_to}"
        back = _obligation(judged, said, 2, rescuer, owner, where, start)
        found.append(_with(back, _returned(rescue, harbour, said, notes), None))
    return found


def _told(rescue: Rescue, by: datetime | None, said: Matter, notes: list[Note]) -> str:
    """Say whether the owner was told: owed, performed, or overdue."""
    told = None if rescue.notified_at is None else begin(rescue.notified_at, said.zone)
    if told is None or told > said.at:
        if by is not None and said.at >= by:
            notes.append(
                Note(
                    "rescue-not-told",
                    f"The owner had to be told of {rescue.id} by {instant(by)}, and nobody states"
                    " that it was.",
                )
            )
            return "overdue"
        return "owed"
    if by is not None and told >= by:
        notes.append(
            Note(
                "rescue-told-late",
                f"The owner was told of {rescue.id} on {moment_text(rescue.notified_at or told)},"
                f" after {instant(by)}; the protection stays, and people decide.",
            )
        )
    return "performed"


def _returned(rescue: Rescue, harbour: Harbour, said: Matter, notes: list[Note]) -> str:
    if rescue.returned_at is None or begin(rescue.returned_at, said.zone) > said.at:
        return "owed"
    if rescue.returned_to not in {None, harbour.return_to}:
        notes.append(
            Note(
                "rescue-returned-elsewhere",
                f"What {rescue.id} saved went to another address than {harbour.return_to}.",
            )
        )
        return "owed"
    return "performed"


def _disputed(rescue: Rescue, harbour: Harbour, said: Matter, notes: list[Note]) -> str:
    """Say until when the owner may dispute, and whether it did."""
    told = [each for each in (rescue.notified_at, rescue.returned_at) if each is not None]
    known = [begin(each, said.zone) for each in told]
    start = min((each for each in known if each <= said.at), default=None)
    by = later(start, harbour.dispute_within, said.zone) if start is not None else None
    if by is not None:
        notes.append(
            Note("dispute-until", f"The owner may dispute {rescue.id} until {instant(by)}.")
        )
    disputed = None if rescue.disputed_at is None else begin(rescue.disputed_at, said.zone)
    if disputed is None or disputed > said.at:
        return ""
    if by is not None and disputed >= by:
        notes.append(
            Note("dispute-late", f"The dispute over {rescue.id} came too late and has no effect.")
        )
        return ""
    notes.append(Note("rescue-disputed", f"The owner disputes {rescue.id}; people decide."))
    return "disputed"


def _obligation(
    judged: _Judged,
    said: Matter,
    duty: int,
    debtor: str,
    creditor: str,
    act: str,
    opened_at: datetime | None,
) -> Obligation:
    rule, rescue = judged.rule, judged.rescue
    why = (
        f"{debtor} is bound by {rule.ref} and owes {creditor}"
        if debtor == rescue.owner
        else f"{debtor} intervened under {rule.ref}, and by that took on what it asks of a rescuer"
    )
    lines = tuple(gate.line(rule) for gate in judged.gates)
    return Obligation(
        key=key_of(
            rule.agreement, rule.art, duty, f"{said.incident}/{rescue.id}", debtor, creditor
        ),
        incident=said.incident,
        agreement=rule.agreement,
        art=rule.art,
        duty=duty,
        debtor=debtor,
        creditor=creditor,
        creditors=(creditor,),
        act=act,
        measures=(),
        means="as-listed",
        modality="must",
        quantity="",
        opened_at=opened_at,
        answer_within=None,
        perform_within=(rule.harbour or Harbour()).notify_within if duty == 1 else None,
        answer_by=None,
        perform_by=None,
        state="owed",
        adaptation="",
        excuses=(),
        consent=(),
        concurrent_with=(),
        explanation=(*lines, Line("duty", "yes", why, rule.ref, rule.text_hash)),
    )


def _with(obligation: Obligation, state: str, perform_by: datetime | None) -> Obligation:
    return replace(obligation, state=state, perform_by=perform_by)
