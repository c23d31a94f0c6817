"""Encrypted keys in files: those of organisations, and those of people.

    keys/<organisation id>.json                 its seeds by purpose
    keys/people/<organisation id>/<label>.json  the seed of one person

Words used here:
    seed      32 secret bytes that a key is made from
    lock      see `allied.adapters.sealed`; files whose passphrase is the same share one,
              so that unlocking costs one derivation however many there are

Rules. The database never holds a seed, and no file here holds one in the clear, except the
recovery file, which lies outside the data folder and is to be moved off the machine. A
person may have a passphrase of their own; their file is tried when they act, not before.
An agreement never sees a person's own key: for each agreement another one is derived.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from allied.adapters import disk
from allied.adapters.sealed import RFC_9106, Hardness, Lock, Smith, damaged, unseal
from allied.errors import ConflictError, MalformedError, NotAuthorisedError, UsageError
from allied.node.ports import Chance, PersonSigner
from allied.record.ids import AgreementId, OrganisationId, PersonId, is_digest
from allied.record.keys import PrivateKey, PublicKey, Signer, derive_seed

_FORMAT: Final = "allied-keys/1"
_FILE_LIMIT: Final = 64 * 1024
_LABEL: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)
_PERSON: Final = "person"
_RECOVERY_FILES: Final = 100

ALGORITHMS: Final = {
    "acts": "ed25519",
    "automatic": "ed25519",
    "transport": "ed25519",
    "sealing": "x25519",
}
"""What each purpose's seed makes."""


