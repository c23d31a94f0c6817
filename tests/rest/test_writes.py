"""What machines do: everything that needs no person, bounded before it is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from allied.entrypoints.rest import bodies
from allied.node import incidents, items, neighbours
from allied.node.neighbours import Wanted
from tests.console.stage import ATTACK, INTEL
from tests.exchange.samples import indicator
from tests.federation.houses import serving
from tests.rest.stand import Stand, code
from tests.taxii.quirky import PATH, Quirky

STIX = {"content-type": "application/stix+json;version=2.1"}
YAML = {"content-type": "application/yaml"}
OURS = ATTACK.replace(b"terminal-wiper", b"crane-stop").replace(
    b"asserted_by: harbour", b"asserted_by: river"
)
THEIRS = ATTACK.replace(b"terminal-wiper", b"gate-stop")


def objects_of(bundle: bytes) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = json.loads(bundle)["objects"]
    return found


# --- sharing ----------------------------------------------------------------------------


def test_a_share_decides_per_object_and_recipient(busy: Stand) -> None:
    before = busy.get("/items")["total"]
    path = f"/shares?agreement={busy.stage.agreement}"
    dry = busy.post(f"{path}&dry_run=true", content=INTEL, headers=STIX)
    assert dry.status_code == 200, dry.text
    assert busy.get("/items")["total"] == before  # nothing was stored
    done = busy.post(path, content=INTEL, headers=STIX)
    (said,), decisions = done.json()["shares"], done.json()["objects"]
    assert said["dry_run"] is False
    assert said["objects"] == len(objects_of(INTEL)) == len(decisions)
    harbour = said["recipients"]["harbour"]
    assert said["admitted"] == said["stored"] == harbour["permitted"] + harbour["alone"]
    assert {each["code"] for each in decisions} == {"exchange.admitted"}
    refused = [
        recipient
        for each in decisions
        for recipient in each["recipients"]
        if not recipient["permitted"]
    ]
    assert refused
    assert "northgate" in {each["party"] for each in refused}
    would = dry.json()
    assert would["objects"] == decisions
    assert would["shares"][0] | {"id": "", "stored": 0, "dry_run": 0} == said | {
        "id": "", "stored": 0, "dry_run": 0,
    }  # fmt: skip
    assert items.count_items(busy.river.node, busy.river.organisation) >= said["stored"]


def test_what_was_shared_is_taken_back(busy: Stand) -> None:
    good = next(each for each in objects_of(INTEL) if each["type"] == "malware")
    good = {**good, "id": "malware--7d7a6a4e-0f65-4c2f-9d2a-6f7d40f0c444"}
    bundle = {
        "type": "bundle", "id": "bundle--7d7a6a4e-0f65-4c2f-9d2a-6f7d40f0c555", "objects": [good],
    }  # fmt: skip
    shared = busy.post("/shares?agreement=river-harbour&to=harbour&tlp=GREEN", json=bundle)
    assert shared.json()["shares"][0]["stored"] == 1, shared.text
    path = f"/items/{good['id']}"
    assert busy.get(f"{path}/receipts")["receipts"] == []
    busy.stage.house("harbour").sync()
    (has_it,) = busy.get(f"{path}/receipts")["receipts"]
    assert (has_it["party"], has_it["recall"]) == ("harbour", "")
    for role in ("viewer", "auditor"):
        refused = busy.post(f"{path}/recall?why=mistaken", role=role)
        assert code(refused, 403) == "token.role-permits-not"
    assert code(busy.post(f"{path}/recall"), 400) == "rest.parameter"  # without a reason
    tried = busy.post(f"{path}/recall?why=mistaken&dry_run=1")
    assert [each["party"] for each in tried.json()["holders"]] == ["harbour"], tried.text
    assert busy.ask("GET", path).status_code == 200
    done = busy.post(f"{path}/recall?why=mistaken")
    assert done.status_code == 200, done.text
    assert done.json()["why"] == "mistaken"
    assert busy.ask("GET", path).status_code == 404
    assert code(busy.post(f"{path}/recall?why=again"), 404) == "item.unknown"


def test_a_form_with_a_file_is_a_bundle_too(busy: Stand) -> None:
    path = "/shares?agreement=river-harbour"
    done = busy.post(path, files={"bundle": ("b.json", INTEL, "application/json")})
    assert done.json()["shares"][0]["admitted"] == len(objects_of(INTEL))
    again = busy.post(path, content=INTEL, headers=STIX).json()["shares"][0]
    assert again["stored"] == 0


def test_a_wish_tightens(stand: Stand) -> None:
    path = "/shares?agreement=river-harbour&dry_run=1"
    plus = "tlp=AMBER%2BSTRICT&to=harbour"
    tight = stand.post(f"{path}&{plus}", content=INTEL, headers=STIX).json()
    assert {(each["code"], each["tlp"]) for each in tight["objects"]} == {
        ("exchange.admitted", "AMBER+STRICT")
    }
    assert tight["shares"][0]["recipients"]["northgate"]["permitted"] == 0
    for wish, expected in (
        ("tlp=RED&to=harbour", {"exchange.above-ceiling": 40}),
        ("caveat=legal", {"exchange.caveat-not-allowed": 40}),
    ):
        refused = stand.post(f"{path}&{wish}", content=INTEL, headers=STIX)
        assert refused.json()["shares"][0]["refused"] == expected
    for query, code_ in (
        ("tlp=RED", "share.red-needs-to"),
        ("to=nobody", "share.no-such-party"),
        ("tlp=PINK", "rest.parameter"),
    ):
        assert code(stand.post(f"{path}&{query}", content=INTEL, headers=STIX), 400) == code_


def test_bad_objects_are_told_and_good_ones_kept(busy: Stand) -> None:
    good = next(each for each in objects_of(INTEL) if each["type"] == "identity")
    good = {**good, "id": "identity--7d7a6a4e-0f65-4c2f-9d2a-6f7d40f0c333"}
    bundle = {
        "type": "bundle",
        "id": "bundle--7d7a6a4e-0f65-4c2f-9d2a-6f7d40f0c111",
        "objects": [good, {"type": "indicator", "id": "nonsense"}, 7],
    }
    answer = busy.post("/shares?agreement=river-harbour", json=bundle)
    assert answer.status_code == 200
    said = answer.json()["shares"][0]
    assert (said["objects"], said["stored"]) == (3, 1)
    assert sum(said["invalid"].values()) == 2


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"not json", id="no JSON"),
        pytest.param(b"\xff\xfe\x00", id="not UTF-8"),
        pytest.param(b"[" * 100_000, id="far too deep"),
        pytest.param(b'{"type": "report"}', id="no bundle"),
    ],
)
def test_what_is_no_bundle_is_refused(stand: Stand, body: bytes) -> None:
    answer = stand.post("/shares?agreement=river-harbour&dry_run=1", content=body, headers=STIX)
    assert answer.status_code == 422, answer.text
    assert code(answer, 422).startswith("stix.")


@pytest.mark.parametrize(
    ("given", "status", "expected"),
    [
        pytest.param(
            {"content": INTEL, "headers": {"content-type": "text/plain"}},
            415, "rest.media-type", id="another media type",
        ),
        pytest.param({"content": INTEL}, 415, "rest.media-type", id="no media type"),
        pytest.param(
            {"content": INTEL, "headers": STIX | {"content-encoding": "gzip"}},
            415, "rest.encoding", id="compressed",
        ),
        pytest.param(
            {"content": b"{}", "headers": STIX | {"content-length": "99999999999"}},
            413, "rest.too-large", id="announced as too large",
        ),
        pytest.param(
            {"files": {"other": ("b.json", INTEL)}}, 422, "rest.form", id="a file of another name"
        ),
        pytest.param(
            {"files": [("bundle", ("a", INTEL)), ("bundle", ("b", INTEL))]},
            422, "rest.form", id="two files",
        ),
        pytest.param(
            {"files": {"bundle": ("b.json", INTEL)}, "data": {"agreement": "x"}},
            422, "rest.form", id="a field beside it",
        ),
        pytest.param(
            {"content": b"--x\r\n", "headers": {"content-type": "multipart/form-data"}},
            422, "rest.form", id="a form without a boundary",
        ),
        pytest.param(
            {
                "content": b"nothing of the kind",
                "headers": {"content-type": "multipart/form-data; boundary=x"},
            },
            422, "rest.form", id="no form at all",
        ),
    ],
)  # fmt: skip
def test_what_is_sent_has_its_form(
    stand: Stand, given: dict[str, Any], status: int, expected: str
) -> None:
    answer = stand.post("/shares?agreement=river-harbour&dry_run=1", **given)
    assert code(answer, status) == expected
    if status in (413, 415):
        assert answer.headers["connection"] == "close"


def test_a_body_is_bounded_while_it_is_read(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    path = "/shares?agreement=river-harbour&dry_run=1"
    monkeypatch.setattr(bodies, "BUNDLE_BYTES", len(INTEL))
    pieces = (INTEL[:1000], INTEL[1000:])
    whole = stand.post(path, content=iter(pieces), headers=STIX)
    assert whole.status_code == 200, whole.text
    more = stand.post(path, content=iter((*pieces, b" ")), headers=STIX)
    assert code(more, 413) == "rest.too-large"


def test_a_role_that_reads_shares_nothing(stand: Stand) -> None:
    path = "/shares?agreement=river-harbour&dry_run=1"
    for role in ("viewer", "auditor"):
        refused = stand.post(path, role=role, content=INTEL, headers=STIX)
        assert code(refused, 403) == "token.role-permits-not"
    assert stand.post(path, role="integrator", content=INTEL, headers=STIX).status_code == 200


def test_nothing_is_shared_under_an_agreement_that_the_token_does_not_see(stand: Stand) -> None:
    token = stand.token("analyst", agreements=["0" * 64])
    path = f"/shares?agreement={stand.stage.agreement}&dry_run=1"
    refused = stand.ask("POST", path, token=token, content=INTEL, headers=STIX)
    assert code(refused, 404) == "agreement.unknown"
    long = {**STIX, "content-length": "99999999999"}
    unread = stand.ask("POST", path, token=token, content=b"{}", headers=long)
    assert unread.content == refused.content  # nothing of it is looked at first
    assert stand.post(path, content=INTEL, headers=STIX).status_code == 200


# --- incidents, obligations, the exchange ------------------------------------------------


def test_facts_are_considered_here_and_reported_there(busy: Stand) -> None:
    considered = busy.post("/incidents/considered", content=OURS, headers=YAML)
    (found,) = considered.json()["considered"]
    assert found["alias"] == "river-harbour"
    assert found["evaluation"]["results"]
    assert "crane-stop" not in {each["alias"] for each in busy.get("/incidents")["incidents"]}
    told = busy.post("/incidents?agreement=river-harbour", content=OURS, headers=YAML)
    (reported,) = told.json()["incidents"]
    assert reported["reported_by"] == "river"
    busy.stage.network.settle(1)
    harbour = busy.stage.house("harbour")
    seen = incidents.show(harbour.node, harbour.organisation, reported["id"])
    assert seen.alias == "crane-stop"


@pytest.mark.parametrize(
    ("path", "body", "status", "expected"),
    [
        pytest.param("", ATTACK, 400, "rest.parameter", id="under no agreement"),
        pytest.param("?agreement=other", ATTACK, 404, "agreement.unknown", id="under another"),
        pytest.param("?agreement=river-harbour", b"format: [", 422, "yaml.syntax", id="no YAML"),
        pytest.param(
            "?agreement=river-harbour", b"x" * (2 * 2**20 + 1), 413, "rest.too-large", id="large"
        ),
    ],
)
def test_reports_that_are_refused(
    stand: Stand, path: str, body: bytes, status: int, expected: str
) -> None:
    answer = stand.post(f"/incidents{path}", content=body, headers=YAML)
    assert code(answer, status) == expected


def test_a_file_with_acts_is_refused(stand: Stand) -> None:
    acts = ATTACK + b"\ninvocations:\n  - {by: harbour, agreement: x, art: 2, at: 2026-11-24}\n"
    for path in ("/incidents?agreement=river-harbour", "/incidents/considered"):
        answer = stand.post(path, content=acts, headers=YAML)
        assert code(answer, 403) == "incident.acts-in-file"


def test_a_machine_says_that_a_duty_is_known_and_no_more(busy: Stand) -> None:
    harbour = busy.stage.house("harbour")
    found = incidents.report(
        harbour.node, harbour.actor, THEIRS, "incident.yaml", busy.stage.agreement
    )[0]
    incidents.invoke(harbour.node, harbour.actor, found.id, "2")
    busy.stage.network.settle(1)
    (owed,) = (
        each
        for each in busy.get("/obligations")["obligations"]
        if each["incident"] == found.id and each["mine"] == "debtor"
    )
    path = f"/obligations/{owed['key']}/acknowledge"
    refused = busy.post(path, role="viewer")
    assert code(refused, 403) == "token.role-permits-not"
    said = busy.post(path)
    assert said.status_code == 200, said.text
    assert said.json()["state"] == "acknowledged"
    assert code(busy.post(path), 403).startswith("obligation.")
    assert code(busy.post(f"/obligations/{'0' * 64}/acknowledge"), 404) == "obligation.unknown"


def test_an_exchange_tells_what_came(busy: Stand) -> None:
    outcomes = busy.post("/sync").json()["outcomes"]
    assert {each["peer"] for each in outcomes} == {"harbour", "northgate"}
    assert {each["organisation"] for each in outcomes} == {"river"}
    one = busy.post("/sync?peer=harbour").json()["outcomes"]
    assert [each["peer"] for each in one] == ["harbour"]
    assert code(busy.post("/sync?peer=nobody"), 404) == "peer.unknown"
    busy.stage.network.cut_between("river", "harbour")
    cut = busy.post("/sync?peer=harbour")
    assert cut.status_code == 200
    assert cut.json()["outcomes"][0]["problem"] == "peer.timeout"
    busy.stage.network.heal()


def test_a_neighbour_is_listed_and_pulled_by_whom_its_agreement_is_shown(busy: Stand) -> None:
    quirky = Quirky()
    quirky.given = [(1_795_392_000_000_000, indicator(7_001))]

    async def hanging_up(scope: Scope, receive: Receive, send: Send) -> None:
        async def closing(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"].append((b"connection", b"close"))
            await send(message)

        await quirky(scope, receive, closing)

    with serving(hanging_up) as url:
        wanted = Wanted(url + PATH, "feeder", busy.stage.agreement, allowed_private=True)
        neighbours.add(busy.river.node, busy.river.organisation, wanted)
        (listed,) = busy.get("/neighbours")["neighbours"]
        assert (listed["label"], listed["url"], listed["to"]) == ("feeder", url + PATH, ["river"])
        assert "secret" not in str(listed)
        refused = busy.post("/neighbours/feeder/pull", role="viewer")
        assert code(refused, 403) == "token.role-permits-not"
        narrow = busy.token("analyst", agreements=["0" * 64])
        assert busy.get("/neighbours", token=narrow)["neighbours"] == []
        unknown = busy.post("/neighbours/feeder/pull", token=narrow)
        assert code(unknown, 404) == "neighbour.unknown"
        assert unknown.content == busy.post("/neighbours/nobody/pull", token=narrow).content
        said = busy.post("/neighbours/feeder/pull")
        assert said.status_code == 200, said.text
        assert (said.json()["pulled"], said.json()["problem"]) == (1, "")
        quirky.status = 503
        assert busy.post("/neighbours/feeder/pull").json()["problem"] == "neighbour.busy"
        assert busy.get("/neighbours")["neighbours"][0]["problem"] == "neighbour.busy"
    neighbours.remove(busy.river.node, busy.river.organisation, "feeder")
