"""What a body decided or found on an incident, as a proved decision says it.

Whether a decision is proved is asked elsewhere (`agreement.certified`); here it becomes what the
evaluation of an incident reads. A finding on a fact that no body can fix, or of a value that the
fact cannot have, is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allied.agreement.matters import FINDING
from allied.agreement.tally import ADOPTED
from allied.response.incident import Decision, Finding
from allied.response.incident_file import is_finding

if TYPE_CHECKING:
    from allied.agreement.certified import Certified


@dataclass(frozen=True, slots=True)
class Taken:
    """A decision or a finding, and the incident that it is taken on."""

    incident: str
    act: Decision | Finding


def taken(agreement: str, decided: Certified) -> Taken | None:
    """What a proved decision says of an incident; None where it says nothing.

    Args:
        agreement: the id of the file under which it was decided.
    """
    matter, result = decided.matter, decided.result
    if matter.kind == FINDING:
        if result.outcome != ADOPTED or not is_finding(matter.field, matter.value):
            return None
        found = Finding(
            agreement=agreement,
            field=matter.field,
            value=matter.value,
            by=matter.body,
            at=decided.at,
        )
        return Taken(matter.incident, found)
    objectors = tuple(party for party, position in result.positions if position == "objected")
    decision = Decision(
        agreement=agreement,
        art=decided.clause,
        outcome=result.outcome,
        at=decided.at,
        objectors=objectors,
    )
    return Taken(matter.incident, decision)
