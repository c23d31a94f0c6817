"""Serving parties by mail: what they have to do, at once, and what is new, now and then.

A party without a node is hosted on the node of somebody else, a secretariat's for example; another
has a node of its own that nothing but mail reaches. Whom letters go to is for
`allied.node.mail_routes`, how they leave for `allied.node.post`.

Words used here:
    matter    an obligation that a party has to answer or perform, a question that it has not
              voted on, a recall that it has not answered
    digest    what is new for a party: to who is hosted here a STIX bundle, to who has a node a
              sealed file

Rules. Letters are read on their way, so what a matter is about stands in none: its kind, until
when, and its number. A bundle holds what the one path of release gives to that party now and what
may be read by others on its way (`readable`); how much was left out is said. A file is sealed, as
by `allied export`. Both are in the disclosure ledger before they leave. An answer by mail is no
act. A letter that is not taken is tried again, more and more rarely; what waits is found anew each
time, so nothing leaves that may not leave any more. One process at a time sends to a route. If it
ends between a letter and the note that it was taken, that letter comes twice, under the same name
(`Message-ID`) unless there is more in it by then.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from allied.agreement.values import Tlp
from allied.errors import (
    AlliedError,
    ConflictError,
    ExhaustedError,
    NotFoundError,
    RefusedError,
)
from allied.exchange.marking import WELL_KNOWN
from allied.exchange.stix import read_head
from allied.node import carriage, mail_routes, messages, peers, release, visibility
from allied.node.messages import ItemsQuestion
from allied.node.obligations import list_obligations
from allied.node.pages import ItemsAnswer
from allied.node.post import Letter
from allied.node.proposals import list_proposals
from allied.node.recall_views import list_recalls
from allied.record.canonical import digest
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.node.mail_routes import Route, Served
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading
    from allied.node.post import MailServer
    from allied.node.rows import Organisation

BY_MAIL: Final = "mail"
"""The way out that stands in the ledger."""
UNDER_WAY: Final = "mail.under-way"
"""What comes of a route to which another process sends."""
MOST_AT_ONCE: Final = 50
"""Letters for one route in one round."""
_PAGE: Final = 10
_MOST_ITEMS: Final = 1_000
_ENOUGH: Final = 4 * 2**20
_TO_ANSWER: Final = frozenset({"owed", "acknowledged", "overdue-answer"})
_TO_PERFORM: Final = frozenset({"accepted", "overdue"})
_UNANSWERED: Final = frozenset({"not-reached", "owed", "overdue"})
"""Of a recall. Whom nothing but mail reaches has not said that it heard of it."""


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that a party has to do.

    Attributes:
        kind: in words that tell nothing of what it is about.
        number: by which it is found in the console.
    """

    kind: str
    number: str
    by: datetime | None = None

    @property
    def name(self) -> str:
        """What tells it from all others."""
        return digest(f"{self.kind} {self.number}".encode())


class Attached(NamedTuple):
    """What goes with a letter."""

    file: str
    media_type: str
    raw: bytes


@dataclass(slots=True)
class Outcome:
    """What one round did for one route.

    Attributes:
        held_back: items that may go to the party, and not where others can read them.
        problem: stable code of what stopped it, or an empty string.
    """

    route: str
    to: str
    letters: int = 0
    items: int = 0
    held_back: int = 0
    problem: str = ""


def go_round(node: Node, keys: Keys, *, now_all: bool = False) -> Sequence[Outcome]:
    """Send what is due, by every route.

    Args:
        now_all: also to those that were tried not long ago, and digests before their time.

    Raises:
        NotFoundError: `mail.no-server`, there are routes, and nobody said where mail goes.
        ExhaustedError: the store cannot go on.

    Where another process sends to a route at this moment, its outcome is `mail.under-way`.
    """
    with node.store.read() as reading:
        known, server = mail_routes.routes(reading), mail_routes.server_of(reading)
        hosted = {each.id: each for each in reading.organisations()}
    if known and server is None:
        raise NotFoundError(
            "mail.no-server", "nobody has said where mail is handed in", hint="`allied mail server`"
        )
    outcomes = []
    for route in known:
        with node.store.read() as reading:
            served = mail_routes.served(reading, route.id)
        due = now_all or served.is_due(node.clock.now())
        if server is None or not due or route.sender not in hosted:
            continue
        round_ = _Round(node, keys, server, route, hosted[route.sender], served)
        round_.neighbour = hosted.get(route.recipient)
        outcomes.append(round_.run(now_all=now_all))
    return outcomes


class _ElsewhereError(ConflictError):
    """Another process sends to a route."""


