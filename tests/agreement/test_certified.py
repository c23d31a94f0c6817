"""Certificates in the fold: what they prove, for whom, and what becomes of contradictions."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.agreement import fold as folding, genesis as founding
from allied.agreement.certified import embedded, read_proof, write_proof
from allied.agreement.result import Result, read_result
from allied.agreement.state import State
from allied.errors import AlliedError, MalformedError, RefusedError
from allied.record import revocation
from allied.record.canonical import Json
from allied.record.history import history
from allied.record.ids import PartyId
from allied.record.record import Record
from tests.agreement.bench_of_three import (
    HARBOUR_P,
    NONCE,
    NORTHGATE_P,
    ORGANISATIONS,
    RIVER_P,
    SALT,
    Pen,
    Table,
    pact,
)
from tests.record.cast import NOON, cited, key

TEXT = pact().replace(
    b"articles:\n",
    b"""\
articles:
  - art: "5"
    type: membership
    rule: {kind: unanimity}
    suspension: {rule: {kind: simple-majority}, recuse: subject, pairwise: allowed}
    expulsion: {rule: {kind: simple-majority}, recuse: subject}
""",
)
PACT = founding.found(
    TEXT,
    "pact.yaml",
    {party: each.identity.id for party, each in ORGANISATIONS.items()},
    nonce=NONCE,
    salt=SALT,
)
SOON = NOON + timedelta(days=1)
LATER = NOON + timedelta(days=3)
BOTH = ((HARBOUR_P, "yes"), (RIVER_P, "yes"))
ADOPTED, REJECTED = "adopted", "rejected"


def seats() -> Table:
    made = Table(PACT, *(Pen(PACT, party) for party in (RIVER_P, HARBOUR_P, NORTHGATE_P)))
    proposal = made.river.propose()
    for pen in made.pens:
        pen.person([] if pen is made.river else [proposal])
        pen.sign()
    for pen in made.pens:
        pen.at = SOON
    return made


def opened(table: Table, pen: Pen | None = None, **matter: str) -> Record:
    """River puts a question, knowing that all have signed."""
    said: dict[str, Json] = {"kind": "expulsion", "party": "northgate", **matter}
    words: Json = {"blob": "a" * 64, "size": 9}
    body: dict[str, Json] = {
        "matter": said, "words": words, "deadline": "2026-03-04T12:00:00Z"
    }  # fmt: skip
    return (pen or table.river).write("proposal.open", body, table.others(table.river))


def result(opening: Record, outcome: str = ADOPTED, **changes: Any) -> Result:
    said: dict[str, Any] = {
        "proposal": opening.id, "text": "b" * 64, "outcome": outcome, "reason": "",
        "closed_at": SOON + timedelta(hours=2), "positions": BOTH,
        "cut": tuple(sorted([cited(opening)])),
    } | changes  # fmt: skip
    return Result(**said)


def counts(table: Table, found: Result, opening: Record, *pens: Pen) -> list[Record]:
    body: dict[str, Json] = {
        "proposal": found.proposal, "tally": "c" * 64, "result": found.digest
    }  # fmt: skip
    deps = [opening]
    return [
        pen.write("decision.count", body, [each for each in deps if each.header.issuer
                                           != pen.organisation.identity.id])
        for pen in pens or (table.river, table.harbour)
    ]  # fmt: skip


def certificate(
    table: Table, opening: Record, found: Result, signed: Sequence[Record], pen: Pen | None = None
) -> Record:
    pen = pen or table.harbour
    deps = [each.last for each in table.pens if each is not pen]
    return pen.write("decision.certificate", write_proof(opening, found, signed), deps)


def folded(table: Table, *more: Record, **given_: Any) -> State:
    return folding.fold(PACT, history([*table.records, *more]), **given_)


def legal(state: State, party: PartyId = NORTHGATE_P) -> str:
    return state.standing(PACT, LATER).parties[party].legal


# --- what proves, and what does not -----------------------------------------------------


def whole(table: Table) -> Record:
    opening = opened(table)
    found = result(opening)
    return certificate(table, opening, found, counts(table, found, opening))


def by_one(table: Table) -> Record:
    opening = opened(table)
    found = result(opening)
    return certificate(table, opening, found, counts(table, found, opening, table.river))


def twice_by_one(table: Table) -> Record:
    opening = opened(table)
    found = result(opening)
    signed = counts(table, found, opening, table.river, table.river)
    return certificate(table, opening, found, signed)


def with_a_stranger(table: Table) -> Record:
    opening = opened(table)
    found = result(opening)
    return certificate(
        table, opening, found, counts(table, found, opening, table.river, table.northgate)
    )


def of_another_result(table: Table) -> Record:
    opening = opened(table)
    found = result(opening)
    signed = counts(table, result(opening, REJECTED), opening)
    return certificate(table, opening, found, signed)


def for_other_voters(table: Table) -> Record:
    opening = opened(table)
    found = result(opening, positions=BOTH[:1])
    return certificate(table, opening, found, counts(table, found, opening))


def of_another_question(table: Table) -> Record:
    opening, other = opened(table), opened(table)
    found = result(other)
    return certificate(table, opening, found, counts(table, found, other))


def among_the_voters_only(table: Table) -> Record:
    circle = PACT.circles.voters
    pens = [Pen(PACT, party, circle, at=SOON) for party in (RIVER_P, HARBOUR_P)]
    table.river.written[:] = table.river.written
    opening = opened(table, pens[0])
    found = result(opening)
    signed = counts(table, found, opening, *pens)
    body = write_proof(opening, found, signed)
    record = pens[1].write("decision.certificate", body, [*table.heads, pens[0].last])
    EXTRA.extend([*pens[0].written, *pens[1].written[:-1]])
    return record


EXTRA: list[Record] = []


@pytest.mark.parametrize(
    ("write", "code", "stands"),
    [
        pytest.param(whole, "", "expelled", id="the counts of enough"),
        pytest.param(by_one, "decision.too-few-counts", "bound", id="of too few"),
        pytest.param(twice_by_one, "decision.too-few-counts", "bound", id="of one, twice"),
        pytest.param(with_a_stranger, "decision.not-a-voter", "bound", id="of one without a vote"),
        pytest.param(of_another_result, "decision.miscounted", "bound", id="of another result"),
        pytest.param(for_other_voters, "decision.other-voters", "bound", id="for other voters"),
        pytest.param(
            of_another_question, "decision.other-question", "bound", id="of another question"
        ),
        pytest.param(
            among_the_voters_only, "effect.wrong-circle", "bound", id="where not all can read it"
        ),
    ],
)
def test_which_certificates_have_an_effect(
    write: Callable[[Table], Record], code: str, stands: str
) -> None:
    EXTRA.clear()
    table = seats()
    record = write(table)
    state = folded(table, *EXTRA, record)

    assert state.verdicts[record.id].code == code
    assert legal(state) == stands


def test_what_was_rejected_is_proved_and_changes_nothing() -> None:
    table = seats()
    opening = opened(table)
    found = result(opening, REJECTED, reason="majority")
    record = certificate(table, opening, found, counts(table, found, opening))
    state = folded(table)

    assert state.verdicts[record.id].effect
    assert [each.result.outcome for each in state.decided[opening.id]] == [REJECTED]
    assert legal(state) == "bound"


def test_the_effect_begins_when_the_question_had_closed() -> None:
    table = seats()
    whole(table)
    closed = SOON + timedelta(hours=2)
    state = folded(table)

    def stands(at: Any) -> str:
        return state.standing(PACT, at).parties[NORTHGATE_P].legal

    assert (stands(closed - timedelta(seconds=1)), stands(closed)) == ("bound", "expelled")


def test_parties_whose_keys_one_keeps_count_once() -> None:
    table = seats()
    record = by_one(table)
    apart = folded(table)
    together = folded(table, custodian=lambda *_: "Keys Ltd")

    assert apart.verdicts[record.id].code == "decision.too-few-counts"
    assert together.verdicts[record.id].effect  # one hand decides: it has all the keys


def test_who_keeps_the_keys_of_another_party_counts_for_both() -> None:
    table = seats()
    record = by_one(table)
    river = table.pact.organisation(RIVER_P)
    hosted = folded(table, custodian=lambda who, _: "organisation" if who == river else river)
    elsewhere = folded(table, custodian=lambda who, _: "organisation" if who == river else "0" * 64)

    assert hosted.verdicts[record.id].effect
    assert set(hosted.custodians(lambda _: True).values()) == {"organisation", f"party {RIVER_P}"}
    assert elsewhere.verdicts[record.id].code == "decision.too-few-counts"  # the twin


# --- contradictions ---------------------------------------------------------------------


def contradicted() -> tuple[Table, Record, Record]:
    """Both voters have signed two results of one question."""
    table = seats()
    opening = opened(table)
    yes, no = result(opening), result(opening, REJECTED, reason="majority")
    first = certificate(table, opening, yes, counts(table, yes, opening))
    second = certificate(table, opening, no, counts(table, no, opening))
    return table, first, second


def test_certificates_that_contradict_each_other_have_no_effect() -> None:
    table, first, second = contradicted()
    (opening,) = folded(table).decided
    everything = folded(table)
    before = history([each for each in table.records if each.id != second.id])

    assert legal(folding.fold(PACT, before)) == "expelled"
    assert legal(everything) == "bound"
    assert {each.certificate for each in everything.decided[opening]} == {first.id, second.id}
    assert all(everything.verdicts[each.id].effect for each in (first, second))


def test_who_knew_one_of_two_is_judged_by_that_one() -> None:
    """What a record knew when it was written does not change by what comes later."""
    table = seats()
    opening = opened(table)
    yes, no = result(opening), result(opening, REJECTED, reason="majority")
    first = certificate(table, opening, yes, counts(table, yes, opening))
    told = table.northgate.report([first])
    verdict = folded(table).verdicts[told.id]
    certificate(table, opening, no, counts(table, no, opening), table.river)
    after = folded(table)

    assert verdict.code == "effect.not-entitled"
    assert after.verdicts[told.id] == verdict
    assert legal(after) == "bound"


# --- cuts -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matter", "stands", "code"),
    [
        pytest.param({}, "expelled", "effect.beyond-cut", id="put out"),
        pytest.param({"kind": "suspension"}, "suspended", "effect.beyond-cut", id="suspended"),
        pytest.param(
            {"kind": "suspension", "towards": "river"}, "bound", "",
            id="not by a suspension towards one alone",
        ),
    ],
)  # fmt: skip
def test_who_is_put_out_is_heard_as_far_as_it_was_counted(
    matter: dict[str, str], stands: str, code: str
) -> None:
    table = seats()
    opening = opened(table, None, **matter)
    counted = table.northgate.report([opening])
    beyond = table.northgate.report()
    found = result(opening, cut=tuple(sorted([cited(opening), cited(counted)])))
    deps = [table.river.last, counted]
    signed = counts(table, found, opening)
    table.harbour.write("decision.certificate", write_proof(opening, found, signed), deps)
    state = folded(table)

    assert legal(state) == stands
    assert state.verdicts[counted.id].effect
    assert state.verdicts[beyond.id].code == code
    assert len(state.about(NORTHGATE_P)) == 1
    assert not state.about(RIVER_P)


def test_what_the_question_knew_is_not_taken_back() -> None:
    table = seats()
    before = table.northgate.report(table.others(table.northgate))
    opening = opened(table)
    found = result(opening)  # whose cut names nothing of the one who is put out
    certificate(table, opening, found, counts(table, found, opening))
    state = folded(table)

    assert legal(state) == "expelled"
    assert state.verdicts[before.id].effect


# --- order and form ---------------------------------------------------------------------


@given(st.randoms(use_true_random=False))
def test_the_order_of_arrival_decides_nothing(chance: random.Random) -> None:
    table, _, __ = CONTRADICTED
    records = list(table.records)
    chance.shuffle(records)
    found = folding.fold(PACT, history(records))

    assert found == folding.fold(PACT, history(table.records))


CONTRADICTED = contradicted()


def test_a_certificate_names_the_records_whose_signatures_have_to_hold() -> None:
    table = seats()
    record = whole(table)
    inside = embedded(record)

    assert [each.header.kind for each in inside] == ["decision.count"] * 2
    assert embedded(table.river.last) == ()
    assert read_proof(record.body).result == result(read_proof(record.body).opening)


def test_counts_of_another_circle_are_no_part_of_a_certificate() -> None:
    table = seats()
    opening = opened(table)
    found = result(opening)
    elsewhere = Pen(PACT, RIVER_P, PACT.circles.voters, at=SOON)
    record = certificate(table, opening, found, counts(table, found, opening, elsewhere))

    with pytest.raises(RefusedError) as refusal:
        embedded(record)
    assert refusal.value.code == "decision.other-question"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner,
                                                               max_size=2),
    max_leaves=4,
)  # fmt: skip


@given(st.sampled_from(["proposal", "opening", "result", "counts"]), JSON)
def test_whatever_stands_in_a_certificate_is_refused_or_read(key: str, value: Json) -> None:
    body = {**WHOLE.body, key: value}
    with suppress(AlliedError):
        read_proof(body)
        assert body == WHOLE.body


WHOLE = whole(seats())


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"outcome": "won"}, id="no outcome"),
        pytest.param({"positions": {"river": "maybe"}}, id="no position"),
        pytest.param({"closed_at": "2026-03-03"}, id="a day"),
        pytest.param({"closed_at": "2026-03-03T12:00Z"}, id="another spelling of an instant"),
        pytest.param({"more": 1}, id="a key not known"),
    ],
)
def test_a_result_has_one_form(changes: dict[str, Json]) -> None:
    right = result(opened(seats())).to_json()
    assert read_result(right).to_json() == right

    with pytest.raises(MalformedError) as refusal:
        read_result({**right, **changes})
    assert refusal.value.code == "decision.shape"


# --- counts under a key that was revoked --------------------------------------------------------


def revoked(table: Table, *counted: Record) -> Record:
    """River revokes both of its keys, and counts what is named."""
    old = ORGANISATIONS[RIVER_P]
    who = replace(old, automatic=key("River automatic 2"), acts=key("River acts 2"))
    keys = [old.acts.public.key_id, old.automatic.public.key_id]
    body = revocation.body(keys, [cited(each) for each in counted], {"blob": "ab" * 32, "size": 9})
    pen = Pen(PACT, RIVER_P, None, 1, SOON, who)
    return pen.write("key.revoke", body, [table.river.last, *table.others(table.river)])


@pytest.mark.parametrize(
    ("last", "holds"),
    [
        pytest.param("opening", False, id="that is beyond what its owner counts"),
        pytest.param("count", True, id="that its owner counts"),
    ],
)
def test_a_certificate_that_knows_of_a_revocation_has_no_count(last: str, holds: bool) -> None:
    table = seats()
    opening = opened(table)
    found = result(opening)
    signed = counts(table, found, opening)
    told = revoked(table, opening if last == "opening" else signed[0])
    deps = [told, table.northgate.last]
    after = table.harbour.write("decision.certificate", write_proof(opening, found, signed), deps)
    state = folded(table, told)
    assert state.verdicts[after.id].effect == holds
    assert (legal(state) == "expelled") == holds


def test_a_certificate_that_came_before_a_revocation_stands() -> None:
    table = seats()
    whole(table)
    before = legal(folded(table))
    assert before == "expelled"
    assert legal(folded(table, revoked(table))) == before
