"""What an object's markings ask for, taken together.

An object names marking definitions: well-known ones by their ids (TLP 2.0 and TLP 1.0), and
others that came with it. Each is read into what it demands; together with the agreement's
default and what the author adds they give the *effective handling*, which stands beside the
object's bytes and is never written into them. Whom it lets through is for `policy`.

Words used here:
    definition   one marking-definition object, or a well-known id without one
    marked       what an object's definitions demand, before any default
    tightening   what the author adds when sharing; it can only make things stricter

Rules that hold everywhere here. Markings only tighten. A well-known id means what the
standard says, whatever an object of that id claims. An id that nobody can resolve, or a
definition that is not understood, lets the object go to no one. Two different TLP markings
on one object contradict each other and are refused, not guessed; on parts of an object the
strictest holds for the whole. No TLP marking means unmarked, whatever else is there.

Source: STIX 2.1, sections 7.2 and 7.3; TLP 1.0 and 2.0, IEP 2.0 (FIRST); PAP as in MISP.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import orjson

from allied.agreement.values import Tlp
from allied.errors import RefusedError
from allied.exchange.handling import Handling, begins_term
from allied.exchange.stix import Head, instant
from allied.record.canonical import digest
from allied.record.ids import Digest, PartyId

_PREFIX = "marking-definition--"
WELL_KNOWN: Mapping[str, Tlp] = {
    _PREFIX + "94868c89-83c2-464b-929b-a1a8aa3c8487": Tlp.CLEAR,
    _PREFIX + "bab4a63c-aed9-4cf5-a766-dfca5abac2bb": Tlp.GREEN,
    _PREFIX + "55d920b0-5e8b-4f79-9ee9-91f868d9b421": Tlp.AMBER,
    _PREFIX + "939a9414-2ddd-4d32-a0cd-375ea402b003": Tlp.AMBER_STRICT,
    _PREFIX + "e828b379-4e03-4974-9ac4-e53a884c97c1": Tlp.RED,
    # TLP 1.0, whose WHITE is CLEAR now.
    _PREFIX + "613f2e26-407d-48c7-9eca-b8e91df99dc9": Tlp.CLEAR,
    _PREFIX + "34098fce-860f-48ae-8e50-ebd3cc5e41da": Tlp.GREEN,
    _PREFIX + "f88d31f6-486f-44da-b317-01333bde0b82": Tlp.AMBER,
    _PREFIX + "5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Tlp.RED,
}
"""The marking definitions whose ids the standards fix."""

TLP_2_ID: Mapping[Tlp, str] = {tlp: id_ for id_, tlp in reversed(list(WELL_KNOWN.items())[:5])}
"""The TLP 2.0 definition of each marking."""

TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
IEP_EXTENSION = "extension-definition--762e2e97-ee51-43e5-a9ea-165fbb862c4a"
PAP_EXTENSION = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"
_ACS_EXTENSION = "extension-definition--3a65884d-005a-4290-8335-cb2d778a83ce"

_IEP_TERMS = {
    "encrypt_in_transit": ("may", "must"),
    "permitted_actions": (
        "none",
        "contact-for-instruction",
        "internally-visible-actions",
        "externally-visible-indirect-actions",
        "externally-visible-direct-actions",
    ),
    "affected_party_notifications": ("may", "must-not"),
    "provider_attribution": ("may", "must", "must-not"),
    "unmodified_resale": ("may", "must-not"),
}
_COLOURS = ("red", "amber", "green", "clear", "white")
MAX_REFS = 64
"""How many markings one object may carry; a proof has room for so many."""

_SAYS_TLP = re.compile(r"\s*tlp\b", re.IGNORECASE)


class MarkingError(RefusedError):
    """Markings that cannot be honoured, so that the object may go to no one.

    `exchange.unknown-marking`, `exchange.contradictory-marking`, `exchange.forged-marking`,
    `exchange.marking-not-enforced`, `exchange.too-many-markings`.
    """


@dataclass(frozen=True, slots=True)
class Definition:
    """What one marking definition demands.

    Attributes:
        id: of the marking-definition object.
        digest: of its exact bytes; empty for a well-known id that came without any.
        tlp: the TLP marking that it states, if any.
        policy_tlp: a TLP that it demands as part of a wider policy (IEP), if any.
        terms: what it demands of holders, `iep:...` and `pap:...`; `iep:start-date=...` is
            the instant before which nobody may be given what it marks.
        expires: the instant from which nobody may be given what it marks.
        problem: a code if nobody may be given what it marks, else empty.
    """

    id: str
    digest: Digest | str = ""
    tlp: Tlp | None = None
    policy_tlp: Tlp | None = None
    terms: frozenset[str] = frozenset()
    expires: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Marked:
    """What the markings of one object demand, before any default.

    Attributes:
        tlp: the strictest TLP marking; None if there is none.
        floor: the least strict handling that all markings together allow.
        definitions: digests of the definitions used, sorted, as far as there are bytes.
    """

    tlp: Tlp | None
    floor: Handling
    definitions: tuple[Digest, ...]


@dataclass(frozen=True, slots=True)
class Tightening:
    """What the author adds when sharing; nothing by default."""

    tlp: Tlp | None = None
    audience: frozenset[PartyId] | None = None
    caveats: frozenset[str] = frozenset()
    terms: frozenset[str] = frozenset()


NO_TIGHTENING = Tightening()


@dataclass(frozen=True, slots=True)
class Effective:
    """The effective handling of one object.

    Attributes:
        handling: what holds for it.
        unmarked: it carries no TLP marking of its own, so that a default was taken.
        definitions: digests of the marking definitions used, sorted.
    """

    handling: Handling
    unmarked: bool
    definitions: tuple[Digest, ...] = ()


def tlp_of(text: str) -> Tlp | None:
    """Read a TLP marking of version 1 or 2 in any case and spelling; None if it is none."""
    word = text.strip().upper().removeprefix("TLP").lstrip(": _-").replace("_", "+")
    word = {"WHITE": "CLEAR", "AMBER STRICT": "AMBER+STRICT"}.get(word, word)
    try:
        return Tlp.parse(word)
    except ValueError:
        return None


def well_known(id_: str) -> Definition | None:
    """The definition of a well-known id that came without an object."""
    tlp = WELL_KNOWN.get(id_)
    return None if tlp is None else Definition(id_, tlp=tlp)


def read_definition(raw: bytes, head: Head) -> Definition:
    """Read what a marking-definition object demands.

    Args:
        raw: its exact bytes; it is a valid STIX 2.1 object.
        head: its head.

    Returns:
        The definition. What is not understood does not raise: it has a `problem`, because
        the definition itself may travel while nothing it marks may.
    """
    value: dict[str, Any] = orjson.loads(raw)
    stated: list[Tlp] = []
    found = Definition(head.id, digest(raw))
    kind = str(value.get("definition_type", "")).lower()
    definition = value.get("definition")
    body: Mapping[str, Any] = definition if isinstance(definition, Mapping) else {}
    if kind == "tlp":
        found = _with_tlp(found, stated, body.get("tlp", ""))
    elif kind == "pap":
        found = _with_pap(found, body.get("pap", body.get("PAP", "")))
    elif kind not in ("", "statement"):
        found = replace(found, problem="exchange.unknown-marking")
    extensions = value.get("extensions", {})
    for name, each in extensions.items() if isinstance(extensions, Mapping) else ():
        found = _with_extension(found, stated, name, each)
    for key in ("name", "x_opencti_definition"):
        label = value.get(key)
        if isinstance(label, str) and _SAYS_TLP.match(label):
            found = _with_tlp(found, stated, label)
    known = WELL_KNOWN.get(head.id)
    if len({*stated, *([known] if known else [])}) > 1:
        code = "exchange.forged-marking" if known else "exchange.contradictory-marking"
        found = replace(found, problem=code)
    elif known:
        stated = [known]
    return replace(found, tlp=max(stated, default=None))


def _with_tlp(found: Definition, stated: list[Tlp], text: object) -> Definition:
    tlp = tlp_of(text) if isinstance(text, str) else None
    if tlp is None:
        return replace(found, problem=found.problem or "exchange.unknown-marking")
    stated.append(tlp)
    return found


def _with_pap(found: Definition, text: object) -> Definition:
    word = text.strip().lower().removeprefix("pap:") if isinstance(text, str) else ""
    if word not in _COLOURS:
        return replace(found, problem=found.problem or "exchange.unknown-marking")
    return replace(found, terms=found.terms | {f"pap:{word.replace('white', 'clear')}"})


def _with_extension(found: Definition, stated: list[Tlp], name: str, each: Any) -> Definition:
    if name == TLP_EXTENSION:
        return _with_tlp(found, stated, each.get("tlp_2_0", ""))
    if name == PAP_EXTENSION:
        return _with_pap(found, each.get("pap", ""))
    if name == IEP_EXTENSION:
        return _with_iep(found, each)
    code = "marking-not-enforced" if name == _ACS_EXTENSION else "unknown-marking"
    return replace(found, problem=found.problem or f"exchange.{code}")


def _with_iep(found: Definition, policy: Mapping[str, Any]) -> Definition:
    """Read an IEP 2.0 policy; what it leaves out or says otherwise is not understood."""
    unknown = replace(found, problem=found.problem or "exchange.unknown-marking")
    terms = set(found.terms)
    for name, allowed in _IEP_TERMS.items():
        if policy.get(name) not in allowed:
            return unknown
        terms.add(f"iep:{name.replace('_', '-')}={policy[name]}")
    tlp = tlp_of(str(policy.get("tlp", ""))) or WELL_KNOWN.get(str(policy.get("tlp_ref", "")))
    begin, end = policy.get("start_date"), policy.get("end_date")
    since = instant(begin) if isinstance(begin, str) else None
    until = instant(end) if isinstance(end, str) else None
    if tlp is None or (begin is not None and not since) or (end is not None and not until):
        return unknown
    if since:
        whole, fraction = since
        try:
            terms.add(begins_term(whole + timedelta(seconds=bool(fraction))))
        except OverflowError:  # it begins behind the last second that there is
            return unknown
    return replace(
        found, policy_tlp=tlp, terms=frozenset(terms), expires=until[0] if until else None
    )


def marked(
    refs: Iterable[str], granular: Iterable[str], find: Callable[[str], Definition | None]
) -> Marked:
    """Take the markings of one object together.

    Args:
        refs: the markings of the whole object.
        granular: the markings of parts of it.
        find: gives the definition for an id; None if nobody knows it.

    Raises:
        MarkingError: nobody may be given the object.
    """
    whole_ids, part_ids = set(refs), set(granular)
    if len(whole_ids | part_ids) > MAX_REFS:
        raise MarkingError(
            "exchange.too-many-markings",
            f"it carries more than {MAX_REFS} markings",
            hint="make several objects of it",
        )
    whole = [_resolved(id_, find) for id_ in sorted(whole_ids)]
    parts = [_resolved(id_, find) for id_ in sorted(part_ids)]
    stated = {each.tlp for each in whole if each.tlp is not None}
    if len(stated) > 1:
        raise MarkingError(
            "exchange.contradictory-marking",
            "it carries two different TLP markings",
            hint="leave one, or make two objects of it",
        )
    tlp = max((each.tlp for each in (*whole, *parts) if each.tlp is not None), default=None)
    floor = Handling(tlp or Tlp.CLEAR)
    for each in (*whole, *parts):
        floor = floor.joined(
            Handling(each.policy_tlp or Tlp.CLEAR, terms=each.terms, expires=each.expires)
        )
    digests = {Digest(each.digest) for each in (*whole, *parts) if each.digest}
    return Marked(tlp, floor, tuple(sorted(digests)))


def _resolved(id_: str, find: Callable[[str], Definition | None]) -> Definition:
    definition = find(id_) or well_known(id_)
    if definition is None:
        raise MarkingError(
            "exchange.unknown-marking",
            "it carries a marking whose definition is neither in the bundle nor known here",
            hint="share the marking-definition with it",
            facts={"marking": id_},
        )
    if definition.problem:
        raise MarkingError(
            definition.problem,
            {
                "exchange.unknown-marking": "it carries a marking that is not understood here",
                "exchange.contradictory-marking": "it carries a marking that states two TLPs",
                "exchange.forged-marking": "it carries a marking that uses the id of a TLP"
                " marking for something else",
            }.get(definition.problem, "it carries a marking that cannot be enforced here yet"),
            hint="nobody is given what cannot be handled as its marking demands",
            facts={"marking": id_},
        )
    return definition


def effective(given: Marked, default: Tlp, tightening: Tightening = NO_TIGHTENING) -> Effective:
    """The handling that holds: markings, else the default, then what the author adds.

    Args:
        given: what the object's markings demand.
        default: the TLP that the agreement gives to what is unmarked.
        tightening: what the author adds; a laxer TLP than the marking changes nothing.
    """
    handling = given.floor.joined(
        Handling(
            tightening.tlp or Tlp.CLEAR,
            tightening.audience,
            tightening.caveats,
            tightening.terms,
        )
    )
    if given.tlp is None:
        handling = handling.joined(Handling(default))
    return Effective(handling, given.tlp is None, given.definitions)
