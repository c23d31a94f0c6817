"""One file of sealed seeds, and the step from one set of keys to the next.

    whose      organisation id, or organisation id and label of a person
    lock       see `allied.adapters.sealed`
    seeds      the present ones by purpose, sealed
    coming     while keys are changed: the set that will be the present one, under its lock
    kept       sealing keys that were replaced, so that what was sealed to them still opens

Rules. A file is written whole or not at all. Which of two sets counts is not said here but
by the identity chain: between two writes both are at hand, so a process that is killed
leaves keys that work.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from allied.adapters import disk
from allied.adapters.sealed import Lock, Smith, damaged, unseal
from allied.errors import MalformedError

FORMAT: Final = "allied-keys/1"
MOST_KEPT: Final = 32
_LIMIT: Final = 64 * 1024
_SEALING: Final = "sealing"


@dataclass(frozen=True, slots=True)
class Sealed:
    """One set of seeds under one lock."""

    lock: Lock
    seeds: Mapping[str, object]

    @classmethod
    def of(
        cls, smith: Smith, lock: Lock, passphrase: str, whose: str, seeds: Mapping[str, bytes]
    ) -> Sealed:
        """Seal `seeds`."""
        key = smith.key(lock, passphrase)
        return cls(
            lock,
            {
                purpose: smith.seal(key, seed, _bound(whose, purpose))
                for purpose, seed in sorted(seeds.items())
            },
        )

    @classmethod
    def from_json(cls, value: object) -> Sealed:
        """Read what `to_json` writes; raises MalformedError `keys.damaged`."""
        if not isinstance(value, Mapping):
            raise damaged()
        seeds = value.get("seeds")
        if not isinstance(seeds, dict) or not seeds:
            raise damaged()
        return cls(Lock.from_json(value.get("lock")), seeds)

    def to_json(self) -> dict[str, object]:
        """As it stands in a file."""
        return {"lock": self.lock.to_json(), "seeds": dict(self.seeds)}

    def open(self, smith: Smith, passphrase: str, whose: str) -> Mapping[str, bytes] | None:
        """All seeds by purpose; None when the passphrase does not open them.

        Raises:
            MalformedError: `keys.damaged`, it opens some of them only.
        """
        key = smith.key(self.lock, passphrase)
        opened = {
            purpose: unseal(key, sealed, _bound(whose, purpose))
            for purpose, sealed in self.seeds.items()
        }
        seeds = {purpose: seed for purpose, seed in opened.items() if seed is not None}
        if seeds and len(seeds) < len(opened):
            raise damaged()
        return seeds or None


@dataclass(frozen=True, slots=True)
class KeyFile:
    """One file as read, or to be written."""

    whose: str
    present: Sealed
    coming: Sealed | None = None
    kept: tuple[Sealed, ...] = ()

    @classmethod
    def load(cls, path: Path, whose: str) -> KeyFile:
        """Read a file; its place says whose it has to be.

        Raises:
            FileNotFoundError: there is none.
            MalformedError: `keys.damaged`.
        """
        raw = disk.read(path, limit=_LIMIT, code="keys.damaged")
        with naming(path.name):
            try:
                document: Any = json.loads(raw)
            except (ValueError, RecursionError) as error:
                raise damaged() from error
            if (
                not isinstance(document, dict)
                or document.get("format") != FORMAT
                or document.get("whose") != whose
            ):
                raise damaged()
            coming, kept = document.get("coming"), document.get("kept", [])
            if not isinstance(kept, list) or len(kept) > MOST_KEPT:
                raise damaged()
            return cls(
                whose,
                Sealed.from_json(document),
                None if coming is None else Sealed.from_json(coming),
                tuple([Sealed.from_json(each) for each in kept]),
            )

    def save(self, path: Path, *, replace: bool) -> None:
        """Write the file, whole or not at all.

        Raises:
            FileExistsError: it is there and may not be replaced.
            ExhaustedError: `disk.full` or `disk.failed`.
        """
        document: dict[str, object] = {
            "format": FORMAT,
            "whose": self.whose,
            **self.present.to_json(),
        }
        if self.coming is not None:
            document["coming"] = self.coming.to_json()
        if self.kept:
            document["kept"] = [each.to_json() for each in self.kept]
        disk.put(path, json.dumps(document, indent=1).encode(), replace=replace)

    def promoted(self, *, keep_sealing: bool) -> KeyFile:
        """The file with the coming set as the present one; the same when none is coming."""
        if self.coming is None:
            return self
        kept = self.kept
        if keep_sealing and _SEALING in self.present.seeds:
            old = Sealed(self.present.lock, {_SEALING: self.present.seeds[_SEALING]})
            kept = (*kept, old)[-MOST_KEPT:]
        return KeyFile(self.whose, self.coming, None, kept)

    def open(self, name: str, smith: Smith, passphrase: str) -> Mapping[str, bytes] | None:
        """The present seeds by purpose; None when the passphrase does not open them.

        Raises:
            MalformedError: `keys.damaged`, naming the file `name`.
        """
        with naming(name):
            return self.present.open(smith, passphrase, self.whose)

    def open_sets(self, name: str, smith: Smith, passphrase: str) -> list[Mapping[str, bytes]]:
        """Every set that the passphrase opens, the present one first; see `open`."""
        with naming(name):
            sets = (self.present, self.coming) if self.coming else (self.present,)
            opened = [each.open(smith, passphrase, self.whose) for each in sets]
        return [each for each in opened if each]

    def open_kept(self, name: str, smith: Smith, passphrase: str) -> list[Mapping[str, bytes]]:
        """The replaced sets that are kept and that the passphrase opens; see `open`."""
        with naming(name):
            opened = [each.open(smith, passphrase, self.whose) for each in self.kept]
        return [each for each in opened if each]


@contextmanager
def naming(name: str) -> Iterator[None]:
    """Say in a refusal which file it is about."""
    try:
        yield
    except MalformedError as error:
        raise damaged(name) from error


def _bound(whose: str, purpose: str) -> str:
    return f"{FORMAT}\0{whose}\0{purpose}"
