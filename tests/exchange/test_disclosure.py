"""Proofs and exports from a disclosure ledger: nothing in them can be changed unseen."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import assume, given, strategies as st

from allied.errors import AlliedError, MalformedError, UnverifiedError
from allied.exchange import disclosure_export, disclosure_proof
from allied.exchange.disclosure import (
    KIND,
    Commit,
    Disclosed,
    Place,
    Salts,
    commitment_to,
    leaf_of,
    row_hash,
)
from allied.exchange.disclosure_export import Opened
from allied.exchange.disclosure_proof import RECEIPT, Proof, Signed
from allied.exchange.witness import witnessed
from allied.record import merkle
from allied.record.canonical import Json
from allied.record.ids import Digest, RecordId
from allied.record.record import Record, written
from tests.record.cast import (
    AGREEMENT,
    CIRCLES,
    HARBOUR,
    NOON,
    NORTHGATE,
    PARTIES,
    RIVER,
    Organisation,
    Pen,
    digest_of,
)

SEED = bytes(range(32))
KEEPER = RIVER.identity.id
DAY = date(2026, 3, 2)
PULL = digest_of("a pull")


def signed(pen: Pen, kind: str, body: dict[str, Json], *, after: timedelta = timedelta()) -> Record:
    """A record by the key for what is automatic."""
    header = pen.header(kind)
    key = pen.who.automatic
    header = replace(header, key=key.public.key_id, claimed_at=header.claimed_at + after)
    record = written(header, body, key)
    pen.written.append(record)
    return record


def row(number: int, **changed: object) -> Disclosed:
    values: dict[str, object] = {
        "organisation": KEEPER,
        "agreement": AGREEMENT,
        "recipient": f"party{number}",
        "outcome": "released",
        "code": "exchange.permitted",
        "art": "1",
        "count": number,
        "via": "federation",
        "proof": digest_of(f"pull {number}"),
        "at": NOON + timedelta(seconds=number),
    }
    return Disclosed(**(values | changed))  # type: ignore[arg-type]


def chained(rows: Sequence[Disclosed]) -> list[tuple[Disclosed, Place, Digest]]:
    """Rows with their places and hashes in the keeper's chain."""
    found, previous = [], Digest("0" * 64)
    for seq, each in enumerate(rows, start=1):
        place = Place(seq, 7, seq, seq, previous)
        previous = row_hash(each, place)
        found.append((each, place, previous))
    return found


def committed(
    pen: Pen, rows: Sequence[tuple[Disclosed, Place, Digest]], seed: bytes = SEED, **changed: object
) -> tuple[Record, Salts, list[bytes]]:
    """The commitment to some rows, what opens it, and the leaves."""
    salts = Salts.of(seed)
    leaves = [
        leaf_of(each, salts.mark_of(at, hashed), salts.salt_of(at))
        for at, (each, _, hashed) in enumerate(rows)
    ]
    root = commitment_to(merkle.root(leaves), len(leaves), salts.root)
    values: dict[str, object] = {
        "series": "5" * 32, "number": 1, "before": None, "through": DAY, "commitment": root
    }  # fmt: skip
    commit = Commit(**(values | changed))  # type: ignore[arg-type]
    return signed(pen, KIND, commit.to_json()), salts, leaves


def proof(count: int, index: int, *, receipt: bool = False) -> Proof:
    """The proof of one of so many rows."""
    rows = chained([row(number) for number in range(count)])
    record, salts, leaves = committed(Pen(), rows)
    tree = merkle.tree(leaves)
    chosen, _, hashed = rows[index]
    answer = None
    if receipt:
        pen = Pen(HARBOUR, CIRCLES.pair(PARTIES[0], PARTIES[2]))
        body: dict[str, Json] = {"releaser": KEEPER, "root": chosen.proof, "count": chosen.count}
        answer = Signed(signed(pen, RECEIPT, body).raw, HARBOUR.identity.raws)
    return Proof(
        row=chosen,
        mark=salts.mark_of(index, hashed),
        salt=salts.salt_of(index),
        index=index,
        count=count,
        path=tree.path(index),
        root=tree.root,
        root_salt=salts.root,
        commit=Signed(record.raw, RIVER.identity.raws),
        receipt=answer,
    )


