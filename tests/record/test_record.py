"""One record: what its shape has to be, and who has to have signed it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from allied.errors import AlliedError, MalformedError, UnverifiedError
from allied.record import canonical, envelope, kinds, record
from allied.record.envelope import DESCRIPTOR_TYPE, RECORD_TYPE, Envelope
from allied.record.ids import KeyId, PersonId, RecordId
from allied.record.record import Dep, Header, Record
from tests.record.cast import (
    CIRCLES,
    HARBOUR,
    NOON,
    NORTHGATE,
    RIVER,
    Organisation,
    Pen,
    digest_of,
    nobody,
)


def receipt(who: Organisation = RIVER) -> Record:
    return Pen(who).write("receipt", {"records": []})


def signing(who: Organisation = RIVER) -> Record:
    return Pen(who).write("agreement.sign", {"genesis": digest_of("genesis")})


def opened(one: Record) -> Envelope:
    return envelope.parse(one.raw, limit=record.MAX_ENVELOPE_BYTES)


def reread(one: Record, **changes: object) -> Record:
    """`one` after its envelope has been changed."""
    return record.read(envelope.encode(replace(opened(one), **changes)))  # type: ignore[arg-type]


@pytest.mark.parametrize("who", [RIVER, HARBOUR], ids=["ed25519", "p256"])
@pytest.mark.parametrize("write", [receipt, signing])
def test_a_record_is_read_back_and_verified(
    who: Organisation, write: Callable[[Organisation], Record]
) -> None:
    one = write(who)
    assert record.read(one.raw) == one
    assert one.id == RecordId(canonical.digest(opened(one).payload))
    assert record.payload(one.header, one.body) == opened(one).payload
    record.require_signed(one, who.identity, who.persons)
    record.require_issued(one, who.identity)


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        pytest.param(lambda: (receipt(), HARBOUR), "record.not-the-issuer", id="of another"),
        pytest.param(
            lambda: (reread(receipt(), signatures=opened(receipt(NORTHGATE)).signatures), RIVER),
            "record.signature",
            id="signed by another",
        ),
        pytest.param(
            lambda: (
                reread(
                    receipt(),
                    signatures=opened(Pen().write("receipt", {"records": ["x"]})).signatures,
                ),
                RIVER,
            ),
            "record.signature",
            id="with the signature of another record",
        ),
        pytest.param(
            lambda: (
                Pen(replace(RIVER, automatic=RIVER.acts)).write("receipt", {"records": []}),
                RIVER,
            ),
            "record.key-purpose",
            id="a receipt signed with the key for acts",
        ),
        pytest.param(
            lambda: (Pen(replace(RIVER, acts=RIVER.automatic)).write("agreement.sign"), RIVER),
            "record.key-purpose",
            id="an act signed with the automatic key",
        ),
        pytest.param(
            lambda: (Pen(replace(RIVER, automatic=NORTHGATE.automatic)).write(), RIVER),
            "record.key-unknown",
            id="signed with a key the issuer never had",
        ),
        pytest.param(
            lambda: (replace(receipt(), id=nobody()), RIVER),
            "record.not-its-bytes",
            id="whose id is not that of its bytes",
        ),
        pytest.param(
            lambda: (reread(signing(), assertions=()), RIVER),
            "record.person-missing",
            id="an act without a person",
        ),
        pytest.param(
            lambda: (
                Pen(replace(RIVER, person=PersonId("ab" * 16))).write("agreement.sign"),
                RIVER,
            ),
            "record.person-unknown",
            id="an act of a stranger",
        ),
        pytest.param(
            lambda: (
                Pen(replace(RIVER, person_key=NORTHGATE.person_key)).write("agreement.sign"),
                RIVER,
            ),
            "record.assertion",
            id="an act with a stranger's key under a known pseudonym",
        ),
        pytest.param(
            lambda: (reread(signing(), assertions=opened(signing(HARBOUR)).assertions), RIVER),
            "record.person-unknown",
            id="an act with the assent of another's person",
        ),
        pytest.param(
            lambda: (
                reread(
                    signing(), assertions=opened(Pen().write("agreement.sign", {"x": 1})).assertions
                ),
                RIVER,
            ),
            "record.assertion",
            id="an act with the assent to another act",
        ),
    ],
)
def test_records_that_are_not_what_they_claim(
    tamper: Callable[[], tuple[Record, Organisation]], code: str
) -> None:
    for twin in (receipt(), signing()):
        record.require_signed(twin, RIVER.identity, RIVER.persons)
    one, held_against = tamper()
    with pytest.raises(UnverifiedError) as refusal:
        record.require_signed(one, held_against.identity, RIVER.persons)
    assert refusal.value.code == code


def test_a_further_bad_signature_or_assertion_changes_nothing() -> None:
    one = signing()
    found = opened(one)
    stranger = NORTHGATE.acts
    more = reread(
        one,
        signatures=(
            envelope.Signature(stranger.public.key_id, b"x" * 64),
            *found.signatures,
        ),
        assertions=(replace(found.assertions[0], signature=b""), *found.assertions),
    )
    assert more.id == one.id
    record.require_signed(more, RIVER.identity, RIVER.persons)


def test_the_organisation_half_needs_no_people() -> None:
    bare = reread(signing(), assertions=())
    record.require_issued(bare, RIVER.identity)
    with pytest.raises(UnverifiedError):
        record.require_assented(bare, RIVER.persons)
    record.require_assented(signing(), RIVER.persons)
    record.require_assented(receipt(), {})


def refused(raw: bytes) -> bool:
    """Whether a changed record of River is refused somewhere on its way in."""
    try:
        record.require_signed(record.read(raw), RIVER.identity, RIVER.persons)
    except AlliedError:
        return True
    return False


RECEIPT, SIGNING = receipt(), signing()


@pytest.mark.parametrize("one", [RECEIPT, SIGNING], ids=["receipt", "act"])
@given(st.data())
def test_any_flipped_byte_is_refused(one: Record, data: st.DataObject) -> None:
    assert not refused(one.raw)
    changed = bytearray(one.raw)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    assert refused(bytes(changed))


@pytest.mark.parametrize("one", [RECEIPT, SIGNING], ids=["receipt", "act"])
@given(st.data())
def test_any_cut_or_doubled_byte_is_refused(one: Record, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(one.raw) - 1))
    assert refused(one.raw[:at] + one.raw[at + 1 :])
    assert refused(one.raw[:at])
    doubled = one.raw[: at + 1] + one.raw[at:]
    assert refused(doubled)


@given(st.sampled_from([DESCRIPTOR_TYPE, envelope.ASSERTION_TYPE, "application/json", "x"]))
def test_a_payload_under_another_type_is_refused(payload_type: str) -> None:
    # Moved as it is, and signed anew by the issuer itself.
    found = opened(RECEIPT)
    assert refused(envelope.encode(replace(found, payload_type=payload_type)))
    again = envelope.sign(payload_type, found.payload, [RIVER.automatic])
    assert refused(envelope.encode(again))


def test_a_descriptor_is_not_read_as_a_record() -> None:
    with pytest.raises(MalformedError) as refusal:
        record.read(RIVER.identity.raws[0])
    assert refusal.value.code == "record.type"


def payload_json(one: Record = RECEIPT) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(opened(one).payload)
    return value


def resigned(value: object) -> bytes:
    """An envelope over any JSON, signed by River as if it were a record."""
    return envelope.encode(
        envelope.sign(
            RECORD_TYPE, orjson.dumps(value, option=orjson.OPT_SORT_KEYS), [RIVER.automatic]
        )
    )


def dep(**changes: Any) -> dict[str, Any]:
    return {
        "circle": digest_of("circle"),
        "id": nobody(),
        "incarnation": 0,
        "issuer": digest_of("issuer"),
        "sequence": 1,
    } | changes


OWN = {
    "circle": RECEIPT.header.circle,
    "issuer": RECEIPT.header.issuer,
    "incarnation": RECEIPT.header.incarnation,
}


def in_header(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda value: value["header"].update(changes)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(lambda v: v.update(extra=1), "record.shape", id="a key not known"),
        pytest.param(lambda v: v.pop("format"), "record.shape", id="no format"),
        pytest.param(lambda v: v.update(format="record/2"), "record.shape", id="a format to come"),
        pytest.param(lambda v: v.update(body=[]), "record.shape", id="a body that is a list"),
        pytest.param(lambda v: v.update(header=None), "record.shape", id="no header"),
        pytest.param(in_header(extra=1), "record.shape", id="a header key not known"),
        pytest.param(lambda v: v["header"].pop("deps"), "record.shape", id="no deps"),
        pytest.param(in_header(kind=1), "record.shape", id="a kind that is a number"),
        pytest.param(in_header(kind="hack.back"), "record.kind", id="a kind not in the table"),
        pytest.param(in_header(issuer="River"), "ids.not-a-digest", id="an issuer by name"),
        pytest.param(in_header(issuer="A" * 64), "ids.not-a-digest", id="an issuer in capitals"),
        pytest.param(in_header(circle=None), "ids.not-a-digest", id="no circle"),
        pytest.param(in_header(sequence=0), "record.sequence", id="sequence 0"),
        pytest.param(in_header(sequence=True), "record.sequence", id="sequence true"),
        pytest.param(in_header(sequence="1"), "record.sequence", id="sequence as text"),
        pytest.param(in_header(incarnation=-1), "record.sequence", id="a negative incarnation"),
        pytest.param(in_header(sequence=2), "record.sequence", id="the second with none before it"),
        pytest.param(
            in_header(previous=nobody()), "record.sequence", id="the first with one before it"
        ),
        pytest.param(
            in_header(claimed_at="2026-03-02T12:00:00Z"), "record.claimed-at", id="whole seconds"
        ),
        pytest.param(
            in_header(claimed_at="2026-03-02T12:00:00.000+00:00"),
            "record.claimed-at",
            id="an offset",
        ),
        pytest.param(
            in_header(claimed_at="2026-02-30T12:00:00.000Z"), "record.claimed-at", id="30 February"
        ),
        pytest.param(
            in_header(claimed_at="2026-03-02T12:00:60.000Z"), "record.claimed-at", id="second 60"
        ),
        pytest.param(
            in_header(claimed_at="1969-12-31T23:59:59.999Z"), "record.claimed-at", id="before 1970"
        ),
        pytest.param(
            in_header(claimed_at="２026-03-02T12:00:00.000Z"),
            "record.claimed-at",
            id="a wide digit",
        ),
        pytest.param(in_header(claimed_at=0), "record.claimed-at", id="a number"),
        pytest.param(in_header(deps={}), "record.deps", id="deps that are no list"),
        pytest.param(in_header(deps=[1]), "record.deps", id="a dep that is no object"),
        pytest.param(in_header(deps=[dep(x=1)]), "record.deps", id="a dep with more keys"),
        pytest.param(in_header(deps=[dep(), dep()]), "record.deps", id="a dep twice"),
        pytest.param(
            in_header(deps=[dep(), dep(sequence=2, id=digest_of("2"))]),
            "record.deps",
            id="a chain twice",
        ),
        pytest.param(
            in_header(deps=[dep(incarnation=1), dep()]), "record.deps", id="deps not sorted"
        ),
        pytest.param(in_header(deps=[dep(**OWN)]), "record.deps", id="its own chain"),
        pytest.param(
            in_header(sequence=2, previous=nobody(), deps=[dep()]),
            "record.deps",
            id="its own record before it under another chain",
        ),
        pytest.param(
            in_header(deps=[dep(incarnation=n) for n in range(4097)]),
            "record.deps",
            id="4,097 deps",
        ),
    ],
)
def test_shapes_that_are_refused(change: Callable[[dict[str, Any]], object], code: str) -> None:
    value = payload_json()
    record.read(resigned(value))  # the twin that passes
    change(value)
    with pytest.raises(MalformedError) as refusal:
        record.read(resigned(value))
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(in_header(deps=[dep(), dep(incarnation=1)]), id="two deps in order"),
        pytest.param(
            in_header(
                deps=[
                    dep(
                        **OWN,
                    )
                    | {"incarnation": 1}
                ]
            ),
            id="its own next incarnation",
        ),
        pytest.param(in_header(sequence=2, previous=nobody()), id="the second with one before it"),
        pytest.param(in_header(claimed_at="9999-12-31T23:59:59.999Z"), id="the end of time"),
        pytest.param(
            in_header(deps=[dep(incarnation=n) for n in range(4096)]), id="4,096 deps of any size"
        ),
        pytest.param(lambda v: v["body"].update(anything={"deep": [1]}), id="any body"),
    ],
)
def test_the_twins_that_pass(change: Callable[[dict[str, Any]], object]) -> None:
    value = payload_json()
    change(value)
    record.read(resigned(value))


def test_the_size_of_a_body_is_limited_by_its_kind_and_not_by_its_deps() -> None:
    limit = kinds.rule("receipt").max_bytes
    value = payload_json()
    value["header"]["deps"] = [dep(incarnation=n) for n in range(4096)]
    value["body"] = {"a": "x" * (limit - len('{"a":""}'))}
    record.read(resigned(value))  # the twin that passes

    value["body"]["a"] += "x"
    with pytest.raises(MalformedError) as refusal:
        record.read(resigned(value))
    assert refusal.value.code == "record.too-large"
    assert refusal.value.facts == {"size": limit + 1, "limit": limit}


def test_no_record_past_the_largest_envelope_is_parsed() -> None:
    with pytest.raises(MalformedError) as refusal:
        record.read(b" " * (record.MAX_ENVELOPE_BYTES + 1))
    assert refusal.value.code == "canonical.too-large"


def test_the_largest_body_with_the_most_deps_fits_into_an_envelope() -> None:
    value = payload_json()
    value["header"]["kind"] = "agreement.propose"
    value["header"]["deps"] = [dep(incarnation=2**53 - 5000 + n) for n in range(4096)]
    value["body"] = {"a": "x" * (kinds.MAX_BODY_BYTES - len('{"a":""}'))}
    record.read(resigned(value))


@pytest.mark.parametrize(
    ("count", "good"),
    [
        pytest.param(0, False, id="no signature"),
        pytest.param(1, True, id="one"),
        pytest.param(8, True, id="one of each algorithm there may be"),
        pytest.param(9, False, id="too many"),
    ],
)
def test_how_many_signatures_a_record_has(count: int, good: bool) -> None:
    signatures = [envelope.Signature(KeyId(f"{number:064x}"), b"") for number in range(count)]
    if good:
        reread(RECEIPT, signatures=tuple(signatures))
        return
    with pytest.raises(MalformedError) as refusal:
        reread(RECEIPT, signatures=tuple(signatures))
    assert refusal.value.code == "record.signers"


def test_a_record_that_is_no_act_carries_no_assertion() -> None:
    with pytest.raises(MalformedError) as refusal:
        reread(RECEIPT, assertions=opened(SIGNING).assertions)
    assert refusal.value.code == "record.assertion-unwanted"


def test_rules_to_come_are_refused() -> None:
    with pytest.raises(AlliedError) as refusal:
        record.read(RECEIPT.raw, rules=2)
    assert refusal.value.code == "rules.unknown"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"claimed_at": NOON.replace(microsecond=1)}, "record.claimed-at", id="finer"),
        pytest.param({"claimed_at": NOON.replace(tzinfo=None)}, "record.claimed-at", id="no zone"),
        pytest.param(
            {"claimed_at": NOON.astimezone(timezone(timedelta(hours=1)))},
            "record.claimed-at",
            id="another zone",
        ),
        pytest.param({"sequence": 2}, "record.sequence", id="the second with none before it"),
        pytest.param({"kind": "hack.back"}, "record.kind", id="a kind not in the table"),
    ],
)
def test_what_would_not_be_read_is_not_written(changes: dict[str, Any], code: str) -> None:
    header: Header = replace(RECEIPT.header, **changes)
    with pytest.raises(MalformedError) as refusal:
        record.payload(header, {})
    assert refusal.value.code == code


def test_a_record_is_not_signed_with_another_key_than_it_names() -> None:
    with pytest.raises(UnverifiedError) as refusal:
        record.written(RECEIPT.header, {}, RIVER.acts)
    assert refusal.value.code == "record.signature"


@given(st.timedeltas(timedelta(0), timedelta(days=2_900_000)))
def test_a_claimed_time_is_read_back(since: timedelta) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + since
    whole = record.whole_milliseconds(at)
    assert record.read_instant(record.instant_text(whole)) == whole
    assert timedelta(0) <= at - whole < timedelta(milliseconds=1)


def test_deps_are_sorted_for_a_header() -> None:
    deps = [Dep(CIRCLES.all.id, HARBOUR.identity.id, n, 1, nobody()) for n in (2, 0, 1)]
    assert [each.incarnation for each in record.sorted_deps(deps)] == [0, 1, 2]


@given(st.binary(max_size=200))
def test_noise_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError):
        record.read(raw)


def test_a_rotated_key_still_verifies_what_it_signed() -> None:
    from allied.record import identity
    from tests.record.cast import key

    later = identity.open_chain(
        [
            *RIVER.identity.raws,
            identity.rotated(
                RIVER.identity,
                acts=key("River next"),
                next_key=key("River next but one").public,
                keys={"automatic": key("River automatic 2").public},
            ),
        ]
    )
    for one in (RECEIPT, SIGNING):
        record.require_signed(one, later, RIVER.persons)
    new = Pen(replace(RIVER, automatic=key("River automatic 2"), identity=later)).write()
    record.require_signed(new, later, RIVER.persons)
    with pytest.raises(UnverifiedError) as refusal:
        record.require_signed(new, RIVER.identity, RIVER.persons)
    assert refusal.value.code == "record.key-unknown"
