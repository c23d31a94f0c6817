"""What changed, as text, Markdown, HTML and for a typesetter."""

from __future__ import annotations

from typing import Any

from markdown_it import MarkdownIt

from allied.agreement import diff_forms as forms
from allied.agreement.diff import diff_texts
from tests.agreement.texts import pact

OLD = pact('{art: "1", type: statement, text: one}', '{art: "2", type: review}')
NEW = pact(
    '{art: "1", type: statement, text: "<b>two</b> *x* & [y](z)"}',
    '{art: "3", type: review, every: 1 year}',
    title="New",
)
CHANGES = diff_texts(OLD, "old", NEW, "new")


def test_every_form_has_every_change_under_its_article() -> None:
    document = forms.to_document(CHANGES, "old.yaml", "new.yaml")
    titles = [section["title"] for section in document["sections"]]
    points = [point["text"] for section in document["sections"] for point in section["points"]]

    assert titles == ["The agreement", "Article 1", "Article 2", "Article 3"]
    assert len(points) == len(CHANGES)
    markdown = forms.to_markdown(CHANGES, "old.yaml", "new.yaml")
    assert markdown.count("\n- **") == len(CHANGES)
    assert forms.to_html(CHANGES, "old.yaml", "new.yaml").count("<li") == len(CHANGES)
    assert len(forms.to_text(CHANGES).splitlines()) == len(CHANGES)


def test_text_of_an_agreement_forms_no_markup() -> None:
    markdown = MarkdownIt().render(forms.to_markdown(CHANGES, "a<b>.yaml", "*b*"))
    page = forms.to_html(CHANGES, "a<b>.yaml", "*b*")

    for made in (markdown, page):
        assert "<b>" not in made
        assert "&lt;b&gt;two" in made
        assert "<a " not in made
        assert "<em>x</em>" not in made


def test_two_texts_that_mean_the_same_say_so_in_every_form() -> None:
    document: dict[str, Any] = forms.to_document((), "a", "b")

    assert forms.to_text(()) == "Both mean the same.\n"
    assert forms.SAME in forms.to_markdown((), "a", "b")
    assert forms.SAME in forms.to_html((), "a", "b")
    assert forms.SAME in document["lead"]
    assert forms.SAME not in forms.to_markdown(CHANGES, "a", "b")
