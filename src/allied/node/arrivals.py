"""Taking in what others released, and saying that it arrived.

Each item is held against its originator's statement before it is stored: signature, place in
the statement, digest of the exact bytes, agreement, id and version. What does not hold is not
stored, and its code is kept for the outcome; the rest goes on. A page, the place to go on
from and the receipt for it are one unit: a killed process asks for the same page again.

A receipt is a record in the circle of the two parties, signed with the key for automatic
records: "I hold these". It names the digest over the items of one pull, so the releaser finds
the pull in its ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from allied.errors import AlliedError, MalformedError, UnverifiedError
from allied.exchange.derivation import (
    Derivation,
    Derived,
    named_in,
    read as read_derivation,
    require_fit,
    unproved,
)
from allied.exchange.handling import HandlingClass
from allied.exchange.keeping import at_sunset
from allied.exchange.lineage import ItemName
from allied.exchange.marking import WELL_KNOWN
from allied.exchange.reciprocity import CONTRIBUTIONS
from allied.exchange.statement import (
    Leaf,
    Proof,
    Stated,
    commitment,
    read as read_statement,
)
from allied.exchange.stix import read_head, version_of
from allied.exchange.validity import problems
from allied.node import called, journal, offering, tightened, verdicts
from allied.node.asked import require_consent
from allied.node.messages import ItemsQuestion
from allied.node.node import Actor
from allied.node.pages import ItemsAnswer, SentItem
from allied.node.release import pull_root
from allied.node.rows import ItemBatch
from allied.record.canonical import digest
from allied.record.identity import open_chain
from allied.record.ids import Digest, PartyId
from allied.record.record import ChainKey

if TYPE_CHECKING:
    from datetime import datetime

    from allied.exchange.stix import Head
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading, Writing
    from allied.node.rows import Organisation
    from allied.record.circle import Circle
    from allied.record.ids import AgreementId, CircleId, OrganisationId, RecordId

PAGE = 2_000
_MOST_PAGES = 100_000
_FROM = "from:"
_MOST_RECEIPTED = 5_000
_ACKNOWLEDGED = frozenset(
    {
        "agreement.object",
        "agreement.withdraw",
        "exchange.recall",
        "exchange.recall-answer",
        "exchange.tighten",
        "incident.report",
        "incident.facts",
        "incident.invoke",
        "obligation.accept",
        "obligation.decline",
        "obligation.excuse",
        "obligation.perform",
        "proposal.open",
        "proposal.acknowledge",
        "proposal.withdraw",
        "vote.cast",
    }
)


def pull(
    node: Node,
    keys: Keys,
    organisation: Organisation,
    releaser: OrganisationId,
    agreement: AgreementId,
    ask: Callable[[bytes], bytes],
    refused: list[str],
) -> int:
    """Fetch everything new that `releaser` releases to `organisation`; returns how many items.

    Args:
        ask: asks the releaser's node one question of the verb `items`.
        refused: gets the codes of items that did not hold.
    """
    pulling = _Pulling(node, keys, organisation, releaser, agreement, ask, refused)
    with node.store.read() as reading:
        again = reading.cursor(pulling.broken)
    if again:
        pulling.again(again.removeprefix(_FROM))
    pulling.forward()
    return pulling.stored


@dataclass(slots=True)
class _Pulling:
    """One pull under way.

    A page with something on it that did not hold is asked for again at the next pull, one
    page each time; once it holds, everything after it is looked at again.
    """

    node: Node
    keys: Keys
    organisation: Organisation
    releaser: OrganisationId
    agreement: AgreementId
    ask: Callable[[bytes], bytes]
    refused: list[str]
    stored: int = 0

    @property
    def place(self) -> str:
        """Name of the cursor: where to go on."""
        return f"items:{self.organisation.id}:{self.releaser}:{self.agreement}"

    @property
    def broken(self) -> str:
        """Name of the cursor: the first page that did not hold."""
        return f"broken-{self.place}"

    def again(self, after: str) -> None:
        """Ask again for a page that did not hold."""
        page = self._page(after)
        before = len(self.refused)
        self.stored += self._arrival().take(page, self.refused, {}, {})
        if len(self.refused) == before:
            with self.node.store.write() as writing:
                writing.set_cursor(self.place, page.next if page.items else after)
                writing.set_cursor(self.broken, "")

    def forward(self) -> None:
        """Everything from the place reached on."""
        for _ in range(_MOST_PAGES):
            with self.node.store.read() as reading:
                after, broken = reading.cursor(self.place), reading.cursor(self.broken)
            page = self._page(after)
            if not page.items:
                return
            if_broken = {} if broken else {self.broken: _FROM + after}
            cursors = {self.place: page.next}
            self.stored += self._arrival().take(page, self.refused, cursors, if_broken)
            if page.next == after or not page.more:
                return

    def _page(self, after: str) -> ItemsAnswer:
        with self.node.store.read() as reading:
            folded = self.node.folds.of(reading, self.agreement)
            mine = self.organisation.id
            offers = offering.offers(self.node, reading, folded, mine, self.releaser)
        question = ItemsQuestion(self.agreement, after, PAGE, offers)
        return ItemsAnswer.decode(self.ask(question.encode()))

    def _arrival(self) -> _Arrival:
        return _Arrival(self.node, self.keys, self.organisation, self.releaser, self.agreement)


class _Arrival:
    """One page of items arriving."""

    def __init__(
        self,
        node: Node,
        keys: Keys,
        organisation: Organisation,
        releaser: OrganisationId,
        agreement: AgreementId,
    ) -> None:
        self._node = node
        self._keys = keys
        self._organisation = organisation
        self._releaser = releaser
        self._agreement = agreement
        self._statements: dict[Digest, Stated | AlliedError] = {}
        self._classes: dict[Digest, int] = {}
        self._derivations: dict[Digest, bytes] = {}

    def take(
        self,
        page: ItemsAnswer,
        refused: list[str],
        cursors: Mapping[str, str],
        if_broken: Mapping[str, str],
    ) -> int:
        """Verify a page, store what holds, acknowledge what is new, remember the place.

        Args:
            cursors: what to remember, by name; `if_broken` as well if something did not hold.
        """
        with self._node.store.read() as reading:
            folded = self._node.folds.of(reading, self._agreement)
            held = []
            for item in self._wanted(reading, folded, page):
                try:
                    held.append(self._require_stated(reading, folded, page, item))
                except AlliedError as refusal:
                    refused.append(refusal.code)
                    cursors = {**cursors, **if_broken}
        now = self._node.clock.now()
        with self._node.store.write() as writing:
            for name in {each.item.statement for each in held}:
                writing.add_statement(name, page.statements[name])
            for name, raw in self._derivations.items():
                writing.add_statement(name, raw)
            added = writing.add_batches(
                [
                    self._batch(writing, folded, list(group), now)
                    for _, group in groupby(held, key=_together)
                ]
            )
            refused += [
                "exchange.other-bytes" for id_, _ in added.contradicting if id_ not in WELL_KNOWN
            ]
            if added.stored:
                self._acknowledge(writing, folded, [each.digest for each in held])
            marked = called.calls_of(folded, self._organisation.id).marked
            if {each.item.id for each in marked} & {each.item.id for each in held}:
                tightened.comply(self._node, writing, self._agreement)
            for place, value in cursors.items():
                writing.set_cursor(place, value)
        return added.stored

    def _wanted(self, reading: Reading, folded: Folded, page: ItemsAnswer) -> Iterator[SentItem]:
        """What of a page was not recalled, and did not end here before.

        What a marking takes away it takes once the item is here, by what its statement says.
        """
        ids = {item.id for item in page.items}
        ended = reading.withdrawn_names(self._agreement, self._organisation.id, ids)
        releaser = folded.instrument.party(self._releaser)
        theirs = [
            each
            for each in called.calls_of(folded, self._organisation.id).theirs
            if each.item.id in ids
            and not (each.is_marking or each.correction)
            and each.may_take(releaser)
        ]
        recalled = {each.item.id for each in theirs}
        for item in page.items:
            if (item.originator, item.id, item.modified) in ended:
                continue
            if item.id in recalled:
                party = folded.instrument.party(item.originator) or PartyId("-")
                name = ItemName(party, item.id, item.modified)
                if any(each.item.covers(name) for each in theirs):
                    continue
            yield item

    def _require_stated(
        self, reading: Reading, folded: Folded, page: ItemsAnswer, item: SentItem
    ) -> _Held:
        """Return an item with its originator's statement; raise when it does not hold."""
        if item.originator == self._organisation.id:
            raise UnverifiedError("exchange.third-party", "this comes back to who originated it")
        head = read_head(item.raw)
        bytes_digest = digest(item.raw)
        version = version_of(head, bytes_digest)
        if (head.id, version) != (item.id, item.modified):
            raise UnverifiedError("exchange.misnamed", "an item is not what it was sent as")
        if found := problems(item.raw, head):
            raise MalformedError(found[0].code, "an item is not valid STIX 2.1")
        stated = self._stated(reading, folded, page, item)
        proof = Proof.read(item.proof)
        stated.require_holds(Leaf(head.id, version, bytes_digest, proof.definitions), proof)
        if item.originator != self._releaser:
            self._require_passed_on(reading, folded, page, item, stated)
        return _Held(item, head, bytes_digest)

    def _require_passed_on(
        self,
        reading: Reading,
        folded: Folded,
        page: ItemsAnswer,
        item: SentItem,
        stated: Stated,
    ) -> None:
        """Return if who sent an item may pass it on to us; by the rules as they hold here.

        Raises:
            UnverifiedError: `exchange.third-party`, `exchange.consent-unproved`.
        """
        at = self._node.clock.now()
        mine = folded.instrument.party(self._organisation.id)
        originator = folded.instrument.party(item.originator)
        if mine is None or originator is None:
            raise UnverifiedError("exchange.third-party", "an item's originator is no party")
        found = verdicts.footing(reading, folded, self._releaser, mine, at)
        if found is None:
            raise UnverifiedError("exchange.third-party", "the releaser is no party")
        consented = frozenset[PartyId]()
        if item.consent:
            identity = open_chain(reading.descriptors(item.originator))
            name = ItemName(originator, item.id, item.modified)
            raw = page.statements[Digest(item.consent)]
            require_consent(raw, folded, identity, name, found.releaser, mine)
            consented = frozenset({mine})
        # Whether the releaser's knowledge was fresh, and whether it had something in return, is
        # for the releaser to answer for.
        known = replace(
            found.known, confirmed_at=at, consented=consented, contributed=CONTRIBUTIONS
        )
        statement = stated.statement
        handling = at_sunset(
            folded.terms(at),
            HandlingClass(originator, statement.demands),
            found.releaser,
            item.id.partition("--")[0],
            statement.at,
            at,
        )
        if not found.decide(handling, at, {}, known).permitted:
            raise UnverifiedError(
                "exchange.third-party", "the agreement does not let its sender pass it on to us"
            )

    def _stated(
        self, reading: Reading, folded: Folded, page: ItemsAnswer, item: SentItem
    ) -> Stated:
        """The statement that an item names, held against originator and agreement once a page."""
        found = self._statements.get(item.statement)
        if found is None:
            try:
                found = self._read_statement(reading, folded, page, item)
            except AlliedError as refusal:
                found = refusal
            self._statements[item.statement] = found
        if isinstance(found, AlliedError):
            raise found
        return found

    def _read_statement(
        self, reading: Reading, folded: Folded, page: ItemsAnswer, item: SentItem
    ) -> Stated:
        raw = page.statements[item.statement]
        if digest(raw) != item.statement:
            raise UnverifiedError("exchange.misnamed", "a statement is not what it is sent as")
        identity = open_chain(reading.descriptors(item.originator))
        statement = read_statement(raw, identity.keys_ever("automatic"))
        party = folded.instrument.party(item.originator)
        context = commitment(self._agreement, bytes.fromhex(folded.instrument.genesis.nonce))
        if party is None or all(each.originator != party for each in statement.demands):
            raise UnverifiedError(
                "exchange.wrong-originator", "the statement speaks for another party"
            )
        handling = HandlingClass(party, statement.demands)
        found: dict[Derived, Derivation] = {}
        for derived in named_in(handling):
            made = page.statements.get(derived.name, b"")
            if digest(made) != derived.name:
                raise unproved()
            found[derived] = read_derivation(made, identity.keys_ever("automatic"))
            self._derivations[derived.name] = made
        if not found and any(each.originator != party for each in statement.demands):
            raise UnverifiedError(
                "exchange.wrong-originator", "the statement speaks for another party"
            )
        require_fit(found, handling, originator=item.originator, agreement=context)
        return Stated.under(statement, originator=item.originator, agreement=context)

    def _batch(
        self, writing: Writing, folded: Folded, held: list[_Held], now: datetime
    ) -> ItemBatch:
        """Items of one statement and share, to be stored."""
        one = held[0].item
        return ItemBatch(
            holder=self._organisation.id,
            originator=one.originator,
            agreement=self._agreement,
            via=self._releaser,
            share=one.share,
            received_at=now,
            class_id=self._class(writing, folded, one),
            statement=one.statement,
            ids=[each.item.id for each in held],
            modified=[each.item.modified for each in held],
            types=[each.head.type for each in held],
            kinds=[each.head.kind.value for each in held],
            digests=[bytes.fromhex(each.digest) for each in held],
            raws=[each.item.raw for each in held],
            proofs=[each.item.proof for each in held],
        )

    def _class(self, writing: Writing, folded: Folded, item: SentItem) -> int:
        """The class of everything under a statement, asked for once a page."""
        known = self._classes.get(item.statement)
        if known is None:
            party = folded.instrument.party(item.originator)
            stated = self._statements[item.statement]
            assert party is not None  # noqa: S101 - `_require_stated` has compared it
            assert isinstance(stated, Stated)  # noqa: S101 - the item was held against it
            handling = HandlingClass(party, stated.statement.demands)
            known = writing.handling_class(self._agreement, handling.key, handling.canonical())
            self._classes[item.statement] = known
        return known

    def _acknowledge(self, writing: Writing, folded: Folded, digests: list[Digest]) -> None:
        """Sign for a pull, in the circle of the two."""
        mine = folded.instrument.party(self._organisation.id)
        theirs = folded.instrument.party(self._releaser)
        if not digests or mine is None or theirs is None:
            return
        journal.append(
            self._node,
            writing,
            Actor(self._organisation, self._keys),
            self._node.folds.of(writing, self._agreement),
            folded.instrument.circles.pair(mine, theirs),
            "exchange.receipt",
            {
                "releaser": self._releaser,
                "root": pull_root(digests),
                "count": len(digests),
            },
        )


