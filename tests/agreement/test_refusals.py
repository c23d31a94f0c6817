"""Every refusal of the loader beside the text that passes, with place and advice."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from allied.agreement.reading import FINDING_LIMIT, MalformedTextError
from allied.agreement.terms import Agreement, load
from allied.errors import MalformedError
from tests.agreement.texts import PACT, pact

SHARING = '{art: "1", type: information-sharing, share: [indicator], max_tlp: GREEN}'


@dataclass(frozen=True)
class Case:
    """A text that is refused, one that is not, and what is said of the first."""

    bad: bytes
    good: bytes
    code: str
    line: int
    column: int
    advice: str = ""


def article(bad: str, good: str, code: str, column: int, advice: str = "") -> Case:
    return Case(pact(bad), pact(good), code, 9, column, advice)


def top(bad: str, good: str, code: str, column: int, advice: str = "") -> Case:
    return Case(
        f"{bad}\n{PACT}  []\n".encode(), f"{good}\n{PACT}  []\n".encode(), code, 1, column, advice
    )


CASES = {
    "unknown key": article(
        '{art: "1", type: information-sharing, share: [indicator], max_tpl: GREEN}',
        SHARING,
        "agreement.unknown-key",
        63,
        "did you mean `max_tlp`?",
    ),
    "key that belongs one level deeper": article(
        '{art: "1", type: amendment, rule: {kind: silence, period: 2 weeks}}',
        '{art: "1", type: amendment, rule: {kind: silence, silence: {period: 2 weeks}}}',
        "agreement.unknown-key",
        55,
        "it belongs inside `silence:`",
    ),
    "key of another type of clause": article(
        '{art: "1", type: statement, share: [indicator]}',
        '{art: "1", type: statement, no_duty: armed assistance}',
        "agreement.unknown-key",
        33,
        "one of `art`",
    ),
    "duplicate key": article(
        '{art: "1", type: statement, title: a, title: b}',
        '{art: "1", type: statement, title: a, text: b}',
        "yaml.duplicate-key",
        43,
        "keep one",
    ),
    "missing key": article(
        '{art: "1", type: information-sharing}', SHARING, "agreement.missing-key", 5, "add `share:`"
    ),
    "missing type": article(
        '{art: "1", share: [indicator]}', SHARING, "agreement.missing-key", 5, "information-sharing"
    ),
    "unknown type": article(
        '{art: "1", type: information-sharng, share: [indicator]}',
        SHARING,
        "agreement.unknown-type",
        22,
        "did you mean `information-sharing`?",
    ),
    "missing key with few words": article(
        '{art: "1", type: collective-response, trigger: {}, duties: [{do: assist}]}',
        '{art: "1", type: collective-response, trigger: {},'
        " duties: [{do: assist, modality: must}]}",
        "agreement.missing-key",
        65,
        "add `modality:` with `must`, `should`, `may` or `discuss`",
    ),
    "everyday word": article(
        '{art: "1", type: information-sharing, share: [IOCs]}',
        SHARING,
        "agreement.unknown-word",
        51,
        "that is `indicator` here",
    ),
    "unknown word": article(
        '{art: "1", type: information-sharing, share: [indicators]}',
        SHARING,
        "agreement.unknown-word",
        51,
        "did you mean `indicator`?",
    ),
    "a list where a word is meant": article(
        '{art: "1", type: information-sharing, share: [indicator], duty: [must]}',
        '{art: "1", type: information-sharing, share: indicator, duty: must}',
        "agreement.wrong-type",
        69,
    ),
    "a word where a map is meant": article(
        '{art: "1", type: collective-response, trigger: severe}',
        '{art: "1", type: collective-response, trigger: {severity: at least severe}}',
        "agreement.wrong-type",
        52,
        "`severity`",
    ),
    "a map where a word is meant": article(
        '{art: "1", type: statement, title: {a: b}}',
        '{art: "1", type: statement, title: "{a: b}"}',
        "agreement.wrong-type",
        40,
    ),
    "a marking of TLP 1": article(
        '{art: "1", type: information-sharing, share: [indicator], max_tlp: WHITE}',
        SHARING,
        "agreement.wrong-value",
        72,
        "CLEAR",
    ),
    "true instead of yes": article(
        '{art: "1", type: secrecy, existence: true}',
        '{art: "1", type: secrecy, existence: yes}',
        "agreement.wrong-value",
        42,
        "`yes` or `no`",
    ),
    "a duration without a unit": article(
        '{art: "1", type: review, every: 10}',
        '{art: "1", type: review, every: 10 years}',
        "agreement.wrong-value",
        37,
        "`4 hours`",
    ),
    "a day that no calendar has": article(
        '{art: "1", type: statement, since: 2025-02-29}',
        '{art: "1", type: statement, since: 2024-02-29}',
        "agreement.wrong-value",
        40,
        "`2026-03-01`",
    ),
    "a severity without at least": article(
        '{art: "1", type: collective-response, trigger: {severity: severe}}',
        '{art: "1", type: collective-response, trigger: {severity: at least severe}}',
        "agreement.wrong-value",
        63,
        "`at least`",
    ),
    "nothing where a value is meant": article(
        '{art: "1", type: statement, title: }',
        '{art: "1", type: statement}',
        "agreement.empty-value",
        40,
        "take the key out",
    ),
    "the same twice in a list": article(
        '{art: "1", type: information-sharing, share: [indicator, indicator]}',
        '{art: "1", type: information-sharing, share: [indicator, technique]}',
        "agreement.twice",
        62,
        "keep one",
    ),
    "a party that is not declared": article(
        '{art: "1", type: statement, binds: rivr}',
        '{art: "1", type: statement, binds: river}',
        "agreement.dangling-reference",
        40,
        "did you mean `river`?",
    ),
    "a party in another case": article(
        '{art: "1", type: statement, binds: RIVER}',
        '{art: "1", type: statement, binds: river}',
        "agreement.dangling-reference",
        40,
        "did you mean `river`?",
    ),
    "a body that is not declared": article(
        '{art: "1", type: governance, body: board}',
        '{art: "1", type: governance}',
        "agreement.dangling-reference",
        40,
        "no body is declared",
    ),
    "a scope that is not declared": article(
        '{art: "1", type: mutual-aid, scope: estate}',
        '{art: "1", type: mutual-aid, scope: {places: [estate]}}',
        "agreement.dangling-reference",
        41,
    ),
    "a protection that is not declared": article(
        '{art: "1", type: information-sharing, share: all, legal_shield: shield}',
        '{art: "1", type: information-sharing, share: all}',
        "agreement.dangling-reference",
        69,
    ),
    "a clause that is not there": article(
        '{art: "1", type: reservations, list: {party: river, clause: "2", effect: exclude}}',
        '{art: "1", type: reservations, list: {party: river, clause: "1", effect: exclude}}',
        "agreement.dangling-reference",
        65,
    ),
    "an article that is no map": article(
        "statement", '{art: "1", type: statement}', "agreement.wrong-type", 5
    ),
    "a number of an article with a blank": article(
        '{art: "1 a", type: statement}', "{art: 1a, type: statement}", "agreement.name", 11
    ),
    "no format": Case(
        pact().replace(b"format: alliance/1\n", b""), pact(), "agreement.no-format", 1, 1
    ),
    "an unknown format": Case(
        pact().replace(b"alliance/1", b"alliance/2"),
        pact(),
        "agreement.unknown-format",
        1,
        9,
        "did you mean `alliance/1`?",
    ),
    "an id with a letter of another alphabet": Case(
        pact().replace(b"id: river", "id: r\u0456ver".encode()),
        pact(),
        "agreement.name",
        5,
        10,
        "letters, digits and hyphens",
    ),
    "an id that begins with a digit": Case(
        pact().replace(b"id: river", b"id: 1river"), pact(), "agreement.name", 5, 10
    ),
    "the same party twice": Case(
        pact().replace(b"id: harbour", b"id: river"), pact(), "agreement.duplicate-party", 6, 5
    ),
    "id and ids of one party": Case(
        pact().replace(b"{id: harbour}", b"{id: harbour, ids: [x]}"),
        pact().replace(b"{id: harbour}", b"{ids: [harbour, x]}"),
        "agreement.unknown-key",
        6,
        19,
        "keep one",
    ),
    "no parties": Case(
        b"format: alliance/1\nid: a\nform: {kind: oral}\nparties: []\n",
        b"format: alliance/1\nid: a\nform: {kind: oral}\nparties: [{id: x}]\n",
        "agreement.no-party",
        4,
        10,
    ),
    "two articles of one number": Case(
        pact('{art: "1", type: statement}', '{art: "1", type: review}'),
        pact('{art: "1", type: statement}', '{art: "2", type: review}'),
        "agreement.duplicate-article",
        10,
        11,
        "renumber one",
    ),
    "an anchor": top("title: &a x", "title: x", "yaml.anchor", 8),
    "an alias": top("title: *a", 'title: "*a"', "yaml.anchor", 8),
    "a tag": top("title: !!str x", 'title: "!!str x"', "yaml.tag", 8),
    "a tag of a program": top("title: !python/object:os.system x", "title: x", "yaml.tag", 8),
    "a merge key": top("<<: {a: b}", "title: <<", "yaml.merge-key", 1),
    "a directive": Case(b"%YAML 1.1\n---\n" + pact(), b"---\n" + pact(), "yaml.tag", 1, 1),
    "a control character": top("title: a\x07b", "title: ab", "yaml.character", 9),
    "a null": top("title: a\x00b", "title: ab", "yaml.character", 9),
    "a character that turns the writing round": top(
        "title: a\u202eb", "title: ab", "yaml.character", 9, "delete it"
    ),
    "the same, written as an escape": top(
        'title: "a\\u202eb"', 'title: "a\\u00e9b"', "yaml.character", 8
    ),
    "an invisible character in an id": Case(
        pact().replace(b"id: river", "id: ri\u200bver".encode()), pact(), "yaml.character", 5, 12
    ),
    "bytes that are no UTF-8": Case(
        b"title: \xff\n" + pact(), b"text: x\n" + pact(), "yaml.encoding", 1, 8, "UTF-8"
    ),
    "a tab as indentation": Case(
        pact().replace(b"  - {id: river}", b"\t- {id: river}"),
        pact(),
        "yaml.syntax",
        5,
        1,
        "with spaces",
    ),
    "a bracket that is not closed": Case(
        b"title: [a\n" + pact(),
        b"purpose: [restraint]\n" + pact(),
        "yaml.syntax",
        2,
        7,
        "bracket",
    ),
    "a colon in brackets without quotes": article(
        '{art: "1", type: statement, title: 22:30}',
        '{art: "1", type: statement, title: "22:30"}',
        "yaml.syntax",
        42,
        "in quotes",
    ),
    "a list as a key": top("? [a]\n: b", "title: b", "yaml.key", 3),
    "nothing at all": Case(b"", pact(), "yaml.empty", 1, 1, "was it saved"),
    "the file of a word processor": Case(
        b"PK\x03\x04" + pact(), pact(), "yaml.encoding", 1, 1, "plain text"
    ),
    "prose": Case(
        b"They help each other.\n", pact(), "agreement.wrong-type", 1, 1, "allied agreement new"
    ),
    "a colon within a text": top(
        "title: Note: a pact", 'title: "Note: a pact"', "yaml.syntax", 12, "in quotes"
    ),
    "no blank behind a colon": Case(
        b"title:x\n" + pact(), b"title: x\n" + pact(), "yaml.syntax", 2, 7, "a blank behind each"
    ),
    "a missing comma in brackets": Case(
        b"parties: [{id: river name: River}]\n",
        pact(),
        "yaml.syntax",
        1,
        26,
        "a comma between the entries",
    ),
    "an apostrophe within single quotes": top(
        "title: 'a party's pact'", "title: 'a party''s pact'", "yaml.syntax", 17, "twice"
    ),
    "a line that stands too far in": Case(
        pact().replace(b"form:", b"  form:"), pact(), "yaml.syntax", 3, 7, "as many spaces"
    ),
    "no-break spaces as indentation": Case(
        pact().replace(b"  - {id: river}", "\u00a0\u00a0- {id: river}".encode()),
        pact(),
        "yaml.syntax",
        6,
        8,
        "with plain spaces",
    ),
    "typographic quotes around a colon": article(
        "{art: 1, type: statement, title: \u201c22:30\u201d}",
        '{art: 1, type: statement, title: "22:30"}',
        "yaml.syntax",
        41,
        "straight quotes",
    ),
    "two words without a comma": article(
        '{art: "1", type: information-sharing, share: [indicator technique]}',
        '{art: "1", type: information-sharing, share: [indicator, technique]}',
        "agreement.unknown-word",
        51,
        "put a comma between the words",
    ),
    "a word with its parts the other way round": article(
        '{art: "1", type: collective-response, trigger: {incident: cyber-attack}}',
        '{art: "1", type: collective-response, trigger: {incident: attack.cyber}}',
        "agreement.unknown-word",
        63,
        "that is `attack.cyber` here",
    ),
    "the name of a party where its id is meant": Case(
        pact('{art: "1", type: statement, binds: River Bank}').replace(
            b"{id: river}", b"{id: river, name: River Bank}"
        ),
        pact('{art: "1", type: statement, binds: river}'),
        "agreement.dangling-reference",
        9,
        40,
        "write its id, `river`",
    ),
    "keys where one value is meant": article(
        '{art: "1", type: statement, binds: {party: river}}',
        '{art: "1", type: statement, binds: river}',
        "agreement.wrong-type",
        40,
        "write one value",
    ),
    "a day as people write it": article(
        '{art: "1", type: statement, since: 1/3/2026}',
        '{art: "1", type: statement, since: 2026-03-01}',
        "agreement.wrong-value",
        40,
        "year, month and day",
    ),
    "a share as a decimal number": article(
        '{art: "1", type: amendment, rule: {kind: qualified-majority, threshold: 0.66}}',
        '{art: "1", type: amendment, rule: {kind: qualified-majority, threshold: 66%}}',
        "agreement.wrong-value",
        77,
        "a share like `66%`",
    ),
}

DURATIONS = {
    "2h": "2 hours",
    "2 hrs": "2 hours",
    "Two Hours": "2 hours",
    "an hour": "1 hour",
    "24hours": "24 hours",
    "within 3 months": "3 months",
    "5 business days": "5 working days",
    "30-day": "30 days",
    "2 fortnights": "",
    "-2 hours": "",
    "1.5 hours": "",
    "2": "",
}
MARKINGS = {
    '"TLP:AMBER"': "AMBER",
    "amber": "AMBER",
    "AMBER STRICT": "AMBER+STRICT",
    "AMBER\u2013STRICT": "AMBER+STRICT",
    "WHITE": "CLEAR",
    "YELLOW": "",
}


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in CASES.items()])
def test_a_mistake_is_refused_with_its_place_and_advice(case: Case) -> None:
    assert load(case.good, "good.yaml")  # the twin that passes

    with pytest.raises(MalformedError) as refusal:
        load(case.bad, "bad.yaml")

    error = refusal.value
    place = error.place
    assert place is not None
    assert (error.code, place.line, place.column) == (case.code, case.line, case.column)
    assert place.source == "bad.yaml"
    assert case.advice in error.hint


@pytest.mark.parametrize(
    ("key", "spelled", "ours"),
    [
        *(pytest.param("within", *each, id=each[0]) for each in DURATIONS.items()),
        *(pytest.param("max_tlp", *each, id=each[0]) for each in MARKINGS.items()),
    ],
)
def test_a_value_in_another_spelling_is_named_in_ours(key: str, spelled: str, ours: str) -> None:
    clause = '{{art: "1", type: information-sharing, share: [indicator], {}: {}}}'

    with pytest.raises(MalformedError) as refusal:
        load(pact(clause.format(key, spelled)), "a")

    if ours:
        assert refusal.value.hint == f"write `{ours}`"
        assert load(pact(clause.format(key, ours)), "a")
    else:
        assert refusal.value.hint.startswith(("write a number and a unit", "write one of"))


def test_the_number_of_an_article_says_where_it_stands_already() -> None:
    text = pact('{art: "1", type: statement}', '{art: "1", type: review}')

    with pytest.raises(MalformedTextError) as refusal:
        load(text, "a")

    assert refusal.value.findings[0].text.endswith("the other begins on line 9")


def test_all_mistakes_of_a_document_are_said_at_once_in_the_order_of_the_text() -> None:
    text = pact(
        '{art: "1", type: information-sharing, share: [indicators], max_tpl: RED}',
        '{art: "2", type: statment}',
        '{art: "3", type: statement, binds: [rvier]}',
    )

    with pytest.raises(MalformedTextError) as refusal:
        load(text, "a")

    found = [(each.code.removeprefix("agreement."), each.clause) for each in refusal.value.findings]
    assert found == [
        ("unknown-word", "1"),
        ("unknown-key", "1"),
        ("unknown-type", "2"),
        ("dangling-reference", "3"),
    ]
    assert refusal.value.facts["findings"] == 4
    assert refusal.value.code == refusal.value.findings[0].code


def test_a_hopeless_text_is_given_up_at_the_limit() -> None:
    articles = [f'{{art: "{n}", type: nonsense}}' for n in range(FINDING_LIMIT + 50)]

    with pytest.raises(MalformedTextError) as refusal:
        load(pact(*articles), "a")

    assert len(refusal.value.findings) == FINDING_LIMIT


def test_a_refusal_never_repeats_what_was_refused() -> None:
    secret = "hunter2hunter2"
    for text in (
        pact(f'{{art: "1", type: {secret}}}'),
        pact(f'{{art: "1", type: statement, {secret}: x}}'),
        pact(f'{{art: "1", type: review, every: {secret}}}'),
        pact(f'{{art: "1", type: statement, binds: {secret}}}'),
        pact('{art: "1", type: statement}', **{secret: "x"}),
    ):
        with pytest.raises(MalformedError) as refusal:
            load(text, "a")
        error = refusal.value
        findings = getattr(error, "findings", ())
        said = " ".join([str(error), error.hint, *(f"{f.text} {f.advice}" for f in findings)])
        assert secret not in said


@pytest.mark.parametrize("scalar", ["NO", "22:30", "1.10", "on", "0x1F", "2026-03-01", "~", "1e3"])
def test_every_scalar_stays_text(scalar: str) -> None:
    (agreement,) = load(pact(f'art: "1"\n    type: statement\n    title: {scalar}'), "a")

    assert isinstance(agreement, Agreement)
    assert agreement.articles[0].title == scalar


def test_the_country_no_is_a_party() -> None:
    text = pact('{art: "1", type: statement, binds: [NO]}').replace(b"id: river", b"id: NO")
    (agreement,) = load(text, "a")

    assert isinstance(agreement, Agreement)
    assert agreement.party_ids == ("NO", "harbour")
