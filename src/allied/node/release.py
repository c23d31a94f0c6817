"""The one path by which items leave this node.

Federation, TAXII, console and command line all ask here, and here the verdicts of the policy
are asked (`allied.node.verdicts`), at the moment of the question: a change of membership,
clause, marking or recall takes effect on the next request. What leaves is written into the
disclosure ledger before it is sent.

Words used here:
    holder      the hosted organisation whose copies are looked at
    reach       which handling classes may go to one recipient now, each with its verdict
    place       how far a recipient is: a number, and a digest of what it could see then (see
                `allied.node.places`); where it may see other than it could, it starts again
                from the beginning
    own view    a hosted organisation looking at what it holds itself; that is no release

Rules. Unless a verdict says yes, an item stays. A recipient is a party of the agreement;
nobody else gets anything. What was shared before a late party joined stays as
`life.history` says. What is refused only because it was not confirmed recently who is a party
is written down once. The page is made of stored bytes; nothing is parsed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from allied.errors import NotFoundError
from allied.exchange import limits
from allied.exchange.derivation import named_in
from allied.exchange.lineage import ItemName
from allied.node import in_return, ledger, places, proofs, sweeping, verdicts
from allied.node.asked import asking_of
from allied.node.pages import ItemsPage, SentItem
from allied.node.places import Place
from allied.record.canonical import digest, encode

if TYPE_CHECKING:
    from allied.exchange.handling import HandlingClass
    from allied.exchange.policy import Verdict
    from allied.node.folds import Folded
    from allied.node.messages import ItemsQuestion
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import ItemRow
    from allied.node.verdicts import Classes, Footing
    from allied.record.canonical import Json
    from allied.record.ids import AgreementId, Digest, OrganisationId, PartyId
    from allied.record.record import Record

_PAGE_BYTES: Final = 24 * 2**20
_DIGITS: Final = 12
BY_NETWORK: Final = "federation"
BY_FILE: Final = "file"
PASSED_ON: Final = "passed-on"
"""Way out of what somebody else originated, in the ledger."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Passed:
    """An item of somebody else that may go to the recipient.

    Attributes:
        proof: the originator's consent, where it takes one.
    """

    row: ItemRow
    verdict: Verdict
    proof: Record | None


@dataclass(frozen=True, slots=True)
class Reach:
    """What may go to one recipient now.

    Attributes:
        verdicts: over every handling class that the holder has items of, and may release.
        passed: items of others that were to be passed on, and may be.
    """

    footing: Footing
    verdicts: Mapping[int, Verdict]
    classes: Classes
    at: datetime
    passed: tuple[Passed, ...] = ()

    @property
    def party(self) -> PartyId:
        """The recipient."""
        return self.footing.recipient.party

    @property
    def releaser(self) -> PartyId:
        """Who would release it."""
        return self.footing.releaser

    @property
    def permitted(self) -> tuple[int, ...]:
        """The classes that may go, ascending."""
        return tuple(sorted(each for each, verdict in self.verdicts.items() if verdict.permitted))

    @property
    def stale(self) -> tuple[int, ...]:
        """The classes that stay until it is confirmed anew who is a party, ascending."""
        refused = (each for each, verdict in self.verdicts.items() if verdict.code == limits.STALE)
        return tuple(sorted(refused))

    def sight(self, until: int) -> str:
        """A digest of what may be seen, of the classes that were there before a number."""
        sees_from = self.footing.sees_from
        seen = [each for each in self.permitted if each <= until]
        return digest(encode([seen, sees_from.isoformat() if sees_from else None]))[:_DIGITS]

    @property
    def passing(self) -> str:
        """A digest of what of others may be seen; empty for nothing."""
        seen: list[Json] = [
            [each.row.originator, each.row.statement, each.row.id, each.row.modified]
            for each in self.passed
        ]
        return digest(encode(seen))[:_DIGITS] if seen else ""


def kept_back(
    node: Node, reading: Reading, folded: Folded, holder: OrganisationId, party: PartyId
) -> int:
    """How many items may go to a party, but not where others can read them."""
    counts = reading.item_counts(folded.row.id, holder)
    closed = reach(node, reading, folded, holder, party)
    open_ = reach(node, reading, folded, holder, party, readable=True)
    if closed is None or open_ is None:
        return 0
    own = sum(counts[each] for each in set(closed.permitted) - set(open_.permitted))
    return own + len(closed.passed) - len(open_.passed)


