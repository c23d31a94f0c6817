"""Bodies that say who is in a circle, and whose key acts for whom: read, and held to their form.

Where such a record takes effect is for `agreement.judging`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from allied.errors import MalformedError, RefusedError
from allied.record import circle as circles
from allied.record.ids import PersonId, person_id
from allied.record.keys import PublicKey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from allied.agreement.genesis import Instrument
    from allied.record.canonical import Json
    from allied.record.circle import Circle
    from allied.record.record import Record


def read_opening(instrument: Instrument, record: Record) -> Circle:
    """Read the circle that a `circle.open` record opens, for parties of the agreement.

    Raises:
        MalformedError: `circle.shape`, or what the ids refuse.
        RefusedError: `effect.wrong-circle`, it is a standing one, of another agreement or
            version, or has a stranger in it.
    """
    opening = circles.read(record.body.get("circle"))
    everybody = instrument.circles.all
    if (
        opening.standing
        or opening.version != everybody.version
        or not circles.covers(everybody, opening)
    ):
        raise RefusedError("effect.wrong-circle", "such a circle cannot be opened here")
    return opening


def read_listing(body: Mapping[str, Json]) -> tuple[PersonId, PublicKey, bool]:
    """Read the body of `identity.person`: pseudonym, key, and whether the listing ends.

    Raises:
        MalformedError: `identity.person-shape`, or what the key and the id refuse.
    """
    if set(body) - {"person", "alg", "key", "ends"}:
        raise _malformed_listing()
    key = PublicKey.from_json({"alg": body.get("alg"), "key": body.get("key")})
    return person_id(body.get("person")), key, body.get("ends") is True


def _malformed_listing() -> MalformedError:
    return MalformedError(
        "identity.person-shape", "a listing has a pseudonym, an algorithm and a key"
    )
