"""Reasoning drawn out."""

from stillwatch.detection.behaviours._marked import NULL, marked_test
from stillwatch.detection.behaviours.base import CONTENT, Behaviour

BEHAVIOUR = Behaviour(
    name="reasoning_elicitation",
    title="Reasoning drawn out",
    family=CONTENT,
    field_numbers=(2,),
    statistic="share of the group's texts that carry the mark",
    null=NULL,
    atlas="AML.T0024.002",
    reference="Anthropic, 10 Sep 2026 (a fixed prompt that forces reasoning inline)",
    examine=marked_test(
        (
            "reasoning_elicitation",
            "reasoning_after_the_fact",
            "fake_debug",
        ),
        "ask for the model's own reasoning to be written out",
    ),
)
