"""The reference pages hold what the program holds: codes, verbs, shapes, links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.codes import codes, put_together
from tests.docs.pages import MADE, REFERENCE, part, shapes_body, verbs_body

ROOT = Path(__file__).parents[2]
AGAIN = "run .venv/bin/python -m tests.docs.pages"

PUT_TOGETHER = {
    # Where a code is not a text at the place it is raised; `codes.FAMILIES` or a literal
    # elsewhere gives each of its values.
    "adapters/disk.py: code",
    "adapters/outgoing.py: f'outgoing.{code}'",
    "adapters/peers.py: error.code",
    "adapters/sql/dialect.py: name",
    "adapters/sql/postgres.py: name",
    "agreement/judging.py: f'effect.{code}'",
    "agreement/reading.py: order",
    "agreement/reading.py: self.findings",
    "agreement/text.py: code",
    "exchange/marking.py: definition.problem",
    "node/agreements.py: f\"agreement.{verdict.code.removeprefix('effect.')}\"",
    "node/arrivals.py: found[0].code",
    "node/feeds.py: refused.code",
    "node/cases.py: f'{what}.ambiguous'",
    "node/cases.py: f'{what}.unknown'",
    "node/hub.py: code",
    "node/incidents.py: f'incident.{call.reason}'",
    "node/obligations.py: f'obligation.{refused}'",
    "node/people.py: code",
    "node/proposals.py: f'proposal.{each.why}'",
}


def _listed() -> set[str]:
    text = part((REFERENCE / "errors.md").read_text(encoding="utf-8"), "codes")
    return set(re.findall(r"^\| `([a-z0-9.-]+)` \|", text, re.MULTILINE))


def test_every_code_of_the_program_is_listed() -> None:
    assert not set(codes()) - _listed(), AGAIN


def test_no_code_is_listed_that_the_program_has_not() -> None:
    assert not _listed() - set(codes()), AGAIN


def test_codes_are_put_together_only_where_the_list_follows() -> None:
    assert put_together() <= PUT_TOGETHER, "tell tests/docs/codes.py what this code can be"


@pytest.mark.parametrize(("name", "body"), [("verbs", verbs_body), ("shapes", shapes_body)])
def test_verbs_and_shapes_are_those_of_the_program(name: str, body: object) -> None:
    assert callable(body)
    written = part((REFERENCE / "cli.md").read_text(encoding="utf-8"), name)
    assert written == str(body()).strip("\n"), AGAIN


def test_every_made_part_is_there() -> None:
    for page, parts in MADE.items():
        text = (REFERENCE / page).read_text(encoding="utf-8")
        assert all(part(text, name) for name in parts), page


PAPERS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_links_lead_somewhere(paper: Path) -> None:
    fenced = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
    text = fenced.sub("", paper.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not re.match(r"[a-z]+:", target):
            assert (paper.parent / target).exists(), target


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: str(paper.relative_to(ROOT)))
def test_the_navigation_leads_to_every_page(paper: Path) -> None:
    inside = paper.relative_to(ROOT)
    if inside.parts[0] == "docs":
        assert str(inside.relative_to("docs")) in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
