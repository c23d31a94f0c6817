"""Chains of descriptors that are not believed here, as far as records rest on their keys.

An organisation can show two continuations of its identity, and a recovery takes one of them back
(`allied.node.renewals`).
What was said under the keys of the one that fell away may stand in the pasts of others by then: who
believed that chain took it in and went on. So that nobody is kept from the words of honest parties
by what another one has shown to each of them, such a record is taken in from whoever else holds it,
and the chain with its key goes along with it.

Words used here:
    branch      a verified chain of an organisation that is not the one believed here
    contested   that the key of a record is named by a branch alone, or behind the place where
                two chains of its issuer part

Rules. A branch proves itself as every chain does. It opens nothing: no question is believed under
its keys, nothing is sealed to them, nothing is signed with it. A contested record that its issuer
shows is refused. What is kept is as much as the issuer has signed records under other chains.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from allied.agreement.certified import embedded
from allied.agreement.closing import CERTIFICATE
from allied.record.identity import Identity, open_chain
from allied.record.outline import looks_outlined
from allied.record.record import read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from allied.node.ports import Reading, Writing
    from allied.node.rows import RecordRow
    from allied.record.ids import KeyId, OrganisationId
    from allied.record.record import Record

_SIGNING: Final = ("acts", "automatic")
MOST: Final = 8
"""Branches that are kept for one key: each may open it to other incarnations."""


def keep(writing: Writing, branch: Identity, keys: Iterable[KeyId]) -> None:
    """Keep a verified chain for keys that it names."""
    last = branch.digests[-1]
    for key in keys:
        known = writing.cursor(_of_key(branch.id, key)).split()
        if last not in known and len(known) < MOST:
            writing.set_cursor(_of_key(branch.id, key), " ".join([*known, last]))
    raws = ",".join(base64.b64encode(raw).decode("ascii") for raw in branch.raws)
    writing.set_cursor(_branch(last), raws)
    writing.set_cursor(_any(branch.id), "kept")


def keep_behind(writing: Writing, dropped: Identity, shared: int) -> None:
    """Keep a chain that is not believed any more, for what only its later descriptors name.

    Args:
        shared: how many of its descriptors the chain that is believed begins with.
    """
    keys = {
        held.public.key_id
        for descriptor in dropped.descriptors[shared:]
        for purpose, held in descriptor.keys.items()
        if purpose in _SIGNING and dropped.named_since(purpose, held.public.key_id) > shared
    }
    if keys:
        keep(writing, dropped, sorted(keys))


def of_key(reading: Reading, organisation: OrganisationId, key: KeyId) -> Iterator[Sequence[bytes]]:
    """The branches kept for a key, as they were verified."""
    if has_any(reading, organisation):
        for last in reading.cursor(_of_key(organisation, key)).split():
            raws = reading.cursor(_branch(last)).split(",")
            yield tuple(base64.b64decode(raw) for raw in raws)


def opened(reading: Reading, organisation: OrganisationId, key: KeyId) -> Sequence[Identity]:
    """As `of_key`, opened."""
    return [open_chain(raws) for raws in of_key(reading, organisation, key)]


def has_any(reading: Reading, organisation: OrganisationId) -> bool:
    """Whether there is a branch of an organisation."""
    return reading.cursor(_any(organisation)) != ""


def of_row(reading: Reading, row: RecordRow) -> list[tuple[OrganisationId, Sequence[bytes]]]:
    """The chains without which somebody else could not verify a stored record, whose each is.

    The one that is believed stands before the branches of an organisation.

    Cost: one look, where its issuer has none and it is no certificate.
    """
    if row.kind != CERTIFICATE and not has_any(reading, row.issuer):
        return []
    if looks_outlined(row.raw):
        return []  # nobody has signed that
    found: list[tuple[OrganisationId, Sequence[bytes]]] = []
    for signed in signed_in(read(row.raw)):
        whose = signed.header.issuer
        its = list(of_key(reading, whose, signed.header.key))
        if its:
            found += [(whose, each) for each in (reading.descriptors(whose), *its)]
    return found


def signed_in(record: Record) -> tuple[Record, ...]:
    """A record, and those in it whose signatures have to hold as well."""
    return (record, *embedded(record))


def _any(organisation: OrganisationId) -> str:
    return f"branches:{organisation}"


def _of_key(organisation: OrganisationId, key: KeyId) -> str:
    return f"branch-of:{organisation}:{key}"


def _branch(last: str) -> str:
    return f"branch:{last}"
