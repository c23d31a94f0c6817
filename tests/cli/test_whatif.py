"""`allied whatif`: the evaluator over files, with no node."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from allied.entrypoints.cli.texts import FILE_LIMIT
from tests.cli.shell import allied

TESTS = Path(__file__).parents[1]
SAMPLES = TESTS / "agreement" / "samples"
OWN = TESTS / "response" / "agreements"

FALKLANDS = """format: incident/1
id: falklands-1982
versions:
  - known_at: 1982-04-02
    asserted_by: GBR
    facts:
      kind: attack.armed
      occurred_at: 1982-04-02
      severity: severe
      attribution: {from: outside, to: ARG, confidence: high}
      acts:
        - {by: ARG, against: GBR, target: territory, places: [falkland-islands], latitude: "-51.7"}
"""
NEW_YORK = """format: incident/1
id: new-york-2001
versions:
  - known_at: 2001-09-11
    facts:
      kind: attack.terror
      occurred_at: 2001-09-11
      acts: [{against: USA, target: territory, places: [north-america], latitude: "40.7"}]
  - known_at: 2001-10-02
    facts: {attribution: {from: outside}, acts: [{by: al-qaeda}]}
findings: [{agreement: nat-1949, field: kind, value: attack.armed, by: council, at: 2001-09-12}]
invocations: [{agreement: nat-1949, art: "5", by: USA, at: 2001-09-12}]
decisions: [{agreement: nat-1949, art: "5", outcome: adopted, at: 2001-10-02}]
"""
AUGUST = """format: incident/1
id: august-1914
campaign: july-crisis
versions:
  - known_at: 1914-08-01
    facts:
      kind: act.war-declaration
      occurred_at: 1914-08-01
      acts: [{by: germany, against: russia, supported_by: []}]
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in (("falklands", FALKLANDS), ("new-york", NEW_YORK), ("august", AUGUST)):
        (tmp_path / f"{name}.yaml").write_text(text)
    return tmp_path


def outcomes(value: dict[str, list[dict[str, str]]]) -> dict[str, tuple[str, str]]:
    return {each["art"]: (each["outcome"], each["reason"]) for each in value["results"]}


def test_it_answers_from_files_alone(files: Path) -> None:
    said = allied(
        "whatif", "--agreements", SAMPLES / "nat-1949.yaml",
        "--incident", files / "falklands.yaml", "--json",
    )  # fmt: skip
    assert said.status == 0
    value = said.value
    assert set(value) == {
        "results", "obligations", "reports", "consultations", "conflicts", "warnings", "states",
    }  # fmt: skip
    assert [(each["incident"], each["state"]) for each in value["states"]] == [
        ("falklands-1982", "not-covered")
    ]
    assert outcomes(value)["5"] == ("not-met", "out-of-scope")
    assert set(value["results"][0]) >= {
        "incident", "agreement", "art", "type", "outcome", "reason", "missing", "would_change_if",
        "acts", "notes", "explanation",
    }  # fmt: skip
    (open_to,) = (each["open_to"] for each in value["consultations"] if each["art"] == "4")
    assert ("GBR" in open_to, "ESP" in open_to) == (True, False)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        pytest.param("2001-09-12", ("provisional", "intra-party"), id="before the origin is known"),
        pytest.param("2001-10-02", ("met", ""), id="on the day it is"),
        pytest.param("", ("met", ""), id="without a date all that is given is known"),
    ],
)
def test_the_date_is_the_day_of_knowledge(
    files: Path, date: str, expected: tuple[str, str]
) -> None:
    dated = ("--date", date) if date else ()
    said = allied(
        "whatif", "--agreements", SAMPLES, "--incident", files / "new-york.yaml", *dated, "--json"
    )
    assert (
        outcomes({"results": [e for e in said.value["results"] if e["agreement"] == "nat-1949"]})[
            "5"
        ]
        == expected
    )


def test_several_paths_stand_behind_one_option(files: Path) -> None:
    said = allied(
        "whatif", "--agreements", SAMPLES / "nat-1949.yaml", OWN / "before-1914.yaml",
        "--incident", files / "falklands.yaml", files / "august.yaml", "--json",
    )  # fmt: skip
    assert {each["incident"] for each in said.value["results"]} == {"falklands-1982", "august-1914"}
    assert {"nat-1949", "dual-alliance-1879"} <= {e["agreement"] for e in said.value["results"]}


def test_the_law_of_another_day_may_be_asked(files: Path) -> None:
    said = allied(
        "whatif", "--agreements", SAMPLES / "nat-1949.yaml", "--incident",
        files / "new-york.yaml", "--law-date", "1948-01-01", "--json",
    )  # fmt: skip
    assert outcomes(said.value)["5"] == ("not-met", "not-in-force")


