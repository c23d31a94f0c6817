"""What is said about the life of a shared item decides it: its fields, one value against another.

The rules are asked here by the text alone. That nodes ask them, each at its moment, is tested
where nodes are: `tests/node/test_release.py`, `test_recalls.py`, `test_sweeping.py`, and for
what a secretariat does `test_hub.py`, `test_hub_p17.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from allied.agreement.events import Event, Register
from allied.agreement.fields import EXCHANGE, LATER, declared
from allied.agreement.life import Life
from allied.agreement.sharing import Anonymise, InformationSharing, Recall, Sunset
from allied.agreement.standing import standing
from allied.agreement.terms import Agreement, load
from allied.agreement.values import Tlp
from allied.exchange import actions, limits, recall as recalling
from allied.exchange.anonymity import NameConsent, may_issue, names_source
from allied.exchange.channel import Known
from allied.exchange.channels import channels_of, sees_from
from allied.exchange.handling import Demand, Handling, HandlingClass
from allied.exchange.keeping import keeping
from allied.exchange.lineage import ItemName
from allied.exchange.stix import Kind
from allied.record.ids import PartyId

TEXT = """\
format: alliance/1
id: first
form: {kind: contract}
parties:
  - {ids: [river, harbour]}
life: {in_force_when: {count: 1, of: signed} LIFE}
articles:
  - {art: "1", type: information-sharing, share: [indicator], max_tlp: RED MORE}
"""
AT = datetime(2026, 1, 1, tzinfo=UTC)
RIVER, HARBOUR = PartyId("river"), PartyId("harbour")
NAME = ItemName(RIVER, "indicator--1", "1")
HIDDEN = "anonymise: {by: hub}"
SUNSET = "sunset: {after: 9 days, then: relax, tlp: GREEN}"
RECALL = "recall: {comply_within: 1 day, confirm: yes}"


def text(more: str = "", life: str = "") -> Agreement:
    raw = TEXT.replace("MORE", f", {more}" if more else "")
    raw = raw.replace("LIFE", f", {life}" if life else "")
    (value,) = load(raw.encode(), "a")
    assert isinstance(value, Agreement)
    return value


def kept(agreement: Agreement) -> object:
    """What becomes of a copy: when it is over, and when its marking relaxes."""
    handling = HandlingClass(RIVER, frozenset({Demand(Kind.INDICATOR, RIVER, Handling(Tlp.AMBER))}))
    found = keeping(agreement, handling, HARBOUR)
    return found.over(AT, AT), found.relaxes_at("indicator", AT), found.relaxes_to


def recalled(agreement: Agreement) -> object:
    """What a holder owes two days after it was told of a recall; None where there is none."""
    (clause,) = agreement.clauses(InformationSharing)
    if clause.recall is None:
        return None
    said = recalling.recall(clause, NAME, RIVER, "wrong", AT)
    copy = recalling.Copy(NAME, HARBOUR, RIVER, AT, Tlp.AMBER)
    found = recalling.fold(said, [copy], AT + timedelta(days=2), noticed={HARBOUR: AT})
    (duty,) = found.duties
    return duty.state, duty.due


def fresh(agreement: Agreement) -> object:
    """Whether what was confirmed two hours ago is enough for a release."""
    (channel,) = channels_of(agreement)
    return limits.is_fresh(AT, Tlp.AMBER, channel.freshness, AT + timedelta(hours=2))


def seen(agreement: Agreement) -> object:
    """From when on somebody who joined a day later sees what is shared."""
    later = AT + timedelta(days=1)
    events = (
        Event(agreement=agreement.id, event="signed", party=RIVER, at=AT),
        Event(agreement=agreement.id, event="signed", party=HARBOUR, at=later),
    )
    register = Register({agreement.id: agreement}, events)
    return sees_from(
        agreement, standing(register, agreement.id, later + timedelta(days=1)), HARBOUR
    )


def late(agreement: Agreement) -> object:
    """What is said of sharing two hours after something became known."""
    return limits.warnings(agreement, ["1"], AT + timedelta(hours=2), AT)


def hidden(agreement: Agreement) -> object:
    """Whether the secretariat takes the sender's name out."""
    (channel,) = channels_of(agreement)
    return channel.hides_sender


def issued(agreement: Agreement) -> object:
    """Whether the secretariat issues by itself what two could have sent."""
    (clause,) = agreement.clauses(InformationSharing)
    assert clause.anonymise is not None
    return may_issue(frozenset({RIVER, HARBOUR}), clause.anonymise.min_group, ())


