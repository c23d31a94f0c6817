"""Records between nodes: relayed, lost, forged, forked; what is refused stops nobody else."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from allied.errors import AlliedError, ConflictError
from allied.node import agreements, incoming, messages
from allied.node.messages import Heads, Span
from allied.node.pages import RecordsAnswer, RecordsPage
from allied.record.canonical import Json
from allied.record.circle import Circle
from allied.record.envelope import Assertion, Envelope, encode, parse
from allied.record.ids import PartyId
from allied.record.record import Dep, Record, read
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    crafted,
    folded,
    heads,
    propose,
    record_of,
    slip_in,
    state,
    state_digest,
    three,
)
from tests.node.network import FINE, LOST_ANSWER, LOST_QUESTION, TWICE, House, Network

ANSWER: dict[str, Json] = {"blob": "00"}


def note(house: House, pact: str, **more: object) -> Record:
    """A harmless record that anybody may write at any time."""
    return crafted(house, pact, "redaction.answer", ANSWER, **more)  # type: ignore[arg-type]


def converged(network: Network, pact: str) -> bool:
    """All hold the same of what all may see, and it comes to the same."""
    all_heads = [heads(house, pact) for house in network.houses.values()]
    digests = {state_digest(house, pact) for house in network.houses.values()}
    return all(each == all_heads[0] for each in all_heads) and len(digests) == 1


def problems(house: House) -> set[str]:
    """What the next sync of a house stumbles over."""
    outcomes = house.sync()
    return {code for each in outcomes for code in (each.problem, *each.refused) if code}


# --- the ordinary course --------------------------------------------------------------------


def test_an_idle_sync_asks_each_peer_exactly_one_question(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    network.settle()
    network.asked.clear()
    river = network.houses[RIVER]
    assert not any(each.records or each.items for each in river.sync())
    assert [verb for *_, verb in network.asked] == [messages.AGREEMENTS] * 2
    agreements.ratify(network.houses[HARBOUR].node, network.houses[HARBOUR].actor, pact)
    assert any(each.records for each in river.sync())
    assert messages.HEADS in {verb for *_, verb in network.asked}


def test_a_third_node_relays_between_two_that_cannot_reach_each_other(tmp_path: Path) -> None:
    network = three(tmp_path)
    river, harbour, northgate = network.houses.values()
    network.cut_between(RIVER, NORTHGATE)
    pact = propose(river)
    for house in (river, harbour, northgate):
        harbour.sync()
        house.sync()
        agreements.sign(house.node, house.actor, pact)
    network.settle()
    assert converged(network, pact)
    assert {agreements.show(each.node, pact).state for each in network.houses.values()} == {
        "in-force"
    }
    assert (river.organisation.id, northgate.organisation.id) not in {
        (a, b) for a, b, verb in network.asked if verb in {messages.HEADS, messages.RECORDS}
    }


def test_who_is_not_named_does_not_learn_that_there_is_an_agreement(tmp_path: Path) -> None:
    network = three(tmp_path)
    east = network.found("east", "East")
    network.introduce_all()
    pact = propose(network.houses[RIVER])
    assert not any(each.problem for each in east.sync())
    assert agreements.list_agreements(east.node) == []
    answers, ids = network.houses[RIVER].answers, network.houses[RIVER].organisation.id
    questions = {
        messages.HEADS: messages.Heads(pact, ()).encode(),  # type: ignore[arg-type]
        messages.ITEMS: messages.ItemsQuestion(pact, "", 1).encode(),  # type: ignore[arg-type]
        messages.RECORDS: messages.RecordsQuestion(pact, ()).encode(),  # type: ignore[arg-type]
        messages.BLOBS: messages.BlobsQuestion(pact, ()).encode(),  # type: ignore[arg-type]
    }
    for verb, question in questions.items():
        answers.answer(network.houses[HARBOUR].organisation.id, ids, verb, question)  # the twin
        with pytest.raises(AlliedError) as refusal:
            answers.answer(east.organisation.id, ids, verb, question)
        unknown = question.replace(pact.encode(), b"0" * 64)
        with pytest.raises(AlliedError) as nothing:
            answers.answer(east.organisation.id, ids, verb, unknown)
        assert (refusal.value.code, str(refusal.value)) == (nothing.value.code, str(nothing.value))


def test_a_circle_is_served_to_its_members_only(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    voters = folded(river, pact).instrument.circles.voters
    span = Span(voters.id, river.organisation.id, 0, 1, 1)
    question = messages.RecordsQuestion(pact, (span,)).encode()  # type: ignore[arg-type]
    mine = river.organisation.id
    river.answers.answer(harbour.organisation.id, mine, messages.RECORDS, question)
    with pytest.raises(AlliedError) as refusal:
        river.answers.answer(northgate.organisation.id, mine, messages.RECORDS, question)
    assert refusal.value.code == "peer.not-found"


# --- records that lack something ------------------------------------------------------------


def test_a_record_that_comes_before_its_past_waits_and_is_then_believed(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    first = note(river, pact)
    second = note(river, pact, after=first)
    with harbour.node.store.write() as writing:
        found = harbour.node.folds.of(writing, pact)  # type: ignore[arg-type]
        taken = incoming.take_in(writing, found, [second.raw], {})
    assert (taken.parked, taken.stored) == (1, [])
    assert agreements.show(harbour.node, pact).waiting == 1
    slip_in(river, first, second)
    harbour.sync()
    assert agreements.show(harbour.node, pact).waiting == 0
    assert folded(harbour, pact).holds(second.id)


def stripped(record: Record) -> bytes:
    """The same payload and signature without any person."""
    envelope = parse(record.raw, limit=10**6)
    return encode(Envelope(envelope.payload_type, envelope.payload, envelope.signatures, ()))


def padded(record: Record, name: str) -> bytes:
    """With the name of somebody who did not assent."""
    envelope = parse(record.raw, limit=10**6)
    (real,) = envelope.assertions
    false = Assertion(name, real.scheme, real.key, real.signature)  # type: ignore[arg-type]
    both = tuple(sorted((real, false), key=lambda each: each.person))
    return encode(Envelope(envelope.payload_type, envelope.payload, envelope.signatures, both))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param(stripped, "record.person-missing", id="the person taken off"),
        pytest.param(
            lambda record: padded(record, "ab" * 16), "record.assertion", id="a false name added"
        ),
    ],
)
def test_a_spoilt_envelope_is_refused_and_does_not_block_the_good_one(
    tmp_path: Path, spoil: Callable[[Record], bytes], code: str
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    good = crafted(river, pact, "agreement.ratify", {"genesis": pact})
    with harbour.node.store.write() as writing:
        found = harbour.node.folds.of(writing, pact)  # type: ignore[arg-type]
        taken = incoming.take_in(writing, found, [spoil(good)], {})
        assert (taken.refused, taken.stored) == ([code], [])
        taken = incoming.take_in(writing, found, [spoil(good), good.raw], {})
        assert set(taken.refused) <= {code}
        assert [record.id for record in taken.stored] == [good.id]
    assert state(harbour, pact).ratifications[PartyId(RIVER)].persons == (
        good.assertions[0].person,
    )


# --- records of liars -----------------------------------------------------------------------


def other_pact(network: Network, pact: str) -> Record:
    """A record of another agreement of the same three."""
    river = network.houses[RIVER]
    return record_of(river, propose(river), "agreement.propose")


LIES: dict[str, tuple[Callable[[Network, str], Record], str]] = {
    "of another agreement": (other_pact, "record.other-agreement"),
    "in a circle that its issuer is not in": (
        lambda net, pact: note(
            net.houses[NORTHGATE],
            pact,
            circle=folded(net.houses[NORTHGATE], pact).instrument.circles.voters,
            deps=(),
        ),
        "record.not-a-member",
    ),
    "an act that nobody assented to": (
        lambda net, pact: crafted(
            net.houses[NORTHGATE], pact, "agreement.ratify", {"genesis": pact}, assent=False
        ),
        "record.person-missing",
    ),
    "an act of a person listed only afterwards": (
        lambda net, pact: crafted(
            net.houses[NORTHGATE],
            pact,
            "agreement.ratify",
            {"genesis": pact},
            circle=pair_of(net, pact),
            deps=(),
        ),
        "record.person-unknown",
    ),
    "a new incarnation under an old key": (
        lambda net, pact: crafted(
            net.houses[NORTHGATE], pact, "agreement.ratify", {"genesis": pact}, incarnation=1
        ),
        "record.incarnation-key",
    ),
    "citing a narrower circle": (
        lambda net, pact: note(net.houses[RIVER], pact, deps=narrow(net, pact)),
        "circle.narrower",
    ),
}


def pair_of(network: Network, pact: str) -> Circle:
    return folded(network.houses[NORTHGATE], pact).instrument.circles.pair(
        PartyId(NORTHGATE), PartyId(HARBOUR)
    )


def narrow(network: Network, pact: str) -> tuple[Dep, ...]:
    harbour = network.houses[HARBOUR]
    circle = folded(harbour, pact).instrument.circles.voters
    told = note(harbour, pact, circle=circle, deps=())
    header = told.header
    return (Dep(header.circle, header.issuer, header.incarnation, header.sequence, told.id),)


@pytest.mark.parametrize("name", LIES)
def test_a_record_that_does_not_hold_is_refused_and_the_rest_goes_on(
    tmp_path: Path, name: str
) -> None:
    network, pact = allied(tmp_path)
    harbour = network.houses[HARBOUR]
    make, code = LIES[name]
    lie = make(network, pact)
    truth = note(network.houses[RIVER], pact)
    before = agreements.show(harbour.node, pact).records

    def forged(raw: bytes) -> bytes:
        answer = RecordsAnswer.decode(raw)
        page = RecordsPage()
        for each in (lie.raw, *answer.records):
            record = read(each)
            issuer = record.header.issuer
            assert page.add(each, issuer, answer.identities.get(issuer, ()))
        return page.encode(more=False)

    slip_in(network.houses[RIVER], truth)
    network.spoil = {messages.RECORDS: forged}
    assert problems(harbour) == {code}
    assert agreements.show(harbour.node, pact).records == before + 1
    assert not folded(harbour, pact).holds(lie.id)
    network.heal()
    problems(harbour)
    assert problems(harbour) == set()


@pytest.mark.parametrize(
    ("verb", "spoil"),
    [
        pytest.param(messages.AGREEMENTS, b"", id="an empty answer"),
        pytest.param(messages.AGREEMENTS, b'{"agreements":[', id="cut off JSON"),
        pytest.param(messages.HEADS, b"[]", id="heads of another shape"),
        pytest.param(messages.RECORDS, lambda raw: raw[:-1], id="a page cut off"),
        pytest.param(messages.RECORDS, lambda raw: raw + b"\0", id="a page too long"),
        pytest.param(messages.RECORDS, b"\xff" * 64, id="a page of nonsense"),
    ],
)
def test_a_garbled_answer_is_refused_and_the_next_good_one_heals(
    tmp_path: Path, verb: str, spoil: bytes | Callable[[bytes], bytes]
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    agreements.ratify(river.node, river.actor, pact)
    before = agreements.show(harbour.node, pact).records
    network.spoil = {verb: spoil}
    found = problems(harbour)
    assert found
    assert all("." in code for code in found)
    assert agreements.show(harbour.node, pact).records == before
    network.heal()
    assert problems(harbour) == set()
    network.settle()
    assert converged(network, pact)


@pytest.mark.parametrize("held_back", [True, False], ids=["without the new one", "as they are"])
def test_who_was_shown_other_heads_than_were_announced_asks_for_them_again(
    tmp_path: Path, held_back: bool
) -> None:
    network, pact = allied(tmp_path)
    network.settle()
    river, harbour, _ = network.houses.values()
    said = note(river, pact)
    slip_in(river, said)

    def without(answer: bytes) -> bytes:
        given = Heads.decode(answer)
        left = tuple(each for each in given.heads if each.id != said.id)
        return Heads(given.agreement, left if held_back else given.heads).encode()

    network.cut_between(HARBOUR, NORTHGATE)
    network.spoil = {messages.HEADS: without}
    assert problems(harbour) == {"peer.timeout"}  # from who is cut off
    assert (said.id in folded(harbour, pact).state.verdicts) is not held_back
    network.spoil = {}
    harbour.sync()
    assert said.id in folded(harbour, pact).state.verdicts


@pytest.mark.parametrize("place", [30, 200, -200, -30])
def test_a_flipped_byte_is_never_believed(tmp_path: Path, place: int) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    agreements.ratify(river.node, river.actor, pact)
    real = record_of(river, pact, "agreement.ratify")

    def flipped(raw: bytes) -> bytes:
        at = raw.find(real.raw) + (place if place > 0 else len(real.raw) + place)
        return raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]

    network.spoil = {messages.RECORDS: flipped}
    assert problems(harbour)
    assert not state(harbour, pact).ratifications
    network.heal()
    harbour.sync()
    assert state(harbour, pact).ratifications


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        pytest.param("identity.person", {"person": "me"}, id="a listing that cannot be read"),
        pytest.param(
            "redaction.answer",
            {"blob": {"blob": "zz", "size": -1}},
            id="a reference that refers to nothing",
        ),
        pytest.param(
            "redaction.answer",
            {"many": [{"blob": f"{number:064x}", "size": 5} for number in range(300)]},
            id="hundreds of blobs that do not exist",
        ),
    ],
)
def test_a_strange_body_stops_nobody_elses_records(
    tmp_path: Path, kind: str, body: dict[str, Json]
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    strange = crafted(northgate, pact, kind, body)
    slip_in(northgate, strange)
    slip_in(
        northgate, crafted(northgate, pact, "agreement.ratify", {"genesis": pact}, after=strange)
    )
    network.settle()
    agreements.withdraw(river.node, river.actor, pact, "we have our reasons")
    network.settle()
    (leaving,) = [
        record
        for record in folded(harbour, pact).history.order
        if record.header.kind == "agreement.withdraw"
    ]
    reason = leaving.body["reason"]
    assert isinstance(reason, dict)
    with harbour.node.store.read() as reading:
        assert reading.blob(reason["blob"]) is not None
    assert set(state(harbour, pact).ratifications) == {NORTHGATE}
    assert converged(network, pact)


def test_a_proposal_that_cannot_be_read_does_not_keep_others_from_arriving(tmp_path: Path) -> None:
    network = three(tmp_path)
    river, harbour, _ = network.houses.values()
    good = sorted(propose(river) for _ in range(3))

    def without_the_first(raw: bytes) -> bytes:
        records = RecordsAnswer.decode(raw).records
        if any(read(each).header.agreement == good[0] for each in records):
            return RecordsPage().encode(more=False)
        return raw

    network.spoil = {messages.RECORDS: without_the_first}
    assert problems(harbour) == {"agreement.no-proposal"}
    assert {view.id for view in agreements.list_agreements(harbour.node)} == set(good[1:])
    network.heal()
    harbour.sync()
    assert {view.id for view in agreements.list_agreements(harbour.node)} == set(good)


# --- equivocation ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param(1, 1, id="one record each"),
        pytest.param(3, 1, id="one branch longer"),
        pytest.param(1, 3, id="the other one longer"),
        pytest.param(4, 2, id="both several"),
    ],
)
def test_an_organisation_that_says_two_things_is_found_out_by_everybody(
    tmp_path: Path, left: int, right: int
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    branches = []
    for name, length in (("left", left), ("right", right)):
        made: list[Record] = []
        for number in range(length):
            body: dict[str, Json] = {"blob": f"{name} {number}"}
            after = made[-1] if made else None
            made.append(crafted(northgate, pact, "redaction.answer", body, after=after))
        branches.append(made)
    for house, branch in zip((river, harbour), branches, strict=True):
        with house.node.store.write() as writing:
            found = house.node.folds.of(writing, pact)  # type: ignore[arg-type]
            assert len(incoming.take_in(writing, found, [r.raw for r in branch], {}).stored) == len(
                branch
            )
    assert not folded(river, pact).history.forks
    assert not folded(harbour, pact).history.forks
    network.settle(4)
    assert [agreements.show(each.node, pact).forked for each in network.houses.values()] == [
        (NORTHGATE,)
    ] * 3
    proofs = {folded(each, pact).history.forks for each in network.houses.values()}
    assert len(proofs) == 1
    assert converged(network, pact)
    with pytest.raises(ConflictError) as refusal:
        agreements.ratify(northgate.node, northgate.actor, pact)
    assert refusal.value.code == "record.chain-frozen"
    agreements.ratify(river.node, river.actor, pact)  # the twin that passes
    network.settle()
    assert RIVER in state(northgate, pact).ratifications


def test_a_second_chain_of_one_party_changes_nothing_for_the_others(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    agreements.ratify(river.node, river.actor, pact)
    network.settle()
    before = state(harbour, pact).verdicts
    genesis = folded(northgate, pact).instrument
    body = record_of(river, pact, "agreement.propose").body
    everybody = folded(northgate, pact).instrument.circles
    wide = {"circle": everybody.pair(PartyId(NORTHGATE), PartyId(HARBOUR)), "deps": ()}
    slip_in(northgate, crafted(northgate, pact, "agreement.propose", body, **wide))  # type: ignore[arg-type]
    network.settle()
    after = state(harbour, pact).verdicts
    assert {key: after[key] for key in before} == before
    assert genesis.id == pact
    assert agreements.show(harbour.node, pact).state == "in-force"
    agreements.withdraw(river.node, river.actor, pact)
    network.settle()
    assert converged(network, pact)


# --- any schedule ---------------------------------------------------------------------------

steps = st.lists(
    st.one_of(
        st.tuples(st.just("sync"), st.sampled_from([RIVER, HARBOUR, NORTHGATE])),
        st.tuples(st.just("say"), st.sampled_from([RIVER, HARBOUR, NORTHGATE])),
        st.tuples(st.just("sign"), st.sampled_from([RIVER, HARBOUR, NORTHGATE])),
        st.tuples(st.just("cut"), st.sampled_from([RIVER, HARBOUR, NORTHGATE])),
        st.tuples(st.just("heal"), st.just("")),
    ),
    min_size=4,
    max_size=14,
)
weathers = st.lists(
    st.sampled_from([FINE, FINE, LOST_QUESTION, LOST_ANSWER, TWICE]), min_size=1, max_size=12
)
numbers = itertools.count()


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps, weathers)
def test_any_schedule_converges_after_healing(
    tmp_path: Path, schedule: list[tuple[str, str]], weather: list[str]
) -> None:
    network = three(tmp_path / str(next(numbers)))
    pact = propose(network.houses[RIVER], DEMO)
    coming = itertools.cycle(weather)
    network.weather = lambda _: next(coming)
    for what, label in schedule:
        house = network.houses.get(label)
        if house is None:
            network.cut.clear()
        elif what == "sync":
            house.sync()
        elif what == "cut":
            network.cut_between(label, HARBOUR if label != HARBOUR else RIVER)
        elif agreements.list_agreements(house.node):
            if what == "say":
                slip_in(house, note(house, pact))
            elif house.label not in state(house, pact).signatures:
                agreements.sign(house.node, house.actor, pact)
    network.heal()
    network.settle(3)
    assert converged(network, pact)
    assert all(not agreements.show(each.node, pact).waiting for each in network.houses.values())
    fresh = {state_digest(each, pact) for each in network.houses.values()}
    for house in network.houses.values():
        with house.node.store.read() as reading:
            assert house.node.folds.of(reading, pact).state == state(house, pact)  # type: ignore[arg-type]
    assert len(fresh) == 1
