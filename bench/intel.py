"""A STIX 2.1 bundle of any size that looks like MITRE ATT&CK, from a seed.

`python -m bench.intel --objects 24000 --seed 7 OUT` writes one; a name that ends in `.gz` is
compressed. Measures and tests import `objects` and `write`.

The figures of `MIX`, `LINKS` and `REFERENCES` were measured on ATT&CK for mobile 17.1
(2,148 objects; sizes as compact JSON in UTF-8). Only figures are taken over: every text is
sampled from the words below. The order is ATT&CK's too: relationships come after what they
relate, the identity and the markings that everything refers to come last.

Rules. One seed and number of objects give the same bytes, always. Memory does not grow with
the number of objects: an object's id follows from seed, type and index, so a relationship
names its ends without anything being remembered. Every reference has a target in the bundle.

Left out on purpose: the one object of type x-mitre-collection, which lists all others and is
as large as a tenth of the bundle. Added: TLP 2.0 markings, which ATT&CK has not, because
deciding by them is what is measured.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import random
import sys
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final, cast

import orjson

DEFAULT_OBJECTS: Final = 24_000
FEWEST_OBJECTS: Final = 32

QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class Mix:
    """How often a type occurs, and how large its objects are.

    Attributes:
        share: objects of the type among 2,145 (ATT&CK without collection, identity, marking).
        sizes: bytes at `QUANTILES`.
        references: external references at `QUANTILES`.
    """

    share: int
    sizes: tuple[int, ...]
    references: tuple[int, ...]


MIX: Final = {
    "x-mitre-matrix": Mix(
        2, (1163, 1163, 1163, 1163, 1562, 1562, 1562, 1562), (1, 1, 1, 1, 1, 1, 1, 1)
    ),
    "course-of-action": Mix(
        15, (839, 854, 897, 1049, 1253, 2195, 3453, 3453), (1, 1, 1, 1, 1, 2, 3, 3)
    ),
    "malware": Mix(117, (1105, 1158, 1271, 1383, 1604, 1821, 2410, 3234), (2, 2, 2, 2, 3, 4, 6, 8)),
    "tool": Mix(2, (1301, 1301, 1301, 1301, 1857, 1857, 1857, 1857), (3, 3, 3, 3, 4, 4, 4, 4)),
    "x-mitre-tactic": Mix(
        14, (900, 1035, 1071, 1153, 1277, 1416, 2519, 2519), (1, 1, 1, 1, 1, 1, 1, 1)
    ),
    "attack-pattern": Mix(
        188, (673, 691, 1737, 2206, 2818, 3556, 6916, 7983), (1, 1, 1, 2, 4, 6, 13, 26)
    ),
    "campaign": Mix(3, (1765, 1765, 1765, 2140, 2154, 2154, 2154, 2154), (2, 2, 2, 2, 3, 3, 3, 3)),
    "x-mitre-data-component": Mix(
        17, (728, 732, 759, 854, 2105, 2369, 3448, 3448), (0, 0, 0, 0, 0, 0, 0, 0)
    ),
    "intrusion-set": Mix(
        15, (1199, 1212, 1774, 2756, 3607, 8211, 13582, 13582), (2, 2, 4, 7, 10, 27, 44, 44)
    ),
    "x-mitre-data-source": Mix(
        6, (875, 875, 894, 1032, 1488, 1488, 1644, 1644), (1, 1, 1, 1, 2, 2, 3, 3)
    ),
    "relationship": Mix(
        1766, (635, 673, 1010, 1095, 1171, 1235, 2087, 2911), (0, 0, 1, 1, 1, 1, 4, 6)
    ),
}

LINKS: Final = (
    (1228, "malware", "uses", "attack-pattern"),
    (168, "x-mitre-data-component", "detects", "attack-pattern"),
    (163, "course-of-action", "mitigates", "attack-pattern"),
    (50, "attack-pattern", "revoked-by", "attack-pattern"),
    (46, "attack-pattern", "subtechnique-of", "attack-pattern"),
    (44, "campaign", "uses", "attack-pattern"),
    (29, "intrusion-set", "uses", "attack-pattern"),
    (22, "tool", "uses", "attack-pattern"),
    (13, "intrusion-set", "uses", "malware"),
    (2, "campaign", "uses", "malware"),
    (1, "campaign", "attributed-to", "intrusion-set"),
)
"""How often, source, relationship, target."""

_LINK_WEIGHTS: Final = tuple(link[0] for link in LINKS)

_TLP_EXTENSION: Final = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
TLP: Final = {
    "clear": "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
}
_TLP_CHOICES: Final = (None, "clear", "green", "amber")
_TLP_WEIGHTS: Final = (10, 10, 30, 50)

_FRAME: Final = 2 + len(TLP)  # an identity and a statement marking, and the TLP markings
_PLATFORMS: Final = ("Android", "iOS", "Windows", "Linux", "Network Devices")
_PHASES: Final = ("initial-access", "execution", "persistence", "discovery", "exfiltration")
_EPOCH: Final = datetime(2017, 10, 25, tzinfo=UTC)
_CREATED_WITHIN: Final = 6 * 365 * 86_400_000  # milliseconds
_MODIFIED_WITHIN: Final = 2 * 365 * 86_400_000

_LEXICON: Final = (
    "a about access account across address after agent alert all also an and anchor any archive"
    " are as at audit backup bank barge because been before berth between both bridge buffer by"
    " cable call can cargo certificate channel chart check clerk client clock code collected"
    " command configuration container copy crane credential customs database delay deleted device"
    " directory disk does domain door dropped during each echo either encoded engine entry event"
    " every façade ferry file filter firmware first fleet folder for forged from gate group harbour"
    " has header held hidden host identity in inside install into invoice is it journal kept key"
    " known later ledger less library lighter link list loader local lock login long looks mail"
    " manifest many may memory message meter might mirror mobile module more most name naïve"
    " network never no node not note now number of office often old on once one only operator or"
    " order other out over packet page parcel partner password patch path pattern permission"
    " phase phone pier pilot pipe plain port probe process program proxy quay query queue quiet"
    " rarely reads record register relay remote renamed reply report request requests reset"
    " resident route rule runs sample schedule script second segment sends sensor server service"
    " session shares ship signal silent since site small socket some source spread stage starts"
    " steals stored stream string swaps switch system table task terminal text than that the their"
    " then these they this through ticket time to token tool traffic trust tug turn under until"
    " update upon user uses value vessel victim warehouse was watch when where which while with"
    " within without worker writes yard yet"
)
_WORDS: Final = tuple(_LEXICON.split())


def counts(total: int) -> dict[str, int]:
    """How many objects of each type make a bundle of `total`, frame left out.

    Each type has at least one, so that every relationship finds its ends.

    Raises:
        ValueError: `total` is below `FEWEST_OBJECTS`.
    """
    if total < FEWEST_OBJECTS:
        raise ValueError(f"a bundle has at least {FEWEST_OBJECTS} objects")
    whole = sum(mix.share for mix in MIX.values())
    held = {
        kind: max(1, (total - _FRAME) * mix.share // whole)
        for kind, mix in MIX.items()
        if kind != "relationship"
    }
    held["relationship"] = total - _FRAME - sum(held.values())
    return held


def objects(total: int = DEFAULT_OBJECTS, seed: int = 7) -> Iterator[bytes]:
    """Each object of the bundle as compact JSON, in the order of the bundle.

    Raises:
        ValueError: as `counts`, on the first object.
    """
    held = counts(total)
    for kind, number in held.items():
        for index in range(number):
            yield _object(kind, index, held, seed)
    for each in _frame(seed):
        yield orjson.dumps(each)


def write(out: Path, total: int = DEFAULT_OBJECTS, seed: int = 7) -> int:
    """Write a bundle to `out`; returns how many bytes it has uncompressed.

    Raises:
        ValueError: as `counts`; nothing is written then.
    """
    counts(total)
    size = 0
    with ExitStack() as stack:
        file: IO[bytes] = stack.enter_context(out.open("wb"))
        if out.suffix == ".gz":
            # No name and no time in the header: the same seed gives the same file.
            packed = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0, compresslevel=6)
            file = cast("IO[bytes]", stack.enter_context(packed))
        head = b'{"type":"bundle","id":"%b","objects":[\n' % _id("bundle", total, seed).encode()
        size += file.write(head)
        for index, each in enumerate(objects(total, seed)):
            size += file.write(b",\n" + each if index else each)
        size += file.write(b"\n]}\n")
    return size


def _object(kind: str, index: int, held: dict[str, int], seed: int) -> bytes:
    draw = random.Random(f"{seed}/{kind}/{index}")
    mix = MIX[kind]
    made = _skeleton(kind, index, seed, draw)
    made.update(_particulars(kind, index, held, seed, draw))
    wanted = round(_quantile(mix.sizes, draw.random()))
    references = round(_quantile(mix.references, draw.random()))
    size = len(orjson.dumps(made))
    if references:
        cited: list[dict[str, str]] = []
        made["external_references"] = cited
        size += len(',"external_references":[]')
        for number in range(references):
            each = _reference(kind, index, number, draw)
            size += len(orjson.dumps(each)) + 1
            if number and size > wanted * 0.8:
                break
            cited.append(each)
    size = len(orjson.dumps(made))
    room = wanted - size - len(',"description":""')
    if room > 0:
        made["description"] = _text(draw, room)
    return orjson.dumps(made)


def _skeleton(kind: str, index: int, seed: int, draw: random.Random) -> dict[str, Any]:
    """What every object has."""
    author = _id("identity", 0, seed)
    created = _EPOCH + timedelta(milliseconds=draw.randrange(_CREATED_WITHIN))
    modified = created + timedelta(milliseconds=draw.randrange(_MODIFIED_WITHIN))
    marking = [_id("marking-definition", 0, seed)]
    tlp = draw.choices(_TLP_CHOICES, _TLP_WEIGHTS)[0]
    if tlp:
        marking.append(TLP[tlp])
    return {
        "type": kind,
        "spec_version": "2.1",
        "id": _id(kind, index, seed),
        "created": _instant(created),
        "created_by_ref": author,
        "revoked": False,
        "object_marking_refs": marking,
        "modified": _instant(modified),
        "x_mitre_modified_by_ref": author,
        "x_mitre_deprecated": False,
        "x_mitre_attack_spec_version": "3.2.0",
    }


def _particulars(
    kind: str, index: int, held: dict[str, int], seed: int, draw: random.Random
) -> dict[str, Any]:
    """What objects of this type have."""
    if kind == "relationship":
        _, source, name, target = draw.choices(LINKS, _LINK_WEIGHTS)[0]
        first, second = draw.randrange(held[source]), draw.randrange(held[target])
        if source == target and first == second:
            second = (second + 1) % held[target]
        return {
            "relationship_type": name,
            "source_ref": _id(source, first, seed),
            "target_ref": _id(target, second, seed),
        }
    name = f"{_text(draw, 14).strip(' .').title()} {index}"
    common: dict[str, Any] = {
        "name": name,
        "x_mitre_version": "1.0",
        "x_mitre_domains": ["mobile-attack"],
    }
    match kind:
        case "attack-pattern":
            return common | {
                "kill_chain_phases": [
                    {"kill_chain_name": "mitre-mobile-attack", "phase_name": phase}
                    for phase in draw.sample(_PHASES, draw.randint(1, 2))
                ],
                "x_mitre_is_subtechnique": draw.random() < 0.3,
                "x_mitre_platforms": draw.sample(_PLATFORMS, 2),
            }
        case "malware":
            return common | {"is_family": True, "x_mitre_platforms": draw.sample(_PLATFORMS, 1)}
        case "campaign":
            return common | {
                "aliases": [name],
                "first_seen": _instant(_EPOCH),
                "last_seen": _instant(_EPOCH + timedelta(days=draw.randrange(1, 900))),
            }
        case "intrusion-set":
            return common | {"aliases": [name, f"{name} Group"]}
        case "x-mitre-data-component":
            source = _id("x-mitre-data-source", draw.randrange(held["x-mitre-data-source"]), seed)
            return common | {"x_mitre_data_source_ref": source}
        case "x-mitre-matrix":
            wanted = min(held["x-mitre-tactic"], 14)
            return common | {"tactic_refs": [_id("x-mitre-tactic", n, seed) for n in range(wanted)]}
        case _:
            return common


def _frame(seed: int) -> Iterator[dict[str, Any]]:
    """Who made it all, and the markings; last, as in ATT&CK."""
    author = _id("identity", 0, seed)
    statement = _id("marking-definition", 0, seed)
    yield {
        "type": "identity",
        "spec_version": "2.1",
        "id": author,
        "created": _instant(_EPOCH),
        "modified": _instant(_EPOCH),
        "name": "The Generator of Bundles",
        "identity_class": "organization",
        "object_marking_refs": [statement],
    }
    yield {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": statement,
        "created": _instant(_EPOCH),
        "created_by_ref": author,
        "definition_type": "statement",
        "definition": {"statement": "Generated from a seed; it describes nothing that exists."},
    }
    for colour, marking in TLP.items():
        yield {
            "type": "marking-definition",
            "spec_version": "2.1",
            "id": marking,
            "created": "2022-10-01T00:00:00.000Z",
            "name": f"TLP:{colour.upper()}",
            "extensions": {
                _TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": colour}
            },
        }


def _reference(kind: str, index: int, number: int, draw: random.Random) -> dict[str, str]:
    if number == 0 and kind != "relationship":
        return {
            "source_name": "generated",
            "url": f"https://attack.example/{kind}/{index}",
            "external_id": f"X{index:06d}",
        }
    title = _text(draw, draw.randint(40, 110))
    return {
        "source_name": f"Author {draw.randrange(1000)} {draw.randrange(2015, 2026)}",
        "description": f"{title} Retrieved June {draw.randrange(1, 30)}, 2025.",
        "url": f"https://library.example/{draw.getrandbits(64):016x}",
    }


def _text(draw: random.Random, size: int) -> str:
    """Words of `size` bytes of UTF-8."""
    words = " ".join(draw.choices(_WORDS, k=size // 5 + 2)).capitalize()
    while len(words.encode()) < size:
        words += " " + " ".join(draw.choices(_WORDS, k=8))
    cut = words.encode()[: size - 1].decode(errors="ignore")
    return cut + "." * (size - len(cut.encode()))


def _quantile(values: tuple[int, ...], at: float) -> float:
    """The value at `at` in [0, 1), on straight lines between the measured quantiles."""
    for low, high, first, last in zip(QUANTILES, QUANTILES[1:], values, values[1:], strict=False):
        if at <= high:
            return first + (last - first) * (at - low) / (high - low)
    return values[-1]


def _id(kind: str, index: int, seed: int) -> str:
    bits = hashlib.blake2b(f"{seed}/{kind}/{index}".encode(), digest_size=16).digest()
    return f"{kind}--{uuid.UUID(bytes=bits, version=4)}"


def _instant(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def main(arguments: list[str] | None = None) -> int:
    """Write a bundle as the command line asks; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m bench.intel", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--objects", type=int, default=DEFAULT_OBJECTS)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("out", type=Path, help="where to; .gz is compressed")
    asked = parser.parse_args(arguments)
    try:
        size = write(asked.out, asked.objects, asked.seed)
    except ValueError as refusal:
        parser.error(str(refusal))
    print(f"{asked.objects} objects, {size} bytes", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
