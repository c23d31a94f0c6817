"""TAXII servers of others: what is pulled, by whose word it is here, and what is pushed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.adapters.outgoing import Outgoing
from allied.adapters.taxii import HttpServers
from allied.agreement.values import Tlp
from allied.entrypoints.rounds import Rounds
from allied.errors import AlliedError, ConflictError, NotFoundError, RefusedError, UsageError
from allied.node import items, neighbours, recalls
from allied.node.neighbour_rows import PULLED, PUSHED, Neighbour, Outcome
from allied.node.neighbours import COMPARE_AFTER, Wanted
from allied.node.shared import Wish
from allied.record.ids import AgreementId
from tests.exchange.samples import identity, indicator, link, malware, tlp
from tests.federation.houses import serving
from tests.node.copied import Founded
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, allied, held, share
from tests.node.network import House, Network
from tests.taxii.quirky import EPOCH, PATH, Quirks, Quirky

NEWER = "2026-04-01T12:00:00.000Z"


@dataclass
class Place:
    """River, an alliance, and two servers of others on loopback."""

    network: Network
    pact: AgreementId
    one: Quirky
    other: Quirky
    urls: tuple[str, str]

    @property
    def river(self) -> House:
        return self.network.houses[RIVER]

    def give(self, *objects: dict[str, Any], server: Quirky | None = None) -> None:
        """Objects on a server, a second apart."""
        server = server or self.one
        begun = (self.network.clock.now() - EPOCH) // timedelta(microseconds=1)
        at = max([begun, *(each[0] for each in server.given)])
        for number, each in enumerate(objects, start=1):
            server.given.append((at + number * 1_000_000, each))

    def add(self, label: str = "one", **changed: Any) -> Neighbour:
        url = self.urls[label == "other"] + PATH
        wanted = Wanted(url, label, self.pact, allowed_private=True)
        made, _ = neighbours.add(
            self.river.node, self.river.organisation, replace(wanted, **changed)
        )
        return made

    def exchange(self, label: str = "one", **how: Any) -> Outcome:
        """Once, as it is found in the store."""
        found = neighbours.find(self.river.node, self.river.organisation, label)
        return neighbours.exchange(self.river.node, self.river.keys, found, **how)

    def well(self, label: str = "one", **how: Any) -> Outcome:
        outcome = self.exchange(label, **how)
        assert outcome.problem == "", (outcome.problem, outcome.message)
        return outcome

    def has(self, house: str = RIVER) -> list[str]:
        return sorted(held(self.network.houses[house], self.pact))


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    root = tmp_path_factory.mktemp("founded")
    return Founded.of(root, *allied(root))


@pytest.fixture
def place(founded: Founded, tmp_path: Path) -> Iterator[Place]:
    outgoing = Outgoing()
    one, other = Quirky(), Quirky()
    with founded.copy(tmp_path / "houses") as network, serving(one) as first:
        river = network.houses[RIVER]
        river.node = replace(river.node, servers=HttpServers(outgoing, seconds=10))
        with serving(other) as second:
            yield Place(network, founded.pact, one, other, (first, second))
            outgoing.close()  # or the servers would wait for what is kept open


def ids(*objects: dict[str, Any]) -> list[str]:
    return sorted(each["id"] for each in objects)


def code(problem: pytest.ExceptionInfo[AlliedError]) -> str:
    return problem.value.code


# --- pulling --------------------------------------------------------------------------------


def test_what_is_pulled_is_for_the_own_tools_alone_unless_parties_are_named(place: Place) -> None:
    place.give(indicator(1), indicator(2))
    place.give(indicator(3), server=place.other)
    place.add()
    place.add("other", to=(HARBOUR,))
    assert place.well().pulled == 2
    assert place.well("other").pulled == 1
    place.network.settle()
    assert place.has() == ids(indicator(1), indicator(2), indicator(3))
    assert place.has(HARBOUR) == ids(indicator(3))
    assert place.has(NORTHGATE) == []


def test_what_is_pulled_goes_through_the_intake_like_anything_else(place: Place) -> None:
    place.give(
        indicator(1),
        indicator(2, object_marking_refs=tlp(Tlp.RED)),
        indicator(3, spec_version="2.0"),
        indicator(4, object_marking_refs=["marking-definition--" + indicator(4)["id"][11:]]),
        {"type": "indicator", "id": "indicator--odd", "modified": NEWER},
    )
    place.add(to=(HARBOUR,), tlp="amber")
    outcome = place.well()
    assert outcome.pulled == 1
    assert outcome.refused == {
        "exchange.above-ceiling": 1,
        "exchange.unknown-marking": 1,
        "stix.bad-id": 1,
        "stix.version": 1,
    }
    assert len(outcome.named) == 4
    assert place.has() == ids(indicator(1))
    view = items.show(place.river.node, place.river.organisation, indicator(1)["id"])
    assert view.item.tlp == "AMBER"
    with place.river.node.store.read() as reading:
        (found,) = reading.neighbours()
        said = {each.item for each in reading.carried(found.id, PULLED)}
    assert said == {indicator(1)["id"]}  # and nothing that was refused


def test_only_what_is_new_is_asked_for_and_a_killed_round_loses_nothing(place: Place) -> None:
    place.give(*(indicator(n) for n in range(1, 30)))
    place.one.quirks = Quirks(cap=5)
    place.add()
    place.one.status = 503
    failed = place.exchange()
    assert failed.problem == "neighbour.busy"
    place.one.status = 200
    assert place.well().pulled == 29
    place.one.asked.clear()
    again = place.well()
    assert (again.pulled, len(place.one.asked)) == (0, 1)
    place.give(indicator(30))
    assert place.well().pulled == 1
    assert len(place.has()) == 30


def test_what_is_held_already_is_not_shared_and_signed_again(place: Place) -> None:
    place.give(*(indicator(n) for n in range(1, 6)))
    place.add()
    place.well()
    with place.river.node.store.read() as reading:
        before = reading.changes()
    outcome = place.well(whole=False)
    assert (outcome.pulled, outcome.repeated) == (0, 1)
    with place.river.node.store.read() as reading:
        assert reading.changes() == before + 1  # that it went well, and nothing else


def test_what_refers_to_something_later_in_the_list_is_taken_in_all_the_same(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("allied.node.neighbours._BATCH", 2)
    place.one.quirks = Quirks(cap=1)
    one, two = indicator(1), malware(2)
    place.give(link(one, two), indicator(3), one, indicator(4), two, indicator(5))
    place.add()
    assert place.well().refused == {}
    assert link(one, two)["id"] in place.has()


@pytest.mark.parametrize(
    "odd",
    [
        Quirks(cap=2, following="none"),
        Quirks(cap=2, inclusive=True, digits=3),
        Quirks(cap=2, following="ignored"),
        Quirks(cap=2, following="once", times=2),
    ],
    ids=["more without next", "at or after", "next passed over", "pages twice"],
)
def test_servers_with_quirks_give_everything_once(place: Place, odd: Quirks) -> None:
    place.one.quirks = odd
    place.give(*(indicator(n) for n in range(1, 12)))
    place.add()
    outcome = place.well()
    assert (outcome.pulled, outcome.repeated) == (11, 0)


def test_newer_versions_come_and_the_older_ones_are_no_removal(place: Place) -> None:
    place.give(indicator(1))
    place.add()
    place.well()
    place.one.given.clear()
    place.give(indicator(1, modified=NEWER))
    outcome = place.well(whole=True)
    assert (outcome.pulled, outcome.removed) == (1, 0)
    assert len(place.has()) == 2


# --- by whose word --------------------------------------------------------------------------


def test_a_remote_delete_removes_only_what_that_remote_asserted(place: Place) -> None:
    """Others' issue trackers: a deletion at one source took away what another source had."""
    share(place.river, place.pact, indicator(1), wish=None)
    place.give(indicator(1), indicator(2), indicator(3), indicator(4))
    place.give(indicator(2), indicator(5), server=place.other)
    place.add()
    place.add("other")
    place.well()
    place.well("other")
    share(place.river, place.pact, indicator(3))  # people here say it too
    place.one.given.clear()
    place.give(indicator(6))
    outcome = place.well(whole=True)
    assert (outcome.pulled, outcome.removed) == (1, 1)
    assert place.has() == ids(*(indicator(n) for n in (1, 2, 3, 5, 6)))  # 4 alone is gone
    place.other.given.clear()
    assert place.well("other", whole=True).removed == 2
    assert place.has() == ids(*(indicator(n) for n in (1, 3, 6)))


