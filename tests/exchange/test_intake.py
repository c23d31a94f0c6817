"""What becomes of a bundle under an agreement."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.errors import MalformedError
from allied.exchange import survey as surveys
from allied.exchange.bundle import Limits, Refused, rows
from allied.exchange.handling import HandlingClass
from allied.exchange.intake import Accepted, Intake, Outcome, Repeated, Terms
from allied.exchange.marking import NO_TIGHTENING, Tightening
from allied.exchange.policy import Channel, Receives, Recipient, decide
from allied.exchange.scratch import MemoryScratch
from allied.exchange.stix import Kind
from allied.exchange.survey import Source, survey
from allied.record.canonical import digest
from allied.record.ids import PartyId
from tests.exchange import corpus
from tests.exchange.samples import (
    TIME,
    bundle,
    encoded,
    id_of,
    identity,
    indicator,
    link,
    made,
    malware,
    seen,
    sighting,
    source,
    statement_marking,
    tlp,
)

AT = datetime(2026, 3, 2, tzinfo=UTC)
LATER = "2026-03-02T00:00:00.000Z"
RIVER, HARBOUR, CERT = PartyId("river"), PartyId("harbour"), PartyId("northgate")
MEMBER, OBSERVER = Recipient(HARBOUR), Recipient(CERT, "observer")
CLAUSE = Channel(
    "2",
    frozenset({"indicator", "technique"}),
    max_tlp=Tlp.AMBER,
    default_tlp=Tlp.AMBER,
    receives={"observer": Receives(Tlp.GREEN)},
)
GREEN, AMBER = tlp(Tlp.GREEN), tlp(Tlp.AMBER)


class Taken:
    """What an intake gave, for looking things up."""

    def __init__(
        self,
        given_: Source,
        *,
        channels: Sequence[Channel] = (CLAUSE,),
        tightening: Tightening = NO_TIGHTENING,
        known: dict[str, HandlingClass] | None = None,
        limits: Limits | None = None,
    ) -> None:
        bounds = limits or Limits()
        self.channels = channels
        terms = Terms(RIVER, channels, AT, tightening, (known or {}).get)
        kept = survey(given_, MemoryScratch(), limits=bounds, keep=1 << 24)
        from_memory = list(Intake(kept, terms).run())
        some = survey(given_, MemoryScratch(), limits=bounds, keep=2_500)
        after_some = list(Intake(some, terms).run())
        self.survey = survey(given_, MemoryScratch(), limits=bounds)
        intake = Intake(self.survey, terms)
        self.outcomes: list[Outcome] = list(intake.run())
        self.classes = intake.classes
        assert (kept.runs.kept is None, self.survey.runs.kept) == (False, None)
        assert from_memory == self.outcomes, "what is kept gives the same as what is put aside"
        assert after_some == self.outcomes, "so does what was kept until there was no more room"
        if self.survey.broken is None:
            apart = list(rows(given_(), bounds))
            for room in (0, 1 << 24):
                found = survey(apart, MemoryScratch(), limits=bounds, keep=room)
                of_elements = list(Intake(found, terms).run())
                assert of_elements == self.outcomes, "and what was taken apart before"

    @property
    def accepted(self) -> dict[str, Accepted]:
        return {each.head.id: each for each in self.outcomes if isinstance(each, Accepted)}

    @property
    def refused(self) -> list[tuple[str | None, str]]:
        return [(each.id, each.code) for each in self.outcomes if isinstance(each, Refused)]

    def reaches(self, value: dict[str, Any], recipient: Recipient) -> bool:
        found = self.accepted.get(value["id"])
        if found is None:
            return False
        verdict = decide(found.handling, recipient, self.channels, AT, classes=self.classes)
        return verdict.permitted


def code_of(*values: Any, **more: Any) -> str:
    """The code for the last of some objects; empty if it was accepted."""
    taken = Taken(source(*values), **more)
    return dict(taken.refused).get(values[-1]["id"], "")


def test_good_objects_are_accepted_with_their_exact_bytes() -> None:
    raw = b'{"type":"bundle","id":"b","objects":[\n ' + encoded(indicator()) + b"  ]}"

    (outcome,) = Taken(lambda: [raw]).outcomes

    assert isinstance(outcome, Accepted)
    assert outcome.raw == encoded(indicator())
    assert outcome.digest == digest(outcome.raw)
    assert (outcome.kind, outcome.effective.handling.tlp) == (Kind.INDICATOR, Tlp.AMBER)
    assert outcome.effective.unmarked


@pytest.mark.parametrize(
    ("value", "code"),
    [
        pytest.param(indicator(object_marking_refs=GREEN), "", id="a marked indicator"),
        pytest.param(indicator(pattern=None), "stix.invalid", id="one without a pattern"),
        pytest.param(indicator(pattern="[a"), "stix.pattern", id="one with half a pattern"),
        pytest.param(indicator(spec_version=None), "stix.version", id="one of STIX 2.0"),
        pytest.param(indicator(object_marking_refs=tlp(Tlp.RED)), "exchange.red-needs-audience",
                     id="TLP:RED without an audience"),
        pytest.param(indicator(object_marking_refs=tlp(Tlp.AMBER_STRICT)),
                     "exchange.above-ceiling", id="above the ceiling, and not lowered"),
        pytest.param(indicator(object_marking_refs=GREEN + AMBER),
                     "exchange.contradictory-marking", id="two colours at once"),
        pytest.param(indicator(object_marking_refs=[id_of("marking-definition", 9)]),
                     "exchange.unknown-marking", id="a marking that nobody knows"),
        pytest.param(indicator(granular_markings=[
            {"selectors": ["name"], "marking_ref": id_of("marking-definition", 9)}]),
            "exchange.unknown-marking", id="also on a part of it"),
        pytest.param(made("vulnerability", name="x"), "exchange.kind-not-shared",
                     id="a kind that is not shared"),
        pytest.param(made("x-bank-account"), "exchange.no-kind", id="a type without a kind"),
        pytest.param(identity(), "", id="an identity, which reaches nobody alone"),
    ],
)  # fmt: skip
def test_what_is_accepted_and_what_is_not(value: Any, code: str) -> None:
    red = replace(CLAUSE, max_tlp=Tlp.RED) if "red" in code else CLAUSE

    assert code_of(malware(5), value, channels=[red]) == code


def test_a_refusal_hides_no_neighbour_and_has_a_reason() -> None:
    taken = Taken(source(indicator(1), indicator(2, pattern=None, labels=[]), indicator(3)))

    assert set(taken.accepted) == {id_of("indicator", 1), id_of("indicator", 3)}
    (refused,) = (each for each in taken.outcomes if isinstance(each, Refused))
    assert (refused.index, refused.id) == (1, id_of("indicator", 2))
    assert "pattern" in refused.reason


def test_elements_that_are_no_objects_are_refused_in_their_place() -> None:
    taken = Taken(source(7, indicator(), {"type": "indicator"}))

    assert taken.refused == [(None, "stix.not-an-object"), (None, "stix.wrong-type")]
    assert [each.index for each in taken.outcomes] == [0, 1, 2]


def test_markings_may_stand_behind_what_they_mark() -> None:
    mark = statement_marking(7)
    marked = indicator(object_marking_refs=[mark["id"], *GREEN])

    for order in ([mark, marked], [marked, mark]):
        found = Taken(source(*order)).accepted[marked["id"]]
        assert found.effective.handling.tlp == Tlp.GREEN
        assert found.effective.definitions == (digest(encoded(mark)),)


def test_an_invalid_definition_resolves_nothing() -> None:
    mark = statement_marking(7, definition={"statement": 7})

    assert code_of(mark, indicator(object_marking_refs=[mark["id"]])) == "exchange.unknown-marking"


def test_a_forged_tlp_marking_lets_nobody_in() -> None:
    forged = statement_marking(7, id=GREEN[0], name="TLP:CLEAR")

    assert code_of(forged, indicator(object_marking_refs=GREEN)) == "exchange.forged-marking"


def test_a_definition_in_two_forms_is_not_believed() -> None:
    one, two = (statement_marking(7, definition={"statement": each}) for each in ("a", "b"))
    marked = indicator(object_marking_refs=[one["id"]])

    taken = Taken(source(one, two, marked))

    assert taken.refused == [
        (one["id"], "stix.conflicting-versions"),
        (one["id"], "stix.conflicting-versions"),
        (marked["id"], "exchange.contradictory-marking"),
    ]


def test_one_version_with_two_contents_is_refused_both_times() -> None:
    taken = Taken(source(indicator(1), indicator(1, name="other"), indicator(2)))

    assert taken.refused == [(id_of("indicator", 1), "stix.conflicting-versions")] * 2
    assert list(taken.accepted) == [id_of("indicator", 2)]


@pytest.mark.parametrize(
    ("one", "two", "conflict"),
    [
        pytest.param(indicator(), indicator(modified=LATER), False, id="two versions are not"),
        pytest.param(
            indicator(), indicator(modified="2026-03-01T12:00:00Z", name="x"), True,
            id="one instant in two spellings is",
        ),
        pytest.param(
            seen("url", value="a"), seen("url", value="b"), True, id="an observable has one form"
        ),
    ],
)  # fmt: skip
def test_what_conflicts(one: Any, two: Any, conflict: bool) -> None:
    refused = Taken(source(one, two)).refused

    assert [code for _, code in refused] == ["stix.conflicting-versions"] * 2 * conflict


def test_the_same_bytes_twice_are_taken_once() -> None:
    taken = Taken(source(indicator(), malware(), indicator()))

    assert [type(each) for each in taken.outcomes] == [Accepted, Accepted, Repeated]


def test_too_many_versions_of_one_object_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys, "MAX_VERSIONS", 2)
    monkeypatch.setattr(surveys, "MOST_NOTES", 3)
    versions = [indicator(modified=f"2026-03-0{day}T12:00:00Z") for day in range(2, 7)]

    taken = Taken(source(*versions))

    assert [type(each).__name__ for each in taken.outcomes] == ["Accepted"] * 2 + ["Refused"] * 3


def test_the_author_can_only_tighten() -> None:
    tightening = Tightening(Tlp.GREEN, frozenset({HARBOUR}))
    unmarked, clear = indicator(1), indicator(2, object_marking_refs=tlp(Tlp.CLEAR))

    taken = Taken(source(unmarked, clear), tightening=tightening)

    levels = [each.effective.handling.tlp for each in taken.accepted.values()]
    assert levels == [Tlp.AMBER, Tlp.GREEN]
    assert taken.reaches(clear, MEMBER)
    assert not taken.reaches(clear, OBSERVER)


def test_red_goes_to_whom_it_names() -> None:
    red = replace(CLAUSE, max_tlp=Tlp.RED)
    named = Tightening(Tlp.RED, frozenset({HARBOUR}))

    taken = Taken(source(indicator()), channels=[red], tightening=named)

    assert taken.reaches(indicator(), MEMBER)
    assert not taken.reaches(indicator(), OBSERVER)


# --- links ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source_tlp", "target_tlp", "own", "observer"),
    [
        pytest.param(Tlp.GREEN, Tlp.GREEN, Tlp.GREEN, True, id="all GREEN"),
        pytest.param(Tlp.AMBER, Tlp.GREEN, Tlp.GREEN, False, id="a source that may not go"),
        pytest.param(Tlp.GREEN, Tlp.AMBER, Tlp.GREEN, False, id="a target that may not go"),
        pytest.param(Tlp.GREEN, Tlp.GREEN, Tlp.AMBER, False, id="the link itself may not go"),
    ],
)
def test_a_link_goes_only_where_both_its_ends_go(
    source_tlp: Tlp, target_tlp: Tlp, own: Tlp, observer: bool
) -> None:
    one = indicator(object_marking_refs=tlp(source_tlp))
    two = malware(object_marking_refs=tlp(target_tlp))
    edge = link(one, two, object_marking_refs=tlp(own))
    values = [edge, two, one]

    for order in (values, values[::-1]):
        taken = Taken(source(*order))
        assert taken.reaches(edge, MEMBER)
        assert taken.reaches(edge, OBSERVER) == observer


def test_every_version_of_an_end_counts() -> None:
    one = indicator(object_marking_refs=GREEN)
    stricter = indicator(object_marking_refs=AMBER, modified=LATER)
    two = malware(object_marking_refs=GREEN)
    edge = link(one, two, object_marking_refs=GREEN)

    assert Taken(source(one, two, edge)).reaches(edge, OBSERVER)
    assert not Taken(source(one, stricter, two, edge)).reaches(edge, OBSERVER)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        pytest.param(malware(), "", id="accepted"),
        pytest.param(None, "exchange.end-unknown", id="missing"),
        pytest.param(malware(is_family=None), "exchange.end-unknown", id="invalid"),
        pytest.param(malware(object_marking_refs=GREEN + AMBER), "exchange.end-refused",
                     id="with a contradictory marking"),
        pytest.param(malware(object_marking_refs=tlp(Tlp.AMBER_STRICT)), "exchange.above-ceiling",
                     id="above the ceiling"),
    ],
)  # fmt: skip
def test_a_link_needs_its_ends(end: Any, code: str) -> None:
    values = [indicator()] + ([end] if end else [])

    assert code_of(*values, link(indicator(), malware())) == code


def test_an_end_may_be_known_already() -> None:
    first = Taken(source(malware(object_marking_refs=AMBER)))
    known = {each.head.id: each.handling for each in first.accepted.values()}
    one = indicator(object_marking_refs=GREEN)
    edge = link(one, malware(), object_marking_refs=GREEN)

    taken = Taken(source(one, edge), known=known)

    assert taken.reaches(edge, MEMBER)
    assert not taken.reaches(edge, OBSERVER)


def test_a_sighting_goes_where_what_was_seen_and_who_saw_it_go() -> None:
    who = identity(object_marking_refs=GREEN)
    what = malware(object_marking_refs=GREEN)
    plain = sighting(what, 1, object_marking_refs=GREEN)
    by = sighting(what, 2, object_marking_refs=GREEN, where_sighted_refs=[who["id"]])

    taken = Taken(source(what, plain, by, who))
    assert taken.reaches(plain, OBSERVER)
    assert taken.reaches(by, OBSERVER)
    assert taken.reaches(who, OBSERVER)

    hidden = identity(object_marking_refs=AMBER)
    taken = Taken(source(what, plain, by, hidden))
    assert taken.reaches(plain, OBSERVER)
    assert not taken.reaches(by, OBSERVER)
    assert taken.reaches(by, MEMBER)


# --- companions -------------------------------------------------------------------------


def test_companions_go_along_with_what_refers_to_them() -> None:
    mark = statement_marking(7)
    who = identity(1, object_marking_refs=[mark["id"], *GREEN])
    alone = identity(2, object_marking_refs=GREEN)
    one = indicator(created_by_ref=who["id"], object_marking_refs=GREEN)

    taken = Taken(source(who, alone, mark, one))

    assert taken.refused == []
    for recipient in (MEMBER, OBSERVER):
        assert taken.reaches(one, recipient)
        assert taken.reaches(who, recipient)
        assert taken.reaches(mark, recipient)
        assert not taken.reaches(alone, recipient)


def test_companions_stay_where_nothing_that_refers_to_them_goes() -> None:
    mark = statement_marking(7)
    who = identity(1, object_marking_refs=GREEN)
    one = indicator(created_by_ref=who["id"], object_marking_refs=[mark["id"], *AMBER])

    taken = Taken(source(one, who, mark))

    for value in (one, who, mark):
        assert taken.reaches(value, MEMBER)
        assert not taken.reaches(value, OBSERVER)


def test_an_unmarked_identity_takes_the_default_and_an_unmarked_definition_none() -> None:
    mark, who = statement_marking(7), identity()
    one = indicator(created_by_ref=who["id"], object_marking_refs=[mark["id"], *GREEN])

    taken = Taken(source(mark, who, one))

    assert taken.reaches(mark, OBSERVER)
    assert not taken.reaches(who, OBSERVER)
    assert taken.reaches(who, MEMBER)


def test_companions_are_given_out_last_and_each_once() -> None:
    taken = Taken(source(identity(), indicator(), identity()))

    assert [each.index for each in taken.outcomes] == [1, 2, 0]
    assert [type(each) for each in taken.outcomes] == [Accepted, Repeated, Accepted]


def test_a_relationship_between_companions_goes_where_both_go() -> None:
    who = identity(1, object_marking_refs=GREEN)
    where = made("location", 2, region="europe", object_marking_refs=GREEN)
    edge = link(who, where, relationship_type="located-at", object_marking_refs=GREEN)
    one = indicator(1, created_by_ref=who["id"], object_marking_refs=GREEN)
    report = malware(1, x_seen_in=where["id"], created_by_ref=who["id"], object_marking_refs=GREEN)

    assert not Taken(source(who, where, edge)).reaches(edge, MEMBER)
    assert not Taken(source(who, where, edge, one)).reaches(edge, MEMBER)
    assert Taken(source(who, where, edge, report)).reaches(edge, OBSERVER)


def test_companions_that_name_each_other_come_to_an_end() -> None:
    who, other = identity(1, object_marking_refs=GREEN), identity(2, object_marking_refs=GREEN)
    who["created_by_ref"], other["created_by_ref"] = other["id"], who["id"]
    one = indicator(created_by_ref=who["id"], object_marking_refs=GREEN)

    taken = Taken(source(who, other, one))

    assert taken.reaches(who, OBSERVER)
    assert taken.reaches(other, OBSERVER)
    assert not Taken(source(who, other)).reaches(who, MEMBER)


# --- the bundle as a whole --------------------------------------------------------------


def test_a_bundle_that_breaks_off_is_taken_up_to_there() -> None:
    raw = bundle(indicator(1), indicator(2), indicator(3))[:-100]

    taken = Taken(lambda: [raw])

    assert taken.survey.broken is not None
    assert taken.survey.broken.code == "stix.truncated"
    assert len(taken.accepted) == 2


def test_a_bundle_of_stix_2_0_is_refused_before_anything_is_accepted() -> None:
    raw = json.dumps({"objects": [indicator()], "type": "bundle", "spec_version": "2.0"}).encode()

    with pytest.raises(MalformedError) as refusal:
        survey(lambda: [raw], MemoryScratch())
    assert refusal.value.code == "stix.version"


@pytest.mark.parametrize("room", [0, 30_000])
def test_a_source_is_read_once(room: int) -> None:
    opened = []

    def opening() -> Iterable[bytes]:
        opened.append(1)
        return source(indicator(1))()

    intake = Intake(survey(opening, MemoryScratch(), keep=room), Terms(RIVER, [CLAUSE], AT))
    assert [type(each) for each in intake.run()] == [Accepted]
    assert len(opened) == 1


@pytest.mark.parametrize(
    ("room", "kept"),
    [
        pytest.param(0, False, id="none"),
        pytest.param(3_000, False, id="too little"),
        pytest.param(30_000, True, id="enough"),
    ],
)
def test_a_bundle_is_kept_where_there_is_room(room: int, kept: bool) -> None:
    found = survey(source(*(indicator(n) for n in range(1, 9))), MemoryScratch(), keep=room)
    assert (found.runs.kept is not None) == kept


class Counting(MemoryScratch):
    """A scratch that counts how often it is asked for what was noted under an id."""

    asked = 0

    def get(self, table: str, key: bytes) -> bytes | None:
        self.asked += table == "notes"
        return super().get(table, key)


def test_the_second_pass_looks_up_nothing_that_comes_in_order() -> None:
    room = Counting()
    given_ = source(*(indicator(n) for n in range(1, 9)), indicator(3))
    found = survey(given_, room)
    room.asked = 0
    outcomes = list(Intake(found, Terms(RIVER, [CLAUSE], AT)).run())
    assert [type(each) for each in outcomes] == [Accepted] * 8 + [Repeated]
    assert room.asked == 1, "the object that stands there twice"


def test_only_the_topics_that_matter_are_noted() -> None:
    given_ = source(indicator(1, labels=["prices", "spam"]))
    id_ = str(indicator(1)["id"])
    assert survey(given_, MemoryScratch()).labels(id_) == {"prices", "spam"}
    assert survey(given_, MemoryScratch(), topics=frozenset({"spam"})).labels(id_) == {"spam"}
    assert survey(given_, MemoryScratch(), topics=frozenset()).labels(id_) == frozenset()


def test_too_many_combinations_of_markings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveys, "MAX_MARKS", 3)
    marks = [statement_marking(number) for number in range(1, 6)]
    values = [
        indicator(number, object_marking_refs=[mark["id"]]) for number, mark in enumerate(marks, 1)
    ]

    with pytest.raises(MalformedError) as refusal:
        survey(source(*marks, *values), MemoryScratch())
    assert refusal.value.code == "exchange.too-many-markings"


def test_without_a_clause_nothing_is_accepted() -> None:
    taken = Taken(source(indicator(), identity()), channels=[])

    assert {code for _, code in taken.refused} == {"exchange.no-clause"}


def test_all_of_attack_for_mobile_is_accepted() -> None:
    raw = corpus.raw(corpus.ATTACK)
    taken = Taken(lambda: [raw])

    assert taken.refused == []
    assert len(taken.accepted) == 2148
    reached = Counter(taken.reaches({"id": id_}, MEMBER) for id_ in taken.accepted)
    assert reached == {True: 2148}
    assert not any(taken.reaches({"id": id_}, OBSERVER) for id_ in taken.accepted)


@pytest.mark.parametrize(
    ("name", "refused"),
    [
        pytest.param(name, 1 if "wintego" in name else 0, id=name.rpartition("/")[2])
        for name in corpus.AMNESTY
    ],
)
def test_the_indicators_of_amnesty_are_accepted(name: str, refused: int) -> None:
    """One relationship there names an indicator that the file does not hold."""
    raw = corpus.raw(name)
    taken = Taken(lambda: [raw])

    assert [code for _, code in taken.refused] == ["exchange.end-unknown"] * refused
    assert all(each.effective.unmarked for each in taken.accepted.values())


def test_playbooks_of_stix_2_0_are_refused_object_by_object() -> None:
    first = next(corpus.lines("stix-iocs/unit42-playbooks-stix20.ndjson.gz"))
    first.pop("spec_version")
    raw = encoded(first)

    assert {code for _, code in Taken(lambda: [raw]).refused} == {"stix.version"}


# --- properties -------------------------------------------------------------------------

markings = st.sampled_from([None, GREEN, AMBER, tlp(Tlp.CLEAR), tlp(Tlp.AMBER_STRICT)])


@st.composite
def bundles(draw: Any) -> list[dict[str, Any]]:
    """A small graph of indicators, malware, identities, markings and links."""
    nodes: list[dict[str, Any]] = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        make = draw(st.sampled_from([indicator, malware, identity]))
        nodes.append(make(number, object_marking_refs=draw(markings)))
    for node in nodes:
        makers = [each["id"] for each in nodes if each["type"] == "identity"]
        node["created_by_ref"] = draw(st.sampled_from([*makers, id_of("identity", 99)]))
    edges = [
        link(draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes)), number,
             object_marking_refs=draw(markings), modified=TIME)
        for number in range(1, draw(st.integers(0, 3)) + 1)
    ]  # fmt: skip
    return nodes + edges


@given(bundles(), st.randoms(use_true_random=False), st.integers(1, 3000))
def test_the_order_of_objects_and_chunks_changes_nothing(
    values: list[dict[str, Any]], chance: random.Random, size: int
) -> None:
    shuffled = list(values)
    chance.shuffle(shuffled)
    one, two = Taken(source(*values)), Taken(source(*shuffled, size=size))

    assert {id_: each.handling for id_, each in one.accepted.items()} == {
        id_: each.handling for id_, each in two.accepted.items()
    }
    assert sorted(map(str, one.refused)) == sorted(map(str, two.refused))


@given(bundles(), st.sampled_from([MEMBER, OBSERVER]))
def test_nothing_reaches_anybody_without_its_ends_or_its_referrer(
    values: list[dict[str, Any]], recipient: Recipient
) -> None:
    taken = Taken(source(*values))
    reached = {value["id"] for value in values if taken.reaches(value, recipient)}

    for value in values:
        if value["id"] not in reached:
            continue
        if value["type"] == "relationship":
            assert {value["source_ref"], value["target_ref"]} <= reached
        if value["type"] == "identity":
            assert any(
                other["id"] in reached and value["id"] in json.dumps(other)
                for other in values
                if other is not value
            )


def _ends(value: dict[str, Any]) -> set[str]:
    """Both ends of a link; for anything else itself."""
    if value["type"] == "relationship":
        return {value["source_ref"], value["target_ref"]}
    return {value["id"]}


@given(bundles(), st.sampled_from(list(Tlp)), st.frozensets(st.sampled_from([HARBOUR, CERT])))
def test_tightening_a_share_never_reaches_more(
    values: list[dict[str, Any]], level: Tlp, audience: frozenset[PartyId]
) -> None:
    lax = Taken(source(*values))
    strict = Taken(source(*values), tightening=Tightening(level, audience))

    for recipient in (MEMBER, OBSERVER):
        before = {value["id"] for value in values if lax.reaches(value, recipient)}
        for value in values:
            if strict.reaches(value, recipient):
                # A link between two companions goes along where one class names both. It tells
                # nothing more than they do, so it may come once tightening makes one class of two.
                assert value["id"] in before or _ends(value) <= before
                assert recipient.party in audience


@given(bundles())
def test_every_class_that_is_named_is_there(values: list[dict[str, Any]]) -> None:
    taken = Taken(source(*values))

    for each in taken.accepted.values():
        assert taken.classes[each.handling.key] == each.handling
        assert (each.handling.along or frozenset()) <= taken.classes.keys()
