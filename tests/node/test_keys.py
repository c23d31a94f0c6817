"""Keys that change: peers follow the chain, old keys are let in nowhere, kills leave a node."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from allied.adapters import disk
from allied.errors import AlliedError, ConflictError, NotAuthorisedError, UnverifiedError
from allied.node import agreements, keys, peers, renewals
from allied.node.node import hosted
from allied.node.people import list_people
from allied.record.identity import open_chain, recovered, rotated
from allied.record.keys import PrivateKey
from tests.node.fragile import Fragile, Fuse, Killed
from tests.node.hands import DEMO, HARBOUR, NORTHGATE, RIVER, allied, attack, folded, state
from tests.node.network import PASSPHRASE, House, Network


def recovery_of(house: House) -> str:
    """Where the recovery file of a house lies."""
    root = Path(house.node.vault._folder).parent  # type: ignore[attr-defined]
    return str(root.with_name(f"{root.name}-recovery-{house.label}.txt"))


def again(house: House) -> House:
    """The house with its organisation as the database has it now."""
    with house.node.store.read() as reading:
        house.organisation = hosted(reading, house.label)
    return house


def rotate(house: House, *purposes: str, **more: Any) -> keys.Renewed:
    made = keys.rotate(
        house.node,
        house.organisation,
        recovery=recovery_of(house),
        passphrase=PASSPHRASE,
        purposes=purposes,  # type: ignore[arg-type]
        **more,
    )
    again(house)
    return made


def recover(house: House, passphrase: str = PASSPHRASE, after: int | None = None) -> keys.Renewed:
    made = keys.recover(
        house.node,
        house.organisation,
        recovery=recovery_of(house),
        passphrase=passphrase,
        after=after,
    )
    again(house)
    return made


def chain_of(house: House, other: House) -> list[bytes]:
    with house.node.store.read() as reading:
        return list(reading.descriptors(other.organisation.id))


def present(house: House) -> dict[str, str]:
    found = keys.list_keys(house.node, house.organisation)
    return {each.purpose: each.id for each in found if each.state != "retired"}


def problems(house: House) -> set[str]:
    return {each.problem for each in house.sync() if each.problem}


# --- rotating -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chosen",
    [
        pytest.param((), id="the key for acts alone"),
        pytest.param(("transport",), id="with transport"),
        pytest.param(("sealing",), id="with sealing"),
        pytest.param(("automatic",), id="with automatic"),
        pytest.param(("automatic", "sealing", "transport"), id="all"),
    ],
)
def test_a_rotation_changes_what_was_asked_for(tmp_path: Path, chosen: tuple[str, ...]) -> None:
    house = Network(tmp_path).found(RIVER, "River Bank plc")
    before = present(house)
    made = rotate(house, *chosen)
    after = present(house)
    changed = {purpose for purpose in before if before[purpose] != after[purpose]}
    assert changed == {"acts", "next", *chosen}
    assert made.changed == tuple(sorted({"acts", *chosen}))
    assert after["acts"] == before["next"]
    assert (made.descriptor, made.incarnation) == (2, 0)
    for purpose in ("acts", "automatic", "transport"):
        signer = house.keys.signer(house.organisation.id, purpose)
        assert signer.public.key_id == after[purpose], "unlocked keys follow at once"
    assert rotate(house).descriptor == 3


def test_what_was_signed_before_stays_signed_and_partners_follow(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    rotate(river, "automatic")
    agreements.ratify(river.node, river.actor, pact)
    network.settle()
    assert chain_of(harbour, river) == chain_of(river, river)  # along with the record
    network.advance(renewals.EVERY)
    network.settle()
    for house in (harbour, northgate):
        assert chain_of(house, river) == chain_of(river, river)
        found = folded(house, pact)
        mine = [r for r in found.history.order if r.header.issuer == river.organisation.id]
        assert len({r.header.key for r in mine if r.header.kind != "receipt"}) == 2
        assert all(found.state.verdicts[each.id].effect for each in mine)


def test_the_old_transport_key_is_let_in_nowhere(tmp_path: Path) -> None:
    network, _ = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    old = river.keys.signer(river.organisation.id, "transport").public.key_id
    assert old in (harbour.answers.listener_keys(river.organisation.id) or {})  # the twin
    rotate(river, "transport")
    assert problems(river) == {"peer.not-found"}  # nobody knows the new one yet
    assert problems(harbour) == set()  # its question is answered under the new key
    known = harbour.answers.listener_keys(river.organisation.id) or {}
    assert set(known) == {present(river)["transport"]}
    network.settle()
    assert problems(river) == set()


@pytest.mark.parametrize(
    "ahead",
    [
        pytest.param(timedelta(), id="a right clock"),
        pytest.param(timedelta(days=60), id="one that was ahead when they were asked last"),
    ],
)
def test_a_peer_that_nothing_failed_with_learns_of_it_within_the_hour(
    ahead: timedelta, tmp_path: Path
) -> None:
    network, _ = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    now = network.clock.now()
    network.advance(ahead)
    harbour.sync()
    rotate(river, "sealing")
    harbour.sync()
    assert len(chain_of(harbour, river)) == 1
    network.clock.set(now + renewals.EVERY)
    harbour.sync()
    assert chain_of(harbour, river) == chain_of(river, river)


def test_a_peer_that_seals_to_a_key_that_is_gone_learns_the_new_one_at_once(
    tmp_path: Path,
) -> None:
    network, _ = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    rotate(river, "sealing")
    usual = harbour.node.peers

    class Sealed:
        """What River answers where it has thrown its old key away."""

        def ask(self, speaker: Any, listener: Any, *rest: Any, **limits: Any) -> bytes:
            now = open_chain(chain_of(river, river)).key("sealing")
            if listener.organisation == river.organisation.id and listener.sealing != now:
                raise UnverifiedError("peer.sealing-key", "it does not have that key")
            return usual.ask(speaker, listener, *rest, **limits)

        def __getattr__(self, name: str) -> Any:
            return getattr(usual, name)

    harbour.node = replace(harbour.node, peers=Sealed())
    assert problems(harbour) == set()
    assert chain_of(harbour, river) == chain_of(river, river)


def test_an_answer_under_keys_that_prove_nothing_is_not_believed(tmp_path: Path) -> None:
    """Somebody else answers at the address: its chain is another's, or does not hold."""
    network, _ = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    forged = PrivateKey.from_seed("ed25519", b"f" * 32)

    class Forger:
        def signer(self, organisation: object, purpose: str) -> PrivateKey:  # noqa: ARG002
            return forged

    river.answers._keys = Forger()  # type: ignore[assignment]
    assert "peer.bad-signature" in problems(harbour)
    assert len(chain_of(harbour, river)) == 1


