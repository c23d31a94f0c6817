"""Feeds: lists that machines fetch at an address of their own, and check by a signature.

An organisation makes a feed for one agreement, in one form, up to one TLP. Its address holds a
secret of its own, which opens that feed and nothing else; an API token opens no feed. What is
in it is decided anew whenever something has changed (`allied.node.listing`), so what was
revoked, recalled, replaced or has expired is gone with the next request.

Words used here:
    address     the secret part of a feed's URL: its id, a dot, and its secret
    tag         names the exact bytes of a feed; the same bytes always have the same one
    signature   of the organisation's key for automatic records, over a text that names the
                organisation and the digest of the bytes; it lies beside the feed

Rules. Whatever is wrong with an address, there is nothing there. Only the digest of the secret
is stored, and no address is ever logged. The ceiling is at most AMBER+STRICT. The bytes hold
no time of their making: as long as nothing changes they stay the same, also across restarts.
"""

from __future__ import annotations

import hmac
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from allied.agreement.values import Tlp
from allied.errors import MalformedError, NotFoundError, UnverifiedError, UsageError
from allied.exchange import misp_out, warning_lists
from allied.exchange.actions import Action
from allied.exchange.feed_forms import FORMS, Heading
from allied.exchange.warning_lists import Warnings
from allied.node import listing
from allied.node.agreements import resolve
from allied.node.collections import Collections
from allied.node.listing import Listing
from allied.node.misp import events_of
from allied.node.people import CEILINGS
from allied.node.rows import Feed, WarningListRow
from allied.record.canonical import decode, digest, encode
from allied.record.identity import open_chain
from allied.record.ids import OrganisationId, digest_text
from allied.record.keys import PublicKey, verify as holds

if TYPE_CHECKING:
    from allied.exchange.feed_forms import Form
    from allied.exchange.misp_out import Written
    from allied.node.listing import Admitted, Contents
    from allied.node.node import Node
    from allied.node.ports import Keys, Reading
    from allied.node.rows import Organisation


DEFAULT_CEILING: Final = "GREEN"
MISP: Final = "misp"
"""The form of a feed that is a folder of events instead of one file."""

FEED_LASTS: Final = timedelta(days=365)
SIGNATURE_SUFFIX: Final = ".sig"
MAX_SIGNATURE: Final = 4_096
_SIGNATURE_FORMAT: Final = "allied-feed-signature/1"
_KEPT_BYTES: Final = 96 * 2**20
_ADDRESS_LENGTH: Final = 16 + 1 + 64
_PURPOSE_LIMIT: Final = 200
_LISTS_AT_MOST: Final = 1_000
_HELD: Final = "feed:"


# --- making and ending them -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewFeed:
    """A feed as it is shown once, with its secret."""

    feed: Feed
    secret: str

    @property
    def path(self) -> str:
        """The path of its URL; that of a folder ends with a slash."""
        file = FORMS[self.feed.form].file if self.feed.form in FORMS else ""
        return f"/feeds/{self.feed.id}.{self.secret}/{file}"


