"""A text that its author wants gone is gone wherever it was held, and everything else stands."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from allied.adapters.folder import DataFolder
from allied.errors import AlliedError
from allied.node import agreements, erasing, incidents, integrity, journal
from allied.node.erasing_views import ErasureView, TextView, list_erasures, list_texts
from allied.node.texts import words_of
from allied.record import redaction
from allied.record.blob import references
from allied.record.canonical import Json
from allied.record.ids import AgreementId, Digest
from tests.node.copied import Founded
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    attack,
    crafted,
    folded,
    slip_in,
    state_digest,
    three,
)
from tests.node.network import House, Network
from tests.node.test_resuming import put_back, resume
from tests.node.test_revoking import revoke

SECRET = "the customer is called Ada"
World = tuple[Network, str]
Spread = tuple[Network, str, Digest]


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def says(house: House, pact: str, words: str = SECRET, **more: Json) -> Digest:
    """A record with a text in the circle of all; its digest."""
    with house.node.store.write() as writing:
        found = house.node.folds.of(writing, AgreementId(pact))
        circle = found.instrument.circles.all
        text = journal.keep_blob(house.node, writing, found, circle, words.encode())
        body: dict[str, Json] = {"note": text, **more}
        journal.append(house.node, writing, house.actor, found, circle, "redaction.answer", body)
    return next(references(text))


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    """Three houses under one agreement; copied for each test."""
    root = tmp_path_factory.mktemp("founded")
    network, pact = allied(root)
    return Founded.of(root, network, pact)


@pytest.fixture
def world(founded: Founded, tmp_path: Path) -> Iterator[World]:
    with founded.copy(tmp_path / "copy") as network:
        yield network, founded.pact


@pytest.fixture
def spread(world: World) -> Spread:
    """River has said something, and everybody has it."""
    network, pact = world
    text = says(network.houses[RIVER], pact)
    network.settle(2)
    for house in network.houses.values():
        assert shown(house, text) == SECRET
    return network, pact, text


def shown(house: House, text: Digest) -> str:
    with house.node.store.read() as reading:
        return words_of(reading, text)


def bytes_of(house: House, text: Digest) -> bytes | None:
    engine = house.node.store.engine  # type: ignore[attr-defined]
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT raw FROM blobs WHERE digest = ?", (text,))
        found = rows.first()
    return found[0] if found else None


def ask(house: House, pact: str, name: str, why: str = "she asked for it") -> None:
    erasing.ask(house.node, house.actor, pact, name, why)


def wish(house: House) -> ErasureView:
    (found,) = list_erasures(house.node, house.organisation)
    return found


def states(house: House) -> dict[str, str]:
    return {each.party: each.state for each in wish(house).parties}


def text_view(house: House, text: Digest) -> TextView:
    found = list_texts(house.node, house.organisation)
    return next(each for each in found if each.text == text)


def text_state(house: House, pact: str, text: Digest) -> str:
    found = list_texts(house.node, house.organisation, pact)
    return next(each.state for each in found if each.text == text)


def test_everybody_erases_it_and_the_asker_sees_who_has(spread: Spread) -> None:
    network, pact, text = spread
    river = network.houses[RIVER]
    ask(river, pact, text)
    assert states(river) == {HARBOUR: "silent", NORTHGATE: "silent"}
    assert wish(river).silent == (HARBOUR, NORTHGATE)
    network.settle(2)
    assert states(river) == {HARBOUR: "erased", NORTHGATE: "erased"}
    assert wish(river).silent == ()
    for house in network.houses.values():
        assert bytes_of(house, text) is None
        assert shown(house, text) == "[erased on 2026-11-23 as river wished: she asked for it]"
        assert text_view(house, text).state == "erased"
        with house.node.store.read() as reading:
            assert reading.blob(text) is None
            assert reading.wanted_after(AgreementId(pact), 0, 9) == []


def test_chains_folds_and_the_store_hold_afterwards(spread: Spread) -> None:
    network, pact, text = spread
    ask(network.houses[RIVER], pact, text)
    network.settle(2)
    digests = {state_digest(house, pact) for house in network.houses.values()}
    assert len(digests) == 1
    for house in network.houses.values():
        whole = integrity.check(house.node)
        assert whole.findings == ()
        found = folded(house, pact)
        kinds = {each.header.kind for each in found.history.order}
        assert {redaction.REDACTION, redaction.ANSWER} <= kinds
        assert all(
            found.state.verdicts[each.id].effect
            for each in found.history.order
            if each.header.kind in (redaction.REDACTION, redaction.ANSWER)
        )


def test_another_text_stays(spread: Spread) -> None:
    network, pact, text = spread
    other = says(network.houses[RIVER], pact, "the weather is fine")
    network.settle(2)
    ask(network.houses[RIVER], pact, text)
    network.settle(2)
    for house in network.houses.values():
        assert shown(house, other) == "the weather is fine"


def test_a_node_that_was_away_does_it_when_it_comes_back(spread: Spread) -> None:
    network, pact, text = spread
    river, harbour, northgate = network.houses.values()
    network.cut_between(RIVER, NORTHGATE)
    network.cut_between(HARBOUR, NORTHGATE)
    ask(river, pact, text)
    network.settle(2)
    assert states(river) == {HARBOUR: "erased", NORTHGATE: "silent"}
    assert shown(northgate, text) == SECRET
    network.heal()
    network.settle(2)
    assert states(river) == {HARBOUR: "erased", NORTHGATE: "erased"}
    assert bytes_of(northgate, text) is None
    assert harbour.sync()[0].problem == ""


def test_who_never_had_it_gets_erased_and_not_missing(world: World) -> None:
    network, pact = world
    river, _, northgate = network.houses.values()
    network.cut_between(RIVER, NORTHGATE)
    network.cut_between(HARBOUR, NORTHGATE)
    text = says(river, pact)
    ask(river, pact, text)
    network.heal()
    network.settle(2)
    assert text_view(northgate, text).state == "erased"
    with northgate.node.store.read() as reading:
        assert reading.wanted_after(AgreementId(pact), 0, 9) == []
    assert states(river)[NORTHGATE] == "erased"


def test_put_back_from_an_old_copy_it_is_erased_again(world: World, tmp_path: Path) -> None:
    network, pact = world
    harbour = network.houses[HARBOUR]
    text = says(harbour, pact)
    network.settle(2)
    copy = tmp_path / "old.db"
    network.houses[RIVER].node.store.copy(copy)  # type: ignore[attr-defined]
    ask(harbour, pact, text)
    network.settle(2)
    fence = dict(DataFolder(tmp_path / "copy" / RIVER).fence.numbered())
    river = put_back(network, tmp_path / "copy", copy)
    assert shown(river, text) == SECRET
    resume(river, fence, recovery=False)
    assert bytes_of(river, text) is None
    network.settle(2)
    assert states(harbour) == {RIVER: "erased", NORTHGATE: "erased"}


@pytest.mark.parametrize(
    ("who", "name", "code"),
    [
        pytest.param(HARBOUR, "", "erasure.not-the-author", id="the words of somebody else"),
        pytest.param(RIVER, "f" * 64, "erasure.unknown", id="what nobody has written"),
        pytest.param(RIVER, "abc", "erasure.unknown", id="too short a name"),
    ],
)
def test_what_is_not_asked_for(spread: Spread, who: str, name: str, code: str) -> None:
    network, pact, text = spread
    house = network.houses[who]
    refused(code, lambda: ask(house, pact, name or text))
    assert shown(house, text) == SECRET
    ask(network.houses[RIVER], pact, text[:12])  # the twin that passes
    refused("erasure.asked-already", lambda: ask(network.houses[RIVER], pact, text))


def test_a_dry_run_says_nothing(spread: Spread) -> None:
    network, pact, text = spread
    river = network.houses[RIVER]
    assert erasing.ask(river.node, river.actor, pact, text, dry_run=True) == ()
    assert list_erasures(river.node, river.organisation) == []
    assert shown(river, text) == SECRET


def test_what_is_put_to_the_vote_stays(world: World) -> None:
    network, pact = world
    river = network.houses[RIVER]
    text = says(river, pact, "nothing on the table")
    with river.node.store.write() as writing:
        found = river.node.folds.of(writing, AgreementId(pact))
        circle = found.instrument.circles.all
        words = journal.keep_blob(river.node, writing, found, circle, b"shall we?")
    said = crafted(river, pact, "redaction.answer", {"words": words})
    slip_in(river, said)
    refused("erasure.put-to-the-vote", lambda: ask(river, pact, next(references(words))))
    ask(river, pact, text)


def test_the_wish_of_somebody_else_erases_nothing(spread: Spread) -> None:
    network, pact, text = spread
    river, harbour, _ = network.houses.values()
    body = redaction.body([text], None)
    slip_in(harbour, crafted(harbour, pact, redaction.REDACTION, body))
    network.settle(2)
    for house in network.houses.values():
        assert shown(house, text) == SECRET
        assert [each.state for each in wish(house).texts] == ["erasure.not-the-author"]
        assert set(states(house).values()) == {"silent"}
    ask(river, pact, text)
    network.settle(2)
    assert bytes_of(harbour, text) is None
    mine = [each for each in list_erasures(river.node, river.organisation) if each.mine]
    assert [each.silent for each in mine] == [()]


def test_a_text_that_two_claim_is_left_to_people(spread: Spread) -> None:
    network, pact, text = spread
    river, harbour, northgate = network.houses.values()
    own = [each for each in folded(harbour, pact).history.order if text in references(each.body)]
    (names,) = own
    claim: dict[str, Json] = {"note": dict(names.body)["note"]}
    before = [  # it conceals that it knows River's record
        dep
        for dep in journal.heads_in(
            folded(harbour, pact), folded(harbour, pact).instrument.circles.all
        )
        if dep.issuer != river.organisation.id
    ]
    slip_in(harbour, crafted(harbour, pact, "redaction.answer", claim, deps=before))
    network.settle(2)
    refused("erasure.contested", lambda: ask(river, pact, text))
    body = redaction.body([text], None)
    slip_in(harbour, crafted(harbour, pact, redaction.REDACTION, body))
    network.settle(2)
    assert shown(northgate, text) == SECRET
    assert [each.state for each in wish(northgate).texts] == ["erasure.contested"]


def test_who_names_a_text_under_another_agreement_erases_it_there_alone(
    tmp_path: Path,
) -> None:
    network = three(tmp_path)
    pact = network.sign_all(DEMO, RIVER)
    other = network.sign_all(DEMO.replace(b"river-harbour", b"another-pact"), HARBOUR)
    river, harbour, northgate = network.houses.values()
    network.cut_between(RIVER, NORTHGATE)
    network.cut_between(HARBOUR, NORTHGATE)
    text = says(river, pact)
    network.settle(2)
    (named,) = [
        each for each in folded(harbour, pact).history.order if text in references(each.body)
    ]
    claim = crafted(harbour, other, "redaction.answer", {"note": named.body["note"]})
    with northgate.node.store.write() as writing:  # it has it as Harbour's, from Harbour
        writing.add_blob(
            AgreementId(other), claim.header.circle, text, bytes_of(river, text) or b""
        )
    slip_in(harbour, claim)
    network.heal()
    network.settle(2)
    assert shown(northgate, text) == SECRET
    network.advance(timedelta(minutes=1))
    ask(harbour, other, text)
    network.settle(3)
    assert {shown(house, text) for house in network.houses.values()} == {SECRET}
    assert text_state(northgate, pact, text) == "held"
    assert text_state(northgate, other, text) == "erased"
    ask(river, pact, text)  # the twin: who wrote it
    network.settle(2)
    assert bytes_of(northgate, text) is None


def test_the_wish_that_comes_before_the_record_counts_when_that_comes(world: World) -> None:
    network, pact = world
    river, _, northgate = network.houses.values()
    with river.node.store.write() as writing:
        found = river.node.folds.of(writing, AgreementId(pact))
        circle = found.instrument.circles.all
        text = journal.keep_blob(river.node, writing, found, circle, SECRET.encode())
    name = next(references(text))
    slip_in(river, crafted(river, pact, redaction.REDACTION, redaction.body([name], None)))
    network.settle(2)
    assert [each.state for each in wish(northgate).texts] == ["erasure.unnamed"]
    slip_in(river, crafted(river, pact, "redaction.answer", {"note": text}))
    network.settle(2)
    assert text_view(northgate, name).state == "erased"


# --- keeping --------------------------------------------------------------------------------


def test_who_keeps_it_says_why_and_shows_it_to_nobody(spread: Spread) -> None:
    network, pact, text = spread
    river, harbour, _ = network.houses.values()
    erasing.hold(harbour.node, harbour.organisation, pact, text, "a court order")
    assert text_view(harbour, text).held_for == "a court order"
    network.settle(2)
    assert "court" not in str(list_texts(river.node, river.organisation))  # told to nobody yet
    ask(river, pact, text)
    network.settle(2)
    kept = next(each for each in wish(river).parties if each.party == HARBOUR)
    assert (kept.state, kept.why) == ("kept", "a court order")
    assert states(river)[NORTHGATE] == "erased"
    assert bytes_of(harbour, text) is not None
    assert text_view(harbour, text).state == "withheld"
    assert "kept here: a court order" in shown(harbour, text)
    assert SECRET not in shown(harbour, text)
    with harbour.node.store.read() as reading:
        assert reading.blob(text) is None  # and so it is served to nobody
    network.advance(timedelta(days=3))
    assert erasing.release(harbour.node, harbour.organisation, pact, text) == 1
    network.settle(2)
    assert bytes_of(harbour, text) is None
    assert states(river) == {HARBOUR: "erased", NORTHGATE: "erased"}


def test_a_hold_wants_a_reason_and_comes_before_the_wish(spread: Spread) -> None:
    network, pact, text = spread
    river, harbour, _ = network.houses.values()
    organisation = harbour.organisation
    refused("erasure.no-reason", lambda: erasing.hold(harbour.node, organisation, pact, text, " "))
    refused("erasure.not-held", lambda: erasing.release(harbour.node, organisation, pact, text))
    erasing.hold(harbour.node, organisation, pact, text, "an audit")
    assert erasing.release(harbour.node, organisation, pact, text) == 0
    assert shown(harbour, text) == SECRET
    ask(river, pact, text)
    network.settle(2)
    refused("erasure.gone", lambda: erasing.hold(harbour.node, organisation, pact, text, "late"))


# --- who has left, and small circles ----------------------------------------------------------


def test_who_has_left_is_told_in_the_circle_of_the_two(spread: Spread) -> None:
    network, pact, text = spread
    river, _, northgate = network.houses.values()
    agreements.withdraw(northgate.node, northgate.actor, pact, "")
    network.settle(2)
    network.advance(timedelta(days=400))
    network.settle(2)
    ask(river, pact, text)
    network.settle(2)
    assert bytes_of(northgate, text) is None
    by_circle = {each.circle: each for each in list_erasures(river.node, river.organisation)}
    assert {each.party: each.state for each in by_circle["all"].parties} == {HARBOUR: "erased"}
    assert {each.party: each.state for each in by_circle["pair"].parties} == {NORTHGATE: "erased"}


def test_the_reason_can_be_erased_too(spread: Spread) -> None:
    network, pact, text = spread
    river, harbour, _ = network.houses.values()
    ask(river, pact, text, "Ada asked")
    network.settle(2)
    ask(river, pact, wish(harbour).id, "")
    network.settle(2)
    assert "Ada" not in shown(harbour, text)
    assert shown(harbour, text).startswith("[erased on 2026-11-23 as river wished")


def test_an_answer_that_is_none_and_one_to_nothing_change_nothing(spread: Spread) -> None:
    network, pact, text = spread
    river, _, northgate = network.houses.values()
    network.cut_between(HARBOUR, RIVER)
    network.cut_between(HARBOUR, NORTHGATE)
    ask(river, pact, text)
    network.settle(2)
    for body in ({"did": "erased"}, {"did": "burnt", "redaction": wish(river).id},
                 {"did": "erased", "redaction": "f" * 64}):  # fmt: skip
        slip_in(northgate, crafted(northgate, pact, redaction.ANSWER, body))
    network.settle(2)
    assert states(river) == {HARBOUR: "silent", NORTHGATE: "erased"}


def test_pages_say_that_the_title_of_an_incident_was_erased(world: World) -> None:
    network, pact = world
    river, harbour, _ = network.houses.values()
    view = attack(river, pact)
    network.settle(2)
    assert incidents.show(harbour.node, harbour.organisation, view.id).title.startswith("A wiper")
    ask(river, pact, view.id)  # by its record: all its texts
    network.settle(2)
    shown_here = incidents.show(harbour.node, harbour.organisation, view.id)
    assert shown_here.title == view.alias
    assert shown_here.facts == view.facts  # what stands in the record stays
    report = incidents.print_report(harbour.node, harbour.organisation, view.id)
    assert "as river wished" in report
    assert "A wiper stops" not in report


def test_why_keys_were_revoked_is_said_no_more_once_it_is_erased(world: World) -> None:
    network, pact = world
    river = network.houses[RIVER]
    key = river.keys.signer(river.organisation.id, "acts").public.key_id
    revoke(river, key)
    network.settle(2)
    with river.node.store.read() as reading:
        keys, because = journal.revoked(reading, river.organisation.id)
    assert (list(keys), bool(because)) == ([key], True)
    mine = [
        each
        for each in list_texts(river.node, river.organisation)
        if each.kind == "key.revoke" and each.mine
    ]
    ask(river, pact, mine[0].text)
    with river.node.store.read() as reading:
        assert journal.revoked(reading, river.organisation.id) == (keys, "")
