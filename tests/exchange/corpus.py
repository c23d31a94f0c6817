"""Real data beside the project, for tests that read some; they skip where it is missing."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allied.exchange.bundle import Found, scan

SHARED = Path(os.environ.get("ALLIED_SHARED", str(Path(__file__).parents[2].parent / "shared")))


def path(name: str) -> Path:
    """A file of the shared data; skips the test where there is none."""
    found = SHARED / "data" / name
    if not found.exists():
        pytest.skip(f"the shared data file {name} is not here")
    return found


def raw(name: str) -> bytes:
    content = path(name).read_bytes()
    return gzip.decompress(content) if name.endswith(".gz") else content


def objects(name: str) -> list[bytes]:
    """The exact bytes of the objects of a bundle."""
    return [each.raw for each in scan([raw(name)]) if isinstance(each, Found)]


def lines(name: str) -> Iterator[Any]:
    for line in raw(name).split(b"\n"):
        if line.strip():
            yield json.loads(line)


def members(name: str) -> dict[str, bytes]:
    """The files in a zip archive."""
    with zipfile.ZipFile(path(name)) as archive:
        return {each: archive.read(each) for each in archive.namelist() if not each.endswith("/")}


AMNESTY = [
    "stix-iocs/amnesty/2021-07-18_nso__pegasus.stix2.gz",
    "stix-iocs/amnesty/2021-12-16_cytrox__cytrox.stix2.gz",
    "stix-iocs/amnesty/2023-03-29_android_campaign__malware.stix2.gz",
    "stix-iocs/amnesty/2024-05-02_wintego_helios__wintego_helios.stix2.gz",
    "stix-iocs/amnesty/2024-12-16_serbia_novispy__novispy.stix2.gz",
]
ATTACK = "stix-attack/mobile-attack-17.1.json.gz"
