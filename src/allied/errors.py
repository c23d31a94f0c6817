"""What can be refused, as a tree by what a caller can do about it.

    AlliedError
    +-- UsageError          the call itself is wrong: say it differently
    +-- MalformedError      what was given is not what it claims to be: mend the file
    +-- NotFoundError       nothing here goes by that name, or the caller may not know
    +-- NotAuthorisedError  the caller may not do this: unlock, log in, ask who may
    +-- RefusedError        an agreement or a policy says no, by a clause that is named
    +-- ConflictError       the present state does not allow it: look, decide again
    +-- UnreachableError    another node did not answer usefully: try again later
    +-- UnverifiedError     a signature, digest or proof does not hold: never ignore it
    +-- ProblemsFoundError  a check ran to its end and found something
    +-- ExhaustedError      this machine cannot go on: disk, database, a newer format

Each refusal carries a `code` for machines (lower-case words, `area.what-is-wrong`, never
changed once released and listed in docs/reference/errors.md), a sentence for people, and
a `hint` that says what to do next. It knows nothing of HTTP or of exit statuses
(entrypoints translate), and it never carries a secret or the content that was refused:
places, ids, counts and limits only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a text something stands.

    Attributes:
        source: the name of the file as the user gave it, or `<input>`.
        line: from 1.
        column: from 1, in characters.
    """

    source: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"


class AlliedError(Exception):
    """Something was refused, and the caller is told what and why.

    Attributes:
        code: stable, for machines: `agreement.unknown-key`.
        message: one sentence for people, without the place.
        hint: what to do about it, or an empty string.
        place: where in a text, if a text was read.
        facts: ids, counts and limits that a caller may show; never contents.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str = "",
        place: Place | None = None,
        facts: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.place = place
        self.facts: Mapping[str, object] = dict(facts or {})

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class UsageError(AlliedError):
    """The call itself is wrong: a flag is missing, two contradict each other."""


class MalformedError(AlliedError):
    """What was given cannot be read as what it claims to be."""


class NotFoundError(AlliedError):
    """Nothing here goes by that name, or the caller may not know that it exists."""


class NotAuthorisedError(AlliedError):
    """The caller is not the one who may do this."""


class RefusedError(AlliedError):
    """An agreement or a policy says no; `facts` names the clause where one decides."""


class ConflictError(AlliedError):
    """The present state does not allow it."""


class UnreachableError(AlliedError):
    """Another node did not answer, or its answer was of no use."""


class UnverifiedError(AlliedError):
    """A signature, a digest, a chain or a proof does not hold."""


class ProblemsFoundError(AlliedError):
    """A check ran to its end and found something."""


class ExhaustedError(AlliedError):
    """This machine or its store cannot go on."""
