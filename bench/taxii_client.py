"""A TAXII client that costs next to nothing, as a process: `python -m bench.taxii_client`.

It reads one job as JSON from stdin and writes what it measured as JSON to stdout. Requests are
prepared before the clock starts, connections are kept, answers are looked at only as far as
the job needs, so that what is measured is the server and the loopback.

    post      envelopes, one after the other, each until its status says complete
    read      a collection to its end, page by page, by `next`
    ask       one request again and again; every latency
    crowd     several connections, each asking for the same page again as soon as it has it
"""

from __future__ import annotations

import json
import random
import selectors
import socket
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any, Final

_BUFFER: Final = 4 * 2**20
_WORDS: Final = ("beacon", "loader", "relay", "panel", "stager", "dropper", "proxy", "implant")


def indicators(count: int, seed: int) -> Iterator[bytes]:
    """Indicators of about 730 bytes, always the same for one seed."""
    draw = random.Random(seed)
    for number in range(count):
        name = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        address = f"198.51.{draw.randrange(256)}.{draw.randrange(256)}"
        value = {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--{name}",
            "created": "2026-10-01T08:00:00.000Z",
            "modified": f"2026-10-{1 + number % 28:02}T08:00:00.000Z",
            "name": f"{draw.choice(_WORDS)} {draw.choice(_WORDS)} at {address}",
            "description": " ".join(draw.choice(_WORDS) for _ in range(44)),
            "indicator_types": ["malicious-activity"],
            "pattern": f"[ipv4-addr:value = '{address}']",
            "pattern_type": "stix",
            "pattern_version": "2.1",
            "valid_from": "2026-10-01T08:00:00Z",
            "labels": [draw.choice(_WORDS), draw.choice(_WORDS)],
        }
        yield json.dumps(value, separators=(",", ":")).encode()


class Connection:
    """One kept connection."""

    def __init__(self, host: str, port: int) -> None:
        self.socket = socket.create_connection((host, port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = bytearray(_BUFFER)

    def ask(self, request: bytes) -> tuple[int, bytes, memoryview]:
        """Status, head and body of the answer; the body is valid until the next question."""
        self.socket.sendall(request)
        return self.receive()

    def receive(self) -> tuple[int, bytes, memoryview]:
        """One answer."""
        view = memoryview(self._buffer)
        got = 0
        while (end := self._buffer.find(b"\r\n\r\n", 0, got)) < 0:
            got += self._more(view[got:])
        head = bytes(view[:end]).lower()
        _, _, rest = head.partition(b"content-length:")
        size = int(rest.partition(b"\r\n")[0])
        whole = end + 4 + size
        if whole > len(self._buffer):
            self._buffer = self._buffer[:got] + bytearray(whole - got)
            view = memoryview(self._buffer)
        while got < whole:
            got += self._more(view[got:])
        return int(head[9:12]), head, view[end + 4 : whole]

    def _more(self, view: memoryview) -> int:
        got = self.socket.recv_into(view)
        if not got:
            raise ConnectionError("the server closed the connection")
        return got


def request(job: dict[str, Any], path: str, body: bytes | None = None) -> bytes:
    """The bytes of one request."""
    lines = [
        f"{'GET' if body is None else 'POST'} {path} HTTP/1.1",
        f"Host: {job['host']}:{job['port']}",
        f"Authorization: Bearer {job['token']}",
        "Accept: application/taxii+json;version=2.1",
    ]
    if body is not None:
        lines.append("Content-Type: application/taxii+json;version=2.1")
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + (body or b"")


def post(job: dict[str, Any], connection: Connection) -> dict[str, Any]:
    """Post `count` objects in envelopes of `size`."""
    path = f"{job['collection']}objects/"
    made = list(indicators(job["count"], job["seed"]))
    envelopes = [
        request(job, path, b'{"objects":[' + b",".join(made[at : at + job["size"]]) + b"]}")
        for at in range(0, len(made), job["size"])
    ]
    done = 0
    least = float("inf")
    started = time.perf_counter()
    for each in envelopes:
        asked = time.perf_counter()
        status, _, body = connection.ask(each)
        least = min(least, time.perf_counter() - asked)
        told = json.loads(bytes(body))
        if status != 202 or told["status"] != "complete" or told["failure_count"]:
            raise RuntimeError(f"{status}: {bytes(body)[:300]!r}")
        done += told["success_count"]
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "objects": done, "bytes": sum(map(len, made)), "least": least}


def read(job: dict[str, Any], connection: Connection) -> dict[str, Any]:
    """Read the collection to its end."""
    path = f"{job['collection']}objects/?limit={job['limit']}"
    following = ""
    objects = received = pages = 0
    last = ""
    least = float("inf")
    started = time.perf_counter()
    while True:
        asked = time.perf_counter()
        status, head, body = connection.ask(request(job, path + following))
        took = time.perf_counter() - asked
        if status != 200:
            raise RuntimeError(f"{status}: {bytes(body)[:300]!r}")
        pages += 1
        received += len(body)
        objects += bytes(body).count(b'"spec_version":')
        start = bytes(body[:200])
        last = head.partition(b"x-taxii-date-added-last: ")[2].partition(b"\r\n")[0].decode()
        if not start.startswith(b'{"more":true'):
            break
        least = min(least, took)  # of the pages that are full
        following = "&next=" + start.partition(b'"next":"')[2].partition(b'"')[0].decode()
    seconds = time.perf_counter() - started
    return {
        "seconds": seconds, "objects": objects, "bytes": received, "pages": pages,
        "last": last.upper(), "least": least,
    }  # fmt: skip


def ask(job: dict[str, Any], connection: Connection) -> dict[str, Any]:
    """Ask the same `times` times."""
    asked = request(job, job["path"])
    status, _, body = connection.ask(asked)
    objects = bytes(body).count(b'"spec_version":')
    if status != 200:
        raise RuntimeError(f"{status}: {bytes(body)[:300]!r}")
    took = []
    for _ in range(job["times"]):
        started = time.perf_counter()
        connection.ask(asked)
        took.append(time.perf_counter() - started)
    took.sort()
    return {
        "objects": objects,
        "least": took[0],
        "p50": took[len(took) // 2],
        "p99": took[len(took) * 99 // 100],
    }


def crowd(job: dict[str, Any], _: Connection) -> dict[str, Any]:
    """`readers` connections ask for one page each, again and again, for `seconds`."""
    asked = request(job, job["path"])
    waiting = selectors.DefaultSelector()
    readers = [Connection(job["host"], job["port"]) for _ in range(job["readers"])]
    for each in readers:
        waiting.register(each.socket, selectors.EVENT_READ, each)
        each.socket.sendall(asked)
    done = 0
    started = time.perf_counter()
    ends = started + job["seconds"]
    while time.perf_counter() < ends:
        for key, _events in waiting.select(1.0):
            status, _head, _body = key.data.receive()
            if status != 200:
                raise RuntimeError(str(status))
            done += 1
            key.data.socket.sendall(asked)
    return {"requests": done, "seconds": time.perf_counter() - started}


JOBS: Final = {"post": post, "read": read, "ask": ask, "crowd": crowd}


def main() -> None:
    """Do the job on stdin."""
    job = json.load(sys.stdin)
    print(json.dumps(JOBS[job["job"]](job, Connection(job["host"], job["port"]))))


if __name__ == "__main__":
    main()
