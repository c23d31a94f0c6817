"""Who joins later is given in outline what was said before, up to what enough have signed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement import checkpoints, joining, outlined
from allied.node import (
    checkpointing,
    comparing,
    doctor,
    incidents,
    incoming,
    integrity,
    journal,
    messages,
)
from allied.node.answers import Answers
from allied.node.messages import RecordsQuestion, Span
from allied.node.pages import RecordsAnswer, RecordsPage
from allied.record.canonical import Json, decode, encode
from allied.record.ids import AgreementId, Digest, RecordId
from allied.record.outline import is_content, is_outline, looks_outlined, outline_of
from allied.record.record import Record
from tests.node.hands import (
    HARBOUR,
    NORTHGATE,
    RIVER,
    attack,
    crafted,
    folded,
    slip_in,
)
from tests.node.network import House, Network
from tests.node.test_joining import rule
from tests.node.test_release import joins, late

Change = Callable[[dict[str, Json]], Json]


def content(house: House, pact: str) -> list[Record]:
    """What a house holds of incidents and duties."""
    return [each for each in folded(house, pact).history.order if is_content(each)]


def in_outline(house: House, pact: str) -> list[RecordId]:
    return [each.id for each in content(house, pact) if is_outline(each)]


def state_of(house: House, pact: str) -> Digest:
    """What a house comes to in the circle of the voters, where incidents are told."""
    found = folded(house, pact)
    circle = found.instrument.circles.voters.id
    heads = checkpoints.heads_in(found.instrument, found.history, circle)
    return checkpoints.come_to(found.instrument, found.history, lambda *_: "", circle, heads)[1]


def before(tmp_path: Path, history: str = "from-joining") -> tuple[Network, str, str]:
    """River was attacked while Northgate was invited and had not joined; the incident."""
    network, pact = late(tmp_path, rule(history))
    incident = attack(network.houses[RIVER], pact).id
    network.advance(timedelta(minutes=1))
    network.settle(2)
    return network, pact, incident


def story(tmp_path: Path, history: str = "from-joining") -> tuple[Network, str, str]:
    """As `before`, and then Northgate joins."""
    network, pact, incident = before(tmp_path, history)
    joins(network, NORTHGATE, pact)
    network.advance(timedelta(minutes=5))
    network.settle(3)
    return network, pact, incident


@pytest.mark.parametrize(
    ("history", "sees"),
    [
        pytest.param("none", False, id="nothing of what was before"),
        pytest.param("from-joining", False, id="what was said from its joining on"),
        pytest.param("all", True, id="everything"),
    ],
)
def test_who_joins_later_holds_of_incidents_what_the_agreement_says(
    tmp_path: Path, history: str, sees: bool
) -> None:
    network, pact, incident = story(tmp_path, history)
    river, harbour, northgate = network.houses.values()
    for house in (river, harbour):
        assert in_outline(house, pact) == []  # the twins that were in
    found = content(northgate, pact)
    assert [each.id for each in found] == [each.id for each in content(river, pact)]
    assert found
    assert all(is_outline(each) is not sees for each in found)
    shown = incidents.list_incidents(northgate.node, northgate.organisation)
    assert [each.id for each in shown] == ([incident] if sees else [])
    assert len({state_of(house, pact) for house in network.houses.values()}) == 1
    for house in network.houses.values():
        assert integrity.check(house.node).findings == ()


def test_no_byte_of_what_was_said_before_reaches_who_joins_later(tmp_path: Path) -> None:
    network, pact, _ = story(tmp_path)
    northgate = network.houses[NORTHGATE]
    with northgate.node.store.read() as reading:
        stored = b"".join(row.raw for row in reading.records(AgreementId(pact)))
    assert b"outline/1" in stored
    for house in network.houses.values():
        held = [each.body for each in content(house, pact) if not is_outline(each)]
        assert (held == []) is (house is northgate)


def test_without_a_checkpoint_nothing_of_it_is_given_and_with_one_it_goes_on(
    tmp_path: Path,
) -> None:
    network, pact, _ = before(tmp_path)
    river, harbour, northgate = network.houses.values()
    network.cut_between(RIVER, HARBOUR)  # so two of two cannot sign for a checkpoint
    network.cut_between(HARBOUR, NORTHGATE)
    joins(network, NORTHGATE, pact)
    network.advance(timedelta(minutes=5))
    network.settle(3)
    assert content(northgate, pact) == []
    heads = folded(northgate, pact).history.heads
    assert all(each.circle != voters(river, pact) for each in heads)
    network.heal()
    network.settle(4)
    assert in_outline(northgate, pact) == [each.id for each in content(river, pact)]
    assert harbour is not northgate


def voters(house: House, pact: str) -> str:
    return folded(house, pact).instrument.circles.voters.id


def test_who_is_invited_and_has_not_joined_waits_an_hour_and_has_outlines_then(
    tmp_path: Path,
) -> None:
    network, pact, _ = before(tmp_path)
    river, _, northgate = network.houses.values()
    network.settle(2)
    assert content(northgate, pact) == []
    network.advance(outlined.INVITED_WAIT + timedelta(minutes=5))
    network.settle(3)
    assert in_outline(northgate, pact) == [each.id for each in content(river, pact)]


def test_what_claims_to_be_from_a_day_to_come_holds_up_who_is_late_no_longer(
    tmp_path: Path,
) -> None:
    network, pact = late(tmp_path, rule("from-joining"))
    river, _, northgate = network.houses.values()
    now = network.clock.now()
    network.advance(timedelta(days=60))
    attack(river, pact)
    network.clock.set(now + timedelta(minutes=1))
    network.settle(2)
    assert content(northgate, pact) == []
    network.advance(outlined.INVITED_WAIT + timedelta(minutes=5))
    network.settle(3)
    assert in_outline(northgate, pact) == [each.id for each in content(river, pact)] != []
    assert state_of(northgate, pact) == state_of(river, pact)


@pytest.mark.parametrize("days", [0, 400], ids=["a right clock", "a clock that is behind"])
def test_whoever_answers_under_whatever_clock_shows_nobody_more(tmp_path: Path, days: int) -> None:
    network, pact, _ = before(tmp_path)
    river, _, northgate = network.houses.values()
    found, by = folded(river, pact), river.node.clock.now() - timedelta(days=days)
    shown = outlined.shown(found, northgate.organisation.id, by)
    assert shown is not None
    assert shown.outlined == {each.id for each in content(river, pact)}
    texts = joining.withheld(found, northgate.organisation.id, by)
    assert texts == joining.withheld(found, northgate.organisation.id, river.node.clock.now())
    assert outlined.shown(found, river.organisation.id, by) is None


def test_no_state_is_said_to_whom_something_of_the_circle_of_all_is_kept_back_from(
    tmp_path: Path,
) -> None:
    network, pact, _ = before(tmp_path)
    river, harbour, northgate = network.houses.values()
    found = folded(river, pact)
    with river.node.store.write() as writing:  # which rests on the report, and stands among all
        journal.append(
            river.node, writing, river.actor, found, found.instrument.circles.all,
            "redaction.answer", {},
        )  # fmt: skip
    network.settle(2)
    for house, other in ((river, harbour), (river, northgate), (northgate, river)):
        with house.node.store.read() as reading:
            said = comparing.compared(
                reading, house.organisation.id, other.organisation.id, AgreementId(pact)
            )
        assert said is None or said.same
    now, found = river.node.clock.now(), folded(river, pact)
    assert comparing.state_for(found, northgate.organisation.id, now) == ""
    assert comparing.state_for(found, harbour.organisation.id, now)
    network.advance(outlined.INVITED_WAIT + timedelta(minutes=5))
    network.settle(3)
    found = folded(river, pact)
    assert comparing.state_for(found, northgate.organisation.id, river.node.clock.now())


def goes_on(house: House, pact: str, incident: str) -> None:
    """A house says more of an incident of its own."""
    report = next(each for each in content(house, pact) if each.id == incident)
    with house.node.store.write() as writing:
        found = house.node.folds.of(writing, AgreementId(pact))
        circle = found.instrument.circles.voters
        body = {**report.body, "incident": incident}
        journal.append(house.node, writing, house.actor, found, circle, "incident.facts", body)


def test_who_waited_long_and_may_have_everything_gets_it_when_it_joins(tmp_path: Path) -> None:
    network, pact, incident = before(tmp_path, "all")
    northgate = network.houses[NORTHGATE]
    network.advance(outlined.INVITED_WAIT + timedelta(minutes=5))
    network.settle(3)
    assert in_outline(northgate, pact) == [incident]
    joins(network, NORTHGATE, pact)
    network.advance(timedelta(minutes=5))
    network.settle(3)
    assert in_outline(northgate, pact) == []
    assert [each.id for each in content(northgate, pact)] == [incident]


def test_an_incident_of_which_somebody_speaks_later_is_given_whole(tmp_path: Path) -> None:
    network, pact, incident = story(tmp_path)
    river, harbour, northgate = network.houses.values()
    other = attack(harbour, pact, "another-wiper").id
    network.advance(timedelta(minutes=1))
    network.settle(2)
    shown = {each.id for each in incidents.list_incidents(northgate.node, northgate.organisation)}
    assert shown == {other}  # the twin: of the first one nobody has spoken
    goes_on(river, pact, incident)
    network.advance(timedelta(minutes=1))
    network.settle(3)
    assert in_outline(northgate, pact) == []
    shown = {each.id for each in incidents.list_incidents(northgate.node, northgate.organisation)}
    assert shown == {incident, other}
    view = incidents.show(northgate.node, northgate.organisation, incident)
    assert view.title.startswith("A wiper")  # and so are the texts beside it
    assert len({state_of(house, pact) for house in network.houses.values()}) == 1


# --- lying --------------------------------------------------------------------------------


def changed(key: str, value: Json) -> Change:
    """An outline in whose header something else stands."""

    def change(outline: dict[str, Json]) -> Json:
        header = outline["header"]
        assert isinstance(header, dict)
        return {**outline, "header": {**header, key: value}}

    return change


def resent(answer: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """An answer with other records in it."""
    read, page = RecordsAnswer.decode(answer), RecordsPage()
    sent = [change(raw) for raw in read.records]
    for issuer, chain in read.identities.items():
        page.add(sent[0], issuer, chain)
    for raw in sent:
        page.add(raw, next(iter(read.identities)))
    return page.encode(more=read.more)


def spoilt(change: Change) -> Callable[[bytes], bytes]:
    """Answers whose outlines are changed."""

    def other(raw: bytes) -> bytes:
        if not looks_outlined(raw):
            return raw
        value = decode(raw, limit=1 << 20)
        assert isinstance(value, dict)
        return encode(change(value))

    return lambda answer: resent(answer, other)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(changed("claimed_at", "2026-11-23T03:04:00.000Z"), id="another time"),
        pytest.param(changed("deps", []), id="that rests on less"),
        pytest.param(changed("version", "ab" * 32), id="under another version"),
        pytest.param(changed("key", "ab" * 32), id="by another key"),
        pytest.param(lambda each: {**each, "verdict": "effect.x"}, id="judged otherwise"),
        pytest.param(lambda each: {**each, "id": "ab" * 32}, id="of another record"),
    ],
)
def test_an_outline_that_is_not_what_enough_have_signed_is_not_believed(
    tmp_path: Path, change: Change
) -> None:
    network, pact, _ = before(tmp_path)
    river, _, northgate = network.houses.values()
    network.spoil = {messages.RECORDS: spoilt(change)}
    joins(network, NORTHGATE, pact)
    network.advance(timedelta(minutes=5))
    network.settle(4)
    assert content(northgate, pact) == []
    network.spoil = {}
    network.settle(3)
    assert in_outline(northgate, pact) == [each.id for each in content(river, pact)]


def test_who_may_have_a_record_takes_no_outline_of_it(tmp_path: Path) -> None:
    network, pact, incident = before(tmp_path)
    river, harbour, _ = network.houses.values()
    network.cut_between(RIVER, HARBOUR)
    second = attack(river, pact, "second").id
    network.heal()

    known = {each.raw: outline_of(each, "") for each in content(river, pact)}

    def shorten(answer: bytes) -> bytes:
        return resent(answer, lambda raw: known.get(raw, raw))

    network.spoil = {messages.RECORDS: shorten}
    network.advance(timedelta(hours=2))
    network.settle(3)
    assert {each.id for each in content(harbour, pact)} == {incident}
    assert in_outline(harbour, pact) == []
    network.spoil = {}
    network.settle(2)
    assert {each.id for each in content(harbour, pact)} == {incident, second}


def test_a_second_story_in_the_place_of_an_outline_is_refused_until_it_is_proved(
    tmp_path: Path,
) -> None:
    network, pact, incident = story(tmp_path)
    river, harbour, northgate = network.houses.values()
    (first,) = [each for each in content(river, pact) if each.id == incident]
    circle = folded(river, pact).instrument.circles.voters
    body = {**first.body, "campaign": "another"}
    second = crafted(
        river, pact, "incident.report", body, circle=circle, deps=first.header.deps,
        sequence=first.header.sequence, previous=first.header.previous,
    )  # fmt: skip

    with northgate.node.store.write() as writing:
        held = northgate.node.folds.of(writing, AgreementId(pact))
        taken = incoming.take_in(writing, held, [second.raw], {})
    assert taken.refused == ["record.not-as-outlined"]
    slip_in(harbour, second)
    network.advance(timedelta(minutes=1))
    network.cut_between(RIVER, NORTHGATE)
    network.settle(4)
    proved = folded(northgate, pact).history
    assert proved.frozen
    assert set(proved.frozen) == set(folded(harbour, pact).history.frozen)


# --- what a late party passes on ---------------------------------------------------------


def test_a_late_party_gives_others_no_more_than_it_has(tmp_path: Path) -> None:
    network, pact, _ = story(tmp_path)
    _, harbour, northgate = network.houses.values()
    (outline,) = content(northgate, pact)
    span = Span(*outline.header.chain, outline.header.sequence, outline.header.sequence)

    question = RecordsQuestion(AgreementId(pact), (span,)).encode()
    answers = Answers(northgate.node, northgate.keys, lambda _: None)
    raw = answers.answer(
        harbour.organisation.id, northgate.organisation.id, messages.RECORDS, question
    )
    assert RecordsAnswer.decode(raw).records == (outline.raw,)


def test_doctor_says_how_much_is_here_in_outline(tmp_path: Path) -> None:
    network, pact, _ = story(tmp_path)
    said = {
        label: [each for each in doctor.examine(house.node) if each.code == "checkpoints"]
        for label, house in network.houses.items()
    }
    for label, found in said.items():
        (one,) = found
        assert one.state == "ok"
        assert "signed by harbour, river" in one.text
        assert ("1 records from before are here in outline only" in one.text) is (
            label == NORTHGATE
        )
    assert len(content(network.houses[RIVER], pact)) < checkpointing.EVERY