# --- what the recovery file is for ----------------------------------------------------------


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param(lambda path: path.unlink(), "keys.no-recovery-file", id="gone"),
        pytest.param(lambda path: path.write_text("keys"), "keys.not-a-recovery-file", id="none"),
        pytest.param(
            lambda path: path.write_text(path.read_text().replace("next ", "nest ")),
            "keys.recovery-file-old",
            id="without the next key",
        ),
        pytest.param(
            lambda path: path.write_bytes(b"x" * 70_000), "keys.not-a-recovery-file", id="too long"
        ),
    ],
)
def test_without_its_recovery_file_nothing_changes(
    tmp_path: Path, spoil: Callable[[Path], object], code: str
) -> None:
    house = Network(tmp_path).found(RIVER, "River Bank plc")
    path = Path(recovery_of(house))
    sound = path.read_bytes()
    before = present(house)
    spoil(path)
    with pytest.raises(AlliedError) as refusal:
        rotate(house)
    assert refusal.value.code == code
    assert present(house) == before
    path.write_bytes(sound)
    rotate(house)  # the twin
    assert present(house) != before


def test_anothers_recovery_file_and_an_older_one_are_refused(tmp_path: Path) -> None:
    network = Network(tmp_path)
    river, harbour = network.found(RIVER, "River Bank plc"), network.found(HARBOUR, "Harbour SA")
    path = Path(recovery_of(river))
    old = path.read_bytes()
    path.write_bytes(Path(recovery_of(harbour)).read_bytes())
    with pytest.raises(ConflictError) as refusal:
        rotate(river)
    assert refusal.value.code == "keys.recovery-file-other"
    path.write_bytes(old)
    rotate(river)
    path.write_bytes(old)
    with pytest.raises(ConflictError) as refusal:
        rotate(river)
    assert refusal.value.code == "keys.recovery-file-old"


