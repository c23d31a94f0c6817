"""What can be decided under an agreement, and which clause says how.

A membership clause says who joins and who is put out, an amendment clause how its words change,
a response clause who decides on it, a governance clause the rest. For each matter the way that
the text gives is read here; `agreement.question` makes a question of it.

Words used here:
    matter      what is to be decided, and about whom: admission, expulsion, amendment ...
    way         the clause, with its rule or body, that decides a matter
    subject     the party that a matter is about; for an exception, the party that asks for it

Rules that hold everywhere below. Where the text gives no way to decide something, it is refused,
with two exceptions that the text's own defaults state: it is changed, and disclosed, by all
together. One clause decides: where several could, the matter names it. Whoever invites proposes
a candidate; whoever asks for an exception proposes it; by default any member proposes.

Source: agreement format, "Clauses"; NATO 10, Rio 17 and 18, UKUSA (exceptions by agreement),
REN-ISAC (sponsors, objections).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from allied.agreement.ballot import seated
from allied.agreement.clause import KINDS, Clause
from allied.agreement.clauses import (
    Amendment,
    CollectiveResponse,
    Decision,
    Governance,
    InformationSharing,
    Membership,
    Secrecy,
)
from allied.agreement.rules import DecisionRule, Recusal
from allied.agreement.values import Duration
from allied.errors import NotFoundError, RefusedError, UsageError
from allied.record.ids import PartyId, party_id

if TYPE_CHECKING:
    from allied.agreement.standing import Standing
    from allied.agreement.terms import Agreement

C = TypeVar("C", bound=Clause)

ADMISSION: Final = "admission"
VETTING: Final = "vetting"
SUSPENSION: Final = "suspension"
REINSTATEMENT: Final = "reinstatement"
EXPULSION: Final = "expulsion"
AMENDMENT: Final = "amendment"
ANNEX: Final = "annex"
DECISION: Final = "decision"
FINDING: Final = "finding"
ELECTION: Final = "election"
GOVERNANCE: Final = "governance"
BODY: Final = "body"
EXCEPTION: Final = "exception"
DISCLOSURE: Final = "disclosure"

FIELDS: Final = (
    "art", "party", "towards", "annex", "body", "incident", "field", "value", "version",
)  # fmt: skip
"""What a matter may tell besides its kind."""

OF_THE_REGISTER: Final = frozenset(
    {ADMISSION, VETTING, SUSPENSION, REINSTATEMENT, EXPULSION, ELECTION, AMENDMENT, ANNEX}
)
"""Matters that change who is bound, who chairs, or by which text: they concern every party."""

OF_INCIDENTS: Final = frozenset({DECISION, FINDING})
"""Matters taken on an incident: they concern whoever sees it."""

ALL_TOGETHER: Final = DecisionRule(kind="unanimity")
"""How all decide where the text says that nothing happens without any of them."""


class NoWayError(RefusedError):
    """The text gives no way to decide a matter: it is to be changed first.

    Codes: `question.no-rule`, `question.no-clause`, `question.nothing-to-decide`,
    `question.pair-not-allowed`, `question.nobody-decides`. `facts` names the article, if there
    is one.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What is to be decided.

    Attributes:
        kind: a key of `MATTERS`.
        art: number of the clause; empty where the agreement has only one of that type.
        party: whom it is about: candidate, member, or who asks for an exception.
        towards: for a suspension between two parties alone, the other one; for an exception
            from whom alone something is kept, else from all.
        annex: for an annex, its id.
        body: for what a body decides without a clause, its name.
        incident: for a decision or a finding, what it is taken on; an id that means nothing here.
        field, value: for a finding, which fact is fixed, and what it is found to be. For an
            exception the kind of intelligence that `party` keeps back (or `all`), and until
            when, an instant like `2027-01-31T00:00:00Z`, or empty; without a kind it is words.
        version: for another text, the digest of its statement (`agreement.amended`).
    """

    kind: str
    art: str = ""
    party: str = ""
    towards: str = ""
    annex: str = ""
    body: str = ""
    incident: str = ""
    field: str = ""
    value: str = ""
    version: str = ""

    @property
    def about(self) -> str:
        """The matter in a few words: `expulsion of river`, `decision under Art 5`."""
        words = self.kind
        if self.party:
            words += f" for {self.party}" if self.kind == EXCEPTION else f" of {self.party}"
        if self.towards:
            words += f" towards {self.towards}"
        if self.annex:
            words += f" {self.annex}"
        if self.kind == EXCEPTION:
            words += f": {self.field}" if self.field else ""
            words += f" until {self.value}" if self.value else ""
        elif self.field:
            words += f" by {self.body}: {self.field} is {self.value}"
        elif self.kind == ELECTION:
            words += f" to chair {self.body}"
        elif self.body:
            words = f"question to {self.body}"
        return f"{words} under Art {self.art}" if self.art else words


@dataclass(frozen=True, slots=True)
class Way:
    """How a clause says that something is decided; what is left out follows from the text.

    Attributes:
        rule: a body's name, a rule written out, or nothing.
        body: who votes under a rule written out; empty for all members.
        proposers: None for every member who is bound.
        voters: exactly these, where it is no body and not all members.
    """

    clause: str
    rule: str | DecisionRule | None
    body: str = ""
    recuse: tuple[Recusal, ...] = ()
    objection: Duration | None = None
    sponsors: int = 0
    proposers: frozenset[PartyId] | None = None
    voters: frozenset[PartyId] | None = None
    subjects: frozenset[PartyId] = field(default=frozenset())


def _admission(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """Whether a candidate becomes a party: after its vetting, or in one with it."""
    clause, candidate = _joining(agreement, standing, matter)
    vetting = clause.vetting
    if clause.rule is None and vetting is not None:
        return _vetting(agreement, standing, matter)
    in_one = vetting if vetting is not None and vetting.rule is None else None
    return Way(
        clause.art,
        clause.rule,
        objection=in_one.objection_period if in_one else None,
        sponsors=in_one.sponsors if in_one else 0,
        proposers=_inviting(agreement, standing, clause),
        subjects=candidate,
    )


def _vetting(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """Whether a candidate may be admitted: sponsors, and nobody objecting in time."""
    clause, candidate = _joining(agreement, standing, matter)
    vetting = clause.vetting
    if vetting is None:
        raise NoWayError(
            "question.nothing-to-decide",
            "the text asks for no vetting",
            facts={"clause": clause.art},
        )
    return Way(
        clause.art,
        clause.rule if vetting.rule is None else vetting.rule,
        objection=vetting.objection_period,
        sponsors=vetting.sponsors,
        proposers=_inviting(agreement, standing, clause),
        subjects=candidate,
    )


def _joining(
    agreement: Agreement, standing: Standing, matter: Matter
) -> tuple[Membership, frozenset[PartyId]]:
    clause = _clause(agreement, Membership, matter)
    candidate = _named(matter)
    if candidate & standing.bound:
        raise UsageError("question.already-a-party", "the candidate is bound already")
    return clause, candidate


def _inviting(
    agreement: Agreement, standing: Standing, clause: Membership
) -> frozenset[PartyId] | None:
    """Who may propose a candidate: whoever invites."""
    if clause.invited_by in ("", "all", "any-member"):
        return None
    return _parties(agreement, standing, clause.invited_by)


def _suspension(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """Whether a party is suspended, wholly or towards one other."""
    clause = _clause(agreement, Membership, matter)
    said = clause.suspension
    if said is None:
        raise NoWayError(
            "question.nothing-to-decide",
            "the text lets nobody be suspended",
            facts={"clause": clause.art},
        )
    subjects = _member(standing, matter.party)
    if matter.towards:
        _member(standing, matter.towards)
        if said.pairwise != "allowed" or matter.towards == matter.party:
            raise NoWayError(
                "question.pair-not-allowed",
                "the text allows no suspension between two parties alone",
                facts={"clause": clause.art},
            )
    return Way(clause.art, said.rule, recuse=said.recuse, subjects=subjects)


def _election(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """Who is to chair a body that elects its chair; decided by the body's own rule."""
    way = _body(agreement, standing, replace(matter, party=""))
    chair = agreement.bodies[matter.body].chair
    if chair is None or chair.rotation != "vote":
        raise NoWayError(
            "question.nothing-to-decide",
            "the text has nobody elected to chair that body",
            facts={"body": matter.body},
        )
    candidate = _member(standing, matter.party)
    if not candidate <= seated(agreement, standing, matter.body):
        raise NotFoundError("question.no-such-party", "nobody of that name sits in the body")
    return replace(way, subjects=candidate)


