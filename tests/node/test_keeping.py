"""A start takes what was kept of a fold if it fits, and reads everything again on any doubt.

That it comes to the same is asked by `tests.node.hands.folded` wherever a story looks at an
agreement; here is what is believed, and what is not.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from allied.agreement.state import Verdict
from allied.errors import UnverifiedError
from allied.node import integrity, keeping, sync
from allied.node.folds import Folded, Folds
from allied.node.journal import as_row
from allied.record.ids import AgreementId
from allied.record.record import Record
from tests.node.hands import (
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    attack,
    crafted,
    require_alike,
    run_sql,
    slip_in,
)
from tests.node.network import House, Network

FEW = 5


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folds are kept after a few records, in parts of a few."""
    monkeypatch.setattr(keeping, "EVERY", 1)
    monkeypatch.setattr(keeping, "_IN_ONE", FEW)


@pytest.fixture
def pact(tmp_path: Path, small: None) -> tuple[Network, House, AgreementId]:
    """Three houses under one agreement, and what River comes to is kept."""
    network, agreement = allied(tmp_path)
    river = network.houses[RIVER]
    put(river, AgreementId(agreement), [])
    restarted(river)
    assert keeping.keep_due(river.node) > 1
    return network, river, AgreementId(agreement)


def started(house: House, agreement: AgreementId) -> tuple[Folded, int]:
    """What a start comes to, and of how many records it took what was kept."""
    folds = Folds()
    with house.node.store.read() as reading:
        found = folds.of(reading, agreement)
    return found, folds.covered(agreement)


def anew(house: House, agreement: AgreementId, monkeypatch: pytest.MonkeyPatch) -> Folded:
    """What a start comes to that finds nothing kept."""
    with monkeypatch.context() as patch:
        patch.setattr(keeping, "restored", lambda *_: None)
        return started(house, agreement)[0]


def restarted(house: House) -> None:
    """Another process over the same store."""
    house.node = replace(house.node, folds=Folds())


def parts(house: House, agreement: AgreementId) -> list[bytes]:
    with house.node.store.read() as reading:
        return list(reading.kept_folds(agreement))


def put(house: House, agreement: AgreementId, raws: list[bytes]) -> None:
    with house.node.store.write() as writing:
        writing.keep_fold(agreement, 0, raws)


