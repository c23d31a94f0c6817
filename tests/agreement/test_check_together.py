"""What `agreement check` doubts in several instruments, and on a given day."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import pytest

from allied.agreement.check import check_files, check_text
from allied.agreement.check_together import FINDING_LIMIT
from allied.agreement.shape import Finding
from tests.agreement.texts import SAMPLES, pact

BEFORE_1914 = Path(__file__).parents[1] / "response" / "agreements" / "before-1914.yaml"

TRIPLE = """\
format: alliance/1
id: triple-1882
form: {kind: treaty}
parties: [{ids: [germany, italy], kind: state}]
articles:
  - art: "2"
    type: collective-response
    trigger: {incident: attack.armed, attacker: france}
    duties: [{do: assist, modality: must}]
  - {art: "1", type: restraint, kind: no-conflicting-engagement}
"""
FRANCO_ITALIAN = """\
format: alliance/1
id: franco-italian-1902
form: {kind: exchange-of-letters}
parties: [{ids: [france, italy], kind: state}]
articles:
  - {art: "1", type: ARTICLE}
"""
NEUTRAL = "restraint, kind: neutrality"
HELP = "collective-response, trigger: {attacker: germany}, duties: [{do: assist, modality: must}]"
TALK = "collective-response, trigger: {attacker: germany}, duties: [{do: consult, modality: must}]"
WHOEVER = (
    "collective-response, trigger: {severity: at least low}, duties: [{do: x, modality: must}]"
)


def together(*texts: str, day: date | None = None) -> list[Finding]:
    files = [(text.encode(), f"file-{number}") for number, text in enumerate(texts)]
    return list(check_files(files, day=day))


def of(findings: list[Finding], code: str) -> list[Finding]:
    return [each for each in findings if each.code == f"agreement.{code}"]


@pytest.mark.parametrize(
    ("article", "code", "severity"),
    [
        pytest.param(HELP, "opposite-sides", "warning", id="help for both sides, both named"),
        pytest.param(NEUTRAL, "opposite-sides", "warning", id="neutrality towards the enemy"),
        pytest.param(HELP, "conflicting-engagement", "warning", id="an engagement against a party"),
        pytest.param(WHOEVER, "opposite-sides", "note", id="against whoever attacks"),
        pytest.param(TALK, "opposite-sides", "", id="talking conflicts with nothing"),
        pytest.param("statement", "opposite-sides", "", id="nor does a statement"),
    ],
)
def test_two_instruments_that_one_party_cannot_both_keep(
    article: str, code: str, severity: str
) -> None:
    found = of(together(TRIPLE, FRANCO_ITALIAN.replace("ARTICLE", article)), code)

    assert {each.severity for each in found} == ({severity} if severity else set())
    for each in found:
        assert "italy" in each.text
        assert each.place is not None
        assert each.place.line > 1


def test_where_a_text_says_which_prevails_nothing_is_left_to_warn_of() -> None:
    settled = "yields_to: franco-italian-1902\n" + TRIPLE
    help_ = FRANCO_ITALIAN.replace("ARTICLE", HELP)

    assert of(together(TRIPLE, help_), "opposite-sides")
    assert not of(together(settled, help_), "opposite-sides")
    assert not of(together(settled, help_), "conflicting-engagement")


def test_two_texts_that_each_yield_to_the_other_settle_nothing() -> None:
    one = "yields_to: franco-italian-1902\n" + TRIPLE
    other = "yields_to: triple-1882\n" + FRANCO_ITALIAN.replace("ARTICLE", HELP)

    assert of(together(one, other), "precedence-both-ways")
    assert of(together(one, other), "opposite-sides")
    assert not of(together(one, FRANCO_ITALIAN.replace("ARTICLE", HELP)), "precedence-both-ways")


def test_the_alliances_before_1914_share_no_party_that_owes_both_sides() -> None:
    entente = (SAMPLES / "triple-entente.yaml").read_bytes()
    findings = list(check_files([(entente, "entente"), (BEFORE_1914.read_bytes(), "others")]))
    pairs = of(findings, "opposite-sides")

    assert not [each for each in pairs if each.severity == "warning"]


def test_nato_8_speaks_up_where_an_ally_joins_a_pact_against_an_ally() -> None:
    nato = (SAMPLES / "nat-1949.yaml").read_text(encoding="utf-8")
    pact_ = (
        "format: alliance/1\nid: aegean\nform: {kind: treaty}\n"
        "parties: [{ids: [GRC, SRB], kind: state}]\narticles:\n"
        '  - {art: "1", type: collective-response, trigger: {attacker: TUR},'
        " duties: [{do: assist, modality: must}]}\n"
    )

    (found,) = of(together(nato, pact_), "conflicting-engagement")

    assert (found.severity, found.clause) == ("warning", "8")
    assert "GRC" in found.text
    assert not of(together(nato, pact_.replace("GRC", "ALB2")), "conflicting-engagement")


def tied(name: str, to: str) -> str:
    text = pact('{art: "1", type: statement}').decode().replace("id: pact", f"id: {name}")
    return text.replace("life: {", f"life: {{tied_to: {to}, ")


def test_ties_that_go_round_are_an_error_and_said_once() -> None:
    (found,) = of(together(tied("a", "b"), tied("b", "c"), tied("c", "a")), "tied-in-a-circle")

    assert found.severity == "error"
    assert "a, b, c, a" in found.text
    assert found.place is not None
    assert found.place.line == 7
    free = pact('{art: "1", type: statement}').decode().replace("id: pact", "id: c")
    assert not of(together(tied("a", "b"), tied("b", "c"), free), "tied-in-a-circle")
    assert of(together(tied("a", "a")), "tied-in-a-circle")


def test_what_is_not_among_the_documents_is_said_only_where_there_are_several() -> None:
    one = tied("a", "elsewhere")
    view = "format: alliance-view/1\nid: all\ninstruments: [a, gone]\n"

    assert not of(together(one), "tied-to-unknown")
    assert not of(together(view), "instrument-not-here")
    assert of(together(one, view), "tied-to-unknown")
    (found,) = of(together(one, view), "instrument-not-here")
    assert found.place is not None
    assert (found.place.source, found.place.line) == ("file-1", 3)
    assert not of(together(one, view.replace(", gone", "")), "instrument-not-here")


def test_findings_stand_under_the_files_in_the_order_given() -> None:
    bad = "format: alliance/1\nid: x\n"
    findings = together(TRIPLE, bad, FRANCO_ITALIAN.replace("ARTICLE", HELP))
    sources = [each.place.source for each in findings if each.place]

    assert sources == sorted(sources)
    assert set(sources) == {"file-0", "file-1", "file-2"}


DAYS = {
    "a legal shield that lapsed": (
        "legal_shield: law}",
        "legal-shield-lapsed",
        "warning",
        date(2025, 10, 15),
        date(2025, 11, 15),
    ),
    "an article that is over": (
        "until: 2025-09-30}",
        "article-over",
        "note",
        date(2025, 10, 1),
        date(2025, 9, 30),
    ),
}


@pytest.mark.parametrize("name", DAYS)
def test_what_has_run_out_is_said_on_the_day_given(name: str) -> None:
    end, code, severity, after, before = DAYS[name]
    text = pact(
        f'{{art: "1", type: information-sharing, share: all, {end}',
        protections="[{name: law, jurisdiction: US, valid: [2015-12-18/2025-09-30,"
        " 2025-11-12/2026-01-30]}]",
    )
    found = of(list(check_text(text, "a", day=after)), code)

    assert [each.severity for each in found] == [severity]
    assert str(after) in found[0].text
    assert not of(list(check_text(text, "a", day=before)), code)
    assert not of(list(check_text(text, "a")), code)


@pytest.mark.parametrize(
    ("life", "code"),
    [
        pytest.param(
            "signature_window: 2026-01-01/2026-02-01", "signature-window-closed", id="signing"
        ),
        pytest.param("entry_deadline: 2026-02-01", "entry-deadline-passed", id="entry"),
    ],
)
def test_a_day_after_which_it_cannot_begin(life: str, code: str) -> None:
    text = pact('{art: "1", type: statement}').replace(b"life: {", f"life: {{{life}, ".encode())

    assert of(list(check_text(text, "a", day=date(2026, 2, 2))), code)
    assert not of(list(check_text(text, "a", day=date(2026, 2, 1))), code)


def test_a_day_for_an_aim_that_has_passed() -> None:
    text = pact('{art: "1", type: preparedness, target: [{metric: x, by: 2026-02-01}]}')

    assert of(list(check_text(text, "a", day=date(2026, 2, 2))), "target-day-passed")
    assert not of(list(check_text(text, "a", day=date(2026, 2, 1))), "target-day-passed")


def test_many_instruments_that_all_conflict_take_bounded_time() -> None:
    articles = "".join(
        f'  - {{art: "{n}", type: collective-response, trigger: {{attacker: enemy-{n}}},'
        " duties: [{do: assist, modality: must}]}\n"
        for n in range(2_000)
    )
    head = (
        "format: alliance/1\nid: NAME\nform: {kind: treaty}\nparties: [{ids: [a, b]}]\narticles:\n"
    )
    texts = [head.replace("NAME", f"n{number}") + articles for number in range(3)]
    before = time.process_time()

    together(*texts)

    assert time.process_time() - before < 60


def test_many_possible_conflicts_hide_no_definite_one() -> None:
    many = [
        f"format: alliance/1\nid: many-{n}\nform: {{kind: treaty}}\n"
        f"parties: [{{ids: [italy, state-{n}], kind: state}}]\narticles:\n"
        f'  - {{art: "1", type: {WHOEVER}}}\n'
        for n in range(40)
    ]
    found = together(*many, TRIPLE, FRANCO_ITALIAN.replace("ARTICLE", HELP))
    possible = of(found, "opposite-sides") + of(found, "conflicting-engagement")

    assert len([each for each in possible if each.severity == "note"]) == FINDING_LIMIT
    assert [each for each in of(found, "opposite-sides") if each.severity == "warning"]
