"""What is carried by file: `allied export`, `allied import`, and both with `misp`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from allied.entrypoints.cli.options import (
    ActingOrganisation,
    AsJson,
    DryRun,
    Folder,
    PassphraseFile,
    opened,
    unlocked,
    who,
)
from allied.entrypoints.cli.terminal import give, instant, say, table
from allied.entrypoints.statuses import PROBLEMS, REFUSED, UNVERIFIED
from allied.errors import MalformedError, UsageError

if TYPE_CHECKING:
    from allied.exchange.misp import Event, Loss
    from allied.node.misp import EventOutcome
    from allied.node.sharing import Wish

_MISP: Final = "misp"
_MANIFEST: Final = "manifest.json"
_HASHES: Final = "hashes.csv"
_MOST_FILES: Final = 100_000


def add_to(app: typer.Typer) -> None:
    """Add the verbs without a noun."""
    app.command("export")(export)
    app.command("import")(import_)


# --- out --------------------------------------------------------------------------------


def export(
    form: Annotated[
        str, typer.Argument(metavar="[misp]", help="Nothing for a file, or `misp` for events.")
    ] = "",
    agreement: Annotated[str, typer.Option("--agreement", "-a", help="Under which one.")] = "",
    to: Annotated[
        str, typer.Option("--to", help="The party it is for; with `misp`, the folder.")
    ] = "",
    output: Annotated[
        Path | None, typer.Option("--output", help="The file to write; not with `misp`.")
    ] = None,
    tlp: Annotated[str, typer.Option("--tlp", help="With `misp`: nothing above.")] = "GREEN",
    without_sealing: Annotated[
        bool,
        typer.Option("--without-sealing", help="Whoever holds the file can read it."),
    ] = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Write what a party may have into a file, or what you hold into a folder of MISP events.

    The file holds the bytes that the network would carry, signed, and sealed so that only that
    party can read them; its release is written down. The folder is for your own MISP.
    """
    if not agreement or not to or form not in ("", _MISP) or (output is None) != (form == _MISP):
        raise UsageError(
            "export.arguments",
            "say what is written, for whom and where",
            hint="`export --agreement A --to PARTY --output FILE`, or"
            " `export misp --agreement A --to FOLDER`",
        )
    if output is None:
        _export_misp(agreement, Path(to), tlp, organisation, folder, as_json=as_json)
        return
    from allied.node.carriage import write

    part = output.with_name(f"{output.name}.part")
    with opened(folder) as node:
        acting = who(node, organisation)
        keys = unlocked(node, passphrase_file)
        try:
            part.touch(mode=0o600)
            with part.open("wb") as out:
                made = write(node, acting, keys, agreement, to, out, sealed=not without_sealing)
            part.replace(output)
        except OSError as broken:
            raise UsageError("export.file", f"{output.name} cannot be written") from broken
        finally:
            part.unlink(missing_ok=True)
    give(
        made,
        as_json=as_json,
        lines=(f"{made.items} items, {made.records} records, {made.blobs} blobs for {to}",),
    )
    if made.kept_back:
        say(f"{made.kept_back} items have to be encrypted on their way, and are not in it.")
    how = "signed and not sealed" if without_sealing else f"signed, and sealed to {to}"
    say(f"{output.name}: {made.size} bytes, {how}; `allied import` takes it in.")


def _export_misp(
    agreement: str, target: Path, tlp: str, organisation: str, folder: Path | None, *, as_json: bool
) -> None:
    from allied.exchange import misp_out
    from allied.node.misp import give_out

    with opened(folder) as node:
        made = give_out(node, who(node, organisation), agreement, ceiling=tlp)
    try:
        target.mkdir(parents=True, exist_ok=True)
        before = _listed_in(target)
        for event in made.events:
            (target / f"{event['uuid']}.json").write_bytes(misp_out.file_of(event))
        (target / _HASHES).write_bytes(misp_out.hashes(made.events))
        (target / _MANIFEST).write_bytes(misp_out.manifest(made.events))
        for name in before - {str(event["uuid"]) for event in made.events}:
            (target / f"{name}.json").unlink(missing_ok=True)  # what no longer may be there
    except OSError as broken:
        raise UsageError("export.file", f"{target.name} cannot be written") from broken
    names = [str(event["uuid"]) for event in made.events]
    if as_json:
        give({"events": names, "losses": made.losses}, as_json=True)
        return
    give(None, as_json=False, lines=names)
    _tell_losses(made.losses)


