"""What an object of each STIX 2.1 type has to look like, as JSON Schemas of our own.

They state what the standard demands (MUST), not what it recommends: open vocabularies are
open, custom types and properties pass. What no schema can say well (times in order, days
that exist, patterns) is in `validity`; here are properties, their JSON types, spellings,
closed vocabularies and which of them are required. Observables are in `observables`.

Rules that hold everywhere here. References on which handling depends (ends of links,
markings) are exact; those inside observables, and the type of a creator, are read as
leniently as the reference validator reads them, because what is already out there has
them wrong. Registers of others (character sets, languages, countries) are not carried.

Source: STIX 2.1, sections 3, 4, 5 and 7.
"""

from __future__ import annotations

from allied.exchange.schema_notation import (
    HASHES,
    KEY,
    LANGUAGE,
    NAME,
    TEXT,
    TIME,
    UUID,
    YES_NO,
    Schema,
    count,
    listed,
    mapped,
    one_of,
    record,
    ref,
    some,
)
from allied.exchange.stix import OBSERVABLES

_EXTERNAL: Schema = record(
    {
        "source_name!": TEXT,
        "description": TEXT,
        "url": TEXT,
        "hashes": HASHES,
        "external_id": TEXT,
    },
    **some("description", "url", "external_id"),
    allOf=[
        {
            "if": {"properties": {"source_name": {"const": source}}, "required": ["external_id"]},
            "then": {"properties": {"external_id": {"type": "string", "pattern": spelling}}},
        }
        for source, spelling in (
            ("cve", "^CVE-[0-9]{4}-(0[0-9]{3}|[1-9][0-9]{3,})$"),
            ("capec", "^CAPEC-[0-9]+$"),
        )
    ],
)

_SELECTOR: Schema = {
    "type": "string",
    "pattern": r"^([a-z0-9_]{3,250}|id)(\.(\[[0-9]+\]|[a-zA-Z0-9_-]{1,250}))*$",
}

_EXTENSIONS: Schema = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {
        "pattern": f"^(extension-definition--{UUID}|[a-z0-9][a-z0-9-]{{0,245}}-ext)$"
    },
    "additionalProperties": {"type": "object", "minProperties": 1},
    "patternProperties": {
        "^extension-definition--": record(
            {
                "extension_type": one_of(
                    "new-sdo",
                    "new-sco",
                    "new-sro",
                    "property-extension",
                    "toplevel-property-extension",
                )
            }
        )
    },
}

COMMON: dict[str, Schema] = {
    "type!": {"type": "string", "pattern": f"^{NAME}$"},
    "id!": ref(),
    "spec_version": {"const": "2.1"},
    "created_by_ref": ref(),
    "created": TIME,
    "modified": TIME,
    "revoked": YES_NO,
    "labels": listed(TEXT),
    "confidence": count(0, 100),
    "lang": LANGUAGE,
    "external_references": listed(_EXTERNAL),
    "object_marking_refs": listed(ref("marking-definition")),
    "granular_markings": listed(
        record(
            {
                "selectors!": listed(_SELECTOR),
                "marking_ref": ref("marking-definition"),
                "lang": LANGUAGE,
            },
            oneOf=[{"required": ["marking_ref"]}, {"required": ["lang"]}],
        )
    ),
    "extensions": _EXTENSIONS,
}

_KILL_CHAIN = listed(record({"kill_chain_name!": TEXT, "phase_name!": TEXT}))
_NAMED: dict[str, Schema] = {"name!": TEXT, "description": TEXT}
_ALIASED: dict[str, Schema] = {**_NAMED, "aliases": listed(TEXT)}
_SEEN: dict[str, Schema] = {"first_seen": TIME, "last_seen": TIME}
_ACTOR: dict[str, Schema] = {
    **_ALIASED,
    **_SEEN,
    "goals": listed(TEXT),
    "resource_level": TEXT,
    "primary_motivation": TEXT,
    "secondary_motivations": listed(TEXT),
}
_UNLINKED = "relationship|sighting|bundle|marking-definition|extension-definition|language-content"
_LINKED: Schema = {**ref(), "not": {"pattern": f"^({_UNLINKED})--"}}
_SIGHTED = "|".join((*sorted(OBSERVABLES), _UNLINKED))

