"""What is wrong with one STIX 2.1 object, if anything.

The shape of each type is a JSON Schema of our own (`schemas`), compiled once per type on
first use. On top come the rules that no schema states: one name once in an object, days that
exist, times in order, ids that point at what they may point at, patterns that are patterns.
Only what the standard demands is asked for; what it recommends is the author's business.

Words used here:
    problem    one broken rule: a code, where in the object, a sentence without the content

Rules that hold everywhere here. Custom types, properties and extensions pass if they are
named well. A name that stands twice in one object is refused wherever it stands, because
two readers would read two different objects, and one of them could be the policy. A valid
object is never changed: validity is a question about bytes.

Source: STIX 2.1; RFC 8259 section 4 on repeated names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any

import jsonschema_rs
import orjson

from allied.exchange import observables, schemas
from allied.exchange.pattern import is_pattern
from allied.exchange.schema_notation import TIME, record
from allied.exchange.stix import OBSERVABLES, Head, instant

_MOST = 8  # problems that are named of one object
_NAME = re.compile(schemas.NAMED)
_SHOWN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
# First and second of a pair, and whether the second may equal the first.
_ORDERED = (
    ("created", "modified", True),
    ("valid_from", "valid_until", False),
    ("first_seen", "last_seen", True),
    ("first_observed", "last_observed", True),
    ("start_time", "stop_time", False),
    ("start", "end", True),
    ("analysis_started", "analysis_ended", True),
)
_RULES = {
    "additionalProperties": "has a property that may not be there",
    "anyOf": "lacks one of the properties that are needed here",
    "oneOf": "has none, or more than one, of the properties that exclude each other",
    "not": "is what may not stand here",
    "const": "is not the value that must stand here",
    "enum": "is not one of the values of the closed vocabulary",
    "minimum": "is smaller than allowed",
    "maximum": "is larger than allowed",
    "minItems": "is an empty list",
    "minProperties": "is empty",
    "maxProperties": "has more properties than allowed",
    "pattern": "is not spelled as STIX demands",
    "propertyNames": "has a property whose name is not spelled as STIX demands",
    "type": "has the wrong JSON type",
    "dependentRequired": "lacks a property that another one asks for",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule.

    Attributes:
        code: `stix.invalid`, `stix.duplicate-key`, `stix.not-json`, `stix.time`,
            `stix.time-order`, `stix.pattern` or `stix.self-marking`.
        where: the property, as `external_references.0.hashes`; empty for the object.
        sentence: what is wrong, for people; never the content.
    """

    code: str
    where: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.where} {self.sentence}" if self.where else f"the object {self.sentence}"


def problems(raw: bytes, head: Head) -> tuple[Problem, ...]:
    """Name what is wrong with an object; nothing, if it is valid STIX 2.1.

    Args:
        raw: its exact bytes.
        head: what `stix.read_head` read from the same bytes.

    Returns:
        At most 8 problems, in no order that means anything.

    Cost: about 15 microseconds for an object of 1 kB, twice that with a problem; up to a
    second for a pattern that needs the full grammar.
    """
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return (Problem("stix.not-json", "", "is not well-formed JSON"),)
    if repeats_a_name(raw, value):
        return (Problem("stix.duplicate-key", "", "has the same property twice"),)
    name = head.type if head.type in _KNOWN else _strangers(value)
    shape = _shape(name)
    if not (shape.validator.is_valid(value) and _is_named_well(value, shape)):
        errors = islice(_whole(name).iter_errors(value), _MOST)
        return tuple(_problem(error) for error in errors)
    found = _times(value, shape)
    _own_rules(value, head, found)
    return tuple(found[:_MOST])


def sound(raws: Sequence[bytes], heads: Sequence[Head]) -> list[bool]:
    """Whether each of some objects is valid: whether `problems` names none.

    Args:
        raws: their exact bytes.
        heads: what `stix.read_head` read from each.

    Cost: less than `problems` of each, where all of them are well-formed.
    """
    values = _read_at_once(raws)
    if values is None:
        return [not problems(raw, head) for raw, head in zip(raws, heads, strict=True)]
    return [_is_sound(value, head) for value, head in zip(values, heads, strict=True)]


def _read_at_once(raws: Sequence[bytes]) -> list[Any] | None:
    """The values of some objects; None where one is not JSON, or may have a name twice.

    A name that is lost takes quotes away and nothing adds any, so all of them can be counted
    together; see `repeats_a_name`.
    """
    whole = b"[" + b",".join(raws) + b"]"
    try:
        values: list[Any] = orjson.loads(whole)
    except orjson.JSONDecodeError:
        return None
    if len(values) != len(raws) or b"\\u0022" in whole:
        return None
    again = orjson.dumps(values)
    return values if whole == again or whole.count(b'"') == again.count(b'"') else None


def _is_sound(value: Any, head: Head) -> bool:
    """Whether a value that was read with all its names is valid."""
    shape = _shape(head.type if head.type in _KNOWN else _strangers(value))
    if not (shape.validator.is_valid(value) and _is_named_well(value, shape)):
        return False
    found = _times(value, shape)
    _own_rules(value, head, found)
    return not found


