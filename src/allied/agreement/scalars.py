"""The kinds of single values: words, names, references, numbers, durations, markings.

A kind reads one scalar of a file into a frozen value, shows it again, says it in plain
words and describes it for editors. Which field has which kind is declared in
`agreement.clauses`, `agreement.parts` and `agreement.terms`.

Rule that holds everywhere below: ids are compared exactly and consist of ASCII letters,
digits and hyphens, so that no two look alike and differ.
"""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from allied.agreement.shape import (
    Kind,
    Reading,
    Reference,
    Schema,
    listed,
    scalar_of,
    suggestion,
)
from allied.agreement.text import Node, TextNode
from allied.agreement.values import (
    AmendmentEntry,
    Attribution,
    Confidence,
    Duration,
    Interval,
    Severity,
    Tlp,
    count,
    day,
    decimal,
    fraction,
    fraction_text,
    yes_no,
)

ID_PATTERN: Final = r"[A-Za-z][A-Za-z0-9-]{0,63}"
_ID: Final = re.compile(ID_PATTERN, re.ASCII)
_NUMBERS: Final = (
    "none one two three four five six seven eight nine ten eleven twelve".split()  # noqa: SIM905
)
_MONTHS: Final = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)


def number_words(value: int) -> str:
    """Small numbers as words, others with a space between thousands."""
    return _NUMBERS[value] if value < len(_NUMBERS) else f"{value:,}".replace(",", " ")


def day_words(value: date) -> str:
    """`1 March 2026`."""
    return f"{value.day} {_MONTHS[value.month - 1]} {value.year}"


class Leaf(Kind):
    """A kind whose values are written as one scalar."""

    @abstractmethod
    def spell(self, value: Any) -> str:
        """The text that reads back to the value."""

    def show(self, value: Any, *, full: bool = False) -> str:
        del full  # a scalar has no defaults inside
        return self.spell(value)


class Scalar(Leaf):
    """A value that reads from one scalar by a function that raises ValueError.

    Args:
        form: what is meant, for refusals: "a duration".
        parse: text to value.
        types: of the values.
        pattern: a regular expression for editors.
        show_as: value to text.
        say: value to plain words; as it is shown where none is given.
    """

    def __init__(
        self,
        form: str,
        parse: Callable[[str], Any],
        types: type | tuple[type, ...],
        *,
        pattern: str = "",
        numeric: bool = False,
        show_as: Callable[[Any], str] = str,
        say: Callable[[Any], str] | None = None,
    ) -> None:
        self.form = form
        self.parse = parse
        self.types = types
        self.pattern = pattern
        self.numeric = numeric
        self.show_as = show_as
        self.say = say or show_as

    def read(self, node: Node, reading: Reading) -> Any:
        text = scalar_of(node, reading, self.form)
        try:
            return self.parse(text)
        except ValueError as error:
            raise reading.fail(
                node, "wrong-value", f"this is not {self.form}", f"write {error}"
            ) from None

    def spell(self, value: Any) -> str:
        return str(self.show_as(value))

    def words(self, value: Any) -> str:
        return self.say(value)

    def schema(self) -> Schema:
        text: Schema = {"type": "string"}
        if self.pattern:
            text["pattern"] = f"^(?:{self.pattern})$"
        return {"anyOf": [{"type": "integer", "minimum": 0}, text]} if self.numeric else text

    def owns(self, value: Any) -> bool:
        return isinstance(value, self.types) and (not isinstance(value, bool) or self.types is bool)


_FEW: Final = 8
"""So many words of a choice are said when it is missing; more are for the reference."""


