"""The parties change their text, and every node goes on with the same version of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from allied.agreement.certified import write_proof
from allied.agreement.chain import version_of
from allied.agreement.fold import begun, fold, further
from allied.agreement.moments import moment_text
from allied.agreement.result import Result
from allied.agreement.tabled import counted
from allied.errors import AlliedError
from allied.node import agreements, amendments, doctor, incidents, proposals, sweeping
from allied.node.agreements import AgreementView
from allied.node.doctor import Around
from allied.node.proposals import Wish
from allied.node.questions import table_of
from allied.record.canonical import Json
from allied.record.history import history
from allied.record.ids import PartyId
from allied.record.record import Record, read
from tests.node.amending import (
    EVERYBODY,
    TEXT,
    TWO,
    YES,
    amended,
    decide,
    effect,
    number,
    numbers,
    pact,
    put,
    vote,
)
from tests.node.hands import (
    HARBOUR,
    NORTHGATE,
    RIVER,
    crafted,
    folded,
    held,
    share,
    slip_in,
    state_digest,
)
from tests.node.network import House, Network

AMBER = amended(GREEN="AMBER")
MAY = amended(**{"modality: must": "modality: may"})
RATIFIED = TEXT.replace("bodies:", "life: {in_force_when: all signed}\nbodies:")
RAID = """\
format: incident/1
id: NAME
title: A raid
versions:
  - known_at: WHEN
    facts:
      kind: attack.cyber
      occurred_at: WHEN
      severity: severe
      acts: [{against: river, target: systems}]
