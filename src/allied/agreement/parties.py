"""Who is named in an agreement, in which role.

Words used here:
    party    an organisation, by its label in the file
    member   a party whose role is `member`; a conditional role counts as what it falls back to
    tier     a rank of members that decides what they receive

Rule that holds below: no label is declared twice; `ids: [a, b]` stands for several parties
that are alike in everything else.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any, Final

from allied.agreement.scalars import (
    DAY,
    SENTENCE,
    Choice,
    Name,
    Words,
)
from allied.agreement.shape import (
    LIFE,
    LOADER,
    RESPONSE,
    SHOWN,
    Field,
    Group,
    Kind,
    Many,
    Named,
    OneOf,
    Reading,
    Schema,
    Tree,
    UnreadError,
    declared,
    read_group,
    show_group,
)
from allied.agreement.text import ListNode, MapNode, Node, TextNode
from allied.agreement.values import NOTHING, Severity, Table
from allied.record.ids import PartyId

PARTY_LIMIT: Final = 10_000

ROLES: Final = Choice(
    {
        "member": "member",
        "observer": "observer",
        "associate": "associate",
        "guarantor": "guarantor",
        "protected": "protected party",
        "steward": "steward",
        "secretariat": "secretariat",
    },
    "a role",
)

DEBTOR_ROLES: Final = frozenset({"member", "guarantor"})
"""Who owes something where a clause does not say whom it binds."""

ANSWER: Final = Words(500, answers=True)

_IMPACT: Final = "impact "

IMPACT: Final = Choice(
    {f"{_IMPACT}{each}": f"the impact is {each}" for each in Severity},
    "what a role can depend on",
)

CAPABILITY: Final = Name(
    "a capability",
    "[A-Za-z][A-Za-z0-9_-]{0,63}",
    "a letter, then letters, digits, `_` and `-`",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalRole:
    """A role that depends on how grave the incident is."""

    role: Annotated[str, Field(ROLES, "It is {}.", LIFE)]
    when: Annotated[str, Field(IMPACT, "When {} or more.", RESPONSE)]
    otherwise: Annotated[str, Field(ROLES, "Else it is {}.", LIFE, key="else")]

    @property
    def least(self) -> Severity:
        """The severity of an incident from which on it has the first role."""
        return Severity.parse(self.when.removeprefix(_IMPACT))

    def role_at(self, severity: Severity | None) -> str:
        """Its role over an incident; what is not stated gives the role of `else`."""
        return self.role if severity is not None and severity >= self.least else self.otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """An organisation named in the agreement."""

    id: Annotated[PartyId, Field(Name("the id of a party"), "It goes by {} here.", LOADER)]
    name: Annotated[
        str, Field(SENTENCE, "Its name is {}.", SHOWN, "Its full name is not given.")
    ] = ""
    kind: Annotated[
        str,
        Field(
            Choice("state company agency sector-body person community", "a kind of party"),
            "Kind: {}.",
            SHOWN,
        ),
    ] = "company"
    role: Annotated[
        str | ConditionalRole,
        Field(OneOf(ROLES, Group(ConditionalRole, "a conditional role")), "Its role: {}.", LIFE),
    ] = "member"
    tier: Annotated[
        str,
        Field(Name("a tier"), "Its tier is {}.", "sharing", "It is in no tier."),
    ] = ""
    constituency: Annotated[
        str, Field(SENTENCE, "It speaks for {}.", SHOWN, "It speaks for itself.")
    ] = ""
    authorised_people: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "people"),
            "It acts through {}.",
            by=SHOWN,
            absent="Who acts for it is its own affair.",
        ),
    ] = ()
    capabilities: Annotated[
        Table[str],
        Field(
            Named(ANSWER, CAPABILITY, "capabilities"),
            "Its capabilities: {}.",
            by=RESPONSE,
            absent="No capabilities are stated.",
        ),
    ] = NOTHING
    status_notes: Annotated[
        Table[str],
        Field(
            Named(ANSWER, CAPABILITY, "status notes"),
            "Its status: {}.",
            by=RESPONSE,
            absent="No special status.",
        ),
    ] = NOTHING
    successor_of: Annotated[
        str, Field(SENTENCE, "It succeeds {}.", LIFE, "It succeeds nobody.")
    ] = ""
    side: Annotated[
        str,
        Field(
            SENTENCE,
            "It is on the side {}; those on one side owe each other nothing.",
            RESPONSE,
            "It is on no side.",
        ),
    ] = ""
    joined: Annotated[
        date | None,
        Field(
            DAY,
            "It joined on {}; this is status in the text and cannot be proposed on a node.",
            LIFE,
            "When it joined follows from its signature.",
        ),
    ] = None

    @property
    def role_name(self) -> str:
        """Its role; of a conditional role, the one it has while the condition is not met."""
        return self.role if isinstance(self.role, str) else self.role.otherwise

    @property
    def is_member(self) -> bool:
        """Whether its role is `member`."""
        return self.role_name == "member"


class Parties(Kind):
    """The parties; `ids: [a, b]` stands for several that are alike in the rest."""

    shapes = (ListNode, MapNode)

    def read(self, node: Node, reading: Reading) -> tuple[Party, ...]:
        nodes = node.items if isinstance(node, ListNode) else [node]
        found: dict[str, Party] = {}
        bad = False
        for each in nodes:
            try:
                parties = _parties_of(each, reading)
            except UnreadError:
                bad = True
                continue
            for party, at in parties:
                if party.id in found:
                    reading.note(at, "duplicate-party", "this party is declared twice", "keep one")
                found[party.id] = party
            if len(found) > PARTY_LIMIT:
                raise reading.fail(
                    each, "too-many-parties", f"at most {PARTY_LIMIT} parties may be named"
                )
        if not found and not bad:
            raise reading.fail(node, "no-party", "an agreement names at least one party")
        if bad:
            raise UnreadError
        return tuple(found.values())

    def show(self, value: Any, *, full: bool = False) -> Tree:
        trees: list[Tree] = []
        alike: list[Party] = []
        for party in (*value, None):
            same = alike and party and replace(party, id=alike[0].id) == alike[0]
            if alike and (full or not same):
                tree = show_group(alike[0], full=full)
                if len(alike) > 1:
                    tree = {"ids": [each.id for each in alike], **tree}
                    del tree["id"]
                trees.append(tree)
                alike = []
            if party:
                alike.append(party)
        return trees

    def words(self, value: Any) -> str:
        return ", ".join(party.name or party.id for party in value)

    def schema(self) -> Schema:
        return {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/PartyEntry"}}

    def parts(self) -> tuple[Kind, ...]:
        return (Group(Party, "a party"),)


def _parties_of(node: Node, reading: Reading) -> list[tuple[Party, Node]]:
    if not isinstance(node, MapNode):
        return [(read_group(Party, "a party", node, reading), node)]
    ids = next((pair for pair in node.entries if pair[0].text == "ids"), None)
    if ids is None:
        return [(read_group(Party, "a party", node, reading, beside={"ids": ()}), node)]
    key, value = ids
    if node.get("id") is not None:
        raise reading.fail(key, "unknown-key", "`id` and `ids` exclude each other", "keep one")
    names = value.items if isinstance(value, ListNode) else [value]
    if not names:
        raise reading.fail(value, "list-size", "at least one id may stand here")
    first = TextNode(key.line, key.column, "id", quoted=False)
    rest = [pair for pair in node.entries if pair is not ids]
    pattern = read_group(
        Party, "a party", MapNode(node.line, node.column, [(first, names[0]), *rest]), reading
    )
    kind = declared(Party)[0].field.kind
    parties = [(pattern, names[0])]
    parties += [
        (replace(pattern, id=PartyId(kind.read(name, reading))), name)
        for name in names[1 : PARTY_LIMIT + 2]
    ]
    return parties
