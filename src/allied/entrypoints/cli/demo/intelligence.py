"""Intelligence under the agreement: decided, shared, read where it arrived, receipted.

Words used here:
    plan    what a dry run says of every object: who may have it, who may not and by which
            clause; what arrives is held against it
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from allied.entrypoints.cli.demo import asking
from allied.errors import AlliedError, MalformedError, UnverifiedError
from allied.node import items, people, sharing

if TYPE_CHECKING:
    from allied.entrypoints.cli.demo.house import House
    from allied.entrypoints.cli.demo.stage import Stage
    from allied.node.agreements import AgreementView
    from allied.node.sharing import Decision, Shared

SHIPPED: Final = "intel.json"
_MAX_BYTES: Final = 4 << 30
_PAGE: Final = 2_000


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle and how to read it from its start."""

    name: str
    source: Callable[[], Iterator[bytes]]


@dataclass(slots=True)
class Plan:
    """What a dry run says, over all bundles.

    Attributes:
        permitted, refused: ids by recipient.
        example: by recipient, one refused object that carries a marking: id, TLP, code, art.
    """

    permitted: dict[str, set[str]] = field(default_factory=dict)
    refused: dict[str, set[str]] = field(default_factory=dict)
    example: dict[str, tuple[str, str, str, str]] = field(default_factory=dict)

    def add(self, decision: Decision) -> None:
        """Take down what was decided of one object."""
        for each in decision.recipients:
            kept = self.permitted if each.permitted else self.refused
            kept.setdefault(each.party, set()).add(decision.id)
            if not each.permitted and decision.tlp.startswith("AMBER"):
                self.example.setdefault(
                    each.party, (decision.id, decision.tlp, each.code, each.art)
                )

    def settle(self) -> None:
        """An id that is permitted in one version is no longer one that must not arrive."""
        for party in self.refused:
            self.refused[party] -= self.permitted.get(party, set())


def bundles(files: Sequence[Path]) -> list[Bundle]:
    """What is to be shared: the files given, or what ships with the demonstration.

    Raises:
        UsageError, NotFoundError, MalformedError: a file cannot be read at all.
    """
    from allied.bootstrap import bundle_source

    if not files:
        raw = (resources.files("allied.story") / SHIPPED).read_bytes()
        return [Bundle(SHIPPED, lambda: iter([raw]))]
    found = []
    for file in files:
        source = bundle_source(file, _MAX_BYTES)
        try:
            next(iter(source()), b"")
        except AlliedError as problem:
            raise type(problem)(
                problem.code, f"{file.name}: {problem.message}", hint=problem.hint
            ) from problem
        found.append(Bundle(file.name, source))
    return found


def share(
    stage: Stage, agreement: AgreementView, given: Sequence[Bundle]
) -> tuple[dict[str, Any], Plan]:
    """River shares; what arrives at the others is read there, and their receipts at River.

    Returns:
        What was read, for the summary, and the plan that it was held against.

    Raises:
        MalformedError: `demo.intel-broken`, `demo.intel-empty`; nothing was shared.
        UnverifiedError: something arrived that should not have.
    """
    river, teller = stage.river, stage.teller
    teller.chapter("River Bank looks first who would get what, and by which clause (dry run)")
    plan = Plan()
    dry = [_dry_run(stage, agreement, bundle, plan) for bundle in given]
    plan.settle()
    if not any(plan.permitted.values()):
        raise MalformedError(
            "demo.intel-empty",
            "nothing of this intelligence may go to anybody, so there is no story to tell",
            hint="see the refusals above; `allied share --dry-run --json` lists each object",
        )

    teller.chapter("It shares; the others come and fetch what is theirs")
    for bundle in given:
        shared = stage.patience.until(
            f"{bundle.name} is shared", partial(_share, stage, agreement, bundle)
        )
        new = f"{shared.stored} new here" if shared.stored else "all shared before"
        teller.line(f"{bundle.name}: {shared.admitted} objects admitted, {new}")
    found: dict[str, Any] = {"files": [_summary(*each) for each in zip(given, dry, strict=True)]}
    for house in stage.others(river):
        found[house.label] = read_back(stage, agreement, house, plan)
    _read_receipts(stage, plan)
    return found, plan


def _dry_run(stage: Stage, agreement: AgreementView, bundle: Bundle, plan: Plan) -> Shared:
    river, teller = stage.river, stage.teller
    with teller.waiting(f"reading {bundle.name} ..."):
        result = sharing.share(
            river.node,
            river.organisation,
            None,
            bundle.source,
            agreement.id,
            sharing.Wish(),
            dry_run=True,
            on_decision=plan.add,
        )
    teller.line(f"{bundle.name}: {result.objects} objects, {result.admitted} would be admitted")
    teller.table(
        ("to", "permitted", "refused", "why", "clause"),
        [
            row
            for party, tally in result.recipients.items()
            for row in [
                (party, tally.permitted, sum(tally.refused.values()), "", ""),
                *(
                    ("", "", count, code, f"Art {art}" if art else "-")
                    for (code, art), count in sorted(tally.refused.items())
                ),
            ]
        ],
    )
    for party, tally in result.recipients.items():
        if tally.alone:
            teller.line(
                f"{tally.alone} only go along with others, and to {party} nothing takes them along"
            )
    for code, count in sorted(result.refused.items()):
        teller.line(f"{count} are not admitted by the agreement [{code}]")
    for code, count in sorted(result.invalid.items()):
        teller.line(f"{count} are not valid STIX 2.1 and stay out [{code}]")
    if result.broken:
        raise MalformedError(
            "demo.intel-broken",
            f"{bundle.name} breaks off after {result.objects} objects [{result.broken}]",
            hint="nothing of it was shared; mend the file",
        )
    return result


