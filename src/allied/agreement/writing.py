"""A plain tree as YAML in the style of the format: words, one clause under the other.

What is small stands on one line in brackets, what is large in lines below its key. Text
is quoted only where it would read as something else. What is printed reads back, by
`agreement.text`, to the same tree.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from allied.agreement.shape import Tree

WIDTH: Final = 100
"""Characters of a line before something is broken up."""

# Plain in every place, also inside brackets; no `: `, no ` #`, no leading sign, no number.
_PLAIN: Final = re.compile(r"[A-Za-z](?:[A-Za-z0-9_+./()'%;&!?-]| (?=[A-Za-z0-9(&]))*", re.ASCII)
_DAY_LIKE: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:/(?:[0-9]{4}-[0-9]{2}-[0-9]{2})?)?", re.ASCII
)
_COUNTED: Final = re.compile(r"[0-9]+ [a-z]+(?: [a-z]+)*|[0-9]+/[0-9]+", re.ASCII)
_WHOLE: Final = re.compile(r"0|[1-9][0-9]*", re.ASCII)
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
_QUOTED_KEYS: Final = frozenset({"art"})


def write(tree: dict[str, Tree]) -> str:
    """Print a document."""
    return "".join(f"{line}\n" for line in _block(tree, 0))


def one_line(tree: Tree) -> str:
    """Print a value on one line."""
    return _flow(tree)


def _block(tree: dict[str, Tree], indent: int) -> list[str]:
    pad = " " * indent
    lines: list[str] = []
    for key, value in tree.items():
        inline = _flow(value, key)
        start = f"{pad}{_scalar(key)}:"
        if key == "articles" and isinstance(value, list) and value:
            lines += [start, *_items(value, indent + 2)]
        elif len(start) + 1 + len(inline) <= WIDTH or not value:
            lines.append(f"{start} {inline}")
        elif isinstance(value, str):
            lines += _text(start, value, indent + 2)
        elif isinstance(value, dict):
            lines += [start, *_block(value, indent + 2)]
        elif all(isinstance(each, str) for each in value or ()):
            lines.append(f"{start} {inline}")
        else:
            lines += [start, *_items(value or [], indent + 2)]
    return lines


def _text(start: str, text: str, indent: int) -> list[str]:
    """Long text over several lines where that reads back the same, else in quotes."""
    words = text.split(" ")
    if not all(words) or "\n" in text or "\t" in text:
        return [f"{start} {_scalar(text)}"]
    lines = [f"{start} >-"]
    line = ""
    for word in words:
        if line and indent + len(line) + 1 + len(word) > WIDTH:
            lines.append(" " * indent + line)
            line = word
        else:
            line = f"{line} {word}" if line else word
    return [*lines, " " * indent + line]


def _items(items: list[Tree], indent: int) -> list[str]:
    pad = " " * indent
    lines: list[str] = []
    for each in items:
        inline = f"{pad}- {_flow(each)}"
        if isinstance(each, dict) and len(inline) > WIDTH:
            first, *rest = _block(each, indent + 2)
            lines += [f"{pad}- {first.strip()}", *rest]
        else:
            lines.append(inline)
    return lines


def _flow(tree: Tree, key: str = "") -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{_scalar(k)}: {_flow(v, k)}" for k, v in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(_flow(each) for each in tree) + "]"
    return _scalar(tree or "", numeric=key not in _QUOTED_KEYS)


def _scalar(text: str, *, numeric: bool = True) -> str:
    if _PLAIN.fullmatch(text) or _DAY_LIKE.fullmatch(text) or _COUNTED.fullmatch(text):
        return text
    if numeric and _WHOLE.fullmatch(text):
        return text
    return '"' + "".join(_ESCAPES.get(each, each) for each in text) + '"'
