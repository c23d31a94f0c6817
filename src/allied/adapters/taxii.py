"""Requests to TAXII servers and MISPs of others, through the one way out (`adapters.outgoing`).

What is asked and what an answer means are for the use cases (`node.servers`,
`node.neighbours`, `node.misp_servers`); here a request gets its headers and its secret, and an
answer that is no success becomes a refusal of ours.

Rules. A secret lies in a file that nobody but its owner reads; it is read for each request,
bounded, and put into no message. No redirect is followed: it would carry the secret elsewhere.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from allied.adapters.outgoing import Call, Outgoing, Reply, origin
from allied.adapters.secret_file import one_line
from allied.errors import AlliedError, RefusedError, UnreachableError, UnverifiedError, UsageError
from allied.node.servers import MEDIA_TYPE, MISP, Server, Told

SECONDS: Final = 120.0
_DATED: Final = b"x-taxii-date-added-last"
_LONGEST_DATE: Final = 64


class HttpServers:
    """`servers.Servers` over HTTP; may be used from many threads at once.

    Args:
        seconds: how long one request may take, its answer included.
    """

    def __init__(self, outgoing: Outgoing, *, seconds: float = SECONDS) -> None:
        self._outgoing = outgoing
        self._seconds = seconds

    def ask(self, server: Server, method: str, target: str, body: bytes, *, limit: int) -> Told:
        """See `Servers.ask`."""
        media_type = "application/json" if server.kind == MISP else MEDIA_TYPE
        headers = [("accept", media_type)]
        if body:
            headers.append(("content-type", media_type))
        if server.secret_file:
            headers.append(("authorization", _shown(server)))
        try:
            reply = self._outgoing.send(
                Call(
                    method=method,
                    origin=origin(server.url),
                    target=target,
                    headers=headers,
                    body=body,
                    limit=limit,
                    seconds=self._seconds,
                    allowed_private=server.allowed_private,
                )
            )
        except (UnreachableError, UnverifiedError) as problem:
            code = f"neighbour.{problem.code.rpartition('.')[2]}"
            raise type(problem)(code, problem.message, facts=problem.facts) from problem
        _require_success(reply)
        return Told(reply.body, _dated(reply))


def _shown(server: Server) -> str:
    """The value of Authorization."""
    secret = _secret(Path(server.secret_file))
    if server.kind == MISP:
        return secret
    if not server.user:
        return f"Bearer {secret}"
    return "Basic " + base64.b64encode(f"{server.user}:{secret}".encode()).decode()


def _secret(path: Path) -> str:
    """What a file holds, without the end of its line.

    Raises:
        UsageError: `neighbour.secret-file`.
    """
    text = one_line(path)
    if not text:
        raise UsageError(
            "neighbour.secret-file",
            "the file with the secret of a neighbour cannot be used",
            hint="a file of one line that only its owner may read (chmod 600)",
        )
    return text


def _dated(reply: Reply) -> str:
    """When the last object of a page was added, as the server writes it."""
    found = [value for name, value in reply.headers if name.lower() == _DATED]
    return found[0].decode("latin-1").strip() if found and len(found[0]) <= _LONGEST_DATE else ""


def _require_success(reply: Reply) -> None:
    """Return for a success; else raise what its status says."""
    status, facts = reply.status, {"status": reply.status}
    if 200 <= status < 300:
        return
    problem: AlliedError
    if 300 <= status < 400:
        problem = UnreachableError(
            "neighbour.redirect",
            "that server sends us to another address, and we do not follow",
            hint="add the neighbour with the address where it really is",
            facts=facts,
        )
    elif status in (401, 403):
        problem = RefusedError(
            "neighbour.not-let-in",
            "that server does not let us in, or not for this",
            hint="check user and secret file, and what they may do there",
            facts=facts,
        )
    elif status in (404, 410):
        problem = RefusedError(
            "neighbour.not-found", "that server knows no such thing", facts=facts
        )
    elif status in (408, 425, 429) or status >= 500:
        problem = UnreachableError("neighbour.busy", "that server cannot answer now", facts=facts)
    else:
        problem = RefusedError("neighbour.says", "that server refused the request", facts=facts)
    raise problem
