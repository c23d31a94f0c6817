"""The command line: every verb asks one use case and says what came of it.

`run` is the only place that turns a refusal into an exit status and a sentence. The verbs
lie in one file per noun; importing them imports no database, no HTTP and no cryptography.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final

import typer
from typer.exceptions import TyperException

from allied.entrypoints.cli import (
    agreements,
    archives,
    backup,
    carrying,
    correlating,
    datasets,
    erasures,
    exchange,
    feeds,
    hub,
    incidents,
    keys,
    ledger,
    mail,
    neighbours,
    node,
    obligations,
    organisations,
    peers,
    people,
    proposals,
    register,
    relays,
    whatif,
)
from allied.entrypoints.cli.terminal import give, say
from allied.entrypoints.statuses import FAILED, OK, USAGE, as_json, exit_status, mistakes
from allied.errors import AlliedError, UsageError

_OURS = "something went wrong inside allied; this is our mistake, not yours"
_TRACE = "run it again with ALLIED_TRACE=1 and send us what it prints"


# Verbs of a noun that lie in files of their own; added once, whoever builds the tree.
register.add_to(agreements.app)
for _verbs in (correlating, datasets, hub):
    _verbs.add_to(exchange.items)

_NOUNS: Final[Mapping[str, typer.Typer]] = {
    "organisation": organisations.app,
    "person": people.persons,
    "token": people.tokens,
    "key": keys.app,
    "backup": backup.app,
    "peer": peers.app,
    "agreement": agreements.app,
    "item": exchange.items,
    "feed": feeds.app,
    "hub": hub.app,
    "neighbour": neighbours.app,
    "ledger": ledger.app,
    "archive": archives.app,
    "erasure": erasures.app,
    "relay": relays.app,
    "mail": mail.app,
    "incident": incidents.app,
    "obligation": obligations.app,
    "proposal": proposals.app,
}


def build(noun: str = "") -> typer.Typer:
    """The command tree: the whole of it, or one noun and what has none."""
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
    for verbs in (node, backup, exchange, carrying, incidents, whatif):
        verbs.add_to(app)
    for name, its_verbs in _NOUNS.items():
        if noun in ("", name):
            app.add_typer(its_verbs, name=name)
    return app


@cache
def _command(noun: str) -> Callable[..., object]:
    """The tree, ready to be called; making all of it costs as much as many a verb."""
    return typer.main.get_command(build(noun))


def run(arguments: Sequence[str]) -> int:
    """Do what the arguments ask for, and say what came of it.

    Returns:
        The exit status; never raises for a refusal, of the arguments or of a use case.
    """
    try:
        return _attempt(arguments)
    except BrokenPipeError:
        # Whoever reads our stdout has gone; nothing must be written to it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _attempt(arguments: Sequence[str]) -> int:
    """As `run`, but for a reader of our output that has gone."""
    wants_json = "--json" in arguments
    try:
        noun = arguments[0] if arguments and arguments[0] in _NOUNS else ""
        called = _command(noun)
        ended = called(args=list(arguments), prog_name="allied", standalone_mode=False)
        return ended if isinstance(ended, int) else OK
    except AlliedError as refusal:
        if wants_json:
            give(as_json(refusal), as_json=True)
        _say_refusal(refusal)
        return exit_status(refusal)
    except TyperException as misuse:
        return _misused(misuse, wants_json=wants_json)
    except (KeyboardInterrupt, typer.Abort):
        say("allied: stopped")
        return FAILED
    except BrokenPipeError:
        raise
    except Exception as unexpected:
        if os.environ.get("ALLIED_TRACE"):
            raise
        if wants_json:
            give({"error": {"code": "internal", "message": _OURS, "hint": _TRACE}}, as_json=True)
        say(f"allied: {_OURS} ({type(unexpected).__name__})  [internal]")
        say(f"  {_TRACE}")
        return FAILED


def _say_refusal(refusal: AlliedError) -> None:
    """What was refused and what to do; of a text with several mistakes each with its place."""
    say(f"allied: {refusal}  [{refusal.code}]")
    if refusal.hint:
        say(f"  {refusal.hint}")
    for each in mistakes(refusal)[1:]:
        say(f"allied: {each.place}: {each.text}  [{each.code}]")
        if each.advice:
            say(f"  {each.advice}")


def _misused(misuse: TyperException, *, wants_json: bool) -> int:
    """A call that cannot be understood: the verb's usage, or our error as JSON."""
    worded = getattr(misuse, "format_message", None)
    sentence = str(worded() if worded else misuse)
    show = getattr(misuse, "show", None)
    if wants_json:
        hint = "--help after the verb shows what it takes"
        give(as_json(UsageError("usage.arguments", sentence, hint=hint)), as_json=True)
        say(f"allied: {sentence}  [usage.arguments]")
    elif show is not None:
        show()
    else:
        say(f"allied: {sentence}  [usage.arguments]")
    return USAGE


def main() -> None:
    """Run the command line and end the process with its exit status."""
    sys.exit(run(sys.argv[1:]))


__all__ = ["build", "main", "run"]
