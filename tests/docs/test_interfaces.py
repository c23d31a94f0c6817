"""Every verb has a route, or `docs/interfaces.md` says why it has none; never both or neither."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import typer

from allied.entrypoints.cli import build
from allied.entrypoints.rest.routes import TABLE

PAGE: Final = Path(__file__).parents[2] / "docs" / "interfaces.md"
ROUTES: Final[Mapping[str, str]] = {
    "agreement list": "GET /agreements",
    "agreement show": "GET /agreements/{name}",
    "agreement explain": "GET /agreements/{name}/explanation",
    "share": "POST /shares",
    "item list": "GET /items",
    "item show": "GET /items/{name}",
    "item explain": "GET /items/{name}/explanation",
    "item receipts": "GET /items/{name}/receipts",
    "item recall": "POST /items/{name}/recall",
    "item recalls": "GET /recalls",
    "item tighten": "POST /items/{name}/tighten",
    "item answer-recall": "POST /recalls/{recall}/answer",
    "erasure list": "GET /erasures",
    "item ask": "POST /items/{name}/requests",
    "item requests": "GET /requests",
    "item pass-on": "POST /items/{name}/passing",
    "item remarks": "GET /items/{name}/remarks",
    "item note": "POST /items/{name}/remarks",
    "item tag": "POST /items/{name}/remarks",
    "item false-positive": "POST /items/{name}/remarks",
    "item untag": "DELETE /items/{name}/remarks",
    "item correlations": "GET /items/{name}/correlations",
    "item who-has": "GET /values/holders",
    "item sightings": "GET /values/sightings",
    "item bundle": "GET /agreements/{name}/bundle",
    "hub list": "GET /submissions",
    "feed list": "GET /feeds",
    "feed create": "POST /feeds",
    "feed revoke": "DELETE /feeds/{feed}",
    "feed warninglist list": "GET /warning-lists",
    "export": "GET /misp/events",
    "import": "POST /misp/events",
    "incident list": "GET /incidents",
    "incident show": "GET /incidents/{incident}",
    "incident report": "POST /incidents",
    "obligation list": "GET /obligations",
    "obligation show": "GET /obligations/{key}",
    "obligation acknowledge": "POST /obligations/{key}/acknowledge",
    "proposal list": "GET /proposals",
    "proposal show": "GET /proposals/{proposal}",
    "ledger list": "GET /ledger",
    "ledger show": "GET /ledger/rows/{row}",
    "ledger prove": "GET /ledger/rows/{row}/proof",
    "ledger verify": "POST /ledger/verified",
    "ledger export": "GET /ledger/export",
    "ledger witnessed": "GET /ledger/witnessed",
    "peer list": "GET /peers",
    "neighbour list": "GET /neighbours",
    "neighbour pull": "POST /neighbours/{neighbour}/pull",
    "sync": "POST /sync",
    "status": "GET /status",
    "doctor": "GET /doctor",
}
"""The route that asks the same use case as a verb."""

BESIDE: Final = frozenset(
    {
        "GET /agreements/{name}/text",  # a part of `agreement show`
        "GET /items/{name}/object",  # a part of `item show`
        "GET /incidents/{incident}/report",  # `incident show --report`
        "POST /incidents/considered",  # `incident report` without an agreement
        "GET /ledger/check",  # `ledger verify` without a file
        "GET /ledger/items/{name}",  # `ledger list --item`
        "GET /token",  # what the caller itself may do
    }
)
"""Routes that are a part or a form of a verb, or that only a token has a use for."""


@cache
def verbs() -> frozenset[str]:
    """Every verb of the command line, without the name of the program."""
    return frozenset(_leaves(typer.main.get_command(build()), ()))


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[str]:
    under: Mapping[str, Any] = getattr(command, "commands", None) or {}
    if not under:
        yield " ".join(path)
    for name, each in under.items():
        yield from _leaves(each, (*path, name))


def without_route() -> dict[str, tuple[str, bool]]:
    """Verbs that the page says have no route: the reason, and whether all of the verb has none."""
    section = PAGE.read_text().partition("## What REST does not offer")[2].partition("\n## ")[0]
    found: dict[str, tuple[str, bool]] = {}
    for line in re.findall(r"^\| (`.*?) \| (.+) \|$", section, re.MULTILINE):
        for group in line[0].split(";"):
            noun: tuple[str, ...] = ()
            for code in re.findall(r"`([^`]+)`", group):
                words = tuple(re.findall(r"(?<!\S)[a-z][a-z-]*(?!\S)", code))
                named = _named(words) or _named((*noun, *words))
                assert named, f"{code} is no verb"
                noun = named[0][:-1]
                for each in named:
                    found[" ".join(each)] = (line[1], len(code.split()) == len(words))
    return found


def _named(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The verb of that name, or all verbs of the noun."""
    every = [tuple(each.split()) for each in sorted(verbs())]
    return [each for each in every if each == words] or [
        each for each in every if each[: len(words)] == words and words
    ]


def test_every_verb_has_a_route_or_a_reason_and_none_has_both() -> None:
    said = without_route()
    wholly = {verb for verb, (_, whole) in said.items() if whole}
    in_part = said.keys() - wholly
    assert verbs() - ROUTES.keys() - wholly == set(), (
        "no route, and docs/interfaces.md says nothing"
    )
    assert wholly & ROUTES.keys() == set(), "docs/interfaces.md says it has no route"
    assert in_part <= ROUTES.keys(), "the form that is not listed has a route"
    assert all(reason.strip() for reason, _ in said.values())


def test_every_route_that_is_named_is_there_and_every_one_that_is_there_is_named() -> None:
    there = {f"{way.method} {way.path}" for way in TABLE}
    assert set(ROUTES.values()) | BESIDE == there
    assert not BESIDE & set(ROUTES.values())
    assert ROUTES.keys() <= verbs()


def test_a_verb_that_nobody_speaks_of_would_be_found() -> None:
    said = without_route()
    assert {"agreement sign", "init", "token create", "feed warninglist add"} <= said.keys()
    assert "item list" not in said
    assert not said["export"][1]  # only `export --to`; `export misp` has a route
