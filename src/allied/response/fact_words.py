"""The words in which facts are stated: names, moments, and closed vocabularies.

Declarations of kinds only, for the facts of an incident (`incident`) and for rescues (`rescue`).

Source: the incident format `incident/1`, docs/reference/incident-format.md.
"""

from __future__ import annotations

from datetime import date
from typing import Final

from allied.agreement.scalars import SENTENCE, YES_NO, Choice, Name, Scalar
from allied.agreement.shape import Many, Named
from allied.agreement.values import Severity
from allied.response.moment import moment, moment_text

SENTENCES_LIMIT: Final = 200
"""Tags, names and references in one list of an act."""

ACTS_LIMIT: Final = 1_000
"""Acts in one version."""

VERSIONS_LIMIT: Final = 1_000
"""Versions, findings, calls or decisions of one incident."""

NAME: Final = Name("the name of a state, an organisation or a party")
ART: Final = Name(
    "the number of a clause",
    r"[0-9A-Za-z][0-9A-Za-z.()_-]{0,63}",
    "letters, digits, dots, brackets and hyphens, at most 64",
)
MOMENT: Final = Scalar("a day or an instant", moment, date, show_as=moment_text)
SEVERITY: Final = Scalar("a severity", Severity.parse, Severity)
PHASE: Final = Choice("threatened imminent active past", "a phase")
ORIGIN: Final = Choice("outside inside", "an origin")
PROVOCATION: Final = Choice({"yes": "yes", "no": "no", "contested": "contested"}, "an answer")
COURSE: Final = Choice(
    {
        "contained": "contained",
        "closed": "closed",
        "after-action-done": "closed, and what was learnt is written down",
        "withdrawn-by-victim": "withdrawn by its victim",
        "merged-into-campaign": "dealt with as part of its campaign",
        "reopened": "reopened",
    },
    "the course of an incident",
)
CAPACITY: Final = Choice("own-exhausted sufficient", "a state of own capacity")
OUTCOME: Final = Choice(
    "adopted rejected silence-broken withdrawn lapsed statement", "the outcome of a decision"
)
STATED: Final = Named(YES_NO, SENTENCE, "conditions", most=SENTENCES_LIMIT)
"""Conditions in a clause's own words, and whether they hold."""

FOUND: Final = Choice(
    {
        each: each
        for each in (
            "kind",
            "severity",
            "phase",
            "attribution",
            "attribution.from",
            "attribution.to",
            "attribution.confidence",
            "unprovoked",
            "capacity",
            "scope",
            "ended",
        )
    },
    "a field that a body can find",
)


def tags(what: str) -> Many:
    """A list of tags, names or references."""
    return Many(SENTENCE, what, most=SENTENCES_LIMIT)
