"""What an object of each STIX 2.1 type has to look like, as JSON Schemas of our own.

They state what the standard demands (MUST), not what it recommends: open vocabularies are
open, custom types and properties pass. What no schema can say well (times in order, days
that exist, patterns) is in `validity`; here are properties, their JSON types, spellings,
closed vocabularies and which of them are required.

The notation below is compact: a table of properties per type, where a trailing `!` on a
name makes it required. Everything not named is custom and only has to be named well.

Rules that hold everywhere here. No expression needs look-around or back-references, so
that matching is linear in the length of a text. Lists and dictionaries are never empty.
References on which handling depends (ends of links, markings) are exact; those inside
observables, and the type of a creator, are read as leniently as the reference validator
reads them, because what is already out there has them wrong.

Source: STIX 2.1, sections 2, 3, 4 to 7; RFC 4122 for ids.
"""

from __future__ import annotations

from typing import Any

from allied.exchange.stix import OBSERVABLES

Schema = dict[str, Any]

UUID = "[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}"
NAME = "[a-z0-9][a-z0-9-]{1,248}[a-z0-9]"

TEXT: Schema = {"type": "string"}
YES_NO: Schema = {"type": "boolean"}
NUMBER: Schema = {"type": "number"}
TIME: Schema = {
    "type": "string",
    "pattern": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\.[0-9]{1,32})?Z$",
}
HEX: Schema = {"type": "string", "pattern": "^([0-9a-fA-F]{2})+$"}
BASE64: Schema = {"type": "string", "pattern": "^[A-Za-z0-9+/]*={0,2}$"}
MIME: Schema = {
    "type": "string",
    "pattern": r"^(application|audio|chemical|font|image|message|model|multipart|text|video)/"
    r"[a-zA-Z0-9.+_-]+(;.*)?$",
}
LANGUAGE: Schema = {"type": "string", "pattern": "^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$"}
KEY = "^[a-zA-Z0-9_-]{1,250}$"


def count(least: int | None = None, most: int | None = None) -> Schema:
    """An integer within bounds, both included."""
    schema: Schema = {"type": "integer"}
    if least is not None:
        schema["minimum"] = least
    if most is not None:
        schema["maximum"] = most
    return schema


def listed(of: Schema) -> Schema:
    """A list that is not empty."""
    return {"type": "array", "minItems": 1, "items": of}


def one_of(*values: str) -> Schema:
    """A closed vocabulary."""
    return {"enum": list(values)}


def ref(*types: str) -> Schema:
    """An id of one of these types, or of any."""
    names = "|".join(types) or NAME
    return {"type": "string", "pattern": f"^({names})--{UUID}$"}


def loose_ref(*types: str) -> Schema:
    """An id of one of these types, however its UUID is written: observables' references."""
    names = "|".join(types) or NAME
    return {"type": "string", "pattern": f"^({names})--[0-9a-fA-F-]{{1,64}}$"}


def record(properties: dict[str, Schema], **more: Any) -> Schema:
    """An object with these properties; a `!` behind a name makes it required."""
    required = [name[:-1] for name in properties if name.endswith("!")]
    schema: Schema = {
        "type": "object",
        "properties": {name.rstrip("!"): each for name, each in properties.items()},
    }
    if required:
        schema["required"] = required
    return schema | more


def mapped(names: str, to: Schema) -> Schema:
    """A dictionary that is not empty, with names of one spelling."""
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": names},
        "additionalProperties": to,
    }


def hexes(length: int) -> Schema:
    """A digest written as this many hex digits."""
    return {"type": "string", "pattern": f"^[0-9a-fA-F]{{{length}}}$"}


def some(*names: str) -> Schema:
    """At least one of these properties is there."""
    return {"anyOf": [{"required": [name]} for name in names]}


