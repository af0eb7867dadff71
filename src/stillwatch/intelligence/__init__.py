"""The vocabulary of sharing: STIX 2.1 objects, TLP 2.0 markings and the disclosure rules."""

from stillwatch.intelligence.checking import Refusal
from stillwatch.intelligence.disclosure import DisclosureError, refusals
from stillwatch.intelligence.stix import bundle, write_bundle

__all__ = ["DisclosureError", "Refusal", "bundle", "refusals", "write_bundle"]
