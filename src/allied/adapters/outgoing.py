"""The one way out: every connection that this node opens goes through here.

Somebody else's address is never followed blindly. This module decides whether an address
may be connected to at all, connects, sends one request and reads one bounded answer in
bounded time. What is asked and whether the answer is believed are for its callers
(`allied.adapters.peers`).

Words used here:
    origin      scheme, host and port; the only part of a URL that decides where we connect
    call        one request with everything that bounds its answer
    private     an address that is not reachable from the whole internet: private, loopback,
                link-local, shared; also where such an IPv4 address is wrapped in an IPv6 one

Rules. https, checked against the system's trust store; plain http to a loopback address only.
A host name is resolved once per connection and the connection goes to the address that was
looked at; the name is kept for Host and TLS. Private addresses are refused unless the call
allows them, multicast, unspecified and reserved ones always. No redirect is followed, no
proxy or other setting is taken from the environment, no cookie is kept, nothing is
decompressed. The time limit is for the whole call: a peer that drips a byte now and then
gains nothing. It stands on the transport of httpx2 (`httpcore2`) because only there can the
address be chosen and the clock be held over every read; what httpx2 adds above it
(redirects, cookies, environment, decoding) is what must not happen here.
"""

from __future__ import annotations

import ipaddress
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import httpcore2
import truststore

from allied.errors import UnreachableError, UnverifiedError, UsageError

CONNECT_SECONDS: Final = 5.0
KEEP_SECONDS: Final = 3.0
"""How long an idle connection is kept: shorter than servers keep theirs (uvicorn: 5)."""

KEEP_CONNECTIONS: Final = 64

_CHUNK: Final = 64 * 1024
_PORTS: Final = {"https": 443, "http": 80}
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST: Final = ipaddress.IPv6Network("2000::/3")
"""All that is handed out of IPv6 for the whole internet (IANA, IPv6 address space)."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a URL leads: scheme "https" or "http", host in lower case, port."""

    scheme: str
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as the Host header says them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Call:
    """One request.

    Attributes:
        target: path and query, ASCII.
        limit: bytes of the answer's body that are read at most.
        seconds: from resolving the name to the answer's last byte.
        allowed_private: an operator gave this private address on purpose.
    """

    method: str
    origin: Origin
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    limit: int
    seconds: float
    allowed_private: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, whatever its status."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


def origin(url: str) -> Origin:
    """The origin that `url` is.

    Raises:
        UsageError: `outgoing.bad-url`, unless it is scheme, host and optionally a port.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise _bad_url("this is not a URL") from error
    if parts.scheme not in {"https", "http"} or not host or port == 0:
        raise _bad_url("a node's address is https:// (or http:// on this machine) and a host")
    if not url.isascii() or any(letter <= " " for letter in url):
        raise _bad_url("a node's address has letters that are not ASCII; write xn--... for names")
    if parts.username is not None or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise _bad_url("a node's address ends after host and port")
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme])


def is_private(address: Address) -> bool:
    """Whether `address` cannot be reached from the whole internet; see the module's words."""
    return any(
        not one.is_global
        or (isinstance(one, ipaddress.IPv6Address) and one not in _UNICAST and one not in _NAT64)
        for one in _meant(address)
    )


def is_never_allowed(address: Address) -> bool:
    """Whether `address` belongs to no single machine."""
    return any(
        one.is_multicast or one.is_unspecified or (one.version == 4 and one.is_reserved)
        for one in _meant(address)
    )


def _meant(address: Address) -> Iterable[Address]:
    """`address`, and the IPv4 address that it wraps, if any."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return (address.ipv4_mapped,)
        if address.sixtofour is not None:
            return (address, address.sixtofour)
        if address in _NAT64:
            return (address, ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return (address,)


def addresses(host: str, port: int) -> Sequence[str]:
    """The addresses that the system's resolver knows for `host`."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(entry[4][0]) for entry in found]