OBJECTS: dict[str, Schema] = {
    "attack-pattern": record(_ALIASED | {"kill_chain_phases": _KILL_CHAIN}),
    "campaign": record(_ALIASED | _SEEN | {"objective": TEXT}),
    "course-of-action": record(_NAMED),
    "grouping": record(
        {"name": TEXT, "description": TEXT, "context!": TEXT, "object_refs!": listed(ref())}
    ),
    "identity": record(
        _NAMED
        | {
            "roles": listed(TEXT),
            "identity_class": TEXT,
            "sectors": listed(TEXT),
            "contact_information": TEXT,
        }
    ),
    "incident": record(_NAMED),
    "indicator": record(
        {
            "name": TEXT,
            "description": TEXT,
            "indicator_types": listed(TEXT),
            "pattern!": TEXT,
            "pattern_type!": TEXT,
            "pattern_version": TEXT,
            "valid_from!": TIME,
            "valid_until": TIME,
            "kill_chain_phases": _KILL_CHAIN,
        }
    ),
    "infrastructure": record(
        _ALIASED | _SEEN | {"infrastructure_types": listed(TEXT), "kill_chain_phases": _KILL_CHAIN}
    ),
    "intrusion-set": record(_ACTOR),
    "location": record(
        {
            "name": TEXT,
            "description": TEXT,
            "latitude": {"type": "number", "minimum": -90, "maximum": 90},
            "longitude": {"type": "number", "minimum": -180, "maximum": 180},
            "precision": {"type": "number", "minimum": 0},
            "region": TEXT,
            "country": TEXT,
            "administrative_area": TEXT,
            "city": TEXT,
            "street_address": TEXT,
            "postal_code": TEXT,
        },
        **some("region", "country", "latitude"),
        dependentRequired={
            "latitude": ["longitude"],
            "longitude": ["latitude"],
            "precision": ["latitude", "longitude"],
        },
    ),
    "malware": record(
        _SEEN
        | {
            "name": TEXT,
            "description": TEXT,
            "malware_types": listed(TEXT),
            "is_family!": YES_NO,
            "aliases": listed(TEXT),
            "kill_chain_phases": _KILL_CHAIN,
            "operating_system_refs": listed(ref("software")),
            "architecture_execution_envs": listed(TEXT),
            "implementation_languages": listed(TEXT),
            "capabilities": listed(TEXT),
            "sample_refs": listed(ref("artifact", "file")),
        },
        anyOf=[{"required": ["name"]}, {"properties": {"is_family": {"const": False}}}],
    ),
    "malware-analysis": record(
        {
            "product!": TEXT,
            "version": TEXT,
            "host_vm_ref": ref("software"),
            "operating_system_ref": ref("software"),
            "installed_software_refs": listed(ref("software")),
            "configuration_version": TEXT,
            "modules": listed(TEXT),
            "analysis_engine_version": TEXT,
            "analysis_definition_version": TEXT,
            "submitted": TIME,
            "analysis_started": TIME,
            "analysis_ended": TIME,
            "result_name": TEXT,
            "result": TEXT,
            "analysis_sco_refs": listed(ref()),
            "sample_ref": ref("artifact", "file", "network-traffic", "url"),
        },
        **some("result", "analysis_sco_refs"),
    ),
    "note": record(
        {
            "abstract": TEXT,
            "content!": TEXT,
            "authors": listed(TEXT),
            "object_refs!": listed(ref()),
        }
    ),
    "observed-data": record(
        {
            "first_observed!": TIME,
            "last_observed!": TIME,
            "number_observed!": count(1, 999_999_999),
            "objects": {"type": "object", "minProperties": 1},
            "object_refs": listed(ref(*sorted(OBSERVABLES), "relationship", "x-[a-z0-9-]+")),
        },
        oneOf=[{"required": ["objects"]}, {"required": ["object_refs"]}],
    ),
    "opinion": record(
        {
            "explanation": TEXT,
            "authors": listed(TEXT),
            "opinion!": one_of(
                "strongly-disagree", "disagree", "neutral", "agree", "strongly-agree"
            ),
            "object_refs!": listed(ref()),
        }
    ),
    "report": record(
        _NAMED | {"report_types": listed(TEXT), "published!": TIME, "object_refs!": listed(ref())}
    ),
    "threat-actor": record(
        _ACTOR
        | {
            "threat_actor_types": listed(TEXT),
            "roles": listed(TEXT),
            "sophistication": TEXT,
            "personal_motivations": listed(TEXT),
        }
    ),
    "tool": record(
        _ALIASED
        | {"tool_types": listed(TEXT), "kill_chain_phases": _KILL_CHAIN, "tool_version": TEXT}
    ),
    "vulnerability": record(_NAMED),
    "relationship": record(
        {
            "relationship_type!": {"type": "string", "pattern": "^[a-z0-9-]+$"},
            "description": TEXT,
            "source_ref!": _LINKED,
            "target_ref!": _LINKED,
            "start_time": TIME,
            "stop_time": TIME,
        }
    ),
    "sighting": record(
        _SEEN
        | {
            "description": TEXT,
            "count": count(0, 999_999_999),
            "sighting_of_ref!": {**ref(), "not": {"pattern": f"^({_SIGHTED})--"}},
            "observed_data_refs": listed(ref("observed-data")),
            "where_sighted_refs": listed(ref("identity", "location")),
            "summary": YES_NO,
        }
    ),
    "language-content": record(
        {
            "object_ref!": ref(),
            "object_modified": TIME,
            "contents!": mapped("^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$", mapped(KEY, {})),
        }
    ),
}

