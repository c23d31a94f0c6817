"""What `doctor` looks at besides the store and the chains: clock, keys, backup, certificate.

Words used here:
    around    what an entrypoint knows of the machine and a node does not
    evidence  a partner's signed claim of a time, held against one of ours that it cites, or
              against the present

Rules. Nobody is asked: a partner's clock is known by what it has signed. One partner that
disagrees may be wrong itself; when several do, it is ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError
from allied.node import proposals, renewals
from allied.record.identity import open_chain

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation
    from allied.record.ids import OrganisationId

LAST_BACKUP = "backup:last"
"""The cursor that remembers when the last backup was made."""
CLOCKS_DIFFER = timedelta(minutes=2)
RECENT = timedelta(days=30)
KEYS_OLD = timedelta(days=400)
BACKUP_OLD = timedelta(days=7)
CERTIFICATE_ENDS = timedelta(days=21)
_STUCK: Final = ("split", "contradicted")


@dataclass(frozen=True, slots=True)
class Examined:
    """One finding.

    Attributes:
        check: what was looked at, with the label of what it is about.
        state: ok, warning or problem.
        code: what kind of check it was; stable, see docs/operating.md.
    """

    check: str
    state: str
    text: str
    code: str


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate that somebody has asked to be watched.

    Attributes:
        ends: when it ends; None when it cannot be read.
    """

    name: str
    ends: datetime | None


@dataclass(frozen=True, slots=True)
class Around:
    """What is known of the machine.

    Attributes:
        free_bytes: where the data folder lies.
        recovery_files: names of recovery files that lie beside the data folder; None where
            nobody has looked.
        certificate: the one that the settings name, if they do.
        blocked: code of why nothing may be signed on this database; empty if it may, None
            where nobody has looked.
    """

    free_bytes: int
    recovery_files: tuple[str, ...] | None = None
    certificate: Certificate | None = None
    blocked: str | None = None


def look(node: Node, reading: Reading, around: Around) -> Iterator[Examined]:
    """Every finding, in a fixed order."""
    now = node.clock.now()
    yield from _clock(node, reading, now)
    if around.blocked is not None:
        yield _signing(around.blocked)
    for organisation in reading.organisations():
        yield _keys(reading, organisation, now)
    if around.recovery_files is not None:
        yield _recovery(around.recovery_files)
    yield _backup(reading, now)
    if around.certificate is not None:
        yield _certificate(around.certificate, now)
    yield from _partings(reading)


def decisions(node: Node) -> Iterator[Examined]:
    """Questions that cannot end by themselves."""
    with node.store.read() as reading:
        organisations = reading.organisations()
    for organisation in organisations:
        try:
            views = proposals.list_proposals(node, organisation)
        except AlliedError as broken:
            text = f"{broken.message} [{broken.code}]"
            yield Examined(f"decisions of {organisation.label}", "warning", text, "decisions")
            continue
        stuck = [each for each in views if each.deciding.stage in _STUCK]
        silent = sorted({who for each in views for who in each.deciding.obstructing})
        name = f"decisions of {organisation.label}"
        if stuck:
            ids = ", ".join(each.id[:12] for each in stuck)
            text = f"{len(stuck)} are frozen, people have to put them anew: {ids}"
            yield Examined(name, "problem", text, "decisions")
        elif silent:
            text = f"counts wait for long for {', '.join(silent)}"
            yield Examined(name, "warning", text, "decisions")
        else:
            yield Examined(name, "ok", f"{len(views)} questions, none is stuck", "decisions")


def _clock(node: Node, reading: Reading, now: datetime) -> Iterator[Examined]:
    """Our clock against what partners have signed."""
    mine = {each.id for each in reading.organisations()}
    differ: dict[OrganisationId, timedelta] = {}
    heard: set[OrganisationId] = set()
    for row in reading.agreements():
        try:
            folded = node.folds.of(reading, row.id)
        except AlliedError:
            continue  # said of the agreement that cannot be read
        for who, by in _evidence(folded, mine, now):
            heard.add(who)
            if abs(by) > abs(differ.get(who, timedelta())):
                differ[who] = by
    labels = {each.id: each.label for each in reading.peers()}
    wrong = {who: by for who, by in differ.items() if abs(by) > CLOCKS_DIFFER}
    told = ", ".join(
        f"{labels.get(who, who[:12])} {_apart(by)}" for who, by in sorted(wrong.items())
    )
    if not heard:
        yield Examined("clock", "ok", "no partner has signed a time lately", "clock")
    elif not wrong:
        yield Examined("clock", "ok", f"agrees with {len(heard)} partners", "clock")
    elif len(wrong) * 2 > len(heard) and len(wrong) > 1:
        yield Examined("clock", "problem", f"most partners disagree: {told}", "clock")
    else:
        yield Examined("clock", "warning", f"disagrees with {told}", "clock")


