"""What a party must not have does not come to it by way of another node, by lies or by leftovers.

The liar here is Northgate: a party with real keys, which asks for what is not for it, signs
records that the program would not write, and keeps whatever it ever got. What it has in the end
is looked for in the bytes of its whole folder.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import Engine, text as sql

from allied.adapters.folder import DataFolder
from allied.adapters.sealed import ALMOST_NONE_FOR_TESTS
from allied.adapters.settings import Settings
from allied.agreement.matters import Matter
from allied.agreement.values import Tlp
from allied.bootstrap import assemble
from allied.errors import AlliedError, MalformedError
from allied.exchange.lineage import ItemName
from allied.node import agreements, called, erasing, items, passing, proposals, recalls, release
from allied.node.messages import (
    AGREEMENTS,
    BLOBS,
    HEADS,
    ITEMS,
    NOTHING,
    RECORDS,
    BlobsQuestion,
    Heads,
    ItemsQuestion,
    RecordsQuestion,
    Span,
)
from allied.node.pages import BlobsAnswer, ItemsAnswer
from allied.node.receipts import receipts
from allied.record.ids import AgreementId, CircleId, PartyId
from tests.exchange.samples import identity, indicator, link, malware, tlp
from tests.node.hands import (
    DEMO,
    HARBOUR,
    NAMES,
    NORTHGATE,
    OPEN as READABLE,
    RIVER,
    allied,
    attack,
    crafted,
    folded,
    held,
    record_of,
    share,
    slip_in,
)
from tests.node.network import House, Network
from tests.node.test_erasing import bytes_of, says

MEMBERS = DEMO.replace(b"kind: agency, role: observer", b"kind: agency")
NOW = MEMBERS.replace(b"withdrawal: {notice: 90 days", b"withdrawal: {notice: immediately")
ORCON = MEMBERS.replace(
    b"    third_party: originator-consent\n",
    b"    third_party: originator-consent\n    originator_control: yes\n",
)

AUTHOR = identity(40, name="the desk behind the secret", identity_class="group")
SECRET = indicator(
    41, name="a secret of the two", created_by_ref=AUTHOR["id"], object_marking_refs=tlp(Tlp.AMBER)
)
OPEN = malware(42, name="what all may know", object_marking_refs=tlp(Tlp.GREEN))
LINK = link(SECRET, OPEN, 44, object_marking_refs=tlp(Tlp.GREEN))
_PACKED: Final = re.compile(rb"[A-Za-z0-9+/_-]{20,}")
WHY = "it names our customer"
TRACES = (
    *(str(each["id"]) for each in (AUTHOR, SECRET, LINK)),
    str(AUTHOR["name"]),
    str(SECRET["name"]),
    WHY,
)


def traces(house: House, words: Iterable[str] = TRACES) -> set[str]:
    """Which words occur anywhere in the folder of a house: in files, and in what rows hold."""
    whole = in_files(house) + b"\n".join(in_rows(house))
    return {word for word in words if word.encode() in whole}


def in_files(house: House) -> bytes:
    """All bytes of a folder, what was deleted and not yet written over among them."""
    folder = Path(str(engine_of(house).url.database)).parent
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


def in_rows(house: House) -> Iterator[bytes]:
    """Every value in every table, and once more with what looks like base64 decoded."""
    with engine_of(house).connect() as connection:
        names = connection.execute(sql("SELECT name FROM sqlite_master WHERE type = 'table'"))
        for (table,) in names.all():
            for row in connection.execute(sql(f'SELECT * FROM "{table}"')):  # noqa: S608
                for value in row:
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    yield from unpacked(raw)


def unpacked(raw: bytes, depth: int = 2) -> Iterator[bytes]:
    """Bytes, and what is packed into them as base64."""
    yield raw
    for packed in _PACKED.findall(raw) if depth else ():
        whole = packed[: len(packed) // 4 * 4].translate(bytes.maketrans(b"-_", b"+/"))
        yield from unpacked(base64.b64decode(whole), depth - 1)


def engine_of(house: House) -> Engine:
    engine = house.node.store.engine  # type: ignore[attr-defined]
    assert isinstance(engine, Engine)
    return engine


def told(tmp_path: Path, text: bytes = DEMO) -> tuple[Network, str]:
    """River shares a secret with Harbour, links it to what all may know, and recalls it."""
    network, pact = allied(tmp_path, text)
    river, harbour, _ = network.houses.values()
    share(river, pact, AUTHOR, SECRET, OPEN, LINK)
    network.settle()
    assert str(SECRET["id"]) in held(harbour, pact)
    return network, pact


def refusal_of(call: Callable[[], object]) -> tuple[str, str, str]:
    with pytest.raises(AlliedError) as refusal:
        call()
    return refusal.value.code, refusal.value.message, refusal.value.hint


def test_nothing_of_a_secret_lies_in_the_folder_of_who_may_not_have_it(tmp_path: Path) -> None:
    network, pact = told(tmp_path)
    river, harbour, northgate = network.houses.values()
    assert not any(
        each.permitted
        for name in (str(SECRET["id"]), str(LINK["id"]))
        for each in passing.pass_on(harbour.node, harbour.organisation, name, [NORTHGATE])
    )
    network.settle()
    recalls.recall(river.node, river.actor, str(SECRET["id"]), pact, WHY)
    network.settle()
    recalls.answer(harbour.node, harbour.actor, str(SECRET["id"]))
    network.settle()
    assert str(OPEN["id"]) in held(northgate, pact)  # the twin: what may come has come
    assert traces(northgate, [str(OPEN["name"])])
    assert traces(northgate) == set()
    assert {WHY, str(SECRET["id"])} <= traces(harbour)


def test_what_was_deleted_on_a_recall_is_in_no_file_any_more(tmp_path: Path) -> None:
    network, pact = told(tmp_path)
    river, harbour, _ = network.houses.values()
    name = str(SECRET["name"])
    assert name.encode() in in_files(harbour)
    recalls.recall(river.node, river.actor, str(SECRET["id"]), pact, "a mistake")
    network.settle()
    recalls.answer(harbour.node, harbour.actor, str(SECRET["id"]))
    assert name.encode() not in in_files(harbour)


def test_what_another_process_erased_while_somebody_read_leaves_the_log_with_the_next_word(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path)
    river, harbour, _ = network.houses.values()
    text = says(river, pact, "the customer is called Ada " * 100)
    kept = bytes_of(river, text) or b""
    network.settle()
    server = river.node
    assert kept[200:1000] in in_files(river)
    beside = assemble(
        DataFolder(tmp_path / RIVER),
        Settings(),
        clock=network.clock,
        hardness=ALMOST_NONE_FOR_TESTS,
    ).node
    with server.store.read() as reading:
        assert reading.blob(text) is not None
        erasing.ask(beside, river.actor, pact, text)
    beside.store.close()
    says(river, pact, "something else")
    assert kept[200:1000] not in in_files(river)
    assert kept[200:1000] in in_files(harbour)  # the twin that has not heard of it


# --- asking for more ----------------------------------------------------------------------


def places_to_go_on(network: Network, pact: str) -> list[str]:
    """Cursors that Northgate was not given: Harbour's, one of another time, and inventions."""
    river, harbour, northgate = network.houses.values()

    def given(caller: House, after: str = "", limit: int = 1) -> str:
        raw = release.page(
            river.node,
            caller.organisation.id,
            river.organisation.id,
            ItemsQuestion(AgreementId(pact), after, limit),
        )
        return ItemsAnswer.decode(raw).next

    theirs, mine = given(harbour), given(northgate)
    turned = [theirs[:at] + chr(ord(theirs[at]) ^ 1) + theirs[at + 1 :] for at in (0, 5, -2)]
    invented = [
        "0",
        "0.0...0",
        "0.0." + "0" * 12 + "..0",
        "-1.0.x..0",
        "9" * 18 + ".0.x..0",
        "x" * 900,
    ]
    return [theirs, mine, theirs + mine, theirs[:-1], *turned, *invented]


