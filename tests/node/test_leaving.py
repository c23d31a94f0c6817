"""Who has left reads on in its circles of two, and in those of all only what was said before."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement import leaving
from allied.agreement.values import Tlp
from allied.node import (
    agreements,
    incidents,
    journal,
    obligations,
    organisations,
    peers,
    recalls,
    release,
)
from allied.node.cases import ObligationView
from allied.node.messages import ItemsQuestion
from allied.node.node import Actor
from allied.node.pages import ItemsAnswer
from allied.node.recall_views import list_recalls
from allied.node.rows import Organisation
from allied.record.canonical import Json
from allied.record.identity import open_chain
from allied.record.ids import AgreementId, PartyId
from tests.exchange.samples import indicator, tlp
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    attack,
    folded,
    held,
    propose,
    share,
    state,
    three,
)
from tests.node.network import PASSPHRASE, House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
NOW = MEMBERS.replace(b"withdrawal: {notice: 90 days", b"withdrawal: {notice: immediately")
ITEM = indicator(1, object_marking_refs=tlp(Tlp.GREEN))
NAME = str(ITEM["id"])


def started(tmp_path: Path) -> tuple[Network, str]:
    """Everybody has River's item."""
    network, pact = allied(tmp_path, NOW)
    share(network.houses[RIVER], pact, ITEM)
    network.settle()
    return network, pact


def leaves(network: Network, pact: str, settle: bool = True) -> None:
    northgate = network.houses[NORTHGATE]
    agreements.withdraw(northgate.node, northgate.actor, pact)
    if settle:
        network.settle()  # its notice runs from when the others have it
    network.advance(timedelta(hours=1))


def sees(house: House, pact: str) -> set[str]:
    """The incidents that a house knows of."""
    found = incidents.list_incidents(house.node, house.organisation)
    return {each.alias for each in found}


def parked(house: House, pact: str) -> int:
    with house.node.store.read() as reading:
        return len(reading.parked(AgreementId(pact)))


