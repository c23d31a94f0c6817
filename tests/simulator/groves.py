"""The folders that stories of the simulator start from: parties whose nodes are closed.

Founding parties and letting them sign costs more than a story does, so it is done once, and each
world opens a copy.

Words used here:
    beside    nodes of organisations that are in no agreement with the parties
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from allied.record.ids import AgreementId
from tests.node.network import Network

TREES: Final = ("ash", "birch", "cedar", "dogwood", "elm", "fir", "gorse")
LIAR: Final = "dogwood"

TEXT: Final = """\
format: alliance/1
id: the-grove
title: Mutual cyber defence pact of the grove
form: {kind: contract, binding: yes, law: England and Wales}
lateral: minilateral
purpose: [collective-response]
visibility: parties

parties:
%(parties)s
life:
  in_force_when: all signed
  term: 3 years
  withdrawal: {notice: 30 days, open_incidents: finish-accrued, information_after: keep-markings}

bodies:
  council: {rule: {kind: simple-majority, tolerates: %(tolerates)s, grace: 1 hour}}

articles:
  - art: "1"
    title: One for all
    type: collective-response
    text: A severe cyber attack on one of the trees is met by all of them.
    trigger: {incident: [attack.cyber], severity: at least severe, attribution: not-needed}
    invoked_by: [victim]
    invocation_window: 7 days
    decision: automatic
    duties:
      - who: other parties
        owes: victim
        do: assist
        measures: [incident responders]
        means: as-listed
        modality: must
        answer_within: 2 hours
        perform_within: 24 hours
    ends_when: [victim-declares-over]
"""


def text_of(trees: Sequence[str], tolerates: int = 1) -> bytes:
    """The agreement of these parties, whose council bears so many liars."""
    lines = "".join(f"  - {{id: {tree}, name: {tree.title()}, kind: company}}\n" for tree in trees)
    return (TEXT % {"parties": lines, "tolerates": tolerates}).encode()


@dataclass(frozen=True)
class Grove:
    """The folders of parties whose nodes are closed, to be copied for each world."""

    root: Path
    trees: tuple[str, ...]
    pact: AgreementId
    at: datetime
    liars: tuple[str, ...] = (LIAR,)
    beside: tuple[str, ...] = ()

    @classmethod
    def planted(
        cls,
        root: Path,
        trees: Sequence[str],
        *,
        signed: bool = True,
        liars: Sequence[str] = (LIAR,),
        tolerates: int = 1,
        text: bytes = b"",
        beside: Sequence[str] = (),
        unsigned: Sequence[str] = (),
    ) -> Grove:
        """Found the parties, introduce all to all, and let all sign, or only propose.

        Args:
            text: of the agreement; by default `text_of` the parties.
            beside: others, who know all parties and are known to them, and sign nothing.
            unsigned: parties that are invited, and have not signed.
        """
        network = Network(root)
        for tree in (*trees, *beside):
            network.found(tree, tree.title())
        network.introduce_all()
        silent = (*(unsigned if signed else trees), *beside)
        pact = network.sign_all(text or text_of(trees, tolerates), trees[0], unsigned=silent)
        for house in network.houses.values():
            house.node.close()
        return cls(
            root, tuple(trees), AgreementId(pact), network.clock.now(), tuple(liars), tuple(beside)
        )
