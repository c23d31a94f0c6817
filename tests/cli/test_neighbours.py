"""`allied neighbour`: TAXII servers of others from the command line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Said, allied
from tests.exchange.samples import indicator
from tests.federation.houses import serving
from tests.taxii.quirky import PATH, Quirky


@pytest.fixture
def server() -> Iterator[tuple[Quirky, str]]:
    quirky = Quirky()
    with serving(quirky) as url:
        yield quirky, url + PATH


def neighbour(folder: Path, *arguments: object) -> Said:
    return allied("neighbour", *arguments, "-o", "river", "--data", folder, "--json")


def added(folder: Path, url: str, label: str, *more: object) -> Said:
    given = (url, "--label", label, "--agreement", "river-harbour", "--private")
    return neighbour(folder, "add", *given, *more)


def test_a_neighbour_is_added_listed_asked_and_forgotten(
    pair: Path, server: tuple[Quirky, str], tmp_path: Path
) -> None:
    quirky, url = server
    begun = 1_795_392_000_000_000
    numbers = (901, 902)
    quirky.given = [(begun + each, indicator(each)) for each in numbers]
    secret = tmp_path / "secret"
    secret.write_text("open sesame")
    secret.chmod(0o600)
    made = added(pair, url, "feeder", "--user", "kim", "--secret-file", secret, "--every", 60)
    assert made.status == 0, made.err
    assert (made.value["url"], made.value["to"]) == (url, ["river"])
    (listed,) = neighbour(pair, "list").value
    assert (listed["label"], listed["seen_at"], listed["problem"]) == ("feeder", None, "")
    assert "secret" not in str(listed)
    pulled = neighbour(pair, "pull", "feeder")
    assert (pulled.status, pulled.value["pulled"]) == (0, 2), pulled.err
    again = neighbour(pair, "pull", "feeder", "--whole").value
    assert (again["pulled"], again["repeated"]) == (0, 2)
    quirky.given.append((begun + 10_000_000, {"type": "indicator", "id": "indicator--odd"}))
    odd = neighbour(pair, "pull", "feeder")
    assert (odd.status, odd.value["refused"]) == (8, {"stix.bad-id": 1})
    quirky.status = 503
    down = neighbour(pair, "pull", "feeder")
    assert (down.status, down.value["problem"]) == (1, "neighbour.busy")
    assert neighbour(pair, "list").value[0]["problem"] == "neighbour.busy"
    assert neighbour(pair, "remove", "feeder").value["label"] == "feeder"
    assert neighbour(pair, "list").value == []


def test_what_a_party_may_have_is_pushed_to_its_server(
    pair: Path, server: tuple[Quirky, str]
) -> None:
    quirky, url = server
    quirky.longest = 1 << 20
    made = added(pair, url, "theirs", "--push-to", "harbour", "--no-pull")
    assert (made.status, made.value["pushes_to"], made.value["pulls"]) == (0, "harbour", False)
    pushed = neighbour(pair, "push", "theirs")
    assert (pushed.status, pushed.value["pushed"]) == (0, len(quirky.added)), pushed.err
    assert neighbour(pair, "remove", "theirs").status == 0


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"url": "https://taxii.example/"}, 2, "neighbour.url"),
        ({"more": ("--to", "nobody")}, 2, "neighbour.party"),
        ({"more": ("--every", "1")}, 2, "neighbour.every"),
        ({"more": ("--no-pull",)}, 2, "neighbour.nothing"),
        ({"more": ("--push-to", "harbour")}, 5, "neighbour.cannot-write"),
    ],
)
def test_what_is_refused(
    pair: Path, server: tuple[Quirky, str], changed: dict[str, Any], status: int, code: str
) -> None:
    quirky, url = server
    quirky.can_write = False
    said = added(pair, changed.get("url", url), "odd", *changed.get("more", ()))
    assert (said.status, said.code) == (status, code)
    assert neighbour(pair, "remove", "odd").code == "neighbour.unknown"
