"""Marking more tightly what others hold already, without a new version.

The originator signs a further statement over the same bytes. At the originator it takes effect
in the unit in which it is signed: from the next request on the item is released by it, and with
it. Everybody to whom the item was released is told, each in the circle of the two, and whoever
passed it on passes the statement on by itself at the next round. A holder's node holds the
statement against the originator's key and takes the item under its handling in the unit in
which the record arrives; who may not have it any more is asked to delete it, as in a recall.

Words used here:
    marking    a record that says so to one holder; see `allied.node.called`
    gone       its holder may not have it any more
    links      own relationships and sightings of what is marked; they are marked with it

Rules. Only the originator marks anew, and only more tightly (`exchange.tightening`). A holder
believes the originator's statement, whoever brings it, and joins it with what holds already, so
the order in which statements arrive plays no part. The periods of a clause run on from the first
statement. What was TLP:CLEAR is anybody's: its holders are told and asked for nothing. Links of
others keep their own marking.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.errors import NotFoundError, RefusedError, UsageError
from allied.exchange import tightening as rules
from allied.exchange.handling import HandlingClass, strictest
from allied.exchange.keeping import at_sunset
from allied.exchange.lineage import ItemName
from allied.exchange.marking import Tightening
from allied.exchange.statement import (
    Leaf,
    Proof,
    commitment,
    made_at,
    packed_place,
    state,
)
from allied.exchange.stix import read_head
from allied.exchange.tightening import TighterWish
from allied.node import called, ledger, proofs, tightened, verdicts
from allied.node.additions import stream
from allied.node.agreements import resolve
from allied.node.node import Actor
from allied.node.recall_views import versions_of
from allied.node.rows import TIGHTENED
from allied.node.shared import Wish, tightening_of
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Writing
    from allied.node.rows import ItemRow, LedgerRow
    from allied.record.ids import AgreementId

MOST: Final = 100
"""Versions and links that are marked at once."""

_LINKS: Final = ("relationship", "sighting")
_PAGE: Final = 1_000
_CALL_BYTES: Final = 8


@dataclass(frozen=True, slots=True)
class ToldView:
    """What a tighter marking means for one holder.

    Attributes:
        since: when it was first released to it.
        gone: it may not have it any more, and is asked to delete it.
        code, reason: why, by the agreement; empty else.
    """

    party: PartyId
    since: datetime
    gone: bool
    code: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TightenedView:
    """One tighter marking, as its author sees it.

    Attributes:
        versions: that are handled by it now, the oldest first.
        links: ids of relationships and sightings that were marked with it.
        tlp, audience, caveats, expires: how the latest version is handled from now on.
        holders: everybody whom it was released to from here, by name.
    """

    item: str
    versions: tuple[str, ...]
    links: tuple[str, ...]
    agreement: AgreementId
    alias: str
    tlp: str
    audience: tuple[PartyId, ...] | None
    caveats: tuple[str, ...]
    expires: datetime | None
    at: datetime
    why: str
    holders: tuple[ToldView, ...]
    dry_run: bool = False


# --- marking --------------------------------------------------------------------------------


def tighten(
    node: Node,
    actor: Actor,
    name: str,
    agreement: str,
    wish: Wish,
    *,
    expires: datetime | None = None,
    why: str = "",
    dry_run: bool = False,
) -> TightenedView:
    """Mark more tightly what this organisation shared, in the versions that are out.

    Args:
        name: its STIX id, for all its versions; or its number here, for that version.
        agreement: the id or alias of the agreement it was shared under.
        wish: TLP, caveats and recipients, as when sharing; nothing else of it is looked at.
        expires: an aware instant from which nobody may be given it any more.
        why: for the holders.

    Raises:
        NotFoundError: `item.unknown`.
        UsageError: `item.tighten-how`, nothing is wished for; `item.expires-past`; as
            `tightening_of`.
        RefusedError: `exchange.not-the-originator`, `exchange.only-tightens`,
            `exchange.nothing-tighter`, `exchange.tightens-anonymous`,
            `exchange.too-many-tightened`, `exchange.sunset-past`.
    """
    with node.store.write() as writing:
        now = node.clock.now()
        folded = node.folds.of(writing, resolve(writing, agreement).id)
        marking = _Marking(node, writing, actor, folded, now)
        wanted = _wished(folded, wish, expires, now)
        todo = marking.plan(name, wanted)
        if dry_run:
            return replace(marking.view(todo), dry_run=True, why=why)
        view = replace(marking.view(todo), why=why)
        marking.carry_out(todo, why)
        tightened.comply(node, writing, folded.row.id)
    node.notifier.changed(folded.row.id)
    return view


def _wished(folded: Folded, wish: Wish, expires: datetime | None, now: datetime) -> TighterWish:
    if not (wish.tlp or wish.to or wish.caveats or expires):
        raise UsageError(
            "item.tighten-how",
            "nothing says how it is to be handled from now on",
            hint="--tlp, --to, --caveat or --expires",
        )
    if expires is not None and expires <= now:
        raise UsageError(
            "item.expires-past", "it would have expired already", hint="recall it instead"
        )
    plain = Wish(tlp=wish.tlp, caveats=wish.caveats, to=wish.to)
    asked = tightening_of(plain, folded.row.alias, folded.terms(now))
    end = expires.replace(microsecond=0) if expires else None
    return TighterWish(Tightening(asked.tlp, asked.audience, asked.caveats), end)


@dataclass(frozen=True, slots=True)
class _Step:
    """One version that is handled otherwise from now on.

    Attributes:
        told: to whom it was released, with the first release and whether it is gone there.
    """

    row: ItemRow
    before: HandlingClass
    after: HandlingClass
    told: Sequence[tuple[LedgerRow, ToldView]]


class _Marking:
    """One tighter marking being made."""

    def __init__(
        self, node: Node, writing: Writing, actor: Actor, folded: Folded, now: datetime
    ) -> None:
        self._node = node
        self._writing = writing
        self._actor = actor
        self._folded = folded
        self._now = now
        self._mine = folded.instrument.party(actor.organisation.id) or PartyId("-")

    def plan(self, name: str, wish: TighterWish) -> list[_Step]:
        """What changes: the versions first, then the links, each by its number."""
        own, agreement = self._actor.organisation.id, self._folded.row.id
        rows = versions_of(self._writing, agreement, own, name)
        if self._mine == "-" or not rows:
            raise NotFoundError(
                "item.unknown",
                "this organisation holds no such item under that agreement",
                hint="`allied item list`",
            )
        if any(row.originator != own for row in rows):
            raise RefusedError(
                "exchange.not-the-originator",
                "only the originator of an item marks it anew",
                hint="ask the originator; keep your own copy to yourself in any case",
            )
        classes = verdicts.classes_of(self._writing, agreement).by_id
        latest = max(rows, key=lambda row: (row.modified, row.seq))
        rules.require_tighter(classes[latest.class_id], wish)
        with_links = [*rows, *self._links(rows[0].id)]
        if len(with_links) > MOST:
            raise RefusedError(
                "exchange.too-many-tightened",
                f"{len(with_links)} versions and links of it are out, and {MOST} are marked at"
                " once",
                hint="recall it, or mark one version by its number",
            )
        afterwards = {row.seq: rules.tighten(classes[row.class_id], wish) for row in with_links}
        rules.require_change(
            [classes[row.class_id] for row in rows], [afterwards[row.seq] for row in rows]
        )
        for row in rows:
            self._require_before_sunset(row, afterwards[row.seq])
        return [
            _Step(row, classes[row.class_id], after, self._told(row, after))
            for row in with_links
            if (after := afterwards[row.seq]) != classes[row.class_id]
        ]

    def _require_before_sunset(self, row: ItemRow, after: HandlingClass) -> None:
        """Return if no clause relaxes at once again what is marked now."""
        shared = made_at(proofs.statement_of(self._writing, row.statement))
        terms = self._folded.terms(self._now)
        if at_sunset(terms, after, self._mine, row.type, shared, self._now) != after:
            raise RefusedError(
                "exchange.sunset-past",
                "its marking has relaxed by the clause, and would do so again at once",
                hint="share a new version of it, or recall it",
            )

    def _links(self, item: str) -> Iterator[ItemRow]:
        """Own relationships and sightings of an object."""
        own, agreement = self._actor.organisation.id, self._folded.row.id
        waiting: list[ItemRow] = []
        rows = stream(self._writing, agreement, own, originator=own, types=_LINKS, chunk=_PAGE)
        for row in rows:
            waiting.append(row)
            if len(waiting) == _PAGE:
                yield from self._tied(waiting, item)
                waiting = []
        yield from self._tied(waiting, item)

    def _tied(self, rows: Sequence[ItemRow], item: str) -> list[ItemRow]:
        raws = self._writing.item_bytes(rows)
        return [row for row in rows if item in read_head(raws[row.digest]).ends]

    def _told(self, row: ItemRow, after: HandlingClass) -> list[tuple[LedgerRow, ToldView]]:
        parties = self._folded.instrument.genesis.parties
        own = self._actor.organisation.id
        done = {
            (each.holder, each.item.id, each.item.version)
            for each in called.calls_of(self._folded, own).marked_by_us
            if each.gone
        }
        return [
            (
                entry,
                ToldView(
                    PartyId(party),
                    entry.at,
                    *tightened.towards(self._writing, self._folded, row, after, entry, self._now),
                ),
            )
            for party, entry in tightened.released(self._writing, self._folded, row).items()
            if party in parties
            and party != self._mine
            and (party, row.id, row.modified) not in done
        ]

    def view(self, steps: Sequence[_Step]) -> TightenedView:
        """What it comes to, in words."""
        item = steps[0].row.id
        versions = sorted(
            (each for each in steps if each.row.id == item), key=lambda each: each.row.modified
        )
        held = strictest(each.handling for each in versions[-1].after.demands)
        told: dict[PartyId, ToldView] = {}
        for step in versions:
            for _, each in step.told:
                if each.party not in told or each.gone:
                    told[each.party] = each
        return TightenedView(
            item=item,
            versions=tuple(each.row.modified for each in versions),
            links=tuple(sorted({each.row.id for each in steps} - {item})),
            agreement=self._folded.row.id,
            alias=self._folded.row.alias,
            tlp=held.tlp.value,
            audience=None if held.audience is None else tuple(sorted(held.audience)),
            caveats=tuple(sorted(held.caveats)),
            expires=held.expires,
            at=self._now,
            why="",
            holders=tuple(told[party] for party in sorted(told)),
        )

    def carry_out(self, steps: Sequence[_Step], why: str) -> None:
        """Sign the statements, take the items under them, tell the holders, write it down."""
        for step in steps:
            call = self._node.chance.token(_CALL_BYTES).hex()
            statement, proof = self._state(step)
            self._ledger(step)
            for entry, told in step.told:
                self._tell(step, call, why, entry, told, statement, proof)

    def _state(self, step: _Step) -> tuple[bytes, bytes]:
        """Sign a statement over one version, and let it be handled by it.

        Returns:
            The statement, and the proof as it goes out.
        """
        writing, row, folded = self._writing, step.row, self._folded
        organisation = self._actor.organisation
        before = proofs.statement_of(writing, row.statement)
        definitions = Proof.read(proofs.packed(writing, row)).definitions
        signed = state(
            organisation.id,
            commitment(folded.row.id, bytes.fromhex(folded.instrument.genesis.nonce)),
            step.after,
            [Leaf(row.id, row.modified, row.digest, definitions)],
            self._node.chance.token(32),
            self._actor.keys.signer(organisation.id, "automatic"),
            made_at(before),  # what a clause counts from the sharing on goes on
        )
        writing.add_statement(signed.digest, signed.raw)
        writing.add_tree(signed.digest, signed.kept.packed())
        tightened.relabel(
            writing, row, step.before, step.after, self._now, signed.digest, packed_place(0)
        )
        return signed.raw, signed.kept.packed_proof(0)

    def _tell(
        self,
        step: _Step,
        call: str,
        why: str,
        entry: LedgerRow,
        told: ToldView,
        statement: bytes,
        proof: bytes,
    ) -> None:
        item = ItemName(self._mine, step.row.id, step.row.modified)
        marking = called.marking_of(statement, proof, gone=told.gone)
        tightened.say(
            self._node, self._writing, self._actor, self._folded.row.id, told.party, item, call,
            entry.art, rules.is_public(step.before), why, marking,
        )  # fmt: skip

    def _ledger(self, step: _Step) -> None:
        ledger.append(
            self._writing,
            self._actor.organisation.id,
            [
                ledger.Entry(
                    agreement=self._folded.row.id,
                    recipient=told.party,
                    outcome=TIGHTENED,
                    code=told.code or "exchange.tightened",
                    art=entry.art,
                    class_id=step.row.class_id,
                    first=step.row.seq,
                    last=step.row.seq,
                    count=1,
                    via="federation",
                    proof="",
                    at=self._now,
                )
                for entry, told in step.told
            ],
        )
