"""What is doubtful in an agreement that can be read, and what nobody enforces yet.

The loader refuses what cannot be read. This module reads on: what is contradictory,
what can never happen, what was probably forgotten, and what this release parses without
acting on it. It decides nothing; a text with findings can be signed, unless one of them is
an error.

Words used here:
    finding    code, severity, article, place, a sentence, and what to do
    error      the text contradicts itself; `agreement check` ends with status 8
    warning    allowed, and probably not what was meant
    note       worth knowing

Rules that hold everywhere below. Every finding names its place where the text is at hand.
Findings come in the order of the text. Whatever the file says and nobody acts on yields
exactly one `agreement.not-enforced`, at the outermost field. No clock is read: what
depends on the day is not asked here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from allied.agreement.clauses import (
    Clause,
    CollectiveResponse,
    Duty,
    InformationSharing,
    MutualAid,
    OneWay,
    Secrecy,
    Trigger,
)
from allied.agreement.enforcement import Used, used_but_later, walk
from allied.agreement.parts import DecisionRule
from allied.agreement.scalars import number_words
from allied.agreement.shape import Finding, MalformedTextError, suggestion
from allied.agreement.terms import ROLES, Agreement, Document, EntryCondition, View, read
from allied.agreement.text import ListNode, MapNode, Node, TextNode
from allied.agreement.values import Tlp
from allied.errors import MalformedError, Place

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A finding before its place is known."""

    code: str
    severity: str
    path: Path
    text: str
    advice: str
    clause: str = ""


def check(value: Agreement | View, document: Document | None = None) -> tuple[Finding, ...]:
    """Say what is doubtful in an agreement.

    Args:
        document: the text it was read from, for the places; without it no finding has one.

    Cost: linear in the agreement.
    """
    if isinstance(value, View):
        return document.remarks if document else ()
    doubts = [doubt for rule in _RULES for doubt in rule(value)]
    findings = [_placed(doubt, document) for doubt in doubts]
    if document:
        findings += document.remarks
    first = Place("", 0, 0)
    return tuple(
        sorted(findings, key=lambda each: ((p := each.place or first).line, p.column, each.code))
    )


def check_text(raw: bytes, source: str) -> tuple[Finding, ...]:
    """Read a file and say what is wrong or doubtful in it.

    A file that cannot be read yields its mistakes as findings; nothing is raised for them.
    """
    try:
        documents = read(raw, source)
    except MalformedTextError as error:
        return error.findings
    except MalformedError as error:
        return (Finding(error.code, "error", "", error.place, error.message, error.hint),)
    twice = {each.value.id for each in documents}
    findings: list[Finding] = []
    for document in documents:
        if document.value.id in twice:
            twice.discard(document.value.id)
        else:
            place = Place(source, document.root.line, document.root.column)
            text = "two documents of this file have the same id"
            findings.append(
                Finding("agreement.same-id", "error", "", place, text, "give each its own id")
            )
        findings += check(document.value, document)
    return tuple(findings)


def _placed(doubt: _Doubt, document: Document | None) -> Finding:
    place = None
    if document:
        node = node_at(document.root, doubt.path)
        place = Place(document.source, node.line, node.column)
    return Finding(doubt.code, doubt.severity, doubt.clause, place, doubt.text, doubt.advice)


def node_at(root: Node, path: Path) -> Node:
    """The node at a path of keys, entry numbers and ids, or the nearest one above it.

    In `articles` and `parties` a step is the number or the id of the entry.
    """
    node = root
    table = ""
    for step in path:
        found: Node | None = None
        if isinstance(node, MapNode):
            found = node.get(str(step)) if isinstance(step, str) else node
        elif isinstance(node, ListNode) and isinstance(step, int):
            found = node.items[step] if step < len(node.items) else None
        elif isinstance(node, ListNode):
            found = next((each for each in node.items if _goes_by(each, step, table)), None)
        if found is None:
            return node
        table = str(step)
        node = found
    return node


def _goes_by(node: Node, name: str | int, table: str) -> bool:
    if not isinstance(node, MapNode):
        return False
    for key in ("art",) if table == "articles" else ("id", "ids", "name"):
        value = node.get(key)
        texts = value.items if isinstance(value, ListNode) else [value]
        if any(isinstance(each, TextNode) and each.text == name for each in texts):
            return True
    return False


# Each rule looks at the whole agreement and says what it doubts.


def _ways_out(value: Agreement) -> Iterator[_Doubt]:
    if value.withdrawal is None:
        yield _Doubt(
            "agreement.no-withdrawal",
            "warning",
            ("life",),
            "nothing says how a party leaves",
            "add `withdrawal: {notice: 90 days}` under `life`",
        )
    elif value.withdrawal.to == "depositary" and not value.depositary:
        yield _Doubt(
            "agreement.no-depositary",
            "warning",
            ("life", "withdrawal", "to"),
            "notice goes to the depositary, and there is none",
            "name a party under `depositary`",
        )


