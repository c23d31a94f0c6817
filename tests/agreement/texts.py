"""Agreement texts for the tests, and agreements generated from the declarations.

`agreements()` knows no clause type: it walks over the declarations as the reader does, so a
new field is tested without a new strategy.
"""

from __future__ import annotations

import re
import string
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

from hypothesis import settings, strategies as st

from allied.agreement.clauses import CLAUSES
from allied.agreement.fields import Kind, declared
from allied.agreement.parties import Party
from allied.agreement.scalars import Choice, Name, Ref, Scalar, Words
from allied.agreement.shape import Group, Many, Named, OneOf
from allied.agreement.terms import Agreement
from allied.agreement.values import (
    AmendmentEntry,
    Attribution,
    Confidence,
    Duration,
    Interval,
    Severity,
    Table,
    Tlp,
)

SAMPLES = Path(__file__).parent / "samples"
TEMPLATES = Path(__file__).parents[2] / "src" / "allied" / "agreement" / "templates"
SAMPLE_FILES = sorted(SAMPLES.glob("*.yaml"))
TEMPLATE_FILES = sorted(TEMPLATES.glob("*.yaml"))

PACT = """\
format: alliance/1
id: pact
form: {kind: contract}
parties:
  - {id: river}
  - {id: harbour}
life: {withdrawal: {notice: 90 days}}
articles:
"""


def pact(*articles: str, **top: str) -> bytes:
    """A small pact with these articles and further keys at the top."""
    lines = "".join(f"{key}: {value}\n" for key, value in top.items())
    body = "".join(f"  - {article}\n" for article in articles) or "  []\n"
    return (lines + PACT + body).encode()


NAMES = {
    "party": ("river", "harbour", "NO"),
    "body": ("board", "council"),
    "scope": ("estate", "port-2"),
    "protection": ("shield: first", "shield two"),
    "clause": ("1", "2"),
}

