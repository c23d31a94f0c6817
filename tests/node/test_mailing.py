"""Parties that are served by mail: told once, of nothing that others may not read."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from allied.agreement.values import Tlp
from allied.entrypoints.maildir import Looks, mails, take_in
from allied.entrypoints.rounds import Rounds
from allied.errors import AlliedError, ConflictError, NotFoundError, UnreachableError, UsageError
from allied.node import (
    agreements,
    carriage,
    doctor,
    incidents,
    ledger,
    mail_routes,
    mailing,
    organisations,
    peers,
    recalls,
)
from allied.node.checkups import Around
from allied.node.mail_routes import Route, Served
from allied.node.node import Actor
from allied.node.post import Letter, MailServer, require_address, require_server
from allied.node.rows import LedgerRow
from allied.record.identity import fingerprint
from tests.exchange.samples import indicator, tlp
from tests.node.copied import Founded
from tests.node.fragile import Killed
from tests.node.hands import HARBOUR, NAMES, NORTHGATE, OPEN, RIVER, attack, held, propose, share
from tests.node.network import PASSPHRASE, START, House, Network

GREEN = indicator(1, object_marking_refs=tlp(Tlp.GREEN))
CLEAR = indicator(4, object_marking_refs=tlp(Tlp.CLEAR))
SERVER = MailServer("127.0.0.1", 25, "none", "duty@river.example", console="https://river.example")
DELTA = "delta"


@dataclass
class Box:
    """A post that keeps what it is given, while it works."""

    letters: list[Letter] = field(default_factory=list)
    broken: bool = False
    killed: bool = False

    def send(self, server: MailServer, letter: Letter) -> None:
        assert server == SERVER
        if self.broken:
            raise UnreachableError("mail.timeout", "that mail server did not answer in time")
        self.letters.append(letter)
        if self.killed:
            raise Killed


@dataclass
class Between:
    """A post during whose work something else happens."""

    box: Box
    meanwhile: Callable[[], None]

    def send(self, server: MailServer, letter: Letter) -> None:
        self.meanwhile()
        self.box.send(server, letter)


@dataclass
class Town:
    """River's node, on which Delta is hosted as well; Harbour has a node that mail reaches."""

    network: Network
    pact: str
    box: Box

    @property
    def river(self) -> House:
        return self.network.houses[RIVER]

    @property
    def harbour(self) -> House:
        return self.network.houses[HARBOUR]

    def serve(self, to: str, by: str = RIVER) -> Route:
        node = self.river.node
        mail_routes.set_server(node, SERVER)
        (who,) = [each for each in organisations.list_hosted(node) if each.label == by]
        return mail_routes.add(node, who, self.pact, to, f"duty@{to}.example")

    def round(self, *, now_all: bool = False) -> list[Letter]:
        """The letters of one round."""
        before = len(self.box.letters)
        outcomes = mailing.go_round(self.river.node, self.river.keys, now_all=now_all)
        assert [each.problem for each in outcomes if each.problem] == []
        return self.box.letters[before:]

    def ledger(self) -> list[LedgerRow]:
        with self.river.node.store.read() as reading:
            return list(reading.ledger(self.river.organisation.id))


def town(root: Path, text: bytes = OPEN) -> Town:
    network, box = Network(root), Box()
    for label in (RIVER, HARBOUR):
        network.found(label, NAMES[label])
    network.introduce_all()
    river, harbour = network.houses.values()
    river.node = replace(river.node, post=box)
    made = organisations.found(
        river.node, label=DELTA, name="Delta", url="", person="lee", passphrase=PASSPHRASE
    )
    river.keys = river.node.vault.unlock(PASSPHRASE)
    offered = peers.look(harbour.node, river.url, given=fingerprint(made.organisation.id))
    peers.add(harbour.node, river.url, offered, confirmed=True)
    named = text.replace(b"id: northgate, name: Northgate CERT", b"id: delta, name: Delta")
    pact = propose(river, named.replace(NORTHGATE.encode(), DELTA.encode()))
    agreements.sign(river.node, river.actor, pact)
    agreements.sign(river.node, Actor(made.organisation, river.keys, "lee"), pact)
    network.advance(timedelta(seconds=1))
    harbour.sync()
    agreements.sign(harbour.node, harbour.actor, pact)
    network.settle()
    return Town(network, pact, box)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    root = tmp_path_factory.mktemp("town")
    made = town(root)
    return Founded.of(root, made.network, made.pact)


