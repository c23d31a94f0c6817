"""What happened to agreements and to their parties: the words, and the values that carry them.

Where events come from (records on a node, a `register/1` file, `joined` in a historical text) is
not asked here, nor what they do: `agreement.standing` says who is bound, `agreement.versions` which
text counts, `agreement.agenda` what falls due.

Words used here:
    event      something that happened to an agreement or to one of its parties
    register   texts, and the events about them

Rules that hold everywhere below. An event is about one agreement, known by the id of its file.
Which of the other attributes an event has a use for stands in `agreement.register_file`; the rest
are empty.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.record.ids import PartyId

if TYPE_CHECKING:
    from allied.agreement.terms import Agreement

# What a text says by itself (`joined`); no register holds it.
JOINED: Final = "joined"
# How a party comes in, and changes what it is.
NOMINATED: Final = "nominated"
INVITED: Final = "invited"
SIGNED: Final = "signed"
RATIFIED: Final = "ratified"
ACCEDED: Final = "acceded"
SUCCEEDED: Final = "succeeded"
CHANGED: Final = "changed"
RESERVATION: Final = "reservation"
DECLARED: Final = "declared"
# How it goes, wholly or in part.
NOTICE: Final = "notice"
EXPELLED: Final = "expelled"
SUSPENDED: Final = "suspended"
RESUMED: Final = "resumed"
LEFT: Final = "left"
RETURNED: Final = "returned"
ELECTED: Final = "elected"
# The text and its term.
STOP_NOTICE: Final = "stop-notice"
TERMINATED: Final = "terminated"
AMENDED: Final = "amended"
OBJECTED: Final = "objected"
FLAGGED: Final = "flagged"
CLEARED: Final = "cleared"
# What a clause asks for from time to time.
REQUESTED: Final = "requested"
DONE: Final = "done"

EVENTS: Final[Mapping[str, str]] = {
    NOMINATED: "a candidate was nominated",
    INVITED: "a candidate was invited",
    SIGNED: "it was signed",
    RATIFIED: "it was ratified",
    ACCEDED: "a party joined it",
    SUCCEEDED: "a party took the place of another",
    CHANGED: "a party got another role or tier",
    RESERVATION: "a party made a reservation",
    DECLARED: "a party declared a practice, without a formal notice",
    NOTICE: "a party gave notice of leaving",
    EXPELLED: "a party was expelled",
    SUSPENDED: "it was suspended: as a whole, in one article, for a party, or for a pair",
    RESUMED: "a suspension ended",
    LEFT: "a party left a body and stayed a party",
    RETURNED: "a party came back to a body",
    ELECTED: "a party was elected to chair a body",
    STOP_NOTICE: "a party gave notice that it is not to be renewed",
    TERMINATED: "it was ended",
    AMENDED: "another text was adopted in its place",
    OBJECTED: "a party objected to a candidate or to an amendment",
    FLAGGED: "people found that words and fields of an article disagree",
    CLEARED: "that disagreement was settled",
    REQUESTED: "a party asked for a review",
    DONE: "what an article asks for from time to time was done",
}
"""The words that an event may have, each with what it says."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to an agreement or to one of its parties.

    Attributes:
        agreement: the file's id.
        event: one of `EVENTS`.
        party: whom it is about, or who did it; None for the agreement as a whole (`invited`
            then invites everybody whom the text names; no register holds that).
        at: aware; for a value given as a day the start of that day in UTC.
        towards: for a suspension of one pair.
        art: the number of an article.
        effect: for a reservation: exclude, narrow, interpret.
        reciprocal: a suspension of a pair, or a reservation, that works both ways.
        day: the value was given as a day.
        practice: what a party declared without a formal notice, "frozen" say.
        by: who nominated or invited: a party or a body.
        about: the candidate that an objection is about.
        predecessor: the party in whose place another came.
        body: the body that a party left, came back to or was elected to chair.
        role: the role that a party got; empty for the one it had.
        tier: the tier that a party got; empty for the one it had.
        version: the id of the file that holds an amended text.
        ground: why somebody was suspended or expelled, in the words of the text.
        what: for what was done: self-report, peer-review, exercise, report, review, or the aim
            in the words of the text; empty for all that the article asks for.
    """

    agreement: str
    event: str
    party: PartyId | None
    at: datetime
    towards: PartyId | None = None
    art: str = ""
    effect: str = ""
    reciprocal: bool = False
    day: bool = False
    practice: str = ""
    by: str = ""
    about: PartyId | None = None
    predecessor: PartyId | None = None
    body: str = ""
    role: str = ""
    tier: str = ""
    version: str = ""
    ground: str = ""
    what: str = ""


@dataclass(frozen=True, slots=True)
class Register:
    """Texts by the id of their file, and what happened to them.

    An amended text stands among them under an id of its own; `Event.version` names it.
    """

    agreements: Mapping[str, Agreement]
    events: tuple[Event, ...] = ()
