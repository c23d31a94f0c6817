"""Who joins later has the records, and of the texts beside them what the agreement says."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from allied.node import agreements, incidents
from allied.node.answers import Answers
from allied.node.erasing_views import list_texts
from allied.node.messages import BLOBS, BlobsQuestion
from allied.node.pages import BlobsAnswer, BlobsPage
from allied.record.blob import references
from allied.record.ids import AgreementId, Digest
from tests.node.hands import NORTHGATE, RIVER, attack, crafted, folded, propose, slip_in, three
from tests.node.network import House, Network
from tests.node.test_erasing import says, shown
from tests.node.test_release import LATE, joins, late

BEFORE, AFTER = "before it joined", "since it joined"


def rule(history: str) -> bytes:
    return LATE.replace(b"life:\n", b"life:\n  history: " + history.encode() + b"\n")


def served(by: House, to: House, pact: str, *texts: Digest) -> set[Digest]:
    """What one house gives another that asks for texts."""
    question = BlobsQuestion(AgreementId(pact), tuple(texts)).encode()
    answers = Answers(by.node, by.keys, lambda _: None)
    raw = answers.answer(to.organisation.id, by.organisation.id, BLOBS, question)
    return set(BlobsAnswer.decode(raw).blobs)


def story(tmp_path: Path, history: str) -> tuple[Network, str, Digest, Digest]:
    """Northgate joins between two texts of River's."""
    network, pact = late(tmp_path, rule(history))
    river = network.houses[RIVER]
    first = says(river, pact, BEFORE)
    network.settle(2)
    joins(network, NORTHGATE, pact)
    network.advance(timedelta(minutes=1))
    second = says(river, pact, AFTER)
    network.settle(2)
    return network, pact, first, second


@pytest.mark.parametrize(
    ("history", "sees"),
    [
        pytest.param("none", False, id="nothing of what was before"),
        pytest.param("from-joining", False, id="what was said from its joining on"),
        pytest.param("all", True, id="everything"),
    ],
)
def test_who_joins_later_has_the_texts_that_the_agreement_says(
    tmp_path: Path, history: str, sees: bool
) -> None:
    network, pact, before, after = story(tmp_path, history)
    river, harbour, northgate = network.houses.values()
    assert shown(northgate, after) == AFTER
    assert shown(northgate, before) == (BEFORE if sees else "")
    assert served(harbour, northgate, pact, *sorted((before, after))) == (
        {before, after} if sees else {after}
    )
    assert shown(harbour, before) == BEFORE  # the twin that was in from the beginning
    assert served(river, harbour, pact, before) == {before}
    assert folded(northgate, pact).history.order == folded(river, pact).history.order


@pytest.mark.parametrize(("history", "sees"), [("from-joining", False), ("all", True)])
def test_who_joins_later_on_the_node_of_somebody_else_is_shown_no_more_there(
    tmp_path: Path, history: str, sees: bool
) -> None:
    network, pact = late(tmp_path, rule(history))
    river, _, northgate = network.houses.values()
    incident = attack(river, pact).id
    text = says(river, pact, BEFORE)
    network.advance(timedelta(minutes=1))
    network.settle(2)
    joins(network, NORTHGATE, pact)

    def shown_to(who: House) -> tuple[str, bool]:
        """What River's node, which holds everything, shows to an organisation hosted there."""
        found = list_texts(river.node, who.organisation)
        (one,) = [each for each in found if each.text == text]
        view = incidents.show(river.node, who.organisation, incident)
        whole = "A wiper" in incidents.print_report(river.node, who.organisation, incident)
        return one.state, whole and view.title.startswith("A wiper")

    assert shown_to(river) == ("held", True)  # the twin that was in from the beginning
    assert shown_to(northgate) == (("held", True) if sees else ("missing", False))


def test_who_is_invited_and_has_not_joined_has_no_text_since_the_beginning(tmp_path: Path) -> None:
    network, pact = late(tmp_path, rule("all"))
    river, _, northgate = network.houses.values()
    text = says(river, pact)
    network.settle(2)
    assert served(river, northgate, pact, text) == set()
    assert shown(northgate, text) == ""
    joins(network, NORTHGATE, pact)
    network.advance(timedelta(minutes=5))
    network.settle(2)
    assert shown(northgate, text) != ""


