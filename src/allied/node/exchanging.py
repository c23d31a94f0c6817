"""One hosted organisation asking one peer: what has changed is pulled.

Which agreements name it and how much there is to see; heads compared; missing ranges, texts and
items fetched. What a peer has hinted at is asked for without asking for everything first. What
comes is stored before more is asked for, so a process killed at any point goes on from there;
what is remembered of the peer is written once, at the end, and asking twice changes nothing.
Whom to ask when is for `allied.node.sync`.

Words used here:
    seen mark   what a peer said last of an agreement; equal means that nothing is new
    outcome     what one exchange with one peer did, for people and for the tests
    hinted      what a peer has named in a hint; it says nothing about other agreements
    brought     records that came along with heads (`allied.node.along`)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from allied.agreement.genesis import open_instrument, read as read_genesis
from allied.errors import (
    AlliedError,
    MalformedError,
    RefusedError,
    UnreachableError,
    UnverifiedError,
)
from allied.node import (
    along,
    arrivals,
    blobs,
    called,
    comparing,
    erasing,
    freshness,
    gathering,
    incoming,
    messages,
    missing,
    peers,
    tightened,
    visibility,
)
from allied.node.along import HeadsAnswer
from allied.node.messages import AgreementsAnswer, Heads, Named, RecordsQuestion, Span
from allied.node.pages import RecordsAnswer
from allied.node.ports import Speaker
from allied.node.rows import AgreementRow
from allied.record.canonical import digest, encode
from allied.record.identity import open_chain
from allied.record.ids import AgreementId
from allied.record.outline import read_either

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.folds import Folded
    from allied.node.messages import News
    from allied.node.node import Node
    from allied.node.ports import Keys, Writing
    from allied.node.rows import Organisation, Peer
    from allied.record.ids import OrganisationId

Ask = Callable[[str, bytes], bytes]
"""The answer of another node to a question of a verb."""

_ROUNDS = 1_000
LONGEST_WAITING = timedelta(minutes=2)
"""How long one peer's answers are waited for in one exchange; others want to be asked, too."""
AGREEMENTS_FROM_ONE_PEER = 500
"""How many agreements are taken in that one peer was the first to name."""
_START = 16
_SALT = re.compile(r"[0-9a-f]{64}", re.ASCII)


@dataclass(slots=True)
class Outcome:
    """What one exchange with one peer did.

    Attributes:
        problem: stable code of what stopped it, or an empty string.
        refused: codes of records and items that did not hold; they were not stored.
        whole: nothing was left open of what the peer shows.
    """

    organisation: str
    peer: str
    agreements: int = 0
    records: int = 0
    blobs: int = 0
    items: int = 0
    problem: str = ""
    message: str = ""
    refused: list[str] = field(default_factory=list)
    whole: bool = True


