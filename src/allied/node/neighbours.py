"""Pulling from TAXII servers of others, and pushing to them.

What is pulled becomes items of the organisation that pulls: it goes through the same intake as
whatever people share (`node.sharing`), under the agreement and for the parties that were named
when the neighbour was added; without any it is for the own tools alone. What is pushed to the
server of a party is what that party would get from this node, by the one release path.

Words used here: see `node.neighbour_rows` and `node.walking`.

Rules. Who asserted what is kept beside the items: what a neighbour does not hold any more is
recalled here if it came from there and neither people here nor another neighbour say it too;
a newer version of an object is no removal of the older. What was shared here is nobody else's.
Whatever is recalled here is deleted at the servers it was pushed to. A neighbour that vanishes
from half of what it asserted at once is not believed without a person.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from allied.errors import (
    AlliedError,
    ConflictError,
    NotFoundError,
    RefusedError,
    UsageError,
)
from allied.exchange.marking import tlp_of
from allied.node import pushing, recalls, servers, sharing
from allied.node.agreements import resolve
from allied.node.neighbour_rows import PULLED, Carried, Neighbour, Outcome
from allied.node.node import Actor
from allied.node.shared import Decision, Wish
from allied.node.walking import DONE, STUCK, UNFINISHED, Place, Step, Walk

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading, Writing
    from allied.node.rows import Organisation
    from allied.node.servers import Offered, Page

EVERY_SECONDS: Final = 300
LEAST_SECONDS: Final = 10
_MOST_WAITS: Final = 16
"""How many times the usual pause lies before a neighbour that fails and fails."""
COMPARE_AFTER: Final = timedelta(days=1)
GONE: Final = "the server that it came from does not hold it any more"

_BATCH: Final = 10_000
_BATCH_BYTES: Final = 24 * 2**20
_NAMED: Final = 100
_FEW: Final = 20
"""Objects that may vanish at once, however few there are."""

_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_PATH: Final = re.compile(r"/(?:[A-Za-z0-9._~%:@!$&'()*+,;=-]+/)*collections/[^/?#\s]+/", re.ASCII)
_DONE_CODES: Final = frozenset({"exchange.admitted", "exchange.repeated"})
_AGAIN: Final = frozenset(
    {"exchange.end-unknown", "exchange.end-refused", "exchange.unknown-marking"}
)
"""Refusals of what refers to something that may come later in the same walk."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator says of a neighbour.

    Attributes:
        url: the whole address of the collection.
        to: see `Neighbour.to`; party: see `Neighbour.party`.
    """

    url: str
    label: str
    agreement: str
    pulls: bool = True
    to: tuple[str, ...] = ()
    tlp: str = ""
    party: str = ""
    user: str = ""
    secret_file: str = ""
    allowed_private: bool = False
    every_seconds: int = EVERY_SECONDS


# --- adding and removing ------------------------------------------------------------------


def add(node: Node, organisation: Organisation, wanted: Wanted) -> tuple[Neighbour, Offered]:
    """Add a neighbour, after asking its server for the collection.

    Raises:
        UsageError: `neighbour.url`, `neighbour.label`, `neighbour.nothing`, `neighbour.party`,
            `neighbour.every`, `share.tlp`.
        ConflictError: `neighbour.known`.
        RefusedError: `neighbour.cannot-read`, `neighbour.cannot-write`, and others of `Servers`.
        NotFoundError: no such agreement.
        UnreachableError, UnverifiedError: as `Servers.ask`.
    """
    url, path = _address(wanted.url)
    if not _LABEL.fullmatch(wanted.label):
        raise UsageError("neighbour.label", "a label has letters, digits, dots and hyphens")
    if not (wanted.pulls or wanted.party):
        raise UsageError("neighbour.nothing", "a neighbour is pulled from, pushed to, or both")
    if wanted.every_seconds < LEAST_SECONDS:
        raise UsageError("neighbour.every", f"at least {LEAST_SECONDS} seconds lie between")
    if wanted.tlp and tlp_of(wanted.tlp) is None:
        raise UsageError("share.tlp", "--tlp takes CLEAR, GREEN, AMBER, AMBER+STRICT or RED")
    with node.store.read() as reading:
        row = resolve(reading, wanted.agreement)
        instrument = node.folds.of(reading, row.id).instrument
        known = [each.label for each in reading.neighbours(organisation.id)]
    own = instrument.party(organisation.id)
    labels = {party.id for party in instrument.terms.parties}
    if own is None or wanted.party == own or {wanted.party, *wanted.to} - labels - {""}:
        raise UsageError(
            "neighbour.party",
            f"parties of {row.alias} are named, and for pushing another one than the own",
            hint=f"its parties are {', '.join(sorted(labels))}",
        )
    if wanted.label in known:
        raise ConflictError("neighbour.known", "a neighbour goes by that label already")
    made = Neighbour(
        id=node.chance.token(8).hex(),
        organisation=organisation.id,
        label=wanted.label,
        url=url,
        path=path,
        agreement=row.id,
        pulls=wanted.pulls,
        to=",".join(wanted.to or (own,)),
        tlp=wanted.tlp,
        party=wanted.party,
        user=wanted.user,
        secret_file=wanted.secret_file,
        allowed_private=wanted.allowed_private,
        every_seconds=wanted.every_seconds,
        added_at=node.clock.now(),
    )
    told = node.servers.ask(servers.server_of(made), "GET", path, b"", limit=servers.MAX_ANSWER)
    offered = servers.offered(told)
    if wanted.pulls and not offered.can_read:
        raise RefusedError("neighbour.cannot-read", "that collection cannot be read by this user")
    if wanted.party and not offered.can_write:
        raise RefusedError("neighbour.cannot-write", "that collection cannot be written by it")
    with node.store.write() as writing:
        writing.put_neighbour(made)
    return made, offered


def find(node: Node, organisation: Organisation, label: str) -> Neighbour:
    """The neighbour of that label.

    Raises:
        NotFoundError: `neighbour.unknown`.
    """
    with node.store.read() as reading:
        for each in reading.neighbours(organisation.id):
            if label in (each.label, each.id):
                return each
    raise NotFoundError(
        "neighbour.unknown", "no neighbour goes by that label", hint="`allied neighbour list`"
    )


def remove(node: Node, organisation: Organisation, label: str) -> Neighbour:
    """Forget a neighbour; what came from it stays, and is the organisation's own from now on."""
    found = find(node, organisation, label)
    with node.store.write() as writing:
        writing.drop_neighbour(found.id)
    return found


