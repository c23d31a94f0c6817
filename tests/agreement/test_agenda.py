"""What falls due under an agreement: when, under which article, and for whom."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from allied.agreement.agenda import KINDS, Due, agenda
from allied.agreement.events import Event, Register
from allied.agreement.periods import after, last_start
from allied.agreement.reading import MalformedTextError
from allied.agreement.recurring import things_of
from allied.agreement.register_file import load as load_register
from allied.agreement.terms import Agreement, load
from allied.agreement.values import Duration
from allied.record.ids import PartyId

TEXT = """\
format: alliance/1
id: {id}
form: {{kind: contract}}
parties: [{{ids: [a, b]}}, {{id: watch, role: observer}}{parties}]
timezone: {zone}
life: {{in_force_when: {entry}{life}}}
{top}
articles:
  - {{art: "1", type: statement}}
{articles}
"""
ENTRY = ["2020-01-01 signed a", "2020-01-01 signed b", "2020-01-01 signed watch"]


def text(
    articles: str = "",
    name: str = "pact",
    life: str = "",
    entry: str = "all signed",
    top: str = "",
    zone: str = "UTC",
    parties: str = "",
) -> Agreement:
    lines = "".join(f"  - {{{each}}}\n" for each in articles.split("\n") if each)
    raw = TEXT.format(
        id=name, life=life, entry=entry, articles=lines, top=top, zone=zone, parties=parties
    )
    (value,) = load(raw.encode(), name)
    assert isinstance(value, Agreement)
    return value


def day(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


def event(said: str) -> Event:
    """`2020-01-01 done a art=4 what=exercise`, with `@version` for an amended text."""
    at, what, *rest = said.split()
    more = dict(each.split("=") for each in rest if "=" in each)
    version = next((each[1:] for each in rest if each.startswith("@")), "")
    party = next((PartyId(e) for e in rest if "=" not in e and not e.startswith("@")), None)
    return Event(
        "pact", what, party, day(at), version=version,
        art=more.get("art", ""), what=more.get("what", ""), by=more.get("by", ""),
    )  # fmt: skip


def asked(at: str, *texts: Agreement, said: tuple[str, ...] = (), until: str = "") -> list[str]:
    """Each due as `2021-01-01 kind art who`, `!` in front of what is overdue."""
    events = tuple(map(event, [*ENTRY, *said]))
    register = Register({each.id: each for each in texts}, events)
    found = agenda(register, "pact", day(at), day(until) if until else None)
    assert {each.kind for each in found} <= set(KINDS)
    return [shown(each) for each in found]


def shown(due: Due) -> str:
    at = due.at.strftime("%Y-%m-%d") if due.at else "waits"
    parts = (at, due.kind, due.art, ",".join(due.who))
    return ("! " if due.overdue else "") + " ".join(part for part in parts if part)


PREPARED = 'art: "4", type: preparedness'


@pytest.mark.parametrize(
    ("article", "said", "expected"),
    [
        pytest.param('art: "4", type: review', [], [], id="nothing is set"),
        pytest.param(
            'art: "4", type: review, every: 2 years', [], ["2022-01-01 review 4"],
            id="every so often",
        ),
        pytest.param(
            'art: "4", type: review, every: 1 year', [], ["! 2021-01-01 review 4"], id="and overdue"
        ),
        pytest.param(
            'art: "4", type: review, every: 1 year', ["2021-03-01 done art=4"],
            ["2022-03-01 review 4"], id="until it is done",
        ),
        pytest.param(
            'art: "4", type: review, every: 1 year', ["2021-03-01 done art=1"],
            ["! 2021-01-01 review 4"], id="what another article asks for does not count",
        ),
        pytest.param(
            'art: "4", type: review, not_before: 5 years', [], ["2025-01-01 review-possible 4"],
            id="not before",
        ),
        pytest.param(
            'art: "4", type: review, on_request_of: any-member', ["2021-02-01 requested a art=4"],
            ["waits review 4"], id="asked for by a member",
        ),
        pytest.param(
            'art: "4", type: review, on_request_of: any-member',
            ["2021-02-01 requested watch art=4"], [], id="by an observer it is not",
        ),
        pytest.param(
            'art: "4", type: review, on_request_of: b', ["2021-02-01 requested a art=4"],
            [], id="nor by a party that may not",
        ),
        pytest.param(
            'art: "4", type: review, on_request_of: b', ["2021-02-01 requested b art=4"],
            ["waits review 4"], id="but by the one that may",
        ),
        pytest.param(
            'art: "4", type: review, not_before: 1 year', ["2020-02-01 requested a art=4"],
            [], id="nor before its time",
        ),
        pytest.param(
            'art: "4", type: review', ["2021-02-01 requested a art=4", "2021-03-01 done art=4"],
            [], id="nor once it was held",
        ),
        pytest.param(
            'art: "4", type: reporting, every: 1 year', [], ["! 2021-01-01 report 4"],
            id="a report on each year",
        ),
        pytest.param(
            'art: "4", type: reporting, every: 1 year, within: 6 months', [],
            ["2021-07-01 report 4"], id="within its time",
        ),
        pytest.param(
            'art: "4", type: reporting, every: 1 year, within: 6 months',
            ["2021-03-01 done art=4"], ["2022-07-01 report 4"],
            id="one that comes within it counts for the year before",
        ),
        pytest.param(
            'art: "4", type: reporting, within: 2 weeks', ["2021-05-25 requested b art=4"],
            ["2021-06-08 report 4"], id="a report that was asked for",
        ),
        pytest.param(
            f"{PREPARED}, self_report: 1 year", ["2021-02-01 done a art=4"],
            ["! 2021-01-01 self-report 4 b", "2022-02-01 self-report 4 a"], id="each on itself",
        ),
        pytest.param(
            f"{PREPARED}, self_report: 1 year, binds: b", [], ["! 2021-01-01 self-report 4 b"],
            id="whom the article binds",
        ),
        pytest.param(
            f"{PREPARED}, peer_review: 2 years, exercises: 2 years",
            ["2021-02-01 done art=4 what=exercise"],
            ["2022-01-01 peer-review 4 a,b", "2023-02-01 exercise 4 a,b"],
            id="each thing by its name",
        ),
        pytest.param(
            f"{PREPARED}, target: [{{metric: mfa, by: 2021-12-31}}]",
            ["2021-02-01 done a art=4 what=mfa"], ["2022-01-01 target 4 b"],
            id="an aim, at the end of its day",
        ),
        pytest.param(
            f"{PREPARED}, self_report: 1 year, operative: no", [], [], id="not operative"
        ),
        pytest.param(
            f"{PREPARED}, self_report: 1 year, until: 2021-05-01", [], [], id="no longer"
        ),
        pytest.param(
            f"{PREPARED}, exercises: 1 year, since: 2021-01-01", [], ["2022-01-01 exercise 4 a,b"],
            id="since a later day",
        ),
        pytest.param(
            f"{PREPARED}, self_report: 1 year", ["2021-05-01 suspended art=4"], [], id="suspended"
        ),
        pytest.param(
            'art: "4", type: secrecy, existence: yes, declassify_after: 50 years', [],
            ["2070-01-01 opens 4"], id="what becomes open",
        ),
        pytest.param('art: "4", type: secrecy, existence: yes', [], [], id="what never does"),
        pytest.param(
            'art: "4", type: reporting, every: 1 second', ["2021-05-31 done art=4"],
            ["! 2021-05-31 report 4"], id="a second is as good as a year",
        ),
    ],
)  # fmt: skip
def test_what_the_articles_ask_for(article: str, said: list[str], expected: list[str]) -> None:
    assert asked("2021-06-01", text(article), said=tuple(said)) == expected


@pytest.mark.parametrize(
    ("life", "said", "expected"),
    [
        pytest.param(
            ", term: 2 years", [], ["2022-01-01 term-ends"], id="a term that is not renewed"
        ),
        pytest.param(
            ", term: 2 years, renewal: {automatic: yes, stop_notice: 6 months}", [],
            ["2021-07-01 stop-notice", "2022-01-01 term-ends"], id="and one that is",
        ),
        pytest.param(
            ", term: 2 years, renewal: {automatic: yes, stop_notice: 6 months}",
            ["2021-03-01 stop-notice a"], ["2022-01-01 term-ends"], id="unless it was stopped",
        ),
        pytest.param(
            ", withdrawal: {notice: 1 year, not_before: 3 years}", [],
            ["2023-01-01 notice-possible"], id="when one may leave",
        ),
        pytest.param(
            ", withdrawal: {notice: 1 year}", ["2021-03-01 notice b"], ["2022-03-01 leaves b"],
            id="who leaves",
        ),
    ],
)  # fmt: skip
def test_what_the_life_of_the_agreement_sets(
    life: str, said: list[str], expected: list[str]
) -> None:
    assert asked("2021-06-01", text(life=life), said=tuple(said)) == expected


def test_a_renewed_term_is_said_to_be() -> None:
    held = Register(
        {"pact": text(life=", term: 2 years, renewal: {automatic: yes}")},
        tuple(map(event, ENTRY)),
    )
    ends = next(e for e in agenda(held, "pact", day("2021-06-01")) if e.kind == "term-ends")
    assert ends.sentence == "its term ends and is renewed for two years"
    stopped = Register(held.agreements, (*held.events, event("2021-03-01 stop-notice a")))
    ends = next(e for e in agenda(stopped, "pact", day("2021-06-01")) if e.kind == "term-ends")
    assert ends.sentence == "its term ends, and so does it"


def test_before_entry_it_says_until_when_to_sign() -> None:
    waiting = text(
        life=", entry_deadline: 2021-12-31, signature_window: 2021-01-01/2021-06-30",
        parties=", {id: c}",
    )
    register = Register({"pact": waiting}, (event("2021-02-01 signed a"),))
    found = [shown(each) for each in agenda(register, "pact", day("2021-06-01"))]

    assert found == ["2021-07-01 signing-ends b,c,watch", "2022-01-01 entry-deadline b,c,watch"]
    assert agenda(register, "pact", day("2022-01-01")) == ()


VET = 'art: "7", type: membership, vetting: {objection_period: 6 working days}'


def test_the_time_for_objections_to_a_candidate_runs_by_working_days() -> None:
    waiting = text(VET, parties=", {id: c}", entry="{count: 2, of: signed}")
    said = ("2021-06-04 nominated c by=a",)

    assert asked("2021-06-05", waiting, said=said) == ["2021-06-14 objections-end c"]
    assert asked("2021-06-14", waiting, said=said) == []


SHARE = 'art: "9", type: amendment, in_force: fraction-binds-all 1/2'
STEWARD = 'art: "9", type: amendment, in_force: steward-notice 45 days'


@pytest.mark.parametrize(
    ("clause", "said", "expected"),
    [
        pytest.param(STEWARD, [], ["2021-07-16 amendment 9"], id="when it takes effect"),
        pytest.param("", [], ["waits consent a,b"], id="whose consent is needed"),
        pytest.param("", ["2021-06-01 signed a @next"], ["waits consent b"], id="still"),
        pytest.param(
            "", ["2021-06-01 signed a @next", "2021-06-01 signed b @next"], [], id="or no more"
        ),
        pytest.param(SHARE, [], ["waits consent 9 a,b"], id="of whom one is enough"),
    ],
)
def test_an_amendment_that_waits(clause: str, said: list[str], expected: list[str]) -> None:
    texts = text(clause), text(name="next")
    events = ("2021-06-01 amended @next", *said)
    assert asked("2021-06-02", *texts, said=events) == expected


def test_an_article_of_an_amended_text_counts_from_its_effect() -> None:
    old = text(STEWARD)
    new = text(f"{PREPARED}, exercises: 1 year", name="next")
    same = text(f"{STEWARD}\n{PREPARED}, exercises: 1 year")

    said = ("2021-01-01 amended @next",)
    assert asked("2021-06-01", old, new, said=said) == ["2022-02-15 exercise 4 a,b"]
    assert asked("2021-06-01", same, new, said=said) == ["! 2021-01-01 exercise 4 a,b"]


def test_each_party_is_asked_by_its_own_text() -> None:
    keep = f"{STEWARD}, objectors: keep-old"
    old = text(f"{keep}\n{PREPARED}, self_report: 1 year", parties=", {id: c}")
    new = text(name="next", parties=", {id: c}")
    said = ("2020-01-01 signed c", "2021-01-01 amended @next", "2021-01-09 objected c @next")

    assert asked("2021-06-01", old, new, said=said) == ["! 2021-01-01 self-report 4 c"]
    assert asked("2021-06-01", old, new, said=said[:2]) == []


def test_who_came_later_reports_on_itself_from_then_on() -> None:
    held = text(
        f"{PREPARED}, self_report: 1 year", entry="{count: 2, of: signed}", parties=", {id: c}"
    )
    assert asked("2021-06-01", held, said=("2020-09-01 signed c",)) == [
        "! 2021-01-01 self-report 4 a,b", "2021-09-01 self-report 4 c",
    ]  # fmt: skip


SHIELD = "protections: [{name: law, valid: [2020-01-01/2021-09-30, 2021-12-01/]}]"
SHARING = 'art: "4", type: information-sharing, share: [indicator], legal_shield: law'


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        pytest.param("2021-06-01", ["2021-10-01 protection-lapses 4"], id="before"),
        pytest.param("2021-10-01", ["waits protection-lapsed 4"], id="after"),
        pytest.param("2021-12-01", [], id="once it holds again"),
    ],
)
def test_a_legal_protection_that_lapses(at: str, expected: list[str]) -> None:
    assert asked(at, text(SHARING, top=SHIELD)) == expected


def test_the_day_ends_in_the_time_zone_of_the_agreement() -> None:
    aim = f"{PREPARED}, target: [{{metric: mfa, by: 2021-12-31}}], binds: a"
    register = Register({"pact": text(aim, zone="Europe/Madrid")}, tuple(map(event, ENTRY)))
    (due,) = agenda(register, "pact", day("2021-06-01"))

    assert due.at == datetime(2021, 12, 31, 23, tzinfo=UTC)
    assert (due.sentence, due.version) == ("the aim is to be reached: mfa", "pact")


def test_what_is_later_is_left_out_and_what_waits_is_not() -> None:
    both = text(
        f'art: "4", type: review, every: 3 years\n{PREPARED.replace("4", "5")}, exercises: 1 year'
    )
    said = ("2021-02-01 requested a art=4",)
    assert asked("2021-06-01", both, said=said, until="2021-12-31") == [
        "! 2021-01-01 exercise 5 a,b", "waits review 4",
    ]  # fmt: skip
    assert len(asked("2021-06-01", both, said=said)) == 3


def test_nothing_falls_due_once_it_is_over() -> None:
    held = text(f"{PREPARED}, exercises: 1 year")
    assert asked("2021-06-01", held, said=("2021-05-01 terminated",)) == []
    assert asked("2021-06-01", held) != []


@given(st.lists(st.sampled_from(["done", "requested"]), max_size=4), st.randoms())
def test_later_events_and_their_order_change_nothing(kinds: list[str], chance: object) -> None:
    held = text(f'{PREPARED}, exercises: 1 year\nart: "6", type: review, every: 2 years')
    later = [
        event(f"2021-07-0{n} {kind} a art={4 if n % 2 else 6}") for n, kind in enumerate(kinds, 1)
    ]
    known = [*map(event, ENTRY), event("2021-02-01 done art=4"), event("2021-03-01 done art=6")]
    whole = [*known, *later]
    chance.shuffle(whole)  # type: ignore[attr-defined]

    at = day("2021-06-01")
    assert agenda(Register({"pact": held}, tuple(whole)), "pact", at) == agenda(
        Register({"pact": held}, tuple(known)), "pact", at
    )


UNITS = st.sampled_from(["hours", "days", "working days", "weeks", "months", "years"])


@given(UNITS, st.integers(0, 60), st.integers(0, 20_000))
def test_the_last_moment_for_a_notice_is_the_last(unit: str, count: int, days: int) -> None:
    end = day("2000-03-31") + timedelta(days=days)
    by = Duration(count, unit)
    last = last_start(end, by, "Europe/Madrid")

    assert last is not None
    assert last <= end
    runs_to = after(last, by, "Europe/Madrid")
    too_late = after(last + timedelta(seconds=2), by, "Europe/Madrid")
    assert runs_to is not None
    assert too_late is not None
    assert runs_to <= end
    assert too_late > end or last == end


def test_what_was_done_is_named_in_a_register_as_the_article_names_it() -> None:
    held = text(f"{PREPARED}, exercises: 1 year, target: [{{metric: mfa, by: 2021-12-31}}]")
    entry = "{agreement: pact, event: done, art: '4', what: %s, at: 2021-01-01}"
    raw = f"format: register/1\nevents: [{entry}]"

    assert things_of(held.clause("4")) == ("exercise", "mfa")
    assert things_of(held.clause("1")) == ()
    for what in ("exercise", "mfa"):
        (read,) = load_register((raw % what).encode(), "r", {"pact": held})
        assert read.what == what
    with pytest.raises(MalformedTextError) as refused:
        load_register((raw % "self-report").encode(), "r", {"pact": held})
    assert [each.code for each in refused.value.findings] == ["register.unknown-thing"]
