"""`allied agreement new`, `check`, `explain` and `diff`: templates, days, several files, forms."""

from __future__ import annotations

from pathlib import Path

import pytest

from allied.bootstrap import template_names
from tests.cli.shell import allied


def template(folder: Path, name: str) -> Path:
    file = folder / f"{name}.yaml"
    file.write_text(allied("agreement", "new", "--template", name).out)
    return file


@pytest.mark.parametrize("name", template_names())
def test_a_template_is_printed_and_has_no_errors(name: str, tmp_path: Path) -> None:
    said = allied("agreement", "check", template(tmp_path, name))

    assert said.status == 0
    assert "0 errors" in said.err
    assert name in "".join(allied("agreement", "new", "--help").out.split())


@pytest.mark.parametrize("name", ["north-atlantic-treaty", "ukusa", "triple-entente"])
def test_a_historical_template_cannot_be_proposed(name: str, tmp_path: Path, lone: Path) -> None:
    file = template(tmp_path, name)
    if name == "triple-entente":
        file.write_text(file.read_text().split("\n---\n")[0])
    said = allied("agreement", "propose", file, "--data", lone, "--json")

    assert said.status == 5
    assert said.code == "agreement.status-in-text"


def test_a_day_shows_what_has_run_out(tmp_path: Path) -> None:
    file = template(tmp_path, "isac")
    codes = {
        day: {
            each["code"]
            for each in allied("agreement", "check", file, *day, "--json").value["findings"]
        }
        for day in ((), ("--date", "2029-01-01"), ("--date", "2027-01-01"))
    }

    lapsed = "agreement.legal-shield-lapsed"
    assert [lapsed in found for found in codes.values()] == [False, True, False]
    wrong = allied("agreement", "check", file, "--date", "soon", "--json")
    assert (wrong.status, wrong.code) == (2, "usage.date")


def test_several_files_are_held_together(tmp_path: Path) -> None:
    one, other = template(tmp_path, "pact"), tmp_path / "copy.yaml"
    other.write_text(one.read_text())

    assert allied("agreement", "check", one).status == 0
    both = allied("agreement", "check", one, other)
    assert both.status == 8
    assert "agreement.same-id" in both.out
    assert "copy.yaml" in both.out


@pytest.mark.parametrize("verb", ["explain", "diff"])
def test_every_form_goes_to_stdout_or_into_a_file(verb: str, tmp_path: Path) -> None:
    one, other = template(tmp_path, "pact"), tmp_path / "other.yaml"
    other.write_text(one.read_text().replace("2 years", "3 years"))
    files = [one] if verb == "explain" else [one, other]
    status = 0 if verb == "explain" else 8
    made = tmp_path / "made"
    for form, start in (("markdown", "# "), ("html", "<article"), ("text", "")):
        said = allied("agreement", verb, *files, "--format", form)
        assert said.status == status
        assert said.out.startswith(start)
        written = allied("agreement", verb, *files, "--format", form, "--output", made)
        assert (written.status, written.out) == (status, "")
        assert made.read_text().strip() == said.out.strip()


@pytest.mark.parametrize("verb", ["explain", "diff"])
def test_a_pdf_goes_into_a_file(verb: str, tmp_path: Path) -> None:
    pytest.importorskip("typst", reason="the extra `pdf` is not installed")
    file, made = template(tmp_path, "pact"), tmp_path / "pact.pdf"
    files = [file] if verb == "explain" else [file, file]

    assert allied("agreement", verb, *files, "--format", "pdf", "--output", made).status == 0
    first = made.read_bytes()
    assert first.startswith(b"%PDF-")
    assert allied("agreement", verb, *files, "--format", "pdf", "--output", made).status == 0
    assert made.read_bytes() == first
    nowhere = allied("agreement", verb, *files, "--format", "pdf")
    assert nowhere.status == 2
    assert "--output" in nowhere.err
    lost = allied("agreement", verb, *files, "--format", "pdf", "--output", tmp_path / "no" / "x")
    assert lost.status == 2


def test_an_unknown_form_is_a_usage_error(tmp_path: Path) -> None:
    said = allied("agreement", "explain", template(tmp_path, "pact"), "--format", "docx", "--json")

    assert (said.status, said.code) == (2, "usage.format")
