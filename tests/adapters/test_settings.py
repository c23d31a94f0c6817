"""Settings and the passphrase: which place goes before which, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from allied.adapters.settings import Settings, load, passphrase, without
from allied.errors import AlliedError, MalformedError, UsageError


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"ALLIED_{name.upper()}", raising=False)


@pytest.mark.parametrize(
    ("written", "environ", "flags", "port"),
    [
        pytest.param("", {}, {}, 8811, id="nothing is said"),
        pytest.param("port = 1", {}, {}, 1, id="the file"),
        pytest.param("port = 1", {"ALLIED_PORT": "2"}, {}, 2, id="the environment goes before"),
        pytest.param(
            "port = 1", {"ALLIED_PORT": "2"}, {"port": 3}, 3, id="a flag goes before both"
        ),
        pytest.param("port = 1", {}, {"port": None}, 1, id="a flag that was not given"),
        pytest.param("", {"allied_port": "2"}, {}, 2, id="small letters"),
        pytest.param("", {"ALLIED_DATA": "/d", "ALLIED_PASSPHRASE": "x"}, {}, 8811, id="others"),
    ],
)
def test_the_later_place_goes_before_the_earlier(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    written: str,
    environ: dict[str, str],
    flags: dict[str, object],
    port: int,
) -> None:
    (tmp_path / "node.toml").write_text(written)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert load(tmp_path / "node.toml", flags).port == port


def test_a_folder_without_settings_has_the_defaults(tmp_path: Path) -> None:
    found = load(tmp_path / "node.toml", {})
    assert found.host == "127.0.0.1", "reachable from this machine only, unless asked for"
    assert found.admin == ""
    assert found == load(tmp_path / "node.toml", {"host": None})


@pytest.mark.parametrize(
    ("raw", "code", "shown"),
    [
        pytest.param(b"prot = 1", "settings.unknown", "did you mean port?", id="misspelled"),
        pytest.param(b"xyzzy = 1", "settings.unknown", "", id="unknown"),
        pytest.param(b"port = ", "settings.not-toml", "node.toml:1:", id="no value"),
        pytest.param(b"host = \xff", "settings.not-toml", "", id="not UTF-8"),
        pytest.param(b"# " + b"x" * 70_000, "settings.too-long", "", id="too long"),
        pytest.param(b"a = " + b"[" * 5_000, "settings.not-toml", "", id="nested"),
        pytest.param(b"port = 'sesame'", "settings.value", "port in node.toml", id="no number"),
        pytest.param(b"port = 65536", "settings.value", "port in node.toml", id="too high"),
        pytest.param(b"sync_seconds = 0", "settings.value", "sync_seconds", id="never syncs"),
        pytest.param(b"log_level = 'sesame'", "settings.value", "log_level", id="no level"),
        pytest.param(
            b"database = 'mysql://u:sesame@h/d'", "settings.value", "database", id="unknown product"
        ),
    ],
)
def test_what_cannot_be_used_is_named_and_not_repeated(
    tmp_path: Path, raw: bytes, code: str, shown: str
) -> None:
    (tmp_path / "node.toml").write_bytes(raw)
    with pytest.raises(AlliedError) as refusal:
        load(tmp_path / "node.toml", {})
    assert refusal.value.code == code
    said = f"{refusal.value} {refusal.value.hint} {refusal.value.facts}"
    assert shown in said
    assert "sesame" not in said
    assert "sesame" not in repr(refusal.value.__cause__)


@pytest.mark.parametrize(
    ("environ", "flags", "shown"),
    [
        pytest.param({"ALLIED_PORT": "sesame"}, {}, "ALLIED_PORT", id="the environment"),
        pytest.param({}, {"sync_seconds": -1}, "--sync-seconds", id="a flag"),
    ],
)
def test_a_refusal_says_where_the_value_came_from(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environ: dict[str, str],
    flags: dict[str, object],
    shown: str,
) -> None:
    (tmp_path / "node.toml").write_text("port = 1")
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError) as refusal:
        load(tmp_path / "node.toml", flags)
    assert shown in refusal.value.message
    assert "sesame" not in refusal.value.message


# --- the passphrase ---------------------------------------------------------------------


@pytest.fixture
def places(tmp_path: Path) -> Path:
    (tmp_path / "flag").write_text("from the flag\n")
    (tmp_path / "named").write_text("from the named file\r\n")
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "passphrase").write_text("from systemd")
    return tmp_path


EVERYWHERE = {
    "ALLIED_PASSPHRASE_FILE": "named",
    "CREDENTIALS_DIRECTORY": "credentials",
    "ALLIED_PASSPHRASE": "from the environment",
}


@pytest.mark.parametrize(
    ("flag", "without", "found"),
    [
        pytest.param(True, 0, "from the flag", id="--passphrase-file"),
        pytest.param(False, 0, "from the named file", id="ALLIED_PASSPHRASE_FILE"),
        pytest.param(False, 1, "from systemd", id="a systemd credential"),
        pytest.param(False, 2, "from the environment", id="ALLIED_PASSPHRASE"),
        pytest.param(False, 3, "from the prompt", id="a prompt"),
    ],
)
def test_the_first_place_that_has_a_passphrase_counts(
    places: Path, flag: bool, without: int, found: str
) -> None:
    environ = dict(list(EVERYWHERE.items())[without:])
    for name in ("ALLIED_PASSPHRASE_FILE", "CREDENTIALS_DIRECTORY"):
        if name in environ:
            environ[name] = str(places / environ[name])
    file = places / "flag" if flag else None
    assert passphrase(file, environ, lambda: "from the prompt") == found


def test_credentials_without_a_passphrase_are_passed_over(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "ALLIED_PASSPHRASE": "p"}
    assert passphrase(None, environ) == "p"


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        pytest.param(b"p\n", "p", id="a line"),
        pytest.param(b"p\r\n", "p", id="a line from elsewhere"),
        pytest.param(b" p \n", " p ", id="spaces are kept"),
        pytest.param(b"p\n\n", "p\n", id="one line break is taken off, no more"),
        pytest.param("ä".encode(), "ä", id="letters of any kind"),
        pytest.param(b"p" * 4096, "p" * 4096, id="as long as may be"),
        pytest.param(b"p" * 4097, "passphrase.too-long", id="longer"),
        pytest.param(b"", "passphrase.empty", id="empty"),
        pytest.param(b"\n", "passphrase.empty", id="an empty line"),
        pytest.param(b"\xff\xfe", "passphrase.not-text", id="not UTF-8"),
    ],
)
def test_what_a_passphrase_file_may_hold(tmp_path: Path, raw: bytes, found: str) -> None:
    (tmp_path / "p").write_bytes(raw)
    if not found.startswith("passphrase."):
        assert passphrase(tmp_path / "p", {}) == found
        return
    with pytest.raises(UsageError) as refusal:
        passphrase(tmp_path / "p", {})
    assert refusal.value.code == found


@pytest.mark.parametrize(
    ("environ", "code"),
    [
        pytest.param({}, "passphrase.none", id="nowhere, and nobody to ask"),
        pytest.param({"ALLIED_PASSPHRASE": ""}, "passphrase.empty", id="empty"),
        pytest.param({"ALLIED_PASSPHRASE": "p" * 4097}, "passphrase.too-long", id="too long"),
        pytest.param(
            {"ALLIED_PASSPHRASE_FILE": "missing", "ALLIED_PASSPHRASE": "p"},
            "passphrase.no-file",
            id="a file that is not there is not passed over",
        ),
    ],
)
def test_without_a_passphrase_nothing_is_guessed(
    tmp_path: Path, environ: dict[str, str], code: str
) -> None:
    if "ALLIED_PASSPHRASE_FILE" in environ:
        environ = environ | {"ALLIED_PASSPHRASE_FILE": str(tmp_path / "missing")}
    with pytest.raises(UsageError) as refusal:
        passphrase(None, environ)
    assert refusal.value.code == code


def test_a_prompt_that_is_left_empty_is_refused() -> None:
    with pytest.raises(UsageError) as refusal:
        passphrase(None, {}, lambda: "")
    assert refusal.value.code == "passphrase.empty"
    assert not isinstance(refusal.value, MalformedError)


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        pytest.param(b"port = 1\n# ours\n", b"port = 1\n# ours\n", id="it is not there"),
        pytest.param(b'port = 1\ndatabase = "x"\n', b"port = 1\n", id="a line"),
        pytest.param(b'  "database"="x"\nport = 1\n', b"port = 1\n", id="quoted and indented"),
        pytest.param(b"'database' = 'x'\nport = 1", b"port = 1", id="quoted once"),
        pytest.param(b'"data\\u0062ase" = "x"\nport = 1\n', b"port = 1\n", id="spelled out"),
        pytest.param(b'port = 1\ndatabase = """\nx\n"""\n', b"port = 1\n", id="of many lines"),
        pytest.param(b'port = 1\n[database]\nurl = "x"\n', b"port = 1\n", id="a table"),
        pytest.param(b'database.url = "x"\nport = 1\n', b"port = 1\n", id="dotted"),
        pytest.param(b'# database = "x"\nport = 1\n', b"port = 1\n", id="in a comment"),
        pytest.param(b'host = """\n# database\n"""\n', b'host = "# database\\n"\n', id="in a text"),
        pytest.param(b"database = ", b"", id="not TOML"),
    ],
)
def test_a_setting_is_left_out_however_it_is_written(raw: bytes, left: bytes) -> None:
    assert without(raw, "database") == left
