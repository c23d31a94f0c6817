"""What tools of a hosted organisation may read of what that organisation holds.

One use case answers them all: which items does the holder of this token see, and under
which agreement. TAXII asks here; others that read page by page can. How a page is found is
for `allied.node.browsing`.

Words used here:
    root         one agreement of the token's organisation, or all of them
    collection   the items of a root with one effective TLP, or all of them
    ceiling      the highest TLP that the token may read; never RED

Rules. Every question goes from the token to its organisation, from there to the agreements
that name it and that the token lists, and from there to the handling classes that are not
above the ceiling and have not expired; what fails a step does not exist for the token. This
is the organisation's own view of what it holds: no release to another party, so it stands
in no ledger.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from allied.agreement.values import Tlp
from allied.node import release
from allied.node.browsing import Look, Page, Question, Source, Stretch, Visible, unknown

if TYPE_CHECKING:
    from allied.exchange.stix import Instant
    from allied.node.node import Node
    from allied.node.ports import Reading
    from allied.node.rows import Token
    from allied.record.ids import AgreementId, OrganisationId

ALL: Final = "all"
"""The name of the root over all agreements, and of the collection of every TLP."""

_ALL_TITLE: Final = "Everything this organisation may see"
_REMEMBERED: Final = 1_000
_NAMES: Final = "allied collection"


@dataclass(frozen=True, slots=True)
class Collection:
    """One collection of a root.

    Attributes:
        id: a UUID that follows from organisation, root and TLP.
        alias: a short name that is unique within the root.
        tlp: None where items of every TLP are shown.
    """

    id: str
    alias: str
    title: str
    description: str
    tlp: Tlp | None


@dataclass(frozen=True, slots=True)
class Root:
    """One root as a token sees it; `name` is an agreement's id, or `all`."""

    name: str
    title: str
    description: str
    collections: tuple[Collection, ...]


@dataclass(frozen=True, slots=True)
class _Held:
    """One agreement of an organisation: its handling classes with TLP and end."""

    agreement: AgreementId
    title: str
    classes: tuple[tuple[int, Tlp, datetime | None], ...]


@dataclass(frozen=True, slots=True)
class _Shown:
    """One collection as a token may read it, until a class in it expires."""

    collection: Collection
    visible: Visible
    until: datetime | None


@dataclass(frozen=True, slots=True)
class _View:
    """The agreements that name an organisation, by alias, as of one state of the store."""

    changes: int
    held: tuple[_Held, ...]
    shown: dict[tuple[str, str, str, tuple[AgreementId, ...]], _Shown]


class Collections:
    """The collections of one node, and what was found out about them already."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._lock = threading.Lock()
        self._titles: dict[tuple[OrganisationId, AgreementId], str | None] = {}
        self._views: dict[OrganisationId, _View] = {}

    def is_known(self, reading: Reading, token: Token) -> bool:
        """Whether what names the token's organisation was found out and has not changed."""
        kept = self._views.get(token.organisation)
        return kept is not None and kept.changes == reading.changes()

    def roots(self, reading: Reading, token: Token) -> Sequence[Root]:
        """What the token may read: the root of all first, then one per agreement."""
        permitted = _permitted(self._view(reading, token.organisation), token)
        return [
            _root(token, ALL, _ALL_TITLE),
            *(_root(token, each.agreement, each.title) for each in permitted),
        ]

    def root(self, reading: Reading, token: Token, name: str) -> Root:
        """One root.

        Raises:
            NotFoundError: `collection.unknown`; there is none, or the token may not see it.
        """
        return _root_in(self._view(reading, token.organisation), token, name)

    def collection(self, reading: Reading, token: Token, root: str, name: str) -> Collection:
        """One collection of a root, by id or alias.

        Raises:
            NotFoundError: `collection.unknown`, as for `root`.
        """
        return self._shown(reading, token, root, name).collection

    def sources(self, token: Token, tlp: Tlp | None = None) -> Sequence[Source]:
        """The agreements under which the token may read, each with the classes it may read now.

        Args:
            tlp: only classes with this effective marking.
        """
        with self._node.store.read() as reading:
            view = self._view(reading, token.organisation)
        return _visible(view, token, ALL, tlp, self._node.clock.now())[0].sources

    def objects(
        self,
        reading: Reading,
        token: Token,
        root: str,
        name: str,
        question: Question,
        item: str | None = None,
    ) -> Stretch:
        """The bytes of the first items of a collection that fit a question, by date added.

        Args:
            item: only this object; one that is not in the collection is not found, one that
                merely does not fit the question gives an empty stretch.

        Raises:
            NotFoundError: `collection.unknown`, as for `root`.

        Cost: one statement where no object on the page has a second version; else a look-up
        for each that has.
        """
        return self._look(reading, token, root, name, question, item).stretch()

    def page(
        self,
        reading: Reading,
        token: Token,
        root: str,
        name: str,
        question: Question,
        item: str | None = None,
        *,
        bodies: bool,
    ) -> Page:
        """As `objects`, entry by entry.

        Args:
            bodies: whether the items' bytes are wanted, or entries only.
        """
        return self._look(reading, token, root, name, question, item).page(bodies=bodies)

    def require_not_gone(
        self,
        reading: Reading,
        token: Token,
        root: str,
        name: str,
        item: str,
        versions: frozenset[Instant],
    ) -> None:
        """Return unless one of these versions of an object was taken away from a collection.

        Raises:
            NotFoundError: `collection.unknown`.
        """
        self._look(reading, token, root, name, Question(), None).require_not_gone(item, versions)

    def _look(
        self,
        reading: Reading,
        token: Token,
        root: str,
        name: str,
        question: Question,
        item: str | None,
    ) -> Look:
        visible = self._shown(reading, token, root, name).visible
        look = Look(reading, visible, question)
        if item is not None:
            look.require(item)
            look.question = replace(question, ids=(item,))
        return look

    def _shown(self, reading: Reading, token: Token, root: str, name: str) -> _Shown:
        """One collection; worked out again when something has changed or expired."""
        view = self._view(reading, token.organisation)
        now = self._node.clock.now()
        key = (root, name, token.ceiling, token.agreements)
        kept = view.shown.get(key)
        if kept is None or (kept.until is not None and kept.until <= now):
            collection = _collection_in(view, token, root, name)
            visible, until = _visible(view, token, root, collection.tlp, now)
            kept = _Shown(collection, visible, until)
            if len(view.shown) >= _REMEMBERED:
                view.shown.clear()
            view.shown[key] = kept
        return kept

    def _view(self, reading: Reading, organisation: OrganisationId) -> _View:
        """What names an organisation; made again only when something has changed."""
        changes = reading.changes()
        kept = self._views.get(organisation)
        if kept is not None and kept.changes == changes:
            return kept
        held = tuple(
            _Held(row.id, title, _classes(reading, row.id))
            for row in reading.agreements()
            if (title := self._title(reading, organisation, row.id)) is not None
        )
        view = _View(changes, held, {})
        with self._lock:
            self._views[organisation] = view
        return view

    def _title(
        self, reading: Reading, organisation: OrganisationId, agreement: AgreementId
    ) -> str | None:
        """The title of an agreement that names an organisation; None where it does not."""
        key = (organisation, agreement)
        if key not in self._titles:
            folded = self._node.folds.of(reading, agreement)
            named = folded.instrument.party(organisation) is not None
            terms = folded.terms(self._node.clock.now())
            self._titles[key] = terms.title or terms.id if named else None
        return self._titles[key]


