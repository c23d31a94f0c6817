"""Sharing a bundle and receiving it between two nodes, and whether memory stays flat.

River shares a generated bundle (`bench.intel`, seed 7) with `allied share`; Harbour, whose
server is not running, fetches it with one `allied sync` from River's server. So each side is
one process of the command line on a fresh data folder, start included, with signatures and
durability as shipped. Harbour is asked afterwards how many items it holds: a rate counts only
if everything arrived.

The peak of memory of the largest bundle is compared with that of the smallest: flat means
that sixteen times the objects do not take half as much again.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import intel
from bench.row import NotMeasurable, Row
from bench.run import Ran, allied, free_port, peak_so_far, run, serving

SIZES: Final = (6_000, 24_000, 96_000)
QUICK_SIZES: Final = (300, 1_200)
FLAT: Final = 1.5
_SEED: Final = 7
_PASSPHRASE: Final = "only for figures, on folders that are removed again"  # noqa: S105

_AGREEMENT: Final = """\
format: alliance/1
id: bench-pact
title: Sharing between River and Harbour, for figures
form: {kind: contract, binding: yes}
lateral: bilateral
visibility: parties
parties:
  - {id: river, name: River Bank plc, kind: company}
  - {id: harbour, name: Harbour Logistics SA, kind: company}
life: {in_force_when: all signed}
articles:
  - art: "1"
    type: information-sharing
    share: [indicator, technique, vulnerability, incident-report, assessment]
    duty: may
    default_tlp: AMBER
    max_tlp: AMBER
"""


@dataclass(frozen=True, slots=True)
class Node:
    """One data folder, and where its server answers."""

    label: str
    folder: Path
    port: int

    @property
    def url(self) -> str:
        """Of its server; loopback."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What every verb and the server need."""
        return {
            "ALLIED_DATA": str(self.folder),
            "ALLIED_PASSPHRASE": _PASSPHRASE,
            "NO_COLOR": "1",
        }

    def verb(self, *words: str) -> Ran:
        """Run a verb.

        Raises:
            RuntimeError: it did not end with status 0.
        """
        ran = run([allied(), *words], environment=self.environment)
        if ran.status:
            said = (ran.words + ran.out.decode(errors="replace"))[-600:]
            raise RuntimeError(f"allied {words[0]} at {self.label}: status {ran.status}: {said}")
        return ran

    def asked(self, *words: str) -> Any:
        """Run a verb with `--json`; its answer."""
        return json.loads(self.verb(*words, "--json").out)

    def served(self) -> Any:
        """Its server, for as long as the block lasts."""
        command = [allied(), "serve", "--host", "127.0.0.1", "--port", str(self.port)]
        return serving(command, f"{self.url}/healthz", self.environment)


def measure(quick: bool) -> Iterator[Row]:
    """Each size on two fresh nodes; then the largest against the smallest."""
    sizes = QUICK_SIZES if quick else SIZES
    peaks: dict[str, list[int]] = {"share": [], "receive": [], "serve": []}
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="allied-bench-") as name, ExitStack() as stack:
            folder = Path(name)
            bundle = folder / "bundle.json"
            weight = intel.write(bundle, size, _SEED)
            river, harbour, agreement = stack.enter_context(alliance(folder))
            server = stack.enter_context(river.served())

            shared = river.verb("share", str(bundle), "--agreement", agreement, "--json")
            received = harbour.verb("sync", "--json")
            held = items(harbour)
            if held < size - 5:  # the frame of the bundle goes along; it is not counted
                raise RuntimeError(f"{held} of {size} objects arrived at harbour")

            served = peak_so_far(server)
            note = f"{weight / 2**20:.0f} MiB; processes of the command line, start included"
            what = f"{size:,} objects"
            yield Row(f"share {what}", size / shared.seconds, "/s", better="more", note=note)
            yield Row(f"receive {what}", size / received.seconds, "/s", better="more", note=note)
            yield Row(f"share {what}, most memory", shared.peak_bytes / 2**20, "MiB")
            yield Row(f"receive {what}, most memory", received.peak_bytes / 2**20, "MiB")
            peaks["share"].append(shared.peak_bytes)
            peaks["receive"].append(received.peak_bytes)
            if served is not None:
                yield Row(f"serve {what}, most memory", served / 2**20, "MiB")
                peaks["serve"].append(served)
    growth = f"memory at {sizes[-1]:,} against {sizes[0]:,} objects"
    for what, each in peaks.items():
        if len(each) == len(sizes):
            yield Row(f"{what}: {growth}", each[-1] / each[0], "x", goal=FLAT)


@contextmanager
def alliance(folder: Path, *, database: str = "") -> Iterator[tuple[Node, Node, str]]:
    """Two nodes under an agreement in force, no server running; and the agreement's id.

    Args:
        database: the address of an empty PostgreSQL database for the first; none for SQLite.

    Raises:
        NotMeasurable: the command line has no such verbs yet.
    """
    river = Node("river", folder / "river", free_port())
    harbour = Node("harbour", folder / "harbour", free_port())
    if run([allied(), "share", "--help"]).status:
        raise NotMeasurable("`allied share` is not there")
    names = {"river": "River Bank plc", "harbour": "Harbour Logistics SA"}
    for node in (river, harbour):
        node.verb(
            "init", "--id", node.label, "--name", names[node.label], "--url", node.url,
            "--person", f"{node.label}-signatory",
            *(("--database", database) if database and node is river else ()),
        )  # fmt: skip
    terms = folder / "bench-pact.yaml"
    terms.write_text(_AGREEMENT, encoding="utf-8")
    with river.served(), harbour.served():
        fingerprints = {node.label: _fingerprint(node) for node in (river, harbour)}
        river.verb("peer", "add", harbour.url, "--fingerprint", fingerprints["harbour"])
        harbour.verb("peer", "add", river.url, "--fingerprint", fingerprints["river"])
        proposed = river.asked(
            "agreement", "propose", str(terms),
            *(f"--party={label}={value}" for label, value in fingerprints.items()),
        )  # fmt: skip
        agreement = str(proposed["id"])
        river.verb("agreement", "sign", agreement)
        harbour.verb("sync")
        harbour.verb("agreement", "sign", agreement)
        river.verb("sync")
        harbour.verb("sync")
    yield river, harbour, agreement


def _fingerprint(node: Node) -> str:
    (own,) = node.asked("organisation", "list")
    return str(own["fingerprint"])


def items(node: Node) -> int:
    """How many items the node holds."""
    listed = node.asked("item", "list")
    if isinstance(listed, dict):
        total = listed.get("total")
        if isinstance(total, int):
            return total
        listed = next((each for each in listed.values() if isinstance(each, list)), [])
    return len(listed)
