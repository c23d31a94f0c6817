"""What the parties of an agreement actually sign: the text, bound to identities.

A file names parties by labels (`harbour`) and says nothing of keys. The *genesis* binds
the exact text, its meaning (the digest of the fully defaulted model), the rules under
which records are judged, and the identity behind every label. Its digest is the
agreement's id, so changing a comma, a default or a party gives another agreement; the
file's own `id` is only an alias.

The version digest is the root of a Merkle tree whose leaves are salted: the preamble (all
that is not an article), then each article. Whoever gets a redacted text can check the
articles shown without learning the others. The salts come from one secret that travels
with the proposal among the parties and is no part of the genesis.

The standing circles follow from the genesis, so nobody opens them: `all` (every party),
`voters` (parties that may be bound to respond: members), one per body, one per pair.

What this module leaves to others: who signed (`agreement.fold`), and whether a signature
holds (`record`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from allied.agreement.standing import start_of_day
from allied.agreement.terms import Agreement, canonical, load
from allied.errors import MalformedError, RefusedError, UnverifiedError
from allied.record import canonical as json_bytes, merkle
from allied.record.circle import Standing as StandingCircles, standing_circles
from allied.record.ids import AgreementId, Digest, OrganisationId, PartyId, digest_text
from allied.record.kinds import RULES

if TYPE_CHECKING:
    from allied.record.canonical import Json

FORMAT = "genesis/1"
GENESIS_LIMIT = 4 * 2**20
TEXT_LIMIT = 2 * 2**20
_KEYS = frozenset({"format", "alias", "text", "model", "version", "rules", "parties", "nonce"})


@dataclass(frozen=True, slots=True)
class Binding:
    """The identity behind a label, and the role in which it is a party."""

    organisation: OrganisationId
    role: str


@dataclass(frozen=True, slots=True)
class Genesis:
    """What is signed. `raw` are its canonical bytes; their digest is the agreement's id."""

    alias: str
    text: Digest
    model: Digest
    version: Digest
    rules: int
    parties: Mapping[PartyId, Binding]
    nonce: str
    raw: bytes

    @property
    def id(self) -> AgreementId:
        """The agreement's id: 64 lowercase hex digits."""
        return AgreementId(json_bytes.digest(self.raw))

    def party_of(self, organisation: OrganisationId) -> PartyId | None:
        """The label under which an organisation is a party; None when it is none."""
        for party, binding in self.parties.items():
            if binding.organisation == organisation:
                return party
        return None


@dataclass(frozen=True, slots=True)
class Instrument:
    """A genesis with the text that it binds, read and checked, and its standing circles."""

    genesis: Genesis
    terms: Agreement
    text: bytes
    circles: StandingCircles

    @property
    def id(self) -> AgreementId:
        """The agreement's id."""
        return self.genesis.id

    def party(self, organisation: OrganisationId) -> PartyId | None:
        """The label under which an organisation is a party; None when it is none."""
        return self.genesis.party_of(organisation)

    def organisation(self, party: PartyId) -> OrganisationId:
        """The identity behind a label; KeyError for a label that the text does not name."""
        return self.genesis.parties[party].organisation


def found(
    text: bytes,
    source: str,
    identities: Mapping[PartyId, OrganisationId],
    *,
    nonce: bytes,
    salt: bytes,
) -> Instrument:
    """Bind a text to identities.

    Args:
        text: an `alliance/1` file holding exactly one agreement.
        identities: one organisation for every party of the text.
        nonce: 16 unpredictable bytes; two equal texts make two agreements.
        salt: 32 unpredictable bytes from which the salts of the articles are derived.

    Raises:
        MalformedError: the text is none, or holds more than one document;
            `agreement.unknown-timezone`.
        RefusedError: `agreement.status-in-text`, a party has `joined`;
            `agreement.unbound-party`, a party has no identity;
            `agreement.one-identity-twice`, two labels mean the same organisation.
    """
    terms = _only_agreement(text, source)
    _require_bindable(terms, identities)
    value: dict[str, Json] = {
        "format": FORMAT,
        "alias": terms.id,
        "text": json_bytes.digest(text),
        "model": json_bytes.digest(json_bytes.encode(canonical(terms))),
        "version": version_root(terms, salt),
        "rules": RULES,
        "parties": {
            party.id: {"organisation": identities[party.id], "role": party.role_name}
            for party in terms.parties
        },
        "nonce": nonce.hex(),
    }
    return _instrument(read(json_bytes.encode(value)), terms, text)


def read(raw: bytes) -> Genesis:
    """Read a genesis statement.

    Raises:
        MalformedError: it is not of the form; `rules.unknown` when it was made under rules
            that this release does not know.
    """
    value = json_bytes.decode(raw, limit=GENESIS_LIMIT)
    if not isinstance(value, dict) or set(value) != _KEYS or value["format"] != FORMAT:
        raise MalformedError("genesis.form", "this is no genesis statement")
    if value["rules"] != RULES:
        raise MalformedError(
            "rules.unknown",
            "this agreement was made under rules that this release does not know",
            hint="a newer release of allied is needed",
        )
    parties = value["parties"]
    texts = [value[key] for key in ("alias", "text", "model", "version", "nonce")]
    if not isinstance(parties, dict) or not all(isinstance(text, str) for text in texts):
        raise MalformedError("genesis.form", "this is no genesis statement")
    return Genesis(
        alias=str(value["alias"]),
        text=Digest(str(value["text"])),
        model=Digest(str(value["model"])),
        version=Digest(str(value["version"])),
        rules=RULES,
        parties={PartyId(label): _binding(bound) for label, bound in parties.items()},
        nonce=str(value["nonce"]),
        raw=raw,
    )


