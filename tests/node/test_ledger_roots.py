"""The disclosure ledger day by day: committed to, witnessed, shown row by row and as a whole."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from allied.errors import (
    AlliedError,
    ConflictError,
    MalformedError,
    NotFoundError,
    UnverifiedError,
)
from allied.exchange import disclosure_export, disclosure_proof
from allied.exchange.disclosure import KIND, Commit
from allied.exchange.witness import MAX_SEEN, SIGHT, read_sight, sight_of
from allied.node import doctor, ledger, ledger_proofs, ledger_roots, witness, witnessing
from allied.node.ledger_store import LedgerRoot
from allied.node.rows import LedgerRow
from allied.record.canonical import Json
from allied.record.ids import RecordId
from allied.record.record import Record
from tests.exchange.samples import indicator
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    crafted,
    folded,
    run_sql,
    share,
    slip_in,
)
from tests.node.network import House, Network

DAY = timedelta(days=1)
HIDING = DEMO.replace(b"role: observer", b"role: secretariat").replace(
    b"    third_party: originator-consent",
    b"    anonymise: {by: hub, min_group: 2}\n    third_party: originator-consent",
)


def commits(house: House, pact: str, keeper: House) -> list[Record]:
    """The commitments of a keeper that have effect, as a house holds them."""
    return ledger_roots.own_commits(folded(house, pact), keeper.organisation)


def rows(house: House) -> Sequence[LedgerRow]:
    with house.node.store.read() as reading:
        return reading.ledger(house.organisation.id)


def roots(house: House, pact: str) -> Sequence[LedgerRoot]:
    with house.node.store.read() as reading:
        return reading.ledger_roots(house.organisation.id, pact)  # type: ignore[arg-type]


def released(house: House, to: str) -> LedgerRow:
    return next(row for row in rows(house) if (row.outcome, row.recipient) == (ledger.RELEASED, to))


def next_day(network: Network) -> None:
    network.advance(DAY)
    network.settle()


def refused(code: str, call: Callable[[], object]) -> AlliedError:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code
    return refusal.value


def played(root: Path) -> tuple[Network, str]:
    """River has shared with its partners, and the day is over."""
    network, pact = allied(root)
    share(network.houses[RIVER], pact, indicator(1), indicator(2))
    network.settle()
    next_day(network)
    return network, pact


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> tuple[Network, str]:
    """As `played`, for tests that change nothing."""
    return played(tmp_path_factory.mktemp("past"))


Past = tuple[Network, str]


# --- committing -----------------------------------------------------------------------------


def test_a_day_is_committed_to_once_it_is_over_and_partners_hold_it(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    share(river, pact, indicator(1))
    network.settle()
    assert rows(river)
    assert commits(river, pact, river) == []
    next_day(network)
    (record,) = commits(river, pact, river)
    for house in (harbour, northgate):
        assert commits(house, pact, river) == [record]
    commit = Commit.read(record.body)
    assert (commit.number, commit.before, f"{commit.through}") == (1, None, "2026-11-23")
    (root,) = roots(river, pact)
    assert (root.after, root.last, root.count) == (0, rows(river)[-1].seq, len(rows(river)))
    network.settle()
    assert len(commits(river, pact, river)) == 1


def test_each_day_with_rows_goes_on_from_the_one_before(tmp_path: Path) -> None:
    network, pact = played(tmp_path)
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    next_day(network)
    assert len(commits(river, pact, river)) == 1  # a quiet day
    share(river, pact, indicator(3))
    network.settle()
    next_day(network)
    first, second = commits(harbour, pact, river)
    one, two = Commit.read(first.body), Commit.read(second.body)
    assert (two.series, two.number, two.before) == (one.series, 2, first.id)
    assert ledger_proofs.check(river.node, river.organisation).roots == 2


def test_who_released_nothing_commits_to_nothing_where_nobody_hides(past: Past) -> None:
    network, pact = past
    harbour = network.houses[HARBOUR]
    assert rows(harbour) == []
    assert commits(harbour, pact, harbour) == []


def test_where_a_hub_hides_submitters_quiet_days_are_committed_to_as_well(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, HIDING)
    for day in range(1, 4):
        next_day(network)
        for house in network.houses.values():
            for keeper in network.houses.values():
                assert len(commits(house, pact, keeper)) == day
    share(network.houses[RIVER], pact, indicator(1))
    network.settle()
    next_day(network)
    lengths = {
        len(each.raw)
        for house in network.houses.values()
        for each in commits(house, pact, house)[1:]
    }
    assert len(lengths) <= 2  # what they cite


def test_a_commitment_shows_neither_rows_nor_how_many_there_are(past: Past) -> None:
    network, pact = past
    river = network.houses[RIVER]
    (record,) = commits(river, pact, river)
    assert record.body.keys() == {"before", "commitment", "number", "series", "through"}
    for row in rows(river):
        for secret in (row.hash, row.proof, row.recipient, row.outcome):
            assert not secret or secret.encode() not in record.raw


def test_a_clock_that_is_set_back_commits_to_nothing_twice(tmp_path: Path) -> None:
    network, pact = played(tmp_path)
    river = network.houses[RIVER]
    next_day(network)
    share(river, pact, indicator(3))
    network.settle()
    next_day(network)
    network.clock.advance(-2 * DAY)
    network.settle()
    share(river, pact, indicator(4))
    network.clock.advance(4 * DAY)
    network.settle()
    found = ledger_proofs.check(river.node, river.organisation)
    counted = sum(each.count for each in roots(river, pact))
    assert (found.roots, counted + found.awaiting) == (3, found.rows)
    assert witness.witness(river.node, river.organisation)[0].troubles == ()


def test_commit_now_takes_what_is_there(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    share(river, pact, indicator(1))
    network.settle()
    row = released(river, HARBOUR)
    refused(
        "ledger.not-committed", lambda: ledger_proofs.prove(river.node, river.organisation, row.seq)
    )
    agreement = row.agreement
    assert ledger_roots.commit(river.node, river.keys, river.organisation, agreement) == 1
    assert ledger_roots.commit(river.node, river.keys, river.organisation, agreement) == 0
    assert ledger_proofs.prove(river.node, river.organisation, row.seq)


# --- one row --------------------------------------------------------------------------------


def test_a_release_is_proven_with_the_receipt_and_without_a_node(past: Past) -> None:
    network, pact = past
    river, harbour = network.houses[RIVER], network.houses[HARBOUR]
    row = released(river, HARBOUR)
    proven = disclosure_proof.verify(ledger_proofs.prove(river.node, river.organisation, row.seq))
    assert proven.row == ledger.disclosed(row)
    assert (proven.keeper, proven.keeper_name) == (river.organisation.id, "River Bank plc")
    assert (proven.receipt_by, proven.receipt_name) == (
        harbour.organisation.id,
        "Harbour Logistics SA",
    )
    assert proven.record == commits(harbour, pact, river)[0].id
    witness.require_held(harbour.node, [proven])
    disclosure_proof.require_agreeing([proven, proven])


def test_no_proof_shows_another_row(past: Past) -> None:
    network, _ = past
    river = network.houses[RIVER]
    known = rows(river)
    for shown in known:
        raw = ledger_proofs.prove(river.node, river.organisation, shown.seq)
        whole = raw + b"".join(decoded(raw))
        for other in known:
            assert other.hash.encode() not in whole
            assert bytes.fromhex(other.hash) not in whole
            if other.recipient != shown.recipient:
                assert f'"{other.recipient}"'.encode() not in whole
            if other.proof and other.proof != shown.proof:
                assert other.proof.encode() not in whole


def decoded(raw: bytes) -> list[bytes]:
    """What a proof carries in base64."""
    value = orjson.loads(raw)
    outer = [value["commit"], *value["keeper"]]
    if value["receipt"]:
        outer += [value["receipt"]["record"], *value["receipt"]["identity"]]
    envelopes = [base64.b64decode(each) for each in outer]
    return envelopes + [base64.b64decode(orjson.loads(each)["payload"]) for each in envelopes]


def test_a_row_that_is_not_there_is_not_proven(past: Past) -> None:
    network, _ = past
    river = network.houses[RIVER]
    for seq in (0, -1, len(rows(river)) + 1, 10**17):
        with pytest.raises(NotFoundError) as refusal:
            ledger_proofs.prove(river.node, river.organisation, seq)
        assert refusal.value.code == "ledger.no-such-row"


CHANGES = {
    "UPDATE ledger SET recipient = 'nobody' WHERE seq = 2": "ledger.broken",
    "DELETE FROM ledger WHERE seq = 2": "ledger.broken",
    "DELETE FROM ledger_roots": "ledger.roots-lost",
    "UPDATE ledger_roots SET last = last - 1": "ledger.root-broken",
    "UPDATE ledger_roots SET seed = x'00'": "ledger.root-broken",
}


def test_a_changed_ledger_is_found_out_and_proves_nothing(tmp_path: Path) -> None:
    network, _ = played(tmp_path)
    river = network.houses[RIVER]
    last = rows(river)[-1].seq
    run_sql(river, "CREATE TABLE kept_rows AS SELECT * FROM ledger")
    run_sql(river, "CREATE TABLE kept_roots AS SELECT * FROM ledger_roots")
    for change, code in CHANGES.items():
        whole = ledger_proofs.check(river.node, river.organisation)
        assert (whole.rows, whole.roots, whole.awaiting) == (last, 1, 0)
        run_sql(river, change)
        refused(code, lambda: ledger_proofs.check(river.node, river.organisation))
        with pytest.raises(AlliedError):
            ledger_proofs.prove(river.node, river.organisation, last)
        run_sql(river, "DELETE FROM ledger")
        run_sql(river, "DELETE FROM ledger_roots")
        run_sql(river, "INSERT INTO ledger SELECT * FROM kept_rows")
        run_sql(river, "INSERT INTO ledger_roots SELECT * FROM kept_roots")
    assert ledger_proofs.prove(river.node, river.organisation, last)


def test_rows_written_anew_with_a_whole_chain_contradict_what_was_signed(tmp_path: Path) -> None:
    """The chain alone would not notice: its keeper can compute it again from any row on."""
    network, _ = played(tmp_path)
    river = network.houses[RIVER]
    previous = ledger.START
    for row in rows(river):
        lie = replace(row, recipient=NORTHGATE, previous=previous)
        previous = ledger.row_hash(lie)
        run_sql(
            river,
            "UPDATE ledger SET recipient = :to, previous = :before, hash = :hash WHERE seq = :seq",
            to=NORTHGATE,
            before=lie.previous,
            hash=previous,
            seq=row.seq,
        )
    with river.node.store.read() as reading:
        assert ledger.verify(reading, river.organisation.id) == len(rows(river))
    refused("ledger.root-broken", lambda: ledger_proofs.check(river.node, river.organisation))


# --- partners -------------------------------------------------------------------------------


def seen(house: House, keeper: str) -> witness.WitnessView:
    views = witness.witness(house.node, house.organisation)
    return next(each for each in views if each.keeper == keeper)


def test_partners_see_one_past_and_nothing_awaited(past: Past) -> None:
    network, _ = past
    harbour = network.houses[HARBOUR]
    view = seen(harbour, RIVER)
    assert (view.roots, view.number, view.through) == (1, 1, "2026-11-23")
    assert (view.awaited, view.troubles) == ("", ())
    assert seen(harbour, NORTHGATE).roots == 0


def sights(house: House, pact: str, issuer: House | None = None) -> list[Record]:
    found = folded(house, pact)
    return [
        each
        for each in found.state.statements
        if each.header.kind == SIGHT
        and (issuer is None or each.header.issuer == issuer.organisation.id)
    ]


def test_partners_sign_for_the_roots_that_they_hold_and_everybody_sees_who(tmp_path: Path) -> None:
    network, pact = played(tmp_path)
    river, harbour, northgate = network.houses.values()
    assert sights(river, pact) == []  # they wait for what others commit to
    assert seen(harbour, RIVER).seen_by == ()
    network.advance(witnessing.WAIT)
    network.settle()
    (root,) = commits(river, pact, river)
    for house in network.houses.values():
        (sight,) = sights(house, pact, harbour)
        assert read_sight(sight.body) == (root.id,)
        assert sights(house, pact, river) == []  # nobody signs for its own
    assert seen(harbour, RIVER).seen_by == (HARBOUR, NORTHGATE)
    assert seen(northgate, RIVER).seen_by == (HARBOUR, NORTHGATE)
    before = len(sights(river, pact))
    for _ in range(3):
        next_day(network)
    assert len(sights(river, pact)) == before  # nothing new, so nothing is signed


def test_one_sight_names_all_that_is_new(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, HIDING)
    river, harbour, _ = network.houses.values()
    for _ in range(3):
        next_day(network)
    network.advance(witnessing.WAIT)
    network.settle()
    named = [root for each in sights(river, pact, harbour) for root in read_sight(each.body)]
    statements = folded(harbour, pact).state.statements
    roots = [each for each in statements if each.header.kind == KIND]
    others = [each for each in roots if each.header.issuer != harbour.organisation.id]
    assert len(others) > 2
    assert sorted(named) == sorted(each.id for each in others)
    assert len(sights(river, pact, harbour)) <= 3  # at most one for each day


def test_a_root_that_claims_the_end_of_time_stops_nobody(tmp_path: Path) -> None:
    network, pact = played(tmp_path)
    river, harbour, _ = network.houses.values()
    network.advance(witnessing.WAIT)
    network.settle()
    network.advance(2 * witnessing.WAIT)
    network.settle()  # what is honest is signed for
    (root,) = commits(river, pact, river)
    last = datetime(9999, 12, 31, 23, 30, tzinfo=UTC)
    slip_in(river, crafted(river, pact, KIND, root.body, claimed_at=last))
    network.advance(2 * witnessing.WAIT)
    network.settle()
    network.advance(2 * witnessing.WAIT)
    harbour.sync()  # whose rounds go on
    assert len(commits(harbour, pact, river)) == 2
    assert len(sights(harbour, pact, harbour)) == 1  # it waits for what is not yet


def test_where_there_are_very_many_parties_holding_a_root_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(witnessing, "MOST_PARTIES", 2)
    network, pact = played(tmp_path)
    network.advance(witnessing.WAIT)
    network.settle()
    assert sights(network.houses[RIVER], pact) == []


def test_a_sight_that_cannot_be_read_or_is_of_ones_own_root_counts_for_nothing(
    tmp_path: Path,
) -> None:
    network, pact = played(tmp_path)
    river, harbour, _ = network.houses.values()
    (root,) = commits(river, pact, river)
    slip_in(river, crafted(river, pact, SIGHT, sight_of([root.id])))
    slip_in(harbour, crafted(harbour, pact, SIGHT, {"seen": "all of them"}))
    network.settle()
    assert seen(harbour, RIVER).seen_by == ()
    network.advance(witnessing.WAIT)
    network.settle()
    assert HARBOUR in seen(harbour, RIVER).seen_by
    assert RIVER not in seen(harbour, RIVER).seen_by


@pytest.mark.parametrize(
    "body",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"seen": []}, id="no root"),
        pytest.param({"seen": ["2" * 64, "1" * 64]}, id="not sorted"),
        pytest.param({"seen": ["1" * 64, "1" * 64]}, id="one twice"),
        pytest.param({"seen": ["1"]}, id="no id"),
        pytest.param({"seen": [f"{n:064x}" for n in range(MAX_SEEN + 1)]}, id="too many"),
        pytest.param({"seen": ["1" * 64], "more": 1}, id="something beside it"),
    ],
)
def test_a_sight_of_another_form_is_refused(body: dict[str, Json]) -> None:
    many = [RecordId(f"{n:064x}") for n in range(MAX_SEEN)]
    assert list(read_sight(sight_of(reversed(many)))) == many
    with pytest.raises(MalformedError):
        read_sight(body)


def test_a_partner_awaits_the_root_for_what_it_got(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    share(river, pact, indicator(1))
    network.settle()
    network.cut_between(RIVER, HARBOUR)
    network.cut_between(RIVER, NORTHGATE)
    for expected in ("", "2026-11-23"):
        network.advance(DAY)
        harbour.sync()
        assert seen(harbour, RIVER).awaited == expected


def ledger_findings(house: House) -> list[str]:
    """How `doctor` finds the ledgers of partners."""
    found = doctor.examine(house.node, free_bytes=1 << 40)
    return [each.state for each in found if each.check == "ledgers of partners"]


def test_a_second_past_is_shown_to_partners_with_the_records_that_prove_it(tmp_path: Path) -> None:
    network, pact = played(tmp_path)
    river, harbour, _ = network.houses.values()
    last = commits(river, pact, river)[-1]
    honest = {**last.body, "number": 2, "before": last.id, "through": "2026-11-24"}
    slip_in(river, crafted(river, pact, KIND, honest))
    network.settle()
    assert (seen(harbour, RIVER).number, seen(harbour, RIVER).troubles) == (2, ())
    assert ledger_findings(harbour) == ["ok"]
    network.advance(timedelta(minutes=1))
    slip_in(river, crafted(river, pact, KIND, {**last.body, "commitment": "f" * 64}))
    network.settle()
    (trouble,) = seen(harbour, RIVER).troubles
    assert trouble.kind == "contradiction"
    assert last.id in trouble.records
    assert set(trouble.records) <= {each.id for each in folded(harbour, pact).history.order}
    assert ledger_findings(harbour) == ["problem"]


def test_a_proof_of_another_past_is_caught_by_whoever_holds_the_root(past: Past) -> None:
    network, _ = past
    river, harbour, _ = network.houses.values()
    row = released(river, HARBOUR)
    proven = disclosure_proof.verify(ledger_proofs.prove(river.node, river.organisation, row.seq))
    forged = replace(proven, record="f" * 64)  # type: ignore[arg-type]
    stranger = replace(forged, number=9)
    refused("ledger.contradiction", lambda: witness.require_held(harbour.node, [forged]))
    refused("ledger.not-witnessed", lambda: witness.require_held(harbour.node, [stranger]))
    refused("ledger.contradiction", lambda: disclosure_proof.require_agreeing([proven, forged]))
    witness.require_held(harbour.node, [proven])


def test_a_ledger_restored_from_an_old_backup_begins_a_new_series(tmp_path: Path) -> None:
    network, pact = played(tmp_path)
    river, harbour, _ = network.houses.values()
    run_sql(river, "DELETE FROM ledger_roots")
    share(river, pact, indicator(5))
    network.settle()
    next_day(network)
    (trouble,) = seen(harbour, RIVER).troubles
    assert trouble.kind == "restarted"
    assert seen(harbour, RIVER).number == 1


def test_a_frozen_chain_stops_no_other_agreement(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    share(river, pact, indicator(1))
    network.settle()
    fork = [crafted(river, pact, KIND, {"number": n}, deps=()) for n in (1, 2)]
    slip_in(river, *fork)
    network.advance(DAY)
    with pytest.raises(ConflictError, match="signed one number twice"):
        ledger_roots.commit(river.node, river.keys, river.organisation, rows(river)[0].agreement)
    assert ledger_roots.commit_due(river.node, river.keys, river.organisation) == 0


# --- all of it --------------------------------------------------------------------------------


def exported(house: House, agreement: str | None) -> bytes:
    return b"".join(ledger_proofs.export(house.node, house.organisation, agreement))  # type: ignore[arg-type]


@pytest.mark.parametrize("narrowed", [False, True], ids=["whole", "narrowed"])
def test_an_export_is_checked_without_a_node(tmp_path: Path, narrowed: bool) -> None:
    network, pact = played(tmp_path)
    river = network.houses[RIVER]
    share(river, pact, indicator(3))
    raw = exported(river, pact if narrowed else None)
    found = disclosure_export.verify(iter([raw]))
    for size in (1, 7, 4096):
        pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
        assert disclosure_export.verify(iter(pieces)) == found
    assert found.agreement == (pact if narrowed else None)
    assert (found.rows, found.roots) == (len(rows(river)), 1)
    assert found.awaiting == len(rows(river)) - roots(river, pact)[0].count > 0
    assert (found.keeper, f"{found.through}") == (river.organisation.id, "2026-11-23")


def test_a_narrowed_export_says_nothing_of_the_chain(past: Past) -> None:
    network, pact = past
    river = network.houses[RIVER]
    raw = exported(river, pact)
    assert all(row.hash.encode() not in raw for row in rows(river))
    assert all(row.hash.encode() in exported(river, None) for row in rows(river)[:-1])


@pytest.mark.parametrize("narrowed", [False, True], ids=["whole", "narrowed"])
def test_an_export_without_a_row_or_a_root_is_refused(past: Past, narrowed: bool) -> None:
    network, pact = past
    river = network.houses[RIVER]
    lines = exported(river, pact if narrowed else None).splitlines(keepends=True)
    for left_out in range(len(lines)):
        kept = lines[:left_out] + lines[left_out + 1 :]
        with pytest.raises(AlliedError) as refusal:
            disclosure_export.verify(iter(kept))
        assert refusal.value.code in (
            "ledger.damaged",
            "ledger.broken",
            "ledger.not-an-export",
        )
    body = lines[:-1]
    for left_out, line in enumerate(body):
        if b'"row":' in line:
            with pytest.raises(UnverifiedError):
                disclosure_export.verify(iter([sealed(body[:left_out] + body[left_out + 1 :])]))
    assert disclosure_export.verify(iter(lines)).rows == len(rows(river))


def test_an_export_that_leaves_out_the_last_root_is_caught_by_whoever_holds_it(past: Past) -> None:
    network, pact = past
    river, harbour, _ = network.houses.values()
    lines = exported(river, pact).splitlines(keepends=True)
    whole = disclosure_export.verify(iter(lines))
    witness.require_whole(harbour.node, whole)
    cut = [each for each in lines[:-1] if b'"record":' not in each]
    less = disclosure_export.verify(iter([sealed(cut)]))
    assert less.awaiting == less.rows
    refused("ledger.left-out", lambda: witness.require_whole(harbour.node, less))


def sealed(lines: list[bytes]) -> bytes:
    """Lines with an end that fits them, as a forger would write it."""
    body = b"".join(lines)
    number = sum(b'"row":' in each for each in lines)
    end = {"digest": hashlib.sha256(body).hexdigest(), "rows": number}
    return body + orjson.dumps(end) + b"\n"


def test_a_row_changed_under_a_new_end_is_refused_too(past: Past) -> None:
    network, pact = past
    river = network.houses[RIVER]
    for narrowed in (pact, None):
        lines = exported(river, narrowed).splitlines(keepends=True)[:-1]
        assert disclosure_export.verify(iter([sealed(lines)])).awaiting == 0
        forged = [each.replace(b'"recipient":"harbour"', b'"recipient":"nobody"') for each in lines]
        assert forged != lines
        with pytest.raises(UnverifiedError) as refusal:
            disclosure_export.verify(iter([sealed(forged)]))
        assert refusal.value.code == ("ledger.not-in-root" if narrowed else "ledger.broken")
