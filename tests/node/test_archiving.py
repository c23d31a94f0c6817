"""What is over goes into a file, its outlines stay, and everything is as before when it is back."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from allied.agreement import checkpoints
from allied.errors import AlliedError
from allied.node import archiving, checkpointing, incidents, integrity
from allied.node.archiving import Archived
from allied.record.ids import AgreementId
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, allied, attack, folded, state_digest
from tests.node.network import House, Network
from tests.node.test_outlined import content, goes_on, in_outline, state_of

YEAR = timedelta(days=365)


@pytest.fixture
def often() -> Iterator[None]:
    """A checkpoint is due after every second record."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(checkpointing, "EVERY", 2)
        patched.setattr(checkpointing, "_FOR_EACH_PARTY", 0)
        yield


def quiet(tmp_path: Path) -> tuple[Network, str, str]:
    """Three houses, an incident of which nobody has spoken for long, and its id."""
    network, pact = allied(tmp_path, PEACE)
    incident = attack(network.houses[RIVER], pact).id
    network.advance(timedelta(minutes=1))
    network.settle(4)
    network.advance(YEAR)
    network.settle(2)
    return network, pact, incident


PEACE = b"""\
format: alliance/1
id: quiet
form: {kind: contract}
parties: [{id: river}, {id: harbour}, {id: northgate}]
life: {in_force_when: all signed, term: 9 years}
articles:
  - art: "1"
    type: collective-response
    trigger: {incident: [attack.armed], severity: at least severe, attribution: not-needed}
    invoked_by: [victim]
    decision: automatic
    duties: [{who: other parties, owes: victim, do: assist, modality: must}]
"""


def moved(house: House, pact: str) -> tuple[Archived, bytes]:
    """Move everything that is over out of a house; what was moved, and the file."""
    written: list[bytes] = []
    before = house.node.clock.now() - timedelta(days=1)
    made = archiving.archive(house.node, pact, before, written.extend)
    return made, b"".join(written)


def listed(house: House) -> list[str]:
    return [each.id for each in incidents.list_incidents(house.node, house.organisation)]


def test_what_is_over_goes_into_a_file_and_comes_back_as_it_was(
    tmp_path: Path, often: None
) -> None:
    network, pact, incident = quiet(tmp_path)
    river = network.houses[RIVER]
    held, word, state = content(river, pact), state_digest(river, pact), state_of(river, pact)
    view = incidents.show(river.node, river.organisation, incident)
    before = river.node.clock.now() - timedelta(days=1)
    foreseen = archiving.look(river.node, pact, before)
    assert content(river, pact) == held  # looking changes nothing
    made, file = moved(river, pact)
    assert made == foreseen
    assert (made.incidents, made.records, made.alias) == (1, len(held), "quiet")
    assert made.texts > 0
    assert in_outline(river, pact) == [each.id for each in held]
    assert listed(river) == []
    assert (state_digest(river, pact), state_of(river, pact)) == (word, state)
    assert integrity.check(river.node).findings == ()
    with river.node.store.read() as reading:
        stored = b"".join(row.raw for row in reading.records(AgreementId(pact)))
    assert all(each.raw not in stored for each in held)
    back = archiving.put_back(river.node, io.BytesIO(file))
    assert (back.incidents, back.records, back.texts) == (1, len(held), made.texts)
    assert content(river, pact) == held
    assert incidents.show(river.node, river.organisation, incident) == view
    assert (state_digest(river, pact), state_of(river, pact)) == (word, state)
    again = archiving.put_back(river.node, io.BytesIO(file))
    assert (again.records, again.texts) == (0, 0)


def test_partners_go_on_with_who_has_moved_something_out(tmp_path: Path, often: None) -> None:
    network, pact, incident = quiet(tmp_path)
    river, harbour, northgate = network.houses.values()
    moved(river, pact)
    second = attack(harbour, pact, "second").id
    network.advance(timedelta(minutes=1))
    network.settle(4)
    assert listed(river) == [second]
    assert in_outline(river, pact) == [incident]
    for house in (harbour, northgate):
        assert set(listed(house)) == {incident, second}
        assert in_outline(house, pact) == []
    here = folded(river, pact)
    voters = here.instrument.circles.voters.id
    point = here.reached(voters)
    assert point is not None
    for house in network.houses.values():
        held = folded(house, pact)
        _, state = checkpoints.come_to(
            held.instrument, held.history, lambda *_: "", voters, point.heads
        )
        assert state == point.state


