"""Register files: what happened to agreements, and every mistake with its place."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, strategies as st

from allied.agreement.events import EVENTS
from allied.agreement.register_file import FORMAT, RegisterFile, load
from allied.agreement.schema import document_schema
from allied.agreement.standing import Event, Register, standing
from allied.agreement.terms import Agreement, load as load_agreements
from allied.agreement.text import ListNode, MapNode, Node, TextNode, load_yaml
from allied.errors import MalformedError
from allied.record.ids import PartyId
from scripts.agreement_reference import (
    INCIDENT_SCHEMA,
    REGISTER_SCHEMA,
    incident_schema_text,
    register_schema_text,
)

SAMPLES = Path(__file__).parent / "samples"
TEXTS = {
    each.id: each
    for name in ("nat-1949", "river-harbour")
    for each in load_agreements((SAMPLES / f"{name}.yaml").read_bytes(), name)
    if isinstance(each, Agreement)
}
SCHEMA = document_schema(RegisterFile, FORMAT, "register")
VALIDATOR = jsonschema_rs.validator_for(SCHEMA)


def raw(*events: str) -> bytes:
    lines = "\n".join(f"  - {{{each}}}" for each in events)
    return f"format: register/1\nevents:\n{lines}\n".encode()


def read(*events: str) -> tuple[Event, ...]:
    return load(raw(*events), "register.yaml", TEXTS)


def plain(node: Node) -> Any:
    match node:
        case TextNode():
            return node.text
        case ListNode():
            return [plain(each) for each in node.items]
        case MapNode():
            return {key.text: plain(value) for key, value in node.entries}


def test_a_notice_takes_effect_after_its_period() -> None:
    events = read("agreement: nat-1949, event: notice, party: NOR, at: 2025-03-01")
    register = Register(TEXTS, events)

    def legal(day: str) -> str:
        at = datetime.fromisoformat(f"{day}T00:00Z")
        return standing(register, "nat-1949", at).parties[PartyId("NOR")].legal

    assert [legal("2025-02-28"), legal("2026-03-01"), legal("2026-03-02")] == [
        "bound",
        "leaving",
        "former",
    ]


def test_country_codes_and_times_stay_what_they_are() -> None:
    (event,) = read(
        'agreement: nat-1949, event: suspended, party: NOR, towards: USA, at: "2024-09-17T22:30Z"'
    )
    assert (event.party, event.towards, event.reciprocal, event.day) == ("NOR", "USA", False, False)
    assert event.at == datetime(2024, 9, 17, 22, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("more", "reciprocal"),
    [
        pytest.param("event: suspended, towards: USA", False, id="a suspension works one way"),
        pytest.param("event: suspended, towards: USA, reciprocal: yes", True, id="or both"),
        pytest.param('event: reservation, art: "5"', True, id="a reservation works both ways"),
        pytest.param('event: reservation, art: "5", reciprocal: no', False, id="or one"),
    ],
)
def test_reciprocity(more: str, reciprocal: bool) -> None:
    (event,) = read(f"agreement: nat-1949, party: NOR, at: 2024-01-01, {more}")
    assert event.reciprocal is reciprocal


def test_a_declared_practice_shows_and_decides_nothing() -> None:
    events = read(
        "agreement: nat-1949, event: declared, party: NOR, practice: frozen, at: 2024-01-01"
    )
    stands = standing(Register(TEXTS, events), "nat-1949", datetime(2024, 2, 1, tzinfo=UTC))
    nor = next(each for each in stands.parties.values() if each.party == "NOR")
    assert (nor.legal, nor.practice) == ("bound", "frozen")


GOOD = "agreement: nat-1949, event: notice, party: NOR, at: 2025-03-01"


@pytest.mark.parametrize(
    ("bad", "code", "at"),
    [
        pytest.param(
            GOOD.replace("nat-1949", "nat-1948"), "unknown-agreement", "nat-1948", id="agreement"
        ),
        pytest.param(GOOD.replace("NOR", "NRO"), "unknown-party", "NRO", id="party"),
        pytest.param(GOOD.replace("party", "paty"), "unknown-key", "paty", id="key"),
        pytest.param(GOOD.replace("notice", "notise"), "unknown-word", "notise", id="event"),
        pytest.param(
            GOOD.replace("2025-03-01", "2025-02-29"), "wrong-value", "2025-02-29", id="date"
        ),
        pytest.param(GOOD.replace("party: NOR, ", ""), "missing-key", "", id="no party"),
        pytest.param(f"{GOOD}, towards: USA", "useless-key", "USA", id="useless key"),
        pytest.param(
            'agreement: nat-1949, event: reservation, party: NOR, at: 2025-03-01, art: "55"',
            "unknown-clause",
            '"55"',
            id="clause",
        ),
        pytest.param(
            "agreement: nat-1949, event: suspended, party: NOR, at: 2025-03-01, towards: NOR",
            "towards-itself",
            "NOR",
            id="towards itself",
        ),
        pytest.param(
            "agreement: nat-1949, event: suspended, party: NOR, at: 2025-03-01, reciprocal: yes",
            "useless-key",
            "yes",
            id="reciprocal towards everybody",
        ),
        pytest.param(
            "agreement: nat-1949, event: declared, party: NOR, at: 2025-03-01",
            "missing-key",
            "",
            id="nothing declared",
        ),
    ],
)
def test_a_mistake_is_refused_with_its_place(bad: str, code: str, at: str) -> None:
    assert read(GOOD)

    with pytest.raises(MalformedError) as refusal:
        load(raw(GOOD, bad), "register.yaml", TEXTS)

    place = refusal.value.place
    assert place is not None
    column = len("  - {") + 1 + bad.rindex(at) if at else len("  - {")
    assert (refusal.value.code, place.line, place.column) == (f"register.{code}", 4, column)


CLUB = """\
format: alliance/1
id: club
form: {kind: charter}
parties:
  - {id: alfa, tier: core}
  - {ids: [bravo, charlie]}
  - {id: delta, successor_of: alfa}
  - {id: echo, successor_of: nobody here}
