"""Room on the side: the file keeps what the memory keeps, and leaves nothing behind."""

from __future__ import annotations

import resource
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from allied.adapters import scratch
from allied.adapters.scratch import file_scratch
from allied.errors import ExhaustedError
from allied.exchange.scratch import MemoryScratch

tables = st.sampled_from(["notes", "companions"])
names = st.binary(min_size=1, max_size=3)
steps = st.lists(st.tuples(tables, names, st.binary(max_size=40)), max_size=60)


@given(steps, st.integers(0, 400))
def test_a_file_gives_back_what_memory_gives_back(
    puts: list[tuple[str, bytes, bytes]], kept_in_memory: int
) -> None:
    memory = MemoryScratch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scratch, "_LATEST_BYTES", kept_in_memory)
        patch.setattr(scratch, "_SEEN_BITS", 8)  # so that keys are taken for one another
        with file_scratch(Path(tempfile.gettempdir())) as file:
            for table, name, content in puts:
                memory.put(table, name, content)
                file.put(table, name, content)
                assert file.get(table, name) == content
            for table in ("notes", "companions", "never used"):
                assert list(file.items(table)) == list(memory.items(table))
            for table, name, _ in puts:
                assert file.get(table, name) == memory.get(table, name)


def test_what_was_never_put_is_not_there(tmp_path: Path) -> None:
    with file_scratch(tmp_path) as file:
        file.put("notes", b"a", b"1")
        assert file.get("notes", b"a") == b"1"  # the twin that is there
        assert file.get("notes", b"b") is None
        assert file.get("companions", b"a") is None


def test_what_fits_into_memory_never_touches_the_disk(tmp_path: Path) -> None:
    with file_scratch(tmp_path) as file:
        file.put("notes", b"a", b"1")
        assert list(file.items("notes")) == [(b"a", b"1")]
        assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_LATEST_BYTES", 0)
    with file_scratch(tmp_path) as file:
        file.put("notes", b"a", b"1")
        assert list(tmp_path.iterdir())  # the twin: while it is open there is something
    assert list(tmp_path.iterdir()) == []


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_what_is_appended_comes_in_order(values: list[bytes]) -> None:
    memory = MemoryScratch()
    with file_scratch(Path(tempfile.gettempdir())) as file:
        file.put("notes", b"a", b"1")
        for value in values:
            memory.append(value)
            file.append(value)
        assert list(file.appended()) == list(memory.appended()) == values
        assert list(file.appended()) == values, "as often as asked for"


def test_what_is_appended_has_no_name_on_the_disk(tmp_path: Path) -> None:
    with file_scratch(tmp_path) as file:
        file.append(b"a" * 3_000_000)
        assert [len(each) for each in file.appended()] == [3_000_000]
        assert list(tmp_path.iterdir()) == []


def test_where_there_is_no_room_for_what_is_appended_that_is_said(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with file_scratch(tmp_path) as file:
        file.append(b"a" * 1_000)  # the twin: that much fits
        resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, before[1]))
        try:
            with pytest.raises(ExhaustedError) as refusal:
                file.append(b"a" * 10_000)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert refusal.value.code == "disk.full"
