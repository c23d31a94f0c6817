"""Signed headers: whoever changes anything, or moves it, breaks the signature."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    MappingKeyResolver,
    algorithms,
)
from hypothesis import given, strategies as st

from allied.errors import MalformedError
from allied.record.ids import OrganisationId
from allied.record.keys import PrivateKey
from allied.wire.signatures import (
    MAX_HEADERS,
    SignedAnswer,
    SignedRequest,
    content_digest,
    is_signed,
    read_answer,
    read_request,
    sign_answer,
    sign_request,
)

RIVER = OrganisationId("a" * 64)
HARBOUR = OrganisationId("b" * 64)
NONCE = "0123456789abcdef" * 2
PATH = "/federation/v1/heads"
BODY = b'{"agreement":"x"}'
KEYS = {alg: PrivateKey.from_seed(alg, bytes(range(32))) for alg in ("ed25519", "p256")}
KEY = KEYS["ed25519"]
TRUSTED = {KEY.public.key_id: KEY.public}

Pairs = list[tuple[str, str]]


def asked(key: PrivateKey = KEY, **changed: Any) -> Pairs:
    terms: dict[str, Any] = {
        "caller": RIVER,
        "addressee": HARBOUR,
        "nonce": NONCE,
        "created": 1_000,
        "expires": 1_120,
    }
    return sign_request(key, PATH, BODY, **(terms | changed))


def answered(key: PrivateKey = KEY) -> Pairs:
    return sign_answer(key, 200, BODY, answerer=HARBOUR, caller=RIVER, nonce=NONCE, created=1_000)


def raw(headers: Pairs) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def replaced(headers: Pairs, name: str, old: str, new: str) -> Pairs:
    assert any(one == name and old in value for one, value in headers)
    return [(one, value.replace(old, new) if one == name else value) for one, value in headers]


def request_holds(headers: Pairs, path: str = PATH, body: bytes = BODY) -> bool:
    try:
        request = read_request(raw(headers), path)
    except MalformedError:
        return False
    return request.holds(TRUSTED) and request.carries(body)


def answer_holds(headers: Pairs, status: int = 200, body: bytes = BODY) -> bool:
    try:
        answer = read_answer(raw(headers), status)
    except MalformedError:
        return False
    return answer.holds(TRUSTED) and answer.carries(body)


@pytest.mark.parametrize("alg", KEYS)
def test_what_was_signed_reads_back(alg: str) -> None:
    key = KEYS[alg]
    trusted = {key.public.key_id: key.public}

    request = read_request(raw(asked(key)), PATH)
    answer = read_answer(raw(answered(key)), 200)

    assert request.holds(trusted)
    assert request.carries(BODY)
    assert (request.sender, request.recipient, request.nonce) == (RIVER, HARBOUR, NONCE)
    assert (request.created, request.expires) == (1_000, 1_120)
    assert answer.holds(trusted)
    assert answer.carries(BODY)
    assert (answer.sender, answer.recipient, answer.nonce) == (HARBOUR, RIVER, NONCE)
    assert answer.status == 200


CHANGES: list[Any] = [
    pytest.param(lambda h: h, True, id="nothing changed"),
    pytest.param(lambda h: [(n.upper(), v) for n, v in h], True, id="names in capitals"),
    pytest.param(lambda h: [*h, ("via", "1.1 proxy")], True, id="a proxy adds a header"),
    pytest.param(lambda h: h[::-1], True, id="a proxy reorders headers"),
    pytest.param(lambda h: replaced(h, "allied-from", "a", "c"), False, id="another caller"),
    pytest.param(lambda h: replaced(h, "allied-to", "b", "c"), False, id="another addressee"),
    pytest.param(
        lambda h: replaced(h, "content-digest", content_digest(BODY), content_digest(b"")),
        False,
        id="another digest",
    ),
    pytest.param(
        lambda h: replaced(h, "signature-input", "1120", "1121"), False, id="longer valid"
    ),
    pytest.param(lambda h: replaced(h, "signature-input", "1000", "1001"), False, id="younger"),
    pytest.param(
        lambda h: replaced(h, "signature-input", "0123", "0124"), False, id="another nonce"
    ),
    pytest.param(
        lambda h: replaced(h, "signature-input", '"@path" ', ""), False, id="path not covered"
    ),
    pytest.param(
        lambda h: replaced(h, "signature-input", '"@path" ', '"@path" "host" '),
        False,
        id="more covered than agreed",
    ),
    pytest.param(
        lambda h: replaced(h, "signature-input", ";tag", ';alg="ed25519";tag'),
        False,
        id="the message names an algorithm",
    ),
    pytest.param(
        lambda h: replaced(h, "signature-input", "federation-1", "federation-2"),
        False,
        id="another tag",
    ),
    pytest.param(lambda h: h[:-1], False, id="no signature"),
    pytest.param(lambda h: [*h, h[-1]], False, id="two signatures"),
    pytest.param(lambda h: [*h, ("Allied-From", "c" * 64)], False, id="a header twice"),
    pytest.param(
        lambda h: [("x", str(n)) for n in range(MAX_HEADERS)] + h, False, id="too many headers"
    ),
    pytest.param(
        lambda h: replaced(h, "signature", "==:", "==:, other=:" + "A" * 86 + "==:"),
        False,
        id="a second label",
    ),
]


@pytest.mark.parametrize(("change", "holds"), CHANGES)
def test_a_request_stands_as_it_was_signed(change: Callable[[Pairs], Pairs], holds: bool) -> None:
    assert request_holds(change(asked())) is holds


@pytest.mark.parametrize(
    ("headers", "status", "body", "holds"),
    [
        pytest.param(answered(), 200, BODY, True, id="as it was signed"),
        pytest.param(answered(), 400, BODY, False, id="another status"),
        pytest.param(answered(), 200, BODY + b" ", False, id="another body"),
        pytest.param(
            replaced(answered(), "allied-nonce", "01", "10"), 200, BODY, False, id="another nonce"
        ),
        pytest.param(
            replaced(answered(), "allied-to", "a", "c"), 200, BODY, False, id="another caller"
        ),
        pytest.param(asked(), 200, BODY, False, id="a request is no answer"),
    ],
)
def test_an_answer_stands_as_it_was_signed(
    headers: Pairs, status: int, body: bytes, holds: bool
) -> None:
    assert answer_holds(headers, status, body) is holds


@pytest.mark.parametrize(
    ("path", "body", "holds"),
    [
        pytest.param(PATH, BODY, True, id="where and what was signed"),
        pytest.param("/federation/v1/items", BODY, False, id="asked elsewhere"),
        pytest.param(PATH, BODY[:-1], False, id="a shorter body"),
        pytest.param(PATH, b"", False, id="no body"),
    ],
)
def test_a_request_counts_only_where_it_was_sent(path: str, body: bytes, holds: bool) -> None:
    assert request_holds(asked(), path, body) is holds


def test_an_answer_is_no_request() -> None:
    assert answer_holds(answered())
    assert not request_holds(answered())


def test_a_key_that_is_not_trusted_proves_nothing() -> None:
    request = read_request(raw(asked()), PATH)
    other = PrivateKey.from_seed("ed25519", bytes(32)).public

    assert request.holds(TRUSTED)
    assert not request.holds({})
    assert not request.holds({other.key_id: other})
    assert not request.holds({request.key: other})  # a wrong key under the right id
    assert not request.signed_by(other)


@given(st.data())
def test_any_changed_byte_of_a_signed_header_is_noticed(data: st.DataObject) -> None:
    headers = asked()
    at = data.draw(st.integers(0, len(headers) - 1))
    name, value = headers[at]
    place = data.draw(st.integers(0, len(value) - 1))
    letter = data.draw(st.characters(min_codepoint=33, max_codepoint=126))
    headers[at] = (name, value[:place] + letter + value[place + 1 :])

    assert request_holds(headers) is (letter == value[place])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["signature", "signature-input", "allied-from", "content-digest", "x"]),
            st.text(st.characters(max_codepoint=255), max_size=80),
        )
    )
)
def test_hostile_headers_are_malformed_and_nothing_else(headers: Pairs) -> None:
    for read in (lambda: read_request(raw(headers), PATH), lambda: read_answer(raw(headers), 200)):
        with pytest.raises(MalformedError):
            read()


def test_a_claim_to_be_signed_is_seen() -> None:
    assert is_signed(raw(asked()))
    assert is_signed([(b"Signature", b"nonsense")])
    assert not is_signed([(b"content-type", b"text/html")])


# --- another implementation of RFC 9421 reads and writes the same ------------------------


def message(headers: Pairs, **more: Any) -> Any:
    return SimpleNamespace(headers=dict(headers), **more)


def foreign(alg: str) -> tuple[Any, Any, Any]:
    """The library's algorithm, private key and public key for our key of `alg`."""
    key = KEYS[alg]
    if alg == "ed25519":
        public: Any = ed25519.Ed25519PublicKey.from_public_bytes(key.public.raw)
        private: Any = ed25519.Ed25519PrivateKey.from_private_bytes(key.seed)
        return algorithms.ED25519, private, public
    point = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key.public.raw)
    return algorithms.ECDSA_P256_SHA256, None, point


