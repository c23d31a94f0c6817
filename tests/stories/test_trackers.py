"""What went wrong elsewhere, told again over three serving nodes.

Each test names the stories in others' issue trackers. Whatever is claimed is read back from
the other nodes: from their stores, over TAXII and REST, from feeds, files and the console.
River and Northgate do not reach each other, so what Northgate has of River came by Harbour.
"""

from __future__ import annotations

import contextlib
import io
import json
import uuid
from functools import partial
from typing import Any

import pytest

from allied.entrypoints.cli.demo.house import House
from allied.errors import UsageError
from allied.exchange.misp import Event, read_events
from allied.node import agreements, carriage, items, misp, passing, recalls, sharing
from allied.node.recall_views import list_recalls
from tests.stories.alliance import HARBOUR, NORTHGATE, RIVER, Alliance, until
from tests.stories.doors import INSIDE, TAXII, Doors
from tests.stories.pieces import Piece, piece
from tests.stories.told import tells

NOWHERE: frozenset[str] = frozenset()


def forwarded(alliance: Alliance, agreement: str, *pieces: Piece) -> None:
    """Let River's pieces go to Northgate by way of Harbour."""
    harbour = alliance.harbour
    alliance.arrived(harbour, agreement, *pieces)
    for each in pieces:
        (found,) = passing.pass_on(harbour.node, harbour.organisation, each.id, [NORTHGATE])
        assert found.permitted, found
    alliance.arrived(alliance.northgate, agreement, *pieces)


# --- taking back --------------------------------------------------------------------------


@tells("MISP#4681", "scenario 19")
def test_deletion_reaches_every_copy_and_what_was_forwarded(alliance: Alliance) -> None:
    river, harbour, northgate = alliance.houses.values()
    wrong, right = piece(), piece()
    alliance.share(river, "pact", wrong, right)
    forwarded(alliance, "pact", wrong, right)
    for house in alliance.houses.values():
        assert alliance.showing(house, "pact", wrong) == INSIDE
    before = alliance.doors(harbour, "pact").carried(NORTHGATE)
    assert wrong.word.encode() in before

    recalls.recall(river.node, river.actor, wrong.id, alliance.agreements["pact"], "a mistake")
    for house in alliance.houses.values():
        until(f"{house.label} gave it up", partial(gave_up, alliance, house, wrong))
        assert alliance.showing(house, "pact", wrong) == NOWHERE
        assert alliance.showing(house, "pact", right) == INSIDE  # the twin that stays
    assert wrong.word.encode() not in alliance.doors(harbour, "pact").carried(NORTHGATE)

    carriage.take_in(northgate.node, northgate.keys, io.BytesIO(before))
    assert alliance.showing(northgate, "pact", wrong) == NOWHERE  # an old file brings nothing back

    (told,) = [each for each in list_recalls(northgate.node, northgate.organisation)
               if each.item == wrong.id]  # fmt: skip
    assert (told.by, told.originator, told.mine) == (HARBOUR, RIVER, False)
    recalls.answer(northgate.node, northgate.actor, wrong.id)
    recalls.answer(harbour.node, harbour.actor, wrong.id)
    until("River knows of both", lambda: answered(alliance, wrong) == ("deleted", (NORTHGATE,)))


def gave_up(alliance: Alliance, house: House, what: Piece) -> bool:
    return not alliance.holds(house, "pact", what)


def answered(alliance: Alliance, what: Piece) -> tuple[str, tuple[str, ...]]:
    """What River knows of what became of a recall at Harbour, and whom Harbour told."""
    river = alliance.river
    (view,) = [e for e in list_recalls(river.node, river.organisation) if e.item == what.id]
    (holder,) = view.holders
    return holder.state, tuple(holder.onward)


@tells("OCTI#6951")
def test_a_remote_delete_removes_only_what_that_remote_asserted(alliance: Alliance) -> None:
    river, harbour, northgate = alliance.houses.values()
    both = piece()
    alliance.share(river, "pact", both)
    alliance.share(northgate, "pact", both)  # the very same bytes, said by another one
    until("Harbour has both", lambda: len(origins(alliance, both)) == 2)

    recalls.recall(river.node, river.actor, both.id, alliance.agreements["pact"], "not ours")
    until("River's is gone", lambda: origins(alliance, both) == [NORTHGATE])
    recalls.answer(harbour.node, harbour.actor, both.id)  # which erases the bytes of the one
    for house in (harbour, northgate):
        assert alliance.showing(house, "pact", both) == INSIDE
    assert alliance.showing(river, "pact", both) == NOWHERE
    assert not [e for e in list_recalls(northgate.node, northgate.organisation)
                if e.item == both.id]  # fmt: skip


