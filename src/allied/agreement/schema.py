"""JSON Schema of the file formats, for editors that complete and check.

Generated from the declarations, so it cannot fall behind them. It sees shapes and words;
what only the whole text shows (a name that nothing declares, two articles with one
number) is found by `agreement check`.

Rule that holds below: what the loader reads passes the schema, also when another YAML
loader has turned numbers into numbers.

Source: JSON Schema 2020-12.
"""

from __future__ import annotations

from typing import Any, Final

from allied.agreement.clauses import CLAUSES
from allied.agreement.shape import Declared, Schema, declared, groups_within
from allied.agreement.terms import Agreement, View

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"


def schema() -> Schema:
    """The schema of one document of a file: an agreement or a view."""
    definitions: dict[str, Schema] = {}
    for root in (Agreement, View):
        definitions[root.__name__] = _group(root, {"format": {"const": root.FORMAT}})
        _collect(root, definitions)
    for kind, declaration in CLAUSES.items():
        definitions[declaration.__name__] = _group(declaration, {"type": {"const": kind}})
        _collect(declaration, definitions)
    definitions["Article"] = {
        "type": "object",
        "description": "A clause; its type decides which keys it has.",
        "required": ["art", "type"],
        "properties": {"type": {"enum": list(CLAUSES)}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
                "then": {"$ref": f"#/$defs/{declaration.__name__}"},
            }
            for kind, declaration in CLAUSES.items()
        ],
    }
    definitions["PartyEntry"] = _party_entry(definitions["Party"])
    return {
        "$schema": DIALECT,
        "title": "Agreement between parties, alliance/1, or a view, alliance-view/1",
        "type": "object",
        "required": ["format"],
        "properties": {"format": {"enum": [Agreement.FORMAT, View.FORMAT]}},
        "if": {"properties": {"format": {"const": View.FORMAT}}, "required": ["format"]},
        "then": {"$ref": "#/$defs/View"},
        "else": {"$ref": "#/$defs/Agreement"},
        "$defs": dict(sorted(definitions.items())),
    }


def document_schema(declaration: type[Any], format_: str, title: str) -> Schema:
    """The schema of one document of a format that has a single declaration.

    Args:
        declaration: of the whole document, without the key `format`.
        format_: what stands under `format`: "register/1".
        title: of the schema, for editors.
    """
    definitions = {declaration.__name__: _group(declaration, {"format": {"const": format_}})}
    _collect(declaration, definitions)
    return {
        "$schema": DIALECT,
        "title": title,
        "$ref": f"#/$defs/{declaration.__name__}",
        "$defs": dict(sorted(definitions.items())),
    }


def _collect(declaration: type[Any], definitions: dict[str, Schema]) -> None:
    for each in declared(declaration):
        for inner in groups_within(each.field.kind):
            if inner.__name__ not in definitions:
                definitions[inner.__name__] = _group(inner, {})
                _collect(inner, definitions)


def _group(declaration: type[Any], beside: dict[str, Schema]) -> Schema:
    fields = declared(declaration)
    summary = (declaration.__doc__ or "").strip().split("\n")[0]
    return {
        "type": "object",
        "description": summary,
        "properties": {**beside, **{each.key: _property(each) for each in fields}},
        "required": [*beside, *(each.key for each in fields if each.required)],
        "additionalProperties": False,
    }


def _property(each: Declared) -> Schema:
    said = each.field.phrase.replace("{}", "…")
    found: Schema = {**each.field.kind.schema(), "description": f"{said} [{each.field.by}]"}
    if each.field.follows:
        found["description"] += f" Left out: as `{each.field.follows}`."
    elif not each.required and each.default not in (None, "", ()):
        shown = each.field.kind.show(each.default)
        if shown:
            found["default"] = shown
    elif each.field.absent:
        found["description"] += f" Left out: {each.field.absent}"
    return found


def _party_entry(party: Schema) -> Schema:
    properties = dict(party["properties"])
    one = properties["id"]
    properties["ids"] = {
        "description": "Several parties that are alike in everything else.",
        "anyOf": [one, {"type": "array", "minItems": 1, "items": one}],
    }
    return {
        **party,
        "properties": properties,
        "required": [],
        "oneOf": [{"required": ["id"]}, {"required": ["ids"]}],
    }
