"""What `allied agreement new` prints: complete, and true to what it is made after."""

from __future__ import annotations

from pathlib import Path

import pytest

from allied.agreement.clauses import Clause
from allied.agreement.diff import Change, diff, diff_texts
from allied.agreement.explain import explain_text
from allied.agreement.terms import Agreement, load
from allied.bootstrap import template_names, template_text
from tests.agreement.texts import SAMPLES, TEMPLATE_FILES, TEMPLATES

NAMES = [
    "five-services",
    "isac",
    "mutual-aid",
    "north-atlantic-treaty",
    "pact",
    "safe-harbour",
    "triple-entente",
    "ukusa",
]
ARTICLES = {
    "north-atlantic-treaty": [str(number) for number in range(1, 15)],
    "ukusa": [str(number) for number in range(1, 13)],
}
WORDING = {"title", "text", "deposit"}


def agreement(path: Path, name: str = "") -> Agreement:
    found = [each for each in load(path.read_bytes(), path.name) if isinstance(each, Agreement)]
    return next(each for each in found if not name or each.id == name)


def test_the_templates_are_these_and_no_other() -> None:
    assert template_names() == NAMES
    for name in NAMES:
        assert template_text(name).startswith("#")


@pytest.mark.parametrize("file", TEMPLATE_FILES, ids=lambda file: file.stem)
def test_a_template_explains_every_article_in_words(file: Path) -> None:
    said = explain_text(file.read_bytes(), file.name)

    for value in load(file.read_bytes(), file.name):
        for clause in value.articles if isinstance(value, Agreement) else ():
            assert clause.title, clause.art
            assert clause.text, clause.art
            assert f"Article {clause.art}: {clause.title}" in said


@pytest.mark.parametrize("name", ARTICLES)
def test_an_instrument_has_each_of_its_articles(name: str) -> None:
    found = agreement(TEMPLATES / f"{name}.yaml")

    assert [clause.art for clause in found.articles] == ARTICLES[name]


def test_the_three_instruments_of_the_entente_have_each_of_their_articles() -> None:
    values = load((TEMPLATES / "triple-entente.yaml").read_bytes(), "entente")
    arts = {
        each.id: [clause.art for clause in each.articles]
        for each in values
        if isinstance(each, Agreement)
    }

    assert arts["franco-russian-1892"] == [str(number) for number in range(1, 8)]
    assert arts["entente-cordiale-1904"] == [
        *(str(number) for number in range(1, 10)),
        *(f"secret-{number}" for number in range(1, 6)),
        "letters-1912",
        "letters-1912-note",
    ]
    assert arts["anglo-russian-1907"] == [
        f"{part}-{number}" for part in ("persia", "afghanistan", "tibet") for number in range(1, 6)
    ]


@pytest.mark.parametrize(
    ("template", "sample"),
    [("north-atlantic-treaty", "nat-1949"), ("triple-entente", "triple-entente")],
)
def test_a_historical_template_only_adds_to_the_sample(template: str, sample: str) -> None:
    changes = diff_texts(
        (SAMPLES / f"{sample}.yaml").read_bytes(),
        "sample",
        (TEMPLATES / f"{template}.yaml").read_bytes(),
        "template",
    )

    assert changes
    assert {each.kind for each in changes} == {"added"}
    assert not [each for each in changes if _is_field(each) and each.path[-1] not in WORDING]


@pytest.mark.parametrize(
    ("template", "sample", "art", "added"),
    [
        pytest.param("isac", "port-isac", "1", {"receives.secretariat"}, id="isac"),
        pytest.param("five-services", "five-like", "4", {"within", "freshness"}, id="five"),
        pytest.param("five-services", "five-like", "5", set(), id="five, no dealings"),
    ],
)
def test_a_template_has_the_article_of_the_sample(
    template: str, sample: str, art: str, added: set[str]
) -> None:
    before = _alone(agreement(SAMPLES / f"{sample}.yaml"), art)
    after = _alone(agreement(TEMPLATES / f"{template}.yaml"), art)
    changes = [
        each
        for each in diff(before, after)
        if each.clause and each.path[-1] not in {*WORDING, "legal_shield", "community"}
    ]

    assert {".".join(each.path[2:]) for each in changes} == added
    assert all(each.kind == "added" for each in changes)


def _alone(value: Agreement, art: str) -> Agreement:
    from dataclasses import replace

    kept: tuple[Clause, ...] = (value.clause(art),)
    return replace(value, articles=kept)


def _is_field(change: Change) -> bool:
    return bool(change.clause) and len(change.path) > 2
