"""The tables: which facts a node keeps, and in what form.

What the columns mean is said by the rows of `allied.node.ports`; this module says how they
lie in a database. A change here comes with a migration; a test compares the two.

Words used here:
    name    a long text that occurs in many items (an organisation, an agreement, a
            statement); kept once in `names`, and as a small number in `items`
    body    the exact bytes of items, once per digest
    key     eight bytes that find an item: a keyed hash of what identifies it, as a signed
            integer. Keys may collide; the full identity is compared on a match. Its upper
            half depends on the object's id alone and the next quarter on its version, so
            that one index answers "is this item here", "which versions are here" and "are
            these bytes here": the same bytes are the same version of the same object
    tree    what the originator keeps of one of its statements, to make proofs from

Rules. Instants are microseconds since 1970 in UTC. Digests are hex text, except in items,
where half the bytes count. An index on random values costs a page of the log for each row
that is added, so items have one of them and no more; all others grow at their end. A number
that must grow in the order of commits (`records.row`, `items.seq`) comes from `counters` in
the same transaction and is never used twice. Nothing depends on SQLite: PostgreSQL gets
the same tables.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeDecorator

REVISION: Final = "0001"
"""The newest migration; a database made by `create_all` is stamped with it."""

COMPATIBLE: Final = 1
"""Raised when an older program could no longer work on these tables without harm."""

NEEDS_RELEASE: Final = "0.1"
"""The first release that knows the present `COMPATIBLE`; shown to older ones."""

COUNTERS: Final = ("record", "item", "body", "change")
"""Counters that every database has, from 0."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


