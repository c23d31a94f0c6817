"""The files that pages load, under names that change with their content.

A name carries a digest of the file, so a browser may keep it for a year and never shows
an old style on a new page. Only the files in the table exist; nothing is looked up by a
path that a visitor sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from importlib import resources
from typing import Final

FILES: Final = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
    "vendor/htmx.min.js": "text/javascript; charset=utf-8",
    "vendor/hx-sse.min.js": "text/javascript; charset=utf-8",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file: its bytes, and what they are."""

    content: bytes
    media: str


@dataclass(frozen=True, slots=True)
class Assets:
    """All files of the console, by the name under which they are served."""

    served: dict[str, Asset]
    names: dict[str, str]

    def path(self, name: str) -> str:
        """Where `name` is served; an empty string for a file that was not built."""
        return f"/static/{self.names[name]}" if name in self.names else ""


def load() -> Assets:
    """Read the files of the package.

    The two scripts of the vendor folder are copied there while the package is built; pages
    without them can be read, and say that they are not live.
    """
    folder = resources.files("allied.entrypoints.console") / "static"
    served: dict[str, Asset] = {}
    names: dict[str, str] = {}
    for name, media in FILES.items():
        file = folder.joinpath(*name.split("/"))
        if not file.is_file():
            continue
        content = file.read_bytes()
        stem, _, ending = name.rpartition("/")[2].rpartition(".")
        hashed = f"{stem}.{sha256(content).hexdigest()[:16]}.{ending}"
        served[hashed] = Asset(content, media)
        names[name] = hashed
    return Assets(served, names)
