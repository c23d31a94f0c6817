"""Which amended texts follow each other under one agreement, as certificates prove it.

The fold gives the certificates it judged; here they become the chain of versions, the events that
`agreement.versions` reads, the version that a record has to name, and the cut of a change of
version. What a statement binds is for `agreement.amended`, when a text takes effect and whom it
reaches for `agreement.amending` and `agreement.versions`.

Words used here:
    link      a version after the first: one adopted text on the version before it
    rivals    adopted texts on one and the same version of which none settles the others
    number    1 for the first text, 2 for the link after it ...
    name      what register and evaluation call a version: `pact@2`
    late      written under an older version by somebody who did not know better, and not counted
              by those who changed the text

Rules that hold everywhere below. One adopted text follows a version, or none: rivals are shown, and
the chain ends before them until a further one names them all and is adopted. A certificate that
knew of another text adopted on the same version, and does not settle it, comes too late and changes
nothing. A yes to an amended text is a signature of it; a no is an objection, unless the clause lets
objectors leave: that has to be said in so many words. A record names the newest version in effect
that it knows, at the time that it claims. What is late has no effect in the circle of all; narrower
circles are not named where others can read, so what stands there keeps its effect.

Source: DESIGN of agreements on the wire and of the register; decision record 0019.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from allied.agreement import events as e
from allied.agreement.amended import Base, read_amended, require_amends
from allied.agreement.amending import LEAVE, NOTICE, mode_of
from allied.agreement.certified import read_proof
from allied.agreement.events import Event, Register
from allied.agreement.matters import AMENDMENT, ANNEX
from allied.agreement.tally import ADOPTED
from allied.agreement.versions import VERSION_LIMIT, Versions, versions
from allied.errors import AlliedError, RefusedError
from allied.record.ids import Digest, PartyId, RecordId
from allied.record.outline import KIND as OUTLINE

if TYPE_CHECKING:
    from allied.agreement.amended import Amended
    from allied.agreement.certified import Certified
    from allied.agreement.genesis import Instrument
    from allied.agreement.terms import Agreement
    from allied.record.canonical import Json
    from allied.record.history import History
    from allied.record.record import ChainKey, Record

OF_THE_TEXT: Final = frozenset({AMENDMENT, ANNEX})
"""Matters that change the text."""
_WORDS: Final = frozenset({e.AMENDED, e.SIGNED, e.RATIFIED, e.OBJECTED})
_MOST_WORDS: Final = 4 * VERSION_LIMIT
"""So many consents and objections of one party have an effect."""
_ACTS_UNDER_A_TEXT: Final = ("incident.", "obligation.", "proposal.", "vote.", "exchange.", OUTLINE)
"""What is late beyond a cut; what is kept as its outline was one of them. Nothing of it says who is
bound: when a text takes effect depends on that, so it must not hang on the cut. A notice of leaving
runs from when others had it, anyway."""


@dataclass(frozen=True, slots=True)
class Link:
    """One version after the first."""

    number: int
    name: str
    text: Amended


@dataclass(frozen=True, slots=True)
class Chain:
    """The versions of one agreement after the first, in their order.

    Attributes:
        rivals: statements that follow the last version and contradict each other, sorted.
        head: the statement of the last version; the agreement's id for the first text.
    """

    head: Digest
    links: tuple[Link, ...] = ()
    rivals: tuple[Digest, ...] = ()

    def number(self, version: Digest) -> int | None:
        """The number of a version by what headers of records name; None for none of them."""
        return next((each.number for each in self.links if each.text.version == version), None)

    def named(self, name: str) -> Link | None:
        """The link of that name; None for the first text."""
        return next((each for each in self.links if each.name == name), None)


def name_of(alias: str, number: int) -> str:
    """What register and evaluation call a version."""
    return f"{alias}@{number}"


def chain_of(
    instrument: Instrument, texts: Mapping[Digest, Amended], events: Iterable[Event]
) -> Chain:
    """The chain of versions, by the events that somebody knows.

    Args:
        texts: by statement, all that are adopted at all.
        events: those of kind `amended` name the statements that are known to be adopted.

    Cost: linear in the events.
    """
    known = {Digest(each.version) for each in events if each.event == e.AMENDED}
    after: dict[Digest, list[Digest]] = {}
    for each in sorted(known & texts.keys()):
        after.setdefault(texts[each].before, []).append(each)
    head, links = Digest(instrument.id), list[Link]()
    while len(links) < VERSION_LIMIT:
        found = _unsettled(after.get(head, ()), texts)
        if len(found) != 1:
            return Chain(head, tuple(links), tuple(found))
        number = len(links) + 2
        links.append(Link(number, name_of(instrument.genesis.alias, number), texts[found[0]]))
        head = found[0]
    return Chain(head, tuple(links))


def _unsettled(found: Sequence[Digest], texts: Mapping[Digest, Amended]) -> list[Digest]:
    """Of the texts on one version those that no other one settles.

    Two that settle each other cannot be: each would have to hold the digest of the other.
    """
    settled = {each for one in found for each in texts[one].instead}
    return [each for each in found if each not in settled]


def register_of(
    instrument: Instrument, texts: Mapping[Digest, Amended], events: Sequence[Event]
) -> Register:
    """The register of one agreement with its versions, by the events that somebody knows.

    Cost: linear in the events.
    """
    alias = instrument.genesis.alias
    if not texts:
        return Register({alias: instrument.terms}, tuple(events))
    found = chain_of(instrument, texts, events)
    names = {each.text.id: each.name for each in found.links}
    agreements = {alias: instrument.terms}
    agreements |= {each.name: _renamed(each.text.terms, each.name) for each in found.links}
    kept = tuple(
        replace(each, version=names[Digest(each.version)]) if each.version else each
        for each in events
        if not each.version or each.version in names
    )
    return Register(agreements, kept)


@lru_cache(maxsize=256)
def _renamed(terms: Agreement, name: str) -> Agreement:
    return replace(terms, id=name)


@dataclass(frozen=True, slots=True)
class Present:
    """Which text counts at a moment, and what a further one has to follow."""

    chain: Chain
    versions: Versions
    link: Link | None
    terms: Agreement

    @property
    def number(self) -> int:
        """Of the newest version in effect; 1 for the first text."""
        return 1 if self.link is None else self.link.number

    def holds_until(self, at: datetime) -> datetime | None:
        """The next moment at which another text may count, or who is bound; None for never.

        Args:
            at: the moment that was asked for; nothing is known to happen after it.
        """
        ends = [each.standing.holds_until for each in self.versions.texts]
        ends += [each.effect.due for each in self.versions.texts if each.effect is not None]
        ends += [each.until for each in self.versions.standing.parties.values()]
        return min((each for each in ends if each is not None and each > at), default=None)

    def between(self, one: PartyId, other: PartyId, first: Agreement) -> Agreement:
        """The newest text that reached both; the newest of all where there is none."""
        text = self.versions.between(one, other)
        if text is None or text.version == self.versions.newest.version:
            return self.terms
        link = self.chain.named(text.version)
        return first if link is None else link.text.terms

    @property
    def base(self) -> Base:
        """What the next text has to follow: the last one adopted, in effect or not."""
        links = self.chain.links
        terms = links[-1].text.terms if links else self.terms
        return Base(self.chain.head, self.chain.rivals, terms)


def present(
    instrument: Instrument, texts: Mapping[Digest, Amended], events: Sequence[Event], at: datetime
) -> Present:
    """Which text counts at `at`, by the events that somebody knows.

    Cost: one standing, and one more for each version.
    """
    found = chain_of(instrument, texts, events) if texts else Chain(Digest(instrument.id))
    stands = versions(register_of(instrument, texts, events), instrument.genesis.alias, at)
    link = found.named(stands.newest.version)
    return Present(found, stands, link, instrument.terms if link is None else link.text.terms)


def version_of(instrument: Instrument, link: Link | None) -> Digest:
    """What the headers of records name for a version."""
    return instrument.genesis.version if link is None else link.text.version


_Shared: TypeAlias = "tuple[tuple[frozenset[RecordId], frozenset[PartyId]], Mapping[ChainKey, int]]"

# --- what the fold keeps ----------------------------------------------------------------


@dataclass(slots=True)
class Texts:
    """The amended texts of one agreement while its records are judged.

    Attributes:
        adopted: by statement.
        tabled: by statement, the openings of questions on it.
        passed: by question, the code of why a text that was adopted is no version.
        certificates: by statement, the records that prove it.
        words: by party, how many consents and objections it has said.
        spoken: by chain in the circle of all, the last record with effect that names each version.
        shared: by version, what enough others had, and by which records of theirs.
    """

    adopted: dict[Digest, Amended] = field(default_factory=dict)
    tabled: dict[str, list[RecordId]] = field(default_factory=dict)
    passed: dict[RecordId, str] = field(default_factory=dict)
    certificates: dict[Digest, list[Record]] = field(default_factory=dict)
    words: dict[PartyId, int] = field(default_factory=dict)
    spoken: dict[ChainKey, dict[Digest, RecordId]] = field(default_factory=dict)
    shared: dict[Digest, _Shared] = field(default_factory=dict)

    def copy(self) -> Texts:
        """Another one that can be gone on with; this one stays as it is."""
        return Texts(
            {**self.adopted},
            {each: [*its] for each, its in self.tabled.items()},
            {**self.passed},
            {each: [*its] for each, its in self.certificates.items()},
            {**self.words},
            {each: {**its} for each, its in self.spoken.items()},
            {**self.shared},
        )

    def speak(self, record: Record) -> None:
        """Note under which version a record with effect in the circle of all was written."""
        self.spoken.setdefault(record.header.chain, {})[record.header.version] = record.id

    def open(self, record: Record) -> bool:
        """Note which text a question is about; whether it is about one."""
        matter = record.body.get("matter")
        version = matter.get("version") if isinstance(matter, Mapping) else None
        if not isinstance(version, str):
            return False
        self.tabled.setdefault(version, []).append(record.id)
        return True

    def word(
        self,
        record: Record,
        party: PartyId,
        instrument: Instrument,
        knows: Callable[[RecordId], bool],
    ) -> Event:
        """A party's consent to an amended text, or its objection.

        Raises:
            RefusedError: `effect.unknown-version`, `effect.said-too-often`.
        """
        version = record.body.get("version")
        its = self.tabled.get(version, ()) if isinstance(version, str) else ()
        if not any(knows(each) for each in its):
            raise RefusedError("effect.unknown-version", "nobody has put that text to the vote")
        if self.words.get(party, 0) >= _MOST_WORDS:
            raise RefusedError("effect.said-too-often", "its issuer has said that too often")
        self.words[party] = self.words.get(party, 0) + 1
        said = e.RATIFIED if record.header.kind == "agreement.ratify" else e.OBJECTED
        alias, at = instrument.genesis.alias, record.header.claimed_at
        return Event(alias, said, party, at, version=str(version))

    def adopt(
        self,
        instrument: Instrument,
        found: Certified,
        certificate: Record,
        body: Mapping[str, Json],
        opened: Sequence[Event],
        known: Iterable[Event],
    ) -> tuple[Event, ...]:
        """The events that follow from a certificate on a text; none if it makes no version.

        Args:
            body: of the opening of the question, which carries the text.
            opened: the events that the opening knew.
            known: those that the certificate knew.
        """
        if found.matter.kind not in OF_THE_TEXT or found.result.outcome != ADOPTED:
            return ()
        try:
            text = self._version(instrument, found, body, opened, known)
        except AlliedError as refused:
            self.passed.setdefault(found.proposal, refused.code)
            return ()
        self.adopted[text.id] = text
        self.certificates.setdefault(text.id, []).append(certificate)
        alias, at = instrument.genesis.alias, found.at
        made = [Event(alias, e.AMENDED, None, at, version=text.id)]
        before = present(instrument, self.adopted, opened, found.tabled_at).terms
        leaves = mode_of(before, text.terms).objectors == LEAVE
        for party, position in found.result.positions:
            if position == "yes":
                made.append(Event(alias, e.SIGNED, party, at, version=text.id))
            elif position in ("no", "objected") and not leaves:
                made.append(Event(alias, e.OBJECTED, party, at, version=text.id))
        return tuple(made)

    def _version(
        self,
        instrument: Instrument,
        found: Certified,
        body: Mapping[str, Json],
        opened: Sequence[Event],
        known: Iterable[Event],
    ) -> Amended:
        text = read_amended(body.get("amended"), instrument.genesis.alias)
        if text.id != found.matter.version:
            raise RefusedError("effect.other-text", "another text was voted on than was put")
        base = present(instrument, self.adopted, opened, found.tabled_at).base
        if (text.before, text.instead) != (base.before, base.instead):
            raise RefusedError(
                "effect.version-passed", "it does not follow the version that was present"
            )
        require_amends(instrument, base, text.terms, found.matter)
        there = {Digest(each.version) for each in known if each.event == e.AMENDED}
        beside = {each for each in there & self.adopted.keys()
                  if self.adopted[each].before == text.before}  # fmt: skip
        if beside - {text.id, *text.instead}:
            raise RefusedError(
                "effect.version-passed", "another text had been adopted on the same version"
            )
        return text

    # --- lateness -----------------------------------------------------------------------

    def changes(
        self,
        instrument: Instrument,
        history: History,
        sourced: Sequence[tuple[RecordId, Event]],
        judged: Container[RecordId],
    ) -> tuple[Change, ...]:
        """The changes of version that have happened or will, each with its cut, the first first.

        Args:
            judged: the records in order.

        Cost: one look at the versions; and, for each change and where somebody spoke under an older
        version since it was last asked, the parties times the chains.
        """
        if not self.adopted:
            return ()
        events = [event for _, event in sourced]
        found = present(instrument, self.adopted, events, max(each.at for each in events))
        signed = frozenset(
            each.party for each in events if each.event in {e.SIGNED, e.RATIFIED} and each.party
        )
        made = []
        for text in found.versions.texts[1:]:
            link = found.chain.named(text.version)
            if link is None or text.effect is None or text.mode is None:
                continue
            waits = text.mode.how == NOTICE
            since = text.effect.due if waits else text.effect.since
            if since is None:
                continue
            consents = [
                (source, event) for source, event in sourced
                if event.version == link.text.id and event.event in {e.SIGNED, e.RATIFIED}
            ]  # fmt: skip
            # That somebody's time was over brings a text about as well, and nobody signs that.
            said = not waits and any(event.at == since for _, event in consents)
            timed = since != text.adopted and not said
            cut = _Cut(instrument, history, judged)
            for certificate in self.certificates.get(link.text.id, ()):
                cut.count_proof(certificate)
            for source, event in consents:
                if event.event == e.RATIFIED and event.at <= since:
                    cut.count_past(source)
            if not waits:
                for chain, number in self._shared(cut, found.chain, link, signed).items():
                    cut.count(chain, number)
            made.append(Change(link.number, link.text.version, since if timed else None, cut.heads))
        return tuple(made)

    def _shared(
        self, cut: _Cut, chain: Chain, link: Link, signed: frozenset[PartyId]
    ) -> Mapping[ChainKey, int]:
        """What enough others had before they knew of a change; remembered while that is so."""
        last = []
        for its in self.spoken.values():
            older = [each for name, each in its.items() if (chain.number(name) or 1) < link.number]
            if older:
                last.append(max(older, key=cut.place))
        known = (frozenset(last), signed)
        kept = self.shared.get(link.text.version)
        if kept is None or kept[0] != known:
            kept = self.shared[link.text.version] = known, cut.shared(last, signed)
        return kept[1]


class _Cut:
    """How far each chain in the circle of all was counted by those who changed the text.

    A count says what its signer had. It is believed for records that are here and in order, and for
    no others: a voter that is set aside, or whose count nobody else has seen, could have written
    any number. What half of the others had before they knew of the change is counted as well,
    whatever they have who signed it: nobody takes the words of others away by not having had them.
    """

    def __init__(
        self, instrument: Instrument, history: History, judged: Container[RecordId]
    ) -> None:
        self.heads: dict[ChainKey, int] = {}
        self._instrument = instrument
        self._history = history
        self._judged = judged
        self._everybody = instrument.circles.all.id

    def count_proof(self, certificate: Record) -> None:
        """Count what those had who signed a certificate."""
        for each in read_proof(certificate.body).counts:
            if each.id in self._judged:
                self.count_past(each.id)
            else:
                for dep in each.header.deps:
                    if dep.id in self._judged:
                        self.count_past(dep.id)

    def count_past(self, record: RecordId) -> None:
        """Count a record in order, and what it rests on."""
        for chain, number in self._clock(record).items():
            self.count(chain, number)

    def count(self, chain: ChainKey, number: int) -> None:
        """Count a chain up to a number."""
        if number and chain.circle == self._everybody:
            self.heads[chain] = max(number, self.heads.get(chain, 0))

    def place(self, record: RecordId) -> int:
        """The number of a record in its chain."""
        return self._held(record).header.sequence

    def shared(
        self, last: Iterable[RecordId], signed: Collection[PartyId]
    ) -> Mapping[ChainKey, int]:
        """How far at least half of the others had each chain.

        Args:
            last: the last words of each chain that do not know of the change.
            signed: the parties that are others to each other.
        """
        had: dict[PartyId, dict[ChainKey, int]] = {}
        for record in last:
            party = self._instrument.party(self._held(record).header.issuer)
            if party is not None and party in signed:
                its = had.setdefault(party, {})
                for chain, number in self._clock(record).items():
                    its[chain] = max(number, its.get(chain, 0))
        found: dict[ChainKey, int] = {}
        for chain in {each for its in had.values() for each in its}:
            issuer = self._instrument.party(chain.issuer)
            others = [party for party in signed if party != issuer]
            needed = (len(others) + 1) // 2
            numbers = sorted((had.get(each, {}).get(chain, 0) for each in others), reverse=True)
            if needed:
                found[chain] = numbers[needed - 1]
        return found

    def _clock(self, record: RecordId) -> Mapping[ChainKey, int]:
        header = self._held(record).header
        return {**self._history.clock(record), header.chain: header.sequence}

    def _held(self, record: RecordId) -> Record:
        found = self._history.get(record)
        assert found is not None  # noqa: S101 - it is in order
        return found


@dataclass(frozen=True, slots=True)
class Change:
    """A change of version: from when on, and how far each chain was counted.

    Attributes:
        since: where nothing but time was waited for, the moment; what claims to be older is not
            late then. None where somebody's record brought it about.
    """

    number: int
    version: Digest
    since: datetime | None
    counted: Mapping[ChainKey, int]


def is_late(record: Record, instrument: Instrument, changes: Sequence[Change]) -> bool:
    """Whether a record names an older version, and those who changed the text did not count it."""
    header = record.header
    if not changes or header.circle != instrument.circles.all.id:
        return False
    if not header.kind.startswith(_ACTS_UNDER_A_TEXT):
        return False
    own = next((each.number for each in changes if each.version == header.version), 1)
    return any(
        each.number > own
        and header.sequence > each.counted.get(header.chain, 0)
        and (each.since is None or header.claimed_at >= each.since)
        for each in changes
    )
