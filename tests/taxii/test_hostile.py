"""Whatever is sent to the TAXII routes: a refusal in words, in bounded time, and never a 500."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, quote_from_bytes

import httpx2
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from allied.entrypoints.taxii.answering import MAX_CONTENT_LENGTH
from tests.exchange.samples import indicator
from tests.taxii.stand import MEDIA_TYPE, Stand, basic, standing

GIVEN = [indicator(n) for n in range(1, 6)]
DEEP = 100_000


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with standing(tmp_path_factory.mktemp("hostile")) as made:
        made.add(*GIVEN)
        yield made


def told(answer: httpx2.Response, *statuses: int) -> str:
    """The code of a refusal in the form of TAXII."""
    assert answer.status_code in statuses, (answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == MEDIA_TYPE
    error = answer.json()
    assert error["http_status"] == str(answer.status_code)
    return str(error["error_code"])


# --- bodies ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x00", id="a NUL"),
        pytest.param(b"not JSON", id="no JSON"),
        pytest.param(b"\xff\xfe{\x00}\x00", id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf" + b'{"objects"', id="a mark and half an envelope"),
        pytest.param(b'{"objects":[', id="cut off"),
        pytest.param(b'{"objects":{}}', id="objects that are none"),
        pytest.param(b'{"objects":null}', id="objects that are null"),
        pytest.param(b'{"objects":[]}{"objects":[]}', id="two envelopes"),
        pytest.param(b'[{"objects":[]}]', id="an envelope in a list"),
        pytest.param(b"[" * DEEP, id="levels without end"),
        pytest.param(b'{"objects":' * DEEP, id="envelopes without end"),
        pytest.param(b'{"objects":[' + b'{"a":' * DEEP, id="an object without end"),
        pytest.param(b'{"a":' * DEEP + b"1" + b"}" * DEEP, id="deep beside objects"),
        pytest.param(b'{"objects":[],"objects":[1', id="objects twice, cut off"),
    ],
)
def test_what_is_no_envelope_is_refused_whole(stand: Stand, body: bytes) -> None:
    before = stand.objects()
    assert told(stand.post(body), 400) == "taxii.envelope"
    assert stand.objects() == before
    assert stand.post(b'{"objects":[]}').status_code == 202  # the twin that passes


@pytest.mark.parametrize(
    "element",
    [
        pytest.param(b"[" * 40 + b"]" * 40, id="a deep list"),
        pytest.param(b'{"a":' * 200 + b"1" + b"}" * 200, id="a deep object"),
        pytest.param(b'{"type":"\xff"}', id="an object that is not UTF-8"),
        pytest.param(b'{"type":"\xed\xa0\x80"}', id="half a surrogate"),
        pytest.param(b'{"type":"indicator","id":"' + b"x" * 100_000 + b'"}', id="a long id"),
        pytest.param(b'{"id":' + b"9" * 50_000 + b"}", id="a long number"),
        pytest.param(b"1e999999", id="a number beyond any"),
        pytest.param(b"NaN", id="no number"),
        pytest.param(b"nul", id="half a word"),
        pytest.param(b'{"a":1 "b":2}', id="no comma"),
        pytest.param(b'{"type":7,"id":[],"modified":{},"created":null}', id="other types"),
    ],
)
def test_an_element_that_is_none_is_named_or_the_envelope_is_refused(
    stand: Stand, element: bytes
) -> None:
    good = json.dumps(GIVEN[0]).encode()
    answer = stand.post(b'{"objects":[%s,%s,%s]}' % (good, element, good))
    if answer.status_code == 400:
        assert told(answer, 400) == "taxii.envelope"
        return
    status = answer.json()
    assert (answer.status_code, status["success_count"], status["failure_count"]) == (202, 2, 1)
    assert len(answer.content) < 2_000  # what was refused is not said again


def test_an_envelope_in_which_nothing_is_an_object_says_so_of_each(stand: Stand) -> None:
    before = stand.objects()
    status = stand.post(b'{"objects":[1,[],"x"]}').json()
    assert (status["total_count"], status["success_count"], status["failure_count"]) == (3, 0, 3)
    assert [each["id"] for each in status["failures"]] == ["object-0", "object-1", "object-2"]
    assert stand.objects() == before


def test_more_than_is_read_is_refused_before_it_is_read(stand: Stand) -> None:
    for size in (MAX_CONTENT_LENGTH + 1, 1 << 30, 10**30):
        head = (
            f"POST {stand.path}/objects/ HTTP/1.1\r\nHost: x\r\nAuthorization: "
            f"{basic(stand.token())}\r\nContent-Type: {MEDIA_TYPE}\r\nAccept: {MEDIA_TYPE}\r\n"
            f"Content-Length: {size}\r\n\r\n"
        )
        answer = spoken(stand, head.encode())
        assert answer.startswith((b"HTTP/1.1 413 ", b"HTTP/1.1 400 ")), answer[:100]


def test_a_stream_without_a_length_is_cut_where_it_is_too_long(stand: Stand) -> None:
    def endless() -> Iterator[bytes]:
        yield b'{"objects":['
        for _ in range(MAX_CONTENT_LENGTH // 65_536 + 64):
            yield b" " * 65_536

    headers = {"content-type": MEDIA_TYPE}
    try:
        answer = stand.ask("POST", f"{stand.path}/objects/", headers=headers, content=endless())
    except (httpx2.WriteError, httpx2.RemoteProtocolError, httpx2.ReadError):
        return  # it was hung up on in the middle
    assert told(answer, 413) == "taxii.too-large"


def spoken(stand: Stand, raw: bytes) -> bytes:
    """What the server says to bytes, up to the end of its head."""
    host, _, port = stand.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as line:
        line.sendall(raw)
        found = b""
        while b"\r\n\r\n" not in found:
            chunk = line.recv(65_536)
            if not chunk:
                break
            found += chunk
        return found


# --- writers beside each other ----------------------------------------------------------------


def test_writers_of_the_same_object_beside_each_other_store_it_once(stand: Stand) -> None:
    shared, answers = indicator(100), []

    def write(number: int) -> None:
        own = indicator(200 + number)
        with httpx2.Client(base_url=stand.url, timeout=60) as client:
            headers = {
                "authorization": basic(stand.token()),
                "accept": MEDIA_TYPE,
                "content-type": MEDIA_TYPE,
            }
            body = json.dumps({"objects": [shared, own]}).encode()
            answers.append(client.post(f"{stand.path}/objects/", headers=headers, content=body))

    stand.token()
    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert [each.status_code for each in answers] == [202] * 8
    assert {each.json()["success_count"] for each in answers} == {2}
    found = [each["id"] for each in stand.objects("?match[version]=all&limit=5000")]
    assert found.count(shared["id"]) == 1
    assert {indicator(200 + number)["id"] for number in range(8)} <= set(found)


# --- anything at all --------------------------------------------------------------------------

words = st.sampled_from(
    [
        "all", "collections", "objects", "manifest", "versions", "status", "{pact}", GIVEN[0]["id"],
        "tlp-green", "00000000-0000-4000-8000-000000000000", "..", ".", "", "%2e%2e", "%00",
    ]
)  # fmt: skip
parts = st.one_of(
    words, st.binary(max_size=12).map(quote_from_bytes), st.text(max_size=8).map(quote)
)
names = st.sampled_from(
    [
        "limit", "next", "added_after", "match[id]", "match[type]", "match[version]",
        "match[spec_version]", "match[]", "match", "%ff",
    ]
)  # fmt: skip
marks = st.sampled_from(
    [
        "0", "-1", "1", "1000000000000", "9" * 5_000, "1e3", "last", "all", "first,last", "2.1",
        "2026-11-23T03:00:00Z", "9999-12-31T23:59:59.999999999Z", "0000-00-00T00:00:00Z",
        "2026-11-23T24:00:60Z", "%00", ",", "A" * 32, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "2026-02-30T00:00:00%2B23:59", "indicator", "%F0%9F%98%80",
    ]
)  # fmt: skip
query = st.lists(
    st.tuples(names, st.one_of(marks, st.text(max_size=12).map(quote))), max_size=4
).map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs))
texts = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)
media = st.one_of(
    st.sampled_from([MEDIA_TYPE, "*/*", "application/stix+json", "text/html", ";;;,,,q=", "=;="]),
    texts,
)
values: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.one_of(
                st.sampled_from(["objects", "type", "id", "modified", "created", "spec_version",
                                 "object_marking_refs", "granular_markings", "extensions"]),
                st.text(max_size=6),
            ),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)  # fmt: skip
bodies = st.one_of(
    st.binary(max_size=60),
    values.map(lambda value: json.dumps(value).encode()),
    st.lists(values, max_size=4).map(lambda each: json.dumps({"objects": each}).encode()),
    st.lists(
        st.builds(
            lambda changes: {**indicator(77), **changes},
            st.dictionaries(st.sampled_from(sorted(indicator(77))), values, max_size=3),
        ),
        max_size=3,
    ).map(lambda each: json.dumps({"objects": each}).encode()),
)


@given(
    method=st.sampled_from(["GET", "GET", "POST", "DELETE", "HEAD", "PUT", "PATCH", "OPTIONS"]),
    path=st.lists(parts, max_size=6),
    query=query,
    accept=media,
    content_type=media,
    body=bodies,
    role=st.sampled_from(["integrator", "viewer", "auditor"]),
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_nothing_that_is_sent_makes_the_server_fail(
    stand: Stand,
    method: str,
    path: list[str],
    query: str,
    accept: str,
    content_type: str,
    body: bytes,
    role: str,
) -> None:
    target = "/taxii2/" + "/".join(path).replace("{pact}", stand.pact)
    ask(stand, method, f"{target}?{query}", accept, content_type, body, role)


@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    below=st.sampled_from(["objects/", "manifest/", "objects/{id}/", "objects/{id}/versions/"]),
    query=query,
    accept=media,
    body=bodies,
)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_nothing_that_is_sent_to_a_collection_makes_the_server_fail(
    stand: Stand, method: str, below: str, query: str, accept: str, body: bytes
) -> None:
    target = f"{stand.path}/{below.replace('{id}', indicator(77)['id'])}?{query}"
    ask(stand, method, target, accept, MEDIA_TYPE, body, "integrator")


def ask(
    stand: Stand, method: str, target: str, accept: str, content_type: str, body: bytes, role: str
) -> None:
    """Send it as it stands, and see that the answer is one."""
    headers = {
        "authorization": basic(stand.token(role)),
        "accept": accept,
        "content-type": content_type,
    }
    request = stand.client.build_request(method, "/", headers=headers, content=body)
    request.url = request.url.copy_with(raw_path=target.encode("ascii"))
    answer = stand.client.send(request)
    assert answer.status_code < 500, (method, target, body, answer.text)
    if request.url.path.startswith("/taxii2"):  # `..` may have led out of it
        assert answer.headers["content-type"] == MEDIA_TYPE
        if answer.content:
            assert isinstance(json.loads(answer.content), dict)
