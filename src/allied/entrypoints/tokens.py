"""Which API token a request shows; TAXII and REST ask here.

A token is shown as HTTP Basic `id:secret` or as Bearer `id.secret`. Whatever is wrong with
what was shown, the answer is the same: there is no token. What was shown is never logged.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from allied.node import people

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.rows import Token

_MAX_CREDENTIALS: Final = 1024


@dataclass(frozen=True, slots=True)
class Credentials:
    """The id of a token, and its secret."""

    token: str
    secret: str


def credentials(header: str) -> Credentials | None:
    """Read `Authorization`: HTTP Basic id:secret, or Bearer id.secret; None if it is neither."""
    if len(header) > _MAX_CREDENTIALS:
        return None
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() in {"bearer", "token"}:  # the latter is what taxii2-client writes
        token, dot, secret = value.strip().partition(".")
    elif scheme.lower() == "basic":
        try:
            text = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return None
        token, dot, secret = text.partition(":")
    else:
        return None
    return Credentials(token, secret) if dot and token and secret else None


def shown(headers: Iterable[tuple[bytes, bytes]]) -> Credentials | None:
    """The credentials in the headers of a request; None without any, and with several."""
    given = [value for name, value in headers if name == b"authorization"]
    return credentials(given[0].decode("latin-1")) if len(given) == 1 else None


def token_shown(node: Node, headers: Iterable[tuple[bytes, bytes]]) -> Token | None:
    """The valid token that the headers of a request show, or None; asks the store."""
    offered = shown(headers)
    if offered is None:
        return None
    return people.token_of(node, offered.token, offered.secret)