def test_the_key_for_acts_is_not_chosen_and_a_wrong_passphrase_changes_nothing(
    tmp_path: Path,
) -> None:
    house = Network(tmp_path).found(RIVER, "River Bank plc")
    with pytest.raises(AlliedError) as refusal:
        rotate(house, "acts")
    assert refusal.value.code == "keys.not-rotated-alone"
    with pytest.raises(NotAuthorisedError) as locked:
        keys.rotate(house.node, house.organisation, recovery=recovery_of(house), passphrase="wrong")
    assert locked.value.code == "keys.wrong-passphrase"
    assert rotate(house).descriptor == 2


# --- recovering ---------------------------------------------------------------------------


def test_lost_keys_are_taken_back_under_a_new_passphrase(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    (tmp_path / RIVER / "keys" / f"{river.organisation.id}.json").unlink()
    made = recover(river, "another passphrase")
    assert (made.descriptor, made.incarnation) == (2, 1)
    assert made.changed == ("acts", "automatic", "sealing", "transport")
    river.keys = river.node.vault.unlock("another passphrase")
    river.answers._keys = river.keys
    network.settle()
    assert chain_of(harbour, river) == chain_of(river, river)
    assert problems(river) == set()
    attack(river, pact)
    network.settle()
    mine = [
        each
        for each in folded(harbour, pact).history.order
        if each.header.issuer == river.organisation.id and each.header.incarnation == 1
    ]
    assert mine
    assert all(state(harbour, pact).verdicts[each.id].effect for each in mine)
    assert rotate_after(river, "another passphrase").descriptor == 3


def rotate_after(house: House, passphrase: str) -> keys.Renewed:
    return keys.rotate(
        house.node, house.organisation, recovery=recovery_of(house), passphrase=passphrase
    )


# --- killed -------------------------------------------------------------------------------


def writes(monkeypatch: pytest.MonkeyPatch, house: House, fuse: Fuse) -> House:
    """The house with a process that dies right before or right after one of its writes."""
    put = disk.put

    def fragile(path: Path, raw: bytes, *, replace: bool) -> None:
        fuse.burn()
        put(path, raw, replace=replace)
        fuse.burn()

    monkeypatch.setattr(disk, "put", fragile)
    return replace(house, node=replace(house.node, store=Fragile(house.node.store, fuse)))


@pytest.mark.parametrize("verb", ["rotate", "recover"])
def test_killed_at_any_write_the_node_works_and_goes_on(
    tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the old keys or the new ones, and the same verb again comes to its end."""
    reached = 0
    for left in range(40):
        house = Network(tmp_path / str(left)).found(RIVER, "River Bank plc")
        change = rotate if verb == "rotate" else recover
        with monkeypatch.context() as patch:
            dying = writes(patch, house, Fuse(left))
            try:
                change(dying)
            except Killed:
                reached += 1
            else:
                break
        works(house)
        number = len(chain_of(house, house))
        assert change(house).descriptor == number + 1
        works(house)
        assert rotate(house).descriptor == number + 2
    else:
        raise AssertionError("it was never left alive")
    assert reached >= 8  # four files and a unit, before and after


def works(house: House) -> None:
    """Freshly unlocked keys are those of the chain, all of them."""
    opened = house.node.vault.unlock(PASSPHRASE)
    current = open_chain(chain_of(house, house)).current
    for purpose in ("acts", "automatic", "transport"):
        found = opened.signer(house.organisation.id, purpose).public.key_id
        assert found == current.keys[purpose].public.key_id
    assert list_people(house.node, house.organisation)


# --- two continuations --------------------------------------------------------------------


def another_continuation(house: House) -> bytes:
    """What a thief of the next key would write: a second descriptor of its own."""
    first = open_chain(chain_of(house, house)[:1])
    _, secrets = house.node.vault.read_recovery(recovery_of(house))
    stolen = PrivateKey.from_seed("ed25519", secrets["next"])
    return rotated(
        first,
        acts=stolen,
        next_key=PrivateKey.from_seed("ed25519", b"t" * 32).public,
        keys={"transport": PrivateKey.from_seed("ed25519", b"x" * 32).public},
    )


def test_a_peer_that_sees_two_continuations_freezes_and_a_recovery_ends_it(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    theirs = another_continuation(river)
    with harbour.node.store.write() as writing:
        renewals.taken(writing, river.organisation.id, [*chain_of(river, river), theirs])
    rotate(river)
    agreements.ratify(river.node, river.actor, pact)
    before = agreements.show(harbour.node, pact).records
    network.advance(renewals.EVERY)
    assert "peer.identity-forked" in problems(harbour)
    assert problems(northgate) == set()  # the twin: it has seen one of them only
    assert chain_of(harbour, river)[1] == theirs, "no side is taken"
    assert harbour.answers.listener_keys(river.organisation.id) is None
    with harbour.node.store.read() as reading, pytest.raises(UnverifiedError) as refusal:
        peers.require_confirmed(reading, river.organisation.id)
    assert refusal.value.code == "peer.identity-forked"
    outcomes = [each for each in harbour.sync() if each.peer == NORTHGATE]
    assert {code for each in outcomes for code in each.refused} == set()
    assert agreements.show(harbour.node, pact).records == before + 1, "others rest on it by now"

    recover(river, after=1)  # both go on from the first descriptor: only a recovery ends it
    network.advance(renewals.EVERY)
    network.settle()
    assert chain_of(harbour, river) == chain_of(river, river)
    with harbour.node.store.read() as reading:
        peers.require_confirmed(reading, river.organisation.id)
    assert problems(harbour) == problems(river) == set()


@pytest.mark.parametrize(
    ("after", "code"),
    [(0, "keys.no-such-descriptor"), (3, "keys.no-such-descriptor"), (1, "keys.life-used")],
)
def test_a_recovery_goes_on_behind_a_descriptor_that_there_is(
    tmp_path: Path, after: int, code: str
) -> None:
    house = Network(tmp_path).found(RIVER, "River Bank plc")
    recover(house)
    with pytest.raises(AlliedError) as refusal:
        recover(house, after=after)
    assert refusal.value.code == code
    assert recover(house, after=2).incarnation == 2


def test_a_recovery_beats_a_rotation_and_two_recoveries_stay_with_people(tmp_path: Path) -> None:
    network = Network(tmp_path)
    river, harbour = network.found(RIVER, "River Bank plc"), network.found(HARBOUR, "Harbour SA")
    network.introduce_all()
    theirs = another_continuation(river)
    first = open_chain(chain_of(river, river))
    _, secrets = river.node.vault.read_recovery(recovery_of(river))
    back = PrivateKey.from_seed("ed25519", secrets["recovery"])

    def taken_back(byte: bytes) -> bytes:
        return recovered(
            first,
            recovery=back,
            keys={"acts": PrivateKey.from_seed("ed25519", byte * 32).public},
            next_key=PrivateKey.from_seed("ed25519", b"n" * 32).public,
            recovery_key=PrivateKey.from_seed("ed25519", b"r" * 32).public,
        )

    mine, other = taken_back(b"1"), taken_back(b"2")
    whose = river.organisation.id
    with harbour.node.store.write() as writing:
        renewals.taken(writing, whose, [*first.raws, theirs])
        renewals.taken(writing, whose, [*first.raws, mine])
        assert list(writing.descriptors(whose)) == [*first.raws, mine]
        renewals.taken(writing, whose, [*first.raws, theirs])
        assert list(writing.descriptors(whose)) == [*first.raws, mine]
        assert renewals.parting(writing, whose) is None
        renewals.taken(writing, whose, [*first.raws, other])
        assert renewals.parting(writing, whose) == renewals.Parting(1, other)
        with pytest.raises(UnverifiedError):
            renewals.taken(writing, harbour.organisation.id, first.raws)


# --- the fence ----------------------------------------------------------------------------


def test_no_key_opens_over_a_database_that_was_put_back(tmp_path: Path) -> None:
    network = Network(tmp_path)
    river = network.found(RIVER, "River Bank plc")
    network.found(HARBOUR, "Harbour Logistics SA")
    network.found(NORTHGATE, "Northgate CERT")
    network.introduce_all()
    proposal = agreements.prepare(river.node, river.organisation, DEMO, "pact.yaml", {})
    made = agreements.propose(river.node, river.actor, proposal)
    river.node.vault.unlock(PASSPHRASE)  # the twin
    engine = river.node.store.engine  # type: ignore[attr-defined]
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE counters SET value = 0 WHERE name LIKE 'appended:%'")
    with pytest.raises(ConflictError) as refusal:
        river.node.vault.unlock(PASSPHRASE)
    assert refusal.value.code == "store.older-than-fence"
    river.node.vault.unlock(PASSPHRASE, unguarded=True)
    assert made.alias
