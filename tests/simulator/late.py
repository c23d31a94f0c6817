"""Parties of a simulated world that join late, and one that lies about what was before.

Words used here:
    old       a party that signed at the beginning; the liar is one of them
    late      a party that is invited, and joins later or never
    matter    an incident with what was said of it; by its report
    pile      the archives that nodes have made, as bytes, with whose they are
"""

from __future__ import annotations

import io
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from allied.agreement import checkpoints, outlined
from allied.errors import AlliedError, ConflictError
from allied.node import archiving, journal
from allied.node.pages import RecordsAnswer, RecordsPage
from allied.record.canonical import Json, decode, encode
from allied.record.ids import Digest
from allied.record.outline import is_content, is_outline, looks_outlined, read_either
from allied.response.incident_file import load_incidents, to_body
from tests.node.hands import crafted
from tests.simulator import promises
from tests.simulator.groves import LIAR, TREES, text_of
from tests.simulator.world import attack_of

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.record.circle import Circle
    from allied.record.ids import OrganisationId, RecordId
    from allied.record.record import Record
    from tests.node.network import House
    from tests.simulator.world import World

OLD: Final = TREES[:4]
LATE: Final = TREES[4:6]
SIX: Final = (*OLD, *LATE)
BODIES: Final = {"north": (*OLD, LATE[0]), "south": (*OLD, LATE[1])}
HISTORIES: Final = ("from-joining", "none", "all")
_SIGNERS: Final = 3
"""More than (4 + 1)/2: so many have to say the same where four are in and one may lie."""
WRONG: Final = Digest("cd" * 32)


def text(history: str) -> bytes:
    """An agreement of six that is in force when four have signed, with a body for each late one."""
    found = text_of(SIX).replace(
        b"in_force_when: all signed", b"in_force_when: {count: 4, of: signed}"
    )
    found = found.replace(b"life:\n", b"life:\n  history: " + history.encode() + b"\n")
    rule = "{kind: simple-majority, tolerates: 1}"
    bodies = "".join(
        f"  {name}: {{members: [{', '.join(its)}], rule: {rule}}}\n" for name, its in BODIES.items()
    )
    return found.replace(b"bodies:\n", b"bodies:\n" + bodies.encode())


@dataclass
class Past:
    """What is remembered of a world while a story goes on.

    Attributes:
        headers: of every record that was ever held whole, what it rests on and claims.
        opened: by late party what it may hold whole, as any old node has ever had it.
        pile: archives that were made, and not put back.
    """

    headers: dict[RecordId, object] = field(default_factory=dict)
    opened: dict[str, set[RecordId]] = field(default_factory=dict)
    pile: list[tuple[str, bytes]] = field(default_factory=list)


# --- what parties do ------------------------------------------------------------------------


def circle_of(world: World, where: str) -> Circle:
    """The circle of the voters, or of a body."""
    circles = world.instrument.circles
    return circles.bodies.get(where, circles.voters)


def _speaks(
    world: World, house: House, circle: Circle, kind: str, body: dict[str, Json]
) -> Record | None:
    with suppress(ConflictError), house.node.store.write() as writing:
        folded = house.node.folds.of(writing, world.pact)
        return journal.append(house.node, writing, house.actor, folded, circle, kind, body)
    return None


def reports(world: World, house: House, who: str, where: str, campaign: str = "") -> None:
    """An incident is reported among the voters, or in a body, and no duty comes of it."""
    party = world.instrument.party(house.organisation.id)
    circle = circle_of(world, where)
    if party not in circle.members:
        return
    world.tell(f"{who} reports an incident in {where}")
    (incident,) = load_incidents(attack_of(house.label, next(world.count)), "incident.yaml")
    body = to_body(incident.versions[0], incident.id)
    _speaks(world, house, circle, "incident.report", body | _of(campaign))


def speaks_again(world: World, tree: str, which: int, campaign: str = "") -> None:
    """A party says more of an incident that it holds whole."""
    house = world.houses[tree]
    found = [
        each
        for each in world.folded(house).history.order
        if each.header.kind == "incident.report"
        and each.header.circle in checkpoints.shared_circles(world.instrument)
    ]
    if not found:
        return
    report = found[which % len(found)]
    circle = checkpoints.shared_circles(world.instrument)[report.header.circle]
    world.tell(f"{tree} says more of the incident {report.id[:8]}")
    body = {key: value for key, value in report.body.items() if key != "title"}
    _speaks(world, house, circle, "incident.facts", {**body, "incident": report.id} | _of(campaign))


