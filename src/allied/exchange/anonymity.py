"""A new item in place of a submission: what the hub has to take out, and when it may give it out.

Where a clause says that the secretariat hides who sent something, the submission stays
between sender and hub, and the hub issues a *new* item. Here is what that item is made of;
signing, batches and delays are for the node. Nothing here decides who receives it: the new
item is the hub's own and goes through `policy` like any other.

Words used here:
    group       the parties that could have sent something under the clause
    rename      gives another id for an id, always the same one; the hub keeps its key
    window      the length to which times are made coarse
    review      a text that only a person can judge, to be read before the item is released

Rules that hold everywhere here. What is kept is listed, what is not listed is dropped: the
properties that STIX defines for the type, without `created_by_ref`, external references,
`lang`, authors, where something was sighted, and everything custom. Every id is renamed but
those that belong to everybody. `created` and `modified` tell when the hub issued the item;
other times fall to the start of their window, or rise to its end where they say until when.
A type that is not STIX's own, an identity that is not a whole class of organisations, and a
text in another language than the object's cannot be made anonymous: they are not issued, nor
is what hangs on them. The markings stay, under new ids: nothing becomes laxer. The result
depends on nothing that was dropped. Texts stay as they are until a person has read them.

Source: AIS and ISAC practice; STIX 2.1; DOMAIN on `anonymise`, scenario 18 and P17.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson

from allied.agreement.clauses import InformationSharing
from allied.exchange import observables, schemas
from allied.exchange.channel import Channel, Outcome, Recipient
from allied.exchange.marking import IEP_EXTENSION, PAP_EXTENSION, TLP_EXTENSION, WELL_KNOWN
from allied.exchange.schema_notation import TEXT, TIME, Schema
from allied.exchange.stix import OBSERVABLES, instant, read_head
from allied.exchange.validity import problems
from allied.record.ids import PartyId

DAY: Final = timedelta(days=1)
Rename = Callable[[str], str]

_COMMON: Final = frozenset({
    "type", "id", "spec_version", "created", "modified", "revoked", "labels", "confidence",
    "object_marking_refs", "granular_markings", "extensions", "defanged",
})  # fmt: skip
_DROPPED: Final = frozenset({
    "created_by_ref", "external_references", "lang", "authors", "where_sighted_refs",
    "contact_information", "creator_user_ref", "host_vm_ref", "installed_software_refs",
    "received_lines", "message_id", "to_refs", "cc_refs", "bcc_refs", "raw_email_ref",
    "credential",
})  # fmt: skip
_PROSE: Final = frozenset({
    "name", "description", "abstract", "content", "explanation", "objective", "goals",
    "aliases", "labels", "statement", "result_name", "subject", "body", "body_multipart",
    "command_line", "cwd", "display_name", "user_id", "account_login", "path", "values",
    "payload_bin", "url", "key", "city", "street_address", "postal_code",
    "administrative_area", "latitude", "longitude",
})  # fmt: skip
_POLICIES: Final[Mapping[str, frozenset[str]]] = {
    TLP_EXTENSION: frozenset({"extension_type", "tlp_2_0"}),
    PAP_EXTENSION: frozenset({"extension_type", "pap"}),
    IEP_EXTENSION: frozenset({
        "extension_type", "encrypt_in_transit", "permitted_actions", "tlp", "tlp_ref",
        "affected_party_notifications", "provider_attribution", "unmodified_resale",
        "start_date", "end_date",
    }),
}  # fmt: skip
_DEFINITIONS: Final = {"tlp": "tlp", "pap": "pap", "statement": "statement"}
_UNTIL: Final = frozenset({
    "valid_until", "last_seen", "last_observed", "stop_time", "end", "analysis_ended",
    "start_date",
})  # fmt: skip
_PUBLIC_TIMES: Final = frozenset({"validity_not_before", "validity_not_after"})
_NEVER: Final = frozenset({"language-content", "extension-definition"})
_SHAPES: Final = {**schemas.OBJECTS, **schemas.META, **observables.SEEN}
_ID: Final = re.compile(
    r"[a-z0-9][a-z0-9-]{1,40}--"
    r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Anonymous:
    """A new item in place of a submitted one.

    Attributes:
        value: the new object; the hub fills in nothing but its own `created_by_ref`, if any.
        removed: the properties that were dropped, as paths, sorted.
        review: the properties that hold text which a person has to read, sorted.
    """

    value: Mapping[str, Any]
    removed: tuple[str, ...]
    review: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """What a submission came to.

    Attributes:
        items: the new objects, ordered by their new ids.
        withheld: the ids of submitted objects that are not issued, each with a code, sorted.
    """

    items: tuple[Anonymous, ...]
    withheld: tuple[tuple[str, str], ...]


def renaming(key: bytes, *, kept: Iterable[str] = ()) -> Rename:
    """A function that gives each id another one of the same type, always the same.

    Without the key nobody can tell which old id a new one stands for, nor whether two hubs
    speak of the same object.

    Args:
        key: at least 16 secret bytes of the hub, the same for as long as versions of the
            same objects shall get the same ids.
        kept: ids that are public and mean the same to everybody (those of ATT&CK, say).
            The TLP definitions of the standards are always kept.

    Raises:
        ValueError: the key is too short.
    """
    if len(key) < 16:
        raise ValueError("the key has at least 16 bytes")
    public = frozenset(kept) | WELL_KNOWN.keys()

    def rename(id_: str) -> str:
        if id_ in public:
            return id_
        type_, _, number = id_.rpartition("--")
        code = hmac.digest(key, f"{type_}--{number.lower()}".encode(), hashlib.sha256)
        return f"{type_}--{uuid.UUID(bytes=code[:16], version=4)}"

    return rename


def group(channel: Channel, parties: Iterable[Recipient]) -> frozenset[PartyId]:
    """The parties that could have sent something under a channel.

    Args:
        channel: the clause.
        parties: the parties with role and whether they are bound, as `channels.recipient_of`
            gives them.

    Returns:
        Those that the clause lets send, else the members; bound ones only, never the hub.
        Observers and associates widen no group by merely being allowed to send.
    """
    hubs = channel.hubs or frozenset()
    return frozenset(
        each.party
        for each in parties
        if each.bound
        and each.party not in hubs
        and (each.role == "member" if channel.senders is None else each.party in channel.senders)
    )


def audience_of(
    named: frozenset[PartyId] | None, submitter: PartyId, hubs: frozenset[PartyId]
) -> frozenset[PartyId] | None:
    """Whom a new item is for, where the submission named its audience.

    The submitter belongs to it, or everybody could see that it is not among those named.

    Returns:
        None for whomever the agreement allows; an empty set where it was for the hub alone.
    """
    if named is None:
        return None
    others = named - hubs - {submitter}
    return others | {submitter} if others else frozenset()


def may_issue(possible: frozenset[PartyId], min_group: int, review: Sequence[str]) -> Outcome:
    """Whether the hub may issue a new item by itself, or a person has to look first.

    Args:
        possible: the `group` at the moment of the release, not of the submission.
        min_group: from the clause, at least 1.
        review: the texts of the item that nobody has read yet.
    """
    if len(possible) < min_group or review:
        return Outcome.REVIEW
    return Outcome.PERMIT


def anonymised(
    value: Mapping[str, Any],
    rename: Rename,
    issued_at: datetime,
    *,
    first_issued_at: datetime | None = None,
    window: timedelta = DAY,
) -> Anonymous | None:
    """Make a new object of a submitted one.

    Args:
        value: a valid STIX 2.1 object, as it decodes.
        rename: see `renaming`.
        issued_at: when the hub issues it: the instant of its batch, later than that of any
            version before.
        first_issued_at: when it issued the first version of it; by default now.
        window: the length to which times are made coarse; at least a second.

    Returns:
        The new object and what was done to it; None where it cannot be made anonymous.

    Raises:
        ValueError: an instant without a zone, or a window that is too short.
    """
    first = first_issued_at or issued_at
    if issued_at.tzinfo is None or first > issued_at or window < timedelta(seconds=1):
        raise ValueError("instants have zones and run forward; a window has at least a second")
    if not can_be_anonymous(value):
        return None
    made = _Made(rename, window)
    type_ = str(value["type"])
    shape = _SHAPES[type_].get("properties", {})
    found: dict[str, Any] = {}
    for name in sorted(value):
        each = made.of(name, shape.get(name), value[name], value)
        if each is None:
            made.removed.append(name)
        else:
            found[name] = each
    stamps = {"created": first, "modified": issued_at}
    found |= {name: _stamp(at) for name, at in stamps.items() if name in found}
    _cut_selectors(found)
    raw = orjson.dumps(found)
    if problems(raw, read_head(raw)):
        return None
    return Anonymous(found, tuple(sorted(set(made.removed))), tuple(sorted(set(made.review))))


def can_be_anonymous(value: Mapping[str, Any]) -> bool:
    """Whether an object can be made anonymous at all, by its type and how it is marked."""
    type_ = value.get("type")
    if type_ not in _SHAPES or type_ in _NEVER or value.get("id") in WELL_KNOWN:
        return False
    if type_ == "identity":
        return value.get("identity_class") == "class"
    if type_ == "marking-definition":
        kind = value.get("definition_type")
        extensions = value.get("extensions", {})
        return kind in (None, *_DEFINITIONS) and set(extensions) <= _POLICIES.keys()
    return not (type_ == "observed-data" and "objects" in value)


def batch(
    values: Iterable[Mapping[str, Any]],
    rename: Rename,
    issued_at: datetime,
    *,
    first_issued_at: Mapping[str, datetime] | None = None,
    window: timedelta = DAY,
) -> Batch:
    """Make new objects of a whole submission, and of nothing that would hang in the air.

    Args:
        values: valid STIX 2.1 objects, one version of each.
        first_issued_at: by new id, when the hub first issued an object.

    Returns:
        The new objects. References to what is not issued are gone from lists; an object
        that needs one of them, or is marked by one, is not issued either. The definitions
        of TLP that the standards fix are left out: everybody has them.
    """
    submitted = {str(each["id"]): each for each in values if each["id"] not in WELL_KNOWN}
    earlier = first_issued_at or {}

    def made(id_: str, value: Mapping[str, Any]) -> Anonymous | None:
        first = earlier.get(rename(id_))
        return anonymised(value, rename, issued_at, first_issued_at=first, window=window)

    found = {id_: made(id_, each) for id_, each in submitted.items()}
    held = {id_: "exchange.cannot-be-anonymous" for id_, new in found.items() if new is None}
    held |= dict.fromkeys(_hanging(submitted, held), "exchange.refers-to-withheld")
    items: dict[str, Anonymous] = {}
    for id_, new in found.items():
        if id_ not in held and new is not None:
            left = _without(submitted[id_], held.keys())
            again = new if left == submitted[id_] else made(id_, left)
            items[rename(id_)] = again or new
    return Batch(
        tuple(items[each] for each in sorted(items)),
        tuple(sorted(held.items())),
    )


def hides(clause: InformationSharing) -> bool:
    """Whether the hub takes the sender's name out under a clause."""
    return clause.anonymise is not None and clause.anonymise.by == "hub"


