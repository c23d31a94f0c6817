"""What an article can be: every type of clause by the word that stands under `type`.

The declarations stand in `agreement.sharing`, `agreement.responding`,
`agreement.restraining` and `agreement.governing`, and what they are made of in
`agreement.parts`, `agreement.rules` and `agreement.triggers`; here they are joined, and
whoever reads clauses imports them from here. There is no code per clause type:
`agreement.shape` reads, prints, compares and describes each of them by its declaration.

Words used here:
    clause    one article of an agreement, of one type
    kind      of information: what sort of thing an item tells

Rule that holds everywhere in the declarations: every field says who enforces it in this
release, or that nobody does yet; `agreement check` repeats that for each field a text uses.

Source: agreement format, "Clauses".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from allied.agreement.clause import KINDS, VISIBILITY, Clause
from allied.agreement.governing import (
    Amendment,
    Expulsion,
    Governance,
    Membership,
    Reporting,
    Reservation,
    Reservations,
    Review,
    Secrecy,
    Statement,
    Suspension,
    Vetting,
)
from allied.agreement.parts import (
    RULE,
    Adaptation,
    Aggregate,
    Case,
    Decision,
    DecisionRule,
    Duty,
    Integrated,
    Interim,
    Provisional,
    Recusal,
    Report,
    Scope,
    SecondCondition,
    Silence,
    Target,
    Trigger,
    Withdrawal,
)
from allied.agreement.responding import (
    CollectiveResponse,
    Consultation,
    MutualAid,
    RequestForm,
    Resource,
)
from allied.agreement.restraining import Dispute, Preparedness, Restraint, Reward, Step
from allied.agreement.sharing import (
    AllowedTo,
    Anonymise,
    Exceptions,
    InformationSharing,
    LawfulBasis,
    OneWay,
    Recall,
    Receives,
    Sunset,
)
from allied.agreement.values import NOTHING, AmendmentEntry

__all__ = [
    "CLAUSES",
    "KINDS",
    "NOTHING",
    "RULE",
    "VISIBILITY",
    "Adaptation",
    "Aggregate",
    "AllowedTo",
    "Amendment",
    "AmendmentEntry",
    "Anonymise",
    "Case",
    "Clause",
    "CollectiveResponse",
    "Consultation",
    "Decision",
    "DecisionRule",
    "Dispute",
    "Duty",
    "Exceptions",
    "Expulsion",
    "Governance",
    "InformationSharing",
    "Integrated",
    "Interim",
    "LawfulBasis",
    "Membership",
    "MutualAid",
    "OneWay",
    "Preparedness",
    "Provisional",
    "Recall",
    "Receives",
    "Recusal",
    "Report",
    "Reporting",
    "RequestForm",
    "Reservation",
    "Reservations",
    "Resource",
    "Restraint",
    "Review",
    "Reward",
    "Scope",
    "SecondCondition",
    "Secrecy",
    "Silence",
    "Statement",
    "Step",
    "Sunset",
    "Suspension",
    "Target",
    "Trigger",
    "Vetting",
    "Withdrawal",
]

CLAUSES: Final[Mapping[str, type[Clause]]] = {
    each.TYPE: each
    for each in (
        InformationSharing,
        Consultation,
        CollectiveResponse,
        MutualAid,
        Restraint,
        Preparedness,
        Governance,
        Membership,
        Amendment,
        Review,
        Dispute,
        Reservations,
        Secrecy,
        Reporting,
        Statement,
    )
}
"""Every type of clause, by the word that stands under `type`."""