FILE = proof(5, 3, receipt=True).encoded()


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


# --- one row ----------------------------------------------------------------------------------


@given(st.integers(1, 40), st.data())
def test_any_row_of_any_day_is_proven(count: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, count - 1))
    made = proof(count, index)
    proven = disclosure_proof.verify(made.encoded())
    assert proven.row == row(index)
    assert (proven.keeper, proven.keeper_name, proven.through) == (KEEPER, "River", DAY)
    assert (proven.receipt_by, proven.receipt_at) == (None, None)


def test_a_receipt_says_who_has_signed_for_it() -> None:
    proven = disclosure_proof.verify(FILE)
    assert (proven.receipt_by, proven.receipt_name) == (HARBOUR.identity.id, "Harbour")
    assert proven.receipt_at == NOON


@given(st.integers(0, len(FILE) - 1), st.integers(0, 255))
def test_any_byte_that_is_changed_refuses_the_file(place: int, value: int) -> None:
    assume(FILE[place] != value)
    changed = FILE[:place] + bytes([value]) + FILE[place + 1 :]
    with pytest.raises(AlliedError) as refusal:
        disclosure_proof.verify(changed)
    assert refusal.value.code.startswith("ledger.")


@given(st.integers(0, len(FILE) - 1))
def test_a_file_that_is_cut_off_is_refused(size: int) -> None:
    code = "ledger.damaged" if size else "ledger.not-a-proof"
    refused(code, lambda: disclosure_proof.verify(FILE[:size]))


@given(st.integers(0, len(FILE)), st.binary(min_size=1, max_size=4))
def test_nothing_can_be_put_in_either(place: int, more: bytes) -> None:
    with pytest.raises(AlliedError):
        disclosure_proof.verify(FILE[:place] + more + FILE[place:])


@given(st.integers(2, 12), st.data())
def test_no_proof_helps_to_prove_or_to_guess_another_row(count: int, data: st.DataObject) -> None:
    """What a proof holds of other rows is hashes under salts that it does not hold."""
    index, other = data.draw(
        st.tuples(*[st.integers(0, count - 1)] * 2).filter(lambda x: x[0] != x[1])
    )
    made = proof(count, index)
    shown, raw = made.encoded(), made.commit.record
    rows = chained([row(number) for number in range(count)])
    salts = Salts.of(SEED)
    hidden = (
        rows[other][2],
        salts.salt_of(other).hex(),
        salts.mark_of(other, rows[other][2]),
        salts.leaf.hex(),
        salts.mark.hex(),
        f'party{other}"',
        row(other).proof,
    )
    assert not [each for each in hidden if each.encode() in shown + raw]
    assert rows[index][2].encode() not in shown
    with pytest.raises(UnverifiedError):
        disclosure_proof.verify(replace(made, row=row(other)).encoded())


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(b"", "ledger.not-a-proof", id="nothing"),
        pytest.param(b"{}", "ledger.not-a-proof", id="other JSON"),
        pytest.param(b'{"type":"bundle","id":"x"}', "ledger.not-a-proof", id="a bundle"),
        pytest.param(b"\xff\xfe" * 9, "ledger.not-a-proof", id="no text"),
        pytest.param(FILE.replace(b"proof/1", b"proof/2"), "ledger.unknown-format", id="later"),
        pytest.param(FILE + b"\n", "ledger.damaged", id="a line break behind it"),
        pytest.param(FILE.replace(b":", b": ", 1), "ledger.not-a-proof", id="a space in it"),
        pytest.param(FILE + b" " * disclosure_proof.MAX_BYTES, "ledger.too-large", id="too large"),
        pytest.param(b'{"allied":"ledger-proof/1"}', "ledger.damaged", id="the start alone"),
        pytest.param(b'{"allied":"ledger-proof/1",' + b"[" * 999, "ledger.damaged", id="deep"),
    ],
)
def test_what_is_no_proof_is_refused_by_its_code(raw: bytes, code: str) -> None:
    refused(code, lambda: disclosure_proof.verify(raw))