class FileVault:
    """Where encrypted keys lie: a folder, separate from the database."""

    def __init__(self, folder: Path, *, chance: Chance, hardness: Hardness = RFC_9106) -> None:
        """Keep keys in `folder`, made when the first key is kept.

        Args:
            hardness: of new files; what exists says its own.
        """
        self._folder = folder
        self._hardness = hardness
        self._smith = Smith(chance)

    def unlock(self, passphrase: str) -> FileKeys:
        """Open every organisation that this passphrase opens.

        Cost: one derivation per distinct lock, usually one.

        Raises:
            NotAuthorisedError: `keys.wrong-passphrase`, it opens neither an organisation
                nor a person.
            UsageError: `keys.none`, there are no keys in this folder.
            MalformedError: `keys.damaged`.
        """
        signers: dict[tuple[OrganisationId, str], PrivateKey] = {}
        paths = sorted(self._folder.glob("*.json"))
        for path in paths:
            file = _KeyFile.load(path, path.stem)
            for purpose, seed in (file.open(self._smith, passphrase) or {}).items():
                alg = ALGORITHMS.get(purpose)
                if alg is None:
                    raise damaged(path.name)
                signers[OrganisationId(path.stem), purpose] = PrivateKey.from_seed(alg, seed)
        keys = FileKeys(signers, self, passphrase)
        if not paths:
            raise UsageError(
                "keys.none", "this data folder holds no keys", hint="start with `allied init`"
            )
        if not signers and not self._opens_a_person(passphrase):
            raise NotAuthorisedError(
                "keys.wrong-passphrase",
                "the passphrase opens no key of this node",
                hint="check --passphrase-file or ALLIED_PASSPHRASE_FILE",
            )
        return keys

    def add_organisation(
        self, organisation: OrganisationId, seeds: Mapping[str, bytes], passphrase: str
    ) -> None:
        """Keep an organisation's seeds by purpose, encrypted.

        Raises:
            ConflictError: `keys.exist`, its keys are here already.
            UsageError: `keys.seed` or `keys.purpose`, before anything is written.
        """
        if not is_digest(organisation):
            raise UsageError("keys.organisation", "an organisation's id is 64 hex digits")
        for purpose, seed in seeds.items():
            if purpose not in ALGORITHMS:
                raise UsageError("keys.purpose", "a key has one of the four known purposes")
            PrivateKey.from_seed(ALGORITHMS[purpose], seed)
        path = self._folder / f"{organisation}.json"
        others = sorted(self._folder.glob("*.json"))
        self._keep(path, organisation, seeds, passphrase, others)

    def add_person(
        self, organisation: OrganisationId, label: str, seed: bytes, passphrase: str
    ) -> None:
        """Keep a person's seed, encrypted; the passphrase may be their own.

        Raises:
            ConflictError: `keys.exist`, that person's key is here already.
            UsageError: `keys.label`, `keys.organisation` or `keys.seed`.
        """
        path = self._person_path(organisation, label)
        PrivateKey.from_seed("ed25519", seed)
        others = [self._folder / f"{organisation}.json"]
        self._keep(path, _whose(organisation, label), {_PERSON: seed}, passphrase, others)

    def write_recovery(
        self, organisation: OrganisationId, label: str, secrets: Mapping[str, bytes]
    ) -> str:
        """Write next and recovery seeds beside the data folder; returns the path for people.

        A file that is there is never replaced: the new one gets a number behind its name.
        Nothing in this program reads it, except the commands that recover.

        Raises:
            UsageError: `keys.label`.
            ConflictError: `keys.too-many-recovery-files`.
        """
        if not _LABEL.fullmatch(label):
            raise _bad_label()
        data = self._folder.parent.resolve()
        raw = recovery_text(organisation, label, secrets).encode()
        for number in range(1, _RECOVERY_FILES):
            tail = f"-{number}" if number > 1 else ""
            path = data.with_name(f"{data.name}-recovery-{label}{tail}.txt")
            try:
                disk.put(path, raw, replace=False)
            except FileExistsError:
                continue
            return str(path)
        raise ConflictError(
            "keys.too-many-recovery-files",
            "there are too many recovery files beside the data folder",
            hint="move them off this machine",
        )

    def person_key(
        self,
        organisation: OrganisationId,
        label: str,
        agreement: AgreementId,
        passphrase: str,
    ) -> PersonSigner:
        """A person's key for one agreement; see `Keys.person`."""
        try:
            path = self._person_path(organisation, label)
            file = _KeyFile.load(path, _whose(organisation, label))
        except (FileNotFoundError, UsageError) as error:
            raise _person_locked() from error
        opened = file.open(self._smith, passphrase)
        if opened is None or _PERSON not in opened:
            raise _person_locked()
        seed = derive_seed(opened[_PERSON], f"person:{agreement}")
        private = PrivateKey.from_seed("ed25519", seed)
        return PersonSigner(PersonId(private.public.key_id[:32]), private)

    def _person_path(self, organisation: OrganisationId, label: str) -> Path:
        if not is_digest(organisation):
            raise UsageError("keys.organisation", "an organisation's id is 64 hex digits")
        if not _LABEL.fullmatch(label):
            raise _bad_label()
        return self._folder / "people" / organisation / f"{label}.json"

    def _opens_a_person(self, passphrase: str) -> bool:
        for path in sorted(self._folder.glob("people/*/*.json")):
            file = _KeyFile.load(path, _whose(OrganisationId(path.parent.name), path.stem))
            if file.open(self._smith, passphrase) is not None:
                return True
        return False

    def _keep(
        self,
        path: Path,
        whose: str,
        seeds: Mapping[str, bytes],
        passphrase: str,
        others: list[Path],
    ) -> None:
        """Write a new key file, under the lock of another that this passphrase opens."""
        lock = self._lock_of(others, passphrase) or self._smith.new_lock(self._hardness)
        key = self._smith.key(lock, passphrase)
        document = {
            "format": _FORMAT,
            "whose": whose,
            "lock": lock.to_json(),
            "seeds": {
                purpose: self._smith.seal(key, seed, _bound(whose, purpose))
                for purpose, seed in sorted(seeds.items())
            },
        }
        for folder in (self._folder, path.parent.parent, path.parent):
            if folder == self._folder or self._folder in folder.parents:
                disk.make_folder(folder)
        try:
            disk.put(path, json.dumps(document, indent=1).encode(), replace=False)
        except FileExistsError as error:
            raise ConflictError(
                "keys.exist",
                "keys of that name are kept here already",
                hint="choose another name; keys are never replaced in place",
            ) from error

    def _lock_of(self, paths: list[Path], passphrase: str) -> Lock | None:
        """The lock of the first of these files that the passphrase opens."""
        for path in paths:
            try:
                file = _KeyFile.load(path, path.stem)
            except FileNotFoundError:
                continue
            if file.open(self._smith, passphrase) is not None:
                return file.lock
        return None


