"""What a new release changes of one object."""

from __future__ import annotations

from typing import Any

import pytest

from allied.exchange.comparison import Change, Form, compare
from tests.exchange.samples import encoded, indicator, malware, seen

OLD, NEW = "2026-03-01T12:00:00.000Z", "2026-03-02T12:00:00.000Z"


def form(object_: dict[str, Any]) -> Form:
    return Form(str(object_["modified"]), encoded(object_))


@pytest.mark.parametrize(
    ("before", "after", "change", "properties"),
    [
        pytest.param(malware(), malware(), "unchanged", (), id="the same bytes"),
        pytest.param(
            malware(), malware(modified=NEW, name="N"), "changed", ("modified", "name"), id="newer"
        ),
        pytest.param(
            malware(),
            malware(modified=NEW, revoked=True),
            "revoked",
            ("modified", "revoked"),
            id="revoked with this version",
        ),
        pytest.param(
            malware(revoked=True),
            malware(modified=NEW, revoked=True),
            "changed",
            ("modified",),
            id="revoked before",
        ),
        pytest.param(
            malware(modified=NEW), malware(), "older", ("modified",), id="an older version"
        ),
        pytest.param(
            malware(),
            malware(x_ours=False),
            "contradicting",
            ("x_ours",),
            id="the same version with other content",
        ),
        pytest.param(
            malware(modified="2026-03-01T12:00:00.000Z"),
            malware(modified="2026-03-01T12:00:00Z"),
            "contradicting",
            ("modified",),
            id="the same instant in other digits",
        ),
        pytest.param(
            malware(),
            dict(reversed(malware().items())),
            "rewritten",
            (),
            id="the same content in another order",
        ),
        pytest.param(
            indicator(labels=["a"]),
            indicator(modified=NEW),
            "changed",
            ("labels", "modified"),
            id="a property that is left out",
        ),
    ],
)
def test_what_became_of_an_object(
    before: dict[str, Any], after: dict[str, Any], change: str, properties: tuple[str, ...]
) -> None:
    found = compare(after["id"], after["type"], form(before), form(after))
    assert (found.change, found.properties) == (change, properties)
    assert (found.before, found.after) == (before["modified"], after["modified"])


def test_what_was_not_there_is_added() -> None:
    found = compare("malware--1", "malware", None, form(malware(revoked=True)))
    assert (found.change, found.before, found.after) == (Change.ADDED, "", OLD)


def test_an_observable_has_no_version_and_is_another_one() -> None:
    one, other = seen("mutex", name="Qq"), seen("mutex", name="Qr")
    before, after = Form("a" * 64, encoded(one)), Form("b" * 64, encoded(other))
    assert compare("mutex--1", "mutex", before, after).change == Change.CHANGED
    assert compare("mutex--1", "mutex", before, before).change == Change.UNCHANGED


def test_what_cannot_be_read_differs_in_nothing_that_has_a_name() -> None:
    found = compare("malware--1", "malware", Form(OLD, b"\xff"), Form(NEW, b"["))
    assert (found.change, found.properties) == (Change.CHANGED, ())
