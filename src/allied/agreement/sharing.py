"""Clauses on sharing information: who is told what, how far it may go, and how it is recalled.

Declarations only; `allied.exchange` decides by them. The defaults are the narrow ones:
nothing above AMBER, nothing to third parties, nothing to a role that is not named.

Source: agreement format, "information-sharing"; UKUSA, ISAC rules, AIS, FIRST TLP 2.0 and
IEP 2.0, the convention of 1892.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from allied.agreement.clause import KIND, Clause
from allied.agreement.parts import (
    DEBTORS,
)
from allied.agreement.scalars import (
    AFTER,
    COUNT,
    DURATION,
    SENTENCE,
    TLP,
    WITHIN,
    YES_NO,
    Choice,
    Name,
    Ref,
)
from allied.agreement.shape import (
    DECISION,
    EXCHANGE,
    RESPONSE,
    SHOWN,
    Field,
    Group,
    Many,
    Named,
    OneOf,
)
from allied.agreement.values import NOTHING, Duration, Table, Tlp


@dataclass(frozen=True, slots=True, kw_only=True)
class OneWay:
    """Sharing that goes in one direction."""

    senders: Annotated[tuple[str, ...], Field(DEBTORS, "From {}.", EXCHANGE, key="from")]
    recipients: Annotated[tuple[str, ...], Field(DEBTORS, "To {}.", EXCHANGE, key="to")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receives:
    """What one role or tier may receive."""

    LEAD: ClassVar[str] = "{kinds}, at most {max_tlp}."

    max_tlp: Annotated[Tlp, Field(TLP, "At most {}.", EXCHANGE)]
    kinds: Annotated[tuple[str, ...], Field(Many(KIND, "kinds", least=1), "Of {}.", EXCHANGE)] = (
        "all",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowedTo:
    """Third parties that may be given what was shared."""

    allowed_to: Annotated[
        tuple[str, ...], Field(Many(SENTENCE, "third parties", least=1), "To {}.", EXCHANGE)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recall:
    """How fast a recalled item must be gone."""

    comply_within: Annotated[Duration, Field(WITHIN, "To be complied with {}.", EXCHANGE)]
    confirm: Annotated[
        bool,
        Field(YES_NO, "Each holder confirms that it is gone.", EXCHANGE, "Nobody has to confirm."),
    ] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Anonymise:
    """Who takes the sender's name out."""

    by: Annotated[
        str,
        Field(
            Choice({"hub": "the secretariat", "submitter": "the sender"}, "who anonymises"),
            "Done by {}.",
            later=frozenset({"submitter"}),
            by=EXCHANGE,
        ),
    ]
    min_group: Annotated[
        int, Field(COUNT, "It goes on only where it may have come from this many: {}.", EXCHANGE)
    ] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LawfulBasis:
    """Personal data that stays in, and why it may."""

    lawful_basis: Annotated[str, Field(SENTENCE, "On the basis of {}.", SHOWN)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sunset:
    """When a marking relaxes or ends."""

    after: Annotated[Duration, Field(AFTER, "It happens {}.", EXCHANGE)]
    then: Annotated[
        str,
        Field(
            Choice({"relax": "it relaxes", "expire": "the item expires"}, "what happens then"),
            "Then {}.",
            EXCHANGE,
        ),
    ]
    tlp: Annotated[Tlp | None, Field(TLP, "To {}.", EXCHANGE, "To no other marking.")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exceptions:
    """How something is kept out of the exchange."""

    ask: Annotated[
        str,
        Field(
            Choice(
                {"either": "any party may ask", "originator": "the originator may ask"},
                "who asks",
            ),
            "Asking: {}.",
            SHOWN,
        ),
    ] = "either"
    agree: Annotated[
        str,
        Field(
            Ref("body", fixed={"other-party": "the other party", "all": "all parties"}),
            "Agreeing: {}.",
            DECISION,
        ),
    ] = "other-party"
    keep: Annotated[str, Field(SENTENCE, "To be kept to: {}.", SHOWN, "No limit is named.")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class InformationSharing(Clause):
    """Who is told what, and how far it may go. UKUSA, ISACs, AIS, the convention of 1892."""

    TYPE: ClassVar[str] = "information-sharing"
    CALLED: ClassVar[str] = "an information-sharing clause"
    ABOUT: ClassVar[str] = "Sharing information"

    share: Annotated[
        tuple[str, ...],
        Field(Many(KIND, "kinds", least=1), "What is shared: {}.", EXCHANGE),
    ]
    except_: Annotated[
        tuple[str, ...],
        Field(
            Many(KIND, "kinds"),
            "What is left out: {}.",
            EXCHANGE,
            "Nothing is left out.",
            key="except",
        ),
    ] = ()
    about: Annotated[str, Field(SENTENCE, "It is about {}.", SHOWN, "It is about any subject.")] = (
        ""
    )
    audience: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "audiences"), "It is for {}.", SHOWN, "No narrower audience is named."
        ),
    ] = ()
    duty: Annotated[
        str,
        Field(
            Choice(
                {
                    "must": "must be shared",
                    "should": "should be shared",
                    "may": "may be shared; nobody has to",
                    "on-request": "is shared when a party asks for it",
                },
                "a duty to share",
            ),
            "What is known {}.",
            SHOWN,
        ),
    ] = "may"
    direction: Annotated[
        str | OneWay,
        Field(
            OneOf(
                Choice(
                    {
                        "both": "every party to every other",
                        "hub": "every party to the secretariat, which passes it on",
                    },
                    "a direction",
                ),
                Group(OneWay, "a direction"),
            ),
            "It goes from {}.",
            EXCHANGE,
        ),
    ] = "both"
    reciprocity: Annotated[
        str,
        Field(
            Choice(
                {
                    "none": "nothing",
                    "equal-kind": "the same kind",
                    "contribute-to-receive": "a contribution before anything is received",
                },
                "a reciprocity",
            ),
            "Asked for in return: {}.",
            EXCHANGE,
        ),
    ] = "none"
    within: Annotated[
        Duration | None,
        Field(WITHIN, "It is shared {} of becoming known.", EXCHANGE, "No time limit is set."),
    ] = None
    default_tlp: Annotated[
        Tlp,
        Field(TLP, "What carries no marking is handled as {}.", EXCHANGE, follows="max_tlp"),
    ] = Tlp.AMBER
    max_tlp: Annotated[
        Tlp,
        Field(TLP, "Nothing above {} may be sent under this clause; it is refused.", EXCHANGE),
    ] = Tlp.AMBER
    community: Annotated[
        str,
        Field(
            SENTENCE,
            "The community that TLP:GREEN speaks of: {}.",
            EXCHANGE,
            "No community is declared, so TLP:GREEN stays among the parties.",
        ),
    ] = ""
    receives: Annotated[
        Table[Receives],
        Field(
            Named(
                Group(Receives, "what a role or tier receives"), Name("a role or a tier"), "roles"
            ),
            "What each role or tier receives: {}.",
            EXCHANGE,
            "Members receive everything up to the ceiling; no other role receives anything.",
        ),
    ] = NOTHING
    caveats_allowed: Annotated[
        tuple[str, ...],
        Field(
            Many(
                Choice(
                    {each: each for each in ("REL-TO", "NOFORN", "ORCON", "PROPIN", "EYES-ONLY")},
                    "a caveat",
                ),
                "caveats",
            ),
            "Caveats that an originator may add: {}.",
            by=EXCHANGE,
            absent="No caveats may be added.",
        ),
    ] = ()
    third_party: Annotated[
        str | AllowedTo,
        Field(
            OneOf(
                Choice(
                    {
                        "forbidden": "forbidden",
                        "originator-consent": "only with the originator's consent",
                    },
                    "a rule on third parties",
                ),
                Group(AllowedTo, "a rule on third parties"),
            ),
            "Passing it on to anyone outside: {}.",
            EXCHANGE,
        ),
    ] = "forbidden"
    originator_control: Annotated[
        bool,
        Field(
            YES_NO,
            "The originator controls every further use.",
            EXCHANGE,
            "The originator does not control further use within the clause.",
        ),
    ] = False
    recall: Annotated[
        Recall | None,
        Field(
            Group(Recall, "a recall"),
            "The originator may recall it: {}.",
            EXCHANGE,
            "There is no recall.",
        ),
    ] = None
    attribution: Annotated[
        str,
        Field(
            Choice(
                {
                    "must": "must be named",
                    "may": "may be named",
                    "must-not": "must not be named",
                },
                "a rule on naming the source",
            ),
            "The source {}.",
            EXCHANGE,
        ),
    ] = "may"
    consent_overrides: Annotated[
        bool,
        Field(
            YES_NO,
            "The source's consent overrides that.",
            EXCHANGE,
            "The source's consent does not override that.",
        ),
    ] = False
    anonymise: Annotated[
        Anonymise | None,
        Field(
            Group(Anonymise, "an anonymisation"),
            "The sender's name is taken out: {}.",
            EXCHANGE,
            absent="The sender's name is not taken out.",
        ),
    ] = None
    purpose: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "purposes"),
            "It may be used for {}.",
            EXCHANGE,
            "It may be used for any purpose.",
        ),
    ] = ()
    permitted_actions: Annotated[
        str,
        Field(
            Choice(
                {
                    "none": "none",
                    "contact-for-instruction": "ask the originator first",
                    "internally-visible": "those that are seen only inside",
                    "externally-visible-indirect": "those seen from outside only indirectly",
                    "externally-visible-direct": "any, also those that are seen from outside",
                },
                "a permitted action",
            ),
            "Actions permitted on it: {}.",
            EXCHANGE,
        ),
    ] = "externally-visible-direct"
    resale: Annotated[
        str,
        Field(
            Choice({"must-not": "must not be sold", "may": "may be sold"}, "a rule on resale"),
            "Unmodified, it {}.",
            SHOWN,
        ),
    ] = "must-not"
    personal_data: Annotated[
        str | LawfulBasis,
        Field(
            OneOf(
                Choice(
                    {"remove-unrelated": "what is unrelated to the threat is removed before"},
                    "a rule on personal data",
                ),
                Group(LawfulBasis, "a lawful basis"),
            ),
            "Personal data: {}.",
            EXCHANGE,
        ),
    ] = "remove-unrelated"
    retention: Annotated[
        Duration | None,
        Field(AFTER, "It is deleted {}.", EXCHANGE, "No limit on keeping it is set."),
    ] = None
    sunset: Annotated[
        Sunset | None,
        Field(
            Group(Sunset, "a sunset"), "Its marking ends: {}.", EXCHANGE, "Markings do not lapse."
        ),
    ] = None
    encrypt: Annotated[
        str,
        Field(
            Choice({"must": "must be encrypted", "may": "may be sent in clear"}, "encryption"),
            "In transit it {}.",
            EXCHANGE,
        ),
    ] = "must"
    exceptions: Annotated[
        Exceptions | None,
        Field(
            Group(Exceptions, "exceptions"),
            "Exceptions can be agreed: {}.",
            DECISION,
            "No procedure for exceptions.",
        ),
    ] = None
    forbidden_topics: Annotated[
        tuple[str, ...],
        Field(
            Many(SENTENCE, "topics"),
            "Never to be shared: {}.",
            EXCHANGE,
            "No topic is forbidden.",
        ),
    ] = ()
    legal_shield: Annotated[
        str,
        Field(
            Ref("protection"),
            "It relies on the legal protection {}.",
            RESPONSE,
            "It relies on no special legal protection.",
        ),
    ] = ""
    freshness: Annotated[
        Duration | None,
        Field(
            DURATION,
            "Before a release, a node's knowledge of who is a party may be this old: {}.",
            EXCHANGE,
            "Before a release, a node's knowledge of who is a party may be 24 hours old,"
            " and one hour for TLP:RED.",
        ),
    ] = None

    def freshness_of(self, marking: Tlp) -> Duration:
        """How old the knowledge of who is a party may be for an item of this marking."""
        if self.freshness is not None:
            return self.freshness
        return Duration(1, "hours") if marking is Tlp.RED else Duration(24, "hours")

    def covers(self, kind: str) -> bool:
        """Whether information of a kind is shared under this clause."""
        shared = kind in self.share or "all" in self.share
        return shared and kind not in self.except_ and "all" not in self.except_
