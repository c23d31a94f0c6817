"""How many must sign a count so that it is proved, and who puts it together.

The rule says who wins; the certificate says whose count it is. Votes, closes and signatures
are not looked at here (`agreement.closing` reads them).

Words used here:
    n    how many are entitled to vote
    f    how many of them may cheat and the decision still be safe
    q    how many counts make a certificate: more than half of n and f together
    assembler   who puts closes and counts together; it cannot decide anything alone
    custodian   who keeps the acts key of a party; whoever keeps several can sign for all of them
    hand        a party that keeps its own key, or a custodian with all whose keys it keeps

Rule that holds below: two certificates of one question share more than f signers, so somebody
who does not cheat has signed both. Towards n, f and q hands are counted, not parties.

Source: agreement format, "Decision rules"; quorums of Byzantine agreement.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from allied.agreement.ballot import Electorate, InapplicableRuleError, Proposal, roll
from allied.agreement.rules import DecisionRule
from allied.record.ids import PartyId

OWN_KEEPING: Final = frozenset({"", "organisation", "the organisation", "self"})
"""What a descriptor says where an organisation keeps its key itself."""


OF_PARTY: Final = "party "
"""What stands before the label of a party that keeps the key of another one."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What it takes to prove a count among nodes of which some may cheat.

    Attributes:
        entitled: n, whose counts may be in it.
        tolerates: f, how many of them may cheat.
        size: q, the least number of counts; more than half of n and f together, so that two
            certificates share a party that does not cheat.
        acknowledged: how many must have acknowledged a vote before no certificate can leave
            it out.
        live: whether enough remain when those that may cheat stay away.
    """

    entitled: int
    tolerates: int
    size: int
    acknowledged: int
    live: bool


def certificate_size(entitled: int, tolerates: int) -> int:
    """The least number of signatures that is more than half of n and f together.

    Args:
        entitled: n, at least 0.
        tolerates: f, at least 0.

    Raises:
        InapplicableRuleError: `decision.too-many-cheat`: so many may cheat that no number of
            signatures proves anything.
    """
    if entitled < 0 or tolerates < 0:
        raise ValueError("numbers of parties are not negative")
    if tolerates >= entitled > 0:
        raise InapplicableRuleError(
            "decision.too-many-cheat",
            "the rule tolerates as many that cheat as there are voters",
            hint="lower `tolerates`; a decision stays possible while it is below a third",
            facts={"entitled": entitled, "tolerates": tolerates},
        )
    return (entitled + tolerates) // 2 + 1


def certificate(entitled: int, tolerates: int) -> Certificate:
    """What proves a count among `entitled` parties of which `tolerates` may cheat.

    Raises:
        InapplicableRuleError: as `certificate_size`.
    """
    size = certificate_size(entitled, tolerates)
    return Certificate(
        entitled,
        tolerates,
        size,
        acknowledged=entitled - size + tolerates + 1,
        live=size <= entitled - tolerates,
    )


def hands(parties: Iterable[PartyId], custodians: Mapping[PartyId, str]) -> frozenset[str]:
    """In how many hands the acts keys of `parties` are: each hand counts once.

    Args:
        custodians: who keeps the acts key of a party, in its own words; a party that is missing
            keeps its own.
    """
    return frozenset(hand(party, custodians) for party in parties)


def hand(party: PartyId, custodians: Mapping[PartyId, str]) -> str:
    """Who signs for a party, by a name that no party has where the custodian is none."""
    said = custodians.get(party, "")
    if said.startswith(OF_PARTY):
        return f"party:{said.removeprefix(OF_PARTY)}"
    keeper = " ".join(said.casefold().split())
    return f"party:{party}" if keeper in OWN_KEEPING else f"custodian:{keeper}"


def assemblers(
    rule: DecisionRule, proposal: Proposal, electorate: Electorate
) -> tuple[PartyId, ...]:
    """Who counts the votes, the first who can: the assembler, its deputies, then anyone entitled.

    Nobody counts who tabled the proposal, whom it is about, or who is recused; but where that
    leaves nobody, those entitled do: the voters count after whoever it is.

    Raises:
        InapplicableRuleError: as `ballot.roll`.
    """
    voters = roll(rule, proposal, electorate)
    out = {proposal.by, *proposal.subjects, *(each.party for each in voters.recused)}
    named = [rule.assembler, *rule.deputies, *sorted(voters.entitled)]
    found = tuple(dict.fromkeys(PartyId(each) for each in named if each and each not in out))
    return found or tuple(sorted(voters.entitled))
