"""The recovery file: the keys that take an identity on, or back; kept off the machine.

A file for people to print and lock away, whose lines `name  hex` the verbs on keys read
again.

    next                 signs the following descriptor, and becomes the acts key
    recovery             replaces all keys when those of the node are lost or stolen
    following-next, following-recovery
                         while a change of keys is under way: those that come after it

Rules. A file that is there is replaced only by the verbs that need it, in one step: there is
the old file or the new one. While a change is under way the file holds both the keys that
the identity names and those that it will name, so whenever the process is killed the file
fits the identity.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from allied.adapters import disk
from allied.errors import ConflictError, MalformedError, UsageError
from allied.record.ids import OrganisationId, is_digest

_LIMIT: Final = 64 * 1024
_MOST_FILES: Final = 100
_SEED: Final = re.compile(
    r"(next|recovery|following-next|following-recovery)\s+((?:[0-9a-f]{4} ){15}[0-9a-f]{4})",
    re.ASCII,
)
_WHOSE: Final = re.compile(r"Organisation\s+([0-9a-f]{64})", re.ASCII)


def write_beside(
    folder: Path, organisation: OrganisationId, label: str, secrets: Mapping[str, bytes]
) -> Path:
    """Write a new recovery file beside a data folder; one that is there is never replaced.

    Raises:
        ConflictError: `keys.too-many-recovery-files`.
    """
    raw = recovery_text(organisation, label, secrets).encode()
    for number in range(1, _MOST_FILES):
        tail = f"-{number}" if number > 1 else ""
        path = folder.with_name(f"{folder.name}-recovery-{label}{tail}.txt")
        try:
            disk.put(path, raw, replace=False)
        except FileExistsError:
            continue
        return path
    raise ConflictError(
        "keys.too-many-recovery-files",
        "there are too many recovery files beside the data folder",
        hint="move them off this machine",
    )


def rewrite(
    path: Path, organisation: OrganisationId, label: str, secrets: Mapping[str, bytes]
) -> None:
    """Put these secrets in place of those in the file, in one step."""
    disk.put(path, recovery_text(organisation, label, secrets).encode(), replace=True)


def read(path: Path) -> tuple[OrganisationId, Mapping[str, bytes]]:
    """Whose recovery file it is, and the secrets in it by name.

    Raises:
        UsageError: `keys.no-recovery-file`.
        MalformedError: `keys.not-a-recovery-file`.
    """
    try:
        raw = disk.read(path, limit=_LIMIT, code="keys.not-a-recovery-file")
    except FileNotFoundError as error:
        raise UsageError(
            "keys.no-recovery-file",
            "there is no recovery file at that place",
            hint="bring the one that `allied init` wrote, or the copy that you locked away",
        ) from error
    lines = [" ".join(line.split()) for line in raw.decode("ascii", "replace").splitlines()]
    whose = [found[1] for line in lines if (found := _WHOSE.fullmatch(line))]
    seeds = [found for line in lines if (found := _SEED.fullmatch(line))]
    secrets = {found[1]: bytes.fromhex(found[2]) for found in seeds}
    if len(whose) != 1 or not is_digest(whose[0]) or not seeds or len(secrets) != len(seeds):
        raise MalformedError(
            "keys.not-a-recovery-file",
            "that file is not a recovery file, or was changed",
            hint="type it off the print again, with the line of the organisation",
        )
    return OrganisationId(whose[0]), secrets


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
        *(f"{name:<18}  {_grouped(secret.hex())}" for name, secret in sorted(secrets.items())),
        "",
    ]
    return "\n".join(lines)


def _grouped(digits: str) -> str:
    return " ".join(digits[start : start + 4] for start in range(0, len(digits), 4))
