"""Items made from others here: what is signed about it, what it adds to their handling.

An extract of one's own item is judged by its own marking, and may be passed on by it; that is
what it is for. A redaction of others' items is handled at least as strictly as each of them,
and goes only to whom each of them may be passed on. What went into what is remembered beside
the items, for this node alone, so that whoever recalls a source can be told, and products be
looked at again.

Words used here: see `exchange.derivation`; a *product* is `lineage.Product`.

Rules. What is made from is held here, under the same agreement. An extract has an id of its
own: that of its source would tell what it was cut from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.errors import UsageError
from allied.exchange import derivation
from allied.exchange.derivation import EXTRACT, REDACTION, Derivation, Derived, Source
from allied.exchange.handling import strictest
from allied.exchange.lineage import ItemName
from allied.exchange.marking import Tightening
from allied.exchange.statement import commitment
from allied.node import items, verdicts
from allied.node.provenance import MADE_FROM
from allied.node.rows import RemarkRow
from allied.record.canonical import digest

if TYPE_CHECKING:
    from datetime import datetime

    from allied.exchange.handling import Demand
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading, Writing
    from allied.node.rows import Organisation
    from allied.record.ids import OrganisationId

_UNSIGNED: Final = digest(b"a derivation that nobody has signed")


@dataclass(frozen=True, slots=True)
class Made:
    """What everything in one share is made from.

    Attributes:
        raw: the signed derivation; empty in a dry run.
        beside: what the originators of others' items have to say about where it goes.
        sources: with the salts under which the derivation names them.
    """

    derived: Derived
    raw: bytes
    beside: frozenset[Demand]
    least: Tightening
    sources: tuple[tuple[ItemName, bytes], ...]

    def tighten(self, wished: Tightening) -> Tightening:
        """What the author adds, and what the sources demand."""
        least = self.least
        tlps = [each for each in (wished.tlp, least.tlp) if each is not None]
        audience = wished.audience
        if least.audience is not None:
            audience = least.audience if audience is None else audience & least.audience
        return Tightening(
            max(tlps, default=None),
            audience,
            wished.caveats | least.caveats,
            wished.terms | least.terms,
        )

    def is_source(self, id_: str) -> bool:
        """Whether an object has the id of what it would be made from."""
        return any(id_ == item.id for item, _ in self.sources)

    def remember(
        self,
        writing: Writing,
        organisation: OrganisationId,
        products: Iterable[str],
        at: datetime,
    ) -> None:
        """Keep the derivation, and beside each product what went into it."""
        writing.add_statement(self.derived.name, self.raw)
        for product in products:
            for item, salt in self.sources:
                text = f"{item.originator} {item.id} {item.version} {salt.hex()}"
                writing.add_remark(RemarkRow(organisation, product, MADE_FROM, text, "", at))


def prepare(
    node: Node,
    reading: Reading,
    folded: Folded,
    organisation: Organisation,
    names: Sequence[str],
    keys: Keys | None,
) -> Made:
    """Sign what a share is made from.

    Args:
        names: items held under this agreement, by id (the latest version) or number.
        keys: None signs nothing, for a dry run.

    Raises:
        NotFoundError: `item.unknown`.
        UsageError: `share.made-from`: held under another agreement, or too many.
    """
    classes = verdicts.classes_of(reading, folded.row.id).by_id
    mine = folded.instrument.party(organisation.id)
    assert mine is not None  # noqa: S101 - who shares is a party
    if len(set(names)) > derivation.MAX_SOURCES:
        raise UsageError("share.made-from", f"name {derivation.MAX_SOURCES} sources at most")
    sources: dict[ItemName, bytes] = {}
    others: set[Demand] = set()
    for name in dict.fromkeys(names):
        where, row = items.find(node, reading, organisation, name)
        originator = folded.instrument.party(row.originator)
        if where.row.id != folded.row.id or originator is None:
            raise UsageError(
                "share.made-from",
                "what it is made from is not held under this agreement",
                hint="share the extract under the agreement of its source",
            )
        salt = node.chance.token(derivation.SALT_BYTES)
        sources[ItemName(originator, row.id, row.modified)] = salt
        if originator != mine:
            others |= classes[row.class_id].demands
    how = REDACTION if others else EXTRACT
    raw, name_ = b"", _UNSIGNED
    if keys is not None:
        made = Derivation(
            organisation.id,
            commitment(folded.row.id, bytes.fromhex(folded.instrument.genesis.nonce)),
            how,
            tuple(
                sorted(
                    Source(item.originator, derivation.name_of(item, salt))
                    for item, salt in sources.items()
                )
            ),
            node.clock.now(),
        )
        raw = derivation.sign(made, keys.signer(organisation.id, "automatic"))
        name_ = digest(raw)
    derived = Derived(how, name_)
    floor = strictest(each.handling for each in others)
    least = Tightening(
        floor.tlp if others else None,
        floor.audience,
        floor.caveats,
        floor.terms | {derived.term},
    )
    return Made(derived, raw, frozenset(others), least, tuple(sources.items()))