def test_who_has_left_learns_nothing_more_that_is_said_among_all(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    before = len(folded(northgate, pact).history.order)
    leaves(network, pact)
    attack(harbour, pact, "after-it-left")
    network.settle()
    assert "after-it-left" in sees(network.houses[RIVER], pact)  # the twin that stays
    assert "after-it-left" not in sees(northgate, pact)
    assert len(folded(northgate, pact).history.order) >= before
    assert parked(northgate, pact) == 0


@pytest.mark.parametrize("days", [0, 1, 60])
def test_a_clock_that_is_behind_shows_who_has_left_no_more(tmp_path: Path, days: int) -> None:
    network, pact = started(tmp_path)
    river, harbour, northgate = network.houses.values()
    leaves(network, pact)
    attack(harbour, pact, "after-it-left")
    network.settle()
    here, now = folded(river, pact), network.clock.now()
    own = northgate.organisation.id
    tops = leaving.tops(here, own, now - timedelta(days=days))
    assert tops is not None
    assert tops == leaving.tops(here, own, now)
    (report,) = [each for each in here.history.order if each.header.kind == "incident.report"]
    assert report.header.sequence > tops.get(report.header.chain, (0, ""))[0]
    assert leaving.tops(here, harbour.organisation.id, now - timedelta(days=days)) is None


def test_a_recall_reaches_who_has_left_whatever_was_said_among_the_others(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    river, harbour, northgate = network.houses.values()
    leaves(network, pact)
    attack(harbour, pact, "after-it-left")
    network.settle()
    attack(river, pact, "and-another")
    network.settle()
    recalls.recall(river.node, river.actor, NAME, pact, "it names a customer")
    network.settle()
    assert NAME not in held(northgate, pact)
    assert parked(northgate, pact) == 0
    recalls.answer(northgate.node, northgate.actor, NAME)
    network.settle()
    (view,) = list_recalls(river.node, river.organisation)
    assert {each.party: each.state for each in view.holders}[NORTHGATE] == "deleted"  # type: ignore[index]
    assert sees(northgate, pact) == set()


def test_what_was_written_to_it_before_its_leaving_was_known_can_be_read(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    river, harbour, northgate = network.houses.values()
    network.cut_between(NORTHGATE, RIVER)
    network.cut_between(NORTHGATE, HARBOUR)
    leaves(network, pact)
    attack(harbour, pact, "not-known-yet")
    network.settle()
    recalls.recall(river.node, river.actor, NAME, pact, "wrong")  # cites the report
    network.heal()
    network.settle(4)
    assert NAME not in held(northgate, pact)
    assert parked(northgate, pact) == 0
    network.advance(timedelta(minutes=1))
    attack(harbour, pact, "known-by-now")
    network.settle()
    assert "known-by-now" not in sees(northgate, pact)


def called(network: Network, pact: str, name: str = "before-it-left") -> None:
    """Harbour was attacked and has called; everybody knows."""
    harbour = network.houses[HARBOUR]
    found = attack(harbour, pact, name)
    incidents.invoke(harbour.node, harbour.actor, found.id, "2", note="we need you")
    network.advance(timedelta(minutes=10))
    network.settle()


def duty(house: House, debtor: str) -> ObligationView:
    found = obligations.list_obligations(house.node, house.organisation)
    return next(each for each in found if each.debtor == debtor)


def say(house: House, debtor: str, verb: str) -> None:
    obligations.say(house.node, house.actor, duty(house, debtor).key, verb)


def test_a_duty_from_before_goes_on_without_what_the_others_say_of_other_things(
    tmp_path: Path,
) -> None:
    network, pact = started(tmp_path)
    river, harbour, northgate = network.houses.values()
    called(network, pact)
    leaves(network, pact)
    attack(river, pact, "after-it-left")
    network.settle()
    say(northgate, NORTHGATE, "accept")
    say(northgate, NORTHGATE, "perform")
    network.settle()
    assert duty(harbour, NORTHGATE).state == "performed"
    say(harbour, NORTHGATE, "verify")
    network.settle()
    assert duty(northgate, NORTHGATE).state in {"verified", "discharged"}
    assert "after-it-left" in sees(harbour, pact)  # the twin that stays
    assert "after-it-left" not in sees(northgate, pact)
    assert parked(northgate, pact) == 0


def test_what_is_said_of_its_duty_after_other_things_reaches_it(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    river, harbour, northgate = network.houses.values()
    called(network, pact)
    leaves(network, pact)
    say(northgate, NORTHGATE, "perform")
    network.settle()
    attack(harbour, pact, "after-it-left")
    say(harbour, NORTHGATE, "verify")
    say(river, RIVER, "accept")
    network.settle()
    assert duty(river, NORTHGATE).state == duty(northgate, NORTHGATE).state == "discharged"
    assert duty(harbour, RIVER).state == "accepted"  # the twin that stays
    assert duty(northgate, RIVER).state == "owed"  # what others owe each other is not for it
    assert sees(northgate, pact) == {"before-it-left"}
    assert parked(northgate, pact) == 0


@pytest.mark.parametrize(
    ("what", "reads_on"),
    [
        pytest.param(b"finish-accrued", False, id="nobody owes anything yet, so nothing accrued"),
        pytest.param(b"finish", True, id="it may still be called"),
        pytest.param(b"stop", False, id="nothing goes on"),
    ],
)
def test_an_incident_that_nobody_has_called_on(tmp_path: Path, what: bytes, reads_on: bool) -> None:
    text = NOW.replace(b"open_incidents: finish-accrued", b"open_incidents: " + what)
    assert what in text
    network, pact = allied(tmp_path, text)
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    found = attack(harbour, pact, "before-it-left")
    network.settle()
    leaves(network, pact)
    incidents.invoke(harbour.node, harbour.actor, found.id, "2")
    network.settle()
    attack(harbour, pact, "after-it-left")
    network.settle()
    case = incidents.show(northgate.node, northgate.organisation, found.id)
    assert bool(case.calls) is reads_on
    assert sees(northgate, pact) == {"before-it-left"}


def test_what_was_written_before_its_leaving_was_known_comes_without_its_texts(
    tmp_path: Path,
) -> None:
    network, pact = started(tmp_path)
    river, harbour, northgate = network.houses.values()
    called(network, pact)
    network.cut_between(HARBOUR, NORTHGATE)
    network.cut_between(HARBOUR, RIVER)
    leaves(network, pact)  # River has its notice, so it runs
    called(network, pact, "not-known-yet")
    with harbour.node.store.write() as writing:
        found = harbour.node.folds.of(writing, AgreementId(pact))
        pair = found.instrument.circles.pair(PartyId(HARBOUR), PartyId(NORTHGATE))
        told: dict[str, Json] = {"blob": "00"}  # and cites the report
        journal.append(harbour.node, writing, harbour.actor, found, pair, "redaction.answer", told)
    network.heal()
    network.settle(4)
    assert parked(northgate, pact) == 0

    def texts(house: House) -> int:
        at = network.clock.now()
        found = leaving.sight(folded(harbour, pact), northgate.organisation.id, at)
        assert found is not None
        assert found.withheld
        with house.node.store.read() as reading:
            return sum(reading.blob(each) is not None for each in found.withheld)

    assert texts(river) > 0  # the twin that stays
    assert texts(northgate) == 0


def test_whoever_has_left_gets_no_item_while_a_duty_is_open(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    river, harbour, northgate = network.houses.values()
    called(network, pact)
    leaves(network, pact)
    new = indicator(2, object_marking_refs=tlp(Tlp.GREEN))
    share(river, pact, new)
    network.settle()
    assert str(new["id"]) in held(harbour, pact)  # the twin that stays
    assert str(new["id"]) not in held(northgate, pact)
    question = ItemsQuestion(AgreementId(pact))
    raw = release.page(river.node, northgate.organisation.id, river.organisation.id, question)
    assert ItemsAnswer.decode(raw).items == ()


def test_only_who_has_left_is_held_back(tmp_path: Path) -> None:
    network, pact = started(tmp_path)
    river, harbour, northgate = network.houses.values()
    here, at = folded(river, pact), network.clock.now()
    assert all(
        leaving.tops(here, each.organisation.id, at) is None for each in network.houses.values()
    )
    leaves(network, pact)
    here, at = folded(river, pact), network.clock.now()
    assert leaving.tops(here, harbour.organisation.id, at) is None
    assert leaving.tops(here, northgate.organisation.id, at)
    assert leaving.tops(here, "0" * 64, at) is None  # type: ignore[arg-type]
    assert state(northgate, pact).signatures


def test_who_has_left_reads_nothing_new_on_a_node_that_it_shares_either(tmp_path: Path) -> None:
    network = three(tmp_path)
    river, harbour, _ = network.houses.values()
    made = organisations.found(
        river.node, label="delta", name="Delta", url="", person="lee", passphrase=PASSPHRASE
    )
    river.keys = river.node.vault.unlock(PASSPHRASE)
    delta = Actor(made.organisation, river.keys, "lee")
    named = b"{id: northgate, name: Northgate CERT, kind: agency}"
    assert named in NOW
    pact = propose(river, NOW.replace(named, b"{id: delta, name: Delta, kind: company}"))
    for actor in (river.actor, delta):
        agreements.sign(river.node, actor, pact)
    for offered in harbour.node.peers.introduce(river.url, allowed_private=True):
        chosen = peers.Offered(open_chain(offered.descriptors), offered.descriptors)
        peers.add(harbour.node, river.url, chosen, confirmed=True)
    harbour.sync()
    agreements.sign(harbour.node, harbour.actor, pact)
    network.settle()
    attack(harbour, pact, "before-it-left")
    network.settle()
    agreements.withdraw(river.node, delta, pact)
    network.settle()
    network.advance(timedelta(hours=1))
    attack(harbour, pact, "after-it-left")
    network.settle()

    def known(organisation: Organisation) -> set[str]:
        return {each.alias for each in incidents.list_incidents(river.node, organisation)}

    assert known(river.organisation) == {"before-it-left", "after-it-left"}
    assert known(made.organisation) == {"before-it-left"}
