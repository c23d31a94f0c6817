"""Times and conditions of a clause that an item meets on its way."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from allied.agreement.terms import Agreement, load
from allied.agreement.values import Duration, Tlp
from allied.exchange.channel import Channel, Known, Recipient
from allied.exchange.channels import channels_of
from allied.exchange.handling import Demand, Handling, HandlingClass, begins_term
from allied.exchange.limits import (
    at_sunset,
    ends,
    fresh_until,
    is_fresh,
    share_by,
    sunset_at,
    warnings,
)
from allied.exchange.policy import Verdict, decide
from allied.exchange.stix import Kind
from allied.record.ids import PartyId
from tests.exchange.texts import pact, sharing

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
RIVER, HARBOUR, HUB = PartyId("river"), PartyId("harbour"), PartyId("hub")


# --- share within -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("clause", "due"),
    [
        pytest.param("duty: must, within: 4 hours", NOON + 4 * HOUR, id="a duty with a time"),
        pytest.param("duty: should, within: 1 day", NOON + DAY, id="what should be shared too"),
        pytest.param("duty: may, within: 4 hours", None, id="nobody is late who only may"),
        pytest.param("duty: on-request, within: 4 hours", None, id="nor who was not asked"),
        pytest.param("duty: must", None, id="no time was agreed"),
        pytest.param("duty: must, within: 999999 years", None, id="one that never comes"),
    ],
)
def test_by_when_something_is_to_be_shared(clause: str, due: datetime | None) -> None:
    assert share_by(sharing(f"share: all, {clause}"), NOON) == due


# --- retention and sunset -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("clause", "release_until", "delete_by"),
    [
        pytest.param("", None, None, id="for ever"),
        pytest.param("retention: 2 days", NOON + 3 * DAY, NOON + 3 * DAY,
                     id="kept for so long from when it came"),
        pytest.param("sunset: {after: 7 days, then: expire}", NOON + 7 * DAY, NOON + 7 * DAY,
                     id="over for all, so long after it was shared"),
        pytest.param("retention: 2 days, sunset: {after: 1 day, then: expire}", NOON + DAY,
                     NOON + DAY, id="whatever comes first"),
        pytest.param("sunset: {after: 1 day, then: relax, tlp: GREEN}", None, None,
                     id="what relaxes does not end"),
    ],
)  # fmt: skip
def test_when_an_item_is_over(
    clause: str, release_until: datetime | None, delete_by: datetime | None
) -> None:
    found = ends(
        Handling(Tlp.AMBER),
        sharing(f"share: all, {clause}" if clause else "share: all"),
        shared_at=NOON,
        received_at=NOON + DAY,
    )

    assert (found.release_until, found.delete_by) == (release_until, delete_by)


def test_a_policy_that_ends_earlier_ends_it_earlier() -> None:
    clause = sharing("share: all, retention: 2 days")
    found = ends(Handling(Tlp.AMBER, expires=NOON + HOUR), clause, NOON, NOON)

    assert (found.release_until, found.delete_by) == (NOON + HOUR, NOON + 2 * DAY)


@pytest.mark.parametrize(
    ("tlp", "at", "expected"),
    [
        pytest.param(Tlp.RED, NOON + DAY - SECOND, Tlp.RED, id="until its very instant"),
        pytest.param(Tlp.RED, NOON + DAY, Tlp.GREEN, id="from then on"),
        pytest.param(Tlp.CLEAR, NOON + DAY, Tlp.CLEAR, id="it makes nothing stricter"),
    ],
)
def test_a_marking_relaxes_at_its_sunset(tlp: Tlp, at: datetime, expected: Tlp) -> None:
    clause = sharing("share: all, max_tlp: RED, sunset: {after: 1 day, then: relax, tlp: GREEN}")
    handling = Handling(tlp, frozenset({RIVER}), frozenset({"ORCON"}))

    relaxed = at_sunset(handling, clause, NOON, at)

    assert relaxed.tlp == expected
    assert (relaxed.audience, relaxed.caveats) == (handling.audience, handling.caveats)


def test_an_item_expires_at_its_sunset_and_without_one_nothing_changes() -> None:
    expires = sharing("share: all, sunset: {after: 1 day, then: expire}")
    nothing = sharing("share: all, sunset: {after: 1 day, then: relax}")
    plain = Handling(Tlp.AMBER)

    assert at_sunset(plain, expires, NOON, NOON).expires == NOON + DAY
    assert at_sunset(plain, nothing, NOON, NOON + 2 * DAY) == plain
    assert at_sunset(plain, sharing("share: all"), NOON, NOON + 2 * DAY) == plain
    assert sunset_at(sharing("share: all"), NOON) is None


@given(st.sampled_from(list(Tlp)), st.sampled_from(list(Tlp)), st.integers(-3, 3))
def test_a_sunset_never_tightens_a_tlp_nor_loosens_before_its_time(
    tlp: Tlp, to: Tlp, days: int
) -> None:
    clause = sharing(
        f"share: all, max_tlp: RED, sunset: {{after: 1 day, then: relax, tlp: {to.label[4:]}}}"
    )
    found = at_sunset(Handling(tlp), clause, NOON, NOON + days * DAY)

    assert found.tlp <= tlp
    assert found.tlp == (tlp if days < 1 else min(tlp, to))


# --- freshness ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tlp", "freshness", "age", "fresh"),
    [
        pytest.param(Tlp.AMBER, None, 24 * HOUR - SECOND, True, id="a day by default"),
        pytest.param(Tlp.AMBER, None, 24 * HOUR, False, id="and not at its end"),
        pytest.param(Tlp.RED, None, HOUR - SECOND, True, id="an hour for RED"),
        pytest.param(Tlp.RED, None, HOUR, False, id="and not at its end either"),
        pytest.param(Tlp.AMBER, Duration(2, "hours"), 2 * HOUR, False, id="what the clause says"),
        pytest.param(Tlp.RED, Duration(2, "hours"), 2 * HOUR - SECOND, True, id="also for RED"),
        pytest.param(Tlp.GREEN, None, 9000 * HOUR, True, id="GREEN needs none"),
        pytest.param(Tlp.AMBER, None, -SECOND, False, id="the future confirms nothing"),
    ],
)
def test_how_old_knowledge_may_be(
    tlp: Tlp, freshness: Duration | None, age: timedelta, fresh: bool
) -> None:
    assert is_fresh(NOON - age, tlp, freshness, NOON) is fresh


def test_what_was_never_confirmed_is_not_fresh() -> None:
    assert not is_fresh(None, Tlp.AMBER, None, NOON)
    assert is_fresh(None, Tlp.CLEAR, None, NOON)
    assert fresh_until(NOON, Tlp.AMBER, Duration(999_999, "years")) is None
    assert is_fresh(NOON, Tlp.AMBER, Duration(999_999, "years"), NOON + 9000 * DAY)


CLAUSE = Channel("2", None, max_tlp=Tlp.RED, default_tlp=Tlp.AMBER)


def verdict(
    tlp: Tlp = Tlp.AMBER,
    known: Known | None = None,
    /,
    at: datetime = NOON,
    to: Recipient | None = None,
    kind: Kind = Kind.INDICATOR,
    channel: Channel = CLAUSE,
    **handling: object,
) -> Verdict:
    audience = frozenset({HARBOUR, HUB}) if tlp == Tlp.RED else None
    demand = Demand(kind, RIVER, Handling(tlp, audience, **handling))  # type: ignore[arg-type]
    item = HandlingClass(RIVER, frozenset({demand}))
    return decide(item, to or Recipient(HARBOUR), [channel], at, known=known)


def test_a_node_that_was_cut_off_releases_nothing_above_green() -> None:
    old, new = Known(confirmed_at=NOON - DAY), Known(confirmed_at=NOON - DAY + SECOND)

    assert verdict(Tlp.AMBER, new).permitted
    assert verdict(Tlp.GREEN, old).permitted
    stale = verdict(Tlp.AMBER, old)
    assert (stale.permitted, stale.code) == (False, "exchange.membership-stale")
    assert stale.would_change


def test_a_verdict_holds_as_long_as_its_knowledge() -> None:
    known = Known(confirmed_at=NOON - HOUR / 2)

    assert verdict(Tlp.RED, known).valid_until == NOON + HOUR / 2
    assert verdict(Tlp.AMBER, known).valid_until == NOON + 23.5 * HOUR
    assert verdict(Tlp.GREEN, known).valid_until is None
    assert not verdict(Tlp.RED, known, at=NOON + HOUR / 2).permitted


# --- reciprocity --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "contributed", "kind", "permitted"),
    [
        pytest.param("none", "", Kind.INDICATOR, True, id="nothing is asked in return"),
        pytest.param("equal-kind", "indicator", Kind.INDICATOR, True, id="the same kind"),
        pytest.param("equal-kind", "technique", Kind.INDICATOR, False, id="another kind"),
        pytest.param("equal-kind", "", Kind.COMPANION, True, id="companions are no kind"),
        pytest.param("contribute-to-receive", "technique", Kind.INDICATOR, True, id="anything"),
        pytest.param("contribute-to-receive", "", Kind.INDICATOR, False, id="nothing"),
    ],
)
def test_in_return(rule: str, contributed: str, kind: Kind, permitted: bool) -> None:
    known = Known(
        confirmed_at=NOON, contributed=frozenset({contributed}) if contributed else frozenset()
    )
    found = verdict(Tlp.AMBER, known, kind=kind, channel=replace(CLAUSE, reciprocity=rule))

    assert found.permitted is permitted
    assert found.code == ("exchange.permitted" if permitted else "exchange.not-reciprocated")


def test_the_hub_need_not_contribute() -> None:
    channel = replace(CLAUSE, hubs=frozenset({HUB}), reciprocity="contribute-to-receive")
    known = Known(confirmed_at=NOON)

    assert verdict(Tlp.AMBER, known, to=Recipient(HUB, "secretariat"), channel=channel).permitted


def test_clauses_say_what_is_asked_in_return_and_how_fresh_knowledge_is() -> None:
    (channel,) = channels_of(pact("share: all, reciprocity: equal-kind, freshness: 2 hours"))

    assert (channel.reciprocity, channel.freshness) == ("equal-kind", Duration(2, "hours"))


def test_who_hands_in_no_knowledge_is_not_judged_by_it() -> None:
    strict = replace(CLAUSE, reciprocity="equal-kind", freshness=Duration(1, "seconds"))

    assert verdict(Tlp.AMBER, channel=strict).permitted
    assert not verdict(Tlp.AMBER, Known(), channel=strict).permitted


# --- policies that begin, and encryption --------------------------------------------------


def test_a_policy_lets_nobody_in_before_it_begins() -> None:
    terms = frozenset({begins_term(NOON)})

    early = verdict(Tlp.GREEN, at=NOON - SECOND, terms=terms)
    assert (early.code, early.valid_until) == ("exchange.not-yet", NOON)
    assert verdict(Tlp.GREEN, terms=terms).permitted
    later = frozenset({begins_term(NOON), begins_term(NOON + HOUR)})
    assert not verdict(Tlp.GREEN, terms=later).permitted


def test_a_beginning_that_nobody_can_read_never_comes() -> None:
    assert not verdict(Tlp.GREEN, terms=frozenset({"iep:start-date=soon"})).permitted


PACT_OF = """\
format: alliance/1
id: first
form: {kind: contract}
parties: [{ids: [river, harbour]}]
articles:
  - {art: "1", type: information-sharing, share: all, CLAUSE}
