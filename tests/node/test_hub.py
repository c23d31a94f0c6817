"""Anonymous submission: the hub issues a new item, and nobody else learns whose it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.agreement.values import Tlp
from allied.errors import AlliedError
from allied.node import agreements, hub, hub_naming, hub_rounds, items, recalls
from allied.node.hub_rows import Submitted
from allied.node.recall_views import left_here, list_recalls
from allied.record.ids import AgreementId
from tests.exchange.samples import identity, indicator, link, malware, sighting, tlp
from tests.node.centre import (
    ALDER,
    BIRCH,
    CEDAR,
    CENTRE,
    HUB,
    MEMBERS,
    bodies,
    centre,
    queue,
    release,
    submit,
)
from tests.node.hands import held, share
from tests.node.network import House, Network

GREEN = {"object_marking_refs": tlp(Tlp.GREEN)}
PLAIN = indicator(1, **GREEN)
NAME = str(PLAIN["id"])
ANYBODY = CENTRE.replace(b", min_group: 3", b"")


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def out(network: Network, hours: float = 2) -> None:
    """Time passes, and everybody exchanges."""
    network.settle(2)
    network.advance(timedelta(hours=hours))
    network.settle(2)


def new_ids(house: House, pact: str) -> set[str]:
    """What a house holds of the hub's own items."""
    return {
        view.id
        for view in items.list_items(house.node, house.organisation, agreement=pact)
        if view.originator == HUB
    }


def others(network: Network, *but: str) -> list[House]:
    return [network.houses[each] for each in MEMBERS if each not in but]


def test_the_submitter_stays_hidden(tmp_path: Path) -> None:
    """MISP#3258, and scenario 18."""
    network, pact = centre(tmp_path)
    author = identity(5, name="Alder Works plc", identity_class="organization")
    told = indicator(
        2,
        name="Beacon",
        description="Seen on the proxy of Alder-Works this morning",
        created_by_ref=author["id"],
        external_references=[{"source_name": "alder", "external_id": "INC-7"}],
        x_alder_ticket="INC-7",
        **GREEN,
    )
    tool = malware(3, name="Wiper", **GREEN)
    arrow = link(told, tool, **GREEN)
    submit(network.houses[ALDER], pact, author, told, tool, arrow)
    network.settle(2)
    house = network.houses[HUB]
    (waiting,) = queue(network)
    assert (waiting.state, waiting.submitter, waiting.objects) == ("review", ALDER, 4)
    shown = hub.show(house.node, house.organisation, waiting.id)
    by_type = {each.type: each for each in shown.objects}
    assert [each[1] for each in shown.withheld] == ["exchange.cannot-be-anonymous"]
    assert by_type["indicator"].removed == (
        "created_by_ref",
        "external_references",
        "x_alder_ticket",
    )
    assert [(each.path, each.why) for each in by_type["indicator"].traces] == [
        ("description", "names-sender")
    ]
    out(network)
    assert new_ids(network.houses[BIRCH], pact) == set()  # nobody has read it

    refused("hub.names-submitter", lambda: release(network))
    hub.edit(
        house.node,
        house.organisation,
        waiting.id,
        by_type["indicator"].id,
        "description",
        "Seen on a proxy",
    )
    assert release(network).decided_by == "kim"
    out(network)
    for each in others(network):
        found = bodies(each, pact)
        new = new_ids(each, pact)
        assert new == {one.id for one in shown.objects}
        values = {one: json.loads(found[one]) for one in new}
        assert b"lder" not in b"".join(found[one] for one in new)
        assert not {told["id"], tool["id"], arrow["id"]} & new
        (relation,) = [one for one in values.values() if one["type"] == "relationship"]
        assert relation["source_ref"] == by_type["indicator"].id
        assert relation["target_ref"] == by_type["malware"].id
        assert len({one["modified"] for one in values.values()}) == 1
        assert {one["modified"][13:] for one in values.values()} == {":00:00.000Z"}
    for each in others(network, ALDER):
        assert str(told["id"]) not in held(each, pact)
    ((done),) = queue(network, everything=True)
    assert (done.state, queue(network)) == ("released", [])
    refused("hub.decided", lambda: release(network, done.id))


