"""Items between nodes: who gets what, what is refused on arrival, what the ledger says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.errors import AlliedError, UnverifiedError
from allied.node import agreements, items, ledger, messages, sharing, sweeping
from allied.node.pages import ItemsAnswer, ItemsPage, SentItem
from allied.record.ids import Digest
from tests.exchange.samples import identity, indicator, malware, tlp
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NORTHGATE,
    RIVER,
    allied,
    folded,
    held,
    propose,
    run_sql,
    share,
    three,
)
from tests.node.network import House

NOW = DEMO.replace(b"withdrawal: {notice: 90 days", b"withdrawal: {notice: immediately")
OPEN, AMBER, RED = (
    indicator(1, object_marking_refs=tlp(Tlp.GREEN)),
    indicator(2, object_marking_refs=tlp(Tlp.AMBER)),
    indicator(3, object_marking_refs=tlp(Tlp.RED)),
)


def refused(code: str, call: Callable[[], object]) -> None:
    with pytest.raises(AlliedError) as refusal:
        call()
    assert refusal.value.code == code


def ids(*objects: dict[str, object]) -> set[object]:
    return {each["id"] for each in objects}


def objects(house: House, pact: str) -> set[str]:
    return {each for each in held(house, pact) if not each.startswith("marking-definition")}


def rows(house: House, outcome: str) -> list[str]:
    with house.node.store.read() as reading:
        return [
            row.recipient for row in reading.ledger(house.organisation.id) if row.outcome == outcome
        ]


def test_each_gets_what_its_role_may_have(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    share(river, pact, OPEN, AMBER, malware(9))
    network.settle()
    assert objects(river, pact) == objects(harbour, pact) == ids(OPEN, AMBER, malware(9))
    assert objects(northgate, pact) == ids(OPEN)
    details = items.show(river.node, river.organisation, str(AMBER["id"]))
    verdicts = {each.party: each for each in details.recipients}
    assert verdicts["harbour"].permitted  # type: ignore[index]
    assert verdicts["harbour"].receipt_at is not None  # type: ignore[index]
    assert not verdicts["northgate"].permitted  # type: ignore[index]
    assert verdicts["northgate"].art == "1"  # type: ignore[index]
    assert verdicts["northgate"].released_at is None  # type: ignore[index]


@pytest.mark.parametrize(
    ("wish", "reached"),
    [
        pytest.param(sharing.Wish(), {HARBOUR}, id="all that the clause allows"),
        pytest.param(sharing.Wish(to=(HARBOUR,)), {HARBOUR}, id="one by name"),
        pytest.param(sharing.Wish(to=(NORTHGATE,)), set(), id="one who may not have it"),
    ],
)
def test_naming_recipients_only_tightens(
    tmp_path: Path, wish: sharing.Wish, reached: set[str]
) -> None:
    network, pact = allied(tmp_path)
    share(network.houses[RIVER], pact, AMBER, wish=wish)
    network.settle()
    assert {
        label for label in (HARBOUR, NORTHGATE) if objects(network.houses[label], pact)
    } == reached


def test_red_goes_to_named_parties_only(tmp_path: Path) -> None:
    network, pact = allied(
        tmp_path,
        DEMO.replace(b"AMBER+STRICT", b"RED").replace(b"default_tlp: RED", b"default_tlp: AMBER"),
    )
    river = network.houses[RIVER]
    refused(
        "share.red-needs-to",
        lambda: share(river, pact, AMBER, wish=sharing.Wish(tlp="red")),
    )
    assert objects(river, pact) == set()
    share(river, pact, AMBER, wish=sharing.Wish(tlp="red", to=(HARBOUR,)))  # the twin
    network.settle()
    assert objects(network.houses[HARBOUR], pact) == ids(AMBER)
    assert objects(network.houses[NORTHGATE], pact) == set()


def test_red_without_an_audience_in_the_bundle_reaches_nobody(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    found = share(network.houses[RIVER], pact, OPEN, RED)
    network.settle()
    assert found.refused or not any(tally.permitted > 1 for tally in found.recipients.values())
    for label in (HARBOUR, NORTHGATE):
        assert objects(network.houses[label], pact) == ids(OPEN)


def test_nothing_is_shared_before_it_is_in_force(tmp_path: Path) -> None:
    network = three(tmp_path)
    river = network.houses[RIVER]
    pact = propose(river)
    refused("exchange.not-in-force", lambda: share(river, pact, OPEN))
    agreements.sign(river.node, river.actor, pact)
    refused("exchange.not-in-force", lambda: share(river, pact, OPEN))
    assert objects(river, pact) == set()
    network.settle()
    for label in (HARBOUR, NORTHGATE):
        agreements.sign(network.houses[label].node, network.houses[label].actor, pact)
    network.settle()
    assert share(river, pact, OPEN).stored == 1  # the twin that passes


def test_naming_a_party_that_is_none_is_refused(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    refused(
        "share.no-such-party", lambda: share(river, pact, OPEN, wish=sharing.Wish(to=("stranger",)))
    )
    share(river, pact, OPEN, wish=sharing.Wish(to=(NORTHGATE,)))
    refused(
        "exchange.not-a-party",
        lambda: items.explain(river.node, river.organisation, str(OPEN["id"]), "stranger"),
    )
    assert items.explain(river.node, river.organisation, str(OPEN["id"]), NORTHGATE).permitted


def test_sharing_twice_changes_nothing(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    assert share(river, pact, OPEN, AMBER).stored == 2
    network.settle()
    before = (held(harbour, pact), rows(river, ledger.RELEASED), rows(river, ledger.PERMITTED))
    again = share(river, pact, OPEN, AMBER)
    assert (again.stored, again.contradicting, again.admitted) == (0, 0, 2)
    network.settle()
    assert before == (
        held(harbour, pact),
        rows(river, ledger.RELEASED),
        rows(river, ledger.PERMITTED),
    )


def test_the_same_version_with_other_bytes_is_not_stored(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    share(river, pact, OPEN)
    network.settle()
    other = share(river, pact, {**OPEN, "name": "quite another"})
    assert (other.stored, other.contradicting) == (0, 1)
    network.settle()
    (view,) = (
        each
        for each in items.list_items(harbour.node, harbour.organisation)
        if each.id == OPEN["id"]
    )
    assert view.name != "quite another"


def test_two_originators_of_one_id_stand_beside_each_other(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    share(river, pact, OPEN)
    share(harbour, pact, {**OPEN, "name": "as Harbour has it"})
    network.settle()
    views = [
        (view.originator, view.name)
        for view in items.list_items(northgate.node, northgate.organisation)
        if view.id == OPEN["id"]
    ]
    assert len(views) == 2
    assert {originator for originator, _ in views} == {RIVER, HARBOUR}


# --- leaving ------------------------------------------------------------------------------


def test_release_stops_the_moment_the_releaser_knows_of_a_withdrawal(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, NOW)
    river, harbour, _ = network.houses.values()
    share(river, pact, AMBER)
    network.advance(timedelta(seconds=1))
    agreements.withdraw(harbour.node, harbour.actor, pact)
    network.cut_between(RIVER, HARBOUR)
    harbour.sync()
    assert objects(harbour, pact) == set()
    network.cut.clear()
    river.sync()  # now River knows
    harbour.sync()
    assert objects(harbour, pact) == set()
    assert rows(river, ledger.RELEASED) == []
    refused("exchange.not-in-force", lambda: share(harbour, pact, OPEN))


def test_the_twin_who_stays_gets_it(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, NOW)
    share(network.houses[RIVER], pact, AMBER)
    network.settle()
    assert objects(network.houses[HARBOUR], pact) == ids(AMBER)


def test_who_leaves_while_one_item_is_on_show_is_noticed(tmp_path: Path) -> None:
    """One record more and one item fewer must not look as if nothing had changed."""
    network, pact = allied(tmp_path, NOW)
    river, harbour, _ = network.houses.values()
    share(river, pact, OPEN)
    network.settle()
    network.advance(timedelta(seconds=1))
    with harbour.node.store.read() as reading:
        person = folded(harbour, pact).state.persons
        assert person
        assert reading.last_row(pact)  # type: ignore[arg-type]
    agreements.withdraw(river.node, river.actor, pact)
    harbour.sync()
    standing = {each.party: each.legal for each in agreements.show(harbour.node, pact).parties}
    assert standing[river.label] == "former"  # type: ignore[index]


# --- what arrives spoilt ------------------------------------------------------------------


def resent(raw: bytes, change: Callable[[SentItem], SentItem]) -> bytes:
    """An items page with every item changed."""
    answer = ItemsAnswer.decode(raw)
    page = ItemsPage()
    for item in answer.items:
        new = change(item)
        assert page.add(new, answer.statements[item.statement])
    return page.encode(answer.next, more=answer.more)


def bytes_changed(raw: bytes) -> bytes:
    return resent(raw, lambda item: replace(item, raw=item.raw.replace(b"example", b"exampIe")))


def proof_changed(raw: bytes) -> bytes:
    return resent(
        raw, lambda item: replace(item, proof=item.proof[:-1] + bytes([item.proof[-1] ^ 1]))
    )


def renamed(raw: bytes) -> bytes:
    return resent(raw, lambda item: replace(item, id=item.id[:-1] + "f"))


def backdated(raw: bytes) -> bytes:
    return resent(raw, lambda item: replace(item, modified="2020-01-01T00:00:00.000Z"))


def attributed(raw: bytes) -> bytes:
    return resent(raw, lambda item: replace(item, originator=Digest("ab" * 32)))  # type: ignore[arg-type]


def other_statement(raw: bytes) -> bytes:
    answer = ItemsAnswer.decode(raw)
    page = ItemsPage()
    for item in answer.items:
        envelope = answer.statements[item.statement]
        assert page.add(item, envelope.replace(b"A", b"B", 1))
    return page.encode(answer.next, more=answer.more)


@pytest.mark.parametrize(
    "spoil",
    [bytes_changed, proof_changed, renamed, backdated, attributed, other_statement],
    ids=lambda each: each.__name__.replace("_", " "),
)
def test_an_item_that_does_not_hold_is_not_stored_and_comes_again(
    tmp_path: Path, spoil: Callable[[bytes], bytes]
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    network.settle()
    share(river, pact, AMBER)
    network.spoil = {messages.ITEMS: spoil}
    outcomes = [each for each in harbour.sync() if each.refused or each.problem]
    assert outcomes
    assert all("." in code for each in outcomes for code in (*each.refused,))
    assert objects(harbour, pact) == set()
    assert not items.show(river.node, river.organisation, str(AMBER["id"])).recipients[0].receipt_at
    network.heal()
    harbour.sync()
    assert objects(harbour, pact) == ids(AMBER)
    river.sync()
    assert items.show(river.node, river.organisation, str(AMBER["id"])).recipients[0].receipt_at
    network.settle()
    network.asked.clear()
    harbour.sync()
    assert [verb for *_, verb in network.asked] == [messages.AGREEMENTS] * 2


def test_one_bad_item_does_not_keep_the_others_back(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    share(river, pact, OPEN, AMBER, identity(4))

    def one_of_them(raw: bytes) -> bytes:
        return resent(
            raw,
            lambda item: replace(item, raw=item.raw + b" ") if item.id == AMBER["id"] else item,
        )

    network.spoil = {messages.ITEMS: one_of_them}
    for _ in range(3):
        harbour.sync()
    assert OPEN["id"] in objects(harbour, pact)
    assert AMBER["id"] not in objects(harbour, pact)
    more = indicator(8, object_marking_refs=tlp(Tlp.GREEN))
    share(river, pact, more)
    harbour.sync()
    assert more["id"] in objects(harbour, pact)
    network.heal()
    harbour.sync()
    assert AMBER["id"] in objects(harbour, pact)


# --- the ledger ---------------------------------------------------------------------------


def test_what_left_stands_in_the_ledger_and_who_got_nothing_does_not(tmp_path: Path) -> None:
    network, pact = allied(tmp_path)
    river, harbour, northgate = network.houses.values()
    share(river, pact, AMBER)
    assert rows(river, ledger.RELEASED) == []
    network.settle()
    assert set(rows(river, ledger.RELEASED)) == {HARBOUR}
    assert set(rows(river, ledger.REFUSED)) >= {NORTHGATE}
    for house in (river, harbour, northgate):
        with house.node.store.read() as reading:
            assert ledger.verify(reading, house.organisation.id) == len(
                reading.ledger(house.organisation.id)
            )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("UPDATE ledger SET recipient = 'nobody' WHERE seq = 2", id="a recipient"),
        pytest.param("UPDATE ledger SET count = count + 1 WHERE seq = 2", id="a count"),
        pytest.param("UPDATE ledger SET outcome = 'receipt' WHERE seq = 2", id="an outcome"),
        pytest.param("UPDATE ledger SET art = '9' WHERE seq = 2", id="a clause"),
        pytest.param("DELETE FROM ledger WHERE seq = 2", id="a row taken out"),
    ],
)
def test_a_changed_ledger_is_found_out(tmp_path: Path, change: str) -> None:
    network, pact = allied(tmp_path)
    river = network.houses[RIVER]
    share(river, pact, AMBER, OPEN)
    network.settle()
    with river.node.store.read() as reading:
        assert ledger.verify(reading, river.organisation.id) >= 3
    run_sql(river, change)
    with river.node.store.read() as reading, pytest.raises(UnverifiedError) as refusal:
        ledger.verify(reading, river.organisation.id)
    assert refusal.value.code == "ledger.broken"
    assert refusal.value.facts["row"] == 2


@pytest.mark.parametrize(
    "change",
    [
        pytest.param("DELETE FROM statements", id="it is gone"),
        pytest.param("UPDATE statements SET raw = :spoilt", id="it is spoilt"),
    ],
)
def test_an_item_whose_statement_is_lost_is_said_to_be_unproved(
    tmp_path: Path, change: str
) -> None:
    sunset = b"    duty: should\n    sunset: {after: 9 days, then: expire}\n"
    network, pact = allied(tmp_path, DEMO.replace(b"    duty: should\n", sunset))
    river = network.houses[RIVER]
    share(river, pact, OPEN)
    shown = items.show(river.node, river.organisation, str(OPEN["id"]))  # the twin that holds
    assert shown.shared_at == network.clock.now()
    run_sql(river, change, **({"spoilt": b"{}"} if "spoilt" in change else {}))
    refused(
        "store.no-statement",
        lambda: items.show(river.node, river.organisation, str(OPEN["id"])),
    )
    network.advance(timedelta(days=9))
    assert sweeping.sweep(river.node)  # it ends all the same: nothing waits for its statement
    assert objects(river, pact) == set()
