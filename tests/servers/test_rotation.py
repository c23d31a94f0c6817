"""Keys change beside two serving nodes: both go on, and the old transport key is let in no more."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from allied.adapters.clock import SystemChance
from allied.adapters.vault import FileVault
from allied.bootstrap import open_node
from allied.errors import UnreachableError
from allied.node import messages
from allied.node.ports import Listener, Speaker
from allied.record.identity import open_chain
from tests.cli.shell import PASSPHRASE, allied, found, pact
from tests.servers.serving import Server, until
from tests.servers.test_restore_drill import items, share


def asked(folder: Path, keys: Path, mine: Any, theirs: Any) -> bytes:
    """A question from River to Harbour, signed with the transport key in some folder of keys."""
    signer = FileVault(keys, chance=SystemChance()).unlock(PASSPHRASE)
    node = open_node(folder)
    try:
        with node.store.read() as reading:
            identity = open_chain(reading.descriptors(theirs["organisation"]))
        key, sealing = identity.key("transport"), identity.key("sealing")
        speaker = Speaker(mine["organisation"], signer.signer(mine["organisation"], "transport"))
        listener = Listener(theirs["organisation"], theirs["url"], {key.key_id: key}, sealing, True)
        return node.peers.ask(
            speaker, listener, messages.AGREEMENTS, messages.NOTHING, limit=100_000
        )
    finally:
        node.close()


def test_keys_change_while_everybody_serves(tmp_path: Path) -> None:
    river, harbour = tmp_path / "river", tmp_path / "harbour"
    servers = {
        folder: Server(folder, folder.with_name(f"{folder.name}.log"))
        for folder in (river, harbour)
    }
    for folder, name in ((river, "River Bank plc"), (harbour, "Harbour Logistics SA")):
        url = f"http://127.0.0.1:{servers[folder].port}"
        found(folder, folder.name, name, "--url", url)
    mine = allied("organisation", "list", "--data", river, "--json").value[0]
    theirs = allied("organisation", "list", "--data", harbour, "--json").value[0]
    text = tmp_path / "pact.yaml"
    text.write_text(pact())
    with servers[river] as ours, servers[harbour] as partner:
        ours.answers()
        partner.answers()
        for folder, other in ((river, theirs), (harbour, mine)):
            given = ("--fingerprint", other["fingerprint"], "--data", folder)
            assert allied("peer", "add", other["url"], *given).status == 0
        assert allied("agreement", "propose", text, "--data", river).status == 0
        until(
            "the proposal", lambda: allied("agreement", "list", "--data", harbour, "--json").value
        )
        for folder in (harbour, river):
            assert allied("agreement", "sign", "river-harbour", "--data", folder).status == 0
        until(
            "it binds",
            lambda: (
                allied("agreement", "list", "--data", river, "--json").value[0]["state"]
                == "in-force"
            ),
        )
        old = Path(shutil.copytree(river / "keys", tmp_path / "stolen"))
        assert b"agreements" in asked(river, old, mine, theirs)  # the twin

        recovery = tmp_path / "river-recovery-river.txt"
        renewed = ("--renew", "transport", "--renew", "automatic", "--recovery-file", recovery)
        assert allied("key", "rotate", *renewed, "--data", river).status == 0
        share(river, 1)
        share(harbour, 2)
        until("River's item at Harbour", lambda: len(items(harbour)) == 2)
        until("Harbour's item at River", lambda: len(items(river)) == 2)

        assert b"agreements" in asked(river, river / "keys", mine, theirs)
        with pytest.raises(UnreachableError) as refusal:
            asked(river, old, mine, theirs)
        assert refusal.value.code == "peer.not-found"
        for folder in (river, harbour):
            said = allied("doctor", "--data", folder, "--json").value["findings"]
            assert not [each for each in said if each["state"] == "problem"], said
        assert "Traceback" not in ours.said() + partner.said()
