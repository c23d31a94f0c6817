"""What is said again and again: it adds nothing, and costs nobody time or memory."""

from __future__ import annotations

from datetime import timedelta

import pytest

from allied.agreement.certified import write_proof
from allied.agreement.fold import begun, fold, further
from allied.agreement.judging import MOST_PAPERS
from allied.agreement.noticed import Notice, acknowledged
from allied.record.history import history
from allied.record.record import Record
from tests.agreement import test_certified as proofs, test_tabled as table_of
from tests.agreement.bench_of_three import HARBOUR_P, Pen, Table, table
from tests.record.cast import NOON

SAID_AGAIN = 4 * MOST_PAPERS


# --- papers -----------------------------------------------------------------------------


def _papers(pen: Pen, kind: str) -> None:
    for _ in range(SAID_AGAIN):
        pen.sign() if kind == "sign" else pen.ratify()


@pytest.mark.parametrize(("kind", "before"), [("sign", 1), ("ratify", 0)])
def test_a_paper_said_again_and_again_stops_being_an_event(kind: str, before: int) -> None:
    seats = table()
    _papers(seats.northgate, kind)
    judged = begun(seats.pact, history(seats.records))
    codes = [judged.state.verdicts[each.id].code for each in seats.northgate.written[-SAID_AGAIN:]]
    few = MOST_PAPERS - before

    assert codes == [""] * few + ["effect.said-too-often"] * (SAID_AGAIN - few)


def test_distinct_pasts_are_not_kept_for_ever() -> None:
    seats = table()
    for pen in seats.pens:
        _papers(pen, "sign")
        _papers(pen, "ratify")
    judged = begun(seats.pact, history(seats.records))

    assert len(judged.state.events) > 64
    assert len(judged.first._pasts) == 64


# --- receipts ---------------------------------------------------------------------------


def _notice() -> tuple[Table, Record]:
    seats = table()
    seats.river.at = NOON + timedelta(days=1)
    notice = seats.river.withdraw(seats.others(seats.river))
    seats.harbour.at = seats.northgate.at = NOON + timedelta(days=2)
    return seats, notice


def test_of_each_party_one_word_on_a_notice_is_kept() -> None:
    seats, notice = _notice()
    words = [seats.harbour.write("receipt", {"records": [notice.id] * 50}, [notice])]
    words += [seats.harbour.write("receipt", {"records": [notice.id] * 50}) for _ in range(9)]
    words += [seats.northgate.write("receipt", {"records": [notice.id]}, [notice])]
    heard = fold(seats.pact, history(seats.records)).notices[notice.id].heard

    assert {each.receipt for each in heard} == {words[0].id, words[-1].id}
    assert list(acknowledged(words[0])) == [notice.id]


def test_a_word_on_a_notice_counts_where_all_can_read_it() -> None:
    seats, notice = _notice()
    pair = seats.pact.circles.pair(*sorted(("river", "harbour")))  # type: ignore[arg-type]
    whisper = seats.pen(HARBOUR_P, pair)
    whisper.at = seats.harbour.at
    word = whisper.write("receipt", {"records": [notice.id]}, [notice])
    folded = fold(seats.pact, history([*seats.records, word]))
    assert folded.verdicts[word.id].effect
    assert folded.notices[notice.id].heard == []
    said = seats.harbour.write("receipt", {"records": [notice.id]}, [notice])
    heard = fold(seats.pact, history([*seats.records, word])).notices[notice.id].heard
    assert [each.receipt for each in heard] == [said.id]


@pytest.mark.parametrize(
    ("hours", "knows", "kept"),
    [
        pytest.param(1, True, 1, id="a later word that knows the first"),
        pytest.param(1, False, 2, id="a later word that may be all that somebody knows"),
        pytest.param(-1, True, 2, id="an earlier word"),
    ],
)
def test_a_word_is_passed_over_only_for_an_earlier_one_in_its_past(
    hours: int, knows: bool, kept: int
) -> None:
    seats, notice = _notice()
    first = seats.harbour.write("receipt", {"records": [notice.id]}, [notice])
    seats.harbour.at += timedelta(hours=hours)
    second = seats.harbour.write("receipt", {"records": [notice.id]})
    heard = Notice(NOON)
    for word in (first, second):
        heard.hear(word, HARBOUR_P, lambda _: knows)

    assert len(heard.heard) == kept


def test_of_each_chain_one_word_on_what_was_said_is_kept() -> None:
    """A cut that holds any of them holds the first."""
    records = [table_of.opening(), table_of.vote(2, "birch", "yes")]
    words = [
        table_of.said("receipt", party, {"records": [table_of.name(2)] * 50}, number)
        for number, party in enumerate(["cedar", "cedar", "ash", "cedar"], 3)
    ]
    (heard,) = table_of.only(*records, *words).heard

    assert [(each.party, each.said.number) for each in heard.held] == [("cedar", 3), ("ash", 5)]


# --- certificates -----------------------------------------------------------------------


def _proved() -> tuple[Table, Record, Record]:
    """The seats, an opening, and the certificate that Northgate is out."""
    seats = proofs.seats()
    opening = proofs.opened(seats)
    found = proofs.result(opening)
    return (
        seats,
        opening,
        proofs.certificate(seats, opening, found, proofs.counts(seats, found, opening)),
    )


def test_a_certificate_of_what_its_past_has_certified_adds_nothing() -> None:
    seats, opening, first = _proved()
    again = seats.harbour.write("decision.certificate", first.body)
    state = fold(proofs.PACT, history(seats.records))

    assert state.verdicts[again.id].code == "effect.said-already"
    assert [each.certificate for each in state.decided[opening.id]] == [first.id]


def test_a_certificate_by_who_does_not_know_of_the_first_has_effect() -> None:
    seats, opening, first = _proved()
    counted = [each for each in seats.harbour.written if each.header.kind == "decision.count"]
    again = seats.river.write("decision.certificate", first.body, counted)
    state = fold(proofs.PACT, history(seats.records))

    assert state.verdicts[again.id].effect
    assert {each.certificate for each in state.decided[opening.id]} == {first.id, again.id}


def test_a_fold_that_an_opening_comes_to_late_equals_one_from_the_start() -> None:
    """The certificate does not rest on its opening, which knows what Northgate had said."""
    seats = proofs.seats()
    base = seats.records
    known = seats.northgate.write(
        "redaction.answer", {"blob": "00"}, [seats.river.last, seats.harbour.last]
    )
    opening = proofs.opened(seats)
    found = proofs.result(opening)
    kept = list(seats.harbour.written)
    counts = proofs.counts(seats, found, opening)
    seats.harbour.written[:] = kept
    heads = [seats.river.written[-3], seats.northgate.written[-2]]
    proof = seats.harbour.write("decision.certificate", write_proof(opening, found, counts), heads)
    early = history([*base, known, proof])
    late = early.extended([opening])
    before = begun(proofs.PACT, early)
    gone_on, fresh = further(before, late, lambda *_: ""), fold(proofs.PACT, late)

    assert before.state.verdicts[known.id].code == "effect.beyond-cut"
    assert gone_on.state.verdicts == fresh.verdicts
    assert fresh.verdicts[known.id].effect
