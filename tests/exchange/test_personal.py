"""Which parts of an object are about people."""

from __future__ import annotations

from typing import Any

import pytest

from allied.exchange import observables, personal as module, schemas
from allied.exchange.channel import Outcome
from allied.exchange.personal import MOST_TRACES, Sender, may_share, personal, traces
from tests.exchange.samples import identity, indicator, made, seen
from tests.exchange.texts import sharing


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        pytest.param(indicator(), (), id="an indicator"),
        pytest.param(seen("domain-name", value="a.example"), (), id="a domain"),
        pytest.param(seen("email-addr", value="a@b.example", display_name="A"),
                     ("display_name", "value"), id="a mailbox"),
        pytest.param(seen("user-account", account_login="a", account_type="unix"),
                     ("account_login",), id="an account"),
        pytest.param(identity(identity_class="individual"), ("name",), id="a person"),
        pytest.param(identity(), ("name",), id="somebody who may be one"),
        pytest.param(identity(identity_class="organization"), (), id="an organisation"),
        pytest.param(identity(identity_class="organization", contact_information="call A"),
                     ("contact_information",), id="whom to call there"),
        pytest.param(made("note", content="x", authors=["A"]), ("authors",), id="who wrote it"),
    ],
)  # fmt: skip
def test_where_people_are(value: dict[str, Any], parts: tuple[str, ...]) -> None:
    assert personal(value) == parts


@pytest.mark.parametrize(
    ("clause", "value", "outcome"),
    [
        pytest.param("personal_data: remove-unrelated", seen("email-addr", value="a@b.example"),
                     Outcome.REVIEW, id="somebody looks first"),
        pytest.param("personal_data: remove-unrelated", seen("url", value="https://a.example"),
                     Outcome.PERMIT, id="where nobody is concerned, nobody has to"),
        pytest.param("personal_data: {lawful_basis: consent}",
                     seen("email-addr", value="a@b.example"), Outcome.PERMIT,
                     id="a lawful basis is named"),
    ],
)  # fmt: skip
def test_when_somebody_looks(clause: str, value: dict[str, Any], outcome: Outcome) -> None:
    assert may_share(value, sharing(f"share: all, {clause}")) == outcome


def test_every_part_that_is_listed_exists() -> None:
    shapes = schemas.OBJECTS | observables.SEEN

    for type_, parts in module._PARTS.items():
        assert parts <= shapes[type_]["properties"].keys()


RIVER = Sender(("river", "River Bank plc"), ("allied.river.example", "192.0.2.7"))


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        pytest.param({}, set(), id="nothing to see"),
        pytest.param({"description": "Seen at River Bank plc."}, {"description names-sender"},
                     id="its name"),
        pytest.param({"description": "seen at RIVER-BANK"}, {"description names-sender"},
                     id="its name without the legal form, however written"),
        pytest.param({"description": "#RiverBank was hit"}, {"description names-sender"},
                     id="its name written in one word"),
        pytest.param({"description": "the riverbanks of bankers"}, set(),
                     id="not words that only contain it"),
        pytest.param({"description": "a driver upriver"}, set(), id="nor parts of words"),
        pytest.param({"pattern": "[domain-name:value = 'login.river.example']"},
                     {"pattern names-sender", "pattern sender-host"},
                     id="its domain, in a pattern"),
        pytest.param({"description": "from 192.0.2.7"}, {"description sender-host"},
                     id="its address"),
        pytest.param({"description": "from 192.0.2.70"}, set(), id="not a longer one"),
        pytest.param({"description": "write to a.b@else.example"}, {"description mail-address"},
                     id="a mailbox of anybody"),
        pytest.param({"description": "beacons to 10.1.2.3"}, {"description private-address"},
                     id="an address inside a network"),
        pytest.param({"description": "beacons to 110.1.2.3"}, set(), id="not one outside"),
        pytest.param({"description": "host dc01.corp"}, {"description inside-name"},
                     id="a name inside a network"),
        pytest.param({"labels": ["x", "river"]}, {"labels names-sender"}, id="in a list"),
    ],
)  # fmt: skip
def test_where_an_object_tells_its_sender(changes: dict[str, Any], found: set[str]) -> None:
    assert {f"{each.path} {each.why}" for each in traces(indicator(**changes), RIVER)} == found


def test_what_is_certain_and_what_only_looks_like_it() -> None:
    value = indicator(description="River Bank, 10.0.0.1")

    assert [each.certain for each in traces(value, RIVER)] == [True, False]


def test_keys_count_as_texts_and_references_do_not() -> None:
    file = seen("file", name="a", extensions={"x": {"river": "1"}})
    report = made("report", name="x", published="2026-01-01T00:00:00Z",
                  object_refs=[indicator()["id"]])  # fmt: skip

    assert [each.path for each in traces(file, RIVER)] == ["extensions.x.river"]
    assert traces(report, Sender(("indicator",))) == ()


@pytest.mark.parametrize(
    ("hosts", "text", "found"),
    [
        pytest.param(("river.co.uk",), "other.co.uk", False, id="a registry is nobody's"),
        pytest.param(("www.river.co.uk",), "mail.river.co.uk", True, id="a domain under it is"),
        pytest.param(("localhost",), "localhost", False, id="everybody is localhost"),
        pytest.param(("10.0.0.1",), "0.0.1", False, id="an address has no domain"),
    ],
)
def test_which_hosts_count(hosts: tuple[str, ...], text: str, found: bool) -> None:
    value = indicator(description=text)
    assert any(each.why == "sender-host" for each in traces(value, Sender((), hosts))) is found


def test_the_traces_of_one_object_are_bounded() -> None:
    value = indicator(**{f"x_{number}": "river" for number in range(500)})
    assert len(traces(value, RIVER)) == MOST_TRACES


def test_a_sender_without_names_leaves_none() -> None:
    assert traces(indicator(description="plc of the"), Sender(("the of", ""))) == ()
