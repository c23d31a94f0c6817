"""The node itself: `allied init | serve | sync | status | doctor | demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from allied.entrypoints.cli.options import (
    AsJson,
    Folder,
    PassphraseFile,
    opened,
    passphrase,
    unlocked,
)
from allied.entrypoints.cli.organisations import give_founded
from allied.entrypoints.cli.terminal import give, instant, say, table
from allied.entrypoints.statuses import FAILED, PROBLEMS, UNREACHABLE


def add_to(app: typer.Typer) -> None:
    """Add the verbs of the node to the command tree."""
    app.command("init")(init)
    app.command("serve")(serve)
    app.command("sync")(sync)
    app.command("status")(status)
    app.command("doctor")(doctor)
    app.command("demo")(demo)
    app.callback(invoke_without_command=True)(root)


def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Options that stand before any verb."""
    if version:
        from allied import __version__

        typer.echo(__version__)
        raise typer.Exit


def init(
    organisation_id: Annotated[str, typer.Option("--id", help="What you are called: river.")],
    name: Annotated[str, typer.Option("--name", help='Your full name: "River Bank plc".')],
    url: Annotated[str, typer.Option("--url", help="Where other nodes reach you.")] = "",
    person: Annotated[str, typer.Option("--person", help="The first who may act for you.")] = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a node: a folder, one organisation with its keys, its first person."""
    from allied.bootstrap import create_node
    from allied.node.organisations import found

    secret = passphrase(passphrase_file, new=True)
    node = create_node(folder)
    try:
        made = found(
            node, label=organisation_id, name=name, url=url, person=person, passphrase=secret
        )
    finally:
        node.store.close()
    give_founded(made, as_json=as_json)


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[
        int | None, typer.Option("--port", help="Port to listen on.", max=65535)
    ] = None,
    admin: Annotated[
        str | None, typer.Option("--admin", help="HOST:PORT for health and metrics.")
    ] = None,
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Serve the node: console, TAXII and other nodes, until stopped."""
    from allied.bootstrap import open_all, require_fence
    from allied.entrypoints.serving import Listening, run

    opened_node = open_all(folder, flags={"host": host, "port": port, "admin": admin})
    node, settings = opened_node.node, opened_node.settings
    try:
        with opened_node.folder.serving():
            require_fence(opened_node)
            keys = node.vault.unlock(passphrase(passphrase_file))
            listening = Listening(
                settings.host,
                settings.port,
                settings.admin,
                settings.log_level,
                settings.sync_seconds,
            )
            run(node, keys, listening, opened_node.wakening.wait)
    finally:
        node.store.close()


def sync(
    peer: Annotated[str, typer.Option("--peer", help="Only this one (label).")] = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Exchange with all peers now, and say what came."""
    from allied.node.sync import sync_now

    with opened(folder) as node:
        outcomes = sync_now(node, unlocked(node, passphrase_file), label=peer)
    if as_json:
        give(outcomes, as_json=True)
    else:
        table(
            ("organisation", "peer", "agreements", "records", "items", "problem"),
            [
                (
                    each.organisation,
                    each.peer,
                    each.agreements,
                    each.records,
                    each.items,
                    each.problem or "-",
                )
                for each in outcomes
            ],
        )
    for each in outcomes:
        if each.problem:
            say(f"{each.peer}: {each.message} [{each.problem}]")
        for code in sorted(set(each.refused)):
            say(f"{each.peer}: {each.refused.count(code)} refused [{code}]")
    if any(each.problem.startswith("peer.bad") for each in outcomes):
        raise typer.Exit(FAILED)
    if any(each.problem for each in outcomes):
        raise typer.Exit(UNREACHABLE)


def status(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show in short: organisations, agreements, peers, what awaits somebody."""
    from allied.node.overview import overview

    with opened(folder) as node:
        found = overview(node)
    if as_json:
        give(found, as_json=True)
        return
    for organisation in found.organisations:
        give(None, as_json=False, lines=(f"{organisation.label}  {organisation.name}",))
    table(
        ("agreement", "title", "state", "items"),
        [(each.alias, each.title, each.state, each.items) for each in found.agreements],
    )
    table(
        ("peer", "confirmed", "last answer", "problem"),
        [
            (
                each.label,
                "yes" if each.confirmed else "no",
                instant(each.seen_at),
                each.problem or "-",
            )
            for each in found.peers
        ],
    )
    for each in found.awaiting:
        give(None, as_json=False, lines=(f"awaits you: {each.text}",))


def doctor(folder: Folder = None, as_json: AsJson = False) -> None:
    """Look at clock, disk, keys, peers, ledger and chains; exit status 8 on problems."""
    from allied.bootstrap import disk_free
    from allied.node.doctor import examine

    with opened(folder) as node:
        findings = examine(node, free_bytes=disk_free(folder))
    if as_json:
        give({"findings": findings}, as_json=True)
    else:
        table(
            ("check", "state", "what"), [(each.check, each.state, each.text) for each in findings]
        )
    if any(each.state == "problem" for each in findings):
        raise typer.Exit(PROBLEMS)


def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="End when the story was read back from every node.")
    ] = False,
    intel: Annotated[
        list[Path] | None,
        typer.Option("--intel", help="Share this STIX 2.1 bundle instead (repeatable)."),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--data", help="Keep the three nodes in this folder.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run three organisations on this machine and tell the whole story."""
    from allied.entrypoints.cli.demo import run

    raise typer.Exit(run(intel=intel or [], folder=folder, leave=leave, as_json=as_json))
