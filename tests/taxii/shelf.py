"""A node that holds items under real agreements, put straight into its store."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from importlib import resources
from pathlib import Path

from allied.adapters.clock import HandClock
from allied.adapters.folder import DataFolder
from allied.adapters.sealed import ALMOST_NONE_FOR_TESTS
from allied.adapters.settings import Settings
from allied.agreement import genesis
from allied.agreement.values import Tlp
from allied.bootstrap import assemble
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.stix import Kind
from allied.node import organisations, people
from allied.node.browsing import Page, Question, Stretch
from allied.node.collections import Collection, Collections, Root
from allied.node.node import Node
from allied.node.people import NewToken
from allied.node.rows import AgreementRow, ItemRow, Organisation, Token
from allied.record.ids import AgreementId, Digest, OrganisationId, PartyId

START = datetime(2026, 11, 23, 3, 0, 0, 250_000, tzinfo=UTC)
MODIFIED = "2026-01-01T00:00:00.000Z"
HARBOUR = OrganisationId(sha256(b"harbour").hexdigest())
NORTHGATE = OrganisationId(sha256(b"northgate").hexdigest())
FIRST, SECOND = PartyId("first"), PartyId("second")
TEXT = (resources.files("allied.agreement") / "templates" / "pact.yaml").read_bytes()


def indicator_id(word: object) -> str:
    return f"indicator--{uuid.uuid5(uuid.NAMESPACE_URL, str(word))}"


@dataclass(frozen=True)
class Given:
    """One item to be held; `raw` where an indicator will not do."""

    word: object
    tlp: Tlp = Tlp.GREEN
    modified: str = MODIFIED
    name: str = "an indicator"
    at: datetime = START
    originator: OrganisationId = HARBOUR
    type: str = "indicator"
    expires: datetime | None = None

    @property
    def id(self) -> str:
        return indicator_id(self.word).replace("indicator", self.type)

    @property
    def raw(self) -> bytes:
        if self.type == "ipv4-addr":
            return f'{{"type":"ipv4-addr", "id":"{self.id}", "value":"192.0.2.1"}}'.encode()
        members: dict[str, str | bool] = {
            "type": self.type,
            "spec_version": "2.1",
            "id": self.id,
            "created": "2026-01-01T00:00:00.000Z",
            "modified": self.modified,
            "name": self.name,
            "pattern": "[ipv4-addr:value = '192.0.2.1']",
            "pattern_type": "stix",
            "valid_from": "2026-01-01T00:00:00Z",
        }
        if self.type == "malware":
            members = {k: v for k, v in members.items() if k not in _OF_INDICATORS}
            members |= {"is_family": False}
        return json.dumps(members, indent=1, ensure_ascii=False).encode()

    @property
    def version(self) -> str:
        return sha256(self.raw).hexdigest() if self.type == "ipv4-addr" else self.modified


_OF_INDICATORS = {"pattern", "pattern_type", "valid_from"}


@dataclass
class Desk:
    """The collections of a node, each question in a snapshot of its own."""

    node: Node
    of: Collections

    def roots(self, token: Token) -> Sequence[Root]:
        with self.node.store.read() as reading:
            return self.of.roots(reading, token)

    def root(self, token: Token, name: str) -> Root:
        with self.node.store.read() as reading:
            return self.of.root(reading, token, name)

    def collection(self, token: Token, root: str, name: str) -> Collection:
        with self.node.store.read() as reading:
            return self.of.collection(reading, token, root, name)

    def page(
        self, token: Token, root: str, name: str, question: Question, item: str | None = None
    ) -> Page:
        """The page with bodies, which the stretch has to give as well."""
        with self.node.store.read() as reading:
            page = self.of.page(reading, token, root, name, question, item, bodies=True)
            assert replace(page, bodies=()) == self.of.page(
                reading, token, root, name, question, item, bodies=False
            )
            return page

    def objects(
        self, token: Token, root: str, name: str, question: Question, item: str | None = None
    ) -> Stretch:
        with self.node.store.read() as reading:
            return self.of.objects(reading, token, root, name, question, item)


@dataclass
class Shelf:
    """One node, its organisation, and the agreements it is in."""

    node: Node
    river: Organisation
    clock: HandClock
    nonces: Iterable[int] = field(default_factory=itertools.count)

    def agreement(self, bindings: Mapping[PartyId, OrganisationId]) -> AgreementId:
        number = next(iter(self.nonces))
        nonce, salt = number.to_bytes(16, "big"), number.to_bytes(32, "big")
        instrument = genesis.found(TEXT, "pact.yaml", bindings, nonce=nonce, salt=salt)
        row = AgreementRow(
            id=instrument.id,
            alias=instrument.terms.id,
            genesis=instrument.genesis.raw,
            text=TEXT,
            salt=salt.hex(),
            version=instrument.genesis.version,
            proposed_by=HARBOUR,
            known_since=START,
        )
        with self.node.store.write() as writing:
            writing.add_agreement(row)
        return instrument.id

    def pact(self) -> AgreementId:
        return self.agreement({FIRST: self.river.id, SECOND: HARBOUR})

    def foreign(self) -> AgreementId:
        return self.agreement({FIRST: NORTHGATE, SECOND: HARBOUR})

    def hold(
        self, agreement: AgreementId, given: Iterable[Given], holder: OrganisationId | None = None
    ) -> None:
        """Store items in one unit, in the order given."""
        with self.node.store.write() as writing:
            rows = []
            for one in given:
                handling = Handling(one.tlp, expires=one.expires)
                demand = Demand(Kind.INDICATOR, SECOND, handling)
                of = HandlingClass(SECOND, frozenset({demand}))
                class_id = writing.handling_class(agreement, of.key, of.canonical())
                row = ItemRow(
                    seq=0,
                    holder=holder or self.river.id,
                    originator=one.originator,
                    agreement=agreement,
                    id=one.id,
                    modified=one.version,
                    type=one.type,
                    kind="indicator",
                    digest=Digest(sha256(one.raw).hexdigest()),
                    size=len(one.raw),
                    class_id=class_id,
                    statement=Digest(sha256(b"statement").hexdigest()),
                    proof=b"",
                    via=one.originator,
                    received_at=one.at,
                    share="a-share",
                )
                rows.append((row, one.raw))
            writing.add_items(rows)

    def token(self, *agreements: AgreementId, ceiling: str = "AMBER") -> NewToken:
        return people.new_token(
            self.node, self.river, role="viewer", agreements=agreements, ceiling=ceiling
        )

    def collections(self) -> Desk:
        return Desk(self.node, Collections(self.node))


def open_shelf(root: Path) -> Shelf:
    folder = DataFolder(root / "river")
    folder.create()
    clock = HandClock(START)
    opened = assemble(folder, Settings(), clock=clock, hardness=ALMOST_NONE_FOR_TESTS)
    founded = organisations.found(
        opened.node, label="river", name="River Bank plc", url="", person="", passphrase="tests"
    )
    return Shelf(opened.node, founded.organisation, clock)
