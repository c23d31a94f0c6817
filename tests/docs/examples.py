"""Examples in the documentation, as something that can be run.

A fenced block is an example when the line before it is a comment: `<!-- run -->` before a
`console` block, `<!-- file: NAME -->` before a file's content. In a `console` block a line that
begins with `$ ` is a command, and the lines below it are what it says. A line `...` stands for any
lines. Fingerprints, ids and instants in what is said are learnt: where a later command repeats
one, the real one is put in its place. So the page shows what a reader sees, and stays true.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

_BLOCK = re.compile(
    r"^<!-- (?P<what>run|file: (?P<name>[\w.-]+)) -->\n```\w+\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_TOKEN = re.compile(
    r"\b(?:[0-9A-Z]{4}(?:-[0-9A-Z]{4}){7}|[0-9a-f]{64}|[0-9a-f]{12}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)\b"
)
ANY_LINES = "..."


@dataclass(frozen=True)
class Step:
    """One command and what it is said to say, or a file (`command` is empty then)."""

    command: str
    said: tuple[str, ...]
    file: str = ""
    content: str = ""


def steps(page: Path) -> list[Step]:
    """The examples of a page, in order."""
    found: list[Step] = []
    for block in _BLOCK.finditer(page.read_text(encoding="utf-8")):
        if block["name"]:
            found.append(Step("", (), block["name"], block["body"]))
            continue
        for part in re.split(r"^\$ ", block["body"], flags=re.MULTILINE)[1:]:
            command, *said = part.rstrip("\n").split("\n")
            while command.endswith("\\"):
                command = command[:-1].rstrip() + " " + said.pop(0).strip()
            found.append(Step(command, tuple(line for line in said if line.strip())))
    return found


@dataclass
class Learnt:
    """Which real token stands for which token of the page."""

    real: dict[str, str] = field(default_factory=dict)

    def put(self, text: str) -> str:
        """`text` with what is known by now in its place."""
        return _TOKEN.sub(lambda token: self.real.get(token[0], token[0]), text)

    def compare(self, said: tuple[str, ...], real: list[str]) -> str:
        """Learn from what was really said; the first line that is missing, or nothing."""
        lines = iter([line for line in real if line.strip()])
        skipping = False
        for wanted in said:
            if wanted == ANY_LINES:
                skipping = True
                continue
            for line in lines:
                if self._same(wanted, line):
                    skipping = False
                    break
                if not skipping:
                    return f"wanted {wanted!r}, got {line!r}"
            else:
                return f"wanted {wanted!r}, got nothing more"
        rest = [] if skipping else list(lines)
        return f"it also says {rest[0]!r}" if rest and said else ""

    def _same(self, wanted: str, line: str) -> bool:
        pattern, tokens, at = "", [], 0
        wanted = wanted.strip()
        for token in _TOKEN.finditer(wanted):
            pattern += _loose(wanted[at : token.start()]) + f"({_TOKEN.pattern})"
            tokens.append(token[0])
            at = token.end()
        matched = re.fullmatch(pattern + _loose(wanted[at:]), line.strip())
        if matched is None:
            return False
        self.real.update(zip(tokens, matched.groups(), strict=True))
        return True


def _loose(text: str) -> str:
    """As a pattern in which the width of a gap does not matter."""
    return r"\s+".join(re.escape(part) for part in re.split(r"\s+", text))


def is_ours(command: str) -> bool:
    """Whether the command is one call of `allied`, without a shell's help."""
    return command.startswith("allied ") and not re.search(r"[|<>&$`]", command)
