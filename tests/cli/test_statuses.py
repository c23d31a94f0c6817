"""Exit statuses 0 to 8, each by a real case, and refusals as JSON."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.cli.shell import allied, attack, bundle, found, indicator, pact


def test_0_all_is_well(tmp_path: Path) -> None:
    (tmp_path / "pact.yaml").write_text(pact())
    said = allied("agreement", "check", tmp_path / "pact.yaml")
    assert said.status == 0
    assert "0 errors" in said.err


def test_1_the_present_state_does_not_allow_it(pair: Path) -> None:
    said = allied("agreement", "sign", "river-harbour", "-o", "river", "--data", pair, "--json")
    assert (said.status, said.code) == (1, "agreement.signed-already")


def test_1_a_file_is_not_what_it_claims_to_be(tmp_path: Path, lone: Path) -> None:
    (tmp_path / "incident.yaml").write_text("format: something/9\n")
    said = allied("incident", "report", tmp_path / "incident.yaml", "--data", lone, "--json")
    assert said.status == 1
    assert said.code.startswith("incident.")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--no-such-option"], id="an unknown option"),
        pytest.param(["no-such-verb"], id="an unknown verb"),
        pytest.param(["invoke", "terminal-wiper"], id="an option that is needed is missing"),
        pytest.param(["serve", "--port", "70000"], id="a number out of range"),
        pytest.param(["agreement", "check"], id="no file"),
    ],
)
def test_2_the_call_is_wrong(arguments: list[str]) -> None:
    plain = allied(*arguments)
    assert plain.status == 2
    assert "Error: " in plain.err
    said = allied(*arguments, "--json")
    assert (said.status, said.code) == (2, "usage.arguments")


def test_2_who_acts_has_to_be_said_where_several_could(pair: Path) -> None:
    said = allied("item", "list", "--data", pair, "--json")
    assert (said.status, said.code) == (2, "organisation.ambiguous")
    assert allied("item", "list", "--data", pair, "-o", "river").status == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        pytest.param(["agreement", "show", "nope"], "agreement.unknown", id="no such agreement"),
        pytest.param(["agreement", "explain", "nope"], "agreement.no-such-text", id="no text"),
        pytest.param(["item", "show", "99"], "item.unknown", id="no such item"),
        pytest.param(["incident", "show", "nope"], "incident.unknown", id="no such incident"),
        pytest.param(["obligation", "show", "nope"], "obligation.unknown", id="nothing owed"),
        pytest.param(["item", "list", "-o", "mars"], "organisation.unknown", id="not hosted"),
    ],
)
def test_3_nothing_goes_by_that_name(lone: Path, arguments: list[str], code: str) -> None:
    said = allied(*arguments, "--data", lone, "--json")
    assert (said.status, said.code) == (3, code)


def test_3_there_is_no_node_in_that_folder(tmp_path: Path) -> None:
    said = allied("status", "--data", tmp_path / "nowhere", "--json")
    assert (said.status, said.code) == (3, "node.no-folder")
    assert "allied init" in said.value["error"]["hint"]
    assert not (tmp_path / "nowhere").exists()


def test_4_the_passphrase_is_wrong(lone: Path) -> None:
    said = allied("sync", "--data", lone, "--json", ALLIED_PASSPHRASE="wrong")
    assert (said.status, said.code) == (4, "keys.wrong-passphrase")
    assert "wrong" not in said.value["error"]["message"]
    assert allied("sync", "--data", lone).status == 0


def test_4_nobody_is_here_to_give_the_passphrase(lone: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("")
    said = allied("sync", "--data", lone, "--passphrase-file", empty, "--json")
    assert (said.status, said.code) == (2, "passphrase.empty")


def test_5_the_agreement_says_no(pair: Path, tmp_path: Path) -> None:
    file = tmp_path / "incident.yaml"
    file.write_text(attack())
    here = ("--data", pair, "--json")
    assert (
        allied("incident", "report", file, "-a", "river-harbour", "-o", "harbour", *here).status
        == 0
    )
    said = allied("invoke", "terminal-wiper", "--art", "2", "-o", "river", *here)
    assert (said.status, said.code) == (5, "incident.wrong-caller")
    called = allied("invoke", "terminal-wiper", "--art", "2", "-o", "harbour", *here)
    assert called.status == 0
    assert [each["debtor"] for each in called.value["obligations"]] == ["river"]


def test_5_policy_refuses_an_object(pair: Path, tmp_path: Path) -> None:
    red = indicator(
        7, object_marking_refs=["marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1"]
    )
    file = tmp_path / "red.json"
    file.write_bytes(bundle(red))
    share = ("share", file, "-a", "river-harbour", "-o", "river", "--data", pair, "--json")
    said = allied(*share, "--dry-run")
    assert said.status == 5
    assert said.value["shares"][0]["admitted"] == 0 or said.value["shares"][0]["recipients"]


def test_6_nobody_answers_there(lone: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        said = allied("peer", "add", f"http://127.0.0.1:{port}", "--data", lone, "--json")
    assert said.status == 6
    assert said.code.startswith("peer.")


def test_8_a_check_found_something(tmp_path: Path) -> None:
    text = pact().replace("max_tlp: AMBER+STRICT", "max_tpl: AMBER+STRICT")
    (tmp_path / "pact.yaml").write_text(text)
    said = allied("agreement", "check", tmp_path / "pact.yaml", "--json")
    assert said.status == 8
    (finding,) = [each for each in said.value["findings"] if each["severity"] == "error"]
    assert finding["code"] == "agreement.unknown-key"
    assert "max_tlp" in finding["text"] + finding["advice"]
    assert finding["place"]["line"] == text[: text.index("max_tpl")].count("\n") + 1


def test_8_two_texts_differ(tmp_path: Path) -> None:
    one, other = tmp_path / "a.yaml", tmp_path / "b.yaml"
    one.write_text(pact())
    other.write_text(pact().replace("answer_within: 2 hours", "answer_within: 3 hours"))
    assert allied("agreement", "diff", one, one).status == 0
    said = allied("agreement", "diff", one, other)
    assert said.status == 8
    assert "three hours" in said.out or "3 hours" in said.out


def test_words_go_to_stderr_and_data_to_stdout(lone: Path) -> None:
    said = allied("status", "--data", lone, "--json")
    assert said.err == ""
    assert [each["label"] for each in said.value["organisations"]] == ["river"]


def test_a_second_node_in_one_folder_is_refused(lone: Path) -> None:
    said = allied("init", "--id", "other", "--name", "Other", "--data", lone, "--json")
    assert (said.status, said.code) == (1, "node.exists")
    assert [
        each["id"] for each in allied("organisation", "list", "--data", lone, "--json").value
    ] == ["river"]


def test_two_folders_are_two_nodes(lone: Path, tmp_path: Path) -> None:
    found(tmp_path / "harbour", "harbour", "Harbour Logistics SA")
    one = allied("organisation", "list", "--json", ALLIED_DATA=str(lone)).value
    other = allied("organisation", "list", "--json", "--data", tmp_path / "harbour").value
    assert [each["id"] for each in one + other] == ["river", "harbour"]
    assert one[0]["fingerprint"] != other[0]["fingerprint"]


def test_the_same_text_is_not_proposed_twice_by_mistake(pair: Path, tmp_path: Path) -> None:
    (tmp_path / "pact.yaml").write_text(pact())
    propose = ("agreement", "propose", tmp_path / "pact.yaml", "-o", "river", "--data", pair)
    assert allied(*propose, "--dry-run").status == 0
    said = allied(*propose, "--json")
    assert (said.status, said.code) == (1, "agreement.proposed-already")


def test_an_agreement_on_the_node_is_explained_by_its_name(pair: Path) -> None:
    said = allied("agreement", "explain", "river-harbour", "--data", pair)
    assert said.status == 0
    assert "AMBER+STRICT" in said.out
    assert allied("agreement", "check", "river-harbour", "--data", pair).status == 0


def test_names_from_others_cannot_steer_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "pact.yaml").write_text(pact().replace("River Bank plc", "River\\e[2J Bank"))
    said = allied("agreement", "explain", tmp_path / "pact.yaml")
    assert "\x1b" not in said.out + said.err
