"""Which text of an agreement counts, when, and for whom."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.agreement import amending
from allied.agreement.events import Event, Register
from allied.agreement.reading import MalformedTextError
from allied.agreement.register_file import load as load_register
from allied.agreement.terms import Agreement, load
from allied.agreement.versions import VERSION_LIMIT, Text, Versions, versions, versions_of
from allied.errors import NotFoundError
from allied.record.ids import PartyId

TEXT = """\
format: alliance/1
id: {id}
form: {{kind: contract}}
parties: [{parties}]
life: {{in_force_when: {entry}, withdrawal: {{notice: {notice}}}{life}}}
{more}
articles:
  - {{art: "1", type: statement}}
{clause}
"""
ABC = "{ids: [a, b, c]}"
NOTICE_ART = '  - {art: "9", type: amendment, in_force: steward-notice 45 days, objectors: %s}'
SHARE = '  - {art: "9", type: amendment, in_force: fraction-binds-all 2/3, objectors: %s}'
ALL = '  - {art: "9", type: amendment, in_force: all-ratify, objectors: %s}'


def text(
    name: str = "pact",
    clause: str = "",
    parties: str = ABC,
    *,
    entry: str = "all ratified",
    notice: str = "1 year",
    life: str = "",
    more: str = "",
) -> Agreement:
    raw = TEXT.format(
        id=name, parties=parties, entry=entry, notice=notice, life=life, clause=clause, more=more
    )
    (value,) = load(raw.encode(), name)
    assert isinstance(value, Agreement)
    return value


def day(said: str) -> datetime:
    return datetime.fromisoformat(said).replace(tzinfo=UTC)


def event(said: str) -> Event:
    """`2020-01-01 ratified a`, with `@version` behind it for an amended text."""
    at, what, *rest = said.split()
    version = next((each[1:] for each in rest if each.startswith("@")), "")
    party = next((PartyId(each) for each in rest if not each.startswith("@")), None)
    return Event("pact", what, party, day(at), version=version)


ENTRY = ["2020-01-01 ratified a", "2020-01-01 ratified b", "2020-01-01 ratified c"]


def asked(at: str, said: list[str], *texts: Agreement) -> Versions:
    register = Register({each.id: each for each in texts}, tuple(map(event, [*ENTRY, *said])))
    return versions(register, "pact", day(at))


def under(found: Versions) -> dict[str, str]:
    """The text of each bound party."""
    return {party: found.of(party).version for party in sorted(found.standing.bound)}


def since(found: Versions, number: int = 1) -> str | None:
    effect = found.texts[number].effect
    return None if effect is None or effect.since is None else effect.since.date().isoformat()


OLD, NEW = "pact", "pact-2"


@pytest.mark.parametrize(
    ("clause", "said", "expected"),
    [
        pytest.param("", [], None, id="adopting alone changes nothing"),
        pytest.param(
            "", ["2021-02-01 ratified a", "2021-02-02 ratified b"], None,
            id="without a clause all have to ratify",
        ),
        pytest.param(
            "",
            ["2021-02-01 ratified a", "2021-02-02 ratified b", "2021-02-03 ratified c"],
            "2021-02-03",
            id="and once they have, it takes effect",
        ),
        pytest.param(
            ALL % "keep-old",
            ["2021-02-01 ratified a", "2021-02-02 ratified b", "2021-02-03 objected c"],
            None, id="where all have to ratify an objection stands in the way",
        ),
        pytest.param(
            ALL % "keep-old",
            [
                "2021-02-01 ratified a", "2021-02-02 ratified b", "2021-02-03 objected c",
                "2021-02-09 ratified c",
            ],
            "2021-02-09", id="until it is taken back",
        ),
        pytest.param(
            ALL % "leave",
            ["2021-02-01 ratified a", "2021-02-02 ratified b", "2021-02-03 objected c"],
            "2021-02-03", id="or its author leaves by the text",
        ),
        pytest.param(
            "", ["2021-02-01 ratified a", "2021-02-02 ratified b", "2021-02-03 signed c"],
            None, id="a signature is no ratification where the agreement asks for one",
        ),
        pytest.param(
            SHARE % "keep-old", ["2021-02-01 ratified a"], None, id="one of three is no two thirds"
        ),
        pytest.param(
            SHARE % "keep-old",
            ["2021-02-01 ratified a", "2021-02-02 ratified b"],
            "2021-02-02",
            id="two of three are",
        ),
        pytest.param(NOTICE_ART % "leave", [], "2021-02-15", id="the notice runs of itself"),
        pytest.param(
            NOTICE_ART % "leave", ["2021-01-09 objected a"], "2021-02-15",
            id="and no objection stops it",
        ),
    ],
)  # fmt: skip
def test_when_an_amendment_takes_effect(clause: str, said: list[str], expected: str | None) -> None:
    words = ["2021-01-01 amended @pact-2", *(f"{each} @pact-2" for each in said)]
    found = asked("2021-06-01", words, text(clause=clause), text(NEW))

    assert since(found) == expected
    assert set(found.standing.bound) <= set("abc")
    if expected is None:
        assert under(found) == dict.fromkeys("abc", OLD)


def test_until_the_notice_has_run_the_old_text_counts() -> None:
    said = ["2021-01-01 amended @pact-2"]
    texts = text(clause=NOTICE_ART % "leave"), text(NEW)

    assert under(asked("2021-02-14", said, *texts)) == dict.fromkeys("abc", OLD)
    assert under(asked("2021-02-15", said, *texts)) == dict.fromkeys("abc", NEW)
    assert asked("2021-02-14", said, *texts).texts[1].effect == amending.Effect(
        None, day("2021-02-15"), frozenset(), frozenset(), (), 0
    )


@pytest.mark.parametrize(
    ("objectors", "expected"),
    [
        pytest.param("bound", {"a": NEW, "b": NEW, "c": NEW}, id="bound"),
        pytest.param("leave", {"a": NEW, "b": NEW}, id="leave"),
        pytest.param("keep-old", {"a": NEW, "b": NEW, "c": OLD}, id="keep-old"),
    ],
)
def test_what_becomes_of_an_objector(objectors: str, expected: dict[str, str]) -> None:
    said = ["2021-01-01 amended @pact-2", "2021-02-01 objected c @pact-2"]
    found = asked("2021-06-01", said, text(clause=NOTICE_ART % objectors), text(NEW))

    assert under(found) == expected
    gone = found.standing.parties[PartyId("c")]
    assert (gone.legal == "former") == (objectors == "leave")
    if objectors == "leave":
        assert gone.until == day("2021-02-15")


def test_two_parties_stand_under_the_newest_text_that_reached_both() -> None:
    said = ["2021-01-01 amended @pact-2", "2021-02-01 objected c @pact-2"]
    found = asked("2021-06-01", said, text(clause=NOTICE_ART % "keep-old"), text(NEW))

    def between(one: str, other: str) -> str | None:
        its = found.between(one, other)
        return its.version if its else None

    assert between("a", "b") == NEW
    assert between("a", "c") == between("c", "b") == OLD
    assert between("a", "stranger") is None
    assert [each.version for each in found.counting] == [OLD, NEW]


def test_one_who_kept_the_old_text_may_come_over_later() -> None:
    said = [
        "2021-01-01 amended @pact-2",
        "2021-02-01 objected c @pact-2",
        "2021-07-01 ratified c @pact-2",
    ]
    texts = text(clause=NOTICE_ART % "keep-old"), text(NEW)

    assert under(asked("2021-06-30", said, *texts))["c"] == OLD
    assert under(asked("2021-07-01", said, *texts))["c"] == NEW
    assert [e.version for e in asked("2021-07-01", said, *texts).counting] == [NEW]


def test_an_objection_that_comes_late_is_said_and_changes_nothing() -> None:
    said = ["2021-01-01 amended @pact-2"]
    late = [*said, "2021-02-16 objected c @pact-2"]
    texts = text(clause=NOTICE_ART % "leave"), text(NEW)

    assert under(asked("2021-06-01", late, *texts)) == under(asked("2021-06-01", said, *texts))
    assert [code for code, _ in asked("2021-06-01", late, *texts).warnings] == ["objection-late"]
    assert asked("2021-06-01", said, *texts).warnings == ()


def test_a_party_that_an_amended_text_names_joins_with_it_once_it_has_consented() -> None:
    more = "{ids: [a, b, c, d]}"
    said = ["2021-01-01 amended @pact-2"]
    texts = text(clause=NOTICE_ART % "leave"), text(NEW, parties=more)
    alone = asked("2021-06-01", said, *texts)
    joined = asked("2021-06-01", [*said, "2021-01-20 ratified d @pact-2"], *texts)

    assert set(under(alone)) == set("abc")
    assert alone.standing.parties[PartyId("d")].legal == "invited"
    assert under(joined) == dict.fromkeys("abcd", NEW)
    assert joined.standing.parties[PartyId("d")].since == day("2021-02-15")


def test_a_party_that_an_amended_text_leaves_out_keeps_the_old_one() -> None:
    said = ["2021-01-01 amended @pact-2"]
    texts = text(clause=NOTICE_ART % "leave"), text(NEW, parties="{ids: [a, b]}")

    assert under(asked("2021-06-01", said, *texts)) == {"a": NEW, "b": NEW, "c": OLD}


def test_who_joins_later_joins_the_newest_text() -> None:
    said = ["2021-01-01 amended @pact-2"]
    entry = "{count: 2, of: ratified}"
    texts = text(clause=NOTICE_ART % "leave", entry=entry), text(NEW, entry=entry)
    register = Register(
        {each.id: each for each in texts},
        tuple(map(event, [*ENTRY[:2], *said, "2021-05-01 ratified c"])),
    )

    found = versions(register, "pact", day("2021-06-01"))

    assert under(found) == dict.fromkeys("abc", NEW)
    assert found.texts[1].accepted[PartyId("c")] == day("2021-05-01")


def test_who_has_left_is_not_waited_for() -> None:
    said = ["2021-01-01 amended @pact-2", "2021-02-01 ratified a @pact-2"]
    said += ["2021-02-01 ratified b @pact-2"]
    texts = text(), text(NEW)
    out = [*said, "2021-03-01 expelled c"]

    assert asked("2021-06-01", said, *texts).texts[1].effect == amending.Effect(
        None, None, frozenset(map(PartyId, "ab")), frozenset(), (PartyId("c"),), 1
    )
    assert since(asked("2021-06-01", out, *texts)) == "2021-03-01"


def test_notice_runs_by_the_text_under_which_it_was_given() -> None:
    texts = text(clause=NOTICE_ART % "leave"), text(NEW, notice="2 years")
    said = ["2021-01-01 amended @pact-2"]
    before = asked("2021-06-01", [*said, "2021-02-01 notice c"], *texts)
    since_then = asked("2021-06-01", [*said, "2021-03-01 notice c"], *texts)

    assert before.standing.parties[PartyId("c")].until == day("2022-02-01")
    assert since_then.standing.parties[PartyId("c")].until == day("2023-03-01")
    gone = asked("2022-02-01", [*said, "2021-02-01 notice c"], *texts).standing
    assert (gone.parties[PartyId("c")].legal, gone.bound) == ("former", frozenset("ab"))


def test_an_amended_text_may_run_longer() -> None:
    texts = text(clause=NOTICE_ART % "keep-old", life=", term: 2 years"), text(NEW)
    said = ["2021-01-01 amended @pact-2"]
    kept = asked("2023-01-01", [*said, "2021-02-01 objected c @pact-2"], *texts)

    assert asked("2023-01-01", [], texts[0]).standing.state == "expired"
    assert asked("2023-01-01", said, *texts).standing.state == "in-force"
    assert under(kept) == {"a": NEW, "b": NEW}  # for c it ended with the old text
    assert kept.standing.state == "in-force"


def test_a_chain_of_texts_follows_the_rule_of_the_text_that_counted() -> None:
    texts = (
        text(clause=NOTICE_ART % "leave"),
        text(NEW, clause=SHARE % "keep-old"),
        text("pact-3"),
    )
    said = ["2021-01-01 amended @pact-2", "2021-06-01 amended @pact-3"]
    waiting = asked("2022-01-01", said, *texts)
    done = [*said, "2021-07-01 ratified a @pact-3", "2021-07-02 ratified b @pact-3"]

    assert under(waiting) == dict.fromkeys("abc", NEW)
    assert waiting.texts[2].mode is not None
    assert (waiting.texts[2].mode.how, waiting.texts[2].mode.art) == ("fraction-binds-all", "9")
    assert under(asked("2022-01-01", done, *texts)) == dict.fromkeys("abc", "pact-3")


@pytest.mark.parametrize(
    ("in_force", "at", "version"),
    [
        pytest.param("", "2021-01-01", NEW, id="at once"),
        pytest.param(", in_force: steward-notice 10 days", "2021-01-10", OLD, id="by its own rule"),
        pytest.param(", in_force: steward-notice 10 days", "2021-01-11", NEW, id="once it has run"),
    ],
)
def test_an_annex_is_changed_by_the_rule_of_its_own(in_force: str, at: str, version: str) -> None:
    def annex(text_: str) -> str:
        rule = f"{{rule: {{kind: simple-majority}}{in_force}}}"
        return f"annexes: [{{id: fees, text: {text_}, amendment: {rule}}}]"

    first = text(more=annex("one"))
    said = ["2021-01-01 amended @pact-2"]

    found = asked(at, said, first, text(NEW, more=annex("two")))
    assert under(found) == dict.fromkeys("abc", version)
    assert found.texts[1].mode is not None
    assert found.texts[1].mode.art == "annex fees"
    besides = text(NEW, more=annex("two"), notice="2 years")
    assert under(asked(at, said, first, besides)) == dict.fromkeys("abc", OLD)


def test_a_text_with_versions_of_its_own_is_no_version_of_another() -> None:
    circle = [Event("pact", "amended", None, day("2021-01-01"), version="pact-2")]
    circle += [Event("pact-2", "amended", None, day("2021-01-01"), version="pact")]
    register = Register({"pact": text(), "pact-2": text(NEW)}, tuple(circle))

    assert versions_of(register) == {}
    found = versions(register, "pact", day("2022-01-01"))
    assert [each.version for each in found.texts] == ["pact"]
    assert [code for code, _ in found.warnings] == ["version-of-its-own"]
    assert versions_of(replace_events(register, circle[:1])) == {"pact": ("pact-2",)}


def replace_events(register: Register, events: list[Event]) -> Register:
    return Register(register.agreements, tuple(events))


def test_the_number_of_amended_texts_is_bounded() -> None:
    names = [f"text-{number:03}" for number in range(VERSION_LIMIT + 1)]
    texts = text(clause=NOTICE_ART % "leave"), *(text(name) for name in names)

    def found(count: int) -> Versions:
        said = [f"2021-01-01 amended @{name}" for name in names[:count]]
        return asked("2021-01-02", said, *texts)

    assert (len(found(VERSION_LIMIT).texts), found(VERSION_LIMIT).warnings) == (
        VERSION_LIMIT + 1,
        (),
    )
    more = found(VERSION_LIMIT + 1)
    assert len(more.texts) == VERSION_LIMIT + 1
    assert [code for code, _ in more.warnings] == ["too-many-versions"]


def test_an_agreement_that_is_not_there_is_refused() -> None:
    with pytest.raises(NotFoundError) as refused:
        versions(Register({}, ()), "pact", day("2021-01-01"))
    assert refused.value.code == "register.unknown-agreement"


def summary(found: Versions) -> Any:
    def shown(its: Text) -> Any:
        return its.version, its.effect, dict(its.accepted)

    return list(map(shown, found.texts)), under(found), found.standing.state, found.warnings


def test_the_order_of_events_decides_nothing() -> None:
    said = [
        "2021-01-01 amended @pact-2", "2021-02-01 objected c @pact-2", "2021-02-01 notice b",
        "2021-07-01 ratified c @pact-2",
    ]  # fmt: skip
    texts = {"pact": text(clause=NOTICE_ART % "keep-old"), NEW: text(NEW)}
    events = list(map(event, said))
    entry = tuple(map(event, ENTRY))

    answers = {
        repr(summary(versions(Register(texts, (*entry, *order)), "pact", day("2021-08-01"))))
        for order in permutations(events)
    }
    assert len(answers) == 1


DAYS = st.integers(0, 400).map(lambda n: datetime.fromordinal(737800 + n).replace(tzinfo=UTC))
WORDS = st.builds(
    lambda what, party, at, version: Event(
        "pact", what, None if what == "amended" else PartyId(party), at,
        version="" if what in {"notice", "expelled"} else version,
    ),
    st.sampled_from(["amended", "ratified", "objected", "notice", "expelled"]),
    st.sampled_from("abcd"),
    DAYS,
    st.sampled_from(["pact-2", "pact-3"]),
)  # fmt: skip
CLAUSES = st.sampled_from(
    ["", *(each % o for each in (NOTICE_ART, SHARE, ALL) for o in ("bound", "leave", "keep-old"))]
)


@given(CLAUSES, CLAUSES, st.lists(WORDS, max_size=12), DAYS, st.randoms(use_true_random=False))
def test_what_is_said_later_changes_nothing_of_before(
    one: str, two: str, events: list[Event], at: datetime, chance: Any
) -> None:
    texts = {
        "pact": text(clause=one),
        "pact-2": text("pact-2", two, "{ids: [a, b, d]}"),
        "pact-3": text("pact-3", parties="{ids: [a, b, c, d]}"),
    }
    whole = [*map(event, ENTRY), *events]
    known = [each for each in whole if each.at <= at]
    chance.shuffle(whole)

    then = versions(Register(texts, tuple(known)), "pact", at)
    now = versions(Register(texts, tuple(whole)), "pact", at)

    if not any(code == "version-of-its-own" for code, _ in now.warnings):
        assert summary(then) == summary(now)
    assert (
        then.standing.bound
        == {
            party
            for party, its in then.standing.parties.items()
            if its.legal in {"bound", "leaving"}
        }
        or then.standing.state != "in-force"
    )
    for text_ in then.texts:
        assert set(text_.accepted) <= set(text_.terms.party_ids)


# --- from files -------------------------------------------------------------------------


def read(*events: str) -> tuple[Event, ...]:
    texts = {
        "pact": text(clause=NOTICE_ART % "leave"),
        "pact-2": text(NEW, parties="{ids: [a, b, c, d]}"),
    }
    lines = "".join(f"  - {{agreement: {each}}}\n" for each in events)
    return load_register(f"format: register/1\nevents:\n{lines}".encode(), "register", texts)


JOINS = "pact, event: ratified, party: d, version: pact-2, at: 2021-01-09"
ADOPTED = "pact, event: amended, version: pact-2, at: 2021-01-01"


def test_a_register_names_amended_texts_and_whom_they_name() -> None:
    events = read(ADOPTED, JOINS, "pact, event: notice, party: d, at: 2022-01-01")

    assert [(each.event, each.party, each.version) for each in events] == [
        ("amended", None, "pact-2"),
        ("ratified", "d", "pact-2"),
        ("notice", "d", ""),
    ]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        pytest.param([JOINS], "register.unknown-party", id="a party of a text nobody adopted"),
        pytest.param(
            ["pact, event: amended, version: pact-9, at: 2021-01-01"],
            "register.unknown-agreement",
            id="a text that is not there",
        ),
        pytest.param(
            ["pact, event: amended, at: 2021-01-01"], "register.missing-key", id="no text"
        ),
        pytest.param(
            [ADOPTED, "pact-2, event: amended, version: pact, at: 2021-01-01"],
            "register.version-of-its-own",
            id="a text with versions of its own",
        ),
    ],
)
def test_a_wrong_amendment_in_a_register_is_refused(bad: list[str], code: str) -> None:
    with pytest.raises(MalformedTextError) as refused:
        read(*bad)
    assert code in {each.code for each in refused.value.findings}
