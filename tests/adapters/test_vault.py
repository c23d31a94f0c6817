"""Keys at rest: who opens them, what a changed file says, and what others may read of it."""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from argon2.low_level import hash_secret_raw
from hypothesis import HealthCheck, given, settings, strategies as st

from allied.adapters.clock import SystemChance
from allied.adapters.sealed import ALMOST_NONE_FOR_TESTS, RFC_9106
from allied.adapters.vault import FileVault
from allied.errors import (
    AlliedError,
    ConflictError,
    MalformedError,
    NotAuthorisedError,
    UnverifiedError,
    UsageError,
)
from allied.record.ids import AgreementId, KeyId, OrganisationId
from allied.record.keys import PrivateKey, derive_seed, verify
from tests.adapters.contract.rows import HARBOUR, PACT, RIVER, TREATY

SEEDS = {
    purpose: bytes([n]) * 32
    for n, purpose in enumerate(("acts", "automatic", "transport", "sealing"), start=1)
}
OPEN_SESAME = "open sesame äö"


def vault(tmp_path: Path) -> FileVault:
    return FileVault(
        tmp_path / "node" / "keys", chance=SystemChance(), hardness=ALMOST_NONE_FOR_TESTS
    )


@pytest.fixture
def river(tmp_path: Path) -> FileVault:
    """A vault with one organisation and one person, under one passphrase."""
    (tmp_path / "node").mkdir()
    found = vault(tmp_path)
    found.add_organisation(RIVER, SEEDS, OPEN_SESAME)
    found.add_person(RIVER, "anna", b"a" * 32, OPEN_SESAME)
    return found


def key_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "node" / "keys").rglob("*.json"))


@pytest.mark.parametrize("purpose", ["acts", "automatic", "transport"])
def test_a_key_signs_as_the_seed_it_was_made_from(river: FileVault, purpose: str) -> None:
    signer = river.unlock(OPEN_SESAME).signer(RIVER, purpose)
    assert signer.public == PrivateKey.from_seed("ed25519", SEEDS[purpose]).public
    assert verify(signer.public, b"message", signer.sign(b"message"))


