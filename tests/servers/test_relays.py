"""Three real servers, two of which never reach each other: the third holds what they send.

What is left with the relay outlives its being killed, arrives unread and unchanged, is refused by a
full shelf, and is noticed where somebody has changed it on the relay's disk.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from allied.node import relaying
from allied.node.node import Node
from tests.cli.shell import Said
from tests.servers.grove import ALIAS, TREES, Grove
from tests.servers.lines import SHUT, Lines
from tests.servers.serving import free_port, until

FROM, TO, RELAY = TREES[:3]


class Walled:
    """A grove of three: FROM and TO know addresses of each other that nobody answers at."""

    def __init__(self, grove: Grove) -> None:
        self.grove = grove
        self.relay = grove.sites[RELAY]

    def wall_off(self) -> None:
        """From now on the two reach each other no more."""
        dead = self.grove.lines.lay([free_port()])
        self.grove.lines.weather[dead] = SHUT
        for one, other in ((FROM, TO), (TO, FROM)):
            with self.grove.sites[one].opened() as node:
                at = f"http://127.0.0.1:{dead}"
                _sql(node, "UPDATE peers SET url = ? WHERE label = ?", at, other)

    def share(self) -> set[str]:
        """Two new objects at FROM; their ids."""
        before = set(self.grove.sites[FROM].items)
        self.grove.share(FROM)
        made = self.grove.sites[FROM].items - before
        assert len(made) == 2, self.grove.story
        return made

    def leave(self) -> Said:
        return self.grove.sites[FROM].verb("relay", "leave", RELAY, "-a", ALIAS, "--to", TO)

    def fetch(self) -> list[str]:
        """TO asks the relay; the problem of each parcel, empty where it held."""
        said = self.grove.sites[TO].verb("relay", "fetch", RELAY)
        assert said.status == 0, said.err + said.out
        return [str(each["problem"]) for each in said.value]

    def lies(self) -> int:
        """How many parcels the relay says it holds."""
        return len(self.relay.verb("relay", "list").value["parcels"])

    def holds(self, tree: str, wanted: set[str]) -> bool:
        site = self.grove.sites[tree]
        listed = site.verb("item", "list", "--limit", "1000")
        assert listed.status == 0, listed.err + listed.out
        return all(each in listed.out for each in wanted)

    def on_disk(self) -> bytes:
        """The bytes of the only parcel, as they lie on the relay's disk."""
        with self.relay.opened() as node, node.store.read() as reading:
            (row,) = reading.parcels()
            return reading.parcel(row.place) or b""

    def change_on_disk(self, raw: bytes) -> None:
        with self.relay.opened() as node:
            _sql(node, "UPDATE parcels SET raw = ?", raw)

    def say_that_it_is_full(self, *, full: bool) -> None:
        """Have the relay hold as much as it may, by what stands in its table."""
        size = relaying.ALL_BYTES if full else 100
        with self.relay.opened() as node:
            _sql(node, "UPDATE parcels SET size = ?", size)

    def kill_the_relay(self) -> None:
        (server,) = self.relay.servers
        assert server is not None
        server.kill()


def _sql(node: Node, statement: str, *values: object) -> None:
    engine = node.store.engine  # type: ignore[attr-defined]
    with engine.begin() as connection:
        connection.exec_driver_sql(statement, values)


@contextmanager
def walled(root: Path) -> Iterator[Walled]:
    with ExitStack() as stack:
        lines = stack.enter_context(Lines())
        grove = Grove.planted(root, lines, (FROM, TO, RELAY), {})
        stack.callback(grove.stop_all)
        try:
            grove.start_all()
            found = Walled(grove)
            first = found.share()  # while they still reach each other: they know each other afresh
            until("it arrives by itself", lambda: found.holds(TO, first))
            found.wall_off()
            assert grove.sites[RELAY].verb("relay", "open").status == 0
            yield found
        except BaseException:
            sys.stdout.write("\n".join(grove.story))
            raise


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Walled]:
    with walled(tmp_path / "grove") as found:
        yield found


def test_what_two_servers_cannot_say_to_each_other_comes_through_a_third(world: Walled) -> None:
    made = world.share()
    left = world.leave()
    assert left.status == 0, left.err + left.out
    assert not world.holds(TO, made)
    raw = world.on_disk()
    assert len(raw) == left.value["bytes"]
    assert not any(each.encode() in raw for each in made)

    # The relay is killed; what it holds is there when it is back.
    world.kill_the_relay()
    unreached = world.grove.sites[TO].verb("relay", "fetch", RELAY)
    assert unreached.status != 0
    assert unreached.code.startswith("peer."), unreached.out
    refused = world.leave()
    assert refused.status != 0
    assert refused.code.startswith("peer."), refused.out
    world.grove.start_all()
    assert world.on_disk() == raw

    # Changed on the relay's disk: noticed, nothing of it is taken in, and it can be left again.
    for changed, code in (
        (raw[:-200] + bytes([raw[-200] ^ 1]) + raw[-199:], "sealing.other-bytes"),
        (raw[: len(raw) // 2], "sealing."),
    ):
        world.change_on_disk(changed)
        (problem,) = world.fetch()
        assert problem.startswith(code), problem
        assert not world.holds(TO, made)
        assert world.lies() == 0
        assert world.leave().status == 0

    # A full shelf takes nothing more, and says so; what lies there stays.
    world.say_that_it_is_full(full=True)
    kept = world.on_disk()
    refused = world.leave()
    assert (refused.status != 0, refused.code) == (True, "relay.full")
    assert world.on_disk() == kept
    world.say_that_it_is_full(full=False)
    assert world.leave().status == 0
    assert world.fetch() == [""]
    assert world.holds(TO, made)
    assert world.lies() == 0
    for site in world.grove.sites.values():
        world.grove.look(site.tree)


@pytest.mark.soak
def test_servers_use_a_relay_by_themselves(world: Walled) -> None:
    for tree, other in ((FROM, TO), (TO, FROM)):
        verb = world.grove.sites[tree].verb
        assert verb("relay", "through", RELAY, "--for", other).status == 0
        assert verb("relay", "use", RELAY).status == 0
    made = world.share()
    until("it arrives through the relay", lambda: world.holds(TO, made), seconds=240)
