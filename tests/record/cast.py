"""Three organisations with real keys made from fixed seeds, and a pen to write chains with.

Used by the tests of this folder and by the generator of the test vectors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from allied.record import circle, identity
from allied.record.canonical import Json
from allied.record.circle import Circle, Standing
from allied.record.descriptor import PURPOSES, Purpose
from allied.record.ids import AgreementId, Digest, KeyId, PartyId, PersonId, RecordId
from allied.record.keys import PrivateKey, PublicKey, derive_seed
from allied.record.record import Dep, Header, Record, sorted_deps, written

SEED: Final = bytes(range(32))
NOON: Final = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
PARTIES: Final = (PartyId("harbour"), PartyId("northgate"), PartyId("river"))


def digest_of(name: str) -> Digest:
    """A digest that stands for something the test does not need."""
    return Digest(hashlib.sha256(name.encode()).hexdigest())


AGREEMENT: Final = AgreementId(digest_of("the agreement"))
VERSION: Final = digest_of("its first version")
NONCE: Final = "0f" * 16


def key(label: str, alg: str = "ed25519") -> PrivateKey:
    return PrivateKey.from_seed(alg, derive_seed(SEED, label))


@dataclass(frozen=True)
class Organisation:
    """One organisation: its private keys and its identity chain of one descriptor."""

    name: str
    acts: PrivateKey
    automatic: PrivateKey
    person: PersonId
    person_key: PrivateKey
    identity: identity.Identity

    @property
    def persons(self) -> Mapping[PersonId, PublicKey]:
        return {self.person: self.person_key.public}


def founded(name: str, alg: str = "ed25519", **changes: object) -> bytes:
    """The envelope of a first descriptor."""
    custodians: dict[Purpose, str] = dict.fromkeys(PURPOSES, "the organisation")
    arguments: dict[str, object] = {
        "name": name,
        "addresses": ["https://" + name.lower() + ".example/"],
        "acts": key(f"{name} acts", alg),
        "keys": {
            "automatic": key(f"{name} automatic", alg).public,
            "transport": key(f"{name} transport", alg).public,
            "sealing": key(f"{name} sealing", "x25519").public,
        },
        "next_key": key(f"{name} next", alg).public,
        "recovery_key": key(f"{name} recovery", alg).public,
        "custodians": custodians,
    }
    return identity.first_descriptor(**(arguments | changes))  # type: ignore[arg-type]


def organisation(name: str, alg: str = "ed25519") -> Organisation:
    return Organisation(
        name=name,
        acts=key(f"{name} acts", alg),
        automatic=key(f"{name} automatic", alg),
        person=PersonId(digest_of(f"{name} person")[:32]),
        person_key=key(f"{name} person"),
        identity=identity.open_chain([founded(name, alg)]),
    )


RIVER: Final = organisation("River")
HARBOUR: Final = organisation("Harbour", "p256")
NORTHGATE: Final = organisation("Northgate")


def standing(parties: Iterable[PartyId] = PARTIES) -> Standing:
    everybody = tuple(parties)
    return circle.standing_circles(
        AGREEMENT, VERSION, NONCE, everybody, everybody[::2], {"council": everybody[:1]}
    )


CIRCLES: Final = standing()


@dataclass
class Pen:
    """Writes one chain of one organisation, signed, each record a second after the last."""

    who: Organisation = RIVER
    circle: Circle = CIRCLES.all
    incarnation: int = 0
    at: datetime = NOON
    written: list[Record] = field(default_factory=list)

    @property
    def head(self) -> Dep:
        return cited(self.written[-1])

    def header(self, kind: str, deps: Sequence[Record | Dep] = ()) -> Header:
        last = self.written[-1] if self.written else None
        signer = self.who.automatic if kind == "receipt" else self.who.acts
        return Header(
            agreement=AGREEMENT,
            circle=self.circle.id,
            issuer=self.who.identity.id,
            key=signer.public.key_id,
            incarnation=self.incarnation,
            sequence=len(self.written) + 1,
            previous=last.id if last else None,
            deps=sorted_deps([cited(each) for each in deps]),
            version=VERSION,
            kind=kind,
            claimed_at=self.at + timedelta(seconds=len(self.written)),
        )

    def write(
        self,
        kind: str = "receipt",
        body: Mapping[str, Json] | None = None,
        deps: Sequence[Record | Dep] = (),
        **changes: object,
    ) -> Record:
        """Write the next record; `changes` are to its header."""
        header = replace(self.header(kind, deps), **changes)  # type: ignore[arg-type]
        act = kind in {"agreement.sign", "obligation.accept"}
        record = written(
            header,
            {"note": ""} if body is None else body,
            self.who.automatic if kind == "receipt" else self.who.acts,
            {self.who.person: self.who.person_key} if act else None,
        )
        self.written.append(record)
        return record

    def other(self, **changes: object) -> Pen:
        """A pen that goes on from the same chain, to part from it."""
        return replace(self, written=list(self.written), **changes)  # type: ignore[arg-type]


def cited(record: Record | Dep) -> Dep:
    if isinstance(record, Dep):
        return record
    header = record.header
    return Dep(header.circle, header.issuer, header.incarnation, header.sequence, record.id)


def nobody(name: str = "nobody") -> RecordId:
    return RecordId(digest_of(name))


def key_id(name: str) -> KeyId:
    return KeyId(digest_of(name))
