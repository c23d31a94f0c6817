"""What liars do with outlines and checkpoints: nothing moves, nothing is read, nothing stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement import checkpoints, outlined
from allied.agreement.checkpoints import answer_to, body_of
from allied.node import checkpointing, incoming, journal, messages, sync
from allied.node.answers import Answers
from allied.node.messages import RecordsQuestion, Span
from allied.node.pages import RecordsAnswer, RecordsPage
from allied.record.canonical import Json, decode, encode
from allied.record.circle import Circle
from allied.record.fork import carried
from allied.record.history import Heads
from allied.record.ids import AgreementId, Digest, RecordId
from allied.record.outline import is_outline, looks_outlined, outline_of
from allied.record.record import Dep, Header, Record
from tests.node.hands import (
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    crafted,
    folded,
    record_of,
    slip_in,
)
from tests.node.network import House, Network
from tests.node.test_checkpointing import grow, said
from tests.node.test_outlined import before, content, in_outline, resent, story
from tests.node.test_release import joins

WRONG = Digest("cd" * 32)
NOTHING: dict[str, Json] = {"blob": "00"}
"""The body of an answer to nothing, which says nothing either."""


def voters(house: House, pact: str) -> Circle:
    return folded(house, pact).instrument.circles.voters


def everybody(house: House, pact: str) -> Circle:
    return folded(house, pact).instrument.circles.all


def says(house: House, pact: str, circle: Circle, kind: str, body: Mapping[str, Json]) -> Record:
    """A house appends a record of any kind by itself."""
    with house.node.store.write() as writing:
        found = house.node.folds.of(writing, AgreementId(pact))
        return journal.append(house.node, writing, house.actor, found, circle, kind, body)


def own_heads(house: House, pact: str, circle: Circle) -> Heads:
    found = folded(house, pact)
    return checkpoints.heads_in(found.instrument, found.history, circle.id)


def comes_to(house: House, pact: str, circle: Circle, heads: Heads) -> Digest:
    found = folded(house, pact)
    return checkpoints.come_to(found.instrument, found.history, lambda *_: "", circle.id, heads)[1]


def checkpoint(house: House, pact: str, circle: Circle, state: Digest | None = None) -> Record:
    """A house signs how far it holds what is in view of a circle; rightly, unless told."""
    heads = own_heads(house, pact, circle)
    word = state or comes_to(house, pact, circle, heads)
    return says(house, pact, circle, checkpoints.KIND, body_of(heads, word))


def answers_to(house: House, pact: str, record: Record) -> list[Record]:
    return [each for each in folded(house, pact).history.order if each.body.get("of") == record.id]


def made_up(header: Header, record: str = "ab" * 32, **changes: Json) -> bytes:
    """An outline that nobody has signed, in the place of a record."""
    shown = {**header.to_json(), "kind": "outline", **changes}
    return encode({"format": "outline/1", "id": record, "verdict": "", "header": shown})


def taken(house: House, pact: str, *raws: bytes) -> incoming.TakenIn:
    with house.node.store.write() as writing:
        held = house.node.folds.of(writing, AgreementId(pact))
        return incoming.take_in(writing, held, raws, {})


def alone(network: Network, label: str) -> None:
    """Cut a house off from all others."""
    for other in network.houses:
        if other != label:
            network.cut_between(label, other)


# --- outlines that nobody has signed for ---------------------------------------------------


def test_an_act_without_a_person_is_none_whatever_outline_comes_with_it(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    own = [
        each
        for each in folded(harbour, pact).history.order
        if each.header.issuer == harbour.organisation.id
    ]
    body: dict[str, Json] = {"genesis": folded(harbour, pact).instrument.id, "cut": []}
    act = crafted(harbour, pact, "agreement.withdraw", body, assent=False)
    assented = crafted(harbour, pact, "agreement.withdraw", body)
    for forged in ([], [made_up(act.header)], [made_up(own[-1].header)]):
        found = taken(river, pact, act.raw, *forged)
        assert found.stored == []
        assert "record.person-missing" in found.refused
    assert act.id not in folded(river, pact).state.verdicts
    for forged in ([made_up(act.header)], [made_up(own[-1].header)]):
        found = taken(northgate, pact, assented.raw, *forged)
    verdict = folded(northgate, pact).state.verdicts[assented.id]  # the twin that kim assents to
    assert verdict.effect


def test_outlines_where_nobody_is_late_are_refused_and_take_no_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "PARKED_PER_ISSUER", 5)
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    first = crafted(river, pact, "redaction.answer", NOTHING)
    slip_in(river, first)
    second = crafted(river, pact, "redaction.answer", NOTHING)
    forged = [
        made_up(second.header, f"{each:064x}", sequence=1000 + each, previous=f"{each + 9:064x}")
        for each in range(20)
    ]
    found = taken(harbour, pact, *forged, second.raw)
    assert found.refused == ["record.outline-unwanted"] * len(forged)
    assert found.parked == 1  # the twin: a real record waits for the one before it
    with harbour.node.store.read() as reading:
        assert [each for each, *_ in reading.parked(AgreementId(pact))] == [second.id]


def with_forged(answer: bytes) -> bytes:
    """An answer in which before each outline stands another one in its place."""
    read, page = RecordsAnswer.decode(answer), RecordsPage()
    sent = []
    for raw in read.records:
        if looks_outlined(raw):
            value = decode(raw, limit=1 << 20)
            assert isinstance(value, dict)
            sent.append(encode({**value, "id": "ab" * 32}))
        sent.append(raw)
    for issuer, chain in read.identities.items():
        page.add(sent[0], issuer, chain)
    for raw in sent:
        page.add(raw, next(iter(read.identities)))
    return page.encode(more=read.more)


@pytest.mark.parametrize("liar", [RIVER, HARBOUR])
def test_one_peer_with_forged_outlines_does_not_spoil_what_another_gives(
    tmp_path: Path, liar: str
) -> None:
    network, pact, _ = before(tmp_path)
    river, _, northgate = network.houses.values()
    alone(network, NORTHGATE)
    network.advance(outlined.INVITED_WAIT + timedelta(minutes=5))
    network.settle(2)  # River and Harbour have reached a checkpoint
    network.heal()
    lying = network.houses[liar].organisation.id

    def spoilt(answer: bytes) -> bytes:
        return with_forged(answer) if network.asked[-1][1] == lying else answer

    network.spoil = {messages.RECORDS: spoilt}
    network.cut_between(NORTHGATE, HARBOUR if liar == RIVER else RIVER)
    for _ in range(2):
        northgate.sync()
    assert in_outline(northgate, pact) == []  # the twin: of the liar alone nothing is believed
    network.cut.clear()
    for _ in range(2):
        northgate.sync()
    assert in_outline(northgate, pact) == [each.id for each in content(river, pact)]


def test_an_outline_stands_for_content_and_for_nothing_else(tmp_path: Path) -> None:
    network, pact, incident = before(tmp_path)
    river, harbour, northgate = network.houses.values()
    hidden = says(harbour, pact, voters(harbour, pact), "redaction.answer", NOTHING)
    verdict = folded(harbour, pact).state.verdicts[hidden.id].code
    alone(network, NORTHGATE)
    network.settle(1)
    network.heal()

    def hide(answer: bytes) -> bytes:
        return resent(answer, lambda raw: outline_of(hidden, verdict) if raw == hidden.raw else raw)

    network.spoil = {messages.RECORDS: hide}
    joins(network, NORTHGATE, pact)
    network.advance(timedelta(minutes=5))
    network.settle(3)
    assert folded(northgate, pact).history.get(hidden.id) is None
    network.spoil = {}
    network.settle(2)
    held = folded(northgate, pact).history.get(hidden.id)
    assert held == folded(river, pact).history.get(hidden.id)
    assert in_outline(northgate, pact) == [incident]  # the twin: content is here in outline


def test_an_outline_is_no_side_of_a_proof(tmp_path: Path) -> None:
    network, pact, incident = story(tmp_path)
    river, harbour, northgate = network.houses.values()
    assert in_outline(northgate, pact) == [incident]
    (first,) = content(river, pact)
    second = crafted(
        river, pact, "incident.report", {**first.body, "campaign": "another"},
        circle=voters(river, pact), deps=first.header.deps,
        sequence=first.header.sequence, previous=first.header.previous,
    )  # fmt: skip
    slip_in(northgate, second)
    assert folded(northgate, pact).history.frozen
    alone(network, NORTHGATE)
    for _ in range(2):
        northgate.sync()
    assert proofs(northgate, pact) == []
    network.heal()
    slip_in(harbour, second)
    for _ in range(2):
        network.advance(timedelta(minutes=5))
        network.settle(1)
    found = proofs(northgate, pact)
    assert found  # the twin: who holds both sides proves it
    assert len(found) <= len(network.houses)
    for each in found:
        assert not any(looks_outlined(raw) for raw in carried(each))


def proofs(house: House, pact: str) -> list[Record]:
    order = folded(house, pact).history.order
    return [each for each in order if each.header.kind == "fork.proof"]


# --- what is read too early ----------------------------------------------------------------


def test_a_signature_with_an_old_date_opens_nothing(tmp_path: Path) -> None:
    network, pact, _ = before(tmp_path)
    river, _, northgate = network.houses.values()
    found = folded(northgate, pact)
    begun = found.state.standing(found.instrument, network.clock.now()).in_force_since
    proposal = record_of(river, pact, "agreement.propose")
    cited = [Dep(*proposal.header.chain, proposal.header.sequence, proposal.id)]
    person = northgate.keys.person(northgate.organisation.id, "kim", AgreementId(pact))
    listing = crafted(
        northgate, pact, "identity.person",
        {"person": person.person, **person.signer.public.to_json()},
        deps=cited, claimed_at=begun,
    )  # fmt: skip
    signed = crafted(
        northgate, pact, "agreement.sign", record_of(river, pact, "agreement.sign").body,
        deps=cited, after=listing, claimed_at=begun,
    )  # fmt: skip
    slip_in(northgate, listing, signed)
    network.settle(2)
    now = network.clock.now()
    held = folded(river, pact)
    assert NORTHGATE in held.state.standing(held.instrument, now).bound
    assert [each for each in content(northgate, pact) if not is_outline(each)] == []
    later = says(river, pact, voters(river, pact), "incident.report", content(river, pact)[0].body)
    network.settle(1)
    whole = [each.id for each in content(northgate, pact) if not is_outline(each)]
    assert whole == [later.id]  # the twin: said by who knew that it had signed


def asked(by: House, of: House, pact: str, span: Span) -> tuple[bytes, ...]:
    """The records that one house is given of another's chain."""
    question = RecordsQuestion(AgreementId(pact), (span,)).encode()
    answers = Answers(of.node, of.keys, lambda _: None)
    raw = answers.answer(by.organisation.id, of.organisation.id, messages.RECORDS, question)
    return RecordsAnswer.decode(raw).records


