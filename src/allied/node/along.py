"""Heads, and the few records that come along with them.

Most of what is fetched is a handful of records that are new since a hint. So whoever asks for
heads says how many bytes of records it would take along, and shows by its own heads what it has;
where all that comes behind them fits, it comes with the answer, and nothing else has to be asked.

    heads as canonical JSON; where records come along, LF and a page of records

Rules. All that the caller lacks comes along, or nothing: outlines are believed together with what
covers them (`allied.node.gathering`), and who lacks much asks for large pages. What a chain that
parts is lacking is left to who asks. What comes along is filled and read by the same functions
as an answer to `records`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from allied.node.messages import ANSWER_LIMITS, HEADS, Heads
from allied.node.pages import RecordsAnswer
from allied.node.strict import malformed

WANTED: Final = 256 * 1024
"""Bytes of records that this node takes along."""
MOST_RECORDS: Final = 500
"""Who lacks more is given none."""
_LF: Final = b"\n"


@dataclass(frozen=True, slots=True)
class HeadsAnswer:
    """An answer to `heads`.

    Attributes:
        records: what the caller lacks; None where nothing came along.
    """

    heads: Heads
    records: RecordsAnswer | None = None

    @classmethod
    def decode(cls, raw: bytes) -> HeadsAnswer:
        """Read heads, and what was joined to them.

        Raises:
            MalformedError: it is neither; or what came along is not whole, or empty.
        """
        said, page = parted(raw)
        heads = Heads.decode(said)
        if heads.along:
            raise malformed("an answer wants something along")
        if page is None:
            return cls(heads)
        records = RecordsAnswer.decode(page)
        if records.more or not records.records:
            raise malformed("what came along is not whole")
        return cls(heads, records)


def joined(heads: bytes, page: bytes | None) -> bytes:
    """Heads as they are written, and a page of records behind them, if there is one."""
    return heads if page is None else heads + _LF + page


def parted(raw: bytes) -> tuple[bytes, bytes | None]:
    """Heads and the page behind them, neither read yet; None where there is no page.

    Raises:
        MalformedError: it is larger than any answer to `heads`.
    """
    if len(raw) > ANSWER_LIMITS[HEADS]:
        raise malformed("an answer is too large")
    said, brings, page = raw.partition(_LF)
    return said, page if brings else None
