"""What an item was made from: signed, bound to its statement, and telling no more than whose."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.errors import AlliedError
from allied.exchange.derivation import (
    EXTRACT,
    MAX_SOURCES,
    PAYLOAD_TYPE,
    REDACTION,
    Derivation,
    Derived,
    Source,
    is_extract,
    name_of,
    named_in,
    read,
    require_fit,
    sign,
)
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.lineage import ItemName
from allied.exchange.stix import Kind
from allied.record import envelope
from allied.record.canonical import digest
from allied.record.ids import Digest, OrganisationId, PartyId
from allied.record.keys import PrivateKey

RIVER, HARBOUR = PartyId("river"), PartyId("harbour")
WHO, WHERE = OrganisationId("a" * 64), Digest("b" * 64)
AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = PrivateKey.from_seed("ed25519", bytes(32))
OTHER = PrivateKey.from_seed("ed25519", bytes([1]) * 32)
ITEM = ItemName(RIVER, "indicator--1", "1")


def made(how: str = EXTRACT, *of: PartyId, **changes: object) -> Derivation:
    names = [Source(each, name_of(ITEM, bytes(16))) for each in of or (RIVER,)]
    return replace(Derivation(WHO, WHERE, how, tuple(sorted(names)), AT), **changes)  # type: ignore[arg-type]


def handled(*terms: str, others: frozenset[PartyId] = frozenset()) -> HandlingClass:
    """River's item with these terms, and with what others demand."""
    mine = Demand(Kind.INDICATOR, RIVER, Handling(Tlp.AMBER, terms=frozenset(terms)))
    theirs = {Demand(Kind.INDICATOR, each, Handling(Tlp.AMBER)) for each in others}
    return HandlingClass(RIVER, frozenset({mine, *theirs}))


def refused(raw: bytes) -> str:
    with pytest.raises(AlliedError) as refusal:
        read(raw, {KEY.public.key_id: KEY.public})
    return refusal.value.code


def test_what_is_signed_reads_as_what_it_was() -> None:
    one = made(REDACTION, RIVER, HARBOUR)
    raw = sign(one, KEY)

    assert read(raw, {KEY.public.key_id: KEY.public}) == one
    assert read(raw, None) == one
    assert one.originators == (HARBOUR, RIVER)


def test_what_nobody_signed_or_who_signed_is_another_is_refused() -> None:
    assert refused(sign(made(), OTHER)) == "exchange.derivation-unproved"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"derivation/1", b"derivation/2", id="another format"),
        pytest.param(b"extract", b"mixture", id="another way"),
        pytest.param(b"2026-03-01T12", b"2026-13-01T12", id="no instant"),
        pytest.param(b'"river"', b'" river"', id="no party"),
        pytest.param(b'"how"', b'"hou"', id="another key"),
    ],
)
def test_what_is_no_derivation_is_refused(before: bytes, after: bytes) -> None:
    payload = made().payload()
    assert before in payload
    bent = envelope.sign(PAYLOAD_TYPE, payload.replace(before, after), [KEY])

    assert refused(envelope.encode(bent)) in ("exchange.bad-derivation", "ids.not-a-party")


@pytest.mark.parametrize("count", [0, MAX_SOURCES + 1])
def test_there_are_sources_and_not_too_many(count: int) -> None:
    sources = tuple(Source(RIVER, digest(b"%d" % each)) for each in range(count))
    with pytest.raises(ValueError, match="sources"):
        sign(made(sources=sources), KEY)
    sign(made(sources=sources[:MAX_SOURCES] or made().sources), KEY)  # the twin
    bent = envelope.sign(PAYLOAD_TYPE, made(sources=sources).payload(), [KEY])
    assert refused(envelope.encode(bent)) == "exchange.bad-derivation"


def test_the_name_of_a_source_tells_nothing_without_its_salt() -> None:
    assert name_of(ITEM, bytes(16)) != name_of(ITEM, bytes([1]) * 16)
    assert name_of(ITEM, bytes(16)) == name_of(ITEM, bytes(16))
    with pytest.raises(ValueError, match="16 bytes"):
        name_of(ITEM, b"short")


NAME = digest(b"one")
TERM = Derived(EXTRACT, NAME).term
REDACTED = Derived(REDACTION, NAME).term


@pytest.mark.parametrize(
    ("handling", "names", "extract"),
    [
        pytest.param(handled(), (), False, id="made from nothing"),
        pytest.param(handled("iep:tlp=x"), (), False, id="another term"),
        pytest.param(handled(TERM), (Derived(EXTRACT, NAME),), True, id="an extract"),
        pytest.param(
            handled(REDACTED, others=frozenset({HARBOUR})),
            (Derived(REDACTION, NAME),), False, id="a redaction",
        ),
        pytest.param(
            handled(TERM, others=frozenset({HARBOUR})),
            (Derived(EXTRACT, NAME),), False, id="what others have a say in is no extract",
        ),
    ],
)  # fmt: skip
def test_a_handling_names_what_it_was_made_from(
    handling: HandlingClass, names: tuple[Derived, ...], extract: bool
) -> None:
    assert named_in(handling) == names
    assert is_extract(handling) == extract


def test_a_term_that_names_nothing_is_refused() -> None:
    with pytest.raises(AlliedError) as refusal:
        named_in(handled("allied:extract=soon"))
    assert refusal.value.code == "exchange.derivation-unproved"


@pytest.mark.parametrize(
    ("derivation", "others", "fits"),
    [
        pytest.param(made(), "", True, id="an extract of one's own"),
        pytest.param(made(EXTRACT, HARBOUR), "harbour", False, id="an extract of another's"),
        pytest.param(made(EXTRACT), "harbour", False, id="with a demand of nobody's"),
        pytest.param(made(REDACTION, HARBOUR), "harbour", True, id="a redaction"),
        pytest.param(made(REDACTION, HARBOUR, RIVER), "harbour", True, id="of one's own too"),
        pytest.param(made(REDACTION, HARBOUR), "", False, id="without its originator's say"),
        pytest.param(made(REDACTION), "", False, id="a redaction of nobody else's"),
        pytest.param(made(by=OrganisationId("c" * 64)), "", False, id="by somebody else"),
        pytest.param(made(agreement=Digest("c" * 64)), "", False, id="under another agreement"),
    ],
)
def test_a_derivation_has_to_fit_the_item(derivation: Derivation, others: str, fits: bool) -> None:
    found = {Derived(derivation.how, NAME): derivation}
    named = frozenset({PartyId(others)} if others else ())
    handling = handled(Derived(derivation.how, NAME).term, others=named)
    if fits:
        require_fit(found, handling, originator=WHO, agreement=WHERE)
        return
    with pytest.raises(AlliedError) as refusal:
        require_fit(found, handling, originator=WHO, agreement=WHERE)
    assert refusal.value.code == "exchange.derivation-unproved"


def test_one_way_does_not_stand_for_the_other() -> None:
    with pytest.raises(AlliedError) as refusal:
        require_fit(
            {Derived(EXTRACT, NAME): made(REDACTION, HARBOUR)},
            handled(TERM, others=frozenset({HARBOUR})),
            originator=WHO,
            agreement=WHERE,
        )
    assert refusal.value.code == "exchange.derivation-unproved"


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_a_reason(raw: bytes) -> None:
    assert refused(raw)
