"""Three real nodes that stories are told over: server processes on loopback, ended by id.

Each house is a folder with its own keys and database, and a serving process over it. What a
house does, it does as a command-line verb beside its server would; what it holds of others
came through its own server. All three know each other when they sign; then the line between
River and Northgate is cut for good, so that whatever of River reaches Northgate came by way
of Harbour.

Waiting for something not to happen: what was shared later, and arrived, shows that the
exchange in which the other thing would have come is over (`Alliance.settled`).
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from httpx2 import Client

from allied.adapters.folder import DataFolder
from allied.entrypoints.cli.demo.house import House, Role, founded
from allied.entrypoints.cli.demo.servers import HOST, Server, free_ports
from allied.errors import NotFoundError
from allied.node import agreements, items, peers, sharing, sync
from allied.record.identity import open_chain
from tests.stories.doors import Doors
from tests.stories.pieces import Piece, bundle, piece
from tests.stories.texts import TEXTS

T = TypeVar("T")

RIVER, HARBOUR, NORTHGATE = "river", "harbour", "northgate"
ROLES = (
    Role(RIVER, "River Bank plc", "kim", "Kim"),
    Role(HARBOUR, "Harbour Logistics SA", "lee", "Lee"),
    Role(NORTHGATE, "Northgate CERT", "max", "Max"),
)
PASSPHRASE = "correct horse battery"
LONGEST = 30.0
"""Seconds that something may take which takes one on a machine that is idle."""


@dataclass
class Alliance:
    """The three houses, and the agreements among them by the names of `TEXTS`."""

    houses: Mapping[str, House]
    agreements: dict[str, str] = field(default_factory=dict)
    _clients: dict[str, Client] = field(default_factory=dict)
    _doors: dict[tuple[str, str], Doors] = field(default_factory=dict)

    @property
    def river(self) -> House:
        return self.houses[RIVER]

    @property
    def harbour(self) -> House:
        return self.houses[HARBOUR]

    @property
    def northgate(self) -> House:
        return self.houses[NORTHGATE]

    # --- doing ----------------------------------------------------------------------------

    def share(
        self,
        house: House,
        agreement: str,
        *pieces: Piece,
        on_decision: Callable[[sharing.Decision], None] | None = None,
        **wish: Any,
    ) -> sharing.Shared:
        """Share valid pieces; the house's server tells the others."""
        raw = bundle(*pieces)
        shared = sharing.share(
            house.node,
            house.organisation,
            house.keys,
            lambda: iter((raw,)),
            self.agreements[agreement],
            sharing.Wish(**wish),
            on_decision=on_decision,
        )
        assert not shared.invalid, shared.invalid
        return shared

    def exchange(self, house: House) -> frozenset[str]:
        """Exchange with everybody now, to the end; the codes of what was refused."""
        outcomes = sync.sync_now(house.node, house.keys)
        return frozenset(code for each in outcomes for code in each.refused)

    # --- looking --------------------------------------------------------------------------

    def doors(self, house: House, agreement: str) -> Doors:
        """The doors of a house onto an agreement."""
        client = self._clients.get(house.label)
        if client is None:
            client = self._clients[house.label] = Client(base_url=house.url, timeout=LONGEST)
        key = (house.label, agreement)
        if key not in self._doors:
            self._doors[key] = Doors(house, self.agreements[agreement], client)
        return self._doors[key]

    def showing(self, house: House, agreement: str, each: Piece) -> frozenset[str]:
        """The doors of a house behind which a piece lies."""
        return self.doors(house, agreement).showing(each)

    def close(self) -> None:
        """Close what was opened to look."""
        for client in self._clients.values():
            client.close()

    def holds(self, house: House, agreement: str, each: Piece) -> bool:
        """Whether a house holds this very version."""
        found = items.list_items(
            house.node, house.organisation, agreement=self.agreements[agreement], item=each.id
        )
        return any(view.modified == each.value["modified"] for view in found)

    def arrived(self, house: House, agreement: str, *pieces: Piece) -> None:
        """Wait until a house holds these pieces."""
        until(
            f"{house.label} holds {len(pieces)} pieces",
            lambda: all(self.holds(house, agreement, each) for each in pieces),
        )

    def settled(self, sender: House, receiver: House, agreement: str) -> None:
        """Wait until whatever `sender` had for `receiver` before has been fetched."""
        last = piece("GREEN")
        self.share(sender, agreement, last)
        self.arrived(receiver, agreement, last)

    # --- lines ----------------------------------------------------------------------------

    def cut(self, one: House, other: House) -> None:
        """Let two houses find nobody any more where the other one was."""
        for here, there in ((one, other), (other, one)):
            _repoint(here, there, f"http://{HOST}:{free_ports(1)[0]}")

    def mend(self, one: House, other: House) -> None:
        """Let two houses find each other again."""
        for here, there in ((one, other), (other, one)):
            _repoint(here, there, there.url)


