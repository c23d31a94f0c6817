"""What an agreement means, in plain language, with every default said.

The sentences are the phrases of the declarations (`agreement.clauses`, `agreement.parts`,
`agreement.terms`), filled with the values of one agreement. The result is a small tree,
printed as text, Markdown or HTML; nothing is fetched and no library is needed.

Words used here:
    sentence   what one field says, with what it holds below it
    section    the sentences of one part: the parties, the life, one article
    default    what the format says where the file says nothing; always marked as such

Rules that hold everywhere below. Every field of every part appears, written or by
default. A field that no part of this release acts on is marked where the file uses it.
Text from the agreement is quoted as data: in Markdown and HTML it can form no markup.
"""

from __future__ import annotations

import dataclasses
import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from string import Formatter
from typing import Any, Final

from allied.agreement.clauses import Clause
from allied.agreement.parties import Party
from allied.agreement.scalars import number_words
from allied.agreement.shape import (
    LATER,
    Declared,
    Group,
    Kind,
    Many,
    Named,
    OneOf,
    declared,
    is_nothing,
    listed,
)
from allied.agreement.terms import Agreement, View, load
from allied.errors import MalformedError
from allied.record.ids import PartyId

NO_ADVICE: Final = (
    "This explains what the file says and how this program reads it. Nothing here is legal advice."
)
DEFAULT_MARK: Final = "By default:"
LATER_MARK: Final = "(not enforced yet)"
_OWN_SECTION: Final = frozenset({"parties", "life", "scopes", "bodies", "articles"})
_HEAD: Final = frozenset({"art", "title", "text"})


