"""When an amendment takes effect, on whom it waits, and who objected in time.

Counting for one amendment; which texts there are and whom each binds is for
`agreement.versions`. That it was adopted is a fact here: how people decide on it is for
`agreement.decision`.

Words used here:
    adopted    the amended text was agreed on; it binds nobody by that alone
    consent    a ratification; where the agreement asks for signatures only, a signature too
    voters     parties whose consent counts: members and guarantors that are bound
    objector   a bound party whose last word before the amendment takes effect is an objection

Rules that hold everywhere below. What is counted is who is a party at that moment: whoever left
is not waited for, and whoever came is. A consent takes back an objection and the other way
round; at one instant the objection counts. Under `all-ratify` every voter has to consent, and an
objection stands in the way; only where the text says that an objector leaves are the others
enough. A share is taken of all voters, objectors among them; one that is not said is more than
half. Without an amendment clause every voter has to consent. An annex with a rule of its own
follows that rule where nothing but such annexes was changed.

Source: agreement format, "Amendment"; Vienna Convention on the Law of Treaties, Art 39 and 40.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING, Final

from allied.agreement.clauses import Amendment
from allied.agreement.standing import Spell
from allied.agreement.values import IMMEDIATELY, AmendmentEntry, Duration
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.terms import Agreement

VOTING_ROLES: Final = frozenset({"member", "guarantor"})

ALL_RATIFY: Final = "all-ratify"
FRACTION: Final = "fraction-binds-all"
NOTICE: Final = "steward-notice"

BOUND: Final = "bound"
LEAVE: Final = "leave"
KEEP_OLD: Final = "keep-old"


@dataclass(frozen=True, slots=True)
class Mode:
    """How an amendment takes effect, as the text before it says.

    Attributes:
        how: `all-ratify`, `fraction-binds-all` or `steward-notice`.
        share: for `fraction-binds-all`; None for more than half.
        notice: for `steward-notice`.
        objectors: `bound`, `leave` or `keep-old`.
        art: the article that says so; `annex A` for an annex; empty without one.
    """

    how: str
    share: Fraction | None
    notice: Duration
    objectors: str
    art: str


@dataclass(frozen=True, slots=True)
class Word:
    """One party's consent to an amendment, or its objection."""

    party: PartyId
    at: datetime
    objects: bool


@dataclass(frozen=True, slots=True)
class Effect:
    """What came of one amendment by a moment.

    Attributes:
        since: when it took effect; None while it has not.
        due: the end of the steward's notice; None without one.
        consenting: voters that have consented by now, or had when it took effect.
        objecting: bound parties that object now, or did when it took effect.
        awaited: voters whose consent may still bring it about; empty once it has effect.
        missing: how many more of them are needed at least.
    """

    since: datetime | None
    due: datetime | None
    consenting: frozenset[PartyId]
    objecting: frozenset[PartyId]
    awaited: tuple[PartyId, ...]
    missing: int


def mode_of(before: Agreement, after: Agreement) -> Mode:
    """Return how `after` takes effect in the place of `before`.

    Cost: one comparison of the two texts, where an annex has a rule of its own.
    """
    clause = next(iter(before.clauses(Amendment)), None)
    own = _annexes(before, after)
    if own is not None:
        name, entry = own
        objectors = clause.objectors if clause is not None else KEEP_OLD
        return _mode(entry or AmendmentEntry(NOTICE, notice=IMMEDIATELY), objectors, name)
    if clause is None:
        return Mode(ALL_RATIFY, None, IMMEDIATELY, KEEP_OLD, "")
    return _mode(clause.in_force, clause.objectors, clause.art)


_NO: Final = {
    BOUND: "a no objects to it, and is bound all the same once it takes effect",
    KEEP_OLD: "a no objects to it: whoever says so keeps to the present text",
    LEAVE: "a no objects to nothing: whoever would rather leave says that in so many words",
}


def votes_mean(before: Agreement, after: Agreement) -> str:
    """What a vote on an amended text says besides the vote, for who is about to cast it.

    Cost: as `mode_of`.
    """
    yes = "a yes also signs the new text"
    if before.life.in_force_when.asks_ratification:
        yes = "a yes binds nobody yet: once it is adopted each party ratifies it"
    return f"{yes}; {_NO[mode_of(before, after).objectors]}"


