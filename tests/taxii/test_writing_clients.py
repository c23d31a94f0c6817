"""Clients that others wrote, unmodified, adding to and deleting from a real server on loopback."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
from requests import HTTPError
from stix2 import (
    Bundle,
    Filter,
    Indicator,
    TAXIICollectionSink,
    TAXIICollectionSource,
    TAXIICollectionStore,
    parse,
)
from taxii2client.v21 import Collection, as_pages

from allied.node.collections import collection_id
from tests.exchange.samples import indicator, malware, seen, statement_marking
from tests.taxii.stand import Stand, standing

NEWER = "2026-04-01T12:00:00.000Z"


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("writing")) as made:
        yield made


@pytest.fixture
def collection(stand: Stand) -> Collection:
    """The collection that can be written, as this client knows it."""
    token = stand.token()
    name = collection_id(stand.river.organisation.id, stand.pact, None)
    return Collection(
        f"{stand.url}{stand.root}/collections/{name}/",
        user=token.token.id,
        password=token.secret,
    )


def held(collection: Collection) -> dict[str, dict[str, Any]]:
    """Everything in a collection, page by page, the latest version of each object."""
    pages = as_pages(collection.get_objects, per_request=3)
    return {each["id"]: each for page in pages for each in page.get("objects", [])}


def test_a_client_adds_objects_and_asks_for_the_status(collection: Collection) -> None:
    assert (collection.can_read, collection.can_write) == (True, True)
    given = [indicator(n) for n in range(1, 8)]
    status = collection.add_objects({"objects": given})
    assert status.status == "complete"
    assert (status.total_count, status.success_count, status.failure_count) == (7, 7, 0)
    status.refresh()
    assert status.status == "complete"
    assert [held(collection)[each["id"]] for each in given] == given


@pytest.mark.parametrize("form", ["text", "bytes", "value"])
def test_a_client_gives_an_envelope_in_any_form(collection: Collection, form: str) -> None:
    value = {"objects": [indicator({"text": 11, "bytes": 12, "value": 13}[form])]}
    text = json.dumps(value)
    forms: dict[str, Any] = {"text": text, "bytes": text.encode(), "value": value}
    assert collection.add_objects(forms[form]).success_count == 1


def test_a_client_learns_which_objects_were_not_taken(collection: Collection) -> None:
    broken = {"type": "indicator", "id": indicator(21)["id"]}
    status = collection.add_objects({"objects": [indicator(20), broken]})
    assert (status.success_count, status.failure_count) == (1, 1)
    assert [each["id"] for each in status.failures] == [broken["id"]]


def test_a_client_deletes_a_version_and_then_the_object(collection: Collection) -> None:
    old, new = indicator(30), indicator(30, modified=NEWER)
    collection.add_objects({"objects": [old, new]})
    assert collection.object_versions(old["id"])["versions"] == [old["modified"], NEWER]
    collection.delete_object(old["id"], version=NEWER)
    assert collection.object_versions(old["id"])["versions"] == [old["modified"]]
    collection.delete_object(old["id"])
    with pytest.raises(HTTPError, match="404"):
        collection.get_object(old["id"])
    manifest = collection.get_manifest(version="all", limit=5_000)["objects"]
    assert old["id"] not in {each["id"] for each in manifest}


def test_stix2_adds_through_its_sink(collection: Collection) -> None:
    sink = TAXIICollectionSink(collection)
    one = Indicator(pattern="[ipv4-addr:value = '192.0.2.40']", pattern_type="stix")
    sink.add(one)
    sink.add(Bundle(parse(malware(41)), parse(indicator(42)), allow_custom=True))
    sink.add([malware(43), json.dumps(indicator(44))])
    sink.add(parse(statement_marking(45)))
    sink.add(parse({"spec_version": "2.1", **seen("ipv4-addr", 46, value="192.0.2.46")}))
    expected = {
        one.id, malware(41)["id"], indicator(42)["id"], malware(43)["id"], indicator(44)["id"],
        statement_marking(45)["id"], seen("ipv4-addr", 46)["id"],
    }  # fmt: skip
    assert expected <= held(collection).keys()


def test_stix2_reads_back_through_its_store_what_it_added(collection: Collection) -> None:
    store = TAXIICollectionStore(collection)
    old = Indicator(pattern="[ipv4-addr:value = '192.0.2.50']", pattern_type="stix", name="old")
    store.add(old)
    new = old.new_version(name="new")
    store.add(new)
    assert store.get(old.id).serialize() == new.serialize()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = store.all_versions(old.id)
        assert sorted(each.name for each in found) == ["new", "old"]
        query = [Filter("type", "=", "indicator"), Filter("id", "=", old.id)]
        assert [each.name for each in store.query(query)] == ["new"]


@pytest.mark.parametrize("size", [1, 4, 5_000])
def test_stix2_pages_whatever_the_size(collection: Collection, size: int) -> None:
    source = TAXIICollectionSource(collection, items_per_page=size)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = {each["id"] for each in source.query([])}
    assert found == held(collection).keys()


def test_a_client_pages_through_the_manifest(collection: Collection) -> None:
    pages = list(as_pages(collection.get_manifest, per_request=2))
    found = [each["id"] for page in pages for each in page["objects"]]
    assert sorted(found) == sorted(held(collection))