# --- what a token may see ---------------------------------------------------------------


def _permitted(view: _View, token: Token) -> Sequence[_Held]:
    """The agreements that name the token's organisation and that the token lists."""
    if not token.agreements:
        return view.held
    listed = frozenset(token.agreements)
    return [each for each in view.held if each.agreement in listed]


def _root_in(view: _View, token: Token, name: str) -> Root:
    if name == ALL:
        return _root(token, ALL, _ALL_TITLE)
    for each in _permitted(view, token):
        if each.agreement == name:
            return _root(token, name, each.title)
    raise unknown()


def _collection_in(view: _View, token: Token, root: str, name: str) -> Collection:
    for collection in _root_in(view, token, root).collections:
        if name in (collection.id, collection.alias):
            return collection
    raise unknown()


def _visible(
    view: _View, token: Token, root: str, tlp: Tlp | None, now: datetime
) -> tuple[Visible, datetime | None]:
    """What of a root the token may read now, and when something of it expires."""
    ceiling = ceiling_of(token)
    sources: list[Source] = []
    once: set[int] = set()
    expiring: list[datetime] = []
    for each in _permitted(view, token) if ceiling is not None else ():
        if root not in (ALL, each.agreement):
            continue
        read = [
            (number, ends)
            for number, marked, ends in each.classes
            if ceiling is not None and marked <= ceiling and (tlp is None or marked == tlp)
        ]
        once |= {number for number, _ in read}
        expiring += [ends for _, ends in read if ends is not None and ends > now]
        classes = tuple(number for number, ends in read if ends is None or ends > now)
        if classes:
            sources.append(Source(each.agreement, classes))
    shown = tuple(number for source in sources for number in source.classes)
    visible = Visible(token.organisation, tuple(sources), shown, frozenset(once))
    return visible, min(expiring, default=None)


def _root(token: Token, name: str, title: str) -> Root:
    where = "under all agreements that this token may see"
    if name != ALL:
        where = f"under the agreement {name}"
    ceiling = ceiling_of(token)
    levels = [tlp for tlp in Tlp if ceiling is not None and tlp <= ceiling]
    collections = [
        Collection(
            collection_id(token.organisation, name, None),
            ALL,
            "All items",
            f"What this organisation may see {where}",
            None,
        )
    ]
    collections += [
        Collection(
            collection_id(token.organisation, name, tlp),
            alias_of(tlp),
            tlp.label,
            f"What this organisation may see {where}, if its effective marking is {tlp.label}",
            tlp,
        )
        for tlp in levels
    ]
    return Root(name, title, f"Items {where}", tuple(collections))


# --- names ------------------------------------------------------------------------------


def collection_id(organisation: OrganisationId, root: str, tlp: Tlp | None) -> str:
    """The id of a collection: always the same for the same organisation, root and TLP.

    TAXII wants a UUID of version 4, so this has the form of one: its bits come from a digest.
    """
    name = f"{_NAMES}/{organisation}/{root}/{tlp.value if tlp else ALL}"
    return str(uuid.UUID(bytes=sha256(name.encode()).digest()[:16], version=4))


def alias_of(tlp: Tlp) -> str:
    """The alias of the collection of one TLP: `tlp-amber-strict`."""
    return f"tlp-{tlp.value.lower().replace('+', '-')}"


def ceiling_of(token: Token) -> Tlp | None:
    """The highest TLP that a token may read, at most AMBER+STRICT; None when it says none."""
    try:
        return min(Tlp.of(token.ceiling), Tlp.AMBER_STRICT)
    except ValueError:
        return None


def _classes(
    reading: Reading, agreement: AgreementId
) -> tuple[tuple[int, Tlp, datetime | None], ...]:
    found = []
    for number, each in release.classes_of(reading, agreement).items():
        ends = [demand.handling.expires for demand in each.demands if demand.handling.expires]
        found.append((number, each.tlp, min(ends, default=None)))
    return tuple(found)
