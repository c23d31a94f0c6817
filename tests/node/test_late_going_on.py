"""Who is late has what it may have in the end, whoever writes much, lies, leaves or joins."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allied.agreement.checkpoints import answer_to, read_checkpoint
from allied.agreement.matters import Matter
from allied.node import agreements, checkpointing, incidents, pages, proposals
from allied.node.proposals import Wish
from allied.record.canonical import Json
from allied.record.ids import RecordId
from allied.record.outline import is_outline
from allied.record.record import Record
from tests.node.hands import (
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    attack,
    crafted,
    folded,
    propose,
    slip_in,
    three,
)
from tests.node.network import House, Network
from tests.node.test_archiving import PEACE, YEAR, moved
from tests.node.test_deciding import NAMES, QUAY, RAID, TEXT
from tests.node.test_joining import rule
from tests.node.test_late_attacks import alone, answers_to, checkpoint, says, voters
from tests.node.test_outlined import before, content, goes_on, in_outline
from tests.node.test_release import NOW, joins, late
from tests.node.test_resuming import put_back, resume

NEVER = datetime(9999, 12, 31, 23, 30, tzinfo=UTC)


def text(signed: int, cheats: str) -> bytes:
    """An agreement of four that is in force when some of them have signed."""
    life = f"life:\n  in_force_when: {{count: {signed}, of: signed}}\n  history: from-joining\n"
    return (TEXT.replace("CHEATS", cheats) + life).encode()


def in_force(root: Path, *signing: str, cheats: str = "grace: 1 hour") -> tuple[Network, str]:
    """Four houses; some have signed, and the agreement is in force among them."""
    network = Network(root)
    for label, name in NAMES.items():
        network.found(label, name)
    network.introduce_all()
    pact = propose(network.houses[RIVER], text(len(signing), cheats))
    network.settle(1)
    for label in signing:
        house = network.houses[label]
        house.sync()
        agreements.sign(house.node, house.actor, pact)
    network.settle(1)
    network.advance(timedelta(minutes=35))
    return network, pact


def raided(network: Network) -> str:
    """River reports a raid, and everybody hears of it; its id."""
    river = network.houses[RIVER]
    raw = RAID.replace(b"SEVERITY", b"severe")
    (view,) = incidents.report(river.node, river.actor, raw, "raid.yaml", "pact")
    network.advance(timedelta(minutes=1))
    network.settle(1)
    return view.id


def checkpoints_of(house: House, pact: str) -> list[Record]:
    return [
        each
        for each in folded(house, pact).history.order
        if each.header.kind == "checkpoint" and each.header.issuer == house.organisation.id
    ]


def report(house: House, pact: str, kind: str, **changes: Json) -> RecordId:
    """A house says more, in the words of the first report that it holds."""
    body = {**content(house, pact)[0].body, **changes}
    return says(house, pact, voters(house, pact), kind, body).id


def go(network: Network, rounds: int, *, wait: timedelta = timedelta(minutes=5)) -> None:
    for _ in range(rounds):
        network.advance(wait)
        network.settle(1)


# --- how it comes to a checkpoint ----------------------------------------------------------


def test_a_claim_at_the_end_of_time_holds_nobody_up(tmp_path: Path) -> None:
    network, pact = late(tmp_path, rule("from-joining"))
    river, harbour, northgate = network.houses.values()
    incident = attack(river, pact).id
    body = {**content(river, pact)[0].body, "incident": incident}
    circle = voters(harbour, pact)
    liar = crafted(harbour, pact, "incident.facts", body, circle=circle, claimed_at=NEVER)
    slip_in(harbour, liar)
    network.settle(1)
    joins(network, NORTHGATE, pact)
    go(network, 2)
    assert incident in in_outline(northgate, pact)
    goes_on(river, pact, incident)  # the twin: what is spoken of now is asked for
    go(network, 2)
    assert incident not in in_outline(northgate, pact)


def test_who_waits_for_others_writes_one_checkpoint_and_waits(tmp_path: Path) -> None:
    network, pact, _ = before(tmp_path)
    river, harbour, northgate = network.houses.values()
    network.cut_between(RIVER, HARBOUR)
    joins(network, NORTHGATE, pact)
    alone(network, RIVER)
    for _ in range(6):
        river.sync()
        network.advance(timedelta(seconds=30))
    assert len(checkpoints_of(river, pact)) == 1
    network.heal()
    go(network, 2)
    assert in_outline(northgate, pact) == [each.id for each in content(harbour, pact)]


def test_three_that_have_to_sign_come_to_one_checkpoint_though_they_meet_rarely(
    tmp_path: Path,
) -> None:
    network, pact = in_force(tmp_path, RIVER, HARBOUR, NORTHGATE, cheats="tolerates: 1")
    incident = raided(network)
    quay = network.houses[QUAY]
    agreements.sign(quay.node, quay.actor, pact)
    go(network, 4)
    assert in_outline(quay, pact) == [incident]
    for house in network.houses.values():
        assert len(checkpoints_of(house, pact)) <= 2


@pytest.mark.parametrize("together", [True, False], ids=["together", "one after the other"])
def test_two_join_where_two_are_in(tmp_path: Path, together: bool) -> None:
    network, pact = in_force(tmp_path, RIVER, HARBOUR)
    incident = raided(network)
    northgate, quay = network.houses[NORTHGATE], network.houses[QUAY]
    agreements.sign(northgate.node, northgate.actor, pact)
    if not together:
        go(network, 3)
        assert in_outline(northgate, pact) == [incident]
    agreements.sign(quay.node, quay.actor, pact)
    go(network, 4)
    for house in (northgate, quay):
        assert in_outline(house, pact) == [incident]


def test_more_than_a_page_of_outlines_is_taken_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, pact, _ = before(tmp_path)
    river, _, northgate = network.houses.values()
    for _ in range(12):
        report(river, pact, "incident.report")
    alone(network, NORTHGATE)
    network.settle(1)
    network.heal()
    monkeypatch.setattr(pages, "MAX_RECORDS", 10)
    joins(network, NORTHGATE, pact)
    go(network, 3)
    assert in_outline(northgate, pact) == [each.id for each in content(river, pact)]
    assert len(content(river, pact)) > pages.MAX_RECORDS


@pytest.mark.parametrize("between", [False, True], ids=["none in between", "one in between"])
def test_who_leaves_and_comes_back_has_outlines_of_what_was_said_meanwhile(
    tmp_path: Path, between: bool
) -> None:
    some = NOW.replace(b"in_force_when: all signed", b"in_force_when: {count: 2, of: signed}")
    network = three(tmp_path)
    pact = network.sign_all(some.replace(b"life:\n", b"life:\n  history: from-joining\n"), RIVER)
    river, harbour, northgate = network.houses.values()
    network.advance(timedelta(minutes=5))
    agreements.withdraw(northgate.node, northgate.actor, pact)
    network.settle(1)
    network.advance(timedelta(days=2))
    network.settle(1)
    incident = attack(river, pact).id
    go(network, 1)
    if between:  # a checkpoint that was reached while it was out
        point = checkpoint(river, pact, voters(river, pact))
        network.settle(1)
        answer = answer_to(point.id, read_checkpoint(point.body).state)
        if not answers_to(harbour, pact, point):
            says(harbour, pact, voters(harbour, pact), "checkpoint", answer)
        network.settle(1)
    assert content(northgate, pact) == []
    agreements.sign(northgate.node, northgate.actor, pact)
    go(network, 4)
    assert in_outline(northgate, pact) == [incident]
    assert in_outline(harbour, pact) == []  # the twin that stayed


# --- what is given whole -------------------------------------------------------------------


def test_of_a_campaign_that_goes_on_everything_is_given_whole(tmp_path: Path) -> None:
    network, pact = late(tmp_path, rule("from-joining"))
    river, _, northgate = network.houses.values()
    first = attack(river, pact).id
    apart = report(river, pact, "incident.report")
    second = report(river, pact, "incident.report")
    for each in (first, second):
        report(river, pact, "incident.facts", incident=each, campaign="storm")
    network.advance(timedelta(minutes=1))
    joins(network, NORTHGATE, pact)
    go(network, 2)
    assert len(in_outline(northgate, pact)) == len(content(river, pact))
    report(river, pact, "incident.report", campaign="storm")
    go(network, 3)
    assert in_outline(northgate, pact) == [apart]  # the twin of no campaign


def test_an_incident_that_is_put_to_a_vote_is_given_whole(tmp_path: Path) -> None:
    network, pact = in_force(tmp_path, RIVER, HARBOUR)
    incident = raided(network)
    quiet = raided(network)
    river, quay = network.houses[RIVER], network.houses[QUAY]
    agreements.sign(quay.node, quay.actor, pact)
    go(network, 3, wait=timedelta(seconds=30))
    assert set(in_outline(quay, pact)) == {incident, quiet}
    matter = Matter(kind="decision", art="2", incident=RecordId(incident))
    wish = Wish(matter, b"Shall we?", deadline="4 days")
    made = proposals.put(river.node, river.actor, "pact", wish)
    go(network, 2, wait=timedelta(seconds=30))
    shown = proposals.show(quay.node, quay.organisation, made.id)
    assert shown.id == made.id
    assert in_outline(quay, pact) == [quiet]  # the twin of which nobody speaks


@pytest.mark.parametrize(
    "every",
    [
        pytest.param(4, id="to a copy with checkpoints"),
        pytest.param(10**6, id="to a copy from before the first one"),
    ],
)
def test_who_was_put_back_takes_outlines_where_all_others_have_archived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    monkeypatch.setattr(checkpointing, "EVERY", every)
    monkeypatch.setattr(checkpointing, "_FOR_EACH_PARTY", 0)
    network, pact = allied(tmp_path, PEACE)
    river, harbour, northgate = network.houses.values()
    copy = tmp_path / "old.db"
    river.node.store.copy(copy)  # type: ignore[attr-defined]
    incident = attack(harbour, pact).id
    go(network, 2)
    alone(network, RIVER)  # so River does not sign the checkpoint
    monkeypatch.setattr(checkpointing, "EVERY", 1)
    network.settle(2)
    monkeypatch.setattr(checkpointing, "EVERY", 10**6)
    network.heal()
    network.settle(1)
    point = folded(harbour, pact).reached(voters(harbour, pact).id)
    assert point is not None
    assert point.supporters == {HARBOUR, NORTHGATE}
    network.advance(YEAR)
    network.settle(1)
    for house in (harbour, northgate):
        moved(house, pact)
    alone(network, RIVER)
    river = put_back(network, tmp_path, copy)
    network.heal()
    resume(river, {}, without_unreached=True)
    go(network, 2)
    assert incident in [each.id for each in content(river, pact) if is_outline(each)]
