"""What `doctor` says: each check with what is fine beside what is not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from allied.adapters.certificate import certificate_ends
from allied.node import checkups, doctor, messages, peers, refusals, renewals
from allied.node.checkups import Around, Certificate
from allied.node.pages import RecordsAnswer, RecordsPage
from allied.record.record import read
from tests.node.hands import HARBOUR, RIVER, allied, crafted, run_sql, slip_in
from tests.node.network import START, House, Network
from tests.node.test_keys import another_continuation, chain_of, recover, rotate
from tests.node.test_sync import LIES, note
from tests.taxii.certificates import made_certificate

HERE = Around(1 << 40, (), None, "")
CODES = {
    "agreement", "backup", "bytes", "certificate", "checkpoints", "clock", "database",
    "decisions", "disk", "identity", "keys", "ledger", "mail", "organisations", "partners-ledgers",
    "peer", "people", "recovery-file", "refused", "signing", "states", "store",
}  # fmt: skip


def said(house: House, code: str, around: Around = HERE, *, deep: bool = False) -> set[str]:
    """The states of all findings of a kind."""
    found = doctor.examine(house.node, around=around, deep=deep)
    assert {each.code for each in found} <= CODES
    return {each.state for each in found if each.code == code}


@pytest.fixture(scope="module")
def pact(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Three houses under one agreement, looked at and never changed."""
    network, _ = allied(tmp_path_factory.mktemp("doctor"))
    return network


def test_a_sound_node_has_nothing_wrong(pact: Network) -> None:
    house = pact.houses[RIVER]
    found = doctor.examine(house.node, around=HERE, deep=True)
    assert {each.state for each in found if each.code != "backup"} == {"ok"}
    assert {each.code for each in found} >= {
        "clock", "signing", "keys", "recovery-file", "backup", "decisions", "store", "peer",
        "states",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("code", "around", "state"),
    [
        ("disk", Around(1 << 40), "ok"),
        ("disk", Around(1 << 29), "warning"),
        ("disk", Around(1 << 20), "problem"),
        ("signing", HERE, "ok"),
        ("signing", Around(1 << 40, (), None, "store.restored"), "problem"),
        ("recovery-file", HERE, "ok"),
        ("recovery-file", Around(1 << 40, ("river-recovery.txt",)), "warning"),
        ("certificate", Around(1, (), Certificate("c", START + timedelta(days=90))), "ok"),
        ("certificate", Around(1, (), Certificate("c", START + timedelta(days=20))), "warning"),
        ("certificate", Around(1, (), Certificate("c", START)), "problem"),
        ("certificate", Around(1, (), Certificate("c", None)), "warning"),
    ],
)
def test_what_the_machine_says(pact: Network, code: str, around: Around, state: str) -> None:
    assert said(pact.houses[RIVER], code, around) == {state}


def test_what_nobody_has_looked_at_is_not_said(pact: Network) -> None:
    found = {each.code for each in doctor.examine(pact.houses[RIVER].node, free_bytes=1)}
    assert not found & {"signing", "recovery-file", "certificate", "store"}


def test_a_peer_is_watched_by_whether_it_answers(tmp_path: Path) -> None:
    network = Network(tmp_path)
    river, _ = network.found(RIVER, "River Bank plc"), network.found(HARBOUR, "Harbour SA")
    offered = peers.look(river.node, network.houses[HARBOUR].url)
    peers.add(river.node, network.houses[HARBOUR].url, offered, confirmed=False)
    assert told_of_peer(river) == (
        "warning",
        "its fingerprint is not confirmed; nothing goes to it",
    )
    network.introduce_all()
    assert told_of_peer(river) == ("warning", "it has not answered yet")
    river.sync()
    assert told_of_peer(river)[0] == "ok"
    network.advance(doctor.SILENT + timedelta(seconds=1))
    assert told_of_peer(river) == ("warning", "last answer 2026-11-23 03:00 UTC")
    network.cut_between(RIVER, HARBOUR)
    river.sync()
    assert told_of_peer(river) == ("warning", "1 failures in a row [peer.timeout]")
    network.heal()
    network.advance(timedelta(minutes=10))
    river.sync()
    assert told_of_peer(river)[0] == "ok"


