"""Who is bound, by which text, and what falls due: `allied agreement standing`.

Over files alone, with no node: the same pure functions that decide on a node, asked about a day.
Reading the files and showing the answer is all that happens here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from allied.entrypoints.cli.options import AsJson
from allied.entrypoints.cli.terminal import give, instant, table
from allied.entrypoints.cli.texts import Several, agreements_in, events_in, moment_of
from allied.errors import NotFoundError

if TYPE_CHECKING:
    from allied.agreement.agenda import Due
    from allied.agreement.amending import Mode
    from allied.agreement.events import Register
    from allied.agreement.moments import Moment
    from allied.agreement.standing import Standing
    from allied.agreement.versions import Text, Versions

_HOW: Final = {
    "all-ratify": "once all have consented",
    "fraction-binds-all": "for all, once a share has consented",
    "steward-notice": "when the notice has run",
}


def add_to(agreement: typer.Typer) -> None:
    """Add the verb to those of agreements."""
    agreement.command("standing", cls=Several)(standing)


def standing(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Agreement files, or folders of them."),
    ],
    register: Annotated[
        list[Path] | None,
        typer.Option("--register", metavar="FILE", help="A register/1 file: who signed, left ..."),
    ] = None,
    day: Annotated[
        str, typer.Option("--date", help="As things stand at the end of this day; without it, now.")
    ] = "",
    until: Annotated[
        str, typer.Option("--until", help="Leave out what falls due after this day.")
    ] = "",
    only: Annotated[
        list[str] | None,
        typer.Option("--agreement", "-a", metavar="ID", help="Only this one (repeatable)."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say who is bound by agreement files on a day, by which text, and what falls due.

    No node is needed. A day stands for its end; --until bounds the agenda.
    """
    from allied.agreement.events import Register
    from allied.agreement.versions import versions_of

    texts = agreements_in(paths)
    held = Register(texts, events_in(register or (), texts))
    asked = moment_of(day, "--date") or _now()
    last = moment_of(until, "--until")
    amended = {version for its in versions_of(held).values() for version in its}
    names = [name for name in sorted(texts) if name not in amended]
    for name in only or ():
        if name not in names:
            raise NotFoundError(
                "register.unknown-agreement",
                f"no agreement called {name} is among the files",
                hint="an amended text goes under the id of the first one",
            )
    names = [name for name in names if not only or name in only]
    found = [_look(held, name, asked, last) for name in names]
    if as_json:
        give({"agreements": [shown(*each) for each in found]}, as_json=True)
        return
    for number, each in enumerate(found):
        if number:
            _line()
        _show(*each)


def _now() -> datetime:
    from allied.bootstrap import present

    return present()


def _look(
    held: Register, name: str, asked: Moment, last: Moment | None
) -> tuple[Versions, tuple[Due, ...], datetime]:
    from allied.agreement.agenda import agenda_of
    from allied.agreement.versions import versions
    from allied.response.moment import end

    zone = held.agreements[name].timezone
    at = end(asked, zone)
    found = versions(held, name, at)
    return found, agenda_of(held, found, at, None if last is None else end(last, zone)), at


# --- for machines -----------------------------------------------------------------------


def shown(found: Versions, dues: Sequence[Due], at: datetime) -> dict[str, object]:
    """How an agreement stands, as `--json` gives it."""
    whole, first = found.standing, found.texts[0].terms
    return {
        "agreement": found.agreement,
        "title": found.newest.terms.title or first.title,
        "at": at,
        "state": whole.state,
        "in_force_since": whole.in_force_since,
        "ends": whole.ends,
        "version": found.newest.version,
        "awaited": whole.awaited,
        "parties": [
            {
                "party": party,
                "name": _name(found, party),
                "role": its.role,
                "tier": its.tier,
                "legal": its.legal,
                "practice": its.practice,
                "since": its.since,
                "until": its.until,
                "version": found.of(party).version if its.since is not None else None,
                "ground": its.ground,
                "succeeds": its.succeeds,
                "succeeded_by": its.succeeded_by,
            }
            for party, its in whole.parties.items()
        ],
        "texts": [_text_shown(text) for text in found.texts],
        "bodies": {body: sorted(its) for body, its in sorted(whole.participation.items())},
        "chairs": dict(sorted(whole.chairs.items())),
        "suspended": {
            "articles": [{"art": art, "party": party} for art, party in _articles(whole)],
            "pairs": [
                {"debtor": debtor, "creditor": creditor}
                for debtor, creditor in sorted(whole.suspended_pairs)
            ],
        },
        "reservations": list(whole.reservations),
        "surviving": whole.surviving,
        "warnings": [{"code": code, "text": said} for code, said in _warnings(found)],
        "agenda": list(dues),
    }


def _text_shown(text: Text) -> dict[str, object]:
    effect, mode = text.effect, text.mode
    return {
        "version": text.version,
        "adopted": text.adopted,
        "since": text.standing.in_force_since if effect is None else effect.since,
        "how": mode.how if mode else None,
        "art": mode.art if mode else "",
        "due": effect.due if effect else None,
        "consented": sorted(effect.consenting) if effect else [],
        "objected": sorted(effect.objecting) if effect else [],
        "awaited": effect.awaited if effect else (),
        "missing": effect.missing if effect else 0,
        "reached": sorted(text.accepted),
    }