def _size(value: Agreement) -> Iterator[_Doubt]:
    count = len(value.parties)
    bounds = {"bilateral": (2, 2), "minilateral": (3, 12), "multilateral": (3, None)}
    least, most = bounds.get(value.lateral, (0, None))
    if count < least or (most is not None and count > most):
        yield _Doubt(
            "agreement.lateral",
            "warning",
            ("lateral",),
            f"a {value.lateral} agreement does not have {number_words(count)} parties",
            "change `lateral`, or the parties",
        )
    if not value.members:
        yield _Doubt(
            "agreement.no-member",
            "error",
            ("parties",),
            "no party is a member, so the articles bind nobody",
            "give at least one party the role `member`",
        )
    joined = next((party for party in value.parties if party.joined), None)
    if joined:
        yield _Doubt(
            "agreement.status-in-text",
            "note",
            ("parties", joined.id, "joined"),
            "`joined` is a status: it feeds `whatif`, and a node refuses to propose such a text",
            "take `joined` out before you propose; the day is that of the signature",
        )


def _entry(value: Agreement) -> Iterator[_Doubt]:
    entry = value.life.in_force_when
    path: Path = ("life", "in_force_when")
    if entry.count is not None and not 0 < entry.count <= len(value.parties):
        yield _Doubt(
            "agreement.never-in-force",
            "error",
            (*path, "count"),
            "that many parties can never be reached, or none is needed",
            f"a number from 1 to {len(value.parties)}",
        )
    if entry == EntryCondition():
        yield _Doubt(
            "agreement.no-entry-condition",
            "error",
            path,
            "nothing is named that puts the agreement into force",
            "write `all signed`, or name a count, a share or a day",
        )
    window = value.life.signature_window
    deadline = value.life.entry_deadline
    if window and deadline and deadline < window.first:
        yield _Doubt(
            "agreement.deadline-before-signature",
            "error",
            ("life", "entry_deadline"),
            "the agreement lapses before it can be signed",
            "move one of the two days",
        )
    renewal = value.life.renewal
    if value.life.term is None and renewal.automatic:
        yield _Doubt(
            "agreement.renewal-without-term",
            "warning",
            ("life", "renewal"),
            "an agreement without a term has nothing to renew",
            "add a `term`, or take `renewal` out",
        )


def _spans(value: Agreement) -> Iterator[_Doubt]:
    for clause in value.articles:
        if clause.since and clause.until and clause.until < clause.since:
            yield _about(
                clause,
                "agreement.never-applies",
                "error",
                ("until",),
                "this article ends before it begins",
                "exchange the two days",
            )


def _sharing(value: Agreement) -> Iterator[_Doubt]:
    for clause in value.clauses(InformationSharing):
        if clause.default_tlp > clause.max_tlp:
            yield _about(
                clause,
                "agreement.default-above-ceiling",
                "error",
                ("default_tlp",),
                "what carries no marking would be above the ceiling and be refused",
                f"at most {clause.max_tlp}, or raise `max_tlp`",
            )
        for role, receives in clause.receives.items():
            yield from _received(value, clause, role, receives.max_tlp)
        lowest = [clause.default_tlp, *(each.max_tlp for each in clause.receives.values())]
        if Tlp.GREEN in lowest and not clause.community:
            yield _about(
                clause,
                "agreement.no-community",
                "warning",
                ("max_tlp",),
                "TLP:GREEN is used, and nothing says which community it means",
                "say so under `community`",
            )
        hub = clause.direction == "hub" or (clause.anonymise and clause.anonymise.by == "hub")
        if hub and not value.hubs:
            yield _about(
                clause,
                "agreement.no-hub",
                "error",
                ("direction",),
                "it goes through the secretariat, and no party has that role",
                "give one party `role: secretariat`",
            )
        if isinstance(clause.direction, OneWay):
            yield from _one_way(value, clause, clause.direction)
        elif len(value.parties) < 2 and value.lateral != "open":
            yield _about(
                clause, "agreement.nobody-owes", "warning", (), "there is nobody to share with", ""
            )
        if not any(clause.covers(kind) for kind in clause.share) and "all" not in clause.share:
            yield _about(
                clause,
                "agreement.nothing-shared",
                "error",
                ("except",),
                "everything that is shared is also left out",
                "take something out of `except`",
            )


