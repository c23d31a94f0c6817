"""Which entries a feed holds now: from the indicators that an organisation may use.

What the organisation sees is asked from its own view (`allied.node.collections`); nothing goes
to another party by a feed, so it stands in no ledger. Here it is decided which of that may be
used for what the feed is for, and which indicators still stand.

Words used here:
    stands     an indicator that is not revoked, has begun, has not ended, and that no newer
               version of the same originator has replaced, whatever its marking
    admitted   a handling class whose markings, and whose clause, permit what the form does

Rules. The strictest of all markings, and of all clauses under which such an item can have
come, holds; what the organisation itself shared is bound by its markings alone. A clause that
names purposes lets nothing into a feed for another one. What is left out is counted by reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from allied.agreement.clauses import InformationSharing
from allied.errors import ExhaustedError
from allied.exchange import actions, entries
from allied.exchange.actions import Action
from allied.exchange.feed_forms import Listed
from allied.exchange.stix import Kind, instant
from allied.node import release
from allied.node.additions import date_text
from allied.node.rows import Token
from allied.record.ids import Digest

if TYPE_CHECKING:
    from allied.agreement.values import Tlp
    from allied.exchange.entries import Entry
    from allied.exchange.feed_forms import Form
    from allied.exchange.handling import Demand, HandlingClass
    from allied.exchange.stix import Instant
    from allied.exchange.warning_lists import Warnings
    from allied.node.collections import Collections
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow
    from allied.record.ids import AgreementId, OrganisationId

MAX_ENTRIES: Final = 500_000
MAX_IDS: Final = 5
"""Indicators that are named beside one entry."""

ROLE: Final = "feed"
"""What a feed reads as; no token has this role and the table of roles gives it nothing."""

DEFAULT_PURPOSE: Final = "network-defence"
FALSE_POSITIVE: Final = "false-positive"
"""What somebody here said of an indicator; see `rows.RemarkRow`."""

_BEFORE: Final = (datetime.min.replace(tzinfo=UTC), "")
_CHUNK: Final = 1_000
_LONGEST_ID: Final = 100


@dataclass(frozen=True, slots=True)
class Admitted:
    """A handling class whose items may be in a feed."""

    tlp: Tlp
    action: Action


@dataclass(frozen=True, slots=True)
class Contents:
    """What a feed holds.

    Attributes:
        listed: in the order in which the first indicator of each came.
        until: the next instant at which time alone changes that; None if it never does.
        expires: the next instant at which an entry leaves; None if none does by itself.
        left_out: by reason, how many.
    """

    listed: tuple[Listed, ...]
    until: datetime | None
    expires: datetime | None
    left_out: Mapping[str, int]


def admitted(
    folded: Folded,
    holder: OrganisationId,
    classes: Mapping[int, HandlingClass],
    action: Action,
    purpose: str,
    at: datetime,
) -> dict[int, Admitted]:
    """Which of these handling classes permit an action, by their ids."""
    own = folded.instrument.party(holder)
    clauses = folded.terms(at).clauses(InformationSharing)
    found = {}
    for number, handling in classes.items():
        bound = () if handling.originator == own else clauses
        most = min(_permitted(demand, bound, purpose, at) for demand in handling.demands)
        if most >= action:
            found[number] = Admitted(handling.tlp, most)
    return found


def permitted(
    node: Node,
    reading: Reading,
    collections: Collections,
    organisation: OrganisationId,
    agreement: AgreementId,
    *,
    ceiling: str,
    action: Action,
    purpose: str,
) -> dict[int, Admitted]:
    """The handling classes that an organisation sees, below a ceiling, and may use for something.

    Asked for each time, so a change of markings, clauses or membership counts at once.
    """
    now = node.clock.now()
    reader = Token(
        id="",
        organisation=organisation,
        secret=Digest(""),
        role=ROLE,
        agreements=(agreement,),
        ceiling=ceiling,
        created_at=now,
        expires_at=None,
        revoked_at=None,
    )
    seen = {
        number
        for source in collections.sources(reader)
        if source.agreement == agreement
        for number in source.classes
    }
    classes = release.classes_of(reading, agreement)
    present = {number: classes[number] for number in sorted(seen) if number in classes}
    folded = node.folds.of(reading, agreement)
    return admitted(folded, organisation, present, action, purpose, now)


def _permitted(
    demand: Demand, clauses: Sequence[InformationSharing], purpose: str, at: datetime
) -> Action:
    """The most visible action that a demand permits under the clauses it can have come by."""
    handling = demand.handling
    if handling.begins is not None and at < handling.begins:
        return Action.NONE
    concerned = [clause for clause in clauses if _shares(clause, demand.kind)] or clauses
    if not concerned:
        return actions.ceiling(handling)
    if not all(actions.serves(purpose, clause) for clause in concerned):
        return Action.NONE
    return min(actions.ceiling(handling, clause) for clause in concerned)


def _shares(clause: InformationSharing, kind: Kind) -> bool:
    return "all" in clause.share or kind.value in clause.share


@dataclass(slots=True)
class Standing:
    """The items of a holder that no newer version has replaced, with their bytes.

    Attributes:
        agreements: all that name the holder: a version under any of them replaces older ones.
    """

    reading: Reading
    holder: OrganisationId
    agreements: Sequence[AgreementId]
    _newest: dict[tuple[str, str], Instant] = field(default_factory=dict)

    def items(
        self, agreement: AgreementId, classes: Sequence[int], types: Sequence[str] | None = None
    ) -> Iterator[tuple[ItemRow, bytes]]:
        """Those of some handling classes of one agreement, in the order in which they came."""
        after = 0
        while classes:
            rows = self.reading.items(
                agreement,
                self.holder,
                after=after,
                limit=_CHUNK,
                classes=classes,
                types=types,
            )
            gone = self._gone(agreement, rows)
            standing = [
                row
                for row in rows
                if (not row.repeated or self._is_newest(row))
                and gone.get((row.originator, row.id), _version(row)) <= _version(row)
            ]
            bodies = self.reading.item_bytes(standing)
            for row in standing:
                if row.digest in bodies:
                    yield row, bodies[row.digest]
            if len(rows) < _CHUNK:
                return
            after = rows[-1].seq

    def _gone(
        self, agreement: AgreementId, rows: Sequence[ItemRow]
    ) -> Mapping[tuple[str, str], Instant]:
        """The newest version of each object that was here and is not any more.

        What a version replaced does not come back when that version is taken away.
        """
        found: dict[tuple[str, str], Instant] = {}
        names = self.reading.withdrawn_names(agreement, self.holder, {row.id for row in rows})
        for originator, item, modified in names:
            version = instant(modified)
            key = (originator, item)
            if version is not None and version > found.get(key, _BEFORE):
                found[key] = version
        return found

    def _is_newest(self, row: ItemRow) -> bool:
        key = (row.originator, row.id)
        if key not in self._newest:
            self._newest[key] = max(
                _version(each)
                for agreement in self.agreements
                for each in self.reading.items(
                    agreement, self.holder, limit=_CHUNK, originator=row.originator, item=row.id
                )
            )
        return self._newest[key] == _version(row)


class _Indicator(msgspec.Struct):
    """The properties of an indicator that a feed looks at."""

    pattern: str = ""
    pattern_type: str = ""
    valid_from: str = ""
    valid_until: str = ""
    revoked: bool = False


_INDICATOR: Final = msgspec.json.Decoder(_Indicator)


@dataclass(slots=True)
class _Gathered:
    """One value while the indicators that name it are gathered."""

    ids: list[str]
    tlp: Tlp
    action: Action
    until: datetime | None
    alarm: bool


@dataclass(slots=True)
class Listing:
    """One look at an organisation's indicators for one feed, in one snapshot.

    Attributes:
        agreements: all that name the holder: a version under any of them replaces older ones.
        present: what is permitted at all, of `agreement`.
        alarms: indicators that somebody here has called a false alarm.
    """

    reading: Reading
    holder: OrganisationId
    agreement: AgreementId
    agreements: Sequence[AgreementId]
    present: Mapping[int, Admitted]
    form: Form
    warnings: Warnings
    alarms: frozenset[str]
    at: datetime
    _found: dict[Entry, _Gathered] = field(default_factory=dict)
    _left_out: dict[str, int] = field(default_factory=dict)
    _until: datetime | None = None

    def contents(self) -> Contents:
        """The entries of the feed.

        Raises:
            ExhaustedError: `feed.too-large`.

        Cost: one pass over the indicators of the admitted classes.
        """
        standing = Standing(self.reading, self.holder, self.agreements)
        for row, raw in standing.items(self.agreement, tuple(self.present), ("indicator",)):
            self._take(row, raw)
        listed = tuple(
            Listed(entry, tuple(each.ids), each.tlp, each.action, each.until, warned)
            for entry, each in self._found.items()
            if (warned := self._warned(entry, each)) is not None
        )
        expires = min((each.until for each in listed if each.until), default=None)
        return Contents(listed, self._until, expires, self._left_out)

    def _warned(self, entry: Entry, gathered: _Gathered) -> tuple[str, ...] | None:
        """The warning lists that an entry is on; None if it is left out for that."""
        warned = self.warnings.about(entry)
        if gathered.alarm:
            warned = (FALSE_POSITIVE, *warned)
        if warned and not self.form.flags:
            self._leave_out("on a warning list")
            return None
        return warned

    def _take(self, row: ItemRow, raw: bytes) -> None:
        try:
            said = _INDICATOR.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._leave_out("not readable")
            return
        until = _moment(said.valid_until)
        if said.revoked:
            return
        if until is not None and until <= self.at:
            self._leave_out("expired")
            return
        if row.id in self.alarms and not self.form.flags:
            self._leave_out("called a false alarm here")
            return
        begins = _moment(said.valid_from)
        if begins is not None and begins > self.at:
            self._changes_at(begins)
            self._leave_out("not valid yet")
            return
        if said.pattern_type != "stix":
            self._leave_out("patterns of other languages")
            return
        read = entries.read(said.pattern)
        usable = [each for each in read.entries if each.kind in self.form.kinds]
        if read.passed_over:
            self._leave_out("no single values", read.passed_over)
        for entry in usable:
            if self.form.holds(entry):
                self._add(entry, row, until)
            else:
                self._leave_out("not to be said in this form")

    def _add(self, entry: Entry, row: ItemRow, until: datetime | None) -> None:
        known = self.present[row.class_id]
        if until is not None:
            self._changes_at(until)
        gathered = self._found.get(entry)
        if gathered is None:
            if len(self._found) >= MAX_ENTRIES:
                raise ExhaustedError(
                    "feed.too-large",
                    f"a feed has at most {MAX_ENTRIES} entries",
                    hint="make one feed per kind of value, or per agreement",
                    facts={"limit": MAX_ENTRIES},
                )
            self._found[entry] = _Gathered(
                [row.id], known.tlp, known.action, until, row.id in self.alarms
            )
            return
        if row.id not in gathered.ids and len(gathered.ids) < MAX_IDS:
            gathered.ids.append(row.id)
        gathered.tlp = max(gathered.tlp, known.tlp)
        gathered.action = max(gathered.action, known.action)
        gathered.alarm = gathered.alarm or row.id in self.alarms
        # It stays as long as the last of those that name it.
        ends = (gathered.until, until)
        gathered.until = None if None in ends else max(each for each in ends if each)

    def _leave_out(self, reason: str, count: int = 1) -> None:
        self._left_out[reason] = self._left_out.get(reason, 0) + count

    def _changes_at(self, moment: datetime) -> None:
        self._until = moment if self._until is None else min(self._until, moment)


def _version(row: ItemRow) -> Instant:
    """The version as an instant; that of its addition where the object has none."""
    found = instant(row.modified) or instant(date_text(row.added))
    return found or _BEFORE


def _moment(text: str) -> datetime | None:
    """An instant of STIX, its fraction to the microsecond; None if there is none."""
    found = instant(text) if len(text) <= _LONGEST_ID else None
    if found is None:
        return None
    whole, fraction = found
    return whole + timedelta(microseconds=int(fraction[:6].ljust(6, "0") or 0))
