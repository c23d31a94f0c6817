"""The HTTP/1.1 of the server: a fast parser, with a bound on what it gathers.

httptools reads requests many times faster than pure Python does, but gathers a head of any
length. Here a head that does not end is refused. Bodies are bounded by whoever reads them.
"""

from __future__ import annotations

from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MOST_HEAD: Final = 64 * 1024
"""Bytes of a request up to the end of its headers, and what came in one piece with them."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection; it is closed when the head of a request is too long."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gathered: int | None = 0  # of a head that has not ended; None within a body

    @property
    def is_answering(self) -> bool:
        """Whether a request has come that is not answered yet."""
        cycle: RequestResponseCycle | None = self.cycle  # none before the first request
        return cycle is not None and not cycle.response_complete

    def data_received(self, data: bytes) -> None:
        """Count what belongs to a head that has not ended."""
        if self._gathered is not None:
            self._gathered += len(data)
        super().data_received(data)
        too_long = self._gathered is not None and self._gathered > MOST_HEAD
        if too_long and not self.transport.is_closing():
            self.send_400_response("The head of the request is too long.")

    def on_headers_complete(self) -> None:
        """The head has ended."""
        self._gathered = None
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The next head may begin."""
        self._gathered = 0
        super().on_message_complete()
