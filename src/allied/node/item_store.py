"""What a store can do for items before they are stored, outside of any unit.

Part of the port of the store (`allied.node.ports`), which takes it in. A unit holds the write
lock; what depends on the items alone is worked out before it begins, in another thread than
the one that stores.
"""

from __future__ import annotations

from typing import Protocol

from allied.node.rows import ItemBatch


class PreparingItems(Protocol):
    """A store that works out beforehand what storing a batch needs."""

    def prepared(self, batch: ItemBatch) -> ItemBatch:
        """The same batch, to be stored by this store with less work.

        Of what comes back only `class_id` may be replaced. Asks the database nothing.
        """
        ...
