"""What a node answers: confirmed peers signed, strangers the same few bytes whatever is wrong."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest

from allied.adapters.outgoing import Call, Outgoing, Reply, origin
from allied.entrypoints.federation import Limits
from allied.entrypoints.refused import Refused
from allied.errors import AlliedError, ConflictError, ExhaustedError, NotFoundError, RefusedError
from allied.node.messages import QUESTION_LIMITS
from allied.wire import paths
from allied.wire.messages import WRONG_TIME, Refusal, decode_identities
from allied.wire.signatures import is_signed, read_answer, sign_request
from tests.federation.houses import (
    HARBOUR,
    NORTHGATE,
    QUICK,
    RIVER,
    STRANGER,
    Home,
    House,
    application,
    serving,
)

NONCE = "ab" * 16
BODY = b'{"agreement":"x"}'


@dataclass(frozen=True)
class Asking:
    """A request as River signs it, with every part open to change."""

    caller: House = RIVER
    addressee: House = HARBOUR
    key: House | None = None
    verb: str = "heads"
    body: bytes = BODY
    nonce: str = NONCE
    made: int = 0
    valid: int = 60
    method: str = "POST"
    after: Callable[[Asking, dict[str, str]], Asking] = lambda asking, _: asking
    target: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    def send(self, out: Outgoing, url: str) -> Reply:
        created = int(time.time()) + self.made
        signed = sign_request(
            (self.key or self.caller).key,
            paths.path(self.verb),
            self.body,
            caller=self.caller.id,
            addressee=self.addressee.id,
            nonce=self.nonce,
            created=created,
            expires=created + self.valid,
        )
        headers = dict(signed)
        sent = self.after(self, headers)
        return out.send(
            Call(
                method=sent.method,
                origin=origin(url),
                target=sent.target or paths.path(sent.verb),
                headers=[*headers.items(), *sent.extra.items()],
                body=sent.body,
                limit=10_000_000,
                seconds=5.0,
                allowed_private=True,
            )
        )


def signed_by_harbour(reply: Reply, nonce: str = NONCE) -> bool:
    """Whether Harbour signed this for River and for the request called `nonce`."""
    if not is_signed(reply.headers):
        return False
    answer = read_answer(reply.headers, reply.status)
    return (
        answer.holds(HARBOUR.keys)
        and answer.carries(reply.body)
        and (answer.sender, answer.recipient, answer.nonce) == (HARBOUR.id, RIVER.id, nonce)
    )


@pytest.fixture
def out() -> Iterator[Outgoing]:
    outgoing = Outgoing()
    yield outgoing
    outgoing.close()


@pytest.fixture(scope="module")
def home() -> Home:
    """Harbour's node; it knows River, and Northgate lives elsewhere. Started long ago."""
    return Home()


@pytest.fixture(scope="module")
def url(home: Home) -> Iterator[str]:
    """Where that node listens, since ten seconds ago."""
    passed = [0.0]
    home.ahead = timedelta(seconds=-10)
    app = application(home, steady=lambda: time.monotonic() + passed[0])
    passed[0], home.ahead = 10.0, timedelta(0)
    with serving(app) as found:
        yield found


counter = iter(range(1, 10_000))


def fresh(asking: Asking = Asking()) -> Asking:
    return replace(asking, nonce=f"{next(counter):032x}")


def test_a_confirmed_peer_gets_a_signed_answer(out: Outgoing, url: str) -> None:
    asking = fresh()
    reply = asking.send(out, url)

    assert reply.status == 200
    assert signed_by_harbour(reply, asking.nonce)
    assert reply.body == b" ".join([RIVER.id[:4].encode(), HARBOUR.id[:4].encode(), b"heads", BODY])


def change(**changed: Any) -> Callable[[Asking, dict[str, str]], Asking]:
    """Change the request after it was signed."""
    return lambda asking, _headers: replace(asking, **changed)


def header(name: str, edit: Callable[[str], str | None]) -> Callable[..., Asking]:
    """Change a header after the request was signed; None takes it away."""

    def apply(asking: Asking, headers: dict[str, str]) -> Asking:
        value = edit(headers.pop(name))
        if value is not None:
            headers[name] = value
        return asking

    return apply


