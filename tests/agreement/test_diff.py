from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given

from allied.agreement.diff import Change, diff, diff_texts
from allied.agreement.terms import Agreement, View, dump, load
from tests.agreement.texts import FEW, SAMPLE_FILES, TEMPLATE_FILES, agreements, pact

STATEMENT = '{art: "1", type: statement}'


def changes(before: bytes, after: bytes) -> list[str]:
    return [str(each) for each in diff_texts(before, "a", after, "b")]


@pytest.mark.parametrize("file", [*SAMPLE_FILES, *TEMPLATE_FILES], ids=lambda file: file.stem)
def test_a_file_does_not_differ_from_itself_nor_from_its_print(file: Path) -> None:
    raw = file.read_bytes()
    printed = "---\n".join(dump(value) for value in load(raw, "a")).encode()

    assert diff_texts(raw, "a", raw, "a") == ()
    assert diff_texts(raw, "a", printed, "b") == ()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            pact('{art: "1", type: information-sharing, share: all, max_tlp: GREEN}'),
            pact('{art: "1", type: information-sharing, share: all, max_tlp: RED}'),
            [
                "~ Article 1, default_tlp: GREEN -> RED"
                "  (What carries no marking is handled as TLP:RED.)",
                "~ Article 1, max_tlp: GREEN -> RED"
                "  (Nothing above TLP:RED may be sent under this clause; it is refused.)",
            ],
            id="a ceiling, and the default that follows it",
        ),
        pytest.param(
            pact('{art: "1", type: information-sharing, share: [indicator, technique]}'),
            pact('{art: "1", type: information-sharing, share: [assessment, indicator]}'),
            [
                "- Article 1, share: techniques",
                "+ Article 1, share: assessments",
            ],
            id="entries of a list without order",
        ),
        pytest.param(
            pact('{art: "1", type: information-sharing, share: [indicator, technique]}'),
            pact('{art: "1", type: information-sharing, share: [technique, indicator]}'),
            [],
            id="another order of a list without order",
        ),
        pytest.param(
            pact('{art: "1", type: dispute, steps: [consult, mediate]}'),
            pact('{art: "1", type: dispute, steps: [mediate, consult]}'),
            [
                "~ Article 1, steps.1.do: consult -> mediate  (They mediate.)",
                "~ Article 1, steps.2.do: mediate -> consult  (They consult.)",
            ],
            id="another order of a list with order",
        ),
        pytest.param(
            pact(STATEMENT),
            pact(STATEMENT, '{art: "2", type: review, every: 1 year}'),
            ["+ Article 2: review"],
            id="a new article",
        ),
        pytest.param(
            pact(STATEMENT, '{art: "2", type: review}'),
            pact('{art: "2", type: review}', STATEMENT),
            [],
            id="another order of articles",
        ),
        pytest.param(
            pact(STATEMENT),
            pact('{art: "1", type: review}'),
            ["~ Article 1, type: statement -> review"],
            id="another type under one number",
        ),
        pytest.param(
            pact(STATEMENT),
            pact(STATEMENT).replace(b"90 days", b"30 days"),
            [
                "~ life.withdrawal.notice: 90 days -> 30 days"
                "  (A party that gives notice is out after 30 days.)"
            ],
            id="a field inside a field",
        ),
        pytest.param(
            pact(STATEMENT),
            pact(STATEMENT).replace(b"{id: river}", b"{id: river, role: observer}"),
            ["~ parties.river.role: member -> observer  (Its role: observer.)"],
            id="a role of a party",
        ),
        pytest.param(
            pact(STATEMENT, scopes="{a: {places: oslo}}"),
            pact(STATEMENT, scopes="{a: {places: bergen}, b: {}}"),
            [
                "- scopes.a.places: oslo",
                "+ scopes.a.places: bergen",
                "+ scopes.b: as by default",
            ],
            id="scopes by their names",
        ),
        pytest.param(
            pact('{art: "1", type: secrecy}'),
            pact('{art: "1", type: secrecy, existence: yes}'),
            ["~ Article 1, existence: no -> yes  (Its very existence is secret.)"],
            id="yes and no",
        ),
        pytest.param(
            pact('{art: "1", type: information-sharing, share: all, retention: 1 year}'),
            pact('{art: "1", type: information-sharing, share: all}'),
            ["- Article 1, retention: 1 year  (No limit on keeping it is set.)"],
            id="what holds once a field is gone",
        ),
        pytest.param(
            pact('{art: "1", type: information-sharing, share: all, third_party: forbidden}'),
            pact('{art: "1", type: information-sharing, share: all, third_party: {allowed_to: x}}'),
            ["~ Article 1, third_party: forbidden -> to: x"],
            id="one form of a field and the other",
        ),
    ],
)
def test_a_difference_in_meaning_is_named(before: bytes, after: bytes, expected: list[str]) -> None:
    said = changes(before, after)
    if expected and "third_party" in expected[0]:
        assert said[0].startswith("~ Article 1, third_party: forbidden -> ")
    else:
        assert said == expected


def test_documents_are_matched_by_id() -> None:
    raw = (SAMPLE_FILES[-1]).read_bytes()
    fewer = raw.partition(b"---\n")[2]

    assert [str(each) for each in diff_texts(raw, "a", fewer, "b")] == [
        "- franco-russian-1892: Franco-Russian Military Convention"
    ]


def _reversed(change: Change) -> tuple[object, ...]:
    kind = {"added": "removed", "removed": "added"}.get(change.kind, change.kind)
    return (kind, change.clause, change.path, change.after, change.before)


def _plain(change: Change) -> tuple[object, ...]:
    return (change.kind, change.clause, change.path, change.before, change.after)


@FEW
@given(agreements(), agreements())
def test_the_other_way_round_says_the_reverse(one: Agreement, two: Agreement) -> None:
    there = sorted(map(_plain, diff(one, two)), key=repr)
    back = sorted(map(_reversed, diff(two, one)), key=repr)

    assert there == back


@FEW
@given(agreements(), agreements())
def test_what_differs_differs_and_what_does_not_does_not(one: Agreement, two: Agreement) -> None:
    assert diff(one, one) == ()
    if one == two:
        assert diff(one, two) == ()
    elif not diff(one, two):
        # Only the order of entries without order may have changed.
        assert sorted(dump(one)) == sorted(dump(two))


def test_an_agreement_and_a_view_differ_in_format() -> None:
    agreement, *_, view = load(SAMPLE_FILES[-1].read_bytes(), "a")
    assert isinstance(view, View)

    (change,) = diff(agreement, view)

    assert change.path == ("format",)
