"""What a MISP elsewhere asserted here, and what becomes of it when it is deleted there.

An event that an instance or feed does not list as published any more, and an attribute or object
that its event does not hold any more or holds as deleted, was asserted by that one and is not any
more. It is recalled here, unless others assert it too: people of the organisation, who shared it
themselves, another MISP, or a neighbour. Who asserted what is kept where it is kept of TAXII
neighbours (`node.neighbour_rows`), so each of both heeds the other.

Words used here:
    remote   one instance or feed, for one organisation under one agreement; a neighbour that is
             asked by hand alone, and forgotten like one: what came from it stays then
    gone     a version that was recalled because its remote deleted it

Rules. What came with an event is what was shared together with a version of its report; identities
and markings stay. What people recalled here stays recalled, whatever the remote holds. What comes
again comes as a new version (an observable under a new id), since nobody takes in a recalled one.
A remote that does not list half of its events any more is not believed without a person.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson

from allied.errors import RefusedError
from allied.exchange.misp import Loss, uuid_of
from allied.node import recalls
from allied.node.additions import stream
from allied.node.neighbour_rows import PULLED, Carried as Said, Neighbour
from allied.node.node import Actor
from allied.record.canonical import digest

if TYPE_CHECKING:
    from allied.exchange.misp_in import Carried
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading
    from allied.node.rows import ItemRow, Organisation
    from allied.record.ids import AgreementId

GONE: Final = "gone"
"""The way of what was recalled because its remote deleted it."""

WHY: Final = "the MISP that it came from does not hold it any more"
FEW: Final = 20
"""Events that may vanish at once, however few there are."""

_STAYS: Final = frozenset({"identity", "marking-definition"})
_MOST_AGAIN: Final = 64
_EVERY: Final = 86_400

Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Remote:
    """One instance or feed, and how what it says is shared.

    Attributes:
        keys: None for a dry run, which says what would be recalled.
    """

    node: Node
    organisation: Organisation
    keys: Keys | None
    agreement: AgreementId
    id: str

    @classmethod
    def at(
        cls,
        node: Node,
        organisation: Organisation,
        keys: Keys | None,
        agreement: AgreementId,
        address: tuple[str, str],
    ) -> Remote:
        """The remote at an address (origin and path), remembered unless this is a dry run."""
        url, path = address
        name = digest(f"{organisation.id}\n{agreement}\n{url}\n{path}".encode())[:16]
        with node.store.read() as reading:
            known = any(each.id == name for each in reading.neighbours(organisation.id))
        if not known and keys is not None:
            host = urlsplit(url).hostname or ""
            made = Neighbour(
                id=name,
                organisation=organisation.id,
                label=f"misp-{host[:40]}-{name[:4]}",
                url=url,
                path=path,
                agreement=agreement,
                pulls=False,
                to="",
                tlp="",
                party="",
                user="",
                secret_file="",
                allowed_private=False,
                every_seconds=_EVERY,
                added_at=node.clock.now(),
            )
            with node.store.write() as writing:
                writing.put_neighbour(made)
        return cls(node, organisation, keys, agreement, name)

    # --- before and after an event is shared ------------------------------------------------

    def renewed(self, carried: Carried) -> Carried:
        """An event whose objects that were gone come as new versions; the same if none was."""
        with self.node.store.read() as reading:
            ids = {str(each["id"]) for each in carried.objects}
            if not reading.carried(self.id, GONE, items=ids, limit=1):
                return carried
            names = {str(each["id"]): self._free_id(reading, each) for each in carried.objects}
            raw = orjson.dumps(list(carried.objects)).decode()
            for old, new in names.items():
                raw = raw.replace(f'"{old}"', f'"{new}"') if old != new else raw
            objects = [self._free_version(reading, each) for each in orjson.loads(raw)]
        return replace(carried, objects=tuple(objects))

    def _gone(self, reading: Reading, item: str) -> Mapping[str, datetime]:
        return {each.version: each.at for each in reading.carried(self.id, GONE, items=[item])}

    def _free_id(self, reading: Reading, one: Mapping[str, Any]) -> str:
        """The id that an observable has now: it has no versions that could be new."""
        item = str(one["id"])
        if "modified" in one:
            return item
        for _ in range(_MOST_AGAIN):
            if not self._gone(reading, item):
                break
            item = f"{one['type']}--{uuid_of('', item, 'again')}"
        return item

    def _free_version(self, reading: Reading, one: dict[str, Any]) -> dict[str, Any]:
        gone = self._gone(reading, str(one["id"])) if "modified" in one else {}
        for _ in range(_MOST_AGAIN):
            at = gone.get(one["modified"]) if gone else None
            if at is None:
                break
            one = {**one, "modified": _instant(at)}
        return one

    def say(self, carried: Carried) -> None:
        """Remember what the remote says, before it is shared; but what is here from people."""
        if self.keys is None:
            return
        names = list(dict.fromkeys(map(_name, carried.objects)))
        now = self.node.clock.now()
        with self.node.store.write() as writing:
            ids = {item for item, _ in names}
            known = writing.asserters(self.organisation.id, self.agreement, ids)
            held = self._held(writing, ids)
            said = [
                Said(self.id, PULLED, *name, now)
                for name in names
                if (name not in held or name in known) and self.id not in known.get(name, ())
            ]
            writing.put_carried(said)

    def settle(self, carried: Carried) -> tuple[Loss, ...]:
        """After an event was shared: give up what it does not hold any more; what was lost."""
        present = {str(each["id"]) for each in carried.objects}
        if self.keys is not None:
            with self.node.store.write() as writing:
                held = self._held(writing, present)
                unheld = [name for name in map(_name, carried.objects) if name not in held]
                writing.drop_carried(self.id, PULLED, unheld)
        return tuple(self._give_up(carried.event, present))

    # --- what is gone -----------------------------------------------------------------------

    def events(self) -> Sequence[str]:
        """The uuids of the events that it asserts, sorted."""
        found: list[str] = []
        after = ("report--", "")
        while True:
            with self.node.store.read() as reading:
                rows = reading.carried(self.id, PULLED, after=after)
            for each in rows:
                if not each.item.startswith("report--"):
                    return list(dict.fromkeys(found))
                found.append(each.item.removeprefix("report--"))
            if not rows:
                return list(dict.fromkeys(found))
            after = (rows[-1].item, rows[-1].version)

    def drop(self, event: str) -> tuple[Loss, ...]:
        """Give up an event that is not listed any more, with all that came with it."""
        return tuple(self._give_up(event, set()))

    def is_held(self, event: str, version: str) -> bool:
        """Whether this version of an event, or a later one, is here from this remote or people."""
        item = f"report--{event}"
        with self.node.store.read() as reading:
            known = reading.asserters(self.organisation.id, self.agreement, [item])
            who = [
                known.get((item, row.modified))
                for row in self._rows(reading, item)
                if row.modified >= version
            ]
        return any(each is None or self.id in each for each in who)

    def _give_up(self, event: str, present: set[str]) -> Iterator[Loss]:
        """Recall what came with an event, is not in it any more, and nobody else asserts."""
        with self.node.store.read() as reading:
            came = self._came_with(reading, event)
            left = [row for row in came if row.id not in present and row.type not in _STAYS]
            ids = {row.id for row in left}
            known = reading.asserters(self.organisation.id, self.agreement, ids)
        for row in left:
            name = (row.id, row.modified)
            who = known.get(name, frozenset())
            if self.id not in who:
                continue
            what = row.type
            if who != {self.id}:
                self._forget(name, recalled=False)
                yield Loss(event, what, row.id, "deleted there; others share it, so it stays")
            elif self.keys is None:
                yield Loss(event, what, row.id, "deleted there; it would be recalled")
            else:
                yield Loss(event, what, row.id, self._recall(row))

    def _recall(self, row: ItemRow) -> str:
        assert self.keys is not None  # noqa: S101 - a dry run recalls nothing
        actor = Actor(self.organisation, self.keys)
        try:
            recalls.recall(self.node, actor, str(row.seq), self.agreement, WHY)
        except RefusedError as refusal:
            return f"deleted there; not recalled: {refusal.message} [{refusal.code}]"
        self._forget((row.id, row.modified), recalled=True)
        return "deleted there; recalled here"

    def _forget(self, name: Name, *, recalled: bool) -> None:
        if self.keys is None:
            return
        with self.node.store.write() as writing:
            writing.drop_carried(self.id, PULLED, [name])
            if recalled:
                writing.put_carried([Said(self.id, GONE, *name, self.node.clock.now())])

    def _came_with(self, reading: Reading, event: str) -> Sequence[ItemRow]:
        """All that was shared together with a version of an event's report and is here."""
        found: dict[int, ItemRow] = {}
        for share in {row.share for row in self._rows(reading, f"report--{event}")}:
            after = 0
            while rows := reading.items(
                self.agreement,
                self.organisation.id,
                originator=self.organisation.id,
                share=share,
                after=after,
                limit=2_000,
            ):
                found |= {row.seq: row for row in rows}
                after = rows[-1].seq
        return [found[seq] for seq in sorted(found)]

    def _rows(self, reading: Reading, item: str) -> Sequence[ItemRow]:
        own = self.organisation.id
        return list(stream(reading, self.agreement, own, originator=own, item=item))

    def _held(self, reading: Reading, ids: set[str]) -> set[Name]:
        classes = {row.id for row in reading.handling_classes(self.agreement)}
        return {
            (row.id, row.modified)
            for row in reading.versions(self.organisation.id, ids=sorted(ids))
            if row.class_id in classes and row.originator == self.organisation.id
        }


def _name(one: Mapping[str, Any]) -> Name:
    """Id and version of an object, as `exchange.stix.version_of` says it."""
    version = one.get("modified") or one.get("created")
    return str(one["id"]), str(version or sha256(orjson.dumps(one)).hexdigest())


def _instant(at: datetime) -> str:
    return f"{at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
