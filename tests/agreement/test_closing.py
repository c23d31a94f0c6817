"""Closes, tallies and counts: which hold, and that nobody ever proves two outcomes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from allied.agreement.certificate import hands
from allied.agreement.closing import (
    CERTIFYING,
    CLOSING,
    COUNTING,
    PATIENCE,
    SPLIT,
    TALLYING,
    VOTING,
    is_bound,
)
from allied.agreement.tabled import Said, counted
from allied.record.canonical import Json
from allied.record.ids import CircleId, PartyId
from allied.record.record import Dep, read_deps
from tests.agreement.table_of_many import AT, END, Council, Pen

THREE = ("ash", "birch", "cedar")
SEVEN = ("ash", "birch", "cedar", "dog", "elm", "fir", "gum")
HOUR = timedelta(hours=1)


def voted(*choices: str, **more: Any) -> Council:
    """Three who have voted, and know of each other's votes."""
    council = Council(THREE, **more)
    for name, choice in zip(THREE, choices, strict=False):
        council.vote(name, choice, AT + HOUR)
    council.everybody_knows()
    return council


def closed(*choices: str, **more: Any) -> Council:
    """And have closed."""
    council = voted(*choices, **more)
    for name in THREE:
        council.close(name)
    council.everybody_knows()
    return council


def stage(council: Council) -> str:
    return council.progress().stage(counted(council.on(), END + HOUR))


def parties(names: Any) -> set[str]:
    return {str(each) for each in names}


# --- the way ----------------------------------------------------------------------------


def test_from_the_votes_to_a_result_that_is_proved() -> None:
    council = voted("yes", "yes", "no", deadline="")
    stages = [stage(council)]
    for name in THREE:
        council.close(name, AT + 2 * HOUR)
    council.everybody_knows()
    stages.append(stage(council))
    tally = council.tally("birch", AT + 2 * HOUR)
    council.tell(tally)
    stages.append(stage(council))
    council.count("birch", tally)
    council.count("cedar", tally)
    stages.append(stage(council))
    result = council.progress().ready

    assert stages == [CLOSING, TALLYING, COUNTING, CERTIFYING]
    assert result is not None
    assert (result.outcome, result.closed_at) == ("adopted", AT + HOUR)
    assert dict(result.positions) == {"ash": "yes", "birch": "yes", "cedar": "no"}


def test_a_question_that_is_open_awaits_votes() -> None:
    assert stage(Council(THREE, deadline="")) == VOTING


def test_votes_that_only_one_of_those_who_close_has_are_counted() -> None:
    council = Council(THREE)
    council.vote("ash", "no")
    late = council.vote("birch", "yes", AT + HOUR)
    council.tell(late, to=["cedar"])
    council.vote("cedar", "yes", AT + HOUR)
    closes = [council.close(name) for name in ("ash", "cedar")]
    council.tell(*closes, to=["birch"])
    tally = council.tally("birch")

    assert council.invalid(tally) == ""
    positions = dict(council.progress().tallies[0].result.positions)
    assert positions == {"ash": "no", "birch": "yes", "cedar": "yes"}


def test_what_comes_after_the_closes_is_not_counted() -> None:
    council = voted("no", "yes")
    closes = [council.close(name) for name in ("ash", "birch")]
    # Signed before the end, as it claims; nobody who closed had it.
    council.tell(council.vote("cedar", "yes", AT + HOUR), *closes)
    council.tally("birch")
    result = council.progress().tallies[0].result

    assert counted(council.on(), END).outcome == "adopted"
    assert (result.outcome, dict(result.positions)[PartyId("cedar")]) == ("rejected", "absent")


# --- closes -----------------------------------------------------------------------------


def without_a_vote(council: Council) -> Said:
    birch = council.pens["birch"].chain
    deps = [each for each in read_deps(council.pens["ash"].heads()) if each.chain != birch]
    return council.close("ash", heads=[each.to_json() for each in deps])


def with_more_than_it_held(council: Council) -> Said:
    unseen = council.vote("cedar", "no", AT + HOUR)
    assert unseen.chain is not None
    further = Dep(*unseen.chain, unseen.number, unseen.record)
    deps = sorted([*read_deps(council.pens["ash"].heads()), further])
    return council.close("ash", heads=[each.to_json() for each in deps])


def of_another_circle(council: Council) -> Said:
    elsewhere = CircleId("d" * 64)
    deps = [each._replace(circle=elsewhere) for each in read_deps(council.pens["ash"].heads())]
    return council.close("ash", heads=[each.to_json() for each in deps])


def twice(council: Council) -> Said:
    council.close("ash")
    return council.close("ash")


