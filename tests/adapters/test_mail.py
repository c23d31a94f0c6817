"""Letters are handed in over TLS, to a server that is what it says; what it does is bounded."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from allied.adapters.mail import SmtpPost
from allied.errors import (
    AlliedError,
    RefusedError,
    UnreachableError,
    UnverifiedError,
    UsageError,
)
from allied.node.post import Letter, MailServer
from tests.taxii.certificates import made_certificate

LETTER = Letter(
    "duty@harbour.example",
    "ab" * 32,
    datetime(2026, 11, 24, 1, 0, tzinfo=UTC),
    "[allied] TLP:GREEN",
    "In clear.\nA line.",
    "new.stix.json",
    "application/stix+json",
    b'{"type":"bundle"}',
)


@dataclass
class Desk:
    """A mail server on loopback, as much of one as a letter needs."""

    tls: tuple[Path, Path] | None = None
    at_once: bool = False
    offers: str = "STARTTLS"
    answers: dict[str, str] = field(default_factory=dict)
    endless: bool = False
    taken: list[bytes] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def talk(self, line: socket.socket) -> None:
        if self.at_once:
            line = self._secured(line)
        line.sendall(b"220 desk\r\n")
        while self.endless:
            line.sendall(b"220-and more\r\n" * 100)
        file = line.makefile("rb")
        while command := file.readline(1_000).decode().strip():
            self.said.append(command)
            verb = command.partition(" ")[0].upper()
            answer = self.answers.get(verb, "250 fine")
            if verb == "EHLO" and verb not in self.answers:
                extra = "" if isinstance(line, ssl.SSLSocket) else self.offers
                answer = "250-desk\r\n250-AUTH PLAIN LOGIN\r\n" + f"250 {extra or 'OK'}"
            if verb == "STARTTLS":
                line.sendall(b"220 go on\r\n")
                line = self._secured(line)
                file = line.makefile("rb")
                continue
            if verb == "AUTH" and verb not in self.answers:
                answer = "235 come in"
            if verb == "DATA" and verb not in self.answers:
                line.sendall(b"354 go on\r\n")
                body = bytearray()
                while (part := file.readline(10_000)) not in (b".\r\n", b""):
                    body += part
                self.taken.append(bytes(body))
            line.sendall(answer.encode() + b"\r\n")
            if verb == "QUIT":
                break
        file.close()
        line.close()

    def _secured(self, line: socket.socket) -> ssl.SSLSocket:
        assert self.tls
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.tls)
        return context.wrap_socket(line, server_side=True)


@contextlib.contextmanager
def listening(desk: Desk) -> Iterator[int]:
    """One letter's worth of a server."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        door.settimeout(5)

        def one() -> None:
            with contextlib.suppress(OSError):
                line, _ = door.accept()
                with line:
                    line.settimeout(5)
                    desk.talk(line)

        thread = threading.Thread(target=one)
        thread.start()
        try:
            yield int(door.getsockname()[1])
        finally:
            thread.join(6)
            assert not thread.is_alive()


@pytest.fixture(scope="module")
def tls() -> Iterator[tuple[Path, Path]]:
    with made_certificate() as paths:
        yield paths


def server(port: int, way: str = "none") -> MailServer:
    return MailServer("127.0.0.1", port, way, "duty@river.example")


