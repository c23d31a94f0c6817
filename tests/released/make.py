"""The data folder of a node as a release left it, with something in every table.

`python -m tests.released.make` writes the folder of the present revision anew: keys, fence and
settings as they are, the database as SQL, and what the program then says of it. That is for a
revision which no release has brought to anybody yet; `test_released` holds the others fast.

The story goes through the program: three houses under one agreement, items shared, recalled,
remarked on and passed on, an attack with a duty that is performed, a text erased, a question
decided, a day's root of the ledger, keys rotated. What it does not come by is put into the store
by its port, as whoever writes it would.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Final, NamedTuple

from allied.adapters.clock import HandClock
from allied.adapters.folder import DataFolder
from allied.adapters.sealed import ALMOST_NONE_FOR_TESTS
from allied.adapters.settings import Settings, load
from allied.adapters.sql import schema
from allied.agreement import sameness
from allied.agreement.matters import Matter
from allied.agreement.values import Tlp
from allied.bootstrap import assemble
from allied.node import (
    correlation,
    doctor,
    erasing,
    feeds,
    incidents,
    items,
    keeping,
    obligations,
    passing,
    people,
    proposals,
    recalls,
    remarks,
)
from allied.node.checkups import Around
from allied.node.folds import Folds
from allied.node.hub_rows import REVIEW, Naming, Submission, Submitted
from allied.node.neighbour_rows import PULLED, Carried, Neighbour
from allied.node.node import Node
from allied.node.parcel_store import ParcelRow
from allied.node.proposals import Wish, Word
from allied.node.rows import StatusRow
from allied.record.ids import AgreementId
from tests.adapters.contract.rows import hexed
from tests.exchange.samples import indicator, tlp
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    attack,
    crafted,
    run_sql,
    share,
)
from tests.node.network import House, Network
from tests.node.test_erasing import says
from tests.node.test_keys import rotate


class Left(NamedTuple):
    """What a release has left with everybody who ran it."""

    revision: str
    digest: str


LEFT: Final[Mapping[str, Left]] = {}
"""By release, as `CHANGELOG.md` names it: `"0.1.0": Left("0001", "...")`. A line is added when one
goes out, and never changed; `digest_of` gives the digest."""

FOLDERS: Final = Path(__file__).parent
DATABASE, SAID = "allied.sql", "said.json"
_TEXT: Final = DEMO.replace(b"kind: agency, role: observer", b"kind: agency").replace(
    b"articles:",
    b"bodies:\n  council: {rule: {kind: simple-majority}}\narticles:",
)
_ITEMS: Final = [indicator(n, object_marking_refs=tlp(Tlp.GREEN)) for n in range(1, 6)]
_WARNINGS: Final = (
    b'{"name": "Resolvers", "type": "hostname", "version": 1, "list": ["ns.example"]}'
)


def tell(root: Path) -> tuple[Network, str]:
    """The story; what is frozen of it is River's folder, and the agreement."""
    network, pact = allied(root, _TEXT)
    river, harbour, _ = network.houses.values()
    network.advance(timedelta(hours=1))
    share(river, pact, *_ITEMS[:3])
    share(harbour, pact, *_ITEMS[3:])
    network.cut_between(HARBOUR, NORTHGATE)
    network.settle()
    own, theirs = str(_ITEMS[0]["id"]), str(_ITEMS[3]["id"])
    passing.pass_on(river.node, river.organisation, theirs, [NORTHGATE])
    network.heal()
    remarks.note(river.node, river.organisation, theirs, "asked the port")
    recalls.recall(river.node, river.actor, own, pact, "a mistake")
    incident = attack(river, pact)
    incidents.invoke(river.node, river.actor, incident.id, "2", note="we need you")
    network.advance(timedelta(minutes=1))
    network.settle()
    there = obligations.list_obligations(harbour.node, harbour.organisation)
    owed = next(each for each in there if each.debtor == HARBOUR)
    obligations.say(harbour.node, harbour.actor, owed.key, "accept")
    evidence = [("text/plain", b"two responders sent")]
    obligations.say(harbour.node, harbour.actor, owed.key, "perform", evidence=evidence)
    spoken = says(river, pact, "somebody's name")
    network.settle()
    erasing.ask(river.node, river.actor, pact, spoken, "she asked for it")
    wish = Wish(Matter(kind="body", body="council"), b"Shall we?", deadline="4 days")
    question = proposals.put(river.node, river.actor, pact, wish)
    network.settle()
    for house in network.houses.values():
        proposals.say(house.node, house.actor, question.id, Word("vote", "yes"))
        network.advance(timedelta(seconds=1))
    network.settle(4)
    rotate(river, "automatic")
    network.advance(timedelta(days=1, hours=1))
    network.settle()
    correlation.make_up(river.node)
    _beside(network, river, AgreementId(pact))
    return network, pact