def classes_of(reading: Reading, agreement: AgreementId) -> Mapping[int, HandlingClass]:
    """The handling classes of an agreement, by their ids on this node."""
    return verdicts.classes_of(reading, agreement).by_id


def reach(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    party: PartyId,
    offers: frozenset[str] = frozenset(),
    *,
    readable: bool = False,
) -> Reach | None:
    """What `holder` may release to `party` now, class by class; None if it is no party.

    Args:
        offers: kinds that the party says it would give in return.
        readable: it would go where others can read it.

    Cost: one look at the register; a verdict only where none is remembered that still holds.
    """
    at = node.clock.now()
    footing = verdicts.footing(reading, folded, holder, party, at, offers)
    if footing is None:
        return None
    if readable:
        footing = replace(footing, known=replace(footing.known, readable=True))
    found, classes = own(node, reading, folded, holder, footing, at)
    passed = _passed(reading, folded, holder, footing, classes, at)
    return Reach(footing, found, classes, at, passed)


def own(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    footing: Footing,
    at: datetime,
) -> tuple[Mapping[int, Verdict], Classes]:
    """The verdicts over the classes that the holder releases by itself, and all classes."""
    counts = reading.item_counts(folded.row.id, holder)
    classes = verdicts.classes_of(reading, folded.row.id)
    wanted = [
        number
        for number in counts
        if classes.by_id[number].originator == footing.releaser
        or (footing.is_hub and classes.by_id[number].originator != footing.recipient.party)
    ]
    return node.verdicts.over(folded.row.id, footing, wanted, classes, at), classes


def _passed(
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    footing: Footing,
    classes: Classes,
    at: datetime,
) -> tuple[Passed, ...]:
    """What somebody here decided to pass on to the recipient, as far as it may go now."""
    sees_from = footing.sees_from
    found = []
    for row in reading.passed_on(folded.row.id, holder, footing.recipient.party):
        if sees_from is not None and row.received_at < sees_from:
            continue
        verdict, proof = _judged(folded, footing, classes, row, at)
        if verdict.permitted:
            found.append(Passed(row, verdict, proof))
    return tuple(found)


def _judged(
    folded: Folded, footing: Footing, classes: Classes, row: ItemRow, at: datetime
) -> tuple[Verdict, Record | None]:
    """The verdict over one item, and the consent that it takes."""
    handling, by_key = classes.by_id[row.class_id], classes.by_key()
    verdict = footing.decide(handling, at, by_key)
    if verdict.permitted or row.originator == row.holder:
        return verdict, None
    said = asking_of(folded, row.holder)
    item = ItemName(handling.originator, row.id, row.modified)
    known = replace(footing.known, consented=said.consented(item, at))
    if footing.recipient.party not in known.consented:
        return verdict, None
    return (
        footing.decide(handling, at, by_key, known),
        said.proof(item, footing.recipient.party),
    )


def verdict_of(
    node: Node,
    reading: Reading,
    folded: Folded,
    row: ItemRow,
    party: PartyId,
    *,
    reviewed: bool = False,
    readable: bool = False,
) -> Verdict:
    """What the agreement says to releasing one item to a party, or to an outsider, now.

    Args:
        reviewed: a person has said that the outsider belongs to the declared community.
        readable: it would go where others can read it.

    Raises:
        NotFoundError: `exchange.not-a-party`, its holder is none.
    """
    at = node.clock.now()
    footing = verdicts.footing(reading, folded, row.holder, party, at)
    if footing is None:
        raise NotFoundError("exchange.not-a-party", "the agreement does not name the holder")
    known = replace(
        footing.known, reviewed=frozenset({party} if reviewed else ()), readable=readable
    )
    footing = replace(footing, known=known)
    found = _judged(folded, footing, verdicts.classes_of(reading, folded.row.id), row, at)[0]
    since = None if footing.recipient.outside else footing.sees_from
    late = since is not None and row.received_at < since
    return verdicts.BEFORE_JOINING if found.permitted and late else found


def passing(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    organisation: OrganisationId,
) -> str:
    """A digest of what `holder` passes on to `organisation` now; empty for nothing."""
    party = folded.instrument.party(organisation)
    if party is None or not reading.passed_on(folded.row.id, holder, party):
        return ""
    allowed = reach(node, reading, folded, holder, party)
    return allowed.passing if allowed else ""


