"""Whatever changes about who may see what: a poller ends with exactly what it may see.

Three real nodes. River shares, marks anew, recalls; Northgate joins late, may leave again, and
sees little; markings relax when their time is up. Tools poll Harbour's and Northgate's TAXII
collections now and then, by `next` or by `added_after`, with pages of any size.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, event, example, given, settings, strategies as st
from starlette.testclient import TestClient

from allied.agreement.values import Tlp
from allied.entrypoints import taxii
from allied.errors import AlliedError
from allied.node import agreements, people, recalls
from allied.node.shared import Wish
from allied.record.ids import AgreementId
from tests.exchange.samples import TIME, indicator, tlp
from tests.node.copied import Founded
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, propose, share, three
from tests.node.network import House, Network

LINE = b"    duty: should\n"
TEXT = (
    DEMO.replace(b"in_force_when: all signed", b"in_force_when: {count: 2, of: signed}")
    .replace(b"withdrawal: {notice: 90 days", b"withdrawal: {notice: immediately")
    .replace(b"life:\n", b"life:\n  history: all\n")
    .replace(LINE, LINE + b"    sunset: {after: 30 days, then: relax, tlp: GREEN}\n")
)
MARKINGS = (Tlp.GREEN, Tlp.AMBER, Tlp.AMBER_STRICT)
AUDIENCES = ((), (HARBOUR,), (NORTHGATE,), (HARBOUR, NORTHGATE))
WAYS = (True, False)
Name = tuple[str, str]


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    """A pact of River and Harbour to which Northgate is invited."""
    root = tmp_path_factory.mktemp("founded")
    network = three(root)
    river, harbour, _ = network.houses.values()
    pact = propose(river, TEXT)
    agreements.sign(river.node, river.actor, pact)
    network.settle()
    agreements.sign(harbour.node, harbour.actor, pact)
    network.settle()
    network.advance(timedelta(minutes=5))
    return Founded.of(root, network, pact)


@dataclass
class Poller:
    """A tool that reads a collection, a few objects at a time, and remembers the last date.

    Attributes:
        by_next: whether it follows `next`, or asks by the last date for each page.
    """

    client: TestClient
    path: str
    by_next: bool
    size: int
    mark: str = ""
    got: set[Name] = field(default_factory=set)

    def poll(self) -> None:
        """Read until nothing is left; it has to end."""
        asked, seen = {"limit": str(self.size), "match[version]": "all"}, []
        if self.mark:
            asked["added_after"] = self.mark
        for _ in range(200):
            answer = self.client.get(f"{self.path}/objects/", params=asked)
            assert answer.status_code == 200, answer.text
            page = answer.json()
            seen += [(each["id"], each["modified"]) for each in page.get("objects", [])]
            self.mark = answer.headers.get("x-taxii-date-added-last", self.mark)
            if not page["more"]:
                break
            if self.by_next:
                asked["next"] = page["next"]
            else:
                asked["added_after"] = self.mark
        else:
            pytest.fail("paging goes round in circles")
        assert len(set(seen)) == len(seen)
        self.got |= set(seen)


@dataclass
class Eye:
    """One house, its pollers, and what it has ever been shown."""

    house: House
    pollers: list[Poller]
    ever: set[Name] = field(default_factory=set)

    def shown(self) -> set[Name]:
        """What the collection holds now."""
        poller = self.pollers[0]
        whole = poller.client.get(
            f"{poller.path}/manifest/", params={"match[version]": "all", "limit": "5000"}
        ).json()
        assert not whole["more"]
        return {(each["id"], each["version"]) for each in whole.get("objects", [])}


def eye(network: Network, label: str, pact: AgreementId, sizes: tuple[int, int]) -> Eye:
    house = network.houses[label]
    app = FastAPI()
    taxii.mount(app, house.node)
    token = people.new_token(
        house.node, house.organisation, role="viewer", ceiling="AMBER+STRICT", lasts=None
    )
    headers = {"authorization": f"Bearer {token.bearer}"}
    client = TestClient(app, headers=headers)
    path = f"/taxii2/{pact}/collections/all"
    return Eye(
        house,
        [Poller(client, path, way, size) for way, size in zip((True, False), sizes, strict=True)],
    )


@dataclass
class World:
    """Everything together, and what River has said."""

    network: Network
    pact: AgreementId
    eyes: dict[str, Eye]
    next: int = 1
    versions: dict[int, int] = field(default_factory=dict)
    recalled: set[str] = field(default_factory=set)
    audiences: dict[Name, tuple[Tlp, tuple[str, ...]]] = field(default_factory=dict)

    @property
    def river(self) -> House:
        return self.network.houses[RIVER]

    def share(self, count: int, marking: Tlp, to: tuple[str, ...]) -> None:
        numbers = range(self.next, self.next + count)
        self.next += count
        self._say([self._made(number, 0, marking) for number in numbers], marking, to)
        self.versions |= dict.fromkeys(numbers, 0)

    def mark_anew(self, number: int, marking: Tlp, to: tuple[str, ...]) -> None:
        if not self.versions:
            return
        number = sorted(self.versions)[number % len(self.versions)]
        self.versions[number] += 1
        self._say([self._made(number, self.versions[number], marking)], marking, to)

    def recall(self, number: int) -> None:
        if not self.versions:
            return
        number = sorted(self.versions)[number % len(self.versions)]
        del self.versions[number]
        item = indicator(number)["id"]
        self.recalled.add(item)
        recalls.recall(self.river.node, self.river.actor, item, self.pact, "wrong")

    def join(self) -> None:
        house = self.network.houses[NORTHGATE]
        try:
            agreements.sign(house.node, house.actor, self.pact)
        except AlliedError:
            return  # it is in already, or has left

    def leave(self) -> None:
        house = self.network.houses[NORTHGATE]
        try:
            agreements.withdraw(house.node, house.actor, self.pact)
        except AlliedError:
            return

    def wait(self) -> None:
        self.network.advance(timedelta(days=31))

    def look(self) -> None:
        """Let everything arrive; what is shown now was shown once."""
        self.network.advance(timedelta(minutes=5))
        self.network.settle(rounds=2)
        for each in self.eyes.values():
            each.ever |= each.shown()

    def _made(self, number: int, version: int, marking: Tlp) -> dict[str, Any]:
        modified = TIME.replace("T12:00", f"T12:{version:02}")
        return indicator(number, modified=modified, object_marking_refs=tlp(marking))

    def _say(self, objects: list[dict[str, Any]], marking: Tlp, to: tuple[str, ...]) -> None:
        share(self.river, self.pact, *objects, wish=Wish(to=to))
        for each in objects:
            self.audiences[each["id"], each["modified"]] = (marking, to)

    def check(self) -> None:
        for label, each in self.eyes.items():
            now = each.shown()
            assert now <= each.ever
            assert not {name for name in now if name[0] in self.recalled}
            for name in now:  # nothing of what was for others
                _, to = self.audiences[name]
                assert not to or label in to
            for poller in each.pollers:
                poller.poll()
                assert now <= poller.got, "something was lost"
                assert poller.got <= each.ever, "something was never to be seen"
        harbour = {
            name
            for name, (_, to) in self.audiences.items()
            if name[0] not in self.recalled and (not to or HARBOUR in to)
        }
        assert self.eyes[HARBOUR].shown() == harbour  # a member sees all that is for it


marked = st.sampled_from(MARKINGS)
audiences = st.sampled_from(AUDIENCES)
changes = st.one_of(
    st.tuples(st.just("share"), st.integers(1, 4), marked, audiences),
    st.tuples(st.just("mark_anew"), st.integers(0, 50), marked, audiences),
    st.tuples(st.just("recall"), st.integers(0, 50)),
    st.tuples(st.just("join")),
    st.tuples(st.just("leave")),
    st.tuples(st.just("wait")),
    st.tuples(st.just("check")),
)  # fmt: skip


@given(st.lists(changes, min_size=2, max_size=8), st.tuples(st.integers(1, 3), st.integers(1, 3)))
@settings(max_examples=6, suppress_health_check=[HealthCheck.too_slow])
@example(
    [
        ("share", 3, Tlp.GREEN, ()), ("share", 2, Tlp.AMBER, ()), ("check",), ("join",), ("check",),
        ("wait",), ("check",), ("mark_anew", 0, Tlp.AMBER, (HARBOUR,)), ("recall", 1),
    ],
    (1, 2),
)  # fmt: skip
@example(
    [
        ("join",), ("share", 2, Tlp.AMBER_STRICT, (NORTHGATE,)), ("check",), ("wait",),
        ("share", 1, Tlp.GREEN, ()), ("leave",), ("share", 1, Tlp.GREEN, ()), ("check",),
    ],
    (2, 1),
)  # fmt: skip
def test_a_poller_ends_with_exactly_what_it_may_see(
    founded: Founded, said: list[tuple[Any, ...]], sizes: tuple[int, int]
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        founded.copy(Path(folder) / "houses") as network,
    ):
        eyes = {label: eye(network, label, founded.pact, sizes) for label in (HARBOUR, NORTHGATE)}
        world = World(network, founded.pact, eyes)
        for what, *how in said:
            event(what)
            getattr(world, what)(*how)
            world.look()
        world.check()