@pytest.mark.parametrize(
    ("close", "reason"),
    [
        pytest.param(lambda c: c.close("ash"), "", id="all that it held, after the end"),
        pytest.param(without_a_vote, "decision.omits", id="without a vote that it held"),
        pytest.param(with_more_than_it_held, "decision.heads-not-held", id="with one it had not"),
        pytest.param(of_another_circle, "decision.shape", id="of another circle"),
        pytest.param(
            lambda c: c.close("ash", END - HOUR), "decision.too-early", id="before the end"
        ),
        pytest.param(twice, "decision.closed-already", id="a second time"),
        pytest.param(lambda c: c.close("ash", heads="all"), "record.deps", id="no heads"),
        pytest.param(lambda c: c.close("ash", more=1), "decision.shape", id="a key not known"),
    ],
)  # fmt: skip
def test_which_closes_hold(close: Any, reason: str) -> None:
    council = voted("yes", "yes")

    assert council.invalid(close(council)) == reason


def test_a_close_leaves_out_no_receipt_that_its_signer_held() -> None:
    council = voted("yes", "yes")
    receipt = council.receipt("cedar", END, council.opening)
    council.tell(receipt)
    deps = [each for each in read_deps(council.pens["ash"].heads()) if each.chain != receipt.chain]
    kept: list[Json] = [each.to_json() for each in deps]

    assert council.invalid(council.close("ash", heads=kept)) == "decision.omits"
    assert council.invalid(council.close("birch")) == ""


def test_a_question_in_which_all_have_voted_is_closed_at_once() -> None:
    council = voted("yes", "yes", "yes")

    assert council.invalid(council.close("ash", AT + 2 * HOUR)) == ""


# --- tallies ----------------------------------------------------------------------------


def other(result: dict[str, Json], **changes: Json) -> dict[str, Json]:
    return {**result, **changes}


def right(council: Council) -> dict[str, Json]:
    council.tally("cedar")
    found = council.progress().tallies[0].result.to_json()
    council.pens["cedar"].written.pop()
    return found


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        pytest.param(lambda c: c.tally("birch"), "", id="all closes, rightly counted"),
        pytest.param(lambda c: c.tally("ash"), "decision.not-an-assembler", id="by the proposer"),
        pytest.param(
            lambda c: c.tally("birch", closes=[]), "decision.omits-close", id="of no closes"
        ),
        pytest.param(
            lambda c: c.tally("birch", closes=["0" * 64]), "decision.unknown-close", id="unknown"
        ),
        pytest.param(
            lambda c: c.tally("birch", closes=[
                each.record for each in list(c.progress().closes.values())[:2]]),
            "decision.omits-close", id="of some of the closes that it knows",
        ),
        pytest.param(
            lambda c: c.tally("birch", result=other(right(c), outcome="rejected")),
            "decision.miscounted", id="with another outcome",
        ),
        pytest.param(
            lambda c: c.tally("birch", result=other(right(c), cut=[])),
            "decision.miscounted", id="with another cut",
        ),
        pytest.param(
            lambda c: c.tally("birch", result=other(right(c), outcome="won")),
            "decision.shape", id="with no outcome",
        ),
        pytest.param(
            lambda c: (c.tally("birch"), c.tally("birch"))[1],
            "decision.tallied-already", id="a second time",
        ),
    ],
)  # fmt: skip
def test_which_tallies_hold(write: Any, reason: str) -> None:
    assert council_says(closed("yes", "yes", "no"), write) == reason


def council_says(council: Council, write: Any) -> str:
    return council.invalid(write(council))


def test_too_few_closes_make_no_tally() -> None:
    council = voted("yes", "yes")
    council.tell(council.close("ash"))
    closes = [each.record for each in council.progress().closes.values()]
    tally = council.tally("birch", closes=closes)
    council.tell(council.close("cedar"), to=["birch"])
    enough = council.tally("birch")

    assert council.invalid(tally) == "decision.too-few-closes"
    assert council.invalid(enough) == ""


# --- counts -----------------------------------------------------------------------------


def two_tallies() -> tuple[Council, Said, Said]:
    """Two honest tallies over other closes that come to other values."""
    council = Council(THREE)
    council.vote("ash", "no")
    council.tell(*council.pens["ash"].known.values())
    council.vote("birch", "yes", AT + HOUR)
    council.vote("cedar", "yes", AT + HOUR)  # each unknown to the others
    a, b, c = (council.close(name) for name in THREE)
    one, two = council.pens["birch"], council.pens["cedar"]
    one.hear(a, b)
    two.hear(a, c)
    return council, council.tally(one), council.tally(two)