UNPROVED: list[Any] = [
    pytest.param(Asking(caller=STRANGER), id="a caller that nobody knows"),
    pytest.param(Asking(caller=NORTHGATE), id="a caller that nobody confirmed"),
    pytest.param(Asking(key=STRANGER), id="another key"),
    pytest.param(Asking(key=HARBOUR), id="a key of the wrong side"),
    pytest.param(Asking(addressee=NORTHGATE), id="an addressee that lives elsewhere"),
    pytest.param(
        Asking(addressee=NORTHGATE, after=header("allied-to", lambda _: HARBOUR.id)),
        id="re-addressed: signed for Northgate, sent to Harbour",
    ),
    pytest.param(
        Asking(caller=STRANGER, after=header("allied-from", lambda _: RIVER.id)),
        id="forged: a stranger says it is River",
    ),
    pytest.param(Asking(after=change(verb="items")), id="asked at another path"),
    pytest.param(Asking(after=change(body=BODY[:-1])), id="a truncated body"),
    pytest.param(Asking(after=change(body=BODY.upper())), id="a tampered body"),
    pytest.param(Asking(after=change(method="PUT")), id="another method"),
    pytest.param(Asking(after=change(method="GET", body=b"")), id="a GET"),
    pytest.param(Asking(after=change(target="/federation/v1/heads?x=1")), id="a query"),
    pytest.param(Asking(verb="backdoor"), id="a question that does not exist"),
    pytest.param(Asking(after=header("signature", lambda _: None)), id="no signature"),
    pytest.param(Asking(after=header("signature-input", lambda _: None)), id="no input"),
    pytest.param(Asking(after=header("signature", lambda _: "allied=:AAAA:")), id="a short one"),
    pytest.param(Asking(after=header("content-digest", lambda _: "md5=:AAAA:")), id="no digest"),
    pytest.param(Asking(extra={"Allied-From": RIVER.id}), id="two callers"),
]


@pytest.mark.parametrize("asking", UNPROVED)
def test_strangers_get_one_answer_whatever_is_wrong(
    out: Outgoing, url: str, home: Home, asking: Asking
) -> None:
    before = len(home.asked)
    unknown = out.send(
        Call("POST", origin(url), paths.path("heads"), (), b"", 10_000, 5.0, allowed_private=True)
    )
    reply = fresh(asking).send(out, url)

    def shown(one: Reply) -> Any:
        return one.status, one.body, [pair for pair in one.headers if pair[0] != b"date"]

    assert shown(reply) == shown(unknown)
    assert (reply.status, reply.body) == (404, b"Not Found")
    assert len(home.asked) == before  # no use case was asked
    assert fresh().send(out, url).status == 200  # the twin that passes


def test_what_the_caller_may_not_know_looks_as_if_the_caller_were_a_stranger(
    out: Outgoing, url: str, home: Home
) -> None:
    def says(*_: object) -> bytes:
        raise NotFoundError("agreement.unknown", "no such agreement")

    stranger = fresh(Asking(caller=STRANGER)).send(out, url)
    home.says, usual = says, home.says
    try:
        reply = fresh().send(out, url)
    finally:
        home.says = usual

    assert (reply.status, reply.body) == (stranger.status, stranger.body)
    assert not is_signed(reply.headers)


def test_a_stranger_waits_at_least_the_floor_and_no_body_of_its_is_read(out: Outgoing) -> None:
    with serving(application(Home(), Limits(floor_seconds=0.2))) as url:
        parts = urlsplit(url)
        started = time.monotonic()
        with socket.create_connection((parts.hostname or "", parts.port or 0), 5) as raw:
            raw.sendall(
                b"POST /federation/v1/heads HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n"
            )
            assert raw.recv(12) == b"HTTP/1.1 404"
            assert 0.2 <= time.monotonic() - started < 2


# --- time and repetition ----------------------------------------------------------------


def test_a_request_is_answered_once(out: Outgoing, url: str, home: Home) -> None:
    asking = fresh()
    assert asking.send(out, url).status == 200
    before = len(home.asked)

    again = asking.send(out, url)

    assert (again.status, is_signed(again.headers)) == (404, False)
    assert len(home.asked) == before
    assert fresh().send(out, url).status == 200  # the twin that passes


@pytest.mark.parametrize(
    ("asking", "status"),
    [
        pytest.param(Asking(), 200, id="made now"),
        pytest.param(Asking(made=-5), 200, id="made a while ago, still valid"),
        pytest.param(Asking(made=-61), 400, id="expired"),
        pytest.param(Asking(made=-172_800), 400, id="two days old"),
        pytest.param(Asking(made=172_800), 400, id="two days ahead"),
        pytest.param(Asking(made=3), 400, id="a little ahead"),
        pytest.param(Asking(valid=301), 400, id="valid for too long"),
        pytest.param(Asking(made=-15, valid=300), 400, id="older than this server"),
    ],
)
def test_a_known_caller_is_told_the_time(
    out: Outgoing, url: str, home: Home, asking: Asking, status: int
) -> None:
    before = len(home.asked)
    asking = fresh(asking)
    reply = asking.send(out, url)

    assert reply.status == status
    assert signed_by_harbour(reply, asking.nonce)
    assert len(home.asked) == before + (status == 200)
    if status != 200:
        refusal = Refusal.decode(reply.body)
        assert refusal.code == WRONG_TIME
        assert refusal.time is not None
        assert abs(refusal.time / 1000 - time.time()) < 2


