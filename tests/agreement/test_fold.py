"""Which records have effect: the closed table, judged by each record's own past."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import given, strategies as st

from allied.agreement import fold as folding, judging
from allied.agreement.clauses import Membership
from allied.agreement.events import INVITED, Register
from allied.agreement.standing import standing
from allied.agreement.state import State
from allied.record import circle as circles
from allied.record.circle import Circle
from allied.record.history import history
from allied.record.record import Record
from tests.agreement.bench_of_three import (
    HARBOUR_P,
    NORTHGATE_P,
    ORGANISATIONS,
    RIVER_P,
    Pen,
    Table,
    instrument,
    table,
)
from tests.record.cast import NOON, PARTIES, digest_of, organisation

PACT = instrument()
FAR = datetime(9999, 12, 31, 23, tzinfo=UTC)


def folded(seats: Table, *more: Record) -> State:
    return folding.fold(seats.pact, history([*seats.records, *more]))


def codes(seats: Table, *more: Record) -> list[str]:
    """Why the further records have no effect; an empty string for effect."""
    verdicts = folded(seats, *more).verdicts
    return [verdicts[record.id].code for record in more]


def stands(state: State, seats: Table, at: datetime) -> str:
    return state.standing(seats.pact, at).state


# --- a life ------------------------------------------------------------------------------


def test_proposed_then_signed_by_all_then_in_force() -> None:
    seats = table()
    state = folded(seats)
    assert state.proposed_by == RIVER_P
    assert set(state.signatures) == set(PARTIES)
    assert all(verdict.effect for verdict in state.verdicts.values())
    assert stands(state, seats, NOON + timedelta(hours=1)) == "in-force"
    assert stands(state, seats, NOON) == "proposed"


def test_whoever_the_proposal_names_may_sign_also_after_entry_into_force() -> None:
    seats = table("{in_force_when: {count: 2, of: signed}}")
    terms, events = seats.pact.terms, folded(seats).events
    closed = replace(terms, articles=(*terms.articles, Membership(art="3", invited_by="all")))
    everybody, at = {RIVER_P, HARBOUR_P, NORTHGATE_P}, NOON + timedelta(hours=1)
    assert standing(Register({terms.id: closed}, events), terms.id, at).bound == everybody
    papers = tuple(event for event in events if event.event != INVITED)
    assert len(standing(Register({terms.id: closed}, papers), terms.id, at).bound) == 2


def test_a_signature_says_who_assented_and_when_by_its_own_claim() -> None:
    seats = table()
    signature = folded(seats).signatures[HARBOUR_P]
    assert signature.record == seats.harbour.last.id
    assert signature.persons == (ORGANISATIONS[HARBOUR_P].person,)
    assert signature.claimed_at == seats.harbour.last.header.claimed_at


def test_proposing_signs_nothing() -> None:
    seats = table(signed=False)
    state = folded(seats)
    assert state.proposed_by == RIVER_P
    assert not state.signatures
    assert stands(state, seats, NOON + timedelta(days=1)) == "proposed"


# --- each refusal beside its twin ---------------------------------------------------------


def late(seats: Table, party: str = "river", circle: Circle | None = None) -> Pen:
    """A second chain of a party (a new incarnation), that knows all that is there."""
    return seats.pen(getattr(seats, party).party, circle, incarnation=1)


@pytest.mark.parametrize(
    ("write", "code"),
    [
        pytest.param(lambda s: late(s).report(s.heads), "", id="a party bound, its own version"),
        pytest.param(
            lambda s: late(s).report(s.heads, version=digest_of("another")),
            "effect.other-version",
            id="another version of the text",
        ),
        pytest.param(
            lambda s: Pen(s.pact, RIVER_P, who=organisation("Stranger")).report(s.heads),
            "effect.stranger",
            id="somebody who is not named",
        ),
        pytest.param(
            lambda s: late(s, "river", s.pact.circles.voters).report(s.heads),
            "",
            id="in the circle of the voters",
        ),
        pytest.param(
            lambda s: late(s, "northgate", s.pact.circles.voters).report(),
            "effect.other-circle",
            id="in a circle that its issuer is not in",
        ),
        pytest.param(
            lambda s: late(s, "river", s.pact.circles.voters).sign(s.heads),
            "effect.wrong-circle",
            id="signing where not all can read",
        ),
        pytest.param(
            lambda s: late(s).propose(s.heads),
            "effect.wrong-state",
            id="proposing what is in force",
        ),
        pytest.param(
            lambda s: s.harbour.report(),
            "effect.wrong-state",
            id="reporting without knowing that it is in force",
        ),
        pytest.param(lambda s: late(s).sign(s.heads, text=digest_of("else")), "effect.other-text",
                     id="signing other words"),
        pytest.param(lambda s: late(s).sign(s.heads, model=digest_of("else")), "effect.other-text",
                     id="signing another meaning"),
        pytest.param(
            lambda s: late(s).sign(s.heads, genesis=digest_of("else")),
            "effect.other-genesis",
            id="signing another agreement",
        ),
        pytest.param(
            lambda s: late(s).withdraw(s.heads, genesis=digest_of("else")),
            "effect.other-genesis",
            id="leaving another agreement",
        ),
        pytest.param(lambda s: late(s).ratify(s.heads), "", id="ratifying after signing"),
        pytest.param(
            lambda s: late(s).write("identity.person", {"person": "me"}, s.heads),
            "keys.shape",
            id="a listing that cannot be read",
        ),
        pytest.param(
            lambda s: late(s).write("agreement.withdraw", {"genesis": s.pact.id}, s.heads),
            "record.deps",
            id="leaving without a cut",
        ),
    ],
)  # fmt: skip
def test_what_has_effect(write: Callable[[Table], Record], code: str) -> None:
    seats = table()
    if code == "keys.shape":
        assert codes(seats, write(seats)) != [""]
    else:
        assert codes(seats, write(seats)) == [code]


@pytest.mark.parametrize(
    ("signers", "code"),
    [
        pytest.param(("river", "harbour", "northgate"), "", id="in force"),
        pytest.param(("river", "harbour"), "effect.wrong-state", id="one signature is awaited"),
    ],
)
def test_nothing_is_reported_before_it_is_in_force(signers: tuple[str, ...], code: str) -> None:
    seats = table(signed=False)
    for name in signers:
        pen: Pen = getattr(seats, name)
        pen.person([] if pen is seats.river else [seats.river.written[0]])
        pen.sign()
    heads = [pen.last for pen in seats.pens if pen.written]
    assert codes(seats, late(seats).report(heads)) == [code]


def test_nobody_ratifies_what_it_has_not_signed() -> None:
    seats = table(signed=False)
    seats.harbour.person([seats.river.last])
    early = seats.harbour.ratify()
    signature = seats.harbour.sign()
    assert codes(seats, early, signature, seats.harbour.ratify()) == ["effect.not-entitled", "", ""]


def test_signing_twice_counts_once() -> None:
    seats = table(signed=False)
    seats.river.person()
    seats.river.sign()
    seats.river.sign()
    state = folded(seats)
    assert list(state.signatures) == [RIVER_P]
    assert state.signatures[RIVER_P].record == seats.river.written[2].id
    assert stands(state, seats, NOON + timedelta(days=1)) == "proposed"


def test_a_person_may_be_taken_off_the_list_again() -> None:
    seats = table()
    issuer = ORGANISATIONS[RIVER_P]
    assert folded(seats).persons[issuer.identity.id] == issuer.persons
    seats.river.person(ends=True)
    assert folded(seats).persons[issuer.identity.id] == {}


# --- circles ------------------------------------------------------------------------------


def opened(seats: Table, **changes: object) -> Circle:
    everybody = seats.pact.circles.all
    parts: dict[str, object] = {
        "agreement": everybody.agreement,
        "members": ("river", "harbour"),
        "purpose": "incident",
        "version": everybody.version,
        "nonce": "ab" * 16,
    }
    return circles.circle(**(parts | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({}, "", id="a circle of two for an incident"),
        pytest.param({"members": ("harbour",)}, "effect.other-circle", id="without its opener"),
        pytest.param(
            {"members": ("river", "stranger")}, "effect.wrong-circle", id="with a stranger"
        ),
        pytest.param({"purpose": "voters"}, "effect.wrong-circle", id="a second circle of voters"),
        pytest.param(
            {"agreement": digest_of("else")}, "effect.wrong-circle", id="of another agreement"
        ),
        pytest.param({"version": digest_of("else")}, "effect.wrong-circle", id="another version"),
    ],
)
def test_opening_a_circle(changes: dict[str, object], code: str) -> None:
    seats = table()
    made = opened(seats, **changes)
    pen = seats.pen(RIVER_P, made)
    record = pen.write("circle.open", {"circle": made.to_json()}, seats.heads)
    assert codes(seats, record) == [code]
    assert (made.id in folded(seats, record).opened) is (code == "")


def test_a_record_in_an_opened_circle_knows_its_opening() -> None:
    seats = table()
    made = opened(seats)
    opening = seats.pen(RIVER_P, made).write("circle.open", {"circle": made.to_json()}, seats.heads)
    knowing = seats.pen(HARBOUR_P, made).report([opening])
    assert codes(seats, opening, knowing) == ["", ""]
    guessing = seats.pen(HARBOUR_P, made).report(seats.heads)
    assert codes(seats, opening, guessing) == ["", "effect.other-circle"]


# --- leaving ------------------------------------------------------------------------------


def test_what_a_party_wrote_beyond_its_own_cut_has_no_effect_and_within_has() -> None:
    seats = table()
    within = seats.river.report(seats.others(seats.river))
    leaving = late(seats).withdraw(seats.heads)
    # The others hold the notice before they learn of what its issuer said in its first life.
    for pen in (seats.harbour, seats.northgate):
        pen.write("receipt", {"records": [leaving.id]}, [leaving])
    beyond = seats.river.report()
    knowing = seats.river.report([leaving])
    past = history([*seats.records, leaving], lambda _: 3)
    verdicts = folding.fold(seats.pact, past).verdicts
    found = [verdicts[each.id].code for each in (within, leaving, beyond, knowing)]
    assert found == ["", "", "effect.beyond-cut", ""]


@pytest.mark.parametrize(
    ("heard", "days"),
    [
        pytest.param((), 0, id="nobody: its own claim is all there is"),
        pytest.param((4,), 4, id="half of the others: from when that one had it"),
        pytest.param((4, 9), 4, id="all: from when half of them had it"),
        pytest.param((-4,), 0, id="before it was given: never earlier than it claims"),
    ],
)
def test_a_notice_runs_from_when_enough_others_had_it(heard: tuple[int, ...], days: int) -> None:
    seats = table("{in_force_when: all signed, withdrawal: {notice: 10 days}}")
    leaving = seats.northgate.withdraw(seats.others(seats.northgate))
    given = leaving.header.claimed_at
    for pen, day in zip((seats.river, seats.harbour), heard, strict=False):
        at = {"claimed_at": max(given + timedelta(days=day), pen.last.header.claimed_at)}
        pen.write("receipt", {"records": [leaving.id]}, [leaving], **at)
    # What names the notice and does not rest on it, or is its issuer's own, counts for nothing.
    far = {"claimed_at": given + timedelta(days=500)}
    seats.northgate.write("receipt", {"records": [leaving.id]}, (), **far)
    state = folded(seats)
    for day, legal in ((days + 9, "leaving"), (days + 11, "former")):
        found = state.standing(seats.pact, given + timedelta(days=day)).parties[NORTHGATE_P]
        assert found.legal == legal


def test_leaving_takes_nothing_back_that_was_said_in_a_narrower_circle() -> None:
    seats = table()
    told = seats.pen(RIVER_P, seats.pact.circles.voters).report(seats.heads)
    pair = seats.pact.circles.pair(RIVER_P, HARBOUR_P)
    receipt = seats.pen(RIVER_P, pair).write("exchange.receipt", {"root": "00"}, seats.heads)
    assert codes(seats, told, receipt) == ["", ""]
    seats.river.withdraw(seats.others(seats.river))
    assert codes(seats, told, receipt) == ["", ""]


def test_others_go_on_after_somebody_left() -> None:
    seats = table()
    seats.northgate.withdraw(seats.others(seats.northgate))
    assert codes(seats, late(seats).report(seats.heads)) == [""]


@pytest.mark.parametrize(
    ("kind", "body", "code"),
    [
        pytest.param("obligation.perform", {"obligation": "k"}, "", id="may answer what it owes"),
        pytest.param("incident.report", {}, "effect.not-entitled", id="may report nothing new"),
        pytest.param("incident.invoke", {}, "effect.not-entitled", id="may call nobody"),
    ],
)
def test_who_has_left(kind: str, body: dict[str, str], code: str) -> None:
    seats = table("{in_force_when: all signed, withdrawal: {notice: 1 day}}")
    seats.river.withdraw(seats.others(seats.river))
    after = seats.pen(RIVER_P, incarnation=1, at=NOON + timedelta(days=9))
    assert codes(seats, after.write(kind, body, seats.heads)) == [code]


def test_what_is_owed_is_answered_after_the_agreement_has_ended() -> None:
    seats = table("{term: 10 days}")
    over = seats.pen(RIVER_P, incarnation=1, at=NOON + timedelta(days=11))
    perform = over.write("obligation.perform", {"obligation": "k"}, seats.heads)
    report = over.report()
    assert codes(seats, perform, report) == ["", "effect.wrong-state"]


# --- clocks -------------------------------------------------------------------------------


def test_a_claim_of_the_far_future_does_not_end_the_agreement_for_others() -> None:
    seats = table("{term: 10 years, withdrawal: {notice: 30 days}}")
    liar = seats.pen(NORTHGATE_P, incarnation=1, at=FAR)
    leaving = liar.withdraw(seats.heads)
    honest = late(seats).report([*seats.others(seats.northgate), leaving])
    assert codes(seats, leaving, honest)[1] == ""
    assert stands(folded(seats, leaving, honest), seats, NOON + timedelta(days=5)) == "in-force"


def test_a_signature_at_the_end_of_time_breaks_nothing() -> None:
    seats = table("{term: 10 years}", signed=False)
    for pen in seats.pens:
        pen.at = FAR if pen is seats.northgate else NOON
        pen.person([] if pen is seats.river else [seats.river.written[0]])
        pen.sign()
    state = folded(seats, late(seats).report(seats.heads))
    assert stands(state, seats, NOON) != "in-force"
    assert stands(state, seats, FAR + timedelta(minutes=30)) == "in-force"


# --- one's own verdict is for ever ---------------------------------------------------------


def attacks(seats: Table) -> list[Record]:
    """What a party could write in a second chain in order to rewrite what was."""
    pens = [seats.pen(party, incarnation=number + 1, at=NOON - timedelta(days=9))
            for number, party in enumerate((NORTHGATE_P, HARBOUR_P, RIVER_P))]  # fmt: skip
    made = [pen.propose() for pen in pens]
    made += [pen.person() for pen in pens]
    made += [pen.sign() for pen in pens]
    made.append(seats.pen(NORTHGATE_P, incarnation=7).sign())
    made.append(seats.pen(NORTHGATE_P, incarnation=8, at=FAR).withdraw(seats.heads))
    made.append(seats.pen(HARBOUR_P, incarnation=9).ratify())
    return made


def whole_story() -> tuple[Table, list[Record]]:
    seats = table()
    told = late(seats).report(seats.heads)
    voters = seats.pen(HARBOUR_P, seats.pact.circles.voters)
    call = voters.write("incident.invoke", {"incident": told.id, "art": "2"}, [*seats.heads])
    made = opened(seats)
    opening = seats.pen(RIVER_P, made).write("circle.open", {"circle": made.to_json()}, seats.heads)
    return seats, [*seats.records, told, call, opening]


SEATS, STORY = whole_story()
EXTRA = attacks(SEATS)


def closed(records: Iterable[Record]) -> list[Record]:
    """Those whose whole past is among them."""
    return list(history(records).order)


@given(st.sets(st.integers(0, len(EXTRA) - 1)), st.sets(st.integers(0, len(STORY) - 1)))
def test_a_verdict_never_changes_when_more_records_arrive(more: set[int], less: set[int]) -> None:
    early = closed(record for place, record in enumerate(STORY) if place not in less)
    before = folding.fold(SEATS.pact, history(early)).verdicts
    after = folding.fold(
        SEATS.pact, history([*STORY, *(EXTRA[place] for place in sorted(more))])
    ).verdicts
    leaver = ORGANISATIONS[NORTHGATE_P].identity.id
    for record in early:
        same = before[record.id] == after[record.id]
        cut = record.header.issuer == leaver and after[record.id].code == "effect.beyond-cut"
        assert same or cut, record.header.kind


def test_a_withdrawal_cannot_unsign_what_it_rests_on() -> None:
    seats = table()
    told = late(seats).report(seats.heads)
    leaving = seats.pen(NORTHGATE_P, incarnation=8).withdraw(seats.heads)
    state = folded(seats, told, leaving)
    assert state.verdicts[told.id].effect
    assert NORTHGATE_P in state.signatures


@given(st.randoms(use_true_random=False), st.integers(1, 5))
def test_order_copies_and_batches_do_not_matter(chance: random.Random, size: int) -> None:
    records = [*STORY, *EXTRA]
    fresh = folding.fold(SEATS.pact, history(records))
    copies: Sequence[Record] = [*records, *chance.sample(records, 4)]
    chance.shuffle(copies)  # type: ignore[arg-type]
    growing = history(())
    for start in range(0, len(copies), size):
        growing = growing.extended(copies[start : start + size])
        folding.fold(SEATS.pact, growing)
    assert folding.fold(SEATS.pact, growing) == fresh


def with_a_leaver() -> list[Record]:
    """As in `test_what_a_party_wrote_beyond_its_own_cut...`, and a receipt."""
    seats = table()
    seats.river.report(seats.others(seats.river))
    leaving = late(seats).withdraw(seats.heads)
    for pen in (seats.harbour, seats.northgate):
        pen.write("receipt", {"records": [leaving.id]}, [leaving])
    seats.river.report()
    seats.river.report([leaving])
    return [*seats.records, leaving]


LEFT = with_a_leaver()


def nobody(*_: object) -> str:
    return ""


@given(st.randoms(use_true_random=False), st.integers(1, 5), st.sampled_from((0, 1, 64)))
def test_a_fold_gone_on_with_equals_one_from_the_start(
    chance: random.Random, size: int, apart: int
) -> None:
    records = [*STORY, *EXTRA] if apart else [*LEFT]
    if chance.random() < 0.7:
        chance.shuffle(records)
    with patch.object(folding, "_APART", apart):
        growing = history(records[:1])
        progress = folding.begun(SEATS.pact, growing, nobody)
        for start in range(1, len(records), size):
            growing = growing.extended(records[start : start + size])
            before = progress.state
            kept = dict(before.verdicts), before.statements, before.events
            progress = folding.further(progress, growing, nobody)
            assert progress.state == folding.fold(SEATS.pact, growing)
            assert (dict(before.verdicts), before.statements, before.events) == kept


def test_only_what_is_new_is_judged() -> None:
    seats = table()
    told = late(seats).report(seats.heads)
    past = history(seats.records)
    progress = folding.begun(seats.pact, past, nobody)
    judged: list[str] = []
    judge = judging.Judging.judge

    def noting(self: judging.Judging, record: Record) -> None:
        judged.append(record.id)
        judge(self, record)

    with patch.object(judging.Judging, "judge", noting):
        found = folding.further(progress, past.extended([told]), nobody)
    assert judged == [told.id]
    assert found.state.verdicts[told.id].effect


def test_a_second_life_that_knows_nothing_of_the_first_changes_nothing() -> None:
    seats = table()
    lonely = Pen(seats.pact, RIVER_P, incarnation=3).report()
    assert lonely.id not in folded(seats, lonely).verdicts
    assert folded(seats, lonely) == folded(seats)