def _listed_in(target: Path) -> set[str]:
    """The events that the manifest of a folder lists; those that are no uuid are passed over."""
    from allied.exchange.misp import uuid_of

    file = target / _MANIFEST
    try:
        listed = _manifest(file) if file.exists() else []
    except MalformedError:
        return set()  # somebody else's file: written anew, and nothing is removed for it
    return {name for name in listed if uuid_of(name) == name}


# --- in ---------------------------------------------------------------------------------


def import_(
    paths: Annotated[
        list[str], typer.Argument(metavar="FILE | misp PATH...", help="What is taken in.")
    ],
    agreement: Annotated[
        str, typer.Option("--agreement", "-a", help="With `misp`: share under this one.")
    ] = "",
    tlp: Annotated[str, typer.Option("--tlp", help="With `misp`: mark at least so.")] = "",
    to: Annotated[
        list[str] | None, typer.Option("--to", help="With `misp`: only to this party (repeatable).")
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", help="With `misp`: GROUP=PARTY,... (repeatable)."),
    ] = None,
    own_only: Annotated[
        bool,
        typer.Option("--share-what-is-own-only", help="With `misp`: also distribution 0."),
    ] = False,
    reviewed: Annotated[
        bool,
        typer.Option("--reviewed", help="With `misp`: somebody looked at what is about people."),
    ] = False,
    secret_file: Annotated[
        Path | None,
        typer.Option("--secret-file", help="With a live MISP: file with its key; chmod 600."),
    ] = None,
    private: Annotated[
        bool,
        typer.Option("--private", help="With a URL: its address is private or here; meant."),
    ] = False,
    whole: Annotated[
        bool, typer.Option("--whole", help="With a URL: also what is held here already.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With a URL: half of its events may be gone at once.")
    ] = False,
    dry_run: DryRun = False,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    passphrase_file: PassphraseFile = None,
    as_json: AsJson = False,
) -> None:
    """Take in a file of `allied export`, or share MISP events (files, folders, feeds, a live MISP).

    A file that breaks off is taken in up to there (exit status 7); the whole one goes on.
    What of MISP is not carried over is listed. A file called misp is written ./misp. A PATH may
    be the URL of a MISP, or of the manifest.json of a feed: what is new or changed there is taken.
    """
    from allied.node.sharing import Wish

    if paths[0] == _MISP:
        _import_misp(
            paths[1:],
            agreement,
            Wish(tlp, (), tuple(to or ()), reviewed=reviewed),
            tuple(group or ()),
            _Elsewhere(str(secret_file.absolute()) if secret_file else "", private, whole, yes),
            own_only=own_only,
            dry_run=dry_run,
            organisation=organisation,
            folder=folder,
            passphrase_file=passphrase_file,
            as_json=as_json,
        )
        return
    with_misp = (agreement, tlp, to, group, own_only, reviewed, secret_file, private, whole, yes)
    if len(paths) != 1 or dry_run or any(with_misp):
        raise UsageError(
            "import.arguments",
            "a file of `allied export` is taken in by itself",
            hint="`allied import FILE`, or `allied import misp PATH... --agreement A`",
        )
    from allied.node.carriage import take_in

    file = Path(paths[0])
    with opened(folder) as node:
        keys = unlocked(node, passphrase_file)
        try:
            with file.open("rb") as stream:
                found = take_in(node, keys, stream)
        except FileNotFoundError as missing:
            raise UsageError("file.missing", f"there is no file {file.name}") from missing
        except OSError as broken:
            raise UsageError("file.unreadable", f"{file.name} cannot be read") from broken
    outcome = found.outcome
    give(
        found,
        as_json=as_json,
        lines=(
            f"{outcome.items} items, {outcome.records} records, {outcome.blobs} blobs"
            f" from {found.sender}, as of {instant(found.made_at)}",
        ),
    )
    for code in sorted(set(outcome.refused)):
        say(f"  {outcome.refused.count(code)} did not hold and were not stored [{code}]")
    if found.broken:
        say(f"  the file breaks off [{found.broken}]; what came before stands")
    if found.broken or outcome.refused:
        raise typer.Exit(UNVERIFIED)


@dataclass(frozen=True, slots=True)
class _Elsewhere:
    """How a MISP elsewhere is asked."""

    secret_file: str
    private: bool
    whole: bool
    believe: bool


