"""Asking other nodes: what is believed, what is refused, and what is tried again."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from allied.errors import (
    AlliedError,
    NotFoundError,
    RefusedError,
    UnreachableError,
    UnverifiedError,
)
from allied.node.ports import Peers
from allied.wire.messages import WRONG_TIME, Refusal
from allied.wire.signatures import sign_answer
from tests.federation.houses import (
    HARBOUR,
    NORTHGATE,
    QUICK,
    RIVER,
    STRANGER,
    Between,
    Clock,
    Home,
    House,
    application,
    peers,
    saying,
    serving,
    talking,
)


def aged(home: Home, **more: Any) -> ASGIApp:
    """A node that has been listening for a minute."""
    passed = [0.0]
    usual, home.ahead = home.ahead, home.ahead - timedelta(seconds=60)
    app = application(home, steady=lambda: time.monotonic() + passed[0], **more)
    passed[0], home.ahead = 60.0, usual
    return app


def ask(
    client: Peers,
    url: str,
    *,
    speaker: House = RIVER,
    listener: House = HARBOUR,
    body: bytes = b"question",
    limit: int = 10_000,
    private: bool = True,
) -> bytes:
    return client.ask(
        speaker.speaker(),
        listener.listener(url, allowed_private=private),
        "heads",
        body,
        limit=limit,
    )


def refusal(client: Peers, url: str, **changed: Any) -> AlliedError:
    with pytest.raises((UnreachableError, UnverifiedError, RefusedError)) as refused:
        ask(client, url, **changed)
    return refused.value


@pytest.mark.parametrize(
    ("speaker", "listener"),
    [
        pytest.param(RIVER, HARBOUR, id="an ed25519 key asks, a p256 key answers"),
        pytest.param(HARBOUR, RIVER, id="a p256 key asks, an ed25519 key answers"),
    ],
)
def test_an_answer_comes_back_verified(speaker: House, listener: House) -> None:
    home = Home(hosts=(listener,), confirmed=(speaker,))
    with serving(aged(home)) as url, peers() as client:
        answer = ask(client, url, speaker=speaker, listener=listener)
    assert answer.endswith(b" heads question")
    assert home.asked == [("heads", b"question")]


def test_large_questions_and_answers_survive_byte_for_byte() -> None:
    body = bytes(range(256)) * 20_000
    home = Home(says=lambda *parts: parts[3])
    with serving(aged(home)) as url, peers() as client:
        assert ask(client, url, body=body, limit=len(body)) == body
        assert refusal(client, url, body=body, limit=len(body) - 1).code == "peer.too-large"


# --- clocks -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ahead", "requests"),
    [
        pytest.param(timedelta(0), 2, id="clocks agree"),
        pytest.param(timedelta(days=2), 3, id="two days ahead"),
        pytest.param(timedelta(days=-2), 3, id="two days behind"),
        pytest.param(timedelta(seconds=3), 3, id="a little ahead"),
    ],
)
def test_a_wrong_clock_costs_one_more_request_and_only_once(
    ahead: timedelta, requests: int
) -> None:
    way = Between(aged(Home()))
    with serving(way) as url, peers(Clock(ahead)) as client:
        for _ in range(2):
            assert ask(client, url).endswith(b"question")
    assert len(way.seen) == requests


def test_a_server_with_a_wrong_clock_is_asked_by_its_own() -> None:
    with serving(aged(Home(ahead=timedelta(days=2)))) as url, peers() as client:
        assert ask(client, url).endswith(b"question")


def test_a_server_that_has_just_started_is_asked_once_more() -> None:
    home = Home()
    with serving(application(home)) as url, peers() as client:
        assert ask(client, url).endswith(b"question")
    assert len(home.asked) == 1


def test_the_offset_of_one_peer_is_not_used_for_another() -> None:
    way = Between(aged(Home(hosts=(NORTHGATE,))))
    wrong = Home(ahead=timedelta(days=2))
    with serving(aged(wrong)) as there, serving(way) as url, peers() as client:
        assert ask(client, there).endswith(b"question")
        assert ask(client, url, listener=NORTHGATE).endswith(b"question")
    assert len(way.seen) == 1


def test_a_time_that_nobody_signed_is_not_believed() -> None:
    def change(status: int, headers: list[Any], body: bytes) -> tuple[int, list[Any], bytes]:
        return 400, headers, Refusal(WRONG_TIME, 1).encode()

    with serving(Between(aged(Home()), change)) as url, peers() as client:
        assert refusal(client, url).code == "peer.bad-signature"


# --- liars ------------------------------------------------------------------------------


def changed(name: bytes, edit: Callable[[bytes], bytes]) -> Callable[..., Any]:
    def change(status: int, headers: list[Any], body: bytes) -> tuple[int, list[Any], bytes]:
        return status, [(n, edit(v) if n == name else v) for n, v in headers], body

    return change


def unsigned(status: int, headers: list[Any], body: bytes) -> tuple[int, list[Any], bytes]:
    return status, [(n, v) for n, v in headers if not n.startswith(b"signature")], body


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(lambda s, h, b: (s, h, b + b"!"), "bad-signature", id="a tampered body"),
        pytest.param(lambda s, h, b: (s, h, b[:-1]), "bad-signature", id="a truncated body"),
        pytest.param(lambda _, h, b: (201, h, b), "bad-signature", id="another status"),
        pytest.param(
            changed(b"allied-nonce", lambda v: v[::-1]), "bad-signature", id="another nonce"
        ),
        pytest.param(
            changed(b"signature", lambda v: v[:-1]), "bad-signature", id="a broken signature"
        ),
        pytest.param(
            changed(b"allied-from", lambda _: NORTHGATE.id.encode()),
            "wrong-answerer",
            id="another answerer",
        ),
        pytest.param(
            changed(b"allied-to", lambda _: NORTHGATE.id.encode()),
            "bad-signature",
            id="for another caller",
        ),
        pytest.param(unsigned, "garbage", id="the signature is taken off"),
        pytest.param(lambda *_: (502, [], b"<html>"), "garbage", id="a proxy without a node"),
        pytest.param(lambda *_: (404, [], b""), "not-found", id="it does not know us"),
    ],
)
def test_what_is_changed_on_the_way_back_is_not_believed(change: Any, code: str) -> None:
    way = Between(aged(Home()))
    with serving(way) as url, peers() as client:
        assert ask(client, url).endswith(b"question")  # the twin that passes
        way.change = change
        found = refusal(client, url)
    assert found.code == f"peer.{code}"
    assert isinstance(found, UnverifiedError) is (code in {"bad-signature", "wrong-answerer"})


@dataclass
class Liar:
    """Signs, with whatever key it has, an answer that it was not asked for."""

    key: House = HARBOUR
    answerer: House = HARBOUR
    caller: House = RIVER
    nonce: str = ""
    status: int = 200
    body: bytes = b"lies"
    times: list[int] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        asked = headers[b"signature-input"].decode().partition('nonce="')[2][:32]
        self.times.append(int(headers[b"signature-input"].decode().partition("created=")[2][:10]))
        signed = sign_answer(
            self.key.key,
            self.status,
            self.body,
            answerer=self.answerer.id,
            caller=self.caller.id,
            nonce=self.nonce or asked,
            created=1,
        )
        await Response(self.body, self.status, dict(signed))(scope, receive, send)


@pytest.mark.parametrize(
    ("liar", "code"),
    [
        pytest.param(Liar(key=STRANGER), "bad-signature", id="another key in Harbour's name"),
        pytest.param(
            Liar(key=NORTHGATE, answerer=NORTHGATE), "wrong-answerer", id="Northgate itself"
        ),
        pytest.param(Liar(caller=NORTHGATE), "wrong-answerer", id="an answer to somebody else"),
        pytest.param(Liar(nonce="0" * 32), "replayed", id="an answer to an older question"),
    ],
)
def test_a_signature_that_is_not_for_this_question_is_not_believed(liar: Liar, code: str) -> None:
    with serving(liar) as url, peers() as client:
        found = refusal(client, url)
    assert (type(found), found.code) == (UnverifiedError, f"peer.{code}")
    with serving(Liar()) as url, peers() as client:  # the twin that passes
        assert ask(client, url) == b"lies"


def test_a_server_that_never_likes_the_time_is_asked_twice_and_no_more() -> None:
    liar = Liar(status=400, body=Refusal(WRONG_TIME, 5_000_000_000_000).encode())
    with serving(liar) as url, peers() as client:
        assert refusal(client, url).code == "peer.clock"
    assert len(liar.times) == 2
    assert abs(liar.times[1] - 5_000_000_000) < 5


@pytest.mark.parametrize(
    ("status", "body", "kind", "code"),
    [
        pytest.param(403, Refusal("a.no").encode(), RefusedError, "peer.says", id="refused"),
        pytest.param(409, Refusal("a.no").encode(), RefusedError, "peer.says", id="conflict"),
        pytest.param(429, Refusal("a.no").encode(), UnreachableError, "peer.says", id="busy"),
        pytest.param(500, Refusal("a.no").encode(), UnreachableError, "peer.says", id="defect"),
        pytest.param(500, b"<html>", UnreachableError, "peer.garbage", id="unreadable"),
        pytest.param(400, bytes(5_000), UnreachableError, "peer.garbage", id="long and unreadable"),
    ],
)
def test_a_signed_refusal_says_why(
    status: int, body: bytes, kind: type[AlliedError], code: str
) -> None:
    with serving(Liar(status=status, body=body)) as url, peers() as client:
        found = refusal(client, url)
    assert (type(found), found.code) == (kind, code)
    if code == "peer.says":
        assert found.facts == {"code": "a.no"}


def test_who_is_not_confirmed_there_is_told_nothing() -> None:
    with serving(aged(Home())) as url, peers() as client:
        assert ask(client, url).endswith(b"question")
        assert refusal(client, url, speaker=NORTHGATE).code == "peer.not-found"
        assert refusal(client, url, listener=NORTHGATE).code == "peer.not-found"


def test_what_is_not_for_us_is_as_if_it_were_not_there() -> None:
    def says(*_: object) -> bytes:
        raise NotFoundError("agreement.unknown", "no such agreement")

    with serving(aged(Home(says=says))) as url, peers() as client:
        assert refusal(client, url).code == "peer.not-found"


# --- whatever else may answer -----------------------------------------------------------


async def internal(scope: Scope, receive: Receive, send: Send) -> None:
    await RedirectResponse("http://169.254.169.254/latest")(scope, receive, send)


async def huge(scope: Scope, receive: Receive, send: Send) -> None:
    await Response(bytes(20_000))(scope, receive, send)


def hanging(connection: Any, stop: Any) -> None:
    stop.wait(5)


@pytest.mark.parametrize(
    ("server", "code"),
    [
        pytest.param(serving(internal), "redirect", id="redirects to an internal address"),
        pytest.param(serving(huge), "too-large", id="answers too much"),
        pytest.param(talking(hanging), "timeout", id="hangs"),
        pytest.param(talking(saying(b"220 mail ready\r\n")), "garbage", id="speaks mail"),
        pytest.param(talking(saying(b"")), "disconnected", id="hangs up"),
        pytest.param(nullcontext("http://127.0.0.1:1"), "refused-connection", id="is not there"),
        pytest.param(nullcontext("http://node.example/x"), "bad-url", id="has a path"),
        pytest.param(nullcontext("http://192.0.2.1"), "plain-http", id="would hear plain http"),
    ],
)
def test_what_is_no_node_is_unreachable(server: Any, code: str) -> None:
    with server as url, peers(seconds=0.4) as client:
        found = refusal(client, url)
    assert (type(found), found.code) == (UnreachableError, f"peer.{code}")


def test_a_private_address_needs_permission() -> None:
    with serving(aged(Home())) as url, peers() as client:
        assert ask(client, url).endswith(b"question")
        assert refusal(client, url, private=False).code == "peer.private-address"


def test_a_node_that_starts_again_is_asked_again() -> None:
    """Its kept connection is dead then; that costs no error."""
    home = Home()
    with peers() as client:
        with serving(aged(home)) as url:
            assert ask(client, url).endswith(b"question")
        assert refusal(client, url).code == "peer.refused-connection"

    hung_up = []

    def once(connection: Any, stop: Any) -> None:
        hung_up.append(connection.recv(65_536))
        connection.sendall(b"" if len(hung_up) == 1 else b"HTTP/1.1 404 Not Found\r\n\r\n")

    with talking(once) as url, peers() as client:
        assert refusal(client, url).code == "peer.not-found"
    first, second = (raw.partition(b'nonce="')[2][:32] for raw in hung_up)
    assert first != second  # the second try is a question of its own


# --- introductions ----------------------------------------------------------------------


def test_a_node_says_whom_it_hosts() -> None:
    with serving(aged(Home(hosts=(RIVER, HARBOUR)))) as url, peers() as client:
        found = client.introduce(url, allowed_private=True)
    assert [one.descriptors for one in found] == [
        (b"river", b"\x00\xff"),
        (b"harbour", b"\x00\xff"),
    ]


@pytest.mark.parametrize(
    ("server", "code"),
    [
        pytest.param(serving(internal), "redirect", id="redirects"),
        pytest.param(serving(huge), "garbage", id="says something else"),
        pytest.param(nullcontext("http://127.0.0.1:1"), "refused-connection", id="is not there"),
        pytest.param(nullcontext("not an address"), "bad-url", id="is no address"),
    ],
)
def test_what_is_no_node_introduces_nobody(server: Any, code: str) -> None:
    with server as url, peers(seconds=0.4) as client, pytest.raises(AlliedError) as refused:
        client.introduce(url, allowed_private=True)
    assert refused.value.code == f"peer.{code}"


def test_the_quick_limits_are_only_for_tests() -> None:
    assert replace(QUICK, floor_seconds=0.025, body_seconds=20.0) == type(QUICK)()
