"""What is doubtful in how an agreement shares information.

Asks whether what is unmarked could come in, who receives what, whether there is a hub, whether
the sender is hidden by somebody who can, and whether anything is shared at all.

Rule that holds below: a marking is compared as TLP orders them, the narrower the higher.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Final

from allied.agreement.check_doubt import ERROR, WARNING, Doubt, Question, about
from allied.agreement.clauses import InformationSharing, OneWay
from allied.agreement.shape import suggestion
from allied.agreement.terms import ROLES, Agreement
from allied.agreement.values import Tlp


def _markings(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    for clause in value.clauses(InformationSharing):
        if clause.default_tlp > clause.max_tlp:
            yield about(
                clause,
                "agreement.default-above-ceiling",
                ERROR,
                ("default_tlp",),
                "what carries no marking would be above the ceiling and be refused",
                f"at most {clause.max_tlp}, or raise `max_tlp`",
            )
        for role, receives in clause.receives.items():
            yield from _received(value, clause, role, receives.max_tlp)
        lowest = [clause.default_tlp, *(each.max_tlp for each in clause.receives.values())]
        if Tlp.GREEN in lowest and not clause.community:
            yield about(
                clause,
                "agreement.no-community",
                WARNING,
                ("max_tlp",),
                "TLP:GREEN is used, and nothing says which community it means",
                "say so under `community`",
            )


def _received(
    value: Agreement, clause: InformationSharing, role: str, ceiling: Tlp
) -> Iterator[Doubt]:
    known = {*ROLES.options, *(party.tier for party in value.parties if party.tier)}
    if role not in known:
        yield about(
            clause,
            "agreement.unknown-role",
            WARNING,
            ("receives", role),
            "no party has this role or tier",
            suggestion(role, sorted(known)),
        )
    if ceiling > clause.max_tlp:
        yield about(
            clause,
            "agreement.receives-above-ceiling",
            WARNING,
            ("receives", role, "max_tlp"),
            "it may receive more than the clause lets in",
            f"at most {clause.max_tlp}, or raise `max_tlp` of the clause",
        )


def _directions(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    for clause in value.clauses(InformationSharing):
        if clause.anonymise and clause.anonymise.by == "submitter":
            yield about(
                clause,
                "agreement.sender-cannot-hide",
                WARNING,
                ("anonymise", "by"),
                "what a party shares bears its signature, so nothing can go under this clause",
                "let the secretariat take the name out: `by: hub`",
            )
        hub = clause.direction == "hub" or (clause.anonymise and clause.anonymise.by == "hub")
        if hub and not value.hubs:
            yield about(
                clause,
                "agreement.no-hub",
                ERROR,
                ("direction",),
                "it goes through the secretariat, and no party has that role",
                "give one party `role: secretariat`",
            )
        if isinstance(clause.direction, OneWay):
            yield from _one_way(value, clause, clause.direction)
        elif len(value.parties) < 2 and value.lateral != "open":
            yield about(
                clause, "agreement.nobody-owes", WARNING, (), "there is nobody to share with"
            )


def _one_way(value: Agreement, clause: InformationSharing, way: OneWay) -> Iterator[Doubt]:
    for key, names in (("from", way.senders), ("to", way.recipients)):
        if "hub" in names and not value.hubs:
            yield about(
                clause,
                "agreement.no-hub",
                ERROR,
                ("direction", key),
                "it names the secretariat, and no party has that role",
                "give one party `role: secretariat`",
            )
    alone = way.senders == way.recipients and len(way.senders) == 1
    if alone and way.senders[0] in value.party_ids:
        yield about(
            clause,
            "agreement.nobody-owes",
            ERROR,
            ("direction",),
            "sender and recipient are the same party",
            "name two",
        )


def _what(value: Agreement, day: date | None) -> Iterator[Doubt]:
    del day
    for clause in value.clauses(InformationSharing):
        if not any(clause.covers(kind) for kind in clause.share) and "all" not in clause.share:
            yield about(
                clause,
                "agreement.nothing-shared",
                ERROR,
                ("except",),
                "everything that is shared is also left out",
                "take something out of `except`",
            )
        if clause.duty == "must" and clause.within is None:
            yield about(
                clause,
                "agreement.no-deadline",
                WARNING,
                ("duty",),
                "it must be shared, and nobody can be late: no `within` is set",
                "add `within: 4 hours`, or whatever was meant",
            )


QUESTIONS: Final[tuple[Question, ...]] = (_markings, _directions, _what)
