"""A stolen key counts as far as its owner counted it, for everybody and in any order."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from allied.agreement import revocation
from allied.agreement.fold import fold
from allied.errors import MalformedError
from allied.record.canonical import Json
from allied.record.circle import Circle
from allied.record.history import history
from allied.record.record import Record
from tests.agreement.bench_of_three import ORGANISATIONS, RIVER_P, Pen, Table, table
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
    return pen.write("key.revoke", body, seats.heads)


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
    assert revocation.read_revocation(pen.write("key.revoke", sound)).below == 1
    with pytest.raises(MalformedError):
        revocation.read_revocation(pen.write("key.revoke", sound | change))


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
