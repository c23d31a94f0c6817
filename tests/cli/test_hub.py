"""A secretariat's desk on the command line: submitted without a name, read, edited, released."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Said, allied, bundle, found, indicator
from tests.node.centre import CENTRE, MEMBERS, NAMES


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that hosts the secretariat and all members, with the terms in force."""
    root = tmp_path_factory.mktemp("centre")
    folder = root / "node"
    found(folder, "hub", NAMES["hub"])
    for label in MEMBERS:
        more = ("--id", label, "--name", NAMES[label], "--person", "lee")
        assert allied("organisation", "add", *more, "--data", folder).status == 0
    text = root / "centre.yaml"
    text.write_bytes(CENTRE)
    assert allied("agreement", "propose", text, "-o", "hub", "--data", folder).status == 0
    for label in NAMES:
        signed = allied("agreement", "sign", "centre", "-o", label, "--data", folder)
        assert signed.status == 0, signed.err
    return folder


def submitted(house: Path, tmp_path: Path, number: int, *more: str, **fields: object) -> Said:
    file = tmp_path / "bundle.json"
    file.write_bytes(bundle(indicator(number, **fields)))
    return allied(
        "share", file, "-a", "centre", "-o", "alder", "--anonymously", "--data", house, *more
    )


def test_a_submission_is_read_edited_and_released(house: Path, tmp_path: Path) -> None:
    here = ("-o", "hub", "--data", house)
    name = "Beacon on a proxy of Alder Works"
    said = submitted(house, tmp_path, 1, "--json", name=name)
    assert said.status == 0
    (recipient,) = said.value["objects"][0]["recipients"]
    assert (recipient["party"], recipient["permitted"]) == ("hub", True)
    assert allied("sync", "--data", house).status == 0
    ((waiting),) = allied("hub", "list", *here, "--json").value
    assert (waiting["submitter"], waiting["state"]) == ("alder", "review")
    shown = allied("hub", "review", waiting["id"], *here)
    assert name in shown.out
    assert "TRACE" in shown.out
    (new,) = allied("hub", "review", waiting["id"], *here, "--json").value["objects"]
    refused = allied("hub", "release", waiting["id"], *here, "--json")
    assert (refused.status, refused.code) == (5, "hub.names-submitter")
    for both in ((), ("--text", "x", "--drop")):
        assert allied("hub", "edit", waiting["id"], new["id"], "name", *both, *here).status == 2
    edited = allied("hub", "edit", waiting["id"], new["id"], "name", "--text", "Beacon", *here)
    assert edited.status == 0
    assert "TRACE" not in edited.out
    released = allied("hub", "release", waiting["id"], *here, "--json").value
    assert (released["state"], released["decided_by"]) == ("ready", "kim")
    assert released["due_at"].endswith(":00:00Z")
    assert waiting["id"] in allied("hub", "list", *here).out


def test_a_submission_can_be_rejected(house: Path, tmp_path: Path) -> None:
    here = ("-o", "hub", "--data", house)
    submitted(house, tmp_path, 2, name="Nothing")
    allied("sync", "--data", house)
    (name,) = [
        each["id"]
        for each in allied("hub", "list", *here, "--json").value
        if each["state"] == "review"
    ]
    assert "rejected" in allied("hub", "reject", name, *here).err
    states = {each["id"]: each["state"] for each in
              allied("hub", "list", "--all", *here, "--json").value}  # fmt: skip
    assert states[name] == "rejected"
    again = allied("hub", "reject", name, *here, "--json")
    assert again.code == "hub.decided"


def test_what_the_secretariat_would_hold_back_is_not_sent(house: Path, tmp_path: Path) -> None:
    said = submitted(house, tmp_path, 3, "--to", "birch", "--json")
    assert (said.status, said.code) == (5, "hub.group-too-small")


def test_nobody_hides_the_sender_where_no_clause_says_so(pair: Path, tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(bundle(indicator(900)))
    shared = ("share", file, "-a", "river-harbour", "-o", "river", "--data", pair, "--dry-run")
    assert allied(*shared).status == 0  # the twin
    said = allied(*shared, "--anonymously", "--json")
    assert (said.status, said.code) == (5, "hub.no-clause")


def test_being_named_takes_a_yes_or_a_no(house: Path, tmp_path: Path) -> None:
    here = ("-a", "centre", "-o", "alder", "--data", house)
    submitted(house, tmp_path, 4)
    item = indicator(4)["id"]
    assert allied("item", "name-us", item, *here).status == 2
    assert "may name us" in allied("item", "name-us", item, "--yes", *here).err
    (said,) = allied("item", "name-us", item, "--no", *here, "--json").value
    assert (said["says"], said["hub"]) == ("no", "hub")
