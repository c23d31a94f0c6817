"""What a secretariat keeps of submissions that it makes anonymous, and its part of the store.

This is the only place on any node where a submitter and the new item stand side by side. It
never leaves the hub; whoever reads the hub's database knows who sent what.

Words used here:
    submission   the objects of one share by one party, as far as they came together
    issued       made anew and given out as an item of the hub
    salt         secret bytes, drawn when a party submits for the first time; with them the
                 ids of its objects are renamed
    naming       a link by which readers are told who submitted something, and which readers
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from allied.record.ids import AgreementId, OrganisationId

RECEIVED: Final = "received"
REVIEW: Final = "review"
READY: Final = "ready"
HELD: Final = "held"
ISSUING: Final = "issuing"
RELEASED: Final = "released"
REJECTED: Final = "rejected"
OPEN: Final = (RECEIVED, REVIEW, READY, HELD, ISSUING)


@dataclass(frozen=True, slots=True)
class Submission:
    """What one party handed in at once, as the hub sees it.

    Attributes:
        organisation: the hub.
        share: id of the share it came with.
        art: the clause under which the hub hides who sent it.
        state: `received` (nobody has looked yet), `review` (a person has to read it), `ready`
            (goes out at `due_at`), `held` (may not go out now, see `code`), `issuing`,
            `released` or `rejected`.
        code: why it is held, or why a part of what was released was not taken; empty else.
        count: how many items it had when it came.
        due_at: the instant of its batch; None as long as nothing goes out.
        decided_by: the person who released or rejected it; empty where nobody had to.
        edits: JSON, what a person changed: new id, property, and text or null.
    """

    id: str
    organisation: OrganisationId
    agreement: AgreementId
    submitter: OrganisationId
    share: str
    art: str
    state: str
    code: str
    count: int
    received_at: datetime
    due_at: datetime | None
    decided_by: str
    edits: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """One version of a submitted object, and the new object that stands for it.

    Attributes:
        submission: what it came with.
        new_version: the version of the new item; empty until it is issued.
        issued_at: the instant of its batch; None until it is issued.
        recall: the record by which the submitter recalled it; empty without one.
        recall_due: when the hub recalls the new one as its own.
        recalled_at: when it did.
    """

    organisation: OrganisationId
    agreement: AgreementId
    submitter: OrganisationId
    old_id: str
    old_version: str
    submission: str
    new_id: str
    new_version: str = ""
    issued_at: datetime | None = None
    recall: str = ""
    recall_due: datetime | None = None
    recalled_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Naming:
    """One reader who is told who submitted what stands behind a new object.

    Attributes:
        link: STIX id of the relationship that tells it.
    """

    organisation: OrganisationId
    agreement: AgreementId
    new_id: str
    party: str
    link: str
    at: datetime


class ReadingHub(Protocol):
    """What can be asked of submissions."""

    def hub_salt(
        self, organisation: OrganisationId, agreement: AgreementId, submitter: OrganisationId
    ) -> bytes | None:
        """The salt of a submitter; None before its first submission."""
        ...

    def submissions(
        self,
        organisation: OrganisationId,
        *,
        agreement: AgreementId | None = None,
        states: Sequence[str] = (),
    ) -> Sequence[Submission]:
        """Submissions, by when they came, then id; only in some states."""
        ...

    def submission(self, organisation: OrganisationId, submission: str) -> Submission | None: ...

    def submitted(
        self,
        organisation: OrganisationId,
        agreement: AgreementId,
        *,
        submitter: OrganisationId | None = None,
        old_ids: Iterable[str] | None = None,
        new_ids: Iterable[str] | None = None,
        submission: str | None = None,
        recall_pending: bool = False,
    ) -> Sequence[Submitted]:
        """Submitted objects, by new id then old version; narrowed by what is given."""
        ...

    def namings(self, organisation: OrganisationId, agreement: AgreementId) -> Sequence[Naming]:
        """Who is told whose names, by new id then party."""
        ...


class WritingHub(ReadingHub, Protocol):
    """How submissions are kept."""

    def set_hub_salt(
        self,
        organisation: OrganisationId,
        agreement: AgreementId,
        submitter: OrganisationId,
        salt: bytes,
    ) -> None: ...

    def put_submission(self, submission: Submission) -> None:
        """Insert or replace by organisation and id."""
        ...

    def put_submitted(self, rows: Iterable[Submitted]) -> None:
        """Insert or replace by organisation, agreement, submitter, old id and old version."""
        ...

    def add_namings(self, rows: Iterable[Naming]) -> None: ...

    def drop_naming(self, organisation: OrganisationId, link: str) -> None:
        """Forget that a link tells anybody anything."""
        ...
