"""Files that were damaged or written to hurt, for all three readers: agreement, incident, register.

Texts that we publish are cut, doubled, exchanged line by line, and filled with what trips readers
of YAML: anchors, tags, NUL, writing that runs backwards, letters that look like others, depth and
size. Whatever comes of it is read, or refused by one of our errors with a place inside the file;
and the work stays within a bound of what the file is long. Work is counted in calls, not in
seconds, so that a slow machine proves nothing wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

import pytest
from hypothesis import given, strategies as st

from allied.agreement.check import check_text
from allied.agreement.register_file import EVENT_LIMIT, load as load_register
from allied.agreement.terms import Agreement, load
from allied.agreement.text import SIZE_LIMIT
from allied.errors import AlliedError, MalformedError
from allied.response.fact_words import ACTS_LIMIT, VERSIONS_LIMIT
from allied.response.incident_file import dump_incident, load_incidents
from tests.agreement.texts import SAMPLE_FILES, TEMPLATE_FILES

CALLS_PER_BYTE = 400
"""Of work that is allowed; what we publish takes a tenth of it."""

CALLS_AT_LEAST = 200_000

PACT = b"""\
format: alliance/1
id: pact
form: {kind: contract}
parties: [{ids: [ash, birch, cedar], joined: 2020-01-01}]
life: {withdrawal: {notice: 90 days}}
articles:
  - {art: "1", type: collective-response, trigger: {}, duties: [{do: help, modality: must}]}
  - {art: "2", type: reservations, allowed: yes}
"""
INCIDENT = b"""\
format: incident/1
id: it
title: An attack
campaign: spring
versions:
  - known_at: 2026-05-10
    asserted_by: ash
    confidence: high
    evidence: [a report]
    facts:
      kind: attack.armed
      occurred_at: 2026-05-10
      severity: severe
      phase: active
      attribution: {from: outside, to: fox, confidence: high}
      unprovoked: yes
      acts:
        - {id: one, by: fox, against: ash, target: territory, places: [europe], latitude: "52.2"}
        - {by: fox, against: birch, systems: ["domain:a.example"], in_response_to: one, count: 3}
  - known_at: "2026-05-11T10:00:00Z"
    facts: {ended: no, requested_by_victim: yes, capacity: sufficient}
findings:
  - {agreement: pact, field: kind, value: attack.armed, by: board, at: 2026-05-12}
invocations:
  - {agreement: pact, art: "1", by: ash, at: 2026-05-12}
decisions:
  - {agreement: pact, art: "1", outcome: adopted, at: 2026-05-12, objectors: [cedar]}
"""
REGISTER = b"""\
format: register/1
events:
  - {agreement: pact, event: signed, party: ash, at: 2024-01-01}
  - {agreement: pact, event: ratified, party: ash, at: "2024-01-01T12:00:00Z"}
  - {agreement: pact, event: notice, party: birch, at: 2025-03-01}
  - {agreement: pact, event: suspended, party: ash, towards: cedar, at: 2025-09-17}
  - {agreement: pact, event: resumed, party: ash, towards: cedar, at: 2025-10-17}
  - {agreement: pact, event: reservation, party: cedar, art: "1", effect: exclude, at: 2024-01-01}
  - {agreement: pact, event: terminated, at: 2030-01-01}
