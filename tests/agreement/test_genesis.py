"""What is signed: any other byte, default, party or salt is another agreement or none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from allied.agreement import genesis as founding
from allied.agreement.genesis import open_instrument
from allied.errors import AlliedError, MalformedError, RefusedError, UnverifiedError
from allied.record import canonical
from allied.record.ids import OrganisationId, PartyId
from tests.agreement.bench_of_three import (
    NONCE,
    ORGANISATIONS,
    SALT,
    instrument,
    pact,
)
from tests.record.cast import digest_of

IDENTITIES = {party: each.identity.id for party, each in ORGANISATIONS.items()}
MADE = instrument()


def found(text: bytes = pact(), **more: object) -> founding.Instrument:
    given_: dict[str, object] = {"identities": IDENTITIES, "nonce": NONCE, "salt": SALT}
    arguments = given_ | more
    return founding.found(
        text,
        "pact.yaml",
        arguments["identities"],  # type: ignore[arg-type]
        nonce=arguments["nonce"],  # type: ignore[arg-type]
        salt=arguments["salt"],  # type: ignore[arg-type]
    )


def changed(**parts: object) -> bytes:
    """The genesis with other members, still canonical."""
    value = json.loads(MADE.genesis.raw)
    return canonical.encode(value | parts)


def agreement_of(raw: bytes) -> str | None:
    """The id under which a genesis opens with our text; None where it is refused."""
    try:
        return open_instrument(raw, MADE.text, SALT).id
    except AlliedError:
        return None


def test_equal_inputs_give_the_same_agreement_everywhere() -> None:
    again, opened = found(), open_instrument(MADE.genesis.raw, MADE.text, SALT)
    assert again.id == opened.id == MADE.id
    assert again.circles == opened.circles == MADE.circles
    for party in IDENTITIES:
        assert again.circles.of(party).keys() == opened.circles.of(party).keys()


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(found(nonce=bytes(15) + b"x"), id="another nonce"),
        pytest.param(found(salt=bytes(32)), id="another salt"),
        pytest.param(found(pact() + b"# a comment\n"), id="a comment more"),
        pytest.param(found(pact("{withdrawal: {notice: 31 days}}")), id="a day more"),
        pytest.param(
            found(
                identities=IDENTITIES
                | {
                    PartyId("river"): IDENTITIES[PartyId("harbour")],
                    PartyId("harbour"): IDENTITIES[PartyId("river")],
                }
            ),
            id="two parties swapped",
        ),
    ],
)
def test_whatever_differs_makes_another_agreement(other: founding.Instrument) -> None:
    assert other.id != MADE.id
    assert other.circles.all.id != MADE.circles.all.id


def test_a_default_written_out_changes_the_text_and_not_its_meaning() -> None:
    spelled = pact("{withdrawal: {notice: 30 days, open_incidents: finish-accrued}}")
    other = found(spelled)
    assert other.genesis.model == MADE.genesis.model
    assert other.genesis.text != MADE.genesis.text
    assert other.id != MADE.id


@given(st.integers(0, len(MADE.text) - 1), st.integers(1, 255))
def test_any_flipped_byte_of_the_text_is_refused(place: int, mask: int) -> None:
    text = bytearray(MADE.text)
    text[place] ^= mask
    with pytest.raises(UnverifiedError) as refusal:
        open_instrument(MADE.genesis.raw, bytes(text), SALT)
    assert refusal.value.code == "agreement.text-differs"


@given(st.integers(0, len(MADE.genesis.raw) - 1), st.integers(1, 255))
def test_any_flipped_byte_of_the_genesis_is_refused_or_another_agreement(
    place: int, mask: int
) -> None:
    raw = bytearray(MADE.genesis.raw)
    raw[place] ^= mask
    assert agreement_of(bytes(raw)) != MADE.id


@pytest.mark.parametrize(
    ("raw", "text", "salt", "code"),
    [
        pytest.param(MADE.genesis.raw, b"", SALT, "agreement.text-differs", id="no text"),
        pytest.param(
            MADE.genesis.raw, MADE.text, bytes(32), "agreement.version-differs", id="another salt"
        ),
        pytest.param(
            changed(model=digest_of("else")),
            MADE.text,
            SALT,
            "agreement.model-differs",
            id="another meaning, as if a default had changed",
        ),
        pytest.param(
            changed(alias="other"), MADE.text, SALT, "agreement.model-differs", id="another alias"
        ),
        pytest.param(
            changed(
                parties={
                    party: {"organisation": organisation, "role": "member"}
                    for party, organisation in IDENTITIES.items()
                }
            ),
            MADE.text,
            SALT,
            "agreement.model-differs",
            id="the observer made a member",
        ),
        pytest.param(
            changed(version=digest_of("else")),
            MADE.text,
            SALT,
            "agreement.version-differs",
            id="another version",
        ),
    ],
)
def test_a_genesis_that_binds_something_else_is_refused(
    raw: bytes, text: bytes, salt: bytes, code: str
) -> None:
    open_instrument(MADE.genesis.raw, MADE.text, SALT)  # the twin that passes
    with pytest.raises(UnverifiedError) as refusal:
        open_instrument(raw, text, salt)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(b"[]", "genesis.form", id="a list"),
        pytest.param(changed(extra=1), "genesis.form", id="a member more"),
        pytest.param(changed(format="genesis/2"), "genesis.form", id="another format"),
        pytest.param(changed(rules=2), "rules.unknown", id="rules of a later release"),
        pytest.param(changed(parties=[]), "genesis.form", id="parties as a list"),
        pytest.param(changed(parties={"river": 1}), "genesis.form", id="a party that is a number"),
        pytest.param(changed(nonce=5), "genesis.form", id="a nonce that is a number"),
        pytest.param(
            changed(parties={"river": {"organisation": "me", "role": "member"}}),
            "ids.not-a-digest",
            id="an organisation that is no digest",
        ),
    ],
)
def test_what_is_no_genesis_is_refused(raw: bytes, code: str) -> None:
    founding.read(MADE.genesis.raw)  # the twin that passes
    with pytest.raises(MalformedError) as refusal:
        founding.read(raw)
    assert refusal.value.code == code


def test_the_nonce_has_its_form_or_nothing_opens() -> None:
    with pytest.raises(MalformedError):
        open_instrument(changed(nonce="zz"), MADE.text, SALT)


@pytest.mark.parametrize(
    ("text", "identities", "kind", "code"),
    [
        pytest.param(
            pact().replace(b"{id: harbour}", b"{id: harbour, joined: 2020-01-01}"),
            IDENTITIES,
            RefusedError,
            "agreement.status-in-text",
            id="a status in the text",
        ),
        pytest.param(
            pact(),
            {party: each for party, each in IDENTITIES.items() if party != "river"},
            RefusedError,
            "agreement.unbound-party",
            id="a party without an identity",
        ),
        pytest.param(
            pact(),
            IDENTITIES | {PartyId("stranger"): OrganisationId(digest_of("stranger"))},
            RefusedError,
            "agreement.unbound-party",
            id="an identity without a party",
        ),
        pytest.param(
            pact(),
            IDENTITIES | {PartyId("river"): IDENTITIES[PartyId("harbour")]},
            RefusedError,
            "agreement.one-identity-twice",
            id="two labels, one organisation",
        ),
        pytest.param(
            pact() + b"---\n" + pact(),
            IDENTITIES,
            MalformedError,
            "agreement.one-document",
            id="two documents",
        ),
        pytest.param(
            b"timezone: Mars/Phobos\n" + pact(),
            IDENTITIES,
            MalformedError,
            "agreement.unknown-timezone",
            id="a time zone that nobody knows",
        ),
    ],
)
def test_what_cannot_be_bound_is_refused(
    text: bytes, identities: dict[PartyId, OrganisationId], kind: type[AlliedError], code: str
) -> None:
    found()  # the twin that passes
    with pytest.raises(kind) as refusal:
        found(text, identities=identities)
    assert refusal.value.code == code


def test_the_standing_circles_follow_the_roles() -> None:
    circles = MADE.circles
    assert circles.all.members == {"river", "harbour", "northgate"}
    assert circles.voters.members == {"river", "harbour"}
    assert circles.bodies["board"].members == {"river", "harbour"}
    assert circles.voters.id not in circles.of(PartyId("northgate"))
    assert circles.pair(PartyId("river"), PartyId("northgate")).id in circles.of(PartyId("river"))
