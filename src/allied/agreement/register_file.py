"""Register files `register/1`: what happened to agreements and to their parties.

A register file is to `allied whatif` what signed records are to a node: the events from which
`standing` derives who is bound when. It is read like an agreement, every scalar as text and
every mistake with its place and a suggestion.

Words used here:
    event    one entry of the file: signed, ratified, notice, suspended ...
    files    the agreements that the events are about; they are read before the register

Rules that hold everywhere below. A register is refused whole, with every mistake found, or
read whole. An event about an agreement, a party or a clause that is not in the files is a
mistake, and so is a key that its event has no use for: nothing is parsed and forgotten. A day
begins in the time zone of its agreement. Without `reciprocal`, a suspension works one way and
a reservation both ways.

Source: agreement format, section 8; settled points on the register.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, ClassVar, Final

from allied.agreement.clause import ART, Clause
from allied.agreement.days import start_of_day
from allied.agreement.events import (
    ACCEDED,
    AMENDED,
    CHANGED,
    CLEARED,
    DECLARED,
    DONE,
    ELECTED,
    EVENTS,
    EXPELLED,
    FLAGGED,
    INVITED,
    LEFT,
    NOMINATED,
    NOTICE,
    OBJECTED,
    RATIFIED,
    REQUESTED,
    RESERVATION,
    RESUMED,
    RETURNED,
    SIGNED,
    STOP_NOTICE,
    SUCCEEDED,
    SUSPENDED,
    TERMINATED,
    Event,
)
from allied.agreement.moments import Moment, moment, moment_text
from allied.agreement.parties import ROLES
from allied.agreement.recurring import things_of
from allied.agreement.scalars import SENTENCE, YES_NO, Choice, Name, Scalar
from allied.agreement.shape import (
    LIFE,
    RESPONSE,
    SHOWN,
    Field,
    Group,
    MalformedTextError,
    Many,
    Reading,
    UnreadError,
    read_group,
    suggestion,
)
from allied.agreement.sharing import InformationSharing
from allied.agreement.terms import Agreement
from allied.agreement.text import ListNode, MapNode, Node, TextNode, load_yaml
from allied.record.ids import PartyId

FORMAT: Final = "register/1"

EVENT_LIMIT: Final = 20_000
"""Events of one document."""

_EVENT: Final = Choice(EVENTS, "an event")
_MOMENT: Final = Scalar("a day or an instant", moment, date, show_as=moment_text)
_LABEL: Final = Name("the id of a party")

# What an event needs, and what it may carry besides; anything else is refused.
_NEEDED: Final[Mapping[str, frozenset[str]]] = {
    NOMINATED: frozenset({"party"}),
    INVITED: frozenset({"party"}),
    SIGNED: frozenset({"party"}),
    RATIFIED: frozenset({"party"}),
    ACCEDED: frozenset({"party"}),
    SUCCEEDED: frozenset({"party"}),
    CHANGED: frozenset({"party"}),
    RESERVATION: frozenset({"party", "art"}),
    DECLARED: frozenset({"party", "practice"}),
    NOTICE: frozenset({"party"}),
    EXPELLED: frozenset({"party"}),
    SUSPENDED: frozenset(),
    RESUMED: frozenset(),
    LEFT: frozenset({"party", "body"}),
    RETURNED: frozenset({"party", "body"}),
    ELECTED: frozenset({"party", "body"}),
    STOP_NOTICE: frozenset({"party"}),
    TERMINATED: frozenset(),
    AMENDED: frozenset({"version"}),
    OBJECTED: frozenset({"party"}),
    FLAGGED: frozenset({"art"}),
    CLEARED: frozenset({"art"}),
    REQUESTED: frozenset({"party", "art"}),
    DONE: frozenset({"art"}),
}
_ALLOWED: Final[Mapping[str, frozenset[str]]] = {
    NOMINATED: frozenset({"by"}),
    INVITED: frozenset({"by"}),
    SIGNED: frozenset({"version"}),
    RATIFIED: frozenset({"version"}),
    ACCEDED: frozenset({"version"}),
    SUCCEEDED: frozenset({"predecessor"}),
    CHANGED: frozenset({"role", "tier"}),
    RESERVATION: frozenset({"effect", "reciprocal"}),
    EXPELLED: frozenset({"by", "ground"}),
    SUSPENDED: frozenset({"party", "towards", "reciprocal", "art", "by", "ground"}),
    RESUMED: frozenset({"party", "towards", "reciprocal", "art"}),
    TERMINATED: frozenset({"party"}),
    OBJECTED: frozenset({"about", "version"}),
    FLAGGED: frozenset({"party"}),
    CLEARED: frozenset({"party"}),
    DONE: frozenset({"party", "what"}),
}
_EITHER: Final[Mapping[str, tuple[str, ...]]] = {
    CHANGED: ("role", "tier"),
    OBJECTED: ("about", "version"),
}
"""Of these keys an event needs at least one."""

_PARTIES: Final = ("party", "towards", "about", "predecessor")
_EXTRA: Final = (
    "party", "towards", "reciprocal", "art", "effect", "practice", "by", "about", "predecessor",
    "body", "role", "tier", "version", "ground", "what",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One event as it stands in a file."""

    agreement: Annotated[str, Field(Name("the id of an agreement"), "To {}.", LIFE)]
    event: Annotated[str, Field(_EVENT, "What happened: {}.", LIFE)]
    at: Annotated[Moment, Field(_MOMENT, "On {}.", LIFE)]
    party: Annotated[str, Field(_LABEL, "By or to {}.", LIFE, "To the agreement as a whole.")] = ""
    towards: Annotated[
        str, Field(_LABEL, "Only what is owed to {}.", LIFE, "Towards everybody.")
    ] = ""
    reciprocal: Annotated[
        bool | None,
        Field(
            YES_NO,
            "It works both ways: {}.",
            LIFE,
            "A suspension works one way, a reservation both ways.",
        ),
    ] = None
    art: Annotated[str, Field(ART, "To article {}.", RESPONSE, "To no article.")] = ""
    effect: Annotated[
        str,
        Field(Choice("exclude narrow interpret", "an effect"), "Effect: {}.", RESPONSE, "Exclude."),
    ] = ""
    practice: Annotated[
        str,
        Field(SENTENCE, "Declared: {}. The legal status decides.", LIFE, "Nothing is declared."),
    ] = ""
    by: Annotated[str, Field(_LABEL, "By {}.", LIFE, "It is not said by whom.")] = ""
    about: Annotated[str, Field(_LABEL, "About {}.", LIFE, "About no candidate.")] = ""
    predecessor: Annotated[
        str, Field(_LABEL, "In the place of {}.", LIFE, "In nobody's place.")
    ] = ""
    body: Annotated[str, Field(Name("the name of a body"), "The body {}.", LIFE, "No body.")] = ""
    role: Annotated[
        str,
        Field(
            Choice("member observer associate guarantor protected steward secretariat", "a role"),
            "Its role from then on: {}.",
            LIFE,
            "The role that it had.",
        ),
    ] = ""
    tier: Annotated[
        str, Field(Name("a tier"), "Its tier from then on: {}.", LIFE, "The tier that it had.")
    ] = ""
    version: Annotated[
        str,
        Field(Name("the id of an agreement"), "The text {}.", LIFE, "The text as it was."),
    ] = ""
    ground: Annotated[str, Field(SENTENCE, "Because {}.", LIFE, "No ground is stated.")] = ""
    what: Annotated[
        str, Field(SENTENCE, "Done was: {}.", LIFE, "All that the article asks for.")
    ] = ""
    note: Annotated[str, Field(SENTENCE, "Note: {}.", SHOWN, "No note.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterFile:
    """What happened to agreements and to their parties, as a file says it."""

    FORMAT: ClassVar[str] = FORMAT

    events: Annotated[
        tuple[Entry, ...],
        Field(
            Many(Group(Entry, "an event"), "events", least=1, most=EVENT_LIMIT),
            "Events: {}.",
            LIFE,
        ),
    ]


def load(raw: bytes, source: str, agreements: Mapping[str, Agreement]) -> tuple[Event, ...]:
    """Read the events of a register file.

    Args:
        raw: the bytes of the file, at most 2 MiB.
        source: the name of the file as the user gave it, for the places.
        agreements: the files that the events are about, by id.

    Returns:
        The events in the order of the file; their order decides nothing.

    Raises:
        MalformedError: it is no such file; `register.*` and `yaml.*`, with every mistake.

    Cost: linear in the size of the file.
    """
    events: list[Event] = []
    for root in load_yaml(raw, source):
        reading = Reading(source, area="register")
        events += _document(root, reading, agreements)
        reading.finish()
    return tuple(events)


def _document(root: Node, reading: Reading, agreements: Mapping[str, Agreement]) -> Iterable[Event]:
    if not isinstance(root, MapNode):
        reading.note(root, "not-a-map", "a register is a map", f"begin with `format: {FORMAT}`")
        return ()
    format_ = root.get("format")
    if not isinstance(format_, TextNode) or format_.text != FORMAT:
        reading.note(
            format_ or root,
            "format",
            f"this is no register of the format {FORMAT}",
            f"write `format: {FORMAT}`",
        )
        return ()
    events = root.get("events")
    nodes = events.items if isinstance(events, ListNode) else [events or root]
    try:
        given = read_group(RegisterFile, "a register", root, reading, beside={"format": FORMAT})
        entries = list(zip(given.events, nodes, strict=True))
    except UnreadError:  # what can be read is looked at all the same, so that nobody tries twice
        entries = list(_readable(nodes[:EVENT_LIMIT], reading.source))
    amended: dict[str, set[str]] = {}
    for entry, _ in entries:
        if entry.event == AMENDED:
            amended.setdefault(entry.agreement, set()).add(entry.version)
    named = {
        agreement: _named(agreement, agreements, amended)
        for agreement in {entry.agreement for entry, _ in entries}
        if agreement in agreements
    }
    return [
        event
        for entry, node in entries
        if (event := _event(entry, node, reading, agreements, named)) is not None
    ]


def _readable(nodes: Iterable[Node], source: str) -> Iterator[tuple[Entry, Node]]:
    """The entries that can be read, where others cannot."""
    for node in nodes:
        with suppress(UnreadError, MalformedTextError):
            yield read_group(Entry, "an event", node, Reading(source, area="register")), node


@dataclass(frozen=True, slots=True)
class _Named:
    """What the texts of one agreement name: the first, and those that amend it."""

    parties: frozenset[str]
    bodies: frozenset[str]
    arts: Mapping[str, tuple[Clause, ...]]
    tiers: frozenset[str]
    successors: Mapping[str, str]
    amended: bool


def _named(
    agreement: str, agreements: Mapping[str, Agreement], amended: Mapping[str, Collection[str]]
) -> _Named:
    versions = [agreements[each] for each in amended.get(agreement, ()) if each in agreements]
    texts = [agreements[agreement], *versions]
    parties = frozenset(party for text in texts for party in text.party_ids)
    arts: dict[str, tuple[Clause, ...]] = {}
    for clause in (clause for text in texts for clause in text.articles):
        arts[clause.art] = (*arts.get(clause.art, ()), clause)
    return _Named(
        parties=parties,
        bodies=frozenset(body for text in texts for body in text.bodies),
        arts=arts,
        tiers=frozenset(tier for text in texts for tier in _tiers(text)),
        successors={
            party.id: party.successor_of
            for text in texts
            for party in text.parties
            if party.successor_of in parties
        },
        amended=agreement in amended,
    )


def _tiers(text: Agreement) -> Iterator[str]:
    """The tiers of a text: those of its parties, and those that its articles speak of."""
    yield from (party.tier for party in text.parties if party.tier)
    for clause in text.clauses(InformationSharing):
        yield from (name for name in clause.receives if name not in ROLES.options)


def _event(
    entry: Entry,
    node: Node,
    reading: Reading,
    agreements: Mapping[str, Agreement],
    named: Mapping[str, _Named],
) -> Event | None:
    """Hold one entry against the files; None where something was wrong."""
    before = len(reading.findings)
    text = agreements.get(entry.agreement)
    if text is None:
        reading.note(
            _at(node, "agreement"),
            "unknown-agreement",
            "no agreement of that id is among the files",
            suggestion(entry.agreement, sorted(agreements), what="agreement"),
        )
        return None
    _check_names(entry, node, reading, named[text.id])
    if entry.event == AMENDED and entry.version in named and named[entry.version].amended:
        reading.note(
            _at(node, "version"),
            "version-of-its-own",
            "a text that is amended itself is an agreement, and no version of another",
            "write all versions under the id of the first text",
        )
    if entry.version and entry.version not in agreements:
        reading.note(
            _at(node, "version"),
            "unknown-agreement",
            "no text of that id is among the files",
            suggestion(entry.version, sorted(agreements), what="agreement"),
        )
    if entry.event == SUCCEEDED:
        _check_predecessor(entry, node, reading, named[text.id])
    _check_keys(entry, node, reading)
    if len(reading.findings) > before:
        return None
    is_day = not isinstance(entry.at, datetime)
    return Event(
        agreement=entry.agreement,
        event=entry.event,
        party=PartyId(entry.party) if entry.party else None,
        at=start_of_day(entry.at, text.timezone) if is_day else entry.at,  # type: ignore[arg-type]
        towards=PartyId(entry.towards) if entry.towards else None,
        art=entry.art,
        effect=entry.effect or ("exclude" if entry.event == RESERVATION else ""),
        reciprocal=entry.event == RESERVATION if entry.reciprocal is None else entry.reciprocal,
        day=is_day,
        practice=entry.practice,
        by=entry.by,
        about=PartyId(entry.about) if entry.about else None,
        predecessor=PartyId(entry.predecessor) if entry.predecessor else None,
        body=entry.body,
        role=entry.role,
        tier=entry.tier,
        version=entry.version,
        ground=entry.ground,
        what=entry.what,
    )


def _check_names(entry: Entry, node: Node, reading: Reading, named: _Named) -> None:
    """Note parties, bodies, articles and tiers that the texts do not name."""
    parties, bodies = named.parties, named.bodies
    for key in _PARTIES:
        value = getattr(entry, key)
        if value and value not in parties:
            reading.note(
                _at(node, key),
                "unknown-party",
                f"{entry.agreement} names no party of that id",
                suggestion(value, sorted(parties), what="party"),
            )
    if entry.party and entry.party == entry.towards:
        reading.note(_at(node, "towards"), "towards-itself", "a party owes nothing to itself")
    if entry.by and entry.by not in parties and entry.by not in bodies:
        reading.note(
            _at(node, "by"),
            "unknown-party",
            f"{entry.agreement} names no party or body of that id",
            suggestion(entry.by, sorted(parties | bodies), what="party"),
        )
    if entry.body and entry.body not in bodies:
        reading.note(
            _at(node, "body"),
            "unknown-body",
            f"{entry.agreement} has no body of that name",
            suggestion(entry.body, sorted(bodies), what="body"),
        )
    if entry.art and entry.art not in named.arts:
        reading.note(
            _at(node, "art"),
            "unknown-clause",
            f"{entry.agreement} has no article of that number",
            suggestion(entry.art, list(named.arts), what="article"),
        )
    things = {thing for clause in named.arts.get(entry.art, ()) for thing in things_of(clause)}
    if entry.what and entry.art in named.arts and entry.what not in things:
        reading.note(
            _at(node, "what"),
            "unknown-thing",
            f"article {entry.art} asks for nothing of that name from time to time",
            suggestion(entry.what, sorted(things), what="thing"),
        )
    if entry.tier and entry.tier not in named.tiers:
        reading.note(
            _at(node, "tier"),
            "unknown-tier",
            f"{entry.agreement} has no tier of that name",
            suggestion(entry.tier, sorted(named.tiers), what="tier"),
        )


def _check_predecessor(entry: Entry, node: Node, reading: Reading, named: _Named) -> None:
    """Note where nobody is named in whose place a party comes, or the party itself is."""
    if not entry.predecessor and entry.party not in named.successors:
        reading.note(
            node,
            "missing-key",
            "an event `succeeded` needs the key `predecessor` where the text does not say"
            " `successor_of`",
            "add `predecessor:`",
        )
    if entry.predecessor and entry.predecessor == entry.party:
        reading.note(_at(node, "predecessor"), "succeeds-itself", "nobody succeeds itself")


def _check_keys(entry: Entry, node: Node, reading: Reading) -> None:
    """Note what an event lacks and what it has no use for."""
    needed = _NEEDED[entry.event]
    used = needed | _ALLOWED.get(entry.event, frozenset())
    for key in _EXTRA:
        if getattr(entry, key) not in (None, "") and key not in used:
            reading.note(
                _at(node, key),
                "useless-key",
                f"an event `{entry.event}` has no use for the key `{key}`",
                "take it out",
            )
    if entry.towards and entry.art and entry.event in (SUSPENDED, RESUMED):
        reading.note(
            _at(node, "art"),
            "useless-key",
            "a pair is suspended in all articles, and an article towards everybody",
            "take out `art` or `towards`",
        )
    if entry.event == SUSPENDED and entry.reciprocal is not None and not entry.towards:
        reading.note(
            _at(node, "reciprocal"),
            "useless-key",
            "a suspension towards everybody works both ways in any case",
            "take `reciprocal` out, or name the other side with `towards`",
        )
    if entry.towards and not entry.party:
        needed |= {"party"}
    either = _EITHER.get(entry.event, ())
    if either and not any(getattr(entry, key) for key in either):
        reading.note(
            node,
            "missing-key",
            f"an event `{entry.event}` needs one of the keys "
            + " and ".join(f"`{key}`" for key in either),
            f"add `{either[0]}:`",
        )
    for key in sorted(needed):
        if not getattr(entry, key):
            reading.note(
                node,
                "missing-key",
                f"an event `{entry.event}` needs the key `{key}`",
                f"add `{key}:`",
            )


def _at(node: Node, key: str) -> Node:
    """The value under a key, or the node itself."""
    return (node.get(key) if isinstance(node, MapNode) else None) or node