"""


def show(network: Network, who: str) -> AgreementView:
    return agreements.show(network.houses[who].node, "pact")


def one_state(network: Network) -> bool:
    return len({state_digest(house, "pact") for house in network.houses.values()}) == 1


def raid(network: Network, name: str) -> None:
    """River is attacked now, and says so."""
    house = network.houses[RIVER]
    raw = RAID.replace("NAME", name).replace("WHEN", moment_text(network.clock.now()))
    incidents.report(house.node, house.actor, raw.encode(), "raid", "pact")
    network.advance(timedelta(seconds=1))


def said_of_agreements(house: House) -> set[str]:
    """What the doctor says of agreements."""
    found = doctor.examine(house.node, around=Around(1 << 40, (), None, ""))
    return {each.state for each in found if each.code == "agreement"}


def codes(network: Network, who: str) -> list[tuple[str, str]]:
    return [(each.kind, each.code) for each in show(network, who).without_effect]


# --- by certificate ---------------------------------------------------------------------


def test_from_the_certificate_on_every_node_reads_the_new_text(tmp_path: Path) -> None:
    network = pact(tmp_path)
    raid(network, "before")
    first = show(network, HARBOUR)
    name = decide(network, MAY)
    raid(network, "after")
    network.settle(2)
    found = show(network, HARBOUR)
    second = found.versions[1]

    assert (first.number, len(first.versions)) == (1, 1)
    assert (found.number, found.text, found.version) == (2, MAY, second.version)
    river = network.houses[RIVER]
    said = proposals.show(river.node, river.organisation, name)
    assert second.certificates == (said.deciding.certificate,)
    assert second.bound == ("harbour", "northgate", "river")
    assert any("modality" in each for each in second.changes)
    assert agreements.text_of(network.houses[HARBOUR].node, "pact", 1) == first.text
    assert {effect(network, who, name).partition(" since")[0] for who in YES} == {
        "version 2, in force"
    }
    assert one_state(network)
    assert codes(network, HARBOUR) == []

    house = network.houses[HARBOUR]
    owed = {
        each.alias: {duty.modality for duty in each.obligations}
        for each in incidents.list_incidents(house.node, house.organisation)
    }
    assert owed == {"before": {"must"}, "after": {"may"}}

    order = folded(house, "pact").history.order
    named = [each.header.version for each in order]
    assert named == [first.version] * (len(order) - named.count(second.version)) + [
        second.version
    ] * named.count(second.version)


def note(which: int, tlp: str) -> Mapping[str, object]:
    """A vulnerability with a TLP marking."""
    marks = {
        "green": "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
        "amber": "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    }
    return {
        "type": "vulnerability",
        "spec_version": "2.1",
        "id": f"vulnerability--6c0f3a9e-1f2a-4b52-9c0e-{which:012}",
        "created": "2026-11-23T00:00:00.000Z",
        "modified": "2026-11-23T00:00:00.000Z",
        "name": f"CVE-2026-{which}",
        "object_marking_refs": [marks[tlp]],
    }


WATCHED = TEXT.replace(
    "- {ids: [river, harbour, northgate]}",
    "- {ids: [river, harbour]}\n  - {id: northgate, role: observer}",
).replace(
    "max_tlp: GREEN", "max_tlp: AMBER\n    receives: {observer: {max_tlp: GREEN, kinds: all}}"
)


def test_what_becomes_visible_arrives_and_what_is_above_the_new_ceiling_is_held_back(
    tmp_path: Path,
) -> None:
    network = pact(tmp_path, text=WATCHED)
    house = network.houses[RIVER]
    share(house, "pact", note(1, "amber"))
    network.settle(1)
    before = [len(held(network.houses[who], "pact")) for who in (HARBOUR, NORTHGATE)]
    decide(
        network,
        amended(text=WATCHED, **{"observer: {max_tlp: GREEN": "observer: {max_tlp: AMBER"}),
        TWO,
    )
    after = [len(held(network.houses[who], "pact")) for who in (HARBOUR, NORTHGATE)]
    decide(network, amended(text=WATCHED, **{"max_tlp: AMBER": "max_tlp: GREEN"}), TWO)
    refused = share(house, "pact", note(2, "amber")).refused
    network.settle(1)

    assert (before, after) == ([1, 0], [1, 1])
    assert refused == {"exchange.above-ceiling": 1}
    assert numbers(network) == {3}


# --- ratified, objected to --------------------------------------------------------------


def accept(network: Network, who: str, version: str = "2") -> None:
    house = network.houses[who]
    amendments.accept(house.node, house.actor, "pact", version)
    network.settle(1)


def object_to(network: Network, who: str, version: str = "2") -> None:
    house = network.houses[who]
    amendments.object_to(house.node, house.actor, "pact", version, "not so")
    network.settle(1)


NOT_HARBOUR = {RIVER: "yes", NORTHGATE: "yes", HARBOUR: "no"}


def test_where_all_have_to_accept_it_waits_for_the_last_one(tmp_path: Path) -> None:
    network = pact(tmp_path, EVERYBODY)
    name = decide(network, amended(EVERYBODY, GREEN="AMBER"), NOT_HARBOUR)
    waiting = effect(network, RIVER, name)
    before = numbers(network)
    accept(network, HARBOUR)

    assert waiting == "version 2, adopted; it waits for harbour to accept it"
    assert (before, numbers(network)) == ({1}, {2})
    assert one_state(network)
    with pytest.raises(AlliedError) as again:
        accept(network, HARBOUR)
    with pytest.raises(AlliedError) as late:
        object_to(network, HARBOUR)
    assert (again.value.code, late.value.code) == (
        "amendment.accepted-already", "amendment.in-effect"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("objectors", "bound", "stands"),
    [
        pytest.param("bound", "bound", 2, id="bound all the same", marks=pytest.mark.soak),
        pytest.param("keep-old", "bound", 1, id="kept to the old text"),
        pytest.param("leave", "former", 1, id="out", marks=pytest.mark.soak),
    ],
)
def test_an_objector_fares_as_the_clause_says(
    tmp_path: Path, objectors: str, bound: str, stands: int
) -> None:
    clause = f"in_force: steward-notice 9 days, objectors: {objectors}"
    network = pact(tmp_path, clause)
    decide(network, amended(clause, GREEN="AMBER"), YES)
    object_to(network, HARBOUR)
    before = numbers(network)
    network.advance(timedelta(days=10))
    network.settle(1)
    found = folded(network.houses[RIVER], "pact")
    now = network.clock.now()
    versions = found.state.present(found.instrument, now).versions

    assert (before, numbers(network)) == ({1}, {2})
    assert versions.standing.parties[PartyId(HARBOUR)].legal == bound
    assert versions.of(PartyId(HARBOUR)).number + 1 == stands
    ceiling = {
        other: found.terms_between(PartyId(RIVER), PartyId(other), now).clause("2").max_tlp.value  # type: ignore[attr-defined]
        for other in (HARBOUR, NORTHGATE)
    }
    assert ceiling[NORTHGATE] == "AMBER"
    assert ceiling[HARBOUR] == ("AMBER" if objectors == "bound" else "GREEN")


@pytest.mark.soak
def test_a_share_of_the_parties_is_enough_where_the_clause_says_so(tmp_path: Path) -> None:
    """Where ratifications count, a yes is none; two of three are enough, for the third as well."""
    clause = "in_force: fraction-binds-all 2/3"
    text = TEXT.replace("bodies:", "life: {in_force_when: {count: 1, of: ratified}}\nbodies:", 1)
    network = pact(tmp_path, clause, text)
    for who in YES:
        house = network.houses[who]
        agreements.ratify(house.node, house.actor, "pact")
        network.settle(1)
    name = decide(network, amended(clause, text, GREEN="AMBER"), YES)
    waiting = effect(network, RIVER, name)
    accept(network, RIVER)
    one = numbers(network)
    accept(network, HARBOUR)
    found = show(network, NORTHGATE).versions[1]

    assert waiting.endswith(
        "it waits for harbour, northgate, river to accept it, 2 of them are enough"
    )
    assert (one, numbers(network)) == ({1}, {2})
    assert found.consenting == (HARBOUR, RIVER)
    assert found.bound == (HARBOUR, NORTHGATE, RIVER)


def test_who_joins_later_joins_the_newest_text_by_its_signature(tmp_path: Path) -> None:
    text = TEXT.replace("bodies:", "life: {in_force_when: {count: 2, of: signed}}\nbodies:", 1)
    network = pact(tmp_path, text=text, unsigned=[NORTHGATE])
    decide(network, amended(text=text, GREEN="AMBER"), TWO)
    house = network.houses[NORTHGATE]
    agreements.sign(house.node, house.actor, "pact")
    network.settle(2)
    signed = next(
        each
        for each in reversed(folded(house, "pact").history.order)
        if each.header.kind == "agreement.sign"
    )

    for who in YES:
        found = show(network, who)
        assert found.versions[1].bound == (HARBOUR, NORTHGATE, RIVER)
        assert signed.header.version == found.version
    assert one_state(network)


@pytest.mark.soak
def test_an_accepted_text_may_still_be_on_the_table(tmp_path: Path) -> None:
    network = pact(tmp_path, EVERYBODY)
    name = put(network, RIVER, amended(EVERYBODY, GREEN="AMBER"))
    network.settle(1)
    accept(network, HARBOUR, name[:12])
    vote(network, name, {RIVER: "yes", NORTHGATE: "yes"})
    network.settle(1)
    network.advance(timedelta(days=5))
    network.settle(3)
    network.advance(timedelta(hours=1))
    network.settle(2)

    assert numbers(network) == {2}


# --- cut off, late, contradicting ---------------------------------------------------------


def test_a_node_that_was_cut_off_meanwhile_ends_at_the_same_version(tmp_path: Path) -> None:
    """What it said in the circle of all under the old text is shown as late by everybody."""
    network = pact(tmp_path)
    early = put(network, HARBOUR, MAY)
    network.settle(2)
    for other in (RIVER, HARBOUR):
        network.cut_between(NORTHGATE, other)
    name = put(network, RIVER, AMBER)
    vote(network, early, {NORTHGATE: "no"})
    network.houses[HARBOUR].sync()
    vote(network, name, TWO)
    network.settle(1)
    network.advance(timedelta(days=5))
    for _ in range(4):
        network.settle(1)
        network.advance(timedelta(hours=1))
    alone = [number(network, house) for house in network.houses.values()]
    network.heal()
    network.settle(3)

    assert alone == [2, 2, 1]
    assert numbers(network) == {2}
    assert one_state(network)
    for who in YES:
        assert ("vote.cast", "effect.late-version") in codes(network, who)
    fresh = folded(network.houses[NORTHGATE], "pact")
    order = fresh.history.order
    again = fold(fresh.instrument, history(order, fresh.instrument.circles.size))
    assert again.texts == folded(network.houses[RIVER], "pact").state.texts


def certificate(network: Network, bearer: str, question: str, *, closed: int = 0) -> Record:
    """A certificate that a question is adopted, as two who count without looking would sign it."""
    house = network.houses[bearer]
    found = folded(house, "pact")
    on = next(
        each
        for each in table_of(found, found.instrument.circles.all).tabled
        if each.record == question
    )
    now = network.clock.now()
    result = Result(
        proposal=on.record,
        text=counted(on, now).text,
        outcome="adopted",
        reason="",
        closed_at=now + timedelta(seconds=closed),
        positions=tuple((PartyId(who), "yes") for who in sorted(YES)),
        cut=(),
    )
    counts = []
    for who in TWO:
        body: dict[str, Json] = {"proposal": on.record, "tally": "c" * 64, "result": result.digest}
        counts.append(crafted(network.houses[who], "pact", "decision.count", body, deps=[]))
    opening = next(each for each in found.history.order if each.id == question)
    present = found.state.present(found.instrument, now)
    return crafted(
        house,
        "pact",
        "decision.certificate",
        write_proof(opening, result, counts),
        version=version_of(found.instrument, present.link),
    )


def test_two_certificates_on_one_version_freeze_it_until_a_third_settles_them(
    tmp_path: Path,
) -> None:
    network = pact(tmp_path)
    one, other = put(network, RIVER, AMBER), put(network, HARBOUR, MAY)
    network.settle(2)
    written = [certificate(network, RIVER, one), certificate(network, NORTHGATE, other)]
    slip_in(network.houses[RIVER], written[0])
    slip_in(network.houses[NORTHGATE], written[1])
    alone = {house.label: number(network, house) for house in network.houses.values()}
    network.settle(2)
    frozen = show(network, HARBOUR)
    said = effect(network, HARBOUR, one)
    troubled = said_of_agreements(network.houses[HARBOUR])
    name = decide(network, amended(**{"GREEN": "AMBER", "modality: must": "modality: may"}))
    settled = show(network, HARBOUR)

    assert alone == {RIVER: 2, HARBOUR: 1, NORTHGATE: 2}
    assert [each.state for each in frozen.versions] == ["in-force", "frozen", "frozen"]
    assert frozen.number == 1
    assert said == "version 2, frozen: another text was adopted on the same version; people decide"
    assert [each.state for each in settled.versions] == ["earlier", "in-force"]
    assert settled.versions[1].proposal == name
    assert effect(network, HARBOUR, one) == "none: another text was adopted that settles it"
    assert (troubled, said_of_agreements(network.houses[HARBOUR])) == ({"ok", "problem"}, {"ok"})
    assert one_state(network)


def test_a_text_that_is_adopted_after_another_on_the_same_version_changes_nothing(
    tmp_path: Path,
) -> None:
    network = pact(tmp_path)
    one, other = put(network, RIVER, AMBER), put(network, HARBOUR, MAY)
    network.settle(2)
    vote(network, one, YES)
    network.settle(4)
    vote(network, other, YES)
    network.settle(4)

    assert [each.state for each in show(network, RIVER).versions] == ["earlier", "in-force"]
    assert "in force since" in effect(network, RIVER, one)
    assert effect(network, RIVER, other) == (
        "none: another text was adopted on the version that it follows; put it anew"
    )
    slip_in(network.houses[RIVER], certificate(network, RIVER, other))
    network.settle(2)
    assert "effect.version-passed" in effect(network, HARBOUR, other)
    assert numbers(network) == {2}
    assert one_state(network)


# --- refused ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Three parties at their second version."""
    network = pact(tmp_path_factory.mktemp("changed"))
    network.name = decide(network, AMBER)  # type: ignore[attr-defined]
    return network


