"""A new item in place of a submission: what is taken out, and that nobody can tell who sent it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from allied.agreement.values import Tlp
from allied.errors import MalformedError
from allied.exchange.anonymity import (
    Anonymous,
    NameConsent,
    anonymised,
    audience_of,
    batch,
    can_be_anonymous,
    group,
    may_issue,
    names_source,
    renaming,
)
from allied.exchange.channel import Channel, Outcome, Recipient
from allied.exchange.marking import (
    IEP_EXTENSION,
    PAP_EXTENSION,
    WELL_KNOWN,
    read_definition,
)
from allied.exchange.stix import read_head, type_of
from allied.exchange.validity import problems
from allied.record.ids import PartyId
from tests.exchange import corpus
from tests.exchange.samples import (
    encoded,
    id_of,
    identity,
    indicator,
    link,
    made,
    malware,
    seen,
    sighting,
    statement_marking,
    tlp,
)
from tests.exchange.texts import sharing

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ISSUED = "2026-03-05T12:00:00.000Z"
RENAME = renaming(b"a key of the hub")
WHO = identity(9, identity_class="organization")


def new(value: Mapping[str, Any], **more: Any) -> Anonymous:
    found = anonymised(value, RENAME, NOON, **more)
    assert found is not None
    raw = encoded(found.value)
    assert not problems(raw, read_head(raw))
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param("created_by_ref", WHO["id"], id="who made it"),
        pytest.param("external_references", [{"source_name": "river", "external_id": "4711"}],
                     id="references outside"),
        pytest.param("lang", "cy", id="its language"),
        pytest.param("x_river_ticket", "4711", id="a property of one's own"),
        pytest.param("defanged", "river", id="a property of observables"),
        pytest.param("extensions", {id_of("extension-definition"): {
            "extension_type": "property-extension", "site": "river"}}, id="an extension"),
    ],
)  # fmt: skip
def test_what_tells_the_sender_is_dropped_and_said(name: str, value: Any) -> None:
    plain, told = indicator(), indicator(**{name: value})

    assert new(told).value == new(plain).value
    assert new(told).removed == (name,)
    assert new(plain).removed == ()


def test_parts_that_no_schema_lists_are_dropped_too() -> None:
    phases = [{"kill_chain_name": "k", "phase_name": "p", "x_who": "river"}]

    found = new(indicator(kill_chain_phases=phases))

    assert found.value["kill_chain_phases"] == [{"kill_chain_name": "k", "phase_name": "p"}]
    assert found.removed == ("kill_chain_phases.x_who",)


def test_what_an_observer_knows_of_itself_is_dropped() -> None:
    mail = seen("email-message", is_multipart=False, subject="hello", body="see annex",
                to_refs=[id_of("email-addr")], message_id="<1@mail.river.example>",
                received_lines=["from mail.river.example"],
                additional_header_fields={"X-Site": "river"})  # fmt: skip
    file = seen("file", name="a.exe", hashes={"MD5": "0" * 32, "RIVER-ID": "7", "SSDEEP": "x"})
    when = sighting(malware(), where_sighted_refs=[WHO["id"]], count=3)
    note = made("note", content="x", authors=["River"], object_refs=[malware()["id"]])

    user = seen("user-account", account_login="x", credential="secret", display_name="Y")
    raw = mail | {"raw_email_ref": id_of("artifact"), "cc_refs": [id_of("email-addr")]}
    lab = made("malware-analysis", product="x", result="benign", host_vm_ref=id_of("software"),
               installed_software_refs=[id_of("software")])  # fmt: skip

    assert set(new(raw).removed) - set(new(mail).removed) == {"cc_refs", "raw_email_ref"}
    assert new(user).removed == ("credential",)
    assert new(user).review == ("account_login", "display_name")
    assert new(lab).removed == ("host_vm_ref", "installed_software_refs")
    assert "river" not in json.dumps(new(mail).value)
    assert new(file).value["hashes"] == {"MD5": "0" * 32, "SSDEEP": "x"}
    assert "where_sighted_refs" not in new(when).value
    assert "authors" not in new(note).value
    assert new(mail).review == ("body", "subject")


def test_the_times_are_those_of_the_hub_or_coarse() -> None:
    value = indicator(
        created="2026-03-01T09:41:07.123Z",
        modified="2026-03-02T17:03:55.001Z",
        valid_from="2026-03-01T09:41:07.123Z",
        valid_until="2026-03-08T09:41:07.123Z",
    )

    found = new(value).value
    assert (found["created"], found["modified"]) == (ISSUED, ISSUED)
    assert found["valid_from"] == "2026-03-01T00:00:00.000Z"
    assert found["valid_until"] == "2026-03-09T00:00:00.000Z"
    hourly = new(value, window=timedelta(hours=1), first_issued_at=NOON - DAY).value
    assert (hourly["created"], hourly["modified"]) == ("2026-03-04T12:00:00.000Z", ISSUED)
    assert hourly["valid_from"] == "2026-03-01T09:00:00.000Z"
    assert hourly["valid_until"] == "2026-03-08T10:00:00.000Z"


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        pytest.param("2026-03-01T00:00:00Z", "2026-03-01T00:00:00Z", ("01", "01"), id="exact"),
        pytest.param("2026-03-01T00:00:00Z", "2026-03-01T00:00:00.1Z", ("01", "02"),
                     id="a fraction is later"),
        pytest.param("2026-03-01T23:59:59Z", "2026-03-01T23:59:59Z", ("01", "02"),
                     id="within a day"),
    ],
)  # fmt: skip
def test_spans_only_grow(first: str, last: str, expected: tuple[str, str]) -> None:
    found = new(malware(first_seen=first, last_seen=last)).value

    assert (found["first_seen"][8:10], found["last_seen"][8:10]) == expected


def test_times_that_are_no_observation_stay() -> None:
    value = seen("x509-certificate", validity_not_before="2026-01-01T01:02:03Z")

    assert new(value).value["validity_not_before"] == "2026-01-01T01:02:03Z"


def test_what_has_no_end_in_the_calendar_is_dropped() -> None:
    value = indicator(valid_until="9999-12-31T23:59:59Z")

    assert "valid_until" not in new(value).value


@pytest.mark.parametrize(
    ("at", "more"),
    [
        pytest.param(NOON.replace(tzinfo=None), {}, id="an instant without a zone"),
        pytest.param(NOON, {"window": timedelta(0)}, id="no window"),
        pytest.param(NOON, {"first_issued_at": NOON + DAY}, id="first issued later"),
    ],
)
def test_nonsense_is_refused(at: datetime, more: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="zone"):
        anonymised(indicator(), RENAME, at, **more)


# --- ids ----------------------------------------------------------------------------------


def test_ids_are_renamed_alike_everywhere_and_back_for_nobody() -> None:
    one, two = indicator(1), malware(2)
    text = indicator(3, description=f"as in {one['id']}, not in {WHO['id']}x")
    items = [new(each).value for each in (one, two, link(one, two, 4), text)]

    assert [type_of(each["id"]) for each in items] == [
        "indicator", "malware", "relationship", "indicator",
    ]  # fmt: skip
    assert (items[2]["source_ref"], items[2]["target_ref"]) == (items[0]["id"], items[1]["id"])
    assert items[0]["id"] in items[3]["description"]
    everything = json.dumps(items)
    assert not any(each["id"] in everything for each in (one, two, WHO))


def test_another_key_gives_other_ids_and_the_same_key_the_same() -> None:
    other = renaming(b"the key of another")
    id_ = indicator()["id"]

    assert RENAME(id_) == RENAME(id_.upper().replace("INDICATOR", "indicator"))
    assert RENAME(id_) != other(id_) != id_
    with pytest.raises(ValueError, match="16 bytes"):
        renaming(b"too short")


def test_ids_that_belong_to_everybody_are_kept() -> None:
    public = id_of("attack-pattern", 7)
    rename = renaming(b"a key of the hub", kept=[public])
    value = link(malware(), {"id": public}, object_marking_refs=tlp(Tlp.GREEN))

    found = anonymised(value, rename, NOON)

    assert found is not None
    assert found.value["target_ref"] == public
    assert found.value["object_marking_refs"] == tlp(Tlp.GREEN)
    never = anonymised(value, lambda id_: RENAME(f"{type_of(id_)}--x"), NOON)
    assert never is None or never.value["object_marking_refs"] == tlp(Tlp.GREEN)


# --- markings -----------------------------------------------------------------------------

IEP = {
    "extension_type": "property-extension",
    "id": "0d8c6f55-3e3a-4d7e-9d6a-2c5e4f3a2b1c",
    "name": "Policy of River",
    "start_date": "2026-03-01T05:00:00Z",
    "end_date": "2026-06-01T05:00:00Z",
    "encrypt_in_transit": "must",
    "permitted_actions": "internally-visible-actions",
    "affected_party_notifications": "may",
    "tlp": "amber",
    "provider_attribution": "must-not",
    "unmodified_resale": "must-not",
}


def test_a_policy_stays_and_gets_no_laxer() -> None:
    value = made("marking-definition", 5, modified=None, created_by_ref=WHO["id"],
                 name="River", extensions={IEP_EXTENSION: IEP})  # fmt: skip

    found = new(value)
    before = read_definition(encoded(value), read_head(encoded(value)))
    after = read_definition(encoded(found.value), read_head(encoded(found.value)))

    assert not after.problem
    assert after.policy_tlp == before.policy_tlp
    terms = {each for each in before.terms if "start-date" not in each}
    assert terms <= after.terms
    assert "iep:start-date=2026-03-02T00:00:00Z" in after.terms
    assert before.expires is not None
    assert after.expires is not None
    assert after.expires <= before.expires
    assert "River" not in json.dumps(found.value["extensions"])
    assert found.review == ("name",)


@pytest.mark.parametrize(
    ("value", "possible"),
    [
        pytest.param(indicator(), True, id="an indicator"),
        pytest.param(WHO, False, id="an organisation"),
        pytest.param(identity(identity_class="class"), True, id="a class of organisations"),
        pytest.param(identity(), False, id="an identity that says nothing"),
        pytest.param(statement_marking(), True, id="a statement, for a person to read"),
        pytest.param(made("marking-definition", modified=None, definition_type="pap",
                          definition={"pap": "red"}), True, id="PAP"),
        pytest.param(made("marking-definition", modified=None, extensions={
            PAP_EXTENSION: {"extension_type": "property-extension", "pap": "red"}}), True,
                     id="PAP as an extension"),
        pytest.param(made("marking-definition", modified=None, definition_type="x-own",
                          definition={"a": "b"}), False, id="a marking of one's own"),
        pytest.param(made("marking-definition", modified=None, extensions={
            id_of("extension-definition"): {"extension_type": "property-extension"}}), False,
                     id="a marking by an extension of one's own"),
        pytest.param(made("x-ticket"), False, id="a type of one's own"),
        pytest.param(made("x-mitre-tactic"), False, id="even a known one"),
        pytest.param(made("observed-data", objects={"0": seen("mutex", name="m")}), False,
                     id="observables inside an object"),
        pytest.param({"id": next(iter(WELL_KNOWN)), "type": "marking-definition"}, False,
                     id="what everybody has"),
    ],
)  # fmt: skip
def test_what_can_be_anonymous(value: dict[str, Any], possible: bool) -> None:
    assert can_be_anonymous(value) is possible
    assert (anonymised(value, RENAME, NOON) is not None) is possible


def test_a_marking_of_a_part_that_is_gone_holds_on() -> None:
    marks = [
        {"selectors": ["external_references.[0]"], "marking_ref": tlp(Tlp.RED)[0]},
        {"selectors": ["labels.[1]", "name"], "marking_ref": tlp(Tlp.AMBER)[0]},
        {"selectors": ["name"], "lang": "cy"},
    ]
    value = indicator(name="x", labels=["a", "b"], granular_markings=marks,
                      external_references=[{"source_name": "a", "url": "b"}])  # fmt: skip

    assert new(value).value["granular_markings"] == [
        {"selectors": ["type"], "marking_ref": tlp(Tlp.RED)[0]},
        {"selectors": ["labels", "name"], "marking_ref": tlp(Tlp.AMBER)[0]},
    ]


def test_an_object_that_is_nothing_without_what_was_dropped_is_not_issued() -> None:
    only = seen("process", environment_variables={"SITE": "river"})

    assert anonymised(only, RENAME, NOON) is None
    assert new(only | {"pid": 7}).value["pid"] == 7


# --- a whole submission -------------------------------------------------------------------


def ids(*values: dict[str, Any]) -> list[str]:
    return sorted(RENAME(each["id"]) for each in values)


def test_a_submission_becomes_items_and_nothing_hangs_in_the_air() -> None:
    sender = identity(1, identity_class="organization")
    good, bad = indicator(2, created_by_ref=sender["id"]), made("x-ticket", 3)
    report = made("report", 4, name="r", published=ISSUED, object_refs=[good["id"], bad["id"]])
    alone = made("note", 5, content="x", object_refs=[bad["id"]])
    about = made("note", 6, content="x", object_refs=[alone["id"]])
    marks = [*tlp(Tlp.GREEN), id_of("marking-definition", 8)]
    marked = malware(7, object_marking_refs=marks)
    own = made("marking-definition", 8, modified=None, definition_type="x-own",
               definition={"a": "b"})  # fmt: skip
    who = link(good, sender, 10, relationship_type="attributed-to")

    found = batch([sender, good, bad, report, alone, about, marked, own, who], RENAME, NOON)

    assert [each.value["id"] for each in found.items] == ids(good, report)
    kept = next(each.value for each in found.items if each.value["type"] == "report")
    assert kept["object_refs"] == ids(good)
    assert dict(found.withheld) == {
        sender["id"]: "exchange.cannot-be-anonymous",
        bad["id"]: "exchange.cannot-be-anonymous",
        own["id"]: "exchange.cannot-be-anonymous",
        alone["id"]: "exchange.refers-to-withheld",
        about["id"]: "exchange.refers-to-withheld",
        marked["id"]: "exchange.refers-to-withheld",
        who["id"]: "exchange.refers-to-withheld",
    }


def test_definitions_that_everybody_has_are_left_out_and_what_they_mark_is_not() -> None:
    red = {"type": "marking-definition", "id": tlp(Tlp.RED)[0], "created": ISSUED}
    value = indicator(object_marking_refs=tlp(Tlp.RED))

    found = batch([red, value], RENAME, NOON)

    assert [each.value["id"] for each in found.items] == ids(value)
    assert not found.withheld


def test_a_version_of_what_was_issued_before_keeps_its_beginning() -> None:
    earlier = {RENAME(indicator()["id"]): NOON - DAY}

    (found,) = batch([indicator()], RENAME, NOON, first_issued_at=earlier).items

    assert (found.value["created"], found.value["modified"]) == ("2026-03-04T12:00:00.000Z", ISSUED)


def test_a_long_chain_of_notes_takes_no_long_time() -> None:
    bad = made("x-ticket", 1)
    notes = [
        made("note", number, content="x", object_refs=[(id_of("note", number - 1))])
        for number in range(2, 1500)
    ]
    notes[0]["object_refs"] = [bad["id"]]

    found = batch([*reversed(notes), bad], RENAME, NOON)

    assert len(found.withheld) == len(notes) + 1
    assert not found.items


def test_real_indicators_all_come_through() -> None:
    values = [json.loads(each) for each in corpus.objects(corpus.AMNESTY[-1])]

    found = batch(values, RENAME, NOON)

    assert not found.withheld
    assert len(found.items) == len(values) > 10
    everything = b"".join(orjson.dumps(each.value) for each in found.items)
    assert not any(each["id"].encode() in everything for each in values)
    assert b"created_by_ref" not in everything


def test_whatever_is_valid_comes_out_valid_or_not_at_all() -> None:
    cases = [
        case["instance"]
        for case in corpus.lines("stix-conformance/object_cases.ndjson.gz")
        if case["stix_version"] == "2.1" and case["reference_default_mode"] == "valid"
    ]
    for raw in corpus.members("stix-conformance/oasis-stix21-examples.zip").values():
        value = json.loads(raw)
        cases += value["objects"] if value["type"] == "bundle" else [value]
    made_ = 0
    for case in cases:
        try:
            bad = problems(encoded(case), read_head(encoded(case)))
        except MalformedError:
            continue
        if not bad and anonymised(case, RENAME, NOON) is not None:
            new(case)
            made_ += 1

    assert made_ > 250


# --- may it be issued, and is the sender named --------------------------------------------

PARTIES = [
    Recipient(PartyId("hub"), "secretariat"),
    Recipient(PartyId("a")),
    Recipient(PartyId("b")),
    Recipient(PartyId("c")),
    Recipient(PartyId("gone"), bound=False),
    Recipient(PartyId("cert"), "observer"),
]
CLAUSE = Channel("1", None, Tlp.AMBER, Tlp.AMBER, hubs=frozenset({PartyId("hub")}))


def test_who_could_have_sent_it() -> None:
    only = Channel("1", None, Tlp.AMBER, Tlp.AMBER, senders=frozenset({PartyId("cert")}))

    assert group(CLAUSE, PARTIES) == {"a", "b", "c"}
    assert group(only, PARTIES) == {"cert"}
    assert group(CLAUSE, PARTIES[:1]) == frozenset()


@pytest.mark.parametrize(
    ("size", "review", "outcome"),
    [
        pytest.param(3, (), Outcome.PERMIT, id="enough who could have sent it"),
        pytest.param(2, (), Outcome.REVIEW, id="too few"),
        pytest.param(0, (), Outcome.REVIEW, id="nobody"),
        pytest.param(3, ("name",), Outcome.REVIEW, id="a text that nobody has read"),
    ],
)
def test_when_the_hub_issues_by_itself(
    size: int, review: tuple[str, ...], outcome: Outcome
) -> None:
    possible = frozenset(PartyId(f"p{number}") for number in range(size))

    assert may_issue(possible, 3, review) == outcome


A, B = PartyId("a"), PartyId("b")
H = frozenset({PartyId("hub")})


@pytest.mark.parametrize(
    ("named", "audience"),
    [
        pytest.param(None, None, id="nobody was named"),
        pytest.param({"hub"}, set(), id="the hub alone"),
        pytest.param({"hub", "a"}, set(), id="the hub and the submitter are the hub alone"),
        pytest.param({"hub", "b"}, {"a", "b"}, id="the submitter is among those named"),
        pytest.param({"a", "b", "hub"}, {"a", "b"}, id="named or not"),
    ],
)
def test_whom_a_new_item_is_for(named: set[str] | None, audience: set[str] | None) -> None:
    given = None if named is None else frozenset(PartyId(each) for each in named)
    assert audience_of(given, A, H) == audience


HIDES = "share: all, attribution: must-not"


@pytest.mark.parametrize(
    ("clause", "consents", "named"),
    [
        pytest.param(HIDES, [], False, id="not without a consent"),
        pytest.param(f"{HIDES}, consent_overrides: yes", [NameConsent(A, NOON)], True,
                     id="with one"),
        pytest.param(HIDES, [NameConsent(A, NOON)], False, id="where the clause lets it count"),
        pytest.param(f"{HIDES}, consent_overrides: yes", [NameConsent(B, NOON)], False,
                     id="not by somebody else"),
        pytest.param(f"{HIDES}, consent_overrides: yes", [NameConsent(A, NOON + DAY)], False,
                     id="not before it is given: future readers only"),
        pytest.param(f"{HIDES}, consent_overrides: yes", [NameConsent(A, NOON - DAY, NOON)], False,
                     id="not after it is taken back"),
        pytest.param("share: all, attribution: may", [], True, id="where naming is free"),
        pytest.param("share: all, anonymise: {by: hub}", [], False,
                     id="not where the hub takes it out"),
        pytest.param("share: all, anonymise: {by: hub}", [NameConsent(A, NOON)], True,
                     id="unless it consents"),
        pytest.param("share: all, anonymise: {by: submitter}", [], True,
                     id="what the submitter takes out is the submitter's"),
    ],
)  # fmt: skip
def test_whether_a_reader_is_told_the_name(
    clause: str, consents: list[NameConsent], named: bool
) -> None:
    assert names_source(sharing(clause), A, consents, NOON) is named


# --- P17 ----------------------------------------------------------------------------------

SECRETS = st.fixed_dictionaries({
    "name": st.text("abcdefgh ", min_size=1, max_size=30),
    "number": st.integers(1, 2**40),
    "minutes": st.integers(0, 24 * 60 - 1),
    "millis": st.integers(0, 999),
    "lang": st.sampled_from(["en", "cy", "de"]),
    "extra": st.booleans(),
})  # fmt: skip


def submission(who: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a member of the group submits of one day; only what it knows of itself differs."""
    sender = identity(who["number"] + 100, name=who["name"], identity_class="organization")
    hour, minute = divmod(who["minutes"], 60)
    at = f"2026-03-01T{hour:02}:{minute:02}:59.{who['millis']:03}Z"
    common: dict[str, Any] = {"created": at, "modified": at, "created_by_ref": sender["id"],
                              "lang": who["lang"]}  # fmt: skip
    if who["extra"]:
        common["x_site"] = who["name"]
        common["external_references"] = [{"source_name": who["name"], "url": "u"}]
    found = indicator(1, valid_from=at, **common)
    tool = malware(2, first_seen=at, last_seen=at, **common)
    marking = made("marking-definition", 3, modified=None, created=at,
                   created_by_ref=sender["id"], extensions={IEP_EXTENSION: {
                       **IEP, "name": who["name"], "id": who["name"]}})  # fmt: skip
    return [
        sender,
        found,
        tool | {"object_marking_refs": [marking["id"]]},
        marking,
        link(found, tool, 4, start_time=at, **common),
        sighting(tool, 5, where_sighted_refs=[sender["id"]], first_seen=at, last_seen=at, **common),
    ]


def issued(values: list[dict[str, Any]]) -> bytes:
    """Exactly what recipients get."""
    found = batch(values, RENAME, NOON)
    return b"\n".join(orjson.dumps(each.value) for each in found.items)


@given(SECRETS, SECRETS, st.randoms())
def test_nobody_sees_a_difference_when_the_submitter_is_another(
    one: Mapping[str, Any], two: Mapping[str, Any], chance: Any
) -> None:
    """P17: bytes, sizes, times, ids and order are the same whoever of the group sent it."""
    shuffled = submission(two)
    chance.shuffle(shuffled)

    seen_ = issued(submission(one))
    assert seen_ == issued(shuffled)
    assert seen_.count(b"\n") == 4


def test_what_is_known_of_the_deed_does_make_a_difference() -> None:
    """The twin of the property: it is not that everything comes out alike."""
    who = {"name": "a", "number": 1, "minutes": 0, "millis": 0, "lang": "en", "extra": False}
    other = submission(who)
    other[1]["pattern"] = "[domain-name:value = 'else.example']"

    assert issued(submission(who)) != issued(other)
