"""Template signatures as indicators, each with the relationship to the campaign whose template it is."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from stillwatch.intelligence import vocabulary as words
from stillwatch.intelligence.objects import template_fields
from stillwatch.records.signatures import Made

LIFETIME = timedelta(days=90)
"""After it a template is known by chance, or was given up; who still sees it says so anew."""


def template_indicators(campaign: dict[str, Any], made: Sequence[Made]) -> list[dict[str, Any]]:
    """Indicator and relationship `indicates` of each signature, without ids, and without `source_ref` and `target_ref`.

    `campaign`: the object that they point at, from which author, time, confidence and marking are taken. What was not signed
    is passed over. In the order of their text forms.
    """
    common = {
        "spec_version": "2.1",
        "created_by_ref": campaign["created_by_ref"],
        "created": campaign["created"],
        "modified": campaign["modified"],
        "confidence": campaign["confidence"],
        "object_marking_refs": list(campaign["object_marking_refs"]),
    }
    began = datetime.fromisoformat(campaign["created"])
    objects: list[dict[str, Any]] = []
    for one in sorted((one for one in made if one.signature is not None), key=lambda one: str(one.signature)):
        described = template_fields(str(one.signature), one.accounts)
        times = {"valid_from": campaign["created"], "valid_until": words.stamp(began + LIFETIME)}
        indicator = {**common, "type": "indicator", **described, **times}
        objects += [indicator, {**common, "type": "relationship", "relationship_type": "indicates"}]
    return objects