def test_what_is_gone_at_the_source_is_recalled_from_those_who_got_it(place: Place) -> None:
    place.give(indicator(1), indicator(2))
    place.add(to=(HARBOUR,))
    place.well()
    place.network.settle()
    assert place.has(HARBOUR) == ids(indicator(1), indicator(2))
    del place.one.given[0]
    assert place.well(whole=True).removed == 1
    place.network.settle()
    assert place.has(HARBOUR) == ids(indicator(2))


def test_a_source_is_compared_once_a_day(place: Place) -> None:
    place.give(indicator(1), indicator(2))
    place.add()
    place.well()
    del place.one.given[0]
    assert place.well().removed == 0
    place.network.advance(COMPARE_AFTER)
    assert place.well().removed == 1
    assert place.has() == ids(indicator(2))


def test_a_source_that_vanishes_at_once_is_not_believed_without_a_person(place: Place) -> None:
    place.give(*(indicator(n) for n in range(1, 60)))
    place.add()
    place.well()
    place.one.given.clear()
    assert place.exchange(whole=True).problem == "neighbour.vanished"
    assert len(place.has()) == 59
    assert place.well(whole=True, believe=True).removed == 59
    assert place.has() == []


def test_a_manifest_that_was_not_read_to_its_end_removes_nothing(place: Place) -> None:
    place.give(*(indicator(n) for n in range(1, 10)))
    place.add()
    place.well()
    place.one.quirks = Quirks(cap=2, following="none", digits=None)
    assert place.exchange(whole=True).problem == "neighbour.stuck"
    assert len(place.has()) == 9


