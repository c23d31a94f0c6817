"""Agreement files written from published codings of treaties, for tests only.

One file for each phase of a treaty: who was a member from when to when, and which of five
promises each member made. The coded data stay where they are; nothing of them is kept here.

Words used here:
    row       one member in one phase of a treaty
    promise   defence, offence, neutrality, non-aggression, consultation; made by one member
              to the others
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from allied.agreement.register_file import load as load_register
from allied.agreement.standing import Register
from allied.agreement.terms import Agreement, load

PROMISES = ("defense", "offense", "neutral", "nonagg", "consul")
_BESIDE = Path(__file__).parents[2].parent / "shared"


def shared() -> Path:
    """The folder of published data, or a skip that says what is missing."""
    folder = Path(os.environ.get("ALLIED_SHARED", _BESIDE)) / "data"
    if not (folder / "alliances").is_dir():
        pytest.skip("the published data on alliances are not here; set ALLIED_SHARED")
    return folder


@dataclass(frozen=True)
class Row:
    """One member in one phase of a treaty; `until` is its last day, None while it runs."""

    file: str
    member: str
    since: date
    until: date | None
    promises: frozenset[str]

    def alive_in(self, year: int) -> bool:
        return self.since.year <= year and (self.until is None or self.until.year >= year)


@cache
def rows() -> tuple[Row, ...]:
    """The member rows, a file name for each phase (and each time a member came back)."""
    found = []
    seen: dict[tuple[str, str], int] = {}
    for each in _table("atop401_members.csv.gz"):
        name = f"atop-{each['atopid']}-{each['phase']}"
        member = f"s{each['member']}"
        again = seen.get((name, member), 0)
        seen[name, member] = again + 1
        since = _day(each, "ent")
        assert since is not None
        found.append(
            Row(
                file=f"{name}-{again}" if again else name,
                member=member,
                since=since,
                until=_day(each, "exit"),
                promises=frozenset(promise for promise in PROMISES if each[promise] == "1"),
            )
        )
    return tuple(found)


@cache
def states_of(year: int) -> tuple[str, ...]:
    """The states that there were in a year."""
    return tuple(
        sorted(
            {
                f"s{each['ccode']}"
                for each in _table("cow_states.csv.gz")
                if int(each["styear"]) <= year <= int(each["endyear"])
            }
        )
    )


def _table(name: str) -> Iterator[Mapping[str, str]]:
    with gzip.open(shared() / "alliances" / name, "rt", encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def _day(row: Mapping[str, str], what: str) -> date | None:
    """A day, of which month and day may be unknown; None for the end of what still runs."""
    year = int(row[f"yr{what}"])
    if year == 0:
        return None
    month = _number(row[f"mo{what}"]) or (1 if what == "ent" else 12)
    last = 1 if what == "ent" else 28
    try:
        return date(year, month, _number(row[f"day{what}"]) or last)
    except ValueError:
        return date(year, month, last)


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


_CLAUSES = {
    "defense": "type: collective-response, trigger: {incident: [attack.armed]},"
    " decision: automatic,"
    " duties: [{who: other parties, owes: victim, do: defend, modality: must}]",
    "offense": "type: collective-response, trigger: {incident: [act.war-declaration],"
    " attacker: even-a-party}, decision: automatic,"
    " duties: [{who: other parties, owes: the group, do: join in, modality: must}]",
    "neutral": "type: restraint, kind: neutrality",
    "nonagg": "type: restraint, kind: non-aggression",
    "consul": "type: consultation, caller: any-member, when: opinion-of-caller",
}


def text_of(name: str, its: Iterable[Row]) -> str:
    """Write one file: a party for each member, an article for each promise."""
    its = sorted(its, key=lambda row: row.member)
    parties = "\n".join(
        f"  - {{id: {row.member}, kind: state, joined: {row.since}}}" for row in its
    )
    articles = [
        f"  - {{art: {promise}, binds: [{', '.join(who)}], {_CLAUSES[promise]}}}"
        for promise in PROMISES
        if (who := [row.member for row in its if promise in row.promises])
    ] or ["  - {art: none, type: statement}"]
    return (
        f"format: alliance/1\nid: {name}\nform: {{kind: treaty}}\nvisibility: public\n"
        f"parties:\n{parties}\n"
        "life: {in_force_when: all ratified, withdrawal: {notice: 0 days}}\n"
        "articles:\n" + "\n".join(articles) + "\n"
    )


@cache
def register() -> Register:
    """Every treaty as an agreement, and every exit as a notice that takes effect that day."""
    files: dict[str, list[Row]] = {}
    for row in rows():
        files.setdefault(row.file, []).append(row)
    texts = "---\n".join(text_of(name, its) for name, its in sorted(files.items()))
    agreements = {
        each.id: each
        for each in load(texts.encode(), "treaties.yaml")
        if isinstance(each, Agreement)
    }
    exits = [
        f"  - {{agreement: {row.file}, event: notice, party: {row.member}, at: {row.until}}}"
        for row in rows()
        if row.until is not None
    ]
    events = "format: register/1\nevents:\n" + "\n".join(exits)
    return Register(agreements, load_register(events.encode(), "exits.yaml", agreements))
