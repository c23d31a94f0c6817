"""Small pieces of intelligence, each with a word that occurs nowhere else."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Piece:
    """One version of one indicator, and the words by which it is known wherever it turns up."""

    value: Mapping[str, Any]

    @property
    def id(self) -> str:
        return str(self.value["id"])

    @property
    def word(self) -> str:
        """A domain that occurs in this piece and nowhere else."""
        return str(self.value["name"])

    def changed(self, **members: Any) -> Piece:
        """A newer version of it; None takes a member away."""
        later = f"2026-06-0{int(str(self.value['modified'])[9]) + 1}T00:00:00.000Z"
        whole = {**self.value, "modified": later, **members}
        return Piece({name: each for name, each in whole.items() if each is not None})


def piece(marking: str = "AMBER", **members: Any) -> Piece:
    """A new indicator."""
    fresh = uuid.uuid4()
    word = f"w{fresh.hex[:12]}.example"
    return Piece(
        {
            "type": "indicator",
            "spec_version": "2.1",
            "id": f"indicator--{fresh}",
            "created": "2026-06-01T00:00:00.000Z",
            "modified": "2026-06-01T00:00:00.000Z",
            "name": word,
            "indicator_types": ["malicious-activity"],
            "pattern": f"[domain-name:value = '{word}']",
            "pattern_type": "stix",
            "valid_from": "2026-06-01T00:00:00Z",
            "object_marking_refs": [MARKINGS[marking]],
        }
        | members
    )


MARKINGS = {
    "CLEAR": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "GREEN": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "AMBER": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "RED": "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}


def bundle(*pieces: Piece) -> bytes:
    objects = [each.value for each in pieces]
    return json.dumps(
        {"type": "bundle", "id": f"bundle--{uuid.uuid4()}", "objects": objects}
    ).encode()
