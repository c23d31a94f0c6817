"""Asking the originator: who consents, to what, for how long; silence is no."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.errors import RefusedError
from allied.exchange.asking import Reply, Request, Standing, consented, open_request, standing
from allied.exchange.channel import CONSENT, Channel, Known, Recipient
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.lineage import ItemName
from allied.exchange.policy import Verdict, decide
from allied.exchange.stix import Kind
from allied.record.ids import PartyId

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
RIVER, HARBOUR, INSURER = (PartyId(each) for each in ("river", "harbour", "insurer"))
OTHER = PartyId("journalist")
ITEM = ItemName(RIVER, "indicator--1", "2026-03-01")
NEWER = replace(ITEM, version="2026-03-02")
ALL = replace(ITEM, version="")
ASKED = Request(ITEM, HARBOUR, INSURER, "a claim", NOON)
YES, NO, BACK = Standing.CONSENTED, Standing.REFUSED, Standing.WITHDRAWN
CLAUSE = Channel(
    "2", None, Tlp.RED, Tlp.AMBER, caveats=frozenset({"ORCON", "NOFORN"}), third_party=CONSENT
)


def reply(
    says: Standing = YES,
    hours: float = 1,
    /,
    *,
    item: ItemName = ITEM,
    by: PartyId = RIVER,
    to: PartyId = INSURER,
    until: float | None = None,
) -> Reply:
    end = None if until is None else NOON + until * HOUR
    return Reply(item, by, to, says, NOON + hours * HOUR, end)


@pytest.mark.parametrize(
    ("replies", "hours", "stands", "reaches"),
    [
        pytest.param([], 9000, Standing.AWAITED, False, id="silence is no, for ever"),
        pytest.param([reply()], 1, YES, True, id="a yes, from its instant"),
        pytest.param([reply()], 0.9, Standing.AWAITED, False, id="and not before"),
        pytest.param([reply(NO)], 2, NO, False, id="a no"),
        pytest.param([reply(by=HARBOUR)], 2, Standing.AWAITED, False,
                     id="who asked cannot answer itself"),
        pytest.param([reply(by=INSURER)], 2, Standing.AWAITED, False, id="nor can who gets it"),
        pytest.param([reply(to=OTHER)], 2, Standing.AWAITED, False, id="a yes for somebody else"),
        pytest.param([reply(item=NEWER)], 2, Standing.AWAITED, False, id="for another version"),
        pytest.param([reply(item=ALL)], 2, YES, True, id="a yes for all versions"),
        pytest.param([reply(item=replace(ALL, originator=HARBOUR), by=HARBOUR)], 2,
                     Standing.AWAITED, False, id="a yes for another's item of that id"),
        pytest.param([reply(), reply(BACK, 2)], 1.9, YES, True, id="before it is taken back"),
        pytest.param([reply(), reply(BACK, 2)], 2, BACK, False, id="from when it is taken back"),
        pytest.param([reply(item=ALL), reply(BACK, 2)], 3, BACK, False,
                     id="taken back for this version"),
        pytest.param([reply(), reply(BACK, 2, item=ALL)], 3, BACK, False,
                     id="taken back for all versions"),
        pytest.param([reply(), reply(BACK, 2, by=INSURER)], 3, YES, True,
                     id="taken back by somebody else"),
        pytest.param([reply(), reply(BACK, 2), reply(YES, 3)], 3, YES, True, id="given anew"),
        pytest.param([reply(until=3)], 2.9, YES, True, id="until its end"),
        pytest.param([reply(until=3)], 3, Standing.ENDED, False, id="and not at it"),
        pytest.param([reply(NO), reply(YES, 2)], 2, YES, True, id="a change of mind"),
    ],
)  # fmt: skip
def test_what_was_answered(
    replies: list[Reply], hours: float, stands: Standing, reaches: bool
) -> None:
    at = NOON + hours * HOUR

    assert standing(ASKED, replies, at) == stands
    assert (INSURER in consented(ITEM, replies, at)) is reaches


def test_a_consent_names_one_and_reaches_no_other() -> None:
    both = [reply(), reply(to=OTHER, until=2)]

    assert consented(ITEM, both, NOON + HOUR) == {INSURER, OTHER}
    assert consented(ITEM, both, NOON + 2 * HOUR) == {INSURER}
    assert consented(NEWER, both, NOON + HOUR) == frozenset()


def passing_on(
    *caveats: str, tlp: Tlp = Tlp.AMBER, known: Known | None = None, releaser: PartyId = HARBOUR
) -> Verdict:
    audience = frozenset({HARBOUR}) if "NOFORN" in caveats else None
    demand = Demand(Kind.INDICATOR, RIVER, Handling(tlp, audience, frozenset(caveats)))
    item = HandlingClass(RIVER, frozenset({demand}))
    to = Recipient(INSURER, "", "", bound=False, outside=True)
    known = known or Known(confirmed_at=NOON)
    return decide(item, to, [CLAUSE], NOON, releaser=releaser, known=known)


def test_a_request_is_opened_for_what_only_the_originator_can_open() -> None:
    request = open_request(passing_on("ORCON"), ITEM, HARBOUR, INSURER, " a claim ", NOON)

    assert request == ASKED
    assert standing(request, [], NOON + 9000 * HOUR) == Standing.AWAITED


@pytest.mark.parametrize(
    ("verdict", "asked_by", "purpose", "code"),
    [
        pytest.param(passing_on("NOFORN"), HARBOUR, "a claim", "exchange.nothing-to-ask",
                     id="what never leaves the parties"),
        pytest.param(passing_on(tlp=Tlp.CLEAR), HARBOUR, "a claim", "exchange.nothing-to-ask",
                     id="what may go anyway"),
        pytest.param(passing_on("ORCON"), RIVER, "a claim", "exchange.nothing-to-ask",
                     id="the originator asks nobody"),
        pytest.param(passing_on("ORCON"), HARBOUR, "  ", "exchange.no-purpose",
                     id="without a purpose"),
    ],
)  # fmt: skip
def test_other_requests_are_not(
    verdict: Verdict, asked_by: PartyId, purpose: str, code: str
) -> None:
    with pytest.raises(RefusedError) as refusal:
        open_request(verdict, ITEM, asked_by, INSURER, purpose, NOON)

    assert refusal.value.code == code


def test_a_consent_opens_the_release_and_its_withdrawal_shuts_it() -> None:
    replies = [reply(), reply(BACK, 2)]

    def verdict(hours: float) -> Verdict:
        agreed = consented(ITEM, replies, NOON + hours * HOUR)
        return passing_on("ORCON", known=Known(consented=agreed, confirmed_at=NOON))

    assert [verdict(hours).permitted for hours in (0, 1, 1.9, 2)] == [False, True, True, False]


replies_ = st.lists(
    st.builds(
        reply,
        st.sampled_from([YES, NO, BACK]),
        st.integers(0, 4),
        item=st.sampled_from([ITEM, NEWER, ALL]),
        by=st.sampled_from([RIVER, HARBOUR, INSURER]),
        to=st.sampled_from([INSURER, OTHER]),
        until=st.none() | st.integers(1, 5),
    ),
    max_size=6,
)


@given(replies_, st.integers(0, 6))
def test_only_the_originator_ever_lets_anybody_in(replies: list[Reply], hours: int) -> None:
    at = NOON + hours * HOUR
    own = [each for each in replies if each.by == RIVER]

    found = consented(ITEM, replies, at)
    assert found == consented(ITEM, own, at)
    for to in found:
        assert standing(replace(ASKED, to=to), replies, at) == YES
        assert any(each.says == YES and each.to == to and each.at <= at for each in own)


@given(replies_, st.integers(0, 6))
def test_taking_everything_back_leaves_nobody(replies: list[Reply], hours: int) -> None:
    back = [reply(BACK, hours, item=ALL, to=to) for to in (INSURER, OTHER)]

    assert not consented(ITEM, [*replies, *back], NOON + hours * HOUR)
