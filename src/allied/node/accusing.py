"""Writing down that a party told two stories, where nobody has done so yet.

Whoever finds that a chain parts says so in the circle where it does, with both records, once for
each party and circle. Whoever takes that in takes both records in (`incoming.take_in`), so nobody
depends on the liar or on a lucky neighbour to learn of the other story.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allied.errors import MalformedError
from allied.node import journal
from allied.node.node import Actor
from allied.record.fork import PROOF, carried
from allied.record.outline import looks_outlined
from allied.record.record import ChainKey, read

if TYPE_CHECKING:
    from collections.abc import Iterator

    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys
    from allied.node.rows import Organisation
    from allied.record.canonical import Json
    from allied.record.circle import Circle


def accuse(node: Node, keys: Keys, organisation: Organisation) -> int:
    """Write the proofs that are missing; returns how many were written."""
    with node.store.read() as reading:
        due = [
            row.id
            for row in reading.agreements()
            if any(_missing(node.folds.of(reading, row.id), organisation))
        ]
    written = 0
    for agreement in due:
        with node.store.write() as writing:
            for circle, body in list(_missing(node.folds.of(writing, agreement), organisation)):
                folded = node.folds.of(writing, agreement)
                actor = Actor(organisation, keys)
                try:
                    journal.append(node, writing, actor, folded, circle, PROOF, body)
                except MalformedError:
                    continue  # two records too large for one; both travel by themselves
                written += 1
    return written


def _missing(
    folded: Folded, organisation: Organisation
) -> Iterator[tuple[Circle, dict[str, Json]]]:
    """The proofs that nobody has written down yet, and in which circle they belong."""
    past = folded.history
    party = folded.instrument.party(organisation.id)
    if not past.forks or party is None:
        return
    circles = folded.state.circles_of(folded.instrument, party)
    said = {
        read(each).header.chain[:2]
        for record in folded.state.statements
        for each in carried(record)[:1]
    }
    for chain, proof in zip(sorted(past.frozen), past.forks, strict=True):
        own = ChainKey(chain.circle, organisation.id, organisation.incarnation)
        if chain.issuer == organisation.id or chain.circle not in circles or own in past.frozen:
            continue
        if any(looks_outlined(each) for each in (proof.first, proof.second)):
            continue  # who has both whole can prove it
        if chain[:2] not in said:
            said.add(chain[:2])
            yield circles[chain.circle], {"proof": proof.to_json()}
