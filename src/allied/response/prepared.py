"""A register made ready to be asked: texts read into rules, events sorted, versions found.

Words used here:
    chain      the amended texts of an agreement; they are asked as texts of that agreement and
               never as agreements of their own

Rules that hold everywhere below. A viewpoint sees an agreement that is public or names it, in any
text that had been adopted by then; of one that it may not see nothing is looked at. One whose
existence is secret is not public, whatever else its text says, until the day on which the text
makes it open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from allied.agreement.clauses import Secrecy
from allied.agreement.events import AMENDED, Event, Register
from allied.agreement.recurring import opens_at
from allied.agreement.terms import Agreement
from allied.agreement.versions import versions, versions_of
from allied.record.ids import PartyId
from allied.response.reading import rules_of
from allied.response.restraint import with_duties
from allied.response.results import natural
from allied.response.rule import Rule

_OUTER: Final = frozenset({"observer", "associate"})


@dataclass(frozen=True, slots=True)
class Prepared:
    """A register whose texts are read into rules.

    Attributes:
        rules: by the id of the file, in natural order of the articles.
        events: by the id of the agreement.
        kinds: by the id of the file, of every party that its text names: "state", "company" ...
            What another instrument says of somebody decides nothing under this one.
        chains: the files of the amended texts of each agreement that has any.
    """

    register: Register
    rules: Mapping[str, tuple[Rule, ...]]
    events: Mapping[str, tuple[Event, ...]]
    kinds: Mapping[str, Mapping[str, str]]
    chains: Mapping[str, tuple[str, ...]]

    @property
    def agreements(self) -> tuple[Agreement, ...]:
        """The first text of each agreement."""
        texts = self.register.agreements
        if not self.chains:
            return tuple(texts.values())
        amended = {version for its in self.chains.values() for version in its}
        return tuple(text for name, text in texts.items() if name not in amended)

    def texts_of(self, agreement: str) -> tuple[Agreement, ...]:
        """The first text of an agreement and its amended ones."""
        texts = self.register.agreements
        return (texts[agreement], *(texts[each] for each in self.chains.get(agreement, ())))

    def adds_up(self, agreement: str) -> bool:
        """Whether a clause of the agreement counts incidents of any campaign together."""
        return any(
            rule.condition is not None
            and rule.condition.aggregate is not None
            and rule.condition.aggregate.of_any
            for text in self.texts_of(agreement)
            for rule in self.rules[text.id]
        )

    def narrowed(self, agreement: str, limit: datetime) -> Register:
        """The register of one agreement, with what was known by `limit`."""
        events = self.events.get(agreement, ())
        return Register(
            {text.id: text for text in self.texts_of(agreement)},
            tuple(event for event in events if event.at <= limit),
        )

    def sees(self, agreement: Agreement, viewpoint: PartyId, limit: datetime) -> bool:
        """Whether a viewpoint may see an agreement."""
        chain = self.chains.get(agreement.id, ())
        adopted = {
            event.version
            for event in (self.events.get(agreement.id, ()) if chain else ())
            if event.event == AMENDED and event.at <= limit
        }
        texts = [agreement, *(self.register.agreements[v] for v in chain if v in adopted)]
        if any(party.id == viewpoint for text in texts for party in text.parties):
            return True
        if not any(text.clauses(Secrecy) for text in texts):
            return any(text.visibility == "public" for text in texts)
        found = versions(self.narrowed(agreement.id, limit), agreement.id, limit)
        newest, began = found.newest.terms, found.standing.in_force_since
        secrecy = newest.clauses(Secrecy)
        opens = opens_at(secrecy, began, agreement.timezone)
        if opens is not None and opens <= limit:
            return True
        return newest.visibility == "public" and not any(each.existence for each in secrecy)


def prepare(register: Register) -> Prepared:
    """Read the texts of a register into rules.

    Cost: linear in the texts and events; the larger part of what `evaluate` costs without it.
    """
    events: dict[str, list[Event]] = {}
    for event in register.events:
        events.setdefault(event.agreement, []).append(event)
    return Prepared(
        register=register,
        rules={
            agreement.id: tuple(
                sorted(
                    (with_duties(rule) for rule in rules_of(agreement)),
                    key=lambda rule: natural(rule.art),
                )
            )
            for agreement in register.agreements.values()
        },
        events={agreement: tuple(its) for agreement, its in events.items()},
        kinds={
            agreement.id: {party.id: party.kind for party in agreement.parties}
            for agreement in register.agreements.values()
        },
        chains=versions_of(register),
    )


def visible(
    rules: tuple[Rule, ...], agreement: Agreement, viewpoint: PartyId | None
) -> tuple[Rule, ...]:
    """Leave out the clauses that a viewpoint may not see."""
    roles = {party.id: party.role_name for party in agreement.parties}
    if viewpoint is None or roles.get(viewpoint, "observer") not in _OUTER:
        return rules
    return tuple(
        replace(rule, notes=tuple(note for note in rule.notes if note not in rule.kept_back))
        if rule.kept_back
        else rule
        for rule in rules
        if not rule.restricted
    )
