"""Writes what of the agreement format's documentation follows from the declarations.

    python scripts/agreement_reference.py

replaces the part of docs/reference/agreement-format.md below its marker, and the JSON
Schemas in docs/schema. Tests hold both against the declarations.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from allied.agreement.articles import Articles
from allied.agreement.clause import Clause
from allied.agreement.clauses import CLAUSES
from allied.agreement.fields import Declared, Kind, declared
from allied.agreement.parties import Parties, Party
from allied.agreement.register_file import RegisterFile
from allied.agreement.scalars import YES_NO, Choice, Name, Ref, Scalar, Words
from allied.agreement.schema import document_schema, schema
from allied.agreement.shape import Group, Many, Named, OneOf, Schema, groups_within
from allied.agreement.terms import Agreement, View
from allied.agreement.triggers import EVERYDAY
from allied.agreement.writing import one_line
from allied.response.incident import Incident
from allied.response.incident_file import FORMAT as INCIDENT_FORMAT

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "agreement-format.md"
SCHEMA = ROOT / "docs" / "schema" / "alliance-1.json"
INCIDENT_SCHEMA = SCHEMA.with_name("incident-1.json")
REGISTER_SCHEMA = SCHEMA.with_name("register-1.json")
MARKER = "<!-- Everything below is written by scripts/agreement_reference.py. -->"


def tables() -> str:
    """The reference of every key, as Markdown."""
    parts = [
        "## Every key of an agreement",
        "",
        "Keys without a default are **required**. *Enforced by* says which part of this release"
        " acts on the key; `not enforced yet` is also said by `allied agreement check`.",
        "",
        *_table(Agreement),
        "",
        "## Every key of a party",
        "",
        *_table(Party),
        "",
        "## Every key of an article",
        "",
        "These keys stand in every article, beside its `type`.",
        "",
        *_table(Clause),
    ]
    common = {each.name for each in declared(Clause)}
    for kind, declaration in CLAUSES.items():
        summary = _summary(declaration)
        parts += ["", f"### {kind}", "", summary, ""]
        parts += _table(declaration, without=common)
    parts += ["", "## Kinds of incident in everyday words", ""]
    parts += ["What people call it, and the kind that it is in a file. The everyday word itself"]
    parts += [
        "is refused, with the kind as advice.",
        "",
        "| in everyday words | kind |",
        "|---|---|",
    ]
    parts += [f"| {word.replace('-', ' ')} | `{kind}` |" for word, kind in EVERYDAY.items()]
    parts += ["", "## Every key of a view", "", *_table(View)]
    parts += ["", "## What stands inside", ""]
    for declaration in sorted(_inner(), key=lambda each: each.__name__):
        parts += [f"### {_title(declaration)}", "", _summary(declaration), ""]
        parts += [*_table(declaration), ""]
    return "\n".join(parts).rstrip() + "\n"


def page(text: str) -> str:
    """The page with its lower part written anew."""
    head, marker, _ = text.partition(MARKER)
    if not marker:
        raise SystemExit(f"{PAGE.name} has lost its marker")
    return f"{head}{MARKER}\n\n{tables()}"


def schema_text() -> str:
    """The JSON Schema of agreements as it is published."""
    return _published(schema())


def incident_schema_text() -> str:
    """The JSON Schema of incident files as it is published."""
    title = "What happened, in versions, incident/1"
    return _published(document_schema(Incident, INCIDENT_FORMAT, title))


def register_schema_text() -> str:
    """The JSON Schema of register files as it is published."""
    title = "What happened to agreements and their parties, register/1"
    return _published(document_schema(RegisterFile, RegisterFile.FORMAT, title))


def _published(value: Schema) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _inner() -> set[type[Any]]:
    found: set[type[Any]] = set()
    waiting: list[type[Any]] = [Agreement, Party, View, *CLAUSES.values()]
    while waiting:
        for each in declared(waiting.pop()):
            for inner in groups_within(each.field.kind):
                if inner not in found and inner is not Party:
                    found.add(inner)
                    waiting.append(inner)
    return found


def _table(declaration: type[Any], without: set[str] | None = None) -> list[str]:
    lines = ["| key | value | default | meaning | enforced by |", "|---|---|---|---|---|"]
    for each in declared(declaration):
        if each.name in (without or set()):
            continue
        lines.append(
            f"| `{each.key}` | {describe(each.field.kind)} | {_default(each)} |"
            f" {_meaning(each)} | {_enforced(each)} |"
        )
    return lines if len(lines) > 2 else ["It has no keys of its own."]


def describe(kind: Kind) -> str:  # noqa: PLR0911 - one line per kind
    """What may stand there, in words."""
    match kind:
        case Choice():
            listed = ", ".join(f"`{word}`" for word in kind.options)
            return f"{listed}, or other words" if kind.free else listed
        case Scalar():
            return kind.form
        case Words():
            return "text"
        case Name():
            return kind.what
        case Ref():
            names = f"the name of a {' or '.join(kind.targets)}"
            return ", ".join([names, *(f"`{word}`" for word in kind.fixed)])
        case Many():
            every = f"`{kind.every}`, or a " if kind.every else ""
            return f"{every}list of: {describe(kind.each)}"
        case Group():
            short = "".join(f"`{word}`, " for word in kind.short)
            link = f"[{_title(kind.declaration)}](#{_anchor(kind.declaration)})"
            return f"{short}{f'`{kind.scalar}` alone, or ' if kind.scalar else ''}{link}"
        case Named():
            return f"map from {describe(kind.name)} to: {describe(kind.each)}"
        case OneOf():
            return " *or* ".join(describe(each) for each in kind.kinds)
        case Parties():
            return "list of [parties](#every-key-of-a-party)"
        case Articles():
            return "list of [articles](#every-key-of-an-article)"
    raise TypeError(type(kind).__name__)


def _default(each: Declared) -> str:
    if each.required:
        return "**required**"
    if each.field.follows:
        return f"as `{each.field.follows}`"
    tree = None if each.default is None else each.field.kind.show(each.default)
    return f"`{one_line(tree)}`" if tree else "none"


def _meaning(each: Declared) -> str:
    said = _cell(each.field.phrase.replace("{}", "…"))
    if each.field.kind is YES_NO and each.field.absent:
        return f"`yes`: {said} `no`: {_cell(each.field.absent)}"
    return f"{said} Left out: {_cell(each.field.absent)}" if each.field.absent else said


def _enforced(each: Declared) -> str:
    if each.field.later:
        words = ", ".join(
            "a map" if word == "*map" else f"`{word}`" for word in sorted(each.field.later)
        )
        return f"{each.field.by}; not yet: {words}"
    return each.field.by


def _summary(declaration: type[Any]) -> str:
    return (declaration.__doc__ or "").strip().split("\n")[0]


def _title(declaration: type[Any]) -> str:
    name = declaration.__name__
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    return words if declaration in CLAUSES.values() else f"{words[0].upper()}{words[1:]}"


def _anchor(declaration: type[Any]) -> str:
    return _title(declaration).lower().replace(" ", "-")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    SCHEMA.parent.mkdir(exist_ok=True)
    SCHEMA.write_text(schema_text(), encoding="utf-8")
    INCIDENT_SCHEMA.write_text(incident_schema_text(), encoding="utf-8")
    REGISTER_SCHEMA.write_text(register_schema_text(), encoding="utf-8")
