"""MISP elsewhere: what an instance or a feed has published is shared once; losses are named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from allied.adapters.outgoing import Outgoing
from allied.adapters.taxii import HttpServers
from allied.errors import AlliedError, UsageError
from allied.node import misp_servers
from allied.node.misp import EventOutcome, Groups
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
