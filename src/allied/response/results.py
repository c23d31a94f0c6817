"""What an evaluation says: results, obligations, reports, consultations, conflicts, warnings.

These are the frozen values that `evaluate` returns, and their JSON, which is the documented
answer of `allied whatif --json` (docs/reference/evaluation.md). Nothing is decided here.

Words used here:
    result       what one clause says about one incident
    line         one step of an explanation: a gate, its answer, why, by which clause
    missing      a fact that nobody has stated, by its name in an incident file
    opening      a consultation that somebody may call now

`version` is the id of the file that holds the text which was asked; empty for the first text of
an agreement. Parties are named by their ids, instants are UTC in ISO 8601. Every tuple is in the
order T1: date of the law, agreement, article in natural order, debtor, creditor.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from allied.agreement.values import Duration
from allied.record.canonical import Json

_DIGITS = re.compile(r"(\d+)")

MET = "met"
OPEN = "open"
PROVISIONAL = "provisional"
UNDETERMINED = "undetermined"
NOT_MET = "not-met"

THE_GROUP = "the group"


class Line(NamedTuple):
    """One step of an explanation; a tuple, since an answer has thousands of them.

    Attributes:
        gate: "G1" to "G11", or the name of a later step: "duty", "reservation", "adaptation".
        answer: "yes", "no", "unknown", or "awaited" for a call or decision that is not there yet.
        because: a sentence that names the facts it rests on.
        clause: where it is written, as "nat-1949 Art 5".
        text_hash: SHA-256 of the canonical clause, 64 hex digits.
        would_change_if: `field: value` pairs; any one of them changes this answer.
        facts: names of the facts that this answer rests on, as in an incident file.
    """

    gate: str
    answer: str
    because: str
    clause: str
    text_hash: str
    would_change_if: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Json]:
        return {
            "gate": self.gate,
            "answer": self.answer,
            "because": self.because,
            "clause": self.clause,
            "text_hash": self.text_hash,
            "would_change_if": list(self.would_change_if),
            "facts": list(self.facts),
        }


@dataclass(frozen=True, slots=True)
class Note:
    """Something a reader must know that changes no outcome; `code` is stable."""

    code: str
    text: str

    def to_json(self) -> dict[str, Json]:
        return {"code": self.code, "text": self.text}


@dataclass(frozen=True, slots=True)
class ActResult:
    """The gates of one act: G2, G3 and G5 are asked of each act by itself."""

    act: str
    answer: str
    gates: tuple[Line, ...]

    def to_json(self) -> dict[str, Json]:
        return {
            "act": self.act,
            "answer": self.answer,
            "gates": [line.to_json() for line in self.gates],
        }


@dataclass(frozen=True, slots=True)
class Result:
    """What one clause says about one incident.

    Attributes:
        type: the type of the clause.
        outcome: "met", "open", "provisional", "undetermined" or "not-met".
        reason: the code of the first no; without one of the first unknown; without one of what
            is awaited; empty when met.
        missing: the facts that are missing, in gate order; empty unless something is unknown.
    """

    incident: str
    agreement: str
    art: str
    type: str
    outcome: str
    reason: str
    missing: tuple[str, ...]
    would_change_if: tuple[str, ...]
    acts: tuple[ActResult, ...]
    notes: tuple[Note, ...]
    explanation: tuple[Line, ...]
    version: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "incident": self.incident,
            "agreement": self.agreement,
            **_version(self.version),
            "art": self.art,
            "type": self.type,
            "outcome": self.outcome,
            "reason": self.reason,
            "missing": list(self.missing),
            "would_change_if": list(self.would_change_if),
            "acts": [act.to_json() for act in self.acts],
            "notes": [note.to_json() for note in self.notes],
            "explanation": [line.to_json() for line in self.explanation],
        }


@dataclass(frozen=True, slots=True)
class Obligation:
    """Who owes what to whom by when, under which clause, and why.

    Attributes:
        key: SHA-256 over canonical [agreement, art, duty, incident, debtor, creditor].
        duty: the index of the duty in its clause; meanwhile-duties count on behind the duties.
        creditor: a party, or "the group".
        creditors: who may verify, waive or excuse: the creditor, or everybody else in the group.
        measures: what the clause or an adaptation lists; empty for `own-choice`.
        modality: "must", "may" or "discuss".
        opened_at: when it came into being: the decision, the call, or the facts becoming known.
        answer_within: the period for an answer; on a node it starts at the debtor's receipt.
        answer_by: `opened_at` plus that period, which holds where there are no receipts (files).
        state: "owed", "invited" for a duty that only may be done, or "suspended".
        adaptation: why the measures are other than the clause's, or empty.
        excuses: the reasons that the clause allows.
        consent: measures that nobody must take without its own consent.
        concurrent_with: keys of obligations of the same debtor to the same creditor in the same
            incident.
    """

    key: str
    incident: str
    agreement: str
    art: str
    duty: int
    debtor: str
    creditor: str
    creditors: tuple[str, ...]
    act: str
    measures: tuple[str, ...]
    means: str
    modality: str
    quantity: str
    opened_at: datetime | None
    answer_within: Duration | None
    perform_within: Duration | None
    answer_by: datetime | None
    perform_by: datetime | None
    state: str
    adaptation: str
    excuses: tuple[str, ...]
    consent: tuple[str, ...]
    concurrent_with: tuple[str, ...]
    explanation: tuple[Line, ...]
    version: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "key": self.key,
            "incident": self.incident,
            "agreement": self.agreement,
            **_version(self.version),
            "art": self.art,
            "duty": self.duty,
            "debtor": self.debtor,
            "creditor": self.creditor,
            "act": self.act,
            "measures": list(self.measures),
            "means": self.means,
            "modality": self.modality,
            "quantity": self.quantity,
            "opened_at": instant(self.opened_at),
            "answer_by": instant(self.answer_by),
            "perform_by": instant(self.perform_by),
            "state": self.state,
            "adaptation": self.adaptation,
            "excuses": list(self.excuses),
            "consent": list(self.consent),
            "concurrent_with": list(self.concurrent_with),
            "explanation": [line.to_json() for line in self.explanation],
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Somebody outside who has to be told: a duty of every bound party together."""

    incident: str
    agreement: str
    art: str
    to: str
    when: str
    version: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "incident": self.incident,
            "agreement": self.agreement,
            **_version(self.version),
            "art": self.art,
            "to": self.to,
            "when": self.when,
        }


