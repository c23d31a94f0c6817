"""What `allied share` makes of files: good, bad and hostile ones."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from tests.cli.shell import Said, allied, bundle, indicator


def _share(pair: Path, file: Path, *more: object) -> Said:
    return allied("share", file, "-a", "river-harbour", "-o", "river", "--data", pair, *more)


def _write(folder: Path, raw: bytes, name: str = "bundle.json") -> Path:
    file = folder / name
    file.write_bytes(raw)
    return file


def test_a_dry_run_shows_the_decision_and_changes_nothing(pair: Path, tmp_path: Path) -> None:
    file = _write(tmp_path, bundle(indicator(101)))
    said = _share(pair, file, "--dry-run", "--json")
    assert said.status == 0
    (decision,) = said.value["objects"]
    (recipient,) = decision["recipients"]
    assert (recipient["party"], recipient["permitted"], recipient["art"]) == ("harbour", True, "1")
    listed = allied("item", "list", "-o", "river", "--data", pair, "--json").value["items"]
    assert decision["id"] not in [each["id"] for each in listed]


def test_a_dry_run_says_what_would_change_a_refusal(pair: Path, tmp_path: Path) -> None:
    file = _write(tmp_path, bundle(indicator(111)))
    refused = _share(pair, file, "--dry-run", "--to", "river")
    assert refused.status == 5
    change = "let the originator name the recipient"
    assert f"exchange.not-in-audience; what would change it: {change}" in refused.err
    told = _share(pair, file, "--dry-run", "--to", "river", "--json").value["objects"]
    assert told[0]["recipients"][0]["would_change"] == [change]
    permitted = _share(pair, file, "--dry-run")  # the twin
    assert (permitted.status, "what would change it" in permitted.err) == (0, False)


def test_gzip_is_read_as_what_it_holds_and_the_bytes_stay_exact(pair: Path, tmp_path: Path) -> None:
    plain = indicator(102)
    file = _write(tmp_path, gzip.compress(bundle(plain)), "bundle.json.gz")
    assert _share(pair, file).status == 0
    raw = allied("item", "show", plain["id"], "--raw", "-o", "river", "--data", pair).out
    assert raw == json.dumps(plain)


def test_what_is_invalid_is_named_and_the_rest_goes_on(pair: Path, tmp_path: Path) -> None:
    broken = indicator(103)
    del broken["pattern"]
    file = _write(tmp_path, bundle(broken, indicator(104)))
    said = _share(pair, file)
    assert said.status == 8
    assert str(broken["id"]) in said.err
    held = allied("item", "show", indicator(104)["id"], "-o", "river", "--data", pair)
    assert held.status == 0


def test_one_id_with_two_contents_is_refused_and_the_first_stands(
    pair: Path, tmp_path: Path
) -> None:
    first = _write(tmp_path, bundle(indicator(105)))
    other = _write(tmp_path, bundle(indicator(105, name="Another")), "other.json")
    assert _share(pair, first).status == 0
    said = _share(pair, other, "--json")
    assert said.status == 8
    assert said.value["shares"][0]["contradicting"] == 1
    shown = allied("item", "show", indicator(105)["id"], "-o", "river", "--data", pair, "--json")
    assert json.loads(shown.value["raw"])["name"] == "Indicator 105"


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(bundle(indicator(110))[:-40], id="truncated JSON"),
        pytest.param(b'{"type":"bundle","objects":[' + b"[" * 5000, id="deep nesting"),
        pytest.param('{"type":"bundle","objects":["gr\u00fcn"]}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b'{"type":"bundle","objects":["\xff\xfe"]}', id="not UTF-8"),
        pytest.param(b"", id="an empty file"),
        pytest.param(b"\x00" * 4096, id="zeros"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"type":"grouping"}', id="no bundle"),
        pytest.param(gzip.compress(bundle(indicator(111)))[:-9], id="truncated gzip"),
        pytest.param(
            json.dumps(
                {
                    "type": "bundle",
                    "id": "bundle--1",
                    "spec_version": "2.0",
                    "objects": [{k: v for k, v in indicator(112).items() if k != "spec_version"}],
                }
            ).encode(),
            id="STIX 2.0",
        ),
    ],
)
def test_a_file_that_is_no_bundle_is_refused_with_a_code(
    pair: Path, tmp_path: Path, raw: bytes
) -> None:
    said = _share(pair, _write(tmp_path, raw), "--json")
    assert said.status in {1, 8}
    value = said.value
    if said.status == 1:
        assert "." in value["error"]["code"]
        assert value["error"]["code"] != "internal"
    else:
        (share,) = value["shares"]
        assert share["invalid"] or share["broken"]


def test_a_bundle_past_the_limit_is_refused(pair: Path, tmp_path: Path) -> None:
    file = _write(tmp_path, bundle(*(indicator(120 + n) for n in range(10))))
    said = _share(pair, file, "--max-bytes", "1000", "--json")
    assert said.status in {1, 8}
    assert "internal" not in said.out
    assert _share(pair, file, "--max-bytes", "1000000").status == 0


def test_gzip_that_unpacks_past_the_limit_is_refused(pair: Path, tmp_path: Path) -> None:
    file = _write(tmp_path, gzip.compress(b" " * 5_000_000), "bomb.json.gz")
    said = _share(pair, file, "--max-bytes", "1000000", "--json")
    assert said.status in {1, 8}
    assert "internal" not in said.out


@pytest.mark.parametrize(
    ("more", "code"),
    [
        pytest.param(["--tlp", "PINK"], 2, id="no such TLP"),
        pytest.param(["--tlp", "RED"], 2, id="RED names nobody"),
        pytest.param(["--to", "mars"], 2, id="no such party"),
    ],
)
def test_a_wish_that_cannot_be_meant_is_refused(
    pair: Path, tmp_path: Path, more: list[str], code: int
) -> None:
    said = _share(pair, _write(tmp_path, bundle(indicator(140))), *more, "--json")
    assert said.status == code
    assert said.code


def test_a_text_that_is_too_large_is_refused_before_it_is_read(tmp_path: Path) -> None:
    file = _write(tmp_path, b"#" * (2 * 2**20 + 1), "pact.yaml")
    said = allied("agreement", "explain", file, "--json")
    assert (said.status, said.code) == (1, "file.too-large")


def test_a_file_that_is_missing_is_said_so(lone: Path, tmp_path: Path) -> None:
    said = allied("incident", "report", tmp_path / "none.yaml", "--data", lone, "--json")
    assert (said.status, said.code) == (2, "file.missing")


def test_what_is_about_people_waits_for_somebody_to_look(pair: Path, tmp_path: Path) -> None:
    mailbox = {
        "type": "email-addr",
        "spec_version": "2.1",
        "id": "email-addr--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f",
        "value": "somebody@victim.example",
    }
    file = _write(tmp_path, bundle(mailbox, indicator(121)))
    for also in (("--dry-run",), ()):
        said = _share(pair, file, *also)
        assert said.status == 5
        assert "exchange.personal-data" in said.out + said.err
        assert "--sanitised-of" in said.out + said.err
        assert "somebody@" not in said.out + said.err
    assert _share(pair, file, "--reviewed").status == 0  # the twin
