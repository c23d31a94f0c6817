"""One serving process of the demonstration: `allied serve` that does not outlive it.

Run as `python -m allied.entrypoints.cli.demo.child serve ...`. Its standard input is a pipe
that the demonstration holds open and never writes to; when it ends, however the
demonstration ended, this process stops as if it had been asked to.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from typing import Final

_GRACE_SECONDS: Final = 5.0


def main() -> None:
    """Serve, until told to stop or left alone."""
    from allied.entrypoints.cli import main as allied

    threading.Thread(target=_watch, name="parent", daemon=True).start()
    sys.argv[0] = "allied"
    allied()


def _watch() -> None:
    """Wait for the end of standard input, then stop the process."""
    while os.read(0, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
