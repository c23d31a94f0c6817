"""Where a list goes on: an opaque text that is given out and read back.

A cursor names the list it belongs to (path and filters) and a position in it. It is no
secret and grants nothing: whatever it says, the next page holds only what the token sees
then, and so it need not be signed to be safe. It survives a restart.

Rules. There is one spelling for a position, and every other text is refused: what was not
given out here, what belongs to another list, what is too long.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Final, TypeVar

from allied.errors import UsageError

T = TypeVar("T")

Position = tuple[str, ...]

MAX_CURSOR: Final = 1024
_MAX_PARTS: Final = 4
_TAG: Final = 12


def encode(of: str, filters: Mapping[str, object], position: Position) -> str:
    """A cursor for a position in the list `of`, as it was filtered."""
    value = [_tag(of, filters), *position]
    raw = json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(of: str, filters: Mapping[str, object], cursor: str, parts: int = 1) -> Position:
    """The position that a cursor names.

    Args:
        parts: how many texts a position in this list has.

    Raises:
        UsageError: `rest.cursor`; it was not given out for this list.
    """
    refusal = UsageError(
        "rest.cursor",
        "this `next` was not given out here for this list",
        hint="begin again without it, with the same filters",
    )
    if len(cursor) > MAX_CURSOR or not cursor.isascii():
        raise refusal
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        value = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        raise refusal from None
    if not isinstance(value, list) or not 1 < len(value) <= _MAX_PARTS:
        raise refusal
    tag, *rest = value
    position = tuple(each for each in rest if isinstance(each, str))
    whole = len(position) == len(rest) == parts and tag == _tag(of, filters)
    if not whole or encode(of, filters, position) != cursor:
        raise refusal
    return position


def decode_number(of: str, filters: Mapping[str, object], cursor: str) -> int:
    """The number that a cursor names, or 0 for no cursor.

    Raises:
        UsageError: `rest.cursor`.
    """
    if not cursor:
        return 0
    (text,) = decode(of, filters, cursor)
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise UsageError("rest.cursor", "this `next` was not given out here for this list")
    return int(text)


def stretch(
    values: Sequence[T],
    place: Callable[[T], Position],
    *,
    after: Position | None,
    limit: int,
    descending: bool = False,
) -> tuple[Sequence[T], Position | None]:
    """The part of a sorted list behind a position, and the position to go on from.

    Args:
        values: sorted by `place`.
        after: None for the start.
    """
    if after is not None:
        values = [
            each for each in values if (place(each) < after if descending else place(each) > after)
        ]
    shown = values[:limit]
    return shown, place(shown[-1]) if len(values) > limit else None


def _tag(of: str, filters: Mapping[str, object]) -> str:
    named = json.dumps([of, sorted((key, str(value)) for key, value in filters.items())])
    return sha256(named.encode()).hexdigest()[:_TAG]
