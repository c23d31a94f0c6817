"""What a holder may do with an item."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.errors import RefusedError
from allied.exchange.actions import Action, ceiling, may, may_be_sold, require, serves
from allied.exchange.handling import Handling
from tests.exchange.texts import sharing

TERMS = {
    "iep:permitted-actions=none": Action.NONE,
    "iep:permitted-actions=contact-for-instruction": Action.CONTACT,
    "iep:permitted-actions=internally-visible-actions": Action.INTERNAL,
    "iep:permitted-actions=externally-visible-indirect-actions": Action.INDIRECT,
    "iep:permitted-actions=externally-visible-direct-actions": Action.DIRECT,
    "pap:red": Action.INTERNAL,
    "pap:amber": Action.INDIRECT,
    "pap:green": Action.DIRECT,
    "pap:clear": Action.DIRECT,
}


def marked(*terms: str) -> Handling:
    return Handling(Tlp.GREEN, terms=frozenset(terms))


@pytest.mark.parametrize("term", TERMS)
def test_every_level_of_iep_and_pap(term: str) -> None:
    assert ceiling(marked(term)) == TERMS[term]


@pytest.mark.parametrize(
    ("terms", "clause", "action"),
    [
        pytest.param([], "", Action.DIRECT, id="nothing is said"),
        pytest.param([], "permitted_actions: internally-visible", Action.INTERNAL,
                     id="the clause says it"),
        pytest.param(["pap:amber", "iep:permitted-actions=none"], "", Action.NONE,
                     id="the strictest marking"),
        pytest.param(["pap:green"], "permitted_actions: none", Action.NONE,
                     id="a clause that is stricter"),
        pytest.param(["pap:red"], "permitted_actions: externally-visible-indirect",
                     Action.INTERNAL, id="a marking that is stricter"),
        pytest.param(["pap:blue"], "", Action.NONE, id="a colour that there is not"),
        pytest.param(["iep:permitted-actions=anything"], "", Action.NONE,
                     id="a level that there is not"),
        pytest.param(["iep:encrypt-in-transit=must"], "", Action.DIRECT, id="another term"),
    ],
)  # fmt: skip
def test_the_strictest_holds(terms: list[str], clause: str, action: Action) -> None:
    assert ceiling(
        marked(*terms), sharing(f"share: all, {clause}" if clause else "share: all")
    ) == (action)


def test_a_block_list_is_refused_what_may_be_seen_inside_only() -> None:
    require(Action.DIRECT, marked("pap:green"))
    require(Action.INTERNAL, marked("pap:red"))

    with pytest.raises(RefusedError) as refusal:
        require(Action.DIRECT, marked("pap:red"))

    assert refusal.value.code == "exchange.action-not-permitted"
    assert refusal.value.facts == {
        "asked": "externally-visible-direct",
        "permitted": "internally-visible",
    }


@pytest.mark.parametrize(
    ("clause", "term", "sold"),
    [
        pytest.param("resale: may", "", True, id="the clause lets"),
        pytest.param("resale: must-not", "", False, id="the clause does not"),
        pytest.param("", "", False, id="not by default"),
        pytest.param("resale: may", "iep:unmodified-resale=must-not", False, id="the policy not"),
        pytest.param("resale: may", "iep:unmodified-resale=may", True, id="both let"),
    ],
)
def test_selling_on(clause: str, term: str, sold: bool) -> None:
    text = f"share: all, {clause}" if clause else "share: all"
    assert may_be_sold(marked(*[term] if term else []), sharing(text)) is sold


def test_a_purpose_is_one_of_those_that_the_clause_names() -> None:
    defence = sharing("share: all, purpose: [Network defence]")

    assert serves(" network DEFENCE", defence)
    assert not serves("marketing", defence)
    assert not serves("", defence)
    assert serves("marketing", sharing("share: all"))


terms = st.frozensets(st.sampled_from([*TERMS, "pap:odd", "iep:tlp=x"]))


@given(terms, terms, st.sampled_from(list(Action)))
def test_joining_never_permits_more(
    some: frozenset[str], more: frozenset[str], act: Action
) -> None:
    one, two = marked(*some), marked(*more)

    assert may(act, one.joined(two)) == (may(act, one) and may(act, two))
