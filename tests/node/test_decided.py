"""What certificates of narrower circles prove, on a node that runs as on one that begins."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from allied.agreement.fold import begun
from allied.agreement.matters import Matter
from allied.node import agreements, proposals
from allied.node.decided import decided_in
from allied.node.folds import Folded
from allied.node.proposals import Wish
from allied.node.questions import table_of
from allied.record.history import history
from tests.node.amending import TEXT, pact, vote
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, crafted, folded


def proved(found: Folded) -> int:
    """How many questions of the council are decided."""
    circles = found.state.circles_of(found.instrument, found.instrument.terms.party_ids[0]).values()
    council = next(each for each in circles if each.kind == "body")
    return len(decided_in(found, table_of(found, council)))


def test_who_turns_out_to_be_no_party_has_no_vote_in_what_was_read_before(tmp_path: Path) -> None:
    """Its signature has a second story, and too few had acknowledged the first."""
    text = TEXT.replace("bodies:", "life: {in_force_when: {count: 2, of: signed}}\nbodies:", 1)
    network = pact(tmp_path, text=text, unsigned=[NORTHGATE])
    for other in (RIVER, NORTHGATE):
        network.cut_between(HARBOUR, other)
    liar, house = network.houses[NORTHGATE], network.houses[RIVER]
    agreements.sign(liar.node, liar.actor, "pact")
    network.settle(2)
    wish = Wish(Matter(kind="body", body="council"), b"words", deadline="4 days")
    name = proposals.put(house.node, house.actor, "pact", wish).id
    network.settle(1)
    vote(network, name, {RIVER: "yes", NORTHGATE: "yes"})
    network.settle(2)
    for hours in (120, 8, 8, 8):
        network.advance(timedelta(hours=hours))
        network.settle(2)
    found = folded(house, "pact")
    before = proved(found)
    signed = next(
        each
        for each in found.history.order
        if (each.header.kind, each.header.issuer) == ("agreement.sign", liar.organisation.id)
    )
    follows = found.history.get(signed.header.previous or signed.id)
    other_ = crafted(liar, "pact", "receipt", {"records": []}, after=follows, deps=[])
    past = history([*found.history.order, other_], found.instrument.circles.size)
    after = replace(found, history=past, state=begun(found.instrument, past).state, progress=None)

    assert {signed.id, other_.id} <= past.aside
    assert (before, proved(after), proved(found)) == (1, 0, 1)
