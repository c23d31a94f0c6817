"""Who tells two stories brings no act in without a person, and parts no honest nodes by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from allied.node import incoming, journal
from allied.record.circle import circle
from allied.record.ids import PersonId
from allied.record.keys import PrivateKey
from allied.record.record import Dep, Record, written
from tests.node.hands import allied, crafted, folded
from tests.node.network import House
from tests.node.test_keys import rotate

KEY = PrivateKey.from_seed("ed25519", b"p" * 32)
PERSON = PersonId("ab" * 16)
LISTED = {**KEY.public.to_json(), "person": PERSON}


def takes(house: House, pact: str, *batches: tuple[Record, ...]) -> list[str]:
    """What is refused of some batches."""
    refused = []
    for batch in batches:
        with house.node.store.write() as writing:
            found = house.node.folds.of(writing, folded(house, pact).row.id)
            raws = [each.raw for each in batch]
            refused += incoming.take_in(writing, found, raws, {}).refused
    return refused


def last_of(house: House, pact: str) -> Record:
    own = house.organisation.id
    return [each for each in folded(house, pact).history.order if each.header.issuer == own][-1]


def after(*records: Record) -> list[Dep]:
    return [Dep(*each.header.chain, each.header.sequence, each.id) for each in records]


@pytest.mark.parametrize("assent", [False, True], ids=["without a person", "with a person"])
def test_an_act_of_a_life_that_was_set_aside_for_a_while_needs_its_person(
    tmp_path: Path, assent: bool
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    found, last = folded(northgate, pact), last_of(northgate, pact)
    third = crafted(northgate, pact, "receipt", {"records": []}, after=last)
    again = crafted(northgate, pact, "receipt", {"records": [third.id]}, after=last)
    rotate(northgate, "automatic", new_life=True)
    for house in (river, harbour):
        house.sync()
        with house.node.store.write() as writing, northgate.node.store.read() as reading:
            chain = reading.descriptors(northgate.organisation.id)
            writing.replace_descriptors(northgate.organisation.id, chain)
    others = [dep for dep in journal.heads_in(found, found.instrument.circles.all)
              if dep.issuer != northgate.organisation.id]  # fmt: skip
    first = crafted(
        northgate, pact, "receipt", {"records": []}, incarnation=1, deps=[*after(last), *others]
    )
    leaving = crafted(
        northgate, pact, "agreement.withdraw", {"genesis": found.row.id, "cut": []},
        incarnation=1, after=first, deps=others, assent=assent,
    )  # fmt: skip
    known_as_void = takes(harbour, pact, (third, first, leaving), (again,))
    known_at_once = takes(river, pact, (third, again), (first, leaving))
    assert known_as_void == known_at_once == ([] if assent else ["record.person-missing"])
    for house in (river, harbour):
        assert folded(house, pact).holds(leaving.id) is assent
        assert folded(house, pact).history.is_ordered(first.id)


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "not listed"])
def test_who_was_listed_in_one_of_two_stories_may_act_for_everybody(
    tmp_path: Path, listed: bool
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    found, last = folded(northgate, pact), last_of(northgate, pact)
    third = crafted(northgate, pact, "identity.person", LISTED, after=last)
    again = crafted(northgate, pact, "receipt", {"records": []}, after=last)
    all_of_them = found.instrument.circles.all
    where = circle(found.row.id, all_of_them.members, "incident", all_of_them.version, "1" * 32)
    opening = crafted(
        northgate, pact, "circle.open", {"circle": where.to_json()}, circle=where,
        deps=after(third if listed else last),
    )  # fmt: skip
    act = crafted(
        northgate, pact, "incident.finding", {}, circle=where, after=opening, deps=[], assent=False
    )
    signer = northgate.keys.signer(northgate.organisation.id, "acts")
    act = written(act.header, act.body, signer, {PERSON: KEY})
    known_before = takes(river, pact, (third, opening), (act,), (again,))
    known_after = takes(harbour, pact, (third, again), (opening,), (act,))
    assert known_before == known_after == ([] if listed else ["record.person-unknown"])
    assert folded(river, pact).holds(act.id) is folded(harbour, pact).holds(act.id) is listed
