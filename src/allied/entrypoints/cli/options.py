"""The options that every verb shares, and how a verb gets at its node.

Declared once, so that `--data`, `--json`, `--organisation` and `--person` mean the same
everywhere. Heavy imports (database, HTTP, cryptography) happen inside `opened`, so that
`allied --help` stays fast.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from allied.errors import NotAuthorisedError

if TYPE_CHECKING:
    from allied.node.node import Actor, Node
    from allied.node.ports import Keys
    from allied.node.rows import Organisation

Folder = Annotated[
    Path | None,
    typer.Option("--data", envvar="ALLIED_DATA", help="The node's folder.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON value on stdout.")]
ActingOrganisation = Annotated[
    str,
    typer.Option(
        "--organisation", "-o", help="Who acts (label or id); needed when several are hosted."
    ),
]
ActingPerson = Annotated[
    str, typer.Option("--person", "-p", help="Who answers for the act; needed when several may.")
]
PassphraseFile = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        envvar="ALLIED_PASSPHRASE_FILE",
        help="File with the passphrase of the keys.",
        show_default=False,
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would happen; do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@contextmanager
def opened(folder: Path | None) -> Iterator[Node]:
    """The node in `folder`, closed again at the end."""
    from allied.bootstrap import open_node

    node = open_node(folder)
    try:
        yield node
    finally:
        node.close()


def passphrase(file: Path | None, *, new: bool = False) -> str:
    """The passphrase: file, credential or environment; else asked for on a terminal.

    Raises:
        NotAuthorisedError: `keys.no-passphrase`, there is none and nobody to ask.
    """
    from allied.bootstrap import find_passphrase

    def ask() -> str:
        if not sys.stdin.isatty():
            raise NotAuthorisedError(
                "keys.no-passphrase",
                "the keys are locked and nobody is here to give the passphrase",
                hint="give --passphrase-file, or set ALLIED_PASSPHRASE_FILE",
            )
        return str(typer.prompt("Passphrase", hide_input=True, confirmation_prompt=new, err=True))

    return find_passphrase(file, ask)


def unlocked(node: Node, file: Path | None) -> Keys:
    """The node's keys, opened with the passphrase."""
    return node.vault.unlock(passphrase(file))


def who(node: Node, organisation: str) -> Organisation:
    """The hosted organisation that acts."""
    from allied.node.node import hosted

    with node.store.read() as reading:
        return hosted(reading, organisation)


def actor(
    node: Node, organisation: str, person: str, file: Path | None, *, act: bool = True
) -> Actor:
    """Who acts, with keys unlocked; `act` says that a person has to answer for it."""
    from allied.node.node import (
        Actor as Acting,
        acting_person,
        hosted,
    )

    with node.store.read() as reading:
        found = hosted(reading, organisation)
        label = acting_person(reading, found, person) if act else person
    return Acting(found, unlocked(node, file), label)