def _received(
    value: Agreement, clause: InformationSharing, role: str, ceiling: Tlp
) -> Iterator[_Doubt]:
    known = {*ROLES.options, *(party.tier for party in value.parties if party.tier)}
    if role not in known:
        yield _about(
            clause,
            "agreement.unknown-role",
            "warning",
            ("receives", role),
            "no party has this role or tier",
            suggestion(role, sorted(known)),
        )
    if ceiling > clause.max_tlp:
        yield _about(
            clause,
            "agreement.receives-above-ceiling",
            "warning",
            ("receives", role, "max_tlp"),
            "it may receive more than the clause lets in",
            f"at most {clause.max_tlp}, or raise `max_tlp` of the clause",
        )


def _one_way(value: Agreement, clause: InformationSharing, way: OneWay) -> Iterator[_Doubt]:
    for key, names in (("from", way.senders), ("to", way.recipients)):
        if "hub" in names and not value.hubs:
            yield _about(
                clause,
                "agreement.no-hub",
                "error",
                ("direction", key),
                "it names the secretariat, and no party has that role",
                "give one party `role: secretariat`",
            )
    if (
        way.senders == way.recipients
        and len(way.senders) == 1
        and way.senders[0] in value.party_ids
    ):
        yield _about(
            clause,
            "agreement.nobody-owes",
            "error",
            ("direction",),
            "sender and recipient are the same party",
            "name two",
        )


def _responses(value: Agreement) -> Iterator[_Doubt]:
    for clause in value.clauses(CollectiveResponse):
        if not clause.duties:
            yield _about(
                clause,
                "agreement.no-duty",
                "warning",
                (),
                "it can be invoked, and nobody owes anything then",
                "add `duties`",
            )
        for index, duty in enumerate(clause.duties):
            yield from _duty(value, clause, duty, ("duties", index))
        yield from _trigger(value, clause, clause.trigger)
        if "victim" not in clause.invoked_by and clause.trigger.requested_by_victim:
            yield _about(
                clause,
                "agreement.never-invoked",
                "warning",
                ("invoked_by",),
                "the victim must have asked for it and may not invoke it",
                "add `victim` to `invoked_by`",
            )
        if clause.invocation_window and not clause.invoked_by:
            yield _about(
                clause,
                "agreement.window-without-caller",
                "warning",
                ("invocation_window",),
                "there is a time for invoking, and nobody who invokes",
                "name somebody under `invoked_by`",
            )
        if clause.provisional and clause.provisional.allowed and not clause.provisional.pending:
            yield _about(
                clause,
                "agreement.provisional-without-gap",
                "warning",
                ("provisional",),
                "it may be called while facts are missing, and no fact may be missing",
                "list them under `pending`",
            )


def _duty(value: Agreement, clause: CollectiveResponse, duty: Duty, path: Path) -> Iterator[_Doubt]:
    bound = value.bound_by(clause)
    if duty.modality == "must" and duty.answer_within is None:
        yield _about(
            clause,
            "agreement.no-deadline",
            "warning",
            path,
            "nobody can be late with an answer: no `answer_within` is set",
            "add `answer_within: 2 hours`, or whatever was meant",
        )
    if duty.modality == "must" and duty.perform_within is None:
        yield _about(
            clause,
            "agreement.no-deadline",
            "warning",
            path,
            "nobody can be late with performing: no `perform_within` is set",
            "add `perform_within: 24 hours`, or whatever was meant",
        )
    parties = frozenset(value.party_ids)
    named = frozenset(duty.who) & parties
    groups = frozenset(duty.who) - parties
    alone = len(bound) == 1 and duty.owes == "victim" and frozenset(value.members) <= bound
    strangers = named - bound if not groups else frozenset()
    if (
        (groups == {"other parties"} and not named and alone)
        or (named and named == strangers)
        or (duty.owes in named and len(duty.who) == 1)
        or (groups == {"hub"} and not named and not value.hubs)
    ):
        yield _about(
            clause,
            "agreement.nobody-owes",
            "error",
            (*path, "who"),
            "nobody is left who could owe this",
            "name a party that the article binds, other than the one it is owed to",
        )


def _trigger(value: Agreement, clause: CollectiveResponse, trigger: Trigger) -> Iterator[_Doubt]:
    parties = frozenset(value.party_ids)
    victims = [*trigger.victim_is, *(name for case in trigger.cases for name in case.victim)]
    if victims and not parties.intersection(victims) and not trigger.act_by:
        yield _about(
            clause,
            "agreement.unreachable-trigger",
            "error",
            ("trigger",),
            "no victim that it names is a party, so it never answers",
            suggestion(victims[0], sorted(parties), what="party"),
        )
    if trigger.victims is not None and trigger.victims > len(parties):
        yield _about(
            clause,
            "agreement.unreachable-trigger",
            "error",
            ("trigger", "victims"),
            "it asks for more victims than there are parties",
            f"at most {len(parties)}",
        )
    if trigger.act_by and parties.issuperset(trigger.act_by):
        yield _about(
            clause,
            "agreement.unreachable-trigger",
            "warning",
            ("trigger", "act_by"),
            "it answers only to acts of its own parties",
            "name somebody outside",
        )
    for name in trigger.attackers_named:
        if name in parties:
            yield _about(
                clause,
                "agreement.attacker-is-party",
                "warning",
                ("trigger", "attacker"),
                "an attacker that it names is a party",
                "an attack between parties is settled by a `dispute` article",
            )