"""


@pytest.mark.parametrize(
    ("clause", "handling", "refused"),
    [
        pytest.param("encrypt: must", Handling(Tlp.GREEN), True, id="the clause asks for it"),
        pytest.param("duty: may", Handling(Tlp.GREEN), True, id="it is asked for by default"),
        pytest.param("encrypt: must", Handling(Tlp.CLEAR), False, id="CLEAR is anybody's"),
        pytest.param("encrypt: may", Handling(Tlp.AMBER), False, id="the clause leaves it open"),
        pytest.param(
            "encrypt: may",
            Handling(Tlp.CLEAR, terms=frozenset({"iep:encrypt-in-transit=must"})),
            True,
            id="the policy on the item asks for it",
        ),
    ],
)
def test_ways_that_others_can_read(clause: str, handling: Handling, refused: bool) -> None:
    (agreed,) = load(PACT_OF.replace("CLAUSE", clause).encode(), "a")
    assert isinstance(agreed, Agreement)
    (channel,) = channels_of(agreed)
    item = HandlingClass(RIVER, frozenset({Demand(Kind.INDICATOR, RIVER, handling)}))
    closed = Known(confirmed_at=NOON)

    def over(known: Known) -> Verdict:
        return decide(item, Recipient(HARBOUR), [channel], NOON, known=known)

    assert over(closed).permitted
    found = over(replace(closed, readable=True))
    assert found.permitted is not refused
    assert found.code == ("exchange.not-encrypted" if refused else "exchange.permitted")


SHIELDED = """\
format: alliance/1
id: first
form: {kind: contract}
timezone: ZONE
parties: [{ids: [river, harbour]}]
protections: [{name: the shield, valid: [2025-01-01/2025-09-30, 2025-11-12/2026-01-30]}]
articles:
  - {art: "1", type: information-sharing, share: all, legal_shield: the shield MORE}
  - {art: "2", type: information-sharing, share: all, within: 1 hour}
