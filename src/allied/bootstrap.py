"""Puts a node together: settings read once, adapters built, a `Node` returned.

Imported by the entrypoints' mains and by nothing else; here, and only here, entrypoints and
adapters meet.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from allied import __version__
from allied.adapters import backups, moving
from allied.adapters.backup import Lockable, Opener, new_recipient, recipient_secret
from allied.adapters.bundles import source
from allied.adapters.certificate import certificate_ends
from allied.adapters.clock import SystemChance, SystemClock
from allied.adapters.folder import DataFolder, default_root
from allied.adapters.outgoing import Outgoing
from allied.adapters.peers import HttpPeers
from allied.adapters.scratch import file_scratch
from allied.adapters.sealed import RFC_9106
from allied.adapters.settings import Settings, load, passphrase as passphrase_from
from allied.adapters.sql import (
    SqlStore,
    open_postgres,
    open_store,
    postgres_fellows,
    require_empty_postgres,
    require_no_password,
)
from allied.adapters.taxii import HttpServers
from allied.adapters.vault import FileVault
from allied.errors import AlliedError, ConflictError, NotFoundError, UsageError
from allied.node.checkups import LAST_BACKUP, Around, Certificate
from allied.node.fellows import Alone, Fellows
from allied.node.integrity import Whole, check
from allied.node.node import Node
from allied.node.resuming import Resumed, resume
from allied.record.descriptor import read as read_descriptor

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from allied.adapters.sealed import Hardness
    from allied.exchange.examining import Examiner
    from allied.node.ports import Chance, Clock, Reading
    from allied.node.post import Letter, MailServer
    from allied.record.ids import AgreementId, KeyId, OrganisationId

TEMPLATES = "allied.agreement"


class Wakening:
    """The notifier of one process: wakes whoever waits for something to have changed."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def changed(self, agreement: AgreementId | None) -> None:  # noqa: ARG002 - content-free
        """Wake the waiter."""
        self._event.set()

    def wait(self, seconds: float) -> bool:
        """Wait until something changed, at most so long; whether something did."""
        woken = self._event.wait(seconds)
        self._event.clear()
        return woken


@dataclass(frozen=True, slots=True)
class Opened:
    """A node with what its server needs besides the ports."""

    node: Node
    store: SqlStore
    folder: DataFolder
    settings: Settings
    wakening: Wakening
    fellows: Fellows


def folder_at(root: Path | None) -> DataFolder:
    """The data folder: the one named, or the default of the environment and platform."""
    return DataFolder(root if root is not None else default_root(os.environ))


def create_node(root: Path | None, *, database: str = "") -> Node:
    """Make a data folder and its database; one that exists is opened.

    Args:
        database: the address of a PostgreSQL database, which exists; it is written into
            `node.toml`. Empty: what the settings say, SQLite if they say nothing.

    Raises:
        UsageError: `store.password-shown`, `store.named-elsewhere`, `store.address`.
        ConflictError: `store.another-node`, `store.two-databases`.
    """
    folder = folder_at(root)
    if database:
        require_no_password(database)
        if folder.settings.exists() and load(folder.settings, {}).database != database:
            raise UsageError(
                "store.named-elsewhere",
                "this folder has a node.toml already, which does not name this database",
                hint="write `database` into it, and leave --database out",
            )
    folder.create()
    settings = load(folder.settings, {"database": database or None})
    node = assemble(folder, settings, makes=True).node
    folder.write_settings({"database": database} if database else {})
    return node


def open_node(root: Path | None, *, flags: Mapping[str, object] | None = None) -> Node:
    """Open the node in a data folder.

    Raises:
        NotFoundError: `node.no-folder`, there is no node in that folder.
    """
    return open_all(root, flags=flags).node


def open_all(
    root: Path | None, *, flags: Mapping[str, object] | None = None, clock: Clock | None = None
) -> Opened:
    """As `open_node`, with folder and settings."""
    folder = folder_at(root)
    if not folder.exists():
        raise NotFoundError(
            "node.no-folder",
            "there is no node in this folder",
            hint="start with `allied init`, or name the folder with --data",
        )
    return assemble(folder, load(folder.settings, flags or {}), clock=clock)