HASHES: Schema = {
    "type": "object",
    "minProperties": 1,
    "propertyNames": {"pattern": "^[a-zA-Z0-9_-]{3,250}$"},
    "properties": {
        "MD5": hexes(32),
        "SHA-1": hexes(40),
        "SHA-256": hexes(64),
        "SHA-512": hexes(128),
        "SHA3-256": hexes(64),
        "SHA3-512": hexes(128),
        "TLSH": {"type": "string", "pattern": "^(T1)?[0-9a-fA-F]{70}$"},
    },
    "additionalProperties": TEXT,
}

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
_LINKED: Schema = {**loose_ref(), "not": {"pattern": f"^({_UNLINKED})--"}}
_SIGHTED = "|".join((*sorted(OBSERVABLES), _UNLINKED))
_FILE_TIMES: dict[str, Schema] = {"ctime": TIME, "mtime": TIME, "atime": TIME}
_ADDRESSES = loose_ref("ipv4-addr", "ipv6-addr", "mac-addr", "domain-name")

OBJECTS: dict[str, Schema] = {
    "attack-pattern": record(_ALIASED | {"kill_chain_phases": _KILL_CHAIN}),
    "campaign": record(_ALIASED | _SEEN | {"objective": TEXT}),
    "course-of-action": record(_NAMED),
    "grouping": record(
        {"name": TEXT, "description": TEXT, "context!": TEXT, "object_refs!": listed(loose_ref())}
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
            "operating_system_refs": listed(loose_ref("software")),
            "architecture_execution_envs": listed(TEXT),
            "implementation_languages": listed(TEXT),
            "capabilities": listed(TEXT),
            "sample_refs": listed(loose_ref("artifact", "file")),
        },
        anyOf=[{"required": ["name"]}, {"properties": {"is_family": {"const": False}}}],
    ),
    "malware-analysis": record(
        {
            "product!": TEXT,
            "version": TEXT,
            "host_vm_ref": loose_ref("software"),
            "operating_system_ref": loose_ref("software"),
            "installed_software_refs": listed(loose_ref("software")),
            "configuration_version": TEXT,
            "modules": listed(TEXT),
            "analysis_engine_version": TEXT,
            "analysis_definition_version": TEXT,
            "submitted": TIME,
            "analysis_started": TIME,
            "analysis_ended": TIME,
            "result_name": TEXT,
            "result": TEXT,
            "analysis_sco_refs": listed(loose_ref()),
            "sample_ref": loose_ref("artifact", "file", "network-traffic", "url"),
        },
        **some("result", "analysis_sco_refs"),
    ),
    "note": record(
        {
            "abstract": TEXT,
            "content!": TEXT,
            "authors": listed(TEXT),
            "object_refs!": listed(loose_ref()),
        }
    ),
    "observed-data": record(
        {
            "first_observed!": TIME,
            "last_observed!": TIME,
            "number_observed!": count(1, 999_999_999),
            "objects": {"type": "object", "minProperties": 1},
            "object_refs": listed(loose_ref(*sorted(OBSERVABLES), "relationship", "x-[a-z0-9-]+")),
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
            "object_refs!": listed(loose_ref()),
        }
    ),
    "report": record(
        _NAMED
        | {"report_types": listed(TEXT), "published!": TIME, "object_refs!": listed(loose_ref())}
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
            "sighting_of_ref!": {**loose_ref(), "not": {"pattern": f"^({_SIGHTED})--"}},
            "observed_data_refs": listed(loose_ref("observed-data")),
            "where_sighted_refs": listed(loose_ref("identity", "location")),
            "summary": YES_NO,
        }
    ),
    "language-content": record(
        {
            "object_ref!": loose_ref(),
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
            "created_by_ref!": loose_ref("identity"),
            "created!": TIME,
            "modified!": TIME,
            "spec_version!": {"const": "2.1"},
        }
    ),
}

_PROCESS = (
    "is_hidden", "pid", "created_time", "cwd", "command_line", "environment_variables",
    "opened_connection_refs", "creator_user_ref", "image_ref", "parent_ref", "child_refs",
    "extensions",
)  # fmt: skip
_USER = (
    "user_id", "credential", "account_login", "account_type", "display_name",
    "is_service_account", "is_privileged", "can_escalate_privs", "is_disabled",
    "account_created", "account_expires", "credential_last_changed", "account_first_login",
    "account_last_login", "extensions",
)  # fmt: skip
_CERTIFICATE = (
    "is_self_signed", "hashes", "version", "serial_number", "signature_algorithm", "issuer",
    "validity_not_before", "validity_not_after", "subject", "subject_public_key_algorithm",
    "subject_public_key_modulus", "subject_public_key_exponent", "x509_v3_extensions",
)  # fmt: skip
_ABBREVIATED_HIVES = "HKLM|HKCC|HKCR|HKCU|HKU|hklm|hkcc|hkcr|hkcu|hku"

