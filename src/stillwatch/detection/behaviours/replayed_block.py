"""Reasoning blocks replayed."""

from stillwatch.detection.behaviours._marked import NULL, marked_test
from stillwatch.detection.behaviours.base import CONTENT, Behaviour

BEHAVIOUR = Behaviour(
    name="replayed_block",
    title="Reasoning blocks replayed",
    family=CONTENT,
    field_numbers=(13,),
    statistic="share of the group's texts that carry the mark",
    null=NULL,
    atlas="AML.T0024.002",
    reference="OpenAI, 30 Sep 2026 (encrypted reasoning pasted into another conversation)",
    examine=marked_test(("replayed_block",), "replay an opaque or reasoning block of another conversation"),
)
