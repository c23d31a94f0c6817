"""Tokens for machines: made with an end, listed without secrets, ended at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from allied.node.roles import TOKEN_ROLES
from tests.cli.shell import Said, allied, found


@pytest.fixture(scope="module")
def river(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokens")
    found(folder, "river", "River Bank plc")
    allied("organisation", "add", "--id", "haulier", "--name", "Haulier C", "--data", folder)
    return folder


def token(folder: Path, *arguments: str, of: str = "river") -> Said:
    return allied("token", *arguments, "-o", of, "--data", folder, "--json")


def test_a_token_is_listed_as_it_was_made_and_never_with_its_secret(river: Path) -> None:
    made = token(
        river, "create", "--role", "integrator", "--ceiling", "green", "--days", "30",
        "--purpose", "the SIEM",
    ).value  # fmt: skip
    listed = token(river, "list")
    (shown,) = (each for each in listed.value if each["id"] == made["id"])
    assert made["secret"] not in listed.out
    assert shown["role"] == "integrator"
    assert shown["ceiling"] == "GREEN"
    assert shown["purpose"] == "the SIEM"
    assert shown["agreements"] == []
    assert shown["revoked_at"] is None
    assert shown["created_at"] < shown["expires_at"]
    table = allied("token", "list", "-o", "river", "--data", river)
    assert "the SIEM" in table.out
    assert made["secret"] not in table.out


def test_a_token_that_is_revoked_stays_in_the_list_as_ended(river: Path) -> None:
    made = token(river, "create", "--role", "viewer").value
    ended = token(river, "revoke", made["id"]).value
    assert ended["revoked_at"]
    assert token(river, "revoke", made["id"]).value == ended  # it ended once
    assert ended in token(river, "list").value


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        pytest.param(("revoke", "0" * 16), 3, "token.unknown", id="no such token"),
        pytest.param(("create", "--role", "person"), 2, "token.role", id="a person's role"),
        pytest.param(("create", "--role", "admin"), 2, "token.role", id="a role nobody has"),
        pytest.param(
            ("create", "--role", "viewer", "--ceiling", "RED"), 2, "token.ceiling", id="RED"
        ),
        pytest.param(
            ("create", "--role", "viewer", "--days", "0"), 2, "usage.arguments", id="no time"
        ),
        pytest.param(
            ("create", "--role", "viewer", "--purpose", "a\x1b[31m"), 2, "token.purpose",
            id="a purpose that steers the terminal",
        ),
    ],
)  # fmt: skip
def test_tokens_that_are_refused(
    river: Path, arguments: tuple[str, ...], status: int, code: str
) -> None:
    said = token(river, *arguments)
    assert (said.status, said.code) == (status, code)


@pytest.mark.parametrize("role", TOKEN_ROLES)
def test_every_role_of_the_table_can_be_given(river: Path, role: str) -> None:
    said = token(river, "create", "--role", role)
    assert said.status == 0
    assert said.value["token"] == f"{said.value['id']}.{said.value['secret']}"


def test_a_token_of_another_organisation_is_not_there_to_be_revoked(river: Path) -> None:
    made = token(river, "create", "--role", "viewer").value
    assert made["id"] not in {each["id"] for each in token(river, "list", of="haulier").value}
    said = token(river, "revoke", made["id"], of="haulier")
    assert (said.status, said.code) == (3, "token.unknown")
    assert token(river, "revoke", made["id"]).status == 0
