"""Every door of a house, opened, with everything that lies behind it.

A door gives bytes; whether a piece lies behind it is asked by the words by which the piece is
known (`Piece.id`, `Piece.word`). So a door cannot look empty because its answer was read in
the wrong way, and what must not be there is looked for everywhere, in logs of the server too.

Words used here:
    inside    the doors at which a house shows its own tools and people what it holds
    outside   the file that a house would give another one to carry; what it gives over the
              network is read at the other house
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from httpx2 import Client, Response

from allied.entrypoints.cli.demo.house import House
from allied.errors import NotFoundError
from allied.node import carriage, feeds, items, misp, people
from tests.stories.pieces import Piece

TAXII = "application/taxii+json;version=2.1"
CEILING = "AMBER+STRICT"
INSIDE = frozenset(
    {
        "store", "taxii of one", "taxii of all", "manifest", "taxii object", "versions",
        "rest list", "rest item", "rest object", "feed of lines", "feed of domains", "misp feed",
        "misp export", "console",
    }
)  # fmt: skip
"""All doors at which a piece that is no more than AMBER+STRICT is shown to its holder."""


@dataclass
class Doors:
    """The doors of one house onto one agreement, with a key to each."""

    house: House
    agreement: str
    client: Client
    _bearer: str = ""
    _feeds: dict[str, str] = field(default_factory=dict)

    # --- inside ---------------------------------------------------------------------------

    def showing(self, piece: Piece) -> frozenset[str]:
        """The doors behind which a piece lies: this very version, or its object's id."""
        words = (piece.id.encode(), piece.word.encode())
        return frozenset(name for name, door in self._doors(piece).items() if _holds(door(), words))

    def _doors(self, piece: Piece) -> dict[str, Callable[[], Iterator[bytes]]]:
        one, every = f"/taxii2/{self.agreement}/collections/all", "/taxii2/all/collections/all"
        return {
            "store": lambda: self.stored(piece.id),
            "taxii of one": lambda: self.taxii(f"{one}/objects/"),
            "taxii of all": lambda: self.taxii(f"{every}/objects/"),
            "manifest": lambda: self.taxii(f"{one}/manifest/"),
            "taxii object": lambda: self.taxii(f"{one}/objects/{piece.id}/"),
            "versions": lambda: self._of_versions(f"{one}/objects/{piece.id}/versions/", piece),
            "rest list": lambda: self.rest(f"/items?agreement={self.agreement}&id={piece.id}"),
            "rest item": lambda: self.rest(f"/items/{piece.id}"),
            "rest object": lambda: self.rest(f"/items/{piece.id}/object"),
            "feed of lines": lambda: self.feed("jsonl"),
            "feed of domains": lambda: self.feed("domain"),
            "misp feed": self.misp_feed,
            "misp export": self.misp_export,
            "console": lambda: self.console(f"/items?agreement={self.agreement}"),
        }

    def stored(self, item: str = "") -> Iterator[bytes]:
        """What the store holds, read beside the server."""
        node, own = self.house.node, self.house.organisation
        after = 0
        while page := items.list_items(
            node, own, agreement=self.agreement, after=after, limit=1_000, item=item or None
        ):
            after = page[-1].seq
            for each in page:
                yield items.show(node, own, str(each.seq)).raw if item else repr(each).encode()

    def taxii(self, path: str, **query: Any) -> Iterator[bytes]:
        """The pages of a TAXII resource, every version; nothing where there is none."""
        asked = {"match[version]": "all", "limit": 1_000} | query
        while True:
            answer = self.ask(path, params=asked, headers={"accept": TAXII})
            assert answer.status_code in (200, 404), answer.text
            yield answer.content if answer.status_code == 200 else b""
            if answer.status_code == 404 or not answer.json().get("more"):
                return
            asked["next"] = answer.json()["next"]

    def _of_versions(self, path: str, piece: Piece) -> Iterator[bytes]:
        """Versions come without the id; that there are any says that the piece is there."""
        answer = self.ask(path, headers={"accept": TAXII})
        if answer.status_code == 200 and answer.json().get("versions"):
            yield piece.id.encode()

    def rest(self, path: str) -> Iterator[bytes]:
        """An answer of REST; nothing where it is 404."""
        answer = self.ask(f"/api/v1{path}")
        assert answer.status_code in (200, 404), answer.text
        yield answer.content if answer.status_code == 200 else b""

    def feed(self, form: str) -> Iterator[bytes]:
        """The one file of a feed, up to AMBER+STRICT."""
        answer = self.client.get(self._feed(form))
        assert answer.status_code == 200, form
        yield answer.content

    def misp_feed(self) -> Iterator[bytes]:
        """Every file of the folder of MISP events."""
        folder = self._feed("misp")
        manifest = self.client.get(f"{folder}manifest.json")
        assert manifest.status_code == 200
        yield manifest.content
        for event in manifest.json():
            yield self.client.get(f"{folder}{event}.json").content

    def misp_export(self) -> Iterator[bytes]:
        """What `allied export misp` writes."""
        node, own = self.house.node, self.house.organisation
        yield repr(misp.give_out(node, own, self.agreement, ceiling=CEILING).events).encode()

    def console(self, path: str) -> Iterator[bytes]:
        """A page of the console, with somebody logged in; nothing where it is 404."""
        answer = self._visit(path)
        if answer.status_code == 303:
            secret = people.link(
                self.house.node, self.house.organisation, self.house.role.person
            ).secret
            self.client.post(f"/login/{secret}", headers={"sec-fetch-site": "same-origin"})
            answer = self._visit(path)
        assert answer.status_code in (200, 404), answer.text
        yield answer.content

    def _visit(self, path: str) -> Response:
        return self.client.get(path, headers={"sec-fetch-site": "same-origin"})

    # --- outside --------------------------------------------------------------------------

    def carried(self, to: str) -> bytes:
        """The file that somebody could carry to another house; empty where there is none."""
        out = io.BytesIO()
        try:
            carriage.write(
                self.house.node,
                self.house.organisation,
                self.house.keys,
                self.agreement,
                to,
                out,
                sealed=False,  # or nothing could be looked for in it
            )
        except NotFoundError:
            return b""
        return out.getvalue()

    def log(self) -> bytes:
        """What the server wrote."""
        return self.house.server.log.read_bytes()

    # --- keys -----------------------------------------------------------------------------

    def ask(self, path: str, **more: Any) -> Response:
        """GET with a token that reads as much as a token can."""
        headers = {"authorization": f"Bearer {self.bearer}", **more.pop("headers", {})}
        found: Response = self.client.get(path, headers=headers, **more)
        return found

    @property
    def bearer(self) -> str:
        """Of a token for all agreements, up to AMBER+STRICT."""
        if not self._bearer:
            made = people.new_token(
                self.house.node, self.house.organisation, role="analyst", ceiling=CEILING
            )
            self._bearer = made.bearer
        return self._bearer

    def _feed(self, form: str) -> str:
        if form not in self._feeds:
            made = feeds.create(
                self.house.node,
                self.house.organisation,
                agreement=self.agreement,
                form=form,
                tlp=CEILING,
                lasts=timedelta(days=1),
            )
            self._feeds[form] = made.path
        return self._feeds[form]


def _holds(pieces: Iterator[bytes], words: tuple[bytes, ...]) -> bool:
    return any(word in each for each in pieces for word in words)
