"""A secretariat's desk for people: what was submitted, what of it tells the sender, and the word.

What a program can take out is taken out (`exchange.anonymity`); what only a person can judge
waits here. A person reads the texts of the new objects, changes or drops what tells too much,
and releases the submission or rejects it. Issuing is for `node.hub_rounds`.

Words used here:
    submission   what one party handed in at once
    text         a property that a person has to read before it goes out
    release      a person's word that a submission may go out with the next batch

Rules. Nothing goes out whose texts nobody has read, whose group is too small, or that was given
to the hub alone. Where the sender's own name or host is still found, releasing takes a second
word. Whoever looks here learns who sent it; nobody else on any node does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from allied.errors import ConflictError, NotFoundError, RefusedError, UsageError
from allied.exchange.personal import Trace
from allied.node import hub_making
from allied.node.hub_making import FOR_US_ALONE, GROUP_TOO_SMALL, NOTHING_TO_ISSUE, TOO_LARGE
from allied.node.hub_rounds import next_batch, scheduled
from allied.node.hub_rows import HELD, ISSUING, OPEN, REJECTED, RELEASED, REVIEW, Submission
from allied.record.ids import PartyId

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.hub_making import Desk, Made, Making
    from allied.node.node import Actor, Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation
    from allied.record.ids import AgreementId

_SHORTEST: Final = 4
_LONGEST_TEXT: Final = 64 * 1024
_WHY: Final = {
    GROUP_TOO_SMALL: (
        "fewer parties than the clause asks for could have sent it",
        "wait until more have joined, or reject it",
    ),
    FOR_US_ALONE: ("its sender gave it to the secretariat alone", "reject it once it is read"),
    TOO_LARGE: (
        f"it has more than {hub_making.MOST} objects or 64 MiB",
        "ask the sender to share it in parts",
    ),
    NOTHING_TO_ISSUE: ("nothing of it can be made anonymous", "reject it"),
    hub_making.NO_CLAUSE: (
        "the clause under which it came does not let the secretariat hide the sender any more",
        "reject it",
    ),
}


@dataclass(frozen=True, slots=True)
class SubmissionView:
    """A submission, as the hub's people see it.

    Attributes:
        state, code: see `hub_rows.Submission`.
        objects: how many it had when it came.
        possible, min_group: how many could have sent it, and how many have to; 0 where that
            was not asked for.
    """

    id: str
    agreement: AgreementId
    alias: str
    submitter: PartyId
    art: str
    state: str
    code: str
    objects: int
    received_at: datetime
    due_at: datetime | None
    decided_by: str
    possible: int = 0
    min_group: int = 0


@dataclass(frozen=True, slots=True)
class ObjectView:
    """One new object, before or after it went out.

    Attributes:
        id: the new id; stands_for: the submitted one.
        value: the new object.
        texts: properties that a person has to read.
        removed: properties of the submitted object that are gone.
        traces: where it may tell who wrote it.
        personal: properties with data about people.
    """

    id: str
    stands_for: str
    type: str
    value: dict[str, Any]
    texts: tuple[str, ...]
    removed: tuple[str, ...]
    traces: tuple[Trace, ...]
    personal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubmissionDetails:
    """A submission with what would be made of it.

    Attributes:
        withheld: submitted ids that nothing is made of, each with a code.
    """

    submission: SubmissionView
    objects: tuple[ObjectView, ...]
    withheld: tuple[tuple[str, str], ...]


def list_submissions(
    node: Node, organisation: Organisation, *, everything: bool = False
) -> Sequence[SubmissionView]:
    """What was submitted and is not decided yet, or all of it; in the order in which it came."""
    with node.store.read() as reading:
        found = reading.submissions(organisation.id, states=() if everything else OPEN)
        return [_view(node, reading, each) for each in found]


def show(node: Node, organisation: Organisation, name: str) -> SubmissionDetails:
    """A submission with the objects that it would become, or became.

    Args:
        name: its id, or the start of it.

    Raises:
        NotFoundError: `hub.unknown-submission`.
        UsageError: `hub.ambiguous`.
    """
    with node.store.read() as reading:
        submission = _find(reading, organisation, name)
        desk, making = _making(node, reading, organisation, submission)
        view = _view(node, reading, submission, making if desk else None)
    return SubmissionDetails(view, tuple(map(_object, making.objects)), making.withheld)


def edit(
    node: Node, organisation: Organisation, name: str, item: str, prop: str, text: str | None
) -> SubmissionDetails:
    """Change a text of a new object, or drop it; the submission has to be released again.

    Args:
        item: the new id of the object.
        prop: one of its texts.
        text: what stands there instead; None to drop the property.

    Raises:
        NotFoundError: `hub.unknown-submission`, `item.unknown`.
        ConflictError: `hub.decided`.
        UsageError: `hub.not-a-text`, `hub.invalid-edit`.
    """
    if text is not None and len(text) > _LONGEST_TEXT:
        raise UsageError("hub.invalid-edit", f"a text has at most {_LONGEST_TEXT} characters")
    with node.store.write() as writing:
        submission = _find(writing, organisation, name)
        _require_open(submission)
        _, before = _making(node, writing, organisation, submission)
        made = next((each for each in before.objects if each.id == item), None)
        if made is None:
            raise NotFoundError("item.unknown", "the submission has no new object of that id")
        if not isinstance(made.new.value.get(prop), str) and text is not None:
            raise UsageError(
                "hub.not-a-text",
                "that property is no text of the object",
                hint="a property that is no text can be dropped",
            )
        if prop in ("id", "type", "spec_version", "created", "modified", "object_marking_refs"):
            raise UsageError("hub.not-a-text", "that property belongs to every object")
        edits = json.loads(submission.edits)
        edits.setdefault(item, {})[prop] = text
        changed = replace(submission, edits=json.dumps(edits, sort_keys=True), decided_by="")
        desk, making = _making(node, writing, organisation, changed)
        if all(each.id != item for each in making.objects):
            raise UsageError(
                "hub.invalid-edit",
                "without that text, or with it, the object is no valid STIX",
                hint="give another text",
            )
        state = REVIEW if desk is None or not making.code else HELD
        changed = replace(changed, state=state, code=making.code, due_at=None)
        writing.put_submission(changed)
        view = _view(node, writing, changed, making)
    return SubmissionDetails(view, tuple(map(_object, making.objects)), making.withheld)


def release(
    node: Node, actor: Actor, name: str, *, although_traced: bool = False
) -> SubmissionView:
    """Let a submission go out with the next batch: a person has read it.

    Args:
        although_traced: also where the sender's own name or host is still found in it.

    Raises:
        NotFoundError: `hub.unknown-submission`.
        ConflictError: `hub.decided`, it is out or rejected already.
        RefusedError: `hub.names-submitter`; `hub.group-too-small`, `hub.for-us-alone`,
            `hub.too-large`, `hub.nothing-to-issue`, `hub.no-clause`.
    """
    organisation = actor.organisation
    if not actor.person:
        raise UsageError("person.none", "a person releases a submission", hint="name one")
    with node.store.write() as writing:
        submission = _find(writing, organisation, name)
        _require_open(submission)
        desk, making = _making(node, writing, organisation, submission)
        code = making.code if desk else hub_making.NO_CLAUSE
        if desk is None or code:
            sentence, hint = _WHY[code]
            raise RefusedError(code, sentence, hint=hint)
        certain = [each for made in making.objects for each in made.traces if each.certain]
        if certain and not although_traced:
            raise RefusedError(
                "hub.names-submitter",
                f"the sender's name or host is found in {len(certain)} of its properties",
                hint="change or drop them with `allied hub edit`, or release it with"
                " --although-traced",
            )
        decided = replace(submission, decided_by=actor.person)
        decided = scheduled(node, writing, desk, decided)
        writing.put_submission(decided)
        return _view(node, writing, decided, making)


def reject(node: Node, actor: Actor, name: str) -> SubmissionView:
    """Let nothing of a submission go out; its items stay with the hub until they expire.

    Raises:
        NotFoundError: `hub.unknown-submission`.
        ConflictError: `hub.decided`.
    """
    with node.store.write() as writing:
        submission = _find(writing, actor.organisation, name)
        _require_open(submission)
        rejected = replace(
            submission, state=REJECTED, code="", due_at=None, decided_by=actor.person
        )
        writing.put_submission(rejected)
        return _view(node, writing, rejected)


def _require_open(submission: Submission) -> None:
    if submission.state in (ISSUING, RELEASED, REJECTED):
        word = "rejected" if submission.state == REJECTED else "released"
        raise ConflictError("hub.decided", f"this submission is {word} already")


def _find(reading: Reading, organisation: Organisation, name: str) -> Submission:
    found = reading.submission(organisation.id, name)
    if found is not None:
        return found
    near = [
        each
        for each in reading.submissions(organisation.id)
        if len(name) >= _SHORTEST and each.id.startswith(name)
    ]
    if not near:
        raise NotFoundError(
            "hub.unknown-submission",
            "no submission goes by that name",
            hint="`allied hub list --all` shows them",
        )
    if len(near) > 1:
        raise UsageError("hub.ambiguous", "several submissions begin like that", hint="give more")
    return near[0]


def _making(
    node: Node, reading: Reading, organisation: Organisation, submission: Submission
) -> tuple[Desk | None, Making]:
    """What a submission comes to in its batch, or in the next one."""
    folded = node.folds.of(reading, submission.agreement)
    desk = hub_making.desk(node, folded, organisation)
    if desk is None:
        return None, hub_making.Making(code=hub_making.NO_CLAUSE)
    at = submission.due_at or next_batch(desk.at)
    return desk, hub_making.make(reading, desk, submission, at)


def _view(
    node: Node, reading: Reading, submission: Submission, making: Making | None = None
) -> SubmissionView:
    folded = node.folds.of(reading, submission.agreement)
    return SubmissionView(
        id=submission.id,
        agreement=submission.agreement,
        alias=folded.row.alias,
        submitter=folded.instrument.party(submission.submitter) or PartyId("-"),
        art=submission.art,
        state=submission.state,
        code=submission.code,
        objects=submission.count,
        received_at=submission.received_at,
        due_at=submission.due_at,
        decided_by=submission.decided_by,
        possible=len(making.possible) if making else 0,
        min_group=making.min_group if making else 0,
    )


def _object(made: Made) -> ObjectView:
    return ObjectView(
        id=made.id,
        stands_for=made.old[0],
        type=str(made.new.value["type"]),
        value=dict(made.new.value),
        texts=tuple(name for name in made.new.review if name in made.new.value),
        removed=made.new.removed,
        traces=made.traces,
        personal=made.personal,
    )
