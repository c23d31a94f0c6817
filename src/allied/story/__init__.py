"""What the demonstration tells: the intelligence that is shared, and the attack that follows.

Two files lie beside this module and are read as package resources.

    intel.json      a STIX 2.1 bundle in the name of River Bank plc about a real campaign, the
                    NotPetya outbreak of June 2017
    incident.yaml   an `incident/1` file: a wiper in a terminal of Harbour Logistics SA

Values of indicators are published facts about 2017, descriptions are ours; none is a place to
connect to. River Bank, Harbour and what happens to them are invented. Both files hold fixed
times. Whoever plays the story on a node puts its own instants into the incident, which lies
before any agreement signed there; `known_at` and `occurred_at` each stand on a line of their own.
"""
