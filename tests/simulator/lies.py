"""Records that the program would not have written, made by a party with real keys.

`told` are read and kept by honest nodes, with or without effect; `refused` are bytes that no
honest node may store, each with the code it is refused with.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from allied.record.canonical import Json, encode as canonical
from allied.record.envelope import RECORD_TYPE, encode, sign
from allied.record.ids import RecordId
from allied.record.record import Dep, Record, whole_milliseconds
from tests.node.hands import crafted

if TYPE_CHECKING:
    from tests.node.network import House
    from tests.simulator.world import World

NOBODY: Final = RecordId("0" * 64)


def _note(world: World, house: House, text: str = "", **more: object) -> Record:
    body: dict[str, Json] = {"lie": next(world.count), "text": text}
    return crafted(house, world.pact, "redaction.answer", body, **more)  # type: ignore[arg-type]


def back_dated(world: World, house: House) -> Record:
    """Says that it was written two hundred days ago."""
    claimed = whole_milliseconds(house.node.clock.now() - timedelta(days=200))
    return _note(world, house, claimed_at=claimed)


def future_dated(world: World, house: House) -> Record:
    """Says that it is written in ten years."""
    claimed = whole_milliseconds(house.node.clock.now() + timedelta(days=3650))
    return _note(world, house, claimed_at=claimed)


def rests_on_nothing(world: World, house: House) -> Record:
    """Cites a record of another party that nobody has."""
    other = world.houses[world.honest[0]].organisation.id
    circle = world.instrument.circles.all.id
    return _note(world, house, deps=(Dep(circle, other, 0, 900, NOBODY),))


def leaves_a_gap(world: World, house: House, text: str = "") -> Record:
    """Follows a record of its own that it shows nobody."""
    hidden = _note(world, house)
    return _note(world, house, text, after=hidden)


def another_life(world: World, house: House) -> Record:
    """Begins a second life beside the first, and says that there was none before."""
    return _note(world, house, incarnation=1, deps=())


def alone(world: World, house: House) -> Record:
    """Cites nobody, as if it had heard nothing."""
    return _note(world, house, deps=())


TOLD: Final[Mapping[str, Callable[[World, House], Record]]] = {
    "that is back-dated": back_dated,
    "from the future": future_dated,
    "that rests on what nobody has": rests_on_nothing,
    "that leaves a gap": leaves_a_gap,
    "of a second life": another_life,
    "that cites nobody": alone,
}


# --- bytes that nobody may store --------------------------------------------------------------


def _payload(record: Record) -> dict[str, Json]:
    envelope = json.loads(record.raw)
    found: dict[str, Json] = json.loads(base64.b64decode(envelope["payload"]))
    return found


def _resigned(house: House, payload: Mapping[str, Json]) -> bytes:
    """A payload of any content under the real signature of a house."""
    key = house.keys.signer(house.organisation.id, "acts")
    return encode(sign(RECORD_TYPE, canonical(payload), [key], []))


def _changed(world: World, house: House, **header: Json) -> bytes:
    payload = _payload(_note(world, house, deps=()))
    inner = payload["header"]
    assert isinstance(inner, dict)
    return _resigned(house, {**payload, "header": {**inner, **header}})


def truncated(world: World, house: House) -> bytes:
    return _note(world, house).raw[:-40]


def self_citing(world: World, house: House) -> bytes:
    own = house.organisation.id
    circle = world.instrument.circles.all.id
    dep: Json = {"circle": circle, "id": NOBODY, "incarnation": 0, "issuer": own, "sequence": 1}
    return _changed(world, house, deps=[dep])


def oversized(world: World, house: House) -> bytes:
    payload = _payload(_note(world, house))
    return _resigned(house, {**payload, "body": {"lie": "x" * 70_000}})


def in_anothers_name(world: World, house: House) -> bytes:
    other = world.houses[world.honest[0]].organisation.id
    return _changed(world, house, issuer=other, deps=[])


def of_a_stranger(world: World, house: House) -> bytes:
    return _changed(world, house, issuer="1" * 64)


def of_another_agreement(world: World, house: House) -> bytes:
    return _changed(world, house, agreement="2" * 64)


def in_anothers_circle(world: World, house: House) -> bytes:
    a, b = (world.instrument.party(world.houses[each].organisation.id) for each in world.honest[:2])
    assert a is not None
    assert b is not None
    return _changed(world, house, circle=world.instrument.circles.pair(a, b).id, deps=[])


def out_of_order(world: World, house: House) -> bytes:
    return _changed(world, house, sequence=0)


def without_a_date(world: World, house: House) -> bytes:
    return _changed(world, house, claimed_at="9999-99-99T00:00:00.000Z")


REFUSED: Final[Mapping[str, tuple[Callable[[World, House], bytes], str]]] = {
    "cut off": (truncated, "canonical.not-json"),
    "citing itself": (self_citing, "record.deps"),
    "larger than its kind may be": (oversized, "record.too-large"),
    "in the name of another": (in_anothers_name, "record.key-unknown"),
    "of a stranger": (of_a_stranger, "record.stranger"),
    "of another agreement": (of_another_agreement, "record.other-agreement"),
    "in a circle of two others": (in_anothers_circle, "record.not-a-member"),
    "numbered nought": (out_of_order, "record.sequence"),
    "of an impossible date": (without_a_date, "record.claimed-at"),
}