@pytest.fixture
def here(founded: Founded, tmp_path: Path) -> Iterator[Town]:
    with founded.copy(tmp_path / "town") as network:
        made = Town(network, founded.pact, Box())
        made.river.node = replace(made.river.node, post=made.box)
        yield made


def call(here: Town, house: House) -> None:
    """A house was attacked, and calls for help."""
    found = attack(house, here.pact)
    incidents.invoke(house.node, house.actor, found.id, "2", note="we need you")
    here.network.advance(timedelta(minutes=1))
    here.network.settle(2)


def test_who_is_called_and_has_a_node_gets_the_records_at_once_in_a_sealed_file(
    here: Town,
) -> None:
    here.serve(HARBOUR)
    here.round()
    call(here, here.river)
    notice, file = here.round()
    assert "obligation" in notice.subject
    assert "`allied import`" in notice.text
    assert file.attached.startswith(b"allied-sealed/1\n")
    assert here.round() == []


def test_what_a_party_has_to_do_it_is_told_once_and_nothing_of_what_it_is_about(
    here: Town,
) -> None:
    here.serve(RIVER, by=DELTA)
    assert here.round() == []
    call(here, here.harbour)
    letters = here.round()
    assert letters
    assert all(each.to == "duty@river.example" and "obligation" in each.subject for each in letters)
    assert all("https://river.example" in each.text for each in letters)
    whole = "".join(f"{each.subject} {each.text} {each.file}" for each in letters)
    for secret in ("wiper", "terminal", HARBOUR, "Harbour", "pact", here.pact):
        assert secret not in whole
    assert len({each.name for each in letters}) == len(letters)
    assert here.round() == []  # each once
    here.network.advance(timedelta(days=40))
    (worse,) = here.round()  # that it is to be performed now is another matter
    assert "to be performed" in worse.subject
    assert here.round() == []


def test_what_is_new_goes_as_a_bundle_of_what_others_may_read_on_the_way(tmp_path: Path) -> None:
    here = town(tmp_path, OPEN)
    here.serve(DELTA)
    share(here.river, here.pact, GREEN, CLEAR)
    (letter,) = here.round()
    bundle = json.loads(letter.attached)
    assert [each["id"] for each in bundle["objects"]] == [GREEN["id"], CLEAR["id"]]
    assert (letter.file, letter.media_type) == ("new.stix.json", "application/stix+json")
    assert "TLP:GREEN" in letter.subject
    assert letter.text.startswith("TLP:GREEN")
    rows = [each for each in here.ledger() if each.via == mailing.BY_MAIL]
    assert {each.recipient for each in rows} == {DELTA}
    assert sum(1 for each in rows if each.outcome == ledger.RELEASED) == 2
    here.network.advance(timedelta(hours=25))
    assert here.round() == []  # nothing new


def test_what_has_to_be_encrypted_is_held_back_and_how_much_is_said(tmp_path: Path) -> None:
    strict = OPEN.replace(b"    encrypt: may\n", b"")
    here = town(tmp_path, strict)
    here.serve(DELTA)
    share(here.river, here.pact, GREEN, CLEAR)
    (letter,) = here.round()
    assert [each["id"] for each in json.loads(letter.attached)["objects"]] == [CLEAR["id"]]
    assert "1 more have to be encrypted" in letter.text
    assert "TLP:CLEAR" in letter.subject


def test_who_has_a_node_gets_a_sealed_file_that_it_takes_in(here: Town) -> None:
    here.serve(HARBOUR)
    share(here.river, here.pact, GREEN)
    (letter,) = here.round()
    assert letter.attached.startswith(b"allied-sealed/1\n")
    assert b"indicator" not in letter.attached
    taken = carriage.take_in(here.harbour.node, here.harbour.keys, io.BytesIO(letter.attached))
    assert taken.broken == ""
    assert GREEN["id"] in held(here.harbour, here.pact)
    here.network.advance(timedelta(hours=25))
    share(here.river, here.pact, CLEAR)
    assert len(here.round()) == 1
    here.network.advance(timedelta(hours=25))
    assert here.round() == []


def written(here: Town) -> bytes:
    """What Harbour writes for River."""
    out, harbour = io.BytesIO(), here.harbour
    carriage.write(harbour.node, harbour.organisation, harbour.keys, here.pact, RIVER, out)
    return out.getvalue()


