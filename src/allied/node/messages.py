"""What a node asks another, and what it answers, as bytes.

Each question has a verb. This module holds the questions and the answers that are short;
the long ones are framed (`allied.node.pages`). Who may ask what is for `allied.node.answers`,
how it travels and who signed it for `allied.wire`.

    verb        question            answer
    agreements  nothing             AgreementsAnswer
    heads       Heads               Heads, of the circles that the caller is a member of, and
                                    maybe records (`allied.node.pages.HeadsAnswer`)
    records     RecordsQuestion     RecordsPage, read as RecordsAnswer
    blobs       BlobsQuestion       BlobsPage, read as BlobsAnswer
    items       ItemsQuestion       ItemsPage, read as ItemsAnswer
    hint        HintQuestion        nothing; HELD, where all that was named is held
    leave       LeaveQuestion       nothing: a relay holds it (`allied.node.relaying`)
    fetch       FetchQuestion       FetchAnswer

Words used here:
    head    the end of a chain, held complete up to there; a forked chain has several
    span    records of one chain, both ends included

Rules. All is canonical JSON. Unknown keys, wrong types, anything out of order or twice is
refused, and so is what exceeds the limits below, with MalformedError and nothing else. What
was read is well formed and bounded, not true: that is for the caller to check.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, NamedTuple

from allied.exchange.reciprocity import CONTRIBUTIONS
from allied.node.strict import count, elements, fields, malformed, require_ascending, row, text
from allied.record.canonical import Json, decode, encode
from allied.record.ids import (
    AgreementId,
    CircleId,
    Digest,
    OrganisationId,
    RecordId,
    digest_text,
)

AGREEMENTS: Final = "agreements"
HEADS: Final = "heads"
RECORDS: Final = "records"
BLOBS: Final = "blobs"
ITEMS: Final = "items"
HINT: Final = "hint"
LEAVE: Final = "leave"
FETCH: Final = "fetch"

CARRIED: Final = (AGREEMENTS, HEADS, RECORDS, BLOBS, ITEMS)
"""The verbs whose answers are carried in files, too."""

NOTHING: Final = b"{}"
"""The question of `agreements`, and the answer of `hint` and `leave`."""

HELD: Final = b'{"held":true}'
"""The answer of `hint` where the caller need not be asked."""

_MIB: Final = 2**20

MAX_PARCEL: Final = 16 * _MIB
"""Sealed bytes that are left with a relay at once."""
_DIGITS: Final = 64

QUESTION_LIMITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        AGREEMENTS: 64,
        HEADS: 6 * _MIB,
        RECORDS: 4 * _MIB,
        BLOBS: _MIB,
        ITEMS: 1024,
        HINT: 64 * 1024,
        LEAVE: _DIGITS + MAX_PARCEL,
        FETCH: 1024,
    }
)
"""Bytes of a question that are read, by verb; there are no other verbs."""

ANSWER_LIMITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        AGREEMENTS: _MIB,
        HEADS: 6 * _MIB,
        RECORDS: 16 * _MIB,
        BLOBS: 32 * _MIB,
        ITEMS: 32 * _MIB,
        HINT: 64,
        LEAVE: 64,
        FETCH: _DIGITS + MAX_PARCEL,
    }
)
"""Bytes of an answer that are read, by verb."""

MAX_AGREEMENTS: Final = 2_000
MAX_HEADS: Final = 20_000
MAX_SPANS: Final = 15_000
MAX_BLOBS: Final = 1_000
MAX_ITEMS: Final = 5_000
MAX_DONE: Final = 16
MAX_ALONG: Final = _MIB
"""Bytes of records that heads may bring along."""
MAX_NEWS: Final = 16
MAX_NEWS_HEADS: Final = 200
"""Agreements that a hint names, and heads in all of them; more fit into no hint."""
_ITEMS_KEYS: Final = frozenset({"after", "agreement", "limit"})


class Named(NamedTuple):
    """An agreement that names the caller.

    Attributes:
        rows: a number that follows from the records that the caller may see; a change means news.
        items: the same of items; 0 for none.
    """

    id: AgreementId
    alias: str
    rows: int
    items: int = 0


class Head(NamedTuple):
    """The end of a chain, held complete up to there."""

    circle: CircleId
    issuer: OrganisationId
    incarnation: int
    sequence: int
    id: RecordId


class News(NamedTuple):
    """Of one agreement, what a hint is for.

    Attributes:
        rows, items: as in `Named`.
        heads: the ends of the chains that go on; none where it is for something else.
    """

    agreement: AgreementId
    rows: int
    items: int
    heads: tuple[Head, ...] = ()


class Span(NamedTuple):
    """Records of a chain with first <= sequence <= last."""

    circle: CircleId
    issuer: OrganisationId
    incarnation: int
    first: int
    last: int


def require_nothing(raw: bytes) -> None:
    """Return if `raw` says nothing.

    Raises:
        MalformedError: `message.shape`.
    """
    if raw != NOTHING:
        raise malformed("where nothing is to be said, something is")


@dataclass(frozen=True, slots=True)
class AgreementsAnswer:
    """The agreements whose bindings name the caller, proposals included; at most MAX_AGREEMENTS."""

    agreements: tuple[Named, ...]

    def encode(self) -> bytes:
        """Canonical JSON, by id."""
        named: list[Json] = [
            {"alias": one.alias, "id": one.id, "items": one.items, "rows": one.rows}
            for one in sorted(self.agreements)
        ]
        return encode({"agreements": named})

    @classmethod
    def decode(cls, raw: bytes) -> AgreementsAnswer:
        """Read what `encode` writes; raises MalformedError."""
        value = fields(decode(raw, limit=ANSWER_LIMITS[AGREEMENTS]), frozenset({"agreements"}))
        named = []
        for element in elements(value["agreements"], MAX_AGREEMENTS):
            one = fields(element, frozenset({"alias", "id", "items", "rows"}))
            agreement = AgreementId(digest_text(one["id"], "an agreement"))
            marks = count(one["rows"], 0), count(one["items"], 0)
            named.append(Named(agreement, text(one["alias"]), *marks))
        require_ascending([one.id for one in named])
        return cls(tuple(named))


@dataclass(frozen=True, slots=True)
class Heads:
    """How far a node holds the chains of an agreement; question and answer; at most MAX_HEADS.

    Attributes:
        state: what the answering node comes to from them (`agreement.sameness`), 64 hex digits;
            empty in questions, and for who may not read everything.
        along: of a question: how many bytes of records the answer may bring along, at most
            MAX_ALONG; 0 for none.
    """

    agreement: AgreementId
    heads: tuple[Head, ...]
    state: str = ""
    along: int = 0

    def encode(self) -> bytes:
        """Canonical JSON, the heads in ascending order."""
        said: dict[str, Json] = {"agreement": self.agreement, "heads": _rows(self.heads)}
        if self.along:
            said["along"] = self.along
        if self.state:
            said["state"] = self.state
        return encode(said)

    @classmethod
    def decode(cls, raw: bytes) -> Heads:
        """Read what `encode` writes; raises MalformedError."""
        value = decode(raw, limit=QUESTION_LIMITS[HEADS])
        keys = {"agreement", "heads"}
        if isinstance(value, dict):
            keys |= {"along", "state"} & value.keys()
        said = fields(value, frozenset(keys))
        agreement = AgreementId(digest_text(said["agreement"], "an agreement"))
        state = digest_text(said["state"], "a state") if "state" in said else ""
        along = count(said["along"], 1, MAX_ALONG) if "along" in said else 0
        return cls(agreement, _heads(said["heads"], MAX_HEADS), state, along)


@dataclass(frozen=True, slots=True)
class HintQuestion:
    """That there is something new for the addressee, and of which agreements.

    Attributes:
        news: nothing where all agreements are to be asked for; at most MAX_NEWS, and
            MAX_NEWS_HEADS in all of them.
    """

    news: tuple[News, ...] = ()

    def encode(self) -> bytes:
        """Canonical JSON, by agreement."""
        if not self.news:
            return NOTHING
        named: list[Json] = [
            {
                "agreement": one.agreement,
                "heads": _rows(one.heads),
                "items": one.items,
                "rows": one.rows,
            }
            for one in sorted(self.news)
        ]
        return encode({"news": named})

    @classmethod
    def decode(cls, raw: bytes) -> HintQuestion:
        """Read what `encode` writes; raises MalformedError."""
        if raw == NOTHING:
            return cls()
        value = fields(decode(raw, limit=QUESTION_LIMITS[HINT]), frozenset({"news"}))
        news = []
        for element in elements(value["news"], MAX_NEWS):
            one = fields(element, frozenset({"agreement", "heads", "items", "rows"}))
            agreement = AgreementId(digest_text(one["agreement"], "an agreement"))
            marks = count(one["rows"], 0), count(one["items"], 0)
            news.append(News(agreement, *marks, _heads(one["heads"], MAX_NEWS_HEADS)))
        require_ascending([one.agreement for one in news])
        if not news or sum(len(one.heads) for one in news) > MAX_NEWS_HEADS:
            raise malformed("a hint names nothing, or too much")
        return cls(tuple(news))


@dataclass(frozen=True, slots=True)
class RecordsQuestion:
    """Which records are wanted; at most MAX_SPANS spans."""

    agreement: AgreementId
    spans: tuple[Span, ...]

    def encode(self) -> bytes:
        """Canonical JSON, the spans in ascending order."""
        return encode({"agreement": self.agreement, "ranges": _rows(self.spans)})

    @classmethod
    def decode(cls, raw: bytes) -> RecordsQuestion:
        """Read what `encode` writes; raises MalformedError."""
        agreement, rows = _question(raw, RECORDS, "ranges", MAX_SPANS)
        spans = []
        for element in rows:
            circle, issuer, incarnation, first, last = row(element, 5)
            start = count(first, 1)
            spans.append(
                Span(
                    CircleId(digest_text(circle, "a circle")),
                    OrganisationId(digest_text(issuer, "an issuer")),
                    count(incarnation, 0),
                    start,
                    count(last, start),
                )
            )
        require_ascending(spans)
        return cls(agreement, tuple(spans))


@dataclass(frozen=True, slots=True)
class BlobsQuestion:
    """Which blobs are wanted; at most MAX_BLOBS."""

    agreement: AgreementId
    blobs: tuple[Digest, ...]

    def encode(self) -> bytes:
        """Canonical JSON, the digests in ascending order."""
        return encode({"agreement": self.agreement, "blobs": sorted(self.blobs)})

    @classmethod
    def decode(cls, raw: bytes) -> BlobsQuestion:
        """Read what `encode` writes; raises MalformedError."""
        agreement, rows = _question(raw, BLOBS, "blobs", MAX_BLOBS)
        blobs = tuple(Digest(digest_text(element, "a blob")) for element in rows)
        require_ascending(blobs)
        return cls(agreement, blobs)


@dataclass(frozen=True, slots=True)
class ItemsQuestion:
    """The next items for the caller.

    Attributes:
        after: `next` of the page before, or empty for the first; printable ASCII.
        limit: how many items at most, 1 to MAX_ITEMS.
        offers: the kinds that the caller would give in return at once, where a clause asks
            for something in return; on the wire only where there are any.
    """

    agreement: AgreementId
    after: str = ""
    limit: int = MAX_ITEMS
    offers: frozenset[str] = frozenset()

    def encode(self) -> bytes:
        """Canonical JSON, the offers in ascending order."""
        value: dict[str, Json] = {
            "after": self.after, "agreement": self.agreement, "limit": self.limit,
        }  # fmt: skip
        if self.offers:
            value["offers"] = list[Json](sorted(self.offers))
        return encode(value)

    @classmethod
    def decode(cls, raw: bytes) -> ItemsQuestion:
        """Read what `encode` writes; raises MalformedError."""
        found = decode(raw, limit=QUESTION_LIMITS[ITEMS])
        offering = isinstance(found, dict) and "offers" in found
        value = fields(found, _ITEMS_KEYS | {"offers"} if offering else _ITEMS_KEYS)
        return cls(
            AgreementId(digest_text(value["agreement"], "an agreement")),
            text(value["after"]),
            count(value["limit"], 1, MAX_ITEMS),
            _offers(value["offers"]) if offering else frozenset(),
        )


@dataclass(frozen=True, slots=True)
class LeaveQuestion:
    """Sealed bytes for a relay to hold; behind 64 digits that name the slot."""

    slot: Digest
    sealed: bytes

    def encode(self) -> bytes:
        """The slot, then the bytes as they are."""
        return self.slot.encode() + self.sealed

    @classmethod
    def decode(cls, raw: bytes) -> LeaveQuestion:
        """Read what `encode` writes; raises MalformedError."""
        if not _DIGITS < len(raw) <= QUESTION_LIMITS[LEAVE]:
            raise malformed("a parcel is empty or too large")
        slot = Digest(digest_text(raw[:_DIGITS].decode("ascii", "replace"), "a slot"))
        return cls(slot, raw[_DIGITS:])


@dataclass(frozen=True, slots=True)
class FetchQuestion:
    """The next parcel for the caller.

    Attributes:
        after: the place of the one before; 0 for the first.
        done: places that it needs no more, ascending; at most MAX_DONE.
    """

    after: int = 0
    done: tuple[int, ...] = ()

    def encode(self) -> bytes:
        """Canonical JSON."""
        return encode({"after": self.after, "done": list[Json](self.done)})

    @classmethod
    def decode(cls, raw: bytes) -> FetchQuestion:
        """Read what `encode` writes; raises MalformedError."""
        value = fields(decode(raw, limit=QUESTION_LIMITS[FETCH]), frozenset({"after", "done"}))
        done = tuple(count(each, 1) for each in elements(value["done"], MAX_DONE))
        require_ascending([(each,) for each in done])
        return cls(count(value["after"], 0), done)


@dataclass(frozen=True, slots=True)
class FetchAnswer:
    """One parcel and its place, which is 0 where there is none; 64 digits, then the bytes."""

    place: int
    sealed: bytes

    def encode(self) -> bytes:
        """The place in decimal digits with leading zeros, then the bytes as they are."""
        return f"{self.place:0{_DIGITS}d}".encode() + self.sealed

    @classmethod
    def decode(cls, raw: bytes) -> FetchAnswer:
        """Read what `encode` writes; raises MalformedError."""
        digits = raw[:_DIGITS].decode("ascii", "replace")
        whole = len(digits) == _DIGITS and not set(digits) - set("0123456789")
        place = count(int(digits), 0) if whole and len(raw) <= ANSWER_LIMITS[FETCH] else -1
        if place < 0 or (place == 0) != (len(raw) == _DIGITS):
            raise malformed("a parcel is not where its place is")
        return cls(place, raw[_DIGITS:])


def _offers(value: object) -> frozenset[str]:
    """Kinds that are offered: at least one, each known, in ascending order."""
    kinds = [text(each) for each in elements(value, len(CONTRIBUTIONS))]
    require_ascending(kinds)
    if not kinds or not CONTRIBUTIONS.issuperset(kinds):
        raise malformed("what is offered is no kind of items")
    return frozenset(kinds)


def _question(raw: bytes, verb: str, key: str, limit: int) -> tuple[AgreementId, Iterable[object]]:
    """The agreement of a question, and its list called `key`."""
    value = fields(decode(raw, limit=QUESTION_LIMITS[verb]), frozenset({"agreement", key}))
    agreement = AgreementId(digest_text(value["agreement"], "an agreement"))
    return agreement, elements(value[key], limit)


def _heads(value: object, limit: int) -> tuple[Head, ...]:
    """Heads in ascending order."""
    heads = []
    for element in elements(value, limit):
        circle, issuer, incarnation, sequence, record = row(element, 5)
        heads.append(
            Head(
                CircleId(digest_text(circle, "a circle")),
                OrganisationId(digest_text(issuer, "an issuer")),
                count(incarnation, 0),
                count(sequence, 1),
                RecordId(digest_text(record, "a record")),
            )
        )
    require_ascending(heads)
    return tuple(heads)


def _rows(rows: Iterable[tuple[str | int, ...]]) -> list[Json]:
    return [list(one) for one in sorted(rows)]
