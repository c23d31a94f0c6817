"""A partner cannot put its own key behind somebody else's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from allied.errors import RefusedError
from allied.node import agreements
from allied.record.identity import fingerprint
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, propose, three

TWO = DEMO.replace(
    b"  - {id: northgate, name: Northgate CERT, kind: agency, role: observer}\n", b""
)


@pytest.mark.parametrize(
    ("label", "name"),
    [
        pytest.param("harbour", "Harbour Ltd", id="its label"),
        pytest.param("partner", "Harbour Logistics SA", id="its name"),
        pytest.param("partner", "Northgate CERT", id="its own name"),
    ],
)
def test_a_text_that_gives_anothers_name_to_its_proposer_is_not_signed(
    tmp_path: Path, label: str, name: str
) -> None:
    network = three(tmp_path)
    river, liar = network.houses[RIVER], network.houses[NORTHGATE]
    text = TWO.replace(b"id: harbour,", f"id: {label},".encode())
    text = text.replace(b"name: Harbour Logistics SA", f"name: {name}".encode())
    given = {label: fingerprint(liar.organisation.id), "river": fingerprint(river.organisation.id)}
    made = propose(liar, text, given)
    river.sync()
    if name == "Northgate CERT":
        assert RIVER in _signed(agreements.sign(river.node, river.actor, made))
        return
    with pytest.raises(RefusedError) as refusal:
        agreements.sign(river.node, river.actor, made)
    assert refusal.value.code == "agreement.another-of-that-name"
    assert HARBOUR not in _signed(agreements.show(river.node, made))


def _signed(view: agreements.AgreementView) -> list[str]:
    return [each.party for each in view.parties if each.signed_at]
