"""Questions to other nodes over HTTP, signed; answers believed only when signed.

One question is one POST (`allied.wire`) through the one way out (`allied.adapters.outgoing`).
What is asked and what an answer means are for the use cases.

Words used here:
    sealed      a question that nobody on the way can read, nor its answer (`allied.wire.sealed`)
    offset      seconds by which a peer's clock is ahead of ours, as it told us itself, signed;
                remembered in memory only, and used for nothing but that peer's questions

Rules. An answer counts if one of the listener's transport keys signed it for this speaker
and this very question; anything else is UnverifiedError, or UnreachableError where nothing
claims to be signed. A question that was refused for its time is asked once more by the
peer's clock. One that got no answer on a connection is asked once more on another, under a
new nonce: questions change nothing at the other side, so asking twice is harmless. No TLS key
is pinned, for certificates come and go, and TLS often ends before the node; so every question
over https is sealed, and an answer in clear to it is refused. In clear goes what goes over plain
http, which does not leave this machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

from allied.adapters import hpke
from allied.adapters.outgoing import Call, Origin, Outgoing, Reply, origin
from allied.errors import (
    AlliedError,
    MalformedError,
    RefusedError,
    UnreachableError,
    UnverifiedError,
    UsageError,
)
from allied.node.ports import Chance, Clock, Introduction, Listener, Speaker
from allied.record.ids import OrganisationId
from allied.record.keys import X25519, PrivateKey
from allied.wire import paths
from allied.wire.messages import WRONG_TIME, Refusal, decode_identities
from allied.wire.sealed import OTHER_KEY, OVERHEAD, Bound, SealedQuestion
from allied.wire.signatures import (
    METHOD,
    NONCE_BYTES,
    SignedAnswer,
    is_signed,
    read_answer,
    sign_request,
)

SECONDS: Final = 30.0
"""How long one question may take, answer included."""

_SEED: Final = 32

VALID_SECONDS: Final = 120
"""How long a question is valid; longer than it may take, shorter than the other side allows."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A verified answer."""

    status: int
    body: bytes


