"""Accepting an amended text, or objecting to it; and what is asked of one before it is put.

An amended text is put to the vote like any question (`node.proposals`). Where the amendment clause
waits for the parties after that, each accepts by an act of its own, or objects: what becomes of an
objector the clause says (`agreement.amending`). A version goes by its number, an amended text that
is still on the table by the id of its question.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from allied.agreement.amended import read_amended, read_statement, text_in
from allied.agreement.amending import votes_mean
from allied.agreement.chain import OF_THE_TEXT
from allied.agreement.check import check_text
from allied.agreement.closing import COUNT, is_bound, progress
from allied.agreement.diff import diff
from allied.agreement.tabled import OPEN
from allied.agreement.wording import read_matter
from allied.errors import AlliedError, ConflictError, NotFoundError, RefusedError
from allied.node import journal
from allied.node.agreements import act_for_all
from allied.node.version_views import no_such_version
from allied.record.ids import Digest, RecordId

if TYPE_CHECKING:
    from allied.agreement.tabled import OnTable, Tabled
    from allied.node.agreements import AgreementView, Statement
    from allied.node.folds import Folded
    from allied.node.node import Actor, Node
    from allied.node.ports import Reading, Writing
    from allied.record.canonical import Json
    from allied.record.ids import PartyId

_SHORTEST_PREFIX = 8


def accept(node: Node, actor: Actor, name: str, version: str) -> AgreementView:
    """Accept an amended text, as the clause asks it of each party.

    Args:
        version: its number, or the start of the id of the question that is open on it.

    Raises:
        NotFoundError: `agreement.no-such-version`.
        ConflictError: `amendment.accepted-already`.
        RefusedError: `amendment.first-text`, that is signed and not amended.
    """

    def ready(_: Reading, folded: Folded, party: PartyId) -> None:
        found = folded.state.present(folded.instrument, node.clock.now())
        statement = _statement(node, folded, version)
        text = next((each for each in found.chain.links if each.text.id == statement), None)
        stands = next(
            (each for each in found.versions.texts if text and each.version == text.name), None
        )
        if stands is not None and party in stands.accepted:
            raise ConflictError(
                "amendment.accepted-already", f"{party} is bound by that text already"
            )
        if stands is not None and stands.effect and party in stands.effect.consenting:
            raise ConflictError("amendment.accepted-already", f"{party} has accepted it already")

    def statement(_: Writing, folded: Folded) -> Statement:
        body: dict[str, Json] = {"genesis": folded.instrument.id}
        return "agreement.ratify", {**body, "version": _statement(node, folded, version)}

    return act_for_all(node, actor, name, ready, statement)


def object_to(node: Node, actor: Actor, name: str, version: str, why: str = "") -> AgreementView:
    """Object to an amended text before it takes effect.

    Raises:
        NotFoundError: `agreement.no-such-version`.
        ConflictError: `amendment.in-effect`, it is too late.
        RefusedError: `amendment.first-text`.
    """

    def ready(_: Reading, folded: Folded, __: PartyId) -> None:
        now = node.clock.now()
        found = folded.state.present(folded.instrument, now)
        wanted = _statement(node, folded, version)
        for text in found.versions.texts[1:]:
            link = found.chain.named(text.version)
            if link is not None and link.text.id == wanted and text.in_effect:
                raise ConflictError(
                    "amendment.in-effect",
                    "that text has taken effect, and an objection changes nothing any more",
                    hint="`allied agreement withdraw` gives notice of leaving",
                )

    def statement(writing: Writing, folded: Folded) -> Statement:
        body: dict[str, Json] = {"genesis": folded.instrument.id}
        body["version"] = _statement(node, folded, version)
        if why:
            circle = folded.instrument.circles.all
            body["reason"] = journal.keep_blob(node, writing, folded, circle, why.encode())
        return "agreement.object", body

    return act_for_all(node, actor, name, ready, statement)


def _statement(node: Node, folded: Folded, version: str) -> Digest:
    """The statement of a version, by its number or by its question."""
    if version.isascii() and version.isdigit() and len(version) < _SHORTEST_PREFIX:
        links = folded.state.present(folded.instrument, node.clock.now()).chain.links
        if int(version) == 1:
            raise RefusedError(
                "amendment.first-text",
                "version 1 is the first text, which is signed",
                hint="`allied agreement sign`",
            )
        for link in links:
            if link.number == int(version):
                return link.text.id
        raise no_such_version(int(version), len(links) + 1)
    found = set()
    for each in folded.state.statements:
        if each.header.kind == OPEN and each.id.startswith(version):
            matter = each.body.get("matter")
            named = matter.get("version") if isinstance(matter, dict) else None
            if isinstance(named, str):
                found.add(Digest(named))
    if len(version) < _SHORTEST_PREFIX or len(found) != 1:
        raise NotFoundError(
            "agreement.no-such-version",
            "no version and no question on an amended text goes by that name",
            hint="give the number of a version, or the start of the id of a proposal",
        )
    return found.pop()


# --- before it is put, and before a yes -------------------------------------------------


def require_consistent(text: bytes) -> None:
    """Return unless `agreement check` finds that a text contradicts itself.

    Raises:
        RefusedError: `amendment.contradicts-itself`, with the first of its errors.
    """
    errors = [
        each
        for each in check_text(text, "the amended text")
        if each.severity == "error" and each.clause
    ]
    if errors:
        first = errors[0]
        raise RefusedError(
            "amendment.contradicts-itself",
            f"Art {first.clause}: {first.text}",
            hint="`allied agreement check FILE` says all of it",
            facts={"code": first.code, "errors": len(errors)},
        )


def require_readable(on: Tabled, verb: str, choice: str) -> None:
    """Return unless somebody would agree to a text that cannot be read here, or change one.

    Raises:
        RefusedError: `amendment.unreadable`, `amendment.put-anew`.
    """
    if on.question.matter.kind not in OF_THE_TEXT:
        return
    if verb == "revise":
        raise RefusedError(
            "amendment.put-anew",
            "a question on an amended text is not changed",
            hint="take it back, and put the other text",
        )
    if (verb == "vote" and choice == "yes") or verb == "acknowledge":
        try:
            found = read_amended(on.opening.body.get("amended"), "the amended text").id
        except AlliedError:
            found = Digest("")
        if found != on.question.matter.version:
            raise RefusedError(
                "amendment.unreadable",
                "the text that is to be voted on cannot be read here, or is not the one named",
                hint="a newer release of allied may be needed",
            )


def changes_put(on: Tabled) -> tuple[tuple[str, ...], str]:
    """What an amended text that is put changes in meaning, and what a vote on it says besides."""
    try:
        found = read_amended(on.opening.body.get("amended"), "the amended text")
    except AlliedError:
        return (), ""
    changes = tuple(str(each) for each in diff(on.terms, found.terms))
    return changes, votes_mean(on.terms, found.terms)


def counted_another(folded: Folded, table: OnTable, on: Tabled, mine: PartyId) -> bool:
    """Whether a party has counted for another text on the same version that may still be proved.

    Two quorums share somebody who does not lie; so nobody who does not counts for both, and no two
    texts on one version are proved. A question that is on the table no more, since its opener took
    it back by parting its chain, may be proved all the same: its certificate carries its opening.
    """
    if on.question.matter.kind not in OF_THE_TEXT:
        return False
    before = _before(on)
    if _counted_aside(folded, table, before, on.question.matter.version, mine):
        return True
    for other in table.tabled:
        if other.record == on.record or other.question.matter.kind not in OF_THE_TEXT:
            continue
        if other.question.matter.version == on.question.matter.version or _before(other) != before:
            continue
        with suppress(AlliedError):
            state = progress(other, folded.state.custodians(other.opening.knows))
            if is_bound(other, state, mine):
                return True
    return False


def _counted_aside(
    folded: Folded, table: OnTable, before: Digest | None, version: str, mine: PartyId
) -> bool:
    """Whether a party has counted for another text whose question is on the table no more."""
    organisation = folded.instrument.organisation(mine)
    tabled = {each.record for each in table.tabled}
    for record in folded.history.order:
        header, question = record.header, record.body.get("proposal")
        if (header.issuer, header.kind) != (organisation, COUNT) or question in tabled:
            continue
        opening = folded.history.get(RecordId(str(question)))
        try:
            matter = read_matter(opening.body.get("matter")) if opening is not None else None
            if matter is None or matter.kind not in OF_THE_TEXT or matter.version == version:
                continue
            if opening is not None and read_statement(opening.body.get("amended")).before == before:
                return True
        except AlliedError:
            continue  # what cannot be read is no text
    return False


def _before(on: Tabled) -> Digest | None:
    """The version that the text of a question follows; None where it cannot be read."""
    try:
        return read_statement(on.opening.body.get("amended")).before
    except AlliedError:
        return None


def text_put(on: Tabled) -> str:
    """The amended text that a question is about, as its record carries it; empty for none."""
    body = on.opening.body.get("amended")
    try:
        named = read_statement(body).id == on.question.matter.version
        return text_in(body) if named else ""
    except AlliedError:
        return ""
