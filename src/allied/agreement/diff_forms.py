"""What changed in meaning, as people read it: text, Markdown, HTML, or for a typesetter.

Which changes there are is decided by `agreement.diff`; here they are put under the articles
they belong to and into sentences.

Words used here:
    group    the changes of one article, or those that belong to none

Rules that hold everywhere below. Text from the agreements is quoted as data: in Markdown and
HTML it can form no markup. All forms have the same changes in the same order.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

from allied.agreement.diff import Change
from allied.agreement.explain import NO_ADVICE, plain_markdown

SAME: Final = "Both mean the same."
TITLE: Final = "What changes in meaning"
_DONE: Final = {"added": "New", "removed": "Gone", "changed": "Changed"}


def to_text(changes: Sequence[Change]) -> str:
    """One line for each change."""
    return "\n".join([str(each) for each in changes] or [SAME]) + "\n"


def to_markdown(changes: Sequence[Change], before: str, after: str) -> str:
    """For documents; `before` and `after` are the names of the two texts."""
    lines = [f"# {TITLE}", "", plain_markdown(_between(before, after))]
    for title, group in _groups(changes):
        lines += ["", f"## {plain_markdown(title)}", ""]
        for each in group:
            meaning = f" *{plain_markdown(each.meaning)}*" if each.meaning else ""
            lines.append(f"- **{_DONE[each.kind]}** {plain_markdown(_said(each))}{meaning}")
    if not changes:
        lines += ["", SAME]
    return "\n".join([*lines, "", plain_markdown(NO_ADVICE)]) + "\n"


def to_html(changes: Sequence[Change], before: str, after: str) -> str:
    """A fragment for a page, everything escaped."""
    parts = ['<article class="changes">', f"<h1>{TITLE}</h1>"]
    parts.append(f"<p>{html.escape(_between(before, after))}</p>")
    for title, group in _groups(changes):
        parts += ["<section>", f"<h2>{html.escape(title)}</h2>", "<ul>"]
        for each in group:
            meaning = f" <em>{html.escape(each.meaning)}</em>" if each.meaning else ""
            parts.append(
                f'<li class="{each.kind}"><strong>{_DONE[each.kind]}</strong>'
                f" {html.escape(_said(each))}{meaning}</li>"
            )
        parts += ["</ul>", "</section>"]
    if not changes:
        parts.append(f"<p>{SAME}</p>")
    return "\n".join([*parts, f"<p>{html.escape(NO_ADVICE)}</p>", "</article>"]) + "\n"


def to_document(changes: Sequence[Change], before: str, after: str) -> dict[str, Any]:
    """Plain values for a typesetter: title, lead, sections of points, closing."""
    return {
        "title": TITLE,
        "lead": [_between(before, after), *([] if changes else [SAME])],
        "sections": [
            {
                "title": title,
                "lead": "",
                "points": [
                    {
                        "text": f"{_DONE[each.kind]}: {_said(each)}",
                        "faint": False,
                        "below": [{"text": each.meaning, "faint": True, "below": []}]
                        if each.meaning
                        else [],
                    }
                    for each in group
                ],
            }
            for title, group in _groups(changes)
        ],
        "closing": [NO_ADVICE],
    }


def _between(before: str, after: str) -> str:
    return f"From {before} to {after}."


def _groups(changes: Iterable[Change]) -> list[tuple[str, list[Change]]]:
    return [
        (f"Article {art}" if art else "The agreement", list(group))
        for art, group in groupby(changes, key=lambda each: each.clause)
    ]


def _said(change: Change) -> str:
    name = ".".join(change.path[2:] if change.clause else change.path) or "the article"
    match change.kind:
        case "added":
            return f"{name}: {change.after}"
        case "removed":
            return f"{name}: {change.before}"
        case _:
            return f"{name}: {change.before} → {change.after}"
