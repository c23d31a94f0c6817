"""What is asked over https can be read by nobody on the way, whoever ends TLS there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from allied.adapters import hpke
from allied.errors import AlliedError, ExhaustedError, MalformedError, UnverifiedError
from allied.node.messages import QUESTION_LIMITS
from allied.node.peers import protection
from allied.record.ids import KeyId
from allied.record.keys import X25519, PublicKey
from allied.wire.sealed import HEAD, Bound, SealedQuestion
from allied.wire.signatures import read_request, sign_answer, sign_request
from tests.federation.houses import (
    HARBOUR,
    NORTHGATE,
    RIVER,
    Between,
    Home,
    House,
    peers,
    serving,
)
from tests.federation.test_peers import aged, ask, refusal
from tests.taxii.certificates import made_certificate

SECRET = b"what nobody else may read"
PATH = "/federation/v1/heads"


def secret(*_: object) -> bytes:
    return SECRET


@pytest.fixture(scope="module")
def tls() -> Iterator[tuple[Path, Path]]:
    with made_certificate() as paths:
        yield paths


@pytest.mark.parametrize(
    ("ends_tls", "readable"),
    [
        pytest.param(True, False, id="https: who ends TLS reads neither question nor answer"),
        pytest.param(False, True, id="plain http on this machine: in clear"),
    ],
)
def test_who_is_between_two_nodes(tls: tuple[Path, Path], ends_tls: bool, readable: bool) -> None:
    answered: list[bytes] = []

    def copied(status: int, headers: list[Any], body: bytes) -> tuple[int, list[Any], bytes]:
        answered.append(body)
        return status, headers, body

    home = Home(says=secret)
    way = Between(aged(home), change=copied)
    with serving(way, tls=tls if ends_tls else None) as url, peers(ca_file=tls[0]) as client:
        assert ask(client, url, body=b"a question with contents") == SECRET
        assert protection(url) == ("loopback" if readable else "sealed")
    assert home.asked == [("heads", b"a question with contents")]
    assert (b"contents" in way.seen[0][2]) is readable
    assert (SECRET in answered[0]) is readable


def test_the_largest_answer_comes_and_one_byte_more_does_not(tls: tuple[Path, Path]) -> None:
    with (
        serving(aged(Home(says=lambda *_: bytes(5_000))), tls=tls) as url,
        peers(ca_file=tls[0]) as client,
    ):
        assert len(ask(client, url, limit=5_000)) == 5_000
        assert refusal(client, url, limit=4_999).code == "peer.too-large"


def test_a_refusal_that_says_something_of_us_is_sealed_as_well(tls: tuple[Path, Path]) -> None:
    def full(*_: object) -> bytes:
        raise ExhaustedError("relay.full", "there is no room")

    answered: list[bytes] = []

    def copied(status: int, headers: list[Any], body: bytes) -> tuple[int, list[Any], bytes]:
        answered.append(body)
        return status, headers, body

    with (
        serving(Between(aged(Home(says=full)), change=copied), tls=tls) as url,
        peers(ca_file=tls[0]) as client,
    ):
        assert refusal(client, url).facts["code"] == "relay.full"
    assert b"relay.full" not in answered[0]


# --- what an addressee refuses ----------------------------------------------------------


def sealed(
    caller: House = RIVER,
    signed_by: House | None = None,
    to: House = HARBOUR,
    body: bytes = b"question",
    path: str = PATH,
    nonce: str = "0" * 32,
    after: Callable[[SealedQuestion], SealedQuestion] = lambda question: question,
) -> bytes:
    """A body as `caller` seals it; every part open to change."""
    reply = RIVER.seal_key.public.raw
    bound = Bound(caller.id, HARBOUR.id, path, nonce)
    question = hpke.seal(to.seal_key.public, body, bound.question(reply))
    return after(SealedQuestion(to.seal_key.public.key_id, reply, question)).encode()


async def whole(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


@dataclass
class Forwards:
    """Puts another body into each request, signed anew by `House`, and says what came back."""

    app: ASGIApp
    body: bytes | None
    signer: House = RIVER
    headers: tuple[tuple[bytes, bytes], ...] = ()
    client: tuple[str, int] | None = None
    is_sealed: bool = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = read_request(scope["headers"], scope["path"])
        came = await whole(receive)
        raw = came if self.body is None else self.body
        signed = sign_request(
            self.signer.key,
            scope["path"],
            raw,
            caller=self.signer.id,
            addressee=HARBOUR.id,
            nonce="0" * 32 if self.body is not None else asked.nonce,
            created=asked.created,
            expires=asked.expires,
            sealed=self.is_sealed,
        )
        headers = [(name.encode(), value.encode()) for name, value in signed]
        changed = dict(scope) | {"headers": [*headers, *self.headers]}
        if self.client is not None:
            changed["client"] = self.client
        sent = [{"type": "http.request", "body": raw}]
        said: list[Any] = []

        async def forward() -> Any:
            return sent.pop() if sent else {"type": "http.disconnect"}

        async def collect(message: Any) -> None:
            said.append(message)

        await self.app(changed, forward, collect)
        body = b"".join(message.get("body", b"") for message in said[1:])
        again = sign_answer(
            HARBOUR.key,
            said[0]["status"],
            body,
            answerer=HARBOUR.id,
            caller=RIVER.id,
            nonce=asked.nonce,
            created=1,
        )
        await Response(body, said[0]["status"], dict(again))(scope, receive, send)


OTHER = KeyId("0" * 64)


@pytest.mark.parametrize(
    ("body", "signer", "code"),
    [
        pytest.param(sealed(), NORTHGATE, "peer.sealed-otherwise", id="another's bytes as its own"),
        pytest.param(
            sealed(path="/federation/v1/items"),
            RIVER,
            "peer.sealed-otherwise",
            id="those of another question",
        ),
        pytest.param(
            sealed(nonce="1" * 32), RIVER, "peer.sealed-otherwise", id="those of an older question"
        ),
        pytest.param(
            sealed(after=lambda one: replace(one, reply=NORTHGATE.seal_key.public.raw)),
            RIVER,
            "peer.sealed-otherwise",
            id="another key for the answer",
        ),
        pytest.param(
            sealed(after=lambda one: replace(one, reply=bytes(32))),
            RIVER,
            "peer.sealed-otherwise",
            id="a key for the answer that is none",
        ),
        pytest.param(sealed()[: HEAD - 1], RIVER, "peer.sealed-otherwise", id="too short"),
        pytest.param(b"", RIVER, "peer.sealed-otherwise", id="nothing"),
        pytest.param(
            sealed(to=NORTHGATE), RIVER, "peer.sealing-key", id="sealed to somebody else's key"
        ),
        pytest.param(
            sealed(after=lambda one: replace(one, key=OTHER)),
            RIVER,
            "peer.sealing-key",
            id="a key that nobody has",
        ),
        pytest.param(
            bytes(QUESTION_LIMITS["heads"] + HEAD + 1), RIVER, "peer.too-large", id="too large"
        ),
    ],
)
def test_what_does_not_open_is_refused(body: bytes, signer: House, code: str) -> None:
    home = Home(confirmed=(RIVER, NORTHGATE))
    way = Forwards(aged(home), body, signer)
    with serving(way) as url, peers() as client:
        found = refusal(client, url)
    assert code in {found.code, found.facts.get("code")}
    assert home.asked == []


def test_what_opens_is_answered() -> None:
    home = Home()
    with serving(Forwards(aged(home), sealed())) as url, peers() as client:
        answer = ask(client, url)
    assert home.asked == [("heads", b"question")]
    bound = Bound(RIVER.id, HARBOUR.id, PATH, "0" * 32)
    assert (hpke.unseal(RIVER.seal_key, answer, bound.answer(200)) or b"").endswith(b"question")


@pytest.mark.parametrize(
    ("headers", "client", "code"),
    [
        pytest.param((), None, "", id="from this machine"),
        pytest.param((), ("::ffff:127.0.0.1", 1), "", id="from this machine, by IPv6"),
        pytest.param((), ("192.0.2.7", 1), "peer.not-sealed", id="from elsewhere"),
        pytest.param((), ("somewhere", 1), "peer.not-sealed", id="from nobody knows where"),
        pytest.param(
            ((b"x-forwarded-for", b"192.0.2.7"),), None, "peer.not-sealed", id="by a proxy"
        ),
        pytest.param(((b"forwarded", b"for=_x"),), None, "peer.not-sealed", id="by another proxy"),
        pytest.param(((b"x-real-ip", b"192.0.2.7"),), None, "peer.not-sealed", id="by a third"),
    ],
)
def test_in_clear_is_answered_what_comes_from_this_machine(
    headers: tuple[tuple[bytes, bytes], ...], client: tuple[str, int] | None, code: str
) -> None:
    home = Home()
    way = Forwards(aged(home), None, headers=headers, client=client, is_sealed=False)
    with serving(way) as url, peers() as mine:
        if code:
            assert refusal(mine, url).facts["code"] == code
        else:
            assert ask(mine, url).endswith(b"question")
    assert bool(home.asked) is not bool(code)


# --- what a caller refuses --------------------------------------------------------------


@dataclass
class Answering:
    """Harbour's node, answering in its own way."""

    answer: Callable[[Bound, bytes], bytes]
    sealed: bool = True
    status: int = 200

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = read_request(scope["headers"], scope["path"])
        body = await whole(receive)
        bound = Bound(asked.sender, asked.recipient, scope["path"], asked.nonce)
        said = self.answer(bound, SealedQuestion.decode(body).reply)
        signed = sign_answer(
            HARBOUR.key,
            self.status,
            said,
            answerer=HARBOUR.id,
            caller=RIVER.id,
            nonce=asked.nonce,
            created=1,
            sealed=self.sealed,
        )
        await Response(said, self.status, dict(signed))(scope, receive, send)


