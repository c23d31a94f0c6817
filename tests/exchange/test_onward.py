"""Passing on what another originated: who may, who has to ask, and what never goes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Duration, Tlp
from allied.exchange.channel import CONSENT, LISTED, Channel, Known, Outcome, Receives, Recipient
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.lineage import ItemName
from allied.exchange.policy import decide
from allied.exchange.recall import Copy, Recall, fold, is_recalled
from allied.exchange.stix import Kind
from allied.record.ids import PartyId

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RIVER, HARBOUR, PORT, HUB = (PartyId(each) for each in ("river", "harbour", "port", "hub"))
INSURER = PartyId("insurer")
MEMBER = Recipient(PORT)
OUTSIDER = Recipient(INSURER, "", "", bound=False, outside=True)
CAVEATS = frozenset({"REL-TO", "NOFORN", "ORCON", "PROPIN", "EYES-ONLY"})
CLAUSE = Channel(
    art="2",
    shares=None,
    max_tlp=Tlp.RED,
    default_tlp=Tlp.AMBER,
    caveats=CAVEATS,
)
NOW = Known(confirmed_at=NOON)
NAME = ItemName(RIVER, "indicator--1", "1")
CALLED = Recall(NAME, RIVER, NOON, "", Duration(1, "days"))


def item(tlp: Tlp = Tlp.AMBER, /, **handling: Any) -> HandlingClass:
    """An indicator of River, as Harbour holds it."""
    demand = Demand(Kind.INDICATOR, RIVER, Handling(tlp, **handling))
    return HandlingClass(RIVER, frozenset({demand}))


def caveat(*words: str, tlp: Tlp = Tlp.AMBER, audience: frozenset[PartyId] | None = None) -> Any:
    return item(tlp, caveats=frozenset(words), audience=audience)


TO_PORT = frozenset({PORT})
PERMIT, DENY, ASK = Outcome.PERMIT, Outcome.DENY, Outcome.ASK
SANITISE, REVIEW = Outcome.SANITISE, Outcome.REVIEW
ASKED = "exchange.originator-consent"
OUT = "exchange.third-party"


@pytest.mark.parametrize(
    ("handling", "change", "outcome", "code"),
    [
        pytest.param(item(Tlp.AMBER), {}, PERMIT, "", id="a party that could have had it anyway"),
        pytest.param(item(Tlp.AMBER_STRICT), {}, ASK, ASKED, id="AMBER+STRICT stays"),
        pytest.param(item(Tlp.AMBER_STRICT, audience=TO_PORT), {}, PERMIT, "",
                     id="but for whom the originator named"),
        pytest.param(item(Tlp.RED, audience=TO_PORT), {}, PERMIT, "", id="RED, to one it names"),
        pytest.param(item(Tlp.RED, audience=frozenset({HARBOUR})), {}, ASK, ASKED,
                     id="RED, to another one"),
        pytest.param(item(Tlp.GREEN, audience=frozenset({HARBOUR})), {}, ASK, ASKED,
                     id="whatever names an audience, to another one"),
        pytest.param(caveat("ORCON"), {}, ASK, ASKED, id="ORCON"),
        pytest.param(caveat("PROPIN"), {}, ASK, ASKED, id="PROPIN"),
        pytest.param(caveat("ORCON", audience=TO_PORT), {}, PERMIT, "",
                     id="ORCON, to whom it names"),
        pytest.param(item(), {"originator_control": True}, ASK, ASKED,
                     id="a clause under which the originator controls every use"),
        pytest.param(item(), {"max_tlp": Tlp.GREEN}, DENY, "exchange.above-ceiling",
                     id="nothing above the ceiling"),
        pytest.param(item(), {"receives": {"member": Receives(Tlp.GREEN)}}, DENY,
                     "exchange.above-tier", id="nothing above what the tier receives"),
        pytest.param(item(), {"hubs": frozenset({HUB})}, DENY, "exchange.direction",
                     id="nothing past the hub"),
        pytest.param(item(), {"hubs": frozenset({HARBOUR})}, PERMIT, "", id="the hub passes it on"),
        pytest.param(item(), {"unnamed": True}, SANITISE, "exchange.names-source",
                     id="not with the name of its source"),
        pytest.param(item(terms=frozenset({"iep:provider-attribution=must-not"})), {}, SANITISE,
                     "exchange.names-source", id="nor where a policy says so"),
        pytest.param(item(terms=frozenset({"iep:provider-attribution=may"})), {}, PERMIT, "",
                     id="and one that lets it be named does not"),
        pytest.param(item(), {"unnamed": True, "hides_sender": True, "hubs": frozenset({HARBOUR})},
                     SANITISE, "exchange.names-source", id="the hub makes a new item first"),
        pytest.param(item(), {"hides_sender": True, "hubs": frozenset({HARBOUR})},
                     SANITISE, "exchange.names-source", id="also where it only may hide it"),
        pytest.param(item(), {"unnamed": True, "hides_sender": True}, DENY,
                     "exchange.names-source", id="and nobody else does"),
    ],
)  # fmt: skip
def test_passing_on_to_another_party(
    handling: HandlingClass, change: dict[str, Any], outcome: Outcome, code: str
) -> None:
    channel = replace(CLAUSE, **change)
    verdict = decide(handling, MEMBER, [channel], NOON, releaser=HARBOUR, known=NOW)

    assert (verdict.outcome, verdict.permitted) == (outcome, outcome == PERMIT)
    assert verdict.code == (code or "exchange.permitted")
    assert bool(verdict.would_change) == bool(code)


@pytest.mark.parametrize(
    ("handling", "rule", "outcome", "code"),
    [
        pytest.param(item(Tlp.CLEAR), "forbidden", DENY, OUT, id="forbidden is forbidden"),
        pytest.param(item(Tlp.CLEAR), CONSENT, PERMIT, "", id="CLEAR is consent for everybody"),
        pytest.param(item(Tlp.GREEN), CONSENT, REVIEW, "exchange.community-review",
                     id="GREEN is for the community, and a person says who is in it"),
        pytest.param(item(Tlp.AMBER), CONSENT, ASK, ASKED, id="AMBER is asked for"),
        pytest.param(item(Tlp.RED, audience=TO_PORT), CONSENT, ASK, ASKED, id="so is RED"),
        pytest.param(item(Tlp.CLEAR, audience=TO_PORT), CONSENT, ASK, ASKED,
                     id="CLEAR with an audience is not for everybody"),
        pytest.param(item(Tlp.AMBER), LISTED, PERMIT, "", id="the clause lists them"),
        pytest.param(item(Tlp.AMBER_STRICT), LISTED, ASK, ASKED,
                     id="what stays in the organisation stays there"),
        pytest.param(item(Tlp.AMBER), "elsewhere", DENY, OUT, id="the clause lists others"),
        pytest.param(caveat("ORCON"), "forbidden", ASK, ASKED,
                     id="what is controlled is asked for, even where passing on is forbidden"),
        pytest.param(caveat("ORCON"), LISTED, ASK, ASKED, id="and where they are listed"),
        pytest.param(caveat("ORCON", tlp=Tlp.CLEAR), CONSENT, ASK, ASKED,
                     id="and where it is CLEAR"),
        pytest.param(caveat("NOFORN", audience=TO_PORT), CONSENT, DENY,
                     "exchange.caveat-keeps-inside", id="NOFORN is not even asked about"),
        pytest.param(caveat("EYES-ONLY", audience=TO_PORT), CONSENT, DENY,
                     "exchange.caveat-keeps-inside", id="nor is EYES-ONLY"),
        pytest.param(caveat("REL-TO", tlp=Tlp.CLEAR, audience=TO_PORT), CONSENT, ASK, ASKED,
                     id="REL-TO can be widened by who wrote it"),
    ],
)  # fmt: skip
def test_passing_on_to_an_outsider(
    handling: HandlingClass, rule: str, outcome: Outcome, code: str
) -> None:
    listed = LISTED if rule in (LISTED, "elsewhere") else rule
    names = frozenset({INSURER if rule == LISTED else "another"})
    channel = replace(CLAUSE, third_party=listed, allowed_to=names, community=True)

    verdict = decide(handling, OUTSIDER, [channel], NOON, releaser=HARBOUR, known=NOW)

    assert (verdict.outcome, verdict.permitted) == (outcome, outcome == PERMIT)
    assert verdict.code == (code or "exchange.permitted")


def outcome(
    handling: HandlingClass,
    known: Known,
    to: Recipient = OUTSIDER,
    releaser: PartyId = HARBOUR,
    /,
    **change: Any,
) -> Outcome:
    channel = replace(CLAUSE, **change)
    return decide(handling, to, [channel], NOON, releaser=releaser, known=known).outcome


def test_green_needs_a_declared_community_and_a_person_who_says_who_belongs_to_it() -> None:
    reviewed = replace(NOW, reviewed=frozenset({INSURER}))
    green, amber = item(Tlp.GREEN), item(Tlp.AMBER)

    assert outcome(green, NOW, third_party=CONSENT, community=True) == REVIEW
    assert outcome(green, reviewed, third_party=CONSENT, community=True) == PERMIT
    assert outcome(green, reviewed, third_party=CONSENT) == ASK
    assert outcome(amber, reviewed, third_party=CONSENT, community=True) == ASK


def test_consent_lets_exactly_the_one_it_names_in() -> None:
    agreed = replace(NOW, consented=frozenset({INSURER}))
    other = replace(OUTSIDER, party=PartyId("journalist"))

    assert outcome(caveat("ORCON"), agreed) == PERMIT
    assert outcome(caveat("ORCON"), agreed, other) == ASK
    assert outcome(item(Tlp.AMBER_STRICT), replace(NOW, consented=TO_PORT), MEMBER) == PERMIT
    assert outcome(item(Tlp.AMBER_STRICT), agreed, MEMBER) == ASK


def test_consent_opens_nothing_else() -> None:
    agreed = replace(NOW, consented=frozenset({INSURER}))

    assert outcome(caveat("NOFORN", audience=TO_PORT), agreed) == DENY
    assert outcome(item(), agreed, max_tlp=Tlp.GREEN) == DENY
    assert outcome(item(expires=NOON), agreed) == DENY
    assert outcome(item(), agreed, unnamed=True) == SANITISE
    assert outcome(item(), replace(agreed, named=True), unnamed=True) == PERMIT


def test_a_party_that_left_is_no_outsider_whom_one_could_ask_for() -> None:
    agreed = replace(NOW, consented=TO_PORT)
    left = Recipient(PORT, bound=False)

    assert outcome(item(), agreed, MEMBER) == PERMIT
    verdict = decide(item(), left, [CLAUSE], NOON, releaser=HARBOUR, known=agreed)
    assert (verdict.outcome, verdict.code) == (DENY, "exchange.not-bound")


def test_an_extract_goes_by_its_own_marking_whatever_the_clause_says_of_outsiders() -> None:
    extract = replace(NOW, tear_line=True)

    def to_insurer(handling: HandlingClass, known: Known = extract, **change: Any) -> Outcome:
        return outcome(handling, known, originator_control=True, **change)

    assert to_insurer(item(Tlp.CLEAR)) == PERMIT
    assert to_insurer(item(Tlp.CLEAR), NOW) == ASK
    assert to_insurer(item(Tlp.GREEN)) == ASK
    assert to_insurer(item(Tlp.GREEN), community=True) == REVIEW
    assert to_insurer(item(Tlp.AMBER)) == ASK
    assert to_insurer(caveat("ORCON", tlp=Tlp.CLEAR)) == ASK
    assert to_insurer(caveat("NOFORN", tlp=Tlp.CLEAR, audience=TO_PORT)) == DENY


def test_what_is_recalled_goes_to_nobody_from_that_instant_on() -> None:
    def verdict(at: datetime, releaser: PartyId) -> str:
        known = Known(confirmed_at=at, recalled=is_recalled(NAME, [CALLED], at))
        return decide(item(), MEMBER, [CLAUSE], at, releaser=releaser, known=known).code

    before = NOON - timedelta(seconds=1)
    assert verdict(before, RIVER) == verdict(before, HARBOUR) == "exchange.permitted"
    assert verdict(NOON, RIVER) == verdict(NOON, HARBOUR) == "exchange.recalled"


@pytest.mark.parametrize(
    ("recall", "recalled"),
    [
        pytest.param({}, True, id="this version"),
        pytest.param({"item": ItemName(RIVER, "indicator--1")}, True, id="all versions"),
        pytest.param({"item": ItemName(RIVER, "indicator--1", "2")}, False, id="another version"),
        pytest.param({"by": HARBOUR}, False, id="by somebody else"),
        pytest.param({"at": NOON + timedelta(seconds=1)}, False, id="later"),
    ],
)
def test_what_a_recall_is_about(recall: dict[str, Any], recalled: bool) -> None:
    assert is_recalled(NAME, [replace(CALLED, **recall)], NOON) is recalled


def test_a_way_that_is_open_is_named_before_one_that_is_shut() -> None:
    shut = replace(CLAUSE, art="3", third_party="forbidden")
    asked = replace(CLAUSE, art="4", originator_control=True)

    verdict = decide(item(), OUTSIDER, [shut, asked], NOON, releaser=HARBOUR, known=NOW)

    assert (verdict.outcome, verdict.art, verdict.code) == (ASK, "4", ASKED)
    assert decide(item(), OUTSIDER, [shut], NOON, releaser=HARBOUR, known=NOW).outcome == DENY


def test_who_does_not_say_what_is_known_passes_nothing_on() -> None:
    assert decide(item(), MEMBER, [CLAUSE], NOON, releaser=HARBOUR, known=NOW).permitted

    verdict = decide(item(), MEMBER, [CLAUSE], NOON, releaser=HARBOUR)
    assert (verdict.permitted, verdict.code, verdict.outcome) == (False, OUT, DENY)


def test_what_an_originator_gives_itself_is_not_passing_on() -> None:
    assert decide(caveat("ORCON"), MEMBER, [CLAUSE], NOON, releaser=RIVER, known=NOW).permitted
    verdict = decide(item(Tlp.CLEAR), OUTSIDER, [CLAUSE], NOON, releaser=RIVER, known=NOW)
    assert verdict.code == "exchange.not-bound"


# P16 over chains -------------------------------------------------------------------------

tlps = st.sampled_from(list(Tlp))
PARTIES = (RIVER, HARBOUR, PORT, HUB)
OUTSIDERS = (INSURER, PartyId("journalist"))
handlings = st.builds(
    Handling,
    tlps,
    st.none() | st.frozensets(st.sampled_from(PARTIES)),
    st.frozensets(st.sampled_from(sorted(CAVEATS)), max_size=2),
)
channels = st.builds(
    Channel,
    st.sampled_from(["1", "2"]),
    st.none(),
    tlps,
    tlps,
    receives=st.dictionaries(
        st.sampled_from(["member", "observer"]), st.builds(Receives, tlps), max_size=1
    ),
    receivers=st.none() | st.frozensets(st.sampled_from(PARTIES)),
    hubs=st.none() | st.just(frozenset({HUB})),
    caveats=st.frozensets(st.sampled_from(sorted(CAVEATS))),
    third_party=st.sampled_from(["forbidden", CONSENT, LISTED]),
    allowed_to=st.frozensets(st.sampled_from(OUTSIDERS), max_size=1),
    originator_control=st.booleans(),
    community=st.booleans(),
    unnamed=st.booleans(),
)
recipients = st.builds(
    Recipient,
    st.sampled_from(PARTIES),
    st.sampled_from(["member", "observer"]),
    bound=st.booleans(),
) | st.builds(
    Recipient, st.sampled_from(OUTSIDERS), st.just(""), bound=st.just(False), outside=st.just(True)
)
knowns = st.builds(
    Known,
    consented=st.frozensets(st.sampled_from([*PARTIES, *OUTSIDERS]), max_size=2),
    reviewed=st.frozensets(st.sampled_from(OUTSIDERS), max_size=1),
    named=st.booleans(),
    tear_line=st.booleans(),
    confirmed_at=st.just(NOON),
    recalled=st.sampled_from([False, False, True]),
)


def allowed(handling: Handling, given_: list[Channel], to: Recipient, known: Known) -> bool:
    """In words of its own: whether a recipient is among those an item may ever reach."""
    if known.recalled:
        return False
    if to.party == RIVER:
        return True
    clauses = [each for each in given_ if handling.tlp <= each.max_tlp]
    if not to.outside:
        audience = handling.audience
        named = audience is None or to.party in audience | known.consented
        return to.bound and bool(clauses) and named
    if handling.caveats & {"NOFORN", "EYES-ONLY"}:
        return False
    if to.party in known.consented:
        return bool(clauses)
    if handling.audience is not None or handling.caveats & {"ORCON", "PROPIN"}:
        return False
    if known.tear_line:
        clauses = [replace(each, third_party=CONSENT) for each in clauses]
    else:
        clauses = [each for each in clauses if not each.originator_control]
    return any(
        (each.third_party == LISTED and to.party in each.allowed_to and handling.tlp <= Tlp.AMBER)
        or (each.third_party == CONSENT and handling.tlp == Tlp.CLEAR)
        or (
            each.third_party == CONSENT
            and each.community
            and handling.tlp == Tlp.GREEN
            and to.party in known.reviewed
        )
        for each in clauses
    )


@given(
    handlings,
    st.lists(channels, min_size=1, max_size=2),
    st.lists(st.tuples(recipients, knowns), min_size=1, max_size=5),
)
def test_nobody_outside_is_ever_reached_however_many_hops(
    handling: Handling, given_: list[Channel], hops: list[tuple[Recipient, Known]]
) -> None:
    """P16 over chains: each holder passes it on wherever it is permitted.

    And a recall finds everybody who was reached, each through somebody who was.
    """
    held = HandlingClass(RIVER, frozenset({Demand(Kind.INDICATOR, RIVER, handling)}))
    releaser, copies = RIVER, []
    for recipient, known in hops:
        verdict = decide(held, recipient, given_, NOON, releaser=releaser, known=known)
        assert verdict.permitted == (verdict.outcome == Outcome.PERMIT)
        if verdict.permitted:
            assert allowed(handling, given_, recipient, known)
            copies.append(Copy(NAME, recipient.party, releaser, NOON, handling.tlp))
            releaser = recipient.party
        else:
            assert verdict.would_change
    found = fold(CALLED, copies, NOON)
    reached = {each.holder for each in copies} - {RIVER}
    assert reached == {each.holder for each in found.duties} | set(found.corrections)
    tellers = {each.through for each in found.duties}
    assert tellers <= reached | {RIVER}


@given(handlings, handlings, st.lists(channels, min_size=1, max_size=2), recipients, knowns)
def test_a_stricter_handling_is_never_passed_on_further(
    base: Handling, added: Handling, given_: list[Channel], recipient: Recipient, known: Known
) -> None:
    """Naming an audience apart, which is how an originator lets somebody in."""
    strict = base.joined(replace(added, audience=base.audience))

    def verdict(handling: Handling) -> bool:
        held = HandlingClass(RIVER, frozenset({Demand(Kind.INDICATOR, RIVER, handling)}))
        return decide(held, recipient, given_, NOON, releaser=HARBOUR, known=known).permitted

    if verdict(strict):
        assert verdict(base)


@given(handlings, st.lists(channels, min_size=1, max_size=2), recipients, knowns)
def test_no_consent_is_worth_more_than_a_consent(
    handling: Handling, given_: list[Channel], recipient: Recipient, known: Known
) -> None:
    held = HandlingClass(RIVER, frozenset({Demand(Kind.INDICATOR, RIVER, handling)}))
    more = replace(known, consented=known.consented | {recipient.party})

    if decide(held, recipient, given_, NOON, releaser=HARBOUR, known=known).permitted:
        assert decide(held, recipient, given_, NOON, releaser=HARBOUR, known=more).permitted
