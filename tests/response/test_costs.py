"""The cost ledger of mutual aid: an entry for help that was given, and for nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from allied.agreement.events import Register
from allied.agreement.terms import Agreement, load
from allied.record.ids import PartyId, RecordId
from allied.response.costs import Entry, ledger
from allied.response.evaluate import evaluate
from allied.response.obligation import Change, Opened, fold_obligations
from allied.response.statement import Statement
from tests.response.cases import incidents

TEXT = """
format: alliance/1
id: pact
form: {kind: contract}
parties: [{ids: [ash, birch], joined: 2020-01-01}]
articles:
  - {art: "1", type: mutual-aid, resources: [pump], modality: must, COST}
"""
FLOOD = """
id: flood
versions: [{known_at: 2025-05-01, facts: {kind: disaster.natural, occurred_at: 2025-05-01}}]
invocations: [{agreement: pact, art: "1", by: ash, at: 2025-05-01}]
"""
GIVEN = datetime(2025, 5, 2, tzinfo=UTC)


def entries(cost: str, *words: str) -> tuple[Entry, ...]:
    (pact,) = load(TEXT.replace("COST", cost).encode(), "pact")
    assert isinstance(pact, Agreement)
    found = evaluate(Register({"pact": pact}), incidents(FLOOD), None, None, at=date(2025, 5, 3))
    (owed,) = found.obligations
    change = Change("owed", RecordId("call"), PartyId("ash"), GIVEN, 0)
    said = [
        Statement(
            f"obligation.{word}",
            PartyId("ash" if word in {"verify", "confirm-excuse"} else "birch"),
            {"obligation": owed.key, "incident": "flood", "reason": "own-emergency"},
            GIVEN,
            RecordId(word),
            place,
        )
        for place, word in enumerate(words, 1)
    ]
    return ledger(pact, fold_obligations([Opened(owed, (change,))], said))


@pytest.mark.parametrize(
    ("words", "count"),
    [
        pytest.param((), 0, id="never answered"),
        pytest.param(("accept",), 0, id="accepted only"),
        pytest.param(("decline",), 0, id="declined"),
        pytest.param(("excuse", "confirm-excuse"), 0, id="excused"),
        pytest.param(("perform",), 1, id="performed"),
        pytest.param(("perform", "verify"), 1, id="performed and verified"),
    ],
)
def test_only_help_that_was_given_is_an_entry(words: tuple[str, ...], count: int) -> None:
    assert len(entries("cost: requester-pays-actual", *words)) == count


@pytest.mark.parametrize(
    ("cost", "basis", "cap", "free_until"),
    [
        pytest.param("cost: requester-pays-actual", "requester-pays-actual", "", None, id="actual"),
        pytest.param("cost: capped, cost_cap: 100 EUR", "capped", "100 EUR", None, id="capped"),
        pytest.param(
            "cost: free-then-cost, free_for: 2 days",
            "free-then-cost",
            "",
            datetime(2025, 5, 4, tzinfo=UTC),
            id="free at first",
        ),
    ],
)
def test_an_entry_says_by_which_rule_who_pays_whom(
    cost: str, basis: str, cap: str, free_until: datetime | None
) -> None:
    (entry,) = entries(f"{cost}, currency: EUR", "perform")
    assert (entry.payer, entry.payee, entry.currency) == ("ash", "birch", "EUR")
    assert (entry.basis, entry.cap, entry.free_until) == (basis, cap, free_until)
    assert entry.given_at == GIVEN


def test_where_each_bears_its_own_cost_there_is_no_entry() -> None:
    assert entries("cost: own", "perform") == ()
    assert len(entries("cost: requester-pays-actual", "perform")) == 1  # the twin
