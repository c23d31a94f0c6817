"""Incarnations are tied to keys: who has only an old one cannot sign in a new life."""

from __future__ import annotations

from dataclasses import replace

import pytest

from allied.errors import UnverifiedError
from allied.record.identity import Identity, open_chain, rotated
from allied.record.record import require_issued
from tests.record.cast import RIVER, Organisation, Pen, key


def renewed(identity: Identity, number: int, *, automatic: bool) -> Identity:
    """The chain after one more rotation, with or without a new automatic key."""
    acts = key("River next") if number == 2 else key(f"River next {number - 1}")
    keys = {"automatic": key(f"River automatic {number}").public} if automatic else {}
    following = key(f"River next {number}").public
    raw = rotated(identity, acts=acts, next_key=following, keys=keys)  # type: ignore[arg-type]
    return open_chain([*identity.raws, raw])


SECOND = renewed(RIVER.identity, 2, automatic=True)
THIRD = renewed(SECOND, 3, automatic=False)
NEW = replace(RIVER, acts=key("River next"), automatic=key("River automatic 2"))


@pytest.mark.parametrize(
    ("who", "incarnation"),
    [
        pytest.param(RIVER, 0, id="the first keys in the first life, though they were rotated"),
        pytest.param(NEW, 0, id="new keys in the first life"),
        pytest.param(NEW, 1, id="keys of the second descriptor in the second life"),
        pytest.param(
            replace(RIVER, acts=key("River next 2")), 2, id="those of the third in the third"
        ),
    ],
)
def test_a_key_signs_in_the_lives_that_its_descriptor_opens(
    who: Organisation, incarnation: int
) -> None:
    kind = "agreement.ratify" if incarnation == 2 else "receipt"
    require_issued(Pen(who, incarnation=incarnation).write(kind), THIRD)


@pytest.mark.parametrize(
    ("who", "kind", "incarnation"),
    [
        pytest.param(RIVER, "receipt", 1, id="an automatic key that was replaced"),
        pytest.param(RIVER, "agreement.ratify", 1, id="an acts key that was replaced"),
        pytest.param(NEW, "receipt", 2, id="one that was not renewed with the third descriptor"),
        pytest.param(NEW, "agreement.ratify", 200, id="a life that no descriptor opens"),
    ],
)
def test_an_older_key_does_not(who: Organisation, kind: str, incarnation: int) -> None:
    with pytest.raises(UnverifiedError) as refusal:
        require_issued(Pen(who, incarnation=incarnation).write(kind), THIRD)
    assert refusal.value.code == "record.incarnation-key"


def test_a_chain_says_since_when_it_names_a_key() -> None:
    assert THIRD.named_since("automatic", NEW.automatic.public.key_id) == 2
    assert THIRD.named_since("acts", RIVER.acts.public.key_id) == 1
    with pytest.raises(UnverifiedError) as refusal:
        THIRD.named_since("acts", NEW.automatic.public.key_id)
    assert refusal.value.code == "identity.key-unknown"


def test_two_chains_contradict_each_other_only_where_no_rule_decides() -> None:
    other = open_chain(
        [
            *RIVER.identity.raws,
            rotated(RIVER.identity, acts=key("River next"), next_key=key("elsewhere").public),
        ]
    )
    assert other.contradicts(SECOND)
    assert SECOND.contradicts(other)
    assert SECOND.shared(other) == 1
    assert not THIRD.contradicts(SECOND)
    assert not SECOND.contradicts(THIRD)