def test_a_text_from_before_is_not_taken_in_although_it_is_sent(tmp_path: Path) -> None:
    network, pact, before, _ = story(tmp_path, "from-joining")
    river, harbour, northgate = network.houses.values()
    with river.node.store.read() as reading:
        found = reading.blob(before)
    assert found is not None
    page = BlobsPage()
    page.add(found[2])
    network.spoil = {BLOBS: page.encode()}
    says(harbour, pact)  # something that is asked for
    northgate.sync()
    assert shown(northgate, before) == ""


def test_what_was_said_before_it_was_in_force_is_for_all_who_are_invited(tmp_path: Path) -> None:
    network = three(tmp_path)
    river, harbour, northgate = network.houses.values()
    pact = propose(river, rule("none"))
    agreements.sign(river.node, river.actor, pact)
    early = says(river, pact, "come and join us")
    network.settle(2)
    network.advance(timedelta(minutes=1))
    agreements.sign(harbour.node, harbour.actor, pact)
    network.settle(2)
    network.advance(timedelta(minutes=1))
    since = says(river, pact, "among us")
    assert served(river, northgate, pact, *sorted((early, since))) == {early}
    assert served(river, harbour, pact, *sorted((early, since))) == {early, since}


def test_what_is_put_to_the_vote_is_for_who_joins_later_as_well(tmp_path: Path) -> None:
    network, pact = late(tmp_path, rule("none"))
    river, _, northgate = network.houses.values()
    says(river, pact)
    body = next(each.body for each in folded(river, pact).history.order if "note" in each.body)
    slip_in(river, crafted(river, pact, "redaction.answer", {"words": body["note"]}))
    text = next(references(body))
    assert served(river, northgate, pact, text) == {text}


@pytest.mark.parametrize(
    ("key", "by", "sees"),
    [
        pytest.param("note", NORTHGATE, False, id="by itself"),
        pytest.param("words", NORTHGATE, False, id="by itself, as if put to the vote"),
        pytest.param("note", RIVER, True, id="by who was in from the beginning on"),
    ],
)
def test_a_text_of_before_that_is_named_again(
    tmp_path: Path, key: str, by: str, sees: bool
) -> None:
    network, pact, before, _ = story(tmp_path, "from-joining")
    river, harbour, northgate = network.houses.values()
    body = next(
        each.body
        for each in folded(northgate, pact).history.order
        if before in references(each.body)
    )
    again = network.houses[by]
    slip_in(again, crafted(again, pact, "redaction.answer", {key: body["note"]}))
    network.settle(2)
    assert before in {
        text for each in folded(river, pact).history.order[-3:] for text in references(each.body)
    }
    assert served(river, northgate, pact, before) == ({before} if sees else set())
    assert served(river, harbour, pact, before) == {before}


def test_who_has_left_does_not_open_a_text_by_naming_it(tmp_path: Path) -> None:
    network, pact, _, after = story(tmp_path, "all")
    river, harbour, northgate = network.houses.values()
    agreements.withdraw(northgate.node, northgate.actor, pact, "")
    network.settle(2)
    network.advance(timedelta(days=400))
    text = says(river, pact, "since it has left")
    network.settle(2)
    body = folded(river, pact).history.order[-1].body
    assert text in references(body)
    slip_in(northgate, crafted(northgate, pact, "redaction.answer", dict(body)))
    network.settle(2)
    assert served(river, northgate, pact, *sorted((after, text))) == {after}
    assert served(river, harbour, pact, text) == {text}


def test_what_somebody_said_itself_is_for_it_after_it_has_left_as_well(tmp_path: Path) -> None:
    network, pact, _, _ = story(tmp_path, "from-joining")
    river, _, northgate = network.houses.values()
    text = says(northgate, pact, "by who joined late")
    network.settle(2)
    agreements.withdraw(northgate.node, northgate.actor, pact, "")
    network.settle(2)
    network.advance(timedelta(days=400))
    said = next(
        each.body for each in folded(river, pact).history.order if text in references(each.body)
    )
    slip_in(river, crafted(river, pact, "redaction.answer", dict(said)))  # named again by River
    assert served(river, northgate, pact, text) == {text}  # and still its author's


def test_who_was_in_left_and_came_back_has_what_was_said_while_it_was_in(tmp_path: Path) -> None:
    network, pact, before, after = story(tmp_path, "from-joining")
    river, _, northgate = network.houses.values()
    agreements.withdraw(northgate.node, northgate.actor, pact, "")
    network.settle(2)
    network.advance(timedelta(days=400))
    away = says(river, pact, "while it was away")
    assert served(river, northgate, pact, *sorted((before, after, away))) == {after}
