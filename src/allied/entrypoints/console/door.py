"""Who is visiting, and whether the request came from our own pages.

Words used here:
    session     opaque random bytes in a cookie; the store holds its digest and can end it
    form token  derived from the session, stands in every form; what another site cannot know

Rules. A request that changes something comes from our own origin: a browser says so in
`Sec-Fetch-Site`, an older one in `Origin`, and a request that says neither is refused.
Inside a session it carries the form token as well. A cookie is never readable by scripts,
and over TLS bound to this host. Its name carries the port, because browsers share cookies
between the ports of one host, and several nodes may live on one machine.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from allied.errors import MalformedError, NotAuthorisedError
from allied.node.people import SESSION_LASTS

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

FORM_BYTES: Final = 8 * 1024
_SECRET: Final = re.compile(r"[0-9a-f]{64}")

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none';"
        " form-action 'self'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}
"""What every answer of the console carries."""


def _cookie_names(request: Request) -> tuple[str, str]:
    """What the session's cookie is called at this address, over TLS and without."""
    port = f"-{request.url.port}" if request.url.port else ""
    return f"__Host-allied-session{port}", f"allied-session{port}"


def session_secret(request: Request) -> str:
    """What the visitor's cookie holds, if it has the form of a session; else nothing."""
    for name in _cookie_names(request):
        secret = request.cookies.get(name, "")
        if is_secret(secret):
            return secret
    return ""


def over_tls(request: Request) -> bool:
    """Whether the visitor's browser speaks TLS, to us or to the proxy before us.

    The proxy's word is not asked for: the browser says itself, with what it posts, from
    which origin its page came.
    """
    origin = request.headers.get("origin", "")
    return request.url.scheme == "https" or origin.startswith("https://")


def is_secret(text: str) -> bool:
    """Whether `text` has the form of a session or a link."""
    return _SECRET.fullmatch(text) is not None


def let_in(request: Request, response: Response, secret: str) -> None:
    """Give the visitor the cookie of a new session."""
    secure = over_tls(request)
    response.set_cookie(
        _cookie_names(request)[0 if secure else 1],
        secret,
        max_age=int(SESSION_LASTS.total_seconds()),
        path="/",
        httponly=True,
        samesite="lax",
        secure=secure,
    )


def let_out(request: Request, response: Response) -> None:
    """Take the cookie away."""
    bound, plain = _cookie_names(request)
    response.delete_cookie(bound, path="/", httponly=True, samesite="lax", secure=True)
    response.delete_cookie(plain, path="/", httponly=True, samesite="lax")


def form_token(secret: str) -> str:
    """The token that the forms of a session carry."""
    return hmac.new(secret.encode(), b"allied form token", sha256).hexdigest()


def require_own_origin(request: Request) -> None:
    """Return if the request came from one of our own pages.

    Raises:
        NotAuthorisedError: `request.other-origin`.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        own = site == "same-origin"
    else:
        host = request.headers.get("host", "")
        own = request.headers.get("origin") in (f"http://{host}", f"https://{host}")
    if not own:
        raise NotAuthorisedError(
            "request.other-origin",
            "this request did not come from a page of this node",
            hint="open the page here and press the button there",
        )


def require_form_token(secret: str, given: str) -> None:
    """Return if `given` is the form token of the session.

    Raises:
        NotAuthorisedError: `request.form-token`.
    """
    if not hmac.compare_digest(form_token(secret).encode(), given.encode()):
        raise NotAuthorisedError(
            "request.form-token",
            "the form is older than your session",
            hint="load the page again and send it once more",
        )


async def read_form(request: Request) -> bytes:
    """The body of a form, bounded while it is read.

    Raises:
        MalformedError: `request.too-large`.
    """
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > FORM_BYTES:
            raise MalformedError("request.too-large", "this form is larger than any of ours")
    return bytes(body)
