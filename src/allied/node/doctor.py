"""What is wrong, or soon will be, with this node: one finding per check.

Looks at the store, the disk, the identities, the peers and their clocks, keys and backups, the
disclosure ledgers, decisions and the chains of every agreement. It changes nothing and asks
nobody outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from allied.agreement import checkpoints
from allied.agreement.sameness import state_digest
from allied.errors import AlliedError
from allied.node import (
    checkpointing,
    checkups,
    comparing,
    integrity,
    ledger_proofs,
    mail_routes,
    refusals,
    scrubbing,
    witness,
)
from allied.node.account import StoreAccount
from allied.node.checkups import Around, Examined
from allied.node.peers import protection
from allied.record.identity import open_chain

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.ledger_proofs import Checked
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation
    from allied.record.ids import AgreementId

LOW_DISK = 1 << 30
SILENT = timedelta(hours=24)


def examine(
    node: Node, *, free_bytes: int = 0, around: Around | None = None, deep: bool = False
) -> Sequence[Examined]:
    """Every finding, in a fixed order.

    Args:
        free_bytes: where the data folder lies; used where nothing more is known (`around`).
        deep: read the whole database, and compute every digest and signature again.
    """
    around = around or Around(free_bytes)
    findings = [_disk(around.free_bytes), _database(node.store.account())]
    with node.store.read() as reading:
        findings += checkups.look(node, reading, around)
        findings += _organisations(node, reading)
        findings += _peers(node, reading)
        findings += _mail(reading)
        findings += _agreements(node, reading)
        findings += _witnessed(node, reading)
    findings += checkups.decisions(node)
    if deep:
        findings += _whole(node)
    return findings


def _whole(node: Node) -> Iterator[Examined]:
    """Whether everything is as it was signed and stored."""
    whole = integrity.check(node)
    for each in whole.findings:
        text = f"{each.count}: {each.text} [{each.code}]"
        yield Examined(f"store: {each.subject}", "problem", text, "store")
    if not whole.findings:
        text = f"{whole.records} records, {whole.ledger_rows} ledger rows and every item hold"
        yield Examined("store", "ok", text, "store")


def _disk(free_bytes: int) -> Examined:
    free = f"{free_bytes / 2**30:.1f} GiB free"
    if free_bytes < LOW_DISK // 10:
        return Examined("disk", "problem", f"{free}: almost full", "disk")
    return Examined("disk", "ok" if free_bytes >= LOW_DISK else "warning", free, "disk")


def _database(account: StoreAccount) -> Examined:
    text = f"{account.product}, {account.size / 2**20:.1f} MiB, called {account.name}"
    if account.unsafe:
        off = " and ".join(account.unsafe)
        danger = f"{off} is off, so a power cut can lose what was signed"
        return Examined("database", "problem", f"{text}: {danger}", "database")
    return Examined("database", "ok", text, "database")


def _organisations(node: Node, reading: Reading) -> Iterator[Examined]:
    organisations = reading.organisations()
    if not organisations:
        yield Examined(
            "organisations",
            "problem",
            "none is hosted here; start with `allied init`",
            "organisations",
        )
    for organisation in organisations:
        name = f"identity of {organisation.label}"
        try:
            open_chain(reading.descriptors(organisation.id))
            yield Examined(name, "ok", "its chain of descriptors holds", "identity")
        except AlliedError as broken:
            yield Examined(name, "problem", f"{broken.message} [{broken.code}]", "identity")
        if not reading.people(organisation.id):
            yield Examined(
                f"people of {organisation.label}", "warning", "nobody may act for it yet", "people"
            )
        name = f"ledger of {organisation.label}"
        try:
            held = ledger_proofs.check_in(node, reading, organisation)
            yield Examined(name, "ok", _kept(held), "ledger")
        except AlliedError as broken:
            yield Examined(name, "problem", f"{broken.message} [{broken.code}]", "ledger")
        yield _bytes(reading, organisation)


def _bytes(reading: Reading, organisation: Organisation) -> Examined:
    """Whether what a disk has spoilt of items and texts came again."""
    name = f"bytes of {organisation.label}"
    missing = scrubbing.spoilt(reading, organisation.id)
    if missing:
        return Examined(
            name,
            "problem",
            f"{missing} items were spoilt on disk and are withheld: share them again, let others"
            f" do so, or restore a backup [{scrubbing.CODE}]",
            "bytes",
        )
    lost = scrubbing.lost_texts(reading)
    if lost:
        return Examined(
            name,
            "problem",
            f"{lost} texts beside records were spoilt on disk, and no partner has given them again:"
            " sync, or restore a backup [store.blob-bytes]",
            "bytes",
        )
    return Examined(name, "ok", "no item is withheld because a disk has spoilt it", "bytes")


def _kept(held: Checked) -> str:
    """That an own ledger holds, and how much of it its partners could hold it to."""
    text = f"{held.rows} rows, each follows from the one before; {held.roots} daily roots hold"
    return f"{text}, {held.awaiting} rows await one" if held.awaiting else text


def _witnessed(node: Node, reading: Reading) -> Iterator[Examined]:
    """Whether the roots that partners have signed go together."""
    name = "ledgers of partners"
    try:
        found = witness.contradictions(node, reading)
    except AlliedError:
        return  # said of the agreement that cannot be read
    if found:
        yield Examined(
            name,
            "problem",
            f"{found} have shown two pasts; `allied ledger witnessed` names them",
            "partners-ledgers",
        )
    else:
        yield Examined(
            name, "ok", "no contradiction among the roots they have signed", "partners-ledgers"
        )


_WAYS: Final = {"sealed": "sealed to it", "loopback": "in clear on this machine"}


def _peers(node: Node, reading: Reading) -> Iterator[Examined]:
    now = node.clock.now()
    for peer in reading.peers():
        name = f"peer {peer.label}"
        if peer.confirmed_at is None:
            yield Examined(
                name, "warning", "its fingerprint is not confirmed; nothing goes to it", "peer"
            )
        elif peer.failures:
            yield Examined(
                name, "warning", f"{peer.failures} failures in a row [{peer.last_problem}]", "peer"
            )
        elif peer.seen_at is None:
            yield Examined(name, "warning", "it has not answered yet", "peer")
        elif now - peer.seen_at > SILENT:
            yield Examined(
                name, "warning", f"last answer {peer.seen_at:%Y-%m-%d %H:%M} UTC", "peer"
            )
        else:
            text = f"last answer {peer.seen_at:%Y-%m-%d %H:%M} UTC, {_WAYS[protection(peer.url)]}"
            yield Examined(name, "ok", text, "peer")
        found = refusals.of(reading, peer.id)
        if found.at is not None and now - found.at < SILENT:
            text = (
                f"{found.total} of what it has sent did not hold and were refused, the last on"
                f" {found.at:%Y-%m-%d %H:%M} UTC [{found.last}]"
            )
            yield Examined(f"what {peer.label} sends", "warning", text, "refused")


def _mail(reading: Reading) -> Iterator[Examined]:
    for route in mail_routes.routes(reading):
        how = mail_routes.served(reading, route.id)
        name = f"mail to {route.to}"
        if how.failures:
            text = f"{how.failures} failures in a row [{how.problem}]"
            yield Examined(name, "warning", text, "mail")
        else:
            last = f"{how.digest_at:%Y-%m-%d %H:%M} UTC" if how.digest_at else "never yet"
            yield Examined(name, "ok", f"last digest {last}", "mail")
    box = mail_routes.box_of(reading)
    if not box.folder:
        return
    name = "mail that comes in"
    last = f"{box.taken_at:%Y-%m-%d %H:%M} UTC" if box.taken_at else "never yet"
    if box.problem:
        text = f"in {box.folder} {box.left} mails stay that did not hold [{box.problem}]"
        yield Examined(name, "warning", text, "mail")
    else:
        yield Examined(name, "ok", f"last taken in from {box.folder} {last}", "mail")


def _agreements(node: Node, reading: Reading) -> Iterator[Examined]:
    for row in reading.agreements():
        name = f"agreement {row.alias}"
        try:
            folded = node.folds.of(reading, row.id)
        except AlliedError as broken:
            yield Examined(name, "problem", f"{broken.message} [{broken.code}]", "agreement")
            continue
        history = folded.history
        if history.frozen:
            who = {folded.instrument.party(chain.issuer) or "?" for chain in history.frozen}
            yield Examined(
                name,
                "problem",
                f"{len(history.frozen)} chains part, of {', '.join(sorted(who))}: a number was"
                " signed twice; people decide",
                "agreement",
            )
        elif history.contested:
            yield Examined(
                name,
                "warning",
                f"{len(history.contested)} records claim times that run backwards",
                "agreement",
            )
        else:
            yield Examined(name, "ok", f"{len(history.order)} records in order", "agreement")
        here = folded.state.present(folded.instrument, node.clock.now())
        if here.chain.rivals:
            text = (
                f"{len(here.chain.rivals)} amended texts are adopted on version {here.number}:"
                " none counts until a further one settles them"
            )
            yield Examined(name, "problem", text, "agreement")
        yield from _states(reading, row.id, row.alias, folded)
        yield from _checkpoints(reading, row.alias, folded)
        waiting = len(reading.parked(row.id))
        if waiting:
            yield Examined(
                name, "warning", f"{waiting} records wait for others to arrive", "agreement"
            )


def _states(
    reading: Reading, agreement: AgreementId, alias: str, folded: Folded
) -> Iterator[Examined]:
    """Whether partners come to the same from the same records."""
    everybody = folded.instrument.circles.all.id
    own = state_digest(folded.history, folded.state, {everybody})[:12]
    labels = {each.id: each.label for each in reading.peers()}
    for organisation in reading.organisations():
        if folded.instrument.party(organisation.id) is None:
            continue
        found = {
            label: comparing.compared(reading, organisation.id, peer, agreement)
            for peer, label in labels.items()
        }
        name = f"state of {alias} for {organisation.label}"
        other = [(label, each.since) for label, each in found.items() if each and not each.same]
        same = sorted(label for label, each in found.items() if each and each.same)
        if other:
            told = ", ".join(f"{label} since {since:%Y-%m-%d %H:%M} UTC" for label, since in other)
            text = (
                f"{own}; from the same records another one has come out at {told}: compare the"
                " releases (`allied --version`) and `allied doctor --deep` on both sides"
            )
            yield Examined(name, "problem", text, "states")
        elif same:
            yield Examined(name, "ok", f"{own}; the same at {', '.join(same)}", "states")
        else:
            yield Examined(name, "ok", f"{own}; not held against a partner's yet", "states")


def _checkpoints(reading: Reading, alias: str, folded: Folded) -> Iterator[Examined]:
    """How far enough members agree on what they come to, and where this node does not."""
    instrument, state = folded.instrument, folded.state
    hosted = [each for each in reading.organisations() if instrument.party(each.id)]
    name = f"checkpoints of {alias}"
    for organisation in hosted:
        for one in checkpointing.differing(reading, folded, organisation.id):
            text = (
                f"{one.party} signed on {one.at:%Y-%m-%d %H:%M} UTC that it comes to something"
                " else than this node, from the same records: compare the releases"
                " (`allied --version`) and `allied doctor --deep` on both sides"
            )
            yield Examined(name, "problem", text, "checkpoints")
    reached = [
        point
        for circle in checkpoints.shared_circles(instrument)
        if (point := folded.reached(circle)) is not None
    ]
    if reached:
        last = max(reached, key=lambda each: each.at)
        text = (
            f"the last one on {last.at:%Y-%m-%d %H:%M} UTC, over {last.count} records, signed by"
            f" {', '.join(sorted(last.supporters))}"
        )
        outlines = len(state.outlined)
        more = f"; {outlines} records from before are here in outline only" if outlines else ""
        yield Examined(name, "ok", text + more, "checkpoints")


__all__ = ["Around", "Examined", "examine"]
