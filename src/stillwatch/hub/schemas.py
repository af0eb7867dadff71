"""JSON Schemas and parameters of the OpenAPI page: TAXII's resources (TAXII 2.1, sections 3 to 5) and our own."""

from typing import Any

from stillwatch.hub.api import MAX_CORROBORATED
from stillwatch.hub.calls import TAXII
from stillwatch.hub.limits import MAX_PAGE, MAX_POST_OBJECTS
from stillwatch.hub.requests import LARGEST_NUMBER
from stillwatch.hub.taxii import STIX

Node = dict[str, Any]

_UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_STIX_ID = "^[a-z0-9][a-z0-9-]{0,249}--[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$"
_STAMP = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z$"
_ASKED_TIME = r"^20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?Z$"
_BASE64 = "^[A-Za-z0-9+/]*={0,2}$"
_EXAMPLE_ID = "indicator--6f1c3d2e-5a4b-4c3d-8e2f-1a2b3c4d5e6f"
_EXAMPLE_TIME = "2026-03-01T12:00:00.000000Z"


def reference(kind: str, name: str) -> Node:
    """A reference to one of the components."""
    return {"$ref": f"#/components/{kind}/{name}"}


def _schema(name: str) -> Node:
    return reference("schemas", name)


def _text(pattern: str | None = None, **more: Any) -> Node:
    return {"type": "string", **({"pattern": pattern} if pattern else {}), **more}


def _number(least: int = 0) -> Node:
    return {"type": "integer", "minimum": least}


def _list(items: Node, **more: Any) -> Node:
    return {"type": "array", "items": items, **more}


def _object(required: dict[str, Node], optional: dict[str, Node] | None = None) -> Node:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


_ANY_OBJECT: Node = {"type": "object"}
_PAGE = {"more": {"type": "boolean"}, "next": _text()}
_DETAILS = _list(_object({"id": _text(), "version": _text(_TIME)}, {"message": _text()}))
_PLACED = _object(
    {"id": _text(), "seq": _number(), "log_index": _number(), "salt": {"type": ["string", "null"]}}
)
_SIGNED = _object(
    {
        "payload": _text(_BASE64),
        "payloadType": _text(),
        "signatures": _list(_object({"keyid": _text(), "sig": _text(_BASE64)}), minItems=1),
    }
)
_NUMBER_OF_SIGHTINGS = {"enum": ["0", "1", "2 or more"]}

