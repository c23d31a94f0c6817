"""What a person answers for cannot be given to a token, whatever its role."""

from __future__ import annotations

import pytest

from allied.entrypoints.cli import build
from allied.entrypoints.rest.acts import ACTS, PersonAct
from allied.entrypoints.rest.routes import TABLE
from allied.errors import NotAuthorisedError
from allied.node import agreements, obligations
from allied.node.node import Actor
from allied.record.kinds import KINDS
from tests.rest.stand import ROLES, Stand, code


def test_every_kind_that_needs_a_person_has_its_line() -> None:
    assert [act.kind for act in ACTS] == list(dict.fromkeys(act.kind for act in ACTS))
    assert {act.kind for act in ACTS} == {kind for kind, row in KINDS.items() if row.act}


@pytest.mark.parametrize("act", ACTS, ids=lambda act: act.kind)
def test_an_act_is_refused_for_every_role(stand: Stand, act: PersonAct) -> None:
    path = act.path.replace("{name}", stand.stage.agreement).replace("{", "").replace("}", "")
    for role in ROLES:
        answer = stand.post(path, role=role)
        assert code(answer, 403) == "rest.person-act"
        assert "command line" in answer.json()["error"]["hint"]


def test_no_way_of_the_table_leads_to_an_act() -> None:
    assert not {(way.method, way.path) for way in TABLE} & {("POST", act.path) for act in ACTS}


def test_the_verbs_that_are_named_are_there() -> None:
    import typer

    from tests.docs.pages import verbs

    known = {" ".join(("allied", *path)) for path, _ in verbs(typer.main.get_command(build()))}
    assert {act.verb for act in ACTS if act.verb} <= known


def test_an_actor_without_a_person_can_do_no_act_by_any_way(busy: Stand) -> None:
    river = busy.river
    nobody = Actor(river.organisation, river.keys)
    owed = obligations.list_obligations(river.node, river.organisation, mine_only=True)[0]
    with pytest.raises(NotAuthorisedError):
        obligations.say(river.node, nobody, owed.key, "perform")
    with pytest.raises(NotAuthorisedError):
        agreements.withdraw(river.node, nobody, busy.stage.agreement)
    evidence = [("text/plain", b"done")]
    done = obligations.say(river.node, river.actor, owed.key, "perform", evidence=evidence)
    assert done.state == "performed"  # the twin: a person does