class HttpPeers:
    """`ports.Peers` over HTTP; may be used from many threads at once.

    Args:
        seconds: how long one try may take.
    """

    def __init__(
        self, outgoing: Outgoing, clock: Clock, chance: Chance, *, seconds: float = SECONDS
    ) -> None:
        self._outgoing = outgoing
        self._clock = clock
        self._chance = chance
        self._seconds = seconds
        self._offsets: dict[OrganisationId, float] = {}

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._outgoing.close()

    def introduce(self, url: str, *, allowed_private: bool) -> Sequence[Introduction]:
        """Whom the node at `url` says it hosts; each identity still has to prove itself.

        Raises:
            UsageError: `peer.bad-url`.
            UnreachableError, UnverifiedError: see `ask`.
        """
        reply = self._send(
            Call(
                method="GET",
                origin=_origin(url),
                target=paths.path(paths.IDENTITIES),
                headers=(),
                body=b"",
                limit=paths.MAX_IDENTITIES,
                seconds=self._seconds,
                allowed_private=allowed_private,
            )
        )
        _require_direct(reply)
        if reply.status != 200:
            raise _garbage(reply)
        try:
            chains = decode_identities(reply.body)
        except MalformedError as error:
            raise _garbage(reply) from error
        return [Introduction(chain) for chain in chains]

    def ask(
        self, speaker: Speaker, listener: Listener, path: str, body: bytes, *, limit: int
    ) -> bytes:
        """Ask `listener` the question `path` (a verb of `allied.node.messages`).

        Raises:
            UnreachableError: `peer.bad-url`, `peer.private-address`, `peer.plain-http`,
                `peer.unknown-host`, `peer.refused-connection`, `peer.disconnected`,
                `peer.timeout`, `peer.garbage`, `peer.too-large`, `peer.redirect`,
                `peer.not-found` (it does not know us, or what we ask for), `peer.clock`,
                `peer.says` (trouble of its own; `facts["code"]`).
            UnverifiedError: `peer.certificate`, `peer.bad-signature`,
                `peer.wrong-answerer`, `peer.replayed`; `peer.sealing-key`, it has not the key
                that we sealed to; `peer.weak-key`, `peer.answer-in-clear`,
                `peer.answer-sealed-otherwise`.
            RefusedError: `peer.says`; `facts["code"]` is what it gave as the reason.

        Cost: one request; at most three, if the connection was stale and the clocks differ.
        """
        try:
            target = _origin(listener.url)
        except UsageError as error:
            raise UnreachableError(error.code, error.message, hint=error.hint) from error
        answer = self._attempt(speaker, listener, target, path, body, limit)
        if answer.status != 200:
            refusal = _refusal(answer)
            if refusal.code == WRONG_TIME and refusal.time is not None:
                now = self._clock.now().timestamp()
                self._offsets[listener.organisation] = refusal.time / 1000 - now
                answer = self._attempt(speaker, listener, target, path, body, limit)
        if answer.status != 200:
            _raise(answer.status, _refusal(answer))
        if len(answer.body) > limit:
            raise UnreachableError(
                "peer.too-large", f"it answered more than {limit} bytes", facts={"limit": limit}
            )
        return answer.body

    def _attempt(
        self,
        speaker: Speaker,
        listener: Listener,
        target: Origin,
        path: str,
        body: bytes,
        limit: int,
    ) -> _Answer:
        """One signed question and its verified answer, over a second connection if need be."""
        try:
            return self._once(speaker, listener, target, path, body, limit)
        except UnreachableError as error:
            if error.code != "peer.disconnected":
                raise
        return self._once(speaker, listener, target, path, body, limit)

    def _once(
        self,
        speaker: Speaker,
        listener: Listener,
        target: Origin,
        path: str,
        body: bytes,
        limit: int,
    ) -> _Answer:
        nonce = self._chance.token(NONCE_BYTES).hex()
        offset = self._offsets.get(listener.organisation, 0.0)
        created = math.floor(self._clock.now().timestamp() + offset)
        bound = Bound(speaker.organisation, listener.organisation, paths.path(path), nonce)
        reply_key: PrivateKey | None = None
        if target.scheme == "https":
            reply_key = PrivateKey.from_seed(X25519, self._chance.token(_SEED))
            body = _sealed(bound, listener, reply_key, body)
        signed = sign_request(
            speaker.signer,
            paths.path(path),
            body,
            caller=speaker.organisation,
            addressee=listener.organisation,
            nonce=nonce,
            created=created,
            expires=created + VALID_SECONDS,
            sealed=reply_key is not None,
        )
        reply = self._send(
            Call(
                method=METHOD,
                origin=target,
                target=paths.path(path),
                headers=[("content-type", "application/octet-stream"), *signed],
                body=body,
                limit=max(limit, paths.MAX_ERROR) + OVERHEAD,
                seconds=self._seconds,
                allowed_private=listener.allowed_private,
            )
        )
        return _verified(reply, speaker, listener, bound, reply_key)

    def _send(self, call: Call) -> Reply:
        try:
            return self._outgoing.send(call)
        except (UnreachableError, UnverifiedError) as error:
            raise _mapped(error) from error


def _sealed(bound: Bound, listener: Listener, reply: PrivateKey, body: bytes) -> bytes:
    """The body of a question that the listener alone can read."""
    to, raw = listener.sealing, reply.public.raw
    try:
        sealed = hpke.seal(to, body, bound.question(raw))
    except UsageError as weak:
        raise UnverifiedError(
            "peer.weak-key", "its identity names a sealing key that hides nothing"
        ) from weak
    return SealedQuestion(to.key_id, raw, sealed).encode()


