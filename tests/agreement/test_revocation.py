"""A stolen key counts as far as its owner counted it, for everybody and in any order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from allied.agreement.fold import begun, fold, further
from allied.agreement.judging import MOST_PAPERS
from allied.agreement.revocation import needed_of
from allied.errors import MalformedError
from allied.record import revocation
from allied.record.canonical import Json
from allied.record.circle import Circle
from allied.record.history import history
from allied.record.ids import PartyId
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
from tests.record.cast import NOON, cited, key

WHY: dict[str, Json] = {"blob": "ab" * 32, "size": 20}
STOLEN = ORGANISATIONS[RIVER_P].acts
RENEWED = replace(ORGANISATIONS[RIVER_P], acts=key("River next"))
LATER = NOON + timedelta(days=2)


def revoking(
    seats: Table,
    cut: Sequence[Record],
    *,
    circle: Circle | None = None,
    who: object = RENEWED,
    incarnation: int = 1,
    keys: Sequence[str] | None = None,
) -> Record:
    """River revokes its first acts key, having counted what `cut` names."""
    pen = Pen(seats.pact, RIVER_P, circle, incarnation, LATER, who)  # type: ignore[arg-type]
    heads = [cited(each) for each in cut]
    named = keys or [STOLEN.public.key_id]
    body = revocation.body(named, heads, WHY)  # type: ignore[arg-type]
    return pen.write("key.revoke", body, resting(seats, cut))


def resting(seats: Table, cut: Sequence[Record]) -> list[Record]:
    """What a revocation cites: all heads, and what it counts."""
    heads = {each.header.chain: each for each in cut}
    return list((heads | {each.header.chain: each for each in seats.heads}).values())


def note(pen: Pen, deps: Sequence[Record] = ()) -> Record:
    """A harmless statement."""
    return pen.write("redaction.answer", {"blob": "00"}, deps)


def effects(seats: Table, *more: Record) -> dict[str, str]:
    """Which records of River have no effect, and why."""
    past = history([*seats.records, *more])
    river = ORGANISATIONS[RIVER_P].identity.id
    verdicts = fold(seats.pact, past).verdicts
    return {
        record.id: verdicts[record.id].code
        for record in past.order
        if record.header.issuer == river and not verdicts[record.id].effect
    }


def test_what_the_key_signed_beyond_the_cut_has_no_effect() -> None:
    seats = table()
    good = note(seats.river)
    forged = note(seats.river)
    assert effects(seats) == {}  # the twin: nobody has revoked anything
    assert effects(seats, revoking(seats, [good])) == {forged.id: "effect.key-revoked"}


def test_another_key_of_the_issuer_is_not_touched() -> None:
    seats = table()
    good, more = note(seats.river), note(seats.river)
    other = revoking(seats, [good], keys=["ab" * 32])
    assert effects(seats, other) == {}
    assert more.id not in effects(seats, other)


def test_where_nothing_was_counted_the_key_counts_for_nothing() -> None:
    seats = table()
    pair = seats.pact.circles.pair(*sorted(("river", "harbour")))  # type: ignore[arg-type]
    forged = note(seats.pen(RIVER_P, pair), seats.heads)
    everywhere = revoking(seats, [seats.river.last])
    assert effects(seats, forged) == {}
    assert effects(seats, forged, everywhere) == {forged.id: "effect.key-revoked"}
    counted = revoking(seats, [forged], circle=pair)
    assert effects(seats, forged, everywhere, counted) == {}


def test_a_revocation_that_not_all_can_read_touches_its_circle_alone() -> None:
    seats = table()
    pair = seats.pact.circles.pair(*sorted(("river", "harbour")))  # type: ignore[arg-type]
    said, whispered = note(seats.river), note(seats.pen(RIVER_P, pair), seats.heads)
    here = revoking(seats, [], circle=pair)
    assert effects(seats, whispered, here) == {whispered.id: "effect.key-revoked"}
    everywhere = revoking(seats, [])
    found = effects(seats, whispered, here, everywhere)
    assert found[said.id] == found[whispered.id] == "effect.key-revoked"


def test_a_paper_is_relied_on_where_it_stands() -> None:
    """What a pair says among itself would else make it judge otherwise than the third."""
    seats = Table(instrument(), *(Pen(instrument(), each) for each in ORGANISATIONS))
    proposal = seats.river.propose()
    seats.river.person()
    seats.river.sign()
    seats.harbour.person([proposal])
    signed = seats.harbour.sign([seats.river.last])
    last = revoking_all(seats, HARBOUR_P, [proposal])
    pair = seats.pact.circles.pair(*sorted(("river", "harbour")))  # type: ignore[arg-type]
    whispered = note(Pen(seats.pact, RIVER_P, pair, 0, LATER), [signed])
    records = [*seats.records, last, whispered]
    found = fold(seats.pact, history(records))
    assert found.verdicts[signed.id].code == "effect.key-revoked"
    seats.river.at = LATER  # the twin: where all can read it
    relied = note(seats.river, [signed])
    found = fold(seats.pact, history([*records, relied]))
    assert found.verdicts[signed.id].effect


def test_a_stolen_key_cannot_revoke_the_key_that_followed() -> None:
    seats = table()
    good = note(seats.river)
    honest = revoking(seats, [good])
    said = note(Pen(seats.pact, RIVER_P, None, 1, LATER, RENEWED, [honest]), seats.heads)
    thief = Pen(seats.pact, RIVER_P, None, 0, LATER, None, list(seats.river.written))
    body = revocation.body([RENEWED.acts.public.key_id], [], WHY)
    theirs = thief.write("key.revoke", body, seats.others(seats.river))
    found = effects(seats, honest, said, theirs)
    assert found == {theirs.id: "effect.key-revoked"}


def test_the_lowest_count_holds_and_order_does_not_matter() -> None:
    seats = table()
    first, second = note(seats.river), note(seats.river)
    pen = Pen(seats.pact, RIVER_P, None, 1, LATER, RENEWED)
    named = [STOLEN.public.key_id]
    more = pen.write("key.revoke", revocation.body(named, [cited(second)], WHY), seats.heads)
    less = pen.write("key.revoke", revocation.body(named, [cited(first)], WHY), seats.heads)
    assert effects(seats, more) == {}
    for order in itertools.permutations([more, less]):
        assert effects(seats, *order) == {second.id: "effect.key-revoked"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"keys": []}, id="no key"),
        pytest.param({"keys": ["ab" * 32, "aa" * 32]}, id="keys out of order"),
        pytest.param({"keys": ["ab" * 32] * 2}, id="a key twice"),
        pytest.param({"keys": [f"{n:064x}" for n in range(65)]}, id="too many keys"),
        pytest.param({"keys": ["river"]}, id="a key that is no id"),
        pytest.param({"because": "stolen"}, id="a reason that is no blob"),
        pytest.param({"more": 1}, id="something more"),
        pytest.param({"cut": "all"}, id="a cut that is none"),
    ],
)
def test_a_revocation_of_another_form_is_refused(change: dict[str, Json]) -> None:
    seats = table()
    pen = Pen(seats.pact, RIVER_P, None, 1, LATER, RENEWED)
    sound = revocation.body([STOLEN.public.key_id], [cited(seats.river.last)], WHY)
    assert revocation.read_revocation(pen.write("key.revoke", sound, seats.heads)).below == 1
    with pytest.raises(MalformedError):
        revocation.read_revocation(pen.write("key.revoke", sound | change, seats.heads))


def test_a_revocation_counts_chains_of_its_own_that_are_older_only() -> None:
    seats = table()
    pen = Pen(seats.pact, RIVER_P, None, 1, LATER, RENEWED)
    first = note(pen, seats.heads)
    named = [STOLEN.public.key_id]
    for head in (seats.harbour.last, first):
        with pytest.raises(MalformedError) as refusal:
            revocation.read_revocation(
                pen.write("key.revoke", revocation.body(named, [cited(head)], WHY))
            )
        assert refusal.value.code == "key.revocation-shape"


def test_a_revocation_rests_on_what_it_counts() -> None:
    seats = table()
    pen = Pen(seats.pact, RIVER_P, None, 1, LATER, RENEWED)
    last = seats.river.last
    body = revocation.body([STOLEN.public.key_id], [cited(last)], WHY)
    for deps in ([], [seats.river.written[0], seats.harbour.last], seats.others(seats.river)):
        with pytest.raises(MalformedError) as refusal:
            revocation.read_revocation(pen.write("key.revoke", body, deps))
        assert refusal.value.code == "key.revocation-shape"
    sound = pen.write("key.revoke", body, [last])
    assert list(revocation.read_revocation(sound).counted.values()) == [last.header.sequence]


# --- what a revocation does not take back ------------------------------------------------------


def revoking_all(seats: Table, party: PartyId, deps: Sequence[Record]) -> Record:
    """A party revokes its first acts key and counts nothing that it signed."""
    who = replace(ORGANISATIONS[party], acts=key(f"{party} next"))
    pen = Pen(seats.pact, party, None, 1, LATER, who)
    body = revocation.body([ORGANISATIONS[party].acts.public.key_id], [], WHY)
    return pen.write("key.revoke", body, deps)


@pytest.mark.parametrize("party", [RIVER_P, HARBOUR_P, NORTHGATE_P])
def test_nobody_takes_an_agreement_out_of_force_by_revoking_its_own_keys(party: PartyId) -> None:
    seats = table()
    for pen in seats.pens:
        note(pen, seats.others(pen))
    said = note(seats.pens[[each.party for each in seats.pens].index(party)])
    assert fold(seats.pact, history(seats.records)).standing(seats.pact, LATER).state == "in-force"
    last = revoking_all(seats, party, seats.heads)
    found = fold(seats.pact, history([*seats.records, last]))
    assert found.standing(seats.pact, LATER).state == "in-force"
    assert party in found.signatures
    assert found.proposed_by == RIVER_P
    assert found.verdicts[said.id].code == "effect.key-revoked"  # the twin: not a paper


def test_a_signature_that_nobody_relied_on_is_taken_back() -> None:
    """A thief's late signature too, though others cite it who know of the revocation."""
    seats = Table(instrument(), *(Pen(instrument(), each) for each in ORGANISATIONS))
    proposal = seats.river.propose()
    seats.river.person()
    seats.river.sign()
    seats.harbour.person([proposal])
    signed = seats.harbour.sign([seats.river.last])
    last = revoking_all(seats, HARBOUR_P, [proposal])
    seats.northgate.person([proposal, last])
    seats.northgate.at = LATER
    note(seats.northgate, [signed])
    records = [*seats.records, last]
    found = fold(seats.pact, history(records))
    assert found.verdicts[signed.id].code == "effect.key-revoked"
    assert HARBOUR_P not in found.signatures
    seats.river.at = LATER  # the twin: somebody who does not know of it rests on it
    relied = note(seats.river, [signed])
    found = fold(seats.pact, history([*records, relied]))
    assert found.verdicts[signed.id].effect


