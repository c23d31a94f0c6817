"""Parties that are served by mail: `allied mail ...`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
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
    help="Serve parties by mail: what they have to do at once, what is new now and then.",
    no_args_is_help=True,
)


@app.command("server")
def server(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Where mail is handed in.")],
    sender: Annotated[str, typer.Option("--from", help="The address that letters come from.")],
    tls: Annotated[
        str, typer.Option("--tls", help="starttls, tls, or none (on this machine only).")
    ] = "starttls",
    user: Annotated[str, typer.Option("--user", help="Whom the server lets in.")] = "",
    secret_file: Annotated[
        Path | None, typer.Option("--secret-file", help="File with the password; chmod 600.")
    ] = None,
    console: Annotated[
        str, typer.Option("--console", help="Where those who are hosted here answer; in letters.")
    ] = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say where letters are handed in."""
    from allied.node.mail_routes import set_server
    from allied.node.post import MailServer

    host, _, port = address.rpartition(":")
    found = MailServer(
        host.strip("[]"),
        int(port) if port.isascii() and port.isdecimal() and len(port) < 6 else 0,
        tls,
        sender,
        user,
        str(secret_file.absolute()) if secret_file else "",
        console,
    )
    with opened(folder) as node:
        set_server(node, found)
    if as_json:
        give({"host": found.host, "port": found.port, "tls": tls, "from": sender}, as_json=True)
        return
    say("Noted. `allied mail add` says who gets letters.")


@app.command("add")
def add(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Where letters go.")],
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Under which agreement.")],
    to: Annotated[str, typer.Option("--to", help="The party: hosted here, or a confirmed peer.")],
    every: Annotated[int, typer.Option("--every", min=1, help="Hours between digests.")] = 24,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Serve a party by mail, or change how.

    What it has to do it is told at once, without what it is about. What is new comes as a STIX
    bundle where it is hosted here, with only what may be read on its way, else as a sealed file.
    """
    from allied.node.mail_routes import add as call

    with opened(folder) as node:
        made = call(node, who(node, organisation), agreement, to, address, every_hours=every)
    give({"id": made.id, "to": made.to, "address": made.address}, as_json=as_json, lines=(made.id,))


@app.command("remove")
def remove(
    route: Annotated[str, typer.Argument(metavar="ID", help="As `allied mail list` shows it.")],
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Send nothing there any more."""
    from allied.node.mail_routes import remove as call

    with opened(folder) as node:
        call(node, route)
    if as_json:
        give({"removed": route}, as_json=True)
        return
    say("Noted.")


@app.command("list")
def list_(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show who is served by mail, and what became of it."""
    from allied.node.mail_routes import routes, served

    with opened(folder) as node, node.store.read() as reading:
        found = [(each, served(reading, each.id)) for each in routes(reading)]
    if as_json:
        give(
            [
                {
                    "id": route.id, "to": route.to, "address": route.address,
                    "agreement": route.agreement, "every_hours": route.every_hours,
                    "told": len(how.told), "digest_at": how.digest_at, "failures": how.failures,
                    "last_problem": how.problem or None,
                }
                for route, how in found
            ],
            as_json=True,
        )  # fmt: skip
        return
    if not found:
        say("Nobody is served by mail: `allied mail add ADDRESS --agreement A --to PARTY`.")
        return
    table(
        ("id", "to", "address", "every", "told", "last digest", "problem"),
        [
            (route.id, route.to, route.address, f"{route.every_hours} h", len(how.told),
             instant(how.digest_at) if how.digest_at else "-", how.problem or "-")
            for route, how in found
        ],
    )  # fmt: skip


@app.command("send")
def send(
    folder: Folder = None, passphrase_file: PassphraseFile = None, as_json: AsJson = False
) -> None:
    """Send everything that waits, now; a server does that by itself, once a minute."""
    from allied.node.mailing import go_round

    with opened(folder) as node:
        outcomes = go_round(node, unlocked(node, passphrase_file), now_all=True)
    if as_json:
        give(list(outcomes), as_json=True)
        return
    table(
        ("to", "letters", "objects", "held back", "problem"),
        [
            (each.to, each.letters, each.items, each.held_back, each.problem or "-")
            for each in outcomes
        ],
    )


@app.command("take-in")
def take_in(
    maildir: Annotated[Path, typer.Argument(metavar="DIR", help="A Maildir.")],
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Take in the files of `allied export` that are attached to new mails of a Maildir.

    Texts of mails are not read: an answer by mail is no act. A mail whose files were taken in
    moves to `cur`; every other stays where it is.
    """
    from allied.entrypoints.maildir import mails, take_in as maildir_taken

    with opened(folder) as node:
        keys = unlocked(node, passphrase_file)
        found = [maildir_taken(node, keys, each) for each in mails(maildir)]
    if as_json:
        give([{**asdict(each), "problem": each.problem or None} for each in found], as_json=True)
        return
    table(
        ("mail", "files", "records", "items", "problem"),
        [(each.mail, each.files, each.records, each.items, each.problem or "-") for each in found],
    )


@app.command("box")
def box(
    maildir: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="A Maildir.", show_default=False)
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Look nowhere any more.")] = False,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Name the Maildir into which a server looks once a minute, as `mail take-in` does; or show it.

    What could not be taken in stays there, is told by `allied doctor`, and tried again each hour.
    """
    from allied.entrypoints.maildir import mails
    from allied.node.mail_routes import box_of, set_box

    with opened(folder) as node:
        if maildir is not None and not none:
            next(mails(maildir), None)  # refuses what is no Maildir
        if maildir is not None or none:
            set_box(node, "" if none or maildir is None else str(maildir.absolute()))
        with node.store.read() as reading:
            found = box_of(reading)
    shown = {
        "folder": found.folder or None, "taken_at": found.taken_at, "left": found.left,
        "problem": found.problem or None,
    }  # fmt: skip
    if as_json:
        give(shown, as_json=True)
        return
    if not found.folder:
        say("A server looks into no Maildir: `allied mail box DIR`.")
        return
    last = instant(found.taken_at) if found.taken_at else "-"
    table(
        ("Maildir", "last taken in", "left there", "problem"),
        [(found.folder, last, found.left, found.problem or "-")],
    )
