"""Small agreements and what happened to them, for the tests of who is bound when."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from allied.agreement.events import SIGNED, Event, Register
from allied.agreement.register_file import load as load_register
from allied.agreement.standing import Standing, standing
from allied.agreement.terms import Agreement, load
from allied.record.ids import PartyId

DAY = datetime(2026, 1, 1, tzinfo=UTC)
A, B, C, D = (PartyId(each) for each in ("alfa", "bravo", "charlie", "delta"))
OPEN = "{in_force_when: {count: 2, of: signed}, withdrawal: {notice: 30 days}}"


def text(
    life: str = OPEN, *articles: str, parties: str = "", bodies: str = "", zone: str = "UTC"
) -> Agreement:
    """An agreement among four; `parties` and `bodies` in YAML replace the plain ones."""
    named = parties or "[" + ", ".join(f"{{id: {party}}}" for party in (A, B, C, D)) + "]"
    body = "".join(f"  - {each}\n" for each in articles) or "  []\n"
    raw = (
        f"format: alliance/1\nid: pact\ntimezone: {zone}\nform: {{kind: contract}}\n"
        f"parties: {named}\nbodies: {bodies or '{}'}\nlife: {life}\narticles:\n{body}"
    )
    (document,) = load(raw.encode(), "pact.yaml")
    assert isinstance(document, Agreement)
    return document


def day(number: float) -> datetime:
    return DAY + timedelta(days=number)


def on(event: str, party: PartyId | None, number: float, **more: object) -> Event:
    return Event("pact", event, party, day(number), **more)  # type: ignore[arg-type]


def signed(*parties: PartyId, at: float = 0) -> tuple[Event, ...]:
    """One signature a day, in the order given."""
    return tuple(on(SIGNED, party, at + number) for number, party in enumerate(parties))


def stands(terms: Agreement, events: tuple[Event, ...], at: float | datetime) -> Standing:
    moment = at if isinstance(at, datetime) else day(at)
    return standing(Register({terms.id: terms}, events), terms.id, moment)


def told(terms: Agreement, *entries: str) -> tuple[Event, ...]:
    """The events of a register file that holds these entries."""
    lines = "".join(f"  - {{agreement: {terms.id}, {each}}}\n" for each in entries)
    raw = f"format: register/1\nevents:\n{lines}"
    return load_register(raw.encode(), "register.yaml", {terms.id: terms})


def codes(now: Standing) -> list[str]:
    return [code for code, _ in now.warnings]
