"""The node as its use cases see it, and who acts.

A `Node` is the ports put together; it holds no state of its own besides what was folded and
judged already (`Folds`, `Verdicts`) and who is known to hold what (`Hearing`), which is derived
and can be thrown away. Every use case
takes the node first and then the `Actor`: one hosted organisation, its unlocked keys, and the
person who answers for it where an act is done.

Words used here:
    actor   in whose name something is done; resolved once, at the edge of a use case
    act     a statement that needs a person besides the organisation (signing, invoking ...)
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from allied.errors import NotFoundError, UsageError
from allied.exchange.scratch import Scratch
from allied.node.folds import Folds
from allied.node.hearing import Hearing
from allied.node.post import NoPost
from allied.node.servers import Nobody
from allied.node.verdicts import Verdicts

if TYPE_CHECKING:
    from allied.exchange.examining import Examiner
    from allied.node.ports import Chance, Clock, Keys, Notifier, Peers, Reading, Store, Vault
    from allied.node.post import Post
    from allied.node.rows import Organisation
    from allied.node.servers import Servers


@dataclass(frozen=True, slots=True)
class Node:
    """One installation: its ports, and what it has folded so far."""

    store: Store
    vault: Vault
    clock: Clock
    chance: Chance
    peers: Peers
    notifier: Notifier
    scratch: Callable[[], AbstractContextManager[Scratch]]
    examiner: Callable[[], AbstractContextManager[Examiner]]
    folds: Folds = field(default_factory=Folds)
    verdicts: Verdicts = field(default_factory=Verdicts)
    hearing: Hearing = field(default_factory=Hearing)
    servers: Servers = field(default_factory=Nobody)
    post: Post = field(default_factory=NoPost)

    def close(self) -> None:
        """Let go of the store and of open connections."""
        self.peers.close()
        self.store.close()


@dataclass(frozen=True, slots=True)
class Actor:
    """One hosted organisation with its unlocked keys, and the person who answers for it.

    Attributes:
        person: label of a person of that organisation; empty where no act is done.
    """

    organisation: Organisation
    keys: Keys
    person: str = ""


def hosted(reading: Reading, name: str = "") -> Organisation:
    """The hosted organisation called `name` (label or id), or the only one.

    Raises:
        UsageError: none is hosted, or several are and none was named.
        NotFoundError: no hosted organisation goes by that name.
    """
    organisations = reading.organisations()
    if not organisations:
        raise UsageError(
            "node.empty", "this folder holds no organisation yet", hint="start with `allied init`"
        )
    if name:
        for organisation in organisations:
            if name in (organisation.label, organisation.id):
                return organisation
        raise NotFoundError(
            "organisation.unknown",
            "no organisation hosted here goes by that name",
            hint="`allied organisation list` shows them",
        )
    if len(organisations) > 1:
        labels = ", ".join(organisation.label for organisation in organisations)
        raise UsageError(
            "organisation.ambiguous",
            f"this node hosts several organisations: {labels}",
            hint="name the one that acts with --organisation",
        )
    return organisations[0]


def acting_person(reading: Reading, organisation: Organisation, name: str = "") -> str:
    """The label of the person who acts: `name`, or the only person of the organisation.

    Raises:
        UsageError: nobody may act, or several may and none was named.
        NotFoundError: no person of that organisation goes by that name.
    """
    people = reading.people(organisation.id)
    if name:
        if any(name == person.label for person in people):
            return name
        raise NotFoundError(
            "person.unknown",
            "no person of this organisation goes by that name",
            hint="`allied person list` shows them",
        )
    if not people:
        raise UsageError(
            "person.none",
            f"{organisation.label} has nobody who may act for it",
            hint="add somebody with `allied person add`",
        )
    if len(people) > 1:
        labels = ", ".join(person.label for person in people)
        raise UsageError(
            "person.ambiguous",
            f"several people may act for {organisation.label}: {labels}",
            hint="name the one who acts with --person",
        )
    return people[0].label
