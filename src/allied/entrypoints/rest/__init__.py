"""`/api/v1/`: the use cases of the command line, for machines.

A route is added in two places of one file: a function that asks one use case (through the
sight of the token, or as an errand for it) and returns its value, and a line in that file's
`TABLE` with path, permission and shape:

    def show_peer(visit: Here, name: PeerName) -> Response:
        \"\"\"Show one peer.\"\"\"
        return given(visit.sight.peer(name))

    Way("GET", "/peers/{name}", roles.PEERS_READ, show_peer, gives=PeerSummary),

A new file's `TABLE` joins those in `routes.TABLE`. `python -m tests.docs.pages`
writes docs/reference/rest.md anew; the tests walk the table, so that a route is refused without
credentials and without the permission needs no test of its own.

    door          who gets in: credentials, bounds, headers, what is public
    routes        the whole table, the application around it, how refusals are said
    visit         what a route function is given, and a line of the table
    agreements, items, exchange, feeds, incidents, obligations, proposals, ledger, house
                  the routes, noun by noun
    spooled       long answers that are made piece by piece
    acts          what only people do: refused here, with the way to do it
    bodies        what is posted, bounded while it is read
    cursors       where a list goes on
    models        the shapes of answers, as the OpenAPI document describes them
    reference     that document, and the pages made from it
    refusals      the refusals that only HTTP has
"""

from __future__ import annotations

from allied.entrypoints.rest.routes import mount

__all__ = ["mount"]