def create(
    node: Node,
    organisation: Organisation,
    *,
    agreement: str,
    form: str,
    tlp: str = DEFAULT_CEILING,
    purpose: str = listing.DEFAULT_PURPOSE,
    lasts: timedelta | None = FEED_LASTS,
) -> NewFeed:
    """Make a feed of what `organisation` holds under an agreement.

    Args:
        form: a key of `feed_forms.FORMS`, or `misp`.
        tlp: nothing above it is in the feed; never RED.
        purpose: what the feed is used for; clauses that name other purposes keep theirs out.

    Raises:
        UsageError: `feed.form`, `feed.ceiling`, `feed.purpose`.
        NotFoundError: no such agreement, or it does not name the organisation.
    """
    if form not in (*FORMS, MISP):
        raise UsageError(
            "feed.form",
            "there is no feed of that form",
            hint=f"one of {', '.join((*FORMS, MISP))}",
        )
    ceiling = tlp.strip().upper().removeprefix("TLP:")
    if ceiling not in CEILINGS:
        raise UsageError("feed.ceiling", f"a feed's ceiling is one of {', '.join(CEILINGS)}")
    if not 1 <= len(purpose) <= _PURPOSE_LIMIT or not purpose.isprintable():
        raise UsageError(
            "feed.purpose", f"a purpose has 1 to {_PURPOSE_LIMIT} printable characters"
        )
    with node.store.read() as reading:
        found = resolve(reading, agreement)
        if node.folds.of(reading, found.id).instrument.party(organisation.id) is None:
            raise NotFoundError(
                "feed.not-a-party", f"{found.alias} does not name {organisation.label}"
            )
    secret = node.chance.token(32).hex()
    now = node.clock.now()
    feed = Feed(
        id=node.chance.token(8).hex(),
        organisation=organisation.id,
        secret=digest(secret.encode()),
        agreement=found.id,
        form=form,
        ceiling=ceiling,
        purpose=purpose,
        created_at=now,
        expires_at=now + lasts if lasts else None,
        revoked_at=None,
    )
    with node.store.write() as writing:
        writing.put_feed(feed)
    return NewFeed(feed, secret)


def list_feeds(node: Node, organisation: Organisation) -> Sequence[Feed]:
    """The feeds of an organisation, the ended ones too, by creation."""
    with node.store.read() as reading:
        return reading.feeds(organisation.id)


def revoke(node: Node, organisation: Organisation, feed: str) -> Feed:
    """End a feed; one that has ended stays as it is.

    Raises:
        NotFoundError: `feed.unknown`.
    """
    with node.store.write() as writing:
        found = writing.feed(feed)
        if found is None or found.organisation != organisation.id:
            raise _unknown()
        if found.revoked_at is None:
            found = replace(found, revoked_at=node.clock.now())
            writing.put_feed(found)
    return found


# --- warning lists ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WarningListView:
    """A warning list of this node; it counts for all organisations hosted here."""

    name: str
    version: int
    matching: str
    entries: int


def add_warning_lists(node: Node, raws: Sequence[bytes]) -> Sequence[WarningListView]:
    """Take in warning lists, all of them or none; one of a name replaces the one before.

    Raises:
        MalformedError: one is refused; `facts` say which, from 1.
        UsageError: `warning-list.too-many`.
    """
    read = []
    for number, raw in enumerate(raws, start=1):
        try:
            read.append(warning_lists.read(raw))
        except MalformedError as refused:
            raise MalformedError(
                refused.code,
                f"list {number}: {refused.message}",
                hint=refused.hint,
                facts={**refused.facts, "list": number},
            ) from refused
    with node.store.write() as writing:
        held = {row.name for row in writing.warning_lists()} | {each.name for each in read}
        if len(held) > _LISTS_AT_MOST:
            raise UsageError(
                "warning-list.too-many", f"a node holds at most {_LISTS_AT_MOST} warning lists"
            )
        for each, raw in zip(read, raws, strict=True):
            writing.put_warning_list(WarningListRow(each.name, each.version, raw))
    return [_view(each) for each in read]


def list_warning_lists(node: Node) -> Sequence[WarningListView]:
    """The warning lists of this node, by name."""
    with node.store.read() as reading:
        rows = reading.warning_lists()
    return [_view(warning_lists.read(row.raw)) for row in rows]


def drop_warning_list(node: Node, name: str) -> None:
    """Give up a warning list.

    Raises:
        NotFoundError: `warning-list.unknown`.
    """
    with node.store.write() as writing:
        if not writing.drop_warning_list(name):
            raise NotFoundError("warning-list.unknown", "there is no warning list of that name")


def _view(one: warning_lists.WarningList) -> WarningListView:
    return WarningListView(one.name, one.version, one.matching, len(one.entries))


