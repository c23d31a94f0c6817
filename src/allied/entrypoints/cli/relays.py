"""Sealed parcels for partners that cannot be reached: `allied relay ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from allied.entrypoints.cli.options import (
    ActingOrganisation,
    AsJson,
    Folder,
    PassphraseFile,
    opened,
    unlocked,
    who,
)
from allied.entrypoints.cli.terminal import give, instant, say, table

app = typer.Typer(
    help="Leave sealed parcels with a relay, fetch yours, or hold them for others.",
    no_args_is_help=True,
)

Relay = Annotated[str, typer.Argument(metavar="RELAY", help="A confirmed peer (label or id).")]
Stop = Annotated[bool, typer.Option("--stop", help="No more.")]


@app.command("open")
def open_(folder: Folder = None, as_json: AsJson = False) -> None:
    """Be a relay: hold sealed parcels that confirmed peers leave for other confirmed peers.

    At most 64 MiB from each, and not longer than 14 days. What is in them cannot be read here.
    """
    _serve(folder, on=True, as_json=as_json)


@app.command("close")
def close(folder: Folder = None, as_json: AsJson = False) -> None:
    """Be no relay any more; what is held can still be fetched until it is over."""
    _serve(folder, on=False, as_json=as_json)


def _serve(folder: Folder, *, on: bool, as_json: bool) -> None:
    from allied.node.relaying import serve

    with opened(folder) as node:
        serve(node, open_=on)
    if as_json:
        give({"relay": on}, as_json=True)
        return
    say("This node holds parcels for others." if on else "This node holds nothing for others.")


@app.command("list")
def list_(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show the parcels that this node holds for others, and the relays that it uses itself."""
    from allied.node.parcels import ways
    from allied.node.relaying import DAYS, is_relay, list_parcels

    with opened(folder) as node:
        held, used = list_parcels(node), ways(node)
        with node.store.read() as reading:
            labels = {peer.id: peer.label for peer in reading.peers()}
            labels |= {each.id: each.label for each in reading.organisations()}
            on = is_relay(reading)
    parcels = [
        {
            "to": labels.get(each.recipient, each.recipient),
            "from": labels.get(each.sender, each.sender),
            "bytes": each.size,
            "at": each.at,
            "until": each.at + DAYS,
        }
        for each in held
    ]
    if as_json:
        give({"relay": on, "parcels": parcels, "uses": list(used)}, as_json=True)
        return
    say("This node is a relay." if on else "This node is no relay.")
    table(
        ("to", "from", "bytes", "since", "until"),
        [
            (str(each["to"]), str(each["from"]), each["bytes"],
             instant(row.at), instant(row.at + DAYS))
            for each, row in zip(parcels, held, strict=True)
        ],
    )  # fmt: skip
    for way in used:
        say(f"  {way.relay}: for {way.peer}, when it does not answer" if way.peer
            else f"  {way.relay}: asked for what is ours")  # fmt: skip


@app.command("through")
def through(
    relay: Relay,
    peer: Annotated[str, typer.Option("--for", help="The peer that it holds parcels for.")],
    stop: Stop = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Leave with a relay what a peer would have got, whenever that peer does not answer."""
    _way(folder, relay, peer, on=not stop, as_json=as_json)


@app.command("use")
def use(relay: Relay, stop: Stop = False, folder: Folder = None, as_json: AsJson = False) -> None:
    """Ask a relay for your own parcels at every round."""
    _way(folder, relay, "", on=not stop, as_json=as_json)


def _way(folder: Folder, relay: str, peer: str, *, on: bool, as_json: bool) -> None:
    from allied.node.parcels import set_way, ways

    with opened(folder) as node:
        set_way(node, relay, peer, on=on)
        found = ways(node)
    if as_json:
        give(list(found), as_json=True)
        return
    say("Noted.")


@app.command("leave")
def leave(
    relay: Relay,
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Under which agreement.")],
    to: Annotated[str, typer.Option("--to", help="The party that it is for.")],
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Leave with a relay, now, what a party may have: sealed to it, a release like any other."""
    from allied.node.parcels import leave as call

    with opened(folder) as node:
        acting = who(node, organisation)
        size = call(node, unlocked(node, passphrase_file), acting, relay, agreement, to)
    if as_json:
        give({"relay": relay, "to": to, "bytes": size}, as_json=True)
        return
    say(f"{size} bytes for {to}, sealed; {relay} holds them for at most 14 days.")


@app.command("fetch")
def fetch(
    relay: Relay,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Fetch your parcels from a relay, now, and take them in like any other file."""
    from allied.node.parcels import fetch as call

    with opened(folder) as node:
        acting = who(node, organisation)
        found = call(node, unlocked(node, passphrase_file), acting, relay)
    if as_json:
        give(list(found), as_json=True)
        return
    if not found:
        say(f"{relay} holds nothing for you.")
    for each in found:
        if each.taken is None:
            say(f"{each.size} bytes did not hold [{each.problem}]")
            continue
        outcome = each.taken.outcome
        say(f"{outcome.items} items, {outcome.records} records from {each.taken.sender}")