@dataclass(frozen=True, slots=True)
class Sentence:
    """What one field says.

    Attributes:
        text: a sentence, or the beginning of one that `below` completes.
        default: it holds because the file says nothing else.
        later: the file says it, but no part of this release acts on it.
        key: the key in the file; empty for an entry of a list.
        below: what a nested value says.
    """

    text: str
    default: bool = False
    later: bool = False
    key: str = ""
    below: tuple[Sentence, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """One part of an agreement.

    Attributes:
        title: `Article 2: Meeting an attack together`.
        lead: the parties' own words, or an introduction; may be empty.
        sentences: in the order of the format.
        art: number of the article, empty for other parts.
    """

    title: str
    lead: str
    sentences: tuple[Sentence, ...]
    art: str = ""


@dataclass(frozen=True, slots=True)
class Explanation:
    """An agreement in plain language."""

    title: str
    lead: str
    sections: tuple[Section, ...]
    closing: tuple[str, ...]

    def to_text(self) -> str:
        """For a terminal."""
        lines = [self.title, "=" * len(self.title), "", *_wrapped(self.lead, 0)]
        for section in self.sections:
            lines += ["", section.title, "-" * len(section.title)]
            if section.lead:
                lines += _wrapped(section.lead, 2, first="  ")
            lines += _text_lines(section.sentences, 0)
        for each in self.closing:
            lines += ["", *_wrapped(each, 0)]
        return "\n".join(lines) + "\n"

    def to_markdown(self) -> str:
        """For documents; text of the agreement forms no markup."""
        lines = [f"# {plain_markdown(self.title)}", "", plain_markdown(self.lead)]
        for section in self.sections:
            lines += ["", f"## {plain_markdown(section.title)}", ""]
            if section.lead:
                lines += [f"> {plain_markdown(section.lead)}", ""]
            lines += _markdown_lines(section.sentences, 0)
        for each in self.closing:
            lines += ["", plain_markdown(each)]
        return "\n".join(lines) + "\n"

    def to_html(self) -> str:
        """A fragment for a page: headings, lists and paragraphs, everything escaped."""
        parts = ['<article class="explanation">', f"<h1>{html.escape(self.title)}</h1>"]
        parts.append(f"<p>{html.escape(self.lead)}</p>")
        for section in self.sections:
            parts += ["<section>", f"<h2>{html.escape(section.title)}</h2>"]
            if section.lead:
                parts.append(f"<blockquote><p>{html.escape(section.lead)}</p></blockquote>")
            parts += [*_html_list(section.sentences), "</section>"]
        parts += [f"<p>{html.escape(each)}</p>" for each in self.closing]
        return "\n".join([*parts, "</article>"]) + "\n"

    def to_document(self) -> dict[str, Any]:
        """Plain values for a typesetter: title, lead, sections of points, closing."""
        return {
            "title": self.title,
            "lead": [self.lead],
            "sections": [
                {
                    "title": section.title,
                    "lead": section.lead,
                    "points": _points(section.sentences),
                }
                for section in self.sections
            ],
            "closing": list(self.closing),
        }


def explain(value: Agreement | View) -> Explanation:
    """Say in plain language what an agreement or a view means.

    Cost: linear in the agreement.
    """
    if isinstance(value, View):
        return Explanation(
            value.title or value.id,
            "A view: a name for several agreements. It creates no rights and no duties itself.",
            (Section("What it joins", value.text, tuple(sentences_of(value, _HEAD))),),
            (NO_ADVICE,),
        )
    sections = (
        Section("The agreement", value.text, tuple(sentences_of(value, _HEAD | _OWN_SECTION))),
        Section("The parties", "", tuple(_parties(value))),
        Section("When it begins and ends", "", tuple(sentences_of(value.life))),
        _every_party(),
        *_named(value, "scopes", "Scopes", "Where and for what the articles count."),
        *_named(value, "bodies", "Bodies", "Who meets and decides."),
        _every_article(),
        *(_article(clause) for clause in value.articles),
    )
    later = _later(sections)
    closing = [
        f"What stands after “{DEFAULT_MARK}” does not stand in the file, or says the same as if it"
        " did not: it is what the format lays down.",
    ]
    if later:
        closing.append(
            f"What is marked {LATER_MARK} is read and signed, but this release does not act on it:"
            f" {number_words(later)} {'place' if later == 1 else 'places'} above."
        )
    closing.append(NO_ADVICE)
    return Explanation(value.title or value.id, _lead(value), sections, tuple(closing))


def explain_text(raw: bytes, source: str, form: str = "text") -> str:
    """Explain the documents of a file.

    Args:
        form: `text`, `markdown` or `html`.

    Raises:
        MalformedError: the file cannot be read.
        ValueError: there is no such form.
    """
    printed = []
    for value in load(raw, source):
        found = explain(value)
        match form:
            case "text":
                printed.append(found.to_text())
            case "markdown":
                printed.append(found.to_markdown())
            case "html":
                printed.append(found.to_html())
            case _:
                raise ValueError("text, markdown or html")
    if not printed:
        raise MalformedError("agreement.nothing", "the file holds no agreement")
    return "\n".join(printed)


def explain_document(raw: bytes, source: str) -> dict[str, Any]:
    """The documents of a file explained in one, for a typesetter.

    Raises:
        MalformedError: the file cannot be read.
    """
    made = [explain(value).to_document() for value in load(raw, source)]
    if not made:
        raise MalformedError("agreement.nothing", "the file holds no agreement")
    first, *others = made
    for each in others:
        opening = {"title": each["title"], "lead": "", "points": _plain_points(each["lead"])}
        first["sections"] += [opening, *each["sections"]]
        first["closing"] = list(dict.fromkeys([*first["closing"], *each["closing"]]))
    return first


def sentences_of(value: object, without: Iterable[str] = ()) -> Iterator[Sentence]:
    """What each field of a declared value says, in the order of the format."""
    skipped = frozenset(without)
    for each in declared(type(value)):
        if each.name not in skipped:
            yield _sentence(each, value)


def _sentence(each: Declared, owner: object) -> Sentence:
    value = getattr(owner, each.name)
    default = not each.required and each.is_default(owner)
    later = not default and each.enforced_by(value) == LATER
    if isinstance(value, bool) and each.field.absent:
        text = each.field.phrase if value else each.field.absent
        return Sentence(text, default, later, each.key)
    if is_nothing(value):
        text = each.field.absent or f"Nothing is said about {each.key.replace('_', ' ')}."
        return Sentence(text, default, later, each.key)
    below = tuple(_below(each.field.kind, value))
    if below:
        head = each.field.phrase.replace("{}", "").strip(" .:") + ":"
        if default and not any(one.below for one in below):
            return Sentence(" ".join([head, *(one.text for one in below)]), default, key=each.key)
        if later:
            below = tuple(_unmarked(below))
        return Sentence(head, default, later, each.key, below)
    return Sentence(
        _filled(each.field.phrase, each.field.kind.words(value)), default, later, each.key
    )


def _filled(phrase: str, words: str) -> str:
    """A phrase with its value; a text that ends its own sentence gets no second full stop."""
    if phrase.endswith("{}.") and words.endswith((".", "!", "?", "…")):
        phrase = phrase.removesuffix(".")
    return _sentence_case(phrase.replace("{}", words))


def _unmarked(sentences: Iterable[Sentence]) -> Iterator[Sentence]:
    """Without marks of enforcement, which the sentence above has for all of them."""
    for each in sentences:
        yield dataclasses.replace(each, later=False, below=tuple(_unmarked(each.below)))


def _below(kind: Kind, value: Any) -> Iterator[Sentence]:
    """What the declarations inside a value say; nothing for a value in one word."""
    if isinstance(kind, OneOf):
        kind = next(each for each in kind.kinds if each.owns(value))
    if isinstance(kind, Group) and isinstance(kind.show(value), dict):
        yield from sentences_of(value)
    elif isinstance(kind, Many) and any(isinstance(kind.each.show(one), dict) for one in value):
        for index, one in enumerate(value, 1):
            below = tuple(_below(kind.each, one))
            if not below:
                yield Sentence(_filled("{}.", kind.each.words(one)))
            elif len(value) == 1 and not hasattr(type(one), "LEAD"):
                yield from below
            else:
                yield _entry(str(index) if len(value) > 1 else "", one)
    elif isinstance(kind, Named) and isinstance(kind.each, Group):
        for name, one in value.items():
            yield _entry(kind.name.words(name), one)


def _entry(name: str, value: Any) -> Sentence:
    lead = getattr(type(value), "LEAD", "")
    if not lead:
        return Sentence(f"{name}:", below=tuple(sentences_of(value)))
    words = {
        each.name: each.field.kind.words(getattr(value, each.name))
        for each in declared(type(value))
        if not is_nothing(getattr(value, each.name))
    }
    text = _sentence_case(lead.format_map(words))
    used = {field for _, field, _, _ in Formatter().parse(lead) if field}
    return Sentence(
        f"{name}: {text}" if name else text, below=tuple(sentences_of(value, without=used))
    )


def _lead(value: Agreement) -> str:
    named = listed([party.name or party.id for party in value.parties])
    return f"An agreement of {number_words(len(value.parties))} parties: {named}."


def _parties(value: Agreement) -> Iterator[Sentence]:
    for party in value.parties:
        name = party.name or party.id
        said = sentences_of(party, ("name",) if party.name else ())
        yield Sentence(f"{name}:", below=tuple(each for each in said if not each.default))


def _every_party() -> Section:
    """The defaults that all parties share, said once."""
    return Section(
        "Every party",
        "What holds for each party of which nothing else is said above.",
        tuple(each for each in sentences_of(Party(id=PartyId("any"))) if each.default),
    )


def _named(value: Agreement, field: str, title: str, lead: str) -> Iterator[Section]:
    table = getattr(value, field)
    sentences = tuple(
        Sentence(f"{name}:", below=tuple(sentences_of(one))) for name, one in table.items()
    )
    if not sentences:
        absent = next(each.field.absent for each in declared(Agreement) if each.name == field)
        sentences = (Sentence(absent, default=True, key=field),)
        lead = ""
    yield Section(title, lead, sentences)


def _every_article() -> Section:
    """The defaults that all articles share, said once."""
    sentences = [
        Sentence(each.field.absent or each.field.phrase, default=True, key=each.key)
        for each in declared(Clause)
        if each.name not in _HEAD
    ]
    sentences[-1] = dataclasses.replace(sentences[-1], text=declared(Clause)[-1].field.phrase)
    return Section(
        "Every article", "What holds for each article that says nothing else.", tuple(sentences)
    )


def _article(clause: Clause) -> Section:
    kind = clause.TYPE.replace("-", " ")
    common = {each.name for each in declared(Clause)}
    found = {each.name: (each, _sentence(each, clause)) for each in declared(type(clause))}
    own = [sentence for name, (_, sentence) in found.items() if name not in common]
    shared = [
        sentence
        for each, sentence in found.values()
        if each.name in common - _HEAD and each.default_of(clause) != getattr(clause, each.name)
    ]
    if type(clause).__dataclass_fields__["operative"].default is False:
        shared.append(found["operative"][1])
    called = clause.title or clause.ABOUT
    title = f"Article {clause.art}: {called}"
    if called.lower() != kind:
        title += f" ({kind})"
    return Section(title, clause.text, (*own, *shared), clause.art)


def _later(sections: Iterable[Section]) -> int:
    def count(sentences: Iterable[Sentence]) -> int:
        return sum(each.later + count(each.below) for each in sentences)

    return sum(count(section.sentences) for section in sections)


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]


