"""A river, a harbour and an observer with a console each, and visitors to them.

The nodes are real (see `tests.node.network`); only the wire between them is short.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib import resources
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.testclient import TestClient

from allied.agreement.matters import Matter
from allied.entrypoints.console import Console, mount
from allied.node import incidents, obligations, organisations, people, proposals, sharing
from tests.node.network import PASSPHRASE, House, Network

DEMO = (resources.files("allied.agreement") / "templates" / "demo.yaml").read_bytes()
INTEL = (resources.files("allied.story") / "intel.json").read_bytes()
ATTACK = (resources.files("allied.story") / "incident.yaml").read_bytes()
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
ODD_NAME = 'Odd <script>alert(1)</script> \u202egnirts\u0007 "quoted"'


@dataclass(frozen=True)
class Stage:
    """Three organisations under one agreement, with items; River's console is visited."""

    network: Network
    agreement: str
    incident: str
    proposal: str
    haulier: House

    @property
    def pages(self) -> dict[str, str]:
        """Every page that a reader of River can open, by a name."""
        return {
            "overview": "/",
            "agreement": f"/agreements/{self.agreement}",
            "items": "/items",
            "item": "/items/41",
            "incidents": "/incidents",
            "incident": f"/incidents/{self.incident}",
            "report": f"/incidents/{self.incident}/report",
            "proposals": "/proposals",
            "proposal": f"/proposals/{self.proposal}",
        }

    def house(self, label: str = "river") -> House:
        return self.network.houses[label]


def play(root: Path, *, bundles: Sequence[bytes]) -> Stage:
    """Set the stage: everything that the pages are to show.

    Haulier is hosted on River's node and in none of River's agreements.
    """
    network = Network(root)
    for label, name in (
        ("river", "River Bank plc"),
        ("harbour", "Harbour Logistics SA"),
        ("northgate", "Northgate CERT"),
    ):
        network.found(label, name)
    network.introduce_all()
    agreement = network.sign_all(DEMO, "river")
    river = network.houses["river"]
    for bundle in bundles:
        sharing.share(
            river.node,
            river.organisation,
            river.keys,
            once(bundle),
            agreement,
            sharing.Wish(),
        )
    network.settle()
    incident = attack(network, agreement)
    return Stage(network, agreement, incident, question(network, agreement), neighbour(river))


def question(network: Network, agreement: str) -> str:
    """Harbour asks for another text, for odd reasons; River has not voted yet."""
    harbour = network.houses["harbour"]
    text = DEMO.replace(b"term: 3 years", b"term: 5 years")
    wish = proposals.Wish(Matter(kind="amendment"), text, deadline="10 days")
    put = proposals.put(harbour.node, harbour.actor, agreement, wish)
    proposals.say(harbour.node, harbour.actor, put.id, proposals.Word("vote", "yes", why=ODD_NAME))
    network.settle()
    return put.id


def attack(network: Network, agreement: str) -> str:
    """An attack on Harbour, called in; River answers, Harbour waits for the rest."""
    harbour, river = network.houses["harbour"], network.houses["river"]
    network.advance(timedelta(hours=1))
    found = incidents.report(harbour.node, harbour.actor, ATTACK, "incident.yaml", agreement)[0]
    network.advance(timedelta(minutes=6))
    called = incidents.invoke(harbour.node, harbour.actor, found.id, "2")
    network.advance(timedelta(minutes=1))
    network.settle()
    key = called.obligations[0].key
    network.advance(timedelta(minutes=17))
    obligations.say(river.node, river.actor, key, "acknowledge")
    network.advance(timedelta(minutes=34))
    obligations.say(river.node, river.actor, key, "accept")
    network.advance(timedelta(minutes=50))
    network.settle()
    return found.id


def once(raw: bytes) -> Callable[[], Iterator[bytes]]:
    """A source that gives these bytes, each time it is asked."""
    return lambda: iter((raw,))


def odd_bundle() -> bytes:
    """A bundle whose texts try to be something else."""
    return json.dumps(
        {
            "type": "bundle",
            "id": "bundle--7d7a6a4e-0f65-4c2f-9d2a-6f7d40f0c111",
            "objects": [
                {
                    "type": "indicator",
                    "spec_version": "2.1",
                    "id": "indicator--7d7a6a4e-0f65-4c2f-9d2a-6f7d40f0c222",
                    "created": "2026-11-20T00:00:00.000Z",
                    "modified": "2026-11-20T00:00:00.000Z",
                    "name": ODD_NAME,
                    "pattern": "[file:name = 'odd.exe']",
                    "pattern_type": "stix",
                    "valid_from": "2026-11-20T00:00:00Z",
                }
            ],
        }
    ).encode()


def application(house: House) -> tuple[Starlette, Console]:
    """A server's application with nothing in it but the console."""
    app = Starlette()
    return app, mount(app, house.node)


def link_path(house: House) -> str:
    """A fresh one-time link, as a path."""
    return f"/login/{people.link(house.node, house.organisation, 'kim').secret}"


@contextlib.contextmanager
def visitor(house: House) -> Iterator[TestClient]:
    """Somebody at a console who has not logged in."""
    app, _ = application(house)
    with TestClient(app, base_url="http://127.0.0.1:8811", follow_redirects=False) as client:
        yield client


@contextlib.contextmanager
def reader(house: House) -> Iterator[TestClient]:
    """Somebody at a console who has."""
    with visitor(house) as client:
        assert client.post(link_path(house), headers=SAME_ORIGIN).status_code == 303
        yield client


@dataclass
class Served:
    """A console on a free port, which can be taken down and put up again."""

    house: House
    port: int
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None
    _console: Console | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        app, self._console = application(self.house)
        self._console.streams.look_seconds = 0.2
        self._console.streams.beat_seconds = 2.0
        listening = socket.socket()
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        listening.listen()
        self.port = listening.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                app, lifespan="off", ws="none", log_config=None, timeout_graceful_shutdown=1
            )
        )
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listening]})
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
            assert self._thread.is_alive()

    def stop(self) -> float:
        """Take it down; returns the seconds that took."""
        assert self._server is not None
        assert self._thread is not None
        assert self._console is not None
        began = time.monotonic()
        self._console.end()
        self._server.should_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()
        return time.monotonic() - began


def neighbour(house: House) -> House:
    """Another organisation on the same node."""
    made = organisations.found(
        house.node, label="haulier", name="Haulier C", url="", person="kim", passphrase=PASSPHRASE
    )
    return replace(house, label="haulier", organisation=made.organisation)
