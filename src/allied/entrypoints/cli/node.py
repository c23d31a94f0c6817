"""The node itself: `allied init | serve | sync | status | doctor | demo`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from allied.errors import ConflictError

if TYPE_CHECKING:
    from allied.node.node import Node
    from allied.node.rows import Organisation


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
    url: Annotated[
        str,
        typer.Option("--url", help="Where other nodes reach you: https://allied.river.example."),
    ] = "",
    person: Annotated[str, typer.Option("--person", help="The first who may act for you.")] = "",
    database: Annotated[
        str,
        typer.Option(
            "--database",
            help="A PostgreSQL database that exists, postgresql://...; without: SQLite.",
        ),
    ] = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Make a node: a folder, one organisation with its keys, its first person."""
    from allied.bootstrap import create_node
    from allied.node.organisations import found, list_hosted, require_named

    require_named(organisation_id, name, url)
    secret = passphrase(passphrase_file, new=True)
    node = create_node(folder, database=database)
    try:
        _require_empty(list_hosted(node), organisation_id)
        made = found(
            node, label=organisation_id, name=name, url=url, person=person, passphrase=secret
        )
    finally:
        node.close()
    give_founded(made, as_json=as_json)


def _require_empty(hosted: Sequence[Organisation], label: str) -> None:
    """Refuse a folder that belongs to a node already; one left half-made is taken up."""
    if hosted and all(each.label != label for each in hosted):
        raise ConflictError(
            "node.exists",
            f"a node of {hosted[0].label} lives in this folder already",
            hint="name another folder with --data;"
            " `allied organisation add` hosts a further organisation here",
        )


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
    """Serve the node: console, TAXII, REST and other nodes, until stopped."""
    from allied.bootstrap import disk_free, open_all, require_fence
    from allied.entrypoints.listening import handed_over
    from allied.entrypoints.serving import Listening, run

    opened_node = open_all(folder, flags={"host": host, "port": port, "admin": admin})
    node, settings = opened_node.node, opened_node.settings
    try:
        with opened_node.folder.serving(together=bool(settings.database)):
            require_fence(opened_node)
            keys = node.vault.unlock(passphrase(passphrase_file))
            listening = Listening(
                settings.host,
                settings.port,
                settings.admin,
                settings.log_level,
                settings.log_format,
                settings.sync_seconds,
                settings.stop_seconds,
                handed_over(os.environ),
            )
            _invite(node)
            run(
                node,
                keys,
                listening,
                opened_node.wakening.wait,
                lambda: disk_free(folder),
                opened_node.fellows,
            )
    finally:
        node.close()


def _invite(node: Node) -> None:
    """Say how to get into the console; a link is a secret, so it goes to a terminal only."""
    from allied.node.people import link

    with node.store.read() as reading:
        houses = [(each, reading.people(each.id)) for each in reading.organisations()]
    if not sys.stderr.isatty():
        say("`allied person link` prints a link into the console.")
        return
    for organisation, people in houses:
        if people and organisation.url:
            made = link(node, organisation, people[0].label)
            say(f"Console for {people[0].label} of {organisation.label}, once, for 15 minutes:")
            say(f"    {organisation.url}/login/{made.secret}")
        else:
            say(f"`allied person link -o {organisation.label}` prints a link into the console.")


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
    if not found.organisations:
        say("No organisation is hosted here; start with `allied init`.")
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
    if not found.awaiting:
        say("Nothing awaits you.")


def doctor(
    deep: Annotated[
        bool, typer.Option("--deep", help="Compute every digest and signature again, too.")
    ] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Look at clock, disk, keys, peers, backup, ledger, chains; exit status 8 on problems."""
    from allied.bootstrap import around
    from allied.node.doctor import examine

    here = around(folder)
    with opened(folder) as node:
        findings = examine(node, around=here, deep=deep)
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
