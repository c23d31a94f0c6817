"""Putting questions, voting on them and reading the count, as they are called."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cli.shell import Said, allied, found

TEXT = """\
format: alliance/1
id: council-pact
form: {kind: contract}
parties: [{id: river}, {id: harbour}]
bodies:
  council:
    rule:
      kind: unanimity
      recuse: [{who: subject, only_if: in breach}]
      measure_consent: [force]
  quiet: {rule: {kind: consensus, silence: {period: 4 days, may_extend: yes}}}
articles:
  - {art: "1", type: membership, expulsion: {rule: council, recuse: subject}}
  - {art: "2", type: amendment}
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node that hosts River and Harbour under an agreement with a council."""
    root = tmp_path_factory.mktemp("council")
    folder, text = root / "node", root / "pact.yaml"
    found(folder, "river", "River Bank plc")
    second = ("--id", "harbour", "--name", "Harbour Logistics SA", "--person", "lee")
    assert allied("organisation", "add", *second, "--data", folder).status == 0
    text.write_text(TEXT)
    here = ("--data", folder)
    assert allied("agreement", "propose", text, "-o", "river", *here).status == 0
    for party in ("river", "harbour"):
        assert allied("agreement", "sign", "council-pact", "-o", party, *here).status == 0
    return folder


def proposal(node: Path, who: str, *arguments: object) -> Said:
    return allied("proposal", *arguments, "-o", who, "--data", node)


def opened(node: Path, *more: object, body: str = "council") -> str:
    said = proposal(
        node, "river", "open", "-a", "council-pact", "-m", "body", "--body", body,
        "--text", "Shall we?", *more, "--json",
    )  # fmt: skip
    assert said.status == 0, said.out
    return str(said.value["id"])


def test_from_the_question_to_the_count(node: Path) -> None:
    name = opened(node, "--deadline", "4 days")
    before = proposal(node, "harbour", "show", name)
    listed = proposal(node, "harbour", "list", "--open")
    voted = proposal(node, "harbour", "vote", name, "yes")
    after = proposal(node, "river", "vote", name, "yes", "--why", "At last.", "--json").value

    assert before.status == 0
    assert "outcome    open [awaiting-votes]" in before.out
    assert "basis      as counted here; effect: none yet" in before.out
    assert "  | Shall we?" in before.out
    assert f"allied proposal vote {name[:12]} yes|no|abstain" in before.err
    assert name[:12] in listed.out
    assert "What would change it" in voted.err
    assert (after["count"]["outcome"], after["basis"]) == ("adopted", "as counted here")
    assert after["spoken"][1]["in_time_by"] == "its own claim"
    assert name[:12] not in proposal(node, "harbour", "list", "--open").out


def test_nodes_prove_by_themselves_what_was_decided(node: Path) -> None:
    name = opened(node, "--deadline", "4 days")
    for who in ("harbour", "river"):
        proposal(node, who, "vote", name, "yes")
    before = proposal(node, "river", "show", name)
    time.sleep(0.01)  # a close is later than the vote that ended it
    assert allied("sync", "--data", node).status == 0
    after = proposal(node, "river", "show", name)
    said = proposal(node, "river", "show", name, "--json").value["deciding"]

    assert "decided    closing: closes of harbour, river" in before.out
    assert "basis      proved by a certificate; effect: its words, for people" in after.out
    assert f"proof      adopted by certificate {said['certificate']}" in after.out
    assert (said["stage"], said["closed"]) == ("certified", ["harbour", "river"])


def test_a_dry_run_says_what_would_come_and_puts_nothing(node: Path) -> None:
    before = len(proposal(node, "river", "list", "--json").value)
    tried = proposal(
        node, "river", "open", "-a", "council-pact", "-m", "body", "--body", "council",
        "--deadline", "4 days", "--dry-run",
    )  # fmt: skip
    assert tried.status == 0
    assert "rule       unanimity of the members" in tried.out
    assert "Nothing was put." in tried.err
    assert len(proposal(node, "river", "list", "--json").value) == before

    name = opened(node, "--deadline", "4 days")
    said = proposal(node, "river", "vote", name, "no", "--dry-run")
    assert "Nothing was said." in said.err
    assert proposal(node, "river", "show", name, "--json").value["said"] == ""


def test_silence_from_reading_to_objection(node: Path) -> None:
    name = opened(node, body="quiet")
    read = proposal(node, "harbour", "acknowledge", name, "--json").value
    longer = proposal(node, "river", "extend", name, "--until", "1 day", "--json").value
    other = proposal(node, "river", "revise", name, "--text", "Shall we now?", "--json").value
    broken = proposal(node, "harbour", "object", name, "--why", "No\nriver: yes").out

    assert read["count"]["not_reached"] == []
    assert longer["count"]["deadline"] > read["count"]["deadline"]
    assert (other["words"], other["count"]["not_reached"]) == ("Shall we now?", ["harbour"])
    assert "outcome    silence-broken [objection]" in broken
    assert "objected   harbour" in broken
    assert "harbour: vote no (No river: yes)" in broken


def test_consent_to_a_measure_is_given_and_withheld_again(node: Path) -> None:
    name = opened(node, "--deadline", "4 days")
    given = proposal(node, "harbour", "consent", name, "--measure", "force").out
    withheld = proposal(node, "harbour", "consent", name, "--measure", "force", "--withhold").out
    other = proposal(node, "harbour", "consent", name, "--measure", "embargo", "--json")

    assert "consent    harbour (force)" in given
    assert "withheld   harbour (force)" in withheld
    assert (other.status, other.code) == (5, "proposal.other-measure")


def test_a_question_is_taken_back(node: Path) -> None:
    name = opened(node, "--deadline", "4 days")
    said = proposal(node, "river", "withdraw", name, "--why", "Settled.", "--json").value

    assert said["count"]["outcome"] == "withdrawn"


def test_a_condition_is_stated_in_so_many_words(node: Path) -> None:
    about = ("--party", "harbour", "--deadline", "4 days")
    name = opened(node, *about, "--state", "in breach=yes")
    found_ = proposal(node, "river", "show", name)
    unsaid = proposal(
        node, "river", "open", "-a", "council-pact", "-m", "body", "--body", "council", *about,
        "--json",
    )  # fmt: skip
    muddled = proposal(
        node, "river", "open", "-a", "council-pact", "-m", "body", "--body", "council", *about,
        "--state", "in breach", "--json",
    )  # fmt: skip

    assert "recused    harbour (subject)" in found_.out
    assert (unsaid.status, unsaid.code) == (1, "decision.condition-not-stated")
    assert (muddled.status, muddled.code) == (2, "proposal.state-form")


def test_an_amendment_is_put_as_a_file(node: Path, tmp_path: Path) -> None:
    file = tmp_path / "amended.yaml"
    file.write_text(TEXT.replace("4 days", "9 days"))
    matter = ("open", "-a", "council-pact", "-m", "amendment", "--json")
    said = proposal(node, "harbour", *matter, "--text", f"@{file}")
    words = proposal(node, "harbour", *matter)

    assert said.status == 0
    assert said.value["under"] == "Art 2 (amendment)"
    assert "9 days" in said.value["words"]
    # Both are hosted on this node, and so in one pair of hands.
    assert said.value["effect"] == "none yet: 1 of 2 have to count the same"
    assert "9 days" in " ".join(said.value["differs"])
    assert said.value["votes_mean"].startswith("a yes also signs the new text; a no")
    assert words.status == 1


@pytest.mark.parametrize(
    ("who", "arguments", "status", "code"),
    [
        pytest.param("river", ["show", "0" * 12], 3, "proposal.unknown", id="no such question"),
        pytest.param(
            "harbour", ["open", "-a", "nowhere", "-m", "amendment"], 3, "agreement.unknown",
            id="no such agreement",
        ),
        pytest.param(
            "river", ["open", "-a", "council-pact", "-m", "coronation"], 2,
            "question.unknown-matter", id="no such matter",
        ),
        pytest.param(
            "river", ["open", "-a", "council-pact", "-m", "suspension", "--party", "harbour"], 5,
            "question.nothing-to-decide", id="no way in the text",
        ),
        pytest.param(
            "river", ["open", "-a", "council-pact", "-m", "body", "--body", "quiet", "--vote"], 0,
            "", id="an open vote under a rule that knows both",
        ),
    ],
)  # fmt: skip
def test_refusals_have_their_status_and_code(
    node: Path, who: str, arguments: list[str], status: int, code: str
) -> None:
    said = proposal(node, who, *arguments, "--json")

    assert said.status == status
    assert not code or said.code == code


def test_whom_it_is_about_cannot_vote_and_is_told_why(node: Path) -> None:
    said = proposal(
        node, "river", "open", "-a", "council-pact", "-m", "expulsion", "--party", "harbour",
        "--deadline", "4 days", "--json",
    )  # fmt: skip
    name = said.value["id"]
    refused = proposal(node, "harbour", "vote", name, "no", "--json")

    assert (refused.status, refused.code) == (5, "proposal.recused")
    assert proposal(node, "river", "vote", name, "yes").status == 0
