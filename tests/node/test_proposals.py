"""Questions on a network of nodes: put, read, voted on, and counted by each node for itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from allied.agreement.matters import Matter
from allied.agreement.moments import moment_text
from allied.errors import AlliedError, NotFoundError, RefusedError, UsageError
from allied.node import incidents, proposals
from allied.node.proposals import Wish, Word
from allied.node.tables import BY_CLAIM, BY_RECEIPTS, ProposalView
from allied.record.canonical import Json
from tests.node.hands import HARBOUR, NORTHGATE, RIVER, crafted, folded, slip_in
from tests.node.network import House, Network

WATCH = "watch"
NAMES = {RIVER: "River Bank plc", HARBOUR: "Harbour SA", NORTHGATE: "Northgate", WATCH: "Watch"}
TEXT = b"""\
format: alliance/1
id: pact
form: {kind: contract}
parties:
  - {ids: [river, harbour, northgate]}
  - {id: watch, role: observer}
bodies:
  board: {members: [river, harbour], rule: {kind: simple-majority}}
  council:
    chair: {rotation: name}
    rule: {kind: simple-majority, tie: chair-casts, veto: [harbour], quorum: 2, grace: 1 hour}
  patient:
    rule:
      kind: consensus
      silence: {period: 4 days, may_extend: yes, reasons_required: yes}
      grace: 1 hour
  strict: {rule: {kind: simple-majority, recuse: [{who: subject, only_if: in breach}]}}
  wary: {rule: {kind: simple-majority, tolerates: 1}}
articles:
  - art: "1"
    type: membership
    rule: {kind: unanimity}
    vetting: {sponsors: 2, objection_period: 6 days}
    expulsion: {rule: council, recuse: subject}
  - art: "2"
    type: collective-response
    trigger: {incident: [attack.cyber], severity: at least severe, attacker: even-a-party}
    invoked_by: [victim]
    decision: {rule: {kind: simple-majority, recuse: [attacker], measure_consent: [force]}}
    duties: [{do: assist, modality: must}]
  - {art: "3", type: amendment, proposer: board}
  - {art: "4", type: information-sharing, share: [all], exceptions: {agree: other-party}}
"""
ATTACK = """\
format: incident/1
id: raid
title: A raid
versions:
  - known_at: 2026-11-23T02:00:00Z
    facts:
      kind: attack.cyber
      occurred_at: 2026-11-23T02:00:00Z
      severity: severe
      acts: [{by: BY, against: river, target: systems}]
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Network:
    """Three members and an observer, under one agreement in force; time only goes on."""
    made = Network(tmp_path_factory.mktemp("network"))
    for label, name in NAMES.items():
        made.found(label, name)
    made.introduce_all()
    made.sign_all(TEXT, RIVER)
    for label in (RIVER, HARBOUR, NORTHGATE):
        made.cut_between(label, WATCH)
    return made


def spread(network: Network, rounds: int = 1) -> None:
    """The members tell each other what is new; with two rounds also that they hold it."""
    for _ in range(rounds):
        for label in (RIVER, HARBOUR, NORTHGATE):
            network.houses[label].sync()


def put(
    network: Network, who: str, kind: str = "body", words: str = "Shall we?", **said: Any
) -> str:
    """Put a question, let everybody hear of it; its id."""
    view = open_(network, who, kind, words, **said)
    spread(network)
    return view.id


def open_(
    network: Network, who: str, kind: str = "body", words: str = "Shall we?", **said: Any
) -> ProposalView:
    house = network.houses[who]
    return proposals.put(house.node, house.actor, "pact", wish(kind, words, **said))


def wish(kind: str, words: str, **said: Any) -> Wish:
    more = {key: said.pop(key) for key in ("deadline", "under_silence", "stated") if key in said}
    if kind == "body":
        said.setdefault("body", "council")
    return Wish(Matter(kind=kind, **said), words.encode(), **more)


def say(network: Network, who: str, name: str, verb: str, **more: Any) -> ProposalView:
    house = network.houses[who]
    if verb in ("yes", "no", "abstain"):
        verb, more = "vote", {"choice": verb, **more}
    return proposals.say(house.node, house.actor, name, Word(verb, **more))


def show(network: Network, who: str, name: str) -> ProposalView:
    house = network.houses[who]
    return proposals.show(house.node, house.organisation, name)


def outcomes(network: Network, name: str) -> set[tuple[str, str]]:
    """What the three members count; one value where they agree."""
    found = [show(network, each, name).count for each in (RIVER, HARBOUR, NORTHGATE)]
    return {(each.outcome, each.reason) for each in found}


