"""What is put into a store comes back as it was, in the order that the port promises."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from allied.errors import ConflictError, NotFoundError
from allied.node.parcel_store import ParcelRow
from allied.node.ports import Store
from allied.node.rows import ErasureRow, WarningListRow
from allied.record.ids import AgreementId, Digest, PartyId
from tests.adapters.contract import rows
from tests.adapters.contract.rows import ALL, HARBOUR, PACT, PAIR, RIVER, TREATY, hexed

ONE_STORE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_hosted_organisations_come_back_by_label(store: Store) -> None:
    with store.write() as writing:
        for label in ("river", "haulier", "northgate"):
            writing.add_organisation(rows.organisation(label))
    with store.read() as reading:
        assert list(reading.organisations()) == [
            rows.organisation(label) for label in ("haulier", "northgate", "river")
        ]


@pytest.mark.parametrize(
    ("label", "refused"),
    [
        pytest.param("harbour", False, id="another label"),
        pytest.param("river", True, id="the same label"),
    ],
)
def test_a_label_is_hosted_once(store: Store, label: str, refused: bool) -> None:
    newcomer = replace(rows.organisation("harbour"), label=label)
    with store.write() as writing:
        writing.add_organisation(rows.organisation("river"))
    if not refused:
        with store.write() as writing:
            writing.add_organisation(newcomer)
        return
    with pytest.raises(ConflictError) as refusal, store.write() as writing:
        writing.add_organisation(newcomer)
    assert refusal.value.code == "store.already-there"


def test_only_a_hosted_organisation_can_be_changed(store: Store) -> None:
    moved = replace(rows.organisation(), url="https://elsewhere.test", incarnation=1)
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
        writing.set_organisation(moved)
        assert list(writing.organisations()) == [moved]
    with pytest.raises(NotFoundError) as refusal, store.write() as writing:
        writing.set_organisation(rows.organisation("stranger"))
    assert refusal.value.code == "store.unknown-organisation"


def test_descriptors_are_appended_once_and_stay_in_order(store: Store) -> None:
    chain = [b"first \x00", b"second", b"third"]
    with store.write() as writing:
        writing.add_descriptors(RIVER, chain[:2])
        writing.add_descriptors(HARBOUR, [b"first \x00"])
    with store.write() as writing:
        writing.add_descriptors(RIVER, chain)
        writing.add_descriptors(RIVER, chain[1:])
    with store.read() as reading:
        assert list(reading.descriptors(RIVER)) == chain
        assert list(reading.descriptors(HARBOUR)) == [b"first \x00"]
        assert list(reading.descriptors(rows.org("stranger"))) == []


def test_peers_are_replaced_by_id_and_listed_by_label(store: Store) -> None:
    harbour = rows.peer("harbour")
    answered = replace(harbour, confirmed_at=rows.at(1), seen_at=rows.at(2), allowed_private=True)
    twin = replace(rows.peer("other"), label="harbour")
    with store.write() as writing:
        writing.put_peer(rows.peer("zenith"))
        writing.put_peer(twin)
        writing.put_peer(harbour)
        writing.put_peer(answered)
    with store.read() as reading:
        both = sorted([answered, twin], key=lambda peer: peer.id)
        assert list(reading.peers()) == [*both, rows.peer("zenith")]
        assert reading.peer(HARBOUR) == answered
        assert reading.peer(RIVER) is None


def test_people_belong_to_one_organisation(store: Store) -> None:
    with store.write() as writing:
        writing.add_organisation(rows.organisation("river"))
        writing.add_organisation(rows.organisation("harbour"))
        for label, of in (("zoe", "river"), ("anna", "river"), ("anna", "harbour")):
            writing.add_person(rows.person(label, of))
        assert [person.label for person in writing.people(RIVER)] == ["anna", "zoe"]
        assert list(writing.people(HARBOUR)) == [rows.person("anna", "harbour")]
    with pytest.raises(ConflictError), store.write() as writing:
        writing.add_person(rows.person("anna"))


def test_nobody_belongs_to_an_organisation_that_is_not_hosted(store: Store) -> None:
    with pytest.raises(ConflictError) as refusal, store.write() as writing:
        writing.add_person(rows.person("anna", "stranger"))
    assert refusal.value.code == "store.dangling"


def test_agreements_are_listed_by_alias_then_id(store: Store) -> None:
    given_rows = [
        rows.agreement("a", "treaty"),
        rows.agreement("b", "pact"),
        rows.agreement("c", "pact"),
    ]
    with store.write() as writing:
        for row in given_rows:
            writing.add_agreement(row)
    with store.read() as reading:
        assert list(reading.agreements()) == sorted(given_rows, key=lambda r: (r.alias, r.id))
        assert reading.agreement(given_rows[0].id) == given_rows[0]
        assert reading.agreement(PACT) is None


def test_feeds_and_warning_lists_are_replaced_by_what_names_them(store: Store) -> None:
    revoked = rows.feed("one", revoked_at=rows.at(5))
    banks = WarningListRow("banks", 1, b"{}")
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
        writing.put_feed(rows.feed("two", created_at=rows.at(1)))
        writing.put_feed(rows.feed("one"))
        writing.put_feed(revoked)
        writing.put_warning_list(WarningListRow("resolvers", 2, b"[]"))
        writing.put_warning_list(banks)
        writing.put_warning_list(replace(banks, version=3, raw=b"\x00"))
    with store.read() as reading:
        assert reading.feed("one") == revoked
        assert reading.feed("three") is None
        assert [feed.id for feed in reading.feeds(RIVER)] == ["one", "two"]
        assert not reading.feeds(HARBOUR)
        assert [each.name for each in reading.warning_lists()] == ["banks", "resolvers"]
        assert reading.warning_lists()[0] == WarningListRow("banks", 3, b"\x00")
    with store.write() as writing:
        assert writing.drop_warning_list("banks")
        assert not writing.drop_warning_list("banks")
        assert len(writing.warning_lists()) == 1


def test_tokens_and_logins_are_replaced_by_what_names_them(store: Store) -> None:
    revoked = rows.token("one", revoked_at=rows.at(5), agreements=())
    used = rows.login("link", used_at=rows.at(1))
    with store.write() as writing:
        writing.add_organisation(rows.organisation())
        writing.put_token(rows.token("two", created_at=rows.at(1)))
        writing.put_token(rows.token("one"))
        assert writing.token("one") == rows.token("one")
        writing.put_token(revoked)
        writing.put_login(rows.login("link"))
        writing.put_login(used)
        assert writing.token("one") == revoked
        assert writing.token("three") is None
        assert [token.id for token in writing.tokens(RIVER)] == ["one", "two"]
        assert writing.login(hexed("link")) == used
        assert writing.login(hexed("other")) is None


def test_logins_that_ended_before_an_instant_are_forgotten(store: Store) -> None:
    with store.write() as writing:
        writing.put_login(rows.login("ended", 10))
        writing.put_login(rows.login("ends then", 20))
        writing.forget_logins(rows.at(20))
        assert writing.login(hexed("ended")) is None
        assert writing.login(hexed("ends then")) is not None


def test_a_cursor_is_empty_before_the_first_time(store: Store) -> None:
    with store.write() as writing:
        assert writing.cursor("pull/harbour") == ""
        writing.set_cursor("pull/harbour", "17")
        writing.set_cursor("pull/harbour", "18")
    with store.read() as reading:
        assert reading.cursor("pull/harbour") == "18"


# --- records ----------------------------------------------------------------------------


def test_records_keep_the_order_in_which_they_were_stored(store: Store) -> None:
    first = [rows.record("b", 2), rows.record("a", 1)]
    with store.write() as writing:
        added = writing.add_records(first)
        assert [(row.row, row.id) for row in added] == [(1, first[0].id), (2, first[1].id)]
        writing.add_records([rows.record("x", under=TREATY)])
    with store.write() as writing:
        again = writing.add_records([first[0], rows.record("c", 3), rows.record("c", 3)])
        assert [row.id for row in again] == [rows.rid("c")]
        assert writing.add_records([]) == ()
    with store.read() as reading:
        stored = reading.records(PACT)
        assert [row.id for row in stored] == [rows.rid(word) for word in "bac"]
        assert [replace(row, row=0) for row in stored[:2]] == first
        assert list(reading.records(PACT, after_row=stored[1].row)) == [stored[2]]
        assert reading.last_row(PACT) == stored[2].row == 4
        assert reading.last_row(AgreementId(hexed("none"))) == 0
        assert reading.record(rows.rid("a")) == stored[1]
        assert reading.record(rows.rid("zzz")) is None


@pytest.mark.parametrize(
    ("first", "last", "limit", "found"),
    [
        pytest.param(1, 4, 10, [1, 2, 2, 3, 4], id="both ends are included, a fork shows"),
        pytest.param(2, 3, 10, [2, 2, 3], id="a stretch"),
        pytest.param(1, 4, 2, [1, 2], id="at most the limit"),
        pytest.param(9, 12, 10, [], id="past the head"),
        pytest.param(3, 2, 10, [], id="an empty stretch"),
        pytest.param(1, 4, 0, [], id="a limit of nothing"),
    ],
)
def test_a_range_of_one_chain(
    store: Store, first: int, last: int, limit: int, found: list[int]
) -> None:
    with store.write() as writing:
        writing.add_records(rows.record(f"r{n}", n) for n in (4, 1, 3, 2))
        writing.add_records([rows.record("fork", 2)])
        writing.add_records([rows.record("other circle", 2, circle=PAIR)])
        writing.add_records([rows.record("other life", 2, incarnation=1)])
        writing.add_records([rows.record("other issuer", 2, issuer=HARBOUR)])
    with store.read() as reading:
        got = reading.records_range(ALL, RIVER, 0, first, last, limit=limit)
    assert [row.sequence for row in got] == found
    assert [row.id for row in got] == [
        row.id for row in sorted(got, key=lambda row: (row.sequence, row.id))
    ]


@pytest.mark.parametrize(
    ("incarnation", "sequence", "refused"),
    [
        pytest.param(0, 2, False, id="the next number"),
        pytest.param(1, 1, False, id="the same number in a new life"),
        pytest.param(0, 1, True, id="the same number again"),
    ],
)
def test_a_number_of_an_own_chain_is_given_once(
    store: Store, incarnation: int, sequence: int, refused: bool
) -> None:
    with store.write() as writing:
        writing.claim_sequence(ALL, RIVER, 0, 1, rows.rid("a"))
    if not refused:
        with store.write() as writing:
            writing.claim_sequence(ALL, RIVER, incarnation, sequence, rows.rid("b"))
        return
    with store.write() as writing:
        with pytest.raises(ConflictError) as refusal:
            writing.claim_sequence(ALL, RIVER, incarnation, sequence, rows.rid("b"))
        assert refusal.value.code == "store.sequence-taken"
        writing.set_cursor("the unit", "goes on")
    with store.read() as reading:
        assert reading.cursor("the unit") == "goes on"


def test_parked_records_are_bounded_per_issuer_and_agreement(store: Store) -> None:
    def park(word: str, issuer: str = "harbour", under: AgreementId = PACT) -> bool:
        record, issuing = rows.rid(word), rows.org(issuer)
        return writing.park(under, record, issuing, word.encode(), limit=2, limit_bytes=5)

    with store.write() as writing:
        assert park("c")
        assert park("a")
        assert not park("b")
        assert park("a"), "what waits already needs no place"
        assert park("d", issuer="northgate")
        assert park("e", under=TREATY)
        assert [raw for _, _, raw in writing.parked(PACT)] == [b"c", b"a", b"d"]
        writing.unpark([rows.rid("c"), rows.rid("never parked")])
        assert park("b")
    with store.read() as reading:
        assert list(reading.parked(PACT)) == [
            (rows.rid(word), rows.org(issuer), word.encode())
            for word, issuer in (("a", "harbour"), ("d", "northgate"), ("b", "harbour"))
        ]


@pytest.mark.parametrize(
    ("size", "fits"), [pytest.param(6, True, id="just"), pytest.param(7, False, id="too large")]
)
def test_parked_records_are_bounded_in_bytes_too(store: Store, size: int, fits: bool) -> None:
    def park(word: str, raw: bytes) -> bool:
        record = rows.rid(word)
        return writing.park(PACT, record, rows.org("harbour"), raw, limit=9, limit_bytes=10)

    with store.write() as writing:
        assert park("a", b"1234")
        assert park("b", bytes(size)) == fits
        assert park("c", b""), "there is room for what takes none"


def test_a_blob_is_wanted_until_it_is_held(store: Store) -> None:
    with store.write() as writing:
        writing.want_blobs(PACT, ALL, [hexed("two"), hexed("one"), hexed("two")])
        writing.want_blobs(PACT, ALL, [hexed("one"), hexed("three")])
        writing.want_blobs(TREATY, PAIR, [hexed("elsewhere")])
        first = writing.wanted_after(PACT, 0, 2)
        assert [(each.blob, each.circle) for each in first] == [
            (hexed("two"), ALL),
            (hexed("one"), ALL),
        ]
        writing.add_blob(PACT, PAIR, hexed("one"), b"salted \x00 bytes")
        writing.add_blob(PACT, PAIR, hexed("one"), b"salted \x00 bytes")
        writing.want_blobs(PACT, ALL, [hexed("one")])
    with store.read() as reading:
        wanted = reading.wanted_after(PACT, 0, 10)
        assert [each.blob for each in wanted] == [hexed("two"), hexed("three")]
        assert list(reading.wanted_after(PACT, wanted[0].place, 10)) == [wanted[1]]
        assert reading.blob(hexed("one")) == (PACT, PAIR, b"salted \x00 bytes")
        assert reading.blob(hexed("two")) is None


def test_the_place_of_a_wanted_blob_is_never_given_again(store: Store) -> None:
    with store.write() as writing:
        writing.want_blobs(PACT, ALL, [hexed("one"), hexed("two")])
        last = writing.wanted_after(PACT, 0, 9)[-1].place
        for name in ("one", "two"):
            writing.add_blob(PACT, ALL, hexed(name), b"here")
        writing.want_blobs(PACT, ALL, [hexed("three")])
        assert [each.place > last for each in writing.wanted_after(PACT, 0, 9)] == [True]


def erasure(agreement: AgreementId, kept: str = "") -> ErasureRow:
    text = hexed("one")
    return ErasureRow(
        agreement, text, rows.rid("wish"), PartyId("river"), rows.at(60), hexed("why"), kept
    )


def test_a_blob_that_was_erased_is_gone_and_does_not_come_again(store: Store) -> None:
    with store.write() as writing:
        writing.add_blob(PACT, ALL, hexed("one"), b"here")
        writing.add_blob(PACT, ALL, hexed("other"), b"here")
        writing.want_blobs(PACT, ALL, [hexed("two")])
        writing.erase_blob(erasure(PACT))
        writing.erase_blob(replace(erasure(PACT), blob=hexed("two")))
    with store.write() as writing:
        writing.add_blob(PACT, ALL, hexed("one"), b"here")
        writing.want_blobs(PACT, ALL, [hexed("one"), hexed("two")])
        assert writing.blob(hexed("one")) is None
        assert writing.blob(hexed("other")) is not None
        assert writing.wanted_after(PACT, 0, 9) == []
        assert writing.erasure(hexed("one")) == erasure(PACT)
        assert writing.erasure(hexed("one"), TREATY) is None
        assert writing.erasure(hexed("other")) is None
        two = replace(erasure(PACT), blob=hexed("two"))
        assert writing.erasures(PACT) == {hexed("one"): erasure(PACT), hexed("two"): two}
        assert writing.erasures(TREATY) == {}


def test_a_blob_that_is_kept_is_shown_to_nobody_until_it_is_erased(store: Store) -> None:
    with store.write() as writing:
        writing.add_blob(PACT, ALL, hexed("one"), b"here")
        writing.erase_blob(erasure(PACT, "a court order"))
        assert writing.blob(hexed("one")) is None
        assert writing.erasure(hexed("one")) == erasure(PACT, "a court order")
        writing.erase_blob(erasure(PACT))
        assert writing.erasure(hexed("one")) == erasure(PACT)


def test_blobs_are_looked_at_in_order_and_one_that_is_lost_is_wanted_again(store: Store) -> None:
    sound = [Digest(sha256(raw).hexdigest()) for raw in (b"one", b"two", b"three")]
    with store.write() as writing:
        for name, raw in zip(sound, (b"one", b"two", b"three"), strict=True):
            writing.add_blob(PACT, ALL, name, raw)
        assert writing.spoilt_blobs("", 9, 99) == ("", [])
        bad = hexed("not its digest")
        writing.add_blob(PACT, PAIR, bad, b"other bytes")
        assert writing.spoilt_blobs("", 9, 99) == ("", [bad])
        found: list[Digest] = []
        place, rounds = "", 0
        while rounds == 0 or place:
            place, some = writing.spoilt_blobs(place, 9, 1)
            found += some
            rounds += 1
        assert (found, rounds) == ([bad], 4)
        writing.lose_blob(bad)
        writing.lose_blob(hexed("never held"))
        assert writing.blob(bad) is None
        assert [(each.blob, each.circle) for each in writing.wanted_after(PACT, 0, 9)] == [
            (bad, PAIR)
        ]
        writing.erase_blob(replace(erasure(PACT, "kept"), blob=sound[0]))
        assert writing.spoilt_blobs("", 9, 99) == ("", [])


def test_a_statement_that_is_lost_can_come_again(store: Store) -> None:
    with store.write() as writing:
        writing.add_statement(hexed("s"), b"spoilt")
        writing.lose_statement(hexed("s"))
        assert writing.statement(hexed("s")) is None
        writing.add_statement(hexed("s"), b"sound")
        assert writing.statement(hexed("s")) == b"sound"


def test_a_wish_under_one_agreement_touches_nothing_of_another(store: Store) -> None:
    with store.write() as writing:
        writing.add_blob(PACT, ALL, hexed("one"), b"here")
        writing.erase_blob(erasure(TREATY))
        assert writing.blob(hexed("one")) == (PACT, ALL, b"here")
        assert writing.erasure(hexed("one")) is None
        assert writing.erasure(hexed("one"), TREATY) == erasure(TREATY)


def test_parcels_come_back_and_the_newest_of_a_slot_stays_alone(store: Store) -> None:
    row = ParcelRow(0, RIVER, HARBOUR, hexed("slot"), rows.at(1), 3)
    with store.write() as writing:
        writing.add_parcel(row, b"old")
        writing.add_parcel(replace(row, sender=RIVER), b"his")
        writing.add_parcel(replace(row, at=rows.at(2)), b"new")
        first, second = writing.parcels()
        assert (first.sender, second.at) == (RIVER, rows.at(2))
        assert first.place < second.place
        assert (writing.parcel(first.place), writing.parcel(second.place)) == (b"his", b"new")
        writing.drop_parcels([])
        writing.drop_parcels([first.place, 999])
        assert writing.parcels() == [second]
        assert writing.parcel(first.place) is None


# --- the ledger -------------------------------------------------------------------------


def test_the_ledger_is_a_chain_per_organisation(store: Store) -> None:
    one = rows.ledger_row(1, "0" * 64)
    two = rows.ledger_row(2, one.hash, recipient="northgate", first=2, last=7)
    other = rows.ledger_row(1, "0" * 64, of=HARBOUR)
    with store.write() as writing:
        assert writing.ledger_head(RIVER) == (0, "0" * 64)
        writing.append_ledger([one, other, two])
        writing.append_ledger([])
    with store.read() as reading:
        assert reading.ledger_head(RIVER) == (2, two.hash)
        assert list(reading.ledger(RIVER)) == [one, two]
        assert list(reading.ledger(HARBOUR)) == [other]


@pytest.mark.parametrize(
    ("seq", "previous", "refused"),
    [
        pytest.param(2, "head", False, id="the row that follows"),
        pytest.param(1, "head", True, id="the number of the head again"),
        pytest.param(3, "head", True, id="a number left out"),
        pytest.param(2, "other", True, id="another row before it"),
    ],
)
def test_a_ledger_whose_head_moved_takes_nothing(
    store: Store, seq: int, previous: str, refused: bool
) -> None:
    head = rows.ledger_row(1, "0" * 64)
    late = rows.ledger_row(seq, head.hash if previous == "head" else hexed("other"))
    with store.write() as writing:
        writing.append_ledger([head])
    if not refused:
        with store.write() as writing:
            writing.append_ledger([late])
        return
    with pytest.raises(ConflictError) as refusal, store.write() as writing:
        writing.append_ledger([late])
    assert refusal.value.code == "store.ledger-moved"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param({}, [1, 2, 3, 4], id="everything"),
        pytest.param({"recipient": "harbour"}, [1, 3], id="one recipient"),
        pytest.param({"agreement": TREATY}, [4], id="one agreement"),
        pytest.param({"seq": 5}, [2, 3], id="rows that speak of an item"),
        pytest.param({"seq": 9}, [3], id="both ends of a row are included"),
        pytest.param({"after": 2}, [3, 4], id="after a row"),
        pytest.param({"limit": 2}, [1, 2], id="at most the limit"),
    ],
)
def test_what_can_be_asked_of_the_ledger(
    store: Store, asked: dict[str, object], found: list[int]
) -> None:
    chain = [rows.ledger_row(1, "0" * 64, first=1, last=4)]
    chain.append(rows.ledger_row(2, chain[-1].hash, recipient="northgate", first=2, last=7))
    chain.append(rows.ledger_row(3, chain[-1].hash, first=5, last=9))
    chain.append(rows.ledger_row(4, chain[-1].hash, recipient="northgate", under=TREATY))
    with store.write() as writing:
        writing.append_ledger(chain)
        got = writing.ledger(RIVER, **asked)  # type: ignore[arg-type]
    assert [row.seq for row in got] == found


# --- instants ---------------------------------------------------------------------------


@given(
    st.datetimes(
        min_value=datetime(1900, 1, 1),  # noqa: DTZ001 - the strategy wants it bare
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    )
)
@ONE_STORE
def test_an_instant_comes_back_as_it_was(store: Store, instant: datetime) -> None:
    with store.write() as writing:
        writing.put_peer(rows.peer("harbour", seen_at=instant))
        found = writing.peer(HARBOUR)
    assert found is not None
    assert found.seen_at == instant


def test_an_instant_of_another_zone_is_the_same_instant_in_utc(store: Store) -> None:
    summer = timezone(timedelta(hours=2))
    with store.write() as writing:
        writing.put_peer(rows.peer("harbour", seen_at=rows.START.astimezone(summer)))
        found = writing.peer(HARBOUR)
    assert found is not None
    assert found.seen_at == rows.START
    assert found.seen_at.tzinfo is UTC


def test_an_instant_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="time zone"), store.write() as writing:
        writing.put_peer(rows.peer("harbour", seen_at=rows.START.replace(tzinfo=None)))


def test_an_outline_takes_the_place_of_a_record_and_gives_way_to_it_again(store: Store) -> None:
    whole = rows.record("a", 1)
    outline = replace(whole, kind="outline", raw=b"outline of a")
    with store.write() as writing:
        writing.add_records([whole, rows.record("b", 2)])
        writing.add_records([outline])
        assert [row.raw for row in writing.records(PACT)] == [whole.raw, rows.record("b", 2).raw]
        writing.outline_records([outline])
        assert [(row.id, row.kind, row.row) for row in writing.records(PACT)] == [
            (rows.rid("b"), rows.record("b", 2).kind, 2),
            (rows.rid("a"), "outline", 3),
        ]
        assert writing.add_records([outline]) == ()
        (back,) = writing.add_records([whole])
        assert (back.raw, back.row) == (whole.raw, 4)
        assert [row.id for row in writing.records(PACT)] == [rows.rid("b"), rows.rid("a")]


def test_texts_that_went_into_an_archive_are_neither_here_nor_wanted(store: Store) -> None:
    first, second = hexed("first"), hexed("second")
    with store.write() as writing:
        writing.add_blob(PACT, PAIR, first, b"one")
        writing.add_blob(PACT, PAIR, second, b"two")
        writing.want_blobs(PACT, PAIR, [hexed("third")])
        writing.forget_blobs([first, hexed("third"), hexed("never held")])
    with store.read() as reading:
        assert reading.blob(first) is None
        assert reading.blob(second) is not None
        assert reading.wanted_after(PACT, 0, 9) == []