def come_in(folder: Path, name: str, file: bytes | None) -> None:
    """A mail arrives, with a file or without."""
    made = EmailMessage()
    made["From"] = "nobody@anywhere.example"  # who sent it means nothing
    made.set_content("We accept.")
    if file is not None:
        made.add_attachment(file, maintype="application", subtype="octet-stream")
    (folder / "new").mkdir(parents=True, exist_ok=True)
    (folder / "new" / name).write_bytes(bytes(made))


def test_a_file_comes_back_by_mail_into_a_maildir(here: Town, tmp_path: Path) -> None:
    share(here.harbour, here.pact, CLEAR)
    new = tmp_path / "mails" / "new"
    come_in(new.parent, "1", written(here))
    (mail,) = mails(new.parent)
    took = take_in(here.river.node, here.river.keys, mail)
    assert (took.items, took.problem) == (1, "")
    assert CLEAR["id"] in held(here.river, here.pact)
    assert list(mails(new.parent)) == []
    assert [each.name for each in (tmp_path / "mails" / "cur").iterdir()] == ["1:2,S"]


def test_a_digest_waits_for_its_time_unless_it_is_asked_for(here: Town) -> None:
    here.serve(DELTA)
    assert here.round() == []
    share(here.river, here.pact, GREEN)
    assert here.round() == []  # the next one is in 24 hours
    (letter,) = here.round(now_all=True)
    assert letter.attached


def test_a_letter_that_is_not_taken_is_tried_again_ever_more_rarely(here: Town) -> None:
    route = here.serve(DELTA)
    share(here.river, here.pact, GREEN)
    here.box.broken = True
    (outcome,) = mailing.go_round(here.river.node, here.river.keys)
    assert outcome.problem == "mail.timeout"
    assert mailing.go_round(here.river.node, here.river.keys) == []  # not due
    found = doctor.examine(here.river.node, around=Around(1 << 40, (), None, ""))
    assert [(each.state, "mail.timeout" in each.text) for each in found if each.code == "mail"] == [
        ("warning", True)
    ]
    here.network.advance(timedelta(minutes=2))
    here.box.broken = False
    (letter,) = here.round()
    assert b"indicator" in letter.attached
    with here.river.node.store.read() as reading:
        assert mail_routes.served(reading, route.id).failures == 0
    found = doctor.examine(here.river.node, around=Around(1 << 40, (), None, ""))
    assert [each.state for each in found if each.code == "mail"] == ["ok"]


@pytest.mark.parametrize("to", [DELTA, HARBOUR])
def test_a_letter_of_which_nobody_could_note_that_it_was_taken_comes_again_by_the_same_name(
    here: Town, to: str
) -> None:
    here.serve(to)
    share(here.river, here.pact, GREEN)
    here.box.killed = True
    with pytest.raises(Killed):
        mailing.go_round(here.river.node, here.river.keys)
    here.box.killed = False
    (elsewhere,) = mailing.go_round(here.river.node, here.river.keys)
    assert elsewhere.problem == "mail.under-way"  # whoever was killed could still be at it
    here.network.advance(mail_routes.TAKEN_FOR)
    (again,) = here.round()
    first, _ = here.box.letters
    assert first.name == again.name
    assert here.round() == []


@pytest.mark.parametrize(
    "now_all", [pytest.param(False, id="by itself"), pytest.param(True, id="at once")]
)
def test_two_processes_send_a_letter_once(here: Town, now_all: bool) -> None:
    here.serve(HARBOUR)
    share(here.river, here.pact, GREEN)
    call(here, here.river)
    node, keys = here.river.node, here.river.keys
    beside: list[str] = []
    post = Between(here.box, lambda: beside.extend(
        each.problem for each in mailing.go_round(node, keys, now_all=now_all)
    ))  # fmt: skip
    (outcome,) = mailing.go_round(replace(node, post=post), keys)
    assert outcome.letters == len(here.box.letters) == 2
    assert beside == ["mail.under-way"] * 2
    assert here.round(now_all=now_all) == []  # afterwards it has nothing to send


def test_a_round_without_news_changes_nothing(here: Town) -> None:
    here.serve(HARBOUR)
    call(here, here.river)
    assert here.round()
    with here.river.node.store.read() as reading:
        before = reading.changes()
    here.network.advance(timedelta(minutes=5))
    assert here.round() == []
    with here.river.node.store.read() as reading:
        assert reading.changes() == before


