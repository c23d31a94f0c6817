"""When a certificate in a file ends; the first in the file, which is the server's own."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography import x509

from allied.adapters import disk
from allied.errors import ExhaustedError, MalformedError

_LIMIT: Final = 1 << 20


def certificate_ends(path: Path) -> datetime | None:
    """The instant, aware, in UTC; None when the file cannot be read as a certificate."""
    try:
        raw = disk.read(path, limit=_LIMIT, code="certificate.too-long")
        first = x509.load_pem_x509_certificates(raw)[0]
    except (FileNotFoundError, MalformedError, ExhaustedError, ValueError):
        return None
    return first.not_valid_after_utc
