"""What machines see and do around items: recalls, requests, remarks, feeds, MISP, the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allied.agreement.values import Tlp
from allied.entrypoints.shapes import plain
from allied.exchange import disclosure_export, disclosure_proof
from allied.node import (
    correlation,
    disclosures,
    erasing,
    erasing_views,
    ledger,
    ledger_roots,
    people,
    recall_views,
)
from allied.node.people import NewToken
from allied.record.ids import AgreementId
from tests.console.stage import INTEL
from tests.exchange.samples import indicator, tlp
from tests.node.hands import attack, share
from tests.rest.stand import Stand, code, opened, standing

MISP = {
    "Event": {
        "uuid": "6c0f3a9e-1f2a-4b52-9c0e-000000000001", "info": "A test", "date": "2026-03-01",
        "timestamp": "1772366400", "published": True, "distribution": "3",
        "Orgc": {"name": "River", "uuid": "6c0f3a9e-1f2a-4b52-9c0e-000000009000"},
        "Tag": [{"name": "tlp:green"}, {"name": "ours", "local": True}],
        "Attribute": [
            {
                "type": "domain", "value": "bad.misp.example", "category": "Network activity",
                "uuid": "6c0f3a9e-1f2a-4b52-9c0e-000000000101", "to_ids": True,
                "timestamp": "1772366400",
            }
        ],
    }
}  # fmt: skip
FOREIGN, OWN = indicator(71), indicator(72)
GREEN = indicator(73, object_marking_refs=tlp(Tlp.GREEN))


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """River's doors; Harbour has shared something too, and River has committed to its ledger."""
    with standing(tmp_path_factory.mktemp("around")) as stand:
        harbour, river = stand.stage.house("harbour"), stand.river
        share(harbour, stand.stage.agreement, FOREIGN, GREEN)
        share(river, stand.stage.agreement, OWN)
        stand.stage.network.settle()
        agreement = AgreementId(stand.stage.agreement)
        ledger_roots.commit(river.node, river.keys, river.organisation, agreement)
        while correlation.keep_up(river.node):
            pass
        yield stand


def low(stand: Stand, role: str = "analyst") -> NewToken:
    """A token that reads nothing that is marked above CLEAR."""
    return stand.token(role, ceiling="CLEAR")


def narrowed(stand: Stand, role: str, *agreements: str) -> NewToken:
    return stand.token(role, agreements=[AgreementId(each) for each in agreements])


# --- around items -----------------------------------------------------------------------------


def test_remarks_are_made_seen_and_taken_back(here: Stand) -> None:
    path = f"/items/{OWN['id']}/remarks"
    for kind, text in (("tag", "seen-here"), ("note", "ask Kim"), ("false-positive", "")):
        said = here.ask("POST", path, role="analyst", params={"kind": kind, "text": text})
        assert said.status_code == 200, said.text
    kinds = [each["kind"] for each in here.get(path)["remarks"]]
    assert kinds == ["tag", "note", "false-positive"]
    left = here.ask("DELETE", path, role="analyst", params={"kind": "tag", "text": "seen-here"})
    assert [each["kind"] for each in left.json()["remarks"]] == ["note", "false-positive"]
    again = here.ask("DELETE", path, role="analyst", params={"kind": "tag", "text": "seen-here"})
    assert code(again, 404) == "remark.unknown"
    note = here.ask("DELETE", path, role="analyst", params={"kind": "note"})
    assert code(note, 400) == "rest.parameter"
    hidden = here.ask("POST", path, token=low(here), params={"kind": "tag", "text": "x"})
    assert code(hidden, 404) == "item.unknown"


def test_what_others_shared_is_passed_on_as_far_as_it_may(here: Stand) -> None:
    path = f"/items/{FOREIGN['id']}/passing"
    said = here.post(path, params={"to": "northgate", "dry_run": "true"})
    assert said.status_code == 200, said.text
    (one,) = said.json()["parties"]
    assert (one["party"], one["permitted"]) == ("northgate", False)
    assert one["code"]
    own = here.post(f"/items/{OWN['id']}/passing", params={"to": "northgate"})
    assert code(own, 400) == "item.own"
    assert code(here.post(path), 400) == "rest.parameter"
    stranger = here.post(path, params={"to": "nobody"})
    assert code(stranger, 404) == "exchange.not-a-party"
    hidden = here.ask("POST", path, token=low(here), params={"to": "northgate"})
    assert code(hidden, 404) == "item.unknown"


