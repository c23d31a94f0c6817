"""The demonstration believes only what the nodes of the others show, and says what is missing.

Here the three nodes live in this process and pull when the test lets them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from allied.entrypoints.cli.demo import ROLES, intelligence, joining, response
from allied.entrypoints.cli.demo.house import House
from allied.entrypoints.cli.demo.patience import Patience
from allied.entrypoints.cli.demo.servers import Server, Servers
from allied.entrypoints.cli.demo.stage import Stage
from allied.entrypoints.cli.demo.telling import Teller
from allied.errors import (
    MalformedError,
    NotFoundError,
    RefusedError,
    UnreachableError,
    UnverifiedError,
)
from allied.node import agreements
from tests.demo.running import AMNESTY, MOBILE
from tests.node.network import Network

SHORT = 0.3


@dataclass
class Pulling:
    """A stage whose houses pull whenever the demonstration looks."""

    network: Network
    stage: Stage
    deaf: set[str]

    def pull(self) -> None:
        for house in self.network.houses.values():
            if house.label not in self.deaf:
                house.sync()

    @property
    def agreement(self) -> agreements.AgreementView:
        found = agreements.list_agreements(self.stage.river.node)
        return found[0]


@pytest.fixture
def scene(tmp_path: Path) -> Pulling:
    """Three houses under the agreement of the demonstration."""
    network = Network(tmp_path)
    houses = []
    for role in ROLES:
        found = network.found(role.label, role.name)
        server = Server(role.label, tmp_path, tmp_path / "log", tmp_path / "pw", port=1, admin=1)
        played = replace(role, person="kim")
        houses.append(House(played, found.node, found.organisation, found.keys, server))
    network.introduce_all()
    network.sign_all(joining.text(), "river")
    river, harbour, northgate = houses
    scene = Pulling(
        network, Stage(river, harbour, northgate, Servers(), Teller(silent=True)), set()
    )
    scene.stage.patience = Patience(scene.stage.teller, scene.pull, SHORT)
    return scene


def shared(scene: Pulling, files: Sequence[Path] = ()) -> None:
    intelligence.share(scene.stage, scene.agreement, intelligence.bundles(files))


def test_what_arrived_is_believed_when_everybody_pulls(scene: Pulling) -> None:
    shared(scene)
    seen = [each.what for each in scene.stage.teller.read_back]
    assert "39 objects arrived, each with the same bytes" in seen
    found = response.respond(scene.stage, scene.agreement)
    assert found["state"] == "discharged"


@pytest.mark.parametrize("deaf", ["harbour", "northgate"])
def test_what_was_sent_and_never_pulled_is_not_believed(scene: Pulling, deaf: str) -> None:
    scene.deaf = {deaf}
    with pytest.raises(UnreachableError) as missing:
        shared(scene)
    assert missing.value.code == "demo.not-read-back"
    assert {"harbour": "Harbour", "northgate": "Northgate"}[deaf] in missing.value.message


def test_an_answer_that_the_creditor_never_pulls_is_not_believed(scene: Pulling) -> None:
    response._report(scene.stage, scene.agreement)
    incident = response._reported(scene.stage.harbour, scene.agreement)
    owed = response._invoke(scene.stage, incident)
    scene.deaf = {"harbour"}
    with pytest.raises(UnreachableError, match="Harbour Logistics SA sees the obligation accepted"):
        response._answer(scene.stage, owed)


def test_what_arrived_against_the_plan_is_a_leak(scene: Pulling) -> None:
    stage, northgate = scene.stage, scene.stage.northgate
    _, plan = intelligence.share(stage, scene.agreement, intelligence.bundles(()))
    intelligence.read_back(stage, scene.agreement, northgate, plan)  # the twin that passes
    arrived = plan.permitted["northgate"].pop()
    plan.refused["northgate"].add(arrived)
    with pytest.raises(UnverifiedError) as leak:
        intelligence.read_back(stage, scene.agreement, northgate, plan)
    assert leak.value.code == "demo.leaked"


@pytest.mark.parametrize(
    ("cut", "code"),
    [
        pytest.param(lambda raw: raw[: len(raw) // 2], "demo.intel-broken", id="broken off"),
        pytest.param(
            lambda raw: raw.replace(b'"spec_version": "2.1"', b'"spec_version": "2.0"'),
            "demo.intel-empty",
            id="nothing of it is STIX 2.1",
        ),
    ],
)
def test_intelligence_that_cannot_be_shared_ends_the_story_before_anything_is(
    scene: Pulling, tmp_path: Path, cut: Callable[[bytes], bytes], code: str
) -> None:
    file = tmp_path / "given.json"
    [shipped] = intelligence.bundles(())
    file.write_bytes(cut(b"".join(shipped.source())))
    with pytest.raises(MalformedError) as refusal:
        shared(scene, [file])
    assert refusal.value.code == code
    assert intelligence._digests(scene.stage.river, scene.agreement) == {}


# --- real intelligence ------------------------------------------------------------------


@pytest.mark.skipif(not MOBILE.exists(), reason="no ../shared/data/stix-attack here")
def test_mobile_attack_goes_to_the_member_whole(scene: Pulling) -> None:
    found, plan = intelligence.share(scene.stage, scene.agreement, intelligence.bundles([MOBILE]))
    assert found["files"][0]["objects"] == found["harbour"]["held"] == 2_148
    assert (len(plan.refused["northgate"]), found["northgate"]["held"]) == (2_148, 0)


@pytest.mark.skipif(not AMNESTY.exists(), reason="no ../shared/data/stix-iocs here")
def test_the_indicators_of_amnesty_go_to_the_member(scene: Pulling) -> None:
    files = sorted(AMNESTY.glob("*.gz"))
    found, plan = intelligence.share(scene.stage, scene.agreement, intelligence.bundles(files))
    indicators = {each for each in plan.permitted["harbour"] if each.startswith("indicator--")}
    assert len(indicators) == 4_272
    assert found["harbour"]["held"] >= len(plan.permitted["harbour"])
    assert found["northgate"]["held"] == 0


# --- patience ---------------------------------------------------------------------------


def patience(seconds: float = SHORT) -> Patience:
    return Patience(Teller(silent=True), lambda: None, seconds)


def test_patience_looks_again_after_what_may_pass_and_says_what_it_met_last() -> None:
    looks: list[int] = []

    def look() -> int | None:
        looks.append(1)
        if len(looks) == 1:
            raise NotFoundError("agreement.unknown", "not here yet")
        return len(looks) if len(looks) > 2 else None

    assert patience(5).until("it is there", look) == 3

    def never() -> None:
        raise NotFoundError("agreement.unknown", "not here yet")

    with pytest.raises(UnreachableError, match=r"it is there; last: .*\[agreement.unknown\]"):
        patience().until("it is there", never)


def test_patience_is_lost_at_once_over_a_refusal() -> None:
    def refused() -> None:
        raise RefusedError("exchange.no-clause", "no clause allows it")

    with pytest.raises(RefusedError):
        patience(60).until("it is there", refused)


def test_patience_starts_anew_as_long_as_things_move() -> None:
    looks: list[int] = []

    def look() -> bool | None:
        looks.append(1)
        return True if len(looks) > 8 else None

    assert patience().until("it is there", look, moving=lambda: len(looks))
    looks.clear()
    with pytest.raises(UnreachableError):
        patience().until("it is there", look, moving=lambda: 1)
