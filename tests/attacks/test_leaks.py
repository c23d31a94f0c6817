"""What somebody must not have is not got through any door, not even that it is there.

An observer is somebody with a key to some door: a token with a low ceiling, a token narrowed
to another agreement, a neighbour organisation on the same node with its token and its session,
a feed's reader, a party that a clause keeps something from, a peer that is no party. For each
of them two things are held: what it must not have answers like what does not exist, and all it
can see stays byte by byte what it was while such things come, change and go.

The nodes and their whole web applications are real (see `tests.node.network`); the clock stands
still, so that whatever differs differs because of a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import event
from starlette.testclient import TestClient

from allied.agreement.values import Tlp
from allied.entrypoints.serving import build
from allied.errors import AlliedError
from allied.node import feeds, items, people, recalls
from allied.node.messages import (
    AGREEMENTS,
    BLOBS,
    HEADS,
    ITEMS,
    NOTHING,
    BlobsQuestion,
    Heads,
    ItemsQuestion,
)
from allied.node.pages import ItemsAnswer
from allied.node.shared import Wish
from allied.record.ids import AgreementId
from tests.console.stage import SAME_ORIGIN, link_path, neighbour
from tests.exchange.samples import identity, indicator, link, malware, tlp
from tests.node.hands import DEMO, HARBOUR, NAMES, NORTHGATE, RIVER, share
from tests.node.network import House, Network

STRANGER = "stranger"
UNKNOWN = "indicator--00000000-0000-4000-8000-0000000000ff"
NO_NUMBER = "999999999"
TAXII = {"accept": "application/taxii+json;version=2.1"}
WORD = "only-for-harbour"

AUTHOR = identity(40, name=f"Desk {WORD}", identity_class="group")
SECRET = indicator(
    41,
    name=WORD,
    pattern=f"[domain-name:value = '{WORD}.example']",
    created_by_ref=AUTHOR["id"],
    indicator_types=["malicious-activity"],
    object_marking_refs=tlp(Tlp.AMBER),
)
OPEN = malware(42, object_marking_refs=tlp(Tlp.GREEN))
SHOWN = indicator(
    43,
    name="for-all",
    pattern="[domain-name:value = 'for-all.example']",
    indicator_types=["malicious-activity"],
    object_marking_refs=tlp(Tlp.GREEN),
)
LINK = link(SECRET, OPEN, 44, object_marking_refs=tlp(Tlp.GREEN))
HIDDEN = (SECRET, AUTHOR, LINK)
"""None of it may be seen below AMBER: the link, as one of its ends; the author, as nothing refers
to it that may be seen."""


@dataclass
class Scene:
    """River's doors, and everybody who stands before them."""

    network: Network
    pact: str
    other: str
    client: TestClient
    haulier: House
    tokens: dict[str, str] = field(default_factory=dict)
    feeds: dict[str, str] = field(default_factory=dict)

    @property
    def river(self) -> House:
        return self.network.houses[RIVER]

    def ask(self, method: str, path: str, token: str, **more: Any) -> Response:
        headers = {"authorization": f"Bearer {self.tokens[token]}", **more.pop("headers", {})}
        answer: Response = self.client.request(method, path, headers=headers, **more)
        return answer


def raised(root: Path) -> Network:
    network = Network(root)
    for label, name in {**NAMES, STRANGER: "Nobody in particular"}.items():
        network.found(label, name)
    network.introduce_all()
    return network