def _of(campaign: str) -> dict[str, Json]:
    return {"campaign": campaign} if campaign else {}


def signs_a_checkpoint(world: World, tree: str, where: str, *, falsely: bool = False) -> None:
    """A party signs what it comes to now, whether one is due or not; or something else."""
    house = world.houses[tree]
    circle = circle_of(world, where)
    if world.instrument.party(house.organisation.id) not in circle.members:
        return
    world.tell(f"{tree} signs a {'false ' if falsely else ''}checkpoint in {where}")
    found = world.folded(house)
    if len(checkpoints.heads_in(found.instrument, found.history, circle.id)) == 0:
        return
    heads, word = checkpoints.own(found.instrument, found.history, found.state, circle.id)
    body = checkpoints.body_of(heads, WRONG if falsely else word)
    _speaks(world, house, circle, checkpoints.KIND, body)


def supports_everything(world: World) -> None:
    """The liar signs that it comes to whatever others have signed."""
    world.tell(f"{LIAR} says yes to every checkpoint")
    liar = world.houses[LIAR]
    for circle in checkpoints.shared_circles(world.instrument).values():
        found = world.folded(liar)
        if world.instrument.party(liar.organisation.id) not in circle.members:
            continue
        for point in checkpoints.points(world.instrument, found.state.checkpoints, circle.id):
            if point.issuer != liar.organisation.id and LIAR not in point.supporters:
                body = checkpoints.answer_to(point.record, point.state)
                _speaks(world, liar, circle, checkpoints.KIND, body)


def archives(world: World, past: Past, tree: str, days: int) -> None:
    """A party moves out of its node what is over; nothing that it comes to moves with it."""
    house = world.houses[tree]
    before = house.node.clock.now() - timedelta(days=days)
    words = _words(world, house)
    kept = io.BytesIO()
    try:
        made = archiving.archive(house.node, world.pact, before, kept.writelines)
    except AlliedError as refusal:
        assert refusal.code == "archive.nothing"  # noqa: PT017 - a step, not a test
        world.tell(f"{tree} finds nothing to archive")
        return
    world.tell(f"{tree} archives {made.records} records")
    past.pile.append((tree, kept.getvalue()))
    assert _words(world, house) == words, f"an archive of {tree} moved a state"


def puts_back(world: World, past: Past, which: int) -> None:
    """A party takes an archive of its own in again."""
    if not past.pile:
        return
    tree, raw = past.pile.pop(which % len(past.pile))
    if tree in world.down:
        return
    house = world.houses[tree]
    words = _words(world, house)
    made = archiving.put_back(house.node, io.BytesIO(raw))
    world.tell(f"{tree} puts an archive back: {made.records} records")
    assert _words(world, house) == words, f"what {tree} put back moved a state"


def _words(world: World, house: House) -> list[str]:
    found = world.folded(house)
    return [
        checkpoints.own(found.instrument, found.history, found.state, circle)[1]
        for circle in checkpoints.shared_circles(found.instrument)
    ]


# --- what the liar does ---------------------------------------------------------------------


def forks_content(world: World, which: int) -> None:
    """The liar tells another story in the place of something that it has said of incidents."""
    liar = world.houses[LIAR]
    own = [
        each
        for each in world.folded(liar).history.order
        if each.header.issuer == liar.organisation.id
        and each.header.kind.startswith("incident.")
        and each.header.circle in checkpoints.shared_circles(world.instrument)
    ]
    if not own:
        return
    first = own[which % len(own)]
    circle = checkpoints.shared_circles(world.instrument)[first.header.circle]
    second = crafted(
        liar, world.pact, first.header.kind, {**first.body, "lie": next(world.count)},
        circle=circle, deps=first.header.deps, sequence=first.header.sequence,
        previous=first.header.previous, version=first.header.version,
    )  # fmt: skip
    world.slips_in(second, f"in the place of {first.id[:8]}")


_LIES: Final[Mapping[str, Callable[[dict[str, Json]], dict[str, Json]]]] = {
    "rest on less": lambda outline: _headed(outline, deps=[]),
    "have another time": lambda outline: _headed(outline, claimed_at="2026-11-23T03:04:00.000Z"),
    "were judged otherwise": lambda outline: {
        **outline, "verdict": "" if outline["verdict"] else "effect.wrong-state",
    },
    "have another name": lambda outline: {**outline, "id": "ab" * 32},
}  # fmt: skip
LIES: Final = (*sorted(_LIES), "come twice")


def _headed(outline: dict[str, Json], **changes: Json) -> dict[str, Json]:
    header = outline["header"]
    assert isinstance(header, dict)
    return {**outline, "header": {**header, **changes}}


