"""How a serving node logs: one line per event, for people or as JSON for machines.

Everything goes through the standard `logging`; structlog lays it out. Lines carry times,
levels, names, ids and codes, never contents, names of people, links or secrets: what is
logged is chosen where it is logged, and nothing is added here.

structlog loads rich, and rich pygments, only to draw tracebacks in colours, which is not done here:
seventy modules and 6 MiB in every server. So they are hidden while structlog is loaded.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    """A library that is not found while the block runs, unless it is loaded already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with _hidden("rich"):
    import structlog

_SHARED: Final = (
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.processors.format_exc_info,
)


def configure(level: str, form: str) -> None:
    """Send what is logged to stderr.

    Args:
        level: debug, info, warning or error.
        form: `text` or `json`.
    """
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer(sort_keys=True)
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=list(_SHARED),
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.error").setLevel(max(root.level, logging.WARNING))
