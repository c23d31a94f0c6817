"""How a refusal is said to the outside: exit statuses and HTTP statuses.

The only place where the tree of `allied.errors` meets numbers. A refusal that is not in
the table is a failure (1, 500), so a new kind of refusal can never pass for success.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from allied.errors import (
    AlliedError,
    ConflictError,
    ExhaustedError,
    MalformedError,
    NotAuthorisedError,
    NotFoundError,
    Place,
    ProblemsFoundError,
    RefusedError,
    UnreachableError,
    UnverifiedError,
    UsageError,
)

if TYPE_CHECKING:
    from allied.agreement.reading import Finding

MISTAKES_SHOWN: Final = 50
"""How many mistakes of one text are said at once."""

OK, FAILED, USAGE, NOT_FOUND, NOT_AUTHORISED = 0, 1, 2, 3, 4
REFUSED, UNREACHABLE, UNVERIFIED, PROBLEMS = 5, 6, 7, 8

_TABLE: tuple[tuple[type[AlliedError], int, int], ...] = (
    (UsageError, USAGE, 400),
    (MalformedError, FAILED, 422),
    (NotFoundError, NOT_FOUND, 404),
    (NotAuthorisedError, NOT_AUTHORISED, 403),
    (RefusedError, REFUSED, 403),
    (ConflictError, FAILED, 409),
    (UnreachableError, UNREACHABLE, 502),
    (UnverifiedError, UNVERIFIED, 422),
    (ProblemsFoundError, PROBLEMS, 422),
    (ExhaustedError, FAILED, 503),
)


def exit_status(refusal: AlliedError) -> int:
    """The exit status of the command line for `refusal`."""
    return next((status for kind, status, _ in _TABLE if isinstance(refusal, kind)), FAILED)


def http_status(refusal: AlliedError) -> int:
    """The HTTP status for `refusal` on pages and interfaces of this node."""
    return next((status for kind, _, status in _TABLE if isinstance(refusal, kind)), 500)


def as_json(refusal: AlliedError) -> dict[str, dict[str, object]]:
    """The promised form: {"error": {"code", "message", "hint"}}, with place and facts if any.

    A text with several mistakes has them all under `mistakes`.
    """
    error: dict[str, object] = {
        "code": refusal.code,
        "message": refusal.message,
        "hint": refusal.hint,
    }
    if refusal.place:
        error["place"] = _place(refusal.place)
    if refusal.facts:
        error["facts"] = dict(refusal.facts)
    if len(found := mistakes(refusal)) > 1:
        error["mistakes"] = [
            {
                "code": each.code,
                "message": each.text,
                "hint": each.advice,
                "place": _place(each.place),
            }
            for each in found
        ]
    return {"error": error}


def mistakes(refusal: AlliedError) -> Sequence[Finding]:
    """Every mistake of a text that could not be read, at most `MISTAKES_SHOWN`; else none."""
    if not isinstance(refusal, MalformedError):
        return ()
    from allied.agreement.reading import MalformedTextError  # slow, and seldom needed

    return refusal.findings[:MISTAKES_SHOWN] if isinstance(refusal, MalformedTextError) else ()


def _place(place: Place | None) -> dict[str, object] | None:
    return {"source": place.source, "line": place.line, "column": place.column} if place else None
