"""What counts as given in return, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.exchange.channels import channels_of
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.reciprocity import CONTRIBUTIONS, contributed, is_asked, kinds_of
from allied.exchange.stix import Kind
from allied.record.ids import PartyId
from tests.exchange.texts import pact

RIVER, HARBOUR = PartyId("river"), PartyId("harbour")


def of(originator: PartyId, *demands: tuple[Kind, PartyId]) -> HandlingClass:
    handling = Handling(Tlp.GREEN)
    return HandlingClass(originator, frozenset(Demand(*each, handling) for each in demands))


@pytest.mark.parametrize(
    ("held", "kinds"),
    [
        pytest.param(of(RIVER, (Kind.INDICATOR, RIVER)), {"indicator"}, id="an item of theirs"),
        pytest.param(of(HARBOUR, (Kind.INDICATOR, HARBOUR)), set(), id="an item of another"),
        pytest.param(of(RIVER, (Kind.COMPANION, RIVER)), set(), id="what only goes along"),
        pytest.param(
            of(RIVER, (Kind.LINK, RIVER), (Kind.TECHNIQUE, RIVER)), {"link"}, id="a link is a link"
        ),
        pytest.param(
            of(RIVER, (Kind.INDICATOR, RIVER), (Kind.TECHNIQUE, HARBOUR)),
            {"indicator"},
            id="a sighting of what another shared",
        ),
    ],
)
def test_what_counts_as_contributed(held: HandlingClass, kinds: set[str]) -> None:
    assert contributed([held], RIVER) == kinds


@pytest.mark.parametrize(
    ("clause", "asked"),
    [
        pytest.param("share: all", False, id="nothing is said"),
        pytest.param("share: all, reciprocity: none", False, id="nothing is asked"),
        pytest.param("share: all, reciprocity: equal-kind", True, id="the same kind"),
        pytest.param("share: all, reciprocity: contribute-to-receive", True, id="anything"),
    ],
)
def test_where_something_is_asked_in_return(clause: str, asked: bool) -> None:
    assert is_asked(channels_of(pact(clause))) is asked


classes = st.builds(
    lambda who, kinds: of(who, *((kind, who) for kind in kinds)),
    st.sampled_from([RIVER, HARBOUR]),
    st.sets(st.sampled_from(list(Kind)), min_size=1, max_size=3),
)


@given(st.lists(classes, max_size=6), classes)
def test_who_gives_more_has_contributed_no_less(
    held: list[HandlingClass], more: HandlingClass
) -> None:
    assert contributed(held, RIVER) <= contributed([*held, more], RIVER) <= CONTRIBUTIONS


@given(st.lists(classes, max_size=6))
def test_one_offers_what_the_other_will_count(held: list[HandlingClass]) -> None:
    assert kinds_of(held) == contributed(held, RIVER) | contributed(held, HARBOUR)
