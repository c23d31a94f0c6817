"""Which parts of an object are about people."""

from __future__ import annotations

from typing import Any

import pytest

from allied.exchange import observables, personal as module, schemas
from allied.exchange.channel import Outcome
from allied.exchange.personal import may_share, personal
from tests.exchange.samples import identity, indicator, made, seen
from tests.exchange.texts import sharing


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        pytest.param(indicator(), (), id="an indicator"),
        pytest.param(seen("domain-name", value="a.example"), (), id="a domain"),
        pytest.param(seen("email-addr", value="a@b.example", display_name="A"),
                     ("display_name", "value"), id="a mailbox"),
        pytest.param(seen("user-account", account_login="a", account_type="unix"),
                     ("account_login",), id="an account"),
        pytest.param(identity(identity_class="individual"), ("name",), id="a person"),
        pytest.param(identity(), ("name",), id="somebody who may be one"),
        pytest.param(identity(identity_class="organization"), (), id="an organisation"),
        pytest.param(identity(identity_class="organization", contact_information="call A"),
                     ("contact_information",), id="whom to call there"),
        pytest.param(made("note", content="x", authors=["A"]), ("authors",), id="who wrote it"),
    ],
)  # fmt: skip
def test_where_people_are(value: dict[str, Any], parts: tuple[str, ...]) -> None:
    assert personal(value) == parts


@pytest.mark.parametrize(
    ("clause", "value", "outcome"),
    [
        pytest.param("personal_data: remove-unrelated", seen("email-addr", value="a@b.example"),
                     Outcome.REVIEW, id="somebody looks first"),
        pytest.param("personal_data: remove-unrelated", seen("url", value="https://a.example"),
                     Outcome.PERMIT, id="where nobody is concerned, nobody has to"),
        pytest.param("personal_data: {lawful_basis: consent}",
                     seen("email-addr", value="a@b.example"), Outcome.PERMIT,
                     id="a lawful basis is named"),
    ],
)  # fmt: skip
def test_when_somebody_looks(clause: str, value: dict[str, Any], outcome: Outcome) -> None:
    assert may_share(value, sharing(f"share: all, {clause}")) == outcome


def test_every_part_that_is_listed_exists() -> None:
    shapes = schemas.OBJECTS | observables.SEEN

    for type_, parts in module._PARTS.items():
        assert parts <= shapes[type_]["properties"].keys()