def repeats_a_name(raw: bytes, value: Any) -> bool:
    """Whether some object inside `raw`, which decodes to `value`, has a name twice.

    A repeated name is lost in decoding, and its quotes with it; so the quotes of the text
    are counted against those of the value written out again. Only where they differ (an
    escaped quote can do that, too) is the text read a second time, with care.
    """
    if raw.count(b'"') == orjson.dumps(value).count(b'"') and b"\\u0022" not in raw:
        return False
    try:
        json.loads(raw, object_pairs_hook=_distinct)
    except _RepeatedNameError:
        return True
    except (ValueError, RecursionError):
        return True  # orjson read it and json does not: nobody should have to guess
    return False


class _RepeatedNameError(Exception):
    pass


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise _RepeatedNameError
    return names


_KNOWN: Mapping[str, Mapping[str, Any]] = {**schemas.OBJECTS, **schemas.META, **observables.SEEN}


def _strangers(value: Mapping[str, Any]) -> str:
    """Which schema fits a type that the standard does not know."""
    return "x-object" if "created" in value or "modified" in value else "x-observable"


@dataclass(frozen=True, slots=True)
class _Shape:
    """What holds for all objects of one type.

    Attributes:
        validator: of everything but the names of an object's own properties.
        names: properties that the type is known to have.
        times: the properties that are times.
        ordered: those of `_ORDERED` that the type can have.
    """

    validator: jsonschema_rs.Validator
    names: frozenset[str]
    times: tuple[str, ...]
    ordered: tuple[tuple[str, str, bool], ...]


@lru_cache(maxsize=64)
def _shape(name: str) -> _Shape:
    """What holds for one type, for custom objects or observables; compiled once."""
    schema = _schema(name)
    properties = schema["properties"]
    times = tuple(name for name, each in properties.items() if each is TIME)
    ordered = tuple(pair for pair in _ORDERED if pair[0] in times and pair[1] in times)
    names = frozenset(filter(_NAME.fullmatch, properties))
    return _Shape(_compiled(schema), names, times, ordered)


@lru_cache(maxsize=64)
def _whole(name: str) -> jsonschema_rs.Validator:
    """Names what is wrong, with how properties are named; only asked where something is."""
    return _compiled(_schema(name) | schemas.NAMES)


def _schema(name: str) -> dict[str, Any]:
    """What one type asks for, but for how its own properties are named."""
    own = dict(_KNOWN.get(name, {"type": "object"}))
    common = record(schemas.COMMON)
    required = {*common["required"], *own.get("required", ())}
    if name in schemas.OBJECTS or name == "x-object":
        required.update(schemas.DATED)
    properties = common["properties"] | own.get("properties", {})
    own.pop("propertyNames", None)
    return {**own, "properties": properties, "required": sorted(required)}


def _compiled(schema: dict[str, Any]) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft202012Validator(
        schema,
        validate_formats=False,
        pattern_options=jsonschema_rs.RegexOptions(size_limit=16 << 20),
        offline=True,
    )


def _is_named_well(value: Mapping[str, Any], shape: _Shape) -> bool:
    """What `schemas.NAMES` asks for, without a look at each of the usual names."""
    return value.keys() <= shape.names or all(map(_NAME.fullmatch, value))


def _problem(error: jsonschema_rs.ValidationError) -> Problem:
    """Say which rule was broken and where, without what stands there."""
    steps = [str(step) for step in error.instance_path]
    keyword = error.kind.name
    sentence = _RULES.get(keyword, "breaks a rule of its type")
    if keyword == "required":
        missing = str(getattr(error.kind, "property", "")).strip('"')
        sentence = f"lacks {missing}" if _SHOWN.fullmatch(missing) else "lacks a property"
    elif keyword == "propertyNames" or "propertyNames" in error.schema_path:
        sentence = _RULES["propertyNames"]
    shown = [step if _SHOWN.fullmatch(step) else "?" for step in steps]
    return Problem("stix.invalid", ".".join(shown), sentence)


def _times(value: Mapping[str, Any], shape: _Shape) -> list[Problem]:
    """Days that do not exist, and pairs of times that run backwards."""
    found = []
    for name in shape.times:
        text = value.get(name)
        if text is None:
            continue
        # The schema has seen the spelling; only the last days of a month, and the year before
        # the first, may not exist.
        late = text[8] > "1" and text[8:10] > "28"
        if (late or text < "0001") and instant(text) is None:
            found.append(Problem("stix.time", name, "is no day that exists"))
    for first, second, equal in shape.ordered:
        earlier, later = value.get(first), value.get(second)
        if earlier is None or later is None or (equal and earlier == later):
            continue
        before, after = _moment(earlier), _moment(later)
        if after < before or (after == before and not equal):
            found.append(Problem("stix.time-order", second, f"does not come after {first}"))
    return found


def _moment(text: str) -> tuple[str, str]:
    """Something that sorts as the instant does, for times that the schema has seen."""
    return text[:19], text[20:-1].rstrip("0")


def _own_rules(value: Mapping[str, Any], head: Head, found: list[Problem]) -> None:
    """What is asked besides the schema; problems are added to `found`."""
    type_ = head.type
    if type_ == "indicator":
        if value["pattern_type"] == "stix" and not is_pattern(value["pattern"]):
            found.append(
                Problem("stix.pattern", "pattern", "is not a STIX pattern that can be read")
            )
    elif type_ in OBSERVABLES and not head.spec_version and value.get("revoked") is not None:
        found.append(Problem("stix.invalid", "revoked", "does not belong to an observable"))
    if head.id in head.object_marking_refs or (
        head.granular_markings and head.id in head.granular_refs
    ):
        found.append(Problem("stix.self-marking", "object_marking_refs", "name the object itself"))
