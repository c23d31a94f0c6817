"""`allied item compare` and `bundle`, from their arguments to what they say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.shell import allied, bundle, found, indicator, pact

NEW = "2026-03-03T09:00:00.000Z"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that hosts both parties of a pact and has shared a first release."""
    root = tmp_path_factory.mktemp("datasets")
    node, text, first = root / "node", root / "pact.yaml", root / "first.json"
    found(node, "river", "River Bank plc")
    text.write_text(pact())
    first.write_bytes(bundle(*(indicator(n) for n in range(1, 6))))
    for each in (
        ("organisation", "add", "--id", "harbour", "--name", "H SA", "--person", "kim"),
        ("agreement", "propose", text, "-o", "river"),
        ("agreement", "sign", "river-harbour", "-o", "river"),
        ("agreement", "sign", "river-harbour", "-o", "harbour"),
        ("share", first, "-a", "river-harbour", "-o", "river"),
    ):
        said = allied(*each, "--data", node)
        assert said.status == 0, said.err
    return node


def compared(folder: Path, raw: bytes, *more: str) -> tuple[int, str, str]:
    file = folder.parent / "second.json"
    file.write_bytes(raw)
    said = allied(
        "item", "compare", file, "-a", "river-harbour", "-o", "river", "--data", folder, *more
    )
    return said.status, said.out, said.err


def test_a_release_is_told_object_by_object(folder: Path) -> None:
    second = bundle(
        indicator(1),
        indicator(2, modified=NEW, name="Renamed"),
        indicator(3, modified=NEW, revoked=True),
        indicator(9),
    )
    status, out, _ = compared(folder, second, "--json")
    assert status == 0
    value = json.loads(out)
    told = {(each["change"], each["id"]) for each in value["differences"]}
    assert told == {
        ("changed", indicator(2)["id"]),
        ("revoked", indicator(3)["id"]),
        ("added", indicator(9)["id"]),
        ("gone", indicator(4)["id"]),
        ("gone", indicator(5)["id"]),
    }
    counts = {change: n for change, n in value["compared"]["counts"].items() if n}
    assert counts == {"added": 1, "changed": 1, "revoked": 1, "unchanged": 1, "gone": 2}
    status, out, _ = compared(folder, second)
    assert status == 0
    assert [line.split()[:2] for line in out.splitlines()[:2]] == [
        ["CHANGE", "OBJECTS"],
        ["added", "1"],
    ]
    assert "modified, name" in out


@pytest.mark.parametrize(
    ("objects", "status"),
    [
        pytest.param((indicator(1), indicator(2)), 0, id="as before"),
        pytest.param((indicator(1, name="Other"),), 8, id="the same version with other content"),
        pytest.param((indicator(1), {"type": "indicator"}), 8, id="no valid object"),
    ],
)
def test_what_contradicts_or_is_invalid_shows_in_the_exit_status(
    folder: Path, objects: tuple[object, ...], status: int
) -> None:
    assert compared(folder, bundle(*objects))[0] == status


def test_a_bundle_of_stix_2_0_is_refused(folder: Path) -> None:
    raw = json.dumps(json.loads(bundle(indicator(1))) | {"spec_version": "2.0"}).encode()
    status, out, _ = compared(folder, raw, "--json")
    assert (status, json.loads(out)["error"]["code"]) == (1, "stix.version")


def test_what_is_held_is_written_as_a_bundle(folder: Path) -> None:
    said = allied("item", "bundle", "-a", "river-harbour", "--own", "-o", "river", "--data", folder)
    assert said.status == 0
    assert json.loads(said.out)["objects"] == [indicator(n) for n in range(1, 6)]
    none = allied(
        "item", "bundle", "-a", "river-harbour", "--type", "malware", "-o", "river",
        "--data", folder,
    )  # fmt: skip
    assert "objects" not in json.loads(none.out)
    refused = allied("item", "bundle", "-a", "another", "-o", "river", "--data", folder, "--json")
    assert (refused.status, refused.code) == (3, "agreement.unknown")
