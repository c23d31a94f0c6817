"""The one way out: where it goes, and that nothing that answers can hold it up."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from allied.adapters.outgoing import (
    Call,
    Origin,
    Outgoing,
    is_never_allowed,
    is_private,
    origin,
)
from allied.errors import UnreachableError, UnverifiedError, UsageError
from tests.federation.houses import saying, serving, talking


def plain(body: bytes) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(body)(scope, receive, send)

    return app


def call(url: str, **changed: Any) -> Call:
    terms: dict[str, Any] = {
        "method": "GET",
        "origin": origin(url),
        "target": "/",
        "headers": (),
        "body": b"",
        "limit": 1_000,
        "seconds": 5.0,
        "allowed_private": True,
    }
    return Call(**(terms | changed))


@pytest.fixture
def out() -> Iterator[Outgoing]:
    outgoing = Outgoing()
    yield outgoing
    outgoing.close()


def refusal(outgoing: Outgoing, one: Call) -> str:
    with pytest.raises((UnreachableError, UnverifiedError)) as refused:
        outgoing.send(one)
    return refused.value.code


# --- where to ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "found"),
    [
        pytest.param("https://node.example", Origin("https", "node.example", 443), id="a name"),
        pytest.param(
            "https://Node.Example:8443/", Origin("https", "node.example", 8443), id="port"
        ),
        pytest.param("http://[::1]:8811", Origin("http", "::1", 8811), id="IPv6"),
    ],
)
def test_a_url_leads_to_an_origin(url: str, found: Origin) -> None:
    assert origin(url) == found


@pytest.mark.parametrize(
    "url",
    [
        "",
        "node.example",
        "ftp://node.example",
        "file:///etc/hosts",
        "https://",
        "https://node.example/path",
        "https://node.example?x=1",
        "https://user:secret@node.example",
        "https://node.example:99999",
        "https://node.example:0",
        "https://[::1",
        "https://nöde.example",
        "https://node.example\r\nX: y",
    ],
)
def test_what_is_no_address_of_a_node_is_refused(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        origin(url)
    assert refused.value.code == "outgoing.bad-url"
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "private", "never"),
    [
        pytest.param("93.184.216.34", False, False, id="public"),
        pytest.param("2606:2800:220:1::1", False, False, id="public IPv6"),
        pytest.param("127.0.0.1", True, False, id="loopback"),
        pytest.param("::1", True, False, id="loopback IPv6"),
        pytest.param("10.1.2.3", True, False, id="private"),
        pytest.param("172.16.0.1", True, False, id="private, too"),
        pytest.param("192.168.1.1", True, False, id="private at home"),
        pytest.param("100.64.0.1", True, False, id="shared by carriers"),
        pytest.param("169.254.169.254", True, False, id="link-local, where clouds keep secrets"),
        pytest.param("fe80::1", True, False, id="link-local IPv6"),
        pytest.param("fd00::1", True, False, id="unique local IPv6"),
        pytest.param("fec0::1", True, False, id="site-local IPv6"),
        pytest.param("::ffff:127.0.0.1", True, False, id="IPv4 mapped into IPv6"),
        pytest.param("::ffff:93.184.216.34", False, False, id="public IPv4 mapped into IPv6"),
        pytest.param("2002:7f00:1::", True, False, id="IPv4 wrapped by 6to4"),
        pytest.param("64:ff9b::10.0.0.1", True, False, id="IPv4 wrapped by NAT64"),
        pytest.param("64:ff9b::93.184.216.34", False, False, id="public IPv4 wrapped by NAT64"),
        pytest.param("64:ff9b:1::10.0.0.1", True, False, id="IPv4 wrapped by a NAT64 of the site"),
        pytest.param("::10.0.0.1", True, False, id="IPv4 in the last bits, an old form"),
        pytest.param("::ffff:0:10.0.0.1", True, False, id="IPv4 translated into IPv6"),
        pytest.param("5f00::1", True, False, id="IPv6 that is not handed out"),
        pytest.param("0.0.0.0", True, True, id="unspecified"),  # noqa: S104
        pytest.param("::", True, True, id="unspecified IPv6"),
        pytest.param("224.0.0.1", None, True, id="multicast"),
        pytest.param("ff02::1", None, True, id="multicast IPv6"),
        pytest.param("255.255.255.255", None, True, id="broadcast"),
        pytest.param("::ffff:0.0.0.0", True, True, id="unspecified, mapped"),
    ],
)
def test_which_addresses_are_private_and_which_are_none(
    address: str, private: bool | None, never: bool
) -> None:
    found = ipaddress.ip_address(address)
    assert private is None or is_private(found) is private
    assert is_never_allowed(found) is never


def test_a_private_address_is_connected_to_only_if_allowed(out: Outgoing) -> None:
    with serving(plain(b"hello")) as url:
        assert out.send(call(url)).body == b"hello"
        assert refusal(out, call(url, allowed_private=False)) == "outgoing.private-address"


@pytest.mark.parametrize(
    ("url", "addresses", "code"),
    [
        pytest.param("https://a.example", ["10.0.0.1"], "private-address", id="private"),
        pytest.param("https://a.example", ["::ffff:10.0.0.1"], "private-address", id="mapped"),
        pytest.param("https://a.example", [], "unknown-host", id="unknown"),
        pytest.param("http://a.example", ["93.184.216.34"], "plain-http", id="plain http"),
        pytest.param("http://a.example", ["127.0.0.1", "10.0.0.1"], "plain-http", id="partly"),
        pytest.param("http://93.184.216.34", [], "plain-http", id="plain http to an address"),
        pytest.param("https://0.0.0.0", [], "private-address", id="unspecified"),
    ],
)
def test_where_a_name_leads_is_looked_at(url: str, addresses: Sequence[str], code: str) -> None:
    outgoing = Outgoing(resolve=lambda *_: addresses)
    one = call(url, allowed_private=False)
    assert refusal(outgoing, one) == f"outgoing.{code}"


def test_multicast_is_refused_even_where_private_addresses_are_allowed(out: Outgoing) -> None:
    assert refusal(out, call("https://224.0.0.1")) == "outgoing.private-address"


def test_a_name_is_resolved_once_for_a_connection_and_kept_for_the_host_header() -> None:
    asked: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["203.0.113.1"]

    async def hosts(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(dict(scope["headers"])[b"host"])(scope, receive, send)

    outgoing = Outgoing(resolve=resolve)
    with serving(hosts) as url:
        port = url.rpartition(":")[2]
        for _ in range(2):  # the second goes over the first one's connection
            reply = outgoing.send(call(f"http://node.example:{port}"))
            assert reply.body == f"node.example:{port}".encode()
    outgoing.close()
    assert asked == ["node.example"]


def test_a_resolver_that_hangs_costs_no_more_than_the_time_given() -> None:
    release = threading.Event()

    def resolve(host: str, port: int) -> Sequence[str]:
        release.wait(5)
        return ["127.0.0.1"]

    started = time.monotonic()
    try:
        one = call("https://a.example", seconds=0.2)
        assert refusal(Outgoing(resolve=resolve), one) == "outgoing.timeout"
    finally:
        release.set()
    assert time.monotonic() - started < 2


def test_proxies_of_the_environment_are_not_used(
    out: Outgoing, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with serving(plain(b"direct")) as url:
        assert out.send(call(url)).body == b"direct"


def test_a_port_where_nobody_listens(out: Outgoing) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert refusal(out, call(f"http://127.0.0.1:{port}")) == "outgoing.refused-connection"


# --- what answers -----------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
Talk = Callable[[socket.socket, threading.Event], None]


def hanging(connection: socket.socket, stop: threading.Event) -> None:
    stop.wait(5)


def dripping(start: bytes) -> Talk:
    """Say `start`, then one byte now and then, for as long as somebody listens."""

    def talk(connection: socket.socket, stop: threading.Event) -> None:
        connection.recv(65_536)
        connection.sendall(start)
        while not stop.wait(0.05):
            connection.sendall(b"a")

    return talk


def flooding(connection: socket.socket, stop: threading.Event) -> None:
    connection.recv(65_536)
    connection.sendall(OK + b"transfer-encoding: chunked\r\n\r\n")
    while not stop.is_set():
        connection.sendall(b"1000\r\n" + bytes(0x1000) + b"\r\n")


def informing(connection: socket.socket, stop: threading.Event) -> None:
    connection.recv(65_536)
    while not stop.wait(0.01):
        connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n")


@pytest.mark.parametrize(
    ("talk", "code"),
    [
        pytest.param(hanging, "timeout", id="says nothing"),
        pytest.param(dripping(b""), "timeout", id="drips a status line"),
        pytest.param(dripping(OK + b"x: "), "timeout", id="drips headers"),
        pytest.param(dripping(OK + b"content-length: 999\r\n\r\n"), "timeout", id="drips a body"),
        pytest.param(informing, "timeout", id="never gets to the answer"),
        pytest.param(flooding, "too-large", id="never stops"),
        pytest.param(
            saying(OK + b"content-length: 1001\r\n\r\n"), "too-large", id="announces too much"
        ),
        pytest.param(saying(OK + b"content-length: 9\r\n\r\nhalf"), "garbage", id="stops half-way"),
        pytest.param(saying(OK + b"x: " + b"a" * 200_000), "garbage", id="endless headers"),
        pytest.param(saying(b"SSH-2.0-OpenSSH_9.2p1\r\n"), "garbage", id="speaks something else"),
        pytest.param(saying(b"\x00" * 1_000), "garbage", id="zeros"),
        pytest.param(saying(b""), "disconnected", id="hangs up"),
    ],
)
def test_what_does_not_answer_properly_is_given_up(out: Outgoing, talk: Talk, code: str) -> None:
    started = time.monotonic()
    with talking(talk) as url:
        assert refusal(out, call(url, seconds=0.4)) == f"outgoing.{code}"
        assert time.monotonic() - started < 15  # a peer that goes on talks for ever
    with talking(saying(OK + b"content-length: 2\r\n\r\nok")) as url:  # the twin that passes
        assert out.send(call(url, seconds=0.4)).body == b"ok"


def test_an_answer_of_exactly_the_limit_is_read(out: Outgoing) -> None:
    with serving(plain(bytes(1_000))) as url:
        assert out.send(call(url)).body == bytes(1_000)
        assert refusal(out, call(url, limit=999)) == "outgoing.too-large"


def test_a_redirect_is_reported_and_not_followed(out: Outgoing) -> None:
    followed: list[str] = []

    async def inside(scope: Scope, receive: Receive, send: Send) -> None:
        followed.append(scope["path"])
        await Response()(scope, receive, send)

    with serving(inside) as internal:

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            await RedirectResponse(f"{internal}/admin")(scope, receive, send)

        with serving(app) as url:
            assert out.send(call(url)).status == 307
    assert followed == []


def test_a_body_that_nobody_takes_costs_no_more_than_the_time_given(out: Outgoing) -> None:
    started = time.monotonic()
    with talking(hanging) as url:
        one = call(url, method="POST", body=bytes(2**25), seconds=0.4)
        assert refusal(out, one) == "outgoing.timeout"
    assert time.monotonic() - started < 15  # a peer that goes on talks for ever


def test_many_threads_may_send_at_once(out: Outgoing) -> None:
    found: list[bytes] = []

    async def paths(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(scope["path"])(scope, receive, send)

    with serving(paths) as url:

        def ask(number: int) -> None:
            for turn in range(5):
                reply = out.send(call(url, target=f"/{number}/{turn}"))
                assert reply.body == f"/{number}/{turn}".encode()
                found.append(reply.body)

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        out.close()
    assert len(set(found)) == 40


# --- TLS --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1 and node.example, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "node.example")])
    now = datetime.now(UTC)
    names: list[x509.GeneralName] = [
        x509.DNSName("node.example"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


def test_a_certificate_must_be_trusted_and_for_that_name(
    out: Outgoing, certificate: tuple[Path, Path]
) -> None:
    trusting = Outgoing(ca_file=certificate[0], resolve=lambda *_: ["127.0.0.1"])
    with serving(plain(b"over TLS"), tls=certificate) as url, closing(trusting):
        port = url.rpartition(":")[2]
        assert trusting.send(call(url)).body == b"over TLS"
        assert trusting.send(call(f"https://node.example:{port}")).body == b"over TLS"
        assert refusal(trusting, call(f"https://other.example:{port}")) == "outgoing.certificate"
        assert refusal(out, call(url)) == "outgoing.certificate"


def test_what_does_not_speak_tls_is_garbage(out: Outgoing) -> None:
    with talking(saying(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as url:
        one = call(url.replace("http:", "https:"))
        assert refusal(out, one) == "outgoing.garbage"
