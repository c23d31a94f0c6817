"""Who may see what, and which records may cite which."""

from __future__ import annotations

from typing import Any

import pytest

from allied.errors import MalformedError, UnverifiedError, UsageError
from allied.record import circle
from allied.record.circle import Circle
from allied.record.ids import AgreementId, PartyId
from tests.record.cast import (
    AGREEMENT,
    CIRCLES,
    HARBOUR,
    NONCE,
    PARTIES,
    VERSION,
    Pen,
    digest_of,
    standing,
)

HARBOUR_ID, NORTHGATE_ID, RIVER_ID = PARTIES


def opened(*members: PartyId, purpose: str = "incident", nonce: str = NONCE) -> Circle:
    return circle.circle(AGREEMENT, members, purpose, VERSION, nonce)


def test_a_circle_is_read_back_and_named_by_what_it_is() -> None:
    one = opened(RIVER_ID, HARBOUR_ID)
    assert circle.read(one.to_json()) == one
    assert one.id == circle.circle_id(one.to_json())
    assert opened(HARBOUR_ID, RIVER_ID) == one
    others = {
        opened(RIVER_ID).id,
        opened(RIVER_ID, HARBOUR_ID, purpose="loan").id,
        opened(RIVER_ID, HARBOUR_ID, nonce="1f" * 16).id,
        circle.circle(AGREEMENT, one.members, "incident", digest_of("2"), NONCE).id,
        circle.circle(AgreementId(digest_of("x")), one.members, "incident", VERSION, NONCE).id,
    }
    assert one.id not in others
    assert len(others) == 5


def test_the_standing_circles_of_an_agreement() -> None:
    assert CIRCLES.all.members == set(PARTIES)
    assert CIRCLES.voters.members == {HARBOUR_ID, RIVER_ID}
    assert CIRCLES.bodies["council"].members == {HARBOUR_ID}
    assert CIRCLES.bodies["council"].kind == "body"
    assert CIRCLES.pair(RIVER_ID, HARBOUR_ID) == CIRCLES.pair(HARBOUR_ID, RIVER_ID)
    assert all(each.standing for each in CIRCLES.of(HARBOUR_ID).values())
    assert not opened(RIVER_ID).standing


def test_everybody_derives_the_same_standing_circles() -> None:
    assert standing(reversed(PARTIES)).all == CIRCLES.all
    assert {each.purpose for each in CIRCLES.of(NORTHGATE_ID).values()} == {"all", "pair"}
    assert len(CIRCLES.of(NORTHGATE_ID)) == 3


def test_a_body_without_members_has_no_circle() -> None:
    made = circle.standing_circles(AGREEMENT, VERSION, NONCE, PARTIES, PARTIES, {"empty": []})
    assert made.bodies == {}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param(RIVER_ID, RIVER_ID, id="one party twice"),
        pytest.param(RIVER_ID, PartyId("stranger"), id="a stranger"),
    ],
)
def test_pairs_that_are_none(a: PartyId, b: PartyId) -> None:
    with pytest.raises(UsageError) as refusal:
        CIRCLES.pair(a, b)
    assert refusal.value.code == "circle.not-a-pair"


def test_a_voter_is_a_party() -> None:
    with pytest.raises(UsageError) as refusal:
        circle.standing_circles(AGREEMENT, VERSION, NONCE, PARTIES, [PartyId("x")], {})
    assert refusal.value.code == "circle.stranger"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"extra": 1}, id="a key not known"),
        pytest.param({"format": "circle/2"}, id="a format to come"),
        pytest.param({"members": []}, id="nobody in it"),
        pytest.param({"members": ["river", "harbour"]}, id="members not sorted"),
        pytest.param({"members": ["river", "river"]}, id="a member twice"),
        pytest.param({"members": "river"}, id="members that are a text"),
        pytest.param({"members": ["river "]}, id="a member misspelled"),
        pytest.param({"purpose": "party"}, id="a purpose not known"),
        pytest.param({"purpose": "body:"}, id="a body without a name"),
        pytest.param({"purpose": "pair", "members": ["river"]}, id="a pair of one"),
        pytest.param({"nonce": "0F" * 16}, id="a nonce in capitals"),
        pytest.param({"nonce": "0f" * 15}, id="a short nonce"),
        pytest.param({"agreement": "0f"}, id="an agreement that is no digest"),
        pytest.param({"version": None}, id="no version"),
    ],
)
def test_descriptors_that_are_refused(changes: dict[str, Any]) -> None:
    good = opened(HARBOUR_ID, RIVER_ID).to_json()
    circle.read(good)  # the twin that passes
    with pytest.raises(MalformedError):
        circle.read(good | changes)


def test_a_wider_circle_covers_a_narrower_one_of_the_same_agreement() -> None:
    pair = CIRCLES.pair(RIVER_ID, HARBOUR_ID)
    assert circle.covers(CIRCLES.all, pair)
    assert circle.covers(pair, pair)
    assert not circle.covers(pair, CIRCLES.all)
    assert not circle.covers(pair, CIRCLES.pair(RIVER_ID, NORTHGATE_ID))
    elsewhere = circle.circle(AgreementId(digest_of("x")), PARTIES, "all", VERSION, NONCE)
    assert not circle.covers(elsewhere, pair)


PAIR = CIRCLES.pair(RIVER_ID, HARBOUR_ID)
INCIDENT = opened(HARBOUR_ID, RIVER_ID)
OTHER_INCIDENT = opened(*PARTIES)
KNOWN = {each.id: each for each in (CIRCLES.all, CIRCLES.voters, PAIR, INCIDENT, OTHER_INCIDENT)}


@pytest.mark.parametrize(
    ("own", "cited", "code"),
    [
        pytest.param(PAIR, CIRCLES.all, None, id="a pair cites all"),
        pytest.param(INCIDENT, CIRCLES.all, None, id="an incident cites all"),
        pytest.param(INCIDENT, PAIR, None, id="an incident cites a pair of the same members"),
        pytest.param(INCIDENT, INCIDENT, None, id="an incident cites itself"),
        pytest.param(CIRCLES.all, CIRCLES.all, None, id="all cites all"),
        pytest.param(CIRCLES.all, PAIR, "circle.narrower", id="all does not cite a pair"),
        pytest.param(
            OTHER_INCIDENT, CIRCLES.voters, "circle.narrower", id="an incident cites no narrower"
        ),
        pytest.param(
            INCIDENT, OTHER_INCIDENT, "circle.not-standing", id="an incident cites no other, wider"
        ),
        pytest.param(
            INCIDENT, opened(RIVER_ID), "circle.unknown", id="nobody cites a circle not known"
        ),
        pytest.param(
            opened(RIVER_ID), CIRCLES.all, "circle.unknown", id="nor stands in one not known"
        ),
    ],
)
def test_which_circles_a_record_may_cite(own: Circle, cited: Circle, code: str | None) -> None:
    dep = Pen(HARBOUR, circle=cited).write()
    record = Pen(circle=own).write(deps=[dep])
    if code is None:
        circle.check_deps(record, KNOWN)
        return
    with pytest.raises(UnverifiedError) as refusal:
        circle.check_deps(record, KNOWN)
    assert refusal.value.code == code
