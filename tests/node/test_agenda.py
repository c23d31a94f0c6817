"""What falls due under an agreement, as each node shows it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from allied.node import agreements
from tests.node.hands import DEMO, RIVER, allied

EXERCISES = b"\narticles:\n  - {art: '90', type: preparedness, exercises: 30 days}"
TERM = DEMO.replace(b"\narticles:", EXERCISES, 1)


def test_every_node_shows_the_same_agenda_and_records_nothing_of_it(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, TERM)

    def shown() -> list[list[tuple[str, str, bool]]]:
        return [
            [
                (each.kind, each.art, each.overdue)
                for each in agreements.show(house.node, pact).agenda
            ]
            for house in network.houses.values()
        ]

    term = [("stop-notice", "", False), ("term-ends", "", False)]
    assert shown() == [[("exercise", "90", False), *term]] * 3
    before = agreements.show(network.houses[RIVER].node, pact).records
    network.advance(timedelta(days=31))
    assert shown() == [[("exercise", "90", True), *term]] * 3
    assert agreements.show(network.houses[RIVER].node, pact).records == before


def test_notice_stands_in_the_agenda_until_it_has_run(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]

    assert "leaves" not in {each.kind for each in agreements.show(river.node, pact).agenda}
    view = agreements.withdraw(river.node, river.actor, pact)
    (leaves,) = (each for each in view.agenda if each.kind == "leaves")
    assert (leaves.who, leaves.at) == ((RIVER,), river.node.clock.now() + timedelta(days=90))
    network.advance(timedelta(days=90))
    after = agreements.show(river.node, pact).agenda
    assert "leaves" not in {each.kind for each in after}