def test_a_chain_with_two_stories_is_withheld_like_any_other(tmp_path: Path) -> None:
    network, pact, _ = before(tmp_path)
    river, harbour, northgate = network.houses.values()
    (report,) = content(river, pact)
    circle = voters(river, pact)
    last = says(river, pact, circle, "redaction.answer", NOTHING)
    second = crafted(
        river, pact, "redaction.answer", {"blob": "11"}, circle=circle, deps=last.header.deps,
        sequence=last.header.sequence, previous=last.header.previous,
    )  # fmt: skip
    slip_in(river, second)
    assert folded(river, pact).history.frozen
    span = Span(*report.header.chain, 1, 100)
    assert report.raw not in asked(northgate, river, pact, span)
    assert report.raw in asked(harbour, river, pact, span)  # the twin that was in


# --- checkpoints that are none -------------------------------------------------------------


def with_all(heads: Heads, _: Circle) -> Heads:
    return heads


def without_signatures(heads: Heads, everybody: Circle) -> Heads:
    """Heads that leave out what everybody can read."""
    return {chain: head for chain, head in heads.items() if chain.circle != everybody.id}


@pytest.mark.parametrize(
    ("of", "answers"),
    [
        pytest.param(with_all, 1, id="closed"),
        pytest.param(without_signatures, 0, id="without what they rest on"),
    ],
)
def test_heads_that_leave_out_their_past_are_nobodys(
    tmp_path: Path, of: Callable[[Heads, Circle], Heads], answers: int
) -> None:
    network, pact, _ = before(tmp_path)
    river, harbour, northgate = network.houses.values()
    circle = voters(harbour, pact)
    heads = of(own_heads(harbour, pact, circle), everybody(harbour, pact))
    word = comes_to(harbour, pact, circle, heads)
    made = says(harbour, pact, circle, checkpoints.KIND, body_of(heads, word))
    river.sync()
    assert len(answers_to(river, pact, made)) == answers
    joins(network, NORTHGATE, pact)
    network.settle(2)
    assert in_outline(northgate, pact) == [each.id for each in content(river, pact)]