# --- fetching ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fetched:
    """The bytes behind an address, and what names them.

    Attributes:
        tag: a strong entity tag without its quotes.
        modified: when these bytes came to be, to the second.
    """

    body: bytes
    media: str
    tag: str
    modified: datetime


@dataclass(frozen=True, slots=True)
class _Made:
    """A feed as it was made last.

    Attributes:
        key: what it was made of; see `Feeds._key`.
        until: from this instant on it has to be made again in any case.
        files: by name; more than one for a folder.
    """

    key: str
    until: datetime | None
    files: Mapping[str, Fetched]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(each.body) for each in self.files.values())


class Feeds:
    """The feeds of one node, and those made already; safe to use from several threads."""

    def __init__(self, node: Node, keys: Keys) -> None:
        self._node = node
        self._keys = keys
        self._collections = Collections(node)
        self._lock = threading.Lock()
        self._made: OrderedDict[str, _Made] = OrderedDict()
        self._warnings: tuple[str, Warnings] = ("", Warnings())
        self._warned_at = -1

    def fetch(self, address: str, file: str) -> Fetched:
        """The feed, or its signature, behind an address.

        Raises:
            NotFoundError: `feed.unknown`: no such feed, a wrong secret, revoked, expired, or
                another file.
            ExhaustedError: `feed.too-large`.

        Cost: a few look-ups as long as nothing has changed; else one pass over the
        indicators of the agreement.
        """
        feed = self._opened(address)
        name = file.removesuffix(SIGNATURE_SUFFIX)
        with self._lock:
            made = self._present(feed).files.get(name)
        if made is None:
            raise _unknown()
        return made if file == name else self._signature(feed, name, made)

    def _opened(self, address: str) -> Feed:
        """The feed that an address opens."""
        name, _, secret = address.partition(".")
        if len(address) != _ADDRESS_LENGTH or not address.isascii():
            raise _unknown()
        with self._node.store.read() as reading:
            feed = reading.feed(name)
        shown = digest(secret.encode())
        if feed is None or not hmac.compare_digest(feed.secret, shown) or feed.revoked_at:
            raise _unknown()
        if feed.expires_at is not None and feed.expires_at <= self._node.clock.now():
            raise _unknown()
        return feed

    def _present(self, feed: Feed) -> _Made:
        """The feed as it is now; made again only if it has to be."""
        now = self._node.clock.now()
        form = FORMS.get(feed.form)
        if form is None and feed.form != MISP:
            raise _unknown()
        with self._node.store.read() as reading:
            present = listing.permitted(
                self._node,
                reading,
                self._collections,
                feed.organisation,
                feed.agreement,
                ceiling=feed.ceiling,
                action=form.action if form else Action.INTERNAL,
                purpose=feed.purpose,
            )
            warnings = self._warnings_in(reading)
            alarms = _alarms(reading, feed.organisation)
            key = self._key(reading, feed, present, alarms)
            made = self._made.get(feed.id)
            if made and made.key == key and (made.until is None or now < made.until):
                self._made.move_to_end(feed.id)
                return made
            finish: Callable[[], tuple[datetime | None, Mapping[str, Fetched]]]
            if form is None:
                finish = partial(self._folder, feed, self._events(reading, feed, present))
            else:
                found = self._contents(reading, feed, form, present, (warnings, alarms), now)
                finish = partial(self._file, feed, form, *found)
        self._made[feed.id] = _Made(key, *finish())
        self._made.move_to_end(feed.id)
        while len(self._made) > 1 and sum(each.size for each in self._made.values()) > _KEPT_BYTES:
            self._made.popitem(last=False)
        return self._made[feed.id]

    def _contents(
        self,
        reading: Reading,
        feed: Feed,
        form: Form,
        present: Mapping[int, Admitted],
        known: tuple[Warnings, frozenset[str]],
        now: datetime,
    ) -> tuple[Contents, str]:
        """What a feed of one file holds, and where it is from."""
        folded = self._node.folds.of(reading, feed.agreement)
        contents = Listing(
            reading,
            feed.organisation,
            feed.agreement,
            [row.id for row in reading.agreements()],
            present,
            form,
            *known,
            now,
        ).contents()
        label = folded.instrument.party(feed.organisation) or "-"
        return contents, f"{folded.row.alias}, as {label} holds it"

    def _events(self, reading: Reading, feed: Feed, present: Mapping[int, Admitted]) -> Written:
        """What a folder of MISP events holds."""
        organisation = next(
            (each for each in reading.organisations() if each.id == feed.organisation), None
        )
        if organisation is None:
            raise _unknown()
        return events_of(
            reading, self._node.folds.of(reading, feed.agreement), organisation, present
        )

    def _folder(self, feed: Feed, written: Written) -> tuple[None, Mapping[str, Fetched]]:
        """The files of a folder of MISP events."""
        files = {f"{event['uuid']}.json": misp_out.file_of(event) for event in written.events}
        files["manifest.json"] = misp_out.manifest(written.events)
        whole = sha256(b"".join(sha256(body).digest() for body in files.values())).digest()
        _, _, modified = self._dated(feed, lambda _: whole)
        made = {
            name: Fetched(body, "application/json", sha256(body).hexdigest()[:32], modified)
            for name, body in files.items()
        }
        hashes = misp_out.hashes(written.events)
        name = sha256(hashes).hexdigest()[:32]
        return None, made | {"hashes.csv": Fetched(hashes, "text/csv", name, modified)}

    def _key(
        self, reading: Reading, feed: Feed, present: Mapping[int, Admitted], alarms: frozenset[str]
    ) -> str:
        """A digest of all that a feed is made of.

        Items are only ever added under a new number or taken away, so the newest number and
        the counts of all classes say whether they are the same.
        """
        counts = {
            row.id: sorted(reading.item_counts(row.id, feed.organisation).items())
            for row in reading.agreements()
        }
        made_of = [
            sorted(present.items()),
            reading.newest(feed.organisation),
            sorted(counts.items()),
            self._warnings[0],
            sorted(alarms),
        ]
        return digest(repr(made_of).encode())

    def _warnings_in(self, reading: Reading) -> Warnings:
        """The warning lists, read again only if something has changed."""
        changes = reading.changes()
        if changes != self._warned_at:
            rows = reading.warning_lists()
            name = digest(b"".join(sha256(row.raw).digest() for row in rows))
            if name != self._warnings[0]:
                self._warnings = (name, Warnings.of(warning_lists.read(row.raw) for row in rows))
            self._warned_at = changes
        return self._warnings[1]

    def _file(
        self, feed: Feed, form: Form, contents: Contents, source: str
    ) -> tuple[datetime | None, Mapping[str, Fetched]]:
        """The one file of a feed, with a serial and a date that change only when it does."""

        def body(serial: int) -> bytes:
            heading = Heading(
                form=form.name,
                source=source,
                tlp=Tlp.of(feed.ceiling),
                entries=len(contents.listed),
                until=contents.expires,
                left_out=contents.left_out,
                serial=serial,
            )
            return b"".join(form.write(heading, contents.listed))

        name, serial, modified = self._dated(feed, body)
        made = Fetched(body(serial), form.media, f"{name}-{serial:x}", modified)
        return contents.until, {form.file: made}

    def _dated(self, feed: Feed, body: Callable[[int], bytes]) -> tuple[str, int, datetime]:
        """Tag, serial and date of these contents; new ones are remembered."""
        name = sha256(body(0)).hexdigest()[:32]
        with self._node.store.read() as reading:
            known = reading.cursor(_HELD + feed.id).split(" ")
        if known[0] == name:
            return name, int(known[1]), datetime.fromtimestamp(int(known[2]), UTC)
        now = self._node.clock.now().replace(microsecond=0)
        last = int(known[1]) if len(known) == 3 else 0
        serial = max(last + 1, int(now.timestamp())) % 2**32
        with self._node.store.write() as writing:
            writing.set_cursor(_HELD + feed.id, f"{name} {serial} {int(now.timestamp())}")
        return name, serial, now

    def _signature(self, feed: Feed, file: str, made: Fetched) -> Fetched:
        """The signature that lies beside a file."""
        body = sign(self._keys, feed.organisation, file, made.body)
        return Fetched(body, "application/json", f"{made.tag}-sig", made.modified)


