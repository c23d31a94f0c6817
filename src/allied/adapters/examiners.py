"""Examining the objects of a large bundle in a second process, beside this one.

Implements `allied.exchange.examining.Examiner`. A small bundle is examined here, and never
costs a process. Past `_ALONE_UNTIL` bytes a helper is started, and rows go to whoever is
free: to it, or to this process, which has everything else to do as well. What comes back is
put together in order, so that nobody can tell who has examined what.

Words used here:
    helper     `allied.adapters.examiner_process`, a process that examines and does nothing else
    window     some rows on their way: sent, or done
    frame      a length of four bytes, and so many bytes; the same in both directions

Rules. At most `_SENT` rows are with the helper and `_WAITING` windows are held, so memory does
not grow with the bundle. A helper that cannot be started, ends, is killed, answers nonsense, or
neither takes nor gives a byte for `_PATIENCE` seconds (somebody has stopped it) is done
without: what it owed is examined here, and the rest too. It gets no secrets, not even
by its environment, and ends when this process does.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from select import select
from typing import IO, Final

import msgspec

from allied.errors import AlliedError
from allied.exchange.bundle import Refused, Row
from allied.exchange.examining import Sighted, examined
from allied.exchange.stix import Head

LENGTH: Final = struct.Struct(">I")
MOST_FRAME: Final = 64 * 2**20

_ALONE_UNTIL: Final = 2 * 2**20
"""Bytes of a bundle that are examined without a helper: less is done before it has started."""

_WORTH_SENDING: Final = 64 * 2**10
_MOST_SENT: Final = 4 * 2**20
_SENT: Final = 3
_WAITING: Final = 8
_PATIENCE: Final = 30.0
_ENDING_SECONDS: Final = 5.0
_CHUNK: Final = 2**20
_PIPE: Final = 2**20
_MODULE: Final = "allied.adapters.examiner_process"


class Asked(msgspec.Struct, array_like=True, frozen=True):
    """A row that a helper is to examine."""

    index: int
    raws: list[bytes]


class Seen(msgspec.Struct, array_like=True, frozen=True, tag="seen", gc=False):
    """As `Sighted`, without what the one who asked has already."""

    head: Head
    digest: bytes
    sound: bool
    names: tuple[bytes, ...]


class Passed(msgspec.Struct, array_like=True, frozen=True, tag="passed", gc=False):
    """As `Refused`, without its place."""

    id: str | None
    code: str
    reason: str


ANSWER: Final = msgspec.msgpack.Decoder(list[Seen | Passed])


class _GoneError(Exception):
    """Inside this module: the helper is of no use any more."""


@dataclass(slots=True)
class _Window:
    """A row that was sent (`done` is None), or what is known of some elements."""

    row: Row | None
    done: list[Sighted | Refused] | None


class Helped:
    """An examiner with a helper, if there is enough to do."""

    def __init__(self, stack: ExitStack, *, alone_until: int = _ALONE_UNTIL) -> None:
        """Start a helper once there is need for one; `stack` ends it."""
        self._stack = stack
        self._alone_until = alone_until
        self._seen = 0
        self._helper: subprocess.Popen[bytes] | None = None
        self._gone = False
        self._sent = 0

    def examine(self, found: Iterable[Row | Refused]) -> Iterator[list[Sighted | Refused]]:
        """See `allied.exchange.examining.Examiner.examine`."""
        windows: deque[_Window] = deque()
        failure: AlliedError | None = None
        elements = iter(found)
        try:
            while failure is None:
                try:
                    each = next(elements, None)
                except AlliedError as error:  # told behind what came before it
                    each, failure = None, error
                if each is None:
                    break
                windows.append(self._window(each))
                while windows and (
                    windows[0].done is not None or len(windows) > _WAITING or self._has_answered()
                ):
                    yield self._received(windows)
            while windows:
                yield self._received(windows)
        finally:
            self._gone = self._gone or self._sent > 0  # answers that nobody has asked for
        if failure is not None:
            raise failure

    def _window(self, each: Row | Refused) -> _Window:
        """Send a row to the helper, or examine it here."""
        if isinstance(each, Refused):
            return _Window(None, [each])
        size = sum(map(len, each.raws))
        self._seen += size
        if (
            self._seen > self._alone_until
            and self._sent < _SENT
            and _WORTH_SENDING <= size <= _MOST_SENT
            and self._send(Asked(each.index, each.raws))
        ):
            return _Window(each, None)
        return _Window(None, examined(each))

    def _send(self, asked: Asked) -> bool:
        """Give the helper something to do; whether it took it."""
        helper = self._started()
        if helper is None:
            return False
        try:
            _write(_pipe(helper.stdin), msgspec.msgpack.encode(asked))
        except OSError:
            self._gone = True
            return False
        self._sent += 1
        return True

    def _has_answered(self) -> bool:
        """Whether an answer, or the end of the helper, can be read without waiting."""
        helper = self._helper
        if helper is None or self._gone:
            return True
        ready, _, _ = select([_pipe(helper.stdout)], [], [], 0)
        return bool(ready)

    def _received(self, windows: deque[_Window]) -> list[Sighted | Refused]:
        """What is known of the first window; examined here if the helper owes it for good."""
        window = windows.popleft()
        if window.done is not None or window.row is None:
            return window.done or []
        try:
            found = self._answer(window.row)
        except _GoneError:
            self._gone = True
            found = examined(window.row)
        self._sent -= 1
        return found

    def _answer(self, row: Row) -> list[Sighted | Refused]:
        """What the helper says of the row that it was given first.

        Raises:
            _GoneError: nothing, or nothing that can be understood.
        """
        if self._helper is None or self._gone:
            raise _GoneError
        try:
            answer = ANSWER.decode(_read(_pipe(self._helper.stdout)))
        except (OSError, EOFError, msgspec.MsgspecError, UnicodeDecodeError):
            raise _GoneError from None
        if len(answer) != len(row.raws):
            raise _GoneError
        return [
            Sighted(index, each.head, raw, each.digest, each.sound, each.names)
            if isinstance(each, Seen)
            else Refused(index, each.id, each.code, each.reason)
            for index, (raw, each) in enumerate(zip(row.raws, answer, strict=True), row.index)
        ]

    def _started(self) -> subprocess.Popen[bytes] | None:
        """The helper; None where there is none."""
        if self._helper is None and not self._gone:
            try:
                self._helper = self._stack.enter_context(_helper())
            except OSError:
                self._gone = True
        return None if self._gone else self._helper


@contextmanager
def helped() -> Iterator[Helped]:
    """An examiner whose helper, if it needs one, has ended when the block is left."""
    with ExitStack() as stack:
        yield Helped(stack)


@contextmanager
def _helper() -> Iterator[subprocess.Popen[bytes]]:
    """A helper, which ends with the block."""
    environment = {name: text for name, text in os.environ.items() if "ALLIED" not in name}
    # Never a module from the folder in which somebody happens to be.
    path = "-I" if sys.flags.isolated else "-P"
    process = subprocess.Popen(  # noqa: S603  # this interpreter, a module of ours
        [sys.executable, path, "-m", _MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        bufsize=0,  # what is read ahead would hide from `select`
    )
    for pipe in (process.stdin, process.stdout):
        os.set_blocking(_pipe(pipe).fileno(), False)
        _widen(_pipe(pipe))
    try:
        yield process
    finally:
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                _pipe(pipe).close()
        try:
            process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _widen(pipe: IO[bytes]) -> None:
    """Let a whole row lie in a pipe, where the system can: neither side waits to be read."""
    command = getattr(fcntl, "F_SETPIPE_SZ", None)
    if command is not None:
        with contextlib.suppress(OSError):  # the operator may allow less
            fcntl.fcntl(pipe, command, _PIPE)


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    if pipe is None:
        raise AssertionError("a helper has both pipes")
    return pipe


def _write(pipe: IO[bytes], content: bytes) -> None:
    """Send one frame.

    Raises:
        OSError: it is not taken; TimeoutError for one that nobody reads.
    """
    left = memoryview(LENGTH.pack(len(content)) + content)
    while left:
        if not select([], [pipe], [], _PATIENCE)[1]:
            raise TimeoutError
        left = left[os.write(pipe.fileno(), left[:_CHUNK]) :]


def _read(pipe: IO[bytes]) -> bytes:
    """One frame.

    Raises:
        EOFError: there is none, or only a part of one.
        OSError: TimeoutError where nothing more comes.
    """
    (size,) = LENGTH.unpack(_exactly(pipe, LENGTH.size))
    if size > MOST_FRAME:
        raise EOFError
    return _exactly(pipe, size)


def _exactly(pipe: IO[bytes], size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        if not select([pipe], [], [], _PATIENCE)[0]:
            raise TimeoutError
        part = os.read(pipe.fileno(), min(size - len(found), _CHUNK))
        if not part:
            raise EOFError
        found += part
    return bytes(found)
