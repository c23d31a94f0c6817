"""Which texts are STIX patterns, and that a hostile one costs little."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, strategies as st

from allied.exchange import pattern
from allied.exchange.pattern import MAX_FULL, MAX_SIMPLE, is_pattern, is_simple
from tests.exchange import corpus

HASH = "ab" * 32


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        pytest.param("[domain-name:value = 'a.example']", True, id="one comparison"),
        pytest.param("[domain-name:value='a.example']", True, id="without spaces"),
        pytest.param("[app:id='x']", True, id="the shortest property there is"),
        pytest.param(f"[file:hashes.'SHA-256' = '{HASH}']", True, id="a digest"),
        pytest.param(f"[file:hashes.sha256='{HASH}']", False, id="a digest in another spelling"),
        pytest.param("[file:name = 'it\\'s' OR file:size = 7]", True, id="one or the other"),
        pytest.param("[file:name='a'OR file:name='b']", True, id="OR right behind a quote"),
        pytest.param("[a-b-c:x_y = 'a'] OR [url:value = 'b']", True, id="two observations"),
        pytest.param("[file:name = 'a' AND file:size = 7]", True, id="both of one object"),
        pytest.param("[file:name LIKE '%.exe']", False, id="LIKE"),
        pytest.param("[file:size > 7]", False, id="greater than"),
        pytest.param(
            "[ipv4-addr:value = '198.51.100.7'] FOLLOWEDBY [file:name = 'a'] WITHIN 5 SECONDS",
            False,
            id="in order, within a time",
        ),
    ],
)
def test_these_are_patterns(text: str, simple: bool) -> None:
    assert is_pattern(text)
    assert is_simple(text) == simple


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(" ", id="a space"),
        pytest.param("domain-name:value = 'a'", id="no brackets"),
        pytest.param("[domain-name:value = 'a'", id="a bracket is missing"),
        pytest.param("[domain-name:value = a]", id="no quotes"),
        pytest.param('[file:hashes."SHA-256" = "ab"]', id="the wrong quotes"),
        pytest.param("[file:hashes.'SHA-256' = 'ab']", id="a digest that is too short"),
        pytest.param("[f:name = 'a']", id="a type of one letter"),
        pytest.param("[file:n = 'a']", id="a property of one letter"),
        pytest.param("[file:name = 'a' AND]", id="AND with nothing behind it"),
        pytest.param("[file:name = 'a' ORfile:name = 'b']", id="OR grown together"),
        pytest.param("[file:name = 'a'] WITHIN 5 SECONDS WITHIN 6 SECONDS", id="WITHIN twice"),
        pytest.param("[file:name = 'a\\n']", id="an escape that does not exist"),
        pytest.param("(" * 5000 + "[file:size > 7]" + ")" * 5000, id="parentheses without end"),
        pytest.param("[file:name LIKE '" + "a" * MAX_FULL + "']", id="too long for the grammar"),
        pytest.param("[file:name = '" + "a" * MAX_SIMPLE + "']", id="too long for anything"),
    ],
)
def test_these_are_none(text: str) -> None:
    assert not is_pattern(text)


def test_a_long_list_of_alternatives_is_no_burden() -> None:
    listed = " OR ".join(f"domain-name:value = 'n{number}.example'" for number in range(20_000))

    assert is_simple(f"[{listed}]")
    assert not is_pattern(f"[{listed}")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[" + "(" * 60 + "file:name LIKE 'a' OR " * 1000, id="open groups"),
        pytest.param("[file:name LIKE 'a'" + " OR AND" * 4500, id="operators only"),
        pytest.param("[file:name = '" + "\\'" * 400_000, id="escapes only"),
        pytest.param("[" + " " * 900_000, id="spaces only"),
        pytest.param("[file:name='a']" + " OR [file:name='a']" * 40_000 + "x", id="almost right"),
    ],
)
def test_a_hostile_pattern_is_refused_soon(text: str) -> None:
    start = time.process_time()  # of a core: another process's turn does not count

    assert not is_pattern(text)
    assert time.process_time() - start < 10


def test_the_syntax_cases_of_oasis() -> None:
    """All agree, but for a type of one letter, which is no STIX type."""
    cases = json.loads(corpus.raw("stix-patterns/syntax_cases.json.gz"))
    assert len(cases) > 90

    different = [
        case["pattern"]
        for case in cases
        if is_pattern(case["pattern"]) != (case["expected"] == "valid")
    ]

    assert len(different) == 12
    assert all(each.startswith("[x:created = t'") for each in different)


names = st.sampled_from(["file", "domain-name", "x-a", "ab", "hashes", "File", "a_b", "id"])
steps = st.sampled_from(["name", "value", "id", "hashes", "'a b'", "x_y", "0", "a-b", "MD5"])
values = st.sampled_from(
    ["'a'", "''", "'\\''", "'\\\\'", "'\\n'", "7", "07", "-1", "1.5", "a", "t'x'"]
)
comparisons = st.builds(
    lambda type_, path, space, operator, value: (
        f"{type_}:{'.'.join(path)}{space}{operator}{space}{value}"
    ),
    names,
    st.lists(steps, min_size=1, max_size=3),
    st.sampled_from(["", " ", "\n"]),
    st.sampled_from(["=", "!=", "==", "<"]),
    values,
)
joined = st.builds(
    lambda parts, word: "[" + word.join(parts) + "]",
    st.lists(comparisons, min_size=1, max_size=3),
    st.sampled_from([" OR ", " AND ", "OR ", " OR", "  OR\n"]),
)


@given(st.lists(joined, min_size=1, max_size=2), st.sampled_from([" OR ", " AND ", "OR", ""]))
def test_what_the_expression_accepts_the_grammar_accepts_too(parts: list[str], word: str) -> None:
    text = word.join(parts)

    if is_simple(text):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(pattern, "is_simple", lambda _: False)
            assert is_pattern(text)
