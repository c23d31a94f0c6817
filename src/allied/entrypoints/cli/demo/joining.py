"""From three strangers to an agreement in force: peers, proposal, explanation, signatures."""

from __future__ import annotations

from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Final

from allied.agreement.explain import explain_text
from allied.agreement.terms import Agreement, load
from allied.entrypoints.cli.demo.asking import is_healthy
from allied.errors import UnverifiedError
from allied.node import agreements, peers

if TYPE_CHECKING:
    from allied.entrypoints.cli.demo.house import House
    from allied.entrypoints.cli.demo.stage import Stage
    from allied.node.agreements import AgreementView

SOURCE: Final = "demo.yaml"
_EXCERPT: Final = "Article 2:"
_EXCERPT_LINES: Final = 6


def text() -> bytes:
    """The agreement that ships with the demonstration."""
    return (resources.files("allied.agreement") / "templates" / SOURCE).read_bytes()


def introduce(stage: Stage) -> None:
    """Three organisations become confirmed peers of each other, by fingerprint."""
    teller = stage.teller
    teller.chapter("Three organisations, each with its own process, keys and database")
    for house in stage.houses:
        teller.line(f"{house.name}  {house.url}")
        teller.line(f"    {house.fingerprint}", style="dim")
    for house in stage.houses:
        stage.patience.until(f"the server of {house.name} answers", partial(_healthy, house))
        teller.verified("the server answers, its database can be read", house.label, "health")

    teller.chapter("They add each other by fingerprint, both ways")
    for house in stage.houses:
        for other in stage.others(house):
            stage.patience.until(
                f"{house.name} has added {other.name}", partial(_added, stage, house, other)
            )
            teller.verified(
                f"{house.name} found the fingerprint it was given", other.label, "federation"
            )


def _healthy(house: House) -> bool | None:
    return is_healthy(house) or None


def _added(stage: Stage, house: House, other: House) -> bool | None:
    stage.introduce(house, other)
    known = {peer.id: peer for peer in peers.list_peers(house.node)}
    peer = known.get(other.organisation.id)
    return True if peer and peer.confirmed_at else None


def agree(stage: Stage) -> AgreementView:
    """River proposes, everybody reads and signs; returns the agreement in force."""
    teller, river = stage.teller, stage.river
    teller.chapter("River Bank proposes an agreement; proposing binds nobody")
    proposed = stage.patience.until("River Bank has proposed", lambda: _proposed(stage))
    teller.line(f"{proposed.title}  ({proposed.alias}, {proposed.id[:12]})")
    for house in stage.others(river):
        seen = stage.patience.until(
            f"{house.name} has got the proposal",
            partial(agreements.show, house.node, proposed.id),
        )
        _require_same(seen.text_digest, proposed.text_digest)
        teller.verified("the proposal is here, with the same text", house.label)

    teller.chapter("What it means, in plain language (from `allied agreement explain`)")
    read_at_harbour = agreements.show(stage.harbour.node, proposed.id).text
    for line in _excerpt(read_at_harbour):
        teller.line(line, style="dim")

    teller.chapter("Each signs: the organisation, and a person who answers for it")
    for house in stage.houses:
        stage.patience.until(f"{house.name} has signed", partial(_signed, house, proposed.id))
        teller.line(f"{house.role.person_name} signed for {house.name}")
    for house in stage.houses:
        found = stage.patience.until(
            f"{house.name} sees the agreement in force with three signatures",
            partial(_in_force, house, proposed.id),
        )
        teller.verified(
            f"in force since {found.in_force_since:%H:%M:%S} UTC, three signatures", house.label
        )
    return agreements.show(river.node, proposed.id)


def _proposed(stage: Stage) -> AgreementView:
    """The agreement between the three, proposed now unless it was before."""
    river = stage.river
    terms = load(text(), SOURCE)[0]
    wanted = {house.organisation.id for house in stage.houses}
    known = [
        each
        for each in agreements.list_agreements(river.node)
        if isinstance(terms, Agreement)
        and each.alias == terms.id
        and {party.organisation for party in each.parties} == wanted
        and each.state in {"proposed", "signed", "in-force"}
    ]
    if known:
        return min(known, key=lambda each: (each.known_since, each.id))
    given = {house.label: house.organisation.id for house in stage.houses}
    proposal = agreements.prepare(river.node, river.organisation, text(), SOURCE, given)
    return agreements.propose(river.node, river.actor, proposal)


def _signed(house: House, agreement: str) -> AgreementView:
    """The agreement as `house` sees it, signed by it now unless it was before."""
    found = agreements.show(house.node, agreement)
    if any(each.party == house.label and each.signed_at for each in found.parties):
        return found
    return agreements.sign(house.node, house.actor, agreement)


def _in_force(house: House, agreement: str) -> AgreementView | None:
    found = agreements.show(house.node, agreement)
    signed = all(party.signed_at for party in found.parties)
    return found if found.state == "in-force" and signed and not found.forked else None


def _excerpt(read: str) -> list[str]:
    """The beginning of one article as it is explained, from the text that a house received."""
    lines = explain_text(read.encode(), SOURCE).splitlines()
    start = next((at for at, line in enumerate(lines) if line.startswith(_EXCERPT)), 0)
    owed = next(
        (at for at, line in enumerate(lines[start:], start) if "What is owed" in line), start
    )
    return [*lines[start : start + 4], *lines[owed : owed + _EXCERPT_LINES]]


def _require_same(found: str, expected: str) -> None:
    if found != expected:
        raise UnverifiedError("demo.other-text", "a node shows another text than was proposed")
