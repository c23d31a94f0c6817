from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from allied.agreement.clause import Clause
from allied.agreement.explain import NO_ADVICE, Sentence, explain, explain_text
from allied.agreement.fields import declared
from allied.agreement.terms import Agreement, View, dump, load
from tests.agreement.texts import (
    FEW,
    SAMPLE_FILES,
    SAMPLES,
    TEMPLATE_FILES,
    TEMPLATES,
    agreements,
    pact,
)

FILES = pytest.mark.parametrize(
    "file", [*SAMPLE_FILES, *TEMPLATE_FILES], ids=lambda file: file.stem
)


def sentences(found: Iterable[Sentence]) -> Iterator[Sentence]:
    for each in found:
        yield each
        yield from sentences(each.below)


@FEW
@given(agreements())
def test_every_field_of_every_article_is_said_and_defaults_are_marked(agreement: Agreement) -> None:
    explanation = explain(agreement)
    common = {each.key for each in declared(Clause)}

    for clause in agreement.articles:
        (section,) = [each for each in explanation.sections if each.art == clause.art]
        said = {each.key: each for each in section.sentences}
        for each in declared(type(clause)):
            if each.key in common:
                continue
            expected = not each.required and each.is_default(clause)
            assert said[each.key].default is expected
    every = next(each for each in explanation.sections if each.title == "Every article")
    assert {each.key for each in every.sentences} == common - {"art", "title", "text"}


@FEW
@given(agreements())
def test_no_sentence_is_left_with_a_gap(agreement: Agreement) -> None:
    explanation = explain(agreement)
    for section in explanation.sections:
        for each in sentences(section.sentences):
            assert each.text.strip()
            assert "{}" not in each.text or "{}" in dump(agreement)
            assert each.text != ":"
    assert explanation.to_text()
    assert explanation.to_markdown()
    assert explanation.to_html()


@FILES
@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_what_we_publish_is_explained_without_an_oddity(file: Path, form: str) -> None:
    said = explain_text(file.read_bytes(), file.name, form)

    assert NO_ADVICE.split(". ")[1] in said
    for odd in ("None", "()", "Table(", "  .", "..", " ,", "{}", "Duration"):
        assert odd not in said.replace("...", "")


def test_the_pact_reads_as_a_person_would_say_it() -> None:
    said = explain_text((TEMPLATES / "pact.yaml").read_bytes(), "pact", "text")
    flat = " ".join(said.split())

    for sentence in (
        "An agreement of two parties: First Company and Second Company.",
        "What is shared: indicators, techniques, vulnerabilities, incident reports and",
        "It is shared within four hours of becoming known.",
        "Nothing above TLP:AMBER+STRICT may be sent under this clause; it is refused.",
        "Every party but the victim must do this for the victim: assist.",
        "To be answered within two hours.",
        "A party is excused if it has an emergency of its own or the law forbids it.",
        "A party that gives notice is out after 90 days.",
        "By default: It can be signed at any time. It enters into force once all parties have"
        " signed.",
    ):
        assert sentence in flat


def test_what_nobody_enforces_yet_is_marked_and_counted() -> None:
    said = explain_text(
        pact('{art: "1", type: information-sharing, share: all, anonymise: {by: submitter}}'),
        "a",
        "text",
    )
    without = explain_text(pact('{art: "1", type: information-sharing, share: all}'), "a", "text")

    assert "Done by the sender. (not enforced yet)" in said
    assert "one place above" in " ".join(said.split())
    assert "not enforced yet" not in without


def test_a_view_says_that_it_obliges_nobody() -> None:
    *_, view = load((SAMPLES / "triple-entente.yaml").read_bytes(), "a")
    assert isinstance(view, View)

    said = explain(view).to_text()

    assert "creates no rights and no duties" in said
    assert "franco-russian-1892, entente-cordiale-1904 and anglo-russian-1907" in said


class Elements(HTMLParser):
    """The names of the elements of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not [name for name, _ in attrs if name != "class"]
        self.found.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


EVIL = (
    "<script>alert(1)</script> [x](javascript:alert(1)) *bold* `code` # head"
    " ![i](http://x.example/a.png) & | <b>"
)


def test_text_of_an_agreement_forms_no_markup() -> None:
    text = pact('{art: "1", type: statement, title: %s}' % repr(EVIL), title=repr(EVIL))  # noqa: UP031

    page = explain_text(text, "a", "html")
    elements = Elements()
    elements.feed(page)
    assert elements.found <= {
        "article",
        "h1",
        "h2",
        "p",
        "section",
        "ul",
        "li",
        "small",
        "blockquote",
    }
    assert not elements.open
    assert EVIL in html.unescape(page)

    rendered = MarkdownIt().render(explain_text(text, "a", "markdown"))
    elements = Elements()
    elements.feed(rendered)
    assert elements.found <= {"h1", "h2", "p", "ul", "li", "em", "blockquote"}
    assert EVIL in html.unescape(re.sub(r"</?(?:em|p|li)>", "", rendered))


def test_an_unknown_form_is_refused() -> None:
    assert explain_text(pact(), "a", "text")

    with pytest.raises(ValueError, match="markdown"):
        explain_text(pact(), "a", "pdf")
