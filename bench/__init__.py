"""The figures of Allied, measured on the machine at hand: `python -m bench`.

    row         one line of the table that a measure returns
    machine     what the figures were measured on
    measures/   one module for each measure; its `measure` returns rows
    intel       a generator of STIX bundles as large as asked for
    run         programs started, timed and weighed as processes of their own

A ratio counts, an absolute time is only shown: machines differ. Nothing here is part of the
package that users install.
"""
