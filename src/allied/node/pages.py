"""Answers that carry stored bytes: records, blobs and items.

A page is filled by the answerer until nothing more fits and read by the caller as an answer.
It is framed (`allied.node.frames`): first a canonical JSON object, then stored bytes as they
are.

    RecordsPage     {"identities": [[organisation, n], ...], "more", "records": n}
                    n descriptors for each that stands there, then the envelopes; where
                    one stands there again, that is a chain that fell away
    BlobsPage       {"blobs": n}, then the blobs
    ItemsPage       {"items": n, "more", "next", "statements": [digest, ...]}
                    the envelope of each statement (and of each consent and derivation that
                    items name), then per item an object and its raw bytes

Rules. Nothing that is stored is parsed or serialised on the way. The reader refuses what is
too large, too many, incomplete or more than was announced, with MalformedError and nothing
else. What was read is well formed, not true: signatures, digests and proofs are checked by
the caller.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

import orjson

from allied.node.frames import MAX_HEAD, Frames, cut, require_end, take
from allied.node.messages import ANSWER_LIMITS, BLOBS, ITEMS, MAX_BLOBS, MAX_ITEMS, RECORDS
from allied.node.strict import count, elements, fields, flag, malformed, octets, row, text
from allied.record.canonical import Json, decode, digest
from allied.record.ids import Digest, OrganisationId, digest_text

PAGE_BYTES: Final = 8 * 2**20
"""How far a page of records is filled; its first record may take the whole of what is read."""

MAX_RECORDS: Final = 10_000
MAX_IDENTITIES: Final = 2_000
MAX_DESCRIPTORS: Final = 256

Chain = tuple[OrganisationId, Sequence[bytes]]
"""Whose, and the descriptors."""

_MAX_PROOF: Final = 4_096
_MAX_ITEM_HEAD: Final = 8_192


@dataclass(frozen=True, slots=True)
class RecordsAnswer:
    """A page of records.

    Attributes:
        identities: the chains of issuers that the caller may not know, descriptors in order.
        branches: further chains, under whose keys records stand (`allied.node.branches`).
        records: envelopes, byte for byte as they are stored.
        more: not all that was asked for fitted; ask again for what is still missing.
    """

    identities: Mapping[OrganisationId, tuple[bytes, ...]]
    records: tuple[bytes, ...]
    more: bool
    branches: tuple[tuple[OrganisationId, tuple[bytes, ...]], ...] = ()

    @classmethod
    def decode(cls, raw: bytes) -> RecordsAnswer:
        """Read what a `RecordsPage` writes; raises MalformedError."""
        most = 1 + MAX_RECORDS + MAX_IDENTITIES * MAX_DESCRIPTORS
        frames = cut(raw, limit=ANSWER_LIMITS[RECORDS], count=most)
        head = _head(frames, frozenset({"identities", "more", "records"}))
        lengths = []
        for element in elements(head["identities"], MAX_IDENTITIES):
            organisation, length = row(element, 2)
            issuer = OrganisationId(digest_text(organisation, "an organisation"))
            lengths.append((issuer, count(length, 1, MAX_DESCRIPTORS)))
        records = count(head["records"], 0, MAX_RECORDS)
        identities: dict[OrganisationId, tuple[bytes, ...]] = {}
        branches = []
        for issuer, length in lengths:
            chain = _some(frames, length)
            if identities.setdefault(issuer, chain) is not chain:
                branches.append((issuer, chain))
        answer = cls(identities, _some(frames, records), flag(head["more"]), tuple(branches))
        require_end(frames)
        return answer


@dataclass(slots=True)
class RecordsPage:
    """An answer to `records` being filled, up to PAGE_BYTES.

    The first record may take more, so that each that can be stored can be given.
    """

    _frames: Frames = field(init=False, default_factory=lambda: Frames(PAGE_BYTES))
    _chains: dict[tuple[OrganisationId, bytes], int] = field(init=False, default_factory=dict)
    _issuers: set[OrganisationId] = field(init=False, default_factory=set)
    _records: int = field(default=0, init=False)

    def add(
        self, raw: bytes, issuer: OrganisationId, chain: Sequence[bytes] = (), *further: Chain
    ) -> bool:
        """Add an envelope, and the chains that it takes unless they are on the page already.

        Args:
            chain: its issuer's identity as it is believed.
            further: chains of whatever organisation; of each the one that is believed first.

        Returns:
            False, and nothing is added, if it does not fit: send the page and say `more`.
        """
        first = () if issuer in self._issuers or not chain else ((issuer, chain),)
        new = {(whose, its[-1]): tuple(its) for whose, its in (*first, *further)}
        new = {name: its for name, its in new.items() if name not in self._chains}
        if self._records == MAX_RECORDS or len(self._chains) + len(new) > MAX_IDENTITIES:
            return False
        self._frames.limit = PAGE_BYTES if self._records else ANSWER_LIMITS[RECORDS]
        if not self._frames.add(raw, early=tuple(each for its in new.values() for each in its)):
            return False
        self._records += 1
        self._chains.update({name: len(its) for name, its in new.items()})
        self._issuers.update(whose for whose, _ in new)
        return True

    def encode(self, *, more: bool) -> bytes:
        """The framed answer."""
        chains: list[Json] = [[whose, length] for (whose, _), length in self._chains.items()]
        return self._frames.join({"identities": chains, "more": more, "records": self._records})


@dataclass(frozen=True, slots=True)
class BlobsAnswer:
    """Blobs that were asked for, by their digests; what is missing is not to be had now."""

    blobs: Mapping[Digest, bytes]

    @classmethod
    def decode(cls, raw: bytes) -> BlobsAnswer:
        """Read what a `BlobsPage` writes; raises MalformedError. The digests are computed here."""
        frames = cut(raw, limit=ANSWER_LIMITS[BLOBS], count=1 + MAX_BLOBS)
        head = _head(frames, frozenset({"blobs"}))
        blobs = _some(frames, count(head["blobs"], 0, MAX_BLOBS))
        require_end(frames)
        return cls({digest(blob): blob for blob in blobs})


@dataclass(slots=True)
class BlobsPage:
    """An answer to `blobs` being filled."""

    _frames: Frames = field(init=False, default_factory=lambda: Frames(ANSWER_LIMITS[BLOBS]))
    _blobs: int = field(default=0, init=False)

    def add(self, raw: bytes) -> bool:
        """Add a blob; False, and nothing is added, if it does not fit."""
        if self._blobs == MAX_BLOBS or not self._frames.add(raw):
            return False
        self._blobs += 1
        return True

    def encode(self) -> bytes:
        """The framed answer."""
        return self._frames.join({"blobs": self._blobs})


@dataclass(frozen=True, slots=True)
class SentItem:
    """One item and its place in its originator's statement.

    Attributes:
        id: as its originator's statement names the object; printable ASCII, like `modified`.
        modified: the version.
        statement: digest under which the page carries the statement.
        proof: of the item's place in the statement, at most 4,096 bytes (`exchange.statement`).
        share: id of the share it came with.
        raw: the object's exact bytes.
        consent: digest of the record by which its originator lets it be passed on to the
            caller, which the page carries like a statement; empty where none is needed.
    """

    id: str
    modified: str
    originator: OrganisationId
    statement: Digest
    proof: bytes
    share: str
    raw: bytes
    consent: str = ""

    def head(self) -> bytes:
        """All but `raw`, as canonical JSON: texts under plain keys that are sorted here."""
        return orjson.dumps(
            {
                "consent": self.consent,
                "id": self.id,
                "modified": self.modified,
                "originator": self.originator,
                "proof": self.proof.hex(),
                "share": self.share,
                "statement": self.statement,
            }
        )

    @classmethod
    def read(cls, head: bytes, raw: bytes) -> SentItem:
        """Read what `head` writes; raises MalformedError."""
        value = fields(_texts(head), _ITEM_KEYS)
        return cls(
            id=text(value["id"]),
            modified=text(value["modified"]),
            originator=OrganisationId(digest_text(value["originator"], "an originator")),
            statement=Digest(digest_text(value["statement"], "a statement")),
            proof=octets(value["proof"], _MAX_PROOF),
            share=text(value["share"]),
            raw=raw,
            consent=text(value["consent"]),
        )


def _texts(raw: bytes) -> Json:
    """Read a canonical object; quicker than `decode` where it holds texts and nothing else."""
    if len(raw) <= _MAX_ITEM_HEAD and raw.count(b"{") == 1:
        try:
            value = orjson.loads(raw)
        except orjson.JSONDecodeError:
            value = None
        # Sorted JSON of texts under plain keys is canonical; all else takes the long way.
        if (
            isinstance(value, dict)
            and value.keys() == _ITEM_KEYS
            and all(isinstance(each, str) for each in value.values())
            and orjson.dumps(value, option=orjson.OPT_SORT_KEYS) == raw
        ):
            return value
    return decode(raw, limit=_MAX_ITEM_HEAD)


_ITEM_KEYS: Final = frozenset(
    {"consent", "id", "modified", "originator", "proof", "share", "statement"}
)


@dataclass(frozen=True, slots=True)
class ItemsAnswer:
    """A page of items.

    Attributes:
        next: where to go on; ask from there again later also when there is no more now.
        more: whether there is more already.
        statements: envelopes by the digest under which items name them; that digest is the
            sender's word until the caller has opened the envelope.
    """

    next: str
    more: bool
    statements: Mapping[Digest, bytes]
    items: tuple[SentItem, ...]

    @classmethod
    def decode(cls, raw: bytes) -> ItemsAnswer:
        """Read what an `ItemsPage` writes; raises MalformedError."""
        frames = cut(raw, limit=ANSWER_LIMITS[ITEMS], count=1 + 3 * MAX_ITEMS)
        head = _head(frames, frozenset({"items", "more", "next", "statements"}))
        names = [
            Digest(digest_text(element, "a statement"))
            for element in elements(head["statements"], MAX_ITEMS)
        ]
        statements = dict(zip(names, _some(frames, len(names)), strict=True))
        if len(statements) != len(names):
            raise malformed("a statement stands twice")
        items = tuple(
            SentItem.read(take(frames), take(frames))
            for _ in range(count(head["items"], 0, MAX_ITEMS))
        )
        require_end(frames)
        if any(
            item.statement not in statements or (item.consent and item.consent not in statements)
            for item in items
        ):
            raise malformed("an item names a statement that is not on its page")
        return cls(text(head["next"]), flag(head["more"]), statements, items)


@dataclass(slots=True)
class ItemsPage:
    """An answer to `items` being filled, with at most `limit` items."""

    limit: int = MAX_ITEMS
    _frames: Frames = field(init=False, default_factory=lambda: Frames(ANSWER_LIMITS[ITEMS]))
    _statements: dict[Digest, None] = field(init=False, default_factory=dict)
    _items: int = field(default=0, init=False)

    def add(
        self,
        item: SentItem,
        statement: bytes,
        consent: bytes = b"",
        derivations: Mapping[Digest, bytes] = MappingProxyType({}),
    ) -> bool:
        """Add an item, and what it names unless that is on the page already.

        Args:
            derivations: what its handling says that it was made from, by their digests.

        Returns:
            False, and nothing is added, if it does not fit: send the page and say `more`.
        """
        if self._items >= min(self.limit, MAX_ITEMS):
            return False
        named = {item.statement: statement}
        if item.consent:
            named[Digest(item.consent)] = consent
        named |= derivations
        new = {name: raw for name, raw in named.items() if name not in self._statements}
        if not self._frames.add(item.head(), item.raw, early=tuple(new.values())):
            return False
        self._items += 1
        self._statements.update(dict.fromkeys(new))
        return True

    def encode(self, after: str, *, more: bool) -> bytes:
        """The framed answer; `after` becomes its `next`, at most 256 printable ASCII characters."""
        return self._frames.join(
            {
                "items": self._items,
                "more": more,
                "next": after,
                "statements": list(self._statements),
            }
        )


def _head(frames: Iterator[bytes], keys: frozenset[str]) -> Mapping[str, object]:
    return fields(decode(take(frames), limit=MAX_HEAD), keys)


def _some(frames: Iterator[bytes], number: int) -> tuple[bytes, ...]:
    return tuple(take(frames) for _ in range(number))