def _finding(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """What a body finds a fact of an incident to be; decided by its own rule."""
    if not matter.incident:
        raise _incomplete("on which incident the finding is to be made")
    if not matter.field or not matter.value:
        raise _incomplete("which fact is to be found, and what it is found to be")
    return _body(agreement, standing, matter)


def _expulsion(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """Whether a party is put out."""
    clause = _clause(agreement, Membership, matter)
    said = clause.expulsion
    if said is None:
        raise NoWayError(
            "question.nothing-to-decide",
            "the text lets nobody be expelled",
            facts={"clause": clause.art},
        )
    subjects = _member(standing, matter.party)
    return Way(clause.art, said.rule, recuse=said.recuse, subjects=subjects)


def _amendment(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """Whether the text is changed; without a rule, by all together."""
    if not matter.art and not agreement.clauses(Amendment):
        return Way("", ALL_TOGETHER)
    clause = _clause(agreement, Amendment, matter)
    proposers = frozenset[PartyId]()
    for each in clause.proposer:
        proposers |= _proposing(agreement, standing, each)
    rule = ALL_TOGETHER if clause.rule is None else clause.rule
    return Way(clause.art, rule, proposers=proposers)


def _annex(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """Whether an annex is changed: by its own rule, or like the rest."""
    if not matter.annex:
        raise _incomplete("which annex is to be changed")
    for annex in agreement.annexes:
        if annex.id == matter.annex:
            own = annex.amendment
            rest = _amendment(agreement, standing, matter)
            return rest if own is None else replace(rest, rule=own.rule)
    raise NotFoundError("question.no-such-annex", "the agreement has no annex of that name")


def _decision(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """Whether a response is taken that waits for a decision."""
    del standing
    if not matter.incident:
        raise _incomplete("on which incident the decision is to be taken")
    clause = _clause(agreement, CollectiveResponse, matter)
    if not isinstance(clause.decision, Decision):
        raise NoWayError(
            "question.nothing-to-decide",
            "that response waits for no decision",
            facts={"clause": clause.art},
        )
    return Way(clause.art, clause.decision.rule, clause.decision.body)


def _governance(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """What a governance clause gives to a body, or to all."""
    clause = _clause(agreement, Governance, matter)
    return Way(clause.art, clause.rule, clause.body, subjects=_concerned(standing, matter))


def _body(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """What a body decides by its own rule, without a clause that says on what."""
    if not matter.body:
        raise _incomplete("which body is asked")
    if matter.body not in agreement.bodies:
        raise NotFoundError("decision.no-such-body", "the agreement has no body of that name")
    return Way("", None, matter.body, subjects=_concerned(standing, matter))


def _exception(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """Whether one party may keep something out of the exchange."""
    clause = _clause(agreement, InformationSharing, matter)
    if clause.exceptions is None:
        raise NoWayError(
            "question.nothing-to-decide",
            "that clause provides for no exceptions",
            facts={"clause": clause.art},
        )
    asking = _member(standing, matter.party)
    _require_plain(clause, standing, matter)
    agree = clause.exceptions.agree
    named = frozenset(PartyId(each) for each in clause.binds)
    bound = (named or seated(agreement, standing)) & standing.bound
    if not asking <= bound:
        raise NoWayError(
            "question.nothing-to-decide",
            "that clause does not bind who asks",
            facts={"clause": clause.art},
        )
    if agree not in ("other-party", "all"):
        return Way(clause.art, agree, proposers=asking, subjects=asking)
    voters = bound - asking if agree == "other-party" else bound
    return Way(clause.art, ALL_TOGETHER, proposers=asking, voters=voters, subjects=asking)


def _require_plain(clause: InformationSharing, standing: Standing, matter: Matter) -> None:
    """Return if what an exception keeps back, from whom and until when, can be read by a program.

    Raises:
        UsageError: `question.exception-kind`, `question.exception-until`.
        NotFoundError: `question.no-such-party`.
    """
    if matter.towards and _member(standing, matter.towards) == _member(standing, matter.party):
        raise UsageError("question.exception-kind", "nobody keeps anything from itself")
    shared = {"all", *clause.share}
    known = matter.field in (shared | set(KINDS) if "all" in clause.share else shared)
    if not matter.field and (matter.towards or matter.value):
        raise UsageError(
            "question.exception-kind",
            "an exception that is to change what is shared names the kind that is kept back",
            hint="a kind that the clause shares, or `all`; without any it is words for people",
        )
    if matter.field and not known:
        raise UsageError(
            "question.exception-kind",
            "the clause does not share that kind",
            hint=f"one of {', '.join(sorted(shared))}",
            facts={"clause": clause.art},
        )
    if matter.value and exception_until(matter) is None:
        raise UsageError(
            "question.exception-until",
            "an exception ends at an instant in whole seconds",
            hint="like 2027-01-31T00:00:00Z",
        )


def exception_until(matter: Matter) -> datetime | None:
    """When an exception ends; None where it names no end that can be read."""
    try:
        return datetime.strptime(matter.value, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None


def _disclosure(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """Whether something about the agreement is disclosed; without a rule, by all parties."""
    clause = _clause(agreement, Secrecy, matter)
    if clause.disclose_rule is not None:
        return Way(clause.art, clause.disclose_rule)
    return Way(clause.art, ALL_TOGETHER, voters=standing.bound, proposers=standing.bound)


MATTERS: Final[Mapping[str, Callable[[Agreement, Standing, Matter], Way]]] = {
    ADMISSION: _admission,
    VETTING: _vetting,
    SUSPENSION: _suspension,
    REINSTATEMENT: _suspension,
    EXPULSION: _expulsion,
    AMENDMENT: _amendment,
    ANNEX: _annex,
    DECISION: _decision,
    FINDING: _finding,
    ELECTION: _election,
    GOVERNANCE: _governance,
    BODY: _body,
    EXCEPTION: _exception,
    DISCLOSURE: _disclosure,
}
"""Everything that can be decided, by the word for it."""

_TELLS: Final[Mapping[str, frozenset[str]]] = {
    ADMISSION: frozenset({"art", "party"}),
    VETTING: frozenset({"art", "party"}),
    SUSPENSION: frozenset({"art", "party", "towards"}),
    REINSTATEMENT: frozenset({"art", "party", "towards"}),
    EXPULSION: frozenset({"art", "party"}),
    AMENDMENT: frozenset({"art", "version"}),
    ANNEX: frozenset({"art", "annex", "version"}),
    DECISION: frozenset({"art", "incident"}),
    FINDING: frozenset({"body", "incident", "field", "value"}),
    ELECTION: frozenset({"body", "party"}),
    GOVERNANCE: frozenset({"art", "party"}),
    BODY: frozenset({"body", "party"}),
    EXCEPTION: frozenset({"art", "party", "towards", "field", "value"}),
    DISCLOSURE: frozenset({"art"}),
}


def way_of(agreement: Agreement, standing: Standing, matter: Matter) -> Way:
    """The way that the text gives to decide a matter.

    Raises:
        NoWayError: see there.
        NotFoundError, UsageError, MalformedError: as `question.question`.
    """
    if matter.kind not in MATTERS:
        raise UsageError(
            "question.unknown-matter",
            "there is no such matter to decide",
            hint=f"one of {', '.join(MATTERS)}",
        )
    told = {each for each in FIELDS if getattr(matter, each)}
    if beside := sorted(told - _TELLS[matter.kind]):
        raise UsageError(
            "question.beside-the-matter",
            f"a matter of the kind {matter.kind} has no {beside[0]}",
            hint="leave it out",
        )
    return MATTERS[matter.kind](agreement, standing, matter)


# --- reading the text -------------------------------------------------------------------


def _clause(agreement: Agreement, kind: type[C], matter: Matter) -> C:
    """The clause that a matter names, or the only one of its type."""
    if matter.art:
        found = agreement.clause(matter.art)
        if not isinstance(found, kind):
            raise UsageError(
                "question.other-clause",
                f"Art {matter.art} is not {kind.CALLED}, and only that decides a {matter.kind}",
            )
        return found
    clauses = agreement.clauses(kind)
    if not clauses:
        raise NoWayError(
            "question.no-clause",
            f"the text has not {kind.CALLED}, so it gives no way",
            facts={"clause": ""},
        )
    if len(clauses) > 1:
        numbers = ", ".join(clause.art for clause in clauses)
        raise UsageError(
            "question.which-clause",
            f"{len(clauses)} articles could decide a {matter.kind}: {numbers}",
            hint="name the article",
        )
    return clauses[0]


def _proposing(agreement: Agreement, standing: Standing, word: str) -> frozenset[PartyId]:
    """Who a word under `proposer` means."""
    if word == "any-member":
        return seated(agreement, standing)
    if word == "steward":
        return frozenset(
            party for party in standing.bound if standing.parties[party].role == "steward"
        )
    return _parties(agreement, standing, word)


def _parties(agreement: Agreement, standing: Standing, word: str) -> frozenset[PartyId]:
    """Who sits in a body, or the one party of that label."""
    if word in agreement.bodies:
        return seated(agreement, standing, word)
    return frozenset({agreement.party(word).id})


def _named(matter: Matter) -> frozenset[PartyId]:
    if not matter.party:
        raise _incomplete("whom it is about")
    return frozenset({party_id(matter.party)})


def _member(standing: Standing, label: str) -> frozenset[PartyId]:
    """A party that is in the agreement now, suspended or not."""
    if not label:
        raise _incomplete("whom it is about")
    party = PartyId(label)
    stands = standing.parties.get(party)
    if stands is None or (party not in standing.bound and stands.legal != "suspended"):
        raise NotFoundError(
            "question.no-such-party", "nobody in the agreement goes by that name now"
        )
    return frozenset({party})


def _concerned(standing: Standing, matter: Matter) -> frozenset[PartyId]:
    return _member(standing, matter.party) if matter.party else frozenset()


def _incomplete(what: str) -> UsageError:
    return UsageError("question.incomplete", f"it has to be said {what}")
