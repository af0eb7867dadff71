"""Censorship-safe rewrites."""

from stillwatch.detection.behaviours._marked import NULL, marked_test
from stillwatch.detection.behaviours.base import CONTENT, Behaviour

BEHAVIOUR = Behaviour(
    name="safety_rewrites",
    title="Censorship-safe rewrites",
    family=CONTENT,
    field_numbers=(4,),
    statistic="share of the group's texts that carry the mark",
    null=NULL,
    atlas="AML.T0024.002",
    reference="Anthropic, 23 Feb 2026 (rewrites)",
    examine=marked_test(("safety_rewrite",), "ask for rewrites that avoid what a censor would object to"),
)
