"""What a secretariat does by itself: takes submissions in, issues what is due, follows recalls.

Called at every round (`node.sync.settle`). Each step is its own unit and can be done again: what
is to be issued gets its instant, its ids and its bytes before it goes out, so that a process
that is killed in between issues the same again, which changes nothing.

Words used here:
    batch   everything that goes out at one instant; these are whole hours, whatever comes in
    delay   a random time before a recall or correction is said as the hub's own

Rules. The instant of a batch does not tell when something was submitted, what goes out together
not what came together. Recalls are delayed one by one. A reason that the submitter gave is not
repeated. Who is named is named only to readers that had nothing yet when the consent was given.

Source: DOMAIN on `anonymise`, scenario 18, P17.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from allied.agreement import periods
from allied.errors import AlliedError, NotFoundError
from allied.exchange import anonymity
from allied.node import called, hub_making, recalls, sharing, verdicts
from allied.node.additions import stream
from allied.node.hub_naming import tell_names
from allied.node.hub_rows import (
    HELD,
    ISSUING,
    READY,
    RECEIVED,
    RELEASED,
    REVIEW,
    Submission,
    Submitted,
)
from allied.node.node import Actor
from allied.node.shared import Wish

if TYPE_CHECKING:
    from allied.node.hub_making import Desk, Made, Making
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading, Writing
    from allied.node.rows import ItemRow, Organisation
    from allied.record.ids import AgreementId, OrganisationId

BATCH: Final = timedelta(hours=1)
MOST_DELAY: Final = timedelta(hours=6)
"""The longest delay of a recall; never more than a quarter of what the clause leaves for it."""

WHY: Final = "its source has withdrawn it"
_PAGE: Final = 2_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def sweep(node: Node, keys: Keys, organisation: Organisation) -> int:
    """Do what is due for an organisation under every agreement where it hides who sent what.

    Returns:
        How many submissions went out.
    """
    issued = 0
    with node.store.read() as reading:
        agreements = [
            row.id
            for row in reading.agreements()
            if hub_making.desk(node, node.folds.of(reading, row.id), organisation)
        ]
    for agreement in agreements:
        _take_in(node, organisation, agreement)
        _assess(node, organisation, agreement)
        issued += _issue(node, keys, organisation, agreement)
        _plan_recalls(node, organisation, agreement)
        _recall(node, keys, organisation, agreement)
        tell_names(node, keys, organisation, agreement)
    return issued


def _desk(node: Node, reading: Reading, organisation: Organisation, agreement: AgreementId) -> Desk:
    found = hub_making.desk(node, node.folds.of(reading, agreement), organisation)
    assert found is not None  # noqa: S101 - `sweep` has asked
    return found


# --- taking in ------------------------------------------------------------------------------


def _take_in(node: Node, organisation: Organisation, agreement: AgreementId) -> None:
    """Put what came since the last round into submissions, by sender and share."""
    name = f"hub:{organisation.id}:{agreement}"
    while True:
        with node.store.read() as reading:
            after = int(reading.cursor(name) or 0)
            if reading.newest(organisation.id)[0] <= after:
                return
        with node.store.write() as writing:
            after = int(writing.cursor(name) or 0)
            rows = writing.items(agreement, organisation.id, after=after, limit=_PAGE)
            desk = _desk(node, writing, organisation, agreement)
            for group in _together(desk, writing, rows):
                _receive(node, writing, desk, *group)
            last = rows[-1].seq if rows else writing.newest(organisation.id)[0]
            writing.set_cursor(name, str(last))


def _together(
    desk: Desk, reading: Reading, rows: Sequence[ItemRow]
) -> Iterator[tuple[str, Sequence[ItemRow]]]:
    """What of these items is submitted, by clause, sender and share."""
    classes = verdicts.classes_of(reading, desk.folded.row.id).by_id
    arts: dict[int, str] = {}
    found: dict[tuple[str, OrganisationId, str], list[ItemRow]] = {}
    for row in rows:
        if row.originator == desk.organisation.id:
            continue
        if row.class_id not in arts:
            arts[row.class_id] = desk.hiding(classes[row.class_id])
        if arts[row.class_id]:
            found.setdefault((arts[row.class_id], row.originator, row.share), []).append(row)
    for (art, _, _), members in found.items():
        yield art, members


def _receive(node: Node, writing: Writing, desk: Desk, art: str, rows: Sequence[ItemRow]) -> None:
    """Add items of one share to its submission; what is known already is passed over."""
    me, agreement, submitter = desk.organisation.id, desk.folded.row.id, rows[0].originator
    known = {
        (each.old_id, each.old_version)
        for each in writing.submitted(
            me, agreement, submitter=submitter, old_ids=[row.id for row in rows]
        )
    }
    new = [row for row in rows if (row.id, row.modified) not in known]
    if not new:
        return
    salt = writing.hub_salt(me, agreement, submitter)
    if salt is None:
        salt = node.chance.token(32)
        writing.set_hub_salt(me, agreement, submitter, salt)
    rename = anonymity.renaming(salt)
    before = [
        each
        for each in writing.submissions(me, agreement=agreement, states=(RECEIVED,))
        if (each.submitter, each.share, each.art) == (submitter, rows[0].share, art)
    ]
    submission = before[0] if before else Submission(
        id=node.chance.token(6).hex(),
        organisation=me,
        agreement=agreement,
        submitter=submitter,
        share=rows[0].share,
        art=art,
        state=RECEIVED,
        code="",
        count=0,
        received_at=desk.at,
        due_at=None,
        decided_by="",
        edits="{}",
    )  # fmt: skip
    writing.put_submission(replace(submission, count=submission.count + len(new)))
    writing.put_submitted(
        Submitted(me, agreement, submitter, row.id, row.modified, submission.id, rename(row.id))
        for row in new
    )


def _assess(node: Node, organisation: Organisation, agreement: AgreementId) -> None:
    """Decide what becomes of new submissions, and of held ones when the group has changed."""
    name = f"hub-group:{organisation.id}:{agreement}"
    with node.store.read() as reading:
        group = _desk(node, reading, organisation, agreement).groups()
        changed = reading.cursor(name) != group
        states = (RECEIVED, HELD) if changed else (RECEIVED,)
        waiting = reading.submissions(organisation.id, agreement=agreement, states=states)
    for each in waiting:
        with node.store.read() as reading:
            desk = _desk(node, reading, organisation, agreement)
            making = hub_making.make(reading, desk, each, next_batch(desk.at))
        if each.state == HELD and each.code == making.code:
            continue
        with node.store.write() as writing:
            now = writing.submission(organisation.id, each.id)
            if now == each:
                writing.put_submission(assessed(node, writing, desk, each, making))
    if changed:
        with node.store.write() as writing:
            writing.set_cursor(name, group)


def assessed(
    node: Node, reading: Reading, desk: Desk, submission: Submission, making: Making
) -> Submission:
    """A submission with what it waits for: a person, a larger group, or its batch."""
    if making.code:
        return replace(submission, state=HELD, code=making.code, due_at=None)
    if making.unread:
        return replace(submission, state=REVIEW, code="", due_at=None)
    return scheduled(node, reading, desk, submission)


def scheduled(node: Node, reading: Reading, desk: Desk, submission: Submission) -> Submission:
    """A submission that goes out with the next batch in which it can.

    Another version of what was issued before waits for a random delay first.
    """
    mine = reading.submitted(desk.organisation.id, desk.folded.row.id, submission=submission.id)
    same = [
        each
        for each in reading.submitted(
            desk.organisation.id, desk.folded.row.id, new_ids={each.new_id for each in mine}
        )
        if each.submission != submission.id
    ]
    at = desk.at
    if any(each.issued_at is not None for each in same):
        at += delay(node, MOST_DELAY)
    taken = [each.issued_at for each in same if each.issued_at is not None]
    others = {each.submission for each in same}
    taken += [
        each.due_at
        for each in reading.submissions(desk.organisation.id, states=(READY, ISSUING))
        if each.id in others and each.due_at is not None
    ]
    due = max([next_batch(at), *(next_batch(each) for each in taken)])
    return replace(submission, state=READY, code="", due_at=due)


def next_batch(after: datetime) -> datetime:
    """The first instant of a batch that is later than another instant."""
    return _EPOCH + ((after - _EPOCH) // BATCH + 1) * BATCH


def delay(node: Node, most: timedelta) -> timedelta:
    """A random time, at least nothing and less than `most`, in whole seconds."""
    drawn = int.from_bytes(node.chance.token(8), "big")
    return timedelta(seconds=(drawn * int(most.total_seconds())) >> 64)


# --- issuing --------------------------------------------------------------------------------


def _issue(node: Node, keys: Keys, organisation: Organisation, agreement: AgreementId) -> int:
    """Let out everything whose batch has come; returns how many submissions."""
    done = 0
    for due in _due(node, organisation, agreement):
        prepared = [
            (each, making)
            for each in due
            if (making := _prepare(node, organisation, agreement, each)) is not None
        ]
        for wish, members in _by_audience(prepared):
            objects = [made for _, making in members for made in making.objects]
            trouble = _share(node, keys, organisation, agreement, objects, wish)
            with node.store.write() as writing:
                for submission, _ in members:
                    now = writing.submission(organisation.id, submission.id) or submission
                    writing.put_submission(replace(now, state=RELEASED, code=trouble))
            done += len(members)
    if done:
        node.notifier.changed(agreement)
    return done


def _due(
    node: Node, organisation: Organisation, agreement: AgreementId
) -> Sequence[Sequence[Submission]]:
    """What is due, batch by batch, in portions that fit into memory."""
    with node.store.read() as reading:
        now = node.clock.now()
        ready = [
            each
            for each in reading.submissions(
                organisation.id, agreement=agreement, states=(READY, ISSUING)
            )
            if each.due_at is not None and each.due_at <= now
        ]
    portions: list[list[Submission]] = []
    for each in sorted(ready, key=lambda each: (each.due_at or now, each.id)):
        last = portions[-1] if portions else []
        fits = sum(one.count for one in last) + each.count <= hub_making.MOST
        if last and last[0].due_at == each.due_at and fits:
            last.append(each)
        else:
            portions.append([each])
    return portions


def _prepare(
    node: Node, organisation: Organisation, agreement: AgreementId, submission: Submission
) -> Making | None:
    """Fix what a submission becomes before any of it goes out; None if it may not go now."""
    due = submission.due_at
    assert due is not None  # noqa: S101 - `_due` has looked
    with node.store.write() as writing:
        desk = _desk(node, writing, organisation, agreement)
        making = hub_making.make(writing, desk, submission, due)
        if submission.state == ISSUING:
            return making
        if making.code or (making.unread and not submission.decided_by):
            writing.put_submission(assessed(node, writing, desk, submission, making))
            return None
        by_old = {made.old: made for made in making.objects}
        rows = writing.submitted(organisation.id, agreement, submission=submission.id)
        writing.put_submitted(
            replace(row, new_version=made.version, issued_at=due)
            for row in rows
            if (made := by_old.get((row.old_id, row.old_version))) is not None
        )
        writing.put_submission(replace(submission, state=ISSUING))
    return making


def _by_audience(
    prepared: Iterable[tuple[Submission, Making]],
) -> Iterator[tuple[Wish, list[tuple[Submission, Making]]]]:
    """Submissions that can go out in one share: for the same readers, with the same caveats."""
    found: dict[Wish, list[tuple[Submission, Making]]] = {}
    for each in prepared:
        audience, caveats = each[1].audience, each[1].caveats
        wish = Wish(caveats=tuple(sorted(caveats)), to=tuple(sorted(audience or ())))
        found.setdefault(wish, []).append(each)
    yield from sorted(found.items(), key=lambda each: (each[0].to, each[0].caveats))


def _share(
    node: Node,
    keys: Keys,
    organisation: Organisation,
    agreement: AgreementId,
    objects: Sequence[Made],
    wish: Wish,
) -> str:
    """Share new objects as the hub's own; the code of the first that was not taken, if any."""
    codes: list[str] = []
    if not objects:
        return ""
    raw = hub_making.bundle_of(objects)
    sharing.share(
        node,
        organisation,
        keys,
        lambda: iter((raw,)),
        agreement,
        replace(wish, reviewed=True),  # of what was handed in, it has kept what may go
        on_trouble=lambda decision: codes.append(decision.code),
    )
    return codes[0] if codes else ""