def test_no_place_to_go_on_leads_to_what_is_not_for_the_caller(tmp_path: Path) -> None:
    network, pact = told(tmp_path)
    river, _, northgate = network.houses.values()
    got: set[str] = set()
    refused = 0
    for after in places_to_go_on(network, pact):
        try:
            question = ItemsQuestion(AgreementId(pact), after).encode()
            answer = river.answers.answer(
                northgate.organisation.id, river.organisation.id, ITEMS, question
            )
        except MalformedError:
            refused += 1
            continue
        got |= {each.id for each in ItemsAnswer.decode(answer).items}
    assert refused >= 5
    assert not got & {str(each["id"]) for each in (SECRET, AUTHOR, LINK)}
    assert str(OPEN["id"]) in got


def test_the_records_of_two_are_for_the_two(tmp_path: Path) -> None:
    network, pact = told(tmp_path)
    river, harbour, northgate = network.houses.values()
    recalls.recall(river.node, river.actor, str(SECRET["id"]), pact, WHY)
    recall = record_of(river, pact, called.RECALL)
    reference = recall.body["why"]
    assert isinstance(reference, dict)
    blob = next(str(each) for each in reference.values() if len(str(each)) == 64)

    def asked(caller: House, circle: str) -> bytes:
        span = Span(CircleId(circle), river.organisation.id, 0, 1, 9)
        question = RecordsQuestion(AgreementId(pact), (span,)).encode()
        return river.answers.answer(
            caller.organisation.id, river.organisation.id, RECORDS, question
        )

    def fetched(caller: House, name: str) -> int:
        question = BlobsQuestion(AgreementId(pact), (name,)).encode()  # type: ignore[arg-type]
        answer = river.answers.answer(
            caller.organisation.id, river.organisation.id, BLOBS, question
        )
        return len(BlobsAnswer.decode(answer).blobs)

    pair = recall.header.circle
    assert recall.raw in asked(harbour, pair) or str(SECRET["id"]).encode() in asked(harbour, pair)
    hidden, unknown = (refusal_of(partial(asked, northgate, each)) for each in (pair, "0" * 64))
    assert hidden == unknown
    assert fetched(harbour, blob) == 1
    assert fetched(northgate, blob) == fetched(northgate, "0" * 64) == 0