def test_who_has_counted_for_one_value_counts_for_no_other() -> None:
    council, one, two = two_tallies()
    council.tell(one, two)
    first = council.count("ash", one)
    second = council.count("ash", two)
    again = council.count("ash", one)

    assert [council.invalid(each) for each in (first, second, again)] == [
        "", "decision.counted-otherwise", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param({}, "", id="after a tally that holds"),
        pytest.param({"tally": "0" * 64}, "decision.unknown-tally", id="after one not known"),
        pytest.param({"result": "0" * 64}, "decision.miscounted", id="of another result"),
        pytest.param({"result": "x"}, "ids.not-a-digest", id="of none"),
        pytest.param({"agreed": True}, "decision.shape", id="a key not known"),
    ],
)
def test_which_counts_hold(body: Any, reason: str) -> None:
    council = closed("yes", "yes", "no")
    tally = council.tally("birch")
    council.tell(tally)

    assert council.invalid(council.count("cedar", tally, **body)) == reason


def test_counts_that_are_split_freeze_it_and_both_sides_are_shown() -> None:
    four = (*THREE, "dog")
    council = Council(four, rule="{kind: simple-majority, tolerates: 1}")
    council.vote("birch", "yes", AT + HOUR)
    council.vote("cedar", "yes", AT + HOUR)  # each unknown to the others
    a, b, c, d = (council.close(name) for name in four)
    council.tell(a, b, d, to=["birch"])
    council.tell(a, c, d, to=["cedar"])
    one, two = council.tally("birch"), council.tally("cedar")
    council.tell(one, two)
    for name, tally in (("birch", one), ("cedar", two), ("dog", one)):
        council.count(name, tally)
    before = council.progress()
    council.count("ash", two)
    state = council.progress()

    assert state.size == 3
    assert (before.is_split, state.is_split, stage(council)) == (False, True, SPLIT)
    assert {side.parties for side in state.sides} == {("birch", "dog"), ("ash", "cedar")}
    assert state.ready is None


@pytest.mark.parametrize(
    ("tolerates", "bound"),
    [
        pytest.param(1, True, id="one of the other side may count for this one as well"),
        pytest.param(0, False, id="everybody speaks once"),
    ],
)
def test_a_split_count_binds_for_as_long_as_cheats_may_still_prove_it(
    tolerates: int, bound: bool
) -> None:
    four = (*THREE, "dog")
    council = Council(four, rule=f"{{kind: simple-majority, tolerates: {tolerates}}}")
    council.vote("birch", "yes", AT + HOUR)
    council.vote("cedar", "yes", AT + HOUR)
    a, b, c, d = (council.close(name) for name in four)
    council.tell(a, b, d, to=["birch"])
    council.tell(a, c, d, to=["cedar"])
    one, two = council.tally("birch"), council.tally("cedar")
    council.tell(one, two)
    assert not is_bound(council.on(), council.progress(), PartyId("birch"))
    for name, tally in (("birch", one), ("cedar", two), ("dog", one), ("ash", two)):
        council.count(name, tally)
    state = council.progress()
    adopted = {each.outcome for each in state.sides} == {"adopted"}

    assert (state.size, state.is_split, adopted) == (3, True, True)
    assert {is_bound(council.on(), state, PartyId(each)) for each in four} == {bound}


def test_who_keeps_silent_for_long_is_named() -> None:
    council = voted("yes", "yes", "no")
    council.close("ash")
    found = counted(council.on(), END)
    state = council.progress()
    since = found.closed_at
    assert since is not None

    assert state.obstructing(found, since + PATIENCE - HOUR) == ()
    assert parties(state.obstructing(found, since + PATIENCE)) == {"birch", "cedar"}


def test_who_does_not_count_after_a_tally_is_named() -> None:
    council = closed("yes", "yes", "no")
    tally = council.tally("birch")
    council.tell(tally)
    council.count("cedar", tally)
    found = counted(council.on(), END)

    assert parties(council.progress().obstructing(found, END + PATIENCE)) == {"ash", "birch"}
    assert parties(council.progress().awaited(found)) == {"ash", "birch"}


# --- hands ------------------------------------------------------------------------------


def test_parties_whose_keys_one_keeps_are_one_hand() -> None:
    keepers = {PartyId("ash"): "Keys Ltd", PartyId("birch"): " keys  LTD",
               PartyId("cedar"): "the organisation"}  # fmt: skip
    assert len(hands(map(PartyId, THREE), keepers)) == 2
    assert len(hands(map(PartyId, THREE), {})) == 3
    kept = {PartyId("ash"): "the organisation", PartyId("birch"): "party ash"}
    assert hands(map(PartyId, THREE), kept) == {"party:ash", "party:cedar"}


