"""Objects as feeds hold them: small, many, in few markings; the same seed gives the same bytes.

Three in four are indicators with one comparison each, one in ten is malware, the others are
relationships between earlier ones. About 730 bytes each, which is what the figures of the
exchange speak of; `bench.intel` is the other kind, a body of knowledge like ATT&CK.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, Final

import orjson

_GREEN: Final = "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb"
_AMBER: Final = "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421"
_AUTHOR: Final = "identity--4c3a17de-9d2f-4b34-8f0a-3f4d2f0c9d11"
_MOMENT: Final = "2026-01-02T03:04:05.678Z"
_FILLER: Final = (
    "seen on the quay between the cranes and the gate, reported by the night shift; " * 9
)
_ENDS_KEPT: Final = 10_000


def objects(total: int, seed: int = 7) -> Iterator[bytes]:
    """`total` objects as compact JSON, ends before the relationships that connect them."""
    draw = random.Random(f"feed/{seed}")
    ends: list[str] = []
    for number in range(total):
        kind = draw.random()
        if kind >= 0.85 and len(ends) > 1:
            yield orjson.dumps(_relationship(draw, ends))
            continue
        made = _indicator(draw, number) if kind < 0.75 else _malware(draw, number)
        if len(ends) < _ENDS_KEPT:
            ends.append(made["id"])
        yield orjson.dumps(made)


def bundle(raws: Sequence[bytes]) -> bytes:
    """A bundle that holds these objects."""
    head = b'{"type":"bundle","id":"bundle--%s","objects":[\n' % str(uuid.uuid4()).encode()
    return head + b",\n".join(raws) + b"\n]}\n"


def _made(kind: str, draw: random.Random, filler: int) -> dict[str, Any]:
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": f"{kind}--{uuid.UUID(int=draw.getrandbits(128), version=4)}",
        "created": _MOMENT,
        "modified": _MOMENT,
        "created_by_ref": _AUTHOR,
        "object_marking_refs": [draw.choice((_GREEN, _AMBER))],
        "description": _FILLER[: max(20, round(draw.gauss(filler, filler / 6)))],
    }


def _indicator(draw: random.Random, number: int) -> dict[str, Any]:
    return _made("indicator", draw, 200) | {
        "name": f"Indicator number {number}",
        "indicator_types": ["malicious-activity"],
        "pattern": f"[domain-name:value = 'host{number}.example.com']",
        "pattern_type": "stix",
        "valid_from": "2026-01-02T03:04:05Z",
        "confidence": draw.randrange(100),
    }


def _malware(draw: random.Random, number: int) -> dict[str, Any]:
    return _made("malware", draw, 330) | {"name": f"Family {number}", "is_family": True}


def _relationship(draw: random.Random, ends: Sequence[str]) -> dict[str, Any]:
    source, target = draw.choice(ends), draw.choice(ends)
    return _made("relationship", draw, 200) | {
        "relationship_type": "related-to",
        "source_ref": source,
        "target_ref": target,
    }
