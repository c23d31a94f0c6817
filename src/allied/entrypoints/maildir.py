"""Files of `allied export` in mails of a Maildir.

What they are worth is for `allied.node.carriage`, which believes signatures alone: who a mail says
that it is from means nothing. No text of a mail is read, plain or HTML; attachments are told by how
they begin.

Rules. Looked at is `new/` of the folder, plain files only. A mail is bounded in bytes, lines and
parts before it is parsed, what is attached when it is unpacked. What is done moves to `cur/`;
what holds no such file stays, and so does what could not be taken in, for people to look at.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from email.policy import compat32
from pathlib import Path
from typing import Final

from allied.errors import NotFoundError

MOST_MAILS: Final = 1_000
MOST_BYTES: Final = 32 * 2**20
_MOST_LINES: Final = 500_000
_MOST_NESTED: Final = 32
_MOST_PARTS: Final = 1_000
_BEGINNINGS: Final = (b"allied-sealed/1\n", b"allied-file/1\n")


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail.

    Attributes:
        files: what was attached and begins as a file of ours does.
        problem: code of why it was not looked into; empty where it was.
    """

    path: Path
    files: Sequence[bytes]
    problem: str = ""


def mails(folder: Path) -> Iterator[Mail]:
    """The mails that lie in `new/`, the oldest name first.

    At most `MOST_MAILS` with a file of ours; what holds none stands before nothing else.

    Raises:
        NotFoundError: `mail.no-folder`, that is no Maildir.
    """
    new = folder / "new"
    try:
        names = sorted(each.name for each in new.iterdir())
    except OSError as error:
        raise NotFoundError(
            "mail.no-folder", "that is no Maildir", hint="a folder with `new` and `cur` in it"
        ) from error
    found = 0
    for name in names:
        if name.startswith("."):
            continue
        mail = _mail(new / name)
        yield mail
        found += bool(mail.files)
        if found == MOST_MAILS:
            return


def done(mail: Mail) -> None:
    """Put a mail aside as seen."""
    cur = mail.path.parent.parent / "cur"
    cur.mkdir(mode=0o700, exist_ok=True)
    mail.path.rename(cur / f"{mail.path.name.partition(':')[0]}:2,S")


def attached(raw: bytes) -> Sequence[bytes] | None:
    """What is attached to a mail and begins as a file of ours; None for what is beyond bounds.

    Cost: bounded by bytes, lines and parts; nothing is followed that stands in it.
    """
    lower = raw.lower()
    nested = lower.count(b"multipart/") + lower.count(b"message/")
    flat = raw.count(b"\n--")  # a part begins with such a line
    if len(raw) > MOST_BYTES or raw.count(b"\n") > _MOST_LINES:
        return None
    if nested > _MOST_NESTED or flat > _MOST_PARTS:
        return None
    try:
        made = message_from_bytes(raw, policy=compat32)
        found = [each.get_payload(decode=True) for each in made.walk() if _is_file(each)]
    except (MessageError, ValueError, LookupError, RecursionError):
        return None
    return [each for each in found if isinstance(each, bytes) and each.startswith(_BEGINNINGS)]


def _is_file(part: Message) -> bool:
    is_text = part.get_content_maintype() == "text" and part.get_filename() is None
    return not part.is_multipart() and not is_text


def _mail(path: Path) -> Mail:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return Mail(path, (), "mail.no-file")
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError:
        return Mail(path, (), "mail.no-file")
    files = attached(raw)
    return Mail(path, (), "mail.bounds") if files is None else Mail(path, files)
