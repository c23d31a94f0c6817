"""Going on after a restore without ever signing a number twice.

A database that was put back from a copy may have signed more than it remembers. What it
signed lies with its partners, as far as they have fetched it; so everything is fetched from
them first, with nothing signed but the questions. If a fence beside the database says how
many own records there ever were, and that many are here now, the chains are whole and go on.
Otherwise nobody can know, and the organisation begins a new incarnation under the next key,
whose first records cite all that was found.

Words used here:
    adopt    claim the numbers of own records that came back from partners
    certain  the fence is there, and the chains are as long as it says

Rules. Nothing is signed before it is decided; adopting, and beginning anew, is one unit. A
killed process decides again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from allied.errors import ConflictError, NotAuthorisedError, UsageError
from allied.node import keys as own_keys, sync
from allied.node.seals import SealsWith
from allied.record.keys import Signer

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Keys, PersonSigner, Reading, Writing
    from allied.node.rows import Organisation
    from allied.record.ids import AgreementId, OrganisationId


@dataclass(frozen=True, slots=True)
class Resumed:
    """How one organisation goes on.

    Attributes:
        adopted: own records that came back from partners.
        incarnation: under which it signs from now on.
        certain: whether it is the one it had before.
        unreached: labels of peers that could not be asked.
    """

    organisation: Organisation
    adopted: int
    incarnation: int
    certain: bool
    unreached: tuple[str, ...]


class _OnlyAsks(SealsWith):
    """Keys that sign questions to other nodes, and no record."""

    def __init__(self, keys: Keys) -> None:
        super().__init__(keys)
        self._keys = keys

    def signer(self, organisation: OrganisationId, purpose: str) -> Signer:
        """The transport key.

        Raises:
            NotAuthorisedError: `keys.not-yet`, for every other purpose.
        """
        if purpose != "transport":
            raise _not_yet()
        return self._keys.signer(organisation, purpose)

    def person(
        self,
        organisation: OrganisationId,  # noqa: ARG002
        label: str,  # noqa: ARG002
        agreement: AgreementId,  # noqa: ARG002
    ) -> PersonSigner:
        """Nobody acts yet."""
        raise _not_yet()


def resume(
    node: Node,
    keys: Keys,
    *,
    fence: Mapping[OrganisationId, int],
    recovery: Sequence[str] = (),
    passphrase: str,
    without_unreached: bool = False,
) -> Sequence[Resumed]:
    """Fetch what is missing, then let every hosted organisation go on.

    Args:
        keys: unlocked although nothing may be signed yet.
        fence: how many own records there ever were; without an organisation nobody knows.
        recovery: paths of recovery files; one of each organisation that begins anew.
        without_unreached: go on although some peer could not be asked. If it holds what is
            not here, that contradicts the new incarnation when it comes to light.

    Raises:
        ConflictError: `resume.peers-unreached`.
        UsageError: `resume.needs-recovery-file`.
        AlliedError: as `keys.rotate`.
    """
    unreached = _fetch(node, keys)
    if unreached and not without_unreached:
        raise ConflictError(
            "resume.peers-unreached",
            "not all could be asked what this node has signed: "
            + ", ".join(f"{peer} [{code}]" for peer, code in sorted(unreached.items())),
            hint="try again later; --without-unreached goes on without them",
            facts={"peers": unreached},
        )
    files = {node.vault.read_recovery(path)[0]: path for path in recovery}
    with node.store.read() as reading:
        organisations = reading.organisations()
        uncertain = [
            each
            for each in organisations
            if each.id not in files and not _is_certain(reading, each, fence)
        ]
    if uncertain:
        raise UsageError(
            "resume.needs-recovery-file",
            f"{uncertain[0].label} has to begin a new incarnation under its next key",
            hint="bring its recovery file, and name it with --recovery-file",
            facts={"organisations": [each.label for each in uncertain]},
        )
    told = tuple(sorted(unreached))
    return [
        _go_on(node, each, fence, files.get(each.id, ""), passphrase, told)
        for each in organisations
    ]


def _fetch(node: Node, keys: Keys) -> dict[str, str]:
    """Ask every confirmed peer for everything; who could not be asked, and why."""
    asking = _OnlyAsks(keys)
    sync.ask_all(node, asking, items=False)  # what one peer parked may come from the next
    outcomes = sync.ask_all(node, asking, items=False)
    return {each.peer: each.problem for each in outcomes if each.problem}


def _is_certain(
    reading: Reading, organisation: Organisation, fence: Mapping[OrganisationId, int]
) -> bool:
    """Whether the own chains are here as far as they ever went."""
    count = fence.get(organisation.id)
    here = reading.appended()[organisation.id] + len(reading.unclaimed(organisation.id))
    return count is not None and here >= count


def _go_on(
    node: Node,
    organisation: Organisation,
    fence: Mapping[OrganisationId, int],
    recovery: str,
    passphrase: str,
    unreached: tuple[str, ...],
) -> Resumed:
    adopted = 0

    def adopt(writing: Writing) -> None:
        nonlocal adopted
        for row in writing.unclaimed(organisation.id):
            with suppress(ConflictError):  # of two records under one number one has it
                writing.claim_sequence(
                    row.circle, row.issuer, row.incarnation, row.sequence, row.id
                )
                adopted += 1
        writing.number_past(organisation.id, fence.get(organisation.id, 0))

    with node.store.read() as reading:
        certain = _is_certain(reading, organisation, fence)
    incarnation = organisation.incarnation
    if certain:
        with node.store.write() as writing:
            adopt(writing)
    else:
        made = own_keys.rotate(
            node,
            organisation,
            recovery=recovery,
            passphrase=passphrase,
            new_life=True,
            also=adopt,
        )
        incarnation = made.incarnation
    return Resumed(organisation, adopted, incarnation, certain, unreached)


def _not_yet() -> NotAuthorisedError:
    return NotAuthorisedError(
        "keys.not-yet", "nothing is signed before this node knows how far it was"
    )
