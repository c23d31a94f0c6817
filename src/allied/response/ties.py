"""Whether an instrument lives on, given the one to which its text ties it.

"As long as the Triple Alliance": an agreement may end with another one. The other may itself
be tied, so a tie is followed to its end.

Rules that hold everywhere below. Only an end counts: an instrument that is not in force yet, or
never entered into force, ends nothing. One that is not among the texts (or that a viewpoint may
not see) counts as alive, so nothing shows that it exists. Ties that go round in a circle are
refused by `require_no_circle` where files are read; asked about one, they end nothing.

Source: agreement format, "Life"; Franco-Russian Convention, Art 6.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final

from allied.agreement.events import Register
from allied.agreement.terms import Agreement
from allied.agreement.versions import versions
from allied.errors import MalformedError

_OVER: Final = frozenset({"expired", "terminated", "lapsed"})


def ended_tie(register: Register, agreement: Agreement, at: datetime, known_by: datetime) -> str:
    """Name the instrument to which `agreement` is tied and that has ended, or nothing.

    Args:
        register: the texts that may be seen, and the events of all of them.
        at: the moment of the law.
        known_by: events after it are not known.

    Cost: linear in the events, for each instrument on the way; nothing without a tie.
    """
    for text in _followed(register.agreements, agreement):
        events = tuple(e for e in register.events if e.agreement == text.id and e.at <= known_by)
        narrowed = Register(register.agreements, events)
        if versions(narrowed, text.id, at).standing.state in _OVER:
            return text.id
    return ""


def require_no_circle(agreements: Mapping[str, Agreement]) -> None:
    """Return if no ties among `agreements` go round in a circle.

    Raises:
        MalformedError: `agreement.tied-in-a-circle`, naming the circle.

    Cost: linear in the agreements.
    """
    clear: set[str] = set()
    for start in sorted(agreements):
        path: list[str] = []
        name = start
        while name in agreements and name not in clear and name not in path:
            path.append(name)
            name = agreements[name].life.tied_to
        if name in path:
            circle = [*path[path.index(name) :], name]
            raise MalformedError(
                "agreement.tied-in-a-circle",
                f"each of these is tied to the next: {', '.join(circle[:8])}",
                hint="take `tied_to` out of one of them",
            )
        clear.update(path)


def _followed(agreements: Mapping[str, Agreement], agreement: Agreement) -> Iterator[Agreement]:
    """Yield the instruments at the other ends of the ties, one after the other."""
    passed = {agreement.id}
    text: Agreement | None = agreements.get(agreement.life.tied_to)
    while text is not None and text.id not in passed:
        yield text
        passed.add(text.id)
        text = agreements.get(text.life.tied_to)