def _marks(sentence: Sentence) -> str:
    mark = " (default)" if sentence.default else ""
    return mark + (f" {LATER_MARK}" if sentence.later else "")


def _arranged(sentences: Iterable[Sentence]) -> tuple[list[Sentence], str]:
    """What the file says, and all defaults in one paragraph after it."""
    said = []
    defaults = []
    for each in sentences:
        if each.default and not each.below:
            defaults.append(each.text)
        else:
            said.append(each)
    return said, f"{DEFAULT_MARK} {' '.join(defaults)}" if defaults else ""


def _wrapped(text: str, indent: int, first: str = "") -> list[str]:
    lines: list[str] = []
    line = first
    for word in text.split():
        if line.strip() and len(line) + len(word) >= 96:
            lines.append(line)
            line = " " * indent
        line += word if not line or line.endswith(" ") else f" {word}"
    return [*lines, line]


def _text_lines(sentences: Iterable[Sentence], level: int) -> list[str]:
    pad = "  " * (level + 1)
    said, defaults = _arranged(sentences)
    lines: list[str] = []
    for each in said:
        lines += _wrapped(each.text + _marks(each), len(pad) + 2, first=f"{pad}- ")
        lines += _text_lines(each.below, level + 1)
    if defaults:
        lines += _wrapped(defaults, len(pad) + 2, first=f"{pad}- ")
    return lines


