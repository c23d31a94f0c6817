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
from allied.node import refusals

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.requests import Request

    from allied.node.node import Node


def build(
    node: Node,
    answered: Callable[[], Mapping[str, int]] = dict,
    refused: Callable[[], Mapping[str, int]] = dict,
) -> Starlette:
    """The admin application of one node.

    Args:
        answered: how many questions of other nodes were answered since the start, by verb.
        refused: how many were refused, by code.
    """

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
        return Response(
            generate_latest(_registry(node, answered(), refused())),
            media_type="text/plain; version=0.0.4",
        )

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
        ]
    )


def _registry(
    node: Node, answered: Mapping[str, int], refused: Mapping[str, int]
) -> CollectorRegistry:
    registry = CollectorRegistry()
    agreements = Gauge("allied_agreements", "Agreements known here", registry=registry)
    records = Gauge("allied_records", "Records held in order", registry=registry)
    parked = Gauge("allied_records_parked", "Records that wait for others", registry=registry)
    peers = Gauge("allied_peers", "Peers", ["confirmed"], registry=registry)
    failing = Gauge("allied_peers_failing", "Peers that did not answer last", registry=registry)
    commits = Gauge("allied_commits", "Units that changed the store, ever", registry=registry)
    questions = Gauge(
        "allied_questions_answered", "Questions of other nodes", ["verb"], registry=registry
    )
    at_the_door = Gauge(
        "allied_questions_refused", "Questions of other nodes", ["code"], registry=registry
    )
    sent = Gauge(
        "allied_refused", "What peers sent and did not hold, ever", ["code"], registry=registry
    )
    for verb, count in answered.items():
        questions.labels(verb).set(count)
    for code, count in refused.items():
        at_the_door.labels(code).set(count)
    with node.store.read() as reading:
        commits.set(reading.changes())
        rows = reading.agreements()
        agreements.set(len(rows))
        for row in rows:
            records.inc(len(node.folds.of(reading, row.id).history.order))
            parked.inc(len(reading.parked(row.id)))
        known = reading.peers()
        for code, count in refusals.of_all(reading).items():
            sent.labels(code).set(count)
    peers.labels("yes").set(sum(peer.confirmed_at is not None for peer in known))
    peers.labels("no").set(sum(peer.confirmed_at is None for peer in known))
    failing.set(sum(peer.failures > 0 for peer in known))
    return registry
