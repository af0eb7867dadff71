"""Day and night alike."""

import numpy as np

from stillwatch.detection.behaviours.base import TIMING, Behaviour, Observation, percent
from stillwatch.detection.case import Case, draw_tail


def examine(case: Case) -> Observation | None:
    """Mean strength of the daily rhythm among members, against random sets outside."""
    strength, enough = case.population.rhythm
    own = strength[case.members[enough[case.members]]]
    pool = strength[case.outside[enough[case.outside]]]
    if len(own) < max(4, 0.3 * len(case.members)) or len(pool) < 30:
        return None
    observed = float(np.mean(own))
    rng = case.generator(3)
    drawn = np.array(
        [rng.choice(pool, len(own)).mean() for _ in range(case.population.settings.reference_draws)]
    )
    p = draw_tail(-observed, -drawn)
    return Observation(
        statistic=observed,
        p_value=p,
        statement=f"Daily rhythm of the accounts is {observed:.2f} (0 flat, 1 one hour of the day); outside it is"
        f" {drawn.mean():.2f}. Batch jobs are flat too. Seen on {percent(len(own) / len(case.members))} of the accounts.",
        supports=observed < 0.25 and p < 0.05,
    )


BEHAVIOUR = Behaviour(
    name="round_the_clock",
    title="Day and night alike",
    family=TIMING,
    field_numbers=(7,),
    statistic="mean strength of the accounts' daily rhythms (resultant length, corrected for few hours)",
    null="random sets, of the same size, of accounts outside the group; all of 12 hours of activity or more",
    atlas="AML.T0024.002",
    reference="Fisher 1993, Statistical Analysis of Circular Data, 2.3",
    examine=examine,
)
