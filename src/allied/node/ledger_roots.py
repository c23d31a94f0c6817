"""Committing to the disclosure ledger, day by day, where the partners see it.

Once a day (UTC) each organisation hosted here signs, in every agreement with rows since the
last time, a commitment to them (`exchange.disclosure`), in the circle of all its parties.
Nobody asks for it: whoever holds the record can later hold the organisation to it.

Words used here:
    due     rows of days that are over, and not committed to yet
    quiet   a day without a row

Rules. The record and what it is about are written in one unit. A day is over when the clock
of the node says so; a clock that is set back commits to nothing twice. Where an agreement
promises that a hub hides who submitted, quiet days are committed to as well: else a commitment
would tell all parties that somebody had been busy. A ledger whose last signed commitment is not
known here any more (an old backup) begins another series, for all to see. What cannot be
committed to in one agreement stands in nobody's way in another.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, timedelta
from typing import TYPE_CHECKING, Final

from allied.agreement.clauses import InformationSharing
from allied.errors import AlliedError, ExhaustedError, RefusedError
from allied.exchange.disclosure import (
    KIND,
    MAX_ROWS,
    SEED_BYTES,
    Commit,
    Salts,
    commitment_to,
    leaf_of,
)
from allied.node import journal, ledger
from allied.node.ledger_store import LedgerRoot
from allied.node.node import Actor
from allied.record import merkle

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading, Writing
    from allied.node.rows import Organisation
    from allied.record.ids import AgreementId
    from allied.record.record import Record

_PAGE: Final = 1_000
_LOOKED: Final = "ledger-looked:"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Span:
    """Rows to be committed to: up to `last`, with their leaves under `seed`."""

    seed: bytes
    last: int
    leaves: list[bytes]


def commit_due(node: Node, keys: Keys, organisation: Organisation) -> int:
    """Commit to what is due in every agreement; looks once a day.

    Returns:
        How many commitments were signed.

    Raises:
        ExhaustedError: the store cannot go on; it is tried again next time.
    """
    today = node.clock.now().astimezone(UTC).date()
    name = _LOOKED + organisation.id
    with node.store.read() as reading:
        if reading.cursor(name) == today.isoformat():
            return 0
        agreements = [row.id for row in reading.agreements()]
    signed = 0
    for agreement in agreements:
        try:
            signed += commit(node, keys, organisation, agreement, before=today)
        except ExhaustedError:
            raise
        except AlliedError:
            continue  # a frozen chain, a locked key: `doctor` says which rows await
    with node.store.write() as writing:
        writing.set_cursor(name, today.isoformat())
    return signed


def commit(
    node: Node,
    keys: Keys,
    organisation: Organisation,
    agreement: AgreementId,
    *,
    before: date | None = None,
) -> int:
    """Commit to the rows of one agreement.

    Args:
        before: only to rows of days before this one, and to quiet days where that is the
            rule; None commits to all rows that there are now.

    Returns:
        How many commitments were signed: 0 where nothing was due.

    Raises:
        ConflictError: `record.chain-frozen`. NotAuthorisedError: `keys.locked`.
        RefusedError: `ledger.without-effect`, the organisation is not, or not yet, a party.
    """
    signed = 0
    while True:
        with node.store.read() as reading:
            found = node.folds.of(reading, agreement)
            if not _due(node, reading, found, organisation, before, quiet=not signed):
                break
        with node.store.write() as writing:
            folded = node.folds.of(writing, agreement)
            if not _due(node, writing, folded, organisation, before, quiet=not signed):
                break
            _sign(node, keys, writing, folded, organisation, before)
        signed += 1
    if signed:
        node.notifier.changed(agreement)
    return signed


def awaiting(reading: Reading, organisation: Organisation, agreement: AgreementId) -> int:
    """How many rows of an agreement are not committed to yet; counts at most a page of them."""
    newest = reading.newest_ledger_root(organisation.id, agreement)
    after = newest.last if newest else 0
    return len(reading.ledger(organisation.id, agreement=agreement, after=after, limit=_PAGE))


def own_commits(folded: Folded, organisation: Organisation) -> list[Record]:
    """The commitments of an organisation that have effect, in the order of the history."""
    return [
        record
        for record in folded.state.statements
        if record.header.kind == KIND and record.header.issuer == organisation.id
    ]


def _due(
    node: Node,
    reading: Reading,
    folded: Folded,
    organisation: Organisation,
    before: date | None,
    *,
    quiet: bool,
) -> bool:
    """Whether there is something to commit to."""
    if folded.instrument.party(organisation.id) is None:
        return False
    newest = reading.newest_ledger_root(organisation.id, folded.row.id)
    after = newest.last if newest else 0
    rows = reading.ledger(organisation.id, agreement=folded.row.id, after=after, limit=_PAGE)
    if any(before is None or row.at.astimezone(UTC).date() < before for row in rows):
        return True
    if before is None or not quiet or not _hides_submitters(folded):
        return False
    if newest is not None and newest.through >= (before - _DAY).isoformat():
        return False
    stands = folded.state.standing(folded.instrument, node.clock.now())
    return stands.state == "in-force" and folded.instrument.party(organisation.id) in stands.bound


def _hides_submitters(folded: Folded) -> bool:
    """Whether a clause of any version promises that somebody stays hidden behind a hub."""
    return any(
        clause.anonymise is not None
        for terms in folded.state.all_terms(folded.instrument)
        if terms.hubs
        for clause in terms.clauses(InformationSharing)
    )


def _sign(
    node: Node,
    keys: Keys,
    writing: Writing,
    folded: Folded,
    organisation: Organisation,
    before: date | None,
) -> None:
    """Sign the next commitment and remember what it is about."""
    agreement = folded.row.id
    newest = writing.newest_ledger_root(organisation.id, agreement)
    span = _span(node, writing, organisation, agreement, newest, before)
    today = node.clock.now().astimezone(UTC).date()
    through = today if before is None else before - _DAY
    if newest is not None:
        through = max(through, date.fromisoformat(newest.through))
    signed = own_commits(folded, organisation)
    goes_on = newest is not None and bool(signed) and signed[-1].id == newest.record
    known = newest if goes_on else None
    salts = Salts.of(span.seed)
    commit = Commit(
        series=known.series if known else node.chance.token(16).hex(),
        number=known.number + 1 if known else 1,
        before=known.record if known else None,
        through=through,
        commitment=commitment_to(merkle.root(span.leaves), len(span.leaves), salts.root),
    )
    record = journal.append(
        node,
        writing,
        Actor(organisation, keys),
        folded,
        folded.instrument.circles.all,
        KIND,
        commit.to_json(),
    )
    writing.add_ledger_root(
        LedgerRoot(
            organisation=organisation.id,
            agreement=agreement,
            place=newest.place + 1 if newest else 1,
            series=commit.series,
            number=commit.number,
            after=newest.last if newest else 0,
            last=span.last,
            count=len(span.leaves),
            through=through.isoformat(),
            seed=span.seed,
            record=record.id,
        )
    )
    if not node.folds.of(writing, agreement).state.verdicts[record.id].effect:
        raise RefusedError(
            "ledger.without-effect", "what this organisation commits to would have no effect there"
        )


def _span(
    node: Node,
    reading: Reading,
    organisation: Organisation,
    agreement: AgreementId,
    newest: LedgerRoot | None,
    before: date | None,
) -> _Span:
    """The rows that come next, up to the last one of a day that is over."""
    seed = node.chance.token(SEED_BYTES)
    salts = Salts.of(seed)
    leaves: list[bytes] = []
    last = after = newest.last if newest else 0
    count = 0
    while len(leaves) < MAX_ROWS:
        limit = min(_PAGE, MAX_ROWS - len(leaves))
        page = reading.ledger(organisation.id, agreement=agreement, after=after, limit=limit)
        for row in page:
            index = len(leaves)
            mark = salts.mark_of(index, row.hash)
            leaves.append(leaf_of(ledger.disclosed(row), mark, salts.salt_of(index)))
            if before is None or row.at.astimezone(UTC).date() < before:
                last, count = row.seq, len(leaves)
        if len(page) < limit:
            break
        after = page[-1].seq
    return _Span(seed, last, leaves[:count])
