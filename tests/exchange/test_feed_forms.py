"""Feeds as their readers get them: nothing in a value becomes a line, a rule or a record."""

from __future__ import annotations

import base64
import csv
import re
from collections.abc import Sequence
from datetime import UTC, datetime

import dns.name
import dns.rdatatype
import dns.zone
import orjson
import pytest
from hypothesis import given, settings, strategies as st

from allied.agreement.values import Tlp
from allied.exchange.actions import Action
from allied.exchange.entries import Entry, ValueKind, spell
from allied.exchange.feed_forms import FORMS, Form, Heading, Listed

UNTIL = datetime(2026, 12, 1, tzinfo=UTC)
ID = "indicator--00000000-0000-4000-8000-000000000001"
COMMENT = {"rpz": ";"}
UNCOMMENTED = {name for name in FORMS if "dataset" in name} | {"jsonl"}


def listed(kind: str, value: str, **more: object) -> Listed:
    fields: dict[str, object] = {
        "entry": Entry(ValueKind(kind), value),
        "ids": (ID,),
        "tlp": Tlp.GREEN,
        "action": Action.DIRECT,
    }
    return Listed(**(fields | more))  # type: ignore[arg-type]


def heading(form: Form, count: int, **more: object) -> Heading:
    fields: dict[str, object] = {
        "form": form.name,
        "source": "pact, as river holds it",
        "tlp": Tlp.GREEN,
        "entries": count,
        "until": UNTIL,
        "left_out": {"expired": 2},
        "serial": 7,
    }
    return Heading(**(fields | more))  # type: ignore[arg-type]


def written(name: str, *values: Listed, **more: object) -> list[str]:
    form = FORMS[name]
    raw = b"".join(form.write(heading(form, len(values), **more), values))
    assert raw.endswith(b"\n") or not raw
    return raw.decode("ascii").splitlines()


def lines(name: str, *values: Listed, **more: object) -> list[str]:
    """What stands below the heading."""
    mark = COMMENT.get(name, "# ")
    return [line for line in written(name, *values, **more) if not line.startswith(mark)]


@pytest.mark.parametrize("name", sorted(set(FORMS) - UNCOMMENTED))
def test_a_heading_states_tlp_source_and_expiry(name: str) -> None:
    kind = min(FORMS[name].kinds)
    sample = listed(kind, {"ipv4": "198.51.100.7"}.get(kind, "evil.example"))
    said = "\n".join(written(name, sample))
    for word in ("TLP:GREEN", "Source: pact, as river holds it", "Expires: 2026-12-01T00:00:00Z"):
        assert word in said
    assert "Left out: 2 (expired)" in said


def test_json_lines_state_it_in_their_first_line() -> None:
    first = orjson.loads(written("jsonl")[0])
    assert first["tlp"] == "TLP:GREEN"
    assert first["expires"] == "2026-12-01T00:00:00Z"
    assert first["left_out"] == {"expired": 2}


@pytest.mark.parametrize("source", ["a\nevil.example", "a\r\n$INCLUDE /etc/passwd", "ü\u2028x\x00"])
@pytest.mark.parametrize("name", sorted(set(FORMS) - UNCOMMENTED))
def test_a_heading_never_ends_its_line(name: str, source: str) -> None:
    honest = written(name)
    assert len(written(name, source=source)) == len(honest)


def test_a_text_list_is_one_value_a_line() -> None:
    assert lines("domain", listed("domain", "evil.example")) == ["evil.example"]


def test_a_table_quotes_every_cell() -> None:
    value = 'http://evil.example/a,"b";=cmd'
    found = lines("csv", listed("url", value, warned=("=known\nlist",), until=UNTIL))
    rows = list(csv.reader(found))
    assert rows[0][0] == "value"
    assert rows[1] == [
        value, "url", "TLP:GREEN", "externally-visible-direct", "2026-12-01T00:00:00Z", ID,
        "'=known?list",
    ]  # fmt: skip


def test_json_lines_hold_what_is_known() -> None:
    found = orjson.loads(lines("jsonl", listed("domain", "evil.example", warned=("banks",)))[1])
    assert found == {
        "type": "domain",
        "value": "evil.example",
        "tlp": "TLP:GREEN",
        "action": "externally-visible-direct",
        "valid_until": None,
        "indicators": [ID],
        "warning": ["banks"],
    }


# --- Suricata ---------------------------------------------------------------------------

RULE = re.compile(
    r"alert (ip|dns|tls|http) (any|[0-9a-f.:/]+) any (->|<>) (any|[0-9a-f.:/]+) any "
    r"\((?:[a-z.]+(?::(?:\"[^\";\\]*\"|[A-Za-z0-9 -]+))?; ?)+\)"
)
CONTENT = re.compile(r'content:"((?:[A-Za-z0-9._/-]|\|[0-9A-F]{2}\|)*)"')


def decoded(content: str) -> str:
    return re.sub(r"\|([0-9A-F]{2})\|", lambda found: chr(int(found[1], 16)), content)


def test_a_name_is_looked_for_in_questions_and_in_handshakes() -> None:
    dns_rule, tls_rule = lines("suricata-rules", listed("domain", "evil.example"))
    assert dns_rule.startswith("alert dns any any -> any any (")
    assert 'dns.query; dotprefix; content:".evil.example"; nocase; endswith;' in dns_rule
    assert "tls.sni" in tls_rule
    assert f"metadata:indicator {ID};" in dns_rule


