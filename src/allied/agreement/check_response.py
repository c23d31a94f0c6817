"""What is doubtful in how an agreement answers incidents and lends help.

Asks of each article whether it can ever answer, whether anybody can call it, whether somebody
is left who owes what it says, and by when.

Words used here:
    unreachable   no incident whatever can make the trigger true
    owing         the parties that the article can oblige

Rule that holds below: only what the text itself shows is doubted. Whether an incident is
covered is for `allied.response`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from allied.agreement.check_doubt import ERROR, NOTE, WARNING, Doubt, Path, Question, about, owing
from allied.agreement.clauses import (
    Clause,
    CollectiveResponse,
    Consultation,
    Duty,
    MutualAid,
    Restraint,
    Trigger,
)
from allied.agreement.parts import Scope
from allied.agreement.shape import suggestion
from allied.agreement.terms import Agreement

_BESIDE: Final = frozenset({"observer", "associate", "steward", "secretariat"})
"""Roles that are not helped by a response."""


def _calling(value: Agreement, day: date | None) -> Iterator[Doubt]:
    """Who invokes a response, and whether anybody can."""
    del day
    for clause in value.clauses(CollectiveResponse):
        callers = clause.invoked_by
        if "victim" not in callers and clause.trigger.requested_by_victim:
            yield about(
                clause,
                "agreement.never-invoked",
                WARNING,
                ("invoked_by",),
                "the victim must have asked for it and may not invoke it",
                "add `victim` to `invoked_by`",
            )
        if callers == ("body",) and not value.bodies:
            yield about(
                clause,
                "agreement.never-invoked",
                ERROR,
                ("invoked_by",),
                "only a body may invoke it, and the agreement has none",
                "declare one under `bodies`, or add `victim`",
            )
        if clause.invocation_window and not callers:
            yield about(
                clause,
                "agreement.window-without-caller",
                WARNING,
                ("invocation_window",),
                "there is a time for invoking, and nobody who invokes",
                "name somebody under `invoked_by`",
            )
        if clause.provisional and clause.provisional.allowed and not clause.provisional.pending:
            yield about(
                clause,
                "agreement.provisional-without-gap",
                WARNING,
                ("provisional",),
                "it may be called while facts are missing, and no fact may be missing",
                "list them under `pending`",
            )


def _duties(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    for clause in value.clauses(CollectiveResponse):
        if not clause.duties:
            yield about(
                clause,
                "agreement.no-duty",
                WARNING,
                (),
                "it can be invoked, and nobody owes anything then",
                "add `duties`",
            )
        for index, duty in enumerate(clause.duties):
            yield from _unowed(value, clause, duty, ("duties", index))
            yield from _undated(clause, duty, ("duties", index))


def _undated(clause: Clause, duty: Duty, path: Path) -> Iterator[Doubt]:
    if duty.modality != "must":
        return
    for key, said, given in (
        ("answer_within", "an answer", duty.answer_within),
        ("perform_within", "performing", duty.perform_within),
    ):
        if given is None:
            yield about(
                clause,
                "agreement.no-deadline",
                WARNING,
                path,
                f"nobody can be late with {said}: no `{key}` is set",
                f"add `{key}: {'2' if key == 'answer_within' else '24'} hours`,"
                " or whatever was meant",
            )


def _unowed(value: Agreement, clause: Clause, duty: Duty, path: Path) -> Iterator[Doubt]:
    bound = owing(value, clause)
    parties = frozenset(value.party_ids)
    named = frozenset(duty.who) & parties
    groups = frozenset(duty.who) - parties
    victims = {party.id for party in value.parties if party.role_name not in _BESIDE}
    alone = len(bound) == 1 and duty.owes == "victim" and bound.issuperset(victims)
    if (
        (groups == {"other parties"} and not named and alone)
        or (not groups and named and not named & bound)
        or (duty.owes in named and len(duty.who) == 1)
        or (groups == {"hub"} and not named and not value.hubs)
        or (groups == {"members"} and not named and not frozenset(value.members) & bound)
    ):
        yield about(
            clause,
            "agreement.nobody-owes",
            ERROR,
            (*path, "who"),
            "nobody is left who could owe this",
            "name a party that the article binds, other than the one it is owed to",
        )


def _triggers(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    for clause in value.clauses(CollectiveResponse):
        yield from _trigger(value, clause, clause.trigger, ("trigger",))
    for consultation in value.clauses(Consultation):
        if isinstance(consultation.when, Trigger):
            yield from _trigger(value, consultation, consultation.when, ("when",))


def _trigger(value: Agreement, clause: Clause, trigger: Trigger, path: Path) -> Iterator[Doubt]:
    parties = frozenset(value.party_ids)
    if trigger.victim_is and not parties.intersection(trigger.victim_is) and not trigger.act_by:
        yield _unreachable(
            clause,
            path,
            "no victim that it names is a party, so it never answers",
            suggestion(trigger.victim_is[0], sorted(parties), what="party"),
        )
    for index, case in enumerate(trigger.cases):
        if case.victim and not parties.intersection(case.victim) and not case.act_by:
            yield _unreachable(
                clause,
                (*path, "cases", index),
                "no victim of this case is a party, so it never holds",
                suggestion(case.victim[0], sorted(parties), what="party"),
            )
    if trigger.victims is not None and trigger.victims > len(parties):
        yield _unreachable(
            clause,
            (*path, "victims"),
            "it asks for more victims than there are parties",
            f"at most {len(parties)}",
        )
    named = trigger.attackers_named
    if named and len(trigger.attacker) == len(named) and (trigger.attackers or 0) > len(named):
        yield _unreachable(
            clause,
            (*path, "attackers"),
            "it asks for more attackers than it names",
            f"at most {len(named)}, or name more",
        )
    yield from _against(value, clause, trigger, path)
    yield from _authors(value, clause, trigger, path)


def _against(value: Agreement, clause: Clause, trigger: Trigger, path: Path) -> Iterator[Doubt]:
    areas = value.scopes_of(trigger.scope)
    targets = {target for area in areas for target in area.targets}
    if (
        trigger.against
        and areas
        and all(area.targets for area in areas)
        and targets.isdisjoint(trigger.against)
    ):
        yield _unreachable(
            clause,
            (*path, "against"),
            "what it must be against lies outside its scope",
            f"one of: {', '.join(sorted(targets))}",
        )
    if trigger.may_be_found_to_be and not value.bodies:
        yield about(
            clause,
            "agreement.never-found",
            WARNING,
            (*path, "may_be_found_to_be"),
            "these kinds count only after a body has found so, and the agreement has no body",
            "declare one under `bodies`, or write the kinds under `incident`",
        )


def _authors(value: Agreement, clause: Clause, trigger: Trigger, path: Path) -> Iterator[Doubt]:
    parties = frozenset(value.party_ids)
    if trigger.act_by and parties.issuperset(trigger.act_by):
        yield about(
            clause,
            "agreement.unreachable-trigger",
            WARNING,
            (*path, "act_by"),
            "it answers only to acts of its own parties",
            "name somebody outside",
        )
    for name in trigger.attackers_named:
        if name in parties and "even-a-party" not in trigger.attacker:
            yield about(
                clause,
                "agreement.attacker-is-party",
                WARNING,
                (*path, "attacker"),
                "an attacker that it names is a party",
                "an attack between parties is settled by a `dispute` article",
            )


def _unreachable(clause: Clause, path: Path, text: str, advice: str) -> Doubt:
    return about(clause, "agreement.unreachable-trigger", ERROR, path, text, advice)


def _consultations(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    for clause in value.clauses(Consultation):
        many, _, members = clause.caller.partition(" ")
        if members and int(many) > len(owing(value, clause)):
            yield about(
                clause,
                "agreement.never-called",
                ERROR,
                ("caller",),
                "it takes more callers than there are members",
                f"at most {len(owing(value, clause))} members",
            )
        if clause.caller == "body" and not value.bodies:
            yield about(
                clause,
                "agreement.never-called",
                ERROR,
                ("caller",),
                "a body calls it, and the agreement has none",
                "declare one under `bodies`, or write `any-member`",
            )
        if clause.meet_within is None:
            yield about(
                clause,
                "agreement.no-deadline",
                NOTE,
                (),
                "nobody can be late in meeting: no `meet_within` is set",
                "add `meet_within: 3 days`, or whatever was meant",
            )


def _aid(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    for clause in value.clauses(MutualAid):
        if clause.modality == "must" and clause.answer_within is None:
            yield about(
                clause,
                "agreement.no-deadline",
                WARNING,
                (),
                "nobody can be late with an answer: no `answer_within` is set",
                "add `answer_within: 4 hours`, or whatever was meant",
            )
        if clause.cost == "capped" and not clause.cost_cap:
            yield about(
                clause,
                "agreement.no-cap",
                WARNING,
                ("cost",),
                "the cost is capped, and no cap is named",
                "add `cost_cap`",
            )
        if clause.cost == "free-then-cost" and clause.free_for is None:
            yield about(
                clause,
                "agreement.no-free-period",
                WARNING,
                ("cost",),
                "it is free at first, and nothing says for how long",
                "add `free_for`",
            )
        if not owing(value, clause) or (len(value.parties) < 2 and value.lateral != "open"):
            yield about(
                clause, "agreement.nobody-owes", ERROR, (), "there is nobody who could be asked", ""
            )


def _adaptations(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    capabilities = {
        f"{name}: {said}" for party in value.parties for name, said in party.capabilities.items()
    }
    status = {
        f"{name}: {said}" for party in value.parties for name, said in party.status_notes.items()
    }
    for clause in value.clauses(CollectiveResponse):
        for index, each in enumerate(clause.adaptations):
            for key, wanted, known in (
                ("capability", each.capability, capabilities),
                ("status", each.status, status),
            ):
                if wanted and wanted not in known:
                    yield about(
                        clause,
                        "agreement.adaptation-for-nobody",
                        WARNING,
                        ("adaptations", index, key),
                        f"no party has this {key}",
                        suggestion(wanted, sorted(known), what=key),
                    )


def _scopes(value: Agreement, day: date | None) -> Iterator[Doubt]:
    """Scopes that nothing refers to, and scopes that leave nothing out."""
    del day
    used: set[str] = set()
    for clause in value.articles:
        held: list[tuple[str, ...] | Scope] = []
        match clause:
            case CollectiveResponse():
                held = [clause.trigger.scope]
            case Consultation() if isinstance(clause.when, Trigger):
                held = [clause.when.scope]
            case MutualAid() | Restraint():
                held = [clause.scope]
        used.update(name for scope in held if isinstance(scope, tuple) for name in scope)
    for name, scope in value.scopes.items():
        if name not in used:
            yield Doubt(
                "agreement.unused-scope",
                NOTE,
                ("scopes", name),
                "no article refers to this scope",
                "name it under `scope` of an article, or take it out",
            )
        limits = (scope.places, scope.north_of_latitude, scope.targets, scope.systems)
        if not any(limits) and scope.north_of_latitude is None and not scope.sectors:
            yield Doubt(
                "agreement.scope-without-limit",
                WARNING,
                ("scopes", name),
                "this scope names no place, target, system or sector, so it leaves nothing out",
                "say what belongs to it",
            )


QUESTIONS: Final[tuple[Question, ...]] = (
    _calling,
    _duties,
    _triggers,
    _consultations,
    _aid,
    _adaptations,
    _scopes,
)