@pytest.mark.parametrize(
    "way",
    [
        pytest.param("none", id="in clear on this machine"),
        pytest.param("starttls", id="STARTTLS"),
        pytest.param("tls", id="TLS from the first byte"),
    ],
)
def test_a_letter_arrives_whole(tls: tuple[Path, Path], tmp_path: Path, way: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("open sesame\n")
    secret.chmod(0o600)
    desk = Desk(tls, at_once=way == "tls")
    with listening(desk) as port:
        named = replace(server(port, way), user="river", secret_file=str(secret))
        SmtpPost(ca_file=tls[0], seconds=5).send(named, LETTER)
    (raw,) = desk.taken
    made = message_from_bytes(raw, policy=default)
    assert made["to"] == "duty@harbour.example"
    assert made["from"] == "duty@river.example"
    assert made["subject"] == "[allied] TLP:GREEN"
    assert made["message-id"] == f"<{'ab' * 20}@river.example>"
    assert made["auto-submitted"] == "auto-generated"
    (attached,) = made.iter_attachments()
    assert attached.get_filename() == "new.stix.json"
    assert attached.get_payload(decode=True) == LETTER.attached
    text = made.get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines() == ["In clear.", "A line."]


@pytest.mark.parametrize(
    ("desk", "way", "kind", "code"),
    [
        pytest.param(
            Desk(answers={"RCPT": "550 nobody here"}),
            "none", RefusedError, "mail.refused", id="a mailbox that is not there",
        ),
        pytest.param(
            Desk(answers={"MAIL": "451 later"}),
            "none", UnreachableError, "mail.says", id="not now",
        ),
        pytest.param(
            Desk(answers={"DATA": "552 too much"}),
            "none", RefusedError, "mail.refused", id="too large for it",
        ),
        pytest.param(
            Desk(offers=""), "starttls", UnreachableError, "mail.no-tls", id="no STARTTLS",
        ),
        pytest.param(
            Desk(endless=True),
            "none", UnreachableError, "mail.unreachable", id="lines without end",
        ),
        pytest.param(
            Desk(answers={"EHLO": "nonsense", "MAIL": "nonsense"}),
            "none", UnreachableError, "mail.says", id="no SMTP",
        ),
    ],
)  # fmt: skip
def test_what_a_server_does_instead(
    desk: Desk, way: str, kind: type[AlliedError], code: str
) -> None:
    with listening(desk) as port, pytest.raises(kind) as refused:
        SmtpPost(seconds=2).send(server(port, way), LETTER)
    assert refused.value.code == code
    assert desk.taken == []


@pytest.mark.parametrize("way", ["starttls", "tls"])
def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(
    tls: tuple[Path, Path], way: str
) -> None:
    desk = Desk(tls, at_once=way == "tls")
    with listening(desk) as port, pytest.raises(UnverifiedError) as refused:
        SmtpPost(seconds=2).send(server(port, way), LETTER)
    assert refused.value.code == "mail.certificate"
    assert not any(each.startswith(("AUTH", "MAIL")) for each in desk.said)


def test_a_secret_that_is_wrong_lets_nobody_in(tls: tuple[Path, Path], tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("wrong")
    secret.chmod(0o600)
    desk = Desk(tls, answers={"AUTH": "535 no"})
    named = replace(server(0, "starttls"), user="river", secret_file=str(secret))
    with listening(desk) as port, pytest.raises(RefusedError) as refused:
        SmtpPost(ca_file=tls[0], seconds=5).send(replace(named, port=port), LETTER)
    assert refused.value.code == "mail.not-let-in"
    assert "wrong" not in f"{refused.value.message} {refused.value.hint} {refused.value.facts}"


@pytest.mark.parametrize(
    ("content", "mode"),
    [
        pytest.param("secret", 0o644, id="others may read it"),
        pytest.param("", 0o600, id="empty"),
        pytest.param("x" * 5_000, 0o600, id="long"),
        pytest.param(None, 0o600, id="not there"),
    ],
)
def test_a_secret_file_that_cannot_be_used(tmp_path: Path, content: str | None, mode: int) -> None:
    secret = tmp_path / "secret"
    if content is not None:
        secret.write_text(content)
        secret.chmod(mode)
    named = replace(server(1), user="river", secret_file=str(secret))
    with pytest.raises(UsageError) as refused:
        SmtpPost(seconds=1).send(named, LETTER)
    assert refused.value.code == "mail.secret-file"


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = int(door.getsockname()[1])
    with pytest.raises(UnreachableError) as refused:
        SmtpPost(seconds=2).send(server(port), LETTER)
    assert refused.value.code == "mail.unreachable"
