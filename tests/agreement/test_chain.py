"""Adopted texts form one chain, or none beyond the point at which they contradict each other."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, strategies as st

from allied.agreement import events as e
from allied.agreement.amended import Amended
from allied.agreement.chain import Change, chain_of, is_late, present, register_of
from allied.agreement.events import Event
from allied.agreement.state import State
from allied.record.circle import circle
from allied.record.ids import Digest, KeyId, OrganisationId, PartyId, RecordId
from allied.record.record import ChainKey, Header, Record
from tests.agreement.test_amended import PACT, changed, put

DAY = datetime(2026, 11, 23, tzinfo=UTC)
FIRST = Digest(PACT.id)


def _id(name: str) -> Digest:
    return Digest(name * 64)


def texts(*links: str) -> dict[Digest, Amended]:
    """Texts by lines like `b after a` and `d after a instead b c`; `-` is the first text."""
    made = put(changed())
    found = {}
    for link in links:
        name, _, before, *rest = link.split()
        instead = tuple(_id(each) for each in rest[1:])
        first = FIRST if before == "-" else _id(before)
        found[_id(name)] = replace(
            made, id=_id(name), before=first, instead=instead, version=_id(name)
        )
    return found


def adopted(*names: str) -> list[Event]:
    return [Event("pact", e.AMENDED, None, DAY, version=_id(each)) for each in names]


@pytest.mark.parametrize(
    ("links", "known", "chain", "rivals"),
    [
        pytest.param([], "", "", "", id="the first text alone"),
        pytest.param(["a after -"], "a", "a", "", id="one"),
        pytest.param(["a after -"], "", "", "", id="one that nobody knows"),
        pytest.param(["a after -", "b after a", "c after b"], "abc", "abc", "", id="a line"),
        pytest.param(["a after -", "b after a", "c after b"], "ac", "a", "", id="with a gap"),
        pytest.param(["a after -", "b after -"], "ab", "", "ab", id="rivals on the first text"),
        pytest.param(["a after -", "b after -"], "b", "b", "", id="rivals of which one is known"),
        pytest.param(
            ["a after -", "b after a", "c after a", "d after b"], "abcd", "a", "bc",
            id="rivals later, and what follows one of them",
        ),
        pytest.param(
            ["a after -", "b after -", "c after - instead a b"], "abc", "c", "",
            id="rivals that a third one settles",
        ),
        pytest.param(
            ["a after -", "b after -", "c after - instead a"], "abc", "", "bc",
            id="a settlement that leaves one out",
        ),
        pytest.param(
            ["a after -", "b after -", "c after - instead a b", "d after -"], "abcd", "", "cd",
            id="one that comes to light after the settlement",
        ),
    ],
)  # fmt: skip
def test_the_chain(links: list[str], known: str, chain: str, rivals: str) -> None:
    its = texts(*links)
    for order in list(permutations(known))[:24]:
        found = chain_of(PACT, its, adopted(*order))

        assert [each.text.id for each in found.links] == [_id(each) for each in chain]
        assert [each.number for each in found.links] == list(range(2, 2 + len(chain)))
        assert list(found.rivals) == [_id(each) for each in rivals]
        assert found.head == (_id(chain[-1]) if chain else FIRST)


@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from("-abcdef")),
        max_size=8, unique_by=lambda pair: pair[0],
    ),
    st.randoms(use_true_random=False),
)  # fmt: skip
def test_the_order_of_what_is_known_changes_no_chain(
    pairs: list[tuple[str, str]], random: object
) -> None:
    its = texts(*(f"{name} after {before}" for name, before in pairs))
    events = adopted(*(name for name, _ in pairs))
    mixed = [*events, *events[:2]]
    random.shuffle(mixed)  # type: ignore[attr-defined]

    assert chain_of(PACT, its, mixed) == chain_of(PACT, its, events)


def test_words_on_a_text_that_is_no_version_are_left_out_of_the_register() -> None:
    its = texts("a after -", "b after -")
    word = Event("pact", e.RATIFIED, PartyId("river"), DAY, version=_id("a"))
    alone = register_of(PACT, its, [*adopted("a"), word])
    rivals = register_of(PACT, its, [*adopted("a", "b"), word])

    assert [each.version for each in alone.events] == ["pact@2", "pact@2"]
    assert sorted(alone.agreements) == ["pact", "pact@2"]
    assert (rivals.events, sorted(rivals.agreements)) == ((), ["pact"])


def test_a_further_text_follows_the_last_adopted_one_and_settles_rivals() -> None:
    its = texts("a after -", "b after a", "c after a")
    waiting = present(PACT, its, adopted("a", "b"), DAY)
    frozen = present(PACT, its, adopted("a", "b", "c"), DAY)

    assert (waiting.number, waiting.base.before, waiting.base.instead) == (1, _id("b"), ())
    assert (frozen.base.before, frozen.base.instead) == (_id("a"), (_id("b"), _id("c")))


ALL = PACT.circles.all
CHANGES = (
    Change(2, _id("a"), None, {ChainKey(ALL.id, OrganisationId("1" * 64), 0): 5}),
    Change(3, _id("b"), DAY, {ChainKey(ALL.id, OrganisationId("1" * 64), 0): 7}),
)


def record(
    version: str, number: int, kind: str, *, by: str = "1", day: int = 0, where: str = "all"
) -> Record:
    """The header of a record; what is in it is not asked for."""
    pair = circle(PACT.id, ALL.members - {PartyId("port")}, "pair", ALL.version, ALL.nonce)
    header = Header(
        agreement=PACT.id,
        circle=ALL.id if where == "all" else pair.id,
        issuer=OrganisationId(by * 64),
        key=KeyId("c" * 64),
        incarnation=0,
        sequence=number,
        previous=None,
        deps=(),
        version=PACT.genesis.version if version == "-" else _id(version),
        kind=kind,
        claimed_at=DAY + timedelta(days=day),
    )
    return Record(header, {}, RecordId("d" * 64), b"", ())


@pytest.mark.parametrize(
    ("said", "late"),
    [
        pytest.param(record("-", 5, "vote.cast"), False, id="counted by both changes, or before"),
        pytest.param(record("-", 6, "vote.cast"), True, id="beyond the first cut"),
        pytest.param(record("-", 6, "vote.cast", where="pair"), False, id="in a narrower circle"),
        pytest.param(record("-", 1, "vote.cast", by="2"), True, id="of a chain not counted"),
        pytest.param(record("a", 6, "vote.cast"), False, id="names the version of the cut"),
        pytest.param(record("a", 7, "vote.cast"), False, id="counted by the second cut"),
        pytest.param(record("a", 8, "vote.cast"), True, id="beyond the second cut"),
        pytest.param(record("a", 8, "vote.cast", day=-1), False, id="while the notice ran"),
        pytest.param(record("b", 8, "vote.cast"), False, id="names the newest"),
        pytest.param(record("-", 6, "agreement.withdraw"), False, id="a notice of leaving"),
        pytest.param(record("-", 6, "proposal.open"), True, id="a question"),
        pytest.param(record("-", 6, "agreement.ratify"), False, id="an acceptance"),
        pytest.param(record("-", 6, "decision.certificate"), False, id="a certificate"),
        pytest.param(record("-", 6, "receipt"), False, id="a receipt"),
        pytest.param(record("-", 6, "key.revoke"), False, id="a revocation"),
    ],
)
def test_what_is_late(said: Record, late: bool) -> None:
    assert is_late(said, PACT, CHANGES) is late
    assert not is_late(said, PACT, ())


def _state() -> State:
    """One text was adopted on the second day; the last of two accepts it on the fifth."""
    its = texts("a after -")
    signed = [Event("pact", e.INVITED, None, DAY)]
    signed += [Event("pact", e.SIGNED, party.id, DAY) for party in PACT.terms.parties]
    words = [
        Event("pact", e.RATIFIED, PartyId(each), DAY + timedelta(days=n), version=_id("a"))
        for each, n in (("river", 2), ("harbour", 4))
    ]
    later = [replace(each, at=DAY + timedelta(days=1)) for each in adopted("a")]
    return State(
        alias="pact",
        proposed_by=PartyId("river"),
        signatures={},
        ratifications={},
        events=(*signed, *later, *words),
        persons={},
        opened={},
        statements=(),
        verdicts={},
        texts=its,
    )


@given(st.lists(st.integers(-24, 200), min_size=1, max_size=8))
def test_what_is_kept_of_the_text_in_force_changes_no_answer(hours: list[int]) -> None:
    kept = _state()
    for hour in hours:
        at = DAY + timedelta(hours=hour)
        fresh = _state()
        expected = _id("a") if hour >= 96 else PACT.genesis.version

        assert kept.version(PACT, at) == fresh.version(PACT, at) == expected
        assert kept.terms(PACT, at) == fresh.terms(PACT, at)