def assemble(
    folder: DataFolder,
    settings: Settings,
    *,
    clock: Clock | None = None,
    hardness: Hardness | None = None,
    makes: bool = False,
) -> Opened:
    """Build the adapters over a folder; tests may bring their own clock and cheaper keys.

    Args:
        makes: a folder that has no database yet may take an empty one for its own.

    Raises:
        UsageError: `store.not-named`, the folder's database is on a server, and none is named.
        ConflictError: `store.another-node`, `store.two-databases`.
    """
    clock, chance, wakening = clock or SystemClock(), SystemChance(), Wakening()
    store = _store(folder, settings, clock, chance, makes=makes)
    busy = settings.busy_seconds
    fellows: Fellows = Alone()
    if settings.database:
        fellows = postgres_fellows(settings.database, wait_seconds=busy)
    vault = FileVault(
        folder.keys,
        chance=chance,
        named=lambda organisation: _present_keys(store, organisation),
        guard=lambda: _require_fence(folder, store, settings),
        **({} if hardness is None else {"hardness": hardness}),
    )
    outgoing = Outgoing()
    node = Node(
        store=store,
        vault=vault,
        clock=clock,
        chance=chance,
        peers=HttpPeers(outgoing, clock, chance),
        notifier=wakening,
        scratch=lambda: file_scratch(folder.root),
        examiner=_examiner,
        servers=HttpServers(outgoing),
        post=_Post(),
    )
    return Opened(node, store, folder, settings, wakening, fellows)


class _Post:
    """Hands letters in; SMTP is loaded when there is one."""

    def send(self, server: MailServer, letter: Letter) -> None:
        """See `post.Post.send`."""
        from allied.adapters.mail import SmtpPost

        SmtpPost().send(server, letter)


def _examiner() -> AbstractContextManager[Examiner]:
    """Who looks at the objects of a bundle; loaded when there is one."""
    from allied.adapters.examiners import helped

    return helped()


def _store(
    folder: DataFolder, settings: Settings, clock: Clock, chance: Chance, *, makes: bool
) -> SqlStore:
    """The database of a folder: the file in it, or the one on a server that it is bound to."""
    bound = folder.bound_to()
    if not settings.database:
        if bound:
            raise UsageError(
                "store.not-named",
                "this node keeps what it knows in a PostgreSQL database, and none is named",
                hint="name it in node.toml (`database`) or in ALLIED_DATABASE",
            )
        return open_store(
            folder.database,
            clock=clock,
            chance=chance,
            backups=folder.backups,
            fence=folder.fence,
            busy_seconds=settings.busy_seconds,
        )
    if folder.database.exists() and not bound:
        raise ConflictError(
            "store.two-databases",
            "this node keeps what it knows in its folder, and the settings name another database",
            hint="leave `database` empty, or take the node there with `allied backup move`",
        )
    store = open_postgres(
        settings.database, chance=chance, fence=folder.fence, busy_seconds=settings.busy_seconds
    )
    try:
        _bind(folder, store, bound, makes=makes)
    except BaseException:
        store.close()
        raise
    return store


def _bind(folder: DataFolder, store: SqlStore, bound: str, *, makes: bool) -> None:
    """Let folder and database belong together, or refuse: keys here, what they signed there."""
    name = store.account().name
    if bound == name:
        return
    with store.read() as reading:
        is_empty = not reading.organisations()
    if bound or not (makes and is_empty):
        raise ConflictError(
            "store.another-node",
            "the database belongs to another node than this data folder",
            hint="name this node's own database; a further server of one node gets a copy of its"
            " data folder",
        )
    folder.bind(name)


def _present_keys(store: SqlStore, organisation: OrganisationId) -> Mapping[str, KeyId]:
    """The ids of an organisation's keys by purpose, as its chain names them now."""
    with store.read() as reading:
        chain = reading.descriptors(organisation)
    if not chain:
        return {}
    latest, _ = read_descriptor(chain[-1])
    return {purpose: held.public.key_id for purpose, held in latest.keys.items()}


def require_fence(opened: Opened) -> None:
    """Refuse to sign on a database that is older than what was signed; see `Fence`.

    Keys are not unlocked before this was asked. Where others sign on the same database too,
    with a folder of their own, this folder's fence learns here how far they are.
    """
    _require_fence(opened.folder, opened.store, opened.settings)


def _require_fence(folder: DataFolder, store: SqlStore, settings: Settings) -> None:
    with store.read() as reading:
        restored = reading.cursor(backups.RESTORED)
    folder.require_not_restored(in_database=bool(restored))
    appended = store.appended()
    folder.fence.require_current(appended)
    if settings.database:
        folder.fence.remember(appended)


# --- backups ------------------------------------------------------------------------------


