"""Which text of an agreement counts at a moment, for whom, and who is bound under it.

The texts of an agreement form one chain: the first, then each amended text in the order in which
they were adopted. An amended text is a file of its own; `amended` names it. When it takes effect
is counted by `agreement.amending`; how the agreement would stand under one text is for
`agreement.standing`; here the two are brought together.

Words used here:
    text       one of the chain, known by the id of its file; the agreement goes by the id of the
               first
    adopted    agreed on as an amendment; it takes effect later, or never
    accepted   a party whom a text reached: it counts towards everybody else whom it reached
    between    two parties stand under the newest text that reached both

Rules that hold everywhere below. The order of events decides nothing, and an event after the
moment asked for is not known. An amendment works from the moment at which it takes effect and
never back. It reaches every bound party whom it names, but for objectors: they leave, or keep to
the old text, or are bound all the same, as the text before says; one who kept to the old text is
reached by a later consent. Whoever joins later joins the newest text. A party that only an amended
text names joins with it, once it has consented itself. A party that an amended text leaves out is
not put out by that: it keeps the old text. Notice runs by the text under which it was given. An
objection after an amendment has taken effect is late and changes nothing.

A text that has versions of its own is an agreement and no version of another.

Source: agreement format, "Amendment"; Vienna Convention on the Law of Treaties, Art 30(4), 34, 39
and 40(4) and (5).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from allied.agreement.amending import (
    BOUND,
    LEAVE,
    NOTICE,
    VOTING_ROLES,
    Effect,
    Mode,
    Word,
    mode_of,
    take_effect,
)
from allied.agreement.days import later
from allied.agreement.events import (
    ACCEDED,
    AMENDED,
    CHANGED,
    EXPELLED,
    JOINED,
    NOTICE as NOTICE_OF_LEAVING,
    OBJECTED,
    RATIFIED,
    SIGNED,
    Event,
    Register,
)
from allied.agreement.standing import PartyStanding, Spell, Standing, standing
from allied.agreement.terms import Agreement
from allied.errors import NotFoundError
from allied.record.ids import PartyId

VERSION_LIMIT: Final = 64
"""Amended texts of one agreement; later ones have no effect."""

_PAPERS: Final = frozenset({SIGNED, RATIFIED, ACCEDED})
_MOST_GROUPS: Final = 128
_WORDS: Final = _PAPERS | {OBJECTED}
_HERE: Final = frozenset({"bound", "leaving"})
_CARRIED: Final = frozenset({"expulsion-undecided", "expulsion-without-rule"})
"""What is reported of an expulsion, and says nothing of one who leaves by an earlier text."""


@dataclass(frozen=True, slots=True)
class Text:
    """One text of an agreement at one moment.

    Attributes:
        version: the id of its file.
        number: its place in the chain; 0 for the first.
        adopted: when; None for the first.
        mode: how it takes effect; None for the first.
        effect: how far that has come; None for the first.
        accepted: whom it reached, and since when.
        standing: how the agreement stands under it.
    """

    version: str
    number: int
    terms: Agreement
    adopted: datetime | None
    mode: Mode | None
    effect: Effect | None
    accepted: Mapping[PartyId, datetime]
    standing: Standing

    @property
    def in_effect(self) -> bool:
        """Whether it counts for anybody, or has counted."""
        return self.effect is None or self.effect.since is not None


@dataclass(frozen=True, slots=True)
class Versions:
    """The texts of an agreement at one moment.

    Attributes:
        texts: the chain, the first text first, with those that have not taken effect.
        standing: how the agreement stands: each party under the newest text that reached it.
        warnings: (code, sentence), beside those of the standing.
    """

    agreement: str
    texts: tuple[Text, ...]
    standing: Standing
    warnings: tuple[tuple[str, str], ...] = ()

    @property
    def newest(self) -> Text:
        """The last text that has taken effect."""
        return next(text for text in reversed(self.texts) if text.in_effect)

    def of(self, party: PartyId) -> Text:
        """The newest text that reached a party; the newest of all for a stranger."""
        return next((text for text in reversed(self.texts) if party in text.accepted), self.newest)

    def between(self, one: str, other: str) -> Text | None:
        """The newest text that reached both; None where there is none."""
        return next(
            (
                text
                for text in reversed(self.texts)
                if one in text.accepted and other in text.accepted
            ),
            None,
        )

    @property
    def counting(self) -> tuple[Text, ...]:
        """The texts by which some two bound parties stand; the newest where nobody is bound."""
        if len(self.texts) == 1:
            return self.texts
        reached: dict[frozenset[int], int] = {}
        for party in self.standing.bound:
            its = frozenset(text.number for text in self.texts if party in text.accepted)
            reached[its] = reached.get(its, 0) + 1
        groups = sorted(reached, key=sorted)
        if len(groups) > _MOST_GROUPS:  # which two parties stand by which is asked for each debt
            found = set().union(*groups)
            return tuple(text for text in self.texts if text.number in found)
        found = {
            max(one & other)
            for one in groups
            for other in groups
            if one & other and (one != other or reached[one] > 1)
        }
        return tuple(text for text in self.texts if text.number in found) or (self.newest,)


def versions(register: Register, agreement: str, at: datetime) -> Versions:
    """Say which texts of `agreement` count at `at`, and how it stands.

    Args:
        agreement: the id of the file with its first text.
        at: an aware datetime.

    Raises:
        NotFoundError: `register.unknown-agreement`.
        MalformedError: `agreement.unknown-timezone`.

    Cost: one `standing` without an amendment; one more for each amended text.
    """
    terms = register.agreements.get(agreement)
    if terms is None:
        raise NotFoundError("register.unknown-agreement", "the register has no such agreement")
    if not any(event.version for event in register.events):
        stands = standing(register, agreement, at)
        accepted = {party: its.since for party, its in stands.parties.items() if its.since}
        first = Text(agreement, 0, terms, None, None, None, accepted, stands)
        return Versions(agreement, (first,), stands)
    return _Chain(register, terms, at).read()


def versions_of(register: Register) -> Mapping[str, tuple[str, ...]]:
    """The ids of the amended texts of each agreement that has any, at whatever moment.

    Cost: linear in the events.
    """
    found: dict[str, dict[str, datetime]] = {}
    for event in register.events:
        if event.event == AMENDED and event.version in register.agreements:
            its = found.setdefault(event.agreement, {})
            its[event.version] = min(event.at, its.get(event.version, event.at))
    chains = {
        agreement: tuple(
            sorted((v for v in its if v not in found), key=lambda version: (its[version], version))
        )
        for agreement, its in found.items()
        if agreement in register.agreements
    }
    return {agreement: its for agreement, its in chains.items() if its}


class _Chain:
    """The texts of one agreement, read one after the other."""

    def __init__(self, register: Register, terms: Agreement, at: datetime) -> None:
        self._register = register
        self._terms = terms
        self._at = at
        self._own = [event for event in register.events if event.agreement == terms.id]
        self._plain = tuple(e for e in self._own if not (e.version and e.event in _WORDS))
        self._notices: dict[PartyId, datetime] = {}
        for event in self._plain:
            if event.event == NOTICE_OF_LEAVING and event.party is not None:
                first = self._notices.get(event.party, event.at)
                self._notices[event.party] = min(first, event.at)
        self._people: dict[PartyId, PartyStanding] = {}
        self._out: dict[PartyId, datetime] = {}
        self._texts: list[Text] = []
        self._warnings: list[tuple[str, str]] = []

    def read(self) -> Versions:
        terms, at = self._terms, self._at
        first = standing(Register({terms.id: terms}, self._plain), terms.id, at)
        accepted = {p: e.since for p, e in first.parties.items() if e.since is not None}
        self._texts.append(Text(terms.id, 0, terms, None, None, None, accepted, first))
        adopted = self._adopted()
        if not adopted:
            return Versions(terms.id, tuple(self._texts), first, tuple(self._warnings))
        self._people = dict(first.parties)
        for version, moment in adopted:
            self._texts.append(self._amended(self._register.agreements[version], moment))
        return self._joined()

    def _adopted(self) -> list[tuple[str, datetime]]:
        """The amended texts that are adopted by now, in their order."""
        known = [e for e in self._own if e.event == AMENDED and e.at <= self._at]
        if not known:
            return []
        others = {e.agreement for e in self._register.events if e.event == AMENDED}
        found: dict[str, datetime] = {}
        for event in known:
            if event.version in others:
                self._warn(
                    "version-of-its-own",
                    f"{event.version} is an agreement of its own and no version of"
                    f" {self._terms.id}",
                )
            elif event.version in self._register.agreements:
                found[event.version] = min(event.at, found.get(event.version, event.at))
        chain = sorted(found.items(), key=lambda entry: (entry[1], entry[0]))
        if len(chain) > VERSION_LIMIT:
            said = f"more than {VERSION_LIMIT} amended texts; the later ones have no effect"
            self._warn("too-many-versions", said)
        return chain[:VERSION_LIMIT]

    def _amended(self, terms: Agreement, adopted: datetime) -> Text:
        """Read one amended text: when it takes effect, whom it reaches, who stands how."""
        before = self._before(adopted)
        mode = mode_of(before.terms, terms)
        words = self._words(terms.id, before.terms)
        due = later(mode.notice, adopted, self._terms.timezone) if mode.how == NOTICE else None
        spells = {party: _spells(stands) for party, stands in self._people.items()}
        effect = take_effect(mode, words, spells, _voters(before.terms), adopted, due, self._at)
        self._warn_late(terms.id, words, effect, spells)
        accepted: dict[PartyId, datetime] = {}
        stands = before.standing
        if effect.since is not None:
            accepted = self._reached(terms, mode, effect, effect.since, words, spells)
            if mode.objectors == LEAVE:
                self._out.update(dict.fromkeys(effect.objecting, effect.since))
            stands = self._standing(terms, before.terms, accepted)
        if effect.since is not None:
            if mode.objectors == LEAVE:
                self._put_out(effect.objecting, effect.since)
            for party in terms.party_ids:
                if party in accepted or party not in self._people:
                    self._people[party] = stands.parties[party]
        number = len(self._texts)
        return Text(terms.id, number, terms, adopted, mode, effect, accepted, stands)

    def _put_out(self, parties: Iterable[PartyId], at: datetime) -> None:
        for party in parties:
            its = self._people[party]
            spells = tuple(s for s in _spells(its) if s.since < at)
            spells = (*spells[:-1], replace(spells[-1], until=at)) if spells else ()
            self._people[party] = replace(its, legal="former", until=at, spells=spells)

    def _before(self, adopted: datetime) -> Text:
        """The newest text in effect when another was adopted."""
        return next(
            text
            for text in reversed(self._texts)
            if text.effect is None
            or (text.effect.since is not None and text.effect.since <= adopted)
        )

    def _words(self, version: str, before: Agreement) -> list[Word]:
        """Consents to a version and objections to it, known by now."""
        papers = _PAPERS - {SIGNED} if before.life.in_force_when.asks_ratification else _PAPERS
        return [
            Word(event.party, event.at, event.event == OBJECTED)
            for event in self._own
            if event.version == version
            and event.party is not None
            and event.at <= self._at
            and (event.event == OBJECTED or event.event in papers)
        ]

    def _reached(
        self,
        terms: Agreement,
        mode: Mode,
        effect: Effect,
        since: datetime,
        words: list[Word],
        spells: Mapping[PartyId, tuple[Spell, ...]],
    ) -> dict[PartyId, datetime]:
        """Whom a text in effect reaches, and since when."""
        consents: dict[PartyId, datetime] = {}
        for word in words:
            if not word.objects:
                consents[word.party] = max(since, min(word.at, consents.get(word.party, word.at)))
        over: dict[PartyId, datetime] = {}
        for word in sorted(words, key=lambda word: word.at):
            if not word.objects and word.at > since:
                over.setdefault(word.party, word.at)
        found: dict[PartyId, datetime] = {}
        for party in terms.party_ids:
            if party in effect.objecting and mode.objectors != BOUND:
                if mode.objectors != LEAVE and party in over:
                    found[party] = over[party]
            elif its := spells.get(party):
                starts = [s.since for s in its if s.until is None or s.until > since]
                if starts:
                    found[party] = max(since, starts[0])
            elif not spells.get(party) and party in consents:
                found[party] = consents[party]
        return found

    def _standing(
        self, terms: Agreement, before: Agreement, accepted: Mapping[PartyId, datetime]
    ) -> Standing:
        """How the agreement stands under a later text.

        The text is asked as if it had been the first: its parties begin when they began, what
        was said under earlier texts is carried over, and its own rules hold for the rest.
        """
        carried: dict[PartyId, datetime] = dict(self._out)
        begun: dict[PartyId, datetime] = {}
        for party, its in self._people.items():
            if its.since is not None:
                begun[party] = _spells(its)[0].since
            if its.until is not None and self._gave_notice(party, accepted.get(party)):
                carried.setdefault(party, its.until)
        for party in accepted:
            begun.setdefault(party, accepted[party])
        roles = {party.id: party.role for party in before.parties}
        retitled = {party.id for party in terms.parties if roles.get(party.id) != party.role}
        events = [e for e in self._plain if not _is_past(e, begun, accepted, retitled)]
        events += [Event(self._terms.id, JOINED, party, since) for party, since in begun.items()]
        events += [
            Event(self._terms.id, EXPELLED, party, until)
            for party, until in carried.items()
            if until <= self._at
        ]
        named = {party.id for party in terms.parties}
        parties = (*terms.parties, *(each for each in before.parties if each.id not in named))
        merged = replace(
            terms,
            id=self._terms.id,
            timezone=self._terms.timezone,
            parties=tuple(replace(each, joined=None) for each in parties),
            life=replace(terms.life, signature_window=None, entry_deadline=None),
        )
        found = standing(Register({merged.id: merged}, tuple(events)), merged.id, self._at)
        return self._carried(found, carried)

    def _gave_notice(self, party: PartyId, reached: datetime | None) -> bool:
        """Whether a party gave notice before a text reached it."""
        first = self._notices.get(party)
        return reached is not None and first is not None and first < reached

    def _carried(self, found: Standing, carried: Mapping[PartyId, datetime]) -> Standing:
        """Write those who leave by an earlier text as leaving, and not as put out."""
        parties = dict(found.parties)
        for party, until in carried.items():
            its = parties.get(party)
            if its is None or its.until not in {None, until}:
                continue
            if until <= self._at:
                legal = "former"
            else:
                legal = "leaving" if its.legal == "bound" else its.legal
            spells = (*its.spells[:-1], replace(its.spells[-1], until=until)) if its.spells else ()
            parties[party] = replace(its, legal=legal, until=until, spells=spells)
        warnings = tuple(
            (code, said)
            for code, said in found.warnings
            if code not in _CARRIED or said.partition(":")[0] not in carried
        )
        return replace(found, parties=parties, warnings=warnings)

    def _joined(self) -> Versions:
        """Bring the texts together: each party stands as under its own newest text."""
        found = Versions(self._terms.id, tuple(self._texts), self._texts[0].standing)
        newest = found.newest
        bound = frozenset(
            party
            for party, its in self._people.items()
            if its.legal in _HERE
            and party in (text := found.of(party)).accepted
            and party in text.standing.bound
        )
        whole = newest.standing
        if bound and not whole.bound:
            whole = next(
                text.standing for text in reversed(self._texts) if text.standing.bound & bound
            )
        warnings = dict.fromkeys(
            warning for text in self._texts for warning in text.standing.warnings
        )
        whole = replace(whole, parties=self._people, bound=bound, warnings=tuple(warnings))
        return replace(found, standing=whole, warnings=tuple(dict.fromkeys(self._warnings)))

    # --- what is said beside ------------------------------------------------------------

    def _warn(self, code: str, text: str) -> None:
        self._warnings.append((code, text))

    def _warn_late(
        self,
        version: str,
        words: Iterable[Word],
        effect: Effect,
        spells: Mapping[PartyId, tuple[Spell, ...]],
    ) -> None:
        for word in sorted(words, key=lambda word: (word.at, word.party)):
            if not word.objects:
                continue
            if effect.since is not None and word.at > effect.since:
                self._warn(
                    "objection-late", f"{word.party}: {version} had taken effect before it objected"
                )
            elif word.party not in spells:
                self._warn(
                    "objection-without-effect", f"{word.party} is not bound, so it cannot object"
                )


def _is_past(
    event: Event,
    begun: Mapping[PartyId, datetime],
    accepted: Mapping[PartyId, datetime],
    retitled: Collection[PartyId],
) -> bool:
    """Whether an event has had its effect under an earlier text."""
    if event.party is None:
        return False
    if event.event in _PAPERS:
        return event.party in begun and event.at <= begun[event.party]
    reached = accepted.get(event.party)
    if reached is None or event.at >= reached:
        return False
    return event.event == NOTICE_OF_LEAVING or (event.event == CHANGED and event.party in retitled)


def _voters(terms: Agreement) -> frozenset[PartyId]:
    """Whose consent counts: members and guarantors; everybody where there are none."""
    able = frozenset(party.id for party in terms.parties if party.role_name in VOTING_ROLES)
    return able or frozenset(terms.party_ids)


def _spells(stands: PartyStanding) -> tuple[Spell, ...]:
    """When a party was bound."""
    if stands.spells or stands.since is None:
        return stands.spells
    return (Spell(stands.since, stands.until),)