def origins(alliance: Alliance, what: Piece) -> list[str]:
    """Whose copies of a piece Harbour's own tools see over REST."""
    answer = alliance.doors(alliance.harbour, "pact").ask(f"/api/v1/items?id={what.id}")
    return sorted(each["originator"] for each in answer.json()["items"])


@tells("OCTI#6951")
def test_what_a_tool_deletes_here_is_gone_here_and_stays_with_the_others(
    alliance: Alliance,
) -> None:
    river, harbour, northgate = alliance.houses.values()
    unwanted = piece()
    alliance.share(river, "pact", unwanted)
    forwarded(alliance, "pact", unwanted)
    doors = alliance.doors(harbour, "pact")
    path = f"/taxii2/{doors.agreement}/collections/all/objects/{unwanted.id}/"
    gone = doors.client.delete(
        path,
        headers={
            "authorization": f"Bearer {doors.bearer}",
            "accept": "application/taxii+json;version=2.1",
        },
    )
    assert gone.status_code == 200, gone.text
    alliance.settled(river, harbour, "pact")
    alliance.exchange(harbour)
    assert alliance.showing(harbour, "pact", unwanted) == NOWHERE
    assert alliance.showing(river, "pact", unwanted) == INSIDE
    assert alliance.showing(northgate, "pact", unwanted) == INSIDE
    assert not [e for e in list_recalls(northgate.node, northgate.organisation)
                if e.item == unwanted.id]  # fmt: skip


# --- changing -----------------------------------------------------------------------------


@tells("MISP#2223")
def test_a_withdrawn_tag_disappears_from_every_copy(alliance: Alliance) -> None:
    tag = f"false-lead-{uuid.uuid4().hex[:10]}"
    tagged = piece(
        labels=[tag, "kept"], external_references=[{"source_name": "our desk", "external_id": tag}]
    )
    alliance.share(alliance.harbour, "pact", tagged)
    readers = (alliance.river, alliance.northgate)
    for house in readers:
        alliance.arrived(house, "pact", tagged)
        assert tag.encode() in latest(alliance, house, tagged)

    bare = tagged.changed(labels=["kept"], external_references=None)
    alliance.share(alliance.harbour, "pact", bare)
    for house in readers:
        alliance.arrived(house, "pact", bare)
        shown = latest(alliance, house, tagged)
        assert tag.encode() not in shown
        assert shown.count(b'"kept"') >= 3  # the twin: the tag that stays is shown


def latest(alliance: Alliance, house: House, what: Piece) -> bytes:
    """All that a house shows of the newest version of a piece."""
    doors = alliance.doors(house, "pact")
    one = f"/taxii2/{doors.agreement}/collections/all/objects/"
    last = {"match[version]": "last"}
    return b"".join(
        [
            *doors.taxii(one, **last, **{"match[id]": what.id}),
            *doors.taxii("/taxii2/all/collections/all/objects/", **last, **{"match[id]": what.id}),
            *doors.taxii(f"{one}{what.id}/", **last),
            *doors.rest(f"/items/{what.id}/object"),
            *doors.feed("jsonl"),
            *doors.feed("csv"),
            *doors.misp_feed(),
            *doors.misp_export(),
        ]
    )


# --- whom it reaches ----------------------------------------------------------------------