@pytest.mark.parametrize("verb", [HEADS, RECORDS, BLOBS, ITEMS])
def test_a_peer_that_is_no_party_is_told_of_no_agreement(tmp_path: Path, verb: str) -> None:
    network = Network(tmp_path)
    for label, name in {**NAMES, "stranger": "Nobody in particular"}.items():
        network.found(label, name)
    network.introduce_all()
    stranger = network.houses.pop("stranger")
    pact = network.sign_all(DEMO, RIVER)
    river = network.houses[RIVER]
    share(river, pact, OPEN)

    def asked(agreement: str) -> bytes:
        name = AgreementId(agreement)
        questions = {
            HEADS: Heads(name, ()).encode(),
            RECORDS: RecordsQuestion(name, ()).encode(),
            BLOBS: BlobsQuestion(name, ()).encode(),
            ITEMS: ItemsQuestion(name).encode(),
        }
        return river.answers.answer(
            stranger.organisation.id, river.organisation.id, verb, questions[verb]
        )

    assert refusal_of(partial(asked, pact)) == refusal_of(partial(asked, "0" * 64))
    listed = river.answers.answer(
        stranger.organisation.id, river.organisation.id, AGREEMENTS, NOTHING
    )
    assert pact.encode() not in listed


# --- lying --------------------------------------------------------------------------------


def pair_of(house: House, pact: str, one: str, other: str) -> object:
    return folded(house, pact).instrument.circles.pair(PartyId(one), PartyId(other))


@pytest.mark.parametrize("originator", [RIVER, NORTHGATE])
def test_a_recall_by_somebody_else_takes_nothing_away(tmp_path: Path, originator: str) -> None:
    """OCTI#6951, as an attack: Northgate takes back what River gave to Harbour."""
    network, pact = told(tmp_path, MEMBERS)
    _, harbour, northgate = network.houses.values()
    own = indicator(60, object_marking_refs=tlp(Tlp.AMBER))
    share(northgate, pact, own)
    network.settle()
    circle = pair_of(northgate, pact, NORTHGATE, HARBOUR)
    for item, said_to_be in ((SECRET, originator), (own, NORTHGATE)):
        name = ItemName(PartyId(said_to_be), str(item["id"]), "")
        for correction in (False, True):
            body = called.body_of(name, "0" * 16, "1", correction=correction, why=None)
            record = crafted(northgate, pact, called.RECALL, body, circle=circle)  # type: ignore[arg-type]
            slip_in(northgate, record)
        network.settle()
    assert str(SECRET["id"]) in held(harbour, pact)
    assert str(own["id"]) not in held(harbour, pact)  # the twin: its own it may take back
    with harbour.node.store.read() as reading:
        assert reading.remarks(harbour.organisation.id, [str(SECRET["id"])]) == []


