"""TAXII 2.1: other tools of an organisation read what it holds.

mount       puts the routes on the web application
ahead       answers them before the framework's own layers
asking      what a request asks for: media types, parameters
answering   how an answer is said: envelopes of stored bytes, headers, errors
routes      which path means what
"""

from __future__ import annotations

from allied.entrypoints.taxii.routes import ahead, mount

__all__ = ["ahead", "mount"]