def told_of_peer(house: House) -> tuple[str, str]:
    (found,) = [each for each in doctor.examine(house.node, around=HERE) if each.code == "peer"]
    return found.state, found.text


def backed_up(house: House) -> None:
    with house.node.store.write() as writing:
        writing.set_cursor(checkups.LAST_BACKUP, house.node.clock.now().isoformat())


def test_a_backup_gets_old_and_a_change_of_keys_makes_it_so_at_once(tmp_path: Path) -> None:
    network = Network(tmp_path)
    house = network.found(RIVER, "River Bank plc")
    assert said(house, "backup") == {"warning"}
    backed_up(house)
    assert said(house, "backup") == {"ok"}
    network.advance(timedelta(minutes=1))
    rotate(house)
    assert said(house, "backup") == {"warning"}
    network.advance(timedelta(minutes=1))
    backed_up(house)
    assert said(house, "backup") == {"ok"}
    network.advance(checkups.BACKUP_OLD + timedelta(days=1))
    assert said(house, "backup") == {"warning"}


def test_keys_get_old_until_they_are_rotated(tmp_path: Path) -> None:
    network = Network(tmp_path)
    house = network.found(RIVER, "River Bank plc")
    assert said(house, "keys") == {"ok"}
    network.advance(checkups.KEYS_OLD + timedelta(days=1))
    assert said(house, "keys") == {"warning"}
    rotate(house)
    assert said(house, "keys") == {"ok"}


def test_an_own_identity_that_somebody_else_has_gone_on_with_is_a_problem(tmp_path: Path) -> None:
    house = Network(tmp_path).found(RIVER, "River Bank plc")
    theirs = another_continuation(house)
    assert said(house, "keys") == {"ok"}
    with house.node.store.write() as writing:
        renewals.taken(writing, house.organisation.id, [*chain_of(house, house), theirs])
    assert said(house, "keys") == {"problem"}
    recover(house, after=1)
    assert said(house, "keys") == {"ok"}
    rotate(house)
    assert said(house, "keys") == {"ok"}


@pytest.mark.parametrize(
    ("ahead", "state"),
    [
        pytest.param({HARBOUR: 1}, "ok", id="a minute is nothing"),
        pytest.param({HARBOUR: 60}, "warning", id="one partner disagrees"),
        pytest.param({HARBOUR: 60, "northgate": 60}, "problem", id="all partners do"),
    ],
)
def test_the_clock_is_held_against_what_partners_have_signed(
    tmp_path: Path, ahead: dict[str, int], state: str
) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    for label, minutes in ahead.items():
        house = network.houses[label]
        claimed = network.clock.now() + timedelta(minutes=minutes)
        slip_in(house, crafted(house, pact, "redaction.answer", {"blob": "00"}, claimed_at=claimed))
    network.settle()
    assert said(river, "clock") == {state}