def test_a_register_decides_who_is_bound(files: Path) -> None:
    register = files / "register.yaml"
    register.write_text(
        "format: register/1\nevents:\n"
        "  - {agreement: nat-1949, event: notice, party: NOR, at: 1999-01-01}\n"
        "  - {agreement: nat-1949, event: declared, party: FRA, practice: apart, at: 1999-01-01}\n"
    )
    given = (
        "whatif",
        "--agreements",
        SAMPLES / "nat-1949.yaml",
        "--incident",
        files / "new-york.yaml",
    )
    before = {each["debtor"] for each in allied(*given, "--json").value["obligations"]}
    said = allied(*given, "--register", register, "--json").value
    assert before - {each["debtor"] for each in said["obligations"]} == {"NOR"}
    assert "practice" in {each["code"] for each in said["warnings"]}


def test_a_viewpoint_shows_nothing_of_what_it_may_not_see(files: Path) -> None:
    given = ("whatif", "--agreements", SAMPLES, OWN, "--incident", files / "august.yaml", "--json")
    france = allied(*given, "--as", "france")
    germany = allied(*given, "--as", "germany")
    assert "franco-russian-1892" in france.out
    assert "franco-russian-1892" not in germany.out + germany.err
    assert [each["debtor"] for each in france.value["obligations"]] == ["france"]


def test_a_cascade_is_labelled_and_holds_the_plain_answer(files: Path) -> None:
    given = ("whatif", "--agreements", SAMPLES, OWN, "--incident", files / "august.yaml", "--json")
    plain, whole = allied(*given).value, allied(*given, "--cascade").value
    assert {each["key"] for each in plain["obligations"]} <= {
        each["key"] for each in whole["obligations"]
    }
    real = [each for each in whole["results"] if each["depth"] == 0]
    assert [{**each, "depth": 0} for each in plain["results"]] == real
    supposed = [each["text"] for each in whole["hypothetical"]]
    assert supposed[0] == (
        "Suppose that france does what it must under franco-russian-1892 Art 1"
        " and declares war on germany."
    )


def test_people_read_a_line_for_each_clause_and_what_was_asked_for(files: Path) -> None:
    said = allied(
        "whatif", "--agreements", SAMPLES / "nat-1949.yaml", "--incident",
        files / "new-york.yaml", "--art", "5",
    )  # fmt: skip
    assert said.status == 0
    assert "met      nat-1949   5    collective-response  new-york-2001" in said.out
    assert "G4 yes: found to be attack.armed (found by council on 2001-09-12)" in said.out
    assert "To be reported to UN Security Council, immediately" in said.out
    assert "It would change if" in said.out


def test_a_call_of_a_clause_that_is_not_there_is_a_warning(files: Path) -> None:
    wrong = files / "wrong.yaml"
    wrong.write_text(NEW_YORK.replace('art: "5", by: USA', 'art: "55", by: USA'))
    said = allied(
        "whatif", "--agreements", SAMPLES / "nat-1949.yaml", "--incident", wrong, "--json"
    )
    assert "unknown-clause" in {each["code"] for each in said.value["warnings"]}


@pytest.mark.parametrize(
    ("caller", "doubted"),
    [pytest.param("USA", False, id="a party"), pytest.param("NOBODY", True, id="a stranger")],
)
def test_a_call_by_somebody_whom_no_text_names_is_a_warning(
    files: Path, caller: str, doubted: bool
) -> None:
    told = files / "told.yaml"
    told.write_text(NEW_YORK.replace('art: "5", by: USA', f'art: "5", by: {caller}'))
    said = allied("whatif", "--agreements", SAMPLES / "nat-1949.yaml", "--incident", told, "--json")
    assert ("unknown-party" in {each["code"] for each in said.value["warnings"]}) == doubted


def test_every_mistake_of_a_file_is_said_at_once_each_with_its_place(files: Path) -> None:
    register = files / "wrong-register.yaml"
    register.write_text(
        "format: register/1\n"
        "events:\n"
        "  - {agreement: nat-1949, event: notice, party: XXX, at: 2025-03-01}\n"
        "  - {agreement: nat-1950, event: notice, party: USA, at: 2025-03-01}\n"
        "  - {agreement: nat-1949, event: notice, party: USA, at: 1/3/2025}\n"
    )
    incident = files / "told.yaml"
    incident.write_text(NEW_YORK)
    call = (
        "whatif", "--agreements", SAMPLES / "nat-1949.yaml",
        "--incident", incident, "--register", register,
    )  # fmt: skip
    told = allied(*call).err
    for line, code in ((3, "unknown-party"), (4, "unknown-agreement"), (5, "wrong-value")):
        assert any(f":{line}:" in each and code in each for each in told.splitlines())
    mistakes = allied(*call, "--json").value["error"]["mistakes"]
    assert [each["place"]["line"] for each in mistakes] == [3, 4, 5]
    assert all(each["hint"] for each in mistakes)


TIED = """format: alliance/1
id: {name}
form: {{kind: treaty}}
lateral: bilateral
parties: [{{ids: [a, b], kind: state, joined: 1900-01-01}}]
life: {{tied_to: {other}}}
articles: [{{art: "1", type: statement}}]
"""