@pytest.mark.parametrize(
    ("organisation", "purpose", "code"),
    [
        pytest.param(RIVER, "acts", "", id="a key that is open"),
        pytest.param(RIVER, "sealing", "keys.locked", id="a key that signs nothing"),
        pytest.param(RIVER, "unheard-of", "keys.locked", id="an unknown purpose"),
        pytest.param(HARBOUR, "acts", "keys.locked", id="an organisation that is not here"),
    ],
)
def test_only_open_keys_sign(
    river: FileVault, organisation: OrganisationId, purpose: str, code: str
) -> None:
    keys = river.unlock(OPEN_SESAME)
    if not code:
        assert keys.signer(organisation, purpose).sign(b"m")
        return
    with pytest.raises(NotAuthorisedError) as refusal:
        keys.signer(organisation, purpose)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param("open sesame ao", id="without the dots"),
        pytest.param("OPEN SESAME ÄÖ", id="in capitals"),
        pytest.param(OPEN_SESAME + " ", id="with a space behind"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_wrong_passphrase_opens_nothing(river: FileVault, wrong: str) -> None:
    river.unlock(OPEN_SESAME)  # the twin that passes
    with pytest.raises(NotAuthorisedError) as refusal:
        river.unlock(wrong)
    assert refusal.value.code == "keys.wrong-passphrase"
    assert wrong not in str(refusal.value) or not wrong


def test_a_folder_without_keys_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refusal:
        vault(tmp_path).unlock(OPEN_SESAME)
    assert refusal.value.code == "keys.none"


# --- people -----------------------------------------------------------------------------


def test_a_person_has_another_key_in_each_agreement(river: FileVault) -> None:
    keys = river.unlock(OPEN_SESAME)
    pact, treaty = keys.person(RIVER, "anna", PACT), keys.person(RIVER, "anna", TREATY)
    assert pact == keys.person(RIVER, "anna", PACT) or pact.person == pact.signer.public.key_id[:32]
    assert len({pact.person, treaty.person}) == 2
    expected = PrivateKey.from_seed("ed25519", derive_seed(b"a" * 32, f"person:{PACT}"))
    assert pact.signer.public == expected.public
    assert pact.person == expected.public.key_id[:32]
    assert verify(pact.signer.public, b"m", pact.signer.sign(b"m"))


@pytest.mark.parametrize(
    ("passphrase", "label", "opens"),
    [
        pytest.param(OPEN_SESAME, "anna", True, id="under the organisation's passphrase"),
        pytest.param("bella's own", "bella", True, id="under her own passphrase"),
        pytest.param(OPEN_SESAME, "bella", False, id="her own is another"),
        pytest.param(OPEN_SESAME, "clara", False, id="nobody of that name"),
        pytest.param(OPEN_SESAME, "../anna", False, id="a name that is a path"),
    ],
)
def test_a_persons_key_opens_under_the_passphrase_it_was_made_with(
    river: FileVault, passphrase: str, label: str, opens: bool
) -> None:
    river.add_person(RIVER, "bella", b"b" * 32, "bella's own")
    keys = river.unlock(passphrase)
    if opens:
        assert keys.person(RIVER, label, PACT).person
        return
    with pytest.raises(NotAuthorisedError) as refusal:
        keys.person(RIVER, label, PACT)
    assert refusal.value.code == "keys.person-locked"


def test_a_persons_own_passphrase_does_not_open_the_organisation(river: FileVault) -> None:
    river.add_person(RIVER, "bella", b"b" * 32, "bella's own")
    keys = river.unlock("bella's own")
    with pytest.raises(NotAuthorisedError) as refusal:
        keys.signer(RIVER, "acts")
    assert refusal.value.code == "keys.locked"
    with pytest.raises(NotAuthorisedError) as sealed:
        keys.unseal(RIVER, KeyId("0" * 64), b"sealed", b"context")
    assert sealed.value.code == "keys.locked"
    with pytest.raises(UnverifiedError) as other:  # the twin: it is open, and another one
        river.unlock(OPEN_SESAME).unseal(RIVER, KeyId("0" * 64), b"sealed", b"context")
    assert other.value.code == "sealing.other-key"


@pytest.mark.parametrize(
    ("label", "code"),
    [
        pytest.param("bella-2", "", id="letters, digits, hyphens"),
        pytest.param("anna", "keys.exist", id="a name that is taken"),
        pytest.param("", "keys.label", id="nothing"),
        pytest.param("../bella", "keys.label", id="a path"),
        pytest.param("b" * 65, "keys.label", id="too long"),
        pytest.param("bella\n", "keys.label", id="a line break"),
    ],
)
def test_what_a_person_may_be_called(river: FileVault, label: str, code: str) -> None:
    if not code:
        river.add_person(RIVER, label, b"b" * 32, OPEN_SESAME)
        return
    with pytest.raises(AlliedError) as refusal:
        river.add_person(RIVER, label, b"b" * 32, OPEN_SESAME)
    assert refusal.value.code == code


# --- what one unlocking costs -----------------------------------------------------------


@pytest.mark.parametrize(
    ("passphrases", "locks"),
    [
        pytest.param([OPEN_SESAME] * 4, 1, id="one passphrase for all"),
        pytest.param([OPEN_SESAME, OPEN_SESAME, "own", "own"], 3, id="two of their own"),
    ],
)
def test_files_of_one_passphrase_share_one_lock(
    tmp_path: Path, passphrases: list[str], locks: int
) -> None:
    found = vault(tmp_path)
    found.add_organisation(RIVER, SEEDS, passphrases[0])
    vault(tmp_path).add_organisation(HARBOUR, SEEDS, passphrases[1])
    vault(tmp_path).add_person(RIVER, "anna", b"a" * 32, passphrases[2])
    found.add_person(HARBOUR, "anna", b"a" * 32, passphrases[3])
    salts = {json.loads(path.read_text())["lock"]["salt"] for path in key_files(tmp_path)}
    assert len(salts) == locks


def test_unlocking_derives_once_however_many_keys(
    tmp_path: Path, river: FileVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    river.add_organisation(HARBOUR, SEEDS, OPEN_SESAME)
    derived: list[int] = []

    def counting(**options: Any) -> bytes:
        derived.append(options["memory_cost"])
        return hash_secret_raw(**options)

    monkeypatch.setattr("allied.adapters.sealed.hash_secret_raw", counting)
    keys = vault(tmp_path).unlock(OPEN_SESAME)
    keys.signer(HARBOUR, "acts")
    keys.person(RIVER, "anna", PACT)
    keys.person(RIVER, "anna", TREATY)
    assert len(derived) == 1


def test_new_keys_are_as_hard_to_guess_as_the_rfc_recommends(tmp_path: Path) -> None:
    assert (RFC_9106.memory, RFC_9106.passes, RFC_9106.lanes) == (65_536, 3, 4)
    real = FileVault(tmp_path / "keys", chance=SystemChance())
    real.add_organisation(RIVER, SEEDS, OPEN_SESAME)
    (path,) = (tmp_path / "keys").glob("*.json")
    lock = json.loads(path.read_text())["lock"]
    assert (lock["memory_kib"], lock["passes"], lock["lanes"]) == (65_536, 3, 4)
    keys = FileVault(tmp_path / "keys", chance=SystemChance()).unlock(OPEN_SESAME)
    assert keys.signer(RIVER, "acts").sign(b"m")


# --- what lies on the disk --------------------------------------------------------------


def test_key_files_are_for_their_owner_alone(river: FileVault, tmp_path: Path) -> None:
    folders = [path for path in (tmp_path / "node" / "keys").rglob("*") if path.is_dir()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in key_files(tmp_path)} == {0o600}
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    assert len(key_files(tmp_path)) == 2, "and nothing temporary stays"
    assert not list(tmp_path.rglob(".*"))


def test_no_seed_lies_in_the_clear(river: FileVault, tmp_path: Path) -> None:
    written = b"".join(path.read_bytes() for path in key_files(tmp_path))
    for seed in [*SEEDS.values(), b"a" * 32]:
        assert seed not in written
        assert seed.hex().encode() not in written
    assert OPEN_SESAME.encode() not in written


def test_keys_are_never_replaced(river: FileVault, tmp_path: Path) -> None:
    before = [path.read_bytes() for path in key_files(tmp_path)]
    with pytest.raises(ConflictError) as refusal:
        river.add_organisation(RIVER, {"acts": b"z" * 32}, OPEN_SESAME)
    assert refusal.value.code == "keys.exist"
    assert [path.read_bytes() for path in key_files(tmp_path)] == before


@pytest.mark.parametrize(
    ("organisation", "seeds", "code"),
    [
        pytest.param("../../etc", SEEDS, "keys.organisation", id="an id that is a path"),
        pytest.param(HARBOUR, {"acts": b"short"}, "keys.seed", id="a short seed"),
        pytest.param(HARBOUR, {"fun": b"a" * 32}, "keys.purpose", id="an unknown purpose"),
    ],
)
def test_nothing_is_written_for_what_is_refused(
    river: FileVault, tmp_path: Path, organisation: str, seeds: Mapping[str, bytes], code: str
) -> None:
    before = key_files(tmp_path)
    with pytest.raises(UsageError) as refusal:
        river.add_organisation(OrganisationId(organisation), seeds, OPEN_SESAME)
    assert refusal.value.code == code
    assert key_files(tmp_path) == before


CHANGES: dict[str, Any] = {
    "truncated": lambda raw: raw[: len(raw) // 2],
    "emptied": lambda _: b"",
    "not JSON": lambda _: b"{" * 100_000,
    "a list": lambda _: b"[]",
    "too long": lambda raw: raw + b" " * 70_000,
    "another format": lambda raw: raw.replace(b"allied-keys/1", b"allied-keys/9"),
    "another's": lambda raw: raw.replace(RIVER.encode(), HARBOUR.encode()),
    "a purpose renamed": lambda raw: raw.replace(b'"automatic"', b'"automated"'),
    "two purposes swapped": lambda raw: (
        raw.replace(b'"acts"', b'"?"')
        .replace(b'"transport"', b'"acts"')
        .replace(b'"?"', b'"transport"')
    ),
    "memory past the limit": lambda raw: raw.replace(
        b'"memory_kib": 8', b'"memory_kib": 999999999999'
    ),
    "no passes": lambda raw: raw.replace(b'"passes": 1', b'"passes": 0'),
    "a seed that is no text": lambda raw: edited(raw, lambda d: d["seeds"].update(acts=7)),
    "a seed that is no base64": lambda raw: edited(raw, lambda d: d["seeds"].update(acts="ä")),
    "a seed cut short": lambda raw: edited(raw, lambda d: d["seeds"].update(acts="AAAA")),
    "no seeds": lambda raw: edited(raw, lambda d: d["seeds"].clear()),
    "a short salt": lambda raw: edited(raw, lambda d: d["lock"].update(salt="AAAA")),
    "no lock": lambda raw: edited(raw, lambda d: d.pop("lock")),
}


def edited(raw: bytes, change: Any) -> bytes:
    document = json.loads(raw)
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_key_file_is_said_to_be_damaged(
    river: FileVault, tmp_path: Path, change: Any
) -> None:
    path = tmp_path / "node" / "keys" / f"{RIVER}.json"
    before = path.read_bytes()
    assert change(before) != before
    path.write_bytes(change(before))
    with pytest.raises(MalformedError) as refusal:
        vault(tmp_path).unlock(OPEN_SESAME)
    assert refusal.value.code == "keys.damaged"
    assert refusal.value.__cause__ is None or RIVER[:8] in str(refusal.value)
    path.write_bytes(before)
    vault(tmp_path).unlock(OPEN_SESAME)


def test_a_changed_salt_looks_like_a_wrong_passphrase(river: FileVault, tmp_path: Path) -> None:
    path = tmp_path / "node" / "keys" / f"{RIVER}.json"
    (tmp_path / "node" / "keys" / "people" / RIVER / "anna.json").unlink()
    path.write_bytes(edited(path.read_bytes(), lambda d: d["lock"].update(salt="A" * 22 + "==")))
    with pytest.raises(NotAuthorisedError) as refusal:
        vault(tmp_path).unlock(OPEN_SESAME)
    assert refusal.value.code == "keys.wrong-passphrase"


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_flipped_byte_gives_another_key(
    river: FileVault, tmp_path: Path, data: st.DataObject
) -> None:
    path = tmp_path / "node" / "keys" / f"{RIVER}.json"
    before = path.read_bytes()
    place = data.draw(st.integers(0, len(before) - 1))
    flip = data.draw(st.integers(1, 255))
    path.write_bytes(before[:place] + bytes([before[place] ^ flip]) + before[place + 1 :])
    try:
        keys = vault(tmp_path).unlock(OPEN_SESAME)
        for purpose in ("acts", "automatic", "transport"):
            signer = keys.signer(RIVER, purpose)
            assert signer.public == PrivateKey.from_seed("ed25519", SEEDS[purpose]).public
    except AlliedError as refusal:
        assert refusal.code in {"keys.damaged", "keys.wrong-passphrase", "keys.locked"}  # noqa: PT017
    finally:
        path.write_bytes(before)


def test_a_persons_file_put_in_anothers_place_does_not_open(
    river: FileVault, tmp_path: Path
) -> None:
    folder = tmp_path / "node" / "keys" / "people" / RIVER
    (folder / "bella.json").write_bytes((folder / "anna.json").read_bytes())
    with pytest.raises(MalformedError) as refusal:
        river.unlock(OPEN_SESAME).person(RIVER, "bella", AgreementId(PACT))
    assert refusal.value.code == "keys.damaged"


# --- the recovery file ------------------------------------------------------------------


def test_the_recovery_file_lies_outside_the_data_folder(river: FileVault, tmp_path: Path) -> None:
    secrets = {"next": b"n" * 32, "recovery": b"r" * 32}
    path = Path(river.write_recovery(RIVER, "river", secrets))
    assert path == tmp_path / "node-recovery-river.txt"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert RIVER in text
    for secret in secrets.values():
        assert secret.hex() in text.replace(" ", "")


def test_a_recovery_file_is_never_replaced(river: FileVault, tmp_path: Path) -> None:
    first = Path(river.write_recovery(RIVER, "river", {"next": b"1" * 32}))
    before = first.read_bytes()
    second = Path(river.write_recovery(RIVER, "river", {"next": b"2" * 32}))
    assert second == tmp_path / "node-recovery-river-2.txt"
    assert first.read_bytes() == before
    with pytest.raises(UsageError) as refusal:
        river.write_recovery(RIVER, "../river", {})
    assert refusal.value.code == "keys.label"


def test_nothing_shows_a_key_by_accident(river: FileVault) -> None:
    keys = river.unlock(OPEN_SESAME)
    shown = f"{keys!r} {keys.signer(RIVER, 'acts')!r} {keys.person(RIVER, 'anna', PACT)!r}"
    assert "sesame" not in shown
    for seed in SEEDS.values():
        assert repr(seed) not in shown
        assert seed.hex() not in shown


# --- keys that change ---------------------------------------------------------------------

NEW = {purpose: bytes([n]) * 32 for n, purpose in enumerate(SEEDS, start=65)}


def named_by(seeds: Mapping[str, bytes]) -> dict[str, KeyId]:
    algs = {purpose: "x25519" if purpose == "sealing" else "ed25519" for purpose in seeds}
    return {
        purpose: PrivateKey.from_seed(algs[purpose], seed).public.key_id
        for purpose, seed in seeds.items()
    }


class Chain:
    """What an identity chain names, as a test wants it."""

    def __init__(self, seeds: Mapping[str, bytes]) -> None:
        self.seeds = seeds

    def __call__(self, organisation: OrganisationId) -> Mapping[str, KeyId]:
        return named_by(self.seeds) if organisation == RIVER else {}


def following(tmp_path: Path, chain: Chain) -> FileVault:
    (tmp_path / "node").mkdir(exist_ok=True)
    return FileVault(
        tmp_path / "node" / "keys",
        chance=SystemChance(),
        hardness=ALMOST_NONE_FOR_TESTS,
        named=chain,
    )


def acts_of(vault: FileVault, passphrase: str = OPEN_SESAME) -> bytes:
    public = vault.unlock(passphrase).signer(RIVER, "acts").public
    return next(
        seed
        for seed in (SEEDS["acts"], NEW["acts"])
        if PrivateKey.from_seed("ed25519", seed).public == public
    )


def test_staged_keys_count_as_soon_as_the_chain_names_them_and_not_before(tmp_path: Path) -> None:
    chain = Chain(SEEDS)
    vault = following(tmp_path, chain)
    vault.add_organisation(RIVER, SEEDS, OPEN_SESAME)
    keys = vault.unlock(OPEN_SESAME)
    vault.stage(RIVER, NEW, OPEN_SESAME)
    assert acts_of(vault) == SEEDS["acts"]
    chain.seeds = NEW
    assert acts_of(vault) == NEW["acts"]
    assert (
        keys.signer(RIVER, "acts").public == PrivateKey.from_seed("ed25519", NEW["acts"]).public
    ), "keys that were unlocked before follow"
    vault.promote(RIVER, keep_sealing=True)
    assert acts_of(vault) == NEW["acts"]
    document = json.loads((tmp_path / "node" / "keys" / f"{RIVER}.json").read_text())
    assert "coming" not in document
    assert [list(each["seeds"]) for each in document["kept"]] == [["sealing"]]
    vault.promote(RIVER, keep_sealing=True)  # once more changes nothing
    assert len(document["kept"]) == 1


def test_what_is_not_given_stays_and_another_passphrase_changes_everything(tmp_path: Path) -> None:
    chain = Chain(SEEDS)
    vault = following(tmp_path, chain)
    vault.add_organisation(RIVER, SEEDS, OPEN_SESAME)
    with pytest.raises(NotAuthorisedError) as refusal:
        vault.stage(RIVER, {"acts": NEW["acts"]}, "another")
    assert refusal.value.code == "keys.wrong-passphrase"
    vault.stage(RIVER, {"acts": NEW["acts"]}, OPEN_SESAME)
    chain.seeds = {**SEEDS, "acts": NEW["acts"]}
    assert acts_of(vault) == NEW["acts"]
    vault.stage(RIVER, NEW, "another")  # a whole set needs no old passphrase
    chain.seeds = NEW
    assert acts_of(vault, "another") == NEW["acts"]


def test_keys_that_the_chain_does_not_name_sign_nothing(tmp_path: Path) -> None:
    chain = Chain(SEEDS)
    vault = following(tmp_path, chain)
    vault.add_organisation(RIVER, SEEDS, OPEN_SESAME)
    assert acts_of(vault) == SEEDS["acts"]  # the twin
    chain.seeds = NEW
    with pytest.raises(NotAuthorisedError) as refusal:
        vault.unlock(OPEN_SESAME).signer(RIVER, "acts")
    assert refusal.value.code == "keys.not-in-chain"


def test_nothing_is_unlocked_while_the_guard_says_no(tmp_path: Path) -> None:
    vault = following(tmp_path, Chain(SEEDS))
    vault.add_organisation(RIVER, SEEDS, OPEN_SESAME)

    def guard() -> None:
        raise ConflictError("store.restored", "not yet")

    guarded = FileVault(tmp_path / "node" / "keys", chance=SystemChance(), guard=guard)
    with pytest.raises(ConflictError):
        guarded.unlock(OPEN_SESAME)
    with pytest.raises(NotAuthorisedError):
        guarded.unlock("a wrong passphrase is told first")
    opened = guarded.unlock(OPEN_SESAME, unguarded=True).signer(RIVER, "transport")
    assert opened.public.key_id == named_by(SEEDS)["transport"]


def test_a_recovery_file_is_read_as_it_was_written_or_typed(
    river: FileVault, tmp_path: Path
) -> None:
    secrets = {"next": b"n" * 32, "recovery": b"r" * 32}
    path = river.write_recovery(RIVER, "river", secrets)
    assert river.read_recovery(path) == (RIVER, secrets)
    typed = Path(path).read_text().replace("    ", "  ").replace("\n", "  \n")
    Path(path).write_text(typed)
    assert river.read_recovery(path) == (RIVER, secrets)
    river.rewrite_recovery(path, RIVER, "river", {"next": b"m" * 32})
    assert river.read_recovery(path) == (RIVER, {"next": b"m" * 32})
    twice = Path(path).read_text()
    Path(path).write_text(twice + "next " + " ".join(["6d6d"] * 16) + "\n")
    with pytest.raises(MalformedError) as refusal:
        river.read_recovery(path)
    assert refusal.value.code == "keys.not-a-recovery-file"
