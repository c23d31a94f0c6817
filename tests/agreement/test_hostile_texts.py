"""Texts that were written to hurt: refused with a place, in bounded time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from allied.agreement.articles import ARTICLE_LIMIT
from allied.agreement.check import check_text
from allied.agreement.parties import PARTY_LIMIT
from allied.agreement.terms import Agreement, View, dump, load
from allied.agreement.text import LEVEL_LIMIT, SIZE_LIMIT, load_yaml
from allied.errors import MalformedError
from tests.agreement.texts import SAMPLE_FILES, pact

PATIENCE = 15.0
"""Seconds of computing; most take a hundredth of it."""

MANY_NAMES = ", ".join(f"p{number}" for number in range(9000))
HOSTILE = {
    "brackets in brackets": (b"[" * SIZE_LIMIT, "yaml.too-deep"),
    "maps in maps": (b"{a: " * (SIZE_LIMIT // 4), "yaml.too-deep"),
    "lists in lists on one line": (b"- " * (SIZE_LIMIT // 2), "yaml.too-deep"),
    "keys that are keys": (b"? " * (SIZE_LIMIT // 2), "yaml.key"),
    "a billion laughs": (
        b"a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\n",
        "yaml.anchor",
    ),
    "an endless comment": (b"#" * SIZE_LIMIT, "yaml.empty"),
    "an endless word": (b"a" * SIZE_LIMIT, "agreement.wrong-type"),
    "an endless quotation": (b'"' + b"a" * (SIZE_LIMIT - 1), "yaml.syntax"),
    "an endless number of values": (b"[" + b"a," * (SIZE_LIMIT // 2 - 1), "yaml.too-many"),
    "documents without end": (b"--- a\n" * 300_000, "yaml.too-many"),
    "colons": (b": " * (SIZE_LIMIT // 2), "yaml.syntax"),
    "one byte too many": (b"a" * (SIZE_LIMIT + 1), "yaml.too-large"),
    "keys without end": (
        b"format: alliance/1\n" + b"".join(b"k%d: x\n" % n for n in range(150_000)),
        "agreement.unknown-key",
    ),
    "references without end": (
        pact(f'{{art: "1", type: statement, binds: [{MANY_NAMES}]}}'),
        "agreement.dangling-reference",
    ),
    "a duration without end": (
        pact(f'{{art: "1", type: review, every: {"9" * 100_000} years}}'),
        "agreement.wrong-value",
    ),
    "a fraction without end": (
        pact(
            f'{{art: "1", type: amendment, rule: {{kind: unanimity, threshold: 1/{"9" * 9999}}}}}'
        ),
        "agreement.wrong-value",
    ),
    "half a bundle of JSON": (b'{"type": "bundle", "objects": [{"a": ', "yaml.syntax"),
}


@pytest.mark.parametrize(
    ("raw", "code"), [pytest.param(*case, id=name) for name, case in HOSTILE.items()]
)
def test_a_hostile_text_is_refused_soon(raw: bytes, code: str) -> None:
    before = time.process_time()

    with pytest.raises(MalformedError) as refusal:
        load(raw, "hostile")

    assert refusal.value.code == code
    assert refusal.value.place is not None
    assert time.process_time() - before < PATIENCE


def test_levels_are_counted_exactly() -> None:
    load_yaml(b"[" * LEVEL_LIMIT + b"]" * LEVEL_LIMIT, "just right")

    with pytest.raises(MalformedError) as refusal:
        load_yaml(b"[" * (LEVEL_LIMIT + 1) + b"]" * (LEVEL_LIMIT + 1), "too deep")

    assert refusal.value.place is not None
    assert refusal.value.place.column == LEVEL_LIMIT + 1


def test_as_many_articles_as_allowed_and_not_one_more() -> None:
    articles = [f'{{art: "{n}", type: statement, no_duty: x}}' for n in range(ARTICLE_LIMIT + 1)]
    before = time.process_time()

    (agreement,) = load(pact(*articles[:-1]), "a")
    findings = check_text(pact(*articles[:-1]), "a")

    assert isinstance(agreement, Agreement)
    assert len(agreement.articles) == ARTICLE_LIMIT
    assert not [each for each in findings if each.severity == "error"]
    with pytest.raises(MalformedError) as refusal:
        load(pact(*articles), "a")
    assert refusal.value.code == "agreement.too-many-articles"
    assert time.process_time() - before < PATIENCE


def test_as_many_parties_as_allowed_and_not_one_more() -> None:
    before = time.process_time()
    most = [f"p{n}" for n in range(PARTY_LIMIT - 2)]
    text = pact('{art: "1", type: statement, binds: [p0, p1]}')

    def of(ids: list[str]) -> bytes:
        return text.replace(
            b"  - {id: harbour}", f"  - {{id: harbour}}\n  - {{ids: {ids}}}".encode()
        )

    (agreement,) = load(of(most), "a")
    (again,) = load(dump(agreement).encode(), "b")

    assert isinstance(agreement, Agreement)
    assert len(agreement.parties) == PARTY_LIMIT
    assert again == agreement
    check_text(of(most), "a")
    with pytest.raises(MalformedError) as refusal:
        load(of([*most, "late"]), "a")
    assert refusal.value.code == "agreement.too-many-parties"
    assert time.process_time() - before < PATIENCE


WOUNDS = (
    *("", " ", "\n", "  ", "- ", ": ", "{", "}", "[", "]", '"', "'", "#", "&a", "*a", "!x", "yes"),
    *("no", "1", "-", ",", "art", "type: ", "\t", "|", ">", "?", "\u202e"),
)


def _refused_or_read(raw: bytes) -> None:
    refusal: MalformedError | None = None
    values: tuple[Agreement | View, ...] = ()
    try:
        values = load(raw, "fuzz")
    except MalformedError as error:
        refusal = error
    if refusal is None:
        assert load("---\n".join(map(dump, values)).encode(), "again") == values
    else:
        assert refusal.place is not None
        assert refusal.code.startswith(("yaml.", "agreement."))


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    _refused_or_read(raw)


@given(st.text("abc:-[]{}#&*!|>'\"%@`,? \n\t<~.019éA", max_size=120))
def test_any_text_of_yaml_signs_is_read_or_refused(text: str) -> None:
    _refused_or_read(text.encode())


@settings(max_examples=150)
@given(
    st.sampled_from(SAMPLE_FILES),
    st.lists(
        st.tuples(
            st.integers(0, 10_000),
            st.integers(0, 12),
            st.sampled_from(WOUNDS) | st.text(max_size=6),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_a_damaged_sample_is_read_or_refused(
    file: Path, wounds: list[tuple[int, int, str]]
) -> None:
    text = file.read_text(encoding="utf-8")
    for at, length, instead in wounds:
        where = at % len(text) if text else 0
        text = text[:where] + instead + text[where + length :]
    _refused_or_read(text.encode("utf-8", "surrogatepass"))