def visible_counts(
    node: Node,
    reading: Reading,
    folded: Folded,
    holder: OrganisationId,
    organisation: OrganisationId,
) -> Mapping[int, int]:
    """How many items of `holder` may go to `organisation` now, by handling class."""
    party = folded.instrument.party(organisation)
    if party is None or holder == organisation:
        return {}
    counts = reading.item_counts(folded.row.id, holder)
    allowed = reach(node, reading, folded, holder, party) if counts else None
    return {number: counts[number] for number in allowed.permitted} if allowed else {}


def page(
    node: Node,
    caller: OrganisationId,
    holder: OrganisationId,
    question: ItemsQuestion,
    *,
    via: str = BY_NETWORK,
    readable: bool = False,
) -> bytes:
    """The next page of items that `holder` releases to `caller`; see `node.pages`.

    The release is in the ledger before the page is returned.

    Args:
        via: the way out that stands in the ledger.
        readable: others can read that way; see `limits.failures`.

    Raises:
        NotFoundError: there is no such agreement, or one of both is no party of it.
        MalformedError: `exchange.bad-cursor`.
    """
    sweeping.require_swept(node, holder, question.agreement)
    with node.store.read() as reading:
        secret = reading.secret("places")
        place = places.opened(question.after, secret, caller, holder, question.agreement)
        changes = reading.changes()
        made = _make(node, reading, caller, holder, question, place, readable=readable)
    if not made.entries:
        return made.answer
    with node.store.write() as writing:
        if writing.changes() != changes:
            # Something has changed meanwhile; a recall must find every release written down.
            made = _make(node, writing, caller, holder, question, place, readable=readable)
        ledger.append(
            writing,
            holder,
            [replace(each, via=via) if each.via == BY_NETWORK else each for each in made.entries],
        )
        for name, value in made.noted.items():
            writing.set_cursor(name, value)
    return made.answer


@dataclass(frozen=True, slots=True)
class _Made:
    """A page, and what is to be written down before it leaves.

    Attributes:
        noted: cursors that are set in the same unit.
    """

    answer: bytes
    entries: Sequence[ledger.Entry]
    noted: Mapping[str, str]


def _make(
    node: Node,
    reading: Reading,
    caller: OrganisationId,
    holder: OrganisationId,
    question: ItemsQuestion,
    place: Place,
    *,
    readable: bool,
) -> _Made:
    if reading.agreement(question.agreement) is None:
        raise NotFoundError("peer.not-found", "nothing here goes by that name")
    folded = node.folds.of(reading, question.agreement)
    party = folded.instrument.party(caller)
    allowed = (
        reach(node, reading, folded, holder, party, question.offers, readable=readable)
        if party
        else None
    )
    if allowed is None:
        raise NotFoundError("peer.not-found", "nothing here goes by that name")

    def sealed(reached: Place) -> str:
        return reached.sealed(reading.secret("places"), caller, holder, question.agreement)

    after = place.after if place.sight == allowed.sight(place.top) else 0
    filled = ItemsPage(question.limit)
    until = place.until if place.passing == allowed.passing else 0
    passed = [each for each in allowed.passed if each.row.seq > until]
    if passed:
        others = [each.row for each in passed]
        consents = {each.row.seq: each.proof.raw for each in passed if each.proof}
        sent: Sequence[ItemRow] = others[
            : _add(reading, filled, _fitting(others[: question.limit]), allowed.classes, consents)
        ]
        reached = replace(place, passing=allowed.passing, until=sent[-1].seq if sent else until)
        entries = _released(folded, allowed, sent, via=PASSED_ON)
        return _Made(filled.encode(sealed(reached), more=True), entries, {})
    rows = reading.items(
        question.agreement,
        holder,
        after=after,
        limit=question.limit + 1,
        classes=allowed.permitted,
        added_after=_before(allowed.footing.sees_from),
    )
    sent = rows[: _add(reading, filled, _fitting(rows[: question.limit]), allowed.classes)]
    top = max(allowed.classes.by_id, default=0)
    reached = Place(
        sent[-1].seq if sent else after, top, allowed.sight(top), until, allowed.passing
    )
    noted = _stale_note(reading, folded, holder, allowed)
    entries = [
        *_released(folded, allowed, sent, via=BY_NETWORK),
        *(_refused(folded, allowed, reading.item_counts(folded.row.id, holder)) if noted else ()),
    ]
    if sent and allowed.footing.offered:
        leaving = [allowed.classes.by_id[each] for each in {row.class_id for row in sent}]
        relying = in_return.relying(
            reading, folded.row.id, holder, allowed.footing, leaving, allowed.at
        )
        noted = {**noted, **relying}
    return _Made(filled.encode(sealed(reached), more=len(sent) < len(rows)), entries, noted)