def forge(house: House, kind: str, body: Mapping[str, Json], **more: Any) -> None:
    """Slip in a record, into the circle of the council, that the program would not have written."""
    circle = folded(house, "pact").instrument.circles.bodies["council"]
    slip_in(house, crafted(house, "pact", kind, body, circle=circle, **more))


# --- three nodes ------------------------------------------------------------------------


def test_every_node_counts_the_same_votes_the_same(network: Network) -> None:
    name = put(network, RIVER, deadline="4 days")
    before = show(network, NORTHGATE, name)
    say(network, RIVER, name, "yes")
    say(network, HARBOUR, name, "yes")
    spread(network)
    between = show(network, NORTHGATE, name)
    say(network, NORTHGATE, name, "no")
    spread(network)

    assert (before.count.outcome, before.count.awaited) == (
        "open",
        ("harbour", "northgate", "river"),
    )
    assert between.count.as_it_stands == "adopted"
    assert between.count.awaited == ("northgate",)
    assert between.basis == "as counted here"
    assert between.effect.startswith("none yet")
    assert outcomes(network, name) == {("adopted", "")}
    assert show(network, RIVER, name).words == "Shall we?"


def test_what_would_change_it_is_said_and_changes_it(network: Network) -> None:
    name = put(network, RIVER, deadline="4 days")
    say(network, RIVER, name, "yes")
    say(network, NORTHGATE, name, "yes")
    spread(network)
    found = show(network, NORTHGATE, name).count

    change = next(each for each in found.would_change if each.says == "no")
    assert "harbour" in change.parties  # it has a veto, and river's no would be that of the chair
    assert change.outcome == "rejected"
    say(network, HARBOUR, name, "no", why="not now")
    spread(network)
    assert outcomes(network, name) == {("rejected", "veto")}


def test_without_a_quorum_it_lapses_at_the_end(network: Network) -> None:
    name = put(network, RIVER, deadline="4 days")
    say(network, RIVER, name, "yes")
    spread(network)
    network.advance(timedelta(days=4))
    grace = outcomes(network, name)
    network.advance(timedelta(hours=1))

    assert grace == {("open", "grace")}
    assert outcomes(network, name) == {("lapsed", "quorum")}


def test_a_vote_changes_until_the_close(network: Network) -> None:
    name = put(network, RIVER, deadline="4 days")
    say(network, HARBOUR, name, "no")
    changed = say(network, HARBOUR, name, "yes")
    assert changed.said == "yes"
    say(network, RIVER, name, "yes")
    last = say(network, NORTHGATE, name, "yes")
    spread(network)
    network.advance(timedelta(seconds=1))

    with pytest.raises(RefusedError) as refusal:
        say(network, HARBOUR, name, "no")
    assert last.said == "yes"
    assert refusal.value.code == "proposal.late"
    assert outcomes(network, name) == {("adopted", "")}


def test_the_chair_of_the_body_breaks_a_tie(network: Network) -> None:
    name = put(network, RIVER, deadline="4 days")
    for who, choice in ((RIVER, "yes"), (HARBOUR, "abstain"), (NORTHGATE, "no")):
        say(network, who, name, choice)
    spread(network)

    assert show(network, HARBOUR, name).chair == "river"
    assert outcomes(network, name) == {("adopted", "")}


# --- the deadline -----------------------------------------------------------------------


def test_a_vote_one_moment_before_the_deadline_is_in_time_and_at_it_late(
    network: Network,
) -> None:
    name = put(network, RIVER, deadline="4 days")
    say(network, RIVER, name, "yes")
    end = show(network, RIVER, name).count.deadline
    assert end is not None
    network.clock.set(end - timedelta(milliseconds=1))
    assert say(network, NORTHGATE, name, "yes").said == "yes"

    network.clock.set(end)
    with pytest.raises(RefusedError) as refusal:
        say(network, HARBOUR, name, "no")
    assert refusal.value.code == "proposal.late"
    assert "late" in refusal.value.message


