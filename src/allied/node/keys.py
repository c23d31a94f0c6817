"""The keys of a hosted organisation: looked at, rotated, taken back.

A change of keys is a new descriptor at the end of the organisation's identity chain. It is
signed with a key that lies outside the node, in the recovery file, so who steals the keys of
the node cannot change them. Peers fetch the chain and verify it (`node.renewals`).

Words used here:
    rotate     go on with the next key; it becomes the acts key, others change if asked for
    recover    replace every key by means of the recovery key
    renew      what both have in common: new keys staged, chain extended, new keys in use
    life       an incarnation: a new one begins where the old chains cannot be trusted, since
               they may go on elsewhere; it is numbered past all keys that there were

Rules. The order of writing is such that a process killed at any point leaves a node that
works, with the old keys or with the new ones: the recovery file first, holding what is
needed before and after; then the new keys beside the old ones; then the chain, which decides
which of them count; then the old ones go. Whatever was cut off is taken up by the next try.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from allied.errors import ConflictError, ExhaustedError, UsageError
from allied.node import branches
from allied.record.descriptor import PURPOSES, HeldKey, Purpose
from allied.record.identity import Identity, open_chain, prefix, recovered, rotated
from allied.record.keys import ED25519, X25519, PrivateKey, PublicKey
from allied.record.record import MAX_INCARNATION

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Writing
    from allied.node.rows import Organisation
    from allied.record.ids import OrganisationId

NEXT, RECOVERY = "next", "recovery"
_FOLLOWING: Final = "following-"
CHANGEABLE: Final[tuple[Purpose, ...]] = ("automatic", "transport", "sealing")
"""Purposes that a rotation may renew beside the acts key, which it always renews."""


Then = Callable[["Writing", "Organisation", Mapping[str, PrivateKey]], None]
"""What is done with new keys in the unit that brings them into force: it is the first use of them,
whatever other processes do."""


@dataclass(frozen=True, slots=True)
class KeyView:
    """One key that the chain of an organisation names, or named.

    Attributes:
        state: `present`, `retired` (what it signed stays signed), `next` or `recovery`.
        since: number of the descriptor that first named it.
        until: number of the descriptor that replaced it; None while it is present.
        custodian: who holds it; empty for next and recovery, which lie outside the node.
    """

    id: str
    purpose: str
    alg: str
    state: str
    since: int
    until: int | None
    custodian: str


@dataclass(frozen=True, slots=True)
class Renewed:
    """What a change of keys came to.

    Attributes:
        descriptor: its number in the identity chain.
        changed: the purposes that have another key now.
        incarnation: under which the organisation signs from now on.
        recovery: the file that holds the keys needed the next time.
    """

    organisation: Organisation
    descriptor: int
    changed: tuple[str, ...]
    incarnation: int
    recovery: str


def list_keys(node: Node, organisation: Organisation) -> Sequence[KeyView]:
    """Every key the chain ever named, by purpose, the oldest first; then next and recovery."""
    identity = identity_of(node, organisation.id)
    views: list[KeyView] = []
    for purpose in PURPOSES:
        for key, public in identity.keys_ever(purpose).items():
            named = [each for each in identity.descriptors if _names(each.keys, purpose, key)]
            last = named[-1]
            present = last.sequence == identity.current.sequence
            views.append(
                KeyView(
                    key,
                    purpose,
                    public.alg,
                    "present" if present else "retired",
                    named[0].sequence,
                    None if present else last.sequence + 1,
                    last.keys[purpose].custodian,
                )
            )
    for name, committed in ((NEXT, identity.current.next), (RECOVERY, identity.current.recovery)):
        since = next(
            each.sequence
            for each in identity.descriptors
            if committed == (each.next if name == NEXT else each.recovery)
        )
        views.append(KeyView(committed, name, "", name, since, None, ""))
    return views


def identity_of(node: Node, organisation: OrganisationId) -> Identity:
    """The identity chain of an organisation, verified."""
    with node.store.read() as reading:
        return open_chain(reading.descriptors(organisation))


def rotate(
    node: Node,
    organisation: Organisation,
    *,
    recovery: str,
    passphrase: str,
    purposes: Sequence[Purpose] = (),
    name: str | None = None,
    addresses: Sequence[str] | None = None,
    new_life: bool = False,
    also: Callable[[Writing], None] | None = None,
    then: Then | None = None,
) -> Renewed:
    """Go on with the next key: it becomes the acts key, and another is committed to.

    Args:
        recovery: path of the recovery file, which is rewritten.
        purposes: of further keys to be renewed; see `CHANGEABLE`.
        name, addresses: of the new descriptor, where they change.
        new_life: begin a new incarnation; acts and automatic keys are renewed then.
        also: done in the unit that changes the chain, before it.
        then: done in the same unit, after it.

    Raises:
        UsageError: `keys.no-recovery-file`, `keys.not-rotated-alone`.
        ConflictError: `keys.recovery-file-other`, `keys.recovery-file-old`,
            `keys.changed-meanwhile`.
        NotAuthorisedError: `keys.wrong-passphrase`.
        ExhaustedError: `keys.too-many-lives`.
    """
    if strangers := sorted(set(purposes) - set(CHANGEABLE)):
        raise UsageError(
            "keys.not-rotated-alone",
            f"{', '.join(strangers)} is not one of the keys that are chosen",
            hint=f"choose among {', '.join(CHANGEABLE)}; the key for acts always changes",
        )
    secrets = _secrets(node, organisation, recovery)
    identity = identity_of(node, organisation.id)
    acts = _committed(secrets, NEXT, identity)
    changed = {*purposes, "automatic"} if new_life else set(purposes)
    seeds: dict[str, bytes] = {purpose: node.chance.token(32) for purpose in sorted(changed)}
    following = node.chance.token(32)
    raw = rotated(
        identity,
        acts=acts,
        next_key=_private(NEXT, following).public,
        keys=_publics(seeds),
        name=name,
        addresses=addresses,
    )
    kept = {NEXT: acts.seed} | {
        key: seed for key, seed in secrets.items() if key in (RECOVERY, _FOLLOWING + RECOVERY)
    }
    return _Renewal(
        node,
        organisation,
        identity,
        raw,
        recovery,
        before=kept | {_FOLLOWING + NEXT: following},
        after=_settled(kept, identity) | {NEXT: following},
        stored=identity.raws,
    ).run({**seeds, "acts": acts.seed}, passphrase, new_life=new_life, also=also, then=then)


def recover(
    node: Node,
    organisation: Organisation,
    *,
    recovery: str,
    passphrase: str,
    after: int | None = None,
    then: Then | None = None,
) -> Renewed:
    """Replace every key by means of the recovery key, and begin a new incarnation.

    For keys of the node that were lost, or stolen together with the next key. The keys kept
    here need not open.

    Args:
        recovery: path of the recovery file, which is rewritten.
        passphrase: for the new keys.
        after: go on behind that descriptor and drop the later ones, which somebody else wrote
            as well; None for the last. What only their keys have signed proves nothing more.
        then: done in the unit that changes the chain, after it.

    Raises:
        UsageError: `keys.no-recovery-file`, `keys.no-such-descriptor`.
        ConflictError: as `rotate`; `keys.life-used`.
        ExhaustedError: `keys.too-many-lives`.
    """
    secrets = _secrets(node, organisation, recovery)
    whole = identity_of(node, organisation.id)
    identity = _up_to(whole, after, organisation)
    old = _committed(secrets, RECOVERY, identity)
    seeds: dict[str, bytes] = {purpose: node.chance.token(32) for purpose in PURPOSES}
    following = {NEXT: node.chance.token(32), RECOVERY: node.chance.token(32)}
    raw = recovered(
        identity,
        recovery=old,
        keys=_publics(seeds),
        next_key=_private(NEXT, following[NEXT]).public,
        recovery_key=_private(RECOVERY, following[RECOVERY]).public,
    )
    kept = {RECOVERY: old.seed} | ({NEXT: secrets[NEXT]} if NEXT in secrets else {})
    return _Renewal(
        node,
        organisation,
        identity,
        raw,
        recovery,
        before=kept | {_FOLLOWING + key: seed for key, seed in following.items()},
        after=following,
        stored=whole.raws,
    ).run(seeds, passphrase, new_life=True, then=then)


@dataclass(frozen=True, slots=True)
class _Renewal:
    """One change of keys, ready to be written; see the module for the order.

    Attributes:
        raw: the new descriptor.
        before: what the recovery file holds until the chain has changed.
        after: what it holds from then on.
        stored: the chain as the database has it; `identity` or more.
    """

    node: Node
    organisation: Organisation
    identity: Identity
    raw: bytes
    recovery: str
    before: Mapping[str, bytes]
    after: Mapping[str, bytes]
    stored: Sequence[bytes]

    def run(
        self,
        seeds: Mapping[str, bytes],
        passphrase: str,
        *,
        new_life: bool,
        also: Callable[[Writing], None] | None = None,
        then: Then | None = None,
    ) -> Renewed:
        """Write it all."""
        node, organisation = self.node, self.organisation
        life = len(self.identity.descriptors) if new_life else organisation.incarnation
        if life > MAX_INCARNATION:
            raise ExhaustedError(
                "keys.too-many-lives",
                f"an organisation begins at most {MAX_INCARNATION} new incarnations",
                hint="found a new organisation, and let it accede in place of this one",
            )
        changed = replace(organisation, incarnation=life)
        self._keep(self.before)
        node.vault.stage(organisation.id, seeds, passphrase)
        with node.store.write() as writing:
            if list(writing.descriptors(organisation.id)) != list(self.stored):
                raise ConflictError(
                    "keys.changed-meanwhile",
                    "the keys of the organisation were changed meanwhile",
                    hint="look at `allied key list`, then do it again",
                )
            if also is not None:
                also(writing)
            if len(self.stored) > len(self.identity.raws):
                branches.keep_behind(writing, open_chain(self.stored), len(self.identity.raws))
            writing.replace_descriptors(organisation.id, (*self.identity.raws, self.raw))
            writing.set_organisation(changed)
            writing.set_cursor(f"renewed:{organisation.id}", node.clock.now().isoformat())
            writing.set_cursor(f"descriptors:{organisation.id}", f"{len(self.identity.raws) + 1}")
            if then is not None:
                then(writing, changed, {name: _private(name, seed) for name, seed in seeds.items()})
        node.vault.promote(organisation.id, keep_sealing="sealing" in seeds)
        self._keep(self.after)
        node.notifier.changed(None)
        return Renewed(
            changed,
            len(self.identity.descriptors) + 1,
            tuple(sorted(seeds)),
            life,
            self.recovery,
        )

    def _keep(self, secrets: Mapping[str, bytes]) -> None:
        organisation = self.organisation
        self.node.vault.rewrite_recovery(
            self.recovery, organisation.id, organisation.label, secrets
        )


def _up_to(whole: Identity, after: int | None, organisation: Organisation) -> Identity:
    """The chain up to a descriptor."""
    if after is None:
        return whole
    if not 1 <= after <= len(whole.descriptors):
        raise UsageError(
            "keys.no-such-descriptor",
            f"the chain has descriptors 1 to {len(whole.descriptors)}",
            hint="`allied key list` shows since when each key is named",
        )
    if organisation.incarnation >= after:
        raise ConflictError(
            "keys.life-used",
            "the incarnation that would begin there was begun already",
            hint="go on behind a later descriptor",
        )
    return prefix(whole, after)


def _secrets(node: Node, organisation: Organisation, recovery: str) -> Mapping[str, bytes]:
    whose, secrets = node.vault.read_recovery(recovery)
    if whose != organisation.id:
        raise ConflictError(
            "keys.recovery-file-other",
            "that recovery file belongs to another organisation",
            hint=f"bring the one of {organisation.label}",
        )
    return secrets


def _committed(secrets: Mapping[str, bytes], name: str, identity: Identity) -> PrivateKey:
    """The key of a recovery file that the chain commits to, now or as a change left it."""
    committed = [identity.current.next]
    if name == RECOVERY:
        committed = [identity.current.recovery, identity.descriptors[0].recovery]
    held = [_private(name, secrets[each]) for each in (name, _FOLLOWING + name) if each in secrets]
    for key_id in committed:
        for key in held:
            if key.public.key_id == key_id:
                return key
    raise ConflictError(
        "keys.recovery-file-old",
        f"the {name} key in that file is not the one that the identity has committed to",
        hint="bring the file as the last change of keys left it; if this database was put back"
        " from an older copy, fetch a newer one",
    )


def _settled(secrets: Mapping[str, bytes], identity: Identity) -> dict[str, bytes]:
    """The recovery key that counts, under its plain name; none where the file has none."""
    try:
        return {RECOVERY: _committed(secrets, RECOVERY, identity).seed}
    except ConflictError:
        return {}


def _private(purpose: str, seed: bytes) -> PrivateKey:
    return PrivateKey.from_seed(X25519 if purpose == "sealing" else ED25519, seed)


def _publics(seeds: Mapping[str, bytes]) -> dict[Purpose, PublicKey]:
    return {
        purpose: _private(purpose, seeds[purpose]).public
        for purpose in PURPOSES
        if purpose in seeds
    }


def _names(keys: Mapping[Purpose, HeldKey], purpose: Purpose, key: str) -> bool:
    return keys[purpose].public.key_id == key
