"""What is in a feed at any moment: what may be used, still stands, and is no false alarm."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.agreement.values import Tlp
from allied.errors import AlliedError, MalformedError, NotFoundError, UnverifiedError
from allied.exchange.feed_forms import FORMS
from allied.node import feeds, organisations, recalls
from allied.node.feeds import Feeds, Fetched, NewFeed
from allied.node.rows import RemarkRow
from allied.record.ids import AgreementId
from tests.exchange.samples import indicator, made, statement_marking, tlp
from tests.node.hands import DEMO, HARBOUR, RIVER, allied, share
from tests.node.network import PASSPHRASE, START, House, Network

GREEN = tlp(Tlp.GREEN)


class Reader:
    """Whoever fetches feeds of a house."""

    def __init__(self, house: House, pact: str) -> None:
        self.house, self.pact = house, pact
        self.feeds = Feeds(house.node, house.keys)

    def make(self, form: str = "domain", **more: Any) -> NewFeed:
        house = self.house
        return feeds.create(house.node, house.organisation, agreement=self.pact, form=form, **more)

    def fetch(self, made: NewFeed, suffix: str = "", file: str = "") -> Fetched:
        file = file or FORMS[made.feed.form].file
        return self.feeds.fetch(f"{made.feed.id}.{made.secret}", file + suffix)

    def lines(self, made: NewFeed) -> list[str]:
        text = self.fetch(made).body.decode()
        return [line for line in text.splitlines() if not line.startswith(("# ", "; "))]


@pytest.fixture
def world(tmp_path: Path) -> tuple[Network, str]:
    return allied(tmp_path)


def reader(world: tuple[Network, str], label: str = HARBOUR) -> Reader:
    network, pact = world
    return Reader(network.houses[label], pact)


def shared(world: tuple[Network, str], *objects: Mapping[str, object], settle: bool = True) -> None:
    network, pact = world
    share(network.houses[RIVER], pact, *objects)
    if settle:
        network.settle()


def test_what_others_shared_is_on_the_list(world: tuple[Network, str]) -> None:
    mine = reader(world)
    feed = mine.make()
    assert mine.lines(feed) == []
    shared(world, indicator(1, object_marking_refs=GREEN), indicator(2, object_marking_refs=GREEN))
    assert mine.lines(feed) == ["n1.example", "n2.example"]
    text = mine.fetch(feed).body.decode()
    assert "# Source: river-harbour, as harbour holds it" in text
    assert "# Entries: 2" in text


@pytest.mark.parametrize(
    ("ceiling", "seen"),
    [
        ("CLEAR", []),
        ("GREEN", ["n1.example"]),
        ("tlp:amber", ["n1.example", "n2.example"]),
    ],
)
def test_nothing_above_the_ceiling_is_in_a_feed(
    world: tuple[Network, str], ceiling: str, seen: list[str]
) -> None:
    shared(
        world,
        indicator(1, object_marking_refs=GREEN),
        indicator(2, object_marking_refs=tlp(Tlp.AMBER)),
    )
    mine = reader(world)
    assert mine.lines(mine.make(tlp=ceiling)) == seen


def test_one_indicator_of_alternatives_fills_several_lists(world: tuple[Network, str]) -> None:
    pattern = "[domain-name:value = 'a.example'] OR [ipv4-addr:value = '198.51.100.7']"
    shared(
        world,
        indicator(1, pattern=pattern, object_marking_refs=GREEN),
        indicator(2, pattern="[file:name = 'x']", object_marking_refs=GREEN),
        indicator(3, pattern="rule x {}", pattern_type="yara", object_marking_refs=GREEN),
    )
    mine = reader(world)
    assert mine.lines(mine.make("domain")) == ["a.example"]
    assert mine.lines(mine.make("ipv4")) == ["198.51.100.7"]
    said = mine.fetch(mine.make("domain")).body.decode()
    assert "# Left out: 1 (no single values)" in said
    assert "# Left out: 1 (patterns of other languages)" in said


# --- permitted actions ------------------------------------------------------------------


def pap(colour: str, number: int = 7) -> dict[str, Any]:
    return statement_marking(number, definition_type="pap", definition={"pap": colour})


@pytest.mark.parametrize(
    ("colour", "blocked", "watched"),
    [
        pytest.param("green", True, True, id="may be acted on"),
        pytest.param("amber", False, True, id="seen outside indirectly: no blocking"),
        pytest.param("red", False, True, id="stays inside: may be watched for"),
    ],
)
def test_a_marking_keeps_its_items_out_of_lists_that_block(
    world: tuple[Network, str], colour: str, blocked: bool, watched: bool
) -> None:
    marking = pap(colour)
    shared(world, marking, indicator(1, object_marking_refs=[*GREEN, marking["id"]]))
    mine = reader(world)
    assert mine.lines(mine.make("domain")) == (["n1.example"] if blocked else [])
    zone = mine.lines(mine.make("rpz"))
    assert ("n1.example CNAME ." in zone) == blocked
    assert (len(mine.lines(mine.make("suricata-rules"))) == 2) == watched
    assert (len(mine.lines(mine.make("zeek"))) == 2) == watched


@pytest.mark.parametrize(
    ("clause", "own", "others"),
    [
        pytest.param("", True, True, id="the clause says nothing"),
        pytest.param(
            "permitted_actions: internally-visible", True, False, id="only inside one's own house"
        ),
        pytest.param("purpose: [research]", True, False, id="for another purpose"),
        pytest.param("purpose: [Network-Defence]", True, True, id="for this purpose"),
    ],
)
def test_the_clause_binds_those_who_received_it(
    tmp_path: Path, clause: str, own: bool, others: bool
) -> None:
    text = DEMO.replace(b"    duty: should\n", f"    duty: should\n    {clause}\n".encode(), 1)
    world = allied(tmp_path, text)
    shared(world, indicator(1, object_marking_refs=GREEN))
    for label, expected in ((RIVER, own), (HARBOUR, others)):
        mine = reader(world, label)
        assert bool(mine.lines(mine.make("domain"))) == expected, label


def test_a_feed_for_another_purpose_gets_what_is_shared_for_it(tmp_path: Path) -> None:
    text = DEMO.replace(b"    duty: should\n", b"    duty: should\n    purpose: [research]\n", 1)
    world = allied(tmp_path, text)
    shared(world, indicator(1, object_marking_refs=GREEN))
    mine = reader(world)
    assert mine.lines(mine.make("domain", purpose="research")) == ["n1.example"]


# --- what no longer stands --------------------------------------------------------------

LATER = "2026-03-02T12:00:00.000Z"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"revoked": True}, id="revoked"),
        pytest.param({"pattern": "[file:name = 'x']"}, id="about something else"),
        pytest.param({"object_marking_refs": tlp(Tlp.AMBER)}, id="marked above the ceiling"),
        pytest.param({"valid_until": "2026-04-01T00:00:00Z"}, id="ended already"),
    ],
)
def test_a_newer_version_replaces_the_older_on_the_next_request(
    world: tuple[Network, str], change: Mapping[str, object]
) -> None:
    mine = reader(world)
    feed = mine.make()
    shared(world, indicator(1, object_marking_refs=GREEN))
    assert mine.lines(feed) == ["n1.example"]
    fields: dict[str, object] = {"modified": LATER, "object_marking_refs": GREEN}
    shared(world, indicator(1, **(fields | dict(change))))
    assert mine.lines(feed) == []


def test_another_originator_replaces_nothing(world: tuple[Network, str]) -> None:
    network, pact = world
    shared(world, indicator(1, object_marking_refs=GREEN))
    share(
        network.houses[HARBOUR],
        pact,
        indicator(1, modified=LATER, revoked=True, object_marking_refs=GREEN),
    )
    network.settle()
    mine = reader(world)
    assert mine.lines(mine.make()) == ["n1.example"]


def test_time_alone_ends_and_begins_entries(world: tuple[Network, str]) -> None:
    network, _ = world
    hour = timedelta(hours=1)
    stamp = "%Y-%m-%dT%H:%M:%SZ"
    shared(
        world,
        indicator(1, object_marking_refs=GREEN, valid_until=(START + 2 * hour).strftime(stamp)),
        indicator(2, object_marking_refs=GREEN, valid_from=(START + 2 * hour).strftime(stamp)),
    )
    mine = reader(world)
    feed = mine.make()
    assert mine.lines(feed) == ["n1.example"]
    assert f"# Expires: {(START + 2 * hour).strftime(stamp)}" in mine.fetch(feed).body.decode()
    network.clock.advance(START + 2 * hour - timedelta(seconds=1) - network.clock.now())
    assert mine.lines(feed) == ["n1.example"]
    network.clock.advance(timedelta(seconds=1))
    assert mine.lines(feed) == ["n2.example"]


def test_a_value_stays_as_long_as_one_indicator_names_it(world: tuple[Network, str]) -> None:
    network, _ = world
    pattern = "[domain-name:value = 'evil.example']"
    stamp = (START + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    shared(
        world,
        indicator(1, pattern=pattern, object_marking_refs=GREEN, valid_until=stamp),
        indicator(2, pattern=pattern, object_marking_refs=GREEN),
    )
    mine = reader(world)
    feed, table = mine.make(), mine.make("jsonl")
    assert json.loads(mine.lines(table)[1])["indicators"] == [
        indicator(1)["id"], indicator(2)["id"],
    ]  # fmt: skip
    network.advance(timedelta(hours=3))
    assert mine.lines(feed) == ["evil.example"]
    assert json.loads(mine.lines(table)[1])["indicators"] == [indicator(2)["id"]]


# --- warning lists ----------------------------------------------------------------------


def warning(*entries: str, name: str = "resolvers") -> bytes:
    return json.dumps(
        {"name": name, "version": 1, "type": "hostname", "list": list(entries)}
    ).encode()


def test_what_gives_false_alarms_is_flagged_and_blocks_nothing(world: tuple[Network, str]) -> None:
    shared(world, indicator(1, object_marking_refs=GREEN), indicator(2, object_marking_refs=GREEN))
    mine = reader(world)
    feed, table = mine.make(), mine.make("jsonl")
    assert mine.lines(feed) == ["n1.example", "n2.example"]
    feeds.add_warning_lists(mine.house.node, [warning("n1.example")])
    assert mine.lines(feed) == ["n2.example"]
    assert "# Left out: 1 (on a warning list)" in mine.fetch(feed).body.decode()
    flags = {each["value"]: each["warning"] for each in map(json.loads, mine.lines(table)[1:])}
    assert flags == {"n1.example": ["resolvers"], "n2.example": []}
    feeds.add_warning_lists(mine.house.node, [warning("n2.example")])
    assert mine.lines(feed) == ["n1.example"]
    feeds.drop_warning_list(mine.house.node, "resolvers")
    assert mine.lines(feed) == ["n1.example", "n2.example"]


def test_lists_come_in_together_or_not_at_all(world: tuple[Network, str]) -> None:
    node = world[0].houses[RIVER].node
    with pytest.raises(AlliedError) as refusal:
        feeds.add_warning_lists(node, [warning("a.example"), b"{"])
    assert refusal.value.code == "warning-list.form"
    assert refusal.value.facts["list"] == 2
    assert feeds.list_warning_lists(node) == []
    (added,) = feeds.add_warning_lists(node, [warning("a.example")])
    assert (added.name, added.entries, added.matching) == ("resolvers", 1, "hostname")
    with pytest.raises(NotFoundError):
        feeds.drop_warning_list(node, "banks")


# --- addresses --------------------------------------------------------------------------


def test_only_the_right_address_opens_a_feed(world: tuple[Network, str]) -> None:
    mine = reader(world)
    made_, other = mine.make(), mine.make("ipv4")
    address = f"{made_.feed.id}.{made_.secret}"
    assert mine.feeds.fetch(address, "domain.txt").body
    for wrong, file in (
        (f"{made_.feed.id}.{other.secret}", "domain.txt"),
        (f"{other.feed.id}.{made_.secret}", "ipv4.txt"),
        (address, "ipv4.txt"),
        (address, "domain.txt.sig.sig"),
        (address, ""),
        (address[:-1], "domain.txt"),
        (address + "0", "domain.txt"),
        ("", "domain.txt"),
        ("\u0661" * len(address), "domain.txt"),
    ):
        with pytest.raises(NotFoundError) as refusal:
            mine.feeds.fetch(wrong, file)
        assert refusal.value.code == "feed.unknown"


def test_a_secret_is_kept_as_a_digest_alone(world: tuple[Network, str]) -> None:
    mine = reader(world)
    made_ = mine.make()
    with mine.house.node.store.read() as reading:
        (kept,) = reading.feeds(mine.house.organisation.id)
    assert made_.secret not in repr(kept)
    assert kept == replace(made_.feed)


def test_a_feed_ends_when_it_is_revoked_or_its_time_is_over(world: tuple[Network, str]) -> None:
    network, _ = world
    mine = reader(world)
    short, long = mine.make(lasts=timedelta(days=1)), mine.make(lasts=None)
    assert mine.fetch(short).body
    assert mine.fetch(long).body
    network.advance(timedelta(days=1))
    with pytest.raises(NotFoundError):
        mine.fetch(short)
    assert mine.fetch(long).body
    house = mine.house
    ended = feeds.revoke(house.node, house.organisation, long.feed.id)
    assert feeds.revoke(house.node, house.organisation, long.feed.id) == ended
    with pytest.raises(NotFoundError):
        mine.fetch(long)
    listed = feeds.list_feeds(house.node, house.organisation)
    assert {each.id for each in listed} == {short.feed.id, long.feed.id}


def test_only_its_organisation_ends_a_feed(world: tuple[Network, str]) -> None:
    mine = reader(world)
    made_ = mine.make()
    house = mine.house
    haulier = organisations.found(
        house.node, label="haulier", name="Haulier", url="", person="kim", passphrase=PASSPHRASE
    ).organisation
    with pytest.raises(NotFoundError):
        feeds.revoke(house.node, haulier, made_.feed.id)
    assert mine.fetch(made_).body
    with pytest.raises(NotFoundError) as refusal:
        feeds.create(house.node, haulier, agreement=mine.pact, form="domain")
    assert refusal.value.code == "feed.not-a-party"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"form": "pdf"}, "feed.form"),
        ({"tlp": "RED"}, "feed.ceiling"),
        ({"tlp": "pink"}, "feed.ceiling"),
        ({"purpose": ""}, "feed.purpose"),
        ({"purpose": "two\nlines"}, "feed.purpose"),
    ],
)
def test_what_no_feed_can_be(world: tuple[Network, str], wish: dict[str, str], code: str) -> None:
    with pytest.raises(AlliedError) as refusal:
        reader(world).make(**wish)
    assert refusal.value.code == code


# --- the same bytes ---------------------------------------------------------------------


def test_bytes_and_tag_stay_while_nothing_changes(world: tuple[Network, str]) -> None:
    network, _ = world
    shared(world, indicator(1, object_marking_refs=GREEN))
    mine = reader(world)
    feed = mine.make("rpz")
    first = mine.fetch(feed)
    network.advance(timedelta(minutes=5))
    shared(world, made("malware", 1, name="x", is_family=True, object_marking_refs=GREEN))
    assert mine.fetch(feed) == first
    again = Reader(mine.house, mine.pact)
    assert again.fetch(feed) == first
    shared(world, indicator(2, object_marking_refs=GREEN))
    second = mine.fetch(feed)
    assert second.tag != first.tag
    assert second.modified > first.modified


def test_a_signature_holds_for_these_bytes_and_no_others(world: tuple[Network, str]) -> None:
    network, _ = world
    shared(world, indicator(1, object_marking_refs=GREEN))
    mine = reader(world)
    feed = mine.make()
    body, signature = mine.fetch(feed).body, mine.fetch(feed, ".sig").body
    for house in network.houses.values():
        found = feeds.verify(house.node, body, signature)
        assert (found.label, found.organisation) == (HARBOUR, mine.house.organisation.id)
    river = network.houses[RIVER]
    with pytest.raises(UnverifiedError) as refusal:
        feeds.verify(river.node, body + b"x.example\n", signature)
    assert refusal.value.code == "feed.other-bytes"
    value = json.loads(signature)
    twisted = value | {"signature": "00" * 64}
    with pytest.raises(UnverifiedError) as refusal:
        feeds.verify(river.node, body, canonical(twisted))
    assert refusal.value.code == "feed.signature"
    own = json.loads(feeds.sign(river.keys, river.organisation.id, "domain.txt", body))
    with pytest.raises(UnverifiedError) as refusal:
        feeds.verify(river.node, body, canonical(value | {"key": own["key"]}))
    assert refusal.value.code == "feed.signer-unknown"
    for wrong in (b"", b"{}", signature[:-9], b"[" * 5_000):
        with pytest.raises(MalformedError) as unread:
            feeds.verify(river.node, body, wrong)
        assert unread.value.code == "feed.signature-form"


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


# --- a folder of events -----------------------------------------------------------------


def test_a_folder_of_misp_events_is_fetched_file_by_file(world: tuple[Network, str]) -> None:
    shared(world, indicator(1, object_marking_refs=GREEN))
    mine = reader(world)
    feed = mine.make("misp")
    assert feed.path.endswith("/")
    listed = json.loads(mine.fetch(feed, file="manifest.json").body)
    (name,) = listed
    event = json.loads(mine.fetch(feed, file=f"{name}.json").body)["Event"]
    assert [each["value"] for each in event["Attribute"]] == ["n1.example"]
    assert event["distribution"] == "1"
    before = mine.fetch(feed, file="hashes.csv")
    assert before.body.decode().endswith(f",{name}\n")
    signature = mine.fetch(feed, ".sig", "manifest.json").body
    manifest = mine.fetch(feed, file="manifest.json").body
    assert feeds.verify(mine.house.node, manifest, signature).label == HARBOUR
    shared(world, indicator(1, modified=LATER, revoked=True, object_marking_refs=GREEN))
    assert json.loads(mine.fetch(feed, file="manifest.json").body) == {}
    for gone in (f"{name}.json", "", "../manifest.json", "domain.txt"):
        with pytest.raises(NotFoundError):
            mine.feeds.fetch(f"{feed.feed.id}.{feed.secret}", gone)


# --- recall -----------------------------------------------------------------------------


def test_what_its_originator_recalls_leaves_the_feed(world: tuple[Network, str]) -> None:
    network, _ = world
    shared(world, indicator(1, object_marking_refs=GREEN), indicator(2, object_marking_refs=GREEN))
    mine, theirs = reader(world), reader(world, RIVER)
    feed, own = mine.make(), theirs.make()
    assert mine.lines(feed) == theirs.lines(own) == ["n1.example", "n2.example"]
    river = network.houses[RIVER]
    recalls.recall(river.node, river.actor, str(indicator(1)["id"]), mine.pact, "mistaken")
    assert theirs.lines(own) == ["n2.example"]
    network.settle()
    assert mine.lines(feed) == ["n2.example"]


def test_what_a_version_replaced_does_not_come_back_when_that_version_goes(
    world: tuple[Network, str],
) -> None:
    shared(world, indicator(1, object_marking_refs=GREEN), indicator(2, object_marking_refs=GREEN))
    shared(world, indicator(1, modified=LATER, revoked=True, object_marking_refs=GREEN))
    mine = reader(world)
    feed = mine.make()
    assert mine.lines(feed) == ["n2.example"]
    with mine.house.node.store.write() as writing:
        rows = writing.items(
            AgreementId(mine.pact), mine.house.organisation.id, limit=9, modified=LATER
        )
        assert len(rows) == 1
        writing.withdraw_items(rows, "retention", "", START, erase=True)
    assert mine.lines(feed) == ["n2.example"]


# --- what somebody here said ------------------------------------------------------------


def test_what_somebody_here_calls_a_false_alarm_blocks_nothing(world: tuple[Network, str]) -> None:
    shared(world, indicator(1, object_marking_refs=GREEN), indicator(2, object_marking_refs=GREEN))
    mine, theirs = reader(world), reader(world, RIVER)
    feed, table, other = mine.make(), mine.make("jsonl"), theirs.make()
    assert mine.lines(feed) == ["n1.example", "n2.example"]
    name, organisation = str(indicator(1)["id"]), mine.house.organisation.id
    with mine.house.node.store.write() as writing:
        for kind in ("note", "false-positive"):
            writing.add_remark(RemarkRow(organisation, name, kind, "ours", "kim", START))
        said = RemarkRow(organisation, str(indicator(2)["id"]), "note", "bad", "kim", START)
        writing.add_remark(said)
    assert mine.lines(feed) == ["n2.example"]
    assert "# Left out: 1 (called a false alarm here)" in mine.fetch(feed).body.decode()
    flags = {each["value"]: each["warning"] for each in map(json.loads, mine.lines(table)[1:])}
    assert flags == {"n1.example": ["false-positive"], "n2.example": []}
    assert theirs.lines(other) == ["n1.example", "n2.example"]
    with mine.house.node.store.write() as writing:
        writing.remove_remark(organisation, name, "false-positive", None)
    assert mine.lines(feed) == ["n1.example", "n2.example"]
