"""Long names as small numbers.

Every item names its holder, originator, agreement, statement and more, mostly the same
ones; `names` keeps each once. What is committed never changes, so it is remembered in
memory; what a unit adds is remembered by that unit alone until it has committed, because a
number that was rolled back will be given to another name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import Connection, select

from allied.adapters.sql.dialect import among, ask, insert
from allied.adapters.sql.schema import names
from allied.adapters.sql.shares import Shares

_REMEMBERED: Final = 50_000
_FEW: Final = 50


class NameBook:
    """The names that are known to be committed; shared by all units of a store."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.texts: dict[int, str] = {}
        self.shares = Shares()

    def learn(self, numbers: Mapping[str, int]) -> None:
        """Remember committed names; forgets everything first when there are too many."""
        if len(self.numbers) + len(numbers) > _REMEMBERED:
            # New dicts: a unit in another thread goes on with the old ones.
            self.numbers, self.texts = {}, {}
        self.numbers.update(numbers)
        self.texts.update((number, text) for text, number in numbers.items())


class Names:
    """The names as one unit sees them."""

    def __init__(self, connection: Connection, book: NameBook) -> None:
        self._connection = connection
        self._numbers = book.numbers
        self._texts = book.texts
        self.shares = book.shares
        self._fresh: dict[str, int] = {}
        self._fresh_texts: dict[int, str] = {}

    @property
    def fresh(self) -> Mapping[str, int]:
        """What this unit learned and the book did not know."""
        return self._fresh

    def numbers(self, texts: Iterable[str]) -> dict[str, int]:
        """The number of each text that has one."""
        known, missing = {}, []
        for text in set(texts):
            number = self._fresh.get(text, self._numbers.get(text))
            if number is None:
                missing.append(text)
            else:
                known[text] = number
        if missing:
            for number, name in self._looked_up(sorted(missing)):
                self._keep(number, name)
                known[name] = number
        return known

    def _looked_up(self, missing: list[str]) -> Iterable[tuple[int, str]]:
        """Number and text of those that the database has."""
        if len(missing) <= _FEW:
            for name in missing:
                row = ask(self._connection, "SELECT id FROM names WHERE name = ?", (name,))
                if row is not None:
                    yield row[0], name
            return
        condition = among(self._connection, names.c.name, missing)
        for number, name in self._connection.execute(select(names).where(condition)):
            yield number, name

    def texts(self, numbers: Iterable[int]) -> dict[int, str]:
        """The text behind each number."""
        known, missing = {}, []
        for number in set(numbers):
            text = self._fresh_texts.get(number, self._texts.get(number))
            if text is None:
                missing.append(number)
            else:
                known[number] = text
        if missing:
            condition = among(self._connection, names.c.id, sorted(missing))
            for row in self._connection.execute(select(names).where(condition)):
                self._keep(row.id, row.name)
                known[row.id] = row.name
        return known

    def add(self, texts: Iterable[str]) -> dict[str, int]:
        """The number of each text, made where there is none; in a write unit only."""
        wanted = set(texts)
        known = self.numbers(wanted)
        missing = sorted(wanted - known.keys())
        if missing:
            self._connection.execute(
                insert(self._connection, names), [{"name": text} for text in missing]
            )
            known |= self.numbers(missing)
        return known

    def _keep(self, number: int, text: str) -> None:
        self._fresh[text] = number
        self._fresh_texts[number] = text
