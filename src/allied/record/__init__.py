"""What an organisation said, in bytes that stand up afterwards.

Canonical bytes, keys, envelopes, identity chains, records, circles, and the history that
a set of records adds up to. Everything here is pure: time, keys, salts and nonces are
arguments; nothing is read, sent, stored or drawn at random. What a record *means* is not
decided here but in `agreement`.

    ids         the kinds of identifiers and their spelling
    canonical   one spelling for every JSON value, read within bounds
    keys        public and private keys, signing, verifying
    envelope    payload, signatures of organisations, assertions of people
    merkle      trees over salted leaves
    identity    the chain of descriptors that says which keys an organisation has
    circle      who may see what, and which records may cite which
    kinds       the closed table of record kinds, by rules
    record      one record: header, body, reading and writing
    history     what a set of records adds up to: order, heads, what is missing, forks
    fork        the proof that an organisation signed one number twice
    blob        content that can be erased without breaking what cites it
    redaction   that it is to be erased, and who has done so
"""