SCHEMAS: Node = {
    "Error": _object(
        {
            "title": _text(),
            "description": _text(),
            "error_id": _text(),
            "http_status": _text("^[45][0-9]{2}$"),
        },
        {"details": {"type": "object", "additionalProperties": _text()}},
    ),
    "Discovery": _object(
        {"title": _text(), "api_roots": _list(_text(format="uri"), minItems=1)},
        {"description": _text(), "contact": _text(), "default": _text(format="uri")},
    ),
    "ApiRoot": _object(
        {"title": _text(), "versions": _list({"const": TAXII}, minItems=1), "max_content_length": _number(1)},
        {"description": _text()},
    ),
    "Status": _object(
        {
            "id": _text(_UUID),
            "status": {"enum": ["complete", "pending"]},
            "total_count": _number(),
            "success_count": _number(),
            "failure_count": _number(),
            "pending_count": _number(),
        },
        {
            "request_timestamp": _text(_TIME),
            "successes": _DETAILS,
            "failures": _DETAILS,
            "pendings": _DETAILS,
            "x_stillwatch_receipts": _list(_PLACED),
        },
    ),
    "Collection": _object(
        {
            "id": _text(_UUID),
            "title": _text(),
            "can_read": {"type": "boolean"},
            "can_write": {"type": "boolean"},
        },
        {"description": _text(), "alias": _text(), "media_types": _list({"const": STIX})},
    ),
    "Collections": _object({}, {"collections": _list(_schema("Collection"), minItems=1)}),
    "Manifest": _object(
        {},
        {
            **_PAGE,
            "objects": _list(
                _object(
                    {"id": _text(_STIX_ID), "date_added": _text(_STAMP), "version": _text(_TIME)},
                    {"media_type": _text()},
                ),
                minItems=1,
                maxItems=MAX_PAGE,
            ),
        },
    ),
    "Envelope": _object({}, {**_PAGE, "objects": _list(_ANY_OBJECT, minItems=1, maxItems=MAX_PAGE)}),
    "Versions": _object({}, {**_PAGE, "versions": _list(_text(_TIME), minItems=1, maxItems=MAX_PAGE)}),
    "NewEnvelope": {
        "type": "object",
        "properties": {
            "objects": _list(_ANY_OBJECT, minItems=1, maxItems=MAX_POST_OBJECTS),
            "x_stillwatch_batch": _ANY_OBJECT,
        },
        "required": ["objects"],
    },
    "Me": _object(
        {
            "member_id": _text(_UUID),
            "epoch": _number(),
            "pseudonym": {"type": ["string", "null"]},
            "collections": _list(
                _object(
                    {
                        "id": _text(_UUID),
                        "can_read": {"type": "boolean"},
                        "can_write": {"type": "boolean"},
                    }
                )
            ),
            "limits": {"type": "object", "additionalProperties": {"type": "integer"}},
            "rules": _text("^[0-9a-f]{64}$"),
        }
    ),
    "Epoch": _object(
        {
            "number": _number(),
            "template_key": _text(_BASE64),
            "began": _text(_TIME),
            "rules": _text("^[0-9a-f]{64}$"),
        }
    ),
    "Signed": _SIGNED,
    "Rules": _object({"envelope": _schema("Signed")}),
    "NewPseudonym": {
        "type": "object",
        "properties": {
            "epoch": _number(),
            "public_key": _text("^[A-Za-z0-9+/]{43}=$"),
            "proof": _text("^[A-Za-z0-9+/]{86}==$"),
        },
        "required": ["epoch", "public_key", "proof"],
    },
    "Certificate": _object({"certificate": _schema("Signed")}),
    "Receipts": _object(
        {
            "receipts": _list(
                _object(
                    {
                        "seq": _number(1),
                        "collection": _text(_UUID),
                        "date_added": _text(_STAMP),
                        "object": {"type": ["object", "null"]},
                        "salt": {"type": ["string", "null"]},
                        "log_index": _number(),
                        "batch": {"type": ["string", "null"]},
                        "batch_index": {"type": ["integer", "null"]},
                    }
                ),
                maxItems=MAX_PAGE,
            ),
            "batches": {
                "type": "object",
                "additionalProperties": _object({"envelope": _schema("Signed"), "leaves": _text(_BASE64)}),
            },
            "more": {"type": "boolean"},
        }
    ),
    "Corroboration": _object(
        {
            "items": _list(
                _object(
                    {
                        "id": _text(_STIX_ID),
                        "sightings": _NUMBER_OF_SIGHTINGS,
                        "false_positives": _NUMBER_OF_SIGHTINGS,
                    }
                )
            )
        }
    ),
    "NewWitness": {"type": "object", "properties": {"key": _text()}, "required": ["key"]},
    "Note": _text(),
    "Bytes": _text(format="binary"),
    "TokenRequest": {
        "type": "object",
        "properties": {
            "grant_type": {"const": "client_credentials"},
            "client_id": _text(),
            "client_secret": _text(),
            "scope": _text(),
        },
        "required": ["grant_type"],
    },
    "Token": _object(
        {
            "access_token": _text(),
            "token_type": {"const": "Bearer"},
            "expires_in": _number(1),
            "scope": _text(),
        }
    ),
    "OAuthError": _object(
        {
            "error": {
                "enum": [
                    "invalid_request",
                    "invalid_client",
                    "unsupported_grant_type",
                    "temporarily_unavailable",
                ]
            },
            "error_description": _text(),
        }
    ),
}
"""The bodies, by name."""


def _query(name: str, schema: Node, description: str, example: Any = None, **more: Any) -> Node:
    node: Node = {"name": name, "in": "query", "description": description, "schema": schema, **more}
    return node if example is None else {**node, "example": example}


def _filter(name: str, items: Node, description: str, example: str) -> Node:
    # TAXII writes several values in one parameter, between commas.
    values = _list(items, minItems=1, maxItems=100)
    return _query(f"match[{name}]", values, description, [example], style="form", explode=False)


