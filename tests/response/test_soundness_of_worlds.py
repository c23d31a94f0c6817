"""P19 over generated worlds: what is cited is enough to come to the same answer.

That what would change an answer does is tried on texts made for it (`test_soundness.py`): in a
world drawn at random it may be out of reach, two victims where one party is bound, say.
"""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings

from allied.agreement import clauses as c
from allied.agreement.standing import Register
from allied.response.evaluate import evaluate
from allied.response.results import Result
from tests.response.replaying import names_of, only_cited
from tests.response.test_soundness import answers, of_clause, owed
from tests.response.worlds import AT, World, worlds

SOME = settings(max_examples=max(20, settings().max_examples // 2))
ASKED = (c.CollectiveResponse, c.Consultation, c.MutualAid, c.Restraint)


def cited_only(world: World, result: Result) -> World:
    """The world with nothing in it but the clause and the facts that a result cites.

    Who is bound, and with what reservation, is the register's: its events and the clauses on
    the agreement itself stay.
    """
    text = world.register.agreements[result.agreement]
    alone = replace(
        text,
        articles=tuple(
            each for each in text.articles if each.art == result.art or not isinstance(each, ASKED)
        ),
    )
    (incident,) = world.incidents
    bare = only_cited(incident, result.agreement, result.art, names_of(result))
    return replace(
        world,
        register=Register({text.id: alone}, world.register.events),
        incidents=(bare,),
    )


@SOME
@given(worlds(agreements=1, incidents_=1, versions=1))
def test_the_cited_facts_and_the_cited_clause_give_the_same_answer(world: World) -> None:
    found = evaluate(world.register, world.incidents, None, None, at=AT)
    for result in found.results:
        bare = cited_only(world, result)
        again = evaluate(bare.register, bare.incidents, None, None, at=AT)
        same = of_clause(again, result)
        assert (same.outcome, same.reason, same.missing, same.would_change_if) == (
            result.outcome,
            result.reason,
            result.missing,
            result.would_change_if,
        )
        assert answers(same) == answers(result)
        assert owed(again, result) == owed(found, result)
