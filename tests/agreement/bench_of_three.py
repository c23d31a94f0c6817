"""Three organisations with real keys under one agreement, and pens that write their records.

Built on the cast of `tests.record`; the records here are of a real genesis, so that
`agreement.judging` can judge them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from allied.agreement import genesis as founding
from allied.agreement.genesis import Instrument
from allied.record.canonical import Json
from allied.record.circle import Circle
from allied.record.ids import PartyId
from allied.record.kinds import rule
from allied.record.record import Dep, Header, Record, sorted_deps, written
from tests.record.cast import HARBOUR, NOON, NORTHGATE, RIVER, Organisation, cited

RIVER_P, HARBOUR_P, NORTHGATE_P = PartyId("river"), PartyId("harbour"), PartyId("northgate")
ORGANISATIONS: Mapping[PartyId, Organisation] = {
    RIVER_P: RIVER,
    HARBOUR_P: HARBOUR,
    NORTHGATE_P: NORTHGATE,
}
NONCE = bytes(16)
SALT = bytes(range(32))
LIFE = "{withdrawal: {notice: 30 days}}"
TEXT = """\
format: alliance/1
id: pact
form: {kind: contract}
parties:
  - {id: river}
  - {id: harbour}
  - {id: northgate, role: observer}
bodies:
  board: {members: [river, harbour]}
life: LIFE
articles:
  - {art: "1", type: information-sharing, share: [indicator], max_tlp: AMBER}
  - art: "2"
    type: collective-response
    trigger: {incident: [attack.cyber], severity: at least severe, attribution: not-needed}
    invoked_by: [victim]
    decision: automatic
    duties:
      - {who: other parties, owes: victim, do: assist, modality: must, answer_within: 2 hours}
"""


def pact(life: str = LIFE) -> bytes:
    return TEXT.replace("LIFE", life).encode()


def instrument(life: str = LIFE) -> Instrument:
    return founding.found(
        pact(life),
        "pact.yaml",
        {party: each.identity.id for party, each in ORGANISATIONS.items()},
        nonce=NONCE,
        salt=SALT,
    )


@dataclass
class Pen:
    """Writes one chain of one party of a pact; a minute passes between any two records."""

    pact: Instrument
    party: PartyId
    circle: Circle | None = None
    incarnation: int = 0
    at: datetime = NOON
    who: Organisation | None = None
    written: list[Record] = field(default_factory=list)

    @property
    def organisation(self) -> Organisation:
        return self.who or ORGANISATIONS[self.party]

    @property
    def last(self) -> Record:
        return self.written[-1]

    def write(
        self,
        kind: str,
        body: Mapping[str, Json],
        deps: Sequence[Record | Dep] = (),
        **changes: object,
    ) -> Record:
        last = self.written[-1] if self.written else None
        row = rule(kind)
        signer = self.organisation.acts if row.key == "acts" else self.organisation.automatic
        header = Header(
            agreement=self.pact.id,
            circle=(self.circle or self.pact.circles.all).id,
            issuer=self.organisation.identity.id,
            key=signer.public.key_id,
            incarnation=self.incarnation,
            sequence=len(self.written) + 1,
            previous=last.id if last else None,
            deps=sorted_deps([cited(each) for each in deps]),
            version=self.pact.genesis.version,
            kind=kind,
            claimed_at=self.at + timedelta(minutes=len(self.written)),
        )
        persons = {self.organisation.person: self.organisation.person_key} if row.act else None
        record = written(replace(header, **changes), body, signer, persons)  # type: ignore[arg-type]
        self.written.append(record)
        return record

    # --- what parties say ---------------------------------------------------------------

    def propose(self, deps: Sequence[Record] = (), **changes: object) -> Record:
        body: dict[str, Json] = {
            "genesis": founding.statement(self.pact.genesis),
            "text": self.pact.text.decode(),
            "salt": SALT.hex(),
        }
        return self.write("agreement.propose", body, deps, **changes)

    def person(self, deps: Sequence[Record] = (), **changes: object) -> Record:
        who = self.organisation
        body: dict[str, Json] = {"person": who.person, **who.person_key.public.to_json()}
        return self.write("identity.person", body | changes, deps)  # type: ignore[arg-type]

    def sign(self, deps: Sequence[Record] = (), **changes: Json) -> Record:
        genesis = self.pact.genesis
        body: dict[str, Json] = {
            "genesis": genesis.id,
            "text": genesis.text,
            "model": genesis.model,
        }
        return self.write("agreement.sign", body | changes, deps)

    def ratify(self, deps: Sequence[Record] = (), **changes: Json) -> Record:
        return self.write("agreement.ratify", {"genesis": self.pact.id} | changes, deps)

    def withdraw(
        self, deps: Sequence[Record] = (), cut: Sequence[Record] = (), **changes: Json
    ) -> Record:
        heads: Json = [cited(each).to_json() for each in sorted(cut, key=cited)]
        body: dict[str, Json] = {"genesis": self.pact.id, "cut": heads}
        return self.write("agreement.withdraw", body | changes, deps)

    def report(self, deps: Sequence[Record] = (), **changes: object) -> Record:
        body: dict[str, Json] = {"incident": "wiper", "known_at": "2026-03-02", "facts": {}}
        return self.write("incident.report", body, deps, **changes)


@dataclass
class Table:
    """The three with their pens in the circle of all, and the pact signed by all."""

    pact: Instrument
    river: Pen
    harbour: Pen
    northgate: Pen

    @property
    def pens(self) -> tuple[Pen, Pen, Pen]:
        return self.river, self.harbour, self.northgate

    @property
    def records(self) -> list[Record]:
        return [record for pen in self.pens for record in pen.written]

    @property
    def heads(self) -> list[Record]:
        return [pen.last for pen in self.pens]

    def others(self, pen: Pen) -> list[Record]:
        return [each.last for each in self.pens if each is not pen and each.written]

    def pen(self, party: PartyId, circle: Circle | None = None, **more: object) -> Pen:
        """Another chain of a party; by default much later than all here."""
        at = {"at": NOON + timedelta(days=1)} | more
        return Pen(self.pact, party, circle, **at)  # type: ignore[arg-type]


def table(life: str = LIFE, *, signed: bool = True) -> Table:
    """River proposes; all three list their person and sign, unless told otherwise."""
    made = instrument(life)
    seats = Table(made, Pen(made, RIVER_P), Pen(made, HARBOUR_P), Pen(made, NORTHGATE_P))
    proposal = seats.river.propose()
    if signed:
        for pen in seats.pens:
            pen.person([] if pen is seats.river else [proposal])
            pen.sign()
    return seats