@dataclass(slots=True)
class _Going:
    """The call that a thread is busy with."""

    call: Call
    until: float
    received: int = 0

    def left(self, most: float | None = None) -> float:
        """Seconds left; TimeoutError when there are none."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left if most is None else min(left, most)


class Outgoing:
    """Sends calls; may be used from many threads at once.

    Args:
        ca_file: certificates that are trusted besides the system's, as PEM.
        resolve: how names become addresses.
    """

    def __init__(self, *, ca_file: Path | None = None, resolve: Resolve = addresses) -> None:
        self._ca_file = ca_file
        self._here = threading.local()
        self._resolve = resolve
        self._lock = threading.Lock()
        self._pools: dict[bool, httpcore2.ConnectionPool] = {}

    def send(self, call: Call) -> Reply:
        """Send `call` and read the answer.

        Raises:
            UnreachableError: `outgoing.private-address`, `outgoing.plain-http`,
                `outgoing.unknown-host`, `outgoing.refused-connection`, `outgoing.disconnected`
                before anything came back, `outgoing.timeout`, `outgoing.garbage`,
                `outgoing.too-large`.
            UnverifiedError: `outgoing.certificate`.
        """
        going = _Going(call, time.monotonic() + call.seconds)
        self._here.going = going
        try:
            return self._exchange(call)
        except (httpcore2.TimeoutException, TimeoutError) as error:
            raise _failed("timeout", "that address did not answer in time") from error
        except httpcore2.ConnectError as error:
            _explain_connect(error)
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            if going.received == 0:
                raise _failed("disconnected", "that address hung up without an answer") from error
            raise _failed(
                "garbage", "what that address answered is not HTTP, or is cut off"
            ) from error
        finally:
            self._here.going = None

    def close(self) -> None:
        """Close what is kept open."""
        with self._lock:
            pools, self._pools = list(self._pools.values()), {}
        for pool in pools:
            pool.close()

    def _exchange(self, call: Call) -> Reply:
        scheme, host, port = call.origin.scheme, call.origin.host, call.origin.port
        url = httpcore2.URL(
            scheme=scheme.encode(), host=host.encode(), port=port, target=call.target.encode()
        )
        headers = [
            ("host", call.origin.authority),
            ("user-agent", "allied"),
            ("accept-encoding", "identity"),
            *call.headers,
        ]
        with self._pool(call.allowed_private).stream(
            call.method, url, headers=headers, content=call.body
        ) as response:
            sizes = [value for name, value in response.headers if name.lower() == b"content-length"]
            if any(not size.isdigit() or int(size[:20]) > call.limit for size in sizes):
                raise _too_large(call.limit)
            body = bytearray()
            for chunk in response.iter_stream():
                body += chunk
                if len(body) > call.limit:
                    raise _too_large(call.limit)
            return Reply(response.status, tuple(response.headers), bytes(body))

    def _pool(self, allowed_private: bool) -> httpcore2.ConnectionPool:
        """The pool for that permission: a connection is never used under another one."""
        with self._lock:
            if allowed_private not in self._pools:
                self._pools[allowed_private] = httpcore2.ConnectionPool(
                    ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # see `start_tls`
                    max_connections=None,
                    max_keepalive_connections=KEEP_CONNECTIONS,
                    keepalive_expiry=KEEP_SECONDS,
                    network_backend=_Backend(self._here, self._resolve, self._trust),
                )
            return self._pools[allowed_private]

    def _trust(self) -> ssl.SSLContext:
        """A context for one connection: truststore's are locked while one shakes hands."""
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._ca_file is not None:
            context.load_verify_locations(cafile=str(self._ca_file))
        return context


@dataclass(slots=True)
class _Backend(httpcore2.NetworkBackend):
    """Connects to addresses that were looked at first."""

    here: threading.local
    resolve: Resolve
    trust: Callable[[], ssl.SSLContext]

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002  the call's time counts
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        going: _Going = self.here.going
        problem: OSError | None = None
        for address in self._permitted(host, port, going):
            try:
                found = socket.create_connection((str(address), port), going.left(CONNECT_SECONDS))
            except OSError as error:
                problem = error
                continue
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return _Stream(found, self.here, self.trust)
        if isinstance(problem, TimeoutError):
            raise httpcore2.ConnectTimeout from problem
        raise httpcore2.ConnectError from problem

    def _permitted(self, host: str, port: int, going: _Going) -> list[Address]:
        """The addresses of `host` that this call may go to; at least one."""
        found = [ipaddress.ip_address(text.partition("%")[0]) for text in self._named(host, port)]
        call = going.call
        if call.origin.scheme == "http" and not all(_is_loopback(one) for one in found):
            raise _failed("plain-http", "plain http leaves this machine; only https may")
        permitted = [
            one
            for one in dict.fromkeys(found)
            if not is_never_allowed(one) and (call.allowed_private or not is_private(one))
        ]
        if not permitted:
            raise _failed(
                "private-address",
                "its address is private, and nobody here allowed that",
                hint="add the peer again with that address if it is meant",
            )
        return permitted

    def _named(self, host: str, port: int) -> Sequence[str]:
        """The addresses of `host`, in the time that is left; the resolver itself knows no limit."""
        try:
            return [str(ipaddress.ip_address(host))]
        except ValueError:
            pass
        lookup = _Lookup(self.resolve, host, port)
        thread = threading.Thread(target=lookup.run, name="resolve", daemon=True)
        thread.start()
        going: _Going = self.here.going
        thread.join(going.left(CONNECT_SECONDS))
        if thread.is_alive():
            raise httpcore2.ConnectTimeout
        if not lookup.found:
            raise _failed("unknown-host", "that host name is not known")
        return lookup.found