def _articles(whole: Standing) -> list[tuple[str, str | None]]:
    return sorted(whole.suspended_clauses, key=lambda each: (each[0], each[1] or ""))


def _warnings(found: Versions) -> Iterable[tuple[str, str]]:
    return dict.fromkeys((*found.standing.warnings, *found.warnings))


def _name(found: Versions, party: str) -> str:
    for text in (found.newest, *reversed(found.texts)):
        for each in text.terms.parties:
            if each.id == party:
                return each.name or ""
    return ""


# --- for people -------------------------------------------------------------------------


def _show(found: Versions, dues: Sequence[Due], at: datetime) -> None:
    whole, zone = found.standing, found.texts[0].terms.timezone
    title = found.newest.terms.title or found.texts[0].terms.title
    _line(f"{found.agreement}  {title}".rstrip())
    _line(f"On {_day(at, zone)} it is {_state(whole, zone)}.")
    if whole.awaited and whole.in_force_since is None:
        _line(f"Awaited: {', '.join(whole.awaited)}.")
    several = len(found.texts) > 1
    _line()
    table(
        ("party", "name", "role", "standing", "since", "until", *(("text",) if several else ())),
        [
            (
                party,
                _name(found, party) or "-",
                f"{its.role}, {its.tier}" if its.tier else its.role,
                f"{its.legal} (in practice {its.practice})" if its.practice else its.legal,
                _when(its.since, zone),
                _when(its.until, zone),
                *((found.of(party).version if its.since else "-",) if several else ()),
            )
            for party, its in whole.parties.items()
        ],
    )
    if several:
        _line()
        _texts(found.texts, zone)
    for said in _beside(whole):
        _line(said)
    _agenda(dues, zone)
    for code, said in _warnings(found):
        _line(f"Warning: {said} [{code}]")


def _state(whole: Standing, zone: str) -> str:
    words = whole.state.replace("-", " ")
    since = f" since {_when(whole.in_force_since, zone)}" if whole.in_force_since else ""
    if whole.state == "in-force":
        ends = f"; its term ends on {_when(whole.ends, zone)}" if whole.ends else ""
        return f"{words}{since}{ends}"
    return f"{words}; it was in force{since}" if since else words


def _texts(texts: Sequence[Text], zone: str) -> None:
    table(
        ("text", "adopted", "in effect since", "how", "consented", "objected", "awaited"),
        [
            (
                text.version,
                _when(text.adopted, zone),
                _when(text.effect.since if text.effect else text.standing.in_force_since, zone),
                _how(text.mode) if text.mode else "the first text",
                *_words(text),
            )
            for text in texts
        ],
    )


def _words(text: Text) -> tuple[str, str, str]:
    """Who consented, who objected, who is awaited."""
    effect = text.effect
    said = (effect.consenting, effect.objecting, effect.awaited) if effect else ((), (), ())
    consented, objected, awaited = (", ".join(sorted(each)) or "-" for each in said)
    return consented, objected, awaited


def _how(mode: Mode) -> str:
    under = mode.art if mode.art.startswith("annex") else f"Art {mode.art}"
    return f"{_HOW[mode.how]} ({under})" if mode.art else f"{_HOW[mode.how]} (no article says)"


def _beside(whole: Standing) -> Iterator[str]:
    for art, party in _articles(whole):
        yield f"Suspended: Art {art} for {party or 'everybody'}."
    for debtor, creditor in sorted(whole.suspended_pairs):
        yield f"Suspended: what {debtor} owes {creditor}."
    for each in whole.reservations:
        both = "" if each.reciprocal else ", not reciprocal"
        yield f"Reservation of {each.party} to Art {each.art}: {each.effect}{both}."
    for body, members in sorted(whole.participation.items()):
        yield f"Takes part in {body}: {', '.join(sorted(members)) or 'nobody'}."
    for body, party in sorted(whole.chairs.items()):
        yield f"Elected to chair {body}: {party}."
    for thing in whole.surviving:
        yield f"It outlives the agreement: {thing}."


def _agenda(dues: Sequence[Due], zone: str) -> None:
    if not dues:
        return
    _line()
    table(
        ("when", "what", "for", "under"),
        [agenda_row(due, zone) for due in dues],
    )


def agenda_row(due: Due, zone: str) -> tuple[str, str, str, str]:
    """One line of an agenda: when, what, for whom, under which article."""
    when = "waiting" if due.at is None else _when(due.at, zone)
    return (
        f"overdue since {when}" if due.overdue else when,
        due.sentence,
        ", ".join(due.who) or "all",
        f"{due.version} {_under(due.art)}".rstrip(),
    )


def _under(art: str) -> str:
    return art if not art or art.startswith("annex") else f"Art {art}"


def _day(at: datetime, zone: str) -> str:
    from allied.response.moment import zone as named

    return at.astimezone(named(zone)).date().isoformat()


def _when(at: datetime | None, zone: str) -> str:
    """A moment: the day that begins at it in the agreement's time zone, else the instant."""
    from allied.response.moment import zone as named

    if at is None:
        return "-"
    local = at.astimezone(named(zone))
    begins: date | None = local.date() if local.time() == time() else None
    return begins.isoformat() if begins is not None else instant(at.astimezone(UTC))


def _line(text: str = "") -> None:
    give(None, as_json=False, lines=(text,))
