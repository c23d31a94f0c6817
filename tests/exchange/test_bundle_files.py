"""Bundle files on disk: plain or compressed, whole or damaged, bounded in any case."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import pytest

from allied.adapters.bundles import chunks, source
from allied.errors import AlliedError, MalformedError
from allied.exchange.bundle import Found, scan
from tests.exchange.samples import bundle, indicator, malware

TEXT = bundle(indicator(), malware())


def written(folder: Path, content: bytes, name: str = "bundle.json") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(TEXT, id="plain"),
        pytest.param(gzip.compress(TEXT), id="compressed, whatever the name says"),
        pytest.param(gzip.compress(TEXT[:90]) + gzip.compress(TEXT[90:]), id="in two members"),
    ],
)
def test_a_file_is_read_and_can_be_read_again(tmp_path: Path, content: bytes) -> None:
    again = source(written(tmp_path, content))

    assert b"".join(again()) == TEXT
    assert [type(each) for each in scan(again())] == [Found, Found]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(gzip.compress(TEXT)[:-20], "bundle.bad-gzip", id="breaks off"),
        pytest.param(gzip.compress(TEXT)[:-4] + b"\0\0\0\0", "bundle.bad-gzip", id="wrong length"),
        pytest.param(gzip.compress(TEXT) + b"tail", "bundle.bad-gzip", id="something behind it"),
        pytest.param(b"\x1f\x8b" + b"x" * 50, "bundle.bad-gzip", id="only looks like it"),
    ],
)
def test_damaged_compression_is_said(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(MalformedError) as refusal:
        list(chunks(written(tmp_path, content)))
    assert refusal.value.code == code


def test_what_came_before_the_damage_is_given_out(tmp_path: Path) -> None:
    many = bundle(*(indicator(number) for number in range(1, 5000)))
    path = written(tmp_path, gzip.compress(many)[:-2000])
    found = []

    with pytest.raises(MalformedError):  # noqa: PT012  # what came before is what counts
        for each in scan(chunks(path)):
            found.append(each)  # noqa: PERF402
    assert len(found) > 1000


def test_a_small_file_cannot_become_a_large_one(tmp_path: Path) -> None:
    bomb = written(tmp_path, gzip.compress(b'{"a":"' + b"x" * (64 << 20), 9))
    assert bomb.stat().st_size < 100_000

    tracemalloc.start()
    with pytest.raises(MalformedError) as refusal:
        for _ in chunks(bomb, limit=32 << 20):
            pass
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert refusal.value.code == "stix.too-big"
    assert most < 4 << 20


def test_the_limit_itself_is_allowed(tmp_path: Path) -> None:
    path = written(tmp_path, TEXT)

    assert b"".join(chunks(path, limit=len(TEXT))) == TEXT
    with pytest.raises(MalformedError):
        list(chunks(path, limit=len(TEXT) - 1))


def test_what_is_no_file_is_said(tmp_path: Path) -> None:
    for path, code in ((tmp_path / "none", "bundle.no-such-file"), (tmp_path, "bundle.not-a-file")):
        with pytest.raises(AlliedError) as refusal:
            list(chunks(path))
        assert refusal.value.code == code
