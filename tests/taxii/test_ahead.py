"""TAXII in front of the framework's layers answers as it does behind them."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from fastapi import FastAPI

from allied.entrypoints import taxii
from tests.federation.houses import serving
from tests.taxii.shelf import Given, Shelf

NAMED = ("content-type", "vary", "allow", "x-taxii-date-added-first", "x-taxii-date-added-last")


@pytest.fixture(scope="module")
def both(shelf: Shelf) -> Iterator[tuple[httpx2.Client, httpx2.Client, str, str]]:
    """The same node behind the framework, and ahead of it; a collection, and a token."""
    pact = shelf.pact()
    shelf.hold(pact, [Given(n) for n in range(5)])
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    taxii.mount(app, shelf.node)

    @app.get("/elsewhere")
    def elsewhere() -> str:
        return "the framework's"

    with (
        serving(app) as behind,
        serving(taxii.ahead(app)) as ahead,
        httpx2.Client(base_url=behind) as first,
        httpx2.Client(base_url=ahead) as second,
    ):
        yield first, second, f"/taxii2/{pact}/collections/all", shelf.token().bearer


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT"])
@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/taxii2", id="discovery without a slash"),
        pytest.param("/taxii2/", id="discovery"),
        pytest.param("/taxii2/all", id="a root without a slash"),
        pytest.param("/taxii2/all/collections/", id="collections"),
        pytest.param("{all}/objects/", id="objects"),
        pytest.param("{all}/objects/?limit=2", id="a page"),
        pytest.param("{all}/objects", id="objects without a slash"),
        pytest.param("{all}/manifest/", id="manifest"),
        pytest.param("{all}/objects/?limit=0", id="a limit that is none"),
        pytest.param("{all}/objects/indicator%0A/", id="a line break in a path"),
        pytest.param("{all}/objects/%2e%2e/", id="dots in a path"),
        pytest.param("/taxii2/no%2Fsuch/", id="an escaped slash"),
        pytest.param("/taxii2//", id="nothing between slashes"),
        pytest.param("/taxii21/", id="a path that only begins alike"),
        pytest.param("/elsewhere", id="a path of others"),
    ],
)
def test_an_answer_is_the_same_ahead_of_the_framework(
    both: tuple[httpx2.Client, httpx2.Client, str, str], method: str, path: str
) -> None:
    behind, ahead, collection, bearer = both
    for headers in ({"authorization": f"Bearer {bearer}"}, {}):
        wanted = path.format(all=collection)
        expected = behind.request(method, wanted, headers=headers)
        found = ahead.request(method, wanted, headers=headers)
        assert (found.status_code, found.content) == (expected.status_code, expected.content)
        for name in NAMED:
            assert found.headers.get(name) == expected.headers.get(name), name
