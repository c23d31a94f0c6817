"""Agreements: what a text says, who is bound by it, what its records add up to.

    text, values, scalars, shape    reading and printing by declaration
    parts, clauses, terms           the declarations: what stands in an agreement
    check, explain, diff, schema    what people and editors are told about a text
    genesis                         a text bound to identities: what is signed
    standing                        who is bound at a moment
    fold, folded                    what the records of one agreement add up to
    amended, chain                  further versions of the text, as certificates prove them
    erasing                         whose wish it is that a text be erased
    joining, outlined, leaving      what who came later, or has left, may read of records and texts

Pure: no clock, no file, no network, no randomness.
"""
