"""The command line: every verb asks one use case and says what came of it.

`main` is the only place that turns a refusal into an exit status and a sentence. The verbs
lie in one file per noun; importing them imports no database, no HTTP and no cryptography.
"""

from __future__ import annotations

import os
import sys

import typer

from allied.entrypoints.cli import (
    agreements,
    exchange,
    incidents,
    node,
    obligations,
    organisations,
    peers,
    people,
)
from allied.entrypoints.cli.terminal import give, say
from allied.entrypoints.statuses import FAILED, USAGE, as_json, exit_status
from allied.errors import AlliedError

_OURS = "something went wrong inside allied; this is our mistake, not yours"
_TRACE = "run it again with ALLIED_TRACE=1 and send us what it prints"


def build() -> typer.Typer:
    """The whole command tree."""
    app = typer.Typer(
        name="allied",
        help=(
            "Run a security alliance as software: sign an agreement, share intelligence under"
            " it, call in the help it promises."
        ),
        no_args_is_help=True,
        add_completion=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for verbs in (node, exchange, incidents):
        verbs.add_to(app)
    for noun, its_verbs in {
        "organisation": organisations.app,
        "person": people.persons,
        "token": people.tokens,
        "peer": peers.app,
        "agreement": agreements.app,
        "item": exchange.items,
        "incident": incidents.app,
        "obligation": obligations.app,
    }.items():
        app.add_typer(its_verbs, name=noun)
    return app


def main() -> None:
    """Run the command line and end the process with its exit status."""
    wants_json = "--json" in sys.argv
    try:
        build()(standalone_mode=True)
    except AlliedError as refusal:
        if wants_json:
            give(as_json(refusal), as_json=True)
        say(f"allied: {refusal}  [{refusal.code}]")
        if refusal.hint:
            say(f"  {refusal.hint}")
        sys.exit(exit_status(refusal))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(FAILED)
    except Exception as unexpected:
        if os.environ.get("ALLIED_TRACE"):
            raise
        if wants_json:
            give({"error": {"code": "internal", "message": _OURS, "hint": _TRACE}}, as_json=True)
        say(f"allied: {_OURS} ({type(unexpected).__name__})  [internal]")
        say(f"  {_TRACE}")
        sys.exit(FAILED)
    except KeyboardInterrupt:
        say("allied: stopped")
        sys.exit(FAILED)


__all__ = ["USAGE", "build", "main"]
