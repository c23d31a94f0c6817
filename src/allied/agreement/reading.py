"""One pass over one document: what was found wrong, and where.

Words used here:
    finding     code, severity, article, place, one sentence, and what to do
    reading     a pass that collects findings and goes on, so that a writer sees all of them
    reference   a name that stands in the text and must be declared in the same document
    remark      a finding that does not make the text unreadable

Rules that hold everywhere below. A finding has a place, a stable code and advice; it names
what was probably meant from among the words that may stand there, and repeats nothing of
what was refused. A reading stops at `FINDING_LIMIT`. Looking for what was meant costs the
same however many candidates there are.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from allied.agreement.text import Node, TextNode
from allied.errors import MalformedError, Place

FINDING_LIMIT: Final = 100
"""How many findings one reading collects before it stops."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a reader or a check has to say about a text.

    Attributes:
        code: stable, for machines: `agreement.unknown-key`.
        severity: `error`, `warning` or `note`.
        clause: number of the article it is about, or an empty text.
        place: where it stands; None where the text was not at hand.
        text: one sentence.
        advice: what to do, or an empty text.
    """

    code: str
    severity: str
    clause: str
    place: Place | None
    text: str
    advice: str = ""


class MalformedTextError(MalformedError):
    """A text cannot be read as what it claims to be.

    Attributes:
        findings: every mistake found, in the order of the text; never empty.
    """

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        more = len(findings) - 1
        super().__init__(
            first.code,
            first.text + (f" (and {more} more)" if more else ""),
            hint=first.advice,
            place=first.place,
            facts={"findings": len(findings)},
        )
        self.findings = tuple(findings)


class UnreadError(Exception):
    """A value could not be read; the reading already has the finding."""


@dataclass(frozen=True, slots=True)
class Reference:
    """A name that stands in the text and must be declared in the same document."""

    targets: tuple[str, ...]
    fixed: tuple[str, ...]
    node: TextNode
    clause: str


@dataclass(slots=True)
class Reading:
    """One pass over one document."""

    source: str
    area: str = "agreement"
    clause: str = ""
    findings: list[Finding] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    remarks: list[Finding] = field(default_factory=list)

    def place(self, node: Node) -> Place:
        """Where a node stands."""
        return Place(self.source, node.line, node.column)

    def note(self, node: Node, code: str, text: str, advice: str = "") -> None:
        """Keep a finding and go on."""
        code = f"{self.area}.{code}"
        self.findings.append(Finding(code, "error", self.clause, self.place(node), text, advice))
        if len(self.findings) >= FINDING_LIMIT:
            raise MalformedTextError(self.findings)

    def remark(self, node: Node, code: str, text: str, advice: str = "") -> None:
        """Keep what does not make the text unreadable, up to `FINDING_LIMIT`."""
        if len(self.remarks) < FINDING_LIMIT:
            code = f"{self.area}.{code}"
            self.remarks.append(Finding(code, "note", self.clause, self.place(node), text, advice))

    def fail(self, node: Node, code: str, text: str, advice: str = "") -> UnreadError:
        """Keep a finding and hand back what to raise."""
        self.note(node, code, text, advice)
        return UnreadError()

    def finish(self) -> None:
        """Raise MalformedTextError when anything was found."""
        if self.findings:
            far = Place(self.source, 1 << 30, 0)
            order = sorted(
                self.findings, key=lambda each: ((p := each.place or far).line, p.column)
            )
            raise MalformedTextError(order)

    def resolve(
        self, names: Mapping[str, Iterable[str]], called: Mapping[str, str] | None = None
    ) -> None:
        """Hold every reference against the names that the document declares.

        Args:
            names: for each target (`party`, `body`, ...) the ids declared.
            called: the ids of parties by their full names, for advice only.
        """
        known = {target: frozenset(ids) for target, ids in names.items()}
        ordered = {target: sorted(ids) for target, ids in known.items()}
        for each in self.references:
            if not any(each.node.text in known.get(target, ()) for target in each.targets):
                self.clause = each.clause
                named = [name for target in each.targets for name in ordered.get(target, ())]
                meant = (called or {}).get(each.node.text, "")
                self.note(
                    each.node,
                    "dangling-reference",
                    f"no {' or '.join(each.targets)} of that name is declared",
                    f"write its id, `{meant}`"
                    if meant in named
                    else suggestion(each.node.text, [*each.fixed, *named], what=each.targets[0]),
                )
        self.clause = ""


def suggestion(text: str, candidates: Sequence[str], *, what: str = "word") -> str:
    """Advice that names what was probably meant, or what may stand here.

    Cost: bounded, however many candidates there are.
    """
    parts = re.split(r"[\s,;]+", text[:200])
    if len(parts) > 1 and all(part in candidates for part in parts):
        return "put a comma between the words, and square brackets around them"
    some: Sequence[str] = candidates
    if len(some) > 200:
        some = [each for each in some if each[:1] == text[:1] and abs(len(each) - len(text)) < 3]
    if len(text) <= 64:
        close = [each for each in some[:200] if _parts(each) == _parts(text)]
        if not close:
            close = difflib.get_close_matches(text, some[:200], n=1, cutoff=0.6)
        if not close:
            lower = {each.lower(): each for each in some[:200]}
            close = [lower[text.lower()]] if text.lower() in lower else []
        if close:
            return f"did you mean `{close[0]}`?"
    if not candidates:
        return f"no {what} is declared: declare it, or take this out"
    shown = ", ".join(f"`{each}`" for each in candidates[:14])
    return f"one of {shown}{', ...' if len(candidates) > 14 else ''}"


def _parts(text: str) -> frozenset[str]:
    """The words of a name, in whatever order and joined by whatever."""
    return frozenset(re.split(r"[-. _]+", text.lower()))


def listed(words: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {last} {words[-1]}"