@dataclass(slots=True)
class _Lookup:
    """One question to the resolver, in a thread of its own."""

    resolve: Resolve
    host: str
    port: int
    found: Sequence[str] = ()

    def run(self) -> None:
        try:
            self.found = self.resolve(self.host, self.port)
        except (OSError, UnicodeError):
            self.found = ()


@dataclass(slots=True)
class _Stream(httpcore2.NetworkStream):
    """A connection whose every wait is bounded by what is left of the present call."""

    sock: socket.socket
    here: threading.local
    trust: Callable[[], ssl.SSLContext]

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        going: _Going = self.here.going
        try:
            self.sock.settimeout(going.left())
            chunk = self.sock.recv(max_bytes)
        except TimeoutError as error:
            raise httpcore2.ReadTimeout from error
        except OSError as error:
            raise httpcore2.ReadError from error
        going.received += len(chunk)
        return chunk

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        going: _Going = self.here.going
        rest = memoryview(buffer)
        try:
            while rest:
                self.sock.settimeout(going.left())
                rest = rest[self.sock.send(rest[:_CHUNK]) :]
        except TimeoutError as error:
            raise httpcore2.WriteTimeout from error
        except OSError as error:
            raise httpcore2.WriteError from error

    def close(self) -> None:
        self.sock.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,  # noqa: ARG002  shared, and locked during a handshake
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore2.NetworkStream:
        going: _Going = self.here.going
        secured: socket.socket = self.sock
        try:
            self.sock.settimeout(going.left(CONNECT_SECONDS))
            wrapped = self.trust().wrap_socket(
                self.sock, server_hostname=server_hostname, do_handshake_on_connect=False
            )
            secured = wrapped
            wrapped.do_handshake()
        except TimeoutError as error:
            secured.close()
            raise httpcore2.ConnectTimeout from error
        except OSError as error:
            secured.close()
            raise httpcore2.ConnectError(error) from error  # the pool takes the cause off
        return _Stream(wrapped, self.here, self.trust)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":
            waiting = select.poll()
            waiting.register(self.sock, select.POLLIN)
            return bool(waiting.poll(0))
        return {"socket": self.sock}.get(info)


def _is_loopback(address: Address) -> bool:
    return all(one.is_loopback for one in _meant(address))


def _explain_connect(error: httpcore2.ConnectError) -> NoReturn:
    problem = error.args[0] if error.args else None
    if isinstance(problem, ssl.SSLCertVerificationError):
        raise UnverifiedError(
            "outgoing.certificate",
            "its TLS certificate does not hold",
            hint="check the host name, the certificate's validity and who issued it",
        ) from error
    if isinstance(problem, ssl.SSLError):
        raise _failed("garbage", "that address does not speak TLS as it should") from error
    raise _failed("refused-connection", "nobody accepts connections at that address") from error


def _too_large(limit: int) -> UnreachableError:
    return UnreachableError(
        "outgoing.too-large",
        f"that address answered more than {limit} bytes",
        facts={"limit": limit},
    )


def _failed(code: str, message: str, *, hint: str = "") -> UnreachableError:
    return UnreachableError(f"outgoing.{code}", message, hint=hint)


def _bad_url(message: str) -> UsageError:
    return UsageError("outgoing.bad-url", message, hint="like https://node.example:8811")