def test_what_nobody_has_to_read_goes_out_by_itself_and_with_its_batch(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    share(network.houses[ALDER], pact, PLAIN)  # without asking for it: the clause says so
    submit(network.houses[CEDAR], pact, indicator(2, **GREEN))
    network.settle(2)
    assert {each.state for each in queue(network)} == {"ready"}
    network.advance(timedelta(minutes=30))
    network.settle(2)
    assert new_ids(network.houses[BIRCH], pact) == set()
    network.advance(timedelta(minutes=31))
    network.settle(2)
    views = [
        view
        for view in items.list_items(
            network.houses[BIRCH].node, network.houses[BIRCH].organisation, agreement=pact
        )
        if view.originator == HUB
    ]
    assert len(views) == 2
    assert len({(view.statement, view.modified) for view in views}) == 1  # one batch, one share
    assert [view.id for view in views] == sorted(view.id for view in views)


@pytest.mark.parametrize(
    ("text", "wish", "code"),
    [
        pytest.param(CENTRE.replace(b"min_group: 3", b"min_group: 4"), {},
                     "hub.group-too-small", id="too few who could have sent it"),
        pytest.param(CENTRE, {"to": (BIRCH,)}, "hub.group-too-small",
                     id="too few among those for whom it is"),
        pytest.param(CENTRE, {"to": (HUB,)}, "hub.for-us-alone", id="for the hub alone"),
    ],
)  # fmt: skip
def test_what_may_not_go_out_is_held(
    tmp_path: Path, text: bytes, wish: dict[str, Any], code: str
) -> None:
    network, pact = centre(tmp_path, text)
    submit(network.houses[ALDER], pact, PLAIN, **wish)
    network.settle(2)
    (waiting,) = queue(network)
    assert (waiting.state, waiting.code) == ("held", code)
    refused(code, lambda: release(network))
    out(network)
    assert [new_ids(each, pact) for each in others(network)] == [set()] * 3  # nobody
    house = network.houses[HUB]
    assert hub.reject(house.node, house.actor, waiting.id[:6]).state == "rejected"
    refused("hub.decided", lambda: hub.reject(house.node, house.actor, waiting.id))
    refused("hub.unknown-submission", lambda: release(network, "f00f"))


def test_what_was_made_from_items_of_others_does_not_lose_their_word(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    alder, birch, house = (network.houses[each] for each in (ALDER, BIRCH, HUB))
    share(house, pact, PLAIN)
    network.settle(2)
    cut = indicator(7, **GREEN)
    made = submit(alder, pact, cut, made_from=(NAME,))
    (tally,) = made.recipients.values()
    assert set(tally.refused) == {("exchange.names-source", "1")}
    submit(birch, pact, indicator(2, **GREEN))  # the twin
    network.settle(2)
    assert [(each.submitter, each.state) for each in queue(network)] == [(BIRCH, "ready")]


def test_an_audience_reaches_the_submitter_too_and_nobody_else(tmp_path: Path) -> None:
    network, pact = centre(tmp_path, ANYBODY)
    submit(network.houses[ALDER], pact, PLAIN, to=(BIRCH,))
    out(network)
    assert [len(new_ids(each, pact)) for each in others(network)] == [1, 1, 0]


def test_a_marking_that_was_raised_stands_in_the_new_bytes(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    submit(network.houses[ALDER], pact, PLAIN, tlp="AMBER")
    out(network)
    (new,) = new_ids(network.houses[BIRCH], pact)
    value = json.loads(bodies(network.houses[BIRCH], pact)[new])
    assert value["object_marking_refs"] == tlp(Tlp.AMBER)


def test_recalls_are_said_by_the_hub_later(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    alder, birch = network.houses[ALDER], network.houses[BIRCH]
    submit(alder, pact, PLAIN, indicator(2, **GREEN))
    out(network)
    assert len(new_ids(birch, pact)) == 2
    recalls.recall(alder.node, alder.actor, NAME, pact, "our own scanner at Alder")
    submit(alder, pact, indicator(3, **GREEN))
    network.settle(2)
    recalls.recall(alder.node, alder.actor, str(indicator(3)["id"]), pact, "not yet out")
    out(network, 7)
    assert len(new_ids(birch, pact)) == 1
    (told,) = list_recalls(birch.node, birch.organisation)
    assert (told.by, told.originator, told.why) == (HUB, HUB, "its source has withdrawn it")
    assert [each.party for each in told.holders] == [BIRCH]
    network.settle(2)
    (again,) = list_recalls(birch.node, birch.organisation)
    assert again.id == told.id


def test_of_an_object_with_many_versions_the_right_one_is_recalled(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    house, alder = network.houses[HUB], network.houses[ALDER]
    versions = [
        PLAIN | {"modified": f"2026-03-02T00:{minute:02d}:{second:02d}.000Z"}
        for minute in range(35)  # 2,100: more than are read at a time
        for second in range(60)
    ]
    for start in range(0, len(versions), 210):
        share(house, pact, *versions[start : start + 210])
    now, last = network.clock.now(), str(versions[-1]["modified"])
    row = Submitted(
        house.organisation.id, AgreementId(pact), alder.organisation.id, "old", "1", "share",
        NAME, str(versions[0]["modified"]), now,
    )  # fmt: skip
    due = replace(row, old_version="2", new_version=last, recall="a" * 64, recall_due=now)
    with house.node.store.write() as writing:
        writing.put_submitted([row, due])
    hub_rounds.sweep(house.node, house.keys, house.organisation)
    with house.node.store.read() as reading:
        (gone,) = left_here(reading, row.agreement, house.organisation.id, NAME)
    assert gone.item.modified == last


def test_a_delay_lies_before_every_recall(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    alder, birch, house = (network.houses[each] for each in (ALDER, BIRCH, HUB))
    submit(alder, pact, PLAIN)
    out(network)
    recalls.recall(alder.node, alder.actor, NAME, pact, "")
    house.sync()
    with house.node.store.read() as reading:
        (row,) = reading.submitted(house.organisation.id, pact, recall_pending=True)  # type: ignore[arg-type]
    assert row.recall_due is not None
    assert network.clock.now() <= row.recall_due < network.clock.now() + timedelta(hours=6)
    network.clock.advance(row.recall_due - network.clock.now())
    network.settle(2)
    assert new_ids(birch, pact) == set()


def test_a_correction_is_a_new_version_of_the_same_new_object(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    alder, birch = network.houses[ALDER], network.houses[BIRCH]
    submit(alder, pact, PLAIN)
    out(network)
    ((new,),) = [new_ids(birch, pact)]
    first = json.loads(bodies(birch, pact)[new])
    submit(alder, pact, PLAIN | {"modified": "2026-03-02T12:00:00.000Z", "confidence": 80})
    out(network, 8)
    assert new_ids(birch, pact) == {new}
    second = json.loads(items.show(birch.node, birch.organisation, new).raw)
    assert second["confidence"] == 80
    assert second["created"] == first["created"]
    assert second["modified"] > first["modified"]


def test_nobody_writes_over_what_the_hub_issued(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    submit(network.houses[ALDER], pact, malware(1, is_family=True, **GREEN))
    network.settle(2)
    release(network)
    out(network)
    birch = network.houses[BIRCH]
    ((new,),) = [new_ids(birch, pact)]
    theirs = json.loads(bodies(birch, pact)[new])
    seen = sighting(theirs, **GREEN)
    share(birch, pact, theirs | {"name": "harmless", "modified": "2027-01-01T00:00:00.000Z"}, seen)
    network.settle(2)
    release(network)
    out(network)
    house = network.houses[CEDAR]
    values = [json.loads(each) for each in bodies(house, pact).values()]
    assert len(values) == 3
    (still,) = [each for each in values if each["id"] == new]
    assert still["name"] == theirs["name"]
    (other,) = [each for each in values if each.get("name") == "harmless"]
    (when,) = [each for each in values if each["type"] == "sighting"]
    assert when["sighting_of_ref"] == other["id"]  # what came together stays together


def test_a_sighting_of_what_the_hub_issued_refers_to_it(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    submit(network.houses[ALDER], pact, PLAIN)
    out(network)
    birch = network.houses[BIRCH]
    ((new,),) = [new_ids(birch, pact)]
    house = network.houses[HUB]
    mine = json.loads(bodies(house, pact)[new])
    submit(birch, pact, mine, sighting(mine, **GREEN))
    out(network)
    assert len(new_ids(network.houses[CEDAR], pact)) == 3


# --- being named after all ------------------------------------------------------------------


def names_in(house: House, pact: str) -> list[str]:
    found = [json.loads(each) for each in bodies(house, pact).values()]
    return [each["name"] for each in found if each["type"] == "identity"]


def agree(house: House, pact: str, *, yes: bool = True) -> None:
    hub_naming.consent(house.node, house.actor, [NAME], pact, yes=yes)


def test_a_later_consent_names_the_submitter_to_future_readers_only(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    alder, birch, cedar = others(network)
    network.cut_between(HUB, CEDAR)
    submit(alder, pact, PLAIN)
    out(network)
    assert len(new_ids(birch, pact)) == 1
    network.advance(timedelta(minutes=1))
    agree(alder, pact)
    network.settle(2)
    network.heal()
    out(network, 1)
    assert names_in(birch, pact) == []
    assert names_in(cedar, pact) == ["Alder Works plc"]
    assert len(new_ids(cedar, pact)) == 3
    with network.houses[HUB].node.store.read() as reading:
        told = reading.namings(network.houses[HUB].organisation.id, pact)  # type: ignore[arg-type]
    assert [each.party for each in told] == [CEDAR]


def test_a_consent_taken_back_ends_what_is_not_read_yet(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    alder, birch, cedar = others(network)
    network.cut_between(HUB, CEDAR)
    network.cut_between(HUB, BIRCH)
    submit(alder, pact, PLAIN)
    out(network)
    agree(alder, pact)
    network.settle(2)
    network.cut -= {
        (network.houses[a].organisation.id, network.houses[b].organisation.id)
        for a, b in ((HUB, BIRCH), (BIRCH, HUB))
    }
    network.settle(2)
    assert names_in(birch, pact) == ["Alder Works plc"]
    network.advance(timedelta(minutes=1))
    agree(alder, pact, yes=False)
    network.settle(2)
    network.heal()
    out(network, 1)
    assert names_in(birch, pact) == ["Alder Works plc"]
    assert names_in(cedar, pact) == []
    assert len(new_ids(cedar, pact)) == 1


def test_only_the_submitter_consents_and_only_where_somebody_hides_it(tmp_path: Path) -> None:
    network, pact = centre(tmp_path)
    alder, birch, _ = others(network)
    submit(alder, pact, PLAIN)
    out(network)
    refused("item.unknown", lambda: agree(birch, pact))
    refused("hub.too-many", lambda: hub_naming.consent(alder.node, alder.actor, [], pact, yes=True))
    agree(alder, pact)  # the twin


def test_where_the_clause_lets_no_consent_count_nobody_is_named(tmp_path: Path) -> None:
    network, pact = centre(tmp_path, CENTRE.replace(b"    consent_overrides: yes\n", b""))
    alder, _, cedar = others(network)
    network.cut_between(HUB, CEDAR)
    submit(alder, pact, PLAIN)
    agree(alder, pact)
    out(network)
    network.heal()
    out(network)
    assert (len(new_ids(cedar, pact)), names_in(cedar, pact)) == (1, [])


def test_what_was_held_goes_on_once_the_group_has_grown(tmp_path: Path) -> None:
    late = CENTRE.replace(b"life: {in_force_when: all signed}",
                          b"life: {in_force_when: {count: 3, of: signed}}")  # fmt: skip
    network = Network(tmp_path)
    _, pact = centre(tmp_path, late, network, unsigned=(CEDAR,))
    submit(network.houses[ALDER], pact, PLAIN)
    network.settle(2)
    assert [(each.state, each.code) for each in queue(network)] == [("held", "hub.group-too-small")]
    network.settle(2)
    assert [each.state for each in queue(network)] == ["held"]
    cedar = network.houses[CEDAR]
    agreements.sign(cedar.node, cedar.actor, pact)
    out(network)
    assert len(new_ids(network.houses[BIRCH], pact)) == 1
