"""Reading lists of servers that do wrong what real ones do wrong: it ends, and nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from allied.adapters.outgoing import Outgoing
from allied.adapters.taxii import HttpServers
from allied.errors import RefusedError
from allied.node import servers
from allied.node.servers import Page, Server
from allied.node.walking import DONE, STUCK, UNFINISHED, Mark, Place, Walk
from tests.exchange.samples import indicator
from tests.federation.houses import serving
from tests.taxii.quirky import PATH, Quirks, Quirky

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BEGIN = 1_795_392_000_000_000
"""2026-11-23T00:00:00Z in microseconds."""


@dataclass
class Line:
    """The quirky server, and who asks it over loopback."""

    server: Quirky
    url: str
    asking: HttpServers

    def ask(self, parameters: Mapping[str, str]) -> Page:
        where = Server(self.url, PATH, "", "", allowed_private=True)
        target = f"{PATH}objects/?{urlencode(parameters)}"
        return servers.page(self.asking.ask(where, "GET", target, b"", limit=1 << 20))

    def walk(self, place: Place) -> tuple[list[str], Walk, Place]:
        """What one walk brings, by id; it must end."""
        walk = Walk(self.ask, place, NOW)
        found: list[str] = []
        for step in walk.steps():
            found += [json.loads(raw)["id"] for raw in step.raws]
            place = step.place
        assert walk.requests <= 2_000
        return found, walk, place


@pytest.fixture(scope="module")
def line() -> Iterator[Line]:
    quirky = Quirky()
    with serving(quirky) as url, closing(Outgoing()) as outgoing:
        yield Line(quirky, url, HttpServers(outgoing))


def dated(gaps: list[int], first: int = 1) -> list[tuple[int, dict[str, object]]]:
    """Objects with these gaps between their dates, in microseconds."""
    at, found = BEGIN, []
    for number, gap in enumerate(gaps, start=first):
        at += gap
        found.append((at, indicator(number)))
    return found


quirks = st.builds(
    Quirks,
    cap=st.integers(1, 7),
    inclusive=st.booleans(),
    following=st.sampled_from(["good", "good", "none", "once", "ignored", "forgotten"]),
    digits=st.sampled_from([6, 6, 3, 0, 5, None]),
    times=st.integers(1, 2),
    loops=st.booleans(),
    empty=st.booleans(),
    more=st.sampled_from([True, "true", 1]),
    numbers=st.booleans(),
    picky=st.booleans(),
)
gaps = st.lists(st.sampled_from([0, 0, 1, 3, 400, 999, 1_000, 70_000, 1_000_000]), max_size=25)


def can_be_walked(odd: Quirks, given: list[tuple[int, dict[str, object]]]) -> bool:
    """Whether the server gives any way past each page.

    With `next` it does. Without it only dates lead on, and they do unless as many objects as a
    page holds share one date as far as the server writes it.
    """
    if odd.following in {"good", "once"}:
        return True
    if odd.digits is None:
        return len(given) <= odd.cap
    unit = 10 ** (6 - (min(odd.digits, 3) if odd.picky else odd.digits))
    # A page begins one unit before its mark: what lies there and at the mark has to fit.
    cut = [at // unit for at, _ in given]
    return all(sum(each - 1 <= other <= each for other in cut) < odd.cap for each in cut)


@given(quirks, gaps, st.lists(gaps, max_size=3))
@settings(suppress_health_check=[HealthCheck.too_slow])
@example(Quirks(cap=2, following="none", digits=3), [0, 400, 400, 400, 400], [])
@example(Quirks(cap=2, following="none"), [0, 1, 1, 1, 1, 1], [[0, 1], [1]])
@example(Quirks(cap=3, following="ignored", inclusive=True), [0, 0, 1, 1_000, 1_000, 0], [])
@example(Quirks(cap=1, loops=True, times=2, empty=True), [0, 0, 0, 0], [[0], [0]])
@example(Quirks(cap=1, following="once", digits=None), [0, 0, 0, 0], [[0], [0]])
def test_a_walk_ends_and_loses_nothing(
    line: Line, odd: Quirks, first: list[int], later: list[list[int]]
) -> None:
    server = line.server
    server.quirks, server.given = odd, dated(first)
    place, seen = Place(), []
    for more in [*later, []]:
        found, walk, place = line.walk(place)
        seen += found
        whole = {each["id"] for _, each in server.given}
        assert len(set(found)) == len(found)
        assert walk.ended in {DONE, STUCK}
        if walk.ended == DONE or can_be_walked(odd, server.given):
            assert set(seen) == whole
        mark = Mark.read(place.mark)
        if mark is not None:  # whatever it says: nothing before the mark was passed over
            assert {each["id"] for at, each in server.given if at * 1_000 < mark.at} <= set(seen)
        begun = server.given[-1][0] - BEGIN if server.given else 0
        added = dated([begun, *more], len(server.given))[1:]
        server.given = [*server.given, *added]


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param(Quirks(cap=3), id="as it should be"),
        pytest.param(Quirks(cap=3, inclusive=True), id="added_after is at or after"),
        pytest.param(Quirks(cap=3, following="none"), id="more without next"),
        pytest.param(Quirks(cap=3, following="forgotten"), id="next is refused"),
        pytest.param(Quirks(cap=3, following="ignored"), id="next is passed over"),
        pytest.param(Quirks(cap=3, following="once"), id="next works once"),
        pytest.param(Quirks(cap=3, digits=3), id="dates cut to milliseconds"),
        pytest.param(Quirks(cap=3, digits=0), id="dates cut to seconds"),
        pytest.param(Quirks(cap=3, digits=None), id="no dates"),
        pytest.param(Quirks(cap=3, times=2), id="pages come twice"),
        pytest.param(Quirks(cap=3, loops=True), id="the end leads to the start"),
        pytest.param(Quirks(cap=3, empty=True), id="empty pages between"),
        pytest.param(Quirks(cap=3, more="true", numbers=True), id="odd types"),
        pytest.param(Quirks(cap=3, more=None), id="next without more"),
        pytest.param(Quirks(cap=3, picky=True), id="dates with few digits only"),
    ],
)
def test_one_quirk_at_a_time(line: Line, odd: Quirks) -> None:
    server = line.server
    server.quirks, server.given = odd, dated([2_000_000] * 10)
    found, walk, place = line.walk(Place())
    assert found == [each["id"] for _, each in server.given]
    assert walk.ended == (STUCK if odd.loops else DONE)
    again, _, place = line.walk(place)
    assert set(again) <= set(found)
    server.given = dated([2_000_000] * 11)
    newest, _, _ = line.walk(place)
    assert indicator(11)["id"] in newest


def test_an_idle_poll_is_one_request(line: Line) -> None:
    server = line.server
    server.quirks, server.given = Quirks(cap=1_000), dated([1_000] * 10)
    _, _, place = line.walk(Place())
    found, walk, _ = line.walk(place)
    assert (len(found) <= 2, walk.requests <= 2) == (True, True)


def test_more_of_one_date_than_the_server_gives_is_said_and_not_passed_over(line: Line) -> None:
    server = line.server
    server.quirks = Quirks(cap=3, following="none")
    server.given = dated([2_000_000, *[0] * 4, 2_000_000])
    found, walk, place = line.walk(Place())
    assert (found, walk.ended) == ([indicator(n)["id"] for n in (1, 2, 3)], STUCK)
    server.quirks = replace(server.quirks, cap=6)  # its operator raises the limit
    more, walk, _ = line.walk(place)
    assert {*found, *more} == {indicator(n)["id"] for n in range(1, 7)}
    assert walk.ended == DONE


def test_a_walk_that_is_cut_off_goes_on_where_it_was(line: Line) -> None:
    server = line.server
    server.quirks, server.given = Quirks(cap=2), dated([0] * 20)  # one date: only `next` leads on
    place = Place()
    seen: list[bytes] = []
    for _ in range(30):
        walk = Walk(line.ask, place, NOW, most_requests=3)
        for step in walk.steps():
            seen += step.raws
            place = step.place
        if walk.ended == DONE:
            break
        assert walk.ended == UNFINISHED
    assert {json.loads(raw)["id"] for raw in seen} == {each["id"] for _, each in server.given}


def test_a_server_that_never_stops_inventing_is_left_after_a_while() -> None:
    asked = 0

    def endless(parameters: Mapping[str, str]) -> Page:
        nonlocal asked
        asked += 1
        return Page((b"%d" % asked,), more=True, following=str(asked), dated="")

    walk = Walk(endless, Place(), NOW, most_objects=500)
    assert sum(len(step.raws) for step in walk.steps()) == 500
    assert walk.ended == UNFINISHED


def test_a_date_far_ahead_is_no_mark() -> None:
    def ahead(parameters: Mapping[str, str]) -> Page:
        return Page((b"1",), more=False, following="", dated="9999-12-31T23:59:59Z")

    (step,) = Walk(ahead, Place(), NOW).steps()
    assert step.place == Place()


def test_a_refusal_is_told_and_not_walked_round() -> None:
    def closed(parameters: Mapping[str, str]) -> Page:
        raise RefusedError("neighbour.not-let-in", "no")

    with pytest.raises(RefusedError):
        list(Walk(closed, Place(), NOW).steps())


@pytest.mark.parametrize(
    ("text", "far", "near"),
    [
        ("2026-11-23T00:00:00.123456Z", "23T00:00:00.122456Z", "23T00:00:00.123455Z"),
        ("2026-11-23T00:00:00.123Z", "23T00:00:00.122000Z", "23T00:00:00.122000Z"),
        ("2026-11-23T00:00:00Z", "22T23:59:59.000000Z", "22T23:59:59.000000Z"),
        ("2026-11-23T01:00:00.5+01:00", "23T00:00:00.400000Z", "23T00:00:00.400000Z"),
        ("2026-11-23T00:00:00.123456789Z", "23T00:00:00.122456Z", "23T00:00:00.123456Z"),
        ("1970-01-01T00:00:00Z", "01T00:00:00.000000Z", "01T00:00:00.000000Z"),
    ],
)
def test_where_a_pass_begins(text: str, far: str, near: str) -> None:
    mark = Mark.read(text)
    assert mark is not None
    assert mark.before(far=True).endswith(far)
    assert mark.before(far=False).endswith(near)


@pytest.mark.parametrize("text", ["", "undefined", "2026-11-23", "2026-13-01T00:00:00Z", "x" * 64])
def test_what_is_no_date_is_no_mark(text: str) -> None:
    assert Mark.read(text) is None


def test_a_mark_is_believed_up_to_a_day_ahead() -> None:
    for hours, believed in ((0, True), (23, True), (25, False)):
        mark = Mark.read((NOW + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ"))
        assert mark is not None
        assert mark.is_within(NOW) is believed