_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]<>#|~!&$])")


def plain_markdown(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def _markdown_lines(sentences: Iterable[Sentence], level: int) -> list[str]:
    pad = "    " * level
    said, defaults = _arranged(sentences)
    lines: list[str] = []
    for each in said:
        marks = f" *{_marks(each).strip()}*" if _marks(each) else ""
        lines.append(f"{pad}- {plain_markdown(each.text)}{marks}")
        lines += _markdown_lines(each.below, level + 1)
    if defaults:
        lines.append(f"{pad}- *{plain_markdown(defaults)}*")
    return lines


def _points(sentences: Iterable[Sentence]) -> list[dict[str, Any]]:
    said, defaults = _arranged(sentences)
    points = [
        {"text": each.text + _marks(each), "faint": False, "below": _points(each.below)}
        for each in said
    ]
    if defaults:
        points.append({"text": defaults, "faint": True, "below": []})
    return points


def _plain_points(texts: Iterable[str]) -> list[dict[str, Any]]:
    return [{"text": each, "faint": False, "below": []} for each in texts]


def _html_list(sentences: Iterable[Sentence]) -> list[str]:
    said, defaults = _arranged(sentences)
    parts = ["<ul>"]
    for each in said:
        marks = f" <small>{html.escape(_marks(each).strip())}</small>" if _marks(each) else ""
        parts.append(f"<li>{html.escape(each.text)}{marks}")
        if each.below:
            parts += _html_list(each.below)
        parts.append("</li>")
    if defaults:
        parts.append(f'<li class="default"><small>{html.escape(defaults)}</small></li>')
    return [*parts, "</ul>"]
