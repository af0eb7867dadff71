"""The model as a reward model."""

from stillwatch.detection.behaviours._marked import NULL, marked_test
from stillwatch.detection.behaviours.base import CONTENT, Behaviour

BEHAVIOUR = Behaviour(
    name="rubric_grading",
    title="The model as a reward model",
    family=CONTENT,
    field_numbers=(3,),
    statistic="share of the group's texts that carry the mark",
    null=NULL,
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (rubric grading)",
    examine=marked_test(("rubric_grading",), "ask for scores by a rubric in a fixed output form"),
)
