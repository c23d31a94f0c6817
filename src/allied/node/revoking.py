"""Taking the force from keys that were stolen, in every agreement.

All keys are renewed (`node.keys`), with a new incarnation that the stolen ones cannot sign in.
In the same unit every circle that the organisation is in hears, as the first thing said there
under the new keys, how far the old ones count; `agreement.revocation` says what follows. First,
because a new incarnation contradicts what the old chains say beyond it, unless it begins by
revoking the keys that say it (`record.fork`).

Words used here:
    counted   the heads of own chains up to which this node claimed every number itself, or
              a person adopted it after a restore

Rules. The revocation says in each circle only what concerns that circle. It happens whole or
not at all; where every circle has heard it already, nothing is said or renewed again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError, NotFoundError, UsageError
from allied.node import branches, journal, keys as own_keys
from allied.node.node import Actor
from allied.node.seals import SealsWith
from allied.record import revocation
from allied.record.descriptor import PURPOSES, Purpose
from allied.record.ids import KeyId, is_digest

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys, PersonSigner, Reading, Writing
    from allied.node.rows import Organisation
    from allied.record.circle import Circle
    from allied.record.identity import Identity
    from allied.record.ids import AgreementId, OrganisationId
    from allied.record.keys import PrivateKey, Signer

_SHORTEST: Final = 8
_REASON_LIMIT: Final = 2_000
_SIGNS: Final[tuple[Purpose, ...]] = ("acts", "automatic")


@dataclass(frozen=True, slots=True)
class Revoked:
    """What revoking came to.

    Attributes:
        agreements, records: in how many it was said, and how often altogether.
    """

    keys: tuple[str, ...]
    incarnation: int
    agreements: int
    records: int


def revoke(
    node: Node,
    organisation: Organisation,
    person: str,
    *,
    keys: Sequence[str],
    because: str,
    recovery: str,
    passphrase: str,
    by_recovery: bool = False,
) -> Revoked:
    """Take the force from an organisation's own keys; see the module.

    Args:
        person: who answers for it; a key of theirs assents.
        keys: ids, or how they begin.
        because: what happened; goes to every partner as a blob that can be erased.
        recovery: path of the recovery file, read and rewritten where keys are renewed.
        by_recovery: renew with the recovery key: the next key was stolen, too.

    Raises:
        UsageError: `key.because`, `key.ambiguous`, `key.none`.
        NotFoundError: `key.unknown`, the organisation never had it.
        AlliedError: as `keys.rotate`, `keys.recover`.
    """
    if not because.strip() or len(because) > _REASON_LIMIT or not because.isprintable():
        raise UsageError(
            "key.because", f"say in 1 to {_REASON_LIMIT} characters what happened, in one line"
        )
    identity = own_keys.identity_of(node, organisation.id)
    named = tuple(sorted({_find(node, identity, each) for each in keys}))
    if not named:
        raise UsageError("key.none", "no key is named", hint="`allied key list` shows them")
    ever = {key for each in PURPOSES for key in identity.keys_ever(each)}
    signing = [
        key
        for key in named
        if key not in ever or any(key in identity.keys_ever(each) for each in _SIGNS)
    ]
    with node.store.read() as reading:
        unheard = bool(signing) and not _all_heard(node, reading, organisation, signing)
    if not unheard and not any(
        _still_counts(identity, key, organisation.incarnation) for key in named
    ):
        return Revoked(named, organisation.incarnation, 0, 0)
    unlocked = node.vault.unlock(passphrase)
    said: list[int] = []

    def say(writing: Writing, renewed: Organisation, signers: Mapping[str, PrivateKey]) -> None:
        actor = Actor(renewed, _Fresh(unlocked, signers), person)
        if signing:
            known, _ = journal.revoked(writing, renewed.id)
            every = sorted({*known, *signing})
            journal.remember_revoked(writing, renewed.id, every, because)
            rows = writing.agreements()
            said.extend([_say(node, writing, actor, row.id, every, because) for row in rows])

    if by_recovery:
        made = own_keys.recover(
            node, organisation, recovery=recovery, passphrase=passphrase, then=say
        )
    else:
        made = own_keys.rotate(
            node,
            organisation,
            recovery=recovery,
            passphrase=passphrase,
            purposes=own_keys.CHANGEABLE,
            new_life=True,
            then=say,
        )
    return Revoked(named, made.incarnation, sum(count > 0 for count in said), sum(said))


class _Fresh(SealsWith):
    """Keys that come into force in the unit under way."""

    def __init__(self, keys: Keys, signers: Mapping[str, PrivateKey]) -> None:
        super().__init__(keys)
        self._keys = keys
        self._signers = signers

    def signer(self, organisation: OrganisationId, purpose: str) -> Signer:  # noqa: ARG002
        """The new key."""
        return self._signers[purpose]

    def person(
        self, organisation: OrganisationId, label: str, agreement: AgreementId
    ) -> PersonSigner:
        """People keep theirs."""
        return self._keys.person(organisation, label, agreement)


def _find(node: Node, identity: Identity, name: str) -> KeyId:
    """A key that the chain names or named; one that only a branch names by its whole id."""
    with node.store.read() as reading:
        if is_digest(name) and any(branches.of_key(reading, identity.id, KeyId(name))):
            return KeyId(name)
    ever = {key for purpose in PURPOSES for key in identity.keys_ever(purpose)}
    long = len(name) >= _SHORTEST
    found = [key for key in ever if key == name or (long and key.startswith(name))]
    if not found:
        raise NotFoundError(
            "key.unknown",
            "the organisation never had a key of that id",
            hint="`allied key list` shows them; give at least 8 digits",
        )
    if len(found) > 1:
        raise UsageError("key.ambiguous", "several keys begin like that", hint="give more digits")
    return found[0]


def _still_counts(identity: Identity, key: KeyId, incarnation: int) -> bool:
    """Whether a key is in use, or could sign in the present incarnation."""
    if any(held.public.key_id == key for held in identity.current.keys.values()):
        return True
    return any(
        key in identity.keys_ever(purpose) and identity.named_since(purpose, key) > incarnation
        for purpose in _SIGNS
    )


def _all_heard(
    node: Node, reading: Reading, organisation: Organisation, keys: Sequence[KeyId]
) -> bool:
    """Whether the present incarnation has revoked these keys everywhere already."""
    for row in reading.agreements():
        folded = node.folds.of(reading, row.id)
        if any(
            not _heard(folded, organisation, circle, keys)
            for circle in _circles(folded, organisation)
        ):
            return False
    return True


def _circles(folded: Folded, organisation: Organisation) -> Sequence[Circle]:
    """The circles that an organisation is in, that of all first."""
    party = folded.instrument.party(organisation.id)
    if party is None:
        return ()
    everybody = folded.instrument.circles.all.id
    circles = folded.state.circles_of(folded.instrument, party).values()
    return sorted(circles, key=lambda each: (each.id != everybody, each.id))


def _say(
    node: Node,
    writing: Writing,
    actor: Actor,
    agreement: AgreementId,
    keys: Sequence[KeyId],
    because: str,
) -> int:
    """Revoke in every circle of one agreement; in how many."""
    folded = node.folds.of(writing, agreement)
    circles = _circles(folded, actor.organisation)
    for circle in circles:  # one record in each chain: the fold before them serves for all
        journal.say_revoked(node, writing, actor, folded, circle, keys, because)
    return len(circles)


def _heard(folded: Folded, mine: Organisation, circle: Circle, keys: Sequence[KeyId]) -> bool:
    """Whether this incarnation has revoked these keys in that circle already."""
    for record in folded.history.order:
        header = record.header
        if (
            header.kind == revocation.REVOKE
            and header.issuer == mine.id
            and header.circle == circle.id
            and header.incarnation == mine.incarnation
        ):
            try:
                known = revocation.read_revocation(record)
            except AlliedError:
                continue
            if known.keys >= set(keys):
                return True
    return False