# --- recalls and corrections ----------------------------------------------------------------


def _plan_recalls(node: Node, organisation: Organisation, agreement: AgreementId) -> None:
    """Set an hour for each new object whose submitter has recalled or corrected it."""
    name = f"hub-recalls:{organisation.id}:{agreement}"
    with node.store.read() as reading:
        if reading.cursor(name) == str(reading.last_row(agreement)):
            return
    with node.store.write() as writing:
        desk = _desk(node, writing, organisation, agreement)
        folded = desk.folded
        for call in called.calls_of(folded, organisation.id).theirs:
            submitter = folded.instrument.organisation(call.by)
            if call.passed_on or submitter is None:
                continue
            rows = writing.submitted(
                organisation.id, agreement, submitter=submitter, old_ids=[call.item.id]
            )
            due = desk.at + delay(node, _most_delay(desk, call.art))
            writing.put_submitted(
                replace(row, recall=call.record, recall_due=due)
                for row in rows
                if row.issued_at is not None
                and not row.recall
                and call.item.version in ("", row.old_version)
            )
        writing.set_cursor(name, str(writing.last_row(agreement)))


def _most_delay(desk: Desk, art: str) -> timedelta:
    """The longest delay that leaves the holders their time."""
    clause = desk.clause(art)
    if clause is None or clause.recall is None:
        return MOST_DELAY
    within, zone = clause.recall.comply_within, desk.folded.instrument.terms.timezone
    end = periods.after(desk.at, within, zone)
    return MOST_DELAY if end is None else min(MOST_DELAY, (end - desk.at) / 4)


