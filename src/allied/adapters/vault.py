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

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from allied.adapters import disk, hpke, recovery
from allied.adapters.key_files import KeyFile, Sealed
from allied.adapters.sealed import RFC_9106, Hardness, Lock, Smith, damaged
from allied.errors import ConflictError, NotAuthorisedError, UnverifiedError, UsageError
from allied.node.ports import Chance, PersonSigner
from allied.record.ids import AgreementId, KeyId, OrganisationId, PersonId, is_digest
from allied.record.keys import PrivateKey, PublicKey, Signer, derive_seed

_LABEL: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}", re.ASCII)
_PERSON: Final = "person"

ALGORITHMS: Final = {
    "acts": "ed25519",
    "automatic": "ed25519",
    "transport": "ed25519",
    "sealing": "x25519",
}
"""What each purpose's seed makes."""

Named = Callable[[OrganisationId], Mapping[str, KeyId]]
"""The ids of an organisation's present keys by purpose, as its identity chain names them; empty
while nothing is known of it."""


def _anything(organisation: OrganisationId) -> Mapping[str, KeyId]:  # noqa: ARG001
    return {}


class FileVault:
    """Where encrypted keys lie: a folder, separate from the database."""

    def __init__(
        self,
        folder: Path,
        *,
        chance: Chance,
        hardness: Hardness = RFC_9106,
        named: Named = _anything,
        guard: Callable[[], None] | None = None,
    ) -> None:
        """Keep keys in `folder`, made when the first key is kept.

        Args:
            hardness: of new files; what exists says its own.
            named: says which of the keys kept here are the present ones.
            guard: raises while nothing may be signed on this database; see `unlock`.
        """
        self._folder = folder
        self._named = named
        self._guard = guard
        self._hardness = hardness
        self._smith = Smith(chance)

    def unlock(self, passphrase: str, *, unguarded: bool = False) -> FileKeys:
        """Open every organisation that this passphrase opens.

        Args:
            unguarded: also while nothing may be signed on this database; for whoever is to
                mend that, and signs no record.

        Cost: one derivation per distinct lock, usually one.

        Raises:
            NotAuthorisedError: `keys.wrong-passphrase`, it opens neither an organisation
                nor a person.
            UsageError: `keys.none`, there are no keys in this folder.
            MalformedError: `keys.damaged`.
            ConflictError: as the guard raises.
        """
        paths = sorted(self._folder.glob("*.json"))
        opened = [path.stem for path in paths if self.open_sets(path.stem, passphrase)]
        if not paths:
            raise UsageError(
                "keys.none", "this data folder holds no keys", hint="start with `allied init`"
            )
        if not opened and not self._opens_a_person(passphrase):
            raise _wrong_passphrase()
        if self._guard is not None and not unguarded:
            self._guard()
        return FileKeys([OrganisationId(each) for each in opened], self, passphrase)

    def open_sets(self, organisation: str, passphrase: str) -> list[Mapping[str, PrivateKey]]:
        """Every set of an organisation's keys that the passphrase opens, the present one first.

        Raises:
            MalformedError: `keys.damaged`.
        """
        path = self._path(organisation)
        try:
            file = KeyFile.load(path, organisation)
        except FileNotFoundError:
            return []
        sets = file.open_sets(path.name, self._smith, passphrase)
        if any(purpose not in ALGORITHMS for each in sets for purpose in each):
            raise damaged(path.name)
        return [
            {
                purpose: PrivateKey.from_seed(ALGORITHMS[purpose], seed)
                for purpose, seed in each.items()
            }
            for each in sets
        ]

    def sealing_keys(
        self, organisation: OrganisationId, passphrase: str
    ) -> Mapping[KeyId, PrivateKey]:
        """Every sealing key of an organisation that the passphrase opens, replaced ones too.

        Raises:
            MalformedError: `keys.damaged`.
        """
        path = self._path(organisation)
        try:
            file = KeyFile.load(path, organisation)
        except FileNotFoundError:
            return {}
        sets = file.open_sets(path.name, self._smith, passphrase)
        sets += file.open_kept(path.name, self._smith, passphrase)
        seeds = [each["sealing"] for each in sets if "sealing" in each]
        keys = [PrivateKey.from_seed(ALGORITHMS["sealing"], seed) for seed in seeds]
        return {key.public.key_id: key for key in keys}

    def stamp(self, organisation: OrganisationId) -> tuple[int, int, int]:
        """What changes when the organisation's key file is replaced; zeros when it is gone."""
        try:
            found = self._path(organisation).stat()
        except OSError:
            return 0, 0, 0
        return found.st_mtime_ns, found.st_ino, found.st_size

    def named(self, organisation: OrganisationId) -> Mapping[str, KeyId]:
        """See `Named`."""
        return self._named(organisation)

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
        _require_seeds(seeds)
        others = sorted(self._folder.glob("*.json"))
        self._keep(self._path(organisation), organisation, seeds, passphrase, others)

    def stage(
        self, organisation: OrganisationId, seeds: Mapping[str, bytes], passphrase: str
    ) -> None:
        """Keep a whole set of seeds beside the present one, in place of one staged before.

        Args:
            seeds: those that change; for the other purposes the present ones stay.

        Raises:
            UsageError: `keys.seed` or `keys.purpose`, before anything is written.
            NotAuthorisedError: `keys.wrong-passphrase`, some have to stay and are not open;
                `keys.not-in-chain`, those kept here are not the present ones.
        """
        _require_seeds(seeds)
        path = self._path(organisation)
        whole = dict(seeds)
        if seeds.keys() != ALGORITHMS.keys():
            sets = self.open_sets(organisation, passphrase)
            if not sets:
                raise _wrong_passphrase()
            present = _chosen(sets, self._named(organisation), organisation)
            whole = {purpose: key.seed for purpose, key in present.items()} | whole
        try:
            file = KeyFile.load(path, organisation)
        except FileNotFoundError:
            self.add_organisation(organisation, whole, passphrase)
            return
        opens = file.open(path.name, self._smith, passphrase) is not None
        lock = file.present.lock if opens else self._smith.new_lock(self._hardness)
        present_set = self._named_set(file, organisation, passphrase)
        coming = Sealed.of(self._smith, lock, passphrase, organisation, whole)
        replace(file, present=present_set, coming=coming).save(path, replace=True)

    def _named_set(self, file: KeyFile, organisation: OrganisationId, passphrase: str) -> Sealed:
        """The set of a file that the identity chain names; the present one when that is shut.

        A change of keys that was cut off may have left the named set as the coming one.
        """
        named = self._named(organisation)
        if file.coming is None or not named:
            return file.present
        opened = file.coming.open(self._smith, passphrase, organisation)
        if opened is None:
            return file.present
        ids = {
            purpose: PrivateKey.from_seed(ALGORITHMS[purpose], seed).public.key_id
            for purpose, seed in opened.items()
        }
        return file.coming if ids == dict(named) else file.present

    def promote(self, organisation: OrganisationId, *, keep_sealing: bool) -> None:
        """Make the staged set the present one; nothing happens where none is staged.

        Args:
            keep_sealing: whether the sealing key that was replaced is kept for what was
                sealed to it.
        """
        path = self._path(organisation)
        file = KeyFile.load(path, organisation)
        if file.coming is not None:
            file.promoted(keep_sealing=keep_sealing).save(path, replace=True)

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
        return str(
            recovery.write_beside(self._folder.parent.resolve(), organisation, label, secrets)
        )

    def read_recovery(self, path: str) -> tuple[OrganisationId, Mapping[str, bytes]]:
        """See `allied.adapters.recovery.read`."""
        return recovery.read(Path(path))

    def rewrite_recovery(
        self, path: str, organisation: OrganisationId, label: str, secrets: Mapping[str, bytes]
    ) -> None:
        """See `allied.adapters.recovery.rewrite`."""
        recovery.rewrite(Path(path), organisation, label, secrets)

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
            file = KeyFile.load(path, _whose(organisation, label))
        except (FileNotFoundError, UsageError) as error:
            raise _person_locked() from error
        opened = file.open(path.name, self._smith, passphrase)
        if opened is None or _PERSON not in opened:
            raise _person_locked()
        seed = derive_seed(opened[_PERSON], f"person:{agreement}")
        private = PrivateKey.from_seed("ed25519", seed)
        return PersonSigner(PersonId(private.public.key_id[:32]), private)

    def _path(self, organisation: str) -> Path:
        return self._folder / f"{organisation}.json"

    def _person_path(self, organisation: OrganisationId, label: str) -> Path:
        if not is_digest(organisation):
            raise UsageError("keys.organisation", "an organisation's id is 64 hex digits")
        if not _LABEL.fullmatch(label):
            raise _bad_label()
        return self._folder / "people" / organisation / f"{label}.json"

    def _opens_a_person(self, passphrase: str) -> bool:
        for path in sorted(self._folder.glob("people/*/*.json")):
            file = KeyFile.load(path, _whose(OrganisationId(path.parent.name), path.stem))
            if file.open(path.name, self._smith, passphrase) is not None:
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
        for folder in (self._folder, path.parent.parent, path.parent):
            if folder == self._folder or self._folder in folder.parents:
                disk.make_folder(folder)
        try:
            sealed = Sealed.of(self._smith, lock, passphrase, whose, seeds)
            KeyFile(whose, sealed).save(path, replace=False)
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
                file = KeyFile.load(path, path.stem)
            except FileNotFoundError:
                continue
            if file.open(path.name, self._smith, passphrase) is not None:
                return file.present.lock
        return None


