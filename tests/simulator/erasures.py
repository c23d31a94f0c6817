"""Parties of a simulated world that want texts gone or keep them, and one that hoards them.

Words used here:
    text     what lies beside a remark; by its digest
    hoard    the bytes of all texts that the liar ever had: it says that they are erased, has them
             all the same, and adds them to its answers whether somebody asks for them or not
    gone     texts that a node has shown to be erased there
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from allied.agreement import erasing as rules
from allied.errors import AlliedError
from allied.node import erasing, integrity
from allied.node.erasing_views import hold_of, list_erasures
from allied.record import redaction
from allied.record.blob import references
from allied.record.canonical import Json
from tests.node.hands import crafted
from tests.simulator import promises
from tests.simulator.groves import LIAR

if TYPE_CHECKING:
    from allied.record.ids import Digest, RecordId
    from tests.node.network import House
    from tests.simulator.world import World

REASON: Final = "a court order"


@dataclass
class Gone:
    """What is remembered of erasures while a story goes on.

    Attributes:
        wished: what authors have wanted gone.
        erased: by node, what it has erased since it was last put back.
    """

    wished: set[Digest] = field(default_factory=set)
    erased: dict[str, set[Digest]] = field(default_factory=dict)


def texts(world: World, house: House, of: str = "") -> list[Digest]:
    """The texts beside remarks that a node knows of; or those of one party, in their order."""
    found: list[Digest] = []
    for record in world.folded(house).history.order:
        if not of or world.labels[record.header.issuer] == of:
            found += references(record.body.get("remark"))
    return list(dict.fromkeys(found))


def _chosen(found: Sequence[Digest], which: int) -> Digest | None:
    return found[which % len(found)] if found else None


# --- what parties do ------------------------------------------------------------------------


def wants_gone(world: World, gone: Gone, tree: str, which: int) -> None:
    """A party wants one of its texts erased by everybody."""
    house = world.houses[tree]
    text = _chosen(texts(world, house, tree), which)
    if text is None:
        return
    world.tell(f"{tree} wants its text {text[:8]} gone")
    with suppress(AlliedError):
        erasing.ask(house.node, house.actor, world.pact, text, "she asked for it")
        gone.wished.add(text)


def holds(world: World, tree: str, which: int, *, on: bool) -> None:
    """A party keeps a text, whatever its author wants; or keeps it no more."""
    house = world.houses[tree]
    text = _chosen(texts(world, house), which)
    if text is None:
        return
    world.tell(f"{tree} {'keeps' if on else 'keeps no more'} the text {text[:8]}")
    with suppress(AlliedError):
        if on:
            erasing.hold(house.node, house.organisation, world.pact, text, REASON)
        else:
            erasing.release(house.node, house.organisation, world.pact, text)


def hoards(world: World) -> None:
    """The liar puts aside whatever it has, and adds it to its answers from now on."""
    world.tell(f"{LIAR} hoards all texts")
    house = world.houses[LIAR]
    known = texts(world, house)
    with house.node.store.read() as reading:
        for text in known:
            held = reading.blob(text)
            if held is not None:
                world.hoard[text] = held[2]


def names_again(world: World, which: int, *, conceals: bool) -> None:
    """The liar names the text of somebody else, as if it were its own."""
    liar = world.houses[LIAR]
    text = _chosen(texts(world, liar), which)
    if text is None:
        return
    named = next(
        record.body["remark"]
        for record in world.folded(liar).history.order
        if text in references(record.body.get("remark"))
    )
    body: dict[str, Json] = {"remark": named, "lie": next(world.count)}
    more = {"deps": ()} if conceals else {}
    lie = crafted(liar, world.pact, "redaction.answer", body, **more)  # type: ignore[arg-type]
    world.slips_in(lie, f"that names the text {text[:8]} of somebody else")


def wants_others_gone(world: World, which: int) -> None:
    """The liar wants a text gone that may not be its own."""
    liar = world.houses[LIAR]
    text = _chosen(texts(world, liar), which)
    if text is not None:
        body = redaction.body([text], None)
        lie = crafted(liar, world.pact, redaction.REDACTION, body)
        world.slips_in(lie, f"that wants the text {text[:8]} gone")


# --- what has to be true --------------------------------------------------------------------


def bytes_of(house: House, text: Digest) -> bool:
    """Whether the bytes of a text are anywhere in the table of texts of a node."""
    engine = house.node.store.engine  # type: ignore[attr-defined]
    with engine.connect() as connection:
        asked = connection.exec_driver_sql("SELECT 1 FROM blobs WHERE digest = ?", (text,))
        return asked.first() is not None


def watch(world: World, gone: Gone, *trees: str) -> None:
    """What is erased on an honest node does not come back, and nothing goes that is not to go."""
    for tree in trees:
        if tree not in world.up:
            continue
        house = world.houses[tree]
        with house.node.store.read() as reading:
            rows = reading.erasures(world.pact)
        now = {text for text, row in rows.items() if not row.kept}
        before = gone.erased.get(tree, set())
        assert before <= now, f"{tree} forgot that it had erased something"
        for text in now:
            assert not bytes_of(house, text), f"{tree} has again what it had erased"
        honest = {text for other in world.honest for text in texts(world, house, other)}
        assert now & honest <= gone.wished, f"{tree} erased what its author did not want gone"
        gone.erased[tree] = now


def require_erased(world: World, gone: Gone) -> None:
    """What authors want gone is gone from all honest nodes but those that keep it, who say so."""
    watch(world, gone, *world.up)
    for tree in world.up:
        house = world.houses[tree]
        found = world.folded(house)
        wishes = rules.wishes(found.state.statements, found.instrument.party)
        wanted = frozenset(text for wish in wishes for text in wish.texts)
        origins = rules.origins(found.history.order, found.history.knows, wanted)
        with house.node.store.read() as reading:
            kept = {each for each in wanted if hold_of(reading, house.organisation.id, each)}
            shown = {each for each in wanted if reading.blob(each) is not None}
        for wish in wishes:
            for text in wish.texts:
                if rules.why_not(text, wish.issuer, origins):
                    continue
                assert text not in shown, f"{tree} shows what its author wants gone"
                if text not in kept:
                    assert not bytes_of(house, text), f"{tree} has what its author wants gone"
        assert integrity.check(house.node).findings == ()
        contested = {
            wish.record
            for wish in wishes
            if any(rules.why_not(text, wish.issuer, origins) for text in wish.texts)
        }
        if not promises.has_left(world, tree):
            _require_answered(world, tree, contested)


def _require_answered(world: World, tree: str, contested: Collection[RecordId]) -> None:
    """An author sees of every honest party what it has done, unless others claim the text, too.

    Then it is erased by who had not heard of that, and stays with who had.
    """
    house = world.houses[tree]
    for view in list_erasures(house.node, house.organisation):
        counts = {each.state for each in view.texts} <= {"erased", "withheld"}
        if not view.mine or not counts or view.id in contested:
            continue
        for party in view.parties:
            if party.party not in world.up or promises.has_left(world, party.party):
                continue
            other = world.houses[party.party]
            with other.node.store.read() as reading:
                keeps = any(
                    hold_of(reading, other.organisation.id, each.text) for each in view.texts
                )
            did = "kept" if keeps else "erased"
            assert party.state == did, f"{tree} sees {party.state} of {party.party}: {did}"
