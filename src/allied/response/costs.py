"""Who pays for the help that was given: the ledger of a mutual-aid clause.

Help that was performed is an entry; help that was declined, excused or never answered is none. The
amount is what the lender's evidence says, and people settle it: nothing is added up here.

Rule that holds everywhere below: where each bears its own cost, nobody owes anybody anything for
help, and there is no entry.

Source: agreement format, "Mutual aid".
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from allied.agreement.responding import MutualAid
from allied.agreement.terms import Agreement
from allied.response.moment import later
from allied.response.obligation import ObligationState

_DONE = frozenset({"performed", "verified"})


@dataclass(frozen=True, slots=True)
class Entry:
    """Help that has to be paid for.

    Attributes:
        key: of the obligation.
        payer: who asked for the help; payee: who gave it.
        basis: the rule on cost: "requester-pays-actual", "capped" or "free-then-cost".
        cap: in the words of the text; empty where there is none.
        currency: three letters, or empty.
        given_at: when the help was performed, as claimed.
        free_until: before this nothing is paid; None where it costs from the start.
        evidence: digests of blobs.
    """

    key: str
    art: str
    payer: str
    payee: str
    what: str
    basis: str
    cap: str
    currency: str
    given_at: datetime | None
    free_until: datetime | None
    evidence: tuple[str, ...]


def ledger(agreement: Agreement, lives: Iterable[ObligationState]) -> tuple[Entry, ...]:
    """Write an entry for each performed obligation of a mutual-aid clause that has to be paid.

    Args:
        lives: obligations with what became of them; those of other clauses are passed over.

    Cost: linear in the obligations.
    """
    clauses = {clause.art: clause for clause in agreement.clauses(MutualAid)}
    entries = []
    for life in lives:
        owed = life.obligation
        clause = clauses.get(owed.art) if owed.agreement == agreement.id else None
        if clause is None or clause.cost == "own" or life.state not in _DONE:
            continue
        free = clause.free_for if clause.cost == "free-then-cost" else None
        start = life.performed_at
        entries.append(
            Entry(
                key=owed.key,
                art=owed.art,
                payer=owed.creditor,
                payee=owed.debtor,
                what=owed.act,
                basis=clause.cost,
                cap=clause.cost_cap if clause.cost == "capped" else "",
                currency=clause.currency,
                given_at=start,
                free_until=later(start, free, agreement.timezone) if start and free else None,
                evidence=life.evidence,
            )
        )
    return tuple(sorted(entries, key=lambda entry: (entry.payer, entry.payee, entry.key)))