def _address(url: str) -> tuple[str, str]:
    """Origin and path of the address of a collection.

    Raises:
        UsageError: `neighbour.url`.
    """
    refusal = UsageError(
        "neighbour.url",
        "this is not the address of a TAXII collection",
        hint="like https://taxii.example/api1/collections/91a7b528-80eb-42ed-a74d-c6fbd5a26116/",
    )
    try:
        parts = urlsplit(url)
    except ValueError:
        raise refusal from None
    path = f"{parts.path.rstrip('/')}/"
    if parts.scheme not in {"https", "http"} or not parts.hostname or not _PATH.fullmatch(path):
        raise refusal
    if parts.query or parts.fragment or parts.username is not None:
        raise refusal
    return f"{parts.scheme}://{parts.netloc}", path


# --- the schedule -------------------------------------------------------------------------


def due(node: Node) -> Sequence[Neighbour]:
    """The neighbours that are to be asked now; a MISP is asked by hand alone.

    A moment that is further off than any wait was written down under a clock that was wrong.
    """
    now = node.clock.now()
    with node.store.read() as reading:
        found = [each for each in reading.neighbours() if each.pulls or each.party]
    return [
        each
        for each in found
        if each.next_try_at is None
        or not now < each.next_try_at <= now + timedelta(seconds=each.every_seconds * _MOST_WAITS)
    ]


