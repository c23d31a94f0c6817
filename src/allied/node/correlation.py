"""Who else has it: which items name the same values, as far as the one who asks may see them.

Which items name which values is kept in the store (`node.pairing`). It is made from the bytes
of items after these are stored, by `keep_up`, in steps: each is one unit, stands or does not,
and the next one goes on from there. Taking items in waits for none of it; whoever asks first
makes up what is missing, and is told if that was too much for one question.

Words used here:
    value      an address, name or hash in one spelling; see `exchange.values`
    mention    an item that names a value, in the version that counts
    seen       the agreements that somebody may look into, each with the handling classes they
               may see there
    capped     a value that more items name than are looked at; the newest are

Rules. What is not seen counts nowhere: not in a list, a number, or in whether a value is
capped. Of the versions of an object from one originator the newest counts, among those that
are seen; one that is revoked names nothing. A version that came under two agreements counts
once. A value costs the same whether ten items name it or a million.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.errors import ExhaustedError, NotFoundError, UsageError
from allied.exchange import values
from allied.exchange.stix import instant, type_of
from allied.exchange.values import Value, ValueKind
from allied.node import items, release
from allied.node.additions import date_text, instant_of
from allied.node.agreements import resolve
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.exchange.handling import HandlingClass
    from allied.exchange.stix import Instant
    from allied.node.folds import Folded
    from allied.node.items import Within
    from allied.node.node import Node
    from allied.node.pairing import Unpaired
    from allied.node.ports import Reading
    from allied.node.rows import Organisation, Version
    from allied.record.ids import AgreementId, OrganisationId

STEP: Final = 2_000
"""Items that one step looks at."""

AT_ONCE: Final = 50
"""Items after which others get a turn; about a millisecond."""

STEP_BYTES: Final = 24 * 2**20
MOST_MENTIONS: Final = 1_000
"""Items that are looked at for one value; more are capped."""

MOST_VALUES: Final = 100
"""Values of one item that are looked up."""

ON_ASKING: Final = 20_000
"""Items that a question makes up for before it is answered."""


# --- keeping the table ------------------------------------------------------------------


def keep_up(node: Node, most: int = STEP, *, pause: Callable[[], None] | None = None) -> int:
    """Look at items that nobody has looked at yet; returns at how many.

    Args:
        most: stop after about so many.
        pause: called after every `AT_ONCE` items that were looked at.
    """
    done = 0
    while done < most:
        step = _step(node, min(STEP, most - done), pause)
        if not step:
            return done
        done += step
    return done


def make_up(node: Node) -> None:
    """Look at what is missing for a question, as far as that is done soon."""
    with contextlib.suppress(ExhaustedError):  # somebody else is writing: the answer says so
        keep_up(node, ON_ASKING)


def _step(node: Node, most: int, pause: Callable[[], None] | None) -> int:
    """One step; 0 when there is nothing to look at, or somebody else is at it."""
    with node.store.read() as reading:
        after = reading.paired_until()
        rows = _bounded(reading.unpaired(most))
        naming = [row for row in rows if row.type in values.TYPES]
        raws = reading.bytes_at([row.seq for row in naming])
    if not rows:
        return 0
    named: dict[Unpaired, list[str]] = {}
    for number, row in enumerate(naming, start=1):
        raw = raws.get(row.seq, b"")
        named[row] = [str(value) for value in values.values_of(raw, row.type)]
        if pause is not None and number % AT_ONCE == 0:
            pause()
    with node.store.write() as writing:
        stands = writing.add_pairs(named, after=after, until=rows[-1].seq)
    return len(rows) if stands else 0


def _bounded(rows: Sequence[Unpaired]) -> Sequence[Unpaired]:
    """The first rows, as far as their bytes are not too many; at least one."""
    total = 0
    for number, row in enumerate(rows):
        total += row.size
        if number and total > STEP_BYTES:
            return rows[:number]
    return rows


def behind(reading: Reading) -> int:
    """How many items nobody has looked at yet, at most; 0 when all were."""
    return max(0, max(_newest(reading), default=0) - reading.paired_until())


def _newest(reading: Reading) -> Iterable[int]:
    return (reading.newest(each.id)[0] for each in reading.organisations())


# --- who sees what ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """What somebody may see of what one organisation holds.

    Attributes:
        holder: the hosted organisation whose items are looked at.
        folded: by agreement.
        classes: by number, the agreement that a handling class belongs to.
        since: only what came from an instant on; None for all.
        passed: items of other classes that may be seen, and the agreement of each.
    """

    holder: OrganisationId
    folded: Mapping[AgreementId, Folded]
    classes: Mapping[int, AgreementId]
    since: datetime | None = None
    passed: Mapping[int, AgreementId] = field(default_factory=dict)

    def agreement_of(self, version: Version) -> AgreementId | None:
        """Under which agreement a version is seen; None if it is not."""
        if version.seq in self.passed:
            return self.passed[version.seq]
        if self.since is not None and instant_of(version.added) < self.since:
            return None
        return self.classes.get(version.class_id)


def seen_here(
    node: Node,
    reading: Reading,
    organisation: Organisation,
    *,
    agreement: str = "",
    within: Within | None = None,
) -> Seen:
    """What a hosted organisation sees, or a token of it.

    Args:
        agreement: only under this one.
        within: narrowed to these agreements and classes; None for all.

    Raises:
        NotFoundError: there is no such agreement.
    """
    folded: dict[AgreementId, Folded] = {}
    classes: dict[int, AgreementId] = {}
    for row in [resolve(reading, agreement)] if agreement else reading.agreements():
        if within is not None and row.id not in within:
            continue
        found = node.folds.of(reading, row.id)
        if found.instrument.party(organisation.id) is None:
            continue
        folded[row.id] = found
        held = reading.item_counts(row.id, organisation.id)
        classes |= dict.fromkeys(held if within is None else within[row.id], row.id)
    return Seen(organisation.id, folded, classes)


def seen_by(
    node: Node, reading: Reading, organisation: Organisation, agreement: str, party: str
) -> Seen:
    """What a party of an agreement may have of what a hosted organisation holds under it.

    Asked of the one path by which items leave; nothing leaves by this.

    Raises:
        NotFoundError: there is no such agreement, or `exchange.not-a-party`.
    """
    found = node.folds.of(reading, resolve(reading, agreement).id)
    mine = found.instrument.party(organisation.id)
    others = {str(each.id): each.id for each in found.instrument.terms.parties if each.id != mine}
    whom = others.get(party)
    allowed = release.reach(node, reading, found, organisation.id, whom) if whom else None
    if allowed is None:
        raise NotFoundError("exchange.not-a-party", "the agreement names no such other party")
    return Seen(
        organisation.id,
        {found.row.id: found},
        dict.fromkeys(allowed.permitted, found.row.id),
        allowed.footing.sees_from,
        {each.row.seq: found.row.id for each in allowed.passed},
    )


# --- asking -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mention:
    """An item that names a value; the words are those of `items.ItemView`.

    Attributes:
        party: who originated it, by its label in the agreement.
    """

    seq: int
    item: str
    type: str
    name: str
    party: PartyId
    organisation: OrganisationId
    agreement: AgreementId
    alias: str
    tlp: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class PartyMentions:
    """How often one party names a value, and when that first and last came here."""

    party: PartyId
    organisation: OrganisationId
    items: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class WhoHas:
    """Who has one value.

    Attributes:
        parties: who names it, the one that was first here first.
        mentions: the items, the newest first.
        capped: more items name it; these are the newest.
    """

    kind: ValueKind
    value: str
    parties: tuple[PartyMentions, ...]
    mentions: tuple[Mention, ...]
    capped: bool


@dataclass(frozen=True, slots=True)
class Correlations:
    """What an answer is about, and how far it goes.

    Attributes:
        found: one for each value that somebody names.
        values: how many values were looked up; for an item at most `MOST_VALUES`.
        left_out: values of the item that were not.
        behind: items that are stored and were not looked at yet, at most.
    """

    found: tuple[WhoHas, ...]
    values: int
    left_out: int
    behind: int


def who_has(
    node: Node,
    organisation: Organisation,
    text: str,
    *,
    kind: str = "",
    agreement: str = "",
    within: Within | None = None,
    party: str = "",
) -> Correlations:
    """Who names a value, among what is seen.

    Args:
        text: the value, in any spelling; see `values.candidates`.
        kind: what it is, where that cannot be told from the text.
        party: answer as this party of `agreement` may see it, of what is held here.

    Raises:
        UsageError: `correlation.no-value`, `correlation.kind`, `correlation.needs-agreement`.
        NotFoundError: there is no such agreement, or `exchange.not-a-party`.

    Cost: bounded, whatever is stored.
    """
    wanted = read_values(text, kind)
    make_up(node)
    with node.store.read() as reading:
        seen = scope(node, reading, organisation, agreement, within, party)
        found = [each for value in wanted if (each := look_up(reading, seen, value)).mentions]
        return Correlations(tuple(found), len(wanted), 0, behind(reading))


def correlations(
    node: Node, organisation: Organisation, name: str, *, within: Within | None = None
) -> Correlations:
    """Which other objects name what an item names, among what is seen.

    Args:
        name: a STIX id or a number, as for `items.show`.

    Raises:
        NotFoundError: `item.unknown`.
    """
    make_up(node)
    with node.store.read() as reading:
        _, row = items.find(node, reading, organisation, name, within)
        raw = reading.bytes_at([row.seq])[row.seq]
        shown = [each for each in values.values_of(raw, row.type) if _is_shown(each)]
        wanted = shown[:MOST_VALUES]
        seen = seen_here(node, reading, organisation, within=within)
        found = []
        for value in wanted:
            each = without(look_up(reading, seen, value), row.id)
            if each.mentions:
                found.append(each)
        left_out = len(shown) - len(wanted)
        return Correlations(tuple(found), len(wanted), left_out, behind(reading))


def scope(
    node: Node,
    reading: Reading,
    organisation: Organisation,
    agreement: str,
    within: Within | None,
    party: str,
) -> Seen:
    """What is seen by whoever asks; see `who_has`."""
    if not party:
        return seen_here(node, reading, organisation, agreement=agreement, within=within)
    if not agreement:
        raise UsageError(
            "correlation.needs-agreement",
            "a party is one of an agreement",
            hint="name the agreement with --agreement",
        )
    return seen_by(node, reading, organisation, agreement, party)


def read_values(text: str, kind: str = "") -> tuple[Value, ...]:
    """The values that somebody asks for.

    Raises:
        UsageError: `correlation.no-value`, `correlation.kind`.
    """
    if not kind:
        found = values.candidates(text)
    elif kind not in SHOWN_KINDS:
        raise UsageError(
            "correlation.kind",
            "no values of that kind are compared",
            hint=f"one of {', '.join(SHOWN_KINDS)}",
        )
    else:
        one = values.spelled(ValueKind(kind), text)
        found = (one,) if one else ()
    if not found:
        raise UsageError(
            "correlation.no-value",
            "this is no value that can be compared",
            hint="give an address, a name or a hash; --kind says what it is",
        )
    return found


SHOWN_KINDS: Final = tuple(each.value for each in ValueKind if each != ValueKind.POINTS_TO)
"""What somebody can ask for."""


def _is_shown(value: Value) -> bool:
    return value.kind != ValueKind.POINTS_TO


# --- looking up -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pointed:
    """An item that names or points to something, with its bytes."""

    version: Version
    type: str
    agreement: AgreementId
    raw: bytes


def pointed(reading: Reading, seen: Seen, value: Value) -> tuple[list[Pointed], bool]:
    """The items seen that name a value, the newest first, and whether there are more."""
    numbers = reading.naming(seen.holder, str(value), seen.classes.keys(), MOST_MENTIONS + 1)
    capped = len(numbers) > MOST_MENTIONS
    wanted = [*numbers[:MOST_MENTIONS], *_passed(reading, seen, value)]
    found = [
        (each, agreement)
        for each in reading.versions(seen.holder, numbers=wanted)
        if (agreement := seen.agreement_of(each)) is not None
    ]
    counting = _counting(reading, seen, found)
    raws = reading.bytes_at([each.seq for each, _ in found if each.seq in counting])
    standing = [
        Pointed(each, type_of(each.id), agreement, raws[each.seq])
        for each, agreement in sorted(found, key=lambda pair: -pair[0].seq)
        if each.seq in raws
    ]
    # Different values may have the same key.
    named = [each for each in standing if value in values.values_of(each.raw, each.type)]
    return named, capped


def _passed(reading: Reading, seen: Seen, value: Value) -> Sequence[int]:
    """Those of what is passed on that may name a value."""
    if not seen.passed:
        return ()
    rows = reading.versions(seen.holder, numbers=sorted(seen.passed))
    classes = {each.class_id for each in rows}
    numbers = reading.naming(seen.holder, str(value), classes, MOST_MENTIONS)
    return [number for number in numbers if number in seen.passed]


def _counting(
    reading: Reading, seen: Seen, found: Sequence[tuple[Version, AgreementId]]
) -> frozenset[int]:
    """The numbers of the versions that count, of the objects of some that were found.

    What a version replaced does not come back when that version is taken away.
    """
    newest: dict[tuple[str, str], tuple[Instant, int]] = {}
    ids = {each.id for each, _ in found}
    for agreement in {agreement for _, agreement in found}:
        for originator, item, modified in reading.withdrawn_names(agreement, seen.holder, ids):
            version = instant(modified)
            key = (originator, item)
            if version is not None and (key not in newest or version > newest[key][0]):
                newest[key] = (version, 0)
    for each in reading.versions(seen.holder, ids=sorted(ids)):
        version = instant(each.modified) or instant(date_text(each.added))
        key = (each.originator, each.id)
        if version is None or seen.agreement_of(each) is None:
            continue
        known = newest.get(key)
        # Taken away under another number, and here again: it is still this version.
        if known is None or version > known[0] or (version == known[0] and not known[1]):
            newest[key] = (version, each.seq)
    return frozenset(seq for _, seq in newest.values())


def look_up(reading: Reading, seen: Seen, value: Value) -> WhoHas:
    """Who has one value, among what is seen."""
    found, capped = pointed(reading, seen, value)
    classes: dict[AgreementId, Mapping[int, HandlingClass]] = {}
    mentions = []
    for each in found:
        if each.agreement not in classes:
            classes[each.agreement] = release.classes_of(reading, each.agreement)
        tlp = classes[each.agreement][each.version.class_id].tlp.value
        mentions.append(_mention(seen, each, tlp))
    return _summed(value, mentions, capped=capped)


def _mention(seen: Seen, each: Pointed, tlp: str) -> Mention:
    folded = seen.folded[each.agreement]
    version = each.version
    return Mention(
        seq=version.seq,
        item=version.id,
        type=each.type,
        name=items.title_of(each.raw),
        party=label_of(folded, version.originator),
        organisation=version.originator,
        agreement=each.agreement,
        alias=folded.row.alias,
        tlp=tlp,
        received_at=instant_of(version.added),
    )


def label_of(folded: Folded, organisation: OrganisationId) -> PartyId:
    """What an organisation is called in an agreement; a dash for none of its parties."""
    return folded.instrument.party(organisation) or PartyId("-")


def _summed(value: Value, mentions: Sequence[Mention], *, capped: bool) -> WhoHas:
    by_party: dict[OrganisationId, list[Mention]] = {}
    for each in mentions:
        by_party.setdefault(each.organisation, []).append(each)
    parties = [
        PartyMentions(
            party=found[-1].party,
            organisation=organisation,
            items=len(found),
            first=found[-1].received_at,
            last=found[0].received_at,
        )
        for organisation, found in by_party.items()
    ]
    parties.sort(key=lambda each: (each.first, each.party))
    return WhoHas(value.kind, value.text, tuple(parties), tuple(mentions), capped)


def without(found: WhoHas, item: str) -> WhoHas:
    """The same but for one object."""
    mentions = [each for each in found.mentions if each.item != item]
    summed = _summed(Value(found.kind, found.value), mentions, capped=found.capped)
    return replace(summed, capped=found.capped)
