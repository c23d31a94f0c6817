"""What is read of an object before anything is decided."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st

from allied.errors import MalformedError
from allied.exchange.stix import (
    Head,
    Kind,
    companions,
    instant,
    kind_of,
    read_head,
    readable_id,
    type_of,
    version_key,
    version_of,
)
from allied.record.canonical import digest
from tests.exchange.samples import (
    TIME,
    encoded,
    id_of,
    identity,
    indicator,
    link,
    made,
    malware,
    seen,
    sighting,
)


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        pytest.param("indicator", Kind.INDICATOR, id="an indicator"),
        pytest.param("observed-data", Kind.INDICATOR, id="what was observed"),
        pytest.param("sighting", Kind.INDICATOR, id="a sighting"),
        pytest.param("ipv4-addr", Kind.INDICATOR, id="an observable"),
        pytest.param("attack-pattern", Kind.TECHNIQUE, id="an attack pattern"),
        pytest.param("x-mitre-data-source", Kind.TECHNIQUE, id="an own type of ATT&CK"),
        pytest.param("vulnerability", Kind.VULNERABILITY, id="a vulnerability"),
        pytest.param("incident", Kind.INCIDENT_REPORT, id="an incident"),
        pytest.param("note", Kind.ASSESSMENT, id="a note"),
        pytest.param("identity", Kind.COMPANION, id="an identity goes along"),
        pytest.param("marking-definition", Kind.COMPANION, id="so does a marking"),
        pytest.param("relationship", Kind.LINK, id="a relationship connects"),
        pytest.param("x-bank-account", Kind.OTHER, id="a custom type has no kind"),
        pytest.param("language-content", Kind.OTHER, id="nor has a translation"),
    ],
)
def test_kinds(type_: str, kind: Kind) -> None:
    assert kind_of(type_) == kind


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(indicator(spec_version=None), "stix.version", id="no version: STIX 2.0"),
        pytest.param(indicator(spec_version="2.0"), "stix.version", id="STIX 2.0"),
        pytest.param(indicator(spec_version="3.0"), "stix.version", id="a version to come"),
        pytest.param(seen("url", modified=TIME, value="x"), "", id="observables need no version"),
        pytest.param(seen("x-thing"), "", id="nor do custom observables"),
        pytest.param(seen("x-thing", created=TIME), "stix.version", id="custom objects do"),
        pytest.param(indicator(id=id_of("malware")), "stix.bad-id", id="an id of another type"),
        pytest.param(indicator(id="indicator--17"), "stix.bad-id", id="an id without a UUID"),
        pytest.param(indicator(type="Indicator"), "stix.bad-id", id="a type in capitals"),
        pytest.param(
            made("bundle", objects=[]), "stix.bundle-inside", id="a bundle inside the bundle"
        ),
        pytest.param(indicator(id=None), "stix.wrong-type", id="no id"),
        pytest.param(indicator(created=7), "stix.wrong-type", id="a time that is a number"),
        pytest.param(
            indicator(object_marking_refs="x"), "stix.wrong-type", id="markings that are no list"
        ),
        pytest.param(indicator(revoked="yes"), "stix.wrong-type", id="revoked that is a text"),
        pytest.param([], "stix.wrong-type", id="no object"),
        pytest.param(indicator(), "", id="a plain indicator"),
        pytest.param(indicator(x_custom={"id": 7}), "", id="one with more in it"),
    ],
)
def test_which_heads_are_read(value: object, code: str) -> None:
    raw = encoded(value)
    if code:
        with pytest.raises(MalformedError) as refusal:
            read_head(raw)
        assert refusal.value.code == code
    else:
        assert read_head(raw).id == value["id"]  # type: ignore[index]


def test_a_refusal_names_the_property_and_not_what_stands_there() -> None:
    with pytest.raises(MalformedError) as refusal:
        read_head(encoded(indicator(object_marking_refs=["fine", {"secret": 1}])))

    assert "object_marking_refs[1]" in refusal.value.message
    assert "secret" not in refusal.value.message


def test_the_ends_of_links() -> None:
    one, two, who = indicator(1), malware(2), identity(3)

    assert read_head(encoded(link(one, two))).ends == (one["id"], two["id"])
    seen_by = read_head(encoded(sighting(one, where_sighted_refs=[who["id"]])))
    assert seen_by.ends == (one["id"], who["id"])
    assert read_head(encoded(one)).ends == ()
    translated = read_head(encoded(made("language-content", object_ref=one["id"])))
    assert translated.ends == (one["id"],)


def test_companions_are_found_wherever_their_ids_stand() -> None:
    who, mark, ext = id_of("identity"), id_of("marking-definition"), id_of("extension-definition")
    value = indicator(
        created_by_ref=who,
        granular_markings=[{"marking_ref": mark, "selectors": ["name"]}],
        extensions={ext: {"extension_type": "property-extension", "x": id_of("malware")}},
        description=f"not a reference: {id_of('location')}",
    )

    assert {each.decode() for each in companions(encoded(value))} == {who, mark, ext}


@pytest.mark.parametrize(
    ("text", "readable"),
    [
        ("2026-03-01T12:00:00Z", True),
        ("2026-03-01T12:00:00.123456789Z", True),
        ("2024-02-29T00:00:00Z", True),
        ("2016-12-31T23:59:60Z", True),
        ("2026-02-29T00:00:00Z", False),
        ("2026-03-01T24:00:00Z", False),
        ("2026-03-01T12:00:00", False),
        ("2026-03-01T12:00:00+00:00", False),
        ("2026-03-01 12:00:00Z", False),
        ("0000-01-01T00:00:00Z", False),
        ("٢٠٢٦-03-01T12:00:00Z", False),
        ("", False),
    ],
)
def test_which_times_exist(text: str, readable: bool) -> None:
    assert (instant(text) is not None) == readable


def test_instants_compare_as_instants() -> None:
    row = [
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.0001Z",
        "2026-03-01T12:00:00.01Z",
        "2026-03-01T12:00:00.013Z",
        "2026-03-01T12:00:00.0131Z",
        "2026-03-01T12:00:00.2Z",
        "2026-03-01T12:00:01Z",
    ]
    read = [each for each in map(instant, row) if each is not None]

    assert len(read) == len(row)
    assert all(a < b for a, b in pairwise(read))
    assert instant("2026-03-01T12:00:00.100Z") == instant("2026-03-01T12:00:00.1Z")
    assert instant("2016-12-31T23:59:60Z") == instant("2017-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("head", "version", "key"),
    [
        pytest.param(
            Head("a", "b", created="2026-01-01T00:00:00Z", modified="2026-01-02T00:00:00.5Z"),
            "2026-01-02T00:00:00.5Z",
            "2026-01-02T00:00:00.500Z",
            id="when it was modified",
        ),
        pytest.param(
            Head("a", "b", created="2026-01-01T00:00:00Z"),
            "2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00.000Z",
            id="else when it was created",
        ),
        pytest.param(Head("a", "b"), "d" * 64, "d" * 64, id="else its digest"),
        pytest.param(Head("a", "b", modified="soon"), "soon", "soon", id="even if it is no time"),
    ],
)
def test_versions(head: Head, version: str, key: str) -> None:
    bytes_digest = digest(b"")
    expected = {"d" * 64: bytes_digest}

    assert version_of(head, bytes_digest) == expected.get(version, version)
    assert version_key(head, bytes_digest) == expected.get(key, key)


def test_an_id_is_named_even_where_the_object_is_refused() -> None:
    bad = indicator(created=7)

    assert readable_id(encoded(bad)) == bad["id"]
    assert readable_id(encoded(indicator(id="<script>"))) is None
    assert readable_id(b"{") is None


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_anything_is_read_or_refused_in_our_words(raw: bytes) -> None:
    readable_id(raw)
    try:
        head = read_head(raw)
    except MalformedError as refusal:
        assert refusal.code.startswith("stix.")  # noqa: PT017  # either way is fine
    else:
        assert type_of(head.id) == head.type
