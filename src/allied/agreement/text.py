"""A YAML text as a small tree in which every scalar is text and knows its place.

Agreement, incident and register files are read here and only here. What the scalars
mean (`NO` is a country, `22:30` a time) is decided later by the schema, never by YAML.

Words used here:
    node    a text, a list or a map of the tree, with line and column of its first character
    level   how deep lists and maps stand in each other; a document has at least one

Rules that hold everywhere below. Size, encoding and characters are looked at before a
parser sees the text; levels and nodes are counted while it parses, before anything
deeper is built. What makes a text mean something else than it shows is refused: anchors,
aliases, tags, merge keys, a key given twice, control characters, characters that change
the direction of writing and invisible ones, also when an escape spells them. A refusal
names the place and never repeats what was refused.

Source: agreement format, "YAML syntax"; YAML 1.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

from _ruamel_yaml import CParser  # type: ignore[import-not-found]
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from allied.errors import MalformedError, Place

SIZE_LIMIT: Final = 2 * 2**20
"""Bytes of one file."""

LEVEL_LIMIT: Final = 32
"""Lists and maps inside each other."""

NODE_LIMIT: Final = 400_000
"""Texts, lists and maps of one file, keys included."""

DOCUMENT_LIMIT: Final = 1_000
"""Documents (`---`) of one file."""

# Everything that a reader cannot see or that turns the writing round: C0 and C1 controls but
# tab and line feed, soft hyphen, joiners but those that scripts need, bidirectional controls,
# line separators of other worlds, noncharacters, tags, private line breaks.
_FORBIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u070f\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff0-\uffff\U000e0000-\U000e0fff]"
)
_LINE_END: Final = re.compile("\r\n?")
_MERGE: Final = "<<"
# How files of word processors, packed files and PDF begin.
_PACKED: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF-", b"{\\rtf")
_ADVICE: Final = {
    "found unexpected ':'": "put text that holds a colon in quotes, or close the bracket before it",
    "could not find expected ':'": (
        "write a colon and a blank behind each key, here and on the line before"
    ),
    "expected ','": (
        "put a comma between the entries, or close the bracket; look at the line before too"
    ),
    "mapping values": (
        "indent this line by as many spaces as its neighbours;"
        " or a quote or bracket before it is not closed"
    ),
}
_NO_BLANK: Final = re.compile(r" *(?:- )?[a-z_]+:[^ ]", re.ASCII)
_TYPOGRAPHIC: Final = re.compile("[:\\[{,] ?[\u201c\u201d\u201e\u2018\u2019\u201a\u00ab\u00bb]")


@dataclass(slots=True, eq=False)
class TextNode:
    """A scalar, as text."""

    line: int
    column: int
    text: str
    quoted: bool


@dataclass(slots=True, eq=False)
class ListNode:
    """A sequence."""

    line: int
    column: int
    items: list[Node]


@dataclass(slots=True, eq=False)
class MapNode:
    """A mapping; keys are texts, and no key stands twice."""

    line: int
    column: int
    entries: list[tuple[TextNode, Node]]

    def get(self, key: str) -> Node | None:
        """The value under a key; None without one."""
        for name, value in self.entries:
            if name.text == key:
                return value
        return None


Node: TypeAlias = TextNode | ListNode | MapNode


def load_yaml(raw: bytes, source: str) -> tuple[Node, ...]:
    """Read the documents of a file.

    Args:
        raw: the bytes of the file; a leading byte order mark is passed over.
        source: the name of the file as the user gave it, for the places.

    Returns:
        One tree per document that holds something; at least one.

    Raises:
        MalformedError: `yaml.too-large`, `yaml.too-deep`, `yaml.too-many`,
            `yaml.encoding`, `yaml.character`, `yaml.syntax`, `yaml.anchor`,
            `yaml.tag`, `yaml.merge-key`, `yaml.key`, `yaml.duplicate-key`, `yaml.empty`.

    Cost: linear in the size of the text; memory bounded by the limits above.
    """
    text = _decode(raw, source)
    builder = _Builder(source)
    try:
        # The C parser counts columns in characters only when it is given bytes.
        parser = CParser(text.encode())
        while not builder.feed(parser.get_event()):
            pass
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        place = Place(source, mark.line + 1, mark.column + 1) if mark else Place(source, 1, 1)
        raise MalformedError(
            "yaml.syntax",
            "this is no well-formed YAML",
            hint=_syntax_hint(text, place, str(getattr(error, "problem", ""))),
            place=place,
        ) from error
    if not builder.documents:
        raise MalformedError(
            "yaml.empty",
            "the file holds nothing",
            hint="was it saved, and is it the right one?",
            place=Place(source, 1, 1),
        )
    return tuple(builder.documents)


def _decode(raw: bytes, source: str) -> str:
    if len(raw) > SIZE_LIMIT:
        raise MalformedError(
            "yaml.too-large",
            f"the file has more than {SIZE_LIMIT // 2**20} MiB",
            place=Place(source, 1, 1),
            facts={"size": len(raw), "limit": SIZE_LIMIT},
        )
    if raw.startswith(_PACKED):
        raise MalformedError(
            "yaml.encoding",
            "this is a document of a word processor or a packed file, not plain text",
            hint="save it as plain text in UTF-8, or copy its words into a plain text file",
            place=Place(source, 1, 1),
        )
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        raise MalformedError(
            "yaml.encoding",
            "the file is not UTF-8 text",
            hint="save it as UTF-8 (in most editors: Save as, Encoding)",
            place=_place(source, before, len(before)),
        ) from error
    text = _LINE_END.sub("\n", text.removeprefix("\ufeff"))
    found = _FORBIDDEN.search(text)
    if found:
        raise _character(_place(source, text, found.start()), found.group())
    return text


def _place(source: str, text: str, offset: int) -> Place:
    before = text[:offset]
    return Place(source, before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def _character(place: Place, character: str) -> MalformedError:
    return MalformedError(
        "yaml.character",
        f"the character U+{ord(character):04X} is invisible or changes how the text reads",
        hint="delete it; it may stand where nothing is seen",
        place=place,
    )


def _syntax_hint(text: str, place: Place, problem: str) -> str:
    """What was probably meant where the parser gave up: by the line first, then by its words."""
    lines = text.split("\n")
    near = lines[max(0, place.line - 2) : place.line + 1]
    here = lines[place.line - 1] if place.line <= len(lines) else ""
    indents = "".join(part[: len(part) - len(part.lstrip())] for part in near)
    if "\t" in indents:
        return "indent with spaces, not with tabs"
    if indents.strip(" "):
        return "indent with plain spaces; other blanks stand at the beginning of the line"
    if _TYPOGRAPHIC.search(here) and "'" not in here and '"' not in here:
        return "write straight quotes, not typographic ones; look at the line before as well"
    return _hint_by_words(problem, here[: max(0, place.column - 1)], lines[: place.line][-2:])


def _hint_by_words(problem: str, before: str, last: list[str]) -> str:
    """By the parser's words, what stands before the place, and the last two lines up to it."""
    if problem.startswith("mapping values") and ": " in before:
        return "put the text behind the first colon in quotes, for it holds another colon"
    if any(_NO_BLANK.match(part) for part in last):
        return _ADVICE["could not find expected ':'"]
    for words, advice in _ADVICE.items():
        if words in problem:
            return advice
    if not before.strip():
        return _ADVICE["mapping values"]
    if before.count("'") > 1 or before.count('"') > 1:
        return "a quote ends here: write an apostrophe inside '...' twice, or use the other quotes"
    return "look for a missing quote, colon, bracket or indentation here or on the line before"


