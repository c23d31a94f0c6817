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
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, TypeVar

from allied.agreement.articles import ARTICLE_LIMIT, Articles
from allied.agreement.clauses import (
    VISIBILITY,
    Clause,
    DecisionRule,
    Membership,
    Scope,
    Withdrawal,
)
from allied.agreement.frame import (
    Annex,
    AnnexAmendment,
    Body,
    Chair,
    Form,
    Languages,
    LawAndForum,
    Protection,
)
from allied.agreement.life import ALL_SIGNED, AS_BY_DEFAULT, EntryCondition, Life, Renewal
from allied.agreement.parties import (
    DEBTOR_ROLES,
    PARTY_LIMIT,
    ROLES,
    ConditionalRole,
    Parties,
    Party,
)
from allied.agreement.scalars import (
    PARAGRAPHS,
    SENTENCE,
    Choice,
    Name,
    Ref,
)
from allied.agreement.shape import (
    LIFE,
    RESPONSE,
    SHOWN,
    Field,
    Finding,
    Group,
    Many,
    Named,
    Reading,
    Tree,
    UnreadError,
    read_group,
    show_group,
    suggestion,
)
from allied.agreement.text import ListNode, MapNode, Node, TextNode, load_yaml
from allied.agreement.values import NOTHING, Table
from allied.agreement.writing import write
from allied.errors import NotFoundError
from allied.record.canonical import Json
from allied.record.ids import PartyId

__all__ = [
    "ALL_SIGNED",
    "ARTICLE_LIMIT",
    "PARTY_LIMIT",
    "ROLES",
    "Agreement",
    "Annex",
    "AnnexAmendment",
    "Articles",
    "Body",
    "Chair",
    "ConditionalRole",
    "Document",
    "EntryCondition",
    "Form",
    "Languages",
    "LawAndForum",
    "Life",
    "Parties",
    "Party",
    "Protection",
    "Renewal",
    "View",
    "canonical",
    "dump",
    "load",
    "read",
]

C = TypeVar("C", bound=Clause)


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
                    "open": "anyone who adopts it",
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
            RESPONSE,
        ),
    ] = "text"
    languages: Annotated[
        Languages | None,
        Field(Group(Languages, "languages"), "Languages: {}.", SHOWN, "One language."),
    ] = None
    visibility: Annotated[str, Field(VISIBILITY, "Who may know of it: {}.", RESPONSE)] = "parties"
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
        AS_BY_DEFAULT
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
            RESPONSE,
            "It prevails over no other instrument.",
        ),
    ] = ()
    yields_to: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "instruments"),
            "It yields to {}.",
            RESPONSE,
            "It yields to no other instrument.",
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
            RESPONSE,
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
        """The parties that a clause can oblige: those it names, else members and guarantors."""
        return frozenset(PartyId(each) for each in clause.binds) or frozenset(
            party.id for party in self.parties if party.role_name in DEBTOR_ROLES
        )

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
        reading.note(
            root,
            "wrong-type",
            "an agreement consists of keys with values, and this does not",
            "begin with `format: alliance/1`; `allied agreement new` prints one to start from",
        )
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
        reading.resolve(_names(root), _called(root))
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


def _called(root: MapNode) -> Mapping[str, str]:
    """The ids of the parties by their full names."""
    parties = root.get("parties")
    called: dict[str, str] = {}
    for each in parties.items if isinstance(parties, ListNode) else [parties]:
        if isinstance(each, MapNode):
            name, party = each.get("name"), each.get("id")
            if isinstance(name, TextNode) and isinstance(party, TextNode):
                called[name.text] = party.text
    return called


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
