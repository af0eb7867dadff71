"""Our property extensions of STIX 2.1, and the objects that are the same for everybody."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Any

from stillwatch.intelligence.markings import TLP, USES

EXTENSION = "extension-definition--2f3c9a14-7d0e-4b5a-9c61-5f0e8d3b7a42"
"""Of campaigns."""
PSEUDONYM = "extension-definition--7c0d1e9a-5b64-4f0c-8e55-2d9a6b1c3f07"
"""Of identities that are pseudonyms of members."""
TEMPLATE = "extension-definition--b1a5f2c8-6d3e-4c79-a0f4-93e7d5c8416b"
"""Of indicators that are signatures of prompt templates."""
SUSPECT = "extension-definition--e4f7a0b3-29c1-4d58-bb06-6a1d9c5e8f72"
"""Of software that is a suspect model."""
LINEAGE = "extension-definition--0d8e3c51-a7f2-4b96-9e1d-58c4b7a2f630"
"""Of derived-from relationships between models."""

AUTHOR = "identity--8b1d6f70-3c2e-4e9b-a5d4-0c7f2e914b63"
PUBLISHED = "2026-10-01T00:00:00.000Z"


@dataclass(frozen=True)
class Described:
    """What an extension is for, and the file of its JSON Schema."""

    name: str
    description: str
    schema: str


EXTENSIONS: Mapping[str, Described] = MappingProxyType(
    {
        EXTENSION: Described(
            "Extraction campaign",
            "Bucketed sizes, evidence and handling of a campaign that extracts a model's answers.",
            "extraction-campaign-1.json",
        ),
        PSEUDONYM: Described(
            "Pseudonym of a member",
            "The epoch of a member's pseudonym and the key that signs its batches.",
            "pseudonym-1.json",
        ),
        TEMPLATE: Described(
            "Template signature",
            "The format of a signature of a prompt template, and how many accounts used it, in a bucket.",
            "template-signature-1.json",
        ),
        SUSPECT: Described(
            "Suspect model",
            "Digests by which a model that may be trained on another's answers is known again.",
            "suspect-model-1.json",
        ),
        LINEAGE: Described(
            "Lineage evidence",
            "The test that ties a model to its teacher: kind, strength, p-value and its floor, correction.",
            "lineage-evidence-1.json",
        ),
    }
)
"""By the id of the extension definition."""


@cache
def schema_text(extension: str = EXTENSION) -> str:
    """The JSON Schema of one of our extensions, as its definition carries it."""
    file = resources.files("stillwatch.intelligence") / "schemas" / EXTENSIONS[extension].schema
    return json.dumps(json.loads(file.read_text("utf-8")), sort_keys=True, separators=(",", ":"))


def author() -> dict[str, Any]:
    """The identity that made the extensions: this software, not a member."""
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


def extension_definition(extension: str = EXTENSION) -> dict[str, Any]:
    """The definition of one of our extensions, by its id."""
    described = EXTENSIONS[extension]
    return {
        "type": "extension-definition",
        "spec_version": "2.1",
        "id": extension,
        "created_by_ref": AUTHOR,
        "created": PUBLISHED,
        "modified": PUBLISHED,
        "name": described.name,
        "description": described.description,
        "schema": schema_text(extension),
        "version": "1.0.0",
        "extension_types": ["property-extension"],
        "object_marking_refs": [TLP["clear"]["id"]],
    }


def published() -> tuple[dict[str, Any], ...]:
    """Objects that are the same for everybody and may always be shared."""
    return (*TLP.values(), *USES.values(), author(), *map(extension_definition, EXTENSIONS))
