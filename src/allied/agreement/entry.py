"""Who has signed and ratified, and whether that puts an agreement into force.

Papers are handed in one after the other, in the order of time; whether a party may hand one in
at all is asked by `agreement.timeline`.

Words used here:
    paper     a signature, a ratification, or an accession, which is both in one
    counted   the papers that bind: ratifications where the text asks for them, else signatures
    window    the days on which it may be signed
    expected  the parties that are counted against `all`, a majority or a share

Rules that hold everywhere below. A paper counts once; the first one counts. A party that the text
names as the successor of another one in the text is not expected: it comes in by succeeding. A
party's `joined` counts as both papers on that day, and the first of them as entry into force,
whatever the condition says. Nothing is in force before the first paper, whatever day is named.

Source: agreement format, "Life"; NATO 11, Rio 22.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from allied.agreement.days import end_of_day, start_of_day
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.terms import Agreement


class Entry:
    """The papers of one agreement, as far as they have come in.

    Attributes:
        signed, ratified: when each party did.
        signing_from, signing_until: the window, [from, until); None where it is open.
        deadline: when it lapses unless it is in force before; None without one.
        not_before: the day named in the condition.
    """

    def __init__(self, terms: Agreement) -> None:
        zone, window = terms.timezone, terms.life.signature_window
        self._condition = terms.life.in_force_when
        self._by_ratification = self._condition.asks_ratification
        self._named = names = terms.party_ids
        self._joined = any(party.joined is not None for party in terms.parties)
        any_successor = any(party.successor_of for party in terms.parties)
        self._expected = _not_succeeding(terms) if any_successor else set(names)
        self._unsigned = set(self._expected)
        self._unratified = set(self._expected)
        self._including = {PartyId(each) for each in self._condition.including}
        day, deadline = self._condition.date, terms.life.entry_deadline
        self.not_before = None if day is None else start_of_day(day, zone)
        self.deadline = None if deadline is None else end_of_day(deadline, zone)
        last = None if window is None else window.last
        self.signing_from = None if window is None else start_of_day(window.first, zone)
        self.signing_until = None if last is None else end_of_day(last, zone)
        self.signed: dict[PartyId, datetime] = {}
        self.ratified: dict[PartyId, datetime] = {}

    @property
    def counted(self) -> dict[PartyId, datetime]:
        """The papers that bind."""
        return self.ratified if self._by_ratification else self.signed

    @property
    def is_signed_by_all(self) -> bool:
        """Whether every expected party has signed, or ratified where that is asked for."""
        return not self._silent()

    @property
    def has_window(self) -> bool:
        """Whether the text limits when it may be signed."""
        return self.signing_from is not None

    def is_open(self, at: datetime) -> bool:
        """Whether it may be signed at `at`."""
        if self.signing_from is not None and at < self.signing_from:
            return False
        return self.signing_until is None or at < self.signing_until

    def sign(self, party: PartyId, at: datetime) -> None:
        """Take a signature."""
        self.signed.setdefault(party, at)
        self._unsigned.discard(party)

    def ratify(self, party: PartyId, at: datetime) -> None:
        """Take a ratification."""
        self.ratified.setdefault(party, at)
        self._unratified.discard(party)

    def forget(self, party: PartyId) -> None:
        """Void the papers of a party that is out; to come back it needs new ones."""
        self.signed.pop(party, None)
        self.ratified.pop(party, None)

    def hand_over(self, old: PartyId, new: PartyId) -> None:
        """Let a successor stand on the papers, and in the place, of its predecessor."""
        self._expected.discard(old)
        self._expected.add(new)
        for papers, missing in ((self.signed, self._unsigned), (self.ratified, self._unratified)):
            paper = papers.pop(old, None)
            if paper is not None:
                papers.setdefault(new, paper)
            missing.discard(old)
            (missing.discard if new in papers else missing.add)(new)
        if old in self._including:
            self._including = self._including - {old} | {new}

    def holds(self, at: datetime) -> bool:
        """Whether the condition of entry holds at `at`, with the papers that are in.

        Cost: constant, and the parties that the condition names.
        """
        condition, expected = self._condition, len(self._expected)
        if self._joined or not self.counted:
            return False
        if condition.all and (self._unsigned if condition.all == "signed" else self._unratified):
            return False
        if condition.majority_ratified and 2 * len(self.ratified) <= expected:
            return False
        of = len(self.signed if condition.of == "signed" else self.ratified)
        if condition.count is not None and of < condition.count:
            return False
        if condition.share is not None and of < condition.share * expected:
            return False
        if not self._including <= self.counted.keys():
            return False
        return self.not_before is None or at >= self.not_before

    def awaited(self) -> tuple[PartyId, ...]:
        """On whom entry into force waits, in the order of the text."""
        missing = self._silent()
        if not missing and self._by_ratification:
            missing = self._unratified
        return tuple(party for party in self._named if party in missing)

    def _silent(self) -> set[PartyId]:
        """Who has handed in nothing; where ratifications count, one is as good as a signature."""
        if self._by_ratification and self.ratified:
            return self._unsigned - self.ratified.keys()
        return self._unsigned


def _not_succeeding(terms: Agreement) -> set[PartyId]:
    names = set(terms.party_ids)
    return {party.id for party in terms.parties if party.successor_of not in names}
