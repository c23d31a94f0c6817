"""The acceptance scenarios on sharing, over the agreements that ship and the samples.

Each test names its scenario. What is played here is the rules; nodes play the same elsewhere.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from allied.agreement.terms import Agreement
from allied.agreement.values import Tlp
from allied.errors import RefusedError
from allied.exchange.anonymity import (
    NameConsent,
    batch,
    group,
    may_issue,
    names_source,
    renaming,
)
from allied.exchange.asking import Reply, Standing, consented, open_request, standing
from allied.exchange.bundle import Refused
from allied.exchange.channel import Known, Outcome
from allied.exchange.channels import channels_of, decide_over_agreement, recipient_of
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.intake import Accepted, Intake, Terms
from allied.exchange.limits import lapsed_shields
from allied.exchange.lineage import ItemName, Product, TearLine, tear_lines
from allied.exchange.policy import Verdict, admit, decide
from allied.exchange.recall import Answer, Answered, Compliance, Copy, fold, recall
from allied.exchange.scratch import MemoryScratch
from allied.exchange.stix import Kind
from allied.exchange.survey import survey
from allied.record.ids import PartyId
from tests.exchange.samples import (
    identity,
    indicator,
    link,
    malware,
    sighting,
    source,
    tlp,
)
from tests.exchange.texts import first, sample, template

NOON = datetime(2026, 3, 5, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
OUTSIDER = PartyId("outsider")
HUB, CERT = PartyId("hub"), PartyId("cert")

ISACS = [
    pytest.param(sample("port-isac.yaml"), "port-a", "haulier", id="the sample"),
    pytest.param(template("isac.yaml"), "core-one", "full-one", id="the template"),
]
SERVICES = [
    pytest.param(sample("five-like.yaml"), "usa", "gbr", id="the sample"),
    pytest.param(template("five-services.yaml"), "service-e", "service-c", id="the template"),
]


def shared(
    isac: Agreement, sender: PartyId, values: Sequence[dict[str, Any]]
) -> tuple[dict[str, Accepted], dict[str, Refused]]:
    """What a submission under an agreement comes to, by id."""
    given = source(*values)
    terms = Terms(sender, channels_of(isac), NOON)
    outcomes = list(Intake(survey(given, MemoryScratch()), terms).run())
    accepted = {each.head.id: each for each in outcomes if isinstance(each, Accepted)}
    refused = {each.id or "": each for each in outcomes if isinstance(each, Refused)}
    return accepted, refused


def of(originator: str, tlp_: Tlp, *caveats: str, audience: Sequence[str] = ()) -> HandlingClass:
    party = PartyId(originator)
    named = frozenset(PartyId(each) for each in audience) or None
    handling = Handling(tlp_, named, frozenset(caveats))
    return HandlingClass(party, frozenset({Demand(Kind.INDICATOR, party, handling)}))


def over(
    agreement: Agreement,
    handling: HandlingClass,
    to: PartyId,
    releaser: str | None = None,
    known: Known | None = None,
    at: datetime = NOON,
) -> Verdict:
    return decide_over_agreement(
        agreement,
        handling,
        to,
        at,
        bound=frozenset(agreement.party_ids),
        releaser=None if releaser is None else PartyId(releaser),
        known=known,
    )


# --- 16 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("isac", "sender", "reader"), ISACS)
def test_16_what_is_red_is_refused_at_intake_and_never_lowered(
    isac: Agreement, sender: str, reader: str
) -> None:
    secret = indicator(1, object_marking_refs=tlp(Tlp.RED), name="what only we know")
    amber = indicator(1, object_marking_refs=tlp(Tlp.AMBER), name="what only we know")

    accepted, _ = shared(isac, PartyId(sender), [amber])
    assert amber["id"] in accepted  # the twin that passes

    accepted, refused = shared(isac, PartyId(sender), [secret])
    assert accepted == {}
    refusal = refused[secret["id"]]
    assert refusal.code == "exchange.above-ceiling"
    assert "relabel it to TLP:AMBER or below" in refusal.reason
    assert "contact them directly" in refusal.reason
    assert "what only we know" not in refusal.reason


@pytest.mark.parametrize(("isac", "sender", "reader"), ISACS)
def test_16_a_list_of_recipients_does_not_lift_the_ceiling(
    isac: Agreement, sender: str, reader: str
) -> None:
    named = of(sender, Tlp.RED, audience=["hub", reader])
    (demand,) = named.demands

    assert admit(demand, channels_of(isac), NOON).code == "exchange.above-ceiling"
    for to in isac.party_ids:
        if to != sender:
            assert not over(isac, named, to).permitted


@pytest.mark.parametrize(("isac", "sender", "reader"), ISACS)
def test_16_the_others_learn_nothing_of_it(isac: Agreement, sender: str, reader: str) -> None:
    open_ = malware(2, object_marking_refs=tlp(Tlp.GREEN))
    secret = indicator(1, object_marking_refs=tlp(Tlp.RED))
    both = link(secret, open_, 3, object_marking_refs=tlp(Tlp.GREEN))

    plain, _ = shared(isac, PartyId(sender), [open_])
    mixed, refused = shared(isac, PartyId(sender), [open_, secret, both])

    assert mixed == plain
    assert refused[both["id"]].code == "exchange.above-ceiling"  # as its end


# --- 17 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("services", "usa", "gbr"), SERVICES)
def test_17_passing_on_to_an_outsider_is_denied_and_the_originator_can_be_asked(
    services: Agreement, usa: str, gbr: str
) -> None:
    item = of(usa, Tlp.RED, "ORCON", audience=[gbr])
    assert over(services, item, PartyId(gbr)).permitted  # the twin: gbr has it from usa

    known = Known(confirmed_at=NOON)
    verdict = over(services, item, OUTSIDER, gbr, known)

    assert (verdict.permitted, verdict.outcome) == (False, Outcome.ASK)
    assert (verdict.code, verdict.art) == ("exchange.originator-consent", "4")
    assert verdict.would_change == ("ask the originator for consent",)
    name = ItemName(PartyId(usa), "indicator--1", "1")
    request = open_request(verdict, name, PartyId(gbr), OUTSIDER, "a warning", NOON)
    assert (request.item.originator, request.to) == (usa, OUTSIDER)


@pytest.mark.parametrize(("services", "usa", "gbr"), SERVICES)
def test_17_silence_is_no_and_only_usa_can_say_yes(services: Agreement, usa: str, gbr: str) -> None:
    item = of(usa, Tlp.RED, "ORCON", audience=[gbr])
    name = ItemName(PartyId(usa), "indicator--1", "1")
    asked = open_request(
        over(services, item, OUTSIDER, gbr, Known()), name, PartyId(gbr), OUTSIDER, "x", NOON
    )

    def passed_on(replies: Sequence[Reply], at: datetime) -> bool:
        known = Known(consented=consented(name, replies, at), confirmed_at=at)
        return over(services, item, OUTSIDER, gbr, known, at).permitted

    def yes(by: str) -> Reply:
        return Reply(name, PartyId(by), OUTSIDER, Standing.CONSENTED, NOON)

    years_later = NOON + 3650 * DAY
    assert standing(asked, [], years_later) == Standing.AWAITED
    assert not passed_on([], years_later)
    assert not passed_on([yes(gbr), yes("outsider")], NOON)
    assert passed_on([yes(usa)], NOON)


@pytest.mark.parametrize(("services", "usa", "gbr"), SERVICES)
def test_17_an_extract_goes_if_usa_supplies_it(services: Agreement, usa: str, gbr: str) -> None:
    full = ItemName(PartyId(usa), "report--1", "1")
    extract = ItemName(PartyId(usa), "report--2", "1")
    by_gbr = ItemName(PartyId(gbr), "report--3", "1")

    supplied = [TearLine(extract, full), TearLine(by_gbr, full)]
    assert tear_lines(full, supplied) == (extract,)

    cleared, amber = of(usa, Tlp.CLEAR), of(usa, Tlp.AMBER)
    as_extract = Known(tear_line=True, confirmed_at=NOON)
    assert over(services, cleared, OUTSIDER, gbr, as_extract).outcome == Outcome.PERMIT
    assert over(services, amber, OUTSIDER, gbr, as_extract).outcome == Outcome.ASK
    plain = Known(confirmed_at=NOON)
    assert over(services, cleared, OUTSIDER, gbr, plain).outcome == Outcome.ASK


# --- 18 -----------------------------------------------------------------------------------


SUBMITTER = identity(90, name="Port A Operations", identity_class="organization")
SUBMISSION = [
    SUBMITTER,
    indicator(1, object_marking_refs=tlp(Tlp.AMBER), created_by_ref=SUBMITTER["id"],
              x_ticket="PA-4711", lang="de"),
    malware(2, object_marking_refs=tlp(Tlp.GREEN), created_by_ref=SUBMITTER["id"],
            external_references=[{"source_name": "port-a", "external_id": "4711"}]),
    sighting(malware(2), 3, object_marking_refs=tlp(Tlp.GREEN),
             where_sighted_refs=[SUBMITTER["id"]]),
]  # fmt: skip
RENAME = renaming(b"a key of the hub")


def party_list(isac: Agreement, bound: Sequence[str] | None = None) -> list[Any]:
    among = isac.party_ids if bound is None else bound
    return [recipient_of(isac, each, bound=each in among) for each in isac.party_ids]


@pytest.mark.parametrize(("isac", "sender", "reader"), ISACS)
def test_18_readers_see_what_the_hub_issues_and_nothing_of_who_sent_it(
    isac: Agreement, sender: str, reader: str
) -> None:
    issued = batch(SUBMISSION, RENAME, NOON)
    values = [dict(each.value) for each in issued.items]
    accepted, refused = shared(isac, HUB, values)
    channels = channels_of(isac)
    classes = {each.handling.key: each.handling for each in accepted.values()}

    def seen(party: str) -> set[str]:
        who = recipient_of(isac, PartyId(party), bound=True)
        return {
            each.head.type
            for each in accepted.values()
            if decide(each.handling, who, channels, NOON, releaser=HUB, classes=classes).permitted
        }

    assert not refused
    assert seen(reader) == {"indicator", "malware", "sighting"}
    assert seen("cert") == {"malware", "sighting"}
    assert seen(sender) == seen(reader)  # the submitter too, like everybody else
    everything = b"".join(each.raw for each in accepted.values()).decode()
    for trace in (sender, "Port A", "4711", SUBMITTER["id"], *(each["id"] for each in SUBMISSION)):
        assert trace not in everything
    assert {each.handling.originator for each in accepted.values()} == {HUB}


@pytest.mark.parametrize(("isac", "sender", "reader"), ISACS)
def test_18_the_submission_itself_goes_to_the_hub_and_no_further(
    isac: Agreement, sender: str, reader: str
) -> None:
    item = of(sender, Tlp.GREEN)

    assert over(isac, item, HUB).permitted
    assert over(isac, item, PartyId(reader)).code == "exchange.direction"
    verdict = over(isac, item, PartyId(reader), "hub", Known(confirmed_at=NOON))
    assert (verdict.permitted, verdict.outcome) == (False, Outcome.SANITISE)


@pytest.mark.parametrize(("isac", "sender", "reader"), ISACS)
def test_18_where_too_few_could_have_sent_it_a_person_at_the_hub_looks(
    isac: Agreement, sender: str, reader: str
) -> None:
    (channel,) = channels_of(isac)
    clause = first(isac)
    assert clause.anonymise is not None
    least = clause.anonymise.min_group

    everybody = group(channel, party_list(isac))
    two = group(channel, party_list(isac, [HUB, PartyId(sender), PartyId(reader), CERT]))

    assert len(everybody) >= least == 3
    assert may_issue(everybody, least, ()) == Outcome.PERMIT
    assert two == {sender, reader}
    assert may_issue(two, least, ()) == Outcome.REVIEW


@pytest.mark.parametrize(("isac", "sender", "reader"), ISACS)
def test_18_a_later_consent_adds_the_name_for_future_readers_only(
    isac: Agreement, sender: str, reader: str
) -> None:
    consent = NameConsent(PartyId(sender), NOON + DAY)

    def named(at: datetime, *consents: NameConsent) -> bool:
        return names_source(first(isac), PartyId(sender), consents, at)

    assert not named(NOON + 9 * DAY)
    assert not named(NOON, consent)
    assert named(NOON + DAY, consent)
    assert not named(NOON + DAY, replace(consent, by=PartyId(reader)))


# --- 19 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("isac", "sender", "reader"), ISACS)
def test_19_a_recall_reaches_all_five_flags_both_products_and_lists_who_is_silent(
    isac: Agreement, sender: str, reader: str
) -> None:
    item = ItemName(HUB, "indicator--1", "1")
    names = [PartyId(each) for each in ("p1", "p2", "p3", "p4", "p5")]
    copies = [Copy(item, names[0], HUB, NOON - DAY, Tlp.AMBER)]
    copies += [Copy(item, each, names[0], NOON - HOUR, Tlp.AMBER) for each in names[1:]]
    copies += [Copy(item, PartyId("p6"), names[1], NOON - HOUR, Tlp.CLEAR)]
    one = Product(ItemName(names[1], "report--1", "1"), frozenset({item}))
    two = Product(ItemName(names[2], "report--2", "1"), frozenset({one.item}))
    called = recall(first(isac), replace(item, version=""), HUB, "a mistake", NOON)
    noticed = dict.fromkeys(names, NOON + HOUR)
    answers = [
        Answer(names[0], Answered.DELETED, "", NOON + 2 * HOUR),
        Answer(names[1], Answered.KEPT, "evidence in a trial", NOON + 3 * HOUR),
    ]

    def at(when: datetime) -> Any:
        return fold(called, copies, when, noticed=noticed, answers=answers, products=[two, one])

    before, after = at(NOON + 49 * HOUR - timedelta(seconds=1)), at(NOON + 49 * HOUR)
    assert [each.holder for each in after.duties] == names
    assert {each.due for each in after.duties} == {NOON + 49 * HOUR}
    assert {each.holder: each.through for each in after.duties} == {
        names[0]: HUB,
        **dict.fromkeys(names[1:], names[0]),
    }
    assert after.products == (one, two)
    assert after.corrections == ("p6",)
    assert before.overdue == ()
    assert after.overdue == after.unconfirmed == tuple(names[2:])
    assert after.kept == (names[1],)
    assert {each.state for each in before.duties} == {
        Compliance.DELETED,
        Compliance.KEPT,
        Compliance.OWED,
    }


@pytest.mark.parametrize(("isac", "sender", "reader"), ISACS)
def test_19_nobody_but_its_originator_recalls_it(isac: Agreement, sender: str, reader: str) -> None:
    item = ItemName(HUB, "indicator--1", "1")

    with pytest.raises(RefusedError) as refusal:
        recall(first(isac), item, PartyId(reader), "", NOON)
    assert refusal.value.code == "exchange.not-the-originator"


# --- 29 -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("isac", "day", "lapsed"),
    [
        pytest.param(sample("port-isac.yaml"), date(2025, 10, 15), True, id="in the gap"),
        pytest.param(sample("port-isac.yaml"), date(2025, 11, 15), False, id="after it"),
        pytest.param(template("isac.yaml"), date(2025, 12, 31), True, id="before the law"),
        pytest.param(template("isac.yaml"), date(2026, 1, 1), False, id="from its first day"),
        pytest.param(template("isac.yaml"), date(2029, 1, 1), True, id="after its last day"),
    ],
)
def test_29_a_shield_that_lapsed_is_a_warning_and_the_clause_holds(
    isac: Agreement, day: date, lapsed: bool
) -> None:
    clause = first(isac)
    at = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)

    assert lapsed_shields(isac, day) == (((clause.art, clause.legal_shield),) if lapsed else ())
    assert over(isac, of("hub", Tlp.GREEN), CERT, at=at).permitted


def test_16_to_29_the_objects_of_these_tests_are_what_they_claim_to_be() -> None:
    accepted, refused = shared(template("isac.yaml"), PartyId("core-one"), SUBMISSION)

    assert not refused
    assert len(accepted) == len(SUBMISSION)
    assert json.loads(accepted[SUBMISSION[1]["id"]].raw)["x_ticket"] == "PA-4711"