@tells("MISP#7715", "MISP#10899")
def test_a_party_that_left_gets_nothing_even_by_way_of_a_third_node(alliance: Alliance) -> None:
    river, harbour, northgate = alliance.houses.values()
    old = piece()
    alliance.share(river, "leaving", old)
    forwarded(alliance, "leaving", old)  # the twin: as long as it is a party, it gets it
    agreement = alliance.agreements["leaving"]

    agreements.withdraw(northgate.node, northgate.actor, agreement)
    until("Harbour knows", lambda: has_left(alliance.harbour, agreement))
    by_river, by_harbour = piece(), piece("CLEAR")
    alliance.share(river, "leaving", by_river)
    alliance.share(harbour, "leaving", by_harbour)
    alliance.arrived(harbour, "leaving", by_river)
    alliance.arrived(river, "leaving", by_harbour)
    for each in (by_river, by_harbour):
        assert not passes(harbour, each)
        alliance.exchange(northgate)
        assert alliance.showing(northgate, "leaving", each) == NOWHERE
        assert each.word.encode() not in alliance.doors(harbour, "leaving").carried(NORTHGATE)
        assert each.word.encode() not in alliance.doors(river, "leaving").carried(NORTHGATE)
        assert alliance.showing(river, "leaving", each) == INSIDE
        assert alliance.showing(harbour, "leaving", each) == INSIDE
    assert alliance.showing(northgate, "leaving", old) == INSIDE  # markings are kept


def has_left(house: House, agreement: str) -> bool:
    found = agreements.show(house.node, agreement)
    return any(each.party == NORTHGATE and each.legal == "former" for each in found.parties)


def passes(house: House, what: Piece) -> bool:
    """Whether a house passes a piece on to Northgate."""
    if is_own(house, what):
        return False  # one's own is shared, not passed on
    (found,) = passing.pass_on(house.node, house.organisation, what.id, [NORTHGATE])
    return found.permitted


def is_own(house: House, what: Piece) -> bool:
    """Whether a piece is a house's own."""
    shown = items.show(house.node, house.organisation, what.id)
    return shown.item.originator == shown.item.holder


@tells("MISP#4200")
@pytest.mark.parametrize(
    ("agreement", "marking", "wish"),
    [
        pytest.param("named", "RED", {"to": (RIVER,)}, id="a group of nobody but its author"),
        pytest.param("named", "AMBER", {"caveats": ("REL-TO",)}, id="releasable to, and no name"),
        pytest.param("pact", "AMBER", {"to": (RIVER,)}, id="a list that names only its author"),
    ],
)
def test_an_empty_group_reaches_nobody(
    alliance: Alliance, agreement: str, marking: str, wish: dict[str, Any]
) -> None:
    lonely = piece(marking)
    with contextlib.suppress(UsageError):  # refused outright, where nobody is left
        alliance.share(alliance.river, agreement, lonely, **wish)
    reaches_nobody(alliance, agreement, lonely)


def reaches_nobody(alliance: Alliance, agreement: str, lonely: Piece) -> None:
    river = alliance.river
    twin = piece("RED" if agreement == "named" else "AMBER")  # what names somebody gets there
    alliance.share(river, agreement, twin, to=(HARBOUR,))
    alliance.arrived(alliance.harbour, agreement, twin)
    alliance.settled(alliance.harbour, alliance.northgate, agreement)
    for house in (alliance.harbour, alliance.northgate):
        assert alliance.showing(house, agreement, lonely) == NOWHERE
        assert lonely.word.encode() not in alliance.doors(river, agreement).carried(house.label)


def misp_event(what: Piece, **more: object) -> Event:
    """An event of MISP with one domain."""
    value = {
        "uuid": str(uuid.uuid4()),
        "date": "2026-06-01",
        "info": what.word,
        "published": True,
        "Tag": [{"name": "tlp:green"}],
        "Attribute": [
            {
                "uuid": what.id.removeprefix("indicator--"),
                "type": "domain",
                "category": "Network activity",
                "value": what.word,
                "to_ids": True,
                "timestamp": "1780272000",
                "distribution": "5",
            }
        ],
        **more,
    }
    (event,) = read_events(json.dumps({"Event": value}).encode())
    return event


@tells("MISP#4200")
@pytest.mark.parametrize(
    ("groups", "refusal"),
    [
        pytest.param({}, "its sharing group is mapped to no parties", id="a group nobody mapped"),
        pytest.param({"grp": ()}, "nobody is left of its sharing group", id="a group of nobody"),
    ],
)
def test_an_event_for_an_empty_group_reaches_nobody(
    alliance: Alliance, groups: dict[str, tuple[str, ...]], refusal: str
) -> None:
    river, lonely, open_ = alliance.river, piece("GREEN"), piece("GREEN")
    group = {"distribution": "4", "SharingGroup": {"uuid": "grp", "name": "grp"}}
    events = [
        misp_event(lonely, **group),
        misp_event(open_, distribution="1"),
    ]
    outcomes = list(
        misp.take_in(
            river.node,
            river.organisation,
            river.keys,
            events,
            alliance.agreements["pact"],
            sharing.Wish(),
            groups=misp.Groups(groups),
        )
    )
    assert [each.refused for each in outcomes] == [refusal, ""]
    until("the open one is there", lambda: alliance.showing(alliance.harbour, "pact", open_))
    assert alliance.showing(river, "pact", lonely) == NOWHERE
    reaches_nobody(alliance, "pact", lonely)