class Exchange:
    """One hosted organisation asking one peer."""

    def __init__(
        self,
        node: Node,
        keys: Keys,
        organisation: Organisation,
        peer: Peer,
        given: Ask | None = None,
        *,
        items: bool = True,
    ) -> None:
        """Ask over the network, or whatever was `given` instead of it."""
        self._items = items
        self._node = node
        self._keys = keys
        self._organisation = organisation
        self._peer = peer
        self._given = given
        self._waited = timedelta()
        self._marks: list[Callable[[Writing], None]] = []
        with node.store.read() as reading:
            identity = open_chain(reading.descriptors(peer.id))
        self._speaker = Speaker(organisation.id, keys.signer(organisation.id, "transport"))
        self._listener = peers.listener(peer, identity)

    def ask(self, verb: str, question: bytes) -> bytes:
        """One signed question, its verified answer.

        Raises:
            UnreachableError: `peer.slow`, so much time went by with waiting for its answers that
                others are asked first; as `ports.Peers.ask`.
        """
        if self._given is not None:
            return self._given(verb, question)
        if self._waited >= LONGEST_WAITING:
            raise peers.slow()
        asked = self._node.clock.now()
        try:
            return self._node.peers.ask(
                self._speaker, self._listener, verb, question, limit=messages.ANSWER_LIMITS[verb]
            )
        finally:
            self._waited += max(self._node.clock.now() - asked, timedelta())

    def run(self, outcome: Outcome, begun: datetime, hinted: Sequence[News] | None = None) -> None:
        """Pull everything that is new; the answers are of `begun` or later.

        Args:
            hinted: ask for nothing but what the peer has named in a hint.
        """
        try:
            self._run(outcome, begun, hinted)
            if self._given is None:
                self._marks += peers.mark_of_answer(self._node, self._peer)
        finally:
            if self._marks:
                with self._node.store.write() as writing:
                    for mark in self._marks:
                        mark(writing)

    def _mark(self, cursor: str, value: str) -> None:
        """Remember something at the end; who is killed before asks again, which harms nobody."""
        self._marks.append(lambda writing: writing.set_cursor(cursor, value))

    def _run(self, outcome: Outcome, begun: datetime, hinted: Sequence[News] | None = None) -> None:
        if hinted is None:
            named = AgreementsAnswer.decode(self.ask(messages.AGREEMENTS, messages.NOTHING))
            agreements = named.agreements
        else:
            agreements = tuple(Named(each.agreement, "", each.rows, each.items) for each in hinted)
        problems: list[AlliedError] = []
        for one in agreements:
            mark = f"{one.rows} {one.items}"
            cursor = f"seen:{self._organisation.id}:{self._peer.id}:{one.id}"
            with self._node.store.read() as reading:
                # A hint is of a while ago: what it says confirms nothing.
                nothing_new = hinted is None and reading.cursor(cursor) == mark
                wants = nothing_new and blobs.is_due(
                    reading, self._organisation.id, self._peer.id, one.id, begun
                )
            if nothing_new:
                self._heard(one.id, begun)
                if wants:
                    self._blobs(one.id, outcome, begun)
                continue
            try:
                whole = self._pull(one, outcome, begun, look=hinted is None)
                outcome.whole &= whole
            except UnreachableError:
                raise
            except AlliedError as problem:
                problems.append(problem)  # one agreement must not stand in the way of others
                continue
            if whole and self._shown == one.rows:  # else its heads were of before
                self._mark(cursor, mark)
        if problems:
            raise problems[0]

    def _heard(self, agreement: AgreementId, begun: datetime) -> None:
        """Remember that nothing of an agreement that the peer shows is missing here."""
        mine, theirs, now = self._organisation.id, self._peer.id, self._node.clock.now()
        with self._node.store.read() as reading:
            due = freshness.is_due(reading, mine, theirs, agreement, begun, now)
        if due:
            self._marks.append(
                lambda writing: freshness.heard(writing, mine, theirs, [agreement], begun, now)
            )

    def _pull(self, named: Named, outcome: Outcome, begun: datetime, *, look: bool) -> bool:
        """Records, blobs and items of one agreement; False when something is still missing.

        Args:
            look: heads need not be asked for where its mark shows that nothing is missing.
        """
        agreement = named.id
        if not self._is_known(agreement):
            self._meet(agreement, outcome)
        self._require_named(agreement)
        before = len(outcome.refused)
        # What waits for others' records has no say here: a liar could else keep it waiting.
        complete = (look and self._is_here(named)) or self._records(agreement, outcome)
        complete = complete and len(outcome.refused) == before
        self._fill(agreement, outcome)
        if complete:
            self._heard(agreement, begun)
        whole = self._blobs(agreement, outcome, begun) and complete
        if not self._items:
            return False
        if not named.items:
            return whole  # there are none for us
        outcome.items += arrivals.pull(
            self._node,
            self._keys,
            self._organisation,
            self._peer.id,
            agreement,
            lambda question: self.ask(messages.ITEMS, question),
            outcome.refused,
        )
        return whole and len(outcome.refused) == before

    def _is_known(self, agreement: AgreementId) -> bool:
        with self._node.store.read() as reading:
            return reading.agreement(agreement) is not None

    def _is_here(self, named: Named) -> bool:
        """Whether the peer shows just what is held here, by its mark and ours for it.

        The peer is asked for its heads all the same where its state was not held against ours
        for a while (`comparing`).
        """
        now, peer = self._node.clock.now(), self._peer.id
        with self._node.store.read() as reading:
            folded = self._node.folds.of(reading, named.id)
        self._shown = visibility.records_mark(folded, peer, now)
        if self._shown != named.rows:
            return False
        if not self._node.hearing.was_compared(peer, named.id, now):
            return False
        self._node.hearing.holds(peer, named.id, folded.last_row)
        return True

    def _require_named(self, agreement: AgreementId) -> None:
        """Return if this organisation is a party; another one hosted here may have met it."""
        with self._node.store.read() as reading:
            instrument = self._node.folds.of(reading, agreement).instrument
        if instrument.party(self._organisation.id) is None:
            raise _not_named()

    # --- records ------------------------------------------------------------------------

    def _meet(self, agreement: AgreementId, outcome: Outcome) -> None:
        """Fetch the proposal of an agreement that is new here, and check that it names us."""
        heads = Heads.decode(self.ask(messages.HEADS, Heads(agreement, ()).encode()))
        # A proposal stands at the start of its chain, and is all that is needed now.
        starts = [
            span._replace(last=min(span.last, _START)) for span in missing.spans(None, heads.heads)
        ]
        answer = self._fetch(agreement, starts)
        for raw in answer.records:
            record = read_either(raw)
            if record.header.kind != "agreement.propose":
                continue
            row = _proposed(record.body, agreement, record.header.issuer, self._node)
            if row is None:
                continue
            instrument = open_instrument(row.genesis, row.text, bytes.fromhex(row.salt))
            if instrument.party(self._organisation.id) is None:
                raise _not_named()
            with self._node.store.write() as writing:
                if writing.agreement(agreement) is None:
                    self._require_room(writing)
                    writing.add_agreement(row)
                    outcome.agreements += 1
            return
        raise MalformedError("agreement.no-proposal", "a peer names an agreement and has no text")

    def _require_room(self, writing: Writing) -> None:
        """Count what this peer brought; what nobody asked for must not fill the node."""
        name = f"met:{self._peer.id}"
        met = int(writing.cursor(name) or 0)
        if met >= AGREEMENTS_FROM_ONE_PEER:
            raise RefusedError(
                "agreement.too-many-proposals",
                f"{self._peer.label} has named {met} agreements already; no more are taken in",
                facts={"limit": AGREEMENTS_FROM_ONE_PEER},
            )
        writing.set_cursor(name, str(met + 1))

    def _records(self, agreement: AgreementId, outcome: Outcome) -> bool:
        """Fetch what the peer holds further; whether everything that it shows is here then."""
        again = False
        for _ in range(_ROUNDS):
            with self._node.store.read() as reading:
                folded = self._node.folds.of(reading, agreement)
                needed = missing.lacking(reading, folded) if again else missing.NOTHING
            if again and not needed:
                return False
            now = self._node.clock.now()
            wanted = 0 if again else along.WANTED
            question = Heads(agreement, visibility.heads(folded, self._peer.id, now), along=wanted)
            answer = HeadsAnswer.decode(self.ask(messages.HEADS, question.encode()))
            theirs, brought = answer.heads, answer.records if wanted else None
            spans = missing.spans(folded, theirs.heads, needed)
            if not spans:
                self._compare(folded, question, theirs, now)
                return True
            stored = 0
            if brought:
                stored = self._store(agreement, brought, outcome)
                came = missing.behind(visibility.tops_of(question.heads), theirs.heads)
                spans = sorted(set(spans) - set(came))
            if spans and not stored:
                stored = self._store(agreement, self._fetch(agreement, spans), outcome)
            if stored:
                if self._holds_all(agreement, theirs):
                    return True
                again = False
            elif again:
                return False
            else:
                again = True  # something arrived that continues no chain as it is held here
        return False

    def _holds_all(self, agreement: AgreementId, theirs: Heads) -> bool:
        """Whether everything that the peer showed is here by now."""
        with self._node.store.read() as reading:
            folded = self._node.folds.of(reading, agreement)
        if missing.spans(folded, theirs.heads):
            return False
        now = self._node.clock.now()
        ours = Heads(agreement, visibility.heads(folded, self._peer.id, now))
        self._compare(folded, ours, theirs, now)
        return True

    def _fill(self, agreement: AgreementId, outcome: Outcome) -> None:
        """Ask for records that are here in outline, where they are for us after all."""
        asking = gathering.again(self._node, self._organisation.id, self._peer.id, agreement)
        for spans in asking:
            self._store(agreement, self._fetch(agreement, spans), outcome)

    def _compare(self, folded: Folded, ours: Heads, theirs: Heads, now: datetime) -> None:
        mine, peer = self._organisation.id, self._peer.id
        self._shown = visibility.mark_of(theirs.heads)
        self._node.hearing.shows(peer, folded.row.id, theirs.heads)
        if set(ours.heads) <= set(theirs.heads):
            self._node.hearing.holds(peer, folded.row.id, folded.last_row)
        if set(ours.heads) == set(theirs.heads):
            self._node.hearing.compared(peer, folded.row.id, now)
        with self._node.store.read() as reading:
            found = comparing.compare(reading, folded, mine, peer, ours.heads, theirs, now)
        if found:
            self._mark(*found)

    def _fetch(self, agreement: AgreementId, spans: Sequence[Span]) -> RecordsAnswer:
        return gathering.whole(lambda left: self._page(agreement, left), spans)

    def _page(self, agreement: AgreementId, spans: Sequence[Span]) -> RecordsAnswer:
        asked = RecordsQuestion(agreement, tuple(spans[: messages.MAX_SPANS])).encode()
        return RecordsAnswer.decode(self.ask(messages.RECORDS, asked))

    def _store(self, agreement: AgreementId, answer: RecordsAnswer, outcome: Outcome) -> int:
        node, came = self._node, (answer.records, answer.identities, answer.branches)
        with node.store.write() as writing:
            folded = node.folds.of(writing, agreement)
            taken = incoming.take_in(writing, folded, *came, shown_by=self._peer.id)
            if any(record.header.kind in called.EXECUTED for record in taken.stored):
                tightened.comply(node, writing, agreement)
            if erasing.is_due(writing, agreement, taken.stored):
                erasing.comply(node, writing, agreement)
        outcome.records += len(taken.stored)
        outcome.refused += taken.refused
        if taken.stored:
            node.notifier.changed(agreement)
        return len(taken.stored)

    # --- blobs --------------------------------------------------------------------------

    def _blobs(self, agreement: AgreementId, outcome: Outcome, begun: datetime) -> bool:
        """Fetch what records name; False when there is more to ask for at once."""
        fetching = blobs.Fetching(
            self._node,
            self._organisation.id,
            self._peer.id,
            agreement,
            lambda question: self.ask(messages.BLOBS, question),
        )
        try:
            return fetching.run(begun)
        finally:
            outcome.blobs += fetching.fetched


def _not_named() -> UnverifiedError:
    return UnverifiedError("agreement.not-named", "a peer sent an agreement that does not name us")


def _proposed(
    body: Mapping[str, object], agreement: AgreementId, issuer: OrganisationId, node: Node
) -> AgreementRow | None:
    """The agreement that a proposal carries, or None if it is not the one asked for."""
    raw = encode(body.get("genesis"))  # type: ignore[arg-type]
    if AgreementId(digest(raw)) != agreement:
        return None
    genesis = read_genesis(raw)
    text, salt = body.get("text"), body.get("salt")
    if not isinstance(text, str) or not isinstance(salt, str) or not _SALT.fullmatch(salt):
        raise MalformedError("agreement.proposal-form", "a proposal carries its text and salt")
    return AgreementRow(
        id=agreement,
        alias=genesis.alias,
        genesis=raw,
        text=text.encode(),
        salt=salt,
        version=genesis.version,
        proposed_by=issuer,
        known_since=node.clock.now(),
    )
