"""What people here say beside items: notes, tags, and that something is a false alarm.

A remark is about an object, whatever its version, and belongs to one organisation. It stands
beside the bytes and never in them, so no update by the originator touches it, and nothing
that leaves the node is made from it.

Words used here:
    note            words of somebody here
    tag             a short word to find things by
    false positive  people here found that it gives false alarms; feeds that block leave it out
    correction      the originator says that what is public is wrong; written by the node

Rules. Of what is or was held here only. The same is said once. A remark that is taken back is
gone; an object that is recalled keeps its remarks, because they are not the originator's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from allied.errors import ConflictError, NotFoundError, UsageError
from allied.node import called, items
from allied.node.recall_views import left_here
from allied.node.rows import RemarkRow
from allied.node.texts import words_of

if TYPE_CHECKING:
    from datetime import datetime

    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Organisation

NOTE, TAG, FALSE_POSITIVE, CORRECTION = "note", "tag", "false-positive", "correction"
LONGEST: Final = {NOTE: 4_000, TAG: 100, FALSE_POSITIVE: 1_000}
"""Characters of a remark, by kind."""

MOST: Final = 1_000
"""Remarks on one object."""


@dataclass(frozen=True, slots=True)
class RemarkView:
    """One remark.

    Attributes:
        item: the object's STIX id.
        kind: note, tag, false-positive or correction.
        person: who said it; empty where nobody was named, or the node did.
    """

    item: str
    kind: str
    text: str
    person: str
    at: datetime


def note(
    node: Node, organisation: Organisation, name: str, text: str, *, person: str = ""
) -> Sequence[RemarkView]:
    """Write a note beside an object; returns all remarks on it.

    Args:
        name: STIX id, or the number of a version.

    Raises:
        NotFoundError: `item.unknown`, it is not and was not held here.
        UsageError: `remark.empty`, `remark.too-long`, `remark.control`.
        ConflictError: `remark.too-many`.
    """
    return _say(node, organisation, name, NOTE, [text], person)


def tag(
    node: Node, organisation: Organisation, name: str, words: Sequence[str], *, person: str = ""
) -> Sequence[RemarkView]:
    """Put tags on an object; as `note`."""
    return _say(node, organisation, name, TAG, words, person)


def untag(
    node: Node, organisation: Organisation, name: str, words: Sequence[str]
) -> Sequence[RemarkView]:
    """Take tags off an object; returns what is left.

    Raises:
        NotFoundError: `item.unknown`; `remark.unknown`, it does not carry one of them.
    """
    with node.store.write() as writing:
        item = _item(node, writing, organisation, name)
        for word in words:
            if not writing.remove_remark(organisation.id, item, TAG, word.strip()):
                raise _unknown()
        left = _of(writing, organisation, item)
    node.notifier.changed(None)
    return left


def false_positive(
    node: Node, organisation: Organisation, name: str, why: str = "", *, person: str = ""
) -> Sequence[RemarkView]:
    """Say that an object gives false alarms here; as `note`, and `why` may be empty."""
    return _say(node, organisation, name, FALSE_POSITIVE, [why], person)


def true_positive(node: Node, organisation: Organisation, name: str) -> Sequence[RemarkView]:
    """Take back that an object gives false alarms.

    Raises:
        NotFoundError: `item.unknown`; `remark.unknown`, nobody has said so.
    """
    with node.store.write() as writing:
        item = _item(node, writing, organisation, name)
        if not writing.remove_remark(organisation.id, item, FALSE_POSITIVE, None):
            raise _unknown()
        left = _of(writing, organisation, item)
    node.notifier.changed(None)
    return left


def list_remarks(
    node: Node, organisation: Organisation, name: str = "", *, kind: str = "", text: str = ""
) -> Sequence[RemarkView]:
    """Remarks on one object, or on all; in the order in which they were made.

    Args:
        kind: only of this kind; text: only with exactly these words, as a tag has them.

    Raises:
        NotFoundError: `item.unknown`.
    """
    with node.store.read() as reading:
        item = _item(node, reading, organisation, name) if name else None
        found = _of(reading, organisation, item)
        if any(each.kind == CORRECTION for each in found):
            found = _in_words(node, reading, organisation, found)
    return [each for each in found if kind in ("", each.kind) and text in ("", each.text)]


def _say(
    node: Node,
    organisation: Organisation,
    name: str,
    kind: str,
    texts: Sequence[str],
    person: str,
) -> Sequence[RemarkView]:
    said = [_checked(kind, text) for text in texts]
    with node.store.write() as writing:
        item = _item(node, writing, organisation, name)
        if len(_of(writing, organisation, item)) + len(said) > MOST:
            raise ConflictError(
                "remark.too-many",
                f"there are {MOST} remarks on one object at most",
                hint="take some back",
                facts={"limit": MOST},
            )
        at = node.clock.now()
        for text in said:
            writing.add_remark(RemarkRow(organisation.id, item, kind, text, person, at))
        found = _of(writing, organisation, item)
    node.notifier.changed(None)
    return found


def _checked(kind: str, text: str) -> str:
    """The text without white space around it; UsageError if it cannot stand as a remark."""
    stripped = text.strip()
    if not stripped and kind != FALSE_POSITIVE:
        raise UsageError("remark.empty", f"a {kind} has words")
    if len(stripped) > LONGEST[kind]:
        raise UsageError(
            "remark.too-long",
            f"a {kind} has {LONGEST[kind]} characters at most",
            facts={"limit": LONGEST[kind]},
        )
    spaces = "\n\t" if kind == NOTE else ""
    if any(not (each.isprintable() or each in spaces) for each in stripped):
        raise UsageError("remark.control", f"a {kind} holds no control characters")
    return stripped


def _item(node: Node, reading: Reading, organisation: Organisation, name: str) -> str:
    """The STIX id of what is or was held under a name."""
    try:
        return items.find(node, reading, organisation, name)[1].id
    except NotFoundError:
        for row in reading.agreements():
            left = left_here(reading, row.id, organisation.id, name)
            if left:
                return left[0].item.id
        raise


def _of(reading: Reading, organisation: Organisation, item: str | None) -> Sequence[RemarkView]:
    rows = reading.remarks(organisation.id, None if item is None else [item])
    return [RemarkView(row.item, row.kind, row.text, row.person, row.at) for row in rows]


def _in_words(
    node: Node, reading: Reading, organisation: Organisation, found: Sequence[RemarkView]
) -> Sequence[RemarkView]:
    """The same, with the originator's words in place of the record that says them."""
    words: dict[str, str] = {}
    for row in reading.agreements():
        calls = called.calls_of(node.folds.of(reading, row.id), organisation.id)
        words |= {each.record: words_of(reading, each.why) for each in calls.theirs}
    return [
        replace(each, text=words.get(each.text, "")) if each.kind == CORRECTION else each
        for each in found
    ]


def _unknown() -> NotFoundError:
    return NotFoundError(
        "remark.unknown", "there is no such remark", hint="`allied item remarks ITEM`"
    )
