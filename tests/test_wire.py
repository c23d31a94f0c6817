"""The head of a request is bounded, whatever its pieces; its body is not, here."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from allied.entrypoints import wire
from tests.federation.houses import serving


async def _echo(scope: Any, receive: Any, send: Any) -> None:
    """Say how many bytes the body has."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(size).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with serving(_echo, http=wire.BoundedProtocol) as url:
        yield urlsplit(url).port or 0


def said(port: int, pieces: list[bytes], answers: int = 1) -> bytes:
    """What the server says until it has given so many answers, or closes."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        with contextlib.suppress(ConnectionError):  # it may close before all is sent
            for piece in pieces:
                connection.sendall(piece)
        with contextlib.suppress(ConnectionError):
            while found.count(b"HTTP/1.1 ") < answers or not found.endswith(b"END"):
                more = connection.recv(65536)
                if not more:
                    break
                found += more
                if found.count(b"HTTP/1.1 200") >= answers and found[-1:].isdigit():
                    break
    return found


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        pytest.param([HEAD + b"A: " + b"x" * 60_000 + b"\r\nContent-Length: 0\r\n\r\n"], b"200",
                     id="a long head"),
        pytest.param([HEAD, *[b"A: " + b"x" * 5_000 + b"\r\n"] * 40], b"400",
                     id="a head without an end, in lines"),
        pytest.param([HEAD + b"A: ", *[b"x" * 5_000] * 40], b"400",
                     id="a header without an end"),
        pytest.param([b"GET /" + b"x" * 200_000], b"400", id="a path without an end"),
        pytest.param([HEAD + b"Content-Length: 900000\r\n\r\n", *[b"y" * 90_000] * 10], b"200",
                     id="a long body"),
        pytest.param([HEAD + b"Content-Length: 900000\r\n\r\n" + b"y" * 900_000], b"200",
                     id="a long body in one piece with its head"),
        pytest.param([b"no HTTP\r\n\r\n"], b"400", id="something else"),
    ],
)  # fmt: skip
def test_a_head_is_bounded_and_a_body_is_not(port: int, pieces: list[bytes], status: bytes) -> None:
    assert said(port, pieces).split(b" ", 2)[1] == status


def test_a_connection_is_kept_for_as_many_requests_as_are_sent(port: int) -> None:
    one = HEAD + b"Content-Length: 100000\r\n\r\n" + b"z" * 100_000
    assert said(port, [one, one, one], answers=3).count(b"\r\n\r\n100000") == 3
