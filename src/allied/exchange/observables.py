"""What a cyber-observable of each STIX 2.1 type has to look like.

See `schemas` for the rules; this is the part of it on what was seen rather than known.

Source: STIX 2.1, section 6.
"""

from __future__ import annotations

from allied.exchange.schema_notation import (
    BASE64,
    HASHES,
    HEX,
    LANGUAGE,
    MIME,
    TEXT,
    TIME,
    YES_NO,
    Schema,
    count,
    listed,
    loose_ref,
    one_of,
    record,
    some,
)

_FILE_TIMES: dict[str, Schema] = {"ctime": TIME, "mtime": TIME, "atime": TIME}
_ADDRESSES = loose_ref("ipv4-addr", "ipv6-addr", "mac-addr", "domain-name")
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