def test_what_was_relied_on_is_found_in_whatever_order_it_comes() -> None:
    seats = table()
    records = list(seats.records)
    last = revoking_all(seats, HARBOUR_P, [seats.river.last])
    answers = [note(pen, [seats.harbour.last]) for pen in (seats.river, seats.northgate)]
    whole = [*records, last, *answers]
    wanted = fold(seats.pact, history(whole))
    assert HARBOUR_P in wanted.signatures
    for more in itertools.permutations([last, *answers]):
        past = history(records)
        progress = begun(seats.pact, past)
        for each in more:
            past = past.extended([each])
            progress = further(progress, past, lambda *_: "")
        assert progress.state == wanted


def test_half_of_those_whom_entry_into_force_takes_have_to_rely_on_a_paper() -> None:
    for life, needed in (
        ("{}", 1),
        ("{in_force_when: {count: 2, of: signed}}", 1),
        ("{in_force_when: {all: ratified}}", 1),
    ):
        assert needed_of(instrument(life).terms) == needed
    terms = instrument().terms
    many = replace(terms, parties=terms.parties * 3)
    assert needed_of(many) == len(many.party_ids) // 2


# --- what a thief withdraws --------------------------------------------------------------------


def test_a_withdrawal_under_a_revoked_key_cuts_nobody_off() -> None:
    seats = table()
    good = seats.river.last
    thief = Pen(
        seats.pact, RIVER_P, None, 0, NOON + timedelta(days=1), None, [*seats.river.written]
    )
    gone = thief.withdraw(seats.others(seats.river))
    pen = Pen(seats.pact, RIVER_P, None, 1, LATER, RENEWED)
    body = revocation.body([STOLEN.public.key_id], [cited(good)], WHY)
    last = pen.write("key.revoke", body, seats.heads)
    own = note(pen)
    assert effects(seats, last, own) == {}
    assert effects(seats, gone, last, own) == {gone.id: "effect.key-revoked"}


