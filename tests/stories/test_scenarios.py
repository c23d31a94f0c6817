"""The acceptance scenarios on sharing that need no time to pass, over three serving nodes.

What takes hours or days is told in `test_scenarios_in_time`, on nodes with a clock set by hand;
what the secretariat of a sharing centre does stands in `tests/node/test_hub.py`.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from allied.node import consents, items, passing, remarks, visibility
from tests.stories.alliance import HARBOUR, NORTHGATE, RIVER, Alliance, until
from tests.stories.doors import INSIDE, TAXII
from tests.stories.pieces import Piece, bundle, piece
from tests.stories.told import tells

NOWHERE: frozenset[str] = frozenset()


# --- 16 -----------------------------------------------------------------------------------


@tells("scenario 16")
@pytest.mark.parametrize("door", ["command line", "TAXII", "REST"])
def test_what_is_red_is_refused_at_intake_stored_nowhere_and_nobody_learns_of_it(
    alliance: Alliance, door: str
) -> None:
    river = alliance.river
    secret, open_ = piece("RED"), piece("AMBER")
    told = marks(alliance)

    reasons = SUBMIT[door](alliance, secret)
    assert "relabel it to TLP:AMBER or below" in reasons
    assert secret.word not in reasons
    assert marks(alliance) == told  # there is no other to see for anybody
    SUBMIT[door](alliance, open_)  # the twin that is taken
    alliance.arrived(alliance.harbour, "tiers", open_)
    for house in alliance.houses.values():
        assert alliance.showing(house, "tiers", secret) == NOWHERE
        assert secret.word.encode() not in alliance.doors(house, "tiers").log()
    for to in (HARBOUR, NORTHGATE):
        assert secret.word.encode() not in alliance.doors(river, "tiers").carried(to)
    assert alliance.showing(alliance.harbour, "tiers", open_) == INSIDE
    alliance.settled(alliance.harbour, alliance.northgate, "tiers")
    assert alliance.showing(alliance.northgate, "tiers", open_) == NOWHERE  # GREEN is its most


def marks(alliance: Alliance) -> dict[str, int]:
    """What River's node says to each of the others about how much there is to see."""
    river = alliance.river
    with river.node.store.read() as reading:
        folded = river.node.folds.of(reading, alliance.agreements["tiers"])  # type: ignore[arg-type]
        return {
            each.label: visibility.mark(
                river.node, reading, folded, river.organisation.id, each.organisation.id
            )
            for each in alliance.houses.values()
            if each is not river
        }


def by_command_line(alliance: Alliance, what: Piece) -> str:
    decisions: list[str] = []
    alliance.share(
        alliance.river, "tiers", what, on_decision=lambda each: decisions.append(each.reason)
    )
    return " ".join(decisions)


def by_taxii(alliance: Alliance, what: Piece) -> str:
    doors = alliance.doors(alliance.river, "tiers")
    answer = doors.client.post(
        f"/taxii2/{doors.agreement}/collections/all/objects/",
        content=json.dumps({"objects": [what.value]}),
        headers={
            "authorization": f"Bearer {doors.bearer}",
            "accept": TAXII,
            "content-type": TAXII,
        },
    )
    assert answer.status_code == 202, answer.text
    status: dict[str, Any] = answer.json()
    path = f"/taxii2/{doors.agreement}/status/{status['id']}/"

    def done() -> dict[str, Any] | None:
        found: dict[str, Any] = doors.ask(path, headers={"accept": TAXII}).json()
        return found if found["status"] == "complete" else None

    ended = until("it is decided", done)
    return " ".join(each.get("message", "") for each in ended.get("failures", []))


def by_rest(alliance: Alliance, what: Piece) -> str:
    doors = alliance.doors(alliance.river, "tiers")
    answer = doors.client.post(
        f"/api/v1/shares?agreement={doors.agreement}",
        content=bundle(what),
        headers={"authorization": f"Bearer {doors.bearer}", "content-type": "application/json"},
    )
    assert answer.status_code == 200, answer.text
    return " ".join(each["reason"] for each in answer.json()["objects"])


SUBMIT = {"command line": by_command_line, "TAXII": by_taxii, "REST": by_rest}


# --- 17 -----------------------------------------------------------------------------------


