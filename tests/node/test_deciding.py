"""What the parties decide takes effect on every node, by the same certificate; or on none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.agreement.certified import read_proof, write_proof
from allied.agreement.closing import PATIENCE, STEP
from allied.agreement.matters import Matter
from allied.errors import UsageError
from allied.node import agreements, checkups, incidents, obligations, proposals
from allied.node.proposals import Wish, Word
from allied.node.tables import PROVED, ProposalView
from allied.record.canonical import Json
from allied.record.ids import PartyId
from allied.record.record import Record
from tests.node.hands import (
    HARBOUR,
    NORTHGATE,
    RIVER,
    crafted,
    folded,
    record_of,
    slip_in,
    state_digest,
)
from tests.node.network import House, Network

QUAY = "quay"
NAMES = {RIVER: "River Bank plc", HARBOUR: "Harbour SA", NORTHGATE: "Northgate", QUAY: "Quay Ltd"}
TEXT = """\
format: alliance/1
id: pact
form: {kind: contract}
parties:
  - {ids: [river, harbour, northgate, quay]}
bodies:
  council: {chair: {rotation: vote, period: 1 year}, rule: {kind: simple-majority, CHEATS}}
  board: {members: [river, harbour], rule: {kind: simple-majority}}
  quiet: {rule: {kind: silence, silence: {period: 4 days}}}
articles:
  - art: "1"
    type: membership
    rule: {kind: absolute-majority}
    suspension: {rule: council, recuse: subject, pairwise: allowed}
    expulsion: {rule: council, recuse: subject}
  - art: "2"
    type: collective-response
    trigger: {incident: [attack.cyber], severity: at least severe, attribution: not-needed}
    decision: {body: council}
    duties: [{do: assist, modality: must}]
"""
RAID = b"""\
format: incident/1
id: raid
title: A raid
versions:
  - known_at: 2026-11-23T03:30:00Z
    facts:
      kind: attack.cyber
      occurred_at: 2026-11-23T03:30:00Z
      severity: SEVERITY
      acts: [{against: river, target: systems}]
