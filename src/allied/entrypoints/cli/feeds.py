"""Lists that machines fetch: `allied feed ...`, `allied feed warninglist ...`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from allied.entrypoints.cli.files import read_bounded
from allied.entrypoints.cli.options import ActingOrganisation, AsJson, Folder, opened, who
from allied.entrypoints.cli.terminal import give, instant, say, table
from allied.errors import MalformedError

app = typer.Typer(
    help="Blocklists, rules and zones under addresses of their own.", no_args_is_help=True
)
warning = typer.Typer(help="What is known to give false alarms.", no_args_is_help=True)
app.add_typer(warning, name="warninglist")

_LIST_LIMIT: Final = 256 * 2**20
_FEED_LIMIT: Final = 512 * 2**20


@app.command("create")
def create(
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="What is shared under this.")],
    form: Annotated[
        str,
        typer.Option("--format", help="ipv4, domain, csv, suricata-rules, zeek, rpz, misp ... ."),
    ],
    tlp: Annotated[str, typer.Option("--tlp", help="Nothing above this is in it.")] = "GREEN",
    purpose: Annotated[
        str, typer.Option("--purpose", help="What it is used for, in the words of the clause.")
    ] = "network-defence",
    days: Annotated[int, typer.Option("--days", help="It works for so long.", min=1)] = 365,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Make a feed; its address is shown once and is its only key."""
    from datetime import timedelta

    from allied.bootstrap import listening_at
    from allied.node.feeds import create as make

    with opened(folder) as node:
        acting = who(node, organisation)
        made = make(
            node,
            acting,
            agreement=agreement,
            form=form,
            tlp=tlp,
            purpose=purpose,
            lasts=timedelta(days=min(days, 3_650)),
        )
    url = f"{(acting.url or listening_at(folder)).rstrip('/')}{made.path}"
    give(
        {"id": made.feed.id, "url": url, "expires_at": made.feed.expires_at},
        as_json=as_json,
        lines=(url,),
    )
    say(f"Whoever knows this address reads TLP:{made.feed.ceiling} and below. Shown once; it works")
    say(f"until {instant(made.feed.expires_at)}, or until `allied feed revoke {made.feed.id}`.")


@app.command("list")
def show_all(
    organisation: ActingOrganisation = "", folder: Folder = None, as_json: AsJson = False
) -> None:
    """Show feeds, without their addresses."""
    from allied.node.agreements import resolve
    from allied.node.feeds import list_feeds

    with opened(folder) as node:
        found = list_feeds(node, who(node, organisation))
        with node.store.read() as reading:
            aliases = {each.agreement: resolve(reading, each.agreement).alias for each in found}
    if as_json:
        shown = [
            {
                "id": each.id,
                "format": each.form,
                "agreement": each.agreement,
                "alias": aliases[each.agreement],
                "tlp": each.ceiling,
                "purpose": each.purpose,
                "created_at": each.created_at,
                "expires_at": each.expires_at,
                "revoked_at": each.revoked_at,
            }
            for each in found
        ]
        give(shown, as_json=True)
        return
    table(
        ("id", "format", "agreement", "up to", "since", "until", "revoked"),
        [
            (
                each.id,
                each.form,
                aliases[each.agreement],
                f"TLP:{each.ceiling}",
                instant(each.created_at),
                instant(each.expires_at),
                instant(each.revoked_at),
            )
            for each in found
        ],
    )


@app.command("revoke")
def revoke(
    feed: Annotated[str, typer.Argument(metavar="FEED", help="Its id, from `allied feed list`.")],
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """End a feed; from now on there is nothing at its address."""
    from allied.node.feeds import revoke as end

    with opened(folder) as node:
        ended = end(node, who(node, organisation), feed)
    give({"id": ended.id, "revoked_at": ended.revoked_at}, as_json=as_json, lines=(ended.id,))


@app.command("verify")
def verify(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A feed as it was fetched.")],
    signature: Annotated[
        Path | None,
        typer.Option("--signature", help="The .sig file; FILE.sig if not given."),
    ] = None,
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Hold a feed against its signature, by the keys of organisations that this node knows."""
    from allied.node.feeds import MAX_SIGNATURE, verify as hold

    body = read_bounded(file, _FEED_LIMIT)
    said = read_bounded(signature or file.with_name(f"{file.name}.sig"), MAX_SIGNATURE)
    with opened(folder) as node:
        found = hold(node, body, said)
    give(found, as_json=as_json, lines=(f"holds: signed by {found.label}",))


@warning.command("add")
def add_lists(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A MISP warning list, or one per line; also .gz.")
    ],
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Take in warning lists; what is on one is flagged and kept out of lists that block.

    Of a file with several, lists of regular expressions are passed over.
    """
    from allied.bootstrap import bundle_source
    from allied.node.feeds import add_warning_lists

    raws = _lists(b"".join(bundle_source(file, _LIST_LIMIT)()))
    passed_over = 0
    with opened(folder) as node:
        if len(raws) > 1:
            usable = [each for each in raws if not _is_of_expressions(each)]
            passed_over, raws = len(raws) - len(usable), usable
        added = add_warning_lists(node, raws)
    if as_json:
        give({"added": added, "passed_over": passed_over}, as_json=True)
        return
    give(None, as_json=False, lines=[each.name for each in added])
    say(f"{len(added)} lists, {sum(each.entries for each in added)} entries")
    if passed_over:
        say(f"{passed_over} lists of regular expressions passed over; they are not compared here")


def _lists(raw: bytes) -> list[bytes]:
    """One list, or one per line."""
    lines = [line for line in raw.splitlines() if line.strip()]
    several = len(lines) > 1 and all(line.strip().startswith(b"{") for line in lines)
    found = lines if several and lines[0].rstrip().endswith(b"}") else [raw]
    if not lines:
        raise MalformedError("warning-list.form", "the file is empty")
    return found


def _is_of_expressions(raw: bytes) -> bool:
    import orjson

    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return False  # refused with its place, where lists are read
    return isinstance(value, dict) and value.get("type") == "regex"


@warning.command("list")
def show_lists(folder: Folder = None, as_json: AsJson = False) -> None:
    """Show the warning lists of this node."""
    from allied.node.feeds import list_warning_lists

    with opened(folder) as node:
        found = list_warning_lists(node)
    if as_json:
        give(found, as_json=True)
        return
    table(
        ("name", "version", "compares", "entries"),
        [(each.name, each.version, each.matching, each.entries) for each in found],
    )


@warning.command("remove")
def remove_list(
    name: Annotated[str, typer.Argument(help="The name of the list, as `list` shows it.")],
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Give up a warning list."""
    from allied.node.feeds import drop_warning_list

    with opened(folder) as node:
        drop_warning_list(node, name)
    give({"name": name}, as_json=as_json, lines=(name,))
