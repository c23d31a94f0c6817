"""`allied agreement standing`: who is bound on a day, by which text, and what falls due."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.shell import Said, allied

PACT = """\
format: alliance/1
id: {id}
title: Three ports
form: {{kind: contract}}
timezone: Europe/Madrid
parties:
  - {{id: river, name: River Bank plc}}
  - {{id: harbour, name: Harbour Logistics SA, tier: gold}}
  - {{id: port, name: Port Authority}}
life: {{in_force_when: all ratified, withdrawal: {{notice: 1 year}}}}
bodies: {{council: {{members: [river, harbour]}}}}
articles:
  - art: "5"
    type: collective-response
    trigger: {{severity: at least high}}
    duties: [{{do: {do}, modality: must}}]
  - {{art: "3", type: preparedness, exercises: 1 year}}
  - {{art: "9", type: amendment, in_force: steward-notice 45 days, objectors: keep-old}}
"""
REGISTER = """\
format: register/1
events:
  - {agreement: pact, event: ratified, party: river, at: 2024-01-01}
  - {agreement: pact, event: ratified, party: harbour, at: 2024-01-01}
  - {agreement: pact, event: ratified, party: port, at: 2024-02-01}
  - {agreement: pact, event: amended, version: pact-2, at: 2025-06-01}
  - {agreement: pact, event: objected, party: port, version: pact-2, at: 2025-06-20}
  - {agreement: pact, event: suspended, art: "3", party: port, at: 2026-02-01}
  - {agreement: pact, event: notice, party: port, at: 2026-03-01}
  - {agreement: pact, event: declared, party: port, practice: frozen, at: 2026-03-01}
  - {agreement: pact, event: objected, party: river, version: pact-2, at: 2026-03-02}
"""
INCIDENT = """\
format: incident/1
id: one
title: An attack
versions:
  - known_at: 2026-01-10
    asserted_by: river
    facts:
      kind: attack.cyber
      occurred_at: 2026-01-10
      severity: severe
      acts: [{by: outsider, against: river, target: systems}]
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "pact.yaml").write_text(PACT.format(id="pact", do="help"))
    (tmp_path / "pact-2.yaml").write_text(PACT.format(id="pact-2", do="help and pay"))
    (tmp_path / "register.yaml").write_text(REGISTER)
    (tmp_path / "incident.yaml").write_text(INCIDENT)
    return tmp_path


def standing(files: Path, *more: object) -> Said:
    return allied("agreement", "standing", files, "--register", files / "register.yaml", *more)


def one(said: Said) -> Any:
    assert said.status == 0, said.err
    (found,) = said.value["agreements"]
    return found


def test_it_says_who_is_bound_on_a_day(files: Path) -> None:
    found = one(standing(files, "--date", "2024-01-15", "--json"))
    assert (found["agreement"], found["state"], found["in_force_since"]) == (
        "pact",
        "proposed",
        None,
    )
    assert "port" in found["awaited"]
    later = one(standing(files, "--date", "2026-06-01", "--json"))
    assert (later["state"], later["in_force_since"]) == ("in-force", "2024-01-31T23:00:00Z")
    assert [(each["party"], each["legal"], each["version"]) for each in later["parties"]] == [
        ("river", "bound", "pact-2"),
        ("harbour", "bound", "pact-2"),
        ("port", "leaving", "pact"),
    ]
    port = later["parties"][2]
    assert (port["until"], port["practice"], port["role"]) == (
        "2027-03-01T23:00:00Z", "frozen", "member",
    )  # fmt: skip
    assert later["parties"][1]["tier"] == "gold"
    assert later["suspended"] == {"articles": [{"art": "3", "party": "port"}], "pairs": []}
    assert later["bodies"] == {"council": ["harbour", "river"]}
    assert [each["code"] for each in later["warnings"]] == ["objection-late"]


def test_a_day_stands_for_its_end_in_the_time_zone_of_the_agreement(files: Path) -> None:
    def state(day: str) -> str:
        return str(one(standing(files, "--date", day, "--json"))["state"])

    assert (state("2024-01-31"), state("2024-02-01")) == ("proposed", "in-force")
    assert (state("2024-01-31T22:59:00Z"), state("2024-01-31T23:00:00Z")) == (
        "proposed", "in-force",
    )  # fmt: skip


def test_it_says_which_texts_there_are_and_how_far_they_have_come(files: Path) -> None:
    waiting = one(standing(files, "--date", "2025-06-10", "--json"))
    assert [(each["version"], each["since"], each["due"]) for each in waiting["texts"]] == [
        ("pact", "2024-01-31T23:00:00Z", None),
        ("pact-2", None, "2025-07-15T22:00:00Z"),
    ]
    assert waiting["version"] == "pact"
    done = one(standing(files, "--date", "2025-08-01", "--json"))["texts"][1]
    assert (done["since"], done["objected"], done["reached"]) == (
        "2025-07-15T22:00:00Z", ["port"], ["harbour", "river"],
    )  # fmt: skip
    assert (done["how"], done["art"]) == ("steward-notice", "9")


