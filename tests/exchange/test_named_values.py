"""Which values an object names, and that equal values are spelled equally."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st
from stix2patterns.v21.pattern import Pattern

from allied.exchange import entries, values
from allied.exchange.values import MAX_TEXT, MAX_VALUES, Value, ValueKind, candidates, values_of
from tests.exchange.samples import encoded, indicator, malware, seen, sighting

SHA256 = "aB" * 32


def named(pattern: str) -> list[str]:
    return [str(each) for each in values.in_pattern(pattern)]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        pytest.param("[domain-name:value = 'C2.Example.']", ["domain c2.example"], id="a name"),
        pytest.param(
            "[domain-name:value = 'bücher.example']",
            ["domain xn--bcher-kva.example"],
            id="a name in letters of its own language",
        ),
        pytest.param(
            "[ipv4-addr:value = '198.51.100.7/32']", ["ipv4 198.51.100.7"], id="a network of one"
        ),
        pytest.param(
            "[ipv4-addr:value = '198.51.100.7/24']", ["ipv4 198.51.100.0/24"], id="a network"
        ),
        pytest.param(
            "[ipv6-addr:value = '2001:DB8:0::1']", ["ipv6 2001:db8::1"], id="an IPv6 address"
        ),
        pytest.param(
            f"[file:hashes.'SHA-256' = '{SHA256}' AND file:name = 'It\\'s.EXE']",
            [f"sha256 {SHA256.lower()}", "file-name it's.exe"],
            id="both sides of an AND",
        ),
        pytest.param(
            "[ipv4-addr:value IN ('198.51.100.7', '203.0.113.9')]",
            ["ipv4 198.51.100.7", "ipv4 203.0.113.9"],
            id="a set",
        ),
        pytest.param(
            "[network-traffic:dst_ref.value = '198.51.100.7' AND network-traffic:dst_port = 443]",
            ["ipv4 198.51.100.7"],
            id="an address that something refers to",
        ),
        pytest.param(
            "[email-message:to_refs[*].value = 'A@B.example']",
            ["email a@b.example"],
            id="one of several that something refers to",
        ),
        pytest.param(
            "[url:value = 'HTTP://C2.Example'] FOLLOWEDBY [mutex:name = 'Qq'] WITHIN 5 SECONDS",
            ["url http://c2.example/", "mutex Qq"],
            id="both of a sequence",
        ),
        pytest.param("[autonomous-system:number = 064500]", ["as-number 64500"], id="a number"),
        pytest.param("[domain-name:value != 'a.example']", [], id="what it is not"),
        pytest.param("[domain-name:value NOT = 'a.example']", [], id="what it is not, in words"),
        pytest.param("[domain-name:value NOT IN ('a.example')]", [], id="none of a set"),
        pytest.param("[domain-name:value LIKE '%.example']", [], id="an expression"),
        pytest.param("[ipv4-addr:value ISSUBSET '198.51.100.0/24']", [], id="a range"),
        pytest.param(
            "[file:name = 'domain-name:value = \\'a.example\\'']",
            ["file-name domain-name:value = 'a.example'"],
            id="a comparison inside a text is none",
        ),
        pytest.param("[ipv4-addr:value = '999.1.1.1']", [], id="no address"),
        pytest.param("[file:hashes.MD5 = 'xyz']", [], id="no hash"),
        pytest.param("[process:command_line = 'x']", [], id="what is not compared"),
        pytest.param("[x-ours:value = 'a.example']", [], id="a type that nobody knows"),
    ],
)
def test_what_a_pattern_names(pattern: str, found: list[str]) -> None:
    assert named(pattern) == found


@pytest.mark.parametrize(
    ("object_", "found"),
    [
        pytest.param(indicator(1), ["domain n1.example"], id="an indicator"),
        pytest.param(indicator(1, pattern_type="snort"), [], id="another language"),
        pytest.param(indicator(1, revoked=True), [], id="a revoked one"),
        pytest.param(indicator(1, revoked=False), ["domain n1.example"], id="one that stands"),
        pytest.param(seen("domain-name", value="C2.example"), ["domain c2.example"], id="a name"),
        pytest.param(seen("autonomous-system", number=64500), ["as-number 64500"], id="a number"),
        pytest.param(
            seen("file", name="A.exe", hashes={"MD5": "F" * 32, "SSDEEP": "3:a:b"}),
            ["file-name a.exe", f"md5 {'f' * 32}", "other-hash SSDEEP 3:a:b"],
            id="a file",
        ),
        pytest.param(
            seen("windows-registry-key", key="HKEY_LOCAL_MACHINE\\Software\\X\\"),
            ["registry-key hkey_local_machine\\software\\x"],
            id="a registry key",
        ),
        pytest.param(
            seen("observed-data", objects={"0": {"type": "mutex", "name": "Qq"}, "1": "odd"}),
            ["mutex Qq"],
            id="what stands inside observed data",
        ),
        pytest.param(
            seen("observed-data", object_refs=["mutex--1"]),
            ["points-to mutex--1"],
            id="what observed data points to",
        ),
        pytest.param(
            sighting(indicator(1), observed_data_refs=["observed-data--1"]),
            [f"points-to {indicator(1)['id']}", "points-to observed-data--1"],
            id="what a sighting points to",
        ),
        pytest.param(malware(1), [], id="what is no value"),
        pytest.param(seen("domain-name", value=7), ["domain 7"], id="of another JSON type"),
        pytest.param(seen("domain-name", value=["a.example"]), [], id="of no JSON type that fits"),
    ],
)
def test_what_an_object_names(object_: dict[str, object], found: list[str]) -> None:
    raw = encoded(object_)
    assert [str(each) for each in values_of(raw, str(object_["type"]))] == found


def test_what_cannot_be_read_names_nothing() -> None:
    assert values_of(b'{"pattern": 7}', "indicator") == ()
    assert values_of(b"\xff", "domain-name") == ()
    assert values_of(b"[" * 100_000, "file") == ()


def test_one_object_is_found_by_so_many_values_and_no_more() -> None:
    many = " OR ".join(f"domain-name:value = 'n{n}.example'" for n in range(MAX_VALUES + 5))
    raw = encoded(indicator(1, pattern=f"[{many}]"))
    found = values_of(raw, "indicator")
    assert len(found) == MAX_VALUES
    assert found[0].text == "n0.example"


def test_a_value_that_is_too_long_is_not_compared() -> None:
    assert values.spelled(ValueKind.MUTEX, "x" * MAX_TEXT) is not None
    assert values.spelled(ValueKind.MUTEX, "x" * (MAX_TEXT + 1)) is None
    assert values.spelled(ValueKind.MUTEX, "a\0b") is None


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        pytest.param("198.51.100.7", ["ipv4 198.51.100.7"], id="an address"),
        pytest.param(" 198[.]51[.]100[.]7 ", ["ipv4 198.51.100.7"], id="made harmless"),
        pytest.param("hxxps://C2[.]example/X", ["url https://c2.example/X"], id="a harmless URL"),
        pytest.param("a[@]b.example", ["email a@b.example"], id="an address for mail"),
        pytest.param("F" * 40, [f"sha1 {'f' * 40}"], id="a hash by its length"),
        pytest.param("AS64500", ["as-number 64500"], id="a network's number"),
        pytest.param(
            "x.exe",
            ["domain x.exe", "file-name x.exe", "mutex x.exe", "registry-key x.exe"],
            id="what can be several things",
        ),
        pytest.param("", [], id="nothing"),
        pytest.param("\0", [], id="nothing that can be written"),
    ],
)
def test_what_somebody_can_mean(text: str, meant: list[str]) -> None:
    assert [str(each) for each in candidates(text)] == meant


@given(st.sampled_from(ValueKind), st.text(max_size=60))
def test_a_spelling_is_spelled_the_same_again(kind: ValueKind, text: str) -> None:
    once = values.spelled(kind, text)
    assert once is None or values.spelled(kind, once.text) == once


@given(st.text(max_size=200))
def test_any_text_is_read_as_a_pattern_without_harm(text: str) -> None:
    assert all(isinstance(each, Value) for each in values.in_pattern(text))
    assert all(isinstance(each, Value) for each in candidates(text))


NAMES = st.from_regex(r"[a-z]{1,8}\.example", fullmatch=True)
COMPARISONS = st.one_of(
    NAMES.map(lambda name: f"domain-name:value = '{name}'"),
    NAMES.map(lambda name: f"url:value = 'http://{name}/it\\'s?a=[b]'"),
    st.ip_addresses(v=4).map(lambda address: f"ipv4-addr:value = '{address}'"),
    st.binary(min_size=16, max_size=16).map(lambda raw: f"file:hashes.MD5 = '{raw.hex()}'"),
    NAMES.map(lambda name: f"domain-name:value != '{name}'"),
)
PATTERNS = st.lists(st.lists(COMPARISONS, min_size=1, max_size=3), min_size=1, max_size=3).map(
    lambda groups: " OR ".join(f"[{' OR '.join(group)}]" for group in groups)
)


@given(PATTERNS)
def test_the_grammar_finds_the_same_equalities(pattern: str) -> None:
    """The full grammar of the OASIS library as the judge."""
    told = Pattern(pattern).inspect().comparisons
    expected = sorted(
        json.loads(json.dumps(text.strip("'").replace("\\'", "'")))
        for found in told.values()
        for _, operator, text in found
        if operator == "="
    )
    assert sorted({each.text for each in values.in_pattern(pattern)}) == sorted(set(expected))


@given(PATTERNS)
def test_what_stands_in_a_blocklist_is_compared_as_well(pattern: str) -> None:
    listed = {each.value for each in entries.read(pattern).entries}
    assert listed <= {each.text for each in values.in_pattern(pattern)}
