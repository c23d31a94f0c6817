"""Which form a database has, and which form this program knows.

The part of opening that is the same for every database: what a database says of itself,
whether this program may use it, how it is filled when it is new and brought up to date when
it is old. Locks, copies and transactions belong to the caller (`opening`,
`opening_postgres`).

Words used here:
    revision     the number of the newest migration that a database has
    compatible   a number in the database; a program that knows only a smaller one would do
                 harm, and is stopped

Rules. A database with more migrations than this program knows, but the same compatible
number, is used as it is. Nothing that is not ours is touched.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, MetaData, select, text

from allied.adapters.sql import schema
from allied.adapters.sql.dialect import insert
from allied.errors import ConflictError, ExhaustedError
from allied.node.ports import Chance

_STAMP: Final = "alembic_version"


@dataclass(frozen=True, slots=True)
class Shape:
    """What this program takes a database to be.

    Attributes:
        revision: the newest migration, four digits; they count up by one.
        compatible: see the module.
        release: the first release that knows this `compatible`.
        scripts: the folder of the migrations.
    """

    revision: str
    compatible: int
    release: str
    scripts: Path
    metadata: MetaData


SHAPE: Final = Shape(
    revision=schema.REVISION,
    compatible=schema.COMPATIBLE,
    release=schema.NEEDS_RELEASE,
    scripts=Path(__file__).parent / "migrations",
    metadata=schema.metadata,
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a database says of itself."""

    revision: str
    compatible: int
    release: str


def is_ours(tables: Collection[str]) -> bool:
    """Whether a database with these tables was made by this program."""
    return {"meta", _STAMP} <= set(tables)


def foreign(hint: str) -> ConflictError:
    """The refusal of a database that another program made."""
    return ConflictError("store.foreign", "the database belongs to another program", hint=hint)


def said(connection: Connection) -> Found:
    """What a database of ours says of itself.

    Raises:
        ExhaustedError: `store.corrupt`, it does not say it.
    """
    stamp = connection.execute(text(f"SELECT version_num FROM {_STAMP}")).scalar()  # noqa: S608
    known = meta(connection)
    try:
        return Found(f"{int(str(stamp)):04d}", int(known["compatible"]), known["release"])
    except (KeyError, ValueError) as error:
        raise ExhaustedError(
            "store.corrupt",
            "the database does not say what it is",
            hint="stop the node, keep the file, and restore the newest backup",
        ) from error


def is_lacking(found: Found | None, shape: Shape) -> bool:
    """Whether the database has to be made or migrated.

    Raises:
        ExhaustedError: `store.newer`.
    """
    if found is None:
        return True
    if found.compatible > shape.compatible:
        raise ExhaustedError(
            "store.newer",
            f"this database needs release {found.release} of allied or a later one",
            hint="upgrade allied, or open another data folder with --data",
            facts={"compatible": found.compatible, "known": shape.compatible},
        )
    return int(found.revision) < int(shape.revision)


def meta(connection: Connection) -> dict[str, str]:
    """The few things a database says of itself, by name."""
    return {row.name: row.value for row in connection.execute(select(schema.meta))}


def secret(connection: Connection) -> bytes:
    """What keys the hashes of this database, 32 bytes."""
    return bytes.fromhex(meta(connection)["secret"])


def name_of(key: bytes) -> str:
    """The public name of the database with that secret; copies of a database share it."""
    return blake2b(b"allied database", key=key, digest_size=16).hexdigest()


def make(connection: Connection, shape: Shape) -> None:
    """Make all tables in an empty database, with nothing in them, inside the caller's transaction.

    Whoever calls this puts in what every database has: see `fill`.
    """
    shape.metadata.create_all(connection)
    connection.execute(
        text(
            f"CREATE TABLE {_STAMP} (version_num VARCHAR(32) NOT NULL,"
            f" CONSTRAINT {_STAMP}_pkc PRIMARY KEY (version_num))"
        )
    )
    connection.execute(text(f"INSERT INTO {_STAMP} VALUES (:it)"), {"it": shape.revision})  # noqa: S608


def fill(connection: Connection, shape: Shape, chance: Chance) -> None:
    """Make a new database out of an empty one, inside the caller's transaction."""
    make(connection, shape)
    connection.execute(
        schema.counters.insert(), [{"name": name, "value": 0} for name in schema.COUNTERS]
    )
    connection.execute(schema.meta.insert(), [{"name": "secret", "value": chance.token(32).hex()}])
    _say(connection, shape)


def upgrade(connection: Connection, shape: Shape) -> None:
    """Run the migrations that a database lacks, inside the caller's transaction.

    Raises:
        CommandError: alembic's, what was found does not fit the migrations.
        SQLAlchemyError: a migration failed; the caller rolls back.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(shape.scripts).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, shape.revision)
    _say(connection, shape)


def _say(connection: Connection, shape: Shape) -> None:
    """Write into the database which programs may use it."""
    statement = insert(connection, schema.meta)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=("name",), set_={"value": statement.excluded.value}
        ),
        [
            {"name": "compatible", "value": str(shape.compatible)},
            {"name": "release", "value": shape.release},
        ],
    )
