"""Other organisations: `allied peer add|list`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from allied.entrypoints.cli.options import AsJson, Folder, opened
from allied.entrypoints.cli.terminal import give, say, table
from allied.entrypoints.shapes import peer_summary

app = typer.Typer(help="Other organisations: a key first, an address second.", no_args_is_help=True)


@app.command("add")
def add(
    url: Annotated[str, typer.Argument(help="Where their node answers.")],
    fingerprint: Annotated[
        str, typer.Option("--fingerprint", help="What they read to you over a phone.")
    ] = "",
    label: Annotated[str, typer.Option("--label", help="What to call them here.")] = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Add another organisation, or confirm one that was added before.

    Without --fingerprint it is added unconfirmed: nothing is signed with it or released to
    it until somebody has compared the fingerprint.
    """
    from allied.node.peers import (
        add as add_peer,
        look,
    )

    with opened(folder) as node:
        offered = look(node, url, given=fingerprint)
        confirmed = bool(fingerprint)
        say(f"{offered.identity.current.name} at {url} shows the fingerprint")
        say(f"    {offered.fingerprint}")
        if not confirmed and not as_json and sys.stdin.isatty():
            confirmed = typer.confirm(
                "Did they read you exactly this over another way?", default=False, err=True
            )
        peer = add_peer(node, url, offered, confirmed=confirmed, label=label)
    give(
        {
            "id": peer.label,
            "organisation": peer.id,
            "name": peer.name,
            "url": peer.url,
            "fingerprint": offered.fingerprint,
            "confirmed": peer.confirmed_at is not None,
        },
        as_json=as_json,
        lines=(f"{peer.label}  {offered.fingerprint}",),
    )
    if peer.confirmed_at is None:
        say("Added, not confirmed: nothing is signed with them or released to them yet.")
        say("Call them on a number you know, let them read out their `allied organisation list`,")
        say(f"and type what you hear: allied peer add {peer.url} --fingerprint 'WHAT THEY READ'")
    else:
        say("Confirmed. They have to add you as well; then either side can propose an agreement.")


@app.command("list")
def show_all(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show the peers, and when each last answered."""
    from allied.node.peers import list_peers

    with opened(folder) as node:
        found = list_peers(node)
    summaries = [peer_summary(peer) for peer in found]
    if as_json:
        give(summaries, as_json=True)
        return
    if not found:
        say("No peers yet: `allied peer add URL`, with the address that they tell you.")
        return
    table(
        ("id", "name", "url", "way", "confirmed", "last answer", "problem"),
        [
            (
                peer.id,
                peer.name,
                peer.url,
                peer.protection,
                "yes" if peer.confirmed else "no",
                peer.seen_at or "-",
                peer.last_problem or "-",
            )
            for peer in summaries
        ],
    )
