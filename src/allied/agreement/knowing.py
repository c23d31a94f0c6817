"""What of the register a record knows: the events in its past, and who kept which keys.

The fold asks this for each record that it judges and, with a past that holds everything, for
the state at the end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allied.agreement.noticed import in_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from allied.agreement.certified import Certified
    from allied.agreement.noticed import Notice
    from allied.agreement.standing import Event
    from allied.record.ids import PartyId, RecordId


def is_contradicted(decided: Sequence[Certified]) -> bool:
    """Whether certificates of one question say different things."""
    return len({each.value for each in decided}) > 1


def known_events(
    events: Iterable[tuple[RecordId, Event]],
    decided: Mapping[RecordId, Sequence[Certified]],
    notices: Mapping[RecordId, Notice],
    knows: Callable[[RecordId], bool],
) -> list[tuple[RecordId, Event]]:
    """The events that somebody knows; those of certificates that contradict each other are none."""
    void: set[RecordId] = set()
    for its in decided.values():
        if is_contradicted(its):
            known = [each for each in its if knows(each.certificate)]
            if is_contradicted(known):
                void.update(each.certificate for each in known)
    found = [(source, event) for source, event in events if source not in void and knows(source)]
    return in_time(found, notices, knows)


def custodians_of(
    custody: Mapping[PartyId, Sequence[tuple[RecordId, str]]], knows: Callable[[RecordId], bool]
) -> dict[PartyId, str]:
    """Who keeps the acts key of each party, as of the first record it signed by that is known."""
    return {
        party: next((keeper for record, keeper in its if knows(record)), "")
        for party, its in custody.items()
    }
