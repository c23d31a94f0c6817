"""What a count over closes comes to, as it is signed: the outcome, who stood where, and the cut.

Values and their form only; who made them is for `agreement.closing`, what they prove for
`agreement.certified`.

Words used here:
    value    a result without its cut: two that agree in it decide the same
    cut      the heads that were counted; what lies beyond was not

Rule that holds below: one result has one spelling, so its digest stands for it.

Source: DESIGN of decisions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from allied.agreement.moments import moment, moment_text
from allied.agreement.outcome import SILENCE_BROKEN, WITHDRAWN
from allied.agreement.tally import ADOPTED, LAPSED, REJECTED
from allied.errors import MalformedError
from allied.record.canonical import Json, digest, encode
from allied.record.ids import Digest, PartyId, RecordId, digest_text, party_id
from allied.record.record import Dep, read_deps

OUTCOMES: Final = frozenset({ADOPTED, REJECTED, LAPSED, SILENCE_BROKEN, WITHDRAWN})
POSITIONS: Final = frozenset(
    {"yes", "no", "abstain", "present", "absent", "objected", "silent", "not-reached"}
)
_KEYS: Final = frozenset({"proposal", "text", "outcome", "reason", "closed_at", "positions", "cut"})
_MOST_POSITIONS: Final = 10_000
_WORD_LIMIT: Final = 64


@dataclass(frozen=True, slots=True)
class Result:
    """What was decided on a question.

    Attributes:
        text: digest of what was on the table last.
        outcome: adopted, rejected, silence-broken, lapsed or withdrawn.
        reason: as in `outcome.Count`.
        closed_at: when it closed, by what was counted.
        positions: where each voter stood, sorted by party.
        cut: the heads that were counted.
    """

    proposal: RecordId
    text: str
    outcome: str
    reason: str
    closed_at: datetime | None
    positions: tuple[tuple[PartyId, str], ...]
    cut: tuple[Dep, ...]

    @property
    def entitled(self) -> frozenset[PartyId]:
        """Who had a vote."""
        return frozenset(party for party, _ in self.positions)

    @property
    def digest(self) -> Digest:
        """Of the whole."""
        return digest(encode(self.to_json()))

    @property
    def value(self) -> Digest:
        """Of what is decided: everything but the cut."""
        whole = self.to_json()
        del whole["cut"]
        return digest(encode(whole))

    def to_json(self) -> dict[str, Json]:
        """As it stands in a tally and in a certificate."""
        return {
            "proposal": self.proposal,
            "text": self.text,
            "outcome": self.outcome,
            "reason": self.reason,
            "closed_at": None if self.closed_at is None else moment_text(self.closed_at),
            "positions": dict(self.positions),
            "cut": [dep.to_json() for dep in self.cut],
        }


def read_result(value: Json) -> Result:
    """Read a result.

    Raises:
        MalformedError: `decision.shape`; what ids and deps refuse.
    """
    if not isinstance(value, Mapping) or set(value) != _KEYS:
        raise _shape("a result does not have the keys of one")
    positions, outcome, reason = value["positions"], value["outcome"], value["reason"]
    if not isinstance(positions, Mapping) or len(positions) > _MOST_POSITIONS:
        raise _shape("a result does not say where each voter stood")
    if not all(isinstance(each, str) and each in POSITIONS for each in positions.values()):
        raise _shape("a result puts a voter where nobody can stand")
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        raise _shape("a result has no such outcome")
    if not isinstance(reason, str) or len(reason) > _WORD_LIMIT:
        raise _shape("a result gives its reason in a word")
    return Result(
        proposal=RecordId(digest_text(value["proposal"], "a proposal")),
        text=digest_text(value["text"], "the text of a proposal"),
        outcome=outcome,
        reason=reason,
        closed_at=_closed_at(value["closed_at"]),
        positions=tuple(sorted((party_id(each), str(at)) for each, at in positions.items())),
        cut=read_deps(value["cut"]),
    )


def _closed_at(value: Json) -> datetime | None:
    if value is None:
        return None
    found: object = None
    if isinstance(value, str):
        try:
            found = moment(value)
        except ValueError:
            found = None
    if not isinstance(found, datetime) or moment_text(found) != value:
        raise _shape("a result does not say when it closed, as an instant")
    return found


def _shape(message: str) -> MalformedError:
    return MalformedError("decision.shape", message)