"""


def _agreements() -> dict[str, Agreement]:
    return {each.id: each for each in load(PACT, "pact.yaml") if isinstance(each, Agreement)}


AGREEMENTS = _agreements()
READERS: dict[str, Callable[[bytes], Any]] = {
    "agreement": lambda raw: load(raw, "file.yaml"),
    "incident": lambda raw: load_incidents(raw, "file.yaml"),
    "register": lambda raw: load_register(raw, "file.yaml", AGREEMENTS),
}
FILES = {
    "agreement": [PACT, *(file.read_bytes() for file in (*SAMPLE_FILES, *TEMPLATE_FILES))],
    "incident": [INCIDENT],
    "register": [REGISTER],
}
CASES = [(kind, raw) for kind, files in FILES.items() for raw in files]
HEADS = {kind: files[0] for kind, files in FILES.items()}


class Tally:
    """Counts the calls of functions while it is entered."""

    def __init__(self) -> None:
        self.calls = 0

    def _heard(self, _frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            self.calls += 1

    def __enter__(self) -> Self:
        self._before = sys.getprofile()
        sys.setprofile(self._heard)
        return self

    def __exit__(self, *_how: object) -> None:
        sys.setprofile(self._before)


def read_or_refused(kind: str, raw: bytes) -> AlliedError | None:
    """What a reader makes of bytes: its refusal, or None.

    Anything but one of our errors goes through, and so does one without a place in the file.
    """
    tally = Tally()
    refusal: AlliedError | None = None
    with tally:
        try:
            READERS[kind](raw)
        except MalformedError as error:
            refusal = error
    assert tally.calls <= CALLS_AT_LEAST + CALLS_PER_BYTE * len(raw)
    if refusal is not None:
        assert refusal.place is not None
        assert refusal.place.source == "file.yaml"
        lines = raw.count(b"\n") + raw.count(b"\r") + 2
        assert 1 <= refusal.place.line <= lines + raw.count("\u2028".encode()) * 2
        assert refusal.place.column >= 1
        assert refusal.code.split(".")[0] in {"yaml", kind}
        json_safe = str(refusal)
        assert "\x00" not in json_safe
        assert "\u202e" not in json_safe
    return refusal


def test_what_is_published_is_read_with_a_tenth_of_the_work() -> None:
    for kind, raw in CASES:
        with Tally() as tally:
            READERS[kind](raw)
        assert tally.calls <= (CALLS_AT_LEAST + CALLS_PER_BYTE * len(raw)) / 10


TOKENS = (
    "", "~", "null", "NO", "yes", "2026-02-30", "9999-12-31", "-1", "1e999", "9" * 400, "22:30",
    "&a x", "*a", "!!python/object/apply:os.system [ls]", "!x", "<<: *a", "{a: &b [*b, *b]}",
    "\x00", '"\\0"', '"\\u202e"', "\u202eab", "\u200b", "\u0430sh", "b\u0456rch", "\u212a",
    "[" * 40, "{a: " * 40, "- " * 40, "? ", "|", ">", "'", '"', "#", "%YAML 1.1", "---", "...",
    "a" * 5000, "ash", "birch", "pact", "[ash, ash]", "{}", "[]", "0 days", "999999999 years",
    "asn:64500", "net:::/0", "Etc/Nowhere", "../../etc/passwd", "\ufeff", "\ud7ff",
)  # fmt: skip
OPERATIONS = ("delete", "double", "swap", "value", "word", "insert", "indent", "cut")


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A published file after some accidents."""
    kind = draw(st.sampled_from(["agreement", "incident", "register"]))
    lines = draw(st.sampled_from(FILES[kind])).decode().splitlines()
    for _ in range(draw(st.integers(1, 5))):
        if not lines:
            break
        at = draw(st.integers(0, len(lines) - 1))
        line = lines[at]
        match draw(st.sampled_from(OPERATIONS)):
            case "delete":
                del lines[at]
            case "double":
                lines.insert(draw(st.integers(0, len(lines))), line)
            case "swap":
                other = draw(st.integers(0, len(lines) - 1))
                lines[at], lines[other] = lines[other], line
            case "value":
                lines[at] = line.partition(":")[0] + ": " + draw(st.sampled_from(TOKENS))
            case "word":
                words = line.split(" ")
                words[draw(st.integers(0, len(words) - 1))] = draw(st.sampled_from(TOKENS))
                lines[at] = " ".join(words)
            case "insert":
                lines.insert(at, draw(st.sampled_from(TOKENS)))
            case "indent":
                lines[at] = " " * draw(st.integers(0, 9)) + line.lstrip()
            case _:
                lines[at] = line[: draw(st.integers(0, len(line)))]
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    return kind, end.join(lines).encode("utf-8", "surrogatepass")


@given(damaged())
def test_a_damaged_file_is_read_or_refused_with_its_place(case: tuple[str, bytes]) -> None:
    kind, raw = case
    read_or_refused(kind, raw)


