"""Three houses with River's whole web application, and tokens of every kind for it.

The nodes are real (see `tests.console.stage`). Haulier is hosted on River's node and in none
of its agreements.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from httpx2 import Response
from starlette.testclient import TestClient

from allied.entrypoints.serving import build
from allied.node import people, roles
from allied.node.people import NewToken
from tests.console.stage import INTEL, Stage, play
from tests.node.network import House

ROOM = 1 << 40


@dataclass
class Stand:
    """River's node behind its doors."""

    stage: Stage
    client: TestClient
    app: FastAPI
    _tokens: dict[tuple[str, str], NewToken] = field(default_factory=dict)

    @property
    def river(self) -> House:
        return self.stage.house("river")

    def token(self, role: str = "viewer", **more: Any) -> NewToken:
        """A token of River; the usual ones are made once."""
        if more:
            return people.new_token(self.river.node, self.river.organisation, role=role, **more)
        key = (role, "")
        if key not in self._tokens:
            self._tokens[key] = people.new_token(
                self.river.node, self.river.organisation, role=role
            )
        return self._tokens[key]

    def ask(
        self,
        method: str,
        path: str,
        *,
        role: str = "viewer",
        token: NewToken | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> Response:
        """Ask `/api/v1` + path with a token."""
        shown = {"authorization": f"Bearer {(token or self.token(role)).bearer}"}
        answer: Response = self.client.request(
            method, f"/api/v1{path}", headers={**shown, **(headers or {})}, **more
        )
        return answer

    def get(self, path: str, **more: Any) -> Any:
        """What a GET gives; it must be there."""
        answer = self.ask("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, *, role: str = "analyst", **more: Any) -> Response:
        return self.ask("POST", path, role=role, **more)


def basic(token: NewToken) -> str:
    """A token as HTTP Basic."""
    pair = f"{token.token.id}:{token.secret}".encode()
    return "Basic " + base64.b64encode(pair).decode()


def code(answer: Response, status: int) -> str:
    """The code of a refusal, which has the promised form."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    error = answer.json()["error"]
    assert {"code", "message", "hint"} <= error.keys()
    return str(error["code"])


@contextmanager
def standing(root: Path, *, bundles: tuple[bytes, ...] = (INTEL,)) -> Iterator[Stand]:
    """Set the stage and open River's doors."""
    stage = play(root, bundles=bundles)
    with opened(stage, stage.house("river")) as stand:
        yield stand


@contextmanager
def opened(stage: Stage, house: House) -> Iterator[Stand]:
    """The doors of one house, with what is behind them."""
    app, end = build(house.node, house.answers, house.keys, lambda: ROOM)
    try:
        with TestClient(
            app,
            base_url="http://127.0.0.1:8811",
            follow_redirects=False,
            raise_server_exceptions=False,
        ) as client:
            yield Stand(stage, client, app)
    finally:
        end()


ROLES = roles.TOKEN_ROLES