def _share(stage: Stage, agreement: AgreementView, bundle: Bundle) -> Shared:
    river = stage.river
    return sharing.share(
        river.node, river.organisation, river.keys, bundle.source, agreement.id, sharing.Wish()
    )


def read_back(stage: Stage, agreement: AgreementView, house: House, plan: Plan) -> dict[str, Any]:
    """Hold what `house` has against the plan, object by object and byte by byte.

    Raises:
        UnreachableError: `demo.not-read-back`, something did not arrive in time.
        UnverifiedError: `demo.other-bytes`, `demo.leaked`.
    """
    own = _digests(stage.river, agreement)
    teller = stage.teller
    wanted = plan.permitted.get(house.label, set())
    forbidden = plan.refused.get(house.label, set())

    def count() -> int:
        return items.count_items(house.node, house.organisation, agreement=agreement.id)

    def complete() -> dict[str, set[str]] | None:
        if count() < len(wanted):
            return None
        held = _digests(house, agreement)
        return held if wanted <= held.keys() else None

    held = stage.patience.until(
        f"{house.name} holds the {len(wanted)} objects that it may have", complete, moving=count
    )
    if any(held[each] - own.get(each, set()) for each in wanted):
        raise UnverifiedError(
            "demo.other-bytes", f"{house.name} holds other bytes than were shared"
        )
    if wanted:
        teller.verified(f"{len(wanted)} objects arrived, each with the same bytes", house.label)
    if leaked := forbidden & held.keys():
        raise UnverifiedError(
            "demo.leaked", f"{house.name} holds {len(leaked)} objects that were refused to it"
        )
    if forbidden:
        teller.verified(
            f"nothing of what it may not have is there ({len(forbidden)} checked)", house.label
        )
    if house.label in plan.example:
        id_, tlp, code, art = plan.example[house.label]
        teller.line(f"for example {id_}, TLP:{tlp}: refused to {house.label} by Art {art} [{code}]")
    return {
        "held": len(held),
        "permitted": len(wanted),
        "refused": len(forbidden),
        "tlp": dict(sorted(_by_tlp(house, agreement).items())),
    }


def _read_receipts(stage: Stage, plan: Plan) -> None:
    """The receipts that the recipients signed for what they fetched, as River has them."""
    river = stage.river
    for house in stage.others(river):
        ids = sorted(plan.permitted.get(house.label, set()))
        for each in {ids[0], ids[-1]} if ids else ():
            stage.patience.until(
                f"River Bank has the receipt of {house.name}",
                partial(_receipted, river, each, house.label),
            )
        if ids:
            stage.teller.verified(f"{house.name} signed a receipt for what it fetched", "river")


def _receipted(river: House, item: str, party: str) -> bool | None:
    found = items.show(river.node, river.organisation, item)
    for each in found.recipients:
        if each.party == party and each.receipt_at is not None:
            return True
    return None


def read_taxii(stage: Stage, agreement: AgreementView, plan: Plan) -> None:
    """Hold what another tool of each recipient sees over TAXII 2.1 against the plan.

    Raises:
        UnreachableError, UnverifiedError: as for `read_back`.
    """
    for house in stage.others(stage.river):
        bearer = token(house)
        wanted = plan.permitted.get(house.label, set())
        forbidden = plan.refused.get(house.label, set())

        found = stage.patience.until(
            f"{house.name} serves its objects over TAXII",
            partial(_served, house, bearer, agreement.id, wanted),
        )
        if found & forbidden:
            raise UnverifiedError("demo.leaked", f"{house.name} serves objects refused to it")
        stage.teller.verified(
            f"{len(wanted)} objects, and none of those refused, by TAXII 2.1", house.label, "taxii"
        )


def _served(house: House, bearer: str, agreement: str, wanted: set[str]) -> set[str] | None:
    found = asking.taxii_ids(house, bearer, agreement)
    return found if wanted <= found else None


def token(house: House) -> str:
    """A token for tools of a house, in the form for `Authorization: Bearer`."""
    made = people.new_token(house.node, house.organisation, role="viewer", ceiling="AMBER+STRICT")
    return made.bearer


def _each(house: House, agreement: AgreementView) -> Iterator[items.ItemView]:
    """Everything that a house holds under an agreement."""
    after = 0
    while True:
        page = items.list_items(
            house.node, house.organisation, agreement=agreement.id, after=after, limit=_PAGE
        )
        yield from page
        if len(page) < _PAGE:
            return
        after = page[-1].seq


def _digests(house: House, agreement: AgreementView) -> dict[str, set[str]]:
    """Digests of what a house holds from River, by id."""
    found: dict[str, set[str]] = {}
    for item in _each(house, agreement):
        if item.originator == "river":
            found.setdefault(item.id, set()).add(item.digest)
    return found


def _by_tlp(house: House, agreement: AgreementView) -> Counter[str]:
    return Counter(item.tlp for item in _each(house, agreement))


def _summary(bundle: Bundle, result: Shared) -> dict[str, Any]:
    return {
        "name": bundle.name,
        "objects": result.objects,
        "admitted": result.admitted,
        "repeated": result.repeated,
        "invalid": result.invalid,
        "refused": result.refused,
        "recipients": {
            party: {
                "permitted": tally.permitted,
                "alone": tally.alone,
                "refused": [
                    {"code": code, "art": art, "count": count}
                    for (code, art), count in sorted(tally.refused.items())
                ],
            }
            for party, tally in result.recipients.items()
        },
    }
