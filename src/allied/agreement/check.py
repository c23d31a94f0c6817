"""What is doubtful in agreements that can be read, and what nobody enforces yet.

The loader refuses what cannot be read. This module reads on: what is contradictory,
what can never happen, what was probably forgotten, and what this release parses without
acting on it. It decides nothing; a text with findings can be signed, unless one of them is
an error. The questions are asked in rooms of their own: `check_life`, `check_sharing`,
`check_response`, `check_rules` about one agreement, `check_together` about several.

Words used here:
    finding    code, severity, article, place, a sentence, and what to do
    error      the text contradicts itself; `agreement check` ends with status 8
    warning    allowed, and probably not what was meant
    note       worth knowing

Rules that hold everywhere below. Every finding names its place where the text is at hand.
Findings come in the order of the text. Whatever the file says and nobody acts on yields
exactly one `agreement.not-enforced`, at the outermost field. No clock is read: what
depends on the day is asked only for a day that is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Final

from allied.agreement import check_life, check_response, check_rules, check_sharing
from allied.agreement.check_doubt import NOTE, Doubt, Places, Question
from allied.agreement.check_together import together
from allied.agreement.enforcement import used_but_later
from allied.agreement.shape import Finding, MalformedTextError
from allied.agreement.terms import Agreement, Document, View, read
from allied.errors import MalformedError, Place


def check(
    value: Agreement | View, document: Document | None = None, *, day: date | None = None
) -> tuple[Finding, ...]:
    """Say what is doubtful in an agreement.

    Args:
        document: the text it was read from, for the places; without it no finding has one.
        day: asks also what has run out on that day.

    Cost: linear in the agreement.
    """
    if isinstance(value, View):
        return document.remarks if document else ()
    doubts = [doubt for question in _QUESTIONS for doubt in question(value, day)]
    places = Places(document) if document else None
    findings = [_placed(doubt, places) for doubt in doubts]
    return _ordered([*findings, *(document.remarks if document else ())])


def check_text(raw: bytes, source: str, *, day: date | None = None) -> tuple[Finding, ...]:
    """Read a file and say what is wrong or doubtful in it, its documents held together.

    A file that cannot be read yields its mistakes as findings; nothing is raised for them.
    """
    return check_files([(raw, source)], day=day)


def check_files(
    files: Iterable[tuple[bytes, str]], *, day: date | None = None
) -> tuple[Finding, ...]:
    """Read files and say what is wrong or doubtful in each, and in all of them together.

    Args:
        files: the bytes of each, with its name as the user gave it.
        day: asks also what has run out on that day.

    Returns:
        The findings, file by file in the order given.

    Cost: linear in each agreement, and in the pairs of them that share a party.
    """
    documents: list[Document] = []
    names: list[str] = []
    findings: list[Finding] = []
    for raw, source in files:
        names.append(source)
        try:
            documents += read(raw, source)
        except MalformedTextError as error:
            findings += error.findings
        except MalformedError as error:
            place = error.place or Place(source, 0, 0)
            findings.append(Finding(error.code, "error", "", place, error.message, error.hint))
    for document in documents:
        findings += check(document.value, document, day=day)
    findings += _together(documents)
    rank = {name: number for number, name in reversed(list(enumerate(names)))}
    ordered = _ordered(findings)
    return tuple(
        sorted(ordered, key=lambda each: rank.get(each.place.source, 0) if each.place else 0)
    )


def _together(documents: Sequence[Document]) -> Iterator[Finding]:
    places = [Places(each) for each in documents]
    for number, doubt in together([each.value for each in documents]):
        yield _placed(doubt, places[number])


def _placed(doubt: Doubt, places: Places | None) -> Finding:
    place = places.at(doubt.path) if places else None
    return Finding(doubt.code, doubt.severity, doubt.clause, place, doubt.text, doubt.advice)


def _ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    first = Place("", 0, 0)
    return tuple(
        sorted(findings, key=lambda each: ((p := each.place or first).line, p.column, each.code))
    )


def _enforcement(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    for used in used_but_later(value):
        yield Doubt(
            "agreement.not-enforced",
            NOTE,
            used.path,
            f"`{used.key}` is read, signed and shown, but this release does not act on it yet",
            "people have to see to it; the program will not remind them",
            used.clause,
        )


_QUESTIONS: Final[tuple[Question, ...]] = (
    *check_life.QUESTIONS,
    *check_sharing.QUESTIONS,
    *check_response.QUESTIONS,
    *check_rules.QUESTIONS,
    _enforcement,
)