class FileKeys:
    """The unlocked keys of this node, held in memory only."""

    def __init__(
        self,
        signers: Mapping[tuple[OrganisationId, str], PrivateKey],
        vault: FileVault,
        passphrase: str,
    ) -> None:
        self._signers = signers
        self._vault = vault
        self._passphrase = passphrase

    def __repr__(self) -> str:
        return f"<FileKeys of {len({name for name, _ in self._signers})} organisations>"

    def signer(self, organisation: OrganisationId, purpose: str) -> Signer:
        """The present key for `acts`, `automatic` or `transport`.

        Raises:
            NotAuthorisedError: `keys.locked`, the passphrase did not open it, or it is not
                a key that signs.
        """
        found = self._signers.get((organisation, purpose))
        if found is None or found.alg == "x25519":
            raise NotAuthorisedError(
                "keys.locked",
                "this key of the organisation is not open",
                hint="give the passphrase that its keys were made with",
                facts={"organisation": organisation},
            )
        return _OnlySigns(found)

    def person(
        self, organisation: OrganisationId, label: str, agreement: AgreementId
    ) -> PersonSigner:
        """That person's key for that agreement, under that agreement's pseudonym.

        Raises:
            NotAuthorisedError: `keys.person-locked`, the passphrase does not open it.
        """
        return self._vault.person_key(organisation, label, agreement, self._passphrase)


class _OnlySigns:
    """A private key that can be used and not be read by accident."""

    def __init__(self, private: PrivateKey) -> None:
        self._private = private

    @property
    def public(self) -> PublicKey:
        return self._private.public

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


class _KeyFile:
    """One file of sealed seeds."""

    def __init__(self, name: str, whose: str, lock: Lock, seeds: Mapping[str, object]) -> None:
        self._name = name
        self._whose = whose
        self.lock = lock
        self._seeds = seeds

    @classmethod
    def load(cls, path: Path, whose: str) -> _KeyFile:
        """Read a file; its place says whose it has to be."""
        raw = disk.read(path, limit=_FILE_LIMIT, code="keys.damaged")
        with _naming(path.name):
            try:
                document: Any = json.loads(raw)
            except (ValueError, RecursionError) as error:
                raise damaged() from error
            if (
                not isinstance(document, dict)
                or document.get("format") != _FORMAT
                or document.get("whose") != whose
                or not isinstance(document.get("seeds"), dict)
                or not document["seeds"]
            ):
                raise damaged()
            return cls(path.name, whose, Lock.from_json(document.get("lock")), document["seeds"])

    def open(self, smith: Smith, passphrase: str) -> Mapping[str, bytes] | None:
        """All seeds by purpose; None when the passphrase does not open them.

        Raises:
            MalformedError: `keys.damaged`, it opens some of them only.
        """
        key = smith.key(self.lock, passphrase)
        with _naming(self._name):
            opened = {
                purpose: unseal(key, sealed, _bound(self._whose, purpose))
                for purpose, sealed in self._seeds.items()
            }
            seeds = {purpose: seed for purpose, seed in opened.items() if seed is not None}
            if seeds and len(seeds) < len(opened):
                raise damaged()
        return seeds or None


def recovery_text(organisation: str, label: str, secrets: Mapping[str, bytes]) -> str:
    """The recovery file as people read it; its last lines are what recovery needs."""
    lines = [
        f"Recovery file of {label}",
        "",
        f"Organisation  {organisation}",
        "",
        "Whoever holds this file can take over the identity of the organisation. Move it off",
        "this machine now: print it or put it on a medium that is locked away, in two places,",
        "and delete it here. The running node never needs it.",
        "",
        "It is needed to change keys (next) and to take the identity back after the keys of",
        "the node were lost or stolen (recovery).",
        "",
        *(f"{name:<12}  {_grouped(secret.hex())}" for name, secret in sorted(secrets.items())),
        "",
    ]
    return "\n".join(lines)


def _grouped(digits: str) -> str:
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))


def _bound(whose: str, purpose: str) -> str:
    return f"{_FORMAT}\0{whose}\0{purpose}"


def _whose(organisation: OrganisationId, label: str) -> str:
    return f"{organisation}/{label}"


def _bad_label() -> UsageError:
    return UsageError(
        "keys.label", "a label begins with a letter and has letters, digits and hyphens"
    )


def _person_locked() -> NotAuthorisedError:
    return NotAuthorisedError(
        "keys.person-locked",
        "the passphrase does not open the key of the person who acts",
        hint="give that person's own passphrase, or name another person with --person",
    )


@contextmanager
def _naming(name: str) -> Iterator[None]:
    """Say in a refusal which file it is about."""
    try:
        yield
    except MalformedError as error:
        raise damaged(name) from error
