"""The refusals that only HTTP has, and the status each refusal is said with."""

from __future__ import annotations

from allied.entrypoints.statuses import http_status
from allied.errors import AlliedError, MalformedError, NotAuthorisedError, NotFoundError, UsageError


class NoTokenError(NotAuthorisedError):
    """No valid token was shown; the same whatever was wrong."""


class NoSuchPathError(NotFoundError):
    """Nothing is at this path, or not for this method."""


class MethodError(UsageError):
    """The path is there, and not for this method; `facts` names those it is for."""


class TooLargeError(MalformedError):
    """More was sent than is read here."""


class TooSlowError(UsageError):
    """What was announced did not arrive in time."""


class MediaTypeError(UsageError):
    """What was sent is declared as something that is not read here."""


class TooManyError(UsageError):
    """One token asks too many questions at once."""


_STATUSES: tuple[tuple[type[AlliedError], int], ...] = (
    (NoTokenError, 401),
    (MethodError, 405),
    (TooSlowError, 408),
    (TooLargeError, 413),
    (MediaTypeError, 415),
    (TooManyError, 429),
)


def status_of(refusal: AlliedError) -> int:
    """The HTTP status for a refusal: one of HTTP's own, else that of its kind."""
    own = next((status for kind, status in _STATUSES if isinstance(refusal, kind)), 0)
    return own or http_status(refusal)


def no_token() -> NoTokenError:
    """The refusal of everybody without a valid token."""
    return NoTokenError(
        "rest.unauthorised",
        "a valid API token is needed",
        hint="`allied token create` makes one: HTTP Basic id:secret, or Bearer id.secret",
    )


def no_such_path() -> NoSuchPathError:
    """The refusal of a path that is not there."""
    return NoSuchPathError(
        "rest.no-such-path", "nothing is at this path", hint="/api/v1/ shows what there is"
    )
