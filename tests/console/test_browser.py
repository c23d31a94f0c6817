"""The console in a real browser: on a phone, on paper, by keyboard, live and no longer live."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from allied.node import agreements, people
from tests.console.stage import DEMO, Served, Stage, link_path

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SHOTS = ROOT / ".cache" / "console"  # ignored by git
PAGES = [
    "overview", "agreement", "items", "item", "incidents", "incident", "report", "proposals",
    "proposal",
]  # fmt: skip
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation",
    (event) => window.violations.push(event.violatedDirective + " " + event.blockedURI));
"""


@pytest.fixture
def at_river(page: Page, served: Served) -> Page:
    """A browser that is logged in at River's console, and notes what the policy blocks."""
    return logged_in(page, served)


def logged_in(page: Page, served: Served) -> Page:
    page.add_init_script(WATCH)
    page.set_default_timeout(30_000)
    expect.set_options(timeout=10_000)
    page.goto(served.url + link_path(served.house))
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(served.house.organisation.name)
    return page


def live(page: Page) -> None:
    expect(page.locator("#live")).to_have_attribute("data-state", "live")


@pytest.fixture
def taken_down(fresh: Stage) -> Iterator[Served]:
    """A console that a test may change and take down."""
    server = Served(fresh.house(), 0)
    server.start()
    yield server
    server.stop()


@pytest.mark.parametrize("name", PAGES)
def test_axe_and_the_policy_find_nothing(
    name: str, at_river: Page, served: Served, stage: Stage
) -> None:
    complaints: list[str] = []
    schemes: list[Literal["light", "dark"]] = ["light", "dark"]

    def note(said: ConsoleMessage) -> None:
        if said.type == "error":
            complaints.append(said.text)

    at_river.on("console", note)
    at_river.on("pageerror", lambda error: complaints.append(str(error)))
    for scheme in schemes:
        at_river.emulate_media(color_scheme=scheme)
        at_river.goto(served.url + stage.pages[name])
        live(at_river)
        found = Axe().run(at_river)
        assert found.violations_count == 0, found.generate_report()
        assert at_river.evaluate("window.violations") == []
        at_river.screenshot(path=SHOTS / f"{name}-{scheme}.png", full_page=True)
    assert complaints == []


def test_axe_finds_nothing_at_the_door(page: Page, served: Served) -> None:
    for path in ("/login", link_path(served.house), "/login/x"):
        page.goto(served.url + path)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
    page.screenshot(path=SHOTS / "login.png")


@pytest.mark.parametrize("name", PAGES)
def test_a_phone_is_wide_enough(name: str, at_river: Page, served: Served, stage: Stage) -> None:
    at_river.set_viewport_size({"width": 375, "height": 812})
    at_river.goto(served.url + stage.pages[name])
    live(at_river)
    assert at_river.evaluate("document.documentElement.scrollWidth") <= 375
    small = at_river.eval_on_selector_all(
        "button, nav a, .pager a, .button",
        "all => all.filter(e => e.getBoundingClientRect().height < 44).map(e => e.textContent)",
    )
    assert small == []
    found = Axe().run(at_river)
    assert found.violations_count == 0, found.generate_report()
    at_river.screenshot(path=SHOTS / f"{name}-narrow.png", full_page=True)


