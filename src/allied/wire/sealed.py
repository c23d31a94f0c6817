"""Bodies that nobody between two nodes can read, whoever ends TLS there.

    question    key (32 bytes)  reply (32 bytes)  sealed bytes
    answer      sealed bytes

`key` is the id of the addressee's sealing key, to which the question is sealed. `reply` is an
X25519 key that the caller makes for this one question and forgets with its answer; the answer is
sealed to it. So who steals a sealing key later reads no answers, and records and items travel in
answers. Sealing itself is for others (`allied.adapters.hpke`); here is what is bound to it.

Rules. The signature is over the sealed body, and says that it is one (`allied.wire.signatures`).
What is sealed is bound to caller, addressee, path and nonce, an answer to its status, too: nobody
can sign another's bytes as its own, or hand them out as those of another question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from allied.errors import MalformedError
from allied.record.ids import KeyId, OrganisationId

_ID: Final = 32
OVERHEAD: Final = 48
"""Bytes by which sealed bytes are longer: 32 of key, 16 of tag."""

HEAD: Final = 2 * _ID + OVERHEAD
"""Bytes by which a sealed question is longer than what is asked."""

NOT_SEALED: Final = "peer.not-sealed"
"""The code of a refusal of what came in clear from elsewhere than this machine."""

OTHER_KEY: Final = "peer.sealing-key"
"""The code of a refusal of what was sealed to a key that the addressee does not have."""

OTHER_BYTES: Final = "peer.sealed-otherwise"
"""The code of a refusal of what does not open, or is no sealed question."""


@dataclass(frozen=True, slots=True)
class SealedQuestion:
    """A sealed question, not yet opened.

    Attributes:
        key: of the addressee.
        reply: raw X25519 key to which the answer is to be sealed.
    """

    key: KeyId
    reply: bytes
    sealed: bytes

    def encode(self) -> bytes:
        """The body of the request."""
        return bytes.fromhex(self.key) + self.reply + self.sealed

    @classmethod
    def decode(cls, raw: bytes) -> SealedQuestion:
        """Read what `encode` writes.

        Raises:
            MalformedError: `peer.sealed-otherwise`, it is shorter than any.
        """
        if len(raw) < HEAD:
            raise MalformedError("peer.sealed-otherwise", "that is no sealed question")
        return cls(KeyId(raw[:_ID].hex()), raw[_ID : 2 * _ID], raw[2 * _ID :])


@dataclass(frozen=True, slots=True)
class Bound:
    """What a sealed question and its answer are bound to; `nonce` names the question."""

    caller: OrganisationId
    addressee: OrganisationId
    path: str
    nonce: str

    def question(self, reply: bytes) -> bytes:
        """The context of the question."""
        return self._context("question", reply.hex())

    def answer(self, status: int) -> bytes:
        """The context of the answer."""
        return self._context("answer", str(status))

    def _context(self, which: str, more: str) -> bytes:
        parts = (which, self.caller, self.addressee, self.path, self.nonce, more)
        return "\n".join(("allied-federation-1-sealed", *parts)).encode()