def test_a_receipt_for_what_one_never_got_makes_nobody_a_holder(tmp_path: Path) -> None:
    network, pact = told(tmp_path)
    river, harbour, northgate = network.houses.values()
    true = record_of(harbour, pact, "exchange.receipt")
    circle = pair_of(northgate, pact, NORTHGATE, RIVER)
    record = crafted(northgate, pact, "exchange.receipt", dict(true.body), circle=circle)  # type: ignore[arg-type]
    slip_in(northgate, record)
    network.settle()
    found = receipts(river.node, river.organisation, str(SECRET["id"]))
    assert [(each.party, each.receipt_at is not None) for each in found] == [(HARBOUR, True)]
    shown = items.show(river.node, river.organisation, str(SECRET["id"]))
    assert {each.party for each in shown.recipients if each.receipt_at} == {HARBOUR}


def test_a_consent_that_is_not_the_originators_opens_nothing(tmp_path: Path) -> None:
    network, pact = allied(tmp_path, ORCON)
    river, harbour, northgate = network.houses.values()
    network.cut_between(RIVER, NORTHGATE)
    share(river, pact, SECRET)
    network.settle()
    body = {
        "item": str(SECRET["id"]),
        "request": "0" * 64,
        "says": "yes",
        "to": NORTHGATE,
        "version": str(SECRET["modified"]),
    }
    for circle in ((NORTHGATE, HARBOUR), (HARBOUR, NORTHGATE)):
        pair = pair_of(northgate, pact, *circle)
        slip_in(northgate, crafted(northgate, pact, "exchange.consent", body, circle=pair))  # type: ignore[arg-type]
    network.settle()
    (found,) = passing.pass_on(harbour.node, harbour.organisation, str(SECRET["id"]), [NORTHGATE])
    assert not found.permitted
    network.settle()
    assert traces(northgate, [str(SECRET["name"]), str(SECRET["pattern"])]) == set()


# --- changing sides -----------------------------------------------------------------------


def test_what_becomes_stricter_goes_no_further_and_what_becomes_wider_goes_alone(
    tmp_path: Path,
) -> None:
    network, pact = allied(tmp_path, READABLE)
    river, harbour, northgate = network.houses.values()
    first = {"modified": "2026-03-01T12:00:00.000Z"}
    second = {"modified": "2026-03-02T12:00:00.000Z"}
    green, amber = tlp(Tlp.GREEN), tlp(Tlp.AMBER)
    tightened = [
        indicator(70, name="first-open", object_marking_refs=green, **first),
        indicator(70, name="then-shut", object_marking_refs=amber, **second),
    ]
    widened = [
        indicator(71, name="first-shut", object_marking_refs=amber, **first),
        indicator(71, name="then-open", object_marking_refs=green, **second),
    ]
    for step in zip(tightened, widened, strict=True):
        share(river, pact, *step)
        network.settle()
    words = ("first-open", "then-shut", "first-shut", "then-open")
    assert traces(harbour, words) == set(words)
    assert traces(northgate, words) == {"first-open", "then-open"}
    for each in ("then-shut", "first-shut"):
        assert each.encode() not in file_for(harbour, pact)


def file_for(house: House, pact: str) -> bytes:
    import io

    from allied.node import carriage

    out = io.BytesIO()
    organisation = house.organisation
    made = carriage.write(house.node, organisation, house.keys, pact, NORTHGATE, out, sealed=False)
    assert not made.kept_back
    return out.getvalue()


def after_leaving(tmp_path: Path) -> tuple[Network, str]:
    """Northgate has left; then River and Harbour share, report, and ask."""
    network, pact = allied(tmp_path, NOW)
    river, harbour, northgate = network.houses.values()
    agreements.withdraw(northgate.node, northgate.actor, pact)
    network.settle()  # its notice runs from when the others have it
    network.advance(timedelta(hours=1))
    network.settle()
    share(river, pact, indicator(80, name="shared-later", object_marking_refs=tlp(Tlp.CLEAR)))
    attack(harbour, pact, "attacked-later")
    wish = proposals.Wish(
        Matter(kind="amendment"), NOW.replace(b"3 years", b"7 years"), deadline="10 days"
    )
    proposals.put(river.node, river.actor, pact, wish)
    network.advance(timedelta(minutes=5))
    network.settle()
    assert traces(harbour, LATER) == set(LATER)  # the twin that stays
    return network, pact


LATER = ("shared-later", "attacked-later", "7 years")


def test_who_has_left_gets_no_item_more(tmp_path: Path) -> None:
    """MISP#7715, #10899."""
    network, _ = after_leaving(tmp_path)
    assert "shared-later" not in traces(network.houses[NORTHGATE], LATER)


def test_who_has_left_learns_of_no_incident_or_question_more(tmp_path: Path) -> None:
    network, _ = after_leaving(tmp_path)
    assert traces(network.houses[NORTHGATE], LATER) == set()
