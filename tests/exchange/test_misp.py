"""MISP events to STIX and back: what is carried is the same, what is not is listed."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from hashlib import md5
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.errors import MalformedError
from allied.exchange import misp, misp_in, misp_out
from allied.exchange.marking import PAP_EXTENSION, TLP_2_ID
from allied.exchange.misp_in import Carried
from allied.exchange.stix import read_head
from allied.exchange.validity import problems
from tests.exchange.corpus import SHARED, raw as shared

EVENT = "a3bc1af1-e021-4685-9dd1-68013abef4d9"


def number(value: int) -> str:
    return f"6c0f3a9e-1f2a-4b52-9c0e-{value:012x}"


def attribute(type_: str, value: str, place: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "type": type_, "value": value, "uuid": number(place), "category": "Network activity",
        "to_ids": True, "timestamp": "1623092052", "distribution": "5", "comment": "",
    } | more  # fmt: skip


def event(*attributes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "uuid": EVENT, "info": "A test", "date": "2021-06-07", "timestamp": "1623097666",
        "threat_level_id": "1", "analysis": "2", "published": True, "distribution": "3",
        "Orgc": {"name": "River", "uuid": number(99)}, "Attribute": list(attributes),
    } | more  # fmt: skip


def carried(one: dict[str, Any], **more: Any) -> Carried:
    (read,) = misp.read_events(json.dumps({"Event": one}).encode())
    return misp_in.carry(read, **more)


def of_type(result: Carried, type_: str) -> list[dict[str, Any]]:
    return [each for each in result.objects if each["type"] == type_]


def back(result: Carried, tlp: Tlp = Tlp.CLEAR) -> misp_out.Written:
    tlps = {each["id"]: tlp for each in result.objects}
    return misp_out.write(result.objects, tlps, number(77), "the rest", "River")


# --- attributes -------------------------------------------------------------------------

PATTERNS = [
    ("domain", "evil.example", "[domain-name:value = 'evil.example']"),
    ("ip-dst", "198.51.100.7", "[ipv4-addr:value = '198.51.100.7']"),
    ("ip-src", "2001:db8::1", "[ipv6-addr:value = '2001:db8::1']"),
    ("sha1", "a" * 40, f"[file:hashes.'SHA-1' = '{'a' * 40}']"),
    (
        "filename|md5",
        "o'x.exe|" + "a" * 32,
        f"[file:name = 'o\\'x.exe' AND file:hashes.MD5 = '{'a' * 32}']",
    ),
    (
        "domain|ip",
        "evil.example|198.51.100.7",
        "[domain-name:value = 'evil.example' AND"
        " domain-name:resolves_to_refs[*].value = '198.51.100.7']",
    ),
    ("regkey", "HKLM\\Software\\x", "[windows-registry-key:key = 'HKLM\\\\Software\\\\x']"),
    ("AS", "AS174", "[autonomous-system:number = 174]"),
]


@pytest.mark.parametrize(("type_", "value", "pattern"), PATTERNS, ids=lambda each: str(each)[:20])
def test_what_is_for_detection_becomes_an_indicator_and_comes_back(
    type_: str, value: str, pattern: str
) -> None:
    result = carried(event(attribute(type_, value, comment="seen twice")))
    (indicator,) = of_type(result, "indicator")
    assert indicator["pattern"] == pattern
    assert indicator["description"] == "seen twice"
    assert not result.losses
    (again,) = back(result).events[0]["Attribute"]
    assert (again["type"], again["value"], again["to_ids"]) == (type_, value, True)
    assert (again["uuid"], again["comment"]) == (number(1), "seen twice")


@pytest.mark.parametrize(
    ("type_", "value", "made"),
    [
        ("domain", "evil.example", ["domain-name"]),
        ("domain|ip", "evil.example|198.51.100.7", ["domain-name", "ipv4-addr"]),
        ("filename|sha1", "x.exe|" + "a" * 40, ["file"]),
        ("mutex", "Global\\x", ["mutex"]),
        ("email-dst", "a@evil.example", ["email-addr"]),
    ],
)
def test_what_was_only_seen_becomes_observed_data_and_comes_back(
    type_: str, value: str, made: list[str]
) -> None:
    result = carried(event(attribute(type_, value, to_ids=False, comment="remark")))
    (observed,) = of_type(result, "observed-data")
    assert [each.partition("--")[0] for each in observed["object_refs"]] == made
    (again,) = back(result).events[0]["Attribute"]
    assert (again["type"], again["value"], again["to_ids"]) == (type_, value, False)
    assert again["comment"] == "remark"


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        pytest.param("btc", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", id="a type STIX has nothing for"),
        pytest.param("ip-dst", "not an address", id="a value of another form than its type"),
        pytest.param("md5", "d41d8", id="a hash that is too short"),
        pytest.param("domain|ip", "evil.example", id="half of a pair"),
        pytest.param("text", "line\nline", id="lines of text"),
        pytest.param("AS", "ASN", id="a number that is none"),
    ],
)
def test_what_stix_does_not_say_is_carried_as_text_and_comes_back(type_: str, value: str) -> None:
    result = carried(event(attribute(type_, value)))
    (note,) = of_type(result, "note")
    assert note["content"] == value
    (again,) = back(result).events[0]["Attribute"]
    assert (again["type"], again["value"], again["to_ids"]) == (type_, value, True)


@pytest.mark.parametrize("language", misp.LANGUAGES)
def test_patterns_of_other_languages_stay_what_they_are(language: str) -> None:
    result = carried(event(attribute(language, "rule x { condition: true }", to_ids=False)))
    (indicator,) = of_type(result, "indicator")
    assert indicator["pattern_type"] == language
    (again,) = back(result).events[0]["Attribute"]
    assert (again["type"], again["to_ids"]) == (language, False)


# --- objects ----------------------------------------------------------------------------


def test_an_object_keeps_its_members_their_relations_and_its_references() -> None:
    one = {
        "name": "file", "uuid": number(10), "meta-category": "file", "timestamp": "1623092052",
        "Attribute": [
            attribute("md5", "a" * 32, 11, object_relation="md5"),
            attribute("filename", "x.exe", 12, object_relation="filename", to_ids=False),
        ],
        "ObjectReference": [
            {"uuid": number(13), "referenced_uuid": number(1), "relationship_type": "drops"},
            {"uuid": number(14), "referenced_uuid": number(55), "relationship_type": "drops"},
        ],
    }  # fmt: skip
    result = carried(event(attribute("domain", "evil.example"), Object=[one]))
    assert [(each.what, each.id) for each in result.losses] == [("reference", number(14))]
    (again,) = back(result).events
    (made,) = again["Object"]
    assert (made["name"], made["meta-category"], made["uuid"]) == ("file", "file", number(10))
    assert [(each["type"], each["object_relation"]) for each in made["Attribute"]] == [
        ("md5", "md5"), ("filename", "filename"),
    ]  # fmt: skip
    assert [each["value"] for each in again["Attribute"]] == ["evil.example"]
    assert made["ObjectReference"] == [
        {"uuid": number(13), "referenced_uuid": number(1), "relationship_type": "drops"}
    ]


# --- markings ---------------------------------------------------------------------------


def tagged(*names: str) -> dict[str, Any]:
    return {"Tag": [{"name": name} for name in names]}


@pytest.mark.parametrize(
    ("event_tags", "own_tags", "distribution", "expected"),
    [
        pytest.param(["tlp:green"], [], "3", {Tlp.GREEN}, id="of the event"),
        pytest.param(["tlp:white"], [], "3", {Tlp.CLEAR}, id="of version 1"),
        pytest.param(["TLP:AMBER+STRICT"], [], "3", {Tlp.AMBER_STRICT}, id="of version 2"),
        pytest.param(["tlp:green"], ["tlp:amber"], "3", {Tlp.AMBER}, id="stricter of its own"),
        pytest.param(["tlp:amber"], ["tlp:green"], "3", {Tlp.AMBER}, id="not weaker of its own"),
        pytest.param([], [], "1", {Tlp.AMBER}, id="this community alone"),
        pytest.param([], [], "2", {Tlp.GREEN}, id="connected communities"),
        pytest.param(["tlp:clear"], [], "1", {Tlp.AMBER}, id="raised by distribution"),
        pytest.param([], [], "3", set(), id="nothing said"),
        pytest.param(
            ["tlp:green", "tlp:red"], [], "3", {Tlp.GREEN, Tlp.RED}, id="both, to be refused"
        ),
    ],
)
def test_tags_and_distribution_become_markings(
    event_tags: list[str], own_tags: list[str], distribution: str, expected: set[Tlp]
) -> None:
    result = carried(
        event(
            attribute("domain", "evil.example", **tagged(*own_tags)),
            distribution=distribution,
            **tagged(*event_tags),
        )
    )
    (indicator,) = of_type(result, "indicator")
    assert set(indicator.get("object_marking_refs", ())) == {TLP_2_ID[each] for each in expected}
    for each in result.objects:
        named = set(each.get("object_marking_refs", ()))
        assert named <= {marking["id"] for marking in of_type(result, "marking-definition")}


def test_permitted_actions_become_markings_and_come_back() -> None:
    result = carried(event(attribute("domain", "evil.example"), **tagged("PAP:AMBER")))
    markings = [each["extensions"] for each in of_type(result, "marking-definition")]
    assert {PAP_EXTENSION: {"extension_type": "property-extension", "pap": "amber"}} in markings
    names = [tag["name"] for tag in back(result, Tlp.GREEN).events[0]["Tag"]]
    assert names == ["tlp:green", "PAP:AMBER"]


def test_local_tags_stay_and_others_are_labels() -> None:
    tags = {"Tag": [{"name": "ours", "local": 1}, {"name": 'osint:source-type="blog-post"'}]}
    result = carried(event(attribute("domain", "evil.example"), **tags))
    assert "ours" not in json.dumps(result.objects)
    assert [(each.what, each.id) for each in result.losses] == [("tag", "ours")]
    assert {"name": 'osint:source-type="blog-post"'} in back(result).events[0]["Tag"]


# --- distribution -----------------------------------------------------------------------


def test_what_only_its_organisation_may_see_is_refused_unless_said_at_length() -> None:
    one = event(attribute("domain", "evil.example"), distribution="0")
    assert carried(one).objects == ()
    assert carried(one).refused
    assert of_type(carried(one, own_only=True), "indicator")


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        pytest.param({"distribution": "5"}, True, id="as its event"),
        pytest.param({"distribution": "0"}, False, id="its own organisation alone"),
        pytest.param({"distribution": "4", "sharing_group_id": "9"}, False, id="another group"),
        pytest.param({"distribution": "77"}, False, id="a level that MISP has not"),
        pytest.param({"deleted": True}, False, id="deleted"),
        pytest.param({"value": "  "}, False, id="without a value"),
    ],
)
def test_an_attribute_that_is_not_carried_is_listed(change: dict[str, Any], kept: bool) -> None:
    result = carried(
        event(attribute("domain", "evil.example") | change, attribute("domain", "b.example", 2))
    )
    assert (len(of_type(result, "indicator")) == 2) == kept
    lost = [(each.what, each.id) for each in result.losses]
    assert lost == ([] if kept else [("attribute", number(1))])


def test_an_event_for_a_group_names_it_and_one_without_name_is_refused() -> None:
    group = {"uuid": number(9), "name": "banks"}
    one = event(
        attribute("domain", "evil.example", distribution="4", sharing_group_id="9"),
        distribution="4",
        sharing_group_id="9",
    )
    named = carried(one | {"SharingGroup": group})
    assert (named.group, len(of_type(named, "indicator"))) == (number(9), 1)
    assert carried(one | {"sharing_group_id": "0"}).refused


def test_everything_that_is_not_carried_is_listed() -> None:
    result = carried(
        event(
            attribute(
                "malware-sample", "x.exe|" + "a" * 32, data="AAAA", ShadowAttribute=[{}, {}],
                Galaxy=[{"type": "tool"}], Sighting=[{"type": "1", "uuid": number(3)}],
            ),
            Galaxy=[{"type": "threat-actor"}],
            ShadowAttribute=[{}],
            EventReport=[{}],
            extends_uuid=number(8),
        )
    )  # fmt: skip
    assert Counter(each.what for each in result.losses) == {
        "proposal": 3, "galaxy": 2, "attachment": 1, "sighting": 1, "event-report": 1, "event": 1,
    }  # fmt: skip
    assert all("x.exe" not in str(each) for each in result.losses)


def test_a_sighting_goes_along_with_an_indicator() -> None:
    seen = {"type": "0", "uuid": number(3), "date_sighting": "1623092052"}
    seen["Organisation"] = {"name": "Harbour", "uuid": number(4)}  # type: ignore[assignment]
    result = carried(event(attribute("domain", "evil.example", Sighting=[seen])))
    (sighting,) = of_type(result, "sighting")
    assert sighting["where_sighted_refs"] == [f"identity--{number(4)}"]
    (again,) = back(result).events[0]["Attribute"]
    assert again["Sighting"][0]["Organisation"]["name"] == "Harbour"


# --- out --------------------------------------------------------------------------------


def test_indicators_that_never_were_in_misp_become_attributes_by_their_values() -> None:
    def indicator(place: int, pattern: str, language: str = "stix") -> dict[str, Any]:
        return {
            "type": "indicator", "id": f"indicator--{number(place)}", "pattern": pattern,
            "pattern_type": language, "modified": "2026-03-01T12:00:00.000Z",
        }  # fmt: skip

    objects = [
        indicator(1, "[domain-name:value = 'a.example'] OR [ipv4-addr:value = '198.51.100.7']"),
        indicator(2, "[file:name = 'x' AND file:size = 3]"),
        indicator(3, "x", "pcre"),
        {"type": "malware", "id": f"malware--{number(4)}", "name": "x"},
    ]
    written = misp_out.write(objects, {}, number(77), "rest", "River")
    (made,) = written.events
    assert (made["uuid"], made["info"], made["distribution"]) == (number(77), "rest", "0")
    assert [(each["type"], each["to_ids"]) for each in made["Attribute"]] == [
        ("domain", True), ("ip-dst", True), ("stix2-pattern", True),
    ]  # fmt: skip
    assert len({each["uuid"] for each in made["Attribute"]}) == 3
    assert [each.what for each in written.losses] == ["indicator", "malware"]


@pytest.mark.parametrize(
    ("tlp", "distribution"),
    [(Tlp.CLEAR, "3"), (Tlp.GREEN, "1"), (Tlp.AMBER, "0"), (Tlp.RED, "0")],
)
def test_the_strictest_marking_decides_how_far_misp_lets_an_event_go(
    tlp: Tlp, distribution: str
) -> None:
    result = carried(event(attribute("domain", "a.example"), attribute("domain", "b.example", 2)))
    tlps = {each["id"]: Tlp.CLEAR for each in result.objects}
    tlps[f"indicator--{number(2)}"] = tlp
    (made,) = misp_out.write(result.objects, tlps, number(77), "rest", "River").events
    assert made["distribution"] == distribution
    assert made["Tag"][0] == {"name": f"tlp:{tlp.value.lower()}"}


def test_a_feed_directory_lists_its_events_and_the_digests_of_their_values() -> None:
    written = back(carried(event(attribute("domain|ip", "evil.example|198.51.100.7"))))
    listed = json.loads(misp_out.manifest(written.events))
    assert listed[EVENT]["Orgc"]["name"] == "River"
    assert listed[EVENT]["timestamp"] == "1623097666"
    lines = misp_out.hashes(written.events).decode().splitlines()
    assert lines == [
        f"{md5(text, usedforsecurity=False).hexdigest()},{EVENT}"
        for text in (b"evil.example", b"198.51.100.7")
    ]


# --- files ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(b"{", "misp.not-json", id="no JSON"),
        pytest.param(b"\xff\xfe", "misp.not-json", id="not UTF-8"),
        pytest.param(b"[" * 200_000, "misp.not-json", id="very deep"),
        pytest.param(b"[]", "misp.form", id="nothing"),
        pytest.param(b'{"Event": 3}', "misp.form", id="a number"),
        pytest.param(b'{"Event": {"info": "x"}}', "misp.form", id="without a uuid"),
        pytest.param(
            b'{"Event": {"uuid": "x", "Attribute": [{"value": "secret"}]}}',
            "misp.form",
            id="an attribute without a type",
        ),
    ],
)
def test_what_is_no_event_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        misp.read_events(raw)
    assert refusal.value.code == code
    assert "secret" not in str(refusal.value)


def test_attributes_that_share_a_uuid_are_all_carried_and_listed() -> None:
    result = carried(event(*(attribute("domain", f"{each}.example") for each in "aaab")))
    assert {each["pattern"] for each in of_type(result, "indicator")} == {
        "[domain-name:value = 'a.example']", "[domain-name:value = 'b.example']",
    }  # fmt: skip
    again = back(result).events[0]["Attribute"]
    assert [each["value"] for each in again] == ["a.example", "a.example", "b.example"]
    assert len({each["uuid"] for each in again}) == 3
    assert [each.reason for each in result.losses].count("the same attribute twice") == 1


@given(st.text(max_size=60), st.sampled_from(sorted(misp.PARTS)), st.booleans())
def test_any_value_is_carried_as_valid_stix_and_comes_back(
    value: str, type_: str, to_ids: bool
) -> None:
    result = carried(event(attribute(type_, value, to_ids=to_ids)))
    for each in result.objects:
        raw = orjson.dumps(each)
        assert not problems(raw, read_head(raw)), each["type"]
    if result.losses:
        assert not value.strip()
        return
    (again,) = back(result).events[0]["Attribute"]
    assert (again["type"], again["to_ids"]) == (type_, to_ids)
    assert again["value"].strip() == value.strip() or type_ == "AS"


# --- the published events ---------------------------------------------------------------


def published(*folders: str) -> Iterator[tuple[str, misp.Event]]:
    for folder in folders:
        files = sorted((SHARED / "data" / "misp" / folder).glob("*.json.gz"))
        if not files:
            pytest.skip(f"the MISP events of {folder} are not here")
        for file in files:
            for each in misp.read_events(gzip.decompress(file.read_bytes())):
                yield file.name, each


def has_one_uuid_twice(one: misp.Event) -> bool:
    names = [each.uuid for each in one.Attribute]
    return len(names) != len(set(names))


def everything(one: misp.Event, *, twice: bool) -> Counter[tuple[str, ...]]:
    """Each attribute of an event that is not deleted, and what it is in."""
    found: Counter[tuple[str, ...]] = Counter()
    for name, attributes in (
        ("", one.Attribute),
        *((each.name, each.Attribute) for each in one.Object or () if not each.deleted),
    ):
        for each in attributes:
            if each.deleted or not each.value.strip():
                continue
            found[
                name, "" if twice else each.uuid, each.type, each.value.strip(),
                str(each.to_ids), each.category, each.comment or "",
                each.object_relation or "" if name else "",
            ] += 1  # fmt: skip
    return found


@pytest.mark.parametrize(("folder", "count"), [("eset", 41), ("pymisp-tests", 8)])
def test_published_events_are_valid_stix_and_come_back_whole(folder: str, count: int) -> None:
    seen = 0
    for name, one in published(folder):
        seen += 1
        result = misp_in.carry(one, own_only=True)
        for each in result.objects:
            raw = orjson.dumps(each)
            assert not problems(raw, read_head(raw)), (name, each["id"])
        (again, *more) = back(result).events
        assert not more, name
        read = misp.read_events(misp_out.file_of(again))[0]
        twice = has_one_uuid_twice(one)
        assert everything(read, twice=twice) == everything(one, twice=twice), name
        kept = {(each.name, each.uuid) for each in one.Object or () if not each.deleted}
        assert {(each.name, each.uuid) for each in read.Object or ()} == kept
        assert {each.what for each in result.losses} <= {
            "galaxy", "attachment", "proposal", "sighting", "tag", "event", "attribute", "object",
            "event-report",
        }  # fmt: skip
        bundle = result.bundle()
        assert bundle == misp_in.carry(one, own_only=True).bundle()
    assert seen == count


def test_ids_and_patterns_are_those_of_the_reference_converter() -> None:
    expected = {
        each["id"]: each
        for each in json.loads(
            shared("misp/misp-stix-pairs/test_events_collection_stix21.json.gz")
        )["objects"]
    }
    same = (
        "name",
        "pattern",
        "pattern_type",
        "description",
        "value",
        "hashes",
        "number",
        "context",
    )
    compared = Counter[str]()
    for part in (1, 2):
        raw = shared(f"misp/misp-stix-pairs/test_events_collection_{part}.json.gz")
        for one in misp.read_events(raw):
            for each in misp_in.carry(one).objects:
                if each["type"] == "marking-definition":
                    continue  # theirs leave the author unmarked
                theirs = expected.get(each["id"])
                assert theirs is not None, each["id"]
                compared[each["type"]] += 1
                for name in set(same) & theirs.keys():
                    assert each.get(name) == theirs[name], (each["id"], name)
    assert compared["grouping"] == 4
    assert compared["indicator"] == sum(each["type"] == "indicator" for each in expected.values())
