"""What each page asks the use cases, and which template shows the answer.

Rules. A page shows what concerns the organisation of the session and nothing else; an id
that is unknown and one that belongs to somebody else get the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from starlette.responses import HTMLResponse, RedirectResponse, Response

from allied.agreement.explain import Explanation, explain
from allied.agreement.terms import load
from allied.agreement.values import Tlp
from allied.entrypoints.console import door
from allied.errors import AlliedError, NotAuthorisedError, NotFoundError
from allied.node import agreements as agreeing, items as holding, people
from allied.node.node import hosted
from allied.node.overview import OrganisationLine, overview as look_over
from allied.record.identity import fingerprint

if TYPE_CHECKING:
    from starlette.requests import Request

    from allied.entrypoints.console.showing import Templates
    from allied.node.agreements import AgreementView
    from allied.node.node import Node
    from allied.node.rows import Login, Organisation
    from allied.record.ids import OrganisationId

_ID: Final = re.compile(r"[0-9a-f]{64}")
_NUMBER: Final = re.compile(r"[0-9]{1,18}")
PAGE: Final = 100
"""The most items on one page."""
SHOWN_BYTES: Final = 256 * 1024
"""As much of an object as a page shows."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, with the session behind it.

    Attributes:
        state: how far the store was before the page was made; see `live`.
        login: the session; None for a visitor without one.
        secret: of the session; empty without one.
        form: the first value of each field that was sent.
    """

    node: Node
    templates: Templates
    request: Request
    state: str
    login: Login | None
    secret: str
    form: Mapping[str, str]

    @property
    def organisation(self) -> OrganisationId:
        """Whose eyes the visitor sees with."""
        if self.login is None:
            raise NotAuthorisedError("console.no-session", "there is no session")
        return self.login.organisation

    @property
    def own(self) -> Organisation:
        """The organisation of the session."""
        with self.node.store.read() as reading:
            return hosted(reading, self.organisation)

    def page(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """The page `template`, whole or as the fragment that an open page asks for."""
        request = self.request
        here = None
        if self.login is not None:
            own = self.own
            here = OrganisationLine(own.id, own.label, own.name, fingerprint(own.id), own.url)
        fragment = "hx-request" in request.headers
        html = self.templates.fill(
            template,
            layout="fragment.html" if fragment else "layout.html",
            path=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            address=str(request.url) if here else "",
            here=here,
            login=self.login,
            token=door.form_token(self.secret) if self.secret else "",
            state=self.state,
            now=self.node.clock.now(),
            **values,
        )
        return HTMLResponse(html, status_code=status)


# --- reading ----------------------------------------------------------------------------


def overview(visit: Visit) -> Response:
    """What concerns this organisation, and what awaits it."""
    return visit.page("overview.html", found=look_over(visit.node, visit.organisation))


def agreement(visit: Visit) -> Response:
    """One agreement: who is bound, who is awaited, what it says."""
    found = own_agreement(visit, str(visit.request.path_params["id"]))
    return visit.page(
        "agreement.html",
        found=found,
        explanation=_explanation(found),
    )


def own_agreement(visit: Visit, agreement_id: str) -> AgreementView:
    """The agreement of that id, if it names the organisation of the session.

    Raises:
        NotFoundError: `agreement.unknown`, as for an id that nobody has.
    """
    if _ID.fullmatch(agreement_id):
        found = agreeing.show(visit.node, agreement_id, visit.organisation)
        if any(party.organisation == visit.organisation for party in found.parties):
            return found
    raise NotFoundError("agreement.unknown", "no agreement here goes by that id")


def _explanation(found: AgreementView) -> Explanation | None:
    """What the text means in plain words; None where it cannot be said."""
    try:
        documents = load(found.text.encode(), found.alias)
    except AlliedError:
        return None
    return explain(documents[0]) if documents else None


def items(visit: Visit) -> Response:
    """What this organisation holds, newest first, a page at a time."""
    query = visit.request.query_params
    named = query.get("agreement", "")
    chosen = own_agreement(visit, named) if named else None
    before = query.get("before", "")
    if before and not _NUMBER.fullmatch(before):
        raise NotFoundError("console.no-page", "there is no such page")
    own = visit.own
    found = holding.latest_items(
        visit.node,
        own,
        agreement=named,
        before=int(before) if before else None,
        limit=PAGE + 1,
    )
    shown = found[:PAGE]
    return visit.page(
        "items.html",
        found=shown,
        chosen=chosen,
        agreements=look_over(visit.node, visit.organisation).agreements,
        total=holding.count_items(visit.node, own, agreement=named),
        first=not before,
        following=shown[-1].seq if len(found) > PAGE else None,
        strictest=max((Tlp.parse(each.tlp) for each in shown), default=None),
    )


def item(visit: Visit) -> Response:
    """One item: where it is from, how it is marked, who may have it and who has."""
    number = str(visit.request.path_params["seq"])
    if not _NUMBER.fullmatch(number):
        raise NotFoundError("item.unknown", "this organisation holds no such item")
    found = holding.show(visit.node, visit.own, number)
    return visit.page(
        "item.html",
        found=found,
        item=found.item,
        text=found.raw[:SHOWN_BYTES].decode("utf-8", "replace"),
        cut=len(found.raw) > SHOWN_BYTES,
    )


# --- coming and going -------------------------------------------------------------------


def how_to_log_in(visit: Visit) -> Response:
    """How somebody gets a link."""
    return visit.page("login.html", secret="", problem=None)


def login(visit: Visit) -> Response:
    """A button. Looking at a link does not use it up, so a preview of it does no harm."""
    return visit.page("login.html", secret=_link_secret(visit), problem=None)


def log_in(visit: Visit) -> Response:
    """Use a link up, and begin a session."""
    try:
        session, _ = people.log_in(visit.node, _link_secret(visit))
    except NotAuthorisedError as refusal:
        return visit.page("login.html", status=403, secret="", problem=refusal)
    if visit.secret:
        people.log_out(visit.node, visit.secret)
    response = RedirectResponse("/", status_code=303)
    door.let_in(visit.request, response, session.secret)
    return response


def log_out(visit: Visit) -> Response:
    """End the session, here and in the store."""
    people.log_out(visit.node, visit.secret)
    response = RedirectResponse("/login", status_code=303)
    door.let_out(visit.request, response)
    return response


def _link_secret(visit: Visit) -> str:
    secret = str(visit.request.path_params["secret"])
    return secret if door.is_secret(secret) else "0" * 64


# --- refusals ---------------------------------------------------------------------------


def nowhere(visit: Visit) -> Response:  # noqa: ARG001 - as every page
    """No page; for an address with a slip in it."""
    raise NotFoundError("console.no-page", "there is no such page")


def refused(visit: Visit, refusal: AlliedError, status: int) -> Response:
    """The page that says what was refused and what to do about it."""
    return visit.page("refused.html", status=status, refusal=refusal, code=status)
