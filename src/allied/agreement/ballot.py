"""What is put to a vote, who may say something on it, and what they said.

Values only, and who among a body's members votes. What was said in time is asked of
`agreement.silence`, whether it suffices of `agreement.tally`, and both together of
`agreement.decision`. Signatures and persons are checked where statements are read from
records; here every statement is taken as truly its party's.

Words used here:
    proposal     a question with a text, tabled by one party at a moment
    text         the digest of the bytes that are decided; whoever speaks names it
    electorate   the members of the body that decides, who of them has ratified or is present
    entitled     those whose votes count: the group that the rule counts, less the recused
    recused      a member that does not vote on this question, and why
    statement    a vote, a receipt, a consent, or what the proposer does to its proposal

Rules that hold everywhere below. A statement is a value: given twice, it is given once. Whose
vote does not count is not in any denominator either. Whether a condition of the text holds
(`only_if`) is stated by people with the proposal, never guessed.

Source: agreement format, "Decision rules"; Rio 17 and 18 for who counts and who is recused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from allied.agreement.rules import DecisionRule, Recusal
from allied.agreement.values import NOTHING, Table
from allied.errors import MalformedError, NotFoundError
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.standing import Standing
    from allied.agreement.terms import Agreement

Choice: TypeAlias = Literal["no", "abstain", "yes"]

CHOICES: Final[tuple[Choice, ...]] = ("no", "abstain", "yes")
"""From the most cautious to assent."""

GROUPS: Final = ("members", "ratified", "present", "voting")
"""The groups that every body has; any other word is a group of the electorate's own."""


