"""What happens around items: recalls, requests, passing on, remarks, who else has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import Path, Query
from fastapi.responses import Response

from allied.entrypoints.rest.items import DryRun, ItemName, Recipients, Types
from allied.entrypoints.rest.spooled import sent
from allied.entrypoints.rest.visit import AgreementName, Here, OfAgreement, Way, given
from allied.errors import UsageError
from allied.node import errands_exchange, roles, sight_exchange
from allied.node.consents import RequestView
from allied.node.correlation import Correlations
from allied.node.erasing_views import ErasureView
from allied.node.hub import SubmissionView
from allied.node.passing import PassedView
from allied.node.recall_views import RecallView
from allied.node.remarks import RemarkView
from allied.node.sightings import Sightings

_STIX: Final = "application/stix+json"

RecallName = Annotated[
    str, Path(pattern=r"^[0-9a-f]{8,64}$", description="Its whole id, from the list of recalls.")
]
Kept = Annotated[
    str, Query(max_length=2_000, description="It is kept, and why; else it is deleted here.")
]
ForWhom = Annotated[
    str, Query(min_length=1, max_length=128, description="A party, or the name of an outsider.")
]
Purpose = Annotated[
    str,
    Query(min_length=1, max_length=2_000, description="What for; the originator decides by it."),
]
RemarkKind = Annotated[
    Literal["note", "tag", "false-positive"], Query(description="What sort of remark.")
]
Withdrawable = Annotated[
    Literal["tag", "false-positive"], Query(description="What is taken back; notes stay.")
]
RemarkText = Annotated[
    str, Query(max_length=4_000, description="Its words; a false alarm may do without.")
]
Value = Annotated[
    str,
    Query(min_length=1, max_length=2_048, description="An address, name or hash, in any spelling."),
]
KindOfValue = Annotated[
    str,
    Query(
        alias="kind",
        max_length=64,
        pattern=r"^[a-z0-9-]*$",
        description="What it is, where that cannot be told: mutex, file-name ...",
    ),
]
Everything = Annotated[bool, Query(description="Also what is released or rejected.")]


@dataclass(frozen=True, slots=True)
class RecallList:
    """Recalls by and towards the organisation, the latest first."""

    recalls: tuple[RecallView, ...]


@dataclass(frozen=True, slots=True)
class ErasureList:
    """What authors wanted erased, and what each party has done; the latest first."""

    erasures: tuple[ErasureView, ...]


@dataclass(frozen=True, slots=True)
class RequestList:
    """Who asked whom to let an item go further, and what was said to it."""

    requests: tuple[RequestView, ...]


@dataclass(frozen=True, slots=True)
class PassedOn:
    """What the agreement says for each of them; who is permitted gets it with its next request."""

    parties: tuple[PassedView, ...]


@dataclass(frozen=True, slots=True)
class RemarkList:
    """What was said here of an object; it never leaves, and no update from elsewhere changes it."""

    remarks: tuple[RemarkView, ...]


@dataclass(frozen=True, slots=True)
class SubmissionList:
    """What was handed in to a secretariat that hides who sent it; its contents are for people."""

    submissions: tuple[SubmissionView, ...]


def list_recalls(visit: Here) -> Response:
    """List recalls: ours with what each holder did, and what others recalled from us."""
    return given(RecallList(tuple(sight_exchange.recalls(visit.sight))))


def answer_recall(visit: Here, recall: RecallName, kept: Kept = "") -> Response:
    """Say what was done about a recall: deleted, which erases the bytes here; or kept, and why."""
    return given(errands_exchange.answer_recall(visit.sight, visit.keys, recall, kept=kept.strip()))


def list_erasures(visit: Here) -> Response:
    """List what was to be erased: by whose wish, and who has done so, kept it, or is silent."""
    return given(ErasureList(tuple(sight_exchange.erasures(visit.sight))))


def list_requests(visit: Here) -> Response:
    """List requests to let an item go further; to say yes or no is an act of a person."""
    return given(RequestList(tuple(sight_exchange.requests(visit.sight))))


def ask_originator(visit: Here, name: ItemName, to: ForWhom, purpose: Purpose) -> Response:
    """Ask the originator of an item to let it go to somebody else; silence is no."""
    return given(errands_exchange.ask(visit.sight, visit.keys, name, to, purpose))


def pass_on_item(
    visit: Here,
    name: ItemName,
    to: Recipients = [],  # noqa: B006 - FastAPI copies it
    dry_run: DryRun = False,
) -> Response:
    """Pass on what another party shared, unchanged, as far as the agreement lets it.

    The answer is 200 when it was decided, also where it was refused: the answer says which.
    """
    if not to:
        raise UsageError("rest.parameter", "say with `to` whom it is passed on to")
    found = errands_exchange.pass_on(visit.sight, name, to, dry_run=dry_run)
    return given(PassedOn(tuple(found)))


def list_remarks(visit: Here, name: ItemName) -> Response:
    """List what was said here of an object: notes, tags, false alarms."""
    return given(RemarkList(tuple(sight_exchange.remarks_on(visit.sight, name))))


def add_remark(visit: Here, name: ItemName, kind: RemarkKind, text: RemarkText = "") -> Response:
    """Write a note or a tag beside an object, or that it gives false alarms here."""
    return given(RemarkList(tuple(errands_exchange.remark(visit.sight, name, kind, text))))


def remove_remark(
    visit: Here, name: ItemName, kind: Withdrawable, text: RemarkText = ""
) -> Response:
    """Take a tag off an object, or back that it gives false alarms."""
    return given(RemarkList(tuple(errands_exchange.unremark(visit.sight, name, kind, text))))


def who_has_value(
    visit: Here, value: Value, kind: KindOfValue = "", agreement: OfAgreement = ""
) -> Response:
    """Say which parties name a value, and in which items."""
    found = sight_exchange.who_has(visit.sight, value, kind=kind, agreement=agreement)
    return given(found)


def sightings_of_value(
    visit: Here, value: Value, kind: KindOfValue = "", agreement: OfAgreement = ""
) -> Response:
    """Say which parties have seen a value, how often and when: all sightings put together."""
    found = sight_exchange.seen_values(visit.sight, value, kind=kind, agreement=agreement)
    return given(found)


def correlations_of_item(visit: Here, name: ItemName) -> Response:
    """Say which other items name what an item names, and whose they are."""
    return given(sight_exchange.correlations(visit.sight, name))


def bundle_of_agreement(
    visit: Here,
    name: AgreementName,
    types: Types = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Give what the token sees under an agreement, as one STIX bundle with the exact bytes."""
    pieces = sight_exchange.bundle(visit.sight, name, types or None)
    return sent(pieces, f"{_STIX};version=2.1")


