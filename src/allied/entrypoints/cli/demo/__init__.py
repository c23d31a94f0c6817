"""`allied demo`: an alliance of three on this machine, from strangers to a kept promise.

Three serving processes with their own folders; this process acts for each organisation as
command-line verbs beside a serving process do, and believes a step only when the node of
another organisation shows it.

    child         one serving process that does not outlive the demonstration
    servers       the three of them: started, watched, started again, ended
    house         one organisation: founded, its node opened beside its server
    patience      looking again until something is so, for a bounded time
    asking        reading a house over HTTP, as tools would
    stage         the three houses together
    joining       peers, proposal, explanation, signatures
    intelligence  dry run, sharing, what arrived where, receipts
    response      the incident, the call, what is owed, the report
    telling       words on the terminal, and what was read back

In the folder of the demonstration: one data folder per organisation, with its recovery file
beside it, the passphrase (random, 0600), the servers' logs, and `demo.json` with the ports.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from allied.entrypoints.cli.demo import asking, intelligence, joining, response
from allied.entrypoints.cli.demo.house import House, Role, founded, house_folder
from allied.entrypoints.cli.demo.servers import Server, Servers, free_ports
from allied.entrypoints.cli.demo.stage import Stage
from allied.entrypoints.cli.demo.telling import Teller
from allied.entrypoints.cli.terminal import give, say
from allied.entrypoints.statuses import OK
from allied.errors import ConflictError, UnreachableError, UnverifiedError, UsageError
from allied.node import people

if TYPE_CHECKING:
    from types import FrameType

    from allied.entrypoints.cli.demo.intelligence import Bundle

ROLES: Final = (
    Role("river", "River Bank plc", "ada", "Ada Marsh"),
    Role("harbour", "Harbour Logistics SA", "noor", "Noor Haddad"),
    Role("northgate", "Northgate CERT", "lee", "Lee Fairweather"),
)
_FORMAT: Final = "allied-demo/1"
_STATE: Final = "demo.json"
_STATE_LIMIT: Final = 64 * 1024
_PASSPHRASE: Final = "passphrase"  # noqa: S105 - the name of the file
_LOCK: Final = "demo.lock"


def run(*, intel: Sequence[Path], folder: Path | None, leave: bool, as_json: bool) -> int:
    """Tell the whole story; returns the exit status.

    Args:
        intel: STIX 2.1 bundles to share instead of the one that ships.
        folder: where the three nodes are kept; None for a temporary folder.
        leave: end when the story was read back; else stay up until Ctrl-C.
        as_json: one JSON summary on stdout, and no words.

    Raises:
        AlliedError: a step could not be done, or not be read back in time.
    """
    given = intelligence.bundles(intel)
    teller = Teller(silent=as_json)
    started = time.monotonic()
    with _ended_in_order(), _own_folder(folder) as root, _staged(root, teller) as stage:
        summary = _story(stage, given)
        summary["seconds"] = round(time.monotonic() - started, 1)
        if not leave:
            summary["data"] = str(root)
            summary["links"] = _links(stage)
        if as_json:
            give(summary, as_json=True)
        else:
            teller.line("")
            teller.line(
                f"{len(teller.read_back)} things read back from three nodes"
                f" in {summary['seconds']:.0f} seconds.",
                style="bold",
            )
        if not leave:
            _stay(root, summary["links"], as_json=as_json)
    return OK


def _story(stage: Stage, given: Sequence[Bundle]) -> dict[str, Any]:
    joining.introduce(stage)
    agreement = joining.agree(stage)
    shared, plan = intelligence.share(stage, agreement, given)
    intelligence.read_taxii(stage, agreement, plan)
    incident = response.respond(stage, agreement)
    return {
        "organisations": [
            {
                "id": house.label,
                "name": house.name,
                "url": house.url,
                "fingerprint": house.fingerprint,
            }
            for house in stage.houses
        ],
        "agreement": {
            "id": agreement.id,
            "alias": agreement.alias,
            "state": agreement.state,
            "in_force_since": agreement.in_force_since,
        },
        "intelligence": shared,
        "incident": incident,
        "read_back": stage.teller.read_back,
        "restarts": dict(stage.servers.restarts),
    }


# --- the stage --------------------------------------------------------------------------


@contextmanager
def _staged(root: Path, teller: Teller) -> Iterator[Stage]:
    """The three houses with their servers running; ended at the end, however it ends."""
    os.environ.pop("ALLIED_DATABASE", None)  # the user's own node's; three cannot share it
    ports = _ports(root)
    servers = Servers()
    houses: list[House] = []
    try:
        for role, (port, admin) in zip(ROLES, ports, strict=True):
            server = Server(
                label=role.label,
                folder=house_folder(root, role),
                log=root / f"{role.label}.log",
                passphrase_file=root / _PASSPHRASE,
                port=port,
                admin=admin,
            )
            with teller.waiting(f"founding {role.name} ..."):
                houses.append(founded(role, server, _passphrase(root)))
            servers.start(server)
        river, harbour, northgate = houses
        yield Stage(river, harbour, northgate, servers, teller)
    finally:
        servers.stop()
        for house in houses:
            house.node.close()


def _ports(root: Path) -> list[tuple[int, int]]:
    """The ports of the houses: those of an earlier run that are free, else new ones."""
    try:
        with (root / _STATE).open("rb") as file:
            known = json.loads(file.read(_STATE_LIMIT)).get("ports", [])
        wanted = [port for port in known if isinstance(port, int) and 0 < port < 65_536]
    except (OSError, ValueError, AttributeError):
        wanted = []
    found = free_ports(2 * len(ROLES), wanted)
    _put(root / _STATE, json.dumps({"format": _FORMAT, "ports": found}) + "\n")
    return [(found[at], found[at + 1]) for at in range(0, len(found), 2)]


def _passphrase(root: Path) -> str:
    """The passphrase of all three, made once per folder."""
    file = root / _PASSPHRASE
    if not file.exists():
        _put(file, os.urandom(24).hex() + "\n")
    return file.read_text(encoding="ascii").strip()


def _put(file: Path, text: str) -> None:
    """Write a file for its owner alone, whole or not at all."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(handle, "w", encoding="utf-8") as temporary:
        temporary.write(text)
    Path(name).replace(file)


