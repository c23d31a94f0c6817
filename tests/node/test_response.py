"""Incidents and obligations between real nodes: who may call, who sees, what runs when."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from allied.errors import AlliedError
from allied.node import agreements, incidents, obligations, organisations, peers
from allied.node.cases import ObligationView
from allied.node.node import Actor
from allied.record.identity import open_chain
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    attack,
    folded,
    later,
    propose,
    run_sql,
    state,
    state_digest,
    three,
)
from tests.node.network import PASSPHRASE, House, Network


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def called(root: Path) -> tuple[Network, str, incidents.IncidentView]:
    """Harbour was attacked and has called; River knows an hour later."""
    network, pact = allied(root)
    harbour = network.houses[HARBOUR]
    later(network, hours=1)
    found = attack(harbour, pact)
    view = incidents.invoke(harbour.node, harbour.actor, found.id, "2", note="we need you")
    later(network, hours=1)
    network.settle()
    return network, pact, view


def owed(house: House) -> ObligationView:
    (view,) = obligations.list_obligations(house.node, house.organisation)
    return view


def say(house: House, verb: str, **more: object) -> ObligationView:
    key = owed(house).key
    return obligations.say(house.node, house.actor, key, verb, **more)  # type: ignore[arg-type]


# --- calling --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "days", "code"),
    [
        pytest.param(HARBOUR, 0, "", id="the victim, in time"),
        pytest.param(RIVER, 0, "incident.wrong-caller", id="somebody else"),
        pytest.param(HARBOUR, 8, "incident.late", id="the victim, too late"),
    ],
)
def test_who_may_call(tmp_path: Path, label: str, days: int, code: str) -> None:
    network, pact = allied(tmp_path)
    later(network, hours=1)
    found = attack(network.houses[HARBOUR], pact)
    network.settle()
    later(network, days=days)
    house = network.houses[label]
    before = agreements.show(house.node, pact).records
    if code:
        refused(code, lambda: incidents.invoke(house.node, house.actor, found.id, "2"))
        assert agreements.show(house.node, pact).records == before
    else:
        view = incidents.invoke(house.node, house.actor, found.id, "2")
        assert [(each.debtor, each.creditor) for each in view.obligations] == [(RIVER, HARBOUR)]
    network.settle()
    assert len({state_digest(each, pact) for each in network.houses.values()}) == 1


def test_nobody_reports_before_it_is_in_force(tmp_path: Path) -> None:
    network = three(tmp_path)
    river = network.houses[RIVER]
    pact = propose(river)
    refused("agreement.not-in-force", lambda: attack(river, pact))


def test_a_refused_call_does_not_spoil_what_is_written_next(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    later(network, hours=1)
    found = attack(harbour, pact)
    network.settle()
    refused(
        "incident.wrong-caller", lambda: incidents.invoke(river.node, river.actor, found.id, "2")
    )
    mine = attack(river, pact, "another")
    network.settle()
    for house in (river, harbour):
        seen = {view.id for view in incidents.list_incidents(house.node, house.organisation)}
        assert seen == {found.id, mine.id}
        assert agreements.show(house.node, pact).waiting == 0


# --- who sees -------------------------------------------------------------------------------


def test_the_observer_holds_no_record_and_no_blob_of_the_voters(tmp_path: Path) -> None:
    network, pact, _ = called(tmp_path)
    river, northgate = network.houses[RIVER], network.houses[NORTHGATE]
    say(river, "accept")
    say(river, "perform", evidence=[("text/plain", b"two responders sent")])
    network.settle()
    voters = folded(river, pact).instrument.circles.voters.id
    everything = {NORTHGATE: 0, RIVER: 0}
    for label in everything:
        engine = network.houses[label].node.store.engine  # type: ignore[attr-defined]
        with engine.connect() as connection:
            for table in ("records", "blobs", "wanted"):
                rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()  # noqa: S608
                everything[label] += sum(voters in map(str, row) for row in rows)
            parked = connection.exec_driver_sql("SELECT * FROM parked").all()
            assert parked == []
    assert everything[RIVER] > 5
    assert everything[NORTHGATE] == 0
    assert incidents.list_incidents(northgate.node, northgate.organisation) == []
    assert obligations.list_obligations(northgate.node, northgate.organisation) == []


# --- from owed to discharged ------------------------------------------------------------------


def test_an_obligation_from_owed_to_discharged_and_what_each_may_say(tmp_path: Path) -> None:
    network, _, _ = called(tmp_path)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    assert (owed(river).state, owed(river).mine) == ("owed", "debtor")
    assert owed(harbour).mine == "creditor"
    for verb in ("verify", "waive"):
        with pytest.raises(AlliedError):
            say(river, verb)
    with pytest.raises(AlliedError):
        say(harbour, "accept")
    assert say(river, "acknowledge").state == "acknowledged"
    assert say(river, "accept").state == "accepted"
    evidence = [("text/plain", b"two responders sent")]
    assert say(river, "perform", evidence=evidence).state == "performed"
    network.settle()
    (blob,) = owed(harbour).evidence
    assert (blob.here, blob.text) == (True, "two responders sent")
    assert say(harbour, "verify").state == "discharged"
    network.settle()
    assert owed(river).state == "discharged"
    with pytest.raises(AlliedError):
        say(river, "decline", why="own-emergency")


@pytest.mark.parametrize(
    ("verb", "why", "reason"),
    [
        pytest.param("decline", "own-emergency", "own-emergency", id="declined, by a known word"),
        pytest.param("decline", "we are at lunch", "other", id="declined, in words of one's own"),
        pytest.param("excuse", "legal-bar", "legal-bar", id="an excuse that the clause knows"),
    ],
)
def test_who_does_not_help_says_why(tmp_path: Path, verb: str, why: str, reason: str) -> None:
    network, _, _ = called(tmp_path)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    assert say(river, verb, why=why).reason == reason
    network.settle()
    seen = owed(harbour)
    assert seen.reason == reason
    assert any(why in (step.note, step.reason if hasattr(step, "reason") else step.text) or
               reason in step.text for step in seen.time_line)  # fmt: skip
    if verb == "excuse":
        say(harbour, "refuse-excuse")
        network.settle()
        assert say(river, "accept").state == "accepted"


def test_the_period_runs_from_the_debtors_receipt_and_not_from_the_call(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    later(network, hours=1)
    network.cut_between(RIVER, HARBOUR)
    network.cut_between(RIVER, NORTHGATE)
    found = attack(harbour, pact)
    incidents.invoke(harbour.node, harbour.actor, found.id, "2")
    later(network, hours=30)
    network.settle()
    assert owed(harbour).answer_by is None
    assert not owed(harbour).overdue
    network.heal()
    received = later(network, minutes=1)
    network.settle()
    for house in (river, harbour):
        assert owed(house).answer_by == received + timedelta(hours=2)
        assert not owed(house).overdue
    later(network, hours=2)
    assert not owed(harbour).overdue or owed(harbour).answer_by == network.clock.now()
    later(network, seconds=1)
    assert owed(harbour).overdue
    assert owed(harbour).state == "overdue-answer"
    say(river, "accept")
    network.settle()
    assert owed(harbour).state != "overdue-answer"


def test_every_organisation_of_one_node_signs_for_what_arrived(tmp_path: Path) -> None:
    network = three(tmp_path)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    made = organisations.found(
        river.node, label="delta", name="Delta", url="", person="lee", passphrase=PASSPHRASE
    )
    river.keys = river.node.vault.unlock(PASSPHRASE)
    delta = Actor(made.organisation, river.keys, "lee")
    text = DEMO.replace(
        b"{id: northgate, name: Northgate CERT, kind: agency, role: observer}",
        b"{id: delta, name: Delta, kind: company}",
    )
    pact = propose(river, text)
    for actor in (river.actor, delta):
        agreements.sign(river.node, actor, pact)
    for offered in harbour.node.peers.introduce(river.url, allowed_private=True):
        chosen = peers.Offered(open_chain(offered.descriptors), offered.descriptors)
        peers.add(harbour.node, river.url, chosen, confirmed=True)
    harbour.sync()
    agreements.sign(harbour.node, harbour.actor, pact)
    network.settle()
    later(network, hours=1)
    found = attack(harbour, pact)
    incidents.invoke(harbour.node, harbour.actor, found.id, "2")
    network.settle()
    for house, organisation in ((river, river.organisation), (river, made.organisation)):
        views = obligations.list_obligations(house.node, organisation)
        mine = [view for view in views if view.mine == "debtor"]
        assert [view.debtor for view in mine] == [organisation.label]
        assert all(view.answer_by for view in views)
        assert incidents.show(house.node, organisation, found.id).mine == organisation.label


# --- erasure ----------------------------------------------------------------------------------


def test_an_erased_text_breaks_no_fold_and_no_chain(tmp_path: Path) -> None:
    network, pact, view = called(tmp_path)
    river, harbour, _ = network.houses.values()
    say(river, "decline", why="we are at lunch")
    network.settle()
    before = state(harbour, pact).verdicts
    assert incidents.show(harbour.node, harbour.organisation, view.id).title.startswith("A wiper")
    run_sql(harbour, "DELETE FROM blobs")
    assert state(harbour, pact).verdicts == before
    seen = incidents.show(harbour.node, harbour.organisation, view.id)
    assert seen.title == seen.alias
    assert owed(harbour).reason == "other"
    assert incidents.print_report(harbour.node, harbour.organisation, view.id)
    network.settle()
    assert agreements.show(river.node, pact).waiting == 0


# --- leaving ----------------------------------------------------------------------------------


def test_leaving_takes_back_no_duty_that_was_accepted(tmp_path: Path) -> None:
    network, pact, _ = called(tmp_path)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    say(river, "accept")
    network.settle()
    later(network, seconds=1)
    agreements.withdraw(river.node, river.actor, pact)
    network.settle()
    assert owed(harbour).state == owed(river).state == "accepted"
    later(network, days=91)
    assert say(river, "perform", evidence=[("text/plain", b"late, but here")]).mine == "debtor"
    network.settle()
    assert any(step.what == "perform" or "perform" in step.text for step in owed(harbour).time_line)
