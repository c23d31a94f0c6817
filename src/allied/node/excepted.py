"""What is kept out of sharing because it was decided: adopted questions of the matter `exception`.

Who may ask and who has to agree is in the clause (`exceptions`), and decided like any other
question (`agreement.matters`); what an exclusion does is in `exchange.exclusions`. Here the one
is made of the other, at each request.

Rules. Only what was adopted and is not contradicted, from the moment at which the question had
closed to the instant that it names. A question that names no kind is words for people, and changes
nothing; so does one that the clause, as it is now, would not let its party ask. An exclusion keeps
out and lets nobody in.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from allied.agreement.closing import CERTIFICATE
from allied.agreement.knowing import is_contradicted
from allied.agreement.matters import EXCEPTION, exception_until
from allied.agreement.sharing import InformationSharing
from allied.agreement.tally import ADOPTED
from allied.exchange.channels import channels_at
from allied.exchange.exclusions import Exclusion, excluding, may_ask
from allied.node.decided import decided_in
from allied.node.questions import table_of
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from datetime import datetime

    from allied.agreement.certified import Certified
    from allied.agreement.standing import Standing
    from allied.agreement.terms import Agreement
    from allied.exchange.channel import Channel
    from allied.node.folds import Folded


def channels_of(
    folded: Folded, mine: PartyId, terms: Agreement, standing: Standing, at: datetime
) -> tuple[Channel, ...]:
    """The channels of a text as the register stands, less what was excepted by a decision.

    Args:
        mine: the party that asks; what it may not see of the decisions plays no part.

    Cost: as `channels_at`, where no clause knows exceptions; else linear in the statements.
    """
    found = channels_at(terms, standing)
    clauses = {each.art: each for each in terms.clauses(InformationSharing) if each.exceptions}
    if not clauses:
        return found
    adopted = list(_adopted(folded, mine, at))
    return tuple(
        _without(each, clauses[each.art], adopted, standing) if each.art in clauses else each
        for each in found
    )


def _adopted(folded: Folded, mine: PartyId, at: datetime) -> Iterator[Certified]:
    """The exceptions that hold at a moment, as far as a party sees them decided."""
    circles = folded.state.circles_of(folded.instrument, mine)
    decided = {
        each.header.circle for each in folded.state.statements if each.header.kind == CERTIFICATE
    }
    for circle in sorted(decided & circles.keys()):
        for its in decided_in(folded, table_of(folded, circles[circle])).values():
            one = its[0]
            if one.matter.kind != EXCEPTION or not one.matter.field or is_contradicted(its):
                continue
            end = exception_until(one.matter)
            if one.result.outcome == ADOPTED and one.at <= at and (end is None or at < end):
                yield one


def _without(
    channel: Channel, clause: InformationSharing, adopted: list[Certified], standing: Standing
) -> Channel:
    for one in adopted:
        if one.clause != clause.art:
            continue
        sender = PartyId(one.matter.party)
        towards = {PartyId(one.matter.towards)} if one.matter.towards else standing.bound
        exclusion = Exclusion(
            asked_by=sender,
            sender=sender,
            kept_from=frozenset(towards) - {sender},
            kinds=frozenset({one.matter.field}),
            why="",
            at=one.at,
        )
        if may_ask(clause, exclusion):
            channel = excluding(channel, [exclusion], _said(one))
    return channel


def _said(one: Certified) -> str:
    """How people find the decision."""
    until = f", until {one.matter.value}" if one.matter.value else ""
    return f"decision {one.proposal[:12]} of {one.at:%Y-%m-%d}{until}"