@pytest.mark.parametrize(
    ("to", "until", "where"),
    [
        pytest.param(HARBOUR, "", "`allied import`", id="who has a node that nothing else reaches"),
        pytest.param(DELTA, " until 2026-11-24 03:00 UTC", "in the console", id="who is hosted"),
    ],
)
def test_who_holds_what_is_recalled_is_told_once_until_it_answers(
    here: Town, to: str, until: str, where: str
) -> None:
    here.serve(to)
    share(here.river, here.pact, GREEN)
    here.network.settle(2)
    here.round()
    name = str(GREEN["id"])
    here.network.cut_between(RIVER, HARBOUR)
    recalls.recall(here.river.node, here.river.actor, name, here.pact, "the customer is in it")
    here.network.settle(2)
    notice, *files = here.round()
    assert notice.subject == f"[allied] a recall is to be answered{until}"
    assert where in notice.text
    for secret in (name, "customer", HARBOUR, "Harbour", here.pact):
        assert secret not in f"{notice.subject} {notice.text}"
    assert here.round() == []
    house, person = here.river, "lee"
    if to == HARBOUR:
        house, person = here.harbour, "kim"
        (file,) = files
        carriage.take_in(house.node, house.keys, io.BytesIO(file.attached))
    (holder,) = [each for each in organisations.list_hosted(house.node) if each.label == to]
    recalls.answer(house.node, Actor(holder, house.keys, person), name)
    if to == HARBOUR:
        carriage.take_in(here.river.node, here.river.keys, io.BytesIO(written(here)))
    here.network.advance(timedelta(days=40))  # long enough to forget what was told
    here.round()
    here.network.advance(timedelta(days=40))
    assert [each for each in here.round() if "recall" in each.subject] == []


def test_a_server_looks_into_the_box_by_itself(here: Town, tmp_path: Path) -> None:
    node, box, seconds = here.river.node, tmp_path / "mails", [0.0]
    looks = Looks(node, here.river.keys, steady=lambda: seconds[0])
    assert list(looks.look()) == []  # nobody has named one
    share(here.harbour, here.pact, CLEAR)
    whole = written(here)
    come_in(box, "1", None)
    come_in(box, "2", whole[:-20])
    come_in(box, "3", whole)
    mail_routes.set_box(node, str(box))
    assert [(each.mail, each.items, each.problem) for each in looks.look()] == [
        ("2", 0, "sealing.form"), ("3", 1, ""),
    ]  # fmt: skip
    assert CLEAR["id"] in held(here.river, here.pact)
    assert sorted(each.name for each in (box / "new").iterdir()) == ["1", "2"]
    assert mail_says(here) == ["warning"]
    assert list(looks.look()) == []
    seconds[0] = 3_600.0
    assert [each.mail for each in looks.look()] == ["2"]  # the other holds no file of ours
    (box / "new" / "2").unlink()
    assert list(looks.look()) == []
    assert mail_says(here) == ["ok"]
    (box / "new" / "1").unlink()
    (box / "new").rmdir()
    assert list(looks.look()) == []
    assert mail_says(here) == ["warning"]
    mail_routes.set_box(node, "")
    assert mail_says(here) == []


def test_a_server_goes_round_by_itself(here: Town, tmp_path: Path) -> None:
    here.serve(HARBOUR)
    call(here, here.river)
    share(here.harbour, here.pact, CLEAR)
    come_in(tmp_path / "mails", "1", written(here))
    mail_routes.set_box(here.river.node, str(tmp_path / "mails"))
    minutes = iter(range(0, 10_000_000, 60))
    rounds = Rounds(
        here.river.node, here.river.keys, lambda: True, look_seconds=0.01,
        steady=lambda: float(next(minutes)),
    )  # fmt: skip
    rounds.start()
    for _ in range(1_000):
        if here.box.letters and not list((tmp_path / "mails" / "new").iterdir()):
            break
        rounds._stopping.wait(0.01)
    rounds.stop()
    assert CLEAR["id"] in held(here.river, here.pact)
    assert "obligation" in here.box.letters[0].subject


def mail_says(here: Town) -> list[str]:
    found = doctor.examine(here.river.node, around=Around(1 << 40, (), None, ""))
    return [each.state for each in found if each.code == "mail"]


def test_waits_double_up_to_six_hours() -> None:
    found, waits = Served(), []
    for _ in range(12):
        found = found.failed(START, "mail.timeout")
        assert found.next_try_at is not None
        waits.append((found.next_try_at - START).total_seconds() / 60)
    assert waits[:4] == [1, 2, 4, 8]
    assert waits[-1] == 360
    assert not found.is_due(START)
    assert found.is_due(START + timedelta(hours=6))
    assert found.is_due(START - timedelta(days=3))  # written under a clock that was ahead