def named(agreement: Agreement) -> object:
    """Whether somebody who agreed to it is named to who gets an item from then on."""
    (clause,) = agreement.clauses(InformationSharing)
    return names_source(clause, RIVER, [NameConsent(RIVER, AT)], AT)


def returned(agreement: Agreement) -> object:
    """Whether somebody who gave only techniques gets indicators, and who gave nothing."""
    (channel,) = channels_of(agreement)
    demand = Demand(Kind.INDICATOR, RIVER, Handling(Tlp.AMBER))
    return tuple(
        not list(limits.reciprocity_failures(demand, channel, Known(contributed=given)))
        for given in (frozenset[str](), frozenset({"technique"}))
    )


def in_clear(agreement: Agreement) -> object:
    """Whether something goes a way that others can read."""
    (channel,) = channels_of(agreement)
    demand = Demand(Kind.INDICATOR, RIVER, Handling(Tlp.GREEN))
    return not list(limits.failures(demand, channel, Known(readable=True), AT))


def watched(agreement: Agreement) -> object:
    """For what, and how visibly, a feed may use an item."""
    (clause,) = agreement.clauses(InformationSharing)
    return actions.serves("network-defence", clause), actions.ceiling(Handling(Tlp.GREEN), clause)


Case = tuple[type[Any], str, Callable[[Agreement], object], Agreement, Agreement]
DECIDES: dict[str, Case] = {
    "history": (Life, "history", seen, text(), text(life="history: all")),
    "recall": (InformationSharing, "recall", recalled, text(), text(RECALL)),
    "how fast": (
        Recall, "comply_within", recalled, text(RECALL), text(RECALL.replace("1 day", "9 days")),
    ),
    "confirming": (
        Recall, "confirm", recalled, text(RECALL), text(RECALL.replace("yes", "no")),
    ),
    "retention": (InformationSharing, "retention", kept, text(), text("retention: 1 day")),
    "sunset": (InformationSharing, "sunset", kept, text(), text(SUNSET)),
    "sunset after": (
        Sunset, "after", kept, text(SUNSET), text(SUNSET.replace("9 days", "8 days")),
    ),
    "sunset then": (
        Sunset, "then", kept, text(SUNSET), text("sunset: {after: 9 days, then: expire}"),
    ),
    "sunset to": (Sunset, "tlp", kept, text(SUNSET), text(SUNSET.replace("GREEN", "CLEAR"))),
    "within": (
        InformationSharing, "within", late, text("duty: must"), text("duty: must, within: 1 hour"),
    ),
    "freshness": (InformationSharing, "freshness", fresh, text(), text("freshness: 1 hour")),
    "the same kind in return": (
        InformationSharing, "reciprocity", returned, text(), text("reciprocity: equal-kind"),
    ),
    "anything in return": (
        InformationSharing, "reciprocity", returned, text("reciprocity: equal-kind"),
        text("reciprocity: contribute-to-receive"),
    ),
    "encryption": (InformationSharing, "encrypt", in_clear, text(), text("encrypt: may")),
    "purposes": (InformationSharing, "purpose", watched, text(), text("purpose: [research]")),
    "what may be done with it": (
        InformationSharing, "permitted_actions", watched, text(),
        text("permitted_actions: internally-visible"),
    ),
    "anonymise": (InformationSharing, "anonymise", hidden, text(), text(HIDDEN)),
    "who anonymises": (Anonymise, "by", hidden, text(HIDDEN), text("anonymise: {by: submitter}")),
    "among how many": (
        Anonymise, "min_group", issued, text(HIDDEN), text(HIDDEN.replace("}", ", min_group: 3}")),
    ),
    "being named after all": (
        InformationSharing, "consent_overrides", named, text("attribution: must-not"),
        text("attribution: must-not, consent_overrides: yes"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DECIDES)
def test_what_is_said_to_be_enforced_decides(name: str) -> None:
    declaration, key, ask, before, after = DECIDES[name]
    (field,) = (each for each in declared(declaration) if each.key == key)

    assert ask(before) != ask(after)
    assert field.field.by == EXCHANGE


def test_nothing_else_about_the_life_of_an_item_is_said_to_be_enforced() -> None:
    named = {(declaration, key) for declaration, key, *_ in DECIDES.values()}
    for declaration in (Anonymise, Recall, Sunset):
        for each in declared(declaration):
            assert (each.field.by == EXCHANGE) == ((declaration, each.key) in named)
            assert each.field.by != LATER


def test_the_whole_is_what_it_was_where_nothing_is_said() -> None:
    assert recalled(text()) is None
    assert kept(text()) == (None, None, None)
    assert fresh(text()) is True