def test_a_withdrawal_that_is_void_hides_none_that_holds() -> None:
    seats = table()
    good = seats.river.last
    thief = Pen(
        seats.pact, RIVER_P, None, 0, NOON + timedelta(days=1), None, [*seats.river.written]
    )
    gone = thief.withdraw(seats.others(seats.river))
    pen = Pen(seats.pact, RIVER_P, None, 1, LATER, RENEWED)
    body = revocation.body([STOLEN.public.key_id], [cited(good)], WHY)
    last = pen.write("key.revoke", body, seats.heads)
    left = pen.withdraw(cut=[good])
    me = ORGANISATIONS[RIVER_P].identity.id
    for records, wanted in (([gone], gone), ([gone, last], None), ([gone, last, left], left)):
        found = begun(seats.pact, history([*seats.records, *records])).first.standing_cuts()
        assert (found[me].withdrawal if me in found else None) == wanted


@pytest.mark.parametrize("many", [1, MOST_PAPERS, MOST_PAPERS + 4])
def test_however_often_a_thief_withdraws_the_owner_can_leave(many: int) -> None:
    seats = table()
    good = seats.river.last
    thief = Pen(
        seats.pact, RIVER_P, None, 0, NOON + timedelta(days=1), None, [*seats.river.written]
    )
    gone = [thief.withdraw(seats.others(seats.river)) for _ in range(many)]
    pen = Pen(seats.pact, RIVER_P, None, 1, LATER, RENEWED)
    body = revocation.body([STOLEN.public.key_id], [cited(good)], WHY)
    last = pen.write("key.revoke", body, [*seats.others(seats.river), gone[-1]])
    left = pen.withdraw(cut=[good])
    folded = fold(seats.pact, history([*seats.records, *gone, last, left]))
    assert folded.verdicts[left.id].effect
    assert [each for each in gone if folded.verdicts[each.id].effect] == []
    assert left.id in folded.notices
    me = ORGANISATIONS[RIVER_P].identity.id
    cuts = begun(seats.pact, history([*seats.records, *gone, last, left])).first.standing_cuts()
    assert cuts[me].withdrawal == left