class Choice(Leaf):
    """One word of a closed list, or of an open one that only suggests.

    Args:
        options: the words, with how people say them where that differs.
        what: what is chosen: "a duty".
        free: words that are not on the list are accepted as well.
        everyday: what people write first, in small letters, with the word that is meant; for
            advice only, never accepted.
    """

    def __init__(
        self,
        options: str | Mapping[str, str],
        what: str,
        *,
        free: bool = False,
        everyday: Mapping[str, str] | None = None,
    ) -> None:
        if isinstance(options, str):
            options = {word: word.replace("-", " ") for word in options.split()}
        self.options = dict(options)
        self.what = what
        self.free = free
        self.everyday = dict(everyday or {})

    def read(self, node: Node, reading: Reading) -> str:
        text = scalar_of(node, reading, self.what)
        if text in self.options:
            return text
        if self.free:
            return words_of(text, node, reading, 200)
        meant = self.everyday.get(text[:64].lower().replace(" ", "-"))
        advice = f"that is `{meant}` here" if meant else suggestion(text, list(self.options))
        raise reading.fail(node, "unknown-word", f"this is not {self.what}", advice)

    def spell(self, value: Any) -> str:
        return str(value)

    def words(self, value: Any) -> str:
        return self.options.get(str(value), str(value))

    def advice(self) -> str:
        few = len(self.options) <= _FEW
        return f" with {listed([f'`{word}`' for word in self.options], 'or')}" if few else ""

    def schema(self) -> Schema:
        closed: Schema = {"enum": list(self.options)}
        return {"anyOf": [closed, {"type": "string", "maxLength": 200}]} if self.free else closed


class Words(Leaf):
    """Free text for people; never interpreted.

    Args:
        limit: characters.
        what: what is meant, for refusals.
        answers: `yes` and `no` are expected here, as text.
    """

    def __init__(self, limit: int = 500, what: str = "text", *, answers: bool = False) -> None:
        self.limit = limit
        self.what = what
        self.answers = answers

    def read(self, node: Node, reading: Reading) -> str:
        text = words_of(scalar_of(node, reading, self.what), node, reading, self.limit)
        if not self.answers:
            remark_stock_yaml(node, reading, numbers=False)
        return text

    def spell(self, value: Any) -> str:
        return str(value)

    def words(self, value: Any) -> str:
        return str(value)

    def schema(self) -> Schema:
        text: Schema = {"type": "string", "minLength": 1, "maxLength": self.limit}
        return {"anyOf": [text, {"type": "number"}]}


class Name(Leaf):
    """An id: a letter, then letters, digits and hyphens, at most 64.

    Args:
        what: what it names: "a party".
        pattern: where another spelling is meant (numbers of articles, keys of tables).
        fixed: words that may stand instead.
    """

    def __init__(self, what: str, pattern: str = ID_PATTERN, form: str = "") -> None:
        self.what = what
        self.pattern = pattern
        self.form = form or "a letter, then letters, digits and hyphens, at most 64"
        self._matches = re.compile(pattern, re.ASCII).fullmatch

    def read(self, node: Node, reading: Reading) -> str:
        text = scalar_of(node, reading, self.what)
        if not self._matches(text):
            raise reading.fail(node, "name", f"this is not {self.what}", f"write {self.form}")
        remark_stock_yaml(node, reading, numbers=True)
        return text

    def spell(self, value: Any) -> str:
        return str(value)

    def words(self, value: Any) -> str:
        return str(value)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": f"^(?:{self.pattern})$"}


class Ref(Leaf):
    """The name of something that the same document declares.

    Args:
        targets: what it may name: party, body, scope, protection, clause.
        fixed: words that may stand instead of a name, with how people say them.
        said: how people say a name.
    """

    def __init__(
        self, *targets: str, fixed: Mapping[str, str] | None = None, said: str = "{}"
    ) -> None:
        self.targets = targets
        self.said = said
        self.fixed = dict(fixed or {})

    def read(self, node: Node, reading: Reading) -> str:
        text = scalar_of(node, reading, f"the name of a {listed(self.targets, 'or')}")
        if text not in self.fixed and isinstance(node, TextNode):
            remark_stock_yaml(node, reading, numbers=True)
            reading.references.append(
                Reference(self.targets, tuple(self.fixed), node, reading.clause)
            )
        return text

    def spell(self, value: Any) -> str:
        return str(value)

    def words(self, value: Any) -> str:
        return self.fixed.get(value) or self.said.replace("{}", str(value))

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1, "maxLength": 200}


# What a stock YAML 1.1 loader takes for a truth value, nothing, a time of day or a day.
_STOCK_WORD: Final = re.compile(
    r"[yY]|[nN]|(?i:yes|no|true|false|on|off|null)|~|[0-9]+(?::[0-5]?[0-9])+"
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}",
    re.ASCII,
)
_STOCK_NUMBER: Final = re.compile(r"[-+]?(?:[0-9][0-9_]*)?\.?[0-9]+(?:[eE][-+]?[0-9]+)?", re.ASCII)


