"""What machines read: the values of the command line, within what the token sees."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.agreement.values import Tlp
from allied.entrypoints.shapes import agreement_summary, item_shown, peer_summary, plain
from allied.errors import NotFoundError
from allied.node import agreements, incidents, items, obligations, people, proposals
from allied.node.collections import Collections
from allied.node.overview import overview
from allied.node.people import NewToken
from allied.node.receipts import receipts
from allied.node.sight import Sight
from allied.record.ids import AgreementId
from tests.console.stage import ATTACK
from tests.rest.stand import Stand, code, opened
from tests.taxii.shelf import Given, open_shelf

NOBODY = "0" * 64


def haulier(stand: Stand, role: str = "viewer") -> NewToken:
    """A token of another organisation on the same node, with no agreement."""
    house = stand.stage.haulier
    return people.new_token(house.node, house.organisation, role=role)


def elsewhere(stand: Stand, role: str = "viewer") -> NewToken:
    """A token of River that is narrowed to an agreement which is not there."""
    return stand.token(role, agreements=[NOBODY])


# --- the same as the command line -------------------------------------------------------


def test_agreements_are_those_of_the_command_line(stand: Stand) -> None:
    node, name = stand.river.node, stand.stage.agreement
    listed = [plain(agreement_summary(each)) for each in agreements.list_agreements(node)]
    assert stand.get("/agreements") == {"agreements": listed, "next": None}
    shown = agreements.show(node, name, stand.river.organisation.id)
    assert stand.get(f"/agreements/{name}") == plain(shown)
    assert stand.get("/agreements/river-harbour") == plain(shown)
    assert stand.ask("GET", f"/agreements/{name}/text").text == shown.text
    explained = stand.get(f"/agreements/{name}/explanation?format=markdown")["text"]
    assert explained.startswith("#")
    assert stand.ask("GET", f"/agreements/{name}/text?version=1").text == shown.text
    for path in ("text", "explanation"):
        refused = stand.ask("GET", f"/agreements/{name}/{path}?version=2")
        assert refused.status_code == 404
        assert refused.json()["error"]["code"] == "agreement.no-such-version"


def test_items_are_those_of_the_command_line(stand: Stand) -> None:
    node, river = stand.river.node, stand.river.organisation
    everything = items.list_items(node, river, limit=1_000)
    seen = stand.get("/items?limit=1000", token=stand.token(ceiling="AMBER+STRICT"))
    listed = [plain(each) for each in everything if each.tlp != "RED"]
    assert seen == {"total": len(listed), "items": listed, "next": None}
    first = items.show(node, river, str(everything[0].seq))
    assert stand.get(f"/items/{first.item.seq}") == plain(item_shown(first))
    assert stand.get(f"/items/{first.item.id}") == plain(item_shown(first))
    assert stand.ask("GET", f"/items/{first.item.id}/object").content == first.raw
    has_it = receipts(node, river, str(first.item.seq))
    assert stand.get(f"/items/{first.item.id}/receipts") == {"receipts": plain(list(has_it))}
    assert {each.party for each in has_it} >= {"harbour"}
    why = items.explain(node, river, first.item.id, "northgate")
    assert stand.get(f"/items/{first.item.id}/explanation?to=northgate") == plain(why)


def test_incidents_and_obligations_are_those_of_the_command_line(stand: Stand) -> None:
    node, river, incident = stand.river.node, stand.river.organisation, stand.stage.incident
    shown = plain(incidents.show(node, river, incident))
    assert stand.get(f"/incidents/{incident}") == shown
    assert stand.get("/incidents") == {"incidents": [shown], "next": None}
    text = incidents.print_report(node, river, incident)
    assert stand.ask("GET", f"/incidents/{incident}/report").text == text
    markdown = stand.ask("GET", f"/incidents/{incident}/report?format=markdown")
    assert markdown.headers["content-type"].startswith("text/markdown")
    owed = obligations.list_obligations(node, river)
    listed = [plain(each) for each in owed]
    assert stand.get("/obligations?mine=true") == {"obligations": listed, "next": None}
    assert stand.get(f"/obligations/{owed[0].key}") == plain(owed[0])


def test_proposals_are_those_of_the_command_line(stand: Stand) -> None:
    shown = plain(proposals.show(stand.river.node, stand.river.organisation, stand.stage.proposal))
    assert stand.get(f"/proposals/{stand.stage.proposal}") == shown
    assert stand.get("/proposals?open=true") == {"proposals": [shown], "next": None}


def test_status_and_peers_are_those_of_the_organisation(stand: Stand) -> None:
    node, river = stand.river.node, stand.river.organisation
    highest = stand.token("viewer", ceiling="AMBER+STRICT")  # a ceiling keeps items out of counts
    assert stand.get("/status", token=highest) == plain(overview(node, river.id))
    with node.store.read() as reading:
        known = [plain(peer_summary(each)) for each in reading.peers()]
    assert stand.get("/peers") == {"peers": known}
    token = stand.get("/token", role="integrator")
    assert token["organisation"] == "river"
    assert "items:share" in token["permissions"]
    assert "incidents:read" not in token["permissions"]


def test_the_ledger_gives_its_rows_in_order(stand: Stand) -> None:
    with stand.river.node.store.read() as reading:
        rows = [plain(each) for each in reading.ledger(stand.river.organisation.id)]
    assert stand.get("/ledger?limit=1000", role="auditor") == {"rows": rows, "next": None}
    harbour = stand.get("/ledger?recipient=harbour", role="auditor")["rows"]
    assert harbour == [row for row in rows if row["recipient"] == "harbour"]  # type: ignore[index]
    about = stand.get("/ledger?item=1", role="auditor")["rows"]
    assert about
    assert all(row["first"] <= 1 <= row["last"] for row in about)
    named = stand.get("/ledger?agreement=river-harbour", role="auditor")["rows"]
    assert named == [row for row in rows if row["agreement"] == stand.stage.agreement]  # type: ignore[index]


def test_doctor_looks_where_the_organisation_is_alone(stand: Stand) -> None:
    assert code(stand.ask("GET", "/doctor", role="auditor"), 403) == "token.not-alone"
    with opened(stand.stage, stand.stage.house("harbour")) as harbour:
        house = stand.stage.house("harbour")
        token = people.new_token(house.node, house.organisation, role="auditor")
        findings = harbour.get("/doctor", token=token)["findings"]
        assert {each["state"] for each in findings} <= {"ok", "warning", "problem"}
        narrow = people.new_token(
            house.node,
            house.organisation,
            role="auditor",
            agreements=[AgreementId(stand.stage.agreement)],
        )
        assert code(harbour.ask("GET", "/doctor", token=narrow), 403) == "token.narrowed"


# --- what a token does not see ----------------------------------------------------------


@pytest.mark.parametrize("whose", [haulier, elsewhere], ids=["another house", "narrowed"])
def test_what_a_token_may_not_know_of_is_not_there(stand: Stand, whose: Any) -> None:
    token = whose(stand)
    agreement, incident = stand.stage.agreement, stand.stage.incident
    key = stand.get("/obligations")["obligations"][0]["key"]
    item = stand.get("/items")["items"][0]
    assert stand.get("/agreements", token=token)["agreements"] == []
    assert stand.get("/items", token=token) == {"total": 0, "items": [], "next": None}
    assert stand.get("/incidents", token=token)["incidents"] == []
    assert stand.get("/obligations", token=token)["obligations"] == []
    assert stand.get("/proposals", token=token)["proposals"] == []
    assert stand.get("/ledger", token=whose(stand, "auditor"))["rows"] == []
    status = stand.get("/status", token=token)
    assert status["agreements"] == []
    assert status["awaiting"] == []
    assert stand.get("/peers", token=token)["peers"] == status["peers"] == []
    for there, nowhere in (
        (f"/agreements/{agreement}", f"/agreements/{NOBODY}"),
        ("/agreements/river-harbour", "/agreements/no-such"),
        (f"/agreements/{agreement}/text", f"/agreements/{NOBODY}/text"),
        (f"/items?agreement={agreement}", f"/items?agreement={NOBODY}"),
        (f"/items/{item['seq']}", "/items/999999"),
        (f"/items/{item['id']}", "/items/indicator--00000000-0000-0000-0000-000000000000"),
        (f"/items/{item['id']}/object", "/items/999999/object"),
        (f"/items/{item['id']}/receipts", "/items/999999/receipts"),
        (f"/items/{item['seq']}/explanation?to=harbour", "/items/9/explanation?to=harbour"),
        (f"/incidents/{incident}", f"/incidents/{NOBODY}"),
        (f"/incidents/{incident}/report", f"/incidents/{NOBODY}/report"),
        (f"/obligations/{key}", f"/obligations/{NOBODY}"),
        (f"/proposals/{stand.stage.proposal}", f"/proposals/{NOBODY}"),
    ):
        refused = stand.ask("GET", there, token=token)
        assert refused.status_code == 404
        assert refused.content == stand.ask("GET", nowhere, token=token).content
        assert stand.ask("GET", there).status_code == 200  # the twin that sees it


def test_a_narrowed_token_sees_what_it_lists(stand: Stand) -> None:
    token = stand.token("analyst", agreements=[stand.stage.agreement])
    for path in ("/agreements", "/items", "/incidents", "/obligations", "/proposals"):
        assert stand.get(path, token=token) == stand.get(path)
    status = stand.get("/status", token=token)
    assert status == stand.get("/status")
    assert code(stand.ask("POST", "/sync", token=token), 403) == "token.narrowed"
    auditor = stand.token("auditor", agreements=[stand.stage.agreement])
    assert stand.get("/ledger", token=auditor) == stand.get("/ledger", role="auditor")


@pytest.mark.parametrize("ceiling", ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT"])
def test_nothing_above_the_ceiling_is_there(stand: Stand, ceiling: str) -> None:
    order = ["CLEAR", "GREEN", "AMBER", "AMBER+STRICT", "RED"]
    token = stand.token(ceiling=ceiling)
    everything = items.list_items(stand.river.node, stand.river.organisation, limit=1_000)
    seen = {each["seq"] for each in stand.get("/items?limit=1000", token=token)["items"]}
    for each in everything:
        below = order.index(each.tlp) <= order.index(ceiling)
        assert (each.seq in seen) == below
        answer = stand.ask("GET", f"/items/{each.seq}", token=token)
        assert answer.status_code == (200 if below else 404)


def test_red_is_read_by_no_token(tmp_path: Path) -> None:
    shelf = open_shelf(tmp_path)
    pact = shelf.pact()
    shelf.hold(pact, [Given("amber", tlp=Tlp.AMBER_STRICT), Given("red", tlp=Tlp.RED)])
    assert items.count_items(shelf.node, shelf.river) == 2
    sight = Sight(shelf.node, Collections(shelf.node), shelf.token(ceiling="AMBER+STRICT").token)
    seen = sight.items()
    assert (seen.total, [each.tlp for each in seen.items]) == (1, ["AMBER+STRICT"])
    assert [each.tlp for each in sight.items(item=Given("amber").id).items] == ["AMBER+STRICT"]
    assert sight.items(item=Given("red").id).items == []
    for name in (Given("red").id, "2"):
        with pytest.raises(NotFoundError) as refusal:
            sight.item(name)
        assert refusal.value.code == "item.unknown"
    shelf.node.close()


# --- filters and pages ------------------------------------------------------------------


def test_filters_give_what_they_say(stand: Stand) -> None:
    everything = stand.get("/items?limit=1000")["items"]
    for query, fits in (
        ("type=malware", lambda each: each["type"] == "malware"),
        ("type=malware&type=identity", lambda each: each["type"] in ("malware", "identity")),
        ("tlp=GREEN", lambda each: each["tlp"] == "GREEN"),
        (f"id={everything[3]['id']}", lambda each: each["id"] == everything[3]["id"]),
        ("agreement=river-harbour", lambda _: True),
    ):
        found = stand.get(f"/items?limit=1000&{query}")
        assert found["items"] == [each for each in everything if fits(each)]
        assert found["total"] == len(everything)


@pytest.mark.parametrize(
    ("path", "name", "role"),
    [
        ("/items?", "items", "viewer"),
        ("/items?type=indicator&", "items", "viewer"),
        ("/ledger?", "rows", "auditor"),
        ("/agreements?", "agreements", "viewer"),
        ("/incidents?", "incidents", "viewer"),
        ("/obligations?", "obligations", "viewer"),
        ("/proposals?", "proposals", "viewer"),
    ],
)
def test_pages_lose_nothing_and_end(stand: Stand, path: str, name: str, role: str) -> None:
    whole = stand.get(f"{path}limit=1000", role=role)
    assert whole["next"] is None
    found: list[Any] = []
    following: str | None = ""
    while following is not None:
        asked = f"{path}limit=7" + (f"&next={following}" if following else "")
        page = stand.get(asked, role=role)
        assert len(page[name]) <= 7
        found += page[name]
        following = page["next"]
        assert len(found) <= len(whole[name])
    assert found == whole[name]


def test_a_cursor_is_no_way_round_the_filters(stand: Stand) -> None:
    page = stand.get("/items?limit=1&type=indicator")
    again = stand.ask("GET", f"/items?limit=1&type=indicator&next={page['next']}")
    assert again.status_code == 200
    for path in ("/items?limit=1", "/items?limit=1&type=malware", "/items?tlp=GREEN"):
        joined = stand.ask("GET", f"{path}&next={page['next']}")
        assert code(joined, 400) == "rest.cursor"
    assert code(stand.ask("GET", f"/ledger?next={page['next']}", role="auditor"), 400)


def test_several_incidents_come_latest_first(busy: Stand) -> None:
    harbour = busy.stage.house("harbour")
    for _ in range(4):
        busy.stage.network.advance(timedelta(minutes=1))
        incidents.report(harbour.node, harbour.actor, ATTACK, "incident.yaml", busy.stage.agreement)
    busy.stage.network.settle(1)
    whole = busy.get("/incidents")["incidents"]
    assert len(whole) >= 5
    times = [each["reported_at"] for each in whole]
    assert times == sorted(times, reverse=True)
    one = busy.get("/incidents?limit=3")
    two = busy.get(f"/incidents?limit=1000&next={one['next']}")
    assert one["incidents"] + two["incidents"] == whole
