"""Records of a circle become questions; whatever stands in a body, reading it ends and says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from allied.agreement import tabled as tables
from allied.agreement.events import Register
from allied.agreement.matters import Matter
from allied.agreement.tabled import (
    OnTable,
    Said,
    Sides,
    Tabled,
    arrival,
    counted,
    tabled,
    within,
)
from allied.agreement.terms import Agreement, load
from allied.agreement.wording import read_matter, text_of, write_matter
from allied.errors import MalformedError
from allied.record.canonical import Json
from allied.record.ids import CircleId, OrganisationId, PartyId, RecordId
from allied.record.record import ChainKey

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
TEXT = b"""\
format: alliance/1
id: pact
form: {kind: contract}
parties:
  - {ids: [ash, birch, cedar], joined: 2020-01-01}
  - {id: watch, role: observer, joined: 2020-01-01}
bodies:
  council: {rule: {kind: simple-majority}}
articles:
  - art: "2"
    type: collective-response
    trigger: {severity: at least low}
    decision:
      rule:
        kind: simple-majority
        recuse: [attacker, parties-to-dispute]
        measure_consent: [force]
    duties: [{do: assist, modality: must}]
"""
(PACT,) = load(TEXT, "pact.yaml")
assert isinstance(PACT, Agreement)
TERMS: Agreement = PACT
EVERYBODY = frozenset(TERMS.party_ids)
WORDS: dict[str, Json] = {"blob": "a" * 64, "size": 9}
COUNCIL: dict[str, Json] = {"kind": "body", "body": "council"}
DEADLINE = "2026-03-06T09:00:00Z"
END = AT + timedelta(days=4)
TEXT_ID = text_of(Matter(kind="body", body="council"), "a" * 64)


def name(number: int) -> RecordId:
    return RecordId(f"{number:064x}")


def chain(party: str) -> ChainKey:
    """One for each party; numbers in it are those of the whole table."""
    return ChainKey(CircleId("c" * 64), OrganisationId(party), 0)


def said(
    kind: str, party: str, body: Mapping[str, Json], number: int, at: datetime = AT, **more: Any
) -> Said:
    """One record; by default it knows all before it."""
    more.setdefault("knows", {name(earlier) for earlier in range(number)}.__contains__)
    return Said(
        kind=kind, party=PartyId(party), body=body, at=at, record=name(number), number=number,
        chain=chain(party), **more,
    )  # fmt: skip


def opening(number: int = 1, party: str = "ash", at: datetime = AT, **body: Json) -> Said:
    whole: dict[str, Json] = {"matter": COUNCIL, "words": WORDS, "deadline": DEADLINE}
    return said("proposal.open", party, {**whole, **body}, number, at)


def vote(number: int, party: str, choice: str, at: datetime = AT + HOUR, **body: Json) -> Said:
    whole: dict[str, Json] = {"proposal": name(1), "text": TEXT_ID, "choice": choice}
    return said("vote.cast", party, {**whole, **body}, number, at)


def receipt(number: int, party: str, at: datetime, *records: int) -> Said:
    return said("receipt", party, {"records": [name(each) for each in records]}, number, at)


def read(*records: Said, members: frozenset[PartyId] = EVERYBODY, **more: Any) -> OnTable:
    more.setdefault("sides", lambda *_: None)
    return tabled(TERMS, Register({"pact": TERMS}, ()), records, members, **more)


def only(*records: Said, **more: Any) -> Tabled:
    (found,) = read(*records, **more).tabled
    return found


# --- reading ----------------------------------------------------------------------------


def test_a_question_with_what_was_said_on_it() -> None:
    found = only(opening(), vote(2, "ash", "yes"), vote(3, "birch", "no"), vote(4, "cedar", "yes"))

    assert found.proposal.id == name(1)
    assert dict(found.words) == {TEXT_ID: "a" * 64}
    assert counted(found, END).outcome == "adopted"


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(vote(2, "birch", "yes", proposal=name(9)), "proposal.unknown",
                     id="of no question"),
        pytest.param(
            said("vote.cast", "birch",
                 {"proposal": name(1), "text": TEXT_ID, "choice": "yes"}, 2,
                 knows=lambda _: False),
            "proposal.unknown", id="of one that it does not know",
        ),
        pytest.param(vote(2, "birch", "perhaps"), "proposal.shape", id="a vote that is none"),
        pytest.param(vote(2, "birch", "yes", weight=9), "proposal.shape", id="a key not known"),
        pytest.param(vote(2, "birch", "yes", text="t"), "ids.not-a-digest", id="no text"),
        pytest.param(vote(2, "birch", "yes", reasons="x"), "blob.reference", id="no reasons"),
        pytest.param(
            said("proposal.open", "ash", {"replaces": name(1)}, 2), "proposal.shape",
            id="a change of nothing",
        ),
        pytest.param(
            said("proposal.open", "ash",
                 {"replaces": name(1), "words": WORDS, "until": DEADLINE}, 2),
            "proposal.shape", id="a change of both",
        ),
        pytest.param(
            said("proposal.acknowledge", "birch", {"proposal": name(1)}, 2), "ids.not-a-digest",
            id="a receipt for nothing",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_listed_and_changes_nothing(record: Said, reason: str) -> None:
    plain, found = read(opening()), read(opening(), record)

    assert [(each.record, each.reason) for each in found.ignored] == [(record.record, reason)]
    assert counted(found.tabled[0], END) == counted(plain.tabled[0], END)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        pytest.param(opening(party="watch"), "question.not-a-proposer", id="by an observer"),
        pytest.param(opening(matter={"kind": "body"}), "question.incomplete", id="to no body"),
        pytest.param(opening(deadline="2026-03-06"), "proposal.shape", id="until a day"),
        pytest.param(opening(deadline=4), "proposal.shape", id="until a number"),
        pytest.param(
            opening(deadline="2026-03-02T09:00:00Z"), "decision.deadline-too-early",
            id="until it begins",
        ),
        pytest.param(opening(silence=True), "decision.no-silence-procedure", id="in silence"),
        pytest.param(opening(silence="yes"), "proposal.shape", id="in silence, in words"),
        pytest.param(opening(stated=["x"]), "proposal.shape", id="stating a list"),
        pytest.param(
            opening(stated={f"c{n}": True for n in range(51)}), "proposal.shape",
            id="stating too much",
        ),
        pytest.param(
            opening(matter={"kind": "decision", "incident": "i"}), "proposal.unknown-incident",
            id="on an incident that it does not know",
        ),
    ],
)  # fmt: skip
def test_an_opening_that_may_not_be_is_listed(record: Said, reason: str) -> None:
    found = read(record, opening(2))

    assert [each.reason for each in found.ignored] == [reason]
    assert [each.record for each in found.tabled] == [name(2)]


def test_a_question_stands_where_all_who_decide_can_read_it() -> None:
    narrow = frozenset(map(PartyId, ("ash", "birch")))

    assert [each.reason for each in read(opening(), members=narrow).ignored] == [
        "proposal.wrong-circle"
    ]
    assert read(opening(), members=EVERYBODY - {"watch"}).tabled


def test_one_party_does_not_fill_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_OPENED", 3)
    many = [opening(number) for number in range(1, 6)]
    found = read(*many, opening(6, "birch"))

    assert [each.record for each in found.tabled] == [name(1), name(2), name(3), name(6)]
    assert {each.reason for each in found.ignored} == {"proposal.too-many"}


def test_who_attacked_whom_is_asked_of_what_the_opening_knows() -> None:
    asked: list[str] = []

    def sides(incident: str, by: Said) -> Sides:
        asked.append(f"{incident} {by.record}")
        return Sides(frozenset({PartyId("cedar")}), frozenset(map(PartyId, ("birch", "cedar"))))

    matter: Json = {"kind": "decision", "incident": "raid"}
    found = counted(only(opening(matter=matter), sides=sides), AT)

    assert asked == [f"raid {name(1)}"]
    assert [(each.party, each.why) for each in found.recused] == [
        ("birch", "party-to-dispute"),
        ("cedar", "attacker, party-to-dispute"),
    ]


def test_consent_to_a_measure_is_apart_from_the_vote_and_its_last_word_counts() -> None:
    matter: Json = {"kind": "decision", "incident": "raid"}

    def word(number: int, party: str, given: Json, measure: Json = "force") -> Said:
        body: dict[str, Json] = {"proposal": name(1), "measure": measure, "given": given}
        return said("vote.cast", party, body, number, END + HOUR)

    found = read(
        opening(matter=matter), word(2, "ash", True), word(3, "birch", True),
        word(4, "birch", False), word(5, "watch", True), word(6, "ash", True, "embargo"),
        word(7, "ash", "yes"), word(8, "ash", True, 7), sides=lambda *_: Sides(),
    )  # fmt: skip
    (consent,) = counted(found.tabled[0], END + 2 * HOUR).consents

    assert (consent.given, consent.withheld, consent.awaited) == (("ash",), ("birch",), ("cedar",))
    assert {each.reason for each in found.ignored} == {"proposal.shape"}
    assert {each.why for each in counted(found.tabled[0], END + 2 * HOUR).passed_over} == {
        "stranger",
        "other-measure",
    }


# --- receipts ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("receipts", "counts"),
    [
        pytest.param([], True, id="no receipt: by its claim"),
        pytest.param([receipt(3, "cedar", END - HOUR, 2)], True, id="held before the end"),
        pytest.param([receipt(3, "cedar", END, 2)], False, id="held at the end"),
        pytest.param(
            [receipt(3, "cedar", END, 2), receipt(4, "ash", END - HOUR, 2)], True,
            id="the first of several",
        ),
        pytest.param([receipt(3, "birch", END, 2)], True, id="its own receipt says nothing"),
        pytest.param(
            [receipt(3, "cedar", END - HOUR, 2), receipt(4, "cedar", END, 2)], True,
            id="the first word of each",
        ),
        pytest.param(
            [said("receipt", "cedar", {"records": [name(2)]}, 3, END, knows=lambda _: False)],
            True, id="a receipt for what it does not rest on",
        ),
        pytest.param([said("receipt", "cedar", {"records": "x"}, 3, END)], True, id="no receipt"),
    ],
)  # fmt: skip
def test_a_vote_is_in_time_by_the_receipts_of_others(
    receipts: Sequence[Said], counts: bool
) -> None:
    found = counted(only(opening(), vote(2, "birch", "yes"), *receipts), END + HOUR)

    assert ("birch" in found.where("yes")) == counts
    assert [each.why for each in found.passed_over] == ([] if counts else ["arrived-late"])


@given(
    st.lists(st.tuples(st.integers(0, 9), st.sampled_from("abcd")), max_size=6),
    st.integers(0, 4),
)
def test_fewer_receipts_than_may_cheat_prove_no_arrival(
    found: list[tuple[int, str]], tolerates: int
) -> None:
    receipts = [(AT + hours * HOUR, PartyId(party)) for hours, party in found]
    when = arrival(receipts, tolerates)

    assert (when is None) == (len(receipts) <= tolerates)
    if when is not None:
        assert sum(at <= when for at, _ in receipts) > tolerates


def test_what_is_here_has_arrived_whatever_the_clock_of_who_says_so() -> None:
    ahead = receipt(3, "cedar", END + 99 * HOUR, 2)
    found = only(opening(), vote(2, "birch", "yes"), ahead)

    assert counted(found, AT + 2 * HOUR).where("yes") == ("birch",)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        pytest.param([], "", id="nobody said when"),
        pytest.param([receipt(3, "birch", END - HOUR, 1)], "", id="one voter in time"),
        pytest.param([receipt(3, "birch", END, 1)], "told-too-late", id="nobody in time"),
        pytest.param([receipt(3, "watch", END, 1)], "", id="an observer is not asked"),
    ],
)
def test_a_question_told_after_its_end_adopts_nothing(told: Sequence[Said], reason: str) -> None:
    found = counted(only(opening(), vote(2, "ash", "yes"), *told), END + HOUR)

    assert (found.outcome, found.reason) == ("lapsed" if reason else "adopted", reason)
    assert ("told after its end" in found.sentence) == bool(reason)


# --- the seam ---------------------------------------------------------------------------


def test_only_the_records_that_are_agreed_upon_are_counted() -> None:
    found = only(opening(), vote(2, "ash", "yes"), vote(3, "birch", "no"), vote(4, "cedar", "no"))

    assert counted(found, END).outcome == "rejected"
    assert counted(within(found, {chain("ash"): 2}), END).outcome == "adopted"
    assert counted(within(found, {}), END).outcome == "rejected"
    everything = {chain(party): 9 for party in ("ash", "birch", "cedar")}
    assert counted(within(found, everything), END) == counted(found, END)


def test_a_receipt_that_nobody_counts_says_nothing() -> None:
    late = receipt(3, "birch", END + HOUR, 2)
    found = only(opening(), vote(2, "ash", "yes"), late)
    without = within(found, {chain("ash"): 2})

    assert [each.receipts for each in found.heard] == [((END + HOUR, "birch"),)]
    assert [each.receipts for each in without.heard] == [()]
    assert counted(found, END).outcome != counted(without, END).outcome == "adopted"


# --- whatever stands in a body ----------------------------------------------------------

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=5)
    | st.sampled_from([name(1), TEXT_ID, "body", "council", "yes", DEADLINE, "ash"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["kind", "body", "blob", "size", "x"]), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip
KEYS = ("matter", "words", "deadline", "silence", "stated", "replaces", "until", "proposal",
        "text", "choice", "reasons", "records", "measure", "given")  # fmt: skip


@settings(max_examples=150)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([*tables.KINDS, "receipt"]),
            st.sampled_from(["ash", "birch", "watch"]),
            st.dictionaries(st.sampled_from(KEYS), ANYTHING, max_size=5),
        ),
        max_size=4,
    )
)
def test_no_body_makes_reading_fail_or_undoes_a_question(
    bodies: list[tuple[str, str, dict[str, Json]]],
) -> None:
    hostile = [said(kind, party, body, 10 + n) for n, (kind, party, body) in enumerate(bodies)]
    found = read(opening(), *hostile)

    assert found.tabled[0].record == name(1)
    for each in found.tabled:
        counted(each, END)


@given(st.sampled_from(["art", "party", "towards", "annex", "body", "incident"]), st.text("ab-1"))
def test_a_matter_reads_back(key: str, value: str) -> None:
    matter = Matter(kind="governance", **{key: value})

    assert read_matter(write_matter(matter)) == matter


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("expulsion", id="a word"),
        pytest.param({}, id="nothing"),
        pytest.param({"kind": "expulsion", "who": "ash"}, id="a key not known"),
        pytest.param({"kind": "expulsion", "party": 7}, id="a number"),
        pytest.param({"kind": "expulsion", "party": "a" * 501}, id="too long"),
    ],
)
def test_what_is_no_matter_is_refused(value: Json) -> None:
    with pytest.raises(MalformedError) as refusal:
        read_matter(value)
    assert refusal.value.code == "proposal.shape"
