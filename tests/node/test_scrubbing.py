"""Bytes that a disk has spoilt are found in time, withheld, and asked for again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.exchange.proof import Kept
from allied.node import doctor, erasing, items, release, scrubbing
from allied.node.messages import ItemsQuestion
from allied.node.pages import ItemsAnswer
from allied.node.shared import Wish
from allied.record.ids import AgreementId, Digest
from tests.exchange.samples import indicator, tlp
from tests.node.hands import DEMO, HARBOUR, RIVER, allied, held, run_sql, share
from tests.node.network import House, Network
from tests.node.test_erasing import SECRET, says, shown

GREEN = {"object_marking_refs": tlp(Tlp.GREEN)}
ITEMS = [indicator(number, **GREEN) for number in range(1, 6)]
NAMES = [str(each["id"]) for each in ITEMS]


def shared(tmp_path: Path) -> tuple[Network, str]:
    network, pact = allied(tmp_path, DEMO)
    share(network.houses[RIVER], pact, *ITEMS)
    network.settle()
    return network, pact


def spoil(house: House, name: str) -> None:
    """Turn one byte of an item's bytes in the database file."""
    run_sql(
        house,
        "UPDATE bodies SET raw = CAST(replace(CAST(raw AS TEXT), 'example', 'exbmple') AS BLOB)"
        " WHERE id IN (SELECT body FROM items WHERE id = :name)",
        name=name,
    )


def sent(holder: House, caller: House, pact: str) -> set[str]:
    question = ItemsQuestion(AgreementId(pact))
    raw = release.page(holder.node, caller.organisation.id, holder.organisation.id, question)
    return {each.id for each in ItemsAnswer.decode(raw).items}


def said(house: House) -> str:
    """What `allied doctor` says of the bytes."""
    found = doctor.examine(house.node, free_bytes=1 << 40)
    return next(each.state for each in found if each.check == f"bytes of {house.label}")


def later(network: Network) -> None:
    """A day passes, so that everything is looked at again."""
    network.advance(scrubbing.EVERY)


def test_what_was_spoilt_goes_out_no_more(tmp_path: Path) -> None:
    network, pact = shared(tmp_path)
    river, harbour, _ = network.houses.values()
    later(network)
    spoil(river, NAMES[2])
    assert scrubbing.scrub(river.node) == 1
    assert NAMES[2] not in sent(river, harbour, pact)
    assert sent(river, harbour, pact) >= {NAMES[0], NAMES[4]}  # the twins that hold
    with river.node.store.read() as reading:
        assert scrubbing.spoilt(reading, river.organisation.id) == 1
        (row,) = (
            each for each in reading.ledger(river.organisation.id) if each.code == scrubbing.CODE
        )
    assert (row.recipient, row.outcome, row.via) == (RIVER, "ended", "scrub")
    assert said(river) == "problem"
    share(river, pact, ITEMS[2])  # from its source
    assert said(river) == "ok"
    assert NAMES[2] in sent(river, harbour, pact)
    with river.node.store.read() as reading:
        assert scrubbing.spoilt(reading, river.organisation.id) == 0


def test_what_others_shared_is_fetched_again(tmp_path: Path) -> None:
    network, pact = shared(tmp_path)
    harbour = network.houses[HARBOUR]
    before = items.show(harbour.node, harbour.organisation, NAMES[1]).raw
    later(network)
    network.settle()
    spoil(harbour, NAMES[1])
    later(network)
    network.settle()  # each round looks, and then asks again
    network.settle()
    assert set(NAMES) <= set(held(harbour, pact))
    assert items.show(harbour.node, harbour.organisation, NAMES[1]).raw == before
    with harbour.node.store.read() as reading:
        assert scrubbing.spoilt(reading, harbour.organisation.id) == 0


def test_a_sound_store_loses_nothing(tmp_path: Path) -> None:
    network, pact = shared(tmp_path)
    for house in network.houses.values():
        later(network)
        assert scrubbing.scrub(house.node) == 0
    assert set(NAMES) <= set(held(network.houses[RIVER], pact))


