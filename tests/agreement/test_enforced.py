"""What the declarations say about who acts on a field is true.

Each field of the tables is set to one value and to another. Where somebody acts on it, what the
evaluation (or the sharing policy) answers differs; where the declaration says that nobody does
yet, or that it is shown only, the answer stays the same.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from allied.agreement import clauses as c
from allied.agreement.fields import EXCHANGE, LATER, RESPONSE, SHOWN, declared
from allied.agreement.frame import Protection
from allied.agreement.sharing import AllowedTo, InformationSharing
from allied.agreement.standing import Register
from allied.agreement.terms import Agreement, load
from allied.exchange.channels import channels_of
from allied.record.ids import PartyId
from allied.response.evaluate import evaluate
from allied.response.incident_file import load_incidents

TOP = """\
format: alliance/1
id: {id}
form: {{kind: contract}}
parties:
  - {{ids: [river, harbour, port], joined: 2020-01-01}}
  - {{id: cert, role: observer, joined: 2020-01-01}}
protections: [{{name: law, valid: [VALID]}}]
bodies: {{board: {{rule: {{kind: simple-majority}}}}}}
TOP
articles:
"""
RESPONSE_ = (
    '  - {art: "1", type: collective-response, trigger: {severity: at least low TRIGGER},'
    " duties: [{do: assist, modality: must, measures: [force] DUTY}] MORE}\n"
)
RESTRAINT_ = '  - {art: "1", type: restraint, kind: non-aggression MORE}\n'
SHARING_ = '  - {art: "1", type: information-sharing, share: [indicator], legal_shield: law MORE}\n'
INCIDENT = b"""\
format: incident/1
id: one
title: An attack
versions:
  - known_at: 2026-05-01
    asserted_by: river
    facts:
      kind: attack.cyber
      occurred_at: 2026-05-01
      severity: severe
      phase: active
      acts: [{by: WHO, against: river, target: systems, systems: ["domain:a.river.example"]}]
