"""What houses of the network do and show, in one word each; and what a liar can do.

A liar has real keys and a pen of its own: `crafted` signs a record that the program would
not have written, and `slip_in` puts it into the liar's own store, from where honest peers
fetch it like any other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, cast
from weakref import WeakKeyDictionary

from sqlalchemy import text as sql

from allied.agreement import sameness
from allied.agreement.state import State
from allied.node import agreements, incidents, items, journal, keeping, sharing
from allied.node.folds import Folded, Folds
from allied.node.ports import Reading, Store
from allied.record.canonical import Json
from allied.record.circle import Circle
from allied.record.ids import AgreementId
from allied.record.kinds import rule
from allied.record.record import Dep, Header, Record, sorted_deps, whole_milliseconds, written
from tests.node.network import House, Network

DEMO = (resources.files("allied.agreement") / "templates" / "demo.yaml").read_bytes()
OPEN = DEMO.replace(b"    third_party:", b"    encrypt: may\n    third_party:")
"""A file that is not sealed may hold items under it, and can be looked into."""
ATTACK = (resources.files("allied.story") / "incident.yaml").read_bytes()
RIVER, HARBOUR, NORTHGATE = "river", "harbour", "northgate"
NAMES = {RIVER: "River Bank plc", HARBOUR: "Harbour Logistics SA", NORTHGATE: "Northgate CERT"}


def three(root: Path) -> Network:
    """Three houses that know each other, and nothing agreed."""
    network = Network(root)
    for label, name in NAMES.items():
        network.found(label, name)
    network.introduce_all()
    return network


def allied(root: Path, text: bytes = DEMO) -> tuple[Network, str]:
    """Three houses under one agreement; its id."""
    network = three(root)
    return network, network.sign_all(text, RIVER)


def propose(house: House, text: bytes = DEMO, given: Mapping[str, str] | None = None) -> str:
    proposal = agreements.prepare(house.node, house.organisation, text, "pact.yaml", given or {})
    return agreements.propose(house.node, house.actor, proposal).id


# --- looking ------------------------------------------------------------------------------


def folded(house: House, agreement: str) -> Folded:
    """The agreement as a house holds it, folded afresh.

    Also from what would have been kept of it when this was asked before, and from what is kept now:
    that has to come to the same.
    """
    store = house.node.store
    with store.read() as reading:
        found = Folds().of(reading, agreements.resolve(reading, agreement).id)
        seen = Looking(reading, _PARTS.get(store, {}).get(found.row.id, ()))
        looking = cast("Reading", seen)
        require_alike(found, Folds().of(looking, found.row.id))
        after, _, parts = keeping._made(looking, found, afresh=False)
        seen.parts = (*seen.parts[:after], *parts)
        folds = Folds()
        require_alike(found, folds.of(looking, found.row.id))
        assert folds.covered(found.row.id) == len(found.history.order)
    _PARTS.setdefault(store, {})[found.row.id] = seen.parts
    return found


_PARTS: WeakKeyDictionary[Store, dict[AgreementId, tuple[bytes, ...]]] = WeakKeyDictionary()
"""What would have been kept, by store and agreement."""


class Looking:
    """A reading of a store in which these parts of a fold are kept."""

    def __init__(self, reading: Reading, parts: Sequence[bytes]) -> None:
        self._reading = reading
        self.parts = tuple(parts)

    def kept_folds(self, _: AgreementId) -> Sequence[bytes]:
        return self.parts

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            return getattr(self._reading, name)


def require_alike(one: Folded, other: Folded) -> None:
    """Two folds of one agreement say the same of everything."""
    assert one.state == other.state
    assert one.history == other.history
    assert (one.last_row, one.last_record) == (other.last_row, other.last_record)
    if one.progress is not None and other.progress is not None:
        assert one.progress.first.bounds == other.progress.first.bounds
        assert (one.progress.second is None) == (other.progress.second is None)
        assert one.progress.first.lines == other.progress.first.lines
    for record in one.history.order:
        assert one.history.clock(record.id) == other.history.clock(record.id)


def state(house: House, agreement: str) -> State:
    return folded(house, agreement).state


def state_digest(house: House, agreement: str) -> str:
    """One word for all that the records of an agreement come to, in the circle of all."""
    found = folded(house, agreement)
    everybody = found.instrument.circles.all.id
    return sameness.state_digest(found.history, found.state, {everybody})


def heads(house: House, agreement: str) -> dict[object, object]:
    """What a house holds complete in the circle of all."""
    found = folded(house, agreement)
    everybody = found.instrument.circles.all.id
    return {chain: head for chain, head in found.history.heads.items() if chain[0] == everybody}


def held(house: House, agreement: str) -> list[str]:
    """The STIX ids that a house holds."""
    return [
        view.id for view in items.list_items(house.node, house.organisation, agreement=agreement)
    ]


def run_sql(house: House, statement: str, **values: object) -> None:
    """Change a house's database behind the program's back."""
    engine = house.node.store.engine  # type: ignore[attr-defined]
    with engine.begin() as connection:
        connection.execute(sql(statement), values)


# --- doing --------------------------------------------------------------------------------


def share(
    house: House, agreement: str, *objects: Mapping[str, object], wish: sharing.Wish | None = None
) -> sharing.Shared:
    bundle = {"type": "bundle", "id": "bundle--6c0f3a9e-1f2a-4b52-9c0e-000000000001"}
    raw = json.dumps(bundle | {"objects": objects}).encode()
    return sharing.share(
        house.node,
        house.organisation,
        house.keys,
        lambda: iter((raw,)),
        agreement,
        wish or sharing.Wish(),
    )


def attack(house: House, agreement: str, name: str = "terminal-wiper") -> incidents.IncidentView:
    """Report the attack of the story, as this house's own."""
    raw = ATTACK.replace(b"terminal-wiper", name.encode())
    raw = raw.replace(b"harbour\n", house.label.encode() + b"\n")
    raw = raw.replace(b"against: harbour", b"against: " + house.label.encode())
    (view,) = incidents.report(house.node, house.actor, raw, "incident.yaml", agreement)
    return view


