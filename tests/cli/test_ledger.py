"""`allied ledger`: who got what, proofs and exports as files, checked with and without a node."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.cli.shell import Said, allied, bundle, indicator


@pytest.fixture(scope="module")
def told(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """River has shared with Harbour, both hosted here, and has committed to it."""
    folder = tmp_path_factory.mktemp("told") / "node"
    shutil.copytree(founded, folder)
    file = folder.parent / "intel.json"
    file.write_bytes(bundle(indicator(1), indicator(2)))
    said = allied(
        "share", file, "-a", "river-harbour", "--tlp", "GREEN", "-o", "river", "--data", folder
    )
    assert said.status == 0, said.err
    assert allied("sync", "--data", folder).status == 0
    said = allied("ledger", "commit", "-o", "river", "--data", folder, "--json")
    assert said.value == {"commitments": 1}, said.err
    return folder


def river(told: Path, *arguments: object) -> Said:
    return allied("ledger", *arguments, "-o", "river", "--data", told)


def released(told: Path) -> dict[str, object]:
    (row,) = river(told, "list", "--outcome", "released", "--json").value
    return dict(row)


def test_the_list_says_who_got_an_object_since_when_and_under_which_clause(told: Path) -> None:
    name = json.loads(bundle(indicator(1)))["objects"][0]["id"]
    about = river(told, "list", "--item", name, "--json").value
    assert [(row["outcome"], row["recipient"]) for row in about] == [
        ("permitted", "harbour"),
        ("released", "harbour"),
    ]
    last = about[-1]
    assert last["art"] == "1"
    assert last["receipt_at"] is not None
    assert last["number"] == 1
    assert river(told, "list", "--item", name, "--to", "river", "--json").value == []
    assert river(told, "list", "--item", "indicator--" + "0" * 36, "--json").status == 3
    assert river(told, "list", "--outcome", "eaten", "--json").code == "ledger.outcome"
    assert "receipt" in river(told, "list").out


def test_a_row_is_shown_with_its_root(told: Path) -> None:
    row = released(told)
    said = river(told, "show", row["seq"])
    assert said.status == 0
    assert str(row["hash"]) in said.out
    assert river(told, "show", 999, "--json").code == "ledger.no-such-row"


def test_a_proof_is_checked_where_no_node_is(told: Path, tmp_path: Path) -> None:
    file = tmp_path / "release.proof"
    made = river(told, "prove", released(told)["seq"], "--output", file, "--json")
    assert made.status == 0, made.err
    nowhere = tmp_path / "no-node-here"
    said = allied("ledger", "verify", file, "--data", nowhere, "--json")
    assert said.status == 0, said.err
    ((one,),) = (said.value,)
    assert one["verified"] == made.value["verified"]
    assert one["verified"]["row"]["recipient"] == "harbour"
    assert one["verified"]["receipt_name"] == "Harbour Logistics SA"
    assert not nowhere.exists()
    fingerprint = one["verified"]["fingerprint"]
    assert allied("ledger", "verify", file, "--fingerprint", fingerprint).status == 0
    wrong = allied("ledger", "verify", file, "--fingerprint", "AAAA-" + fingerprint[5:], "--json")
    assert (wrong.status, wrong.code) == (7, "ledger.other-keeper")
    assert river(told, "verify", file, "--held").status == 0
    assert file.stat().st_mode & 0o077 == 0


def other_party(raw: bytes) -> bytes:
    return raw.replace(b"harbour", b"nobody1")


@pytest.mark.parametrize(
    ("spoil", "status", "code"),
    [
        pytest.param(other_party, 7, "ledger.not-in-root", id="changed"),
        pytest.param(lambda raw: raw[:-9], 7, "ledger.damaged", id="cut off"),
        pytest.param(lambda raw: raw + b" " * 2**23, 1, "ledger.too-large", id="too large"),
        pytest.param(lambda _: b'{"type": "bundle"}', 1, "ledger.not-a-proof", id="foreign"),
    ],
)  # fmt: skip
def test_a_spoilt_file_is_refused_by_its_code(
    told: Path, tmp_path: Path, spoil: object, status: int, code: str
) -> None:
    file = tmp_path / "spoilt"
    river(told, "prove", released(told)["seq"], "--output", file)
    assert allied("ledger", "verify", file).status == 0
    file.write_bytes(spoil(file.read_bytes()))  # type: ignore[operator]
    said = allied("ledger", "verify", file, "--json")
    assert (said.status, said.code) == (status, code)


def test_an_export_is_checked_and_may_be_narrowed(told: Path, tmp_path: Path) -> None:
    whole, one = tmp_path / "whole", tmp_path / "one"
    assert river(told, "export", "--output", whole).status == 0
    assert river(told, "export", "-a", "river-harbour", "--output", one).status == 0
    said = allied("ledger", "verify", whole, one, "--json")
    assert said.status == 0, said.err
    kinds = [(each["verified"]["kind"], each["verified"]["roots"]) for each in said.value]
    assert kinds == [("export", 1), ("export", 1)]
    assert river(told, "verify", whole, one, "--held").status == 0
    assert "rows under 1 roots" in allied("ledger", "verify", one).out
    missing = allied("ledger", "verify", tmp_path / "missing", "--json")
    assert (missing.status, missing.code) == (2, "file.missing")


def test_the_own_ledger_and_those_of_partners(told: Path) -> None:
    own = river(told, "verify", "--json")
    assert own.status == 0
    assert own.value["roots"] == 1
    harbour = allied("ledger", "witnessed", "-o", "harbour", "--data", told, "--json")
    assert harbour.status == 0
    assert [(each["keeper"], each["roots"], each["troubles"]) for each in harbour.value] == [
        ("river", 1, [])
    ]
    assert "river" in allied("ledger", "witnessed", "-o", "harbour", "--data", told).out
    assert river(told, "verify", "--held", "--json").code == "ledger.no-file"
    again = allied("ledger", "commit", "-o", "river", "--data", told, "--json")
    assert again.value == {"commitments": 0}
