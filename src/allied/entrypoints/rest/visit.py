"""What a route function is given, what it gives back, and a line of the table.

Words used here:
    visit   one request whose token was shown and found valid
    way     one line of the table: method, path, permission, function, shape
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import orjson
from fastapi import Depends, Path, Query, Request
from fastapi.responses import Response

from allied.entrypoints.rest.cursors import MAX_CURSOR
from allied.entrypoints.shapes import plain
from allied.node.ports import Keys
from allied.node.rows import Token
from allied.node.sight import Sight

VISIT: Final = "allied.visit"
"""Where the door leaves the visit in a request's scope."""

MOST: Final = 1_000
USUAL: Final = 100
JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request behind the door.

    Attributes:
        sight: what its token sees; every reading goes through it.
        keys: of the node; for errands, never handed to anything that a person has to do.
        free_bytes: asks how much room the data folder has.
    """

    sight: Sight
    keys: Keys
    free_bytes: Callable[[], int]

    @property
    def token(self) -> Token:
        """The token that was shown."""
        return self.sight.token


async def visit_of(request: Request) -> Visit:
    """The visit that the door has made of this request."""
    visit = request.scope[VISIT]
    if not isinstance(visit, Visit):
        raise TypeError("a route was reached without the door")
    return visit


Here = Annotated[Visit, Depends(visit_of)]
Limit = Annotated[int, Query(ge=1, le=MOST, description="At most so many.")]
Next = Annotated[
    str,
    Query(
        alias="next",
        max_length=MAX_CURSOR,
        description="Where to go on: `next` of the answer before, with the same filters.",
    ),
]
AgreementName = Annotated[
    str, Path(min_length=1, max_length=256, description="Its id, or the file's id.")
]
OfAgreement = Annotated[
    str,
    Query(max_length=256, description="Only under this agreement: its id, or the file's id."),
]


def given(value: object) -> Response:
    """The answer that carries a value."""
    return Response(as_json(value), media_type=JSON)


def as_json(value: object) -> bytes:
    """A value in JSON; what no JSON in UTF-8 can hold is escaped."""
    shown = plain(value)
    try:
        return orjson.dumps(shown)
    except TypeError:  # half of a surrogate pair, or a number past 64 bits
        return json.dumps(shown).encode()


@dataclass(frozen=True, slots=True)
class Taken:
    """What a route reads from the body of a request.

    Attributes:
        schemas: by media type, as the OpenAPI document has them.
        limit: the most bytes.
    """

    schemas: Mapping[str, Mapping[str, Any]]
    limit: int


@dataclass(frozen=True, slots=True)
class Way:
    """One route.

    Attributes:
        needs: a permission of `node.roles`.
        answer: its docstring is the documentation, its signature the parameters.
        gives: the shape of the answer; None where it is not JSON.
        media: what the answer is said in.
    """

    method: str
    path: str
    needs: str
    answer: Callable[..., Any]
    gives: type[Any] | None = None
    media: tuple[str, ...] = (JSON,)
    takes: Taken | None = field(default=None)
