"""Who has seen a value, and how often: the sightings of several parties, put together.

A sighting says that something was seen: an indicator, observed data, an observable. Who shares
one says it of an object; here all that is said of objects that name the same value is one
answer, counted per party.

Words used here:
    sighting    an object of that type, in the version that counts; see `node.correlation`
    seen        how often, as the sightings say: `count`, or once where it stands in none

Rules. What the one who asks may not see counts nowhere: no party, no number and no date comes
from it. A sighting is counted once, by whatever way it was found, and for the party that
originated it as it came here: who submitted it to a secretariat is not asked. A revoked
sighting is none.

Source: STIX 2.1, section 5.2.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from allied.exchange.stix import instant
from allied.exchange.values import ValueKind, points_to
from allied.node import correlation

if TYPE_CHECKING:
    from allied.exchange.values import Value
    from allied.node.correlation import Pointed, Seen
    from allied.node.items import Within
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation
    from allied.record.ids import AgreementId, OrganisationId, PartyId

MOST_OBJECTS: Final = 200
"""Objects that name a value, whose sightings are looked for."""

_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class PartySightings:
    """What one party has seen of a value.

    Attributes:
        sightings: how many objects say so.
        seen: how often in all.
        first, last: when, as the sightings say; None where none says.
    """

    party: PartyId
    organisation: OrganisationId
    agreements: tuple[str, ...]
    sightings: int
    seen: int
    first: datetime | None
    last: datetime | None


@dataclass(frozen=True, slots=True)
class ValueSightings:
    """What all parties have seen of a value, as far as that is shown.

    Attributes:
        parties: those who saw it, who saw it most first.
        capped: there is more than was looked at.
    """

    kind: ValueKind
    value: str
    sightings: int
    seen: int
    first: datetime | None
    last: datetime | None
    parties: tuple[PartySightings, ...]
    capped: bool


@dataclass(frozen=True, slots=True)
class Sightings:
    """An answer, and how far it goes.

    Attributes:
        found: one for each value that the question can mean and that was seen.
        behind: items that are stored and were not looked at yet, at most.
    """

    found: tuple[ValueSightings, ...]
    behind: int


def sightings(
    node: Node,
    organisation: Organisation,
    text: str,
    *,
    kind: str = "",
    agreement: str = "",
    within: Within | None = None,
    party: str = "",
) -> Sightings:
    """Who has seen a value, among what is seen; the arguments are those of `who_has`.

    Raises:
        UsageError: `correlation.no-value`, `correlation.kind`, `correlation.needs-agreement`.
        NotFoundError: there is no such agreement, or `exchange.not-a-party`.

    Cost: bounded, whatever is stored.
    """
    wanted = correlation.read_values(text, kind)
    correlation.make_up(node)
    with node.store.read() as reading:
        seen = correlation.scope(node, reading, organisation, agreement, within, party)
        found = [_of_value(reading, seen, value) for value in wanted]
        behind = correlation.behind(reading)
    return Sightings(tuple(each for each in found if each.sightings), behind)


def _of_value(reading: Reading, seen: Seen, value: Value) -> ValueSightings:
    """All sightings of a value: of what names it, and of observed data that hold it."""
    named, capped = correlation.pointed(reading, seen, value)
    objects = list(dict.fromkeys(each.version.id for each in named))
    told, more = _pointing(reading, seen, objects)
    capped = capped or more
    observed = [each.version.id for each in told if each.type == "observed-data"]
    further, more = _pointing(reading, seen, [each for each in observed if each not in objects])
    once = {
        each.version.seq: each for each in (*told, *further) if each.type == "sighting"
    }.values()
    parties = _by_party(seen, once)
    return ValueSightings(
        kind=value.kind,
        value=value.text,
        sightings=sum(each.sightings for each in parties),
        seen=sum(each.seen for each in parties),
        first=min((each.first for each in parties if each.first), default=None),
        last=max((each.last for each in parties if each.last), default=None),
        parties=parties,
        capped=capped or more,
    )


def _pointing(reading: Reading, seen: Seen, objects: Sequence[str]) -> tuple[list[Pointed], bool]:
    """What points to any of some objects, and whether there is more than was looked at."""
    found: list[Pointed] = []
    capped = len(objects) > MOST_OBJECTS
    for each in objects[:MOST_OBJECTS]:
        value = points_to(each)
        if value is not None:
            of_object, more = correlation.pointed(reading, seen, value)
            found += of_object
            capped = capped or more
    return found, capped


# --- counting ---------------------------------------------------------------------------


class _Said(msgspec.Struct):
    """What a sighting says of how often and when."""

    count: int = 1
    first_seen: str = ""
    last_seen: str = ""


_SAID: Final = msgspec.json.Decoder(_Said)


@dataclass(slots=True)
class _Counted:
    party: PartyId
    agreements: dict[AgreementId, str]
    sightings: int = 0
    seen: int = 0
    first: datetime | None = None
    last: datetime | None = None


def _by_party(seen: Seen, found: Iterable[Pointed]) -> tuple[PartySightings, ...]:
    counted: dict[OrganisationId, _Counted] = {}
    for each in sorted(found, key=lambda each: each.version.seq):
        try:
            said = _SAID.decode(each.raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        folded = seen.folded[each.agreement]
        organisation = each.version.originator
        if organisation not in counted:
            label = correlation.label_of(folded, organisation)
            counted[organisation] = _Counted(label, {})
        one = counted[organisation]
        one.agreements[each.agreement] = folded.row.alias
        one.sightings += 1
        one.seen += max(said.count, 0)
        for at in (_moment(said.first_seen), _moment(said.last_seen)):
            if at is not None:
                one.first = at if one.first is None else min(one.first, at)
                one.last = at if one.last is None else max(one.last, at)
    parties = [
        PartySightings(
            party=each.party,
            organisation=organisation,
            agreements=tuple(each.agreements.values()),
            sightings=each.sightings,
            seen=each.seen,
            first=each.first,
            last=each.last,
        )
        for organisation, each in counted.items()
    ]
    return tuple(sorted(parties, key=lambda each: (-each.seen, each.party)))


def _moment(text: str) -> datetime | None:
    """An instant of STIX to the microsecond; None if there is none."""
    found = instant(text) if text and len(text) <= _LONGEST else None
    if found is None:
        return None
    whole, fraction = found
    return whole + timedelta(microseconds=int(fraction[:6].ljust(6, "0") or 0))
