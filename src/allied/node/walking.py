"""Reading a TAXII list to its end, whatever its server does with pages.

A list is read pass by pass. A pass begins at a mark and follows `next`; where a server gives
none, the pass is one page, and the next pass begins at the date of its last object. A walk ends
with the first pass that brings nothing new or nothing later, so it always ends, and it ends well
if that pass was read to its end.

Words used here:
    mark     the date of addition of the last object that was read, as the server writes it
    pass     pages from one question on, each led to by the `next` of the page before
    overlap  how far before its mark a pass begins
    new      not seen before in this walk, by its bytes

Rules. Servers give several objects one date, cut dates to milliseconds, take `added_after`
as "at or after", forget their own `next`, give `more` without it, repeat pages, or lead in
circles. So a pass begins a little before its mark, and what comes again is passed over: an
object is lost only where more of them share one date than the server gives at once and it
gives no `next` either; then the walk says so (`STUCK`), and the mark stays before them. A
mark moves only over what was read. A walk is bounded in requests and in objects; what is left
is for the next one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

from allied.errors import RefusedError
from allied.node.servers import Page

MOST_OBJECTS: Final = 200_000
MOST_REQUESTS: Final = 5_000
ASKED: Final = 1_000
ASKED_AT_MOST: Final = 10_000

DONE: Final = ""
UNFINISHED: Final = "neighbour.unfinished"
STUCK: Final = "neighbour.stuck"

_IDLE: Final = 3
"""Pages with objects, since the last that had anything the pass had not; likewise below."""

_EMPTY: Final = 100
"""Pages without any object."""

_MILLISECOND: Final = 1_000_000
_SECOND: Final = 1_000_000_000
_AHEAD: Final = timedelta(days=1)
"""How far ahead of our clock a server's may be; a later mark would hide what is to come."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_DATE: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,12}))?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)