def test_what_people_recalled_does_not_come_back_from_a_source(place: Place) -> None:
    place.give(indicator(1), indicator(2))
    place.add()
    place.well()
    river = place.river
    recalls.recall(river.node, river.actor, indicator(1)["id"], place.pact, "wrong")
    outcome = place.well(whole=True)
    assert outcome.refused == {"exchange.recalled": 1}
    assert place.has() == ids(indicator(2))


def test_other_bytes_of_a_version_that_is_held_are_told_and_not_asserted(place: Place) -> None:
    place.give(indicator(1))
    place.give(indicator(1, name="other bytes"), server=place.other)
    place.add()
    place.add("other")
    place.well()
    assert place.well("other").refused == {"exchange.other-bytes": 1}
    place.other.given.clear()
    assert place.well("other", whole=True).removed == 0
    assert place.has() == ids(indicator(1))


def test_a_source_that_says_a_version_in_two_ways_still_is_the_one_that_said_it(
    place: Place,
) -> None:
    place.give(indicator(1), indicator(2))
    place.add()
    place.well()
    place.give(indicator(1, name="other bytes"))
    assert place.well().refused == {"exchange.other-bytes": 1}
    assert place.has() == ids(indicator(1), indicator(2))
    place.one.given.clear()
    place.give(indicator(2))
    assert place.well(whole=True).removed == 1
    assert place.has() == ids(indicator(2))


def test_what_came_from_a_neighbour_that_is_forgotten_is_the_own(place: Place) -> None:
    place.give(indicator(1))
    place.add()
    place.well()
    neighbours.remove(place.river.node, place.river.organisation, "one")
    place.add()
    place.one.given.clear()
    assert place.well(whole=True).removed == 0
    assert place.has() == ids(indicator(1))


# --- pushing --------------------------------------------------------------------------------


def test_what_is_pushed_is_what_the_party_would_get(place: Place) -> None:
    made_by = identity(9)
    share(place.river, place.pact, indicator(1), made_by, malware(2, created_by_ref=made_by["id"]))
    only = Wish(to=(NORTHGATE,))
    share(place.river, place.pact, indicator(3), wish=only)
    place.add(party=HARBOUR, pulls=False)
    place.network.settle(rounds=1)
    harbour = place.has(HARBOUR)
    outcome = place.well()
    assert sorted(each["id"] for each in place.one.added) == harbour
    assert indicator(3)["id"] not in harbour
    assert outcome.pushed == len(harbour)
    with place.river.node.store.read() as reading:
        own = place.river.organisation.id
        rows = reading.ledger(own, agreement=place.pact, recipient=HARBOUR)
        assert {row.via for row in rows if row.outcome == "released"} == {"federation", "taxii"}
    assert place.well().pushed == 0  # nothing new
    share(place.river, place.pact, indicator(4))
    assert place.well().pushed == 1


def test_what_is_recalled_is_deleted_where_it_was_pushed(place: Place) -> None:
    share(place.river, place.pact, indicator(1), indicator(2))
    place.add(party=HARBOUR, pulls=False)
    assert place.well().pushed == 2
    river = place.river
    recalls.recall(river.node, river.actor, indicator(1)["id"], place.pact, "wrong")
    outcome = place.well()
    assert outcome.deleted == 1
    version = indicator(1)["modified"]
    (gone,) = place.one.deleted
    assert gone.replace("%3A", ":") == f"{indicator(1)['id']}/?match[version]={version}"
    assert place.well().deleted == 0
    with river.node.store.read() as reading:
        (found,) = reading.neighbours()
        assert [each.item for each in reading.carried(found.id, PUSHED)] == ids(indicator(2))


def test_envelopes_are_as_long_as_the_server_takes(place: Place) -> None:
    given = [indicator(n, description="x" * 400) for n in range(1, 30)]
    huge = indicator(30, description="x" * 9_990)
    share(place.river, place.pact, *given, huge)
    place.one.longest = 2_000
    place.add(party=HARBOUR, pulls=False)
    outcome = place.well()
    assert (outcome.pushed, outcome.kept) == (29, 1)
    assert len([each for each in place.one.asked if each.startswith("POST")]) > 5


