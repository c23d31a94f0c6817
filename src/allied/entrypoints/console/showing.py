"""How values become pages: templates, escaping, times, marks.

Rules. Everything that is put into a page is escaped, whoever wrote it. Characters that
cannot be seen or that turn the direction of writing are shown by their code points, so
that no text of another organisation can pretend to be another text. Every instant is in
UTC and machine-readable. Templates hold no rules: they show what they are given.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from allied import __version__

if TYPE_CHECKING:
    from allied.entrypoints.console.assets import Assets

_PLAIN_SPACE: Final = frozenset("\n\t ")
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_LONG_SPACE: Final = "Zs"

GOOD, WAITING, BAD, QUIET = "good", "waiting", "bad", "quiet"

_STATES: Final = {
    # agreements
    "in-force": GOOD, "signed": WAITING, "proposed": WAITING, "draft": WAITING,
    "lapsed": BAD, "expired": BAD, "terminated": QUIET,
    # versions of a text
    "earlier": QUIET, "waiting": WAITING, "frozen": BAD,
    # parties
    "bound": GOOD, "leaving": WAITING, "invited": WAITING, "suspended": WAITING,
    "former": QUIET, "expelled": BAD,
    # how an organisation is known here
    "hosted": GOOD, "confirmed": GOOD, "unconfirmed": WAITING, "unknown": BAD,
    # verdicts and what became of them
    "permitted": GOOD, "released": GOOD, "receipt": GOOD, "refused": BAD,
    # results and the answers of gates
    "met": GOOD, "open": WAITING, "provisional": WAITING, "undetermined": WAITING,
    "not-met": QUIET, "yes": GOOD, "no": BAD, "awaited": WAITING,
    # obligations
    "owed": WAITING, "acknowledged": WAITING, "accepted": GOOD, "performed": GOOD,
    "verified": GOOD, "discharged": GOOD, "excused": QUIET, "excuse-claimed": WAITING,
    "waived": QUIET, "declined": BAD, "overdue": BAD, "overdue-answer": BAD,
    "invoked": GOOD, "responding": WAITING, "answered": GOOD,
    "reported": WAITING, "not-covered": QUIET, "pending": WAITING,
    # proposals, and where who votes on them stands
    "adopted": GOOD, "rejected": BAD, "silence-broken": BAD, "withdrawn": QUIET,
    "abstain": QUIET, "objected": BAD, "silent": GOOD, "present": WAITING, "absent": WAITING,
    "not-reached": WAITING,
    # how far the nodes have agreed on a count
    "voting": WAITING, "closing": WAITING, "tallying": WAITING, "counting": WAITING,
    "certifying": WAITING, "certified": GOOD, "split": BAD, "contradicted": BAD, "follows": QUIET,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of the console, ready to be filled."""

    environment: Environment

    def fill(self, name: str, /, **values: Any) -> str:
        """The page `name` with these values."""
        return self.environment.get_template(name).render(**values)


def templates(assets: Assets) -> Templates:
    """Set the templates up; undefined names are errors, not gaps."""
    environment = Environment(
        loader=PackageLoader("allied.entrypoints.console"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(asset=assets.path, version=__version__)
    environment.filters.update(
        when=when,
        clock=clock,
        words=words,
        tone=tone,
        away=away,
        tlp_word=tlp_word,
        size=size,
        sentence=sentence,
    )
    environment.globals["ui"] = environment.get_template("parts.html").module
    return Templates(environment)


def visible(text: str) -> str:
    """`text` with unseen and direction-turning characters shown by their code points."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each if each in _PLAIN_SPACE or _is_seen(each) else f"⟨U+{ord(each):04X}⟩" for each in text
    )


def _is_seen(character: str) -> bool:
    category = unicodedata.category(character)
    return category not in _UNSEEN and category != _LONG_SPACE


def _finalize(value: object) -> object:
    """What every expression of a template goes through before it is escaped."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return "" if value is None else value


def clock(at: datetime | None) -> str:
    """An instant in words: 2026-11-23 03:04:05 UTC; a dash for none."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if at else "–"


def when(at: datetime | None) -> Markup:
    """An instant that machines read as well; a dash for none."""
    if at is None:
        return Markup('<span class="none">–</span>')
    utc = at.astimezone(UTC)
    exact = utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    return Markup('<time datetime="{}">{} <span class="hour">{}</span></time>').format(
        exact, utc.strftime("%Y-%m-%d"), utc.strftime("%H:%M:%S") + " UTC"
    )


def away(at: datetime | None, now: datetime) -> str:
    """How far an instant is from now, roughly: `4 min ago`, `in 1 h 58 min`."""
    if at is None:
        return ""
    distance = at - now
    ahead = distance > timedelta(0)
    minutes = int(abs(distance).total_seconds() // 60)
    if minutes < 1:
        return "in less than a minute" if ahead else "just now"
    days, rest = divmod(minutes, 24 * 60)
    hours, left = divmod(rest, 60)
    if days:
        span = f"{days} d {hours} h" if hours and days < 7 else f"{days} d"
    elif hours:
        span = f"{hours} h {left} min" if left else f"{hours} h"
    else:
        span = f"{minutes} min"
    return f"in {span}" if ahead else f"{span} ago"


def words(code: str) -> str:
    """A code as words: `overdue-answer` becomes `overdue answer`."""
    return code.replace("-", " ").replace("_", " ")


def sentence(text: str) -> str:
    """`text` with a capital at its beginning."""
    return text[:1].upper() + text[1:]


def tone(state: str) -> str:
    """Which of the four marks a state has; unknown ones are quiet."""
    return _STATES.get(str(state), QUIET)


def tlp_word(tlp: str) -> str:
    """The part of a TLP marking that names its colour: `amber` for `AMBER+STRICT`."""
    return str(tlp).removeprefix("TLP:").partition("+")[0].lower()


def size(count: int) -> str:
    """A number of bytes for people."""
    if count < 1024:
        return f"{count} bytes"
    return f"{count / 1024:.1f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MiB"