def test_it_says_what_falls_due(files: Path) -> None:
    def dues(*more: str) -> list[tuple[Any, ...]]:
        found = one(standing(files, "--date", "2025-08-01", *more, "--json"))["agenda"]
        return [(e["at"], e["kind"], e["art"], e["who"], e["version"], e["overdue"]) for e in found]

    late = "2025-01-31T23:00:00Z"
    assert dues() == [
        (late, "exercise", "3", ["port"], "pact", True),
        (late, "exercise", "3", ["harbour", "river"], "pact-2", True),
    ]
    early = one(standing(files, "--date", "2025-06-10", "--json"))["agenda"]
    assert [each["kind"] for each in early] == ["exercise", "amendment"]
    until = ("--date", "2025-06-10", "--until", "2025-07-15", "--json")
    assert [each["kind"] for each in one(standing(files, *until))["agenda"]] == ["exercise"]


def test_people_read_it_as_tables(files: Path) -> None:
    said = standing(files, "--date", "2026-06-01")

    assert said.status == 0
    for line in (
        "pact  Three ports",
        "On 2026-06-01 it is in force since 2024-02-01.",
        "port     Port Authority        member        leaving (in practice frozen)  2024-02-01"
        "  2027-03-02  pact",
        "Suspended: Art 3 for port.",
        "Takes part in council: harbour, river.",
        "overdue since 2025-02-01  a common exercise is due, every year",
        "Warning: river: pact-2 had taken effect before it objected [objection-late]",
    ):
        assert line in said.out
    assert "when the notice has run (Art 9)" in said.out


def test_without_a_day_it_is_as_of_now(files: Path) -> None:
    found = one(standing(files, "--json"))
    assert found["parties"][2]["legal"] in {"leaving", "former"}
    assert found["at"] > "2026-06"


def test_a_file_without_amendments_shows_no_texts(files: Path) -> None:
    (files / "register.yaml").write_text("\n".join(REGISTER.splitlines()[:5]))
    said = standing(files, "--date", "2026-06-01", "--agreement", "pact")
    assert said.out.count("TEXT") == 0
    both = standing(files, "--date", "2026-06-01", "--json").value["agreements"]
    assert [each["agreement"] for each in both] == ["pact", "pact-2"]


@pytest.mark.parametrize(
    ("more", "code", "status"),
    [
        pytest.param(("--date", "soon"), "usage.date", 2, id="no day"),
        pytest.param(("--until", "2026-02-30"), "usage.date", 2, id="no such day"),
        pytest.param(("--register", "nowhere.yaml"), "file.missing", 2, id="no such file"),
        pytest.param(
            ("--agreement", "pact-2"), "register.unknown-agreement", 3, id="an amended text"
        ),
    ],
)
def test_bad_options_are_refused(
    files: Path, more: tuple[str, ...], code: str, status: int
) -> None:
    assert standing(files, "--json", "--agreement", "pact").status == 0
    said = standing(files, "--json", *more)
    assert (said.status, said.code) == (status, code)


def test_a_what_if_names_the_text_that_counted(files: Path) -> None:
    asked = (
        "whatif", "--agreements", files, "--incident", files / "incident.yaml",
        "--register", files / "register.yaml",
    )  # fmt: skip
    found = allied(*asked, "--json").value
    assert {(e["debtor"], e["agreement"], e.get("version")) for e in found["obligations"]} == {
        ("harbour", "pact", "pact-2"),
        ("port", "pact", None),
    }
    said = allied(*asked).out
    assert "pact (pact-2) Art 5" in said
    assert "help and pay" in said
    before = allied(*asked, "--law-date", "2025-07-15", "--json").value
    assert {each.get("version") for each in before["results"]} == {None}


def test_a_call_of_an_article_that_only_an_amended_text_has_is_no_doubt(files: Path) -> None:
    new = PACT.format(id="pact-2", do="help").replace('art: "5"', 'art: "5a"')
    (files / "pact-2.yaml").write_text(new)
    call = 'invocations: [{agreement: pact, art: "5a", by: river, at: 2026-01-11}]\n'
    (files / "incident.yaml").write_text(INCIDENT + call)
    asked = (
        "whatif", "--agreements", files, "--incident", files / "incident.yaml",
        "--register", files / "register.yaml", "--json",
    )  # fmt: skip

    def doubts() -> set[str]:
        return {each["code"] for each in allied(*asked).value["warnings"]}

    assert "unknown-clause" not in doubts()
    (files / "incident.yaml").write_text(INCIDENT + call.replace("5a", "55"))
    assert "unknown-clause" in doubts()


def test_with_a_day_it_needs_no_node_and_no_database(files: Path) -> None:
    code = (
        "import sys; from allied.entrypoints.cli import run; status = run(sys.argv[1:]);"
        "heavy = {'sqlalchemy', 'httpx', 'starlette', 'allied.bootstrap'} & set(sys.modules);"
        "sys.exit(status or bool(heavy))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "agreement", "standing", str(files), "--date", "2026-01-01"],
        check=False, capture_output=True, timeout=60,
        env={**os.environ, "ALLIED_DATA": str(files / "nowhere")},
    )  # fmt: skip
    assert done.returncode == 0
    assert not (files / "nowhere").exists()


def test_a_node_shows_what_falls_due_too(pair: Path) -> None:
    shown = allied("agreement", "show", "river-harbour", "--data", pair)
    value = allied("agreement", "show", "river-harbour", "--data", pair, "--json").value

    assert "its term ends and is renewed for one year" in shown.out
    assert [each["kind"] for each in value["agenda"]][-2:] == ["stop-notice", "term-ends"]
    assert value["agenda"][-1]["version"] == "river-harbour"
