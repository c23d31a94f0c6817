"""Small STIX objects and bundles, written by the tests that need them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from allied.agreement.values import Tlp
from allied.exchange.marking import TLP_2_ID

TIME = "2026-03-01T12:00:00.000Z"


def id_of(type_: str, number: int = 1) -> str:
    return f"{type_}--6c0f3a9e-1f2a-4b52-9c0e-{number:012x}"


def made(type_: str, number: int = 1, /, **properties: Any) -> dict[str, Any]:
    """An object with the properties every object needs; None takes one away."""
    common = {
        "type": type_,
        "spec_version": "2.1",
        "id": id_of(type_, number),
        "created": TIME,
        "modified": TIME,
    }
    return {name: each for name, each in (common | properties).items() if each is not None}


def seen(type_: str, number: int = 1, /, **properties: Any) -> dict[str, Any]:
    return {"type": type_, "id": id_of(type_, number), **properties}


def indicator(number: int = 1, /, **more: Any) -> dict[str, Any]:
    return made(
        "indicator",
        number,
        **{
            "pattern": f"[domain-name:value = 'n{number}.example']",
            "pattern_type": "stix",
            "valid_from": TIME,
            **more,
        },
    )


def malware(number: int = 1, /, **more: Any) -> dict[str, Any]:
    return made("malware", number, **{"name": "Sample", "is_family": True, **more})


def identity(number: int = 1, /, **more: Any) -> dict[str, Any]:
    return made("identity", number, **{"name": "River Bank plc", **more})


def link(
    source: dict[str, Any], target: dict[str, Any], number: int = 1, /, **more: Any
) -> dict[str, Any]:
    return made(
        "relationship",
        number,
        **{
            "relationship_type": "indicates",
            "source_ref": source["id"],
            "target_ref": target["id"],
            **more,
        },
    )


def sighting(of: dict[str, Any], number: int = 1, /, **more: Any) -> dict[str, Any]:
    return made("sighting", number, **{"sighting_of_ref": of["id"], **more})


def statement_marking(number: int = 1, /, **more: Any) -> dict[str, Any]:
    return made(
        "marking-definition",
        number,
        modified=None,
        **{
            "definition_type": "statement",
            "definition": {"statement": "Copyright River Bank plc"},
            **more,
        },
    )


def tlp(marking: Tlp) -> list[str]:
    return [TLP_2_ID[marking]]


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def bundle(*objects: Any) -> bytes:
    return encoded({"type": "bundle", "id": id_of("bundle"), "objects": list(objects)})


def source(*objects: Any, size: int = 1000) -> Callable[[], Iterable[bytes]]:
    raw = bundle(*objects)
    return lambda: [raw[at : at + size] for at in range(0, len(raw), size)]