@contextmanager
def scene(root: Path) -> Iterator[Scene]:
    """Two agreements of three; the stranger is a confirmed peer of everybody, and no party."""
    network = raised(root)
    stranger = network.houses.pop(STRANGER)
    pact = network.sign_all(DEMO, RIVER)
    other = network.sign_all(DEMO.replace(b"id: river-harbour", b"id: other"), RIVER)
    network.houses[STRANGER] = stranger
    river = network.houses[RIVER]
    share(river, pact, OPEN, SHOWN)
    share(river, other, indicator(50, object_marking_refs=tlp(Tlp.GREEN)))
    share(river, pact, *HIDDEN)
    network.settle()
    haulier = neighbour(river)
    app, end = build(river.node, river.answers, river.keys, lambda: 1 << 40)
    with TestClient(
        app,
        base_url="http://127.0.0.1:8811",
        follow_redirects=False,
        raise_server_exceptions=False,
    ) as client:
        found = Scene(network, pact, other, client, haulier)
        for name, house, more in (
            ("whole", river, {"ceiling": "AMBER+STRICT"}),
            ("green", river, {"ceiling": "GREEN"}),
            ("narrow", river, {"ceiling": "AMBER+STRICT", "agreements": (other,)}),
            ("haulier", haulier, {"ceiling": "AMBER+STRICT"}),
        ):
            made = people.new_token(house.node, house.organisation, role="analyst", **more)
            found.tokens[name] = made.bearer
        for form in ("domain", "jsonl", "csv", "misp"):
            feed = feeds.create(river.node, river.organisation, agreement=pact, form=form)
            found.feeds[form] = feed.path
        yield found
        end()


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene that nobody changes."""
    with scene(tmp_path_factory.mktemp("still")) as found:
        yield found


# --- what is hidden answers like what is not there -----------------------------------------

LOW = ("green", "narrow", "haulier")

ASKED = [
    pytest.param("GET", "/taxii2/{root}/collections/all/objects/{id}/", id="taxii object"),
    pytest.param("GET", "/taxii2/all/collections/all/objects/{id}/", id="taxii object of all"),
    pytest.param("GET", "/taxii2/{root}/collections/all/objects/{id}/versions/", id="versions"),
    pytest.param("GET", "/taxii2/{root}/collections/all/objects/?match[id]={id}", id="match"),
    pytest.param("GET", "/taxii2/{root}/collections/all/manifest/?match[id]={id}", id="manifest"),
    pytest.param("GET", "/taxii2/{root}/collections/tlp-amber/objects/{id}/", id="another tlp"),
    pytest.param("DELETE", "/taxii2/{root}/collections/all/objects/{id}/", id="taxii delete"),
    pytest.param("GET", "/api/v1/items?id={id}", id="rest list"),
    pytest.param("GET", "/api/v1/items/{id}", id="rest item"),
    pytest.param("GET", "/api/v1/items/{id}/object", id="rest object"),
    pytest.param("GET", "/api/v1/items/{id}/explanation?to=harbour", id="rest explanation"),
    pytest.param("GET", "/api/v1/items/{id}/explanation?to=nobody", id="explained to nobody"),
    pytest.param("GET", "/api/v1/items/{id}/receipts", id="rest receipts"),
    pytest.param("GET", "/api/v1/items/{id}/remarks", id="remarks"),
    pytest.param("GET", "/api/v1/items/{id}/correlations", id="correlations"),
    pytest.param("POST", "/api/v1/items/{id}/remarks?kind=note&text=x", id="remarking"),
    pytest.param("POST", "/api/v1/items/{id}/passing?to=northgate", id="passing on"),
    pytest.param("POST", "/api/v1/items/{id}/requests?to=northgate&purpose=x", id="asking"),
    pytest.param("POST", "/api/v1/items/{id}/recall?why=x", id="rest recall"),
    pytest.param("POST", "/api/v1/items/{id}/recall?why=x&dry_run=true", id="rest recall, dry"),
]


@pytest.mark.parametrize("token", LOW)
@pytest.mark.parametrize(("method", "path"), ASKED)
def test_what_is_hidden_answers_like_what_is_not_there(
    still: Scene, method: str, path: str, token: str
) -> None:
    for hidden in (*(str(each["id"]) for each in HIDDEN),):
        there = answered(still, method, path, token, hidden)
        assert there == answered(still, method, path, token, UNKNOWN)
    if path.startswith("/api/") and "?id=" not in path:
        number = str(number_of(still, str(SECRET["id"])))
        there = answered(still, method, path, token, number)
        assert there == answered(still, method, path, token, NO_NUMBER)
    assert still.ask("GET", f"/api/v1/items/{SECRET['id']}", "whole").status_code == 200


def number_of(scene: Scene, item: str) -> int:
    river = scene.river
    return items.show(river.node, river.organisation, item).item.seq


def answered(
    scene: Scene, method: str, path: str, token: str, name: str
) -> tuple[int, bytes, tuple[tuple[str, str], ...], int]:
    """Status, body, headers, and how many questions it took to the database."""
    filled = path.replace("{root}", scene.pact).replace("{id}", name)
    for _ in range(2):  # what is remembered, is remembered for both
        scene.ask(method, filled, token, headers=TAXII if "/taxii2" in path else {})
    with counted(scene.river) as statements:
        answer = scene.ask(method, filled, token, headers=TAXII if "/taxii2" in path else {})
    headers = tuple(sorted((k, v) for k, v in answer.headers.items() if k != "date"))
    return (
        answer.status_code,
        answer.content.replace(name.encode(), b"NAME"),
        headers,
        len(statements),
    )


@contextmanager
def counted(house: House) -> Iterator[list[str]]:
    """The statements that a node puts to its database: what takes time, without a watch."""
    said: list[str] = []
    engine = house.node.store.engine  # type: ignore[attr-defined]

    def note(_: object, __: object, statement: str, *___: object) -> None:
        said.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield said
    finally:
        event.remove(engine, "before_cursor_execute", note)


@pytest.mark.parametrize(("method", "path"), ASKED[:11])
def test_the_same_doors_open_for_who_may(still: Scene, method: str, path: str) -> None:
    """The twin: the refusals above are refusals of these answers."""
    if method == "GET" and "tlp-amber" not in path:
        filled = path.replace("{root}", still.pact).replace("{id}", str(SECRET["id"]))
        answer = still.ask("GET", filled, "whole", headers=TAXII if "/taxii2" in path else {})
        assert answer.status_code == 200
        if "versions" not in path and "explanation" not in path:
            assert str(SECRET["id"]) in answer.text or WORD in answer.text


ROOTS = [
    pytest.param("/taxii2/{root}/", id="root"),
    pytest.param("/taxii2/{root}/collections/", id="collections"),
    pytest.param("/taxii2/{root}/collections/all/", id="collection"),
    pytest.param("/taxii2/{root}/collections/all/objects/", id="objects"),
    pytest.param("/taxii2/{root}/status/00000000-0000-4000-8000-000000000000/", id="status"),
    pytest.param("/api/v1/agreements/{root}", id="rest agreement"),
    pytest.param("/api/v1/agreements/{root}/text", id="rest text"),
    pytest.param("/api/v1/items?agreement={root}", id="rest items"),
]


@pytest.mark.parametrize("token", ["narrow", "haulier"])
@pytest.mark.parametrize("path", ROOTS)
def test_an_agreement_that_is_none_of_theirs_is_none(still: Scene, path: str, token: str) -> None:
    hidden = answered(still, "GET", path.replace("{root}", "{id}"), token, still.pact)
    nothing = answered(still, "GET", path.replace("{root}", "{id}"), token, "f" * 64)
    assert hidden[:3] == nothing[:3]
    assert hidden[0] == 404


@pytest.mark.parametrize("token", LOW)
def test_a_place_in_somebody_elses_list_opens_nothing(still: Scene, token: str) -> None:
    path = f"/taxii2/{still.pact}/collections/all/objects/?limit=1"
    place = still.ask("GET", path, "whole", headers=TAXII).json()["next"]
    for forged in (place, place[:-4] + "AAAA", "AAAA", "1"):
        answer = still.ask("GET", f"{path}&next={forged}", token, headers=TAXII)
        assert answer.status_code in (400, 404)
        assert answer.content == still.ask("GET", f"{path}&next=zzzz", token, headers=TAXII).content
    following = still.ask("GET", "/api/v1/items?limit=1", "whole").json()["next"]
    answer = still.ask("GET", f"/api/v1/items?limit=100&after={following}", token)
    assert WORD not in answer.text
    assert str(SECRET["id"]) not in answer.text


def test_a_wrong_address_of_a_feed_is_no_address(still: Scene) -> None:
    for path in still.feeds.values():
        whole = path.split("/")[2]
        number, secret = whole.split(".")
        wrong = [f"{number}.{'0' * 64}", f"{'0' * 16}.{secret}", whole[:-1], whole.upper()]
        answers = {
            (answer.status_code, answer.content, answer.headers.get("etag"))
            for answer in (still.client.get(path.replace(whole, each)) for each in wrong)
        }
        assert answers == {(404, b"", None)}


# --- nothing changes for who may not see it -------------------------------------------------

PATHS = (
    "/taxii2/",
    "/taxii2/all/",
    "/taxii2/all/collections/",
    "/taxii2/all/collections/all/objects/?limit=2",
    "/taxii2/all/collections/all/objects/?match[version]=all",
    "/taxii2/all/collections/all/manifest/?match[version]=all",
    "/taxii2/all/collections/tlp-green/objects/",
    "/taxii2/{pact}/collections/",
    "/taxii2/{pact}/collections/all/objects/?match[version]=all",
    "/taxii2/{pact}/collections/all/manifest/?match[version]=first",
    "/taxii2/{pact}/collections/all/objects/{changed}/versions/",
    "/api/v1/items",
    "/api/v1/items?limit=1",
    "/api/v1/items?agreement={pact}",
    "/api/v1/items/{changed}",
    "/api/v1/status",
    "/api/v1/agreements",
    "/api/v1/agreements/{pact}",
    "/api/v1/agreements/{pact}/bundle",
    "/api/v1/recalls",
    "/api/v1/requests",
    "/api/v1/submissions",
    "/api/v1/feeds",
    "/api/v1/items/{changed}/correlations",
    "/api/v1/items/{changed}/remarks",
    f"/api/v1/values/holders?value={WORD}.example",
    f"/api/v1/values/sightings?value={WORD}.example",
    "/api/v1/misp/events?agreement={pact}",
    "/api/v1/proposals",
    "/api/v1/incidents",
    "/api/v1/peers",
)
CHANGED = indicator(60, name="first", object_marking_refs=tlp(Tlp.GREEN))


def seen_by(token: str) -> Callable[[Scene], Mapping[str, object]]:
    def look(scene: Scene) -> Mapping[str, object]:
        found: dict[str, object] = {}
        for path in PATHS:
            filled = path.format(pact=scene.pact, changed=CHANGED["id"])
            answer = scene.ask("GET", filled, token, headers=TAXII if "/taxii2" in path else {})
            headers = {k: v for k, v in answer.headers.items() if k != "date"}
            if path.endswith("/agreements/{pact}"):
                # A ceiling is about items; how many records there are is no secret to a token.
                content = {k: v for k, v in answer.json().items() if k != "records"}
                found[path] = (answer.status_code, content, sorted(headers))
            else:
                found[path] = (answer.status_code, answer.content, headers)
        return found

    return look


def fed(scene: Scene) -> Mapping[str, object]:
    """What the readers of River's feeds see, tags and dates and signatures too."""
    found: dict[str, object] = {}
    for form, path in scene.feeds.items():
        files = [path, f"{path}.sig"]
        if form == "misp":
            names = ["manifest.json", "hashes.csv"]
            files = [path + each for each in names]
            files += [f"{path}{each}.json" for each in scene.client.get(files[0]).json()]
        for file in files:
            answer = scene.client.get(file)
            headers = {k: v for k, v in answer.headers.items() if k != "date"}
            found[file] = (answer.status_code, answer.content, headers)
    return found