def create_backup(
    root: Path | None,
    path: Path,
    lockable: Lockable,
    *,
    keys: Path | None = None,
    online: bool = False,
    hardness: Hardness = RFC_9106,
) -> Mapping[str, Any]:
    """Write a backup of a node, and remember in the node when.

    Args:
        keys: where to write the sealed keys, apart; None for no keys.
        online: also while a server serves the folder.

    Raises:
        ConflictError: `backup.exists`, `node.already-serving`.
    """
    opened = open_all(root)
    chance, at = SystemChance(), SystemClock().now()
    together = online or bool(opened.settings.database)
    try:
        with nullcontext() if online else opened.folder.serving(together=together):
            with opened.store.read() as reading:
                about = _about(reading, at)
            made = backups.create(
                opened.folder, opened.store, path, lockable, chance, about,
                keys=keys, hardness=hardness,
            )  # fmt: skip
            with opened.store.write() as writing:
                writing.set_cursor(LAST_BACKUP, at.isoformat())
    finally:
        opened.node.close()
    return {**about, "bytes": made.size, "keys_bytes": made.keys_size}


def _about(reading: Reading, at: datetime) -> Mapping[str, Any]:
    """What a backup says of itself."""
    appended = reading.appended()
    return {
        "made_at": at.isoformat(timespec="seconds"),
        "release": __version__,
        "organisations": [
            {
                "id": each.label,
                "organisation": each.id,
                "descriptors": len(reading.descriptors(each.id)),
                "incarnation": each.incarnation,
                "signed": appended[each.id],
            }
            for each in reading.organisations()
        ],
    }


def verify_backup(path: Path, opener: Opener) -> tuple[Mapping[str, Any], Whole]:
    """Open a backup in a folder that is gone afterwards, and check all that is in it."""
    with tempfile.TemporaryDirectory(prefix="allied-") as name:
        folder = DataFolder(Path(name))
        about = backups.unpack(path, opener, folder.root, SystemChance())
        opened = assemble(folder, Settings(database=""))
        try:
            return about, check(opened.node)
        finally:
            opened.node.close()


def restore_backup(
    path: Path, opener: Opener, into: Path, *, keys: Path | None = None, database: str = ""
) -> tuple[Mapping[str, Any], Mapping[str, int]]:
    """Make a new data folder out of a backup; see `allied.adapters.backups.restore`.

    Args:
        database: an empty PostgreSQL database to hold it. Empty: what the environment says.

    Returns:
        What the backup says of itself, and how many rows each table has on the server.

    Raises:
        UsageError: `store.password-shown`, `store.address`.
        ConflictError: `backup.folder-not-empty`, `store.not-empty`.
    """
    chance, at = SystemChance(), SystemClock().now()
    settings = _going_to(Path(os.devnull), database)
    if settings.database:
        require_empty_postgres(settings.database, busy_seconds=settings.busy_seconds)
    rows: dict[str, int] = {}

    def settle(folder: DataFolder) -> None:
        assemble(folder, Settings(database="")).node.close()  # brought to the present form
        if settings.database:
            rows.update(moving.settle(folder, settings, chance, names_it=bool(database)))

    about = backups.restore(path, opener, DataFolder(into), chance, at, keys=keys, settle=settle)
    return about, rows


def move_node(root: Path | None, *, database: str = "") -> Mapping[str, int]:
    """Take a node from its folder to PostgreSQL; see `allied.adapters.moving`.

    Args:
        database: an empty database. Empty: what the settings say.

    Raises:
        UsageError: `store.password-shown`, `store.address`.
        ConflictError: `move.not-in-folder`, `node.already-serving`; as `require_fence`.
    """
    folder = folder_at(root)
    settings = _going_to(folder.settings, database)
    moving.require_possible(folder, settings)
    opened = open_all(root, flags={"database": ""})
    try:
        with folder.serving():
            require_fence(opened)
            opened.node.close()
            return moving.move(
                folder, settings, SystemChance(), SystemClock().now(), names_it=bool(database)
            )
    finally:
        opened.node.close()


def _going_to(file: Path, database: str) -> Settings:
    """The settings, with the database that was named on the command line, if one was."""
    if database:
        require_no_password(database)
    return load(file, {"database": database or None})


def backup_key(path: Path) -> str:
    """Write what opens backups made for it; its public part. See `adapters.backup`."""
    return new_recipient(path, SystemChance())


def backup_opener(passphrase: Callable[[], str], secret: Path | None) -> Opener:
    """What opens a backup: the file of a recipient, or else a passphrase that is asked for."""
    return Opener(secret=recipient_secret(secret)) if secret else Opener(passphrase())


def backup_lockable(passphrase: Callable[[], str], recipient: str) -> Lockable:
    """Who may open a new backup: a recipient by its public part, or else a passphrase.

    Raises:
        UsageError: `backup.recipient`.
    """
    if not recipient:
        return Lockable(passphrase())
    try:
        raw = bytes.fromhex(recipient)
    except ValueError:
        raw = b""
    return Lockable(recipient=raw or b"?")