def exchange(
    node: Node,
    keys: Keys,
    neighbour: Neighbour,
    *,
    pull: bool = True,
    push: bool = True,
    whole: bool = False,
    believe: bool = False,
) -> Outcome:
    """Pull from a neighbour and push to it, once; what went wrong stands in the outcome.

    Args:
        whole: read its list from the start, and compare what it holds.
        believe: also that more than half of what it asserted is gone.
    """
    outcome = Outcome(neighbour.label)
    going = _Going(node, keys, neighbour, outcome)
    try:
        if pull and neighbour.pulls:
            going.pull(whole=whole)
            if whole or _is_compared_long_ago(node, neighbour):
                going.compare(believe=believe)
        if push and neighbour.party:
            pushing.push(node, going.current(), outcome)
    except AlliedError as problem:
        outcome.problem, outcome.message = problem.code, problem.message
    except Exception as mistake:  # noqa: BLE001 - one neighbour never stops the others
        outcome.problem = "neighbour.internal"
        outcome.message = f"our mistake ({type(mistake).__name__})"
    going.remember()
    return outcome


def _is_compared_long_ago(node: Node, neighbour: Neighbour) -> bool:
    at = neighbour.compared_at or neighbour.added_at
    return node.clock.now() - at >= COMPARE_AFTER


# --- pulling ------------------------------------------------------------------------------


class _Named(msgspec.Struct):
    """The members of an object that name it and its version, whatever they hold."""

    id: Any = ""
    modified: Any = ""
    created: Any = ""


def name_of(raw: bytes) -> tuple[str, str]:
    """Id and version of an object as `exchange.stix.version_of` says it; empty for none."""
    try:
        found = msgspec.json.decode(raw, type=_Named)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return "", ""
    if not all(isinstance(each, str) for each in (found.id, found.modified, found.created)):
        return "", ""
    return found.id, found.modified or found.created or sha256(raw).hexdigest()


