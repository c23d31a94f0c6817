"""Who may see what, and which clause says so."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.exchange.handling import ANONYMOUS, Demand, Handling, HandlingClass
from allied.exchange.policy import (
    NEED_AUDIENCE,
    Channel,
    Receives,
    Recipient,
    admit,
    answer,
    decide,
    default_tlp,
)
from allied.exchange.stix import Kind
from allied.record.ids import PartyId

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
RIVER, HARBOUR, CERT, HUB = (PartyId(each) for each in ("river", "harbour", "northgate", "hub"))
MEMBER = Recipient(HARBOUR)
OBSERVER = Recipient(CERT, role="observer")
CLAUSE = Channel(
    art="2",
    shares=frozenset({"indicator", "technique"}),
    max_tlp=Tlp.AMBER,
    default_tlp=Tlp.AMBER,
    receives={"observer": Receives(Tlp.GREEN)},
)


def item(tlp: Tlp = Tlp.GREEN, kind: Kind = Kind.INDICATOR, /, **handling: Any) -> HandlingClass:
    return HandlingClass(RIVER, frozenset({Demand(kind, RIVER, Handling(tlp, **handling))}))


def test_what_a_clause_shares_goes_to_a_member() -> None:
    verdict = decide(item(), MEMBER, [CLAUSE], NOON)

    assert verdict.permitted
    assert (verdict.code, verdict.art, verdict.would_change) == ("exchange.permitted", "2", ())
    assert verdict.reasons


AUDIENCE = frozenset({HARBOUR})


@pytest.mark.parametrize(
    ("handling", "recipient", "change", "code"),
    [
        pytest.param(item(Tlp.AMBER), MEMBER, {}, "", id="up to the ceiling"),
        pytest.param(item(Tlp.AMBER_STRICT), MEMBER, {}, "exchange.above-ceiling",
                     id="not above it"),
        pytest.param(item(Tlp.GREEN), OBSERVER, {}, "", id="an observer up to its own ceiling"),
        pytest.param(item(Tlp.AMBER), OBSERVER, {}, "exchange.above-tier", id="not above that"),
        pytest.param(item(), Recipient(CERT, "associate"), {}, "exchange.role-receives-nothing",
                     id="a role that is not listed receives nothing"),
        pytest.param(item(Tlp.CLEAR), Recipient(HUB, "secretariat"), {},
                     "exchange.role-receives-nothing", id="not even the secretariat"),
        pytest.param(item(Tlp.AMBER), Recipient(HUB, "secretariat"),
                     {"hubs": frozenset({HUB})}, "", id="unless everything goes through it"),
        pytest.param(item(), Recipient(CERT, "observer", "gold"),
                     {"receives": {"gold": Receives(Tlp.RED), "observer": Receives(Tlp.CLEAR)}},
                     "", id="a tier decides before a role"),
        pytest.param(item(), Recipient(CERT, "member", "full"),
                     {"receives": {"full": Receives(Tlp.CLEAR)}}, "exchange.above-tier",
                     id="also against a member"),
        pytest.param(item(), Recipient(CERT, "member", "full"),
                     {"receives": {"core": Receives(Tlp.CLEAR)}}, "",
                     id="a member in no listed tier gets what the channel carries"),
        pytest.param(item(), Recipient(CERT, "member", "full"),
                     {"receives": {"full": Receives(Tlp.AMBER, frozenset({"technique"}))}},
                     "exchange.kind-not-received", id="a tier that gets other kinds"),
        pytest.param(item(), Recipient(HARBOUR, bound=False), {}, "exchange.not-bound",
                     id="a party that has not signed, or has left"),
        pytest.param(item(Tlp.GREEN, Kind.VULNERABILITY), MEMBER, {}, "exchange.kind-not-shared",
                     id="a kind that the clause does not share"),
        pytest.param(item(Tlp.GREEN, Kind.VULNERABILITY), MEMBER, {"shares": None}, "",
                     id="it would if it shared all"),
        pytest.param(item(Tlp.GREEN, Kind.VULNERABILITY), MEMBER,
                     {"shares": None, "excepts": frozenset({"vulnerability"})},
                     "exchange.kind-excepted", id="but for what it leaves out"),
        pytest.param(item(Tlp.GREEN, Kind.OTHER), MEMBER, {}, "exchange.no-kind",
                     id="a type without a kind"),
        pytest.param(item(Tlp.GREEN, Kind.OTHER), MEMBER, {"shares": None}, "",
                     id="goes where all is shared"),
        pytest.param(item(), MEMBER, {"senders": frozenset({HARBOUR})}, "exchange.direction",
                     id="a clause under which others send"),
        pytest.param(item(), MEMBER, {"senders": frozenset({RIVER})}, "", id="or this one"),
        pytest.param(item(), MEMBER, {"receivers": frozenset({CERT})}, "exchange.direction",
                     id="a clause under which others receive"),
        pytest.param(item(), MEMBER, {"receivers": AUDIENCE}, "", id="or this one does"),
        pytest.param(item(), MEMBER, {"hubs": frozenset({HUB})}, "exchange.direction",
                     id="past the hub"),
        pytest.param(item(Tlp.AMBER, audience=AUDIENCE), MEMBER, {}, "", id="named"),
        pytest.param(item(Tlp.CLEAR, audience=frozenset({CERT})), MEMBER, {},
                     "exchange.not-in-audience", id="not named, however lax the marking"),
        pytest.param(item(Tlp.CLEAR, audience=frozenset()), MEMBER, {},
                     "exchange.not-in-audience", id="an empty list reaches nobody"),
        pytest.param(item(Tlp.RED, audience=AUDIENCE), MEMBER, {"max_tlp": Tlp.RED}, "",
                     id="TLP:RED to whom it names"),
        pytest.param(item(Tlp.RED), MEMBER, {"max_tlp": Tlp.RED}, "exchange.red-needs-audience",
                     id="TLP:RED that names nobody"),
        pytest.param(item(Tlp.RED, audience=AUDIENCE), MEMBER, {}, "exchange.above-ceiling",
                     id="TLP:RED where the ceiling is lower"),
        pytest.param(item(caveats=frozenset({"ORCON"})), MEMBER, {}, "exchange.caveat-not-allowed",
                     id="a caveat that the clause does not know"),
        pytest.param(item(caveats=frozenset({"ORCON"})), MEMBER, {"caveats": frozenset({"ORCON"})},
                     "", id="one that it knows"),
        pytest.param(item(caveats=frozenset({"NOFORN"})), MEMBER,
                     {"caveats": frozenset({"NOFORN"})}, "exchange.caveat-needs-audience",
                     id="a caveat on who may see it, and nobody named"),
        pytest.param(item(caveats=frozenset({"NOFORN"}), audience=AUDIENCE), MEMBER,
                     {"caveats": frozenset({"NOFORN"})}, "", id="and somebody named"),
        pytest.param(item(expires=NOON + HOUR), MEMBER, {}, "", id="before its policy ends"),
        pytest.param(item(expires=NOON), MEMBER, {}, "exchange.expired", id="from then on"),
        pytest.param(item(), MEMBER, {"since": NOON}, "", id="from the day the clause begins"),
        pytest.param(item(), MEMBER, {"since": NOON + HOUR}, "exchange.clause-not-in-force",
                     id="not before"),
        pytest.param(item(), MEMBER, {"until": NOON}, "exchange.clause-not-in-force",
                     id="nor after it"),
    ],
)  # fmt: skip
def test_verdicts(
    handling: HandlingClass, recipient: Recipient, change: dict[str, Any], code: str
) -> None:
    verdict = decide(handling, recipient, [replace(CLAUSE, **change)], NOON)

    assert verdict.permitted == (not code)
    assert verdict.code == (code or "exchange.permitted")
    assert bool(verdict.would_change) == bool(code)
    assert verdict.sentence


SECRET = item(Tlp.GREEN, terms=frozenset({ANONYMOUS}))
HIDING = replace(CLAUSE, hubs=frozenset({HUB}), hides_sender=True)
ANYHOW = replace(CLAUSE, art="3")


@pytest.mark.parametrize(
    ("recipient", "channels", "code"),
    [
        pytest.param(Recipient(HUB, "secretariat"), [HIDING], "", id="to the secretariat"),
        pytest.param(MEMBER, [HIDING], "exchange.not-anonymous", id="to nobody else"),
        pytest.param(MEMBER, [HIDING, ANYHOW], "exchange.not-anonymous",
                     id="not even where another clause would let it go"),
        pytest.param(Recipient(HUB, "secretariat"), [replace(HIDING, hides_sender=False)],
                     "exchange.not-anonymous", id="not to a secretariat that hides nobody"),
    ],
)  # fmt: skip
def test_what_is_given_anonymously(
    recipient: Recipient, channels: list[Channel], code: str
) -> None:
    plain = item(Tlp.GREEN)
    verdict = decide(SECRET, recipient, channels, NOON)

    assert (verdict.code if code else verdict.permitted) == (code or True)
    if recipient.party == HUB or ANYHOW in channels:
        assert decide(plain, recipient, channels, NOON).permitted  # the twin
    assert admit(next(iter(SECRET.demands)), [ANYHOW], NOON).code == "exchange.not-anonymous"
    assert admit(next(iter(SECRET.demands)), [HIDING], NOON).permitted


def test_without_a_clause_nothing_goes_anywhere() -> None:
    verdict = decide(item(Tlp.CLEAR), MEMBER, [], NOON)

    assert (verdict.permitted, verdict.code, verdict.art) == (False, "exchange.no-clause", "")


def test_one_clause_that_allows_it_is_enough_and_is_named() -> None:
    narrow = replace(CLAUSE, art="3", max_tlp=Tlp.CLEAR)

    verdict = decide(item(), MEMBER, [narrow, CLAUSE], NOON)

    assert (verdict.permitted, verdict.art) == (True, "2")
    assert [(each.art, each.permitted) for each in verdict.reasons] == [("3", False), ("2", True)]


def test_clauses_do_not_add_up() -> None:
    high = replace(CLAUSE, art="3", shares=frozenset({"vulnerability"}))
    low = replace(CLAUSE, art="4", max_tlp=Tlp.CLEAR)

    verdict = decide(item(Tlp.AMBER), MEMBER, [high, low], NOON)

    assert not verdict.permitted
    assert {each.code for each in verdict.reasons} == {
        "exchange.kind-not-shared",
        "exchange.above-ceiling",
    }


def test_a_refusal_says_everything_that_has_to_change() -> None:
    closed = replace(CLAUSE, shares=frozenset({"technique"}))

    verdict = decide(item(Tlp.AMBER), OBSERVER, [closed], NOON)

    assert verdict.code == "exchange.kind-not-shared"
    assert len(verdict.would_change) == 2


def test_who_is_only_passing_it_on_may_not() -> None:
    assert decide(item(), MEMBER, [CLAUSE], NOON, releaser=RIVER).permitted

    verdict = decide(item(), OBSERVER, [CLAUSE], NOON, releaser=HARBOUR)
    assert (verdict.permitted, verdict.code) == (False, "exchange.third-party")


def test_an_originator_sees_its_own() -> None:
    assert decide(item(Tlp.RED), Recipient(RIVER), [CLAUSE], NOON).permitted


def test_a_link_goes_only_where_both_its_ends_go() -> None:
    ends = {Kind.INDICATOR: Tlp.GREEN, Kind.TECHNIQUE: Tlp.AMBER}
    link = HandlingClass(
        RIVER, frozenset(Demand(kind, RIVER, Handling(tlp)) for kind, tlp in ends.items())
    )

    assert decide(link, MEMBER, [CLAUSE], NOON).permitted
    assert decide(link, OBSERVER, [CLAUSE], NOON).code == "exchange.above-tier"
    only = replace(CLAUSE, shares=frozenset({"indicator"}))
    assert decide(link, MEMBER, [only], NOON).code == "exchange.kind-not-shared"
    other = replace(CLAUSE, art="3", shares=frozenset({"technique"}))
    assert decide(link, MEMBER, [only, other], NOON).permitted


def test_a_companion_goes_along_and_never_alone() -> None:
    amber, green = item(Tlp.AMBER), item(Tlp.GREEN)
    classes = {each.key: each for each in (amber, green)}
    own = frozenset({Demand(Kind.COMPANION, RIVER, Handling(Tlp.CLEAR))})

    def verdict(*along: HandlingClass, to: Recipient = OBSERVER) -> str:
        companion = HandlingClass(RIVER, own, frozenset(each.key for each in along))
        return decide(companion, to, [CLAUSE], NOON, classes=classes).code

    assert verdict(green) == "exchange.permitted"
    assert verdict(amber, green) == "exchange.permitted"
    assert verdict(amber) == "exchange.nothing-refers"
    assert verdict(amber, to=MEMBER) == "exchange.permitted"
    assert verdict() == "exchange.nothing-refers"


def test_a_companion_keeps_its_own_marking() -> None:
    green = item(Tlp.GREEN)
    secret = HandlingClass(
        RIVER,
        frozenset({Demand(Kind.COMPANION, RIVER, Handling(Tlp.AMBER))}),
        frozenset({green.key}),
    )

    verdict = decide(secret, OBSERVER, [CLAUSE], NOON, classes={green.key: green})

    assert verdict.code == "exchange.above-tier"


def test_a_verdict_says_until_when_time_alone_leaves_it() -> None:
    clause = replace(CLAUSE, since=NOON - HOUR, until=NOON + 3 * HOUR)

    assert decide(item(), MEMBER, [clause], NOON).valid_until == NOON + 3 * HOUR
    soon = item(expires=NOON + HOUR)
    assert decide(soon, MEMBER, [clause], NOON).valid_until == NOON + HOUR
    assert decide(item(), MEMBER, [CLAUSE], NOON).valid_until is None
    later = replace(CLAUSE, since=NOON + HOUR)
    verdict = decide(item(), MEMBER, [later], NOON)
    assert (verdict.permitted, verdict.valid_until) == (False, NOON + HOUR)
    assert decide(item(), MEMBER, [later], NOON + HOUR).permitted


@pytest.mark.parametrize(
    ("demand", "code"),
    [
        pytest.param(
            Demand(Kind.INDICATOR, RIVER, Handling(Tlp.AMBER)), "", id="up to the ceiling"
        ),
        pytest.param(
            Demand(Kind.INDICATOR, RIVER, Handling(Tlp.RED, AUDIENCE)),
            "exchange.above-ceiling",
            id="above the ceiling, even with an audience",
        ),
        pytest.param(
            Demand(Kind.VULNERABILITY, RIVER, Handling(Tlp.CLEAR)),
            "exchange.kind-not-shared",
            id="a kind that nobody agreed to share",
        ),
        pytest.param(
            Demand(Kind.COMPANION, RIVER, Handling(Tlp.GREEN)), "", id="companions have no kind"
        ),
    ],
)
def test_what_is_admitted_at_all(demand: Demand, code: str) -> None:
    assert admit(demand, [CLAUSE], NOON).code == (code or "exchange.permitted")


def test_the_default_marking_is_the_strictest_of_the_clauses_in_force() -> None:
    lax = replace(CLAUSE, default_tlp=Tlp.GREEN)

    assert default_tlp([lax], NOON) == Tlp.GREEN
    assert default_tlp([lax, CLAUSE], NOON) == Tlp.AMBER
    assert default_tlp([lax, replace(CLAUSE, until=NOON)], NOON) == Tlp.GREEN
    assert default_tlp([], NOON) == Tlp.RED


tlps = st.sampled_from(list(Tlp))
parties = st.sampled_from([RIVER, HARBOUR, CERT, HUB])
kinds = st.sampled_from(list(Kind))
kind_sets = st.none() | st.frozensets(kinds.map(lambda kind: kind.value))
handlings = st.builds(
    Handling,
    tlps,
    st.none() | st.frozensets(parties),
    st.frozensets(st.sampled_from(["ORCON", "REL-TO"])),
    st.just(frozenset()),
    st.none() | st.integers(-2, 2).map(lambda hours: NOON + hours * HOUR),
)
channels = st.builds(
    Channel,
    st.sampled_from(["1", "2"]),
    kind_sets,
    tlps,
    tlps,
    excepts=st.frozensets(kinds.map(lambda kind: kind.value), max_size=1),
    receives=st.dictionaries(
        st.sampled_from(["member", "observer", "core"]), st.builds(Receives, tlps, kind_sets)
    ),
    senders=st.none() | st.frozensets(parties),
    receivers=st.none() | st.frozensets(parties),
    hubs=st.none() | st.frozensets(parties, max_size=1),
    caveats=st.frozensets(st.sampled_from(["ORCON", "REL-TO"])),
)
recipients = st.builds(
    Recipient,
    parties,
    st.sampled_from(["member", "observer", "secretariat"]),
    st.sampled_from(["", "core"]),
    st.booleans(),
)
demand_sets = st.frozensets(
    st.builds(Demand, kinds, st.just(RIVER), handlings), min_size=1, max_size=3
)


def names_an_audience(base: Handling, added: Handling) -> bool:
    """Whether `added` names whom `base` only asks for: the one step that lets somebody in."""
    needed = base.tlp == Tlp.RED or base.caveats & NEED_AUDIENCE
    return bool(needed) and base.audience is None and added.audience is not None


@given(demand_sets, handlings, recipients, st.lists(channels, max_size=3))
def test_tightening_never_adds_a_recipient(
    base: frozenset[Demand], added: Handling, recipient: Recipient, given_: list[Channel]
) -> None:
    """P16: whoever may have the stricter one may have the laxer one."""
    if any(names_an_audience(demand.handling, added) for demand in base):
        return
    lax = HandlingClass(RIVER, base)
    strict = HandlingClass(RIVER, frozenset(demand.joined(added) for demand in base))

    if decide(strict, recipient, given_, NOON).permitted:
        assert decide(lax, recipient, given_, NOON).permitted


@given(demand_sets, demand_sets, recipients, st.lists(channels, max_size=3))
def test_more_demands_never_add_a_recipient(
    some: frozenset[Demand], more: frozenset[Demand], recipient: Recipient, given_: list[Channel]
) -> None:
    both = HandlingClass(RIVER, some | more)

    permitted = decide(both, recipient, given_, NOON).permitted
    each = (
        decide(HandlingClass(RIVER, part), recipient, given_, NOON).permitted
        for part in (some, more)
    )
    assert permitted == all(each)


@given(demand_sets, recipients, st.lists(channels, max_size=3), channels)
def test_one_more_clause_never_takes_a_recipient_away(
    demands: frozenset[Demand], recipient: Recipient, given_: list[Channel], more: Channel
) -> None:
    handling = HandlingClass(RIVER, demands)

    if decide(handling, recipient, given_, NOON).permitted:
        assert decide(handling, recipient, [*given_, more], NOON).permitted


@given(demand_sets, recipients, st.lists(channels, max_size=3))
def test_what_is_not_admitted_reaches_nobody_else(
    demands: frozenset[Demand], recipient: Recipient, given_: list[Channel]
) -> None:
    verdict = decide(HandlingClass(RIVER, demands), recipient, given_, NOON)

    assert verdict.reasons
    if verdict.permitted and recipient.party != RIVER:
        assert recipient.bound
        for demand in demands:
            assert admit(demand, given_, NOON).permitted
            audience = demand.handling.audience
            assert audience is None or recipient.party in audience
            assert demand.handling.tlp != Tlp.RED or audience is not None
            assert any(answer(demand, recipient, each, NOON).permitted for each in given_)


@given(demand_sets, recipients, st.lists(channels, min_size=1, max_size=3), st.randoms())
def test_the_order_of_clauses_does_not_decide(
    demands: frozenset[Demand], recipient: Recipient, given_: list[Channel], chance: Any
) -> None:
    handling = HandlingClass(RIVER, demands)
    shuffled = list(given_)
    chance.shuffle(shuffled)

    one, two = (decide(handling, recipient, each, NOON) for each in (given_, shuffled))
    assert (one.permitted, one.valid_until) == (two.permitted, two.valid_until)
