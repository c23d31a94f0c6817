"""A fork is proved by two records and the identity of the one who signed both."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.errors import AlliedError, MalformedError, UnverifiedError
from allied.record import envelope, fork, record
from allied.record.fork import ForkProof
from allied.record.history import history
from allied.record.record import Record
from tests.record.cast import CIRCLES, HARBOUR, NORTHGATE, RIVER, Organisation, Pen


def parted(who: Organisation = RIVER, kind: str = "receipt") -> tuple[Record, Record]:
    pen = Pen(who)
    pen.write()
    other = pen.other()
    return pen.write(kind, {"says": "yes"}), other.write(kind, {"says": "no"})


ONE, OTHER = parted()
PROOF = fork.prove(ONE, OTHER)


@pytest.mark.parametrize("who", [RIVER, HARBOUR], ids=["ed25519", "p256"])
@pytest.mark.parametrize("kind", ["receipt", "agreement.sign"])
def test_two_records_with_one_number_are_a_proof(who: Organisation, kind: str) -> None:
    one, other = parted(who, kind)
    proof = fork.prove(one, other)
    found = fork.verify(proof, who.identity)
    assert found.chain == one.header.chain
    assert found.sequence == 2
    assert set(found.records) == {one.id, other.id}


def test_two_finders_write_the_same_proof() -> None:
    assert fork.prove(OTHER, ONE) == PROOF
    assert history([OTHER, ONE, Pen().write()]).forks == (PROOF,)


def test_a_proof_travels_in_a_record() -> None:
    body: dict[str, Any] = {"proof": PROOF.to_json()}
    told = Pen(NORTHGATE).write("fork.proof", body, key=NORTHGATE.acts.public.key_id)
    again = ForkProof.from_json(record.read(told.raw).body["proof"])
    assert again == PROOF
    fork.verify(again, RIVER.identity)


def test_an_act_that_lacks_its_person_was_still_signed_twice() -> None:
    one, other = parted(RIVER, "agreement.sign")
    bare = [
        envelope.encode(replace(envelope.parse(each.raw, limit=99999), assertions=()))
        for each in (one, other)
    ]
    fork.verify(ForkProof(*bare), RIVER.identity)


def elsewhere(**pen: Any) -> Record:
    other = Pen(**pen)
    other.write()
    return other.write()


@pytest.mark.parametrize(
    "second",
    [
        pytest.param(lambda: ONE, id="the same record twice"),
        pytest.param(lambda: Pen().write(), id="another number"),
        pytest.param(lambda: elsewhere(circle=CIRCLES.voters), id="another circle"),
        pytest.param(lambda: elsewhere(who=HARBOUR), id="another issuer"),
        pytest.param(lambda: elsewhere(incarnation=1), id="another incarnation"),
        pytest.param(
            lambda: replace(OTHER, header=replace(OTHER.header, agreement="0" * 64)),  # type: ignore[arg-type]
            id="another agreement",
        ),
    ],
)
def test_records_that_do_not_contradict_each_other(second: Callable[[], Record]) -> None:
    with pytest.raises(UnverifiedError) as refusal:
        fork.prove(ONE, second())
    assert refusal.value.code == "fork.no-fork"


def test_a_proof_with_the_same_payload_in_two_envelopes_is_none() -> None:
    found = envelope.parse(ONE.raw, limit=99999)
    stranger = envelope.Signature(NORTHGATE.acts.public.key_id, b"")
    twin = envelope.encode(replace(found, signatures=(*found.signatures, stranger)))
    with pytest.raises(UnverifiedError) as refusal:
        fork.verify(ForkProof(ONE.raw, twin), RIVER.identity)
    assert refusal.value.code == "fork.no-fork"


def test_nobody_is_accused_with_what_somebody_else_signed() -> None:
    with pytest.raises(UnverifiedError) as refusal:
        fork.verify(PROOF, HARBOUR.identity)
    assert refusal.value.code == "record.not-the-issuer"

    # Northgate writes a record in the name of River.
    pen = Pen(replace(RIVER, automatic=NORTHGATE.automatic))
    pen.written.append(Pen().write())
    forged = pen.write("receipt", {"says": "forged"})
    with pytest.raises(UnverifiedError) as refusal:
        fork.verify(fork.prove(ONE, forged), RIVER.identity)
    assert refusal.value.code == "record.key-unknown"


@given(st.data())
def test_any_flipped_byte_of_a_proof_is_refused(data: st.DataObject) -> None:
    raws = [bytearray(PROOF.first), bytearray(PROOF.second)]
    raw = data.draw(st.sampled_from(raws))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(AlliedError):
        fork.verify(ForkProof(bytes(raws[0]), bytes(raws[1])), RIVER.identity)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param([], id="no object"),
        pytest.param({"first": "", "second": ""}, id="nothing in it"),
        pytest.param({"first": "YQ==", "second": "YQ"}, id="base64 without padding"),
        pytest.param({"first": "YQ==", "second": "é"}, id="beyond ASCII"),
        pytest.param({"first": "YQ==", "second": 1}, id="a number"),
        pytest.param({"first": "YQ==", "second": "YQ==", "x": 1}, id="a key not known"),
    ],
)
def test_shapes_that_are_refused(value: Any) -> None:
    ForkProof.from_json({"first": "YQ==", "second": "YQ=="})  # the twin that passes
    with pytest.raises(MalformedError) as refusal:
        ForkProof.from_json(value)
    assert refusal.value.code == "fork.shape"