def test_a_vote_is_in_time_by_the_receipts_of_others_and_not_by_its_claim(
    network: Network,
) -> None:
    name = put(network, RIVER, deadline="4 days")
    say(network, RIVER, name, "yes")
    honest = say(network, HARBOUR, name, "yes")
    end = honest.count.deadline
    assert end is not None
    spread(network, 2)
    told = {str(each.party): each for each in show(network, NORTHGATE, name).spoken}
    assert told["harbour"].in_time_by == BY_RECEIPTS
    assert told["harbour"].arrived_at is not None

    # Northgate signs after the end, and claims the time before it: nobody held it then.
    network.clock.set(end + timedelta(hours=2))
    text = show(network, NORTHGATE, name).count.text
    house = network.houses[NORTHGATE]
    body: dict[str, Json] = {"proposal": name, "text": text, "choice": "no"}
    forge(house, "vote.cast", body, claimed_at=end - timedelta(seconds=1))
    alone = {str(each.party): each for each in show(network, NORTHGATE, name).spoken}
    spread(network, 2)
    late = {str(each.party): each for each in show(network, RIVER, name).spoken}

    assert (alone["northgate"].in_time_by, alone["northgate"].counts) == (BY_CLAIM, True)
    assert (late["northgate"].in_time_by, late["northgate"].why) == (BY_RECEIPTS, "arrived-late")
    assert outcomes(network, name) == {("adopted", "")}


def test_where_one_may_cheat_two_others_must_hold_a_vote(network: Network) -> None:
    name = put(network, RIVER, body="wary", deadline="4 days")
    network.cut_between(HARBOUR, NORTHGATE)
    network.cut_between(RIVER, NORTHGATE)
    say(network, HARBOUR, name, "yes")
    network.houses[RIVER].sync()
    network.houses[HARBOUR].sync()
    (one,) = show(network, HARBOUR, name).spoken
    network.heal()
    spread(network, 2)
    (two,) = show(network, HARBOUR, name).spoken

    assert one.in_time_by == BY_CLAIM
    assert two.in_time_by == BY_RECEIPTS


def test_a_question_of_which_others_learn_after_its_end_adopts_nothing(network: Network) -> None:
    name = open_(network, RIVER, body="board", deadline="1 hour").id
    say(network, RIVER, name, "yes")
    network.advance(timedelta(hours=2))
    alone = show(network, RIVER, name).count
    spread(network, 2)
    told = show(network, HARBOUR, name).count
    again = put(network, RIVER, body="board", deadline="1 hour")
    say(network, RIVER, again, "yes")
    spread(network, 2)
    network.advance(timedelta(hours=2))

    assert alone.outcome == "adopted"
    assert (told.outcome, told.reason) == ("lapsed", "told-too-late")
    assert show(network, HARBOUR, again).count.outcome == "adopted"


# --- silence ----------------------------------------------------------------------------


def test_silence_binds_whom_it_reached_and_names_whom_not(network: Network) -> None:
    name = put(network, RIVER, body="patient")
    before = show(network, RIVER, name).count
    say(network, HARBOUR, name, "acknowledge")
    spread(network)
    between = show(network, RIVER, name).count
    say(network, NORTHGATE, name, "acknowledge")
    spread(network)
    network.advance(timedelta(days=4, hours=1))
    spread(network)

    assert before.not_reached == ("harbour", "northgate")
    assert (between.not_reached, between.as_it_stands) == (("northgate",), "lapsed")
    assert between.deadline == show(network, RIVER, name).tabled_at + timedelta(days=4)
    assert outcomes(network, name) == {("adopted", "")}
    assert show(network, NORTHGATE, name).count.bound_by_silence == (
        "harbour",
        "northgate",
        "river",
    )


def test_a_receipt_of_the_machine_reaches_nobody(network: Network) -> None:
    name = put(network, RIVER, body="patient")
    spread(network)
    network.advance(timedelta(days=4, hours=1))

    assert outcomes(network, name) == {("lapsed", "not-reached")}
    assert show(network, RIVER, name).count.not_reached == ("harbour", "northgate")


def test_one_objection_with_reasons_breaks_the_silence(network: Network) -> None:
    name = put(network, RIVER, body="patient")
    with pytest.raises(RefusedError) as bare:
        say(network, NORTHGATE, name, "no")
    with pytest.raises(UsageError) as empty:
        say(network, NORTHGATE, name, "object", why=" ")
    say(network, NORTHGATE, name, "object", why="We cannot.")
    spread(network)
    found = show(network, RIVER, name)

    assert bare.value.code == "proposal.without-reasons"
    assert empty.value.code == "proposal.no-words"
    assert outcomes(network, name) == {("silence-broken", "objection")}
    assert found.count.objectors == ("northgate",)
    assert [each.reasons for each in found.spoken] == ["We cannot."]