def _verified(
    reply: Reply, speaker: Speaker, listener: Listener, bound: Bound, reply_key: PrivateKey | None
) -> _Answer:
    """What the listener answered to a question, opened with the key made for it if it was sealed.

    What is refused before a question is opened comes in clear: it is a code, and signed.
    """
    _require_direct(reply)
    if not is_signed(reply.headers):
        if reply.status == 404:
            raise UnreachableError(
                "peer.not-found",
                "it does not know us, or not what we asked for",
                hint="the other side has to add and confirm this organisation, too",
            )
        raise _garbage(reply)
    try:
        signed = read_answer(reply.headers, reply.status)
    except MalformedError as error:
        raise _bad_signature() from error
    _require_for_us(signed, speaker, listener, bound.nonce)
    if not signed.carries(reply.body):
        raise _bad_signature()
    if not signed.sealed:
        if reply_key is not None and reply.status == 200:
            raise UnverifiedError(
                "peer.answer-in-clear",
                "it answered so that everybody on the way could read it",
                hint="its program is not one that we can speak with",
            )
        return _Answer(reply.status, reply.body)
    body = None
    if reply_key is not None:
        body = hpke.unseal(reply_key, reply.body, bound.answer(reply.status))
    if body is None:
        raise UnverifiedError("peer.answer-sealed-otherwise", "its answer is not sealed to us")
    return _Answer(reply.status, body)


def _require_for_us(signed: SignedAnswer, speaker: Speaker, listener: Listener, nonce: str) -> None:
    """Return if the listener signed this, for the speaker and for this question."""
    if signed.sender != listener.organisation:
        raise UnverifiedError(
            "peer.wrong-answerer",
            "another organisation answered than the one that was asked",
            hint="its address may have changed hands; ask its people",
        )
    if not signed.holds(listener.keys):
        raise _bad_signature()
    if signed.recipient != speaker.organisation:
        raise UnverifiedError("peer.wrong-answerer", "the answer is for another organisation")
    if signed.nonce != nonce:
        raise UnverifiedError("peer.replayed", "the answer belongs to another question")


def _refusal(answer: _Answer) -> Refusal:
    try:
        return Refusal.decode(answer.body)
    except MalformedError as error:
        raise UnreachableError("peer.garbage", "it refused in a way nobody can read") from error


def _raise(status: int, refusal: Refusal) -> NoReturn:
    if refusal.code == WRONG_TIME:
        raise UnreachableError("peer.clock", "it refuses the time that it told us itself")
    if refusal.code == OTHER_KEY:
        raise UnverifiedError("peer.sealing-key", "it does not have the key that we sealed to")
    facts = {"code": refusal.code}
    if status == 429 or status >= 500:
        raise UnreachableError("peer.says", "it cannot answer now", facts=facts)
    raise RefusedError("peer.says", "it refused the question", facts=facts)


def _require_direct(reply: Reply) -> None:
    if 300 <= reply.status < 400:
        raise UnreachableError(
            "peer.redirect",
            "it sends us to another address, and we do not follow",
            hint="add the peer with the address where it really is",
        )


def _origin(url: str) -> Origin:
    try:
        return origin(url)
    except UsageError as error:
        raise UsageError("peer.bad-url", error.message, hint=error.hint) from error


def _mapped(error: AlliedError) -> AlliedError:
    """A failure of the connection as one of this peer."""
    code = f"peer.{error.code.rpartition('.')[2]}"
    return type(error)(code, error.message, hint=error.hint, facts=error.facts)


def _garbage(reply: Reply) -> UnreachableError:
    return UnreachableError(
        "peer.garbage",
        "what answers there does not speak as a node does",
        facts={"status": reply.status},
    )


def _bad_signature() -> UnverifiedError:
    return UnverifiedError(
        "peer.bad-signature",
        "the answer is not signed by the organisation that was asked",
        hint="somebody on the way changed it, or its keys are not the ones known here",
    )
