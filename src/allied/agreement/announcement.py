"""What a count says to people, in one paragraph that cites the rule.

Words used here:
    head      what was decided, and under which rule
    figures   who said what, and how much was needed

Rules that hold everywhere below. Parties are named by their ids, at most ten of them. What is
needed is said in the words of the rule and as a number. Nothing is announced that the count
does not hold.

Source: agreement format, "Decision rules".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from typing import Final

from allied.agreement.ballot import Proposal
from allied.agreement.outcome import OPEN, SILENCE_BROKEN, WITHDRAWN, Count
from allied.agreement.rules import DecisionRule
from allied.agreement.scalars import fraction_words
from allied.agreement.silence import is_by_silence
from allied.agreement.tally import ADOPTED, LAPSED, REJECTED, Condition

_MOST_NAMED: Final = 10

_KINDS: Final = {
    "unanimity": "unanimity",
    "consensus": "consensus",
    "silence": "silence",
    "simple-majority": "simple majority",
    "absolute-majority": "absolute majority",
    "qualified-majority": "qualified majority",
    "weighted": "weighted votes",
    "named-party": "the party named",
    "none": "no decision: it follows of itself",
}
_GROUPS: Final = {
    "members": "the members",
    "ratified": "the members that have ratified",
    "present": "those present",
    "voting": "those voting yes or no",
}
_POSITIONS: Final = (
    ("yes", "yes"),
    ("no", "no"),
    ("abstain", "abstained"),
    ("objected", "objected"),
    ("silent", "silent"),
    ("present", "present without a vote"),
    ("not-reached", "not reached"),
    ("absent", "not heard"),
)
_CONDITIONS: Final = {
    "unanimity": "unanimity",
    "consensus": "consensus",
    "reach": "everybody reached",
    "consent": "reached by the proposal",
    "majority": "the majority",
    "threshold": "the threshold",
    "second": "the second condition",
    "veto": "no veto",
    "quorum": "the quorum",
    "named-party": "the yes of the party named",
    "sponsors": "members standing up for it",
}


def announce(rule: DecisionRule, proposal: Proposal, count: Count) -> str:
    """Say what was decided, under which rule, by whom, and what is missing."""
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in _parts(rule, proposal, count))


def rule_words(rule: DecisionRule) -> str:
    """The rule in a few words: `qualified majority of two thirds of those present`."""
    words = _KINDS[rule.kind]
    if rule.kind == "named-party":
        return f"{words}, {rule.party}" if rule.party else words
    if rule.kind == "none":
        return words
    if rule.threshold is not None:
        words += f" of at least {_share(rule.threshold)}"
    elif rule.kind == "simple-majority":
        return f"{words}, more yes than no"
    elif rule.kind in ("absolute-majority", "weighted"):
        words += ", more than half"
    words = f"{words} of {_GROUPS.get(rule.of, rule.of)}"
    return f"{words}, nobody objecting" if rule.kind == "consensus" else words


def _parts(rule: DecisionRule, proposal: Proposal, count: Count) -> Iterator[str]:
    yield _head(proposal, count)
    cited = f", under {proposal.under}" if proposal.under else ""
    quietly = rule.kind != "silence" and is_by_silence(rule, proposal)
    yield f"rule: {rule_words(rule)}{', by silence procedure' if quietly else ''}{cited}"
    if rule.kind == "none" or count.outcome == WITHDRAWN:
        return
    if count.ballots:
        yield _figures(count)
    if count.objectors:
        yield f"objecting: {_names(count.objectors)}"
    else:
        yield from (_missing(each) for each in count.conditions if not each.holds)
    if count.not_reached:
        yield f"not reached, so not silent: {_names(count.not_reached)}"
    if count.recused:
        recused = (f"{each.party} ({each.why})" for each in count.recused)
        yield f"recused: {_names(tuple(recused))}"
    for consent in count.consents:
        if consent.withheld or consent.awaited:
            without = sorted((*consent.withheld, *consent.awaited))
            yield f"without its own consent, not to take {consent.measure}: {_names(without)}"


def _head(proposal: Proposal, count: Count) -> str:
    closed = f" on {_moment(count.closed_at)}" if count.closed_at else ""
    match count.outcome:
        case "adopted":
            return f"adopted{closed}"
        case "rejected":
            return f"rejected{closed}"
        case "lapsed":
            why = {
                "quorum": "the quorum was not there",
                "nobody-entitled": "nobody is entitled to vote",
                "not-reached": "not everybody needed was reached",
                "sponsors": "too few members stood up for it",
            }
            return f"lapsed{closed}: {why.get(count.reason, count.reason)}"
        case "silence-broken":
            return f"silence broken{closed}: nothing is adopted, not even in part"
        case "withdrawn":
            return f"taken back{closed} by {proposal.by}"
        case _:
            return _open(count)


def _open(count: Count) -> str:
    stands = f"as it stands, {_plain(count.as_it_stands)}"
    if count.reason == "not-tabled":
        return "not tabled yet"
    if count.reason == "grace":
        return (
            f"closed to votes since {_moment(count.deadline)}; what was signed in time may"
            f" arrive before {_moment(count.final_at)}; {stands}"
        )
    if count.deadline is None:
        return f"open until all have voted; {stands}"
    return f"open until {_moment(count.deadline)}, what is signed then is late; {stands}"


def _plain(outcome: str) -> str:
    return {
        OPEN: "open",
        ADOPTED: "it would be adopted",
        REJECTED: "it would be rejected",
        LAPSED: "it would lapse",
        SILENCE_BROKEN: "the silence is broken",
        WITHDRAWN: "it is taken back",
    }[outcome]


def _figures(count: Count) -> str:
    weighted = any(each.weight != 1 for each in count.ballots)
    parts = []
    for position, word in _POSITIONS:
        group = [each for each in count.ballots if each.position == position]
        if group:
            weight = f" (weight {sum(each.weight for each in group)})" if weighted else ""
            parts.append(f"{len(group)} {word}{weight}")
    return f"{', '.join(parts)}, of {len(count.ballots)} entitled"


def _missing(condition: Condition) -> str:
    what = _CONDITIONS[condition.name]
    if condition.name == "veto":
        return f"{what}: {condition.have} of those with a veto said no"
    if condition.name in ("unanimity", "consensus"):
        return f"{what}: {condition.have} of {condition.need} needed are in favour"
    of = "" if condition.unit == "heads" else " in weight"
    return f"{what}: {condition.have} of {condition.need} needed{of}, {condition.missing} missing"


def _share(threshold: int | Fraction) -> str:
    return str(threshold) if isinstance(threshold, int) else fraction_words(threshold)


def _names(names: Sequence[str] | Iterable[str]) -> str:
    every = tuple(names)
    shown = ", ".join(every[:_MOST_NAMED])
    return shown if len(every) <= _MOST_NAMED else f"{shown} and {len(every) - _MOST_NAMED} more"


def _moment(moment: datetime | None) -> str:
    if moment is None:
        return "no set day"
    exact = "milliseconds" if moment.microsecond else "seconds"
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", exact) + " UTC"