def test_without_javascript_everything_can_be_read(
    browser: Browser, served: Served, stage: Stage
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(served.url + link_path(served.house))
    page.get_by_role("button", name="Log in").click()
    expect(page.locator("#live")).to_contain_text("As of 2026-11-23")
    page.get_by_role("link", name="Mutual cyber defence pact").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Mutual cyber defence pact")
    page.get_by_role("link", name="Incidents").click()
    page.get_by_role("link", name="A wiper stops").click()
    expect(page.get_by_role("img", name="Time line of the incident")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("This console opens with a link")
    context.close()


def test_on_paper_the_marking_keeps_its_ground(
    at_river: Page, served: Served, stage: Stage
) -> None:
    at_river.set_viewport_size({"width": 718, "height": 1000})  # A4 less its margins
    at_river.emulate_media(media="print")
    for name in ("item", "incident", "agreement"):
        at_river.goto(served.url + stage.pages[name])
        if name != "agreement":
            banner = at_river.locator(".banner")
            expect(banner).to_have_css("background-color", "rgb(0, 0, 0)")
            expect(banner).to_have_css("print-color-adjust", "exact")
            expect(banner).to_have_css("border-top-style", "solid")
        expect(at_river.locator("footer")).to_contain_text(served.url + stage.pages[name])
        expect(at_river.locator("footer time")).to_be_visible()
        expect(at_river.get_by_role("navigation", name="Pages")).to_be_hidden()
        assert at_river.evaluate("document.documentElement.scrollWidth") <= 718
        at_river.screenshot(path=SHOTS / f"{name}-print.png", full_page=True)
    assert at_river.pdf(format="A4").startswith(b"%PDF")


def test_the_keyboard_reaches_the_content_first(at_river: Page) -> None:
    at_river.keyboard.press("Tab")
    expect(at_river.get_by_text("Skip to the content")).to_be_focused()
    at_river.keyboard.press("Enter")
    expect(at_river.locator("main")).to_be_focused()


def test_what_changed_appears_and_focus_and_place_stay(
    page: Page, fresh: Stage, taken_down: Served
) -> None:
    logged_in(page, taken_down)
    live(page)
    page.set_viewport_size({"width": 900, "height": 400})
    link = page.get_by_role("link", name="Mutual cyber defence pact")
    link.focus()
    page.evaluate("window.scrollTo(0, 150)")
    page.evaluate("window.sameDocument = true")

    river = fresh.house()
    text = DEMO.replace(b"id: river-harbour", b"id: second", 1)
    text = text.replace(b"title: Mutual cyber defence pact of", b"title: A second pact of", 1)
    proposal = agreements.prepare(river.node, river.organisation, text, "second.yaml", {})
    agreements.propose(river.node, river.actor, proposal)

    expect(page.get_by_role("link", name="A second pact of", exact=False).first).to_be_visible()
    expect(page.get_by_text("river has not signed")).to_be_visible()
    expect(link).to_be_focused()
    assert page.evaluate("window.scrollY") == 150
    assert page.evaluate("window.sameDocument")


def test_a_page_says_since_when_it_is_not_live_and_comes_back(
    page: Page, taken_down: Served
) -> None:
    logged_in(page, taken_down)
    live(page)
    assert taken_down.stop() < 1.0
    strip = page.get_by_role("status")
    expect(strip).to_contain_text("Not live since ")
    assert Axe().run(page).violations_count == 0
    page.screenshot(path=SHOTS / "not-live.png")
    taken_down.start()
    expect(strip).to_have_text("Live")


def test_a_page_whose_session_ended_shows_nothing_any_more(page: Page, taken_down: Served) -> None:
    logged_in(page, taken_down)
    live(page)
    cookie = next(each for each in page.context.cookies() if "allied" in each["name"])
    people.log_out(taken_down.house.node, cookie["value"])
    expect(page.get_by_role("heading", level=1)).to_have_text("You are logged out")
    expect(page.get_by_text("Harbour")).to_have_count(0)


def test_consoles_on_other_ports_keep_their_sessions(
    at_river: Page, served: Served, stage: Stage
) -> None:
    harbour = Served(stage.house("harbour"), 0)
    harbour.start()
    try:
        logged_in(at_river, harbour)
        at_river.goto(served.url)
        expect(at_river.get_by_role("heading", level=1)).to_have_text("River Bank plc")
    finally:
        harbour.stop()


@pytest.mark.skipif(
    not os.environ.get("ALLIED_SCREENSHOTS"), reason="takes the README's picture when asked to"
)
def test_the_picture_of_the_readme(at_river: Page, served: Served, stage: Stage) -> None:
    at_river.set_viewport_size({"width": 1200, "height": 900})
    at_river.goto(served.url + stage.pages["incident"])
    live(at_river)
    folder = ROOT / "docs" / "images"
    folder.mkdir(parents=True, exist_ok=True)
    at_river.screenshot(path=folder / "console.png")
    assert (folder / "console.png").stat().st_size < 300_000