def _alarms(reading: Reading, organisation: OrganisationId) -> frozenset[str]:
    """The indicators that somebody of an organisation has called a false alarm."""
    remarks = reading.remarks(organisation)
    return frozenset(each.item for each in remarks if each.kind == listing.FALSE_POSITIVE)


# --- signatures -------------------------------------------------------------------------


def sign(keys: Keys, organisation: OrganisationId, file: str, body: bytes) -> bytes:
    """The signature of an organisation over a feed, as canonical JSON on one line."""
    signer = keys.signer(organisation, "automatic")
    name = sha256(body).hexdigest()
    return encode(
        {
            "file": file,
            "format": _SIGNATURE_FORMAT,
            "key": dict(signer.public.to_json()),
            "organisation": organisation,
            "sha256": name,
            "signature": signer.sign(_signed(organisation, name)).hex(),
            "size": len(body),
        }
    ) + b"\n"  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verified:
    """A feed that holds: whose it is, and the digest of its bytes."""

    organisation: OrganisationId
    label: str
    sha256: str


def verify(node: Node, body: bytes, signature: bytes) -> Verified:
    """Hold a feed against the signature that lay beside it.

    Returns:
        Who signed it: an organisation hosted here, or a confirmed peer.

    Raises:
        MalformedError: `feed.signature-form`.
        UnverifiedError: `feed.signer-unknown`, `feed.other-bytes`, `feed.signature`.
    """
    organisation, key, name, signed = _read_signature(signature)
    with node.store.read() as reading:
        labels = {each.id: each.label for each in reading.organisations()}
        labels |= {each.id: each.label for each in reading.peers() if each.confirmed_at}
        chain = reading.descriptors(organisation) if organisation in labels else ()
    if not chain or key.key_id not in open_chain(chain).keys_ever("automatic"):
        raise UnverifiedError(
            "feed.signer-unknown",
            "no organisation that this node knows has signed this with its key",
            hint="`allied peer add` and a compared fingerprint make an organisation known",
        )
    if sha256(body).hexdigest() != name:
        raise UnverifiedError(
            "feed.other-bytes",
            "the signature is about other bytes",
            hint="fetch feed and signature again, one after the other",
        )
    if not holds(key, _signed(organisation, name), signed):
        raise UnverifiedError("feed.signature", "the signature does not hold")
    return Verified(organisation, labels[organisation], name)


def _read_signature(raw: bytes) -> tuple[OrganisationId, PublicKey, str, bytes]:

    try:
        value = decode(raw.removesuffix(b"\n"), limit=MAX_SIGNATURE)
        if isinstance(value, Mapping) and value.get("format") == _SIGNATURE_FORMAT:
            return (
                OrganisationId(digest_text(value["organisation"], "an organisation")),
                PublicKey.from_json(value["key"]),
                digest_text(value["sha256"], "a digest"),
                bytes.fromhex(str(value["signature"])),
            )
    except (ValueError, KeyError, MalformedError):
        pass  # said below, in the same way for whatever is wrong with it
    raise MalformedError("feed.signature-form", "this is no signature of a feed")


def _signed(organisation: OrganisationId, name: str) -> bytes:
    """What is signed; begins as nothing else does that this key signs."""
    return f"allied-feed/1\n{organisation}\n{name}\n".encode()


def _unknown() -> NotFoundError:
    return NotFoundError("feed.unknown", "there is no feed here by that name")