@dataclass(frozen=True, slots=True)
class _Held:
    """An item that holds."""

    item: SentItem
    head: Head
    digest: Digest


def _together(held: _Held) -> tuple[Digest, str]:
    """What is the same for items that are stored together."""
    return held.item.statement, held.item.share


def acknowledge(node: Node, keys: Keys, organisation: Organisation) -> int:
    """Sign that records which start periods are here: one receipt per circle with news.

    A debtor's periods run from this receipt, and whether a vote came in time is told by it, so
    the node writes it by itself as soon as it
    finds such a record without one; a process killed in between writes it at the next round.

    Returns:
        How many receipts were written.
    """
    written = 0
    with node.store.read() as reading:
        due = [
            row.id
            for row in reading.agreements()
            if _looked(node, reading, organisation, row.id) != str(reading.last_row(row.id))
        ]
    for agreement in due:
        with node.store.read() as reading:
            folded = node.folds.of(reading, agreement)
        if not any(_unacknowledged(folded, organisation)):
            node.hearing.look(_seen_name(organisation, agreement), str(folded.last_row))
            continue
        with node.store.write() as writing:
            folded = node.folds.of(writing, agreement)
            frozen = folded.history.frozen
            for circle, records in _unacknowledged(folded, organisation):
                if ChainKey(circle.id, organisation.id, organisation.incarnation) in frozen:
                    continue  # it has told two stories here; people decide
                journal.append(
                    node,
                    writing,
                    Actor(organisation, keys),
                    node.folds.of(writing, agreement),
                    circle,
                    "receipt",
                    {"records": sorted(records)[:_MOST_RECEIPTED]},
                )
                written += 1
            name = _seen_name(organisation, agreement)
            writing.set_cursor(name, str(writing.last_row(agreement)))
    return written