def _evidence(
    folded: Folded, mine: set[OrganisationId], now: datetime
) -> Iterator[tuple[OrganisationId, timedelta]]:
    """Whose clock is ahead of ours (positive) or behind (negative), at least by how much."""
    history = folded.history
    for record in history.order:
        header = record.header
        if header.issuer in mine or now - header.claimed_at > RECENT:
            continue
        yield header.issuer, max(header.claimed_at - now, timedelta())
        for dep in header.deps:
            cited = history.get(dep.id) if dep.issuer in mine else None
            if cited is not None and cited.header.claimed_at > header.claimed_at:
                yield header.issuer, header.claimed_at - cited.header.claimed_at


def _apart(by: timedelta) -> str:
    minutes = abs(by) // timedelta(minutes=1)
    return f"{minutes} min {'ahead' if by > timedelta() else 'behind'}"


def _signing(blocked: str) -> Examined:
    if blocked:
        text = f"nothing may be signed here before `allied resume` [{blocked}]"
        return Examined("signing", "problem", text, "signing")
    return Examined("signing", "ok", "the database is as far as the fence remembers", "signing")


def _keys(reading: Reading, organisation: Organisation, now: datetime) -> Examined:
    """How old the keys are, and what they will be followed by."""
    name = f"keys of {organisation.label}"
    try:
        current = open_chain(reading.descriptors(organisation.id)).current
    except AlliedError as broken:
        return Examined(name, "problem", f"{broken.message} [{broken.code}]", "keys")
    renewed = reading.cursor(f"renewed:{organisation.id}")
    since = datetime.fromisoformat(renewed) if renewed else organisation.created_at
    text = (
        f"descriptor {current.sequence}, {(now - since).days} days old;"
        f" next {current.next[:12]}, recovery {current.recovery[:12]}"
    )
    written = int(reading.cursor(f"descriptors:{organisation.id}") or 1)
    if current.sequence > written:
        text = (
            f"its identity goes on behind descriptor {written}, not by this node: put"
            f" the newer keys back, or take it back with `allied key recover --after {written}`"
        )
        return Examined(name, "problem", text, "keys")
    if now - since > KEYS_OLD:
        return Examined(name, "warning", f"{text}; rotate them (`allied key rotate`)", "keys")
    return Examined(name, "ok", text, "keys")


def _recovery(files: tuple[str, ...]) -> Examined:
    if files:
        names = ", ".join(files)
        text = f"{names}: whoever steals this machine has it; move it off"
        return Examined("recovery file", "warning", text, "recovery-file")
    return Examined("recovery file", "ok", "none lies beside the data folder", "recovery-file")


def _backup(reading: Reading, now: datetime) -> Examined:
    last = reading.cursor(LAST_BACKUP)
    if not last:
        return Examined("backup", "warning", "none was made yet (`allied backup create`)", "backup")
    at = datetime.fromisoformat(last)
    text = f"the last one is {(now - at).days} days old"
    changed = [
        each.label
        for each in reading.organisations()
        if reading.cursor(f"renewed:{each.id}") > last
    ]
    if changed:
        text = f"{text}, and {', '.join(changed)} has other keys since"
        return Examined("backup", "warning", text, "backup")
    return Examined("backup", "warning" if now - at > BACKUP_OLD else "ok", text, "backup")


def _certificate(certificate: Certificate, now: datetime) -> Examined:
    name = f"certificate {certificate.name}"
    if certificate.ends is None:
        return Examined(name, "warning", "it cannot be read", "certificate")
    left = certificate.ends - now
    text = f"ends {certificate.ends:%Y-%m-%d %H:%M} UTC, in {left.days} days"
    if left <= timedelta():
        return Examined(name, "problem", f"ended {certificate.ends:%Y-%m-%d}", "certificate")
    return Examined(name, "warning" if left < CERTIFICATE_ENDS else "ok", text, "certificate")


def _partings(reading: Reading) -> Iterator[Examined]:
    """Peers that have shown two continuations of their identity."""
    for peer in reading.peers():
        found = renewals.parting(reading, peer.id)
        if found is not None:
            yield Examined(
                f"identity of {peer.label}",
                "problem",
                f"it has shown two after descriptor {found.shared}; it is frozen here, ask it over"
                " another way [peer.identity-forked]",
                "identity",
            )
