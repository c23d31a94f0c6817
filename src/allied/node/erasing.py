"""Having a text erased wherever it is held, and erasing what others want gone.

The author says so in every circle in which its records name the text. Each node that takes the
word in erases the bytes in the same unit, and says at its next round that it has; a node that
was away does so when it comes back, and one that was put back from an old copy does it again.
What counts as whose wish is decided by `agreement.erasing`.

Words used here:
    text     what lies beside a record: narrative, evidence, reasons; known by its digest
    hold     the decision of an organisation here that a text stays, and why; made beforehand
    wish     a redaction with effect
    open     a wish that names something which is not erased or kept here yet

Rules. A hold is told to nobody until somebody wants the text gone; then the reason is the answer,
the bytes stay, and nobody is shown them. `erased` is said only once no organisation hosted here
keeps the bytes. Who has left learns of it in the circle of the two. The words of somebody else
are never erased by a wish: two that claim one text are left to people. A wish counts in its own
agreement: what records of another one name as well is asked for again there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from allied.agreement import erasing as rules
from allied.agreement.departed import left_at
from allied.errors import ConflictError, NotFoundError, UsageError
from allied.node import journal, visibility
from allied.node.agreements import party_of, resolve
from allied.node.erasing_views import HELD, SHORTEST, ErasureView, hold_of, view_of
from allied.node.node import Actor
from allied.node.rows import ErasureRow
from allied.record import redaction
from allied.record.blob import references
from allied.record.redaction import ANSWER, ERASED, KEPT, REDACTION
from allied.record.revocation import REVOKE

if TYPE_CHECKING:
    from allied.agreement.erasing import Wish
    from allied.node.folds import Folded
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading, Writing
    from allied.node.rows import Organisation
    from allied.record.canonical import Json
    from allied.record.circle import Circle
    from allied.record.ids import AgreementId, Digest, OrganisationId
    from allied.record.record import Record

_OPEN: Final = "erasures-open"
_ASKED: Final = "erasures-asked"


# --- asking ---------------------------------------------------------------------------------


def ask(
    node: Node, actor: Actor, agreement: str, name: str, why: str = "", *, dry_run: bool = False
) -> Sequence[ErasureView]:
    """Have texts of this organisation erased by everybody who holds them, as a person's act.

    Args:
        name: digest of a text, or the start of it; or the id of a record, for all its texts.
        why: for the holders; lies beside the record and can be erased as well.

    Returns:
        What was said, one for each circle; nothing with `dry_run`, which only checks.

    Raises:
        NotFoundError: `erasure.unknown`; the agreement is unknown.
        RefusedError: `erasure.not-the-author`, `erasure.contested`, `erasure.put-to-the-vote`.
        ConflictError: `erasure.asked-already`.
        UsageError: `erasure.ambiguous`.
    """
    organisation = actor.organisation
    with node.store.write() as writing:
        folded = node.folds.of(writing, resolve(writing, agreement).id)
        mine = party_of(folded, organisation)
        texts = _named(folded, organisation.id, name)
        origins = rules.origins(folded.history.order, folded.history.knows, texts)
        for text in sorted(texts):
            rules.require_entitled(text, organisation.id, origins)
        where = _where(node, folded, organisation.id, texts)
        said = {
            (each.circle, text)
            for each in _wishes(folded)
            if each.by == mine
            for text in each.texts
        }
        where = {
            circle: left
            for circle, named in where.items()
            if (left := [each for each in named if (circle.id, each) not in said])
        }
        if not where:
            raise ConflictError(
                "erasure.asked-already",
                "that was asked for, of everybody who can have it",
                hint="`allied erasure list` shows who has done so",
            )
        if dry_run:
            return ()
        folded = journal.list_person(node, writing, actor, folded)
        records = []
        for circle, named in where.items():
            because = _because(node, writing, folded, circle, why)
            body = redaction.body(named, because)
            records.append(journal.append(node, writing, actor, folded, circle, REDACTION, body))
            folded = node.folds.of(writing, folded.row.id)
        _forget_reason(writing, folded, organisation.id, texts)
        comply(node, writing, folded.row.id)
        folded = node.folds.of(writing, folded.row.id)
        ids = {each.id for each in records}
        views = [
            view_of(writing, folded, organisation, each)
            for each in _wishes(folded)
            if each.record in ids
        ]
    node.notifier.changed(folded.row.id)
    return views


def _named(folded: Folded, organisation: OrganisationId, name: str) -> frozenset[Digest]:
    """The texts that somebody means, among those that the organisation may see."""
    seen = visibility.circles(folded, organisation)
    found: set[Digest] = set()
    for record in folded.history.order:
        if record.header.circle not in seen:
            continue
        texts = set(references(record.body))
        if texts and record.id == name:
            return frozenset(texts)
        found |= {each for each in texts if len(name) >= SHORTEST and each.startswith(name)}
    if not found:
        raise NotFoundError(
            "erasure.unknown",
            "no text and no record with texts goes by that name here",
            hint="`allied erasure texts` shows them",
        )
    if len(found) > 1:
        raise UsageError(
            "erasure.ambiguous", f"{len(found)} texts go by that name", hint="give more of it"
        )
    return frozenset(found)


def _where(
    node: Node, folded: Folded, organisation: OrganisationId, texts: frozenset[Digest]
) -> dict[Circle, list[Digest]]:
    """The circles in which it has to be said, with the texts that are known there."""
    circles = visibility.circles(folded, organisation)
    standing = folded.state.standing(folded.instrument, node.clock.now())
    mine = folded.instrument.party(organisation)
    found: dict[Circle, set[Digest]] = {}
    for record in folded.history.order:
        its = texts.intersection(references(record.body))
        circle = circles.get(record.header.circle)
        if not its or circle is None or mine is None:
            continue
        found.setdefault(circle, set()).update(its)
        for member in circle.members if circle.kind != "pair" else ():
            left = left_at(standing, member)
            if member != mine and left is not None and record.header.claimed_at <= left:
                pair = folded.instrument.circles.pair(mine, member)
                found.setdefault(pair, set()).update(its)
    return {
        circle: sorted(found[circle])
        for circle in sorted(found, key=lambda each: (each.kind == "pair", each.id))
    }


def _because(
    node: Node, writing: Writing, folded: Folded, circle: Circle, why: str
) -> dict[str, Json] | None:
    return journal.keep_blob(node, writing, folded, circle, why.encode()) if why else None


def _forget_reason(
    writing: Writing, folded: Folded, organisation: OrganisationId, texts: frozenset[Digest]
) -> None:
    """Say no more why keys were revoked, where that reason is what is to go."""
    for record in folded.history.order:
        own = record.header.kind == REVOKE and record.header.issuer == organisation
        if own and texts.intersection(references(record.body)):
            keys, _ = journal.revoked(writing, organisation)
            journal.remember_revoked(writing, organisation, keys, "")
            return


# --- doing so -------------------------------------------------------------------------------


def is_due(reading: Reading, agreement: AgreementId, stored: Iterable[Record]) -> bool:
    """Whether new records of an agreement may have something erased here. Cheap."""
    new = list(stored)
    if any(each.header.kind == REDACTION for each in new):
        return True
    return bool(new) and reading.cursor(f"{_OPEN}:{agreement}") != ""


def comply(node: Node, writing: Writing, agreement: AgreementId) -> int:
    """Erase what authors want gone, as far as nobody here keeps it.

    Called inside the unit that stored new records, or that ended a hold; what was done already
    changes nothing.

    Returns:
        How many texts are erased or withheld now that were not before.

    Cost: linear in the redactions; a pass over the records where one of them is open, and over
        those of all agreements where bytes are erased.
    """
    folded = node.folds.of(writing, agreement)
    done = 0
    gone: set[Digest] = set()
    waiting = False
    done_already = writing.erasures(agreement)  # asked for at once: a wish names up to 500
    open_ = [each for each in _wishes(folded) if _undone(done_already, each)]
    wanted = frozenset(text for each in open_ for text in each.texts)
    origins = rules.origins(folded.history.order, folded.history.knows, wanted) if open_ else {}
    for wish in open_:
        for text in _undone(done_already, wish):
            if rules.why_not(text, wish.issuer, origins):
                waiting = True
                continue
            kept = _kept(writing, text)
            known = writing.erasure(text, agreement)
            if known is not None and known.kept == kept:
                continue
            writing.erase_blob(
                ErasureRow(agreement, text, wish.record, wish.by, wish.at, wish.because, kept)
            )
            done += 1
            if not kept:
                gone.add(text)
    if gone:
        _want_elsewhere(node, writing, agreement, gone)
    writing.set_cursor(f"{_OPEN}:{agreement}", "open" if waiting else "")
    writing.set_cursor(f"{_ASKED}:{agreement}", "asked")
    return done


def _want_elsewhere(
    node: Node, writing: Writing, agreement: AgreementId, gone: set[Digest]
) -> None:
    """Ask under other agreements for what their records name: bytes are kept once for all.

    Else whoever named the text of somebody else in a second agreement could have it erased.
    """
    for row in writing.agreements():
        if row.id == agreement:
            continue
        for record in node.folds.of(writing, row.id).history.order:
            if named := gone.intersection(references(record.body)):
                writing.want_blobs(row.id, record.header.circle, sorted(named))


def _wishes(folded: Folded) -> tuple[Wish, ...]:
    return rules.wishes(folded.state.statements, folded.instrument.party)


def _undone(rows: Mapping[Digest, ErasureRow], wish: Wish) -> list[Digest]:
    """The texts of a wish that are not erased here; those that are kept among them."""
    return [text for text in wish.texts if text not in rows or rows[text].kept]


def _kept(reading: Reading, text: Digest) -> str:
    """Why some organisation here keeps a text; empty where none does."""
    for organisation in reading.organisations():
        if why := hold_of(reading, organisation.id, text):
            return why
    return ""


def answer(node: Node, keys: Keys, organisation: Organisation) -> int:
    """Say what was done about the wishes of others; at each round, where there is news.

    Returns:
        How many answers were signed.
    """
    with node.store.read() as reading:
        agreements = [
            row.id
            for row in reading.agreements()
            if reading.cursor(f"{_ASKED}:{row.id}")
            and reading.cursor(_told(organisation.id, row.id)) != str(reading.last_row(row.id))
        ]
    said = 0
    for agreement in agreements:
        with node.store.write() as writing:
            folded = node.folds.of(writing, agreement)
            for wish, did, why in _owed(writing, folded, organisation.id):
                circle = visibility.circles(folded, organisation.id)[wish.circle]
                because = _because(node, writing, folded, circle, why)
                body = redaction.answer_body(wish.record, because if did == KEPT else None)
                actor = Actor(organisation, keys)
                journal.append(node, writing, actor, folded, circle, ANSWER, body)
                folded = node.folds.of(writing, agreement)
                said += 1
            writing.set_cursor(_told(organisation.id, agreement), str(writing.last_row(agreement)))
    if said:
        node.notifier.changed(None)
    return said


def _owed(
    reading: Reading, folded: Folded, organisation: OrganisationId
) -> list[tuple[Wish, str, str]]:
    """The wishes to which an organisation has something new to say: what, and why."""
    mine = folded.instrument.party(organisation)
    circles = visibility.circles(folded, organisation)
    wishes = [each for each in _wishes(folded) if each.by != mine and each.circle in circles]
    if mine is None or not wishes:
        return []
    said = rules.answers(folded.state.statements, wishes, folded.instrument.party)
    erased = reading.erasures(folded.row.id)
    owed = []
    for wish in wishes:
        if not erased.keys() >= set(wish.texts):
            continue  # it does not count, or not yet
        holds = [why for text in wish.texts if (why := hold_of(reading, organisation, text))]
        gone = not any(erased[text].kept for text in wish.texts)
        did = KEPT if holds else ERASED if gone else ""
        last = said[wish.record].get(mine)
        if did and (last is None or last.did != did):
            owed.append((wish, did, holds[0] if holds else ""))
    return owed


def _told(organisation: OrganisationId, agreement: AgreementId) -> str:
    return f"erasures:{organisation}:{agreement}"


# --- keeping --------------------------------------------------------------------------------


def hold(node: Node, organisation: Organisation, agreement: str, name: str, why: str) -> None:
    """Keep texts whatever their authors wish later: for a court, an inquiry, an audit.

    Args:
        name: as for `ask`.
        why: what is answered if somebody wants them gone.

    Raises:
        NotFoundError: `erasure.unknown`; the agreement is unknown.
        ConflictError: `erasure.gone`, one of them is erased.
        UsageError: `erasure.no-reason`, `erasure.ambiguous`.
    """
    if not why.strip():
        raise UsageError("erasure.no-reason", "who keeps what others want gone says why")
    with node.store.write() as writing:
        folded = node.folds.of(writing, resolve(writing, agreement).id)
        texts = _named(folded, organisation.id, name)
        for text in texts:
            row = writing.erasure(text, folded.row.id)
            if row is not None and not row.kept:
                raise ConflictError("erasure.gone", "that text is erased here already")
        for text in texts:
            writing.set_cursor(f"{HELD}:{organisation.id}:{text}", why.strip())
        comply(node, writing, folded.row.id)  # another organisation here may keep it, and why
        writing.set_cursor(_told(organisation.id, folded.row.id), "")


def release(node: Node, organisation: Organisation, agreement: str, name: str) -> int:
    """End the hold on texts; what their authors want gone is erased at once.

    Returns:
        How many texts were erased by it.

    Raises:
        NotFoundError: `erasure.unknown`; `erasure.not-held`; the agreement is unknown.
        UsageError: `erasure.ambiguous`.
    """
    with node.store.write() as writing:
        folded = node.folds.of(writing, resolve(writing, agreement).id)
        texts = _named(folded, organisation.id, name)
        held = [each for each in texts if hold_of(writing, organisation.id, each)]
        if not held:
            raise NotFoundError("erasure.not-held", "no text of that name is kept here")
        for text in held:
            writing.set_cursor(f"{HELD}:{organisation.id}:{text}", "")
        gone = comply(node, writing, folded.row.id)
        for each in writing.organisations():
            writing.set_cursor(_told(each.id, folded.row.id), "")
    node.notifier.changed(folded.row.id)
    return gone