def changes_outlines(world: World, how: str) -> None:
    """From now on the outlines that the liar gives are not what others have signed."""
    world.tell(f"from now on the outlines that {LIAR} gives {how}")
    world.spoil = lambda answer: _spoilt(answer, how)


def _spoilt(answer: bytes, how: str) -> bytes:
    given, page = RecordsAnswer.decode(answer), RecordsPage()
    for raw in given.records:
        issuer = read_either(raw).header.issuer
        chain = given.identities.get(issuer, ())
        if looks_outlined(raw):
            value = decode(raw, limit=1 << 20)
            assert isinstance(value, dict)
            changed = _LIES.get(how, _LIES["have another name"])(value)
            assert page.add(encode(changed), issuer, chain)
            if how != "come twice":
                continue
        assert page.add(raw, issuer, chain)
    return page.encode(more=given.more)


# --- what has to be true --------------------------------------------------------------------


def _content(found: Folded) -> Iterator[Record]:
    shared = checkpoints.shared_circles(found.instrument)
    for record in found.history.order:
        if is_content(record) and record.header.circle in shared:
            yield record


def watch(world: World, past: Past, *trees: str) -> None:
    """Nobody late holds what it may not have; no outline is made up, or not signed for."""
    for house in (*(world.houses[tree] for tree in OLD), *world.twins.values()):
        found = world.folded(house)
        for record in found.history.order:
            if not is_outline(record):
                past.headers.setdefault(record.id, _shape(record))
        for tree in LATE:
            if tree in trees:
                past.opened.setdefault(tree, set()).update(_open_to(world, found, tree))
    for tree in trees:
        if tree not in world.up:
            continue
        found = world.folded(world.houses[tree])
        if tree in LATE:
            _require_confined(world, past, tree, found)
        outlines = [each for each in found.history.order if is_outline(each)]
        if outlines:
            _require_signed(world, tree, outlines)
        for each in outlines:
            known = past.headers.get(each.id)
            assert known == _shape(each), f"{tree} believes an outline that was made up"


def _shape(record: Record) -> object:
    header = record.header
    return header.chain, header.sequence, header.previous, header.deps, header.claimed_at


def _open_to(world: World, found: Folded, tree: str) -> Iterator[RecordId]:
    """What a late party may hold whole of the content that somebody old holds.

    What claims to be from before the agreement was in force; what rests on the party's signature,
    or has no effect and claims to be from since then; and all of matters of which somebody old has
    spoken since.
    """
    history = "all" if found.terms(world.now).life.history == "all" else ""
    organisation = world.houses[tree].organisation.id
    signed = [
        each
        for each in found.history.order
        if each.header.issuer == organisation and each.header.kind == "agreement.sign"
    ]
    standing = found.state.standing(found.instrument, world.now)
    begun = standing.in_force_since
    old = {world.houses[each].organisation.id for each in OLD}
    content = list(_content(found))
    named: dict[str, set[str]] = {}
    spoken: set[str] = set()
    for record in content:
        header = record.header
        knows = any(found.history.knows(record.id, each.id) for each in signed)
        effect = found.state.verdicts[record.id].effect
        late = signed and not effect and header.claimed_at >= signed[0].header.claimed_at
        names = {_matter(record), *_campaigns(record)} - {""}
        if knows and header.issuer in old:
            spoken |= names
        for name in names:
            named.setdefault(name, set()).update(names)
        if (history and signed) or knows or late or (begun and header.claimed_at <= begun):
            yield record.id
    while more := set[str]().union(*(named[each] for each in spoken if each in named)) - spoken:
        spoken |= more
    for record in content:
        if not spoken.isdisjoint({_matter(record), *_campaigns(record)}):
            yield record.id


def _matter(record: Record) -> str:
    said = record.body.get("incident")
    return record.id if record.header.kind == "incident.report" else str(said or "")


def _campaigns(record: Record) -> Sequence[str]:
    said = record.body.get("campaign")
    return [f"campaign {said}"] if said else []


def _require_confined(world: World, past: Past, tree: str, found: Folded) -> None:
    own = world.houses[tree].organisation.id
    opened = past.opened.get(tree, set())
    for record in _content(found):
        issuer = record.header.issuer
        whole = not is_outline(record) and issuer != own
        if whole and world.labels[issuer] in world.honest:
            assert record.id in opened, f"{tree} holds whole what it may not have"


