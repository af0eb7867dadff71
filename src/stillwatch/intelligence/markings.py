"""Handling: the five markings of TLP 2.0 under the ids that OASIS published for STIX 2.1, and permitted uses of our own.

The STIX standard itself defines TLP 1 only; the ids are those of the extension definition
"TLP 2.0" in OASIS's repository of common objects. TLP 2.0: FIRST, August 2022.
"""

from types import MappingProxyType
from typing import Any

TLP_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"
_IDS = {
    "clear": "94868c89-83c2-464b-929b-a1a8aa3c8487",
    "green": "bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    "amber": "55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    "amber+strict": "939a9414-2ddd-4d32-a0cd-375ea402b003",
    "red": "e828b379-4e03-4974-9ac4-e53a884c97c1",
}


def _marking(level: str) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": f"marking-definition--{_IDS[level]}",
        "created": "2022-10-01T00:00:00.000Z",
        "name": f"TLP:{level.upper()}",
        "extensions": {TLP_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": level}},
    }


TLP: MappingProxyType[str, dict[str, Any]] = MappingProxyType({level: _marking(level) for level in _IDS})
"""Level (`clear`, `green`, `amber`, `amber+strict`, `red`) to marking definition."""

_TLP_1 = {
    "clear": "613f2e26-407d-48c7-9eca-b8e91df99dc9",
    "green": "34098fce-860f-48ae-8e50-ebd3cc5e41da",
    "amber": "f88d31f6-486f-44da-b317-01333bde0b82",
}
"""Markings of TLP 1 (STIX 2.1, section 7.2.1.4) as far as they may leave; `clear` was `white`."""

LEVELS: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {f"marking-definition--{uuid}": frozenset((level,)) for level, uuid in _IDS.items()}
    | {f"marking-definition--{uuid}": frozenset((level,)) for level, uuid in _TLP_1.items()}
    # TLP 1 had one amber for both.
    | {f"marking-definition--{_TLP_1['amber']}": frozenset(("amber", "amber+strict"))}
)
"""Id of a marking, of either version, to the levels of TLP 2.0 that it may stand for."""

_USES = {
    "detection only": "5e0a7c1b-84d2-4f63-9b0e-7c21d6a9f358",
    "detection and response": "a93d20f6-1b7e-4c85-8f42-e06b5d7c9a14",
}


def _use(use: str) -> dict[str, Any]:
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": f"marking-definition--{_USES[use]}",
        "created": "2026-10-01T00:00:00.000Z",
        "name": f"Permitted use: {use}",
        "definition_type": "statement",
        "definition": {"statement": f"Permitted use: {use}"},
    }


USES: MappingProxyType[str, dict[str, Any]] = MappingProxyType({use: _use(use) for use in _USES})
"""What a receiver may do with an object to the marking that says so; an object may carry one beside its TLP marking."""
