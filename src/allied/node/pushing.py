"""Adding to the TAXII server of a party what that party gets from here, and taking it back.

The pages are those that another node of the party would get (`node.release`): the same verdicts
at the moment of the question, in the ledger before anything leaves, as by `taxii`. What was
recalled since is deleted there, version by version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from allied.errors import NotFoundError, RefusedError
from allied.exchange.stix import instant
from allied.node import release, servers
from allied.node.messages import ItemsQuestion
from allied.node.neighbour_rows import PUSHED, Carried
from allied.node.pages import ItemsAnswer
from allied.node.recalls import RECALLED
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.node.neighbour_rows import Neighbour, Outcome
    from allied.node.node import Node
    from allied.node.pages import SentItem
    from allied.node.ports import Reading
    from allied.node.servers import Server

BY_TAXII: Final = "taxii"
"""Way out in the ledger."""

_PAGE: Final = 500
_PAGES: Final = 2_000
_LONGEST: Final = 1 << 20
"""Bytes of an envelope for a server that does not say what it takes."""

_HEAD: Final = b'{"objects":['
_TAIL: Final = b"]}"
_SOME: Final = 1_000


def push(node: Node, neighbour: Neighbour, outcome: Outcome) -> None:
    """Delete what was recalled, and add what is new.

    Raises:
        AlliedError: as `Servers.ask` and `release.page`; what was done before stands.
    """
    server = servers.server_of(neighbour)
    with node.store.read() as reading:
        instrument = node.folds.of(reading, neighbour.agreement).instrument
    bound = instrument.genesis.parties.get(PartyId(neighbour.party))
    if bound is None:
        raise NotFoundError("neighbour.party", "the agreement does not name that party any more")
    _take_back(node, neighbour, server, outcome)
    longest = _longest(node, server)
    for _ in range(_PAGES):
        question = ItemsQuestion(neighbour.agreement, neighbour.pushed, _PAGE)
        raw = release.page(node, bound.organisation, neighbour.organisation, question, via=BY_TAXII)
        answer = ItemsAnswer.decode(raw)
        taken = _add(node, server, answer.items, longest, outcome)
        now = node.clock.now()
        neighbour = replace(neighbour, pushed=answer.next)
        with node.store.write() as writing:
            stored = [
                each
                for each in writing.neighbours(neighbour.organisation)
                if each.id == neighbour.id
            ]
            for each in stored:
                writing.put_neighbour(replace(each, pushed=answer.next))
            writing.put_carried(
                [Carried(neighbour.id, PUSHED, each.id, each.modified, now) for each in taken]
            )
        if not answer.more or not stored:
            return


def _longest(node: Node, server: Server) -> int:
    """How many bytes an envelope for a server may have."""
    root = server.path.partition("collections/")[0]
    told = node.servers.ask(server, "GET", root, b"", limit=servers.MAX_ANSWER)
    return servers.longest_body(told) or _LONGEST


def _add(
    node: Node, server: Server, items: Sequence[SentItem], longest: int, outcome: Outcome
) -> list[SentItem]:
    """Post items in envelopes that the server takes; returns those that it took."""
    taken = []
    for part in _parts(items, longest - len(_HEAD) - len(_TAIL), outcome):
        body = _HEAD + b",".join(each.raw for each in part) + _TAIL
        target = f"{server.path}objects/"
        told = node.servers.ask(server, "POST", target, body, limit=servers.MAX_ANSWER)
        status = servers.status(told)
        if not status.complete and status.id.isprintable() and len(status.id) <= _SOME:
            root = server.path.partition("collections/")[0]
            target = f"{root}status/{quote(status.id, safe='')}/"
            status = servers.status(
                node.servers.ask(server, "GET", target, b"", limit=servers.MAX_ANSWER)
            )
        failed = {id_ for id_, _ in status.failures}
        good = [each for each in part if each.id not in failed]
        outcome.pushed += len(good)
        outcome.kept += max(status.failed, len(part) - len(good))
        taken += good
    return taken


def _parts(
    items: Sequence[SentItem], longest: int, outcome: Outcome
) -> Iterator[Sequence[SentItem]]:
    """Items in their order, as many at a time as fit; what is too long by itself stays here."""
    part: list[SentItem] = []
    size = 0
    for each in items:
        if len(each.raw) > longest:
            outcome.kept += 1
            continue
        if part and size + 1 + len(each.raw) > longest:
            yield part
            part, size = [], 0
        part.append(each)
        size += 1 + len(each.raw)
    if part:
        yield part


def _take_back(node: Node, neighbour: Neighbour, server: Server, outcome: Outcome) -> None:
    """Delete there what was recalled here."""
    with node.store.read() as reading:
        gone = list(_recalled(reading, neighbour))
    for each in gone:
        target = f"{server.path}objects/{quote(each.item, safe='')}/"
        if instant(each.version):  # else it can exist in one version only
            target += f"?match[version]={quote(each.version, safe='')}"
        try:
            node.servers.ask(server, "DELETE", target, b"", limit=servers.MAX_ANSWER)
        except RefusedError as refusal:
            if refusal.code != "neighbour.not-found":
                outcome.problem = "neighbour.not-deleted"
                outcome.message = "what was recalled could not be deleted there"
                continue
        with node.store.write() as writing:
            writing.drop_carried(neighbour.id, PUSHED, [(each.item, each.version)])
        outcome.deleted += 1


def _recalled(reading: Reading, neighbour: Neighbour) -> Iterator[Carried]:
    """What was pushed and recalled since."""
    after = 0
    while True:
        rows = reading.withdrawn(
            neighbour.agreement, neighbour.organisation, after=after, limit=_SOME
        )
        names = {(row.item.id, row.item.modified) for row in rows if row.reason == RECALLED}
        for each in reading.carried(
            neighbour.id, PUSHED, items={item for item, _ in names}, limit=100 * _SOME
        ):
            if (each.item, each.version) in names:
                yield each
        if not rows:
            return
        after = rows[-1].item.seq