META: dict[str, Schema] = {
    "marking-definition": record(
        {
            "name": TEXT,
            "definition_type": TEXT,
            "definition": {"type": "object", "minProperties": 1},
            "created!": TIME,
            "spec_version!": {"const": "2.1"},
        },
        anyOf=[{"required": ["definition_type", "definition"]}, {"required": ["extensions"]}],
        dependentRequired={"definition": ["definition_type"], "definition_type": ["definition"]},
        allOf=[
            {"not": {"required": ["modified"]}},
            {
                "if": {
                    "properties": {"definition_type": {"const": "tlp"}},
                    "required": ["definition_type"],
                },
                "then": {
                    "properties": {
                        "definition": record(
                            {"tlp!": one_of("white", "green", "amber", "red")}, maxProperties=1
                        )
                    }
                },
            },
            {
                "if": {
                    "properties": {"definition_type": {"const": "statement"}},
                    "required": ["definition_type"],
                },
                "then": {"properties": {"definition": record({"statement!": TEXT})}},
            },
        ],
    ),
    "extension-definition": record(
        {
            "name!": TEXT,
            "description": TEXT,
            "schema!": TEXT,
            "version!": {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+"},
            "extension_types!": listed(
                one_of(
                    "new-sdo",
                    "new-sco",
                    "new-sro",
                    "property-extension",
                    "toplevel-property-extension",
                )
            ),
            "extension_properties": listed({"type": "string", "pattern": "^[a-z0-9_]{3,250}$"}),
            "created_by_ref!": ref("identity"),
            "created!": TIME,
            "modified!": TIME,
            "spec_version!": {"const": "2.1"},
        }
    ),
}

DATED = ("spec_version", "created", "modified")
"""What every object but observables, markings and extension definitions needs."""

NAMED = "[a-z0-9_]{3,250}|id"
NAMES = {"propertyNames": {"pattern": f"^({NAMED})$"}}
"""How a property of an object may be named."""
