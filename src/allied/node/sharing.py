"""Sharing items: a bundle becomes items, statements and verdicts under an agreement.

`share` goes over a bundle twice (markings and identities first), decides per handling class and
recipient, and stores what the agreement admits in batches: items, the originator's
statements, the verdicts in the disclosure ledger, each batch in one unit. Nothing leaves
here; recipients come and fetch it through `node.release`.

Words used here:
    decision    what becomes of one object: admitted with a verdict per recipient, or refused
    share       one call; its id stands beside every item that came with it
    dry run     everything but storing and signing
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from allied.errors import RefusedError
from allied.exchange import limits, reciprocity
from allied.exchange.bundle import Refused, Row
from allied.exchange.channel import Known
from allied.exchange.channels import recipient_at
from allied.exchange.examining import Sighted
from allied.exchange.handling import read_class
from allied.exchange.intake import Accepted, Intake, Repeated, Terms
from allied.exchange.marking import WELL_KNOWN, read_definition
from allied.exchange.policy import NOTHING_REFERS, Verdict, decide
from allied.exchange.statement import MAX_ITEMS, Leaf, commitment, packed_place, state
from allied.exchange.stix import Kind, kind_of, read_head, version_of
from allied.exchange.survey import survey
from allied.exchange.topics import forbidden
from allied.node import deriving, ledger, recalls, verdicts
from allied.node.agreements import party_of, resolve
from allied.node.behind import Behind
from allied.node.excepted import channels_of
from allied.node.rows import ItemBatch
from allied.node.shared import (
    Decision,
    RecipientDecision,
    Shared,
    Tally,
    Wish,
    known_at,
    review_of,
    tightening_of,
)
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.exchange.handling import HandlingClass
    from allied.exchange.intake import Outcome
    from allied.exchange.marking import Definition
    from allied.exchange.statement import Signed
    from allied.exchange.survey import Survey
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys, Writing
    from allied.node.rows import ItemsAdded, Organisation
    from allied.record.ids import Digest
    from allied.record.keys import Signer

__all__ = ["Decision", "RecipientDecision", "Shared", "Source", "Tally", "Wish", "share"]

BATCH = 10_000
_BATCH_BYTES = 32 * 2**20
_KEPT_BYTES = 24 * 2**20
"""Memory for what was read of a bundle; of a larger one it is in a file for the second pass."""

_REMEMBERED = 100_000
_NAMED = 100_000
"""Contradictions that are named, not only counted."""

Source = Callable[[], Iterator[bytes]]
WithLast = Callable[["Writing", Shared], None]


def share(
    node: Node,
    organisation: Organisation,
    keys: Keys | None,
    source: Source | Sequence[Row | Refused],
    agreement: str,
    wish: Wish,
    *,
    dry_run: bool = False,
    on_decision: Callable[[Decision], None] | None = None,
    on_trouble: Callable[[Decision], None] | None = None,
    on_progress: Callable[[int], None] | None = None,
    on_behalf: str = "",
    with_last: WithLast | None = None,
) -> Shared:
    """Share a STIX 2.1 bundle under an agreement.

    Args:
        keys: None only for a dry run, which signs nothing.
        source: gives the bytes of the bundle from the start, and is called once; or its
            elements, where somebody has taken it apart already (`exchange.bundle.rows`).
        on_decision: called with every object's decision, in the order of the second pass.
        on_trouble: called with the decisions on what is not taken, and with no others.
        on_progress: called now and then with how many more objects are done.
        on_behalf: the neighbour that says all this (`node.neighbours`); empty for the
            organisation itself, whose word then stands in the place of any neighbour's.
        with_last: called in the unit that stores the last batch, when all else is in it; not
            called where there is no such batch.

    Raises:
        RefusedError: `exchange.not-in-force`, `exchange.no-clause`.
        UsageError: `share.tlp`, `share.red-needs-to`, `share.no-such-party`.
        MalformedError: the bundle is refused as a whole.

    Cost: two passes, one over the bundle; memory bounded by the largest object and one batch.
    """
    with node.store.read() as reading:
        folded = node.folds.of(reading, resolve(reading, agreement).id)
    sharing = _Sharing(node, organisation, None if dry_run else keys, folded, wish)
    sharing.on_decision = on_decision
    sharing.on_trouble = on_trouble
    sharing.on_progress = on_progress
    sharing.on_behalf = on_behalf
    sharing.with_last = with_last
    return sharing.run(source)


@dataclass(frozen=True, slots=True)
class _Ready:
    """One batch that is decided on and signed, and not stored yet.

    Attributes:
        by_class: its members by the key of their class.
        statements: what was signed over which members of which class; these to be stored, but
            for the number of the class.
        classes: all classes of the share so far, by key.
    """

    batch: Sequence[Accepted]
    by_class: Mapping[Digest, Sequence[Accepted]]
    statements: Sequence[tuple[Digest, Signed, ItemBatch]]
    classes: Mapping[Digest, HandlingClass]


class _Sharing:
    """One share under way."""

    def __init__(
        self,
        node: Node,
        organisation: Organisation,
        keys: Keys | None,
        folded: Folded,
        wish: Wish,
    ) -> None:
        self.on_decision: Callable[[Decision], None] | None = None
        self.on_trouble: Callable[[Decision], None] | None = None
        self.on_progress: Callable[[int], None] | None = None
        self.on_behalf = ""
        self.with_last: WithLast | None = None
        self._node = node
        self._organisation = organisation
        self._keys = keys
        self._folded = folded
        self._at = node.clock.now()
        self._party = party_of(folded, organisation)
        standing = folded.state.standing(folded.instrument, self._at)
        if self._party not in standing.bound:
            raise RefusedError(
                "exchange.not-in-force",
                f"{folded.row.alias} does not bind {self._party} now; nothing is shared under it",
                hint="`allied agreement show` says who is awaited",
            )
        terms = self._terms = folded.terms(self._at)
        self._channels = channels_of(folded, self._party, terms, standing, self._at)
        between = partial(folded.terms_between, self._party, at=self._at)
        self._between = {
            party.id: channels_of(folded, self._party, between(party.id), standing, self._at)
            for party in (terms.parties if folded.state.texts else ())
        }
        self._tightening = tightening_of(wish, folded.row.alias, terms)
        self._made: deriving.Made | None = None
        self._known_at = known_at(wish, self._at)
        self._review = review_of(wish, self._channels, self._party, self._at)
        self._tightens = bool(wish.tlp or wish.to or wish.caveats)
        self._marked_before = 0
        with node.store.read() as reading:
            if wish.made_from:
                self._made = deriving.prepare(
                    node, reading, folded, organisation, wish.made_from, keys
                )
                self._tightening = self._made.tighten(self._tightening)
            self._recalled = recalls.recalled_here(reading, folded, organisation.id)
            self._given = {
                party.id: verdicts.contributions(reading, folded, organisation.id, party.id)
                for party in (terms.parties if reciprocity.is_asked(self._channels) else ())
            }
        self._recipients = [
            recipient_at(standing, party.id)
            for party in terms.parties
            if party.id != self._party and (not wish.anonymous or party.id in terms.hubs)
        ]
        self._verdicts: dict[Digest, list[tuple[PartyId, Verdict]]] = {}
        self._told: dict[Digest, tuple[RecipientDecision, ...]] = {}
        self._class_ids: dict[Digest, int] = {}
        self._stored_classes: dict[str, HandlingClass | None] = {}
        self._result = Shared(
            id=node.chance.token(8).hex(),
            agreement=folded.row.id,
            alias=folded.row.alias,
            dry_run=keys is None,
            recipients={recipient.party: Tally() for recipient in self._recipients},
        )

    def run(self, source: Source | Sequence[Row | Refused]) -> Shared:
        """Both passes."""
        with (
            self._node.scratch() as scratch,
            self._node.examiner() as examiner,
            Behind() as behind,
        ):
            found = survey(
                source,
                scratch,
                known=self._definition,
                keep=_KEPT_BYTES,
                topics=forbidden(self._channels, self._at),
                examiner=examiner,
            )
            self._look_up_ends(found)
            intake = Intake(
                found,
                Terms(
                    originator=self._party,
                    channels=self._channels,
                    at=self._at,
                    tightening=self._tightening,
                    beside=self._made.beside if self._made else frozenset(),
                    known=self._known,
                    people=self._review,
                ),
            )
            self._result.objects = found.count
            self._result.broken = found.broken.code if found.broken else ""
            batch: list[Accepted] = []
            size = 0
            for some in intake.runs():
                accepted = [each for each in map(self._passed, some) if each is not None]
                batch += accepted
                size += sum([len(each.raw) for each in accepted])
                while len(batch) >= BATCH or size >= _BATCH_BYTES:
                    full, batch = batch[:BATCH], batch[BATCH:]
                    size = sum([len(each.raw) for each in batch])
                    if ready := self._admitted(full, intake.classes):
                        behind.do(partial(self._store, ready))
            ready = self._admitted(batch, intake.classes)
            behind.wait()
            if ready:
                self._store(ready, self.with_last)
        arts = {verdict.art for each in self._verdicts.values() for _, verdict in each}
        known_at = self._known_at
        self._result.warnings = (
            *limits.warnings(self._terms, arts, self._at, known_at),
            *limits.marked_before(self._marked_before),
        )
        if self._result.stored:
            self._node.notifier.changed(self._folded.row.id)
        return self._result

    def _passed(self, outcome: Outcome) -> Accepted | None:
        """What is accepted and may be taken; all else is passed over."""
        if not isinstance(outcome, Accepted):
            self._pass_over(outcome)
            return None
        if self._recalled and self._is_recalled(outcome):
            reason = "it was recalled; give what replaces it an id of its own"
            code = "exchange.recalled"
        elif self._made is not None and self._made.is_source(outcome.head.id):
            code = "exchange.extract-same-id"
            reason = "it has the id of what it was made from; give it one of its own"
        else:
            return outcome
        self._pass_over(Refused(outcome.index, outcome.head.id, code, reason))
        return None

    def _is_recalled(self, accepted: Accepted) -> bool:
        """Whether its author took it back before: it does not come again unseen."""
        versions = self._recalled.get(accepted.head.id)
        if versions is None:
            return False
        return "" in versions or version_of(accepted.head, accepted.digest) in versions

    # --- what is known already ----------------------------------------------------------

    def _definition(self, id_: str) -> Definition | None:
        """A marking definition shared earlier by the same organisation."""
        organisation, agreement = self._organisation.id, self._folded.row.id
        with self._node.store.read() as reading:
            if not reading.classes_of_items(agreement, organisation, organisation, [id_]):
                return None
            rows = reading.items(
                agreement, organisation, limit=100, originator=organisation, item=id_
            )
            raw = reading.item_bytes(rows[-1:])[rows[-1].digest] if rows else b""
        return read_definition(raw, read_head(raw)) if rows else None

    def _known(self, id_: str) -> HandlingClass | None:
        """The class of an object shared earlier by the same organisation."""
        if id_ not in self._stored_classes:
            self._look_up([id_])
        return self._stored_classes[id_]

    def _look_up_ends(self, found: Survey) -> None:
        """Look up at once what links of a bundle connect that is not in it."""
        elements = chain.from_iterable(run.seen for run in found.runs.kept or ())
        ends = {end for each in elements if isinstance(each, Sighted) for end in each.head.ends}
        missing = [end for end in sorted(ends) if not found.notes(end)]
        if missing:
            self._look_up(missing)

    def _look_up(self, ids: Sequence[str]) -> None:
        """Remember the classes of objects shared earlier, or that there are none."""
        organisation, agreement = self._organisation.id, self._folded.row.id
        if len(self._stored_classes) > _REMEMBERED:
            self._stored_classes.clear()
        with self._node.store.read() as reading:
            stored = reading.classes_of_items(agreement, organisation, organisation, ids)
            wanted = set(stored.values())
            classes = {
                row.id: read_class(row.value)
                for row in (reading.handling_classes(agreement) if stored else ())
                if row.id in wanted
            }
        for id_ in ids:
            number = stored.get(id_)
            self._stored_classes[id_] = None if number is None else classes[number]

    # --- decisions ----------------------------------------------------------------------

    def _pass_over(self, outcome: Refused | Repeated) -> None:
        result = self._result
        if isinstance(outcome, Repeated):
            result.repeated += 1
            if self.on_decision:
                reason = "the same bytes again"
                self.on_decision(_decision(outcome.index, outcome.id, "exchange.repeated", reason))
        else:
            counted = result.refused if outcome.code.startswith("exchange.") else result.invalid
            counted[outcome.code] = counted.get(outcome.code, 0) + 1
            trouble = _decision(outcome.index, outcome.id or "", outcome.code, outcome.reason)
            if self.on_decision:
                self.on_decision(trouble)
            if self.on_trouble:
                self.on_trouble(trouble)
        if self.on_progress:
            self.on_progress(1)

    def _decide(
        self, accepted: Accepted, classes: Mapping[Digest, HandlingClass]
    ) -> list[tuple[PartyId, Verdict]]:
        verdicts = self._verdicts.get(accepted.key)
        if verdicts is None:
            verdicts = [
                (
                    recipient.party,
                    decide(
                        accepted.handling,
                        recipient,
                        self._between.get(recipient.party, self._channels),
                        self._at,
                        releaser=self._party,
                        classes=classes,
                        known=self._known_of(recipient.party),
                    ),
                )
                for recipient in self._recipients
            ]
            self._verdicts[accepted.key] = verdicts
            self._told[accepted.key] = tuple(
                RecipientDecision(
                    party,
                    verdict.permitted,
                    verdict.code,
                    verdict.art,
                    verdict.sentence,
                    verdict.would_change,
                )
                for party, verdict in verdicts
            )
        return verdicts

    def _known_of(self, party: PartyId) -> Known | None:
        """What lets the originators of others' items have their say, and what was given here.

        None where there is neither.
        """
        if not self._given and (self._made is None or not self._made.beside):
            return None
        contributed = self._given.get(party, reciprocity.CONTRIBUTIONS)
        return Known(contributed=contributed, confirmed_at=self._at)

    def _count(self, key: Digest, number: int) -> None:
        """Count so many objects of one class, by recipient."""
        self._result.admitted += number
        for party, verdict in self._verdicts[key]:
            tally = self._result.recipients[party]
            if verdict.permitted:
                tally.permitted += number
            elif verdict.code == NOTHING_REFERS:
                tally.alone += number
            else:
                why = (verdict.code, verdict.art)
                tally.refused[why] = tally.refused.get(why, 0) + number
                tally.changes.setdefault(why, verdict.would_change)

    def _tell_admitted(self, batch: Sequence[Accepted]) -> None:
        if self.on_progress:
            self.on_progress(len(batch))
        if self.on_decision is None:
            return
        for accepted in batch:
            self.on_decision(
                Decision(
                    accepted.index,
                    accepted.head.id,
                    accepted.head.type,
                    "exchange.admitted",
                    "",
                    accepted.effective.handling.tlp.value,
                    self._told[accepted.key],
                )
            )

    # --- storing ------------------------------------------------------------------------

    def _admitted(
        self, batch: Sequence[Accepted], classes: Mapping[Digest, HandlingClass]
    ) -> _Ready | None:
        """Decide on one batch and sign it; None where there is nothing to store."""
        by_class: dict[Digest, list[Accepted]] = {}
        for accepted in batch:
            members = by_class.get(accepted.key)
            if members is None:
                members = by_class[accepted.key] = []
                self._decide(accepted, classes)
            members.append(accepted)
        for key, members in by_class.items():
            self._count(key, len(members))
        self._tell_admitted(batch)
        if self._keys is None or not batch:
            return None
        signer = self._keys.signer(self._organisation.id, "automatic")
        statements = [
            (key, *self._stated(part, signer))
            for key, members in by_class.items()
            for part in _parts(members)
        ]
        return _Ready(batch, by_class, statements, classes)

    def _store(self, ready: _Ready, also: WithLast | None = None) -> None:
        """Store one batch, in one unit; see `Behind` for the thread that does it."""
        batch, by_class = ready.batch, ready.by_class
        with self._node.store.write() as writing:
            self._store_classes(writing, ready.classes, by_class)
            for _, signed, _ in ready.statements:
                writing.add_statement(signed.digest, signed.raw)
                writing.add_tree(signed.digest, signed.kept.packed())
            ids = self._class_ids
            added = writing.add_batches(
                [replace(items, class_id=ids[key]) for key, _, items in ready.statements]
            )
            self._result.stored += added.stored
            if not self.on_behalf:
                said = (accepted.head.id for accepted in batch)
                writing.disown(self._organisation.id, self._folded.row.id, said)
            contradicting = [each for each in added.contradicting if each[0] not in WELL_KNOWN]
            self._result.contradicting += len(contradicting)
            room = _NAMED - len(self._result.contradictions)
            self._result.contradictions += contradicting[:room]
            if added.known and self._tightens:
                self._marked_before += self._marked_otherwise(writing, batch)
            if added.stored and self._made is not None:
                products = [each.head.id for each in batch if each.kind != Kind.COMPANION]
                self._made.remember(writing, self._organisation.id, products, self._at)
            if added.stored:
                self._write_down(writing, by_class, self._class_ids, added)
            if also is not None:
                also(writing, self._result)

    def _marked_otherwise(self, writing: Writing, batch: Sequence[Accepted]) -> int:
        """How many objects of a batch stand here with another handling than is wished for."""
        organisation = self._organisation.id
        ids = [each.head.id for each in batch]
        here = writing.classes_of_items(self._folded.row.id, organisation, organisation, ids)
        wanted = self._class_ids
        return sum(
            here.get(each.head.id, wanted[each.key]) != wanted[each.key]
            for each in batch
            if each.kind != Kind.COMPANION
        )

    def _store_classes(
        self,
        writing: Writing,
        classes: Mapping[Digest, HandlingClass],
        wanted: Mapping[Digest, object],
    ) -> None:
        """Store the classes of a batch, and those that its companions go along with."""
        ids = self._class_ids
        todo = [key for key in wanted if key not in ids]
        while todo:
            key = todo.pop()
            if key in ids:
                continue
            handling = classes[key]
            ids[key] = writing.handling_class(self._folded.row.id, key, handling.canonical())
            todo += [each for each in handling.along or () if each in classes]

    def _stated(self, members: Sequence[Accepted], signer: Signer) -> tuple[Signed, ItemBatch]:
        """Sign one statement over some members of a class, and make them ready to be stored."""
        versions = [version_of(each.head, each.digest) for each in members]
        signed = state(
            self._organisation.id,
            commitment(self._folded.row.id, bytes.fromhex(self._folded.instrument.genesis.nonce)),
            members[0].handling,
            [
                Leaf(each.head.id, version, each.digest, each.effective.definitions)
                for each, version in zip(members, versions, strict=True)
            ],
            self._node.chance.token(32),
            signer,
            self._at,
        )

        return signed, self._node.store.prepared(self._batch(members, versions, signed))

    def _batch(
        self, members: Sequence[Accepted], versions: Sequence[str], signed: Signed
    ) -> ItemBatch:
        """The members of a statement, to be stored; the number of their class comes later."""
        organisation = self._organisation.id
        types = [accepted.head.type for accepted in members]
        kinds = {type_: kind_of(type_).value for type_ in set(types)}
        return ItemBatch(
            holder=organisation,
            originator=organisation,
            agreement=self._folded.row.id,
            via=organisation,
            share=self._result.id,
            received_at=self._at,
            class_id=0,
            statement=signed.digest,
            ids=[accepted.head.id for accepted in members],
            modified=versions,
            types=types,
            kinds=[kinds[type_] for type_ in types],
            digests=[bytes.fromhex(accepted.digest) for accepted in members],
            raws=[accepted.raw for accepted in members],
            proofs=[packed_place(place) for place in range(len(members))],
        )

    def _write_down(
        self,
        writing: Writing,
        by_class: Mapping[Digest, Sequence[Accepted]],
        ids: Mapping[Digest, int],
        added: ItemsAdded,
    ) -> None:
        """One ledger row per class and recipient: what was decided, by which clause."""
        entries = [
            ledger.Entry(
                agreement=self._folded.row.id,
                recipient=party,
                outcome=ledger.PERMITTED if verdict.permitted else ledger.REFUSED,
                code=verdict.code,
                art=verdict.art,
                class_id=ids[key],
                first=added.first,
                last=added.last,
                count=len(members),
                via="share",
                proof=self._result.id,
                at=self._at,
            )
            for key, members in by_class.items()
            for party, verdict in self._verdicts[key]
        ]
        ledger.append(writing, self._organisation.id, entries)


def _decision(index: int, id_: str, code: str, reason: str) -> Decision:
    """The decision on something that is not taken, or was taken before."""
    return Decision(index, id_, id_.partition("--")[0], code, reason, "", ())


def _parts(members: Sequence[Accepted]) -> Iterator[Sequence[Accepted]]:
    """Members of a class, no more at a time than one statement holds."""
    for start in range(0, len(members), MAX_ITEMS):
        yield members[start : start + MAX_ITEMS]
