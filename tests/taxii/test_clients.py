"""Clients that others wrote, unmodified, against a real server on loopback."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from fastapi import FastAPI
from requests import HTTPError
from stix2 import Filter, TAXIICollectionSource
from taxii2client.common import TokenAuth
from taxii2client.exceptions import AccessError
from taxii2client.v21 import ApiRoot, Collection, Server, as_pages

from allied.agreement.values import Tlp
from allied.entrypoints import taxii
from allied.node.collections import collection_id
from allied.node.people import NewToken
from allied.record.ids import AgreementId
from tests.federation.houses import serving
from tests.taxii.shelf import Given, Shelf

NEWER = "2026-02-02T00:00:00.000Z"
PLAIN = [Given(f"plain {n}") for n in range(7)]
OLD, NEW = Given("versions"), Given("versions", modified=NEWER)
ADDRESS = Given("address", type="ipv4-addr")
MALWARE = Given("malware", type="malware", tlp=Tlp.AMBER, name="Größe 中")
ITEMS = [*PLAIN, OLD, ADDRESS, MALWARE, NEW]
LAST = [*PLAIN, ADDRESS, MALWARE, NEW]


@dataclass(frozen=True)
class Served:
    url: str
    pact: AgreementId
    token: NewToken

    @property
    def user(self) -> dict[str, str]:
        return {"user": self.token.token.id, "password": self.token.secret}

    def collection(self) -> Collection:
        """The collection of everything, by its id: this client takes no alias."""
        name = collection_id(self.token.token.organisation, self.pact, None)
        return Collection(f"{self.url}/taxii2/{self.pact}/collections/{name}/", **self.user)


@pytest.fixture(scope="module")
def served(shelf: Shelf) -> Iterator[Served]:
    pact = shelf.pact()
    shelf.hold(pact, [*ITEMS, Given("red", tlp=Tlp.RED)])
    app = FastAPI()
    taxii.mount(app, shelf.node)
    with serving(app) as url:
        yield Served(url, pact, shelf.token(pact))


def ids(objects: list[dict[str, str]]) -> list[str]:
    return [each["id"] for each in objects]


def of(items: list[Given]) -> list[str]:
    return [item.id for item in items]


def test_a_client_finds_its_way_from_the_server_to_the_objects(served: Served) -> None:
    server = Server(f"{served.url}/taxii2/", **served.user)
    assert server.title == "Allied"
    assert [root.title for root in server.api_roots] == [
        "Everything this organisation may see",
        "Mutual cyber defence pact between First Company and Second Company",
    ]
    assert server.default.url == f"{served.url}/taxii2/all/"
    for root in server.api_roots:
        assert root.versions == ["application/taxii+json;version=2.1"]
        first, *_ = root.collections
        assert (first.can_read, first.can_write) == (True, False)
        assert ids(first.get_objects()["objects"]) == of(LAST)
    by_tlp = {each.title: each for each in server.api_roots[1].collections}
    assert list(by_tlp) == ["All items", "TLP:CLEAR", "TLP:GREEN", "TLP:AMBER"]
    assert ids(by_tlp["TLP:AMBER"].get_objects()["objects"]) == of([MALWARE])
    assert "objects" not in by_tlp["TLP:CLEAR"].get_objects()


def test_a_client_may_leave_out_the_last_slash(served: Served) -> None:
    assert Server(f"{served.url}/taxii2", **served.user).title == "Allied"
    root = ApiRoot(f"{served.url}/taxii2/{served.pact}", **served.user)
    assert len(root.collections) == 4


@pytest.mark.parametrize("form", [TokenAuth], ids=["as the client writes a token"])
def test_a_client_may_use_a_token(served: Served, form: type[TokenAuth]) -> None:
    server = Server(f"{served.url}/taxii2/", auth=form(served.token.bearer))
    assert server.title == "Allied"


@pytest.mark.parametrize(
    ("user", "password"),
    [
        pytest.param("", "wrong", id="a wrong secret"),
        pytest.param("nobody", "", id="an unknown token"),
    ],
)
def test_a_client_without_a_valid_token_gets_nothing(
    served: Served, user: str, password: str
) -> None:
    given = served.user
    wrong = {"user": user or given["user"], "password": password or given["password"]}
    with pytest.raises(HTTPError, match="401"):
        Server(f"{served.url}/taxii2/", **wrong).refresh()
    Server(f"{served.url}/taxii2/", **given).refresh()  # the twin that passes


def test_a_client_that_would_write_is_told_that_it_may_not(served: Served) -> None:
    with pytest.raises(AccessError):
        served.collection().add_objects({"objects": []})


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize("what", ["get_objects", "get_manifest"])
def test_a_client_pages_to_the_end(served: Served, size: int, what: str) -> None:
    pages = list(as_pages(getattr(served.collection(), what), per_request=size))
    assert [entry for page in pages for entry in ids(page.get("objects", []))] == of(LAST)
    assert all(len(page["objects"]) <= size for page in pages)


def test_a_client_pages_without_saying_how_much(served: Served) -> None:
    (page,) = as_pages(served.collection().get_objects)
    assert ids(page["objects"]) == of(LAST)


def test_a_client_asks_by_date(served: Served) -> None:
    collection = served.collection()
    manifest = collection.get_manifest(version="all")["objects"]
    dates = [entry["date_added"] for entry in manifest]
    assert dates == sorted(set(dates))
    for place, date in enumerate(dates):
        found = collection.get_objects(added_after=date, version="all").get("objects", [])
        assert ids(found) == ids(manifest[place + 1 :])
    whole_second = datetime.fromisoformat(dates[0]).replace(microsecond=0)
    assert whole_second.tzinfo == UTC
    assert len(collection.get_objects(added_after=whole_second)["objects"]) == len(LAST)


def test_a_client_filters(served: Served) -> None:
    collection = served.collection()

    def found(**asked: object) -> list[str]:
        return ids(collection.get_objects(**asked).get("objects", []))

    assert found(type="malware") == [MALWARE.id]
    assert found(type=["malware", "ipv4-addr"]) == of([ADDRESS, MALWARE])
    assert found(id=[PLAIN[3].id, PLAIN[1].id]) == of([PLAIN[1], PLAIN[3]])
    assert found(id=OLD.id, version="all") == of([OLD, NEW])
    assert found(id=OLD.id, version=["first", "last"]) == of([OLD, NEW])
    assert found(id=OLD.id, version=datetime(2026, 2, 2, tzinfo=UTC)) == [NEW.id]
    assert found(spec_version="2.1") == of(LAST)
    assert found(spec_version="2.0") == []
    assert found(type="tool") == []


def test_a_client_gets_one_object_and_its_versions(served: Served) -> None:
    collection = served.collection()
    assert collection.get_object(OLD.id)["objects"] == [json.loads(NEW.raw)]
    assert collection.get_object(OLD.id, version="all")["objects"] == [
        json.loads(OLD.raw),
        json.loads(NEW.raw),
    ]
    assert collection.object_versions(OLD.id)["versions"] == [OLD.modified, NEW.modified]
    (dated,) = collection.object_versions(ADDRESS.id)["versions"]
    entry = collection.get_manifest(id=ADDRESS.id)["objects"][0]
    assert dated == entry["date_added"] == entry["version"]
    assert ids(collection.get_object(ADDRESS.id, version=dated)["objects"]) == [ADDRESS.id]
    with pytest.raises(HTTPError, match="404"):
        collection.get_object(Given("nowhere").id)


@pytest.mark.parametrize("size", [2, 5_000])
def test_stix2_reads_through_its_source(served: Served, size: int) -> None:
    source = TAXIICollectionSource(served.collection(), items_per_page=size)
    assert source.get(OLD.id).serialize() == source.get(NEW.id).serialize()
    assert source.get(OLD.id)["modified"] == datetime(2026, 2, 2, tzinfo=UTC)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(source.all_versions(OLD.id)) == 2
        assert {each["id"] for each in source.query([])} == set(of(LAST))
        malware = source.query([Filter("type", "=", "malware")])
    assert [each["name"] for each in malware] == ["Größe 中"]
