"""Reading again what was read, checked and kept before.

A node reads its own store at every start. What stands there was checked when it came, and the
digest under which it is kept says whether it is still what it was; so nothing else is checked.

Rules. Bytes that do not have the digest they are kept under are refused. Whoever wants a body or
the people who assented, of a record whose header is known already, gets these alone.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from allied.errors import MalformedError
from allied.record.canonical import digest
from allied.record.envelope import parse
from allied.record.ids import RecordId
from allied.record.record import MAX_ENVELOPE_BYTES, Dep, Header, Record, not_its_bytes

if TYPE_CHECKING:
    from allied.record.canonical import Json
    from allied.record.envelope import Assertion


def read_kept(raw: bytes, record: RecordId) -> Record:
    """Read a record again that `read` had accepted and that was kept under its id since.

    Whatever bytes have that digest were checked then, so nothing about them is checked again
    but the digest.

    Raises:
        UnverifiedError: `record.not-its-bytes`: they are not what was kept under that id.

    Cost: half of `read`.
    """
    try:
        payload, assertions = _opened(raw, record)
        return Record(_header(payload["header"]), payload["body"], record, raw, assertions)
    except (ValueError, KeyError, TypeError, MalformedError) as error:
        raise not_its_bytes() from error


def content_kept(raw: bytes, record: RecordId) -> tuple[Mapping[str, Json], tuple[Assertion, ...]]:
    """As `read_kept`, of a record whose header is at hand: its body, and who assented.

    Raises:
        UnverifiedError: `record.not-its-bytes`.
    """
    try:
        payload, assertions = _opened(raw, record)
        return payload["body"], assertions
    except (ValueError, KeyError, TypeError, MalformedError) as error:
        raise not_its_bytes() from error


def _opened(raw: bytes, record: RecordId) -> tuple[Mapping[str, Any], tuple[Assertion, ...]]:
    envelope = orjson.loads(raw)
    content = binascii.a2b_base64(envelope["payload"])
    if RecordId(digest(content)) != record:
        raise not_its_bytes()
    # Assertions stand beside what the digest covers, so they are read like new ones.
    assertions = parse(raw, limit=MAX_ENVELOPE_BYTES).assertions if len(envelope) > 3 else ()
    return orjson.loads(content), assertions


def _header(value: Mapping[str, Any]) -> Header:
    return Header(
        agreement=value["agreement"],
        circle=value["circle"],
        issuer=value["issuer"],
        key=value["key"],
        incarnation=value["incarnation"],
        sequence=value["sequence"],
        previous=value["previous"],
        deps=tuple([
            Dep(each["circle"], each["issuer"], each["incarnation"], each["sequence"], each["id"])
            for each in value["deps"]
        ]),
        version=value["version"],
        kind=value["kind"],
        claimed_at=datetime.fromisoformat(value["claimed_at"]),
    )  # fmt: skip
