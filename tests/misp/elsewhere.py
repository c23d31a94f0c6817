"""A small MISP that gives what it was given: a live instance at `/misp/`, a feed at `/feed/`.

What it gets wrong can be changed while it runs; what it is asked, and with which key, is noted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send

KEY = "a key of forty letters or so"


@dataclass
class Misp:
    """The server.

    Attributes:
        events: by uuid, in the order in which they are listed.
        instead: an answer of its own for the end of a path, in place of the right one.
        listing: an answer of its own for the list of events.
    """

    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    instead: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    listing: Any = None
    asked: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def give(self, *events: dict[str, Any]) -> None:
        self.events |= {each["uuid"]: each for each in events}

    @property
    def fetched(self) -> list[str]:
        """The uuids of the events that were asked for since the last look."""
        found = [each.rpartition("/")[2].removesuffix(".json") for each in self.asked]
        self.asked.clear()
        return [each for each in found if each not in ("index", "manifest")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        path = scope["path"]
        self.asked.append(path)
        self.bodies.append(body)
        status, answer = self.answer(scope["method"], path, dict(scope["headers"]))
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    def answer(self, method: str, path: str, headers: dict[bytes, bytes]) -> tuple[int, bytes]:
        last = path.rpartition("/")[2]
        if last in self.instead:
            return self.instead[last]
        instance = path.startswith("/misp/")
        if instance and headers.get(b"authorization", b"").decode() != KEY:
            return 403, b'{"name":"Authentication failed."}'
        if instance and headers.get(b"accept") != b"application/json":
            return 200, b"<html>"
        if (method, path) in (("POST", "/misp/events/index"), ("GET", "/feed/manifest.json")):
            return 200, json.dumps(
                self.listing if self.listing is not None else self.list(instance)
            ).encode()
        found = self.events.get(last.removesuffix(".json"))
        if method != "GET" or found is None:
            return 404, b"{}"
        return 200, json.dumps({"Event": found}).encode()

    def list(self, instance: bool) -> Any:
        """What there is, as an instance or a feed lists it."""
        if not instance:
            return {
                name: {"timestamp": each["timestamp"], "info": ""}
                for name, each in self.events.items()
            }
        return [
            {
                "uuid": name,
                "timestamp": each["timestamp"],
                "published": each["published"],
                "id": "7",
            }
            for name, each in self.events.items()
        ]