def test_an_objection_at_the_deadline_is_late(network: Network) -> None:
    name = put(network, RIVER, body="patient")
    end = show(network, RIVER, name).count.deadline
    assert end is not None
    network.clock.set(end)

    with pytest.raises(RefusedError) as refusal:
        say(network, NORTHGATE, name, "object", why="We cannot.")
    assert refusal.value.code == "proposal.late"
    network.clock.set(end - timedelta(milliseconds=1))
    assert say(network, NORTHGATE, name, "object", why="We cannot.").count.objectors


def test_a_changed_text_restarts_the_time_and_is_read_anew(network: Network) -> None:
    name = put(network, RIVER, body="patient")
    say(network, HARBOUR, name, "acknowledge")
    spread(network)
    network.advance(timedelta(days=3))
    changed = say(network, RIVER, name, "revise", content=b"Shall we, on Monday?")
    spread(network)
    found = show(network, HARBOUR, name)

    assert changed.words == "Shall we, on Monday?"
    assert (found.words, found.changes) == ("Shall we, on Monday?", 1)
    assert found.count.deadline is not None
    assert found.count.deadline - network.clock.now() == timedelta(days=4)
    assert found.count.not_reached == ("harbour", "northgate")
    with pytest.raises(RefusedError) as refusal:
        say(network, HARBOUR, name, "revise", content=b"Never.")
    assert refusal.value.code == "proposal.not-the-proposer"


def test_more_time_is_given_only_where_the_rule_lets_it(network: Network) -> None:
    silent = put(network, RIVER, body="patient")
    voted = put(network, RIVER, deadline="4 days")
    before = show(network, RIVER, silent).count.deadline
    longer = say(network, RIVER, silent, "extend", until="2 days").count.deadline
    assert before is not None
    assert longer == before + timedelta(days=2)

    for name, until, code in (
        (voted, "2 days", "proposal.not-extendable"),
        (silent, moment_text(before), "proposal.not-longer"),
        (silent, "soon", "proposal.deadline-form"),
        (silent, "", "proposal.deadline-form"),
    ):
        with pytest.raises(AlliedError) as refusal:
            say(network, RIVER, name, "extend", until=until)
        assert refusal.value.code == code


def test_the_proposer_takes_it_back_and_nobody_else(network: Network) -> None:
    name = put(network, RIVER, deadline="4 days")
    with pytest.raises(RefusedError) as refusal:
        say(network, HARBOUR, name, "withdraw")
    say(network, RIVER, name, "withdraw", why="It is settled.")
    spread(network)

    assert refusal.value.code == "proposal.not-the-proposer"
    assert outcomes(network, name) == {("withdrawn", "withdrawn")}
    with pytest.raises(RefusedError) as late:
        say(network, HARBOUR, name, "yes")
    assert late.value.code == "proposal.late"


# --- who decides ------------------------------------------------------------------------


def test_whom_it_is_about_is_recused_and_counted_nowhere(network: Network) -> None:
    name = put(network, RIVER, "expulsion", party=NORTHGATE, deadline="4 days")
    with pytest.raises(RefusedError) as refusal:
        say(network, NORTHGATE, name, "no")
    say(network, RIVER, name, "yes")
    say(network, HARBOUR, name, "no")
    spread(network)
    found = show(network, NORTHGATE, name)

    assert refusal.value.code == "proposal.recused"
    assert found.part == "recused"
    assert found.count.entitled == ("harbour", "river")
    assert found.under == "Art 1 (expulsion)"
    assert outcomes(network, name) == {("rejected", "veto")}


@pytest.mark.parametrize(
    ("holds", "entitled"),
    [
        pytest.param(True, ("harbour", "northgate"), id="it holds"),
        pytest.param(False, ("harbour", "northgate", "river"), id="it does not"),
    ],
)
def test_a_condition_of_a_recusal_is_stated_by_the_proposer(
    network: Network, holds: bool, entitled: tuple[str, ...]
) -> None:
    said: dict[str, Any] = {"body": "strict", "party": RIVER, "deadline": "4 days"}
    with pytest.raises(AlliedError) as refusal:
        open_(network, HARBOUR, **said)
    name = put(network, HARBOUR, stated={"in breach": holds}, **said)
    found = show(network, NORTHGATE, name)

    assert refusal.value.code == "decision.condition-not-stated"
    assert found.stated == (("in breach", holds),)
    assert found.count.entitled == entitled


def test_an_attacker_by_the_facts_does_not_vote_on_the_response(network: Network) -> None:
    raid = reported(network, "harbour")
    name = put(network, RIVER, "decision", art="2", incident=raid, deadline="4 days")
    found = show(network, NORTHGATE, name)

    assert [(each.party, each.why) for each in found.count.recused] == [("harbour", "attacker")]
    assert found.about == "decision under Art 2"