def by(who: Organisation) -> Signed:
    """The same commitment, signed by somebody else."""
    rows = chained([row(number) for number in range(5)])
    record, _, _ = committed(Pen(who), rows)
    return Signed(record.raw, who.identity.raws)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"commit": by(NORTHGATE)}, "ledger.other-agreement", id="another keeper's"),
        pytest.param(
            {"commit": Signed(by(RIVER).record, NORTHGATE.identity.raws)},
            "ledger.not-signed",
            id="another's name under it",
        ),
        pytest.param(
            {"row": row(3, agreement=digest_of("x"))}, "ledger.other-agreement", id="agreement"
        ),
        pytest.param({"row": row(3, recipient="nobody")}, "ledger.not-in-root", id="a recipient"),
        pytest.param({"row": row(3, count=99)}, "ledger.not-in-root", id="a number of items"),
        pytest.param({"index": 2}, "ledger.not-in-root", id="another place"),
        pytest.param({"count": 6}, "ledger.not-in-root", id="another number of rows"),
        pytest.param({"path": ()}, "ledger.not-in-root", id="no path"),
        pytest.param({"mark": digest_of("m")}, "ledger.not-in-root", id="another mark"),
        pytest.param({"root_salt": bytes(16)}, "ledger.not-in-root", id="another salt"),
        pytest.param({"receipt": by(RIVER)}, "ledger.not-signed", id="no receipt at all"),
    ],
)  # fmt: skip
def test_what_does_not_hold_is_refused_by_its_code(changed: dict[str, object], code: str) -> None:
    made = proof(5, 3, receipt=True)
    assert disclosure_proof.verify(made.encoded()).row == made.row
    forged = replace(made, **changed)  # type: ignore[arg-type]
    refused(code, lambda: disclosure_proof.verify(forged.encoded()))


def test_a_receipt_for_another_pull_is_refused() -> None:
    made, other = proof(5, 3, receipt=True), proof(5, 2, receipt=True)
    forged = replace(made, receipt=other.receipt)
    refused("ledger.not-signed", lambda: disclosure_proof.verify(forged.encoded()))


# --- all rows ---------------------------------------------------------------------------------


def export(count: int, of_last: int, *, narrowed: bool) -> bytes:
    """A ledger of so many rows, the last of which are not committed to."""
    rows = chained([row(number) for number in range(count)])
    record, salts, _ = committed(Pen(), rows[: count - of_last])
    where = [
        (each, salts.mark_of(at, hashed) if narrowed else place)
        for at, (each, place, hashed) in enumerate(rows)
    ]
    opened = [Opened(record.raw, count - of_last, salts)]
    under = AGREEMENT if narrowed else None
    return b"".join(disclosure_export.written(RIVER.identity.raws, under, opened, where))


@given(st.integers(0, 9), st.data(), st.booleans())
def test_any_export_is_checked(count: int, data: st.DataObject, narrowed: bool) -> None:
    of_last = data.draw(st.integers(0, count))
    found = disclosure_export.verify([export(count, of_last, narrowed=narrowed)])
    assert (found.rows, found.awaiting, found.roots) == (count, of_last, 1)
    assert found.agreement == (AGREEMENT if narrowed else None)


WHOLE, NARROWED = export(4, 1, narrowed=False), export(4, 1, narrowed=True)


@given(st.sampled_from((WHOLE, NARROWED)), st.data(), st.integers(0, 255))
def test_any_byte_that_is_changed_refuses_the_export(
    raw: bytes, data: st.DataObject, value: int
) -> None:
    place = data.draw(st.integers(0, len(raw) - 1))
    assume(raw[place] != value)
    with pytest.raises(AlliedError):
        disclosure_export.verify([raw[:place] + bytes([value]) + raw[place + 1 :]])


@given(st.sampled_from((WHOLE, NARROWED)), st.data())
def test_an_export_that_is_cut_off_is_refused(raw: bytes, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(raw) - 1))
    with pytest.raises(AlliedError):
        disclosure_export.verify([raw[:size]])