def at_the_console(scene: Scene) -> Mapping[str, object]:
    """What a person of the neighbour sees on River's node."""
    client = scene.client
    client.cookies.clear()
    assert client.post(link_path(scene.haulier), headers=SAME_ORIGIN).status_code == 303
    found = {}
    paths = ["/", "/items", "/incidents", "/proposals", f"/agreements/{scene.pact}"]
    paths += [f"/items/{number}" for number in range(1, 12)]
    for path in paths:
        answer = client.get(path, headers=SAME_ORIGIN)
        found[path] = (answer.status_code, bare(answer.text))
    client.cookies.clear()
    return found


def bare(page: str) -> str:
    """A page without the token of the session and the state of the store."""
    return "\n".join(
        line
        for line in page.splitlines()
        if 'name="token"' not in line and "data-state" not in line and "/events" not in line
    )


def fetched(label: str) -> Callable[[Scene], Mapping[str, object]]:
    """All that a peer is answered by River's node, whatever it asks."""

    def look(scene: Scene) -> Mapping[str, object]:
        caller = scene.network.houses[label].organisation.id
        own = scene.river.organisation.id

        def put(verb: str, question: bytes) -> object:
            try:
                return scene.river.answers.answer(caller, own, verb, question)
            except AlliedError as refusal:
                return (refusal.code, refusal.message, refusal.hint)

        pact = AgreementId(scene.pact)
        blobs = tuple(sorted(every_blob(scene.river)))
        return {
            "agreements": put(AGREEMENTS, NOTHING),
            "heads": put(HEADS, Heads(pact, ()).encode()),
            "blobs": put(BLOBS, BlobsQuestion(pact, blobs[:100]).encode()),
            "items": items_of(put(ITEMS, ItemsQuestion(pact).encode())),
        }

    return look


