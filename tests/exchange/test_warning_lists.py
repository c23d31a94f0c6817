"""What a warning list says about a value, and which lists are read."""

from __future__ import annotations

import gzip
import json

import pytest

from allied.errors import MalformedError
from allied.exchange.entries import Entry, ValueKind
from allied.exchange.warning_lists import WarningList, Warnings, read
from tests.exchange.corpus import path


def written(matching: str = "string", *entries: str, **more: object) -> bytes:
    return json.dumps(
        {"name": "known", "version": 3, "type": matching, "list": list(entries)} | more
    ).encode()


@pytest.mark.parametrize(
    ("matching", "entry", "kind", "value", "warned"),
    [
        pytest.param("string", "a.example", "domain", "a.example", True, id="the same"),
        pytest.param("string", "A.Example", "domain", "a.example", True, id="without case"),
        pytest.param("string", "a.example", "domain", "b.a.example", False, id="not below it"),
        pytest.param("string", "a.example", "url", "http://a.example/x", True, id="host of a URL"),
        pytest.param("hostname", ".a.example", "domain", "a.example", True, id="that name"),
        pytest.param("hostname", "a.example", "domain", "x.a.example", True, id="one below it"),
        pytest.param("hostname", "a.example", "domain", "xa.example", False, id="one beside it"),
        pytest.param("hostname", "a.example", "url", "http://w.a.example/", True, id="its URL"),
        pytest.param("cidr", "198.51.100.0/24", "ipv4", "198.51.100.7", True, id="in a network"),
        pytest.param("cidr", "198.51.100.0/24", "ipv4", "198.51.101.7", False, id="beside it"),
        pytest.param("cidr", "198.51.100.7", "ipv4", "198.51.100.0/24", True, id="around it"),
        pytest.param("cidr", "2001:db8::/32", "ipv6", "2001:db8::1", True, id="of version 6"),
        pytest.param("cidr", "198.51.100.0/24", "url", "http://198.51.100.7/", True, id="in a URL"),
        pytest.param("substring", "free-mail", "domain", "my.free-mail.example", True, id="inside"),
        pytest.param("substring", "abc", "domain", "xabcx.example", True, id="a short one inside"),
        pytest.param("substring", "free-mail", "domain", "freemail.example", False, id="not there"),
    ],
)
def test_when_a_value_is_on_a_list(
    matching: str, entry: str, kind: str, value: str, warned: bool
) -> None:
    warnings = Warnings.of([read(written(matching, entry))])
    assert warnings.about(Entry(ValueKind(kind), value)) == (("known",) if warned else ())


def test_every_list_is_named_once() -> None:
    lists = [
        WarningList("b", 1, "string", ("a.example",)),
        WarningList("a", 1, "hostname", ("example", "a.example")),
    ]
    assert Warnings.of(lists).about(Entry(ValueKind.DOMAIN, "a.example")) == ("a", "b")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(b"{", "form", id="no JSON"),
        pytest.param(b"[" * 100_000, "form", id="very deep"),
        pytest.param(b'{"name": "x", "type": "string"}', "form", id="no entries"),
        pytest.param(b'{"name": "x", "type": "string", "list": [1]}', "form", id="numbers"),
        pytest.param(written(name=""), "form", id="no name"),
        pytest.param(written(name="a\nb"), "form", id="a name of two lines"),
        pytest.param(written("regex", "/(a+)+$/"), "matching", id="an expression without end"),
        pytest.param(written("cidr", "198.51.100.0/24", "nowhere"), "entry", id="no network"),
        pytest.param(written("string", " "), "entry", id="a blank"),
    ],
)
def test_what_is_no_list_is_refused(raw: bytes, code: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        read(raw)
    assert refusal.value.code == f"warning-list.{code}"


def test_a_refused_entry_is_named_by_its_place() -> None:
    assert read(written("cidr", "198.51.100.0/24")).entries == ("198.51.100.0/24",)
    with pytest.raises(MalformedError) as refusal:
        read(written("cidr", "198.51.100.0/24", "secret-value"))
    assert refusal.value.facts == {"entry": 2}
    assert "secret-value" not in str(refusal.value)


def test_the_published_lists_are_read_but_for_the_expressions() -> None:
    lists = []
    refused = []
    with gzip.open(path("misp/warninglists.ndjson.gz"), "rb") as lines:
        for line in lines:
            try:
                lists.append(read(line))
            except MalformedError as refusal:
                refused.append(refusal.code)
    assert len(lists) == 126
    assert refused == ["warning-list.matching"] * 2
    warnings = Warnings.of(lists)
    assert warnings.about(Entry(ValueKind.DOMAIN, "www.google.com"))
    assert not warnings.about(Entry(ValueKind.DOMAIN, "no-such-name.test"))
