"""The kinds of doubt that a reader of the documentation is promised, each by its smallest file.

`test_check` and `test_check_together` hold every question beside its twin. Here is the list of
what the linter is for: for each kind the smallest file that shows it, a twin that differs in one
place only, and what a finding must carry: line, article, severity, and what to do about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

import allied.agreement
from allied.agreement.check import check_files
from allied.agreement.shape import Finding
from tests.agreement.test_check import CASES
from tests.agreement.texts import pact

HERE = Path(__file__).parent
NEAR = "answer_within: 1 hour, perform_within: 1 day"
ENGAGED = "{art: '8', type: restraint, kind: no-conflicting-engagement}"


@dataclass(frozen=True)
class Kind:
    """What is found where in the bad files; the twins give no such finding."""

    code: str
    severity: str
    line: int
    clause: str
    bad: tuple[bytes, ...]
    twin: tuple[bytes, ...]
    day: date | None = None


def one(code: str, severity: str, bad: str, twin: str, day: date | None = None, **top: str) -> Kind:
    line = 9 + len(top)
    return Kind(code, severity, line, "1", (pact(bad, **top),), (pact(twin, **top),), day)


def respond(more: str) -> str:
    return f'{{art: "1", type: collective-response, {more}}}'


def five(rule: str) -> bytes:
    """A rule among five voters."""
    text = pact(f'{{art: "1", type: amendment, rule: {rule}}}')
    return text.replace(b"{id: river}", b"{ids: [ash, birch, cedar, elm]}")


def against(attacker: str, name: str, ally: str) -> bytes:
    return (
        f"format: alliance/1\nid: {name}\nform: {{kind: treaty}}\n"
        f"parties: [{{ids: [{ally}, somebody], kind: state}}]\n"
        "life: {withdrawal: {notice: 1 year}}\narticles:\n"
        f'  - {{art: "1", type: collective-response, trigger: {{attacker: {attacker}}},'
        f" duties: [{{do: assist, modality: must, {NEAR}}}]}}\n"
    ).encode()


def bloc(name: str, *ids: str) -> bytes:
    return (
        f"format: alliance/1\nid: {name}\nform: {{kind: treaty}}\n"
        f"parties: [{{ids: [{', '.join(ids)}], kind: state}}]\n"
        "life: {withdrawal: {notice: 1 year}}\narticles:\n"
        f"  - {ENGAGED}\n"
    ).encode()


KINDS = {
    "unreachable trigger": one(
        "unreachable-trigger",
        "error",
        respond(f"trigger: {{victim_is: nobody}}, duties: [{{do: x, modality: must, {NEAR}}}]"),
        respond(f"trigger: {{victim_is: river}}, duties: [{{do: x, modality: must, {NEAR}}}]"),
    ),
    "undefined scope": one(
        "dangling-reference",
        "error",
        '{art: "1", type: restraint, kind: sphere, scope: gone}',
        '{art: "1", type: restraint, kind: sphere, scope: estate}',
        scopes="{estate: {places: [the port]}}",
    ),
    "undefined body": one(
        "dangling-reference",
        "error",
        '{art: "1", type: consultation, body: gone, meet_within: 1 day}',
        '{art: "1", type: consultation, body: board, meet_within: 1 day}',
        bodies="{board: {rule: {kind: unanimity}}}",
    ),
    "no withdrawal rule": Kind(
        "no-withdrawal",
        "warning",
        7,
        "",
        (pact('{art: "1", type: statement}').replace(b"{withdrawal: {notice: 90 days}}", b"{}"),),
        (pact('{art: "1", type: statement}'),),
    ),
    "missing deadline": one(
        "no-deadline",
        "warning",
        respond("trigger: {}, duties: [{do: x, modality: must, answer_within: 1 hour}]"),
        respond(f"trigger: {{}}, duties: [{{do: x, modality: must, {NEAR}}}]"),
    ),
    "ceiling below the default marking": one(
        "default-above-ceiling",
        "error",
        '{art: "1", type: information-sharing, share: all, default_tlp: RED, max_tlp: GREEN}',
        '{art: "1", type: information-sharing, share: all, default_tlp: GREEN, max_tlp: GREEN}',
    ),
    "conflicting instruments, as NATO 8": Kind(
        "conflicting-engagement",
        "warning",
        7,
        "8",
        (bloc("treaty", "GRC", "TUR"), against("TUR", "aegean", "GRC")),
        (bloc("treaty", "GRC", "TUR"), against("XYZ", "aegean", "GRC")),
    ),
    "conflicting instruments, as CSTO 8": Kind(
        "conflicting-engagement",
        "warning",
        7,
        "8",
        (bloc("treaty", "ARM", "KAZ"), against("KAZ", "other", "ARM")),
        (bloc("treaty", "ARM", "KAZ"), against("KAZ", "other", "GEO")),
    ),
    "a duty nobody can owe": one(
        "nobody-owes",
        "error",
        respond(f"trigger: {{}}, duties: [{{who: hub, do: x, modality: must, {NEAR}}}]"),
        respond(f"trigger: {{}}, duties: [{{who: river, do: x, modality: must, {NEAR}}}]"),
    ),
    "a decision rule that one liar can split": Kind(
        "quorum-can-split",
        "warning",
        9,
        "1",
        (five("{kind: simple-majority, quorum: 2, tolerates: 1}"),),
        (five("{kind: simple-majority, quorum: 4, tolerates: 1}"),),
    ),
    "a decision rule that withstands no liar": Kind(
        "tolerates-nobody",
        "note",
        9,
        "1",
        (five("{kind: unanimity}"),),
        (five("{kind: unanimity, tolerates: 1}"),),
    ),
    "expired legal shield": one(
        "legal-shield-lapsed",
        "warning",
        '{art: "1", type: information-sharing, share: all, legal_shield: law}',
        '{art: "1", type: information-sharing, share: all, legal_shield: newer}',
        date(2025, 10, 15),
        protections="[{name: law, valid: 2015-12-18/2025-09-30},"
        " {name: newer, valid: 2025-01-01/}]",
    ),
    "a trap of yes and no": one(
        "stock-yaml",
        "note",
        '{art: "1", type: restraint, kind: non-aggression, towards: [NO]}',
        '{art: "1", type: restraint, kind: non-aggression, towards: ["NO"]}',
    ),
    "a trap of dates": one(
        "stock-yaml",
        "note",
        '{art: "1", type: statement, title: 2026-01-01}',
        '{art: "1", type: statement, title: "2026-01-01"}',
    ),
    "a trap of numbers": Kind(
        "stock-yaml",
        "note",
        9,
        "1.10",
        (pact("{art: 1.10, type: statement}"),),
        (pact('{art: "1.10", type: statement}'),),
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_is_found_with_place_article_severity_and_advice(name: str) -> None:
    kind = KINDS[name]
    code = f"agreement.{kind.code}"

    def found(texts: tuple[bytes, ...]) -> list[Finding]:
        files = [(raw, f"file-{number}") for number, raw in enumerate(texts)]
        return [each for each in check_files(files, day=kind.day) if each.code == code]

    assert not found(kind.twin)
    first, *_ = found(kind.bad)
    assert first.place is not None
    assert first.place.line == kind.line
    assert first.place.column >= 1
    assert (first.severity, first.clause) == (kind.severity, kind.clause)
    assert first.text
    assert first.advice


def test_every_code_of_the_linter_is_held_by_a_test() -> None:
    folder = Path(allied.agreement.__file__).parent
    codes = {
        code
        for file in folder.glob("check*.py")
        for code in re.findall(r'"agreement\.([a-z-]+)"', file.read_text(encoding="utf-8"))
    }
    tests = "".join(file.read_text(encoding="utf-8") for file in HERE.glob("test_check*.py"))
    assert len(codes) > 50
    assert {code for code in codes if f'"{code}"' not in tests and f".{code}" not in tests} == set()


def test_every_finding_says_what_to_do() -> None:
    for name, case in CASES.items():
        for each in check_files([(case.bad, "bad")]):
            assert each.text, name
            assert each.advice, (name, each.code)
