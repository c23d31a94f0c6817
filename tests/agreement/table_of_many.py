"""A council of pens without keys: what each party writes, what it knows, and the steps it takes.

Records here are `Said` values with clocks of their own, as a node would read them; a party knows
what it was told, and everything that those who told it knew.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache

from allied.agreement.closing import CLOSE, COUNT, TALLY, Progress, progress, tally_of
from allied.agreement.events import Register
from allied.agreement.matters import Matter
from allied.agreement.outcome import OPEN
from allied.agreement.tabled import Said, Sides, Tabled, counted, tabled
from allied.agreement.terms import Agreement, load
from allied.agreement.wording import text_of
from allied.record.canonical import Json
from allied.record.ids import CircleId, OrganisationId, PartyId, RecordId
from allied.record.record import ChainKey, Dep

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
END = AT + timedelta(days=4)
DEADLINE = "2026-03-06T09:00:00Z"
CIRCLE = CircleId("c" * 64)
TEXT_ID = text_of(Matter(kind="body", body="council"), "a" * 64)


@cache
def terms(names: tuple[str, ...], rule: str) -> Agreement:
    """An agreement in force between the parties, whose council decides by `rule`."""
    text = f"""\
format: alliance/1
id: pact
form: {{kind: contract}}
parties:
  - {{ids: [{", ".join(names)}], joined: 2020-01-01}}
bodies:
  council: {{rule: {rule}}}
articles:
  - {{art: "1", type: statement}}