def _looked(
    node: Node, reading: Reading, organisation: Organisation, agreement: AgreementId
) -> str:
    """Up to which row it is known that nothing is to be acknowledged; in memory, or written."""
    name = _seen_name(organisation, agreement)
    return max(node.hearing.looked(name), reading.cursor(name), key=lambda row: int(row or 0))


def _seen_name(organisation: Organisation, agreement: AgreementId) -> str:
    return f"acknowledged:{organisation.id}:{agreement}"


def _unacknowledged(
    folded: Folded, organisation: Organisation
) -> Iterator[tuple[Circle, list[RecordId]]]:
    """By circle, the records that start periods and have no receipt of this organisation."""
    party = folded.instrument.party(organisation.id)
    if party is None:
        return
    circles = folded.state.circles_of(folded.instrument, party)
    missing: dict[CircleId, list[RecordId]] = {}
    receipted: set[object] = set()
    for record in folded.state.statements:
        header = record.header
        if header.kind == "receipt" and header.issuer == organisation.id:
            named = record.body.get("records")
            receipted.update(named if isinstance(named, list) else ())
        elif header.kind in _ACKNOWLEDGED and header.issuer != organisation.id:
            missing.setdefault(header.circle, []).append(record.id)
    for circle_id, records in sorted(missing.items()):
        left = [each for each in records if each not in receipted]
        if left and circle_id in circles:
            yield circles[circle_id], left
