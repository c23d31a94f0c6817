"""Taking the force from keys that were stolen, in every agreement.

The keys are renewed first (`node.keys`), with a new incarnation that the stolen ones cannot
sign in. Then every circle that the organisation is in hears, as the first thing said there
under the new keys, how far the old ones count; `agreement.revocation` says what follows.

Words used here:
    counted   the heads of own chains up to which this node claimed every number itself, or
              a person adopted it after a restore

Rules. The revocation says in each circle only what concerns that circle. A killed process is
taken up by saying it again: circles that have heard it are passed over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.agreement import revocation
from allied.errors import AlliedError, NotFoundError, UsageError
from allied.node import journal, keys as own_keys
from allied.node.node import Actor, hosted
from allied.record.descriptor import PURPOSES, Purpose
from allied.record.record import ChainKey, Dep

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation
    from allied.record.circle import Circle
    from allied.record.identity import Identity
    from allied.record.ids import AgreementId, KeyId

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
) -> Revoked:
    """Take the force from an organisation's own keys; see the module.

    Args:
        person: who answers for it; a key of theirs assents.
        keys: ids, or how they begin.
        because: what happened; goes to every partner as a blob that can be erased.
        recovery: path of the recovery file, read and rewritten where keys are renewed.

    Raises:
        UsageError: `key.because`, `key.ambiguous`, `key.none`.
        NotFoundError: `key.unknown`, the organisation never had it.
        AlliedError: as `keys.rotate`.
    """
    if not because.strip() or len(because) > _REASON_LIMIT or not because.isprintable():
        raise UsageError(
            "key.because", f"say in 1 to {_REASON_LIMIT} characters what happened, in one line"
        )
    identity = own_keys.identity_of(node, organisation.id)
    named = tuple(sorted({_find(identity, each) for each in keys}))
    if not named:
        raise UsageError("key.none", "no key is named", hint="`allied key list` shows them")
    if any(_still_counts(identity, key, organisation.incarnation) for key in named):
        own_keys.rotate(
            node,
            organisation,
            recovery=recovery,
            passphrase=passphrase,
            purposes=own_keys.CHANGEABLE,
            new_life=True,
        )
    signing = [key for key in named if any(key in identity.keys_ever(each) for each in _SIGNS)]
    unlocked = node.vault.unlock(passphrase)
    with node.store.read() as reading:
        now = hosted(reading, organisation.id)
        agreements = [row.id for row in reading.agreements()]
    actor = Actor(now, unlocked, person)
    said = [_say(node, actor, each, signing, because) for each in agreements] if signing else []
    return Revoked(named, now.incarnation, sum(count > 0 for count in said), sum(said))


def _find(identity: Identity, name: str) -> KeyId:
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


def _say(
    node: Node, actor: Actor, agreement: AgreementId, keys: Sequence[KeyId], because: str
) -> int:
    """Revoke in every circle of one agreement; in how many it was news."""
    said = 0
    with node.store.write() as writing:
        folded = node.folds.of(writing, agreement)
        party = folded.instrument.party(actor.organisation.id)
        if party is None:
            return 0
        circles = folded.state.circles_of(folded.instrument, party)
        everybody = folded.instrument.circles.all.id
        for circle in sorted(circles.values(), key=lambda each: (each.id != everybody, each.id)):
            if _heard(folded, actor, circle, keys):
                continue
            reason = journal.keep_blob(node, writing, folded, circle, because.encode())
            cut = _counted(writing, folded, actor, circle)
            journal.append(
                node,
                writing,
                actor,
                folded,
                circle,
                revocation.REVOKE,
                revocation.body(keys, cut, reason),
            )
            folded = node.folds.of(writing, agreement)
            said += 1
    node.notifier.changed(agreement)
    return said


def _heard(folded: Folded, actor: Actor, circle: Circle, keys: Sequence[KeyId]) -> bool:
    """Whether this incarnation has revoked these keys in that circle already."""
    mine = actor.organisation
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


def _counted(reading: Reading, folded: Folded, actor: Actor, circle: Circle) -> list[Dep]:
    """The own heads in a circle that the organisation stands by."""
    mine = actor.organisation
    foreign: dict[ChainKey, int] = {}
    for row in reading.unclaimed(mine.id):
        if row.circle == circle.id:
            foreign.setdefault(ChainKey(row.circle, row.issuer, row.incarnation), row.sequence)
    cut = []
    for chain, (head, record) in sorted(folded.history.heads.items()):
        if chain.circle != circle.id or chain.issuer != mine.id:
            continue
        if chain.incarnation >= mine.incarnation:
            continue
        last = min(head, foreign.get(chain, head + 1) - 1)
        if last == head:
            cut.append(Dep(*chain, head, record))
        elif last > 0:
            (row,) = reading.records_range(*chain, last, last, limit=1)
            cut.append(Dep(*chain, last, row.id))
    return cut