@tells("scenario 17")
def test_what_the_originator_controls_goes_to_nobody_else_unasked_and_its_extract_goes(
    alliance: Alliance,
) -> None:
    river, harbour, northgate = alliance.houses.values()
    controlled = piece("AMBER")
    alliance.share(river, "controlled", controlled, caveats=("ORCON",))
    alliance.arrived(harbour, "controlled", controlled)

    (refused,) = passing.pass_on(harbour.node, harbour.organisation, controlled.id, [NORTHGATE])
    assert (refused.permitted, refused.outcome, refused.art) == (False, "ask-originator", "1")
    asked = consents.ask(harbour.node, harbour.actor, controlled.id, NORTHGATE, "they are next")
    seen = until("River is asked", lambda: requests(alliance, controlled))
    assert [(each.asked_by, each.to, each.purpose) for each in seen] == [
        (HARBOUR, NORTHGATE, "they are next")
    ]
    (again,) = passing.pass_on(harbour.node, harbour.organisation, controlled.id, [NORTHGATE])
    assert not again.permitted  # silence is no

    extract = piece("GREEN")
    alliance.share(river, "controlled", extract, made_from=(controlled.id,))
    alliance.arrived(harbour, "controlled", extract)
    (allowed,) = passing.pass_on(harbour.node, harbour.organisation, extract.id, [NORTHGATE])
    assert allowed.permitted, allowed
    alliance.arrived(northgate, "controlled", extract)
    assert alliance.showing(northgate, "controlled", extract) == INSIDE
    assert alliance.showing(northgate, "controlled", controlled) == NOWHERE
    made = items.show(northgate.node, northgate.organisation, extract.id)
    assert [(each.how, each.of) for each in made.derived] == [("extract", (RIVER,))]
    assert made.item.via == HARBOUR

    consents.reply(river.node, river.actor, asked.id, yes=True)  # the twin: asked, and a yes
    until("Harbour knows", lambda: passes(alliance, controlled))
    alliance.arrived(northgate, "controlled", controlled)
    assert alliance.showing(northgate, "controlled", controlled) == INSIDE


def requests(alliance: Alliance, what: Piece) -> list[consents.RequestView]:
    river = alliance.river
    found = consents.list_requests(river.node, river.organisation)
    return [each for each in found if each.item == what.id and each.purpose]


def passes(alliance: Alliance, what: Piece) -> bool:
    harbour = alliance.harbour
    (found,) = passing.pass_on(harbour.node, harbour.organisation, what.id, [NORTHGATE])
    return found.permitted


@tells("scenario 17")
def test_what_is_red_goes_to_whom_it_names_and_nobody_passes_it_on(alliance: Alliance) -> None:
    river, harbour, northgate = alliance.houses.values()
    named = piece("RED")
    alliance.share(river, "named", named, to=(HARBOUR,), caveats=("ORCON",))
    alliance.arrived(harbour, "named", named)
    assert not passes(alliance, named)
    alliance.settled(harbour, northgate, "named")
    assert alliance.showing(northgate, "named", named) == NOWHERE
    assert named.word.encode() not in alliance.doors(harbour, "named").carried(NORTHGATE)
    # At its holder it is for people alone: no tool reads RED, however high its ceiling.
    assert alliance.showing(harbour, "named", named) == {"store", "console"}


# --- beside items --------------------------------------------------------------------------


@tells("MISP#2223")
def test_what_a_holder_says_beside_an_item_survives_every_update_and_stays_at_home(
    alliance: Alliance,
) -> None:
    harbour, northgate = alliance.harbour, alliance.northgate
    theirs = piece("GREEN", labels=["terminal"])
    alliance.share(harbour, "pact", theirs)
    alliance.arrived(northgate, "pact", theirs)
    mine = f"ours-{theirs.word.split('.')[0]}"
    remarks.tag(northgate.node, northgate.organisation, theirs.id, [mine])
    newer = theirs.changed(labels=None)
    alliance.share(harbour, "pact", newer)
    alliance.arrived(northgate, "pact", newer)
    kept = remarks.list_remarks(northgate.node, northgate.organisation, theirs.id)
    assert [(each.kind, each.text) for each in kept] == [("tag", mine)]
    alliance.settled(northgate, harbour, "pact")
    for house in (alliance.river, harbour):
        assert remarks.list_remarks(house.node, house.organisation, theirs.id) == []
        assert mine.encode() not in house.server.log.read_bytes()
    assert mine.encode() not in alliance.doors(northgate, "pact").carried(HARBOUR)