@dataclass(frozen=True, slots=True)
class _Held:
    """The keys of one organisation as they were opened: of which file, and which count."""

    stamp: tuple[int, int, int]
    sets: int
    present: Mapping[str, PrivateKey]


class FileKeys:
    """The unlocked keys of this node, held in memory only.

    Keys that were changed meanwhile, by this process or another, are noticed when they are
    next asked for.
    """

    def __init__(
        self, organisations: list[OrganisationId], vault: FileVault, passphrase: str
    ) -> None:
        self._held: dict[OrganisationId, _Held] = {}
        self._sealing: dict[
            OrganisationId, tuple[tuple[int, int, int], Mapping[KeyId, PrivateKey]]
        ] = {}
        self._open = frozenset(organisations)
        self._vault = vault
        self._passphrase = passphrase

    def __repr__(self) -> str:
        return f"<FileKeys of {len(self._open)} organisations>"

    def signer(self, organisation: OrganisationId, purpose: str) -> Signer:
        """The present key for `acts`, `automatic` or `transport`.

        Raises:
            NotAuthorisedError: `keys.locked`, the passphrase did not open it, or it is not
                a key that signs; `keys.not-in-chain`, it is not the one that the identity
                chain names.
        """
        found = self._present(organisation).get(purpose)
        if found is None or found.alg == "x25519":
            raise _locked(organisation)
        return _OnlySigns(found)

    def _present(self, organisation: OrganisationId) -> Mapping[str, PrivateKey]:
        stamp = self._vault.stamp(organisation)
        held = self._held.get(organisation)
        # While a change of keys is under way the identity chain is asked every time.
        if held is None or held.stamp != stamp or held.sets > 1:
            sets = self._vault.open_sets(organisation, self._passphrase)
            present = _chosen(sets, self._vault.named(organisation), organisation)
            held = self._held[organisation] = _Held(stamp, len(sets), present)
        return held.present

    def person(
        self, organisation: OrganisationId, label: str, agreement: AgreementId
    ) -> PersonSigner:
        """That person's key for that agreement, under that agreement's pseudonym.

        Raises:
            NotAuthorisedError: `keys.person-locked`, the passphrase does not open it.
        """
        return self._vault.person_key(organisation, label, agreement, self._passphrase)

    def seal(self, to: PublicKey, plain: bytes, context: bytes) -> bytes:
        """See `Keys.seal` and `allied.adapters.hpke`."""
        return hpke.seal(to, plain, context)

    def unseal(
        self, organisation: OrganisationId, key: KeyId, sealed: bytes, context: bytes
    ) -> bytes | None:
        """See `Keys.unseal`; also what was sealed to a key that was replaced since.

        Raises:
            NotAuthorisedError: `keys.locked`, none of its sealing keys is open.
            UnverifiedError: `sealing.other-key`, they are, and it was sealed to another one.
        """
        stamp = self._vault.stamp(organisation)
        held = self._sealing.get(organisation)
        if held is None or held[0] != stamp:
            opened = self._vault.sealing_keys(organisation, self._passphrase)
            held = self._sealing[organisation] = (stamp, opened)
        private = held[1].get(key)
        if private is None and not held[1]:
            raise _locked(organisation)
        if private is None:
            raise UnverifiedError(
                "sealing.other-key",
                "that is sealed to a key which this organisation does not have",
                hint="have its sender make it again; it knows the key of today",
            )
        return hpke.unseal(private, sealed, context)