def _aid(value: Agreement) -> Iterator[_Doubt]:
    for clause in value.clauses(MutualAid):
        if clause.modality == "must" and clause.answer_within is None:
            yield _about(
                clause,
                "agreement.no-deadline",
                "warning",
                (),
                "nobody can be late with an answer: no `answer_within` is set",
                "add `answer_within: 4 hours`, or whatever was meant",
            )
        if clause.cost == "capped" and not clause.cost_cap:
            yield _about(
                clause,
                "agreement.no-cap",
                "warning",
                ("cost",),
                "the cost is capped, and no cap is named",
                "add `cost_cap`",
            )
        if clause.cost == "free-then-cost" and clause.free_for is None:
            yield _about(
                clause,
                "agreement.no-free-period",
                "warning",
                ("cost",),
                "it is free at first, and nothing says for how long",
                "add `free_for`",
            )


def _rules(value: Agreement) -> Iterator[_Doubt]:
    for used in _decision_rules(value):
        rule = used.value
        if not isinstance(rule, DecisionRule):
            continue
        if rule.kind == "named-party" and not rule.party:
            yield _Doubt(
                "agreement.no-decider",
                "error",
                used.path,
                "a named party decides, and none is named",
                "add `party`",
                used.clause,
            )
        if rule.kind not in {"none", "named-party"} and rule.tolerates == 0:
            yield _Doubt(
                "agreement.tolerates-nobody",
                "note",
                used.path,
                "`tolerates` is 0: one voter who says different things to different parties can"
                " split a decision until people settle it",
                "with four voters or more, `tolerates: 1` withstands one",
                used.clause,
            )
    for name, body in value.bodies.items():
        if body.rule is None:
            yield _Doubt(
                "agreement.body-without-rule",
                "note",
                ("bodies", name),
                "this body has no `rule`, so it can meet but not decide",
                "add `rule: {kind: ...}` if it is to decide",
            )


def _secrecy(value: Agreement) -> Iterator[_Doubt]:
    hidden = any(clause.existence for clause in value.clauses(Secrecy))
    if hidden and value.visibility != "secret":
        clause = next(each for each in value.clauses(Secrecy) if each.existence)
        yield _about(
            clause,
            "agreement.secret-but-visible",
            "warning",
            ("existence",),
            "its existence is secret, and `visibility` of the agreement says something else",
            "write `visibility: secret` at the top",
        )


def _adaptations(value: Agreement) -> Iterator[_Doubt]:
    capabilities = {
        f"{name}: {said}" for party in value.parties for name, said in party.capabilities.items()
    }
    status = {
        f"{name}: {said}" for party in value.parties for name, said in party.status_notes.items()
    }
    for clause in value.clauses(CollectiveResponse):
        for index, each in enumerate(clause.adaptations):
            for key, wanted, known in (
                ("capability", each.capability, capabilities),
                ("status", each.status, status),
            ):
                if wanted and wanted not in known:
                    yield _about(
                        clause,
                        "agreement.adaptation-for-nobody",
                        "warning",
                        ("adaptations", index, key),
                        f"no party has this {key}",
                        suggestion(wanted, sorted(known), what=key),
                    )


def _enforcement(value: Agreement) -> Iterator[_Doubt]:
    for used in used_but_later(value):
        yield _Doubt(
            "agreement.not-enforced",
            "note",
            used.path,
            f"`{used.key}` is parsed, signed and shown, but this release does not enforce it yet",
            "",
            used.clause,
        )


def _decision_rules(value: Agreement) -> Iterator[Used]:
    return (used for used in walk(value) if isinstance(used.value, DecisionRule))


def _about(clause: Clause, code: str, severity: str, path: Path, text: str, advice: str) -> _Doubt:
    return _Doubt(code, severity, ("articles", clause.art, *path), text, advice, clause.art)


_RULES: Final[tuple[Callable[[Agreement], Iterable[_Doubt]], ...]] = (
    _ways_out,
    _size,
    _entry,
    _spans,
    _sharing,
    _responses,
    _aid,
    _rules,
    _secrecy,
    _adaptations,
    _enforcement,
)
