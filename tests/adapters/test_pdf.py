"""PDF/A from what the program explains; skipped where the extra `pdf` is not installed."""

from __future__ import annotations

import builtins
import re
import sys
from typing import Any

import pytest

from allied.adapters.pdf import SIZE_LIMIT, typeset
from allied.agreement.explain import explain_document
from allied.bootstrap import template_names, template_text
from allied.errors import MalformedError, UsageError


def page(text: str, title: str = "A title") -> dict[str, Any]:
    point = {"text": text, "faint": False, "below": [{"text": text, "faint": True, "below": []}]}
    section = {"title": text, "lead": text, "points": [point]}
    return {"title": title, "lead": [text], "sections": [section], "closing": [text]}


def test_it_is_pdf_a_with_its_title_and_the_same_each_time() -> None:
    pytest.importorskip("typst", reason="the extra `pdf` is not installed")
    made = typeset(page("Some words", "Pact of Österreich & Åland"))

    assert made.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>2</pdfaid:part>" in made
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in made
    assert "Pact of Österreich &amp; Åland".encode() in made
    assert typeset(page("Some words", "Pact of Österreich & Åland")) == made
    assert typeset(page("Other words", "Pact of Österreich & Åland")) != made


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("#panic()", id="a call"),
        pytest.param('#read("/etc/hostname")', id="a file"),
        pytest.param("$x$ *a* _b_ `c` = d - e @f <g> \\ // h /* i", id="markup"),
        pytest.param('"] #let x = 1', id="the end of a text"),
    ],
)
def test_what_stands_in_an_agreement_is_data_to_the_typesetter(text: str) -> None:
    pytest.importorskip("typst", reason="the extra `pdf` is not installed")
    plain = re.sub(r"[^A-Za-z0-9 ]", "x", text)

    assert len(typeset(page(text))) > 1000
    assert typeset(page(text)) != typeset(page(plain))


@pytest.mark.parametrize("name", template_names())
def test_every_template_can_be_explained_as_a_pdf(name: str) -> None:
    pytest.importorskip("typst", reason="the extra `pdf` is not installed")
    document = explain_document(template_text(name).encode(), name)

    assert typeset(document).startswith(b"%PDF-")


def test_letters_that_no_font_has_and_too_many_of_them_are_refused() -> None:
    pytest.importorskip("typst", reason="the extra `pdf` is not installed")
    with pytest.raises(MalformedError) as missing:
        typeset(page("\U00012000"))
    with pytest.raises(MalformedError) as large:
        typeset(page("x" * (SIZE_LIMIT // 2)))

    assert missing.value.code == "pdf.no-letters"
    assert large.value.code == "pdf.too-large"
    assert typeset(page("x"))


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name == "typst":
            raise ImportError(name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "typst", raising=False)
    with pytest.raises(UsageError) as refusal:
        typeset(page("x"))

    assert refusal.value.code == "pdf.not-installed"
    assert "allied[pdf]" in refusal.value.hint
