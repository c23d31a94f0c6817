"""Reading parsed JSON from another node: the right shape, or MalformedError.

Words used here:
    ascending   each element greater than the one before it, so that none stands twice
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Final

from allied.errors import MalformedError
from allied.record.canonical import MAX_INTEGER

MAX_TEXT: Final = 256

_TEXT: Final = re.compile(r"[ -~]*", re.ASCII)


def fields(value: object, keys: frozenset[str]) -> Mapping[str, object]:
    """`value` as an object with exactly `keys`."""
    if not isinstance(value, dict) or value.keys() != keys:
        raise malformed("an object has other keys than agreed")
    return value


def elements(value: object, limit: int) -> Sequence[object]:
    """`value` as a list of at most `limit` elements."""
    if not isinstance(value, list):
        raise malformed("a list is not one")
    if len(value) > limit:
        raise malformed(f"a list has more than {limit} elements")
    return value


def row(value: object, length: int) -> Sequence[object]:
    """`value` as a list of exactly `length` elements."""
    found = elements(value, length)
    if len(found) != length:
        raise malformed(f"a row has not {length} elements")
    return found


def count(value: object, least: int, most: int = MAX_INTEGER) -> int:
    """`value` as an integer, both ends included."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise malformed("a number is not one, too small or too large")
    return value


def text(value: object) -> str:
    """`value` as at most MAX_TEXT printable ASCII characters."""
    if not isinstance(value, str) or len(value) > MAX_TEXT or _TEXT.fullmatch(value) is None:
        raise malformed("a text is not one, too long or not printable ASCII")
    return value


def octets(value: object, limit: int) -> bytes:
    """`value`, lowercase hex, as at most `limit` bytes."""
    if isinstance(value, str) and len(value) <= 2 * limit:
        try:
            raw = bytes.fromhex(value)
        except ValueError:
            raw = b""
        if raw.hex() == value:
            return raw
    raise malformed("bytes are not lowercase hex, or too many")


def flag(value: object) -> bool:
    """`value` as true or false."""
    if not isinstance(value, bool):
        raise malformed("true or false is neither")
    return value


def require_ascending(values: Sequence[tuple[object, ...] | str]) -> None:
    """Return if `values` ascend; they are of one type."""
    if any(not before < after for before, after in pairwise(values)):  # type: ignore[operator]
        raise malformed("a list is not in ascending order, or has something twice")


def malformed(message: str) -> MalformedError:
    """The refusal of a message whose shape is wrong."""
    return MalformedError("message.shape", message)