def test_a_clock_that_is_ahead_shows_in_what_partners_say_of_it(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    network.advance(timedelta(hours=2))
    early = network.clock.now() - timedelta(hours=1)
    mine = crafted(river, pact, "redaction.answer", {"blob": "00"})
    slip_in(river, mine)
    harbour.sync()
    northgate.sync()
    for house in (harbour, northgate):
        answer = crafted(house, pact, "redaction.answer", {"blob": "01"}, claimed_at=early)
        slip_in(house, answer)
    river.sync()
    assert said(river, "clock") == {"problem"}


def test_two_identities_of_a_peer_are_a_problem(tmp_path: Path) -> None:
    network = Network(tmp_path)
    river, harbour = network.found(RIVER, "River Bank plc"), network.found(HARBOUR, "Harbour SA")
    network.introduce_all()
    assert said(harbour, "identity") == {"ok"}
    theirs = another_continuation(river)
    rotate(river)
    for chain in ([*chain_of(river, river)[:1], theirs], chain_of(river, river)):
        with harbour.node.store.write() as writing:
            renewals.taken(writing, river.organisation.id, chain)
    assert said(harbour, "identity") == {"ok", "problem"}


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param(
            "UPDATE records SET raw = (SELECT raw FROM records WHERE row = 1) WHERE row = 2",
            "record.not-its-bytes",
            id="a record",
        ),
        pytest.param(
            "INSERT INTO blobs (digest, agreement, circle, raw) VALUES ('ab', 'a', 'c', x'00')",
            "store.blob-bytes",
            id="a blob",
        ),
    ],
)
def test_what_was_spoilt_is_found_when_everything_is_read(
    tmp_path: Path, spoil: str, code: str
) -> None:
    network, _ = allied(tmp_path)
    house = network.houses[RIVER]
    assert said(house, "store", deep=True) == {"ok"}
    run_sql(house, spoil)
    found = doctor.examine(house.node, around=HERE, deep=True)
    assert any(code in each.text and each.state == "problem" for each in found)


def test_two_records_under_one_number_are_told_with_their_party(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    assert said(river, "agreement") == {"ok"}
    one = crafted(harbour, pact, "redaction.answer", {"blob": "00"})
    other = crafted(harbour, pact, "redaction.answer", {"blob": "01"})
    slip_in(river, one, other)
    found = [each for each in doctor.examine(river.node, around=HERE) if each.code == "agreement"]
    assert [each.state for each in found] == ["problem"]
    assert "of harbour" in found[0].text


def test_what_a_peer_sent_and_did_not_hold_is_counted_and_told_for_a_day(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    make, code = next(iter(LIES.values()))
    lie = make(network, pact)

    def forged(raw: bytes) -> bytes:
        answer, page = RecordsAnswer.decode(raw), RecordsPage()
        for each in (lie.raw, *answer.records):
            issuer = read(each).header.issuer
            assert page.add(each, issuer, answer.identities.get(issuer, ()))
        return page.encode(more=False)

    assert said(harbour, "refused") == set()
    network.spoil = {messages.RECORDS: forged}
    for number in (1, 2):
        slip_in(river, note(river, pact))
        harbour.sync()
        with harbour.node.store.read() as reading:
            found = refusals.of(reading, river.organisation.id)
            assert found.counts == {code: number}
            assert refusals.of_all(reading) == {code: number}
    network.heal()
    assert said(harbour, "refused") == {"warning"}
    assert said(river, "refused") == set()
    network.advance(timedelta(days=1))
    assert said(harbour, "refused") == set()


def test_a_peer_brings_about_so_many_codes_and_no_more(tmp_path: Path) -> None:
    house = Network(tmp_path).found(RIVER, "River Bank plc")
    refusals.note(house.node, house.organisation.id, [f"record.{n}" for n in range(100)])
    refusals.note(house.node, house.organisation.id, ["record.3", "record.77"])
    with house.node.store.read() as reading:
        found = refusals.of(reading, house.organisation.id)
    assert (len(found.counts), found.total) == (41, 102)
    assert (found.counts["record.3"], found.counts[refusals.OTHERS]) == (2, 61)


@pytest.mark.parametrize("raw", [b"", b"no certificate", None])
def test_a_file_that_is_no_certificate_ends_never(tmp_path: Path, raw: bytes | None) -> None:
    path = tmp_path / "c.pem"
    if raw is not None:
        path.write_bytes(raw)
    assert certificate_ends(path) is None


def test_the_first_certificate_of_a_file_is_watched() -> None:
    with made_certificate() as (certificate, key):
        ends = certificate_ends(certificate)
        assert ends is not None
        assert timedelta(minutes=50) < ends - datetime.now(UTC) < timedelta(minutes=61)
        assert certificate_ends(key) is None
