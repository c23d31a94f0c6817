"""Agreements, read by machines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from fastapi import Query
from fastapi.responses import Response

from allied.agreement.explain import explain_text
from allied.entrypoints.rest import cursors
from allied.entrypoints.rest.visit import USUAL, AgreementName, Here, Limit, Next, Way, given
from allied.entrypoints.shapes import AgreementSummary, agreement_summary
from allied.node import roles
from allied.node.agreements import AgreementView

Form = Annotated[
    Literal["text", "markdown", "html"], Query(alias="format", description="How it is written.")
]


Version = Annotated[
    int, Query(ge=0, le=1_000, description="Number of a version; without it, the present one.")
]


@dataclass(frozen=True, slots=True)
class AgreementList:
    """Agreements by alias; `next` where there are more."""

    agreements: tuple[AgreementSummary, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class Explained:
    """What a text means, in plain language."""

    text: str


def list_agreements(visit: Here, limit: Limit = USUAL, after: Next = "") -> Response:
    """List agreements.

    Those that name the organisation, and that the token lists if it lists any; by alias.
    """
    start = cursors.decode("/agreements", {}, after, 2) if after else None
    shown, goes_on = cursors.stretch(
        visit.sight.agreements(), lambda each: (each.alias, each.id), after=start, limit=limit
    )
    following = cursors.encode("/agreements", {}, goes_on) if goes_on else None
    return given(AgreementList(tuple(agreement_summary(each) for each in shown), following))


def show_agreement(visit: Here, name: AgreementName) -> Response:
    """Show one agreement: its parties, their signatures and standing, and all its versions."""
    return given(visit.sight.agreement(name))


def text_of_agreement(visit: Here, name: AgreementName, version: Version = 0) -> Response:
    """Give the text of a version, byte by byte: the present one, or that of a number."""
    text = visit.sight.agreement_text(name, version)
    return Response(text.encode(), media_type="application/yaml")


def explain_agreement(
    visit: Here, name: AgreementName, form: Form = "text", version: Version = 0
) -> Response:
    """Say in plain language what a version means, with every default shown."""
    text = visit.sight.agreement_text(name, version)
    return given(Explained(explain_text(text.encode(), name, form)))


TABLE: Final = (
    Way("GET", "/agreements", roles.AGREEMENTS_READ, list_agreements, AgreementList),
    Way("GET", "/agreements/{name}", roles.AGREEMENTS_READ, show_agreement, AgreementView),
    Way(
        "GET",
        "/agreements/{name}/text",
        roles.AGREEMENTS_READ,
        text_of_agreement,
        media=("application/yaml",),
    ),
    Way(
        "GET",
        "/agreements/{name}/explanation",
        roles.AGREEMENTS_READ,
        explain_agreement,
        Explained,
    ),
)
