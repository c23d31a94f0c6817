"""May somebody who did not originate an item pass it on?

Asked by `policy` on top of everything that holds for the originator itself. Whether the
originator consented is for `asking`; making an item without its source for `anonymity`.

Words used here:
    controlled   the originator decides about every further use: by the caveat ORCON or
                 PROPIN, or because the clause says so
    tear-line    an extract that the originator supplied in order that it be passed on

Rules that hold everywhere here. A party may be passed what it could have had from the
originator, unless it is controlled or its marking keeps it with the first recipient
(TLP:AMBER+STRICT, TLP:RED); whom the originator named, or has consented to, may have it all
the same, and nobody else where it named an audience. To an outsider nothing goes by default.
Under `originator-consent` the marking is the originator's word as far as it reaches: CLEAR
is for everybody; GREEN is for the declared community, and who belongs to it a person says.
Outsiders that the clause lists may have what is AMBER or below. NOFORN and EYES-ONLY are not
asked about: nothing leaves the parties. A tear-line goes by its own marking, whatever the
clause says of outsiders. Where the source must not be named, by the clause or by a policy on
the item, or the secretariat takes its name out, an item that names it is made anew first, whoever
consents to passing it on.

Source: TLP 2.0; the third-agency rule and ORCON; DOMAIN on information release.
"""

from __future__ import annotations

from collections.abc import Iterator

from allied.agreement.values import Tlp
from allied.exchange.channel import (
    CONSENT,
    FORBIDDEN,
    LISTED,
    Channel,
    Failure,
    Known,
    Outcome,
    Recipient,
)
from allied.exchange.handling import Demand, Handling
from allied.record.ids import PartyId

CONTROL = frozenset({"ORCON", "PROPIN"})
"""Caveats by which the originator decides about every further use."""

UNNAMED = "iep:provider-attribution=must-not"
"""The term of a policy by which nobody names where an item comes from."""

INSIDE = frozenset({"NOFORN", "EYES-ONLY"})
"""Caveats with which nothing leaves the parties, asked or not."""


def failures(
    demand: Demand, recipient: Recipient, channel: Channel, releaser: PartyId, known: Known
) -> Iterator[Failure]:
    """What stands against passing on a demand that `releaser` did not originate.

    Args:
        demand: its originator is not `releaser`.
        recipient: a party, or an outsider.
        channel: the clause under which it was received.
        releaser: who would pass it on.
        known: consents and reviews for the item at hand.
    """
    unnamed = channel.unnamed or channel.hides_sender or UNNAMED in demand.handling.terms
    if unnamed and not known.named:
        yield _sanitise(channel, releaser)
    if recipient.outside:
        yield from _outside(demand.handling, recipient, channel, known)
    elif not _may_keep_passing(demand.handling, recipient, channel, known):
        yield _ask(
            "it stays with those to whom its originator gave it, unless the originator agrees"
        )


def _may_keep_passing(
    handling: Handling, recipient: Recipient, channel: Channel, known: Known
) -> bool:
    """Whether another party may have it from one that is not its originator."""
    if recipient.party in known.consented:
        return True
    if handling.audience is not None:
        return recipient.party in handling.audience
    if known.tear_line:
        return not handling.caveats & CONTROL
    return not controlled(handling, channel) and handling.tlp < Tlp.AMBER_STRICT


def controlled(handling: Handling, channel: Channel) -> bool:
    """Whether the originator decides about every further use."""
    return channel.originator_control or bool(handling.caveats & CONTROL)


def _outside(
    handling: Handling, recipient: Recipient, channel: Channel, known: Known
) -> Iterator[Failure]:
    if handling.caveats & INSIDE:
        yield Failure(
            "exchange.caveat-keeps-inside",
            "it carries a caveat with which nothing leaves the parties",
            "ask its originator for an extract that may leave",
        )
    elif recipient.party not in known.consented:
        yield from _unasked(handling, recipient, channel, known)


def _unasked(
    handling: Handling, recipient: Recipient, channel: Channel, known: Known
) -> Iterator[Failure]:
    """What stands against an outsider to whom the originator did not agree."""
    rule = CONSENT if known.tear_line else channel.third_party
    free = handling.audience is None and not handling.caveats & (CONTROL | {"REL-TO"})
    if not known.tear_line:
        if controlled(handling, channel):
            yield _ask("its originator decides about every further use")
            return
        if rule == FORBIDDEN:
            yield _forbidden("the clause forbids passing it on to anyone outside")
            return
        if rule == LISTED and recipient.party not in channel.allowed_to:
            yield _forbidden("the clause lists who outside may have it, and not this one")
            return
    if free and rule == LISTED and handling.tlp <= Tlp.AMBER:
        return
    if free and rule == CONSENT and handling.tlp == Tlp.CLEAR:
        return
    if free and rule == CONSENT and handling.tlp == Tlp.GREEN and channel.community:
        if recipient.party not in known.reviewed:
            yield Failure(
                "exchange.community-review",
                "TLP:GREEN is for the declared community, and nobody has said that this one"
                " belongs to it",
                "let a person say so",
                Outcome.REVIEW,
            )
        return
    yield _ask("it goes to nobody outside unless its originator agrees")


def _ask(sentence: str) -> Failure:
    return Failure(
        "exchange.originator-consent", sentence, "ask the originator for consent", Outcome.ASK
    )


def _forbidden(sentence: str) -> Failure:
    return Failure("exchange.third-party", sentence, "ask the originator for an extract")


def _sanitise(channel: Channel, releaser: PartyId) -> Failure:
    hub = channel.hides_sender and channel.hubs is not None and releaser in channel.hubs
    return Failure(
        "exchange.names-source",
        "its source must not be named, by the clause or by its marking, and these bytes name it",
        "make a new item without its source" if hub else "let the secretariat pass it on",
        Outcome.SANITISE if hub or not channel.hides_sender else Outcome.DENY,
    )
