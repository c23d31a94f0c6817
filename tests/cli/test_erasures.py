"""Texts from the command line: shown, erased everywhere, kept for a reason."""

from __future__ import annotations

from pathlib import Path

from tests.cli.shell import Said, allied
from tests.cli.test_items import arrive, harbour as item_of_harbour, shared

_UNDER = ("-a", "river-harbour")


def erasure(pair: Path, who: str, *words: object) -> Said:
    return allied("erasure", *words, "-o", who, "--data", pair, "--json")


def asked_for(pair: Path, folder: Path, number: int, purpose: str) -> str:
    """A text of Harbour's: the purpose for which it asks to pass an item on."""
    name = shared(pair, folder, number)
    said = item_of_harbour(pair, "ask", name, "--to", "our insurer", "--purpose", purpose)
    assert said.status == 0, said.err
    arrive(pair)
    found = erasure(pair, "harbour", "texts", *_UNDER).value
    (text,) = [each["text"] for each in found if each["beginning"] == purpose]
    return str(text)


def test_a_text_is_erased_and_the_list_says_who_has_done_so(pair: Path, tmp_path: Path) -> None:
    text = asked_for(pair, tmp_path, 871, "Ada's broken leg")
    assert erasure(pair, "river", "ask", text, *_UNDER, "--yes").code == "erasure.not-the-author"
    tried = erasure(pair, "harbour", "ask", text[:12], *_UNDER, "--dry-run")
    assert tried.value == []
    done = erasure(pair, "harbour", "ask", text[:12], *_UNDER, "--why", "Ada asked", "--yes")
    assert done.status == 0, done.err
    (wish,) = done.value
    assert wish["texts"] == [{"state": "erased", "text": text}]
    arrive(pair)
    (seen,) = [each for each in erasure(pair, "river", "list").value if each["id"] == wish["id"]]
    assert (seen["by"], seen["mine"], seen["why"]) == ("harbour", False, "Ada asked")
    assert [(each["party"], each["state"]) for each in seen["parties"]] == [("river", "erased")]
    (shown,) = [each for each in item_of_harbour(pair, "requests").value
                if each["purpose"].startswith("[erased")]  # fmt: skip
    assert "as harbour wished: Ada asked]" in shown["purpose"]
    again = erasure(pair, "harbour", "ask", text, *_UNDER, "--yes")
    assert (again.status, again.code) == (1, "erasure.asked-already")
    told = allied("erasure", "list", "-o", "harbour", "--data", pair)
    assert "erased" in told.out


def test_a_text_is_kept_for_a_reason_until_it_is_released(pair: Path, tmp_path: Path) -> None:
    text = asked_for(pair, tmp_path, 872, "a second claim")
    assert erasure(pair, "river", "hold", text, *_UNDER, "--why", "an inquiry").status == 0
    assert erasure(pair, "harbour", "ask", text, *_UNDER, "--yes").status == 0
    arrive(pair)
    wish = erasure(pair, "harbour", "list").value[0]
    assert [(each["state"], each["why"]) for each in wish["parties"]] == [("kept", "an inquiry")]
    assert [each["state"] for each in wish["texts"]] == ["withheld"]
    assert erasure(pair, "river", "release", text, *_UNDER).value["erased"] == 1
    assert erasure(pair, "river", "release", text, *_UNDER).code == "erasure.not-held"
    arrive(pair)
    wish = erasure(pair, "harbour", "list").value[0]
    assert [each["state"] for each in wish["parties"]] == ["erased"]
    assert "erased" in allied("erasure", "texts", "-o", "river", "--data", pair).out
