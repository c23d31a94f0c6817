"""Which ranges of records to ask a peer for: what it holds further, or in another way.

Rules. A range is asked for because the peer's heads show more, or because a record that waits
here rests on what is not here. A chain that parts is asked for from where it parts: nobody's
heads tell how far its branches go, and whoever took one branch for the whole may rest on any
record of it. What waits is a stranger's word as long as it waits: it makes nobody ask for much
of another party's chain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

from allied.node.messages import Head, Span
from allied.record.outline import read_either
from allied.record.record import ChainKey

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.ports import Reading
    from allied.record.ids import RecordId

Lacking: TypeAlias = Mapping[ChainKey, tuple[int, int]]
"""By chain, the first and the last number to ask for."""
NOTHING: Final[Lacking] = MappingProxyType({})


def lacking(reading: Reading, folded: Folded) -> Lacking:
    """What parked records rest on that is neither stored nor parked."""
    rows = reading.parked(folded.row.id)
    waiting = {record for record, *_ in rows}
    past = folded.history
    found: dict[ChainKey, tuple[int, int]] = {}
    for header in (read_either(raw).header for *_, raw in rows):
        needs = [(dep.chain, dep.sequence, dep.id) for dep in header.deps]
        if header.previous is not None:
            needs.append((header.chain, header.sequence - 1, header.previous))
        for chain, number, record in needs:
            if record in waiting or folded.holds(record):
                continue
            held = past.heads.get(chain, (0, ""))[0]
            if chain in past.frozen:
                start = min(past.frozen[chain], number)
            elif chain == header.chain and number <= held:
                start = 1  # its issuer tells another story, and nobody knows since when
            else:
                start = min(held + 1, number)
            first, last = found.get(chain, (start, number))
            found[chain] = (min(start, first), max(number, last))
    return found


def spans(folded: Folded | None, theirs: Sequence[Head], needed: Lacking = NOTHING) -> list[Span]:
    """The ranges to ask a peer for, by chain.

    Args:
        folded: what is held here; None for nothing.
        theirs: the peer's heads. Of a chain that it does not show nothing is asked for.
    """
    found: dict[ChainKey, tuple[int, int]] = {}
    shown: set[ChainKey] = set()
    for head in theirs:
        chain = ChainKey(head.circle, head.issuer, head.incarnation)
        shown.add(chain)
        held = 0
        if folded:
            if folded.holds(head.id) or not folded.instrument.party(head.issuer):
                continue  # held, or of a stranger: what it wrote would be refused
            held = folded.history.heads.get(chain, (0, ""))[0]
        # A number that is held here stands on another record there.
        start = held + 1 if head.sequence > held else 1
        first, last = found.get(chain, (start, head.sequence))
        found[chain] = (min(start, first), max(head.sequence, last))
    for chain in needed.keys() & shown:
        first, last = found.get(chain, needed[chain])
        found[chain] = (min(first, needed[chain][0]), max(last, needed[chain][1]))
    return sorted(Span(*chain, first, last) for chain, (first, last) in found.items())


def behind(held: Mapping[ChainKey, int], here: Sequence[Head]) -> list[Span]:
    """What comes behind what somebody holds of each chain, of chains that are whole here.

    Of a chain that parts nothing: what is to be asked for is for who asks.
    """
    ends = Counter(ChainKey(head.circle, head.issuer, head.incarnation) for head in here)
    found = []
    for head in here:
        chain = ChainKey(head.circle, head.issuer, head.incarnation)
        first = held.get(chain, 0) + 1
        if ends[chain] == 1 and first <= head.sequence:
            found.append(Span(*chain, first, head.sequence))
    return sorted(found)


def outlines(folded: Folded, records: Iterable[RecordId]) -> list[Span]:
    """The ranges in which these records stand, which are here in outline."""
    places: dict[ChainKey, list[int]] = {}
    for each in records:
        record = folded.history.get(each)
        if record is not None:
            places.setdefault(record.header.chain, []).append(record.header.sequence)
    found = []
    for chain, numbers in places.items():
        first = last = min(numbers)
        for number in sorted(numbers):
            if number > last + 1:
                found.append(Span(*chain, first, last))
                first = number
            last = number
        found.append(Span(*chain, first, last))
    return sorted(found)