def _beside(network: Network, river: House, pact: AgreementId) -> None:
    """What the story does not come by."""
    node, own, now = river.node, river.organisation, network.clock.now()
    other = network.houses[HARBOUR]
    people.new_token(node, own, role="analyst")
    people.link(node, own, "kim")
    feeds.create(node, own, agreement=pact, form="domain")
    feeds.add_warning_lists(node, [_WARNINGS])
    waits = crafted(
        other, pact, "redaction.answer", {"blob": "00"}, sequence=90, previous=hexed("p")
    )
    with node.store.read() as reading:
        folded = node.folds.of(reading, pact)
        after, _, parts = keeping._made(reading, folded, afresh=True)
    with node.store.write() as writing:
        writing.keep_fold(pact, after, parts)
        writing.park(pact, waits.id, other.organisation.id, waits.raw, limit=9, limit_bytes=1 << 20)
        writing.want_blobs(pact, folded.instrument.circles.all.id, [hexed("nobody has it")])
        writing.put_status(StatusRow("one", own.id, "a-root", now + timedelta(days=900), b"{}"))
        writing.set_hub_salt(own.id, pact, other.organisation.id, b"salt")
        writing.put_submission(
            Submission(
                "one", own.id, pact, other.organisation.id, "share", "1", REVIEW, "", 2, now,
                None, "", "{}",
            )
        )  # fmt: skip
        writing.put_submitted(
            [Submitted(own.id, pact, other.organisation.id, "indicator--1", "1", "one", "")]
        )
        writing.add_namings([Naming(own.id, pact, "indicator--9", HARBOUR, "relationship--1", now)])
        writing.put_neighbour(
            Neighbour(
                "one", own.id, "the siem", "https://taxii.example", "/api1/collections/x/", pact,
                True, "", "GREEN", "", "", "", False, 300, now,
            )
        )  # fmt: skip
        writing.put_carried([Carried("one", PULLED, "indicator--1", "1", now)])
        writing.add_parcel(
            ParcelRow(0, other.organisation.id, own.id, hexed("slot"), now, 3), b"abc"
        )
    run_sql(river, "INSERT INTO nonces VALUES ('harbour', 'a nonce', 1)")


def said(node: Node, pact: str) -> dict[str, object]:
    """What the program says of a node, in what does not change from release to release."""
    with node.store.read() as reading:
        (own,) = reading.organisations()
        folded = Folds().of(reading, AgreementId(pact))
        everybody = folded.instrument.circles.all.id
        found: dict[str, object] = {
            "agreement": pact,
            "state": sameness.state_digest(folded.history, folded.state, {everybody}),
            "records": len(folded.history.order),
            "waiting": len(reading.parked(AgreementId(pact))),
            "people": [each.label for each in reading.people(own.id)],
            "peers": sorted(each.label for each in reading.peers() if each.confirmed_at),
            "tokens": [each.role for each in reading.tokens(own.id)],
            "feeds": [each.form for each in reading.feeds(own.id)],
            "warnings": [each.name for each in reading.warning_lists()],
            "neighbours": [each.label for each in reading.neighbours(own.id)],
            "ledger": len(reading.ledger(own.id)),
            "roots": len(reading.ledger_roots(own.id, AgreementId(pact))),
        }
    problems = doctor.examine(node, around=Around(1 << 40, (), None, ""), deep=True)
    return found | {
        "items": sorted(each.id for each in items.list_items(node, own, agreement=pact)),
        "incidents": [each.id for each in incidents.list_incidents(node, own)],
        "obligations": [each.state for each in obligations.list_obligations(node, own)],
        "proposals": [
            [each.id, each.deciding.outcome] for each in proposals.list_proposals(node, own)
        ],
        "remarks": [each.text for each in remarks.list_remarks(node, own)],
        "problems": [
            f"{each.check}: {each.text}"
            for each in problems
            if each.state == "problem" and each.code != "database"
        ],
    }


def opened(folder: Path, *, at: HandClock) -> Node:
    """The node of a folder, by the production bootstrap."""
    settings = load(folder / "node.toml", {})
    return assemble(DataFolder(folder), settings, clock=at, hardness=ALMOST_NONE_FOR_TESTS).node


def digest_of(frozen: Path) -> str:
    """One word for all that lies in a frozen folder."""
    found = hashlib.sha256()
    for each in sorted(each for each in frozen.rglob("*") if each.is_file()):
        raw = each.read_bytes()
        found.update(f"{each.relative_to(frozen).as_posix()} {len(raw)}\n".encode() + raw)
    return found.hexdigest()


def unfrozen(frozen: Path, into: Path) -> Path:
    """A folder that a release left, as it lay on the disk."""
    shutil.copytree(frozen, into, ignore=shutil.ignore_patterns(DATABASE, SAID))
    for each in into.rglob("*"):
        each.chmod(0o700 if each.is_dir() else 0o600)
    with closing(sqlite3.connect(into / "allied.db")) as connection:
        connection.executescript((frozen / DATABASE).read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode=WAL")
    return into


def _settings() -> str:
    """A `node.toml` in which every setting stands."""
    plain = Settings().model_dump()
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in plain.items())


def main() -> None:
    """Write the folder of the present revision."""
    target = FOLDERS / schema.REVISION
    if schema.REVISION in {left.revision for left in LEFT.values()}:
        raise SystemExit(f"{schema.REVISION} was released: write a migration instead")
    with tempfile.TemporaryDirectory(prefix="allied-released-") as root:
        network, pact = tell(Path(root) / "houses")
        river = network.houses[RIVER]
        river.node.store.close()
        source = Path(root) / "houses" / RIVER
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        shutil.copy(source / "fence.json", target / "fence.json")
        (target / "node.toml").write_text(_settings(), encoding="utf-8")
        shutil.copytree(source / "keys", target / "keys")
        with closing(sqlite3.connect(source / "allied.db")) as connection:
            (target / DATABASE).write_text(
                "\n".join(connection.iterdump()) + "\n", encoding="utf-8"
            )
        clock = HandClock(network.clock.now())
        node = opened(unfrozen(target, Path(root) / "again"), at=clock)
        about = {"at": clock.now().isoformat(), **said(node, pact)}
        (target / SAID).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        node.store.close()


if __name__ == "__main__":
    main()
