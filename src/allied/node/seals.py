"""What unlocked keys do with sealed bytes.

Part of the port of the keys (`allied.node.ports`), which takes it in.
"""

from __future__ import annotations

from typing import Protocol

from allied.record.ids import KeyId, OrganisationId
from allied.record.keys import PublicKey


class Seals(Protocol):
    """Sealing to others, and opening what others have sealed to us."""

    def seal(self, to: PublicKey, plain: bytes, context: bytes) -> bytes:
        """Bytes that only the holder of a sealing key can read, in the same context."""
        ...

    def unseal(
        self, organisation: OrganisationId, key: KeyId, sealed: bytes, context: bytes
    ) -> bytes | None:
        """What was sealed to a sealing key of a hosted organisation; None for other bytes.

        Raises:
            NotAuthorisedError: `keys.locked`, that key is not open, or not kept here.
        """
        ...


class SealsWith:
    """Seals and opens with other keys; for keys that sign differently and seal the same."""

    def __init__(self, keys: Seals) -> None:
        """Ask `keys` for both."""
        self._seals = keys

    def seal(self, to: PublicKey, plain: bytes, context: bytes) -> bytes:
        """See `Seals.seal`."""
        return self._seals.seal(to, plain, context)

    def unseal(
        self, organisation: OrganisationId, key: KeyId, sealed: bytes, context: bytes
    ) -> bytes | None:
        """See `Seals.unseal`."""
        return self._seals.unseal(organisation, key, sealed, context)