@pytest.mark.parametrize(
    ("text", "said", "code"),
    [
        pytest.param(MAY, {}, "", id="another text"),
        pytest.param(AMBER, {}, "amendment.same-text", id="the present text"),
        pytest.param(amended(), {}, "", id="back to the first text"),
        pytest.param(
            amended(**{"id: pact": "id: other"}), {}, "amendment.other-agreement",
            id="another agreement",
        ),
        pytest.param(
            amended(northgate="quay"), {}, "amendment.other-parties", id="somebody else"
        ),
        pytest.param("words", {}, "agreement.wrong-type", id="no file"),
        pytest.param(
            amended(**{"rule: council": "rule: {kind: qualified-majority, threshold: 9}"}), {},
            "amendment.contradicts-itself", id="a rule that nobody can meet",
        ),
        pytest.param(MAY, {"art": "2"}, "question.other-clause", id="by another clause"),
    ],
)  # fmt: skip
def test_what_is_put_as_an_amendment(
    changed: Network, text: str, said: dict[str, str], code: str
) -> None:
    from allied.agreement.matters import Matter

    house = changed.houses[HARBOUR]
    wish = Wish(Matter(kind="amendment", **said), text.encode(), deadline="4 days")
    refused = ""
    try:
        proposals.attempt(house.node, house.organisation, "pact", wish)
    except AlliedError as refusal:
        refused = refusal.code
    assert refused == code


