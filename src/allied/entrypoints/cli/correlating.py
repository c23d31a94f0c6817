"""Who else has it, and who has seen it: `allied item who-has`, `correlations`, `sightings`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from allied.entrypoints.cli.options import ActingOrganisation, AsJson, Folder, opened, who
from allied.entrypoints.cli.terminal import give, instant, say, table

if TYPE_CHECKING:
    from allied.node.correlation import WhoHas

ItemName = Annotated[str, typer.Argument(metavar="ITEM", help="Its STIX id, or its number here.")]
ValueText = Annotated[
    str, typer.Argument(metavar="VALUE", help="An address, name or hash, in any spelling.")
]
KindOfValue = Annotated[
    str, typer.Option("--kind", help="What it is, where that cannot be told: mutex, file-name ...")
]
UnderAgreement = Annotated[str, typer.Option("--agreement", "-a", help="Only under this.")]
AsParty = Annotated[
    str,
    typer.Option("--as", help="Answer as this party of the agreement may see what is held here."),
]


def add_to(items: typer.Typer) -> None:
    """Add the verbs to `allied item`."""
    items.command("who-has")(who_has)
    items.command("correlations")(correlations)
    items.command("sightings")(sightings)


def who_has(
    value: ValueText,
    kind: KindOfValue = "",
    agreement: UnderAgreement = "",
    party: AsParty = "",
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say which parties name a value, and in which items."""
    from allied.node.correlation import who_has as ask

    with opened(folder) as node:
        acting = who(node, organisation)
        found = ask(node, acting, value, kind=kind, agreement=agreement, party=party)
    if as_json:
        give(found, as_json=True)
        return
    if not found.found:
        say("Nobody names it, among what may be seen.")
    _tell(found.found)
    _tell_behind(found.behind)


def correlations(
    name: ItemName,
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say which other items name what an item names, and whose they are."""
    from allied.node.correlation import correlations as ask

    with opened(folder) as node:
        found = ask(node, who(node, organisation), name)
    if as_json:
        give(found, as_json=True)
        return
    if not found.values:
        say("It names no value that can be compared.")
    elif not found.found:
        say("No other item names any of its values.")
    _tell(found.found)
    if found.left_out:
        say(f"  {found.left_out} more values of the item were not looked up")
    _tell_behind(found.behind)


def sightings(
    value: ValueText,
    kind: KindOfValue = "",
    agreement: UnderAgreement = "",
    party: AsParty = "",
    organisation: ActingOrganisation = "",
    folder: Folder = None,
    as_json: AsJson = False,
) -> None:
    """Say which parties have seen a value, how often and when: all sightings put together."""
    from allied.node.sightings import sightings as ask

    with opened(folder) as node:
        acting = who(node, organisation)
        found = ask(node, acting, value, kind=kind, agreement=agreement, party=party)
    if as_json:
        give(found, as_json=True)
        return
    if not found.found:
        say("Nobody says that it was seen, among what may be seen.")
        _tell_behind(found.behind)
        return
    table(
        ("value", "party", "seen", "sightings", "first", "last", "agreements"),
        [
            row
            for each in found.found
            for row in [
                (
                    each.value,
                    "all",
                    f"{each.seen}{'+' if each.capped else ''}",
                    each.sightings,
                    instant(each.first),
                    instant(each.last),
                    "",
                ),
                *(
                    (
                        "",
                        party.party,
                        party.seen,
                        party.sightings,
                        instant(party.first),
                        instant(party.last),
                        ", ".join(party.agreements),
                    )
                    for party in each.parties
                ),
            ]
        ],
    )
    _tell_behind(found.behind)


def _tell(found: tuple[WhoHas, ...]) -> None:
    if not found:
        return
    table(
        ("kind", "value", "party", "items", "first", "last"),
        [
            (
                each.kind.value,
                each.value,
                party.party,
                party.items,
                instant(party.first),
                instant(party.last),
            )
            for each in found
            for party in each.parties
        ],
    )
    for each in found:
        if each.capped:
            say(
                f"  {each.value} is named by more than {len(each.mentions)} items:"
                " it tells little, and only the newest were looked at"
            )


def _tell_behind(behind: int) -> None:
    if behind:
        say(f"  up to {behind} items are stored and were not looked at yet; ask again")
