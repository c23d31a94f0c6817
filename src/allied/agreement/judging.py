"""What the records of one agreement add up to: which have effect, and what they say.

Every record is judged once, by its own causal past and the closed table of the rules that
the agreement was made under, and that verdict never changes when more records arrive.
Records with effect become events (`agreement.standing` derives status from them), listings
of people, opened circles, and statements that the other pillars fold further.

Words used here:
    effect     what the table permits; the rest is kept, shown with its reason, and ignored
    past       the records that a record rests on, itself excluded
    statement  a record with effect that is about an incident, an obligation, an item ...

A withdrawal carries a cut: the heads that its issuer counted. What the issuer wrote beyond
the cut without knowing of its own withdrawal is kept, shown as late, and has no effect. A cut
speaks of the circle that it stands in: narrower ones are not named where others can read, so
what stands there keeps its effect, and duties accepted before leaving go on. A decision that puts
a party out, or suspends it, carries the cut that was counted.

A notice of leaving runs from when enough others had acknowledged it, and an objection to an amended
text counts from then on (`agreement.noticed`).

A decision has its effect through a certificate (`agreement.certified`), by what had closed and
not by when the certificate was written. Of two certificates that say different things about one
question neither has an effect for whoever knows both: people decide.

Rules that hold everywhere below. The fold depends on the set of records only: the order is
the history's. A record that is not in another's past changes nothing about that other, be it
a second proposal, signature or circle of somebody who wrote two chains. A proposal invites all whom
its text names: each of them may sign, also after entry into force. Nobody's clock
decides; claimed times are carried along as claims, one that runs backwards along its chain
takes its record's effect away (nobody leaves, or answers, earlier than it spoke), and what a
record rests on had happened when it was written, whatever time it claims. Two signatures by
one party count once. A record that binds to other bytes than the genesis of this agreement has
no effect. What cannot be judged has no effect. Who was bound when the agreement ended, or
before it left, may still speak about what it owes and is owed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, TypeAlias

from allied.agreement import chain
from allied.agreement.certificate import OF_PARTY
from allied.agreement.certified import certified, opening_of, read_proof, without
from allied.agreement.cuts import Cut, Removal, removals
from allied.agreement.effects import events_of
from allied.agreement.events import INVITED
from allied.agreement.knowing import custodians_of, known_events
from allied.agreement.listings import read_listing, read_opening
from allied.agreement.matters import OF_THE_REGISTER
from allied.agreement.noticed import Notice, acknowledged
from allied.agreement.pasts import Pasts, Seen, seen_of
from allied.agreement.result import read_result
from allied.agreement.revocation import (
    Reliance,
    against,
    is_beyond,
    known_ones,
    needed_of,
    standing_ones,
)
from allied.agreement.sameness import lengthened
from allied.agreement.standing import (
    NOTICE,
    RATIFIED,
    SIGNED,
    Event,
    Register,
    standing,
)
from allied.agreement.state import Signature, State, Verdict
from allied.agreement.tabled import OPEN, Said, with_next
from allied.agreement.wording import read_matter
from allied.errors import AlliedError, RefusedError
from allied.record.canonical import digest, encode
from allied.record.ids import OrganisationId, PartyId, PersonId, RecordId
from allied.record.keys import PublicKey
from allied.record.kinds import rule
from allied.record.outline import is_outline, verdict_in
from allied.record.record import read_deps
from allied.record.revocation import REVOKE, Revocation, read_revocation

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from allied.agreement.certified import Certified
    from allied.agreement.genesis import Instrument
    from allied.record.canonical import Json
    from allied.record.circle import Circle
    from allied.record.history import History
    from allied.record.ids import CircleId, Digest, KeyId
    from allied.record.record import ChainKey, Record

    Knows: TypeAlias = Callable[[RecordId], bool]
    FindCustodian: TypeAlias = Callable[[OrganisationId, KeyId], str]


MOST_PAPERS: Final = 16
"""So many proposals, signatures, ratifications and notices of one party each have an effect."""


@dataclass(slots=True)
class Judging:
    """Judges the records of one agreement, one after the other; becomes a frozen `State`."""

    instrument: Instrument
    history: History
    custodian: FindCustodian
    proposals: list[Record] = field(default_factory=list)
    signatures: dict[PartyId, Signature] = field(default_factory=dict)
    ratifications: dict[PartyId, Signature] = field(default_factory=dict)
    signed: dict[PartyId, list[RecordId]] = field(default_factory=dict)
    openings: dict[CircleId, list[RecordId]] = field(default_factory=dict)
    events: list[tuple[Record, Event]] = field(default_factory=list)
    persons: dict[OrganisationId, dict[PersonId, PublicKey]] = field(default_factory=dict)
    opened: dict[CircleId, Circle] = field(default_factory=dict)
    statements: list[Record] = field(default_factory=list)
    checkpoints: list[Record] = field(default_factory=list)
    outlined: set[RecordId] = field(default_factory=set)
    verdicts: dict[RecordId, Verdict] = field(default_factory=dict)
    lines: dict[ChainKey, bytes] = field(default_factory=dict)
    traced: set[RecordId] = field(default_factory=set)  # statements that are more than that
    cuts: dict[OrganisationId, list[Cut]] = field(default_factory=dict)
    known_cuts: Mapping[OrganisationId, Cut] = field(default_factory=dict)
    known_removals: Mapping[OrganisationId, Sequence[Removal]] = field(default_factory=dict)
    decided: dict[RecordId, list[Certified]] = field(default_factory=dict)
    custody: dict[PartyId, list[tuple[RecordId, str]]] = field(default_factory=dict)
    notices: dict[RecordId, Notice] = field(default_factory=dict)
    revocations: list[tuple[Record, Revocation]] = field(default_factory=list)
    known_revocations: Sequence[Revocation] = ()
    known_relied_on: frozenset[RecordId] = frozenset()
    known_changes: tuple[chain.Change, ...] = ()
    texts: chain.Texts = field(default_factory=chain.Texts)
    heard: list[tuple[Record, Revocation]] = field(default_factory=list)
    _relied_on: frozenset[RecordId] | None = None
    _pasts: Pasts = field(default_factory=Pasts)

    @property
    def bounds(self) -> tuple[object, ...]:
        """What is given to it that cuts somebody off; it judges alike as long as this is equal."""
        return (
            self.known_cuts,
            self.known_removals,
            self.known_revocations,
            self.known_relied_on,
            self.known_changes,
        )

    def going_on(self, history: History, custodian: FindCustodian) -> Judging:
        """A copy that judges the records of a later history; this one stays as it is."""
        return replace(
            self,
            history=history,
            custodian=custodian,
            proposals=[*self.proposals],
            signatures={**self.signatures},
            ratifications={**self.ratifications},
            signed={party: [*its] for party, its in self.signed.items()},
            openings={circle: [*its] for circle, its in self.openings.items()},
            events=[*self.events],
            persons={organisation: {**its} for organisation, its in self.persons.items()},
            opened={**self.opened},
            statements=[*self.statements],
            checkpoints=[*self.checkpoints],
            outlined={*self.outlined},
            verdicts={**self.verdicts},
            lines={**self.lines},
            traced={*self.traced},
            cuts={organisation: [*its] for organisation, its in self.cuts.items()},
            decided={question: [*its] for question, its in self.decided.items()},
            custody={party: [*its] for party, its in self.custody.items()},
            notices={
                record: replace(notice, heard=[*notice.heard])
                for record, notice in self.notices.items()
            },
            revocations=[*self.revocations],
            heard=[*self.heard],
            texts=self.texts.copy(),
            _relied_on=None,
            _pasts=Pasts(),
        )

    def judge_all(self, records: Iterable[Record]) -> None:
        """Judge records, in the history's order, behind those judged before."""
        for record in records:
            self.judge(record)

    def judge(self, record: Record) -> None:
        """Judge one record by its past and let it take effect."""
        if record.header.kind == REVOKE:
            with suppress(AlliedError):
                self.heard.append((record, self._revocation(record)))
        try:
            verdict = _BACK_DATED
            if is_outline(record):
                verdict = self._outlined(record)
            elif record.id not in self.history.contested:
                verdict = self._verdict(record)
            if verdict.effect:
                self._take_effect(record)
                self._speak(record)
        except AlliedError as refusal:
            verdict = Verdict(effect=False, code=refusal.code, reason=refusal.message)
        self.verdicts[record.id] = verdict
        line = self.lines.get(record.header.chain, b"")
        self.lines[record.header.chain] = lengthened(line, record, verdict)

    def repeat(self, record: Record, verdict: Verdict) -> None:
        """Take over what a record was judged to be, that is at most a statement.

        The line of its chain is for the caller.
        """
        if verdict.effect:
            self.statements.append(record)
            self._speak(record)
        self.verdicts[record.id] = verdict

    def _speak(self, record: Record) -> None:
        if record.header.circle == self.instrument.circles.all.id:
            self.texts.speak(record)

    def state(self) -> State:
        """The frozen result."""
        proposers = [self.instrument.party(each.header.issuer) for each in self.proposals]
        sourced = known_events(self._sourced(), self.decided, self.notices, lambda _: True)
        return State(
            alias=self.instrument.terms.id,
            proposed_by=proposers[0] if proposers else None,
            signatures=self.signatures,
            ratifications=self.ratifications,
            events=tuple(event for _, event in sourced),
            persons=self.persons,
            opened=self.opened,
            statements=tuple(self.statements),
            checkpoints=tuple(self.checkpoints),
            outlined=frozenset(self.outlined),
            verdicts=self.verdicts,
            lines=self.lines,
            sources=tuple(source for source, _ in sourced),
            decided={question: tuple(its) for question, its in self.decided.items()},
            custody=self.custody,
            notices=self.notices,
            revocations=tuple(self.heard),
            texts=self.texts.adopted,
            passed=self.texts.passed,
        )

    def standing_cuts(self) -> dict[OrganisationId, Cut]:
        """By issuer its first withdrawal under a key that no revocation takes the force from."""
        revoked = standing_ones(self.revocations)
        found: dict[OrganisationId, Cut] = {}
        for organisation, its in self.cuts.items():
            for cut in its:
                if not is_beyond(cut.withdrawal, revoked):
                    found.setdefault(organisation, cut)
        return found

    def relied_on(self) -> frozenset[RecordId]:
        """The papers that stand although their key was revoked: enough others relied on them."""
        if self._relied_on is None:
            self._relied_on = frozenset(self._find_relied_on() if self.revocations else ())
        return self._relied_on

    def _find_relied_on(self) -> Iterable[RecordId]:
        revoked = standing_ones(self.revocations)
        named = self.instrument.circles.all.members
        needed = needed_of(self.instrument.terms)
        reliance = Reliance(self.history, frozenset(map(self.instrument.organisation, named)))
        for record, event in self.events:
            if event.event in {SIGNED, RATIFIED}:
                beyond = against(record, revoked)
                if beyond and all(reliance.is_enough(record, each, needed) for each in beyond):
                    yield record.id

    def changes(self) -> tuple[chain.Change, ...]:
        """The changes of version, with the cut of each."""
        if not self.texts.adopted:
            return ()
        known = known_events(self._sourced(), self.decided, self.notices, lambda _: True)
        return self.texts.changes(self.instrument, self.history, known, self.verdicts)

    def removals(self) -> dict[OrganisationId, list[Removal]]:
        """How far each party that a decision put out, or suspended, was counted."""
        return removals(self.instrument, self.decided, self.verdicts)

    def _sourced(self) -> Iterable[tuple[RecordId, Event]]:
        return ((source.id, event) for source, event in self.events)

    # --- judging ------------------------------------------------------------------------

    def _verdict(self, record: Record) -> Verdict:
        header = record.header
        row = rule(header.kind, self.instrument.genesis.rules)
        party = self.instrument.party(header.issuer)
        if party is None:
            return _no("stranger", "its issuer is not named in the agreement")
        where = self._circle(record)
        if where is None or party not in where.members:
            return _no("other-circle", "its issuer is not in the circle it stands in")
        if where.kind not in row.circles:
            return _no("wrong-circle", f"{header.kind} is not said in a circle of this purpose")
        version, known, bound, once_bound = self._standing_in_past(record)
        if header.version != version:
            return _no("other-version", "it was written under another version of the text")
        if known not in row.states:
            return _no("wrong-state", f"{header.kind} has no effect while the agreement is {known}")
        if "ended" in row.states and (known == "ended" or "bound" not in row.issuers):
            bound = once_bound
        if not self._is_entitled(row.issuers, record, party, bound):
            return _no("not-entitled", f"{party} is not one who may write {header.kind}")
        return self._within_cuts(record)

    def _outlined(self, record: Record) -> Verdict:
        """What others have judged a record to be, of which only the outline is here."""
        self.outlined.add(record.id)
        code = verdict_in(record)
        if code:
            return Verdict(effect=False, code=code, reason="it is here in outline only")
        return self._within_cuts(record)

    def _circle(self, record: Record) -> Circle | None:
        header = record.header
        found = self.opened.get(header.circle)
        if found is not None and self._knows_any(record, self.openings[header.circle]):
            return found
        if header.kind == "circle.open":
            opening = read_opening(self.instrument, record)
            return opening if opening.id == header.circle else None
        party = self.instrument.party(header.issuer)
        return self.instrument.circles.of(party).get(header.circle) if party else None

    def _knows_any(self, record: Record, earlier: Iterable[RecordId]) -> bool:
        return any(self.history.knows(record.id, each) for each in earlier)

    def _is_entitled(
        self,
        issuers: frozenset[str],
        record: Record,
        party: PartyId,
        bound: frozenset[PartyId],
    ) -> bool:
        """Roles that the agreement knows; those of a matter are judged by its own pillar."""
        if issuers & {"party", "member"}:
            return True
        if "signatory" in issuers and self._knows_any(record, self.signed.get(party, ())):
            return True
        return bool(issuers - {"party", "member", "signatory"}) and party in bound

    def _standing_in_past(
        self, record: Record
    ) -> tuple[Digest, str, frozenset[PartyId], frozenset[PartyId]]:
        """Version, state, who is bound, who ever was: as the record's own past has it."""
        first = self.instrument.genesis.version
        if not self._knows_any(record, [each.id for each in self.proposals]):
            return first, "none", frozenset(), frozenset()
        claimed = record.header.claimed_at
        known = known_events(self._sourced(), self.decided, self.notices, self._knowing(record.id))
        seen = self._pasts.seen(known, claimed, self._look)
        return seen.version, _WORD[seen.state], seen.bound, seen.once

    def _look(self, events: tuple[Event, ...], claimed: datetime) -> Seen:
        """How the agreement stands by these events, and how long."""
        terms = self.instrument.terms
        if self.texts.adopted:
            here = chain.present(self.instrument, self.texts.adopted, events, claimed)
            version = chain.version_of(self.instrument, here.link)
            until = here.holds_until(claimed)
            return seen_of(here.versions.standing, version, claimed, until=until)
        found = standing(Register({terms.id: terms}, events), terms.id, claimed)
        return seen_of(found, self.instrument.genesis.version, claimed, until=found.holds_until)

    def _knowing(self, record: RecordId) -> Knows:
        return lambda earlier: self.history.knows(record, earlier)

    def _within_cuts(self, record: Record) -> Verdict:
        """Whether those who counted how far its issuer, or its key, holds had it."""
        if record.id not in self.known_relied_on and is_beyond(record, self.known_revocations):
            return _no("key-revoked", "its key was revoked, and its issuer does not count it")
        issuer, knows = record.header.issuer, self.history.knows
        cut = self.known_cuts.get(issuer)
        removed = self.known_removals.get(issuer, ())
        if (cut is not None and cut.is_before(record, knows)) or any(
            each.is_before(record, knows) for each in removed
        ):
            return _no("beyond-cut", "its issuer had left, and those who counted did not have it")
        if chain.is_late(record, self.instrument, self.known_changes):
            return _no("late-version", "the text had been changed, and it names the one before")
        return Verdict(effect=True)

    # --- effects ------------------------------------------------------------------------

    def _take_effect(self, record: Record) -> None:
        header = record.header
        party = self.instrument.party(header.issuer)
        if party is None or is_outline(record):
            return
        self._require_few(record)
        match header.kind:
            case "agreement.propose":
                self._require_same_genesis(digest(encode(record.body.get("genesis"))))
                self.proposals.append(record)
                self.events.append((record, self._event(INVITED, None, record)))
            case "identity.person":
                self._list(record)
            case "agreement.sign":
                self._require_same_text(record.body)
                self._once(self.signatures, party, record, SIGNED)
                self.signed.setdefault(party, []).append(record.id)
                keeper = self._keeper(header.issuer, header.key)
                self.custody.setdefault(party, []).append((record.id, keeper))
            case "agreement.ratify" | "agreement.object" if "version" in record.body:
                self._take_word(record, party)
            case "agreement.ratify":
                self._require_same_genesis(record.body.get("genesis"))
                self._once(self.ratifications, party, record, RATIFIED)
            case "agreement.withdraw":
                self._require_same_genesis(record.body.get("genesis"))
                heads = {dep.chain: dep.sequence for dep in read_deps(record.body.get("cut"))}
                self.cuts.setdefault(header.issuer, []).append(Cut(record, heads))
                self.events.append((record, self._event(NOTICE, party, record)))
                self.notices[record.id] = Notice(header.claimed_at)
                self.statements.append(record)
            case "circle.open":
                opening = read_opening(self.instrument, record)
                self.opened.setdefault(opening.id, opening)
                self.openings.setdefault(opening.id, []).append(record.id)
            case "decision.certificate":
                self._require_unsaid(record)
                self._decide(record)
                self.statements.append(record)
            case "checkpoint":
                self.checkpoints.append(record)
            case "key.revoke":
                self.revocations.append((record, self._revocation(record)))
                self.statements.append(record)
            case _:
                self._note(record, party)
                self.statements.append(record)

    def _list(self, record: Record) -> None:
        """Take a person into the listing of its organisation, or off it."""
        person, key, ends = read_listing(record.body)
        listed = self.persons.setdefault(record.header.issuer, {})
        if ends:
            listed.pop(person, None)
        else:
            listed[person] = key

    def _take_word(self, record: Record, party: PartyId) -> None:
        """Take a party's consent to an amended text, or its objection."""
        self._require_same_genesis(record.body.get("genesis"))
        knows = self._knowing(record.id)
        self.events.append((record, self.texts.word(record, party, self.instrument, knows)))
        if record.header.kind == "agreement.object":
            self.notices[record.id] = Notice(record.header.claimed_at)
        self.statements.append(record)

    def _keeper(self, issuer: OrganisationId, key: KeyId) -> str:
        """Who keeps a key, by its label where that is a party."""
        said = self.custodian(issuer, key)
        of = self.instrument.party(OrganisationId(said))
        return said if of is None else f"{OF_PARTY}{of}"

    def _note(self, record: Record, party: PartyId) -> None:
        """Note which text a question is about, and which notices a receipt for all names."""
        if self.texts.open(record):
            self.traced.add(record.id)
        everybody = self.instrument.circles.all.id
        if record.header.kind == "receipt" and self.notices and record.header.circle == everybody:
            for each in acknowledged(record):
                notice = self.notices.get(RecordId(each))
                if notice is not None and self.history.knows(record.id, RecordId(each)):
                    self.traced.add(record.id)
                    notice.hear(record, party, self._knowing(record.id))

    def _revocation(self, record: Record) -> Revocation:
        everywhere = record.header.circle == self.instrument.circles.all.id
        return replace(read_revocation(record), everywhere=everywhere)

    def _decide(self, record: Record) -> None:
        """Let a decision on a matter of the register have its effect, if it is proved."""
        opening = opening_of(record.body)
        if read_matter(opening.body.get("matter")).kind not in OF_THE_REGISTER:
            return  # judged where it is read
        proof = read_proof(record.body)
        everybody = self.instrument.circles.all
        party = self.instrument.party(opening.header.issuer)
        if record.header.circle != everybody.id or party is None:
            raise _without_effect("wrong-circle", "it is decided where not everybody can read it")
        # An opening whose chain was set aside later is judged by what the certificate knows.
        stays = self.history.knows(record.id, opening.id)
        knows = self._knowing(opening.id if stays else record.id)
        at = opening.header.claimed_at
        known = known_events(self._sourced(), self.decided, self.notices, knows)
        events = tuple(replace(event, at=min(event.at, at)) for _, event in known)
        terms = self.instrument.terms
        said = Said(OPEN, party, opening.body, at, opening.id, opening.header.sequence, knows)
        on = with_next(
            terms,
            chain.register_of(self.instrument, self.texts.adopted, events),
            (),
            everybody.members,
            said,
            sides=lambda *_: None,
        ).tabled[0]
        custodians = custodians_of(self.custody, knows)
        proof = without(proof, known_ones(self.heard, self._knowing(record.id)))
        found = certified(proof, record.id, on, custodians, self.instrument.party)
        self.decided.setdefault(opening.id, []).append(found)
        self.events += [(record, event) for event in events_of(on.terms, found)]
        if found.matter.kind in chain.OF_THE_TEXT:
            own = self._knowing(record.id)
            known = known_events(self._sourced(), self.decided, self.notices, own)
            by_then = [event for _, event in known]
            made = self.texts.adopt(self.instrument, found, record, opening.body, events, by_then)
            self.events += [(record, event) for event in made]

    def _once(
        self, counted: dict[PartyId, Signature], party: PartyId, record: Record, event: str
    ) -> None:
        """Show the first; a later one is an event as well, for those who know only that one."""
        persons = tuple(assertion.person for assertion in record.assertions)
        counted.setdefault(party, Signature(party, record.id, record.header.claimed_at, persons))
        self.events.append((record, self._event(event, party, record)))

    def _require_few(self, record: Record) -> None:
        """Papers that a party writes again and again stop being events.

        It may leave and come back, so a second one counts. What a thief of its key wrote before it
        revoked that key is not its own.
        """
        if record.header.kind not in _PAPERS or "version" in record.body:
            return
        revoked = known_ones(self.heard, self._knowing(record.id))
        alike = sum(
            (each.header.kind, each.header.issuer) == (record.header.kind, record.header.issuer)
            and self.history.knows(record.id, each.id)
            and not is_beyond(each, revoked)
            for each, _ in self.events
        )
        if alike >= MOST_PAPERS:
            raise _without_effect("said-too-often", "its issuer has said that too often")

    def _require_unsaid(self, record: Record) -> None:
        """A certificate of what its own past has certified adds nothing."""
        question = record.body.get("proposal")
        its = self.decided.get(RecordId(question), ()) if isinstance(question, str) else ()
        known = {each.digest for each in its if self.history.knows(record.id, each.certificate)}
        if known and read_result(record.body.get("result")).digest in known:
            raise _without_effect("said-already", "it certifies what it knows to be certified")

    def _event(self, event: str, party: PartyId | None, record: Record) -> Event:
        return Event(
            agreement=self.instrument.terms.id,
            event=event,
            party=party,
            at=record.header.claimed_at,
        )

    def _require_same_genesis(self, value: Json) -> None:
        if value != self.instrument.id:
            raise _without_effect("other-genesis", "it speaks of another agreement")

    def _require_same_text(self, body: Mapping[str, Json]) -> None:
        genesis = self.instrument.genesis
        self._require_same_genesis(body.get("genesis"))
        if body.get("text") != genesis.text or body.get("model") != genesis.model:
            raise _without_effect("other-text", "it signs other words than those proposed")


_PAPERS: Final = frozenset(
    {"agreement.propose", "agreement.sign", "agreement.ratify", "agreement.withdraw"}
)

_WORD: Final = {
    "proposed": "proposed",
    "signed": "proposed",
    "in-force": "in-force",
    "lapsed": "ended",
    "suspended": "in-force",
    "expired": "ended",
    "terminated": "ended",
}


def _no(code: str, reason: str) -> Verdict:
    return Verdict(effect=False, code=f"effect.{code}", reason=reason)


_BACK_DATED: Final = _no(
    "time-contested", "it claims to be earlier than what its issuer said before it"
)


def _without_effect(code: str, reason: str) -> RefusedError:
    return RefusedError(f"effect.{code}", reason)
