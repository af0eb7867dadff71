"""Our property extension of STIX 2.1, and the objects that are the same for everybody."""

import json
from functools import cache
from importlib import resources
from typing import Any

from stillwatch.intelligence.markings import TLP

EXTENSION = "extension-definition--2f3c9a14-7d0e-4b5a-9c61-5f0e8d3b7a42"
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
