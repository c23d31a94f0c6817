"""Generated intelligence is the same for a seed, valid, closed, and written as it is made."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import json
import statistics
import tracemalloc
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import stix2
from hypothesis import given, settings, strategies as st

from allied.exchange import stix, validity
from bench import intel


def parsed(total: int, seed: int = 7) -> list[dict[str, Any]]:
    return [json.loads(each) for each in intel.objects(total, seed)]


@given(total=st.integers(intel.FEWEST_OBJECTS, 300), seed=st.integers(0, 2**32))
@settings(max_examples=10)
def test_a_seed_and_a_number_give_one_bundle(total: int, seed: int) -> None:
    once, again = list(intel.objects(total, seed)), list(intel.objects(total, seed))
    assert once == again
    assert len(once) == total


def test_another_seed_gives_another_bundle() -> None:
    ids = [{each["id"] for each in parsed(200, seed)} for seed in (7, 8)]
    assert ids[0] & ids[1] == set(intel.TLP.values())


def test_a_bundle_stays_what_it_was_when_it_was_measured() -> None:
    """Figures of different days compare only if the bytes are the same."""
    digest = hashlib.sha256(b"\n".join(intel.objects(500, 7))).hexdigest()
    assert digest == "e0b191aa8ac7466d8ce632fef84246b7631a3aa01925aecd9aabc5795fd788df"


@pytest.mark.parametrize("name", ["bundle.json", "bundle.json.gz"])
def test_a_file_is_a_bundle_and_the_same_each_time(tmp_path: Path, name: str) -> None:
    first, second = tmp_path / name, tmp_path / f"again-{name}"
    size = intel.write(first, 100, 3)
    intel.write(second, 100, 3)
    assert first.read_bytes() == second.read_bytes()
    raw = gzip.decompress(first.read_bytes()) if name.endswith(".gz") else first.read_bytes()
    assert len(raw) == size
    bundle = json.loads(raw)
    assert bundle["objects"] == parsed(100, 3)
    assert stix2.parse(bundle, version="2.1", allow_custom=True).id == bundle["id"]


@pytest.mark.parametrize("seed", [1, 7])
def test_two_hundred_objects_are_valid(seed: int) -> None:
    """Each by itself; types and properties of ATT&CK's own are custom, as they are there."""
    objects = parsed(2000, seed)
    step = len(objects) // 200
    sample = objects[::step][:194] + objects[-6:]
    assert len({each["type"] for each in sample}) >= 8
    for each in sample:
        assert stix2.parse(each, version="2.1", allow_custom=True)["id"] == each["id"]


def test_every_reference_has_its_target_and_no_relationship_is_a_loop() -> None:
    objects = parsed(3000)
    ids = {each["id"] for each in objects}
    assert len(ids) == len(objects)
    for each in objects:
        for name, value in each.items():
            if name.endswith("_ref"):
                assert value in ids, name
            elif name.endswith("_refs"):
                assert set(value) <= ids, name
        if each["type"] == "relationship":
            assert each["source_ref"] != each["target_ref"]


def test_the_mix_of_types_is_that_of_attack() -> None:
    held = Counter(each["type"] for each in parsed(6000))
    for kind, mix in intel.MIX.items():
        assert held[kind] == pytest.approx(6000 * mix.share / 2145, abs=12), kind


@pytest.mark.parametrize("kind", ["relationship", "attack-pattern", "malware"])
def test_sizes_follow_the_measured_quantiles(kind: str) -> None:
    sizes = sorted(
        len(raw) for raw in intel.objects(12_000) if raw.startswith(b'{"type":"%b"' % kind.encode())
    )
    assert statistics.median(sizes) == pytest.approx(intel.MIX[kind].sizes[3], rel=0.06)
    assert sizes[int(len(sizes) * 0.9)] == pytest.approx(intel.MIX[kind].sizes[5], rel=0.1)
    assert sizes[-1] <= intel.MIX[kind].sizes[-1] + 100


def test_relationships_come_before_the_markings_that_decide_about_them() -> None:
    """As in ATT&CK: a reader that goes once through the file meets the frame last."""
    kinds = [kind for kind, _ in itertools.groupby(each["type"] for each in parsed(400))]
    assert kinds[-3:] == ["relationship", "identity", "marking-definition"]


def test_memory_does_not_grow_with_the_bundle(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    intel.write(out, 100)  # caches of the first use
    tracemalloc.start()
    try:
        size = intel.write(out, 4000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size > 4 * 2**20
    assert peak < 2**19


def test_too_few_objects_for_a_bundle_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    intel.write(out, intel.FEWEST_OBJECTS)
    out.unlink()
    with pytest.raises(ValueError, match="at least 32"):
        intel.write(out, intel.FEWEST_OBJECTS - 1)
    assert not out.exists()


def test_the_command_line_writes_what_it_is_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.json"
    assert intel.main(["--objects", "40", "--seed", "5", str(out)]) == 0
    assert json.loads(out.read_bytes())["objects"] == parsed(40, 5)
    with pytest.raises(SystemExit) as refusal:
        intel.main(["--objects", "4", str(out)])
    assert refusal.value.code == 2
    assert "at least 32" in capsys.readouterr().err


def test_a_node_takes_in_what_is_generated() -> None:
    """A bundle that was refused in part would be measured as a fast one."""
    for raw in intel.objects(1000):
        assert validity.problems(raw, stix.read_head(raw)) == ()
