"""A sharing centre of four houses: a secretariat that hides who sent what, and three members."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from allied.node import hub, items, sharing
from allied.node.shared import Wish
from tests.node.hands import share
from tests.node.network import House, Network

HUB, ALDER, BIRCH, CEDAR = "hub", "alder", "birch", "cedar"
MEMBERS = (ALDER, BIRCH, CEDAR)
NAMES = {
    HUB: "Secretariat of the Centre",
    ALDER: "Alder Works plc",
    BIRCH: "Birch Lines SA",
    CEDAR: "Cedar Port GmbH",
}
CENTRE = b"""format: alliance/1
id: centre
title: Sharing centre
form: {kind: membership-terms, binding: yes}
parties:
  - {id: hub, name: Secretariat of the Centre, kind: sector-body, role: secretariat}
  - {id: alder, name: Alder Works plc, kind: company}
  - {id: birch, name: Birch Lines SA, kind: company}
  - {id: cedar, name: Cedar Port GmbH, kind: company}
life: {in_force_when: all signed}
articles:
  - art: "1"
    type: information-sharing
    share: [indicator, technique, vulnerability, incident-report]
    direction: hub
    max_tlp: AMBER
    attribution: must-not
    consent_overrides: yes
    anonymise: {by: hub, min_group: 3}
    recall: {comply_within: 48 hours}
"""


def centre(
    root: Path,
    text: bytes = CENTRE,
    network: Network | None = None,
    *,
    unsigned: Sequence[str] = (),
) -> tuple[Network, str]:
    """The four houses under the terms of the centre; the agreement's id."""
    network = network or Network(root)
    for label, name in NAMES.items():
        network.found(label, name)
    network.introduce_all()
    return network, network.sign_all(text, HUB, unsigned=unsigned)


def submit(
    house: House, agreement: str, *objects: Mapping[str, object], **wish: object
) -> sharing.Shared:
    """Share anonymously."""
    return share(house, agreement, *objects, wish=Wish(anonymous=True, **wish))  # type: ignore[arg-type]


def queue(network: Network, *, everything: bool = False) -> Sequence[hub.SubmissionView]:
    house = network.houses[HUB]
    return hub.list_submissions(house.node, house.organisation, everything=everything)


def release(network: Network, name: str = "", **more: bool) -> hub.SubmissionView:
    """The hub's person releases a submission; by default the only one that is open."""
    house = network.houses[HUB]
    if not name:
        ((name),) = [each.id for each in queue(network)]
    return hub.release(house.node, house.actor, name, **more)


def bodies(house: House, agreement: str) -> dict[str, bytes]:
    """What a house holds: the bytes by id."""
    return {
        view.id: items.show(house.node, house.organisation, str(view.seq)).raw
        for view in items.list_items(house.node, house.organisation, agreement=agreement)
    }
