"""Rows to put into a store: small, valid, and different from each other where it matters."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

from allied.node.ports import Writing
from allied.node.rows import (
    AgreementRow,
    Feed,
    ItemRow,
    LedgerRow,
    Login,
    Organisation,
    Peer,
    Person,
    RecordRow,
    Token,
)
from allied.record.ids import AgreementId, CircleId, Digest, OrganisationId, RecordId

START = datetime(2026, 3, 1, 9, 30, 0, 123_000, tzinfo=UTC)


def microseconds(when: datetime) -> int:
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def hexed(word: str) -> Digest:
    return Digest(sha256(word.encode()).hexdigest())


def rid(word: str) -> RecordId:
    return RecordId(hexed(word))


def org(word: str) -> OrganisationId:
    return OrganisationId(hexed(word))


RIVER, HARBOUR, NORTHGATE = org("river"), org("harbour"), org("northgate")
PACT, TREATY = AgreementId(hexed("pact")), AgreementId(hexed("treaty"))
ALL, PAIR = CircleId(hexed("all")), CircleId(hexed("pair"))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def organisation(label: str = "river") -> Organisation:
    return Organisation(org(label), label, f"{label} plc", f"http://{label}.test", 0, START)


def peer(label: str, **changed: object) -> Peer:
    values: dict[str, object] = {
        "id": org(label),
        "label": label,
        "name": f"{label} SA",
        "url": f"https://{label}.test",
        "confirmed_at": None,
        "allowed_private": False,
        "added_at": START,
        "seen_at": None,
        "failures": 0,
        "next_try_at": None,
        "last_problem": "",
    }
    return Peer(**(values | changed))  # type: ignore[arg-type]


def person(label: str, of: str = "river") -> Person:
    return Person(org(of), label, label.title(), START)


def agreement(word: str, alias: str = "pact") -> AgreementRow:
    return AgreementRow(
        AgreementId(hexed(word)),
        alias,
        genesis=b'{"nonce":"\x00"}',
        text="format: alliance/1 # Größe\r\n".encode(),
        salt="ab" * 32,
        version=hexed(f"{word}-1"),
        proposed_by=RIVER,
        known_since=START,
    )


def record(
    word: str,
    sequence: int = 1,
    *,
    under: AgreementId = PACT,
    circle: CircleId = ALL,
    issuer: OrganisationId = RIVER,
    incarnation: int = 0,
) -> RecordRow:
    return RecordRow(
        0,
        rid(word),
        under,
        circle,
        issuer,
        incarnation,
        sequence,
        "agreement.sign",
        at(sequence),
        raw=f'{{"payload":"{word}"}}\n\x00'.encode(),
    )


def raw_of(item: str, words: str = "") -> bytes:
    return f'{{"id": "{item}",  "words": "{words}"}}'.encode()


def item(
    name: str,
    class_id: int,
    *,
    words: str = "",
    modified: str = "2026-01-01T00:00:00.000Z",
    holder: OrganisationId = RIVER,
    originator: OrganisationId = HARBOUR,
    under: AgreementId = PACT,
    of_type: str = "indicator",
    share: str = "first-share",
    received_at: datetime = START,
) -> tuple[ItemRow, bytes]:
    raw = raw_of(name, words)
    row = ItemRow(
        seq=0,
        holder=holder,
        originator=originator,
        agreement=under,
        id=name,
        modified=modified,
        type=of_type,
        kind="indicators",
        digest=Digest(sha256(raw).hexdigest()),
        size=len(raw),
        class_id=class_id,
        statement=hexed(f"statement of {share}"),
        proof=b"\x00\xff" * 64,
        via=originator,
        received_at=received_at,
        share=share,
    )
    return row, raw


def classes(writing: Writing, count: int, under: AgreementId = PACT) -> list[int]:
    return [
        writing.handling_class(under, hexed(f"class {n}"), f'{{"tlp":{n}}}'.encode(), (n,))
        for n in range(count)
    ]


def feed(word: str, **changed: object) -> Feed:
    values: dict[str, object] = {
        "id": word,
        "organisation": RIVER,
        "secret": hexed(word),
        "agreement": PACT,
        "form": "domain",
        "ceiling": "GREEN",
        "purpose": "",
        "created_at": START,
        "expires_at": None,
        "revoked_at": None,
    }
    return Feed(**(values | changed))  # type: ignore[arg-type]


def token(word: str, **changed: object) -> Token:
    values: dict[str, object] = {
        "id": word,
        "organisation": RIVER,
        "secret": hexed(f"secret of {word}"),
        "role": "analyst",
        "agreements": (PACT, TREATY),
        "ceiling": "AMBER",
        "created_at": START,
        "expires_at": None,
        "revoked_at": None,
        "purpose": f"what {word} is for",
    }
    return Token(**(values | changed))  # type: ignore[arg-type]


def login(word: str, expires_in: float = 60, **changed: object) -> Login:
    values: dict[str, object] = {
        "secret": hexed(word),
        "kind": "link",
        "organisation": RIVER,
        "person": "anna",
        "created_at": START,
        "expires_at": at(expires_in),
        "used_at": None,
    }
    return Login(**(values | changed))  # type: ignore[arg-type]


def ledger_row(
    seq: int,
    previous: str,
    *,
    of: OrganisationId = RIVER,
    recipient: str = "harbour",
    under: AgreementId = PACT,
    first: int = 1,
    last: int = 1,
) -> LedgerRow:
    return LedgerRow(
        seq,
        of,
        under,
        recipient,
        "released",
        "release.permitted",
        "5",
        1,
        first,
        last,
        last - first + 1,
        "federation",
        hexed("proof"),
        at(seq),
        Digest(previous),
        hexed(f"{of} {seq}"),
    )
