"""Who may see which item, and why: STIX 2.1 in, verdicts and statements out.

    bundle, stream
                chunks of bytes -> the exact bytes of each object in a bundle
    stix        the little of an object that the rules look at; which kind of intelligence it is
    schemas, observables, schema_notation
                what each STIX 2.1 type has to look like, as JSON Schema of our own
    pattern     whether an indicator's pattern is a STIX pattern
    validity    what is wrong with one object
    marking     what an object's markings ask for, taken together
    handling    everything a release decision looks at, as one small value
    channel     what a release decision is about: clauses, recipients, outcomes
    channels    how an agreement reads to policy
    policy      may this class of items go to this recipient, under which clause
    onward      may somebody who did not originate an item pass it on
    asking      to whom the originator agreed that it be passed on; silence is no
    exclusions  what is kept out because one party asked for it and the others agreed
    limits      by when, until when, on which knowledge: times and conditions of a clause
    actions     what a holder may do with an item
    topics      what an agreement forbids to talk about, as far as labels tell
    personal    which parts of an object are about people
    lineage     which items were made of which
    recall      who has to give an item up, by when, and who has said so
    anonymity   a new item in place of a submission, without its sender
    survey, intake, scratch
                a bundle in two bounded passes -> accepted and refused objects
    entries, warning_lists, feed_forms
                which values an indicator names, which are false alarms, how feeds are written
    misp, misp_values, misp_in, misp_out
                MISP events to STIX and back, and what is not carried over
    statement   the originator's signed word on what was shared and how it is to be handled

Nothing here reads a clock, a file, a network or a key store: all of these are arguments.
"""