def remark_stock_yaml(node: Node, reading: Reading, *, numbers: bool) -> None:
    """Say when other programs would read a text as something else than text."""
    if not isinstance(node, TextNode) or node.quoted:
        return
    if numbers and _STOCK_NUMBER.fullmatch(node.text):
        seen = "a number"
    elif _STOCK_WORD.fullmatch(node.text):
        seen = "a day or a time" if node.text[0].isdigit() else "yes, no or nothing"
    else:
        return
    reading.remark(
        node,
        "stock-yaml",
        f"this is read as text here, but other programs may read it as {seen}",
        "put it in quotes, so that all read the same",
    )


def words_of(text: str, node: Node, reading: Reading, limit: int) -> str:
    """`text`, unless it is too long or has nothing to see."""
    if len(text) > limit:
        raise reading.fail(node, "too-long", f"at most {limit} characters may stand here")
    if not text.strip():
        raise reading.fail(node, "empty-value", "nothing but blanks stands here")
    return text


def duration_words(value: Duration) -> str:
    """`four hours`, `immediately`."""
    if value.count == 0:
        return "immediately" if value.unit == "hours" else f"no {value.unit}"
    return f"{number_words(value.count)} {str(value).split(' ', 1)[1]}"


def fraction_words(value: Fraction) -> str:
    """`two thirds`, `65 of 100`."""
    names = {2: "half", 3: "third", 4: "quarter", 5: "fifth"}
    if value == 1:
        return "all"
    if value == Fraction(1, 2):
        return "half"
    if value.denominator in names:
        plural = "s" if value.numerator > 1 else ""
        return f"{number_words(value.numerator)} {names[value.denominator]}{plural}"
    return f"{value.numerator} of {value.denominator}"


def _count_or_fraction(text: str) -> int | Fraction:
    try:
        return count(text)
    except ValueError:
        pass
    try:
        return fraction(text)
    except ValueError:
        raise ValueError("a whole number, a fraction like `2/3`, or a share like `66%`") from None


def _quorum(text: str) -> int | Fraction | str:
    try:
        return text if text == "votes needed" else _count_or_fraction(text)
    except ValueError:
        raise ValueError("a whole number, a fraction like `2/3`, or `votes needed`") from None


def _marking(text: str) -> Tlp:
    """A marking in its exact spelling; near ones are named."""
    try:
        return Tlp.parse(text)
    except ValueError as error:
        near = re.sub("[ _\u2010-\u2015-]+", "+", text[:40].upper().removeprefix("TLP:").strip())
        meant = "CLEAR" if near == "WHITE" else near
        if meant in {each.value for each in Tlp}:
            raise ValueError(f"`{meant}`") from None
        raise ValueError(str(error)) from None


def _least_severity(text: str) -> Severity:
    """`at least severe`; the bare word is named with what it lacks."""
    try:
        return Severity.parse(text.removeprefix("at least ") if " " in text else "")
    except ValueError:
        if text in {each.value for each in Severity}:
            raise ValueError(f"`at least` before it: `at least {text}`") from None
        raise ValueError(
            "`at least` and one of baseline, low, medium, high, severe, emergency"
        ) from None


def _at_least(prefix: str, parse: Callable[[str], Any], form: str) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        if not text.startswith(prefix):
            raise ValueError(form)
        try:
            return parse(text.removeprefix(prefix))
        except ValueError:
            raise ValueError(form) from None

    return read


def _interval_words(value: Interval) -> str:
    end = f"to {day_words(value.last)}" if value.last else "with no end"
    return f"from {day_words(value.first)} {end}"


def _attribution_words(value: Attribution) -> str:
    said = {
        "not-needed": "nobody has to be named as the one who did it",
        "from-outside": "it must be known to come from outside the parties",
        "to-anyone": "somebody must be named as the one who did it",
        "to-a-state": "a state must be named as the one who did it",
    }[value.to]
    return f"{said}, with at least {value.at_least} confidence" if value.at_least else said


def _amendment_words(value: AmendmentEntry) -> str:
    if value.how == "all-ratify":
        return "once every party has ratified it"
    if value.how == "steward-notice":
        return f"{duration_words(value.notice or Duration(0, 'days'))} after the steward's notice"
    share = fraction_words(value.fraction) if value.fraction else "the agreed share"
    return f"for all, once {share} of the parties have accepted it"


_DURATION_PATTERN: Final = (
    "immediately|(0|[1-9][0-9]{0,5}) (second|minute|hour|day|working day|week|month|year)s?"
)

