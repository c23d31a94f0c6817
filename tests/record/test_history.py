"""The same records give the same history, and what it says of order, gaps, clocks and forks."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from allied.errors import NotFoundError, UsageError
from allied.record import fork, history
from allied.record.history import History, Range
from allied.record.ids import AgreementId, RecordId
from allied.record.record import ChainKey, Dep, Header, Record
from tests.record.cast import (
    AGREEMENT,
    CIRCLES,
    HARBOUR,
    NOON,
    NORTHGATE,
    RIVER,
    VERSION,
    Pen,
    cited,
    digest_of,
)

# Records that were read and verified already need no signature for what is asked here.
ISSUERS = [each.identity.id for each in (RIVER, HARBOUR, NORTHGATE)]


def made(
    name: str,
    chain: ChainKey,
    sequence: int,
    previous: Record | None,
    deps: Iterable[Record] = (),
    second: int = 0,
) -> Record:
    header = Header(
        agreement=AGREEMENT,
        circle=chain.circle,
        issuer=chain.issuer,
        key=RIVER.automatic.public.key_id,
        incarnation=chain.incarnation,
        sequence=sequence,
        previous=previous.id if previous else None,
        deps=tuple(sorted(cited(each) for each in deps)),
        version=VERSION,
        kind="receipt",
        claimed_at=NOON + timedelta(seconds=second),
    )
    return Record(header, {}, RecordId(digest_of(name)), name.encode(), ())


def a_chain(issuer: int, circle: int = 0, incarnation: int = 0) -> ChainKey:
    own = (CIRCLES.all.id, CIRCLES.voters.id)[circle]
    return ChainKey(own, ISSUERS[issuer], incarnation)


@st.composite
def worlds(draw: st.DrawFn, *, forks: bool = True, liars: bool = False) -> list[Record]:
    """A set of records of up to five chains, some of them parting, with any causal deps.

    A liar says of a record it cites that it stands at another number.
    """
    chains = [a_chain(0), a_chain(1), a_chain(2), a_chain(0, 1), a_chain(1, 1)]
    records: list[Record] = []
    for number in range(draw(st.integers(1, 14))):
        chain = draw(st.sampled_from(chains))
        own = [each for each in records if each.header.chain == chain]
        previous: Record | None = own[-1] if own else None
        if forks and own and draw(st.integers(0, 5)) == 0:
            previous = draw(st.sampled_from([None, *own]))
        others: dict[ChainKey, Record] = {}
        for each in records:
            if each.header.chain != chain and draw(st.integers(0, 2)) == 0:
                others[each.header.chain] = each
        sequence = previous.header.sequence + 1 if previous else 1
        late = draw(st.integers(-3, 3))
        record = made(f"r{number}", chain, sequence, previous, others.values(), number + late)
        if liars and record.header.deps and draw(st.integers(0, 4)) == 0:
            first, *rest = record.header.deps
            record = with_deps(record, first._replace(sequence=first.sequence + 1), *rest)
        records.append(record)
    return records


def parents(record: Record) -> list[RecordId]:
    previous = record.header.previous
    return [dep.id for dep in record.header.deps] + ([previous] if previous else [])


@given(worlds(liars=True), st.data())
def test_any_order_duplication_or_batching_gives_the_same_history(
    records: list[Record], data: st.DataObject
) -> None:
    whole = history.history(records)
    mixed = data.draw(st.permutations(records + records[: len(records) // 2]))
    assert history.history(mixed) == whole

    grown = history.history([])
    while mixed:
        size = data.draw(st.integers(1, 4))
        batch, mixed = mixed[:size], mixed[size:]
        before = grown
        grown = grown.extended(batch)
        if data.draw(st.booleans()):
            # A second extension of one history starts afresh and comes to the same.
            assert before.extended(batch) == grown
    assert grown == whole
    for each in grown.order:
        assert grown.clock(each.id) == whole.clock(each.id)


@given(worlds(), st.data())
def test_what_is_missing_parks_and_its_coming_unparks(
    records: list[Record], data: st.DataObject
) -> None:
    missing = data.draw(st.sets(st.sampled_from(records), max_size=3)) if records else set()
    held = [each for each in records if each not in missing]
    partial = history.history(held)
    ids = {each.id for each in held}
    for record in held:
        waits_for = {
            parent for parent in parents(record) if parent not in ids or parent in partial.parked
        }
        assert partial.parked.get(record.id, frozenset()) == waits_for
    assert partial.wanted == {
        parent for record in held for parent in parents(record) if parent not in ids
    }
    assert partial.extended(missing) == history.history(records)


@given(worlds())
def test_no_record_comes_before_what_it_rests_on(records: list[Record]) -> None:
    known = history.history(records)
    place = {each.id: at for at, each in enumerate(known.order)}
    for record in known.order:
        for parent in parents(record):
            assert parent in known.aside or place[parent] < place[record.id]
    assert {each.id for each in known.order}.isdisjoint(known.aside)
    assert len(known.order) + len(known.aside) == len({each.id for each in records})


@given(worlds(), worlds())
def test_the_place_of_two_records_never_changes(some: list[Record], more: list[Record]) -> None:
    # The same names under other contents would be other records.
    more = [each for each in more if each.id not in {record.id for record in some}]
    before, after = history.history(some), history.history([*some, *more])
    kept = [each for each in before.order if each in after.order]
    assert kept == [each for each in after.order if each in before.order]


@given(worlds())
def test_who_knows_what_is_the_causal_past(records: list[Record]) -> None:
    known = history.history(records)
    held = {each.id: each for each in records}
    ordered = {each.id for each in known.order}
    for later in known.order:
        past: set[RecordId] = set()
        pending = parents(later)
        while pending:
            at = pending.pop()
            if at not in past:
                past.add(at)
                pending += parents(held[at])
        for earlier in records:
            told = known.knows(later.id, earlier.id)
            # A record of its own chain is known; so is everything else in its past.
            assert told == (earlier.id in past and earlier.id in ordered)
        clock = dict.fromkeys((held[at].header.chain for at in past & ordered), 0)
        for at in (past | {later.id}) & ordered:
            header = held[at].header
            clock[header.chain] = max(clock.get(header.chain, 0), header.sequence)
        assert known.clock(later.id) == clock


@given(worlds())
def test_forks_are_found_and_frozen_from_the_first_number_signed_twice(
    records: list[Record],
) -> None:
    known = history.history(records)
    positions: dict[tuple[ChainKey, int], set[RecordId]] = {}
    for each in records:
        positions.setdefault((each.header.chain, each.header.sequence), set()).add(each.id)
    first: dict[ChainKey, int] = {}
    for (chain, sequence), ids in sorted(positions.items()):
        if len(ids) > 1:
            first.setdefault(chain, sequence)
    assert known.frozen == first
    assert len(known.forks) == len(first)
    for each in known.order:
        assert each.header.sequence < first.get(each.header.chain, 1000)
    for chain, (sequence, head) in known.heads.items():
        record = known.get(head)
        assert record is not None
        assert (record.header.chain, record.header.sequence) == (chain, sequence)
        assert record in known.order


@given(worlds(forks=False))
def test_heads_are_the_highest_complete_records(records: list[Record]) -> None:
    heads: dict[ChainKey, tuple[int, RecordId]] = {}
    for each in records:
        heads[each.header.chain] = (each.header.sequence, each.id)
    assert history.history(records).heads == heads


def order_of(known: History) -> list[str]:
    return [record.raw.decode() for record in known.order]


A, B, C = a_chain(0), a_chain(1), a_chain(2)
A1 = made("a1", A, 1, None)
A2 = made("a2", A, 2, A1, second=2)
B1 = made("b1", B, 1, None, [A1], second=1)
B2 = made("b2", B, 2, B1, [A2], second=3)


def test_an_empty_set_has_a_history() -> None:
    assert history.history([]).order == ()


def test_a_straight_story_is_in_its_order() -> None:
    known = history.history([B2, A2, B1, A1])
    assert order_of(known)[0] == "a1"
    assert order_of(known)[-1] == "b2"
    assert known.heads == {A: (2, A2.id), B: (2, B2.id)}
    assert known.knows(B2.id, A1.id)
    assert not known.knows(A2.id, B1.id)
    assert not known.knows(A1.id, A1.id)
    assert known.clock(B1.id) == {A: 1, B: 1}


def test_a_record_that_is_not_in_order_knows_nothing() -> None:
    known = history.history([A2])
    assert known.parked == {A2.id: {A1.id}}
    for ask in (lambda: known.knows(A2.id, A1.id), lambda: known.clock(A2.id)):
        with pytest.raises(NotFoundError) as refusal:
            ask()
        assert refusal.value.code == "history.not-in-order"
    assert known.get(A2.id) == A2
    assert known.get(A1.id) is None


def test_a_record_that_waits_for_a_parked_one_is_parked_too() -> None:
    known = history.history([A2, B2, B1])
    assert known.parked == {A2.id: {A1.id}, B1.id: {A1.id}, B2.id: {A2.id, B1.id}}
    assert known.wanted == {A1.id}


OTHER_A2 = made("other a2", A, 2, A1, second=2)
AFTER_OTHER = made("after other a2", A, 3, OTHER_A2, second=3)


def test_both_branches_of_a_fork_are_kept_out_and_the_last_common_record_stands() -> None:
    known = history.history([A1, A2, OTHER_A2, AFTER_OTHER, B1])
    assert order_of(known) == ["a1", "b1"]
    assert known.heads[A] == (1, A1.id)
    assert known.frozen == {A: 2}
    assert known.aside == {A2.id, OTHER_A2.id, AFTER_OTHER.id}
    assert known.forks == (fork.prove(A2, OTHER_A2),)
    assert known.get(AFTER_OTHER.id) == AFTER_OTHER


def test_a_chain_that_parts_at_its_first_record_has_no_head() -> None:
    known = history.history([A1, made("other a1", A, 1, None)])
    assert known.order == ()
    assert known.heads == {}


def test_no_branch_wins_by_its_hash() -> None:
    for names in (("a2", "other a2"), ("z", "y"), ("1", "2")):
        one, other = (made(name, A, 2, A1) for name in names)
        assert history.history([A1, one, other]).order == (A1,)


def test_who_cited_a_branch_before_the_fork_was_known_keeps_its_place_and_its_past() -> None:
    c1 = made("c1", C, 1, None)
    a2 = made("a2 with c1", A, 2, A1, [c1])
    b1 = made("b1 on a2", B, 1, None, [a2])
    before = history.history([A1, c1, a2, b1])
    assert before.knows(b1.id, a2.id)
    after = before.extended([OTHER_A2])
    assert b1 in after.order
    assert after.knows(b1.id, c1.id)
    assert after.knows(b1.id, A1.id)
    assert not after.knows(b1.id, a2.id)
    assert after.clock(b1.id) == {A: 1, B: 1, C: 1}
    assert after == history.history([b1, OTHER_A2, a2, c1, A1])


def test_a_record_that_rests_on_an_unseen_branch_waits_for_it() -> None:
    known = history.history([A1, A2, OTHER_A2, made("b", B, 1, None, [AFTER_OTHER])])
    assert known.wanted == {AFTER_OTHER.id}
    assert known.extended([AFTER_OTHER]).wanted == frozenset()


def test_a_third_branch_with_a_lower_id_gives_everybody_the_same_proof() -> None:
    branches = [made(f"branch {number}", A, 2, A1) for number in range(6)]
    low, high, *_ = sorted(branches, key=lambda record: record.id)
    grown = history.history([A1])
    for each in branches:
        grown = grown.extended([each])
    assert grown.forks == (fork.prove(low, high),)


def test_another_incarnation_is_another_chain_and_no_fork() -> None:
    known = history.history([A1, A2, made("again", a_chain(0, 0, 1), 1, None, [A2])])
    assert known.forks == ()
    assert len(known.order) == 3


def misplaced(record: Record, **changes: object) -> Dep:
    return cited(record)._replace(**changes)  # type: ignore[arg-type]


def with_deps(record: Record, *deps: Dep) -> Record:
    return replace(record, header=replace(record.header, deps=deps))


@pytest.mark.parametrize(
    "liar",
    [
        pytest.param(made("x", B, 3, A1), id="one before it of another chain"),
        pytest.param(made("x", A, 3, A1), id="one before it with a number left out"),
        pytest.param(with_deps(B1, misplaced(A1, sequence=2)), id="a dep with another number"),
        pytest.param(with_deps(B1, misplaced(A1, issuer=ISSUERS[2])), id="a dep of another issuer"),
        pytest.param(with_deps(B1, misplaced(A1, incarnation=1)), id="a dep of another life"),
        pytest.param(
            with_deps(B1, misplaced(A1, circle=CIRCLES.voters.id)), id="a dep of another circle"
        ),
    ],
)
def test_a_record_that_says_of_another_what_is_not_so_is_refused(liar: Record) -> None:
    child = made("child", liar.header.chain, liar.header.sequence + 1, liar, [B1] * 0)
    grandchild = made("grandchild", C, 1, None, [child])
    for records in ([A1, liar, child, grandchild], [grandchild, child, liar, A1]):
        known = history.history([])
        for each in records:
            known = known.extended([each])
        assert known == history.history(records)
        assert known.refused == {
            liar.id: "history.not-its-parent",
            child.id: "history.past-refused",
            grandchild.id: "history.past-refused",
        }
        assert known.order == (A1,)
        assert known.parked == {}


def test_whether_a_record_is_refused_does_not_depend_on_what_else_it_waits_for() -> None:
    liar = with_deps(B1, misplaced(A1, sequence=9), cited(made("c", C, 1, None)))
    liar = with_deps(liar, *sorted(liar.header.deps))
    assert history.history([A1, liar]).refused == {liar.id: "history.not-its-parent"}
    assert history.history([liar]).extended([A1]) == history.history([A1, liar])


def test_a_mistake_found_late_is_told_before_a_bad_past() -> None:
    liar = with_deps(B1, misplaced(A1, sequence=9))
    c1 = made("c1", C, 1, None)
    child = made("child", B, 2, liar)
    child = with_deps(child, misplaced(c1, sequence=7))
    known = history.history([A1, liar, child])
    assert known.refused[child.id] == "history.past-refused"
    assert known.extended([c1]).refused[child.id] == "history.not-its-parent"
    assert known.extended([c1]) == history.history([c1, child, liar, A1])


def test_a_claimed_time_that_runs_backwards_is_kept_and_flagged() -> None:
    back = made("back", A, 3, A2, second=1)
    on = made("on", A, 4, back, second=1)
    known = history.history([A1, A2, back, on])
    assert known.contested == {back.id}
    assert back in known.order
    # Only along a chain: between issuers clocks may differ.
    early = made("early", C, 1, None, [A2], second=-100)
    assert history.history([A1, A2, early]).contested == frozenset()


def test_a_history_is_of_one_agreement() -> None:
    header = replace(A1.header, agreement=AgreementId(digest_of("another")))
    stranger = replace(A1, header=header, id=RecordId(digest_of("stranger")))
    with pytest.raises(UsageError) as refusal:
        history.history([A1, stranger])
    assert refusal.value.code == "history.two-agreements"
    with pytest.raises(UsageError):
        history.history([A1]).extended([stranger])


def test_of_two_envelopes_of_one_payload_the_same_is_kept_by_everybody() -> None:
    longer = replace(A1, raw=A1.raw + b" with a further signature")
    for records in ([A1, longer], [longer, A1]):
        assert history.history(records).order == (A1,)
        assert history.history(records[:1]).extended(records[1:]).order == (A1,)


def test_nothing_new_is_the_same_history() -> None:
    known = history.history([A1, A2])
    assert known.extended([A2, A1]) is known
    assert known.extended([]) is known


@pytest.mark.parametrize(
    ("mine", "theirs", "ranges"),
    [
        pytest.param({}, {}, [], id="nothing anywhere"),
        pytest.param({A: (2, A2.id)}, {A: (2, A2.id)}, [], id="the same"),
        pytest.param({A: (1, A1.id)}, {A: (3, A2.id)}, [Range(A, 2, 3)], id="they are ahead"),
        pytest.param({A: (3, A2.id)}, {A: (1, A1.id)}, [], id="I am ahead"),
        pytest.param({}, {A: (3, A2.id)}, [Range(A, 1, 3)], id="a chain new to me"),
        pytest.param({B: (1, B1.id)}, {}, [], id="a chain new to them"),
        pytest.param(
            {A: (2, A2.id)}, {A: (2, OTHER_A2.id)}, [Range(A, 2, 2)], id="a fork: ask for the proof"
        ),
        pytest.param(
            {},
            {max(A, B): (1, A1.id), min(A, B): (1, B1.id)},
            [Range(min(A, B), 1, 1), Range(max(A, B), 1, 1)],
            id="sorted by chain",
        ),
    ],
)
def test_what_to_ask_a_peer_for(
    mine: history.Heads, theirs: history.Heads, ranges: list[Range]
) -> None:
    assert history.ranges_missing(mine, theirs) == tuple(ranges)


@given(worlds(forks=False), st.data())
def test_after_asking_for_what_is_missing_both_know_the_same(
    records: list[Record], data: st.DataObject
) -> None:
    ahead = history.history(records)
    mine = history.history(ahead.order[: data.draw(st.integers(0, len(records)))])
    asked = {
        (each.chain, number)
        for each in history.ranges_missing(mine.heads, ahead.heads)
        for number in range(each.first, each.last + 1)
    }
    answer = [each for each in records if (each.header.chain, each.header.sequence) in asked]
    assert mine.extended(answer) == ahead


def test_signed_records_make_a_history_like_any_other() -> None:
    river, harbour = Pen(RIVER), Pen(HARBOUR)
    first = river.write()
    answer = harbour.write(deps=[first])
    last = river.write(deps=[answer])
    assert history.history([last, answer, first]).order == (first, answer, last)


def long_story(size: int) -> list[Record]:
    heads: list[Record | None] = [None] * 3
    records: list[Record] = []
    for number in range(size):
        at = number * number % 3 if number % 7 else number % 3
        deps = [each for each in heads if each and each is not heads[at]][:2]
        last = heads[at]
        sequence = last.header.sequence + 1 if last else 1
        heads[at] = made(f"s{number}", a_chain(at), sequence, last, deps, number)
        records.append(heads[at])  # type: ignore[arg-type]
    return records


def test_ten_thousand_records_take_no_time_to_speak_of() -> None:
    records = long_story(10_000)
    gc.disable()  # which would look at everything that other tests have left
    try:
        start = time.process_time()
        known = history.history(records[::-1])
        took = time.process_time() - start
    finally:
        gc.enable()
    assert len(known.order) == 10_000
    # A tenth of a second on an idle core; the limit only tells a wrong shape from a right one.
    assert took < 2


def test_a_long_chain_from_the_end_backwards_needs_no_recursion() -> None:
    chain: Sequence[Record] = long_story(5_000)[::-1]
    known = history.history([])
    for at in range(0, len(chain), 500):
        known = known.extended(chain[at : at + 500])
    assert len(known.order) == 5_000


def test_hostile_deps_cost_no_more_than_their_number() -> None:
    # 4,096 parents that all come after the child, each compared with its own claim only.
    others = [made(f"o{number}", a_chain(1, 0, number), 1, None) for number in range(4096)]
    child = made("child", A, 1, None, others)
    start = time.process_time()
    known = history.history([child]).extended(others)
    assert child in known.order
    assert time.process_time() - start < 5


def test_what_was_looked_at_before_it_is_stored_is_not_looked_at_again() -> None:
    past = history.history([A1])
    found = past.extended([A2, B1, B2])
    assert past.grown({A2.raw, B1.raw, B2.raw}) is found
    assert past.grown({A2.raw}) is None
    assert past.extended([A2]) == history.history([A1, A2])  # what was not stored is not in it
