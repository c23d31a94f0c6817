"""What is kept out because one party asked for it and the others agreed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from allied.agreement.clauses import InformationSharing
from allied.agreement.values import Tlp
from allied.errors import RefusedError
from allied.exchange.channel import Channel, Recipient
from allied.exchange.channels import channels_of
from allied.exchange.exclusions import (
    Agreed,
    Exclusion,
    awaited,
    excluding,
    in_force,
    may_ask,
    require_may_ask,
)
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.policy import decide
from allied.exchange.stix import Kind
from allied.record.ids import PartyId
from tests.exchange.texts import first, sharing, template

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
A, B, C, D = (PartyId(each) for each in "abcd")
BOUND = frozenset({A, B, C, D})
ASKED = Exclusion(A, A, frozenset({B}), frozenset({"technique"}), "our own interest", NOON)


def clause(ask: str = "either", agree: str = "other-party") -> InformationSharing:
    return sharing(f"share: all, exceptions: {{ask: {ask}, agree: {agree}}}")


@pytest.mark.parametrize(
    ("ask", "exclusion", "may"),
    [
        pytest.param("either", ASKED, True, id="the sender"),
        pytest.param("either", replace(ASKED, asked_by=B), True, id="the recipient"),
        pytest.param("either", replace(ASKED, asked_by=C), False, id="a party that it leaves cold"),
        pytest.param("originator", ASKED, True, id="only the sender, if the clause says so"),
        pytest.param("originator", replace(ASKED, asked_by=B), False, id="and nobody else"),
        pytest.param("either", replace(ASKED, kept_from=frozenset()), False, id="from nobody"),
        pytest.param("either", replace(ASKED, kinds=frozenset()), False, id="of nothing"),
        pytest.param("either", replace(ASKED, kept_from=frozenset({A, B})), False,
                     id="from itself"),
    ],
)  # fmt: skip
def test_who_may_ask(ask: str, exclusion: Exclusion, may: bool) -> None:
    assert may_ask(clause(ask), exclusion) is may
    if may:
        require_may_ask(clause(ask), exclusion)
    else:
        with pytest.raises(RefusedError) as refusal:
            require_may_ask(clause(ask), exclusion)
        assert refusal.value.code == "exchange.no-exception"


def test_a_clause_without_a_procedure_knows_no_exclusion() -> None:
    plain = sharing("share: all")

    assert not may_ask(plain, ASKED)
    assert not in_force(plain, ASKED, [Agreed(B, NOON)], BOUND, NOON)


@pytest.mark.parametrize(
    ("agree", "agreed", "left", "holds"),
    [
        pytest.param("other-party", [], {B}, False, id="silence is no"),
        pytest.param("other-party", [Agreed(B, NOON)], set(), True, id="the other agreed"),
        pytest.param("other-party", [Agreed(C, NOON)], {B}, False, id="somebody else agreed"),
        pytest.param("other-party", [Agreed(A, NOON)], {B}, False, id="who asked cannot agree"),
        pytest.param("other-party", [Agreed(B, NOON + HOUR)], {B}, False, id="agreed later"),
        pytest.param("all", [Agreed(B, NOON)], {C, D}, False, id="one of three"),
        pytest.param("all", [Agreed(each, NOON) for each in (B, C, D)], set(), True, id="all"),
    ],
)
def test_who_has_to_agree(
    agree: str, agreed: list[Agreed], left: set[PartyId], holds: bool
) -> None:
    assert awaited(clause(agree=agree), ASKED, agreed, BOUND, NOON) == left
    assert in_force(clause(agree=agree), ASKED, agreed, BOUND, NOON) is holds


def test_a_body_adopts_it_where_the_clause_says_so() -> None:
    directors = first(template("ukusa.yaml"))
    by_body = replace(
        directors,
        exceptions=replace(directors.exceptions, agree="directors"),  # type: ignore[type-var]
    )

    def holds(adopted_at: datetime | None) -> bool:
        return in_force(by_body, ASKED, [Agreed(B, NOON)], BOUND, NOON, adopted_at=adopted_at)

    assert holds(NOON)
    assert not holds(NOON + HOUR)
    assert not holds(None)


def test_an_exclusion_begins_and_ends() -> None:
    ended = replace(ASKED, ended_at=NOON + HOUR)
    agreed = [Agreed(B, NOON - HOUR)]

    assert not in_force(clause(), ended, agreed, BOUND, NOON - HOUR)
    assert in_force(clause(), ended, agreed, BOUND, NOON)
    assert not in_force(clause(), ended, agreed, BOUND, NOON + HOUR)


def code(channel: Channel, sender: PartyId, to: PartyId, kind: Kind = Kind.TECHNIQUE) -> str:
    item = HandlingClass(sender, frozenset({Demand(kind, sender, Handling(Tlp.GREEN))}))
    return decide(item, Recipient(to), [channel], NOON).code


def test_it_keeps_out_exactly_what_was_agreed() -> None:
    channel = excluding(Channel("2", None, Tlp.RED, Tlp.RED), [ASKED])

    assert code(channel, A, B) == "exchange.excluded"
    assert code(channel, A, C) == "exchange.permitted"
    assert code(channel, B, A) == "exchange.permitted"
    assert code(channel, A, B, Kind.INDICATOR) == "exchange.permitted"
    everything = excluding(channel, [replace(ASKED, kinds=frozenset({"all"}))])
    assert code(everything, A, B, Kind.INDICATOR) == "exchange.excluded"


def test_two_services_except_one_another_only_together() -> None:
    """UKUSA, paragraph 3: at the request of one, with the agreement of the other."""
    text = template("ukusa.yaml")
    lsib, stancib = (PartyId(each.id) for each in text.parties)
    wish = Exclusion(lsib, lsib, frozenset({stancib}), frozenset({"raw-collection"}), "x", NOON)
    (channel, _) = channels_of(text)

    assert not in_force(first(text), wish, [], frozenset({lsib, stancib}), NOON + 900 * HOUR)
    agreed = [Agreed(stancib, NOON)]
    assert in_force(first(text), wish, agreed, frozenset({lsib, stancib}), NOON)
    assert excluding(channel, []) == channel
    assert excluding(channel, [wish]).withheld


exclusions = st.builds(
    Exclusion,
    st.sampled_from([A, B]),
    st.just(A),
    st.frozensets(st.sampled_from([B, C]), min_size=1),
    st.frozensets(st.sampled_from(["technique", "indicator", "all"]), min_size=1),
    st.just(""),
    st.just(NOON),
)


@given(
    st.lists(exclusions, max_size=3),
    st.sampled_from([A, B]),
    st.sampled_from([B, C, D]),
    st.sampled_from([Kind.TECHNIQUE, Kind.INDICATOR]),
)
def test_an_exclusion_lets_nobody_in(
    given_: list[Exclusion], sender: PartyId, to: PartyId, kind: Kind
) -> None:
    plain = Channel("2", frozenset({"technique"}), Tlp.RED, Tlp.RED)

    if code(excluding(plain, given_), sender, to, kind) == "exchange.permitted":
        assert code(plain, sender, to, kind) == "exchange.permitted"
