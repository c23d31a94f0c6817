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
