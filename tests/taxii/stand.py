"""A house of an alliance in force, with its whole application on a real HTTP server.

Everything is as `serve` puts it together, so that objects can be added, shared and recalled;
`tests.taxii.shelf` is the cheaper twin for whatever only reads.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from allied.entrypoints.serving import build
from allied.entrypoints.wire import BoundedProtocol
from allied.node import people
from allied.node.people import NewToken
from tests.federation.houses import serving
from tests.node.hands import RIVER, allied
from tests.node.network import House, Network

MEDIA_TYPE = "application/taxii+json;version=2.1"
ROOM = 1 << 40


@dataclass
class Stand:
    """River's node on a port of loopback, and who asks it."""

    network: Network
    pact: str
    url: str
    client: httpx2.Client
    _tokens: dict[str, NewToken] = field(default_factory=dict)

    @property
    def river(self) -> House:
        return self.network.houses[RIVER]

    @property
    def root(self) -> str:
        return f"/taxii2/{self.pact}"

    @property
    def path(self) -> str:
        """The collection that can be written."""
        return f"{self.root}/collections/all"

    def token(self, role: str = "integrator", **more: Any) -> NewToken:
        """A token of River; the plain ones are made once."""
        if more:
            return people.new_token(self.river.node, self.river.organisation, role=role, **more)
        if role not in self._tokens:
            self._tokens[role] = people.new_token(
                self.river.node, self.river.organisation, role=role
            )
        return self._tokens[role]

    def ask(
        self,
        method: str,
        path: str,
        *,
        role: str = "integrator",
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        """One request with a token; `headers` are added, an empty one takes its name away."""
        shown = {"authorization": basic(self.token(role)), "accept": MEDIA_TYPE}
        given = {name: value for name, value in (shown | dict(headers or {})).items() if value}
        return self.client.request(method, path, headers=given, **more)

    def get(self, path: str, **more: Any) -> httpx2.Response:
        return self.ask("GET", path, **more)

    def post(self, body: bytes, *, content_type: str = MEDIA_TYPE, **more: Any) -> httpx2.Response:
        """Add an envelope to the collection that can be written."""
        headers = {"content-type": content_type} | dict(more.pop("headers", {}))
        return self.ask("POST", f"{self.path}/objects/", headers=headers, content=body, **more)

    def add(self, *objects: Mapping[str, Any]) -> dict[str, Any]:
        """Add objects, all of which must be taken; the status."""
        answer = self.post(json.dumps({"objects": objects}).encode())
        assert answer.status_code == 202, answer.text
        status: dict[str, Any] = answer.json()
        assert status["failure_count"] == 0, status
        return status

    def objects(self, query: str = "", **more: Any) -> list[dict[str, Any]]:
        """The objects on one page of the collection."""
        answer = self.get(f"{self.path}/objects/{query}", **more)
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json().get("objects", [])
        return found


def basic(token: NewToken) -> str:
    """A token as HTTP Basic."""
    pair = f"{token.token.id}:{token.secret}".encode()
    return "Basic " + base64.b64encode(pair).decode()


@contextmanager
def standing(root: Path, *, tls: tuple[Path, Path] | None = None) -> Iterator[Stand]:
    """Found the alliance, and serve River until the block ends."""
    network, pact = allied(root)
    with opened(network, pact, tls=tls) as stand:
        yield stand


@contextmanager
def opened(network: Network, pact: str, *, tls: tuple[Path, Path] | None = None) -> Iterator[Stand]:
    """Serve River of an alliance that exists."""
    river = network.houses[RIVER]
    app, end = build(river.node, river.answers, river.keys, lambda: ROOM)
    try:
        with (
            serving(app, tls=tls, http=BoundedProtocol) as url,
            httpx2.Client(base_url=url, timeout=30) as client,
        ):
            yield Stand(network, pact, url, client)
    finally:
        end()