def test_a_server_that_is_down_gets_the_same_later(place: Place) -> None:
    share(place.river, place.pact, indicator(1))
    place.add(party=HARBOUR, pulls=False)
    place.one.status = 500
    assert place.exchange().problem == "neighbour.busy"
    place.one.status = 200
    assert place.well().pushed == 1


# --- adding and asking ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "problem", "expected"),
    [
        ({"url": "https://taxii.example/"}, UsageError, "neighbour.url"),
        ({"url": "ftp://taxii.example/a/collections/b/"}, UsageError, "neighbour.url"),
        ({"url": "https://kim:x@taxii.example/a/collections/b/"}, UsageError, "neighbour.url"),
        ({"url": "https://taxii.example/a/collections/b/?x=1"}, UsageError, "neighbour.url"),
        ({"url": "https://[::1/a/collections/b/"}, UsageError, "neighbour.url"),
        ({"label": "a b"}, UsageError, "neighbour.label"),
        ({"pulls": False}, UsageError, "neighbour.nothing"),
        ({"every_seconds": 1}, UsageError, "neighbour.every"),
        ({"tlp": "PURPLE"}, UsageError, "share.tlp"),
        ({"to": ("nobody",)}, UsageError, "neighbour.party"),
        ({"party": RIVER}, UsageError, "neighbour.party"),
        ({"agreement": "nothing"}, NotFoundError, "agreement.unknown"),
        ({"allowed_private": False}, AlliedError, "neighbour.private-address"),
        ({"secret_file": "/nowhere/at/all"}, UsageError, "neighbour.secret-file"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_cannot_be_a_neighbour(
    place: Place, changed: dict[str, Any], problem: type[AlliedError], expected: str
) -> None:
    with pytest.raises(problem) as refusal:
        place.add(**changed)
    assert code(refusal) == expected
    assert place.add().label == "one"  # the twin that passes


def test_a_label_names_one_neighbour(place: Place) -> None:
    place.add()
    with pytest.raises(ConflictError):
        place.add()
    with pytest.raises(NotFoundError):
        neighbours.find(place.river.node, place.river.organisation, "nobody")


def test_a_collection_that_cannot_be_written_is_not_pushed_to(place: Place) -> None:
    place.one.can_write = False
    with pytest.raises(RefusedError) as refusal:
        place.add(party=HARBOUR)
    assert code(refusal) == "neighbour.cannot-write"
    place.add()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (301, "neighbour.redirect"),
        (401, "neighbour.not-let-in"),
        (403, "neighbour.not-let-in"),
        (404, "neighbour.not-found"),
        (406, "neighbour.says"),
        (429, "neighbour.busy"),
        (500, "neighbour.busy"),
    ],
)
def test_what_a_server_says_is_told_and_asked_again_later(
    place: Place, status: int, expected: str
) -> None:
    made = place.add()
    place.one.status = status
    outcome = place.exchange()
    assert outcome.problem == expected
    found = neighbours.find(place.river.node, place.river.organisation, "one")
    assert (found.failures, found.last_problem) == (1, expected)
    assert neighbours.due(place.river.node) == []
    place.network.advance(timedelta(seconds=made.every_seconds))
    assert [each.label for each in neighbours.due(place.river.node)] == ["one"]
    place.one.status = 200
    place.well()
    found = neighbours.find(place.river.node, place.river.organisation, "one")
    assert (found.failures, found.last_problem) == (0, "")


@pytest.mark.parametrize("user", ["kim", ""], ids=["Basic", "Bearer"])
def test_the_secret_lies_in_a_file_that_only_its_owner_reads(
    place: Place, tmp_path: Path, user: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    secret.chmod(0o644)
    with pytest.raises(UsageError):
        place.add(user=user, secret_file=str(secret))
    secret.chmod(0o600)
    place.add(user=user, secret_file=str(secret))
    place.well()
    shown = place.one.shown[-1]
    if user:
        assert base64.b64decode(shown.removeprefix("Basic ")) == b"kim:open sesame"
    else:
        assert shown == "Bearer open sesame"


def test_a_server_that_speaks_no_taxii_is_told(place: Place) -> None:
    place.add()
    place.one.garbage = b"<html>"
    assert place.exchange().problem == "neighbour.garbage"
    place.one.garbage = b'{"objects":' + b"[" * 100_000
    assert place.exchange().problem == "neighbour.garbage"
    place.one.garbage = None
    place.well()


def test_rounds_ask_who_is_due(place: Place) -> None:
    place.give(indicator(1))
    place.add()
    river = place.river
    rounds = Rounds(river.node, river.keys, lambda: True, look_seconds=0.01)
    rounds.start()
    for _ in range(500):
        if not neighbours.due(river.node):
            break
        rounds._stopping.wait(0.01)
    rounds.stop()
    assert place.has() == ids(indicator(1))
