"""The versions of an agreement's text, as a node sees them: which counts, by which certificate.

What is shown follows from the records here (`agreement.chain`, `agreement.versions`); nothing is
done. Texts that contradict each other are shown beside each other, and none is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from allied.agreement.amended import read_statement
from allied.agreement.chain import OF_THE_TEXT, chain_of, name_of
from allied.agreement.diff import diff
from allied.agreement.tally import ADOPTED
from allied.errors import AlliedError, NotFoundError
from allied.record.ids import Digest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from allied.agreement.amended import Amended
    from allied.agreement.certified import Certified
    from allied.agreement.chain import Present
    from allied.agreement.tabled import Tabled
    from allied.agreement.terms import Agreement
    from allied.agreement.versions import Text
    from allied.node.folds import Folded
    from allied.record.ids import PartyId, RecordId

PRESENT: Final = "in-force"
EARLIER: Final = "earlier"
WAITING: Final = "waiting"
FROZEN: Final = "frozen"


@dataclass(frozen=True, slots=True)
class VersionView:
    """One text of an agreement.

    Attributes:
        number: 1 for the first text; a frozen or passed one has the number it would have.
        name: what register and evaluation call it.
        version: what the headers of records name.
        statement: what the certificate names; the agreement's id for the first text.
        state: in-force, earlier, waiting (adopted, and not in effect yet), or frozen (another one
            adopted on the same version, and none settles it), passed (adopted too late).
        adopted_at, since: when it was adopted, and since when it counts; None for the first text,
            and while it does not.
        due: the end of a notice that it waits for.
        how, objectors, art: how it takes effect, by the text before it.
        proposal, certificates, signed_by: what proves that it was adopted.
        consenting, objecting, awaited, missing: who has accepted, who objects, on whom it waits,
            and how many more are needed.
        bound: whom it binds, since it reached them.
        changes: what changes in meaning, in words.
    """

    number: int
    name: str
    version: Digest
    statement: Digest
    text_digest: Digest
    state: str
    adopted_at: datetime | None = None
    since: datetime | None = None
    due: datetime | None = None
    how: str = ""
    objectors: str = ""
    art: str = ""
    proposal: RecordId | None = None
    certificates: tuple[RecordId, ...] = ()
    signed_by: tuple[PartyId, ...] = ()
    consenting: tuple[PartyId, ...] = ()
    objecting: tuple[PartyId, ...] = ()
    awaited: tuple[PartyId, ...] = ()
    missing: int = 0
    bound: tuple[PartyId, ...] = ()
    changes: tuple[str, ...] = ()


def version_views(folded: Folded, at: datetime) -> tuple[VersionView, ...]:
    """Every text of an agreement: the first, what follows it, and what contradicts itself."""
    instrument, state = folded.instrument, folded.state
    here = state.present(instrument, at)
    genesis = instrument.genesis
    first = here.versions.texts[0]
    found = [
        VersionView(
            number=1,
            name=genesis.alias,
            version=genesis.version,
            statement=Digest(folded.instrument.id),
            text_digest=genesis.text,
            state=PRESENT if here.number == 1 else EARLIER,
            since=here.versions.standing.in_force_since,
            bound=_bound(here, first),
        )
    ]
    before: Agreement = instrument.terms
    by_name = {text.version: text for text in here.versions.texts}
    for link in here.chain.links:
        text = by_name.get(link.name)
        proofs = _proofs(folded, link.text.id)
        found.append(_view(link.number, link.name, link.text, before, here, text, proofs))
        before = link.text.terms
    number = len(here.chain.links) + 2
    for each in here.chain.rivals:
        rival = state.texts[each]
        name = name_of(genesis.alias, number)
        found.append(_view(number, name, rival, before, here, None, _proofs(folded, each), FROZEN))
    return tuple(found)


def text_of_version(folded: Folded, number: int, at: datetime) -> str:
    """The text of a version; 0 for the present one.

    Raises:
        NotFoundError: `agreement.no-such-version`.
    """
    here = folded.state.present(folded.instrument, at)
    wanted = number or here.number
    if wanted == 1:
        return folded.instrument.text.decode()
    for link in here.chain.links:
        if link.number == wanted:
            return link.text.text
    raise no_such_version(wanted, len(here.chain.links) + 1)


def has_passed(folded: Folded, on: Tabled) -> bool:
    """Whether the text of a question does not follow the version that one has to follow now.

    Another one was adopted on the same version; or it cannot be read.
    """
    wanted = on.question.matter.version
    state = folded.state
    base = chain_of(folded.instrument, state.texts, state.events)  # whatever is in effect yet
    if wanted == base.head or wanted in base.rivals or Digest(wanted) in state.texts:
        return on.record in state.passed
    try:
        text = read_statement(on.opening.body.get("amended"))
    except AlliedError:
        return True
    return (text.before, text.instead) != (base.head, base.rivals)


def no_such_version(number: int, last: int) -> NotFoundError:
    """What is said of a version that is not there."""
    return NotFoundError(
        "agreement.no-such-version",
        f"the agreement has no version {number}",
        hint=f"its last one is {last}; `allied agreement show` lists them",
    )


def _view(
    number: int,
    name: str,
    text: Amended,
    before: Agreement,
    here: Present,
    stands: Text | None,
    proofs: Sequence[Certified],
    state: str = "",
) -> VersionView:
    effect = stands.effect if stands is not None else None
    mode = stands.mode if stands is not None else None
    since = effect.since if effect is not None else None
    if not state:
        state = WAITING if since is None else PRESENT if here.number == number else EARLIER
    return VersionView(
        number=number,
        name=name,
        version=text.version,
        statement=text.id,
        text_digest=text.digest,
        state=state,
        adopted_at=min((each.at for each in proofs), default=None),
        since=since,
        due=effect.due if effect is not None else None,
        how=mode.how if mode is not None else "",
        objectors=mode.objectors if mode is not None else "",
        art=mode.art if mode is not None else "",
        proposal=proofs[0].proposal if proofs else None,
        certificates=tuple(each.certificate for each in proofs),
        signed_by=tuple(sorted({party for each in proofs for party in each.signed_by})),
        consenting=tuple(sorted(effect.consenting)) if effect is not None else (),
        objecting=tuple(sorted(effect.objecting)) if effect is not None else (),
        awaited=effect.awaited if effect is not None else (),
        missing=effect.missing if effect is not None else 0,
        bound=_bound(here, stands) if stands is not None else (),
        changes=_changes(before, text),
    )


_LATELY: Final[dict[Digest, tuple[str, ...]]] = {}
_MOST: Final = 1_000


def _changes(before: Agreement, text: Amended) -> tuple[str, ...]:
    """What a version changes; its statement says what it follows, so this never changes."""
    found = _LATELY.get(text.id)
    if found is None:
        if len(_LATELY) >= _MOST:
            _LATELY.clear()
        changes = diff(before, replace(text.terms, id=before.id))
        found = _LATELY[text.id] = tuple(str(each) for each in changes)
    return found


def _bound(here: Present, text: Text) -> tuple[PartyId, ...]:
    """Who is bound now and stands by that text."""
    bound = here.versions.standing.bound
    return tuple(sorted(p for p in bound if here.versions.of(p).version == text.version))


def _proofs(folded: Folded, statement: Digest) -> list[Certified]:
    """The certificates that a text was adopted."""
    return [
        each
        for its in folded.state.decided.values()
        for each in its
        if each.matter.kind in OF_THE_TEXT
        and each.matter.version == statement
        and each.result.outcome == ADOPTED
    ]