def open_instrument(raw: bytes, text: bytes, salt: bytes) -> Instrument:
    """Check that a text is the one that a genesis binds, to the last byte and default.

    Raises:
        UnverifiedError: `agreement.text-differs`, `agreement.model-differs` or
            `agreement.version-differs`.
        MalformedError: text or genesis cannot be read.
        RefusedError: as for `found`.
    """
    genesis = read(raw)
    if len(text) > TEXT_LIMIT or json_bytes.digest(text) != genesis.text:
        raise UnverifiedError(
            "agreement.text-differs", "the text is not the one that the genesis binds"
        )
    terms = _only_agreement(text, genesis.alias)
    _require_bindable(
        terms, {party: bound.organisation for party, bound in genesis.parties.items()}
    )
    roles = {party.id: party.role_name for party in terms.parties}
    same = (
        json_bytes.digest(json_bytes.encode(canonical(terms))) == genesis.model
        and terms.id == genesis.alias
        and roles == {party: bound.role for party, bound in genesis.parties.items()}
    )
    if not same:
        raise UnverifiedError(
            "agreement.model-differs", "the text does not mean here what the genesis says it means"
        )
    if version_root(terms, salt) != genesis.version:
        raise UnverifiedError(
            "agreement.version-differs", "the salted articles do not give the version signed"
        )
    return _instrument(genesis, terms, text)


def statement(genesis: Genesis) -> dict[str, Json]:
    """A genesis as it stands in the body of a proposal."""
    value = json_bytes.decode(genesis.raw, limit=GENESIS_LIMIT)
    if not isinstance(value, dict):
        raise MalformedError("genesis.form", "this is no genesis statement")
    return value


def version_root(terms: Agreement, salt: bytes) -> Digest:
    """Root over the salted preamble and articles, as 64 hex digits."""
    value = canonical(terms)
    if not isinstance(value, dict):
        raise MalformedError("genesis.form", "an agreement's model is an object")
    preamble = {key: part for key, part in value.items() if key != "articles"}
    articles = value.get("articles")
    parts: list[Json] = [preamble, *(articles if isinstance(articles, list) else ())]
    leaves = [
        merkle.leaf(merkle.salt(salt, index), json_bytes.encode(part))
        for index, part in enumerate(parts)
    ]
    return Digest(merkle.root(leaves).hex())


def _only_agreement(text: bytes, source: str) -> Agreement:
    documents = load(text, source)
    if len(documents) != 1 or not isinstance(documents[0], Agreement):
        raise MalformedError(
            "agreement.one-document",
            "a proposal holds exactly one agreement",
            hint="put each instrument into a file of its own",
        )
    return documents[0]


def _require_bindable(terms: Agreement, identities: Mapping[PartyId, OrganisationId]) -> None:
    start_of_day(date(2000, 1, 1), terms.timezone)  # a zone not known here binds nobody here
    for party in terms.parties:
        if party.joined is not None:
            raise RefusedError(
                "agreement.status-in-text",
                f"`joined` of {party.id} is a status, and a status is not agreed but happens",
                hint="take `joined` out: the day is that of the signature",
            )
    labels = {party.id for party in terms.parties}
    unbound = sorted(labels.symmetric_difference(identities))
    if unbound:
        raise RefusedError(
            "agreement.unbound-party",
            f"no one identity stands behind {', '.join(unbound)}",
            hint="the file calls parties as peers are called here (`allied peer list`): change it,"
            " add the peer first, or give --party LABEL=FINGERPRINT",
            facts={"parties": unbound},
        )
    if len(set(identities.values())) != len(identities):
        raise RefusedError(
            "agreement.one-identity-twice", "two labels stand for one and the same organisation"
        )


def _binding(value: Json) -> Binding:
    if (
        not isinstance(value, dict)
        or set(value) != {"organisation", "role"}
        or not all(isinstance(part, str) for part in value.values())
    ):
        raise MalformedError("genesis.form", "a party is bound to an organisation and a role")
    organisation = digest_text(value["organisation"], "an organisation")
    return Binding(OrganisationId(organisation), str(value["role"]))


def _instrument(genesis: Genesis, terms: Agreement, text: bytes) -> Instrument:
    circles = standing_circles(
        agreement=genesis.id,
        version=genesis.version,
        nonce=genesis.nonce,
        parties=tuple(genesis.parties),
        voters=tuple(party.id for party in terms.parties if party.is_member),
        bodies={name: terms.members_of(name) for name in terms.bodies},
    )
    return Instrument(genesis, terms, text, circles)
