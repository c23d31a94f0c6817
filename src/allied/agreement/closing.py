"""How far a question is decided between nodes that do not trust each other: whose count it is.

What was said is on the table (`agreement.tabled`), and the rule says who wins
(`agreement.decision`). Each node sees other votes at other times, so they settle here, step by
step, which votes are counted. Nothing takes effect here: a certificate is read by
`agreement.certified`, and its effects belong to `agreement.fold`.

Words used here:
    close        a voter's word that its time is over, with the cut that it counts
    cut          of each chain of the circle, the last number that is counted
    tally        a count over the union of the cuts of enough closes, by an assembler
    result       what a tally comes to: text, outcome, where each stood, and the cut
    value        a result without its cut: what is decided
    count        a voter's word that it has counted after a tally and found the same
    split        counts of so many values that none of them can be certified any more
    obstructing  a voter who is asked for a close or a count, and keeps silent for long

Rules that hold everywhere below. A close names no more than its signer held, and all of what it
held on the question: one that leaves out what its signer acknowledged is invalid. One that comes
before the question had closed, by its own cut and its own time, is invalid too. A tally takes
every close that it knows, and of enough hands; a tally that does not come to what it says is
invalid. So every voter finds by itself whether a tally holds. A voter counts for one value, ever:
a second word for another value is invalid. Each step is judged by what it rests on, so that the
verdict never changes. What is invalid is listed with its code and has no effect.

Source: DESIGN of decisions; quorums of Byzantine agreement.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from allied.agreement.ballot import roll
from allied.agreement.certificate import assemblers, certificate_size, hand, hands
from allied.agreement.outcome import OPEN, Count
from allied.agreement.result import Result, read_result
from allied.agreement.tabled import Ignored, Said, Tabled, counted, within
from allied.agreement.tally import ADOPTED
from allied.errors import AlliedError, ConflictError, MalformedError, RefusedError
from allied.record.canonical import Json
from allied.record.ids import Digest, PartyId, RecordId, digest_text
from allied.record.record import ChainKey, Dep, read_deps

CLOSE: Final = "decision.close"
TALLY: Final = "decision.tally"
COUNT: Final = "decision.count"
CERTIFICATE: Final = "decision.certificate"

STEP: Final = timedelta(minutes=10)
"""How long the next who may count waits for whoever comes before."""
PATIENCE: Final = timedelta(hours=24)
"""After so long, who is awaited and keeps silent is named as obstructing."""

# Where a question stands, in this order.
VOTING: Final = "voting"
CLOSING: Final = "closing"
TALLYING: Final = "tallying"
COUNTING: Final = "counting"
CERTIFYING: Final = "certifying"
CERTIFIED: Final = "certified"
SPLIT: Final = "split"
CONTRADICTED: Final = "contradicted"


@dataclass(frozen=True, slots=True)
class Close:
    """A voter's close: the cut that it counts, as heads."""

    record: RecordId
    party: PartyId
    at: datetime
    heads: tuple[Dep, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """A valid tally, and who says by now that it holds."""

    record: RecordId
    party: PartyId
    at: datetime
    closes: tuple[RecordId, ...]
    result: Result


@dataclass(frozen=True, slots=True)
class Counted:
    """A voter's word that a tally holds."""

    record: RecordId
    party: PartyId
    at: datetime
    result: Result


@dataclass(frozen=True, slots=True)
class Side:
    """One value that voters have counted for, with those who have."""

    value: Digest
    outcome: str
    parties: tuple[PartyId, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a question has come between its voters, as the records here say.

    Attributes:
        entitled: whose closes and counts are asked for, sorted.
        size: in how many hands a certificate must lie.
        tolerates: how many of those hands may cheat.
        closes: the first valid one of each voter.
        tallies: the valid ones, in the order given.
        counts: the valid ones, in the order given.
        invalid: steps without effect.
        order: who may count the votes, the first first.
    """

    entitled: tuple[PartyId, ...]
    size: int
    tolerates: int
    closes: Mapping[PartyId, Close]
    tallies: tuple[Tally, ...]
    counts: tuple[Counted, ...]
    invalid: tuple[Ignored, ...]
    order: tuple[PartyId, ...]
    custodians: Mapping[PartyId, str] = field(default_factory=dict)

    @property
    def enough_closes(self) -> bool:
        """Whether a tally can be made."""
        return len(hands(self.closes, self.custodians)) >= self.size

    @property
    def sides(self) -> tuple[Side, ...]:
        """Each value that somebody has counted for; most hands first."""
        found: dict[Digest, tuple[str, set[PartyId]]] = {}
        for each in self.counts:
            value = each.result.value
            found.setdefault(value, (each.result.outcome, set()))[1].add(each.party)
        sides = [Side(value, word, tuple(sorted(who))) for value, (word, who) in found.items()]
        return tuple(
            sorted(sides, key=lambda side: (-len(hands(side.parties, self.custodians)), side.value))
        )

    @property
    def is_split(self) -> bool:
        """Whether no value can be certified any more, if every voter speaks once."""
        sides = self.sides
        if not sides or self.ready is not None:
            return False
        spoken = hands((party for side in sides for party in side.parties), self.custodians)
        silent = hands(self.entitled, self.custodians) - spoken
        return all(
            len(hands(side.parties, self.custodians)) + len(silent) < self.size for side in sides
        )

    @property
    def ready(self) -> Result | None:
        """The first result that enough hands have counted for; None while there is none."""
        by: dict[Digest, tuple[Result, set[str]]] = {}
        for each in self.counts:
            result, of = by.setdefault(each.result.digest, (each.result, set()))
            of.add(hand(each.party, self.custodians))
            if len(of) >= self.size:
                return result
        return None

    def signed(self, party: PartyId) -> Digest | None:
        """The value that a voter has counted for; None where it has not."""
        return next((each.result.value for each in self.counts if each.party == party), None)

    def stage(self, count: Count) -> str:
        """Where it stands while it is not certified."""
        if self.ready is not None:
            return CERTIFYING
        if self.is_split:
            return SPLIT
        if self.tallies:
            return COUNTING
        if self.enough_closes:
            return TALLYING
        return VOTING if count.outcome == OPEN and not self.closes else CLOSING

    def awaited(self, count: Count) -> tuple[PartyId, ...]:
        """Whose step is next: closes, a tally, counts, or a certificate."""
        match self.stage(count):
            case "closing":
                return tuple(each for each in self.entitled if each not in self.closes)
            case "tallying" | "certifying":
                return self.order[:1]
            case "counting" | "split":
                return tuple(each for each in self.entitled if self.signed(each) is None)
            case _:
                return ()

    def obstructing(self, count: Count, at: datetime) -> tuple[PartyId, ...]:
        """Voters who are asked for a close or a count, and have kept silent for long."""
        if self.tallies:
            since = min(each.at for each in self.tallies)
            silent = [each for each in self.entitled if self.signed(each) is None]
        elif count.closed_at is not None and count.outcome != OPEN:
            since = count.closed_at
            silent = [each for each in self.entitled if each not in self.closes]
        else:
            return ()
        return tuple(silent) if at - since >= PATIENCE else ()


def turns_from(claimed: Iterable[datetime], now: datetime) -> datetime:
    """When the turns begin: at the last claimed time that is not still to come.

    Who claims a time far ahead keeps nobody waiting. Where all of them are still to come, this
    clock is behind, and the first of them counts.

    Raises:
        ValueError: no time is given.
    """
    times = tuple(claimed)
    return max((each for each in times if each <= now), default=min(times))


def turn_at(since: datetime, places: int) -> datetime:
    """When the turn of who comes after so many others has come; never beyond what time can hold."""
    last = datetime.max.replace(tzinfo=since.tzinfo)
    return since + places * STEP if last - since >= places * STEP else last


def progress(on: Tabled, custodians: Mapping[PartyId, str]) -> Progress:
    """Read the closes, tallies and counts of a question.

    Args:
        custodians: see `certificate.hands`.

    Raises:
        InapplicableRuleError: `decision.too-many-cheat`: as many may cheat as there are hands.

    Cost: one count of the question for each close and each tally.
    """
    return _Reading(on, custodians).read()


def is_bound(on: Tabled, state: Progress, party: PartyId) -> bool:
    """Whether what a party has counted for as adopted may still be proved, whoever cheats.

    So many as are tolerated may count for one side here and for another one there; and a count
    stays signed where the tally that it counted after was set aside since.

    Args:
        state: the progress of `on`.
    """
    valid = {each.result.digest: each.result for each in state.counts}
    sides: dict[Json, set[PartyId]] = {}
    for each in on.steps:
        if each.kind == COUNT and each.party in state.entitled:
            named = each.body.get("result")
            known = valid.get(Digest(named)) if isinstance(named, str) else None
            if known is None or known.outcome == ADOPTED:
                sides.setdefault(known.value if known else str(named), set()).add(each.party)
            else:
                sides.setdefault("", set()).add(each.party)
    spoken = hands((each for its in sides.values() for each in its), state.custodians)
    silent = len(hands(state.entitled, state.custodians) - spoken)
    for value, its in sides.items():
        its_hands = hands(its, state.custodians)
        cheating = min(state.tolerates, len(spoken - its_hands))
        if value and party in its and len(its_hands) + silent + cheating >= state.size:
            return True
    return False


class _Reading:
    """The steps of one question, judged in their order."""

    def __init__(self, on: Tabled, custodians: Mapping[PartyId, str]) -> None:
        rule = on.question.rule
        self._on = on
        self._custodians = custodians
        self._entitled = roll(rule, on.proposal, on.question.electorate).entitled
        self._size = certificate_size(len(hands(self._entitled, custodians)), rule.tolerates)
        self._order = assemblers(rule, on.proposal, on.question.electorate)
        self._closes: dict[RecordId, Close] = {}
        self._first: dict[PartyId, Close] = {}
        self._tallies: dict[RecordId, Tally] = {}
        self._counts: list[Counted] = []
        self._invalid: list[Ignored] = []
        self._numbers = _numbers(on)

    def read(self) -> Progress:
        for said in self._on.steps:
            read = _STEPS.get(said.kind)
            if read is None:
                continue
            try:
                read(self, said)
            except AlliedError as refused:
                self._invalid.append(
                    Ignored(said.record, said.party, said.kind, said.at, refused.code)
                )
        return Progress(
            entitled=tuple(sorted(self._entitled)),
            size=self._size,
            tolerates=self._on.question.rule.tolerates,
            closes=dict(self._first),
            tallies=tuple(self._tallies.values()),
            counts=tuple(self._counts),
            invalid=tuple(self._invalid),
            order=self._order,
            custodians=self._custodians,
        )

    # --- closes -------------------------------------------------------------------------

    def _close(self, said: Said) -> None:
        _require_keys(said.body, "proposal", "heads")
        self._require_voter(said)
        heads = read_deps(said.body.get("heads"))
        chain = said.chain
        held = said.clock()
        if chain is None or any(dep.circle != chain.circle for dep in heads):
            raise _shape("a close names heads of its own circle")
        if any(dep.sequence > held.get(dep.chain, 0) for dep in heads):
            raise RefusedError("decision.heads-not-held", "a close names what its signer had not")
        cut = {dep.chain: dep.sequence for dep in heads}
        if any(
            _last(numbers, held.get(each, 0)) > cut.get(each, 0)
            for each, numbers in self._numbers.items()
        ):
            raise RefusedError("decision.omits", "a close leaves out what its signer had")
        if any(said.knows(each.record) for each in self._closes_of(said.party)):
            raise ConflictError("decision.closed-already", "its signer had closed before")
        if counted(within(self._on, cut), said.at).outcome == OPEN:
            raise RefusedError("decision.too-early", "the question was open when it was closed")
        close = Close(said.record, said.party, said.at, heads)
        self._closes[said.record] = close
        self._first.setdefault(said.party, close)

    def _closes_of(self, party: PartyId) -> Iterable[Close]:
        return (each for each in self._closes.values() if each.party == party)

    # --- tallies and counts -------------------------------------------------------------

    def _tally(self, said: Said) -> None:
        _require_keys(said.body, "proposal", "closes", "result")
        if said.party not in self._order:
            raise RefusedError("decision.not-an-assembler", "its signer may not count this vote")
        named = said.body.get("closes")
        if not isinstance(named, list) or not all(isinstance(each, str) for each in named):
            raise _shape("a tally names closes")
        closes = [self._closes[each] for each in map(RecordId, map(str, named))
                  if each in self._closes and said.knows(each)]  # fmt: skip
        if len(closes) != len(named) or len({each.party for each in closes}) != len(closes):
            raise RefusedError("decision.unknown-close", "a tally names a close that does not hold")
        parties = {each.party for each in closes}
        known = {each.party for each in self._closes.values() if said.knows(each.record)}
        if known - parties:
            raise RefusedError("decision.omits-close", "a tally leaves out a close that it knows")
        if len(hands(parties, self._custodians)) < self._size:
            raise RefusedError("decision.too-few-closes", "too few have closed for a tally")
        if any(each.party == said.party and said.knows(each.record)
               for each in self._tallies.values()):  # fmt: skip
            raise ConflictError("decision.tallied-already", "its signer had counted before")
        stated = read_result(said.body.get("result"))
        if tally_of(self._on, closes).digest != stated.digest:
            raise RefusedError("decision.miscounted", "a tally does not come to what it says")
        names = tuple(each.record for each in closes)
        self._tallies[said.record] = Tally(said.record, said.party, said.at, names, stated)

    def _count(self, said: Said) -> None:
        _require_keys(said.body, "proposal", "tally", "result")
        self._require_voter(said)
        named = digest_text(said.body.get("tally"), "a tally")
        tally = self._tallies.get(RecordId(named))
        if tally is None or not said.knows(tally.record):
            raise RefusedError(
                "decision.unknown-tally", "it counts after a tally that does not hold"
            )
        if digest_text(said.body.get("result"), "a result") != tally.result.digest:
            raise RefusedError("decision.miscounted", "it does not come to what the tally says")
        if any(
            each.party == said.party
            and said.knows(each.record)
            and each.result.value != tally.result.value
            for each in self._counts
        ):
            raise ConflictError("decision.counted-otherwise", "its signer had counted otherwise")
        self._counts.append(Counted(said.record, said.party, said.at, tally.result))

    def _require_voter(self, said: Said) -> None:
        if said.party not in self._entitled:
            raise RefusedError("decision.not-a-voter", "its signer has no vote on this question")


_STEPS: Final[Mapping[str, Callable[[_Reading, Said], None]]] = {
    CLOSE: _Reading._close,  # noqa: SLF001 - its own table
    TALLY: _Reading._tally,  # noqa: SLF001
    COUNT: _Reading._count,  # noqa: SLF001
}


# --- what a node signs ------------------------------------------------------------------


def tally_of(on: Tabled, closes: Iterable[Close]) -> Result:
    """Count over the union of the cuts of closes, at the latest time that one of them claims.

    Raises:
        RefusedError: `decision.still-open`: what one of them counts keeps the question open.
    """
    chosen = tuple(closes)
    heads = union(each.heads for each in chosen)
    cut = {dep.chain: dep.sequence for dep in heads}
    found = counted(within(on, cut), max(each.at for each in chosen))
    if found.outcome == OPEN:
        raise RefusedError("decision.still-open", "what was closed over is still open")
    return Result(
        proposal=on.record,
        text=found.text,
        outcome=found.outcome,
        reason=found.reason,
        closed_at=found.closed_at,
        positions=tuple((each.party, each.position) for each in found.ballots),
        cut=heads,
    )


def union(cuts: Iterable[Sequence[Dep]]) -> tuple[Dep, ...]:
    """Of each chain the farthest head that a cut names."""
    farthest: dict[object, Dep] = {}
    for heads in cuts:
        for dep in heads:
            known = farthest.get(dep.chain)
            if known is None or (dep.sequence, dep.id) > (known.sequence, known.id):
                farthest[dep.chain] = dep
    return tuple(sorted(farthest.values()))


def _numbers(on: Tabled) -> dict[ChainKey, list[int]]:
    """What a cut has to hold: all that was said on a question, and the receipts for it."""
    said = [on.opening, *(each.said for each in on.opened)]
    for heard in on.heard:
        said += [heard.said, *(each.said for each in heard.held)]
    found: dict[ChainKey, set[int]] = {}
    for each in said:
        if each.chain is not None:
            found.setdefault(each.chain, set()).add(each.number)
    return {chain: sorted(numbers) for chain, numbers in found.items()}


def _last(numbers: Sequence[int], held: int) -> int:
    """The last of some numbers of a chain that is held; 0 where none is."""
    place = bisect_right(numbers, held)
    return numbers[place - 1] if place else 0


def _require_keys(body: Mapping[str, Json], *known: str) -> None:
    if set(body) != set(known):
        raise _shape("a step has other keys than its kind has")


def _shape(message: str) -> MalformedError:
    return MalformedError("decision.shape", message)