def _path(name: str, schema: Node, example: str) -> Node:
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


_DECIMAL = {"type": "integer", "minimum": 0, "maximum": LARGEST_NUMBER}
_LAST = "Number of the event after which to go on; before `after`."

PARAMETERS: Node = {
    "added_after": _query(
        "added_after", _text(_ASKED_TIME), "Only what the hub received later than this.", _EXAMPLE_TIME
    ),
    "limit": _query(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": LARGEST_NUMBER},
        f"As many at most; {MAX_PAGE} in any case.",
        100,
    ),
    "next": _query("next", _text("^[A-Za-z0-9_.=-]{1,2000}$"), "`next` of the page before."),
    "match_id": _filter("id", _text(_STIX_ID), "Ids.", _EXAMPLE_ID),
    "match_type": _filter("type", _text("^[a-z0-9][a-z0-9-]{0,49}$"), "Types.", "indicator"),
    "match_version": _filter(
        "version",
        {"anyOf": [{"enum": ["all", "first", "last"]}, _text(_ASKED_TIME)]},
        "Versions: `all`, `first`, `last` (when it is not given), or times of versions.",
        "all",
    ),
    "match_spec_version": _filter(
        "spec_version", _text("^[0-9]{1,3}[.][0-9]{1,3}$"), "Versions of STIX.", "2.1"
    ),
    "after": _query("after", _DECIMAL, "Only what has a greater number than this.", 0),
    "id": _query(
        "id",
        _list(_text(_STIX_ID), minItems=1, maxItems=MAX_CORROBORATED),
        "Ids of objects.",
        [_EXAMPLE_ID],
        required=True,
        explode=True,
    ),
    "cosignatures": _query(
        "cosignatures", {"type": "integer", "minimum": 0, "maximum": 1000}, "At least so many.", 0
    ),
    "stream_collection": _query(
        "collection",
        _list(_text("^[A-Za-z0-9_-]+$"), maxItems=10),
        "Ids or aliases; all without.",
        explode=True,
    ),
    "receipts": _query(
        "receipts",
        {"enum": ["0", "1"]},
        "Whether each event, or object, has its receipt, too.",
        "1",
    ),
    "last_event_id": {"name": "Last-Event-ID", "in": "header", "description": _LAST, "schema": _DECIMAL},
    "collection_id": _path("collection_id", _text("^[A-Za-z0-9_-]{1,100}$"), "shared"),
    "object_id": _path("object_id", _text(_STIX_ID), _EXAMPLE_ID),
    "status_id": _path("status_id", _text(_UUID), "6f1c3d2e-5a4b-4c3d-8e2f-1a2b3c4d5e6f"),
    "pseudonym": _path("pseudonym", _text(_STIX_ID), "identity--6f1c3d2e-5a4b-4c3d-8e2f-1a2b3c4d5e6f"),
    "level": _path("level", _text("^([0-9]|[1-5][0-9]|6[0-3])$"), "0"),
    "index": {
        **_path("index", _text("^([0-9]{3}|x[0-9]{3}/[0-9]{3})([.]p/[1-9][0-9]?)?$"), "000"),
        "description": "Number of the tile as tlog-tiles writes it, slashes included.",
    },
}
"""The parameters, by the name under which the page has them."""

TAXII_HEADERS: Node = {
    name: {"description": description, "schema": _text(_STAMP)}
    for name, description in (
        ("X-TAXII-Date-Added-First", "When the hub received the first object of the page."),
        ("X-TAXII-Date-Added-Last", "When it received the last one."),
    )
}
"""Headers of pages that are not empty (TAXII 2.1, section 3.2)."""

COMPONENTS: Node = {
    "schemas": SCHEMAS,
    "parameters": PARAMETERS,
    "securitySchemes": {
        "basic": {"type": "http", "scheme": "basic"},
        "bearer": {"type": "http", "scheme": "bearer"},
        "oauth2": {
            "type": "oauth2",
            "flows": {
                "clientCredentials": {"tokenUrl": "/oauth2/token", "scopes": {"exchange": "Everything"}}
            },
        },
        "mutualTLS": {"type": "mutualTLS"},
    },
}
"""What the page refers to."""