"""
    (found,) = load(text.encode(), "pact.yaml")
    assert isinstance(found, Agreement)
    return found


def organisation(name: str) -> OrganisationId:
    return OrganisationId(hashlib.sha256(name.encode()).hexdigest())


@dataclass
class Pen:
    """One chain of one party, or one of several of a party that cheats."""

    party: PartyId
    incarnation: int = 0
    written: list[Said] = field(default_factory=list)
    known: dict[RecordId, Said] = field(default_factory=dict)

    @property
    def chain(self) -> ChainKey:
        return ChainKey(CIRCLE, organisation(self.party), self.incarnation)

    def hear(self, *others: Said) -> None:
        """Take records in, with all that they rest on."""
        for each in others:
            self.known[each.record] = each
            self.known.update(PASTS[each.record])

    def write(self, kind: str, body: Mapping[str, Json], at: datetime = AT) -> Said:
        past = dict(self.known)
        clock: dict[ChainKey, int] = {}
        for each in past.values():
            assert each.chain is not None
            clock[each.chain] = max(each.number, clock.get(each.chain, 0))
        number = len(self.written) + 1
        name = f"{self.chain} {number} {kind} {sorted(past)} {sorted(body.items(), key=str)} {at}"
        record = RecordId(hashlib.sha256(name.encode()).hexdigest())
        said = Said(
            kind=kind, party=self.party, body=body, at=at, record=record, number=number,
            knows=past.__contains__, chain=self.chain, clock=lambda: {**clock, self.chain: number},
        )  # fmt: skip
        self.written.append(said)
        self.known[record] = said
        PASTS[record] = past
        return said

    def heads(self) -> list[Json]:
        last: dict[ChainKey, Said] = {}
        for each in self.known.values():
            assert each.chain is not None
            if each.chain not in last or last[each.chain].number < each.number:
                last[each.chain] = each
        deps = sorted(Dep(*chain, each.number, each.record) for chain, each in last.items())
        return [dep.to_json() for dep in deps]


PASTS: dict[RecordId, dict[RecordId, Said]] = {}


@dataclass
class Council:
    """Parties with their pens, and one question that the first of them put."""

    names: tuple[str, ...]
    rule: str = "{kind: simple-majority}"
    deadline: str = DEADLINE
    custodians: Mapping[PartyId, str] = field(default_factory=dict)
    pens: dict[str, Pen] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.names:
            self.pens[name] = Pen(PartyId(name))
        words: Json = {"blob": "a" * 64, "size": 9}
        body: dict[str, Json] = {"matter": {"kind": "body", "body": "council"}, "words": words}
        if self.deadline:
            body["deadline"] = self.deadline
        self.opening = self.pens[self.names[0]].write("proposal.open", body)
        self.tell(self.opening)

    @property
    def agreement(self) -> Agreement:
        return terms(self.names, self.rule)

    def tell(self, *records: Said, to: Iterable[str] | None = None) -> None:
        for name in self.names if to is None else to:
            self.pens[name].hear(*records)

    def everybody_knows(self) -> None:
        records = [each for pen in self.pens.values() for each in pen.known.values()]
        self.tell(*records)

    # --- what parties say ---------------------------------------------------------------

    def vote(self, who: str | Pen, choice: str, at: datetime = AT) -> Said:
        body: dict[str, Json] = {
            "proposal": self.opening.record, "text": TEXT_ID, "choice": choice
        }  # fmt: skip
        return self._pen(who).write("vote.cast", body, at)

    def receipt(self, who: str | Pen, at: datetime, *records: Said) -> Said:
        named: list[Json] = [each.record for each in records]
        return self._pen(who).write("receipt", {"records": named}, at)

    def close(self, who: str | Pen, at: datetime = END, **changes: Json) -> Said:
        pen = self._pen(who)
        body: dict[str, Json] = {"proposal": self.opening.record, "heads": pen.heads()}
        return pen.write(CLOSE, body | changes, at)

    def tally(self, who: str | Pen, at: datetime = END, **changes: Json) -> Said:
        """Over all closes that the assembler knows, and as they come to."""
        pen = self._pen(who)
        on, state = self.on(pen), self.progress(pen)
        closes = sorted(state.closes.values(), key=lambda each: each.record)
        named: list[Json] = [each.record for each in closes]
        body: dict[str, Json] = {"proposal": self.opening.record, "closes": named}
        if "result" not in changes:
            body["result"] = tally_of(on, closes).to_json()
        return pen.write(TALLY, body | changes, at)

    def count(self, who: str | Pen, after: Said, at: datetime = END, **changes: Json) -> Said:
        pen = self._pen(who)
        found = [each for each in self.progress(pen).tallies if each.record == after.record]
        body: dict[str, Json] = {"proposal": self.opening.record, "tally": after.record}
        if found:
            body["result"] = found[0].result.digest
        return pen.write(COUNT, body | changes, at)

    def _pen(self, who: str | Pen) -> Pen:
        return who if isinstance(who, Pen) else self.pens[who]

    # --- what somebody sees -------------------------------------------------------------

    def on(self, who: str | Pen | None = None) -> Tabled:
        """The question as a party has it; None for one who has everything."""
        records: dict[RecordId, Said] = {}
        for pen in self.pens.values() if who is None else [self._pen(who)]:
            records.update(pen.known)
        ordered = sorted(records.values(), key=lambda each: (_depth(each), each.record))
        agreement = self.agreement
        (found,) = tabled(
            agreement,
            Register({"pact": agreement}, ()),
            ordered,
            frozenset(agreement.party_ids),
            sides=lambda *_: Sides(),
        ).tabled
        return found

    def progress(self, who: str | Pen | None = None) -> Progress:
        return progress(self.on(who), self.custodians)

    def invalid(self, said: Said) -> str:
        """Why a step has no effect; empty where it has one."""
        reasons = {each.record: each.reason for each in self.progress().invalid}
        return reasons.get(said.record, "")

    # --- what an honest node does -------------------------------------------------------

    def honest(self, who: str, at: datetime) -> list[Said]:
        """The steps that a node takes by itself, knowing what it knows."""
        pen, taken = self.pens[who], []
        party = pen.party
        state = self.progress(pen)
        if party not in state.closes and counted(self.on(pen), at).outcome != OPEN:
            taken.append(self.close(pen, at))
            state = self.progress(pen)
        if not state.tallies and state.enough_closes and party in state.order:
            taken.append(self.tally(pen, at))
            state = self.progress(pen)
        if state.signed(party) is None and state.tallies:
            named = next(each for each in pen.known.values()
                         if each.record == state.tallies[0].record)  # fmt: skip
            taken.append(self.count(pen, named, at))
        return taken


def _depth(said: Said) -> int:
    """More than that of all it rests on."""
    return len(PASTS[said.record])
