"""Files of `allied export` in mails of a Maildir.

What they are worth is for `allied.node.carriage`, which believes signatures alone: who a mail says
that it is from means nothing. No text of a mail is read, plain or HTML; attachments are told by how
they begin.

Rules. Looked at is `new/` of the folder, plain files only. A mail is bounded in bytes, lines and
parts before it is parsed, what is attached when it is unpacked. What is done moves to `cur/`;
what holds no such file stays, and so does what could not be taken in, for people to look at. A
server looks at what stays no more where it holds no file, and once an hour where it does.
"""

from __future__ import annotations

import io
import stat
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.errors import MessageError
from email.message import Message
from email.policy import compat32
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from allied.errors import AlliedError, ExhaustedError, NotFoundError
from allied.node import carriage, mail_routes

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Keys

MOST_MAILS: Final = 1_000
MOST_BYTES: Final = 32 * 2**20
_MOST_LINES: Final = 500_000
_MOST_NESTED: Final = 32
_MOST_PARTS: Final = 1_000
_AT_ONCE: Final = 50
"""Mails at which a server looks before it does something else."""
_AGAIN_SECONDS: Final = 3600.0
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


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of one mail."""

    mail: str
    files: int
    records: int
    items: int
    problem: str


def mails(folder: Path, passing: Collection[str] = ()) -> Iterator[Mail]:
    """The mails that lie in `new/`, the oldest name first, without those of some names.

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
        if name.startswith(".") or name in passing:
            continue
        mail = _mail(new / name)
        yield mail
        found += bool(mail.files)
        if found == MOST_MAILS:
            return


def done(mail: Mail) -> None:
    """Put a mail aside as seen; one that another process has put aside is left alone.

    Raises:
        ExhaustedError: `mail.not-moved`.
    """
    cur = mail.path.parent.parent / "cur"
    try:
        cur.mkdir(mode=0o700, exist_ok=True)
        mail.path.rename(cur / f"{mail.path.name.partition(':')[0]}:2,S")
    except FileNotFoundError:
        return
    except OSError as error:
        raise ExhaustedError(
            "mail.not-moved",
            "a mail whose files were taken in cannot be moved to `cur`",
            hint="whoever takes in has to own that Maildir",
        ) from error


def take_in(node: Node, keys: Keys, mail: Mail) -> Taken:
    """Take in the files of one mail, and put it aside if all of it held."""
    records = items = 0
    problem = mail.problem
    for raw in mail.files:
        try:
            taken = carriage.take_in(node, keys, io.BytesIO(raw))
        except AlliedError as refused:
            problem = refused.code
            continue
        records += taken.outcome.records
        items += taken.outcome.items
        problem = problem or taken.broken
    if mail.files and not problem:
        try:
            done(mail)
        except ExhaustedError as stays:
            problem = stays.code
    return Taken(mail.path.name, len(mail.files), records, items, problem)


class Looks:
    """Looks into the Maildir that people have named, now and then; for a server."""

    def __init__(
        self, node: Node, keys: Keys, *, steady: Callable[[], float] = time.monotonic
    ) -> None:
        """Take in for `node`; `steady` are seconds that only ever grow."""
        self._node = node
        self._keys = keys
        self._steady = steady
        self._later: dict[str, float] = {}
        self._problems: dict[str, str] = {}

    def look(self) -> Sequence[Taken]:
        """Take in what is new; what was looked at lately is passed over.

        Raises:
            ExhaustedError: the store cannot go on.
        """
        with self._node.store.read() as reading:
            box = mail_routes.box_of(reading)
        if not box.folder:
            return ()
        now, found, problem = self._steady(), list[Taken](), ""
        folder = Path(box.folder)
        try:
            waiting = {name for name, at in self._later.items() if at > now}
            for mail in islice(mails(folder, waiting), _AT_ONCE):
                self._later[mail.path.name] = now + _AGAIN_SECONDS  # also if it breaks us
                found.append(take_in(self._node, self._keys, mail))
                self._note(found[-1])
            self._forget(folder)
        except (NotFoundError, OSError):
            problem = "mail.no-folder"
        self._tell(box, found, problem)
        return [each for each in found if each.files or each.problem]

    def _note(self, taken: Taken) -> None:
        self._problems.pop(taken.mail, None)
        if taken.problem:
            self._problems[taken.mail] = taken.problem
        else:
            self._later[taken.mail] = float("inf")

    def _forget(self, folder: Path) -> None:
        """Forget the mails that are not there any more."""
        for name in [each for each in self._later if not (folder / "new" / each).exists()]:
            self._later.pop(name)
            self._problems.pop(name, None)

    def _tell(self, box: mail_routes.Box, found: Sequence[Taken], problem: str) -> None:
        """Keep what `doctor` says of it, where that is another thing than before."""
        took = any(each.files and not each.problem for each in found)
        problem = problem or next(reversed(self._problems.values()), "")
        after = mail_routes.Box(
            box.folder,
            self._node.clock.now() if took else box.taken_at,
            len(self._problems),
            problem,
        )
        if after != box:
            with self._node.store.write() as writing:
                if mail_routes.box_of(writing).folder == box.folder:
                    mail_routes.keep_box(writing, after)


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
