"""What every clause has, and the words that several types of clause share.

Rule that holds below: a clause binds all members, applies as long as the agreement does,
and creates rights and duties, unless it says something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Final

from allied.agreement.scalars import (
    DAY,
    PARAGRAPHS,
    SENTENCE,
    YES_NO,
    Choice,
    Name,
    Ref,
)
from allied.agreement.shape import (
    LIFE,
    RESPONSE,
    SHOWN,
    Field,
    Many,
)

KIND_WORDS: Final = {
    "indicator": "indicators",
    "technique": "techniques",
    "vulnerability": "vulnerabilities",
    "incident-report": "incident reports",
    "victim-notice": "notices to victims",
    "intelligence": "intelligence",
    "raw-collection": "raw collection",
    "assessment": "assessments",
    "capability": "capabilities",
}

KINDS: Final = tuple(KIND_WORDS)
"""What information can be, without `all`."""

KIND: Final = Choice(
    {**KIND_WORDS, "all": "everything"},
    "a kind of information",
    everyday={
        "ioc": "indicator",
        "iocs": "indicator",
        "ttp": "technique",
        "ttps": "technique",
        "cve": "vulnerability",
        "cves": "vulnerability",
        "report": "incident-report",
        "reports": "incident-report",
        "incidents": "incident-report",
        "phishing": "indicator",
        "malware": "indicator",
        "threat-intelligence": "intelligence",
        "everything": "all",
        "any": "all",
    },
)

VISIBILITY: Final = Choice(
    {
        "public": "anyone may know of it",
        "parties": "only the parties see it",
        "secret": "not even its existence is known outside",
    },
    "a visibility",
)

ART: Final = Name(
    "the number of an article",
    r"[A-Za-z0-9](?:[A-Za-z0-9.()-]{0,62}[A-Za-z0-9)])?",
    'a number or a name, like `"5"`, `"6(1)"` or `letters-1912`',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """What every clause has."""

    TYPE: ClassVar[str] = ""
    CALLED: ClassVar[str] = "a clause"
    ABOUT: ClassVar[str] = ""

    art: Annotated[str, Field(ART, "It has the number {}.", SHOWN)]
    title: Annotated[str, Field(SENTENCE, "Its title is {}.", SHOWN, "It has no title.")] = ""
    text: Annotated[
        str, Field(PARAGRAPHS, "In the parties' own words: {}", SHOWN, "It has no wording.")
    ] = ""
    since: Annotated[
        date | None,
        Field(
            DAY, "It applies from {}.", LIFE, "It applies from the entry into force of the whole."
        ),
    ] = None
    until: Annotated[
        date | None,
        Field(
            DAY, "It applies up to and including {}.", LIFE, "It applies as long as the whole does."
        ),
    ] = None
    visibility: Annotated[
        str,
        Field(VISIBILITY, "Who may know: {}.", RESPONSE, "It is as visible as the agreement."),
    ] = ""
    binds: Annotated[
        tuple[str, ...],
        Field(
            Many(Ref("party"), "parties", every="all members", empty="all members"),
            "It binds {}.",
            LIFE,
            "It binds all members.",
        ),
    ] = ()
    operative: Annotated[
        bool,
        Field(
            YES_NO, "It creates rights and duties.", RESPONSE, "It creates no rights and no duties."
        ),
    ] = True
