"""What only people do: these paths exist to say so.

An act binds an organisation by the word of a person. A token has no person behind it at the
moment of its use, so no role can be given an act; whoever asks is told where it is done.
The list follows the table of records: each kind that needs a person has its line here, and
a test holds the two against each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from allied.errors import NotAuthorisedError


@dataclass(frozen=True, slots=True)
class PersonAct:
    """One act.

    Attributes:
        kind: of the record that it makes.
        path: where somebody would look for it.
        verb: of the command line; empty until there is one.
    """

    kind: str
    path: str
    verb: str = ""


ACTS: Final = (
    PersonAct("agreement.sign", "/agreements/{name}/sign", "allied agreement sign"),
    PersonAct("agreement.ratify", "/agreements/{name}/ratify", "allied agreement ratify"),
    PersonAct("agreement.object", "/agreements/{name}/object", "allied agreement object"),
    PersonAct("agreement.withdraw", "/agreements/{name}/withdraw", "allied agreement withdraw"),
    PersonAct("incident.invoke", "/incidents/{incident}/invoke", "allied invoke"),
    PersonAct("incident.finding", "/incidents/{incident}/findings"),
    PersonAct("incident.decision", "/incidents/{incident}/decision"),
    PersonAct("obligation.accept", "/obligations/{key}/accept", "allied obligation accept"),
    PersonAct("obligation.decline", "/obligations/{key}/decline", "allied obligation decline"),
    PersonAct("obligation.excuse", "/obligations/{key}/excuse"),
    PersonAct("obligation.perform", "/obligations/{key}/perform", "allied obligation perform"),
    PersonAct("obligation.verify", "/obligations/{key}/verify", "allied obligation verify"),
    PersonAct("obligation.waive", "/obligations/{key}/waive"),
    PersonAct("obligation.confirm-excuse", "/obligations/{key}/confirm-excuse"),
    PersonAct("obligation.refuse-excuse", "/obligations/{key}/refuse-excuse"),
    PersonAct("exchange.consent", "/requests/{request}/consent", "allied item consent"),
    PersonAct("exchange.name", "/items/{name}/naming", "allied item name-us"),
    PersonAct("proposal.open", "/proposals", "allied proposal open"),
    PersonAct(
        "proposal.acknowledge",
        "/proposals/{proposal}/acknowledge",
        "allied proposal acknowledge",
    ),
    PersonAct("proposal.withdraw", "/proposals/{proposal}/withdraw", "allied proposal withdraw"),
    PersonAct("vote.cast", "/proposals/{proposal}/votes", "allied proposal vote"),
    PersonAct("redaction", "/erasures", "allied erasure ask"),
)


def refuse(act: PersonAct) -> NotAuthorisedError:
    """The refusal of an act; the same for every token."""
    where = f"`{act.verb}` on the command line" if act.verb else "the command line or the console"
    return NotAuthorisedError(
        "rest.person-act",
        "this is an act of a person, and no token can be given it",
        hint=f"use {where}",
    )