"""


def warned(at: datetime, known_at: datetime | None = None, more: str = "", **said: str) -> set[str]:
    text = SHIELDED.replace("MORE", more).replace("ZONE", said.get("zone", "UTC"))
    (agreement,) = load(text.encode(), "a")
    assert isinstance(agreement, Agreement)
    arts = said.get("arts", "1 2").split()
    return {f"{each.art} {each.code}" for each in warnings(agreement, arts, at, known_at)}


@pytest.mark.parametrize(
    ("at", "zone", "lapsed"),
    [
        pytest.param(datetime(2025, 9, 30, 23, tzinfo=UTC), "UTC", False, id="its last day"),
        pytest.param(datetime(2025, 10, 15, tzinfo=UTC), "UTC", True, id="15 October 2025"),
        pytest.param(datetime(2025, 11, 15, tzinfo=UTC), "UTC", False, id="15 November 2025"),
        pytest.param(
            datetime(2025, 9, 30, 23, tzinfo=UTC), "Asia/Tokyo", True, id="a day on in Tokyo"
        ),
        pytest.param(datetime(2025, 10, 15, tzinfo=UTC), "Nowhere/At-All", True, id="no zone"),
    ],
)
def test_a_lapsed_protection_is_warned_of(at: datetime, zone: str, lapsed: bool) -> None:
    """Scenario 29."""
    assert warned(at, zone=zone) == ({"1 exchange.legal-shield-lapsed"} if lapsed else set())
    assert warned(at, zone=zone, arts="2") == set()


@pytest.mark.parametrize(
    ("duty", "hours", "late"),
    [
        pytest.param("must", 1, True, id="at the very end of its time"),
        pytest.param("must", 0, False, id="at once"),
        pytest.param("should", 2, True, id="what should be shared has a limit too"),
        pytest.param("may", 2, False, id="what may be shared is never late"),
        pytest.param("on-request", 2, False, id="nor is what is asked for"),
    ],
)
def test_what_is_shared_too_late_is_said(duty: str, hours: int, late: bool) -> None:
    known = datetime(2025, 12, 1, tzinfo=UTC)
    more = f", within: 1 hour, duty: {duty}"
    expected = {"1 exchange.shared-late"} if late else set()

    assert warned(known + timedelta(hours=hours), known, more) == expected
    assert warned(known + timedelta(hours=hours), None, more) == set()
