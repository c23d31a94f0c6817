"""What markings ask for, and that they can only make things stricter."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.exchange.handling import Handling
from allied.exchange.marking import (
    IEP_EXTENSION,
    TLP_2_ID,
    WELL_KNOWN,
    Definition,
    MarkingError,
    Tightening,
    effective,
    marked,
    read_definition,
    tlp_of,
)
from allied.exchange.stix import read_head
from allied.record.ids import PartyId
from tests.exchange import corpus
from tests.exchange.samples import encoded, id_of, statement_marking

TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
PAP_EXTENSION = "extension-definition--f8d78575-edfd-406e-8e84-6162a8450f5b"
MARK = id_of("marking-definition", 7)
HARBOUR, RIVER = PartyId("harbour"), PartyId("river")


def definition(**properties: Any) -> Definition:
    value = statement_marking(7, **properties)
    raw = encoded(value)
    return read_definition(raw, read_head(raw))


def extended(name: str, **content: Any) -> dict[str, Any]:
    return {
        "definition": None,
        "definition_type": None,
        "extensions": {name: {"extension_type": "property-extension", **content}},
    }


def find(*definitions: Definition) -> Any:
    return {each.id: each for each in definitions}.get


@pytest.mark.parametrize(
    ("text", "tlp"),
    [
        ("TLP:CLEAR", Tlp.CLEAR),
        ("tlp:amber+strict", Tlp.AMBER_STRICT),
        ("TLP:AMBER_STRICT", Tlp.AMBER_STRICT),
        ("Amber Strict", Tlp.AMBER_STRICT),
        (" tlp-Green ", Tlp.GREEN),
        ("red", Tlp.RED),
        ("TLP:WHITE", Tlp.CLEAR),
        ("TLP:EX:CHR", None),
        ("TLP", None),
        ("purple", None),
        ("", None),
    ],
)
def test_names_of_tlp_in_any_spelling(text: str, tlp: Tlp | None) -> None:
    assert tlp_of(text) == tlp


def test_the_ids_are_those_that_are_published() -> None:
    published = json.loads(corpus.raw("markings/tlp-stix21.json"))

    for value in published["tlp_2_0"]:
        raw = encoded(value)
        found = read_definition(raw, read_head(raw))
        assert (found.problem, found.tlp) == ("", WELL_KNOWN[value["id"]])
        assert TLP_2_ID[WELL_KNOWN[value["id"]]] == value["id"]
    for name, id_ in published["tlp_1_0_ids"].items():
        assert WELL_KNOWN[id_] == tlp_of(name)
    assert len(WELL_KNOWN) == 9


@pytest.mark.parametrize(
    ("properties", "tlp"),
    [
        pytest.param({}, None, id="a statement marks no TLP"),
        pytest.param({"definition_type": "tlp", "definition": {"tlp": "white"}}, Tlp.CLEAR,
                     id="TLP 1.0 under another id"),
        pytest.param(extended(TLP_EXTENSION, tlp_2_0="amber+strict"), Tlp.AMBER_STRICT,
                     id="TLP 2.0 under another id"),
        pytest.param({"name": "TLP:RED"}, Tlp.RED, id="a statement that calls itself TLP:RED"),
        pytest.param({"x_opencti_definition": "TLP:AMBER+STRICT"}, Tlp.AMBER_STRICT,
                     id="how OpenCTI writes AMBER+STRICT"),
        pytest.param({"name": "Tulips"}, None, id="a name that means nothing"),
        pytest.param(extended(PAP_EXTENSION, pap="amber"), None, id="PAP is no TLP"),
    ],
)  # fmt: skip
def test_definitions_that_are_understood(properties: dict[str, Any], tlp: Tlp | None) -> None:
    found = definition(**properties)

    assert (found.problem, found.tlp) == ("", tlp)


@pytest.mark.parametrize(
    ("properties", "code"),
    [
        pytest.param(extended(id_of("extension-definition"), level="high"),
                     "exchange.unknown-marking", id="an extension that nobody knows"),
        pytest.param({"definition_type": "house-rules", "definition": {"a": 1}},
                     "exchange.unknown-marking", id="a type that nobody knows"),
        pytest.param(extended(TLP_EXTENSION, tlp_2_0="purple"), "exchange.unknown-marking",
                     id="a colour that nobody knows"),
        pytest.param({"name": "TLP:EX:CHR"}, "exchange.unknown-marking", id="a TLP of others"),
        pytest.param(extended(PAP_EXTENSION, pap=7), "exchange.unknown-marking", id="an odd PAP"),
        pytest.param({"name": "TLP:GREEN", **extended(TLP_EXTENSION, tlp_2_0="red")},
                     "exchange.contradictory-marking", id="a name against its content"),
        pytest.param({"id": TLP_2_ID[Tlp.RED], **extended(TLP_EXTENSION, tlp_2_0="clear")},
                     "exchange.forged-marking", id="CLEAR under the id of RED"),
    ],
)  # fmt: skip
def test_definitions_that_let_nobody_in(properties: dict[str, Any], code: str) -> None:
    found = definition(**properties)
    assert found.problem == code

    with pytest.raises(MarkingError) as refusal:
        marked([found.id], [], find(found))
    assert refusal.value.code == code


def test_a_control_system_that_cannot_be_enforced_lets_nobody_in() -> None:
    raw = corpus.raw("markings/acs-use-case-2.json")

    assert read_definition(raw, read_head(raw)).problem == "exchange.marking-not-enforced"


def test_exchange_policies_are_read() -> None:
    amber, red = json.loads(corpus.raw("markings/iep20-stix21.json"))["examples"]

    found = read_definition(encoded(amber), read_head(encoded(amber)))
    assert (found.problem, found.tlp, found.policy_tlp) == ("", None, Tlp.AMBER)
    assert found.expires is None
    assert "iep:permitted-actions=externally-visible-direct-actions" in found.terms

    found = read_definition(encoded(red), read_head(encoded(red)))
    assert (found.policy_tlp, found.expires) == (Tlp.RED, datetime(2022, 11, 1, tzinfo=UTC))
    policy = next(iter(red["extensions"].values()))
    policy["permitted_actions"] = "whatever"
    assert read_definition(encoded(red), read_head(encoded(red))).problem


def policy(**more: str) -> Definition:
    """What a policy of our own demands."""
    terms = {
        "extension_type": "property-extension",
        "encrypt_in_transit": "may",
        "permitted_actions": "none",
        "affected_party_notifications": "may",
        "provider_attribution": "may",
        "unmodified_resale": "may",
        "tlp": "green",
    }
    raw = encoded({
        "type": "marking-definition", "spec_version": "2.1", "id": MARK,
        "created": "2026-01-01T00:00:00Z", "extensions": {IEP_EXTENSION: terms | more},
    })  # fmt: skip
    return read_definition(raw, read_head(raw))


@pytest.mark.parametrize(
    ("dates", "begins"),
    [
        pytest.param({}, None, id="from the beginning"),
        pytest.param({"start_date": "2026-03-01T05:00:00Z"},
                     datetime(2026, 3, 1, 5, tzinfo=UTC), id="from an instant on"),
        pytest.param({"start_date": "2026-03-01T05:00:00.5Z"},
                     datetime(2026, 3, 1, 5, 0, 1, tzinfo=UTC), id="never too early"),
    ],
)  # fmt: skip
def test_exchange_policies_begin(dates: dict[str, str], begins: datetime | None) -> None:
    found = policy(**dates)

    assert not found.problem
    assert marked([MARK], [], find(found)).floor.begins == begins


@pytest.mark.parametrize("name", ["start_date", "end_date"])
def test_a_policy_whose_days_nobody_can_read_lets_nobody_in(name: str) -> None:
    assert not policy(**{name: "2026-03-01T05:00:00Z"}).problem
    assert policy(**{name: "soon"}).problem == "exchange.unknown-marking"


def test_a_policy_that_begins_behind_all_time_lets_nobody_in() -> None:
    assert not policy(start_date="9999-12-31T23:59:59Z").problem
    assert policy(start_date="9999-12-31T23:59:59.5Z").problem == "exchange.unknown-marking"


def test_a_policy_that_demands_more_than_the_default_is_no_tlp_marking() -> None:
    policy = Definition(MARK, policy_tlp=Tlp.RED, terms=frozenset({"iep:x=y"}))

    given_ = effective(marked([MARK], [], find(policy)), Tlp.GREEN)

    assert given_.unmarked
    assert given_.handling == Handling(Tlp.RED, terms=frozenset({"iep:x=y"}))


def test_nobody_knows_the_marking() -> None:
    with pytest.raises(MarkingError) as refusal:
        marked([MARK], [], find())

    assert refusal.value.code == "exchange.unknown-marking"
    assert marked([TLP_2_ID[Tlp.GREEN]], [], find()).tlp == Tlp.GREEN


@pytest.mark.parametrize(
    ("whole", "parts", "tlp"),
    [
        pytest.param([], [], None, id="unmarked"),
        pytest.param([Tlp.GREEN], [], Tlp.GREEN, id="marked"),
        pytest.param([Tlp.GREEN], [Tlp.RED], Tlp.RED, id="a stricter part decides"),
        pytest.param([Tlp.AMBER], [Tlp.CLEAR], Tlp.AMBER, id="a laxer part does not"),
        pytest.param([], [Tlp.GREEN, Tlp.AMBER], Tlp.AMBER, id="parts alone decide too"),
    ],
)
def test_the_strictest_part_holds_for_the_whole(
    whole: list[Tlp], parts: list[Tlp], tlp: Tlp | None
) -> None:
    ids = [TLP_2_ID[each] for each in whole], [TLP_2_ID[each] for each in parts]

    assert marked(*ids, find()).tlp == tlp


def test_two_markings_on_one_object_contradict_each_other() -> None:
    both_ambers = [id_ for id_, tlp in WELL_KNOWN.items() if tlp == Tlp.AMBER]
    assert len(both_ambers) == 2
    assert marked(both_ambers, [], find()).tlp == Tlp.AMBER

    with pytest.raises(MarkingError) as refusal:
        marked([TLP_2_ID[Tlp.AMBER], TLP_2_ID[Tlp.AMBER_STRICT]], [], find())
    assert refusal.value.code == "exchange.contradictory-marking"


@pytest.mark.parametrize(
    ("own", "added", "tlp", "unmarked"),
    [
        pytest.param(None, None, Tlp.AMBER, True, id="unmarked takes the default"),
        pytest.param(None, Tlp.RED, Tlp.RED, True, id="and what the author adds"),
        pytest.param(None, Tlp.CLEAR, Tlp.AMBER, True, id="but nothing laxer"),
        pytest.param(
            Tlp.CLEAR, None, Tlp.CLEAR, False, id="a marking laxer than the default stays"
        ),
        pytest.param(Tlp.GREEN, Tlp.AMBER, Tlp.AMBER, False, id="the author may tighten it"),
        pytest.param(Tlp.RED, Tlp.GREEN, Tlp.RED, False, id="but never loosen it"),
    ],
)
def test_the_effective_marking(
    own: Tlp | None, added: Tlp | None, tlp: Tlp, unmarked: bool
) -> None:
    refs = [TLP_2_ID[own]] if own else []

    found = effective(marked(refs, [], find()), Tlp.AMBER, Tightening(tlp=added))

    assert (found.handling.tlp, found.unmarked) == (tlp, unmarked)


def test_what_the_author_adds_stands_beside_the_marking() -> None:
    tightening = Tightening(Tlp.RED, frozenset({HARBOUR}), frozenset({"ORCON"}))

    found = effective(marked([], [], find()), Tlp.GREEN, tightening)

    assert found.handling == Handling(Tlp.RED, frozenset({HARBOUR}), frozenset({"ORCON"}))


def test_an_object_may_carry_so_many_markings() -> None:
    known = [Definition(id_of("marking-definition", number)) for number in range(1, 66)]
    ids = [each.id for each in known]
    assert marked(ids[:64], ids[:3], find(*known)).tlp is None

    with pytest.raises(MarkingError) as refusal:
        marked(ids, [], find(*known))
    assert refusal.value.code == "exchange.too-many-markings"


tlps = st.sampled_from(list(Tlp))
tightenings = st.builds(
    Tightening,
    st.none() | tlps,
    st.none() | st.frozensets(st.sampled_from([HARBOUR, RIVER])),
    st.frozensets(st.sampled_from(["ORCON", "PROPIN"])),
)


@given(st.lists(tlps, max_size=1), st.lists(tlps, max_size=3), tlps, tightenings)
def test_no_step_loosens_a_marking(
    whole: list[Tlp], parts: list[Tlp], default: Tlp, tightening: Tightening
) -> None:
    base = marked([TLP_2_ID[each] for each in whole], [TLP_2_ID[each] for each in parts], find())
    found = effective(base, default, tightening).handling

    assert all(found.tlp >= each for each in (*whole, *parts))
    assert tightening.tlp is None or found.tlp >= tightening.tlp
    assert base.tlp is not None or found.tlp >= default
    assert found.caveats >= tightening.caveats
    assert found.audience == tightening.audience
