"""The closed table: what is in it, and that a released row never changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from allied.errors import AlliedError
from allied.record import kinds
from allied.record.canonical import digest, encode
from allied.record.ids import Digest

PLANNED = frozenset(
    {
        "agreement.propose",
        "identity.person",
        "agreement.sign",
        "agreement.ratify",
        "agreement.withdraw",
        "circle.open",
        "incident.report",
        "incident.facts",
        "incident.invoke",
        "incident.finding",
        "incident.decision",
        "receipt",
        "obligation.acknowledge",
        "obligation.accept",
        "obligation.decline",
        "obligation.excuse",
        "obligation.perform",
        "obligation.verify",
        "obligation.waive",
        "obligation.confirm-excuse",
        "obligation.refuse-excuse",
        "exchange.receipt",
        "exchange.recall",
        "exchange.recall-answer",
        "proposal.open",
        "vote.cast",
        "decision.close",
        "decision.tally",
        "decision.certificate",
        "fork.proof",
        "key.revoke",
        "redaction",
    }
)


def test_every_kind_that_a_record_format_of_today_needs_has_a_row() -> None:
    assert kinds.KINDS.keys() >= PLANNED


@pytest.mark.parametrize("kind", sorted(kinds.KINDS))
def test_a_row_says_who_where_and_when(kind: str) -> None:
    row = kinds.rule(kind)
    assert row.kind == kind
    assert row.meaning
    assert row.issuers
    assert row.circles
    assert row.states
    assert 0 < row.max_bytes <= kinds.MAX_BODY_BYTES
    if row.act:
        assert row.key == "acts", "what a person decides is never signed with the automatic key"


@pytest.mark.parametrize(
    ("kind", "act"),
    [
        pytest.param("agreement.propose", False, id="proposing binds nobody"),
        pytest.param("agreement.sign", True, id="signing"),
        pytest.param("agreement.ratify", True, id="ratifying"),
        pytest.param("agreement.withdraw", True, id="withdrawing"),
        pytest.param("incident.report", False, id="reporting facts"),
        pytest.param("incident.invoke", True, id="invoking"),
        pytest.param("incident.finding", True, id="attributing"),
        pytest.param("vote.cast", True, id="voting"),
        pytest.param("obligation.acknowledge", False, id="acknowledging"),
        pytest.param("obligation.excuse", True, id="excusing"),
        pytest.param("receipt", False, id="a receipt"),
    ],
)
def test_what_is_an_act_of_a_person(kind: str, act: bool) -> None:
    assert kinds.rule(kind).act is act


def test_rules_of_a_later_release_are_refused_with_what_is_needed() -> None:
    with pytest.raises(AlliedError) as refusal:
        kinds.rule("receipt", 2)
    assert refusal.value.code == "rules.unknown"
    assert refusal.value.hint == "needs a release of Allied that knows rules 2"
    kinds.rule("receipt", 1)  # the twin that passes


def test_a_kind_that_is_not_in_the_table_is_refused() -> None:
    with pytest.raises(AlliedError) as refusal:
        kinds.rule("hack.back")
    assert refusal.value.code == "record.kind"


def test_the_table_cannot_be_changed_while_running() -> None:
    with pytest.raises(TypeError):
        kinds.KINDS["hack.back"] = kinds.rule("receipt")  # type: ignore[index]


def in_words(names: frozenset[str], order: str) -> str:
    every = order.split()
    return "any" if names == set(every) else ", ".join(name for name in every if name in names)


@pytest.mark.parametrize("kind", sorted(kinds.KINDS))
def test_the_documentation_shows_the_row_as_it_is(kind: str) -> None:
    row = kinds.rule(kind)
    cells = [
        f"`{kind}`",
        ", ".join(sorted(row.issuers)),
        in_words(row.circles, "all voters body pair incident proposal obligation loan"),
        in_words(row.states, "none proposed in-force ended"),
        "yes" if row.act else "no",
        row.key,
        str(row.max_bytes // 1024),
    ]
    page = Path(__file__).parents[2] / "docs" / "reference" / "records.md"
    assert f"| {' | '.join(cells)} |\n" in page.read_text("utf-8")


def table_digest() -> Digest:
    return digest(
        encode([
            [row.kind, sorted(row.issuers), sorted(row.circles), sorted(row.states), row.act,
             row.key, row.max_bytes]
            for row in kinds.table(1).values()
        ])
    )  # fmt: skip


def test_the_table_of_rules_1_is_the_one_that_was_released() -> None:
    # It may still change until the first release; from then on a change is rules 2.
    assert table_digest() == ("e5324957f160c57bbc9005272d509f2c0cc309ea86a4d3bf22860493b138bbf0")
