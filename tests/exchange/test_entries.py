"""Which patterns become lines of a list, and how a value is spelled there."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from allied.exchange.entries import Entry, ValueKind, host_of, read, spell


def named(pattern: str) -> list[tuple[str, str]]:
    return [(each.kind.value, each.value) for each in read(pattern).entries]


@pytest.mark.parametrize(
    ("pattern", "entries"),
    [
        pytest.param(
            "[domain-name:value = 'Evil.Example.']",
            [("domain", "evil.example")],
            id="a name, in lower case and without the last dot",
        ),
        pytest.param(
            "[ipv4-addr:value = '198.51.100.7']", [("ipv4", "198.51.100.7")], id="an address"
        ),
        pytest.param(
            "[ipv4-addr:value = '198.51.100.7/24']",
            [("ipv4", "198.51.100.0/24")],
            id="a network loses its host bits",
        ),
        pytest.param(
            "[ipv6-addr:value='2001:DB8:0:0::1']", [("ipv6", "2001:db8::1")], id="one spelling"
        ),
        pytest.param(
            "[url:value = 'http://evil.example/a\\'b']",
            [("url", "http://evil.example/a'b")],
            id="a quote in the pattern is a quote in the value",
        ),
        pytest.param(
            "[file:hashes.MD5 = 'D41D8CD98F00B204E9800998ECF8427E' OR"
            " file:hashes.'SHA-1' = 'da39a3ee5e6b4b0d3255bfef95601890afd80709']",
            [
                ("md5", "d41d8cd98f00b204e9800998ecf8427e"),
                ("sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            ],
            id="alternatives of one object",
        ),
        pytest.param(
            "[domain-name:value = 'a.example'] OR [domain-name:value = 'b.example']",
            [("domain", "a.example"), ("domain", "b.example")],
            id="alternatives of several",
        ),
        pytest.param(
            "[domain-name:value = 'a.example' OR domain-name:value = 'A.example']",
            [("domain", "a.example")],
            id="each value once",
        ),
    ],
)
def test_what_becomes_an_entry(pattern: str, entries: list[tuple[str, str]]) -> None:
    assert named(pattern) == entries
    assert read(pattern).passed_over == 0


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("[domain-name:value = 'a.example' AND domain-name:value = 'b.example']"),
        pytest.param("[domain-name:value != 'a.example']"),
        pytest.param("[domain-name:value LIKE '%.example']"),
        pytest.param("[domain-name:value IN ('a.example', 'b.example')]"),
        pytest.param(
            "[domain-name:value = 'a.example'] FOLLOWEDBY [url:value = 'http://a.example/']"
        ),
        pytest.param("[domain-name:value = 'a.example'] WITHIN 5 SECONDS"),
        pytest.param("([domain-name:value = 'a.example'])"),
        pytest.param("[NOT domain-name:value = 'a.example']"),
        pytest.param("[domain-name:value = 'a.example'"),
        pytest.param(""),
    ],
)
def test_what_a_list_cannot_say_becomes_none(pattern: str) -> None:
    assert read(pattern).entries == ()
    assert read(pattern).passed_over == 1


def test_alternatives_that_are_no_usable_value_are_counted() -> None:
    found = read(
        "[domain-name:value = 'a.example' OR file:name = 'x.exe' OR ipv4-addr:value = '10.0.0.1']"
    )
    assert found.entries == (Entry(ValueKind.DOMAIN, "a.example"),)
    assert found.passed_over == 2


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        pytest.param("ipv4", "10.1.2.3", id="private addresses"),
        pytest.param("ipv4", "127.0.0.1", id="one's own address"),
        pytest.param("ipv4", "224.0.0.1", id="many at once"),
        pytest.param("ipv4", "0.0.0.0/0", id="all addresses"),
        pytest.param("ipv4", "198.0.0.0/7", id="a seventh of a continent"),
        pytest.param("ipv4", "192.0.0.0/8", id="a network that holds private ones"),
        pytest.param("ipv4", "198.051.100.7", id="zeros in front"),
        pytest.param("ipv4", "2001:db8::1", id="an address of the other kind"),
        pytest.param("ipv6", "fe80::1%eth0", id="a zone"),
        pytest.param("ipv6", "::ffff:198.51.100.7", id="an address within another"),
        pytest.param("domain", "localhost", id="a name without a dot"),
        pytest.param("domain", "a..example", id="an empty label"),
        pytest.param("domain", "198.51.100.7", id="an address is no name"),
        pytest.param("domain", "*.example", id="a star"),
        pytest.param("domain", "a.example\n0.0.0.0 b.example", id="two lines"),
        pytest.param("domain", "bücher.example", id="a name that is not yet encoded"),
        pytest.param("domain", "a" * 64 + ".example", id="a label that is too long"),
        pytest.param("url", "http://evil.example/a b", id="a blank"),
        pytest.param("url", "http://evil.example/\r\nb", id="a line break"),
        pytest.param("url", "javascript:alert(1)", id="another scheme"),
        pytest.param("url", "http://127.0.0.1/", id="a URL of one's own address"),
        pytest.param("url", "http://evil.example/" + "a" * 2_000, id="a URL without end"),
        pytest.param("md5", "d41d8cd9", id="a short hash"),
        pytest.param("sha256", "g" * 64, id="no hash at all"),
    ],
)
def test_what_is_not_usable_is_in_no_list(kind: str, text: str) -> None:
    assert spell(ValueKind(kind), text) is None


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("ipv4", "198.51.100.0/24"),
        ("ipv6", "2001:db8::/32"),
        ("domain", "_dmarc.evil-site.example"),
        ("domain", "xn--bcher-kva.example"),
        ("url", "https://user@evil.example:8443/p?q=1#f"),
        ("url", "http://198.51.100.7/x"),
        ("url", "http://[2001:db8::1]/x"),
        ("sha256", "0" * 64),
    ],
)
def test_what_is_usable_stays_as_it_is(kind: str, text: str) -> None:
    assert spell(ValueKind(kind), text) == text


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://Evil.Example/x", "evil.example"),
        ("http://u:p@evil.example:80", "evil.example"),
        ("http://[2001:db8::1]:8080/", "2001:db8::1"),
        ("not a url", ""),
    ],
)
def test_the_host_of_a_url(url: str, host: str) -> None:
    assert host_of(url) == host


@given(st.text(), st.sampled_from(list(ValueKind)))
def test_an_entry_is_printable_without_blanks_and_spelled_once(text: str, kind: ValueKind) -> None:
    spelled = spell(kind, text)
    if spelled is not None:
        assert all("!" <= each <= "~" for each in spelled)
        assert spell(kind, spelled) == spelled


@given(st.text(alphabet="[]()'\\ =:!ORANDadomain-nmevalueip4.ex\n", max_size=80))
def test_any_pattern_is_read_or_passed_over(pattern: str) -> None:
    found = read(pattern)
    assert found.entries or found.passed_over
