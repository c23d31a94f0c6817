"""Where nodes ask each other, and how much of it is read.

Every question but one is a POST to `/federation/v1/<verb>`; which verbs there are is for
the use cases (`allied.node.messages`). The one GET, `identities`, is open to anybody.

Rules. A node's address is scheme, host and port: its path is always the one below, so
that the path that was signed is the path that arrives. There is no query.
"""

from __future__ import annotations

import re
from typing import Final

PREFIX: Final = "/federation/v1"

IDENTITIES: Final = "identities"
"""Who is hosted here; the only question that needs no signature."""

MAX_IDENTITIES: Final = 2**20
"""Bytes of the answer to `identities`."""

MAX_ERROR: Final = 4096
"""Bytes of a signed refusal."""

BODY_SECONDS: Final = 20.0
"""How long a request's body may take to arrive, in all."""

_VERB: Final = re.compile(r"[a-z]{1,32}", re.ASCII)


def path(verb: str) -> str:
    """The path that `verb` is asked at.

    Raises:
        ValueError: `verb` is not 1 to 32 lowercase letters.
    """
    if _VERB.fullmatch(verb) is None:
        raise ValueError("a verb is 1 to 32 lowercase letters")
    return f"{PREFIX}/{verb}"


def verb(path: str) -> str | None:
    """The verb that `path` asks, or None for any other path."""
    head, _, tail = path.rpartition("/")
    return tail if head == PREFIX and _VERB.fullmatch(tail) else None