def test_an_originator_is_asked_and_answers_as_a_person(here: Stand) -> None:
    path = f"/items/{FOREIGN['id']}/requests"
    asked = here.post(path, params={"to": "our insurer", "purpose": "a claim"})
    assert asked.status_code == 200, asked.text
    view = asked.json()
    assert (view["state"], view["originator"], view["mine"]) == ("awaited", "harbour", True)
    assert here.get("/requests")["requests"] == [view]
    assert here.get("/requests", token=low(here, "viewer"))["requests"] == []
    for_nothing = here.post(
        f"/items/{FOREIGN['id']}/requests", params={"to": "northgate", "purpose": "to block it"}
    )
    assert code(for_nothing, 403) == "exchange.nothing-to-ask"
    consent = here.post(f"/requests/{view['id']}/consent")
    assert code(consent, 403) == "rest.person-act"


def test_who_else_has_a_value_and_who_has_seen_it(here: Stand) -> None:
    found = here.get("/values/holders?value=n71.example")
    if not found["found"]:
        found = here.get(f"/items/{FOREIGN['id']}/correlations")
    assert found["behind"] == 0
    assert here.get("/values/sightings?value=n71.example")["behind"] == 0
    hidden = here.get("/values/holders?value=n71.example", token=low(here, "viewer"))
    assert hidden["found"] == []
    none = here.ask("GET", f"/items/{FOREIGN['id']}/correlations", token=low(here, "viewer"))
    assert code(none, 404) == "item.unknown"


def test_a_bundle_holds_the_exact_bytes_of_what_the_token_sees(here: Stand) -> None:
    path = f"/agreements/{here.stage.agreement}/bundle"
    answer = here.ask("GET", f"{path}?type=indicator")
    assert answer.headers["content-type"].startswith("application/stix+json")
    ids = {each["id"] for each in answer.json()["objects"]}
    assert {OWN["id"], FOREIGN["id"]} <= ids
    raw = here.ask("GET", f"/items/{OWN['id']}/object").content
    assert raw in answer.content
    fewer = here.ask("GET", path, token=low(here, "viewer")).json()
    assert not {OWN["id"], FOREIGN["id"]} & {each["id"] for each in fewer.get("objects", [])}
    elsewhere = here.ask("GET", path, token=narrowed(here, "viewer", "0" * 64))
    assert code(elsewhere, 404) == "agreement.unknown"


def test_recalls_are_listed_and_answered(tmp_path: Path) -> None:
    with standing(tmp_path, bundles=()) as river:
        harbour = river.stage.house("harbour")
        share(river.river, river.stage.agreement, OWN)
        river.stage.network.settle()
        gone = river.post(f"/items/{OWN['id']}/recall", params={"why": "a mistake"})
        assert gone.status_code == 200, gone.text
        river.stage.network.settle()
        node, own = river.river.node, river.river.organisation
        listed = [plain(each) for each in recall_views.list_recalls(node, own)]
        assert river.get("/recalls")["recalls"] == listed != []
        assert river.get("/recalls", token=low(river, "viewer"))["recalls"] == []
        with opened(river.stage, harbour) as doors:
            token = people.new_token(harbour.node, harbour.organisation, role="analyst")
            (one,) = doors.get("/recalls", token=token)["recalls"]
            unseen = people.new_token(
                harbour.node, harbour.organisation, role="analyst", ceiling="CLEAR"
            )
            path = f"/recalls/{one['id']}/answer"
            assert code(doors.ask("POST", path, token=unseen), 404) == "recall.unknown"
            said = doors.ask("POST", path, token=token, params={"kept": "evidence in court"})
            assert said.status_code == 200, said.text
            assert said.json()["holders"][0]["state"] == "kept"
        river.stage.network.settle()
        (mine,) = river.get("/recalls")["recalls"]
        states = {each["party"]: each["state"] for each in mine["holders"]}
        assert states["harbour"] == "kept"
        about = river.get(f"/ledger/items/{OWN['id']}", role="auditor")["rows"]
        assert ("recalled", "harbour") in {(each["outcome"], each["recipient"]) for each in about}


