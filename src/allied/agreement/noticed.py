"""From when a notice runs, or an objection counts: when enough others had it, not when it says.

Whoever gives notice may claim that it did so long ago; its own word is all there is as long
as nobody has acknowledged the notice. Each of the others signs, when the notice arrives,
that it holds it at the time of its own clock. Once at least half of the others have, the
notice runs from the time at which half of them had it.

An objection to an amended text is a notice, too: else who kept silent could undo a text that has
long been in force, by an objection of the day on which it was adopted.

Words used here:
    others    the parties that have signed, without the one that leaves
    heard     that another party acknowledged a notice: by which record, and when it says

Rules. A notice never runs from earlier than it claims itself. What counts for a record is
what lies in its own past, so what was judged once is judged the same later.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

from allied.agreement.events import OBJECTED
from allied.agreement.standing import NOTICE, RATIFIED, SIGNED, Event

if TYPE_CHECKING:
    from datetime import datetime

    from allied.record.ids import PartyId, RecordId
    from allied.record.record import Record


class Heard(NamedTuple):
    """That a party acknowledged a notice."""

    receipt: RecordId
    party: PartyId
    at: datetime


@dataclass(slots=True)
class Notice:
    """One notice, when it claims to have been given, and who acknowledged it."""

    claimed_at: datetime
    heard: list[Heard] = field(default_factory=list)

    def hear(self, receipt: Record, party: PartyId, knows: Callable[[RecordId], bool]) -> None:
        """Note a receipt by another party; one that knows an earlier word of it says nothing new.

        Args:
            knows: the receipt's own past.
        """
        at = receipt.header.claimed_at
        if not any(
            each.party == party and each.at <= at and knows(each.receipt) for each in self.heard
        ):
            self.heard.append(Heard(receipt.id, party, at))

    def runs_from(self, others: Collection[PartyId], knows: Callable[[RecordId], bool]) -> datetime:
        """From when it runs, for whoever knows these receipts."""
        first: dict[PartyId, datetime] = {}
        for each in self.heard:
            if each.party in others and knows(each.receipt):
                first[each.party] = min(each.at, first.get(each.party, each.at))
        needed = (len(others) + 1) // 2
        if not needed or len(first) < needed:
            return self.claimed_at
        return max(self.claimed_at, sorted(first.values())[needed - 1])


def acknowledged(record: Record) -> Iterable[str]:
    """The ids that a receipt names, each once; nothing for another form of body."""
    named = record.body.get("records")
    if not isinstance(named, list):
        return ()
    return dict.fromkeys(each for each in named if isinstance(each, str))


def in_time(
    events: Iterable[tuple[RecordId, Event]],
    notices: Mapping[RecordId, Notice],
    knows: Callable[[RecordId], bool],
) -> list[tuple[RecordId, Event]]:
    """Events, each notice among them at the time from which it runs."""
    found = list(events)
    if not notices:
        return found
    signed = {event.party for _, event in found if event.event in {SIGNED, RATIFIED}} - {None}
    for place, (source, event) in enumerate(found):
        notice = notices.get(source)
        if notice is not None and event.event in {NOTICE, OBJECTED}:
            others = [each for each in signed if each is not None and each != event.party]
            at = notice.runs_from(others, knows)
            found[place] = (source, replace(event, at=at))
    return found