@pytest.mark.parametrize(
    ("text", "code", "status"),
    [
        pytest.param(
            TIED.format(name="x", other="x"), "agreement.tied-in-a-circle", 1, id="circle"
        ),
        pytest.param("format: alliance/2\n", "agreement.unknown-format", 1, id="another format"),
        pytest.param("a: &b 1\n", "yaml.anchor", 1, id="an anchor"),
        pytest.param(
            "format: alliance-view/1\nid: v\ninstruments: [x]\n",
            "whatif.no-agreement",
            3,
            id="a view alone",
        ),
    ],
)
def test_bad_agreements_are_refused(files: Path, text: str, code: str, status: int) -> None:
    bad = files / "bad.yaml"
    bad.write_text(text)
    said = allied("whatif", "--agreements", bad, "--incident", files / "august.yaml", "--json")
    assert (said.status, said.code) == (status, code)


def test_a_circle_of_ties_is_refused_with_the_place_of_one(files: Path) -> None:
    for name, other in (("x", "y"), ("y", "x")):
        (files / f"tied-{name}.yaml").write_text(TIED.format(name=name, other=other))
    both = (files / "tied-x.yaml", files / "tied-y.yaml")
    said = allied("whatif", "--agreements", *both, "--incident", files / "august.yaml", "--json")
    place = said.value["error"]["place"]
    assert (Path(place["source"]).name, place["line"]) == ("tied-x.yaml", 6)


@pytest.mark.parametrize(
    ("more", "code", "status"),
    [
        pytest.param(("--date", "2001-02-30"), "usage.date", 2, id="an impossible day"),
        pytest.param(("--law-date", "soon"), "usage.date", 2, id="no day"),
        pytest.param(("--register", "nowhere.yaml"), "file.missing", 2, id="no such register"),
    ],
)
def test_bad_options_are_refused(
    files: Path, more: tuple[str, ...], code: str, status: int
) -> None:
    given = ("whatif", "--agreements", SAMPLES, "--incident", files / "august.yaml", "--json")
    assert allied(*given).status == 0
    said = allied(*given, *more)
    assert (said.status, said.code) == (status, code)


def test_one_id_in_two_files_is_refused(files: Path) -> None:
    twice = files / "copy.yaml"
    twice.write_bytes((SAMPLES / "nat-1949.yaml").read_bytes())
    said = allied(
        "whatif", "--agreements", SAMPLES, twice, "--incident", files / "august.yaml", "--json"
    )
    assert (said.status, said.code) == (1, "agreement.twice")


def test_the_number_of_files_is_bounded(files: Path) -> None:
    many = files / "many"
    many.mkdir()
    for number in range(FILE_LIMIT + 1):
        (many / f"{number}.yaml").touch()
    said = allied("whatif", "--agreements", many, "--incident", files / "august.yaml", "--json")
    assert (said.status, said.code) == (2, "whatif.too-many-files")


def test_it_needs_no_node_and_no_database(files: Path) -> None:
    code = (
        "import sys; from allied.entrypoints.cli import run; status = run(sys.argv[1:]);"
        "heavy = {'sqlalchemy', 'httpx', 'starlette', 'allied.bootstrap'} & set(sys.modules);"
        "sys.exit(status or bool(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "whatif", "--agreements", str(SAMPLES), "--incident",
         str(files / "falklands.yaml"), "--json"],
        check=False, capture_output=True, timeout=60,
        env={**os.environ, "ALLIED_DATA": str(files / "nowhere")},
    )  # fmt: skip
    assert done.returncode == 0
    assert not (files / "nowhere").exists()


@pytest.mark.parametrize(
    ("signed", "doubted"),
    [pytest.param(True, False, id="signed"), pytest.param(False, True, id="not")],
)
def test_a_text_that_nobody_is_known_to_have_signed_is_a_warning(
    files: Path, signed: bool, doubted: bool
) -> None:
    pact = allied("agreement", "new", "--template", "pact").out
    (files / "pact.yaml").write_text(pact)
    (files / "hit.yaml").write_text(
        "format: incident/1\nid: hit\nversions:\n"
        "  - known_at: 2026-05-01\n    asserted_by: first\n    facts:\n"
        "      kind: attack.cyber\n      severity: severe\n      acts: [{against: first}]\n"
    )
    (files / "signed.yaml").write_text(
        "format: register/1\nevents:\n"
        "  - {agreement: our-pact, event: signed, party: first, at: 2026-01-01}\n"
        "  - {agreement: our-pact, event: signed, party: second, at: 2026-01-02}\n"
    )
    register = ("--register", files / "signed.yaml") if signed else ()
    said = allied(
        *("whatif", "--agreements", files / "pact.yaml", "--incident", files / "hit.yaml"),
        *(*register, "--json"),
    )
    assert ("nobody-signed" in {each["code"] for each in said.value["warnings"]}) == doubted
