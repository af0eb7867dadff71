"""Coerced language of reasoning."""

from stillwatch.detection.behaviours._marked import NULL, marked_test
from stillwatch.detection.behaviours.base import CONTENT, Behaviour

BEHAVIOUR = Behaviour(
    name="thinking_language",
    title="Coerced language of reasoning",
    family=CONTENT,
    field_numbers=(2,),
    statistic="share of the group's texts that carry the mark",
    null=NULL,
    atlas="AML.T0024.002",
    reference="Google GTIG, Feb 2026 (language of the reasoning text)",
    examine=marked_test(("thinking_language_coercion",), "dictate the language of the model's reasoning"),
)
