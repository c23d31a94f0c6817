"""The keys of an organisation: `allied key list|rotate|recover|revoke`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from allied.entrypoints.cli.options import (
    ActingOrganisation,
    ActingPerson,
    AsJson,
    Folder,
    PassphraseFile,
    opened,
    passphrase,
    who,
)
from allied.entrypoints.cli.terminal import give, say, table

if TYPE_CHECKING:
    from allied.node.keys import Renewed

app = typer.Typer(help="The keys of an organisation hosted here.", no_args_is_help=True)

RecoveryFile = Annotated[
    Path,
    typer.Option(
        "--recovery-file", help="The file with next and recovery key; it is rewritten.",
        show_default=False,
    ),
]  # fmt: skip


@app.command("list")
def show_all(
    organisation: ActingOrganisation = "", folder: Folder = None, as_json: AsJson = False
) -> None:
    """Show every key that the organisation has or had, and which are committed to."""
    from allied.node.keys import list_keys

    with opened(folder) as node:
        found = list_keys(node, who(node, organisation))
    if as_json:
        give(found, as_json=True)
        return
    table(
        ("purpose", "state", "key", "alg", "since", "until", "held by"),
        [
            (
                each.purpose,
                each.state,
                each.id[:16],
                each.alg or "-",
                each.since,
                each.until or "-",
                each.custodian or "recovery file",
            )
            for each in found
        ],
    )


@app.command("rotate")
def rotate(
    recovery_file: RecoveryFile,
    renew: Annotated[
        list[str] | None,
        typer.Option(
            "--renew", help="automatic, transport or sealing: renew this one as well (repeatable)."
        ),
    ] = None,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Go on with the next key: it becomes the key for acts, and another is committed to.

    What the old keys have signed stays signed. Peers fetch the new ones by themselves.
    """
    from allied.node.keys import rotate as rotate_keys

    with opened(folder) as node:
        made = rotate_keys(
            node,
            who(node, organisation),
            recovery=str(recovery_file),
            passphrase=passphrase(passphrase_file),
            purposes=tuple(renew or ()),  # type: ignore[arg-type] # the use case says which
        )
    _give_renewed(made, as_json=as_json)


@app.command("recover")
def recover(
    recovery_file: RecoveryFile,
    after: Annotated[
        int | None,
        typer.Option(
            "--after",
            help="Go on behind this descriptor, and drop the later ones.",
            min=1,
            show_default=False,
        ),
    ] = None,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Take the identity back with the recovery key: every key is replaced.

    For keys that were lost, or stolen together with the next key. The passphrase asked for
    is that of the new keys. Where a thief has used the next key too, --after names the last
    descriptor that both chains share.
    """
    from allied.node.keys import recover as recover_keys

    with opened(folder) as node:
        made = recover_keys(
            node,
            who(node, organisation),
            recovery=str(recovery_file),
            passphrase=passphrase(passphrase_file, new=True),
            after=after,
        )
    _give_renewed(made, as_json=as_json)


@app.command("revoke")
def revoke(
    keys: Annotated[
        list[str], typer.Argument(help="Ids of stolen keys, or how they begin (key list).")
    ],
    because: Annotated[str, typer.Option("--because", help="What happened; partners read it.")],
    recovery_file: RecoveryFile,
    by_recovery: Annotated[
        bool,
        typer.Option("--by-recovery", help="With the recovery key: the next key was stolen too."),
    ] = False,
    organisation: ActingOrganisation = "",
    person: ActingPerson = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Take the force from stolen keys: what they signed beyond today has no effect anywhere.

    Renews all keys with the next key, and tells each circle of each agreement how far the old
    ones count: up to what this node itself has signed.
    """
    from allied.node.node import acting_person, hosted
    from allied.node.revoking import revoke as revoke_keys

    with opened(folder) as node:
        with node.store.read() as reading:
            acting = hosted(reading, organisation)
            label = acting_person(reading, acting, person)
        done = revoke_keys(
            node,
            acting,
            label,
            keys=keys,
            because=because,
            recovery=str(recovery_file),
            passphrase=passphrase(passphrase_file),
            by_recovery=by_recovery,
        )
    give(
        {
            "keys": list(done.keys),
            "incarnation": done.incarnation,
            "agreements": done.agreements,
            "records": done.records,
        },
        as_json=as_json,
        lines=[f"{key}  revoked" for key in done.keys],
    )
    say(f"Said in {done.agreements} agreements ({done.records} records); partners fetch it.")
    say(f"The recovery file was rewritten: move {recovery_file} off this machine again.")


def _give_renewed(made: Renewed, *, as_json: bool) -> None:
    give(
        {
            "organisation": made.organisation.id,
            "descriptor": made.descriptor,
            "changed": list(made.changed),
            "incarnation": made.incarnation,
            "recovery": made.recovery,
        },
        as_json=as_json,
        lines=(f"descriptor {made.descriptor}: {', '.join(made.changed)}",),
    )
    say(f"{made.organisation.label} has new keys for {', '.join(made.changed)}.")
    say(f"{made.recovery} was rewritten: move it off this machine, and destroy older copies.")
