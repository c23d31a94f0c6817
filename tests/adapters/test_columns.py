"""Many rows by one statement on SQLite: what goes in by column comes out as it was."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings, strategies as st
from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, Table, Text

from allied.adapters.sql.dialect import Values, insert_columns, sqlite_engine

_TABLE = Table(
    "rows",
    MetaData(),
    Column("number", BigInteger, primary_key=True),
    Column("one", BigInteger),
    Column("same", Text),
    Column("text", Text),
    Column("same_raw", LargeBinary),
    Column("raw", LargeBinary),
    Column("key", BigInteger),
)
_TEXT = st.text("aZ '\"\\\n\u00e9\U0001f512", max_size=9)
_RAW = st.binary(max_size=9)
_KEY = st.integers(-(2**63), 2**63 - 1)
_ROW = st.tuples(_TEXT, st.binary(min_size=3, max_size=3), _RAW, _KEY)
_Row = tuple[str, bytes, bytes, int]


@settings(deadline=None)
@given(st.lists(_ROW, min_size=1, max_size=40))
def test_what_goes_in_by_column_comes_out_as_it_was(
    rows: list[_Row],
) -> None:
    texts, same, raws, keys = (list(each) for each in zip(*rows, strict=True))
    columns: dict[str, Values] = {
        "number": range(5, 5 + len(rows)),
        "one": 7,
        "same": ["äbc"] * len(rows),
        "text": texts,
        "same_raw": same,
        "raw": raws,
        "key": keys,
    }
    engine = sqlite_engine(Path(":memory:"), busy_seconds=1)
    with engine.begin() as connection:
        _TABLE.create(connection)
        insert_columns(connection, _TABLE, len(rows), columns)
        found = _all(connection)
    engine.dispose()
    assert found == [
        (number, 7, "äbc", text, three, raw, key)
        for number, (text, three, raw, key) in enumerate(rows, 5)
    ]


def test_of_no_rows_nothing_goes_in() -> None:
    engine = sqlite_engine(Path(":memory:"), busy_seconds=1)
    with engine.begin() as connection:
        _TABLE.create(connection)
        insert_columns(connection, _TABLE, 0, {"number": range(5, 5), "text": []})
        assert _all(connection) == []
        insert_columns(connection, _TABLE, 1, {"number": range(5, 6), "text": [""]})
        assert _all(connection) == [(5, None, None, "", None, None, None)]
    engine.dispose()


def _all(connection: Connection) -> list[tuple[object, ...]]:
    query = _TABLE.select().order_by(_TABLE.c.number)
    return [tuple(row) for row in connection.execute(query)]