class InapplicableRuleError(MalformedError):
    """A decision rule cannot be applied to this question: the text or the proposal is to be mended.

    Codes: `decision.threshold-missing`, `decision.weight-missing`, `decision.party-missing`,
    `decision.unknown-group`, `decision.condition-not-stated`, `decision.deadline-missing`,
    `decision.deadline-too-early`, `decision.no-silence-procedure`, `decision.only-by-silence`,
    `decision.too-many-cheat`. `facts` names the party where one is concerned.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A question that a body is to decide.

    Attributes:
        id: of the record or row that tabled it; statements on other proposals are the
            caller's to keep apart.
        text: digest of what is decided.
        by: who tabled it; only this party may change, extend or take it back.
        tabled_at: aware.
        deadline: aware, exclusive: what is said at this instant is late. None where the
            rule's silence gives the period, or where a vote is open until all have voted.
        under_silence: by silence procedure, or by open vote; None for what the rule provides.
        under: the clause or body whose rule is applied, as people cite it.
        subjects: whom the decision is about.
        attackers: who is taken to have attacked, where that is at issue.
        disputants: the parties to the dispute, where there is one.
        stated: whether a condition of the text holds, by its sentence.
        measures: what is to be taken; empty where the proposal does not say.
        performers: who is to take the measures; None for every member of the body.
        sponsors: how many must stand up for it: by tabling it, or by a yes of their own.
    """

    id: str
    text: str
    by: PartyId
    tabled_at: datetime
    deadline: datetime | None = None
    under_silence: bool | None = None
    under: str = ""
    subjects: frozenset[PartyId] = frozenset()
    attackers: frozenset[PartyId] = frozenset()
    disputants: frozenset[PartyId] = frozenset()
    stated: Table[bool] = NOTHING
    measures: tuple[str, ...] = ()
    performers: frozenset[PartyId] | None = None
    sponsors: int = 0

    def __post_init__(self) -> None:
        for moment in (self.tabled_at, self.deadline):
            require_aware(moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Electorate:
    """The members of the body that decides, at the moment of the question.

    Attributes:
        members: of the body; they may differ from the parties of the agreement.
        ratified: those of them that have ratified; None for all.
        present: those stated to attend; whoever votes or abstains is present anyway.
        chair: whose vote breaks a tie, where the rule says so.
        groups: further groups that a rule may name under `of`.
    """

    members: frozenset[PartyId]
    ratified: frozenset[PartyId] | None = None
    present: frozenset[PartyId] = frozenset()
    chair: PartyId | None = None
    groups: Table[frozenset[PartyId]] = NOTHING


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """What one party said.

    Attributes:
        party: who said it.
        at: aware; when it was signed, as the signer claims.
        number: its place in the signer's chain, which orders what has one moment.
        arrived_at: when it arrived; None where nobody questions that it came in time.
    """

    party: PartyId
    at: datetime
    number: int = 0
    arrived_at: datetime | None = None

    def __post_init__(self) -> None:
        require_aware(self.at)
        require_aware(self.arrived_at)

    @property
    def known_at(self) -> datetime:
        """From when on it is known here."""
        return self.at if self.arrived_at is None else max(self.at, self.arrived_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote(Statement):
    """One party's vote; under a silence procedure a no is an objection.

    Attributes:
        text: the digest that it votes on.
        written: not only said in a meeting.
        reasoned: reasons are given.
    """

    choice: Choice
    text: str
    written: bool = True
    reasoned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt(Statement):
    """A party has the proposal; `person` where a person of it confirmed having read it."""

    text: str
    person: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent(Statement):
    """Whether a party consents to take a measure itself; the last word counts, at any time."""

    measure: str
    given: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision(Statement):
    """The proposer changes the text; time starts again."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension(Statement):
    """The proposer gives more time."""

    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Retraction(Statement):
    """The proposer takes the question back."""


@dataclass(frozen=True, slots=True)
class Recused:
    """A member that does not vote on this question.

    Attributes:
        why: attacker, party-to-dispute or subject; several are joined by `, `.
    """

    party: PartyId
    why: str


@dataclass(frozen=True, slots=True, order=True)
class PassedOver:
    """A statement that was not counted.

    Attributes:
        kind: vote, receipt, consent, revision, extension or retraction.
        why: a code: stranger, recused, late, arrived-late, other-text, not-in-writing,
            without-reasons, not-confirmed, not-the-proposer, not-extendable, not-longer,
            same-text, too-many, contradicted, other-measure, not-asked.
    """

    party: PartyId
    at: datetime
    kind: str
    why: str

    @classmethod
    def of(cls, statement: Statement, why: str) -> PassedOver:
        return cls(statement.party, statement.at, type(statement).__name__.lower(), why)


@dataclass(frozen=True, slots=True)
class Roll:
    """Who votes on a question and who does not.

    Attributes:
        entitled: nobody, where nobody decides.
        recused: sorted by party.
    """

    entitled: frozenset[PartyId]
    recused: tuple[Recused, ...] = field(default=())


def roll(rule: DecisionRule, proposal: Proposal, electorate: Electorate) -> Roll:
    """Say who may vote on `proposal`, and who is recused.

    Raises:
        InapplicableRuleError: `decision.party-missing`, `decision.unknown-group`,
            `decision.condition-not-stated`.
    """
    counted = _counted(rule, electorate)
    why: dict[PartyId, list[str]] = {}
    for recusal in sorted(rule.recuse, key=lambda each: bool(each.only_if)):
        word, parties = _concerned(recusal, proposal)
        concerned = counted & parties
        if recusal.only_if:
            concerned -= frozenset(why)  # whoever is recused anyway depends on no condition
            if concerned and not _holds(recusal.only_if, proposal):
                continue
        for party in concerned:
            why.setdefault(party, []).append(word)
    recused = tuple(Recused(party, ", ".join(sorted(set(why[party])))) for party in sorted(why))
    return Roll(counted - frozenset(why), recused)


def group(name: str, electorate: Electorate, *, weighted: bool) -> frozenset[PartyId]:
    """Resolve a group that a rule counts, before recusal.

    Present and voting are sought among all members. A free word names a group of the
    electorate or, where weights are given, what is weighed (`population`): then all count.

    Raises:
        InapplicableRuleError: `decision.unknown-group`.
    """
    if name == "ratified" and electorate.ratified is not None:
        return electorate.members & electorate.ratified
    if name in GROUPS:
        return electorate.members
    if name in electorate.groups:
        return electorate.groups[name]
    if weighted:
        return electorate.members
    raise InapplicableRuleError(
        "decision.unknown-group",
        "the rule counts a group that this body does not have",
        hint="count members, ratified, present or voting, or say who belongs to the group",
    )


def electorate_of(
    agreement: Agreement,
    standing: Standing,
    body: str = "",
    *,
    present: frozenset[PartyId] = frozenset(),
    chair: PartyId | None = None,
    sitting: Mapping[str, frozenset[PartyId]] | None = None,
) -> Electorate:
    """Read the electorate of a body from the text and from how the agreement stands.

    Only who is bound has a vote: whoever is suspended, has left or has not ratified yet has
    none. A party that is leaving votes until it is out.

    Args:
        body: its name; empty for all members of the agreement.
        sitting: who sits in a body now, by its name, where that is not what `standing` says.

    Raises:
        NotFoundError: `decision.no-such-body`.
    """
    seats = {name: seated(agreement, standing, name, sitting) for name in agreement.bodies}
    members = seats[body] if body in seats else seated(agreement, standing, body, sitting)
    return Electorate(members=members, present=present, chair=chair, groups=Table(seats))


def seated(
    agreement: Agreement,
    standing: Standing,
    body: str = "",
    sitting: Mapping[str, frozenset[PartyId]] | None = None,
) -> frozenset[PartyId]:
    """Who sits in a body and is bound; of all members, whose role is `member` now.

    Raises:
        NotFoundError: `decision.no-such-body`.
    """
    if not body:
        roles = ((party, standing.parties[party].role) for party in standing.bound)
        return frozenset(party for party, role in roles if role == "member")
    if body not in agreement.bodies:
        raise NotFoundError("decision.no-such-body", "the agreement has no body of that name")
    takes_part = standing.participation if sitting is None else sitting
    if body in takes_part:
        return takes_part[body] & standing.bound
    return frozenset(agreement.members_of(body)) & standing.bound


def require_aware(moment: datetime | None) -> None:
    """Return if `moment` has a time zone; raise ValueError if it has none."""
    if moment is not None and moment.utcoffset() is None:
        raise ValueError("a moment needs a time zone")


def _counted(rule: DecisionRule, electorate: Electorate) -> frozenset[PartyId]:
    if rule.kind == "none":
        return frozenset()
    if rule.kind == "named-party":
        if not rule.party:
            raise InapplicableRuleError(
                "decision.party-missing",
                "the rule leaves the decision to one party and does not name it",
                hint="add `party`",
            )
        return frozenset({PartyId(rule.party)})
    return group(rule.of, electorate, weighted=bool(rule.weights))


def _concerned(recusal: Recusal, proposal: Proposal) -> tuple[str, frozenset[PartyId]]:
    match recusal.who:
        case "attacker":
            return "attacker", proposal.attackers
        case "parties-to-dispute":
            return "party-to-dispute", proposal.disputants
        case _:
            return "subject", proposal.subjects


def _holds(condition: str, proposal: Proposal) -> bool:
    if condition not in proposal.stated:
        raise InapplicableRuleError(
            "decision.condition-not-stated",
            "a recusal depends on a condition, and nobody stated whether it holds",
            hint="state it with the proposal, yes or no",
        )
    return proposal.stated[condition]