def test_what_could_mean_something_in_a_rule_stands_as_hex() -> None:
    value = 'http://evil.example/a";sid:1;)|3b|\\b'
    (rule,) = lines("suricata-rules", listed("url", value))
    assert RULE.fullmatch(rule)
    host, path = CONTENT.findall(rule)
    assert decoded(host) == "evil.example"
    assert decoded(path) == '/a";sid:1;)|3b|\\b'
    assert rule.count("sid:") == 1


def test_numbers_of_rules_follow_from_the_rule_and_not_from_its_place() -> None:
    one, two = listed("ipv4", "198.51.100.7"), listed("ipv4", "198.51.100.8")
    assert sorted(lines("suricata-rules", one, two)) == sorted(lines("suricata-rules", two, one))
    numbers = [re.search(r"sid:(\d+);", rule) for rule in lines("suricata-rules", one, two)]
    found = {int(each[1]) for each in numbers if each}
    assert len(found) == 2
    assert all(3_000_000_000 <= each < 2**32 for each in found)


def test_what_goes_by_https_is_in_no_rule() -> None:
    form = FORMS["suricata-rules"]
    assert form.holds(Entry(ValueKind.URL, "http://evil.example/x"))
    assert not form.holds(Entry(ValueKind.URL, "https://evil.example/x"))
    assert not form.holds(Entry(ValueKind.URL, "http://evil.example/" + "x" * 300))


def test_data_sets_hold_values_and_nothing_else() -> None:
    assert written("suricata-dataset-sha256", listed("sha256", "0" * 64)) == ["0" * 64]
    (line,) = written("suricata-dataset-domain", listed("domain", "evil.example"))
    assert base64.b64decode(line) == b"evil.example"
    assert not FORMS["suricata-dataset-ipv4"].holds(Entry(ValueKind.IPV4, "198.51.100.0/24"))


# --- Zeek -------------------------------------------------------------------------------


def test_an_intelligence_file_has_four_fields_a_line() -> None:
    found = lines(
        "zeek",
        listed("ipv4", "198.51.100.7"),
        listed("ipv4", "198.51.100.0/24"),
        listed("url", "http://evil.example/a\\x09b"),
        listed("md5", "0" * 32),
        until=UNTIL,
    )
    rows = [line.split("\t") for line in found]
    assert rows.pop(0)[:2] == ["#fields", "indicator"]
    assert [row[1] for row in rows] == [
        "Intel::ADDR", "Intel::SUBNET", "Intel::URL", "Intel::FILE_HASH",
    ]  # fmt: skip
    assert all(len(row) == 4 for row in rows)
    assert rows[2][0] == r"evil.example/a\x5cx09b"


# --- response policy zones --------------------------------------------------------------


def zone_of(*values: Listed) -> dns.zone.Zone:
    text = "\n".join(written("rpz", *values))
    return dns.zone.from_text(text + "\n", origin="rpz.test.", relativize=True)


def test_a_zone_answers_for_a_name_and_all_below_it() -> None:
    zone = zone_of(listed("domain", "evil.example"))
    names = {str(name) for name in zone.nodes}
    assert names == {"@", "evil.example", "*.evil.example"}
    (target,) = zone.find_rdataset("evil.example", dns.rdatatype.CNAME)
    assert target.target == dns.name.root
    (start,) = zone.find_rdataset("@", dns.rdatatype.SOA)
    assert start.serial == 7


@pytest.mark.parametrize(
    ("value", "owner"),
    [
        ("198.51.100.7", "32.7.100.51.198.rpz-ip"),
        ("198.51.100.0/24", "24.0.100.51.198.rpz-ip"),
        ("2001:db8::1", "128.1.zz.db8.2001.rpz-ip"),
        ("2001:db8::/32", "32.zz.db8.2001.rpz-ip"),
        ("2001:db8:1:2:3:4:5:6", "128.6.5.4.3.2.1.db8.2001.rpz-ip"),
    ],
)
def test_addresses_stand_backwards(value: str, owner: str) -> None:
    kind = "ipv6" if ":" in value else "ipv4"
    assert owner in {str(name) for name in zone_of(listed(kind, value)).nodes}


# --- any value --------------------------------------------------------------------------

PRINTABLE = st.text(alphabet=[chr(each) for each in range(0x21, 0x7F)], min_size=1, max_size=60)


@settings(max_examples=60)
@given(st.lists(PRINTABLE, min_size=1, max_size=8))
def test_as_many_lines_as_values_whatever_they_hold(texts: Sequence[str]) -> None:
    values = dict.fromkeys(
        spelled for text in texts if (spelled := spell(ValueKind.URL, f"http://e.example/{text}"))
    )
    given = [listed("url", value) for value in values]
    assert given
    for name, form in FORMS.items():
        if ValueKind.URL not in form.kinds:
            continue
        held = [each for each in given if form.holds(each.entry)]
        above = len(written(name))
        assert len(written(name, *held)) == above + len(held), name
        if name == "suricata-rules":
            assert all(RULE.fullmatch(rule) for rule in lines(name, *held))


def test_forms_that_block_demand_that_it_may_be_seen() -> None:
    blocking = {name for name, form in FORMS.items() if form.action == Action.DIRECT}
    assert blocking == {*ValueKind, "rpz", *(name for name in FORMS if "dataset" in name)}
    assert not any(FORMS[name].flags for name in blocking)
    assert all(form.action >= Action.INTERNAL for form in FORMS.values())