bodies: {board: {}}
articles:
  - {art: "1", type: information-sharing, share: [indicator], receives: {basic: {max_tlp: GREEN}}}
"""
CLUBS = {
    each.id: each
    for each in load_agreements(CLUB.encode(), "club.yaml")
    if isinstance(each, Agreement)
}


def of_club(entry: str) -> Event:
    (event,) = load(raw(f"agreement: club, at: 2026-01-01, {entry}"), "r.yaml", CLUBS)
    return event


@pytest.mark.parametrize(
    ("entry", "carried"),
    [
        pytest.param("event: nominated, party: bravo, by: alfa", {"by": "alfa"}, id="nominated"),
        pytest.param("event: invited, party: bravo, by: board", {"by": "board"}, id="invited"),
        pytest.param(
            "event: objected, party: alfa, about: bravo", {"about": "bravo"}, id="objected"
        ),
        pytest.param(
            "event: changed, party: bravo, role: observer", {"role": "observer"}, id="another role"
        ),
        pytest.param("event: changed, party: bravo, tier: basic", {"tier": "basic"}, id="a tier"),
        pytest.param(
            "event: succeeded, party: bravo, predecessor: alfa", {"predecessor": "alfa"}, id="after"
        ),
        pytest.param(
            "event: succeeded, party: delta", {"predecessor": None}, id="as the text says"
        ),
        pytest.param("event: left, party: bravo, body: board", {"body": "board"}, id="left"),
        pytest.param(
            "event: returned, party: bravo, body: board", {"body": "board"}, id="returned"
        ),
        pytest.param("event: elected, party: bravo, body: board", {"body": "board"}, id="elected"),
        pytest.param('event: suspended, art: "1"', {"art": "1", "party": None}, id="an article"),
        pytest.param("event: suspended", {"art": "", "party": None}, id="the whole"),
        pytest.param(
            "event: suspended, party: bravo, by: board, ground: debt",
            {"by": "board", "ground": "debt"},
            id="by a body, on a ground",
        ),
        pytest.param("event: expelled, party: bravo, by: board", {"by": "board"}, id="expelled"),
    ],
)
def test_what_an_event_carries(entry: str, carried: dict[str, str | None]) -> None:
    event = of_club(entry)
    assert {key: getattr(event, key) for key in carried} == carried


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        pytest.param("event: nominated, party: bravo, by: zulu", "unknown-party", id="sponsor"),
        pytest.param("event: objected, party: alfa", "missing-key", id="objects to nothing"),
        pytest.param("event: objected, party: alfa, about: zulu", "unknown-party", id="candidate"),
        pytest.param("event: changed, party: bravo", "missing-key", id="changed into nothing"),
        pytest.param("event: changed, party: bravo, role: king", "unknown-word", id="role"),
        pytest.param("event: changed, party: bravo, tier: gold", "unknown-tier", id="tier"),
        pytest.param("event: succeeded, party: bravo", "missing-key", id="in whose place"),
        pytest.param("event: succeeded, party: echo", "missing-key", id="of no party"),
        pytest.param(
            "event: succeeded, party: bravo, predecessor: bravo", "succeeds-itself", id="itself"
        ),
        pytest.param("event: left, party: bravo", "missing-key", id="left nothing"),
        pytest.param("event: left, party: bravo, body: council", "unknown-body", id="body"),
        pytest.param(
            'event: suspended, party: bravo, towards: alfa, art: "1"',
            "useless-key",
            id="too narrow",
        ),
        pytest.param("event: signed, party: bravo, ground: debt", "useless-key", id="a ground"),
        pytest.param("event: joined, party: bravo", "unknown-word", id="what only a text says"),
    ],
)
def test_what_an_event_must_not_say(entry: str, code: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        of_club(entry)
    assert refusal.value.code == f"register.{code}"
    assert refusal.value.place is not None


def test_every_mistake_is_found_at_once() -> None:
    with pytest.raises(MalformedError) as refusal:
        read(GOOD.replace("NOR", "NRO"), GOOD.replace("nat-1949", "nat"))
    assert refusal.value.facts["findings"] == 2


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"format: register/2\nevents: []\n", id="another format"),
        pytest.param(b"format: register/1\n", id="no events"),
        pytest.param(b"- a\n", id="a list"),
        pytest.param(b"format: register/1\nevents: &a [*a]\n", id="an anchor"),
        pytest.param(b"format: register/1\nevents: \xff\n", id="no text"),
        pytest.param(raw(GOOD) + b"# " + b"x" * 2**21, id="too large"),
    ],
)
def test_what_is_no_register_is_refused(text: bytes) -> None:
    with pytest.raises(MalformedError):
        load(text, "register.yaml", TEXTS)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_crash(noise: bytes) -> None:
    for text in (noise, b"format: register/1\nevents:\n  - " + noise):
        with suppress(MalformedError):
            load(text, "register.yaml", TEXTS)


def test_the_order_of_events_decides_nothing() -> None:
    first = "agreement: nat-1949, event: suspended, party: NOR, at: 2024-01-01"
    second = "agreement: nat-1949, event: resumed, party: NOR, at: 2024-06-01"
    at = datetime(2025, 1, 1, tzinfo=UTC)
    answers = [
        standing(Register(TEXTS, read(*order)), "nat-1949", at)
        for order in ((first, second), (second, first))
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("event", "valid"),
    [
        pytest.param(GOOD, True, id="a notice"),
        pytest.param(GOOD.replace("party", "paty"), False, id="an unknown key"),
        pytest.param(GOOD.replace("notice", "notise"), False, id="an unknown event"),
    ],
)
def test_the_schema_checks_as_the_loader_does(event: str, valid: bool) -> None:
    (root,) = load_yaml(raw(event), "register.yaml")
    assert VALIDATOR.is_valid(plain(root)) is valid


def test_the_published_schemas_follow_from_the_declarations() -> None:
    advice = "run scripts/agreement_reference.py"
    assert REGISTER_SCHEMA.read_text(encoding="utf-8") == register_schema_text(), advice
    assert INCIDENT_SCHEMA.read_text(encoding="utf-8") == incident_schema_text(), advice
    jsonschema_rs.meta.validate(SCHEMA)


def test_every_event_is_documented() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "register-format.md"
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    told = {word for row in rows for word in row.split("|")[1].replace("`", "").split(", ")}
    assert set(EVENTS) <= {word.strip() for word in told}


def test_an_event_in_a_time_zone_begins_its_day_there() -> None:
    text = replace(TEXTS["nat-1949"], timezone="America/New_York")
    (event,) = load(raw(GOOD), "register.yaml", {text.id: text})
    assert event.at == datetime(2025, 3, 1, 5, tzinfo=UTC)
