"""The originator's signed word on items, and what it does not prove."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace as of_leaf

from allied.agreement.values import Tlp
from allied.errors import AlliedError, MalformedError, UnverifiedError
from allied.exchange import statement as statements
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.statement import (
    PAYLOAD_TYPE,
    Kept,
    Leaf,
    Proof,
    Stated,
    commitment,
    contents,
    holds,
    packed_place,
    place_of,
    read,
    require_holds,
    state,
)
from allied.exchange.stix import Kind
from allied.record import envelope, merkle
from allied.record.canonical import digest, encode
from allied.record.ids import AgreementId, Digest, OrganisationId, PartyId
from allied.record.keys import PrivateKey
from tests.exchange.samples import id_of

AT = datetime(2026, 3, 2, 12, 30, 15, 678000, tzinfo=UTC)
RIVER = PartyId("river")
RIVER_ID = OrganisationId("a" * 64)
PACT = AgreementId("b" * 64)
HERE = commitment(PACT, b"s" * 16)
KEY = PrivateKey.from_seed("ed25519", bytes(range(32)))
OTHER = PrivateKey.from_seed("p256", bytes(range(1, 33)))
KEYS = {KEY.public.key_id: KEY.public}
CLASS = HandlingClass(RIVER, frozenset({Demand(Kind.INDICATOR, RIVER, Handling(Tlp.AMBER))}))


def leaves(count: int) -> list[Leaf]:
    return [
        Leaf(id_of("indicator", number), "2026-03-01T12:00:00Z", digest(str(number).encode()))
        for number in range(1, count + 1)
    ]


def signed(count: int = 5) -> statements.Signed:
    return state(RIVER_ID, HERE, CLASS, leaves(count), b"seed", KEY, AT)


def test_a_statement_reads_back_and_holds_for_each_item() -> None:
    made = signed()

    found = read(made.raw, KEYS)

    assert found == made.statement
    assert found.at == datetime(2026, 3, 2, 12, 30, 15, tzinfo=UTC)
    assert found.demands == CLASS.demands
    for leaf, proof in zip(leaves(5), made.proofs, strict=True):
        require_holds(found, leaf, proof, originator=RIVER_ID, agreement=HERE)
        assert Proof.read(proof.packed()) == proof


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"id": id_of("indicator", 99)}, id="another id"),
        pytest.param({"version": "2026-03-01T12:00:01Z"}, id="another version"),
        pytest.param({"digest": digest(b"forged")}, id="other bytes"),
        pytest.param({"definitions": (digest(b"mark"),)}, id="other markings"),
    ],
)
def test_it_holds_for_nothing_else(change: dict[str, object]) -> None:
    made = signed()
    leaf, proof = leaves(5)[2], made.proofs[2]
    assert holds(made.statement, leaf, proof)

    with pytest.raises(UnverifiedError) as refusal:
        require_holds(
            made.statement, of_leaf(leaf, **change), proof,
            originator=RIVER_ID, agreement=HERE,
        )  # fmt: skip
    assert refusal.value.code == "exchange.not-in-statement"


@pytest.mark.parametrize(
    "proof",
    [
        pytest.param(lambda proof: replace(proof, index=proof.index + 1), id="another place"),
        pytest.param(lambda proof: replace(proof, index=-1), id="no place"),
        pytest.param(lambda proof: replace(proof, index=10**9), id="a place far away"),
        pytest.param(lambda proof: replace(proof, salt=b"x" * 16), id="another salt"),
        pytest.param(lambda proof: replace(proof, salt=b""), id="no salt"),
        pytest.param(lambda proof: replace(proof, path=proof.path[1:]), id="a shorter path"),
        pytest.param(
            lambda proof: replace(proof, path=(*proof.path, b"x" * 32)), id="a longer one"
        ),
    ],
)
def test_a_proof_that_was_changed_proves_nothing(proof: object) -> None:
    made = signed()

    assert not holds(made.statement, leaves(5)[2], proof(made.proofs[2]))  # type: ignore[operator]


def test_a_statement_is_bound_to_originator_and_agreement() -> None:
    made = signed(1)
    (leaf,), (proof,) = leaves(1), made.proofs

    with pytest.raises(UnverifiedError) as refusal:
        require_holds(
            made.statement, leaf, proof, originator=OrganisationId("c" * 64), agreement=HERE
        )
    assert refusal.value.code == "exchange.wrong-originator"
    with pytest.raises(UnverifiedError) as refusal:
        require_holds(
            made.statement, leaf, proof, originator=RIVER_ID, agreement=commitment(PACT, b"t" * 16)
        )
    assert refusal.value.code == "exchange.wrong-agreement"


def test_only_a_key_of_the_originator_signs_it() -> None:
    made = signed()
    assert read(made.raw, KEYS | {OTHER.public.key_id: OTHER.public}) == made.statement

    for keys in ({}, {OTHER.public.key_id: OTHER.public}):
        with pytest.raises(UnverifiedError) as refusal:
            read(made.raw, keys)
        assert refusal.value.code == "exchange.unsigned-statement"


def test_both_kinds_of_keys_sign() -> None:
    made = state(RIVER_ID, HERE, CLASS, leaves(2), b"seed", OTHER, AT)

    assert read(made.raw, {OTHER.public.key_id: OTHER.public}) == made.statement


def test_leaves_that_are_not_shown_cannot_be_guessed() -> None:
    one = state(RIVER_ID, HERE, CLASS, leaves(2), b"one", KEY, AT)
    two = state(RIVER_ID, HERE, CLASS, leaves(2), b"two", KEY, AT)

    assert one.statement.root != two.statement.root
    assert one.proofs[0].salt != one.proofs[1].salt
    assert not holds(one.statement, leaves(2)[1], replace(one.proofs[1], salt=one.proofs[0].salt))


def test_a_commitment_hides_the_agreement_and_binds_to_it() -> None:
    assert commitment(PACT, b"s" * 16) == HERE
    assert commitment(PACT, b"t" * 16) != HERE
    assert commitment(AgreementId("c" * 64), b"s" * 16) != HERE
    with pytest.raises(ValueError, match="16 bytes"):
        commitment(PACT, b"short")


def test_how_companions_go_along_is_nobodys_business() -> None:
    companion = HandlingClass(
        RIVER,
        frozenset({Demand(Kind.COMPANION, RIVER, Handling(Tlp.GREEN))}),
        frozenset({CLASS.key}),
    )

    made = state(RIVER_ID, HERE, companion, leaves(1), b"seed", KEY, AT)

    assert CLASS.key.encode() not in made.statement.payload()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("format", "statement/2", id="another format"),
        pytest.param("count", 0, id="no items"),
        pytest.param("count", True, id="a count that is none"),
        pytest.param("count", statements.MAX_ITEMS + 1, id="too many items"),
        pytest.param("root", "xyz", id="a root that is none"),
        pytest.param("at", "today", id="a time that is none"),
        pytest.param("at", "2026-3-2T12:30:15Z", id="a time in another spelling"),
        pytest.param("demands", [], id="no demands"),
        pytest.param("originator", "river", id="a label for an organisation"),
        pytest.param("extra", 1, id="something unknown"),
    ],
)
def test_a_signed_payload_that_is_no_statement_is_refused(field: str, value: object) -> None:
    plain = json.loads(signed().statement.payload())

    def sealed(content: dict[str, object]) -> bytes:
        return envelope.encode(envelope.sign(PAYLOAD_TYPE, encode(content), [KEY]))  # type: ignore[arg-type]

    assert read(sealed(plain), KEYS) == signed().statement
    with pytest.raises(MalformedError):
        read(sealed(plain | {field: value}), KEYS)


def test_an_envelope_of_another_type_is_no_statement() -> None:
    payload = signed().statement.payload()
    other = envelope.encode(envelope.sign("application/json", payload, [KEY]))

    with pytest.raises(MalformedError) as refusal:
        read(other, KEYS)
    assert refusal.value.code == "exchange.bad-statement"


@pytest.mark.parametrize("count", [0, 3])
def test_a_statement_holds_so_many_items(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "MAX_ITEMS", 2)

    with pytest.raises(ValueError, match="1 to 2"):
        signed(count)
    assert len(signed(2).proofs) == 2


def test_a_proof_carries_the_markings_that_a_recipient_cannot_compute() -> None:
    marks = (digest(b"one"), digest(b"two"))
    leaf = of_leaf(leaves(1)[0], definitions=marks)

    made = state(RIVER_ID, HERE, CLASS, [leaf, *leaves(3)], b"seed", KEY, AT)
    proof = Proof.read(made.proofs[0].packed())

    assert proof.definitions == tuple(sorted(marks))
    rebuilt = of_leaf(leaves(1)[0], definitions=proof.definitions)
    assert holds(made.statement, rebuilt, proof)
    assert not holds(made.statement, leaves(1)[0], proof)


@pytest.mark.parametrize(
    "packed",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"x" * 20, id="no whole salt"),
        pytest.param(bytes(21) + b"x" * 31, id="no whole hash"),
        pytest.param(b"\0\0\0\0\2" + bytes(16) + b"x" * 32, id="fewer markings than it says"),
        pytest.param(bytes(21) + bytes(32 * 97), id="a path without end"),
    ],
)
def test_what_is_no_proof_is_refused(packed: bytes) -> None:
    with pytest.raises(MalformedError) as refusal:
        Proof.read(packed)
    assert refusal.value.code == "exchange.bad-proof"


@given(st.binary(max_size=200))
def test_any_bytes_are_a_proof_that_packs_again_or_refused(packed: bytes) -> None:
    try:
        proof = Proof.read(packed)
    except MalformedError:
        return
    assert proof.packed() == packed


@given(st.integers(1, 40), st.data())
def test_any_item_of_any_statement_is_proved_alone(count: int, data: st.DataObject) -> None:
    made = signed(count)
    at = data.draw(st.integers(0, count - 1))
    wrong = data.draw(st.integers(0, count - 1))

    assert holds(made.statement, leaves(count)[at], made.proofs[at])
    assert holds(made.statement, leaves(count)[wrong], made.proofs[at]) == (wrong == at)


@given(st.integers(0, 400), st.integers(1, 255))
def test_a_flipped_byte_never_yields_another_statement(at: int, flip: int) -> None:
    made = signed(2)
    raw = bytearray(made.raw)
    raw[at % len(raw)] ^= flip

    try:
        found = read(bytes(raw), KEYS)
    except AlliedError:
        return
    assert found == made.statement


def test_the_order_of_definitions_is_not_said() -> None:
    one, two = digest(b"one"), digest(b"two")

    assert Leaf("a", "b", one, (one, two)).content() == Leaf("a", "b", one, (two, one)).content()


@given(
    st.lists(st.lists(st.integers(0, 3), max_size=3, unique=True), min_size=1, max_size=40),
    st.binary(min_size=1, max_size=32),
)
def test_what_is_kept_of_a_statement_gives_the_same_proofs_again(
    marked: list[list[int]], seed: bytes
) -> None:
    items = [
        of_leaf(leaf, definitions=tuple(digest(str(each).encode()) for each in marks))
        for leaf, marks in zip(leaves(len(marked)), marked, strict=True)
    ]
    made = state(RIVER_ID, HERE, CLASS, items, seed, KEY, AT)

    again = Kept.read(made.kept.packed())

    assert again == made.kept
    hashes = [merkle.leaf(merkle.salt(seed, at), leaf.content()) for at, leaf in enumerate(items)]
    for at, leaf in enumerate(items):
        assert again.proof(at).path == merkle.path(hashes, at)
        assert holds(made.statement, leaf, again.proof(at))


@pytest.mark.parametrize("place", [-1, 5])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(place: int) -> None:
    assert signed(5).kept.proof(4).index == 4  # the twin that is there

    with pytest.raises(MalformedError) as refusal:
        signed(5).kept.proof(place)
    assert refusal.value.code == "exchange.bad-proof"


@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_tree_that_was_damaged_is_refused_or_reads_as_it_stands(junk: bytes, at: int) -> None:
    whole = signed(3).kept.packed()
    for packed in (junk, whole[:at], whole + junk, whole[:at] + junk + whole[at:]):
        try:
            kept = Kept.read(packed)
        except MalformedError:
            continue
        assert Kept.read(kept.packed()) == kept


@given(st.integers(0, 2**32 - 1))
def test_a_place_is_told_from_a_proof(place: int) -> None:
    assert place_of(packed_place(place)) == place
    assert place_of(signed(3).proofs[0].packed()) is None
    assert place_of(b"") is None


@given(
    count=st.integers(1, 20),
    asked=st.lists(
        st.tuples(st.integers(0, 19), st.integers(0, 4), st.integers(0, 9)), max_size=30
    ),
)
def test_held_one_after_the_other_items_hold_exactly_as_each_alone(
    count: int, asked: list[tuple[int, int, int]]
) -> None:
    made = signed(count)
    stated = Stated.under(made.statement, originator=RIVER_ID, agreement=HERE)
    for at, change, where in asked:
        leaf, proof = leaves(20)[at], made.proofs[min(at, count - 1)]
        path = list(proof.path)
        if change == 1 and path:
            path[where % len(path)] = b"x" * 32
        elif change == 2:
            path.insert(where % (len(path) + 1), b"y" * 32)
        elif change == 3 and path:
            path.pop(where % len(path))
        elif change == 4:
            leaf = of_leaf(leaf, version="2026-03-09T12:00:00Z")
        changed = replace(proof, path=tuple(path))
        alone = holds(made.statement, leaf, changed)
        try:
            stated.require_holds(leaf, changed)
        except UnverifiedError:
            assert not alone
        else:
            assert alone


@pytest.mark.parametrize(
    ("context", "code"),
    [
        pytest.param(
            {"originator": OrganisationId("d" * 64)}, "exchange.wrong-originator", id="who"
        ),
        pytest.param({"agreement": digest(b"?")}, "exchange.wrong-agreement", id="under what"),
    ],
)
def test_a_statement_is_held_against_originator_and_agreement_once(
    context: dict[str, Any], code: str
) -> None:
    right = {"originator": RIVER_ID, "agreement": HERE}
    Stated.under(signed().statement, **right)  # type: ignore[arg-type] # the twin

    with pytest.raises(UnverifiedError) as refusal:
        Stated.under(signed().statement, **(right | context))
    assert refusal.value.code == code


THREE = [digest(b"1"), digest(b"2"), digest(b"3")]
SAID = st.tuples(st.text(), st.text(), st.permutations(THREE))


@given(st.lists(SAID, max_size=5))
def test_the_content_of_a_leaf_is_canonical_json(said: list[tuple[str, str, list[Digest]]]) -> None:
    leaves = [
        Leaf(id_, version, THREE[0], tuple(some[: len(id_) % 4])) for id_, version, some in said
    ]
    assert contents(leaves) == [
        encode(
            {
                "definitions": sorted(each.definitions),
                "digest": each.digest,
                "id": each.id,
                "version": each.version,
            }
        )
        for each in leaves
    ]
    assert [each.content() for each in leaves] == contents(leaves)
