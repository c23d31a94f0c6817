"""What the pages say, to whom, and how they treat what others wrote."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from starlette.testclient import TestClient

from allied.entrypoints.console.showing import visible
from allied.node import agreements, proposals
from tests.console.stage import DEMO, Stage, reader


class Outline(HTMLParser):
    """What a machine sees of a page: its tags, and attributes that must not be there."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.ids: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value or "" for name, value in attrs if name == "id"]


@pytest.mark.parametrize(
    "name",
    [
        "overview", "agreement", "items", "item", "incidents", "incident", "report", "proposals",
        "proposal",
    ],
)  # fmt: skip
def test_every_page_has_one_heading_and_nothing_inline(
    name: str, stage: Stage, river: TestClient
) -> None:
    answer = river.get(stage.pages[name])
    assert answer.status_code == 200
    outline = Outline(answer.text)
    assert outline.tags.count("h1") == 1
    assert outline.tags.count("main") == 1
    assert "style" not in outline.tags
    assert not {each for each in outline.attributes if each == "style" or each.startswith("on")}
    assert len(outline.ids) == len(set(outline.ids))
    assert not re.search(r"<script(?![^>]*src=)", answer.text)


@pytest.mark.parametrize("name", ["overview", "items", "incident"])
def test_an_open_page_gets_its_content_alone(name: str, stage: Stage, river: TestClient) -> None:
    whole = river.get(stage.pages[name]).text
    part = river.get(stage.pages[name], headers={"HX-Request": "true"}).text
    assert part.strip().startswith('<div id="content"')
    assert "<html" not in part
    inner = part.split(">", 1)[1].rsplit("</div>", 1)[0].strip()
    assert inner in whole


def test_the_overview_says_what_awaits_and_how_fresh_peers_are(
    stage: Stage, river: TestClient
) -> None:
    text = river.get("/").text
    assert "river has to assist harbour" in text
    assert text.count("answering") == 2
    assert stage.house("harbour").organisation.name in text


def test_an_agreement_shows_signatures_meaning_and_text(stage: Stage, river: TestClient) -> None:
    text = river.get(f"/agreements/{stage.agreement}").text
    assert text.count(">bound<") == 3
    assert "A severe cyber attack on one of the two companies is met by both." in text
    assert "It must be invoked within seven days of becoming known." in text
    assert "form: {kind: contract, binding: yes, law: England and Wales}" in text


def test_who_has_not_signed_is_awaited_and_told_so(fresh: Stage) -> None:
    river, harbour = fresh.house("river"), fresh.house("harbour")
    text = DEMO.replace(b"id: river-harbour", b"id: second", 1)
    proposal = agreements.prepare(river.node, river.organisation, text, "second.yaml", {})
    agreements.propose(river.node, river.actor, proposal)
    agreements.sign(river.node, river.actor, "second")
    fresh.network.settle()
    with reader(harbour) as client:
        assert "harbour has not signed" in client.get("/").text
    agreements.sign(harbour.node, harbour.actor, "second")
    with reader(harbour) as client:
        assert "harbour has not signed" not in client.get("/").text


def test_an_item_says_to_whom_it_may_go_by_which_clause(stage: Stage, river: TestClient) -> None:
    text = river.get("/items/41").text
    assert "TLP:AMBER" in text
    assert "TLP:AMBER is above what this role observer receives" in text
    assert text.count("Art 1") == 2
    assert "as its originator signed" in text


def test_items_come_a_page_at_a_time(stage: Stage, river: TestClient) -> None:
    assert river.get("/items").text.count('href="/items/') == 41
    older = river.get("/items?before=3").text
    assert older.index('href="/items/2"') < older.index('href="/items/1"')
    assert older.count('href="/items/') == 2
    assert "The newest" in older
    assert river.get("/items?before=-1").status_code == 404


def test_a_proposal_shows_the_count_and_whom_it_awaits(stage: Stage, river: TestClient) -> None:
    listed = river.get("/proposals").text
    shown = river.get(f"/proposals/{stage.proposal}").text

    assert f'href="/proposals/{stage.proposal}"' in listed
    assert "A decision takes effect by its certificate." in listed
    assert "As counted here; effect: none yet: 2 of 2 have to count the same" in shown
    assert "~ life.term: 3 years -&gt; 5 years" in shown
    assert "Agreed between the nodes" in shown
    assert "votes of" in shown
    assert "You have not spoken yet" in shown
    assert "Here a yes also signs the new text; a no objects to it" in shown
    assert "Yes from river" in shown
    assert "term: 5 years" in shown
    assert "Odd &lt;script&gt;alert(1)&lt;/script&gt; ⟨U+202E⟩" in shown


