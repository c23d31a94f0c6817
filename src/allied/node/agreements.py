"""Agreements on this node: proposed, signed, ratified, left, and looked at.

Proposing puts a text forward and binds nobody. Signing is an act of a person over the text
and over who stands behind each label; it is refused while any of those identities has not
been confirmed here. What follows from the signatures is the fold's business.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from allied.agreement import genesis as founding
from allied.agreement.agenda import Due, agenda
from allied.agreement.terms import Agreement, load
from allied.errors import ConflictError, NotFoundError, RefusedError, UsageError
from allied.node import journal, visibility
from allied.node.peers import require_confirmed
from allied.node.rows import AgreementRow
from allied.node.version_views import PRESENT, VersionView, text_of_version, version_views
from allied.record.identity import fingerprint, matches
from allied.record.ids import AgreementId, CircleId, Digest, OrganisationId, PartyId
from allied.record.outline import read_either

if TYPE_CHECKING:
    from allied.agreement.genesis import Instrument
    from allied.agreement.state import Verdict
    from allied.node.folds import Folded
    from allied.node.node import Actor, Node
    from allied.node.ports import Reading, Writing
    from allied.node.rows import Organisation
    from allied.record.canonical import Json
    from allied.record.record import Record

    Statement = tuple[str, dict[str, Json]]

_SHORTEST_PREFIX = 8


@dataclass(frozen=True, slots=True)
class PartyView:
    """One party as this node sees it.

    Attributes:
        known: `hosted`, `confirmed`, `unconfirmed` or `unknown` here.
        legal: its status now; see `agreement.standing`.
    """

    party: PartyId
    name: str
    role: str
    organisation: OrganisationId
    fingerprint: str
    known: str
    legal: str
    signed_at: datetime | None
    signed_by: tuple[str, ...]
    ratified_at: datetime | None
    until: datetime | None


@dataclass(frozen=True, slots=True)
class LateView:
    """A record that is kept and has no effect, and why."""

    record: str
    kind: str
    issuer: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class AgreementView:
    """One agreement as this node sees it now.

    Attributes:
        mine: the labels under which organisations hosted here are parties.
        awaited: parties whose signature (or ratification) is awaited.
        forked: parties that have signed one number twice; their chain is frozen.
        agenda: what falls due under it, as `agreement.agenda` derives it.
        timezone: in which its days are counted.
        title, text, text_digest, version: of the version that is present; `number` is its.
        versions: every text, the first one first.
    """

    id: AgreementId
    alias: str
    title: str
    state: str
    mine: tuple[PartyId, ...]
    proposed_by: PartyId | None
    known_since: datetime
    in_force_since: datetime | None
    ends: datetime | None
    awaited: tuple[PartyId, ...]
    parties: tuple[PartyView, ...]
    text: str
    text_digest: Digest
    version: Digest
    records: int
    waiting: int
    forked: tuple[PartyId, ...]
    without_effect: tuple[LateView, ...]
    agenda: tuple[Due, ...] = ()
    timezone: str = "UTC"
    number: int = 1
    versions: tuple[VersionView, ...] = ()


# --- finding ----------------------------------------------------------------------------


def resolve(reading: Reading, name: str) -> AgreementRow:
    """The agreement called `name`: its id, the start of its id, or its alias.

    Raises:
        NotFoundError: there is none.
        UsageError: `agreement.ambiguous`, several go by that alias or prefix.
    """
    rows = reading.agreements()
    found = [row for row in rows if row.id == name] or [row for row in rows if row.alias == name]
    if not found and len(name) >= _SHORTEST_PREFIX:
        found = [row for row in rows if row.id.startswith(name)]
    if not found:
        raise NotFoundError(
            "agreement.unknown",
            "no agreement here goes by that name",
            hint="`allied agreement list` shows them; `allied sync` asks the peers",
        )
    if len(found) > 1:
        raise UsageError(
            "agreement.ambiguous",
            f"{len(found)} agreements go by that name",
            hint="give the start of the id",
            facts={"ids": [row.id for row in found]},
        )
    return found[0]


def list_agreements(node: Node) -> Sequence[AgreementView]:
    """Every agreement that names an organisation hosted here, by alias."""
    with node.store.read() as reading:
        return [view(node, reading, node.folds.of(reading, row.id)) for row in reading.agreements()]


def show(node: Node, name: str, eyes: OrganisationId | None = None) -> AgreementView:
    """One agreement; see `resolve` for `name`, and `view` for `eyes`."""
    with node.store.read() as reading:
        return view(node, reading, node.folds.of(reading, resolve(reading, name).id), eyes)


def text_of(node: Node, name: str, number: int = 0) -> str:
    """The text of an agreement by the number of its version; 0 for the present one.

    Raises:
        NotFoundError: `agreement.unknown`, `agreement.no-such-version`.
    """
    with node.store.read() as reading:
        folded = node.folds.of(reading, resolve(reading, name).id)
        return text_of_version(folded, number, node.clock.now())


# --- doing ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proposal:
    """A text bound to identities, not yet put forward."""

    instrument: Instrument
    salt: bytes
    bindings: Mapping[PartyId, OrganisationId]


def prepare(
    node: Node,
    organisation: Organisation,
    text: bytes,
    source: str,
    given: Mapping[str, str],
) -> Proposal:
    """Read a text and find the identity behind every party.

    A party is found by the fingerprint given for it, else by its label among the
    organisations hosted here and the confirmed peers, else by its exact name.

    Args:
        given: fingerprints by label of the file.

    Raises:
        MalformedError, RefusedError: as `agreement.genesis.found`.
        UsageError: a label given is not in the file, a fingerprint is nobody's here, or
            the organisation is no party.
    """
    documents = load(text, source)
    if len(documents) != 1 or not isinstance(documents[0], Agreement):
        raise UsageError("agreement.one-document", "a proposal holds exactly one agreement")
    terms = documents[0]
    labels = {party.id: party.name or "" for party in terms.parties}
    if strangers := sorted(set(given) - set(labels)):
        raise UsageError(
            "agreement.no-such-party",
            f"the text names no party {', '.join(strangers)}",
            hint="--party takes LABEL=FINGERPRINT, with a label of the file",
        )
    with node.store.read() as reading:
        identities = {
            label: found
            for label, name in labels.items()
            if (found := _identity_behind(reading, label, name, given.get(label, "")))
        }
    instrument = founding.found(
        text,
        source,
        identities,
        nonce=node.chance.token(16),
        salt=(salt := node.chance.token(32)),
    )
    if instrument.party(organisation.id) is None:
        raise UsageError(
            "agreement.not-a-party",
            f"{organisation.label} is no party of this text, so it cannot propose it",
            hint="a proposal comes from one of its parties",
        )
    return Proposal(instrument, salt, identities)


def propose(node: Node, actor: Actor, proposal: Proposal) -> AgreementView:
    """Put a prepared text forward to its parties; binds nobody."""
    instrument = proposal.instrument
    row = AgreementRow(
        id=instrument.id,
        alias=instrument.terms.id,
        genesis=instrument.genesis.raw,
        text=instrument.text,
        salt=proposal.salt.hex(),
        version=instrument.genesis.version,
        proposed_by=actor.organisation.id,
        known_since=node.clock.now(),
    )
    with node.store.write() as writing:
        writing.add_agreement(row)
        folded = node.folds.of(writing, row.id)
        body: dict[str, Json] = {
            "genesis": founding.statement(instrument.genesis),
            "text": instrument.text.decode(),
            "salt": proposal.salt.hex(),
        }
        journal.append(
            node, writing, actor, folded, instrument.circles.all, "agreement.propose", body
        )
        result = view(node, writing, node.folds.of(writing, row.id))
    node.notifier.changed(row.id)
    return result


def sign(node: Node, actor: Actor, name: str) -> AgreementView:
    """Sign an agreement for the actor's organisation.

    Raises:
        NotAuthorisedError: a party's identity is not confirmed here, or a key is locked.
        ConflictError: `agreement.signed-already`.
        RefusedError: `agreement.not-a-party`.
    """

    def statement(_: Writing, folded: Folded) -> Statement:
        genesis = folded.instrument.genesis
        return "agreement.sign", {
            "genesis": genesis.id,
            "text": genesis.text,
            "model": genesis.model,
        }

    def ready(reading: Reading, folded: Folded, party: PartyId) -> None:
        if party in folded.state.signatures and not _is_out(folded, party, node.clock.now()):
            raise ConflictError("agreement.signed-already", f"{party} has signed it already")
        for binding in folded.instrument.genesis.parties.values():
            require_confirmed(reading, binding.organisation)
        _require_nobody_mistaken(reading, folded.instrument)

    return act_for_all(node, actor, name, ready, statement)


def ratify(node: Node, actor: Actor, name: str) -> AgreementView:
    """Ratify an agreement that asks for it, after signing.

    Raises:
        ConflictError: not signed yet, or ratified already.
    """

    def ready(_: Reading, folded: Folded, party: PartyId) -> None:
        if party not in folded.state.signatures:
            raise ConflictError(
                "agreement.not-signed", f"{party} has not signed it", hint="sign it first"
            )
        if party in folded.state.ratifications:
            raise ConflictError("agreement.ratified-already", f"{party} has ratified it already")

    return act_for_all(
        node,
        actor,
        name,
        ready,
        lambda _, folded: ("agreement.ratify", {"genesis": folded.instrument.id}),
    )


def withdraw(node: Node, actor: Actor, name: str, why: str = "") -> AgreementView:
    """Give notice of withdrawal; the party stays bound until the notice has run.

    Raises:
        ConflictError: not bound, or notice was given already.
        RefusedError: `agreement.notice-too-early`, the text allows none yet;
            `agreement.no-way-to-leave`, it allows none at all.
    """

    def ready(_: Reading, folded: Folded, party: PartyId) -> None:
        now = node.clock.now()
        standing = folded.state.standing(folded.instrument, now)
        if party not in standing.bound:
            raise ConflictError("agreement.not-bound", f"{party} is not bound by it")
        if not standing.may_leave:
            raise RefusedError(
                "agreement.no-way-to-leave",
                "the text does not say how a party leaves it",
                hint="the parties can agree on a new text",
            )
        if standing.parties[party].legal == "leaving":
            raise ConflictError("agreement.leaving-already", f"{party} has given notice already")
        if standing.notice_from is not None and now < standing.notice_from:
            raise RefusedError(
                "agreement.notice-too-early",
                "the text allows no notice of withdrawal yet",
                facts={"from": standing.notice_from.isoformat()},
            )

    def statement(writing: Writing, folded: Folded) -> Statement:
        circle = folded.instrument.circles.all
        cut: list[Json] = [dep.to_json() for dep in journal.heads_in(folded, circle)]
        body: dict[str, Json] = {"genesis": folded.instrument.id, "cut": cut}
        if why:
            body["reason"] = journal.keep_blob(node, writing, folded, circle, why.encode())
        return "agreement.withdraw", body

    return act_for_all(node, actor, name, ready, statement)


def act_for_all(
    node: Node,
    actor: Actor,
    name: str,
    ready: Callable[[Reading, Folded, PartyId], None],
    statement: Callable[[Writing, Folded], Statement],
) -> AgreementView:
    """One act in the circle of all parties, in one unit: checked, listed, said."""
    with node.store.write() as writing:
        folded = node.folds.of(writing, resolve(writing, name).id)
        ready(writing, folded, party_of(folded, actor.organisation))
        folded = journal.list_person(node, writing, actor, folded)
        kind, body = statement(writing, folded)
        circle = folded.instrument.circles.all
        record = journal.append(node, writing, actor, folded, circle, kind, body)
        after = node.folds.of(writing, folded.row.id)
        verdict = after.state.verdicts[record.id]
        if not verdict.effect:
            raise RefusedError(f"agreement.{verdict.code.removeprefix('effect.')}", verdict.reason)
        result = view(node, writing, after)
    node.notifier.changed(result.id)
    return result


def party_of(folded: Folded, organisation: Organisation) -> PartyId:
    """The label under which an organisation is a party.

    Raises:
        NotFoundError: `agreement.unknown`, it is none.
    """
    party = folded.instrument.party(organisation.id)
    if party is None:
        raise NotFoundError(
            "agreement.unknown", f"{organisation.label} is no party of that agreement"
        )
    return party


def _is_out(folded: Folded, party: PartyId, at: datetime) -> bool:
    """Whether a party was in and is out: invited again, it signs again."""
    stands = folded.state.standing(folded.instrument, at).parties[party]
    return bool(stands.spells) and stands.legal in ("former", "expelled", "invited")


def _require_nobody_mistaken(reading: Reading, instrument: Instrument) -> None:
    """Return unless a party goes by the name of somebody else who is known here.

    A text says who a party is in words, and its genesis in keys; a partner must not write
    one name and bind its own key.

    Raises:
        RefusedError: `agreement.another-of-that-name`.
    """
    known = [(mine.id, mine.label, mine.name) for mine in reading.organisations()]
    known += [(peer.id, peer.label, peer.name) for peer in reading.peers() if peer.confirmed_at]
    for party in instrument.terms.parties:
        bound = instrument.organisation(party.id)
        namesakes = {who for who, label, name in known if party.id == label or party.name == name}
        if namesakes and bound not in namesakes:
            raise RefusedError(
                "agreement.another-of-that-name",
                f"{party.id} is bound to {fingerprint(bound)}, and here another goes by that name",
                hint="compare the fingerprints with them; a peer can be given another label",
            )


def _identity_behind(reading: Reading, label: str, name: str, given: str) -> OrganisationId | None:
    """Who stands behind a label: by fingerprint, else by label, else by exact name."""
    known = [(mine.id, mine.label, mine.name) for mine in reading.organisations()]
    known += [(peer.id, peer.label, peer.name) for peer in reading.peers()]
    if given:
        for organisation, _, _ in known:
            if matches(given, organisation):
                return organisation
        raise UsageError(
            "agreement.fingerprint-unknown",
            f"nobody known here has the fingerprint given for {label}",
            hint="add that peer first: `allied peer add URL --fingerprint F`",
        )
    by_label = [organisation for organisation, own, _ in known if own == label]
    by_name = [organisation for organisation, _, own in known if name and own == name]
    for found in (by_label, by_name):
        if len(found) == 1:
            return found[0]
    return None


# --- looking ----------------------------------------------------------------------------


def view(
    node: Node, reading: Reading, folded: Folded, eyes: OrganisationId | None = None
) -> AgreementView:
    """An agreement as it stands now.

    Args:
        eyes: count and show only what stands in circles of this organisation; None for the
            owner of the folder, who sees what all organisations here see together.
    """
    circles = visibility.circles(folded, eyes) if eyes else None
    seen = [
        each for each in folded.history.order if circles is None or each.header.circle in circles
    ]
    parked = [read_either(raw).header.circle for _, _, raw in reading.parked(folded.row.id)]
    instrument, state = folded.instrument, folded.state
    now = node.clock.now()
    standing = state.standing(instrument, now)
    mine = {organisation.id for organisation in reading.organisations()}
    peers = {peer.id: peer for peer in reading.peers()}
    parties = []
    versions = version_views(folded, now)
    present = next(each for each in versions if each.state == PRESENT)
    terms = folded.terms(now)
    for party in terms.parties:
        organisation = instrument.organisation(party.id)
        peer = peers.get(organisation)
        if organisation in mine:
            known = "hosted"
        elif peer is None:
            known = "unknown"
        else:
            known = "confirmed" if peer.confirmed_at else "unconfirmed"
        signature = state.signatures.get(party.id)
        ratification = state.ratifications.get(party.id)
        stands = standing.parties[party.id]
        parties.append(
            PartyView(
                party=party.id,
                name=party.name or party.id,
                role=instrument.genesis.parties[party.id].role,
                organisation=organisation,
                fingerprint=fingerprint(organisation),
                known=known,
                legal=stands.legal,
                signed_at=signature.claimed_at if signature else None,
                signed_by=signature.persons if signature else (),
                ratified_at=ratification.claimed_at if ratification else None,
                until=stands.until,
            )
        )
    return AgreementView(
        id=instrument.id,
        alias=instrument.terms.id,
        title=terms.title or terms.id,
        state=standing.state,
        mine=tuple(each.party for each in parties if each.known == "hosted"),
        proposed_by=state.proposed_by,
        known_since=folded.row.known_since,
        in_force_since=standing.in_force_since,
        ends=standing.ends,
        awaited=standing.awaited,
        parties=tuple(parties),
        text=text_of_version(folded, present.number, now),
        text_digest=present.text_digest,
        version=present.version,
        records=len(seen),
        waiting=sum(circles is None or each in circles for each in parked),
        forked=_forked(folded, circles),
        without_effect=tuple(
            _late(folded, record, state.verdicts[record.id])
            for record in seen
            if not state.verdicts[record.id].effect
        ),
        agenda=agenda(state.register(instrument), instrument.terms.id, now),
        timezone=instrument.terms.timezone,
        number=present.number,
        versions=versions,
    )


def _forked(folded: Folded, circles: Container[CircleId] | None) -> tuple[PartyId, ...]:
    parties = (
        folded.instrument.party(chain.issuer)
        for chain in folded.history.frozen
        if circles is None or chain.circle in circles
    )
    return tuple(sorted({party for party in parties if party}))


def _late(folded: Folded, record: Record, verdict: Verdict) -> LateView:
    issuer = folded.instrument.party(record.header.issuer)
    return LateView(record.id, record.header.kind, issuer or "-", verdict.code, verdict.reason)
