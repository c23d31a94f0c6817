"""Allied: independent organisations run a security alliance as software.

Importing this package does nothing but name its version. What is where:

    errors       the tree of refusals
    record       canonical bytes, signing, per-issuer history
    agreement    what an agreement says, and what follows from it
    exchange     who may see which item
    response     incidents, obligations, mutual aid
    node         the use cases, over ports
    wire         what nodes say to each other
    adapters     databases, networks, clocks, key stores
    entrypoints  command line, web and machine interfaces
    bootstrap    where the last two meet
    story        what the demonstration tells
"""

__version__ = "0.1.0.dev0"