def test_a_changed_text_is_shown_with_its_versions(fresh: Stage) -> None:
    """Put by Harbour, agreed to by River: the page shows what counts now, and since when."""
    house = fresh.house("river")
    with reader(house) as client:
        before = client.get(f"/agreements/{fresh.agreement}").text
    proposals.say(house.node, house.actor, fresh.proposal, proposals.Word("vote", "yes"))
    fresh.network.settle(4)
    with reader(house) as client:
        after = client.get(f"/agreements/{fresh.agreement}").text

    assert "Versions of the text" not in before
    assert "term: 3 years" in before
    assert "Versions of the text" in after
    assert "The text, version 2" in after
    assert "~ life.term: 3 years -&gt; 5 years" in after
    assert "term: 5 years" in after


def test_a_proposal_that_is_not_there_does_not_exist(river: TestClient) -> None:
    assert river.get("/proposals/" + "0" * 64).status_code == 404
    assert river.get("/proposals/x").status_code == 404


def test_who_has_no_vote_on_another_text_reads_it_all_the_same(stage: Stage) -> None:
    with reader(stage.house("northgate")) as client:
        shown = client.get(f"/proposals/{stage.proposal}").text
        assert "no vote" in client.get("/proposals").text
    assert "term: 5 years" in shown
    assert "You have not spoken yet" not in shown
    assert "a yes also signs" not in shown


def test_an_observer_sees_only_what_came_to_it(stage: Stage) -> None:
    with reader(stage.house("northgate")) as client:
        items = client.get("/items").text
        assert "TLP:AMBER" not in items
        assert "TLP:CLEAR" in items
        assert client.get(f"/incidents/{stage.incident}").status_code == 404
        assert "No incident has been reported" in client.get("/incidents").text


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/agreements/" + "0" * 64, id="no such agreement"),
        pytest.param("/agreements/river-harbour", id="an alias is no address"),
        pytest.param("/items/4000", id="no such item"),
        pytest.param("/items/1x", id="no number"),
        pytest.param("/items?agreement=" + "0" * 64, id="items of no agreement"),
        pytest.param("/incidents/" + "0" * 64, id="no such incident"),
        pytest.param("/incidents/terminal-wiper", id="a name is no address"),
    ],
)
def test_what_is_not_there_is_not_found(path: str, river: TestClient) -> None:
    assert river.get(path).status_code == 404


def test_an_organisation_sees_nothing_of_its_neighbours(stage: Stage) -> None:
    """Two organisations on one node: each console shows its own, and 404 for the other's."""
    with reader(stage.haulier) as client:
        overview = client.get("/").text
        assert "Haulier C" in overview
        assert "River Bank" not in overview
        assert "Harbour" not in overview
        for name in ("agreement", "item", "incident", "report"):
            assert client.get(stage.pages[name]).status_code == 404
        assert client.get("/items").text.count('href="/items/') == 0


def test_what_others_write_is_data(stage: Stage, river: TestClient) -> None:
    for path in ("/items/41", "/items?before=42"):
        text = river.get(path).text
        assert "<script>alert" not in text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "⟨U+202E⟩gnirts⟨U+0007⟩" in text
        assert "\u202e" not in text


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param("plain", "plain", id="plain text stays"),
        pytest.param("zwei\nZeilen\t!", "zwei\nZeilen\t!", id="lines and tabs stay"),
        pytest.param("naïve Ärzte 港", "naïve Ärzte 港", id="other scripts stay"),
        pytest.param("a\u202eb", "a⟨U+202E⟩b", id="turned direction"),
        pytest.param("a\u200bb", "a⟨U+200B⟩b", id="no width"),
        pytest.param("a\u00a0b", "a⟨U+00A0⟩b", id="another space"),
        pytest.param("a\x1b[2Jb", "a⟨U+001B⟩[2Jb", id="escape"),
        pytest.param("a\u2028b", "a⟨U+2028⟩b", id="another line end"),
    ],
)
def test_what_cannot_be_seen_is_made_visible(given: str, shown: str) -> None:
    assert visible(given) == shown


def test_an_incident_says_who_owes_what_by_when_and_why(stage: Stage, river: TestClient) -> None:
    text = river.get(f"/incidents/{stage.incident}").text
    assert "harbour invoked Art 2" in text
    assert "Assist: incident responders, forensics, spare capacity" in text
    assert "called by harbour" in text
    assert '<time datetime="2026-11-24T04:07:03Z">' in text
    assert text.count('class="deadline"') == 2


@pytest.mark.parametrize(
    ("hours", "missed"),
    [pytest.param(20, 0, id="in time"), pytest.param(24, 1, id="a day after the call")],
)
def test_a_deadline_that_passed_is_drawn_as_missed_unless_it_was_kept(
    hours: int, missed: int, fresh: Stage
) -> None:
    fresh.network.advance(timedelta(hours=hours))
    with reader(fresh.house()) as client:
        text = client.get(fresh.pages["incident"]).text
        overview = client.get("/").text
    assert text.count('class="deadline bad"') == missed  # the answer was in time
    assert ("not performed by the deadline" in text) is bool(missed)
    assert ('class="away past"' in overview) is bool(missed)