def _before(sees_from: datetime | None) -> int | None:
    """The last microsecond before an instant, as `Reading.items` asks for it."""
    if sees_from is None:
        return None
    return (sees_from - _EPOCH) // timedelta(microseconds=1) - 1


def _stale_note(
    reading: Reading, folded: Folded, holder: OrganisationId, allowed: Reach
) -> Mapping[str, str]:
    """What to note so that a refusal for want of confirmation is written down only once."""
    if not allowed.stale:
        return {}
    name = f"stale:{holder}:{folded.row.id}:{allowed.party}"
    confirmed = allowed.footing.known.confirmed_at
    value = confirmed.isoformat() if confirmed else "never"
    return {} if reading.cursor(name) == value else {name: value}


def _fitting(rows: Sequence[ItemRow]) -> Sequence[ItemRow]:
    """The rows whose bytes are worth fetching for one page; at least the first."""
    total = 0
    for number, row in enumerate(rows):
        total += row.size
        if number and total > _PAGE_BYTES:
            return rows[:number]
    return rows


def _add(
    reading: Reading,
    filled: ItemsPage,
    rows: Sequence[ItemRow],
    classes: Classes,
    consents: Mapping[int, bytes] | None = None,
) -> int:
    """Put rows on the page until one does not fit; returns how many did."""
    bodies = reading.item_bytes(rows)
    statements: dict[Digest, bytes] = {}
    made_from = {
        each: {
            one.name: reading.statement(one.name) or b"" for one in named_in(classes.by_id[each])
        }
        for each in {row.class_id for row in rows}
    }
    for number, row in enumerate(rows):
        if row.statement not in statements:
            statements[row.statement] = reading.statement(row.statement) or b""
        consent = (consents or {}).get(row.seq, b"")
        item = SentItem(
            id=row.id,
            modified=row.modified,
            originator=row.originator,
            statement=row.statement,
            proof=proofs.packed(reading, row),
            share=row.share,
            raw=bodies[row.digest],
            consent=digest(consent) if consent else "",
        )
        if not filled.add(item, statements[row.statement], consent, made_from[row.class_id]):
            return number
    return len(rows)


def pull_root(digests: Sequence[Digest]) -> Digest:
    """What a receipt names: the digest over the items of one pull, in their order."""
    return digest("\n".join(digests).encode())


def _released(
    folded: Folded, allowed: Reach, sent: Sequence[ItemRow], *, via: str
) -> list[ledger.Entry]:
    """One row per handling class of what is about to leave."""
    root = pull_root([row.digest for row in sent])
    by_number = dict(allowed.verdicts)
    if via == PASSED_ON:
        by_number |= {each.row.class_id: each.verdict for each in allowed.passed}
    by_class: dict[int, list[ItemRow]] = {}
    for row in sent:
        by_class.setdefault(row.class_id, []).append(row)
    return [
        ledger.Entry(
            agreement=folded.row.id,
            recipient=allowed.party,
            outcome=ledger.RELEASED,
            code=by_number[number].code,
            art=by_number[number].art,
            class_id=number,
            first=rows[0].seq,
            last=rows[-1].seq,
            count=len(rows),
            via=via,
            proof=root,
            at=allowed.at,
        )
        for number, rows in sorted(by_class.items())
    ]


def _refused(folded: Folded, allowed: Reach, counts: Mapping[int, int]) -> list[ledger.Entry]:
    """One row per handling class that stays because it is not confirmed who is a party."""
    return [
        ledger.Entry(
            agreement=folded.row.id,
            recipient=allowed.party,
            outcome=ledger.REFUSED,
            code=allowed.verdicts[number].code,
            art=allowed.verdicts[number].art,
            class_id=number,
            first=0,
            last=0,
            count=counts[number],
            via=BY_NETWORK,
            proof="",
            at=allowed.at,
        )
        for number in allowed.stale
    ]