def test_a_start_takes_what_was_kept_and_reads_the_rest(
    pact: tuple[Network, House, AgreementId], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, river, agreement = pact
    found, covered = started(river, agreement)
    assert covered == len(found.history.order) > FEW
    attack(river, agreement)
    later, still = started(river, agreement)
    assert still == covered < len(later.history.order)
    require_alike(later, anew(river, agreement, monkeypatch))


def test_what_is_new_is_kept_behind_what_was(
    pact: tuple[Network, House, AgreementId], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, river, agreement = pact
    before = parts(river, agreement)
    assert len(before) > 1
    assert keeping.keep_due(river.node) == 0
    attack(river, agreement)
    assert keeping.keep_due(river.node) > 0
    after = parts(river, agreement)
    assert after[: len(before)] == before
    assert len(after) > len(before)
    found, covered = started(river, agreement)
    assert covered == len(found.history.order)
    require_alike(found, anew(river, agreement, monkeypatch))


def test_it_is_kept_when_a_node_settles(tmp_path: Path, small: None) -> None:
    network, agreement = allied(tmp_path)
    river = network.houses[RIVER]
    sync.settle(river.node, river.keys)
    found, covered = started(river, AgreementId(agreement))
    assert covered == len(found.history.order)


def test_a_small_history_is_not_kept(tmp_path: Path) -> None:
    network, agreement = allied(tmp_path)
    river = network.houses[RIVER]
    assert keeping.keep_due(river.node) == 0
    assert parts(river, AgreementId(agreement)) == []


# --- each kind of doubt -------------------------------------------------------------------


def nothing(house: House, agreement: AgreementId) -> None:
    """All stays as it is."""


def one_bit(house: House, agreement: AgreementId) -> None:
    first, *others = parts(house, agreement)
    put(house, agreement, [first[:-1] + bytes([first[-1] ^ 1]), *others])


def another_seal(house: House, agreement: AgreementId) -> None:
    first, *others = parts(house, agreement)
    put(house, agreement, [bytes(32) + first[32:], *others])


def cut_short(house: House, agreement: AgreementId) -> None:
    first, *others = parts(house, agreement)
    put(house, agreement, [first[:40], *others])


def no_bytes(house: House, agreement: AgreementId) -> None:
    put(house, agreement, [b"", *parts(house, agreement)])


def first_gone(house: House, agreement: AgreementId) -> None:
    put(house, agreement, parts(house, agreement)[1:])


def other_order(house: House, agreement: AgreementId) -> None:
    put(house, agreement, parts(house, agreement)[::-1])


def twice(house: House, agreement: AgreementId) -> None:
    first, *others = parts(house, agreement)
    put(house, agreement, [first, first, *others])


def last_gone(house: House, agreement: AgreementId) -> None:
    """No part that is left says how the fold stood at its end."""
    put(house, agreement, parts(house, agreement)[:-1])


def other_bytes(house: House, agreement: AgreementId) -> None:
    """Of a record, where its own digest does not look."""
    with house.node.store.read() as reading:
        row = reading.records(agreement)[2]
    at = row.raw.rindex(b'"sig":"') + len(b'"sig":"')
    letter = b"B" if row.raw[at : at + 1] == b"A" else b"A"
    changed = row.raw[:at] + letter + row.raw[at + 1 :]
    run_sql(house, "UPDATE records SET raw = :raw WHERE id = :id", raw=changed, id=row.id)


def other_row(house: House, agreement: AgreementId) -> None:
    run_sql(house, 'UPDATE records SET "row" = -1 WHERE "row" = 3')


def two_rows_swapped(house: House, agreement: AgreementId) -> None:
    for old, new in ((3, -1), (4, 3), (-1, 4)):
        run_sql(house, 'UPDATE records SET "row" = :new WHERE "row" = :old', new=new, old=old)


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        pytest.param(nothing, True, id="nothing has changed"),
        pytest.param(one_bit, False, id="a bit of a part"),
        pytest.param(another_seal, False, id="its seal"),
        pytest.param(cut_short, False, id="a part is cut short"),
        pytest.param(no_bytes, False, id="a part of no bytes"),
        pytest.param(first_gone, False, id="the first part is gone"),
        pytest.param(last_gone, False, id="the last part is gone"),
        pytest.param(other_order, False, id="parts in another order"),
        pytest.param(twice, False, id="a part twice"),
        pytest.param(other_bytes, False, id="a signature was changed"),
        pytest.param(other_row, False, id="a record stands elsewhere"),
        pytest.param(two_rows_swapped, False, id="two records stand in each other's place"),
    ],
)
def test_what_does_not_fit_is_not_believed_and_kept_anew(
    pact: tuple[Network, House, AgreementId],
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[House, AgreementId], None],
    fits: bool,
) -> None:
    _, river, agreement = pact
    change(river, agreement)
    found, covered = started(river, agreement)
    assert covered == (len(found.history.order) if fits else 0)
    require_alike(found, anew(river, agreement, monkeypatch))
    restarted(river)
    assert (keeping.keep_due(river.node) == 0) is fits
    again, covered = started(river, agreement)
    assert covered == len(again.history.order)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("__version__", "9.9.9", id="another release"),
        pytest.param("FOLD", 4, id="another way to fold"),
        pytest.param("FORMAT", "kept-fold/2", id="another form, and so another key"),
        pytest.param("state_digest", lambda *_: "another", id="it comes to another state"),
    ],
)
def test_what_another_program_has_kept_is_not_believed(
    pact: tuple[Network, House, AgreementId],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: object,
) -> None:
    _, river, agreement = pact
    with monkeypatch.context() as patch:
        patch.setattr(keeping, name, value)
        found, covered = started(river, agreement)
        assert covered == 0
    again, covered = started(river, agreement)
    assert covered == len(found.history.order)
    require_alike(found, again)


def test_what_was_kept_of_another_agreement_or_by_another_node_is_not_believed(
    pact: tuple[Network, House, AgreementId],
) -> None:
    network, river, agreement = pact
    harbour = network.houses[HARBOUR]
    keeping.keep_due(harbour.node)
    assert started(harbour, agreement)[1] > 0
    put(harbour, agreement, parts(river, agreement))
    assert started(harbour, agreement)[1] == 0
    put(harbour, agreement, [])
    assert started(harbour, agreement)[1] == 0


