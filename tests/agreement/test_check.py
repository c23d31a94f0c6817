"""What `agreement check` doubts, each beside the text it has nothing to say about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given

from allied.agreement.check import check, check_text
from allied.agreement.enforcement import used_but_later
from allied.agreement.fields import LATER, declared
from allied.agreement.shape import Finding
from allied.agreement.terms import Agreement, load
from tests.agreement.texts import FEW, SAMPLE_FILES, TEMPLATE_FILES, agreements, pact

RESPONSE = "type: collective-response, trigger: {severity: at least high}"
TRIGGER = "type: collective-response, trigger:"
DUTY = "do: assist, modality: must, answer_within: 1 hour, perform_within: 1 day"
OWED = f"duties: [{{{DUTY}}}]"


@dataclass(frozen=True)
class Case:
    code: str
    severity: str
    bad: bytes
    good: bytes
    line: int
    column: int
    clause: str = "1"


def article(code: str, severity: str, bad: str, good: str, column: int, clause: str = "1") -> Case:
    return Case(code, severity, pact(bad), pact(good), 9, column, clause)


def swapped(
    code: str, severity: str, old: str, new: str, line: int, column: int, clause: str = ""
) -> Case:
    """A pact in which a part is exchanged."""
    good = pact('{art: "1", type: statement}', lateral="bilateral")
    assert old.encode() in good
    return Case(
        code, severity, good.replace(old.encode(), new.encode()), good, line, column, clause
    )


CASES = {
    "unmarked items would be refused": article(
        "default-above-ceiling",
        "error",
        '{art: "1", type: information-sharing, share: all, max_tlp: GREEN, default_tlp: RED}',
        '{art: "1", type: information-sharing, share: all, max_tlp: GREEN, default_tlp: GREEN}',
        84,
    ),
    "a role receives more than comes in": article(
        "receives-above-ceiling",
        "warning",
        '{art: "1", type: information-sharing, share: all, receives: {member: {max_tlp: RED}}}',
        '{art: "1", type: information-sharing, share: all, receives: {member: {max_tlp: AMBER}}}',
        84,
    ),
    "a tier that nobody has": article(
        "unknown-role",
        "warning",
        '{art: "1", type: information-sharing, share: all, receives: {membr: {max_tlp: AMBER}}}',
        '{art: "1", type: information-sharing, share: all, receives: {member: {max_tlp: AMBER}}}',
        73,
    ),
    "GREEN without a community": article(
        "no-community",
        "warning",
        '{art: "1", type: information-sharing, share: all, max_tlp: GREEN}',
        '{art: "1", type: information-sharing, share: all, max_tlp: GREEN, community: the ports}',
        64,
    ),
    "a hub that nobody is": article(
        "no-hub",
        "error",
        '{art: "1", type: information-sharing, share: all, direction: hub}',
        '{art: "1", type: information-sharing, share: all, direction: both}',
        66,
    ),
    "everything shared is left out": article(
        "nothing-shared",
        "error",
        '{art: "1", type: information-sharing, share: indicator, except: indicator}',
        '{art: "1", type: information-sharing, share: [indicator, technique], except: indicator}',
        69,
    ),
    "from a party to itself": article(
        "nobody-owes",
        "error",
        '{art: "1", type: information-sharing, share: all, direction: {from: river, to: river}}',
        '{art: "1", type: information-sharing, share: all, direction: {from: river, to: harbour}}',
        66,
    ),
    "an article that ends before it begins": article(
        "never-applies",
        "error",
        '{art: "1", type: statement, since: 2026-02-01, until: 2026-01-01}',
        '{art: "1", type: statement, since: 2026-02-01, until: 2026-02-01}',
        59,
    ),
    "a response that obliges nobody": article(
        "no-duty",
        "warning",
        f'{{art: "1", {RESPONSE}, invoked_by: victim}}',
        f'{{art: "1", {RESPONSE}, invoked_by: victim, duties: {{{DUTY}}}}}',
        5,
    ),
    "no deadline for the answer": article(
        "no-deadline",
        "warning",
        f'{{art: "1", {RESPONSE}, duties: [{{do: help, modality: must, perform_within: 1 day}}]}}',
        f'{{art: "1", {RESPONSE}, {OWED}}}',
        88,
    ),
    "who may answer at leisure needs no deadline": article(
        "no-deadline",
        "warning",
        f'{{art: "1", {RESPONSE}, duties: [{{do: assist, modality: must, answer_within: 1 day}}]}}',
        f'{{art: "1", {RESPONSE}, duties: [{{do: assist, modality: may}}]}}',
        88,
    ),
    "aid that must be given, but not when": article(
        "no-deadline",
        "warning",
        '{art: "1", type: mutual-aid, modality: must}',
        '{art: "1", type: mutual-aid, modality: must, answer_within: 1 day}',
        5,
    ),
    "a duty of somebody whom the article does not bind": article(
        "nobody-owes",
        "error",
        f'{{art: "1", {RESPONSE}, binds: river, duties: [{{who: harbour, {DUTY}}}]}}',
        f'{{art: "1", {RESPONSE}, binds: river, duties: [{{who: river, {DUTY}}}]}}',
        108,
    ),
    "a duty to oneself": article(
        "nobody-owes",
        "error",
        f'{{art: "1", {RESPONSE}, duties: [{{who: river, owes: river, {DUTY}}}]}}',
        f'{{art: "1", {RESPONSE}, duties: [{{who: river, owes: harbour, {DUTY}}}]}}',
        94,
    ),
    "a victim that is no party": article(
        "unreachable-trigger",
        "error",
        f'{{art: "1", {TRIGGER} {{victim_is: oslo}}, {OWED}}}',
        f'{{art: "1", {TRIGGER} {{victim_is: river}}, {OWED}}}',
        52,
    ),
    "more victims than parties": article(
        "unreachable-trigger",
        "error",
        f'{{art: "1", {TRIGGER} {{victims: at least 3}}, {OWED}}}',
        f'{{art: "1", {TRIGGER} {{victims: at least 2}}, {OWED}}}',
        62,
    ),
    "an attacker that is a party": article(
        "attacker-is-party",
        "warning",
        f'{{art: "1", {TRIGGER} {{attacker: river}}, {OWED}}}',
        f'{{art: "1", {TRIGGER} {{attacker: oslo}}, {OWED}}}',
        63,
    ),
    "a window, and nobody to invoke": article(
        "window-without-caller",
        "warning",
        f'{{art: "1", {RESPONSE}, invocation_window: 1 day, {OWED}}}',
        f'{{art: "1", {RESPONSE}, invocation_window: 1 day, invoked_by: victim, {OWED}}}',
        98,
    ),
    "provisional without a gap": article(
        "provisional-without-gap",
        "warning",
        f'{{art: "1", {RESPONSE}, provisional: {{allowed: yes}}, {OWED}}}',
        f'{{art: "1", {RESPONSE}, provisional: {{pending: attribution}}, {OWED}}}',
        92,
    ),
    "an adaptation for a capability that nobody has": article(
        "adaptation-for-nobody",
        "warning",
        (
            f'{{art: "1", {RESPONSE}, adaptations: [{{capability: "army: no", instead: funds}}],'
            f" {OWED}}}"
        ),
        f'{{art: "1", {RESPONSE}, adaptations: [{{party: river, instead: funds}}], {OWED}}}',
        106,
    ),
    "capped, without a cap": article(
        "no-cap",
        "warning",
        '{art: "1", type: mutual-aid, cost: capped}',
        '{art: "1", type: mutual-aid, cost: capped, cost_cap: 10000 EUR}',
        40,
    ),
    "free at first, for no time": article(
        "no-free-period",
        "warning",
        '{art: "1", type: mutual-aid, cost: free-then-cost}',
        '{art: "1", type: mutual-aid, cost: free-then-cost, free_for: 2 days}',
        40,
    ),
    "a named party decides, and none is named": article(
        "no-decider",
        "error",
        '{art: "1", type: governance, rule: {kind: named-party}}',
        '{art: "1", type: governance, rule: {kind: named-party, party: river}}',
        40,
    ),
    "a rule that one liar can split": article(
        "tolerates-nobody",
        "note",
        '{art: "1", type: governance, rule: {kind: unanimity}}',
        '{art: "1", type: governance, rule: {kind: unanimity, tolerates: 1}}',
        40,
    ),
    "secret, and yet visible": article(
        "secret-but-visible",
        "warning",
        '{art: "1", type: secrecy, existence: yes}',
        '{art: "1", type: secrecy, existence: no}',
        42,
    ),
    "a sender that would have to hide itself": article(
        "sender-cannot-hide",
        "warning",
        '{art: "1", type: information-sharing, share: all, anonymise: {by: submitter}}',
        '{art: "1", type: information-sharing, share: all, anonymise: {by: hub}}',
        71,
    ),
    "a field that nobody enforces yet": article(
        "not-enforced",
        "note",
        '{art: "1", type: information-sharing, share: all, anonymise: {by: submitter}}',
        '{art: "1", type: information-sharing, share: all}',
        71,
    ),
    "text that other programs read as no": article(
        "stock-yaml",
        "note",
        '{art: "1", type: statement, title: no}',
        '{art: "1", type: statement, title: "no"}',
        40,
    ),
    "a number of an article that other programs read as 1.1": article(
        "stock-yaml",
        "note",
        "{art: 1.10, type: statement}",
        '{art: "1.10", type: statement}',
        11,
        clause="1.10",
    ),
    "no way out": swapped(
        "no-withdrawal", "warning", "{withdrawal: {notice: 90 days}}", "{term: 1 year}", 8, 7
    ),
    "notice to a depositary that is not there": swapped(
        "no-depositary", "warning", "90 days}", "90 days, to: depositary}", 8, 42
    ),
    "bilateral with three parties": swapped(
        "lateral", "warning", "{id: harbour}", "{ids: [harbour, port]}", 1, 10
    ),
    "nobody is a member": swapped(
        "no-member",
        "error",
        "  - {id: river}\n  - {id: harbour}",
        "  - {ids: [river, harbour], role: observer}",
        6,
        3,
    ),
    "status in the text": swapped(
        "status-in-text", "note", "{id: harbour}", "{id: harbour, joined: 2026-01-01}", 7, 27
    ),
    "more signatures than parties": swapped(
        "never-in-force",
        "error",
        "life: {",
        "life: {in_force_when: {count: 3}, ",
        8,
        31,
    ),
    "nothing puts it into force": swapped(
        "no-entry-condition", "error", "life: {", "life: {in_force_when: {}, ", 8, 23
    ),
    "it lapses before it can be signed": swapped(
        "deadline-before-signature",
        "error",
        "life: {",
        "life: {signature_window: 2026-05-01/, entry_deadline: 2026-04-01, ",
        8,
        55,
    ),
    "a renewal of what has no term": swapped(
        "renewal-without-term", "warning", "life: {", "life: {renewal: {automatic: yes}, ", 8, 17
    ),
    "a body that cannot decide": swapped(
        "body-without-rule", "note", "articles:", "bodies: {board: {}}\narticles:", 9, 17
    ),
    "a scope that lies elsewhere than the target": swapped(
        "unreachable-trigger",
        "error",
        'articles:\n  - {art: "1", type: statement}',
        "scopes: {port: {targets: [ships]}}\narticles:\n"
        f'  - {{art: "1", {TRIGGER} {{scope: port, against: [funds]}}, {OWED}}}',
        11,
        75,
        clause="1",
    ),
    "a case without a victim among the parties": article(
        "unreachable-trigger",
        "error",
        f'{{art: "1", {TRIGGER} {{cases: [{{victim: oslo}}, {{victim: river}}]}}, {OWED}}}',
        f'{{art: "1", {TRIGGER} {{cases: [{{victim: river}}]}}, {OWED}}}',
        61,
    ),
    "more attackers than are named": article(
        "unreachable-trigger",
        "error",
        f'{{art: "1", {TRIGGER} {{attacker: oslo, attackers: at least 2}}, {OWED}}}',
        f'{{art: "1", {TRIGGER} {{attacker: [oslo, bergen], attackers: at least 2}}, {OWED}}}',
        80,
    ),
    "kinds that nobody can find": article(
        "never-found",
        "warning",
        f'{{art: "1", {TRIGGER} {{may_be_found_to_be: attack.cyber}}, {OWED}}}',
        f'{{art: "1", {TRIGGER} {{incident: attack.cyber}}, {OWED}}}',
        73,
    ),
    "only a body may invoke it, and there is none": article(
        "never-invoked",
        "error",
        f'{{art: "1", {RESPONSE}, invoked_by: body, {OWED}}}',
        f'{{art: "1", {RESPONSE}, invoked_by: victim, {OWED}}}',
        91,
    ),
    "more callers than members": article(
        "never-called",
        "error",
        '{art: "1", type: consultation, caller: 3 members}',
        '{art: "1", type: consultation, caller: 2 members}',
        44,
    ),
    "no time for meeting": article(
        "no-deadline",
        "note",
        '{art: "1", type: consultation}',
        '{art: "1", type: consultation, meet_within: 1 day}',
        5,
    ),
    "it must be shared, but not when": article(
        "no-deadline",
        "warning",
        '{art: "1", type: information-sharing, share: all, duty: must}',
        '{art: "1", type: information-sharing, share: all, duty: must, within: 1 day}',
        61,
    ),
    "a rule that needs more votes than there are": article(
        "never-adopted",
        "error",
        '{art: "1", type: governance, rule: {kind: simple-majority, threshold: 3}}',
        '{art: "1", type: governance, rule: {kind: simple-majority, threshold: 2}}',
        40,
    ),
    "a qualified majority of nobody knows how many": article(
        "no-threshold",
        "error",
        '{art: "1", type: governance, rule: {kind: qualified-majority}}',
        '{art: "1", type: governance, rule: {kind: qualified-majority, threshold: 2/3}}',
        40,
    ),
    "a weighted vote without a weight": article(
        "no-weight",
        "error",
        '{art: "1", type: governance, rule: {kind: weighted, weights: {river: 2}}}',
        '{art: "1", type: governance, rule: {kind: weighted, weights: {river: 2, harbour: 1}}}',
        40,
    ),
    "as many liars as voters": article(
        "tolerates-too-many",
        "error",
        '{art: "1", type: governance, rule: {kind: unanimity, tolerates: 2}}',
        '{art: "1", type: governance, rule: {kind: unanimity, tolerates: 0}}',
        40,
    ),
    "two quorums without a voter in common": article(
        "quorum-can-split",
        "warning",
        '{art: "1", type: governance, rule: {kind: simple-majority, quorum: 1}}',
        '{art: "1", type: governance, rule: {kind: simple-majority, quorum: 2}}',
        40,
    ),
    "a title that other programs read as a day": article(
        "stock-yaml",
        "note",
        '{art: "1", type: statement, title: 2026-03-01}',
        '{art: "1", type: statement, title: "2026-03-01"}',
        40,
    ),
    "a protection that has an end": swapped(
        "shield-has-an-end",
        "note",
        'articles:\n  - {art: "1", type: statement}',
        "protections: [{name: law, jurisdiction: here, valid: [2026-01-01/2026-12-31]}]\n"
        'articles:\n  - {art: "1", type: information-sharing, share: all, legal_shield: law}',
        11,
        69,
        clause="1",
    ),
    "an article that ends before the agreement begins": swapped(
        "never-applies",
        "error",
        '90 days}}\narticles:\n  - {art: "1", type: statement}',
        "90 days}, in_force_when: 2026-05-01}\narticles:\n"
        '  - {art: "1", type: statement, until: 2026-04-01}',
        10,
        40,
        clause="1",
    ),
    "it lapses before it enters into force": swapped(
        "deadline-before-entry",
        "error",
        "life: {",
        "life: {in_force_when: 2026-05-01, entry_deadline: 2026-04-01, ",
        8,
        51,
    ),
    "leaving is possible when all is over": swapped(
        "withdrawal-after-end",
        "warning",
        "90 days}}",
        "90 days, not_before: 24 months}, term: 2 years}",
        8,
        50,
    ),
    "a renewal that nobody can stop": swapped(
        "renewal-cannot-be-stopped",
        "warning",
        "life: {",
        "life: {term: 1 year, renewal: {automatic: yes, stop_notice: 12 months}, ",
        8,
        61,
    ),
    "a time zone that nobody knows": swapped(
        "unknown-time-zone", "error", "id: pact", "id: pact\ntimezone: Europe/Atlantis", 4, 11
    ),
    "a scope that leaves nothing out": swapped(
        "scope-without-limit",
        "warning",
        "articles:",
        "scopes: {estate: {growth: all}}\narticles:",
        9,
        18,
    ),
    "a scope that nothing names": swapped(
        "unused-scope",
        "note",
        "articles:",
        "scopes: {estate: {sectors: ports}}\narticles:",
        9,
        18,
    ),
    "a response that waits for a body without a rule": swapped(
        "never-decided",
        "warning",
        'articles:\n  - {art: "1", type: statement}',
        "bodies: {board: {}}\narticles:\n"
        f'  - {{art: "1", {RESPONSE}, decision: {{body: board}}, {OWED}}}',
        9,
        17,
    ),
    "a veto of somebody who does not vote": swapped(
        "vote-of-nobody",
        "warning",
        "articles:",
        "bodies: {board: {members: river, rule: {kind: unanimity, veto: harbour}}}\narticles:",
        9,
        40,
    ),
    "too few are left when one stays silent": article(
        "tolerates-too-many",
        "warning",
        '{art: "1", type: governance, rule: {kind: unanimity, tolerates: 1}}',
        '{art: "1", type: governance, rule: {kind: unanimity, tolerates: 0}}',
        40,
    ),
    "a protection that nothing says the days of": swapped(
        "shield-without-days",
        "note",
        'articles:\n  - {art: "1", type: statement}',
        "protections: [{name: law}]\n"
        'articles:\n  - {art: "1", type: information-sharing, share: all, legal_shield: law}',
        11,
        69,
        clause="1",
    ),
    "the chair of nobody breaks a tie": swapped(
        "no-chair",
        "warning",
        "articles:",
        "bodies: {board: {rule: {kind: simple-majority, tie: chair-casts}}}\narticles:",
        9,
        53,
    ),
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_a_doubt_has_its_place_and_its_twin_has_none(case: Case) -> None:
    code = f"agreement.{case.code}"

    assert code not in {each.code for each in check_text(case.good, "good")}  # the twin
    found = [each for each in check_text(case.bad, "bad") if each.code == code]

    assert found
    doubt = found[0]
    assert doubt.place is not None
    assert (doubt.severity, doubt.clause) == (case.severity, case.clause)
    assert (doubt.place.line, doubt.place.column) == (case.line, case.column)
    assert doubt.text


@pytest.mark.parametrize("file", [*SAMPLE_FILES, *TEMPLATE_FILES], ids=lambda file: file.stem)
def test_what_we_publish_has_no_errors(file: Path) -> None:
    findings = check_text(file.read_bytes(), file.name)

    assert not [each for each in findings if each.severity == "error"]


NO_TIME = "agreement.no-deadline"
HISTORICAL = {
    # The warnings that the head of each of these files explains.
    "north-atlantic-treaty": {NO_TIME},
    "ukusa": {NO_TIME},
    "triple-entente": {NO_TIME, "agreement.no-withdrawal"},
}


@pytest.mark.parametrize("file", TEMPLATE_FILES, ids=lambda file: file.stem)
def test_a_template_gives_no_warning_that_it_does_not_explain(file: Path) -> None:
    findings = check_text(file.read_bytes(), file.name)

    warned = {each.code for each in findings if each.severity != "note"}
    assert warned == HISTORICAL.get(file.stem, set())
    status = "agreement.status-in-text" in {each.code for each in findings}
    assert status == (file.stem in HISTORICAL)


def test_a_file_that_cannot_be_read_yields_its_mistakes() -> None:
    findings = check_text(pact('{art: "1", type: statment}', '{art: "2", titel: x}'), "a")

    assert [each.code for each in findings] == ["agreement.unknown-type", "agreement.missing-key"]
    assert {each.severity for each in findings} == {"error"}
    (yaml,) = check_text(b"title: *x", "a")
    assert (yaml.code, yaml.severity) == ("yaml.anchor", "error")


def test_two_documents_of_one_id_are_an_error() -> None:
    one = pact('{art: "1", type: statement}')
    two = one.replace(b"id: pact", b"id: other")

    assert "agreement.same-id" not in _codes(check_text(one + b"---\n" + two, "a"))
    assert "agreement.same-id" in _codes(check_text(one + b"---\n" + one, "a"))


def test_findings_come_in_the_order_of_the_text() -> None:
    findings = check_text(SAMPLE_FILES[1].read_bytes(), "a")
    places = [(each.place.line, each.place.column) for each in findings if each.place]

    assert places == sorted(places)
    assert len(places) == len(findings)


@FEW
@given(agreements())
def test_what_nobody_enforces_is_said_once_for_each_outermost_field(agreement: Agreement) -> None:
    said = [each for each in check(agreement) if each.code == "agreement.not-enforced"]
    paths = [used.path for used in used_but_later(agreement)]

    assert len(said) == len(paths) == len(set(paths))
    assert not any(a != b and a == b[: len(a)] for a in paths for b in paths)


def test_every_top_level_field_that_is_not_enforced_is_found_when_used() -> None:
    (agreement,) = load(SAMPLE_FILES[0].read_bytes(), "a")
    assert isinstance(agreement, Agreement)
    for clause in agreement.articles:
        later = {
            each.key
            for each in declared(type(clause))
            if not each.is_default(clause) and each.enforced_by(getattr(clause, each.name)) == LATER
        }
        found = {
            each.text.split("`")[1]
            for each in check(agreement)
            if each.code == "agreement.not-enforced" and each.clause == clause.art
        }
        assert later <= found


def _codes(findings: tuple[Finding, ...]) -> set[str]:
    return {each.code for each in findings}