"""


def agreement(article: str, top: str = "", valid: str = "2020-01-01/", **parts: str) -> Agreement:
    text = TOP.format(id="first").replace("TOP", top).replace("VALID", valid) + article
    for name in ("TRIGGER", "DUTY", "MORE"):
        said = parts.get(name.lower(), "")
        text = text.replace(name, f", {said}" if said else "")
    (value,) = load(text.encode(), "a")
    assert isinstance(value, Agreement)
    return value


def answer(*texts: Agreement, who: str = "oslo", as_: str = "") -> Any:
    """What the evaluation answers, without the hashes of the texts it rests on."""
    found = evaluate(
        Register({each.id: each for each in texts}, ()),
        load_incidents(INCIDENT.replace(b"WHO", who.encode()), "incident"),
        None,
        PartyId(as_) if as_ else None,
        at=date(2026, 6, 1),
    )
    results = [
        (e.art, e.outcome, e.reason, e.missing, {n.code for n in e.notes}) for e in found.results
    ]
    owed = [
        (e.debtor, e.creditor, e.act, e.measures, e.means, e.modality, e.answer_by, e.perform_by)
        for e in found.obligations
    ]
    return results, owed, [e.prevails for e in found.conflicts], {e.code for e in found.warnings}


def field(declaration: type[Any], name: str) -> Any:
    return next(each for each in declared(declaration) if each.key == name)


ACTED_ON: dict[str, tuple[type[Any], str, str, dict[str, str], dict[str, str]]] = {
    "trigger attacker": (c.Trigger, "attacker", RESPONSE_, {}, {"trigger": "attacker: bergen"}),
    "trigger victim": (c.Trigger, "victim_is", RESPONSE_, {}, {"trigger": "victim_is: harbour"}),
    "trigger phase": (c.Trigger, "phase", RESPONSE_, {}, {"trigger": "phase: past"}),
    "trigger capacity": (
        c.Trigger, "capacity", RESPONSE_, {}, {"trigger": "capacity: own-exhausted"},
    ),
    "trigger unprovoked": (
        c.Trigger, "unprovoked", RESPONSE_, {}, {"trigger": "unprovoked: required"},
    ),
    "trigger against": (c.Trigger, "against", RESPONSE_, {}, {"trigger": "against: funds"}),
    "duty who": (c.Duty, "who", RESPONSE_, {}, {"duty": "who: port"}),
    "duty owes": (c.Duty, "owes", RESPONSE_, {}, {"duty": "owes: the group"}),
    "duty means": (c.Duty, "means", RESPONSE_, {}, {"duty": "means: as-listed"}),
    "duty answer": (c.Duty, "answer_within", RESPONSE_, {}, {"duty": "answer_within: 1 hour"}),
    "duty perform": (c.Duty, "perform_within", RESPONSE_, {}, {"duty": "perform_within: 1 hour"}),
    "invoked by": (c.CollectiveResponse, "invoked_by", RESPONSE_, {}, {"more": "invoked_by: body"}),
    "decision": (
        c.CollectiveResponse, "decision", RESPONSE_, {}, {"more": "decision: {body: board}"},
    ),
    "decision body": (
        c.Decision, "body", RESPONSE_, {}, {"more": "decision: {body: board}"},
    ),
    "interim": (c.CollectiveResponse, "interim", RESPONSE_, {}, {"more": "interim: {choice: own}"}),
    "binds": (c.Clause, "binds", RESPONSE_, {}, {"more": "binds: port"}),
    "since": (c.Clause, "since", RESPONSE_, {}, {"more": "since: 2026-05-02"}),
    "until": (c.Clause, "until", RESPONSE_, {}, {"more": "until: 2026-04-02"}),
    "operative": (c.Clause, "operative", RESPONSE_, {}, {"more": "operative: no"}),
    "valid": (Protection, "valid", SHARING_, {}, {"valid": "2020-01-01/2021-01-01"}),
}  # fmt: skip

INERT = {
    "counts as": (c.CollectiveResponse, "counts_as", RESPONSE_, "counts_as: attack-on-all"),
    "command": (c.CollectiveResponse, "command", RESPONSE_, "command: coordinated"),
    "text": (c.Clause, "text", RESPONSE_, "text: x"),
}


@pytest.mark.parametrize("name", ACTED_ON)
def test_the_evaluation_acts_on_what_is_said_to_be_evaluated(name: str) -> None:
    declaration, key, article, before, after = ACTED_ON[name]
    said = field(declaration, key).field

    assert answer(agreement(article, **before)) != answer(agreement(article, **after))
    assert said.by not in {LATER, SHOWN}


@pytest.mark.parametrize("name", INERT)
def test_the_evaluation_leaves_alone_what_is_only_shown_or_for_later(name: str) -> None:
    declaration, key, article, more = INERT[name]

    assert answer(agreement(article)) == answer(agreement(article, more=more))
    assert field(declaration, key).field.by in {LATER, SHOWN}


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ("while", "while: at war"),
        ("phase", "phase: imminent"),
        ("conditions", "conditions: notice was given"),
    ],
)
def test_what_a_restraint_asks_for_in_words_of_its_own_decides(key: str, more: str) -> None:
    (plain, *_), *_ = answer(agreement(RESTRAINT_), who="harbour")
    (found, *_), *_ = answer(agreement(RESTRAINT_, more=more), who="harbour")

    assert plain[1] == "met"
    assert found[1] in {"undetermined", "not-met"}
    assert field(c.Restraint, key).field.by == RESPONSE


@pytest.mark.parametrize(
    ("top", "more", "declaration"),
    [
        pytest.param("visibility: VALUE", "", Agreement, id="of the agreement, to a stranger"),
        pytest.param("", "visibility: VALUE", c.Clause, id="of an article, to an observer"),
    ],
)
def test_visibility_decides_what_a_viewpoint_sees(
    top: str, more: str, declaration: type[Any]
) -> None:
    def seen(value: str) -> Any:
        text = agreement(
            RESPONSE_, top=top.replace("VALUE", value), more=more.replace("VALUE", value)
        )
        return answer(text, as_="oslo" if top else "cert")

    assert seen("public")[0]
    assert not seen("secret")[0]
    assert field(declaration, "visibility").field.by == RESPONSE


@pytest.mark.parametrize("key", ["prevails_over", "yields_to"])
def test_precedence_decides_which_side_prevails(key: str) -> None:
    both = INCIDENT.replace(b"WHO", b"oslo")
    other = agreement(RESPONSE_)
    names = tuple(
        replace(party, id=PartyId("oslo")) if party.id == "river" else party
        for party in other.parties
    )
    second = replace(other, id="second", parties=names)
    text = both.decode().replace("acts: [", "acts: [{by: river, against: oslo, target: systems}, ")

    def prevailing(first: Agreement) -> set[str]:
        found = evaluate(
            Register({"first": first, "second": second}, ()),
            load_incidents(text.encode(), "incident"),
            None,
            None,
            at=date(2026, 6, 1),
        )
        assert found.conflicts
        return {each.prevails for each in found.conflicts}

    expected = "first" if key == "prevails_over" else "second"
    assert prevailing(agreement(RESPONSE_)) == {""}
    assert prevailing(agreement(RESPONSE_, top=f"{key}: second")) == {expected}
    assert field(Agreement, key).field.by == RESPONSE


CHANNEL = {
    "share": "share: technique",
    "except": "except: indicator",
    "default_tlp": "default_tlp: GREEN",
    "max_tlp": "max_tlp: RED",
    "receives": "receives: {observer: {max_tlp: GREEN}}",
    "caveats_allowed": "caveats_allowed: ORCON",
    "direction": "direction: {from: river, to: port}",
    "retention": "retention: 1 year",
    "forbidden_topics": "forbidden_topics: prices",
    "within": "within: 1 hour",
    "recall": "recall: {comply_within: 1 day}",
    "sunset": "sunset: {after: 1 year, then: expire}",
    "freshness": "freshness: 1 hour",
    "originator_control": "originator_control: yes",
    "anonymise": "anonymise: {by: hub}",
    "about": "about: ports",
    "purpose": "purpose: defence",
    "resale": "resale: may",
    "encrypt": "encrypt: may",
    "third_party": "third_party: originator-consent",
    "community": "community: our sector",
    "allowed_to": "third_party: {allowed_to: our insurer}",
    "attribution": "attribution: must-not",
    "consent_overrides": "consent_overrides: yes",
    "personal_data": "personal_data: {lawful_basis: consent}",
    "permitted_actions": "permitted_actions: none",
    "exceptions": "exceptions: {ask: either}",
}
BESIDE = {
    "consent_overrides", "permitted_actions", "purpose", "recall", "retention", "sunset", "within",
}  # fmt: skip
"""What decides about an item after its release; see `test_enforced_sharing.py`."""


@pytest.mark.parametrize("key", CHANNEL)
def test_a_sharing_field_makes_another_channel_exactly_if_it_is_said_to(key: str) -> None:
    plain = agreement(SHARING_.replace("legal_shield: law", "title: x"))
    text = SHARING_.replace("legal_shield: law", "title: x")
    if key == "share":
        other = agreement(text.replace("share: [indicator]", CHANNEL[key]))
    else:
        other = agreement(text, more=CHANNEL[key])
    owner = AllowedTo if key == "allowed_to" else InformationSharing
    acted = field(owner, key).field.by == EXCHANGE

    assert (channels_of(plain) != channels_of(other)) == (acted and key not in BESIDE)
    assert acted or key not in BESIDE
