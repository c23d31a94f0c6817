"""Letters that leave this node by mail, and the port by which they do.

What stands in them, and who gets one, is for `allied.node.mailing`.

Rules. Mail is read by whoever handles it on the way, TLS or not: what nobody else may read stands
in no letter, except sealed. An address is one mailbox in ASCII, so that it fits into no header of
another kind.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from allied.errors import UnreachableError, UsageError

STARTTLS: Final = "starttls"
TLS: Final = "tls"
NONE: Final = "none"
WAYS: Final = (STARTTLS, TLS, NONE)
_LONGEST: Final = 254
_ADDRESS: Final = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?",
    re.ASCII,
)
_HOST: Final = re.compile(r"[A-Za-z0-9:](?:[A-Za-z0-9.:-]*[A-Za-z0-9])?", re.ASCII)


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters are handed in.

    Attributes:
        tls: `starttls`, `tls` from the first byte, or `none`, on this machine only.
        sender: the address that they come from.
        user: empty where the server asks for nothing.
        secret_file: one line that its owner alone may read; read for each letter.
        console: where who is served here answers; empty where there is none.
    """

    host: str
    port: int
    tls: str
    sender: str
    user: str = ""
    secret_file: str = ""
    console: str = ""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail.

    Attributes:
        name: what tells it from all others; a letter that is sent twice has it twice.
        file, media_type, attached: what is attached; empty for nothing.
    """

    to: str
    name: str
    at: datetime
    subject: str
    text: str
    file: str = ""
    media_type: str = ""
    attached: bytes = b""


class Post(Protocol):
    """Hands letters in."""

    def send(self, server: MailServer, letter: Letter) -> None:
        """Hand one in; the server has taken it when this returns.

        Raises:
            UnreachableError: `mail.unreachable`, `mail.timeout`, `mail.no-tls`, `mail.says`.
            UnverifiedError: `mail.certificate`.
            RefusedError: `mail.not-let-in`, `mail.refused`.
            UsageError: `mail.secret-file`, `mail.plain`.
        """
        ...


class NoPost:
    """The port of a node that sends no mail."""

    def send(self, server: MailServer, letter: Letter) -> None:
        """Refuse."""
        del server, letter
        raise UnreachableError("mail.unreachable", "this node sends no mail")


def require_address(text: str) -> str:
    """Return one mailbox.

    Raises:
        UsageError: `mail.address`.
    """
    if len(text) > _LONGEST or _ADDRESS.fullmatch(text) is None:
        raise UsageError(
            "mail.address",
            "that is not the address of one mailbox",
            hint="like duty@harbour.example",
        )
    return text


def require_server(server: MailServer) -> MailServer:
    """Return a server that letters may be handed to.

    Raises:
        UsageError: `mail.server`, `mail.plain`, `mail.address`.
    """
    require_address(server.sender)
    if _HOST.fullmatch(server.host) is None or not 0 < server.port < 65_536:
        raise UsageError("mail.server", "a mail server is HOST:PORT")
    if server.tls not in WAYS or bool(server.user) is not bool(server.secret_file):
        raise UsageError(
            "mail.server",
            "a mail server has one of three ways of TLS, and user and secret or neither",
            hint="--tls starttls (usually port 587), tls (465) or none",
        )
    if server.tls == NONE and not is_here(server.host):
        raise UsageError(
            "mail.plain",
            "without TLS mail goes to a server on this machine only",
            hint="--tls starttls or --tls tls",
        )
    return server


def is_here(host: str) -> bool:
    """Whether a host is written as this very machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
