"""The life of an item from the command line: passed on, asked for, taken back, answered for."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from tests.cli.shell import Said, allied, bundle, indicator


def river(pair: Path, *words: object) -> Said:
    return allied("item", *words, "-o", "river", "--data", pair, "--json")


def harbour(pair: Path, *words: object) -> Said:
    return allied("item", *words, "-o", "harbour", "--data", pair, "--json")


def shared(pair: Path, folder: Path, number: int, **fields: object) -> str:
    """An indicator that River shared and Harbour has; its id."""
    one = indicator(number, **fields)
    file = folder / f"{number}.json"
    file.write_bytes(bundle(one))
    said = allied("share", file, "-a", "river-harbour", "-o", "river", "--data", pair)
    assert said.status == 0, said.err
    arrive(pair)
    return str(one["id"])


def arrive(pair: Path) -> None:
    """Everything is delivered, and receipted."""
    for _ in range(3):
        assert allied("sync", "--data", pair).status == 0


def test_what_may_go_to_somebody_outside_is_written_as_a_bundle(pair: Path, tmp_path: Path) -> None:
    name = shared(pair, tmp_path, 811)
    file = tmp_path / "for-insurer.json"
    over = ("hand-over", name, "--to", "our insurer")
    dry = harbour(pair, *over, "--encrypted", "--dry-run")
    assert (dry.status, dry.value["items"][0]["said"]["outcome"]) == (5, "ask-originator")
    assert harbour(pair, *over).code == "item.output"
    assert harbour(pair, *over, "--output", file).status == 5
    assert not list(tmp_path.glob("for-insurer*"))
    asked = harbour(pair, "ask", name, "--to", "our insurer", "--purpose", "a claim")
    arrive(pair)
    assert river(pair, "consent", asked.value["id"], "--yes").status == 0
    arrive(pair)
    assert harbour(pair, *over, "--output", file).status == 5  # others could read it
    said = harbour(pair, *over, "--encrypted", "--output", file)
    assert (said.status, said.value["items"][0]["said"]["permitted"]) == (0, True), said.err
    assert json.loads(file.read_bytes())["objects"][0]["id"] == name
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    unwritable = tmp_path / "nowhere" / "file.json"
    assert harbour(pair, *over, "--encrypted", "--output", unwritable).code == "export.file"


def test_an_originator_is_asked_and_a_person_consents(pair: Path, tmp_path: Path) -> None:
    name = shared(pair, tmp_path, 801)
    asked = harbour(pair, "ask", name, "--to", "our insurer", "--purpose", "a claim")
    assert asked.status == 0, asked.err
    assert asked.value["state"] == "awaited"
    arrive(pair)
    seen = next(each for each in river(pair, "requests").value if each["item"] == name)
    assert (seen["asked_by"], seen["to"], seen["purpose"]) == ("harbour", "our insurer", "a claim")
    assert river(pair, "consent", seen["id"]).code == "consent.answer"
    said = river(pair, "consent", seen["id"], "--yes")
    assert said.value["state"] == "consented"
    arrive(pair)
    told = next(each for each in harbour(pair, "requests").value if each["item"] == name)
    assert told["state"] == "consented"
    assert "consented" in allied("item", "requests", "-o", "harbour", "--data", pair).out
    taken = river(pair, "consent", seen["id"], "--no")
    assert taken.value["state"] in ("refused", "withdrawn")


def test_who_asks_says_what_for_and_what_is_ones_own_is_not_asked_for(
    pair: Path, tmp_path: Path
) -> None:
    name = shared(pair, tmp_path, 802)
    refused = harbour(pair, "ask", name, "--to", "our insurer", "--purpose", " ")
    assert (refused.status, refused.code) == (5, "exchange.no-purpose")
    own = river(pair, "ask", name, "--to", "our insurer", "--purpose", "a claim")
    assert own.status == 5
    assert river(pair, "consent", "0" * 12, "--yes").status == 3


def test_passing_on_says_no_where_there_is_nobody_to_pass_to(pair: Path, tmp_path: Path) -> None:
    name = shared(pair, tmp_path, 803)
    assert harbour(pair, "pass-on", name, "--to", "stranger").code == "exchange.not-a-party"
    assert harbour(pair, "pass-on", name, "--to", "river").code == "exchange.not-a-party"
    assert river(pair, "pass-on", name, "--to", "harbour").code == "item.own"


def test_a_recall_is_made_told_answered_and_shown(pair: Path, tmp_path: Path) -> None:
    name = shared(pair, tmp_path, 804)
    (before,) = river(pair, "receipts", name).value
    assert (before["party"], before["art"], before["recall"]) == ("harbour", "1", "")
    assert before["receipt_at"]
    words = ("recall", name, "-a", "river-harbour", "--why", "it names a customer")
    dry = river(pair, *words, "--dry-run")
    assert [each["party"] for each in dry.value["holders"]] == ["harbour"]
    assert harbour(pair, "show", name).status == 0
    assert river(pair, *words).status == 0
    arrive(pair)
    assert harbour(pair, "show", name).status == 3
    assert river(pair, "receipts", name).value[0]["recall"] == "owed"
    assert harbour(pair, "answer-recall", name).code == "recall.answer"
    both = harbour(pair, "answer-recall", name, "--deleted", "--kept", "a court order")
    assert both.code == "recall.answer"
    assert harbour(pair, "answer-recall", name, "--deleted").status == 0
    arrive(pair)
    (after,) = river(pair, "receipts", name).value
    assert after["recall"] == "deleted"
    ours = next(each for each in river(pair, "recalls").value if each["item"] == name)
    assert [each["state"] for each in ours["holders"]] == ["deleted"]
    assert "deleted" in allied("item", "recalls", "-o", "river", "--data", pair).out


@pytest.mark.parametrize(
    ("words", "status"),
    [
        pytest.param(("recall", "ITEM", "-a", "river-harbour", "--why", "x"), 5, id="not ours"),
        pytest.param(("recall", "indicator--none", "-a", "river-harbour", "--why", "x"), 3,
                     id="unknown"),
        pytest.param(("receipts", "indicator--none"), 3, id="receipts of what is not here"),
        pytest.param(("answer-recall", "ITEM", "--deleted"), 3, id="nobody recalled it"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_back_or_answered(
    pair: Path, tmp_path: Path, words: tuple[str, ...], status: int
) -> None:
    name = shared(pair, tmp_path, 805)
    given = [name if each == "ITEM" else each for each in words]
    assert harbour(pair, *given).status == status


def test_what_is_said_beside_an_item_is_shown_and_taken_back(pair: Path, tmp_path: Path) -> None:
    name = shared(pair, tmp_path, 806)
    assert harbour(pair, "note", name, "asked the port", "-p", "lee").status == 0
    assert harbour(pair, "tag", name, "terminal", "zebra").status == 0
    assert harbour(pair, "false-positive", name, "--why", "our scanner").status == 0
    shown = harbour(pair, "show", name).value
    assert [(each["kind"], each["text"]) for each in shown["remarks"]] == [
        ("note", "asked the port"),
        ("tag", "terminal"),
        ("tag", "zebra"),
        ("false-positive", "our scanner"),
    ]
    plain = allied("item", "show", name, "-o", "harbour", "--data", pair).out
    assert "asked the port" in plain
    assert "deleted" in plain  # two years from now, by Art 1
    assert [each["item"] for each in harbour(pair, "remarks", "--tag", "zebra").value] == [name]
    assert river(pair, "show", name).value["remarks"] == []
    assert harbour(pair, "untag", name, "zebra").status == 0
    assert harbour(pair, "untag", name, "zebra").status == 3
    assert harbour(pair, "false-positive", name, "--undo").status == 0
    assert [each["kind"] for each in harbour(pair, "remarks", name).value] == ["note", "tag"]
    assert harbour(pair, "note", name, " ").status == 2


def test_a_sweep_says_that_nothing_has_ended_yet_and_until_when_it_is_kept(
    pair: Path, tmp_path: Path
) -> None:
    name = shared(pair, tmp_path, 807)
    ends = harbour(pair, "show", name).value["ends"]
    assert (ends["art"], ends["why"], ends["erased"]) == ("1", "exchange.retention", True)
    for words in ((), ("--dry-run",)):
        said = allied("item", "sweep", *words, "--data", pair, "--json")
        assert (said.status, said.value) == (0, [])
    assert "Nothing" in allied("item", "sweep", "--data", pair).err
