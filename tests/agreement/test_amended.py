"""An amended text is bound to what comes before it, and is a version of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from allied.agreement.amended import (
    TEXT_LIMIT,
    Amended,
    Base,
    amend,
    read_amended,
    require_amends,
)
from allied.agreement.amending import votes_mean
from allied.agreement.genesis import Instrument, found
from allied.agreement.matters import Matter
from allied.agreement.terms import Agreement, load
from allied.errors import AlliedError, MalformedError
from allied.record.canonical import Json
from allied.record.ids import Digest, OrganisationId, PartyId

TEXT = """\
format: alliance/1
id: pact
form: {kind: contract}
parties:
  - {ids: [river, harbour]}
  - {id: port, role: observer}
articles:
  - {art: "1", type: amendment}
  - {art: "2", type: information-sharing, share: [indicator], max_tlp: GREEN}
annexes:
  - {id: fees, text: One each., amendment: {rule: {kind: unanimity}}}
  - {id: staff, text: Two each.}
"""
SALT = b"s" * 32
AMENDMENT = Matter(kind="amendment")
ANNEX = Matter(kind="annex", annex="fees")


def instrument() -> Instrument:
    who = {
        PartyId(each): OrganisationId(f"{n:064x}")
        for n, each in enumerate(("river", "harbour", "port"))
    }
    return found(TEXT.encode(), "pact.yaml", who, nonce=b"n" * 16, salt=SALT)


PACT = instrument()
BASE = Base(Digest(PACT.id), (), PACT.terms)


def changed(old: str = "GREEN", new: str = "AMBER") -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


def put(text: str, matter: Matter = AMENDMENT, base: Base = BASE) -> Amended:
    return amend(PACT, base, matter, text.encode(), "text", salt=SALT)


@pytest.mark.parametrize(
    ("text", "matter", "code"),
    [
        pytest.param(changed(), AMENDMENT, "", id="another ceiling"),
        pytest.param(TEXT + "# said\n", AMENDMENT, "amendment.same-text", id="only a remark"),
        pytest.param(TEXT, AMENDMENT, "amendment.same-text", id="the same text"),
        pytest.param(
            changed("id: pact", "id: treaty"), AMENDMENT, "amendment.other-agreement",
            id="the text of another agreement",
        ),
        pytest.param(
            changed("[river, harbour]", "[river, harbour, quay]"), AMENDMENT,
            "amendment.other-parties", id="one party more",
        ),
        pytest.param(
            changed("[river, harbour]", "[river]"), AMENDMENT, "amendment.other-parties",
            id="one party less",
        ),
        pytest.param(
            changed("role: observer", "role: member"), AMENDMENT, "amendment.other-parties",
            id="an observer made a member",
        ),
        pytest.param(
            changed("role: observer", "role: observer, joined: 2026-01-01"), AMENDMENT,
            "agreement.status-in-text", id="a status in the text",
        ),
        pytest.param(changed("One", "Three"), ANNEX, "", id="the annex that is asked about"),
        pytest.param(
            changed("Two each", "Three each"), ANNEX, "amendment.beyond-annex", id="another annex"
        ),
        pytest.param(changed(), ANNEX, "amendment.beyond-annex", id="an article, as an annex"),
        pytest.param(
            f"{TEXT}---\n{changed('id: pact', 'id: other')}", AMENDMENT,
            "proposal.no-agreement-file", id="two agreements",
        ),
        pytest.param(
            changed() + "#" * TEXT_LIMIT, AMENDMENT, "amendment.too-large", id="a text without end"
        ),
    ],
)  # fmt: skip
def test_what_may_follow_a_version(text: str, matter: Matter, code: str) -> None:
    refused = ""
    try:
        assert put(text, matter).before == BASE.before
    except AlliedError as refusal:
        refused = refusal.code
    assert refused == code


def test_who_settles_rivals_may_say_again_what_holds_now() -> None:
    settling = replace(BASE, instead=(Digest("a" * 64), Digest("b" * 64)))
    require_amends(PACT, settling, PACT.terms, AMENDMENT)

    with pytest.raises(AlliedError) as refusal:
        require_amends(PACT, BASE, PACT.terms, AMENDMENT)

    assert refusal.value.code == "amendment.same-text"


def test_what_is_written_is_read_the_same() -> None:
    written = put(changed(), base=replace(BASE, instead=(Digest("a" * 64),)))

    assert read_amended(written.to_json(), "text") == written


def _in(key: str, value: Json) -> Callable[[dict[str, Json]], None]:
    def spoil(body: dict[str, Json]) -> None:
        statement = body["statement"]
        assert isinstance(statement, dict)
        statement[key] = value

    return spoil


def _beside(key: str, value: Json) -> Callable[[dict[str, Json]], None]:
    return lambda body: body.update({key: value})


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        pytest.param(_beside("text", changed()), "", id="nothing is spoilt"),
        pytest.param(_beside("text", TEXT), "amendment.text-differs", id="another text"),
        pytest.param(_in("text", "0" * 64), "amendment.text-differs", id="another digest"),
        pytest.param(_in("model", "0" * 64), "amendment.text-differs", id="another meaning"),
        pytest.param(_in("version", "0" * 64), "amendment.text-differs", id="another root"),
        pytest.param(_beside("salt", "00" * 32), "amendment.text-differs", id="another salt"),
        pytest.param(_beside("salt", "s" * 64), "amendment.shape", id="a salt that is none"),
        pytest.param(_beside("salt", "00" * 33), "amendment.too-large", id="too much salt"),
        pytest.param(_beside("more", 1), "amendment.shape", id="a key too many"),
        pytest.param(_in("more", 1), "amendment.shape", id="a key too many inside"),
        pytest.param(_in("format", "version/2"), "amendment.shape", id="another format"),
        pytest.param(_in("before", "1"), "ids.not-a-digest", id="follows nothing"),
        pytest.param(_in("instead", ["b" * 64, "a" * 64]), "amendment.shape", id="not sorted"),
        pytest.param(_in("instead", ["a" * 64] * 2), "amendment.shape", id="one twice"),
        pytest.param(
            _in("instead", [f"{n:064x}" for n in range(17)]), "amendment.shape", id="too many"
        ),
    ],
)
def test_what_is_no_amended_text_is_refused(
    spoil: Callable[[dict[str, Json]], None], code: str
) -> None:
    body = put(changed()).to_json()
    spoil(body)
    refused = ""
    try:
        read_amended(body, "text")
    except AlliedError as refusal:
        refused = refusal.code
    assert refused == code


@pytest.mark.parametrize("value", [None, [], "text", {"statement": {}}], ids=repr)
def test_what_is_no_body_at_all_is_refused(value: Json) -> None:
    with pytest.raises(MalformedError):
        read_amended(value, "text")


@pytest.mark.parametrize(
    ("life", "objectors", "said"),
    [
        ("all signed", "bound", ("a yes also signs", "bound all the same")),
        ("all signed", "keep-old", ("a yes also signs", "keeps to the present text")),
        ("all signed", "leave", ("a yes also signs", "objects to nothing")),
        ("all ratified", "bound", ("a yes binds nobody yet", "bound all the same")),
    ],
)
def test_who_votes_on_a_text_is_told_what_that_says_besides(
    life: str, objectors: str, said: tuple[str, str]
) -> None:
    def text(term: str) -> Agreement:
        raw = (
            "format: alliance/1\nid: pact\nform: {kind: contract}\n"
            "parties: [{id: ash}, {id: birch}]\n"
            f"life: {{in_force_when: {life}, term: {term}}}\narticles:\n"
            '  - {art: "1", type: amendment, rule: {kind: unanimity, of: members},'
            f" objectors: {objectors}}}\n"
        )
        (read,) = load(raw.encode(), "pact.yaml")
        assert isinstance(read, Agreement)
        return read

    yes, no = votes_mean(text("2 years"), text("4 years")).split("; ")
    assert said[0] in yes
    assert said[1] in no