def test_bytes_that_are_not_a_records_own_are_refused_as_ever(
    pact: tuple[Network, House, AgreementId],
) -> None:
    _, river, agreement = pact
    run_sql(river, "UPDATE records SET raw = x'7b7d' WHERE \"row\" = 3")
    with pytest.raises(UnverifiedError) as refusal:
        started(river, agreement)
    assert refusal.value.code == "record.not-its-bytes"


def test_bytes_that_were_spoilt_since_they_were_read_are_not_kept(
    pact: tuple[Network, House, AgreementId],
) -> None:
    _, river, agreement = pact
    attack(river, agreement)
    with river.node.store.read() as reading:
        found = river.node.folds.of(reading, agreement)
    (report,) = [each for each in found.history.order if each.header.kind == "incident.report"]
    run_sql(river, "UPDATE records SET raw = x'7b7d' WHERE id = :id", id=report.id)
    keeping.keep_due(river.node)
    assert parts(river, agreement) == []
    with pytest.raises(UnverifiedError) as refusal:
        started(river, agreement)
    assert refusal.value.code == "record.not-its-bytes"


@pytest.mark.parametrize("forged", [False, True])
def test_what_somebody_with_the_database_forges_is_found(
    pact: tuple[Network, House, AgreementId], monkeypatch: pytest.MonkeyPatch, *, forged: bool
) -> None:
    _, river, agreement = pact
    attack(river, agreement)
    folded = anew(river, agreement, monkeypatch)
    (report,) = [each for each in folded.history.order if each.header.kind == "incident.report"]
    assert folded.progress is not None
    if forged:
        no = Verdict(effect=False, code="effect.not-entitled", reason="forged")
        folded.progress.first.verdicts[report.id] = no
        folded = replace(
            folded, state=replace(folded.state, verdicts=folded.progress.first.verdicts)
        )
    with river.node.store.read() as reading:
        made = keeping._made(reading, folded, afresh=True)[2]
    put(river, agreement, list(made))
    restarted(river)
    assert started(river, agreement)[0].state.verdicts[report.id].effect is not forged
    codes = {each.code for each in integrity.check(river.node).findings}
    assert codes == ({"store.kept-fold"} if forged else set())


def test_records_of_a_unit_that_failed_are_in_no_fold(
    pact: tuple[Network, House, AgreementId], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though others stand under their numbers later, and the last one under its own again."""
    network, river, agreement = pact

    def said(label: str, title: str) -> Record:
        body = {"title": title}
        return crafted(network.houses[label], agreement, "incident.report", body, assent=False)

    one, other, last = said(HARBOUR, "one"), said(HARBOUR, "other"), said(NORTHGATE, "last")
    with suppress(ZeroDivisionError), river.node.store.write() as writing:
        writing.add_records([as_row(one), as_row(last)])
        assert river.node.folds.of(writing, agreement).holds(one.id)
        raise ZeroDivisionError
    with river.node.store.write() as writing:
        writing.add_records([as_row(other), as_row(last)])
        assert not river.node.folds.of(writing, agreement).holds(one.id)
    with river.node.store.read() as reading:
        found = river.node.folds.of(reading, agreement)
    assert found.holds(other.id)
    assert not found.undecided
    require_alike(found, anew(river, agreement, monkeypatch))
    assert keeping.keep_due(river.node) > 0


def test_a_chain_that_parts_later_is_kept_anew(
    pact: tuple[Network, House, AgreementId], monkeypatch: pytest.MonkeyPatch
) -> None:
    network, river, agreement = pact
    harbour = network.houses[HARBOUR]
    one = crafted(harbour, agreement, "incident.report", {"title": "one"}, assent=False)
    two = crafted(harbour, agreement, "incident.report", {"title": "two"}, assent=False)
    for each, parted in ((one, False), (two, True)):
        slip_in(river, each)
        restarted(river)
        keeping.keep_due(river.node)
        found, covered = started(river, agreement)
        assert covered == len(found.history.order)
        require_alike(found, anew(river, agreement, monkeypatch))
        assert bool(found.history.frozen) is parted
