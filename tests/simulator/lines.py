"""The wire between simulated nodes: a question goes straight to the other node, in some weather."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from allied.errors import NotFoundError, UnreachableError
from allied.node import along, messages
from allied.node.ports import Introduction, Listener, Speaker
from tests.simulator.weather import (
    FINE,
    GARBLED,
    LOST_ANSWER,
    LOST_QUESTION,
    STALE,
    TWICE,
    spoilt,
    with_more,
    with_texts,
)

if TYPE_CHECKING:
    from tests.node.network import House
    from tests.simulator.world import World


class Lines:
    """The `Peers` port of one node: questions go straight to the other node, in some weather."""

    def __init__(self, world: World, tree: str, *, second: bool = False) -> None:
        self._world = world
        self._tree = tree
        self._second = second

    def close(self) -> None:
        """There is nothing to close."""

    def introduce(self, url: str, *, allowed_private: bool) -> Sequence[Introduction]:  # noqa: ARG002
        return self._world.at(url, self._tree, second=self._second).answers.hosted()

    def ask(
        self, speaker: Speaker, listener: Listener, verb: str, body: bytes, *, limit: int
    ) -> bytes:
        world = self._world
        house = world.at(listener.url, self._tree, second=self._second)
        if frozenset((self._tree, house.label)) in world.cut or house.label in world.down:
            raise UnreachableError("peer.timeout", "the line is cut")
        if world.is_avoided(self._tree, house.label, second=self._second):
            raise UnreachableError("peer.timeout", "the liar does not ask them")
        if house.answers.listener_keys(speaker.organisation) is None:
            raise UnreachableError("peer.not-found", "they do not know us")
        weather = next(world.weather)
        if weather == LOST_QUESTION:
            raise UnreachableError("peer.timeout", "the question was lost")
        key = (self._tree, house.label, verb)
        late = world.heard.get(key)
        answer = b""
        try:
            for _ in range(2 if weather == TWICE else 1):
                answer = house.answers.answer(
                    speaker.organisation, listener.organisation, verb, body
                )
        except NotFoundError as unknown:
            raise UnreachableError("peer.not-found", "they do not know us") from unknown
        answer = world.replaced.get((house.label, verb), answer)
        world.heard[key] = answer
        if weather == LOST_ANSWER:
            raise UnreachableError("peer.timeout", "the answer was lost")
        if house.label in world.liars and verb == messages.HEADS:
            heads, page = along.parted(answer)
            answer = along.joined(heads, page and self._lied(page, house))
        if house.label in world.liars and verb == messages.RECORDS:
            answer = self._lied(answer, house)
        if house.label in world.liars and verb == messages.BLOBS and world.hoard:
            answer = with_texts(answer, world.hoard.values())
        if weather == STALE and late is not None:
            answer = late
        elif weather not in {FINE, TWICE, STALE}:
            answer = spoilt(answer, verb, weather)
        assert len(answer) <= limit or weather == GARBLED
        return answer

    def _lied(self, page: bytes, house: House) -> bytes:
        """A page of records as a liar gives it out."""
        world = self._world
        if world.slipped:
            page = with_more(page, world.slipped, house.organisation.id)
        return world.spoil(page) if world.spoil else page
