"""One template over many accounts."""

from dataclasses import dataclass

from stillwatch.detection.behaviours.base import CONTENT, Behaviour, Observation, most, percent
from stillwatch.detection.case import Case, draw_tail
from stillwatch.detection.groups import SYSTEM_PROMPT
from stillwatch.detection.nearness import Nearness

LEAST = 4
"""Members in the community, and accounts in a draw, below which nothing is compared."""
LARGEST = 200
"""Accounts in a reference draw at most: a mean over 20,000 pairs is known well enough."""


@dataclass(frozen=True)
class Replicated:
    """A group on texts that had no part in finding it."""

    similarity: float  # mean cosine of pairs
    across: float  # mean cosine with the reference: the accounts outside that were most alike
    discrepancy: float  # squared maximum mean discrepancy between the group and the reference
    p_value: float


def replicated(case: Case) -> Replicated | None:
    """How much more alike the group is to itself than to a benign reference, on texts that had no part in finding it.

    Every other text of each account forms communities by itself; of them the one with most of the group's members is looked
    at in the texts left over. The reference are the accounts outside whose first halves are most alike to it: of its
    language and subjects. How much more alike its accounts are to one another than to the reference is set against the same
    of random parts of the reference and the rest of it. Likeness itself is not compared: a reference that happens to be a
    community of its own, a tutorial's readers, would hide a campaign. None where texts are too few for halves.
    """
    halves = case.population.halves
    core, held = halves.core_of(case.members)
    if held < LEAST:
        return None
    outside = Nearness.to(halves.first, core).likest
    outside = outside[~case.has_inside(outside) & halves.second.known[outside]]
    core = core[halves.second.known[core]]
    size = min(len(core), len(outside) // 2, LARGEST)
    if size < LEAST:
        return None
    rng = case.generator(5)
    draws = range(case.population.settings.reference_draws)
    drawn = halves.second.separations([rng.choice(outside, size, replace=False) for _ in draws], outside)
    similarity, across = halves.second.mean_similarity(core), halves.second.similarity_across(core, outside)
    discrepancy = halves.second.discrepancy(core, outside)
    return Replicated(similarity, across, discrepancy, draw_tail(similarity - across, drawn))


def examine(case: Case) -> Observation | None:
    """How much of members' texts the group's phrases wrap, and whether that comes again in texts not used to find it."""
    if not len(case.group.text_objects):
        return None
    texts = case.typical_share
    examples = most(case.group.accounts, case.group.content_share * case.group.firm)
    text = f"{percent(texts)} of a typical account's texts are built from the same phrases"
    if case.group.origin == SYSTEM_PROMPT:
        text = f"{percent(texts)} of a typical account's texts come with system prompts that are alike"
        return Observation(texts, None, f"{text}. These formed the group.", supports=False, examples=examples)
    if not case.textual:
        text += ". Infrastructure formed the group."
        return Observation(texts, None, text, supports=texts >= 0.3, examples=examples)
    found = replicated(case)
    if found:
        text += (
            f"; in texts that had no part in finding the group its accounts are alike by {found.similarity:.3f}"
            f" (cosine), to the most similar accounts outside by {found.across:.3f} (squared maximum mean discrepancy"
            f" {found.discrepancy:.3f})"
        )
    return Observation(
        statistic=texts,
        p_value=found.p_value if found else None,
        statement=text + ".",
        supports=texts >= 0.15,
        examples=examples,
    )


BEHAVIOUR = Behaviour(
    name="shared_template",
    title="One template, many accounts",
    family=CONTENT,
    field_numbers=(1, 2),
    statistic="share of a typical account's texts that are built from the group's phrases",
    null="split sample: in the texts left over, a community found in every other text of each account is no more alike to"
    " itself than to the accounts outside that are nearest to it (random parts of these against the rest, cosine of phrase"
    " vectors)",
    atlas="AML.T0024.002",
    reference="Manber 1994; Salton and Buckley 1988; Mielke and Berry 2007; Gretton et al. 2012; Anthropic, 23 Feb 2026"
    " (identical patterns)",
    examine=examine,
)