YES_NO: Final = Scalar(
    "`yes` or `no`",
    yes_no,
    bool,
    pattern="yes|no",
    show_as=lambda value: "yes" if value else "no",
)
DURATION: Final = Scalar(
    "a duration", Duration.parse, Duration, pattern=_DURATION_PATTERN, say=duration_words
)
WITHIN: Final = Scalar(
    "a duration",
    Duration.parse,
    Duration,
    pattern=_DURATION_PATTERN,
    say=lambda value: "immediately" if value.count == 0 else f"within {duration_words(value)}",
)
AFTER: Final = Scalar(
    "a duration",
    Duration.parse,
    Duration,
    pattern=_DURATION_PATTERN,
    say=lambda value: "at once" if value.count == 0 else f"after {duration_words(value)}",
)
EVERY: Final = Scalar(
    "a duration",
    Duration.parse,
    Duration,
    pattern=_DURATION_PATTERN,
    say=lambda value: str(value).partition(" ")[2] if value.count == 1 else duration_words(value),
)
DAY: Final = Scalar("a day", day, date, pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}", say=day_words)
INTERVAL: Final = Scalar(
    "a pair of days",
    Interval.parse,
    Interval,
    pattern="[0-9]{4}-[0-9]{2}-[0-9]{2}/([0-9]{4}-[0-9]{2}-[0-9]{2})?",
    say=_interval_words,
)
COUNT: Final = Scalar(
    "a whole number", count, int, pattern="0|[1-9][0-9]{0,8}", numeric=True, say=number_words
)
FRACTION: Final = Scalar(
    "a fraction",
    fraction,
    Fraction,
    pattern="[1-9][0-9]{0,4}/[1-9][0-9]{0,4}|(100|[1-9]?[0-9])([.][0-9]{1,3})? ?%",
    show_as=fraction_text,
    say=fraction_words,
)
SHARE: Final = Scalar(
    "a number or a fraction",
    _count_or_fraction,
    (int, Fraction),
    pattern=f"{COUNT.pattern}|{FRACTION.pattern}",
    numeric=True,
    show_as=lambda value: fraction_text(value) if isinstance(value, Fraction) else str(value),
    say=lambda value: fraction_words(value) if isinstance(value, Fraction) else number_words(value),
)
QUORUM: Final = Scalar(
    "a quorum",
    _quorum,
    (int, Fraction, str),
    pattern="votes needed|" + SHARE.pattern,
    numeric=True,
    show_as=SHARE.show_as,
    say=lambda value: (
        "as many as are needed to adopt" if isinstance(value, str) else SHARE.say(value)
    ),
)
DECIMAL: Final = Scalar(
    "a decimal number", decimal, Decimal, pattern="-?(0|[1-9][0-9]{0,8})([.][0-9]{1,9})?"
)
TLP: Final = Scalar(
    "a marking",
    _marking,
    Tlp,
    pattern="CLEAR|GREEN|AMBER|AMBER[+]STRICT|RED",
    say=lambda value: str(value.label),
)
SEVERITY: Final = Scalar(
    "a least severity",
    _least_severity,
    Severity,
    pattern="at least (baseline|low|medium|high|severe|emergency)",
    show_as=lambda value: f"at least {value}",
)
AT_LEAST: Final = Scalar(
    "a least number",
    _at_least("at least ", count, "`at least` and a whole number, like `at least 2`"),
    int,
    pattern="at least (0|[1-9][0-9]{0,8})",
    show_as=lambda value: f"at least {value}",
    say=lambda value: f"at least {number_words(value)}",
)
CONFIDENCE: Final = Scalar(
    "a confidence", Confidence.parse, Confidence, pattern="low|moderate|high"
)
ATTRIBUTION: Final = Scalar(
    "a requirement of attribution",
    Attribution.parse,
    Attribution,
    pattern="not-needed|(from-outside|to-anyone|to-a-state)( at least (low|moderate|high))?",
    say=_attribution_words,
)
AMENDMENT_ENTRY: Final = Scalar(
    "an entry into force of amendments",
    AmendmentEntry.parse,
    AmendmentEntry,
    pattern="all-ratify|fraction-binds-all( .+)?|steward-notice .+",
    say=_amendment_words,
)
SENTENCE: Final = Words(500)
"""Short free text."""

PARAGRAPHS: Final = Words(20_000)
"""Long free text: the human wording of a clause."""
