"""The drill: a node is lost, put back from its backup, and goes on; its partner sees no fork."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from allied.bootstrap import open_node
from allied.node.folds import Folds
from tests.cli.shell import PASSPHRASE, allied, bundle, found, indicator, pact
from tests.servers.serving import Server, until

BACKUP = {"ALLIED_BACKUP_PASSPHRASE": "another passphrase"}


def process(*arguments: object) -> Any:
    """One verb in a process of its own; what it gave."""
    kept = {name: value for name, value in os.environ.items() if name[:7] != "ALLIED_"}
    ended = subprocess.run(
        [sys.executable, "-m", "allied", *map(str, arguments), "--json"],
        env=kept | BACKUP | {"ALLIED_PASSPHRASE": PASSPHRASE},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return json.loads(ended.stdout)


def share(folder: Path, number: int) -> None:
    file = folder.with_name(f"bundle-{number}.json")
    file.write_bytes(bundle(indicator(number)))
    said = allied("share", file, "-a", "river-harbour", "--data", folder)
    assert said.status == 0, said.err


def items(folder: Path) -> set[str]:
    return {
        each["id"] for each in allied("item", "list", "--data", folder, "--json").value["items"]
    }


def own_records(folder: Path, of: str) -> dict[str, tuple[int, int]]:
    """The records of an organisation as a node holds them: incarnation and number by id."""
    node = open_node(folder)
    try:
        with node.store.read() as reading:
            (row,) = reading.agreements()
            folded = Folds().of(reading, row.id)
            assert not folded.history.frozen, "somebody has signed one number twice"
            assert not folded.history.parked
            return {
                each.id: (each.incarnation, each.sequence)
                for each in reading.records(row.id)
                if each.issuer == of
            }
    finally:
        node.close()


def test_a_node_that_was_lost_comes_back_and_its_partner_sees_no_fork(tmp_path: Path) -> None:
    river, harbour = tmp_path / "river", tmp_path / "harbour"
    servers = {folder: Server(folder, folder.with_name(f"{folder.name}.log"))
               for folder in (river, harbour)}  # fmt: skip
    for folder, name in ((river, "River Bank plc"), (harbour, "Harbour Logistics SA")):
        url = f"http://127.0.0.1:{servers[folder].port}"
        found(folder, folder.name, name, "--url", url)
    mine = allied("organisation", "list", "--data", river, "--json").value[0]
    theirs = allied("organisation", "list", "--data", harbour, "--json").value[0]
    text = tmp_path / "pact.yaml"
    text.write_text(pact())
    backup, keys = tmp_path / "river.backup", tmp_path / "river.keys"

    with servers[harbour] as partner:
        partner.answers()
        with servers[river] as lost:
            lost.answers()
            for folder, other in ((river, theirs), (harbour, mine)):
                added = allied("peer", "add", other["url"], "--fingerprint", other["fingerprint"],
                               "--data", folder)  # fmt: skip
                assert added.status == 0, added.err
            assert allied("agreement", "propose", text, "--data", river).status == 0
            until("the proposal", lambda: allied("agreement", "list", "--data", harbour,
                                                 "--json").value)  # fmt: skip
            assert allied("agreement", "sign", "river-harbour", "--data", harbour).status == 0
            assert allied("agreement", "sign", "river-harbour", "--data", river).status == 0
            until(
                "it binds",
                lambda: (
                    allied("agreement", "list", "--data", river, "--json").value[0]["state"]
                    == "in-force"
                ),
            )
            share(river, 1)
            until("the first item", lambda: len(items(harbour)) == 1)
            process("backup", "create", backup, "--online", "--keys", keys, "--data", river)
            for number in (2, 3):
                share(river, number)
            share(harbour, 4)
            until("all of it at Harbour", lambda: len(items(harbour)) == 4)
            until("Harbour's item at River", lambda: len(items(river)) == 4)
            allied("sync", "--data", harbour)
            lost.kill()
        signed = own_records(harbour, mine["organisation"])
        shutil.rmtree(river)

        assert process("backup", "verify", backup)["findings"] == []
        process("backup", "restore", backup, "--keys", keys, "--into", river)
        assert len(items(river)) < 4
        refused = allied("sync", "--data", river, "--json")
        assert refused.code == "store.restored"
        recovery = tmp_path / "river-recovery-river.txt"
        (done,) = process("resume", "--recovery-file", recovery, "--data", river)
        assert (done["certain"], done["incarnation"], done["unreached"]) == (False, 1, [])
        here = own_records(river, mine["organisation"])
        assert signed.items() <= here.items(), "all that was signed is there again"

        with servers[river] as again:
            again.answers()
            share(river, 5)
            until(
                "a new item at Harbour", lambda: any("05" in each[-2:] for each in items(harbour))
            )
            until("Harbour's item is back", lambda: any(each[-1] == "4" for each in items(river)))
        after = own_records(harbour, mine["organisation"])
        assert signed.items() <= after.items()
        assert {life for life, _ in after.values()} == {0, 1}
        assert len(set(after.values())) <= len(after)
    for folder in (river, harbour):
        said = allied("doctor", "--data", folder, "--json").value["findings"]
        assert not [each for each in said if each["state"] == "problem"], said
