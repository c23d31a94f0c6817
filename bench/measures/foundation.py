"""Records signed and verified per second, beside what the primitive itself does.

The ratio is what a record costs over a bare signature: canonical JSON, the envelope, the
checks of shape. Signing is `record.written` (payload, signature, envelope, read back);
verifying is `record.read` and `record.require_signed`, as for a record that arrives. The
record is an `incident.facts` with a body of about 600 bytes and one citation of another
chain. "Bare" is `keys` alone, which loads the private key for each signature.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from allied.record import envelope, record
from allied.record.canonical import Json, digest
from allied.record.descriptor import Purpose
from allied.record.identity import Identity, first_descriptor, open_chain
from allied.record.ids import AgreementId, CircleId, Digest, OrganisationId, RecordId
from allied.record.keys import ED25519, P256, X25519, PrivateKey, verify
from bench.row import Row

_AT = datetime(2026, 11, 23, 3, 5, tzinfo=UTC)


def measure(quick: bool) -> Iterator[Row]:
    """Rates for ed25519 and p256, on one core."""
    seconds = 0.1 if quick else 2.0
    for alg in (ED25519, P256):
        key, identity, header, body = _setting(alg)
        written = record.written(header, body, key)
        message = envelope.pae(envelope.RECORD_TYPE, record.payload(header, body))
        signature = key.sign(message)

        bare_sign = _rate(lambda: key.sign(message), seconds)  # noqa: B023
        bare_verify = _rate(lambda: verify(key.public, message, signature), seconds)  # noqa: B023
        signs = _rate(lambda: record.written(header, body, key), seconds)  # noqa: B023
        verifies = _rate(lambda: _verified(written.raw, identity), seconds)  # noqa: B023

        if alg == ED25519:
            loaded = Ed25519PrivateKey.from_private_bytes(key.seed)
            rate = _rate(lambda: loaded.sign(message), seconds)  # noqa: B023
            yield Row("ed25519 sign, library, key loaded", rate, "/s", better="more")
        note = f"a record of {len(written.raw):,} bytes; one core"
        yield Row(f"{alg} sign, bare", bare_sign, "/s", better="more")
        yield Row(f"{alg} record signed", signs, "/s", better="more", note=note)
        yield Row(f"{alg} cost of signing a record", bare_sign / signs, "x")
        yield Row(f"{alg} verify, bare", bare_verify, "/s", better="more")
        yield Row(f"{alg} record verified", verifies, "/s", better="more", note=note)
        yield Row(f"{alg} cost of verifying a record", bare_verify / verifies, "x")


def _setting(alg: str) -> tuple[PrivateKey, Identity, record.Header, dict[str, Json]]:
    """An organisation with its keys, and a record it might write."""
    purposes: dict[Purpose, PrivateKey] = {
        "acts": PrivateKey.from_seed(alg, _seed("acts")),
        "automatic": PrivateKey.from_seed(alg, _seed("automatic")),
        "transport": PrivateKey.from_seed(alg, _seed("transport")),
        "sealing": PrivateKey.from_seed(X25519, _seed("sealing")),
    }
    key = purposes["acts"]
    chain = first_descriptor(
        name="River Bank plc",
        addresses=["https://allied.river.example"],
        acts=key,
        keys={name: each.public for name, each in purposes.items() if name != "acts"},
        next_key=PrivateKey.from_seed(alg, _seed("next")).public,
        recovery_key=PrivateKey.from_seed(alg, _seed("recovery")).public,
        custodians=dict.fromkeys(purposes, "organisation"),
    )
    identity = open_chain([chain])
    circle = CircleId(_digest("circle"))
    other = OrganisationId(_digest("harbour"))
    header = record.Header(
        agreement=AgreementId(_digest("agreement")),
        circle=circle,
        issuer=identity.id,
        key=key.public.key_id,
        incarnation=0,
        sequence=42,
        previous=RecordId(_digest("previous")),
        deps=(record.Dep(circle, other, 0, 17, RecordId(_digest("dep"))),),
        version=_digest("version"),
        kind="incident.facts",
        claimed_at=_AT,
    )
    body: dict[str, Json] = {
        "incident": _digest("incident"),
        "known_at": "2026-11-23T03:05:00.000Z",
        "facts": {
            "kind": "attack.cyber.malicious-code",
            "severity": "severe",
            "phase": "active",
            "acts": [
                {"against": "harbour", "target": "systems", "systems": [f"domain:t{n}.example"]}
                for n in range(6)
            ],
        },
    }
    return key, identity, header, body


def _verified(raw: bytes, identity: Identity) -> None:
    record.require_signed(record.read(raw), identity, {})


def _rate(work: Callable[[], object], seconds: float) -> float:
    """How often `work` is done in a second; the best of three, other work being noise."""
    best = 0.0
    for _ in range(3):
        done, started = 0, time.perf_counter()
        while (spent := time.perf_counter() - started) < seconds / 3:
            for _ in range(16):
                work()
            done += 16
        best = max(best, done / spent)
    return best


def _seed(label: str) -> bytes:
    return hashlib.sha256(b"bench " + label.encode()).digest()


def _digest(label: str) -> Digest:
    return digest(label.encode())
