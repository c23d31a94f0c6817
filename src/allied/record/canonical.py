"""One spelling for every JSON value, and reading no other.

What is signed is bytes, and two programs must arrive at the same bytes: RFC 8785 says
how. Here it is narrowed to what can be written in one way everywhere: no fractions, no
integers past 2^53 - 1, no lone surrogates, at most 64 levels.

Words used here:
    value   what JSON can say: null, true, false, integers, text, lists, objects
    levels  how deep lists and objects stand in each other; `[]` has one

Two rules hold everywhere below. Bytes are measured and their depth is counted before a
parser sees them. What is read must be spelled as `encode` would spell it, so nobody can
give one value two digests.

Source: RFC 8785 (JSON Canonicalization Scheme).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import orjson
import rfc8785

from allied.errors import MalformedError
from allied.record.ids import Digest

Json: TypeAlias = "bool | int | str | Sequence[Json] | Mapping[str, Json] | None"

LEVELS: Final = 64
"""How deep lists and objects may stand in each other."""

MAX_VALUES: Final = 2**18
"""How many values one text may hold, counted as one more than its commas."""

MAX_INTEGER: Final = 2**53 - 1
"""The largest integer, in either direction, that every JSON parser keeps."""

# A text that is never closed swallows the rest, so that hostile quotes cost one pass.
_TEXT: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKET: Final = re.compile(rb"[\[\]{}]")


def encode(value: Json) -> bytes:
    """Spell `value` canonically.

    Objects are `dict`, lists are `list` or `tuple`; nothing else is taken for them.

    Raises:
        MalformedError: `canonical.number` for a fraction or a too large integer,
            `canonical.text` for a lone surrogate, `canonical.too-deep`,
            `canonical.not-json` for anything that JSON cannot say.
    """
    ascii_keys = _inspect(value)
    try:
        # The two differ only in the order of keys beyond the Basic Multilingual Plane.
        if ascii_keys:
            return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        return rfc8785.dumps(value)
    except (TypeError, UnicodeEncodeError, rfc8785.CanonicalizationError) as error:
        raise MalformedError(
            "canonical.text", "a text holds half of a character (a lone surrogate)"
        ) from error


def decode(raw: bytes, *, limit: int) -> Json:
    """Read one canonically spelled value.

    Args:
        raw: the bytes, nothing before and nothing after the value.
        limit: how many bytes are accepted.

    Raises:
        MalformedError: `canonical.too-large`, `canonical.too-many`,
            `canonical.too-deep`, `canonical.not-json`, `canonical.duplicate-key`,
            `canonical.number`, `canonical.not-canonical` for any other spelling.

    Cost: a few passes over `raw`; memory in proportion to `limit`.
    """
    require_bounded(raw, limit=limit)
    try:
        value: Json = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise MalformedError("canonical.not-json", "this is not JSON in UTF-8") from error
    if encode(value) != raw:
        if _has_duplicate_key(raw):
            raise MalformedError("canonical.duplicate-key", "an object has a key twice")
        raise MalformedError(
            "canonical.not-canonical",
            "this JSON is not spelled canonically",
            hint="spell it as RFC 8785 says: sorted keys, no spaces, shortest escapes",
        )
    return value


def require_bounded(raw: bytes, *, limit: int, levels: int = LEVELS) -> None:
    """Return if `raw` is small and shallow enough to be given to a JSON parser.

    Says nothing about whether it is JSON. Brackets and commas inside texts do not count.

    Raises:
        MalformedError: `canonical.too-large`, `canonical.too-many` (a value of two bytes
            can take a hundred once it is parsed) or `canonical.too-deep`.

    Cost: one pass, no recursion.
    """
    if len(raw) > limit:
        raise MalformedError(
            "canonical.too-large",
            f"{len(raw)} bytes were given, at most {limit} are read",
            facts={"size": len(raw), "limit": limit},
        )
    shallow = raw.count(b"[") + raw.count(b"{") <= levels
    if shallow and raw.count(b",") < MAX_VALUES:
        return
    bare = _TEXT.sub(b"", raw)
    if bare.count(b",") >= MAX_VALUES:
        raise MalformedError(
            "canonical.too-many",
            f"more than {MAX_VALUES} values were given at once",
            facts={"limit": MAX_VALUES},
        )
    level = 0
    for bracket in _BRACKET.finditer(bare):
        if bracket[0] in b"[{":
            level += 1
            if level > levels:
                raise _too_deep(levels)
        else:
            level -= 1


def digest(raw: bytes) -> Digest:
    """SHA-256 of `raw`, as 64 lowercase hex digits."""
    return Digest(hashlib.sha256(raw).hexdigest())


def _inspect(value: object, level: int = 0) -> bool:
    """Refuse what must not be signed; say whether every key is plain ASCII."""
    kind = type(value)
    if kind is dict:
        values: Iterable[object] = value.values()  # type: ignore[attr-defined]
        ascii_keys = _plain_keys(value)  # type: ignore[arg-type]
    elif kind is list or kind is tuple:
        values, ascii_keys = value, True  # type: ignore[assignment]
    else:
        return _inspect_other(value, level)
    if level >= LEVELS:
        raise _too_deep(LEVELS)
    for each in values:
        if type(each) is not str and each is not None:
            ascii_keys = _inspect(each, level + 1) and ascii_keys
    return ascii_keys


def _inspect_other(value: object, level: int) -> bool:
    """As `_inspect`, of what is no plain list and no plain object."""
    if isinstance(value, str) or value is None or value is True or value is False:
        return True
    if isinstance(value, int):
        if -MAX_INTEGER <= value <= MAX_INTEGER:
            return True
        raise MalformedError("canonical.number", "an integer lies beyond 2^53 - 1")
    if isinstance(value, float):
        raise MalformedError(
            "canonical.number",
            "a number has a fraction, an exponent or too many digits",
            hint="write it as text",
        )
    if isinstance(value, dict):
        return _inspect(dict(value), level)
    if isinstance(value, list):
        return _inspect([*value], level)
    raise MalformedError("canonical.not-json", f"JSON cannot say a {type(value).__name__}")


def _plain_keys(value: dict[object, object]) -> bool:
    """Refuse keys that are not text; say whether all are plain ASCII."""
    plain = True
    for key in value:
        if not isinstance(key, str):
            raise MalformedError("canonical.not-json", "an object has a key that is not text")
        plain = plain and key.isascii()
    return plain


def _too_deep(levels: int) -> MalformedError:
    return MalformedError(
        "canonical.too-deep",
        f"lists and objects stand more than {levels} deep",
        facts={"limit": levels},
    )


def _has_duplicate_key(raw: bytes) -> bool:
    """Whether any object in `raw`, already bounded and parsed once, repeats a key."""
    found = False

    def pairs(items: list[tuple[str, object]]) -> dict[str, object]:
        nonlocal found
        unique = dict(items)
        found = found or len(unique) != len(items)
        return unique

    try:
        json.loads(raw, object_pairs_hook=pairs)
    except ValueError:
        return False
    return found
