"""What every part of the story needs: the houses, the teller, and patience.

The parts stand in one module each: `joining` (peers, proposal, signatures), `intelligence`
(sharing and receipts), `response` (the incident and what is owed). Each step looks first
whether it was done before, by an earlier run over the same folder or before a process was
killed, and is verified on the nodes of the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allied.entrypoints.cli.demo.patience import Patience
from allied.node import peers

if TYPE_CHECKING:
    from allied.entrypoints.cli.demo.house import House
    from allied.entrypoints.cli.demo.servers import Servers
    from allied.entrypoints.cli.demo.telling import Teller


@dataclass(slots=True)
class Stage:
    """The three houses and those who serve them."""

    river: House
    harbour: House
    northgate: House
    servers: Servers
    teller: Teller
    patience: Patience = field(init=False)
    _moves: int = 0

    def __post_init__(self) -> None:
        self.patience = Patience(self.teller, self._keep_addresses)

    @property
    def houses(self) -> tuple[House, ...]:
        """All of them, in the order of the agreement."""
        return (self.river, self.harbour, self.northgate)

    def others(self, house: House) -> Iterator[House]:
        """The houses besides `house`."""
        return (other for other in self.houses if other is not house)

    def introduce(self, house: House, other: House) -> bool:
        """Make `other` a confirmed peer of `house`, by its fingerprint; whether it was not.

        Raises:
            UnreachableError: the server of `other` does not answer.
        """
        for peer in peers.list_peers(house.node):
            if peer.id == other.organisation.id and peer.confirmed_at and peer.url == other.url:
                return False
        offered = peers.look(house.node, other.url, given=other.fingerprint)
        peers.add(house.node, other.url, offered, confirmed=True)
        return True

    def _keep_addresses(self) -> None:
        """Tell everybody where a server went that had to leave its port."""
        moves = self.servers.moves
        if moves == self._moves:
            return
        for house in self.houses:
            for other in self.others(house):
                self.introduce(house, other)
        self._moves = moves