class _Builder:
    """Builds the trees from the parser's events."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.documents: list[Node] = []
        self._stack: list[ListNode | MapNode] = []
        self._keys: list[TextNode | None] = []
        self._seen: list[set[str]] = []
        self._nodes = 0
        self._starts = 0

    def feed(self, event: object) -> bool:
        """Take one event; True at the end of the stream."""
        match event:
            case ScalarEvent():
                self._scalar(event)
            case MappingStartEvent():
                self._open(event, MapNode(*_mark(event), []))
            case SequenceStartEvent():
                self._open(event, ListNode(*_mark(event), []))
            case MappingEndEvent() | SequenceEndEvent():
                self._stack.pop()
                self._keys.pop()
                self._seen.pop()
            case AliasEvent():
                raise self._refusal(
                    "yaml.anchor", "an alias stands for another part of the text", event
                )
            case DocumentStartEvent():
                self._starts += 1
                if self._starts > DOCUMENT_LIMIT:
                    raise self._refusal("yaml.too-many", "the file holds too many documents", event)
                if event.version is not None or event.tags:
                    raise self._refusal("yaml.tag", "directives (%) are not accepted", event)
            case DocumentEndEvent():
                # `--- ` with nothing behind it is a document that holds an empty text.
                last = self.documents[-1]
                if isinstance(last, TextNode) and not last.text and not last.quoted:
                    self.documents.pop()
            case StreamEndEvent():
                return True
        return False

    def _scalar(self, event: ScalarEvent) -> None:
        text: str = event.value
        self._require_plain(event)
        quoted = event.style in {"'", '"', "|", ">"}
        node = TextNode(*_mark(event), text, quoted)
        if event.style == '"':
            found = _FORBIDDEN.search(text)
            if found:
                raise _character(self._at(node), found.group())
        if self._stack and isinstance(self._stack[-1], MapNode) and self._keys[-1] is None:
            self._key(node)
        else:
            self._place(node)

    def _key(self, node: TextNode) -> None:
        if node.text == _MERGE and not node.quoted:
            raise MalformedError(
                "yaml.merge-key", "merge keys are not accepted", place=self._at(node)
            )
        if node.text in self._seen[-1]:
            raise MalformedError(
                "yaml.duplicate-key",
                "this key stands twice in the same map",
                hint="keep one of the two",
                place=self._at(node),
            )
        self._count(node)
        self._seen[-1].add(node.text)
        self._keys[-1] = node

    def _open(
        self, event: MappingStartEvent | SequenceStartEvent, node: MapNode | ListNode
    ) -> None:
        self._require_plain(event)
        if len(self._stack) >= LEVEL_LIMIT:
            raise MalformedError(
                "yaml.too-deep",
                f"lists and maps stand more than {LEVEL_LIMIT} deep in each other",
                place=self._at(node),
                facts={"limit": LEVEL_LIMIT},
            )
        if self._stack and isinstance(self._stack[-1], MapNode) and self._keys[-1] is None:
            raise MalformedError("yaml.key", "a key is a plain word", place=self._at(node))
        self._place(node)
        self._stack.append(node)
        self._keys.append(None)
        self._seen.append(set())

    def _place(self, node: Node) -> None:
        self._count(node)
        if not self._stack:
            self.documents.append(node)
            return
        parent = self._stack[-1]
        if isinstance(parent, ListNode):
            parent.items.append(node)
            return
        key = self._keys[-1]
        if key is not None:
            parent.entries.append((key, node))
            self._keys[-1] = None

    def _count(self, node: Node) -> None:
        self._nodes += 1
        if self._nodes > NODE_LIMIT:
            raise MalformedError(
                "yaml.too-many",
                "the file holds too many values",
                place=self._at(node),
                facts={"limit": NODE_LIMIT},
            )

    def _require_plain(self, event: ScalarEvent | MappingStartEvent | SequenceStartEvent) -> None:
        if event.anchor is not None:
            raise self._refusal("yaml.anchor", "anchors (&) are not accepted", event)
        if event.tag is not None:
            raise self._refusal("yaml.tag", "tags (!) are not accepted", event)

    def _refusal(self, code: str, sentence: str, event: object) -> MalformedError:
        line, column = _mark(event)
        return MalformedError(
            code,
            sentence,
            hint="write the value out where it belongs",
            place=Place(self.source, line, column),
        )

    def _at(self, node: Node) -> Place:
        return Place(self.source, node.line, node.column)


def _mark(event: object) -> tuple[int, int]:
    mark = event.start_mark  # type: ignore[attr-defined]
    return mark.line + 1, mark.column + 1