def test_an_attacker_outside_recuses_nobody(network: Network) -> None:
    raid = reported(network, "oslo")
    name = put(network, RIVER, "decision", art="2", incident=raid, deadline="4 days")

    assert show(network, NORTHGATE, name).count.recused == ()


def test_whoever_decides_may_still_withhold_its_own_consent(network: Network) -> None:
    raid = reported(network, "bergen")
    name = put(network, RIVER, "decision", art="2", incident=raid, deadline="4 days")
    say(network, HARBOUR, name, "yes")
    say(network, HARBOUR, name, "withhold", measure="force")
    say(network, NORTHGATE, name, "consent", measure="force")
    with pytest.raises(RefusedError) as refusal:
        say(network, NORTHGATE, name, "consent", measure="embargo")
    spread(network)
    (consent,) = show(network, RIVER, name).count.consents

    assert refusal.value.code == "proposal.other-measure"
    assert (consent.given, consent.withheld, consent.awaited) == (
        ("northgate",),
        ("harbour",),
        ("river",),
    )


def reported(network: Network, by: str) -> str:
    house = network.houses[RIVER]
    raw = ATTACK.replace("BY", by).replace("id: raid", f"id: raid-{by}").encode()
    (view,) = incidents.report(house.node, house.actor, raw, "raid.yaml", "pact")
    spread(network)
    return view.id


def test_a_question_stands_where_those_who_decide_can_read_it(network: Network) -> None:
    board = put(network, RIVER, body="board", deadline="4 days")
    voters = put(network, NORTHGATE, body="board", deadline="4 days")

    network.houses[WATCH].sync()
    assert show(network, HARBOUR, board).circle == "body:board"
    assert show(network, HARBOUR, voters).circle == "voters"
    for who, name in ((NORTHGATE, board), (WATCH, board), (WATCH, voters)):
        with pytest.raises(NotFoundError) as refusal:
            show(network, who, name)
        assert refusal.value.code == "proposal.unknown"
    house = network.houses[NORTHGATE]
    listed = [each.id for each in proposals.list_proposals(house.node, house.organisation)]
    assert voters in listed
    assert board not in listed


def test_who_sits_in_another_body_has_no_vote(network: Network) -> None:
    name = put(network, NORTHGATE, body="board", deadline="4 days")
    assert say(network, HARBOUR, name, "yes").said == "yes"

    with pytest.raises(RefusedError) as refusal:
        say(network, NORTHGATE, name, "yes")
    assert refusal.value.code == "proposal.stranger"
    assert show(network, NORTHGATE, name).part == "no vote"


@pytest.mark.parametrize(
    ("who", "kind", "said", "code"),
    [
        pytest.param(NORTHGATE, "amendment", {}, "question.not-a-proposer", id="not a proposer"),
        pytest.param(WATCH, "body", {}, "question.not-a-proposer", id="an observer"),
        pytest.param(
            RIVER, "expulsion", {"party": "oslo"}, "question.no-such-party", id="a stranger"
        ),
        pytest.param(
            RIVER, "decision", {"art": "2", "incident": "x" * 12}, "incident.unknown",
            id="an incident that nobody reported",
        ),
        pytest.param(RIVER, "suspension", {"party": "harbour"}, "question.nothing-to-decide",
                     id="what the text does not give"),
        pytest.param(RIVER, "body", {"deadline": "tomorrow"}, "proposal.deadline-form",
                     id="no time"),
        pytest.param(RIVER, "body", {"deadline": "2020-01-01T00:00:00Z"},
                     "decision.deadline-too-early", id="a time that is over"),
        pytest.param(RIVER, "body", {"under_silence": True}, "decision.no-silence-procedure",
                     id="a silence that the rule does not know"),
    ],
)  # fmt: skip
def test_a_question_that_may_not_be_put_is_refused_and_leaves_nothing(
    network: Network, who: str, kind: str, said: dict[str, Any], code: str
) -> None:
    house = network.houses[who]
    before = folded(house, "pact").last_row
    other = TEXT.decode().replace("6 days", "9 days")
    words = other if kind == "amendment" else "Shall we?"
    with pytest.raises(AlliedError) as refusal:
        open_(network, who, kind, words, **said)
    with pytest.raises(AlliedError) as tried:
        proposals.attempt(house.node, house.organisation, "pact", wish(kind, words, **said))

    assert refusal.value.code == tried.value.code == code
    assert folded(house, "pact").last_row == before


