"""Settings of a node, and where the passphrase of its keys comes from.

Settings come from `node.toml`, then the environment (`ALLIED_PORT`), then flags; the later
goes before the earlier. The passphrase is no setting: it comes from a file, a systemd
credential, the environment or a prompt, never from an argument, and is never shown.

Rules. An unknown name in `node.toml` is refused, with what was probably meant; a value that
is not of its kind is named, never repeated. Files are bounded before they are parsed.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from allied.adapters import disk
from allied.adapters.folder import toml
from allied.errors import ExhaustedError, MalformedError, Place, UsageError

ENVIRONMENT: Final = "ALLIED_"
FILE_LIMIT: Final = 64 * 1024
_PASSPHRASE_LIMIT: Final = 4 * 1024

Port = Annotated[int, Field(ge=0, le=65_535)]


class Settings(BaseSettings):
    """What an operator may choose.

    Attributes:
        host: the address that `serve` listens on.
        port: its port; 0 takes a free one.
        admin: "HOST:PORT" for metrics and health, or empty for none.
        database: the address of a PostgreSQL database, or empty for SQLite in the data folder; it
            may hold a password, so it is never shown.
        certificate: a file with the certificate of the proxy in front, whose end `doctor` watches;
            or empty.
        sync_seconds: how long a serving node waits before it asks its peers by itself.
        busy_seconds: how long a write waits for another process.
        stop_seconds: how long a server that is told to stop lets requests under way finish.
        log_level: from which level on something is logged.
        log_format: for people or for machines.
    """

    model_config = SettingsConfigDict(
        env_prefix=ENVIRONMENT, extra="forbid", frozen=True, hide_input_in_errors=True
    )

    host: str = "127.0.0.1"
    port: Port = 8811
    admin: str = ""
    database: Annotated[str, Field(repr=False, max_length=4_096)] = ""
    certificate: Annotated[str, Field(max_length=4_096)] = ""
    sync_seconds: Annotated[float, Field(gt=0, le=86_400)] = 30.0
    busy_seconds: Annotated[float, Field(gt=0, le=3_600)] = 15.0
    stop_seconds: Annotated[float, Field(gt=0, le=600)] = 3.0
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"

    @field_validator("database")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("postgresql://", "postgres://")):
            raise ValueError("it begins with postgresql://, or is empty for SQLite in the folder")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment; `load` puts the file behind them."""
        return (init_settings, env_settings)


def load(file: Path, flags: Mapping[str, object]) -> Settings:
    """Settings from `file`, the environment and `flags`.

    Args:
        file: `node.toml`; one that is not there says nothing.
        flags: what the command line gave, by name; None where a flag was not given.

    Raises:
        MalformedError: `settings.not-toml`, `settings.unknown`, `settings.too-long`.
        UsageError: `settings.value`, naming the setting and where it came from.
        ExhaustedError: `disk.failed`.
    """
    written = _written(file)
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}

    class Loaded(Settings):
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], *sources: Any, **named: Any
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            before = super().settings_customise_sources(settings_cls, *sources, **named)
            return (*before, InitSettingsSource(settings_cls, init_kwargs=written))

    try:
        loaded = Loaded(**given)
    except ValidationError as error:
        raise _bad_value(error, given, written, file) from None  # the cause holds the value
    return Settings.model_construct(**loaded.model_dump())


