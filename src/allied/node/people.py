"""People who act, how they get into the console, and the tokens of machines.

A person's key is kept encrypted beside the organisation's; for each agreement another key
and another pseudonym are derived from it, so that two agreements cannot compare notes
about who signs. A console link works once and for a short time. A token is for machines:
it can never do an act, whatever its role.

Only digests of links, sessions and tokens are stored.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from allied.errors import ConflictError, NotAuthorisedError, NotFoundError, UsageError
from allied.node.roles import TOKEN_ROLES
from allied.node.rows import Login, Organisation, Person, Token
from allied.record.canonical import digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allied.node.node import Node
    from allied.record.ids import AgreementId, Digest, OrganisationId

CEILINGS = ("CLEAR", "GREEN", "AMBER", "AMBER+STRICT")
LINK_LASTS = timedelta(minutes=15)
SESSION_LASTS = timedelta(hours=12)
TOKEN_LASTS = timedelta(days=365)
_PURPOSE_LIMIT = 200
_LABEL = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,62}")


def check_label(label: str, code: str) -> None:
    """Return if `label` has the form of an id; raise UsageError with `code` if not."""
    if not _LABEL.fullmatch(label):
        raise UsageError(
            code,
            "an id begins with a letter and has letters, digits and hyphens, at most 63",
            hint="for example `river`",
        )


def new_person(
    node: Node, organisation: Organisation, *, label: str, name: str, passphrase: str
) -> Person:
    """Add somebody who may act for `organisation`, with a key of their own.

    Raises:
        ConflictError: that label is taken in this organisation.
    """
    check_label(label, "person.label")
    with node.store.read() as reading:
        if any(label == known.label for known in reading.people(organisation.id)):
            raise ConflictError(
                "person.exists", f"{organisation.label} has somebody called {label} already"
            )
    node.vault.add_person(organisation.id, label, node.chance.token(32), passphrase)
    person = Person(organisation.id, label, name or label, node.clock.now())
    with node.store.write() as writing:
        writing.add_person(person)
    return person


def list_people(node: Node, organisation: Organisation) -> Sequence[Person]:
    """The people of an organisation, by label."""
    with node.store.read() as reading:
        return reading.people(organisation.id)


# --- console ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Link:
    """A one-time way into the console: `secret` is shown once and never stored."""

    secret: str
    expires_at: datetime


def link(node: Node, organisation: Organisation, person: str) -> Link:
    """Make a one-time console link for `person`."""
    return _new_login(node, organisation.id, person, "link", LINK_LASTS)


def log_in(node: Node, secret: str) -> tuple[Link, Login]:
    """Exchange a one-time link for a session.

    Raises:
        NotAuthorisedError: the link is unknown, used or too old; which one is not said.
    """
    with node.store.write() as writing:
        found = writing.login(_hashed(secret))
        now = node.clock.now()
        if found is None or found.kind != "link" or found.used_at or found.expires_at <= now:
            raise NotAuthorisedError(
                "login.link-invalid",
                "this link does not work any more",
                hint="`allied person link` prints a new one",
            )
        writing.put_login(replace(found, used_at=now))
        writing.forget_logins(now - SESSION_LASTS)
    session = _new_login(node, found.organisation, found.person, "session", SESSION_LASTS)
    return session, found


def session(node: Node, secret: str) -> Login | None:
    """The session behind a cookie, or None when it is unknown, ended or too old."""
    with node.store.read() as reading:
        found = reading.login(_hashed(secret))
    if found is None or found.kind != "session" or found.used_at:
        return None
    return found if found.expires_at > node.clock.now() else None


def log_out(node: Node, secret: str) -> None:
    """End a session; an unknown one is passed over."""
    with node.store.write() as writing:
        found = writing.login(_hashed(secret))
        if found is not None and found.kind == "session":
            writing.put_login(replace(found, used_at=node.clock.now()))


def _new_login(
    node: Node, organisation: OrganisationId, person: str, kind: str, lasts: timedelta
) -> Link:
    secret = node.chance.token(32).hex()
    now = node.clock.now()
    with node.store.write() as writing:
        writing.put_login(
            Login(_hashed(secret), kind, organisation, person, now, now + lasts, None)
        )
    return Link(secret, now + lasts)


# --- tokens -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token as it is shown once: HTTP Basic `id:secret`, or Bearer `bearer`."""

    token: Token
    secret: str

    @property
    def bearer(self) -> str:
        """The form for `Authorization: Bearer`."""
        return f"{self.token.id}.{self.secret}"


def new_token(
    node: Node,
    organisation: Organisation,
    *,
    role: str,
    agreements: Sequence[AgreementId] = (),
    ceiling: str = "AMBER",
    lasts: timedelta | None = TOKEN_LASTS,
    purpose: str = "",
) -> NewToken:
    """Make an API token for `organisation`.

    Args:
        role: one of `roles.TOKEN_ROLES`; what that may do stands in `roles.ROLES`.
        agreements: what it may see; empty means every agreement of the organisation.
        ceiling: the highest TLP it may read, at most AMBER+STRICT, never RED.
        lasts: None for a token without an end, which nothing here makes by itself.
        purpose: what it is for, in a few words.

    Raises:
        UsageError: unknown role or ceiling, or a purpose that is no line of words.
    """
    if role not in TOKEN_ROLES:
        raise UsageError("token.role", f"a token's role is one of {', '.join(TOKEN_ROLES)}")
    if ceiling not in CEILINGS:
        raise UsageError("token.ceiling", f"a token's ceiling is one of {', '.join(CEILINGS)}")
    if len(purpose) > _PURPOSE_LIMIT or not purpose.isprintable():
        raise UsageError(
            "token.purpose", f"a token's purpose has at most {_PURPOSE_LIMIT} printable characters"
        )
    secret = node.chance.token(32).hex()
    now = node.clock.now()
    token = Token(
        id=node.chance.token(8).hex(),
        organisation=organisation.id,
        secret=_hashed(secret),
        role=role,
        agreements=tuple(agreements),
        ceiling=ceiling,
        created_at=now,
        expires_at=now + lasts if lasts else None,
        revoked_at=None,
        purpose=purpose,
    )
    with node.store.write() as writing:
        writing.put_token(token)
    return NewToken(token, secret)


def list_tokens(node: Node, organisation: Organisation) -> Sequence[Token]:
    """The tokens of an organisation, oldest first, also those that have ended."""
    with node.store.read() as reading:
        return reading.tokens(organisation.id)


def revoke_token(node: Node, organisation: Organisation, token_id: str) -> Token:
    """End a token now; one that was revoked before stays as it is.

    Raises:
        NotFoundError: `token.unknown`, the organisation has no such token.
    """
    with node.store.write() as writing:
        found = writing.token(token_id)
        if found is None or found.organisation != organisation.id:
            raise NotFoundError(
                "token.unknown", "no token goes by that id", hint="`allied token list` shows them"
            )
        if found.revoked_at is None:
            found = replace(found, revoked_at=node.clock.now())
            writing.put_token(found)
    return found


def token_of(node: Node, token_id: str, secret: str) -> Token | None:
    """The token behind `id` and `secret`, or None: unknown, revoked, expired or wrong.

    The secret has 256 random bits, so one SHA-256 is enough and an unknown id costs the
    same as a wrong secret.
    """
    offered = _hashed(secret)
    with node.store.read() as reading:
        found = reading.token(token_id)
    if found is None or found.secret != offered or found.revoked_at:
        return None
    if found.expires_at and found.expires_at <= node.clock.now():
        return None
    return found


def _hashed(secret: str) -> Digest:
    return digest(secret.encode())
