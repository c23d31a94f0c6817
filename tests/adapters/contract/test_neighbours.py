"""What is kept of TAXII servers of others: each by its id, and what came from it or went to it."""

from __future__ import annotations

from dataclasses import replace

from allied.node.neighbour_rows import PULLED, PUSHED, Carried, Neighbour
from allied.node.ports import Store
from tests.adapters.contract import rows
from tests.adapters.contract.rows import HARBOUR, PACT, RIVER


def neighbour(word: str, **changed: object) -> Neighbour:
    made = Neighbour(
        id=word,
        organisation=RIVER,
        label=f"the {word}",
        url="https://taxii.example",
        path="/api1/collections/x/",
        agreement=PACT,
        pulls=True,
        to="harbour",
        tlp="GREEN",
        party="",
        user="kim",
        secret_file="/etc/secret",
        allowed_private=False,
        every_seconds=300,
        added_at=rows.at(0),
    )
    return replace(made, **changed)  # type: ignore[arg-type]


def carried(word: str, item: str, version: str = "1", way: str = PULLED) -> Carried:
    return Carried(word, way, item, version, rows.at(1))


def test_a_neighbour_is_replaced_by_its_id_and_forgotten_with_all_it_asserted(
    store: Store,
) -> None:
    first, second = neighbour("b"), neighbour("a", organisation=HARBOUR)
    with store.write() as writing:
        writing.put_neighbour(first)
        writing.put_neighbour(second)
        writing.put_carried([carried("b", "x")])
        moved = replace(first, label="Zebra", seen_at=rows.at(7), failures=3, following="next")
        writing.put_neighbour(moved)
    with store.read() as reading:
        assert list(reading.neighbours()) == [moved, second]  # capitals first, on every database
        assert list(reading.neighbours(RIVER)) == [moved]
    with store.write() as writing:
        assert writing.drop_neighbour("b")
        assert not writing.drop_neighbour("b")
    with store.read() as reading:
        assert list(reading.neighbours()) == [second]
        assert list(reading.carried("b", PULLED)) == []


def test_what_was_carried_is_read_page_by_page_in_one_order(store: Store) -> None:
    names = [("a", "1"), ("a", "2"), ("B", "1"), ("é", "1"), ("b", "1")]
    with store.write() as writing:
        writing.put_neighbour(neighbour("n"))
        writing.put_carried([carried("n", *each) for each in names])
        writing.put_carried([carried("n", "a"), carried("n", "a", way=PUSHED)])  # one known
        writing.put_carried([])
    seen: list[tuple[str, str]] = []
    with store.read() as reading:
        while page := reading.carried("n", PULLED, after=seen[-1] if seen else ("", ""), limit=2):
            seen += [(each.item, each.version) for each in page]
        assert len(reading.carried("n", PUSHED)) == 1
        assert len(reading.carried("n", PULLED, items=["a", "nothing"])) == 2
    assert seen == sorted(names)


def test_who_asserts_an_object_is_asked_under_one_agreement(store: Store) -> None:
    with store.write() as writing:
        for word in ("one", "two"):
            writing.put_neighbour(neighbour(word))
            writing.put_carried([carried(word, "x"), carried(word, "x", way=PUSHED)])
        writing.put_carried([carried("one", "x", "2"), carried("one", "y")])
        writing.put_neighbour(neighbour("theirs", organisation=HARBOUR))
        writing.put_carried([carried("theirs", "x")])
    with store.read() as reading:
        assert reading.asserters(RIVER, PACT, ["x"]) == {
            ("x", "1"): {"one", "two"},
            ("x", "2"): {"one"},
        }
    with store.write() as writing:
        writing.drop_carried("one", PULLED, [("x", "1"), ("x", "9")])
        assert writing.asserters(RIVER, PACT, ["x"])["x", "1"] == {"two"}
        writing.disown(RIVER, PACT, ["x"])
    with store.read() as reading:
        assert set(reading.asserters(RIVER, PACT, ["x", "y"])) == {("y", "1")}
        assert reading.asserters(HARBOUR, PACT, ["x"]) == {("x", "1"): {"theirs"}}
        assert len(reading.carried("one", PUSHED)) == 1
