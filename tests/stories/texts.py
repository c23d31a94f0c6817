"""The agreements that stories are told under, written for three parties.

One per question, so that no story stands in another one's way.
"""

from __future__ import annotations

from typing import Final

_HEAD: Final = """\
format: alliance/1
id: {id}
title: {title}
form: {{kind: contract, binding: yes}}
lateral: minilateral
purpose: [information-sharing]
visibility: parties
parties:
  - {{id: river, name: River Bank plc, kind: company}}
  - {{id: harbour, name: Harbour Logistics SA, kind: company}}
  - {{id: northgate, name: Northgate CERT, kind: agency{northgate}}}
life:
  in_force_when: all signed
  withdrawal: {{notice: {notice}, open_incidents: finish-accrued, information_after: keep-markings}}
articles:
  - art: "1"
    type: information-sharing
    text: What one learns about threats, the others learn.
    encrypt: may
"""
"""A file that is not sealed may hold items under such a clause, and can be looked into."""


def _text(id_: str, title: str, *clause: str, northgate: str = "", notice: str = "90 days") -> str:
    head = _HEAD.format(id=id_, title=title, northgate=northgate, notice=notice)
    return head + "".join(f"    {line}\n" for line in clause)


_SHARE: Final = (
    "share: [indicator, technique, vulnerability, incident-report, assessment]",
    "duty: should",
    "max_tlp: AMBER+STRICT",
    "default_tlp: AMBER",
)
_RECALL: Final = ("recall: {comply_within: 24 hours, confirm: yes}",)
_ONWARD: Final = ("third_party: originator-consent",)

TEXTS: Final = {
    "pact": _text("pact", "Three who share", *_SHARE, *_ONWARD, *_RECALL),
    "leaving": _text(
        "leaving", "Three of whom one leaves", *_SHARE, *_ONWARD, *_RECALL, notice="immediately"
    ),
    "controlled": _text(
        "controlled",
        "Three of whom each keeps control of what it tells",
        *_SHARE,
        *_ONWARD,
        *_RECALL,
        "originator_control: yes",
        "caveats_allowed: [ORCON]",
    ),
    "named": _text(
        "named",
        "Three who name whom they mean",
        "share: all",
        "duty: must",
        "default_tlp: RED",
        "max_tlp: RED",
        "caveats_allowed: [REL-TO, NOFORN, ORCON]",
        "originator_control: yes",
        "third_party: forbidden",
        "recall: {comply_within: 4 hours, confirm: yes}",
    ),
    "tiers": _text(
        "tiers",
        "Two who share, and one who watches",
        *_SHARE[:2],
        "max_tlp: AMBER",
        "default_tlp: AMBER",
        "receives:",
        "  member: {max_tlp: AMBER, kinds: all}",
        "  observer: {max_tlp: GREEN, kinds: all}",
        *_ONWARD,
        *_RECALL,
        northgate=", role: observer",
    ),
}