def to_microseconds(at: datetime) -> int:
    """An aware instant as microseconds since 1970.

    Raises:
        ValueError: `at` carries no time zone.
    """
    if at.tzinfo is None:
        raise ValueError("an instant carries a time zone")
    return (at - _EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """What `to_microseconds` was given, in UTC."""
    return _EPOCH + timedelta(microseconds=value)


class Instant(TypeDecorator[datetime]):
    """An aware instant, kept as microseconds since 1970."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """To the database."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """From the database."""
        return None if value is None else from_microseconds(value)


class Raw(LargeBinary):
    """Bytes, handed to the driver as they are; wrapping each one costs more than storing it."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> None:
        """No step on the way in."""

    def result_processor(self, dialect: Dialect, coltype: object) -> None:
        """No step on the way out."""


Words = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""A text, put in order by its code points in every database."""

Whole = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit integer; as a primary key in SQLite it has to be spelled INTEGER."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _id(name: str, *, primary_key: bool = False) -> Column[str]:
    return Column(name, Words, primary_key=primary_key, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Words, nullable=False)


def _raw(name: str) -> Column[bytes]:
    return Column(name, Raw, nullable=False)


def _number(name: str) -> Column[int]:
    return Column(name, Whole, nullable=False)


def _counted(name: str) -> Column[int]:
    """A primary key that the program takes from `counters`."""
    return Column(name, Whole, primary_key=True, autoincrement=False, nullable=False)


def _placed(name: str) -> Column[int]:
    """A primary key that the database gives."""
    return Column(name, Whole, primary_key=True, autoincrement=True, nullable=False)


def _at(name: str) -> Column[datetime]:
    return Column(name, Instant, nullable=False)


def _at_or_never(name: str) -> Column[datetime | None]:
    return Column(name, Instant, nullable=True)


# --- the database itself ----------------------------------------------------------------

meta = Table("meta", metadata, _id("name", primary_key=True), _text("value"))

counters = Table("counters", metadata, _id("name", primary_key=True), _number("value"))

cursors = Table("cursors", metadata, _id("name", primary_key=True), _text("value"))

# --- who --------------------------------------------------------------------------------

organisations = Table(
    "organisations",
    metadata,
    _id("id", primary_key=True),
    Column("label", Words, nullable=False, unique=True),
    _text("name"),
    _text("url"),
    _number("incarnation"),
    _at("created_at"),
)

descriptors = Table(
    "descriptors",
    metadata,
    _id("organisation", primary_key=True),
    Column("position", Integer, primary_key=True, autoincrement=False, nullable=False),
    _id("digest"),
    _raw("raw"),
    UniqueConstraint("organisation", "digest"),
)

peers = Table(
    "peers",
    metadata,
    _id("id", primary_key=True),
    _text("label"),
    _text("name"),
    _text("url"),
    _at_or_never("confirmed_at"),
    Column("allowed_private", Boolean, nullable=False),
    _at("added_at"),
    _at_or_never("seen_at"),
    _number("failures"),
    _at_or_never("next_try_at"),
    _text("last_problem"),
)

people = Table(
    "people",
    metadata,
    Column("organisation", Words, ForeignKey("organisations.id"), primary_key=True, nullable=False),
    _id("label", primary_key=True),
    _text("name"),
    _at("created_at"),
)

tokens = Table(
    "tokens",
    metadata,
    _id("id", primary_key=True),
    Column("organisation", Words, ForeignKey("organisations.id"), nullable=False, index=True),
    _id("secret"),
    _text("role"),
    _text("agreements"),
    _text("ceiling"),
    _at("created_at"),
    _at_or_never("expires_at"),
    _at_or_never("revoked_at"),
    _text("purpose"),
)

logins = Table(
    "logins",
    metadata,
    _id("secret", primary_key=True),
    _text("kind"),
    _id("organisation"),
    _text("person"),
    _at("created_at"),
    Column("expires_at", Instant, nullable=False, index=True),
    _at_or_never("used_at"),
)

# Signed requests of other nodes that were answered and could still be repeated, where several
# processes answer; `expires` in seconds since 1970.
nonces = Table(
    "nonces",
    metadata,
    _id("caller", primary_key=True),
    _id("nonce", primary_key=True),
    Column("expires", Whole, nullable=False, index=True),
    sqlite_with_rowid=False,
)

feeds = Table(
    "feeds",
    metadata,
    _id("id", primary_key=True),
    Column("organisation", Words, ForeignKey("organisations.id"), nullable=False, index=True),
    _id("secret"),
    _id("agreement"),
    _text("form"),
    _text("ceiling"),
    _text("purpose"),
    _at("created_at"),
    _at_or_never("expires_at"),
    _at_or_never("revoked_at"),
)

statuses = Table(
    "statuses",
    metadata,
    _id("id", primary_key=True),
    _id("organisation"),
    _text("root"),
    Column("expires_at", Instant, nullable=False, index=True),
    _raw("raw"),
)

warning_lists = Table(
    "warning_lists", metadata, _id("name", primary_key=True), _number("version"), _raw("raw")
)

# --- agreements and their records -------------------------------------------------------

agreements = Table(
    "agreements",
    metadata,
    _id("id", primary_key=True),
    _text("alias"),
    _raw("genesis"),
    _raw("text"),
    _text("salt"),
    _id("version"),
    _id("proposed_by"),
    _at("known_since"),
)

records = Table(
    "records",
    metadata,
    _counted("row"),
    Column("id", Words, nullable=False, unique=True),
    _id("agreement"),
    _id("circle"),
    _id("issuer"),
    _number("incarnation"),
    _number("sequence"),
    _text("kind"),
    _at("claimed_at"),
    _raw("raw"),
    Index(None, "agreement", "row"),
    # Not unique: two records under one number are a fork, and its proof.
    Index(None, "circle", "issuer", "incarnation", "sequence"),
)

claims = Table(
    "claims",
    metadata,
    _id("circle", primary_key=True),
    _id("issuer", primary_key=True),
    Column("incarnation", Whole, primary_key=True, autoincrement=False, nullable=False),
    Column("sequence", Whole, primary_key=True, autoincrement=False, nullable=False),
    _id("record"),
    sqlite_with_rowid=False,
)

parked = Table(
    "parked",
    metadata,
    _placed("place"),
    Column("record", Words, nullable=False, unique=True),
    _id("agreement"),
    _id("issuer"),
    _raw("raw"),
    Index(None, "agreement", "issuer"),
)

blobs = Table(
    "blobs",
    metadata,
    _id("digest", primary_key=True),
    _id("agreement"),
    _id("circle"),
    _raw("raw"),
)

erasures = Table(
    "erasures",
    metadata,
    _id("blob", primary_key=True),
    _id("agreement", primary_key=True),
    _id("record"),
    _text("party"),
    _at("at"),
    _text("because"),
    _text("kept"),
)

wanted = Table(
    "wanted",
    metadata,
    _placed("place"),
    Column("blob", Words, nullable=False, unique=True),
    _id("agreement"),
    _id("circle"),
    Index(None, "agreement", "place"),
)

# --- items ------------------------------------------------------------------------------

classes = Table(
    "classes",
    metadata,
    _placed("id"),
    _id("agreement"),
    _id("key"),
    _raw("value"),
    _text("needs"),
    UniqueConstraint("agreement", "key"),
)

statements = Table("statements", metadata, _id("digest", primary_key=True), _raw("raw"))

trees = Table("trees", metadata, _id("statement", primary_key=True), _raw("raw"))

names = Table("names", metadata, _placed("id"), Column("name", Words, nullable=False, unique=True))

bodies = Table(
    "bodies",
    metadata,
    _counted("id"),
    _raw("raw"),
)

items = Table(
    "items",
    metadata,
    _counted("seq"),
    Column("key", BigInteger, nullable=False, index=True),
    _number("holder"),
    _number("originator"),
    _number("agreement"),
    _number("via"),
    _number("statement"),
    Column("share", Whole, nullable=False, index=True),
    _number("type"),
    _number("kind"),
    Column("class_id", Whole, ForeignKey("classes.id"), nullable=False),
    _number("body"),
    _number("size"),
    _at("received_at"),
    _number("added"),
    Column("repeated", Boolean, nullable=False),
    _text("id"),
    _text("modified"),
    _raw("digest"),
    _raw("proof"),
    # A page by number, the class tested inside the index; and a page of a few classes, for
    # which the index says all that has to be known besides the bytes.
    Index(None, "agreement", "holder", "seq", "class_id"),
    Index(
        "ix_items_by_class",
        "holder",
        "class_id",
        "seq",
        "body",
        "added",
        "repeated",
    ),
    # Where in a holder's stream a date stands: dates grow with the numbers.
    Index(None, "holder", "added", unique=True),
)

class_counts = Table(
    "class_counts",
    metadata,
    Column("holder", Whole, primary_key=True, autoincrement=False, nullable=False),
    Column("class_id", Whole, primary_key=True, autoincrement=False, nullable=False),
    Column("agreement", Whole, primary_key=True, autoincrement=False, nullable=False),
    _number("count"),
    sqlite_with_rowid=False,
)

# What was an item here and is none any more: recalled, expired, or past its time. The bytes
# stay until they are erased; the row stays as the memory of it.
withdrawn = Table(
    "withdrawn",
    metadata,
    _counted("seq"),
    _id("holder"),
    _id("originator"),
    _id("agreement"),
    _id("via"),
    _id("statement"),
    _text("share"),
    _text("type"),
    _text("kind"),
    _number("class_id"),
    _number("size"),
    _at("received_at"),
    _number("added"),
    _text("id"),
    _text("modified"),
    _id("digest"),
    _raw("proof"),
    _text("reason"),
    _text("record"),
    _at("at"),
    Column("raw", Raw, nullable=True),
    Index(None, "holder", "id"),
)

remarks = Table(
    "remarks",
    metadata,
    _placed("place"),
    _id("organisation"),
    _text("item"),
    _text("kind"),
    _text("text"),
    _text("person"),
    _at("at"),
    UniqueConstraint("organisation", "item", "kind", "text"),
)

passed_on = Table(
    "passed_on",
    metadata,
    _id("organisation", primary_key=True),
    _id("agreement", primary_key=True),
    Column("recipient", Words, primary_key=True, nullable=False),
    Column("seq", Whole, primary_key=True, autoincrement=False, nullable=False),
    _at("at"),
    sqlite_with_rowid=False,
)

# What a secretariat makes anonymous; see `node.hub_rows`.
hub_salts = Table(
    "hub_salts",
    metadata,
    _id("organisation", primary_key=True),
    _id("agreement", primary_key=True),
    _id("submitter", primary_key=True),
    _raw("salt"),
)

submissions = Table(
    "submissions",
    metadata,
    _id("organisation", primary_key=True),
    _id("id", primary_key=True),
    _id("agreement"),
    _id("submitter"),
    _text("share"),
    _text("art"),
    _text("state"),
    _text("code"),
    _number("count"),
    _at("received_at"),
    _at_or_never("due_at"),
    _text("decided_by"),
    _text("edits"),
)

submitted = Table(
    "submitted",
    metadata,
    _id("organisation", primary_key=True),
    _id("agreement", primary_key=True),
    _id("submitter", primary_key=True),
    _id("old_id", primary_key=True),
    _id("old_version", primary_key=True),
    _id("submission"),
    _text("new_id"),
    _text("new_version"),
    _at_or_never("issued_at"),
    _text("recall"),
    _at_or_never("recall_due"),
    _at_or_never("recalled_at"),
    Index(None, "organisation", "submission"),
    Index(None, "organisation", "new_id"),
)

namings = Table(
    "namings",
    metadata,
    _id("organisation", primary_key=True),
    _id("new_id", primary_key=True),
    _id("party", primary_key=True),
    _id("agreement"),
    _text("link"),
    _at("at"),
)

# Which items name which values; see `adapters.sql.correlation`.
pairs = Table(
    "pairs",
    metadata,
    Column("value", BigInteger, primary_key=True, autoincrement=False, nullable=False),
    Column("holder", Whole, primary_key=True, autoincrement=False, nullable=False),
    Column("class_id", Whole, primary_key=True, autoincrement=False, nullable=False),
    Column("seq", Whole, primary_key=True, autoincrement=False, nullable=False),
    Index(None, "seq"),
    sqlite_with_rowid=False,
)

ledger = Table(
    "ledger",
    metadata,
    _id("organisation", primary_key=True),
    Column("seq", Whole, primary_key=True, autoincrement=False, nullable=False),
    _id("agreement"),
    _text("recipient"),
    _text("outcome"),
    _text("code"),
    _text("art"),
    _number("class_id"),
    _number("first"),
    _number("last"),
    _number("count"),
    _text("via"),
    _text("proof"),
    _at("at"),
    _id("previous"),
    _id("hash"),
    Index(None, "organisation", "agreement", "recipient", "seq"),
)

ledger_roots = Table(
    "ledger_roots",
    metadata,
    _id("organisation", primary_key=True),
    _id("agreement", primary_key=True),
    Column("place", Whole, primary_key=True, autoincrement=False, nullable=False),
    _text("series"),
    _number("number"),
    _number("after"),
    _number("last"),
    _number("count"),
    _text("through"),
    _raw("seed"),
    _id("record"),
)
