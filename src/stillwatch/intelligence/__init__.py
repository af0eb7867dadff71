"""The vocabulary of sharing: STIX 2.1 objects, TLP 2.0 markings and the disclosure rules."""

from stillwatch.intelligence.checking import Refusal
from stillwatch.intelligence.disclosure import DisclosureError, refusals
from stillwatch.intelligence.stix import bundle, withheld, write_bundle

__all__ = ["DisclosureError", "Refusal", "bundle", "refusals", "withheld", "write_bundle"]
