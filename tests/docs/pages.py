"""The parts of the documentation that are read from the program.

    python -m tests.docs.pages     writes them anew, between their markers

Everything outside the markers is written by hand.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import typer

from allied.agreement.ballot import PassedOver, Recused
from allied.agreement.diff import Change
from allied.agreement.outcome import Ballot, Count
from allied.agreement.reading import Finding
from allied.agreement.tally import Condition
from allied.entrypoints import shapes
from allied.entrypoints.cli import build
from allied.entrypoints.rest import reference
from allied.entrypoints.rest.acts import ACTS
from allied.entrypoints.rest.routes import application
from allied.exchange.misp import Loss
from allied.node import (
    agreements,
    carriage,
    cases,
    doctor,
    feeds,
    incidents,
    items,
    overview,
    sharing,
    sync,
    tables,
    version_views,
)
from tests.docs.codes import STATUSES, Code, codes

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
SHAPES: tuple[type[Any], ...] = (
    agreements.AgreementView,
    agreements.PartyView,
    version_views.VersionView,
    shapes.AgreementSummary,
    agreements.LateView,
    Finding,
    Change,
    sharing.Decision,
    sharing.RecipientDecision,
    shapes.ShareSummary,
    shapes.RecipientSummary,
    shapes.RefusalCount,
    shapes.ItemShown,
    items.ItemView,
    items.RecipientView,
    incidents.IncidentView,
    shapes.ConsideredIncident,
    cases.ObligationView,
    cases.StepView,
    tables.ProposalView,
    tables.SpokenView,
    Count,
    Ballot,
    Condition,
    Recused,
    PassedOver,
    shapes.PeerSummary,
    shapes.TokenSummary,
    sync.Outcome,
    overview.Overview,
    doctor.Examined,
    feeds.WarningListView,
    feeds.Verified,
    carriage.Written,
    carriage.TakenIn,
    Loss,
)
_MARKED = "<!-- {name}: made by tests/docs/pages.py -->\n{body}\n<!-- end of {name} -->"


def verbs(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every verb of the command line that does something, with its words."""
    below = getattr(command, "commands", None)
    if below is None:
        yield path, command
        return
    for name, each in below.items():
        yield from verbs(each, (*path, name))


def verbs_body() -> str:
    """Verb by verb: what it does, and its options."""
    parts = []
    for path, command in verbs(typer.main.get_command(build())):
        takes = [option for option in command.params if option.name != "help"]
        words = " ".join(
            (option.metavar or (option.name or "").upper())
            for option in takes
            if option.param_type_name == "argument"
        )
        parts.append(f"### `allied {' '.join(path)}{' ' + words if words else ''}`\n")
        parts.append(" ".join((command.help or "").split()) + "\n")
        rows = [
            f"| `{'`, `'.join(option.opts)}` | {' '.join(_help(option).split())} |"
            for option in takes
            if option.param_type_name == "option"
        ]
        if rows:
            parts += ["| option | |", "|---|---|", *rows, ""]
    return "\n".join(parts)


def _help(option: Any) -> str:
    said = str(option.help or "")
    if option.required:
        said += " Required."
    if option.envvar:
        said += f" Also `{option.envvar}`."
    return said.replace("|", "\\|")


def shapes_body() -> str:
    """The objects that `--json` gives, field by field."""
    parts = []
    for shape in SHAPES:
        parts.append(f"### {shape.__name__}\n")
        first = (shape.__doc__ or "").split("\n", 1)[0]
        parts.append(f"{first}\n")
        parts += [f"    {field.name}: {_kind(field.type)}" for field in dataclasses.fields(shape)]
        parts.append("")
    return "\n".join(parts)


_KINDS = (
    (r"\b(OrganisationId|AgreementId|RecordId|CircleId|Digest|PartyId|PersonId|str)\b", "text"),
    (r"\bdatetime\b", "instant"),
    (r"\bint\b", "number"),
    (r"\bbool\b", "true or false"),
    (r"\b(?:tuple|list|Sequence|frozenset)\[(.*?)(?:, \.\.\.)?\]", r"list of \1"),
    (r"\bPlace\b", "place"),
    (r" \| None", " or null"),
)


def _kind(annotation: object) -> str:
    said = str(annotation)
    for pattern, word in _KINDS:
        said = re.sub(pattern, word, said)
    return said


def errors_body() -> str:
    """Every code, area by area."""
    areas: dict[str, list[Code]] = {}
    for name, code in sorted(codes().items()):
        areas.setdefault(name.partition(".")[0], []).append(code)
    parts = []
    for area, members in areas.items():
        parts += [f"### {area}\n", "| code | status | |", "|---|---|---|"]
        for code in members:
            statuses = ", ".join(sorted({STATUSES.get(error, "1") for error in code.errors}))
            said = code.sentence.replace("|", "\\|")
            parts.append(f"| `{code.name}` | {statuses or '-'} | {said} |")
        parts.append("")
    return "\n".join(parts)


@cache
def rest_parts() -> dict[str, str]:
    """The REST interface, from its OpenAPI document."""
    return dict(reference.markdown(reference.document(application()), ACTS))


def rest_part(name: str) -> str:
    """One of them."""
    return rest_parts()[name]


MADE: dict[str, dict[str, Callable[[], str]]] = {
    "cli.md": {"verbs": verbs_body, "shapes": shapes_body},
    "errors.md": {"codes": errors_body},
    "rest.md": {name: partial(rest_part, name) for name in ("roles", "routes", "acts", "shapes")},
}


def marked(name: str, body: str) -> str:
    """A part with its markers."""
    return _MARKED.format(name=name, body=body.rstrip("\n") + "\n")


def part(text: str, name: str) -> str:
    """What stands between the markers of a part."""
    found = re.search(_MARKED.format(name=re.escape(name), body="(.*?)"), text, re.DOTALL)
    return found[1].strip("\n") if found else ""


def write() -> None:
    """Write all parts anew."""
    for page, parts in MADE.items():
        file = REFERENCE / page
        text = file.read_text(encoding="utf-8")
        for name, body in parts.items():
            pattern = _MARKED.format(name=re.escape(name), body=".*?")
            before, after = re.split(pattern, text, maxsplit=1, flags=re.DOTALL)
            text = before + marked(name, body()) + after
        file.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write()
