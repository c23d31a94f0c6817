"""What a party sends that nobody may believe: refused with a code, counted, nobody else hurt."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from allied.agreement.certified import certified, read_proof, write_proof
from allied.agreement.closing import CERTIFICATE, COUNT
from allied.agreement.result import Result
from allied.errors import MalformedError, RefusedError
from allied.node import incoming, messages, visibility
from allied.node.decided import decided_in
from allied.node.messages import MAX_HEADS, Head, Heads, RecordsQuestion, Span
from allied.node.pages import RecordsAnswer
from allied.node.questions import table_of
from allied.record.canonical import MAX_INTEGER, Json, encode
from allied.record.ids import OrganisationId, PartyId, RecordId
from allied.record.record import Record
from tests.node.hands import crafted, slip_in
from tests.node.test_keys import rotate
from tests.simulator import lies, promises
from tests.simulator.groves import LIAR, TREES, Grove
from tests.simulator.world import World


@pytest.fixture(scope="module")
def grove() -> Iterator[Grove]:
    with tempfile.TemporaryDirectory(prefix="allied-bad-") as root:
        yield Grove.planted(Path(root) / "grove", TREES[:4])


@pytest.fixture
def world(grove: Grove, tmp_path: Path) -> Iterator[World]:
    found = World(grove, tmp_path / "world")
    yield found
    found.close()


@pytest.mark.parametrize("how", lies.REFUSED)
def test_a_record_that_cannot_be_is_refused_with_a_code_and_the_rest_goes_on(
    world: World, how: str
) -> None:
    make, code = lies.REFUSED[how]
    world.offers(make(world, world.houses[LIAR]), how)
    world.says(LIAR)
    ash = world.houses["ash"]
    before = len(world.rows("ash"))
    outcomes = world.pulls("ash", LIAR)
    assert [each.refused for each in outcomes] == [[code]]
    assert len(world.rows("ash")) == before + 1  # what the liar said properly
    with ash.node.store.read() as reading:
        assert reading.parked(world.pact) == []
    world.slipped.clear()
    promises.settle(world)
    promises.require_whole(world)


@pytest.mark.parametrize(
    ("how", "effect"),
    [
        pytest.param("that is back-dated", "effect.time-contested", id="back-dated: no effect"),
        pytest.param("from the future", "effect", id="future-dated: kept, ordered like any"),
        pytest.param("that cites nobody", "effect.wrong-state", id="citing nobody: its own past"),
    ],
)
def test_a_claimed_time_or_a_poor_past_changes_nothing_for_others(
    world: World, how: str, effect: str
) -> None:
    record = lies.TOLD[how](world, world.houses[LIAR])
    world.slips_in(record, how)
    world.says("ash")
    promises.settle(world)
    promises.require_whole(world)
    for tree in world.honest:
        state = world.folded(world.houses[tree]).state
        found = state.verdicts[record.id].code or "effect"
        assert found in {effect, "effect"}
        assert all(verdict.effect for each, verdict in state.verdicts.items() if each != record.id)


def test_two_lives_side_by_side_are_proved_everywhere_and_the_second_counts_for_nothing(
    world: World,
) -> None:
    world.splits(["ash"])
    world.twin_begins_a_life()
    world.twin_says()
    world.pulls("ash", LIAR)
    mine = world.houses[LIAR].organisation.id

    def lives(tree: str) -> set[int]:
        heads = world.folded(world.houses[tree]).history.heads
        everybody = world.instrument.circles.all.id
        return {each.incarnation for each in heads if each[:2] == (everybody, mine)}

    assert lives("ash") == {0, 1}  # the twin: as long as the first life is silent
    world.says(LIAR)
    promises.settle(world)
    promises.require_whole(world)
    for tree in world.honest:
        assert lives(tree) == {0}
        history = world.folded(world.houses[tree]).history
        assert [each.incarnation for each in history.frozen] == [1]


def test_heads_of_many_strangers_cost_a_question_and_nothing_else(world: World) -> None:
    circle = world.instrument.circles.all.id
    strangers = [
        Head(circle, OrganisationId(f"{number:064x}"), 0, MAX_INTEGER, RecordId("ab" * 32))
        for number in range(1, MAX_HEADS + 1)
    ]
    vector = Heads(world.pact, tuple(strangers)).encode()
    world.says(LIAR)
    world.replaced = {(LIAR, messages.HEADS): vector}
    start = time.process_time()
    world.pulls("ash", LIAR)
    assert time.process_time() - start < 5
    world.replaced = {}
    promises.settle(world)
    promises.require_whole(world)


def test_questions_for_chains_that_are_not_there_cost_next_to_nothing(world: World) -> None:
    circle = world.instrument.circles.all.id
    ash = world.houses["ash"]
    spans = tuple(
        Span(circle, OrganisationId(f"{number:064x}"), 0, 1, MAX_INTEGER)
        for number in range(1, messages.MAX_SPANS)
    )
    real = Span(circle, ash.organisation.id, 0, 1, MAX_INTEGER)
    question = RecordsQuestion(world.pact, tuple(sorted((*spans, real)))).encode()
    start = time.process_time()
    raw = ash.answers.answer(
        world.houses[LIAR].organisation.id, ash.organisation.id, messages.RECORDS, question
    )
    assert time.process_time() - start < 5
    assert len(RecordsAnswer.decode(raw).records) == len(
        [each for each in world.rows("ash") if each.issuer == ash.organisation.id]
    )


def test_a_vector_of_a_million_issuers_is_refused_before_it_is_read() -> None:
    row = b'["' + b"a" * 64 + b'","' + b"b" * 64 + b'",0,1,"' + b"c" * 64 + b'"]'
    vector = b'{"agreement":"' + b"d" * 64 + b'","heads":[' + b",".join([row] * 1_000_000) + b"]}"
    assert len(vector) > messages.ANSWER_LIMITS[messages.HEADS]
    assert len(vector) > messages.QUESTION_LIMITS[messages.HEADS]
    start = time.process_time()
    with pytest.raises(MalformedError):
        Heads.decode(vector)
    assert time.process_time() - start < 1
    Heads.decode(encode({"agreement": "d" * 64, "heads": []}))  # the twin


def test_what_waits_is_bounded_in_bytes_and_takes_nobody_elses_room(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    liar, ash = world.houses[LIAR], world.houses["ash"]
    made = [lies.leaves_a_gap(world, liar, "x" * 60_000) for _ in range(6)]
    room = 4 * len(made[0].raw) + 1_000
    monkeypatch.setattr(incoming, "PARKED_BYTES_PER_ISSUER", room)
    with ash.node.store.write() as writing:
        folded = ash.node.folds.of(writing, world.pact)
        taken = incoming.take_in(writing, folded, [each.raw for each in made], {})
        waiting = writing.parked(world.pact)
    assert taken.parked == len(waiting) == 4
    assert sum(len(raw) for *_, raw in waiting) <= room
    world.says("birch")
    promises.settle(world)
    promises.require_whole(world)


@pytest.mark.parametrize(
    ("signs", "code"),
    [
        pytest.param(
            (LIAR, LIAR, "birch"), "decision.too-few-counts", id="two keys of one, and another"
        ),
        pytest.param((LIAR, "cedar", "birch"), "", id="three organisations"),
    ],
)
def test_two_keys_of_one_organisation_are_one_hand_in_a_certificate(
    world: World, signs: tuple[str, ...], code: str
) -> None:
    """Of four, three have to count; the liar counts under its old and its new key."""
    world.puts("ash")
    world.all_ask(TREES[:4])
    liar = world.houses[LIAR]
    found = world.folded(liar)
    opening = next(each for each in found.history.order if each.header.kind == "proposal.open")
    circle = visibility.circles(found, liar.organisation.id)[opening.header.circle]
    result = Result(
        proposal=opening.id, text="b" * 64,
        outcome="rejected", reason="", closed_at=world.now, cut=(),
        positions=tuple((PartyId(tree), "no") for tree in sorted(TREES[:4])),
    )  # fmt: skip
    body: dict[str, Json] = {"proposal": opening.id, "tally": "c" * 64, "result": result.digest}
    counts: list[Record] = []
    for tree in signs:
        house = world.houses[tree]
        if any(each.header.issuer == house.organisation.id for each in counts):
            rotate(house, "automatic")
        counts.append(crafted(house, world.pact, COUNT, body, circle=circle, deps=()))
    keys = {each.header.key for each in counts}
    assert len(keys) == len(counts)
    proof = write_proof(opening, result, counts)
    certificate = crafted(liar, world.pact, CERTIFICATE, proof, circle=circle)
    slip_in(liar, certificate)
    world.pulls("ash", LIAR)
    ash = world.folded(world.houses["ash"])
    assert certificate.id in {each.id for each in ash.history.order}
    table = table_of(ash, circle)
    proved = decided_in(ash, table).get(opening.id, ())
    assert [each.certificate for each in proved] == ([] if code else [certificate.id])
    on = next(each for each in table.tabled if each.record == opening.id)
    try:
        custodians = ash.state.custodians(on.opening.knows)
        certified(
            read_proof(certificate.body), certificate.id, on, custodians, ash.instrument.party
        )
        said = ""
    except RefusedError as refusal:
        said = refusal.code
    assert said == code