@dataclass(frozen=True, slots=True)
class NameConsent:
    """A submitter agrees to be named beside what was made of its submission.

    Attributes:
        by: the submitter; what anybody else says has no effect.
        at: from when on.
        withdrawn_at: it does not hold from this instant on; None while it holds.
    """

    by: PartyId
    at: datetime
    withdrawn_at: datetime | None = None


def names_source(
    clause: InformationSharing,
    submitter: PartyId,
    consents: Iterable[NameConsent],
    released_at: datetime,
) -> bool:
    """Whether whoever gets an item at an instant is told who submitted it.

    A consent reaches forward only: who got the item before stays without the name.

    Args:
        clause: its source is hidden where it says that it must not be named, or lets the hub
            take the name out; a consent overrides the first only where the clause says so.
        submitter: who sent it to the hub.
        consents: what was said about this submission.
        released_at: when the item leaves for the reader at hand.
    """
    forbidden = clause.attribution == "must-not"
    if not forbidden and not hides(clause):
        return True
    return (clause.consent_overrides or not forbidden) and any(
        each.by == submitter
        and each.at <= released_at
        and (each.withdrawn_at is None or released_at < each.withdrawn_at)
        for each in consents
    )


@dataclass(slots=True)
class _Made:
    """One object being made anew: what was dropped from it, and what has to be read."""

    rename: Rename
    window: timedelta
    removed: list[str] = field(default_factory=list)
    review: list[str] = field(default_factory=list)

    def of(
        self, name: str, shape: Schema | None, value: Any, whole: Mapping[str, Any]
    ) -> Any | None:
        """The new value of a property; None where it is dropped."""
        if name in _DROPPED or (shape is None and name not in _COMMON):
            return None
        if name == "defanged" and whole["type"] not in OBSERVABLES:
            return None
        if name == "extensions":
            return self._extensions(value) if whole["type"] == "marking-definition" else None
        if name == "granular_markings":
            return self._granular(value)
        if name == "definition":
            word = _DEFINITIONS.get(str(whole.get("definition_type")), "")
            self.removed += [f"definition.{each}" for each in sorted(value.keys() - {word})]
            self._note(word)
            return {word: self._text(str(value[word]))} if word in value else None
        if name in ("created", "modified"):
            return value
        self._note(name)
        return self._shaped(name, shape or schemas.COMMON.get(name, {}), value)

    def _note(self, name: str) -> None:
        if name in _PROSE:
            self.review.append(name)

    def _shaped(self, path: str, shape: Schema, value: Any) -> Any | None:
        """A value with nothing in it that its schema does not list."""
        name = path.rpartition(".")[2]
        if shape == TIME and name not in _PUBLIC_TIMES:
            return self._coarse(name, value)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            inner = shape.get("items", {})
            found = [self._shaped(path, inner, each) for each in value]
            return [each for each in found if each is not None] or None
        if not isinstance(value, dict):
            return value
        known = shape.get("properties", {})
        kept: dict[str, Any] = {}
        for key in sorted(value):
            inner = known.get(key, TEXT if key == "SSDEEP" else None)
            each = None if inner is None else self._shaped(f"{path}.{key}", inner, value[key])
            if each is None:
                self.removed.append(f"{path}.{key}")
            else:
                self._note(key)
                kept[key] = each
        return kept or None

    def _text(self, text: str) -> str:
        """A text with every id in it renamed."""
        return _ID.sub(lambda found: self._renamed(found.group()), text)

    def _renamed(self, id_: str) -> str:
        return id_ if id_ in WELL_KNOWN else self.rename(id_)

    def _coarse(self, name: str, value: Any) -> str | None:
        """A time at the start of its window, or at the end where it says until when."""
        at = instant(value) if isinstance(value, str) else None
        if at is None:
            return None
        whole, fraction = at
        windows, rest = divmod(whole - _EPOCH, self.window)
        upward = name in _UNTIL and (rest or fraction)
        try:
            return _stamp(_EPOCH + (windows + bool(upward)) * self.window)
        except OverflowError:
            return None

    def _extensions(self, value: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a policy demands, without what says whose policy it is."""
        kept: dict[str, Any] = {}
        for name in sorted(value):
            known = _POLICIES[name]
            gone = sorted(value[name].keys() - known)
            self.removed += [f"extensions.{name}.{each}" for each in gone]
            kept[name] = {
                key: self._coarse(key, value[name][key]) if key.endswith("_date") else
                self._text(value[name][key]) if isinstance(value[name][key], str) else
                value[name][key]
                for key in sorted(value[name].keys() & known)
            }  # fmt: skip
        return kept or None

    def _granular(self, value: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]] | None:
        """Markings on parts; a language on a part marks nothing, and is dropped."""
        return [
            {
                "selectors": list(each["selectors"]),
                "marking_ref": self._renamed(each["marking_ref"]),
            }
            for each in value
            if "marking_ref" in each
        ] or None


def _cut_selectors(found: dict[str, Any]) -> None:
    """Let markings of parts name what is still there; of a part that is gone, the type."""
    for each in found.get("granular_markings", ()):
        names = {one.partition(".")[0] for one in each["selectors"]} & found.keys()
        each["selectors"] = sorted(names) or ["type"]


def _hanging(values: Mapping[str, Mapping[str, Any]], held: Iterable[str]) -> frozenset[str]:
    """The ids of what needs something that is not issued, directly or through others."""
    users: dict[str, list[tuple[str, int]]] = {}
    missing: list[int] = []  # how much of each need is still there
    for id_, value in values.items():
        for need in _needs(value):
            for ref in need:
                users.setdefault(ref, []).append((id_, len(missing)))
            missing.append(len(need))
    found: set[str] = set()
    todo = list(held)
    gone = set(todo)
    while todo:
        for user, need_at in users.get(todo.pop(), ()):
            missing[need_at] -= 1
            if not missing[need_at] and user not in gone:
                gone.add(user)
                found.add(user)
                todo.append(user)
    return frozenset(found)


def _needs(value: Mapping[str, Any]) -> Iterator[frozenset[str]]:
    """Sets of ids of which one at least has to be issued for an object to be."""
    for name, each in value.items():
        if name in _DROPPED:
            continue
        if name.endswith("_ref"):
            yield frozenset({str(each)})
        elif name == "object_marking_refs":
            yield from (frozenset({str(ref)}) for ref in each)
        elif name.endswith("_refs") and isinstance(each, list):
            yield frozenset(str(ref) for ref in each)
        elif name == "granular_markings":
            yield from (
                frozenset({str(one["marking_ref"])}) for one in each if "marking_ref" in one
            )


def _without(value: Mapping[str, Any], held: AbstractSet[str]) -> dict[str, Any]:
    """An object without the references in its lists to what is not issued."""
    return {
        name: [ref for ref in each if ref not in held]
        if name.endswith("_refs") and isinstance(each, list) and name not in _DROPPED
        else each
        for name, each in value.items()
    }


def _stamp(at: datetime) -> str:
    """An instant as STIX spells it, to the millisecond."""
    text = at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="milliseconds")
    return f"{text}Z"
