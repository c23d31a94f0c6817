"""Two real nodes over TLS that ends on the way: an exchange that is sealed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette

from allied.adapters.clock import SystemChance
from allied.adapters.outgoing import Outgoing
from allied.adapters.peers import HttpPeers
from allied.entrypoints.federation import Limits, routes
from allied.node import peers
from allied.node.sync import sync
from tests.exchange.samples import indicator
from tests.federation.houses import Between, serving
from tests.node.hands import HARBOUR, OPEN, RIVER, allied, held, share
from tests.node.test_keys import chain_of, rotate
from tests.taxii.certificates import made_certificate

NAME = str(indicator(1)["id"])


def test_an_exchange_that_nobody_on_the_way_can_read(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, OPEN)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    share(river, pact, indicator(1))
    passed: list[bytes] = []

    def copied(status: int, headers: list[Any], body: bytes) -> tuple[int, list[Any], bytes]:
        passed.append(body)
        return status, headers, body

    started = [60.0]
    app = Starlette(routes=routes(river.answers, limits=Limits(), steady=lambda: started[0]))
    started[0] += 10.0
    network.advance(timedelta(seconds=10))
    with made_certificate() as tls, serving(Between(app, copied), tls=tls) as url:
        outgoing = Outgoing(ca_file=tls[0])
        node = replace(harbour.node, peers=HttpPeers(outgoing, network.clock, SystemChance()))
        with node.store.write() as writing:
            for peer in writing.peers():
                writing.put_peer(replace(peer, url=url, allowed_private=True))
        rotate(river, "sealing")  # Harbour seals to the one before, is refused, and learns it
        assert len(chain_of(harbour, river)) == 1
        outcomes = sync(node, harbour.keys, only=river.organisation.id)
        outgoing.close()
    assert [each.problem for each in outcomes] == [""]
    assert chain_of(harbour, river) == chain_of(river, river)
    assert NAME in held(harbour, pact)
    whole = b"".join(passed)
    assert len(passed) >= 2
    assert b"indicator" not in whole
    assert pact.encode() not in whole


@pytest.mark.parametrize("url", ["https://river.example", "http://127.0.0.1:8811"])
def test_of_every_peer_it_can_be_said_how_it_is_protected(url: str) -> None:
    assert peers.protection(url) == ("sealed" if url.startswith("https") else "loopback")
