"""What is doubtful in several instruments that stand beside each other.

Each may be sound by itself. Asked here: whether two have one id, whether ties go round in a
circle, and whether a party that signs both can be held to opposite things by them.

Words used here:
    pledge     what one article obliges its debtors to, for whom, against whom
    definite   both texts name whom they mean; a possible conflict needs an attacker that no
               text names, and is only a note

Rules that hold everywhere below. A conflict is shown, never resolved; it is not shown where
one of the two texts says which prevails. One pair of articles yields one finding, with one
party as the example. What depends on facts of an incident is for `allied.response`.

Source: NATO 8, CSTO 8, 1882 Art 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final, TypeAlias

from allied.agreement.check_doubt import ERROR, NOTE, WARNING, Doubt, about, owing
from allied.agreement.clauses import Clause, CollectiveResponse, Restraint
from allied.agreement.terms import Agreement, View

FINDING_LIMIT: Final = 200
"""How many conflicts of one severity are shown; more would only repeat that the texts do not go
together. Possible ones leave no definite one out."""

COMPARED: Final = 400
"""How many articles of one instrument are held against those of another."""

Placed: TypeAlias = "tuple[int, Doubt]"
"""A doubt, and which of the documents it is about."""

_TALK: Final = frozenset({"consult", "discuss", "confer", "attend"})


@dataclass(frozen=True, slots=True)
class _Pledge:
    """What one article, or one case of it, obliges its debtors to.

    Attributes:
        document: number of the document.
        debtors: who owes it.
        creditors: whom it helps; for a restraint, whom it spares.
        against: the attackers that it names; none means anyone who is no party.
        outside: the parties of the instrument, who are no attackers where none is named.
    """

    document: int
    clause: Clause
    debtors: frozenset[str]
    creditors: frozenset[str]
    against: frozenset[str]
    outside: frozenset[str]

    def answers(self, attackers: frozenset[str]) -> frozenset[str]:
        """Those among `attackers` that it can turn against."""
        return attackers & self.against if self.against else attackers - self.outside


def together(values: Sequence[Agreement | View]) -> Iterator[Placed]:
    """What is doubtful in documents that are checked together.

    Cost: in the pairs of instruments that share a party, times their articles; of each
    instrument at most `COMPARED` are looked at.
    """
    yield from _same_ids(values)
    texts = {number: value for number, value in enumerate(values) if isinstance(value, Agreement)}
    yield from _circles(texts)
    yield from _missing(values)
    yield from _precedence(texts)
    room = {WARNING: FINDING_LIMIT, NOTE: FINDING_LIMIT}
    for number, doubt in _conflicts(texts):
        if room[doubt.severity]:
            room[doubt.severity] -= 1
            yield number, doubt
        elif not any(room.values()):
            return


def _same_ids(values: Sequence[Agreement | View]) -> Iterator[Placed]:
    seen: set[str] = set()
    for number, value in enumerate(values):
        if value.id in seen:
            yield (
                number,
                Doubt(
                    "agreement.same-id",
                    ERROR,
                    (),
                    "two documents that are checked together have the same id",
                    "give each its own id",
                ),
            )
        seen.add(value.id)


def _circles(texts: Mapping[int, Agreement]) -> Iterator[Placed]:
    tied = {value.id: value.life.tied_to for value in texts.values() if value.life.tied_to}
    reported: set[str] = set()
    for number, value in texts.items():
        path: list[str] = []
        name = value.id
        while name in tied and name not in path:
            path.append(name)
            name = tied[name]
        if name != value.id or not path or value.id in reported:
            continue
        reported.update(path)
        yield (
            number,
            Doubt(
                "agreement.tied-in-a-circle",
                ERROR,
                ("life", "tied_to"),
                f"each of these ends with the next: {', '.join([*path[:8], name])}",
                "take `tied_to` out of one of them",
            ),
        )


def _missing(values: Sequence[Agreement | View]) -> Iterator[Placed]:
    """Names of other documents that are not at hand; said only where there are others."""
    if len(values) < 2:
        return
    known = {value.id for value in values if isinstance(value, Agreement)}
    for number, value in enumerate(values):
        if isinstance(value, View):
            for index, name in enumerate(value.instruments):
                if name not in known:
                    yield (
                        number,
                        Doubt(
                            "agreement.instrument-not-here",
                            WARNING,
                            ("instruments", index),
                            "the view joins an instrument that is not among the documents",
                            "check the files together, or correct the id",
                        ),
                    )
        elif value.life.tied_to and value.life.tied_to not in known:
            yield (
                number,
                Doubt(
                    "agreement.tied-to-unknown",
                    NOTE,
                    ("life", "tied_to"),
                    "it ends with an instrument that is not among the documents, and counts as"
                    " alive until that one is known",
                    "check the files together, or correct the id",
                ),
            )


def _precedence(texts: Mapping[int, Agreement]) -> Iterator[Placed]:
    by_id = {value.id: value for value in texts.values()}
    for number, value in texts.items():
        for key, names in (("prevails_over", value.prevails_over), ("yields_to", value.yields_to)):
            for index, name in enumerate(names):
                other = by_id.get(name)
                if other is None or other is value or other.id < value.id:
                    continue
                back = other.prevails_over if key == "prevails_over" else other.yields_to
                if value.id in back:
                    yield (
                        number,
                        Doubt(
                            "agreement.precedence-both-ways",
                            WARNING,
                            (key, index),
                            f"{value.id} and {other.id} both say this of each other, so neither"
                            " comes first",
                            "keep it in one of them",
                        ),
                    )


def _conflicts(texts: Mapping[int, Agreement]) -> Iterator[Placed]:
    pledges = {number: _pledges(number, value)[:COMPARED] for number, value in texts.items()}
    everyone = _everyone(texts.values())
    for (one, first), (other, second) in combinations(texts.items(), 2):
        shared = frozenset(first.party_ids) & frozenset(second.party_ids)
        if not shared or _settled(first, second):
            continue
        left, right = pledges[one], pledges[other]
        for a in left:
            for b in right:
                yield from _opposite(a, b, texts)
        for number, value, theirs in ((one, first, right), (other, second, left)):
            for doubt in _broken(value, theirs, everyone, texts):
                yield number, doubt


def _settled(one: Agreement, other: Agreement) -> bool:
    """Whether a text says which of the two comes first."""
    first = other.id in one.prevails_over or one.id in other.yields_to
    second = one.id in other.prevails_over or other.id in one.yields_to
    return first != second


def _pledges(number: int, value: Agreement) -> list[_Pledge]:
    """The help that the articles of an instrument promise, one for each case."""
    parties = frozenset(value.party_ids)
    found = []
    for clause in value.clauses(CollectiveResponse):
        helping = [
            duty
            for duty in clause.duties
            if duty.modality in {"must", "should"} and duty.do not in _TALK
        ]
        if not clause.operative or not helping or clause.trigger.act_by:
            continue
        trigger = clause.trigger
        victims = parties & frozenset(trigger.victim_is) if trigger.victim_is else parties
        attackers = frozenset(trigger.attackers_named)
        cases = [
            (victims & frozenset(case.victim) if case.victim else victims, frozenset(case.attacker))
            for case in trigger.cases
        ] or [(victims, attackers)]
        for creditors, against in cases:
            found.append(
                _Pledge(
                    number, clause, owing(value, clause), creditors, against or attackers, parties
                )
            )
    return found


def _opposite(a: _Pledge, b: _Pledge, texts: Mapping[int, Agreement]) -> Iterator[Placed]:
    """Help for both sides of one fight: one is helped against whom the other helps."""
    ours = b.answers(a.creditors)
    theirs = a.answers(b.creditors)
    for debtor in sorted(a.debtors & b.debtors):
        for helped in sorted(ours - {debtor}):
            enemy = min(theirs - {debtor, helped}, default=None)
            if enemy is None:
                continue
            definite = bool(a.against) and bool(b.against)
            yield (
                a.document,
                about(
                    a.clause,
                    "agreement.opposite-sides",
                    WARNING if definite else NOTE,
                    (),
                    f"{debtor} would owe help to {helped} here and to {enemy} under"
                    f" {_named(b, texts)}, if these two fight each other",
                    "say which prevails (`prevails_over`, `yields_to`), or narrow one of them",
                ),
            )
            return


def _broken(
    value: Agreement,
    pledges: Sequence[_Pledge],
    everyone: frozenset[str],
    texts: Mapping[int, Agreement],
) -> Iterator[Doubt]:
    """Restraints of one instrument that a pledge of the other sets aside."""
    parties = frozenset(value.party_ids)
    for clause in value.clauses(Restraint)[:COMPARED]:
        if not clause.operative or clause.scope or clause.kind not in _CLASHES:
            continue
        bound = owing(value, clause)
        spared = frozenset(clause.towards) & everyone or parties
        for pledge in pledges:
            found = _clash(bound, spared, pledge)
            if found is None:
                continue
            debtor, target, definite = found
            code, said = _CLASHES[clause.kind]
            yield about(
                clause,
                code,
                WARNING if definite else NOTE,
                (),
                f"{debtor} {said} {target} here, and would have to help against it under"
                f" {_named(pledge, texts)}",
                "say which prevails (`prevails_over`, `yields_to`), or change one of them",
            )


_CLASHES: Final = {
    "no-conflicting-engagement": (
        "agreement.conflicting-engagement",
        "may enter no engagement against",
    ),
    "neutrality": ("agreement.opposite-sides", "is to stay neutral towards"),
    "non-aggression": ("agreement.opposite-sides", "is not to attack"),
}


def _clash(
    bound: frozenset[str], spared: frozenset[str], pledge: _Pledge
) -> tuple[str, str, bool] | None:
    """A debtor of both, whom it would turn against, and whether the text names that one."""
    targets = pledge.answers(spared)
    for debtor in sorted(bound & pledge.debtors):
        helped = pledge.creditors - {debtor}
        for target in sorted(targets - {debtor}):
            if helped - {target}:
                return debtor, target, bool(pledge.against)
    return None


def _everyone(texts: Iterable[Agreement]) -> frozenset[str]:
    """All names by which any text knows somebody, attackers included."""
    names: set[str] = set()
    for value in texts:
        names.update(value.party_ids)
        for clause in value.clauses(CollectiveResponse):
            names.update(clause.trigger.attackers_named)
            for case in clause.trigger.cases:
                names.update(case.attacker)
    return frozenset(names)


def _named(pledge: _Pledge, texts: Mapping[int, Agreement]) -> str:
    return f"{texts[pledge.document].id} Art {pledge.clause.art}"
