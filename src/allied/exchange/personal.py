"""Which parts of an object are about people, so that somebody looks before it is shared.

`personal_data: remove-unrelated` asks that what does not belong to the threat is taken out.
Whether a mailbox is the attacker's or a victim's no program can tell. What it can tell is
where STIX keeps data about people; under such a clause these parts are for a person to see.

Rules that hold everywhere here. The parts are listed by type and property; texts are not
searched. A clause that names a lawful basis asks for no review. Nothing is removed here.

Source: DOMAIN on `personal_data` (AIS); STIX 2.1, sections 4.5 and 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from allied.agreement.clauses import InformationSharing
from allied.exchange.channel import Outcome

_PARTS: Final[Mapping[str, frozenset[str]]] = {
    "email-addr": frozenset({"value", "display_name"}),
    "email-message": frozenset({
        "from_ref", "sender_ref", "to_refs", "cc_refs", "bcc_refs", "subject", "body",
        "body_multipart", "received_lines", "additional_header_fields",
    }),
    "identity": frozenset({"name", "description", "contact_information"}),
    "user-account": frozenset({
        "user_id", "credential", "account_login", "display_name",
    }),
    "location": frozenset({"street_address", "latitude", "longitude"}),
    "process": frozenset({"creator_user_ref", "environment_variables"}),
    "windows-registry-key": frozenset({"creator_user_ref"}),
    "note": frozenset({"authors"}),
    "opinion": frozenset({"authors"}),
}  # fmt: skip
_NO_PEOPLE: Final = frozenset({"class", "group", "organization", "system"})


def personal(value: Mapping[str, Any]) -> tuple[str, ...]:
    """The properties of an object that hold data about people, sorted.

    Args:
        value: a valid STIX 2.1 object, as it decodes. An identity that does not say that it
            is no person counts as one.
    """
    type_ = str(value.get("type"))
    if type_ == "identity" and value.get("identity_class") in _NO_PEOPLE:
        return ("contact_information",) if "contact_information" in value else ()
    return tuple(sorted(_PARTS.get(type_, frozenset()) & value.keys()))


def may_share(value: Mapping[str, Any], clause: InformationSharing) -> Outcome:
    """Whether an object may be shared as it is, or somebody has to look at it first."""
    if clause.personal_data == "remove-unrelated" and personal(value):
        return Outcome.REVIEW
    return Outcome.PERMIT
