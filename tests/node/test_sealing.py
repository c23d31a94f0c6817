"""What travels on foreign ways can be read by its recipient alone."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from allied.adapters import hpke
from allied.errors import AlliedError
from allied.node import carriage, sealing
from allied.node.carriage import TakenIn
from allied.record.ids import OrganisationId
from allied.record.keys import PrivateKey, PublicKey
from tests.exchange.samples import indicator
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, allied, held, share
from tests.node.network import House, Network
from tests.node.test_keys import rotate

OURS, THEIRS = (PrivateKey.from_seed("x25519", bytes([n]) * 32) for n in (1, 2))
RECIPIENT = OrganisationId("a" * 64)
SLOW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


class OneKey:
    """Keys of somebody who has one sealing key and nothing else."""

    def seal(self, to: PublicKey, plain: bytes, context: bytes) -> bytes:
        return hpke.seal(to, plain, context)

    def unseal(self, _: OrganisationId, __: str, sealed: bytes, context: bytes) -> bytes | None:
        return hpke.unseal(OURS, sealed, context)


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def sealed(plain: bytes, nonce: bytes = bytes(16)) -> bytes:
    out = io.BytesIO()
    around = sealing.Sealing(OneKey(), OURS.public, RECIPIENT, nonce, out)  # type: ignore[arg-type]
    for start in range(0, len(plain), 300_000):
        around.write(plain[start : start + 300_000])
    around.finish()
    assert around.size == len(out.getvalue())
    return out.getvalue()


def opened(raw: bytes) -> sealing.Unsealed:
    stream = io.BytesIO(raw)
    assert stream.read(len(sealing.MAGIC)) == sealing.MAGIC
    return sealing.Unsealed(OneKey(), stream)  # type: ignore[arg-type]


# --- one piece ------------------------------------------------------------------------------


def test_what_is_sealed_opens_for_its_recipient_in_its_context() -> None:
    found = hpke.seal(OURS.public, b"words", b"here")
    assert hpke.unseal(OURS, found, b"here") == b"words"
    assert len(found) == len(b"words") + sealing.OVERHEAD
    assert found != hpke.seal(OURS.public, b"words", b"here")


@pytest.mark.parametrize(
    ("key", "context", "change"),
    [
        pytest.param(THEIRS, b"here", 0, id="somebody else"),
        pytest.param(OURS, b"there", 0, id="another context"),
        pytest.param(OURS, b"here", 1, id="a byte of the key"),
        pytest.param(OURS, b"here", 40, id="a byte of what is sealed"),
    ],
)
def test_it_opens_for_nobody_else(key: PrivateKey, context: bytes, change: int) -> None:
    found = bytearray(hpke.seal(OURS.public, b"words", b"here"))
    found[change] ^= 1 if change else 0
    assert hpke.unseal(key, bytes(found), context) is None


@pytest.mark.parametrize("raw", [b"", b"x", bytes(32), bytes(48), b"\xff" * 80])
def test_what_was_never_sealed_does_not_open(raw: bytes) -> None:
    assert hpke.unseal(OURS, raw, b"here") is None


def test_nothing_is_sealed_to_a_key_that_signs_or_agrees_on_nothing() -> None:
    signing = PrivateKey.from_seed("ed25519", bytes(32)).public
    refused("sealing.key", lambda: hpke.seal(signing, b"words", b"here"))
    refused("sealing.key", lambda: hpke.seal(PublicKey("x25519", bytes(32)), b"words", b"here"))


# --- many pieces ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "size", [0, 1, sealing.PIECE - 1, sealing.PIECE, sealing.PIECE + 1, 3 * sealing.PIECE]
)
def test_files_of_any_size_come_out_as_they_went_in(size: int) -> None:
    plain = bytes(range(256)) * (size // 256 + 1)
    assert opened(sealed(plain[:size])).read() == plain[:size]


WHOLE = bytes(range(251)) * 10_000


@SLOW
@given(st.integers(0, len(WHOLE) + 9), st.integers(0, 2_000_000))
def test_any_part_can_be_read_again(start: int, size: int) -> None:
    source = opened(_SEALED)
    source.seek(start)
    assert source.read(size) == WHOLE[start : start + size]


_SEALED = sealed(WHOLE)


@SLOW
@given(st.integers(0, len(_SEALED) - 1))
def test_a_file_that_breaks_off_never_looks_whole(end: int) -> None:
    raw = _SEALED[: max(end, len(sealing.MAGIC))]
    with pytest.raises(AlliedError):
        opened(raw).read()


@SLOW
@given(st.integers(len(sealing.MAGIC), len(_SEALED) - 1))
def test_a_byte_that_was_changed_is_noticed(at: int) -> None:
    raw = bytearray(_SEALED)
    raw[at] ^= 1
    with pytest.raises(AlliedError):
        opened(bytes(raw)).read()


def test_pieces_of_two_files_do_not_fit_together() -> None:
    one, other = sealed(WHOLE), sealed(WHOLE, b"another nonce...")
    cut = len(one) - 1000 - sealing.PIECE
    assert opened(one).read() == opened(other).read() == WHOLE
    refused("sealing.other-bytes", lambda: opened(one[:cut] + other[cut:]).read())


# --- files ----------------------------------------------------------------------------------


@pytest.fixture
def world(tmp_path: Path) -> tuple[Network, str, bytes]:
    """River has written a file for Harbour, whom no line reaches."""
    network, pact = allied(tmp_path)
    network.cut_between(RIVER, HARBOUR)
    river = network.houses[RIVER]
    share(river, pact, indicator(1))
    out = io.BytesIO()
    made = carriage.write(river.node, river.organisation, river.keys, pact, HARBOUR, out)
    assert made.size == len(out.getvalue())
    return network, pact, out.getvalue()


def taken(house: House, raw: bytes) -> TakenIn:
    return carriage.take_in(house.node, house.keys, io.BytesIO(raw))


def test_a_file_is_sealed_to_its_recipient_and_taken_in_as_ever(
    world: tuple[Network, str, bytes],
) -> None:
    network, pact, raw = world
    river, harbour, northgate = network.houses.values()
    name = str(indicator(1)["id"])
    assert name.encode() not in raw
    assert river.organisation.id.encode() not in raw
    refused("carriage.not-for-us", lambda: taken(northgate, raw))
    found = taken(harbour, raw)
    assert (found.sender, found.broken) == (RIVER, "")
    assert name in held(harbour, pact)


def test_a_sealed_file_that_breaks_off_is_not_taken_in(
    world: tuple[Network, str, bytes],
) -> None:
    network, _, raw = world
    harbour = network.houses[HARBOUR]
    refused("sealing.form", lambda: taken(harbour, raw[:-1]))
    refused("sealing.form", lambda: taken(harbour, raw[: len(sealing.MAGIC) + 3]))
    assert taken(harbour, raw).broken == ""  # the twin


def test_what_was_sealed_to_a_key_that_was_replaced_still_opens(
    world: tuple[Network, str, bytes],
) -> None:
    network, _, raw = world
    harbour = network.houses[HARBOUR]
    with harbour.node.store.read() as reading:
        before = sealing.key_of(reading, harbour.organisation.id)
    rotate(harbour, "sealing")
    with harbour.node.store.read() as reading:
        assert sealing.key_of(reading, harbour.organisation.id) != before
    assert taken(harbour, raw).broken == ""


def test_what_is_sealed_to_a_key_that_nobody_here_has_does_not_hold(
    world: tuple[Network, str, bytes],
) -> None:
    """Whoever carries it can write another name on it."""
    network, _, raw = world
    harbour, northgate = network.houses[HARBOUR], network.houses[NORTHGATE]
    renamed = raw.replace(harbour.organisation.id.encode(), northgate.organisation.id.encode())
    refused("sealing.other-key", lambda: taken(northgate, renamed))
    assert taken(harbour, raw).broken == ""  # the twin
