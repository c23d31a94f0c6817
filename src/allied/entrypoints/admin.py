"""Health and metrics, on the admin address only: /healthz, /readyz, /metrics.

`/healthz` says that the process answers; `/readyz` that the store can be read; `/metrics`
are counts for Prometheus. No name, title or content is ever in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from allied.errors import AlliedError

if TYPE_CHECKING:
    from starlette.requests import Request

    from allied.node.node import Node


def build(node: Node) -> Starlette:
    """The admin application of one node."""

    def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    def readyz(_: Request) -> Response:
        try:
            with node.store.read() as reading:
                reading.changes()
        except AlliedError as problem:
            return PlainTextResponse(f"{problem.code}\n", status_code=503)
        return PlainTextResponse("ready\n")

    def metrics(_: Request) -> Response:
        return Response(generate_latest(_registry(node)), media_type="text/plain; version=0.0.4")

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ]
    )


def _registry(node: Node) -> CollectorRegistry:
    registry = CollectorRegistry()
    agreements = Gauge("allied_agreements", "Agreements known here", registry=registry)
    records = Gauge("allied_records", "Records held in order", registry=registry)
    parked = Gauge("allied_records_parked", "Records that wait for others", registry=registry)
    peers = Gauge("allied_peers", "Peers", ["confirmed"], registry=registry)
    failing = Gauge("allied_peers_failing", "Peers that did not answer last", registry=registry)
    with node.store.read() as reading:
        rows = reading.agreements()
        agreements.set(len(rows))
        for row in rows:
            records.inc(len(node.folds.of(reading, row.id).history.order))
            parked.inc(len(reading.parked(row.id)))
        known = reading.peers()
    peers.labels("yes").set(sum(peer.confirmed_at is not None for peer in known))
    peers.labels("no").set(sum(peer.confirmed_at is None for peer in known))
    failing.set(sum(peer.failures > 0 for peer in known))
    return registry
