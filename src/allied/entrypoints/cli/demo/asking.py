"""Reading a house over HTTP, as an outsider with a token would: TAXII 2.1 and health.

Only loopback, only the servers of the demonstration; answers are bounded.
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from allied.entrypoints.cli.demo.servers import HOST
from allied.errors import UnreachableError

if TYPE_CHECKING:
    from allied.entrypoints.cli.demo.house import House

ROOT: Final = "/taxii2/"
_MEDIA_TYPE: Final = "application/taxii+json;version=2.1"
_SECONDS: Final = 20.0
_LIMIT: Final = 64 * 2**20
_PAGE: Final = 1_000
_MOST_PAGES: Final = 100_000


def is_healthy(house: House) -> bool:
    """Whether the server of a house says that its process answers and its store can be read.

    Raises:
        UnreachableError: it does not answer.
    """
    return _get(house.server.admin, "/readyz", {}) == b"ready\n"


def taxii_ids(house: House, bearer: str, agreement: str) -> set[str]:
    """The ids of everything that a token of `house` may see under an agreement.

    Raises:
        UnreachableError: the server does not answer, or not with TAXII 2.1.
    """
    path = f"{ROOT}{quote(agreement)}/collections/all/manifest/?limit={_PAGE}"
    found: set[str] = set()
    after = ""
    for _ in range(_MOST_PAGES):
        page = _json(house, bearer, path + after)
        found.update(each["id"] for each in page.get("objects", []))
        if not page.get("more"):
            break
        after = f"&next={quote(page['next'])}"
    return found


def _json(house: House, bearer: str, path: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {bearer}", "Accept": _MEDIA_TYPE}
    try:
        answer = json.loads(_get(house.server.port, path, headers))
    except ValueError as error:
        raise UnreachableError("demo.bad-answer", "a server answered no JSON") from error
    if not isinstance(answer, dict):
        raise UnreachableError("demo.bad-answer", "a server answered no JSON object")
    return answer


def _get(port: int, path: str, headers: Mapping[str, str]) -> bytes:
    connection = http.client.HTTPConnection(HOST, port, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers=dict(headers))
        response = connection.getresponse()
        body = response.read(_LIMIT)
    except (OSError, http.client.HTTPException) as error:
        raise UnreachableError("demo.no-answer", "a server does not answer") from error
    finally:
        connection.close()
    if response.status != http.client.OK:
        raise UnreachableError("demo.bad-answer", f"a server answered with {response.status}")
    return body
