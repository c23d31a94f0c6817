"""What a party says later is not said earlier, whatever time it claims."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allied.node import agreements
from allied.record.ids import PartyId
from tests.node.hands import NORTHGATE, RIVER, allied, crafted, folded, slip_in, state


@pytest.mark.parametrize(
    ("earlier", "code", "legal"),
    [
        pytest.param(timedelta(days=100), "effect.time-contested", "bound", id="back-dated"),
        pytest.param(timedelta(0), "", "leaving", id="as it is"),
    ],
)
def test_nobody_leaves_before_it_last_spoke(
    tmp_path: Path, earlier: timedelta, code: str, legal: str
) -> None:
    network, pact = allied(tmp_path)
    river, northgate = network.houses[RIVER], network.houses[NORTHGATE]
    network.advance(timedelta(days=120))
    slip_in(northgate, crafted(northgate, pact, "receipt", {"records": []}))
    body = {"genesis": folded(northgate, pact).instrument.id, "cut": []}
    claimed = network.clock.now() - earlier
    notice = crafted(northgate, pact, "agreement.withdraw", body, claimed_at=claimed)
    slip_in(northgate, notice)
    network.settle()
    assert state(river, pact).verdicts[notice.id].code == code
    stands = {each.party: each.legal for each in agreements.show(river.node, pact).parties}
    assert stands[PartyId(NORTHGATE)] == legal


def test_a_notice_runs_from_when_the_others_had_it_not_from_when_it_claims(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, northgate = network.houses[RIVER], network.houses[NORTHGATE]
    network.advance(timedelta(days=120))
    # Its signature is the last it said, so nothing of its own is later than what it claims now.
    body = {"genesis": folded(northgate, pact).instrument.id, "cut": []}
    claimed = network.clock.now() - timedelta(days=100)
    notice = crafted(northgate, pact, "agreement.withdraw", body, deps=(), claimed_at=claimed)
    slip_in(northgate, notice)
    network.settle()
    assert state(river, pact).verdicts[notice.id].effect
    stands = {each.party: each for each in agreements.show(river.node, pact).parties}
    assert stands[PartyId(NORTHGATE)].legal == "leaving"
    network.advance(timedelta(days=91))
    stands = {each.party: each for each in agreements.show(river.node, pact).parties}
    assert stands[PartyId(NORTHGATE)].legal == "former"
