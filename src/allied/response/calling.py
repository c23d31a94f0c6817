"""Who may call a clause over an incident, and why somebody may not.

Calling is a person's act and signed for; this answers before it is made, and judges it
afterwards, by the same gates that `evaluate` asks. Whether a person may act for a party is
not asked here.

Rule that holds everywhere below: the answer names the rule, so a refusal can be understood
and contested. A clause that nobody needs to call cannot be called.
"""

from __future__ import annotations

from dataclasses import dataclass

from allied.response.evaluate import Prepared, case_of
from allied.response.gates import may_call
from allied.response.incident import Incident, Invocation
from allied.response.judgement import judge
from allied.response.moment import Moment, begin, later
from allied.response.rule import Rule
from allied.response.truth import Answer


@dataclass(frozen=True, slots=True)
class Entitlement:
    """Whether a call has effect.

    Attributes:
        code: "", "no-such-clause", "not-callable", "not-known-yet", "not-in-force",
            "wrong-caller" or "late".
        why: one sentence.
    """

    entitled: bool
    code: str
    why: str


def entitlement(prepared: Prepared, incident: Incident, call: Invocation) -> Entitlement:
    """Say whether `call` has effect.

    Args:
        incident: as its caller knew it; what became known after the call is left out by its
            time.
        call: of an agreement in `prepared`; its time is taken as claimed.

    Cost: that of asking one clause.
    """
    known = call.agreement in prepared.register.agreements
    case = case_of(prepared, call.agreement, incident, call.at, party=call.by) if known else None
    text = case.ground.text if case is not None else call.agreement
    rules = prepared.rules.get(text, ())
    rule = next((each for each in rules if each.art == call.art), None)
    if rule is None:
        return Entitlement(False, "no-such-clause", "No clause of that number speaks of incidents.")
    if not rule.callers:
        return Entitlement(False, "not-callable", f"{rule.ref} works without being called.")
    if case is None:
        return Entitlement(False, "not-known-yet", "Nothing was known of the incident by then.")
    judged = judge(rule, case.ground, case.said, prepared.kinds[text])
    if any(gate.gate == "G1" and gate.answer is Answer.NO for gate in judged.gates):
        return Entitlement(False, "not-in-force", f"{rule.ref} is not in force for this incident.")
    victims = frozenset(act.against for act in judged.possible if act.against is not None)
    if not may_call(rule, case.ground, call.by, victims):
        return Entitlement(False, "wrong-caller", f"{call.by} may not call; {_who(rule)} may.")
    if case.said.known_at is not None:
        closes = later(case.said.known_at, rule.window, case.said.zone)
        if closes is not None and begin(call.at, case.said.zone) > closes:
            return Entitlement(
                False,
                "late",
                f"{rule.ref} had to be called within {rule.window} of it being known.",
            )
    return Entitlement(True, "", f"{call.by} may call as {_who(rule)}.")


def callable_now(
    prepared: Prepared, agreement: str, incident: Incident, by: str, at: Moment
) -> tuple[str, ...]:
    """Return the numbers of the clauses that `by` may call over `incident` at `at`."""
    return tuple(
        rule.art
        for rule in _rules(prepared, agreement, incident, by, at)
        if rule.callers
        and entitlement(
            prepared, incident, Invocation(agreement=agreement, art=rule.art, by=by, at=at)
        ).entitled
    )


def _rules(
    prepared: Prepared, agreement: str, incident: Incident, by: str, at: Moment
) -> tuple[Rule, ...]:
    """Return the clauses of the text under which `by` stands."""
    if agreement not in prepared.chains:
        return prepared.rules.get(agreement, ())
    case = case_of(prepared, agreement, incident, at, party=by)
    return prepared.rules[case.ground.text] if case is not None else ()


def _who(rule: Rule) -> str:
    words = {"any-member": "any member", "victim": "the victim", "body": "a body"}
    return " or ".join(words.get(caller, caller) for caller in rule.callers)
