"""Which parts of an object are about people or tell its sender, so that somebody looks first.

`personal_data: remove-unrelated` asks that what does not belong to the threat is taken out.
Whether a mailbox is the attacker's or a victim's no program can tell. What it can tell is
where STIX keeps data about people; under such a clause these parts are for a person to see.

Where the sender must not be known, every text is searched for its names and hosts, and for what
looks as if it came from inside (`traces`).

Rules that hold everywhere here. The parts about people are listed by type and property. A
clause that names a lawful basis asks for no review. Nothing is removed here: what has such parts
is refused until somebody says that he has looked, or shares an extract without them.

Source: DOMAIN on `personal_data` (AIS); STIX 2.1, sections 4.5 and 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from allied.agreement.clauses import InformationSharing
from allied.exchange.channel import Channel, Failure, Outcome
from allied.record.ids import PartyId

_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "email-addr": frozenset({"value", "display_name"}),
    "email-message": frozenset({
        "from_ref", "sender_ref", "to_refs", "cc_refs", "bcc_refs", "subject", "body",
        "body_multipart", "received_lines", "additional_header_fields",
    }),
    "identity": frozenset({"name", "description", "contact_information"}),
    "user-account": frozenset({
        "user_id", "credential", "account_login", "display_name",
    }),
    "location": frozenset({"street_address", "latitude", "longitude"}),
    "process": frozenset({"creator_user_ref", "environment_variables"}),
    "windows-registry-key": frozenset({"creator_user_ref"}),
    "note": frozenset({"authors"}),
    "opinion": frozenset({"authors"}),
}  # fmt: skip
TYPES: Final = frozenset(_PARTS)
"""The types of objects that may hold data about people."""

ALWAYS: Final = frozenset({"email-addr"})
"""Those that always do."""

_NO_PEOPLE: Final = frozenset({"class", "group", "organization", "system"})


def personal(value: Mapping[str, Any]) -> tuple[str, ...]:
    """The properties of an object that hold data about people, sorted.

    Args:
        value: a valid STIX 2.1 object, as it decodes. An identity that does not say that it
            is no person counts as one.
    """
    type_ = str(value.get("type"))
    if type_ == "identity" and value.get("identity_class") in _NO_PEOPLE:
        return ("contact_information",) if "contact_information" in value else ()
    return tuple(sorted(_PARTS.get(type_, frozenset()) & value.keys()))


def stated_personal(value: Mapping[str, Any]) -> tuple[str, ...]:
    """As `personal`, but for identities that do not say what they are.

    Most of these are organisations that made something: whoever shares directly states otherwise,
    and who hides its submitters looks at them all.
    """
    if value.get("type") == "identity" and "identity_class" not in value:
        return ("contact_information",) if "contact_information" in value else ()
    return personal(value)


def may_share(value: Mapping[str, Any], clause: InformationSharing) -> Outcome:
    """Whether an object may be shared as it is, or somebody has to look at it first."""
    if clause.personal_data == "remove-unrelated" and personal(value):
        return Outcome.REVIEW
    return Outcome.PERMIT


def asks_review(channels: Iterable[Channel], sender: PartyId, at: datetime) -> str:
    """The number of the first clause, of those a party sends under, that asks for a review.

    Returns:
        Empty where none does.
    """
    for each in channels:
        sends = each.senders is None or sender in each.senders
        if each.reviews_people and sends and each.holds(at):
            return each.art
    return ""


def review_failure(parts: Iterable[str], art: str) -> Failure:
    """The refusal of an object that says something of people, under such a clause."""
    return Failure(
        "exchange.personal-data",
        f"Art {art} asks that what is about people and does not belong to the threat is removed"
        f" first, and it has {', '.join(sorted(parts))}",
        "share an extract without it (`--sanitised-of`); or, if it belongs to the threat,"
        " say that somebody has looked (`--reviewed`)",
    )


# --- traces of the sender -------------------------------------------------------------------

MOST_TRACES: Final = 100
"""So many traces are told of one object; a person has to look anyway."""

_MAIL: Final = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_PRIVATE: Final = re.compile(
    r"(?<![\d.])(?:10\.\d{1,3}|192\.168|172\.(?:1[6-9]|2\d|3[01]))\.\d{1,3}\.\d{1,3}(?![\d.])"
)
_INSIDE: Final = re.compile(
    r"(?<![\w.-])[\w-]{1,63}(?:\.[\w-]{1,63}){0,4}\.(?:local|internal|lan|corp|intra|intranet|home)\b",
    re.IGNORECASE,
)
_LEGAL: Final = frozenset({
    "ab", "ag", "as", "asa", "bv", "co", "corp", "corporation", "company", "gmbh", "group", "inc",
    "kg", "limited", "llc", "ltd", "nv", "oy", "plc", "sa", "sarl", "se", "spa", "srl", "the",
    "of", "and", "for",
})  # fmt: skip
_SHORTEST: Final = 3


@dataclass(frozen=True, slots=True)
class Sender:
    """By what a sender can be recognised in a text.

    Attributes:
        names: labels and full names, as they are written.
        hosts: its host names; their domains count as well.
    """

    names: tuple[str, ...]
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Trace:
    """A place in an object that may tell who wrote it.

    Attributes:
        path: of the property, list places left out: `pattern`, `extensions.x.name`.
        why: `names-sender`, `sender-host`, `mail-address`, `private-address`, `inside-name`.
    """

    path: str
    why: str

    @property
    def certain(self) -> bool:
        """It is the sender's own name or host, and not only something that looks private."""
        return self.why in ("names-sender", "sender-host")


