"""Nobody takes back what was acknowledged, nobody lives two lives, and all see it the same way."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, strategies as st

from allied.errors import UnverifiedError
from allied.record import fork, history
from allied.record.canonical import Json
from allied.record.circle import Circle, circle
from allied.record.history import History
from allied.record.ids import CircleId, OrganisationId, PartyId
from allied.record.record import ChainKey, Record
from tests.record.cast import (
    AGREEMENT,
    CIRCLES,
    HARBOUR,
    NONCE,
    RIVER,
    VERSION,
    Pen,
    cited,
    digest_of,
)
from tests.record.test_history import a_chain, made

LIAR = a_chain(0)
ALL = CIRCLES.all.id


def member(number: int, where: CircleId = ALL) -> ChainKey:
    return ChainKey(where, OrganisationId(digest_of(f"member {number}")), 0)


def known(records: Iterable[Record], members: int = 4) -> History:
    return history.history(records, lambda _: members)


L1 = made("l1", LIAR, 1, None)
YES, NO = made("yes", LIAR, 2, L1), made("no", LIAR, 2, L1)
YES_TOO = made("yes too", LIAR, 3, YES)


def heard(number: int, *what: Record, where: CircleId = ALL) -> Record:
    """The first record of a member, which knows these."""
    return made(f"m{number} {[each.id for each in what]}", member(number, where), 1, None, what)


@pytest.mark.parametrize(
    ("members", "witnesses", "stands"),
    [
        pytest.param(2, 1, True, id="of two the other one"),
        pytest.param(3, 1, False, id="of three one other is two thirds, not more"),
        pytest.param(3, 2, True, id="of three both others"),
        pytest.param(4, 1, False, id="of four one other"),
        pytest.param(4, 2, True, id="of four two others"),
        pytest.param(7, 3, False, id="of seven three others"),
        pytest.param(7, 4, True, id="of seven four others"),
        pytest.param(0, 6, False, id="of a circle nobody knows the size of"),
    ],
)
def test_what_more_than_two_thirds_knew_stands_whatever_its_issuer_signs_later(
    members: int, witnesses: int, stands: bool
) -> None:
    said = [L1, YES, *(heard(number, YES) for number in range(witnesses))]
    assert YES in known(said, members).order
    after = known([*said, NO], members)
    assert (YES in after.order) == stands
    assert NO not in after.order
    assert after.frozen == {LIAR: 2}
    assert len(after.forks) == 1


def test_what_follows_the_acknowledged_part_is_frozen() -> None:
    found = known([L1, YES, YES_TOO, NO, heard(1, YES), heard(2, YES_TOO)])
    assert found.kept == {YES.id}
    assert found.heads[LIAR] == (2, YES.id)
    assert found.aside == {YES_TOO.id, NO.id}


@pytest.mark.parametrize(
    ("second", "stands"),
    [
        pytest.param(heard(2, YES), True, id="the twin that counts"),
        pytest.param(heard(2, YES, heard(3, NO)), False, id="who knew of the other branch too"),
        pytest.param(heard(1, YES), False, id="the same member again"),
        pytest.param(heard(2, YES, where=CIRCLES.voters.id), False, id="in another circle"),
        pytest.param(made("own", a_chain(0, 0, 1), 1, None, [YES]), False, id="its own issuer"),
    ],
)
def test_who_counts_as_a_witness(second: Record, stands: bool) -> None:
    found = known([L1, YES, NO, heard(1, YES), heard(3, NO), second])
    assert (YES in found.order) == stands


def test_if_too_many_lie_and_both_branches_are_acknowledged_neither_counts() -> None:
    both = [heard(9, each) for each in (YES, NO)]
    found = known([L1, YES, NO, heard(1, YES), heard(2, NO), *both])
    assert found.kept == frozenset()
    assert {YES.id, NO.id} <= found.aside


def test_others_who_rest_on_the_acknowledged_part_know_it() -> None:
    witness = heard(1, YES)
    found = known([L1, YES, NO, witness, heard(2, YES)])
    assert found.knows(witness.id, YES.id)
    assert not found.knows(witness.id, NO.id)


def test_of_an_opened_circle_its_opening_says_how_many_are_in() -> None:
    names = [PartyId("harbour"), PartyId("northgate"), PartyId("river")]
    opened: Circle = circle(AGREEMENT, names, "incident", VERSION, NONCE)
    opening = made("opening", member(1, opened.id), 1, None)
    opening = replace(
        opening,
        header=replace(opening.header, kind="circle.open"),
        body={"circle": opened.to_json()},
    )
    liar = LIAR._replace(circle=opened.id)
    first = made("in it", liar, 1, None, [opening])
    other = made("also in it", liar, 1, None)
    told = made("one", member(1, opened.id), 2, opening, [first])
    too = made("two", member(2, opened.id), 1, None, [first])
    records = [opening, first, other, told, too]
    assert first in history.history(records).order
    assert first not in history.history([*records[:3], *records[4:]]).order


# --- two lives --------------------------------------------------------------------------------

SECOND = a_chain(0, 0, 1)
AFTER_YES = made("after yes", SECOND, 1, None, [YES])
AFTER_L1 = made("after l1", SECOND, 1, None, [L1])
AFTER_NOTHING = made("after nothing", SECOND, 1, None)


def revoking(opening: Record, *keys: str, **changes: Json) -> Record:
    header = replace(opening.header, kind="key.revoke")
    reason: Json = {"blob": "ab" * 32, "size": 20}
    body: dict[str, Json] = {"because": reason, "cut": [], "keys": list(keys)}
    return replace(opening, header=header, body=body | changes)


@pytest.mark.parametrize(
    ("opening", "parts"),
    [
        pytest.param(AFTER_YES, False, id="that counts all of the first life"),
        pytest.param(AFTER_L1, True, id="that leaves out the end of it"),
        pytest.param(AFTER_NOTHING, True, id="that does not know of it"),
        pytest.param(revoking(AFTER_L1, YES.header.key), False, id="that revokes the key of it"),
        pytest.param(revoking(AFTER_L1, "0" * 64), True, id="that revokes another key"),
        pytest.param(
            revoking(AFTER_L1, YES.header.key, more=1), True, id="that revokes in no sound form"
        ),
        pytest.param(
            revoking(AFTER_L1, YES.header.key, cut=[cited(YES).to_json()]),
            True,
            id="that counts what it does not rest on",
        ),
    ],
)
def test_a_second_life_has_to_count_the_first(opening: Record, parts: bool) -> None:
    found = known([L1, YES, opening])
    assert (opening in found.order) == (not parts)
    assert YES in found.order
    assert found.frozen == ({SECOND: 1} if parts else {})
    assert len(found.forks) == int(parts)


def test_the_first_life_going_on_beside_the_second_is_found_out() -> None:
    found = known([L1, AFTER_L1])
    assert not found.forks
    found = found.extended([YES])
    assert found.forks
    assert found == known([YES, AFTER_L1, L1])


def test_a_third_life_counts_the_first_and_needs_not_count_what_was_set_aside() -> None:
    third = made("third", a_chain(0, 0, 2), 1, None, [YES])
    found = known([L1, YES, AFTER_L1, third])
    assert third in found.order
    assert set(found.frozen) == {SECOND}
    skipping = made("skipping", a_chain(0, 0, 2), 1, None, [AFTER_YES])
    assert skipping not in known([L1, YES, AFTER_YES, skipping]).order


def test_two_lives_are_proved_by_two_records_and_nobody_else() -> None:
    pen = Pen(RIVER)
    first = pen.write()
    second = pen.write()
    opening = Pen(RIVER, incarnation=1).write(deps=[first])
    proof = fork.prove(second, opening)
    assert fork.prove(opening, second) == proof
    # Who signed it is asked of the identity, which knows which keys an incarnation may have.
    with pytest.raises(UnverifiedError) as refusal:
        fork.verify(proof, RIVER.identity)
    assert refusal.value.code == "record.incarnation-key"
    with pytest.raises(UnverifiedError) as refusal:
        fork.prove(first, opening)
    assert refusal.value.code == "fork.no-fork"
    with pytest.raises(UnverifiedError) as refusal:
        fork.prove(Pen(HARBOUR).write(), opening)
    assert refusal.value.code == "fork.no-fork"


# --- for all worlds ---------------------------------------------------------------------------


@st.composite
def two_faced(draw: st.DrawFn) -> list[Record]:
    """Records of a liar with up to three lives and several branches, and of three witnesses."""
    chains = [LIAR, SECOND, a_chain(0, 0, 2), *(member(number) for number in range(3))]
    records: list[Record] = []
    for number in range(draw(st.integers(1, 18))):
        chain = draw(st.sampled_from(chains))
        own = [each for each in records if each.header.chain == chain]
        previous = own[-1] if own else None
        if own and chain.issuer == LIAR.issuer and draw(st.integers(0, 3)) == 0:
            previous = draw(st.sampled_from([None, *own]))
        others: dict[ChainKey, Record] = {}
        for each in records:
            if each.header.chain != chain and draw(st.booleans()):
                others[each.header.chain] = each
        sequence = previous.header.sequence + 1 if previous else 1
        records.append(made(f"w{number}", chain, sequence, previous, others.values()))
    return records


@given(two_faced(), st.data())
def test_any_order_and_batching_gives_the_same_history(
    records: list[Record], data: st.DataObject
) -> None:
    whole = known(records)
    mixed = data.draw(st.permutations(records))
    grown = known([])
    while mixed:
        size = data.draw(st.integers(1, 4))
        batch, mixed = mixed[:size], mixed[size:]
        grown = grown.extended(batch)
    assert grown == whole
    assert all(grown.clock(each.id) == whole.clock(each.id) for each in whole.order)


@given(two_faced(), st.integers(1, 18))
def test_as_long_as_only_one_lies_what_is_acknowledged_once_stays(
    records: list[Record], cut: int
) -> None:
    before, after = known(records[:cut]), known(records)
    numbers = [(each.header.chain, each.header.sequence) for each in after.order]
    assert len(numbers) == len(set(numbers))
    assert before.kept <= after.kept


@given(two_faced())
def test_every_part_of_a_life_is_proved(records: list[Record]) -> None:
    found = known(records)
    assert len(found.forks) == len(found.frozen)
    for chain, sequence in found.frozen.items():
        assert all(
            each.header.sequence < sequence or each.id in found.kept
            for each in found.order
            if each.header.chain == chain
        )


def test_a_liar_with_many_lives_and_branches_costs_little() -> None:
    records: list[Record] = []
    for life in range(64):
        chain = a_chain(0, 0, life)
        first = made(f"life {life}", chain, 1, None, records[-1:])
        records += [first, made(f"on {life}", chain, 2, first), made(f"or {life}", chain, 2, first)]
    start = time.process_time()
    grown = known([])
    for each in records:
        grown = grown.extended([each])
    assert grown == known(records)
    assert time.process_time() - start < 10
