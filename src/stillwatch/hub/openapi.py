"""The hub's interface as OpenAPI 3.1, made of one table of operations; schemas are in schemas.py."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stillwatch import __version__
from stillwatch.hub import api, oauth, taxii
from stillwatch.hub.answers import error_type
from stillwatch.hub.calls import JSON, TEXT, Endpoint
from stillwatch.hub.metrics import CONTENT_TYPE
from stillwatch.hub.schemas import COMPONENTS, TAXII_HEADERS, reference

Node = dict[str, Any]

_REFUSALS: Mapping[int, str] = {
    400: "The request makes no sense.",
    401: "Who asks is not known.",
    403: "The member may not do that.",
    404: "There is no such thing, or none that the member may see.",
    406: "The header Accept takes no answer of ours.",
    408: "The body came too slowly.",
    409: "It contradicts what is there already.",
    413: "The body is too large, or holds too many objects.",
    415: "Content-Type or Content-Encoding is not taken.",
    422: "Well formed, and wrong.",
    429: "The member has used up what it may use in a while.",
    500: "A fault of the hub's.",
    503: "The hub can't do it now.",
}


@dataclass(frozen=True)
class Operation:
    """What the page says of one operation. `refusals`: beside those that every operation may answer with.

    `answer`: name of a schema, or None for no body. `sent`: name of a schema of the body, and an example of it.
    """

    summary: str
    answer: str | None = None
    status: int = 200
    parameters: Sequence[str] = ()
    refusals: Sequence[int] = ()
    sent: str | None = None
    example: Any = None
    headers: Mapping[str, Node] = field(default_factory=dict)


_PAGING = ("added_after", "limit", "next")
_BODY = (408, 413, 415, 422)
_UUID = "6f1c3d2e-5a4b-4c3d-8e2f-1a2b3c4d5e6f"
_INDICATOR = {
    "type": "indicator",
    "spec_version": "2.1",
    "id": f"indicator--{_UUID}",
    "created": "2026-03-01T00:00:00.000Z",
    "modified": "2026-03-01T00:00:00.000Z",
    "pattern": "[url:value = 'https://example.com/']",
    "pattern_type": "stix",
    "valid_from": "2026-03-01T00:00:00.000Z",
}

OPERATIONS: Mapping[str, Operation] = {
    "discovery": Operation("What this server is, and where its API roots are", "Discovery"),
    "api_root": Operation("What the API root takes", "ApiRoot"),
    "status": Operation("What became of a POST of one's own", "Status", refusals=(404,)),
    "collections": Operation("Collections that the member may see", "Collections"),
    "collection": Operation("One collection, by id or alias", "Collection", refusals=(404,)),
    "manifest": Operation(
        "Which objects a collection holds",
        "Manifest",
        parameters=(*_PAGING, "match_id", "match_type", "match_version", "match_spec_version"),
        refusals=(403, 404),
        headers=TAXII_HEADERS,
    ),
    "objects": Operation(
        "Objects of a collection",
        "Envelope",
        parameters=(*_PAGING, "match_id", "match_type", "match_version", "match_spec_version"),
        refusals=(403, 404),
        headers=TAXII_HEADERS,
    ),
    "add_objects": Operation(
        "Add objects; what became of each is in the answer",
        "Status",
        202,
        ("receipts",),
        refusals=(403, 404, *_BODY),
        sent="NewEnvelope",
        example={"objects": [_INDICATOR]},
    ),
    "object": Operation(
        "One object",
        "Envelope",
        parameters=(*_PAGING, "match_version", "match_spec_version"),
        refusals=(403, 404),
        headers=TAXII_HEADERS,
    ),
    "delete_object": Operation(
        "Erase one's own versions of an object",
        parameters=("match_version", "match_spec_version"),
        refusals=(403, 404),
    ),
    "versions": Operation(
        "Versions of one object",
        "Versions",
        parameters=(*_PAGING, "match_spec_version"),
        refusals=(403, 404),
        headers=TAXII_HEADERS,
    ),
    "me": Operation("What the member may know of itself", "Me"),
    "epoch": Operation("The epoch, with the key of template signatures", "Epoch"),
    "rules": Operation("The disclosure rules in force, signed", "Rules"),
    "certify": Operation(
        "A certificate for the member's pseudonym of this epoch",
        "Certificate",
        refusals=(403, 409, *_BODY),
        sent="NewPseudonym",
        example={"epoch": 1, "public_key": "A" * 43 + "=", "proof": "A" * 86 + "=="},
    ),
    "certificate": Operation("The certificate of a pseudonym", "Certificate", refusals=(404,)),
    "receipts": Operation(
        "Where objects stand in the log", "Receipts", parameters=("after", "limit"), refusals=(403,)
    ),
    "corroboration": Operation(
        "How many members saw objects too", "Corroboration", parameters=("id",), refusals=(403, 404)
    ),
    "register_witness": Operation(
        "Register the member's witness key",
        status=204,
        refusals=(403, 409, *_BODY),
        sent="NewWitness",
        example={"key": "witness.example+1a2b3c4d+BAAA"},
    ),
    "checkpoint": Operation(
        "The newest checkpoint of the log", "Note", parameters=("cosignatures",), refusals=(404,)
    ),
    "entries": Operation("Entries of the log", "Bytes", refusals=(404,)),
    "tile": Operation("Hashes of the log's tree", "Bytes", refusals=(404,)),
    "cosign": Operation(
        "Add a cosignature to a checkpoint",
        status=204,
        refusals=(403, 404, 409, *_BODY),
        sent="Note",
        example=f"stillwatch-hub/{_UUID}\n1\n{'A' * 43}=\n\n— witness AAAA\n",
    ),
}
"""Name of an endpoint -> what the page says of it."""


def document() -> Node:
    """The whole page."""
    paths: Node = {}
    for endpoint in (*taxii.ENDPOINTS, *api.ENDPOINTS):
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint)
    paths.update(_others())
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Stillwatch hub",
            "version": __version__,
            "description": "TAXII 2.1, server-sent events, a transparency log, and what nodes ask.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": _SECURITY,
        "paths": paths,
        "components": COMPONENTS,
    }


_SECURITY = [{"basic": []}, {"bearer": []}, {"oauth2": [oauth.SCOPE]}, {"mutualTLS": []}]


def _operation(endpoint: Endpoint) -> Node:
    says = OPERATIONS[endpoint.name]
    refusals = sorted({400, 401, 429, 500, 503, *says.refusals, *((406,) if endpoint.media_type else ())})
    node: Node = {
        "operationId": endpoint.name,
        "summary": says.summary,
        "tags": [endpoint.path.split("/")[1]],
        "parameters": [
            reference("parameters", name) for name in (*_path_names(endpoint.path), *says.parameters)
        ],
        "responses": {
            str(says.status): _answer(says, endpoint.media_type),
            **{str(status): _refusal(status, error_type(endpoint.path)) for status in refusals},
        },
    }
    if says.sent is not None:
        node["requestBody"] = {
            "required": True,
            "content": {
                media_type: {"schema": reference("schemas", says.sent), "example": says.example}
                for media_type in endpoint.takes
            },
        }
    return node


def _path_names(path: str) -> list[str]:
    return [part.strip("{}") for part in path.split("/") if part.startswith("{")]


def _answer(says: Operation, media_type: str) -> Node:
    node: Node = {"description": "Done."}
    if says.answer is not None:
        node["content"] = {media_type: {"schema": reference("schemas", says.answer)}}
    if says.headers:
        node["headers"] = dict(says.headers)
    return node


def _refusal(status: int, media_type: str) -> Node:
    node: Node = {
        "description": _REFUSALS[status],
        "content": {media_type: {"schema": reference("schemas", "Error")}},
    }
    if status in (429, 503):
        node["headers"] = {"Retry-After": {"schema": {"type": "string", "pattern": "^[0-9]+$"}}}
    if status == 401:
        node["headers"] = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
    return node


def _plain(description: str, media_type: str = TEXT) -> Node:
    return {"description": description, "content": {media_type: {"schema": {"type": "string"}}}}


def _others() -> Node:
    """The operations that are no endpoints of members."""
    denied = {"content": {JSON: {"schema": reference("schemas", "OAuthError")}}}
    return {
        "/stream": {
            "get": {
                "operationId": "stream",
                "summary": "Events as they are accepted; resumes after Last-Event-ID",
                "tags": ["stream"],
                "parameters": [
                    reference("parameters", name)
                    for name in ("stream_collection", "receipts", "after", "last_event_id")
                ],
                "responses": {
                    "200": _plain("Server-sent events, without end.", "text/event-stream"),
                    **{
                        str(status): _refusal(status, JSON)
                        for status in (400, 401, 403, 404, 406, 409, 429, 500, 503)
                    },
                },
            }
        },
        oauth.PATH: {
            "post": {
                "operationId": "token",
                "summary": "An access token for client credentials (RFC 6749, section 4.4)",
                "tags": ["oauth2"],
                "security": [{"basic": []}, {}],
                "requestBody": {
                    "required": True,
                    "content": {
                        oauth.FORM: {
                            "schema": reference("schemas", "TokenRequest"),
                            "example": {"grant_type": "client_credentials"},
                        }
                    },
                },
                "responses": {
                    "200": {
                        "description": "The token.",
                        "content": {JSON: {"schema": reference("schemas", "Token")}},
                    },
                    **{
                        str(status): {"description": _REFUSALS[status], **denied}
                        for status in (400, 401, 408, 413, 429, 500, 503)
                    },
                },
            }
        },
        "/openapi.json": _public("openapi", "This page", {"200": _object("The page.")}),
        "/healthz": _public("healthz", "Whether the process lives", {"200": _plain("It does.")}),
        "/readyz": _public(
            "readyz",
            "Whether it takes requests",
            {"200": _plain("It does."), "503": _plain("It does not, and why.")},
        ),
        "/metrics": {
            "get": {
                "operationId": "metrics",
                "summary": "Figures for Prometheus; open on the hub's own machine",
                "tags": ["operation"],
                "security": [*_SECURITY, {}],
                "responses": {
                    "200": _plain("The figures.", CONTENT_TYPE),
                    **{str(status): _refusal(status, JSON) for status in (401, 429, 500, 503)},
                },
            }
        },
    }


def _object(description: str) -> Node:
    return {"description": description, "content": {JSON: {"schema": {"type": "object"}}}}


def _public(name: str, summary: str, responses: Node) -> Node:
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "tags": ["operation"],
            "security": [{}],
            "responses": {**responses, "500": _refusal(500, JSON)},
        }
    }


PAGE = json.dumps(document(), indent=1).encode()
"""The page as it is served."""