SEEN: dict[str, Schema] = {
    "artifact": record(
        {
            "mime_type": MIME,
            "payload_bin": BASE64,
            "url": {"type": "string", "pattern": "^[a-zA-Z][a-zA-Z0-9+.-]*:[^\\s]+$"},
            "hashes": HASHES,
            "encryption_algorithm": one_of(
                "AES-256-GCM", "ChaCha20-Poly1305", "mime-type-indicated"
            ),
            "decryption_key": TEXT,
        },
        oneOf=[{"required": ["payload_bin"]}, {"required": ["url"]}],
        dependentRequired={"url": ["hashes"], "decryption_key": ["encryption_algorithm"]},
    ),
    "autonomous-system": record({"number!": count(0), "name": TEXT, "rir": TEXT}),
    "directory": record(
        _FILE_TIMES
        | {
            "path!": TEXT,
            "path_enc": {"type": "string", "pattern": "^[a-zA-Z0-9/.+_:-]{2,250}$"},
            "contains_refs": listed(loose_ref("file", "directory")),
        }
    ),
    "domain-name": record(
        {
            "value!": TEXT,
            "resolves_to_refs": listed(loose_ref("ipv4-addr", "ipv6-addr", "domain-name")),
        }
    ),
    "email-addr": record(
        {
            "value!": {"type": "string", "pattern": r"^[^\s@]+@[^\s@]+$"},
            "display_name": TEXT,
            "belongs_to_ref": loose_ref("user-account"),
        }
    ),
    "email-message": record(
        {
            "is_multipart!": YES_NO,
            "date": TIME,
            "content_type": TEXT,
            "from_ref": loose_ref("email-addr"),
            "sender_ref": loose_ref("email-addr"),
            "to_refs": listed(loose_ref("email-addr")),
            "cc_refs": listed(loose_ref("email-addr")),
            "bcc_refs": listed(loose_ref("email-addr")),
            "message_id": TEXT,
            "subject": TEXT,
            "received_lines": listed(TEXT),
            "additional_header_fields": {"type": "object", "minProperties": 1},
            "body": TEXT,
            "body_multipart": listed(
                record(
                    {
                        "body": TEXT,
                        "body_raw_ref": loose_ref("artifact", "file"),
                        "content_type": TEXT,
                        "content_disposition": TEXT,
                    },
                    **some("body", "body_raw_ref"),
                )
            ),
            "raw_email_ref": loose_ref("artifact"),
        },
        anyOf=[
            {
                "properties": {"is_multipart": {"const": True}},
                "not": {"required": ["body"]},
            },
            {
                "properties": {"is_multipart": {"const": False}},
                "not": {"required": ["body_multipart"]},
            },
        ],
    ),
    "file": record(
        _FILE_TIMES
        | {
            "hashes": HASHES,
            "size": count(0),
            "name": TEXT,
            "name_enc": {"type": "string", "pattern": "^[a-zA-Z0-9/.+_:-]{2,250}$"},
            "magic_number_hex": HEX,
            "mime_type": TEXT,
            "parent_directory_ref": loose_ref("directory"),
            "contains_refs": listed(loose_ref()),
            "content_ref": loose_ref("artifact"),
        },
        **some("hashes", "name"),
    ),
    "ipv4-addr": record(
        {
            "value!": {"type": "string", "pattern": r"^[0-9.]{7,15}(/[0-9]{1,2})?$"},
            "resolves_to_refs": listed(loose_ref("mac-addr")),
            "belongs_to_refs": listed(loose_ref("autonomous-system")),
        }
    ),
    "ipv6-addr": record(
        {
            "value!": {"type": "string", "pattern": r"^[0-9a-fA-F:.]{2,45}(/[0-9]{1,3})?$"},
            "resolves_to_refs": listed(loose_ref("mac-addr")),
            "belongs_to_refs": listed(loose_ref("autonomous-system")),
        }
    ),
    "mac-addr": record({"value!": {"type": "string", "pattern": "^([0-9a-f]{2}:){5}[0-9a-f]{2}$"}}),
    "mutex": record({"name!": TEXT}),
    "network-traffic": record(
        {
            "start": TIME,
            "end": TIME,
            "is_active": YES_NO,
            "src_ref": _ADDRESSES,
            "dst_ref": _ADDRESSES,
            "src_port": count(0, 65_535),
            "dst_port": count(0, 65_535),
            "protocols!": listed(TEXT),
            "src_byte_count": count(0),
            "dst_byte_count": count(0),
            "src_packets": count(0),
            "dst_packets": count(0),
            "ipfix": {"type": "object", "minProperties": 1},
            "src_payload_ref": loose_ref("artifact"),
            "dst_payload_ref": loose_ref("artifact"),
            "encapsulates_refs": listed(loose_ref("network-traffic")),
            "encapsulated_by_ref": loose_ref("network-traffic"),
        },
        **some("src_ref", "dst_ref"),
        allOf=[
            {
                "if": {"properties": {"is_active": {"const": True}}, "required": ["is_active"]},
                "then": {"not": {"required": ["end"]}},
            }
        ],
    ),
    "process": record(
        {
            "is_hidden": YES_NO,
            "pid": count(),
            "created_time": TIME,
            "cwd": TEXT,
            "command_line": TEXT,
            "environment_variables": {"type": "object", "minProperties": 1},
            "opened_connection_refs": listed(loose_ref("network-traffic")),
            "creator_user_ref": loose_ref("user-account"),
            "image_ref": loose_ref("file"),
            "parent_ref": loose_ref("process"),
            "child_refs": listed(loose_ref("process")),
        },
        **some(*_PROCESS),
    ),
    "software": record(
        {
            "name!": TEXT,
            "cpe": {"type": "string", "pattern": "^(cpe:2\\.3:[aho*-]:.+|cpe:/.+)$"},
            "swid": TEXT,
            "languages": listed(LANGUAGE),
            "vendor": TEXT,
            "version": TEXT,
        }
    ),
    "url": record({"value!": TEXT}),
    "user-account": record(
        {
            "user_id": TEXT,
            "credential": TEXT,
            "account_login": TEXT,
            "account_type": TEXT,
            "display_name": TEXT,
            "is_service_account": YES_NO,
            "is_privileged": YES_NO,
            "can_escalate_privs": YES_NO,
            "is_disabled": YES_NO,
            "account_created": TIME,
            "account_expires": TIME,
            "credential_last_changed": TIME,
            "account_first_login": TIME,
            "account_last_login": TIME,
        },
        **some(*_USER),
    ),
    "windows-registry-key": record(
        {
            "key": {
                "type": "string",
                "not": {"pattern": f"^({_ABBREVIATED_HIVES})(\\\\|$)"},
            },
            "values": listed(
                record(
                    {"name": TEXT, "data": TEXT, "data_type": TEXT},
                    **some("name", "data", "data_type"),
                )
            ),
            "modified_time": TIME,
            "creator_user_ref": loose_ref("user-account"),
            "number_of_subkeys": count(0),
        },
        **some("key", "values", "modified_time", "creator_user_ref", "number_of_subkeys"),
    ),
    "x509-certificate": record(
        {
            "is_self_signed": YES_NO,
            "hashes": HASHES,
            "version": TEXT,
            "serial_number": TEXT,
            "signature_algorithm": TEXT,
            "issuer": TEXT,
            "validity_not_before": TIME,
            "validity_not_after": TIME,
            "subject": TEXT,
            "subject_public_key_algorithm": TEXT,
            "subject_public_key_modulus": TEXT,
            "subject_public_key_exponent": count(),
            "x509_v3_extensions": {"type": "object", "minProperties": 1},
        },
        **some(*_CERTIFICATE),
    ),
}

DATED = ("spec_version", "created", "modified")
"""What every object but observables, markings and extension definitions needs."""

NAMES = {"propertyNames": {"pattern": "^([a-z0-9_]{3,250}|id)$"}}
"""How a property of an object may be named."""