def _require_signed(world: World, tree: str, outlines: Sequence[Record]) -> None:
    """Each outline is covered by a checkpoint that enough of those who were in have signed."""
    said = {
        record.id: record
        for house in (*world.houses.values(), *world.twins.values())
        for record in promises.all_of(world, house)
        if record.header.kind == checkpoints.KIND
    }
    own: dict[RecordId, checkpoints.Said] = {}
    signers: dict[RecordId, set[OrganisationId]] = {}
    for record in said.values():
        try:
            read = checkpoints.read_checkpoint(record.body)
        except AlliedError:
            continue
        if read.of is None:
            own[record.id] = read
            signers.setdefault(record.id, set()).add(record.header.issuer)
    for record in said.values():
        read = checkpoints.read_checkpoint(record.body)
        if read.of in own and own[read.of].state == read.state:
            signers[read.of].add(record.header.issuer)
    for each in outlines:
        assert any(
            len(signers[point]) >= _SIGNERS and checkpoints.covers_record(read.heads, each)
            for point, read in own.items()
        ), f"{tree} believes an outline that too few have signed for"


def settle(world: World, past: Past) -> None:
    """Everybody asks everybody until nothing new comes, also after those hours that are waited."""
    promises.settle(world)
    for wait in (timedelta(minutes=5), outlined.INVITED_WAIT + timedelta(minutes=5)):
        world.time_passes(wait)
        promises.settle(world)
    watch(world, past, *world.up)


def waiting(world: World) -> frozenset[str]:
    """The late parties for which no checkpoint is reached, since too few can sign one.

    Who has to sign goes by what the last content claims, and a liar may claim a time at which a
    late party was in, not knowing of it. That party cannot vouch for what it may not see, and the
    liar's chain may have parted: so those who can sign may be too few, and it waits.
    """
    whole: set[str] = {tree for tree in OLD if tree in world.up}
    found = frozenset(tree for tree in LATE if tree in world.up and _lacks(world, tree))
    whole |= {tree for tree in LATE if tree in world.up} - found
    assert all(_too_few(world, tree, whole) for tree in found), (
        f"{', '.join(sorted(found))} wait, and enough could sign"
    )
    return found


def _lacks(world: World, tree: str) -> list[Record]:
    """What a late party may have in outline only, and no checkpoint covers."""
    (old,) = [world.houses[each] for each in OLD if each in world.up][:1]
    folded = world.folded(old)
    shown = outlined.shown(folded, world.houses[tree].organisation.id, world.now)
    heads = outlined.reached_heads(folded)
    party = world.instrument.party(world.houses[tree].organisation.id)
    shared = checkpoints.shared_circles(world.instrument)
    return [
        record
        for record in folded.history.order
        if shown is not None
        and record.id in shown.outlined
        and party in shared[record.header.circle].members
        and not checkpoints.covers_record(heads.get(record.header.circle, {}), record)
    ]


def _too_few(world: World, tree: str, whole: set[str]) -> bool:
    """Whether those who hold everything are fewer than a checkpoint needs, where one lacks."""
    (old,) = [world.houses[each] for each in OLD if each in world.up][:1]
    folded = world.folded(old)
    able = {world.instrument.party(world.houses[each].organisation.id) for each in whole}
    for circle in {record.header.circle for record in _lacks(world, tree)}:
        found = [
            folded.assessed(point)
            for point in checkpoints.points(folded.instrument, folded.state.checkpoints, circle)
            if checkpoints.holds(folded.history, point.heads)
            and all(
                checkpoints.covers_record(point.heads, each)
                for each in _lacks(world, tree)
                if each.header.circle == circle
            )
        ]
        if found and all(
            len(each.bound & able) * 2 > len(each.bound) + each.tolerated for each in found
        ):
            return False
        if not found and checkpoints.shared_circles(folded.instrument)[circle].members & able:
            return False
    return True


def require_late(world: World, past: Past, waits: Collection[str]) -> None:
    """In the end: all come to one state in every circle that they share; nothing is lacking."""
    watch(world, past, *world.up)
    shared = checkpoints.shared_circles(world.instrument)
    for circle in shared.values():
        words = {}
        for tree in world.up:
            party = world.instrument.party(world.houses[tree].organisation.id)
            if party in circle.members and tree not in waits:
                found = world.folded(world.houses[tree])
                words[tree] = checkpoints.own(
                    found.instrument, found.history, found.state, circle.id
                )
        assert len({word for _, word in words.values()}) <= 1, (
            f"they come to other states in {circle.kind}: {_told(words)}"
        )


def _told(words: Mapping[str, tuple[object, Digest]]) -> str:
    return ", ".join(f"{tree} {word[:6]}" for tree, (_, word) in words.items())