@dataclass(slots=True)
class _Round:
    """One route in one round."""

    node: Node
    keys: Keys
    server: MailServer
    route: Route
    sender: Organisation
    served: Served
    neighbour: Organisation | None = None
    who: str = ""

    def run(self, *, now_all: bool) -> Outcome:
        outcome = Outcome(self.route.id, self.route.to)
        now = self.node.clock.now()
        self.who = self.node.chance.token(8).hex()
        try:
            with self.node.store.read() as reading:
                peers.require_confirmed(reading, self.route.recipient)
            matters = {each.name: each for each in self._matters()}
            before = self.served
            self.served = before.still(matters, now)
            if self._new(matters) or self._is_due(now, now_all=now_all):
                self._go(outcome, matters, now, now_all=now_all)
            elif self.served != before:
                self._keep(self.served)
        except ExhaustedError:
            raise
        except _ElsewhereError as other:
            outcome.problem = other.code
        except AlliedError as problem:
            outcome.problem = problem.code
            self._keep(self.served.failed(now, problem.code), is_last=True)
        return outcome

    def _go(
        self, outcome: Outcome, matters: Mapping[str, Matter], now: datetime, *, now_all: bool
    ) -> None:
        """Send, as the one process that does."""
        self._take()
        with self.node.store.read() as reading:  # another may have sent since
            self.served = mail_routes.served(reading, self.route.id).still(matters, now)
        new = self._new(matters)
        for each in new[:MOST_AT_ONCE]:
            self._send(outcome, self._notice(each, now))
            self._keep(replace(self.served, told={**self.served.told, each.name: now}))
        if self._is_due(now, now_all=now_all) or (new and self.neighbour is None):
            self._digest(outcome, now)
        self._keep(self.served, is_last=True)

    def _new(self, matters: Mapping[str, Matter]) -> list[Matter]:
        """What it was not told yet."""
        return [each for name, each in matters.items() if name not in self.served.told]

    def _is_due(self, now: datetime, *, now_all: bool) -> bool:
        """Whether it is time for a digest."""
        since = self.served.digest_at
        every = timedelta(hours=self.route.every_hours)
        return now_all or since is None or not since <= now < since + every

    def _take(self) -> None:
        with self.node.store.write() as writing:
            if not mail_routes.take(writing, self.route.id, self.who, self.node.clock.now()):
                raise _ElsewhereError(
                    "mail.under-way", "another process sends there at this moment"
                )

    def _keep(self, served: Served, *, is_last: bool = False) -> None:
        self.served = served
        with self.node.store.write() as writing:
            mail_routes.keep(writing, self.route.id, served)
            if is_last:
                mail_routes.give_back(writing, self.route.id, self.who)

    def _send(self, outcome: Outcome, letter: Letter) -> None:
        self._take()
        self.node.post.send(self.server, letter)
        outcome.letters += 1
        self.served = self.served.went_well()

    # --- what awaits the party --------------------------------------------------------------

    def _matters(self) -> Iterator[Matter]:
        """What awaits it: as it sees that itself where it is hosted here, else as we do."""
        eyes, party = self.neighbour or self.sender, self.route.to
        for owed in list_obligations(self.node, eyes):
            if owed.agreement != self.route.agreement or owed.debtor != party:
                continue
            if owed.state in _TO_ANSWER:
                by = owed.answer_by or owed.perform_by
                yield Matter("an obligation is to be answered", owed.key[:12], by)
            elif owed.state in _TO_PERFORM:
                yield Matter("an obligation is to be performed", owed.key[:12], owed.perform_by)
        for asked in list_proposals(self.node, eyes, open_only=True):
            if asked.agreement == self.route.agreement and party in asked.count.awaited:
                yield Matter("a question is to be voted on", asked.id[:12], asked.count.deadline)
        for said in list_recalls(self.node, eyes):
            if said.agreement != self.route.agreement:
                continue
            for holder in said.holders:
                if holder.party == party and holder.state in _UNANSWERED:
                    yield Matter("a recall is to be answered", said.id[:12], holder.due)

    def _notice(self, matter: Matter, now: datetime) -> Letter:
        until = f" until {matter.by:%Y-%m-%d %H:%M} UTC" if matter.by else ""
        text = [
            f"For your organisation {matter.kind}{until}.",
            f"Its number is {matter.number}.",
            "What it is about does not stand in this mail, which others can read on its way.",
            *self._answering(),
        ]
        return Letter(
            self.route.address,
            digest(f"{self.route.id} {matter.name}".encode()),
            now,
            f"[allied] {matter.kind}{until}",
            "\n".join(text),
        )

    def _answering(self) -> list[str]:
        """Where an answer is given."""
        text = ["", "An answer to this mail is not an act, and nobody reads it as one."]
        if self.neighbour is None:
            return [
                *text,
                "Take the file in with `allied import`, answer on your node, and send a file of",
                "`allied export` back.",
            ]
        where = f" at {self.server.console}" if self.server.console else ""
        return [*text, f"Answer in the console of the node that serves you{where}."]

    # --- what is new for it -----------------------------------------------------------------

    def _digest(self, outcome: Outcome, now: datetime) -> None:
        made = self._bundle(outcome, now) if self.neighbour else self._file(now)
        place = self.served.place
        if made is not None:
            letter, place = made
            self._send(outcome, letter)
        self._keep(replace(self.served, place=place, digest_at=now))

    def _file(self, now: datetime) -> tuple[Letter, str] | None:
        """All that a party with a node may have, sealed; None if it got that last time."""
        with self.node.store.read() as reading:
            mark = self._mark(reading)
        if mark in ("0", self.served.place):
            return None
        out = io.BytesIO()
        carriage.write(self.node, self.sender, self.keys, self.route.agreement, self.route.to, out)
        raw = out.getvalue()
        if len(raw) > messages.MAX_PARCEL:
            raise RefusedError(
                "mail.too-large", "that is more than a letter holds", hint="`allied export`"
            )
        text = [
            "Attached is what is new for your organisation, sealed to it.",
            *self._answering(),
        ]
        attached = Attached(f"{now:%Y%m%dT%H%M}.allied", "application/octet-stream", raw)
        return self._letter(mark, now, "[allied] a sealed file", text, attached), mark

    def _mark(self, reading: Reading) -> str:
        folded = self.node.folds.of(reading, self.route.agreement)
        mine, theirs = self.sender.id, self.route.recipient
        return str(visibility.mark(self.node, reading, folded, mine, theirs))

    def _bundle(self, outcome: Outcome, now: datetime) -> tuple[Letter, str] | None:
        """The items that are new for who is hosted here, and may be read on their way."""
        found: list[bytes] = []
        place, size = self.served.place, 0
        while size < _ENOUGH and len(found) < _MOST_ITEMS:
            question = ItemsQuestion(self.route.agreement, place, _PAGE)
            page = ItemsAnswer.decode(
                release.page(
                    self.node, self.route.recipient, self.sender.id, question,
                    via=BY_MAIL, readable=True,
                )
            )  # fmt: skip
            found += [each.raw for each in page.items]
            size += sum(len(each.raw) for each in page.items)
            if page.next == place or not page.items:
                break
            place = page.next
        with self.node.store.read() as reading:
            folded = self.node.folds.of(reading, self.route.agreement)
            outcome.held_back = release.kept_back(
                self.node, reading, folded, self.sender.id, PartyId(self.route.to)
            )
        if not found:
            return None
        outcome.items = len(found)
        marked = f"TLP:{_marking(found)}"
        text = [marked, "", f"Attached are {len(found)} objects, new for your organisation."]
        if outcome.held_back:
            text.append(
                f"{outcome.held_back} more have to be encrypted on their way and are not in this"
                " mail [exchange.not-encrypted]; they lie where you answer, and in TAXII."
            )
        text += ["What other parties have shared lies there as well.", *self._answering()]
        what = digest(b" ".join(digest(each).encode() for each in found))
        name = uuid.UUID(hex=digest(f"{self.route.id} {what}".encode())[:32], version=4)
        raw = b'{"type":"bundle","id":"bundle--%b","objects":[\n%b\n]}\n' % (
            str(name).encode(),
            b",\n".join(found),
        )
        subject = f"[allied] [{marked}] {len(found)} new objects"
        attached = Attached("new.stix.json", "application/stix+json", raw)
        return self._letter(what, now, subject, text, attached), place

    def _letter(
        self, what: str, now: datetime, subject: str, text: Sequence[str], attached: Attached
    ) -> Letter:
        """A digest; the same `what` before it is noted gives the same name."""
        before = self.served.digest_at
        name = digest(f"{self.route.id} {what} {before.isoformat() if before else ''}".encode())
        return Letter(self.route.address, name, now, subject, "\n".join(text), *attached)


def _marking(objects: Sequence[bytes]) -> Tlp:
    """The most that any of some objects is marked with; AMBER+STRICT where one has none."""
    found = []
    for raw in objects:
        head = read_head(raw)
        refs = {*head.object_marking_refs, *(each.marking_ref for each in head.granular_markings)}
        marks = [WELL_KNOWN[each] for each in refs if each in WELL_KNOWN]
        plain = head.type == "marking-definition" or bool(marks)
        found.append(max(marks, default=Tlp.CLEAR) if plain else Tlp.AMBER_STRICT)
    return max(found)
