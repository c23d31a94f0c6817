"""Which stable codes the program can answer with, read from its source.

A code is the first argument of one of our errors (or of a function that makes one), of a finding
about a text, or the name a verdict carries. Where a code is put together (`f"effect.{code}"`), the
place stands in `FAMILIES`, with the functions or names that give the second half; a new such place
is an error here, so the list cannot become incomplete unnoticed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from allied.record.kinds import KINDS

SOURCE = Path(__file__).parents[2] / "src" / "allied"
CODE = re.compile(r"[a-z]+(?:-[a-z]+)*\.[a-z0-9]+(?:-[a-z0-9]+)*")
KEPT_APART = re.compile(
    r".*\.(?:html|css|js|svg|db|json|yaml|toml|lock|id|txt)|allied\..*|webauthn\.get"
    r"|http\.disconnect|uvicorn\.error|peer\.bad|(?:bodies|classes|organisations|attribution|finding|acts|extensions)\..*"
    r"|[a-z0-9-]+\.(?:example|org|com|net)"
)
STATUSES = {
    "UsageError": "2",
    "MalformedError": "1",
    "NotFoundError": "3",
    "NotAuthorisedError": "4",
    "RefusedError": "5",
    "ConflictError": "1",
    "UnreachableError": "6",
    "UnverifiedError": "7",
    "ProblemsFoundError": "8",
    "ExhaustedError": "1",
}


@dataclass(frozen=True)
class Family:
    """Codes that are put together.

    Attributes:
        prefix: what stands before the dot.
        module: where the second halves are found, below `src/allied`.
        makers: functions whose text arguments are second halves.
        fixed: second halves that no function makes.
        error: the class that carries them; empty for findings and verdicts.
    """

    prefix: str
    module: str
    makers: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    error: str = ""


FAMILIES: tuple[Family, ...] = (
    Family("effect", "agreement/judging.py", ("_no", "_without_effect")),
    Family("incident", "response/calling.py", ("Entitlement",), error="RefusedError"),
    Family(
        "obligation",
        "response/obligation.py",
        ("_says",),
        ("already-answered", "closed", "excuse-not-allowed", "without-effect"),
        error="RefusedError",
    ),
    Family(
        "proposal",
        "node/proposals.py",
        fixed=(
            *("stranger", "recused", "late", "arrived-late", "other-text", "not-in-writing"),
            *("without-reasons", "not-the-proposer", "not-extendable", "not-longer", "same-text"),
            *("too-many", "contradicted", "other-measure", "not-asked"),
        ),
        error="RefusedError",
    ),
    Family(
        "hub",
        "node/hub.py",
        fixed=("for-us-alone", "too-large", "nothing-to-issue"),
        error="RefusedError",
    ),
    Family("outgoing", "adapters/outgoing.py", ("_failed",), error="UnreachableError"),
    Family("peer", "adapters/outgoing.py", ("_failed",), error="UnreachableError"),
    Family("neighbour", "adapters/outgoing.py", ("_failed",), error="UnreachableError"),
    Family("agreement", "agreement/judging.py", ("_no", "_without_effect"), error="RefusedError"),
    Family("exchange", "exchange/marking.py", fixed=("marking-not-enforced", "unknown-marking")),
    Family("agreement", "agreement", ("note", "remark", "fail"), error="MalformedError"),
    Family(
        "incident", "response/incident_file.py", ("note", "remark", "fail"), error="MalformedError"
    ),
    Family("incident", "response/reading.py", ("note", "remark", "fail"), error="MalformedError"),
    Family("incident", "node/cases.py", fixed=("unknown",), error="NotFoundError"),
    Family("incident", "node/cases.py", fixed=("ambiguous",), error="UsageError"),
    Family("obligation", "node/cases.py", fixed=("unknown",), error="NotFoundError"),
    Family("obligation", "node/cases.py", fixed=("ambiguous",), error="UsageError"),
)


@dataclass
class Code:
    """One code, with what is known of it."""

    name: str
    errors: set[str] = field(default_factory=set)
    sentence: str = ""


@cache
def trees() -> Mapping[Path, ast.Module]:
    """Every module of the program."""
    return {file: ast.parse(file.read_text(encoding="utf-8")) for file in SOURCE.rglob("*.py")}


def error_classes(modules: Mapping[Path, ast.Module]) -> dict[str, str]:
    """Our error classes by name, each with the class of `allied.errors` above it."""
    found = {name: name for name in (*STATUSES, "AlliedError")}
    for _ in range(4):
        for tree in modules.values():
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef) and node.name not in found:
                    for base in node.bases:
                        if _name(base) in found:
                            found[node.name] = found[_name(base)]
    return found


@cache
def codes() -> dict[str, Code]:
    """Every code the source holds, by name."""
    modules = trees()
    errors = error_classes(modules)
    found: dict[str, Code] = {}

    def add(name: str, error: str = "", sentence: str = "") -> None:
        code = found.setdefault(name, Code(name))
        if error:
            code.errors.add(error)
        code.sentence = code.sentence or sentence

    for file, tree in modules.items():
        for call in _calls(tree):
            first = call.args[0] if call.args else None
            if (
                _name(call.func) in errors
                and isinstance(first, ast.Constant)
                and isinstance(first.value, str)
                and CODE.fullmatch(first.value)
            ):
                said = _text(call.args[1]) if len(call.args) > 1 else ""
                add(first.value, errors[_name(call.func)], said)
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                name = node.value
                if CODE.fullmatch(name) and not KEPT_APART.fullmatch(name) and name not in KINDS:
                    add(name)
        where = str(file.relative_to(SOURCE))
        for family in FAMILIES:
            if where.startswith(family.module):
                for half in (*family.fixed, *_halves(tree, family.makers)):
                    add(f"{family.prefix}.{half}", family.error)
    return found


def put_together() -> set[str]:
    """Where an error's code is neither a text nor listed by a family: file and expression."""
    modules = trees()
    errors = error_classes(modules)
    found = set()
    for file, tree in modules.items():
        for call in _calls(tree):
            first = call.args[0] if call.args else None
            literal = isinstance(first, ast.Constant) and isinstance(first.value, str)
            if _name(call.func) in errors and first is not None and not literal:
                found.add(f"{file.relative_to(SOURCE)}: {ast.unparse(first)}")
    return found


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _halves(tree: ast.AST, makers: tuple[str, ...]) -> Iterator[str]:
    for call in _calls(tree):
        if _name(call.func) in makers:
            for argument in call.args[:2]:
                value = argument.value if isinstance(argument, ast.Constant) else None
                if isinstance(value, str) and re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", value):
                    yield value
    if "_says" in makers:  # a function that returns the second half
        for node in ast.walk(tree):
            if isinstance(node, ast.Return) and isinstance(node.value, ast.Constant):
                value = node.value.value
                if isinstance(value, str) and re.fullmatch(r"[a-z]+(?:-[a-z]+)+", value):
                    yield value


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else getattr(node, "attr", "")


def _text(node: ast.expr) -> str:
    """A sentence as it stands in the source, with what is filled in shown as `...`."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "..." for part in node.values
        )
    return ""