# --- lying --------------------------------------------------------------------------------


def crafted(
    house: House,
    agreement: str,
    kind: str,
    body: Mapping[str, Json],
    *,
    circle: Circle | None = None,
    deps: Sequence[Dep] | None = None,
    after: Record | None = None,
    assent: bool = True,
    **changes: object,
) -> Record:
    """A record signed with a house's real keys, wherever and however it wants.

    Args:
        deps: all heads of the circle unless given.
        after: the record that it follows; by default its own last one of its first life.
        changes: to the header.
    """
    found = folded(house, agreement)
    where = circle or found.instrument.circles.all
    organisation = house.organisation
    row = rule(kind)
    signer = house.keys.signer(organisation.id, row.key)
    own = [
        record
        for record in found.history.order
        if (record.header.issuer, record.header.incarnation) == (organisation.id, 0)
        and record.header.circle == where.id
    ]
    last = after or (own[-1] if own else None)
    if "incarnation" in changes and after is None:
        last = None
    cited = journal.heads_in(found, where) if deps is None else deps
    header = Header(
        agreement=found.row.id,
        circle=where.id,
        issuer=organisation.id,
        key=signer.public.key_id,
        incarnation=0,
        sequence=last.header.sequence + 1 if last else 1,
        previous=last.id if last else None,
        deps=(),
        version=found.row.version,
        kind=kind,
        claimed_at=whole_milliseconds(house.node.clock.now()),
    )
    header = replace(header, **changes)  # type: ignore[arg-type]
    deps = [dep for dep in cited if dep.chain != header.chain]
    header = replace(header, deps=sorted_deps(deps))
    persons = {}
    if row.act and assent:
        person = house.keys.person(organisation.id, "kim", found.row.id)
        persons[person.person] = person.signer
    return written(header, body, signer, persons)


def slip_in(house: House, *records: Record) -> None:
    """Put records into a house's own store, unasked."""
    with house.node.store.write() as writing:
        writing.add_records([journal.as_row(record) for record in records])


def record_of(house: House, agreement: str, kind: str, issuer: House | None = None) -> Record:
    """The first record of a kind by an issuer (by default the house itself)."""
    wanted = (issuer or house).organisation.id
    return next(
        record
        for record in folded(house, agreement).history.order
        if record.header.kind == kind and record.header.issuer == wanted
    )


def later(network: Network, **by: float) -> datetime:
    network.advance(timedelta(**by))
    return network.clock.now()
