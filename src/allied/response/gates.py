"""The gates that are asked once of an incident: G1, G4, G6 to G11.

A gate looks at what an agreement knows of an incident (`Matter`) and at who is bound by it
(`Ground`). It answers yes, no or unknown, or says that somebody's call or decision is
awaited. What the answers add up to is for `judgement`.

    G1  the instrument and the clause are in force    G8   unprovoked, capacity, phase
    G4  the kind of incident                          G9   called by somebody entitled, in time
    G6  severity and numbers                          G10  decided
    G7  attribution                                   G11  not ended

Rules that hold everywhere below. Every answer carries a sentence with the facts it rests on
and who stated them. Unknown names each missing fact by its field. No gate reads a field that
is not stated as if it were.

Source: obligation semantics of the agreement format, gates and the points settled on them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from allied.agreement.values import Severity
from allied.response.ground import Gate, Ground, Missing, matches, only, overlap, practice
from allied.response.incident import Act, Attribution
from allied.response.matter import Matter
from allied.response.moment import begin, later, moment_text
from allied.response.results import Note
from allied.response.rule import Condition, Rule
from allied.response.truth import Answer, all_of


def g1(rule: Rule, ground: Ground) -> Gate:
    """Ask whether the instrument and the clause are in force."""
    today = ground.today
    if ground.state != "in-force":
        over = ground.state in {"expired", "terminated"}
        return Gate(
            "G1",
            Answer.NO,
            f"{ground.title} is {ground.state.replace('-', ' ')} on {today}",
            "expired" if over else "not-in-force",
            change=(f"{ground.agreement}: in force",),
        )
    if rule.since is not None and today < rule.since:
        return Gate(
            "G1",
            Answer.NO,
            f"{rule.ref} begins on {rule.since}",
            "clause-not-yet",
            change=(f"occurred_at: {rule.since}",),
        )
    if rule.until is not None and today > rule.until:
        return Gate(
            "G1",
            Answer.NO,
            f"{rule.ref} ended on {rule.until}",
            "expired",
            change=(f"occurred_at: {rule.until}",),
        )
    if rule.art in ground.resting:
        return Gate(
            "G1",
            Answer.NO,
            f"{rule.ref} is suspended since {ground.resting[rule.art]}",
            "not-in-force",
            change=(f"{rule.ref}: resumed",),
        )
    if rule.art in ground.flagged:
        return Gate(
            "G1",
            Answer.UNKNOWN,
            f"the words and the fields of {rule.ref} disagree, as people found; the words count,"
            " and people apply them",
            "text-mismatch",
            (Missing("text-mismatch", "text-mismatch"),),
            (f"{rule.ref}: cleared",),
            (Note("text-mismatch", f"{rule.ref} is not applied until that is cleared."),),
        )
    return Gate("G1", Answer.YES, f"{rule.ref} is in force on {today}")


def g4(condition: Condition, said: Matter) -> Gate:
    """Ask whether the kind matches, as stated or as a body found it."""
    if not condition.kinds and not condition.found_kinds:
        return Gate("G4", Answer.YES, "any kind of incident counts")
    found = said.found.get("kind")
    wanted = (*condition.kinds, *condition.found_kinds)
    change = (f"kind: {wanted[0]}",)
    if found is not None:
        answer = matches(found, condition.kinds)
        return Gate(
            "G4",
            answer,
            f"found to be {found}{said.by_whom('kind')}",
            "" if answer is Answer.YES else "kind",
            (Missing("kind", "finding.kind"),) if answer is Answer.UNKNOWN else (),
            () if answer is Answer.YES else (f"finding.kind: {wanted[0]}",),
        )
    kind = said.facts.kind
    who = said.by_whom("kind")
    if kind is None:
        return Gate(
            "G4",
            Answer.UNKNOWN,
            "the kind is not stated",
            "kind",
            (Missing("kind", "kind"),),
            change,
        )
    answer = matches(kind, condition.kinds)
    if answer is Answer.YES:
        return Gate("G4", answer, f"kind {kind} matches{who}")
    if matches(kind, condition.found_kinds) is not Answer.NO:
        custom = practice(condition, "may_be_found_to_be")
        finding = condition.kinds[0] if condition.kinds else condition.found_kinds[0]
        return Gate(
            "G4",
            Answer.UNKNOWN,
            f"{kind} counts only once a body found that it does{who}{custom}",
            "kind",
            (Missing("kind", "finding.kind"),),
            (f"finding.kind: {finding}",),
        )
    if answer is Answer.UNKNOWN:
        return Gate(
            "G4",
            answer,
            f"{kind} does not say which kind exactly{who}",
            "kind",
            (Missing("kind", "kind"),),
            change,
        )
    return Gate(
        "G4", Answer.NO, f"kind {kind} is not one this clause speaks of{who}", "kind", change=change
    )


def g6(
    condition: Condition, said: Matter, acts: tuple[Act, ...], bound: frozenset[str]
) -> tuple[Gate, ...]:
    """Ask for severity, alone or with the campaign, and for the numbers of both sides."""
    gates = []
    if condition.severity is not None:
        gates.append(_severity(condition, condition.severity, said))
    sure = [act for act in acts if act.against in bound]
    # Whom else they may have struck is not stated: they count once it is.
    open_ = [act for act in acts if act.against is None]
    if condition.victims_at_least:
        victims = [act.against for act in sure]
        unstated = ["against"] if open_ else []
        gates.append(_number("victims", victims, condition.victims_at_least, unstated))
    if condition.attackers_at_least:
        attackers = [act.by for act in sure]
        unstated = ["by"] if None in attackers or any(act.by is None for act in open_) else []
        unstated += ["against"] if {act.by for act in open_} - {*attackers, None} else []
        gates.append(_number("attackers", attackers, condition.attackers_at_least, unstated))
    return tuple(gates) or (Gate("G6", Answer.YES, "no threshold is asked for"),)


def _severity(condition: Condition, least: Severity, said: Matter) -> Gate:
    bound = least
    own = said.facts.severity
    change = (f"{said.settled_by('severity')}: {bound}",)
    who = said.by_whom("severity")
    if own is not None and own >= least:
        return Gate("G6", Answer.YES, f"severity {own} is at least {bound}{who}")
    if "severity" not in said.found:
        together = _aggregate(condition, least, own, said)
        if together is not None:
            return together
    if own is None:
        return Gate(
            "G6",
            Answer.UNKNOWN,
            f"the severity is not stated; at least {bound} is asked for",
            "below-threshold",
            (Missing("severity", "severity"),),
            change,
        )
    return Gate(
        "G6",
        Answer.NO,
        f"severity {own} is below {bound}{who}",
        "below-threshold",
        change=change,
    )


def _aggregate(
    condition: Condition, least: Severity, own: Severity | None, said: Matter
) -> Gate | None:
    """Count the campaign together; None where that does not help."""
    aggregate = condition.aggregate
    if aggregate is None:
        return None
    if aggregate.mode == "body-decides":
        return Gate(
            "G6",
            Answer.UNKNOWN,
            "whether they are severe enough together is for a body to find",
            "below-threshold",
            (Missing("severity", "finding.severity"),),
            (f"finding.severity: {least}",),
        )
    counted = said.others if aggregate.of_any else said.siblings
    group = "" if aggregate.of_any else " of the campaign"
    answers = [(each, _near(each.occurred, condition, said)) for each in counted]
    near = [each for each, answer in answers if answer is Answer.YES]
    ranks = [each.facts.severity for each in near]
    known = [rank.rank for rank in (*ranks, own) if rank is not None]
    total = sum(known) if aggregate.mode == "sum" else max(known, default=0)
    if total >= least.rank:
        return Gate(
            "G6",
            Answer.YES,
            f"{len(near) + 1} incidents{group} together reach {least}",
        )
    missing = [f"{each.id}.occurred_at" for each, answer in answers if answer is Answer.UNKNOWN]
    missing += [f"{each.id}.severity" for each in near if each.facts.severity is None]
    if missing:
        return Gate(
            "G6",
            Answer.UNKNOWN,
            f"what would decide is not stated of another incident{group}",
            "below-threshold",
            tuple(Missing("severity", field) for field in missing),
            (f"severity: {least}",),
        )
    return None


def _near(occurred: datetime | None, condition: Condition, said: Matter) -> Answer:
    window = condition.aggregate.window if condition.aggregate else None
    if window is None:
        return Answer.YES
    if occurred is None or said.occurred is None:
        return Answer.UNKNOWN
    last = later(occurred, window, said.zone)
    return Answer.of(occurred <= said.occurred and (last is None or said.occurred <= last))


def _number(what: str, names: Iterable[str | None], least: int, unstated: Iterable[str]) -> Gate:
    """Ask for a number of different names.

    Args:
        unstated: fields of acts that would decide and are not stated of all.
    """
    known = {name for name in names if name is not None}
    if len(known) >= least:
        return Gate("G6", Answer.YES, f"{len(known)} {what} are at least {least}")
    missing = tuple(Missing(what.removesuffix("s"), f"acts.{field}") for field in unstated)
    if missing:
        return Gate(
            "G6",
            Answer.UNKNOWN,
            f"{len(known)} of at least {least} {what} are known",
            "below-threshold",
            missing,
            (f"{what}: at least {least}",),
        )
    return Gate(
        "G6",
        Answer.NO,
        f"{len(known)} {what} are fewer than {least}",
        "below-threshold",
        change=(f"{what}: at least {least}",),
    )


def g7(condition: Condition, said: Matter, kinds_of_party: Mapping[str, str]) -> Gate:
    """Ask for the attribution that the clause requires."""
    if condition.attribution == "not-needed":
        return Gate("G7", Answer.YES, "no attribution is needed")
    given = said.facts.attribution or Attribution()
    custom = practice(condition, "attribution")
    tests: list[tuple[Answer, str, str]] = []
    if condition.attribution == "from-outside":
        origin = Answer.of(None if given.origin is None else given.origin == "outside")
        tests.append((origin, "attribution.from", "outside"))
    else:
        to = Answer.UNKNOWN if given.to is None else Answer.YES
        if given.to is not None and condition.attribution == "to-a-state":
            to = Answer.of(kinds_of_party.get(given.to, "state") == "state")
        tests.append(
            (to, "attribution.to", "a state" if "state" in condition.attribution else "somebody")
        )
    if condition.confidence is not None:
        sure = None if given.confidence is None else given.confidence >= condition.confidence
        tests.append((Answer.of(sure), "attribution.confidence", str(condition.confidence)))
    answer = all_of(test for test, _, _ in tests)
    deciding = [(field, wanted) for test, field, wanted in tests if test is answer]
    fields = ", ".join(field for field, _ in deciding)
    who = "".join(dict.fromkeys(said.by_whom(field) for field, _ in deciding))
    wishes = [
        f"{said.settled_by(field)}: {wanted}"
        for test, field, wanted in tests
        if test is not Answer.YES
    ]
    word = {
        Answer.YES: "is as asked for",
        Answer.NO: "is not as asked for",
        Answer.UNKNOWN: "is not stated",
    }
    return Gate(
        "G7",
        answer,
        f"{fields} {word[answer]} ({condition.attribution}){who}{custom}",
        "" if answer is Answer.YES else "not-attributed",
        tuple(Missing("attribution", field) for field, _ in deciding)
        if answer is Answer.UNKNOWN
        else (),
        (" and ".join(wishes),) if wishes else (),
    )


def g8(condition: Condition, said: Matter) -> tuple[Gate, ...]:
    """Ask whether the attack was unprovoked, own capacity is exhausted, the phase is right."""
    gates = []
    if condition.unprovoked:
        gates.append(_unprovoked(said))
    if condition.capacity:
        answer = Answer.of(
            None if said.facts.capacity is None else said.facts.capacity == "own-exhausted"
        )
        word = said.facts.capacity or "not stated"
        gates.append(
            Gate(
                "G8",
                answer,
                f"the victim's own capacity is {word}{said.by_whom('capacity')}",
                "" if answer is Answer.YES else "capacity",
                (Missing("capacity", "capacity"),) if answer is Answer.UNKNOWN else (),
                () if answer is Answer.YES else (f"{said.settled_by('capacity')}: own-exhausted",),
            )
        )
    if condition.phases:
        phase = said.facts.phase
        answer = overlap(only(phase), condition.phases)
        gates.append(
            Gate(
                "G8",
                answer,
                f"the phase is {phase or 'not stated'}{said.by_whom('phase')};"
                f" {' or '.join(condition.phases)} is asked for",
                "" if answer is Answer.YES else "phase",
                (Missing("phase", "phase"),) if answer is Answer.UNKNOWN else (),
                ()
                if answer is Answer.YES
                else (f"{said.settled_by('phase')}: {condition.phases[0]}",),
            )
        )
    gates += [stated_gate(each, said) for each in condition.stated]
    return tuple(gates) or (Gate("G8", Answer.YES, "nothing is asked about provocation or phase"),)


def stated_gate(
    condition: str, said: Matter, own: Mapping[str, bool] | None = None, prefix: str = ""
) -> Gate:
    """Ask whether a condition in the clause's own words is stated to hold.

    Args:
        own: what is stated of one rescue; the incident's own word counts where that is silent.
        prefix: of the names of its facts: "night.".
    """
    name = f"{prefix}conditions.{condition}"
    holds, source = _holds(condition, own), prefix
    if holds is None:
        holds, source = _holds(condition, said.facts.conditions), ""
    answer = Answer.of(holds)
    word = {
        Answer.YES: "it is stated that",
        Answer.NO: "it is stated not to hold that",
        Answer.UNKNOWN: "nobody states whether",
    }
    who = said.by_whom(f"{source}conditions.{condition}")
    return Gate(
        "G8",
        answer,
        f"{word[answer]} {condition}{who}",
        "" if answer is Answer.YES else "condition",
        (Missing("conditions", name),) if answer is Answer.UNKNOWN else (),
        () if answer is Answer.YES else (f"{name}: yes",),
        facts=() if holds is None else (f"{source}conditions",),
    )


def _holds(condition: str, given: Mapping[str, bool] | None) -> bool | None:
    wanted = _plain(condition)
    return next((its for name, its in (given or {}).items() if _plain(name) == wanted), None)


def _plain(sentence: str) -> str:
    """Compare sentences by their words, not by spaces, capitals or the stop."""
    return " ".join(sentence.casefold().rstrip(".").split())


def provoked_before(said: Matter) -> str:
    """Name an earlier act of the campaign by a victim against its attacker, or nothing."""
    edges = {(act.against, act.by) for act in said.facts.acts if act.against and act.by}
    if not edges:
        return ""
    own = {act.id: act for act in said.facts.acts}
    for act in said.facts.acts:
        earlier = own.get(act.in_response_to or "")
        if earlier is not None and (earlier.by, earlier.against) == (act.against, act.by):
            return f"{earlier.id} by {earlier.by} against {earlier.against}"
    for sibling in said.siblings:
        if sibling.occurred is None or said.occurred is None or sibling.occurred >= said.occurred:
            continue
        for act in sibling.facts.acts:
            if (act.by, act.against) in edges:
                return f"{sibling.id}: {act.by} against {act.against}"
    return ""


def _unprovoked(said: Matter) -> Gate:
    earlier = provoked_before(said)
    if earlier:
        return Gate(
            "G8", Answer.NO, f"an earlier act of the campaign provoked it: {earlier}", "provoked"
        )
    stated = said.facts.unprovoked
    who = said.by_whom("unprovoked")
    change = (f"{said.settled_by('unprovoked')}: yes",)
    if stated == "yes":
        return Gate("G8", Answer.YES, f"it was unprovoked{who}")
    if stated == "no":
        return Gate("G8", Answer.NO, f"it was provoked{who}", "provoked", change=change)
    word = "contested" if stated else "not stated"
    return Gate(
        "G8",
        Answer.UNKNOWN,
        f"whether it was unprovoked is {word}{who}",
        "provoked",
        (Missing("unprovoked", "unprovoked"),),
        change,
        (Note("contested-provocation", f"Whether it was provoked is {word}."),),
    )


def g9(
    rule: Rule,
    ground: Ground,
    said: Matter,
    victims: frozenset[str],
    unknown_victims: tuple[str, ...] = (),
) -> Gate:
    """Ask whether somebody entitled called the clause, in time.

    Args:
        victims: who may call as a victim: of the acts that the gates before let stand.
        unknown_victims: fields of those acts that do not say who their victim is.
    """
    if not rule.callers:
        return Gate("G9", Answer.YES, "nobody needs to call it")
    calls = said.calls.get(rule.art, ())
    closes = later(said.known_at, rule.window, said.zone) if said.known_at else None
    entitled = [call for call in calls if may_call(rule, ground, call.by, victims)]
    in_time = [call for call in entitled if closes is None or begin(call.at, said.zone) <= closes]
    enough = len({call.by for call in in_time}) >= rule.callers_at_least
    wanted = " or ".join(rule.callers)
    change = (f"invocation: {rule.art} by {wanted}",)
    if in_time and enough:
        first = in_time[0]
        return Gate(
            "G9",
            Answer.YES,
            f"called by {first.by} on {moment_text(first.at)}, entitled as {wanted}",
        )
    if entitled and not in_time:
        return Gate(
            "G9",
            Answer.NO,
            f"called by {entitled[0].by} on {moment_text(entitled[0].at)},"
            f" after the window of {rule.window}",
            "late",
        )
    if calls and not entitled:
        if any(call.by in ground.undecided_roles for call in calls):
            return Gate(
                "G9",
                Answer.UNKNOWN,
                f"called by {calls[0].by}, whose role depends on the severity",
                "wrong-caller",
                (Missing("severity", "severity"),),
                change,
            )
        if unknown_victims and "victim" in rule.callers:
            return Gate(
                "G9",
                Answer.UNKNOWN,
                f"called by {calls[0].by}; whether it is the victim is not stated",
                "wrong-caller",
                tuple(Missing("victim", field) for field in unknown_victims),
            )
        return Gate(
            "G9",
            Answer.NO,
            f"called by {calls[0].by}; entitled is {wanted}",
            "wrong-caller",
            change=change,
        )
    if closes is not None and said.at > closes:
        return Gate(
            "G9",
            Answer.NO,
            f"nobody called it within {rule.window} of the facts becoming known",
            "late",
        )
    return Gate(
        "G9",
        Answer.UNKNOWN,
        f"not called yet by {wanted}",
        "not-invoked",
        change=change,
        awaited=True,
    )


def may_call(rule: Rule, ground: Ground, by: str, victims: frozenset[str]) -> bool:
    """Whether `by` is somebody who may call the clause."""
    for caller in rule.callers:
        if caller == "victim" and by in victims and by in ground.bound:
            return True
        if caller == "any-member" and by in ground.bound:
            return True
        if caller == "body" and by in ground.bodies:
            return True
        if caller == by and (by in ground.bound or by in ground.bodies):
            return True
    return False


def g10(rule: Rule, said: Matter) -> Gate:
    """Ask whether the body decided."""
    if not rule.decided_by:
        return Gate("G10", Answer.YES, "no decision is needed")
    decision = said.decisions.get(rule.art)
    change = (f"decision: {rule.art} adopted",)
    if decision is None:
        return Gate(
            "G10",
            Answer.UNKNOWN,
            f"{rule.decided_by} has not decided yet",
            "pending-decision",
            change=change,
            awaited=True,
        )
    when = moment_text(decision.at)
    if decision.outcome == "adopted":
        return Gate("G10", Answer.YES, f"{rule.decided_by} adopted it on {when}")
    objectors = f" by {', '.join(decision.objectors)}" if decision.objectors else ""
    code = "silence-broken" if decision.outcome == "silence-broken" else "rejected"
    word = decision.outcome.replace("-", " ")
    return Gate("G10", Answer.NO, f"{word} on {when}{objectors}", code, change=change)


def g11(said: Matter) -> Gate:
    """Ask whether what ends the response has come about; nobody saying so is no."""
    if said.facts.ended:
        return Gate(
            "G11",
            Answer.NO,
            f"it has ended{said.by_whom('ended')}",
            "ended",
            change=(f"{said.settled_by('ended')}: no",),
        )
    return Gate("G11", Answer.YES, "nobody stated that it has ended")
