"""The pages of proposals: the list, and one question with this node's own count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from allied.errors import NotFoundError
from allied.node import proposals as deciding

if TYPE_CHECKING:
    from starlette.responses import Response

    from allied.entrypoints.console.pages import Visit

_ID: Final = re.compile(r"[0-9a-f]{64}")
SHOWN: Final = 64 * 1024
"""As many characters of the words as a page shows."""


def proposals(visit: Visit) -> Response:
    """Every question that the organisation may see, open ones first."""
    return visit.page("proposals.html", found=deciding.list_proposals(visit.node, visit.own))


def proposal(visit: Visit) -> Response:
    """One question: who decides by which rule, what was said, and what would change it."""
    name = str(visit.request.path_params["id"])
    if not _ID.fullmatch(name):
        raise NotFoundError("proposal.unknown", "no proposal here goes by that name")
    found = deciding.show(visit.node, visit.own, name)
    return visit.page(
        "proposal.html",
        found=found,
        count=found.count,
        words=found.words[:SHOWN],
        cut=len(found.words) > SHOWN,
    )
