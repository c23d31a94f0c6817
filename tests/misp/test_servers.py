"""MISP elsewhere: what an instance or a feed has published is shared once; losses are named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.adapters.outgoing import Outgoing
from allied.adapters.taxii import HttpServers
from allied.errors import AlliedError, UsageError
from allied.exchange.misp import read_events
from allied.node import misp_servers, neighbours, recalls
from allied.node.misp import EventOutcome, Groups, take_in
from allied.node.shared import Wish
from tests.exchange.test_misp import attribute, event, number
from tests.federation.houses import serving
from tests.misp.elsewhere import KEY, Misp
from tests.node.copied import Founded
from tests.node.hands import HARBOUR, RIVER, allied, held
from tests.node.network import Network

LATER = "1723097666"


@dataclass
class Line:
    """River, and a MISP that it asks over loopback."""

    network: Network
    pact: str
    misp: Misp
    url: str
    secret: Path

    def pull(self, kind: str = "misp/", *, dry: bool = False, **how: Any) -> list[EventOutcome]:
        river = self.network.houses[RIVER]
        place = misp_servers.place_of(
            f"{self.url}/{kind}", secret_file=str(self.secret), allowed_private=True
        )
        groups = how.pop("groups", Groups())
        return list(
            misp_servers.pull(
                river.node, river.organisation, None if dry else river.keys, place, self.pact,
                Wish(), groups=groups, **how,
            )
        )  # fmt: skip

    def refusal(self, kind: str = "misp/") -> str:
        with pytest.raises(AlliedError) as refusal:
            self.pull(kind)
        return refusal.value.code

    def has(self, house: str = RIVER) -> set[str]:
        found = held(self.network.houses[house], self.pact)
        return {each for each in found if each.startswith("report--")}


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    root = tmp_path_factory.mktemp("founded")
    return Founded.of(root, *allied(root))


@pytest.fixture
def line(founded: Founded, tmp_path: Path) -> Iterator[Line]:
    outgoing, misp = Outgoing(), Misp()
    secret = tmp_path / "key"
    secret.write_text(KEY)
    secret.chmod(0o600)
    with founded.copy(tmp_path / "houses") as network, serving(misp) as url:
        river = network.houses[RIVER]
        river.node = replace(river.node, servers=HttpServers(outgoing, seconds=10))
        yield Line(network, founded.pact, misp, url, secret)
        outgoing.close()


def one(place: int, value: str = "", **more: Any) -> dict[str, Any]:
    found = attribute("domain", value or f"a{place}.misp.example", place * 10)
    return event(found, **{"uuid": number(place), "Tag": [{"name": "tlp:green"}], **more})


def report(place: int) -> str:
    return f"report--{number(place)}"


KINDS = pytest.mark.parametrize("kind", ["misp/", "feed/manifest.json"], ids=["instance", "feed"])


@KINDS
def test_what_is_published_there_is_shared_once_and_reaches_the_parties(
    line: Line, kind: str
) -> None:
    line.misp.give(one(1), one(2, timestamp="1600000000"))
    assert [each.event for each in line.pull(kind)] == [number(2), number(1)]  # the older first
    line.network.settle()
    assert line.has(HARBOUR) == {report(1), report(2)}
    assert sorted(line.misp.fetched) == [number(1), number(2)]
    assert line.pull(kind) == []
    assert line.misp.fetched == []
    line.misp.give(one(1, "b.misp.example", timestamp=LATER))
    assert [each.event for each in line.pull(kind)] == [number(1)]
    assert line.misp.fetched == [number(1)]
    assert [each.event for each in line.pull(kind, whole=True)] == [number(2), number(1)]


def test_what_came_to_the_instance_late_is_found_however_old_it_is(line: Line) -> None:
    line.misp.give(one(1))
    line.pull()
    line.misp.give(one(2, timestamp="1"))
    assert [each.event for each in line.pull()] == [number(2)]


def test_a_dry_run_shares_nothing_and_its_twin_does(line: Line) -> None:
    line.misp.give(one(1))
    (told,) = line.pull(dry=True)
    assert told.shared is not None
    assert told.shared.dry_run
    assert line.has() == set()
    line.pull()
    assert line.has() == {report(1)}


def test_what_is_not_published_is_not_asked_for(line: Line) -> None:
    line.misp.give(one(1, published=False), one(2))
    line.pull()
    assert line.misp.fetched == [number(2)]
    assert line.misp.bodies[0] == b'{"minimal":1,"published":1}'


def test_an_event_that_was_refused_is_tried_again_each_time(line: Line) -> None:
    line.misp.give(one(1, distribution="4", SharingGroup={"name": "banks"}))
    (refused,) = line.pull()
    assert refused.shared is None
    assert [each.what for each in refused.losses] == ["event"]
    (shared,) = line.pull(groups=Groups.read(["banks=harbour"]))
    assert shared.shared is not None
    assert line.pull(groups=Groups.read(["banks=harbour"])) == []


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        pytest.param(200, b"no JSON", "misp.not-json", id="no JSON"),
        pytest.param(200, b'{"Event": 7}', "misp.form", id="no event"),
        pytest.param(404, b"{}", "neighbour.not-found", id="gone meanwhile"),
        pytest.param(400, b"{}", "neighbour.says", id="refused"),
        pytest.param(200, b'{"Event": {"uuid": "x"}}', "misp.other-event", id="another event"),
        pytest.param(200, b"[" * 5_000 + b"]" * 5_000, "misp.not-json", id="levels without end"),
    ],
)
def test_an_event_that_cannot_be_had_is_named_and_stops_no_other(
    line: Line, status: int, body: bytes, code: str
) -> None:
    line.misp.give(one(1, timestamp="1"), one(2))
    line.misp.instead[number(1)] = (status, body)
    lost, taken = line.pull()
    assert (lost.event, lost.shared) == (number(1), None)
    assert code in lost.refused
    assert [each.id for each in lost.losses] == [""]
    assert taken.shared is not None
    assert line.has() == {report(2)}
    line.misp.instead.clear()
    assert [each.event for each in line.pull()] == [number(1)]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "neighbour.not-let-in"),
        (302, "neighbour.redirect"),
        (503, "neighbour.busy"),
    ],
)
def test_a_server_that_does_not_answer_ends_the_round_and_the_next_goes_on(
    line: Line, status: int, code: str
) -> None:
    line.misp.give(one(1, timestamp="1"), one(2))
    line.misp.instead[number(2)] = (status, b"")
    assert line.refusal() == code
    assert line.has() == {report(1)}
    line.misp.instead.clear()
    assert [each.event for each in line.pull()] == [number(2)]


@pytest.mark.parametrize(
    ("kind", "listing"),
    [
        pytest.param("misp/", "events", id="a text"),
        pytest.param("misp/", [["a"]], id="a list of lists"),
        pytest.param("misp/", [{"uuid": "../../x", "timestamp": "1"}], id="a path for a uuid"),
        pytest.param("misp/", [{"uuid": number(1), "timestamp": "9" * 400}], id="a long time"),
        pytest.param("feed/manifest.json", [], id="a list for a manifest"),
        pytest.param("feed/manifest.json", {"../x": {"timestamp": "1"}}, id="a path for a name"),
        pytest.param("feed/manifest.json", {number(1): {"timestamp": "soon"}}, id="no time"),
    ],
)
def test_a_list_that_is_none_is_refused_and_nothing_is_asked_for(
    line: Line, kind: str, listing: Any
) -> None:
    line.misp.give(one(1))
    line.misp.listing = listing
    assert line.refusal(kind) == "misp.listing"
    assert line.misp.fetched == []
    line.misp.listing = None
    assert len(line.pull(kind)) == 1


def test_an_instance_is_asked_with_its_key_alone_and_a_wrong_one_is_not_let_in(line: Line) -> None:
    line.misp.give(one(1))
    line.secret.write_text("wrong")
    assert line.refusal() == "neighbour.not-let-in"
    line.secret.write_text(KEY)
    assert len(line.pull()) == 1
    line.secret.chmod(0o644)
    assert line.refusal() == "neighbour.secret-file"


def test_a_private_address_is_asked_only_where_that_was_meant(line: Line) -> None:
    river = line.network.houses[RIVER]
    line.misp.give(one(1))
    place = misp_servers.place_of(f"{line.url}/misp/", secret_file=str(line.secret))
    with pytest.raises(AlliedError) as refusal:
        list(
            misp_servers.pull(
                river.node, river.organisation, river.keys, place, line.pact, Wish(),
                groups=Groups(),
            )
        )  # fmt: skip
    assert refusal.value.code == "neighbour.private-address"
    assert line.misp.asked == []


@pytest.mark.parametrize(
    ("url", "feed", "path"),
    [
        ("https://misp.example", False, "/"),
        ("https://misp.example/", False, "/"),
        ("https://misp.example:8443/intel", False, "/intel/"),
        ("https://feeds.example/osint/manifest.json", True, "/osint/"),
        ("https://feeds.example/manifest.json", True, "/"),
    ],
)
def test_which_addresses_are_those_of_a_misp(url: str, feed: bool, path: str) -> None:
    place = misp_servers.place_of(url)
    assert (place.feed, place.server.path) == (feed, path)
    assert url.startswith(place.server.url)


@pytest.mark.parametrize(
    "url",
    [
        "misp.example",
        "ftp://misp.example/",
        "https://",
        "https://kim:secret@misp.example/",
        "https://misp.example/?key=secret",
        "https://misp.example/#x",
        "https://misp.example/a b/",
        "https://[misp/",
    ],
)
def test_what_is_no_address_of_a_misp(url: str) -> None:
    with pytest.raises(UsageError) as refusal:
        misp_servers.place_of(url)
    assert refusal.value.code == "misp.url"
    assert "secret" not in str(refusal.value)


# --- what is deleted there ------------------------------------------------------------------


def two(**more: Any) -> dict[str, Any]:
    """The first event with a domain to watch for and one that was only seen."""
    watched, seen = (
        attribute("domain", f"{each}.misp.example", 70 + place, to_ids=not place, **more)
        for place, each in enumerate("ws")
    )
    return event(watched, seen, uuid=number(1), Tag=[{"name": "tlp:green"}])


@KINDS
def test_an_event_that_is_gone_there_is_recalled_and_comes_again_with_it(
    line: Line, kind: str
) -> None:
    line.misp.give(one(1), one(2))
    line.pull(kind)
    line.network.settle()
    before = held(line.network.houses[HARBOUR], line.pact)
    gone = line.misp.events.pop(number(1))
    (told,) = line.pull(kind)
    assert (told.event, told.refused, told.shared) == (number(1), "", None)
    assert {each.reason for each in told.losses} == {"deleted there; recalled here"}
    line.network.settle()
    assert line.has() == line.has(HARBOUR) == {report(2)}
    line.network.advance(timedelta(hours=1))
    line.misp.give(gone)
    (again,) = line.pull(kind)
    assert again.shared is not None
    assert not again.shared.refused
    line.network.settle()
    assert line.has(HARBOUR) == {report(1), report(2)}
    assert len(held(line.network.houses[HARBOUR], line.pact)) == len(before)
    assert line.pull(kind) == []


@pytest.mark.parametrize("how", ["left out", "marked as deleted"])
def test_an_attribute_that_is_deleted_there_is_recalled_and_the_rest_stays(
    line: Line, how: str
) -> None:
    line.misp.give(two())
    line.pull()
    line.network.settle()
    assert kinds_at(line) >= {"indicator", "observed-data", "domain-name", "report"}
    later = two() | {"timestamp": LATER}
    if how == "left out":
        later["Attribute"] = later["Attribute"][:1]
    else:
        later["Attribute"][1]["deleted"] = True
    line.misp.give(later)
    (told,) = line.pull()
    assert {each.what for each in told.losses if "recalled here" in each.reason} == {
        "observed-data",
        "domain-name",
    }
    line.network.settle()
    assert kinds_at(line) >= {"indicator", "report"}
    assert not kinds_at(line) & {"observed-data", "domain-name"}
    line.misp.give(two() | {"timestamp": str(int(LATER) + 60)})
    line.pull()
    line.network.settle()
    assert kinds_at(line) >= {"indicator", "observed-data", "domain-name", "report"}


def kinds_at(line: Line) -> set[str]:
    return {each.partition("--")[0] for each in held(line.network.houses[HARBOUR], line.pact)}


def test_what_another_misp_or_people_assert_as_well_stays(line: Line) -> None:
    line.misp.give(one(1), one(2), one(3))
    line.pull()
    line.pull("feed/manifest.json")  # another remote, with the same events
    third = line.misp.events[number(3)]
    line.misp.listing = [{name: third[name] for name in ("uuid", "timestamp", "published")}]
    told = [each for each in line.pull() if not each.refused]
    assert {each.reason for one_ in told for each in one_.losses} == {
        "deleted there; others share it, so it stays"
    }
    assert line.has() == {report(1), report(2), report(3)}
    line.misp.listing = None
    del line.misp.events[number(1)]  # now nobody has it
    line.pull("feed/manifest.json")
    assert line.has() == {report(2), report(3)}
    river = line.network.houses[RIVER]
    list(
        take_in(
            river.node, river.organisation, river.keys,
            read_events(json.dumps({"Event": one(2)}).encode()), line.pact, Wish(),
            groups=Groups(),
        )
    )  # fmt: skip
    del line.misp.events[number(2)]
    line.pull()
    line.pull("feed/manifest.json")
    assert line.has() == {report(2), report(3)}


def test_what_people_recalled_stays_so_and_a_dry_run_recalls_nothing(line: Line) -> None:
    line.misp.give(one(1), one(2))
    line.pull()
    river = line.network.houses[RIVER]
    recalls.recall(river.node, river.actor, report(1), line.pact, "wrong")
    (told,) = line.pull()
    assert told.shared is not None
    assert told.shared.refused == {"exchange.recalled": 1}
    del line.misp.events[number(2)]
    said = [each for each in line.pull(dry=True) if each.event == number(2)]
    assert {each.reason for each in said[0].losses} == {"deleted there; it would be recalled"}
    assert line.has() == {report(2)}


def test_a_misp_that_lists_less_than_half_is_not_believed_without_a_person(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(misp_servers, "FEW", 1)
    line.misp.give(one(1), one(2), one(3))
    line.pull()
    line.misp.events.clear()
    (told,) = line.pull()
    assert "misp.vanished" in told.refused
    assert len(line.has()) == 3
    assert len(line.pull(believe=True)) == 3
    assert line.has() == set()


def test_a_misp_is_listed_and_forgotten_as_a_neighbour_and_never_asked_by_itself(
    line: Line,
) -> None:
    line.misp.give(one(1))
    line.pull()
    river = line.network.houses[RIVER]
    with river.node.store.read() as reading:
        (known,) = reading.neighbours(river.organisation.id)
    assert known.label.startswith("misp-127.0.0.1-")
    assert neighbours.due(river.node) == []
    neighbours.remove(river.node, river.organisation, known.label)
    line.misp.events.clear()
    assert line.pull() == []
    assert line.has() == {report(1)}  # it is the own from then on