@pytest.mark.parametrize(
    ("version", "code"),
    [
        pytest.param("1", "amendment.first-text", id="the first text"),
        pytest.param("2", "amendment.accepted-already", id="one that binds already"),
        pytest.param("3", "agreement.no-such-version", id="one that is not there"),
        pytest.param("abcdef", "agreement.no-such-version", id="nonsense"),
        pytest.param("0" * 12, "agreement.no-such-version", id="no such question"),
    ],
)
def test_what_cannot_be_accepted(changed: Network, version: str, code: str) -> None:
    house = changed.houses[HARBOUR]
    with pytest.raises(AlliedError) as refusal:
        amendments.accept(house.node, house.actor, "pact", version)
    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("version", "effect_"),
    [
        pytest.param("new", True, id="the version in force"),
        pytest.param("old", False, id="the one before, although it knows better"),
        pytest.param("none", False, id="one that is not there"),
    ],
)
def test_a_record_names_the_version_that_its_issuer_knows(
    changed: Network, version: str, effect_: bool
) -> None:
    house = changed.houses[RIVER]
    found = folded(house, "pact")
    (text,) = found.state.texts.values()
    named = {"new": text.version, "old": found.row.version, "none": "0" * 64}[version]
    record = crafted(house, "pact", "ledger.commit", {"n": version}, version=named)
    after = fold(
        found.instrument,
        history([*found.history.order, record], found.instrument.circles.size),
    )

    assert after.verdicts[record.id].effect is effect_
    assert after.verdicts[record.id].code == ("" if effect_ else "effect.other-version")


