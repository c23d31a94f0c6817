"""What a party would get over the network, in a file that somebody carries.

A node without a connection is served by a file: the same answers that another node would be
given, one after the other, each signed with the key for requests and answers. Writing one is a
release like any other (`release.page`), in the ledger as by file; taking one in is an exchange
like any other (`sync`), with the file in place of the other node.

    allied-file/1 LF, then frames: length and head, length and body, length and signature
    head    canonical JSON: agreement, after, made_at, number, previous, recipient, sender,
            sha256, verb; `previous` is the digest of the head before, so nothing is left out
            or moved; the last frame has the verb `end`

Rules. Only a confirmed peer with one identity, or a neighbour on this node, gets a file, and of
such a peer alone one is taken in. A frame that does not hold ends the reading: what stands before
it is taken in, and the refusal says where it broke.
The same file can be taken in again and goes on where it stopped. It is signed inside, and sealed
to the recipient (`allied.node.sealing`): whoever carries it learns for whom it is, and its size.
One that is not sealed is taken in as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from allied.errors import (
    AlliedError,
    MalformedError,
    NotFoundError,
    RefusedError,
    UnreachableError,
    UnverifiedError,
)
from allied.node import messages, release, renewals, sealing, sync
from allied.node.agreements import resolve
from allied.node.answers import Answers
from allied.node.messages import (
    AgreementsAnswer,
    BlobsQuestion,
    Heads,
    ItemsQuestion,
    RecordsQuestion,
    Span,
)
from allied.node.pages import BlobsAnswer, BlobsPage, ItemsAnswer, RecordsAnswer, RecordsPage
from allied.node.strict import count, fields, text
from allied.record import blob
from allied.record.canonical import decode, digest, encode
from allied.record.identity import open_chain
from allied.record.ids import AgreementId, Digest, OrganisationId, PartyId, digest_text
from allied.record.keys import verify
from allied.record.outline import read_either

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading
    from allied.node.rows import Organisation, Peer
    from allied.node.sealing import Sink, Source
    from allied.node.sync import Outcome
    from allied.record.keys import PublicKey

MAGIC: Final = b"allied-file/1\n"
MAX_FRAMES: Final = 100_000
_MAX_HEAD: Final = 8_192
_MAX_SIGNATURE: Final = 256
_END: Final = "end"
_START: Final = Digest("0" * 64)
_LENGTH: Final = 4
_ROUNDS: Final = 10_000
_LIMITS: Final[Mapping[str, int]] = {
    **{verb: messages.ANSWER_LIMITS[verb] for verb in messages.CARRIED},
    _END: 0,
}
_KEYS: Final = frozenset(
    {
        "agreement", "after", "made_at", "number", "previous", "recipient", "sender", "sha256",
        "verb",
    }
)  # fmt: skip


@dataclass(slots=True)
class Written:
    """What a file holds.

    Attributes:
        kept_back: items that are not in it, because others could read them there.
    """

    recipient: str
    frames: int = 0
    records: int = 0
    blobs: int = 0
    items: int = 0
    kept_back: int = 0
    size: int = 0


# --- writing ----------------------------------------------------------------------------


def write(
    node: Node,
    organisation: Organisation,
    keys: Keys,
    agreement: str,
    to: str,
    out: Sink,
    *,
    sealed: bool = True,
) -> Written:
    """Write what `to` may have under an agreement.

    Args:
        sealed: so that only `to` can read it; else whoever holds the file can, and items that
            have to be encrypted in transit are left out (`exchange.not-encrypted`).

    Raises:
        NotFoundError: no such agreement, or `carriage.no-such-party`.
        RefusedError: `carriage.not-confirmed`, the recipient is no confirmed peer.
        UnverifiedError: `peer.identity-forked`, it has shown two identities.
    """
    with node.store.read() as reading:
        row = resolve(reading, agreement)
        instrument = node.folds.of(reading, row.id).instrument
        named = any(each.id == to for each in instrument.terms.parties)
        recipient = instrument.organisation(PartyId(to)) if named else None
        if recipient is None or recipient == organisation.id:
            raise NotFoundError(
                "carriage.no-such-party", f"{row.alias} names no other party of that id"
            )
        _require_known(reading, recipient)
        key = sealing.key_of(reading, recipient)
        folded = node.folds.of(reading, row.id)
        kept_back = (
            0 if sealed else release.kept_back(node, reading, folded, organisation.id, PartyId(to))
        )
    if not sealed:
        writing = _Writing(
            node, organisation, keys, row.id, recipient, out,
            Written(to, kept_back=kept_back), readable=True,
        )  # fmt: skip
        writing.run()
        return writing.written
    around = sealing.Sealing(keys, key, recipient, node.chance.token(16), out)
    writing = _Writing(node, organisation, keys, row.id, recipient, around, Written(to))
    writing.run()
    around.finish()
    return replace(writing.written, size=around.size)


def _require_known(reading: Reading, organisation: OrganisationId) -> None:
    peer = reading.peer(organisation)
    near = any(each.id == organisation for each in reading.organisations())
    if not near:
        renewals.require_one_identity(reading, organisation)
    if not near and (peer is None or peer.confirmed_at is None):
        raise RefusedError(
            "carriage.not-confirmed",
            "nobody here has confirmed who that organisation is",
            hint="`allied peer add` with the fingerprint that they read to you",
        )


@dataclass(slots=True)
class _Writing:
    """One file under way."""

    node: Node
    organisation: Organisation
    keys: Keys
    agreement: AgreementId
    recipient: OrganisationId
    out: Sink
    written: Written
    previous: Digest = _START
    readable: bool = False

    def run(self) -> None:
        """Every frame, the end included."""
        self.out.write(MAGIC)
        self.written.size = len(MAGIC)
        answers = Answers(self.node, self.keys, lambda _: None)

        def ask(verb: str, question: bytes) -> bytes:
            return answers.answer(self.recipient, self.organisation.id, verb, question)

        named = AgreementsAnswer.decode(ask(messages.AGREEMENTS, messages.NOTHING))
        one = tuple(each for each in named.agreements if each.id == self.agreement)
        if self.written.kept_back:  # or who takes it in would think that this is all there is
            one = tuple(each._replace(rows=each.rows ^ 1) for each in one)
        self._put(messages.AGREEMENTS, AgreementsAnswer(one).encode())
        raw = ask(messages.HEADS, Heads(self.agreement, ()).encode())
        self._put(messages.HEADS, raw)
        wanted = self._records(Heads.decode(raw), ask)
        for start in range(0, len(wanted), messages.MAX_BLOBS):
            self._blobs(wanted[start : start + messages.MAX_BLOBS], ask)
        self._items()
        self._put(_END, b"")

    def _records(self, heads: Heads, ask: sync.Ask) -> list[Digest]:
        """Every record of the chains that the recipient may see; the blobs that they name."""
        left = {
            (head.circle, head.issuer, head.incarnation): (1, head.sequence) for head in heads.heads
        }
        blobs: dict[Digest, None] = {}
        for _ in range(_ROUNDS):
            spans = sorted(Span(*chain, *between) for chain, between in left.items())
            if not spans:
                break
            question = RecordsQuestion(self.agreement, tuple(spans[: messages.MAX_SPANS]))
            raw = ask(messages.RECORDS, question.encode())
            answer = RecordsAnswer.decode(raw)
            if not answer.records:
                break
            self._put(messages.RECORDS, raw)
            self.written.records += len(answer.records)
            for each in answer.records:
                record = read_either(each)
                header = record.header
                chain = (header.circle, header.issuer, header.incarnation)
                blobs.update(dict.fromkeys(blob.references(record.body)))
                if chain in left:
                    last = left[chain][1]
                    left[chain] = (header.sequence + 1, last)
                    if header.sequence >= last:
                        del left[chain]
            if not answer.more and len(spans) <= messages.MAX_SPANS:
                break
        return sorted(blobs)

    def _blobs(self, wanted: list[Digest], ask: sync.Ask) -> None:
        asked = list(wanted)
        while asked:
            raw = ask(messages.BLOBS, BlobsQuestion(self.agreement, tuple(asked)).encode())
            got = BlobsAnswer.decode(raw).blobs
            if not got:
                return
            self._put(messages.BLOBS, raw)
            self.written.blobs += len(got)
            asked = [each for each in asked if each not in got]

    def _items(self) -> None:
        after = ""
        for _ in range(_ROUNDS):
            question = ItemsQuestion(self.agreement, after)
            raw = release.page(
                self.node,
                self.recipient,
                self.organisation.id,
                question,
                via=release.BY_FILE,
                readable=self.readable,
            )
            page = ItemsAnswer.decode(raw)
            self._put(messages.ITEMS, raw, after=after)
            self.written.items += len(page.items)
            if not page.items or page.next == after:
                return
            after = page.next

    def _put(self, verb: str, body: bytes, *, after: str = "") -> None:
        head = encode(
            {
                "agreement": self.agreement,
                "after": after,
                "made_at": self.node.clock.now().isoformat(timespec="milliseconds"),
                "number": self.written.frames,
                "previous": self.previous,
                "recipient": self.recipient,
                "sender": self.organisation.id,
                "sha256": sha256(body).hexdigest(),
                "verb": verb,
            }
        )
        signer = self.keys.signer(self.organisation.id, "transport")
        for part in (head, body, signer.sign(MAGIC + head)):
            self.out.write(len(part).to_bytes(_LENGTH, "big"))
            self.out.write(part)
            self.written.size += _LENGTH + len(part)
        self.written.frames += 1
        self.previous = digest(head)


# --- reading ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Frame:
    """One frame that holds: what it says, and where its body lies in the file."""

    verb: str
    after: str
    made_at: datetime
    agreement: AgreementId
    recipient: OrganisationId
    sender: OrganisationId
    at: int
    size: int


@dataclass(slots=True)
class Opened:
    """A file whose frames were verified.

    Attributes:
        problem: why the reading ended before the end of the file; None if it did not.
    """

    stream: Source
    frames: list[_Frame] = field(default_factory=list)
    problem: AlliedError | None = None

    def bodies(self, verb: str) -> Iterator[tuple[_Frame, bytes]]:
        """The bodies of a verb, in the order of the file."""
        for frame in self.frames:
            if frame.verb == verb:
                self.stream.seek(frame.at)
                yield frame, self.stream.read(frame.size)

    def answer(self, verb: str, question: bytes) -> bytes:
        """What the file has in answer to a question, as the other node would say it.

        Raises:
            UnreachableError: `carriage.not-in-file`.
        """
        if verb == messages.RECORDS:
            return self._records(RecordsQuestion.decode(question))
        if verb == messages.BLOBS:
            return self._blobs(BlobsQuestion.decode(question))
        after = ItemsQuestion.decode(question).after if verb == messages.ITEMS else ""
        first = b""
        for frame, body in self.bodies(verb):
            if frame.after == after:
                return body
            first = first or body
        if not first:
            raise UnreachableError(
                "carriage.not-in-file",
                "the file breaks off before what is asked for",
                hint="take in the whole file; it goes on where this one stopped",
            )
        return first  # the place is of another exchange: from the beginning

    def _records(self, question: RecordsQuestion) -> bytes:
        page = RecordsPage()
        spans: dict[tuple[str, str, int], list[tuple[int, int]]] = {}
        for span in question.spans:
            spans.setdefault(span[:3], []).append((span.first, span.last))
        for _, body in self.bodies(messages.RECORDS):
            answer = RecordsAnswer.decode(body)
            further = [
                one
                for whose, branch in answer.branches
                for one in ((whose, answer.identities[whose]), (whose, branch))
            ]
            for raw in answer.records:
                header = read_either(raw).header
                asked = spans.get((header.circle, header.issuer, header.incarnation), [])
                if not any(first <= header.sequence <= last for first, last in asked):
                    continue
                chain = answer.identities.get(header.issuer, ())
                if not page.add(raw, header.issuer, chain, *further):
                    return page.encode(more=True)
        return page.encode(more=False)

    def _blobs(self, question: BlobsQuestion) -> bytes:
        page = BlobsPage()
        wanted = set(question.blobs)
        for _, body in self.bodies(messages.BLOBS):
            for name, raw in BlobsAnswer.decode(body).blobs.items():
                if name in wanted and page.add(raw):
                    wanted.discard(name)
        return page.encode()


@dataclass(frozen=True, slots=True)
class TakenIn:
    """What a file brought; `broken` is the code of what ended the reading, or empty."""

    sender: str
    recipient: str
    agreement: AgreementId
    made_at: datetime
    outcome: Outcome
    broken: str


def take_in(node: Node, keys: Keys, stream: Source) -> TakenIn:
    """Take in a file that was written for an organisation hosted here.

    Args:
        stream: can be read again from any place.

    Raises:
        MalformedError: `carriage.form`, it is no such file.
        UnverifiedError: `carriage.sender-unknown`, `carriage.signature`, `peer.identity-forked`,
            ...: nothing of it holds.
        RefusedError: `carriage.not-for-us`.
        AlliedError: whatever an exchange over the network raises.
    """
    with node.store.read() as reading:
        opened = _opened(reading, _in_clear(reading, keys, stream))
        if not opened.frames:
            raise opened.problem or _form()
        first = opened.frames[0]
        organisation, peer = _both(reading, first)
    last = min(first.made_at, node.clock.now())
    broken = opened.problem.code if opened.problem else ""
    try:
        outcome = sync.exchange_given(node, keys, organisation, peer, opened.answer, last)
    except UnreachableError as missing:
        outcome = sync.Outcome(
            organisation.label, peer.label, problem=missing.code, message=missing.message
        )
        broken = broken or missing.code
    return TakenIn(peer.label, organisation.label, first.agreement, first.made_at, outcome, broken)


def _in_clear(reading: Reading, keys: Keys, stream: Source) -> Source:
    """What a file says, opened as it is read if it is sealed.

    Raises:
        MalformedError: `sealing.form`.
        RefusedError: `carriage.not-for-us`, it is sealed to somebody else.
    """
    sealed = stream.read(len(sealing.MAGIC)) == sealing.MAGIC
    if not sealed:
        stream.seek(0)
        return stream
    found = sealing.Unsealed(keys, stream)
    if all(each.id != found.head.recipient for each in reading.organisations()):
        raise _not_for_us()
    return found


def _both(reading: Reading, first: _Frame) -> tuple[Organisation, Peer]:
    """For whom a file is, and of whom."""
    mine = [each for each in reading.organisations() if each.id == first.recipient]
    peer = reading.peer(first.sender)
    if not mine or peer is None:
        raise _not_for_us()
    return mine[0], peer


def _not_for_us() -> RefusedError:
    return RefusedError("carriage.not-for-us", "the file is for an organisation not hosted here")


def _opened(reading: Reading, stream: Source) -> Opened:
    """Verify frames one after the other, as far as they hold."""
    if stream.read(len(MAGIC)) != MAGIC:
        raise _form()
    opened = Opened(stream)
    key: PublicKey | None = None
    previous, at = _START, len(MAGIC)
    try:
        for number in range(MAX_FRAMES):
            head = _part(stream, _MAX_HEAD)
            verb, body_at = _verb(head), at + 2 * _LENGTH + len(head)
            body = _part(stream, _LIMITS[verb])
            signature = _part(stream, _MAX_SIGNATURE)
            frame = _read_head(head, body, body_at, number, previous)
            if opened.frames and _parties(frame) != _parties(opened.frames[0]):
                raise _form()
            key = key or _key(reading, frame.sender)
            _require_signed(key, head, signature, number)
            if verb == _END:
                return opened
            opened.frames.append(frame)
            previous = digest(head)
            at = body_at + len(body) + _LENGTH + len(signature)
    except (MalformedError, UnverifiedError) as problem:
        opened.problem = problem
    return opened


def _parties(frame: _Frame) -> tuple[str, str, str]:
    return frame.sender, frame.recipient, frame.agreement


def _key(reading: Reading, sender: OrganisationId) -> PublicKey:
    """The key with which a confirmed peer signs answers."""
    peer = reading.peer(sender)
    if peer is None or peer.confirmed_at is None:
        raise UnverifiedError(
            "carriage.sender-unknown",
            "nobody here has confirmed the organisation that wrote this file",
            hint="`allied peer add` with the fingerprint that they read to you",
        )
    renewals.require_one_identity(reading, sender)
    return open_chain(reading.descriptors(sender)).key("transport")


def _require_signed(key: PublicKey, head: bytes, signature: bytes, number: int) -> None:
    if not verify(key, MAGIC + head, signature):
        raise UnverifiedError(
            "carriage.signature", f"frame {number + 1} does not have the signature of its sender"
        )


def _part(stream: Source, limit: int) -> bytes:
    length = int.from_bytes(stream.read(_LENGTH).rjust(_LENGTH, b"\xff"), "big")
    if length > limit:
        raise MalformedError("carriage.cut-off", "the file is cut off, or not what it says")
    found = stream.read(length)
    if len(found) != length:
        raise MalformedError("carriage.cut-off", "the file is cut off, or not what it says")
    return found


def _verb(head: bytes) -> str:
    value = fields(decode(head, limit=_MAX_HEAD), _KEYS)
    verb = text(value["verb"])
    if verb not in _LIMITS:
        raise _form()
    return verb


def _read_head(head: bytes, body: bytes, at: int, number: int, previous: Digest) -> _Frame:
    value = fields(decode(head, limit=_MAX_HEAD), _KEYS)
    if (
        count(value["number"], 0) != number
        or text(value["previous"]) != previous
        or text(value["sha256"]) != sha256(body).hexdigest()
    ):
        raise UnverifiedError(
            "carriage.other-bytes", f"frame {number + 1} is not what its sender wrote"
        )
    try:
        made_at = datetime.fromisoformat(text(value["made_at"]))
    except ValueError:
        raise _form() from None
    if made_at.tzinfo is None:
        raise _form()
    return _Frame(
        verb=text(value["verb"]),
        after=text(value["after"]),
        made_at=made_at,
        agreement=AgreementId(digest_text(value["agreement"], "an agreement")),
        recipient=OrganisationId(digest_text(value["recipient"], "a recipient")),
        sender=OrganisationId(digest_text(value["sender"], "a sender")),
        at=at,
        size=len(body),
    )


def _form() -> MalformedError:
    return MalformedError("carriage.form", "this is no file that `allied export` has written")