def test_what_was_to_be_erased_is_listed_with_what_each_party_has_done(tmp_path: Path) -> None:
    with standing(tmp_path, bundles=()) as river:
        house = river.river
        view = attack(house, river.stage.agreement, "another-wiper")
        assert river.get("/erasures")["erasures"] == []
        erasing.ask(house.node, house.actor, river.stage.agreement, view.id, "a mistake")
        river.stage.network.settle()
        listed = erasing_views.list_erasures(house.node, house.organisation)
        assert river.get("/erasures")["erasures"] == [plain(each) for each in listed] != []
        elsewhere = narrowed(river, "viewer", "0" * 64)
        assert river.get("/erasures", token=elsewhere)["erasures"] == []


# --- feeds and MISP -----------------------------------------------------------------------------


def test_a_feed_is_made_fetched_and_ended(here: Stand) -> None:
    asked = {"agreement": here.stage.agreement, "format": "json-lines", "tlp": "AMBER"}
    made = here.ask("POST", "/feeds", role="integrator", params=asked)
    if made.status_code == 400:
        asked["format"] = "domain"
        made = here.ask("POST", "/feeds", role="integrator", params=asked)
    assert made.status_code == 200, made.text
    feed, path = made.json()["feed"], made.json()["path"]
    assert here.client.get(path).status_code == 200
    listed = here.get("/feeds")["feeds"]
    assert feed in listed
    assert path.split(".")[1][:16] not in json.dumps(listed)
    assert code(here.ask("DELETE", f"/feeds/{feed['id']}"), 403) == "token.role-permits-not"
    ended = here.ask("DELETE", f"/feeds/{feed['id']}", role="integrator")
    assert ended.json()["revoked_at"]
    assert here.client.get(path).status_code == 404
    assert code(here.ask("DELETE", "/feeds/" + "0" * 16, role="integrator"), 404) == "feed.unknown"


def test_a_feed_shows_no_more_than_the_token_that_makes_it(here: Stand) -> None:
    asked = {"agreement": here.stage.agreement, "format": "domain", "tlp": "GREEN"}
    above = here.ask("POST", "/feeds", token=low(here, "integrator"), params=asked)
    assert code(above, 403) == "token.ceiling"
    clear = asked | {"tlp": "CLEAR"}
    assert here.ask("POST", "/feeds", token=low(here, "integrator"), params=clear).is_success
    other = narrowed(here, "integrator", "0" * 64)
    assert code(here.ask("POST", "/feeds", token=other, params=asked), 404) == "agreement.unknown"
    assert here.get("/feeds", token=other)["feeds"] == []
    assert here.get("/warning-lists") == {"lists": []}


def test_misp_events_are_shared_and_given_with_what_is_not_carried(here: Stand) -> None:
    path = f"/misp/events?agreement={here.stage.agreement}"
    body = json.dumps(MISP).encode()
    kind = {"content-type": "application/json"}
    dry = here.post(f"{path}&dry_run=true", content=body, headers=kind)
    assert dry.status_code == 200, dry.text
    (one,) = dry.json()["events"]
    assert one["share"]["dry_run"] is True
    assert [each["id"] for each in one["losses"]] == ["ours"]
    (shared,) = here.post(path, content=body, headers=kind).json()["events"]
    assert 0 < shared["share"]["stored"] <= shared["objects"]
    given = here.get(f"{path}&tlp=GREEN")
    assert "bad.misp.example" in json.dumps(given["events"])
    above = here.ask("GET", f"{path}&tlp=GREEN", token=low(here, "viewer"))
    assert code(above, 403) == "token.ceiling"
    assert code(here.post(path, content=b"[{", headers=kind), 422) == "misp.not-json"
    stix = here.post(path, content=INTEL, headers={"content-type": "application/stix+json"})
    assert code(stix, 415) == "rest.media-type"


# --- the ledger ---------------------------------------------------------------------------------


def released(stand: Stand) -> dict[str, Any]:
    rows = stand.get("/ledger?recipient=harbour&limit=1000", role="auditor")["rows"]
    return next(dict(row) for row in rows if row["outcome"] == ledger.RELEASED)


