"""An attack on Harbour: reported, held against the clauses, called, answered, performed.

Every act is read on the other's node before the next one follows. An incident of an earlier
run is taken up where it stands, unless its time has run out; then a new one is reported.
"""

from __future__ import annotations

import re
from datetime import timedelta
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from allied.errors import AlliedError, UnverifiedError
from allied.node import incidents, obligations

if TYPE_CHECKING:
    from datetime import datetime

    from allied.entrypoints.cli.demo.house import House
    from allied.entrypoints.cli.demo.stage import Stage
    from allied.node.agreements import AgreementView
    from allied.node.cases import ObligationView
    from allied.node.incidents import IncidentView

SHIPPED: Final = "incident.yaml"
ALIAS: Final = "terminal-wiper"
ART: Final = "2"
EVIDENCE: Final = (
    "Two incident responders of River Bank were on the terminal's network within three hours."
    " They took images of four machines and rebuilt the gate system from its backups."
)
_ORDER: Final = ("owed", "acknowledged", "accepted", "performed", "discharged")
_LEAD: Final = timedelta(minutes=35)


def respond(stage: Stage, agreement: AgreementView) -> dict[str, Any]:
    """The whole story of the incident; returns what was read."""
    incident = _report(stage, agreement)
    owed = _invoke(stage, incident)
    _answer(stage, owed)
    return {
        "id": incident.id,
        "agreement": agreement.id,
        "art": ART,
        "obligation": owed.key,
        "state": obligations.show(stage.river.node, stage.river.organisation, owed.key).state,
        "report": _print(stage, incident),
    }


# --- reporting --------------------------------------------------------------------------


def _report(stage: Stage, agreement: AgreementView) -> IncidentView:
    harbour, river, teller = stage.harbour, stage.river, stage.teller
    teller.chapter("An attack on Harbour Logistics; what would each clause say? (nothing leaves)")
    raw = _file(agreement, harbour)
    for found in incidents.consider(harbour.node, harbour.organisation, raw, SHIPPED):
        if found.agreement != agreement.id:
            continue
        for result in found.evaluation.results:
            teller.line(f"{found.alias} Art {result.art}: {result.outcome} ({result.reason})")
            for line in result.explanation if result.art == ART else ():
                teller.line(f"    {line.gate} {line.answer}: {line.because}", style="dim")

    teller.chapter("Harbour reports it under the agreement; observers are not told")
    incident = stage.patience.until(
        "Harbour has reported the incident", lambda: _reported(harbour, agreement)
    )
    teller.line(f"{incident.title}  ({incident.id[:12]}, in the circle: {incident.circle})")

    def applies() -> IncidentView | None:
        seen = incidents.show(river.node, river.organisation, incident.id)
        outcomes = {result.art: result.outcome for result in seen.results}
        return seen if outcomes.get(ART) in {"open", "met"} or seen.calls else None

    seen = stage.patience.until("River Bank sees the incident, and that Art 2 applies", applies)
    result = next(each for each in seen.results if each.art == ART)
    teller.verified(f"River comes to the same: Art {ART} is {result.outcome}", "river")
    return incident


def _reported(harbour: House, agreement: AgreementView) -> IncidentView:
    """The incident under way, reported now unless it was before."""
    for known in incidents.list_incidents(harbour.node, harbour.organisation):
        if known.alias == ALIAS and known.agreement == agreement.id and _can_go_on(known):
            return known
    raw = _file(agreement, harbour)
    return incidents.report(harbour.node, harbour.actor, raw, SHIPPED, agreement.id)[0]


def _can_go_on(known: IncidentView) -> bool:
    """Whether the story can go on with an incident: not too late for anything."""
    if not any(call.effective for call in known.calls):
        return ART in known.callable
    return all(each.state in _ORDER for each in known.obligations if each.art == ART)


def _file(agreement: AgreementView, harbour: House) -> bytes:
    """The incident that ships with the demonstration, as if it had happened just now."""
    written = (resources.files("allied.story") / SHIPPED).read_text(encoding="utf-8")
    now = harbour.node.clock.now()
    since = agreement.in_force_since or now
    times = {"known_at": now, "occurred_at": max(since, now - _LEAD)}

    def moved(found: re.Match[str]) -> str:
        return f"{found[1]}: {_instant(times[found[1]])}"

    return re.sub(r"\b(known_at|occurred_at): [0-9TZ:.-]+", moved, written).encode()


def _instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


# --- calling ----------------------------------------------------------------------------