def without(raw: bytes, name: str) -> bytes:
    """The text of a settings file without one setting, however it is written there.

    Comments stay as far as lines can be left out; lines that mention the setting in a comment go
    too. What is not TOML comes to nothing.
    """
    try:
        found = tomllib.loads(raw.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        return b""
    found.pop(name, None)
    pattern = re.compile(rf"""\s*(?:#.*{name}|["']?{name}["']?\s*[.=])""".encode())
    lines = raw.splitlines(keepends=True)
    kept = b"".join(line for line in lines if not pattern.match(line))
    try:
        if tomllib.loads(kept.decode("utf-8")) == found:
            return kept
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        pass
    plain = {key: value for key, value in found.items() if isinstance(value, str | int | float)}
    return "".join(f"{key} = {toml(value)}\n" for key, value in plain.items()).encode()


def passphrase(
    file: Path | None,
    environ: Mapping[str, str],
    ask: Callable[[], str] | None = None,
) -> str:
    """The passphrase of the keys, from the first place that has one.

    In this order: `file` (from --passphrase-file), the file that ALLIED_PASSPHRASE_FILE
    names, the systemd credential `passphrase`, ALLIED_PASSPHRASE, then `ask`.

    Args:
        ask: prompts a person; None where there is no terminal.

    Raises:
        UsageError: `passphrase.none`, `passphrase.empty`, `passphrase.no-file`,
            `passphrase.too-long` or `passphrase.not-text`.
    """
    named = file or _path(environ.get("ALLIED_PASSPHRASE_FILE"))
    if named is not None:
        return _from_file(named)
    credentials = _path(environ.get("CREDENTIALS_DIRECTORY"))
    if credentials is not None and (credentials / "passphrase").is_file():
        return _from_file(credentials / "passphrase")
    found = environ.get("ALLIED_PASSPHRASE")
    if found is None and ask is not None:
        found = ask()
    if found is None:
        raise UsageError(
            "passphrase.none",
            "the keys of this node are locked and no passphrase was given",
            hint="use --passphrase-file, or set ALLIED_PASSPHRASE_FILE",
        )
    return _usable(found)


def _from_file(path: Path) -> str:
    try:
        raw = disk.read(path, limit=_PASSPHRASE_LIMIT, code="passphrase.too-long")
    except (FileNotFoundError, ExhaustedError) as error:
        raise UsageError(
            "passphrase.no-file", "the passphrase file cannot be read", hint="check its path"
        ) from error
    except MalformedError as error:
        raise _too_long() from error
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        # Without a cause: the codec's error carries the bytes.
        raise UsageError("passphrase.not-text", "the passphrase file is not UTF-8") from None
    return _usable(text.removesuffix("\n").removesuffix("\r"))


def _usable(found: str) -> str:
    if not found:
        raise UsageError(
            "passphrase.empty", "the passphrase is empty", hint="keys need a passphrase"
        )
    if len(found.encode("utf-8", "surrogatepass")) > _PASSPHRASE_LIMIT:
        raise _too_long()
    return found


def _too_long() -> UsageError:
    return UsageError(
        "passphrase.too-long",
        f"a passphrase has at most {_PASSPHRASE_LIMIT} bytes",
        facts={"limit": _PASSPHRASE_LIMIT},
    )


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None


def _written(file: Path) -> dict[str, Any]:
    """What `node.toml` says, every name known."""
    try:
        raw = disk.read(file, limit=FILE_LIMIT, code="settings.too-long")
    except FileNotFoundError:
        return {}
    text = raw.decode("utf-8", "replace")
    try:
        raw.decode("utf-8")
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MalformedError(
            "settings.not-toml",
            "this line is not TOML",
            hint='a setting is written like host = "127.0.0.1"',
            place=_place(file, text, str(error)),
        ) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise MalformedError("settings.not-toml", f"{file.name} is not TOML in UTF-8") from error
    for name in found:
        if name not in Settings.model_fields:
            close = difflib.get_close_matches(name, Settings.model_fields, n=1)
            raise MalformedError(
                "settings.unknown",
                f"{file.name} has a setting that is not known",
                hint=f"did you mean {close[0]}?" if close else "docs/reference lists all settings",
                facts={"known": sorted(Settings.model_fields)},
            )
    return found


def _place(file: Path, text: str, complaint: str) -> Place:
    """Where the parser stopped; its own sentence may repeat what stands there."""
    found = re.search(r"at line (\d+), column (\d+)", complaint)
    if found:
        return Place(file.name, int(found[1]), int(found[2]))
    before, _, last = text.rpartition("\n")
    return Place(file.name, before.count("\n") + bool(before) + 1, len(last) + 1)


def _bad_value(
    error: ValidationError,
    given: Mapping[str, object],
    written: Mapping[str, object],
    file: Path,
) -> UsageError:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = str(problem["loc"][0]) if problem["loc"] else "a setting"
    if name in given:
        where = f"--{name.replace('_', '-')}"
    elif name in written and not any(
        key.upper() == f"{ENVIRONMENT}{name.upper()}" for key in os.environ
    ):
        where = f"{name} in {file.name}"
    else:
        where = f"{ENVIRONMENT}{name.upper()} in the environment"
    return UsageError(
        "settings.value",
        f"{where} is not usable: {problem['msg']}",
        hint="leave it out to get the default",
        facts={"setting": name},
    )
