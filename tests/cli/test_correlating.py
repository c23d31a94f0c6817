"""`allied item who-has`, `correlations` and `sightings`, from their arguments to what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Said, allied, bundle, found, indicator, pact

C2 = {"pattern": "[domain-name:value = 'c2.example']"}
SIGHTING = {
    "type": "sighting",
    "spec_version": "2.1",
    "id": "sighting--00000000-0000-4000-8000-000000000001",
    "created": "2026-03-02T09:00:00.000Z",
    "modified": "2026-03-02T09:00:00.000Z",
    "count": 3,
    "sighting_of_ref": indicator(1)["id"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that hosts both parties of a pact, with two items that name the same."""
    root = tmp_path_factory.mktemp("correlating")
    node = root / "node"
    found(node, "river", "River Bank plc")
    said = allied(
        "organisation", "add", "--id", "harbour", "--name", "Harbour Logistics SA",
        "--person", "kim", "--data", node,
    )  # fmt: skip
    assert said.status == 0, said.err
    text, objects = root / "pact.yaml", root / "items.json"
    text.write_text(pact())
    objects.write_bytes(bundle(indicator(1, **C2), indicator(2, **C2), indicator(3), SIGHTING))
    for each in (
        ("agreement", "propose", text, "-o", "river"),
        ("agreement", "sign", "river-harbour", "-o", "river"),
        ("agreement", "sign", "river-harbour", "-o", "harbour"),
        ("share", objects, "-a", "river-harbour", "-o", "river"),
    ):
        said = allied(*each, "--data", node)
        assert said.status == 0, said.err
    return node


def item(folder: Path, *arguments: object) -> Said:
    return allied("item", *arguments, "-o", "river", "--data", folder)


def test_who_has_a_value(folder: Path) -> None:
    said = item(folder, "who-has", "C2[.]example")
    assert said.status == 0
    assert said.out.splitlines()[0].split() == ["KIND", "VALUE", "PARTY", "ITEMS", "FIRST", "LAST"]
    assert said.out.splitlines()[1].split()[:4] == ["domain", "c2.example", "river", "2"]
    value = item(folder, "who-has", "c2.example", "--json").value
    (one,) = value["found"]
    assert (one["kind"], one["value"], one["capped"]) == ("domain", "c2.example", False)
    assert [each["item"] for each in one["mentions"]] == [indicator(2)["id"], indicator(1)["id"]]
    assert value["behind"] == 0


def test_nobody_has_it(folder: Path) -> None:
    said = item(folder, "who-has", "n9.example")
    assert (said.status, said.out) == (0, "")
    assert "Nobody names it" in said.err


def test_as_a_party_may_see_it(folder: Path) -> None:
    shown = item(
        folder, "who-has", "c2.example", "-a", "river-harbour", "--as", "harbour", "--json"
    )
    assert [each["items"] for each in shown.value["found"][0]["parties"]] == [2]
    said = item(folder, "who-has", "c2.example", "--as", "harbour", "--json")
    assert (said.status, said.code) == (2, "correlation.needs-agreement")


def test_what_other_items_name(folder: Path) -> None:
    said = item(folder, "correlations", indicator(1)["id"], "--json")
    (one,) = said.value["found"]
    assert [each["item"] for each in one["mentions"]] == [indicator(2)["id"]]
    assert "No other item" in item(folder, "correlations", indicator(3)["id"]).err
    assert "names no value" in item(folder, "correlations", SIGHTING["id"]).err
    assert item(folder, "correlations", "indicator--none").status == 3


def test_who_has_seen_a_value(folder: Path) -> None:
    said = item(folder, "sightings", "c2.example")
    lines = [line.split() for line in said.out.splitlines()]
    assert lines[1][:4] == ["c2.example", "all", "3", "1"]
    assert lines[2][:3] == ["river", "3", "1"]
    value = item(folder, "sightings", "c2.example", "--json").value
    assert [each["seen"] for each in value["found"]] == [3]
    assert "Nobody says" in item(folder, "sightings", "n3.example").err


def test_a_value_that_is_none(folder: Path) -> None:
    said = item(folder, "who-has", "x", "--kind", "md5", "--json")
    assert (said.status, said.code) == (2, "correlation.no-value")