def test_an_amendment_is_the_whole_text(network: Network) -> None:
    with pytest.raises(AlliedError) as refusal:
        open_(network, RIVER, "amendment", "article 1 is to be better", deadline="4 days")
    name = put(network, RIVER, "amendment", TEXT.decode().replace("6 days", "9 days"))
    found = show(network, HARBOUR, name)

    assert refusal.value.code.startswith(("agreement.", "yaml."))
    assert "9 days" in found.words
    assert (found.rule, found.count.deadline) == ("unanimity of the members", None)


def test_a_candidate_needs_sponsors_and_nobody_objecting(network: Network) -> None:
    name = put(network, RIVER, "admission", party="oslo")
    for who in (HARBOUR, NORTHGATE):
        say(network, who, name, "acknowledge")
    spread(network)
    alone = show(network, RIVER, name).count
    say(network, HARBOUR, name, "yes")
    spread(network)
    network.advance(timedelta(days=6))

    assert (alone.as_it_stands, alone.conditions[-1].name) == ("lapsed", "sponsors")
    assert alone.conditions[-1].missing == 1
    assert outcomes(network, name) == {("adopted", "")}


def test_an_exception_is_agreed_by_the_others(network: Network) -> None:
    name = put(network, RIVER, "exception", art="4", party=RIVER, deadline="4 days")
    say(network, HARBOUR, name, "yes")
    say(network, NORTHGATE, name, "yes")
    spread(network)

    assert show(network, RIVER, name).part == "no vote"
    assert outcomes(network, name) == {("adopted", "")}


# --- trials -----------------------------------------------------------------------------


def test_a_trial_shows_what_would_come_and_leaves_nothing(network: Network) -> None:
    house = network.houses[RIVER]
    before = folded(house, "pact").last_row
    tried = proposals.attempt(
        house.node, house.organisation, "pact", wish("body", "Shall we?", deadline="4 days")
    )
    assert tried.count.entitled == ("harbour", "northgate", "river")
    assert tried.rule == "simple majority, more yes than no"
    assert folded(house, "pact").last_row == before

    name = put(network, RIVER, deadline="4 days")
    before = folded(house, "pact").last_row
    voted = proposals.try_word(house.node, house.organisation, name, Word("vote", "yes"))
    assert voted.said == "yes"
    assert folded(house, "pact").last_row == before
    assert show(network, RIVER, name).said == ""


def test_words_that_nobody_knows_are_refused(network: Network) -> None:
    name = put(network, RIVER, deadline="4 days")
    for word, code in (
        (Word("sing"), "proposal.verb"),
        (Word("vote", "perhaps"), "proposal.choice"),
        (Word("revise"), "proposal.no-words"),
    ):
        house = network.houses[RIVER]
        with pytest.raises(UsageError) as refusal:
            proposals.say(house.node, house.actor, name, word)
        with pytest.raises(UsageError) as tried:
            proposals.try_word(house.node, house.organisation, name, word)
        assert refusal.value.code == tried.value.code == code


# --- liars ------------------------------------------------------------------------------


def test_a_stranger_who_votes_changes_nothing_and_is_listed(network: Network) -> None:
    name = put(network, RIVER, "expulsion", party=NORTHGATE, deadline="4 days")
    text = show(network, NORTHGATE, name).count.text
    body: dict[str, Json] = {"proposal": name, "text": text, "choice": "no"}
    house = network.houses[NORTHGATE]
    slip_in(house, crafted(house, "pact", "vote.cast", body))  # in the circle of all
    say(network, RIVER, name, "yes")
    say(network, HARBOUR, name, "no")
    spread(network)
    found = show(network, RIVER, name)

    assert [(each.party, each.why) for each in found.spoken if not each.counts] == [
        ("northgate", "recused")
    ]
    assert outcomes(network, name) == {("rejected", "veto")}


def test_an_opening_that_cannot_be_read_opens_nothing(network: Network) -> None:
    good: dict[str, Json] = {
        "matter": {"kind": "body", "body": "council"},
        "words": {"blob": "0" * 64, "size": 9},
    }
    house = network.houses[NORTHGATE]
    before = len(proposals.list_proposals(house.node, house.organisation))
    forge(house, "proposal.open", {**good, "deadline": "soon"})
    forge(house, "proposal.open", good)

    assert len(proposals.list_proposals(house.node, house.organisation)) == before + 1