@given(st.sampled_from(sorted(READERS)), st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(kind: str, raw: bytes) -> None:
    read_or_refused(kind, raw)
    read_or_refused(kind, HEADS[kind] + raw)


@given(damaged())
def test_what_the_linter_says_of_a_damaged_agreement_has_a_place(case: tuple[str, bytes]) -> None:
    _, raw = case
    for each in check_text(raw, "file.yaml"):
        assert each.place is not None
        assert each.text


@given(damaged())
def test_a_damaged_incident_that_is_read_prints_and_reads_back(case: tuple[str, bytes]) -> None:
    kind, raw = case
    if kind == "incident" and read_or_refused(kind, raw) is None:
        incidents = load_incidents(raw, "file.yaml")
        printed = "---\n".join(map(dump_incident, incidents))
        assert load_incidents(printed.encode(), "again") == incidents


HOSTILE = {
    "nothing": (b"", "empty"),
    "a NUL": (b"format: \x00", "character"),
    "a NUL by an escape": (b'format: "\\0"', "character"),
    "writing turned round": ("format: x\nid: \u202epact".encode(), "character"),
    "an invisible letter": ("format: x\nid: p\u200bact".encode(), "character"),
    "no UTF-8": (b"format: \xff\xfe", "encoding"),
    "an anchor": (b"format: &a x", "anchor"),
    "an alias": (b"format: *a", "anchor"),
    "a billion laughs": (b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "anchor"),
    "a tag": (b"format: !!python/name:os.system x", "tag"),
    "a merge": (b"format: x\n<<: {a: b}\n", "merge-key"),
    "a key given twice": (b"format: x\nformat: y\n", "duplicate-key"),
    "a deep list": (b"[" * 100_000, "too-deep"),
    "a deep map": (b"{a: " * 100_000, "too-deep"),
    "more than two MiB": (b"#" * (SIZE_LIMIT + 1), "too-large"),
    "documents without end": (b"--- a\n" * 300_000, "too-many"),
}


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_no_reader_lets_hostile_yaml_in(kind: str, name: str) -> None:
    raw, code = HOSTILE[name]
    assert read_or_refused(kind, HEADS[kind]) is None  # the twin

    refusal = read_or_refused(kind, raw)

    assert refusal is not None
    assert refusal.code == f"yaml.{code}"


def _many(head: bytes, line: str, count: int) -> bytes:
    return head + "".join(line.replace("N", str(number)) for number in range(count)).encode()


VERSIONS = b"format: incident/1\nid: it\nversions:\n"
ACTS = VERSIONS + b"  - known_at: 2026-05-10\n    facts:\n      acts:\n"
EVENTS = b"format: register/1\nevents:\n"
AN_EVENT = "  - {agreement: pact, event: declared, party: ash, practice: N, at: 2024-01-01}\n"


@pytest.mark.parametrize(
    ("kind", "head", "line", "most"),
    [
        pytest.param("incident", ACTS, "        - {id: aN, by: fox}\n", ACTS_LIMIT, id="acts"),
        pytest.param(
            "incident", VERSIONS, "  - {known_at: 2026-05-10, evidence: [eN]}\n", VERSIONS_LIMIT,
            id="versions",
        ),
        pytest.param("register", EVENTS, AN_EVENT, EVENT_LIMIT, id="events"),
    ],
)  # fmt: skip
def test_as_many_as_allowed_and_not_one_more(kind: str, head: bytes, line: str, most: int) -> None:
    READERS[kind](_many(head, line, most))
    with pytest.raises(MalformedError) as refusal:
        READERS[kind](_many(head, line, most + 1))
    assert refusal.value.code == f"{kind}.list-size"
    assert refusal.value.place is not None


@pytest.mark.parametrize(
    ("kind", "old", "new"),
    [
        pytest.param("agreement", "ash, birch", "\u0430sh, birch", id="a Cyrillic a in a party"),
        pytest.param("agreement", "id: pact", "id: p\u0430ct", id="and in an agreement"),
        pytest.param("incident", "against: ash", "against: \u0430sh", id="and in a victim"),
        pytest.param("register", "party: birch", "party: b\u0456rch", id="and in an event"),
    ],
)
def test_a_letter_that_looks_like_another_is_refused(kind: str, old: str, new: str) -> None:
    text = HEADS[kind].decode()
    assert old in text
    refusal = read_or_refused(kind, text.replace(old, new, 1).encode())
    assert refusal is not None