def list_submissions(visit: Here, everything: Everything = False) -> Response:
    """List what was handed in to the organisation as a secretariat, and what it waits for."""
    found = sight_exchange.submissions(visit.sight, everything=everything)
    return given(SubmissionList(tuple(found)))


TABLE: Final = (
    Way("GET", "/recalls", roles.ITEMS_READ, list_recalls, RecallList),
    Way("POST", "/recalls/{recall}/answer", roles.ITEMS_RECALL, answer_recall, RecallView),
    Way("GET", "/erasures", roles.INCIDENTS_READ, list_erasures, ErasureList),
    Way("GET", "/requests", roles.ITEMS_READ, list_requests, RequestList),
    Way("POST", "/items/{name}/requests", roles.ITEMS_ONWARD, ask_originator, RequestView),
    Way("POST", "/items/{name}/passing", roles.ITEMS_ONWARD, pass_on_item, PassedOn),
    Way("GET", "/items/{name}/remarks", roles.ITEMS_READ, list_remarks, RemarkList),
    Way("POST", "/items/{name}/remarks", roles.ITEMS_REMARK, add_remark, RemarkList),
    Way("DELETE", "/items/{name}/remarks", roles.ITEMS_REMARK, remove_remark, RemarkList),
    Way("GET", "/items/{name}/correlations", roles.ITEMS_READ, correlations_of_item, Correlations),
    Way("GET", "/values/holders", roles.ITEMS_READ, who_has_value, Correlations),
    Way("GET", "/values/sightings", roles.ITEMS_READ, sightings_of_value, Sightings),
    Way(
        "GET",
        "/agreements/{name}/bundle",
        roles.ITEMS_READ,
        bundle_of_agreement,
        media=(_STIX,),
    ),
    Way("GET", "/submissions", roles.HUB_READ, list_submissions, SubmissionList),
)
