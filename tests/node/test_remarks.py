"""What is said here beside items: it survives every update, and never leaves the node."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.errors import AlliedError, UsageError
from allied.node import items, recalls, remarks
from allied.node.messages import ItemsQuestion
from allied.node.node import Node
from allied.node.release import page
from allied.node.rows import Organisation
from allied.record.ids import AgreementId
from tests.exchange.samples import indicator, tlp
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, allied, held, share
from tests.node.network import House, Network

SOURCE = Path(__file__).parents[2] / "src" / "allied"
MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
REPORT = indicator(
    1,
    object_marking_refs=tlp(Tlp.AMBER),
    labels=["seen-at-port", "terminal"],
    external_references=[{"source_name": "first", "description": "our own"}],
)
NAME = str(REPORT["id"])


@pytest.fixture
def network(tmp_path: Path) -> tuple[Network, str]:
    """River's indicator is with everybody."""
    made, pact = allied(tmp_path, MEMBERS)
    share(made.houses[RIVER], pact, REPORT)
    made.settle()
    return made, pact


@pytest.fixture(scope="module")
def holder(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Somebody who has River's indicator."""
    made, pact = allied(tmp_path_factory.mktemp("holder"), MEMBERS)
    share(made.houses[RIVER], pact, REPORT)
    made.settle()
    return made.houses[HARBOUR]


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def said(house: House, name: str = NAME) -> list[tuple[str, str]]:
    found = remarks.list_remarks(house.node, house.organisation, name)
    return [(each.kind, each.text) for each in found]


def remarked(house: House) -> list[tuple[str, str]]:
    """A note, two tags and a false alarm on the indicator."""
    node, own = house.node, house.organisation
    remarks.note(node, own, NAME, "  asked the port\nno answer yet ", person="kim")
    remarks.tag(node, own, NAME, ["zebracrossing", "port"], person="kim")
    remarks.false_positive(node, own, NAME, "our own scanner")
    return said(house)


def test_remarks_are_made_listed_and_taken_back(network: tuple[Network, str]) -> None:
    harbour = network[0].houses[HARBOUR]
    node, own = harbour.node, harbour.organisation
    assert remarked(harbour) == [
        ("note", "asked the port\nno answer yet"),
        ("tag", "zebracrossing"),
        ("tag", "port"),
        ("false-positive", "our own scanner"),
    ]
    remarks.tag(node, own, NAME, ["port"])  # the same is said once
    assert len(said(harbour)) == 4
    (first, *_) = remarks.list_remarks(node, own, kind="note")
    assert (first.item, first.person) == (NAME, "kim")
    assert [each.text for each in remarks.list_remarks(node, own, kind="tag", text="port")] == [
        "port"
    ]
    remarks.untag(node, own, NAME, ["port"])
    remarks.true_positive(node, own, NAME)
    assert [kind for kind, _ in said(harbour)] == ["note", "tag"]
    refused("remark.unknown", lambda: remarks.untag(node, own, NAME, ["port"]))
    refused("remark.unknown", lambda: remarks.true_positive(node, own, NAME))


def test_remarks_survive_a_new_version_a_recall_and_go_to_every_version(
    network: tuple[Network, str],
) -> None:
    houses, pact = network
    river, harbour = houses.houses[RIVER], houses.houses[HARBOUR]
    before = remarked(harbour)
    newer = REPORT | {"modified": "2026-11-22T00:00:00.000Z", "name": "corrected"}
    share(river, pact, newer)
    houses.settle()
    assert items.show(harbour.node, harbour.organisation, NAME).item.name == "corrected"
    assert said(harbour) == before
    recalls.recall(river.node, river.actor, NAME, pact, "wrong")
    houses.settle()
    assert NAME not in held(harbour, pact)
    assert said(harbour) == before
    remarks.note(harbour.node, harbour.organisation, NAME, "recalled; told the plant")
    assert len(said(harbour)) == 5


def test_what_a_new_version_leaves_out_is_gone_and_nothing_is_joined(
    network: tuple[Network, str],
) -> None:
    """MISP#2223: a withdrawn tag disappears; so do references, and nothing of before comes back."""
    houses, pact = network
    river = houses.houses[RIVER]
    newer = REPORT | {"modified": "2026-11-22T00:00:00.000Z", "labels": ["terminal"]}
    del newer["external_references"]
    remarked(houses.houses[HARBOUR])
    share(river, pact, newer)
    houses.settle()
    whole = items.show(river.node, river.organisation, NAME).raw
    assert b"seen-at-port" not in whole
    for house in houses.houses.values():
        found = items.show(house.node, house.organisation, NAME)
        assert found.raw == whole
    assert b"zebracrossing" not in whole


def test_nothing_that_leaves_a_node_holds_a_remark(network: tuple[Network, str]) -> None:
    houses, pact = network
    harbour, northgate = houses.houses[HARBOUR], houses.houses[NORTHGATE]
    remarked(harbour)
    share(harbour, pact, indicator(2, object_marking_refs=tlp(Tlp.AMBER)))
    question = ItemsQuestion(AgreementId(pact))
    sent = page(harbour.node, northgate.organisation.id, harbour.organisation.id, question)
    assert b"indicator--" in sent
    assert b"zebracrossing" not in sent
    houses.settle()
    with harbour.node.store.read() as reading:
        records = b"".join(each.raw for each in reading.records(AgreementId(pact)))
    assert b"zebracrossing" not in records
    assert said(northgate) == []
    assert said(houses.houses[RIVER]) == []


@pytest.mark.parametrize(
    ("code", "call"),
    [
        pytest.param(
            "remark.empty", lambda node, own: remarks.note(node, own, NAME, "  "), id="no words"
        ),
        pytest.param(
            "remark.empty", lambda node, own: remarks.tag(node, own, NAME, [""]), id="no tag"
        ),
        pytest.param(
            "remark.too-long",
            lambda node, own: remarks.note(node, own, NAME, "x" * 4_001),
            id="long note",
        ),
        pytest.param(
            "remark.too-long",
            lambda node, own: remarks.tag(node, own, NAME, ["x" * 101]),
            id="long tag",
        ),
        pytest.param(
            "remark.control",
            lambda node, own: remarks.tag(node, own, NAME, ["a\x1b[2J"]),
            id="escapes",
        ),
        pytest.param(
            "remark.control",
            lambda node, own: remarks.note(node, own, NAME, "a\x00"),
            id="nothing at all",
        ),
        pytest.param(
            "item.unknown",
            lambda node, own: remarks.note(node, own, "indicator--none", "x"),
            id="unknown",
        ),
        pytest.param(
            "item.unknown", lambda node, own: remarks.note(node, own, "999", "x"), id="a number"
        ),
    ],
)
def test_what_cannot_be_said(
    holder: House, code: str, call: Callable[[Node, Organisation], object]
) -> None:
    before = said(holder)
    refused(code, lambda: call(holder.node, holder.organisation))
    assert said(holder) == before


def test_what_just_can_be_said(holder: House) -> None:
    remarks.note(holder.node, holder.organisation, NAME, "x" * 4_000)
    remarks.tag(holder.node, holder.organisation, NAME, ["x" * 100])
    assert [len(text) for _, text in said(holder)] == [4_000, 100]


def test_there_is_an_end_to_remarks(
    network: tuple[Network, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remarks, "MOST", 3)
    harbour = network[0].houses[HARBOUR]
    remarks.tag(harbour.node, harbour.organisation, NAME, ["a", "b", "c"])
    refused("remark.too-many", lambda: remarks.tag(harbour.node, harbour.organisation, NAME, ["d"]))
    remarks.untag(harbour.node, harbour.organisation, NAME, ["a"])
    remarks.tag(harbour.node, harbour.organisation, NAME, ["d"])


def test_a_correction_is_shown_beside_what_is_public(network: tuple[Network, str]) -> None:
    houses, pact = network
    river, harbour = houses.houses[RIVER], houses.houses[HARBOUR]
    public = indicator(3, object_marking_refs=tlp(Tlp.CLEAR))
    share(river, pact, public)
    houses.settle()
    name = str(public["id"])
    assert said(harbour, name) == []
    recalls.recall(river.node, river.actor, name, pact, "it is a content network")
    houses.settle()
    assert said(harbour, name) == [("correction", "it is a content network")]
    assert name in held(harbour, pact)


MAY_READ_REMARKS = {
    "node/remarks.py": "the use case itself: an organisation looking at its own",
    "node/provenance.py": "what was made here from an item, for recalls of it; ids only",
    "node/feeds.py": "which objects its own lists leave out; ids only",
    "adapters/sql/reading.py": "the store answering the port",
}


def test_nobody_else_reads_remarks() -> None:
    found = {
        str(file.relative_to(SOURCE))
        for file in SOURCE.rglob("*.py")
        for each in ast.walk(ast.parse(file.read_text()))
        if isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and each.func.attr in ("remarks", "find_remarks")
    }
    assert found == MAY_READ_REMARKS.keys()


@given(st.text(max_size=120))
def test_whatever_is_tagged_is_refused_or_stands_as_it_is(text: str) -> None:
    try:
        kept = remarks._checked(remarks.TAG, text)
    except UsageError:
        assert not text.strip() or len(text.strip()) > 100 or not text.strip().isprintable()
    else:
        assert kept == text.strip()
        assert kept.isprintable()
