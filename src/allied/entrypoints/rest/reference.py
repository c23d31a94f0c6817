"""The OpenAPI document, and the pages that are made from it.

The page at `/api/v1/` and docs/reference/rest.md say the same: both are filled from what
`described` finds in the document. Nothing in them comes from a node, so they are public.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

import orjson
from fastapi.openapi.utils import get_openapi
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from allied.entrypoints.rest.door import PREFIX, Public
from allied.node import roles

if TYPE_CHECKING:
    from fastapi import FastAPI

    from allied.entrypoints.rest.acts import PersonAct

_ORDER: Final = (
    "agreements", "items", "shares", "incidents", "obligations", "proposals", "ledger",
    "token", "status", "peers", "sync", "doctor",
)  # fmt: skip
_ABOUT: Final = (
    "The use cases of the command line, for machines. A token acts for one organisation and"
    " sees what that organisation sees, within its agreements and up to its ceiling."
)


def document(api: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the application."""
    found = get_openapi(
        title="Allied",
        version=api.version,
        openapi_version="3.1.0",
        summary="Run a security alliance as software",
        description=_ABOUT,
        routes=api.routes,
        servers=api.servers,
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    found["components"]["securitySchemes"] = {
        "basic": {"type": "http", "scheme": "basic", "description": "id and secret of a token"},
        "bearer": {"type": "http", "scheme": "bearer", "description": "id.secret of a token"},
    }
    found["security"] = [{"basic": []}, {"bearer": []}]
    return found


def public(found: Mapping[str, Any], acts: Sequence[PersonAct]) -> Mapping[str, Public]:
    """What anybody may read, by path below the prefix."""
    style = resources.files(__package__) / "reference.css"
    return {
        "/": Public("text/html; charset=utf-8", page(found, acts).encode()),
        "/openapi.json": Public("application/json", orjson.dumps(found)),
        "/reference.css": Public("text/css; charset=utf-8", style.read_bytes()),
    }


# --- what the document says -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter; `kind` in words."""

    name: str
    place: str
    kind: str
    text: str
    required: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """One route as the pages show it.

    Attributes:
        roles: those whose tokens may ask for it.
        answer: the name of a shape, or a media type.
    """

    id: str
    tag: str
    method: str
    path: str
    summary: str
    text: str
    permission: str
    roles: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    takes: tuple[str, ...]
    takes_text: str
    answer: str
    shape: str


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape with its fields: name, kind in words, the shape in it if any, text."""

    name: str
    text: str
    fields: tuple[tuple[str, str, str, str], ...]


def described(found: Mapping[str, Any]) -> tuple[tuple[Operation, ...], tuple[Shape, ...]]:
    """The operations in the order of the pages, and the shapes by name."""
    operations = [
        _operation(path, method, each)
        for path, methods in found["paths"].items()
        for method, each in methods.items()
    ]
    rank = {tag: number for number, tag in enumerate(_ORDER)}
    operations.sort(key=lambda each: rank.get(each.tag, len(rank)))
    shapes = tuple(
        Shape(name, each.get("description", ""), tuple(_fields(each)))
        for name, each in sorted(found["components"]["schemas"].items())
    )
    return tuple(operations), shapes


def _operation(path: str, method: str, each: Mapping[str, Any]) -> Operation:
    permission = each["x-allied-permission"]
    content = each["responses"]["200"]["content"]
    shape = _shape_in(next(iter(content.values()))["schema"])
    body = each.get("requestBody", {})
    return Operation(
        id=each["operationId"],
        tag=each["tags"][0],
        method=method.upper(),
        path=path,
        summary=each["summary"],
        text=each.get("description", "").partition("Needs the permission")[0].strip(),
        permission=permission,
        roles=tuple(role for role in roles.TOKEN_ROLES if roles.permits(role, permission)),
        parameters=tuple(
            Parameter(
                name=one["name"],
                place=one["in"],
                kind=_kind(one["schema"]).removesuffix(" or null"),
                text=one.get("description") or one["schema"].get("description", ""),
                required=one.get("required", False),
            )
            for one in each.get("parameters", ())
        ),
        takes=tuple(body.get("content", ())),
        takes_text=body.get("description", ""),
        answer=shape or " or ".join(content),
        shape=shape,
    )


def _fields(shape: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    required = shape.get("required", ())
    for name, each in shape.get("properties", {}).items():
        kind = _kind(each) + ("" if name in required else ", if any")
        yield name, kind, _shape_in(each), each.get("description", "")


def _shape_in(schema: Mapping[str, Any]) -> str:
    """The name of the shape that a schema speaks of, directly or as an element."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    for part in (schema.get("items"), schema.get("additionalProperties"), *schema.get("anyOf", ())):
        if isinstance(part, Mapping) and (name := _shape_in(part)):
            return name
    return ""


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in words."""
    if "$ref" in schema:
        return _shape_in(schema)
    if "anyOf" in schema:
        return " or ".join(_kind(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " | ".join(str(each) for each in schema["enum"])
    kind = schema.get("type")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    if kind == "integer":
        return f"number{_between(schema)}"
    if kind == "string":
        return "instant" if schema.get("format") == "date-time" else "text"
    return {"object": "object", "boolean": "true or false", "null": "null"}.get(
        str(kind), "anything"
    )


def _between(schema: Mapping[str, Any]) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    if least is None:
        return ""
    usual = f", else {schema['default']}" if schema.get("default") is not None else ""
    return f" from {least}" + (f" to {most}" if most is not None else "") + usual


# --- the pages --------------------------------------------------------------------------


def page(found: Mapping[str, Any], acts: Sequence[PersonAct]) -> str:
    """The reference as a page of its own: no script, one style sheet."""
    environment = Environment(
        loader=PackageLoader("allied.entrypoints.rest", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["coded"] = _coded
    operations, shapes = described(found)
    return environment.get_template("reference.html").render(
        prefix=PREFIX,
        about=_ABOUT,
        operations=operations,
        shapes=shapes,
        acts=acts,
        roles={role: sorted(roles.ROLES[role]) for role in roles.TOKEN_ROLES},
    )


def _coded(text: str) -> Markup:
    """Text in which what stands between backticks is code."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704


def markdown(found: Mapping[str, Any], acts: Sequence[PersonAct]) -> Mapping[str, str]:
    """The made parts of docs/reference/rest.md, by name."""
    operations, shapes = described(found)
    return {
        "roles": "\n".join(_roles_table()),
        "routes": "\n".join(_routes(operations)),
        "acts": "\n".join(
            [
                "| path | done by |",
                "|---|---|",
                *(f"| `POST {act.path}` | {_done_by(act)} |" for act in acts),
            ]
        ),
        "shapes": "\n".join(_shapes(shapes)),
    }


def _done_by(act: PersonAct) -> str:
    return f"`{act.verb}`" if act.verb else "a person"


def _roles_table() -> Iterator[str]:
    yield "| permission | " + " | ".join(roles.TOKEN_ROLES) + " |"
    yield "|---" * (len(roles.TOKEN_ROLES) + 1) + "|"
    for permission in sorted(set[str]().union(*(roles.ROLES[each] for each in roles.TOKEN_ROLES))):
        marks = ("yes" if roles.permits(role, permission) else "" for role in roles.TOKEN_ROLES)
        yield f"| `{permission}` | " + " | ".join(marks) + " |"


def _routes(operations: Sequence[Operation]) -> Iterator[str]:
    for each in operations:
        yield f"### `{each.method} {each.path}`\n"
        yield f"{each.summary}. {each.text}".strip() + "\n"
        yield f"Needs `{each.permission}` ({', '.join(each.roles)}).\n"
        if each.parameters:
            yield "| parameter | | |"
            yield "|---|---|---|"
            for one in each.parameters:
                where = "in the path" if one.place == "path" else one.kind
                must = " Required." if one.required and one.place != "path" else ""
                yield f"| `{one.name}` | {_cell(where)} | {_cell(one.text)}{must} |"
            yield ""
        if each.takes:
            yield f"Takes {_listed(each.takes)}. {each.takes_text}\n"
        answer = f"[{each.shape}](#{each.shape.lower()})" if each.shape else _listed([each.answer])
        yield f"Answers {answer}.\n"


def _shapes(shapes: Sequence[Shape]) -> Iterator[str]:
    for each in shapes:
        yield f"### {each.name}\n"
        yield f"{each.text}\n"
        yield "| field | | |"
        yield "|---|---|---|"
        for name, kind, shape, text in each.fields:
            shown = _cell(kind)
            if shape:
                shown = shown.replace(shape, f"[{shape}](#{shape.lower()})")
            yield f"| `{name}` | {shown} | {_cell(text)} |"
        yield ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