def _import_misp(
    paths: Sequence[str],
    agreement: str,
    wish: Wish,
    groups: Sequence[str],
    elsewhere: _Elsewhere,
    *,
    own_only: bool,
    dry_run: bool,
    organisation: str,
    folder: Path | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    from allied.node.misp import Groups, take_in
    from allied.node.misp_servers import place_of, pull

    places = [
        place_of(each, secret_file=elsewhere.secret_file, allowed_private=elsewhere.private)
        for each in paths
        if _is_url(each)
    ]
    if (
        not paths
        or not agreement
        or (not places and elsewhere != _Elsewhere("", False, False, False))
    ):
        raise UsageError(
            "import.arguments",
            "say which files are shared, and under which agreement",
            hint="`allied import misp PATH... --agreement A`",
        )
    outcomes: list[EventOutcome] = []
    with opened(folder) as node:
        acting = who(node, organisation)
        keys = None if dry_run else unlocked(node, passphrase_file)
        mapped = Groups.read(groups)
        for events in _events([Path(each) for each in paths if not _is_url(each)]):
            outcomes += take_in(
                node, acting, keys, events, agreement, wish, groups=mapped, own_only=own_only
            )
        for place in places:
            outcomes += pull(
                node,
                acting,
                keys,
                place,
                agreement,
                wish,
                groups=mapped,
                own_only=own_only,
                whole=elsewhere.whole,
                believe=elsewhere.believe,
            )
    losses = [loss for each in outcomes for loss in each.losses]
    if as_json:
        give({"events": [_shown(each) for each in outcomes], "losses": losses}, as_json=True)
    else:
        table(
            ("event", "objects", "admitted", "refused", "invalid", "why not shared"),
            [
                (
                    each.event,
                    each.objects,
                    each.shared.admitted if each.shared else 0,
                    sum(each.shared.refused.values()) if each.shared else 0,
                    sum(each.shared.invalid.values()) if each.shared else 0,
                    each.refused,
                )
                for each in outcomes
            ],
        )
        _tell_losses(losses)
        if dry_run:
            say("Nothing was shared.")
    shares = [each.shared for each in outcomes if each.shared]
    if any(each.invalid or each.contradicting for each in shares):
        raise typer.Exit(PROBLEMS)
    if any(each.refused for each in outcomes) or any(each.refused for each in shares):
        raise typer.Exit(REFUSED)


def _shown(one: EventOutcome) -> dict[str, object]:
    from allied.entrypoints.shapes import share_summary

    return {
        "event": one.event,
        "objects": one.objects,
        "refused": one.refused,
        "share": share_summary(one.shared) if one.shared else None,
    }


def _tell_losses(losses: Sequence[Loss]) -> None:
    """Everything that was not carried over, one line each."""
    if losses:
        say(f"{len(losses)} not carried over:")
        table(
            ("event", "what", "id", "why"),
            [(each.event, each.what, each.id, each.reason) for each in losses],
        )


def _is_url(path: str) -> bool:
    return path.startswith(("https://", "http://"))


def _events(paths: Sequence[Path]) -> Iterator[Sequence[Event]]:
    """The events of files, of folders with files, and of feeds by their manifest."""
    from allied.bootstrap import bundle_source
    from allied.exchange.misp import MAX_FILE, read_events

    for path in paths:
        for file in _files(path):
            yield read_events(b"".join(bundle_source(file, MAX_FILE)()))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    if (path / _MANIFEST).exists():
        from allied.exchange.misp import uuid_of

        listed = _manifest(path / _MANIFEST)
        if any(uuid_of(name) != name for name in listed):
            raise MalformedError("misp.manifest", "the manifest names what is no event")
        return [path / f"{name}.json" for name in sorted(listed)]
    found = sorted(each for each in path.iterdir() if each.name.endswith((".json", ".json.gz")))
    if not found:
        raise UsageError("misp.no-files", f"there is no JSON file in {path.name}")
    return found[:_MOST_FILES]


def _manifest(file: Path) -> list[str]:
    """The names of the events that a manifest lists."""
    import orjson

    from allied.entrypoints.cli.files import read_bounded
    from allied.exchange.misp import MAX_FILE

    try:
        value = orjson.loads(read_bounded(file, MAX_FILE))
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict) or len(value) > _MOST_FILES:
        raise MalformedError("misp.manifest", "the manifest is no object of events by their uuid")
    return [str(name) for name in value]
