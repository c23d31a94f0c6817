"""How a question, and what is said on it, stand in the bodies of records.

Reading only: a body is of somebody else, and whatever does not have its form is refused. What
the values mean is for `agreement.tabled`.

Words used here:
    reference   what a body has in the place of words: the digest of a blob, and its size

Rule that holds below: a body with a key that is not known here is not read at all.

Source: agreement format, "Proposal and vote".
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from allied.agreement.ballot import Consent
from allied.agreement.matters import FIELDS, Matter
from allied.agreement.moments import moment
from allied.agreement.values import NOTHING, Table
from allied.errors import MalformedError
from allied.record import blob
from allied.record.canonical import Json, digest, encode
from allied.record.ids import digest_text

WORD_LIMIT: Final = 500
MOST_STATED: Final = 50
_MATTER_KEYS: Final = ("kind", *FIELDS)


def text_of(matter: Matter, words: str) -> str:
    """The digest of what is decided: the matter, and the blob that holds the words."""
    return digest(encode({"matter": write_matter(matter), "words": words}))


def write_matter(matter: Matter) -> dict[str, Json]:
    """A matter as it stands in a body; what is empty is left out."""
    return {key: getattr(matter, key) for key in _MATTER_KEYS if getattr(matter, key)}


def read_matter(value: Json) -> Matter:
    """Read a matter from a body.

    Raises:
        MalformedError: `proposal.shape`.
    """
    if not isinstance(value, Mapping) or "kind" not in value or set(value) - set(_MATTER_KEYS):
        raise shape("what is to be decided is not described as a matter")
    if not all(isinstance(part, str) and 0 < len(part) <= WORD_LIMIT for part in value.values()):
        raise shape("a matter is described in short texts")
    return Matter(**{key: str(part) for key, part in value.items()})


def consent_in(body: Mapping[str, Json], more: Mapping[str, Any]) -> Consent:
    """A vote on one measure."""
    require_keys(body, "proposal", "measure", "given")
    measure, given = body["measure"], body.get("given")
    if not isinstance(measure, str) or len(measure) > WORD_LIMIT or not isinstance(given, bool):
        raise shape("a consent names a measure, and is given or withheld")
    return Consent(measure=measure, given=given, **more)


def require_keys(body: Mapping[str, Json], *known: str) -> None:
    """Return unless a body has another key; raise `proposal.shape`."""
    if set(body) - set(known):
        raise shape("a body has a key that is not known here")


def words_in(value: Json) -> str:
    """The digest of the blob that a reference names."""
    return blob.read_reference(value)[0]


def reasons_in(body: Mapping[str, Json]) -> str:
    """The digest of the blob with reasons; empty where there are none."""
    return words_in(body["reasons"]) if "reasons" in body else ""


def text_in(body: Mapping[str, Json]) -> str:
    """The text that a body speaks of."""
    return digest_text(body.get("text"), "the text of a proposal")


def flag_in(value: Json) -> bool | None:
    """Yes or no; None where it is not said."""
    if value is None or isinstance(value, bool):
        return value
    raise shape("whether it runs under silence is said by true or false")


def instant_in(value: Json) -> datetime | None:
    """An instant; None where there is none."""
    if value is None:
        return None
    try:
        found = moment(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    if not isinstance(found, datetime):
        raise shape("an instant is not written like 2026-03-01T14:30:00Z")
    return found


def stated_in(value: Json) -> Table[bool]:
    """Which conditions are said to hold."""
    if value is None:
        return NOTHING
    if not isinstance(value, Mapping) or len(value) > MOST_STATED:
        raise shape("what is stated is a map of sentences")
    if not all(len(key) <= WORD_LIMIT and isinstance(each, bool) for key, each in value.items()):
        raise shape("a condition is stated by true or false")
    return Table({key: bool(each) for key, each in value.items()})


def shape(message: str) -> MalformedError:
    """What a body that cannot be read is refused with."""
    return MalformedError("proposal.shape", message)
