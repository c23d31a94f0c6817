"""One organisation of the demonstration: its folder, its node opened beside its server.

What a house does, it does as a command-line verb beside a serving process would: the same
use cases, over the same database, in this process. Nothing here pulls; what a house holds
of others came through its own server.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from allied.entrypoints.cli.demo.servers import HOST, Server
from allied.node import organisations, people
from allied.node.node import Actor
from allied.record.identity import fingerprint

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Keys
    from allied.node.rows import Organisation


@dataclass(frozen=True, slots=True)
class Role:
    """Who plays: an organisation and the person who acts for it."""

    label: str
    name: str
    person: str
    person_name: str


@dataclass(frozen=True, slots=True)
class House:
    """A founded organisation, its node open and its keys unlocked."""

    role: Role
    node: Node
    organisation: Organisation
    keys: Keys
    server: Server

    @property
    def label(self) -> str:
        """What it is called in the agreement."""
        return self.role.label

    @property
    def name(self) -> str:
        """Its full name."""
        return self.role.name

    @property
    def url(self) -> str:
        """Where its server answers now."""
        return f"http://{HOST}:{self.server.port}"

    @property
    def fingerprint(self) -> str:
        """What its people read to others."""
        return fingerprint(self.organisation.id)

    @property
    def actor(self) -> Actor:
        """The organisation with the person who acts for it."""
        return Actor(self.organisation, self.keys, self.role.person)


def founded(role: Role, server: Server, passphrase: str) -> House:
    """Found the organisation in its folder, or open what an earlier run founded there."""
    from allied.bootstrap import create_node

    node = create_node(server.folder)
    with node.store.read() as reading:
        known = [each for each in reading.organisations() if each.label == role.label]
    if not known:
        organisations.found(
            node,
            label=role.label,
            name=role.name,
            url=f"http://{HOST}:{server.port}",
            person="",
            passphrase=passphrase,
        )
        with node.store.read() as reading:
            known = [each for each in reading.organisations() if each.label == role.label]
    organisation = known[0]
    if not people.list_people(node, organisation):
        people.new_person(
            node, organisation, label=role.person, name=role.person_name, passphrase=passphrase
        )
    return House(role, node, organisation, node.vault.unlock(passphrase), server)


def house_folder(root: Path, role: Role) -> Path:
    """Where the node of a role lies inside the folder of the demonstration."""
    return root / role.label
