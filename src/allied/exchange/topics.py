"""What an agreement forbids to talk about, as far as software can know it.

No program can tell what a text is about. What it can read is what the author, or the tool of
the author, has labelled: the property `labels` of a STIX object. A clause's forbidden topic
is met by a label of the same words, with or without `topic:` in front; case, spaces, hyphens
and underscores do not count. `market-plans` is met by `Market plans` and by
`topic:market_plans`; neither `prices` by `price list`, nor anything by words in a
description. What is not labelled is for people, and documentation says so.

Rules that hold everywhere here. A topic that one clause in force forbids is never taken in
under the agreement, whatever other clauses share. The answer names the topic as the clause
spells it, never the label or the object's text.

Source: DOMAIN on `forbidden_topics` (competition law); STIX 2.1, section 3.2 (`labels`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from allied.exchange.channel import Channel, Failure

_PREFIX = "topic:"
_LONGEST = 1000
_GAPS = re.compile(r"[\s_-]+")


class _Labelled(msgspec.Struct):
    labels: tuple[str, ...] = ()


_DECODER = msgspec.json.Decoder(_Labelled)


def topic(text: str) -> str:
    """One spelling for a topic, whether a clause or a label writes it."""
    word = _GAPS.sub("-", text.strip().casefold())
    return word.removeprefix(_PREFIX).strip("-")


def labels_of(raw: bytes) -> tuple[str, ...]:
    """The labels of an object; none where they are not spelled as STIX demands.

    Args:
        raw: the bytes of one well-formed object.
    """
    if b'"labels"' not in raw and b"\\" not in raw:  # a name may be written with escapes
        return ()
    try:
        return _DECODER.decode(raw).labels
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ()


def words_of(raw: bytes) -> frozenset[str]:
    """The labels of an object as topics, as far as a topic could be so long."""
    return frozenset(topic(each) for each in labels_of(raw) if len(each) <= _LONGEST)


def forbidden(channels: Sequence[Channel], at: datetime) -> frozenset[str]:
    """What no clause in force lets in, one spelling each."""
    return frozenset[str]().union(*(each.topics for each in channels if each.holds(at)))


def failure(topics: Iterable[str]) -> Failure:
    """The refusal of an object that is labelled with forbidden topics."""
    return Failure(
        "exchange.forbidden-topic",
        f"it is labelled with what the agreement never lets in: {', '.join(sorted(topics))}",
        "take out what is about it, and the label",
    )
