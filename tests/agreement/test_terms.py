"""What the rest of the program asks an agreement."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from allied.agreement.clauses import (
    CollectiveResponse,
    Consultation,
    InformationSharing,
    MutualAid,
    OneWay,
    Scope,
    Trigger,
)
from allied.agreement.parties import ConditionalRole
from allied.agreement.terms import Agreement, load
from allied.agreement.values import Duration, Severity, Tlp
from allied.errors import NotFoundError
from tests.agreement.texts import SAMPLES, TEMPLATES, pact


def sample(name: str) -> Agreement:
    agreement, *_ = load((SAMPLES / f"{name}.yaml").read_bytes(), name)
    assert isinstance(agreement, Agreement)
    return agreement


def one(text: bytes) -> Agreement:
    (agreement,) = load(text, "a")
    assert isinstance(agreement, Agreement)
    return agreement


def test_parties_and_clauses_are_found_by_their_names() -> None:
    treaty = sample("nat-1949")

    assert treaty.party("ISL").capabilities == {"armed_force": "no"}
    assert treaty.clause("5").art == "5"
    assert [clause.art for clause in treaty.clauses(CollectiveResponse)] == ["5"]
    assert treaty.party_ids[:2] == ("BEL", "CAN")
    with pytest.raises(NotFoundError):
        treaty.party("isl")
    with pytest.raises(NotFoundError):
        treaty.clause("6")


def test_alike_parties_are_expanded_in_the_order_of_the_text() -> None:
    treaty = sample("nat-1949")

    assert len(treaty.parties) == 32
    assert treaty.party("GRC").joined == treaty.party("TUR").joined == date(1952, 2, 18)


def test_what_the_evaluator_reads_of_article_five() -> None:
    (response,) = sample("nat-1949").clauses(CollectiveResponse)

    assert response.trigger.attacker == ("not-a-party",)
    assert response.trigger.attackers_named == ()
    assert response.invoked_by == ("victim", "body")
    (duty,) = response.duties
    assert (duty.who, duty.owes, duty.modality) == (("other parties",), "victim", "must")
    (report,) = response.report
    assert report.when == Duration.parse("immediately")
    scopes = sample("nat-1949").scopes_of(response.trigger.scope)
    assert {scope.north_of_latitude for scope in scopes} == {Decimal("23.44")}


def test_what_the_release_policy_reads_of_a_sharing_clause() -> None:
    (sharing,) = sample("port-isac").clauses(InformationSharing)

    assert sharing.receives["associate"].max_tlp is Tlp.GREEN
    assert sharing.covers("indicator")
    assert not sharing.covers("intelligence")
    assert sharing.direction == "hub"
    assert sample("port-isac").hubs == ("hub",)


@pytest.mark.parametrize(
    ("marking", "said", "hours"),
    [(Tlp.AMBER, "", 24), (Tlp.RED, "", 1), (Tlp.RED, ", freshness: 3 hours", 3)],
)
def test_how_fresh_knowledge_must_be(marking: Tlp, said: str, hours: int) -> None:
    (sharing,) = one(pact(f'{{art: "1", type: information-sharing, share: all{said}}}')).clauses(
        InformationSharing
    )

    assert sharing.freshness_of(marking) == Duration(hours, "hours")


def test_unmarked_items_take_the_ceiling_unless_the_text_says_otherwise() -> None:
    narrow = one(pact('{art: "1", type: information-sharing, share: all, max_tlp: GREEN}'))
    wide = one(
        pact('{art: "1", type: information-sharing, share: all, max_tlp: RED, default_tlp: GREEN}')
    )
    silent = one(pact('{art: "1", type: information-sharing, share: all}'))

    markings = [each.clauses(InformationSharing)[0].default_tlp for each in (narrow, wide, silent)]
    assert markings == [Tlp.GREEN, Tlp.GREEN, Tlp.AMBER]


def test_except_takes_away_even_from_all() -> None:
    (sharing,) = one(
        pact('{art: "1", type: information-sharing, share: all, except: assessment}')
    ).clauses(InformationSharing)

    assert sharing.covers("indicator")
    assert not sharing.covers("assessment")


def test_an_article_binds_all_members_unless_it_names_some() -> None:
    demo = one((TEMPLATES / "demo.yaml").read_bytes())
    view = load((SAMPLES / "triple-entente.yaml").read_bytes(), "a")
    persia = view[2]
    assert isinstance(persia, Agreement)

    assert demo.bound_by(demo.clause("1")) == {"river", "harbour"}
    assert demo.members == ("river", "harbour")
    assert persia.bound_by(persia.clause("persia-1")) == {"britain"}


def test_a_body_of_all_has_the_members() -> None:
    isac, treaty = sample("port-isac"), sample("nat-1949")

    assert isac.members_of("board") == ("port-a", "port-b", "haulier")
    assert treaty.members_of("council") == treaty.members


def test_a_rule_is_written_out_or_named() -> None:
    isac = sample("port-isac")
    board = isac.bodies["board"].rule

    assert isac.rule_of("board") == board
    assert isac.rule_of(board) == board
    assert isac.rule_of(None) is None


def test_a_conditional_role_counts_as_what_it_falls_back_to() -> None:
    agreement = one(
        pact('{art: "1", type: statement}').replace(
            b"{id: river}", b"{id: river, role: {role: member, when: impact high, else: observer}}"
        )
    )
    party = agreement.party("river")

    assert isinstance(party.role, ConditionalRole)
    assert party.role_name == "observer"
    assert not party.is_member


def test_leaving_is_said_in_the_life_or_in_a_membership_article() -> None:
    pair, isac = sample("river-harbour"), sample("port-isac")

    assert pair.withdrawal is not None
    assert pair.withdrawal.notice == Duration(90, "days")
    assert isac.life.withdrawal is None
    assert isac.withdrawal is not None
    assert isac.withdrawal.notice == Duration(30, "days")


def test_a_scope_is_named_or_written_in_place() -> None:
    agreement = one(
        pact(
            '{art: "1", type: mutual-aid, scope: estate}',
            '{art: "2", type: mutual-aid, scope: {places: oslo}}',
            scopes="{estate: {systems: asn:64500}}".replace("asn:64500", '"asn:64500"'),
        )
    )
    named, written = agreement.clauses(MutualAid)

    assert named.scope == ("estate",)
    assert agreement.scopes_of(named.scope) == (agreement.scopes["estate"],)
    assert agreement.scopes_of(written.scope) == (Scope(places=("oslo",)),)


def test_a_form_of_several_is_read_as_the_one_that_stands_there() -> None:
    agreement = one(
        pact(
            '{art: "1", type: consultation, when: {severity: at least high}}',
            '{art: "2", type: consultation}',
            '{art: "3", type: information-sharing, share: all,'
            " direction: {from: river, to: harbour}}",
        )
    )
    triggered, free = agreement.clauses(Consultation)

    assert triggered.when == Trigger(severity=Severity.HIGH)
    assert free.when == "opinion-of-caller"
    assert agreement.clauses(InformationSharing)[0].direction == OneWay(
        senders=("river",), recipients=("harbour",)
    )


def test_the_demo_and_the_pact_can_be_proposed() -> None:
    for name in ("demo", "pact"):
        agreement = one((TEMPLATES / f"{name}.yaml").read_bytes())
        assert all(party.joined is None for party in agreement.parties)
        assert agreement.life.in_force_when.all == "signed"
    demo = one((TEMPLATES / "demo.yaml").read_bytes())
    (sharing,) = demo.clauses(InformationSharing)
    assert sharing.receives["observer"].max_tlp is Tlp.GREEN
    assert demo.party("northgate").role_name == "observer"
