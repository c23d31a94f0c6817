"""Who owes what to whom by when, over which incident, and why: the answer of all clauses.

`evaluate` holds incidents against every agreement of a register that a viewpoint may see. It
is a pure function of texts, register events, incidents, a day of the law and a day of
knowledge. The clauses are asked by `judgement` and `restraint`, what follows is written by
`duties`; here they are brought together, ordered, and held against each other.

Words used here:
    day of knowledge   facts, findings, calls and register events up to its end are known
    day of the law     coverage is judged by who was bound on it: when the incident occurred
    viewpoint          a party, who sees public agreements and those it is named in
    prepared           the rules of a register, read once and asked many times
    text               one version of an agreement; two parties owe each other what the newest
                       text says that reached both

Rules that hold everywhere below. An obligation arises from facts alone, never from another
obligation. Conflicts are shown; one prevails only where a text says so. What a viewpoint may
not see is left out before anything is asked, so nothing of it can show. The order of the
answer is that of T1 and does not depend on the order of anything that was given.

Source: obligation semantics of the agreement format, sections 4 and 8.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar

from allied.agreement.clauses import InformationSharing
from allied.agreement.events import Register
from allied.agreement.terms import Agreement
from allied.agreement.versions import Text, Versions, versions
from allied.record.ids import PartyId
from allied.response.conflict import conflicts_among, with_concurrent
from allied.response.duties import owed
from allied.response.ground import Ground, ground_of, in_role
from allied.response.harbour import over_rescues
from allied.response.incident import Incident, Known, known
from allied.response.judgement import Judgement, judge
from allied.response.matter import Matter, matter
from allied.response.moment import Moment, begin, end
from allied.response.prepared import Prepared, prepare, visible
from allied.response.restraint import judge_restraint
from allied.response.results import (
    MET,
    NOT_MET,
    OPEN,
    PROVISIONAL,
    Evaluation,
    Note,
    Obligation,
    Opening,
    Report,
    Result,
    natural,
)
from allied.response.rule import CONSULTATION, DISPUTE, RESPONSE, RESTRAINT, Rule
from allied.response.ties import ended_tie
from allied.response.truth import Answer

__all__ = ["Case", "Prepared", "case_of", "evaluate", "prepare"]

T = TypeVar("T")
Order: TypeAlias = tuple[Any, ...]

_INTRA: Final = "intra-party"
_WARNINGS: Final = frozenset({"contested-provocation", "finding-not-by-body"})

_LOOK_BACK: Final = 64
"""How many moments are looked at to say since when a clause has come to its answer."""


@dataclass(frozen=True, slots=True)
class Case:
    """One incident under one text of an agreement: who is bound, and what is known.

    Attributes:
        agreement: the text that is asked.
        found: the texts of the agreement, where there are several; else None.
        others: all incidents, where a clause counts those of any campaign together.
        law: the texts that count, and who is bound, at another moment of the law.
    """

    incident: Incident
    siblings: tuple[Incident, ...]
    agreement: Agreement
    ground: Ground
    said: Matter
    found: Versions | None = None
    law: Callable[[datetime], list[_Asked]] | None = None
    others: tuple[Incident, ...] = ()

    @property
    def name(self) -> str:
        """The id of the agreement, which is that of its first text."""
        return self.ground.agreement

    @property
    def version(self) -> str:
        """The id of the text that is asked; empty for the first."""
        return self.ground.text if self.ground.text != self.name else ""


@dataclass(slots=True)
class _Answer:
    """What has been found so far, with the keys that order it."""

    results: list[tuple[Order, Result]]
    obligations: list[tuple[Order, Obligation]]
    reports: list[tuple[Order, Report]]
    consultations: list[tuple[Order, Opening]]
    warnings: set[Note]


def evaluate(
    register: Register | Prepared,
    incidents: Iterable[Incident],
    law_date: Moment | None,
    viewpoint: PartyId | None,
    *,
    at: Moment,
) -> Evaluation:
    """Hold incidents against the agreements that a viewpoint may see.

    Args:
        register: texts and events; `prepare` it when it is asked more than once.
        incidents: those of one campaign are looked at together.
        law_date: whose law decides on coverage; None takes the moment at which each
            incident occurred. A day counts to its end.
        viewpoint: a party; None sees everything.
        at: the day of knowledge, or an aware instant.

    Returns:
        Everything in the order T1. An incident of which nothing was known yet has no result.

    Raises:
        MalformedError: `agreement.unknown-timezone`.

    Cost: linear in acts times clauses times parties, for each incident.
    Source: obligation semantics of the agreement format, sections 4 and 8.
    """
    prepared = register if isinstance(register, Prepared) else prepare(register)
    incidents = sorted(incidents, key=lambda incident: incident.id)
    seen = [
        each
        for each in prepared.agreements
        if viewpoint is None or prepared.sees(each, viewpoint, end(at, each.timezone))
    ]
    texts = {text.id: text for each in seen for text in prepared.texts_of(each.id)}
    ties = Register(texts, prepared.register.events)
    answer = _Answer([], [], [], [], set())
    facts: dict[tuple[str, str], Known] = {}
    alike: dict[tuple[str, str, bool], Matter] = {}
    campaigns = _campaigns(incidents)
    spoken = {incident.id: _agreements_named(incident) for incident in incidents}
    for agreement in seen:
        limit = end(at, agreement.timezone)
        then = prepared.narrowed(agreement.id, limit)
        others = tuple(incidents) if prepared.adds_up(agreement.id) else ()
        law = _law(prepared, then, ties, agreement.id, limit, viewpoint)
        told: set[datetime] = set()
        for incident in incidents:
            so_far = _known(incident, limit, agreement.timezone, facts)
            if so_far.first is None:
                answer.warnings.add(
                    Note("not-known-yet", f"Nothing was known of {incident.id} by then.")
                )
                continue
            law_at = _law_at(so_far, law_date, agreement.timezone)
            asked = law(law_at)
            if law_at not in told:
                told.add(law_at)
                for each in asked:
                    answer.warnings |= _warnings(each.text, each.ground)
            siblings = campaigns.get(incident.campaign or "", ())
            for each in asked:
                shared = (incident.id, agreement.timezone, bool(others))
                said = None if agreement.id in spoken[incident.id] else alike.get(shared)
                if said is None:
                    said = matter(
                        incident,
                        siblings,
                        agreement.id,
                        each.ground.bodies,
                        agreement.timezone,
                        limit,
                        so_far,
                        law_given=law_date is not None,
                        others=others,
                    )
                    if agreement.id not in spoken[incident.id]:
                        alike[shared] = said
                ground = in_role(each.ground, each.text, said.facts.severity)
                case = Case(incident, siblings, each.text, ground, said, each.found, law, others)
                for rule in each.rules:
                    _ask(case, rule, prepared.kinds[each.text.id], answer)
    obligations = with_concurrent(_in_order(answer.obligations))
    return Evaluation(
        results=_in_order(answer.results),
        obligations=obligations,
        reports=_in_order(answer.reports),
        consultations=_in_order(answer.consultations),
        conflicts=conflicts_among(obligations, _sides(facts), texts),
        warnings=tuple(sorted(answer.warnings, key=lambda note: (note.code, note.text))),
    )


def case_of(
    prepared: Prepared,
    agreement: str,
    incident: Incident,
    at: Moment,
    siblings: Iterable[Incident] = (),
    party: str = "",
) -> Case | None:
    """Look at one incident as one agreement does, by the law of when it occurred.

    Args:
        party: under whose text; empty for the newest.

    None where nothing of it was known by `at`.
    """
    first = prepared.register.agreements[agreement]
    limit = end(at, first.timezone)
    so_far = known(incident, limit, first.timezone)
    if so_far.first is None:
        return None
    law_at = _law_at(so_far, None, first.timezone)
    then = prepared.narrowed(agreement, limit)
    found = versions(then, agreement, law_at)
    text = found.of(PartyId(party)) if party else found.newest
    asked = _asked(prepared, then, prepared.register, found, text, law_at, limit, None)
    others = tuple(siblings)
    bodies = asked.ground.bodies
    said = matter(incident, others, agreement, bodies, first.timezone, limit, so_far)
    ground = in_role(asked.ground, text.terms, said.facts.severity)
    return Case(incident, others, text.terms, ground, said, asked.found)


@dataclass(frozen=True, slots=True)
class _Asked:
    """One text with its rules and who is bound by it on one day of the law."""

    text: Agreement
    rules: tuple[Rule, ...]
    ground: Ground
    found: Versions | None


def _asked(
    prepared: Prepared,
    then: Register,
    ties: Register,
    found: Versions,
    text: Text,
    law_at: datetime,
    limit: datetime,
    viewpoint: PartyId | None,
) -> _Asked:
    over = ended_tie(ties, text.terms, law_at, limit)
    return _Asked(
        text=text.terms,
        rules=visible(prepared.rules[text.version], text.terms, viewpoint),
        ground=ground_of(then, found, text, law_at, over, limit),
        found=found if len(found.texts) > 1 else None,
    )


def _law(
    prepared: Prepared,
    then: Register,
    ties: Register,
    agreement: str,
    limit: datetime,
    viewpoint: PartyId | None,
) -> Callable[[datetime], list[_Asked]]:
    """Look up the law of one agreement at a moment; each moment is looked up once."""
    asked: dict[datetime, list[_Asked]] = {}

    def law(moment: datetime) -> list[_Asked]:
        its = asked.get(moment)
        if its is None:
            found = versions(then, agreement, moment)
            its = asked[moment] = [
                _asked(prepared, then, ties, found, text, moment, limit, viewpoint)
                for text in found.counting
            ]
        return its

    return law


def _campaigns(incidents: Iterable[Incident]) -> dict[str, tuple[Incident, ...]]:
    campaigns: dict[str, tuple[Incident, ...]] = {}
    for incident in incidents:
        if incident.campaign:
            campaigns[incident.campaign] = (*campaigns.get(incident.campaign, ()), incident)
    return campaigns


def _agreements_named(incident: Incident) -> frozenset[str]:
    """The agreements under which people said something about an incident.

    To all others of one time zone it looks the same.
    """
    return frozenset(
        (
            *(finding.agreement for finding in incident.findings),
            *(call.agreement for call in incident.invocations),
            *(decision.agreement for decision in incident.decisions),
        )
    )


def _in_order(entries: list[tuple[Order, T]]) -> tuple[T, ...]:
    return tuple(entry for _, entry in sorted(entries, key=lambda pair: pair[0]))


def _known(
    incident: Incident, limit: datetime, zone: str, facts: dict[tuple[str, str], Known]
) -> Known:
    """Merge the versions of an incident once for all agreements of one time zone."""
    found = facts.get((incident.id, zone))
    if found is None:
        found = facts[incident.id, zone] = known(incident, limit, zone)
    return found


def _law_at(so_far: Known, law_date: Moment | None, zone: str) -> datetime:
    moment = law_date or so_far.facts.occurred_at or so_far.first
    return end(moment, zone) if moment is not None else datetime.max.replace(tzinfo=UTC)


def _warnings(agreement: Agreement, ground: Ground) -> set[Note]:
    """Say what a reader must know of an agreement on the day of the law."""
    found = set(ground.notes)
    today = ground.today
    shields = {each.name: each.valid for each in agreement.protections}
    for clause in agreement.clauses(InformationSharing):
        valid = shields.get(clause.legal_shield, ())
        if valid and not any(each.holds(today) for each in valid):
            found.add(
                Note(
                    "legal-shield-lapsed",
                    f"{agreement.id} Art {clause.art} relies on {clause.legal_shield},"
                    f" which is not in force on {today}.",
                )
            )
    return found


def _ask(case: Case, rule: Rule, kinds: Mapping[str, str], answer: _Answer) -> None:
    """Ask one clause about one incident and keep what it says."""
    if rule.harbour is not None and case.law is not None:
        _ask_harbour(case, rule, case.law, answer)
        return
    judged = _judge(case, rule, case.said, kinds)
    agreement, version = case.name, case.version
    base: Order = (case.ground.law_at, agreement, natural(rule.art), version)
    incident = case.incident.id
    notes: list[Note] = []
    brought = owed(judged, case.ground, case.said, _opened_at(case, judged, kinds))
    obligations, kept = _between(case, rule, brought.obligations)
    notes += kept
    if judged.outcome == NOT_MET and judged.reason == _INTRA:
        notes.append(
            Note(
                _INTRA,
                "The attacker is itself a party: restraint and dispute clauses apply to both,"
                " and a consultation stays open to everybody.",
            )
        )
        obligations, _ = _between(case, rule, _rebutted(case, judged, kinds))
        if obligations:
            rebutted = Note(
                "presumption-rebutted",
                f"{rule.ref}: the attacker was presumed to be an outsider and proved to be a party;"
                " what was owed is suspended until people decide.",
            )
            notes.append(rebutted)
            answer.warnings.add(rebutted)
    if judged.outcome in {MET, PROVISIONAL, OPEN}:
        notes += rule.notes
    result = judged.result(incident)
    if notes or brought.notes or version:
        result = replace(
            result,
            agreement=agreement,
            version=version,
            notes=tuple(dict.fromkeys((*result.notes, *notes, *brought.notes))),
        )
    answer.warnings |= {note for note in result.notes if note.code in _WARNINGS}
    answer.results.append(((*base, incident), result))
    answer.obligations += [
        ((*base, each.debtor, each.creditor, incident, each.duty), each) for each in obligations
    ]
    answer.reports += [
        ((*base, incident, each.to), replace(each, agreement=agreement, version=version))
        for each in brought.reports
    ]
    if rule.type == CONSULTATION:
        open_to = _open_to(rule, judged, case.ground)
        if open_to:
            opening = Opening(incident, agreement, rule.art, open_to, version)
            answer.consultations.append(((*base, incident), opening))


def _between(
    case: Case, rule: Rule, obligations: tuple[Obligation, ...]
) -> tuple[tuple[Obligation, ...], list[Note]]:
    """Keep what is owed between parties that stand under this text, by debtors it binds now.

    An obligation goes by the name of its agreement; its key is that of the text.
    """
    excepted = case.ground.excepted
    notes: list[Note] = []
    if excepted:
        resting = sorted({e.debtor for e in obligations if (rule.art, e.debtor) in excepted})
        notes = [
            Note("clause-suspended", f"{rule.ref} is suspended for {party}, who does not owe this.")
            for party in resting
        ]
        obligations = tuple(each for each in obligations if each.debtor not in resting)
    found = case.found
    if found is None:
        return obligations, notes
    kept = []
    for each in obligations:
        creditors = tuple(
            creditor
            for creditor in each.creditors
            if (its := found.between(each.debtor, creditor)) and its.version == case.ground.text
        )
        if creditors:
            kept.append(
                replace(each, agreement=case.name, version=case.version, creditors=creditors)
            )
    return tuple(kept), notes


def _ask_harbour(
    case: Case, rule: Rule, law: Callable[[datetime], list[_Asked]], answer: _Answer
) -> None:
    """Ask a safe harbour about the rescues of an incident; once, by its newest text."""
    if law(case.ground.law_at)[-1].ground.text != case.ground.text:
        return

    def terms(moment: datetime) -> tuple[Rule | None, Ground]:
        newest = law(moment)[-1]
        rule_then = next((each for each in newest.rules if each.art == rule.art), None)
        return rule_then, in_role(newest.ground, newest.text, case.said.facts.severity)

    judged, brought = over_rescues(rule, case.ground, case.said, terms)
    base: Order = (case.ground.law_at, case.name, natural(rule.art), case.version)
    incident = case.incident.id
    result = judged.result(incident)
    result = replace(
        result,
        agreement=case.name,
        version=case.version,
        notes=tuple(dict.fromkeys((*result.notes, *brought.notes))),
    )
    answer.warnings |= {note for note in result.notes if note.code in _WARNINGS}
    answer.results.append(((*base, incident), result))
    answer.obligations += [
        (
            (*base, each.debtor, each.creditor, incident, each.duty, each.key),
            replace(
                each,
                agreement=case.name,
                version=each.agreement if each.agreement != case.name else "",
            ),
        )
        for each in brought.obligations
    ]


def _judge(case: Case, rule: Rule, said: Matter, kinds: Mapping[str, str]) -> Judgement:
    ground = in_role(case.ground, case.agreement, said.facts.severity)
    if rule.type in {RESTRAINT, DISPUTE}:
        return judge_restraint(rule, ground, said)
    return judge(rule, ground, said, kinds)


def _moments(case: Case) -> list[datetime]:
    """Return the moments at which anything became known, the latest first."""
    incident, zone_ = case.incident, case.said.zone
    moments = {
        begin(each, zone_)
        for each in (
            *(version.known_at for version in incident.versions),
            *(finding.at for finding in incident.findings),
            *(call.at for call in incident.invocations),
            *(decision.at for decision in incident.decisions),
        )
    }
    return sorted((each for each in moments if each <= case.said.at), reverse=True)[:_LOOK_BACK]


def _opened_at(case: Case, judged: Judgement, kinds: Mapping[str, str]) -> datetime | None:
    """Return since when a clause has come to its present answer."""
    if judged.outcome not in {MET, PROVISIONAL}:
        return None
    opened = None
    for moment in _moments(case):
        if opened is not None:
            then = _judge(case, judged.rule, _said_at(case, moment), kinds)
            if then.outcome != judged.outcome:
                break
        opened = moment
    return opened


def _rebutted(case: Case, judged: Judgement, kinds: Mapping[str, str]) -> tuple[Obligation, ...]:
    """Return, suspended, what was owed while a party was presumed to be an outsider."""
    rule = judged.rule
    if rule.type != RESPONSE:
        return ()
    attackers = {(act.by, act.against) for act in case.said.facts.acts}
    for moment in _moments(case)[1:]:
        said = _said_at(case, moment)
        then = _judge(case, rule, said, kinds)
        presumed = any(
            note.code == "rebuttable-presumption" for gate in then.gates for note in gate.notes
        )
        if then.outcome == MET and presumed:
            return tuple(
                replace(each, state="suspended", answer_by=None, perform_by=None)
                for each in owed(then, case.ground, said, moment).obligations
                if (each.debtor, each.creditor) not in attackers
            )
    return ()


def _said_at(case: Case, moment: datetime) -> Matter:
    so_far = known(case.incident, moment, case.said.zone)
    return matter(
        case.incident,
        case.siblings,
        case.name,
        case.ground.bodies,
        case.said.zone,
        moment,
        so_far,
        law_given=case.said.law_given,
        others=case.others,
    )


def _open_to(rule: Rule, judged: Judgement, ground: Ground) -> tuple[str, ...]:
    """Return who may call a consultation now: nobody unless its facts are there."""
    if any(
        gate.answer is not Answer.YES for gate in judged.gates if gate.gate not in {"G9", "G10"}
    ):
        return ()
    names: set[str] = set()
    for caller in rule.callers:
        if caller == "any-member":
            names |= ground.bound
        elif caller == "victim":
            names |= {each.against for each in judged.met if each.against} & ground.bound
        elif caller == "body":
            names |= ground.bodies
    return tuple(sorted(names))


def _sides(facts: Mapping[tuple[str, str], Known]) -> frozenset[frozenset[str]]:
    """Return every pair that some act sets against each other."""
    return frozenset(
        frozenset({act.by, act.against})
        for its in facts.values()
        for act in its.facts.acts
        if act.by and act.against and act.by != act.against
    )