def test_one_hand_makes_no_certificate_however_many_keys_it_keeps() -> None:
    keepers = {PartyId("ash"): "Keys Ltd", PartyId("birch"): "Keys Ltd"}
    council = closed("yes", "yes", "no", custodians=keepers)
    tally = council.tally("birch")
    council.tell(tally)
    council.count("ash", tally)
    council.count("birch", tally)
    alone = council.progress().ready
    council.count("cedar", tally)

    assert council.progress().size == 2
    assert alone is None
    assert council.progress().ready is not None


# --- whatever stands in a body ----------------------------------------------------------

COUNCIL = closed("yes", "yes", "no")
TALLY_SAID = COUNCIL.tally("birch")
COUNCIL.tell(TALLY_SAID)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5)
    | st.sampled_from([COUNCIL.opening.record, TALLY_SAID.record, "0" * 64, "adopted"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["circle", "id", "incarnation", "issuer", "sequence", "proposal", "text", "outcome",
         "reason", "closed_at", "positions", "cut"]), inner, max_size=7),
    max_leaves=8,
)  # fmt: skip
STEP_KEYS = st.sampled_from(["heads", "closes", "result", "tally", "proposal", "more"])


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["decision.close", "decision.tally", "decision.count"]),
    st.dictionaries(STEP_KEYS, ANYTHING, max_size=4),
)
def test_whatever_a_step_says_reading_it_ends_and_says_so(kind: str, body: dict[str, Json]) -> None:
    pen = Pen(PartyId("cedar"), incarnation=3)
    pen.hear(*COUNCIL.pens["cedar"].known.values())
    said = pen.write(kind, {"proposal": COUNCIL.opening.record, **body}, END)
    found = COUNCIL.progress(pen)

    assert [each.party for each in found.tallies] == ["birch"]
    assert found.ready is None
    assert said.record not in {each.record for each in found.closes.values()}


# --- no order of arrival gives two ------------------------------------------------------

CUT_OFF = st.lists(st.sampled_from(SEVEN), min_size=0, max_size=4, unique=True)


@settings(max_examples=max(25, settings().max_examples // 2), deadline=None)
@given(data=st.data(), cut=CUT_OFF)
def test_seven_with_one_that_says_two_things_never_prove_two_outcomes(
    data: st.DataObject, cut: list[str]
) -> None:
    """Six honest nodes, a liar with two chains, quorum five; news arrives in any order."""
    council = Council(SEVEN, rule="{kind: simple-majority, tolerates: 2}")
    liar = {True: council.pens["gum"], False: Pen(PartyId("gum"), incarnation=1)}
    liar[False].hear(council.opening)
    side = {name: name in cut for name in SEVEN}
    for name in SEVEN[:6]:
        council.vote(name, data.draw(st.sampled_from(["yes", "no"])), AT + HOUR)
    council.vote(liar[True], "yes", AT + HOUR)
    council.vote(liar[False], "no", AT + HOUR)
    told: list[Said] = []
    for _ in range(data.draw(st.integers(1, 30))):
        name = data.draw(st.sampled_from(SEVEN[:6]))
        source: Pen
        if data.draw(st.booleans()):
            source = liar[side[name]]  # what the liar tells each side
        else:
            source = council.pens[data.draw(st.sampled_from(
                [each for each in SEVEN[:6] if side[each] == side[name]]))]  # fmt: skip
        council.pens[name].hear(*source.known.values())
        told += council.honest(name, END + HOUR)
        for pen in liar.values():
            pen.hear(*council.pens[name].known.values())
            told += _lies(council, pen)
    results = set()
    for name in SEVEN[:6]:
        found = council.progress(name)
        results |= {found.ready.value} if found.ready else set()
        assert found.size == 5
    whole = council.progress(_who_has_all(council, liar))
    results |= {side.value for side in whole.sides if len(side.parties) >= 5}

    assert len(results) <= 1


def _lies(council: Council, pen: Pen) -> list[Said]:
    """A chain of the liar closes, tallies and counts for whatever its side has."""
    state = council.progress(pen)
    taken = []
    if not any(each.party == "gum" and pen.chain == _chain(pen, each.record)
               for each in state.closes.values()):  # fmt: skip
        taken.append(council.close(pen, END + HOUR))
    state = council.progress(pen)
    if state.enough_closes and not state.tallies:
        taken.append(council.tally(pen, END + HOUR))
    mine = {each.body.get("tally") for each in pen.written}
    tallies = [pen.known[each.record] for each in council.progress(pen).tallies]
    new = [each for each in tallies if each.record not in mine]
    return [*taken, *(council.count(pen, each, END + HOUR) for each in new)]


def _chain(pen: Pen, record: Any) -> Any:
    return pen.known[record].chain


def _who_has_all(council: Council, liar: dict[bool, Pen]) -> Pen:
    everything = Pen(PartyId("gum"), incarnation=2)
    for pen in (*council.pens.values(), *liar.values()):
        everything.hear(*pen.known.values())
    return everything