def _locked(organisation: OrganisationId) -> NotAuthorisedError:
    return NotAuthorisedError(
        "keys.locked",
        "this key of the organisation is not open",
        hint="give the passphrase that its keys were made with",
        facts={"organisation": organisation},
    )


def _chosen(
    sets: list[Mapping[str, PrivateKey]],
    named: Mapping[str, KeyId],
    organisation: OrganisationId,
) -> Mapping[str, PrivateKey]:
    """Of several sets the one that the identity chain names."""
    for each in sets:
        if all(each[purpose].public.key_id == named.get(purpose) for purpose in each):
            return each
    if named and sets:
        raise NotAuthorisedError(
            "keys.not-in-chain",
            "the keys kept here are not those that the organisation's identity names",
            hint="put the newer keys back, or take the identity back with `allied key recover`",
            facts={"organisation": organisation},
        )
    return sets[0] if sets else {}


class _OnlySigns:
    """A private key that can be used and not be read by accident."""

    def __init__(self, private: PrivateKey) -> None:
        self._private = private

    @property
    def public(self) -> PublicKey:
        return self._private.public

    def sign(self, message: bytes) -> bytes:
        return self._private.sign(message)


def _require_seeds(seeds: Mapping[str, bytes]) -> None:
    for purpose, seed in seeds.items():
        if purpose not in ALGORITHMS:
            raise UsageError("keys.purpose", "a key has one of the four known purposes")
        PrivateKey.from_seed(ALGORITHMS[purpose], seed)


def _whose(organisation: OrganisationId, label: str) -> str:
    return f"{organisation}/{label}"


def _bad_label() -> UsageError:
    return UsageError(
        "keys.label", "a label begins with a letter and has letters, digits and hyphens"
    )


def _wrong_passphrase() -> NotAuthorisedError:
    return NotAuthorisedError(
        "keys.wrong-passphrase",
        "the passphrase opens no key of this node",
        hint="check --passphrase-file or ALLIED_PASSPHRASE_FILE",
    )


def _person_locked() -> NotAuthorisedError:
    return NotAuthorisedError(
        "keys.person-locked",
        "the passphrase does not open the key of the person who acts",
        hint="give that person's own passphrase, or name another person with --person",
    )
