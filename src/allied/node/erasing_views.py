"""Which texts there are, which of them somebody wanted gone, and what each party has done.

Words used here:
    wish     a redaction with effect, said in one circle
    state    of a party: erased, kept or silent; of a text here: held, withheld, erased, missing,
             or why the wish does not count
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.agreement import erasing as rules, joining
from allied.agreement.departed import left_at
from allied.node import visibility
from allied.node.texts import Held, evidence_of, text_of, words_of
from allied.record.blob import references

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from allied.agreement.erasing import Wish
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation
    from allied.node.texts import Texts
    from allied.record.ids import AgreementId, Digest, OrganisationId, PartyId, RecordId

HELD: Final = "hold"
SHORTEST: Final = 8
SILENT: Final = "silent"
_BEGINNING: Final = 60


@dataclass(frozen=True, slots=True)
class PartyErasure:
    """What one party has said to a wish.

    Attributes:
        state: erased, kept or silent.
        at: when it said so, as it claims; None while it is silent.
        why: the reason for keeping it.
    """

    party: PartyId
    state: str
    at: datetime | None
    why: str


@dataclass(frozen=True, slots=True)
class TextErasure:
    """One text of a wish, on this node: erased, withheld, or the code of why it stays."""

    text: Digest
    state: str


@dataclass(frozen=True, slots=True)
class ErasureView:
    """One wish that texts be erased, said in one circle.

    Attributes:
        by: whose texts they are; `mine` if that is who looks.
        parties: the others in the circle who may hold them, by name.
    """

    id: RecordId
    agreement: AgreementId
    alias: str
    circle: str
    by: PartyId
    mine: bool
    at: datetime
    why: str
    texts: tuple[TextErasure, ...]
    parties: tuple[PartyErasure, ...]

    @property
    def silent(self) -> tuple[PartyId, ...]:
        """Who has not said what it did."""
        return tuple(each.party for each in self.parties if each.state == SILENT)


@dataclass(frozen=True, slots=True)
class TextView:
    """One text that records name.

    Attributes:
        kind: of the record that named it first, and `record` its id.
        by: who wrote that record.
        state: held, withheld, erased or missing.
        held_for: why this organisation keeps it whatever its author wishes; else empty.
        beginning: of the words, or what became of them.
    """

    text: Digest
    agreement: AgreementId
    alias: str
    circle: str
    record: RecordId
    kind: str
    by: PartyId
    mine: bool
    at: datetime
    state: str
    held_for: str
    beginning: str


def list_erasures(node: Node, organisation: Organisation) -> Sequence[ErasureView]:
    """Every wish that an organisation may see, its own and those of others; the latest first."""
    found = []
    with node.store.read() as reading:
        for row in reading.agreements():
            folded = node.folds.of(reading, row.id)
            seen = visibility.circles(folded, organisation.id)
            found += [
                view_of(reading, folded, organisation, wish)
                for wish in rules.wishes(folded.state.statements, folded.instrument.party)
                if wish.circle in seen
            ]
    return sorted(found, key=lambda each: (each.at, each.id), reverse=True)


def view_of(
    reading: Reading, folded: Folded, organisation: Organisation, wish: Wish
) -> ErasureView:
    """One wish as it stands."""
    circle = visibility.circles(folded, organisation.id)[wish.circle]
    said = rules.answers(folded.state.statements, [wish], folded.instrument.party)[wish.record]
    standing = folded.state.standing(folded.instrument, wish.at)
    parties = []
    for party in sorted(circle.members - {wish.by}):
        word = said.get(party)
        if word is not None:
            why = words_of(reading, word.because)
            parties.append(PartyErasure(party, word.did, word.at, why))
        elif circle.kind == "pair" or left_at(standing, party) is None:
            parties.append(PartyErasure(party, SILENT, None, ""))
    return ErasureView(
        id=wish.record,
        agreement=folded.row.id,
        alias=folded.row.alias,
        circle=circle.purpose,
        by=wish.by,
        mine=wish.issuer == organisation.id,
        at=wish.at,
        why=words_of(reading, wish.because),
        texts=_texts(reading, folded, wish),
        parties=tuple(parties),
    )


def _texts(reading: Reading, folded: Folded, wish: Wish) -> tuple[TextErasure, ...]:
    rows = reading.erasures(folded.row.id)
    left = frozenset(wish.texts).difference(rows)
    origins = rules.origins(folded.history.order, folded.history.knows, left) if left else {}
    found = []
    for text in wish.texts:
        why_not = rules.why_not(text, wish.issuer, origins) if text in left else ""
        found.append(TextErasure(text, why_not or state_of(reading, text, folded.row.id)))
    return tuple(found)


def state_of(reading: Texts, text: Digest, agreement: AgreementId) -> str:
    """Where a text stands on this node: held, withheld, erased or missing."""
    row = reading.erasure(text, agreement)
    if row is not None:
        return "withheld" if row.kept else "erased"
    return "held" if reading.blob(text) is not None else "missing"


def hold_of(reading: Reading, organisation: OrganisationId, text: Digest) -> str:
    """Why an organisation keeps a text whatever its author wishes; empty where it does not."""
    return reading.cursor(f"{HELD}:{organisation}:{text}")


def list_texts(node: Node, organisation: Organisation, agreement: str = "") -> Sequence[TextView]:
    """The texts that an organisation may see, those named last first.

    Args:
        agreement: its id or alias; empty for all.

    Cost: a pass over the records.
    """
    found = []
    with node.store.read() as reading:
        for row in reading.agreements():
            if agreement and agreement not in (row.id, row.alias):
                continue
            folded = node.folds.of(reading, row.id)
            seen = visibility.circles(folded, organisation.id)
            withheld = joining.withheld(folded, organisation.id, node.clock.now())
            texts = Held(reading, withheld)
            named: dict[Digest, TextView] = {}
            for record in folded.history.order:
                header = record.header
                by = folded.instrument.party(header.issuer)
                if header.circle not in seen or by is None:
                    continue
                for text in references(record.body):
                    if text in named:
                        continue
                    named[text] = TextView(
                        text=text,
                        agreement=row.id,
                        alias=row.alias,
                        circle=seen[header.circle].purpose,
                        record=record.id,
                        kind=header.kind,
                        by=by,
                        mine=header.issuer == organisation.id,
                        at=header.claimed_at,
                        state=state_of(texts, text, row.id),
                        held_for=hold_of(reading, organisation.id, text),
                        beginning=_beginning(texts, text),
                    )
            found += list(named.values())
    return sorted(found, key=lambda each: (each.at, each.text), reverse=True)


def _beginning(reading: Texts, text: Digest) -> str:
    words = text_of(reading, text)
    if words:
        line = " ".join(words.split())
        return line if len(line) <= _BEGINNING else line[: _BEGINNING - 3] + "..."
    seen = evidence_of(reading, text)
    return seen.erased or (f"{seen.media}, {seen.size} bytes" if seen.here else "")
