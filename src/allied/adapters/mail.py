"""Handing letters in by SMTP, over TLS; without it on this machine only.

What a letter says and to whom it goes are for `allied.node.mailing`.

Rules. The server's certificate has to hold for the name that was given, by the system's trust
store. User and secret are shown over TLS only, or on this machine. A server answers a bounded
number of lines within bounded time. What it says is put into no message.
"""

from __future__ import annotations

import ipaddress
import smtplib
import socket
import ssl
import time
from contextlib import closing, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from pathlib import Path
from typing import Any, Final, NoReturn, cast

import truststore

from allied.adapters.secret_file import one_line
from allied.errors import RefusedError, UnreachableError, UnverifiedError, UsageError
from allied.node.post import NONE, STARTTLS, TLS, Letter, MailServer

SECONDS: Final = 60.0
"""How long handing in one letter may take."""

_MOST_LINES: Final = 500


class SmtpPost:
    """`post.Post` over SMTP; may be used from many threads at once.

    Args:
        ca_file: certificates that are trusted besides the system's, as PEM.
        seconds: how long one letter may take.
    """

    def __init__(self, *, ca_file: Path | None = None, seconds: float = SECONDS) -> None:
        self._ca_file = ca_file
        self._seconds = seconds

    def send(self, server: MailServer, letter: Letter) -> None:
        """See `Post.send`."""
        secret = _secret(server) if server.user else ""
        try:
            with closing(self._line(server)) as line:
                line.ehlo()
                if server.tls == STARTTLS:
                    line.starttls(context=self._trust())
                    line.ehlo()
                if secret:
                    line.login(server.user, secret)
                line.sendmail(server.sender, [letter.to], _bytes(server, letter))
                with suppress(OSError, smtplib.SMTPException):
                    line.quit()  # it has the letter, whatever it says now
        except smtplib.SMTPNotSupportedError as error:
            raise UnreachableError(
                "mail.no-tls", "that mail server speaks no TLS, or lets nobody in with a secret"
            ) from error
        except smtplib.SMTPAuthenticationError as error:
            raise RefusedError(
                "mail.not-let-in",
                "that mail server does not let us in",
                hint="check user and secret file",
            ) from error
        except smtplib.SMTPResponseException as error:
            _explain(error.smtp_code, error)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            _explain(max(codes, default=550), error)
        except ssl.SSLCertVerificationError as error:
            raise UnverifiedError(
                "mail.certificate",
                "the TLS certificate of that mail server does not hold",
                hint="check the host name, the certificate's validity and who issued it",
            ) from error
        except TimeoutError as error:
            raise UnreachableError(
                "mail.timeout", "that mail server did not answer in time"
            ) from error
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise UnreachableError(
                "mail.unreachable", "that mail server cannot be reached, or does not speak SMTP"
            ) from error

    def _line(self, server: MailServer) -> smtplib.SMTP:
        """A connection that is bounded from here on."""
        name = server.sender.rpartition("@")[2]
        until = time.monotonic() + self._seconds
        if server.tls == TLS:
            return _SecuredLine(until, self._trust(), server, name, self._seconds)
        return _Line(until, server, name, self._seconds)

    def _trust(self) -> ssl.SSLContext:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self._ca_file is not None:
            context.load_verify_locations(cafile=str(self._ca_file))
        return context


class _Bounded:
    """What a server says: so many lines, so long."""

    def __init__(self, file: Any, sock: socket.socket, until: float) -> None:
        self._file = file
        self._sock = sock
        self._until = until
        self._lines = 0

    def readline(self, most: int) -> bytes:
        """The next line."""
        self._lines += 1
        left = self._until - time.monotonic()
        if left <= 0 or self._lines > _MOST_LINES:
            raise TimeoutError
        self._sock.settimeout(left)
        return bytes(self._file.readline(most))

    def close(self) -> None:
        """Close what it reads from."""
        self._file.close()


class _Line(smtplib.SMTP):
    """A connection to a mail server."""

    def __init__(self, until: float, server: MailServer, name: str, seconds: float) -> None:
        self._until = until
        self._server = server
        super().__init__(server.host, server.port, name, seconds)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found = socket.create_connection((host, port), timeout)
        address = ipaddress.ip_address(str(found.getpeername()[0]).partition("%")[0])
        if self._server.tls == NONE and not address.is_loopback:
            found.close()
            raise UsageError("mail.plain", "without TLS mail does not leave this machine")
        return found

    def getreply(self) -> tuple[int, bytes]:
        """The answer to a command, bounded."""
        if self.file is None:
            sock = cast("socket.socket", self.sock)
            self.file = _Bounded(sock.makefile("rb"), sock, self._until)
        return super().getreply()


class _SecuredLine(_Line):
    """One that begins with TLS."""

    def __init__(
        self,
        until: float,
        context: ssl.SSLContext,
        server: MailServer,
        name: str,
        seconds: float,
    ) -> None:
        self._context = context
        super().__init__(until, server, name, seconds)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        found = super()._get_socket(host, port, timeout)
        try:
            return self._context.wrap_socket(found, server_hostname=host)
        except BaseException:
            found.close()
            raise


def _bytes(server: MailServer, letter: Letter) -> bytes:
    """The mail as it is handed in."""
    made = EmailMessage(policy=SMTP)
    made["From"] = server.sender
    made["To"] = letter.to
    made["Subject"] = letter.subject
    made["Date"] = format_datetime(letter.at)
    made["Message-ID"] = f"<{letter.name[:40]}@{server.sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(letter.text)
    if letter.attached:
        kind, _, subtype = letter.media_type.partition("/")
        made.add_attachment(letter.attached, maintype=kind, subtype=subtype, filename=letter.file)
    return bytes(made)


def _secret(server: MailServer) -> str:
    found = one_line(Path(server.secret_file))
    if not found:
        raise UsageError(
            "mail.secret-file",
            "the file with the secret of the mail server cannot be used",
            hint="a file of one line that only its owner may read (chmod 600)",
        )
    return found


def _explain(code: int, error: Exception) -> NoReturn:
    facts = {"status": code}
    if code < 500:
        raise UnreachableError(
            "mail.says", "that mail server cannot take letters now", facts=facts
        ) from error
    raise RefusedError(
        "mail.refused", "that mail server does not take that letter", facts=facts
    ) from error
