"""Which kinds of records there are, and who may write which, where and when.

This is the closed table of rules 1. Whatever it does not permit has no effect. It is
looked up by the number of rules that an agreement was signed under, and a row of a
released number never changes: an upgrade must not change what was signed. A change of
any row, size or word makes the next number, and this one stays.

Words used here:
    issuer    what the writing organisation has to be in the agreement or to the subject
    circle    the kinds of circles the record may stand in; "any" for all of them
    state     of the agreement, in the record's own causal past, at its writing
    act       a person's assertion is required beside the organisation's signature
    purpose   which of the organisation's keys signs

Issuers:
    party       named in the bindings of the genesis
    signatory   a party whose signature is in the record's past
    bound       a party bound by the agreement at that point
    member      a party in the record's circle
    entitled    a party to whom the clause in question gives the right
    opener      the party that opened the proposal
    voter       a party with a vote in the question
    assembler   the party whose turn it is to count
    debtor, creditor       of the obligation
    releaser, recipient    of the items

States:
    none       nothing but the proposal is known
    proposed   signatures or ratifications are awaited
    in-force   it binds
    ended      withdrawn from, expired or terminated; duties that survive go on

`record` applies the names and the sizes; `agreement` applies issuers, circles and
states when it folds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from allied.errors import MalformedError, UnverifiedError

Issuer = Literal[
    "party", "signatory", "bound", "member", "entitled", "opener", "voter",
    "assembler", "debtor", "creditor", "releaser", "recipient",
]  # fmt: skip
CirclePurpose = Literal[
    "all", "voters", "body", "pair", "incident", "proposal", "obligation", "loan"
]
State = Literal["none", "proposed", "in-force", "ended"]
KeyPurpose = Literal["acts", "automatic"]

RULES: Final = 1
"""The newest rules this release knows."""


@dataclass(frozen=True, slots=True)
class KindRule:
    """One row of the table.

    Attributes:
        kind: the name in the header.
        meaning: one line for people.
        issuers: what the issuer has to be, any one of them.
        circles: where it may stand.
        states: of the agreement.
        act: whether a person's assertion is required; otherwise none may be there.
        key: the purpose of the key that signs.
        max_bytes: of the canonical body.
    """

    kind: str
    meaning: str
    issuers: frozenset[Issuer]
    circles: frozenset[CirclePurpose]
    states: frozenset[State]
    act: bool
    key: KeyPurpose
    max_bytes: int


_KIB: Final = 1024
_ANYWHERE: Final[tuple[CirclePurpose, ...]] = (
    "all", "voters", "body", "pair", "incident", "proposal", "obligation", "loan",
)  # fmt: skip
_MATTER: Final[tuple[CirclePurpose, ...]] = ("all", "voters", "body", "pair", "incident")
_DUTY: Final[tuple[CirclePurpose, ...]] = (*_MATTER, "obligation")
_VOTE: Final[tuple[CirclePurpose, ...]] = ("all", "voters", "body", "proposal")
_EARLY: Final[tuple[State, ...]] = ("none", "proposed")
_IN_FORCE: Final[tuple[State, ...]] = ("in-force",)
_SINCE_FORCE: Final[tuple[State, ...]] = ("in-force", "ended")
_EVER: Final[tuple[State, ...]] = ("none", "proposed", "in-force", "ended")


def _row(
    kind: str,
    meaning: str,
    *issuers: Issuer,
    at: tuple[CirclePurpose, ...],
    when: tuple[State, ...] = _IN_FORCE,
    act: bool = False,
    key: KeyPurpose = "acts",
    size: int = 64 * _KIB,
) -> KindRule:
    return KindRule(
        kind, meaning, frozenset(issuers), frozenset(at), frozenset(when), act, key, size
    )


_ROWS: Final = (
    # The agreement itself.
    _row("agreement.propose", "a text and its bindings are put forward; binds nobody",
         "party", at=("all",), when=_EARLY, size=4096 * _KIB),
    _row("identity.person", "a pseudonym whose key may act for the issuer, or no longer",
         "party", at=("all",), when=_EVER),
    _row("agreement.sign", "the issuer accepts text and bindings",
         "party", at=("all",), when=("none", "proposed", "in-force"), act=True),
    _row("agreement.ratify", "the issuer confirms its signature at home",
         "signatory", at=("all",), when=("proposed", "in-force"), act=True),
    _row("agreement.object", "the issuer objects to an amended text",
         "bound", at=("all",), act=True),
    _row("agreement.withdraw", "the issuer leaves, with the heads it still counts",
         "bound", at=("all",), act=True, size=1024 * _KIB),
    _row("circle.open", "a circle is opened for one matter, by a party in it",
         "member", at=("incident", "proposal", "obligation", "loan"), when=_SINCE_FORCE,
         size=1024 * _KIB),
    _row("redaction", "a blob is to be erased, and why",
         "party", at=_ANYWHERE, when=_EVER, act=True),
    _row("redaction.answer", "the issuer has erased a blob, or says why not",
         "member", at=_ANYWHERE, when=_EVER),
    # Incidents.
    _row("incident.report", "facts of an incident, as the issuer knows them",
         "bound", at=_MATTER, size=256 * _KIB),
    _row("incident.facts", "further or corrected facts of an incident",
         "bound", at=_MATTER, when=_SINCE_FORCE, size=256 * _KIB),
    _row("incident.invoke", "a clause is invoked on an incident",
         "entitled", at=_MATTER, act=True),
    _row("incident.finding", "a finding on an incident: attribution, armed attack, severity",
         "entitled", at=_MATTER, when=_SINCE_FORCE, act=True),
    _row("incident.decision", "what was decided on an incident, with its certificate",
         "entitled", at=_MATTER, when=_SINCE_FORCE, act=True, size=256 * _KIB),
    # Obligations; what is owed is derived, never recorded.
    _row("receipt", "the issuer holds and understands these records at the claimed time",
         "member", at=_ANYWHERE, when=_EVER, key="automatic", size=512 * _KIB),
    _row("obligation.acknowledge", "the debtor knows that it owes",
         "debtor", at=_DUTY, when=_SINCE_FORCE),
    _row("obligation.accept", "the debtor will perform",
         "debtor", at=_DUTY, when=_SINCE_FORCE, act=True),
    _row("obligation.decline", "the debtor will not perform, and why",
         "debtor", at=_DUTY, when=_SINCE_FORCE, act=True),
    _row("obligation.excuse", "the debtor claims an excuse",
         "debtor", at=_DUTY, when=_SINCE_FORCE, act=True),
    _row("obligation.perform", "the debtor says it has performed, with evidence",
         "debtor", at=_DUTY, when=_SINCE_FORCE, act=True),
    _row("obligation.verify", "the creditor agrees that it was performed",
         "creditor", at=_DUTY, when=_SINCE_FORCE, act=True),
    _row("obligation.waive", "the creditor lets the debtor off",
         "creditor", at=_DUTY, when=_SINCE_FORCE, act=True),
    _row("obligation.confirm-excuse", "the creditor accepts the excuse",
         "creditor", at=_DUTY, when=_SINCE_FORCE, act=True),
    _row("obligation.refuse-excuse", "the creditor does not accept the excuse",
         "creditor", at=_DUTY, when=_SINCE_FORCE, act=True),
    # Items.
    _row("exchange.receipt", "the recipient holds the items under a root; one per pull",
         "recipient", at=("pair",), when=_SINCE_FORCE, key="automatic"),
    _row("exchange.recall", "the releaser calls items back",
         "releaser", at=("pair",), when=_SINCE_FORCE, size=512 * _KIB),
    _row("exchange.tighten", "the releaser marks what is out more tightly",
         "releaser", at=("pair",), when=_SINCE_FORCE, size=1024 * _KIB),
    _row("exchange.recall-answer", "deleted, or kept with a reason",
         "recipient", at=("pair",), when=_SINCE_FORCE, size=512 * _KIB),
    _row("exchange.ask", "the issuer asks the originator to let an item go to somebody else",
         "recipient", at=("pair",), when=_SINCE_FORCE),
    _row("exchange.consent", "the originator lets an item go to somebody else, or does not",
         "releaser", at=("pair",), when=_SINCE_FORCE, act=True),
    _row("exchange.name", "the submitter lets the hub name it beside what was made of its items",
         "releaser", at=("pair",), when=_SINCE_FORCE, act=True),
    _row("ledger.commit", "a salted commitment to the root of the issuer's disclosure ledger",
         "bound", at=("all", "pair"), when=_SINCE_FORCE, key="automatic"),
    _row("ledger.witness", "the issuer has seen a commitment to another's ledger",
         "member", at=("all", "pair"), when=_SINCE_FORCE, key="automatic"),
    # Decisions.
    _row("proposal.open", "a question is put to those entitled to vote",
         "entitled", at=_VOTE, act=True, size=4096 * _KIB),
    _row("proposal.acknowledge", "a person has read the proposal for the issuer",
         "voter", at=_VOTE, act=True),
    _row("proposal.withdraw", "the opener takes the question back",
         "opener", at=_VOTE, act=True),
    _row("vote.cast", "one vote on one question",
         "voter", at=_VOTE, act=True),
    _row("decision.close", "the heads that the issuer counts; nothing later is counted",
         "voter", at=_VOTE, key="automatic", size=1024 * _KIB),
    _row("decision.tally", "a count over the union of enough closes",
         "assembler", at=_VOTE, key="automatic", size=2048 * _KIB),
    _row("decision.count", "the issuer has recounted a tally and found the same",
         "voter", at=_VOTE, key="automatic"),
    _row("decision.certificate", "enough counts of one result: the decision is proved",
         "voter", "assembler", at=_VOTE, when=_SINCE_FORCE, key="automatic", size=4096 * _KIB),
    # Keys and chains.
    _row("checkpoint", "what the issuer comes to from the records up to these heads",
         "bound", at=("all", "voters", "body"), when=_SINCE_FORCE, key="automatic",
         size=4096 * _KIB),
    _row("fork.proof", "an organisation signed one number twice",
         "member", at=_ANYWHERE, when=_EVER, key="automatic", size=4096 * _KIB),
    _row("key.revoke", "keys of the issuer count only up to the heads named",
         "party", at=_ANYWHERE, when=_EVER, size=1024 * _KIB),
)  # fmt: skip

KINDS: Final[Mapping[str, KindRule]] = MappingProxyType({row.kind: row for row in _ROWS})
"""The table of rules 1, by kind."""

_BY_RULES: Final[Mapping[int, Mapping[str, KindRule]]] = MappingProxyType({1: KINDS})

MAX_BODY_BYTES: Final = max(row.max_bytes for row in _ROWS)
"""The largest body of any kind."""


def table(rules: int) -> Mapping[str, KindRule]:
    """The closed table of `rules`.

    Raises:
        UnverifiedError: `rules.unknown`, for rules that this release does not know.
    """
    found = _BY_RULES.get(rules)
    if found is None:
        raise UnverifiedError(
            "rules.unknown",
            f"rules {rules} are not known to this release, which knows up to {RULES}",
            hint=f"needs a release of Allied that knows rules {rules}",
            facts={"rules": rules, "known": RULES},
        )
    return found


def rule(kind: str, rules: int = RULES) -> KindRule:
    """The row of `kind` under `rules`.

    Raises:
        UnverifiedError: `rules.unknown`.
        MalformedError: `record.kind`, for a kind that is not in the table.
    """
    found = table(rules).get(kind)
    if found is None:
        raise MalformedError(
            "record.kind",
            f"a record's kind is not in the table of rules {rules}",
            hint="it may need rules of a later release",
            facts={"rules": rules},
        )
    return found
