"""What an agreement forbids to talk about, as far as labels tell."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from allied.exchange.bundle import Refused
from allied.exchange.channels import channels_of
from allied.exchange.topics import forbidden, labels_of, topic, words_of
from tests.exchange.samples import encoded, identity, indicator, link, made, malware, source
from tests.exchange.test_intake import AT, CLAUSE, GREEN, Taken
from tests.exchange.texts import pact

PRICES = replace(CLAUSE, topics=frozenset({"prices", "market-plans"}))


def codes(*values: Any, **more: Any) -> dict[str | None, str]:
    return dict(Taken(source(*values), channels=[PRICES], **more).refused)


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        pytest.param("prices", "prices", id="as it stands"),
        pytest.param("Prices", "prices", id="case does not count"),
        pytest.param("topic:prices", "prices", id="with the word topic"),
        pytest.param("Market plans", "market-plans", id="spaces are hyphens"),
        pytest.param("  market__plans ", "market-plans", id="so are underscores"),
        pytest.param("Topic: Market plans", "market-plans", id="all at once"),
        pytest.param("price", "price", id="another word stays another"),
    ],
)
def test_topics_have_one_spelling(written: str, spelled: str) -> None:
    assert topic(written) == spelled == topic(topic(written))


@pytest.mark.parametrize(
    ("labels", "refused"),
    [
        pytest.param(["prices"], True, id="the topic"),
        pytest.param(["campaign-7", "TOPIC:Market_Plans"], True, id="among others"),
        pytest.param(["price-list"], False, id="a longer word"),
        pytest.param(["malicious-activity"], False, id="something else"),
        pytest.param(None, False, id="no label at all"),
    ],
)
def test_what_is_labelled_with_a_forbidden_topic_is_not_taken_in(
    labels: list[str] | None, refused: bool
) -> None:
    value = indicator(labels=labels, object_marking_refs=GREEN)
    taken = Taken(source(value, malware()), channels=[PRICES])

    assert (value["id"] in taken.accepted) is not refused
    assert malware()["id"] in taken.accepted
    if refused:
        (refusal,) = (each for each in taken.outcomes if isinstance(each, Refused))
        assert refusal.code == "exchange.forbidden-topic"
        assert "campaign" not in refusal.reason


def test_words_in_a_text_are_for_people() -> None:
    assert not codes(indicator(description="prices, wages and market plans"))


def test_neither_what_links_to_it_nor_what_goes_along_with_it_comes_in() -> None:
    bad, good = indicator(1, labels=["prices"]), malware(2)
    both = link(bad, good, 3)
    assert codes(good, both, bad) == {
        bad["id"]: "exchange.forbidden-topic",
        both["id"]: "exchange.end-refused",
    }
    assert not codes(good, link(indicator(1), good, 3), indicator(1))


def test_one_version_that_is_about_it_taints_the_links_of_all() -> None:
    old = indicator(1)
    new = indicator(1, modified="2026-03-01T13:00:00.000Z", labels=["prices"])
    both = link(old, malware(2), 3)

    assert codes(old, new, malware(2), both)[both["id"]] == "exchange.end-refused"


def test_a_companion_is_refused_too() -> None:
    who = identity(4, labels=["prices"])

    assert codes(indicator(created_by_ref=who["id"]), who) == {
        who["id"]: "exchange.forbidden-topic"
    }


def test_a_topic_that_one_clause_in_force_forbids_comes_in_under_none() -> None:
    lax = replace(CLAUSE, art="3", topics=frozenset())
    over = replace(PRICES, until=AT)
    value = indicator(labels=["prices"])

    assert Taken(source(value), channels=[lax, PRICES]).refused
    assert not Taken(source(value), channels=[lax, over]).refused
    assert forbidden([lax, over], AT) == frozenset()


def test_clauses_say_what_is_forbidden() -> None:
    (channel,) = channels_of(pact("share: all, forbidden_topics: [prices, Market plans]"))

    assert channel.topics == {"prices", "market-plans"}
    assert channels_of(pact("share: all"))[0].topics == frozenset()


@pytest.mark.parametrize(
    ("raw", "labels"),
    [
        pytest.param(b'{"labels": ["a", "b"]}', ("a", "b"), id="a list of texts"),
        pytest.param(b'{"l\\u0061bels": ["prices"]}', ("prices",), id="the name is escaped"),
        pytest.param(b'{"labels": ["pr\\u0069ces"]}', ("prices",), id="the label is escaped"),
        pytest.param(b'{"x": {"labels": ["a"]}}', (), id="not of the object itself"),
        pytest.param(b'{"labels": "prices"}', (), id="no list"),
        pytest.param(b'{"labels": [1]}', (), id="no texts"),
        pytest.param(b'{"labels"', (), id="no object"),
        pytest.param(b'{"labels": ["\\ud800"]}', (), id="no text that there is"),
    ],
)
def test_labels_are_read_however_they_are_written(raw: bytes, labels: tuple[str, ...]) -> None:
    assert labels_of(raw) == labels


def test_labels_without_end_do_no_harm() -> None:
    value = made("malware", name="x", is_family=False, labels=["x" * 100_000, "prices"])

    assert words_of(encoded(value)) == {"prices"}
    assert codes(value) == {value["id"]: "exchange.forbidden-topic"}


@given(st.lists(st.text(max_size=20), max_size=5))
def test_any_label_can_be_read_and_only_topics_count(labels: list[str]) -> None:
    value = indicator(labels=labels or None)

    refused = codes(value)
    about = {topic(each) for each in labels} & PRICES.topics
    assert (refused.get(value["id"]) == "exchange.forbidden-topic") == bool(about)
