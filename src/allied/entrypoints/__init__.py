"""Ways into a node: command line, console, TAXII, federation.

Entrypoints translate. They check the form of what comes in, ask one use case, and turn the
answer, or the refusal, into text, JSON, a page or a status. They hold no rule of their own
and meet the adapters only through `allied.bootstrap`.
"""
