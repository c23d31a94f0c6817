"""Small ballots for the tests: parties are single letters, votes are written `A+ B- C0`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from allied.agreement.decision import (
    Count,
    Electorate,
    Proposal,
    Receipt,
    Statement,
    Vote,
    count,
)
from allied.agreement.rules import DecisionRule, Silence
from allied.agreement.values import Duration
from allied.record.ids import PartyId

TABLED = datetime(2026, 3, 2, 9, tzinfo=UTC)
DEADLINE = datetime(2026, 3, 6, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
SIX_DAYS = Silence(period=Duration(6, "days"))
CHOICES: dict[str, Any] = {"+": "yes", "-": "no", "0": "abstain"}


def parties(letters: str) -> frozenset[PartyId]:
    return frozenset(map(PartyId, letters))


def body(letters: str, **more: Any) -> Electorate:
    for key in ("ratified", "present"):
        if key in more:
            more[key] = parties(more[key])
    return Electorate(members=parties(letters), **more)


def question(**more: Any) -> Proposal:
    said: dict[str, Any] = {
        "id": "q", "text": "t", "by": PartyId("A"), "tabled_at": TABLED, "deadline": DEADLINE,
    }  # fmt: skip
    return Proposal(**{**said, **more})


def vote(party: str, choice: str = "-", at: datetime = TABLED + HOUR, **more: Any) -> Vote:
    return Vote(party=PartyId(party), at=at, **{"choice": CHOICES[choice], "text": "t", **more})


def votes(text: str, at: datetime = TABLED + HOUR) -> list[Statement]:
    return [vote(word[0], word[1], at) for word in text.split()]


def receipts(letters: str, at: datetime = TABLED + HOUR, **more: Any) -> list[Statement]:
    return [Receipt(party=PartyId(each), at=at, **{"text": "t", **more}) for each in letters]


def counted(
    rule: DecisionRule,
    members: str | Electorate,
    said: str | Iterable[Statement],
    at: datetime = DEADLINE,
    **more: Any,
) -> Count:
    electorate = members if isinstance(members, Electorate) else body(members)
    statements = votes(said) if isinstance(said, str) else said
    return count(rule, question(**more), electorate, statements, at)
