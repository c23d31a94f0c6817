"""Which keys an organisation has: first descriptor, rotation, recovery, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from allied.errors import AlliedError, MalformedError, UnverifiedError
from allied.record import canonical, descriptor, envelope, identity
from allied.record.envelope import DESCRIPTOR_TYPE, RECORD_TYPE
from allied.record.identity import Identity
from allied.record.ids import OrganisationId
from allied.record.keys import PrivateKey, PublicKey
from tests.record.cast import HARBOUR, RIVER, digest_of, founded, key

FIRST = founded("River")
ONE = identity.open_chain([FIRST])


def public(label: str, alg: str = "ed25519") -> PublicKey:
    return key(label, alg).public


def grown(known: Identity, raw: bytes) -> Identity:
    return identity.open_chain([*known.raws, raw])


def rotated(known: Identity = ONE, acts: str = "River next", then: str = "2", **more: Any) -> bytes:
    return identity.rotated(known, acts=key(acts), next_key=public(f"next {then}"), **more)


def recovered(known: Identity = ONE, by: str = "River recovery", to: str = "3") -> bytes:
    return identity.recovered(
        known,
        recovery=key(by),
        keys={
            "acts": public(f"acts {to}"),
            "automatic": public(f"automatic {to}"),
            "transport": public(f"transport {to}"),
            "sealing": public(f"sealing {to}", "x25519"),
        },
        next_key=public(f"next {to}"),
        recovery_key=public(f"recovery {to}"),
    )


def signed(payload: Any, *keys: PrivateKey, payload_type: str = DESCRIPTOR_TYPE) -> bytes:
    raw = (
        payload
        if isinstance(payload, bytes)
        else orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)
    )
    return envelope.encode(envelope.sign(payload_type, raw, keys))


def payload_of(raw: bytes) -> dict[str, Any]:
    value: dict[str, Any] = orjson.loads(envelope.parse(raw, limit=len(raw)).payload)
    return value


def test_an_organisation_is_the_digest_of_its_first_descriptor() -> None:
    assert ONE.id == OrganisationId(canonical.digest(envelope.parse(FIRST, limit=9999).payload))
    assert ONE.key("acts") == public("River acts")
    assert ONE.key("sealing").alg == "x25519"
    assert ONE.current.name == "River"
    assert founded("River") == FIRST


def test_a_p256_organisation_is_one_too() -> None:
    assert HARBOUR.identity.key("acts").alg == "p256"


def test_after_a_rotation_the_old_keys_stay_known() -> None:
    two = grown(ONE, rotated(name="River Bank", keys={"automatic": public("automatic 2")}))
    assert two.id == ONE.id
    assert two.current.name == "River Bank"
    assert two.key("acts") == public("River next")
    assert two.key("automatic") == public("automatic 2")
    assert two.key("transport") == ONE.key("transport")
    assert set(two.keys_ever("acts").values()) == {public("River acts"), public("River next")}
    assert set(two.keys_ever("transport").values()) == {public("River transport")}
    three = grown(two, rotated(two, acts="next 2", then="3"))
    assert len(three.descriptors) == 3


def test_a_recovery_replaces_everything() -> None:
    two = grown(ONE, recovered())
    assert two.id == ONE.id
    assert two.key("acts") == public("acts 3")
    assert two.current.next == public("next 3").key_id
    assert two.current.recovery == public("recovery 3").key_id
    # The recovery key that the first descriptor named keeps its force, and so has the new.
    grown(two, recovered(two, "River recovery", "4"))
    grown(two, recovered(two, "recovery 3", "4"))


def test_a_recovery_key_of_the_middle_is_no_more() -> None:
    two = grown(ONE, recovered(to="3"))
    three = grown(two, recovered(two, "recovery 3", "4"))
    with pytest.raises(UnverifiedError) as refusal:
        recovered(three, "recovery 3", "5")
    assert refusal.value.code == "identity.not-the-recovery-key"


def tampered(raw: bytes, change: Callable[[dict[str, Any]], object], *keys: PrivateKey) -> bytes:
    value = payload_of(raw)
    change(value)
    return signed(value, *keys)


NEXT = key("River next")


@pytest.mark.parametrize(
    ("chain", "code"),
    [
        pytest.param(list, "identity.empty", id="no descriptor"),
        pytest.param(lambda: [FIRST] * 257, "identity.too-long", id="257 descriptors"),
        pytest.param(
            lambda: [FIRST, b"x" * 512 * 1024], "identity.too-long", id="more than 512 KiB"
        ),
        pytest.param(lambda: [rotated()], "identity.sequence", id="not from the first on"),
        pytest.param(lambda: [FIRST, FIRST], "identity.sequence", id="the first twice"),
        pytest.param(
            lambda: [founded("Harbour"), rotated()], "identity.previous", id="after that of another"
        ),
        pytest.param(
            lambda: [signed(payload_of(FIRST), key("River automatic"))],
            "identity.signature",
            id="a first signed by another of its keys",
        ),
        pytest.param(
            lambda: [signed(payload_of(FIRST))], "identity.signature", id="a first nobody signed"
        ),
        pytest.param(
            lambda: [
                signed(payload_of(FIRST), key("River acts"), payload_type=RECORD_TYPE),
            ],
            "identity.type",
            id="a first under another type",
        ),
        pytest.param(
            lambda: [FIRST, signed(payload_of(rotated()), key("River acts"))],
            "identity.signature",
            id="a rotation signed by the acts key before",
        ),
        pytest.param(
            lambda: [
                FIRST,
                tampered(
                    rotated(),
                    lambda v: v["keys"]["acts"].update(public("thief").to_json()),
                    key("thief"),
                ),
            ],
            "identity.not-the-next-key",
            id="a rotation to a key that was not committed to",
        ),
        pytest.param(
            lambda: [
                FIRST,
                tampered(
                    rotated(), lambda v: v["keys"]["acts"].update(public("thief").to_json()), NEXT
                ),
            ],
            "identity.not-the-next-key",
            id="signed by the committed key and carrying another",
        ),
        pytest.param(
            lambda: [FIRST, tampered(rotated(), lambda v: v.update(previous=digest_of("x")), NEXT)],
            "identity.previous",
            id="a rotation after another descriptor",
        ),
        pytest.param(
            lambda: [FIRST, tampered(rotated(), lambda v: v.update(sequence=3), NEXT)],
            "identity.sequence",
            id="a descriptor left out",
        ),
        pytest.param(
            lambda: [
                FIRST,
                tampered(
                    recovered(),
                    lambda v: v.update(recovered_with=public("thief").to_json()),
                    key("thief"),
                ),
            ],
            "identity.not-the-recovery-key",
            id="a recovery by a key nobody named",
        ),
        pytest.param(
            lambda: [FIRST, signed(payload_of(recovered()), key("acts 3"))],
            "identity.signature",
            id="a recovery signed by the new acts key",
        ),
        pytest.param(
            lambda: [
                tampered(
                    FIRST,
                    lambda v: v.update(recovered_with=public("River recovery 2").to_json()),
                    key("River recovery 2"),
                )
            ],
            "identity.not-the-recovery-key",
            id="a first that is a recovery",
        ),
        pytest.param(
            lambda: [
                FIRST,
                tampered(
                    rotated(),
                    lambda v: v["keys"]["automatic"].update(public("River acts").to_json()),
                    NEXT,
                ),
            ],
            "identity.key-reused",
            id="an old acts key as the automatic key",
        ),
        pytest.param(
            lambda: [
                FIRST,
                tampered(rotated(), lambda v: v.update(next=public("River acts").key_id), NEXT),
            ],
            "identity.key-reused",
            id="an old acts key as the next key",
        ),
        pytest.param(
            lambda: [
                FIRST,
                rotated(),
                tampered(
                    recovered(grown(ONE, rotated())),
                    lambda v: v["keys"]["acts"].update(public("River acts").to_json()),
                    key("River recovery"),
                ),
            ],
            "identity.key-reused",
            id="an old acts key brought back by recovery",
        ),
    ],
)
def test_chains_that_are_refused(chain: Callable[[], list[bytes]], code: str) -> None:
    identity.open_chain([FIRST, rotated()])  # the twins that pass
    identity.open_chain([FIRST, recovered()])
    with pytest.raises(AlliedError) as refusal:
        identity.open_chain(chain())
    assert refusal.value.code == code


def test_a_further_bad_signature_does_not_void_a_descriptor() -> None:
    found = envelope.parse(FIRST, limit=99999)
    bad = envelope.Signature(public("stranger").key_id, b"x" * 64)
    raw = envelope.encode(replace(found, signatures=(bad, *found.signatures)))
    assert identity.open_chain([raw]).id == ONE.id


@given(st.data())
def test_any_flipped_byte_of_a_chain_is_refused(data: st.DataObject) -> None:
    raws = [bytearray(FIRST), bytearray(rotated())]
    at = data.draw(st.integers(0, 1))
    place = data.draw(st.integers(0, len(raws[at]) - 1))
    raws[at][place] ^= data.draw(st.integers(1, 255))
    try:
        changed = identity.open_chain([bytes(raw) for raw in raws])
    except AlliedError:
        return
    raise AssertionError(f"byte {place} of descriptor {at + 1} of {changed.id} does not count")


def address(text: str) -> Callable[[dict[str, Any]], object]:
    return lambda value: value.update(addresses=[text])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        pytest.param(lambda v: v.update(extra=1), "identity.shape", id="a key not known"),
        pytest.param(lambda v: v.pop("recovered_with"), "identity.shape", id="a key left out"),
        pytest.param(lambda v: v.update(format="descriptor/2"), "identity.shape", id="to come"),
        pytest.param(lambda v: v.update(sequence=True), "identity.shape", id="sequence true"),
        pytest.param(lambda v: v.update(sequence=2), "identity.sequence", id="2 with none before"),
        pytest.param(
            lambda v: v.update(previous=digest_of("x")), "identity.sequence", id="1 with one before"
        ),
        pytest.param(lambda v: v.update(name=""), "identity.name", id="no name"),
        pytest.param(lambda v: v.update(name="x" * 201), "identity.name", id="a long name"),
        pytest.param(lambda v: v.update(name=" River"), "identity.name", id="a space before"),
        pytest.param(lambda v: v.update(name="Ri\nver"), "identity.name", id="a line break"),
        pytest.param(lambda v: v.update(name="Ri\x1b[2Jver"), "identity.name", id="an escape"),
        pytest.param(lambda v: v.update(name="Ri\u202ever"), "identity.name", id="a turned text"),
        pytest.param(lambda v: v.update(name="Ri\u200bver"), "identity.name", id="a hidden letter"),
        pytest.param(lambda v: v.update(name=5), "identity.name", id="a number as a name"),
        pytest.param(lambda v: v["keys"].pop("acts"), "identity.shape", id="no acts key"),
        pytest.param(
            lambda v: v["keys"].update(root=1), "identity.shape", id="a purpose not known"
        ),
        pytest.param(lambda v: v["keys"]["acts"].update(x=1), "identity.shape", id="more on a key"),
        pytest.param(
            lambda v: v["keys"].update(acts=None), "identity.shape", id="a key that is none"
        ),
        pytest.param(
            lambda v: v["keys"]["acts"].update(custodian=""), "identity.name", id="no custodian"
        ),
        pytest.param(
            lambda v: v["keys"]["acts"].update(public("x", "x25519").to_json()),
            "identity.alg",
            id="an acts key that cannot sign",
        ),
        pytest.param(
            lambda v: v["keys"]["sealing"].update(public("x").to_json()),
            "identity.alg",
            id="a sealing key that signs",
        ),
        pytest.param(
            lambda v: v["keys"]["acts"].update(alg="ml-dsa-65"),
            "keys.alg",
            id="an algorithm to come",
        ),
        pytest.param(
            lambda v: v.update(recovered_with=public("x", "x25519").to_json()),
            "identity.alg",
            id="a recovery key that cannot sign",
        ),
        pytest.param(
            lambda v: v["keys"]["acts"].update(public("River automatic").to_json()),
            "identity.keys-not-separate",
            id="one key for acts and automatic",
        ),
        pytest.param(
            lambda v: v.update(next=public("River acts").key_id),
            "identity.keys-not-separate",
            id="the acts key is its own next",
        ),
        pytest.param(
            lambda v: v.update(recovery=v["next"]),
            "identity.keys-not-separate",
            id="the recovery key is the next",
        ),
        pytest.param(lambda v: v.update(next="x"), "ids.not-a-digest", id="a next that is none"),
        pytest.param(lambda v: v.update(addresses={}), "identity.shape", id="addresses, no list"),
        pytest.param(
            lambda v: v.update(addresses=[f"https://n{n}.example" for n in range(17)]),
            "identity.shape",
            id="17 addresses",
        ),
        pytest.param(
            lambda v: v.update(addresses=["https://a.example"] * 2),
            "identity.address",
            id="an address twice",
        ),
        pytest.param(address("ftp://a.example/"), "identity.address", id="ftp"),
        pytest.param(address("javascript:alert(1)"), "identity.address", id="a script"),
        pytest.param(address("https://"), "identity.address", id="no host"),
        pytest.param(address("https://u:p@a.example/"), "identity.address", id="a password"),
        pytest.param(address("https://a.example/?t=1"), "identity.address", id="a query"),
        pytest.param(address("https://a.example/#x"), "identity.address", id="a fragment"),
        pytest.param(address("https://a.example:0/"), "identity.address", id="port 0"),
        pytest.param(address("https://a.example:123456/"), "identity.address", id="a long port"),
        pytest.param(address("https://a.example/ "), "identity.address", id="a space"),
        pytest.param(address("https://a.example\n/"), "identity.address", id="a break"),
        pytest.param(address("https://bücher.example/"), "identity.address", id="beyond ASCII"),
        pytest.param(address("https://a.example/" + "x" * 2048), "identity.address", id="long"),
    ],
)
def test_shapes_that_are_refused(change: Callable[[dict[str, Any]], object], code: str) -> None:
    value = payload_of(FIRST)
    descriptor.read(signed(value, key("River acts")))  # the twin that passes
    change(value)
    with pytest.raises(MalformedError) as refusal:
        descriptor.read(signed(value, key("River acts")))
    assert refusal.value.code == code


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8811",
        "https://node.example",
        "https://node.example:65535/allied/",
        "https://[2001:db8::1]:8443/",
    ],
)
def test_addresses_that_are_taken(text: str) -> None:
    assert descriptor.addresses([text]) == (text,)
    assert identity.open_chain([founded("River", addresses=[text])]).current.addresses == (text,)


@pytest.mark.parametrize("name", ["R", "Río y Cía. S.A.", "銀行", "A & B – C", "x" * 200])
def test_names_that_are_taken(name: str) -> None:
    assert identity.open_chain([founded(name, addresses=[])]).current.name == name


def test_a_descriptor_past_its_size_is_refused_unread() -> None:
    with pytest.raises(MalformedError) as refusal:
        descriptor.read(b" " * (descriptor.MAX_DESCRIPTOR_BYTES + 1))
    assert refusal.value.code == "canonical.too-large"


def test_the_builders_refuse_what_a_reader_would() -> None:
    with pytest.raises(UnverifiedError) as refusal:
        identity.rotated(ONE, acts=key("thief"), next_key=public("n"))
    assert refusal.value.code == "identity.not-the-next-key"
    with pytest.raises(UnverifiedError) as refusal:
        recovered(ONE, "thief")
    assert refusal.value.code == "identity.not-the-recovery-key"
    with pytest.raises(MalformedError):
        rotated(name="")


STOLEN = grown(ONE, rotated(then="thief"))
STOLEN_ON = grown(STOLEN, rotated(STOLEN, acts="next thief", then="thief 2"))
RESCUED = grown(ONE, recovered())


@pytest.mark.parametrize(
    ("new", "old", "believed"),
    [
        pytest.param(STOLEN, ONE, True, id="what goes on"),
        pytest.param(ONE, STOLEN, False, id="not what is older"),
        pytest.param(ONE, ONE, False, id="nor the same again"),
        pytest.param(RESCUED, STOLEN, True, id="a recovery over a rotation"),
        pytest.param(RESCUED, STOLEN_ON, True, id="a recovery over however many"),
        pytest.param(STOLEN_ON, RESCUED, False, id="never a rotation over a recovery"),
        pytest.param(
            grown(ONE, rotated(then="other")), STOLEN, False, id="of two rotations the first seen"
        ),
        pytest.param(
            grown(ONE, recovered(to="4")), RESCUED, False, id="of two recoveries the first seen"
        ),
        pytest.param(HARBOUR.identity, RIVER.identity, False, id="never another organisation"),
    ],
)
def test_which_of_two_chains_is_believed(new: Identity, old: Identity, believed: bool) -> None:
    assert new.supersedes(old) is believed


def test_a_thief_is_undone_from_the_last_good_descriptor() -> None:
    back = identity.prefix(STOLEN_ON, 1)
    assert back == ONE
    assert grown(back, recovered(back)).supersedes(STOLEN_ON)


def test_a_fingerprint_is_read_over_a_phone() -> None:
    shown = identity.fingerprint(ONE.id)
    assert shown.count("-") == 7
    assert {len(group) for group in shown.split("-")} == {4}
    assert not set(shown) & set("ILOU")
    # 32 letters of 5 bits each.
    assert len(shown.replace("-", "")) * 5 >= 128


@pytest.mark.parametrize(
    ("typed", "good"),
    [
        pytest.param(lambda f: f, True, id="as shown"),
        pytest.param(lambda f: f.lower(), True, id="in small letters"),
        pytest.param(lambda f: f.replace("-", " "), True, id="with spaces"),
        pytest.param(lambda f: f.replace("-", ""), True, id="in one go"),
        pytest.param(lambda f: f.replace("0", "O").replace("1", "l"), True, id="O for 0, l for 1"),
        pytest.param(lambda _: ONE.id, True, id="the id itself"),
        pytest.param(lambda _: ONE.id.upper(), True, id="the id in capitals"),
        pytest.param(lambda f: f[:-1], False, id="a letter short"),
        pytest.param(lambda f: f[:19], False, id="only half of it"),
        pytest.param(lambda _: ONE.id[:40], False, id="a part of the id"),
        pytest.param(lambda f: f + f[-1], False, id="a letter too many"),
        pytest.param(lambda f: ("7" if f[0] != "7" else "8") + f[1:], False, id="a wrong letter"),
        pytest.param(lambda _: "", False, id="nothing"),
        pytest.param(lambda _: "é" * 32, False, id="beyond ASCII"),
        pytest.param(lambda _: identity.fingerprint(HARBOUR.identity.id), False, id="another's"),
        pytest.param(lambda f: f + " " * 10**6, False, id="a million spaces"),
    ],
)
def test_which_fingerprints_match(typed: Callable[[str], str], good: bool) -> None:
    assert identity.matches(typed(identity.fingerprint(ONE.id)), ONE.id) is good


@given(st.text("0123456789abcdef", min_size=64, max_size=64))
def test_a_fingerprint_matches_its_own_id(text: str) -> None:
    assert identity.matches(identity.fingerprint(OrganisationId(text)), OrganisationId(text))


def test_the_longest_chain_is_read() -> None:
    raws = [FIRST]
    latest = ONE
    for number in range(2, 257):
        # Built without the check of the whole chain that the builder makes each time.
        following = replace(
            latest.current,
            sequence=number,
            previous=canonical.digest(envelope.parse(raws[-1], limit=9999).payload),
            keys={
                **latest.current.keys,
                "acts": replace(
                    latest.current.keys["acts"],
                    public=public("River next" if number == 2 else f"next {number - 1}"),
                ),
            },
            next=public(f"next {number}").key_id,
        )
        signer = key("River next" if number == 2 else f"next {number - 1}")
        raws.append(signed(descriptor.payload(following), signer))
    assert identity.open_chain(raws).key("acts") == public("next 255")
