"""Who is served by mail, where letters are handed in, and how far each was served.

Words used here:
    route     that letters for one party of one agreement go to an address, in the name of a hosted
              organisation
    matter    something that a party has to do, known by a digest; see `allied.node.mailing`
    taken     a route to which one process sends at this moment, and no other
    box       a Maildir into which answers come, at which a server looks by itself

Rules. A matter is told once for each route: what was told is remembered as long as it is there,
and thirty days longer. What waits to be told is not kept as letters but found anew in each round,
so that nothing is sent that may not be sent any more, and a process that is killed forgets nothing.
A route stays taken for five minutes from the last letter on, if nobody gives it back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from allied.errors import ConflictError, NotFoundError
from allied.node.agreements import resolve
from allied.node.peers import require_confirmed
from allied.node.post import MailServer, require_address, require_server
from allied.record.canonical import Json, decode, digest, encode
from allied.record.ids import AgreementId, OrganisationId, PartyId

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Reading, Writing
    from allied.node.rows import Organisation

MOST: Final = 500
_KEPT: Final = 8 * 2**20
_MOST_TOLD: Final = 20_000
"""Matters of one route; of more, those that were there last are remembered."""
_SERVER: Final = "mail:server"
_ROUTES: Final = "mail:routes"
_FORGET: Final = timedelta(days=30)
_FIRST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(hours=6)
_SEEN_EVERY: Final = timedelta(days=1)
TAKEN_FOR: Final = timedelta(minutes=5)
"""Longer than a letter takes; of a process that was killed, others wait so long."""
_BOX: Final = "mail:box"


@dataclass(frozen=True, slots=True)
class Route:
    """Letters for a party go to an address.

    Attributes:
        sender: the hosted organisation in whose name.
        to: the party.
        recipient: its organisation; hosted here, or a confirmed peer.
        every_hours: how often it gets what is new.
    """

    id: str
    sender: OrganisationId
    agreement: AgreementId
    to: str
    recipient: OrganisationId
    address: str
    every_hours: int


@dataclass(frozen=True, slots=True)
class Served:
    """How far a route was served.

    Attributes:
        told: when each matter was last there, of those that were told.
        place: where the next items begin, or what there was to have at the last file.
        digest_at: when it last got what is new; None before the first time.
        failures: letters that could not be handed in, in a row.
    """

    told: Mapping[str, datetime] = field(default_factory=dict)
    place: str = ""
    digest_at: datetime | None = None
    failures: int = 0
    next_try_at: datetime | None = None
    problem: str = ""

    def is_due(self, now: datetime) -> bool:
        """Whether it may be tried; a moment too far off was written under a wrong clock."""
        later = self.next_try_at
        return later is None or not now < later <= now + _LONGEST

    def failed(self, now: datetime, problem: str) -> Served:
        """After a letter that was not taken: tried again after a minute, at last every 6 hours."""
        wait = min(_LONGEST, _FIRST * 2 ** min(self.failures, 10))
        return replace(self, failures=self.failures + 1, next_try_at=now + wait, problem=problem)

    def went_well(self) -> Served:
        """After a letter that was taken."""
        return replace(self, failures=0, next_try_at=None, problem="")

    def still(self, matters: Iterable[str], now: datetime) -> Served:
        """With the told matters that are there still seen now, and the long gone ones forgotten.

        What was seen within a day stands as it is, so that a round without news changes nothing.
        """
        there = set(matters)
        told = {
            each: now if each in there and now - at >= _SEEN_EVERY else at
            for each, at in self.told.items()
        }
        return replace(self, told={k: at for k, at in told.items() if now - at < _FORGET})


@dataclass(frozen=True, slots=True)
class Box:
    """A Maildir at which a server looks by itself.

    Attributes:
        folder: its path; empty for none.
        taken_at: when something was last taken in there; None before the first time.
        left: mails that stay there because something of them did not hold.
        problem: stable code of what became of the last of these, or of the folder itself.
    """

    folder: str = ""
    taken_at: datetime | None = None
    left: int = 0
    problem: str = ""


def set_server(node: Node, server: MailServer) -> None:
    """Hand letters in there from now on.

    Raises:
        UsageError: `mail.server`, `mail.plain`, `mail.address`.
    """
    found = require_server(server)
    value: dict[str, Json] = {
        "console": found.console, "host": found.host, "port": found.port,
        "secret_file": found.secret_file, "sender": found.sender, "tls": found.tls,
        "user": found.user,
    }  # fmt: skip
    with node.store.write() as writing:
        writing.set_cursor(_SERVER, encode(value).decode())


def server_of(reading: Reading) -> MailServer | None:
    """Where letters are handed in; None while nobody has said."""
    kept = reading.cursor(_SERVER)
    return MailServer(**_read(kept)) if kept else None


def add(
    node: Node,
    organisation: Organisation,
    agreement: str,
    to: str,
    address: str,
    *,
    every_hours: int = 24,
) -> Route:
    """Serve a party by mail, or change how.

    Raises:
        UsageError: `mail.address`.
        NotFoundError: no such agreement, or `mail.no-such-party`.
        NotAuthorisedError: `peer.unconfirmed` and whatever else keeps things from it.
        ConflictError: `mail.too-many-routes`.
    """
    require_address(address)
    with node.store.write() as writing:
        row = resolve(writing, agreement)
        instrument = node.folds.of(writing, row.id).instrument
        named = any(each.id == to for each in instrument.terms.parties)
        recipient = instrument.organisation(PartyId(to)) if named else None
        mine = instrument.party(organisation.id)
        if recipient is None or recipient == organisation.id or mine is None:
            raise NotFoundError(
                "mail.no-such-party", "that agreement names no other party of that id"
            )
        require_confirmed(writing, recipient)
        id_ = digest(f"{organisation.id} {row.id} {to}".encode())[:12]
        hours = max(1, every_hours)
        route = Route(id_, organisation.id, row.id, to, recipient, address, hours)
        others = [each for each in routes(writing) if each.id != id_]
        if len(others) >= MOST:
            raise ConflictError("mail.too-many-routes", f"a node serves {MOST} by mail at most")
        _keep_routes(writing, [*others, route])
    return route


def remove(node: Node, id_: str) -> None:
    """Send nothing there any more.

    Raises:
        NotFoundError: `mail.unknown`.
    """
    with node.store.write() as writing:
        known = routes(writing)
        left = [each for each in known if each.id != id_]
        if len(left) == len(known):
            raise NotFoundError(
                "mail.unknown", "nobody is served that way", hint="`allied mail list`"
            )
        _keep_routes(writing, left)
        writing.set_cursor(_of(id_), "")
        writing.set_cursor(_taken(id_), "")


def routes(reading: Reading) -> Sequence[Route]:
    """Who is served by mail."""
    kept = reading.cursor(_ROUTES)
    return [Route(**each) for each in _read(kept)["routes"]] if kept else []


def served(reading: Reading, id_: str) -> Served:
    """How far a route was served."""
    kept = reading.cursor(_of(id_))
    if not kept:
        return Served()
    value = _read(kept)
    return Served(
        {each: datetime.fromisoformat(at) for each, at in value["told"].items()},
        value["place"],
        _moment(value["digest_at"]),
        value["failures"],
        _moment(value["next_try_at"]),
        value["problem"],
    )


def keep(writing: Writing, id_: str, found: Served) -> None:
    """Remember how far a route was served."""
    latest = sorted(found.told.items(), key=lambda each: each[1])[-_MOST_TOLD:]
    value: dict[str, Json] = {
        "digest_at": found.digest_at.isoformat() if found.digest_at else "",
        "failures": found.failures,
        "next_try_at": found.next_try_at.isoformat() if found.next_try_at else "",
        "place": found.place,
        "problem": found.problem,
        "told": {each: at.isoformat() for each, at in latest},
    }
    writing.set_cursor(_of(id_), encode(value).decode())


def take(writing: Writing, id_: str, who: str, now: datetime) -> bool:
    """Have a route to oneself, still or from now on; False while another process has it."""
    kept = writing.cursor(_taken(id_))
    if kept:
        other, _, until = kept.partition(" ")
        if other != who and now < datetime.fromisoformat(until) <= now + TAKEN_FOR:
            return False
    writing.set_cursor(_taken(id_), f"{who} {(now + TAKEN_FOR).isoformat()}")
    return True


def give_back(writing: Writing, id_: str, who: str) -> None:
    """Let others have it, unless another has it already."""
    if writing.cursor(_taken(id_)).partition(" ")[0] == who:
        writing.set_cursor(_taken(id_), "")


def set_box(node: Node, folder: str) -> None:
    """Look there from now on; nowhere with an empty path."""
    with node.store.write() as writing:
        keep_box(writing, Box(folder))


def box_of(reading: Reading) -> Box:
    """The Maildir at which a server looks."""
    kept = reading.cursor(_BOX)
    if not kept:
        return Box()
    value = _read(kept)
    return Box(value["folder"], _moment(value["taken_at"]), value["left"], value["problem"])


def keep_box(writing: Writing, box: Box) -> None:
    """Remember what became of it."""
    value: dict[str, Json] = {
        "folder": box.folder, "left": box.left, "problem": box.problem,
        "taken_at": box.taken_at.isoformat() if box.taken_at else "",
    }  # fmt: skip
    writing.set_cursor(_BOX, encode(value).decode())


def _keep_routes(writing: Writing, kept: Sequence[Route]) -> None:
    rows: list[Json] = [
        {
            "address": each.address, "agreement": each.agreement, "every_hours": each.every_hours,
            "id": each.id, "recipient": each.recipient, "sender": each.sender, "to": each.to,
        }
        for each in kept
    ]  # fmt: skip
    writing.set_cursor(_ROUTES, encode({"routes": rows}).decode())


def _read(kept: str) -> dict[str, Any]:
    value = decode(kept.encode(), limit=_KEPT)  # what this module wrote itself
    return value if isinstance(value, dict) else {}


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _of(id_: str) -> str:
    return f"mail:route:{id_}"


def _taken(id_: str) -> str:
    return f"mail:taken:{id_}"
