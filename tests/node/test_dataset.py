"""Releases of a data set: exactly what is new is told, and what went in comes out again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from allied.agreement.values import Tlp
from allied.errors import AlliedError
from allied.exchange.bundle import Found, scan
from allied.exchange.comparison import Change, Difference
from allied.node import dataset, recalls, sharing
from tests.exchange import corpus
from tests.exchange.samples import (
    bundle,
    encoded,
    identity,
    indicator,
    link,
    malware,
    seen,
    statement_marking,
    tlp,
)
from tests.node.hands import DEMO, HARBOUR, RIVER, allied
from tests.node.network import House, Network

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
OLD, NEW = "2026-03-01T12:00:00.000Z", "2026-03-02T12:00:00.000Z"
RELEASES = ("stix-attack/mobile-attack-17.0.json.gz", "stix-attack/mobile-attack-17.1.json.gz")
REVOKED_NOW = {"modified": NEW, "revoked": True}


def first() -> list[dict[str, Any]]:
    """A small data set with everything that real ones have."""
    marked = {
        "object_marking_refs": [statement_marking()["id"]],
        "created_by_ref": identity()["id"],
    }
    samples = [malware(n, **marked, x_ours_version="1.0") for n in range(1, 9)]
    links = [link(samples[n], samples[n + 1], n + 1, **marked) for n in range(6)]
    return [statement_marking(), identity(), *samples, *links, seen("mutex", name="Qq")]


def second() -> list[dict[str, Any]]:
    """The next release: two changed, one revoked, one new, one gone, one changed on the sly."""
    objects = {each["id"]: each for each in first()}
    objects[malware(1)["id"]] |= {"modified": NEW, "name": "Renamed"}
    objects[malware(2)["id"]] |= {"modified": NEW, "description": "more is known"}
    objects[malware(3)["id"]] |= REVOKED_NOW
    objects[malware(4)["id"]] |= {"x_ours_deprecated": False}
    del objects[malware(8)["id"]]
    return [*objects.values(), malware(20, created_by_ref=identity()["id"])]


def take_in(house: House, pact: str, raw: bytes) -> sharing.Shared:
    return sharing.share(
        house.node, house.organisation, house.keys, lambda: iter((raw,)), pact, sharing.Wish()
    )


def told(house: House, pact: str, raw: bytes) -> tuple[dataset.Compared, dict[str, Difference]]:
    found: list[Difference] = []
    compared = dataset.compare(
        house.node,
        house.organisation,
        lambda: iter((raw,)),
        pact,
        on_difference=found.append,
    )
    assert len({each.id for each in found}) == len(found)
    return compared, {each.id: each for each in found}


def by_change(found: Mapping[str, Difference]) -> dict[str, set[str]]:
    changes: dict[str, set[str]] = {}
    for each in found.values():
        changes.setdefault(each.change.value, set()).add(each.id)
    return changes


def exported(house: House, pact: str, **narrowed: Any) -> dict[str, bytes]:
    """The exact bytes of every object in the bundle that is written, by id."""
    raw = b"".join(dataset.bundle(house.node, house.organisation, pact, **narrowed))
    return by_id(raw)


def by_id(raw: bytes) -> dict[str, bytes]:
    objects = [each.raw for each in scan([raw]) if isinstance(each, Found)]
    named = {json.loads(each)["id"]: each for each in objects}
    assert len(named) == len(objects)
    return named


def ids(objects: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(each["id"]) for each in objects}


def test_a_release_that_nobody_has_is_all_new(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    compared, found = told(river, pact, bundle(*first()))
    assert by_change(found) == {"added": ids(first())}
    assert compared.objects == len(first())
    take_in(river, pact, bundle(*first()))
    compared, found = told(river, pact, bundle(*first()))
    assert found == {}
    assert compared.counts[Change.UNCHANGED] == len(first())


def test_the_next_release_is_told_exactly(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    take_in(river, pact, bundle(*first()))
    compared, found = told(river, pact, bundle(*second()))
    assert by_change(found) == {
        "added": {malware(20)["id"]},
        "changed": {malware(1)["id"], malware(2)["id"]},
        "revoked": {malware(3)["id"]},
        "contradicting": {malware(4)["id"]},
        "gone": {malware(8)["id"]},
    }
    assert found[str(malware(1)["id"])].properties == ("modified", "name")
    assert found[str(malware(4)["id"])].properties == ("x_ours_deprecated",)
    assert (found[str(malware(3)["id"])].before, found[str(malware(3)["id"])].after) == (OLD, NEW)
    assert sum(compared.counts.values()) == compared.objects + 1  # and the one that is gone
    shared = take_in(river, pact, bundle(*second()))
    assert (shared.stored, shared.contradicting) == (4, 1)  # as it was told
    _, found = told(river, pact, bundle(*second()))
    assert by_change(found) == {
        "contradicting": {malware(4)["id"]},
        "gone": {malware(8)["id"]},
    }


def test_what_went_in_comes_out_again_byte_for_byte(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, _ = network.houses.values()
    spaced = [json.dumps(each, indent=3).encode() for each in first()]
    raw = b'{"type":"bundle","id":"bundle--1","objects":[' + b" , ".join(spaced) + b"]}"
    take_in(river, pact, raw.replace(b"bundle--1", b"bundle--6c0f3a9e-1f2a-4b52-9c0e-000000000001"))
    network.settle()
    for house in (river, harbour):
        assert sorted(exported(house, pact).values()) == sorted(spaced)
    assert exported(harbour, pact, own=True) == {}
    assert len(exported(river, pact, own=True)) == len(spaced)
    assert ids([json.loads(each) for each in exported(river, pact, types=["mutex"]).values()]) == {
        seen("mutex")["id"]
    }
    take_in(river, pact, bundle(*second()))
    # An observable has no version: other bytes are another one. Of all others the first stand.
    changed = {str(malware(n)["id"]) for n in (1, 2, 3, 20)} | {str(seen("mutex")["id"])}
    expected = by_id(raw) | {
        str(each["id"]): encoded(each) for each in second() if each["id"] in changed
    }
    assert exported(river, pact) == expected


def test_nothing_is_a_bundle_without_objects(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    raw = b"".join(dataset.bundle(river.node, river.organisation, pact))
    assert json.loads(raw).keys() == {"type", "id"}
    assert exported(river, pact, within={}) == {}


def test_what_a_token_may_not_see_is_not_written(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    green = indicator(1, object_marking_refs=tlp(Tlp.GREEN))
    take_in(river, pact, bundle(green, indicator(2)))
    with river.node.store.read() as reading:
        agreement = reading.agreements()[0].id
        rows = reading.items(agreement, river.organisation.id, limit=10)
    (seen_,) = {row.class_id for row in rows if row.id == green["id"]}
    assert exported(river, pact, within={agreement: [seen_]}) == {green["id"]: encoded(green)}
    assert len(exported(river, pact)) == 2


def test_what_was_recalled_is_told_as_withdrawn(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    take_in(river, pact, bundle(indicator(1), indicator(2)))
    recalls.recall(river.node, river.actor, str(indicator(1)["id"]), pact, "a mistake")
    _, found = told(river, pact, bundle(indicator(1), indicator(2)))
    assert by_change(found) == {"withdrawn": {indicator(1)["id"]}}


def test_what_is_no_valid_object_is_told_beside_the_others(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    compared, found = told(
        river, pact, bundle(indicator(1), indicator(2, pattern=None), 7, malware(1, modified="x"))
    )
    assert compared.counts[Change.ADDED] == 1
    assert compared.counts[Change.INVALID] == 3
    assert found[str(indicator(2)["id"])].code
    compared, _ = told(river, pact, bundle(indicator(1), indicator(2))[:-20])
    assert compared.broken


def test_what_others_shared_is_not_ours_to_compare(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, MEMBERS)
    river, harbour, _ = network.houses.values()
    take_in(river, pact, bundle(indicator(1)))
    network.settle()
    _, found = told(harbour, pact, bundle(indicator(1)))
    assert by_change(found) == {"added": {indicator(1)["id"]}}


# --- ATT&CK -----------------------------------------------------------------------------


def expected_changes(before: bytes, after: bytes) -> dict[str, set[str]]:
    """What two releases differ in, found by reading both whole."""
    order, written = by_id(before), by_id(after)
    old = {each["id"]: each for each in json.loads(before)["objects"]}
    new = {each["id"]: each for each in json.loads(after)["objects"]}
    changes: dict[str, set[str]] = {}
    for id_, each in new.items():
        known = old.get(id_)
        if known is None:
            change = "added"
        elif known == each:
            if order[id_] == written[id_]:
                continue
            change = "rewritten"
        elif each["modified"] == known["modified"]:
            change = "contradicting"
        else:
            now = each.get("revoked", False) and not known.get("revoked", False)
            change = "revoked" if now else "changed"
        changes.setdefault(change, set()).add(id_)
    changes["gone"] = old.keys() - new.keys()
    return changes


@pytest.fixture(scope="module")
def attack(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, str, bytes, bytes]:
    """A house that has taken in the first of two releases."""
    before, after = (corpus.raw(each) for each in RELEASES)
    network, pact = allied(tmp_path_factory.mktemp("attack"), MEMBERS)
    shared = take_in(network.houses[RIVER], pact, before)
    assert (shared.stored, shared.invalid, shared.refused) == (2_150, {}, {})
    return network, pact, before, after


def test_two_releases_of_attack_are_told_apart_exactly(
    attack: tuple[Network, str, bytes, bytes],
) -> None:
    network, pact, before, after = attack
    river = network.houses[RIVER]
    assert told(river, pact, before)[1] == {}
    assert exported(river, pact) == by_id(before)
    compared, found = told(river, pact, after)
    assert by_change(found) == expected_changes(before, after)
    numbers = {change.value: count for change, count in compared.counts.items() if count}
    assert numbers == {"changed": 561, "contradicting": 1_329, "rewritten": 258, "gone": 2}
    shared = take_in(river, pact, after)
    assert (shared.stored, shared.contradicting) == (561, 1_329 + 258)
    changed = {id_ for id_, each in found.items() if each.change == Change.CHANGED}
    later = by_id(after)
    assert exported(river, pact) == by_id(before) | {id_: later[id_] for id_ in changed}


def test_a_release_of_attack_reaches_the_other_and_comes_out_there_without_loss(
    tmp_path: Path,
) -> None:
    after = corpus.raw(RELEASES[1])
    network, pact = allied(tmp_path, MEMBERS)
    take_in(network.houses[RIVER], pact, after)
    network.houses[HARBOUR].sync()
    assert exported(network.houses[HARBOUR], pact) == by_id(after)


# --- STIX 2.0 ---------------------------------------------------------------------------


OLD_STYLE = [
    {name: value for name, value in each.items() if name != "spec_version"} for each in first()[1:9]
]


def refusal(house: House, pact: str, raw: bytes) -> str:
    with pytest.raises(AlliedError) as refused:
        take_in(house, pact, raw)
    return refused.value.code


@pytest.mark.parametrize("end", [False, True], ids=["at its start", "at its end"])
def test_a_bundle_of_stix_2_0_is_refused_and_nothing_of_it_is_read(
    tmp_path: Path, end: bool
) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    said = {"type": "bundle", "id": "bundle--6c0f3a9e-1f2a-4b52-9c0e-000000000001"}
    version, objects = {"spec_version": "2.0"}, {"objects": [*OLD_STYLE, indicator(1)]}
    raw = encoded(said | (objects | version if end else version | objects))
    assert refusal(river, pact, raw) == "stix.version"
    with pytest.raises(AlliedError):
        told(river, pact, raw)
    assert exported(river, pact) == {}


def test_objects_of_stix_2_0_in_another_bundle_are_refused_each_with_the_reason(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    shared = take_in(river, pact, bundle(*OLD_STYLE, indicator(1)))
    assert shared.invalid == {"stix.version": len(OLD_STYLE)}
    assert exported(river, pact).keys() == {indicator(1)["id"]}


def test_attack_of_stix_2_0_is_refused(tmp_path: Path) -> None:
    lines = list(corpus.lines("stix-attack/enterprise-attack-stix20.ndjson.gz"))[:2_000]
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    whole = {"type": "bundle", "id": "bundle--6c0f3a9e-1f2a-4b52-9c0e-000000000001"}
    raw = encoded(whole | {"spec_version": "2.0", "objects": lines})
    assert refusal(river, pact, raw) == "stix.version"
    shared = take_in(river, pact, encoded(whole | {"objects": lines}))
    assert (shared.stored, shared.admitted) == (0, 0)
    assert shared.invalid.keys() == {"stix.version"}
    assert sum(shared.invalid.values()) + shared.repeated == len(lines)