def test_a_stranger_is_not_told_the_time(out: Outgoing, url: str) -> None:
    reply = fresh(Asking(caller=STRANGER, made=-172_800)).send(out, url)
    assert (reply.status, reply.body) == (404, b"Not Found")


LARGE = b"x" * (QUESTION_LIMITS["heads"] + 1)


@pytest.mark.parametrize(
    ("asking", "code"),
    [
        pytest.param(Asking(), "", id="nothing wrong"),
        pytest.param(Asking(caller=STRANGER), "peer.stranger", id="a stranger"),
        pytest.param(Asking(after=change(body=BODY[:-1])), "peer.other-body", id="truncated"),
        pytest.param(Asking(body=LARGE), "peer.too-large", id="oversized"),
        pytest.param(Asking(made=172_800), WRONG_TIME, id="future-dated"),
        pytest.param(Asking(nonce="ff" * 16), "peer.replayed", id="replayed"),
    ],
)
def test_what_is_refused_is_counted_by_code(
    out: Outgoing, counting: tuple[str, Refused], asking: Asking, code: str
) -> None:
    url, refused = counting
    if code == "peer.replayed":
        assert asking.send(out, url).status == 200
        before = dict(refused.counts())
        asking.send(out, url)
    else:
        before = dict(refused.counts())
        fresh(asking).send(out, url)
    after = refused.counts()
    assert {each: count - before.get(each, 0) for each, count in after.items()} == {
        **dict.fromkeys(before, 0),
        **({code: 1} if code else {}),
    }


@pytest.fixture(scope="module")
def counting() -> Iterator[tuple[str, Refused]]:
    """A node that listens since ten seconds ago, and what it counts."""
    passed, refused, home = [0.0], Refused(), Home(ahead=timedelta(seconds=-10))
    app = application(home, steady=lambda: time.monotonic() + passed[0], refused=refused)
    passed[0], home.ahead = 10.0, timedelta(0)
    with serving(app) as found:
        yield found, refused


def test_what_one_process_accepted_the_next_one_does_not(out: Outgoing) -> None:
    asking = fresh()
    with serving(application(Home())) as first:
        while (accepted := asking.send(out, first)).status != 200:
            assert signed_by_harbour(accepted, asking.nonce)  # made before this process: told so
            asking = fresh()
    second = Home()
    with serving(application(second)) as url:
        again = asking.send(out, url)
        assert again.status != 200
        assert second.asked == []
        time.sleep(1 - time.time() % 1)  # the next whole second
        assert fresh().send(out, url).status == 200  # the twin that passes


def test_what_a_process_beside_this_one_answered_is_not_answered_again(out: Outgoing) -> None:
    """A request that was seen on its way is worth nothing at another door of the same node."""
    both = Home()
    with serving(application(both)) as one, serving(application(both)) as other:
        time.sleep(1.1)  # a process answers what was asked after it began
        first, again = fresh(), fresh()
        assert first.send(out, one).status == 200
        assert first.send(out, other).body == b"Not Found"
        assert again.send(out, other).status == 200
    assert len(both.asked) == 2


def test_a_clock_that_is_set_back_does_not_make_old_requests_young(out: Outgoing) -> None:
    passed = [100.0]
    with serving(application(Home(), steady=lambda: passed[0])) as url:
        passed[0] += 2
        asking = fresh(Asking(made=1))
        assert asking.send(out, url).status == 200
        passed[0] += 120
        reply = asking.send(out, url)
        assert Refusal.decode(reply.body).code == WRONG_TIME


# --- bounds -----------------------------------------------------------------------------


def test_a_body_larger_than_its_verb_allows_is_not_read(out: Outgoing, url: str) -> None:
    limit = QUESTION_LIMITS["items"]
    fits = fresh(Asking(verb="items", body=bytes(limit))).send(out, url)
    assert fits.status == 200

    asking = fresh(Asking(verb="items", body=bytes(limit + 1)))
    reply = asking.send(out, url)

    assert (reply.status, Refusal.decode(reply.body).code) == (413, "peer.too-large")
    assert signed_by_harbour(reply, asking.nonce)


