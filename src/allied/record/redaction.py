"""What `redaction` and `redaction.answer` say: which texts are to be erased, and who has done so.

Who may ask, and what each party came to, is for `agreement.erasing`.

Words used here:
    text      a blob, by its digest: narrative, evidence, reasons, names of people
    because   reference of the blob that says why; it can be erased as well

Rule. A redaction names texts by their digests alone, never as references: who reads it must not
begin to ask others for what is to go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from allied.errors import MalformedError
from allied.record.blob import read_reference
from allied.record.canonical import Json
from allied.record.ids import Digest, RecordId, digest_text

REDACTION: Final = "redaction"
ANSWER: Final = "redaction.answer"
ERASED: Final = "erased"
KEPT: Final = "kept"
MAX_TEXTS: Final = 500
"""Texts that one redaction names."""

_ASKED: Final = frozenset({"because", "texts"})
_ANSWERED: Final = frozenset({"did", "redaction"})


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is to be erased; `because` is the digest of the reason, or empty."""

    texts: tuple[Digest, ...]
    because: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody has done about a redaction.

    Attributes:
        redaction: the record that asked.
        did: `erased` or `kept`.
        because: digest of the reason for keeping it; empty exactly where it is erased.
    """

    redaction: RecordId
    did: str
    because: str


def body(texts: Sequence[Digest], because: Mapping[str, Json] | None) -> dict[str, Json]:
    """The body of a redaction.

    Args:
        texts: 1 to MAX_TEXTS digests.
        because: reference of the blob that says why; None for no reason.
    """
    return {
        "because": None if because is None else dict(because),
        "texts": list[Json](sorted(set(texts))),
    }


def read_redaction(value: Mapping[str, Json]) -> Redaction:
    """Read what `body` makes.

    Raises:
        MalformedError: `redaction.shape`; as `read_reference` and the ids.
    """
    named = value.get("texts")
    if set(value) != _ASKED or not isinstance(named, list) or not 1 <= len(named) <= MAX_TEXTS:
        raise _shape(f"a redaction has a reason and names 1 to {MAX_TEXTS} texts")
    texts = [Digest(digest_text(each, "the digest of a text")) for each in named]
    if texts != sorted(set(texts)):
        raise _shape("the texts of a redaction are not sorted, or one stands twice")
    because = value["because"]
    return Redaction(tuple(texts), "" if because is None else read_reference(because)[0])


def answer_body(redaction: RecordId, kept: Mapping[str, Json] | None) -> dict[str, Json]:
    """The body of an answer: erased; or, with the reference of a reason, kept."""
    if kept is None:
        return {"did": ERASED, "redaction": redaction}
    return {"because": dict(kept), "did": KEPT, "redaction": redaction}


def read_answer(value: Mapping[str, Json]) -> Answer:
    """Read what `answer_body` makes.

    Raises:
        MalformedError: `redaction.shape`; as `read_reference` and the ids.
    """
    did = value.get("did")
    keys = _ANSWERED | {"because"} if did == KEPT else _ANSWERED
    if did not in (ERASED, KEPT) or set(value) != keys:
        raise _shape("an answer says erased, or kept and why")
    redaction = RecordId(digest_text(value["redaction"], "the id of a redaction"))
    because = read_reference(value["because"])[0] if did == KEPT else ""
    return Answer(redaction, str(did), because)


def _shape(message: str) -> MalformedError:
    return MalformedError("redaction.shape", message)
