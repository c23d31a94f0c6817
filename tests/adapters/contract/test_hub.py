"""What a secretariat keeps: replaced by what identifies it, narrowed as it is asked, per hub."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from allied.node.hub_rows import READY, REVIEW, Naming, Submission, Submitted
from allied.node.ports import Store
from allied.record.ids import AgreementId, OrganisationId
from tests.adapters.contract.rows import at

HUB, OTHER = OrganisationId("0" * 64), OrganisationId("1" * 64)
A, B = OrganisationId("a" * 64), OrganisationId("b" * 64)
PACT = AgreementId("c" * 64)
AT, HOUR = at(1), timedelta(hours=1)

FIRST = Submission("one", HUB, PACT, A, "share-1", "1", REVIEW, "", 2, AT, None, "", "{}")
SECOND = replace(FIRST, id="two", submitter=B, state=READY, received_at=AT + HOUR, due_at=AT)
OBJECT = Submitted(HUB, PACT, A, "indicator--1", "v1", "one", "indicator--9")


def test_a_salt_stays_with_its_submitter(store: Store) -> None:
    with store.write() as writing:
        writing.set_hub_salt(HUB, PACT, A, b"salt")
    with store.read() as reading:
        assert reading.hub_salt(HUB, PACT, A) == b"salt"
        assert reading.hub_salt(HUB, PACT, B) is None
        assert reading.hub_salt(OTHER, PACT, A) is None


def test_submissions_come_back_in_order_and_by_state(store: Store) -> None:
    with store.write() as writing:
        writing.put_submission(SECOND)
        writing.put_submission(FIRST)
        writing.put_submission(replace(FIRST, organisation=OTHER))
    with store.read() as reading:
        assert list(reading.submissions(HUB)) == [FIRST, SECOND]
        assert list(reading.submissions(HUB, states=(READY,))) == [SECOND]
        assert list(reading.submissions(HUB, agreement=AgreementId("d" * 64))) == []
        assert reading.submission(HUB, "one") == FIRST
        assert reading.submission(HUB, "three") is None
    with store.write() as writing:
        writing.put_submission(replace(FIRST, state=READY, due_at=AT + HOUR))
    with store.read() as reading:
        found = reading.submission(HUB, "one")
    assert found is not None
    assert (found.state, found.due_at) == (READY, AT + HOUR)


def test_submitted_objects_are_found_from_either_side(store: Store) -> None:
    later = replace(OBJECT, old_version="v2", submission="two")
    of_b = replace(OBJECT, submitter=B, new_id="indicator--8", recall="r", recall_due=AT)
    with store.write() as writing:
        writing.put_submitted([OBJECT, later, of_b])
    with store.read() as reading:
        assert list(reading.submitted(HUB, PACT)) == [of_b, OBJECT, later]
        assert list(reading.submitted(HUB, PACT, submitter=A)) == [OBJECT, later]
        assert list(reading.submitted(HUB, PACT, old_ids=["indicator--1"], submitter=B)) == [of_b]
        assert list(reading.submitted(HUB, PACT, new_ids=["indicator--9"])) == [OBJECT, later]
        assert list(reading.submitted(HUB, PACT, new_ids=[])) == []
        assert list(reading.submitted(HUB, PACT, submission="two")) == [later]
        assert list(reading.submitted(HUB, PACT, recall_pending=True)) == [of_b]
        assert list(reading.submitted(OTHER, PACT)) == []
    with store.write() as writing:
        writing.put_submitted([replace(of_b, recalled_at=AT)])
        writing.put_submitted([])
    with store.read() as reading:
        assert list(reading.submitted(HUB, PACT, recall_pending=True)) == []


def test_who_is_told_a_name_is_forgotten_with_its_link(store: Store) -> None:
    told = Naming(HUB, PACT, "indicator--9", "haulier", "relationship--1", AT)
    also = replace(told, party="cert", link="relationship--2")
    with store.write() as writing:
        writing.add_namings([told, also])
        writing.drop_naming(HUB, "relationship--1")
        writing.drop_naming(OTHER, "relationship--2")
    with store.read() as reading:
        assert list(reading.namings(HUB, PACT)) == [also]