def test_what_is_forbidden_meanwhile_does_not_leave_with_the_next_try(here: Town) -> None:
    here.serve(DELTA)
    share(here.river, here.pact, GREEN)
    here.box.broken = True
    mailing.go_round(here.river.node, here.river.keys)
    here.box.broken = False
    name = str(GREEN["id"])
    recalls.recall(here.river.node, here.river.actor, name, here.pact, "a mistake")
    here.network.advance(timedelta(minutes=2))
    outcomes = mailing.go_round(here.river.node, here.river.keys)
    (notice,) = here.box.letters  # of a try that broke off nobody can say whether it was read
    assert "a recall is to be answered" in notice.subject
    assert notice.attached == b""
    assert [each.items for each in outcomes] == [0]


@pytest.mark.parametrize(
    ("to", "kind", "code"),
    [
        pytest.param(RIVER, NotFoundError, "mail.no-such-party", id="itself"),
        pytest.param("nobody", NotFoundError, "mail.no-such-party", id="no party"),
    ],
)
def test_only_other_parties_are_served(
    here: Town, to: str, kind: type[AlliedError], code: str
) -> None:
    here.serve(DELTA)  # the twin that passes
    with pytest.raises(kind) as refused:
        here.serve(to)
    assert refused.value.code == code


def test_a_route_that_is_removed_is_served_no_more(here: Town) -> None:
    route = here.serve(DELTA)
    assert len(mailing.go_round(here.river.node, here.river.keys)) == 1
    mail_routes.remove(here.river.node, route.id)
    assert mailing.go_round(here.river.node, here.river.keys) == []
    with pytest.raises(NotFoundError) as refused:
        mail_routes.remove(here.river.node, route.id)
    assert refused.value.code == "mail.unknown"


def test_routes_are_bounded_and_need_a_server(here: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    river = here.river
    mail_routes.add(river.node, river.organisation, here.pact, DELTA, "duty@delta.example")
    with pytest.raises(NotFoundError) as refused:
        mailing.go_round(river.node, river.keys)
    assert refused.value.code == "mail.no-server"
    monkeypatch.setattr(mail_routes, "MOST", 1)
    here.serve(DELTA)  # changes the one there is
    with pytest.raises(ConflictError) as full:
        here.serve(HARBOUR)
    assert full.value.code == "mail.too-many-routes"


@pytest.mark.parametrize(
    ("address", "holds"),
    [
        pytest.param("duty@harbour.example", True, id="a mailbox"),
        pytest.param("first.last+tag@xn--hfen-noa.example", True, id="with a tag"),
        pytest.param("Duty <duty@harbour.example>", False, id="with a name"),
        pytest.param("a@b.example\nBcc: c@d.example", False, id="with a line end"),
        pytest.param("a@b.example, c@d.example", False, id="two"),
        pytest.param("duty@hafén.example", False, id="not ASCII"),
        pytest.param("duty", False, id="without a host"),
        pytest.param("a" * 250 + "@b.example", False, id="too long"),
    ],
)
def test_an_address_is_one_mailbox(address: str, holds: bool) -> None:
    if holds:
        assert require_address(address) == address
        return
    with pytest.raises(UsageError) as refused:
        require_address(address)
    assert refused.value.code == "mail.address"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({}, "", id="in clear on this machine"),
        pytest.param({"host": "localhost"}, "", id="by name"),
        pytest.param({"host": "mail.river.example", "tls": "starttls"}, "", id="STARTTLS"),
        pytest.param({"host": "mail.river.example", "tls": "tls"}, "", id="TLS"),
        pytest.param({"host": "mail.river.example"}, "mail.plain", id="in clear elsewhere"),
        pytest.param({"host": "192.0.2.1"}, "mail.plain", id="in clear at an address"),
        pytest.param({"tls": "some"}, "mail.server", id="another way"),
        pytest.param({"port": 0}, "mail.server", id="no port"),
        pytest.param({"host": "a b"}, "mail.server", id="no host"),
        pytest.param({"user": "river"}, "mail.server", id="a user without a secret"),
        pytest.param({"sender": "river"}, "mail.address", id="no sender"),
    ],
)
def test_mail_goes_over_tls_unless_it_stays_on_this_machine(
    changed: dict[str, object], code: str
) -> None:
    server = replace(SERVER, **changed)  # type: ignore[arg-type]
    if not code:
        assert require_server(server) == server
        return
    with pytest.raises(UsageError) as refused:
        require_server(server)
    assert refused.value.code == code
