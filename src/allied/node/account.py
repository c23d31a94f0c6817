"""What a database says of itself, for whoever looks after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class StoreAccount:
    """What a database says of itself.

    Attributes:
        product: with its version.
        name: a public name that copies of a database share.
        size: bytes on the disk, as far as the database knows.
        unsafe: settings of its server by which a power cut may lose what was signed.
    """

    product: str
    name: str
    size: int
    unsafe: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Fault:
    """Something in a database that is not as it was put in.

    Attributes:
        code: `store.pages`, `store.item-bytes` or `store.blob-bytes`.
        count: how many.
    """

    code: str
    count: int


class Accounted(Protocol):
    """A store that can say what it is, and whether it is sound."""

    def account(self) -> StoreAccount:
        """What the database says of itself."""
        ...

    def faults(self) -> Sequence[Fault]:
        """What is not as it was put in; reads everything, in one snapshot."""
        ...
