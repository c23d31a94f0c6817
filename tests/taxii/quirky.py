"""A small TAXII server that does wrong what real ones do wrong, one quirk at a time or all at once.

It holds one collection. What it gets wrong can be changed while it runs; what it is asked is
counted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PATH = "/api1/collections/odd/"


@dataclass(frozen=True)
class Quirks:
    """What the server does wrong.

    Attributes:
        cap: objects on a page, whatever the limit.
        inclusive: `added_after` is taken as "at or after".
        following: `good`; `none` is given; `once`, each works only once; `ignored`, the question
            without it is answered again; `forgotten`, each is refused.
        digits: of the fraction in dates that it writes; None for no date at all.
        times: how often each page is given before the next.
        loops: after the last page it begins again, for ever.
        empty: between two pages comes one with nothing on it.
        more: how it says that there is more.
        numbers: `next` is a number.
        picky: dates with more than three digits are refused.
    """

    cap: int = 100
    inclusive: bool = False
    following: str = "good"
    digits: int | None = 6
    times: int = 1
    loops: bool = False
    empty: bool = False
    more: Any = True
    numbers: bool = False
    picky: bool = False


@dataclass
class Quirky:
    """The server; `given` are (microseconds since 1970, object), by date."""

    quirks: Quirks = field(default_factory=Quirks)
    given: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    added: list[dict[str, Any]] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    status: int = 200
    can_write: bool = True
    longest: int = 10_000
    shown: list[str] = field(default_factory=list)
    garbage: bytes | None = None
    _used: set[str] = field(default_factory=set)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, query = scope["path"], scope["query_string"].decode()
        self.asked.append(f"{scope['method']} {path}?{query}")
        given = dict(scope["headers"])
        self.shown.append(given.get(b"authorization", b"").decode())
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        status, value, dated = self.answer(scope["method"], path, query, body)
        headers = [(b"content-type", b"application/taxii+json;version=2.1")]
        if dated:
            headers.append((b"x-taxii-date-added-last", dated.encode()))
        raw = json.dumps(value).encode() if self.garbage is None else self.garbage
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": raw})

    def answer(self, method: str, path: str, query: str, body: bytes) -> tuple[int, Any, str]:
        """Status, resource, and the date of the last object."""
        if self.status != 200:
            return self.status, {"title": "no"}, ""
        if path == "/api1/":
            return 200, {"title": "odd", "versions": [], "max_content_length": self.longest}, ""
        if path == PATH:
            shown = {"id": "odd", "title": "Odd", "can_read": True, "can_write": self.can_write}
            return 200, shown, ""
        if path == f"{PATH}objects/" and method == "POST":
            objects = json.loads(body)["objects"]
            self.added += objects
            found = {"id": "s", "status": "complete", "failure_count": 0}
            return 202, found | {"total_count": len(objects)}, ""
        if path.startswith(f"{PATH}objects/") and method == "DELETE":
            self.deleted.append(f"{path.removeprefix(f'{PATH}objects/')}?{query}")
            return 200, {}, ""
        parameters = dict(parse_qsl(query))
        if path == f"{PATH}objects/":
            return self.page(parameters, [(at, each) for at, each in self.given])
        if path == f"{PATH}manifest/":
            entries = [
                (at, {"id": each["id"], "date_added": self.date(at), "version": each["modified"]})
                for at, each in self.given
            ]
            return self.page(parameters, entries)
        return 404, {"title": "nothing"}, ""

    def page(
        self, parameters: Mapping[str, str], listed: list[tuple[int, Any]]
    ) -> tuple[int, Any, str]:
        """One page, with all that is wrong with it."""
        quirks = self.quirks
        if quirks.picky and "." in parameters.get("added_after", ""):
            fraction = parameters["added_after"].partition(".")[2].rstrip("Z")
            if len(fraction) > 3:
                return 400, {"title": "the date"}, ""
        if "added_after" in parameters:
            after = (datetime.fromisoformat(parameters["added_after"]) - EPOCH) // timedelta(
                microseconds=1
            )
            listed = [
                each
                for each in listed
                if each[0] > after or (quirks.inclusive and each[0] == after)
            ]
        given = parameters.get("next", "")
        if given and quirks.following == "forgotten":
            return 400, {"title": "next"}, ""
        if given and quirks.following == "once":
            if given in self._used:
                return 400, {"title": "next"}, ""
            self._used.add(given)
        turn = int(given) % 1_000_000 if given and quirks.following != "ignored" else 0
        cap = min(quirks.cap, int(parameters.get("limit", quirks.cap)))
        steps = quirks.times + quirks.empty
        place, extra = divmod(turn, steps)
        start = place * cap
        whole = max(1, -(-len(listed) // cap))
        if quirks.loops:
            start = (place % whole) * cap
        page = [] if quirks.empty and extra == quirks.times else listed[start : start + cap]
        last_place = start + cap >= len(listed)
        more = quirks.loops or not (last_place and extra >= quirks.times - 1)
        envelope: dict[str, Any] = {"objects": [each for _, each in page]} if page else {}
        if more:
            if quirks.more is not None:
                envelope["more"] = quirks.more
            if quirks.following != "none":
                number = turn + 1 + 1_000_000 * len(self.asked) * (quirks.following == "once")
                envelope["next"] = number if quirks.numbers else str(number)
        return 200, envelope, self.date(page[-1][0]) if page else ""

    def date(self, at: int) -> str:
        """A date as this server writes it: cut, not rounded."""
        digits = self.quirks.digits
        if digits is None:
            return ""
        text = (EPOCH + timedelta(microseconds=at)).strftime("%Y-%m-%dT%H:%M:%S.%f")
        return (text[: len(text) - 6 + digits] if digits else text[:-7]) + "Z"
