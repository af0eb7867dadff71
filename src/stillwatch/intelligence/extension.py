"""Our property extension of STIX 2.1, and the objects that are the same for everybody."""

import json
from functools import cache
from importlib import resources
from typing import Any

from stillwatch.intelligence.markings import TLP

EXTENSION = "extension-definition--2f3c9a14-7d0e-4b5a-9c61-5f0e8d3b7a42"
PSEUDONYM = "extension-definition--7c0d1e9a-5b64-4f0c-8e55-2d9a6b1c3f07"
TEMPLATE = "extension-definition--b1a5f2c8-6d3e-4c79-a0f4-93e7d5c8416b"
SUSPECT = "extension-definition--e4f7a0b3-29c1-4d58-bb06-6a1d9c5e8f72"
LINEAGE = "extension-definition--0d8e3c51-a7f2-4b96-9e1d-58c4b7a2f630"
AUTHOR = "identity--8b1d6f70-3c2e-4e9b-a5d4-0c7f2e914b63"
PUBLISHED = "2026-10-01T00:00:00.000Z"


@cache
def schema_text() -> str:
    """The JSON Schema of our property extension, as the extension definition carries it."""
    text = (resources.files("stillwatch.intelligence") / "schemas/extraction-campaign-1.json").read_text(
        "utf-8"
    )
    return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))


def author() -> dict[str, Any]:
    """The identity that made the extension: this software, not a member."""
    return {
        "type": "identity",
        "spec_version": "2.1",
        "id": AUTHOR,
        "created": PUBLISHED,
        "modified": PUBLISHED,
        "name": "Stillwatch",
        "identity_class": "system",
        "object_marking_refs": [TLP["clear"]["id"]],
    }


def extension_definition() -> dict[str, Any]:
    """The definition of the properties that our campaigns carry."""
    return {
        "type": "extension-definition",
        "spec_version": "2.1",
        "id": EXTENSION,
        "created_by_ref": AUTHOR,
        "created": PUBLISHED,
        "modified": PUBLISHED,
        "name": "Extraction campaign",
        "description": "Bucketed sizes, evidence and handling of a campaign that extracts a model's answers.",
        "schema": schema_text(),
        "version": "1.0.0",
        "extension_types": ["property-extension"],
        "object_marking_refs": [TLP["clear"]["id"]],
    }


def published() -> tuple[dict[str, Any], ...]:
    """Objects that are the same for everybody and may always be shared."""
    return (*TLP.values(), author(), extension_definition())