@pytest.mark.parametrize(
    ("limit", "rounds"),
    [
        pytest.param({"ITEMS": 2}, 4, id="so many items a round"),
        pytest.param({"BYTES": 400}, 7, id="so many bytes a round, and one at least"),
    ],
)
def test_a_round_looks_at_a_little_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: dict[str, int], rounds: int
) -> None:
    network, _ = shared(tmp_path)
    river = network.houses[RIVER]
    later(network)
    for name, value in limit.items():
        monkeypatch.setattr(scrubbing, name, value)
    spoil(river, NAMES[4])
    found = [scrubbing.scrub(river.node) for _ in range(rounds)]
    assert sum(found) == 1
    assert found[0] == 0


def test_once_a_day_is_enough(tmp_path: Path) -> None:
    network, _ = shared(tmp_path)
    river = network.houses[RIVER]
    later(network)
    while _place(river):
        scrubbing.scrub(river.node)
    scrubbing.scrub(river.node)
    while _place(river):
        scrubbing.scrub(river.node)
    spoil(river, NAMES[0])
    network.advance(scrubbing.EVERY - timedelta(seconds=1))
    assert scrubbing.scrub(river.node) == 0
    network.advance(timedelta(seconds=1))
    assert scrubbing.scrub(river.node) == 1


def _place(house: House) -> str:
    """How far the present pass is; empty for one that is done."""
    with house.node.store.read() as reading:
        (row,) = reading.agreements()
        return reading.cursor(f"scrub:{house.organisation.id}:{row.id}").partition(" ")[2]


# --- statements and texts -------------------------------------------------------------------


def test_an_item_whose_statement_was_spoilt_goes_out_no_more_and_comes_again(
    tmp_path: Path,
) -> None:
    network, pact = shared(tmp_path)
    river, harbour, northgate = network.houses.values()
    later(network)
    network.settle()
    run_sql(harbour, "UPDATE statements SET raw = CAST('{}' AS BLOB)")
    later(network)
    assert scrubbing.scrub(harbour.node) >= len(NAMES)
    assert not set(NAMES) & set(held(harbour, pact))
    with harbour.node.store.read() as reading:
        rows = reading.ledger(harbour.organisation.id)
    assert {each.code for each in rows if each.via == "scrub"} == {scrubbing.NO_STATEMENT}
    network.settle()
    assert set(NAMES) <= set(held(harbour, pact))
    assert items.show(harbour.node, harbour.organisation, NAMES[1]).raw
    assert said(harbour) == "ok"
    assert scrubbing.scrub(river.node) == scrubbing.scrub(northgate.node) == 0  # the twins


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param("DELETE FROM trees", id="it is gone"),
        pytest.param(
            "UPDATE trees SET raw = CAST(substr(raw, 1, length(raw) - 40) || x'00'"
            " || substr(raw, length(raw) - 38) AS BLOB)",
            id="one hash of it",
        ),
        pytest.param(
            "UPDATE trees SET raw = CAST(substr(raw, 1, 12) || x'0001' || substr(raw, 15) AS BLOB)",
            id="the seed of its salts",
        ),
    ],
)
def test_own_items_that_nothing_can_prove_any_more_go_out_no_more_until_they_are_shared_again(
    tmp_path: Path, spoilt: str
) -> None:
    network, pact = shared(tmp_path)
    river, harbour, _ = network.houses.values()
    later(network)
    run_sql(river, spoilt)
    assert scrubbing.scrub(harbour.node) == 0  # the twin, which needs no tree
    assert scrubbing.scrub(river.node) >= len(NAMES)
    assert not sent(river, harbour, pact)
    share(river, pact, *ITEMS)
    assert sent(river, harbour, pact) >= set(NAMES)
    for _ in range(3):
        later(network)
        assert scrubbing.scrub(river.node) == 0


def test_a_tree_is_looked_at_once_in_a_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, _ = shared(tmp_path)
    river = network.houses[RIVER]
    later(network)
    monkeypatch.setattr(scrubbing, "ITEMS", 2)
    looked: list[bytes] = []
    whole = Kept.is_whole

    def looking(kept: Kept, root: bytes) -> bool:
        looked.append(root)
        return whole(kept, root)

    monkeypatch.setattr(Kept, "is_whole", looking)
    while not looked or _place(river):
        assert scrubbing.scrub(river.node) == 0
    assert len(looked) == len(set(looked))