def items_of(answer: object) -> object:
    """What a page of items says to its reader; the place to go on is sealed, and is not read."""
    if not isinstance(answer, bytes):
        return answer
    page = ItemsAnswer.decode(answer)
    return [(each.id, each.modified, each.raw) for each in page.items], page.more


def every_blob(house: House) -> list[Any]:
    from sqlalchemy import text as sql

    engine = house.node.store.engine  # type: ignore[attr-defined]
    with engine.connect() as connection:
        return [row[0] for row in connection.execute(sql("SELECT digest FROM blobs"))]


OBSERVERS: list[Any] = [
    pytest.param(seen_by("green"), id="a token up to GREEN"),
    pytest.param(seen_by("narrow"), id="a token for another agreement"),
    pytest.param(seen_by("haulier"), id="the token of a neighbour"),
    pytest.param(at_the_console, id="a person of a neighbour"),
    pytest.param(fed, id="readers of GREEN feeds"),
    pytest.param(fetched(NORTHGATE), id="the observer's node"),
    pytest.param(fetched(STRANGER), id="a peer that is no party"),
]


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A scene in which secrets come and go."""
    with scene(tmp_path_factory.mktemp("moving")) as found:
        share(found.river, found.pact, CHANGED)
        found.network.settle()
        yield found


@pytest.mark.parametrize("look", OBSERVERS)
def test_nothing_changes_for_who_may_not_see_what_changes(
    moving: Scene, look: Callable[[Scene], Mapping[str, object]], request: pytest.FixtureRequest
) -> None:
    river, pact = moving.river, moving.pact
    number = 100 + 10 * [each.values[0] for each in OBSERVERS].index(look)
    moving.network.settle()
    first = look(moving)
    assert first == look(moving)  # looking changes nothing
    secret = indicator(
        number, name=WORD, pattern=f"[domain-name:value = 'n{number}.example']",
        indicator_types=["malicious-activity"], object_marking_refs=tlp(Tlp.AMBER),
    )  # fmt: skip
    steps: dict[str, Callable[[], object]] = {
        "a secret comes": lambda: share(river, pact, secret),
        "it is fetched and receipted": moving.network.settle,
        "it changes": lambda: share(
            river, pact, secret | {"modified": "2026-03-02T00:00:00.000Z", "name": f"{WORD}-2"}
        ),
        "it is linked": lambda: share(
            river, pact, link(secret, OPEN, number + 1, object_marking_refs=tlp(Tlp.GREEN))
        ),
        "it is recalled": lambda: recalls.recall(
            river.node, river.actor, str(secret["id"]), pact, "a mistake"
        ),
        "that is answered": lambda: settled_and_answered(moving, str(secret["id"])),
    }
    for what, step in steps.items():
        step()
        assert differing(first, look(moving)) == [], what

    share(river, pact, indicator(number + 2, object_marking_refs=tlp(Tlp.GREEN),
          indicator_types=["malicious-activity"],
          pattern=f"[domain-name:value = 'g{number}.example']"))  # fmt: skip
    moved = differing(first, look(moving))
    unmoved = ("another agreement", "neighbour", "no party")
    assert bool(moved) != any(each in request.node.name for each in unmoved)  # the twin


@pytest.mark.parametrize("token", ["green", "whole"])
def test_an_extract_does_not_name_its_source_to_who_may_not_see_it(
    moving: Scene, token: str
) -> None:
    river, pact = moving.river, moving.pact
    number = {"green": 200, "whole": 210}[token]
    source = indicator(number, name=WORD, object_marking_refs=tlp(Tlp.AMBER))
    extract = indicator(number + 1, name="cut", object_marking_refs=tlp(Tlp.GREEN))
    product = indicator(number + 2, name=WORD, object_marking_refs=tlp(Tlp.AMBER))
    share(river, pact, source)
    share(river, pact, extract, wish=Wish(made_from=(str(source["id"]),)))
    share(river, pact, product, wish=Wish(made_from=(str(extract["id"]),)))
    moving.network.settle()

    def shown() -> str:
        one = f"/api/v1/items/{extract['id']}"
        paths = [
            one,
            *(f"{one}/{each}" for each in ("object", "remarks", "receipts", "correlations")),
        ]
        paths += [f"{one}/explanation?to=harbour", "/api/v1/items?limit=1000", "/api/v1/recalls"]
        return "".join(moving.ask("GET", path, token).text for path in paths)

    def leaked() -> set[str]:
        hidden = (str(source["id"]), str(product["id"]), WORD)
        return {each for each in hidden if each in shown()}

    before = leaked()
    recalls.recall(river.node, river.actor, str(extract["id"]), pact, "a mistake")
    moving.network.settle()
    assert (before | leaked() == set()) == (token == "green")


def settled_and_answered(scene: Scene, item: str) -> None:
    scene.network.settle()
    harbour = scene.network.houses[HARBOUR]
    recalls.answer(harbour.node, harbour.actor, item)
    scene.network.settle()


def differing(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]
