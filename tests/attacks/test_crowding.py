"""A party that opens many chains does not silence the others."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from allied.errors import MalformedError
from allied.node.fairness import fair_share
from allied.record.ids import CircleId, OrganisationId, RecordId
from allied.record.record import MAX_INCARNATION, Dep, written
from tests.node.hands import HARBOUR, NORTHGATE, allied, attack, crafted, folded, slip_in


def dep(issuer: str, incarnation: int, circle: str = "c") -> Dep:
    return Dep(
        CircleId(circle), OrganisationId(issuer), incarnation, 1, RecordId(f"{issuer}{incarnation}")
    )


LIAR = [dep("a-liar", number) for number in range(500)]
HONEST = [dep("honest", 0), dep("other", 0), dep("other", 1)]


def test_where_everything_fits_everything_is_named() -> None:
    assert sorted(fair_share([*LIAR, *HONEST], 503)) == sorted([*LIAR, *HONEST])


@pytest.mark.parametrize("limit", [5, 100, 502])
def test_where_not_everything_fits_one_issuer_with_many_chains_loses_its_own(limit: int) -> None:
    found = fair_share([*LIAR, *HONEST], limit)
    assert len(found) == limit
    assert set(HONEST) <= set(found)
    assert Counter(each.issuer for each in found)[LIAR[0].issuer] == limit - len(HONEST)


def test_of_one_issuer_the_first_chains_are_named() -> None:
    assert sorted(fair_share(reversed(LIAR), 3)) == sorted(LIAR[:3])


def test_a_party_cannot_open_incarnations_without_end_and_the_others_still_speak(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path)
    northgate, harbour = network.houses[NORTHGATE], network.houses[HARBOUR]
    first = crafted(northgate, pact, "receipt", {"records": []}, incarnation=1, deps=())
    signer = northgate.keys.signer(northgate.organisation.id, "automatic")
    last = written(replace(first.header, incarnation=MAX_INCARNATION), {"records": []}, signer)
    with pytest.raises(MalformedError) as refusal:
        written(replace(first.header, incarnation=MAX_INCARNATION + 1), {"records": []}, signer)
    assert refusal.value.code == "record.sequence"
    slip_in(northgate, first, last)
    refused = [code for each in harbour.sync() for code in each.refused]
    assert refused == ["record.incarnation-key"] * 2
    assert not {first.id, last.id} & set(folded(harbour, pact).state.verdicts)
    assert attack(harbour, pact).reported_by == HARBOUR
