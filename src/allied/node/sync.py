"""Keeping up with other nodes: hints out, everything else pulled.

Each confirmed peer is asked (`allied.node.exchanging`), what follows from all of it is done once,
and who may want to know is told (`allied.node.telling`). Nothing is pushed but a hint, which
names heads and holds no content.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from allied.errors import (
    AlliedError,
    MalformedError,
    NotFoundError,
    UnreachableError,
    UnverifiedError,
)
from allied.node import (
    accusing,
    arrivals,
    checkpointing,
    deciding,
    erasing,
    hub_rounds,
    keeping,
    ledger_roots,
    messages,
    peers,
    refusals,
    release,
    renewals,
    scrubbing,
    sweeping,
    telling,
    tightened,
    visibility,
    witnessing,
)
from allied.node.exchanging import Ask, Exchange, Outcome
from allied.node.messages import ItemsQuestion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from allied.node.messages import News
    from allied.node.node import Node
    from allied.node.ports import Keys
    from allied.node.rows import Organisation, Peer
    from allied.record.ids import OrganisationId

__all__ = [
    "Ask",
    "Outcome",
    "ask_all",
    "ask_peer",
    "exchange_given",
    "settle",
    "sync",
    "sync_now",
    "tell",
]


def sync(
    node: Node, keys: Keys, *, only: OrganisationId | None = None, due_only: bool = False
) -> Sequence[Outcome]:
    """Exchange with all confirmed peers (or only one), once.

    Args:
        due_only: pass over peers whose back-off has not run out.

    Returns:
        One outcome per hosted organisation and peer, also for those that failed.
    """
    outcomes = ask_all(node, keys, only=only, due_only=due_only)
    settle(node, keys)
    return outcomes


def ask_all(
    node: Node,
    keys: Keys,
    *,
    only: OrganisationId | None = None,
    due_only: bool = False,
    items: bool = True,
    hinted: bool = False,
) -> Sequence[Outcome]:
    """As `sync`, without what follows. Without items nothing is signed except the questions.

    Args:
        hinted: ask for nothing but what the peer has hinted at, where it has named that.
    """
    outcomes: list[Outcome] = []
    with node.store.read() as reading:
        organisations, known = reading.organisations(), reading.peers()
    now = node.clock.now()
    for peer in known:
        if peer.confirmed_at is None or only not in (None, peer.id):
            continue
        patient = due_only or (hinted and peer.last_problem == peers.SLOW)
        if patient and not peers.is_due(peer, now):
            continue
        for each in organisations:
            named = node.hearing.take_named(each.id, peer.id)
            named = named if hinted else None
            outcomes.append(_with_peer(node, keys, each, peer, named, items=items))
    return outcomes


def settle(node: Node, keys: Keys, *, scrub: bool = True) -> None:
    """What needs no other node: end what is over, deliver, write receipts, `scrub` the store."""
    sweeping.sweep(node)
    if scrub:
        scrubbing.scrub(node)
    with node.store.read() as reading:
        organisations = reading.organisations()
    for organisation in organisations:
        _from_neighbours(node, keys, organisation)
        tightened.pass_along(node, keys, organisation)
        hub_rounds.sweep(node, keys, organisation)
        erasing.answer(node, keys, organisation)
        arrivals.acknowledge(node, keys, organisation)
        accusing.accuse(node, keys, organisation)
        ledger_roots.commit_due(node, keys, organisation)
        witnessing.sign_due(node, keys, organisation)
        checkpointing.sign_due(node, keys, organisation)
    deciding.decide(node, keys, organisations)
    keeping.keep_due(node)


def tell(node: Node, keys: Keys) -> int:
    """Hint to every confirmed peer that is to be told of something now; see `node.telling`.

    Returns:
        How many peers were told. A peer that cannot be told is tried again next time; it
        asks by itself anyway.
    """
    return telling.tell(
        node,
        lambda organisation, peer, question: ask_peer(
            node, keys, organisation, peer, messages.HINT, question
        ),
    )


def sync_now(node: Node, keys: Keys, *, label: str = "") -> Sequence[Outcome]:
    """Exchange with all peers, or the one called `label`, and hint to those with news here.

    Raises:
        NotFoundError: `peer.unknown`, no peer goes by that label.
    """
    only = None
    if label:
        with node.store.read() as reading:
            found = [peer for peer in reading.peers() if label in (peer.label, peer.id)]
        if not found:
            raise NotFoundError("peer.unknown", "no peer goes by that label")
        only = found[0].id
    outcomes = sync(node, keys, only=only)
    tell(node, keys)
    return outcomes


def _from_neighbours(node: Node, keys: Keys, organisation: Organisation) -> None:
    """Take in what other organisations hosted on this very node release; the same path."""
    with node.store.read() as reading:
        near = [each for each in reading.organisations() if each.id != organisation.id]
        due = []
        for neighbour in near:
            for row in reading.agreements():
                folded = node.folds.of(reading, row.id)
                if folded.instrument.party(neighbour.id) is None:
                    continue
                mark = str(visibility.mark(node, reading, folded, neighbour.id, organisation.id))
                name = f"near:{organisation.id}:{neighbour.id}:{row.id}"
                if mark != "0" and reading.cursor(name) != mark:
                    due.append((neighbour, row.id, name, mark))
    for neighbour, agreement, name, mark in due:

        def ask(question: bytes, holder: OrganisationId = neighbour.id) -> bytes:
            return release.page(node, organisation.id, holder, ItemsQuestion.decode(question))

        arrivals.pull(node, keys, organisation, neighbour.id, agreement, ask, [])
        with node.store.write() as writing:
            writing.set_cursor(name, mark)


def _with_peer(
    node: Node,
    keys: Keys,
    organisation: Organisation,
    peer: Peer,
    hinted: Sequence[News] | None,
    *,
    items: bool,
) -> Outcome:
    outcome = Outcome(organisation.label, peer.label)

    def exchange(begun: datetime) -> None:
        Exchange(node, keys, organisation, peer, items=items).run(outcome, begun, hinted)

    try:
        _with_renewed(exchange, node, peer)
    except (UnreachableError, UnverifiedError, MalformedError) as problem:
        outcome.problem, outcome.message = problem.code, problem.message
        peers.failed(node, peer, problem.code)
    except AlliedError as problem:
        outcome.problem, outcome.message = problem.code, problem.message
    except Exception as mistake:  # noqa: BLE001 - one peer's bytes never stop what others bring
        outcome.problem = "sync.internal"
        outcome.message = f"our mistake while taking in what it sent ({type(mistake).__name__})"
        peers.failed(node, peer, outcome.problem)
    else:
        peers.answered(node, peer)
    refusals.note(node, peer.id, outcome.refused)
    if outcome.records or outcome.items or outcome.agreements:
        node.notifier.changed(None)
    return outcome


def _with_renewed(exchange: Callable[[datetime], None], node: Node, peer: Peer) -> None:
    """Exchange with a peer, after fetching its identity again where it has changed its keys."""
    begun = node.clock.now()
    with node.store.read() as reading:
        frozen = renewals.parting(reading, peer.id) is not None
        due = frozen or renewals.is_due(reading, peer.id, begun)
    if due:  # one that is frozen may have taken its identity back
        with suppress(UnreachableError):
            renewals.refresh(node, peer)
        with node.store.write() as writing:
            renewals.asked(writing, peer.id, begun)
    with node.store.read() as reading:
        renewals.require_one_identity(reading, peer.id)
    try:
        exchange(begun)
    except UnverifiedError as problem:
        if problem.code not in renewals.OTHER_KEYS or not renewals.refresh(node, peer):
            raise
        exchange(begun)


def exchange_given(
    node: Node,
    keys: Keys,
    organisation: Organisation,
    peer: Peer,
    given: Ask,
    at: datetime,
) -> Outcome:
    """Exchange once with answers that a peer made earlier, by the same steps as over the network.

    Args:
        given: the peer's answer to a question of a verb; the caller knows that it is the peer's.
        at: when they were made: what is known of the parties is confirmed up to then.

    Raises:
        AlliedError: as the answers deserve; what was taken in before stands.
    """
    outcome = Outcome(organisation.label, peer.label)
    try:
        Exchange(node, keys, organisation, peer, given).run(outcome, at)
    finally:
        refusals.note(node, peer.id, outcome.refused)
        settle(node, keys)
        node.notifier.changed(None)
    return outcome


def ask_peer(
    node: Node, keys: Keys, organisation: Organisation, peer: Peer, verb: str, question: bytes
) -> bytes:
    """One signed question to a peer, and its verified answer.

    Raises:
        UnreachableError: it does not answer, or refuses, by its code.
    """
    return Exchange(node, keys, organisation, peer).ask(verb, question)
