"""What a token sees of its organisation: the values of the command line, without the rest.

A sight is made for one request and answers it from the use cases. Narrowing happens here and
in `allied.node.collections` (for items), so that a door for tools cannot forget it.

Words used here:
    sight       the eyes of one token: organisation, agreements, ceiling
    narrowed    a token that lists agreements; others of its organisation do not exist for it
    whole       a token that lists none

Rules. Everything goes from the token to its organisation, from there to the agreements that
name it and that the token lists, and for items to the handling classes that are not above
the ceiling and have not expired. What fails a step is not found, in the same words as what
does not exist. This is the organisation's own view of what it holds and knows: nothing here
is a release to another party.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from allied.agreement.values import Tlp
from allied.errors import NotAuthorisedError, NotFoundError, UsageError
from allied.node import agreements, incidents, items, obligations, proposals, receipts
from allied.node.collections import ceiling_of
from allied.node.node import hosted
from allied.node.overview import Overview, overview
from allied.node.version_views import text_of_version

if TYPE_CHECKING:
    from allied.node.agreements import AgreementView
    from allied.node.cases import ObligationView
    from allied.node.collections import Collections
    from allied.node.incidents import IncidentView
    from allied.node.items import ItemDetails, ItemView, RecipientView, Within
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.receipts import ReceiptView
    from allied.node.rows import AgreementRow, LedgerRow, Organisation, Peer, Token
    from allied.node.tables import ProposalView
    from allied.record.ids import AgreementId, OrganisationId


@dataclass(frozen=True, slots=True)
class ItemsSeen:
    """A stretch of what a token sees, oldest first.

    Attributes:
        total: of all that it sees under the agreement asked for, whatever the other filters.
        next: the number to go on behind, where there may be more; else None.
    """

    total: int
    items: Sequence[ItemView]
    next: int | None


@dataclass(frozen=True, slots=True)
class LedgerSeen:
    """A stretch of the disclosure ledger; `next` as in `ItemsSeen`."""

    rows: Sequence[LedgerRow]
    next: int | None


@dataclass(frozen=True, slots=True)
class Sight:
    """The eyes of one token; see the module."""

    node: Node
    collections: Collections
    token: Token

    @property
    def organisation(self) -> Organisation:
        """The organisation that the token acts for."""
        with self.node.store.read() as reading:
            return hosted(reading, self.token.organisation)

    def permits(self, agreement: AgreementId) -> bool:
        """Whether the token may know of an agreement of its organisation."""
        return not self.token.agreements or agreement in self.token.agreements

    def require_whole(self) -> None:
        """Return unless the token is narrowed to some agreements.

        Raises:
            NotAuthorisedError: `token.narrowed`.
        """
        if self.token.agreements:
            raise NotAuthorisedError(
                "token.narrowed",
                "this concerns all agreements, and the token is narrowed to some",
                hint="`allied token create` without --agreement makes one that is not",
            )

    def require_below(self, tlp: str) -> None:
        """Return unless a marking is above the token's ceiling.

        Raises:
            NotAuthorisedError: `token.ceiling`.
        """
        try:
            asked = Tlp.of(tlp)
        except ValueError:
            return  # whoever is asked for it refuses what is no marking
        ceiling = ceiling_of(self.token)
        if ceiling is None or asked > ceiling:
            raise NotAuthorisedError(
                "token.ceiling",
                "this is marked above what the token may read",
                hint="`allied token create --ceiling TLP` makes one that may",
            )

    # --- agreements ---------------------------------------------------------------------

    def agreements(self) -> Sequence[AgreementView]:
        """The agreements that name the organisation, by alias then id."""
        with self.node.store.read() as reading:
            return [self._view(reading, row) for row in self._rows(reading)]

    def agreement(self, name: str) -> AgreementView:
        """One agreement by its id or its alias.

        Raises:
            NotFoundError: `agreement.unknown`.
            UsageError: `agreement.ambiguous`, several that the token sees go by that alias.
        """
        with self.node.store.read() as reading:
            return self._view(reading, self._named(reading, name))

    def agreement_text(self, name: str, number: int) -> str:
        """The text of an agreement by the number of its version; 0 for the present one.

        Raises:
            NotFoundError, UsageError: as `agreement`; `agreement.no-such-version`.
        """
        with self.node.store.read() as reading:
            folded = self.node.folds.of(reading, self._named(reading, name).id)
            return text_of_version(folded, number, self.node.clock.now())

    def agreement_id(self, name: str) -> AgreementId:
        """The id of an agreement, as `agreement` finds it."""
        with self.node.store.read() as reading:
            return self._named(reading, name).id

    def _rows(self, reading: Reading) -> Sequence[AgreementRow]:
        return [
            row
            for row in reading.agreements()
            if self.permits(row.id)
            and self.node.folds.of(reading, row.id).instrument.party(self.token.organisation)
        ]

    def _named(self, reading: Reading, name: str) -> AgreementRow:
        rows = self._rows(reading)
        found = [row for row in rows if row.id == name] or [
            row for row in rows if row.alias == name
        ]
        if not found:
            raise NotFoundError("agreement.unknown", "no agreement here goes by that name")
        if len(found) > 1:
            raise UsageError(
                "agreement.ambiguous",
                f"{len(found)} agreements go by that name",
                hint="give the id",
                facts={"ids": [row.id for row in found]},
            )
        return found[0]

    def _view(self, reading: Reading, row: AgreementRow) -> AgreementView:
        folded = self.node.folds.of(reading, row.id)
        return agreements.view(self.node, reading, folded, self.token.organisation)

    # --- items --------------------------------------------------------------------------

    def items(
        self,
        *,
        agreement: str = "",
        after: int = 0,
        limit: int = 100,
        types: Sequence[str] | None = None,
        item: str | None = None,
        tlp: Tlp | None = None,
    ) -> ItemsSeen:
        """Items, oldest first; see `items.list_items`.

        Args:
            tlp: only items with this effective marking.
        """
        named = self.agreement_id(agreement) if agreement else ""
        own, within = self.organisation, self.within(tlp)
        found = items.list_items(
            self.node,
            own,
            agreement=named,
            after=after,
            limit=limit + 1,
            types=types,
            item=item,
            within=within,
        )
        total = items.count_items(self.node, own, agreement=named, within=self.within())
        shown = found[:limit]
        return ItemsSeen(total, shown, shown[-1].seq if len(found) > limit else None)

    def item(self, name: str) -> ItemDetails:
        """The latest version of an item by its STIX id, or exactly the item of a number.

        Raises:
            NotFoundError: `item.unknown`.
        """
        return items.show(self.node, self.organisation, name, within=self.within())

    def explain(self, name: str, to: str) -> RecipientView:
        """Why an item may or may not go to one party; see `items.explain`."""
        return items.explain(self.node, self.organisation, name, to, within=self.within())

    def receipts(self, name: str) -> Sequence[ReceiptView]:
        """Who has one version of an item, since when, under which clause.

        Asked by its number, so that versions which the token does not see stay out of it.
        """
        seen = self.item(name).item
        return receipts.receipts(self.node, self.organisation, str(seen.seq))

    def within(self, tlp: Tlp | None = None) -> Within:
        """The handling classes that the token sees now, by agreement.

        Args:
            tlp: only those with this effective marking.
        """
        return {
            source.agreement: source.classes for source in self.collections.sources(self.token, tlp)
        }

    # --- incidents and obligations ------------------------------------------------------

    def incidents(self) -> Sequence[IncidentView]:
        """Incidents, the latest report first."""
        found = incidents.list_incidents(self.node, self.organisation)
        return [each for each in found if self.permits(each.agreement)]

    def incident(self, incident: str) -> IncidentView:
        """One incident by its whole id.

        Raises:
            NotFoundError: `incident.unknown`.
        """
        try:
            found = incidents.show(self.node, self.organisation, incident)
        except (NotFoundError, UsageError):
            raise _no_incident() from None
        if found.id != incident or not self.permits(found.agreement):
            raise _no_incident()
        return found

    def report_of(self, incident: str, *, markdown: bool) -> str:
        """The record of an incident as a document."""
        found = self.incident(incident)
        return incidents.print_report(self.node, self.organisation, found.id, markdown=markdown)

    def obligations(self, *, mine_only: bool = False) -> Sequence[ObligationView]:
        """Obligations; what runs out first stands first."""
        found = obligations.list_obligations(self.node, self.organisation, mine_only=mine_only)
        return [each for each in found if self.permits(each.agreement)]

    def obligation(self, key: str) -> ObligationView:
        """One obligation by its whole key.

        Raises:
            NotFoundError: `obligation.unknown`.
        """
        try:
            found = obligations.show(self.node, self.organisation, key)
        except (NotFoundError, UsageError):
            raise _no_obligation() from None
        if found.key != key or not self.permits(found.agreement):
            raise _no_obligation()
        return found

    # --- proposals ----------------------------------------------------------------------

    def proposals(self, *, open_only: bool = False) -> Sequence[ProposalView]:
        """Questions that the organisation may see."""
        found = proposals.list_proposals(self.node, self.organisation, open_only=open_only)
        return [each for each in found if self.permits(each.agreement)]

    def proposal(self, proposal: str) -> ProposalView:
        """One question by its whole id.

        Raises:
            NotFoundError: `proposal.unknown`.
        """
        try:
            found = proposals.show(self.node, self.organisation, proposal)
        except (NotFoundError, UsageError):
            raise _no_proposal() from None
        if found.id != proposal or not self.permits(found.agreement):
            raise _no_proposal()
        return found

    # --- the ledger, the neighbours, the state of it all ---------------------------------

    def ledger(
        self,
        *,
        agreement: str = "",
        recipient: str | None = None,
        item: int | None = None,
        after: int = 0,
        limit: int = 100,
    ) -> LedgerSeen:
        """Rows of the organisation's disclosure ledger, in their order.

        Args:
            item: only rows that speak of the item with this number.
        """
        with self.node.store.read() as reading:
            asked: Sequence[AgreementId | None] = [None]
            if agreement:
                asked = [self._named(reading, agreement).id]
            elif self.token.agreements:
                asked = [row.id for row in self._rows(reading)]
            rows = [
                row
                for each in asked
                for row in reading.ledger(
                    self.token.organisation,
                    agreement=each,
                    recipient=recipient,
                    seq=item,
                    after=after,
                    limit=limit + 1,
                )
            ]
        rows.sort(key=lambda row: row.seq)
        return LedgerSeen(rows[:limit], rows[limit - 1].seq if len(rows) > limit else None)

    def peers(self) -> Sequence[Peer]:
        """The peers, by label: all where the organisation is alone here, else its partners."""
        with self.node.store.read() as reading:
            known = reading.peers()
            if not self.token.agreements and len(reading.organisations()) == 1:
                return known
            partners = self._partners(reading)
        return [peer for peer in known if peer.id in partners]

    def _partners(self, reading: Reading) -> frozenset[OrganisationId]:
        return frozenset(
            binding.organisation
            for row in self._rows(reading)
            for binding in self.node.folds.of(reading, row.id).instrument.genesis.parties.values()
        )

    def overview(self) -> Overview:
        """What concerns the organisation, and what awaits it; items as far as they are seen."""
        found = overview(self.node, self.token.organisation)
        own, within = self.organisation, self.within()
        lines = tuple(
            replace(each, items=items.count_items(self.node, own, agreement=each.id, within=within))
            for each in found.agreements
        )
        found = replace(found, agreements=lines)
        if not self.token.agreements:
            return found
        seen = {peer.id for peer in self.peers()}
        links = {f"/agreements/{each}" for each in self.token.agreements}
        links |= {f"/incidents/{each.incident}" for each in self.obligations(mine_only=True)}
        links |= {f"/proposals/{each.id}" for each in self.proposals(open_only=True)}
        return replace(
            found,
            agreements=tuple(each for each in found.agreements if self.permits(each.id)),
            peers=tuple(each for each in found.peers if each.id in seen),
            awaiting=tuple(each for each in found.awaiting if each.link in links),
        )


def _no_incident() -> NotFoundError:
    return NotFoundError("incident.unknown", "no incident here goes by that name")


def _no_proposal() -> NotFoundError:
    return NotFoundError("proposal.unknown", "no proposal here goes by that name")


def _no_obligation() -> NotFoundError:
    return NotFoundError("obligation.unknown", "no obligation here goes by that name")
