"""What real agreements say about who may see what."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from allied.agreement.terms import Agreement, load
from allied.agreement.values import Tlp
from allied.exchange.channels import channels_of, decide_over_agreement, recipient_of
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.policy import Channel, Recipient, admit
from allied.exchange.stix import Kind
from allied.record.ids import PartyId

SAMPLES = Path(__file__).parents[1] / "agreement" / "samples"
AT = datetime(2026, 3, 2, tzinfo=UTC)


def agreement(text: str | bytes, source: str = "test.yaml") -> Agreement:
    (found,) = load(text.encode() if isinstance(text, str) else text, source)
    assert isinstance(found, Agreement)
    return found


def sample(name: str) -> Agreement:
    return agreement((SAMPLES / name).read_bytes(), name)


def pact(clause: str, parties: str = "[{ids: [river, harbour]}]") -> Agreement:
    return agreement(
        f"""format: alliance/1
id: pact
form: {{kind: contract, binding: yes}}
parties: {parties}
articles:
  - {{art: "2", type: information-sharing, {clause}}}
"""
    )


def code(
    of: Agreement, originator: str, to: str, tlp: Tlp = Tlp.GREEN, kind: Kind = Kind.INDICATOR
) -> str:
    sender = PartyId(originator)
    handling = HandlingClass(sender, frozenset({Demand(kind, sender, Handling(tlp))}))
    bound = frozenset(of.party_ids)
    return decide_over_agreement(of, handling, PartyId(to), AT, bound=bound).code


YES = "exchange.permitted"


@pytest.mark.parametrize(
    ("originator", "to", "tlp", "kind", "expected"),
    [
        pytest.param("port-a", "hub", Tlp.AMBER, Kind.ASSESSMENT, "exchange.kind-not-shared",
                     id="assessments are not shared"),
        pytest.param("port-a", "hub", Tlp.AMBER, Kind.INDICATOR, YES, id="to the hub"),
        pytest.param("port-a", "port-b", Tlp.AMBER, Kind.INDICATOR, "exchange.direction",
                     id="not past the hub"),
        pytest.param("hub", "port-b", Tlp.AMBER, Kind.INCIDENT_REPORT, YES, id="core gets all"),
        pytest.param("hub", "haulier", Tlp.AMBER, Kind.VULNERABILITY, YES, id="full gets these"),
        pytest.param("hub", "haulier", Tlp.AMBER, Kind.INCIDENT_REPORT,
                     "exchange.kind-not-received", id="and not those"),
        pytest.param("hub", "vendor", Tlp.GREEN, Kind.INDICATOR, YES, id="an associate, GREEN"),
        pytest.param("hub", "vendor", Tlp.AMBER, Kind.INDICATOR, "exchange.above-tier",
                     id="an associate, AMBER"),
        pytest.param("hub", "cert", Tlp.GREEN, Kind.INCIDENT_REPORT, YES, id="an observer, GREEN"),
        pytest.param("hub", "cert", Tlp.AMBER, Kind.INCIDENT_REPORT, "exchange.above-tier",
                     id="an observer, AMBER"),
        pytest.param("hub", "port-b", Tlp.AMBER_STRICT, Kind.INDICATOR, "exchange.above-ceiling",
                     id="nobody above the ceiling"),
    ],
)  # fmt: skip
def test_a_sector_with_three_tiers(
    originator: str, to: str, tlp: Tlp, kind: Kind, expected: str
) -> None:
    assert code(sample("port-isac.yaml"), originator, to, tlp, kind) == expected


def test_red_is_refused_at_intake_where_the_ceiling_is_amber() -> None:
    channels = channels_of(sample("port-isac.yaml"))
    submitted = Demand(Kind.INDICATOR, PartyId("port-a"), Handling(Tlp.AMBER))
    red = replace(submitted, handling=Handling(Tlp.RED, frozenset({PartyId("hub")})))

    assert admit(submitted, channels, AT).permitted
    refused = admit(red, channels, AT)
    assert (refused.code, refused.art) == ("exchange.above-ceiling", "1")
    assert "relabel" in refused.failures[0].change


def test_five_services_share_everything_with_a_named_audience() -> None:
    five = sample("five-like.yaml")
    usa, gbr = PartyId("usa"), PartyId("gbr")

    def verdict(handling: Handling, to: str) -> str:
        one = HandlingClass(usa, frozenset({Demand(Kind.OTHER, usa, handling)}))
        return decide_over_agreement(
            five, one, PartyId(to), AT, bound=frozenset(five.party_ids)
        ).code

    named = Handling(Tlp.RED, frozenset({gbr}), frozenset({"ORCON"}))
    assert verdict(named, "gbr") == YES
    assert verdict(named, "can") == "exchange.not-in-audience"
    assert verdict(Handling(Tlp.RED), "gbr") == "exchange.red-needs-audience"
    assert verdict(named, "outsider") == "exchange.not-bound"


def test_passing_on_is_refused_whoever_would_receive_it() -> None:
    five = sample("five-like.yaml")
    usa = PartyId("usa")
    one = HandlingClass(usa, frozenset({Demand(Kind.INDICATOR, usa, Handling(Tlp.GREEN))}))

    for to in ("can", "outsider"):
        verdict = decide_over_agreement(
            five, one, PartyId(to), AT, bound=frozenset(five.party_ids), releaser=PartyId("gbr")
        )
        assert (verdict.permitted, verdict.code) == (False, "exchange.third-party")


def test_a_pact_of_two() -> None:
    pact_of_two = sample("river-harbour.yaml")

    assert code(pact_of_two, "river", "harbour", Tlp.AMBER_STRICT) == YES
    assert code(pact_of_two, "harbour", "river", Tlp.AMBER_STRICT) == YES
    assert code(pact_of_two, "river", "harbour", Tlp.RED) == "exchange.above-ceiling"
    assert code(pact_of_two, "river", "harbour", kind=Kind.VULNERABILITY) == (
        "exchange.kind-not-shared"
    )
    assert channels_of(pact_of_two)[0].default_tlp == Tlp.AMBER_STRICT


def test_a_treaty_without_a_sharing_clause_shares_nothing() -> None:
    assert channels_of(sample("nat-1949.yaml")) == ()
    assert code(sample("nat-1949.yaml"), "USA", "GBR", Tlp.CLEAR) == "exchange.no-clause"


@pytest.mark.parametrize(
    ("clause", "forth", "back"),
    [
        pytest.param("share: all", YES, YES, id="both ways by default"),
        pytest.param(
            "share: all, direction: {from: river, to: harbour}", YES, "exchange.direction",
            id="one way",
        ),
        pytest.param(
            "share: all, direction: {from: members, to: all parties}", YES, YES, id="by groups"
        ),
        pytest.param("share: all, binds: river", YES, "exchange.direction", id="binding one"),
        pytest.param("share: all, operative: no", "exchange.no-clause", "exchange.no-clause",
                     id="that is only a statement"),
        pytest.param("share: all, except: indicator", "exchange.kind-excepted",
                     "exchange.kind-excepted", id="with an exception"),
        pytest.param("share: all, except: all", "exchange.kind-excepted",
                     "exchange.kind-excepted", id="but for everything"),
    ],
)  # fmt: skip
def test_directions_and_exceptions(clause: str, forth: str, back: str) -> None:
    assert code(pact(clause), "river", "harbour") == forth
    assert code(pact(clause), "harbour", "river") == back


def test_days_begin_and_end_in_the_time_zone_of_the_agreement() -> None:
    plain = pact("share: all, since: 2026-03-01, until: 2026-03-31")
    (channel,) = channels_of(plain)
    assert channel.since == datetime(2026, 3, 1, tzinfo=UTC)
    assert channel.until == datetime(2026, 4, 1, tzinfo=UTC)

    (there,) = channels_of(replace(plain, timezone="Europe/Berlin"))
    assert there.since == datetime(2026, 2, 28, 23, tzinfo=UTC)
    assert there.until == datetime(2026, 3, 31, 22, tzinfo=UTC)

    (nowhere,) = channels_of(replace(plain, timezone="Mars/Base"))
    assert not nowhere.holds(AT)


def test_what_a_hub_makes_anonymous_goes_through_the_hub() -> None:
    parties = "[{ids: [river, harbour]}, {id: centre, role: secretariat}]"
    hidden = pact("share: all, anonymise: {by: hub, min_group: 2}", parties)
    sender = pact("share: all, anonymise: {by: submitter}", parties)

    assert code(hidden, "river", "harbour") == "exchange.direction"
    assert code(hidden, "river", "centre") == YES
    assert code(sender, "river", "harbour") == "exchange.sender-not-hidden"
    assert code(sender, "river", "centre") == "exchange.sender-not-hidden"
    assert code(pact("share: all", parties), "river", "harbour") == YES


def test_parties_as_recipients() -> None:
    isac = sample("port-isac.yaml")

    assert recipient_of(isac, PartyId("cert"), bound=True) == Recipient(
        PartyId("cert"), "observer", "observer", bound=True
    )
    assert not recipient_of(isac, PartyId("stranger"), bound=True).bound


def test_a_channel_says_nothing_that_the_clause_does_not() -> None:
    (channel,) = channels_of(pact("share: [indicator]"))

    by_default = Channel("2", frozenset({"indicator"}), Tlp.AMBER, Tlp.AMBER)
    assert channel == replace(by_default, reviews_people=True)
