"""Stage 7: what the figures of a group say, and those of a part of one by itself."""

from collections.abc import Sequence

import numpy as np

from stillwatch.detection.case import Case
from stillwatch.detection.features import measure
from stillwatch.detection.rivals import Weighing, features, weigh

NOT_OF_ONE = ("unevenness", "one_organisation", "one_place", "signup_burst", "size", "template", "agreement")
"""Features that mean nothing for a single account."""
OF_HEAVY = ("daily_rate",)
"""Features that say nothing of an account that was chosen for how much it sent."""
MORE_THAN_NOT = 0.5
"""Probability from which a part of a group stands by itself beside another."""


def weigh_figures(
    figures: dict[str, float | None], case: Case, *, heavy: bool = False, accounts: int | None = None
) -> tuple[dict[str, float | None], Weighing]:
    """The figures of a group that may be weighed, and what they say.

    `heavy`: one account that is judged for how much it sent; `accounts`: of how many the figures are believed to be.
    """
    settings = case.population.settings
    if len(case.members) == 1:
        figures = figures | dict.fromkeys(NOT_OF_ONE)
    if heavy:
        figures = figures | dict.fromkeys(OF_HEAVY)
    if settings.left_out:
        figures = figures | {f.name: None for f in features() if f.family == settings.left_out}
    return figures, weigh(figures, settings.power(accounts or len(case.members), heavy=heavy))


def alone(part: Case, chosen_by: Sequence[str] = (), *, accounts: int | None = None) -> Weighing:
    """What speaks for and against a part of a group by itself: its figures without its tests, and without `chosen_by`.

    Those chose the part, so that they say nothing of it. `accounts`: of how many they are believed to be, in place of how
    many there are.
    """
    figures = measure(part) | dict.fromkeys(chosen_by)
    return weigh_figures(figures, part, accounts=accounts)[1]


def log10_factor(prior: float, probability: float) -> float:
    """log10 of the Bayes factor that makes this probability of this prior."""
    return float(np.log10(probability / (1 - probability) * (1 - prior) / prior))
