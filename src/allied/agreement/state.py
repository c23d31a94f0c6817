"""One agreement after a set of records: what the fold gives, frozen.

How records come to it is for `fold`; what of it somebody knows who has seen only some of the
records, for `knowing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from allied.agreement.chain import Present, present, register_of, version_of
from allied.agreement.knowing import custodians_of, known_events
from allied.agreement.standing import Event, Register, Standing, standing
from allied.agreement.tally import ADOPTED

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from typing import TypeAlias

    from allied.agreement.amended import Amended
    from allied.agreement.certified import Certified
    from allied.agreement.genesis import Instrument
    from allied.agreement.noticed import Notice
    from allied.agreement.terms import Agreement
    from allied.record.circle import Circle
    from allied.record.ids import CircleId, Digest, OrganisationId, PartyId, PersonId, RecordId
    from allied.record.keys import PublicKey
    from allied.record.record import ChainKey, Record
    from allied.record.revocation import Revocation

    Knows: TypeAlias = Callable[[RecordId], bool]

_MOMENTS: Final = 8
"""Of so many moments it is kept who was bound."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a record has effect, and why not if it has none."""

    effect: bool
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Signature:
    """That a party signed (or ratified): which record, when by its own claim, and who."""

    party: PartyId
    record: RecordId
    claimed_at: datetime
    persons: tuple[PersonId, ...]


@dataclass(frozen=True, slots=True)
class State:
    """One agreement after a set of records.

    Attributes:
        proposed_by: the party that put the text forward; None before its record is here.
        signatures, ratifications: by party, the first of each.
        events: what happened, as `agreement.standing` reads it.
        persons: who may act for which organisation, by pseudonym.
        opened: circles beyond the standing ones.
        statements: records with effect that other pillars fold, in the history's order.
        verdicts: of every record in the history.
        outlined: the records that are here in outline only.
        checkpoints: what parties said that they come to, in the history's order.
        lines: of every chain, a digest over its records and their verdicts (`sameness`).
        alias: the file's id, under which events and register know the agreement.
        sources: of each event, the record that it comes from.
        decided: by question, what certificates prove on matters of the register.
        custody: by party, who keeps its acts key, as of each record by which it signed.
        notices: of leaving, and objections, by record, with who acknowledged them.
        revocations: every one that can be read, whether it has effect or not.
        texts: by statement, amended texts that certificates prove to be adopted.
        passed: by question, the code of why a text that was adopted is no version.
    """

    alias: str
    proposed_by: PartyId | None
    signatures: Mapping[PartyId, Signature]
    ratifications: Mapping[PartyId, Signature]
    events: tuple[Event, ...]
    persons: Mapping[OrganisationId, Mapping[PersonId, PublicKey]]
    opened: Mapping[CircleId, Circle]
    statements: tuple[Record, ...]
    verdicts: Mapping[RecordId, Verdict]
    checkpoints: tuple[Record, ...] = ()
    outlined: frozenset[RecordId] = frozenset()
    sources: tuple[RecordId, ...] = ()
    decided: Mapping[RecordId, tuple[Certified, ...]] = field(default_factory=dict)
    custody: Mapping[PartyId, Sequence[tuple[RecordId, str]]] = field(default_factory=dict)
    notices: Mapping[RecordId, Notice] = field(default_factory=dict)
    revocations: tuple[tuple[Record, Revocation], ...] = ()
    texts: Mapping[Digest, Amended] = field(default_factory=dict)
    passed: Mapping[RecordId, str] = field(default_factory=dict)
    lines: Mapping[ChainKey, bytes] = field(default_factory=dict)
    _stood: dict[datetime, Standing] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )
    _lately: list[tuple[datetime, datetime | None, Present]] = field(
        default_factory=list, compare=False, repr=False
    )

    def register(self, instrument: Instrument) -> Register:
        """The register of this one agreement, with all versions of its text."""
        return register_of(instrument, self.texts, self.events)

    def present(self, instrument: Instrument, at: datetime) -> Present:
        """Which text counts at `at`, of those that are adopted."""
        return present(instrument, self.texts, self.events, at)

    def terms(self, instrument: Instrument, at: datetime) -> Agreement:
        """The text in force at `at`: the newest that has taken effect."""
        return self._text(instrument, at).terms if self.texts else instrument.terms

    def version(self, instrument: Instrument, at: datetime) -> Digest:
        """The version in force at `at`, as records name it.

        A number may stand for another text later, where rivals are settled; this never does.
        """
        link = self._text(instrument, at).link if self.texts else None
        return version_of(instrument, link)

    def all_terms(self, instrument: Instrument) -> tuple[Agreement, ...]:
        """The first text, and whatever was adopted later, in effect or not."""
        return (instrument.terms, *(self.texts[each].terms for each in sorted(self.texts)))

    def terms_between(
        self, instrument: Instrument, one: PartyId, other: PartyId, at: datetime
    ) -> Agreement:
        """The newest text in force at `at` that reached both parties; else the newest of all."""
        if not self.texts:
            return instrument.terms
        return self._text(instrument, at).between(one, other, instrument.terms)

    def _text(self, instrument: Instrument, at: datetime) -> Present:
        """Which text counts at `at`; kept until another one may, for nothing but that."""
        for since, until, kept in self._lately[-1:]:
            if since <= at and (until is None or at < until):
                return kept
        found = self.present(instrument, at)
        ends = [found.holds_until(at), *(each.at for each in self.events if each.at > at)]
        until = min((each for each in ends if each is not None), default=None)
        self._lately[:] = [(at, until, found)]
        return found

    def version_known(self, instrument: Instrument, knows: Knows, at: datetime) -> Digest:
        """What a record has to name as the version, by what it knows and claims."""
        if not self.texts:
            return instrument.genesis.version
        events = self._known_events(knows, at)
        return version_of(instrument, present(instrument, self.texts, events, at).link)

    def known(self, instrument: Instrument, knows: Knows, at: datetime) -> Register:
        """The register as a record of `at` knows it."""
        return register_of(instrument, self.texts, self._known_events(knows, at))

    def _known_events(self, knows: Knows, at: datetime) -> tuple[Event, ...]:
        sourced = zip(self.sources, self.events, strict=True)
        found = known_events(sourced, self.decided, self.notices, knows)
        return tuple(replace(event, at=min(event.at, at)) for _, event in found)

    def custodians(self, knows: Knows) -> Mapping[PartyId, str]:
        """Who keeps the acts key of each party, as a record knows it."""
        return custodians_of(self.custody, knows)

    def about(self, party: PartyId) -> frozenset[RecordId]:
        """The certificates on a party that put it out, or let it in: it has to hear of them."""
        return frozenset(
            each.certificate
            for its in self.decided.values()
            for each in its
            if each.matter.party == party and each.result.outcome == ADOPTED
        )

    def standing(self, instrument: Instrument, at: datetime) -> Standing:
        """Who is bound at `at`; kept for some moments, since one is asked about again and again.

        Always asked with the one instrument of the agreement.
        """
        found = self._stood.get(at)
        if found is None:
            if self.texts:
                found = self.present(instrument, at).versions.standing
            else:
                found = standing(self.register(instrument), self.alias, at)
            if len(self._stood) >= _MOMENTS:
                self._stood.clear()
            self._stood[at] = found
        return found

    def circles_of(self, instrument: Instrument, party: PartyId) -> Mapping[CircleId, Circle]:
        """Every circle that `party` is in, by id."""
        found = dict(instrument.circles.of(party))
        for opened in self.opened.values():
            if party in opened.members:
                found[opened.id] = opened
        return found
