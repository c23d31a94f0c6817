"""`allied mail`: a party is served from the command line, and files come back in a Maildir."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.adapters.test_mail import Desk, listening
from tests.cli.shell import allied, bundle, indicator


def mail(folder: Path, *arguments: object) -> Any:
    said = allied("mail", *arguments, "--data", folder, "--json")
    assert said.status == 0, said.err
    return said.value


def test_a_party_is_served_from_the_command_line(pair: Path, tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(bundle(indicator(1)))
    shared = allied("share", file, "-a", "river-harbour", "-o", "river", "--data", pair)
    assert shared.status == 0, shared.err
    desk = Desk()
    with listening(desk) as port:
        mail(pair, "server", f"127.0.0.1:{port}", "--from", "duty@river.example", "--tls", "none")
        given = ("--agreement", "river-harbour", "--to", "harbour", "-o", "river")
        route = mail(pair, "add", "duty@harbour.example", *given)
        (sent,) = mail(pair, "send")
    assert (sent["to"], sent["problem"]) == ("harbour", "")
    assert sent["items"] + sent["held_back"] >= 1
    assert len(desk.taken) == sent["letters"]
    (listed,) = mail(pair, "list")
    assert listed["id"] == route["id"]
    mail(pair, "remove", listed["id"])
    assert mail(pair, "list") == []


def test_without_tls_mail_stays_on_this_machine(pair: Path) -> None:
    given = ("--from", "duty@river.example", "--data", pair)
    refused = allied("mail", "server", "mail.river.example:25", "--tls", "none", *given)
    assert refused.status == 2
    assert "mail.plain" in refused.err
    assert allied("mail", "server", "mail.river.example:587", *given).status == 0  # the twin


def test_what_does_not_hold_stays_in_the_maildir(pair: Path, tmp_path: Path) -> None:
    new = tmp_path / "mails" / "new"
    new.mkdir(parents=True)
    made = EmailMessage()
    made.set_content("Yes, we accept.")
    (new / "1").write_bytes(bytes(made))
    made.add_attachment(b"allied-file/1\nno", maintype="application", subtype="octet-stream")
    (new / "2").write_bytes(bytes(made))
    answer, forged = mail(pair, "take-in", new.parent)
    assert (answer["files"], answer["problem"]) == (0, None)
    assert (forged["files"], forged["problem"]) == (1, "carriage.cut-off")
    assert sorted(each.name for each in new.iterdir()) == ["1", "2"]
