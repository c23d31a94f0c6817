"""What a token or a session may do: one table from role to permissions.

Every door for tools and people (TAXII, REST, console) asks here, and nothing else says what
a role may do. What a token may *see* is another question: its organisation, its agreements
and its ceiling decide that (`allied.node.sight`, `allied.node.collections`).

Words used here:
    role         what somebody is let in as; stands in a token, or follows from a session
    permission   one thing that may be done, named by what is touched and how

Rules. Default is refusal: a role that is not in the table may do nothing, and so may one
that a later release has written. Acts of people (signing, voting, invoking ...) are no
permission: no token can be given them. A permission that is added gets its line in `ROLES`,
or nobody has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from allied.errors import NotAuthorisedError

AGREEMENTS_READ: Final = "agreements:read"
FEEDS_MANAGE: Final = "feeds:manage"
FEEDS_READ: Final = "feeds:read"
HUB_READ: Final = "hub:read"
INCIDENTS_READ: Final = "incidents:read"
INCIDENTS_REPORT: Final = "incidents:report"
ITEMS_ONWARD: Final = "items:onward"
ITEMS_READ: Final = "items:read"
ITEMS_RECALL: Final = "items:recall"
ITEMS_REMARK: Final = "items:remark"
ITEMS_SHARE: Final = "items:share"
LEDGER_READ: Final = "ledger:read"
NODE_EXAMINE: Final = "node:examine"
OBLIGATIONS_ACKNOWLEDGE: Final = "obligations:acknowledge"
OBLIGATIONS_READ: Final = "obligations:read"
PAGES_READ: Final = "pages:read"
PEERS_READ: Final = "peers:read"
PROPOSALS_READ: Final = "proposals:read"
SELF_READ: Final = "self:read"
STATUS_READ: Final = "status:read"
SYNC_RUN: Final = "sync:run"

_LOOKS: Final = frozenset(
    {
        AGREEMENTS_READ, FEEDS_READ, INCIDENTS_READ, ITEMS_READ, OBLIGATIONS_READ, PEERS_READ,
        PROPOSALS_READ, SELF_READ, STATUS_READ,
    }
)  # fmt: skip

PERSON: Final = "person"
"""Whoever is logged in to the console; no token has this role."""

ROLES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        # reads what the organisation sees
        "viewer": _LOOKS,
        # that, and does what needs no person
        "analyst": _LOOKS
        | {
            FEEDS_MANAGE, HUB_READ, INCIDENTS_REPORT, ITEMS_ONWARD, ITEMS_RECALL, ITEMS_REMARK,
            ITEMS_SHARE, OBLIGATIONS_ACKNOWLEDGE, SYNC_RUN,
        },
        # a tool that moves items in and out, and learns nothing of incidents
        "integrator": frozenset(
            {
                AGREEMENTS_READ, FEEDS_MANAGE, FEEDS_READ, ITEMS_ONWARD, ITEMS_READ, ITEMS_RECALL,
                ITEMS_REMARK, ITEMS_SHARE, SELF_READ, SYNC_RUN,
            }
        ),
        # reads what was done and what left, by which clause, and no item
        "auditor": frozenset(
            {
                AGREEMENTS_READ, INCIDENTS_READ, LEDGER_READ, NODE_EXAMINE, OBLIGATIONS_READ,
                PEERS_READ, PROPOSALS_READ, SELF_READ, STATUS_READ,
            }
        ),
        PERSON: frozenset({PAGES_READ}),
    }
)  # fmt: skip

TOKEN_ROLES: Final = ("viewer", "analyst", "integrator", "auditor")
"""What a token can be made for, the least dangerous first."""


def permits(role: str, permission: str) -> bool:
    """Whether the table gives `permission` to `role`."""
    return permission in ROLES.get(role, frozenset())


def require(role: str, permission: str) -> None:
    """Return if the table gives `permission` to `role`.

    Raises:
        NotAuthorisedError: `token.role-permits-not`.
    """
    if not permits(role, permission):
        raise NotAuthorisedError(
            "token.role-permits-not",
            f"this needs the permission {permission}, which the role does not give",
            hint="`allied token create --role ROLE` makes a token of another role",
            facts={"permission": permission},
        )
