"""`allied feed`: making an address, ending it, holding a file against its signature."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from allied.bootstrap import open_node
from allied.node.feeds import sign
from allied.node.node import hosted
from tests.cli.shell import PASSPHRASE, Said, allied


def feed(folder: Path, *arguments: object) -> Said:
    mine = () if arguments[0] in ("verify", "warninglist") else ("-o", "river")
    return allied("feed", *arguments, *mine, "--data", folder)


def test_a_feed_is_made_listed_and_ended(pair: Path) -> None:
    made = feed(pair, "create", "--agreement", "river-harbour", "--format", "rpz", "--json")
    assert made.status == 0, made.err
    assert f"/feeds/{made.value['id']}." in made.value["url"]
    assert made.value["url"].endswith("/rpz.zone")
    listed = feed(pair, "list", "--json").value[-1]
    assert (listed["id"], listed["tlp"], listed["format"]) == (made.value["id"], "GREEN", "rpz")
    secret = made.value["url"].split("/")[-2].split(".")[1]
    assert secret not in json.dumps(listed)
    ended = feed(pair, "revoke", made.value["id"], "--json")
    assert ended.value["revoked_at"]
    assert feed(pair, "list", "--json").value[-1]["revoked_at"] == ended.value["revoked_at"]


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("create", "-a", "river-harbour", "--format", "pdf"), 2, "feed.form"),
        (
            ("create", "-a", "river-harbour", "--format", "csv", "--tlp", "RED"),
            2,
            "feed.ceiling",
        ),
        (("revoke", "0" * 16), 3, "feed.unknown"),
        (("warninglist", "remove", "banks"), 3, "warning-list.unknown"),
        (("verify", "no-such-file"), 2, "file.missing"),
    ],
)
def test_what_is_refused(pair: Path, arguments: tuple[str, ...], status: int, code: str) -> None:
    said = feed(pair, *arguments, "--json")
    assert (said.status, said.code) == (status, code)


def test_warning_lists_come_one_by_one_or_many_at_once(pair: Path, tmp_path: Path) -> None:
    one = {"name": "banks", "version": 2, "type": "hostname", "list": ["bank.example"]}
    alone = tmp_path / "banks.json"
    alone.write_text(json.dumps(one, indent=1), encoding="utf-8")
    assert feed(pair, "warninglist", "add", alone, "--json").value["added"][0]["entries"] == 1
    regex = {"name": "mail", "version": 1, "type": "regex", "list": ["/x/"]}
    many = tmp_path / "many.ndjson.gz"
    lines = [json.dumps(each) for each in (one | {"name": "shops"}, regex)]
    many.write_bytes(gzip.compress("\n".join(lines).encode()))
    added = feed(pair, "warninglist", "add", many, "--json").value
    assert [each["name"] for each in added["added"]] == ["shops"]
    assert added["passed_over"] == 1
    listed = feed(pair, "warninglist", "list", "--json").value
    assert [each["name"] for each in listed] == ["banks", "shops"]
    assert feed(pair, "warninglist", "remove", "shops").status == 0
    refused = tmp_path / "regex.json"
    refused.write_text(json.dumps(regex), encoding="utf-8")
    assert feed(pair, "warninglist", "add", refused, "--json").code == "warning-list.matching"


def test_a_fetched_file_is_held_against_its_signature(pair: Path, tmp_path: Path) -> None:
    body = b"# TLP:GREEN\nevil.example\n"
    node = open_node(pair)
    try:
        with node.store.read() as reading:
            organisation = hosted(reading, "river")
        signature = sign(node.vault.unlock(PASSPHRASE), organisation.id, "domain.txt", body)
    finally:
        node.close()
    file = tmp_path / "domain.txt"
    file.write_bytes(body)
    (tmp_path / "domain.txt.sig").write_bytes(signature)
    said = feed(pair, "verify", file, "--json")
    assert (said.status, said.value["label"]) == (0, "river")
    file.write_bytes(body + b"other.example\n")
    said = feed(pair, "verify", file, "--json")
    assert (said.status, said.code) == (7, "feed.other-bytes")