def test_heads_beyond_everything_keep_no_checkpoint_from_being_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpointing, "EVERY", 10)
    monkeypatch.setattr(checkpointing, "_FOR_EACH_PARTY", 1)
    network, pact = allied(tmp_path)
    river, _, northgate = network.houses.values()
    chain = next(iter(folded(northgate, pact).history.heads))
    heads: Heads = {chain: (10**9, RecordId("ab" * 32))}
    circle = everybody(northgate, pact)
    liar = says(northgate, pact, circle, checkpoints.KIND, body_of(heads, WRONG))
    network.settle(1)
    assert liar.id in {each.id for each in said(river, pact)}
    alone(network, NORTHGATE)
    grow(network, pact, 20)
    found = folded(river, pact)
    point = found.reached(circle.id)
    assert point is not None
    assert point.record != liar.id


def test_support_without_effect_counts_for_nobody(tmp_path: Path) -> None:
    network, pact, incident = before(tmp_path)
    river, harbour, northgate = network.houses.values()
    alone(network, NORTHGATE)
    circle = voters(river, pact)
    point = checkpoint(river, pact, circle)
    word = checkpoints.read_checkpoint(point.body).state
    sync.ask_all(harbour.node, harbour.keys)
    first = crafted(harbour, pact, "redaction.answer", NOTHING, circle=circle)
    slip_in(harbour, first)
    dated = network.clock.now() - timedelta(days=3)
    answer = answer_to(point.id, word)
    old = crafted(
        harbour, pact, checkpoints.KIND, answer, circle=circle, after=first, claimed_at=dated
    )
    slip_in(harbour, old)
    assert not folded(harbour, pact).state.verdicts[old.id].effect

    def given() -> list[bytes]:
        order = folded(harbour, pact).history.order
        return [outline_of(each, "") if each.id == incident else each.raw for each in order]

    taken(northgate, pact, *given())
    assert in_outline(northgate, pact) == []
    slip_in(harbour, crafted(harbour, pact, checkpoints.KIND, answer, circle=circle))
    taken(northgate, pact, *given())
    assert in_outline(northgate, pact) == [incident]  # the twin that has effect


def test_a_wrong_checkpoint_each_round_does_not_keep_the_right_one_from_an_answer(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    circle = everybody(river, pact)
    right = checkpoint(northgate, pact, circle)
    wrong = []
    for _ in range(4):
        sync.ask_all(harbour.node, harbour.keys)
        wrong.append(checkpoint(harbour, pact, circle, WRONG))
        river.sync()
    assert len(answers_to(river, pact, right)) == 1
    assert [answers_to(river, pact, each) for each in wrong] == [[]] * len(wrong)
