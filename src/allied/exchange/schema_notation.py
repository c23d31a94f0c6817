"""How the schemas of STIX types are written down: short names for what recurs in them.

A table of properties per type, where a trailing `!` on a name makes it required. Everything
that is not named is custom. The tables are in `schemas` and `observables`.

Rules that hold everywhere here. No expression needs look-around or back-references, so
that matching is linear in the length of a text. Lists and dictionaries are never empty.

Source: STIX 2.1, section 2 (common data types); RFC 4122 for ids; JSON Schema 2020-12.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]

UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
NAME = "[a-z0-9][a-z0-9-]{1,248}[a-z0-9]"

TEXT: Schema = {"type": "string"}
YES_NO: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
TIME: Schema = {
    "type": "string",
    "pattern": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,32})?Z$",
}
HEX: Schema = {"type": "string", "pattern": "^([0-9a-fA-F]{2})+$"}
BASE64: Schema = {"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}
MIME: Schema = {
    "type": "string",
    "pattern": r"^(application|audio|chemical|font|image|message|model|multipart|text|video)/"
    r"[a-zA-Z0-9.+_-]+(;.*)?$",
}
LANGUAGE: Schema = {"type": "string", "pattern": "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"}
KEY = "^[a-zA-Z0-9_-]{1,250}$"


def count(least: int | None = None, most: int | None = None) -> Schema:
    """An integer within bounds, both included."""
    schema: Schema = {"type": "integer"}
    if least is not None:
        schema["minimum"] = least
    if most is not None:
        schema["maximum"] = most
    return schema


def listed(of: Schema) -> Schema:
    """A list that is not empty."""
    return {"type": "array", "minItems": 1, "items": of}


def one_of(*values: str) -> Schema:
    """A closed vocabulary."""
    return {"enum": list(values)}


def ref(*types: str) -> Schema:
    """An id of one of these types, or of any."""
    names = "|".join(types) or NAME
    return {"type": "string", "pattern": f"^({names})--{UUID}$"}


def loose_ref(*types: str) -> Schema:
    """An id of one of these types, however its UUID is written: observables' references."""
    names = "|".join(types) or NAME
    return {"type": "string", "pattern": f"^({names})--[0-9a-fA-F-]{{1,64}}$"}


def record(properties: dict[str, Schema], **more: Any) -> Schema:
    """An object with these properties; a `!` behind a name makes it required."""
    required = [name[:-1] for name in properties if name.endswith("!")]
    schema: Schema = {
        "type": "object",
        "properties": {name.rstrip("!"): each for name, each in properties.items()},
    }
    if required:
        schema["required"] = required
    return schema | more


def mapped(names: str, to: Schema) -> Schema:
    """A dictionary that is not empty, with names of one spelling."""
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": names},
        "additionalProperties": to,
    }


def hexes(length: int) -> Schema:
    """A digest written as this many hex digits."""
    return {"type": "string", "pattern": f"^[0-9a-fA-F]{{{length}}}$"}


def some(*names: str) -> Schema:
    """At least one of these properties is there."""
    return {"anyOf": [{"required": [name]} for name in names]}


HASHES: Schema = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": "^[a-zA-Z0-9_-]{3,250}$"},
    "properties": {
        "MD5": hexes(32),
        "SHA-1": hexes(40),
        "SHA-256": hexes(64),
        "SHA-512": hexes(128),
        "SHA3-256": hexes(64),
        "SHA3-512": hexes(128),
        "TLSH": {"type": "string", "pattern": "^(T1)?[0-9a-fA-F]{70}$"},
    },
    "additionalProperties": TEXT,
}
