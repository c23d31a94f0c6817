"""An amended text as it is put to the vote: the whole text, bound to the version before it.

Like a genesis, an amended text travels inside a record, not beside it: whoever has the records
has the text, and nothing that may be erased decides by which text an agreement stands. The
*version statement* binds the exact text, its meaning (the digest of the fully defaulted model),
the root over its salted articles, and the statement of the version before; its digest stands in
the matter that people vote on, so the certificate names it. Which texts follow each other is for
`agreement.chain`, when one takes effect for `agreement.amending`.

Words used here:
    statement   what is voted on: digests, and the version that comes before
    before      the digest of the statement that this one follows; the agreement's id for the first
    instead     statements that follow the same version, and that this one is to settle

Rules that hold everywhere below. An amended text keeps the file's `id`, its parties and their
roles: who stands behind a label was signed with the genesis, and nobody comes in by a vote on
words. One that means the same as the present text is none. A question about an annex changes that
annex only.

Source: DESIGN of agreements on the wire; agreement format, "Amendment".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from allied.agreement.days import start_of_day
from allied.agreement.genesis import version_root
from allied.agreement.matters import ANNEX
from allied.agreement.terms import Agreement, canonical, load
from allied.errors import AlliedError, MalformedError, RefusedError, UnverifiedError
from allied.record.canonical import Json, digest, encode
from allied.record.ids import Digest, digest_text

if TYPE_CHECKING:
    from allied.agreement.genesis import Instrument
    from allied.agreement.matters import Matter

FORMAT: Final = "version/1"
TEXT_LIMIT: Final = 2**20
"""Bytes of an amended text: its certificate carries it, twice wrapped, in one record."""
MOST_INSTEAD: Final = 16
"""Texts that one settles."""
_SALT_BYTES: Final = 32
_KEYS: Final = frozenset({"format", "before", "instead", "text", "model", "version"})


@dataclass(frozen=True, slots=True)
class Base:
    """The version that a further one has to follow.

    Attributes:
        before: the digest of its statement.
        instead: statements that follow it too and contradict each other, sorted.
        terms: its text.
    """

    before: Digest
    instead: tuple[Digest, ...]
    terms: Agreement


@dataclass(frozen=True, slots=True)
class Statement:
    """What an amended text says of itself: digests, and what it follows."""

    id: Digest
    before: Digest
    instead: tuple[Digest, ...]
    text: Digest
    model: Digest
    version: Digest


@dataclass(frozen=True, slots=True)
class Amended:
    """An amended text, read and checked against its statement.

    Attributes:
        id: the digest of the statement.
        version: the root over its salted articles: what the headers of records name.
        terms: under the file's own id, which is the agreement's.
    """

    id: Digest
    before: Digest
    instead: tuple[Digest, ...]
    digest: Digest
    model: Digest
    version: Digest
    terms: Agreement
    text: str
    salt: str

    def to_json(self) -> dict[str, Json]:
        """As it stands in the opening of the question."""
        return {
            "statement": {
                "format": FORMAT,
                "before": self.before,
                "instead": list(self.instead),
                "text": self.digest,
                "model": self.model,
                "version": self.version,
            },
            "text": self.text,
            "salt": self.salt,
        }


def amend(
    instrument: Instrument, base: Base, matter: Matter, text: bytes, source: str, *, salt: bytes
) -> Amended:
    """Bind a text to the version that it is to follow.

    Args:
        text: an `alliance/1` file holding exactly one agreement.
        salt: 32 unpredictable bytes from which the salts of the articles are derived.

    Raises:
        MalformedError: the text is none; `amendment.too-large`,
            `proposal.no-agreement-file`.
        RefusedError: as `require_amends`.
    """
    if len(text) > TEXT_LIMIT:
        raise MalformedError(
            "amendment.too-large",
            f"an amended text has at most {TEXT_LIMIT} bytes",
            facts={"limit": TEXT_LIMIT},
        )
    terms = _agreement(text, source)
    require_amends(instrument, base, terms, matter)
    statement: dict[str, Json] = {
        "format": FORMAT,
        "before": base.before,
        "instead": list(base.instead),
        "text": digest(text),
        "model": digest(encode(canonical(terms))),
        "version": version_root(terms, salt),
    }
    value: dict[str, Json] = {"statement": statement, "text": text.decode(), "salt": salt.hex()}
    return read_amended(value, source)


def read_statement(value: Json) -> Statement:
    """Read what an amended text says of itself in the body of an opening; not the text.

    Raises:
        MalformedError: `amendment.shape`, `ids.not-a-digest`.

    Cost: linear in the statement.
    """
    if not isinstance(value, Mapping) or set(value) != {"statement", "text", "salt"}:
        raise _shape("an amended text comes with its statement and its salt")
    statement = value["statement"]
    if not isinstance(statement, Mapping) or set(statement) != _KEYS:
        raise _shape("the statement of a version does not have the keys of one")
    if statement["format"] != FORMAT:
        raise _shape("this is no statement of a version")
    instead = statement["instead"]
    if not isinstance(instead, list) or len(instead) > MOST_INSTEAD:
        raise _shape(f"a version settles at most {MOST_INSTEAD} others")
    names = tuple(Digest(digest_text(each, "a version")) for each in instead)
    if list(names) != sorted(set(names)):
        raise _shape("what a version settles is not sorted, or stands twice")
    before, text, model, version = (
        Digest(digest_text(statement[key], key)) for key in ("before", "text", "model", "version")
    )
    name = Digest(digest(encode(dict(statement))))
    return Statement(name, before, names, text, model, version)


def text_in(value: Json) -> str:
    """The text in the body of an opening, if it is the one that the statement binds; else empty.

    Whether it can be read is not asked.
    """
    found = read_statement(value)
    text = value["text"] if isinstance(value, Mapping) else None
    if not isinstance(text, str) or len(text) > TEXT_LIMIT:
        return ""
    return text if digest(text.encode()) == found.text else ""


def read_amended(value: Json, source: str) -> Amended:
    """Read an amended text from the body of an opening, to the last byte and default.

    Raises:
        MalformedError: as `read_statement`; `amendment.too-large`; the text cannot be read.
        UnverifiedError: `amendment.text-differs`, it is not what the statement binds.

    Cost: the text is read; what was read lately is remembered, and so is what was refused.
    """
    found = read_statement(value)
    assert isinstance(value, Mapping)  # noqa: S101 - `read_statement` has looked
    text, salt = value["text"], value["salt"]
    if not isinstance(text, str) or not isinstance(salt, str):
        raise _shape("an amended text comes with its statement and its salt")
    if len(text) > TEXT_LIMIT or len(salt) != 2 * _SALT_BYTES:
        raise MalformedError("amendment.too-large", "an amended text or its salt is too long")
    try:
        salted = bytes.fromhex(salt)
    except ValueError:
        raise _shape("a salt is written in hex digits") from None
    read = _read(text, salted, source)
    if isinstance(read, AlliedError):
        raise read.with_traceback(None)
    if (found.text, found.model, found.version) != read[:3]:
        raise UnverifiedError(
            "amendment.text-differs", "an amended text is not the one that its statement binds"
        )
    return Amended(
        id=found.id,
        before=found.before,
        instead=found.instead,
        digest=found.text,
        model=found.model,
        version=found.version,
        terms=read[3],
        text=text,
        salt=salt,
    )


def require_amends(instrument: Instrument, base: Base, after: Agreement, matter: Matter) -> None:
    """Return if `after` may follow `base` as a version of the same agreement.

    Who settles rivals may say again what holds now.

    Raises:
        RefusedError: `amendment.other-agreement`, `amendment.other-parties`,
            `amendment.same-text`, `amendment.beyond-annex`; `agreement.status-in-text`.
        MalformedError: `agreement.unknown-timezone`.
    """
    genesis = instrument.genesis
    if after.id != genesis.alias:
        raise RefusedError(
            "amendment.other-agreement",
            f"the text is that of another agreement: its id is not {genesis.alias}",
            hint="an amended text keeps the `id` of the file",
        )
    start_of_day(date(2000, 1, 1), after.timezone)
    joined = [party.id for party in after.parties if party.joined is not None]
    if joined:
        raise RefusedError(
            "agreement.status-in-text",
            f"`joined` of {joined[0]} is a status, and a status is not agreed but happens",
            hint="take `joined` out",
        )
    roles = {party: bound.role for party, bound in genesis.parties.items()}
    if {party.id: party.role_name for party in after.parties} != roles:
        raise RefusedError(
            "amendment.other-parties",
            "the text names other parties, or gives one another role",
            hint="who is behind a label was signed with the first text; new parties need a new"
            " agreement, or to be named there from the start and admitted",
        )
    before = base.terms
    if not base.instead and canonical(after) == canonical(before):
        raise RefusedError(
            "amendment.same-text", "the text means the same as the present one", hint="change it"
        )
    if matter.kind == ANNEX and _but_for(after, matter.annex) != _but_for(before, matter.annex):
        raise RefusedError(
            "amendment.beyond-annex",
            f"the text changes more than the annex {matter.annex}",
            hint="put the rest as an amendment",
        )


def _but_for(terms: Agreement, annex: str) -> Agreement:
    return replace(terms, annexes=tuple(each for each in terms.annexes if each.id != annex))


@lru_cache(maxsize=64)
def _read(
    text: str, salt: bytes, source: str
) -> tuple[Digest, Digest, Digest, Agreement] | AlliedError:
    """Digests of text and model, the root, and the text as it is read; or why it cannot be."""
    raw = text.encode()
    try:
        terms = _agreement(raw, source)
    except AlliedError as refused:
        return refused
    return digest(raw), digest(encode(canonical(terms))), version_root(terms, salt), terms


def _agreement(text: bytes, source: str) -> Agreement:
    documents: Sequence[object] = load(text, source)
    if len(documents) != 1 or not isinstance(documents[0], Agreement):
        raise MalformedError(
            "proposal.no-agreement-file",
            "an amendment is put as the whole amended text, one agreement in one file",
            hint="give the file with --text @FILE",
        )
    return documents[0]


def _shape(message: str) -> MalformedError:
    return MalformedError("amendment.shape", message)
