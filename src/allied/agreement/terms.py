"""An agreement as a frozen value, and its way from bytes and back to text.

`load` reads files of the formats `alliance/1` and `alliance-view/1`; `dump` prints a
value so that it reads back identically; `canonical` gives the fully defaulted model whose
digest the parties sign. Who signed and who is bound when is not asked here
(`agreement.fold`, `agreement.standing`).

Words used here:
    document   one agreement or one view; a file may hold several
    party      an organisation named in the agreement, by its label
    member     a party whose role is `member`; what a conditional role falls back to counts
    view       a name for several instruments; it owns no obligations

Rules that hold everywhere below. A text is refused whole, with every mistake found, or
read whole. Every name used is declared in the same document, and no party and no article
is declared twice. Two texts that differ only in spelling, order of keys or written-out
defaults give equal values.

Source: agreement format.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Final, TypeAlias, TypeVar

from allied.agreement.clauses import (
    CLAUSES,
    NOTHING,
    RULE,
    VISIBILITY,
    AmendmentEntry,
    Clause,
    DecisionRule,
    Membership,
    Scope,
    Withdrawal,
)
from allied.agreement.scalars import (
    AMENDMENT_ENTRY,
    COUNT,
    DAY,
    DURATION,
    FRACTION,
    INTERVAL,
    PARAGRAPHS,
    SENTENCE,
    YES_NO,
    Choice,
    Name,
    Ref,
    Words,
)
from allied.agreement.shape import (
    LIFE,
    LOADER,
    RESPONSE,
    SHOWN,
    Field,
    Finding,
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
    suggestion,
)
from allied.agreement.text import ListNode, MapNode, Node, TextNode, load_yaml
from allied.agreement.values import Duration, Interval, Table
from allied.agreement.writing import write
from allied.errors import NotFoundError
from allied.record.canonical import Json
from allied.record.ids import PartyId

ARTICLE_LIMIT: Final = 5_000
PARTY_LIMIT: Final = 10_000

C = TypeVar("C", bound=Clause)
Day: TypeAlias = date

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
ANSWER: Final = Words(500, answers=True)
CAPABILITY: Final = Name(
    "a capability",
    "[A-Za-z][A-Za-z0-9_-]{0,63}",
    "a letter, then letters, digits, `_` and `-`",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What kind of paper it is, and whether it binds in law."""

    kind: Annotated[
        str,
        Field(
            Choice(
                "treaty protocol exchange-of-letters declaration contract memorandum charter"
                " membership-terms oral",
                "a form of agreement",
            ),
            "It is a {}.",
            SHOWN,
        ),
    ]
    binding: Annotated[
        str,
        Field(
            Choice(
                {
                    "yes": "binds in law",
                    "political": "binds politically, not in law",
                    "no": "does not bind",
                },
                "whether it binds",
            ),
            "It {}.",
            SHOWN,
        ),
    ] = "yes"
    note: Annotated[str, Field(SENTENCE, "Note: {}.", SHOWN, "No note.")] = ""
    law: Annotated[
        str, Field(SENTENCE, "Under the law of {}.", SHOWN, "No governing law is named.")
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Languages:
    """Which language counts."""

    authentic: Annotated[
        tuple[str, ...],
        Field(
            Many(
                Name("a language", "[a-z]{2,3}(?:-[A-Za-z0-9]{2,8})*", "a code like `en`"), "codes"
            ),
            "Equally authentic: {}.",
            SHOWN,
            "The language of the text.",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalRole:
    """A role that depends on something."""

    role: Annotated[str, Field(ROLES, "It is {}.", LIFE)]
    when: Annotated[str, Field(SENTENCE, "When {}.")]
    otherwise: Annotated[str, Field(ROLES, "Else it is {}.", LIFE, key="else")]


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
        str, Field(SENTENCE, "It succeeds {}.", SHOWN, "It succeeds nobody.")
    ] = ""
    side: Annotated[str, Field(SENTENCE, "It is on the side {}.", absent="There are no sides.")] = (
        ""
    )
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


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryCondition:
    """When the agreement enters into force; all that is named must hold.

    `in_force_when: all signed`, `all ratified` and a day are short for the whole.
    """

    all: Annotated[
        str,
        Field(
            Choice({"signed": "signed", "ratified": "ratified"}, "`signed` or `ratified`"),
            "All parties have {} it.",
            LIFE,
            "Not all parties are needed.",
        ),
    ] = ""
    majority_ratified: Annotated[
        bool,
        Field(
            YES_NO,
            "More than half of the parties have ratified it.",
            LIFE,
            "No majority of ratifications is asked for.",
        ),
    ] = False
    count: Annotated[
        int | None,
        Field(COUNT, "At least this many: {}.", LIFE, "No number of parties is set."),
    ] = None
    share: Annotated[
        Fraction | None,
        Field(FRACTION, "At least {} of the parties.", LIFE, "No share of the parties is set."),
    ] = None
    of: Annotated[
        str,
        Field(
            Choice(
                {"signed": "have signed", "ratified": "have ratified"}, "`signed` or `ratified`"
            ),
            "Those counted {}.",
            LIFE,
        ),
    ] = "ratified"
    including: Annotated[
        tuple[str, ...],
        Field(
            Many(Ref("party"), "parties"), "Among them {}.", LIFE, "No party must be among them."
        ),
    ] = ()
    date: Annotated[Day | None, Field(DAY, "Not before {}.", LIFE, "No day is set.")] = None


_ENTRY_WORDS: Final[Mapping[str, EntryCondition]] = {
    "all signed": EntryCondition(all="signed"),
    "all ratified": EntryCondition(all="ratified"),
}
ALL_SIGNED: Final = _ENTRY_WORDS["all signed"]
ENTRY: Final = Group(
    EntryCondition,
    "a condition of entry",
    short=_ENTRY_WORDS,
    said={"all signed": "all parties have signed", "all ratified": "all parties have ratified"},
    scalar="date",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """What happens when the term is over."""

    automatic: Annotated[
        bool, Field(YES_NO, "It is renewed of itself.", LIFE, "It is not renewed of itself.")
    ] = False
    each: Annotated[
        Duration | None, Field(DURATION, "Each time for {}.", LIFE, "For another term each time.")
    ] = None
    stop_notice: Annotated[
        Duration | None,
        Field(
            DURATION,
            "A party can stop that by notice of {} before.",
            LIFE,
            "A party can stop that up to the last day.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """When the agreement begins, and how it ends."""

    signature_window: Annotated[
        Interval | None,
        Field(INTERVAL, "It can be signed {}.", absent="It can be signed at any time."),
    ] = None
    in_force_when: Annotated[
        EntryCondition,
        Field(
            ENTRY,
            "It enters into force once {}.",
            LIFE,
        ),
    ] = ALL_SIGNED
    entry_deadline: Annotated[
        date | None,
        Field(
            DAY,
            "It lapses unless it is in force by {}.",
            absent="It waits for its entry into force without end.",
        ),
    ] = None
    term: Annotated[
        Duration | None,
        Field(DURATION, "It runs for {}.", LIFE, "It runs without end."),
    ] = None
    tied_to: Annotated[
        str,
        Field(
            Name("the id of an instrument"),
            "It ends when {} ends.",
            absent="It does not depend on another instrument.",
        ),
    ] = ""
    renewal: Annotated[
        Renewal,
        Field(Group(Renewal, "a renewal"), "At the end of its term: {}.", LIFE),
    ] = Renewal()
    withdrawal: Annotated[
        Withdrawal | None,
        Field(
            Group(Withdrawal, "a withdrawal"),
            "A party may leave: {}.",
            LIFE,
            "Nothing is said here about leaving.",
        ),
    ] = None
    survives_end: Annotated[
        tuple[str, ...],
        Field(Many(SENTENCE, "things"), "These outlive it: {}.", absent="Nothing outlives it."),
    ] = ()
    history: Annotated[
        str,
        Field(
            Choice(
                {
                    "none": "nothing of what was before",
                    "from-joining": "what happens from its joining on",
                    "all": "everything since the beginning",
                },
                "what a later party sees",
            ),
            "Who joins later sees {}.",
        ),
    ] = "from-joining"


NO_RENEWAL: Final = Renewal()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chair:
    """Who chairs a body."""

    rotation: Annotated[
        str,
        Field(Choice("name alphabet vote", "a rotation"), "The chair rotates by {}."),
    ]
    period: Annotated[
        Duration | None, Field(DURATION, "Every {}.", absent="At no fixed interval.")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A group of parties that decides or meets."""

    title: Annotated[str, Field(SENTENCE, "It is called {}.", SHOWN, "It has no title.")] = ""
    members: Annotated[
        tuple[PartyId, ...],
        Field(
            Many(Ref("party"), "parties", every="all", empty="all members"),
            "It consists of {}.",
            LIFE,
            "It consists of all members.",
        ),
    ] = ()
    chair: Annotated[
        Chair | None, Field(Group(Chair, "a chair"), "Its chair: {}.", absent="It has no chair.")
    ] = None
    meets: Annotated[
        str, Field(SENTENCE, "It meets: {}.", SHOWN, "When it meets is not fixed.")
    ] = ""
    rule: Annotated[
        DecisionRule | None,
        Field(Group(DecisionRule, "a decision rule"), "It decides: {}.", absent="By no set rule."),
    ] = None
    reports_to: Annotated[
        str, Field(Ref("body"), "It reports to {}.", SHOWN, "It reports to nobody.")
    ] = ""
    escalates_to: Annotated[
        str, Field(Ref("body"), "It escalates to {}.", SHOWN, "It does not escalate.")
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnexAmendment:
    """How an annex is changed."""

    rule: Annotated[str | DecisionRule, Field(RULE, "Decided by {}.")]
    in_force: Annotated[
        AmendmentEntry | None,
        Field(AMENDMENT_ENTRY, "It takes effect {}.", absent="It takes effect at once."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Annex:
    """A text beside the articles, with its own way of being changed."""

    id: Annotated[str, Field(Name("the id of an annex"), "It goes by {}.", SHOWN)]
    title: Annotated[str, Field(SENTENCE, "Its title is {}.", SHOWN, "It has no title.")] = ""
    text: Annotated[str, Field(PARAGRAPHS, "Its text: {}", SHOWN, "Its text is kept apart.")] = ""
    amendment: Annotated[
        AnnexAmendment | None,
        Field(
            Group(AnnexAmendment, "an amendment of an annex"),
            "It is changed: {}.",
            absent="It is changed like the rest.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Protection:
    """A law that protects those who share, while it is in force."""

    name: Annotated[str, Field(SENTENCE, "It is {}.", SHOWN)]
    jurisdiction: Annotated[
        str, Field(SENTENCE, "In {}.", SHOWN, "The jurisdiction is not named.")
    ] = ""
    covers: Annotated[
        tuple[str, ...], Field(Many(SENTENCE, "things"), "It covers {}.", SHOWN, "As the law says.")
    ] = ()
    valid: Annotated[
        tuple[Interval, ...],
        Field(Many(INTERVAL, "intervals"), "In force {}.", absent="At all times."),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LawAndForum:
    """Which law governs, and who judges."""

    law: Annotated[
        str, Field(SENTENCE, "Governed by the law of {}.", SHOWN, "No governing law is named.")
    ] = ""
    arbitration_seat: Annotated[
        str, Field(SENTENCE, "Arbitration in {}.", SHOWN, "No arbitration is agreed.")
    ] = ""
    forum: Annotated[str, Field(SENTENCE, "Disputes go to {}.", SHOWN, "No court is agreed.")] = ""


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


class Articles(Kind):
    """The clauses; which declaration reads one is decided by its `type`."""

    shapes = (ListNode, MapNode)

    def read(self, node: Node, reading: Reading) -> tuple[Clause, ...]:
        nodes = node.items if isinstance(node, ListNode) else [node]
        if len(nodes) > ARTICLE_LIMIT:
            raise reading.fail(
                node, "too-many-articles", f"at most {ARTICLE_LIMIT} articles may stand here"
            )
        found: dict[str, Clause] = {}
        bad = False
        for each in nodes:
            art = each.get("art") if isinstance(each, MapNode) else None
            reading.clause = art.text if isinstance(art, TextNode) and len(art.text) < 65 else ""
            try:
                clause = _clause(each, reading)
            except UnreadError:
                bad = True
                continue
            finally:
                reading.clause = ""
            if clause.art in found:
                reading.clause = clause.art
                reading.note(
                    art or each,
                    "duplicate-article",
                    "two articles have this number",
                    "renumber one",
                )
                reading.clause = ""
            found[clause.art] = clause
        if bad:
            raise UnreadError
        return tuple(found.values())

    def show(self, value: Any, *, full: bool = False) -> Tree:
        return [_clause_tree(each, full=full) for each in value]

    def words(self, value: Any) -> str:
        return f"{len(value)} articles"

    def schema(self) -> Schema:
        return {
            "type": "array",
            "maxItems": ARTICLE_LIMIT,
            "items": {"$ref": "#/$defs/Article"},
        }


def _clause(node: Node, reading: Reading) -> Clause:
    if not isinstance(node, MapNode):
        raise reading.fail(node, "wrong-type", "an article is a map", "write `art:` and `type:`")
    kind = node.get("type")
    if kind is None:
        raise reading.fail(
            node,
            "missing-key",
            "an article needs the key `type`",
            "one of " + ", ".join(f"`{each}`" for each in CLAUSES),
        )
    if not isinstance(kind, TextNode) or kind.text not in CLAUSES:
        text = kind.text if isinstance(kind, TextNode) else ""
        raise reading.fail(
            kind, "unknown-type", "this is no type of clause", suggestion(text, list(CLAUSES))
        )
    declaration = CLAUSES[kind.text]
    return read_group(declaration, declaration.CALLED, node, reading, beside={"type": ()})


def _clause_tree(clause: Clause, *, full: bool) -> dict[str, Tree]:
    tree = show_group(clause, full=full)
    head: dict[str, Tree] = {"art": tree.pop("art")}
    for key in ("title",):
        if key in tree:
            head[key] = tree.pop(key)
    return {**head, "type": clause.TYPE, **tree}


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """One instrument: who, what, and how long. Read by `load`, never built by hand."""

    FORMAT: ClassVar[str] = "alliance/1"

    id: Annotated[str, Field(Name("the id of an agreement"), "It goes by {}.", SHOWN)]
    title: Annotated[str, Field(SENTENCE, "It is called {}.", SHOWN, "It has no title.")] = ""
    text: Annotated[str, Field(PARAGRAPHS, "Preamble: {}", SHOWN, "It has no preamble.")] = ""
    form: Annotated[Form, Field(Group(Form, "a form"), "Its form: {}.", SHOWN)]
    lateral: Annotated[
        str,
        Field(
            Choice(
                {
                    "bilateral": "two parties",
                    "minilateral": "a few parties",
                    "multilateral": "many parties",
                    "open": "anyone may adopt it",
                },
                "how many parties there are",
            ),
            "It is made for {}.",
            SHOWN,
            "How many parties it is made for is not said.",
        ),
    ] = ""
    purpose: Annotated[
        tuple[str, ...],
        Field(
            Many(
                Choice(
                    "deterrence collective-response information-sharing mutual-aid stability"
                    " restraint",
                    "a purpose",
                ),
                "purposes",
            ),
            "Its purpose: {}.",
            SHOWN,
            "Its purpose follows from its articles.",
        ),
    ] = ()
    authority: Annotated[
        str,
        Field(
            Choice({"text": "the wording counts", "fields": "the fields count"}, "what counts"),
            "Where wording and fields differ, {}.",
        ),
    ] = "text"
    languages: Annotated[
        Languages | None,
        Field(Group(Languages, "languages"), "Languages: {}.", SHOWN, "One language."),
    ] = None
    visibility: Annotated[str, Field(VISIBILITY, "Who may know of it: {}.")] = "parties"
    timezone: Annotated[
        str,
        Field(
            Name(
                "a time zone",
                "[A-Za-z][A-Za-z0-9_+-]{0,31}(?:/[A-Za-z0-9_+-]{1,31}){0,2}",
                "a name like `Europe/London` or `UTC`",
            ),
            "Its days are counted in the time zone {}.",
            LIFE,
        ),
    ] = "UTC"
    parties: Annotated[tuple[Party, ...], Field(Parties(), "Its parties are {}.", LIFE)]
    life: Annotated[Life, Field(Group(Life, "the life of an agreement"), "Its life: {}.", LIFE)] = (
        Life()
    )
    depositary: Annotated[
        str,
        Field(
            Ref("party", "body"),
            "{} keeps the papers and takes notices.",
            SHOWN,
            "It has no depositary.",
        ),
    ] = ""
    scopes: Annotated[
        Table[Scope],
        Field(
            Named(Group(Scope, "a scope"), Name("the name of a scope"), "scopes"),
            "Scopes: {}.",
            RESPONSE,
            "No scopes are named.",
        ),
    ] = NOTHING
    bodies: Annotated[
        Table[Body],
        Field(
            Named(Group(Body, "a body"), Name("the name of a body"), "bodies"),
            "Bodies: {}.",
            LIFE,
            "There are no bodies.",
        ),
    ] = NOTHING
    prevails_over: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "instruments"),
            "It prevails over {}.",
            absent="It prevails over no other instrument.",
        ),
    ] = ()
    yields_to: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "instruments"),
            "It yields to {}.",
            absent="It yields to no other instrument.",
        ),
    ] = ()
    annexes: Annotated[
        tuple[Annex, ...],
        Field(
            Many(Group(Annex, "an annex"), "annexes"), "Annexes: {}.", SHOWN, "It has no annexes."
        ),
    ] = ()
    protections: Annotated[
        tuple[Protection, ...],
        Field(
            Many(Group(Protection, "a protection"), "protections"),
            "Legal protections: {}.",
            SHOWN,
            "It relies on no legal protections.",
        ),
    ] = ()
    law_and_forum: Annotated[
        LawAndForum | None,
        Field(
            Group(LawAndForum, "law and forum"), "Law: {}.", SHOWN, "No law and forum are agreed."
        ),
    ] = None
    articles: Annotated[tuple[Clause, ...], Field(Articles(), "It has {}.", SHOWN)] = ()

    def party(self, label: str) -> Party:
        """The party of that label; NotFoundError without one."""
        for party in self.parties:
            if party.id == label:
                return party
        raise NotFoundError("agreement.no-such-party", "the agreement names no party of that label")

    def clause(self, art: str) -> Clause:
        """The article of that number; NotFoundError without one."""
        for clause in self.articles:
            if clause.art == art:
                return clause
        raise NotFoundError("agreement.no-such-clause", "the agreement has no such article")

    def clauses(self, kind: type[C]) -> tuple[C, ...]:
        """The articles of one type, in the order of the text."""
        return tuple(clause for clause in self.articles if isinstance(clause, kind))

    def text_of(self, art: str) -> str:
        """The human wording of an article; empty without one."""
        return self.clause(art).text

    @property
    def party_ids(self) -> tuple[PartyId, ...]:
        """The labels of all parties, in the order of the text."""
        return tuple(party.id for party in self.parties)

    @property
    def members(self) -> tuple[PartyId, ...]:
        """The labels of the parties whose role is `member`."""
        return tuple(party.id for party in self.parties if party.is_member)

    @property
    def hubs(self) -> tuple[PartyId, ...]:
        """The labels of the parties whose role is `secretariat`."""
        return tuple(party.id for party in self.parties if party.role_name == "secretariat")

    def members_of(self, body: str) -> tuple[PartyId, ...]:
        """The parties of a body; KeyError for a body that is not declared."""
        return self.bodies[body].members or self.members

    def bound_by(self, clause: Clause) -> frozenset[PartyId]:
        """The parties that a clause binds: those it names, else all members."""
        return frozenset(PartyId(each) for each in clause.binds) or frozenset(self.members)

    def scopes_of(self, scope: tuple[str, ...] | Scope) -> tuple[Scope, ...]:
        """The scopes that a field names or holds; none means anywhere."""
        if isinstance(scope, Scope):
            return (scope,)
        return tuple(self.scopes[name] for name in scope)

    def rule_of(self, rule: str | DecisionRule | None) -> DecisionRule | None:
        """The rule that a field holds, or that of the body it names."""
        return self.bodies[rule].rule if isinstance(rule, str) else rule

    @property
    def withdrawal(self) -> Withdrawal | None:
        """How a party leaves: as the life of the agreement says, else a membership clause."""
        if self.life.withdrawal is not None:
            return self.life.withdrawal
        said = (clause.withdrawal for clause in self.clauses(Membership))
        return next((each for each in said if each is not None), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A name for several instruments."""

    FORMAT: ClassVar[str] = "alliance-view/1"

    id: Annotated[str, Field(Name("the id of a view"), "It goes by {}.", SHOWN)]
    title: Annotated[str, Field(SENTENCE, "It is called {}.", SHOWN, "It has no title.")] = ""
    text: Annotated[str, Field(PARAGRAPHS, "In words: {}", SHOWN, "It has no wording.")] = ""
    instruments: Annotated[
        tuple[str, ...],
        Field(
            Many(Name("the id of an instrument"), "instruments", least=1),
            "It joins {}.",
            SHOWN,
        ),
    ]


_FORMATS: Final[Mapping[str, tuple[type[Agreement | View], str]]] = {
    Agreement.FORMAT: (Agreement, "an agreement"),
    View.FORMAT: (View, "a view"),
}


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """A value with the text it was read from, for checks that name places."""

    value: Agreement | View
    source: str
    root: MapNode
    remarks: tuple[Finding, ...] = ()


def read(raw: bytes, source: str) -> tuple[Document, ...]:
    """Like `load`, keeping the trees."""
    documents = []
    for root in load_yaml(raw, source):
        reading = Reading(source)
        value = _document(root, reading)
        reading.finish()
        if value is not None and isinstance(root, MapNode):
            documents.append(Document(value, source, root, tuple(reading.remarks)))
    return tuple(documents)


def load(raw: bytes, source: str) -> tuple[Agreement | View, ...]:
    """Read the agreements and views of a file.

    Args:
        raw: the bytes of the file; see `text.load_yaml` for the limits.
        source: the name of the file as the user gave it, for the places.

    Raises:
        MalformedError: the text is not acceptable YAML (codes `yaml.*`).
        MalformedTextError: it is no agreement (codes `agreement.*`); has all findings of
            the first document that has any.
    """
    return tuple(document.value for document in read(raw, source))


def _document(root: Node, reading: Reading) -> Agreement | View | None:
    if not isinstance(root, MapNode):
        reading.note(root, "wrong-type", "an agreement is a map", "begin with `format: alliance/1`")
        return None
    kind = root.get("format")
    if kind is None:
        reading.note(root, "no-format", "the key `format` is missing", "add `format: alliance/1`")
        return None
    name = kind.text if isinstance(kind, TextNode) else ""
    if name not in _FORMATS:
        reading.note(
            kind,
            "unknown-format",
            "this release does not know that format",
            suggestion(name, list(_FORMATS)),
        )
        return None
    declaration, what = _FORMATS[name]
    value: Agreement | View | None = None
    with suppress(UnreadError):  # the reading has the findings
        value = read_group(declaration, what, root, reading, beside={"format": ()})
    if declaration is Agreement:
        reading.resolve(_names(root))
    return value


def _names(root: MapNode) -> Mapping[str, Iterable[str]]:
    """What a document declares, taken from its tree, so that a mistake elsewhere adds none."""
    names: dict[str, list[str]] = {"party": [], "clause": [], "protection": []}
    for key, target, keys in (
        ("parties", "party", ("id", "ids")),
        ("articles", "clause", ("art",)),
        ("protections", "protection", ("name",)),
    ):
        node = root.get(key)
        for each in node.items if isinstance(node, ListNode) else [node]:
            for one in keys if isinstance(each, MapNode) else ():
                value = each.get(one) if isinstance(each, MapNode) else None
                texts = value.items if isinstance(value, ListNode) else [value]
                names[target] += [text.text for text in texts if isinstance(text, TextNode)]
    for key, target in (("scopes", "scope"), ("bodies", "body")):
        table = root.get(key)
        entries = table.entries if isinstance(table, MapNode) else []
        names[target] = [name.text for name, _ in entries]
    return names


def canonical(agreement: Agreement | View) -> Json:
    """The fully defaulted model: text, lists and maps of text, null for what is absent.

    Two texts that mean the same have equal models; every default is written out, so a
    release that changes one cannot change what was signed.
    """
    tree: dict[str, Any] = {"format": agreement.FORMAT, **show_group(agreement, full=True)}
    return tree


def dump(agreement: Agreement | View) -> str:
    """Print as YAML that reads back to an equal value; comments are not kept."""
    tree: dict[str, Tree] = {"format": agreement.FORMAT, **show_group(agreement)}
    return write(tree)
