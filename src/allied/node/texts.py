"""The words and evidence that lie beside records: as they are held, or that they were erased.

Words used here:
    text     a blob whose media type begins with `text/`
    words    the text; or, where its author had it erased, a sentence that says so

Rule. Organisations hosted on one node share what it holds; who is shown something passes `Held`
where the history rule keeps texts from it (`allied.agreement.joining`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from allied.errors import AlliedError
from allied.record import blob
from allied.record.ids import Digest

if TYPE_CHECKING:
    from allied.node.rows import ErasureRow
    from allied.record.ids import AgreementId, CircleId

_LIMIT: Final = 20_000


class Texts(Protocol):
    """What is asked about texts; a reading of the store answers it."""

    def blob(self, blob: Digest, /) -> tuple[AgreementId, CircleId, bytes] | None:
        """The bytes, and where they lie."""
        ...

    def erasure(self, blob: Digest, /, agreement: AgreementId | None = None) -> ErasureRow | None:
        """That it was erased or is kept."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """The texts of this node without those that are not for the organisation that looks."""

    texts: Texts
    withheld: frozenset[Digest]

    def blob(self, blob: Digest, /) -> tuple[AgreementId, CircleId, bytes] | None:
        """As if it were not here, if it is withheld."""
        return None if blob in self.withheld else self.texts.blob(blob)

    def erasure(self, blob: Digest, /, agreement: AgreementId | None = None) -> ErasureRow | None:
        """That it was erased or is kept."""
        return self.texts.erasure(blob, agreement)


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """A blob that was given as evidence.

    Attributes:
        text: empty when it is no text or not here.
        erased: a sentence that says by whose wish, and when; empty where nobody had it erased.
    """

    blob: Digest
    here: bool
    media: str
    text: str
    size: int
    erased: str = ""


def evidence_of(reading: Texts, name: Digest) -> EvidenceView:
    """What is held of a blob, or what became of it."""
    found = reading.blob(name)
    if found is None:
        return EvidenceView(name, here=False, media="", text="", size=0, erased=_why(reading, name))
    raw = found[2]
    try:
        media, content = blob.open_blob(raw, {"blob": name, "size": len(raw)})
    except AlliedError:
        return EvidenceView(name, here=False, media="", text="", size=0)
    text = ""
    if media.startswith("text/"):
        text = content[:_LIMIT].decode("utf-8", "replace")
    return EvidenceView(name, here=True, media=media, text=text, size=len(content))


def text_of(reading: Texts, name: str) -> str:
    """The text in a blob; empty when there is none, it is not held, or it is no text."""
    return evidence_of(reading, Digest(name)).text if name else ""


def words_of(reading: Texts, name: str) -> str:
    """What people are shown of a blob: its text, or that it was erased."""
    if not name:
        return ""
    found = evidence_of(reading, Digest(name))
    return found.text or (f"[{found.erased}]" if found.erased else "")


def _why(reading: Texts, name: Digest) -> str:
    row = reading.erasure(name)
    if row is None:
        return ""
    because = text_of(reading, row.because)
    told = f": {because}" if because else ""
    if row.kept:
        return (
            f"not shown: {row.party} wished on {row.at:%Y-%m-%d} that it be erased{told};"
            f" kept here: {row.kept}"
        )
    return f"erased on {row.at:%Y-%m-%d} as {row.party} wished{told}"