def take_effect(
    mode: Mode,
    words: Iterable[Word],
    spells: Mapping[PartyId, Collection[Spell]],
    voters: Collection[PartyId],
    adopted: datetime,
    due: datetime | None,
    at: datetime,
) -> Effect:
    """Say whether an amendment has taken effect by `at`, and since when.

    Args:
        words: consents and objections up to `at`, in any order.
        spells: when each party was bound by the agreement.
        voters: whose consent counts while they are bound.
        due: the end of a steward's notice, which `versions` counts by the calendar.

    Cost: the words and spells are sorted once; else linear in them.
    """
    steps: dict[datetime, list[tuple[int, PartyId]]] = {adopted: []}
    if due is not None:
        steps[due] = []
    for word in words:
        steps.setdefault(word.at, []).append((_OBJECTS if word.objects else _CONSENTS, word.party))
    for party, its in spells.items():
        for spell in its:
            steps.setdefault(spell.since, []).append((_COMES, party))
            if spell.until is not None:
                steps.setdefault(spell.until, []).append((_GOES, party))
    count = _Count(mode, voters)
    since = None
    for moment in sorted(moment for moment in steps if moment <= at):
        for what, party in sorted(steps[moment]):
            count.take(what, party)
        ripe = moment >= adopted and (due is None or moment >= due)
        if ripe and count.bound and not count.missing:
            since = moment
            break
    return Effect(
        since=since,
        due=due,
        consenting=frozenset(count.consents & count.electing),
        objecting=frozenset(count.objects & count.bound),
        awaited=tuple(sorted(count.open_to)) if since is None and count.missing else (),
        missing=0 if since is not None else count.missing,
    )


_GOES, _COMES, _CONSENTS, _OBJECTS = range(4)
"""What happens at one instant, in this order."""


class _Count:
    """Who is bound, who consents and who objects, while time passes."""

    def __init__(self, mode: Mode, voters: Collection[PartyId]) -> None:
        self._mode = mode
        self._voters = frozenset(voters)
        self._leaves = mode.how == ALL_RATIFY and mode.objectors == LEAVE
        self.bound: set[PartyId] = set()
        self.electing: set[PartyId] = set()
        self.consents: set[PartyId] = set()
        self.objects: set[PartyId] = set()

    def take(self, what: int, party: PartyId) -> None:
        """Take one event in."""
        if what == _GOES:
            self.bound.discard(party)
            self.electing.discard(party)
        elif what == _COMES:
            self.bound.add(party)
            self.electing |= {party} & self._voters
        else:
            gets, loses = self.consents, self.objects
            if what == _OBJECTS:
                gets, loses = loses, gets
            gets.add(party)
            loses.discard(party)

    @property
    def open_to(self) -> set[PartyId]:
        """Voters whose consent may still help."""
        return self.electing - self.consents - (self.objects if self._leaves else set())

    @property
    def missing(self) -> int:
        """How many consents are lacking."""
        if self._mode.how == NOTICE:
            return 0
        given = len(self.electing & self.consents)
        if self._mode.how == FRACTION:
            total, share = len(self.electing), self._mode.share
            needed = total // 2 + 1 if share is None else ceil(total * share)
        else:
            needed = len(self.electing - self.objects if self._leaves else self.electing)
        return max(0, max(1, needed) - given)


def _mode(entry: AmendmentEntry, objectors: str, art: str) -> Mode:
    return Mode(entry.how, entry.fraction, entry.notice or IMMEDIATELY, objectors, art)


def _annexes(before: Agreement, after: Agreement) -> tuple[str, AmendmentEntry | None] | None:
    """Return the rule of the annexes, if nothing else was changed and they have one rule."""
    old = {each.id: each for each in before.annexes}
    if not any(each.amendment for each in old.values()):
        return None
    new = {each.id: each for each in after.annexes}
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    rules = [old[name].amendment if name in old and name in new else None for name in changed]
    same = replace(after, id=before.id, title=before.title, annexes=before.annexes) == before
    if not changed or not same or any(rule is None for rule in rules):
        return None
    entries = {rule.in_force for rule in rules if rule is not None}
    if len(entries) != 1:
        return None
    return f"annex {', '.join(changed)}", entries.pop()
