"""Sightings of several parties: one answer per value, counted per party, as far as it is shown."""

from __future__ import annotations

from pathlib import Path

from allied.agreement.values import Tlp
from allied.node import recalls, sightings
from allied.node.sightings import Sightings, ValueSightings
from tests.exchange.samples import indicator, made, seen, sighting, tlp
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, allied, share
from tests.node.network import House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
C2 = "[domain-name:value = 'c2.example']"
GREEN, AMBER = tlp(Tlp.GREEN), tlp(Tlp.AMBER)
SEEN = {"first_seen": "2026-03-01T00:00:00Z", "last_seen": "2026-03-03T00:00:00Z"}


def asked(
    house: House, value: str = "c2.example", *, agreement: str = "", party: str = ""
) -> Sightings:
    return sightings.sightings(
        house.node, house.organisation, value, agreement=agreement, party=party
    )


def only(found: Sightings) -> ValueSightings:
    (one,) = found.found
    return one


def counts(found: Sightings) -> dict[str, int]:
    return {each.party: each.seen for one in found.found for each in one.parties}


def seen_by_all(tmp_path: Path, text: bytes = MEMBERS) -> tuple[Network, str]:
    """Each of three has an indicator of its own for one name, and says how often it was seen."""
    network, pact = allied(tmp_path, text)
    for number, (label, marking) in enumerate(
        [(RIVER, GREEN), (HARBOUR, AMBER), (NORTHGATE, GREEN)], start=1
    ):
        one = indicator(number, pattern=C2, object_marking_refs=marking)
        said = sighting(one, number, count=number, object_marking_refs=marking, **SEEN)
        share(network.houses[label], pact, one, said)
    network.settle()
    return network, pact


def test_sightings_of_several_parties_merge_per_value(tmp_path: Path) -> None:
    network, _ = seen_by_all(tmp_path)
    for house in network.houses.values():
        found = only(asked(house))
        assert (found.sightings, found.seen) == (3, 6)
        assert [(each.party, each.seen) for each in found.parties] == [
            (NORTHGATE, 3),
            (HARBOUR, 2),
            (RIVER, 1),
        ]
        assert f"{found.first:%d}-{found.last:%d}" == "01-03"
        assert found.parties[0].agreements == ("river-harbour",)
    assert not asked(house, "n9.example").found


def test_what_may_not_be_shown_is_not_counted(tmp_path: Path) -> None:
    network, _ = seen_by_all(tmp_path, DEMO)  # Northgate observes: GREEN and no more
    northgate, river = network.houses[NORTHGATE], network.houses[RIVER]
    assert counts(asked(northgate)) == {RIVER: 1, NORTHGATE: 3}
    assert only(asked(northgate)).seen == 4
    # And River tells Northgate of its own alone, whatever it knows.
    assert HARBOUR in counts(asked(river))
    assert counts(asked(river, agreement="river-harbour", party=NORTHGATE)) == {RIVER: 1}


def test_how_often(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river = network.houses[RIVER]
    for number, (said, times) in enumerate([({}, 1), ({"count": 0}, 0), ({"count": 7}, 7)]):
        one = indicator(number)
        share(river, pact, one, sighting(one, number, **said))
        found = only(asked(river, f"n{number}.example"))
        assert (found.sightings, found.seen, found.first) == (1, times, None)


def test_a_sighting_is_counted_once_by_whatever_way_it_is_found(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river = network.houses[RIVER]
    name = seen("domain-name", 1, value="c2.example", spec_version="2.1")
    one = indicator(1, pattern=C2)
    observed = made(
        "observed-data",
        1,
        object_refs=[name["id"]],
        number_observed=4,
        first_observed=SEEN["first_seen"],
        last_observed=SEEN["last_seen"],
    )
    other = indicator(2)
    share(
        river,
        pact,
        name,
        one,
        other,
        observed,
        sighting(one, 1, count=4, observed_data_refs=[observed["id"]]),
        sighting(other, 2, count=10, observed_data_refs=[observed["id"]]),
        sighting(other, 3, count=100),
    )
    assert only(asked(river)).seen == 14  # through the indicator, and through what was observed
    assert only(asked(river, "n2.example")).seen == 110


def test_a_revoked_or_recalled_sighting_is_none(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, _ = network.houses.values()
    one = indicator(1, pattern=C2)
    share(river, pact, one, sighting(one, 1), sighting(one, 2))
    network.settle()
    assert counts(asked(harbour)) == {RIVER: 2}
    later = "2026-03-02T12:00:00.000Z"
    share(river, pact, sighting(one, 1, modified=later, revoked=True))
    network.settle()
    assert counts(asked(harbour)) == {RIVER: 1}
    recalls.recall(river.node, river.actor, str(sighting(one, 2)["id"]), pact, "a mistake")
    network.settle()
    assert not asked(harbour).found