def _invoke(stage: Stage, incident: IncidentView) -> ObligationView:
    harbour, river, teller = stage.harbour, stage.river, stage.teller
    teller.chapter("Harbour calls Article 2: River Bank now owes help")
    called = stage.patience.until("Harbour has called", lambda: _called(harbour, incident))
    call = next(each for each in called.calls if each.effective)
    teller.line(f"{harbour.role.person_name} called Art {call.art} for Harbour: {call.why}")

    def received() -> ObligationView | None:
        for each in obligations.list_obligations(river.node, river.organisation, mine_only=True):
            if each.incident == incident.id and each.mine == "debtor" and each.answer_by:
                return each
        return None

    owed = stage.patience.until("River Bank has received the call", received)
    teller.verified(
        f"owed: {owed.act} ({', '.join(owed.measures)}); answer by {owed.answer_by:%H:%M},"
        f" perform by {owed.perform_by:%d %b %H:%M} UTC",
        "river",
    )

    def acknowledged() -> ObligationView | None:
        at_harbour = obligations.show(harbour.node, harbour.organisation, owed.key)
        return at_harbour if at_harbour.answer_by == owed.answer_by else None

    stage.patience.until("Harbour has River Bank's signed receipt of the call", acknowledged)
    teller.verified("River's signed receipt of the call; its periods run from it", "harbour")
    return owed


def _called(harbour: House, incident: IncidentView) -> IncidentView:
    found = incidents.show(harbour.node, harbour.organisation, incident.id)
    if any(call.effective and call.art == ART for call in found.calls):
        return found
    return incidents.invoke(harbour.node, harbour.actor, incident.id, ART)


# --- answering --------------------------------------------------------------------------


def _answer(stage: Stage, owed: ObligationView) -> None:
    harbour, river, teller = stage.harbour, stage.river, stage.teller
    teller.chapter("River accepts, helps and shows evidence; Harbour confirms")
    _said(stage, river, owed, "accept", "accepted")
    _seen(stage, harbour, owed, "accepted")
    teller.verified("River Bank accepted", "harbour")

    _said(stage, river, owed, "perform", "performed", (("text/plain", EVIDENCE.encode()),))

    def evidence() -> bool | None:
        found = obligations.show(harbour.node, harbour.organisation, owed.key)
        return True if any(each.text == EVIDENCE for each in found.evidence) else None

    _seen(stage, harbour, owed, "performed")
    stage.patience.until("Harbour holds the evidence", evidence)
    teller.line(f"“{EVIDENCE}”", style="dim")
    teller.verified("River Bank performed, and this is its evidence", "harbour")

    _said(stage, harbour, owed, "verify", "discharged")
    _seen(stage, river, owed, "discharged")
    teller.verified("Harbour verified it: the obligation is discharged", "river")


def _said(
    stage: Stage,
    house: House,
    owed: ObligationView,
    verb: str,
    state: str,
    evidence: tuple[tuple[str, bytes], ...] = (),
) -> None:
    """Let `house` say something, unless that was said before."""

    def say() -> ObligationView:
        found = obligations.show(house.node, house.organisation, owed.key)
        if _reached(found, state):
            return found
        return obligations.say(house.node, house.actor, owed.key, verb, evidence=evidence)

    stage.patience.until(f"{house.name} has said: {verb}", say)


def _seen(stage: Stage, house: House, owed: ObligationView, state: str) -> None:
    def look() -> ObligationView | None:
        found = obligations.show(house.node, house.organisation, owed.key)
        return found if _reached(found, state) else None

    stage.patience.until(f"{house.name} sees the obligation {state}", look)


def _reached(found: ObligationView, state: str) -> bool:
    return found.state in _ORDER and _ORDER.index(found.state) >= _ORDER.index(state)


# --- the record -------------------------------------------------------------------------


def _print(stage: Stage, incident: IncidentView) -> str:
    river, harbour, teller = stage.river, stage.harbour, stage.teller
    teller.chapter("The record that stands afterwards, the same on both nodes")

    def same() -> str | None:
        at_river = incidents.print_report(river.node, river.organisation, incident.id)
        at_harbour = incidents.print_report(harbour.node, harbour.organisation, incident.id)
        return at_river if _lasting(at_river) == _lasting(at_harbour) else None

    report = stage.patience.until("both nodes print the same report", same)
    teller.line(report, style="dim")
    teller.verified("the report, word for word as Harbour prints it", "river")
    northgate = stage.northgate
    try:
        incidents.show(northgate.node, northgate.organisation, incident.id)
    except AlliedError:
        teller.verified("nothing of the incident: an observer is not in that circle", "northgate")
        return report
    raise UnverifiedError("demo.leaked", "Northgate sees an incident that is none of its business")


def _lasting(report: str) -> list[str]:
    """A report without the moment at which it was printed."""
    return [line for line in report.splitlines() if not line.strip().startswith("As of")]