def raw_request(asking: Asking, **headers: str) -> bytes:
    """The head of `asking` as bytes, for requests that no HTTP client would send."""
    lines: list[str] = []

    def collect(one: Asking, signed: dict[str, str]) -> Asking:
        lines.extend(f"{name}: {value}" for name, value in (signed | headers).items())
        raise StopIteration

    with pytest.raises(StopIteration):
        replace(asking, after=collect).send(Outgoing(), "http://127.0.0.1:1")
    return "\r\n".join(
        [f"POST {paths.path(asking.verb)} HTTP/1.1", "host: x", *lines, "", ""]
    ).encode()


def test_a_body_without_a_length_is_bounded_too(url: str) -> None:
    parts = urlsplit(url)
    head = raw_request(fresh(Asking(verb="items")), **{"transfer-encoding": "chunked"})
    with socket.create_connection((parts.hostname or "", parts.port or 0), 5) as raw:
        raw.sendall(head + b"800\r\n" + bytes(0x800) + b"\r\n")
        assert raw.recv(12) == b"HTTP/1.1 413"


def test_a_body_that_drips_is_given_up(url: str) -> None:
    parts = urlsplit(url)
    head = raw_request(fresh(), **{"content-length": str(len(BODY))})
    started = time.monotonic()
    with socket.create_connection((parts.hostname or "", parts.port or 0), 5) as raw:
        raw.sendall(head)
        raw.settimeout(0.1)
        answer = b""
        for byte in BODY:
            raw.sendall(bytes([byte]))
            try:
                answer = raw.recv(12)
            except TimeoutError:
                continue
            break
    assert answer == b"HTTP/1.1 408"
    assert QUICK.body_seconds <= time.monotonic() - started < 2


def test_a_caller_asks_a_bounded_number_of_questions_at_once(out: Outgoing) -> None:
    home = Home()
    with serving(application(home, replace(QUICK, per_caller=1))) as url:
        time.sleep(1 - time.time() % 1)
        first = fresh()
        second = fresh()
        codes: list[int] = []

        def says(*_: object) -> bytes:
            home.says = lambda *_: b"free"
            codes.append(second.send(out, url).status)
            return b"busy"

        home.says = says
        assert first.send(out, url).body == b"busy"
        assert codes == [429]
        assert fresh().send(out, url).body == b"free"  # the twin that passes


# --- refusals ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        pytest.param(RefusedError("agreement.no", "no"), 403, "agreement.no", id="refused"),
        pytest.param(ConflictError("agreement.gone", "no"), 409, "agreement.gone", id="conflict"),
        pytest.param(ExhaustedError("store.full", "no"), 503, "store.full", id="disk full"),
        pytest.param(AlliedError("other.thing", "no"), 500, "other.thing", id="of no class"),
        pytest.param(RuntimeError("secret"), 500, "peer.internal", id="a defect"),
        pytest.param(KeyError("secret"), 500, "peer.internal", id="another defect"),
    ],
)
def test_a_refusal_says_its_code_and_nothing_else(
    out: Outgoing,
    url: str,
    home: Home,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    status: int,
    code: str,
) -> None:
    def says(*_: object) -> bytes:
        raise error

    asking = fresh()
    home.says, usual = says, home.says
    try:
        reply = asking.send(out, url)
    finally:
        home.says = usual

    assert reply.status == status
    assert signed_by_harbour(reply, asking.nonce)
    assert reply.body == Refusal(code).encode()
    assert "secret" not in caplog.text


# --- whom a node hosts ------------------------------------------------------------------


def test_anybody_may_see_whom_a_node_hosts(out: Outgoing) -> None:
    with serving(application(Home(hosts=(RIVER, HARBOUR)))) as url:
        reply = out.send(
            Call(
                "GET", origin(url), paths.path("identities"), (), b"", 10_000, 5.0,
                allowed_private=True,
            )
        )  # fmt: skip
    assert reply.status == 200
    assert decode_identities(reply.body) == ((b"river", b"\x00\xff"), (b"harbour", b"\x00\xff"))
    assert not is_signed(reply.headers)


def test_each_hosted_organisation_answers_in_its_own_name(out: Outgoing) -> None:
    with serving(application(Home(hosts=(NORTHGATE, HARBOUR)))) as url:
        time.sleep(1 - time.time() % 1)
        for house in (NORTHGATE, HARBOUR):
            reply = fresh(Asking(addressee=house)).send(out, url)
            answer = read_answer(reply.headers, reply.status)
            assert (answer.sender, answer.holds(house.keys)) == (house.id, True)
            assert reply.body.split()[1] == house.id[:4].encode()
