"""What an incident means under an agreement, and what became of what was owed.

    truth          yes, no, unknown
    moment         days and instants
    incident       what happened, in versions; what was known when
    incident_file  `incident/1` files, and facts in the bodies of records
    rule, reading  a clause as the evaluator reads it
    ground         who is bound on the day of the law
    matter         what one agreement knows of one incident
    scope, act_gates, gates, judgement     the gates G1 to G11 and what they add up to
    restraint, duties, conflict            what follows from the answer
    results        what an evaluation says, and its JSON
    evaluate       all of it, over a register and some incidents
    calling        who may call a clause
    statement, obligation, overdue         the life of an obligation
    fold           the records of a circle as cases
    document, report                       the record of an incident, to read

Nothing here reads a clock, a file or a network; times and facts are arguments.
"""