"""
DAYS = timedelta(days=4, seconds=1)


def council(tmp_path: Path, cheats: str = "grace: 1 hour") -> Network:
    """Four parties in one agreement; everybody has a node."""
    network = Network(tmp_path)
    for label, name in NAMES.items():
        network.found(label, name)
    network.introduce_all()
    network.sign_all(TEXT.replace("CHEATS", cheats).encode(), RIVER)
    return network


def put(network: Network, who: str, kind: str, **said: Any) -> str:
    """Put a question that is open for four days; everybody hears of it."""
    house = network.houses[who]
    wish = Wish(Matter(kind=kind, **said), b"Shall we?", deadline="4 days")
    view = proposals.put(house.node, house.actor, "pact", wish)
    network.settle(1)
    return view.id


def vote(network: Network, name: str, **choices: str) -> None:
    for who, choice in choices.items():
        house = network.houses[who]
        proposals.say(house.node, house.actor, name, Word("vote", choice))
        network.advance(timedelta(seconds=1))


def decide(network: Network, kind: str, votes: dict[str, str], **said: Any) -> str:
    """Put it, vote on it, and let the nodes agree."""
    name = put(network, RIVER, kind, **said)
    vote(network, name, **votes)
    network.settle(4)
    network.advance(timedelta(seconds=1))
    return name


def show(network: Network, who: str, name: str) -> ProposalView:
    house = network.houses[who]
    return proposals.show(house.node, house.organisation, name)


def legal(network: Network, party: str) -> set[str]:
    """How a party stands, as each node has it."""
    found = set()
    for house in network.houses.values():
        its = folded(house, "pact")
        stands = its.state.standing(its.instrument, network.clock.now())
        found.add(stands.parties[PartyId(party)].legal)
    return found


def kinds(house: House) -> list[str]:
    return [each.header.kind for each in folded(house, "pact").history.order]


def one_state(network: Network) -> bool:
    return len({state_digest(house, "pact") for house in network.houses.values()}) == 1


ALL_YES = {RIVER: "yes", HARBOUR: "yes", NORTHGATE: "yes", QUAY: "yes"}
ALL_NO = dict.fromkeys(ALL_YES, "no")
OTHERS_YES = {RIVER: "yes", HARBOUR: "yes", NORTHGATE: "yes"}


# --- effects ----------------------------------------------------------------------------


def test_from_the_last_vote_to_the_same_effect_on_every_node(tmp_path: Path) -> None:
    network = council(tmp_path)
    name = put(network, RIVER, "expulsion", party=QUAY)
    vote(network, name, river="yes", harbour="yes")
    network.settle(2)
    before = show(network, RIVER, name)
    vote(network, name, northgate="no")
    network.settle(5)
    network.advance(timedelta(seconds=1))
    after = [show(network, who, name) for who in NAMES]

    assert (before.deciding.stage, before.deciding.awaited) == ("voting", ("northgate",))
    assert before.effect.startswith("none yet: 2 of 3")
    assert legal(network, QUAY) == {"expelled"}
    assert one_state(network)
    assert {(each.basis, each.deciding.outcome) for each in after} == {(PROVED, "adopted")}
    assert len({each.deciding.certificate for each in after}) == 1
    assert after[0].effect.startswith("in the register since 2026-11-23 ")


@pytest.mark.parametrize(
    ("kind", "votes", "legal_now"),
    [
        pytest.param("expulsion", OTHERS_YES, "expelled", id="expelled"),
        pytest.param("expulsion", {**OTHERS_YES, HARBOUR: "no", NORTHGATE: "no"}, "bound",
                     id="not expelled, where most say no"),
        pytest.param("suspension", OTHERS_YES, "suspended", id="suspended"),
    ],
)  # fmt: skip
def test_what_is_decided_about_a_party(
    tmp_path: Path, kind: str, votes: dict[str, str], legal_now: str
) -> None:
    network = council(tmp_path)
    name = decide(network, kind, votes, party=QUAY)

    assert legal(network, QUAY) == {legal_now}
    assert show(network, HARBOUR, name).deciding.stage == "certified"
    assert one_state(network)


def test_who_is_suspended_has_no_vote_until_that_is_ended(tmp_path: Path) -> None:
    network = council(tmp_path)
    decide(network, "suspension", OTHERS_YES, party=QUAY)
    during = put(network, RIVER, "body", body="council")
    entitled = show(network, RIVER, during).count.entitled
    decide(network, "reinstatement", OTHERS_YES, party=QUAY)
    after = put(network, RIVER, "body", body="council")

    assert QUAY not in entitled
    assert legal(network, QUAY) == {"bound"}
    assert QUAY in show(network, RIVER, after).count.entitled
    assert one_state(network)


def test_who_was_put_out_comes_back_by_a_decision_and_its_own_signature(tmp_path: Path) -> None:
    network = council(tmp_path)
    decide(network, "expulsion", OTHERS_YES, party=QUAY)
    quay = network.houses[QUAY]
    agreements.sign(quay.node, quay.actor, "pact")
    network.settle(2)
    uninvited = legal(network, QUAY)
    decide(network, "admission", OTHERS_YES, party=QUAY)
    invited = legal(network, QUAY)
    agreements.sign(quay.node, quay.actor, "pact")
    network.advance(timedelta(seconds=1))
    network.settle(3)

    assert uninvited == {"expelled"}
    assert "bound" not in invited
    assert legal(network, QUAY) == {"bound"}
    assert one_state(network)


def test_a_chair_is_elected(tmp_path: Path) -> None:
    network = council(tmp_path)
    name = decide(network, "election", ALL_YES, body="council", party=NORTHGATE)
    chairs = set()
    for house in network.houses.values():
        its = folded(house, "pact")
        chairs.add(its.state.standing(its.instrument, network.clock.now()).chairs.get("council"))

    assert chairs == {"northgate"}
    assert show(network, QUAY, name).effect.startswith("in the register since")


def test_words_for_people_are_proved_and_change_nothing(tmp_path: Path) -> None:
    network = council(tmp_path)
    before = folded(network.houses[RIVER], "pact").state.events
    name = decide(network, "body", ALL_YES, body="council")
    found = show(network, RIVER, name)

    assert (found.basis, found.deciding.outcome) == (PROVED, "adopted")
    assert "for people" in found.effect
    assert folded(network.houses[RIVER], "pact").state.events == before


def test_who_is_put_out_is_heard_no_further_than_it_was_counted(tmp_path: Path) -> None:
    network = council(tmp_path)
    name = put(network, RIVER, "expulsion", party=QUAY)
    quay = network.houses[QUAY]
    heard = proposals.put(quay.node, quay.actor, "pact", _plain())
    network.settle(1)
    for who in (RIVER, HARBOUR, NORTHGATE):
        network.cut_between(who, QUAY)
    unheard = proposals.put(quay.node, quay.actor, "pact", _plain())
    vote(network, name, river="yes", harbour="yes", northgate="yes")
    network.settle(4)
    network.heal()
    network.settle(4)
    verdicts = folded(network.houses[RIVER], "pact").state.verdicts

    assert verdicts[_id(heard)].effect
    assert folded(quay, "pact").state.verdicts[_id(unheard)].code == "effect.beyond-cut"
    assert legal(network, QUAY) == {"expelled"}


def _plain() -> Wish:
    return Wish(Matter(kind="suspension", party=RIVER), b"No, you.", deadline="9 days")


def _id(view: ProposalView) -> Any:
    return view.id


# --- incidents --------------------------------------------------------------------------


def reported(network: Network, severity: bytes = b"severe") -> str:
    network.advance(timedelta(hours=1))
    house = network.houses[RIVER]
    raw = RAID.replace(b"SEVERITY", severity)
    (view,) = incidents.report(house.node, house.actor, raw, "raid.yaml", "pact")
    network.settle(1)
    return view.id


def owed(network: Network) -> set[frozenset[str]]:
    """Who owes something, as each node has it."""
    return {
        frozenset(each.debtor for each in obligations.list_obligations(
            house.node, house.organisation) if each.state == "owed")
        for house in network.houses.values()
    }  # fmt: skip


@pytest.mark.parametrize(
    ("votes", "debtors"),
    [
        pytest.param(ALL_YES, {HARBOUR, NORTHGATE, QUAY}, id="adopted"),
        pytest.param(ALL_NO, set(), id="rejected"),
    ],
)
def test_a_response_that_waits_for_a_decision(
    tmp_path: Path, votes: dict[str, str], debtors: set[str]
) -> None:
    network = council(tmp_path)
    raid = reported(network)
    before = owed(network)
    name = decide(network, "decision", votes, art="2", incident=raid)

    assert before == {frozenset()}
    assert owed(network) == {frozenset(debtors)}
    assert one_state(network)
    assert show(network, QUAY, name).deciding.stage == "certified"


def test_what_a_body_finds_is_a_fact_for_everybody(tmp_path: Path) -> None:
    network = council(tmp_path)
    raid = reported(network, b"low")
    decide(network, "decision", ALL_YES, art="2", incident=raid)
    before = owed(network)
    board = {RIVER: "yes", HARBOUR: "yes"}
    decide(network, "finding", board, body="board", incident=raid, field="severity", value="severe")
    found = owed(network)
    decide(network, "finding", board, body="board", incident=raid, field="ended", value="yes")

    assert before == {frozenset()}
    assert found == {frozenset({HARBOUR, NORTHGATE, QUAY})}
    assert owed(network) == {frozenset()}
    assert one_state(network)


def test_a_fact_is_found_to_be_what_it_can_be(tmp_path: Path) -> None:
    network = council(tmp_path)
    raid = reported(network)
    for field, value in (("severity", "mild"), ("weather", "yes")):
        with pytest.raises(UsageError) as refusal:
            put(network, RIVER, "finding", body="board", incident=raid, field=field, value=value)
        assert refusal.value.code == "proposal.no-finding"
    assert put(
        network, RIVER, "finding", body="board", incident=raid, field="severity", value="high"
    )


# --- cuts and late nodes ----------------------------------------------------------------


def test_a_late_node_comes_to_the_same(tmp_path: Path) -> None:
    network = council(tmp_path)
    for who in (RIVER, HARBOUR):
        network.cut_between(who, NORTHGATE)
        network.cut_between(who, QUAY)
    network.cut_between(NORTHGATE, QUAY)
    name = put(network, RIVER, "body", body="council")
    vote(network, name, river="yes", harbour="yes")
    network.advance(DAYS + timedelta(hours=1))
    network.settle(3)
    alone = show(network, RIVER, name).deciding
    network.cut = {each for each in network.cut
                   if network.houses[QUAY].organisation.id in each}  # fmt: skip
    network.settle(4)
    network.advance(8 * STEP)
    network.settle(4)
    decided = show(network, RIVER, name).deciding
    network.heal()
    network.settle(3)

    assert (alone.stage, alone.awaited) == ("closing", ("northgate", "quay"))
    assert decided.stage == "certified"
    assert show(network, QUAY, name).deciding.certificate == decided.certificate
    assert one_state(network)


def test_a_minority_that_is_cut_off_decides_nothing(tmp_path: Path) -> None:
    network = council(tmp_path)
    name = put(network, RIVER, "suspension", party=QUAY)
    network.cut_between(RIVER, HARBOUR)
    network.cut_between(RIVER, NORTHGATE)
    network.cut_between(RIVER, QUAY)
    vote(network, name, river="yes")
    vote(network, name, harbour="no", northgate="no")
    network.advance(DAYS + timedelta(hours=1))
    for _ in range(12):
        network.settle(1)
        network.advance(STEP)
    cut_off = show(network, RIVER, name).deciding
    majority = show(network, HARBOUR, name).deciding
    network.heal()
    network.settle(3)

    assert (cut_off.stage, cut_off.certificate) == ("closing", None)
    assert (majority.stage, majority.outcome) == ("certified", "rejected")
    assert show(network, RIVER, name).deciding.outcome == "rejected"
    assert legal(network, QUAY) == {"bound"}
    assert one_state(network)


def test_who_does_not_answer_is_named(tmp_path: Path) -> None:
    network = council(tmp_path)
    for who in (RIVER, HARBOUR, NORTHGATE):
        network.cut_between(who, QUAY)
    for who in (RIVER, HARBOUR):
        network.cut_between(who, NORTHGATE)
    name = put(network, RIVER, "body", body="council")
    vote(network, name, river="yes", harbour="yes")
    assert doctor_says(network.houses[RIVER]) == ("ok", "1 questions, none is stuck")
    network.advance(DAYS + timedelta(hours=1) + PATIENCE)
    network.settle(2)
    found = show(network, RIVER, name).deciding

    assert found.obstructing == ("northgate", "quay")
    assert found.closed == ("harbour", "river")
    assert doctor_says(network.houses[RIVER]) == (
        "warning",
        "counts wait for long for northgate, quay",
    )


def doctor_says(house: House) -> tuple[str, str]:
    (found,) = checkups.decisions(house.node)
    return found.state, found.text


def test_the_next_counts_where_the_first_is_silent(tmp_path: Path) -> None:
    network = council(tmp_path)
    name = put(network, RIVER, "body", body="council")
    vote(network, name, **ALL_YES)
    network.settle(1)
    first = show(network, RIVER, name).counted_by[0]
    for who in NAMES:
        if who != first:
            network.cut_between(first, who)
    others = network.houses[RIVER]
    network.settle(3)
    before = kinds(others).count("decision.tally")
    for _ in range(12):
        network.advance(STEP)
        network.settle(1)

    assert first == HARBOUR
    assert before == 0
    assert show(network, RIVER, name).deciding.stage == "certified"


def test_silence_binds_whom_a_person_s_receipt_reached_and_nobody_else(tmp_path: Path) -> None:
    network = council(tmp_path)
    name = put(network, RIVER, "body", body="quiet")
    for who in (HARBOUR, NORTHGATE):
        house = network.houses[who]
        proposals.say(house.node, house.actor, name, Word("acknowledge"))
    network.settle(2)
    network.advance(DAYS)
    network.settle(5)
    certificate = record_of(network.houses[QUAY], "pact", "decision.certificate", _issuer(network))
    result = certificate.body["result"]
    assert isinstance(result, dict)

    assert show(network, QUAY, name).deciding.outcome == "adopted"
    assert result["positions"] == {
        "river": "silent", "harbour": "silent", "northgate": "silent", "quay": "not-reached"
    }  # fmt: skip


# --- liars ------------------------------------------------------------------------------


def test_a_count_that_was_never_signed_makes_no_certificate(tmp_path: Path) -> None:
    network = council(tmp_path)
    name = put(network, RIVER, "expulsion", party=QUAY)
    vote(network, name, river="no", harbour="no", northgate="no")
    network.settle(5)
    house = network.houses[NORTHGATE]
    honest = record_of(house, "pact", "decision.certificate", _issuer(network))
    false = crafted(house, "pact", "decision.certificate", _turned(honest))
    slip_in(house, false)
    (outcome,) = [each for each in network.houses[RIVER].sync() if each.peer == NORTHGATE]

    assert "decision.miscounted" in outcome.refused or _refused(network, false)
    assert legal(network, QUAY) == {"bound"}
    assert show(network, RIVER, name).deciding.outcome == "rejected"


def _issuer(network: Network) -> House:
    """Whose certificate everybody holds."""
    found = folded(network.houses[RIVER], "pact")
    record = next(each for each in found.history.order
                  if each.header.kind == "decision.certificate")  # fmt: skip
    return next(each for each in network.houses.values()
                if each.organisation.id == record.header.issuer)  # fmt: skip


def _turned(honest: Record) -> dict[str, Json]:
    """A certificate with another outcome, and the honest counts."""
    result = honest.body["result"]
    assert isinstance(result, dict)
    return {**honest.body, "result": {**result, "outcome": "adopted", "reason": ""}}


def _refused(network: Network, record: Record) -> bool:
    verdict = folded(network.houses[RIVER], "pact").state.verdicts[record.id]
    return verdict.code == "decision.miscounted"


@pytest.mark.parametrize("heard_by", [pytest.param(2, id="few"), pytest.param(4, id="all")])
def test_a_fork_found_later_takes_nothing_back(tmp_path: Path, heard_by: int) -> None:
    """The bearer of the certificate signs a number twice; another says the certificate again."""
    network = council(tmp_path)
    name = put(network, RIVER, "expulsion", party=QUAY)
    vote(network, name, **OTHERS_YES)
    network.settle(1)
    if heard_by == 2:
        for who in (RIVER, HARBOUR):
            network.cut_between(who, NORTHGATE)
            network.cut_between(who, QUAY)
    for _ in range(4):
        network.settle(2)
        network.advance(STEP)
    house = network.houses[HARBOUR]  # who tallied, and wrote the certificate
    bearer = record_of(house, "pact", "decision.certificate", house)
    counted = record_of(house, "pact", "decision.count", house)
    before = folded(house, "pact").history.get(counted.header.previous)  # type: ignore[arg-type]
    body: dict[str, Json] = {**counted.body, "result": "0" * 64}
    slip_in(house, crafted(house, "pact", "decision.count", body, after=before))
    network.heal()
    network.settle(5)
    past = folded(network.houses[RIVER], "pact").history
    found = show(network, RIVER, name).deciding

    assert len(past.forks) == 1
    assert (bearer.id in past.aside) == (heard_by == 2)
    assert legal(network, QUAY) == {"expelled"}
    assert (found.stage, found.outcome) == ("certified", "adopted")
    assert (found.certificate == bearer.id) == (heard_by == 4)


def test_certificates_that_contradict_each_other_are_shown_and_have_no_effect(
    tmp_path: Path,
) -> None:
    """Three of four sign two results: more than the rule tolerates."""
    network = council(tmp_path)
    name = decide(network, "expulsion", {**OTHERS_YES, HARBOUR: "no", NORTHGATE: "no"}, party=QUAY)
    house = network.houses[RIVER]
    honest = record_of(house, "pact", "decision.certificate", _issuer(network))
    proof = read_proof(honest.body)
    other = replace(proof.result, outcome="adopted", reason="")
    body: dict[str, Json] = {
        "proposal": name, "tally": "0" * 64, "result": other.digest
    }  # fmt: skip
    counts = [
        crafted(network.houses[who], "pact", "decision.count", body)
        for who in (RIVER, HARBOUR, NORTHGATE)
    ]
    for who, count in zip((RIVER, HARBOUR, NORTHGATE), counts, strict=True):
        slip_in(network.houses[who], count)
    network.settle(2)
    slip_in(house, crafted(house, "pact", "decision.certificate",
                           write_proof(proof.opening, other, counts)))  # fmt: skip
    network.settle(3)
    shown = [show(network, who, name) for who in NAMES]

    assert {each.deciding.stage for each in shown} == {"contradicted"}
    assert {side.outcome for side in shown[0].deciding.sides} == {"adopted", "rejected"}
    assert all(side.certificate for side in shown[0].deciding.sides)
    assert shown[0].effect.startswith("none: two certificates contradict each other")
    assert legal(network, QUAY) == {"bound"}
    assert one_state(network)
