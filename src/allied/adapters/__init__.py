"""Where the ports meet the world: databases, networks, clocks, key stores.

Each module implements one port of `allied.node.ports` and contains no rule of the domain.
A library's error leaves an adapter as one of `allied.errors`.
"""
