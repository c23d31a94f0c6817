"""Whether the pattern of an indicator is a STIX pattern.

Most indicators say `[domain-name:value = 'x']`, or a few such comparisons joined by OR, or
by AND over one object. These are recognised by an expression; what is not goes through the
full grammar (stix2-patterns), which is a thousand times slower. What a pattern matches is
not asked here, and patterns of other languages (Snort, YARA, Sigma) are not read.

Rules that hold everywhere here. What the expression accepts, the grammar accepts as well. A
pattern that is too long for the grammar is refused, not waved through.

Source: STIX 2.1, section 9 (patterning), and 3.1 for how types and properties are named.
"""

from __future__ import annotations

import re

MAX_SIMPLE = 1 << 20
"""Characters of a pattern that the expression reads."""

MAX_FULL = 32 << 10
"""Characters of a pattern that the grammar reads: about a second at worst."""

_MAX_NESTED = 64
_TEXT = r"'(?:[^'\\\x00-\x1f]|\\['\\])*+'"
_STEP = rf"(?:[a-zA-Z_][a-zA-Z0-9_]*+|{_TEXT})"
_TYPE = r"[a-z][a-z0-9-]{2,249}+"
_FIRST = r"(?!hashes\b)(?:[a-z_][a-z0-9_]{2,249}+|id)(?![a-zA-Z0-9_-])"
_STEPS = rf"(?:\.(?!hashes\b){_STEP}|\[(?:0|[1-9][0-9]*+|\*)\])*+"
_LITERAL = rf"(?:{_TEXT}|(?:0|[1-9][0-9]{{0,15}})(?![0-9.a-zA-Z]))"
_HASHED = (
    r"file:hashes\.(?:(?:MD5|'MD5')\s*+=\s*+'[0-9a-fA-F]{32}'"
    r"|'SHA-1'\s*+=\s*+'[0-9a-fA-F]{40}'|'SHA-256'\s*+=\s*+'[0-9a-fA-F]{64}'"
    r"|'SHA-512'\s*+=\s*+'[0-9a-fA-F]{128}')"
)
_COMPARISON = rf"(?:{_HASHED}|{_TYPE}:{_FIRST}{_STEPS}\s*+!?=\s*+{_LITERAL})\s*+"
_OBSERVED = rf"\[\s*+{_COMPARISON}(?:(?<=[\s'])OR\s++{_COMPARISON})*+\]"
_ALTERNATIVES = re.compile(rf"\s*+{_OBSERVED}\s*+(?:OR\s*+{_OBSERVED}\s*+)*+", re.ASCII)
_SAME = rf"{_FIRST}{_STEPS}\s*+!?=\s*+{_LITERAL}\s*+"
_TOGETHER = re.compile(
    rf"\s*+\[\s*+(?P<type>{_TYPE}):{_SAME}(?:(?<=[\s'])AND\s++(?P=type):{_SAME})++\]\s*+",
    re.ASCII,
)
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*+'", re.DOTALL)
_NAMED = re.compile(r"([a-zA-Z_][a-zA-Z0-9_-]*+):(?:([a-zA-Z_][a-zA-Z0-9_-]*+)|'')")


def is_simple(text: str) -> bool:
    """Whether `text` is a pattern that needs no grammar to be recognised.

    Cost: linear in its length.
    """
    return len(text) <= MAX_SIMPLE and bool(
        _ALTERNATIVES.fullmatch(text) or _TOGETHER.fullmatch(text)
    )


def is_pattern(text: str) -> bool:
    """Whether `text` is a pattern of STIX 2.1 that can be read within bounds.

    Cost: microseconds for the simple ones; milliseconds, up to `MAX_FULL` characters, for
    the others.
    """
    if is_simple(text):
        return True
    if len(text) > MAX_FULL or not text.strip() or not _is_named_well(text):
        return False
    # The grammar takes longer to load than most programs need to end; few patterns need it.
    from stix2patterns.exceptions import ParseException
    from stix2patterns.validator import run_validator

    try:
        return not run_validator(text, "2.1")
    except (ParseException, RecursionError):
        return False


def _is_named_well(text: str) -> bool:
    """Types and properties have 3 to 250 characters; groups do not nest without end."""
    bare = _QUOTED.sub("''", text)
    if bare.count("(") > _MAX_NESTED or bare.count("[") > MAX_FULL // 16:
        return False
    return all(
        3 <= len(type_) <= 250 and (name in ("", "id") or 3 <= len(name) <= 250)
        for type_, name in _NAMED.findall(bare)
    )