# --- who has it ---------------------------------------------------------------------------


@tells("MISP#4682", "OCTI#10011")
def test_who_received_it_since_when_and_under_which_clause_is_answerable(
    alliance: Alliance,
) -> None:
    river, harbour, northgate = alliance.houses.values()
    told, untold = piece(), piece("RED")
    alliance.share(river, "pact", told)
    alliance.share(river, "named", untold, to=(NORTHGATE,))  # to whom there is no line
    forwarded(alliance, "pact", told)

    first = until("Harbour's receipt is here", lambda: receipts(alliance, river, told))
    assert [(each["party"], each["art"]) for each in first] == [(HARBOUR, "1")]
    second = until("Northgate's receipt is here", lambda: receipts(alliance, harbour, told))
    assert [(each["party"], each["art"]) for each in second] == [(NORTHGATE, "1")]
    assert first[0]["since"] <= second[0]["since"]
    alliance.settled(river, harbour, "named")
    assert receipts(alliance, river, untold) == []

    alliance.doors(river, "pact").carried(NORTHGATE)  # a file is a release as well
    by_file = alliance.doors(river, "pact").ask(f"/api/v1/items/{told.id}/receipts").json()
    assert {each["party"]: bool(each["receipt_at"]) for each in by_file["receipts"]} == {
        HARBOUR: True,
        NORTHGATE: False,
    }
    assert receipts(alliance, northgate, told) == []  # a holder that passed nothing on


def receipts(alliance: Alliance, house: House, what: Piece) -> list[dict[str, Any]]:
    """Who says that it holds a piece, as the tools of the one who gave it read over REST."""
    answer = alliance.doors(house, "pact").ask(f"/api/v1/items/{what.id}/receipts")
    if answer.status_code == 404:  # what is RED is shown to no tool
        return []
    return [each for each in answer.json()["receipts"] if each["receipt_at"]]


# --- paging -------------------------------------------------------------------------------


@tells("OCTI#4537", "conn#7604")
@pytest.mark.parametrize(("by", "limit"), [("next", 97), ("added_after", 250)])
def test_paging_neither_loses_nor_loops_while_more_arrives(
    alliance: Alliance, by: str, limit: int
) -> None:
    doors = alliance.doors(alliance.northgate, "pact")
    first = [piece("GREEN") for _ in range(600)]  # stored at one instant, by one share
    alliance.share(alliance.harbour, "pact", *first)
    alliance.arrived(alliance.northgate, "pact", first[-1], first[0])
    meanwhile = [piece("GREEN") for _ in range(50)]

    path = f"/taxii2/{doors.agreement}/collections/all/objects/"
    found: list[str] = []
    asked: dict[str, Any] = {"limit": limit}
    for number in range(1_000):
        answer = doors.ask(path, params=asked, headers={"accept": TAXII})
        assert answer.status_code == 200
        page = answer.json()
        found += [each["id"] for each in page.get("objects", ())]
        if number == 1:
            alliance.share(alliance.harbour, "pact", *meanwhile)
            alliance.arrived(alliance.northgate, "pact", meanwhile[-1], meanwhile[0])
        if not page.get("more"):
            break
        asked |= (
            {"next": page["next"]}
            if by == "next"
            else {"added_after": answer.headers["x-taxii-date-added-last"]}
        )
    else:
        pytest.fail("it loops")
    assert len(found) == len(set(found))
    assert {each.id for each in (*first, *meanwhile)} <= set(found)
    assert set(found) == whole(doors)


def whole(doors: Doors) -> set[str]:
    """The ids of all that a house holds, from its store."""
    node, own, after = doors.house.node, doors.house.organisation, 0
    found: set[str] = set()
    while page := items.list_items(node, own, agreement=doors.agreement, after=after, limit=1_000):
        after = page[-1].seq
        found |= {each.id for each in page}
    return found
