"""Which parts of an object are about people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from allied.agreement.values import Tlp
from allied.exchange import observables, personal as module, schemas
from allied.exchange.bundle import Refused
from allied.exchange.channel import Channel, Outcome
from allied.exchange.intake import Intake, Terms
from allied.exchange.personal import (
    MOST_TRACES,
    Sender,
    asks_review,
    may_share,
    personal,
    review_failure,
    traces,
)
from allied.exchange.scratch import MemoryScratch
from allied.exchange.survey import survey
from allied.record.ids import PartyId
from tests.exchange.samples import identity, indicator, link, made, seen, source
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


# --- what is refused at intake --------------------------------------------------------------

AT = datetime(2026, 3, 2, tzinfo=UTC)
BY_CLAUSE = Channel("4", None, Tlp.RED, Tlp.GREEN, reviews_people=True)
MAILBOX = seen("email-addr", value="somebody@victim.example")
LINKED = link(MAILBOX, seen("domain-name", value="victim.example"), relationship_type="related-to")


def refused_of(*objects: dict[str, Any], people: str) -> list[tuple[str, str]]:
    found = survey(source(*objects), MemoryScratch())
    terms = Terms(PartyId("river"), (BY_CLAUSE,), AT, people=people)
    outcomes = Intake(found, terms).run()
    return [(each.id or "", each.code) for each in outcomes if isinstance(each, Refused)]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(MAILBOX, "exchange.personal-data", id="a mailbox"),
        pytest.param(seen("email-addr", 2, value="x@y.example"), "exchange.personal-data", id="b"),
        pytest.param(
            identity(3, identity_class="individual"), "exchange.personal-data", id="a person"
        ),
        pytest.param(identity(5), "", id="who does not say what it is"),
        pytest.param(
            identity(6, contact_information="call A"),
            "exchange.personal-data",
            id="how to reach somebody",
        ),
        pytest.param(identity(4, identity_class="organization"), "", id="an organisation"),
        pytest.param(indicator(5), "", id="an indicator"),
    ],
)
def test_what_is_about_people_is_refused_until_somebody_has_looked(
    value: dict[str, Any], code: str
) -> None:
    expected = [(value["id"], code)] if code else []
    assert refused_of(value, indicator(9), people="4") == expected
    assert refused_of(value, indicator(9), people="") == []


def test_what_links_to_a_mailbox_of_the_bundle_is_refused_with_it() -> None:
    domain = seen("domain-name", value="victim.example")
    both = refused_of(MAILBOX, domain, LINKED, people="4")
    assert dict(both) == {
        MAILBOX["id"]: "exchange.personal-data",
        LINKED["id"]: "exchange.end-refused",
    }
    assert refused_of(MAILBOX, domain, LINKED, people="") == []


def test_a_refusal_names_the_parts_and_never_what_stands_in_them() -> None:
    failure = review_failure(("value", "display_name"), "4")
    assert "display_name, value" in failure.sentence
    assert "--sanitised-of" in failure.change
    found = survey(source(MAILBOX), MemoryScratch())
    terms = Terms(PartyId("river"), (BY_CLAUSE,), AT, people="4")
    (refusal,) = Intake(found, terms).run()
    assert isinstance(refusal, Refused)
    assert "somebody@" not in refusal.reason


@pytest.mark.parametrize(
    ("channels", "art"),
    [
        pytest.param((BY_CLAUSE,), "4", id="the clause asks"),
        pytest.param((replace(BY_CLAUSE, reviews_people=False),), "", id="it has a lawful basis"),
        pytest.param(
            (replace(BY_CLAUSE, reviews_people=False), replace(BY_CLAUSE, art="5")),
            "5",
            id="one of several asks",
        ),
        pytest.param(
            (replace(BY_CLAUSE, senders=frozenset({PartyId("harbour")})),), "", id="of others"
        ),
        pytest.param((replace(BY_CLAUSE, until=AT),), "", id="it is over"),
    ],
)
def test_a_review_is_asked_by_the_clauses_that_a_party_sends_under(
    channels: tuple[Channel, ...], art: str
) -> None:
    assert asks_review(channels, PartyId("river"), AT) == art
