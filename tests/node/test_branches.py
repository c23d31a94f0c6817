"""Records under keys of a chain that is not believed: honest nodes still come to hold the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from allied.node import branches, incoming, integrity, journal, renewals, revoking
from allied.node.folds import Keepers
from allied.node.pages import PAGE_BYTES, RecordsAnswer, RecordsPage
from allied.record.identity import Identity, open_chain, recovered, rotated
from allied.record.ids import OrganisationId
from allied.record.keys import PrivateKey
from allied.record.outline import outline_of
from allied.record.record import Record
from tests.node.hands import allied, attack, crafted, folded, heads, state_digest
from tests.node.network import PASSPHRASE, House, Network
from tests.node.test_keys import again, chain_of, recover, recovery_of


def key(letter: bytes) -> PrivateKey:
    return PrivateKey.from_seed("ed25519", letter * 32)


@dataclass
class Pen:
    """The keys of one chain of an organisation."""

    acts: PrivateKey

    def signer(self, _: object, purpose: str) -> PrivateKey:
        return self.acts if purpose == "acts" else key(b"u")


def stolen(house: House) -> tuple[Identity, PrivateKey]:
    """A second descriptor by whoever has the next key, and that key."""
    first = open_chain(chain_of(house, house)[:1])
    _, secrets = house.node.vault.read_recovery(recovery_of(house))
    acts = PrivateKey.from_seed("ed25519", secrets["next"])
    raw = rotated(first, acts=acts, next_key=key(b"t").public, keys={"automatic": key(b"u").public})
    return open_chain([*first.raws, raw]), acts


def other(house: House, how: str) -> list[bytes]:
    """Another second descriptor of a house, behind the first."""
    first = open_chain(chain_of(house, house)[:1])
    _, secrets = house.node.vault.read_recovery(recovery_of(house))
    if how == "a recovery":
        raw = recovered(
            first,
            recovery=PrivateKey.from_seed("ed25519", secrets["recovery"]),
            keys={"acts": key(b"1").public},
            next_key=key(b"n").public,
            recovery_key=key(b"r").public,
        )
    else:
        acts = PrivateKey.from_seed("ed25519", secrets["next"])
        raw = rotated(
            first, acts=acts, next_key=key(b"w").public, keys={"automatic": key(b"v").public}
        )
    return [*first.raws, raw]


def shown(house: House, whose: House, chain: Sequence[bytes]) -> None:
    with house.node.store.write() as writing:
        renewals.taken(writing, whose.organisation.id, chain)


def said(liar: House, pact: str, acts: PrivateKey) -> Record:
    """What a party says under the keys of its second descriptor."""
    real, liar.keys = liar.keys, Pen(acts)  # type: ignore[assignment]
    try:
        return crafted(liar, pact, "receipt", {"records": []})
    finally:
        liar.keys = real


def takes(house: House, pact: str, record: Record, *chains: tuple[OrganisationId, Sequence[bytes]]
          ) -> incoming.TakenIn:  # fmt: skip
    with house.node.store.write() as writing:
        found = house.node.folds.of(writing, folded(house, pact).row.id)
        return incoming.take_in(writing, found, [record.raw], {}, chains)


def story(tmp_path: Path) -> tuple[Network, str, Identity, Record]:
    """Northgate has shown one chain to River, and said something under its keys."""
    network, pact = allied(tmp_path)
    river, _, northgate = network.houses.values()
    chain, acts = stolen(northgate)
    record = said(northgate, pact, acts)
    shown(river, northgate, chain.raws)
    assert takes(river, pact, record).refused == []
    for label in ("river", "harbour"):
        network.cut_between(label, "northgate")
    return network, pact, chain, record


@pytest.mark.parametrize("how", ["a recovery", "a rotation"])
def test_who_was_shown_another_chain_hears_the_others_all_the_same(
    tmp_path: Path, how: str
) -> None:
    network, pact, _, record = story(tmp_path)
    river, harbour, northgate = network.houses.values()
    for house in (harbour, river):
        shown(house, northgate, other(northgate, how))
    attack(river, pact)  # rests on what Northgate said
    for _ in range(2):
        river.sync()
        harbour.sync()
    assert folded(harbour, pact).holds(record.id)
    assert heads(river, pact) == heads(harbour, pact)
    assert state_digest(river, pact) == state_digest(harbour, pact)
    for house in (river, harbour):
        assert not integrity.check(house.node).findings


def test_what_nothing_rests_on_is_refused_although_its_chain_came_along(tmp_path: Path) -> None:
    network, pact, chain, record = story(tmp_path)
    _, harbour, northgate = network.houses.values()
    shown(harbour, northgate, other(northgate, "a recovery"))
    whose = northgate.organisation.id
    taken = takes(harbour, pact, record, (whose, chain.raws))
    assert (taken.refused, taken.stored, taken.parked) == (["record.identity-forked"], [], 0)
    taken = takes(harbour, pact, record)
    assert taken.refused == ["record.key-unknown"]


def test_a_chain_of_somebody_else_opens_nothing(tmp_path: Path) -> None:
    network, pact, _, record = story(tmp_path)
    river, harbour, northgate = network.houses.values()
    shown(harbour, northgate, other(northgate, "a recovery"))
    theirs, _ = stolen(river)
    taken = takes(harbour, pact, record, (northgate.organisation.id, theirs.raws))
    assert taken.refused == ["record.key-unknown"]


def test_who_recovers_behind_a_thief_keeps_the_thiefs_chain_and_can_revoke_its_keys(
    tmp_path: Path,
) -> None:
    network, pact, chain, record = story(tmp_path)
    river, _, northgate = network.houses.values()
    shown(northgate, northgate, chain.raws)
    recover(northgate, after=1)
    network.heal()
    attack(river, pact)
    network.advance(renewals.EVERY)
    network.settle()
    assert folded(northgate, pact).holds(record.id)
    name = record.header.key
    revoking.revoke(
        northgate.node, northgate.organisation, "kim", keys=[name], because="it was stolen",
        recovery=recovery_of(northgate), passphrase=PASSPHRASE,
    )  # fmt: skip
    again(northgate)
    network.advance(renewals.EVERY)
    network.settle()
    for house in network.houses.values():
        assert folded(house, pact).state.verdicts[record.id].code == "effect.key-revoked"
    assert len({state_digest(house, pact) for house in network.houses.values()}) == 1


def test_a_branch_is_kept_for_what_only_its_later_descriptors_name(tmp_path: Path) -> None:
    network, _, chain, _ = story(tmp_path)
    river, _, northgate = network.houses.values()
    whose = northgate.organisation.id
    with river.node.store.write() as writing:
        assert not branches.has_any(writing, whose)
        renewals.taken(writing, whose, other(northgate, "a recovery"))
        first, second = (each.keys["acts"].public.key_id for each in chain.descriptors)
        assert list(branches.of_key(writing, whose, first)) == []
        assert list(branches.of_key(writing, whose, second)) == [chain.raws]


def test_a_branch_goes_along_with_a_record_and_with_no_outline(tmp_path: Path) -> None:
    network, _, chain, record = story(tmp_path)
    river, _, northgate = network.houses.values()
    shown(river, northgate, other(northgate, "a recovery"))
    with river.node.store.read() as reading:
        row = journal.as_row(record)
        whose, believed = northgate.organisation.id, reading.descriptors(northgate.organisation.id)
        assert branches.of_row(reading, row) == [(whose, believed), (whose, chain.raws)]
        assert branches.of_row(reading, replace(row, raw=outline_of(record, ""))) == []


def test_each_record_that_can_be_stored_fits_a_page_with_its_chains() -> None:
    whose = OrganisationId("a" * 64)
    largest, chain = b"r" * 8_650_752, [b"d" * 2048] * 256
    page = RecordsPage()
    assert page.add(largest, whose, chain, (whose, [*chain[:-1], b"e" * 2048]))
    assert not page.add(b"r", whose, chain), "a page is filled no further than that"
    answer = RecordsAnswer.decode(page.encode(more=True))
    assert answer.records == (largest,)
    assert answer.identities == {whose: tuple(chain)}
    assert [len(branch) for _, branch in answer.branches] == [256]
    page = RecordsPage()
    assert page.add(b"r" * (PAGE_BYTES // 2), whose)
    assert not page.add(b"r" * (PAGE_BYTES // 2), whose)


def test_who_keeps_a_key_is_not_told_to_each_in_another_way(tmp_path: Path) -> None:
    network, _, chain, _ = story(tmp_path)
    river, harbour, northgate = network.houses.values()
    whose = northgate.organisation.id
    first = open_chain(chain.raws[:1])
    _, acts = stolen(northgate)
    raw = rotated(
        first, acts=acts, next_key=key(b"t").public,
        custodians={"acts": harbour.organisation.id},
    )  # fmt: skip
    shown(harbour, northgate, [*first.raws, raw])
    kept = []
    for house in (river, harbour):
        with house.node.store.read() as reading:
            kept.append(Keepers(reading).of(whose, acts.public.key_id))
    assert kept == ["organisation", "organisation"]
    with river.node.store.read() as reading:
        assert Keepers(reading).of(OrganisationId("0" * 64), acts.public.key_id) == ""