def test_a_row_is_shown_proven_and_verified(here: Stand) -> None:
    seq = released(here)["seq"]
    row = here.get(f"/ledger/rows/{seq}", role="auditor")
    node, own = here.river.node, here.river.organisation
    assert row == plain(disclosures.row(node, own, seq))
    assert row["receipt_at"] is not None
    proof = here.ask("GET", f"/ledger/rows/{seq}/proof", role="auditor")
    assert proof.headers["content-type"] == "application/vnd.allied.ledger-proof+json"
    assert disclosure_proof.verify(proof.content).row.recipient == "harbour"
    kind = {"content-type": "application/octet-stream"}
    said = here.ask("POST", "/ledger/verified", role="auditor", content=proof.content, headers=kind)
    assert said.json()["keeper"] == own.id
    for spoilt, expected in (
        (proof.content.replace(b"harbour", b"nobody1"), "ledger.not-in-root"),
        (proof.content[:-1], "ledger.damaged"),
        (b"{}", "ledger.not-a-proof"),
    ):
        answer = here.ask("POST", "/ledger/verified", role="auditor", content=spoilt, headers=kind)
        assert code(answer, 422) == expected
    assert code(here.ask("GET", "/ledger/rows/99999", role="auditor"), 404) == "ledger.no-such-row"
    reader = here.ask("GET", f"/ledger/rows/{seq}/proof", role="analyst")
    assert code(reader, 403) == "token.role-permits-not"


def test_the_ledger_is_checked_exported_and_that_of_partners_seen(here: Stand) -> None:
    checked = here.get("/ledger/check", role="auditor")
    assert checked["roots"] == 1
    whole = here.ask("GET", "/ledger/export", role="auditor")
    assert disclosure_export.verify([whole.content]).rows == checked["rows"]
    one = here.ask("GET", f"/ledger/export?agreement={here.stage.agreement}", role="auditor")
    assert disclosure_export.verify([one.content]).agreement == here.stage.agreement
    ledgers = here.get("/ledger/witnessed", role="auditor")["ledgers"]
    assert [each["keeper"] for each in ledgers] == ["harbour", "northgate"]


def test_who_received_an_object_is_answered(here: Stand) -> None:
    about = here.get(f"/ledger/items/{OWN['id']}", role="auditor")
    outcomes = {(each["recipient"], each["outcome"]) for each in about["rows"]}
    assert outcomes == {
        ("harbour", "permitted"),
        ("northgate", "refused"),
        ("harbour", "released"),
    }
    first = here.get(f"/ledger/items/{OWN['id']}?limit=1", role="auditor")
    rest = here.get(f"/ledger/items/{OWN['id']}?next={first['next']}", role="auditor")
    assert first["rows"] + rest["rows"] == about["rows"]
    unknown = here.ask(
        "GET", f"/ledger/items/indicator--{'0' * 8}-0000-4000-8000-{'0' * 12}", role="auditor"
    )
    assert code(unknown, 404) == "item.unknown"


def test_a_narrowed_auditor_sees_its_agreement_and_no_whole_ledger(here: Stand) -> None:
    own = narrowed(here, "auditor", here.stage.agreement)
    other = narrowed(here, "auditor", "0" * 64)
    seq = released(here)["seq"]
    assert here.ask("GET", f"/ledger/rows/{seq}/proof", token=own).is_success
    for token in (own, other):
        for path in ("/ledger/check", "/ledger/export"):
            assert code(here.ask("GET", path, token=token), 403) == "token.narrowed"
    for path in (f"/ledger/rows/{seq}", f"/ledger/rows/{seq}/proof"):
        assert code(here.ask("GET", path, token=other), 404) == "ledger.no-such-row"
    about = here.ask("GET", f"/ledger/items/{OWN['id']}", token=other)
    assert code(about, 404) == "item.unknown"
    export = here.ask("GET", f"/ledger/export?agreement={here.stage.agreement}", token=other)
    assert code(export, 404) == "agreement.unknown"
    assert here.get("/ledger/witnessed", token=other)["ledgers"] == []


def test_nobody_but_a_secretariat_has_submissions(here: Stand) -> None:
    assert here.get("/submissions?everything=true", role="analyst") == {"submissions": []}
    assert code(here.ask("GET", "/submissions"), 403) == "token.role-permits-not"
    own = narrowed(here, "analyst", here.stage.agreement)
    assert code(here.ask("GET", "/submissions", token=own), 403) == "token.narrowed"