def traces(value: Mapping[str, Any], sender: Sender) -> tuple[Trace, ...]:
    """Where an object names its sender, or something that only its sender would name.

    Every text in it is searched, patterns and values of observables too; without case, and
    across spaces, dots, hyphens and underscores. What is not found may still be there: a
    person who knows the sender finds more.

    Args:
        value: an object as it decodes.

    Returns:
        Distinct traces in the order of paths, at most MOST_TRACES.

    Cost: linear in the texts, times the sender's names.
    """
    names = _names(sender)
    found: set[Trace] = set()
    for path, text in _texts("", value):
        if path in ("id", "type", "spec_version", "created", "modified") or path.endswith(
            ("_ref", "_refs")
        ):
            continue
        if names and names.search(text):
            found.add(Trace(path, "names-sender"))
        if any(_has_host(text, host) for host in _domains(sender.hosts)):
            found.add(Trace(path, "sender-host"))
        for pattern, why in (
            (_MAIL, "mail-address"),
            (_PRIVATE, "private-address"),
            (_INSIDE, "inside-name"),
        ):
            if pattern.search(text):
                found.add(Trace(path, why))
    return tuple(sorted(found, key=lambda each: (each.path, each.why))[:MOST_TRACES])


def _texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a value, keys of dictionaries included, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            here = f"{path}.{key}" if path else str(key)
            if path:
                yield here, str(key)
            yield from _texts(here, each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _texts(path, each)


def _names(sender: Sender) -> re.Pattern[str] | None:
    """One pattern for all the sender's names, and for each without its legal form."""
    forms: set[tuple[str, ...]] = set()
    for name in sender.names:
        words = tuple(re.findall(r"\w+", name.replace("_", " ").casefold()))
        plain = tuple(word for word in words if word not in _LEGAL)
        forms |= {each for each in (words, plain) if len("".join(each)) >= _SHORTEST}
    if not forms:
        return None
    found = "|".join(
        r"[\W_]{0,3}".join(re.escape(word) for word in form)
        for form in sorted(forms, key=lambda each: (-len("".join(each)), each))
    )
    return re.compile(rf"(?<![^\W_])(?:{found})(?![^\W_])", re.IGNORECASE)


def _domains(hosts: Sequence[str]) -> frozenset[str]:
    """Host names and addresses, and the domain that each name lies in; no bare top level."""
    found = set()
    for host in hosts:
        labels = host.strip(".").casefold().split(".")
        if len(labels) < 2:
            continue  # `localhost` is everybody's
        found.add(".".join(labels))
        above = labels[1:]
        registry = len(above) == 2 and len(above[0]) <= _SHORTEST  # `co.uk`
        if len(above) > 1 and not registry and not all(each.isdecimal() for each in labels):
            found.add(".".join(above))
    return frozenset(found)


def _has_host(text: str, host: str) -> bool:
    return bool(re.search(rf"(?<![\w-]){re.escape(host)}(?![\w-])", text, re.IGNORECASE))
