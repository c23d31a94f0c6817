"""Fetching what records name and keep beside themselves, and when to stop asking for it.

A blob may be with one peer and not with another, may come to a peer later, or may be nowhere
any more: erased, or never there. So each peer is asked for each blob once as soon as a record
names it, and again after ever longer pauses; what it has not had for weeks it is not asked
for any more. Blobs that nobody has never stand before others that somebody has.

Words used here:
    place    where a blob stands on the list of wanted ones: later named, higher
    fresh    named since this peer was asked last
    pass     asking a peer once for everything that it did not have before

Rules. What a peer sends is known by its digest, so it does not matter who sends it. A peer that
cannot be reached has not been asked. What the agreement's history rule keeps from a party that
joined later is not asked for (`allied.agreement.joining`). A moment that is further off than any
pause was written down under a clock that was wrong, and holds nothing up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from allied.agreement import joining
from allied.node.messages import MAX_BLOBS, BlobsQuestion
from allied.node.pages import BlobsAnswer

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Reading, Writing
    from allied.node.rows import WantedBlob
    from allied.record.ids import AgreementId, OrganisationId

MOST_PASSES: Final = 20
"""Without anything new; with the pauses below about ten days."""
AT_ONCE: Final = 10_000
"""Blobs that one peer is asked for in one exchange, fresh ones and others each."""
_PAUSE: Final = timedelta(minutes=1)
_LONGEST_PAUSE: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """How far one peer was asked for the blobs of one agreement.

    Attributes:
        fresh: the place up to which it was asked at least once.
        again: the place up to which the pass under way has come.
        found: whether that pass has brought anything.
        passes: how many in a row have brought nothing.
        due: seconds since 1970, before which no pass begins.
    """

    fresh: int = 0
    again: int = 0
    found: bool = False
    passes: int = 0
    due: float = 0.0


def is_due(
    reading: Reading,
    organisation: OrganisationId,
    peer: OrganisationId,
    agreement: AgreementId,
    at: datetime,
) -> bool:
    """Whether a peer is to be asked for anything now. Cheap where nothing is wanted."""
    first = reading.wanted_after(agreement, 0, 1)
    if not first:
        return False
    asked = _asked(reading, organisation, peer, agreement)
    return _may_again(asked, first[0], at) or bool(reading.wanted_after(agreement, asked.fresh, 1))


class Fetching:
    """Fetching the blobs of one agreement from one peer."""

    def __init__(
        self,
        node: Node,
        organisation: OrganisationId,
        peer: OrganisationId,
        agreement: AgreementId,
        ask: Callable[[bytes], bytes],
    ) -> None:
        """Ask with `ask`, which takes a question of the verb `blobs`."""
        self._node = node
        self._agreement = agreement
        self._ask = ask
        self._name = _name(organisation, peer, agreement)
        with node.store.read() as reading:
            self._asked = _asked(reading, organisation, peer, agreement)
            folded = node.folds.of(reading, agreement)
        self._not_for_us = joining.withheld(folded, organisation, node.clock.now())
        self.fetched = 0

    def run(self, at: datetime) -> bool:
        """Ask for what is to be asked for now; False if there is more to ask for at once."""
        old = self._asked.fresh
        whole = self._fresh()
        with self._node.store.read() as reading:
            oldest = reading.wanted_after(self._agreement, 0, 1)
        if oldest and oldest[0].place <= old and _may_again(self._asked, oldest[0], at):
            self._again(old, at)
        return whole

    def _fresh(self) -> bool:
        """What was named since this peer was asked; whether that is all of it."""
        left = AT_ONCE
        while left > 0:
            batch = self._wanted(self._asked.fresh, left)
            if not batch:
                return True
            asked = replace(self._asked, fresh=batch[-1].place)
            self._fetch(batch, asked, asked)
            left -= len(batch)
        return False

    def _again(self, until: int, at: datetime) -> None:
        """Go on with a pass over what this peer did not have before."""
        left = AT_ONCE
        while left > 0:
            asked = self._asked
            batch = [each for each in self._wanted(asked.again, left) if each.place <= until]
            if not batch:
                passes = 0 if asked.found else asked.passes + 1
                pause = min(_PAUSE * 2**passes, _LONGEST_PAUSE)
                due = (at + pause).timestamp()
                self._keep(replace(asked, again=0, found=False, passes=passes, due=due))
                return
            asked = replace(asked, again=batch[-1].place)
            self._fetch(batch, replace(asked, found=True), asked)
            left -= len(batch)

    def _wanted(self, after: int, most: int) -> Sequence[WantedBlob]:
        with self._node.store.read() as reading:
            return reading.wanted_after(self._agreement, after, min(most, MAX_BLOBS))

    def _fetch(self, batch: Sequence[WantedBlob], found: _Asked, vain: _Asked) -> None:
        """Ask for a batch until nothing more comes; store what comes, with the last of it how far.

        Args:
            found: how far the peer was asked, where something has come; `vain` where nothing has.
        """
        wanted = {each.blob: each.circle for each in batch if each.blob not in self._not_for_us}
        before = self.fetched
        while wanted:
            question = BlobsQuestion(self._agreement, tuple(sorted(wanted)))
            got = BlobsAnswer.decode(self._ask(question.encode())).blobs
            useful = {blob: raw for blob, raw in got.items() if blob in wanted}
            if not useful:
                break  # what did not fit on one page came with the next question
            with self._node.store.write() as writing:
                for blob, raw in useful.items():
                    writing.add_blob(self._agreement, wanted.pop(blob), blob, raw)
                if not wanted:
                    self._note(writing, found)
            self.fetched += len(useful)
            if not wanted:
                return
        self._keep(found if self.fetched > before else vain)

    def _keep(self, asked: _Asked) -> None:
        with self._node.store.write() as writing:
            self._note(writing, asked)

    def _note(self, writing: Writing, asked: _Asked) -> None:
        self._asked = asked
        writing.set_cursor(self._name, json.dumps(asdict(asked)))


def _may_again(asked: _Asked, oldest: WantedBlob, at: datetime) -> bool:
    """Whether a pass over what was asked for before may begin or go on."""
    if oldest.place > asked.fresh or asked.passes >= MOST_PASSES:
        return False
    return asked.again > 0 or not 0 < asked.due - at.timestamp() <= _LONGEST_PAUSE.total_seconds()


def _asked(
    reading: Reading, organisation: OrganisationId, peer: OrganisationId, agreement: AgreementId
) -> _Asked:
    text = reading.cursor(_name(organisation, peer, agreement))
    return _Asked(**json.loads(text)) if text else _Asked()


def _name(organisation: OrganisationId, peer: OrganisationId, agreement: AgreementId) -> str:
    return f"blobs:{organisation}:{peer}:{agreement}"