def _recall(node: Node, keys: Keys, organisation: Organisation, agreement: AgreementId) -> None:
    """Say the recalls that are due as the hub's own."""
    with node.store.read() as reading:
        now = node.clock.now()
        pending = [
            each
            for each in reading.submitted(organisation.id, agreement, recall_pending=True)
            if each.recall_due is not None and each.recall_due <= now
        ]
    for row in pending:
        with node.store.read() as reading:
            name = _name_of(reading, row)
        if name:
            try:
                recalls.recall(node, Actor(organisation, keys), name, agreement, WHY)
            except NotFoundError:
                pass  # a process that was killed had done it
            except AlliedError:
                continue  # the clause lets nobody recall now; asked again at the next round
        with node.store.write() as writing:
            writing.put_submitted([replace(row, recalled_at=now)])


def _name_of(reading: Reading, row: Submitted) -> str:
    """What is to be recalled: all versions of the new object, or one; empty for nothing."""
    versions = [
        each
        for each in reading.submitted(row.organisation, row.agreement, new_ids=[row.new_id])
        if each.issued_at is not None
    ]
    here = list(
        stream(
            reading, row.agreement, row.organisation, item=row.new_id, originator=row.organisation
        )
    )
    if all(each.recall for each in versions):
        return row.new_id if here else ""
    return next((str(each.seq) for each in here if each.modified == row.new_version), "")