Ask = Callable[[Mapping[str, str]], Page]
"""One page of a list, for the parameters of a query. RefusedError where the server refuses."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A date as a server writes it.

    Attributes:
        at: nanoseconds since 1970.
        unit: nanoseconds that its last digit stands for.
    """

    at: int
    unit: int

    @classmethod
    def read(cls, text: str) -> Mark | None:
        """Read a date; None if it is none."""
        found = _DATE.fullmatch(text)
        if found is None:
            return None
        day, clock, fraction, zone = found.groups()
        digits = (fraction or "")[:9]
        try:
            whole = datetime.fromisoformat(f"{day}T{clock}{zone.upper().replace('Z', '+00:00')}")
            seconds = (whole - _EPOCH) // timedelta(seconds=1)
        except (ValueError, OverflowError):
            return None
        return cls(seconds * _SECOND + int(digits.ljust(9, "0") or 0), 10 ** (9 - len(digits)))

    def before(self, *, far: bool) -> str:
        """A date just before this: far enough for cut dates, or by its last digit only."""
        back = max(self.unit, _MILLISECOND) if far else self.unit
        at = max(0, self.at - back)
        moment = _EPOCH + timedelta(microseconds=at // 1_000)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def is_within(self, now: datetime) -> bool:
        """Whether a server may well have written it by now."""
        return self.at <= ((now + _AHEAD - _EPOCH) // timedelta(microseconds=1)) * 1_000


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk goes on; both empty at the start."""

    mark: str = ""
    following: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What one page brought.

    Attributes:
        raws: what is new.
        place: where to go on once they are taken in.
    """

    raws: tuple[bytes, ...]
    place: Place


@dataclass(slots=True)
class Walk:
    """One walk along a list.

    Attributes:
        place: where it begins.
        ended: `DONE`, `UNFINISHED` or `STUCK`, once it has ended.
        requests: how many were made.
    """

    ask: Ask
    place: Place
    now: datetime
    most_objects: int = MOST_OBJECTS
    most_requests: int = MOST_REQUESTS
    ended: str = UNFINISHED
    requests: int = 0
    _seen: set[bytes] = field(default_factory=set)
    _spelling: int = 0

    def steps(self) -> Iterator[Step]:
        """Page after page, until nothing new comes.

        Raises:
            UnreachableError, RefusedError: as `ask`; what was given before counts.
        """
        going = _Pass(self.place.mark, self.place.following)
        limit, far = ASKED, True
        while True:
            yield from self._pass(going, limit, far=far)
            if going.ended is _Ended.BOUNDED:
                return
            well = going.ended is _Ended.WELL
            if well and going.mark == going.start:
                self.ended = DONE  # what has the date of the mark was in it as well
                return
            if going.found and (going.mark or not well):
                going = _Pass(going.mark, "")
            elif well:
                self.ended = DONE
                return
            elif limit < ASKED_AT_MOST:
                limit, going = ASKED_AT_MOST, _Pass(going.mark, "")
            elif far:
                far, going = False, _Pass(going.mark, "")
            else:
                self.ended = STUCK
                return

    def _pass(self, going: _Pass, limit: int, *, far: bool) -> Iterator[Step]:
        question = {"limit": str(limit)}
        mark = Mark.read(going.mark)
        if mark is not None:
            question["added_after"] = mark.before(far=far)
        start = going.start = going.mark
        following = going.following
        while True:
            page = self._page(question | ({"next": following} if following else {}))
            if page is None:  # it does not know its own `next` any more
                going.ended = _Ended.BROKEN
                return
            new = going.look(page, self._seen)
            self._move(going, page)
            following = page.following
            on = bool(page.more and following and going.is_alive())
            yield Step(new, Place(start, following) if on else Place(going.mark, ""))
            if self.requests >= self.most_requests or len(self._seen) >= self.most_objects:
                going.ended = _Ended.BOUNDED
                return
            if not on:
                going.ended = _Ended.BROKEN if page.more else _Ended.WELL
                return

    def _move(self, going: _Pass, page: Page) -> None:
        """Move the mark over a page."""
        here, before = Mark.read(page.dated), Mark.read(going.mark)
        if here and here.is_within(self.now) and (before is None or here.at > before.at):
            going.mark = page.dated

    def _page(self, question: Mapping[str, str]) -> Page | None:
        """One page; None where the server does not know the `next` that it gave."""
        while True:
            self.requests += 1
            try:
                return self.ask(_spelled(question, self._spelling))
            except RefusedError as refusal:
                if refusal.code != "neighbour.says" and "next" not in question:
                    raise
                if "next" in question:
                    return None
                if self._spelling + 1 >= _SPELLINGS:
                    raise
                self._spelling += 1


class _Ended:
    """How a pass ended: read to its end, not, or cut off by us."""

    WELL: Final = "well"
    BROKEN: Final = "broken"
    BOUNDED: Final = "bounded"


@dataclass(slots=True)
class _Pass:
    """One pass under way."""

    mark: str
    following: str
    start: str = ""
    found: int = 0
    idle: int = 0
    empty: int = 0
    ended: str = ""
    _fresh: set[bytes] = field(default_factory=set)

    def look(self, page: Page, seen: set[bytes]) -> tuple[bytes, ...]:
        """What of a page the walk has not seen; counts what brings nothing."""
        new = []
        alive = False
        for raw in page.raws:
            key = blake2b(raw, digest_size=16).digest()
            if key not in self._fresh:
                self._fresh.add(key)
                alive = True
            if key not in seen:
                seen.add(key)
                new.append(raw)
        self.found += len(new)
        if alive:
            self.idle = self.empty = 0
        elif page.raws:
            self.idle += 1
        else:
            self.empty += 1
        return tuple(new)

    def is_alive(self) -> bool:
        """Whether following `next` still leads anywhere."""
        return self.idle < _IDLE and self.empty < _EMPTY


_SPELLINGS: Final = 4


def _spelled(question: Mapping[str, str], spelling: int) -> Mapping[str, str]:
    """A question as a picky server takes it: dates with fewer digits, then without a limit."""
    asked = dict(question)
    if "added_after" in asked and spelling:
        cut = {1: -4, 2: -8}.get(spelling, -8)
        asked["added_after"] = asked["added_after"][:cut] + "Z"
    if spelling >= 3:
        asked.pop("limit")
    return asked
