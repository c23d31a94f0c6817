"""`allied export` and `allied import`: files for a party, and MISP events both ways."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Said, allied, bundle, indicator
from tests.federation.houses import serving
from tests.misp.elsewhere import KEY, Misp

TLP_GREEN = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"


def number(value: int) -> str:
    return f"6c0f3a9e-1f2a-4b52-9c0e-{value:012x}"


def event(place: int, *values: str, **more: Any) -> dict[str, Any]:
    return {
        "Event": {
            "uuid": number(place), "info": "A test", "date": "2026-03-01",
            "timestamp": "1772366400", "published": True, "distribution": "3",
            "Orgc": {"name": "River", "uuid": number(9_000)},
            "Tag": [{"name": "tlp:green"}, {"name": "ours", "local": True}],
            "Attribute": [
                {
                    "type": "domain", "value": value, "uuid": number(place * 100 + each),
                    "category": "Network activity", "to_ids": True, "timestamp": "1772366400",
                }
                for each, value in enumerate(values, start=1)
            ],
        } | more
    }  # fmt: skip


def taken(pair: Path, *arguments: object) -> Said:
    return allied("import", "misp", *arguments, "-o", "river", "--data", pair)


def put(folder: Path, value: object, name: str = "event.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(value), encoding="utf-8")
    return file


def test_an_event_is_shared_and_what_is_not_carried_is_listed(pair: Path, tmp_path: Path) -> None:
    file = put(tmp_path, event(1, "one.misp.example", "two.misp.example"))
    dry = taken(pair, file, "-a", "river-harbour", "--dry-run", "--json")
    assert dry.status == 0, dry.err
    assert dry.value["events"][0]["share"]["dry_run"] is True
    said = taken(pair, file, "-a", "river-harbour", "--json")
    assert said.status == 0, said.err
    (one,) = said.value["events"]
    assert one["share"]["stored"] == one["objects"]
    assert said.value["losses"] == [
        {"event": number(1), "what": "tag", "id": "ours", "reason": "local to its instance"}
    ]
    shown = allied(
        "item", "show", f"indicator--{number(101)}", "--json", "-o", "river", "--data", pair
    ).value
    assert shown["item"]["tlp"] == "GREEN"
    told = taken(pair, file, "-a", "river-harbour")
    assert "local to its instance" in told.out


@pytest.mark.parametrize("reviewed", [False, True])
def test_a_mailbox_of_an_event_waits_until_somebody_has_looked(
    pair: Path, tmp_path: Path, *, reviewed: bool
) -> None:
    made = event(7 + reviewed, f"seven{reviewed:d}.misp.example")
    of_domain = made["Event"]["Attribute"][0]
    mailbox = of_domain | {
        "type": "email-src", "value": f"who{reviewed:d}@misp.example", "to_ids": False,
        "category": "Payload delivery", "uuid": number(777 + reviewed),
    }  # fmt: skip
    made["Event"]["Attribute"].append(mailbox)
    more = ["--reviewed"] if reviewed else []
    said = taken(pair, put(tmp_path, made), "-a", "river-harbour", "--dry-run", "--json", *more)
    (one,) = said.value["events"]
    assert ("exchange.personal-data" in json.dumps(one)) is not reviewed


@pytest.mark.parametrize(
    ("more", "arguments", "status", "why"),
    [
        pytest.param({"distribution": "0"}, (), 5, "own organisation", id="own organisation"),
        pytest.param(
            {"distribution": "0"}, ("--share-what-is-own-only",), 0, "", id="said at length"
        ),
        pytest.param(
            {"distribution": "4", "SharingGroup": {"name": "banks"}}, (), 5, "mapped", id="a group"
        ),
        pytest.param(
            {"distribution": "4", "SharingGroup": {"name": "banks"}},
            ("--group", "banks=harbour"),
            0,
            "",
            id="a group that is mapped",
        ),
        pytest.param(
            {"Tag": [{"name": "tlp:green"}, {"name": "tlp:amber"}]}, (), 5, "", id="two markings"
        ),
    ],
)
def test_how_far_misp_lets_it_go_decides(
    pair: Path,
    tmp_path: Path,
    more: dict[str, Any],
    arguments: tuple[str, ...],
    status: int,
    why: str,
) -> None:
    file = put(tmp_path, event(2, "three.misp.example", **more))
    said = taken(pair, file, "-a", "river-harbour", "--dry-run", "--json", *arguments)
    assert said.status == status, said.out
    assert why in said.value["events"][0]["refused"]


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (("import", "misp"), 2, "import.arguments"),
        (("import", "misp", "x.json"), 2, "import.arguments"),
        (("import", "x", "--tlp", "RED"), 2, "import.arguments"),
        (("import", "x", "--whole"), 2, "import.arguments"),
        (("import", "misp", "x.json", "-a", "river-harbour", "--private"), 2, "import.arguments"),
        (("import", "misp", "https://kim@misp.example/", "-a", "river-harbour"), 2, "misp.url"),
        (("import", "no-such-file"), 2, "file.missing"),
        (("export",), 2, "export.arguments"),
        (("export", "misp", "-a", "river-harbour"), 2, "export.arguments"),
        (("export", "-a", "river-harbour", "--to", "x", "--output", "y"), 3, None),
    ],
)
def test_what_is_not_understood(
    pair: Path, tmp_path: Path, arguments: tuple[str, ...], status: int, code: str | None
) -> None:
    put_at = tuple(str(tmp_path / "y") if each == "y" else each for each in arguments)
    said = allied(*put_at, "--json", "-o", "river", "--data", pair)
    assert (said.status, said.code) == (status, code or "carriage.no-such-party")
    assert not list(tmp_path.iterdir())


def test_a_live_misp_and_a_feed_are_asked_and_what_came_is_not_asked_for_again(
    pair: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "key"
    secret.write_text(KEY)
    secret.chmod(0o600)
    misp = Misp()
    misp.give(event(31, "live.misp.example")["Event"], event(32, "more.misp.example")["Event"])
    with serving(misp) as url:
        asked = (f"{url}/misp/", "-a", "river-harbour", "--private", "--json")
        refused = taken(pair, *asked)
        assert (refused.status, refused.code) == (5, "neighbour.not-let-in")
        said = taken(pair, *asked, "--secret-file", secret)
        assert said.status == 0, said.err
        assert {each["event"] for each in said.value["events"]} == {number(31), number(32)}
        again = taken(pair, *asked, "--secret-file", secret)
        assert (again.status, again.value["events"]) == (0, [])
        feed = taken(pair, f"{url}/feed/manifest.json", *asked[1:])
        assert feed.status == 0, feed.err  # it asserts the same, which is noted
        assert [each["share"]["stored"] for each in feed.value["events"]] == [0, 0]
        feed = taken(pair, f"{url}/feed/manifest.json", *asked[1:])
        assert (feed.status, feed.value["events"]) == (0, [])
        whole = taken(pair, f"{url}/feed/manifest.json", *asked[1:], "--whole", "--dry-run")
        assert len(whole.value["events"]) == 2
    assert KEY not in said.out + said.err + refused.out + refused.err


def test_a_folder_of_events_is_written_read_and_kept_clean(pair: Path, tmp_path: Path) -> None:
    shared = put(
        tmp_path,
        json.loads(bundle(indicator(900, object_marking_refs=[TLP_GREEN]), indicator(901))),
    )
    assert allied("share", shared, "-a", "river-harbour", "-o", "river", "--data", pair).status == 0
    target = tmp_path / "feed"
    said = allied(
        "export", "misp", "-a", "river-harbour", "--to", target, "-o", "river", "--json",
        "--data", pair,
    )  # fmt: skip
    assert said.status == 0, said.err
    names = {each.name for each in target.iterdir()}
    assert names == {
        "manifest.json",
        "hashes.csv",
        *(f"{each}.json" for each in said.value["events"]),
    }
    everything = "".join(each.read_text(encoding="utf-8") for each in target.iterdir())
    assert "n900.example" in everything
    assert "n901.example" not in everything
    manifest = json.loads((target / "manifest.json").read_text(encoding="utf-8"))
    gone = number(77_777)
    (target / "manifest.json").write_text(
        json.dumps(manifest | {gone: {}, "../../escape": {}}), encoding="utf-8"
    )
    (target / f"{gone}.json").write_text("{}", encoding="utf-8")
    other = target / "notes.json"
    other.write_text("{}", encoding="utf-8")
    again = allied(
        "export", "misp", "-a", "river-harbour", "--to", target, "-o", "river", "--json",
        "--data", pair,
    )  # fmt: skip
    assert again.value["events"] == said.value["events"]
    assert not (target / f"{gone}.json").exists()
    assert other.exists()
    other.unlink()
    said = taken(pair, target, "-a", "river-harbour", "--dry-run", "--json")
    assert {each["event"] for each in said.value["events"]} == set(again.value["events"])


@pytest.mark.parametrize(
    ("manifest", "code"),
    [("[]", "misp.manifest"), ('{"../../x": {}}', "misp.manifest"), ("{", "misp.manifest")],
)
def test_a_manifest_that_leads_elsewhere_is_refused(
    pair: Path, tmp_path: Path, manifest: str, code: str
) -> None:
    (tmp_path / "manifest.json").write_text(manifest, encoding="utf-8")
    said = taken(pair, tmp_path, "-a", "river-harbour", "--dry-run", "--json")
    assert (said.status, said.code) == (1, code)


def test_a_file_for_a_party_is_written_for_nobody_else_to_read(pair: Path, tmp_path: Path) -> None:
    output = tmp_path / "for-harbour.allied"
    said = allied(
        "export", "-a", "river-harbour", "--to", "harbour", "--output", output, "-o", "river",
        "--json", "--data", pair,
    )  # fmt: skip
    assert said.status == 0, said.err
    assert said.value["size"] == output.stat().st_size
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == [output.name]
    back = allied("import", output, "--json", "-o", "harbour", "--data", pair)
    assert (back.status, back.code) == (7, "carriage.sender-unknown")  # it is no peer, but here
    output.write_bytes(b"something else")
    said = allied("import", output, "--json", "-o", "harbour", "--data", pair)
    assert (said.status, said.code) == (1, "carriage.form")
