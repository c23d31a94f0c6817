"""Who may act for an organisation, as an act's own past says.

Whether an act is taken in follows from what it rests on, and from nothing else: else one node takes
it in that another refuses, and what others say resting on it is lost to the second. So a listing
counts here although it was set aside since, where its issuer has told another story of it.

Words used here:
    listing   a record that names a person whose key acts for its issuer, or no longer
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from allied.agreement.listings import read_listing
from allied.errors import AlliedError

if TYPE_CHECKING:
    from allied.record.history import History
    from allied.record.ids import OrganisationId, PersonId, RecordId
    from allied.record.keys import PublicKey
    from allied.record.record import Record

LISTING: Final = "identity.person"


class People:
    """The people listed in one history."""

    def __init__(self, whole: History) -> None:
        """Look at what `whole` holds."""
        self._whole = whole
        self._listings = [each for each in whole.order if each.header.kind == LISTING]
        self._aside: dict[OrganisationId, list[Record]] = {}
        for each in whole.aside:
            record = whole.get(each)
            if record is not None and record.header.kind == LISTING:
                self._aside.setdefault(record.header.issuer, []).append(record)
        self._pasts: dict[OrganisationId, dict[RecordId, int]] = {}

    def of(self, record: Record) -> dict[PersonId, PublicKey]:
        """The people whom the issuer of a complete record had listed in the record's own past.

        Cost: one binary search for each listing; one pass over all records where its issuer, or
        the record, was set aside, once for each such issuer.
        """
        found: dict[PersonId, PublicKey] = {}
        for listing in self._known(record):
            try:
                person, key, ends = read_listing(listing.body)
            except AlliedError:
                continue  # a listing that cannot be read lists nobody
            if ends:
                found.pop(person, None)
            else:
                found[person] = key
        return found

    def _known(self, record: Record) -> Sequence[Record]:
        """The listings of its issuer in the past of a record, each behind what it rests on."""
        whole, issuer = self._whole, record.header.issuer
        its = [each for each in self._listings if each.header.issuer == issuer]
        if issuer not in self._aside and whole.is_ordered(record.id):
            return [each for each in its if whole.knows(record.id, each.id)]
        every = sorted(
            [*its, *self._aside.get(issuer, ())], key=lambda each: (whole.depth(each.id), each.id)
        )
        if issuer not in self._pasts:
            self._pasts[issuer] = {}
        mask = self._behind(record, every, self._pasts[issuer])
        return [each for place, each in enumerate(every) if mask >> place & 1]

    def _behind(
        self, record: Record, listings: Sequence[Record], known: dict[RecordId, int]
    ) -> int:
        """Which of some listings a record rests on, as bits; `known` says it of records before."""
        bits = {each.id: 1 << place for place, each in enumerate(listings)}
        pending = [record.id]
        while pending:
            at = pending[-1]
            held = self._whole.get(at)
            parents = [] if held is None else [dep.id for dep in held.header.deps]
            if held is not None and held.header.previous is not None:
                parents.append(held.header.previous)
            missing = [each for each in parents if each not in known]
            if missing:
                pending += missing
                continue
            pending.pop()
            mask = bits.get(at, 0)
            for each in parents:
                mask |= known[each]
            known[at] = mask
        return known[record.id]
