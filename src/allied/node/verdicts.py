"""What one party may have from another now: the policy's verdicts, remembered while they hold.

A verdict rests on the clauses as the register stands, on both parties, on what this node
knows of the recipient, and on the handling class. Everything but the class is the *footing*.
It is put together anew for each request, and while it stays the same no class is judged a
second time before its verdict says that time may change it; so whatever changes takes effect
on the next request.

Words used here:
    footing     what all verdicts from one party to another rest on at a moment
    passing on  a release by somebody who is not the originator

Rules. A releaser that is not bound releases nothing. Only classes that the holder has items
of are judged. A class is known by its digest, so that a unit that was given up leaves no
wrong verdict behind.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from allied.exchange import channels, reciprocity
from allied.exchange.channel import Channel, Failure, Known, Recipient
from allied.exchange.derivation import is_extract
from allied.exchange.handling import HandlingClass, read_class
from allied.exchange.policy import Answer, Verdict, decide
from allied.node import excepted, freshness, in_return

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.node.ports import Reading
    from allied.record.ids import AgreementId, Digest, OrganisationId, PartyId

_LATER: Final = Failure(
    "exchange.before-joining",
    "the recipient joined later, and sees what is shared from its joining on",
    "share a new version of it, or agree on `history: all`",
)
BEFORE_JOINING: Final = Verdict(False, _LATER.code, "", (Answer("", (_LATER,)),), (_LATER.change,))
"""The verdict over what was here before the recipient's present stay began."""

_MOST: Final = 4_096
"""Pairs of parties whose verdicts are remembered."""


@dataclass(frozen=True, slots=True)
class Footing:
    """What all verdicts from one party to another rest on.

    Attributes:
        recipient: with the role and tier it has at the moment.
        sends: the releaser is bound itself.
        known: what this node knows of the recipient, whatever the item.
        sees_from: the recipient may have what was shared from here on; None for all.
        offered: of what counts as contributed, what the recipient has only offered.
    """

    releaser: PartyId
    recipient: Recipient
    sends: bool
    channels: tuple[Channel, ...]
    known: Known
    sees_from: datetime | None
    offered: frozenset[str] = frozenset()

    @property
    def is_hub(self) -> bool:
        """A clause makes everything go through the releaser."""
        return any(self.releaser in (each.hubs or ()) for each in self.channels)

    def decide(
        self,
        handling: HandlingClass,
        at: datetime,
        classes: Mapping[Digest, HandlingClass],
        known: Known | None = None,
    ) -> Verdict:
        """The verdict over one class; `known` says more of one item than the footing does."""
        who = self.recipient
        known = known or self.known
        if is_extract(handling):
            known = replace(known, tear_line=True)
        return decide(
            handling,
            who if self.sends else replace(who, bound=False, outside=False),
            self.channels,
            at,
            releaser=self.releaser,
            classes=classes,
            known=known,
        )


@dataclass(slots=True)
class _Kept:
    """Verdicts over one footing, each with the moment from which on it holds."""

    footing: Footing
    verdicts: dict[Digest, tuple[datetime, Verdict]] = field(default_factory=dict)

    def at(self, name: Digest, at: datetime) -> Verdict | None:
        """The verdict over a class if it holds at an instant."""
        since, verdict = self.verdicts.get(name, (at, None))
        if verdict is None or at < since:
            return None
        return verdict if verdict.valid_until is None or at < verdict.valid_until else None


@dataclass(frozen=True, slots=True)
class Classes:
    """The handling classes of an agreement: by their ids on this node, and by digest."""

    by_id: Mapping[int, HandlingClass]
    keys: Mapping[int, Digest]

    def by_key(self) -> dict[Digest, HandlingClass]:
        """The same by digest, as `policy.decide` asks for them."""
        return {self.keys[number]: each for number, each in self.by_id.items()}


class Verdicts:
    """The verdicts of one process over one store; safe to use from several threads.

    Attributes:
        judged: how often the policy was asked.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[tuple[AgreementId, PartyId, PartyId, frozenset[str]], _Kept] = {}
        self.judged = 0

    def over(
        self,
        agreement: AgreementId,
        footing: Footing,
        wanted: Iterable[int],
        classes: Classes,
        at: datetime,
    ) -> Mapping[int, Verdict]:
        """The verdicts over the classes that are wanted, by their ids."""
        known = footing.known
        key = (agreement, footing.releaser, footing.recipient.party, known.contributed)
        with self._lock:
            kept = self._kept.get(key)
            if kept is None or kept.footing != footing:
                if len(self._kept) >= _MOST:
                    self._kept.clear()
                kept = self._kept[key] = _Kept(footing)
        by_key: dict[Digest, HandlingClass] = {}
        found = {}
        for number in wanted:
            name = classes.keys[number]
            verdict = kept.at(name, at)
            if verdict is None:
                by_key = by_key or classes.by_key()
                verdict = footing.decide(classes.by_id[number], at, by_key)
                kept.verdicts[name] = (at, verdict)
                self.judged += 1
            found[number] = verdict
        return found


_PARSED: Final[dict[Digest, HandlingClass]] = {}
"""A class never changes, so each is parsed once per process."""


def classes_of(reading: Reading, agreement: AgreementId) -> Classes:
    """The handling classes of an agreement."""
    found: dict[int, HandlingClass] = {}
    keys: dict[int, Digest] = {}
    for row in reading.handling_classes(agreement):
        parsed = _PARSED.get(row.key)
        if parsed is None:
            parsed = _PARSED[row.key] = read_class(row.value)
        found[row.id], keys[row.id] = parsed, row.key
    return Classes(found, keys)


def footing(
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    party: PartyId,
    at: datetime,
    offers: frozenset[str] = frozenset(),
) -> Footing | None:
    """The footing of releases by `holder` to `party` at `at`; None if the holder is no party.

    Args:
        offers: kinds that the party says it would give in return.
    """
    releaser = folded.instrument.party(holder)
    if releaser is None:
        return None
    terms = folded.terms_between(releaser, party, at)
    standing = folded.state.standing(folded.instrument, at)
    clauses = excepted.channels_of(folded, releaser, terms, standing, at)
    contributed, offered = reciprocity.CONTRIBUTIONS, frozenset[str]()
    if reciprocity.is_asked(clauses):
        had = contributions(reading, folded, holder, party)
        believed = in_return.believed(reading, folded.row.id, holder, party, offers, at)
        contributed, offered = had | believed, believed - had
    confirmed = freshness.confirmed_at(reading, folded, standing, holder, party, at)
    return Footing(
        releaser,
        channels.recipient_at(standing, party),
        releaser in standing.bound,
        clauses,
        Known(contributed=contributed, confirmed_at=confirmed),
        channels.sees_from(terms, standing, party),
        offered,
    )


def contributions(
    reading: Reading, folded: Folded, holder: OrganisationId, party: PartyId
) -> frozenset[str]:
    """The kinds that `holder` has from `party` under the agreement now."""
    classes = classes_of(reading, folded.row.id).by_id
    return in_return.given(reading, folded.row.id, holder, party, classes)
