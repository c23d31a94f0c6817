"""P17: what others see does not depend on who of the group submitted; timing and volume included.

Two worlds that differ only in who submitted are run with the same chance and clock, and
everything that goes over the wire to or from a third party is written down, with its instant
and length. Until the next daily commitment both worlds give the same bytes; from then on the
commitments cover other ledgers under a fresh salt, and all that is compared is what anybody can
compare without the salt: who says what, when, in which length.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from allied.agreement.values import Tlp
from allied.node import ledger, recalls, sync
from allied.node.answers import Answers
from allied.node.ports import Chance, Listener, Speaker
from tests.exchange.samples import identity, indicator, link, malware, tlp
from tests.node.centre import (
    ALDER,
    BIRCH,
    CEDAR,
    CENTRE,
    bodies,
    centre,
    queue,
    release,
    submit,
)
from tests.node.hands import folded, share
from tests.node.network import House, Network, Wires

GREEN = {"object_marking_refs": tlp(Tlp.GREEN)}
_UUID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_MARK = re.compile(rb'(?<="rows":)[0-9]+|(?<="items":)[0-9]+')
_CURSOR = re.compile(rb'(?<=")[0-9a-f]{104}(?=")')


@dataclass
class Drawn:
    """Chance that is the same in both worlds: by house, phase, and how much was drawn in it."""

    seed: str
    phase: str = "begin"
    count: int = 0

    def token(self, size: int) -> bytes:
        self.count += 1
        return hashlib.shake_256(f"{self.seed}|{self.phase}|{self.count}".encode()).digest(size)


@dataclass(frozen=True)
class Said:
    """One question with its answer, as a third party sees it."""

    after: timedelta
    asker: str
    asked: str
    verb: str
    question: bytes
    answer: bytes

    @property
    def shape(self) -> tuple[object, ...]:
        """All of it but the bytes."""
        question, answer = (_MARK.sub(b"", each) for each in (self.question, self.answer))
        return (self.after, self.asker, self.asked, self.verb, len(question), len(answer))


class Tapped(Network):
    """A network in which one house writes down all that it sees, and chance is drawn by phase."""

    def __init__(self, root: Path, watcher: str) -> None:
        super().__init__(root)
        self.watcher = watcher
        self.seen: list[Said] = []
        self.chances: list[Drawn] = []
        self.begun = self.clock.now()

    def found(self, label: str, name: str, chance: Chance | None = None, url: str = "") -> House:
        assert chance is None
        drawn = Drawn(label)
        house = super().found(label, name, drawn, url)
        self.chances.append(drawn)
        house.node = replace(house.node, peers=Tap(self, label))
        house.answers = Answers(house.node, house.keys, house.hints.append)
        return house

    def phase(self, name: str) -> None:
        """From here on all that the watcher sees is kept."""
        self.begun = self.clock.now()
        self.seen.clear()
        self.reseed(name)

    def reseed(self, name: str) -> None:
        """Whatever was drawn before, from here on everybody draws the same in both worlds."""
        for each in self.chances:
            each.phase, each.count = name, 0

    def rounds(self, times: int = 2) -> None:
        """Everybody exchanges with everybody and hints to whom there is news for."""
        for _ in range(times):
            for house in self.houses.values():
                sync.sync_now(house.node, house.keys)

    def label(self, organisation: str) -> str:
        return next(
            each.label for each in self.houses.values() if each.organisation.id == organisation
        )


class Tap(Wires):
    """The wires of one house, with the watcher listening at its own end."""

    def __init__(self, network: Tapped, label: str) -> None:
        super().__init__(network)
        self._tapped = network
        self._label = label

    def ask(
        self, speaker: Speaker, listener: Listener, path: str, body: bytes, *, limit: int
    ) -> bytes:
        answer = super().ask(speaker, listener, path, body, limit=limit)
        network = self._tapped
        asked = network.label(listener.organisation)
        if network.watcher in (self._label, asked):
            after = network.clock.now() - network.begun
            masked = [_CURSOR.sub(b"*" * 104, each) for each in (body, answer)]
            network.seen.append(Said(after, self._label, asked, path, *masked))
        return answer


@dataclass
class World:
    """What the watcher saw of one world: on the day itself, and on the days after."""

    day: list[Said] = field(default_factory=list)
    days: list[Said] = field(default_factory=list)
    held: dict[str, bytes] = field(default_factory=dict)
    kinds: list[tuple[str, str, int]] = field(default_factory=list)

    @property
    def plain(self) -> list[bytes]:
        """What is held, but for the ids."""
        return sorted(_UUID.sub(b"-", each) for each in self.held.values())


def objects(label: str) -> tuple[dict[str, Any], ...]:
    """What a submitter hands in: all that may differ by who it is differs."""
    who = identity(9, name=f"The team of {label}", identity_class="organization")
    own = {
        "created_by_ref": who["id"],
        "external_references": [{"source_name": label, "external_id": f"{label}-1"}],
        f"x_{label}": label * 50,
        "lang": "cy" if label == ALDER else "fi",
        "created": "2026-03-01T08:00:00.000Z" if label == ALDER else "2026-03-02T07:11:12.345Z",
        "modified": "2026-03-03T08:00:00.000Z" if label == ALDER else "2026-03-04T07:11:12.345Z",
    }
    first = indicator(1, name="Beacon", **GREEN, **own)
    second = malware(2, name="Wiper", **GREEN, **own)
    third = link(first, second, 3, **GREEN, **own)
    alone = indicator(4, **GREEN, **own)
    return who, first, second, third, alone


def story(root: Path, submitter: str, *, before: bool = False) -> World:
    """One world: submitted, read, issued, corrected, recalled; then three quiet days.

    Args:
        before: Alder has submitted something earlier, and Birch never has, in both worlds.
    """
    network = Tapped(root, CEDAR)
    _, pact = centre(root, CENTRE, network)
    network.rounds()
    if before:
        submit_by(network, ALDER, pact, indicator(99, **GREEN))
    network.rounds()
    network.advance(timedelta(hours=2))
    network.rounds()
    network.phase("the day")
    house = network.houses[submitter]
    given = objects(submitter)
    submit_by(network, submitter, pact, *given)
    network.rounds()
    network.reseed("taken in")
    for waiting in queue(network):
        if waiting.state == "review":
            release(network, waiting.id)
    for hour in range(4):
        if hour == 2:
            recalls_by(network, submitter, pact, str(given[4]["id"]))
            again = given[1] | {"modified": "2026-03-05T00:00:00.000Z", "confidence": 90}
            submit_by(network, submitter, pact, again)
        network.advance(timedelta(hours=1))
        network.rounds()
        for waiting in queue(network):
            if waiting.state == "review":
                release(network, waiting.id)
    world = World(day=list(network.seen))
    network.phase("the days after")
    for _ in range(6):
        network.advance(timedelta(hours=12))
        network.rounds()
    world.days = list(network.seen)
    watching = network.houses[CEDAR]
    world.held = bodies(watching, pact)
    labels = {each.organisation.id: each.label for each in network.houses.values()}
    world.kinds = sorted(
        (labels[record.header.issuer], record.header.kind, len(record.raw))
        for record in folded(watching, pact).history.order
    )
    assert house.label == submitter
    with house.node.store.read() as reading:
        assert ledger.verify(reading, house.organisation.id) > 0
    return world


def submit_by(network: Tapped, label: str, pact: str, *given: dict[str, Any]) -> None:
    submit(network.houses[label], pact, *given)


def recalls_by(network: Tapped, label: str, pact: str, item: str) -> None:
    house = network.houses[label]
    recalls.recall(house.node, house.actor, item, pact, f"{label} was wrong")


def test_what_a_third_party_sees_does_not_depend_on_who_submitted(tmp_path: Path) -> None:
    one, other = (story(tmp_path / each, each) for each in (ALDER, BIRCH))

    assert len(one.day) > 50
    assert one.day == other.day
    assert [each.shape for each in one.days] == [each.shape for each in other.days]
    assert one.held == other.held
    assert one.kinds == other.kinds
    # It was not for want of anything to see: four objects, one corrected, one recalled.
    assert len(one.held) == 3
    assert b'"confidence":90' in b"".join(one.held.values())
    assert {kind for _, kind, _ in one.kinds} >= {"exchange.recall", "ledger.commit"}
    seen = b"".join(each.question + each.answer for each in one.day)
    assert b"Beacon" in seen
    assert b"The team of" not in seen
    commits = [who for who, kind, _ in one.kinds if kind == "ledger.commit"]
    assert {commits.count(who) for who in (ALDER, BIRCH, CEDAR)} == {3}


def test_nor_does_it_show_whether_the_submitter_has_done_so_before(tmp_path: Path) -> None:
    """Salts, and so ids, are others then; who says what, when, and how much of it is not."""
    one, other = (story(tmp_path / each, each, before=True) for each in (ALDER, BIRCH))

    assert [each.shape for each in one.day] == [each.shape for each in other.day]
    assert [each.shape for each in one.days] == [each.shape for each in other.days]
    assert one.kinds == other.kinds
    assert one.plain == other.plain
    assert len(one.held) == 4
    assert one.held != other.held


NAMED = CENTRE.replace(b"    direction: hub\n", b"").replace(
    b"    anonymise: {by: hub, min_group: 3}\n", b""
)


def test_the_comparison_would_find_a_name(tmp_path: Path) -> None:
    """The twin: the same story where nobody hides the sender."""

    def plain(label: str) -> list[Said]:
        network = Tapped(tmp_path / label, CEDAR)
        _, pact = centre(tmp_path / label, NAMED, network)
        network.rounds()
        network.phase("the day")
        assert not submit(network.houses[label], pact, indicator(1, **GREEN)).stored
        share(network.houses[label], pact, indicator(1, **GREEN))
        network.rounds()
        return list(network.seen)

    one, other = plain(ALDER), plain(BIRCH)
    assert [each.shape for each in one] != [each.shape for each in other]


def test_a_cursor_is_all_that_is_masked(tmp_path: Path) -> None:
    place = b"0" * 104
    assert _CURSOR.sub(b"*", b'{"next":"' + place + b'"}') == b'{"next":"*"}'
    assert _CURSOR.sub(b"*", place[:64]) == place[:64]