# --- whatever the order -----------------------------------------------------------------


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 60), max_size=4))
def test_neither_order_nor_batches_change_the_versions(
    changed: Network, seed: int, cuts: list[int]
) -> None:
    found = folded(changed.houses[RIVER], "pact")
    order = list(found.history.order)
    mixed = [read(each.raw) for each in order]
    Random(seed).shuffle(mixed)
    at = changed.clock.now()
    first, *rest = [*sorted({each % len(mixed) for each in cuts}), len(mixed)]
    past = history(mixed[:first], found.instrument.circles.size)
    progress = begun(found.instrument, past)
    for start, end in zip([first, *rest], rest, strict=False):
        past = past.extended(mixed[start:end])
        progress = further(progress, past, lambda *_: "")
    whole = fold(found.instrument, history(mixed, found.instrument.circles.size))

    for state in (progress.state, whole):
        assert (
            state.present(found.instrument, at).chain
            == found.state.present(found.instrument, at).chain
        )
        assert state.verdicts == found.state.verdicts


def test_nobody_counts_for_two_texts_on_one_version(tmp_path: Path) -> None:
    network = pact(tmp_path)
    one, other = put(network, RIVER, AMBER), put(network, HARBOUR, MAY)
    network.settle(1)
    vote(network, one, YES)
    counting: House | None = None
    for house in [*network.houses.values()] * 4:
        house.sync()
        own = [
            each.header.kind
            for each in folded(house, "pact").history.order
            if each.header.issuer == house.organisation.id
        ]
        if "decision.count" in own and not folded(house, "pact").state.decided:
            counting = house
            break

    assert counting is not None
    found = folded(counting, "pact")
    table = table_of(found, found.instrument.circles.all)
    on = {str(each.record): each for each in table.tabled}
    said = {
        name: amendments.counted_another(found, table, on[name], PartyId(counting.label))
        for name in (one, other)
    }
    assert said == {one: False, other: True}

    # Nor when a question is taken off the table again: its certificate carries its opening.
    for name, bound in ((one, False), (other, True)):
        alone = replace(table, tabled=(on[name],))
        mine = PartyId(counting.label)
        assert amendments.counted_another(found, alone, on[name], mine) is bound