# --- the folder -------------------------------------------------------------------------


@contextmanager
def _own_folder(folder: Path | None) -> Iterator[Path]:
    """The folder of the demonstration; a temporary one goes away unless a step failed."""
    if folder is None:
        root = Path(tempfile.mkdtemp(prefix="allied-demo-"))
        kept = False
        try:
            yield root
        except (UnreachableError, UnverifiedError):
            kept = True
            say(f"What the three nodes hold and their logs are kept in {root}")
            raise
        finally:
            if not kept:
                shutil.rmtree(root, ignore_errors=True)
        return
    root = folder.absolute()
    _require_ours(root)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (root / _LOCK).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as taken:
            raise ConflictError(
                "demo.already-running",
                "a demonstration is running in this folder",
                hint="end it, or name another folder with --data",
            ) from taken
        yield root


def _require_ours(root: Path) -> None:
    """Return if a demonstration may live in `root`: it is new, empty, or one lived there."""
    if root.exists() and not root.is_dir():
        raise UsageError("demo.not-a-folder", "--data names a file", hint="name a folder")
    if root.is_dir() and any(root.iterdir()) and not (root / _LOCK).exists():
        raise UsageError(
            "demo.folder-in-use",
            "that folder holds something else",
            hint="name a new folder, or one of an earlier `allied demo`",
        )


@contextmanager
def _ended_in_order() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the demonstration as Ctrl-C does."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


# --- staying ----------------------------------------------------------------------------


def _links(stage: Stage) -> list[dict[str, str]]:
    """A one-time way into each console, and a token for TAXII clients."""
    found = []
    for house in stage.houses:
        link = people.link(house.node, house.organisation, house.role.person)
        found.append(
            {
                "organisation": house.label,
                "person": house.role.person,
                "console": f"{house.url}/login/{link.secret}",
                "taxii": f"{house.url}{asking.ROOT}",
                "token": intelligence.token(house),
            }
        )
    return found


def _stay(root: Path, links: Sequence[dict[str, str]], *, as_json: bool) -> None:
    """Show the ways in and wait for Ctrl-C."""
    if not as_json:
        say("")
        say("The three nodes stay up. Each link opens a console once, within 15 minutes:")
        for link in links:
            give(None, as_json=False, lines=(f"{link['organisation']:<10}{link['console']}",))
        harbour = links[1]
        say("")
        say("Other tools read over TAXII 2.1, for example Harbour's:")
        say(f"    curl -H 'Authorization: Bearer {harbour['token']}' \\")
        say("         -H 'Accept: application/taxii+json;version=2.1' \\")
        say(f"         {harbour['taxii']}all/collections/")
        say("And every verb works beside the running nodes:")
        say(f"    export ALLIED_PASSPHRASE_FILE={root / _PASSPHRASE}")
        say(f"    allied status --data {root / 'river'}")
        say(f"    allied person link --data {root / 'harbour'}")
        say("Ctrl-C ends it.")
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        if not as_json:
            say("Ending the three nodes.")
