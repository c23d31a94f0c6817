"""What a node keeps of the TAXII servers of others that it pulls from and pushes to.

Words used here:
    neighbour   one collection of one server of somebody else, on behalf of one hosted
                organisation, under one agreement
    asserted    a version of an object that came from a neighbour, and was here from nobody
                else; several neighbours may assert the same one
    pushed      a version of an object that was added to a neighbour
    place       where pulling goes on: a mark (the last date of addition, as the server wrote
                it) and, within a list that was not read to its end, what it gave as `next`
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

from allied.record.ids import AgreementId, OrganisationId

PULLED: Final = "pulled"
PUSHED: Final = "pushed"


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One collection of a TAXII server of somebody else.

    Attributes:
        url: scheme, host and port.
        path: of the collection, from the server's root; ends with a slash.
        agreement: what is pulled is shared under it, what is pushed is released by it.
        pulls: whether objects are pulled.
        to: the parties that what is pulled is for, with commas; the own one alone for none.
        tlp: what is pulled is at least this; empty for as it is marked.
        party: the party to whose server this organisation pushes; empty for none.
        user: name for HTTP Basic; empty where the secret is a bearer token, or there is none.
        secret_file: where the password or token lies; empty for none. It is read when it is
            needed and kept nowhere else.
        allowed_private: an operator gave a private or loopback address on purpose.
        every_seconds: how often it is asked.
        mark, following: the place; see above.
        pushed: how far it was pushed; a cursor of `node.release`.
        compared_at: when what it holds was last compared with what it asserted here.
        seen_at: last time that all went well; None before the first.
        failures: failed tries in a row; 0 after a success.
        next_try_at: not asked before this; None when it may be asked now.
        last_problem: the stable code of the last failure, or an empty string.
    """

    id: str
    organisation: OrganisationId
    label: str
    url: str
    path: str
    agreement: AgreementId
    pulls: bool
    to: str
    tlp: str
    party: str
    user: str
    secret_file: str
    allowed_private: bool
    every_seconds: int
    added_at: datetime
    mark: str = ""
    following: str = ""
    pushed: str = ""
    compared_at: datetime | None = None
    seen_at: datetime | None = None
    failures: int = 0
    next_try_at: datetime | None = None
    last_problem: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """A version of an object that a neighbour asserted here, or that was pushed to it."""

    neighbour: str
    way: str
    item: str
    version: str
    at: datetime


@dataclass(slots=True)
class Outcome:
    """What one exchange with one neighbour did.

    Attributes:
        pulled: new versions of objects that were taken in; repeated: those held already.
        refused: how many objects were not taken, by code; `named` are the first of them.
        removed: versions recalled here because the neighbour does not hold them any more.
        pushed: versions added there; kept: of them, by the reason, those it did not take.
        deleted: versions deleted there because they were recalled here.
        problem: stable code of what stopped it or was left undone, or an empty string.
    """

    neighbour: str
    pulled: int = 0
    repeated: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    named: list[tuple[str, str]] = field(default_factory=list)
    removed: int = 0
    pushed: int = 0
    kept: int = 0
    deleted: int = 0
    problem: str = ""
    message: str = ""


class ReadingNeighbours(Protocol):
    """What can be asked of neighbours; a part of `ports.Reading`."""

    def neighbours(self, organisation: OrganisationId | None = None) -> Sequence[Neighbour]:
        """Those of an organisation, or all, by label then id."""
        ...

    def carried(
        self,
        neighbour: str,
        way: str,
        *,
        items: Iterable[str] | None = None,
        after: tuple[str, str] = ("", ""),
        limit: int = 1000,
    ) -> Sequence[Carried]:
        """What came from a neighbour or went to it, behind `after`, by object and version.

        Args:
            items: of these objects alone; None for all.
        """
        ...

    def asserters(
        self, organisation: OrganisationId, agreement: AgreementId, items: Iterable[str]
    ) -> Mapping[tuple[str, str], frozenset[str]]:
        """By object and version, the neighbours that assert it; others are absent."""
        ...


class WritingNeighbours(Protocol):
    """What can be changed about neighbours; a part of `ports.Writing`."""

    def put_neighbour(self, neighbour: Neighbour) -> None:
        """Insert or replace by id."""
        ...

    def drop_neighbour(self, neighbour: str) -> bool:
        """Forget a neighbour and what it asserted; whether there was one."""
        ...

    def put_carried(self, rows: Sequence[Carried]) -> None:
        """Remember; what is remembered already stays as it is."""
        ...

    def drop_carried(self, neighbour: str, way: str, versions: Iterable[tuple[str, str]]) -> None:
        """Forget some versions, each by object and version."""
        ...

    def disown(
        self, organisation: OrganisationId, agreement: AgreementId, items: Iterable[str]
    ) -> None:
        """Forget who else asserted some objects: the organisation says them itself now."""
        ...
