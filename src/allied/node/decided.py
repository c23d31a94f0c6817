"""What is decided in a circle, as certificates prove it: for register, evaluation and views.

Decisions on matters of the register are judged by the fold (`agreement.fold`); those on an
incident, and those that are words for people, are judged here, by the same rule
(`agreement.certified`). Each is judged by what its opening knew.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from allied.agreement.certified import certified, read_proof, without
from allied.agreement.closing import CERTIFICATE
from allied.agreement.knowing import is_contradicted
from allied.agreement.matters import OF_INCIDENTS, OF_THE_REGISTER
from allied.agreement.revocation import known_ones
from allied.errors import AlliedError
from allied.node.questions import table_of
from allied.response.taken import taken

if TYPE_CHECKING:
    from allied.agreement.certified import Certified
    from allied.agreement.tabled import OnTable, Said, Tabled
    from allied.node.folds import Folded
    from allied.record.circle import Circle
    from allied.record.ids import AgreementId, RecordId
    from allied.record.record import ChainKey
    from allied.response.taken import Taken


def decided_in(folded: Folded, table: OnTable) -> Mapping[RecordId, tuple[Certified, ...]]:
    """The certificates that hold, by question; several of one question may contradict each other.

    Cost: linear in the certificates of the questions.
    """
    found = {on.record: decisions_on(folded, on) for on in table.tabled}
    return {question: its for question, its in found.items() if its}


def decisions_on(folded: Folded, on: Tabled) -> tuple[Certified, ...]:
    """The certificates of one question that hold, in the order of the history."""
    if on.question.matter.kind in OF_THE_REGISTER:
        return folded.state.decided.get(on.record, ())
    found = (_judged(folded, on, step) for step in on.steps if step.kind == CERTIFICATE)
    return tuple(each for each in found if each is not None)


def _judged(folded: Folded, on: Tabled, step: Said) -> Certified | None:
    """What one certificate proves; None for nothing.

    It follows from the certificate, and from what the opening knew; so it changes only where chains
    part, and what was judged lately is remembered until then.
    """
    past = folded.history
    key = (folded.row.id, step.record, frozenset(past.frozen.items()), past.kept)
    known = _LATELY.get(key)
    if known is not None:
        return known[0]
    found: Certified | None = None
    with suppress(AlliedError):  # else it proves nothing
        revoked = known_ones(folded.state.revocations, lambda one: past.knows(step.record, one))
        proof = without(read_proof(step.body), revoked)
        custodians = folded.state.custodians(on.opening.knows)
        found = certified(proof, step.record, on, custodians, folded.instrument.party)
    if len(_LATELY) >= _MOST_REMEMBERED:
        _LATELY.clear()
    _LATELY[key] = (found,)
    return found


_MOST_REMEMBERED: Final = 10_000
_LATELY: dict[
    tuple[AgreementId, RecordId, frozenset[tuple[ChainKey, int]], frozenset[RecordId]],
    tuple[Certified | None],
] = {}


def taken_in(folded: Folded, circle: Circle) -> Mapping[RecordId, Taken]:
    """What was decided and found on the incidents of a circle, by the first certificate of each.

    Certificates that contradict each other say nothing.
    """
    statements = folded.state.statements
    if not any(
        each.header.kind == CERTIFICATE and each.header.circle == circle.id for each in statements
    ):
        return {}
    found: dict[RecordId, Taken] = {}
    for its in decided_in(folded, table_of(folded, circle)).values():
        if its[0].matter.kind in OF_INCIDENTS and not is_contradicted(its):
            act = taken(folded.instrument.terms.id, its[0])
            if act is not None:
                found[its[0].certificate] = act
    return found