@pytest.mark.parametrize("alg", KEYS)
def test_another_implementation_verifies_what_we_sign(alg: str) -> None:
    algorithm, _, public = foreign(alg)
    now = datetime.now(UTC)
    key = KEYS[alg]
    headers = asked(key, created=int(now.timestamp()), expires=int(now.timestamp()) + 120)
    verifier = HTTPMessageVerifier(
        signature_algorithm=algorithm,
        key_resolver=MappingKeyResolver(public_keys={key.public.key_id: public}, private_keys={}),
    )
    sent = message(headers, method="POST", url=f"https://node.example{PATH}")

    (result,) = verifier.verify(sent, expect_tag="allied-federation-1", body=BODY)

    assert result.nonce == NONCE
    assert {'"@method"', '"@path"', '"allied-to"'} <= result.covered_components.keys()


def test_we_verify_what_another_implementation_signs() -> None:
    algorithm, private, _ = foreign("ed25519")
    now = datetime.now(UTC)
    signer = HTTPMessageSigner(
        signature_algorithm=algorithm,
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={}),
    )
    sent = message(
        [("allied-from", RIVER), ("allied-to", HARBOUR)],
        method="POST",
        url=f"https://node.example{PATH}",
    )
    prepared = signer.prepare(
        sent,
        key_id=KEY.public.key_id,
        created=now,
        expires=now + timedelta(seconds=60),
        nonce=NONCE,
        label="allied",
        tag="allied-federation-1",
        include_alg=False,
        covered_component_ids=("@method", "@path", "content-digest", "allied-from", "allied-to"),
        body=BODY,
    )
    signature = private.sign(prepared.signature_base)
    headers = [
        ("allied-from", RIVER),
        ("allied-to", HARBOUR),
        ("content-digest", content_digest(BODY)),
        ("signature-input", f"allied={prepared.signature_params}"),
        ("signature", f"allied=:{base64.b64encode(signature).decode()}:"),
    ]

    assert request_holds(headers)


def test_the_two_directions_are_two_types() -> None:
    assert isinstance(read_request(raw(asked()), PATH), SignedRequest)
    assert isinstance(read_answer(raw(answered()), 200), SignedAnswer)
