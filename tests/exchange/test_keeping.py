"""Under which clause copies are kept, until when, and how far a marking relaxes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from allied.agreement.terms import Agreement, load
from allied.agreement.values import Tlp
from allied.exchange.handling import BEGINS, Demand, Handling, HandlingClass
from allied.exchange.keeping import EXPIRED, RETENTION, SUNSET, Over, at_sunset, keeping, relaxed
from allied.exchange.stix import Kind
from allied.record.ids import Digest, PartyId

TEXT = """\
format: alliance/1
id: first
form: {kind: contract}
parties:
  - {ids: [river, harbour]}
  - {id: cert, role: observer}
articles:
  - {art: "1", type: information-sharing, share: [technique], max_tlp: GREEN, retention: 1 day}
  - {art: "2", type: information-sharing, share: [indicator], max_tlp: AMBER
     RECEIVES MORE}
  - {art: "3", type: information-sharing, share: [indicator], max_tlp: RED, retention: 9 days}
"""
SHARED = datetime(2026, 1, 1, tzinfo=UTC)
CAME = SHARED + timedelta(days=10)
RIVER, HARBOUR, CERT = PartyId("river"), PartyId("harbour"), PartyId("cert")


def agreement(more: str = "", receives: str = "") -> Agreement:
    text = TEXT.replace("MORE", f", {more}" if more else "")
    (value,) = load(text.replace("RECEIVES", receives).encode(), "a")
    assert isinstance(value, Agreement)
    return value


def of(tlp: Tlp = Tlp.AMBER, kind: Kind = Kind.INDICATOR, **handling: object) -> HandlingClass:
    handled = Handling(tlp, **handling)  # type: ignore[arg-type]
    return HandlingClass(RIVER, frozenset({Demand(kind, RIVER, handled)}))


def days(number: float, code: str, start: datetime = SHARED, *, erase: bool = True) -> Over:
    return Over(start + timedelta(days=number), code, erase)


@pytest.mark.parametrize(
    ("more", "over"),
    [
        pytest.param("", None, id="without a word it is kept for ever"),
        pytest.param("retention: 5 days", days(5, RETENTION, CAME), id="counted from its coming"),
        pytest.param(
            "sunset: {after: 12 days, then: expire}", days(12, SUNSET), id="from its sharing"
        ),
        pytest.param(
            "retention: 5 days, sunset: {after: 12 days, then: expire}",
            days(12, SUNSET),
            id="what comes first ends it",
        ),
        pytest.param("sunset: {after: 12 days, then: relax, tlp: GREEN}", None, id="only relaxed"),
    ],
)
def test_when_a_copy_is_over(more: str, over: Over | None) -> None:
    kept = keeping(agreement(more), of(), HARBOUR)

    assert kept.art == "2"
    assert kept.over(SHARED, CAME) == over
    assert kept.ever == bool(more)


def test_a_marking_that_ends_is_over_and_its_bytes_stay() -> None:
    end = SHARED + timedelta(days=3)

    assert keeping(agreement(), of(expires=end), HARBOUR).over(SHARED, CAME) == Over(
        end, EXPIRED, erase=False
    )
    later = keeping(agreement("retention: 5 days"), of(expires=CAME + timedelta(days=6)), HARBOUR)
    assert later.over(SHARED, CAME) == days(5, RETENTION, CAME)


@pytest.mark.parametrize(
    ("handling", "holder", "art"),
    [
        pytest.param(of(), HARBOUR, "2", id="the first clause that let it come"),
        pytest.param(of(Tlp.RED, audience=frozenset({HARBOUR})), HARBOUR, "3", id="the ceiling"),
        pytest.param(of(Tlp.GREEN, Kind.TECHNIQUE), HARBOUR, "1", id="the kind"),
        pytest.param(of(), RIVER, "2", id="of one's own, the one that takes it in"),
        pytest.param(of(Tlp.GREEN, Kind.VULNERABILITY), HARBOUR, "", id="none takes it in"),
        pytest.param(
            of(terms=frozenset({BEGINS + "2999-01-01T00:00:00Z"})), HARBOUR, "2",
            id="that its policy has not begun plays no part",
        ),
    ],
)  # fmt: skip
def test_the_clause_that_it_is_kept_under(
    handling: HandlingClass, holder: PartyId, art: str
) -> None:
    assert keeping(agreement(), handling, holder).art == art


def test_an_observer_keeps_it_under_the_clause_by_which_it_had_it() -> None:
    text = agreement(receives=", receives: {observer: {max_tlp: GREEN}, member: {max_tlp: AMBER}}")

    assert keeping(text, of(Tlp.GREEN), CERT).art == "2"
    assert keeping(text, of(Tlp.AMBER), HARBOUR).art == "2"


RELAX = "sunset: {after: 12 days, then: relax, tlp: GREEN}"
SUNRISE = SHARED + timedelta(days=12)


@pytest.mark.parametrize(
    ("type_", "at", "tlp"),
    [
        pytest.param("indicator", SUNRISE - timedelta(seconds=1), Tlp.AMBER, id="before"),
        pytest.param("indicator", SUNRISE, Tlp.GREEN, id="at its very instant"),
        pytest.param("relationship", SUNRISE, Tlp.AMBER, id="a link stays as it is"),
        pytest.param("sighting", SUNRISE, Tlp.AMBER, id="and so does a sighting"),
    ],
)
def test_a_marking_relaxes_at_its_sunset(type_: str, at: datetime, tlp: Tlp) -> None:
    assert at_sunset(agreement(RELAX), of(), HARBOUR, type_, SHARED, at).tlp == tlp
    assert at_sunset(agreement(), of(), HARBOUR, type_, SHARED, at).tlp == Tlp.AMBER


def test_what_is_below_already_never_goes_up_by_it() -> None:
    kept = keeping(agreement(RELAX), of(Tlp.CLEAR), HARBOUR)

    assert kept.relaxes_at("indicator", SHARED) is None
    assert keeping(agreement(RELAX), of(), HARBOUR).relaxes_at("indicator", SHARED) == SUNRISE


@given(
    st.sampled_from(Tlp),
    st.sampled_from(Tlp),
    st.frozensets(st.sampled_from([HARBOUR, CERT])) | st.none(),
    st.frozensets(st.sampled_from(["ORCON", "NOFORN"])),
)
def test_relaxing_touches_nothing_but_the_marking(
    before: Tlp, to: Tlp, audience: frozenset[PartyId] | None, caveats: frozenset[str]
) -> None:
    along = frozenset({Digest("0" * 64)})
    one = of(before, audience=audience, caveats=caveats)
    one = HandlingClass(one.originator, one.demands, along)
    (found,) = relaxed(one, to).demands

    assert found.handling == Handling(min(before, to), audience, caveats)
    assert relaxed(one, to).along == along
    assert relaxed(relaxed(one, to), to) == relaxed(one, to)
