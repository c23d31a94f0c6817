"""Which JavaScript the package carries, and that it is exactly the one we reviewed.

The console uses htmx and its server-sent-events extension. Neither is kept in this
repository: a build takes both from the `django-htmx` distribution, which publishes them
unchanged, and refuses a file whose SHA-256 is not the one pinned here. Django itself is
a build requirement only; nothing of it is imported, here or at run time.

A new htmx means: read its changes, then change the version of `django-htmx` in
pyproject.toml and requirements/build.in, and the digests below.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DONOR = "django-htmx"
DONOR_FOLDER = "django_htmx/static/django_htmx"
TARGET_FOLDER = "src/allied/entrypoints/console/static/vendor"

# our name -> (the donor's name, SHA-256)
SCRIPTS = {
    "htmx.min.js": (
        "htmx-4.min.js",
        "28fae7bbe8e8142b702debb9d5234a9a436d9435a4b5165b195aa1a7ed840d25",
    ),
    "hx-sse.min.js": (
        "ext/hx-sse-4.min.js",
        "d3aeb71073552b253eaee99badebd60607003b1c25ac567ab88187d6887ab522",
    ),
}

# The donor carries the scripts without htmx's licence text.
LICENCE = """\
htmx.min.js and hx-sse.min.js are part of htmx (Big Sky Software).
They are under the Zero-Clause BSD licence:

Permission to use, copy, modify, and/or distribute this software for any purpose with or
without fee is hereby granted.

THE SOFTWARE IS PROVIDED "AS IS" AND THE AUTHOR DISCLAIMS ALL WARRANTIES WITH REGARD TO
THIS SOFTWARE INCLUDING ALL IMPLIED WARRANTIES OF MERCHANTABILITY AND FITNESS. IN NO EVENT
SHALL THE AUTHOR BE LIABLE FOR ANY SPECIAL, DIRECT, INDIRECT, OR CONSEQUENTIAL DAMAGES OR
ANY DAMAGES WHATSOEVER RESULTING FROM LOSS OF USE, DATA OR PROFITS, WHETHER IN AN ACTION OF
CONTRACT, NEGLIGENCE OR OTHER TORTIOUS ACTION, ARISING OUT OF OR IN CONNECTION WITH THE USE
OR PERFORMANCE OF THIS SOFTWARE.
"""


class CopyScripts(BuildHookInterface[Any]):
    """Fill the console's vendor folder before a wheel, editable or not, is put together."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        """Copy the pinned scripts; raise ValueError when one is not the pinned file."""
        target = Path(self.root, TARGET_FOLDER)
        target.mkdir(parents=True, exist_ok=True)
        for name, (source, pinned) in SCRIPTS.items():
            content = Path(
                str(distribution(DONOR).locate_file(f"{DONOR_FOLDER}/{source}"))
            ).read_bytes()
            found = hashlib.sha256(content).hexdigest()
            if found != pinned:
                msg = f"{DONOR}: {source} has SHA-256 {found}, pinned is {pinned}"
                raise ValueError(msg)
            (target / name).write_bytes(content)
        (target / "LICENSE.txt").write_text(LICENCE, encoding="utf-8")
