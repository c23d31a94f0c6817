"""Founding a hosted organisation: its keys, its identity chain, its recovery file.

The order of writing is chosen so that a killed process leaves nothing half-founded that
could be used: the recovery file first (a key that nobody can recover is worth nothing),
then the encrypted keys, then the database row that makes the organisation exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from allied.errors import ConflictError, MalformedError, UsageError
from allied.node.people import check_label, new_person
from allied.node.rows import Organisation
from allied.record.descriptor import Purpose, addresses
from allied.record.identity import fingerprint, first_descriptor, open_chain
from allied.record.keys import PrivateKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allied.node.node import Node

PURPOSES: tuple[Purpose, ...] = ("acts", "automatic", "transport", "sealing")
_NAME_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Founded:
    """What founding an organisation gave.

    Attributes:
        recovery: where the recovery file was written; it has to be moved off this machine.
    """

    organisation: Organisation
    fingerprint: str
    person: str
    recovery: str


def found(node: Node, *, label: str, name: str, url: str, person: str, passphrase: str) -> Founded:
    """Create a hosted organisation, its first person (if `person` is given) and their keys.

    Its descriptor says who keeps the keys: the organisation itself, or the first one hosted here.

    Raises:
        UsageError: label, name or URL are not of their form.
        ConflictError: an organisation of that label is hosted here already.
    """
    require_named(label, name, url)
    with node.store.read() as reading:
        hosted = reading.organisations()
        if any(known.label == label for known in hosted):
            raise ConflictError(
                "organisation.exists",
                f"{label} is hosted here already",
                hint="choose another --id, or another folder with --data",
            )
    seeds: dict[str, bytes] = {purpose: node.chance.token(32) for purpose in PURPOSES}
    secrets = {"next": node.chance.token(32), "recovery": node.chance.token(32)}
    raw = first_descriptor(
        label=label,
        name=name,
        addresses=(url,) if url else (),
        acts=PrivateKey.from_seed("ed25519", seeds["acts"]),
        keys={
            "automatic": PrivateKey.from_seed("ed25519", seeds["automatic"]).public,
            "transport": PrivateKey.from_seed("ed25519", seeds["transport"]).public,
            "sealing": PrivateKey.from_seed("x25519", seeds["sealing"]).public,
        },
        next_key=PrivateKey.from_seed("ed25519", secrets["next"]).public,
        recovery_key=PrivateKey.from_seed("ed25519", secrets["recovery"]).public,
        custodians=dict.fromkeys(PURPOSES, _custodian(hosted)),
    )
    identity = open_chain((raw,))
    organisation = Organisation(
        identity.id, label, name, url, incarnation=0, created_at=node.clock.now()
    )
    recovery = node.vault.write_recovery(identity.id, label, secrets)
    node.vault.add_organisation(identity.id, seeds, passphrase)
    with node.store.write() as writing:
        writing.add_organisation(organisation)
        writing.add_descriptors(identity.id, (raw,))
    if person:
        new_person(node, organisation, label=person, name=person, passphrase=passphrase)
    return Founded(organisation, fingerprint(identity.id), person, recovery)


def _custodian(hosted: Sequence[Organisation]) -> str:
    """Who keeps the keys of one more organisation: whoever runs the machine keeps them all."""
    first = min(hosted, key=lambda each: (each.created_at, each.id), default=None)
    return "organisation" if first is None else first.id


def require_named(label: str, name: str, url: str) -> None:
    """Return if label, name and URL of an organisation are of their form.

    Raises:
        UsageError: `organisation.label`, `organisation.name`, `organisation.url`.
    """
    check_label(label, "organisation.label")
    if not name or len(name) > _NAME_LIMIT or not name.isprintable():
        raise UsageError("organisation.name", f"a name has 1 to {_NAME_LIMIT} printable characters")
    try:
        addresses((url,) if url else ())
    except MalformedError as refused:
        raise UsageError(
            "organisation.url",
            "an address is an http or https URL with a host",
            hint="for example https://allied.river.example",
        ) from refused


def list_hosted(node: Node) -> Sequence[Organisation]:
    """The organisations hosted here, by label."""
    with node.store.read() as reading:
        return reading.organisations()