FEW = settings(max_examples=max(5, settings().max_examples // 5))
"""For properties over whole agreements, which take a tenth of a second each."""

VARIANTS = re.compile("[\U000e0000-\U000e0fff]")
"""Selectors of variants: no control characters, and yet not to be seen."""

ids = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=12).map(
    lambda text: f"a{text}"
)
words = (
    st.text(
        st.characters(
            codec="utf-8",
            exclude_categories=("C", "Zl", "Zp"),
            exclude_characters="\ufffc\ufffd",  # the reader takes no stand-ins for others
            include_characters="\n\t\u200c\u200d",
        ),
        min_size=1,
        max_size=30,
    )
    | st.sampled_from(
        ["NO", "22:30", "1.10", "yes", "on", "~", "- a", "a: b", "#x", "'", "{", "x #y"]
    )
    | st.lists(
        st.sampled_from(["word", "- a", "#", "a:", "|", "é", "", "'x'", "{b}"]),
        min_size=20,
        max_size=60,
    ).map(" ".join)
).filter(lambda text: bool(text.strip()) and not VARIANTS.search(text))
days = st.dates(date(1800, 1, 1), date(2999, 12, 31))
durations = st.builds(
    Duration,
    st.integers(0, 999_999),
    st.sampled_from(["hours", "days", "working days", "weeks", "months", "years", "minutes"]),
)
decimals = st.decimals(
    Decimal(-90), Decimal(90), places=2, allow_nan=False, allow_infinity=False
).map(lambda value: value or Decimal(0))
fractions = st.fractions(Fraction(1, 99999), 1, max_denominator=99999)
VALUES: dict[type, st.SearchStrategy[Any]] = {
    bool: st.booleans(),
    Duration: durations,
    date: days,
    Interval: st.tuples(days, st.none() | days).map(
        lambda pair: Interval(pair[0], pair[1] and max(pair[0], pair[1]))
    ),
    int: st.integers(0, 999_999_999),
    Fraction: fractions,
    Decimal: decimals,
    Tlp: st.sampled_from(Tlp),
    Severity: st.sampled_from(Severity),
    Confidence: st.sampled_from(Confidence),
    Attribution: st.sampled_from(
        ["not-needed", "from-outside", "to-anyone at least low", "to-a-state at least high"]
    ).map(Attribution.parse),
    AmendmentEntry: st.sampled_from(
        ["all-ratify", "fraction-binds-all", "fraction-binds-all 2/3", "steward-notice 45 days"]
    ).map(AmendmentEntry.parse),
    str: st.just("votes needed"),
}
PATTERNS = {
    "the number of an article": st.sampled_from(["1", "6(1)", "letters-1912", "3.2", "10"]),
    "a currency": st.sampled_from(["EUR", "NOK"]),
    "a caller": st.sampled_from(["any-member", "victim", "body", "3 members"]),
    "a time zone": st.sampled_from(["UTC", "Europe/London", "America/Argentina/Ushuaia"]),
    "a language": st.sampled_from(["en", "fr", "zh-Hant"]),
    "a system": st.sampled_from(["asn:64500", "domain:river.example", "net:2001:db8::/32"]),
}


def values(kind: Kind) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one line per kind
    """Values that a kind can read."""
    match kind:
        case Scalar():
            types = kind.types if isinstance(kind.types, tuple) else (kind.types,)
            return st.one_of([VALUES[each] for each in types])
        case Choice():
            return st.sampled_from(sorted(kind.options))
        case Words():
            return words
        case Name():
            return PATTERNS.get(kind.what, ids)
        case Ref():
            names = [name for target in kind.targets for name in NAMES[target]]
            return st.sampled_from([*names, *kind.fixed])
        case Many():
            return st.lists(
                values(kind.each), min_size=kind.least, max_size=kind.least + 2, unique=True
            ).map(tuple)
        case Group():
            return groups(kind.declaration)
        case Named():
            return st.dictionaries(values(kind.name), values(kind.each), max_size=2).map(Table)
        case OneOf():
            return st.one_of([values(each) for each in kind.kinds])
    raise AssertionError(f"no strategy for {type(kind).__name__}")


def groups(declaration: type[Any], **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Values of a declaration: required fields always, the others now and then."""
    given = dict(fixed)
    for each in declared(declaration):
        if each.name not in given:
            made = values(each.field.kind)
            given[each.name] = made if each.required else st.just(each.default) | made
    return st.builds(declaration, **given)


def agreements() -> st.SearchStrategy[Agreement]:
    """Whole agreements: every clause type, every field, references that resolve."""
    clauses = st.lists(
        st.one_of([groups(each) for each in CLAUSES.values()]),
        max_size=3,
        unique_by=lambda clause: clause.art,
    ).map(lambda found: _numbered(tuple(found)))
    parties = st.tuples(*(groups(Party, id=st.just(name)) for name in NAMES["party"]))
    tables = {
        name: _table(declaration, NAMES[target])
        for name, target, declaration in (
            ("scopes", "scope", _group_of(Agreement, "scopes")),
            ("bodies", "body", _group_of(Agreement, "bodies")),
        )
    }
    protections = st.tuples(
        *(
            groups(_group_of(Agreement, "protections"), name=st.just(name))
            for name in NAMES["protection"]
        )
    )
    return groups(Agreement, articles=clauses, parties=parties, protections=protections, **tables)


def _table(declaration: type[Any], names: tuple[str, ...]) -> st.SearchStrategy[Any]:
    return st.fixed_dictionaries({name: groups(declaration) for name in names}).map(Table)


def _group_of(owner: type[Any], name: str) -> type[Any]:
    kind = next(each.field.kind for each in declared(owner) if each.name == name)
    while not isinstance(kind, Group):
        (kind,) = kind.parts()
    return kind.declaration


def _numbered(clauses: tuple[Any, ...]) -> tuple[Any, ...]:
    """Articles 1 and 2 exist, so that references to them resolve."""
    statement = CLAUSES["statement"]
    missing = {"1", "2"} - {clause.art for clause in clauses}
    return (*clauses, *(statement(art=art) for art in sorted(missing)))
