"""A secret that lies in a file of one line, which nobody but its owner reads."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Final

_MOST: Final = 4_096


def one_line(path: Path) -> str:
    """What a file holds, without the end of its line; empty where it cannot be used.

    It cannot where others may read it, where it is long, empty, or holds what is not printed.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(path.stat().st_mode)
            raw = file.read(_MOST + 1)
        text = raw.decode("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    usable = len(raw) <= _MOST and text.isprintable() and not mode & 0o077
    return text if usable else ""