@dataclass(slots=True)
class _Going:
    """One exchange under way."""

    node: Node
    keys: Keys
    neighbour: Neighbour
    outcome: Outcome

    def current(self) -> Neighbour:
        """The neighbour as it stands in the store."""
        with self.node.store.read() as reading:
            return _stored(reading, self.neighbour)

    def remember(self) -> None:
        """Write down how it went, and when it is next."""
        now = self.node.clock.now()
        with self.node.store.write() as writing:
            known = [each for each in writing.neighbours() if each.id == self.neighbour.id]
            if not known:
                return
            unfinished = self.outcome.problem == UNFINISHED
            failed = bool(self.outcome.problem) and not unfinished
            failures = known[0].failures + 1 if failed else 0
            wait = known[0].every_seconds * min(2 ** max(0, failures - 1), _MOST_WAITS)
            wait = LEAST_SECONDS if unfinished else wait
            writing.put_neighbour(
                replace(
                    known[0],
                    seen_at=known[0].seen_at if failed else now,
                    failures=failures,
                    next_try_at=now + timedelta(seconds=wait),
                    last_problem=self.outcome.problem,
                )
            )

    # --- a list of objects ---------------------------------------------------------------

    def pull(self, *, whole: bool) -> None:
        """Take in what is new, and remember the place page by page."""
        start = Place() if whole else Place(self.neighbour.mark, self.neighbour.following)
        walk = Walk(self._asker("objects", {"match[version]": "all"}), start, self.node.clock.now())
        batch: list[bytes] = []
        size = 0
        place = start
        again: list[bytes] = []
        try:
            for step in walk.steps():
                batch += step.raws
                size += sum(map(len, step.raws))
                place = step.place
                if len(batch) >= _BATCH or size >= _BATCH_BYTES:
                    again = self._take_in([*again, *batch], final=False)
                    if not again:
                        self._go_on(place)
                    batch, size = [], 0
        finally:
            self._take_in([*again, *batch], final=True)
            self._go_on(place)
        if walk.ended != DONE:
            self.outcome.problem = walk.ended
            self.outcome.message = _MEANT[walk.ended]

    def _go_on(self, place: Place) -> None:
        with self.node.store.write() as writing:
            stored = _stored(writing, self.neighbour)
            if (stored.mark, stored.following) != (place.mark, place.following):
                writing.put_neighbour(replace(stored, mark=place.mark, following=place.following))

    def _asker(self, what: str, also: Mapping[str, str]) -> Callable[[Mapping[str, str]], Page]:
        server = servers.server_of(self.neighbour)

        def ask(parameters: Mapping[str, str]) -> Page:
            query = urlencode({**also, **parameters}, quote_via=quote, safe="[]")
            target = f"{server.path}{what}/?{query}"
            told = self.node.servers.ask(server, "GET", target, b"", limit=servers.MAX_ANSWER)
            return servers.page(told)

        return ask

    def _take_in(self, raws: Sequence[bytes], *, final: bool) -> list[bytes]:
        """Share objects; returns those that refer to what may still come."""
        again: list[bytes] = []
        lost: list[tuple[str, str]] = []
        raws = self._without_held(raws)
        if not raws:
            return []

        def decided(decision: Decision) -> None:
            raw = raws[decision.index]
            if decision.code == "exchange.repeated":
                self.outcome.repeated += 1
            elif decision.code not in _DONE_CODES:
                if decision.code in _AGAIN and not final:
                    again.append(raw)
                    return
                self._refuse(name_of(raw), decision.code)
                lost.append(name_of(raw))

        number = self.node.chance.token(16).hex()
        head = f'{{"type":"bundle","id":"bundle--{_uuid(number)}","objects":['.encode()
        pieces = (head, b",".join(raws), b"]}")
        shared = sharing.share(
            self.node,
            self._organisation(),
            self.keys,
            lambda: iter(pieces),
            self.neighbour.agreement,
            Wish(tlp=self.neighbour.tlp, to=tuple(self.neighbour.to.split(","))),
            on_decision=decided,
            on_behalf=self.neighbour.id,
        )
        for name in shared.contradictions:
            self._refuse(name, "exchange.other-bytes")
        self.outcome.pulled += shared.stored
        self.outcome.repeated += shared.admitted - shared.stored - shared.contradicting
        if lost:
            with self.node.store.write() as writing:
                held = _held(writing, self.neighbour, {item for item, _ in lost})
                gone = [name for name in lost if name not in held]
                writing.drop_carried(self.neighbour.id, PULLED, gone)
        return again

    def _refuse(self, name: tuple[str, str], code: str) -> None:
        self.outcome.refused[code] = self.outcome.refused.get(code, 0) + 1
        if len(self.outcome.named) < _NAMED:
            self.outcome.named.append((name[0], code))

    def _without_held(self, raws: Sequence[bytes]) -> Sequence[bytes]:
        """What is not held yet; and remember what the neighbour says.

        Except what was here from people before. It is written before the objects are:
        whatever happens in between, nothing of the neighbour's passes for the own.
        """
        now, neighbour = self.node.clock.now(), self.neighbour
        names = [name_of(raw) for raw in raws]
        ids = {item for item, _ in names if item}
        fresh: list[bytes] = []
        said: dict[tuple[str, str], None] = {}
        with self.node.store.read() as reading:
            known = reading.asserters(neighbour.organisation, neighbour.agreement, ids)
            held = _held(reading, neighbour, ids)
            for name, raw in zip(names, raws, strict=True):
                if name not in held:
                    fresh.append(raw)
                    said |= {name: None} if name[0] else {}
                elif _is_same(reading, neighbour, name, raw):
                    self.outcome.repeated += 1
                    said |= {name: None} if name in known else {}
                else:
                    self._refuse(name, "exchange.other-bytes")
            mine = {name for name, who in known.items() if neighbour.id in who}
        rows = [Carried(neighbour.id, PULLED, *name, now) for name in said if name not in mine]
        if rows:
            with self.node.store.write() as writing:
                writing.put_carried(rows)
        return fresh

    # --- what is gone ---------------------------------------------------------------------

    def compare(self, *, believe: bool) -> None:
        """Recall what the neighbour asserted and does not hold any more."""
        now = self.node.clock.now()
        walk = Walk(self._asker("manifest", {"match[version]": "all"}), Place(), now)
        present: set[str] = set()
        for step in walk.steps():
            present |= set(_ids(step))
        if walk.ended != DONE:
            self.outcome.problem = walk.ended
            self.outcome.message = _MEANT[walk.ended]
            return
        said = list(self._said())
        gone = [each for each in said if each.item not in present]
        if len(gone) > max(_FEW, len(said) // 2) and not believe:
            self.outcome.problem = "neighbour.vanished"
            self.outcome.message = (
                f"{len(gone)} of {len(said)} versions that it asserted are gone at once;"
                " nothing was removed"
            )
            return
        for each in gone:
            self._give_up(each)
        with self.node.store.write() as writing:
            stored = _stored(writing, self.neighbour)
            writing.put_neighbour(replace(stored, compared_at=now))

    def _said(self) -> Iterator[Carried]:
        after = ("", "")
        while True:
            with self.node.store.read() as reading:
                rows = reading.carried(self.neighbour.id, PULLED, after=after)
            yield from rows
            if not rows:
                return
            after = (rows[-1].item, rows[-1].version)

    def _give_up(self, said: Carried) -> None:
        """A neighbour does not assert a version any more; recall it if nobody else does."""
        neighbour = self.neighbour
        name = (said.item, said.version)
        with self.node.store.write() as writing:
            others = writing.asserters(neighbour.organisation, neighbour.agreement, [said.item])
            alone = others.get(name, frozenset()) <= {neighbour.id}
            number = _held(writing, neighbour, {said.item}).get(name)
        if alone and number is not None:
            actor = Actor(self._organisation(), self.keys)
            recalls.recall(self.node, actor, str(number), neighbour.agreement, GONE)
            self.outcome.removed += 1
        with self.node.store.write() as writing:
            writing.drop_carried(neighbour.id, PULLED, [name])

    def _organisation(self) -> Organisation:
        with self.node.store.read() as reading:
            for each in reading.organisations():
                if each.id == self.neighbour.organisation:
                    return each
        raise NotFoundError("organisation.unknown", "no organisation hosted here has that id")


_MEANT: Final[Mapping[str, str]] = {
    STUCK: "it gives the same objects again and no way on; what follows them is not read",
    UNFINISHED: "there is more than is read at once; it goes on next time",
}


def _stored(reading: Reading | Writing, neighbour: Neighbour) -> Neighbour:
    """The neighbour as it stands in the store; NotFoundError if it was removed meanwhile."""
    for each in reading.neighbours(neighbour.organisation):
        if each.id == neighbour.id:
            return each
    raise NotFoundError("neighbour.unknown", "the neighbour was removed meanwhile")


def _held(reading: Reading, neighbour: Neighbour, ids: set[str]) -> Mapping[tuple[str, str], int]:
    """The numbers of own items under a neighbour's agreement, by object and version."""
    classes = {row.id for row in reading.handling_classes(neighbour.agreement)}
    return {
        (row.id, row.modified): row.seq
        for row in reading.versions(neighbour.organisation, ids=sorted(ids))
        if row.class_id in classes and row.originator == neighbour.organisation
    }


def _is_same(reading: Reading, neighbour: Neighbour, name: tuple[str, str], raw: bytes) -> bool:
    """Whether the version that is held has these bytes."""
    item, version = name
    rows = reading.items(
        neighbour.agreement,
        neighbour.organisation,
        limit=1,
        originator=neighbour.organisation,
        item=item,
        modified=version,
    )
    return any(row.digest == sha256(raw).hexdigest() for row in rows)


def _ids(step: Step) -> Iterator[str]:
    for raw in step.raws:
        found = servers.entry(raw)
        if found is not None:
            yield found.id


def _uuid(digits: str) -> str:
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:32]}"