def test_an_item_whose_proof_was_spoilt_comes_again(tmp_path: Path) -> None:
    network, pact = shared(tmp_path)
    river, harbour, _ = network.houses.values()
    later(network)
    network.settle()
    run_sql(
        harbour,
        "UPDATE items SET proof = CAST(substr(proof, 1, 8) || x'0001' || substr(proof, 11) AS BLOB)"
        " WHERE id = :name",
        name=NAMES[1],
    )
    later(network)
    assert scrubbing.scrub(harbour.node) == 1
    assert NAMES[1] not in held(harbour, pact)
    assert NAMES[2] in held(harbour, pact)
    network.settle()
    assert NAMES[1] in held(harbour, pact)
    assert said(harbour) == said(river) == "ok"


def test_an_extract_whose_word_on_its_source_was_spoilt_comes_again(tmp_path: Path) -> None:
    network, pact = shared(tmp_path)
    river, harbour, _ = network.houses.values()
    cut = indicator(9, **GREEN)
    share(river, pact, cut, wish=Wish(made_from=(NAMES[0],)))
    network.settle()
    later(network)
    network.settle()
    shown_before = items.show(harbour.node, harbour.organisation, str(cut["id"]))
    (made,) = shown_before.derived
    run_sql(
        harbour,
        "UPDATE statements SET raw = CAST('{}' AS BLOB) WHERE digest = :name",
        name=made.statement,
    )
    later(network)
    assert scrubbing.scrub(harbour.node) == 1
    assert str(cut["id"]) not in held(harbour, pact)
    assert NAMES[0] in held(harbour, pact)  # the twin
    network.settle()
    again = items.show(harbour.node, harbour.organisation, str(cut["id"]))
    assert again.derived == shown_before.derived


def spread_text(network: Network, pact: str) -> Digest:
    text = says(network.houses[RIVER], pact)
    network.settle()
    return text


def test_a_text_that_was_spoilt_is_fetched_again(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, DEMO)
    text = spread_text(network, pact)
    river, harbour, _ = network.houses.values()
    later(network)
    network.settle()
    run_sql(river, "UPDATE blobs SET raw = CAST('{}' AS BLOB) WHERE digest = :text", text=text)
    later(network)
    assert scrubbing.scrub(harbour.node) == 0  # the twin that holds
    assert scrubbing.scrub(river.node) == 1
    assert shown(river, text) == ""
    assert said(river) == "problem"
    network.settle(1)
    assert shown(river, text) == SECRET
    assert said(river) == "ok"


def test_texts_are_looked_at_a_little_in_each_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, pact = allied(tmp_path, DEMO)
    texts = sorted(spread_text(network, pact) for _ in range(3))
    river = network.houses[RIVER]
    later(network)
    monkeypatch.setattr(scrubbing, "BYTES", 1)
    while _texts_place(river):
        scrubbing.scrub(river.node)
    run_sql(river, "UPDATE blobs SET raw = CAST('{}' AS BLOB) WHERE digest = :text", text=texts[2])
    later(network)
    assert [scrubbing.scrub(river.node) for _ in texts] == [0, 0, 1]
    assert [scrubbing.scrub(river.node) for _ in texts] == [0, 0, 0]  # until the next day


def _texts_place(house: House) -> str:
    with house.node.store.read() as reading:
        return reading.cursor("scrub-texts").partition(" ")[2]


def test_what_is_kept_although_its_author_wants_it_gone_is_left_as_it_is(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, DEMO)
    text = spread_text(network, pact)
    river, harbour, _ = network.houses.values()
    erasing.hold(harbour.node, harbour.organisation, pact, text, "a court order")
    erasing.ask(river.node, river.actor, pact, text)
    network.settle()
    run_sql(harbour, "UPDATE blobs SET raw = CAST('{}' AS BLOB) WHERE digest = :text", text=text)
    later(network)
    assert scrubbing.scrub(harbour.node) == 0
    assert said(harbour) == "ok"