def _repoint(here: House, there: House, url: str) -> None:
    with here.node.store.read() as reading:
        chain = tuple(reading.descriptors(there.organisation.id))
    peers.add(here.node, url, peers.Offered(open_chain(chain), chain), confirmed=True)


def until(what: str, look: Callable[[], T | None], *, seconds: float = LONGEST) -> T:
    """Look until there is something; what is not known yet is a reason to look again."""
    deadline = time.monotonic() + seconds
    last = ""
    while time.monotonic() < deadline:
        try:
            if found := look():
                return found
        except NotFoundError as problem:
            last = f"; last: {problem.code}"
        time.sleep(0.05)
    raise AssertionError(f"not in time: {what}{last}")


# --- raising the curtain ------------------------------------------------------------------


@contextmanager
def standing(root: Path, names: Sequence[str]) -> Iterator[Alliance]:
    """Three serving nodes under these agreements, all in force."""
    secret = root / "passphrase"
    secret.touch(0o600)
    secret.write_text(PASSPHRASE)
    ports = free_ports(2 * len(ROLES))
    houses: dict[str, House] = {}
    alliance: Alliance | None = None
    try:
        for number, role in enumerate(ROLES):
            folder = root / role.label
            log, (port, admin) = root / f"{role.label}.log", ports[2 * number : 2 * number + 2]
            server = Server(role.label, folder, log, secret, port, admin)
            DataFolder(folder).create()
            houses[role.label] = founded(role, server, PASSPHRASE)
            server.start()
        alliance = Alliance(houses)
        _introduce(alliance)
        _agree(alliance, names)
        alliance.cut(alliance.river, alliance.northgate)
        yield alliance
    finally:
        if alliance is not None:
            alliance.close()
        for house in houses.values():
            house.server.ask_to_stop()
        for house in houses.values():
            house.server.see_it_stop(time.monotonic() + 5.0)
            house.node.close()


def _introduce(alliance: Alliance) -> None:
    for house in alliance.houses.values():
        until(f"{house.label} answers", partial(_answers, house))
    for house in alliance.houses.values():
        for other in alliance.houses.values():
            if other is not house:
                offered = peers.look(house.node, other.url, given=other.fingerprint)
                peers.add(house.node, other.url, offered, confirmed=True)


def _answers(house: House) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((HOST, house.server.port), 1):
        return True
    return False


def _agree(alliance: Alliance, names: Sequence[str]) -> None:
    """Put every text forward, let everybody sign all, and wait until all are in force."""
    river, given = (
        alliance.river,
        {each.label: each.organisation.id for each in alliance.houses.values()},
    )
    for name in names:
        text = TEXTS[name].encode()
        proposal = agreements.prepare(river.node, river.organisation, text, f"{name}.yaml", given)
        alliance.agreements[name] = agreements.propose(river.node, river.actor, proposal).id
    for house in alliance.houses.values():
        for each in alliance.agreements.values():
            until(f"{house.label} has the text", partial(agreements.show, house.node, each))
            agreements.sign(house.node, house.actor, each)
    for house in alliance.houses.values():
        for each in alliance.agreements.values():
            until(f"{each} is in force", partial(_in_force, house, each))


def _in_force(house: House, agreement: str) -> bool:
    found = agreements.show(house.node, agreement)
    return found.state == "in-force" and all(party.signed_at for party in found.parties)