def test_a_list_reads_the_last_texts_of_each_party_and_no_more(changed: Network) -> None:
    """Reading a text may take a second, and who puts a thousand is to slow nobody's list down."""
    house = changed.houses[HARBOUR]
    names = []
    for number_ in range(6):
        changed.advance(timedelta(seconds=1))
        names.append(put(changed, RIVER, MAY + f"# {number_}\n"))
    other = put(changed, HARBOUR, MAY)
    changed.settle(1)
    listed = proposals.list_proposals(house.node, house.organisation)
    found = {str(each.id): each for each in listed}

    assert [bool(found[name].differs) for name in names] == [False] * 2 + [True] * 4
    assert found[other].differs
    assert proposals.show(house.node, house.organisation, names[0]).differs


def kept_for(days: int) -> str:
    return amended(**{"max_tlp: GREEN": f"max_tlp: GREEN\n    retention: {days} days"})


def test_what_is_kept_follows_the_text_and_not_its_number(tmp_path: Path) -> None:
    """A rival that was in force here alone was version 2, and so is the text that settles both."""
    network = pact(tmp_path)
    house = network.houses[RIVER]
    share(house, "pact", note(1, "green"))
    one, other = put(network, RIVER, kept_for(90)), put(network, HARBOUR, MAY)
    network.settle(2)
    written = [certificate(network, RIVER, one), certificate(network, NORTHGATE, other)]
    slip_in(house, written[0])
    sweeping.sweep(house.node)
    alone = number(network, house)
    slip_in(network.houses[NORTHGATE], written[1])
    network.settle(2)
    frozen = number(network, house)
    decide(network, kept_for(10))
    before = len(held(house, "pact"))
    network.advance(timedelta(days=11))
    network.settle(1)

    assert (alone, frozen, number(network, house)) == (2, 1, 2)
    assert (before, len(held(house, "pact"))) == (1, 0)
