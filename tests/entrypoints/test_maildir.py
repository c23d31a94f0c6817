"""What is looked for in mails: files of ours, and nothing else, within bounds."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from allied.entrypoints import maildir
from allied.entrypoints.maildir import attached, done, mails
from allied.errors import NotFoundError

FILE = b"allied-sealed/1\nand so on"


def mail(*files: bytes, html: bool = False) -> bytes:
    made = EmailMessage()
    made["From"] = "anybody@anywhere.example"
    made.set_content("allied-file/1\nis how a file begins; this is a text")
    if html:
        made.add_alternative("<p onclick='x'>allied-sealed/1</p>", subtype="html")
    for number, each in enumerate(files):
        made.add_attachment(each, maintype="application", subtype="pdf", filename=f"{number}.exe")
    return bytes(made)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        pytest.param(mail(FILE), [FILE], id="an attached file, whatever it is called"),
        pytest.param(mail(FILE, b"other", FILE), [FILE, FILE], id="some among others"),
        pytest.param(mail(FILE, html=True), [FILE], id="beside HTML"),
        pytest.param(mail(b"other"), [], id="none"),
        pytest.param(b"", [], id="an empty mail"),
        pytest.param(b"\x00\xff" * 1_000, [], id="bytes that are no mail"),
        pytest.param(b"Content-Type: multipart/mixed; boundary=a\n\n" * 33, None, id="too deep"),
        pytest.param(mail(*[FILE] * 3) + b"\n--a\n\n" * 1_001, None, id="too many parts"),
        pytest.param(b"\n" * 500_001, None, id="too many lines"),
    ],
)
def test_files_in_a_mail(raw: bytes, found: list[bytes] | None) -> None:
    assert attached(raw) == found


def test_a_mail_that_is_too_large_is_not_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maildir, "MOST_BYTES", len(mail(FILE)))
    new = tmp_path / "new"
    new.mkdir()
    (new / "1").write_bytes(mail(FILE))
    (new / "2").write_bytes(mail(FILE) + b"\n")
    assert [each.problem for each in mails(tmp_path)] == ["", "mail.bounds"]


def test_what_is_done_moves_aside_and_links_are_not_followed(tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "1.host").write_bytes(mail(FILE))
    (new / "2.host").symlink_to(new / "1.host")
    first, second = mails(tmp_path)
    assert (first.problem, second.problem) == ("", "mail.no-file")
    done(first)
    assert [each.name for each in (tmp_path / "cur").iterdir()] == ["1.host:2,S"]
    assert [each.path.name for each in mails(tmp_path)] == ["2.host"]


def test_a_folder_that_is_no_maildir(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as refused:
        list(mails(tmp_path))
    assert refused.value.code == "mail.no-folder"


def test_what_holds_no_file_of_ours_stands_before_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(maildir, "MOST_MAILS", 2)
    new = tmp_path / "new"
    new.mkdir()
    for number in range(5):
        (new / f"{number}").write_bytes(mail())
    for number in range(5, 9):
        (new / f"{number}").write_bytes(mail(FILE))
    assert [each.path.name for each in mails(tmp_path) if each.files] == ["5", "6"]
