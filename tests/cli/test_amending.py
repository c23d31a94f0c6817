"""A text is changed from the command line: put, voted on, shown by its versions."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.shell import Said, allied, found

TEXT = """\
format: alliance/1
id: quay-pact
form: {kind: contract}
parties: [{id: river}, {id: harbour}]
articles:
  - {art: "1", type: amendment}
  - {art: "2", type: information-sharing, share: [indicator], max_tlp: GREEN}
"""
NEW = TEXT.replace("GREEN", "AMBER")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A node on which River and Harbour have changed their text."""
    root = tmp_path_factory.mktemp("quay")
    folder, text, new = root / "node", root / "pact.yaml", root / "new.yaml"
    found(folder, "river", "River Bank plc")
    second = ("--id", "harbour", "--name", "Harbour Logistics SA", "--person", "lee")
    assert allied("organisation", "add", *second, "--data", folder).status == 0
    text.write_text(TEXT)
    new.write_text(NEW)
    here = ("--data", folder)
    assert allied("agreement", "propose", text, "-o", "river", *here).status == 0
    for party in ("river", "harbour"):
        assert allied("agreement", "sign", "quay-pact", "-o", party, *here).status == 0
    put = ("-a", "quay-pact", "-m", "amendment", "--text", f"@{new}", "--json")
    name = allied("proposal", "open", *put, "-o", "river", *here).value["id"]
    for party in ("river", "harbour"):
        voted = allied("proposal", "vote", name, "yes", "-o", party, *here)
        assert voted.status == 0, voted.err
    allied("sync", *here)
    return folder


def agreement(node: Path, verb: str, *arguments: object) -> Said:
    return allied("agreement", verb, *arguments, "--data", node)


def test_the_versions_are_shown_with_what_they_changed(node: Path) -> None:
    whole = agreement(node, "show", "quay-pact", "--json").value
    page = agreement(node, "show", "quay-pact").out
    second = agreement(node, "show", "quay-pact", "--version", 2).out
    value = agreement(node, "show", "quay-pact", "--version", 2, "--json").value

    assert (whole["number"], whole["text"]) == (2, NEW)
    assert [each["state"] for each in whole["versions"]] == ["earlier", "in-force"]
    assert "version   2 of 2" in page
    assert whole["versions"][1]["certificates"][0][:12] in page
    assert "~ Article 2, max_tlp: GREEN -> AMBER" in second
    assert "binds        harbour, river" in second
    assert value == whole["versions"][1]


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        pytest.param(["show", "quay-pact", "--text"], 0, "max_tlp: AMBER", id="the present text"),
        pytest.param(
            ["show", "quay-pact", "--text", "--version", "1"], 0, "max_tlp: GREEN",
            id="the first text",
        ),
        pytest.param(["explain", "quay-pact"], 0, "TLP:AMBER", id="what it means now"),
        pytest.param(
            ["explain", "quay-pact", "--version", "1"], 0, "TLP:GREEN", id="what it meant"
        ),
        pytest.param(["explain", "quay-pact@1"], 0, "TLP:GREEN", id="by its name"),
        pytest.param(
            ["diff", "quay-pact@1", "quay-pact"], 8, "max_tlp: GREEN -> AMBER", id="what changed"
        ),
        pytest.param(["diff", "quay-pact@2", "quay-pact"], 0, "", id="nothing changed"),
    ],
)  # fmt: skip
def test_texts_are_named_by_their_version(
    node: Path, arguments: list[str], status: int, says: str
) -> None:
    said = agreement(node, *arguments)

    assert said.status == status
    assert says in said.out


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        pytest.param(["show", "quay-pact", "--version", "2"], 0, "", id="a version that is there"),
        pytest.param(
            ["show", "quay-pact", "--version", "7"], 3, "agreement.no-such-version",
            id="one that is not",
        ),
        pytest.param(["explain", "quay-pact@7"], 3, "agreement.no-such-version", id="by name"),
        pytest.param(["explain", "quay@2"], 3, "agreement.no-such-text", id="no such agreement"),
        pytest.param(
            ["ratify", "quay-pact", "--version", "2", "-o", "river"], 1,
            "amendment.accepted-already", id="accepted by the vote",
        ),
        pytest.param(
            ["object", "quay-pact", "--version", "2", "--yes", "-o", "river"], 1,
            "amendment.in-effect", id="too late to object",
        ),
        pytest.param(
            ["object", "quay-pact", "--version", "1", "--yes", "-o", "river"], 5,
            "amendment.first-text", id="the first text",
        ),
    ],
)  # fmt: skip
def test_refusals_have_their_status_and_code(
    node: Path, arguments: list[str], status: int, code: str
) -> None:
    said = agreement(node, *arguments, "--json")

    assert (said.status, said.code if status else "") == (status, code)