def well(bound: Bound, reply: bytes, status: int = 200) -> bytes:
    return bytes(hpke.seal(PublicKey(X25519, reply), SECRET, bound.answer(status)))


@pytest.mark.parametrize(
    ("answering", "code"),
    [
        pytest.param(Answering(well), "", id="sealed to the key made for it"),
        pytest.param(
            Answering(lambda *_: SECRET, sealed=False), "peer.answer-in-clear", id="in clear"
        ),
        pytest.param(
            Answering(lambda *_: SECRET), "peer.answer-sealed-otherwise", id="said to be sealed"
        ),
        pytest.param(
            Answering(lambda bound, _: well(bound, RIVER.seal_key.public.raw)),
            "peer.answer-sealed-otherwise",
            id="sealed to another key",
        ),
        pytest.param(
            Answering(lambda bound, reply: well(replace(bound, nonce="1" * 32), reply)),
            "peer.answer-sealed-otherwise",
            id="sealed for another question",
        ),
        pytest.param(
            Answering(lambda bound, reply: well(bound, reply, 409)),
            "peer.answer-sealed-otherwise",
            id="sealed for another status",
        ),
    ],
)
def test_an_answer_over_https_is_believed_if_it_is_sealed(
    tls: tuple[Path, Path], answering: Answering, code: str
) -> None:
    with serving(answering, tls=tls) as url, peers(ca_file=tls[0]) as client:
        if not code:
            assert ask(client, url) == SECRET
            return
        found = refusal(client, url)
    assert (type(found), found.code) == (UnverifiedError, code)


def test_a_peer_whose_sealing_key_hides_nothing_is_asked_nothing(tls: tuple[Path, Path]) -> None:
    weak = replace(HARBOUR.listener("https://127.0.0.1:1"), sealing=PublicKey(X25519, bytes(32)))
    with peers(ca_file=tls[0]) as client, pytest.raises(UnverifiedError) as refused:
        client.ask(RIVER.speaker(), weak, "heads", b"question", limit=100)
    assert refused.value.code == "peer.weak-key"


def test_a_sealed_question_survives_its_encoding() -> None:
    body = sealed()
    assert SealedQuestion.decode(body).encode() == body
    with pytest.raises(MalformedError) as short:
        SealedQuestion.decode(body[: HEAD - 1])
    assert short.value.code == "peer.sealed-otherwise"
    assert isinstance(short.value, AlliedError)