def backup_passphrase(file: Path | None, ask: Callable[[], str]) -> str:
    """The passphrase of backups, which is another than that of the keys.

    From `file`, ALLIED_BACKUP_PASSPHRASE_FILE, ALLIED_BACKUP_PASSPHRASE, or asked for.
    """
    named = {
        name.replace("_BACKUP", ""): value
        for name, value in os.environ.items()
        if name in {"ALLIED_BACKUP_PASSPHRASE", "ALLIED_BACKUP_PASSPHRASE_FILE"}
    }
    return passphrase_from(file, named, ask)


def resume_node(
    root: Path | None,
    passphrase: Callable[[], str],
    *,
    recovery: Sequence[Path] = (),
    without_unreached: bool = False,
) -> Sequence[Resumed]:
    """Let a node that was put back from a backup go on; see `allied.node.resuming`.

    Raises:
        ConflictError: `resume.not-needed`; as `resuming.resume`.
    """
    opened = open_all(root)
    node, folder = opened.node, opened.folder
    try:
        with folder.serving(together=bool(opened.settings.database)):
            _require_behind(opened)
            secret = passphrase()
            done = resume(
                node,
                node.vault.unlock(secret, unguarded=True),
                fence=folder.fence.numbered(),
                recovery=[str(each) for each in recovery],
                passphrase=secret,
                without_unreached=without_unreached,
            )
            folder.fence.require_current(opened.store.appended())
            with opened.store.write() as writing:
                writing.set_cursor(backups.RESTORED, "")
            folder.restored.unlink(missing_ok=True)
            return done
    finally:
        node.close()


def _require_behind(opened: Opened) -> None:
    """Return if nothing may be signed on this database as it is."""
    try:
        require_fence(opened)
    except ConflictError:
        return
    raise ConflictError(
        "resume.not-needed",
        "this node was not put back from a copy; it can sign as it is",
        hint="`allied serve`",
    )


def around(root: Path | None) -> Around:
    """What this machine says of a data folder, for `doctor`."""
    opened = open_all(root)
    try:
        blocked = ""
        try:
            require_fence(opened)
        except AlliedError as refused:
            blocked = refused.code
    finally:
        opened.node.close()
    place = opened.folder.root.resolve()
    files = sorted(each.name for each in place.parent.glob(f"{place.name}-recovery-*.txt"))
    return Around(disk_free(root), tuple(files), _watched(opened.settings), blocked)


def _watched(settings: Settings) -> Certificate | None:
    """The certificate that the settings name, and when it ends."""
    if not settings.certificate:
        return None
    path = Path(settings.certificate)
    return Certificate(path.name, certificate_ends(path))


def find_passphrase(file: Path | None, ask: Callable[[], str]) -> str:
    """The passphrase of the keys, from the first place that has one."""
    return passphrase_from(file, os.environ, ask)


def disk_free(root: Path | None) -> int:
    """Bytes free where the data folder lies."""
    return shutil.disk_usage(folder_at(root).root).free


def listening_at(root: Path | None) -> str:
    """Where `serve` would listen with the settings of a data folder, as a URL."""
    settings = load(folder_at(root).settings, {})
    return f"http://{settings.host}:{settings.port}"


def bundle_source(file: Path, limit: int) -> Callable[[], Iterator[bytes]]:
    """A bundle file, plain or gzip, as something that can be read from its start again."""
    return source(file, limit=limit)


def pdf_of(document: dict[str, Any]) -> bytes:
    """A document as PDF/A; see `adapters.pdf.typeset`, which is loaded only when it is asked for.

    Raises:
        UsageError: `pdf.not-installed`.
        MalformedError: `pdf.too-large`, `pdf.no-letters`.
    """
    from allied.adapters.pdf import typeset

    return typeset(document)


def template_names() -> list[str]:
    """The templates of `allied agreement new`, in the order of the alphabet."""
    folder = resources.files(TEMPLATES) / "templates"
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml") and entry.name != "demo.yaml"
    )


def template_text(name: str) -> str:
    """A template of `allied agreement new`.

    Raises:
        NotFoundError: `agreement.no-template`, naming those there are.
    """
    names = template_names()
    if name not in names:
        raise NotFoundError(
            "agreement.no-template",
            "there is no template of that name",
            hint=f"there is: {', '.join(names)}",
        )
    folder = resources.files(TEMPLATES) / "templates"
    return (folder / f"{name}.yaml").read_text(encoding="utf-8")


def present() -> datetime:
    """The present, for verbs that ask files and no node."""
    return SystemClock().now()
