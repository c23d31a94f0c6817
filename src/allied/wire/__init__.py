"""The form of a connection between nodes: paths, limits, signatures over HTTP; no I/O."""