def test_what_is_spoken_of_again_comes_back_from_the_others(tmp_path: Path, often: None) -> None:
    network, pact, incident = quiet(tmp_path)
    river, harbour, northgate = network.houses.values()
    moved(harbour, pact)
    assert in_outline(harbour, pact) == [incident]
    goes_on(river, pact, incident)
    network.advance(timedelta(minutes=1))
    network.settle(4)
    assert in_outline(harbour, pact) == []
    assert listed(harbour) == listed(northgate) == [incident]


def test_nothing_goes_that_somebody_does_not_hold(tmp_path: Path, often: None) -> None:
    network, pact = allied(tmp_path, PEACE)
    river = network.houses[RIVER]
    network.cut_between(RIVER, NORTHGATE)
    network.cut_between(HARBOUR, NORTHGATE)
    attack(river, pact)
    network.advance(timedelta(minutes=1))
    network.settle(4)
    network.advance(YEAR)
    network.settle(2)
    with pytest.raises(AlliedError) as refusal:
        moved(river, pact)
    assert refusal.value.code == "archive.nothing"
    network.heal()
    network.settle(4)
    made, _ = moved(river, pact)  # the twin
    assert made.incidents == 1


def test_nothing_goes_before_a_checkpoint_was_reached(tmp_path: Path) -> None:
    network, pact, _ = quiet(tmp_path)
    with pytest.raises(AlliedError) as refusal:
        moved(network.houses[RIVER], pact)
    assert refusal.value.code == "archive.nothing"


def test_nothing_goes_of_which_somebody_has_spoken_since(tmp_path: Path, often: None) -> None:
    network, pact, incident = quiet(tmp_path)
    river = network.houses[RIVER]
    goes_on(river, pact, incident)
    network.settle(4)
    with pytest.raises(AlliedError) as refusal:
        moved(river, pact)
    assert refusal.value.code == "archive.nothing"


def test_nothing_goes_under_which_somebody_owes_something(tmp_path: Path, often: None) -> None:
    text = PEACE.replace(b"attack.armed", b"attack.cyber")
    network, pact = allied(tmp_path, text)
    river = network.houses[RIVER]
    incident = attack(river, pact).id
    incidents.invoke(river.node, river.actor, incident, "1")
    network.advance(timedelta(minutes=1))
    network.settle(4)
    network.advance(YEAR)
    network.settle(2)
    with pytest.raises(AlliedError) as refusal:
        moved(river, pact)
    assert refusal.value.code == "archive.nothing"


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param(lambda raw: raw[:-1], "archive.cut-off", id="without its last byte"),
        pytest.param(lambda raw: raw[: raw.index(b"\n") + 1], "archive.cut-off", id="its head"),
        pytest.param(lambda _: b"", "archive.cut-off", id="empty"),
        pytest.param(
            lambda raw: raw.replace(b'"quiet"', b'"other"'), "archive.digest", id="a changed word"
        ),
        pytest.param(lambda raw: raw + b"{}\n", "archive.digest", id="something behind its end"),
        pytest.param(lambda _: b"hello\n", "canonical.not-json", id="no JSON"),
        pytest.param(lambda _: b"[]\n", "archive.shape", id="another JSON"),
    ],
)
def test_an_archive_that_is_not_whole_is_refused_and_changes_nothing(
    tmp_path: Path, often: None, spoil: object, code: str
) -> None:
    network, pact, _ = quiet(tmp_path)
    river = network.houses[RIVER]
    _, file = moved(river, pact)
    before = in_outline(river, pact)
    with pytest.raises(AlliedError) as refusal:
        archiving.put_back(river.node, io.BytesIO(spoil(file)))  # type: ignore[operator]
    assert refusal.value.code == code
    assert in_outline(river, pact) == before


def test_an_archive_of_an_agreement_that_is_not_here_is_refused(
    tmp_path: Path, often: None
) -> None:
    network, pact, _ = quiet(tmp_path / "here")
    _, file = moved(network.houses[RIVER], pact)
    other, _ = allied(tmp_path / "there")
    with pytest.raises(AlliedError) as refusal:
        archiving.put_back(other.houses[RIVER].node, io.BytesIO(file))
    assert refusal.value.code == "agreement.unknown"
    assert folded(network.houses[HARBOUR], pact).state.outlined == frozenset()