def test_a_line_that_never_ends_is_refused_with_bounded_memory() -> None:
    read = 0

    def endless() -> object:
        nonlocal read
        yield WHOLE[: WHOLE.index(b"\n") + 1]
        while True:
            read += 2**20
            yield b"x" * 2**20

    refused("ledger.too-large", lambda: disclosure_export.verify(endless()))  # type: ignore[arg-type]
    assert read <= disclosure_export.MAX_LINE + 2 * 2**20


@pytest.mark.parametrize(
    "raw", [b"", b"{}\n", FILE, b"\n" * 99], ids=["nothing", "JSON", "proof", "lines"]
)
def test_what_is_no_export_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedError) as refusal:
        disclosure_export.verify([raw])
    assert refusal.value.code == "ledger.not-an-export"


# --- what partners hold -------------------------------------------------------------------------


def roots(*changes: dict[str, object]) -> list[Record]:
    """An honest ledger of three days, each day with what is changed about it."""
    pen, before, made = Pen(), None, []
    for number, changed in enumerate((*changes, {}, {}, {})[: max(3, len(changes))], start=1):
        values: dict[str, object] = {
            "series": "5" * 32,
            "number": number,
            "before": before,
            "through": DAY + timedelta(days=number - 1),
            "commitment": digest_of(f"root {number}"),
        }
        commit = Commit(**(values | changed))  # type: ignore[arg-type]
        record = signed(pen, KIND, commit.to_json(), after=timedelta(days=number))
        made.append(record)
        before = record.id
    return made


@pytest.mark.parametrize(
    ("changes", "troubles"),
    [
        pytest.param((), [], id="an honest keeper"),
        pytest.param(({}, {}, {"number": 2}), ["contradiction", "gap"], id="one number twice"),
        pytest.param(({}, {}, {"number": 4}), ["gap"], id="a number left out"),
        pytest.param(({}, {"before": RecordId("e" * 64)}), ["gap"], id="another past"),
        pytest.param(({}, {}, {"through": DAY}), ["backwards"], id="an earlier day"),
        pytest.param(({}, {}, {"through": DAY + timedelta(days=9)}), ["ahead"], id="a day to come"),
        pytest.param(
            ({}, {}, {"series": "6" * 32, "number": 1, "before": None}), ["restarted"], id="anew"
        ),
    ],
)
def test_what_does_not_go_together_is_named(
    changes: tuple[dict[str, object], ...], troubles: list[str]
) -> None:
    made = roots(*changes)
    found = witnessed(KEEPER, made)
    assert [each.kind for each in found.troubles] == troubles
    held = {each.id for each in made}
    assert all(set(each.records) <= held and each.text for each in found.troubles)
    assert witnessed(KEEPER, reversed(made)) == found == witnessed(KEEPER, made + made)


@given(st.permutations(roots()), st.integers(0, 3))
def test_what_is_held_says_the_same_in_any_order(order: list[Record], count: int) -> None:
    part = order[:count]
    assert witnessed(KEEPER, part) == witnessed(KEEPER, part[::-1])
    assert len(witnessed(KEEPER, part).roots) == count


@pytest.mark.parametrize(
    "changed",
    [
        {"number": 0},
        {"number": True},
        {"number": 10**9},
        {"series": "x"},
        {"before": None, "number": 2},
        {"before": "e" * 64},
        {"commitment": "short"},
        {"through": "2026-3-2"},
        {"through": "2026-02-30"},
        {"more": 1},
    ],
    ids=json.dumps,
)
def test_a_commitment_that_is_not_of_its_form_is_shown_as_such(changed: dict[str, Json]) -> None:
    honest = Commit("5" * 32, 1, None, DAY, digest_of("root")).to_json()
    assert Commit.read(honest).to_json() == honest
    record = signed(Pen(), KIND, honest | changed)
    (trouble,) = witnessed(KEEPER, [record]).troubles
    assert (trouble.kind, trouble.records) == ("unreadable", (record.id,))
