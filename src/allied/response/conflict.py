"""Obligations held against each other: the same help owed twice, and help owed to both sides.

Shown, never resolved silently. Where the same debtor owes the same creditor under several
clauses, each stays and names the others. Where a debtor owes something to both sides of an
act, both stay, and one prevails only if a text says so (`prevails_over`, `yields_to`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from allied.agreement.terms import Agreement
from allied.response.results import Conflict, Obligation

_OPPOSITE = "opposite-sides"


def with_concurrent(obligations: tuple[Obligation, ...]) -> tuple[Obligation, ...]:
    """Let each obligation name those of the same debtor, creditor and incident.

    Cost: linear in the obligations and in what is named.
    """
    same: dict[tuple[str, str, str], list[str]] = {}
    for each in obligations:
        same.setdefault((each.incident, each.debtor, each.creditor), []).append(each.key)
    return tuple(
        replace(each, concurrent_with=tuple(sorted(set(its) - {each.key})))
        if len(its := same[each.incident, each.debtor, each.creditor]) > 1
        else each
        for each in obligations
    )


def conflicts_among(
    obligations: Iterable[Obligation],
    sides: frozenset[frozenset[str]],
    agreements: Mapping[str, Agreement],
) -> tuple[Conflict, ...]:
    """Find debtors who owe something to both sides of an act.

    Args:
        sides: pairs of parties that some act sets against each other.
        agreements: the texts, by id, for what they say about precedence.

    Cost: linear in the obligations and in the pairs of sides, for each debtor concerned.
    """
    by_debtor: dict[str, dict[str, list[Obligation]]] = {}
    for each in obligations:
        by_debtor.setdefault(each.debtor, {}).setdefault(each.creditor, []).append(each)
    texts = {agreement.id: agreement for agreement in agreements.values()}
    found = []
    for debtor, owed_to in sorted(by_debtor.items()):
        if len(owed_to) < 2:
            continue
        for one, other in sorted(tuple(sorted(pair)) for pair in sides):
            # Two parties in dispute owe each other restraint; that is no conflict of theirs.
            if debtor in {one, other}:
                continue
            for first in owed_to.get(one, ()):
                for second in owed_to.get(other, ()):
                    if _harmless(first) and _harmless(second):
                        continue
                    prevails = _prevails(texts, first, second)
                    found.append(Conflict(debtor, _OPPOSITE, first.key, second.key, prevails))
    return tuple(found)


def _harmless(obligation: Obligation) -> bool:
    """Whether it can be owed to both sides at once: talking, and staying out."""
    return obligation.modality == "discuss" or obligation.act.startswith("observe ")


def _prevails(texts: Mapping[str, Agreement], first_of: Obligation, second_of: Obligation) -> str:
    """Return the agreement that a text puts first, or nothing where none or both do."""
    one, other = first_of.agreement, second_of.agreement
    its, others = texts[first_of.version or one], texts[second_of.version or other]
    first = other in its.prevails_over or one in others.yields_to
    second = one in others.prevails_over or other in its.yields_to
    if first == second:
        return ""
    return one if first else other
