"""Who decides a matter under an agreement, by which rule: what `decision.count` needs.

`agreement.matters` reads in the text which clause decides; here its way becomes one question,
with rule, electorate, proposers and chair. Votes are not counted here, nobody's word is read,
and nothing takes effect.

Words used here:
    question    a matter with the clause, the body, the rule and the electorate that decide it
    proposers   who may put it
    sitting     who sits in a body now, where that is not whom the text names

Rules that hold everywhere below. Where a field names a body, that body decides by its own rule;
where it has a rule written out, all members decide, unless the clause names a body. Recusals of
the clause are added to those of the rule. A period for objections makes the rule a silence
procedure; of two periods the longer one holds. Only those who are bound propose and vote.

Source: agreement format, "Clauses" and "Bodies".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from allied.agreement.ballot import Electorate, Proposal, electorate_of, seated
from allied.agreement.chair import chair_of
from allied.agreement.matters import Matter, NoWayError, Way, way_of
from allied.agreement.rules import DecisionRule, Silence
from allied.agreement.silence import later
from allied.agreement.values import NOTHING, Duration, Table
from allied.errors import RefusedError
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.standing import Standing
    from allied.agreement.terms import Agreement


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A matter with all that decides it.

    Attributes:
        clause: number of the article that says how; empty where none does.
        under: what people cite: `Art 2 (expulsion)`.
        body: the body that decides; empty for all members.
        proposers: who may put it.
        subjects: whom it is about, for recusal.
        sponsors: how many must stand up for it, the proposer among them.
    """

    matter: Matter
    clause: str
    under: str
    body: str
    rule: DecisionRule
    electorate: Electorate
    proposers: frozenset[PartyId]
    subjects: frozenset[PartyId] = frozenset()
    sponsors: int = 0

    def tabled(
        self,
        *,
        id: str,
        text: str,
        by: PartyId,
        tabled_at: datetime,
        deadline: datetime | None = None,
        under_silence: bool | None = None,
        attackers: frozenset[PartyId] = frozenset(),
        disputants: frozenset[PartyId] = frozenset(),
        stated: Table[bool] = NOTHING,
    ) -> Proposal:
        """The question as one party puts it, ready for `decision.count`.

        Raises:
            RefusedError: `question.not-a-proposer`.
            ValueError: a moment carries no time zone.
        """
        if by not in self.proposers:
            raise RefusedError(
                "question.not-a-proposer",
                f"{by} is not one who may propose a {self.matter.kind}",
                hint="`allied agreement explain` says who may",
                facts={"clause": self.clause, "proposers": sorted(self.proposers)},
            )
        return Proposal(
            id=id,
            text=text,
            by=by,
            tabled_at=tabled_at,
            deadline=deadline,
            under_silence=under_silence,
            under=self.under,
            subjects=self.subjects,
            attackers=attackers,
            disputants=disputants,
            stated=stated,
            sponsors=self.sponsors,
        )


def question(
    agreement: Agreement,
    standing: Standing,
    matter: Matter,
    at: datetime,
    *,
    sitting: Mapping[str, frozenset[PartyId]] | None = None,
    elected: Mapping[str, PartyId] | None = None,
) -> Question:
    """Find who decides `matter` at `at`, and how.

    Args:
        standing: of the agreement at `at`: only who is bound votes and proposes.
        sitting: see `ballot.electorate_of`.
        elected: the chair of each body that elects it; None for those of the register.

    Raises:
        NoWayError: see there.
        NotFoundError: `question.no-such-party`, `question.no-such-annex`,
            `agreement.no-such-clause`, `decision.no-such-body`.
        UsageError: `question.unknown-matter`, `question.which-clause`,
            `question.other-clause`, `question.incomplete`, `question.beside-the-matter`,
            `question.already-a-party`.
        MalformedError: `ids.not-a-party`, for a candidate.
        ValueError: `at` carries no time zone.
    """
    way = way_of(agreement, standing, matter)
    body = way.rule if isinstance(way.rule, str) and not way.body else way.body
    chosen = (standing.chairs if elected is None else elected).get(body)
    electorate = electorate_of(agreement, standing, body, sitting=sitting)
    seats = electorate.members if body else None
    chair = chair_of(agreement, body, at, standing.in_force_since, seated=seats, elected=chosen)
    members = electorate.members if way.voters is None else way.voters & standing.bound
    rule = _rule(agreement, matter, way, body, at)
    if rule.kind == "named-party" and rule.party and rule.party not in standing.bound:
        raise NoWayError(
            "question.nobody-decides",
            f"{rule.party} is to decide, and is not bound by the agreement now",
            hint="the parties can agree on a new text",
            facts={"clause": way.clause, "party": rule.party},
        )
    bound = seated(agreement, standing)
    return Question(
        matter=matter,
        clause=way.clause,
        under=f"Art {way.clause} ({matter.kind})" if way.clause else matter.about,
        body=body,
        rule=rule,
        electorate=replace(electorate, members=members, chair=chair),
        proposers=bound if way.proposers is None else way.proposers & standing.bound,
        subjects=way.subjects,
        sponsors=way.sponsors,
    )


def _rule(agreement: Agreement, matter: Matter, way: Way, body: str, at: datetime) -> DecisionRule:
    """The rule of a way, with the recusals and the time for objections of its clause."""
    found = agreement.rule_of(way.rule)
    if found is None and way.rule is None and body:
        found = agreement.bodies[body].rule
    if found is None and way.objection is not None and way.rule is None:
        found = DecisionRule(kind="silence")
    if found is None:
        raise NoWayError(
            "question.no-rule",
            f"the text does not say by which rule a {matter.kind} is decided",
            hint="the parties can agree on a new text that says it",
            facts={"clause": way.clause, "body": body},
        )
    if way.objection is not None:
        silence = found.silence or Silence()
        found = replace(found, silence=_longer(silence, way.objection, at, agreement.timezone))
    missing = tuple(each for each in way.recuse if each not in found.recuse)
    return replace(found, recuse=(*found.recuse, *missing)) if missing else found


def _longer(silence: Silence, objection: Duration, at: datetime, timezone: str) -> Silence:
    """A silence of at least `objection`, which is as long as the text has it anywhere."""
    if silence.period is not None:
        own = later(silence.period, at, timezone)
        if own >= later(objection, at, timezone):
            return silence
    return replace(silence, period=objection)
