"""What a token sees of the exchange around items: recalls, requests, remarks, who else has it.

As `sight`, for what is not an item itself. Everything here is asked of a `Sight`, and narrowed
by it: to the agreements that the token lists, and to objects whose marking is not above its
ceiling.

Rules. What speaks of an object that the token does not see is left out; so is what speaks of
one of which it cannot be told. Proofs and exports show the ledger, which has no contents of
items; they are for tokens that may read it, and a narrowed one gets what is narrowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from allied.errors import NotFoundError
from allied.node import (
    consents,
    correlation,
    dataset,
    disclosures,
    erasing_views,
    feeds,
    hub,
    ledger_proofs,
    misp,
    provenance,
    recall_views,
    remarks,
    sightings,
    witness,
)
from allied.node.disclosures import Asked
from allied.node.rows import RELABELLED

if TYPE_CHECKING:
    from allied.exchange.misp_out import Written
    from allied.node.consents import RequestView
    from allied.node.correlation import Correlations
    from allied.node.disclosures import RowView
    from allied.node.erasing_views import ErasureView
    from allied.node.feeds import WarningListView
    from allied.node.hub import SubmissionView
    from allied.node.items import Within
    from allied.node.ledger_proofs import Checked
    from allied.node.recall_views import RecallView
    from allied.node.remarks import RemarkView
    from allied.node.rows import Feed
    from allied.node.sight import Sight
    from allied.node.sightings import Sightings
    from allied.node.witness import WitnessView
    from allied.record.ids import AgreementId

_VERSIONS: Final = 1_000

# --- around items -----------------------------------------------------------------------------


def recalls(sight: Sight) -> Sequence[RecallView]:
    """Recalls by and towards the organisation, of what the token saw or would have seen.

    What was made from a recalled item is named as far as the token sees it.
    """
    found = recall_views.list_recalls(sight.node, sight.organisation)
    within = sight.within()
    return [
        replace(each, products=_sees(sight, within, each.agreement, each.products))
        for each in found
        if _saw(sight, within, each.agreement, each.item)
    ]


def erasures(sight: Sight) -> Sequence[ErasureView]:
    """What was to be erased under the agreements that the token lists."""
    found = erasing_views.list_erasures(sight.node, sight.organisation)
    return [each for each in found if sight.permits(each.agreement)]


def requests(sight: Sight) -> Sequence[RequestView]:
    """Who asked whom to let an item go further, of items that the token sees."""
    found = consents.list_requests(sight.node, sight.organisation)
    within = sight.within()
    return [each for each in found if _saw(sight, within, each.agreement, each.item)]


def remarks_on(sight: Sight, name: str) -> Sequence[RemarkView]:
    """What was said here of an object that the token sees; of its sources those it sees as well.

    Raises:
        NotFoundError: `item.unknown`.
    """
    item = sight.item(name).item
    within = sight.within()
    return [
        each
        for each in remarks.list_remarks(sight.node, sight.organisation, item.id)
        if (source := provenance.source_of(each.kind, each.text)) is None
        or _saw(sight, within, item.agreement, source)
    ]


def who_has(sight: Sight, value: str, *, kind: str = "", agreement: str = "") -> Correlations:
    """Which parties name a value, among what the token sees."""
    named = sight.agreement_id(agreement) if agreement else ""
    return correlation.who_has(
        sight.node,
        sight.organisation,
        value,
        kind=kind,
        agreement=named,
        within=sight.within(),
    )


def correlations(sight: Sight, name: str) -> Correlations:
    """Which other items name what an item names, among what the token sees."""
    seen = sight.item(name).item
    return correlation.correlations(
        sight.node, sight.organisation, str(seen.seq), within=sight.within()
    )


def seen_values(sight: Sight, value: str, *, kind: str = "", agreement: str = "") -> Sightings:
    """Who has seen a value, how often and when, among what the token sees."""
    named = sight.agreement_id(agreement) if agreement else ""
    return sightings.sightings(
        sight.node,
        sight.organisation,
        value,
        kind=kind,
        agreement=named,
        within=sight.within(),
    )


def bundle(sight: Sight, agreement: str, types: Sequence[str] | None) -> Iterator[bytes]:
    """What the token sees under an agreement, as a STIX bundle; its bytes piece by piece.

    Raises:
        NotFoundError: `agreement.unknown`, before anything is given.
    """
    named = sight.agreement_id(agreement)
    return dataset.bundle(sight.node, sight.organisation, named, types=types, within=sight.within())


def misp_events(sight: Sight, agreement: str, tlp: str) -> Written:
    """What the organisation holds under an agreement as MISP events, for its own instance.

    Raises:
        NotAuthorisedError: `token.ceiling`. UsageError: `misp.ceiling`.
    """
    sight.require_below(tlp)
    return misp.give_out(sight.node, sight.organisation, sight.agreement_id(agreement), ceiling=tlp)


def feed_list(sight: Sight) -> Sequence[Feed]:
    """The feeds of the organisation under agreements that the token sees."""
    found = feeds.list_feeds(sight.node, sight.organisation)
    return [each for each in found if sight.permits(each.agreement)]


def warning_lists(sight: Sight) -> Sequence[WarningListView]:
    """What is known to give false alarms on this node; nothing of an agreement."""
    return feeds.list_warning_lists(sight.node)


def submissions(sight: Sight, *, everything: bool) -> Sequence[SubmissionView]:
    """What was submitted to the organisation as a secretariat; no contents.

    It names who submitted, so it is for a token that is not narrowed.

    Raises:
        NotAuthorisedError: `token.narrowed`.
    """
    sight.require_whole()
    return hub.list_submissions(sight.node, sight.organisation, everything=everything)


def _sees(
    sight: Sight, within: Within, agreement: AgreementId, ids: Sequence[str]
) -> tuple[str, ...]:
    """Those of some objects that the token sees or would have seen."""
    return tuple(each for each in ids if _saw(sight, within, agreement, each))


def _saw(sight: Sight, within: Within, agreement: AgreementId, item: str) -> bool:
    """Whether every version of an object, held or withdrawn, is of a class that the token sees.

    What is said of an object may be about any of its versions; one that is hidden hides it.
    """
    if not sight.permits(agreement):
        return False
    classes = frozenset(within.get(agreement, ()))
    own = sight.token.organisation
    with sight.node.store.read() as reading:
        held = reading.items(agreement, own, limit=_VERSIONS, item=item)
        gone = reading.withdrawn(agreement, own, item=item, limit=_VERSIONS)
        left = [each.item.class_id for each in gone if each.reason != RELABELLED]
        found = [*(row.class_id for row in held), *left]
    return 0 < len(found) < _VERSIONS and classes.issuperset(found)


# --- the ledger -------------------------------------------------------------------------------


def row(sight: Sight, seq: int) -> RowView:
    """One row of the disclosure ledger.

    Raises:
        NotFoundError: `ledger.no-such-row`.
    """
    found = disclosures.row(sight.node, sight.organisation, seq)
    if not sight.permits(found.agreement):
        raise _no_row()
    return found


def rows_about(sight: Sight, item: str, *, after: int, limit: int) -> Sequence[RowView]:
    """Every row that speaks of an object, also where it is gone; see `disclosures.rows`."""
    within = frozenset(sight.token.agreements) if sight.token.agreements else None
    asked = Asked(item=item, within=within)
    return disclosures.rows(sight.node, sight.organisation, asked, after=after, limit=limit)


def proof(sight: Sight, seq: int) -> bytes:
    """The proof of one row, as a file; see `ledger_proofs.prove`."""
    return ledger_proofs.prove(sight.node, sight.organisation, row(sight, seq).seq)


def export(sight: Sight, agreement: str) -> Iterator[bytes]:
    """The ledger as a file: of one agreement, or all of it for a token that is not narrowed.

    Raises:
        NotAuthorisedError: `token.narrowed`. NotFoundError: `agreement.unknown`.
    """
    if not agreement:
        sight.require_whole()
    named = sight.agreement_id(agreement) if agreement else None
    return ledger_proofs.export(sight.node, sight.organisation, named)


def checked(sight: Sight) -> Checked:
    """Check the organisation's own ledger; for a token that is not narrowed.

    Raises:
        NotAuthorisedError: `token.narrowed`. UnverifiedError: as `ledger_proofs.check`.
    """
    sight.require_whole()
    return ledger_proofs.check(sight.node, sight.organisation)


def witnessed(sight: Sight) -> Sequence[WitnessView]:
    """What is held of the ledgers of partners, in agreements that the token sees."""
    found = witness.witness(sight.node, sight.organisation)
    return [each for each in found if sight.permits(each.agreement)]


def _no_row() -> NotFoundError:
    return NotFoundError("ledger.no-such-row", "the disclosure ledger has no row with that number")
