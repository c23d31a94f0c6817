"""A network of real nodes inside one process: own folders and keys, a hand-set clock.

The nodes are put together by the production bootstrap over SQLite; only the wire between
them is short: a question is handed to the other node's `Answers` instead of being sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from allied.adapters.clock import HandClock
from allied.adapters.folder import DataFolder
from allied.adapters.sealed import ALMOST_NONE_FOR_TESTS
from allied.adapters.settings import Settings
from allied.bootstrap import assemble
from allied.errors import NotFoundError, UnreachableError, UnverifiedError
from allied.node import agreements, along, messages, organisations, peers, sync
from allied.node.answers import Answers
from allied.node.node import Actor, Node
from allied.node.ports import Chance, Introduction, Keys, Listener, Speaker
from allied.node.rows import Organisation
from allied.record.ids import OrganisationId

START = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
FINE, LOST_QUESTION, LOST_ANSWER, TWICE = "fine", "lost question", "lost answer", "twice"
PASSPHRASE = "correct horse"


@dataclass
class House:
    """One node with one organisation and its keys unlocked."""

    label: str
    url: str
    node: Node
    organisation: Organisation
    keys: Keys
    answers: Answers
    hints: list[OrganisationId] = field(default_factory=list)

    @property
    def actor(self) -> Actor:
        """The organisation with its only person."""
        return Actor(self.organisation, self.keys, "kim")

    def sync(self) -> Sequence[sync.Outcome]:
        """Pull from everybody."""
        return sync.sync(self.node, self.keys)


class Wires:
    """The `Peers` port of one house: questions go straight to the other house."""

    def __init__(self, network: Network) -> None:
        self._network = network

    def close(self) -> None:
        """There is nothing to close."""

    def introduce(self, url: str, *, allowed_private: bool) -> Sequence[Introduction]:  # noqa: ARG002
        return self._network.at(url).answers.hosted()

    def ask(
        self, speaker: Speaker, listener: Listener, path: str, body: bytes, *, limit: int
    ) -> bytes:
        network = self._network
        house = network.at(listener.url)
        network.asked.append((speaker.organisation, listener.organisation, path))
        if (speaker.organisation, listener.organisation) in network.cut:
            raise UnreachableError("peer.timeout", "the line is cut")
        known = house.answers.listener_keys(speaker.organisation) or {}
        if speaker.signer.public.key_id not in known:
            raise UnreachableError("peer.not-found", "they do not know us")
        if house.answers.signer(listener.organisation).public.key_id not in listener.keys:
            raise UnverifiedError("peer.bad-signature", "another key has signed the answer")
        weather = network.weather(path)
        if weather == LOST_QUESTION:
            raise UnreachableError("peer.timeout", "the question was lost")
        answer = b""
        for _ in range(2 if weather == TWICE else 1):
            try:
                answer = house.answers.answer(
                    speaker.organisation, listener.organisation, path, body
                )
            except NotFoundError as unknown:
                raise UnreachableError("peer.not-found", "they do not know us") from unknown
        if weather == LOST_ANSWER:
            raise UnreachableError("peer.timeout", "the answer was lost")
        assert len(answer) <= limit
        return network.tampered(path, answer)


class Network:
    """Several houses that can reach each other, until a line is cut."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.clock = HandClock(START)
        self.houses: dict[str, House] = {}
        self.cut: set[tuple[OrganisationId, OrganisationId]] = set()
        self.asked: list[tuple[OrganisationId, OrganisationId, str]] = []
        self.spoil: Mapping[str, bytes | Callable[[bytes], bytes]] = {}
        self.weather: Callable[[str], str] = lambda _: FINE

    def found(self, label: str, name: str, chance: Chance | None = None, url: str = "") -> House:
        """Found a house with one organisation and one person, kim; at a real address, if given."""
        folder = DataFolder(self._root / label)
        folder.create()
        url = url or f"http://127.0.0.1/{label}"
        opened = assemble(folder, Settings(), clock=self.clock, hardness=ALMOST_NONE_FOR_TESTS)
        node = replace(opened.node, peers=Wires(self), chance=chance or opened.node.chance)
        made = organisations.found(
            node, label=label, name=name, url=url, person="kim", passphrase=PASSPHRASE
        )
        keys = node.vault.unlock(PASSPHRASE)
        hints: list[OrganisationId] = []
        house = House(
            label, url, node, made.organisation, keys, Answers(node, keys, hints.append), hints
        )
        self.houses[label] = house
        return house

    def cut_between(self, one: str, other: str) -> None:
        """Cut the line between two houses, both ways."""
        a, b = (self.houses[each].organisation.id for each in (one, other))
        self.cut |= {(a, b), (b, a)}

    def heal(self) -> None:
        """Everything works again."""
        self.cut, self.spoil, self.weather = set(), {}, lambda _: FINE

    def at(self, url: str) -> House:
        """The house at an address."""
        return next(house for house in self.houses.values() if house.url == url)

    def introduce_all(self) -> None:
        """Everybody adds everybody, by the fingerprint."""
        for house in self.houses.values():
            for other in self.houses.values():
                if other is not house:
                    offered = peers.look(house.node, other.url)
                    peers.add(house.node, other.url, offered, confirmed=True)

    def tampered(self, path: str, answer: bytes) -> bytes:
        """The answer as it arrives; what spoils a page of records spoils one that comes along."""
        page = None
        if path == messages.HEADS:
            answer, page = along.parted(answer)
        spoilt = self.spoil.get(path, answer)
        found = spoilt(answer) if callable(spoilt) else spoilt
        if page is not None:
            page = self.tampered(messages.RECORDS, page)
        return along.joined(found, page)

    def settle(self, rounds: int = 3) -> None:
        """Everybody pulls from everybody, a few times."""
        for _ in range(rounds):
            for house in self.houses.values():
                house.sync()

    def advance(self, by: timedelta) -> None:
        """Let time pass for everybody."""
        self.clock.advance(by)

    def sign_all(self, text: bytes, proposer: str, *, unsigned: Sequence[str] = ()) -> str:
        """Propose a text, let every house sign it but some; returns the agreement's id."""
        house = self.houses[proposer]
        proposal = agreements.prepare(house.node, house.organisation, text, "pact.yaml", {})
        made = agreements.propose(house.node, house.actor, proposal)
        for other in self.houses.values():
            other.sync()
            self.advance(timedelta(seconds=1))
            if other.label not in unsigned:
                agreements.sign(other.node, other.actor, made.id)
        self.settle()
        return made.id
