"""Houses that were founded once, copied for each test: copying folders costs less than founding."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from allied.adapters.folder import DataFolder
from allied.adapters.sealed import ALMOST_NONE_FOR_TESTS
from allied.adapters.settings import Settings
from allied.bootstrap import assemble
from allied.node.answers import Answers
from allied.record.ids import AgreementId, OrganisationId
from tests.node.network import PASSPHRASE, House, Network, Wires


@dataclass(frozen=True)
class Founded:
    """The folders of a network whose nodes are closed."""

    root: Path
    labels: tuple[str, ...]
    pact: AgreementId
    at: datetime

    @classmethod
    def of(cls, root: Path, network: Network, pact: str) -> Founded:
        """Close a network below `root`, to be copied from now on."""
        for house in network.houses.values():
            house.node.close()
        return cls(root, tuple(network.houses), AgreementId(pact), network.clock.now())

    @contextmanager
    def copy(self, to: Path) -> Iterator[Network]:
        """A network of its own below `to`."""
        shutil.copytree(self.root, to)
        network = Network(to)
        network.clock.set(self.at)
        for label in self.labels:
            found = assemble(
                DataFolder(to / label),
                Settings(),
                clock=network.clock,
                hardness=ALMOST_NONE_FOR_TESTS,
            )
            node = replace(found.node, peers=Wires(network))
            keys = node.vault.unlock(PASSPHRASE)
            with node.store.read() as reading:
                (own,) = [each for each in reading.organisations() if each.label == label]
            hints: list[OrganisationId] = []
            answers = Answers(node, keys, hints.append)
            network.houses[label] = House(label, own.url, node, own, keys, answers, hints)
        yield network
        for house in network.houses.values():
            house.node.close()