@dataclass(frozen=True, slots=True)
class Opening:
    """A consultation that may be called over this incident, and by whom."""

    incident: str
    agreement: str
    art: str
    open_to: tuple[str, ...]
    version: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "incident": self.incident,
            "agreement": self.agreement,
            **_version(self.version),
            "art": self.art,
            "open_to": list(self.open_to),
        }


@dataclass(frozen=True, slots=True)
class Conflict:
    """One debtor who owes something to both sides. Shown, never resolved silently.

    Attributes:
        kind: "opposite-sides".
        first, second: keys of the two obligations.
        prevails: the agreement that prevails by an explicit clause, or empty: people decide.
    """

    debtor: str
    kind: str
    first: str
    second: str
    prevails: str = ""

    def to_json(self) -> dict[str, Json]:
        return {
            "debtor": self.debtor,
            "kind": self.kind,
            "first": self.first,
            "second": self.second,
            "prevails": self.prevails,
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that a register and some incidents add up to on one day."""

    results: tuple[Result, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    reports: tuple[Report, ...] = ()
    consultations: tuple[Opening, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    warnings: tuple[Note, ...] = ()

    def to_json(self) -> dict[str, Json]:
        return {
            "results": [result.to_json() for result in self.results],
            "obligations": [obligation.to_json() for obligation in self.obligations],
            "reports": [report.to_json() for report in self.reports],
            "consultations": [opening.to_json() for opening in self.consultations],
            "conflicts": [conflict.to_json() for conflict in self.conflicts],
            "warnings": [warning.to_json() for warning in self.warnings],
        }


def _version(version: str) -> dict[str, Json]:
    """The text that was asked, where it is not the first of its agreement."""
    return {"version": version} if version else {}


def instant(at: datetime | None) -> str | None:
    """Write an aware instant in UTC, to the second where nothing finer is there."""
    if at is None:
        return None
    utc = at.astimezone(UTC)
    exact = "milliseconds" if utc.microsecond else "seconds"
    return utc.replace(tzinfo=None).isoformat(timespec=exact) + "Z"


@lru_cache(maxsize=4096)
def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort "Art 10" behind "Art 9": runs of digits count as numbers.

    A number sorts before a word at the same place, so the key is total over any texts.
    """
    return tuple(
        (0, int(part), part) if part.isdecimal() else (1, 0, part)
        for part in _DIGITS.split(text)
        if part
    )
